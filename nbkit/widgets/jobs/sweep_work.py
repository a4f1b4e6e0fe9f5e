"""A sweep as the work of a press: prepared, compared with what its button said, watched until nothing is under way."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Protocol

from nbkit.display.text import count, usd
from nbkit.errors import RequestError
from nbkit.request.price import Price
from nbkit.service.cancel import CancelToken
from nbkit.service.threads import THREADS
from nbkit.sweep.plan import Quote
from nbkit.sweep.result import SweepResult
from nbkit.sweep.runner import SweepRun
from nbkit.sweep.sweep import MANY_IMAGES, Sweep
from nbkit.widgets.jobs.quote import check_price, refusal

TICK = 0.25
"""Seconds between two movements of the progress: a page takes 10 to 20 messages a second in all."""


class SweepObserver(Protocol):
    """Whoever shows how far a sweep is."""

    def progressed(self, work: SweepWork) -> None:
        """Time passes, and pictures may have come; also after Stop, until what is under way has landed."""

    def fault(self, error: BaseException) -> None:
        """Show what went wrong in it; the sweep goes on."""


class SweepWork:
    """One press of a sweep.

    Args:
        sweep: what is sent.
        price: what it may cost, as far as it is known at the press.
        how: the arguments of ``sweep.run``.
        allow: raises if what would be sent may not be; asked when nothing of an earlier run of the sweep is under way.
        lock: guards what two threads touch.
        observer: returns who is told, at that moment.

    Attributes:
        running: the run; ``None`` before it is sent.
        is_stopped: whether somebody has stopped it.
    """

    lands = True

    def __init__(
        self,
        sweep: Sweep,
        price: Price,
        how: Mapping[str, Any],
        *,
        allow: Callable[[Quote], None] | None,
        lock: threading.RLock,
        observer: Callable[[], SweepObserver],
    ) -> None:
        self.sweep, self._how, self._allow, self._lock, self._observer = sweep, how, allow, lock, observer
        self.price = price
        self.prompt = f"{count(len(sweep), 'cell')}: {sweep.name}"
        self.running: SweepRun | None = None
        self.is_stopped = False

    def start(self, token: CancelToken) -> Future[SweepResult | None]:
        """Send it in a thread; the future ends when nothing of it is under way."""
        return THREADS.submit(self._carry_out, token)

    def stop(self) -> None:
        """Send no further cell."""
        self.is_stopped = True
        if self.running is not None:
            self.running.cancel()

    def _carry_out(self, token: CancelToken) -> SweepResult | None:
        running = self.sweep.prepare(**self._how)  # waits for an earlier run: what it left unsent is due again
        if self._allow is not None:
            self._allow(running.quote)
        with self._lock:
            if token.cancelled:
                return None
            self.running = running
        running.begin()
        is_finished = is_faulty = False
        while True:  # first at once: of two sweeps, the one that begins later is the newer one
            try:
                self._observer().progressed(self)
            except Exception as error:  # noqa: BLE001  it ends nothing: what is being paid for can still be stopped
                if not is_faulty:
                    with contextlib.suppress(Exception):  # the page itself may be what cannot be reached
                        self._observer().fault(error)
                is_faulty = True
            if is_finished:
                return running.wait(0)
            is_finished = running.wait_finished(TICK)


def sizes_of(quote: Quote) -> str:
    """What a button says of a sweep: the cells that are due, what may be sent again, images where these are others."""
    parts = (
        count(quote.pending.cells, "cell") if quote.pending.cells else "",
        f"up to {quote.resend.cells:,} sent again" if quote.resend.cells else "",
        count(quote.images, "image") if quote.images != quote.cells else "",
    )
    return " · ".join(part for part in parts if part)


def check_quote(promised: Quote | None, ticked: int, quote: Quote) -> None:
    """Let a sweep pass that is no more than was promised.

    Args:
        promised: by the button when it was pressed; ``None`` if it named no price.
        ticked: how many images the tick named; 0 if it was not set.
        quote: what would be sent.

    Raises:
        RequestError: if nothing is due, or it is more images, or may cost more. Nothing has been sent.
    """
    if not quote.cells:
        raise RequestError("All cells are done: nothing was sent.", parameter="price", reason="conflict")
    cost = f"{usd(quote.price.high)} for {_spoken(quote)}"
    check_price(promised and promised.price.high, quote.price.high, cost)
    # What was to be asked for may have become due meanwhile: it is the same work at the same price.
    if promised is not None and quote.images > promised.images:
        raise refusal(f"The button said {_spoken(promised)}, and this is {cost} now.")
    if quote.images > max(MANY_IMAGES, ticked):
        said = f"The tick said {count(ticked, 'image')}" if ticked else "The tick was not set"
        raise refusal(f"{said}, and this is {cost} now.", then="tick it and press again")


def _spoken(quote: Quote) -> str:
    return sizes_of(quote).replace(" · ", " and ")
