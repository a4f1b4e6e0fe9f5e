"""The cells of a sweep: a sequence in a fixed order, each made when it is asked for."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

from nbkit.errors import RequestError
from nbkit.parameter import short_repr
from nbkit.request import PARAMETERS, ImageRequest
from nbkit.sweep.axes import TEMPLATES, Axis, Layout, fill

MAX_CELLS = 100_000
"""A sweep beyond this is a mistake; ``sample=`` draws from one of any size."""

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

    @property
    def key(self) -> str:
        """The identity of its request: what it is known by in the log."""
        return self.request.identity

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.values:
            return self.values[name]
        return getattr(self.request, name)

    def __repr__(self) -> str:
        return f"<Cell {self.index}: {tell(self.values)}>"


Where = Callable[[Cell], Any]


class Cells(Sequence[Cell]):
    """The requests that a layout spans.

    Args:
        layout: axes, fixed values and variables.
        name: what the sweep is known by; made of its template, fixed values and axis names if not given.
        repeats: how often each cell comes, with a fresh seed each time.
        sample: draw this many cells instead of taking all.
        random_state: for the draw; the sweep's own name if not given.
        where: keeps the cells for which it is true.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        name: str | None = None,
        repeats: int = 1,
        sample: int | None = None,
        random_state: int | None = None,
        where: Where | None = None,
    ) -> None:
        self.layout = layout
        self.key = name or _key(layout)
        self.axes: tuple[Axis, ...] = layout.axes
        if repeats > 1:
            _refuse_seed(layout)
            self.axes = (*layout.axes, Axis((REPEAT,), tuple((i + 1,) for i in range(repeats))))
        self.span = math.prod(len(axis) for axis in self.axes)
        self._order = self._choose(sample, random_state, where)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all axes, zipped ones apart."""
        return tuple(name for axis in self.axes for name in axis.names)

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> Cell: ...
    @overload
    def __getitem__(self, index: slice) -> list[Cell]: ...
    def __getitem__(self, index: int | slice) -> Cell | list[Cell]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(f"the sweep has {len(self)} cells")
        return self._make(index, self._order[index])

    def __iter__(self) -> Iterator[Cell]:
        return (self._make(index, place) for index, place in enumerate(self._order))

    def _choose(self, sample: int | None, random_state: int | None, where: Where | None) -> Sequence[int]:
        if sample is None and self.span > MAX_CELLS:
            raise RequestError(
                f"the axes span {self.span:,} cells, and a sweep has at most {MAX_CELLS:,}; sample={MAX_CELLS // 1000} draws some of them",
                parameter="sample", value=None, reason="count",
            )  # fmt: skip
        if sample is None:
            return range(self.span) if where is None else [p for p in range(self.span) if where(self._make(p, p))]
        draw = random.Random(self.key if random_state is None else random_state)  # noqa: S311  the same draw everywhere is the point
        if where is None:
            return sorted(draw.sample(range(self.span), min(sample, self.span)))
        return sorted(self._drawn_where(sample, draw, where))

    def _drawn_where(self, sample: int, draw: random.Random, where: Where) -> list[int]:
        if self.span <= MAX_CELLS:
            kept = [p for p in range(self.span) if where(self._make(p, p))]
            return draw.sample(kept, min(sample, len(kept)))
        found: set[int] = set()
        for _ in range(1000 + 200 * sample):  # a product that cannot be built is drawn from until enough fit
            place = draw.randrange(self.span)
            if place not in found and where(self._make(place, place)):
                found.add(place)
            if len(found) == sample:
                break
        return list(found)

    def _make(self, index: int, place: int) -> Cell:
        own: dict[str, Any] = {}
        for axis in reversed(self.axes):
            place, step = divmod(place, len(axis))
            own.update(zip(axis.names, axis.steps[step], strict=True))
        own = {name: own[name] for name in self.names}
        try:
            request = self._request(own)
        except RequestError as error:
            raise _told(error, index, self._spelled(own)) from None
        return Cell(index, self._spelled(own), request)

    def _request(self, own: dict[str, Any]) -> ImageRequest:
        layout = self.layout
        parameters = {**layout.fixed, **{n: v for n, v in own.items() if n in PARAMETERS or n == "extra"}}
        words = {n: own.get(n, v) for n, v in layout.variables.items()}
        words |= {layout.spelled[n]: v for n, v in parameters.items() if n not in TEMPLATES and n in layout.spelled}
        for name in TEMPLATES:
            if isinstance(parameters.get(name), str):
                parameters[name] = fill(parameters[name], words)
        request = ImageRequest(**parameters)
        if REPEAT in own and REPEAT not in layout.variables:
            request = request.replace(seed=_drawn_seed(self.key, request.identity, own[REPEAT]))
        return request

    def _spelled(self, own: dict[str, Any]) -> dict[str, Any]:
        return {self.layout.spelled.get(name, name): value for name, value in own.items()}


class ListedCells(Sequence[Cell]):
    """Cells that were chosen one by one, out of another sweep.

    Args:
        cells: with their places as indices.
        origin: the sweep that they come from.
        key: what they are known by in the log.
    """

    def __init__(self, cells: Sequence[Cell], origin: Cells | ListedCells, key: str) -> None:
        self._cells = list(cells)
        self.key = key
        self.axes: tuple[Axis, ...] = origin.axes
        self.names: tuple[str, ...] = origin.names
        self.layout: Layout = origin.layout

    def __len__(self) -> int:
        return len(self._cells)

    @overload
    def __getitem__(self, index: int) -> Cell: ...
    @overload
    def __getitem__(self, index: slice) -> list[Cell]: ...
    def __getitem__(self, index: int | slice) -> Cell | list[Cell]:
        return self._cells[index]


def tell(values: dict[str, Any]) -> str:
    """What is particular to a cell, in a line."""
    return ", ".join(f"{name}={_told_value(value)}" for name, value in values.items()) or "the only one"


def _told_value(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(str(item)[:19] for item in value) + "]"
    return short_repr(value)


@functools.lru_cache(maxsize=4096)
def _drawn_seed(key: str, identity: str, repeat: int) -> int:
    """A seed that every kernel draws the same: of the sweep, the cell, and which repeat it is."""
    return int.from_bytes(hashlib.sha256(f"{key} {identity} {repeat}".encode()).digest()[:4])


def _refuse_seed(layout: Layout) -> None:
    if "seed" in layout.fixed or any("seed" in axis.names for axis in layout.axes):
        raise RequestError(
            "repeats= draws a fresh seed for each repeat, so it does not go with seed=: give one or the other",
            parameter="repeats", reason="conflict",
        )  # fmt: skip


def _told(error: RequestError, index: int, values: dict[str, Any]) -> RequestError:
    """The same error, with the cell that it is about."""
    where = f" (cell {index}: {tell(values)})" if values else ""
    return type(error)(
        f"{error}{where}",
        parameter=error.parameter,
        value=error.value,
        reason=error.reason,
        suggestion=error.suggestion,
    )


def _key(layout: Layout) -> str:
    """What a sweep without a name is known by: the values of its axes take no part, so that a value can be added."""

    def plain(name: str, value: Any) -> Any:
        return [reference.sha256 for reference in value] if name == "reference_images" else value

    parts = {
        "fixed": {name: plain(name, value) for name, value in layout.fixed.items()},
        "variables": layout.variables,
        "axes": sorted(name for axis in layout.axes for name in axis.names),
    }
    text = json.dumps(parts, sort_keys=True, default=str)
    return f"sweep-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
