"""Work in a thread of its own, so that the thread that waits for it can be interrupted.

Jupyter's Stop button interrupts the main thread. A main thread that waits for a future stops at once, and the thread
that does the work goes on to its end. The thread is a daemon: a kernel can shut down while an answer is outstanding,
and the log holds how far each run came.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class Interrupted(KeyboardInterrupt):
    """The user pressed Stop. Ends Run All like any interrupt; a notebook shows one line instead of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def run_in_thread(work: Callable[[], T], name: str = "nbkit") -> Future[T]:
    """Start ``work`` in a new daemon thread and return a future of its result or exception."""
    future: Future[T] = Future()

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  whatever ended the work belongs into the future
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
