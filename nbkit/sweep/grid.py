"""The cells of a sweep: a sequence in a fixed order, whose cells are made when they are asked for."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from nbkit.errors import RequestError
from nbkit.log.frame import check_argument
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.parameter import Integer, Text
from nbkit.request.reference import Reference
from nbkit.sweep.cell import REPEAT, Cell, CellCost, describe
from nbkit.sweep.spec import TEMPLATES, Axis, SweepSpec, fill

MAX_CELLS = 100_000
"""A larger sweep is a mistake; ``sample=`` draws from a product of any size."""

OPTIONS = ("name", "repeats", "sample", "random_state", "where")
"""The keywords of a sweep that are options of its grid."""

Where = Callable[[Cell], Any]


class CellSequence(ABC):
    """The cells of a sweep, numbered from 0 on.

    Attributes:
        spec: axes, fixed values and variables.
        key: identifies the sweep in the log.
        axes: those of the spec, and the one of the repeats.
    """

    spec: SweepSpec
    key: str
    axes: tuple[Axis, ...]

    @property
    def axis_names(self) -> list[str]:
        """The names of the axes as the user spelled them, the zipped ones one by one: the keys of a cell's values."""
        return [self.spec.spelled.get(name, name) for axis in self.axes for name in axis.names]

    @functools.cached_property
    def costs(self) -> list[CellCost]:
        """What each cell may cost, in order. Reading it makes every cell once, and so checks it."""
        return [CellCost.of(cell) for cell in self]

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def cell(self, index: int) -> Cell:
        """The cell with this number."""

    def values_of(self, index: int) -> dict[str, Any]:
        """The values of a cell."""
        return self.cell(index).values

    def __iter__(self) -> Iterator[Cell]:
        return map(self.cell, range(len(self)))


class Grid(CellSequence):
    """The cells that the axes of a sweep span.

    A *position* numbers the product of all axes, the last axis fastest; an index numbers the cells that are kept.

    Args:
        spec: axes, fixed values and variables.
        name: identifies the sweep in the log; made of its template, fixed values and axis names if not given.
        repeats: how often each cell comes, each time with a fresh seed.
        sample: draw this many cells instead of taking all; each comes as often as ``repeats`` says.
        random_state: seeds the draw; the sweep's name if not given.
        where: keeps the cells for which it is true.
    """

    def __init__(
        self,
        spec: SweepSpec,
        *,
        name: str | None = None,
        repeats: int = 1,
        sample: int | None = None,
        random_state: int | None = None,
        where: Where | None = None,
    ) -> None:
        self.spec = spec
        self.key = _name_of(spec) if name is None else check_argument("name", Text(1, 200).check, name)
        self.axes = spec.axes
        self._repeats: int = check_argument("repeats", Integer(1, MAX_CELLS).check, repeats)
        if self._repeats > 1:
            _refuse_seed(spec)
            self.axes = (*spec.axes, Axis((REPEAT,), tuple((i + 1,) for i in range(self._repeats))))
        self.span = math.prod(len(axis) for axis in self.axes)
        self._where = where
        self._names = [name for axis in self.axes for name in axis.names]
        self._template_vars = {n: v for n, v in spec.variables.items() if n not in self._names}
        if sample is None:
            self._positions = self._all_positions()
        else:
            self._positions = self._sample(check_argument("sample", Integer(1).check, sample), random_state)

    def __len__(self) -> int:
        return len(self._positions)

    def values_of(self, index: int) -> dict[str, Any]:
        """The values of a cell, without making its request."""
        return self._spelled(self._values(self._positions[index]))

    def cell(self, index: int) -> Cell:
        """The cell with this number, made anew."""
        return self._cell_at(self._positions[index], index)

    def _all_positions(self) -> Sequence[int]:
        _refuse_many(self.span, "the axes span")
        return range(self.span) if self._where is None else [p for p in range(self.span) if self._keeps(p)]

    def _sample(self, sample: int, random_state: int | None) -> list[int]:
        _refuse_many(min(sample * self._repeats, self.span), "sample= and repeats= ask for")
        seed = self.key if random_state is None else check_argument("random_state", Integer(0).check, random_state)
        draw = random.Random(seed)  # noqa: S311  must draw the same cells in every kernel
        span = self.span // self._repeats
        if span <= MAX_CELLS:
            kept = [p for p in range(0, self.span, self._repeats) if self._keeps(p)]
            drawn = set(draw.sample(kept, min(sample, len(kept))))
        else:  # a product that is too large to be listed
            drawn = set()
            for _ in range(1000 + 200 * sample):
                position = draw.randrange(span) * self._repeats
                if position not in drawn and self._keeps(position):
                    drawn.add(position)
                if len(drawn) == sample:
                    break
        positions = [position + repeat for position in sorted(drawn) for repeat in range(self._repeats)]
        return [position for position in positions if self._keeps(position)]

    def _keeps(self, position: int) -> bool:
        """Whether ``where=`` keeps a cell. It may leave out combinations that the model does not allow."""
        if self._where is None:
            return True
        try:
            cell = self._cell_at(position, position)
        except RequestError:
            values = self._values(position)
            variables = {**self.spec.fixed, **self.spec.variables, **values}
            stand_in = Cell(position, self._spelled(values), None, template_vars=variables)  # type: ignore[arg-type]
            with contextlib.suppress(Exception):  # where= may read more than the values
                if not self._where(stand_in):
                    return False
            raise
        return bool(self._where(cell))

    def _values(self, position: int) -> dict[str, Any]:
        """The value of each axis at a position, by Python name."""
        values: dict[str, Any] = {}
        for axis in reversed(self.axes):
            position, step = divmod(position, len(axis))
            values.update(zip(axis.names, axis.steps[step], strict=True))
        return {name: values[name] for name in self._names}

    def _cell_at(self, position: int, index: int) -> Cell:
        values = self._values(position)
        try:
            request = self._request(values)
        except RequestError as error:
            if values:
                error.args = (f"{error} (cell {index}: {describe(self._spelled(values))})",)
            raise
        return Cell(index, self._spelled(values), request, template_vars=self._template_vars)

    def _request(self, values: dict[str, Any]) -> ImageRequest:
        spec = self.spec
        parameters = {**spec.fixed, **{n: v for n, v in values.items() if n in PARAMETERS or n == "extra"}}
        variables = {n: values.get(n, v) for n, v in spec.variables.items()}
        variables |= {spec.spelled[n]: v for n, v in parameters.items() if n not in TEMPLATES and n in spec.spelled}
        for name in TEMPLATES:
            if isinstance(parameters.get(name), str):
                parameters[name] = fill(parameters[name], variables)
        request = ImageRequest(**parameters)
        if REPEAT in values:
            request = request.replace(seed=_seed_of_repeat(self.key, request.identity, values[REPEAT]))
        return request

    def _spelled(self, values: dict[str, Any]) -> dict[str, Any]:
        return {self.spec.spelled.get(name, name): value for name, value in values.items()}


