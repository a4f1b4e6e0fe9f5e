"""What was read from pixels, kept by the hash of the picture's bytes: each picture is read once, however many rows it has.

A measurement has a name, the version of what measured it, and a value. Columns of ``images``, such as ``sharpness`` and
``textMissing``, follow from measurements and from the row's prompt, and are written with them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from nbkit.log.database import Database
from nbkit.log.schema import IMAGES, MEASUREMENTS, RUNS
from nbkit.log.sql import one_of, upsert
from nbkit.results.run import DONE

TEXT_COLUMNS = ("textFidelity", "textMissing", "textFound")
LOOK_COLUMNS = ("sharpness", "contrast", "colourfulness")

_WRITE = upsert(MEASUREMENTS)
_COLUMNS = (*TEXT_COLUMNS, *LOOK_COLUMNS)


class PictureRow(NamedTuple):
    """A row of ``images`` that has, or had, a picture.

    Attributes:
        id: of the row.
        sha256: of the picture.
        file: below the image folder; ``None`` where it is not there.
        prompt: that it was made from.
        columns: what its columns of measures have now.
    """

    id: int
    sha256: str
    file: str | None
    prompt: str
    columns: Mapping[str, Any]


class Measurement(NamedTuple):
    """What was read from a picture.

    Attributes:
        sha256: of its bytes.
        name: of the measurement.
        version: of what measured it.
        value: anything that JSON has.
    """

    sha256: str
    name: str
    version: str
    value: Any


def picture_rows(
    database: Database, *, after: int = 0, limit: int | None = 500, image_uuids: Sequence[str] | None = None
) -> list[PictureRow]:
    """Rows with pictures, the oldest first.

    Args:
        database: the log.
        after: only rows with a higher id.
        limit: only so many; ``None`` for all.
        image_uuids: only these pictures; ``None`` for all.
    """
    table = IMAGES.c
    columns = (table.id, table.sha256, table.file, RUNS.c.prompt, *(table[name] for name in _COLUMNS))
    query = sa.select(*columns).select_from(IMAGES.join(RUNS, IMAGES.c.run == RUNS.c.id))
    query = query.where(table.id > after, table.status == DONE, table.sha256.is_not(None))
    if image_uuids is not None:
        query = query.where(one_of(table.imageUUID, image_uuids))
    with database.reading() as connection:
        found = connection.execute(query.order_by(table.id).limit(limit)).all()
    return [
        PictureRow(row[0], str(row[1]), row[2], str(row[3] or ""), dict(zip(_COLUMNS, row[4:], strict=True)))
        for row in found
    ]


def count_pictures(database: Database) -> int:
    """The number of rows that :func:`picture_rows` goes through."""
    query = sa.select(sa.func.count()).select_from(IMAGES)
    with database.reading() as connection:
        found = connection.scalar(query.where(IMAGES.c.status == DONE, IMAGES.c.sha256.is_not(None)))
    return int(found or 0)


def read_measurements(database: Database, name: str, version: str, hashes: Iterable[str]) -> dict[str, Any]:
    """The values of a measurement, by the pictures' hashes; those of another version, and damaged ones, are left out.

    Args:
        database: the log.
        name: of the measurement.
        version: of what measures it now.
        hashes: of the pictures.
    """
    table = MEASUREMENTS.c
    query = sa.select(table.sha256, table.value).where(
        table.name == name, table.version == version, one_of(table.sha256, hashes)
    )
    with database.reading() as connection:
        rows = connection.execute(query).all()
    return {sha256: value for sha256, text in rows if (value := _decoded(text)) is not None}


def _decoded(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def save_measures(
    database: Database, measurements: Sequence[Measurement], columns: Mapping[int, Mapping[str, Any]]
) -> None:
    """Write measurements, and the columns that follow from them, in one transaction.

    Args:
        database: the log.
        measurements: each takes the place of an earlier one of its picture and name.
        columns: of rows of ``images``, by their id.
    """
    rows = [{**one._asdict(), "value": json.dumps(one.value)} for one in measurements]

    def step(connection: sa.Connection) -> None:
        if rows:
            connection.execute(_WRITE, rows)
        for key, values in columns.items():
            connection.execute(sa.update(IMAGES).where(IMAGES.c.id == key).values(**values))

    if rows or columns:
        database.write(step)


def measured_columns(database: Database, image_uuids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The columns of measures of some pictures, by imageUUID."""
    query = sa.select(IMAGES.c.imageUUID, *(IMAGES.c[name] for name in _COLUMNS))
    with database.reading() as connection:
        rows = connection.execute(query.where(one_of(IMAGES.c.imageUUID, image_uuids))).all()
    return {str(row[0]): dict(zip(_COLUMNS, row[1:], strict=True)) for row in rows}
