"""What SQLite and PostgreSQL spell differently, as expressions of SQLAlchemy: each query of the log is written once.

Each class below has both spellings, and a function beside it says what it is.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

POSTGRES = "postgresql"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), POSTGRES)
"""Text in the order of its code points, as SQLite and pandas sort it."""


class _JsonText(sa.types.TypeDecorator[Any]):
    """JSON as text in PostgreSQL, too, so that its driver returns what SQLite's does."""

    impl, cache_ok = sa.Text, True

    def process_bind_param(self, value: Any, _dialect: sa.Dialect) -> str | None:
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: Any, _dialect: sa.Dialect) -> Any:
        return None if value is None else json.loads(value)


class _TrueOrFalse(sa.types.TypeDecorator[Any]):
    impl, cache_ok = sa.Boolean, True

    def process_result_value(self, value: Any, _dialect: sa.Dialect) -> bool | None:
        return None if value is None else bool(value)


FLAG = sa.Boolean().with_variant(_TrueOrFalse(), POSTGRES)
"""What is true or false. The driver of each database returns 1 or 0."""


def json_column(*, none_as_null: bool = False) -> sa.types.TypeEngine[Any]:
    """The type of a column with JSON."""
    return sa.JSON(none_as_null=none_as_null).with_variant(_JsonText(), POSTGRES)


# -- reading ---------------------------------------------------------------------------------------------


@functools.cache
def recursive(query: str, limit: str, dialect: str) -> sa.TextClause:
    """A recursive query that ends after some rows.

    PostgreSQL takes no limit inside the recursion, and computes no more than is asked for outside; SQLite needs it inside.

    Args:
        query: has ``{inside}`` at the end of the recursion and ``{outside}`` at its own end.
        limit: the order and the limit.
        dialect: whose spelling is wanted.
    """
    is_sqlite = dialect != POSTGRES
    return sa.text(query.format(inside=limit if is_sqlite else "", outside="" if is_sqlite else limit))


# -- writing ---------------------------------------------------------------------------------------------


def upsert(table: sa.Table, columns: Sequence[str] = (), keys: Sequence[str] = ()) -> sa.TextClause:
    """Inserts a row, or replaces the values of the one with the same key.

    As text, because SQLAlchemy has this clause only in the dialects of single databases.

    Args:
        table: of the row.
        columns: that are given; all of them if none are named.
        keys: that tell the row; the primary key if none are named.
    """
    given = [table.c[name] for name in columns] or list(table.c)
    told = list(keys) or [column.name for column in table.primary_key]
    changed = ", ".join(f'"{one.name}" = excluded."{one.name}"' for one in given if one.name not in told)
    return _insert(table, given, told, f"UPDATE SET {changed}")


def insert_missing(table: sa.Table, columns: Sequence[str] = ()) -> sa.TextClause:
    """Inserts a row, unless there is one with the same key.

    Args:
        table: of the row.
        columns: that are given; all but ``id`` if none are named.
    """
    return _insert(table, [table.c[name] for name in columns] or [c for c in table.c if c.name != "id"], (), "NOTHING")


def _insert(table: sa.Table, given: Sequence[sa.Column[Any]], told: Sequence[str], action: str) -> sa.TextClause:
    names = ", ".join(f'"{one.name}"' for one in given)
    values = ", ".join(f":{one.name}" for one in given)
    keys = "({})".format(", ".join(f'"{name}"' for name in told)) if told else ""
    text = sa.text(f"INSERT INTO {table.name} ({names}) VALUES ({values}) ON CONFLICT {keys} DO {action}")
    return text.bindparams(*(sa.bindparam(one.name, type_=one.type) for one in given))


def count_on(connection: sa.Connection, table: sa.Table) -> None:
    """Let the next row of a table have the number after the last one, where rows with numbers of their own were written."""
    if connection.dialect.name == POSTGRES:
        name = f"'{table.name}'"
        connection.exec_driver_sql(
            f"SELECT setval(pg_get_serial_sequence({name}, 'id'), (SELECT max(id) FROM {table.name}))"
        )


# -- conditions and values -------------------------------------------------------------------------------


class _Spelled(FunctionElement[Any]):
    """An expression of its arguments, ``{0}`` and so on, as each database spells it.

    None is a condition: SQLAlchemy compares a function that is true or false with 1, and SQLite then uses no index.
    """

    inherit_cache = True
    sqlite = postgres = ""


@compiles(_Spelled)
def _in_sqlite(element: _Spelled, compiler: Any, **options: Any) -> str:
    return element.sqlite.format(*(compiler.process(one, **options) for one in element.clauses))


