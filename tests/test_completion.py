"""TAB in a call that takes parameters: names of parameters first, then their values."""

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
from IPython.core.completer import CompletionContext, IPCompleter, provisionalcompleter

import nbkit
from nbkit.completion import CALLS, call_at, complete
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.widgets.panel.sweep_panel import SweepPanel

NAMES = [f"{name}=" for name in PARAMETERS]


@pytest.fixture(scope="module")
def variables(tmp_path_factory):
    """Of a notebook: things of nbkit, and others."""
    studio = nbkit.Studio(engine="offline", path=tmp_path_factory.mktemp("runs"))
    run = nbkit.Run(request=ImageRequest("A pot"), task_uuid="", status="planned")
    own = {"studio": studio, "run": run, "runs": [run], "by_name": {"red": run}, "panel": studio.panel("A pot")}
    own |= {"nb": nbkit, "ImageRequest": ImageRequest, "generate": studio.generate, "request": run.request}
    yield {**own, "temple": "A temple", "text": "A pot", "_hidden": 1, "In": []}
    studio.close()


def tab(text, variables):
    """The completions at the end of a cell, each as the text that TAB makes of the last line."""
    lines = text.split("\n")
    found = complete(
        CompletionContext(
            token="", full_text=text, cursor_position=len(lines[-1]), cursor_line=len(lines) - 1, limit=None
        ),
        variables,
        ["In"],
    )
    typed = found.get("matched_fragment", "")
    assert text.endswith(typed)
    return [completion.text for completion in found["completions"]]


@pytest.mark.parametrize(
    "text",
    [
        "studio.generate(", "studio.estimate(", "studio.panel(", "studio.sweep(", "studio.sweep_panel(", "nb.ImageRequest(",
        "ImageRequest(", "panel.set(", "request.replace(", "run.rerun(", "run.request.replace(", "runs[0].rerun(",
        "by_name['red'].rerun(", "generate(", "print(studio.generate(", "x = 1\nstudio.generate(\n    ",
        "nb.Studio(engine='offline').generate(", 'studio.log["x"].rerun(', "[studio.generate(", "if True:\n    studio.generate(",
    ],
)  # fmt: skip
def test_an_empty_argument_offers_the_parameters_first(variables, text):
    """In the order in which they are declared, and the notebook's variables behind them."""
    found = tab(text, variables)
    assert found[: len(NAMES)] == NAMES
    assert "temple" in found[len(NAMES) :]
    assert not {"_hidden", "In", "abs"} & set(found)


def test_keywords_of_the_function_itself_come_next(variables):
    """Those that are no parameters of a request."""
    assert tab("studio.generate(", variables)[len(NAMES)] == "reuse="
    assert {"combine=", "sample=", "repeats="} < set(tab("studio.sweep(", variables))
    assert tab("studio.sweep(rep", variables)[0] == "repeats="


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('studio.generate("A pot", te', ["temperature=", "temple", "text"]),
        ('studio.generate("A pot", to', ["top_p="]),
        ('studio.generate("A pot", topP', ["topP="]),
        ('studio.generate("A pot", temperature=0.3, te', ["temple", "text"]),
        ('studio.generate("A (pot", # (\n    wid', ["width="]),
        ("studio.generate(f(1, 2), wid", ["width="]),
        ("%%time it's\nstudio.generate(wid", ["width="]),
        ('studio.generate("""A "pot" (""", wid', ["width="]),
    ],
)
def test_a_name_that_was_begun_offers_what_begins_so(variables, text, expected):
    """Not what is given already; the API's spelling where it was begun."""
    assert tab(text, variables) == expected


def test_what_is_given_is_not_offered(variables):
    """The first argument without a name is the prompt."""
    found = tab('studio.generate("A pot", topP=0.9, seed=1, ', variables)
    assert not {"prompt=", "top_p=", "seed="} & set(found)
    assert "temperature=" in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('studio.generate("A pot", resolution="', ["0.5K", "1K", "2K", "4K"]),
        ("studio.generate('A pot', resolution='2", ["2K"]),
        ('studio.generate("A pot", resolution=', ['"0.5K"', '"1K"', '"2K"', '"4K"']),
        ('studio.generate("A pot", aspectRatio="3:', ["3:2", "3:4"]),
        ("studio.generate('A pot', aspect_ratio = \"16", ["16:9"]),
        ("nb.ImageRequest(web_search=", ["True", "False"]),
        ("studio.generate('A pot', web_search=t", ["True"]),
        ("panel.set(thinking='h", ["HIGH"]),
        ('studio.sweep("A pot", resolution=["', ["0.5K", "1K", "2K", "4K"]),
        ('studio.sweep("A pot", resolution=["1K", "2', ["2K"]),
        ('studio.sweep("A pot", aspect_ratio=["1:1",\n    "16:', ["16:9"]),
        ('studio.sweep("A pot", web_search=[True, F', ["False"]),
        ('studio.sweep("A pot", thinking=[', ['"MINIMAL"', '"HIGH"']),
    ],
)
def test_the_values_of_a_parameter_are_offered(variables, text, expected):
    """With the quotation marks that lack; in a sweep also in a list."""
    assert tab(text, variables) == expected


