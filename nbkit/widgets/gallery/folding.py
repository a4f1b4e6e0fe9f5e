"""Pictures of a gallery that are nearly equal, as one tile that says how many there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nbkit.comparison.measuring import looks_of
from nbkit.history import RunLog
from nbkit.measures.look import Appearance, near_copies
from nbkit.widgets.gallery.query import Groups

MOST = 2_000
"""Of the rows that are shown, so many from the first on are compared."""
SECONDS = 3.0
"""For so long, pictures are looked at that ``log.measure()`` has not seen; the log remembers what was found."""


@dataclass(frozen=True)
class Folded:
    """Rows without those that are folded into others.

    Attributes:
        order: the numbers of the rows, as they are shown.
        groups: headings with the number of tiles under each.
        badges: what the tiles say that others are folded into, by the number of the row.
        unknown: rows that could not be compared.
    """

    order: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    groups: Groups
    badges: dict[int, str]
    unknown: int = 0


class Folding:
    """Which tiles are unfolded.

    Args:
        log: knows how pictures look.
    """

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self._unfolded = set[str]()
        self._sets: dict[str, list[str]] = {}

    def turn(self, keys: Iterable[str]) -> bool:
        """Unfold these tiles, or fold them again; tells whether any of them has others nearly equal to it."""
        firsts = {key if key in self._sets else self._first_of(key) for key in keys} - {""}
        self._unfolded ^= firsts
        return bool(firsts)

    def _first_of(self, key: str) -> str:
        return next((first for first, others in self._sets.items() if key in others), "")

    def fold(
        self, rows: pd.DataFrame, order: np.ndarray[tuple[int, ...], np.dtype[np.int64]], groups: Groups
    ) -> Folded:
        """Fold rows that are nearly equal into the first of them, each under its own heading.

        Args:
            rows: all rows; the index is what the grid knows them by.
            order: the numbers of those that are shown, in their order.
            groups: the headings over them.
        """
        compared = order[:MOST]
        looks = looks_of(self._log.database, rows["file"].iloc[compared].tolist(), SECONDS)
        has_file = rows["file"].iloc[compared].notna().to_numpy()
        unknown = sum(look is None for look in looks) - int((~has_file).sum()) + len(order) - len(compared)
        shown: list[int] = []
        badges: dict[int, str] = {}
        headings: Groups = []
        self._sets = {}
        start = 0
        for heading, number, *total in groups or [("", len(order))]:
            before = len(shown)
            stop = min(start + int(number), len(compared))
            for first, others in _sets(looks[start:stop]).items():
                place, behind = int(order[start + first]), [int(order[start + other]) for other in others]
                shown.append(place)
                if behind:
                    key = str(rows.index[place])
                    self._sets[key] = [str(rows.index[other]) for other in behind]
                    is_open = key in self._unfolded
                    badges[place] = (
                        f"with {len(behind):,} nearly equal" if is_open else f"and {len(behind):,} nearly equal"
                    )
                    shown += behind if is_open else []
            shown += order[max(stop, start) : start + int(number)].tolist()
            start += int(number)
            headings.append((heading, len(shown) - before, *total))  # type: ignore[arg-type]
        return Folded(np.array(shown, dtype=np.int64), headings if groups else [], badges, unknown)


def _sets(looks: list[Appearance | None]) -> dict[int, list[int]]:
    """The numbers of the first of each kind, with those of its near-copies."""
    found: dict[int, list[int]] = {}
    for number, first in enumerate(near_copies(looks)):
        if first == number:
            found[number] = []
        else:
            found[first].append(number)
    return found
