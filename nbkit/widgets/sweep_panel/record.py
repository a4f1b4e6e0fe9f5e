"""What a notebook keeps of a sweep panel: the grid, as an ordinary output under the panel."""

from __future__ import annotations

import threading
import uuid

from nbkit.display.figure import no_mathjax
from nbkit.display.mime import MimeBundle
from nbkit.display.notice import quiet_html
from nbkit.errors import RequestError, UnknownParameter
from nbkit.sweep.result import SweepResult
from nbkit.widgets.page.publish import Publish, publish

EMPTY = "No sweep has been run yet: Run puts its grid here, and the saved notebook keeps it."
PATIENCE = 20.0
"""Seconds for the previews of a large grid; the rest says where its pictures are."""


class Record:
    """The output of a sweep panel. It is replaced when a sweep ends or is stopped, and not at every cell."""

    def __init__(self, send: Publish = publish) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._id = f"nbkit-{uuid.uuid4().hex}"
        self._count = 0
        self.bundle = self._marked(MimeBundle(quiet_html((EMPTY,)), EMPTY))

    @property
    def state(self) -> str:
        """The name of what stands in the output now, which the output itself carries as a class."""
        return f"nbkit-record-{self._count}"

    def place(self) -> None:
        """Put the output under the cell that is running."""
        self._send(self.bundle, display_id=self._id, update=False)

    def show(self, result: SweepResult, rows: str, columns: str) -> None:
        """Put a sweep's grid there, in every cell that has this output.

        Args:
            result: of the sweep.
            rows: the axis down the side; empty where none is chosen.
            columns: the axis along the top, likewise.
        """
        with self._lock:
            try:
                grid = result.grid(rows or None, columns or None)
            except (RequestError, UnknownParameter):  # too large, or axes that only go together
                grid = result.peek(PATIENCE)
            self._count += 1
            self.bundle = self._marked(grid)
            self._send(self.bundle, display_id=self._id, update=True)

    def _marked(self, grid: MimeBundle) -> MimeBundle:
        # The page hides it while the panel above it lives, and tells an old one from the latest by its class.
        html = f'<div class="nbkit-record {self.state}" style="margin-top:0.6em;overflow:auto">{no_mathjax(grid.html)}</div>'
        return MimeBundle(html, grid.text)
