"""Effects of axes on a measure: known answers through a frame, what is left out, sentences, the plot, and a sweep's own."""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from html_page import Page
from panel_tools import offline_studio
from test_statistics import RATINGS, SEEDS, SETTINGS

import nbkit
from nbkit import errors
from nbkit.comparison.effects import effects_of


def frame_of(values=RATINGS, settings=SETTINGS, seeds=SEEDS, **more):
    """Rows of the log, as far as effects read them."""
    size = len(values)
    columns = {
        "setting": settings, "seed": seeds, "rating": values, "status": ["done"] * size, "taskUUID": [f"t{i}" for i in range(size)],
        "file": [f"{i}.jpg" for i in range(size)], "parent": [None] * size, **more,
    }  # fmt: skip
    return pd.DataFrame(columns).astype({"taskUUID": "string", "file": "string", "parent": "string"})


def test_effects_have_the_known_answers():
    """Differences, Tukey's interval with seeds as blocks, and what is beyond noise; dtypes do not depend on the rows."""
    effects = effects_of(frame_of(), ["setting"], "rating")
    frame = effects.to_frame()
    assert frame.columns.tolist() == ["axis", "a", "b", "effect", "low", "high", "p", "beyond_noise", "n", "blocks"]
    assert (frame.a + frame.b).tolist() == ["ab", "ac", "ad", "bc", "bd", "cd"]
    assert frame.effect.tolist() == pytest.approx([0.5, -1, 1.25, -1.5, 0.75, 2.25])
    assert (frame.high - frame.effect).tolist() == pytest.approx([1.05673] * 6, abs=5e-6)
    assert frame.beyond_noise.tolist() == [False, False, True, True, False, True]
    assert (set(frame.n), set(frame.blocks)) == ({8}, {4})
    assert [str(frame[name].dtype) for name in ("effect", "p", "beyond_noise", "n")] == [
        "float64",
        "float64",
        "boolean",
        "Int64",
    ]
    assert effects.noise.sd == pytest.approx(math.sqrt(0.229167), abs=1e-5)
    assert effects.noise.seed_share == pytest.approx(0.838235, abs=5e-7)
    assert effects.noise.seeds_needed(1.5 * effects.noise.sd) == nbkit.statistics.seeds_needed(4, 1.5)


def test_without_blocks_the_same_differences_drown():
    """The seeds' own differences count as noise then."""
    frame = effects_of(frame_of(), ["setting"], "rating", block=None).to_frame()
    assert (frame.high - frame.effect).tolist() == pytest.approx([2.16394] * 6, abs=5e-6)
    assert set(frame.blocks) == {0}


def test_sentences_say_what_is_real_and_how_many_seeds_would_tell():
    """The largest difference first; the number of seeds is that of the statistics."""
    sentences = effects_of(frame_of(), ["setting"], "rating").sentences
    assert sentences[0] == "setting c → d: +2.2 stars (1.2 to 3.3), more than seed noise"
    needed = nbkit.statistics.seeds_needed(4, 0.5 / math.sqrt(0.229167))
    assert sentences[-1].endswith(f"not told apart with these 8 pictures; {needed} seeds would")


def test_an_ordered_axis_has_a_slope():
    """Per unit of the axis, with an interval by the same blocks; an axis of texts has none."""
    temperatures = [{"a": 0.2, "b": 0.4, "c": 0.6, "d": 0.8}[setting] for setting in SETTINGS]
    effects = effects_of(frame_of(temperature=temperatures), ["temperature"], "rating")
    slope = effects.slopes.iloc[0]
    assert slope.slope == pytest.approx(np.polyfit(temperatures, RATINGS, 1)[0])
    assert slope.low < slope.slope < slope.high
    assert effects_of(frame_of(), ["setting"], "rating").slopes.empty
    assert effects.to_frame().a.tolist()[:1] == [0.2]


def test_copies_and_promotions_are_no_repeats():
    """Rows with the same file, drafts that were made again, rows without a picture; what is left out is said."""
    frame = frame_of()
    again = frame.assign(taskUUID=frame.taskUUID + "x")
    failed = frame.head(2).assign(status="blocked", file=pd.NA, rating=np.nan)
    promoted = frame.head(1).assign(parent="t0", taskUUID="p", file="p.jpg", rating=5)
    effects = effects_of(pd.concat([frame, again, failed, promoted], ignore_index=True), ["setting"], "rating")
    assert effects.to_frame().equals(effects_of(frame, ["setting"], "rating").to_frame())
    assert "17 copies and promotions left out" in effects.notes
    assert "2 rows without a picture" in effects.notes
    assert effects.notes[0].startswith("16 pictures")


