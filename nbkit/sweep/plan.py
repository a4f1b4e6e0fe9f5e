"""A sweep before it runs: each cell with its price, the totals first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import pandas as pd

from nbkit.display.figure import no_mathjax
from nbkit.display.text import count, escape, usd, usd_short, usd_short_range
from nbkit.errors import NbkitError, RequestError, printable
from nbkit.log.columns import column_of
from nbkit.log.frame import MEASURE, TAKEN
from nbkit.log.runs import State
from nbkit.request.price import MICRO, Price
from nbkit.results.money import amount, short_amount
from nbkit.results.run import FAILED
from nbkit.statistics import power, smallest_gap
from nbkit.sweep.frame import NOT_RUN, axis_columns, status_of
from nbkit.sweep.grid import REPEAT, CellCost, CellSequence

TO_DO = "to do"

_DTYPES = {"images": "Int64", "low": MEASURE, "high": MEASURE, "status": "string"}
"""The columns of a plan after those of its axes."""


class CostSummary(NamedTuple):
    """Some cells together: how many, how many images they make, and what they may cost in micro-dollars."""

    cells: int
    images: int
    price: Price

    @classmethod
    def of(cls, costs: Sequence[CellCost]) -> Self:
        """Sum up some cells."""
        return cls(len(costs), sum(cost.images for cost in costs), sum((cost.price for cost in costs), Price(0, 0)))


class Quote(NamedTuple):
    """The most that a run of a sweep sends.

    Attributes:
        pending: cells that are still to be sent.
        resend: runs that were sent and whose outcome is open. The service is asked about each, and those that it does
            not know are sent again.
    """

    pending: CostSummary
    resend: CostSummary

    @property
    def cells(self) -> int:
        """Number of cells and runs that are sent."""
        return self.pending.cells + self.resend.cells

    @property
    def images(self) -> int:
        """Number of images that they make."""
        return self.pending.images + self.resend.images

    @property
    def price(self) -> Price:
        """In micro-dollars; the lower end is the price if nothing has to be sent again."""
        return Price(self.pending.price.low, self.pending.price.high + self.resend.price.high)

    def seconds(self, latency: float | None, workers: int) -> float | None:
        """How long it may take with that many requests at once; ``None`` if the latency is not known."""
        return None if latency is None else latency * -(-self.cells // workers)


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums over a sweep. Money in micro-dollars.

    Attributes:
        cells, images: of the whole sweep.
        price: of the whole sweep.
        ended: number of cells by the status of their earlier run.
        quote: what the next run sends.
        balance: what the account holds in USD, if it is known.
        seconds: how long the rest may take, if the log has latencies.
        charged: whether it costs real money.
        withheld: on runs that came with the log and are left alone; else empty.
        refused: number of the cells that the next run sends although they have failed: they were never accepted.
    """

    cells: int
    images: int
    price: Price
    ended: Mapping[str, int]
    quote: Quote
    balance: float | None
    seconds: float | None
    charged: bool
    withheld: str = ""
    refused: int = 0

    @property
    def pending_cells(self) -> int:
        """Number of cells that are still to be sent."""
        return self.quote.pending.cells

    def lines(self) -> tuple[str, ...]:
        """The totals as sentences."""
        ended = ", ".join(f"{number} {status}" for status, number in sorted(self.ended.items()))
        pending, resend = self.quote
        failed = self.ended.get(FAILED, 0)
        again = f"{resend.cells:,} sent again if the service does not know them: up to {usd_short(resend.price.high)}"
        lines = (
            (True, f"{count(self.cells, 'cell')}, {count(self.images, 'image')}: {usd_short_range(self.price)}"),
            (ended, f"already there: {ended}"),
            (ended and pending.cells, f"to send: {count(pending.cells, 'cell')} for {usd_short_range(pending.price)}"),
            (self.refused, f"{count(self.refused, 'cell')} of these had been refused before they were accepted"),
            (failed, f'retry="{FAILED}" sends {failed:,} again that failed at the model'),
            (resend.cells, f"up to {again}"),
            (self.seconds is not None and self.quote.cells, f"about {_duration(self.seconds or 0)}"),
            (self.balance is not None, self._account()),
            (True, "real money" if self.charged else "list prices (offline, not charged)"),
            (self.withheld, self.withheld),
        )
        return tuple(line for applies, line in lines if applies)

    def _account(self) -> str:
        """What the account holds; to the last digit where that is too little."""
        asked, balance = self.quote.pending.price.high, self.balance or 0
        if not self.charged or asked <= round(balance * MICRO):
            return f"the account holds {short_amount(balance)}"
        return (
            f"the account holds {amount(balance)}, and what is to send may cost up to {usd(asked)}: {cheaper(balance)}"
        )


def cheaper(balance: float) -> str:
    """What to type where the account holds too little; the balance in USD."""
    most = math.floor(round(balance * MICRO) / 10_000) / 100
    bound = f", or sweep.run(budget={most:.2f}) for as many cells as that allows" if most else ""
    return f"top it up, or choose fewer cells (fewer values, sample=, where=){bound}"


