"""The service's answer as one type: pure functions from JSON to :class:`TaskResponse`.

Answers vary: ``data`` is a list or one object; errors are a list, one object, or items of ``data``; both may come at
once; a field may be missing. The kind of an error follows from its code, and only without a known code from the HTTP
status.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from nbkit import errors
from nbkit.errors import EngineError
from nbkit.request.model import MAX_SEED, MICRO

Json = Mapping[str, Any]

_QUERY = re.compile(r"(https?://[^\s\"'<>?]*)\?[^\s\"'<>]*")

_ENVELOPE = {"data", "errors", "error"}

MAX_MESSAGE = 2_000
"""Characters of a service's message that are kept: some services repeat a whole inline picture in it."""

MAX_PRICE = 10**9
"""USD; a larger number is not a price."""


@dataclass(frozen=True, slots=True)
class ImageResult:
    """One finished picture of an answer.

    Attributes:
        image_uuid: identifies the result, which may come again in a later answer.
        seed: the seed it was made with, or ``None``.
        cost: micro-dollars, or ``None`` when the answer does not contain it.
        source: the URL, data URI or base64 text from which its bytes come.
        nsfw: the outcome of the safety check, or ``None``.
    """

    image_uuid: str
    seed: int | None
    cost: int | None
    source: str = field(repr=False)
    nsfw: bool | None = None

    @property
    def url(self) -> str | None:
        """The picture's address; ``None`` for an inline picture."""
        return self.source if self.source.startswith(("http://", "https://")) else None


