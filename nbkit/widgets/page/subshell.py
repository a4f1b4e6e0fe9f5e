"""A panel that answers while a cell runs.

JupyterLab asks the kernel to handle what comes from widgets in a subshell, a thread of its own. ipykernel 7.3 does;
7.4 sends it to the thread that spoke last on the same line, which is mostly the main one, and that is busy with the
cell. What a panel's handlers touch is guarded by locks, so it asks for its own thread again. Where a kernel knows
nothing of all this, nothing happens.
"""

from __future__ import annotations

import ipywidgets as widgets

_SENT_BACK_TO = "_reply_subshell_for"
"""ipykernel 7.4's note of where to answer; with none, the page's own wish counts."""


def answer_at_once(box: widgets.Widget) -> None:
    """Have what comes from these widgets handled while a cell runs, where the kernel can."""
    comm = box.comm
    if comm is not None and hasattr(comm, _SENT_BACK_TO):
        setattr(comm, _SENT_BACK_TO, None)
    for child in getattr(box, "children", ()):
        answer_at_once(child)
