"""The log's tables.

``runs`` has one row per task: one column for each parameter (made from the request's declaration, in the API's
spelling), the task as it was sent, its status, its cost and its owner. ``images`` has one row per result: a picture, or
the reason why there is none. ``axes`` has one row for each run of a sweep and name: the value by which it varies, where that
is no parameter. ``judgements`` has one row for each answer of a person to the question which of some pictures is best, and
``measurements`` what was read from the pixels of pictures, by the hash of their bytes. ``accounts`` has the totals that budgets are checked against. ``sightings`` has
when heartbeats of other machines were first seen. ``limits`` and ``senders`` have what all kernels know of a busy
service. ``meta`` has the version of the log, and an author id of each person
who has opened it.

A log of an older nbkit is brought up to date when it is opened: columns and indexes are only ever added. A log of a
newer nbkit has in ``min_reader`` the oldest version that may still read and write it; an older nbkit refuses it.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import sqlalchemy as sa

from nbkit.errors import LogVersionError, StorageError
from nbkit.log.database import Database
from nbkit.log.sql import FLAG, POSTGRES, TEXT, json_column, upsert
from nbkit.log.sqlite import NEW_LOG_SECONDS
from nbkit.request.image_request import PARAMETERS
from nbkit.request.parameter import Boolean, Decimal2, Integer, ListOf

VERSION = 9
"""Version of the tables below; each change raises it by one."""

MIN_READER = 4
"""The oldest version that may read and write a log of this :data:`VERSION`.

A change that only adds columns with NULL or a default in the database leaves it as it is. A change that an older nbkit
would misread or damage raises it to :data:`VERSION`. nbkit 0.1.0, which knows log version 2, does not read this value: it
refuses every later version.
"""

METADATA = sa.MetaData(naming_convention={"ix": "%(table_name)s_%(column_0_name)s"})


_TYPES: dict[type, sa.types.TypeEngine[Any]] = {
    Integer: sa.BigInteger(),
    Decimal2: sa.Float(),
    Boolean: FLAG,
    ListOf: json_column(none_as_null=True),
}
"""The type of a parameter's column, by its kind; text for all others."""

PARAMETER_COLUMNS = {name: parameter.column for name, parameter in PARAMETERS.items() if name != "model"}
"""The column of ``runs`` for each parameter, by its Python name; ``model`` has one in every row."""

