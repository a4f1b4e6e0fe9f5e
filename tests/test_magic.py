"""``%%imagine``: what a person types in a cell, what is sent, what they read, and what TAB offers."""

from __future__ import annotations

import atexit
import builtins
import sys
import time
import uuid
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.manager import KernelManager
from traitlets.config import Config

import nbkit
from nbkit import studio as studio_module
from nbkit.errors import UnknownParameter
from nbkit.magic.imagine import load_ipython_extension
from nbkit.magic.options import read_line
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.parameter import Boolean, Choice
from nbkit.results.run import Run


class Notebook:
    """Cells that are run one after the other in a real shell."""

    def __init__(self, shell):
        self.shell, self.names = shell, shell.user_ns

    def run(self, *lines):
        """The value of a cell."""
        result = self.shell.run_cell("\n".join(lines))
        result.raise_error()
        return result.result

    def sent(self, *lines):
        """The request of a run, as it was sent."""
        return self.run(*lines).request

    def refused(self, *lines):
        """What is wrong with a cell that fails."""
        error = self.shell.run_cell("\n".join(lines)).error_in_exec
        assert isinstance(error, nbkit.RequestError), error
        return error

    def offered(self, text):
        """What TAB offers at the end of a text, and where it goes."""
        with provisionalcompleter():
            found = list(self.shell.Completer.completions(text, len(text)))
        return {text[: one.start] + one.text for one in found}


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """A shell that is no singleton and leaves this process as it found it."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    for name in ("__IPYTHON__", "display"):
        monkeypatch.setattr(builtins, name, None, raising=False)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(sys, "path", [*sys.path])
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config)
    yield shell
    atexit.unregister(shell.atexit_operations)  # it would collect all garbage after each test, and there is no history
    shell.restore_sys_module_state()


@pytest.fixture
def notebook(shell, tmp_path):
    """A notebook with the extension and an offline studio."""
    notebook = Notebook(shell)
    notebook.run("%load_ext nbkit")
    notebook.names["studio"] = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    yield notebook
    notebook.names["studio"].close()


@pytest.fixture
def bare(shell):
    """A notebook with the extension and no studio."""
    notebook = Notebook(shell)
    notebook.run("%load_ext nbkit")
    return notebook


# -- what is sent ------------------------------------------------------------------------------------------------


def test_the_body_is_the_prompt(notebook):
    """Quotation marks need no care; the run is the cell's value, and the latest of the studio."""
    run = notebook.run(
        "%%imagine --temperature 0.7 --seed 3", 'A paper lantern shop at night, a sign reads "OPEN LATE"'
    )
    expected = ImageRequest('A paper lantern shop at night, a sign reads "OPEN LATE"', temperature=0.7, seed=3)
    assert run.request == expected
    assert run.status == "done"
    assert notebook.names["_"] is run
    assert notebook.names["studio"].last == run


@pytest.mark.parametrize(
    "body",
    [
        'Braces stay: {"light": [1, 2]}, {colour}, {{x}}',
        "Money stays: $i for $5, 50 %s",
        "  indented\n\n    and with a gap",
        "an end that is no end;",
        "--seed 5 is no option here",
        "%%imagine is a word here",
        'back\\slash \\n, \'one\' and """three"""',
        "Licht für 夜 \u2028 🏮",
    ],
)
def test_the_body_stays_as_it_was_typed(notebook, body, capsys):
    """Only the blank lines around it go; nothing in it is filled in, and nothing silences the picture."""
    notebook.names.update(i=3, colour="red")
    assert notebook.sent("%%imagine", "", "  ", body, "", " ").prompt == body
    assert "<Run done" in capsys.readouterr().out


def words_for(parameter):
    """A value of the parameter, and how it is typed."""
    special = {
        "width": (1264, "1264"),
        "height": (848, "848"),
        "ttl": (600, "600"),
        "output_quality": (80, "80"),
        "number_results": (2, "2"),
        "reference_images": (["https://example.com/a.png"], "https://example.com/a.png"),
        "webhook_url": ("https://example.com/hook?key={0}&a=$b", '"https://example.com/hook?key={0}&a=$b"'),
        "upload_endpoint": ("https://example.com/put", "https://example.com/put"),
        "system_prompt": ("calm, warm light", "'calm, warm light'"),
        "output_type": ("URL", "URL"),
    }
    if parameter.name in special:
        return special[parameter.name]
    if isinstance(parameter.kind, Boolean):
        return True, "on"
    if isinstance(parameter.kind, Choice):
        return parameter.kind.choices[-1], parameter.kind.choices[-1]
    return (7, "7") if parameter.name == "seed" else (0.25, "0.25")


