"""``%%imagine``: the options that a person types, the request that is sent, the errors, and completion."""

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
from service import picture
from traitlets.config import Config

import nbkit
from nbkit import studio as studio_module
from nbkit.errors import UnknownParameter
from nbkit.magic import load_ipython_extension, read_line
from nbkit.measures.facts import examine
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.parameter import Boolean, Choice
from nbkit.results.run import Run


class Notebook:
    """Cells that a real shell executes one after the other.

    Attributes:
        shell: IPython's.
        names: the variables of the notebook.
    """

    def __init__(self, shell):
        self.shell, self.names = shell, shell.user_ns

    def run(self, *lines):
        """Execute a cell, and return its value."""
        result = self.shell.run_cell("\n".join(lines))
        result.raise_error()
        return result.result

    def request(self, *lines):
        """Execute a cell, and return the request of its run."""
        return self.run(*lines).request

    def error(self, *lines):
        """Execute a cell that raises a RequestError, and return the error."""
        error = self.shell.run_cell("\n".join(lines)).error_in_exec
        assert isinstance(error, nbkit.RequestError), error
        return error

    def completions(self, text):
        """The texts that TAB at the end of a text makes of it."""
        with provisionalcompleter():
            found = list(self.shell.Completer.completions(text, len(text)))
        return {text[: one.start] + one.text for one in found}


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """A shell that is no singleton, and restores what it changes in this process."""
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
    # They would collect all garbage when the process ends, once for each test, and save a history that is empty.
    atexit.unregister(shell.atexit_operations)
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
def without_studio(shell):
    """A notebook with the extension and no studio."""
    notebook = Notebook(shell)
    notebook.run("%load_ext nbkit")
    return notebook


# -- what is sent ------------------------------------------------------------------------------------------------


def test_the_body_of_the_cell_is_the_prompt(notebook):
    """With its quotation marks; the run is the value of the cell, and the latest run of the studio."""
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
def test_the_prompt_is_the_body_as_it_was_typed(notebook, body, capsys):
    """Only blank lines around it are removed; no variable is filled in, and no semicolon hides the picture."""
    notebook.names.update(i=3, colour="red")
    assert notebook.request("%%imagine", "", "  ", body, "", " ").prompt == body
    assert "<Run done" in capsys.readouterr().out


def value_and_text(parameter):
    """A value of a parameter, and its text in the line of options."""
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
    """With hyphens, as in Python and as in the API; the request equals the one that Python makes."""
    parameter = PARAMETERS[name]
    value, text = value_and_text(parameter)
    more = {"width": {"height": 848}, "height": {"width": 1264}}.get(name, {})
    expected = ImageRequest("A lamp", **{name: value}, **more)
    for spelling in {name.replace("_", "-"), *parameter.spellings} - {"requestedSeed"}:
        line = " ".join([f"--{spelling} {text}", *(f"--{other} {size}" for other, size in more.items())])
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
def test_a_boolean_option_is_true_without_a_value_and_false_with_no(notebook, words, value):
    """``on``, ``off``, ``True`` and ``false`` are values of it, too."""
    assert notebook.request(f"%%imagine {words}", "A lamp").web_search is value


def test_variables_in_the_line_of_options_are_replaced_by_their_values(notebook):
    """IPython does so for ``{i}`` and ``$i`` in the line of every magic, and not in the body."""
    notebook.names.update(i=4, hot="0.9")
    request = notebook.request("%%imagine --seed {i+1} --temperature $hot", "A lamp {i} $hot")
    assert request == ImageRequest("A lamp {i} $hot", seed=5, temperature=0.9)


