"""What varies in a sweep and what stays: axes of any kind, templates, order, samples, repeats, and what is refused."""

import subprocess
import sys
import textwrap
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


def refused(studio, *arguments, kind=errors.RequestError, **keywords):
    """The error of a sweep that is refused before it is made, or when its cells are looked at."""
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
    """Lists, tuples, ranges, arrays, series and views give one cell for each value, as plain whole numbers."""
    sweep = studio.sweep(PROMPT, seed=seeds)
    assert [(cell.request.seed, type(cell.request.seed)) for cell in sweep] == [(n, int) for n in (1, 2, 3)]


def test_generators_are_read_once(studio):
    """A generator is an axis, and can be gone through as often as one likes."""
    sweep = studio.sweep(PROMPT, seed=(n for n in (4, 5)), temperature=map(float, ("0.1", "0.2")))
    assert values(sweep) == values(sweep) == [(4, 0.1), (4, 0.2), (5, 0.1), (5, 0.2)]


def test_a_string_is_one_value(studio):
    """Text is never a sequence of letters, neither as a parameter nor as a variable; bytes and paths neither."""
    sweep = studio.sweep("A {colour} lantern of {stuff}", colour="red", stuff=Path("silk"), thinking="HIGH")
    assert prompts(sweep) == ["A red lantern of silk"]
    assert (sweep[0].colour, sweep[0].thinking, len(sweep[0].values)) == ("red", "HIGH", 0)


def test_arange_gives_hundredths(studio):
    """``numpy.arange`` counts as the hundredths that were meant; scalars without a dimension are one value."""
    sweep = studio.sweep(PROMPT, temperature=np.arange(0, 0.5, 0.1), topP=np.float32(0.9), seed=np.int64(3))
    assert [cell.temperature for cell in sweep] == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert {(cell.topP, cell.top_p, cell.request.seed) for cell in sweep} == {(0.9, 0.9, 3)}


@pytest.mark.parametrize("kind", ["bytes", "path", "picture"])
def test_reference_images(studio, tmp_path, kind):
    """One picture or a flat list of them is one value; a list of lists is an axis."""
    data = [picture(colour=colour) for colour in ("red", "green", "blue")]
    for number, one in enumerate(data):
        (tmp_path / f"{number}.jpg").write_bytes(one)
    paths = [tmp_path / f"{number}.jpg" for number in range(3)]
    pictures = [Image.open(path) for path in paths]
    first, second, third = {"bytes": data, "path": paths, "picture": pictures}[kind]
    assert len(studio.sweep(PROMPT, reference_images=first)) == 1
    assert len(studio.sweep(PROMPT, reference_images=[first, second])[0].request.reference_images) == 2
    sweep = studio.sweep(PROMPT, reference_images=[[first], [second, third], None])
    assert [len(cell.request.reference_images or ()) for cell in sweep] == [1, 2, 0]
    for one in pictures:
        one.close()


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
    """Whatever a request has may vary, also what does not change the picture."""
    how = {name: given} if given else {"width": [512, 1024], "height": [512, 1024]}
    sweep = studio.sweep(**{"prompt": PROMPT, **how})
    assert [getattr(cell.request, name) for cell in sweep] == (given or [512, 1024])
    assert len(sweep.plan()) == len(sweep)


def test_width_and_height_move_together(studio):
    """Two lists of sides are one axis of sizes; the same width may come with different heights."""
    sweep = studio.sweep(PROMPT, width=[2048, 2048, 512], height=[2048, 512, 512], seed=[1, 2])
    assert values(sweep)[::2] == [(2048, 2048, 1), (2048, 512, 1), (512, 512, 1)]
    assert len(sweep) == 6
    error = refused(studio, PROMPT, width=[512, 1024], height=[512])
    assert "width has 2, height has 1" in str(error)


def test_a_request_can_be_the_template(studio):
    """Its values stay unless a keyword overrides them, in either spelling; another tier keeps its shape."""
    request = nbkit.ImageRequest(PROMPT, width=1264, height=848, top_p=0.5, temperature=0.3, extra={"new": 1})
    sweep = studio.sweep(request, topP=[0.1, 0.2], resolution=["1K", "4K"], temperature=None)
    assert [cell.request.size for cell in sweep] == [(1264, 848), (5056, 3392)] * 2
    assert [cell.top_p for cell in sweep] == [0.1, 0.1, 0.2, 0.2]
    assert {(cell.temperature, str(cell.request.extra)) for cell in sweep} == {(None, "{'new': 1}")}
    assert studio.sweep(request, width=[512], height=[512])[0].request.size == (512, 512)


# -- templates -----------------------------------------------------------------------------------------------


