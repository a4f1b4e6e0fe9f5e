"""The notebooks as files, and as they run: small, stored with their outputs, the same a second time, with checks that check."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NOTEBOOKS = sorted((HERE.parent / "notebooks").glob("*.ipynb"))

FEW = ("quickstart", "edits")
RUN = [path for path in NOTEBOOKS if path.stem in FEW or os.environ.get("NBKIT_ALL_LESSONS")]
"""The notebooks that are run: a few for each change, all of them before a release (``.ci/run --full``)."""

WRONG = (..., -1, 10**9, "", "?", [], [1], {})
"""Answers that are right in no exercise."""

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_run = pytest.mark.parametrize("path", RUN, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[dict]:
    """The code cells of a notebook."""
    return [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]


def outputs(path: Path) -> list[dict]:
    """The outputs of all code cells of a notebook."""
    return [output for cell in code_cells(path) for output in cell["outputs"]]


def test_the_quickstart_exists() -> None:
    """The README opens it."""
    assert "quickstart.ipynb" in [path.name for path in NOTEBOOKS]


@each
def test_a_notebook_is_small(path: Path) -> None:
    """With its pictures."""
    assert path.stat().st_size < 400_000


@each
def test_a_notebook_is_stored_with_its_outputs(path: Path) -> None:
    """So that it can be read without a kernel: none is an error, and every picture has an alternative text."""
    found = outputs(path)
    assert found
    assert not [output for output in found if output["output_type"] == "error"]
    html = "".join("".join(output.get("data", {}).get("text/html", "")) for output in found)
    assert html.count("<img") >= 1
    assert html.count("<img") == html.count('alt="') - html.count('alt=""')


@each
def test_a_notebook_contains_no_local_path_and_no_widget_state(path: Path) -> None:
    """Nothing of the machine on which it was executed."""
    text = path.read_text("utf-8")
    assert "/home/" not in text
    assert "/root/" not in text
    assert "/tmp/" not in text
    assert "widgets" not in json.loads(text)["metadata"]


@pytest.mark.timeout(900)  # the pictures of a lesson take their time on a busy machine
@each_run
def test_a_notebook_that_is_run_twice_in_one_folder_has_its_outputs_both_times(path: Path, tmp_path: Path) -> None:
    """A reader runs a lesson again, beside the log of the first time: each output is the stored one, each cell passes."""
    shutil.copy(path, tmp_path)
    nbval = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", str(HERE / "sanitize.cfg")]
    settings = ["-c", str(HERE.parent / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    for _ in range(2):
        command = [sys.executable, "-m", "pytest", str(tmp_path), *nbval, *settings]
        done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.timeout(900)
@each_run
def test_a_wrong_answer_to_an_exercise_gets_a_hint(path: Path, tmp_path: Path, monkeypatch) -> None:
    """And the solution is right, in the state in which a reader comes to it."""
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    answered, checked = [], 0
    for cell in code_cells(path):
        text, tags = "".join(cell["source"]), cell["metadata"].get("tags", [])
        if "exercise" in tags:
            answered = assigned_dots(text)
            assert answered
        if "teach.exercise(" not in text:
            exec(text, names)
            continue
        checked += 1
        assert value_of(text, names).right
        kept = {name: names[name] for name in answered}
        for wrong in WRONG:
            names |= dict.fromkeys(answered, wrong)
            result = value_of(text, names)
            assert (result.right, bool(result.hint)) == (None if wrong is ... else False, True), wrong
        names |= kept
    names["studio"].close()
    assert checked


def assigned_dots(text: str) -> list[str]:
    """The names to which an exercise gives ``...``."""
    return [
        target.id
        for statement in ast.parse(text).body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant)
        and statement.value.value is ...
        for target in statement.targets
        if isinstance(target, ast.Name)
    ]


def value_of(text: str, names: dict) -> object:
    """What a cell shows: the value of its last line."""
    tree = ast.parse(text)
    *before, last = tree.body
    exec(compile(ast.Module(before, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)
