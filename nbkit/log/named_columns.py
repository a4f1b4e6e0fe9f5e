"""The columns of the log's rows by name: those of every frame, and those of axes, which are looked up when they are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from nbkit.log.axes import axis_expression, axis_names, axis_types
from nbkit.log.database import Database
from nbkit.log.frame import COLUMNS, axis_column, axis_name
from nbkit.request.image_request import NAMES
from nbkit.request.naming import TASK_KEYS


class NamedColumns(Mapping[str, sa.ColumnElement[Any]]):
    """Expressions of columns by name. Nothing is read from the log while only columns of every frame are named.

    Args:
        database: of the log.
        **replaced: expressions in place of those of ``COLUMNS``, by name.

    Attributes:
        axes: the columns of axes that were named so far.
    """

    def __init__(self, database: Database, **replaced: sa.ColumnElement[Any]) -> None:
        self._database = database
        self._expressions = COLUMNS | replaced
        self.axes: dict[str, sa.ColumnElement[Any]] = {}

    def __getitem__(self, name: str) -> sa.ColumnElement[Any]:
        if name in self._expressions:
            return self._expressions[name]
        if name not in self.axes:
            if name in NAMES or name in TASK_KEYS:  # another spelling of a parameter
                raise KeyError(name)
            own = axis_name(name)
            with self._database.reading() as connection:
                types = axis_types(connection, own)
            if not types:
                raise KeyError(name)
            self.axes[name] = axis_expression(own, types)
        return self.axes[name]

    def all_axes(self) -> list[str]:
        """The columns of all axes of the log, in alphabetical order."""
        with self._database.reading() as connection:
            return sorted(map(axis_column, axis_names(connection)))

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._expressions, *self.all_axes())))

    def __len__(self) -> int:
        return len(list(iter(self)))
