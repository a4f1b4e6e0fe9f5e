"""Errors in an IPython shell: the user's lines and the message for an error of nbkit, everything for any other one."""

import json
import pickle
import subprocess
import sys

import pytest

import nbkit
from nbkit.errors import NoSuchKey, RequestError
from nbkit.tracebacks import short_traceback, users_frames

LESSON = """
import nbkit

def make(studio, **values):
    return studio.estimate("A pot", **values)

def again(studio):
    try:
        {}["colour"]
    except KeyError:
        make(studio, n=4)

class Broken:
    def __index__(self):
        return 1 / 0
"""

SHELL = """
import contextlib, io, json, sys
from IPython.terminal.interactiveshell import TerminalInteractiveShell

shell = TerminalInteractiveShell.instance()
shell.run_line_magic("colors", "nocolor" if sys.argv[2] == "plain" else "linux")
printed = {}
for name, cell in json.loads(sys.argv[1]).items():
    with contextlib.redirect_stdout(io.StringIO()) as out:
        shell.run_cell(cell, store_history=True)
    printed[name] = out.getvalue()
print("RESULT", json.dumps(printed))
"""

CELLS = {
    "begin": "import nbkit, lesson\nstudio = nbkit.Studio(engine='offline')",
    "a name": "x = 1\nstudio.generate('A pot', temprature=0.4)\ny = 2",
    "all of it": "%tb",
    "a module": "lesson.make(studio, seed=[1])",
    "handling": "lesson.again(studio)",
    "a cause": "studio.estimate('A pot', seed=lesson.Broken())",
    "a function": "def f():\n    x = 1\n    return studio.log['x']\nf()",
    "pandas": "import pandas as pd\npd.Series([3]).apply(lambda t: studio.estimate('A pot', temperature=t))",
    "a thread": "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor() as pool:\n    pool.submit(studio.estimate, 'A pot', n=3).result()",
    "lines": "x = 1\nrun = studio.generate(\n    'A pot',\n    n=3,\n)\ny = 2",
    "deep": "def down(n):\n    return down(n - 1) if n else studio.log['x']\ndown(60)",
    "an old one": "run = studio.generate('A pot', resolution='0.5K')\nobject.__setattr__(run, 'error', nbkit.errors.BlockedError('refused'))\ntry:\n    run.raise_for_status()\nexcept nbkit.NbkitError:\n    pass",
    "raised again": "run.raise_for_status()",
    "a bug": "def g():\n    return nbkit.Studio.generate(None)\ng()",
    "verbose": "%xmode Verbose",
    "verbose error": "studio.log['x']",
    "minimal": "%xmode Minimal",
    "minimal error": "studio.log['x']",
    "the answer": "%xmode Context\nprint(studio.estimate('A pot'))",
}  # fmt: skip


def run_cells(folder, cells, colours="plain"):
    """What a real terminal shell prints for each cell."""
    (folder / "lesson.py").write_text(LESSON, "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", SHELL, json.dumps(cells), colours],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[-1].removeprefix("RESULT "))


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What the shell prints for each cell."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("shell")
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.delenv("RUNWARE_API_KEY", raising=False)
        yield run_cells(folder, CELLS)


def test_an_error_shows_the_line_of_the_cell_and_the_message(printed):
    """The neighbouring lines and nbkit's own are left out."""
    place, line, blank, message = printed["a name"].strip().splitlines()
    assert place == "Cell In[2], line 2"
    assert line == "----> 2 studio.generate('A pot', temprature=0.4)"
    assert blank == ""
    assert message.startswith('UnknownParameter: "temprature" is not a parameter.')
    assert "Did you mean temperature?" in message


@pytest.mark.parametrize("name", CELLS)
def test_no_frame_of_nbkit_is_shown_but_where_it_is_asked_for(printed, name):
    """``%tb``, the mode Verbose and an error that is none of nbkit show them."""
    inside = "raise " in printed[name] or "nbkit/" in printed[name]
    assert inside == (name in ("all of it", "a bug", "verbose error"))


