"""What an image grid shows: one picture with its facts, and a sequence of them that is read only where it is in view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from nbkit.errors import printable

FLATTEST, WORDS = 0.3, 0.5
"""The least height of a picture's room, and of one in which words stand in a picture's place, as a share of its width."""

COMING = "coming"
"""The status of a picture that is being made: its place is an empty frame of its shape."""


@dataclass(frozen=True)
class Item:
    """One tile.

    Attributes:
        key: what the picture is known by as long as it is in a grid: its imageUUID, or the taskUUID of a run that
            has no picture.
        alt: the prompt.
        caption: short facts, such as ``("seed 7", "temperature 0.3", "$0.07")``.
        file: the original; ``None`` where there is no picture.
        width, height: of the original, in pixels; 0 where they are not known.
        media_type: of the original.
        missing: why there is no picture.
        status: of the run or the result; :data:`COMING` without a file for a picture that is being made.
        rating: 1 to 5.
        keep: ``True`` kept, ``False`` rejected, ``None`` not said.
        tags, note: a person's own words.
        badge: a few words under the picture, before the marks.
    """

    key: str
    alt: str
    caption: tuple[str, ...]
    file: Path | None
    width: int
    height: int
    media_type: str
    missing: str = ""
    status: str = "done"
    rating: int | None = None
    keep: bool | None = None
    tags: str = ""
    note: str = ""
    badge: str = ""

    def __post_init__(self) -> None:
        shown = {"alt": printable(self.alt), "missing": printable(self.missing), "badge": printable(self.badge)}
        for name, value in {**shown, "caption": tuple(map(printable, self.caption))}.items():
            object.__setattr__(self, name, value)


class Items(Sequence[Item]):
    """Many items. Whoever has a hundred thousand makes only those that are asked for, and knows keys without them."""

    def read(self, start: int, stop: int) -> list[Item]:
        """The items from ``start`` up to ``stop``."""
        raise NotImplementedError

    def keys(self, start: int, stop: int) -> Iterable[str]:
        """The keys of the items from ``start`` up to ``stop``."""
        return [item.key for item in self.read(start, stop)]

    def positions(self, keys: Iterable[str]) -> list[int]:
        """Where the items of these keys stand, in order; keys that no item has are left out."""
        wanted = set(keys)
        if not wanted:
            return []
        return [index for index, key in enumerate(self.keys(0, len(self))) if key in wanted]

    def tallest(self) -> float:
        """How high the tallest of the pictures is, as a share of its width; at most square, so rows are no higher than that."""
        return 1.0  # whoever knows without reading them all says better

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            return self.read(start, stop)[::step] if step > 0 else [self[i] for i in range(start, stop, step)]
        place = range(len(self))[index]
        return self.read(place, place + 1)[0]

    def __iter__(self) -> Iterator[Item]:
        return iter(self.read(0, len(self)))


class ItemList(Items):
    """Items out of a sequence."""

    def __init__(self, items: Sequence[Item] = ()) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def read(self, start: int, stop: int) -> list[Item]:
        return list(self._items[start:stop])

    def tallest(self) -> float:
        shapes = (
            WORDS if item.file is None and item.status != COMING else item.height / item.width if item.width else 1.0
            for item in self._items
        )
        return min(1.0, max((FLATTEST, *shapes)))
