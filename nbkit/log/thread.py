"""Versions of a picture: the runs that were made from each other, as a tree.

An edit has the picture that it was made from as its ``parent_image``; a run that was made again has also the earlier run
as its ``parent_uuid``. A parent was logged before its children, and nothing else counts as one: a forged log has no loops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from nbkit.display.mime import MimeBundle
from nbkit.display.text import count, ellipsis, replay_caption, usd, usd_short
from nbkit.display.tree import TreeRow, tree_html, tree_text
from nbkit.errors import NbkitError, printable
from nbkit.log import sql
from nbkit.log.database import Database
from nbkit.log.table import figure_of, sums_text, totals_text
from nbkit.request.image_request import PARAMETERS
from nbkit.request.price import MICRO
from nbkit.request.rules import SIZE_NAMES
from nbkit.results.run import DONE, Run

MAX_RUNS = 1_000
"""Runs of a thread that are read: those that lead to the one that was asked for, and the oldest of the others."""

MAX_PREVIEWS = 60
"""Pictures that a thread shows in a cell, which keeps the notebook below a megabyte."""

_PREVIEW_SIZE = 128

_SHOWN = ("prompt", "numberResults")
"""Changes that a row of the tree shows by itself, as its text and its number of pictures."""


@dataclass(frozen=True, slots=True)
class ThreadCost:
    """What some runs cost together; real money and the offline engine's list prices are never added up.

    Runs that were adopted from another log count as nothing: somebody else has paid for them.

    Attributes:
        charged_micros: real money, in micro-dollars.
        listed_micros: at the offline engine's list prices, in micro-dollars.
        unknown: the number of runs whose cost is not known, or not yet.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> snow = studio.generate("A paper lantern", seed=7).image.edit("In the snow")
        >>> studio.log.thread(snow).cost
        List price $0.13818 (offline, not charged)
    """

    charged_micros: int = 0
    listed_micros: int = 0
    unknown: int = 0

    @property
    def charged(self) -> float:
        """Real money, in USD."""
        return self.charged_micros / MICRO

    @property
    def listed(self) -> float:
        """At the offline engine's list prices, in USD."""
        return self.listed_micros / MICRO

    def __add__(self, other: ThreadCost) -> ThreadCost:
        sums = (self.charged_micros + other.charged_micros, self.listed_micros + other.listed_micros)
        return ThreadCost(*sums, self.unknown + other.unknown)

    def __repr__(self) -> str:
        return self._text(usd)

    def to_text(self) -> str:
        """The amounts as text that is read at a glance.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> snow = studio.generate("A paper lantern", seed=7).image.edit("In the snow")
            >>> studio.log.thread(snow).cost.to_text()
            'List price $0.14 (offline, not charged)'
        """
        return self._text(usd_short)

    def _text(self, write: Callable[[int], str]) -> str:
        known = {True: self.charged_micros, False: self.listed_micros}
        parts = sums_text({kind: cost for kind, cost in known.items() if cost}, write)
        parts += [f"{count(self.unknown, 'run')} of unknown cost"] if self.unknown else []
        return " · ".join(parts) or write(0)


