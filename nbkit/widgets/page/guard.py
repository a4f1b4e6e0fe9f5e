"""What a page's handler raises, said where a person sees it: Jupyter would lose it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar


class Saying(Protocol):
    """What has a bar that can say what went wrong."""

    @property
    def bar(self) -> Any:
        """With ``say_error``."""


P = ParamSpec("P")
S = TypeVar("S", bound=Saying)


def guarded(method: Callable[Concatenate[S, P], None]) -> Callable[Concatenate[S, P], None]:
    """Show in the panel what a handler raises."""

    @functools.wraps(method)
    def handler(panel: S, /, *arguments: P.args, **named: P.kwargs) -> None:
        try:
            method(panel, *arguments, **named)
        except Exception as error:  # noqa: BLE001  whatever it is, a person has to see it
            panel.bar.say_error(error)

    return handler
