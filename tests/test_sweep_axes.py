"""The cells of a sweep: axes of any kind, templates, order, samples, repeats, and the errors of wrong ones."""

import inspect
import subprocess
import sys
import textwrap
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from service import picture

import nbkit
from nbkit import errors

PROMPT = "A paper lantern"


def values(sweep):
    return [tuple(cell.values.values()) for cell in sweep]


def prompts(sweep):
    return [cell.request.prompt for cell in sweep]


def error_of(studio, *arguments, kind=errors.RequestError, **keywords):
    """The error that is raised when a sweep is made, or when its cells are read."""
    with pytest.raises(kind) as caught:
        list(studio.sweep(*arguments, **keywords))
    return caught.value


# -- what is an axis -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seeds",
    [
        [1, 2, 3],
        (1, 2, 3),
        range(1, 4),
        np.array([1, 2, 3]),
        pd.Series([1, 2, 3], index=[7, 8, 9]),
        pd.Index([1, 2, 3]),
        {1: "a", 2: "b", 3: "c"}.keys(),
    ],
    ids=lambda seeds: type(seeds).__name__,
)
def test_a_list_like_value_is_an_axis(studio, seeds):
    """A list, tuple, range, array, series or view gives one cell for each value, as a Python ``int``."""
    sweep = studio.sweep(PROMPT, seed=seeds)
    assert [(cell.request.seed, type(cell.request.seed)) for cell in sweep] == [(n, int) for n in (1, 2, 3)]


def test_a_generator_is_an_axis(studio):
    """It is read once, so the sweep can be iterated again."""
    sweep = studio.sweep(PROMPT, seed=(n for n in (4, 5)), temperature=map(float, ("0.1", "0.2")))
    assert values(sweep) == values(sweep) == [(4, 0.1), (4, 0.2), (5, 0.1), (5, 0.2)]


def test_a_string_or_a_path_is_one_value(studio):
    """Its characters are never an axis, neither of a parameter nor of a template variable."""
    sweep = studio.sweep("A {colour} lantern of {stuff}", colour="red", stuff=Path("silk"), thinking="HIGH")
    assert prompts(sweep) == ["A red lantern of silk"]
    assert (sweep[0].colour, sweep[0].thinking, len(sweep[0].values)) == ("red", "HIGH", 0)


def test_numpy_floats_are_rounded_to_hundredths(studio):
    """``numpy.arange`` gives the values that were meant, and a numpy scalar is one value."""
    sweep = studio.sweep(PROMPT, temperature=np.arange(0, 0.5, 0.1), topP=np.float32(0.9), seed=np.int64(3))
    assert [cell.temperature for cell in sweep] == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert {(cell.topP, cell.top_p, cell.request.seed) for cell in sweep} == {(0.9, 0.9, 3)}


@pytest.mark.parametrize("kind", ["bytes", "path", "picture"])
def test_a_list_of_lists_of_reference_images_is_an_axis(studio, tmp_path, kind):
    """One picture, or a flat list of pictures, is one value."""
    data = [picture(colour=colour) for colour in ("red", "green", "blue")]
    for number, content in enumerate(data):
        (tmp_path / f"{number}.jpg").write_bytes(content)
    paths = [tmp_path / f"{number}.jpg" for number in range(3)]
    pictures = [Image.open(path) for path in paths]
    first, second, third = {"bytes": data, "path": paths, "picture": pictures}[kind]
    assert len(studio.sweep(PROMPT, reference_images=first)) == 1
    assert len(studio.sweep(PROMPT, reference_images=[first, second])[0].request.reference_images) == 2
    sweep = studio.sweep(PROMPT, reference_images=[[first], [second, third], None])
    assert [len(cell.request.reference_images or ()) for cell in sweep] == [1, 2, 0]
    for opened in pictures:
        opened.close()


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("prompt", ["A lamp", "A lantern"]), ("width", None), ("resolution", ["1K", "2K"]), ("aspect_ratio", ["1:1", "3:2"]),
        ("seed", [1, 2**63 - 1]), ("number_results", [1, 3]), ("temperature", [0, 1]), ("top_p", [0.1, 0.9]),
        ("thinking", ["MINIMAL", "HIGH"]), ("system_prompt", ["calm", "loud"]), ("web_search", [True, False]),
        ("image_search", [True, False]), ("safety_tolerance", ["high", "off"]), ("check_content", [True, False]),
        ("safety_mode", ["none", "fast"]), ("output_format", ["PNG", "JPG"]), ("output_quality", [20, 99]),
        ("output_type", ["URL", "base64Data", "dataURI"]), ("delivery_method", ["sync", "async"]), ("ttl", [60, 600]),
        ("include_cost", [True, False]), ("extra", [{"new": 1}, {"new": 2}]),
        ("webhook_url", ["https://a.example/x", "https://b.example/y"]),
        ("upload_endpoint", ["https://a.example/x", "https://b.example/y"]),
    ],
)  # fmt: skip
def test_any_parameter_can_be_an_axis(studio, name, given):
    """Each parameter of a request may vary, also one that does not change the picture."""
    axes = {name: given} if given else {"width": [512, 1024], "height": [512, 1024]}
    sweep = studio.sweep(**{"prompt": PROMPT, **axes})
    assert [getattr(cell.request, name) for cell in sweep] == (given or [512, 1024])
    assert len(sweep.plan()) == len(sweep)