def test_format_replaces_the_variables_in_the_body(notebook):
    """By the rules of a sweep's template: values are not formatted again, and other braces stay."""
    notebook.names.update(colour="{mood} red", mood="calm", n=3)
    request = notebook.request("%%imagine --format", 'A {colour} lamp, {n}, {mood}: {"a": 1} {} {{n}} {k:d}')
    assert request.prompt == 'A {mood} red lamp, 3, calm: {"a": 1} {} {n} {k:d}'
    error = notebook.error("%%imagine --format", "A {color} lamp")
    assert error.parameter == "color"
    assert "no variable color" in str(error)
    for field in ("{n:d}", "{n!r}", "{n.real}", "{ n }"):
        assert notebook.error("%%imagine --format", f"A {field} lamp").value == field
    notebook.names.update(gone=None)
    assert notebook.error("%%imagine --format", "A {gone} lamp").parameter == "gone"
    assert notebook.request("%%imagine", "A {gone} {n:d} {{n}} lamp").prompt == "A {gone} {n:d} {{n}} lamp"


def test_reference_images_may_be_variables_files_addresses_and_uuids(notebook, tmp_path):
    """In any mixture; their order is kept."""
    run = notebook.run("%%imagine --as first --seed 1 --output-format PNG", "A lamp")
    assert notebook.names["first"] is run
    (tmp_path / "a lamp.png").write_bytes(run.image.bytes)
    (tmp_path / "first.png").write_bytes(nbkit.Studio(engine="offline").generate("A cup", seed=2).image.bytes)
    uploaded = str(uuid.uuid4())
    notebook.names.update(pil=run.image.pil, several=[run.image, tmp_path / "first.png"])
    request = notebook.request(
        f'%%imagine --reference-images first pil "a lamp.png" first.png {uploaded}'
        " --reference-images several https://e.com/x.png",
        "Like these",
    )
    expected = ImageRequest(
        "Like these",
        reference_images=[
            *(run.image, run.image.pil, Path("a lamp.png"), Path("first.png"), uploaded),
            *(run.image, Path("first.png"), "https://e.com/x.png"),
        ],
    )
    assert request == expected


def test_a_backslash_in_the_line_of_options_escapes_nothing():
    """So a path of Windows can be typed as it is; quotation marks keep its spaces."""
    _, keywords = read_line(r"--reference-images C:\new\table.png 'D:\my files\it.png'", {})
    assert keywords == {"reference_images": [Path(r"C:\new\table.png"), Path(r"D:\my files\it.png")]}


def test_a_run_as_reference_images_is_its_pictures(notebook):
    """As in ``studio.generate``: all of them, in their order."""
    run = notebook.run("%%imagine --as run --number-results 2", "A lamp")
    request = notebook.request("%%imagine --reference-images run", "Like these")
    assert request == ImageRequest("Like these", reference_images=[run[0], run[1]])


def test_the_settings_of_a_picture_are_the_defaults_of_a_cell(notebook, tmp_path):
    """An empty body uses its prompt; options and a body override; a seed that the service drew is the picture's."""
    first = notebook.run("%%imagine --temperature 0.4 --aspect-ratio 16:9", "A lantern")
    first.image.save(tmp_path / "lantern.jpg", metadata=True)
    drawn = first.request.replace(seed=first.seed)
    assert notebook.request("%%imagine --from lantern.jpg") == drawn
    assert notebook.request("%%imagine --from=lantern.jpg --topP 0.9", "  ") == drawn.replace(top_p=0.9)
    assert notebook.request(
        f"%%imagine --from '{tmp_path}/lantern.jpg' --temperature 0.8 --resolution 0.5K", "A boat"
    ) == (drawn.replace(prompt="A boat", temperature=0.8, resolution="0.5K"))
    assert notebook.run("%%imagine --estimate --from lantern.jpg").low == first.cost


def test_reference_images_of_a_picture_are_those_of_the_log(notebook, tmp_path):
    """A file names them by their hash; one that no log has is an error, before anything is sent."""
    run = notebook.run("%%imagine --seed 3", "A lantern")
    edited = run.image.edit("In the snow")
    edited.image.save(tmp_path / "snow.png", metadata=True)
    assert notebook.request("%%imagine --from snow.png") == edited.request
    foreign = nbkit.ImageRequest("A lantern", reference_images=[picture("PNG")])
    nbkit.GeneratedImage(facts=examine(picture("PNG")), data=picture("PNG"), request=foreign).save(
        "x.png", metadata=True
    )
    runs = len(notebook.names["studio"].log)
    with pytest.raises(nbkit.errors.StorageError, match="no longer in the image folder; give it again"):
        notebook.run("%%imagine --from x.png")
    assert len(notebook.names["studio"].log) == runs


