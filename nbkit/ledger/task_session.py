"""One task and the service, from the first send until the outcome is known.

Everything here serves one rule: the same work is never paid twice. A task keeps its taskUUID for life, the service
refuses a taskUUID that it has seen, and a lost answer is polled for before anything is sent again. The outcome follows
from the error codes of an answer, and only without a known code from its HTTP status::

    results, or errors that name the failure     -> done, failed or blocked
    refused, 401, 402, 403                       -> failed: nothing was accepted, nothing was charged
    429                                          -> nothing was accepted: pause, then the same task again
    no connection                                -> it never left: pause, the same task again, then failed
    lost, 5xx, a cut body, a page of HTML,
    a time-out, conflictTaskUUID                 -> look it up: getResponse, getTaskDetails, and only if neither
                                                    knows the task, the same taskUUID once more
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
from nbkit.results.run import BLOCKED, DONE, FAILED, NOT_SENT, UNKNOWN
from nbkit.service.cancel import Cancelled, CancelToken
from nbkit.service.client import Client
from nbkit.service.pace import LONGEST_PAUSE, Pace
from nbkit.service.response import TaskResponse, results_wanted

_UNCERTAIN = (AnswerLost, ServerError, EngineTimeout, ConflictError)
_UNAVAILABLE = 503


def status_of(response: TaskResponse) -> str:
    """What became of a task, as the status of its run; nothing in the response means that the task was not sent."""
    if response.lost:
        return UNKNOWN
    if response.results:
        return DONE
    if any(isinstance(error, BlockedError) for error in response.errors):
        return BLOCKED
    return FAILED if response.errors else NOT_SENT


@dataclass(slots=True)
class TaskSession:
    """Sends one task, or resumes it, and returns what the service says of it; :func:`status_of` reads that.

    Args:
        client: the service.
        task: as it is sent; its ``taskUUID`` is the only one ever used.
        pace: how long to wait.
        token: asked before each send; shares the pauses of a busy service with other sessions.
    """

    client: Client
    task: Mapping[str, Any]
    pace: Pace
    token: CancelToken = field(default_factory=CancelToken)
    _sends_left: int = field(default=0, init=False)

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
        self._sends_left = 1 if resend else 0
        return self._look_up(AnswerLost("the kernel ended before an answer came", task_uuid=self._uuid))

    # -- sending -------------------------------------------------------------------------------------------

    def _send(self) -> TaskResponse:
        attempt = 0
        while True:
            if not self.token.wait():
                raise Cancelled  # an earlier attempt, if there was one, was refused as busy
            try:
                response = self.client.submit(self.task)
            except NotConnected:
                if attempt + 1 >= self.pace.connect_tries:
                    raise
                self.pace.back_off(attempt)
            else:
                busy = _busy_error(response)
                too_long = busy is not None and (busy.retry_after or 0.0) > LONGEST_PAUSE
                if busy is None or too_long or attempt + 1 >= self.pace.busy_tries:
                    return response
                self.token.pause(self.pace.pause(attempt, busy.retry_after))
            attempt += 1

    def _judge(self, response: TaskResponse) -> TaskResponse:
        may_grow = response.processing or self._is_async
        if response.results and (not may_grow or self._is_complete(response)):
            return response
        if response.processing or (self._is_async and not response.errors):
            return self._poll(response)
        doubt = next((e for e in response.errors if isinstance(e, _UNCERTAIN) or _is_unexplained(e)), None)
        if doubt is None and response.errors:
            return response
        silence = "the service answered without a result and without an error"
        return self._look_up(doubt or AnswerLost(silence, task_uuid=self._uuid))

    def _is_complete(self, response: TaskResponse) -> bool:
        if len(response.results) + len(response.errors) >= results_wanted(self.task):
            return True
        # One error without a picture is about the whole task; a task of the past gets no further results.
        return not response.processing and (response.final or bool(response.errors and not response.results))

    # -- polling -------------------------------------------------------------------------------------------

    def _poll(self, last: TaskResponse) -> TaskResponse:
        """Poll until the response is complete. Results of earlier responses are kept, should a later one omit them."""
        changed = self.pace.clock()
        deadline = changed + self.pace.patience
        pause = self.pace.poll_first
        empty_answers = 0
        while (now := self.pace.clock()) < deadline:
            self.pace.sleep(pause)
            pause = min(pause * self.pace.poll_growth, self.pace.poll_cap)
            response = self._query(with_details=empty_answers >= 3 or not self._is_async)
            if response is None or response.is_empty:
                empty_answers += 1
                continue
            response = _merged(last, response)
            if response.processing or len(response.results) > len(last.results):
                changed = now
            empty_answers, last = 0, response
            if self._is_complete(response) or (response.results and now - changed > self.pace.lull):
                return response
        waited = f"no final answer within {self.pace.patience / 60:.0f} minutes"
        lost = AnswerLost(waited, task_uuid=self._uuid)
        return TaskResponse(errors=(lost,), offline=last.offline, processing=not last.is_empty, lost=True)

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

    def _look_up(self, doubt: EngineError) -> TaskResponse:
        """The outcome is not known: query the service, and only if it does not know the task, send it once more."""
        if doubt.status == _UNAVAILABLE:
            self.token.pause(self.pace.pause(max(0, self.pace.busy_tries - 1 - self._sends_left), doubt.retry_after))
        answers = (self._query(with_details=True) for _ in self.pace.attempts(self.pace.connect_tries))
        response = next((answer for answer in answers if answer is not None), None)
        if response is None:
            return TaskResponse(errors=(doubt,), lost=True)
        if not response.is_empty:
            return response if self._is_complete(response) else self._poll(response)
        if isinstance(doubt, ConflictError):
            return self._poll(response)  # the task did arrive and has not ended
        if self._sends_left <= 0:
            return _lost(doubt, response)
        return self._send_again(doubt)

    def _send_again(self, doubt: EngineError) -> TaskResponse:
        # 503 is retried as often as the pace allows, any other doubt once.
        self._sends_left = self._sends_left - 1 if doubt.status == _UNAVAILABLE else 0
        if doubt.status != _UNAVAILABLE:  # after a 503 the token has been paused already
            self.pace.back_off(0, doubt.retry_after)
        try:
            response = self._send()
        except (NotConnected, Cancelled):
            return TaskResponse(errors=(doubt,), lost=True)
        except AnswerLost as error:
            return self._look_up(error)
        refused = [e for e in response.errors if isinstance(e, BusyError | CreditError | AuthenticationError)]
        if refused and not response.results and not response.processing:  # this send was refused; the first may not be
            return _lost(refused[0], response)
        return self._judge(response)


def _lost(doubt: EngineError, response: TaskResponse) -> TaskResponse:
    """What is left when the service answers that it does not know the task."""
    return TaskResponse(errors=(doubt,), offline=response.offline, lost=True, missing=True)


def _busy_error(response: TaskResponse) -> BusyError | None:
    if response.results or response.processing:
        return None
    return next((error for error in response.errors if isinstance(error, BusyError)), None)


def _merged(before: TaskResponse, now: TaskResponse) -> TaskResponse:
    """The later response, with the results of both by image UUID."""
    results = {result.image_uuid: result for result in (*before.results, *now.results)}
    return dataclasses.replace(now, results=tuple(results.values()))


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
