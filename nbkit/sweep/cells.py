"""The cells of a sweep: a sequence in a fixed order, each made when it is asked for."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

from nbkit.errors import RequestError
from nbkit.parameter import Text, Whole
from nbkit.request import PARAMETERS, ImageRequest
from nbkit.sweep.axes import TEMPLATES, Axis, Layout, fill
from nbkit.sweep.cell import REPEAT, Cell, Facts, check, tell

MAX_CELLS = 100_000
"""A sweep beyond this is a mistake; ``sample=`` draws from one of any size."""

Where = Callable[[Cell], Any]


class Cells(Sequence[Cell]):
    """The requests that a layout spans.

    Args:
        layout: axes, fixed values and variables.
        name: what the sweep is known by; made of its template, fixed values and axis names if not given.
        repeats: how often each cell comes, with a fresh seed each time.
        sample: draw this many cells instead of taking all; each comes as often as ``repeats`` says.
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
        self.key = _key(layout) if name is None else check("name", Text(1, 200), name)
        self.axes: tuple[Axis, ...] = layout.axes
        self._repeats: int = check("repeats", Whole(1, MAX_CELLS), repeats)
        if self._repeats > 1:
            _refuse_seed(layout)
            self.axes = (*layout.axes, Axis((REPEAT,), tuple((i + 1,) for i in range(self._repeats))))
        self.span = math.prod(len(axis) for axis in self.axes)
        self._where = where
        self._words = {n: v for n, v in layout.variables.items() if n not in self.names}
        if sample is None:
            self._order = self._all()
        else:
            self._order = self._drawn(check("sample", Whole(1), sample), random_state)

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

    @functools.cached_property
    def facts(self) -> list[Facts]:
        """Of each cell, in order; this makes every cell once, and so checks it."""
        return [Facts.of(cell) for cell in self]

    def values_of(self, index: int) -> dict[str, Any]:
        """What is particular to a cell, without making its request."""
        return self._spelled(self._values(self._order[index]))

    def _all(self) -> Sequence[int]:
        _refuse_many(self.span, "the axes span")
        return range(self.span) if self._where is None else [p for p in range(self.span) if self._keeps(p)]

    def _drawn(self, sample: int, random_state: int | None) -> list[int]:
        _refuse_many(min(sample * self._repeats, self.span), "sample= and repeats= ask for")
        seed = self.key if random_state is None else check("random_state", Whole(0), random_state)
        draw = random.Random(seed)  # noqa: S311  the same draw everywhere is the point
        span = self.span // self._repeats
        if span <= MAX_CELLS:
            kept = [place for place in range(span) if self._keeps(place * self._repeats)]
            found = draw.sample(kept, min(sample, len(kept)))
        else:
            found = self._drawn_from(span, sample, draw)
        places = [place * self._repeats + repeat for place in sorted(found) for repeat in range(self._repeats)]
        return [place for place in places if self._keeps(place)]

    def _drawn_from(self, span: int, sample: int, draw: random.Random) -> list[int]:
        """Draw from a product of any size, which is never built."""
        found: set[int] = set()
        for _ in range(1000 + 200 * sample):
            place = draw.randrange(span)
            if place not in found and self._keeps(place * self._repeats):
                found.add(place)
            if len(found) == sample:
                break
        return list(found)

    def _keeps(self, place: int) -> bool:
        """Whether ``where=`` keeps a cell. It may leave out combinations that the model does not allow."""
        if self._where is None:
            return True
        try:
            cell = self._make(place, place)
        except RequestError as error:
            return self._keeps_wrong(place, error)
        return bool(self._where(cell))

    def _keeps_wrong(self, place: int, error: RequestError) -> bool:
        """The same for a cell that has no request: its values are all that there is to look at."""
        own = self._values(place)
        stand_in = Cell(place, self._spelled(own), None, words={**self.layout.fixed, **self.layout.variables, **own})  # type: ignore[arg-type]
        try:
            if not (self._where or bool)(stand_in):
                return False
        except Exception:  # noqa: BLE001  it looked at more than the values
            raise error from None
        raise error

    def _values(self, place: int) -> dict[str, Any]:
        """What the axes give to a place, by Python name."""
        own: dict[str, Any] = {}
        for axis in reversed(self.axes):
            place, step = divmod(place, len(axis))
            own.update(zip(axis.names, axis.steps[step], strict=True))
        return {name: own[name] for name in self.names}

    def _make(self, index: int, place: int) -> Cell:
        own = self._values(place)
        try:
            request = self._request(own)
        except RequestError as error:
            raise _told(error, index, self._spelled(own)) from None
        return Cell(index, self._spelled(own), request, words=self._words)

    def _request(self, own: dict[str, Any]) -> ImageRequest:
        layout = self.layout
        parameters = {**layout.fixed, **{n: v for n, v in own.items() if n in PARAMETERS or n == "extra"}}
        words = {n: own.get(n, v) for n, v in layout.variables.items()}
        words |= {layout.spelled[n]: v for n, v in parameters.items() if n not in TEMPLATES and n in layout.spelled}
        for name in TEMPLATES:
            if isinstance(parameters.get(name), str):
                parameters[name] = fill(parameters[name], words)
        request = ImageRequest(**parameters)
        if REPEAT in own:
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

    @functools.cached_property
    def facts(self) -> list[Facts]:
        """Of each cell, in order."""
        return [Facts.of(cell) for cell in self._cells]

    def values_of(self, index: int) -> dict[str, Any]:
        """What is particular to a cell."""
        return self._cells[index].values

    def __len__(self) -> int:
        return len(self._cells)

    @overload
    def __getitem__(self, index: int) -> Cell: ...
    @overload
    def __getitem__(self, index: slice) -> list[Cell]: ...
    def __getitem__(self, index: int | slice) -> Cell | list[Cell]:
        return self._cells[index]


def axis_names(cells: Cells | ListedCells) -> list[str]:
    """The names of the axes as the person spelled them: the keys of a cell's values."""
    return [cells.layout.spelled.get(name, name) for name in cells.names]


@functools.lru_cache(maxsize=4096)
def _drawn_seed(key: str, identity: str, repeat: int) -> int:
    """A seed that every kernel draws the same: of the sweep, the cell, and which repeat it is."""
    return int.from_bytes(hashlib.sha256(f"{key} {identity} {repeat}".encode()).digest()[:4])


def _refuse_many(cells: int, what: str) -> None:
    if cells > MAX_CELLS:
        raise RequestError(
            f"{what} {cells:,} cells, and a sweep has at most {MAX_CELLS:,}; sample={MAX_CELLS // 1000} draws some of them",
            parameter="sample", value=None, reason="count",
        )  # fmt: skip


def _refuse_seed(layout: Layout) -> None:
    if REPEAT in layout.variables:
        raise RequestError(
            "repeat is what repeats= calls its own axis: give the variable of the template another name",
            parameter=REPEAT, reason="conflict",
        )  # fmt: skip
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
