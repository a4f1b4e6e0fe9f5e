"""The outbox of a served engine: webhooks and uploads are really sent, by threads of its own.

What is on its way is bounded in number and in bytes, and what cannot be delivered is given up and logged,
without its address, whose query may be a credential.
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

PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between the attempts at one delivery, as the API documents them for webhooks."""

SECONDS = MappingProxyType({"webhook": 5.0, "upload": 60.0})
"""How long one attempt may take, by kind."""

METHODS = MappingProxyType({"webhook": "POST", "upload": "PUT"})

MAX_PARCELS = 512
MAX_BYTES = 256 * 2**20
"""What may be under way at once; a delivery beyond that is given up at once."""


@dataclass(order=True, slots=True)
class _Parcel:
    """A delivery under way, ordered by when it is due."""

    due: float
    number: int
    delivery: Delivery = field(compare=False)
    attempt: int = field(default=0, compare=False)


class WebhookSender:
    """Sends deliveries in the background, and again when they fail; call it with a :class:`Delivery`.

    Args:
        allow_private: whether to speak to private and loopback addresses, as a test on one machine does.
        workers: how many are sent at once.
        seconds: how long one attempt may take, by kind.
    """

    def __init__(
        self, *, allow_private: bool = False, workers: int = 4, seconds: Mapping[str, float] = SECONDS
    ) -> None:
        self._allow_private, self._workers, self._seconds = allow_private, workers, seconds
        self._parcels: list[_Parcel] = []
        self._count = self._bytes = 0
        self._numbers = itertools.count()
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._changed = threading.Condition()

    def __call__(self, delivery: Delivery) -> None:
        with self._changed:
            if self._closed:
                return
            if self._count >= MAX_PARCELS or self._bytes + len(delivery.body) > MAX_BYTES:
                _tell(delivery, "too much is under way")
                return
            self._count += 1
            self._bytes += len(delivery.body)
            self._push(_Parcel(time.monotonic(), next(self._numbers), delivery))
            if len(self._threads) < self._workers:
                self._threads.append(threading.Thread(target=self._work, name="nbkit-courier", daemon=True))
                self._threads[-1].start()

    @property
    def under_way(self) -> int:
        """How many deliveries are neither made nor given up."""
        return self._count

    def close(self, seconds: float = 0.5) -> None:
        """Gives up what has not been delivered. A worker that is in the middle of a request is not waited for long."""
        with self._changed:
            self._closed = True
            for parcel in self._parcels:
                _tell(parcel.delivery, "the server ends")
            self._parcels.clear()
            self._changed.notify_all()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))

    def _push(self, parcel: _Parcel) -> None:
        heapq.heappush(self._parcels, parcel)
        self._changed.notify_all()  # each worker waits for the parcel that was the first when it looked

    def _work(self) -> None:
        while (parcel := self._next()) is not None:
            failure = self._attempt(parcel.delivery)
            with self._changed:
                if failure and failure.may_pass and parcel.attempt < len(PAUSES) and not self._closed:
                    parcel.due = time.monotonic() + PAUSES[parcel.attempt]
                    parcel.attempt += 1
                    self._push(parcel)
                    continue
                self._count -= 1
                self._bytes -= len(parcel.delivery.body)
            if failure:
                _tell(parcel.delivery, failure.why)

    def _next(self) -> _Parcel | None:
        """The next parcel once it is due; ``None`` when the courier has been closed."""
        with self._changed:
            while not self._closed:
                pause = self._parcels[0].due - time.monotonic() if self._parcels else None
                if pause is not None and pause <= 0:
                    return heapq.heappop(self._parcels)
                self._changed.wait(pause)
        return None

    def _attempt(self, delivery: Delivery) -> _Failure | None:
        headers = {"Content-Type": delivery.media_type, "User-Agent": "nbkit-offline"}
        try:
            status = send(
                METHODS[delivery.kind],
                delivery.url,
                delivery.body,
                headers,
                seconds=self._seconds[delivery.kind],
                allow_private=self._allow_private,
            )
        except Forbidden as error:
            return _Failure(str(error), may_pass=False)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return _Failure(type(error).__name__)
        return None if 200 <= status < 300 else _Failure(f"it answered {status}")


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why an attempt failed, and whether another one may do better."""

    why: str
    may_pass: bool = True


def _tell(delivery: Delivery, why: str) -> None:
    logger.warning("a %s to %s was given up: %s", delivery.kind, urlsplit(delivery.url).hostname, why)