@pytest.mark.parametrize("name", [name for name in PARAMETERS if name != "prompt"])
def test_every_parameter_is_an_option_in_every_spelling(name):
    """With hyphens, as in Python and as in the API: the request is the one that Python would make."""
    parameter = PARAMETERS[name]
    value, word = words_for(parameter)
    more = {"width": {"height": 848}, "height": {"width": 1264}}.get(name, {})
    expected = ImageRequest("A lamp", **{name: value}, **more)
    for spelling in {name.replace("_", "-"), *parameter.spellings} - {"requestedSeed"}:
        line = " ".join([f"--{spelling} {word}", *(f"--{other} {size}" for other, size in more.items())])
        _, keywords = read_line(line, {})
        assert ImageRequest("A lamp", **keywords) == expected


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("--web-search", True),
        ("--web-search on", True),
        ("--webSearch=True", True),
        ("--web_search off", False),
        ("--web-search false", False),
        ("--no-web-search", False),
        ("--no-web_search", False),
        ("", None),
    ],
)
def test_a_flag(notebook, words, value):
    """Alone it means on."""
    assert notebook.sent(f"%%imagine {words}", "A lamp").web_search is value


def test_ipython_fills_the_line_of_options(notebook):
    """``{i}`` and ``$i`` are variables there, as in the line of every magic."""
    notebook.names.update(i=4, hot="0.9")
    request = notebook.sent("%%imagine --seed {i+1} --temperature $hot", "A lamp {i} $hot")
    assert request == ImageRequest("A lamp {i} $hot", seed=5, temperature=0.9)


def test_format_fills_the_body(notebook):
    """``--format`` follows the rules of a sweep's template: what is put in is not read again, other braces stay."""
    notebook.names.update(colour="{mood} red", mood="calm", n=3)
    request = notebook.sent("%%imagine --format", 'A {colour} lamp, {n}, {mood}: {"a": 1} {} {n:d}')
    assert request.prompt == 'A {mood} red lamp, 3, calm: {"a": 1} {} {n:d}'
    error = notebook.refused("%%imagine --format", "A {color} lamp")
    assert error.parameter == "color"
    assert "no variable color" in str(error)


def test_reference_images_of_all_sorts(notebook, tmp_path):
    """Variables of the notebook, files beside it, addresses and UUIDs, in their order."""
    run = notebook.run("%%imagine --as first --seed 1 --output-format PNG", "A lamp")
    assert notebook.names["first"] is run
    (tmp_path / "a lamp.png").write_bytes(run.image.bytes)
    (tmp_path / "first.png").write_bytes(nbkit.Studio(engine="offline").generate("A cup", seed=2).image.bytes)
    known = str(uuid.uuid4())
    notebook.names.update(pil=run.image.pil, several=[run.image, tmp_path / "first.png"])
    request = notebook.sent(
        f'%%imagine --reference-images first pil "a lamp.png" first.png {known} --reference-images several https://e.com/x.png',
        "Like these",
    )
    expected = ImageRequest(
        "Like these",
        reference_images=[
            *(run.image, run.image.pil, Path("a lamp.png"), Path("first.png"), known),
            *(run.image, Path("first.png"), "https://e.com/x.png"),
        ],
    )
    assert request == expected


def test_a_backslash_is_a_letter():
    """A path of Windows is typed as it is, and quotation marks keep its spaces."""
    _, keywords = read_line(r"--reference-images C:\new\table.png 'D:\my files\it.png'", {})
    assert keywords == {"reference_images": [Path(r"C:\new\table.png"), Path(r"D:\my files\it.png")]}


def test_a_run_stands_for_its_first_picture(notebook):
    """As ``run.image`` does; a list of its pictures stands for each of them."""
    run = notebook.run("%%imagine --as run --number-results 2", "A lamp")
    notebook.names["both"] = list(run)
    assert read_line("--reference-images run", notebook.names)[1] == {"reference_images": [run[0]]}
    assert read_line("--reference-images both", notebook.names)[1] == {"reference_images": [run[0], run[1]]}


def test_estimate_sends_nothing(notebook):
    """``--estimate`` is the price that ``studio.estimate`` tells."""
    studio = notebook.names["studio"]
    price = notebook.run("%%imagine --estimate --as price --number-results 3", "A lamp")
    assert price == notebook.names["price"] == studio.estimate("A lamp", number_results=3)
    assert studio.df.empty


