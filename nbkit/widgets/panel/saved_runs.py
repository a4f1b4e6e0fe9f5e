"""What a saved notebook keeps of the panel: the latest run in full, earlier pictures small beside each other."""

from __future__ import annotations

import threading

from nbkit.display.figure import Figure, figure_html
from nbkit.display.mime import MimeBundle
from nbkit.display.notice import quiet_html
from nbkit.results.run import Run
from nbkit.widgets.image_grid.picture import PictureRef
from nbkit.widgets.jobs.saved_output import SavedOutput

EARLIER = 12
"""Earlier pictures that stay beside the latest; studio.log has them all, and the notebook stays small."""
EARLIER_SIZE = 112
"""Pixels on the long side of an earlier picture."""


class SavedRuns:
    """The runs of a panel as its output shows them: the latest in full, the pictures before it small.

    Args:
        empty: what stands there before the first one.

    Attributes:
        output: the output.
    """

    def __init__(self, empty: str) -> None:
        self.output = SavedOutput(empty)
        self._lock = threading.Lock()
        self._latest: Run | None = None
        self._earlier: list[tuple[str, str]] = []

    def add(self, run: Run, *, late: bool = False) -> None:
        """Show a run.

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
            self.output.show(self._bundle())

    def _bundle(self) -> MimeBundle:
        assert self._latest is not None
        html, text = [self._latest.to_html()], [self._latest.to_text()]
        if self._earlier:
            small = "".join(figure for figure, _ in self._earlier)
            html.append(f'<div style="margin-top:0.6em">{quiet_html(("earlier",))}<div>{small}</div></div>')
            text.append("\n".join(["earlier", *(f"  {line}" for _, line in self._earlier)]))
        return MimeBundle("".join(html), "\n".join(text))


def _small(run: Run, index: int) -> tuple[str, str]:
    facts = PictureRef(run, index).short_caption
    image = run.images[index]
    figure = image.figure(EARLIER_SIZE, facts)
    narrow = Figure(figure.preview, figure.alt, figure.width, figure.height, facts, figure.missing)
    return figure_html(narrow), " · ".join(
        (*facts, f"picture {image.fingerprint}" if image.fingerprint else image.problem)
    )
