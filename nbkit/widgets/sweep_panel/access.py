"""What stock controls lack on a page: names, quiet shortcuts, announcements; and the sweep panel's look.

A widget of its own, seen by nobody, inside the element that it serves. Its script names groups and buttons, keeps the notebook's one-key shortcuts away while somebody works in
the panel, and has what is said under the buttons read aloud. It sends the press of a paid button as the number that
stands on it (:mod:`nbkit.widgets.sweep_panel.paid`). With no script running all else still works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from nbkit.widgets.jobs.quote import refusal
from nbkit.widgets.page.guard import guarded
from nbkit.widgets.sweep_panel.paid import PaidButton

HERE = Path(__file__).parent


class Access(anywidget.AnyWidget):
    """The helper of one panel; it stands as a child of the element that it serves.

    Args:
        paid: the buttons of the panel that cost something.
        fault: shows an error in the panel.

    Attributes:
        kept: which state of the panel's output the notebook should hold; the page says when its copy is older.
    """

    _esm = HERE / "access.js"
    _css = HERE / "access.css"
    kept = traitlets.Unicode("").tag(sync=True)

    def __init__(self, paid: Sequence[PaidButton], fault: Callable[[Exception], None]) -> None:
        super().__init__()
        self.add_class("nbkit-access")
        self._paid, self.fault = paid, fault
        self.on_msg(lambda _, content, __: self._hear(content))

    def displayed(self) -> None:
        """A page is shown the panel."""
        for button in self._paid:
            button.displayed()

    @guarded
    def _hear(self, content: dict[str, Any]) -> None:
        if "quote" in content:
            if not any(button.press(content["quote"]) for button in self._paid):
                raise refusal("The page sent a press of a button that this panel does not have.")
        elif "there" in content:  # what a notebook saved of its widgets may be drawn with no kernel: it asks
            self.send({"here": True})