def test_a_call_in_a_module_of_the_user_shows_the_cell_and_the_line_there(printed):
    """Also where the line is in a function of the cell."""
    assert "lesson.make(studio, seed=[1])" in printed["a module"]
    assert 'return studio.estimate("A pot", **values)' in printed["a module"]
    assert "lesson.py, line 5, in make" in printed["a module"]
    assert "----> 4 f()" in printed["a function"]
    assert "----> 3 return studio.log['x']" in printed["a function"]


def test_a_statement_of_several_lines_is_shown_whole(printed):
    """From its first line to its last one."""
    shown = "----> 2 run = studio.generate(\n      3     'A pot',\n      4     n=3,\n      5 )\n"
    assert printed["lines"].startswith(f'Cell In[10], line 2\n{shown}\nUnknownParameter: "n" is')


def test_frames_of_other_packages_and_of_python_are_left_out(printed):
    """The line that pandas called is there, and so is the line that waited for a thread."""
    assert printed["pandas"].count("----> 2 ") == 2
    assert "lambda" in printed["pandas"]
    assert "pandas/core" not in printed["pandas"]
    assert "pool.submit(studio.estimate" in printed["a thread"]
    assert "_base.py" not in printed["a thread"]


def test_what_led_to_an_error_is_one_line(printed):
    """With the place in the user's code, where that is another one."""
    assert printed["a cause"].strip().endswith("Caused by ZeroDivisionError: division by zero (lesson.py, line 15)")
    assert printed["handling"].strip().endswith("While handling KeyError: 'colour' (lesson.py, line 9)")


def test_many_frames_are_few(printed):
    """The cell and the last ones."""
    assert "down(60)" in printed["deep"]
    assert len(printed["deep"].splitlines()) < 30


def test_the_error_of_a_run_shows_the_line_that_raised_it_last(printed):
    """A run keeps its error, and each ``raise_for_status()`` raises that one."""
    assert printed["raised again"].count("run.raise_for_status()") == 1


def test_the_modes_of_ipython_count(printed):
    """Minimal is the message alone."""
    assert "task_uuid = 'x'" in printed["verbose error"]
    assert printed["minimal error"].strip().count("\n") == 0
    assert printed["minimal error"].startswith("NoSuchKey: the log has no run 'x'")
    assert "$0.06895" in printed["the answer"]


def test_colours_are_those_of_ipython(tmp_path, monkeypatch):
    """An error of nbkit has the colours that any other has, and what a message has of them is escaped."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    cells = {"begin": "import nbkit", "error": "nbkit.ImageRequest('A pot', **{'\\x1b[41m': 1})", "other": "1/0"}
    shown = run_cells(tmp_path, cells, "colours")
    assert "\x1b[" in shown["error"]
    assert "\x1b[" in shown["other"]
    assert "\x1b[41m" not in shown["error"].replace("'\\x1b[41m'", "")
    assert r'"\x1b[41m" is not a parameter.' in shown["error"]


def test_an_error_without_a_shell_has_its_whole_traceback():
    """As Python itself prints it; and it is pickled as ever."""
    try:
        nbkit.ImageRequest("A pot", n=4)
    except RequestError as error:
        caught = error
    assert "Traceback (most recent call last)" in caught._render_traceback_()[0]
    assert short_traceback(caught, str) == caught._render_traceback_()
    assert [frame.tb_frame.f_code.co_name for frame in users_frames(caught.__traceback__)] == [
        "test_an_error_without_a_shell_has_its_whole_traceback"
    ]
    again = pickle.loads(pickle.dumps(caught))
    assert (str(again), again.parameter) == (str(caught), "n")
    assert str(pickle.loads(pickle.dumps(NoSuchKey("no 'x'")))) == "no 'x'"