def test_what_was_made_from_a_copy_is_no_repeat_either():
    """The copy is left out, and its promotion is still known as one."""
    frame = frame_of()
    again = frame.assign(taskUUID=frame.taskUUID + "x")
    promoted = again.assign(parent=again.taskUUID, taskUUID=again.taskUUID + "p", file="big" + frame.file)
    effects = effects_of(pd.concat([frame, again, promoted], ignore_index=True), ["setting"], "rating")
    assert effects.to_frame().equals(effects_of(frame, ["setting"], "rating").to_frame())


def test_a_measure_without_noise_is_exact():
    """Not an interval of width 0."""
    prices = [{"a": 0.05, "b": 0.05, "c": 0.07, "d": 0.15}[setting] for setting in SETTINGS]
    effects = effects_of(frame_of(cost=prices), ["setting"], "cost")
    frame = effects.to_frame()
    assert frame[["low", "high", "p"]].isna().all(axis=None)
    assert frame.beyond_noise.tolist() == [False, True, True, True, True, True]
    assert effects.sentences[0] == "setting a → d: +$0.10, exactly"
    assert effects.sentences[-1] == "setting a → b: no difference"
    assert effects.noise.seeds_needed(0.01) == 2


def test_seeds_that_are_not_shared_are_no_blocks():
    """As where the service draws them: compared without blocks."""
    frame = effects_of(frame_of(seeds=range(16)), ["setting"], "rating").to_frame()
    assert set(frame.blocks) == {0}
    assert (frame.high - frame.effect).tolist() == pytest.approx([2.16394] * 6, abs=5e-6)


def test_a_cell_may_be_missing_and_a_measure_have_gaps():
    """A row less is a row less, and is said."""
    values = [float(value) for value in RATINGS]
    values[3] = math.nan
    effects = effects_of(frame_of(values), ["setting"], "rating")
    assert "1 picture without a rating" in effects.notes
    assert effects.to_frame().n.tolist() == [7, 7, 7, 8, 8, 8]


def test_refusals_are_compared_exactly():
    """Five of eight against none is more than chance, four of eight is not; requests count, not pictures."""
    for blocked, beyond in ((5, True), (4, False)):
        statuses = ["blocked"] * blocked + ["done"] * (16 - blocked)
        frame = frame_of(settings=["a"] * 8 + ["b"] * 8, seeds=[*range(8)] * 2).assign(status=statuses)
        effects = effects_of(frame, ["setting"], "refused")
        row = effects.to_frame().iloc[0]
        assert row.effect == -blocked / 8
        assert row.beyond_noise == beyond
        assert row.p == pytest.approx(nbkit.statistics.fisher_exact((blocked, 0), (8, 8)))
        assert row.low < row.effect < row.high
        assert ("more than chance" in effects.sentences[0]) == beyond


@pytest.mark.parametrize(
    ("axes", "on", "kind"),
    [
        ([], "rating", errors.RequestError), (["setting"], "taskUUID", errors.RequestError), (["settng"], "rating", errors.UnknownParameter),
        (["setting"], "ratng", errors.UnknownParameter), (["setting"], "note", errors.RequestError),
    ],
)  # fmt: skip
def test_what_is_no_question_is_refused(axes, on, kind):
    """No axis, no number, names that nothing has, and a measure without a value."""
    with pytest.raises(kind):
        effects_of(frame_of(note=[math.nan] * 16), axes, on)


