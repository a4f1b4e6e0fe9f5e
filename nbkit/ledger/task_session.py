"""One task and the service, from the first send until the outcome is known.

Everything here serves one rule: the same work is never paid twice. A task keeps its taskUUID for life, the service
refuses a taskUUID that it has seen, and a lost answer is polled for before anything is sent again. The outcome follows
from the error codes of an answer, and only without a known code from its HTTP status::

    results, or errors that name the failure     -> done, failed or blocked
    some of the results                          -> they are handed over at once; the others are asked for
    refused, 401, 402, 403                       -> failed: nothing was accepted, nothing was charged
    429                                          -> nothing was accepted: pause, then the same task again
    no connection                                -> it never left: pause, the same task again, then failed
    lost, 5xx, a cut body, a page of HTML,
    a time-out, conflictTaskUUID                 -> look it up: getResponse, getTaskDetails, and only if neither
                                                    knows the task, the same taskUUID once more
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbkit.errors import (
    AnswerLost,
    AuthenticationError,
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
from nbkit.ledger.limiter import Slot
from nbkit.ledger.outcome import is_complete, is_over, merged
from nbkit.service.cancel import Cancelled
from nbkit.service.client import Client
from nbkit.service.pace import LONGEST_PAUSE, Pace
from nbkit.service.response import ImageResult, TaskResponse, results_wanted

_UNCERTAIN = (AnswerLost, ServerError, EngineTimeout, ConflictError)
_UNAVAILABLE = 503
_SILENCE = "the service answered without a result and without an error"


@dataclass(slots=True)
class TaskSession:
    """Sends one task, or resumes it, and returns what the service says of it; :func:`status_of` reads that.

    Args:
        client: the service.
        task: as it is sent; its ``taskUUID`` is the only one ever used.
        pace: how long to wait.
        slot: its place among the tasks that are with the service, asked for before each send.
        known: results that the log has already. A task that has any was accepted, and is not sent again.
        on_results: called with all that is known, when there are new results while others are open.
    """

    client: Client
    task: Mapping[str, Any]
    pace: Pace
    slot: Slot
    known: tuple[ImageResult, ...] = ()
    on_results: Callable[[TaskResponse], None] = lambda _: None
    _sends_left: int = field(default=0, init=False)
    _so_far: TaskResponse = field(init=False)
    _handed_over: int = field(init=False)

    def __post_init__(self) -> None:
        self._so_far, self._handed_over = TaskResponse(self.known), len(self.known)

    @property
    def _uuid(self) -> str:
        return str(self.task["taskUUID"])

    @property
    def _is_async(self) -> bool:
        return self.task.get("deliveryMethod") == "async"

    def run(self) -> TaskResponse:
        """Send the task and return when its outcome is known, or when there is no way to learn it now."""
        self._sends_left = self.pace.busy_tries - 1
        try:
            response = self._send()
        except Cancelled:
            return TaskResponse()
        except NotConnected as error:
            return TaskResponse(errors=(error,))
        except AnswerLost as error:
            return self._look_up(error)
        return self._judge(response)

    def resume(self, *, resend: bool) -> TaskResponse:
        """Learn the outcome of a task that an earlier kernel sent; ``resend`` allows to send the same task again."""
        self._sends_left = 1 if resend and not self.known else 0
        return self._look_up(AnswerLost("the kernel ended before an answer came", task_uuid=self._uuid))

    # -- sending -------------------------------------------------------------------------------------------

    def _send(self) -> TaskResponse:
        connections, refused = 0, None
        while True:
            if not self.slot.acquire():
                if refused is not None and self.slot.is_hopeless:
                    return refused
                raise Cancelled  # an earlier attempt, if there was one, was refused as busy
            try:
                response = self.client.submit(self.task)
            except NotConnected:
                connections += 1
                if connections >= self.pace.connect_tries:
                    raise
                self.pace.back_off(connections - 1)
                continue
            busy = _busy_error(response)
            if busy is None or (busy.retry_after or 0.0) > LONGEST_PAUSE:
                return response
            refused = response
            self.slot.refuse(busy.retry_after)

    def _judge(self, response: TaskResponse) -> TaskResponse:
        doubt = next((e for e in response.errors if isinstance(e, _UNCERTAIN) or _is_unexplained(e)), None)
        if doubt and not (response.results or response.processing):
            return self._look_up(doubt)
        so_far = self._hear(response)
        if not doubt and (self._is_complete() or is_over(so_far)):
            return so_far
        if so_far.processing or self._is_async:
            return self._poll()
        if so_far.results:
            return so_far if len(so_far.results) >= self._wanted else self._ask_for_the_rest()
        return so_far if so_far.errors else self._look_up(AnswerLost(_SILENCE, task_uuid=self._uuid))

    # -- what has come ---------------------------------------------------------------------------------------

    @property
    def _wanted(self) -> int:
        return results_wanted(self.task)

    def _hear(self, response: TaskResponse) -> TaskResponse:
        """Add an answer to what is known of the task, and return that."""
        self._so_far = merged(self._so_far, response, self.task)
        return self._so_far

    def _is_complete(self) -> bool:
        return is_complete(self._so_far, self._wanted)

    def _hand_over(self) -> None:
        """Have new results stored before anything is waited for: this process may be killed meanwhile."""
        if len(self._so_far.results) > self._handed_over:
            self.on_results(self._so_far)
            self._handed_over = len(self._so_far.results)

    def _open(self, doubt: EngineError, *, missing: bool = False, offline: bool = False) -> TaskResponse:
        """The outcome is still open, in whole or in part; an error says why."""
        so_far = self._so_far
        return dataclasses.replace(
            so_far, errors=(doubt,), offline=so_far.offline or offline, final=False, lost=True, missing=missing
        )

    def _ask_for_the_rest(self) -> TaskResponse:
        """A ``sync`` answer without some of the results, and without a word about them: ask once, and believe that."""
        self._hand_over()
        response = self._ask()
        if response is None:
            return self._open(AnswerLost(self._what_is_open(), task_uuid=self._uuid))
        so_far = self._hear(response)
        if so_far.processing and not self._is_complete():
            return self._poll()
        return dataclasses.replace(so_far, final=True)

    def _what_is_open(self) -> str:
        if not self._so_far.results:
            return f"no final answer within {self.pace.patience / 60:.0f} minutes"
        return f"{len(self._so_far.results)} of {self._wanted} results came, and what became of the rest is not known"

    # -- polling -------------------------------------------------------------------------------------------

    def _poll(self) -> TaskResponse:
        """Poll until the outcome is known, or nothing has changed for too long."""
        changed = now = self.pace.clock()
        deadline = changed + self.pace.patience
        pause = self.pace.poll_first
        empty_answers = 0
        while now < deadline:
            self._hand_over()
            self.pace.sleep(pause)
            pause = min(pause * self.pace.poll_growth, self.pace.poll_cap)
            before = self._so_far
            response = self._query(with_details=empty_answers >= 3 or not self._is_async)
            now = self.pace.clock()
            if response is None or response.is_empty:
                empty_answers += 1
            else:
                empty_answers = 0
                so_far = self._hear(response)
                repeats = _counts(so_far) == _counts(before)
                # Said twice: the errors of single results may come one after the other.
                if self._is_complete() or (repeats and is_over(so_far)):
                    return so_far
                if not repeats:
                    changed = now
            if self._so_far.results and now - changed > self.pace.lull:
                if not empty_answers and not self._so_far.processing:
                    return dataclasses.replace(self._so_far, final=True)
                break
        self._hand_over()
        has_answered = not empty_answers and not self._so_far.processing
        lost = AnswerLost(self._what_is_open(), task_uuid=self._uuid)
        return self._open(lost, missing=bool(self._so_far.results) and has_answered)

    def _query(self, *, with_details: bool) -> TaskResponse | None:
        """What the service has about the task: ``None`` if it cannot be asked, an empty response if it has nothing."""
        queries = (self.client.poll, self.client.details) if with_details else (self.client.poll,)
        response: TaskResponse | None = None
        all_answered = True
        for query in queries:
            try:
                response = query(self._uuid)
            except EngineError:
                all_answered = False
                continue
            if not response.results and any(map(_is_service_trouble, response.errors)):
                all_answered = False  # the error is about this query, not about the task
                continue
            response = dataclasses.replace(
                response, errors=tuple(e for e in response.errors if not _is_about_the_query(e))
            )
            if not response.is_empty:
                return response
        return response if all_answered else None

    def _ask(self) -> TaskResponse | None:
        """What the service has about the task, asked several times if it cannot be asked; ``None`` if it cannot."""
        answers = (self._query(with_details=True) for _ in self.pace.attempts(self.pace.connect_tries))
        return next((answer for answer in answers if answer is not None), None)

    def _look_up(self, doubt: EngineError) -> TaskResponse:
        """The outcome is not known: query the service, and only if it does not know the task, send it once more."""
        if doubt.status == _UNAVAILABLE:
            self.slot.pause(max(0, self.pace.busy_tries - 1 - self._sends_left), doubt.retry_after)
        response = self._ask()
        if response is None:
            return self._open(doubt)
        if not response.is_empty:
            so_far = self._hear(response)
            return so_far if self._is_complete() else self._poll()
        if isinstance(doubt, ConflictError):
            return self._poll()  # the task did arrive and has not ended
        if self._so_far.results or self._sends_left <= 0:
            return self._open(doubt, missing=True, offline=response.offline)
        return self._send_again(doubt)

    def _send_again(self, doubt: EngineError) -> TaskResponse:
        # 503 is retried as often as the pace allows, any other doubt once.
        self._sends_left = self._sends_left - 1 if doubt.status == _UNAVAILABLE else 0
        if doubt.status != _UNAVAILABLE:  # after a 503 everybody waits already
            self.pace.back_off(0, doubt.retry_after)
        try:
            response = self._send()
        except (NotConnected, Cancelled):
            return self._open(doubt)
        except AnswerLost as error:
            return self._look_up(error)
        refused = [e for e in response.errors if isinstance(e, BusyError | CreditError | AuthenticationError)]
        if refused and not response.results and not response.processing:  # this send was refused; the first may not be
            return self._open(refused[0], missing=True, offline=response.offline)
        return self._judge(response)


def _busy_error(response: TaskResponse) -> BusyError | None:
    if response.results or response.processing:
        return None
    return next((error for error in response.errors if isinstance(error, BusyError)), None)


def _counts(response: TaskResponse) -> tuple[int, int]:
    return len(response.results), len(response.errors)


def _is_service_trouble(error: EngineError) -> bool:
    """Whether the service was busy, broken or closed to us, and so could not answer a query."""
    status = error.status or 0
    trouble = isinstance(error, BusyError | ServerError | AuthenticationError | CreditError)
    return trouble or status >= 500 or status in (408, 429)


def _is_about_the_query(error: EngineError) -> bool:
    """Whether an error refuses the query, and says nothing about the task."""
    if isinstance(error, NotFoundError | ConflictError):
        return True
    return isinstance(error, RefusedError) and (error.status or 0) >= 400


def _is_unexplained(error: EngineError) -> bool:
    """Whether an error is a 5xx without a known code: the task may have been accepted."""
    return type(error) is EngineError and (error.status or 0) >= 500