class SelectedCells(CellSequence):
    """Cells that were chosen one by one from another sweep.

    Args:
        cells: numbered from 0 on.
        origin: the sweep that they come from.
        key: identifies them in the log.
    """

    def __init__(self, cells: Sequence[Cell], origin: CellSequence, key: str) -> None:
        self._cells = list(cells)
        self.key, self.axes, self.spec = key, origin.axes, origin.spec

    def __len__(self) -> int:
        return len(self._cells)

    def cell(self, index: int) -> Cell:
        """The cell with this number."""
        return self._cells[index]


@functools.lru_cache(maxsize=4096)
def _seed_of_repeat(key: str, identity: str, repeat: int) -> int:
    """A seed that every kernel computes alike, from the sweep, the cell, and the number of the repeat."""
    return int.from_bytes(hashlib.sha256(f"{key} {identity} {repeat}".encode()).digest()[:4])


def _refuse_many(cells: int, what: str) -> None:
    if cells > MAX_CELLS:
        limit = f"a sweep has at most {MAX_CELLS:,}; sample={MAX_CELLS // 1000} draws some of them"
        raise RequestError(f"{what} {cells:,} cells, and {limit}", parameter="sample", reason="count")


def _refuse_seed(spec: SweepSpec) -> None:
    if REPEAT in spec.variables:
        message = "repeat is what repeats= calls its own axis: give the variable of the template another name"
        raise RequestError(message, parameter=REPEAT, reason="conflict")
    if "seed" in spec.fixed or any("seed" in axis.names for axis in spec.axes):
        message = "repeats= draws a fresh seed for each repeat, so it does not go with seed=: give one or the other"
        raise RequestError(message, parameter="repeats", reason="conflict")


def _name_of(spec: SweepSpec) -> str:
    """The name of a sweep that was given none. The values of its axes take no part, so that one can be added later."""
    parts = {
        "fixed": spec.fixed,
        "variables": spec.variables,
        "axes": sorted(name for axis in spec.axes for name in axis.names),
    }
    text = json.dumps(
        parts, sort_keys=True, default=lambda value: value.sha256 if isinstance(value, Reference) else str(value)
    )
    return f"sweep-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
