"""The cell that is running, so that what it made when it ran before can be closed."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

import ipywidgets as widgets
from IPython.core.getipython import get_ipython

from nbkit.widgets.page.plain import is_shared


class Closable(Protocol):
    """Something that a cell makes."""

    def close(self) -> None:
        """Free it."""


C = TypeVar("C", bound=Closable)

_made: dict[tuple[str, type], tuple[int, list[weakref.ref[Any]]]] = {}


def running_cell() -> tuple[str, int]:
    """The id of the cell that is running and the number of its execution; an empty id where there is none."""
    shell = get_ipython()
    parent: dict[str, Any] = getattr(shell, "get_parent", dict)() or {}
    return str(parent.get("metadata", {}).get("cellId", "")), int(getattr(shell, "execution_count", 0))


def replace_in_cell(made: C) -> list[C]:
    """Remember what the running cell makes, and return what it made of the same kind when it ran before."""
    cell, execution = running_cell()
    if not cell:
        return []
    before, others = _made.get((cell, type(made)), (execution, []))
    predecessors = [] if before == execution else [one for ref in others if (one := ref()) is not None]
    _made[cell, type(made)] = (execution, [*(others if before == execution else ()), weakref.ref(made)])
    return predecessors


def parts_of(widget: widgets.Widget) -> Iterator[widgets.Widget]:
    """Everything inside a widget, the widget itself, and what is its own of layouts and styles."""
    for child in getattr(widget, "children", ()):
        yield from parts_of(child)
    yield widget
    looks = (getattr(widget, name, None) for name in ("layout", "style"))
    yield from (look for look in looks if isinstance(look, widgets.Widget) and not is_shared(look))


def close_parts(widget: widgets.Widget) -> None:
    """Close everything inside a widget, and its own layout: the page and the kernel forget them."""
    for part in list(parts_of(widget)):
        if part is not widget:
            part.close()
