"""The cells of a sweep as pictures of a grid: where each stands, and what the log knows of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from nbkit.display.text import ellipsis, missing_words
from nbkit.history import RunLog
from nbkit.log.runs import State
from nbkit.results.run import DONE, PLANNED, SENT, Run
from nbkit.sweep.arrange import CellArrangement
from nbkit.sweep.frame import NOT_RUN, RUNNING, status_of
from nbkit.sweep.grid import CellSequence
from nbkit.widgets.gallery.rows import MARKS
from nbkit.widgets.image_grid.item import Item
from nbkit.widgets.image_grid.picture import pictures_of

PICTURE = "picture"
"""The axis that tells the pictures of one cell apart."""
SHAPES = 0.3, 1.6
"""Height of a tile as a share of its width: of the flattest and of the tallest picture that is shown uncut."""


@dataclass(frozen=True, slots=True)
class CellPicture:
    """What is shown of one picture of a run: small things, for a run holds every byte of its reference images.

    Attributes:
        item: the tile; without a file, it says why.
        uuid: imageUUID; empty without a picture.
        seed: that the service reported.
    """

    item: Item
    uuid: str = ""
    seed: int | None = None


class CellTable:
    """The pictures of a sweep's cells, in the order of the cells.

    Args:
        cells: of the sweep.
        log: has the runs and the marks.
        prefix: makes the keys of this table different from those of another one.

    Attributes:
        axes: the axes, and one of the pictures where cells have several.
        places: the cell of each tile, and which of its pictures it shows.
        spots: the position of each tile along each axis.
        marks: the rows by which the tiles are marked: imageUUID, status and the annotations, by key.
    """

    def __init__(self, cells: CellSequence, log: RunLog, prefix: str = "") -> None:
        self._log, self._prefix = log, prefix
        self._known: dict[str, tuple[str, tuple[CellPicture, ...]]] = {}
        self.arrangement = CellArrangement(cells)
        self.places = [(cell, number) for cell, cost in enumerate(cells.costs) for number in range(cost.images)]
        positions = [self.arrangement.positions[cell] for cell, _ in self.places]
        counts: dict[tuple[int, ...], int] = {}
        seats = []  # cells of equal values stand behind each other, like the pictures of one cell
        for position in positions:
            seats.append(counts.get(position, 0))
            counts[position] = seats[-1] + 1
        deep = max(counts.values(), default=1)
        self.axes = [(axis.name, list(axis.values)) for axis in self.arrangement.axes]
        self.axes += [(PICTURE, [str(number + 1) for number in range(deep)])] if deep > 1 else []
        several = [(seat,) if deep > 1 else () for seat in seats]
        self.spots = [[*position, *seat] for position, seat in zip(positions, several, strict=True)]
        self.marks = pd.DataFrame()
        self._found: list[CellPicture | None] = []
        self._missing: dict[str, str] = {}

    def key(self, place: int) -> str:
        """What a tile is known by in the grid."""
        return f"{self._prefix}/{place}"

    def place(self, key: str) -> int:
        """The tile of a key; -1 for one of another table."""
        prefix, _, number = key.rpartition("/")
        return int(number) if prefix == self._prefix and number.isdecimal() else -1

    def picture(self, place: int) -> CellPicture | None:
        """What is known of a tile's picture."""
        return self._found[place] if 0 <= place < len(self._found) else None

    def tallest(self) -> float:
        """Height of the tallest picture as a share of its width; low where there is none yet."""
        items = [found.item for found in self._found if found and found.item.width]
        return min(SHAPES[1], max([SHAPES[0], *(item.height / item.width for item in items)])) if items else 0.45

    def items(self, states: Sequence[State | None]) -> list[Item]:
        """The tiles, as the log has them now.

        Args:
            states: of each cell.
        """
        uuids = [state.task_uuid for state in states if state and state.status != PLANNED and self._is_new(state)]
        for uuid, run in self._log.get_runs(uuids).items():
            self._known[uuid] = (run.status, _pictures_of(run))
        self._found = [self._picture(states[cell], number) for cell, number in self.places]
        self.marks = self._read_marks()
        annotated: dict[Any, Any] = self.marks[list(MARKS)].to_dict("index")
        self._missing = self._log.missing_words([found.uuid for found in self._found if found and found.uuid])
        return [self._item(place, states[cell], annotated) for place, (cell, _) in enumerate(self.places)]

    def _is_new(self, state: State) -> bool:
        """Whether there may be more to know of a run than is known."""
        status, pictures = self._known.get(state.task_uuid, ("", ()))
        return status != state.status or (status == DONE and any(picture.item.file is None for picture in pictures))

    def _picture(self, state: State | None, number: int) -> CellPicture | None:
        pictures = self._known[state.task_uuid][1] if state and state.task_uuid in self._known else ()
        return pictures[number] if number < len(pictures) else None

    def _read_marks(self) -> pd.DataFrame:
        uuids = [found.uuid if found else "" for found in self._found]
        marks = self._log.annotations_of([uuid for uuid in uuids if uuid]).reindex(uuids)
        rows = marks.set_axis([self.key(place) for place in range(len(uuids))], axis=0)
        return rows.assign(imageUUID=pd.array([uuid or None for uuid in uuids], dtype="string"))

    def _item(self, place: int, state: State | None, annotated: dict[Any, Any]) -> Item:
        key, found, status = self.key(place), self._found[place], status_of(state)
        facts = self.arrangement.facts(self.places[place][0])
        if found is None or status == NOT_RUN:
            return Item(key, ", ".join(facts), (), None, 0, 0, "", "", status)
        # what the picture says of itself is what came: its seed may be another than that of its axis
        names = [name for axis in self.arrangement.axes for name in axis.names]
        came = [fact for fact in found.item.caption if fact.startswith("seed ")]
        own = tuple(fact for fact in facts if not (came and fact.startswith("seed ")))
        found_own = tuple(fact for fact in found.item.caption if fact in came or not _is_about(fact, names))
        said = {name: value for name, value in annotated[key].items() if not pd.isna(value)}
        said |= {"rating": int(said["rating"])} if "rating" in said else {}
        said |= {"badge": missing_words(self._missing[found.uuid], 200)} if found.uuid in self._missing else {}
        is_here = found.item.file is not None
        status = status if is_here or status != DONE else found.item.status
        return dataclasses.replace(found.item, key=key, caption=(*own, *found_own), status=status, **said)


def _is_about(fact: str, names: Sequence[str]) -> bool:
    """Whether a fact has the value of one of these axes."""
    return any(fact.startswith(f"{name} ") for name in names)


def _pictures_of(run: Run) -> tuple[CellPicture, ...]:
    """Each result of a run, those that failed too, or what there is to say where it has no picture."""
    if not run.images:
        waiting = "its picture is on its way" if run.status == DONE else ""
        why = waiting or str(run.error or "") or (RUNNING if run.status == SENT else "")
        item = next(pictures_of(run)).item()
        status = RUNNING if run.status in (DONE, SENT) else run.status
        there = dataclasses.replace(item, missing="" if why == status else ellipsis(why, 160), status=status)
        return (CellPicture(there),) * int(run.request.effective("number_results"))
    found = [
        CellPicture(one.item(), one.image.image_uuid or "", one.image.seed) for one in pictures_of(run) if one.image
    ]
    refused = [
        CellPicture(Item("", run.request.prompt, (), None, 0, 0, "", ellipsis(failure.message, 160), "failed"))
        for failure in run.failures
    ]
    return (*found, *refused)
