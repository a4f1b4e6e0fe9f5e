"""What people do with the log's frame: heat maps of what was measured, and a row as the values of a request."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import nbkit
from nbkit.errors import RequestError, UnknownParameter
from nbkit.log.frame import COLUMNS
from nbkit.request.image_request import NAMES, PARAMETERS, ImageRequest
from nbkit.request.naming import LOG_COLUMNS

mpl.use("agg")
import matplotlib.pyplot as plt

SEED = 2**63 - 1
MEASURES = ("cost", "latency", "rating")


@pytest.fixture
def frame(studio):
    """Two temperatures by two topP, each picture rated but one, and a run without a picture."""
    for temperature in (0.2, 0.8):
        for top_p in (0.5, 1.0):
            run = studio.generate("A lantern", seed=SEED, temperature=temperature, topP=top_p, resolution="0.5K")
            if top_p == 0.5 or temperature == 0.2:
                studio.log.mark(run, rating=4)
    studio.generate("A lantern, and nothing is set", resolution="0.5K")
    return studio.df


TABLES = {
    "pivot_table": lambda frame, name: frame.pivot_table(index="temperature", columns="topP", values=name),
    "the largest": lambda frame, name: frame.pivot_table(
        index="temperature", columns="topP", values=name, aggfunc="max"
    ),
    "pivot": lambda frame, name: frame.dropna(subset="topP").pivot(index="temperature", columns="topP", values=name),  # noqa: PD010
    "groupby and unstack": lambda frame, name: frame.groupby(["temperature", "topP"])[name].mean().unstack(),  # noqa: PD010
    "set_index and unstack": lambda frame, name: frame.set_index(["temperature", "topP"])[name].dropna().unstack(),  # noqa: PD010
    "crosstab": lambda frame, name: pd.crosstab(frame.temperature, frame.topP, values=frame[name], aggfunc="mean"),
    "groupby of several": lambda frame, _: frame.groupby("temperature")[list(MEASURES)].mean(),
    "corr": lambda frame, _: frame[list(MEASURES)].corr(),
    "describe": lambda frame, _: frame[list(MEASURES)].describe(),
    "columns": lambda frame, _: frame[list(MEASURES)],
}


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_tables_of_what_was_measured_plot_as_they_are(frame, make, name):
    """As numbers for numpy, and for matplotlib's heat maps; gaps are NaN."""
    table = make(frame, name)
    assert {str(dtype) for dtype in table.dtypes} == {"float64"}
    assert np.asarray(table).dtype == table.to_numpy().dtype == table.values.dtype == "float64"
    figure, axes = plt.subplots(2)
    axes[0].imshow(table)
    axes[1].pcolormesh(table)
    plt.close(figure)


def test_the_values_of_a_heat_map_are_those_of_the_log(frame):
    """The cell of the picture that has no rating is a gap; the seed beside it is still whole."""
    table = frame.pivot_table(index="temperature", columns="topP", values="rating")
    assert np.array_equal(np.asarray(table), [[4.0, 4.0], [4.0, np.nan]], equal_nan=True)
    assert frame.seed.iloc[0] == SEED
    assert (frame.dtypes["seed"], frame.dtypes["requestedSeed"]) == ("Int64", "Int64")
    assert frame.requestedSeed.tolist() == [SEED] * 4 + [pd.NA]


def test_rows_without_a_column_to_show_are_pictures_alone(frame):
    """One for each row, with every version of pandas."""
    assert frame[["file"]].nbkit.show().html.count("<tr") >= len(frame)


def test_what_a_plan_and_a_recovery_cost_plots_too(studio):
    """Estimates of a sweep's cells, and the costs that a recovery found."""
    plan = studio.sweep("A {colour} lantern", colour=["red", "jade"], temperature=[0.2, 0.8], seed=7).plan()
    assert np.asarray(plan.pivot_table(index="temperature", columns="colour", values="high")).dtype == "float64"
    assert studio.recover().dtypes["cost"] == "float64"


# -- a row as the values of a request ------------------------------------------------------------------------

