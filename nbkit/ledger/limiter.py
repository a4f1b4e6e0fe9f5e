"""The tasks that are with a service, and how many there may be, for all kernels that use one key and one log.

A service that is never busy is sent whatever comes. Once it has refused a task, no more tasks are with it than a
:class:`Limit` says. The limit is in the log, and beside it a row for each studio with the number of its tasks. So kernels
learn from each other's refusals and share what there is. A row counts as long as its process is alive, and where that
cannot be told, for a while after it was written. All times are of the clock of one boot, which is a part of the name that
the service has in the log.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import math
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from nbkit.display.text import count
from nbkit.errors import StorageError
from nbkit.log.database import Database
from nbkit.log.owner import Owner, is_alive, this_process
from nbkit.log.schema import LIMITS, SENDERS
from nbkit.log.sql import upsert
from nbkit.service.cancel import CHECK_SECONDS, CancelToken
from nbkit.service.limit import Limit, after_refusal, limit_from
from nbkit.service.pace import Pace

WATCH_SECONDS = 0.02
"""How often one who waits looks whether there is room."""

LEASE_SECONDS = 60.0
"""A row counts for so long after it was written, if nobody can tell whether its process is alive."""

ASK_SECONDS, ASKED_SECONDS = 1.0, 5.0
"""How often one who waits says so in the log, and for how long after that other kernels leave it a share."""

_WHICH: sa.BindParameter[Any] = sa.bindparam("which")
_LIMIT = sa.select(LIMITS).where(LIMITS.c.service == _WHICH)
_SENDERS = sa.select(SENDERS).where(SENDERS.c.service == _WHICH)
_WRITE_LIMIT, _WRITE_SENDER = upsert(LIMITS), upsert(SENDERS)
_ALL_SENDERS = sa.select(SENDERS.c.sender, SENDERS.c.owner, SENDERS.c.written)
_DELETE_SENDER = sa.delete(SENDERS).where(SENDERS.c.sender == _WHICH)
_DELETE_LIMITS = sa.delete(LIMITS).where(LIMITS.c.service.not_in(sa.select(SENDERS.c.service)))

_limiters: weakref.WeakSet[Limiter] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Load:
    """What a busy service lets through.

    Attributes:
        at_once: how many tasks it takes at once.
        kernels: how many other kernels share that.
    """

    at_once: int
    kernels: int = 0

    def __str__(self) -> str:
        shared = f", shared with {count(self.kernels, 'kernel')}" if self.kernels else ""
        return f"the service is busy: {self.at_once:,} at once{shared}"


@dataclass(frozen=True, slots=True)
class _Sender:
    """Another studio that uses the same key and the same log."""

    owner: str
    active: int
    ended: int
    is_waiting: bool


class Limiter:
    """The tasks that one studio has with one service.

    Args:
        database: of the log.
        account: names the service, the key that pays, and the model.
        pace: how long to wait.
    """

    def __init__(self, database: Database, account: str, pace: Pace) -> None:
        self._database, self._pace = database, pace
        self._service = hashlib.sha256(f"{database.clock.name} {account}".encode()).hexdigest()[:32]
        # A clock that a test gives stands for the log's.
        self._now = database.clock.now if pace.clock is time.monotonic else pace.clock
        self._tickets = itertools.count()
        self.begin()
        _limiters.add(self)

    def begin(self) -> None:
        """Begin without a task: in a new studio, or in the child of a process that has some."""
        self._sender, self._is_registered = uuid.uuid4().hex, False
        self._lock = threading.Lock()
        self._waiting: dict[int, threading.Event] = {}
        self._active: dict[int, tuple[float, int]] = {}  # by ticket: when it was sent, how many had ended by then
        self._resumes, self._is_limited, self._is_stale = 0.0, False, False
        self._load: Load | None = None
        self._ended, self.rounds_in_vain = 0, 0

    @property
    def load(self) -> Load | None:
        """How busy the service was when this studio last looked; ``None`` if it was not, or nothing is under way."""
        return self._load if self._active or self._waiting else None

    @contextlib.contextmanager
    def slot(
        self,
        token: CancelToken,
        step: Callable[[sa.Connection], object] = lambda _: None,
        on_sent: Callable[[], None] = lambda: None,
    ) -> Iterator[Slot]:
        """A slot for one task, which ends with the block.

        Args:
            token: ends the waiting for it.
            step: done once, in the transaction that takes the slot for the first time.
            on_sent: called after that.
        """
        slot = Slot(self, self._pace, token, next(self._tickets), step, on_sent)
        try:
            yield slot
        finally:
            if slot.ticket in self._active:
                self._active.pop(slot.ticket, None)
                with self._lock:
                    self._ended += 1
                self._is_stale = True
                # Without a limit nobody looks at the number, so the next task may write it.
                if self._is_limited or not self._active:
                    with contextlib.suppress(StorageError):  # the row of the run says what is wrong with the log
                        self._database.write(self._write_sender)
                self._wake_next()

    def write_heartbeat(self) -> None:
        """Write how many of this studio's tasks are with the service."""
        if self._active or self._is_stale:
            self._database.write(self._write_sender)

    # -- for a slot --------------------------------------------------------------------------------------------

    def acquire(
        self, ticket: int, goes_on: Callable[[], bool], step: Callable[[sa.Connection], object] = lambda _: None
    ) -> bool:
        """Wait until a task may be sent, one after the other in the order of their tickets. Returns whether it may.

        Args:
            ticket: of the task.
            goes_on: whether to go on with the waiting.
            step: done in the transaction that takes the slot.
        """
        event = threading.Event()
        with self._lock:
            self._waiting[ticket] = event
        try:
            return self._wait(ticket, event, goes_on, step)
        except BaseException:
            self._active.pop(ticket, None)
            raise
        finally:
            with self._lock:
                del self._waiting[ticket]
            self._wake_next()

    def refuse(self, ticket: int, *, pause: float, asked: float = 0.0) -> None:
        """Write that the service has refused a task.

        Args:
            ticket: of the task.
            pause: seconds until the next one is sent, if nothing is under way whose end would leave room.
            asked: seconds for which the service has asked everybody to wait.
        """
        now = self._now()
        sent, ended = self._active.pop(ticket, (now, self._ended))

        def write(connection: sa.Connection) -> bool:
            limit, others = self._limit(connection, now), self._others(connection, now)
            active, ended_since = self._active_of_all(others), max(0, self._ended_of_all(others) - ended)
            limit = after_refusal(limit, now, sent=sent, active=active, ended=ended_since, asked=asked)
            if not active:
                limit = limit.paused(now + pause)
            self._write_limit(connection, limit)
            self._write_sender(connection)
            self._see(limit, others)
            return not active

        was_in_vain = self._database.write(write)
        with self._lock:
            self.rounds_in_vain += was_in_vain
        self._wake_next()

    def pause(self, seconds: float) -> None:
        """Hold all senders back for that long: the service can do nothing now."""
        now = self._now()

        def write(connection: sa.Connection) -> None:
            limit, others = self._limit(connection, now), self._others(connection, now)
            limit = limit or Limit(max(1, self._active_of_all(others)), refused=now, lowered=now)
            limit = limit.paused(now + seconds)
            self._write_limit(connection, limit)
            self._see(limit, others)

        self._database.write(write)

    # -- waiting -----------------------------------------------------------------------------------------------

    def _wait(
        self, ticket: int, event: threading.Event, goes_on: Callable[[], bool], step: Callable[[sa.Connection], object]
    ) -> bool:
        asked = -math.inf
        while goes_on():
            # Without a limit nobody has to wait for another one, and those that come together share a commit.
            if self._is_limited and min(self._waiting.copy()) != ticket:
                self._sleep(event, CHECK_SECONDS)
                continue
            now = self._now()
            # A look costs no commit.
            if now - asked >= ASK_SECONDS or (now >= self._resumes and self._has_room(ticket)):
                asked = now
                if self._database.write(lambda connection: self._acquire(connection, ticket, step)):
                    return True
            pause = self._resumes - self._now()
            self._sleep(event, pause if pause > 0 else WATCH_SECONDS)
        return False

    def _sleep(self, event: threading.Event, seconds: float) -> None:
        if self._pace.sleep is time.sleep:
            event.wait(min(seconds, CHECK_SECONDS))
            event.clear()
        else:
            self._pace.sleep(seconds)

    def _wake_next(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting[min(self._waiting)].set()

    # -- the log -----------------------------------------------------------------------------------------------

    def _has_room(self, ticket: int) -> bool:
        now = self._now()
        with self._database.reading() as connection:
            limit, others = self._limit(connection, now), self._others(connection, now)
        self._see(limit, others)
        return limit is None or self._after_acquiring(ticket, limit, others, now) is not None

    def _acquire(self, connection: sa.Connection, ticket: int, step: Callable[[sa.Connection], object]) -> bool:
        """Take a slot, or write that a task waits for one."""
        now = self._now()
        limit, others = self._limit(connection, now), self._others(connection, now)
        self._see(limit, others)
        if limit is not None:
            after = self._after_acquiring(ticket, limit, others, now)
            if after is None:
                self._write_sender(connection)
                return False
            if after is not limit:
                self._write_limit(connection, after)
        step(connection)
        self._active[ticket] = (now, self._ended_of_all(others))
        self._write_sender(connection)
        return True

    def _after_acquiring(self, ticket: int, limit: Limit, others: Sequence[_Sender], now: float) -> Limit | None:
        """The limit after one more task of this studio was sent; ``None`` if it may not be sent now."""
        if ticket in self._active:
            return None if now < limit.resumes else limit
        own = len(self._active)
        share = limit.at_once / (1 + sum(other.is_waiting or other.active > 0 for other in others))
        if own >= share and any(other.is_waiting and other.active < share for other in others):
            return None
        return limit.after_acquiring(now, self._active_of_all(others))

    def _active_of_all(self, others: Sequence[_Sender]) -> int:
        return len(self._active) + sum(other.active for other in others)

    def _ended_of_all(self, others: Sequence[_Sender]) -> int:
        return self._ended + sum(other.ended for other in others)

    def _see(self, limit: Limit | None, others: Sequence[_Sender]) -> None:
        kernels = {other.owner for other in others if other.is_waiting or other.active} - {str(this_process())}
        self._load = None if limit is None else Load(limit.at_once, len(kernels))
        self._is_limited, self._resumes = limit is not None, 0.0 if limit is None else limit.resumes

    def _limit(self, connection: sa.Connection, now: float) -> Limit | None:
        row = connection.execute(_LIMIT, {"which": self._service}).one_or_none()
        limit = None if row is None else limit_from(row[1:], now)
        return None if limit is None or limit.is_over(now) else limit

    def _write_limit(self, connection: sa.Connection, limit: Limit) -> None:
        connection.execute(_WRITE_LIMIT, {"service": self._service, **dataclasses.asdict(limit)})

    def _others(self, connection: sa.Connection, now: float) -> list[_Sender]:
        found = []
        for row in connection.execute(_SENDERS, {"which": self._service}):
            with contextlib.suppress(TypeError, ValueError):  # a damaged row counts for nothing
                is_waiting = row.asked is not None and now - float(row.asked) < ASKED_SECONDS
                if row.sender != self._sender and _counts(row.owner, now - float(row.written)):
                    found.append(_Sender(row.owner, max(0, int(row.active)), int(row.ended), is_waiting))
        return found

    def _write_sender(self, connection: sa.Connection) -> None:
        now = self._now()
        values = {
            "service": self._service,
            "sender": self._sender,
            "owner": str(this_process()),
            "active": len(self._active),
            "ended": self._ended,
            "asked": now if any(ticket not in self._active for ticket in self._waiting.copy()) else None,
            "written": now,
        }
        connection.execute(_WRITE_SENDER, values)
        self._is_stale = False
        if not self._is_registered:
            for row in connection.execute(_ALL_SENDERS).all():
                if not _counts(row.owner, now - row.written if isinstance(row.written, float) else math.inf):
                    connection.execute(_DELETE_SENDER, {"which": row.sender})
            connection.execute(_DELETE_LIMITS)  # after this one's row, whose service may have a limit
            self._is_registered = True


def _counts(owner: str, age: float = 0.0) -> bool:
    """Whether a row that a process wrote so many seconds ago counts."""
    process = Owner.parse(owner) if isinstance(owner, str) else None
    alive = None if process is None else is_alive(process)
    return age < LEASE_SECONDS if alive is None else alive


class Slot:
    """One task's place among those that are with the service.

    Args:
        limiter: that lends it.
        pace: how long to wait, and how often to try.
        token: ends the waiting.
        ticket: its place in the queue.
        step, on_sent: see :meth:`Limiter.slot`.

    Attributes:
        began: when the task was last sent, on the monotonic clock.
    """

    def __init__(
        self,
        limiter: Limiter,
        pace: Pace,
        token: CancelToken,
        ticket: int,
        step: Callable[[sa.Connection], object],
        on_sent: Callable[[], None],
    ) -> None:
        self._limiter, self._pace, self._token, self.ticket = limiter, pace, token, ticket
        self._step, self._on_sent = step, on_sent
        self._is_new = True
        self._refusals, self._vain_before = 0, 0
        self.began = time.monotonic()

    @property
    def is_hopeless(self) -> bool:
        """Whether to give the task up: it was refused too often, or saw too many rounds in which all were refused."""
        rounds = self._limiter.rounds_in_vain - self._vain_before if self._refusals else 0
        return self._refusals >= self._pace.busy_tries or rounds >= 2 * self._pace.busy_tries

    def acquire(self) -> bool:
        """Wait until the task may be sent. Returns whether it may: it was not cancelled, and there is hope."""
        goes_on = self._token.waiting()
        step = self._step if self._is_new else lambda _: None
        if not self._limiter.acquire(self.ticket, lambda: goes_on() and not self.is_hopeless, step):
            return False
        self.began = time.monotonic()
        if self._is_new:
            self._is_new = False
            self._on_sent()
        return goes_on()

    def refuse(self, retry_after: float | None) -> None:
        """The service has refused the task; :meth:`acquire` waits until it may be sent again.

        Args:
            retry_after: seconds that the service asked for.
        """
        if not self._refusals:
            self._vain_before = self._limiter.rounds_in_vain
        pause = self._pace.pause(self._refusals, retry_after)
        asked = min(pause, 1.2 * (retry_after or 0.0))  # not what this task alone waits, after several refusals
        self._refusals += 1
        self._limiter.refuse(self.ticket, pause=pause, asked=asked)

    def pause(self, attempt: int, retry_after: float | None) -> None:
        """The service can do nothing now, and may have the task: hold everybody back."""
        self._limiter.pause(self._pace.pause(attempt, retry_after))


def _after_fork() -> None:
    for limiter in list(_limiters):
        limiter.begin()


if hasattr(os, "register_at_fork"):  # the tasks, and the threads that hold the lock, are the parent's
    os.register_at_fork(after_in_child=_after_fork)
