"""What stock controls lack on a page: names for sliders, quiet shortcuts, announcements; and the panel's look.

A widget of its own, seen by nobody, inside the element that it serves. Its script gives every slider's handle
and number the name that stands before them, keeps the notebook's one-key shortcuts away while somebody works in
the panel, and has what is said under the buttons read aloud. With no script running, all else still works.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

HERE = Path(__file__).parent


class Access(anywidget.AnyWidget):
    """The helper of one panel; it stands as a child of the element that it serves.

    Attributes:
        kept: which state of the panel's output the notebook should hold; the page says when its copy is older.
    """

    _esm = HERE / "access.js"
    _css = HERE / "panel.css"
    kept = traitlets.Unicode("").tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self.add_class("nbkit-access")
        self._seen: str | None = None
        self.on_msg(lambda _, content, __: self._hear(content))

    def take_seen(self) -> str | None:
        """What stood on the page's button at the latest press of a paid one, once; ``None`` if no page told."""
        seen, self._seen = self._seen, None
        return seen

    def _hear(self, content: dict[str, Any]) -> None:
        if "seen" in content:
            self._seen = str(content["seen"])
        elif "there" in content:  # what a notebook saved of its widgets may be drawn with no kernel: it asks
            self.send({"here": True})