class Thread(list[Run]):
    """The runs that were made from each other, oldest first. ``studio.log.thread(run)`` returns one.

    As the last line of a cell it shows itself as a tree: each version with its prompt, what changed, and what it cost.

    Args:
        runs: oldest first.
        is_cut: whether there are more that are not in it.

    Attributes:
        is_cut: as given.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> run = studio.generate("A paper lantern", seed=7, temperature=0.4)
        >>> snow = run.image.edit("In the snow")
        >>> again = snow.rerun(temperature=0.9)
        >>> print(studio.log.thread(run).to_text())
        Thread of 3 runs · List price $0.21 (offline, not charged)
          1 · A paper lantern · $0.069
          2 edits 1 · In the snow · $0.069, so far $0.14
          3 makes 2 again · temperature 0.4 → 0.9 · $0.069, so far $0.21
    """

    def __init__(self, runs: Iterable[Run] = (), *, is_cut: bool = False) -> None:
        super().__init__(runs)
        self.is_cut = is_cut
        self._numbers = {run.task_uuid: number for number, run in enumerate(self)}
        self._parents: list[int | None] = []
        self._children: list[list[int]] = [[] for _ in self]
        makers: dict[str, int] = {}
        for number, run in enumerate(self):
            earlier = self._numbers.get(run.parent_uuid or "", number)
            parent = makers.get(run.parent_image or "", earlier if earlier < number else None)
            self._parents.append(parent)
            if parent is not None:
                self._children[parent].append(number)
            makers |= {image.image_uuid: number for image in run.images if image.image_uuid}

    def parent(self, run: Run) -> Run | None:
        """The run of the thread that another one was made from; ``None`` for the root.

        Raises:
            NbkitError: if the run is not in the thread.

        Example:
            >>> import nbkit
            >>> run = nbkit.Studio(engine="offline").generate("A paper lantern", seed=7)
            >>> snow = run.image.edit("In the snow")
            >>> nbkit.Studio(engine="offline").log.thread(snow).parent(snow) == run
            True
        """
        parent = self._parents[self._number(run)]
        return None if parent is None else self[parent]

    def children(self, run: Run) -> list[Run]:
        """The runs that were made from a run, oldest first.

        Raises:
            NbkitError: if the run is not in the thread.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> snow, rain = run.image.edit("In the snow"), run.image.edit("In the rain")
            >>> studio.log.thread(snow).children(run) == [snow, rain]
            True
        """
        return [self[number] for number in self._children[self._number(run)]]

    def path(self, run: Run) -> list[Run]:
        """The runs that lead to a run: the root first, the run itself last.

        Raises:
            NbkitError: if the run is not in the thread.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> dawn = run.image.edit("In the snow").image.edit("At dawn")
            >>> [step.request.prompt for step in studio.log.thread(run).path(dawn)]
            ['A paper lantern', 'In the snow', 'At dawn']
        """
        numbers = [self._number(run)]
        while (parent := self._parents[numbers[-1]]) is not None:
            numbers.append(parent)
        return [self[number] for number in reversed(numbers)]

    @property
    def cost(self) -> ThreadCost:
        """What all of its runs cost together."""
        return _cost_of(self)

    def cost_so_far(self, run: Run) -> ThreadCost:
        """What a run cost together with all that lead to it, see :meth:`path`.

        Raises:
            NbkitError: if the run is not in the thread.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> snow, rain = run.image.edit("In the snow"), run.image.edit("In the rain")
            >>> studio.log.thread(run).cost_so_far(rain).listed
            0.13818
        """
        return _cost_of(self.path(run))

    def to_html(self) -> str:
        """The tree as HTML, with small pictures, as a cell displays it."""
        return tree_html(list(self._rows(previews=MAX_PREVIEWS)), caption=self._totals(), foot=self._foot())

    def to_text(self) -> str:
        """The tree as text, the same at each execution: it contains no UUID, address, time or path.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> snow = studio.generate("A paper lantern", seed=7).image.edit("In the snow")
            >>> print(studio.log.thread(snow).to_text().splitlines()[-1])
              2 edits 1 · In the snow · $0.069, so far $0.14
        """
        return printable(tree_text(list(self._rows()), caption=self._totals(), foot=self._foot()))

    def __repr__(self) -> str:
        return f"<{self._totals()}>"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return MimeBundle(self.to_html(), self.to_text())._repr_mimebundle_(**options)

    def _number(self, run: Run) -> int:
        if run.task_uuid not in self._numbers:
            raise NbkitError("this run is not in this thread; studio.log.thread(run) is the one that it belongs to")
        return self._numbers[run.task_uuid]

    def _totals(self) -> str:
        return f"Thread of {totals_text(len(self), [self.cost.to_text()] if self else [], 'run')}"

    def _foot(self) -> str:
        return f"There are more runs than these {len(self):,}." if self.is_cut else ""

    def _rows(self, previews: int = 0) -> Iterator[TreeRow]:
        """The rows of the tree, each run before its children. A run that is an only child is not indented further.

        Args:
            previews: how many pictures they have at most.
        """
        costs, total = list[ThreadCost](), self.cost
        for parent, run in zip(self._parents, self, strict=True):
            own = _cost_of([run])
            costs.append(own if parent is None else costs[parent] + own)
        waiting = [(number, 0) for number, parent in enumerate(self._parents) if parent is None][::-1]
        while waiting:
            number, level = waiting.pop()
            images = self[number].images[: max(previews, 0)]
            previews -= len(images)
            figures = (figure_of(image.path, image.prompt, _PREVIEW_SIZE) for image in images)
            yield TreeRow(level, self._name(number), *self._facts(number, costs[number], total), tuple(figures))
            children = self._children[number]
            waiting += [(child, level + (len(children) > 1)) for child in reversed(children)]

    def _name(self, number: int) -> str:
        run, parent = self[number], self._parents[number]
        if parent is None:
            lost = ", from a run that is not here" if run.parent_uuid or run.parent_image else ""
            return f"{number + 1}{lost}"
        uuids = [image.image_uuid for image in self[parent].images]
        of_several = len(uuids) > 1 and run.parent_image in uuids
        source = f"image {uuids.index(run.parent_image or '') + 1} of {parent + 1}" if of_several else f"{parent + 1}"
        return f"{number + 1} makes {source} again" if run.parent_uuid else f"{number + 1} edits {source}"

    def _facts(self, number: int, so_far: ThreadCost, total: ThreadCost) -> tuple[str, tuple[str, ...]]:
        """The prompt of a run, unless it is its parent's, and what else is to be said of the run.

        Args:
            number: of the run.
            so_far: what it cost, with all that lead to it.
            total: what the whole thread cost.
        """
        run, parent = self[number], self._parents[number]
        changed = {} if parent is None else changes(self[parent], run)
        prompt = run.request.prompt if parent is None or "prompt" in changed else ""
        facts = [f"{name} {_short(old)} → {_short(new)}" for name, (old, new) in changed.items() if name not in _SHOWN]
        facts += [] if run.status == DONE else [run.status]
        facts += dict.fromkeys(text for image in run.images for text in replay_caption(image.replay))
        facts += [count(len(run.images), "image")] if len(run.images) > 1 else []
        cost = "cost not known" if run.cost_micros is None else usd_short(run.cost_micros)
        is_mixed = total.unknown or (total.charged_micros and total.listed_micros)
        sum_text = so_far.to_text() if is_mixed else usd_short(so_far.charged_micros + so_far.listed_micros)
        return ellipsis(prompt, 160), (*facts, cost if parent is None else f"{cost}, so far {sum_text}")