@compiles(_Spelled, POSTGRES)
def _in_postgres(element: _Spelled, compiler: Any, **options: Any) -> str:
    return element.postgres.format(*(compiler.process(one, **options) for one in element.clauses))


class _Listed(_Spelled):
    name, inherit_cache = "listed", True
    sqlite = "json_each({0})"
    postgres = "json_array_elements_text(CAST({0} AS JSON))"


class _WholeNumber(_Spelled):
    name, inherit_cache, type = "whole_number", True, sa.BigInteger()
    sqlite = "{0}"
    postgres = "CAST({0} AS BIGINT)"


def one_of(column: sa.ColumnElement[Any], values: Iterable[Any] | sa.BindParameter[Any]) -> sa.ColumnElement[bool]:
    """The condition that a column has one of some values; the number of parameters of a query is limited, theirs is not.

    Args:
        column: of a table.
        values: as they are, or a parameter that gets them as a JSON list.
    """
    given = values if isinstance(values, sa.BindParameter) else sa.literal(json.dumps(list(values)), sa.Text())
    value = _Listed(given).table_valued("value").c.value
    return column.in_(sa.select(_WholeNumber(value) if isinstance(column.type, sa.Integer) else value))


class _JsonList(_Spelled):
    name, inherit_cache = "json_list", True
    sqlite = "json_each(CASE WHEN json_valid({0}) THEN {0} ELSE '[]' END)"
    postgres = _Listed.postgres


def json_list(column: sa.ColumnElement[Any]) -> Any:
    """The values of a column with a JSON list, as a table with the column ``value``."""
    return _JsonList(column).table_valued("value")


class _Joined(_Spelled):
    name, inherit_cache, type = "joined", True, sa.Text()
    sqlite = "(SELECT group_concat(value, ' ') FROM json_each({0}))"
    postgres = (
        "(SELECT string_agg(value, ' ' ORDER BY number) "
        "FROM json_array_elements_text(CAST({0} AS JSON)) WITH ORDINALITY AS given(value, number))"
    )


