"""``PostgresServer``, a log in a database of PostgreSQL, which kernels of several machines share.

Each transaction that writes takes one lock for the whole log first. So a budget is checked against rows that nobody
changes meanwhile, as in a file. What is read is one snapshot.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.adapt import Loader
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import event

from nbkit.errors import StorageError
from nbkit.log.casefolding import casefold_function
from nbkit.log.owner import Clock
from nbkit.log.sql import POSTGRES

PATIENCE = 30.0
"""Seconds to wait for the lock, and for a server that is being started again."""

CONNECTIONS = 20
"""Connections that one log keeps; it opens up to twice as many, and a server has room for a hundred unless it is told."""

CONNECT_SECONDS = 10
"""Time-out of one connection."""

_NOT_READY = ("08000", "08001", "08003", "08004", "08006", "57P01", "57P02", "57P03")
"""SQLSTATEs of a server that does not answer, stops, or starts."""

_BEGIN = (
    "SELECT pg_advisory_xact_lock(hashtextextended('nbkit ' || current_schema(), 0)), pg_current_xact_id()::text, "
    "extract(epoch FROM clock_timestamp())::float8, set_config('idle_in_transaction_session_timeout', '60s', true)"
)
"""Takes the write lock of the log. A kernel that hangs in a transaction loses it after a minute."""

OLDEST = 130_000
"""The oldest PostgreSQL, as it numbers itself: 13 has transactions whose outcome can be asked for."""

MIN_ROOM = 5
"""Connections that a server should have left."""

_CONDITION = """SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), current_schema(),
    has_schema_privilege(current_schema(), 'CREATE')::int,
    (SELECT ssl::int FROM pg_stat_ssl WHERE pid = pg_backend_pid()),
    current_setting('max_connections')::int - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
    extract(epoch FROM clock_timestamp())::float8 - %s"""

_ADVICE = {
    "authentication": "Check the user and the password in Studio(log=…) or NBKIT_LOG.",
    "does not exist": "Check the database and the user in Studio(log=…) or NBKIT_LOG.",
    "permission denied": "The user needs the right to make tables in its schema.",
    "lock timeout": "Another kernel has held the log's lock for too long.",
}


class PostgresServer:
    """A log on a server: a :class:`~nbkit.log.database.Keeper`.

    Args:
        url: a :func:`~nbkit.log.database.server_address`; the password stands in it, or in ``~/.pgpass`` or ``PGPASSWORD``.

    Raises:
        StorageError: if the server does not answer, or refuses the user.
    """

    is_new, read_only = False, False

    def __init__(self, url: sa.URL) -> None:
        self.name = shown(url)
        self._offset, self._is_open = 0.0, False
        self.clock = Clock("server", lambda: time.monotonic() + self._offset)
        self.writer = sa.create_engine(
            url,
            use_native_hstore=False,
            pool_pre_ping=True,
            pool_size=CONNECTIONS,
            max_overflow=CONNECTIONS,
            connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "nbkit", "client_encoding": "utf8"},
        )
        event.listen(self.writer, "do_connect", self._connect)
        event.listen(self.writer, "connect", lambda connection, _: _set_up(connection))
        self.reader = self.writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        try:
            with self.writer.connect() as connection:
                found = connection.exec_driver_sql(
                    "SELECT extract(epoch FROM clock_timestamp())::float8, current_schema()"
                )
                seconds, schema = found.one()
        except sa.exc.DBAPIError as error:
            problem = str(error.orig).strip()
            raise StorageError(f"the log {self.name} cannot be opened: {problem}. {self.advice(problem)}") from None
        if schema is None:
            raise StorageError(f"the log {self.name} cannot be opened: none of the schemas of its search_path exists")
        self._offset, self._is_open = seconds - time.monotonic(), True

    def begin_writing(self, connection: sa.Connection) -> str:
        _, transaction, seconds, _ = connection.exec_driver_sql(_BEGIN).one()
        self._offset = seconds - time.monotonic()
        return str(transaction)

    def begin_reading(self, connection: sa.Connection) -> None: ...

    def is_committed(self, begun: object) -> bool:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(sa.exc.OperationalError):
                try:
                    with self.writer.connect() as connection:
                        state = connection.scalar(sa.text("SELECT pg_xact_status(CAST(:of AS xid8))"), {"of": begun})
                except sa.exc.DBAPIError as error:
                    if isinstance(error, sa.exc.OperationalError):
                        raise
                    return False  # a transaction of which a server that has crashed knows nothing
                if state != "in progress":
                    return bool(state == "committed")
            time.sleep(0.05)
        return False

    def may_try_again(self, error: Exception, since: float) -> bool:
        lost = isinstance(error, sa.exc.DBAPIError) and (error.connection_invalidated or _is_not_ready(error.orig))
        if not lost or time.monotonic() - since > PATIENCE:
            return False
        time.sleep(0.1)
        return True

    def check_in_place(self) -> None: ...

    def check_no_code(self, connection: sa.Connection) -> None: ...

    def check_tables(self, connection: sa.Connection, metadata: sa.MetaData) -> str:
        found = sa.inspect(connection)
        for table in metadata.sorted_tables:
            there = {column["name"] for column in found.get_columns(table.name)}
            for column in table.columns:
                if column.name not in there:
                    return f"its table {table.name} has no column {column.name!r}"
        return ""

    def create_tables(self, connection: sa.Connection, metadata: sa.MetaData) -> None:
        connection.exec_driver_sql(casefold_function())
        metadata.create_all(connection)
        connection.exec_driver_sql("CREATE INDEX axes_names ON axes (name)")

    def condition(self, connection: sa.Connection, *, has_tables: bool) -> list[tuple[str, bool]]:
        found = connection.exec_driver_sql(_CONDITION, (time.time(),)).one()
        number, encoding, schema, may_make, is_encrypted, room, ahead = found
        place = f"schema {schema}, {'encrypted' if is_encrypted else 'not encrypted'}"
        where = "ahead of" if ahead > 0 else "behind"
        lines = [
            (f"PostgreSQL {number // 10_000}, {place}.", number >= OLDEST),
            (f"Its clock is {abs(ahead):,.1f} s {where} this machine's; leases go by it.", True),
            (f"It has room for {room} more connections; one kernel opens up to {2 * CONNECTIONS}.", room >= MIN_ROOM),
        ]
        if encoding != "UTF8":
            lines.append((f"The database's encoding is {encoding}; a log needs UTF8: createdb --encoding UTF8.", False))
        if not may_make and not has_tables:
            lines.append((f"The user may not make tables: GRANT CREATE ON SCHEMA {schema}.", False))
        return lines

    def faults(self, _connection: sa.Connection) -> list[str]:
        return []

    def size(self) -> int:
        query = (
            "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class "
            "WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
        )
        with self.reader.connect() as connection:
            return int(connection.exec_driver_sql(query).scalar_one())

    def advice(self, problem: str) -> str:
        found = (advice for phrase, advice in _ADVICE.items() if phrase in problem)
        return next(found, "Nothing is sent while the log cannot be written.")

    def _connect(self, _dialect: Any, _record: Any, given: Any, options: dict[str, Any]) -> Any:
        """A new connection; once the log is open, a server that is being started again is waited for."""
        deadline = time.monotonic() + (PATIENCE if self._is_open else 0.0)
        while True:
            try:
                return psycopg.connect(*given, **options)
            except psycopg.OperationalError as error:
                if not _is_not_ready(error) or time.monotonic() > deadline:
                    raise
            time.sleep(0.1)


def shown(url: sa.URL) -> str:
    """An address without its password; of its query, which may have one, too, only what names the schema."""
    kept = {name: value for name, value in url.query.items() if name == "options"}
    return sa.URL.create(POSTGRES, url.username, None, url.host, url.port, url.database, kept).render_as_string()


def _is_not_ready(error: Any) -> bool:
    if not isinstance(error, psycopg.OperationalError):
        return False
    code = error.sqlstate
    if code is None:  # no server has answered
        return "authentication" not in str(error) and "does not exist" not in str(error)
    return code in _NOT_READY


def _set_up(connection: Any) -> None:
    """Make the driver return and take values as SQLite's does."""
    connection.adapters.register_loader("bool", _BoolLoader)
    connection.adapters.register_dumper(str, _Text)
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {int(1000 * PATIENCE)}")
    connection.commit()


class _BoolLoader(Loader):
    """What is true or false as 1 or 0."""

    def load(self, data: Any) -> int:
        return int(bytes(data) == b"t")


class _Text(StrDumperUnknown):
    """A text without the character that PostgreSQL does not take: what a service says must not cost a paid row."""

    def dump(self, obj: str) -> bytes:
        return obj.replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "backslashreplace")