def test_width_and_height_are_one_axis(studio):
    """Two lists of sides give one axis of sizes, in which a width may have several heights; their lengths are equal."""
    sweep = studio.sweep(PROMPT, width=[2048, 2048, 512], height=[2048, 512, 512], seed=[1, 2])
    assert values(sweep)[::2] == [(2048, 2048, 1), (2048, 512, 1), (512, 512, 1)]
    assert len(sweep) == 6
    error = error_of(studio, PROMPT, width=[512, 1024], height=[512])
    assert (error.parameter, error.value, error.reason) == ("width", {"width": 2, "height": 1}, "count")
    assert "width has 2, height has 1" in str(error)


def test_a_request_can_be_the_template(studio):
    """A keyword in either spelling overrides its value; another tier keeps the request's aspect ratio."""
    request = nbkit.ImageRequest(PROMPT, width=1264, height=848, top_p=0.5, temperature=0.3, extra={"new": 1})
    sweep = studio.sweep(request, topP=[0.1, 0.2], resolution=["1K", "4K"], temperature=None)
    assert [cell.request.size for cell in sweep] == [(1264, 848), (5056, 3392)] * 2
    assert [cell.top_p for cell in sweep] == [0.1, 0.1, 0.2, 0.2]
    assert {(cell.temperature, str(cell.request.extra)) for cell in sweep} == {(None, "{'new': 1}")}
    assert studio.sweep(request, width=[512], height=[512])[0].request.size == (512, 512)


# -- templates -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("A {colour} and {colour} lantern", "A red and red lantern"),
        ("A {{colour}} lantern, {colour}", "A {colour} lantern, red"),
        ("{{other}} {colour}", "{other} red"),
        ("{{{colour}}} {{{{colour}}}}", "{red} {{colour}}"),
        ('{"a": 1, "b": {"c": {colour}}} {0} {} {1: 2} {a b}', '{"a": 1, "b": {"c": red}} {0} {} {1: 2} {a b}'),
        ('{"frame": {"colour": 1}} {colour}', '{"frame": {"colour": 1}} red'),
        ("{mood!r} {mood:.2f} {mood.x} { mood } {colour}", "{mood!r} {mood:.2f} {mood.x} { mood } red"),
        ("p { color: red; } {colour}", "p { color: red; } red"),
        ("{{colour:.2f}} {colour}", "{colour:.2f} red"),
        ("{colour}}} {{{colour", "red}} {{{colour"),
        ("{\n  'a': [{colour}]\n}", "{\n  'a': [red]\n}"),
    ],
)
def test_a_template_replaces_only_names_in_braces(studio, text, filled):
    """JSON, CSS and other braces stay as they are; two braces around a name stand for one."""
    assert prompts(studio.sweep(text, colour=["red"])) == [filled]


@pytest.mark.parametrize(
    "text", ['{"a": 1}', '{"a": {"b": [1, {}]}}', "{0}", "{ }", "a } b { c", "{}", "{{}}", "p { x: y }"]
)
def test_braces_without_a_name_need_no_variable(studio, text):
    """A prompt of JSON is swept as it is."""
    assert prompts(studio.sweep(f"A lamp {text}", seed=[1, 2])) == [f"A lamp {text}"] * 2


@pytest.mark.parametrize("text", ["{colour}", "{{colour}}", "{colour!r}", "{prompt}", '{"a": {b}}', "{", "{None}"])
def test_a_request_for_one_picture_is_no_template(studio, text):
    """``generate`` sends braces as they are, and so does a request that comes from JSON."""
    assert nbkit.ImageRequest(f"A lamp {text}").to_send()["positivePrompt"] == f"A lamp {text}"
    assert studio.generate(f"A lamp {text}").request.prompt == f"A lamp {text}"


