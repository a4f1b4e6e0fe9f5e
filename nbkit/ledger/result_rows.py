"""The rows of a run's results: its pictures, and what stands for results that failed or are open."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from nbkit.log.rows import picture_values
from nbkit.log.schema import IMAGES, RUNS
from nbkit.measures.facts import PictureFacts
from nbkit.results.run import DONE, FAILED, FINAL
from nbkit.service.response import ImageResult, TaskResponse


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A result's picture on disk, or the reason why it is not there.

    Attributes:
        facts, file: of the picture.
        stamp: size and time of the file.
        error: why it could not be fetched. It is paid, so ``recover()`` tries again.
        is_unwritten: whether it came, and the disk did not take it.
    """

    facts: PictureFacts | None = None
    file: str | None = None
    error: str | None = None
    stamp: str | None = None
    is_unwritten: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it is on disk, and not known to be cut."""
        return self.file is not None and self.facts is not None and self.facts.is_whole

    @property
    def problem(self) -> str:
        """Why it is not there, or what is wrong with it."""
        return self.error or (self.facts.problem if self.facts else "")

    @property
    def size(self) -> int:
        """Bytes of its file."""
        return int((self.stamp or "0").split()[0])

    @property
    def values(self) -> dict[str, Any]:
        """The columns of its row."""
        values = picture_values(self.facts, self.file, self.stamp)
        return values if self.error is None else {**values, "error": self.error}


_HASH = re.compile("[0-9a-f]{64}")
"""The imageUUID that nbkit gives to a result for which the service has sent none."""

_WHICH: sa.BindParameter[Any] = sa.bindparam("which")
_INSERT_RESULT = sa.insert(IMAGES)
_PICTURES = (
    sa.select(
        *(IMAGES.c[name] for name in ("id", "imageUUID", "seed", "cost", "url", "nsfw", "replay")),
        sa.func.coalesce(IMAGES.c.file, IMAGES.c.removed).label("file"),  # what was removed is not fetched again
    )
    .join(RUNS)
    .where(RUNS.c.taskUUID == _WHICH, IMAGES.c.status == DONE)
    .order_by(IMAGES.c.id)
)
_INSERT_PICTURE = _INSERT_RESULT.returning(IMAGES.c.id)
_DELETE_OTHERS = sa.delete(IMAGES).where(IMAGES.c.run == _WHICH, IMAGES.c.status != DONE)
_NAMES = sa.select(IMAGES.c.imageUUID).where(IMAGES.c.run == _WHICH)
_UPDATE_PICTURE = sa.update(IMAGES).where(IMAGES.c.id == _WHICH)


def pictures_of(connection: sa.Connection, task_uuid: str) -> list[dict[str, Any]]:
    """The rows of a run's pictures, in the order in which they came."""
    return [dict(row) for row in connection.execute(_PICTURES, {"which": task_uuid}).mappings()]


def logged_result(row: Mapping[str, Any]) -> ImageResult:
    """A result as the log has it; the source of a picture that came inside its answer is not kept."""
    named, _, _ = (row["imageUUID"] or "").partition("#")
    is_named = not _HASH.fullmatch(named)
    return ImageResult(named, row["seed"], row["cost"], row["url"] or "", row["nsfw"], is_named, replay=row["replay"])


def write_result(
    connection: sa.Connection,
    run: int,
    result: ImageResult,
    row: Mapping[str, Any] | None,
    stored: StoredPicture | None,
) -> int | None:
    """Write a result, or what a later answer adds to its row. Returns the row's number unless its picture is on disk."""
    values = {name: getattr(result, name) for name in ("seed", "cost", "url", "nsfw", "replay")}
    if row is not None:
        connection.execute(_UPDATE_PICTURE, {"which": row["id"], **values})
        return None if row["file"] else int(row["id"])
    names = set(connection.scalars(_NAMES, {"which": run}))
    # The log tells pictures by their name, and a service may give one to two of them.
    numbered = (f"{result.image_uuid}#{number}" if number > 1 else result.image_uuid for number in itertools.count(1))
    name = next(name for name in numbered if name not in names)
    stored = stored or StoredPicture()
    values |= {"run": run, "status": DONE, "imageUUID": name, **stored.values}
    return int(connection.scalar(_INSERT_PICTURE, values) or 0)


def write_rest(connection: sa.Connection, run: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace what stands for results of a run that have no picture."""
    connection.execute(_DELETE_OTHERS, {"which": run})
    for values in rows:
        connection.execute(_INSERT_RESULT, {"run": run, **values})


def rest_values(response: TaskResponse, status: str, missing: int) -> list[dict[str, Any]]:
    """A row for each result that did not come, or one for all that are open.

    A run without any picture needs none, unless its failures cost something.
    """
    if status not in FINAL:
        error = str(response.errors[0]) if response.errors else None
        return [{"status": status, "error": error, "cost": None}]
    if not response.results:
        return [{"status": status, "error": str(e), "cost": e.cost} for e in response.errors if e.cost]
    failures = sorted(response.errors, key=lambda error: not error.cost)  # what was paid for first
    paid = sum(bool(error.cost) for error in failures)
    rows = [{"status": FAILED, "error": str(e), "cost": e.cost} for e in failures[: max(missing, paid)]]
    nothing = {"status": FAILED, "error": "the service returned nothing for this result", "cost": None}
    return rows + [nothing] * (missing - len(rows))
