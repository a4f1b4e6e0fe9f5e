"""A panel that answers while a cell runs.

JupyterLab asks the kernel to handle what comes from widgets in a subshell, a thread of its own. ipykernel 7.3 does;
7.4 sends it to the thread that spoke last on the same line, which is mostly the main one, and that is busy with the
cell. What a panel's handlers touch is guarded by locks, so it asks for its own thread again. Where a kernel knows
nothing of all this, nothing happens.
"""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

_ROUTE = "_reply_subshell_for"
"""A comm's own way, in ipykernel 7.4, to say which subshell handles a message for it."""


def answer_at_once(box: widgets.Widget) -> None:
    """Have what comes from these widgets handled while a cell runs, where the kernel can."""
    comm = box.comm
    if comm is not None and hasattr(comm, _ROUTE):
        setattr(comm, _ROUTE, _as_asked)
    for child in getattr(box, "children", ()):
        answer_at_once(child)


def _as_asked(_message: Any, subshell: Any) -> Any:
    """The subshell that the page asked for."""
    return subshell
