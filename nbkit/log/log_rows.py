"""The rows of the log for a table: what is shown is read, and what is counted is counted by the database."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from nbkit.log.damage import columns_of
from nbkit.log.database import Database
from nbkit.log.frame import COLUMNS, RowPage, count_groups, count_rows, query_of, to_frame
from nbkit.log.named_columns import NamedColumns
from nbkit.log.schema import IMAGES, RUNS
from nbkit.log.sql import total
from nbkit.log.table import Group, sums_text, totals_text

_LOOKED_AT = 10_000
"""The newest rows, among which is looked for a value in a column."""


class LogRows:
    """The rows of the log, newest first; the key of a group is the condition on its rows.

    Args:
        database: of the log.
        images: the image folder, as it was given.

    Attributes:
        names: its columns.
    """

    def __init__(self, database: Database, images: Path) -> None:
        self._database, self._images, self.names = database, images, NamedColumns(database)

    def has_values(self, name: str) -> bool:
        newest = query_of(None, (self.names[name].label("value"),)).order_by(None).order_by(RUNS.c.id.desc())
        of_newest = newest.limit(_LOOKED_AT).subquery()
        return columns_of(self._database, sa.select(sa.func.count(of_newest.c.value))) != [[0]]

    def groups(self, by: str | None) -> list[Group]:
        if by is None:
            return [Group(None, count_rows(self._database))]
        column = sa.type_coerce(self.names[by], sa.types.NullType())
        values, rows = count_groups(self._database, column)
        return [Group(column.is_not_distinct_from(value), number) for value, number in zip(values, rows, strict=True)]

    def read(self, group: Group, start: int, stop: int) -> pd.DataFrame:
        page = RowPage(stop - start, start)
        return to_frame(self._database, self._images, group.key, page=page, axes=self.names.axes).iloc[::-1]

    def totals(self, group: Group) -> str:
        kinds = (RUNS.c.charged, COLUMNS["adopted"].is_not(None))
        columns = (*kinds, total(IMAGES.c.cost), sa.func.count(IMAGES.c.cost), sa.func.count())
        found = columns_of(self._database, query_of(group.key, columns).group_by(*kinds).order_by(None))
        rows = list(zip(*found, strict=True))
        costs = {bool(charged): int(cost) for charged, adopted, cost, known, _ in rows if known and not adopted}
        return totals_text(group.rows, sums_text(costs, adopted=sum(row[-1] for row in rows if row[1])))
