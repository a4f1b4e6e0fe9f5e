"""The jobs of a panel: those under way, those that wait for them, and what becomes of those that were stopped.

A button's handler may run in any thread, it keeps others waiting while it runs, and an exception or a ``print`` in one
shows nowhere. So a press returns at once, what two threads touch is guarded by one lock, and whatever goes wrong is told
to the observer, which shows it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, Protocol

from nbkit.service.cancel import CancelToken
from nbkit.service.threads import THREADS
from nbkit.widgets.jobs.job import Job, Work
from nbkit.widgets.jobs.sweep_work import SweepWork

QUEUE = 4
"""Jobs that wait at most."""
TICK = 0.5
"""Seconds between two looks at how busy the service is."""


class JobObserver(Protocol):
    """Whoever shows how the jobs go. All but ``show`` is called under the lock."""

    def jobs_changed(self) -> None:
        """Jobs began, were sent, ended or were stopped."""

    def passing(self) -> None:
        """Time passes while jobs are under way."""

    def ended(self, job: Job, result: Any, *, late: bool) -> None:
        """A job has a result, or ``job.failure``, or, if it was stopped in time, neither.

        Args:
            job: the press.
            result: what came of it, or ``None``.
            late: whether it was no longer waited for.
        """

    def show(self, job: Job, result: Any, *, late: bool) -> None:
        """Show a result. Not under the lock, because making previews takes its time."""

    def progressed(self, work: SweepWork) -> None:
        """Show how far a sweep is. Not under the lock: it reads the log."""

    def fault(self, error: BaseException) -> None:
        """Show what went wrong in any of these."""


class JobRunner:
    """The jobs of one panel.

    Args:
        new_token: makes the token of a job.
        observer: is told how they go.
        lock: guards what two threads touch.
        at_once: how many may be under way at the same time.
        queue: how many more may wait for them.

    Attributes:
        observer: can be replaced, for jobs that outlive their panel.
        latest: the latest job.
    """

    def __init__(
        self,
        new_token: Callable[[], CancelToken],
        observer: JobObserver,
        lock: threading.RLock,
        *,
        at_once: int = 1,
        queue: int = QUEUE,
    ) -> None:
        self._new_token, self.observer, self.lock = new_token, observer, lock
        self._at_once, self._queue = at_once, queue
        self._jobs: list[Job] = []
        self._ticking = False
        self._number = 0
        self.latest: Job | None = None

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Those that are waited for, in the order of their presses."""
        return tuple(self._jobs)

    @property
    def waiting(self) -> tuple[Job, ...]:
        """Those of them that have not been sent."""
        return tuple(job for job in self._jobs if not job.sent)

    @property
    def full(self) -> bool:
        """Whether another press would not be taken."""
        return len(self._jobs) >= self._at_once + self._queue

    def add(self, work: Work) -> Job | None:
        """Take a press: it is sent as soon as fewer than ``at_once`` are under way. ``None`` if too many wait."""
        with self.lock:
            if self.full:
                return None
            self._number += 1
            job = self.latest = Job(work, self._new_token(), self._number)
            self._jobs.append(job)
            self.observer.jobs_changed()
            if not self._ticking:
                self._ticking = True
                THREADS.submit(self._tick)
        return job

    def send(self) -> None:
        """Send whatever may be sent now."""
        while (job := self._next()) is not None:
            self._send(job)

    def send_in_background(self) -> None:
        """The same in a thread; what a page's handler calls."""
        THREADS.submit(self.send)

    def stop(self, jobs: Iterable[Job] | None = None) -> list[Job]:
        """Wait no longer; what the service has accepted goes on by itself, the rest is not sent.

        Args:
            jobs: all by default.

        Returns:
            Those that were stopped.
        """
        with self.lock:
            stopped = [job for job in self._jobs if jobs is None or job in list(jobs)]
            self._jobs = [job for job in self._jobs if job not in stopped]
            for job in stopped:
                job.token.cancel()
                job.work.stop()
                if not (job.sent and job.work.lands):
                    job.over.set()
            self.observer.jobs_changed()
        self.send_in_background()
        return stopped

    def wait(self, timeout: float | None) -> None:
        """Wait until every job has ended.

        Raises:
            TimeoutError: if it takes more than ``timeout`` seconds.
            Exception: what kept the latest press from coming to a result.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.lock:
            waited = list(dict.fromkeys((*self._jobs, *((self.latest,) if self.latest else ()))))
        for job in waited:
            if not job.over.wait(None if deadline is None else max(0.0, deadline - time.monotonic())):
                raise TimeoutError(f"still under way after {timeout} s; panel.wait() waits on")
        if self.latest is not None and self.latest.failure is not None:
            raise self.latest.failure

    def _next(self) -> Job | None:
        with self.lock:
            free = self._at_once - sum(job.sent for job in self._jobs)
            job = next(iter(self.waiting), None) if free > 0 else None
            if job is not None:
                job.sent, job.began = True, time.monotonic()
                self.observer.jobs_changed()
            return job

    def _send(self, job: Job) -> None:
        try:
            future = job.work.start(job.token)
        except BaseException as error:
            self._done(job, None, error)
            if not isinstance(error, Exception):  # an interrupt; an error has nobody above to be told to
                raise
        else:
            future.add_done_callback(lambda ended: self._done_with(job, ended))

    def _done_with(self, job: Job, ended: Future[Any]) -> None:
        if ended.cancelled():
            self._done(job, None, None)
        elif (error := ended.exception()) is not None:
            self._done(job, None, error)
        else:
            self._done(job, ended.result(), None)
        self.send()

    def _tick(self) -> None:
        pause = threading.Event()
        while not pause.wait(TICK):
            with self.lock:
                if not self._jobs:
                    self._ticking = False
                    return
                try:
                    self.observer.passing()
                except Exception as error:  # noqa: BLE001  the clock goes on
                    self.observer.fault(error)

    def _done(self, job: Job, result: Any, error: BaseException | None) -> None:
        """A job has ended; called from the thread that made its result."""
        try:
            with self.lock:
                late = job not in self._jobs
                if not late:
                    self._jobs.remove(job)
                job.failure = error if result is None else None
                self.observer.ended(job, result, late=late)
            if result is not None:
                self.observer.show(job, result, late=late)
        except Exception as fault:  # noqa: BLE001  a fault in showing it is shown too; the run itself is in the log
            job.failure = fault
            self.observer.fault(fault)
        finally:
            job.over.set()
