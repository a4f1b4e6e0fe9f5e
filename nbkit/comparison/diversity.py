"""How different the pictures of a set look from each other."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from nbkit.comparison.alike import described, mean_likeness, settings_of
from nbkit.display.figure import no_mathjax
from nbkit.display.table import Section, table_html, table_text
from nbkit.display.text import count
from nbkit.errors import RequestError, printable
from nbkit.log.columns import column_of, format_value
from nbkit.log.frame import INTEGER, check_unique_columns

MEANING = "0: all look the same, 1: nothing in common; of pixels, not of meaning"


@dataclass(frozen=True, repr=False)
class Diversity:
    """How different pictures look from each other: the mean unlikeness of each two of them, with its 95 % interval.

    Unlikeness is 1 less the likeness of :mod:`nbkit.measures.descriptor`, from colours and edges. The interval is a
    jackknife over pictures, since pairs share their pictures: it is about the pictures that further seeds would give.

    Attributes:
        by: the column of the settings; ``None`` where all pictures are one set.
        notes: on what was left out.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> sweep = studio.sweep("A lantern", temperature=[0, 1], seed=[1, 2, 3], resolution="0.5K", name="how diverse")
        >>> found = sweep.start().wait().diversity(by="temperature")
        >>> found.to_frame()[["temperature", "n"]].to_dict("records")
        [{'temperature': 0.0, 'n': 3}, {'temperature': 1.0, 'n': 3}]
        >>> bool(found.to_frame().diversity.is_monotonic_increasing)
        True
    """

    by: str | None
    notes: tuple[str, ...]
    _rows: pd.DataFrame = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """One row for each setting: its value, ``diversity``, ``low`` and ``high`` (float64), ``n`` pictures (Int64).

        A single picture has no diversity, and two have no interval: NaN. Without ``by`` there is one row.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> result = studio.sweep("A lantern", seed=[1, 2, 3], resolution="0.5K", name="three seeds").start().wait()
            >>> result.diversity().to_frame().columns.tolist()
            ['diversity', 'low', 'high', 'n']
        """
        return self._rows.copy()

    def __repr__(self) -> str:
        lines = (table_text(*self._table(), caption="diversity of pictures"), MEANING, *self.notes)
        return printable("\n".join(lines))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        foot = " · ".join((MEANING, *self.notes))
        table = table_html(*self._table(), caption="diversity of pictures", foot=foot)
        return {"text/html": no_mathjax(table), "text/plain": repr(self)}

    def _table(self) -> tuple[list[str], list[Section]]:
        names = [] if self.by is None else [self.by]
        rows = []
        for row in self._rows.to_dict("records"):
            value, low, high = (row[name] for name in ("diversity", "low", "high"))
            interval = "—" if math.isnan(low) else f"{low:.2f} to {high:.2f}"
            told = "—" if math.isnan(value) else f"{value:.2f}"
            rows.append(
                [*(format_value(name, row[name]) for name in names), told, interval, count(row["n"], "picture")]
            )
        return [*names, "diversity", "95 % interval", "of"], [Section(rows)]


def diversity_of(frame: pd.DataFrame, by: str | None = None) -> Diversity:
    """The diversity of the pictures of some rows.

    Args:
        frame: rows of the log.
        by: the column whose values are told apart, in either spelling; ``None`` for one set.

    Raises:
        UnknownParameter: for a column that the frame does not have.
        NbkitError: if the frame has no column ``file``.
        RequestError: if no row has a picture that can be read.
    """
    check_unique_columns(frame.columns)
    name = None if by is None else column_of(frame, by)
    rows, descriptors, notes = described(frame)
    if not descriptors:
        raise RequestError("these rows have no picture that can be read", parameter="frame", reason="missing")
    found: list[dict[str, Any]] = []
    for values, places in settings_of(rows, [] if name is None else [name]):
        pairs = mean_likeness([descriptors[place] for place in places])
        low, high = (1 - end for end in reversed(pairs.interval()))
        setting = {} if name is None else {name: values[0]}
        found.append({
            **setting, "diversity": 1 - pairs.mean, "low": max(low, 0.0), "high": min(high, 1.0), "n": len(places),
        })  # fmt: skip
    table = pd.DataFrame(found).astype({"n": INTEGER})
    if name is not None:
        dtype: Any = rows[name].dtype
        table[name] = table[name].astype(dtype)
        if pd.api.types.is_numeric_dtype(dtype):
            table = table.sort_values(name, ignore_index=True)
    return Diversity(name, notes, table)
