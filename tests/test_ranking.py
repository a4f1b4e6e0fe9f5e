"""Rankings: what judgements say of pictures and of settings, apart; that order and sides do not matter; what to do next."""

import math
import random
import uuid

import numpy as np
import pytest
import sqlalchemy as sa
from judged_log import Judge, write_pictures

from nbkit import errors
from nbkit.log.judgements import add_judgement
from nbkit.log.schema import IMAGES, JUDGEMENTS

SEEDS = (1, 2, 3, 4)


@pytest.fixture
def judged(tmp_path):
    """A log of two settings of four pictures each, and a function that writes judgements."""
    log, names = write_pictures(tmp_path / "runs", (0.2, 1.0), SEEDS)

    def judge(*shown, tie=False, rater="Ana", question="Which is better?"):
        shown = [names[one] for one in shown]
        outcome = "tie" if tie else shown[0]
        order = random.Random(len(shown)).sample(shown, len(shown))
        add_judgement(log.database, rater=rater, question=question, shown=order, outcome=outcome)

    yield log, names, judge
    log.close()


def write_many(log, judgements, seed=0, rater="Ana"):
    """Judgements of pictures, in an order and with sides that a seed decides."""
    generator = random.Random(seed)
    for winner, *others in generator.sample(judgements, len(judgements)):
        shown = generator.sample([winner, *others], 1 + len(others))
        add_judgement(log.database, rater=rater, question="Which is better?", shown=shown, outcome=winner)


def test_pictures_and_settings_are_two_questions(judged):
    """One very good picture is the best picture; it does not make its setting the best one."""
    log, names, judge = judged
    own = dict(zip(names, [4.0, -2.0, 0.0, -2.0, 2.0, -2.0, 1.0, -1.0], strict=True))
    person, generator = Judge({names[one]: strength for one, strength in own.items()}), random.Random(1)
    named = {name: one for one, name in names.items()}
    for _ in range(80):
        shown = generator.sample(sorted(names.values()), 4)
        best = person.best(shown)
        judge(*(named[name] for name in (best, *(name for name in shown if name != best))))
    pictures, settings = log.ranking(), log.ranking(by="temperature")
    assert pictures.best == names[0.2, 1]
    assert pictures.advice.startswith("enough")
    assert settings.best is None
    assert set(settings.contenders) == {0.2, 1.0}
    assert settings.advice.startswith("more seeds")


def test_a_clear_setting_is_named(judged):
    """Every picture of one setting beats every picture of the other one, several times."""
    log, _, judge = judged
    for _ in range(3):
        for a in SEEDS:
            for b in SEEDS:
                judge((1.0, a), (0.2, b))
    ranking = log.ranking(by="temperature")
    frame = ranking.to_frame()
    assert ranking.best == 1.0
    assert ranking.advice.startswith("enough")
    assert frame.item.tolist() == [1.0, 0.2]
    assert frame.judged.tolist() == [48, 48]
    assert frame.strength.sum() == pytest.approx(0, abs=1e-9)
    assert frame.p_best.sum() == pytest.approx(1)
    effect, low, high = ranking.difference(1.0, 0.2)
    assert 0 < low < effect < high
    assert ranking.contenders == [1.0]


def test_few_judgements_ask_for_more_judging(judged):
    """The pictures are not the bottleneck yet."""
    log, _, judge = judged
    judge((1.0, 1), (0.2, 1))
    ranking = log.ranking(by="temperature")
    assert (ranking.best, set(ranking.contenders)) == (None, {0.2, 1.0})
    assert ranking.advice.startswith("more judging")
    assert ranking.sentences[0] == "temperature: 1, 0.2 are not told apart"


@pytest.mark.parametrize("by", ["temperature", None])
def test_the_order_of_judgements_and_the_sides_change_nothing(tmp_path, by):
    """Not a digit but the ninth."""
    frames = []
    for seed in (0, 1, 2):
        log, names = write_pictures(tmp_path / str(seed), (0.2, 0.6, 1.0), SEEDS)
        judge = Judge({name: temperature for (temperature, _), name in names.items()}, seed=5)
        generator = random.Random(7)
        choices = []
        for _ in range(70):
            shown = generator.sample(sorted(names.values()), 4)
            best = judge.best(shown)
            choices.append([best, *(name for name in shown if name != best)])
        write_many(log, choices, seed)
        frames.append(log.ranking(by).to_frame().set_index("item").sort_index())
        log.close()
    for other in frames[1:]:
        np.testing.assert_allclose(frames[0].to_numpy(float), other.to_numpy(float), rtol=0, atol=1e-9)