def test_only_names_that_were_given_are_replaced(studio):
    """JSON, other braces and formats stay as they are; a name may come twice."""
    text = 'A {colour} and {colour} lantern {mood!r} {0} {} {{colour}} {"frame": {"colour": 1}}'
    sweep = studio.sweep(text, colour=["red"])
    assert sweep[0].request.prompt == text.replace("{colour}", "red")


def test_what_is_put_in_is_not_read_again(studio):
    """A value with braces, or with the signs of a regular expression, arrives as it is."""
    sweep = studio.sweep("{a} with {b}", a=["{b}", r"\1 $0 {a}"], b="tassels")
    assert prompts(sweep) == ["{b} with tassels", r"\1 $0 {a} with tassels"]


def test_variables_in_the_system_prompt(studio):
    """The system prompt is a template too; parameters may be named in a prompt as they were spelled."""
    sweep = studio.sweep("At {topP}", system_prompt="Paint like {painter}.", painter=["Monet", "Munch"], topP=0.5)
    assert [cell.request.system_prompt for cell in sweep] == ["Paint like Monet.", "Paint like Munch."]
    assert sweep[0].request.prompt == "At 0.5"
    assert sweep[1].painter == "Munch"


def test_a_variable_that_no_prompt_uses_is_an_error(studio):
    """It is a misspelled parameter: the error suggests the nearest one."""
    error = refused(studio, PROMPT, temprature=[0.1, 0.2], kind=errors.UnknownParameter)
    assert error.suggestion == "temperature"
    assert "no prompt holds {temprature}" in str(error)
    assert (
        len(studio.sweep(["a lamp", "a {kind} lamp"], kind=["red", "tall"])) == 4
    )  # one prompt that uses it is enough


def test_names_that_a_sweep_has_itself(studio):
    """A list for ``name`` or ``repeats`` is no axis, and says so; ``repeat`` cannot be a variable beside repeats."""
    for how in (
        {"name": ["a", "b"]},
        {"repeats": [1, 2]},
        {"repeats": 0},
        {"sample": -1},
        {"sample": 2.5},
        {"name": ""},
    ):
        (argument,) = how
        assert refused(studio, "A {name} lantern", **how).parameter == argument
    assert refused(studio, "A {repeat} lantern", repeat=["a"], repeats=2).parameter == "repeat"
    assert refused(studio, PROMPT, model=["google:4@3"]).parameter == "model"
    assert refused(studio, PROMPT, taskUUID="x").parameter == "taskUUID"


# -- refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"temperature": [0.2, 1.5]}, "temperature=1.5"), ({"seed": []}, "without a value"), ({"seed": {1, 2}}, "a set has no order"),
        ({"seed": iter(())}, "without a value"), ({"thinking": ["HIGH", "high"]}, "thinking='high'"),
        ({"temperature": [0.3, 0.30000000000000004]}, "0.3 twice"), ({"seed": pd.DataFrame({"a": [1]})}, "seed is a table"),
        ({"seed": np.ones((2, 2), int)}, "seed is a table"), ({"prompt": [PROMPT, "x"]}, "prompt='x'"),
        ({"combine": "cross"}, "combine='cross'"), ({"seed": [1], "repeats": 2}, "repeats="), ({"topP": 0.1, "top_p": 0.2}, "top_p"),
        ({"temperature": pd.Series([0.1, None])}, "temperature=nan"),
    ],
)  # fmt: skip
def test_what_is_refused(service, studio, how, words):
    """The error names the axis and the value, and nothing is sent."""
    assert words in str(refused(studio, **{"prompt": PROMPT, **how}))
    assert not service.received


def test_above_a_hundred_thousand_it_says_so(studio):
    """A product that is too large stops at once and names ``sample=``; an endless generator ends."""
    error = refused(studio, PROMPT, seed=range(1001), temperature=np.arange(0, 1, 0.01))
    assert "100,100 cells" in str(error)
    assert "sample=" in str(error)
    assert "100,000 values" in str(refused(studio, PROMPT, seed=iter(int, 1)))
    assert len(studio.sweep(PROMPT, seed=range(1000), temperature=np.arange(0, 1, 0.01))) == 100_000


# -- order, samples, repeats ---------------------------------------------------------------------------------


