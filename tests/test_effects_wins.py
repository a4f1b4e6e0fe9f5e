"""Effects on wins: strengths of an axis's values in judgements, with intervals for all pairs together, and as sentences."""

import math

import numpy as np
import pandas as pd
import pytest
from html_page import HTML, Page
from judged_log import Judge, write_pictures
from scipy.stats import studentized_range

from nbkit import errors
from nbkit.comparison.effects import effects_of
from nbkit.log.judgements import SKIPPED, TIED, Judgement, add_judgement
from nbkit.statistics import TIE, bradley_terry

SHOWN = 4


def frame_of(settings, seeds):
    """Rows of the log with a picture for each setting and seed, named ``p0``, ``p1`` and so on."""
    rows = [
        {"imageUUID": f"p{i}", "setting": i // seeds, "seed": i % seeds, "status": "done", "file": f"{i}.jpg", "taskUUID": f"t{i}"}
        for i in range(settings * seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(parent=pd.Series([None] * len(rows), dtype="string"))


def judged(strengths, number, rng, *, shown=SHOWN, skips=0.0, ties=0.0):
    """Judgements of random pictures by Luce's model; some are skipped, some are ties."""
    found = []
    for _ in range(number):
        places = rng.choice(len(strengths), shown, replace=False)
        best = f"p{places[np.argmax(strengths[places] + rng.gumbel(size=shown))]}"
        kind = rng.random()
        outcome = SKIPPED if kind < skips else TIED if kind < skips + ties else best
        found.append(Judgement(0, "Ana", "Which?", tuple(f"p{place}" for place in places), outcome, None))
    return found


def wins(frame, judgements, axis="setting"):
    """The effects."""
    return effects_of(frame, [axis], "wins", judgements=judgements)


def test_effects_are_differences_of_strengths_with_tukeys_range():
    """As ``bradley_terry`` has them with an effect of each picture; p and interval hold for all pairs."""
    rng = np.random.default_rng(1)
    strengths = np.repeat([0.0, 1.0, 3.0], 4) + 0.5 * rng.standard_normal(12)
    judgements = judged(strengths, 100, rng, skips=0.1, ties=0.1)
    frame = wins(frame_of(3, 4), judgements).to_frame()
    choices = [
        (*one.shown, TIE) if one.outcome == TIED else (one.outcome, *(set(one.shown) - {one.outcome}))
        for one in judgements
        if one.outcome != SKIPPED
    ]
    fit = bradley_terry(choices, settings={f"p{i}": i // 4 for i in range(12)})
    for row in frame.itertuples():
        effect, se = fit.difference(row.b, row.a), fit.se(row.a, row.b)
        assert row.effect == pytest.approx(effect, abs=1e-9)
        reach = studentized_range.ppf(0.95, 3, fit.freedom) / math.sqrt(2) * se
        assert (row.low, row.high) == pytest.approx((effect - reach, effect + reach), abs=1e-8)
        assert row.p == pytest.approx(studentized_range.sf(abs(effect) / se * math.sqrt(2), 3, fit.freedom), abs=1e-8)
        assert row.beyond_noise == (row.p < 0.05)
        assert (row.n, row.blocks) == (8, 0)
    assert frame.beyond_noise.tolist() == [False, True, True]


def test_the_order_of_judgements_and_of_sides_changes_nothing():
    """To the ninth digit."""
    rng = np.random.default_rng(2)
    judgements = judged(rng.standard_normal(12), 80, rng)
    one = wins(frame_of(3, 4), judgements).to_frame()
    turned = [row._replace(shown=row.shown[::-1]) for row in judgements[::-1]]
    other = wins(frame_of(3, 4).iloc[::-1], turned).to_frame()
    assert other[["effect", "low", "high"]].to_numpy() == pytest.approx(
        one[["effect", "low", "high"]].to_numpy(), abs=1e-9
    )


def test_copies_of_a_picture_are_judged_as_one():
    """A row with the same file is the same item; a judgement between two copies says nothing."""
    rng = np.random.default_rng(3)
    judgements = judged(rng.standard_normal(8), 60, rng)
    frame = frame_of(2, 4)
    copy = frame.assign(imageUUID=frame.imageUUID + "c", taskUUID=frame.taskUUID + "c")
    both = pd.concat([frame, copy], ignore_index=True)
    as_copies = [
        row._replace(shown=tuple(f"{name}c" for name in row.shown), outcome=f"{row.outcome}c") if place % 2 else row
        for place, row in enumerate(judgements)
    ]
    among_copies = Judgement(0, "Ana", "Which?", ("p0", "p0c"), "p0", None)
    assert wins(both, [*as_copies, among_copies]).to_frame().equals(wins(frame, judgements).to_frame())


def test_sentences_are_shares_of_choices():
    """Logits are turned into how often b is chosen over a; the numbers are those of the frame."""
    rng = np.random.default_rng(4)
    effects = wins(frame_of(2, 6), judged(np.repeat([0.0, 3.0], 6), 150, rng))
    row = effects.to_frame().iloc[0]
    share, low, high = (1 / (1 + math.exp(-logits)) for logits in (row.effect, row.low, row.high))
    assert effects.sentences == [
        f"setting 0 → 1: 1 is chosen {share:.0%} of the time ({low:.0%} to {high:.0%}), more than noise"
    ]
    assert effects.findings == effects.sentences
    assert effects.notes == ("12 pictures, 150 judgements, 1 measure looked at",)
    same = wins(frame_of(2, 6), judged(np.zeros(12), 20, rng))
    assert same.sentences[0].endswith("not told apart with these 12 pictures and 20 judgements")
    assert same.findings == ["setting: nothing is told apart by wins"]
    page = Page(effects._repr_mimebundle_()[HTML])
    assert [plot["aria-label"] for plot in page.all("svg")] == effects.sentences
    assert len(page.all("circle")) == 12


def test_no_slope_and_no_standard_deviation():
    """There is nothing that a gap in logits could be compared with, and it says so."""
    effects = wins(frame_of(2, 4), judged(np.zeros(8), 20, np.random.default_rng(5)))
    assert effects.slopes.empty
    with pytest.raises(errors.RequestError, match="no standard deviation"):
        effects.noise.seeds_needed(1.0)


def test_one_value_that_was_judged_is_no_pair():
    """It says so, instead of an empty table."""
    judgements = judged(np.zeros(4), 10, np.random.default_rng(6))
    assert wins(frame_of(3, 4), judgements).sentences == ["setting: only one value was judged"]


@pytest.mark.parametrize("judgements", [None, [], [Judgement(0, "A", "?", ("p0", "p1"), SKIPPED, None)]])
def test_without_an_answer_it_says_what_asks_for_them(judgements):
    """Skips are no answers."""
    with pytest.raises(errors.RequestError, match=r"studio\.arena\(result\)"):
        wins(frame_of(2, 2), judgements)


def test_pictures_that_only_differ_among_themselves_make_no_setting_better():
    """At most 7 of 100 studies without an effect make any claim; of these few none or one does."""
    rng = np.random.default_rng(7)
    claims = 0
    for _ in range(12):
        effects = wins(frame_of(3, 3), judged(rng.standard_normal(9), 40, rng))
        claims += bool(effects.to_frame().beyond_noise.any())
    assert claims <= 1


def test_a_log_has_them_for_its_judgements(tmp_path):
    """Read from its rows; those of other pictures take no part."""
    log, names = write_pictures(tmp_path, [0.2, 1.0], range(6))
    judge = Judge({name: 4 * temperature for (temperature, _), name in names.items()}, seed=1)
    rng = np.random.default_rng(8)
    for _ in range(60):
        shown = [list(names.values())[place] for place in rng.choice(12, 4, replace=False)]
        add_judgement(log.database, rater="Ana", question="Which?", shown=shown, outcome=judge.best(shown))
    frame = log.to_frame()
    effects = log.effects(frame, axes=["temperature"], on="wins")
    assert effects.to_frame()[["a", "b", "beyond_noise"]].to_dict("records") == [
        {"a": 0.2, "b": 1.0, "beyond_noise": True}
    ]
    few = log.effects(frame[frame.seed < 5], axes=["temperature"], on="wins")
    assert int(few.notes[0].split()[2]) < 60
    with pytest.raises(errors.NbkitError, match="imageUUID"):
        log.effects(frame[["temperature"]], axes=["temperature"], on="wins")