def joined(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """The texts of a JSON list, with a space between them."""
    return _Joined(column)


class _Total(_Spelled):
    name, inherit_cache, type = "total", True, sa.BigInteger()
    sqlite = "total({0})"
    postgres = "CAST(coalesce(sum({0}), 0) AS BIGINT)"


def total(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """The sum of whole numbers, or the number of rows for which a condition is true; 0 of none."""
    return _Total(zero_or_one(column) if isinstance(column.type, sa.Boolean) else column)


class _ZeroOrOne(_Spelled):
    name, inherit_cache, type = "zero_or_one", True, sa.Integer()
    sqlite = "({0})"
    postgres = "CAST(({0}) AS INTEGER)"


def zero_or_one(column: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """What is true or false, as a number."""
    return _ZeroOrOne(column)


class _PartAt(_Spelled):
    name, inherit_cache, type = "part_at", True, sa.Integer()
    sqlite = "instr({0}, {1})"
    postgres = "strpos({0}, {1})"


def holds(text: sa.ColumnElement[Any], part: str) -> sa.ColumnElement[bool]:
    """The condition that a text has another one in it. ``LIKE`` would ignore the case of ASCII letters, and know % and _."""
    return _PartAt(text, sa.literal(part, sa.Text())) > 0


class _Ending(_Spelled):
    name, inherit_cache, type = "ending", True, sa.Text()
    sqlite = "substr({0}, -length({1}))"
    postgres = "right({0}, length({1}))"


def ends_with(text: sa.ColumnElement[Any], part: str) -> sa.ColumnElement[bool]:
    """The condition that a text ends with another one, which is not empty."""
    return _Ending(text, sa.literal(part, sa.Text())) == part


class _Folded(_Spelled):
    name, inherit_cache, type = "folded", True, sa.Text()
    sqlite = "casefold({0})"
    postgres = "nbkit_casefold({0})"


def folded(text: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """A text for comparing without case; Python has it as :func:`nbkit.log.sqlite.casefold`."""
    return _Folded(text)


class _HasWords(_Spelled):
    name, inherit_cache, type = "has_words", True, sa.Integer()
    sqlite = (
        "has_words({0}, CAST({1} AS BLOB), CAST({2} AS BLOB), CAST({3} AS BLOB))"  # a damaged row may have no UTF-8
    )
    postgres = (
        "CAST(NOT EXISTS (SELECT 1 FROM json_array_elements_text(CAST({0} AS JSON) -> 0) AS word "
        "WHERE strpos(nbkit_casefold(concat_ws(E'\\n', {1}, {2}, {3})), word.value) = 0) "
        "AND NOT EXISTS (SELECT 1 FROM json_array_elements_text(CAST({0} AS JSON) -> 1) AS phrase WHERE NOT EXISTS ("
        "SELECT 1 FROM (VALUES ({1}), ({2}), ({3})) AS texts(text) "
        "WHERE strpos(regexp_replace(nbkit_casefold(text), '\\s+', ' ', 'g'), phrase.value) > 0)) AS INTEGER)"
    )


def has_words(
    words: Iterable[str], phrases: Iterable[str], texts: Iterable[sa.ColumnElement[Any]]
) -> sa.ColumnElement[bool]:
    """The condition that the texts of a row have all words, and each phrase in one of them.

    Args:
        words: in lower case.
        phrases: in lower case, with single spaces.
        texts: three columns.
    """
    return _HasWords(sa.literal(json.dumps([list(words), list(phrases)]), sa.Text()), *texts) == 1


class _TypeName(_Spelled):
    name, inherit_cache, type = "type_name", True, sa.Text()
    sqlite = "typeof({0})"
    postgres = (
        "CASE json_typeof({0}) WHEN 'string' THEN 'text' WHEN 'number' THEN "
        "CASE WHEN CAST({0} AS TEXT) ~ '[.eE]' THEN 'real' ELSE 'integer' END ELSE 'null' END"
    )


def type_name(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """What kind of value stands in a column that takes any: ``text``, ``integer``, ``real``, ``null`` or another."""
    return _TypeName(column)


class _Given(_Spelled):
    name, inherit_cache, type = "given", True, sa.Text()
    sqlite = "{0}"
    postgres = "({0} #>> '{{}}')"


def given_value(column: sa.ColumnElement[Any], kind: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any]:
    """A value of a column that takes any, as one type."""
    return sa.cast(_Given(column), kind)


# A server stores no value of another type; nobody edits its database as a file.


class _IsWhole(_Spelled):
    name, inherit_cache, type = "is_whole", True, sa.Integer()
    sqlite = "(typeof({0}) IN ('integer', 'null'))"
    postgres = "1"


def is_whole(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """The condition that a column of whole numbers has one, or nothing."""
    return _IsWhole(column) == 1


class _IsJson(_Spelled):
    name, inherit_cache, type = "is_json", True, sa.Integer()
    sqlite = "json_valid({0})"
    postgres = "1"


def is_json(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """The condition that a text is JSON."""
    return _IsJson(column) == 1


class _Likely(_Spelled):
    name, inherit_cache = "likely", True
    sqlite = "likely({0})"
    postgres = "({0})"


def likely(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """A condition that most rows meet, so that SQLite does not look for them by it; PostgreSQL counts by itself."""
    return _Likely(condition)


class _TextBytes(_Spelled):
    name, inherit_cache, type = "text_bytes", True, sa.LargeBinary()
    sqlite = "CASE WHEN typeof({0}) = 'text' THEN CAST({0} AS BLOB) END"
    postgres = "convert_to({0}, 'UTF8')"


def text_bytes(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bytes]:
    """A column's text, as bytes; a damaged row may have something else, or no UTF-8."""
    return _TextBytes(column)


class _TimeText(_Spelled):
    name, inherit_cache, type = "time_text", True, sa.Text()
    sqlite = (
        "(strftime('%Y-%m-%d %H:%M:%S', {0} / 1000000, 'unixepoch') "
        "|| CASE WHEN {0} % 1000000 = 0 THEN '' ELSE printf('.%06d', {0} % 1000000) END || '+00:00')"
    )
    postgres = (
        "(to_char(to_timestamp({0} / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') "
        "|| CASE WHEN {0} %% 1000000 = 0 THEN '' ELSE '.' || lpad(CAST({0} %% 1000000 AS TEXT), 6, '0') END || '+00:00')"
    )


def time_text(column: sa.ColumnElement[int]) -> sa.ColumnElement[str]:
    """Microseconds since 1970 as pandas writes that time."""
    return _TimeText(column)


class _FloatText(_Spelled):
    name, inherit_cache, type = "float_text", True, sa.Text()
    sqlite = "CAST(CAST({0} AS FLOAT) AS TEXT)"
    postgres = (
        "CAST(CAST({0} AS DOUBLE PRECISION) AS TEXT) "
        "|| CASE WHEN CAST(CAST({0} AS DOUBLE PRECISION) AS TEXT) ~ '^-?[0-9]+$' THEN '.0' ELSE '' END"
    )


def float_text(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """A number as Python writes a float: ``5.0``."""
    return _FloatText(column)
