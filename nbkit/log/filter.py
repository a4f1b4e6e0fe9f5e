"""A filter's text, such as ``temperature > 0.5 and rating >= 4``: read into a tree, which gives a mask and SQL.

Python's parser reads the text, and nothing of it is evaluated: :func:`parse` takes comparisons of columns with constants
or other columns (also chained, ``in``, ``is None``), the calls in :data:`CALLS`, columns that are true or false, ``and``,
``or`` and ``not``, and refuses every other node. ``&``, ``|``, ``~`` and backticks are as in ``DataFrame.query``.

A comparison with a gap is neither true nor false, and neither is its ``not``; a row is found where the whole is true.
Whether a gap is ``in`` a list is always known: it is if the list has ``None``.
"""

from __future__ import annotations

import ast
import functools
import operator
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa

from nbkit.display.text import ellipsis
from nbkit.errors import RequestError
from nbkit.log.filter_columns import Columns, FrameColumns, LogColumns, Unusable, compare, compare_columns
from nbkit.log.frame import COLUMNS
from nbkit.request.parameter import is_utf8, type_in_words

MAX_CHARACTERS, MAX_DEPTH, MAX_COMPARISONS = 60_000, 40, 200
"""Limits of a filter: SQLite has some for the depth of an expression and the number of constants."""

EXAMPLE = "write it as in 'temperature > 0.5 and rating >= 4'"


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its name, in either spelling."""

    name: str


@dataclass(frozen=True, slots=True)
class Predicate:
    """A column and what it is compared with.

    Attributes:
        column: the column.
        how: ``==`` … ``>=``, ``in``, ``true`` for the column by itself, or the name of a text's method.
        value: a constant, a tuple of them, another :class:`Column`, or the arguments of the method.
    """

    column: Column
    how: str
    value: Any = None

    def compile(self, columns: Columns) -> Any:
        if isinstance(self.value, Column):
            return compare_columns(columns, self.column.name, self.how, self.value.name)
        return compare(columns, self.column.name, self.how, self.value)


@dataclass(frozen=True, slots=True)
class Combination:
    """Conditions that are all true, with ``operator.and_``, or one of which is, with ``operator.or_``."""

    combine: Callable[[Any, Any], Any]
    parts: tuple[Any, ...]

    def compile(self, columns: Columns) -> Any:
        return functools.reduce(self.combine, [part.compile(columns) for part in self.parts])


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    part: Any

    def compile(self, columns: Columns) -> Any:
        return ~self.part.compile(columns)


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter: its text and its tree. :func:`parse` makes one."""

    text: str
    tree: Predicate | Combination | Not

    def __str__(self) -> str:
        return self.text

    def mask(self, frame: pd.DataFrame) -> pd.Series[bool]:
        """Which rows of a frame are found.

        Raises:
            RequestError: for a column that the frame does not have, or that is compared with what it cannot be.
        """
        found: pd.Series[bool] = self._compiled(FrameColumns(frame)).fillna(value=False).astype(bool)
        return found

    def condition(self, columns: Mapping[str, sa.ColumnElement[Any]] = COLUMNS) -> sa.ColumnElement[bool]:
        """The condition on the log's rows in SQL.

        Args:
            columns: their expressions by name; those of every frame are the default.

        Raises:
            RequestError: as :meth:`mask`.
        """
        found: sa.ColumnElement[bool] = self._compiled(LogColumns(columns))
        return found

    def _compiled(self, columns: Columns) -> Any:
        try:
            return self.tree.compile(columns)
        except Unusable as why:
            raise _error(self.text, why) from None


def parse(text: str) -> Filter:
    """Read a filter's text.

    Raises:
        RequestError: if it is none; the message quotes what it cannot have, and says what to type.
    """
    if not isinstance(text, str):
        raise RequestError(f"filter: must be text, got {type_in_words(text)}", parameter="filter", value=text)
    try:
        return Filter(text, _condition(_parsed(text)))
    except Unusable as why:
        raise _error(text, why) from None


def _error(text: str, why: Unusable) -> RequestError:
    message = f"filter {ellipsis(text, 200)!r} cannot be used: {why}"
    return RequestError(message, parameter="filter", value=text, suggestion=why.suggestion)


