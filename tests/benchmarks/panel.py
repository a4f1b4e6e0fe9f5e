"""A panel against a plain form of as many controls. Run: ``python -m tests.benchmarks.panel``.

In a real JupyterLab in headless Chromium: from the press of Run until the form is drawn, in turn with a form of
stock ipywidgets that has as many controls of the same kinds and does nothing. Then, in this process, what a change of
a control costs the kernel: everything that follows from it (the check, the price, the words beside the button).
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import ipywidgets
import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Page, sync_playwright

import nbkit

sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))
from lab_server import CHROMIUM_FLAGS, LabServer

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ROUNDS, CHANGES = 5, 60

OURS = "studio.panel()"
PREPARE = """
import nbkit, ipywidgets as w
studio = nbkit.Studio(engine="offline", path={path!r})
kinds = [{kinds}]
def plain():
    return w.VBox([w.HBox([kind(description=str(number))]) for number, kind in enumerate(kinds)])
"""
PLAIN = "plain()"

RUN = """index => new Promise((done, failed) => {
    const notebook = jupyterapp.shell.currentWidget.content;
    notebook.deselectAll(); notebook.activeCellIndex = index;
    const cell = notebook.widgets[index].node;
    const started = performance.now();
    jupyterapp.commands.execute('notebook:run-cell');
    const look = () => {
        const drawn = [...cell.querySelectorAll('.jp-OutputArea .widget-inline-hbox')].filter(e => e.offsetHeight);
        if (drawn.length >= 8) done(performance.now() - started);
        else if (performance.now() - started > 30_000) failed(new Error(`not drawn: ${cell.innerText}`));
        else requestAnimationFrame(look);
    };
    look();
})"""


@contextmanager
def page() -> Iterator[tuple[Page, Path]]:
    """JupyterLab in a page, and the folder that it serves."""
    with (
        tempfile.TemporaryDirectory() as folder,
        LabServer(folder) as server,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS)) as browser,
    ):
        tab = browser.new_page(viewport={"width": 1200, "height": 1400})
        tab.goto(server.url("/lab?reset"))
        tab.wait_for_function("() => window.jupyterapp", timeout=60_000)
        tab.evaluate("() => jupyterapp.restored.then(() => null)")
        yield tab, Path(folder)


def kinds() -> str:
    """The controls of a panel as the names of ipywidgets' own classes; what is none of these stands as a text box."""
    with tempfile.TemporaryDirectory() as folder, closing(nbkit.Studio(engine="offline", path=folder)) as studio:
        names = [type(getattr(control, "field", None)).__name__ for control in studio.panel().controls.values()]
    return ", ".join(f"w.{name if hasattr(ipywidgets, name) else 'Text'}" for name in names)


def until_drawn() -> tuple[list[float], list[float]]:
    """Milliseconds from Run until the form is drawn, ours and the plain one's, in turn."""
    with page() as (tab, folder):
        sources = [PREPARE.format(path=str(folder / "runs"), kinds=kinds()), *(OURS, PLAIN) * (ROUNDS + 1)]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        book = new_notebook(cells=[new_code_cell(source) for source in sources], metadata={"kernelspec": kernel})
        nbformat.write(book, folder / "panel.ipynb")
        tab.evaluate(
            """async () => { const w = await jupyterapp.commands.execute('docmanager:open', {path: 'panel.ipynb'});
                await w.context.ready; await w.sessionContext.ready; w.content.activeCellIndex = 0;
                await jupyterapp.commands.execute('notebook:run-cell'); return null; }"""
        )
        times = [tab.evaluate(RUN, index) for index in range(1, len(sources))]
        print(f"first panel of a kernel {times[0]:.0f} ms, first plain form after it {times[1]:.0f} ms")
        return times[2::2], times[3::2]


def per_change() -> tuple[float, float]:
    """Milliseconds of the kernel's time for a change of the temperature and for one letter of the prompt."""
    with tempfile.TemporaryDirectory() as folder, closing(nbkit.Studio(engine="offline", path=folder)) as studio:
        panel = studio.panel(prompt="A paper lantern shop at night")
        slider, text = panel.controls["temperature"].field, panel.controls["prompt"].field
        moved, typed = [], []
        for number in range(CHANGES):
            started = time.perf_counter()
            slider.value = number / 100
            between = time.perf_counter()
            text.value += "x"
            moved.append(between - started)
            typed.append(time.perf_counter() - between)
        assert (panel.request.temperature, panel.request.prompt[-1]) == (slider.value, "x")
    return statistics.median(moved) * 1000, statistics.median(typed) * 1000


if __name__ == "__main__":
    ours, theirs = (statistics.median(side) for side in until_drawn())
    print(f"from Run until drawn: panel {ours:.0f} ms · plain form {theirs:.0f} ms · ratio {ours / theirs:.1f}")
    moved, typed = per_change()
    print(f"a change of a control: slider {moved:.1f} ms · a letter of the prompt {typed:.1f} ms of the kernel's time")
