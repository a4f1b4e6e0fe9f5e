"""Plots of dots: of a sweep's result and of any frame of the log, as SVG in a plain output."""

import re
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

import nbkit
from nbkit.display.plot import PlotAxis, plot_svg, plot_text
from nbkit.errors import RequestError, UnknownParameter
from nbkit.log.plots import MAX_CATEGORIES, MAX_DOTS

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Two colours by three temperatures, one of them not sent, by two tiers; all but one picture are rated."""
    studio = nbkit.Studio(engine="offline", path=tmp_path_factory.mktemp("runs"))
    sweep = studio.sweep(
        "A {colour} lantern", colour=["red", "jade <b>"], temperature=[0.8, 0.2, None], resolution=["0.5K"], seed=7
    )
    made = sweep.start().wait()
    for number, run in enumerate(made.runs[1:]):
        studio.log.mark(run, rating=1 + number % 5)
    yield made
    studio.close()


def drawings(bundle):
    """Each drawing of an output, parsed."""
    return [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", bundle.html)]


def labels(drawing):
    """All texts of a drawing apart from what a dot says under the pointer."""
    return [text.text for text in drawing.iter(f"{SVG}text")]


def dots(drawing):
    """The places of the dots."""
    return [(float(dot.get("cx")), float(dot.get("cy"))) for dot in drawing.iter(f"{SVG}circle")]


def axis(name, values, **options):
    """An axis of plain values."""
    return PlotAxis(name, "", values, is_numeric=all(not isinstance(value, str) for value in values), **options)


def test_a_result_has_a_plot_for_each_axis_with_several_values(result):
    """A dot for each picture, and the names and values of the axes; what has no value is counted."""
    bundle = result.plot("rating")
    first, second = drawings(bundle)
    assert labels(first)[-2:] == ["colour", "rating (1 to 5)"]
    assert {"red", "jade <b>", "1", "5"} <= set(labels(first))
    assert labels(second)[-2:] == ["temperature", "rating (1 to 5)"]
    assert {"0.2", "0.8", "not set"} <= set(labels(second))
    assert len(dots(first)) == len(dots(second)) == 5
    assert "1 row without a rating is not drawn" in bundle.html
    assert bundle.text.splitlines()[-1] == "1 row without a rating is not drawn"
    assert set(bundle._repr_mimebundle_()) == {"text/html", "text/plain"}


def test_by_chooses_the_axis(result):
    """In either spelling, or another column of the frame."""
    (drawing,) = drawings(result.plot("cost", by="temperature"))
    assert labels(drawing)[-2:] == ["temperature", "cost (USD)"]
    assert len(dots(drawing)) == 6
    (drawing,) = drawings(result.plot("latency", by="cost"))
    assert labels(drawing)[-2:] == ["cost (USD)", "latency (s)"]


def test_a_frame_plots_its_rows(result):
    """After whatever pandas did to them; the text has the values without the drawing."""
    frame = result.to_frame()
    assert frame.nbkit.plot("resolution", "cost").text.splitlines() == [
        "cost (USD) by resolution: 6 pictures from 0.04657 to 0.04657",
        "  0.5K: 6 pictures, 0.04657",
    ]
    few = frame[frame.temperature > 0.5].assign(score=[0.5, 0.25]).nbkit.plot("temperature", "score")
    assert few.text.splitlines()[1] == "  0.8: 2 pictures, 0.25 … 0.375 … 0.5"
    assert frame.drop(columns="file").nbkit.plot("keep", "width").text.startswith("width (px) by keep: 6 pictures")


def test_a_drawing_is_read_out_and_has_no_colour_of_its_own(result):
    """Alternative text, the colour of the text around it, what a dot is under the pointer; markup is text."""
    bundle = result.plot("rating", by="colour")
    (drawing,) = drawings(bundle)
    assert drawing.get("role") == "img"
    assert drawing.get("aria-label") == "rating (1 to 5) by colour: 5 pictures from 1 to 5"
    assert drawing.get("fill") == "currentColor"
    assert not re.search(r"#[0-9a-f]{3}|rgb|<script|<b>| on\w+=", bundle.html)
    titles = [title.text for title in drawing.iter(f"{SVG}title")]
    assert "colour jade <b> · rating 5 · seed 7 · A jade <b> lantern" in titles


def test_numbers_stand_where_they_belong():
    """Places are proportional, higher is further up, and equal dots stand side by side."""
    xs, ys = [0.0, 0.5, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 3.0, 3.0]
    drawing = ET.fromstring(plot_svg(axis("x", xs), axis("y", ys), [""] * 5))
    (left, low), (middle, half), *right = dots(drawing)
    assert middle - left == pytest.approx(right[1][0] - middle, abs=0.2)
    assert low - half == pytest.approx(half - right[0][1], abs=0.2)
    assert low > half
    assert len({x for x, _ in right}) == 3
    assert len({y for _, y in right}) == 1


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.2, 0.8], ["0.2", "0.8"]),
        ([3.0], ["3"]),
        ([0.0, 0.0], ["0"]),
        (list(range(101)), [str(tick) for tick in range(0, 101, 10)]),
        ([1e-6 * n for n in range(30)], ["0", "5e-06", "1e-05", "1.5e-05", "2e-05", "2.5e-05"]),
        ([-5.0, 5.0, None], ["-5", "5", "not set"]),
        (["b", "a", None, "b"], ["b", "a", "not set"]),
    ],
)  # fmt: skip
def test_ticks_are_the_values_or_round_numbers(values, ticks):
    """Few values have a tick each; a gap has a place of its own at the right."""
    drawing = ET.fromstring(
        plot_svg(axis("x", values), axis("y", [float(n) for n in range(len(values))]), [""] * len(values))
    )
    along = [text.text for text in drawing.iter(f"{SVG}text") if float(text.get("y") or 0) in (240.0, 253.0)]
    assert along == ticks


def test_every_label_and_dot_is_inside_the_drawing():
    """Also with forty long texts, many dots at one place, and numbers of any size."""
    texts = [f"a rather long text {number}" for number in range(MAX_CATEGORIES)] * 5
    for ys in ([1e12 * n for n in range(200)], [5.0] * 200, [1e-9] * 199 + [2e-9]):
        drawing = ET.fromstring(plot_svg(axis("x", texts), axis("y", ys), [""] * 200))
        assert len(dots(drawing)) == 200
        for x, y in dots(drawing):
            assert 60 < x < 420
            assert 0 < y < 230
    drawing = ET.fromstring(plot_svg(axis("x", ["a"] * 500), axis("y", [1.0] * 500), [""] * 500))
    assert all(60 < x < 420 for x, _ in dots(drawing))


def test_many_numbers_are_one_line_of_text():
    """Instead of one for each."""
    values = [float(n) for n in range(100)]
    assert plot_text(axis("x", values), axis("y", values)) == "y by x: 100 pictures from 0 to 99"


def test_seeds_are_names_in_their_order_and_choices_in_theirs():
    """A seed of 63 bits is written in full; many seeds are numbers."""
    frame = pd.DataFrame({"seed": pd.array([2**62 + 1, 3, pd.NA], dtype="Int64"), "cost": [1.0, 2.0, 3.0]})
    assert frame.nbkit.plot("seed", "cost").text.splitlines()[1:] == [
        "  3: 1 picture, 2", f"  {2**62 + 1}: 1 picture, 1", "  not set: 1 picture, 3",
    ]  # fmt: skip
    tiers = pd.DataFrame({"resolution": ["4K", "0.5K", "2K"], "cost": [3.0, 1.0, 2.0]}).nbkit.plot("resolution", "cost")
    assert [line.split(":")[0].strip() for line in tiers.text.splitlines()[1:]] == ["0.5K", "2K", "4K"]


def test_what_cannot_be_drawn_is_said(result):
    """A misspelled column, texts up the side, too many texts or dots; no value at all is no error."""
    frame = result.to_frame()
    with pytest.raises(UnknownParameter, match="did you mean temperature"):
        frame.nbkit.plot("temprature", "cost")
    with pytest.raises(UnknownParameter, match="did you mean rating"):
        result.plot("ratng")
    with pytest.raises(RequestError, match=r"^y='prompt': its values are not numbers"):
        frame.nbkit.plot("temperature", "prompt")
    many = pd.DataFrame({"name": [str(n) for n in range(MAX_DOTS + 1)], "cost": 1.0})
    with pytest.raises(
        RequestError, match=rf"at most 5,000 dots, and 5,001 rows have a cost; frame\.sample\({MAX_DOTS}\)"
    ):
        many.nbkit.plot("cost", "cost")
    with pytest.raises(RequestError, match="x='name' has 100 different texts, and a plot has room for 40"):
        many.head(100).nbkit.plot("name", "cost")
    assert many.head(2).assign(rating=float("nan")).nbkit.plot("name", "rating").text == (
        "2 rows without a rating are not drawn"
    )
