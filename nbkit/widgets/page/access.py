"""What stock controls lack on a page: names for sliders, quiet shortcuts, announcements; and the panel's look.

A widget of its own, seen by nobody, inside the element that it serves. Its script gives every slider's handle
and number the name that stands before them, keeps the notebook's one-key shortcuts away while somebody works in
the panel, and has what is said under the buttons read aloud. With no script running, all else still works.
"""

from __future__ import annotations

import hashlib
import weakref
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from nbkit.errors import RequestError

HERE = Path(__file__).parent

_marks: weakref.WeakKeyDictionary[widgets.Button, str] = weakref.WeakKeyDictionary()


def about(button: widgets.Button, key: str | None = None) -> str:
    """The mark by which a page says which picture a button is about; ``""`` where it is about none.

    Args:
        button: a paid one.
        key: of the picture that it is about from now on; as it is unless given.
    """
    old = _marks.get(button, "")
    if key is None:
        return old
    new = f"nbkit-about-{hashlib.sha256(key.encode()).hexdigest()[:12]}" if key else ""
    if new != old:
        _marks[button] = new
        for mark, change in ((old, button.remove_class), (new, button.add_class)):
            if mark:
                change(mark)
    return new


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
        self._seen: dict[str, tuple[str, str]] = {}
        self.on_msg(lambda _, content, __: self._hear(content))

    def take_seen(self, name: str | None = None, about: str = "") -> str | None:
        """What stood on the page's button at the latest press, once; ``None`` if no page told.

        Args:
            name: of the button, without its price; ``None``: of the only paid one that there is.
            about: the mark of what the kernel's button is about (:func:`about`).

        Raises:
            RequestError: if the page's button was about another picture; nothing has been sent.
        """
        if not self._seen or (name is not None and name not in self._seen):
            return None
        text, meant = self._seen.pop(next(reversed(self._seen)) if name is None else name)
        if name is None:
            self._seen.clear()  # under an earlier name the same button said something older
        if meant != about:
            raise RequestError(
                "Another picture has taken the place of the one that was chosen on the page. Nothing was sent: press again.",
                parameter="price",
                reason="conflict",
            )
        return text

    def _hear(self, content: dict[str, Any]) -> None:
        if "seen" in content:
            text = str(content["seen"])
            self._seen.pop(name_on(text), None)  # the latest stands last
            self._seen[name_on(text)] = (text, str(content.get("about", "")))
        elif "there" in content:  # what a notebook saved of its widgets may be drawn with no kernel: it asks
            self.send({"here": True})
