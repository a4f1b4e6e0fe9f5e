"""An output for the page, where there is a notebook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display

Publish = Callable[..., None]


def publish(shown: Any, **how: Any) -> None:
    """Send an output to the page, as ``IPython.display.display`` does; nothing where there is no notebook."""
    if get_ipython() is not None:  # display() would otherwise make a shell of its own
        display(shown, **how)  # type: ignore[no-untyped-call]  # IPython says nothing of its types