# -- what a person reads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "parameter", "message"),
    [
        ("--temperature 1.7", "temperature", "a number from 0 to 1 in steps of 0.01. Nearest: temperature=1.0"),
        ("--topP 1.7", "topP", "Nearest: topP=1.0"),
        ("--top-p 1.7", "top_p", "Nearest: top_p=1.0"),
        ("--seed 1.5", "seed", "must be a whole number"),
        ("--seed=-1", "seed", "must be a whole number"),
        ("--seed abc", "seed", "seed='abc': must be a whole number"),
        ("--thinking high", "thinking", "Nearest: thinking='HIGH'"),
        ("--web-search maybe", "web_search", "must be True or False"),
        ("--width 1000 --height 900", "width", "Nearest: width="),
        ("--reference-images no.png", "reference_images", "No such file"),
        ("--reference-images rnu", "reference_images", "neither a variable of the notebook nor a file beside it"),
        ("--reference-images nothing", "reference_images", "has no picture"),
        ("--seed 1 --seed 2", "seed", "given twice"),
        ("--top-p 0.1 --topP 0.2", "topP", "two spellings of one parameter"),
        ("--seed", "--seed", "--seed lacks its value: a whole number"),
        ("--studio", "--studio", "--studio lacks its value: the name of a variable"),
        ("--format=3", "--format", "takes no value"),
        ("--studio other", "studio", "other = nbkit.Studio() makes one"),
        ("--as 3", "as", "must be a name"),
        ("--as class", "as", "must be a name"),
        ("--system-prompt 'calm", "options", "quotation mark"),
        ("A lamp", "options", "'A' belongs to no option: the prompt stands below"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(notebook, capsys, line, parameter, message):
    """The request's own words, no traceback, nothing sent; the exception is a real one, so that Run All stops."""
    notebook.names["nothing"] = Run(request=ImageRequest("A lamp"), task_uuid="", status="failed")
    error = notebook.refused(f"%%imagine {line}", "A lamp")
    assert error.parameter == parameter
    assert message in str(error)
    told = capsys.readouterr()
    assert f"RequestError: {error}\n" in told.out
    assert len((told.out + told.err).splitlines()) == 1
    assert notebook.names["studio"].df.empty


@pytest.mark.parametrize(
    ("option", "suggestion"),
    [
        ("--temprature", "--temperature"),
        ("--temperture=0.7", "--temperature"),
        ("--aspectratio", "--aspect-ratio"),
        ("--aspectRato", "--aspectRatio"),
        ("-seed", "--seed"),
        ("—seed", "--seed"),
        ("--seeds", "--seed"),
        ("--estimte", "--estimate"),
        ("--no-web-serch", "--no-web-search"),
        ("--xyzzy", None),
        ("--prompt", None),
        ("--negative-prompt", None),
    ],
)
def test_an_unknown_option(notebook, option, suggestion):
    """It is an error that knows the nearest name; an option is never guessed from its beginning."""
    error = notebook.refused(f"%%imagine {option} 5", "A lamp")
    assert isinstance(error, UnknownParameter)
    assert error.suggestion == suggestion
    assert suggestion is None or f"did you mean {suggestion}?" in str(error)
    assert notebook.names["studio"].df.empty


def test_a_prompt_in_the_wrong_place(notebook, capsys):
    """No body, or the line magic of that name: a hint, and nothing sent."""
    assert "prompt is missing" in str(notebook.refused("%%imagine --seed 3", "", "  "))
    for cell in ("%%imagine A lamp", "%imagine A lamp"):
        assert not notebook.shell.run_cell(cell).success
        told = capsys.readouterr()
        assert "%%imagine" in told.out + told.err
    assert notebook.names["studio"].df.empty


def test_other_errors_keep_their_kind(notebook, capsys):
    """What a studio refuses is told in one line, too."""
    notebook.names["poor"] = nbkit.Studio(engine="offline", path="poor", budget=0.01)
    result = notebook.shell.run_cell("%%imagine --studio poor\nA lamp")
    assert isinstance(result.error_in_exec, nbkit.BudgetExceeded)
    assert len(capsys.readouterr().out.splitlines()) == 1
    notebook.names["poor"].close()


@pytest.mark.parametrize("cell", ["%%imagine --help", "%%imagine --seed 3 --help\nA lamp"])
def test_help(notebook, capsys, cell):
    """Every parameter with its sentence; a cell that asks for help needs no body."""
    assert notebook.run(cell) is None
    told = " ".join(capsys.readouterr().out.split())
    for name, parameter in PARAMETERS.items():
        if name != "prompt":
            assert f"--{name.replace('_', '-')} " in told
            assert parameter.help in told
    assert notebook.names["studio"].df.empty


def test_the_question_mark_tells_the_same(notebook):
    """``%%imagine?`` shows the options."""
    assert "--aspect-ratio" in notebook.shell.object_inspect("%%imagine")["docstring"]


# -- whose studio ------------------------------------------------------------------------------------------------


def test_it_makes_a_studio_when_there_is_none(bare, capsys, monkeypatch):
    """It stands in the notebook as ``studio``, which is said once; a refused request makes none."""
    monkeypatch.setattr(studio_module, "_printed_notices", set())
    bare.refused("%%imagine --temperature 7", "A lamp")
    bare.run("%%imagine --estimate", "A lamp")
    assert "studio" not in bare.names
    bare.run("%%imagine", "A lamp")
    told = capsys.readouterr().out
    made = bare.names["studio"]
    assert "drawn offline" in told
    assert told.count("studio = nbkit.Studio()") == 1
    bare.run("%%imagine", "A cup")
    assert bare.names["studio"] is made
    assert "nbkit.Studio()" not in capsys.readouterr().out
    assert len(made.df) == 2
    made.close()


def test_it_takes_nobodys_name(bare, capsys):
    """Where ``studio`` is something else it keeps a studio of its own."""
    bare.names["studio"] = "Abbey Road"
    runs = [bare.run("%%imagine", "A lamp"), bare.run("%%imagine", "A cup")]
    assert bare.names["studio"] == "Abbey Road"
    assert [run.status for run in runs] == ["done", "done"]
    assert capsys.readouterr().out.count("a studio of its own") == 1


def test_the_only_studio_is_meant_whatever_its_name(bare, tmp_path):
    """Its engine and its budget are the person's; of several, one has to be named."""
    bare.names["mine"] = mine = nbkit.Studio(engine="offline", path=tmp_path / "mine", budget=1)
    run = bare.run("%%imagine --resolution 0.5K", "A lamp")
    assert mine.last == run
    assert "studio" not in bare.names
    bare.names["other"] = other = nbkit.Studio(engine="offline", path=tmp_path / "other")
    bare.refused("%%imagine --resolution 0.5K", "A lamp")
    for studio in (mine, other):
        studio.close()


def test_another_studio(notebook, tmp_path):
    """``--studio`` names it."""
    notebook.names["other"] = other = nbkit.Studio(engine="offline", path=tmp_path / "other")
    run = notebook.run("%%imagine --studio other", "A lamp")
    assert other.last == run
    assert notebook.names["studio"].df.empty
    other.close()


# -- completion --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("--tem", ["--temperature"]),
        ("--seed 3 --tem", ["--seed 3 --temperature"]),
        ('--system-prompt "calm light" --tem', ['--system-prompt "calm light" --temperature']),
        ("--topP", ["--topP"]),
        ("--thinking ", ["--thinking MINIMAL", "--thinking HIGH"]),
        ("--thinking h", ["--thinking HIGH"]),
        ("--thinking=", ["--thinking=MINIMAL", "--thinking=HIGH"]),
        ("--aspect-ratio 21", ["--aspect-ratio 21:9"]),
        ("--aspect-ratio 3:", ["--aspect-ratio 3:2", "--aspect-ratio 3:4"]),
        ("--aspectRatio=3:", ["--aspectRatio=3:2", "--aspectRatio=3:4"]),
        ("--web-search ", ["--web-search on", "--web-search off"]),
        ("--no-w", ["--no-web-search"]),
        ("--studio ", ["--studio studio"]),
        ("--reference-images lan", ["--reference-images lantern", "--reference-images lantern.png"]),
        ("--reference-images x.png lan", ["--reference-images x.png lantern", "--reference-images x.png lantern.png"]),
    ],
)
def test_tab(notebook, typed, offered):
    """Options, choices, and for a reference image the notebook's pictures and the files beside it."""
    notebook.names.update(lantern=Path("lantern.png"), language="Python")
    Path("lantern.png").write_bytes(b"")
    assert notebook.offered(f"%%imagine {typed}") == {f"%%imagine {text}" for text in offered}


