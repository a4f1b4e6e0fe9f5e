"""A notebook with a panel, executed with nobody there to press a button: nothing is sent, and it says what to do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook

REPOSITORY = Path(__file__).parents[1]
PROMPT = "A jade teapot"
STUDIO = "import nbkit\nstudio = nbkit.Studio(engine='offline', path='runs')"
PANEL = f"panel = studio.panel(prompt={PROMPT!r}, resolution='0.5K')\npanel"
LEFT_ALONE = (STUDIO, PANEL, "print(len(studio.df), 'rows')")
PRESSED = (STUDIO, PANEL, "panel.generate()\npanel.wait()\nprint(len(studio.df), 'rows')")
TOOLS = {
    "nbconvert": ("nbconvert", "--to", "notebook", "--execute", "in.ipynb", "--output", "out.ipynb"),
    "papermill": ("papermill", "in.ipynb", "out.ipynb", "--kernel", "python3", "--no-progress-bar"),
}


def execute(tool: str, sources: tuple[str, ...], folder: Path) -> nbformat.NotebookNode:
    """Run a notebook of these cells with a command, and read what that has written."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = new_notebook(cells=[new_code_cell(source) for source in sources], metadata={"kernelspec": kernel})
    nbformat.write(book, folder / "in.ipynb")
    places = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    kept = {name: value for name, value in os.environ.items() if name != "RUNWARE_API_KEY"}
    done = subprocess.run(
        [sys.executable, "-m", *TOOLS[tool]],
        cwd=folder,
        env={**kept, **places, "PYTHONPATH": str(REPOSITORY), "JUPYTER_PLATFORM_DIRS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return nbformat.read(folder / "out.ipynb", as_version=4)


def outputs(book: nbformat.NotebookNode, index: int, kind: str) -> list[str]:
    """What the outputs of a cell hold in one format."""
    return [output.data[kind] for output in book.cells[index].outputs if kind in output.get("data", {})]


def export(book: nbformat.NotebookNode) -> str:
    """The notebook as a page, without what a browser runs and does not show: the state of its widgets, for one."""
    page, _ = HTMLExporter().from_notebook_node(book)
    return re.sub("<script.*?</script>", "", page[page.index("<body") :], flags=re.DOTALL)


@pytest.fixture(scope="module", params=list(TOOLS))
def left_alone(request, tmp_path_factory):
    """A notebook that only shows a panel, executed by each tool."""
    return execute(request.param, LEFT_ALONE, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def pressed(tmp_path_factory):
    """A notebook whose code presses Generate, executed."""
    return execute("nbconvert", PRESSED, tmp_path_factory.mktemp("pressed"))


def test_nothing_fails_and_nothing_is_sent(left_alone):
    """No cell has an error or a warning, and the log stays empty."""
    found = [output for cell in left_alone.cells for output in cell.outputs]
    assert [output.name for output in found if output.output_type == "stream"] == ["stdout"]
    assert left_alone.cells[2].outputs[0].text == "0 rows\n"


@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_the_stored_output_says_what_to_do(left_alone, kind):
    """In each format: that the form does nothing by itself, and the call that does the same without it."""
    said = " ".join(outputs(left_alone, 1, kind))
    assert "run this cell" in said
    assert "panel.generate()" in said


def test_an_export_says_what_to_do(left_alone):
    """A page of HTML shows no widget, so it shows the sentence."""
    seen = export(left_alone)
    assert "run this cell" in seen
    assert "panel.generate()" in seen


def test_a_panel_that_code_presses_makes_its_picture(pressed):
    """``panel.generate(); panel.wait()`` makes one run; the picture stands in the notebook and in an export of it."""
    assert pressed.cells[2].outputs[-1].text == "1 rows\n"
    html, text = ("".join(outputs(pressed, 1, kind)) for kind in ("text/html", "text/plain"))
    assert f'alt="{PROMPT}"' in html
    assert "data:image/jpeg;base64," in html
    assert "512x512" in text
    assert f'alt="{PROMPT}"' in export(pressed)
