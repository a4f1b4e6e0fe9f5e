"""One task's conversation with the service, from the first send until its outcome is known.

The rule that everything here serves: the same work is never paid twice. A task keeps its taskUUID for life, the
service refuses a taskUUID that it has seen, and an answer that was lost is *asked for* before anything is sent
again. An answer is judged by its error codes first and by its HTTP status second::

    results, or errors that say what failed      -> the verdict
    refused, 401, 402, 403                       -> failed: nothing was accepted, nothing was charged
    429                                          -> nothing was accepted: a pause, then the same task again
    no connection                                -> it never left: a pause, the same task again, then failed
    lost, 5xx, a cut body, a page of HTML,
    a time-out, conflictTaskUUID                 -> find out: getResponse, getTaskDetails, and only if neither
                                                    knows the task the same taskUUID once more
"""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbkit.answer import Reply, Result
from nbkit.client import Client
from nbkit.errors import (
    AnswerLost,
    AuthenticationError,
    BlockedError,
    BusyError,
    ConflictError,
    CreditError,
    EngineError,
    EngineTimeout,
    NotConnected,
    NotFoundError,
    RefusedError,
    ServerError,
)
from nbkit.gate import Gate, NotAllowed
from nbkit.run import BLOCKED, DONE, FAILED, NOT_SENT, UNKNOWN

_UNCERTAIN = (AnswerLost, ServerError, EngineTimeout, ConflictError)
_UNAVAILABLE = 503