def _cost_of(runs: Iterable[Run]) -> ThreadCost:
    total = ThreadCost()
    for run in runs:
        if run.adopted is not None:  # somebody else has paid it
            continue
        cost = run.cost_micros or 0
        total += ThreadCost(cost if run.charged else 0, 0 if run.charged else cost, int(run.cost_micros is None))
    return total


def changes(before: Run, after: Run) -> dict[str, tuple[Any, Any]]:
    """The parameters that differ between a run and its parent: by column of the log, the value before and after.

    A parameter that is set to its default equals one that is not set. The size is that of the pictures, where there are
    any. The reference image of an edit is its parent's picture, and no change. Delivery is left out.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> run = studio.generate("A paper lantern", seed=7, temperature=0.4)
        >>> changes(run, run.image.edit("In the snow", temperature=0.9))
        {'prompt': ('A paper lantern', 'In the snow'), 'temperature': (0.4, 0.9)}
    """
    pairs: dict[str, tuple[Any, Any]] = {"size": (_size(before), _size(after))}
    for name, parameter in PARAMETERS.items():
        if name not in SIZE_NAMES and parameter.affects_picture:
            column = "seed" if name == "seed" else parameter.column
            pairs[column] = (before.request.effective(name), after.request.effective(name))
    references = after.request.reference_images or ()
    if after.parent_image and not after.parent_uuid and len(references) == 1:
        del pairs["referenceImages"]
    pairs["extra"] = (before.request.extra or None, after.request.extra or None)
    changed = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    return {name: changed[name] for name in sorted(changed, key=lambda name: name != "prompt")}


def _size(run: Run) -> str | None:
    image = next(iter(run.images), None)
    size = (image.width, image.height) if image and image.width else run.request.size
    return f"{size[0]}x{size[1]}" if size else run.request.resolution


def _short(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, tuple):
        return f"{len(value)}"
    if isinstance(value, dict):
        return f"{{{', '.join(value)}}}"
    return f"{value:g}" if isinstance(value, float) else ellipsis(str(value), 40)


_PATH = """
    WITH RECURSIVE path(id) AS (
        SELECT id FROM runs WHERE "taskUUID" = :task
        UNION ALL
        SELECT coalesce(
            (SELECT max(run) FROM images WHERE "imageUUID" = child."parentImage" AND run < child.id),
            (SELECT id FROM runs AS earlier WHERE earlier."taskUUID" = child.parent AND earlier.id < child.id)
        ) FROM path JOIN runs AS child ON child.id = path.id
        {inside}
    )
    SELECT id FROM path WHERE id IS NOT NULL {outside}
"""
"""The numbers of a run and of those that lead to it, the root last."""

# The + keeps SQLite from reading all later runs, where it has an index for each of the other conditions.
_TREE = """
    WITH RECURSIVE tree(id) AS (
        SELECT CAST(:root AS BIGINT)
        UNION
        SELECT child.id FROM tree JOIN runs AS child ON (
            child."parentImage" IN (SELECT "imageUUID" FROM images WHERE run = tree.id)
            OR child.parent = (SELECT "taskUUID" FROM runs WHERE id = tree.id)
        ) AND +child.id > tree.id
        {inside}
    )
    SELECT id FROM tree {outside}
"""
"""The numbers of a run and of all that were made from it."""


def find_parent(database: Database, task_uuid: str) -> int | None:
    """The number of the run that another one was made from; ``None`` without one."""
    with database.reading() as connection:
        return next(iter(_numbers(connection, _PATH, 2, task=task_uuid)[1:]), None)


def find_thread(database: Database, task_uuid: str) -> tuple[list[int], bool]:
    """The numbers of the runs of a thread, and whether there are more than those.

    Args:
        database: of the log.
        task_uuid: of any run of the thread.
    """
    with database.reading() as connection:
        path = _numbers(connection, _PATH, MAX_RUNS + 1, task=task_uuid)
        if not path:
            return [], False
        tree = _numbers(connection, _TREE, MAX_RUNS + 1, "ORDER BY 1", root=path[-1])
    numbers = list(dict.fromkeys([*path, *tree]))
    return numbers[:MAX_RUNS], len(numbers) > MAX_RUNS


def _numbers(connection: sa.Connection, query: str, limit: int, order: str = "", **parameters: Any) -> list[int]:
    """The first numbers that a recursive query finds."""
    text = sql.recursive(query, f"{order} LIMIT :limit", connection.dialect.name)
    return list(connection.scalars(text, {"limit": limit, **parameters}))
