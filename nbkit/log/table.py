"""Rows of the log as a table with thumbnails, for the log itself and for any frame that came from it.

Importing this module gives every DataFrame ``frame.nbkit.show()``, so that pandas does the filtering and the
eyes do the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from nbkit.display.figure import Figure
from nbkit.display.mime import MimeBundle
from nbkit.display.table import Section, table_html, table_text
from nbkit.display.text import count, ellipsis, usd
from nbkit.errors import NoImage, RequestError, UnknownParameter
from nbkit.log.frame import check_frame
from nbkit.log.images import file_of
from nbkit.log.previews import previews_of
from nbkit.measures.facts import header_size
from nbkit.measures.preview import make_preview
from nbkit.request.image_request import NAMES
from nbkit.request.model import MICRO
from nbkit.request.naming import HEAD
from nbkit.request.parameter import Integer, ValueInvalid, nearest

THUMBNAIL = 128
"""Pixels on the long side of a thumbnail."""

LARGEST = 1536
"""More would be no thumbnail: a table of such pictures makes a notebook that opens nowhere."""

PAGE_ROWS = 100
"""Rows of a page."""

ALWAYS = ("prompt", "seed", "temperature", "topP", "cost", "status")
_FREE = "at offline list prices"
SOMETIMES = ("thinking", "width", "height", "rating", "tags", "note", "error")
"""Shown only where a row has something to say in them."""


def show_frame(
    frame: pd.DataFrame,
    *,
    size: int = THUMBNAIL,
    columns: list[str] | str | None = None,
    limit: int = PAGE_ROWS,
    page: int = 1,
    by: str | None = None,
) -> MimeBundle:
    """A frame's rows as pictures with their facts.

    Args:
        frame: rows of ``studio.log.to_frame()``, after whatever pandas did to them; needs the column ``file``.
        size: pixels on the long side of a thumbnail.
        columns: which facts to show, one name or several; either spelling of a parameter will do.
        limit: how many rows a page has.
        page: which page, from 1 on; how many there are, and how to see the next one, is said.
        by: a column whose equal values are put together, each under a heading with their count and cost.

    Raises:
        NbkitError: if the frame has no column ``file``, or two columns of one name.
        UnknownParameter: for a column that the frame does not have.
        RequestError: for a size, a limit or a page that cannot be.
    """
    check_frame(frame)
    size, limit = _whole("size", size, LARGEST), _whole("limit", limit)
    page = _whole("page", page, max(1, math.ceil(len(frame) / limit)))
    names = _columns(frame, columns)
    groups = _grouped(frame, None if by is None else column_of(frame, by))
    sections = [_section(rows, names, heading, size) for rows, heading in _cut(groups, (page - 1) * limit, limit)]
    caption, foot = (
        f"{count(len(frame), 'row')}{costs_of(frame)}",
        _place(len(frame), limit, page, _again(by, size, columns, limit)),
    )
    return MimeBundle(
        html=table_html(names, sections, caption=caption, foot=foot),
        text=table_text(names, sections, caption="\n".join(filter(None, (caption, foot)))),
    )


@pd.api.extensions.register_dataframe_accessor("nbkit")
class FrameAccessor:
    """``frame.nbkit``: what nbkit can do with a frame that came from its log."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def show(
        self,
        size: int = THUMBNAIL,
        *,
        columns: list[str] | str | None = None,
        limit: int = PAGE_ROWS,
        page: int = 1,
        by: str | None = None,
    ) -> MimeBundle:
        """The frame's rows as pictures with their facts; see :func:`show_frame`."""
        return show_frame(self._frame, size=size, columns=columns, limit=limit, page=page, by=by)


def _whole(name: str, value: Any, most: int | None = None) -> int:
    kind = Integer(1, most)
    try:
        return kind.check(value)
    except ValueInvalid as wrong:
        raise RequestError(
            f"{name}={value!r}: must be {wrong.args[0]}",
            parameter=name,
            value=value,
            reason=wrong.reason,
            suggestion=wrong.suggestion,
        ) from None


def _again(by: str | None, size: int, columns: list[str] | str | None, limit: int) -> str:
    """What has to be said again for another page of the same table."""
    said = (("by", by, None), ("size", size, THUMBNAIL), ("columns", columns, None), ("limit", limit, PAGE_ROWS))
    return "".join(f", {name}={value!r}" for name, value, default in said if value != default)


def _place(rows: int, limit: int, page: int, again: str) -> str:
    """Where a page stands among the others, and how to turn it; ``""`` if it is the only one."""
    pages = math.ceil(rows / limit)
    if pages <= 1:
        return ""
    told = f"Page {page} of {pages:,}: rows {(page - 1) * limit + 1:,} to {min(page * limit, rows):,} of {rows:,}"
    if page < pages:
        return f"{told}; show(page={page + 1}{again}) has the next ones"
    return f"{told}; show(page=1{again}) has the first ones"


