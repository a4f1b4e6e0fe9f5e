"""What the sweep panel stands for, as the Python that does the same, and the plan as a table."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import ipywidgets as widgets

from nbkit.display.figure import shield
from nbkit.parameter import Address, without_query
from nbkit.request import PARAMETERS, ImageRequest
from nbkit.sweep.plan import make_plan, matched
from nbkit.widgets.controls.control import Changed, label
from nbkit.widgets.panel.source import code_of as run_code
from nbkit.widgets.sweep_panel.counting import Books, Count

NOTHING = "Nothing to show yet: the controls do not make a sweep."
REFERENCES = label(PARAMETERS["reference_images"])
ROWS = 60
"""Rows of the plan that are shown; the first and the last ones of more."""


def code_of(
    keywords: Mapping[str, Any], building: Mapping[str, Any], running: Mapping[str, Any], files: Mapping[str, str]
) -> str:
    """The ``studio.sweep(…)`` call and the ``sweep.run(…)`` of a panel.

    Args:
        keywords: parameters and variables, as they are given to ``studio.sweep``.
        building: its other arguments.
        running: those of ``sweep.run``.
        files: a file name for each reference that has pixels here; the line names the file, not its bytes.
    """
    given = {**keywords, **building}
    lines = [f"{given['prompt']!r}"] if "prompt" in given else []
    head = ""
    for name, value in given.items():
        if name == REFERENCES:
            code = _references(value, files)
            head = "import pathlib\n\n" if "pathlib.Path(" in code else ""
            lines.append(code)
        elif name != "prompt":
            lines.append(f"{name}={_plain(name, value)!r}")
    body = "".join(f"    {line},\n" for line in lines)
    how = ", ".join(f"{name}={value!r}" for name, value in running.items())
    return f"{head}sweep = studio.sweep(\n{body})\nsweep.run({how})"


def _references(value: Any, files: Mapping[str, str]) -> str:
    """As the panel for one run writes them."""
    code = run_code(ImageRequest("lantern", reference_images=value), files)
    return code[code.index("reference_images=") : -1]


def _plain(name: str, value: Any) -> Any:
    """A value without credentials."""
    if name in ("combine", "repeats", "sample", "name") or not isinstance(value, str):
        return value
    parameter = next((p for p in PARAMETERS.values() if name in p.spellings), None)
    return without_query(value) if parameter and isinstance(parameter.kind, Address) else value


def plan_html(counted: Count, books: Books, workers: int) -> str:
    """The plan as a table, the totals first."""
    cells = counted.sweep.cells
    states = matched(cells, books.log.history.states(counted.sweep.name, books.engine))
    frame = make_plan(cells, states, latency=None, workers=workers, balance=None, charged=books.charged)
    table = frame.rename_axis(columns="cell").to_html(border=0, max_rows=ROWS, escape=True)
    return shield(f'<div class="nbkit-plan-text" tabindex="0" role="group" aria-label="plan">{table}</div>')


class SweepSource:
    """Two buttons, Show code and Show plan, and what is under them.

    Attributes:
        buttons: to be placed beside Run.
        box: the texts, each gone while its button is up.
    """

    def __init__(self) -> None:
        self.code = widgets.ToggleButton(
            description="Show code", tooltip="The Python that makes and runs the same sweep"
        )
        self.plan = widgets.ToggleButton(description="Show plan", tooltip="Every cell with its price")
        self.buttons = (self.code, self.plan)
        for button in self.buttons:
            button.add_class("nbkit-small")
        self._code, self._plan = widgets.HTML(), widgets.HTML()
        self.box = widgets.VBox((self._code, self._plan))
        self.show("", "")

    def on_change(self, changed: Changed) -> None:
        """Have ``changed`` called when a text is asked for or put away."""
        for button in self.buttons:
            button.observe(lambda _: changed(), "value")

    def show(self, code: str, plan: str) -> None:
        """Keep what is open in step with the controls; empty texts say that there is nothing."""
        for button, place in ((self.code, self._code), (self.plan, self._plan)):
            place.layout.display = "" if button.value else "none"
        self._code.value = self._text(code or NOTHING) if self.code.value else ""
        self._plan.value = (plan or self._text(NOTHING)) if self.plan.value else ""

    @staticmethod
    def _text(text: str) -> str:
        return f'<pre class="nbkit-source" tabindex="0">{escape(text)}</pre>'