@pytest.mark.parametrize("field", ["{x:.2f}", "{x!r}", "{x.y}", "{x[0]}", "{ x }", "{x }", "{x:}", "{ x : 2 }"])
def test_a_variable_with_a_format_an_attribute_or_an_index_is_an_error(service, studio, field):
    """It says what to write instead; a template computes nothing."""
    error = error_of(studio, f"A {field} lantern, {{x}}", x=[0.25, 0.5])
    assert (error.parameter, error.reason, error.value, error.suggestion) == ("x", "format", field, "{x}")
    assert not service.received


@pytest.mark.parametrize(
    ("keywords", "name", "nearest"),
    [
        ({}, "colour", None),
        ({"color": ["red"]}, "colour", "color"),
        ({"mood": "calm", "colours": "red"}, "colour", "colours"),
        ({"temperature": 0.5}, "colour", None),
        ({"system_prompt": "Paint {mod}", "mood": ["calm"], "colour": "red"}, "mod", "mood"),
        ({"prompt": ["A lamp", "A {tpoP} lamp"], "topP": [0.1]}, "tpoP", "topP"),
        ({"prompt": iter(["A lamp", "A {m} lamp"])}, "m", None),
        ({"prompt": nbkit.ImageRequest("Write {x}", top_p=0.5)}, "x", None),
        ({"settings": {"systemPrompt": "Like {painter}"}, "colour": "red"}, "painter", None),
        ({"prompt": "At {temperature}", "temperature": None}, "temperature", "temperature"),
    ],
)
def test_a_variable_without_a_value_is_an_error_when_the_sweep_is_made(service, studio, keywords, name, nearest):
    """It names the variable and the nearest one that has a value; nothing is paid as text."""
    with pytest.raises(errors.RequestError, match=r"\{" + name + r"\} has no value") as caught:
        studio.sweep(
            **{"prompt": "A {colour} lantern, {mood}" if "mood" in keywords else "A {colour} lantern", **keywords}
        )
    assert (caught.value.parameter, caught.value.reason) == (name, "missing")
    assert caught.value.suggestion == (None if nearest == name else nearest)
    assert "{{" + name + "}}" in str(caught.value)
    assert not service.received


GAPS = [
    None,
    float("nan"),
    np.nan,
    np.float32("nan"),
    pd.NA,
    pd.NaT,
    np.datetime64("NaT", "s"),
    np.ma.masked,
    Decimal("NaN"),
]


@pytest.mark.parametrize(
    ("keywords", "cell"),
    [
        (lambda gap: {"colour": ["red", gap, "jade"]}, 1),
        (lambda gap: {"colour": ["red", gap], "seed": [1, 2, 3]}, 3),
        (lambda gap: {"seed": [1, 2, 3], "colour": ["red", gap]}, 1),
        (lambda gap: {"colour": ["red", "jade", gap], "seed": [1, 2, 3], "combine": "zip"}, 2),
        (lambda gap: {"colour": pd.Series(["red", gap], dtype=object)}, 1),
        (lambda gap: {"colour": iter(["red", gap])}, 1),
        (lambda gap: {"colour": ["red", gap], "repeats": 3}, 3),
        (lambda gap: {"colour": ["red", gap], "sample": 1}, 1),
        (lambda gap: {"colour": ["red", gap], "where": lambda cell: cell.index >= 0}, 1),
    ],
)
def test_a_gap_in_a_variable_is_an_error_that_names_variable_and_cell(service, studio, keywords, cell):
    """When the sweep is made, however the gap came into the axis."""
    for gap in GAPS:
        with pytest.raises(errors.RequestError, match=r"^colour=.* a gap is not a value for \{colour\}") as caught:
            studio.sweep("A {colour} teapot", **keywords(gap))
        assert (caught.value.parameter, caught.value.reason) == ("colour", "missing")
        assert f"(cell {cell}: " in str(caught.value)
    assert not service.received


@pytest.mark.parametrize("template", ["prompt", "system_prompt"])
def test_a_gap_as_the_only_value_of_a_variable_is_an_error(studio, template):
    """In either template."""
    for gap in GAPS:
        keywords = {"prompt": "A teapot", template: "A {colour} teapot"}
        with pytest.raises(errors.RequestError, match="gap") as caught:
            studio.sweep(**keywords, colour=gap)
        assert caught.value.parameter == "colour"