def test_without_scipy_effects_say_what_to_install():
    """As the first thing."""
    code = """
import sys
sys.modules["scipy"] = sys.modules["scipy.stats"] = None
import nbkit
studio = nbkit.Studio(engine="offline")
result = studio.sweep("A lantern", temperature=[0.2, 1.0], seed=[1, 2]).start().wait()
for run, stars in zip(result.runs, (1, 2, 3, 5)):
    studio.log.mark(run, rating=stars)
for measure in ("rating", "cost", "refused"):
    try:
        result.effects(on=measure)
    except nbkit.NbkitError as error:
        assert "nbkit[science]" in str(error), error
    else:
        raise AssertionError(measure)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


# -- of a sweep --------------------------------------------------------------------------------------------------------


@pytest.fixture
def rated(tmp_path):
    """The result of a sweep of two axes and three seeds whose pictures are rated by their temperature."""
    with offline_studio(tmp_path) as studio:
        sweep = studio.sweep(
            "A {c} lantern", c=["red", "jade"], temperature=[0.2, 1.0], seed=[1, 2, 3], resolution="0.5K"
        )
        result = sweep.start().wait()
        for place, run in enumerate(result.runs):
            studio.log.mark(run, rating=(1 if run.request.temperature < 0.5 else 4) + (place * 7) % 2)
        yield result, studio


def test_a_result_has_the_effects_of_its_axes(rated):
    """A template variable and a parameter; the log gives the same for its rows."""
    result, studio = rated
    effects = result.effects(on="rating")
    frame = effects.to_frame().set_index("axis")
    assert list(frame.index) == ["c", "temperature"]
    assert effects.notes[1] == "2 axes, each by itself wrong in 5 of 100 studies"
    assert frame.loc["temperature", "effect"] == pytest.approx(3, abs=0.6)
    assert frame.beyond_noise.to_dict() == {"c": False, "temperature": True}
    again = studio.log.effects(studio.df, axes=["c", "temperature"], on="rating")
    assert again.to_frame().equals(effects.to_frame())


def test_the_plot_needs_no_kernel_and_says_what_it_shows(rated):
    """SVG with the sentences as its alternative text: a dot for each picture, a mean and an interval for each value."""
    result, _ = rated
    effects = result.effects(on="rating")
    page = Page(effects._repr_mimebundle_()["text/html"])
    plots = page.all("svg")
    assert [plot["role"] for plot in plots] == ["img", "img"]
    assert plots[1]["aria-label"] == effects.sentences[1]
    assert len(page.all("circle")) == 24
    assert len(page.all("rect")) == 4 + 2  # means, and the bands
    assert all(line in page.words for line in effects.sentences)
    assert str(effects).splitlines()[:2] == effects.sentences


def test_a_sweep_of_seeds_alone_compares_seeds(tmp_path):
    """With one picture each nothing can be told from noise, and it says so."""
    with offline_studio(tmp_path) as studio:
        result = studio.sweep("A lantern", seed=[1, 2], resolution="0.5K").start().wait()
        studio.log.mark(result.runs, rating=3)
        assert "too few pictures" in result.effects(on="rating").sentences[0]


def test_studies_without_an_effect_claim_hardly_any():
    """Stars in blocks of seeds with a refusal, a copy, a promotion and a missing cell; with constant stars there is no claim."""
    rng = np.random.default_rng(11)
    claims = 0
    for _ in range(12):
        seeds = [*range(4)] * 3
        stars = np.clip(np.rint(3 + rng.standard_normal(4)[seeds] + rng.standard_normal(12)), 1, 5)
        frame = frame_of(stars, np.repeat(["a", "b", "c"], 4), seeds)
        copied = frame.iloc[[2]].assign(taskUUID="copy")
        promoted = copied.assign(parent="copy", taskUUID="again", file="again.jpg")
        frame.loc[5, ["status", "rating", "file"]] = ["blocked", np.nan, pd.NA]
        frame = pd.concat([frame.drop(index=9), copied, promoted], ignore_index=True)
        claims += bool(effects_of(frame, ["setting"], "rating").to_frame().beyond_noise.any())
        constant = effects_of(frame.assign(rating=4.0), ["setting"], "rating")
        assert not constant.to_frame().beyond_noise.any()
        assert constant.findings == ["rating: the same everywhere"]
    assert claims <= 2


def test_stars_without_noise_are_no_exact_measure():
    """Of few pictures, whole stars often have no noise by chance: they are too few, and nothing is claimed."""
    frame = pd.DataFrame(
        {"status": "done", "file": [f"{i}.png" for i in range(4)], "temperature": [0.2, 0.2, 1.0, 1.0],
         "seed": [1, 2, 1, 2], "rating": [3.0, 4.0, 4.0, 5.0], "cost": [1.0, 1.0, 2.0, 2.0]}
    )  # fmt: skip
    stars, price = (effects_of(frame, ["temperature"], on) for on in ("rating", "cost"))
    assert stars.to_frame().beyond_noise.tolist() == [False]
    assert "too few pictures" in stars.sentences[0]
    assert price.to_frame().beyond_noise.tolist() == [True]


def test_rows_where_an_axis_is_not_set_are_counted():
    """They take no part, which is said."""
    frame = frame_of()
    frame["setting"] = frame["setting"].where(frame["setting"] != "d", None)
    assert "setting: 4 rows where it is not set left out" in effects_of(frame, ["setting"], "rating").notes


@pytest.mark.parametrize(
    ("axes", "on", "parameter"),
    [(["setting"], 5, "column"), (None, "rating", "axes"), (["setting"], "setting", "on"), (["setting"], None, "column"),
     (["setting"], ["rating"], "column")],
)  # fmt: skip
def test_what_effects_cannot_be_of_is_refused_by_name(axes, on, parameter):
    """A name that is no text, no axes, and an axis as its own measure."""
    with pytest.raises(errors.RequestError) as caught:
        effects_of(frame_of(), axes, on)
    assert caught.value.parameter == parameter
