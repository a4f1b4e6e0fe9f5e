"""The cells of a sweep, in a fixed order: each is made when it is asked for."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nbkit.errors import RequestError, UnknownParameter, printable
from nbkit.log.frame import check_argument
from nbkit.request.address import Url, whole_text
from nbkit.request.image_request import NAMES, PARAMETERS, ImageRequest
from nbkit.request.parameter import Integer, Text, short_repr
from nbkit.request.price import Price
from nbkit.request.reference import Reference
from nbkit.sweep.spec import TEMPLATES, Axis, SweepSpec, spellings_of, value_text
from nbkit.sweep.template import fill, is_gap, variables_of

MAX_CELLS = 100_000
"""A larger sweep is a mistake; ``sample=`` draws from a product of any size."""

MAX_NAMED = 5
"""Cells that an error names, besides the first one."""

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
        parent_image: the imageUUID of that draft's picture, or ``None``.
        template_vars: the template variables that are the same in all cells.
        template: the text that its prompt was made from, where it has variables; ``None`` otherwise.

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
    parent_image: str | None = None
    template_vars: Mapping[str, Any] = field(default_factory=dict, compare=False)
    template: str | None = field(default=None, compare=False)

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
        return printable(f"<Cell {self.index}: {_describe(self.values)}>")


def own_axes(cell: Cell) -> dict[str, Any]:
    """The values of a cell that are no parameters of its request: variables of the template, and the repeat."""
    values = {**cell.values, **cell.template_vars}
    return {name: value for name, value in values.items() if name not in NAMES and name != "extra"}


class CellCost(NamedTuple):
    """What a plan needs of a cell: its key, its price, and how many images it makes."""

    key: str
    price: Price
    images: int


class CellSequence:
    """The cells of a sweep, numbered from 0 on, such as those that were chosen one by one from another sweep.

    Attributes:
        spec: axes, fixed values and variables.
        key: identifies the sweep in the log.
        axes: those of the spec, and the one of the repeats.
        price_of: what a request may cost; a studio, whose log has costs, knows more of it than the request.
        max_cost: the most that each cell may cost, in micro-dollars; ``None`` where their prices are known.
    """

    def __init__(self, spec: SweepSpec, key: str, axes: tuple[Axis, ...], cells: Sequence[Cell] = ()) -> None:
        self.spec, self.key, self.axes, self._cells = spec, key, axes, cells
        self.price_of: Callable[[ImageRequest], Price] = lambda request: request.price
        self.max_cost: int | None = None

    @property
    def axis_names(self) -> list[str]:
        """The names of the axes as the user spelled them, the zipped ones one by one: the keys of a cell's values."""
        return [self.spec.spelled.get(name, name) for axis in self.axes for name in axis.names]

    def label(self, name: str, value: Any) -> str:
        """The text of an axis's value. Values that differ in what is not shown, such as a token, are numbered.

        Args:
            name: of the axis, as the user spelled it.
            value: one of its values.
        """
        text = value_text(value)
        twins = self._twins.get((name, text), [])
        return f"{text} ({twins.index(value) + 1})" if len(twins) > 1 and value in twins else text

    @functools.cached_property
    def _twins(self) -> dict[tuple[str, str], list[Any]]:
        """The different values of each axis that have the same text."""
        found: dict[tuple[str, str], list[Any]] = {}
        for axis in self.axes:
            for step in axis.steps:
                for name, value in zip(axis.names, step, strict=True):
                    if isinstance(value, (tuple, dict, Url)):
                        same = found.setdefault((self.spec.spelled.get(name, name), value_text(value)), [])
                        same += [] if value in same else [value]
        return found

    @functools.cached_property
    def costs(self) -> list[CellCost]:
        """What each cell may cost, in order. Reading it makes every cell once, and so checks it.

        Raises:
            RequestError: if the model does not allow some of the cells; the message names them.
        """
        costs, refused = [], []
        for index in range(len(self)):
            try:
                cell = self.cell(index)
            except RequestError as error:
                refused.append(error)
                continue
            costs.append(CellCost(cell.key, self.price_of(cell.request), int(cell.request.effective("number_results"))))
        if refused:
            raise _refused_cells(refused, len(self))
        return costs

    def __len__(self) -> int:
        return len(self._cells)

    def cell(self, index: int) -> Cell:
        """The cell with this number."""
        return self._cells[index]

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
        where: Callable[[Cell], Any] | None = None,
    ) -> None:
        key = name_of_spec(spec) if name is None else check_argument("name", Text(1, 200).check, name)
        self._repeats: int = check_argument("repeats", Integer(1, MAX_CELLS).check, repeats)
        repeated: tuple[Axis, ...] = ()
        if self._repeats > 1:
            _refuse_seed(spec)
            repeated = (Axis((REPEAT,), tuple((i + 1,) for i in range(self._repeats))),)
        super().__init__(spec, key, spec.axes + repeated)
        self.span = math.prod(len(axis) for axis in self.axes)
        self._where = where
        self._template_vars = {n: v for n, v in spec.variables.items() if n not in self.axis_names}
        if where is None:  # otherwise each cell is made below, and ``where`` may leave out what has a gap
            self._check_gaps()
        if sample is None:
            _refuse_many(self.span, "the axes span")
            every = range(self.span)
            self._positions: Sequence[int] = every if where is None else list(filter(self._keeps, every))
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

    def _sample(self, sample: int, random_state: int | None) -> list[int]:
        _refuse_many(min(sample * self._repeats, self.span), "sample= and repeats= ask for")
        seed = self.key if random_state is None else check_argument("random_state", Integer(0).check, random_state)
        draw = random.Random(seed)  # noqa: S311  must draw the same cells in every kernel
        span = self.span // self._repeats
        if span <= MAX_CELLS:
            kept = list(filter(self._keeps, range(0, self.span, self._repeats)))
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
        return list(filter(self._keeps, positions))

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
            values = {**dict(zip(axis.names, axis.steps[step], strict=True)), **values}
        return values

    def _cell_at(self, position: int, index: int) -> Cell:
        values = self._values(position)
        try:
            request = self._request(values)
        except RequestError as error:
            if values:
                error.args = (f"{error} (cell {index}: {_describe(self._spelled(values))})",)
            raise
        text = values.get("prompt", self.spec.fixed.get("prompt"))
        template = text if text != request.prompt else None
        return Cell(index, self._spelled(values), request, template_vars=self._template_vars, template=template)

    def _request(self, values: dict[str, Any]) -> ImageRequest:
        spec = self.spec
        parameters = {**spec.fixed, **{n: v for n, v in values.items() if n in PARAMETERS or n == "extra"}}
        variables = {n: values.get(n, v) for n, v in spec.variables.items()}
        variables |= spellings_of(parameters)
        for name in TEMPLATES:
            if isinstance(parameters.get(name), str):
                parameters[name] = fill(parameters[name], variables)
        request = ImageRequest(**parameters)
        if REPEAT in values:
            request = request.replace(seed=_seed_of_repeat(self.key, request.identity, values[REPEAT]))
        return request

    def _check_gaps(self) -> None:
        """Make a cell for each gap in a variable of its template: the error names the variable and the cell."""
        spec = self.spec
        parameters = spellings_of({**spec.fixed, **{name: None for axis in spec.axes for name in axis.names}})
        known = {*spec.variables, *parameters}
        gaps: dict[str, list[dict[int, int]]] = {}
        for at, text in itertools.chain.from_iterable(map(self._steps, TEMPLATES)):
            for name in variables_of(text, known) if isinstance(text, str) else ():
                own = NAMES.find(name).name if name in NAMES else name
                gaps.setdefault(own, [where for where, value in self._steps(own) if is_gap(value)])
                for where in gaps[own]:
                    steps = {**at, **where}
                    if all(steps[axis] == step for axis, step in at.items()):  # else they are zipped, and do not meet
                        sizes = [math.prod(map(len, self.axes[axis + 1 :])) for axis in steps]
                        position = sum(step * size for step, size in zip(steps.values(), sizes, strict=True))
                        self._cell_at(position, position)

    def _steps(self, name: str) -> Iterator[tuple[dict[int, int], Any]]:
        """Each value of a parameter or variable, with the number of its axis and its step there."""
        for i, axis in enumerate(self.axes):
            if name in axis.names:
                where = axis.names.index(name)
                yield from (({i: j}, step[where]) for j, step in enumerate(axis.steps))
                return
        yield {}, self.spec.fixed.get(name, self.spec.variables.get(name))

    def _spelled(self, values: dict[str, Any]) -> dict[str, Any]:
        return {self.spec.spelled.get(name, name): value for name, value in values.items()}