def test_tab_after_nothing_offers_every_option(notebook):
    """One spelling each."""
    found = notebook.offered("%%imagine ")
    assert {f"%%imagine --{name.replace('_', '-')}" for name in PARAMETERS if name != "prompt"} < found
    assert "%%imagine --top_p" not in found


@pytest.mark.parametrize(
    "text", ["--tem", "x = 1\n%%imagine --tem", "%%imagine\n--tem", "%%imagine\n%%imagine --tem", "%%time --tem"]
)
def test_tab_elsewhere_is_not_ours(notebook, text):
    """Only the first line of an ``%%imagine`` cell, also when blank lines stand above it."""
    assert not any("temperature" in found for found in notebook.offered(text))
    assert notebook.offered("\n\n%%imagine --tem") == {"\n\n%%imagine --temperature"}


# -- the extension -----------------------------------------------------------------------------------------------


def state(shell):
    """Where the extension leaves its marks."""
    return (
        set(shell.magics_manager.magics["cell"]),
        set(vars(shell.magics_manager.user_magics)),
        len(shell.Completer.custom_matchers),
        len(shell.input_transformers_cleanup),
    )


def test_loading_twice_and_unloading(shell, capsys):
    """However often it is loaded, it is there once; unloaded, nothing of it stays."""
    notebook, before = Notebook(shell), state(shell)
    notebook.run("%load_ext nbkit")
    loaded = state(shell)
    assert loaded != before
    for again in ("%load_ext nbkit", "%reload_ext nbkit", "%reload_ext nbkit"):
        notebook.run(again)
        assert state(shell) == loaded
    load_ipython_extension(shell)
    assert state(shell) == loaded
    notebook.run("%unload_ext nbkit")
    assert state(shell) == before
    assert not shell.run_cell("%%imagine\nA lamp").success
    notebook.run("%load_ext nbkit")
    assert state(shell) == loaded
    capsys.readouterr()


