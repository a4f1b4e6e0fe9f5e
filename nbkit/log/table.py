"""Rows of the log as a table with thumbnails, for the log itself and for any frame with its columns.

Importing this module adds ``frame.nbkit.show()`` to every DataFrame: rows are filtered with pandas, then shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd

from nbkit.display.figure import Figure
from nbkit.display.mime import MimeBundle
from nbkit.display.table import Section, table_html, table_text
from nbkit.display.text import count, ellipsis, list_price, usd_short
from nbkit.errors import NoImage, RequestError
from nbkit.log.columns import column_of, format_value, is_gap
from nbkit.log.frame import check_argument, check_frame
from nbkit.log.images import file_of, link_of, read_picture
from nbkit.log.plots import plot_rows
from nbkit.log.previews import previews_of
from nbkit.measures.facts import header_size
from nbkit.measures.preview import make_preview
from nbkit.request.parameter import Integer
from nbkit.request.price import MICRO

THUMBNAIL = 128
"""Pixels on the long side of a thumbnail."""

MAX_THUMBNAIL = 1536
"""Limit for the size of a thumbnail in pixels: a table of larger pictures makes a notebook that no program opens."""

PAGE_ROWS = 100
"""Default number of rows per page."""

DEFAULT_COLUMNS = ("prompt", "seed", "temperature", "topP", "cost", "status")
"""The columns that a table has if none are chosen."""

OPTIONAL_COLUMNS = ("thinking", "width", "height", "rating", "tags", "note", "replay", "error")
"""Those that it has in addition if any row has a value in them."""


@pd.api.extensions.register_dataframe_accessor("nbkit")
class FrameAccessor:
    """``frame.nbkit``, for frames with the log's columns.

    Args:
        frame: such as ``studio.log.to_frame()``, or some of its rows.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> run = studio.generate("A paper lantern", seed=7)
        >>> frame = studio.log.to_frame()
        >>> frame[frame.taskUUID == run.task_uuid].nbkit.show(columns=["prompt", "seed"])
        1 row · List price $0.069 (offline, not charged)
        prompt           seed
        A paper lantern  7
    """

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
        """A table of the frame's rows with thumbnails. As the last line of a cell it shows itself.

        Args:
            size: pixels on the long side of a thumbnail, 1 to 1536.
            columns: the columns to show, one name or several, in either spelling of a parameter.
            limit: rows per page.
            page: the page to show, from 1 on.
            by: a column that groups the rows; each value gets a heading with the number of its rows and their cost.

        Raises:
            NbkitError: if the frame has no column ``file``, or two columns of one name.
            UnknownParameter: for a column that the frame does not have.
            RequestError: for a size, a limit or a page out of range, and for a ``by`` whose values cannot be sorted.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A paper lantern", seed=7, temperature=value) for value in (0.2, 0.8)]
            >>> frame = studio.log.to_frame()
            >>> rows = frame[frame.taskUUID.isin([run.task_uuid for run in runs])]
            >>> rows.nbkit.show(columns="seed", by="temperature")
            2 rows · List price $0.14 (offline, not charged)
            seed
            temperature 0.2: 1 row · List price $0.069 (offline, not charged)
            7
            temperature 0.8: 1 row · List price $0.069 (offline, not charged)
            7
        """
        check_frame(self._frame)
        return show_rows(FrameRows(self._frame), size, columns=columns, limit=limit, page=page, by=by)

    def plot(self, x: str, y: str) -> MimeBundle:
        """A dot for every row, as a drawing (SVG) in a plain output. As the last line of a cell it shows itself.

        Dots that would hide each other stand side by side. Rows without a ``y`` are counted below the plot.

        Args:
            x: the column along the bottom, in either spelling of a parameter: numbers, or up to forty texts.
            y: the column up the side: a number, such as ``cost``, ``latency`` or ``rating``.

        Raises:
            UnknownParameter: for a column that the frame does not have.
            RequestError: for a ``y`` without numbers, and for more rows or texts than have room.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A lantern", seed=7, resolution=tier) for tier in ("0.5K", "1K")]
            >>> frame = studio.log.to_frame()
            >>> frame[frame.taskUUID.isin([run.task_uuid for run in runs])].nbkit.plot("resolution", "cost")
            cost (USD) by resolution: 2 pictures from 0.04657 to 0.06895
              0.5K: 1 picture, 0.04657
              1K: 1 picture, 0.06895
        """
        return plot_rows(self._frame, [x], y)


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that have one value in common, or all rows.

    Attributes:
        key: by which :meth:`Rows.read` finds them.
        rows: how many they are.
    """

    key: Any
    rows: int


