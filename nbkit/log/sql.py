"""What SQLite and PostgreSQL spell differently, as expressions of SQLAlchemy: each query of the log is written once.

SQLite's spelling is the default; a second function has PostgreSQL's where that is another one.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from nbkit.request.price import MICRO

POSTGRES = "postgresql"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), POSTGRES)
"""Text in the order of its code points, as SQLite and pandas sort it."""


class JsonText(sa.types.TypeDecorator[Any]):
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
    return sa.JSON(none_as_null=none_as_null).with_variant(JsonText(), POSTGRES)


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


class _Function(FunctionElement[Any]):
    """A function that SQLite has by this name, unless it is spelled otherwise."""

    inherit_cache = True


@compiles(_Function)
def _by_name(element: _Function, compiler: Any, **options: Any) -> str:
    return f"{element.name}({compiler.process(element.clauses, **options)})"


class _Listed(_Function):
    name, inherit_cache = "json_each", True


@compiles(_Listed, POSTGRES)
def _listed_postgres(element: _Listed, compiler: Any, **options: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS JSON))"


class _WholeNumber(_Function):
    name, inherit_cache, type = "whole_number", True, sa.BigInteger()


@compiles(_WholeNumber)
def _whole_number_sqlite(element: _WholeNumber, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(_WholeNumber, POSTGRES)
def _whole_number_postgres(element: _WholeNumber, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS BIGINT)"


def one_of(column: sa.ColumnElement[Any], values: Iterable[Any] | sa.BindParameter[Any]) -> sa.ColumnElement[bool]:
    """The condition that a column has one of some values; the number of parameters of a query is limited, theirs is not.

    It is no function that is true or false: SQLAlchemy compares one with 1, and SQLite then uses no index.

    Args:
        column: of a table.
        values: as they are, or a parameter that gets them as a JSON list.
    """
    given = values if isinstance(values, sa.BindParameter) else sa.literal(json.dumps(list(values)), sa.Text())
    value = _Listed(given).table_valued("value").c.value
    return column.in_(sa.select(_WholeNumber(value) if isinstance(column.type, sa.Integer) else value))


class _Total(_Function):
    name, inherit_cache, type = "total", True, sa.BigInteger()


@compiles(_Total, POSTGRES)
def _total_postgres(element: _Total, compiler: Any, **options: Any) -> str:
    (value,) = element.clauses
    number = compiler.process(sa.cast(value, sa.Integer) if isinstance(value.type, sa.Boolean) else value, **options)
    return f"CAST(coalesce(sum({number}), 0) AS BIGINT)"


def total(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """The sum of whole numbers, or the number of rows for which a condition is true; 0 of none."""
    return _Total(column)


class _PartAt(_Function):
    name, inherit_cache, type = "instr", True, sa.Integer()


@compiles(_PartAt, POSTGRES)
def _part_at_postgres(element: _PartAt, compiler: Any, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


def holds(text: sa.ColumnElement[Any], part: str) -> sa.ColumnElement[bool]:
    """The condition that a text has another one in it. ``LIKE`` would ignore the case of ASCII letters, and know % and _."""
    return _PartAt(text, sa.literal(part, sa.Text())) > 0


class _Ending(_Function):
    name, inherit_cache, type = "ending", True, sa.Text()


@compiles(_Ending)
def _ending_sqlite(element: _Ending, compiler: Any, **options: Any) -> str:
    text, length = (compiler.process(one, **options) for one in element.clauses)
    return f"substr({text}, -{length}, {length})"


@compiles(_Ending, POSTGRES)
def _ending_postgres(element: _Ending, compiler: Any, **options: Any) -> str:
    return f"right({compiler.process(element.clauses, **options)})"


def ending(text: sa.ColumnElement[Any], length: int) -> sa.ColumnElement[str]:
    """The last characters of a text, at least one."""
    return _Ending(text, sa.literal(length, sa.Integer()))


class _Folded(_Function):
    name, inherit_cache, type = "casefold", True, sa.Text()


@compiles(_Folded, POSTGRES)
def _folded_postgres(element: _Folded, compiler: Any, **options: Any) -> str:
    return f"nbkit_casefold({compiler.process(element.clauses, **options)})"


def folded(text: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """A text for comparing without case; Python has it as :func:`nbkit.log.sqlite.casefold`."""
    return _Folded(text)


class _HasWords(_Function):
    name, inherit_cache, type = "has_words", True, sa.Integer()


@compiles(_HasWords)
def _has_words_sqlite(element: _HasWords, compiler: Any, **options: Any) -> str:
    asked, *texts = (compiler.process(one, **options) for one in element.clauses)
    return (
        f"has_words({asked}, {', '.join(f'CAST({text} AS BLOB)' for text in texts)})"  # a damaged row may have no UTF-8
    )


@compiles(_HasWords, POSTGRES)
def _has_words_postgres(element: _HasWords, compiler: Any, **options: Any) -> str:
    asked, *texts = (compiler.process(one, **options) for one in element.clauses)
    whole = f"nbkit_casefold(concat_ws(E'\\n', {', '.join(texts)}))"
    spaced = (f"regexp_replace(nbkit_casefold({text}), '\\s+', ' ', 'g')" for text in texts)
    found = " OR ".join(f"coalesce(strpos({text}, given.value), 0) > 0" for text in spaced)
    each = "NOT EXISTS (SELECT 1 FROM json_array_elements_text(CAST({} AS JSON) -> {}) AS given WHERE {})"
    words = each.format(asked, 0, f"strpos({whole}, given.value) = 0")
    phrases = each.format(asked, 1, f"NOT ({found})")
    return f"CAST({words} AND {phrases} AS INTEGER)"


def has_words(
    words: Iterable[str], phrases: Iterable[str], texts: Iterable[sa.ColumnElement[Any]]
) -> sa.ColumnElement[bool]:
    """The condition that the texts of a row have all words, and each phrase in one of them.

    Args:
        words: in lower case.
        phrases: in lower case, with single spaces.
        texts: columns.
    """
    return _HasWords(sa.literal(json.dumps([list(words), list(phrases)]), sa.Text()), *texts) == 1


class _TypeName(_Function):
    name, inherit_cache, type = "typeof", True, sa.Text()


@compiles(_TypeName, POSTGRES)
def _type_name_postgres(element: _TypeName, compiler: Any, **options: Any) -> str:
    (column,) = element.clauses
    value = compiler.process(column, **options)
    if isinstance(column.type, sa.Integer):  # whose columns have nothing else
        return f"CASE WHEN {value} IS NULL THEN 'null' ELSE 'integer' END"
    number = f"CASE WHEN CAST({value} AS TEXT) ~ '[.eE]' THEN 'real' ELSE 'integer' END"
    return f"CASE json_typeof({value}) WHEN 'string' THEN 'text' WHEN 'number' THEN {number} ELSE 'null' END"


def type_name(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """What kind of value stands in a column that takes any: ``text``, ``integer``, ``real``, ``null`` or another."""
    return _TypeName(column)


class _Given(_Function):
    name, inherit_cache, type = "given", True, sa.Text()


@compiles(_Given)
def _given_sqlite(element: _Given, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(_Given, POSTGRES)
def _given_postgres(element: _Given, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)} #>> '{{}}')"


def given_value(column: sa.ColumnElement[Any], kind: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any]:
    """A value of a column that takes any, as one type."""
    return sa.cast(_Given(column), kind)


class _IsJson(_Function):
    name, inherit_cache, type = "json_valid", True, sa.Boolean()


@compiles(_IsJson, POSTGRES)
def _is_json_postgres(_element: _IsJson, _compiler: Any, **_: Any) -> str:
    return "TRUE"  # nobody edits that database as a file


def is_json(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """The condition that a text is JSON."""
    return _IsJson(column)


class _Likely(_Function):
    name, inherit_cache = "likely", True  # of no type, for the reason that one_of names


@compiles(_Likely, POSTGRES)
def _likely_postgres(element: _Likely, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)})"


def likely(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """A condition that most rows meet, so that SQLite does not look for them by it; PostgreSQL counts by itself."""
    return _Likely(condition)


class _JsonList(_Function):
    name, inherit_cache = "json_list", True


@compiles(_JsonList)
def _json_list_sqlite(element: _JsonList, compiler: Any, **options: Any) -> str:
    text = compiler.process(element.clauses, **options)
    return f"json_each(CASE WHEN json_valid({text}) THEN {text} ELSE '[]' END)"


@compiles(_JsonList, POSTGRES)
def _json_list_postgres(element: _JsonList, compiler: Any, **options: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS JSON))"


def json_list(column: sa.ColumnElement[Any]) -> Any:
    """The values of a column with a JSON list, as a table with the column ``value``."""
    return _JsonList(column).table_valued("value")


class _Joined(_Function):
    name, inherit_cache, type = "joined", True, sa.Text()


@compiles(_Joined)
def _joined_sqlite(element: _Joined, compiler: Any, **options: Any) -> str:
    return f"(SELECT group_concat(value, ' ') FROM json_each({compiler.process(element.clauses, **options)}))"


@compiles(_Joined, POSTGRES)
def _joined_postgres(element: _Joined, compiler: Any, **options: Any) -> str:
    values = f"json_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS JSON))"
    return f"(SELECT string_agg(value, ' ' ORDER BY number) FROM {values} WITH ORDINALITY AS given(value, number))"


def joined(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """The texts of a JSON list, with a space between them."""
    return _Joined(column)


class _Bytes(_Function):
    name, inherit_cache, type = "text_bytes", True, sa.LargeBinary()


@compiles(_Bytes)
def _bytes_sqlite(element: _Bytes, compiler: Any, **options: Any) -> str:
    text = compiler.process(element.clauses, **options)
    return f"CASE WHEN typeof({text}) = 'text' THEN CAST({text} AS BLOB) END"


@compiles(_Bytes, POSTGRES)
def _bytes_postgres(element: _Bytes, compiler: Any, **options: Any) -> str:
    return f"convert_to({compiler.process(element.clauses, **options)}, 'UTF8')"


def text_bytes(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bytes]:
    """A column's text, as bytes; a damaged row may have something else, or no UTF-8."""
    return _Bytes(column)


