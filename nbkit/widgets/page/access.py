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


def name_on(text: str) -> str:
    """The name of a button whose text is a name and a price."""
    return text.partition(" · ")[0]


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
        self._seen: dict[str, str] = {}
        self.on_msg(lambda _, content, __: self._hear(content))

    def take_seen(self, name: str | None = None) -> str | None:
        """What stood on the page's button at the latest press, once; ``None`` if no page told.

        Args:
            name: of the button, without its price; ``None``: of the only paid one that there is.
        """
        if name is not None:
            return self._seen.pop(name, None)
        return self._seen.popitem()[1] if self._seen else None

    def _hear(self, content: dict[str, Any]) -> None:
        if "seen" in content:
            text = str(content["seen"])
            self._seen.pop(name_on(text), None)  # the latest stands last
            self._seen[name_on(text)] = text
        elif "there" in content:  # what a notebook saved of its widgets may be drawn with no kernel: it asks
            self.send({"here": True})