class Rows(Protocol):
    """The rows of a table: of a frame, or of the log, which reads only what is shown."""

    @property
    def names(self) -> Mapping[str, Any] | pd.DataFrame:
        """The columns; ``in`` tells whether there is one."""

    def has_values(self, name: str) -> bool:
        """Whether a row has a value in a column."""

    def groups(self, by: str | None) -> list[Group]:
        """The groups that a column makes, by its values, gaps last; one group without a column."""

    def read(self, group: Group, start: int, stop: int) -> pd.DataFrame:
        """Some rows of a group, in the order in which they are shown."""

    def totals(self, group: Group) -> str:
        """The number of a group's rows and their cost, as text."""


def show_rows(
    rows: Rows,
    size: int = THUMBNAIL,
    *,
    columns: list[str] | str | None = None,
    limit: int = PAGE_ROWS,
    page: int = 1,
    by: str | None = None,
) -> MimeBundle:
    """A page of a table of rows with thumbnails; the arguments are those of :meth:`FrameAccessor.show`."""
    (whole,) = rows.groups(None)
    size = check_argument("size", Integer(1, MAX_THUMBNAIL).check, size)
    limit = check_argument("limit", Integer(1).check, limit)
    page = check_argument("page", Integer(1, max(1, math.ceil(whole.rows / limit))).check, page)
    names = _columns(rows, columns)
    column = None if by is None else column_of(rows.names, by)
    groups = [whole] if column is None else rows.groups(column)
    sections = []
    for group, start, stop in _page_of(groups, (page - 1) * limit, limit):
        shown = rows.read(group, start, stop)
        if shown.empty:  # its rows are damaged, and named in a warning
            continue
        heading = "" if column is None else f"{heading_of(column, shown[column].iloc[0])}: {rows.totals(group)}"
        sections.append(_make_section(shown, names, f"{heading} (continued)" if heading and start else heading, size))
    caption = rows.totals(whole)
    foot = _page_note(whole.rows, limit, page, _other_arguments(by, size, columns, limit))
    return MimeBundle(
        html=table_html(names, sections, caption=caption, foot=foot),
        text=table_text(names, sections, caption="\n".join(filter(None, (caption, foot)))),
    )


class FrameRows:
    """The rows of a frame; the key of a group is the numbers of its rows.

    Args:
        frame: the rows.
        of: how many there are in all, if these are the latest of more.
    """

    def __init__(self, frame: pd.DataFrame, of: int = 0) -> None:
        self.names, self._of = frame, of

    def has_values(self, name: str) -> bool:
        return bool(self.names[name].notna().any())

    def groups(self, by: str | None) -> list[Group]:
        if by is None:
            return [Group(slice(None), len(self.names))]
        values = self.names[by].reset_index(drop=True)
        try:
            numbers = values.groupby(values, dropna=False).ngroup().to_numpy()
        except TypeError:  # lists, or numbers beside text
            raise RequestError(
                f"by={by!r}: its values cannot be put in order; show(by='text') takes a column of text that "
                f"frame.assign(text=frame[{by!r}].astype(str)) adds",
                parameter="by",
                value=by,
            ) from None
        keys = ((numbers == number).nonzero()[0] for number in range(numbers.max(initial=-1) + 1))
        return [Group(key, len(key)) for key in keys]

    def read(self, group: Group, start: int, stop: int) -> pd.DataFrame:
        of_group: pd.DataFrame = self.names.iloc[group.key]
        return of_group.iloc[start:stop]

    def totals(self, group: Group) -> str:
        rows = self.names.iloc[group.key]
        return totals_text(len(rows), sums_of(rows), of=self._of)


def _other_arguments(by: str | None, size: int, columns: list[str] | str | None, limit: int) -> str:
    """The arguments other than ``page`` that another page of the same table needs, as code."""
    arguments = (("by", by, None), ("size", size, THUMBNAIL), ("columns", columns, None), ("limit", limit, PAGE_ROWS))
    return "".join(f", {name}={value!r}" for name, value, default in arguments if value != default)


def _page_note(rows: int, limit: int, page: int, arguments: str) -> str:
    """The number of the page and the call for the next one, as text; ``""`` if there is only one page."""
    pages = math.ceil(rows / limit)
    if pages <= 1:
        return ""
    position = f"Page {page} of {pages:,}: rows {(page - 1) * limit + 1:,} to {min(page * limit, rows):,} of {rows:,}"
    target, which = (page + 1, "next") if page < pages else (1, "first")
    return f"{position}; show(page={target}{arguments}) has the {which} ones"


