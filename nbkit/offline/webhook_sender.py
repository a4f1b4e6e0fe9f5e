"""Sends the webhook calls and uploads of a served engine, from background threads.

The queue is bounded in number and in bytes. A delivery that fails for good is dropped and logged with its host only,
because the query of its URL may be a credential.
"""

from __future__ import annotations

import heapq
import http.client
import itertools
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

from nbkit.offline.delivery import Delivery
from nbkit.offline.safe_http import Forbidden, send

logger = logging.getLogger(__name__)

RETRY_PAUSES_SECONDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between two attempts at one delivery, as the API documents them for webhooks."""

ATTEMPT_SECONDS = MappingProxyType({"webhook": 5.0, "upload": 60.0})
"""Limit for one attempt, by kind."""

HTTP_METHODS = MappingProxyType({"webhook": "POST", "upload": "PUT"})

MAX_QUEUED = 512
MAX_QUEUED_BYTES = 256 * 2**20
"""Limits for deliveries that are not finished; a delivery that would exceed one is dropped at once."""


@dataclass(order=True, slots=True)
class _QueuedDelivery:
    """A delivery in the queue, ordered by the time of its next attempt.

    Attributes:
        send_at: time of the next attempt on the monotonic clock, in seconds.
        number: position in the order of arrival, for deliveries with the same time.
        delivery: what to send.
        attempt: number of failed attempts.
    """

    send_at: float
    number: int
    delivery: Delivery = field(compare=False)
    attempt: int = field(default=0, compare=False)


class WebhookSender:
    """Sends deliveries in the background and retries those that fail; call it with a :class:`Delivery`.

    Args:
        allow_private: whether private and loopback addresses are allowed, as for a test on one machine.
        workers: number of deliveries that are sent at once.
        seconds: limit for one attempt, by kind.
    """

    def __init__(
        self, *, allow_private: bool = False, workers: int = 4, seconds: Mapping[str, float] = ATTEMPT_SECONDS
    ) -> None:
        self._allow_private, self._workers, self._seconds = allow_private, workers, seconds
        self._queue: list[_QueuedDelivery] = []  # a heap
        self._count = self._bytes = 0  # deliveries in the queue and at a worker
        self._numbers = itertools.count()
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._changed = threading.Condition()

    def __call__(self, delivery: Delivery) -> None:
        with self._changed:
            if self._closed:
                return
            if self._count >= MAX_QUEUED or self._bytes + len(delivery.body) > MAX_QUEUED_BYTES:
                _log_given_up(delivery, "too much is under way")
                return
            self._count += 1
            self._bytes += len(delivery.body)
            self._push(_QueuedDelivery(time.monotonic(), next(self._numbers), delivery))
            if len(self._threads) < self._workers:
                self._threads.append(threading.Thread(target=self._work, name="nbkit-webhooks", daemon=True))
                self._threads[-1].start()

    @property
    def under_way(self) -> int:
        """Number of deliveries that have neither succeeded nor been dropped."""
        return self._count

    def close(self, seconds: float = 0.5) -> None:
        """Drop the deliveries in the queue, and wait for those that a worker is sending.

        Args:
            seconds: limit for the wait.
        """
        with self._changed:
            self._closed = True
            for queued in self._queue:
                _log_given_up(queued.delivery, "the server ends")
            self._queue.clear()
            self._changed.notify_all()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def _push(self, queued: _QueuedDelivery) -> None:
        heapq.heappush(self._queue, queued)
        self._changed.notify_all()  # each worker waits for the delivery that was the first when it looked

    def _work(self) -> None:
        while (queued := self._next()) is not None:
            failure = self._attempt(queued.delivery)
            with self._changed:
                if failure and failure.can_retry and queued.attempt < len(RETRY_PAUSES_SECONDS) and not self._closed:
                    queued.send_at = time.monotonic() + RETRY_PAUSES_SECONDS[queued.attempt]
                    queued.attempt += 1
                    self._push(queued)
                    continue
                self._count -= 1
                self._bytes -= len(queued.delivery.body)
            if failure:
                _log_given_up(queued.delivery, failure.reason)

    def _next(self) -> _QueuedDelivery | None:
        """Wait until the time of the first delivery in the queue and return it; ``None`` after :meth:`close`."""
        with self._changed:
            while not self._closed:
                pause = self._queue[0].send_at - time.monotonic() if self._queue else None
                if pause is not None and pause <= 0:
                    return heapq.heappop(self._queue)
                self._changed.wait(pause)
        return None

    def _attempt(self, delivery: Delivery) -> _AttemptFailure | None:
        headers = {"Content-Type": delivery.media_type, "User-Agent": "nbkit-offline"}
        try:
            status = send(
                HTTP_METHODS[delivery.kind],
                delivery.url,
                delivery.body,
                headers,
                seconds=self._seconds[delivery.kind],
                allow_private=self._allow_private,
            )
        except Forbidden as error:
            return _AttemptFailure(str(error), can_retry=False)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return _AttemptFailure(type(error).__name__)
        return None if 200 <= status < 300 else _AttemptFailure(f"it answered {status}")


@dataclass(frozen=True, slots=True)
class _AttemptFailure:
    """Why an attempt failed, and whether another attempt can succeed."""

    reason: str
    can_retry: bool = True


def _log_given_up(delivery: Delivery, reason: str) -> None:
    logger.warning("a %s to %s was given up: %s", delivery.kind, urlsplit(delivery.url).hostname, reason)