def test_what_is_left_out_of_a_picture_is_printed(notebook, capsys):
    """An address in a file is not called."""
    request = nbkit.ImageRequest("A lantern", webhook_url="https://example.com/done", seed=4)
    nbkit.GeneratedImage(facts=examine(picture("PNG")), data=picture("PNG"), request=request).save(
        "x.png", metadata=True
    )
    assert notebook.request("%%imagine --from x.png") == request.replace(webhook_url=None)
    assert "webhook_url was left out" in capsys.readouterr().out


def test_a_file_without_settings_is_an_error_of_the_cell(notebook, tmp_path):
    """A missing file too; nothing is sent."""
    (tmp_path / "x.jpg").write_bytes(picture("JPG"))
    assert "has no settings in it" in str(notebook.error("%%imagine --from x.jpg", "A lantern"))
    assert "cannot be read" in str(notebook.error("%%imagine --from no.jpg"))
    assert "lacks its value" in str(notebook.error("%%imagine --from", "A lantern"))


def test_estimate_returns_the_price_and_sends_nothing(notebook):
    """The same price as ``studio.estimate``."""
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
        ("--reference-images nothing", "reference_images", "has none"),
        ("--seed 1 --seed 2", "seed", "given twice"),
        ("--top-p 0.1 --topP 0.2", "topP", "two spellings of one parameter"),
        ("--seed", "--seed", "--seed lacks its value: a whole number"),
        ("--studio", "--studio", "--studio lacks its value: the name of a variable"),
        ("--format=3", "--format", "takes no value"),
        ("--studio other", "studio", "other = nbkit.Studio() makes one"),
        ("--as 3", "as", "must be a name"),
        ("--as class", "as", "must be a name"),
        ("--system-prompt 'calm", "options", "quotation mark"),
        ("A lamp", "options", "'A' belongs to no option: the prompt begins in the second line"),
    ],
)
def test_an_invalid_option_raises_with_a_message_of_one_line_and_sends_nothing(
    notebook, capsys, line, parameter, message
):
    """The message is printed without a traceback; the cell fails, so that Run All stops."""
    notebook.names["nothing"] = Run(request=ImageRequest("A lamp"), task_uuid="", status="failed")
    error = notebook.error(f"%%imagine {line}", "A lamp")
    assert error.parameter == parameter
    assert message in str(error)
    printed = capsys.readouterr()
    assert f"RequestError: {error}\n" in printed.out
    assert len((printed.out + printed.err).splitlines()) == 1
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
def test_an_unknown_option_raises_with_the_nearest_option(notebook, option, suggestion):
    """An option is never accepted by its first letters only."""
    error = notebook.error(f"%%imagine {option} 5", "A lamp")
    assert isinstance(error, UnknownParameter)
    assert error.suggestion == suggestion
    assert suggestion is None or f"did you mean {suggestion}?" in str(error)
    assert notebook.names["studio"].df.empty


def test_a_cell_without_a_body_raises_and_sends_nothing(notebook, capsys):
    """Also with the prompt in the line of options, and as a line magic; the message names ``%%imagine``."""
    error = notebook.error("%%imagine --seed 3", "", "  ")
    assert (error.parameter, error.reason) == ("prompt", "missing")
    assert "prompt is missing" in str(error)
    for cell in ("%%imagine A lamp", "%imagine A lamp"):
        assert not notebook.shell.run_cell(cell).success
        printed = capsys.readouterr()
        assert "%%imagine" in printed.out + printed.err
    assert notebook.names["studio"].df.empty


