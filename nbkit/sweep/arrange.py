"""Where the cells of a sweep stand: the values of each axis, and the position of each cell along each axis.

Everything that shows a sweep as a grid takes positions from here: ``result.grid()``, contact sheets, pages, what a
notebook keeps of a panel, and the explorer, whose script assigns axes to rows, columns, slider and pages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nbkit.display.grid import Page, Tile
from nbkit.errors import RequestError, UnknownParameter
from nbkit.log.frame import TAKEN
from nbkit.request.image_request import NAMES, PARAMETERS
from nbkit.request.parameter import nearest, short_repr
from nbkit.sweep.grid import CellSequence

WIDEST = 12
"""Values that stand beside each other along the top, if there is a choice."""


@dataclass(frozen=True, slots=True)
class GridAxis:
    """One axis of a grid. Axes that are zipped are one.

    Attributes:
        names: of what changes along it, as the user spelled them.
        values: as text, in the order of the axis; only those that some cell has.
    """

    names: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def name(self) -> str:
        """For headings."""
        return " + ".join(self.names)


class CellArrangement:
    """The axes of a sweep and the positions of its cells.

    Args:
        cells: of the sweep.

    Attributes:
        axes: of the sweep.
        positions: for each cell its index along each axis. Cells of equal values have the same position.
    """

    def __init__(self, cells: CellSequence) -> None:
        self._cells = cells
        spelled = cells.spec.spelled
        names = [tuple(spelled.get(name, name) for name in axis.names) for axis in cells.axes]
        self._parameters = {name for own in names for name in own if cells.spec.python_name(name) in PARAMETERS}
        texts = [self._texts(cells.values_of(index), names) for index in range(len(cells))]
        values = []
        for number, (axis, own) in enumerate(zip(cells.axes, names, strict=True)):
            steps = [self._text(own, step) for step in axis.steps]
            used = [text[number] for text in texts]  # a promotion changes values, so these may be others
            known = dict.fromkeys(steps).keys() & set(used)
            values.append(tuple(dict.fromkeys((*(step for step in steps if step in known), *used))))
        self.axes = tuple(map(GridAxis, names, values))
        places = [{value: place for place, value in enumerate(axis.values)} for axis in self.axes]
        self.positions = [tuple(at[value] for at, value in zip(places, text, strict=True)) for text in texts]

    def find(self, name: Any) -> int:
        """The index of the axis that a name in either spelling stands for.

        Raises:
            UnknownParameter: for a name that is no axis of the sweep.
            RequestError: for what is no name, such as a list of two.
        """
        names = [name for axis in self.axes for name in axis.names]
        if not isinstance(name, str):
            message = f"{short_repr(name)}: rows, columns and pages are each the name of one axis, as text: {', '.join(names)}"
            raise RequestError(message, parameter="rows", value=name)
        python = NAMES.find(name).name if name in NAMES else name
        for found in (name, self._cells.spec.spelled.get(python), name.removeprefix(TAKEN)):
            for number, axis in enumerate(self.axes):
                if found in (axis.name, *axis.names):
                    return number
        message = f"{name} is not an axis of this sweep; its axes are {', '.join(names) or 'none'}"
        raise UnknownParameter(message, parameter=name, reason="unknown", suggestion=nearest(name, names))

    def assigned(self, **sides: str | None) -> dict[str, int | None]:
        """The axis of each side by its index, for sides that name one.

        Args:
            **sides: the name of an axis; ``None`` leaves the side to whoever asks, an empty text to no axis (-1).

        Raises:
            UnknownParameter: for a name that is no axis of the sweep.
            RequestError: for an axis that is named twice.
        """
        found = {side: None if name is None else self.find(name) if name else -1 for side, name in sides.items()}
        named = [number for number in found.values() if number is not None and number >= 0]
        if len(set(named)) < len(named):
            chosen = [self.axes[number].name for number in named]
            *others, last = sides
            message = f"{', '.join(others)} and {last} are different axes, and {', '.join(chosen)} are not"
            raise RequestError(message, parameter="rows", value=chosen, reason="conflict")
        return found

    def survey(self, **sides: str | None) -> dict[str, int]:
        """An axis for ``rows``, ``columns``, ``slider`` and ``pages``, -1 for none, by which most is seen at once.

        Args:
            **sides: what is given by name, as in :meth:`assigned`.
        """
        given = self.assigned(**{side: sides.get(side) for side in ("rows", "columns", "slider", "pages")})
        free = [number for number in range(len(self.axes)) if number not in given.values()]
        free.sort(key=lambda number: -len(self.axes[number].values))  # of equal ones the first comes first
        if given["columns"] is None:
            fitting = [number for number in free if len(self.axes[number].values) <= WIDEST] or free
            widest = max((len(self.axes[number].values) for number in fitting), default=0)
            given["columns"] = next((n for n in reversed(free) if len(self.axes[n].values) == widest), -1)
            free = [number for number in free if number != given["columns"]]
        for side, number in given.items():
            given[side] = (free.pop(0) if free else -1) if number is None else number
        return {side: -1 if number is None else number for side, number in given.items()}

    def pages(
        self, rows: str | None, columns: str | None, pages: str | None, tile: Callable[[int], Tile]
    ) -> list[Page]:
        """One grid for each combination of the axes that are neither rows nor columns.

        Args:
            rows: the axis down the side; the first free one if not given.
            columns: the axis along the top; the last free one if not given.
            pages: an axis whose values become groups that unfold.
            tile: makes the tile of a cell.

        Raises:
            UnknownParameter: for a name that is no axis of the sweep.
            RequestError: for an axis that is named twice.
        """
        down, across, folded = self.assigned(rows=rows, columns=columns, pages=pages or "").values()
        free = [number for number in range(len(self.axes)) if number not in (down, across, folded)]
        if across is None:
            across = free.pop() if free else -1
        if down is None:
            down = free.pop(0) if free else -1
        grids: dict[tuple[int, ...], list[int]] = {}
        for cell, position in enumerate(self.positions):
            grids.setdefault(tuple(_at(position, number) for number in (folded, *free)), []).append(cell)
        fixed = (folded, *free)
        return [self._page(cells, fixed, key, down, across, tile) for key, cells in sorted(grids.items())]

    def _page(
        self,
        cells: Sequence[int],
        fixed: Sequence[int | None],
        key: Sequence[int],
        down: int,
        across: int,
        tile: Callable[[int], Tile],
    ) -> Page:
        tiles: dict[tuple[int, int], list[Tile]] = {}
        for cell in cells:
            position = self.positions[cell]
            tiles.setdefault((_at(position, down), _at(position, across)), []).append(tile(cell))
        lines, columns = (sorted({place[side] for place in tiles}) for side in (0, 1))
        group, *titles = (self._pair(number, place) for number, place in zip(fixed, key, strict=True))
        return Page(
            ", ".join(titles),
            self._name(down),
            [self._value(down, line) for line in lines],
            self._name(across),
            [self._value(across, column) for column in columns],
            [[tiles.get((line, column), []) for column in columns] for line in lines],
            group,
        )

    def _name(self, number: int | None) -> str:
        return "" if number is None or number < 0 else self.axes[number].name

    def _value(self, number: int | None, place: int) -> str:
        return "" if number is None or number < 0 else self.axes[number].values[place]

    def _pair(self, number: int | None, place: int) -> str:
        return f"{self._name(number)} {self._value(number, place)}".strip()

    def facts(self, cell: int) -> list[str]:
        """The name and value of each axis at a cell."""
        return [self._pair(number, place) for number, place in enumerate(self.positions[cell])]

    def _texts(self, values: dict[str, Any], names: Sequence[tuple[str, ...]]) -> list[str]:
        return [self._text(own, [values[name] for name in own]) for own in names]

    def _text(self, names: Sequence[str], values: Sequence[Any]) -> str:
        return ", ".join(map(self._label, names, values))

    def _label(self, name: str, value: Any) -> str:
        if value is None or (isinstance(value, bool) and name in self._parameters):
            return {None: "Default", True: "on", False: "off"}[value]
        return self._cells.label(name, value)


def _at(position: Sequence[int], number: int | None) -> int:
    return -1 if number is None or number < 0 else position[number]
