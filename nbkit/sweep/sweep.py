"""A sweep, as ``studio.sweep()`` returns it: planned, run, stopped, resumed."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, overload

from IPython.display import display

from nbkit.display.text import count, usd, usd_range
from nbkit.errors import BudgetExceeded, NbkitError, NoSuchNumber, RequestError, StorageError, printable
from nbkit.ledger.recovery import FOREIGN, TAKEN
from nbkit.log.frame import check_argument
from nbkit.log.runs import State
from nbkit.request.image_request import PARAMETERS, given_values
from nbkit.request.parameter import Integer
from nbkit.request.price import MICRO
from nbkit.results.money import amount, limit_in_micros, short_amount
from nbkit.results.run import DONE, FAILED, PLANNED
from nbkit.service.cancel import CancelToken
from nbkit.service.threads import Interrupted, run_interruptible
from nbkit.sweep.code import sweep_code
from nbkit.sweep.grid import Cell, CellCost, CellSequence
from nbkit.sweep.plan import TO_DO, CostSummary, PlanFrame, Quote, Totals, cheaper, cost_of, make_plan, pending_cells
from nbkit.sweep.progress import show_progress
from nbkit.sweep.result import SweepContext, SweepResult
from nbkit.sweep.runner import SweepRun

MANY_IMAGES = 100
"""A run of more images than this needs ``confirm=True``."""

PEEK_SECONDS = 0.4
"""Time for the previews that are shown after Stop."""

_LOCKS: dict[tuple[str, str], threading.RLock] = {}
"""By folder and name: one thread at a time finds out which cells of a sweep are missing."""

_UNDER_WAY: weakref.WeakValueDictionary[tuple[str, str], SweepRun] = weakref.WeakValueDictionary()
"""By folder and name: the sweeps that this kernel runs."""


class Sweep(Sequence[Cell]):
    """Cells in a fixed order, and what can be done with them: plan, run, stop, resume. ``studio.sweep()`` makes one.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> sweep = studio.sweep("A {colour} lantern", colour=["red", "jade"], temperature=[0.2, 0.8], name="four")
        >>> sweep
        <Sweep four: 4 cells (colour 2, temperature 2)>
        >>> sweep[3].request.prompt, sweep[3].temperature
        ('A jade lantern', 0.8)
    """

    def __init__(self, cells: CellSequence, context: SweepContext) -> None:
        self.cells = cells
        self._context = context
        self._last: SweepRun | None = None

    @property
    def name(self) -> str:
        """Identifies the sweep in the log: the name it was given, or one made of its template and axes."""
        return self.cells.key

    def __len__(self) -> int:
        return len(self.cells)

    @overload
    def __getitem__(self, index: int) -> Cell: ...
    @overload
    def __getitem__(self, index: slice) -> list[Cell]: ...
    def __getitem__(self, index: int | slice) -> Cell | list[Cell]:
        numbers = range(len(self))
        if isinstance(index, slice):
            return [self.cells.cell(i) for i in numbers[index]]
        if not -len(self) <= index < len(self):
            raise NoSuchNumber(f"the sweep has {len(self)} cells, numbered from 0")
        return self.cells.cell(numbers[index])

    # -- before it runs --------------------------------------------------------------------------------------

    def plan(self, max_workers: int = 4) -> PlanFrame:
        """Each cell with its price; as the last line of a cell the totals stand first. Sends nothing.

        Args:
            max_workers: number of requests at once, for the estimate of the duration.

        Returns:
            A frame with one row per cell: a column for each axis, then ``images`` (Int64), ``low`` and ``high``
            (float64, USD), and ``status`` (string).

        Raises:
            RequestError: for a cell that the model does not allow (the message names axis and value), or no number of
                workers.

        Example:
            >>> import nbkit
            >>> plan = nbkit.Studio(engine="offline").sweep("A lantern", seed=[1, 2], resolution="1K").plan()
            >>> plan[["seed", "images", "high"]].to_dict("records")
            [{'seed': 1, 'images': 1, 'high': 0.06895}, {'seed': 2, 'images': 1, 'high': 0.06895}]
        """
        max_workers = check_argument("max_workers", Integer(1).check, max_workers)
        context, costs, balance = self._context, self.cells.costs, None
        with contextlib.suppress(NbkitError):  # a plan is useful without the balance
            balance = context.balance()
        states = self.states
        frame = PlanFrame(make_plan(self.cells, states))
        pending = [cost for cost, status in zip(costs, frame["status"], strict=True) if status == TO_DO]
        quote = Quote(CostSummary.of(pending), CostSummary.of(self.unsettled))
        ended = Counter(status for status in frame["status"] if status != TO_DO)
        seconds = quote.seconds(context.log.history.typical_latency(context.engine), max_workers)
        refused = sum(state is not None and state.was_never_accepted for state in states)
        sums, charged = CostSummary.of(costs), context.charged
        frame.totals = Totals(*sums, ended, quote, balance, seconds, charged, self._withheld, refused)
        return frame

    # -- running ------------------------------------------------------------------------------------------------

    def run(
        self, *, max_workers: int = 4, budget: float | None = None, confirm: bool = False, retry: str | None = None
    ) -> SweepResult:
        """Send the cells that are missing, and wait for them with a progress bar.

        A cell that is done is not sent again, in this kernel or a later one; a blocked cell neither. A cell that the
        service never accepted (no credit, a wrong key, busy, no connection) is sent again by itself, one that failed
        there with ``retry="failed"``. On a real account, its balance has to cover what the cells may cost, or the budget
        of the call. Stop ends the sending at once. What has been sent comes into the log, and ``sweep.result`` is what there is so far.

        Args:
            max_workers: number of requests at once.
            budget: the most that this call may spend, in USD. Like the studio's budget, it holds the upper estimate of
                a cell before each send.
            confirm: needed for more than a hundred images.
            retry: ``"failed"`` sends cells again at which the model failed.

        Raises:
            RequestError: for a cell that the model does not allow, or a missing ``confirm=True``; nothing is sent.
            BudgetExceeded: before anything is sent, if the account does not hold what the cells may cost; later, when the
                next cell might cost more than is left. ``sweep.result`` is what there is so far.
            EngineError: if the service refuses a cell for no credit or the key; the others are not sent.
            StorageError: when the log or a picture cannot be written; the next run fetches what was paid.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
            >>> sweep = studio.sweep("A lantern", seed=[1, 2])
            >>> result = sweep.run(max_workers=2, budget=1.00)
            >>> result.counts
            {'done': 2}
            >>> result = sweep.run()
            All cells are done.
        """
        if self._withheld:
            print(self._withheld)  # noqa: T201  before the bar, which does not count these runs
        try:
            running = self.start(max_workers=max_workers, budget=budget, confirm=confirm, retry=retry)
            if running.quote.cells:
                show_progress(running)
            else:
                print(_ended(self.result.counts))  # noqa: T201  instead of an empty bar
        except KeyboardInterrupt:
            raise self._interrupted() from None
        try:
            return running.wait()
        except StorageError:
            with contextlib.suppress(StorageError):  # the log may be what cannot be read
                print(repr(self.result))  # noqa: T201  how many pictures are not here
            raise

    def _interrupted(self) -> Interrupted:
        """Stop was pressed: show what there is, and say what is still being paid for."""
        paid = ""
        if under_way := _UNDER_WAY.get(self._key):  # this run, or the earlier one that it was waiting for
            under_way.cancel()
            now = under_way.progress
            if now.running:
                paid = (
                    f"{count(now.running, 'request')} under way, up to {short_amount(now.held)}, still being paid for; "
                )
        display(self.result.peek(PEEK_SECONDS))  # type: ignore[no-untyped-call]
        return Interrupted(f"Stopped: {paid}what comes lands in the log. sweep.result has it; sweep.run() goes on.")

    def start(
        self, *, max_workers: int = 4, budget: float | None = None, confirm: bool = False, retry: str | None = None
    ) -> SweepRun:
        """Like :meth:`run`, in the background: the cell is free, and the returned handle can be watched and stopped.

        Example:
            >>> import nbkit
            >>> running = nbkit.Studio(engine="offline").sweep("A lantern", seed=[1, 2], name="start").start()
            >>> running.wait().counts
            {'done': 2}
        """
        workers = check_argument("max_workers", Integer(1).check, max_workers)
        token = CancelToken(slots=workers)
        try:  # in another thread, because an interrupt may come at any instant
            return run_interruptible(
                lambda: self.prepare(
                    max_workers=workers, budget=budget, confirm=confirm, retry=retry, token=token
                ).begin()
            )
        except KeyboardInterrupt:
            token.cancel()
            raise

    def prepare(
        self,
        *,
        max_workers: int = 4,
        budget: float | None = None,
        confirm: bool = False,
        retry: str | None = None,
        token: CancelToken | None = None,
    ) -> SweepRun:
        """Everything that :meth:`start` does before the first send: ``.quote`` is what ``.begin()`` will send.

        Waits until the runs that an earlier start has under way have ended. Once the token is cancelled, nothing is sent.
        """
        if retry not in (None, FAILED):
            message = f"retry={retry!r}: must be 'failed' or None"
            raise RequestError(message, parameter="retry", value=retry, reason="choice", suggestion=FAILED)
        max_workers = check_argument("max_workers", Integer(1).check, max_workers)
        limit = limit_in_micros("budget", budget)
        cells, context = self.cells, self._context
        _ = cells.costs  # checks every cell before anything else happens
        with _LOCKS.setdefault(self._key, threading.RLock()):
            # The cell of the notebook that made the sweep may have been run twice; or a run was prepared and never begun.
            if earlier := _UNDER_WAY.get(self._key):
                earlier.cancel()
                earlier.wait_finished()
            unsettled = context.recovery.resumable(self.name)
            # Runs that a killed kernel had only planned become pending again; those that were sent are this run's own work.
            found = context.recovery.recover(sweep=self.name, skip={row["taskUUID"] for row in unsettled})
            stuck = next((one for one in found if one.after == PLANNED and one.note not in (FOREIGN, TAKEN)), None)
            if stuck is not None:  # its cell would be passed over, and its money stay held
                raise StorageError(stuck.note)
            pending = pending_cells(self.states, retry=retry)
            running = SweepRun(
                cells,
                context,
                pending,
                unsettled,
                token=token or CancelToken(slots=max_workers),
                max_workers=max_workers,
                budget=limit,
                result=lambda: self.result,
            )
            _check_confirmed(running.quote, confirm=confirm)
            _check_balance(context, running.quote.pending.price.high, limit)
            self._last = _UNDER_WAY[self._key] = running
            return running

    @property
    def states(self) -> list[State | None]:
        """The state of each cell in the log.

        Cells of the same picture get a run each: one that was sent as they are (sync or async, and so on), else one that
        none of the others needs.
        """
        history, cells = self._context.log.history, self.cells
        found = history.states(self.name, self._context.engine)
        indices: dict[str, list[int]] = {}
        for index, cost in enumerate(cells.costs):
            indices.setdefault(cost.key, []).append(index)
        shared = [state.task_uuid for key, same in indices.items() if len(same) > 1 for state in found.get(key, ())]
        sent = {uuid: _delivery(values) for uuid, values in history.given_values(shared).items()} if shared else {}
        states: list[State | None] = [None] * len(cells)
        for key, same in indices.items():
            runs: Sequence[State | None] = found.get(key, [])
            if runs and len(same) > 1:
                wanted = [_delivery(given_values(cells.cell(index).request)) for index in same]
                runs = _distributed(found[key], sent, wanted)
            for index, state in zip(same, runs, strict=False):
                states[index] = state
        return states

    @property
    def unsettled(self) -> list[CellCost]:
        """Runs that were sent and whose outcome is open. A run of the sweep asks about them, and may send them again."""
        return list(map(cost_of, self._context.recovery.resumable(self.name)))

    @property
    def _withheld(self) -> str:
        return self._context.log.withheld(self.name)

    @property
    def result(self) -> SweepResult:
        """What there is so far: also while it runs, after Stop, and in a later kernel."""
        context = self._context
        return SweepResult(self.cells, context, self.states, lambda cells: Sweep(cells, context))

    def as_code(self) -> str:
        """This sweep as Python code, to be pasted into a cell that has a ``studio``.

        Reference images are taken from the log, and where pictures are delivered is left out.

        Example:
            >>> import nbkit
            >>> sweep = nbkit.Studio(engine="offline").sweep("A {colour} lantern", colour=["red", "jade"], seed=(1, 2))
            >>> print(sweep.as_code())
            sweep = studio.sweep('A {colour} lantern', colour=['red', 'jade'], seed=[1, 2])
        """
        return sweep_code(self.cells)

    def __repr__(self) -> str:
        spelled = self.cells.spec.spelled
        axes = ", ".join(f"{'+'.join(spelled.get(n, n) for n in axis.names)} {len(axis)}" for axis in self.cells.axes)
        return printable(f"<Sweep {self.name}: {count(len(self), 'cell')} ({axes or 'no axis'})>")

    @property
    def _key(self) -> tuple[str, str]:
        return str(self._context.log.folder.resolve()), self.name


def _delivery(given: Mapping[str, Any]) -> list[Any]:
    """The values of the parameters that the picture does not depend on: how it is sent, and how it comes back."""
    return [given.get(name, p.default) for name, p in PARAMETERS.items() if not p.affects_picture]


def _distributed(
    runs: Sequence[State], sent: Mapping[str, list[Any]], wanted: Sequence[list[Any]]
) -> list[State | None]:
    """The runs of one picture in the order of the cells that want it, each as it wants it; the others are spare.

    The order of the runs says nothing: one that was never sent may have stood before them. A spare run that has failed
    is left out, because its cell has another one, or is gone.
    """
    left, own = list(runs), []
    for delivery in wanted:
        own.append(next((run for run in left if sent.get(run.task_uuid) == delivery), None))
        left = [run for run in left if run is not own[-1]]
    spare = (run for run in left if run.status != FAILED)
    return [run or next(spare, None) for run in own]


def _ended(counts: Mapping[str, int]) -> str:
    """What is said of a sweep of which nothing is to be sent, by how many cells have which status."""
    if set(counts) <= {DONE}:
        return "All cells are done."
    told = ", ".join(f"{number:,} {status}" for status, number in counts.items())
    retry = f' sweep.run(retry="{FAILED}") sends the failed again.' if FAILED in counts else ""
    return f"Nothing to send: of {count(sum(counts.values()), 'cell')}, {told} already.{retry}"


def _check_confirmed(quote: Quote, *, confirm: bool) -> None:
    if quote.images <= MANY_IMAGES or confirm:
        return
    resend = f", up to {quote.resend.cells:,} of them once more" if quote.resend.cells else ""
    sends = f"{count(quote.cells, 'cell')} for {count(quote.images, 'image')}{resend}: {usd_range(quote.price)}"
    message = f"this sends {sends}. If that is meant, sweep.run(confirm=True)"
    raise RequestError(message, parameter="confirm", value=confirm, reason="conflict", suggestion=True)


def _check_balance(context: SweepContext, high: int, limit: int | None) -> None:
    """Raise ``BudgetExceeded`` if the account does not hold what is about to be sent. Only for real money.

    Args:
        context: of the sweep. A balance that cannot be read stops nothing.
        high: the upper estimate in micro-dollars.
        limit: the budget of the call, likewise; no more than that is spent.
    """
    limits = [high, *(some for some in (limit, context.ledger.journal.left) if some is not None)]
    if not context.charged or min(limits) <= 0:
        return
    try:
        balance = context.balance()
    except NbkitError:
        return
    if min(limits) > round(balance * MICRO):
        message = (
            f"this sweep may cost up to {usd(min(limits))}, and the account holds {amount(balance)}: {cheaper(balance)}. "
            "Nothing was sent"
        )
        raise BudgetExceeded(message, limit=balance, spent=0.0, held=0.0, asked=min(limits) / MICRO)