def heading_of(column: str, value: Any) -> str:
    """The heading of the rows with this value."""
    return f"{column} not set" if is_gap(value) else f"{column} {ellipsis(format_value(column, value), 80)}"


def _page_of(groups: list[Group], start: int, limit: int) -> Iterator[tuple[Group, int, int]]:
    """The groups that have rows on a page, each with the first of those rows and the one after the last.

    Args:
        groups: all of them.
        start: index of the page's first row among the rows of all groups.
        limit: rows per page.
    """
    for group in groups:
        first, last = max(0, start), min(group.rows, start + limit)
        if first < last:
            yield group, first, last
        start -= group.rows


def _make_section(rows: pd.DataFrame, names: list[str], heading: str, size: int) -> Section:
    # Not by itertuples(), which has no rows without columns in older versions of pandas.
    values = [(name, rows[name].tolist()) for name in names]
    texts = [[format_value(name, of_rows[number]) for name, of_rows in values] for number in range(len(rows))]
    prompts = rows["prompt"] if "prompt" in rows else [""] * len(rows)
    return Section(texts, [figure_of(*pair, size) for pair in zip(rows["file"], prompts, strict=True)], heading)


def _columns(rows: Rows, columns: list[str] | str | None) -> list[str]:
    names = rows.names
    if columns is None:
        optional = [name for name in OPTIONAL_COLUMNS if name in names and rows.has_values(name)]
        return [name for name in (*DEFAULT_COLUMNS, *optional) if name in names]
    return [column_of(names, name) for name in ([columns] if isinstance(columns, str) else columns)]


def figure_of(file: Any, prompt: Any, size: int, caption: tuple[str, ...] = ()) -> Figure:
    """A row's picture as a thumbnail, or the reason why it cannot be shown.

    Args:
        file: the row's ``file``, or a gap.
        prompt: the row's ``prompt``, or a gap; it becomes the alternative text.
        size: pixels on the long side.
        caption: texts to show below the picture.
    """
    alt = "" if is_gap(prompt) else str(prompt)
    if is_gap(file):
        return Figure(None, alt, caption=caption, missing="no picture")
    path = file_of(file)
    try:
        previews = previews_of(path)
        data = previews.get(path, size) if previews else make_preview(read_picture(path), size)
    except (OSError, ValueError):  # the column may hold text that is no path
        return Figure(None, alt, caption=caption, missing="its file is not here")
    except NoImage as error:
        return Figure(None, alt, caption=caption, missing=str(error))
    return Figure(data, alt, *header_size(data), caption, link=link_of(file))


def totals_of(frame: pd.DataFrame) -> str:
    """The number of some rows and, if it is known, their cost, as text."""
    return totals_text(len(frame), sums_of(frame))


def totals_text(number: int, sums: Iterable[str], noun: str = "row", of: int = 0) -> str:
    """The number of some rows, or of what else the noun says, and their sums, as text.

    Args:
        number: how many they are.
        sums: what they cost.
        noun: what they are.
        of: how many there are in all, if these are the latest of more.
    """
    which = f"The latest {number:,} of {count(of, noun)}" if of > number else count(number, noun)
    return " · ".join([which, *sums])


def sums_of(frame: pd.DataFrame) -> list[str]:
    """The cost of some rows, as text: charged money and the offline engine's list prices as separate sums.

    What adopted rows have cost is in none of them, because somebody else has paid it.
    """
    if "cost" not in frame or "charged" not in frame:
        return []
    own = frame[frame["adopted"].isna()] if "adopted" in frame else frame
    charged = own["charged"].where(own["charged"].notna(), other=True)
    costs = ((kind, own.loc[charged == kind, "cost"].dropna()) for kind in (True, False))
    known = {kind: round(float(of_kind.sum()) * MICRO) for kind, of_kind in costs if len(of_kind)}
    return sums_text(known, adopted=len(frame) - len(own))


def sums_text(costs: Mapping[bool, int], write: Callable[[int], str] = usd_short, adopted: int = 0) -> list[str]:
    """Costs in micro-dollars, as text, by whether they were charged.

    Args:
        costs: without those of adopted rows.
        write: writes an amount.
        adopted: how many rows came from another log.
    """
    labels: dict[bool, Callable[[str], str]] = {True: "{} charged".format, False: list_price}
    sums = [label(write(costs[kind])) for kind, label in labels.items() if kind in costs]
    return [*sums, f"{adopted:,} adopted, not paid here"] if adopted else sums
