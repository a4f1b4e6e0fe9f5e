"""The notebooks as files: small, executed, readable with no kernel."""

from __future__ import annotations

import json
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
