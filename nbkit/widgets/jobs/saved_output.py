"""What a saved notebook keeps of a panel: an ordinary output under it.

A widget is gone when its kernel is; an output is not. A button's handler has no cell to write its output to (in
current kernels it goes nowhere), so the output is placed while the cell runs, under a *display id*, and every
result replaces what stands under that id. The page finds the id by itself, whichever thread the message comes
from, in every cell that shows the panel.
"""

from __future__ import annotations

import threading
import uuid

from nbkit.display.figure import no_mathjax
from nbkit.display.mime import MimeBundle
from nbkit.display.notice import quiet_html
from nbkit.widgets.page.publish import Publish, publish


class SavedOutput:
    """An output that a panel places under itself and replaces when something has come.

    Args:
        empty: what stands there at first.
        send: publishes an output; replaced by tests.
    """

    def __init__(self, empty: str, send: Publish = publish) -> None:
        self._send = send
        self._lock = threading.RLock()
        self._id = f"nbkit-{uuid.uuid4().hex}"
        self._count = 0
        self._bundle = MimeBundle(quiet_html((empty,)), empty)

    @property
    def state(self) -> str:
        """The name of what is in the output now, which the output itself carries as a class."""
        return f"nbkit-record-{self._count}"

    @property
    def bundle(self) -> MimeBundle:
        """What is in the output now."""
        # The page hides it while the panel above it lives, and tells an old one from the latest by its class.
        html = f'<div class="nbkit-record {self.state}" style="margin-top:0.6em">{no_mathjax(self._bundle.html)}</div>'
        return MimeBundle(html, self._bundle.text)

    def place(self) -> None:
        """Put the output under the cell that is running."""
        with self._lock:
            self._send(self.bundle, display_id=self._id, update=False)

    def show(self, bundle: MimeBundle) -> None:
        """Replace what is in the output, in every cell that has it."""
        with self._lock:
            self._count += 1
            self._bundle = bundle
            self._send(self.bundle, display_id=self._id, update=True)
