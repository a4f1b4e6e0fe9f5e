"""A panel, beside a plain form with as many controls.

    python -m tests.benchmarks.panel

In a real JupyterLab in headless Chromium: the time from Run until the form is drawn, in turn with a form of stock
ipywidgets that has as many controls of the same kinds and does nothing. Then, in this process, the kernel's time for a
change of a control with everything that follows from it: the check, the price, the text beside the button.
``$CHROMIUM`` is the path of the browser.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import closing

import nbkit
from nbkit.widgets.form.fields import fields
from tests.benchmarks.lab import open_lab
from tests.benchmarks.timing import median_of_each
from tests.browser.lab_page import Notebook, write_notebook

ROUNDS, CHANGES = 5, 60

OURS = "studio.panel()"
SETUP = """
import nbkit, ipywidgets as w
studio = nbkit.Studio(engine="offline", path={path!r})
kinds = [{kinds}]
def plain():
    return w.VBox([w.HBox([kind(description=str(number))]) for number, kind in enumerate(kinds)])
"""
PLAIN = "plain()"

MILLISECONDS_UNTIL_DRAWN = """index => new Promise((done, failed) => {
    const notebook = jupyterapp.shell.currentWidget.content;
    notebook.deselectAll(); notebook.activeCellIndex = index;
    const cell = notebook.widgets[index].node;
    const started = performance.now();
    jupyterapp.commands.execute('notebook:run-cell');
    const look = () => {
        const controls = '.jp-OutputArea :is(.nbkit-field, .widget-inline-hbox)';
        const drawn = [...cell.querySelectorAll(controls)].filter(e => e.offsetHeight);
        if (drawn.length >= 8) done(performance.now() - started);
        else if (performance.now() - started > 30_000) failed(new Error(`not drawn: ${cell.innerText}`));
        else requestAnimationFrame(look);
    };
    look();
})"""


KINDS = {
    "buttons": "ToggleButtons",
    "select": "Dropdown",
    "slider": "FloatSlider",
    "text": "Textarea",
    "references": "FileUpload",
}
"""What ipywidgets has of the kinds of controls; another kind counts as a text box."""


def kinds_of_controls() -> str:
    """The controls of a panel as classes of ipywidgets."""
    return ", ".join(f"w.{KINDS.get(field['kind'], 'Text')}" for field in fields())


def milliseconds_until_drawn() -> list[tuple[float, float]]:
    """From Run until the panel is drawn, and until the plain form is drawn, in turn."""
    with open_lab(height=1400) as (page, folder):
        setup = SETUP.format(path=str(folder / "runs"), kinds=kinds_of_controls())
        book = Notebook.open(page, write_notebook(folder, (setup, *(OURS, PLAIN) * (ROUNDS + 1))))
        book.run(0)
        pairs = [
            (page.evaluate(MILLISECONDS_UNTIL_DRAWN, index), page.evaluate(MILLISECONDS_UNTIL_DRAWN, index + 1))
            for index in range(1, 2 * ROUNDS + 2, 2)
        ]
        panel, form = pairs[0]
        print(f"first panel of a kernel {panel:.0f} ms, first plain form after it {form:.0f} ms")
        return pairs[1:]


def milliseconds_per_change() -> tuple[float, float]:
    """The kernel's time for a change of the temperature, and for one letter of the prompt."""
    with tempfile.TemporaryDirectory() as folder, closing(nbkit.Studio(engine="offline", path=folder)) as studio:
        panel = studio.panel(prompt="A paper lantern shop at night")
        prompt, temperature = panel.request.prompt, ""
        slider_times, letter_times = [], []

        def set_on_page(number: int, **values: str) -> None:
            panel.view.hear({"kind": "set", "page": "page", "number": number, "values": values}, [])

        for number in range(CHANGES):
            temperature, prompt = str(number / 100), f"{prompt}x"
            started = time.perf_counter()
            set_on_page(2 * number, temperature=temperature)
            between = time.perf_counter()
            set_on_page(2 * number + 1, prompt=prompt)
            slider_times.append(between - started)
            letter_times.append(time.perf_counter() - between)
        assert (panel.request.temperature, panel.request.prompt) == (float(temperature), prompt)
    return statistics.median(slider_times) * 1000, statistics.median(letter_times) * 1000


def main() -> None:
    ours, theirs = median_of_each(milliseconds_until_drawn())
    print(f"from Run until drawn: panel {ours:.0f} ms · plain form {theirs:.0f} ms · ratio {ours / theirs:.1f}")
    slider, letter = milliseconds_per_change()
    print(
        f"a change of a control: slider {slider:.1f} ms · a letter of the prompt {letter:.1f} ms of the kernel's time"
    )


if __name__ == "__main__":
    main()
