"""The script that tells a widget that its kernel is gone; it comes before the widget's own script, in the same module.

Example:
    >>> from pathlib import Path
    >>> from nbkit.widgets.page.alive import ALIVE
    >>> "function watchKernel(" in ALIVE
    True
"""

from pathlib import Path

ALIVE = Path(__file__).with_suffix(".js").read_text("utf-8")
"""Defines ``watchKernel``, ``KERNEL_GONE`` and ``PRESS_REFUSED``: ``_esm = ALIVE + (HERE / "widget.js").read_text("utf-8")``."""
