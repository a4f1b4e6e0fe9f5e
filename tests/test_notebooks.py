"""The notebooks as files: small, stored with their outputs, and the lesson's statements agree with its code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NOTEBOOKS = sorted((HERE.parent / "notebooks").glob("*.ipynb"))


def outputs(path: Path) -> list[dict]:
    """The outputs of all code cells of a notebook."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]


def test_the_quickstart_exists() -> None:
    """The README opens it."""
    assert "quickstart.ipynb" in [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_smaller_than_a_megabyte(path: Path) -> None:
    """With its pictures; the newer lessons are much smaller."""
    assert path.stat().st_size < (400_000 if path.stem in ("quickstart", "difference") else 1_000_000)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_with_its_outputs(path: Path) -> None:
    """So that it can be read without a kernel: none is an error, and every picture has an alternative text."""
    found = outputs(path)
    assert found
    assert not [output for output in found if output["output_type"] == "error"]
    html = "".join("".join(output.get("data", {}).get("text/html", "")) for output in found)
    assert html.count("<img") >= 2
    assert html.count("<img") == html.count('alt="') - html.count('alt=""')


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_contains_no_local_path_and_no_widget_state(path: Path) -> None:
    """Nothing of the machine on which it was executed."""
    text = path.read_text("utf-8")
    assert "/home/" not in text
    assert "/root/" not in text
    assert "/tmp/" not in text
    assert "widgets" not in json.loads(text)["metadata"]


@pytest.mark.timeout(900)  # the pictures of a lesson take their time on a busy machine
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_that_is_run_twice_in_one_folder_has_its_outputs_both_times(path: Path, tmp_path: Path) -> None:
    """A reader runs a lesson again, beside the log of the first time: each output is the stored one, each cell passes."""
    shutil.copy(path, tmp_path)
    nbval = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", str(HERE / "sanitize.cfg")]
    settings = ["-c", str(HERE.parent / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    for _ in range(2):
        command = [sys.executable, "-m", "pytest", str(tmp_path), *nbval, *settings]
        done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_the_sweep_lesson_has_something_to_stop_each_time(tmp_path, monkeypatch) -> None:
    """Its log is a new one, so no cell of an earlier time is there."""
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        names: dict = {}
        first, second, *_ = sources(next(path for path in NOTEBOOKS if path.stem == "sweep"), "code")
        exec(first, names)
        exec(second, names)
        plan = names["sweep"].plan()
        assert (plan.totals.pending_cells, set(plan.status)) == (18, {"to do"})
        names["sweep"].run(max_workers=6)
        names["studio"].close()


LESSON = next(path for path in NOTEBOOKS if path.stem == "temperature")


def sources(path: Path, kind: str) -> list[str]:
    """The texts of the cells of one kind: ``code`` or ``markdown``."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


@pytest.fixture
def variables() -> Iterator[dict]:
    """The variables of the lesson on temperature after all its cells were executed."""
    names: dict = {}
    for source in sources(LESSON, "code"):
        exec(source, names)
    yield names
    names["studio"].close()


def test_the_lesson_states_the_number_and_the_price_of_its_pictures(variables) -> None:
    """A reader knows the price before executing it with a key."""
    studio = variables["studio"]
    sentence = f"{len(studio.df)} drafts, which are listed at ${studio.budget.spent:.2f} together"
    assert sentence in "\n".join(sources(LESSON, "markdown"))


def test_the_answers_to_the_exercises_are_correct(variables) -> None:
    """Their code, which the notebook itself does not execute, returns the values that they state."""
    text = "\n".join(sources(LESSON, "markdown"))
    results = []
    for answer in re.findall(r"```python\n(.*?)```", text.split("## Exercises")[1], re.DOTALL):
        *before, last = answer.strip().splitlines()
        exec("\n".join(before), variables)
        results.append(eval(last, variables))
    jade, _, thinking = results
    table = variables["frame"].groupby("temperature")["file"].agg([variables["apart"], variables["edges"]])
    assert f"falls from {table.apart[1.0]} to {jade.apart[1.0]}" in text
    assert thinking.loc["HIGH"].tolist() == thinking.loc["MINIMAL"].tolist()