# -- a real kernel -----------------------------------------------------------------------------------------------


@pytest.fixture
def kernel(tmp_path):
    """A kernel as a notebook has one."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield client, manager
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def run_cell(client, code):
    """The reply to a cell, and its outputs."""
    outputs = []
    reply = client.execute_interactive(code, timeout=60, output_hook=outputs.append)
    return reply["content"], [one["content"] for one in outputs if one["header"]["msg_type"] != "status"]


def offered_by(client, code):
    """What a page would show at TAB."""
    content = client.complete(code, len(code), reply=True, timeout=60)["content"]
    return [code[: content["cursor_start"]] + match + code[content["cursor_end"] :] for match in content["matches"]]


def test_in_a_real_kernel(kernel):
    """The picture under the cell, one line for a mistake, TAB, and an error that stops Run All."""
    client, _ = kernel
    assert run_cell(client, "%load_ext nbkit")[0]["status"] == "ok"
    assert offered_by(client, "%%imagine --tem") == ["%%imagine --temperature"]
    assert sorted(offered_by(client, "%%imagine --thinking ")) == [
        "%%imagine --thinking HIGH",
        "%%imagine --thinking MINIMAL",
    ]
    assert offered_by(client, "%%imagine --aspect-ratio 16:") == ["%%imagine --aspect-ratio 16:9"]
    assert offered_by(client, "--tem") == []
    reply, outputs = run_cell(client, '%%imagine --seed 3\nA sign reads "OPEN LATE"')
    assert reply["status"] == "ok"
    shown = [output["data"] for output in outputs if "data" in output]
    assert "<img" in shown[0]["text/html"]
    assert "seed 3" in shown[0]["text/plain"]
    assert "text/plain" in run_cell(client, "_.seed, studio.last.seed")[1][-1]["data"]
    reply, outputs = run_cell(client, "%%imagine --temperature 7\nA lamp")
    assert (reply["status"], reply["ename"]) == ("error", "RequestError")
    assert [output["traceback"] for output in outputs if "traceback" in output] == [
        [f"RequestError: {reply['evalue']}"]
    ]


def test_stop(kernel, tmp_path):
    """An interrupt ends the cell as it ends ``studio.generate``, with its line on what goes on."""
    client, manager = kernel
    run_cell(client, "%load_ext nbkit\nimport nbkit")
    run_cell(client, "studio = nbkit.Studio(engine=nbkit.Offline(latency=60), path='runs')")
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    client.execute("%%imagine\nA lamp")
    end = time.monotonic() + 30
    while studio.df.status.tolist() != ["sent"]:
        assert time.monotonic() < end, "it was not sent"
        time.sleep(0.02)
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=20)["content"]
    assert reply["ename"] == "KeyboardInterrupt"
    told = ""
    while "Stopped waiting" not in told:
        told += client.get_iopub_msg(timeout=20)["content"].get("text", "")
    studio.close()
