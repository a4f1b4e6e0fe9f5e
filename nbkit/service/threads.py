"""Work in a thread of its own, so that the thread that waits for it can be interrupted.

Jupyter's Stop button interrupts the main thread. A main thread that waits for a future stops at once, and the thread
that does the work goes on to its end. The thread is a daemon, unlike those of ``ThreadPoolExecutor``: a kernel can shut
down while an answer is outstanding, and the log holds how far each run came.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


class Interrupted(KeyboardInterrupt):
    """The user pressed Stop. Ends Run All like any interrupt; a notebook shows one line instead of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class _InNewThreads(Executor):
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        threading.Thread(target=_resolve, args=(future, fn, args, kwargs), name="nbkit", daemon=True).start()
        return future


class _InThisThread(Executor):
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        _resolve(future, fn, args, kwargs)
        return future


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
