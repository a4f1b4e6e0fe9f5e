"""What a notebook keeps of a sweep panel: the grid, as an ordinary output under the panel."""

from __future__ import annotations

from nbkit.display.mime import MimeBundle
from nbkit.errors import RequestError, UnknownParameter
from nbkit.sweep.result import SweepResult

EMPTY = "No sweep has been run yet: Run puts its grid here, and the saved notebook keeps it."
PATIENCE = 20.0
"""Seconds for the previews of a large grid; the rest says where its pictures are."""


def grid_of(result: SweepResult, rows: str, columns: str) -> MimeBundle:
    """A sweep's grid as the notebook keeps it.

    Args:
        result: of the sweep.
        rows: the axis down the side; empty where none is chosen.
        columns: the axis along the top, likewise.
    """
    try:
        return result.grid(rows or None, columns or None)
    except (RequestError, UnknownParameter):  # too large, or axes that only go together
        return result.peek(PATIENCE)
