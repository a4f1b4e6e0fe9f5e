"""A sweep before it runs: every cell with its price, the totals first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, ClassVar

import pandas as pd

from nbkit.display.figure import shield
from nbkit.display.text import count, usd, usd_range
from nbkit.model import MICRO, Price
from nbkit.run import BLOCKED, DONE, FAILED, NOT_SENT
from nbkit.storage.history import State
from nbkit.sweep.cells import REPEAT, Cell, Cells, ListedCells

TO_DO = "to do"
NEVER_AGAIN = (DONE, BLOCKED)
"""A picture that is there is not paid again; a refusal would come again."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a sweep comes to. Money in micro-dollars.

    Attributes:
        cells, images: of the whole sweep.
        price: of the whole sweep.
        ended: cells by what became of them in earlier runs.
        due: what the cells that are still to be sent may cost.
        due_images: how many images these are.
        balance: what the account holds in USD, if it is known.
        seconds: how long the rest may take, if the log knows how long runs take.
        charged: whether it is real money.
    """

    cells: int
    images: int
    price: Price
    ended: Mapping[str, int]
    due: Price
    due_cells: int
    due_images: int
    balance: float | None
    seconds: float | None
    charged: bool

    def lines(self) -> tuple[str, ...]:
        """The totals as a person reads them."""
        ended = ", ".join(f"{number} {status}" for status, number in sorted(self.ended.items()))
        parts = [
            f"{count(self.cells, 'cell')}, {count(self.images, 'image')}: {usd_range(self.price)}",
            f"already there: {ended}" if ended else "",
            f"to send: {count(self.due_cells, 'cell')} for {usd_range(self.due)}" if ended else "",
            f"about {_duration(self.seconds)}" if self.seconds is not None and self.due_cells else "",
            f"the account holds {usd(round(self.balance * MICRO))}" if self.balance is not None else "",
            "real money" if self.charged else "offline list prices, nothing is charged",
        ]
        return tuple(part for part in parts if part)


class PlanFrame(pd.DataFrame):
    """One row per cell. As the last line of a cell the totals stand first; a selection of it is a plain frame."""

    _metadata: ClassVar[list[str]] = ["totals"]
    totals: Totals

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def _repr_html_(self) -> str:
        first, *rest = self.totals.lines()
        table = pd.DataFrame(self)._repr_html_() or ""  # type: ignore[operator]  # the stubs take it for a column
        return shield(f"<div><strong>{escape(first)}</strong> · {escape(' · '.join(rest))}</div>{table}")

    def __repr__(self) -> str:
        return "\n".join((*self.totals.lines(), "", repr(pd.DataFrame(self))))


def due(cells: Cells | ListedCells, states: Mapping[str, State], *, retry: str | None) -> list[int]:
    """The places of the cells that are still to be sent."""
    places = []
    for place, cell in enumerate(cells):
        state = states.get(cell.key)
        if state is None or state.status == NOT_SENT or (state.status == FAILED and retry == FAILED):
            places.append(place)
    return places


def make_plan(
    cells: Cells | ListedCells,
    states: Mapping[str, State],
    *,
    latency: float | None,
    workers: int,
    balance: float | None,
    charged: bool,
) -> PlanFrame:
    """Price every cell."""
    rows: list[dict[str, Any]] = []
    whole, rest = Price(0, 0), Price(0, 0)
    images = due_images = due_cells = 0
    ended: dict[str, int] = {}
    for cell in cells:
        state = states.get(cell.key)
        price, results = cell.request.price, _results(cell)
        whole, images = whole + price, images + results
        status = TO_DO if state is None or state.status == NOT_SENT else state.status
        if status == TO_DO:
            rest, due_images, due_cells = rest + price, due_images + results, due_cells + 1
        else:
            ended[status] = ended.get(status, 0) + 1
        rows.append(
            {
                **_plain(cell.values),
                "images": results,
                "low": price.low / MICRO,
                "high": price.high / MICRO,
                "status": status,
            }
        )
    frame = PlanFrame(rows, columns=None if rows else [*cells.names, "images", "low", "high", "status"])
    frame.totals = Totals(
        cells=len(cells),
        images=images,
        price=whole,
        ended=ended,
        due=rest,
        due_cells=due_cells,
        due_images=due_images,
        balance=balance,
        seconds=None if latency is None else latency * -(-due_cells // workers),
        charged=charged,
    )
    return frame


def price_of(cells: Sequence[Cell]) -> tuple[Price, int]:
    """What some cells may cost in micro-dollars, and how many images they are."""
    total, images = Price(0, 0), 0
    for cell in cells:
        total, images = total + cell.request.price, images + _results(cell)
    return total, images


def _results(cell: Cell) -> int:
    return int(cell.request.effective("number_results"))


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _told(name, value) for name, value in values.items()}


def _told(name: str, value: Any) -> Any:
    if isinstance(value, tuple):  # reference images
        return ", ".join(str(item)[:19] for item in value)
    return int(value) if name == REPEAT else value


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