class PlanFrame(pd.DataFrame):
    """One row per cell; a selection of it is a plain frame. As the last line of a cell it shows the totals first.

    The columns are one for each axis, then ``images`` (Int64), ``low`` and ``high`` (float64, USD) and ``status`` (string:
    ``to do``, or the status of an earlier run).

    Attributes:
        totals: the sums over the sweep.
    """

    _metadata: ClassVar[list[str]] = ["totals"]
    totals: Totals

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def sees(self, axis: str | None = None, *, gap: float | None = None) -> float:
        """The smallest gap between two values of an axis that is told from noise with 80 %; with a gap, how often it is.

        A gap is in standard deviations of the noise, which is what pictures of one setting differ by. All pairs of values
        are looked at; what else varies counts as repeats. Source: :func:`nbkit.statistics.power`.

        Args:
            axis: in either spelling; the one with the most values if not given, besides seeds and repeats.
            gap: in standard deviations.

        Raises:
            RequestError: if the axis has fewer than two values, or each of them fewer than two pictures.
            UnknownParameter: for a name that is no axis of the sweep.
            NbkitError: if scipy is not installed.

        Example:
            >>> import nbkit
            >>> sweep = nbkit.Studio(engine="offline").sweep("A lantern", temperature=[0.2, 1.0], seed=range(1, 8))
            >>> round(sweep.plan().sees("temperature"), 1), round(sweep.plan().sees(gap=2.0), 2)
            (1.8, 0.87)
        """
        name, values, pictures = self._compared(axis)
        if values < 2 or pictures < 2:
            few = f"{name}: {count(values, 'value')} with {count(pictures, 'picture')} each"
            raise RequestError(f"{few}; two of each are needed to compare", parameter=name, reason="count")
        return smallest_gap(values, pictures) if gap is None else power(values, pictures, gap)

    @property
    def compared_axis(self) -> str:
        """The axis of :meth:`sees` where none is named: the one with the most values, besides seeds and repeats."""
        return self._compared(None)[0]

    def _compared(self, axis: str | None) -> tuple[str, int, int]:
        """An axis, how many values it has, and how many pictures each value has at least."""
        axes = [str(name) for name in self.columns if name not in _DTYPES]
        if axis is None:
            own = [name for name in axes if name not in ("seed", REPEAT)] or axes
            if not own:
                raise RequestError("the sweep has no axis", parameter="axis", reason="missing")
            name = max(own, key=lambda one: len(self._sizes(one)))
        else:
            name = column_of(self[axes], f"{TAKEN}{axis}" if f"{TAKEN}{axis}" in axes else axis)
        sizes = self._sizes(name)
        return name, len(sizes), int(sizes.min()) if len(sizes) else 0

    def _sizes(self, axis: str) -> pd.Series[int]:
        """Number of pictures by value of an axis."""
        return pd.Series(self["images"].to_numpy(dtype=int)).groupby(self[axis].astype(str).to_numpy()).sum()

    def _lines(self) -> tuple[str, ...]:
        """The totals, and what the sweep can tell where that can be computed."""
        lines = self.totals.lines()
        try:
            name, *_ = self._compared(None)
            gap = self.sees(name)
        except NbkitError:  # no scipy, or nothing to compare
            return lines
        return *lines, f"sees a gap of {gap:.1f} standard deviations between two values of {name}"

    def _repr_html_(self) -> str:
        first, *rest = self._lines()
        table = pd.DataFrame(self)._repr_html_() or ""  # type: ignore[operator]  # the stubs take it for a column
        return no_mathjax(f"<div><strong>{escape(first)}</strong> · {escape(' · '.join(rest))}</div>{table}")

    def __repr__(self) -> str:
        return printable("\n".join((*self._lines(), "", repr(pd.DataFrame(self)))))


def cost_of(row: Any) -> CellCost:
    """What a run in the log may cost when it is sent again."""
    return CellCost(row["identity"], Price(row["estimateLow"], row["estimateHigh"]), row["numberResults"] or 1)


def pending_cells(states: Sequence[State | None], *, retry: str | None) -> list[int]:
    """The indices of the cells that are still to be sent.

    A cell that is done is not paid again, a refusal by a safety filter would come again, and a run under way belongs to
    its kernel. A cell that the service never accepted is sent again by itself, one that failed there with ``retry``.
    """

    def is_pending(state: State | None) -> bool:
        if state is None or state.was_never_accepted:
            return True
        return retry == FAILED and state.status == FAILED

    return [index for index, state in enumerate(states) if is_pending(state)]


def price_to_send(costs: Sequence[CellCost], states: Sequence[State | None]) -> Price | None:
    """What the cells that are still to be sent may cost; ``None`` if there are none.

    Args:
        costs: of the cells.
        states: of each cell.
    """
    pending = pending_cells(states, retry=None)
    return CostSummary.of([costs[index] for index in pending]).price if pending else None


def make_plan(cells: CellSequence, states: Sequence[State | None]) -> pd.DataFrame:
    """One row per cell, in the columns of :class:`PlanFrame`.

    Args:
        cells: of the sweep.
        states: of each cell.
    """
    rows: list[tuple[int, float, float, str]] = []
    pending = set(pending_cells(states, retry=None))
    for index, (cost, status) in enumerate(zip(cells.costs, map(status_of, states), strict=True)):
        words = TO_DO if status == NOT_RUN or index in pending else status
        rows.append((cost.images, cost.price.low / MICRO, cost.price.high / MICRO, words))
    facts = pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)
    return pd.DataFrame({**axis_columns(cells, range(len(cells))), **facts})


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
