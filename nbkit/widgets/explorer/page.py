"""A plain grid that is explored wherever scripts run: in an output of a notebook, and in a file of its own.

The tables of :mod:`nbkit.display.grid` are what is there without a script. The script is the explorer's own; it takes the
pictures out of the tables, so each of them is there once.
"""

from __future__ import annotations

import dataclasses
import functools
import html
import itertools
import json
from collections.abc import Sequence

from nbkit.display.figure import Figure
from nbkit.display.grid import Page, pages_html
from nbkit.display.notice import quiet_html
from nbkit.display.page import page_html
from nbkit.display.script import script_html
from nbkit.display.text import escape
from nbkit.history import RunLog
from nbkit.sweep.result import SweepResult
from nbkit.widgets.explorer.cells import CellTable
from nbkit.widgets.explorer.explorer import HERE, NO_CELL, STYLE, VIEW_SCRIPT, sides_of
from nbkit.widgets.image_grid.image_grid import fact_of
from nbkit.widgets.image_grid.item import Item

_SCRIPT = f"((style) => {{\n{VIEW_SCRIPT}\n{(HERE / 'script' / 'page.js').read_text('utf-8')}\n}})"
_PAGE_STYLE = (HERE / "page.css").read_text("utf-8")


def explorable(
    log: RunLog, result: SweepResult, grids: Sequence[Page], *, totals: str, title: str = "", **sides: str | None
) -> str:
    """The HTML of an output; with a title, that of a whole file.

    Args:
        log: has what was said of the pictures.
        result: what is shown.
        grids: its tables, with the pictures.
        totals: a line above them.
        title: of the file.
        **sides: the axes with which the script begins: ``rows``, ``columns``, ``slider`` and ``pages``.
    """
    table = CellTable(result.cells, log)
    items = table.items(result.states)
    figures = _figures(grids)
    said = [_said(item, figures.get(place)) for place, item in enumerate(items)]
    values = {
        "label": f"cells of the sweep {result.cells.key}",
        "empty": NO_CELL,
        "axes": table.axes,
        "spots": table.spots,
        "sides": sides_of(table, sides),
        "at": [0] * len(table.axes),
        "tallest": table.tallest(),
        "total": len(items),
        "facts": [fact_of(item, place) for place, item in enumerate(said)],
    }
    # between apostrophes: its many quotation marks would take six letters each
    given = html.escape(json.dumps(values, separators=(",", ":")), quote=False).replace("'", "&#x27;")
    body = f"<div data-nbkit-explore='{given}'>{pages_html(grids)}</div>"
    if not title:
        return f"{quiet_html((totals,))}{body}{_output_script()}"
    head = f'<h1>{escape(title)}</h1><p class="quiet">{escape(totals)}</p>'
    return page_html(title, f"<main>{head}{body}</main>", STYLE + _PAGE_STYLE, f'{_SCRIPT}("");')


@functools.cache
def _output_script() -> str:
    return script_html(f"{_SCRIPT}({json.dumps(STYLE)});")


def _figures(grids: Sequence[Page]) -> dict[int, Figure]:
    """The figures of all grids, by the number of their picture."""
    lines = itertools.chain.from_iterable(grid.tiles for grid in grids)
    tiles = itertools.chain.from_iterable(itertools.chain.from_iterable(lines))
    return {tile.place + number: figure for tile in tiles for number, figure in enumerate(tile.figures)}


def _said(item: Item, figure: Figure | None) -> Item:
    """An item whose picture is not in a table says why."""
    if item.file is None:
        return item
    if figure is not None and figure.preview is not None:
        return dataclasses.replace(item, width=figure.width, height=figure.height)  # what 100 % is of
    missing = figure.missing if figure else "its picture is in the log"
    return dataclasses.replace(item, file=None, missing=missing, status="removed")