def _refused_cells(refused: Sequence[RequestError], cells: int) -> RequestError:
    """The error for cells that the model does not allow: the first one as it is, and which others there are."""
    first = refused[0]
    if len(refused) > 1:
        others = [str(error).rpartition(" (cell ")[2].removesuffix(")") for error in refused[1 : 1 + MAX_NAMED]]
        more = f"; and {len(refused) - 1 - MAX_NAMED:,} more" if len(refused) - 1 > MAX_NAMED else ""
        told = f"{len(refused):,} of {cells:,} cells cannot be made, and nothing was sent; the others are cell "
        first.args = (f"{first}. {told}{'; cell '.join(others)}{more}. where= leaves cells out",)
    return first


def _describe(values: dict[str, Any]) -> str:
    """The values of a cell in one line."""
    return ", ".join(f"{name}={_short(value)}" for name, value in values.items()) or "the only one"


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(str(item)[:19] for item in value) + "]"
    return short_repr(value)


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


def name_of_spec(spec: SweepSpec) -> str:
    """The name of a sweep that was given none. The values of its axes take no part, so that one can be added later."""
    axes = sorted(name for axis in spec.axes for name in axis.names)
    fixed = {name: whole_text(value) if isinstance(value, str) else value for name, value in spec.fixed.items()}
    parts = {"fixed": fixed, "variables": spec.variables, "axes": axes}
    text = json.dumps(parts, sort_keys=True, default=lambda v: v.sha256 if isinstance(v, Reference) else str(v))
    return f"sweep-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
