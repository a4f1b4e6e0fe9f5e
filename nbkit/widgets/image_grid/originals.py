"""The originals of pictures in plain outputs, for as long as the kernel lives.

A comparison is a plain output with small previews. Its script asks the page for an original, and a widget without a view
answers: no output of the notebook shows it, and a page that has no widgets keeps the previews.

::

    page                                        kernel
    the original of this one      ───────>      its file, read in a thread; no bytes where it cannot be read

A picture is named by the beginning of its hash. The kernel reads only files of pictures that it has shown itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
from IPython.core.getipython import get_ipython

from nbkit.errors import NoImage
from nbkit.log.images import read_picture
from nbkit.service.threads import THREADS
from nbkit.widgets.image_grid.image_grid import script_of
from nbkit.widgets.page.alive import ALIVE
from nbkit.widgets.page.plain import plain
from nbkit.widgets.page.subshell import answer_at_once


class OriginalsView(anywidget.AnyWidget):
    """What the page has: a script that listens for questions, and no view."""

    _esm = ALIVE + script_of("originals")


class Originals:
    """Hands originals to a page.

    Args:
        files: the pictures that the page may ask for, by name.

    Attributes:
        view: the widget.
    """

    def __init__(self, files: dict[str, Path]) -> None:
        self._files = files
        self.view = plain(OriginalsView)
        self.view.on_msg(self._hear)
        answer_at_once(self.view)

    def _hear(self, _view: Any, content: dict[str, Any], _buffers: Any) -> None:
        name = str(content.get("name"))
        if name in self._files:
            THREADS.submit(self._answer, name, self._files[name])

    def _answer(self, name: str, file: Path) -> None:
        try:
            data = [read_picture(file)]
        except (OSError, NoImage):  # the page keeps the preview
            data = []
        self.view.send({"name": name}, data)


_files: dict[str, Path] = {}
_served: list[Originals] = []


def serve_originals(files: Mapping[str, Path]) -> None:
    """Have the page ask for these originals. Nothing happens where no page is looking.

    Args:
        files: of pictures that an output shows, by the name that it gives them.
    """
    if not _has_page():
        return
    _files.update({name: file.absolute() for name, file in files.items()})
    if not _served or _served[0].view.comm is None:  # the first ones, or somebody has closed all widgets
        _served[:] = [Originals(_files)]


def _has_page() -> bool:
    """Whether a person executes the cell: nbconvert and nbval let it ask nothing, and a terminal has no kernel."""
    return bool(getattr(getattr(get_ipython(), "kernel", None), "_allow_stdin", False))