# SQLite numbers rows automatically only if the type of the key is INTEGER.
_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class _AsGiven(sa.types.UserDefinedType[Any]):
    """A text, a whole number or a float: SQLite converts no value of a column of this type."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "BLOB"


_AS_GIVEN = _AsGiven().with_variant(sa.JSON(), POSTGRES)


META = sa.Table("meta", METADATA, sa.Column("key", TEXT, primary_key=True), sa.Column("value", TEXT))

RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("id", _KEY, primary_key=True, autoincrement=True),
    sa.Column("taskUUID", TEXT, unique=True, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),  # microseconds since 1970, UTC
    sa.Column("status", TEXT, nullable=False, index=True),
    sa.Column("engine", TEXT, nullable=False),
    sa.Column("model", TEXT, nullable=False),
    sa.Column("charged", FLAG, nullable=False),
    *(sa.Column(p.column, _TYPES.get(type(p.kind), TEXT)) for n, p in PARAMETERS.items() if n in PARAMETER_COLUMNS),
    sa.Column("extra", json_column(none_as_null=True)),
    sa.Column("task", json_column()),  # as sent, without credentials; inline pictures as hashes
    sa.Column("request", json_column()),  # the parameters that were set, by Python name; references as in `task`
    sa.Column("identity", TEXT, index=True),
    sa.Column("resendable", FLAG, nullable=False),  # false: `task` had a credential, which was removed
    sa.Column("estimateLow", sa.BigInteger, nullable=False),  # micro-dollars, as all money in these tables
    sa.Column("estimateHigh", sa.BigInteger, nullable=False),
    sa.Column("held", sa.BigInteger, nullable=False),
    sa.Column("spent", sa.BigInteger, nullable=False),  # what counts against a budget
    sa.Column("cost", sa.BigInteger),  # from the answers; null: they did not contain it
    sa.Column("latency", sa.Float),
    sa.Column("error", TEXT),
    sa.Column("errorCode", TEXT),
    sa.Column("errorKind", TEXT),
    sa.Column("studio", TEXT, nullable=False, index=True),
    sa.Column("owner", TEXT),  # the process that works on it; null: none
    sa.Column("heartbeat", sa.BigInteger),  # by the wall clock, microseconds since 1970
    sa.Column("heartbeatClock", TEXT),  # the heartbeat's time by a clock that nobody sets: clock, seconds, heartbeat
    sa.Column("author", TEXT),  # who added it to a log of somebody else: see nbkit.log.trust
    sa.Column("adopted", sa.BigInteger),  # when it came from another log, in microseconds; null: made in this one
    sa.Column("parent", TEXT, index=True),  # the taskUUID of the run that this one makes again
    sa.Column("parentImage", TEXT, index=True),  # the imageUUID of the picture that it was made from
    sa.Column("sweep", TEXT, index=True),
    sa.Column("template", TEXT),  # that the sweep made the prompt from; null where it has no variables
    sa.Column("dayAccounts", TEXT),  # of its day, that hold or count its money; null in a row of version 0.1.0
    sa.Column("purse", TEXT),  # id of the sub-budget that it shares with other runs; named by version 0.1.0
)

IMAGES = sa.Table(
    "images",
    METADATA,
    sa.Column("id", _KEY, primary_key=True, autoincrement=True),
    sa.Column("run", sa.ForeignKey("runs.id"), nullable=False, index=True),
    sa.Column("status", TEXT, nullable=False),
    sa.Column("imageUUID", TEXT),
    sa.Column("seed", sa.BigInteger),
    sa.Column("cost", sa.BigInteger),
    sa.Column("url", TEXT),
    sa.Column("nsfw", FLAG),
    sa.Column("sha256", TEXT),
    sa.Column("mediaType", TEXT),
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    sa.Column("fingerprint", TEXT),
    sa.Column("file", TEXT),  # below the image folder; null: not fetched (yet)
    sa.Column("removed", TEXT),  # the file of a picture that was removed from the disk; `file` is null then
    sa.Column("whole", FLAG),  # false: what came is cut or damaged, and is fetched again
    sa.Column("stamp", TEXT),  # size and time of the file when its bytes were last compared with the hash
    sa.Column("error", TEXT),  # of a result without a file, why; of one with a file, what is wrong with its bytes
    sa.Column("rating", sa.Integer),
    sa.Column("keep", FLAG),
    sa.Column("tags", TEXT),
    sa.Column("note", TEXT),
    sa.Column("textFidelity", sa.Float),  # what was measured in its pixels: see nbkit.comparison.measuring
    sa.Column("textMissing", TEXT),
    sa.Column("textFound", TEXT),
    sa.Column("sharpness", sa.Float),
    sa.Column("contrast", sa.Float),
    sa.Column("colourfulness", sa.Float),
    sa.Column("adopted", sa.BigInteger),  # as in runs; a run of this log may get a result that another copy of it has
    sa.Column("replay", TEXT),  # how a pack answered it: see nbkit.service.replay; null: it was not asked
    sa.UniqueConstraint("run", "imageUUID"),
)

AXES = sa.Table(
    # What a sweep varies, or fixes, that is no parameter: see nbkit.log.axes.
    "axes",
    METADATA,
    sa.Column("id", _KEY, primary_key=True, autoincrement=True),
    sa.Column("run", sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("value", _AS_GIVEN, nullable=False),
    sa.UniqueConstraint("run", "name"),
)

JUDGEMENTS = sa.Table(
    # Rows are added and never changed, but for the time at which one was taken back: see nbkit.log.judgements.
    "judgements",
    METADATA,
    sa.Column("id", _KEY, primary_key=True, autoincrement=True),
    sa.Column("judgementUUID", TEXT, unique=True, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),  # microseconds since 1970, UTC
    sa.Column("rater", TEXT, nullable=False),
    sa.Column("question", TEXT, nullable=False),
    sa.Column("shown", TEXT, nullable=False),  # imageUUIDs in the order in which they were shown, as a JSON list
    sa.Column("outcome", TEXT, nullable=False),  # the imageUUID of the best one, "tie" or "skip"
    sa.Column("seconds", sa.Float),
    sa.Column("withdrawn", sa.BigInteger),
    sa.Column("author", TEXT),  # as in runs
)

MEASUREMENTS = sa.Table(
    # What is slow to read from pixels is kept here; the columns of `images` follow from it.
    "measurements",
    METADATA,
    sa.Column("sha256", TEXT, primary_key=True),
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("version", TEXT, nullable=False),  # of what measured it; another one measures again
    sa.Column("value", TEXT, nullable=False),  # JSON
)

ACCOUNTS = sa.Table(
    # Running totals, updated in the transactions that write the rows: checking a budget needs no sum over all runs.
    "accounts",
    METADATA,
    sa.Column("name", TEXT, primary_key=True),  # studio:<id>, or day:<date>:<charged>
    sa.Column("spent", sa.BigInteger, nullable=False),
    sa.Column("held", sa.BigInteger, nullable=False),
)

SIGHTINGS = sa.Table(
    # When a heartbeat of another machine's clock, or of an earlier boot, was first seen by this one's.
    "sightings",
    METADATA,
    sa.Column("taskUUID", TEXT, primary_key=True),
    sa.Column("clock", TEXT, primary_key=True),
    sa.Column("mark", TEXT, nullable=False),  # the heartbeat
    sa.Column("since", sa.Float, nullable=False),  # seconds, by the clock
)

LIMITS = sa.Table(
    # How many tasks a busy service takes at once: see nbkit.service.limit. Times in seconds, by the clock of one boot.
    "limits",
    METADATA,
    sa.Column("service", TEXT, primary_key=True),  # a hash of its address, the key, the model, and the clock
    sa.Column("at_once", sa.Integer, nullable=False),
    sa.Column("refused", sa.Float, nullable=False),
    sa.Column("lowered", sa.Float, nullable=False),
    sa.Column("raised", sa.Float, nullable=False),
    sa.Column("interval", sa.Float, nullable=False),
    sa.Column("resumes", sa.Float, nullable=False),
)

SENDERS = sa.Table(
    # The studios that use a service, and how many tasks each has there.
    "senders",
    METADATA,
    sa.Column("sender", TEXT, primary_key=True),
    sa.Column("service", TEXT, nullable=False, index=True),
    sa.Column("owner", TEXT, nullable=False),  # its process
    sa.Column("active", sa.Integer, nullable=False),
    sa.Column("ended", sa.Integer, nullable=False),
    sa.Column("asked", sa.Float),  # when one of its tasks last had to wait; null: none waits
    sa.Column("written", sa.Float, nullable=False),
)

IS_REMOVED = IMAGES.c.file.is_(None) & IMAGES.c.removed.is_not(None)
"""The condition that a picture was removed from the disk; one that an older nbkit has fetched again was not."""

sa.Index("axes_values", AXES.c.name, AXES.c.value).ddl_if(dialect="sqlite")  # PostgreSQL has no order of JSON
sa.Index("images_uuid", IMAGES.c.imageUUID)
sa.Index("images_seed", IMAGES.c.seed)
sa.Index("images_sha256", IMAGES.c.sha256)
sa.Index("images_rating", IMAGES.c.rating, sqlite_where=IMAGES.c.rating.is_not(None))


_LOST_ROWS = (
    ", and there are pictures beside it. If it was copied while a kernel was running, the rows are in the file "
    "log.sqlite-wal beside the original; python -m nbkit backup PATH makes a whole copy, and studio.log.export(PATH) takes the "
    "pictures along. To begin a new log beside the pictures, move log.sqlite aside"
)


_WRITE_META = upsert(META)


def prepare(database: Database) -> None:
    """Create the tables, or bring an older log up to date.

    Raises:
        LogVersionError: if the log can only be read by a newer nbkit.
        StorageError: if the log has code in it, which would run when a row is written, or has lost its tables.

    Warns:
        UserWarning: if the log has no rows, but there are pictures beside it.
    """
    file = None if database.is_new else database.file
    has_pictures = file is not None and any(file.parent.glob("images/??/*"))
    if has_pictures and not _has_tables(database):
        raise StorageError(f"the log {database.name} is not whole: it has no tables{_LOST_ROWS}")
    with database.reading() as connection:
        database.keeper.check_no_code(connection)
        has_tables = sa.inspect(connection).has_table(META.name)
        if has_pictures and connection.scalar(sa.select(RUNS.c.id).limit(1)) is None:
            warnings.warn(f"the log {database.name} may not be whole: it has no runs{_LOST_ROWS}", stacklevel=4)
        if has_tables and not _is_outdated(connection, database.name):
            return
    with database.writing(upgrade=True) as connection:
        is_new = METADATA.tables.keys().isdisjoint(sa.inspect(connection).get_table_names())
        if is_new:
            database.keeper.create_tables(connection, METADATA)
        else:
            METADATA.create_all(connection)
        if not _is_outdated(connection, database.name):
            return  # another kernel has just done it
        for table in () if is_new else (RUNS, IMAGES, AXES):
            _add_what_is_missing(connection, table)
        values = {"version": VERSION, "min_reader": MIN_READER}
        connection.execute(_WRITE_META, [{"key": key, "value": str(value)} for key, value in values.items()])


def _has_tables(database: Database) -> bool:
    """Whether a log has tables, or gets them soon: another kernel may be making it, beside pictures of an earlier one."""
    deadline = time.monotonic() + NEW_LOG_SECONDS
    while True:
        with database.reading() as connection:
            if sa.inspect(connection).has_table(META.name):
                return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)


def check_tables(database: Database) -> None:
    """Check that the tables have the keys and constraints that nbkit gives them, and no others.

    A row that another constraint refuses, or lets replace an earlier one, would be lost after its run was paid.

    Raises:
        StorageError: if they have others; nothing may be sent then.
    """
    with database.reading() as connection:
        if problem := database.keeper.check_tables(connection, METADATA):
            raise StorageError(
                f"the log {database.name} can be looked at and exported, but runs cannot be added: {problem}, which no nbkit "
                "has made. Nothing was sent; choose another folder with Studio(path=…)"
            )


def _is_outdated(connection: sa.Connection, name: str) -> bool:
    """Whether a log lacks columns, indexes or metadata that this version writes.

    Raises:
        LogVersionError: if the log can only be read by a newer nbkit.
        StorageError: if its version cannot be read.
    """
    meta = {row.key: row.value for row in connection.execute(sa.select(META))}
    try:
        version = int(meta.get("version", 0))
        min_reader = int(meta.get("min_reader", version))
    except (TypeError, ValueError):
        raise StorageError(f"the log {name} is damaged: its version is not a number") from None
    if version <= VERSION:
        return version < VERSION or "min_reader" not in meta
    if min_reader > VERSION:
        raise LogVersionError(
            f"the log {name} was made by a newer nbkit (log version {version}; this one knows {VERSION}). "
            "Upgrade nbkit, or choose another folder with Studio(path=…)"
        )
    return False  # newer, and this version may read and write it


def _add_what_is_missing(connection: sa.Connection, table: sa.Table) -> None:
    present = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name not in present:
            definition = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
            default = "" if column.nullable else " DEFAULT ''" if isinstance(column.type, sa.Text) else " DEFAULT 0"
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {definition}{default}")
    for index in table.indexes:
        index.create(connection, checkfirst=True)