PARAMETER_COLUMNS = [
    "prompt",
    *(p.column for p in PARAMETERS.values() if p.group in ("Sampling", "Grounding and safety")),
]
PARAMETER_COLUMNS.remove("requestedSeed")
ROWS = {
    "a Series": lambda rows: dict(rows.iloc[-1]),
    "a dict": lambda rows: rows.iloc[-1].to_dict(),
    "a record": lambda rows: rows.to_dict("records")[-1],
    "a tuple": lambda rows: list(rows.itertuples(index=False))[-1]._asdict(),
    "an object row": lambda rows: dict(rows.astype(object).iloc[-1]),
    "a row of arrays": lambda rows: {name: rows[name].array[-1] for name in rows},
}


@pytest.mark.parametrize("take", ROWS.values(), ids=ROWS)
def test_a_row_of_the_frame_makes_a_request_again(studio, take):
    """A gap of the frame is a parameter that is not set, in each call that takes parameters."""
    studio.generate("Another one", topP=0.5, thinking="HIGH", web_search=True)
    run = studio.generate("A lantern", seed=SEED, temperature=0.72, check_content=True)
    values = take(studio.df[[*PARAMETER_COLUMNS, "seed"]])
    assert any(pd.isna(value) for value in values.values())  # newer pandas: None in a dict
    assert ImageRequest(**values) == run.request
    assert studio.generate(**values).request == run.request
    assert run.rerun(**values).request == run.request
    assert studio.estimate(**values) == run.cost
    assert studio.sweep(**values)[0].request == run.request
    assert studio.panel(**values).request == run.request


@pytest.mark.parametrize("gap", [None, pd.NA, pd.NaT], ids=["None", "pd.NA", "pd.NaT"])
@pytest.mark.parametrize("name", sorted(set(PARAMETERS) - {"prompt"}))
def test_a_gap_is_a_parameter_that_is_not_set(gap, name):
    """In both spellings, in a group, and to unset it."""
    request = ImageRequest("A lantern")
    parameter = PARAMETERS[name]
    for spelling in parameter.spellings:
        assert ImageRequest("A lantern", **{spelling: gap}) == request
        assert request.replace(**{spelling: gap}) == request
    if len(parameter.wire) > 1:
        value = gap
        for key in reversed(parameter.wire[1:]):
            value = {key: value}
        assert ImageRequest("A lantern", **{parameter.wire[0]: value}) == request
    assert ImageRequest("A lantern", temperature=0.3).replace(temperature=gap) == request
    assert ImageRequest("A lantern", taskUUID=gap).task_uuid is None


def test_a_gap_in_an_axis_is_the_cell_without_the_value(studio):
    """As None is there."""
    sweep = studio.sweep("A lantern", temperature=pd.Series([0.2, None, 0.8], dtype="Float64"), seed=1)
    assert [cell.request.temperature for cell in sweep] == [0.2, None, 0.8]


@pytest.mark.parametrize("value", [float("nan"), np.nan, np.float32("nan"), np.float64("nan")])
@pytest.mark.parametrize("name", ["temperature", "top_p", "seed", "width"])
def test_nan_is_no_gap(studio, name, value):
    """It comes from a computation that went wrong, and what it meant is not known: nothing is sent."""
    for call in (studio.generate, studio.estimate, nbkit.ImageRequest, studio.sweep):
        with pytest.raises(RequestError) as caught:
            call("A lantern", **{name: value})
        assert (caught.value.parameter, name in str(caught.value)) == (name, True)
    assert len(studio.log) == 0


def test_a_missing_prompt_is_missing(studio):
    """Also as a gap."""
    for gap in (None, pd.NA):
        with pytest.raises(RequestError) as caught:
            studio.generate(gap)
        assert (caught.value.parameter, caught.value.reason) == ("prompt", "missing")


def test_a_whole_row_says_how_to_make_its_request_again(studio):
    """Its columns that are no parameters are results, or names; the error names the way."""
    run = studio.generate("A lantern", seed=7)
    with pytest.raises(UnknownParameter, match=r"studio\.log\[row\.taskUUID\]\.rerun\(\)") as caught:
        studio.generate(**studio.df.iloc[0])
    assert caught.value.parameter == "cost"
    assert studio.log[studio.df.iloc[0].taskUUID].rerun().request == run.request
    known = {name for name in COLUMNS if name in NAMES or name in ("extra", "model", "taskUUID")}
    assert known | LOG_COLUMNS == set(COLUMNS)
