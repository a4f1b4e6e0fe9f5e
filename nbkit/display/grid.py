"""A labelled grid of pictures as an HTML table; it needs no kernel and no script, and works with a screen reader."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from nbkit.display.figure import QUIET_STYLE, Figure, figure_html
from nbkit.display.notice import SIGNS, quiet_html
from nbkit.display.text import count, ellipsis, escape

_EDGE = "border:1px solid rgba(128,128,128,0.35);padding:0.4em;text-align:left;vertical-align:top"
_TABLE = "border-collapse:collapse;display:inline-table;vertical-align:top;margin:0 1em 0.5em 0"
"""Small grids stand beside each other, as many as the page is wide."""

MAX_LABEL_CHARACTERS = 120
"""Longer headers are cut."""

_NO_CELL = "no such cell"


@dataclass(frozen=True, slots=True)
class Tile:
    """One cell's pictures in a grid.

    Attributes:
        figures: all pictures; those after the first are in a section that unfolds.
        status: ``done``, or why there is no picture.
        note: a sentence about the outcome, such as the service's reason; may be empty.
        place: number of its first picture among all pictures of the grid, for a script; -1 without one.
    """

    figures: tuple[Figure, ...] = ()
    status: str = "not run"
    note: str = ""
    place: int = -1


@dataclass(frozen=True, slots=True)
class Page:
    """One grid.

    Attributes:
        title: its caption; may be empty.
        row_name: name of the axis down the side; empty without one.
        rows: values of that axis.
        column_name: name of the axis along the top; empty without one.
        columns: values of that axis.
        tiles: ``tiles[row][column]``; several tiles if cells share row and column.
        group: name of a section that unfolds; grids with the same name unfold together. Empty for a grid that is always
            open.
    """

    title: str
    row_name: str
    rows: Sequence[str]
    column_name: str
    columns: Sequence[str]
    tiles: Sequence[Sequence[Sequence[Tile]]]
    group: str = ""


def page_html(page: Page) -> str:
    """One grid as a table. Where both sides have an axis, the corner names them, and the headers have the values."""
    names = corner_of(page)
    corner = f'<td style="{_EDGE};{QUIET_STYLE}">{escape(names)}</td>' if page.row_name else ""
    columns = "".join(_headers("col", page.column_name, page.columns, bare=bool(names)))
    top = f"<thead><tr>{corner}{columns}</tr></thead>" if page.column_name else ""  # no row of empty headers
    rows = _headers("row", page.row_name, page.rows, bare=bool(names)) if page.row_name else [""] * len(page.rows)
    body = "".join(
        f"<tr>{header}{''.join(map(_cell_html, row))}</tr>" for header, row in zip(rows, page.tiles, strict=True)
    )
    sides = ((page.row_name, "down the side"), (page.column_name, "along the top"))
    parts = (_title(page), ", ".join(f"{name} {side}" for name, side in sides if name))
    spoken = escape(": ".join(part for part in parts if part) or "the only cell")
    title = escape(_title(page))
    caption = f'<caption style="text-align:left;{QUIET_STYLE}">{title}</caption>' if title else ""
    return f'<table aria-label="{spoken}" style="{_TABLE}">{caption}{top}<tbody>{body}</tbody></table>'


def corner_of(page: Page) -> str:
    """The names of both axes, for the corner between their headers; empty where there is one axis, or none."""
    return f"{page.row_name} \\ {page.column_name}" if page.row_name and page.column_name else ""


def pages_html(pages: Sequence[Page]) -> str:
    """Several grids, one under another; those with a ``group`` are in sections, of which the first is open.

    Args:
        pages: the grids, those of one section next to each other.
    """
    parts = []
    for number, (group, together) in enumerate(itertools.groupby(pages, key=lambda page: page.group)):
        grids = "".join(page_html(page) for page in together)
        opened = " open" if number == 0 else ""
        parts.append(f"<details{opened}><summary>{escape(group)}</summary>{grids}</details>" if group else grids)
    return "".join(parts)


def page_text(page: Page) -> str:
    """One grid as text: a line for each row and column, with sign, status and caption of each tile."""
    lines = [_title(page)] if _title(page) else []
    for row_value, row in zip(page.rows, page.tiles, strict=True):
        for column_value, tiles in zip(page.columns, row, strict=True):
            pairs = (_pair(page.row_name, row_value), _pair(page.column_name, column_value))
            label = ", ".join(pair for pair in pairs if pair) or "the only cell"
            lines.append(f"  {label}: {'; '.join(map(_tile_text, tiles)) or _NO_CELL}")
    return "\n".join(lines)


def _title(page: Page) -> str:
    return ", ".join(part for part in (page.group, page.title) if part)


def _headers(scope: str, name: str, values: Sequence[str], *, bare: bool) -> list[str]:
    """The headers of an axis, numbered where they are equal: long prompts may differ after the cut.

    Args:
        scope: ``row`` or ``col``.
        name: of the axis.
        values: of the axis.
        bare: whether they are seen without the name, which a screen reader reads all the same.
    """
    cut = [ellipsis(value if bare else _pair(name, value), MAX_LABEL_CHARACTERS) for value in values]
    labels = [label if cut.count(label) == 1 else f"{label} ({number})" for number, label in enumerate(cut, 1)]
    spoken = [f' abbr="{escape(_pair(name, label))}"' if bare else "" for label in labels]
    return [
        f'<th scope="{scope}"{whole} style="{_EDGE}">{escape(label)}</th>'
        for label, whole in zip(labels, spoken, strict=True)
    ]


def _pair(name: str, value: str) -> str:
    return f"{name} {value}" if name else value


def _cell_html(tiles: Sequence[Tile]) -> str:
    content = "".join(map(_tile_html, tiles)) or f'<span style="{QUIET_STYLE}">{_NO_CELL}</span>'
    return f'<td style="{_EDGE}">{content}</td>'


def _tile_html(tile: Tile) -> str:
    note = quiet_html((ellipsis(tile.note, 160),))
    if not tile.figures:
        return f"<div>{SIGNS.get(tile.status, '')} {escape(tile.status)}</div>{note}"
    html, *others = map(figure_html, tile.figures)
    if others:
        html += f"<details><summary>{count(len(others), 'more picture')}</summary>{''.join(others)}</details>"
    return (html if tile.place < 0 else f'<div data-nbkit-place="{tile.place}">{html}</div>') + note


def _tile_text(tile: Tile) -> str:
    sign = f"{SIGNS.get(tile.status, '')} {tile.status}"
    captions = " | ".join(" · ".join(figure.facts) for figure in tile.figures)
    return " ".join(part for part in (sign, captions, tile.note) if part)
