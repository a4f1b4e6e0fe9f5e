"""The runs that this process works on, and the heartbeat that says so to other processes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

from nbkit.errors import StorageError

HEARTBEAT_SECONDS = 20.0
"""Time between two heartbeats."""


IN_FLIGHT: set[str] = set()
"""The runs, by taskUUID, that threads of this process work on right now.

The log alone cannot tell: a thread may have ended with an error while its process, the owner of the row, lives on. One
for the process, because two studios of one kernel may share a log.
"""


class Heartbeat:
    """A thread that writes into the log, every :data:`HEARTBEAT_SECONDS`, which runs this process still works on.

    The thread ends when there are none.

    Args:
        write: writes the heartbeat of some taskUUIDs.
    """

    def __init__(self, write: Callable[[Sequence[str]], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, unless it runs."""
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="nbkit-heartbeat", daemon=True)
                thread.start()  # raises where the machine has no thread left
                self._thread = thread

    def _run(self) -> None:
        while True:
            time.sleep(HEARTBEAT_SECONDS)
            with self._lock:
                task_uuids = sorted(IN_FLIGHT.copy())
                if not task_uuids:
                    self._thread = None
                    return
            with contextlib.suppress(StorageError):  # a log that is locked for a moment gets the next heartbeat
                self._write(task_uuids)