LONGEST_PAUSE = 120.0
"""Seconds. A service that asks for more is not waited for: the run ends as refused, and says how long."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait between questions, in seconds.

    Attributes:
        poll_first, poll_growth, poll_cap: the first pause between two polls, its growth, and where it ends.
        retry_first: the first pause before something is sent again; doubled each time, with jitter.
        busy_tries: how often a task is sent to a service that says it is busy.
        patience: how long a task that is known to have arrived is asked for.
        lull: how long results that are not all are watched while nothing moves; then they are all that there is.
        sleep: replaced by tests.
    """

    poll_first: float = 1.0
    poll_growth: float = 1.6
    poll_cap: float = 10.0
    retry_first: float = 1.0
    busy_tries: int = 7
    connect_tries: int = 3
    patience: float = 900.0
    lull: float = 120.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def back_off(self, attempt: int, asked_for: float | None = None) -> None:
        """Wait before a further try."""
        self.sleep(self.pause(attempt, asked_for))

    def pause(self, attempt: int, asked_for: float | None = None) -> float:
        """Seconds before a further try: as many as the service asked for, or more each time, never in step."""
        wanted: float = self.retry_first * 2**attempt * random.uniform(0.6, 1.4)  # noqa: S311  jitter is no secret
        asked: float = (asked_for or 0.0) * random.uniform(1.0, 1.2)  # noqa: S311  all who were told the same come back apart
        return min(max(wanted, asked), LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a task.

    Attributes:
        status: ``done``, ``failed``, ``blocked``, ``unknown``, or ``not_sent`` when the gate was shut before it.
        results: its pictures.
        errors: what failed; for ``unknown`` why it is not known.
        offline: whether nbkit's own engine answered, whose prices are list prices.
    """

    status: str
    results: tuple[Result, ...] = ()
    errors: tuple[EngineError, ...] = ()
    offline: bool = False
    running: bool = False
    """Of ``unknown``: the service knows the task and works on it."""
    unheard: bool = False
    """Of ``unknown``: the service was asked, and does not know the task."""

    @property
    def cost(self) -> int:
        """Micro-dollars that its results say they cost."""
        return sum(result.cost or 0 for result in self.results)


@dataclass(slots=True)
class Conversation:
    """The conversation about one task.

    Args:
        client: the service.
        task: as it is sent; its ``taskUUID`` is the only one ever used.
        pace: how long to wait.
        gate: the pause that is kept together with other conversations.
    """

    client: Client
    task: Mapping[str, Any]
    pace: Pace
    gate: Gate = field(default_factory=Gate)
    _sends_left: int = field(default=0, init=False)

    @property
    def _uuid(self) -> str:
        return str(self.task["taskUUID"])

    @property
    def _wanted(self) -> int:
        wanted = self.task.get("numberResults", 1)
        return wanted if isinstance(wanted, int) else 1

    def hold(self) -> Verdict:
        """Send the task and stay until its outcome is known, or until there is no way to know it now."""
        self._sends_left = self.pace.busy_tries - 1
        try:
            reply = self._send()
        except NotAllowed:
            return Verdict(NOT_SENT)
        except NotConnected as error:
            return Verdict(FAILED, errors=(error,))
        except AnswerLost as error:
            return self._find_out(error)
        return self._judge(reply)

    def resume(self, *, resend: bool) -> Verdict:
        """Find out about a task that an earlier kernel sent; ``resend`` allows to send the same task again."""
        self._sends_left = 1 if resend else 0
        return self._find_out(AnswerLost("the kernel ended before an answer came", task_uuid=self._uuid))

    # -- sending -------------------------------------------------------------------------------------------

    def _send(self) -> Reply:
        attempt = 0
        while True:
            if not self.gate.wait():
                raise NotAllowed  # until now it was refused as one too many, if it was sent at all
            try:
                reply = self.client.submit(self.task)
            except NotConnected:
                if attempt + 1 >= self.pace.connect_tries:
                    raise
                self.pace.back_off(attempt)
            else:
                busy = _busy(reply)
                too_long = busy is not None and (busy.retry_after or 0.0) > LONGEST_PAUSE
                if busy is None or too_long or attempt + 1 >= self.pace.busy_tries:
                    return reply
                self.gate.close(self.pace.pause(attempt, busy.retry_after))
            attempt += 1

    def _judge(self, reply: Reply) -> Verdict:
        is_async = self.task.get("deliveryMethod") == "async"
        if reply.results and (not (is_async or reply.processing) or self._complete(reply)):
            return self._verdict(reply)
        if reply.processing or (is_async and not reply.errors):
            return self._poll(reply)
        doubt = next((e for e in reply.errors if isinstance(e, _UNCERTAIN) or _unexplained(e)), None)
        if doubt is not None:
            return self._find_out(doubt)
        if reply.errors:
            return self._verdict(reply)
        return self._find_out(
            AnswerLost("the service answered without a result and without an error", task_uuid=self._uuid)
        )

    def _complete(self, reply: Reply) -> bool:
        if len(reply.results) + len(reply.errors) >= self._wanted:
            return True
        # One error without a picture speaks for the whole task; a past task gets no further results.
        return not reply.processing and (reply.past or bool(reply.errors and not reply.results))

    def _verdict(self, reply: Reply) -> Verdict:
        if reply.results:
            status = DONE
        else:
            status = BLOCKED if any(isinstance(error, BlockedError) for error in reply.errors) else FAILED
        return Verdict(status, reply.results, reply.errors, reply.offline)

    # -- asking --------------------------------------------------------------------------------------------

    def _poll(self, last: Reply) -> Verdict:
        """Ask until everything is there. Answers should be cumulative; what an earlier one told is kept in any case."""
        moved = self.pace.clock()
        until = moved + self.pace.patience
        pause = self.pace.poll_first
        silences = 0
        while (now := self.pace.clock()) < until:
            self.pace.sleep(pause)
            pause = min(pause * self.pace.poll_growth, self.pace.poll_cap)
            reply = self._asked(thoroughly=silences >= 3 or self.task.get("deliveryMethod") != "async")
            if reply is None or reply.silent:
                silences += 1
                continue
            reply = _joined(last, reply)
            if reply.processing or len(reply.results) > len(last.results):
                moved = now
            silences, last = 0, reply
            if self._complete(reply) or (reply.results and now - moved > self.pace.lull):
                return self._verdict(reply)
        waited = f"no final answer within {self.pace.patience / 60:.0f} minutes"
        lost = AnswerLost(waited, task_uuid=self._uuid)
        return Verdict(UNKNOWN, errors=(lost,), offline=last.offline, running=not last.silent)

    def _asked(self, *, thoroughly: bool) -> Reply | None:
        """What the service knows of the task: ``None`` if it cannot be asked, a silent reply if it knows nothing."""
        questions = (self.client.ask, self.client.details) if thoroughly else (self.client.ask,)
        silence: Reply | None = None
        answered = True
        for question in questions:
            try:
                reply = question(self._uuid)
            except EngineError:
                answered = False
                continue
            if not reply.results and any(map(_troubled, reply.errors)):
                answered = False  # the service had trouble with the question; of the task it says nothing
                continue
            reply = dataclasses.replace(reply, errors=tuple(e for e in reply.errors if not _about_the_question(e)))
            if not reply.silent:
                return reply
            silence = reply
        return silence if answered else None

    def _find_out(self, doubt: EngineError) -> Verdict:
        """The outcome is not known: ask, and only if nobody knows the task, send it once more."""
        if doubt.status == _UNAVAILABLE:
            self.gate.close(self.pace.pause(max(0, self.pace.busy_tries - 1 - self._sends_left), doubt.retry_after))
        for attempt in range(self.pace.connect_tries):
            reply = self._asked(thoroughly=True)
            if reply is not None:
                break
            self.pace.back_off(attempt)
        else:
            return Verdict(UNKNOWN, errors=(doubt,))
        if not reply.silent:
            return self._verdict(reply) if self._complete(reply) else self._poll(reply)
        if isinstance(doubt, ConflictError):
            return self._poll(reply)  # it did arrive, and is not finished: nothing to do but to wait
        if self._sends_left <= 0:
            return Verdict(UNKNOWN, errors=(doubt,), offline=reply.offline, unheard=True)
        return self._send_once_more(doubt)

    def _send_once_more(self, doubt: EngineError) -> Verdict:
        # A service that says 503 again and again is asked again and again; anything else is tried once more.
        self._sends_left = self._sends_left - 1 if doubt.status == _UNAVAILABLE else 0
        if doubt.status != _UNAVAILABLE:  # after that one the gate is closed for a while
            self.pace.back_off(0, doubt.retry_after)
        try:
            reply = self._send()
        except (NotConnected, NotAllowed):
            return Verdict(UNKNOWN, errors=(doubt,))
        except AnswerLost as error:
            return self._find_out(error)
        refused = [e for e in reply.errors if isinstance(e, BusyError | CreditError | AuthenticationError)]
        if refused and not reply.results and not reply.processing:  # this time; of the first it says nothing
            return Verdict(UNKNOWN, errors=(refused[0],), offline=reply.offline, unheard=True)
        return self._judge(reply)


def _busy(reply: Reply) -> BusyError | None:
    if reply.results or reply.processing:
        return None
    return next((error for error in reply.errors if isinstance(error, BusyError)), None)


def _joined(before: Reply, now: Reply) -> Reply:
    """What two answers told together: results by their UUID, everything else as the later one has it."""
    results = {result.image_uuid: result for result in (*before.results, *now.results)}
    return dataclasses.replace(now, results=tuple(results.values()))


def _troubled(error: EngineError) -> bool:
    """Whether an error is about the asking: the service was busy, broken or closed to us just then."""
    status = error.status or 0
    trouble = isinstance(error, BusyError | ServerError | AuthenticationError | CreditError)
    return trouble or status >= 500 or status in (408, 429)


def _about_the_question(error: EngineError) -> bool:
    """Whether an error says that a question was refused, and nothing of the task that was asked for."""
    if isinstance(error, NotFoundError | ConflictError):
        return True
    return isinstance(error, RefusedError) and (error.status or 0) >= 400


def _unexplained(error: EngineError) -> bool:
    """A 5xx whose code says nothing: the task may have been accepted."""
    return type(error) is EngineError and (error.status or 0) >= 500
