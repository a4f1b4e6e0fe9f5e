"""The notebooks as files: small, stored with their outputs, and the lesson's statements agree with its code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def outputs(path: Path) -> list[dict]:
    """The outputs of all code cells of a notebook."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]


def test_the_quickstart_exists() -> None:
    """The README opens it."""
    assert "quickstart.ipynb" in [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_smaller_than_a_megabyte(path: Path) -> None:
    """With its pictures."""
    assert path.stat().st_size < 1_000_000


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
    assert thinking.edges["HIGH"] > thinking.edges["MINIMAL"] + 1
