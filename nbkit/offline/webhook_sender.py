"""Sends the webhook calls and uploads of a served engine, from background threads.

The queue is bounded in number and in bytes. A delivery that fails for good is dropped and logged with its host only,
because the query of its URL may be a credential.
"""

from __future__ import annotations

import http.client
import logging
import threading
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from nbkit.errors import ConfigurationError
from nbkit.offline.delivery import Delivery
from nbkit.offline.safe_http import send
from nbkit.service.addresses import Forbidden

logger = logging.getLogger(__name__)

RETRY_PAUSES_SECONDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between two attempts at one delivery, as the API documents them for webhooks."""

ATTEMPT_SECONDS = {"webhook": 5.0, "upload": 60.0}
"""Limit for one attempt, by kind."""

HTTP_METHODS = {"webhook": "POST", "upload": "PUT"}

MAX_QUEUED = 512
MAX_QUEUED_BYTES = 256 * 2**20
"""Limits for deliveries that are not finished; a delivery that would exceed one is dropped at once."""


class WebhookSender:
    """Sends deliveries in the background and retries those that fail; call it with a :class:`Delivery`.

    Each delivery has a thread of its own until it has succeeded or is dropped: between two attempts the thread waits,
    and only attempts compete with each other. So a receiver that is down delays no other one.

    Args:
        allow_private: whether private and loopback addresses are allowed, as for a test on one machine.
        workers: number of deliveries that are sent at once.
        seconds: limit for one attempt, by kind.
    """

    def __init__(
        self, *, allow_private: bool = False, workers: int = 4, seconds: Mapping[str, float] = ATTEMPT_SECONDS
    ) -> None:
        self._allow_private, self._seconds = allow_private, seconds
        self._threads: dict[threading.Thread, int] = {}  # with the size of the body
        self._slots = threading.Semaphore(workers)
        self._closed = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, delivery: Delivery) -> None:
        thread = threading.Thread(target=self._deliver, args=[delivery], name="nbkit-webhooks", daemon=True)
        size = len(delivery.body)
        with self._lock:
            if self._closed.is_set():
                return
            if len(self._threads) >= MAX_QUEUED or sum(self._threads.values()) + size > MAX_QUEUED_BYTES:
                _log_given_up(delivery, "too much is under way")
                return
            self._threads[thread] = size
            thread.start()

    @property
    def under_way(self) -> int:
        """Number of deliveries that have neither succeeded nor been dropped."""
        return len(self._threads)

    def close(self, seconds: float = 0.5) -> None:
        """Drop the deliveries that wait, and wait for those that are being sent.

        Args:
            seconds: limit for the wait.
        """
        with self._lock:
            self._closed.set()
            threads = list(self._threads)
        self._slots.release(MAX_QUEUED)  # those that wait for a slot see that it is closed
        deadline = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def _deliver(self, delivery: Delivery) -> None:
        reason = ""
        for pause in (0, *RETRY_PAUSES_SECONDS):
            self._closed.wait(pause)
            with self._slots:
                reason, is_last = ("the server ends", True) if self._closed.is_set() else self._attempt(delivery)
            if is_last:
                break
        if reason:
            _log_given_up(delivery, reason)
        with self._lock:
            del self._threads[threading.current_thread()]

    def _attempt(self, delivery: Delivery) -> tuple[str, bool]:
        """Send a delivery once, and return why that failed (empty if it did not), and whether it was the last attempt."""
        method, limit, private = HTTP_METHODS[delivery.kind], self._seconds[delivery.kind], self._allow_private
        headers = {"Content-Type": delivery.media_type, "User-Agent": "nbkit-offline"}
        try:
            status = send(method, delivery.url, delivery.body, headers, seconds=limit, allow_private=private)
        except (Forbidden, ConfigurationError) as error:
            return str(error), True
        except (OSError, http.client.HTTPException, ValueError) as error:
            return type(error).__name__, False
        return ("", True) if 200 <= status < 300 else (f"it answered {status}", False)


def _log_given_up(delivery: Delivery, reason: str) -> None:
    logger.warning("a %s to %s was given up: %s", delivery.kind, urlsplit(delivery.url).hostname, reason)
