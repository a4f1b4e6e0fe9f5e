"""A table with thumbnails, for the log and for any frame that came from it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nbkit.display.figure import QUIET, Figure, picture_html
from nbkit.display.text import ellipsis

_CELL = "padding:0.25em 0.6em;text-align:left;vertical-align:top;border-bottom:1px solid rgba(128,128,128,0.35)"


def table_html(
    columns: Sequence[str], rows: Sequence[Sequence[str]], figures: Sequence[Figure], *, caption: str, foot: str = ""
) -> str:
    """One row a picture: the thumbnail, then its facts under the names of the columns.

    Args:
        columns: the headings of the facts.
        rows: the facts, as text, one sequence a picture.
        figures: one a row.
        caption: what the table shows; read first by a screen reader.
        foot: a quiet line under it.
    """
    head = "".join(f'<th scope="col" style="{_CELL}">{escape(name)}</th>' for name in ("picture", *columns))
    body = "".join(_row(row, figure) for row, figure in zip(rows, figures, strict=True))
    return (
        f'<table style="border-collapse:collapse"><caption style="text-align:left;{QUIET}">{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        + (f'<div style="{QUIET}">{escape(foot)}</div>' if foot else "")
    )


def _row(facts: Sequence[str], figure: Figure) -> str:
    cells = "".join(f'<td style="{_CELL}">{escape(ellipsis(fact, 160))}</td>' for fact in facts)
    return f'<tr><td style="{_CELL}">{picture_html(figure)}</td>{cells}</tr>'


def table_text(columns: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str) -> str:
    """The same facts as aligned text."""
    lines = [list(columns), *([ellipsis(fact, 40) for fact in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([caption, *text])
