"""What the sweep panel stands for, as the Python that does the same, and the plan as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from nbkit.display.figure import no_mathjax
from nbkit.display.text import call
from nbkit.request.image_request import PARAMETERS
from nbkit.request.keywords import sealed
from nbkit.results.run import reference_code
from nbkit.sweep.plan import make_plan
from nbkit.sweep.sweep import Sweep
from nbkit.widgets.form.fields import label
from nbkit.widgets.form.form import Changed
from nbkit.widgets.jobs.source import source_html
from nbkit.widgets.page.plain import plain

REFERENCES = label(PARAMETERS["reference_images"])
NOTHING = "Nothing to show yet: the controls do not make a sweep."
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
    arguments = [f"{keywords['prompt']!r}"] if "prompt" in keywords else []
    for name, value in keywords.items():
        if name == REFERENCES:
            arguments.append(f"{name}=[{', '.join(reference_code(reference, files) for reference in value)}]")
        elif name != "prompt":
            arguments.append(f"{name}={sealed(name, value)!r}")
    arguments += [f"{name}={value!r}" for name, value in building.items()]
    head = "import pathlib\n\n" if any("pathlib.Path(" in argument for argument in arguments) else ""
    how = ", ".join(f"{name}={value!r}" for name, value in running.items())
    return f"{head}sweep = {call('studio.sweep', arguments)}\nsweep.run({how})"


def plan_html(sweep: Sweep) -> str:
    """The plan as a table."""
    frame = make_plan(sweep.cells, sweep.states)
    table = frame.rename_axis(columns="cell").to_html(border=0, max_rows=ROWS, escape=True)
    return no_mathjax(f'<div class="nbkit-plan-text" tabindex="0" role="group" aria-label="plan">{table}</div>')


class SweepSource:
    """Two buttons, Show code and Show plan, and what is under them.

    Attributes:
        buttons: to be placed beside Run.
        box: the texts, each gone while its button is up.
    """

    def __init__(self) -> None:
        self.code = plain(
            widgets.ToggleButton, description="Show code", tooltip="The Python that makes and runs the same sweep"
        )
        self.plan = plain(widgets.ToggleButton, description="Show plan", tooltip="Every cell with its price")
        self.buttons = (self.code, self.plan)
        for button in self.buttons:
            button.add_class("nbkit-small")
        self._code, self._plan = plain(widgets.HTML, layout={}), plain(widgets.HTML, layout={})
        self.box = plain(widgets.VBox, (self._code, self._plan))
        self.show("", "")

    def on_change(self, changed: Changed) -> None:
        """Have ``changed`` called when a text is asked for or put away."""
        for button in self.buttons:
            button.observe(lambda _: changed(), "value")

    def show(self, code: str, plan: str) -> None:
        """Keep what is open in step with the controls; empty texts say that there is nothing."""
        for button, place in ((self.code, self._code), (self.plan, self._plan)):
            place.layout.display = "" if button.value else "none"
        self._code.value = source_html(code or NOTHING) if self.code.value else ""
        self._plan.value = (plan or source_html(NOTHING)) if self.plan.value else ""