def _grouped(frame: pd.DataFrame, column: str | None) -> list[tuple[pd.DataFrame, str]]:
    """The rows of each value of a column with a heading, smallest value first and gaps last; all in one without it."""
    if column is None:
        return [(frame, "")]
    values = frame[column].reset_index(drop=True)
    try:
        numbers = values.groupby(values, dropna=False).ngroup().to_numpy()
    except TypeError:  # lists, or numbers beside text
        raise RequestError(
            f"by={column!r}: its values cannot be put in order; show(by='text') takes a column of text that "
            f"frame.assign(text=frame[{column!r}].astype(str)) adds",
            parameter="by",
            value=column,
        ) from None
    groups = [frame.iloc[(numbers == number).nonzero()[0]] for number in range(numbers.max(initial=-1) + 1)]
    return [(group, _heading(group, column)) for group in groups]


def _heading(group: pd.DataFrame, column: str) -> str:
    return f"{heading_of(column, group[column].iloc[0])}: {count(len(group), 'row')}{costs_of(group)}"


def heading_of(column: str, value: Any) -> str:
    """What stands over the rows that have this value."""
    return f"{column} not set" if is_gap(value) else f"{column} {ellipsis(fact_of(column, value), 80)}"


def _cut(groups: list[tuple[pd.DataFrame, str]], start: int, limit: int) -> Iterator[tuple[pd.DataFrame, str]]:
    """Of the groups one after another the rows of one page; a heading counts the whole group."""
    for rows, heading in groups:
        here = rows.iloc[max(0, start) : max(0, start + limit)]
        if len(here):
            yield here, f"{heading} (continued)" if heading and start > 0 else heading
        start -= len(rows)


def _section(rows: pd.DataFrame, names: list[str], heading: str, size: int) -> Section:
    texts = [
        [fact_of(name, value) for name, value in zip(names, row, strict=True)]
        for row in rows[names].itertuples(index=False)
    ]
    prompts = rows["prompt"] if "prompt" in rows else [""] * len(rows)
    return Section(texts, [figure_of(*pair, size) for pair in zip(rows["file"], prompts, strict=True)], heading)


def _columns(frame: pd.DataFrame, columns: list[str] | str | None) -> list[str]:
    if columns is None:
        sometimes = [name for name in SOMETIMES if name in frame and bool(frame[name].notna().any())]
        return [name for name in (*ALWAYS, *sometimes) if name in frame]
    return [column_of(frame, name) for name in ([columns] if isinstance(columns, str) else columns)]


def column_of(frame: pd.DataFrame, name: str) -> str:
    """The column that a name in either spelling means.

    Raises:
        UnknownParameter: if the frame has no such column; with the nearest name as its suggestion.
    """
    if name in frame.columns:
        return name
    column = HEAD.get(name)
    if column is None:
        try:
            column = NAMES.find(name).column
        except UnknownParameter:
            column = name
    if column not in frame.columns:
        guess = nearest(name, [str(known) for known in frame.columns])
        hint = f"did you mean {guess}?" if guess else f"it has {', '.join(map(str, frame.columns))}"
        raise UnknownParameter(
            f"this frame has no column {column!r}; {hint}", parameter=name, reason="unknown", suggestion=guess
        )
    return column


def is_gap(value: Any) -> bool:
    """Whether a cell of a frame holds nothing; a list, which somebody may have put there, is something."""
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def fact_of(name: str, value: Any) -> str:
    """A value as a person reads it, by the name of its column; ``—`` where there is none."""
    if is_gap(value):
        return "—"
    if name == "cost" and isinstance(value, (int, float)):
        return usd(round(float(value) * MICRO))
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d %H:%M")
    return f"{value:g}" if isinstance(value, float) else str(value)


def figure_of(file: Any, prompt: Any, size: int, caption: tuple[str, ...] = ()) -> Figure:
    """A row's picture, small, or why there is none.

    Args:
        file: the row's ``file``, or a gap.
        prompt: the row's ``prompt``, or a gap.
        size: pixels on the long side.
        caption: facts to stand under it.
    """
    alt = "" if is_gap(prompt) else str(prompt)
    if is_gap(file):
        return Figure(None, alt, caption=caption, missing="no picture")
    path = file_of(file)
    try:
        kept = previews_of(path)
        data = kept.get(path, size) if kept else make_preview(path.read_bytes(), size)
    except (OSError, ValueError):  # what is in a frame may be no path at all
        return Figure(None, alt, caption=caption, missing="its file is not here")
    except NoImage as error:
        return Figure(None, alt, caption=caption, missing=str(error))
    return Figure(data, alt, *header_size(data), caption)


def costs_of(frame: pd.DataFrame) -> str:
    """What the rows cost together, to stand behind their number; ``""`` where they do not know."""
    sums = "".join(f" · {part}" for part in sums_of(frame))
    return f"{sums}, of which nothing was charged" if sums.endswith(_FREE) else sums


def sums_of(frame: pd.DataFrame) -> list[str]:
    """What the rows cost together: charged money and list prices are never added up."""
    if "cost" not in frame or "charged" not in frame:
        return []
    parts, charged = [], frame["charged"].fillna(value=True)
    for kind, words in ((True, "charged"), (False, _FREE)):
        costs = frame.loc[charged == kind, "cost"].dropna()
        if len(costs):
            parts.append(f"{usd(round(float(costs.sum()) * MICRO))} {words}")
    return parts