def test_a_gap_can_be_left_out(studio):
    """``where=`` may do it; and ``None`` in an axis of a parameter means "not sent" where no template holds it."""
    sweep = studio.sweep("A {colour} lamp", colour=["red", None, "jade"], where=lambda cell: cell.colour is not None)
    assert prompts(sweep) == ["A red lamp", "A jade lamp"]
    assert len(studio.sweep(PROMPT, temperature=[None, 0.5])) == 2
    zipped = studio.sweep(["A lamp", "At {temperature}"], temperature=[None, 0.5], combine="zip")
    assert prompts(zipped) == ["A lamp", "At 0.5"]
    with pytest.raises(errors.RequestError, match=r"temperature=None: a gap .*\(cell 2: ") as caught:
        studio.sweep(["A lamp", "At {temperature}"], temperature=[None, 0.5])
    assert caught.value.parameter == "temperature"


@pytest.mark.parametrize("value", ["", "nan", "None", 0, False, 0.0, b"x", Path("silk"), np.str_("NaT")])
def test_a_value_that_is_no_gap_is_inserted(studio, value):
    """A text is never a gap, not even one that spells it."""
    assert prompts(studio.sweep("A {x} lamp", x=[value])) == [f"A {value} lamp"]


ARGUMENTS = [name for name, p in inspect.signature(nbkit.Studio.sweep).parameters.items() if p.kind != p.VAR_KEYWORD]
OTHER_NAMES = [
    "self",
    "task_type",
    "taskUUID",
    "task_uuid",
    "settings",
    "safety",
    "inputs",
    "providerSettings",
]
OTHER_NAMES += [
    "positivePrompt",
    "systemPrompt",
    "referenceImages",
    "topP",
    "numberResults",
    "webhookURL",
    "repeat",
    "cell",
]
OTHER_NAMES += [
    "status",
    "images",
    "low",
    "high",
    "values",
    "request",
    "key",
    "index",
    "file",
    "keywords",
    "prompts",
    "class",
]


@pytest.mark.parametrize("given", [["tiny", "wide"], "tiny", None], ids=str)
def test_a_variable_with_any_name_works_or_is_an_error_that_says_that_it_is_taken(studio, given):
    """No prompt is left with its braces, and no argument of the sweep takes the variable's value."""
    for name in [*ARGUMENTS, *OTHER_NAMES]:
        keywords, error = {} if given is None else {name: given}, None
        try:
            sweep = studio.sweep(f"A {{{name}}} lantern", **keywords)
        except errors.RequestError as refused:
            error = refused
        if error is None:
            assert prompts(sweep) == [f"A {text} lantern" for text in ([given] if isinstance(given, str) else given)]
            assert len(sweep.plan()) == len(sweep)
        else:
            assert error.parameter == name
            assert given is None or f"{{the_{name}}}" in str(error)
            other = studio.sweep(f"A {{the_{name}}} lantern", **{f"the_{name}": given or "tiny"})
            assert prompts(other)[0] == "A tiny lantern"


def test_a_parameter_in_a_template_goes_by_each_of_its_spellings(studio):
    """The value is sent as the parameter and stands in the prompt."""
    sweep = studio.sweep("At {top_p} or {topP}, seed {seed}", topP=[0.1, 0.2], seed=3)
    assert prompts(sweep) == ["At 0.1 or 0.1, seed 3", "At 0.2 or 0.2, seed 3"]
    assert [cell.request.top_p for cell in sweep] == [0.1, 0.2]


def test_a_value_is_inserted_as_it_is(studio):
    """Braces and regular-expression syntax in a value have no meaning."""
    sweep = studio.sweep("{a} with {b}", a=["{b}", r"\1 $0 {a}"], b="tassels")
    assert prompts(sweep) == ["{b} with tassels", r"\1 $0 {a} with tassels"]


def test_the_system_prompt_is_a_template_too(studio):
    """A prompt may also contain a parameter, as it was spelled in the call."""
    sweep = studio.sweep("At {topP}", system_prompt="Paint like {painter}.", painter=["Monet", "Munch"], topP=0.5)
    assert [cell.request.system_prompt for cell in sweep] == ["Paint like Monet.", "Paint like Munch."]
    assert sweep[0].request.prompt == "At 0.5"
    assert sweep[1].painter == "Munch"


