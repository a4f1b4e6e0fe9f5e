"""A labelled grid of pictures: plain HTML, a table to a screen reader, readable with no kernel and no script."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from nbkit.display.figure import QUIET, Figure, figure_html
from nbkit.display.text import count, ellipsis

_EDGE = "border:1px solid rgba(128,128,128,0.35);padding:0.4em;text-align:left;vertical-align:top"
LABEL = 120
"""Characters of a header."""

_SIGNS = {"done": "✓", "failed": "✗", "blocked": "⊘", "unknown": "?", "not run": "·", "running": "…"}


@dataclass(frozen=True, slots=True)
class Tile:
    """What stands in one place of a grid.

    Attributes:
        figures: the pictures, all of them; those after the first fold away.
        status: ``done``, or why there is no picture.
        note: a sentence on it, such as the service's reason.
    """

    figures: tuple[Figure, ...] = ()
    status: str = "not run"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One grid: ``tiles[row][column]`` is what stands there, several where cells share a place.

    ``title`` is its caption; grids of one ``fold`` unfold together.
    """

    title: str
    row_name: str
    rows: Sequence[str]
    column_name: str
    columns: Sequence[str]
    tiles: Sequence[Sequence[Sequence[Tile]]]
    fold: str = ""


def page_html(page: Page) -> str:
    """One grid as a table whose headers name axis and value."""
    corner = f'<td style="{_EDGE};{QUIET}">{escape(_corner(page))}</td>' if page.row_name else ""
    head = "".join(_header(label, "col") for label in _labels(page.column_name, page.columns))
    heads = [_header(label, "row") if page.row_name else "" for label in _labels(page.row_name, page.rows)]
    body = "".join(
        f"<tr>{header}{''.join(f'<td style={_quoted(_EDGE)}>{_tiles(here)}</td>' for here in line)}</tr>"
        for header, line in zip(heads, page.tiles, strict=True)
    )
    caption = f'<caption style="text-align:left;{QUIET}">{escape(_caption(page))}</caption>'
    top = f"<thead><tr>{corner}{head}</tr></thead>" if page.column_name else ""  # a header without a word says nothing
    return f'<table style="border-collapse:collapse">{caption}{top}<tbody>{body}</tbody></table>'


def pages_html(pages: Sequence[Page], *, totals: str) -> str:
    """Several grids, one under another; those that have a fold unfold without a script, the first one open."""
    parts = [f'<div style="{QUIET}">{escape(totals)}</div>']
    for number, (fold, together) in enumerate(itertools.groupby(pages, key=lambda page: page.fold)):
        grids = "".join(page_html(page) for page in together)
        opened = " open" if number == 0 else ""
        parts.append(f"<details{opened}><summary>{escape(fold)}</summary>{grids}</details>" if fold else grids)
    return "".join(parts)


def page_text(page: Page) -> str:
    """The same grid as text: a sign and a caption for each place."""
    title = ", ".join(part for part in (page.fold, page.title) if part)
    lines = [title] if title else []
    for value, line in zip(page.rows, page.tiles, strict=True):
        for column, here in zip(page.columns, line, strict=True):
            place = ", ".join(part for part in (_pair(page.row_name, value), _pair(page.column_name, column)) if part)
            told = "; ".join(_tile_text(tile) for tile in here) or "no such cell"
            lines.append(f"  {place or 'the only cell'}: {told}")
    return "\n".join(lines)


def _corner(page: Page) -> str:
    return " \\ ".join(name for name in (page.row_name, page.column_name) if name)


def _caption(page: Page) -> str:
    """Which grid it is, and how it is read."""
    which = ", ".join(part for part in (page.fold, page.title) if part)
    sides = ((page.row_name, "down the side"), (page.column_name, "along the top"))
    how = ", ".join(f"{name} {side}" for name, side in sides if name)
    return ": ".join(part for part in (which, how) if part) or "the only cell"


def _labels(name: str, values: Sequence[str]) -> list[str]:
    """The texts of headers, all different: long prompts may differ behind the place where they are cut."""
    cut = [ellipsis(_pair(name, value), LABEL) for value in values]
    return [label if cut.count(label) == 1 else f"{label} ({number})" for number, label in enumerate(cut, 1)]


def _pair(name: str, value: str) -> str:
    return f"{name} {value}" if name else value


def _header(label: str, scope: str) -> str:
    return f'<th scope="{scope}" style="{_EDGE}">{escape(label)}</th>'


def _tiles(here: Sequence[Tile]) -> str:
    return "".join(_tile_html(tile) for tile in here) or f'<span style="{QUIET}">no such cell</span>'


def _tile_html(tile: Tile) -> str:
    if not tile.figures:
        note = f'<div style="{QUIET}">{escape(ellipsis(tile.note, 160))}</div>' if tile.note else ""
        return f"<div>{_SIGNS.get(tile.status, '')} {escape(tile.status)}</div>{note}"
    first, *others = tile.figures
    html = figure_html(first)
    if others:
        html += f"<details><summary>{count(len(others), 'more picture')}</summary>{''.join(map(figure_html, others))}</details>"
    return html + (f'<div style="{QUIET}">{escape(ellipsis(tile.note, 160))}</div>' if tile.note else "")


def _tile_text(tile: Tile) -> str:
    sign = f"{_SIGNS.get(tile.status, '')} {tile.status}"
    told = " | ".join(" · ".join(figure.caption) for figure in tile.figures)
    return " ".join(part for part in (sign, told, tile.note) if part)


def _quoted(style: str) -> str:
    return f'"{style}"'
