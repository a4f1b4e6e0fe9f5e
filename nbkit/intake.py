"""An answer as it comes in over the wire: with a limit, with an end, and told apart from what is none."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast

import httpx

from nbkit.answer import read_body
from nbkit.errors import AnswerLost

MIB = 1024 * 1024
ANSWER_BYTES, INLINE_BYTES, MOST_BYTES = 16 * MIB, 90 * MIB, 1024 * MIB
"""The largest answer without pictures in it, what each picture inside one adds, and the end of it all."""


def receive(
    answer: httpx.Response, task: Mapping[str, Any], until: float, without_key: Callable[[Any], Any]
) -> Mapping[str, Any]:
    """The envelope of an answer whose body has not been read yet.

    Args:
        answer: as it streams.
        task: what it answers.
        until: when it is given up, on the monotonic clock.
        without_key: takes the key out of what was decoded.

    Raises:
        AnswerLost: if it is too large or too slow, or no answer.
    """
    name, most = str(task.get("taskUUID")), _room_for(task)
    body = bytearray()
    problem = ""
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > most:
            problem = f"the answer is larger than {most:,} bytes and was given up"
        elif time.monotonic() > until:
            problem = "the answer came so slowly that it was given up"
        if problem:
            raise AnswerLost(problem, status=answer.status_code, task_uuid=name)
    with suppress(ValueError, RecursionError):
        return cast("Mapping[str, Any]", without_key(read_body(cast("bytes", body))))  # a copy might be of a gigabyte
    return _envelope_of(answer, len(body), name)


def retry_after(headers: httpx.Headers) -> float | None:
    """The pause that an answer asks for, in seconds; both forms of the header are read."""
    text = headers.get("retry-after", "")
    with suppress(ValueError):
        return max(0.0, float(text))
    with suppress(TypeError, ValueError):
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    return None


def _room_for(task: Mapping[str, Any]) -> int:
    """The most bytes that an answer to a task may have."""
    if task.get("taskType") in ("getResponse", "getTaskDetails"):  # the task they ask about may have any form
        return MOST_BYTES
    if task.get("outputType", "URL") == "URL":
        return ANSWER_BYTES
    wanted = task.get("numberResults")
    return min(ANSWER_BYTES + INLINE_BYTES * (wanted if isinstance(wanted, int) else 1), MOST_BYTES)


def _envelope_of(answer: httpx.Response, size: int, task_uuid: str) -> Mapping[str, Any]:
    """An envelope for an answer that is none: by its status, certain refusals become errors, the rest is lost."""
    status = answer.status_code
    if status in (401, 402, 403, 429):
        return {"errors": [{"message": f"the service answered HTTP {status}", "taskUUID": task_uuid}]}
    if 300 <= status < 500 and status != 408:
        where = " (a redirect, which a task does not follow)" if status < 400 else ""
        return {"errors": [{"code": "", "message": f"the address answered HTTP {status}{where}", "status": 400}]}
    kind = answer.headers.get("content-type", "no content type").partition(";")[0]
    raise AnswerLost(
        f"HTTP {status} with {size:,} bytes of {kind} that are no answer",
        status=status,
        task_uuid=task_uuid,
        retry_after=retry_after(answer.headers),
    )
