"""One cell of a sweep: its place, what is particular to it, and its request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from nbkit.errors import RequestError, UnknownParameter
from nbkit.model import Price
from nbkit.parameter import Kind, Wrong, short_repr
from nbkit.request import NAMES, ImageRequest

REPEAT = "repeat"
"""The axis that ``repeats=`` makes."""


@dataclass(frozen=True, repr=False)
class Cell:
    """One cell: its place, what is particular to it, and its request.

    ``cell.temperature`` and ``cell.colour`` read a parameter of the request or a variable of the template.
    """

    index: int
    values: dict[str, Any]
    request: ImageRequest
    parent: str | None = None
    """The taskUUID of the draft that it makes again, if it does."""
    words: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The variables of the template that stay."""

    @property
    def key(self) -> str:
        """The identity of its request: what it is known by in the log."""
        return self.request.identity

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        for found in (self.values, self.words):
            if name in found:
                return found[name]
        try:
            parameter = NAMES.find(name).name
        except UnknownParameter as error:
            raise AttributeError(f"a cell has no {name}: {error}") from None
        return getattr(self.request, parameter, None)

    def __repr__(self) -> str:
        return f"<Cell {self.index}: {tell(self.values)}>"


class Facts(NamedTuple):
    """What a plan needs of a cell: its key, its price, how many images it makes."""

    key: str
    price: Price
    images: int

    @classmethod
    def of(cls, cell: Cell) -> Self:
        """Those of a cell."""
        return cls(cell.key, cell.request.price, int(cell.request.effective("number_results")))


def tell(values: dict[str, Any]) -> str:
    """What is particular to a cell, in a line."""
    return ", ".join(f"{name}={_told_value(value)}" for name, value in values.items()) or "the only one"


def _told_value(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(str(item)[:19] for item in value) + "]"
    return short_repr(value)


def check(name: str, kind: Kind, value: Any) -> Any:
    """An argument of a sweep in its canonical form."""
    try:
        return kind.check(value)
    except Wrong as wrong:
        raise RequestError(
            f"{name}={short_repr(value)}: must be {wrong}", parameter=name, value=value, reason=wrong.reason
        ) from None
