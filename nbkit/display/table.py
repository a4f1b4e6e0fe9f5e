"""A table, with thumbnails for the log and for any frame made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nbkit.display.figure import QUIET_STYLE, Figure, picture_html
from nbkit.display.notice import quiet_html
from nbkit.display.text import ellipsis, escape

_CELL = "padding:0.25em 0.6em;text-align:left;vertical-align:top;border-bottom:1px solid rgba(128,128,128,0.35)"


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that belong together.

    Attributes:
        rows: the facts of each picture, as text.
        figures: one for each row; none in a table without pictures.
        heading: above the rows; ``""`` for the only section of a table.
    """

    rows: Sequence[Sequence[str]]
    figures: Sequence[Figure] = ()
    heading: str = ""


def table_html(columns: Sequence[str], sections: Sequence[Section], *, caption: str, foot: str = "") -> str:
    """A table with one row for each picture: the thumbnail, if there is one, then its facts.

    Args:
        columns: headings of the facts.
        sections: the rows.
        caption: what the table shows; a screen reader reads it first.
        foot: a quiet line under the table.
    """
    is_bare = any(section.rows and not section.figures for section in sections)
    names = columns if is_bare else ("picture", *columns)
    head = "".join(f'<th scope="col" style="{_CELL}">{escape(name)}</th>' for name in names)
    body = "".join(_section(section, len(names)) for section in sections)
    return (
        f'<table style="border-collapse:collapse"><caption style="text-align:left;{QUIET_STYLE}">{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead>{body}</table>{quiet_html((foot,))}"
    )


def _section(section: Section, columns: int) -> str:
    head = ""
    if section.heading:
        heading = escape(ellipsis(section.heading, 160))
        head = f'<tr><th scope="rowgroup" colspan="{columns}" style="{_CELL};padding-top:1em">{heading}</th></tr>'
    figures: Sequence[Figure | None] = section.figures or [None] * len(section.rows)
    rows = "".join(_row(row, figure) for row, figure in zip(section.rows, figures, strict=True))
    return f"<tbody>{head}{rows}</tbody>"


def _row(facts: Sequence[str], figure: Figure | None) -> str:
    cells = "".join(f'<td style="{_CELL}">{escape(ellipsis(fact, 160))}</td>' for fact in facts)
    picture = "" if figure is None else f'<td style="{_CELL}">{picture_html(figure)}</td>'
    return f"<tr>{picture}{cells}</tr>"


def table_text(columns: Sequence[str], sections: Sequence[Section], *, caption: str) -> str:
    """The same table as aligned text, without the thumbnails.

    Args:
        columns: headings of the facts.
        sections: the rows.
        caption: the first line.
    """
    cut = [[[ellipsis(fact, 40) for fact in row] for row in section.rows] for section in sections]
    lines = [list(columns), *(row for rows in cut for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [caption, _aligned(columns, widths)]
    for section, rows in zip(sections, cut, strict=True):
        text += [section.heading] if section.heading else []
        text += [_aligned(row, widths) for row in rows]
    return "\n".join(text)


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
