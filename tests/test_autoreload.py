"""``%autoreload`` in a real IPython shell: nbkit's modules are left out of it, and a changed file breaks nothing."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from IPython.extensions import autoreload

import nbkit

SHELL = """
import json, os, sys, time
from pathlib import Path
from IPython.core.interactiveshell import InteractiveShell
from IPython.terminal.interactiveshell import TerminalInteractiveShell

package, cells, files = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
shell = TerminalInteractiveShell.instance()
for number, cell in enumerate(cells):
    if cell is None:
        for file in files:
            text = (package / file).read_text("utf-8")
            (package / file).write_text(text + "\\n\\ndef added():\\n    return 7\\n\\n\\nADDED = object()\\n", "utf-8")
            os.utime(package / file, (time.time() + 10, time.time() + 10))
    else:
        shell.run_cell(cell).raise_error()
        assert not shell.user_ns.get("failed"), cell
print("RESULT", json.dumps(shell.user_ns.get("result")))
"""

FILES = [
    "__init__.py",
    "errors.py",
    "request/image_request.py",
    "request/parameter.py",
    "service/response.py",
    "service/client.py",
    "results/run.py",
    "ledger/task_session.py",
    "log/store.py",
    "offline/engine.py",
    "studio.py",
]

BEFORE = [
    "import nbkit\nstudio = nbkit.Studio(engine='offline')",
    "first = studio.generate('A lantern', seed=7, width=512, height=512)",
    "request = nbkit.ImageRequest('A teapot', width=512, height=512, seed=8)",
]
AFTER = [
    "second = studio.generate(request)",
    "third = first.rerun(seed=9)",
    "try:\n    nbkit.ImageRequest('A lantern', width=1)\nexcept nbkit.RequestError as error:\n    caught = error.parameter",
    "rows = len(studio.df); recovered = len(studio.recover())",
    "result = [second.status, third.status, caught, rows, recovered, isinstance(studio.last, nbkit.Run)]",
]


def run_shell(tmp_path, cells, files):
    """Run cells in a shell with a copy of nbkit; ``None`` among them changes files. Returns ``result`` and the output."""
    package = tmp_path / "copy" / "nbkit"
    shutil.copytree(Path(nbkit.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-c", SHELL, str(package), json.dumps(cells), json.dumps(files)],
        env={"PYTHONPATH": str(package.parent), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path)},
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[-1].removeprefix("RESULT ")), done.stdout + done.stderr


MODES = {"2": ("2", True), "3, nbkit first": ("3", False)}
if "--full" in Path(autoreload.__file__).read_text("utf-8"):  # not in every IPython
    MODES["full, nbkit first"] = ("2 --full", False)


@pytest.mark.parametrize(("mode", "is_first"), MODES.values(), ids=MODES)
def test_a_studio_works_on_after_files_of_nbkit_changed(tmp_path, mode, is_first):
    """All at once, as after ``pip install -U`` under a living kernel; nothing is reloaded, and nothing is said."""
    load = ["%load_ext autoreload", f"%autoreload {mode} -p"]
    cells = [*load, *BEFORE] if is_first else [*BEFORE, *load, "1"]
    result, output = run_shell(tmp_path, [*cells, None, *AFTER], FILES)
    assert result == ["done", "done", "height", 3, 0, True]
    assert "Reloading" not in output
    assert "failed" not in output


def test_a_reloader_that_was_loaded_again_leaves_nbkit_out_too(tmp_path):
    """``%reload_ext autoreload`` begins a new list of the modules that are left out."""
    cells = [
        "%load_ext autoreload",
        "%autoreload 2 -p",
        *BEFORE,
        "%reload_ext autoreload",
        "%autoreload 2 -p",
        "1",
        None,
        *AFTER,
    ]
    result, output = run_shell(tmp_path, cells, FILES)
    assert result == ["done", "done", "height", 3, 0, True]
    assert "Reloading" not in output


def test_whoever_works_on_nbkit_can_have_a_module_reloaded(tmp_path):
    """``%aimport nbkit.display.text`` says so, and later cells do not take it back."""
    cells = [
        "%load_ext autoreload",
        "%autoreload 2 -p",
        "import nbkit.display.text",
        "%aimport nbkit.display.text",
        "1",
        None,
        "result = nbkit.display.text.added()",
    ]
    result, output = run_shell(tmp_path, cells, ["display/text.py"])
    assert result == 7
    assert output.count("Reloading 'nbkit") == 1


def test_other_modules_are_reloaded_as_ever(tmp_path):
    """Only nbkit is left out."""
    (tmp_path / "lesson.py").write_text("def value():\n    return 1\n", "utf-8")
    change = "from pathlib import Path; import os, time\nPath('lesson.py').write_text('def value():\\n    return 2\\n')\nos.utime('lesson.py', (time.time() + 10,) * 2)"
    cells = [
        "%load_ext autoreload",
        "%autoreload 2",
        "import sys; sys.path.insert(0, '.'); import lesson, nbkit",
        change,
        "result = lesson.value()",
    ]
    assert run_shell(tmp_path, cells, [])[0] == 2
