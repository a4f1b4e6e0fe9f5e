"""Where a panel's pictures go: an ordinary output under the panel, which a saved notebook keeps.

A widget is gone when its kernel is; an output is not. A button's handler has no cell to write its output to (in
current kernels it goes nowhere), so the output is placed while the cell runs, under a *display id*, and every
result replaces what stands under that id. The page finds the id by itself, whichever thread the message comes
from, in every cell that shows the panel.
"""

from __future__ import annotations

import threading
import uuid

from nbkit.display.figure import Figure, figure_html, no_mathjax
from nbkit.display.mime import MimeBundle
from nbkit.display.notice import quiet_html
from nbkit.results.run import Run
from nbkit.widgets.page.publish import Publish, publish
from nbkit.widgets.panel.shown import Shown

EARLIER = 12
"""Earlier pictures that stay beside the latest; studio.log has them all, and the notebook stays small."""
EARLIER_SIZE = 112
"""Pixels on the long side of an earlier picture."""
EMPTY = (
    "No picture yet. The panel that makes one needs a live kernel: in Jupyter, run this cell again and press Generate; "
    "in code, call panel.generate() and panel.wait()."
)


class Results:
    """The output of a panel: the latest run in full, earlier pictures small beside each other."""

    def __init__(self, send: Publish = publish) -> None:
        self._send = send
        self._lock = threading.RLock()
        self._id = f"nbkit-{uuid.uuid4().hex}"
        self._latest: Run | None = None
        self._earlier: list[tuple[str, str]] = []
        self._count = 0

    @property
    def state(self) -> str:
        """The name of what stands in the output now, which the output itself carries as a class."""
        return f"nbkit-record-{self._count}"

    @property
    def bundle(self) -> MimeBundle:
        """What stands in the output now."""
        with self._lock:
            return self._bundle()

    def _bundle(self) -> MimeBundle:
        if self._latest is None and not self._earlier:
            return MimeBundle(self._marked(quiet_html((EMPTY,))), EMPTY)
        html, text = [], []
        if self._latest is not None:
            html.append(self._latest.to_html())
            text.append(self._latest.to_text())
        if self._earlier:
            small = "".join(figure for figure, _ in self._earlier)
            html.append(f'<div style="margin-top:0.6em">{quiet_html(("earlier",))}<div>{small}</div></div>')
            text.append("\n".join(["earlier", *(f"  {line}" for _, line in self._earlier)]))
        return MimeBundle(self._marked("".join(html)), "\n".join(text))

    def _marked(self, html: str) -> str:
        # The page hides it while the panel above it lives, and tells an old one from the latest by its class.
        return f'<div class="nbkit-record {self.state}" style="margin-top:0.6em">{no_mathjax(html)}</div>'

    def place(self) -> None:
        """Put the output under the cell that is running."""
        self._send(self.bundle, display_id=self._id, update=False)

    def add(self, run: Run, *, late: bool = False) -> None:
        """Show a run in every cell that has this output.

        Args:
            run: what came.
            late: it was no longer waited for, so it does not take the place of a newer one.
        """
        with self._lock:
            older = run if late and self._latest is not None else self._latest
            if older is not run:
                self._latest = run
            if older is not None:
                self._earlier = [*(_small(older, index) for index in range(len(older))), *self._earlier][:EARLIER]
            self._count += 1
            self._send(self.bundle, display_id=self._id, update=True)


def _small(run: Run, index: int) -> tuple[str, str]:
    shown = Shown(run, index)
    image = run.images[index]
    facts = shown.telling
    figure = image.figure(EARLIER_SIZE, facts)
    narrow = Figure(figure.preview, figure.alt, figure.width, figure.height, facts, figure.missing)
    return figure_html(narrow), " · ".join(
        (*facts, f"picture {image.fingerprint}" if image.fingerprint else image.problem)
    )
