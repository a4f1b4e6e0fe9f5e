"""The notebooks as files: small, executed, readable with no kernel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def outputs(path: Path) -> list[dict]:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]


def test_there_is_a_quickstart() -> None:
    """The notebook that the README opens is there."""
    assert "quickstart.ipynb" in [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_small(path: Path) -> None:
    """A lesson weighs less than a megabyte, its pictures included."""
    assert path.stat().st_size < 1_000_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_shows_its_results_with_no_kernel(path: Path) -> None:
    """It is stored with its outputs, none of them an error, and its pictures carry alternative text."""
    found = outputs(path)
    assert found
    assert not [output for output in found if output["output_type"] == "error"]
    html = "".join("".join(output.get("data", {}).get("text/html", "")) for output in found)
    assert html.count("<img") >= 2
    assert html.count("<img") == html.count('alt="') - html.count('alt=""')


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_names_no_machine_and_saves_no_widget_state(path: Path) -> None:
    """Nothing in it belongs to the machine on which it was made."""
    text = path.read_text("utf-8")
    assert "/home/" not in text
    assert "/root/" not in text
    assert "/tmp/" not in text
    assert "widgets" not in json.loads(text)["metadata"]


LESSON = next(path for path in NOTEBOOKS if path.stem == "temperature")


def sources(path: Path, kind: str) -> list[str]:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


@pytest.fixture
def taught() -> Iterator[dict]:
    """The names that the lesson on temperature leaves behind, once all its cells have run."""
    names: dict = {}
    for source in sources(LESSON, "code"):
        exec(source, names)
    yield names
    names["studio"].close()


def test_the_lesson_says_what_it_would_cost(taught) -> None:
    """The pictures and the price that it names, before somebody runs it with a key, are those of its cells."""
    said = f"{len(taught['studio'].df)} drafts, which are listed at ${taught['studio'].budget.spent:.2f} together"
    assert said in "\n".join(sources(LESSON, "markdown"))


def test_the_answers_folded_into_the_lesson_hold(taught) -> None:
    """The code in its answers, which the notebook itself does not run, gives what they say."""
    text = "\n".join(sources(LESSON, "markdown"))
    found = []
    for answer in re.findall(r"```python\n(.*?)```", text.split("## Exercises")[1], re.DOTALL):
        *before, last = answer.strip().splitlines()
        exec("\n".join(before), taught)
        found.append(eval(last, taught))
    jade, _, thinking = found
    table = taught["frame"].groupby("temperature")["file"].agg([taught["apart"], taught["edges"]])
    assert f"falls from {table.apart[1.0]} to {jade.apart[1.0]}" in text
    assert thinking.edges["HIGH"] > thinking.edges["MINIMAL"] + 1