def test_ties_count_half_and_skips_nothing(judged):
    """All ties: all equal, and nothing is best."""
    log, names, judge = judged
    for seed in SEEDS:
        judge((0.2, seed), (1.0, seed), tie=True)
    add_judgement(
        log.database, rater="Ana", question="Which is better?", shown=[names[0.2, 1], names[1.0, 1]], outcome="skip"
    )
    ranking = log.ranking(by="temperature")
    assert ranking.to_frame().strength.tolist() == pytest.approx([0, 0], abs=1e-9)
    assert (ranking.best, ranking.judgements) == (None, 4)


def test_a_copy_is_judged_as_the_picture_whose_file_it_has(judged):
    """And a judgement between a picture and its copy tells nothing."""
    log, names, judge = judged
    copy = str(uuid.uuid4())
    with log.database.writing() as connection:
        row = dict(connection.execute(sa.select(IMAGES).where(IMAGES.c.imageUUID == names[0.2, 1])).mappings().one())
        connection.execute(sa.insert(IMAGES), {**row, "id": 999, "run": 2, "imageUUID": copy})
    judge((0.2, 1), (1.0, 1))
    add = {"rater": "Ana", "question": "Which is better?"}
    add_judgement(log.database, shown=[copy, names[1.0, 1]], outcome=copy, **add)
    add_judgement(log.database, shown=[copy, names[0.2, 1]], outcome=copy, **add)
    ranking = log.ranking()
    assert ranking.judgements == 2
    assert ranking.to_frame().judged.tolist() == [2, 2]


def test_raters_and_questions_are_told_apart(judged):
    """A question of its own has a ranking of its own; without one all count, which is said."""
    log, names, judge = judged
    judge((1.0, 1), (0.2, 1), rater="Ana")
    judge((0.2, 1), (1.0, 1), rater="Bo")
    judge((0.2, 1), (1.0, 1), rater="Bo", question="Which is calmer?")
    assert log.ranking(rater="Ana").to_frame().item[0] == names[1.0, 1]
    assert log.ranking(question="Which is calmer?").to_frame().item[0] == names[0.2, 1]
    every = log.ranking()
    assert (every.raters, every.questions) == (("Ana", "Bo"), ("Which is better?", "Which is calmer?"))
    assert any("2 questions together" in line for line in every.sentences)


def test_agreement_is_alpha_over_pairs_that_several_judged(judged):
    """1 where all agree, below 0 where they contradict each other, a gap where no pair has two raters."""
    log, _, judge = judged
    for seed in SEEDS:
        judge((1.0, seed), (0.2, seed), rater="Ana")
    assert math.isnan(log.ranking().agreement)
    for seed in SEEDS:
        judge((1.0, seed), (0.2, seed), rater="Bo")
    judge((0.2, 1), (0.2, 2), rater="Ana")
    judge((0.2, 1), (0.2, 2), rater="Bo")
    assert log.ranking().agreement == pytest.approx(1)
    for seed in SEEDS:
        judge((0.2, seed), (1.0, seed), rater="Cy", question="Which is worse?")
        judge((1.0, seed), (0.2, seed), rater="Di", question="Which is worse?")
    assert log.ranking(question="Which is worse?").agreement < 0


def test_a_choice_among_four_is_three_pairs_for_the_agreement(judged):
    """The winner against each of the others; of the others among themselves nothing is known."""
    log, _, judge = judged
    judge((1.0, 1), (1.0, 2), (0.2, 1), (0.2, 2), rater="Ana")
    judge((1.0, 1), (0.2, 1), rater="Bo")
    judge((0.2, 2), (0.2, 1), rater="Bo")
    assert log.ranking().agreement == pytest.approx(1)


def test_self_agreement_is_the_share_of_repeated_questions_with_the_same_answer(judged):
    """The order on the screen does not matter, and another rater's answer is no repetition."""
    log, _, judge = judged
    judge((1.0, 1), (0.2, 1))
    judge((1.0, 1), (0.2, 1))
    judge((0.2, 1), (1.0, 1))
    judge((1.0, 1), (0.2, 1), rater="Bo")
    ranking = log.ranking()
    assert ranking.self_agreement == pytest.approx(0.5)
    assert "Asked again, raters answered as before: 50% of 2 repeated questions" in ranking.sentences