def test_an_error_of_the_studio_is_printed_in_one_line_and_keeps_its_type(notebook, capsys):
    """Such as ``BudgetExceeded``."""
    notebook.names["poor"] = nbkit.Studio(engine="offline", path="poor", budget=0.01)
    result = notebook.shell.run_cell("%%imagine --studio poor\nA lamp")
    assert isinstance(result.error_in_exec, nbkit.BudgetExceeded)
    assert len(capsys.readouterr().out.splitlines()) == 1
    notebook.names["poor"].close()


@pytest.mark.parametrize("cell", ["%%imagine --help", "%%imagine --seed 3 --help\nA lamp"])
def test_help_prints_every_parameter_with_its_sentence_and_sends_nothing(notebook, capsys, cell):
    """With or without a body."""
    assert notebook.run(cell) is None
    printed = " ".join(capsys.readouterr().out.split())
    for name, parameter in PARAMETERS.items():
        if name != "prompt":
            assert f"--{name.replace('_', '-')} " in printed
            assert parameter.help in printed
    assert "--no-web-search " in printed
    assert notebook.names["studio"].df.empty


def test_a_question_mark_after_the_magic_shows_its_options(notebook):
    """``%%imagine?`` shows the docstring."""
    assert "--aspect-ratio" in notebook.shell.object_inspect("%%imagine")["docstring"]


# -- which studio ------------------------------------------------------------------------------------------------


def test_the_first_picture_makes_a_studio_if_the_notebook_has_none(without_studio, capsys, monkeypatch):
    """It becomes the variable ``studio``, and a notice is printed once; a request that raises makes no studio."""
    monkeypatch.setattr(studio_module, "PRINTED_NOTICES", set())
    notebook = without_studio
    notebook.error("%%imagine --temperature 7", "A lamp")
    notebook.run("%%imagine --estimate", "A lamp")
    assert "studio" not in notebook.names
    notebook.run("%%imagine", "A lamp")
    printed = capsys.readouterr().out
    studio = notebook.names["studio"]
    assert "drawn offline" in printed
    assert printed.count("studio = nbkit.Studio()") == 1
    notebook.run("%%imagine", "A cup")
    assert notebook.names["studio"] is studio
    assert "nbkit.Studio()" not in capsys.readouterr().out
    assert len(studio.df) == 2
    studio.close()


def test_a_variable_named_studio_that_is_no_studio_is_not_overwritten(without_studio, capsys):
    """The magic then uses a studio that is no variable, and prints so once."""
    notebook = without_studio
    notebook.names["studio"] = "Abbey Road"
    runs = [notebook.run("%%imagine", "A lamp"), notebook.run("%%imagine", "A cup")]
    assert notebook.names["studio"] == "Abbey Road"
    assert [run.status for run in runs] == ["done", "done"]
    assert capsys.readouterr().out.count("a studio of its own") == 1


def test_the_only_studio_of_the_notebook_is_used_whatever_its_name(without_studio, tmp_path):
    """With its engine and budget; if there are several, ``--studio`` is required."""
    notebook = without_studio
    notebook.names["mine"] = mine = nbkit.Studio(engine="offline", path=tmp_path / "mine", budget=1)
    run = notebook.run("%%imagine --resolution 0.5K", "A lamp")
    assert mine.last == run
    assert "studio" not in notebook.names
    notebook.names["other"] = other = nbkit.Studio(engine="offline", path=tmp_path / "other")
    notebook.error("%%imagine --resolution 0.5K", "A lamp")
    for studio in (mine, other):
        studio.close()


def test_the_option_studio_chooses_the_studio(notebook, tmp_path):
    """By the name of its variable."""
    notebook.names["other"] = other = nbkit.Studio(engine="offline", path=tmp_path / "other")
    run = notebook.run("%%imagine --studio other", "A lamp")
    assert other.last == run
    assert notebook.names["studio"].df.empty
    other.close()


# -- completion --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "completed"),
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
def test_tab_completes_options_choices_studios_and_reference_images(notebook, typed, completed):
    """For a reference image: variables of the notebook that hold pictures, and files beside it."""
    notebook.names.update(lantern=Path("lantern.png"), language="Python")
    Path("lantern.png").write_bytes(b"")
    assert notebook.completions(f"%%imagine {typed}") == {f"%%imagine {text}" for text in completed}


