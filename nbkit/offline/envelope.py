"""What goes over the wire around tasks: the request's array, the answer's ``data`` and ``errors``, the key."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

ENGINE_HEADER = "X-Nbkit-Engine"
"""Every answer carries it, so that list prices from here are never taken for money."""

MAX_BODY = 256 * 2**20
"""Bytes of a request's body: fourteen large reference images as base64 fit in."""

RETRY_AFTER = 1
"""Seconds that a busy engine asks to wait."""

Task = Mapping[str, Any]
"""A task as it came: the decoded JSON object."""

Items = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back for one HTTP request.

    Attributes:
        status: the HTTP status.
        headers: with ``Content-Type`` and ``Content-Length``; a length beyond that of ``body`` means that the
            connection breaks off after ``body``.
        body: the bytes to send.
        lost: whether the connection is cut before anything is sent.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    lost: bool = False

    @property
    def cut(self) -> bool:
        """Whether the body breaks off before its end."""
        return len(self.body) < int(self.headers.get("Content-Length", 0))

    def broken_off(self) -> Answer:
        """The same answer with half of its body missing."""
        return Answer(self.status, self.headers, self.body[: len(self.body) // 2])


class Problem(Exception):
    """Why a task was refused or failed, in the API's terms.

    Args:
        code: the API's error code.
        message: a sentence for a person.
        parameter: the parameters it is about, as paths of the task (``settings.topP``).
        allowed: the values that would have been accepted, where they are few.
        status: the HTTP status when nothing else in the request succeeded; 200 for a task that was accepted
            and failed later.
    """

    def __init__(
        self, code: str, message: str, *, parameter: Sequence[str] = (), allowed: Sequence[Any] = (), status: int = 400
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status
        self.parameter, self.allowed = tuple(parameter), tuple(allowed)

    def item(self, task: Any = None) -> dict[str, Any]:
        """The item of ``errors`` that tells about it."""
        item: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.parameter:
            item["parameter"] = self.parameter[0] if len(self.parameter) == 1 else list(self.parameter)
        if self.allowed:
            item["allowedValues"] = list(self.allowed)
        if isinstance(task, Mapping):
            item |= echo(task)
        return item


def echo(task: Task) -> dict[str, Any]:
    """What of a task comes back with whatever is said about it."""
    return {name: task[name] for name in ("taskType", "taskUUID") if isinstance(task.get(name), str)}


def make_answer(status: int, media_type: str, body: bytes) -> Answer:
    """An answer with the headers that every answer of the engine carries."""
    headers = {"Content-Type": media_type, "Content-Length": str(len(body)), ENGINE_HEADER: "offline"}
    if status == 429:
        headers["Retry-After"] = str(RETRY_AFTER)
    return Answer(status, headers, body)


class ResponseBuilder:
    """Gathers what the tasks of one request come to; tasks are independent, so one may be refused beside another."""

    def __init__(self) -> None:
        self._data: Items = []
        self._errors: Items = []
        self._statuses: set[int] = set()

    def add(self, data: Items, errors: Items | None = None, *, status: int = 200) -> None:
        """Adds what came of a task, with the status that it would have on its own."""
        self._data += data
        self._errors += errors or []
        self._statuses.add(status)

    def refuse(self, problem: Problem, task: Any) -> None:
        """Adds a task's refusal."""
        self.add([], [problem.item(task)], status=problem.status)

    def answer(self) -> Answer:
        """One task that went through makes it a 200; refusals for different reasons are a bad request."""
        one = next(iter(self._statuses)) if len(self._statuses) == 1 else 400
        return json_answer(self._data, self._errors, 200 if 200 in self._statuses else one)


def json_answer(data: Items, errors: Items, status: int = 200) -> Answer:
    """The JSON answer: ``data`` always, ``errors`` only when there are some (clients take the key for a failure)."""
    content = {"data": data, "errors": errors} if errors else {"data": data}
    return make_answer(status, "application/json", json.dumps(content, allow_nan=False).encode())


def refuse(problem: Problem) -> Answer:
    """The answer to a request of which nothing was done."""
    return json_answer([], [problem.item()], problem.status)


def read_tasks(body: bytes) -> list[Any]:
    """The tasks of a request's body.

    Raises:
        Problem: if it is no JSON array with something in it, or larger or deeper than can be read.
    """
    if len(body) > MAX_BODY:
        raise Problem("maxBodySizeExceeded", f"The body has {len(body):,} bytes; at most {MAX_BODY:,} are read.")
    try:
        tasks = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except RecursionError:
        raise Problem("invalidJSON", "The body is nested too deeply.") from None
    except ValueError as error:
        raise Problem("invalidJSON", f"The body cannot be read as JSON in UTF-8: {error}") from None
    if not isinstance(tasks, list) or not tasks:
        raise Problem("invalidRequestBody", "The body must be a JSON array that holds at least one task.")
    return tasks


def take_key(tasks: list[Any], authorization: str | None) -> tuple[str | None, list[Any]]:
    """The key that came with a request, and the tasks without the one that carried it.

    An ``authentication`` task that comes alone stays: it asks whether its key is good.

    Raises:
        Problem: if the key came in both places, or its task is not the first.
    """
    places = [
        i for i, task in enumerate(tasks) if isinstance(task, Mapping) and task.get("taskType") == "authentication"
    ]
    if not places:
        return _bearer(authorization), tasks
    if authorization is not None:
        raise Problem(
            "invalidAuthentication", "The key came in the Authorization header and in a task: send one of them."
        )
    if places != [0]:
        raise Problem(
            "invalidAuthentication", "One authentication task, as the first of the array, is all there may be."
        )
    key = tasks[0].get("apiKey")
    return (key if isinstance(key, str) else None), (tasks if len(tasks) == 1 else tasks[1:])


def check_key(key: str | None, wanted: str | None) -> None:
    """Compares the key that came with the one that is wanted; ``None`` wants none.

    Raises:
        Problem: if it is missing or another.
    """
    if wanted is None:
        return
    if not key:
        raise Problem("missingApiKey", "This engine wants an API key.", status=401)
    if not hmac.compare_digest(key.encode("utf-8", "surrogatepass"), wanted.encode()):
        raise Problem("invalidApiKey", "This engine does not know that API key.", status=401)


def _bearer(authorization: str | None) -> str | None:
    scheme, _, key = (authorization or "").strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
