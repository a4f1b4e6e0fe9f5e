"""What a page's handler raises is shown in its widget: Jupyter would lose it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from nbkit.errors import NbkitError


class ShowsFaults(Protocol):
    """A part that can show an error."""

    @property
    def fault(self) -> Callable[[Exception], None]:
        """Called with the error."""


P = ParamSpec("P")
S = TypeVar("S", bound=ShowsFaults)


@contextlib.contextmanager
def showing(fault: Callable[[Exception], Any]) -> Iterator[None]:
    """Hand what is raised inside to ``fault``."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  whatever it is, a person has to see it
        fault(error)


def guarded(method: Callable[Concatenate[S, P], None]) -> Callable[Concatenate[S, P], None]:
    """Hand what a handler raises to the ``fault`` of its widget."""

    @functools.wraps(method)
    def handler(part: S, /, *arguments: P.args, **named: P.kwargs) -> None:
        with showing(part.fault):
            method(part, *arguments, **named)

    return handler


def words_of(error: BaseException) -> str:
    """An error as people read it; one that is not nbkit's own is named by its type."""
    if isinstance(error, NbkitError):
        return str(error)
    text = error.args[0] if isinstance(error, KeyError) and error.args else error  # str() would put it in quotes
    return f"{type(error).__name__}: {text}"