# -- reading ---------------------------------------------------------------------------------------------------

_PIECES = re.compile(
    r"""(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?P<quoted>[^`]*)`|(?P<sign>[@&|~\s]))""",
    re.DOTALL,
)
_SIGNS = {"&": " and ", "|": " or ", "~": " not "}
_REGEX = re.compile(r"\\|\||\.[*+?]|\[.+\]|\(\?|^\^|\$$")
_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_NEGATED = {"not in": "in", "is not": "is"}

CALLS = {
    "isna": (), "isnull": (), "notna": (), "notnull": (), "isin": ("values",), "between": ("left", "right"),
    "str.contains": ("pat", "case", "regex", "na"), "str.startswith": ("pat", "na"), "str.endswith": ("pat", "na"),
}  # fmt: skip
"""The methods of a column that a filter may have, with the names of their arguments."""


def _parsed(text: str) -> ast.expr:
    """The syntax tree of a text, within the limits."""
    if len(text) > MAX_CHARACTERS:
        raise Unusable(f"it has more than {MAX_CHARACTERS:,} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that are none
            tree = ast.parse(_PIECES.sub(_as_python, text).strip(), mode="eval").body
    except SyntaxError as error:
        place = ellipsis((error.text or "")[max(0, (error.offset or 1) - 1) :].strip() or "its end", 40)
        why = "one = compares nothing, == does" if place.startswith("=") else error.msg
        raise Unusable(f"it is not an expression at {place!r} ({why}); {EXAMPLE}") from None
    except (ValueError, MemoryError, RecursionError):
        raise Unusable(f"it is not an expression; {EXAMPLE}") from None
    level: list[ast.AST] = [tree]
    comparisons = 0
    for _ in range(MAX_DEPTH):
        comparisons += sum(len(node.ops) for node in level if isinstance(node, ast.Compare))
        comparisons += sum(isinstance(node, ast.Call) for node in level)
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level or comparisons > MAX_COMPARISONS:
        limits = f"{MAX_COMPARISONS} comparisons, or is nested more than {MAX_DEPTH} deep"
        raise Unusable(f"it has more than {limits}; a list of values is one comparison")
    return tree


def _as_python(piece: re.Match[str]) -> str:
    """A quoted name, or a sign of pandas, as Python has it; a text stays as it is."""
    if piece["sign"] == "@":
        raise Unusable("it does not see the notebook's variables; put the value in, as in f'seed > {smallest}'")
    if piece["quoted"] is not None:
        return f" {_QUOTED}[{piece['quoted']!r}] "
    return _SIGNS.get(piece["sign"], " ") if piece["sign"] else piece[0]


_QUOTED = "__quoted__"


def _condition(node: ast.expr) -> Any:
    match node:
        case ast.BoolOp():
            combine = operator.and_ if isinstance(node.op, ast.And) else operator.or_
            return Combination(combine, tuple(map(_condition, node.values)))
        case ast.UnaryOp(op=ast.Not()):
            return Not(_condition(node.operand))
        case ast.Compare():
            operands = [_operand(part) for part in (node.left, *node.comparators)]
            words = [_OPERATORS[type(op)] for op in node.ops]
            parts = [_compared(*part) for part in zip(operands, words, operands[1:], strict=False)]
            return parts[0] if len(parts) == 1 else Combination(operator.and_, tuple(parts))
        case ast.Call():
            return _called(node)
    found = _operand(node)
    if not isinstance(found, Column):
        raise Unusable(f"a constant alone is true or false of no row; {EXAMPLE}")
    return Predicate(found, "true")


def _operand(node: ast.expr) -> Any:
    """A :class:`Column`, or a constant; a list of them is a tuple."""
    match node:
        case ast.Subscript(value=ast.Name(id="__quoted__"), slice=ast.Constant(value=str(name))) | ast.Name(id=name):
            return Column(name)
        case ast.List() | ast.Tuple():
            values = tuple(map(_operand, node.elts))
            if all(not isinstance(value, (Column, tuple)) for value in values):
                return values
            raise Unusable("a list is made of constants")
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=int() | float() as number)):
            if not isinstance(number, bool):
                return -number if isinstance(node.op, ast.USub) else number
        case ast.Constant(value=str(text)) if not is_utf8(text):
            raise Unusable("a text holds half of a surrogate pair")
        case ast.Constant(value=str() | int() | float() | None as value):
            return value
    raise _refusal(node)


