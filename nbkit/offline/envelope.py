"""The wire format around tasks: the array of a request, ``data`` and ``errors`` of an answer, and the API key."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from nbkit.service.secret import Secret

PICTURE_PATH = "/pictures/"
"""Beginning of the path in picture URLs."""

MAX_BODY_BYTES = 256 * 2**20
"""Bytes of a request's body: enough for fourteen large reference images in base64."""

RETRY_AFTER_SECONDS = 1
"""Seconds in the ``Retry-After`` header of a busy engine."""

Task = Mapping[str, Any]
"""A task as it was received: the decoded JSON object."""

Items = list[dict[str, Any]]
"""What one task adds to an answer: an item with a ``code`` to ``errors``, any other to ``data``."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What all tasks of one HTTP request have in common.

    Attributes:
        base_url: beginning of picture URLs, without a slash at the end.
        dry_run: whether tasks are only checked and priced.
    """

    base_url: str
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one HTTP request.

    Attributes:
        status: the HTTP status.
        headers: with ``Content-Type`` and ``Content-Length``; a length greater than that of ``body`` means that the
            connection breaks after ``body``.
        body: the bytes to send.
        drops_connection: whether the connection is closed before anything is sent.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    drops_connection: bool = False

    @classmethod
    def of(cls, status: int, media_type: str, body: bytes) -> Answer:
        """An answer with the headers that every answer of the engine has."""
        # The last header keeps the engine's list prices from being counted as money.
        headers = {"Content-Type": media_type, "Content-Length": str(len(body)), "X-Nbkit-Engine": "offline"}
        headers["X-Content-Type-Options"] = "nosniff"  # bytes that somebody uploaded are no page
        if status == 429:
            headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return cls(status, headers, body)

    @classmethod
    def json(cls, items: Items, status: int, retry_after: int | None = None) -> Answer:
        """A JSON answer with the items of all its tasks."""
        answer = cls.of(status, "application/json", json.dumps(content_of(items), allow_nan=False).encode())
        if status == 429 and retry_after is not None:
            answer.headers["Retry-After"] = str(retry_after)
        return answer

    @property
    def is_truncated(self) -> bool:
        """Whether the body is shorter than its ``Content-Length``."""
        return len(self.body) < int(self.headers.get("Content-Length", 0))

    def truncated(self) -> Answer:
        """The same answer without the second half of its body."""
        return Answer(self.status, self.headers, self.body[: len(self.body) // 2])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one task of a request adds to the answer.

    Attributes:
        items: for ``data`` and ``errors``.
        status: the HTTP status of the answer if the task is the only one of its request.
        fault: the fault that the task met, or ``None``.
        task: as it was received.
        retry_after: seconds that a busy server asks its client to wait, or ``None``.
    """

    items: Items
    status: int = 200
    fault: str | None = None
    task: Task = field(default_factory=dict)
    retry_after: int | None = None


def status_of_all(outcomes: Sequence[Outcome]) -> int:
    """The HTTP status of an answer about several tasks: they are independent, so one that succeeded makes it 200."""
    statuses = {outcome.status for outcome in outcomes}
    return 200 if 200 in statuses or not statuses else 400 if len(statuses) > 1 else statuses.pop()


class Problem(Exception):
    """Why a task was refused or failed, in the API's terms.

    Args:
        code: the API's error code.
        message: a sentence for a person.
        parameter: the parameter that the error is about, as its path in the task (``settings.topP``), or several.
        allowed: the values that are accepted, if there are few; for a size, its text by aspect ratio.
        status: the HTTP status if nothing else in the request succeeded; 200 for a task that was accepted and failed
            later.
        retry_after: seconds that a busy server asks its client to wait.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        parameter: str | list[str] = "",
        allowed: Sequence[Any] | Mapping[str, str] = (),
        status: int = 400,
        retry_after: int = RETRY_AFTER_SECONDS,
    ) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after
        allowed = dict(allowed) if isinstance(allowed, Mapping) else list(allowed)
        facts = {"code": code, "message": message, "parameter": parameter, "allowedValues": allowed}
        self._item = {name: value for name, value in facts.items() if value}

    def item(self, task: Any = None) -> dict[str, Any]:
        """The item of ``errors`` for this problem; with a task, it has the type and UUID of that task."""
        return self._item | (echo(task) if isinstance(task, Mapping) else {})

    def outcome(self, task: Any = None) -> Outcome:
        """What a task adds to the answer that has this problem."""
        sent = task if isinstance(task, Mapping) else {}
        return Outcome([self.item(task)], self.status, task=sent, retry_after=self.retry_after)

    def answer(self, task: Any = None) -> Answer:
        """The answer that has this problem only: the request is refused as a whole, or its task failed."""
        return Answer.json([self.item(task)], self.status, self.retry_after)


def content_of(items: Items) -> dict[str, Items]:
    """The items by key; ``errors`` is there only if there are some, because clients read the key as a failure."""
    data, errors = ([item for item in items if ("code" in item) is failed] for failed in (False, True))
    return {"data": data, "errors": errors} if errors else {"data": data}


def echo(task: Task) -> dict[str, Any]:
    """The keys of a task that each item about it repeats: its type and its UUID."""
    return {name: task[name] for name in ("taskType", "taskUUID") if isinstance(task.get(name), str)}


def bearer(authorization: str | None) -> str | None:
    """The key in an ``Authorization`` header; ``None`` without one."""
    scheme, _, key = (authorization or "").strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def check_key(sent: Any, expected: Secret) -> None:
    """Compare the API key of a request with the expected one.

    Args:
        sent: the key, or ``None``.
        expected: an empty one accepts any key, or none.

    Raises:
        Problem: if the key is missing or differs.
    """
    if expected and (not isinstance(sent, str) or not sent):
        raise missing_key()
    if expected and not expected.matches(sent):
        raise unknown_key()


def missing_key() -> Problem:
    """The refusal of a request without a key."""
    return Problem("missingApiKey", "This engine wants an API key.", status=401)


def unknown_key() -> Problem:
    """The refusal of a request with another key."""
    return Problem("invalidApiKey", "This engine does not know that API key.", status=401)


def read_tasks(body: bytes, authorization: str | None) -> tuple[list[Any], Any]:
    """Decode the body of a request into its tasks and its API key.

    The ``authentication`` task that held the key is left out, unless it is the only one: it checks whether its key is
    valid.

    Args:
        body: of the request.
        authorization: its ``Authorization`` header, or ``None``.

    Raises:
        Problem: if the body is not a JSON array with at least one element, is too large, or is nested too deeply; if
            header and task both hold a key, or if the ``authentication`` task is not the first.
    """
    if len(body) > MAX_BODY_BYTES:
        raise Problem("maxBodySizeExceeded", f"The body has {len(body):,} bytes; at most {MAX_BODY_BYTES:,} are read.")
    try:
        tasks = json.loads(body.decode("utf-8"), parse_constant=_reject_constant, parse_float=_finite)
    except (RecursionError, ValueError) as error:
        raise Problem("invalidJSON", f"The body cannot be read as JSON in UTF-8: {error}") from None
    if not isinstance(tasks, list) or not tasks:
        raise Problem("invalidRequestBody", "The body must be a JSON array that holds at least one task.")
    sent: Any = bearer(authorization)
    holders = [task for task in tasks if isinstance(task, Mapping) and task.get("taskType") == "authentication"]
    if holders:
        if authorization is not None:
            message = "The key came in the Authorization header and in a task: send one of them."
            raise Problem("invalidAuthentication", message)
        if len(holders) > 1 or holders[0] is not tasks[0]:
            message = "One authentication task, as the first of the array, is all there may be."
            raise Problem("invalidAuthentication", message)
        sent = holders[0].get("apiKey")
        tasks = tasks[1:] or tasks
    return tasks, sent


def _finite(text: str) -> float:
    """A number with a point or an exponent; 1e999 would be infinity, which no answer could repeat."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large for a number")
    return number


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
