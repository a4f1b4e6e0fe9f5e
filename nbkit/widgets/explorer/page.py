"""One HTML file in which a sweep's grid is explored: the explorer's own script, with the pictures in the file."""

from __future__ import annotations

import json

from nbkit.display.figure import Figure, figures_html
from nbkit.display.page import page_html
from nbkit.display.text import count, escape
from nbkit.errors import NoImage, RequestError
from nbkit.log.store import RunLog
from nbkit.request.decoder import opened
from nbkit.results.money import amount
from nbkit.sweep.result import SweepResult
from nbkit.widgets.explorer.cells import CellTable
from nbkit.widgets.explorer.explorer import HERE, MAX_CELLS, NO_CELL, STYLE, VIEW_SCRIPT, sides_of
from nbkit.widgets.image_grid.image_grid import fact_of
from nbkit.widgets.image_grid.item import Item

SCRIPT = f"(() => {{\n{VIEW_SCRIPT}\n{(HERE / 'script' / 'page.js').read_text('utf-8')}\n}})();"
PAGE_STYLE = (HERE / "page.css").read_text("utf-8")


def page_of(log: RunLog, result: SweepResult, *, size: int, **sides: str | None) -> str:
    """The file. Without scripts it shows the pictures with their captions.

    Args:
        log: has the pictures.
        result: what is shown.
        size: pixels on the long side of a picture.
        **sides: the axes at ``rows``, ``columns``, ``slider`` and ``pages``.

    Raises:
        UnknownParameter: for a name that is no axis of the sweep.
        RequestError: for an axis that is named twice, or too many cells.
    """
    if len(result) > MAX_CELLS:
        message = f"{count(len(result), 'cell')} are too many for one page; result.to_frame() has them all"
        raise RequestError(message, parameter="grid", reason="count")
    table = CellTable(result.cells, log)
    items = table.items(result.states)
    figures = [_figure(log, item, size) for item in items]
    values = {
        "label": f"cells of the sweep {result.cells.key}",
        "empty": NO_CELL,
        "axes": table.axes,
        "spots": table.spots,
        "sides": sides_of(table, sides),
        "at": [0] * len(table.axes),
        "tallest": table.tallest(),
        "total": len(items),
        "facts": [
            fact_of(_said(item, figure), place) for place, (item, figure) in enumerate(zip(items, figures, strict=True))
        ],
        "pictures": [place for place, figure in enumerate(figures) if figure.preview is not None],
    }
    counts = ", ".join(f"{number} {status}" for status, number in result.counts.items())
    summary = f"{count(len(result), 'cell')}: {counts} · {amount(result.cost)}"
    title = f"Sweep {result.cells.key}"
    body = (
        f'<main><h1>{escape(title)}</h1><p class="quiet">{escape(summary)}</p>'
        f'<div data-nbkit-explore="{escape(json.dumps(values))}">{figures_html(figures)}</div></main>'
    )
    return page_html(title, body, STYLE + PAGE_STYLE, SCRIPT)


def _figure(log: RunLog, item: Item, size: int) -> Figure:
    missing = item.missing or item.status
    if item.file is not None:
        try:
            return _drawn(log.previews.get(item.file, size), item)
        except (NoImage, OSError) as error:
            missing = "its file is not here" if isinstance(error, FileNotFoundError) else str(error)
    return Figure(None, item.alt, caption=item.caption, missing=missing)


def _drawn(data: bytes, item: Item) -> Figure:
    with opened(data) as picture:
        return Figure(data, item.alt, *picture.size, caption=item.caption)


def _said(item: Item, figure: Figure) -> Item:
    """An item whose picture is not in the file says why."""
    if item.file is None or figure.preview is not None:
        return item
    return Item(item.key, item.alt, item.caption, None, 0, 0, "", figure.missing, "removed")