def _refusal(node: ast.expr) -> Unusable:
    written = ellipsis(ast.unparse(node), 60)
    if isinstance(node, ast.BinOp):
        return Unusable("it compares and does not compute; add a column with frame.assign(…) first")
    if isinstance(node, (ast.Compare, ast.BoolOp, ast.UnaryOp)):
        return Unusable(f"{written!r} is a condition, not a value; and, or, not combine conditions")
    if isinstance(node, (ast.Call, ast.Attribute)):
        return Unusable(f"{written!r} is not part of a filter; a column has .{'(), .'.join(CALLS)}()")
    return Unusable(f"{written!r} is not part of a filter; {EXAMPLE}")


def _compared(left: Any, how: str, right: Any) -> Any:
    """The condition that two operands and an operator make."""
    if how in _NEGATED:
        return Not(_compared(left, _NEGATED[how], right))
    if how == "in" and isinstance(left, str) and isinstance(right, Column):
        return Predicate(right, "str.contains", (left, True, None))  # "lantern" in prompt
    if how in _FLIPPED and not isinstance(left, Column):
        left, right, how = right, left, _FLIPPED[how]
    if not isinstance(left, Column):
        raise Unusable("a column is compared with a constant, or with another column")
    if how == "is" and right is not None:
        raise Unusable("'is' takes None; == compares values")
    if how == "in" and not isinstance(right, tuple):
        raise Unusable("'in' takes a list of constants, such as [1, 2]")
    if right is None or isinstance(right, tuple):
        if how not in ("==", "is", "in", "!="):
            raise Unusable(f"{how} takes one value")
        found = Predicate(left, "in", right if isinstance(right, tuple) else (None,))
        return Not(found) if how == "!=" else found
    return Predicate(left, how, right)


def _called(node: ast.Call) -> Any:
    """The condition that the call of a column's method makes."""
    match node.func:
        case ast.Attribute(value=ast.Attribute(value=inner, attr="str"), attr=name):
            method = f"str.{name}"
        case ast.Attribute(value=inner, attr=method):
            pass
        case _:
            raise _refusal(node)
    if method not in CALLS or not isinstance(column := _operand(inner), Column):
        raise _refusal(node)
    given = dict(_arguments(node, method, CALLS[method]))
    if method in ("isna", "isnull", "notna", "notnull"):
        gap = Predicate(column, "in", (None,))
        return gap if method.startswith("is") else Not(gap)
    if method == "isin":
        return _compared(column, "in", given["values"])
    if method == "between":
        sides = (_compared(column, ">=", given["left"]), _compared(column, "<=", given["right"]))
        return Combination(operator.and_, sides)
    text, case, regex, na = (given.get(name, default) for name, default in _TEXT_ARGUMENTS)
    if method == "str.contains" and regex is None and _REGEX.search(str(text)):
        raise Unusable(f"{text!r} looks like a pattern, and a filter has none; regex=False takes it as it is")
    if regex not in (None, False) or not isinstance(case, bool) or na not in (None, True, False):
        raise Unusable(f".{method}() takes case=, na= and regex=False, each True or False")
    return Predicate(column, method, (text, case, na))


_TEXT_ARGUMENTS = (("pat", None), ("case", True), ("regex", None), ("na", None))


def _arguments(node: ast.Call, method: str, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """The arguments of a call by name; each is a constant."""
    given = [*zip(names, node.args, strict=False), *((str(word.arg), word.value) for word in node.keywords)]
    needed = [name for name in names if name in ("pat", "values", "left", "right")]
    has = [name for name, _ in given]
    if (
        len(has) != len(node.args) + len(node.keywords)
        or not set(needed) <= set(has) <= set(names)
        or len(set(has)) < len(has)
    ):
        raise Unusable(f".{method}() takes {' and '.join(names) or 'nothing'}")
    for name, value in given:
        yield name, _operand(value)