def test_a_variable_that_no_prompt_uses_is_an_error(studio):
    """It may be a misspelled parameter, so the error suggests the nearest one; one prompt that uses it is enough."""
    error = error_of(studio, PROMPT, temprature=[0.1, 0.2], kind=errors.UnknownParameter)
    assert (error.parameter, error.reason, error.suggestion) == ("temprature", "unknown", "temperature")
    assert "no prompt holds {temprature}" in str(error)
    assert len(studio.sweep(["a lamp", "a {kind} lamp"], kind=["red", "tall"])) == 4


def test_an_argument_of_sweep_cannot_be_an_axis(studio):
    """A list for ``name`` or ``repeats``, or a variable called ``repeat`` beside repeats, is an error that names it."""
    for wrong in (
        {"name": ["a", "b"]},
        {"repeats": [1, 2]},
        {"repeats": 0},
        {"sample": -1},
        {"sample": 2.5},
        {"name": ""},
    ):
        (argument,) = wrong
        assert error_of(studio, PROMPT, **wrong).parameter == argument
    assert error_of(studio, "A {repeat} lantern", repeat=["a"], repeats=2).parameter == "repeat"
    assert error_of(studio, PROMPT, taskUUID="x").parameter == "taskUUID"


# -- wrong axes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "parameter", "reason", "words"),
    [
        ({"temperature": [0.2, 1.5]}, "temperature", "range", "temperature=1.5"),
        ({"seed": []}, "seed", "count", "seed: add at least one value"),
        ({"seed": {1, 2}}, "seed", "type", "a set has no order"),
        ({"seed": iter(())}, "seed", "count", "seed: add at least one value"),
        ({"thinking": ["HIGH", "high"]}, "thinking", "choice", "thinking='high'"),
        ({"temperature": [0.3, 0.30000000000000004]}, "temperature", "conflict", "0.3 twice"),
        ({"seed": pd.DataFrame({"a": [1]})}, "seed", "type", "seed is a table"),
        ({"seed": np.ones((2, 2), int)}, "seed", "type", "seed is a table"),
        ({"prompt": [PROMPT, "x"]}, "prompt", "length", "prompt='x'"),
        ({"combine": "cross"}, "combine", "choice", "combine='cross'"),
        ({"seed": [1], "repeats": 2}, "repeats", "conflict", "repeats="),
        ({"topP": 0.1, "top_p": 0.2}, "top_p", "conflict", "top_p"),
        ({"temperature": pd.Series([0.1, None])}, "temperature", "range", "temperature=nan"),
    ],
)
def test_a_wrong_axis_raises_an_error_that_names_axis_and_value(service, studio, wrong, parameter, reason, words):
    """Nothing is sent before."""
    error = error_of(studio, **{"prompt": PROMPT, **wrong})
    assert (error.parameter, error.reason) == (parameter, reason)
    assert words in str(error)
    assert not service.received


def test_a_sweep_has_at_most_a_hundred_thousand_cells(studio):
    """For a larger product the error suggests ``sample=``, and an endless generator ends with an error."""
    error = error_of(studio, PROMPT, seed=range(1001), temperature=np.arange(0, 1, 0.01))
    assert (error.parameter, error.reason) == ("sample", "count")
    assert "100,100 cells" in str(error)
    assert "sample=" in str(error)
    error = error_of(studio, PROMPT, seed=iter(int, 1))
    assert (error.parameter, error.reason) == ("seed", "count")
    assert "100,000 values" in str(error)
    assert len(studio.sweep(PROMPT, seed=range(1000), temperature=np.arange(0, 1, 0.01))) == 100_000


# -- order, samples, repeats ---------------------------------------------------------------------------------


def test_the_last_axis_varies_fastest(studio):
    """A product keeps the order of the axes in the call, parameters and variables alike; ``zip`` takes them in step."""
    sweep = studio.sweep("A {c} lantern", seed=[1, 2], c=["red", "jade"], temperature=[0.1, 0.2])
    assert values(sweep)[:3] == [(1, "red", 0.1), (1, "red", 0.2), (1, "jade", 0.1)]
    assert (sweep[0].index, sweep[-1].index, sweep[-1].values["seed"]) == (0, 7, 2)
    assert [cell.index for cell in sweep[2:8:3]] == [2, 5]
    with pytest.raises(IndexError, match="8 cells"):
        sweep[8]
    zipped = studio.sweep("A {c} lantern", c=["red", "jade"], seed=[1, 1], thinking="HIGH", combine="zip")
    assert values(zipped) == [("red", 1), ("jade", 1)]
    error = error_of(studio, "A {c}", c=["a", "b"], seed=[1, 2, 3], combine="zip")
    assert (error.value, error.reason) == ({"c": 2, "seed": 3}, "count")
    assert "c has 2, seed has 3" in str(error)