@dataclass(frozen=True, slots=True)
class TaskResponse:
    """Everything that one answer contains about one task.

    Attributes:
        results: the pictures that are finished.
        errors: what failed.
        processing: the service is working on the task.
        final: the task has ended, so results that are missing here will not come.
        offline: the answer comes from nbkit's offline engine, whose prices are list prices.
        lost: the answer to the task was lost, and it could not be learnt what became of it; ``errors`` says why.
        missing: for a lost answer, that the service was asked and does not know the task.
    """

    results: tuple[ImageResult, ...] = ()
    errors: tuple[EngineError, ...] = ()
    processing: bool = False
    final: bool = False
    offline: bool = False
    lost: bool = False
    missing: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether the answer contains nothing about the task."""
        return not (self.results or self.errors or self.processing)


# Whole codes first, then parts of codes with the specific ones first: providerRateLimitExceeded is a rate limit,
# invalidApiKey is no parameter.
_CODES: tuple[tuple[type[EngineError], str], ...] = (
    (errors.ConflictError, "^conflictTaskUUID$"),
    (errors.AuthenticationError, "^(unauthorized|forbidden)$"),
    (errors.CreditError, "^paymentRequired$"),
    (errors.BlockedError, "^(invalidProviderContent|contentPolicyViolation|promptBlocked|imageBlocked|nsfwContentDetected)$"),
    (errors.ProviderError, "^(inferenceError|processingFailed|taskFailed|modelUnavailable)$"),
    (errors.ServerError, "^(internalServerError|serviceUnavailable|unknownError)$"),
    (errors.AuthenticationError, "(?i)apikey"),
    (errors.CreditError, "(?i)credits|quota"),
    (errors.BusyError, "(?i)ratelimit"),
    (errors.EngineTimeout, "(?i)timeout"),
    (errors.BlockedError, "(?i)blocked|contentpolicy"),
    (errors.NotFoundError, "(?i)notfound|expired"),
    (errors.RefusedError, "(?i)^(conflict|invalid|missing|unsupported|value|array|max|duplicate)"),
    (errors.ProviderError, "(?i)^provider"),
)  # fmt: skip

_STATUSES: tuple[tuple[type[EngineError], str], ...] = (
    (errors.AuthenticationError, "^(401|403)$"),
    (errors.CreditError, "^402$"),
    (errors.NotFoundError, "^404$"),
    (errors.EngineTimeout, "^(408|504)$"),
    (errors.BusyError, "^429$"),
    (errors.RefusedError, "^(400|413|422)$"),
    (errors.ServerError, "^([5-9][0-9]{2}|[0-9]{4,})$"),
)


def error_class(code: str, status: int | None) -> type[EngineError]:
    """The class of an error: by its code where a rule matches, else by the HTTP status."""
    rules = ((_CODES, code), (_STATUSES, str(status)))
    return next((kind for table, text in rules for kind, pattern in table if re.search(pattern, text)), EngineError)


def results_wanted(task: Json) -> int:
    """How many results a task asks for."""
    wanted = task.get("numberResults", 1)
    return wanted if isinstance(wanted, int) else 1


def read_error(item: Json, status: int | None = None, retry_after: float | None = None) -> EngineError:
    """One error item as an exception."""
    code = _text(item.get("code") or item.get("errorCode") or "")
    named = item.get("parameter")
    parameters = [_text(name) for name in named] if isinstance(named, list) else [_text(named)] if named else []
    message = _text(item.get("message") or item.get("errorMessage") or "the service gave no reason")
    message = _QUERY.sub(r"\1", message)  # a query that the service repeats may hold a credential
    allowed = item.get("allowedValues")
    if isinstance(allowed, list) and allowed:
        message += f" (allowed: {_text(', '.join(map(str, allowed)))})"
    if parameters and not any(name in message for name in parameters):
        message = f"{', '.join(parameters)}: {message}"
    own = item.get("status")
    return error_class(code, own if isinstance(own, int) else status)(
        message,
        code=code,
        parameter=parameters,
        status=status,
        task_uuid=str(item["taskUUID"]) if item.get("taskUUID") else None,
        retry_after=retry_after,
    )


def read_body(body: bytes | bytearray) -> Json:
    """The JSON envelope of an answer.

    Raises:
        ValueError: if the body is not an envelope: an HTML page, a cut body, or JSON of another shape.
    """
    envelope = json.loads(body)
    if isinstance(envelope, list):  # some gateways unwrap the envelope
        envelope = {"data": envelope}
    if not isinstance(envelope, dict) or not _ENVELOPE & envelope.keys():
        raise ValueError("the answer holds neither data nor errors")
    return envelope


def read_response(
    envelope: Json, task_uuid: str, *, status: int = 200, retry_after: float | None = None, offline: bool = False
) -> TaskResponse:
    """Everything that an answer contains about one task; items are matched by taskUUID, never by their order."""
    as_error = functools.partial(read_error, status=status, retry_after=retry_after)
    results: dict[str, ImageResult] = {}
    failed: list[EngineError] = []
    processing = False
    for item in _items(envelope.get("data")):
        if not _concerns(item, task_uuid):
            continue
        inner = item.get("error") or item.get("errors")
        if item.get("status") == "error" or inner:
            failed += map(as_error, list(_items(inner)) or [item])
        elif (result := _result(item)) is not None:
            results.setdefault(result.image_uuid, result)
        else:  # an acknowledgement, or "processing": neither carries a picture
            processing = True
    top = (*_items(envelope.get("errors")), *_items(envelope.get("error")))
    failed += [as_error(item) for item in top if _concerns(item, task_uuid)]
    if status >= 400 and not (results or failed or processing):
        failed.append(as_error({"message": f"the service answered HTTP {status}"}))
    return TaskResponse(tuple(results.values()), tuple(failed), processing, offline=offline)


def read_details(envelope: Json, task_uuid: str, *, offline: bool = False) -> TaskResponse:
    """The answer to ``getTaskDetails``: it holds the answer of a past task, one level deeper."""
    for item in _items(envelope.get("data")):
        response = item.get("response")
        if response and _concerns(item, task_uuid):
            is_envelope = isinstance(response, dict) and _ENVELOPE & response.keys()
            inner = response if is_envelope else {"data": response}
            return dataclasses.replace(read_response(inner, task_uuid, offline=offline), final=True)
    return TaskResponse(offline=offline)


def read_balance(envelope: Json) -> int | None:
    """The balance in an answer to ``accountManagement``, in micro-dollars; ``None`` if there is none."""
    held = next(_items(envelope.get("data")), {}).get("balance")
    return micros(held.get("amount") if isinstance(held, dict) else held)


def micros(value: Any) -> int | None:
    """A price in USD, as micro-dollars; ``None`` for a value that cannot be a price."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return round(amount * MICRO) if amount.is_finite() and 0 <= amount < MAX_PRICE else None


def _text(value: Any) -> str:
    """A service's text, cut to a readable length, in characters that a database and a page can hold."""
    text = str(value)
    return (text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}…").encode("utf-8", "replace").decode()


def _items(value: Any) -> Iterator[Json]:
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, dict):
            yield item
        elif isinstance(item, str):
            yield {"message": item}


def _concerns(item: Json, task_uuid: str) -> bool:
    # Each request carries one task, so an item without a taskUUID is about that task.
    named = item.get("taskUUID")
    return not named or str(named).lower() == task_uuid.lower()


def _result(item: Json) -> ImageResult | None:
    source = item.get("imageURL") or item.get("imageDataURI") or item.get("imageBase64Data")
    if not isinstance(source, str):
        return None
    return ImageResult(
        image_uuid=_text(item.get("imageUUID") or hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()),
        seed=_seed(item.get("seed")),
        cost=micros(item.get("cost")),
        source=source.encode("utf-8", "replace").decode(),
        nsfw=item["NSFWContent"] if isinstance(item.get("NSFWContent"), bool) else None,
    )


def _seed(value: Any) -> int | None:
    try:
        seed = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    is_whole = isinstance(value, str) or (seed == value and not isinstance(value, bool))
    # JavaScript rounds the largest seed to a number out of range, which could not be sent again.
    return seed if is_whole and 0 <= seed <= MAX_SEED else None
