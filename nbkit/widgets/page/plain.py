"""Widgets that share what they all have.

Every widget of ipywidgets brings a layout and a style of its own, each a model that the page has to be told of and
to make. Most of ours are never changed, so one of each kind serves a whole kernel: a panel has 247 models instead of
425, a gallery 42 instead of 107.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import ipywidgets as widgets

W = TypeVar("W", bound=widgets.Widget)

_held: dict[type[widgets.Widget], widgets.Widget] = {}


def plain(kind: Callable[..., W], *arguments: Any, **how: Any) -> W:
    """A widget whose layout and style nobody changes or closes; one of its own is given by name, as ``layout={}``."""
    traits = kind.class_traits()  # type: ignore[attr-defined]  # it is a widget's class
    shared = {name: _one(traits[name].klass) for name in ("layout", "style") if name in traits and name not in how}
    return kind(*arguments, **shared, **how)


def _one(kind: type[widgets.Widget]) -> widgets.Widget:
    held = _held.get(kind)
    if held is None or held.comm is None:  # somebody has closed all widgets
        held = _held[kind] = kind()
    return held


def is_shared(widget: widgets.Widget) -> bool:
    """Whether a layout or a style is one that others have too."""
    return any(widget is held for held in _held.values())