def test_cost_per_kept_picture(judged):
    """What all pictures of a setting cost, over those that are kept; a gap where none is."""
    log, names, judge = judged
    for seed in SEEDS:
        judge((1.0, seed), (0.2, seed))
    assert log.ranking(by="temperature").cost_per_kept.isna().all()
    log.mark([names[1.0, 1], names[1.0, 2]], keep=True)
    costs = log.ranking(by="temperature").cost_per_kept
    assert costs[1.0] == pytest.approx(4 * 0.06895 / 2)
    assert math.isnan(costs[0.2])
    assert "per kept" in repr(log.ranking(by="temperature"))


def test_several_columns_are_one_setting(judged):
    """Each combination is an item, a tuple of values."""
    log, _, judge = judged
    judge((1.0, 1), (0.2, 2))
    assert log.ranking(by=["temperature", "seed"]).to_frame().item.tolist() == [(1.0, 1), (0.2, 2)]


def test_only_judgements_of_the_pictures_of_a_frame(judged):
    """One that is about another picture, too, is left out."""
    log, _, judge = judged
    judge((1.0, 1), (0.2, 1))
    judge((1.0, 2), (0.2, 2))
    rows = log.to_frame()
    assert log.ranking(frame=rows[rows.seed == 1]).judgements == 1


def test_what_cannot_be_ranked_is_said(judged):
    """No judgements, an unknown column, an unknown item."""
    log, _, judge = judged
    with pytest.raises(errors.RequestError, match=r"studio\.arena"):
        log.ranking(by="temperature")
    judge((1.0, 1), (0.2, 1))
    with pytest.raises(errors.UnknownParameter, match="temperature"):
        log.ranking(by="temperatur")
    with pytest.raises(errors.RequestError, match="judged are"):
        log.ranking(by="temperature").difference(0.2, 0.7)


def test_a_ranking_shows_its_table_a_plot_and_its_sentences(judged):
    """The plot's words are its alternative text; a question is text, never markup; text has no picture."""
    log, _, judge = judged
    for seed in SEEDS:
        judge((1.0, seed), (0.2, seed), question="<b>Which?</b>")
    settings = log.ranking(by="temperature")._repr_mimebundle_()
    assert "&lt;b&gt;Which?" in settings["text/html"]
    assert "<b>Which" not in settings["text/html"]
    assert f'aria-label="{log.ranking(by="temperature").sentences[0]}' in settings["text/html"]
    pictures = log.ranking()._repr_mimebundle_()
    assert pictures["text/html"].count("<img ") == 8
    assert "temperature 1 · seed 1" in pictures["text/plain"]


def test_intervals_of_settings_have_the_promised_coverage():
    """Over simulated people, 95 % intervals hold the truth at least nine times in ten, however many judge the same pictures."""
    from nbkit.statistics import bradley_terry  # noqa: PLC0415

    hits, total = 0, 0
    for study in range(12):
        rng = np.random.default_rng(study)
        truth = rng.standard_normal(8)
        own = truth[:, None] + 0.7 * rng.standard_normal((8, 4))
        settings = {(i, j): i for i in range(8) for j in range(4)}
        choices = []
        for _ in range(120):
            a, b = (tuple(map(int, divmod(int(p), 4))) for p in rng.choice(32, 2, replace=False))
            first = own[a] - own[b] + rng.logistic() > 0
            choices.append((a, b) if first else (b, a))
        fit = bradley_terry(choices, settings=settings)
        centred = truth - truth[list(fit.items)].mean()
        for i in fit.items:
            low, high = fit.interval(i)
            hits, total = hits + (low <= centred[i] <= high), total + 1
    assert hits / total >= 0.9


def test_a_withdrawn_judgement_takes_no_part(judged):
    """It is in the database still."""
    log, _, judge = judged
    judge((1.0, 1), (0.2, 1))
    with log.database.writing() as connection:
        connection.execute(sa.update(JUDGEMENTS).values(withdrawn=1))
    with pytest.raises(errors.RequestError):
        log.ranking()
