"""Work in a thread of its own, so that the thread that waits for it can be interrupted.

Jupyter's Stop button interrupts the main thread. A main thread that waits in :func:`run_interruptible` stops at once, and the
thread that does the work goes on to its end. The threads are daemons, unlike those of ``ThreadPoolExecutor``: a kernel
can shut down while an answer is outstanding, and the log holds how far each run came.

An interrupt may come at any instant. One that comes while Python's own code is about to release the lock of a
``Condition`` leaves it locked, and every thread that needs it waits for ever. ``Thread.start``, ``Event.wait`` and
``Future.result`` have such locks; what the main thread does here has none: it is a single operation of a
``SimpleQueue``.
"""

from __future__ import annotations

import _thread
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

RETRY_SECONDS = 0.05
"""Time between two attempts to start a thread."""

T = TypeVar("T")
P = ParamSpec("P")


class Interrupted(KeyboardInterrupt):
    """The user pressed Stop. Ends Run All like any interrupt; a notebook shows one line instead of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class _InNewThreads(Executor):
    def __init__(self) -> None:
        self._process = 0
        self._to_start: SimpleQueue[tuple[Any, ...]] = SimpleQueue()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        if self._process != os.getpid():  # the first call, or the first one in a forked child
            to_start: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
            _thread.start_new_thread(_start_threads, (to_start,))
            self._to_start, self._process = to_start, os.getpid()
        self._to_start.put((future, fn, args, kwargs))
        return future


class _InThisThread(Executor):
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        _resolve(future, fn, args, kwargs)
        return future


def _start_threads(to_start: SimpleQueue[tuple[Any, ...]]) -> None:
    while True:
        thread = threading.Thread(target=_resolve, args=to_start.get(), name="nbkit", daemon=True)
        while thread.ident is None:
            try:
                thread.start()
            except RuntimeError:  # the machine has no thread left at the moment
                time.sleep(RETRY_SECONDS)


def _resolve(future: Future[T], fn: Callable[..., T], args: tuple[object, ...], kwargs: dict[str, object]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = fn(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001  whatever ended the work belongs into the future
        future.set_exception(error)
    else:
        future.set_result(result)


THREADS: Executor = _InNewThreads()
"""Runs each call in a new daemon thread."""

THIS_THREAD: Executor = _InThisThread()
"""Runs each call at once; for a caller that has a thread of its own already."""


def run_interruptible(call: Callable[[], T]) -> T:
    """Run a call in another thread and wait for it; an interrupt ends the waiting, at whatever instant it comes.

    Only the main thread is interrupted: in any other one the call simply runs.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    ended: SimpleQueue[Future[T]] = SimpleQueue()
    THREADS.submit(lambda: ended.put(THIS_THREAD.submit(call)))
    return ended.get().result()
