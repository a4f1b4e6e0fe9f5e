"""The jobs of a panel: those under way, those that wait for them, and what becomes of those that were stopped.

A button's handler may run in any thread, it keeps others waiting while it runs, and an exception or a ``print`` in one
shows nowhere. So a press returns at once, what two threads touch is guarded by one lock, and whatever goes wrong is told
to the observer, which shows it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Protocol

from nbkit.request.image_request import ImageRequest
from nbkit.results.run import Run
from nbkit.service.threads import THREADS
from nbkit.widgets.jobs.job import Job, StudioAPI

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

    def ended(self, job: Job, run: Run | None, *, late: bool) -> None:
        """A job has a run, or ``job.failure``, or, if it was stopped in time, neither.

        Args:
            job: the press.
            run: its run, or ``None``.
            late: whether it was no longer waited for.
        """

    def show(self, run: Run, *, late: bool) -> None:
        """Show a run. Not under the lock, because making previews takes its time."""

    def fault(self, error: BaseException) -> None:
        """Show what went wrong in any of these."""


class JobRunner:
    """The jobs of one panel.

    Args:
        studio: makes runs.
        observer: is told how they go.
        lock: guards what two threads touch.
        at_once: how many may be under way at the same time; up to :data:`QUEUE` more wait for them.

    Attributes:
        observer: can be replaced, for jobs that outlive their panel.
        latest: the latest job.
    """

    def __init__(self, studio: StudioAPI, observer: JobObserver, lock: threading.RLock, *, at_once: int = 1) -> None:
        self._studio, self.observer, self.lock, self._at_once = studio, observer, lock, at_once
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
        return len(self._jobs) >= self._at_once + QUEUE

    def add(self, request: ImageRequest, *, parent: str | None = None, parent_image: str | None = None) -> Job | None:
        """Take a press: it is sent as soon as fewer than ``at_once`` are under way. ``None`` if too many wait."""
        with self.lock:
            if self.full:
                return None
            self._number += 1
            job = self.latest = Job(request, self._studio.new_token(), self._number, parent, parent_image)
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
                job.over.set()
            self.observer.jobs_changed()
        self.send_in_background()
        return stopped

    def wait(self, timeout: float | None) -> None:
        """Wait until every job has ended.

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
            future = self._studio.start(job.request, parent=job.parent, parent_image=job.parent_image, token=job.token)
        except BaseException as error:
            self._done(job, None, error)
            if not isinstance(error, Exception):  # an interrupt; an error has nobody above to be told to
                raise
        else:
            future.add_done_callback(lambda ended: self._done_with(job, ended))

    def _done_with(self, job: Job, ended: Future[Run]) -> None:
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

    def _done(self, job: Job, run: Run | None, error: BaseException | None) -> None:
        """A run has ended; called from the thread that made it."""
        try:
            with self.lock:
                late = job not in self._jobs
                if not late:
                    self._jobs.remove(job)
                job.failure = error if run is None else None
                self.observer.ended(job, run, late=late)
            if run is not None:
                self.observer.show(run, late=late)
        except Exception as fault:  # noqa: BLE001  a fault in showing it is shown too; the run itself is in the log
            job.failure = fault
            self.observer.fault(fault)
        finally:
            job.over.set()