def test_where_selects_cells(studio):
    """The function sees parameters and variables, varied or fixed, and may exclude what the model does not allow."""
    sweep = studio.sweep(
        "A {c} lantern, {m}", c=["red", "jade"], m="calm", temperature=[0.1, 0.9],
        where=lambda cell: cell.m == "calm" and (cell.c == "red" or cell.temperature > 0.5),
    )  # fmt: skip
    assert values(sweep) == [("red", 0.1), ("red", 0.9), ("jade", 0.9)]
    assert [cell.index for cell in sweep] == [0, 1, 2]
    mixed = {"output_type": ["URL", "base64Data"], "ttl": [None, 600]}
    assert len(studio.sweep(PROMPT, **mixed, where=lambda cell: cell.ttl is None or cell.output_type == "URL")) == 3
    error = error_of(studio, PROMPT, **mixed, where=lambda _: True)
    assert (error.parameter, error.value, error.reason) == ("ttl", 600, "conflict")
    with pytest.raises(AttributeError, match="colour"):
        studio.sweep(PROMPT, seed=[1], where=lambda cell: cell.colour)


def test_a_sample_is_drawn_from_a_product_that_is_never_built(studio):
    """Twenty of 10²⁰ cells come once each and in order, others with another ``random_state``, fewer if there are fewer."""
    axes = {f"v{n}": range(100) for n in range(10)}
    text = " ".join(f"{{{name}}}" for name in axes)
    sweep = studio.sweep(text, **axes, sample=20)
    assert len(set(prompts(sweep))) == len(sweep) == 20
    assert values(sweep) == sorted(values(sweep))
    assert prompts(sweep) != prompts(studio.sweep(text, **axes, sample=20, random_state=np.int64(1)))
    assert len(studio.sweep(PROMPT, seed=[1, 2], sample=20)) == 2
    even = studio.sweep(PROMPT, seed=range(50), sample=10, where=lambda cell: cell.seed % 2 == 0)
    assert [cell.seed % 2 for cell in even] == [0] * 10
    error = error_of(studio, text, **axes, sample=100_001)
    assert (error.parameter, error.reason) == ("sample", "count")


def test_each_repeat_has_a_seed_of_its_own(studio):
    """All seeds differ, and adding a value or a repeat does not change those that were there."""
    first = studio.sweep(PROMPT, temperature=[0.1, 0.2], repeats=3)
    seeds = {tuple(cell.values.values()): cell.request.seed for cell in first}
    assert len(set(seeds.values())) == 6
    assert [cell.repeat for cell in first] == [1, 2, 3, 1, 2, 3]
    more = studio.sweep(PROMPT, temperature=[0.5, 0.1, 0.2], repeats=4)
    assert seeds.items() <= {tuple(cell.values.values()): cell.request.seed for cell in more}.items()
    sampled = studio.sweep(PROMPT, temperature=np.arange(0, 1, 0.1), sample=4, repeats=3)
    assert [cell.repeat for cell in sampled] == [1, 2, 3] * 4
    assert {cell.request.seed for cell in sampled}.isdisjoint({None})


def test_a_new_process_draws_the_same_cells(studio, tmp_path):
    """Sample, seeds of repeats and the name of the sweep are the same in another kernel, the name for any axis order."""
    code = """
        import nbkit, sys
        studio = nbkit.Studio(engine="http://127.0.0.1:9/v1", path=sys.argv[1])
        sweep = studio.sweep("A {c} lantern", c=["red", "jade"], temperature=[n / 10 for n in range(10)], sample=5, repeats=2)
        print(sweep.name, [(cell.index, *cell.values.values(), cell.request.seed, cell.key) for cell in sweep])
        studio.close()
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "other")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    sweep = studio.sweep(
        "A {c} lantern", temperature=[n / 10 for n in range(10)], c=["red", "jade"], sample=5, repeats=2
    )
    assert sweep.name == printed.split()[0]
    sweep = studio.sweep(
        "A {c} lantern", c=["red", "jade"], temperature=[n / 10 for n in range(10)], sample=5, repeats=2
    )
    cells = [(cell.index, *cell.values.values(), cell.request.seed, cell.key) for cell in sweep]
    assert printed.strip() == f"{sweep.name} {cells}"
