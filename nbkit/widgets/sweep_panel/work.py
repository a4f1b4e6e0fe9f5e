"""A sweep at work for a panel: started, watched and stopped in a thread of its own, one at a time."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from nbkit.service.threads import THREADS
from nbkit.sweep.plan import Quote
from nbkit.sweep.runner import Progress, SweepRun
from nbkit.sweep.sweep import Sweep

TICK = 0.25
"""Seconds between two movements of the progress: a page takes 10 to 20 messages a second in all."""
DOUBLE_CLICK = 0.5
"""Seconds within which a second click is the second half of a double click."""
SETTLE = 0.15
"""Seconds that a click waits for the last keystroke in a box of ipywidgets, which the page may hold back."""

Allow = Callable[[Quote], None]
Ask = Callable[[], tuple[Sweep, Mapping[str, Any], Allow | None]]


@dataclass(eq=False)
class SweepJob:
    """One press of Run, until nothing of it is under way any more.

    Attributes:
        ask: the sweep and what its start takes, asked at the last moment; and what raises if so much may not be sent,
            asked when nothing of an earlier run of that sweep is under way.
        sweep, running: what was asked for, and its handle; ``None`` before.
        failure: what ended it early.
        stopped: set when a person stopped it.
        over: set when nothing is under way any more.
    """

    ask: Ask
    sweep: Sweep | None = None
    running: SweepRun | None = None
    failure: BaseException | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)


class SweepDesk(Protocol):
    """Who is told how it goes. The first three are told under the lock."""

    def ready(self) -> bool:
        """Whether a click may be taken; if not, says why."""

    def began(self) -> None:
        """A press was taken."""

    def passing(self, job: SweepJob, now: Progress) -> None:
        """Time passes; also told after Stop, until what is under way has landed."""

    def watch(self, job: SweepJob) -> None:
        """Pictures may have come. Not under the lock: it reads the log."""

    def fault(self, error: BaseException) -> None:
        """Something went wrong in telling any of this; the sweep goes on."""

    def ended(self, job: SweepJob) -> None:
        """Nothing is under way any more."""


class SweepWork:
    """The presses of one sweep panel.

    Args:
        desk: who is told.

    Attributes:
        job: the one that is waited for; ``None`` when the panel is free.
        latest: the last one.
        lock: guards what two threads touch.
        clock: the time in seconds, by which a second click is half of a double click; replaced by tests.
    """

    def __init__(self, desk: SweepDesk) -> None:
        self._desk = desk
        self.lock = threading.RLock()
        self.clock: Callable[[], float] = time.monotonic
        self.job: SweepJob | None = None
        self.latest: SweepJob | None = None
        self._clicked = float("-inf")

    def click(self, ask: Ask) -> None:
        """A click with the mouse: the second half of a double click is none, and the last keystroke is waited for."""
        now = self.clock()
        with self.lock:
            twice, self._clicked = now - self._clicked < DOUBLE_CLICK, now
            if twice or self.job is not None or not self._desk.ready():
                return
            job = self.take(ask)
        if job is not None:
            THREADS.submit(self.carry_out, job, settle=SETTLE)

    def take(self, ask: Ask) -> SweepJob | None:
        """Begin a job, unless one is under way."""
        with self.lock:
            if self.job is not None:
                return None
            self.job = self.latest = SweepJob(ask)
            self._desk.began()
            return self.job

    def carry_out(self, job: SweepJob, *, settle: float = 0.0) -> None:
        """See a job through; whatever goes wrong is its failure."""
        try:
            time.sleep(settle)
            if not job.stopped.is_set():
                self._start(job)
            if job.running is not None:
                self._watch(job)
        except Exception as error:  # noqa: BLE001  there is nobody above to tell it to
            job.failure = error
        finally:
            with self.lock:
                self.job = None if self.job is job else self.job
            try:
                self._desk.ended(job)
            finally:
                job.over.set()

    def stop(self) -> SweepJob | None:
        """Send nothing more; the panel is free. The job that was stopped, if there was one."""
        with self.lock:
            job, self.job = self.job, None
            if job is not None:
                job.stopped.set()
                if job.running is not None:
                    job.running.cancel()
        return job

    def wait(self, timeout: float | None) -> None:
        """Wait until nothing of the latest press is under way.

        Raises:
            TimeoutError: if it takes more than ``timeout`` seconds.
            Exception: what ended it early.
        """
        job = self.latest
        if job is None:
            return
        if not job.over.wait(timeout):
            raise TimeoutError(f"the sweep is still under way after {timeout} s; panel.wait() waits on")
        if job.failure is not None:
            raise job.failure

    def _start(self, job: SweepJob) -> None:
        with self.lock:
            job.sweep, how, allow = job.ask()
        running = job.sweep.prepare(**how)  # waits for the earlier run of this sweep: what it left unsent is due again
        if allow is not None:
            allow(running.quote)
        with self.lock:
            if job.stopped.is_set():
                return
            job.running = running
        running.begin()

    def _watch(self, job: SweepJob) -> None:
        """Tell the desk until nothing is under way. Its faults end nothing: what is being paid for can be stopped."""
        assert job.running is not None
        finished = faulty = False
        while not finished:
            finished = job.running.wait_finished(TICK)
            try:
                with self.lock:
                    self._desk.passing(job, job.running.progress)
                self._desk.watch(job)
            except Exception as error:  # noqa: BLE001  whatever it is, a person has to see it
                if not faulty:
                    with contextlib.suppress(Exception):  # the page itself may be what cannot be reached
                        self._desk.fault(error)
                faulty = True
        job.running.wait(0)