def test_tab_after_the_magic_offers_every_option_in_one_spelling(notebook):
    """The one with hyphens."""
    found = notebook.completions("%%imagine ")
    assert {f"%%imagine --{name.replace('_', '-')}" for name in PARAMETERS if name != "prompt"} < found
    assert "%%imagine --top_p" not in found


@pytest.mark.parametrize(
    "text", ["--tem", "x = 1\n%%imagine --tem", "%%imagine\n--tem", "%%imagine\n%%imagine --tem", "%%time --tem"]
)
def test_tab_offers_options_in_the_first_line_of_an_imagine_cell_only(notebook, text):
    """Blank lines above it do not count."""
    assert not any("temperature" in found for found in notebook.completions(text))
    assert notebook.completions("\n\n%%imagine --tem") == {"\n\n%%imagine --temperature"}


# -- the extension -----------------------------------------------------------------------------------------------


def state(shell):
    """The parts of a shell that the extension changes."""
    return (
        set(shell.magics_manager.magics["cell"]),
        set(vars(shell.magics_manager.user_magics)),
        len(shell.Completer.custom_matchers),
        len(shell.input_transformers_cleanup),
    )


def test_loading_the_extension_again_changes_nothing_and_unloading_removes_it(shell, capsys):
    """With each of IPython's commands, and when ``load_ipython_extension`` is called directly."""
    notebook, before = Notebook(shell), state(shell)
    notebook.run("%load_ext nbkit")
    loaded = state(shell)
    assert loaded != before
    for command in ("%load_ext nbkit", "%reload_ext nbkit", "%reload_ext nbkit"):
        notebook.run(command)
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
    """A kernel in a process of its own: its client and its manager."""
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
    """Execute a cell, and return the kernel's reply and the outputs."""
    outputs = []
    reply = client.execute_interactive(code, timeout=60, output_hook=outputs.append)
    return reply["content"], [one["content"] for one in outputs if one["header"]["msg_type"] != "status"]


def completions_of(client, code):
    """The texts that TAB at the end of a cell makes of it, as a front end gets them."""
    content = client.complete(code, len(code), reply=True, timeout=60)["content"]
    return [code[: content["cursor_start"]] + match + code[content["cursor_end"] :] for match in content["matches"]]


def test_a_real_kernel_shows_the_picture_completes_options_and_reports_an_error_in_one_line(kernel):
    """The reply to the cell with the error has the status ``error``, so that Run All stops."""
    client, _ = kernel
    assert run_cell(client, "%load_ext nbkit")[0]["status"] == "ok"
    assert completions_of(client, "%%imagine --tem") == ["%%imagine --temperature"]
    assert sorted(completions_of(client, "%%imagine --thinking ")) == [
        "%%imagine --thinking HIGH",
        "%%imagine --thinking MINIMAL",
    ]
    assert completions_of(client, "%%imagine --aspect-ratio 16:") == ["%%imagine --aspect-ratio 16:9"]
    assert completions_of(client, "--tem") == []
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


def test_stop_interrupts_the_cell_and_prints_that_the_run_goes_on(kernel, tmp_path):
    """Like ``studio.generate``."""
    client, manager = kernel
    run_cell(client, "%load_ext nbkit\nimport nbkit")
    run_cell(client, "studio = nbkit.Studio(engine=nbkit.Offline(latency=60), path='runs')")
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    client.execute("%%imagine\nA lamp")
    deadline = time.monotonic() + 30
    while studio.df.status.tolist() != ["sent"]:
        assert time.monotonic() < deadline, "it was not sent"
        time.sleep(0.02)
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=20)["content"]
    assert reply["ename"] == "KeyboardInterrupt"
    printed = ""
    while "Stopped waiting" not in printed:
        printed += client.get_iopub_msg(timeout=20)["content"].get("text", "")
    studio.close()
