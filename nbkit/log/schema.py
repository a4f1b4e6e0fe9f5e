"""The log's tables.

``runs`` has one row per task: each parameter in a column of its own (made from the request's declaration, with the API's
spelling), the task as it was sent, its state, what it cost, and its owner. ``images`` has one row per result: a picture,
or the reason why there is none. ``meta`` has the version of the log.

A log of an older nbkit is brought up to date when it is opened: columns and indexes are only ever added. A log of a newer
nbkit names in ``min_reader`` the oldest version that may still read and write it; an nbkit older than that refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from nbkit.errors import LogVersionError
from nbkit.log.database import Database
from nbkit.request.image_request import PARAMETERS
from nbkit.request.parameter import Boolean, Decimal2, Integer, ListOf, Parameter

VERSION = 2
"""Of the tables below; one higher with each change."""

MIN_READER = 2
"""The oldest version that may read and write a log of this :data:`VERSION`.

Stays as it is when a change only adds columns that may be null or have a default in the database. It is raised to
:data:`VERSION` by a change that an older nbkit would misread or damage.
"""

_VERSION, _MIN_READER = "version", "min_reader"

METADATA = sa.MetaData()


def _type_of(parameter: Parameter[Any]) -> sa.types.TypeEngine[Any]:
    match parameter.kind:
        case Integer():
            return sa.BigInteger()
        case Decimal2():
            return sa.Float()
        case Boolean():
            return sa.Boolean()
        case ListOf():
            return sa.JSON(none_as_null=True)
        case _:
            return sa.Text()


PARAMETER_COLUMNS = {name: parameter.column for name, parameter in PARAMETERS.items()}
"""From the Python name to the column of ``runs``."""

# SQLite numbers rows by itself only for a plain INTEGER key.
_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

META = sa.Table("meta", METADATA, sa.Column("key", sa.Text, primary_key=True), sa.Column("value", sa.Text))

RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("id", _KEY, primary_key=True, autoincrement=True),
    sa.Column("taskUUID", sa.Text, unique=True, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),  # microseconds since 1970, UTC
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("engine", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("charged", sa.Boolean, nullable=False),
    *(sa.Column(PARAMETER_COLUMNS[name], _type_of(parameter)) for name, parameter in PARAMETERS.items()),
    sa.Column("extra", sa.JSON(none_as_null=True)),
    sa.Column("task", sa.JSON),  # as sent, without credentials; inline pictures by hash
    sa.Column("request", sa.JSON),  # what was set, by Python name; references as in `task`
    sa.Column("identity", sa.Text),
    sa.Column("resendable", sa.Boolean, nullable=False),  # false: a credential was taken out of `task`
    sa.Column("estimateLow", sa.BigInteger, nullable=False),  # micro-dollars, as all money here
    sa.Column("estimateHigh", sa.BigInteger, nullable=False),
    sa.Column("held", sa.BigInteger, nullable=False),
    sa.Column("spent", sa.BigInteger, nullable=False),  # what counts against a budget
    sa.Column("cost", sa.BigInteger),  # what the answers said; null: they did not
    sa.Column("latency", sa.Float),
    sa.Column("error", sa.Text),
    sa.Column("errorCode", sa.Text),
    sa.Column("errorKind", sa.Text),
    sa.Column("studio", sa.Text, nullable=False),
    sa.Column("owner", sa.Text),  # null: nobody works on it
    sa.Column("heartbeat", sa.BigInteger),
    sa.Column("parent", sa.Text),
    sa.Column("sweep", sa.Text),
    sa.Column("purse", sa.Text),  # money set apart for several runs together
)

IMAGES = sa.Table(
    "images",
    METADATA,
    sa.Column("id", _KEY, primary_key=True, autoincrement=True),
    sa.Column("run", sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("imageUUID", sa.Text),
    sa.Column("seed", sa.BigInteger),
    sa.Column("cost", sa.BigInteger),
    sa.Column("url", sa.Text),
    sa.Column("nsfw", sa.Boolean),
    sa.Column("sha256", sa.Text),
    sa.Column("mediaType", sa.Text),
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    sa.Column("fingerprint", sa.Text),
    sa.Column("file", sa.Text),  # below the image folder; null: not fetched (yet)
    sa.Column("error", sa.Text),
    sa.Column("rating", sa.Integer),
    sa.Column("keep", sa.Boolean),
    sa.Column("tags", sa.Text),
    sa.Column("note", sa.Text),
    sa.UniqueConstraint("run", "imageUUID"),
)

ACCOUNTS = sa.Table(
    # Running totals, kept in the same transactions as the rows they count: a budget is checked without a sum.
    "accounts",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),  # studio:<id>, or day:<date>:<charged>
    sa.Column("spent", sa.BigInteger, nullable=False),
    sa.Column("held", sa.BigInteger, nullable=False),
)

sa.Index("runs_status", RUNS.c.status)
sa.Index("runs_studio", RUNS.c.studio)
sa.Index("runs_identity", RUNS.c.identity)
sa.Index("runs_sweep", RUNS.c.sweep)
sa.Index("images_run", IMAGES.c.run)
sa.Index("images_uuid", IMAGES.c.imageUUID)


def prepare(database: Database) -> None:
    """Create the tables, or bring an older log up to date.

    Raises:
        LogVersionError: if the log can only be read by a newer nbkit.
    """
    with database.reading() as connection:
        if sa.inspect(connection).has_table(META.name) and not _needs_work(_read_meta(connection), database.name):
            return
    with database.writing() as connection:
        METADATA.create_all(connection)
        meta = _read_meta(connection)
        if not _needs_work(meta, database.name):
            return  # another kernel was faster
        _add_missing_columns(connection)
        _add_missing_indexes(connection)
        connection.execute(sa.delete(META).where(META.c.key.in_((_VERSION, _MIN_READER))))
        values = {_VERSION: VERSION, _MIN_READER: MIN_READER}
        connection.execute(sa.insert(META), [{"key": key, "value": str(value)} for key, value in values.items()])


def _needs_work(meta: Mapping[str, int], name: str) -> bool:
    """Whether a log lacks something that this version writes.

    Raises:
        LogVersionError: if the log can only be read by a newer nbkit.
    """
    version = meta.get(_VERSION, 0)
    if version <= VERSION:
        return version < VERSION or _MIN_READER not in meta
    if meta.get(_MIN_READER, version) > VERSION:
        raise LogVersionError(
            f"the log {name} was made by a newer nbkit (log version {version}; this one knows {VERSION}). "
            "Upgrade nbkit, or choose another folder with Studio(path=…)"
        )
    return False  # a newer log in which this version may read and write


def _read_meta(connection: sa.Connection) -> dict[str, int]:
    rows = connection.execute(sa.select(META.c.key, META.c.value).where(META.c.key.in_((_VERSION, _MIN_READER))))
    return {key: int(value) for key, value in rows}


def _add_missing_columns(connection: sa.Connection) -> None:
    inspector = sa.inspect(connection)
    for table in (RUNS, IMAGES):
        present = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in present:
                kind = column.type.compile(connection.dialect)
                default = "" if column.nullable else f" NOT NULL DEFAULT {_neutral(column)}"
                quoted = connection.dialect.identifier_preparer.quote(column.name)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {quoted} {kind}{default}")


def _add_missing_indexes(connection: sa.Connection) -> None:
    for table in (RUNS, IMAGES):
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def _neutral(column: sa.Column[Any]) -> str:
    return "0" if isinstance(column.type, (sa.BigInteger, sa.Integer, sa.Boolean)) else "''"
