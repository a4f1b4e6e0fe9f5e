"""The widget of the panel's form side: head, prompt, Generate, status, queue, the other controls, code.

It is a :class:`~nbkit.widgets.form.view.FormView` with the panel's buttons around its controls. The kernel says what is
there as plain values (:attr:`PanelView.bar`), the page says what was pressed; a press of a paid button names the number
of its quote (:mod:`nbkit.widgets.jobs.quote`) and is sent after everything that was typed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import traitlets

from nbkit.widgets.form.form import Form
from nbkit.widgets.form.options import option_fields
from nbkit.widgets.form.view import SCRIPT, STYLE, FormView
from nbkit.widgets.page.guard import guarded
from nbkit.widgets.panel.status import Status

HERE = Path(__file__).parent


class PanelView(FormView):
    """The form with the panel's buttons.

    Args:
        form: the state of the controls.
        fault: shows an error.
        pressed: called with the message of every press that is not the form's own.
        dropped: called with every other message and its buffers; returns whether it is about a picture dropped here.

    Attributes:
        head: model, kind of engine, and what is left of the budget.
        bar: what is on the buttons, what is under way and waits, and the status line.
        source: the code, the JSON and a sweep's plan; texts that are not open are ``None``.
        options: how a sweep is run, as controls.
        kept: the name of what the saved output shows now.
    """

    _esm = "\n".join((SCRIPT, *((HERE / f"{part}.js").read_text("utf-8") for part in ("keys", "panel"))))
    _css = f"{STYLE}\n{(HERE / 'panel.css').read_text('utf-8')}"
    head = traitlets.Dict().tag(sync=True)
    bar = traitlets.Dict({"jobs": [], "status": Status().told()}).tag(sync=True)
    source = traitlets.Dict({"code": None, "json": None}).tag(sync=True)
    options: Any = traitlets.List().tag(sync=True)
    kept = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        form: Form,
        fault: Callable[[Exception], None],
        pressed: Callable[[Mapping[str, Any]], None],
        dropped: Callable[[Mapping[str, Any], Sequence[Any]], bool],
    ) -> None:
        super().__init__(form, fault, options=option_fields())
        self._pressed, self._dropped = pressed, dropped

    @guarded
    def hear(self, content: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Do what a page asks for."""
        if content.get("kind") == "there":  # a saved notebook may be drawn with no kernel, so the page asks
            self.send({"kind": "here"})
        elif content.get("kind") == "press":
            self._pressed(content)
        elif not self._dropped(content, buffers):
            super().hear(content, buffers)
