"""A notebook with a panel, executed without a front end: nothing is sent, and the output says what to do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from html_page import Page
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook
from once import made_once

REPOSITORY = Path(__file__).parents[1]
PROMPT = "A jade teapot"
STUDIO = "import nbkit\nstudio = nbkit.Studio(engine='offline', path='runs')"
PANEL = f"panel = studio.panel(prompt={PROMPT!r}, resolution='0.5K')\npanel"
SHOWS_PANEL = (STUDIO, PANEL, "print(len(studio.df), 'rows')")
CALLS_GENERATE = (STUDIO, PANEL, "panel.generate()\npanel.wait()\nprint(len(studio.df), 'rows')")
TOOLS = {
    "nbconvert": ("nbconvert", "--to", "notebook", "--execute", "in.ipynb", "--output", "out.ipynb"),
    "papermill": ("papermill", "in.ipynb", "out.ipynb", "--kernel", "python3", "--no-progress-bar"),
}


def execute(tool: str, sources: tuple[str, ...], folder: Path) -> nbformat.NotebookNode:
    """Execute a notebook with these cells by a tool, and read the notebook that it writes."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = new_notebook(cells=[new_code_cell(source) for source in sources], metadata={"kernelspec": kernel})
    nbformat.write(book, folder / "in.ipynb")
    folders = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    inherited = {name: value for name, value in os.environ.items() if name != "RUNWARE_API_KEY"}
    done = subprocess.run(
        [sys.executable, "-m", *TOOLS[tool]],
        cwd=folder,
        env={**inherited, **folders, "PYTHONPATH": str(REPOSITORY), "JUPYTER_PLATFORM_DIRS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return nbformat.read(folder / "out.ipynb", as_version=4)


def executed_once(tool, sources, temporary, name):
    """The same, by one of the processes that test."""
    folder = made_once(temporary, name, lambda folder: execute(tool, sources, folder))
    return nbformat.read(folder / "out.ipynb", as_version=4)


def outputs(book: nbformat.NotebookNode, index: int, kind: str) -> list[str]:
    """The outputs of a cell in one format."""
    return [output.data[kind] for output in book.cells[index].outputs if kind in output.get("data", {})]


def export(book: nbformat.NotebookNode) -> str:
    """The notebook as HTML, without scripts, which also contain the state of its widgets: the part that is visible."""
    page, _ = HTMLExporter().from_notebook_node(book)
    return re.sub("<script.*?</script>", "", page[page.index("<body") :], flags=re.DOTALL)


@pytest.fixture(scope="module", params=list(TOOLS))
def shows_panel(request, tmp_path_factory):
    """A notebook that only shows a panel, executed by each tool."""
    return executed_once(request.param, SHOWS_PANEL, tmp_path_factory, f"shows-{request.param}")


@pytest.fixture(scope="module")
def calls_generate(tmp_path_factory):
    """A notebook whose code calls ``panel.generate()``, executed."""
    return executed_once("nbconvert", CALLS_GENERATE, tmp_path_factory, "generate")


def test_executing_a_notebook_with_a_panel_sends_nothing(shows_panel):
    """No cell has an error or a warning, and the log stays empty."""
    found = [output for cell in shows_panel.cells for output in cell.outputs]
    assert [output.name for output in found if output.output_type == "stream"] == ["stdout"]
    assert shows_panel.cells[2].outputs[0].text == "0 rows\n"


@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_the_stored_output_of_a_panel_says_how_to_use_it(shows_panel, kind):
    """Run the cell in a front end, or call ``panel.generate()``."""
    text = " ".join(outputs(shows_panel, 1, kind))
    assert "run this cell" in text
    assert "panel.generate()" in text


def test_an_html_export_of_the_notebook_says_how_to_use_the_panel(shows_panel):
    """It shows no widget, so it shows the sentence."""
    visible = export(shows_panel)
    assert "run this cell" in visible
    assert "panel.generate()" in visible


def test_panel_generate_makes_a_picture_in_the_stored_notebook(calls_generate):
    """One run; the picture is in the output and in an HTML export."""
    assert calls_generate.cells[2].outputs[-1].text == "1 rows\n"
    html, text = ("".join(outputs(calls_generate, 1, kind)) for kind in ("text/html", "text/plain"))
    (picture,) = Page(html).all("img")
    assert picture["alt"] == PROMPT
    assert picture["src"].startswith("data:image/jpeg;base64,")
    assert "512x512" in text
    assert f'alt="{PROMPT}"' in export(calls_generate)


# -- a sweep ------------------------------------------------------------------------------------------------------

SWEEP = """
import contextlib, nbkit
studio = nbkit.Studio(engine=nbkit.Offline(latency=0.2{failures}), path='runs-{number}', budget=0.20)
sweep = studio.sweep('A lantern', seed=range({cells}), resolution='0.5K')
"""
RUNS = "with contextlib.suppress(nbkit.BudgetExceeded):\n    result = sweep.run(max_workers=1)"
ENDS = {
    "all done": ("", 3, "3 of 3 cells · done 3 · spent $0.14"),
    "one cell": ("", 1, "1 of 1 cell · done 1 · spent $0.047"),
    "all failed": (", failures={'failed': 1.0}", 2, "2 of 2 cells · done 0 · failed 2 · spent $0"),
    "budget used up": ("", 6, "4 of 6 cells · done 4 · spent $0.19"),
}


@pytest.fixture(scope="module", params=list(TOOLS))
def sweeps(request, tmp_path_factory):
    """A notebook with all of these sweeps, executed by each tool."""
    cells = [
        source
        for number, (failures, cells, _) in enumerate(ENDS.values())
        for source in (SWEEP.format(failures=failures, cells=cells, number=number), RUNS)
    ]
    return executed_once(request.param, tuple(cells), tmp_path_factory, f"sweeps-{request.param}")


@pytest.mark.parametrize("end", ENDS)
def test_the_saved_progress_of_a_sweep_is_what_came(sweeps, end):
    """In each format of the output, and in the page that is made of it; no widget has another state."""
    book, index, text = sweeps, 2 * list(ENDS).index(end) + 1, ENDS[end][2]
    assert outputs(book, index, "text/plain") == [text]
    (html,) = outputs(book, index, "text/html")
    assert text in html
    assert text in export(book)
    assert "widgets" not in book.metadata
