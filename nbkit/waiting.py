"""Work in a thread of its own, so that whoever waits for it can be interrupted.

A main thread that waits for a future is stopped at once by Jupyter's Stop button; the thread that does the
work is not, and sees it through. It is a daemon: a kernel that shuts down does not hang on a slow answer, and
the log knows how far the run came.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class Stopped(KeyboardInterrupt):
    """Stop was pressed. It ends Run All like any interrupt; in a notebook it shows its one line and no traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def in_thread(work: Callable[[], T], name: str = "nbkit") -> Future[T]:
    """Start ``work`` in a new daemon thread; its result or its exception is the future's."""
    future: Future[T] = Future()

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  whatever ended the work is what the future tells
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
