"""One cell of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from nbkit.errors import UnknownParameter
from nbkit.request.image_request import NAMES, ImageRequest
from nbkit.request.model import Price
from nbkit.request.parameter import short_repr

REPEAT = "repeat"
"""The name of the axis that ``repeats=`` adds."""


@dataclass(frozen=True, repr=False)
class Cell:
    """One cell of a sweep: its request, and the values of the axes that lead to it.

    ``cell.temperature`` and ``cell.colour`` read a parameter of the request or a variable of the template.

    Attributes:
        index: of the cell in its sweep.
        values: by axis, as the user spelled its name.
        request: what the cell sends.
        parent: the taskUUID of the draft that it makes again, or ``None``.
        template_vars: the template variables that are the same in all cells.

    Example:
        >>> import nbkit
        >>> sweep = nbkit.Studio(engine="offline").sweep("A {colour} lantern", colour=["red", "jade"], seed=3)
        >>> sweep[1].colour, sweep[1].seed, sweep[1].request.prompt
        ('jade', 3, 'A jade lantern')
    """

    index: int
    values: dict[str, Any]
    request: ImageRequest
    parent: str | None = None
    template_vars: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> str:
        """The identity of its request, by which the log finds its runs."""
        return self.request.identity

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        for variables in (self.values, self.template_vars):
            if name in variables:
                return variables[name]
        try:
            parameter = NAMES.find(name).name
        except UnknownParameter as error:
            raise AttributeError(f"a cell has no {name}: {error}") from None
        return getattr(self.request, parameter, None)

    def __repr__(self) -> str:
        return f"<Cell {self.index}: {describe(self.values)}>"


class CellCost(NamedTuple):
    """What a plan needs of a cell: its key, its price, and how many images it makes."""

    key: str
    price: Price
    images: int

    @classmethod
    def of(cls, cell: Cell) -> Self:
        """Read them from a cell."""
        return cls(cell.key, cell.request.price, int(cell.request.effective("number_results")))


def describe(values: dict[str, Any]) -> str:
    """The values of a cell in one line."""
    return ", ".join(f"{name}={_short(value)}" for name, value in values.items()) or "the only one"


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(str(item)[:19] for item in value) + "]"
    return short_repr(value)