class _Number(_Function):
    name, inherit_cache, type = "number", True, sa.Integer()


@compiles(_Number)
def _number_sqlite(element: _Number, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(_Number, POSTGRES)
def _number_postgres(element: _Number, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS INTEGER)"


def zero_or_one(column: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """What is true or false, as a number."""
    return _Number(column)


class _Time(_Function):
    name, inherit_cache, type = "time_text", True, sa.Text()


@compiles(_Time)
def _time_sqlite(element: _Time, compiler: Any, **options: Any) -> str:
    micros = compiler.process(element.clauses, **options)
    rest = f"CASE WHEN {micros} % {MICRO} = 0 THEN '' ELSE printf('.%06d', {micros} % {MICRO}) END"
    return f"(strftime('%Y-%m-%d %H:%M:%S', {micros} / {MICRO}, 'unixepoch') || {rest} || '+00:00')"


@compiles(_Time, POSTGRES)
def _time_postgres(element: _Time, compiler: Any, **options: Any) -> str:
    micros = compiler.process(element.clauses, **options)
    rest = f"CASE WHEN {micros} %% {MICRO} = 0 THEN '' ELSE '.' || lpad(CAST({micros} %% {MICRO} AS TEXT), 6, '0') END"
    seconds = f"to_char(to_timestamp({micros} / {MICRO}) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
    return f"({seconds} || {rest} || '+00:00')"


def time_text(column: sa.ColumnElement[int]) -> sa.ColumnElement[str]:
    """Microseconds since 1970 as pandas writes that time."""
    return _Time(column)


class _FloatText(_Function):
    name, inherit_cache, type = "float_text", True, sa.Text()


@compiles(_FloatText)
def _float_text_sqlite(element: _FloatText, compiler: Any, **options: Any) -> str:
    return f"CAST(CAST({compiler.process(element.clauses, **options)} AS FLOAT) AS TEXT)"


@compiles(_FloatText, POSTGRES)
def _float_text_postgres(element: _FloatText, compiler: Any, **options: Any) -> str:
    text = f"CAST(CAST({compiler.process(element.clauses, **options)} AS DOUBLE PRECISION) AS TEXT)"
    return f"CASE WHEN {text} ~ '^-?[0-9]+$' THEN {text} || '.0' ELSE {text} END"


def float_text(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """A number as Python writes a float: ``5.0``."""
    return _FloatText(column)
