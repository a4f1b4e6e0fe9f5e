"""A sweep before it runs: every cell with its price, the totals first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import ClassVar, NamedTuple, Self

import pandas as pd

from nbkit.display.figure import shield
from nbkit.display.text import count, usd, usd_range
from nbkit.model import MICRO, Price
from nbkit.run import FAILED, PLANNED, SENT
from nbkit.storage.history import State
from nbkit.sweep.cell import Facts
from nbkit.sweep.cells import Cells, ListedCells, axis_names
from nbkit.sweep.columns import axis_series, column_of

TO_DO = "to do"
NOT_RUN, RUNNING = "not run", "running"


class Sum(NamedTuple):
    """Some cells together: how many, their images, what they may cost in micro-dollars."""

    cells: int
    images: int
    price: Price

    @classmethod
    def of(cls, cells: Sequence[Facts]) -> Self:
        """Of these."""
        price, images = price_of(cells)
        return cls(len(cells), images, price)


class Bill(NamedTuple):
    """The most that a run sends.

    Attributes:
        due: cells that are still to be sent.
        again: runs that were sent and whose outcome is not known. They are asked for, and those that the service
            does not know are sent again.
    """

    due: Sum
    again: Sum

    @property
    def cells(self) -> int:
        """Of both."""
        return self.due.cells + self.again.cells

    @property
    def images(self) -> int:
        """Of both."""
        return self.due.images + self.again.images

    @property
    def price(self) -> Price:
        """In micro-dollars, from what it costs if nothing has to be sent again."""
        return Price(self.due.price.low, self.due.price.high + self.again.price.high)


@dataclass(frozen=True, slots=True)
class Totals:
    """What a sweep comes to. Money in micro-dollars.

    Attributes:
        cells, images: of the whole sweep.
        price: of the whole sweep.
        ended: cells by what became of them in earlier runs.
        bill: what the next run sends.
        balance: what the account holds in USD, if it is known.
        seconds: how long the rest may take, if the log knows how long runs take.
        charged: whether it is real money.
    """

    cells: int
    images: int
    price: Price
    ended: Mapping[str, int]
    bill: Bill
    balance: float | None
    seconds: float | None
    charged: bool

    @property
    def due_cells(self) -> int:
        """Cells that are still to be sent."""
        return self.bill.due.cells

    def lines(self) -> tuple[str, ...]:
        """The totals as a person reads them."""
        ended = ", ".join(f"{number} {status}" for status, number in sorted(self.ended.items()))
        due, again = self.bill
        parts = [
            f"{count(self.cells, 'cell')}, {count(self.images, 'image')}: {usd_range(self.price)}",
            f"already there: {ended}" if ended else "",
            f"to send: {count(due.cells, 'cell')} for {usd_range(due.price)}" if ended and due.cells else "",
            f"up to {again.cells:,} sent again if the service does not know them: up to {usd(again.price.high)}"
            if again.cells
            else "",
            f"about {_duration(self.seconds)}" if self.seconds is not None and self.bill.cells else "",
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


def matched(cells: Cells | ListedCells, states: Mapping[str, Sequence[State]]) -> list[State | None]:
    """What became of each cell. Cells that are the same request have a run each."""
    left = {key: iter(found) for key, found in states.items()}
    return [next(left[cell.key], None) if cell.key in left else None for cell in cells.facts]


def status_of(state: State | None) -> str:
    """What became of a cell, as a person says it; one that is only written down has not been run."""
    if state is None or state.status == PLANNED:
        return NOT_RUN
    return RUNNING if state.status == SENT else state.status


def due(states: Sequence[State | None], *, retry: str | None) -> list[int]:
    """The places of the cells that are still to be sent.

    A picture that is there is not paid again, a refusal would come again, and what somebody works on is theirs.
    """
    return [
        place for place, state in enumerate(states) if state is None or (state.status == FAILED and retry == FAILED)
    ]


def make_plan(
    cells: Cells | ListedCells,
    states: Sequence[State | None],
    *,
    lost: Sequence[Facts],
    latency: float | None,
    workers: int,
    balance: float | None,
    charged: bool,
) -> PlanFrame:
    """Price every cell."""
    rows: list[tuple[int, float, float, str]] = []
    to_do: list[Facts] = []
    ended: dict[str, int] = {}
    for facts, state in zip(cells.facts, states, strict=True):
        _, price, results = facts
        status = status_of(state)
        status = TO_DO if status == NOT_RUN else status
        if status == TO_DO:
            to_do.append(facts)
        else:
            ended[status] = ended.get(status, 0) + 1
        rows.append((results, price.low / MICRO, price.high / MICRO, status))
    values = [cells.values_of(place) for place in range(len(cells))]
    columns = {name: column_of(cells.layout, name) for name in axis_names(cells)}
    axes = {column: axis_series(column, [own[name] for own in values]) for name, column in columns.items()}
    told = pd.DataFrame(rows, columns=["images", "low", "high", "status"])
    dtypes = {"images": "Int64", "low": "Float64", "high": "Float64", "status": "string"}
    frame = PlanFrame({**axes, **told.astype(dtypes)})
    whole, bill = Sum.of(cells.facts), Bill(Sum.of(to_do), Sum.of(lost))
    frame.totals = Totals(
        cells=whole.cells,
        images=whole.images,
        price=whole.price,
        ended=ended,
        bill=bill,
        balance=balance,
        seconds=None if latency is None else latency * -(-bill.cells // workers),
        charged=charged,
    )
    return frame


def price_of(cells: Iterable[Facts]) -> tuple[Price, int]:
    """What some cells may cost in micro-dollars, and how many images they are."""
    total, images = Price(0, 0), 0
    for cell in cells:
        total, images = total + cell.price, images + cell.images
    return total, images


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