@pytest.mark.parametrize(
    "text",
    [
        'studio.generate("A pot', 'studio.generate(prompt="A p', "studio.generate(seed=", "studio.generate(1 + ",
        "studio.generate(temple.", "text.replace(", "print(", "unknown.generate(", "studio.generate", "studio.",
        "", ")", "studio.generate()", "# studio.generate(", '"studio.generate(', "studio.generate(x(", "panel.generate(",
        "studio.generate('A pot', resolution=['", "studio.log[", "5(", "text.generate(", "studio.generate(**{'", "a['b'](",
    ],
)  # fmt: skip
def test_everything_else_is_left_to_ipython(variables, text):
    """A text, an attribute, another function, a comment, something that is not of nbkit."""
    assert tab(text, variables) == []


def test_the_calls_are_those_that_take_parameters():
    """Each public method with the parameters in its signature, and the ``set`` of a sweep panel."""
    owners = [getattr(nbkit, name) for name in nbkit.__all__ if inspect.isclass(getattr(nbkit, name))]
    found = {
        name
        for owner in owners
        for name, member in vars(owner).items()
        if inspect.isfunction(member)
        and not name.startswith("_")
        and "temperature" in inspect.signature(member).parameters
    }
    assert found | {"ImageRequest", "sweep_panel"} == set(CALLS)
    assert inspect.signature(SweepPanel.set).parameters["parameters"].kind is inspect.Parameter.VAR_KEYWORD


def test_a_long_cell_is_read_soon():
    """Brackets and quotation marks by the thousand."""
    call = call_at("x = [(1, 'a')] * 3 # it's\n" * 5000 + "studio.generate('A', wid")
    assert (call.name, call.typed) == ("generate", "wid")


SHELL = """
import json, sys
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from IPython.core.completer import provisionalcompleter
shell = TerminalInteractiveShell.instance()
for cell in ("temple = 1", "import nbkit", "import importlib; importlib.reload(nbkit)", "%load_ext nbkit"):
    shell.run_cell(cell).raise_error()
loaded = "pandas" in sys.modules
def tab(text):
    with provisionalcompleter():
        return [text[: one.start] + one.text for one in shell.Completer.completions(text, len(text))]
found = [tab("nbkit.ImageRequest("), tab("nbkit.ImageRequest('A pot', te"), tab("nbkit.ImageRequest(resolution='"), tab("pri")]
shell.user_ns["nbkit"] = type("Odd", (), {"__module__": property(lambda self: 1 / 0)})()
found.append(tab("nbkit.generate("))
print("RESULT", json.dumps([loaded, *found]))
"""


def test_importing_nbkit_in_a_shell_is_all_that_it_takes(tmp_path, monkeypatch):
    """Before anything else is loaded; other completions go on, and what goes wrong there prints nothing."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", str(Path(nbkit.__file__).parents[1]))
    done = subprocess.run(
        [sys.executable, "-c", SHELL], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stdout + done.stderr
    _, names, begun, values, other, _ = json.loads(lines[-1].removeprefix("RESULT "))
    assert names[: len(NAMES)] == [f"nbkit.ImageRequest({name}" for name in NAMES]
    assert begun == [f"nbkit.ImageRequest('A pot', {text}" for text in ("temperature=", "temple")]
    assert values == [f"nbkit.ImageRequest(resolution='{tier}" for tier in ("0.5K", "1K", "2K", "4K")]
    assert "print" in other
    assert "Traceback" not in done.stdout + done.stderr


def test_attributes_that_nobody_types_are_not_offered(tmp_path):
    """Of a run, a picture and a result, TAB has what is documented to be typed; the rest can still be read."""
    studio = nbkit.Studio(engine="offline", path=tmp_path)
    result = studio.sweep("A pot", seed=[1], resolution="0.5K").start().wait()
    own = {"run": result.runs[0], "image": result.runs[0].image, "result": result}
    completer = IPCompleter(namespace=own)
    with provisionalcompleter():
        offered = {
            name: {one.text.lstrip(".") for one in completer.completions(f"{name}.", len(name) + 1)} for name in own
        }
    assert {"status", "cost", "seed", "task_uuid", "error", "request", "image", "rerun", "as_code"} <= offered["run"]
    assert not {"cost_micros", "headline", "money", "failures", "context", "explanation"} & offered["run"]
    assert {"bytes", "pil", "path", "seed", "cost", "width", "height", "sha256", "save"} <= offered["image"]
    assert not {"cost_micros", "is_stored", "origin", "link", "figure"} & offered["image"]
    assert {"grid", "explore", "to_frame", "promote", "runs"} <= offered["result"]
    assert not {"peek", "states"} & offered["result"]
    assert result.runs[0].cost_micros == 46_570
    studio.close()