def test_the_last_axis_is_the_fastest(studio):
    """A product goes through its axes as they were given, whatever their kind; zip goes step by step."""
    sweep = studio.sweep("A {c} lantern", seed=[1, 2], c=["red", "jade"], temperature=[0.1, 0.2])
    assert values(sweep)[:3] == [(1, "red", 0.1), (1, "red", 0.2), (1, "jade", 0.1)]
    assert (sweep[0].index, sweep[-1].index, sweep[-1].values["seed"]) == (0, 7, 2)
    assert [cell.index for cell in sweep[2:8:3]] == [2, 5]
    with pytest.raises(IndexError, match="8 cells"):
        sweep[8]
    zipped = studio.sweep("A {c} lantern", c=["red", "jade"], seed=[1, 1], thinking="HIGH", combine="zip")
    assert values(zipped) == [("red", 1), ("jade", 1)]
    assert "c has 2, seed has 3" in str(refused(studio, "A {c}", c=["a", "b"], seed=[1, 2, 3], combine="zip"))


def test_a_predicate_keeps_cells(studio):
    """``where=`` sees parameters and variables of both kinds; it may leave out what the model does not allow."""
    sweep = studio.sweep(
        "A {c} lantern, {m}", c=["red", "jade"], m="calm", temperature=[0.1, 0.9],
        where=lambda cell: cell.m == "calm" and (cell.c == "red" or cell.temperature > 0.5),
    )  # fmt: skip
    assert values(sweep) == [("red", 0.1), ("red", 0.9), ("jade", 0.9)]
    assert [cell.index for cell in sweep] == [0, 1, 2]
    mixed = {"output_type": ["URL", "base64Data"], "ttl": [None, 600]}
    assert len(studio.sweep(PROMPT, **mixed, where=lambda cell: cell.ttl is None or cell.output_type == "URL")) == 3
    assert "ttl=600" in str(refused(studio, PROMPT, **mixed, where=lambda _: True))
    with pytest.raises(AttributeError, match="colour"):
        studio.sweep(PROMPT, seed=[1], where=lambda cell: cell.colour)


def test_a_sample_of_a_product_that_is_never_built(studio):
    """Twenty cells of ten to the twentieth, each once, in order; fewer where there are fewer; another draw on request."""
    axes = {f"v{n}": range(100) for n in range(10)}
    text = " ".join(f"{{{name}}}" for name in axes)
    sweep = studio.sweep(text, **axes, sample=20)
    assert len(set(prompts(sweep))) == len(sweep) == 20
    assert values(sweep) == sorted(values(sweep))
    assert prompts(sweep) != prompts(studio.sweep(text, **axes, sample=20, random_state=np.int64(1)))
    assert len(studio.sweep(PROMPT, seed=[1, 2], sample=20)) == 2
    even = studio.sweep(PROMPT, seed=range(50), sample=10, where=lambda cell: cell.seed % 2 == 0)
    assert [cell.seed % 2 for cell in even] == [0] * 10
    assert "sample=" in str(refused(studio, text, **axes, sample=100_001))


def test_repeats_draw_fresh_seeds(studio):
    """Each cell comes so often, with seeds that are all different and stay when a value or a repeat is added."""
    first = studio.sweep(PROMPT, temperature=[0.1, 0.2], repeats=3)
    seeds = {tuple(cell.values.values()): cell.request.seed for cell in first}
    assert len(set(seeds.values())) == 6
    assert [cell.repeat for cell in first] == [1, 2, 3, 1, 2, 3]
    more = studio.sweep(PROMPT, temperature=[0.5, 0.1, 0.2], repeats=4)
    assert seeds.items() <= {tuple(cell.values.values()): cell.request.seed for cell in more}.items()
    sampled = studio.sweep(PROMPT, temperature=np.arange(0, 1, 0.1), sample=4, repeats=3)
    assert [cell.repeat for cell in sampled] == [1, 2, 3] * 4
    assert {cell.request.seed for cell in sampled}.isdisjoint({None})


def test_a_new_process_draws_the_same(studio, tmp_path):
    """Samples, repeats' seeds and the sweep's own name come out alike in another kernel."""
    code = """
        import nbkit, sys
        studio = nbkit.Studio(engine="http://127.0.0.1:9/v1", path=sys.argv[1])
        sweep = studio.sweep("A {c} lantern", c=["red", "jade"], temperature=[n / 10 for n in range(10)], sample=5, repeats=2)
        print(sweep.name, [(cell.index, *cell.values.values(), cell.request.seed, cell.key) for cell in sweep])
        studio.close()
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "other")]
    there = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    sweep = studio.sweep(
        "A {c} lantern", temperature=[n / 10 for n in range(10)], c=["red", "jade"], sample=5, repeats=2
    )
    assert sweep.name == there.split()[0]  # the order of the axes takes no part in the name
    sweep = studio.sweep(
        "A {c} lantern", c=["red", "jade"], temperature=[n / 10 for n in range(10)], sample=5, repeats=2
    )
    here = [(cell.index, *cell.values.values(), cell.request.seed, cell.key) for cell in sweep]
    assert there.strip() == f"{sweep.name} {here}"
