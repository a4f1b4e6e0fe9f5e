"""Presses at work: each in a thread of its own, no more of them at once than was asked for, stopped at once.

Handlers of a page run in the main thread of some kernels and in another thread of others, and an exception or a
``print`` in one shows nowhere. So a press returns at once, what two threads touch is guarded by one lock, and
whatever goes wrong is told to the desk, which shows it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from nbkit.display.text import usd
from nbkit.request.image_request import ImageRequest
from nbkit.results.run import Run
from nbkit.service.threads import THREADS
from nbkit.widgets.page.paid import check_price
from nbkit.widgets.panel.job import Host, Job

TICK = 0.25
"""Seconds between two movements of the clock: a page takes 10 to 20 messages a second in all."""
DOUBLE_CLICK = 0.5
"""Seconds within which a second click is the second half of a double click."""
SETTLE = 0.15
"""Seconds that a click waits for the last keystroke. While a kernel is busy, the page sends a control's first change
and holds back the next until that one is answered, but it does not hold back the click: without this pause a paid run
was made of half a prompt, in JupyterLab with comms outside subshells."""


class Desk(Protocol):
    """Who is told how the work goes. All but ``show`` is told under the lock."""

    def began(self) -> None:
        """A press was taken."""

    def passing(self, seconds: float, jobs: int) -> None:
        """Time passes; so many jobs are under way, the oldest for so long."""

    def ended(self, job: Job, run: Run | None, *, late: bool) -> None:
        """A run has come, or ``job.failure`` instead; ``late`` when it was no longer waited for, and then perhaps neither."""

    def show(self, run: Run, *, late: bool) -> None:
        """A run is to be shown. Not under the lock: making previews takes its time."""

    def fault(self, error: BaseException) -> None:
        """Something went wrong in telling any of this."""


class Work:
    """The presses of one panel.

    Args:
        host: who makes runs.
        desk: who is told.
        at_once: how many may be under way; a press beyond that is not taken.

    Attributes:
        clock: the time in seconds, by which a second click is half of a double click; replaced by tests.
    """

    def __init__(self, host: Host, desk: Desk, *, at_once: int = 1) -> None:
        self._host, self._desk, self._at_once = host, desk, at_once
        self.lock = threading.RLock()
        self.clock: Callable[[], float] = time.monotonic
        self._jobs: list[Job] = []
        self._clicked: dict[object, float] = {}
        self._ticking = False
        self.latest: Job | None = None

    @property
    def under_way(self) -> int:
        """How many jobs are waited for."""
        return len(self._jobs)

    @property
    def full(self) -> bool:
        """Whether another press would not be taken."""
        return len(self._jobs) >= self._at_once

    def click(
        self, button: object, most: int | None, ask: Callable[[], ImageRequest], parent: str | None = None
    ) -> None:
        """A click with the mouse: the second half of a double click is none, and the last keystroke is waited for.

        Args:
            button: which one.
            most: what it said that this costs at most, in micro-dollars; ``None`` if it said no price.
            ask: what to send, asked at the last moment.
            parent: the taskUUID of the run that is made again.
        """
        now = self.clock()
        with self.lock:
            twice = now - self._clicked.get(button, float("-inf")) < DOUBLE_CLICK
            self._clicked[button] = now
        job = None if twice else self.take(ask, parent)
        if job is not None:
            THREADS.submit(self._send_settled, job, most)

    def take(self, ask: Callable[[], ImageRequest], parent: str | None = None) -> Job | None:
        """Begin a job, unless there are as many as may be."""
        with self.lock:
            if self.full:
                return None
            job = self.latest = Job(ask, self._host.new_token(), parent)
            self._jobs.append(job)
            self._desk.began()
            if not self._ticking:
                self._ticking = True
                THREADS.submit(self._tick)
        return job

    def send(self, job: Job) -> None:
        """Send what a job asks for; whatever keeps it from being sent is the job's failure."""
        try:
            with self.lock:
                if job not in self._jobs:
                    return  # stopped before anything was sent
                job.request = job.ask()
            future = self._host.start(job.request, parent=job.parent, token=job.gate)
        except BaseException as error:
            self._done(job, None, error)
            if not isinstance(error, Exception):  # an interrupt; an error has nobody above to be told to
                raise
        else:
            future.add_done_callback(lambda ended: self._done_with(job, ended))

    def stop(self) -> list[Job]:
        """Wait for nothing any more; what the service has accepted goes on by itself, the rest is not sent."""
        with self.lock:
            stopped, self._jobs = self._jobs, []
            for job in stopped:
                job.gate.cancel()
                job.over.set()
            return stopped

    def wait(self, timeout: float | None) -> None:
        """Wait until everything under way has ended.

        Raises:
            TimeoutError: if it takes more than ``timeout`` seconds.
            Exception: what kept the latest press from being a run at all.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.lock:
            waited = list(dict.fromkeys((*self._jobs, *((self.latest,) if self.latest else ()))))
        for job in waited:
            if not job.over.wait(None if deadline is None else max(0.0, deadline - time.monotonic())):
                raise TimeoutError(f"the run is still under way after {timeout} s; panel.wait() waits on")
        if self.latest is not None and self.latest.failure is not None:
            raise self.latest.failure

    def _send_settled(self, job: Job, most: int | None) -> None:
        time.sleep(SETTLE)
        ask = job.ask

        def agreed() -> ImageRequest:
            request = ask()
            check_price(most, request.price.high, f"up to {usd(request.price.high)}")
            return request

        job.ask = agreed
        self.send(job)

    def _done_with(self, job: Job, ended: Future[Run]) -> None:
        if ended.cancelled():
            self._done(job, None, None)
        elif (error := ended.exception()) is not None:
            self._done(job, None, error)
        else:
            self._done(job, ended.result(), None)

    def _tick(self) -> None:
        pause = threading.Event()
        while not pause.wait(TICK):
            with self.lock:
                if not self._jobs:
                    self._ticking = False
                    return
                try:
                    self._desk.passing(self._jobs[0].seconds, len(self._jobs))
                except Exception as error:  # noqa: BLE001  the clock goes on
                    self._desk.fault(error)

    def _done(self, job: Job, run: Run | None, error: BaseException | None) -> None:
        """A run has ended; called from the thread that made it."""
        try:
            with self.lock:
                late = job not in self._jobs
                if not late:
                    self._jobs.remove(job)
                job.failure = error if run is None else None
                self._desk.ended(job, run, late=late)
            if run is not None:
                self._desk.show(run, late=late)
        except Exception as fault:  # noqa: BLE001  a fault in showing it is shown too; the run itself is in the log
            job.failure = fault
            self._desk.fault(fault)
        finally:
            job.over.set()
