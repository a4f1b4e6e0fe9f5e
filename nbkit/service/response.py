"""The service's answer as one type: pure functions from JSON to :class:`TaskResponse`.

Answers vary: ``data`` is a list or one object; errors are a list, one object, or items of ``data``; both may come at
once; a field may be missing. Each item of ``data`` is a picture, a failure, or a result that is still open::

    it has an address or the bytes                 -> a picture, whatever else it says
    it has an error                                -> a failure
    its status is one of AT_WORK                   -> open
    its status is any other word, its safety check
    found something, or its address is empty       -> ended without a picture: a failure
    none of these                                  -> an acknowledgement: open
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from nbkit.errors import EngineError
from nbkit.request.parameter import MAX_INTEGER
from nbkit.request.price import MICRO
from nbkit.service.failure import Json, error_items, plain_text, read_error, reason_of
from nbkit.service.replay import replay_text

_ENVELOPE = {"data", "errors", "error"}

PICTURE_KEYS = ("imageURL", "imageDataURI", "imageBase64Data")
"""The keys of an item that lead to a picture."""

AT_WORK = frozenset({
    "accepted", "active", "booting", "created", "delayed", "enqueued", "generating", "inference", "initialising",
    "initializing", "inprogress", "inqueue", "new", "ongoing", "pending", "postprocessing", "preparing", "preprocessing",
    "processing", "progress", "queued", "received", "rendering", "retrying", "running", "scheduled", "started", "starting",
    "submitted", "throttled", "uploading", "waiting", "working",
})  # fmt: skip
"""The words, in lower case without signs, for a result that may still come. Any other word ends it."""

SUCCESS = frozenset({"complete", "completed", "done", "finished", "ok", "ready", "succeeded", "success", "successful"})
"""The words for a result, or an acknowledgement, that is as it should be."""

MAX_PRICE = 10**9
"""USD; a larger number is not a price."""


EXACT = 2.0**53
"""From here on, a double does not have every whole number."""


@dataclass(frozen=True, slots=True)
class ImageResult:
    """One finished picture of an answer.

    Attributes:
        image_uuid: identifies the result, which may come again in a later answer.
        seed: the seed it was made with, or ``None``.
        cost: micro-dollars, or ``None`` when the answer does not contain it.
        source: the URL, data URI or base64 text from which its bytes come.
        nsfw: the outcome of the safety check, or ``None``.
        is_named: whether the service named it; otherwise its ``image_uuid`` is a hash of its source.
        rounded_seed: the seed as it came, if it may have been rounded to a double on its way.
        replay: how a pack answered it, as a line of text; ``None`` where the service has none.
    """

    image_uuid: str
    seed: int | None
    cost: int | None
    source: str = field(repr=False)
    nsfw: bool | None = None
    is_named: bool = True
    rounded_seed: float | None = None
    replay: str | None = None

    @property
    def unsigned_source(self) -> str:
        """The source without the signature of its address, which changes from answer to answer."""
        return self.source.partition("?")[0] if self.url else self.source

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
        missing: for a lost answer, that the service was asked and does not know the task, or no more of it than this.
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


def results_wanted(task: Json) -> int:
    """How many results a task asks for."""
    wanted = task.get("numberResults", 1)
    return wanted if isinstance(wanted, int) else 1


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
    envelope: Json,
    task_uuid: str,
    *,
    status: int = 200,
    retry_after: float | None = None,
    offline: bool = False,
    acknowledges: bool = False,
) -> TaskResponse:
    """Everything that an answer contains about one task; items are matched by taskUUID, never by their order.

    Args:
        envelope: of the answer.
        task_uuid: of the task.
        status: the HTTP status.
        retry_after: seconds that the service requires to wait.
        offline: whether the answer comes from the offline engine.
        acknowledges: whether it answers the send of an ``async`` task; "success" only means that the task arrived then.
    """
    as_error = functools.partial(read_error, status=status, retry_after=retry_after)
    results: list[ImageResult] = []
    failed: list[EngineError] = []
    processing = acknowledged = False
    for item in _items(envelope.get("data")):
        if not _concerns(item, task_uuid):
            continue
        word = _word_of(item)
        if (result := _result(item)) is not None:
            results.append(result)
        elif inner := list(error_items([item.get("error"), item.get("errors")])):
            failed += [_with_cost(as_error({**_ids(item), **error}, word=word), item) for error in inner]
        elif word and _letters(word) in AT_WORK:
            processing = True
        elif why := _why_ended(item, word, acknowledges=acknowledges):
            failed.append(_with_cost(as_error(item, word=why), item))
        else:
            acknowledged = True
    top = [item for item in error_items([envelope.get("errors"), envelope.get("error")]) if _concerns(item, task_uuid)]
    beside = reason_of({name: fact for name, fact in envelope.items() if name not in _ENVELOPE})
    if top and beside:  # {"error": "too_large", "error_description": "…"}
        top[0] = {**top[0], "message": [top[0].get("message"), beside]}
    failed += map(as_error, top)
    if status >= 400 and not (results or failed or processing):
        reason = reason_of([envelope, envelope.get("data")])
        failed.append(as_error({"message": reason or f"the service answered HTTP {status}"}))
    processing = processing or (acknowledged and not results and not failed)
    return TaskResponse(tuple(results), tuple(failed), processing, offline=offline)


def read_details(envelope: Json, task_uuid: str, *, offline: bool = False) -> TaskResponse:
    """The answer to ``getTaskDetails``: it holds the answer of a past task, one level deeper."""
    for item in _items(envelope.get("data")):
        response = item.get("response")
        if response and _concerns(item, task_uuid):
            is_envelope = isinstance(response, dict) and _ENVELOPE & response.keys()
            inner = response if is_envelope else {"data": response}
            return dataclasses.replace(read_response(inner, task_uuid, offline=offline), final=True)
    return TaskResponse(offline=offline)


def read_cost(envelope: Json) -> int | None:
    """The cost that the first item of an answer names, in micro-dollars; ``None`` if it names none."""
    return micros(next(_items(envelope.get("data")), {}).get("cost"))


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


def _items(value: Any) -> Iterator[Json]:
    return (item for item in (value if isinstance(value, list) else (value,)) if isinstance(item, dict))


def _ids(item: Json) -> Json:
    return {name: item[name] for name in ("taskUUID", "imageUUID") if item.get(name)}


def _word_of(item: Json) -> str:
    word = item.get("status")
    return plain_text(word.strip()) if isinstance(word, str) else ""


def _letters(word: str) -> str:
    return re.sub(r"[^a-z]", "", word.lower())


def _why_ended(item: Json, word: str, *, acknowledges: bool) -> str:
    """Why a result without a picture will not get one any more; empty if it may."""
    if any(fact is True for name, fact in item.items() if "nsfw" in name.lower()):
        return f"{word} (NSFW)".strip()
    if word and not (acknowledges and _letters(word) in SUCCESS):
        return word
    return "its address is empty" if any(name in item for name in PICTURE_KEYS) else ""


def _with_cost(error: EngineError, item: Json) -> EngineError:
    error.cost = micros(item.get("cost")) or None
    return error


def _concerns(item: Json, task_uuid: str) -> bool:
    # Each request carries one task, so an item without a taskUUID is about that task.
    named = item.get("taskUUID")
    return not named or str(named).lower() == task_uuid.lower()


def _result(item: Json) -> ImageResult | None:
    texts = (text.strip() for name in PICTURE_KEYS if isinstance(text := item.get(name), str))
    source = next(filter(None, texts), None)
    if source is None:
        return None
    return ImageResult(
        image_uuid=plain_text(item.get("imageUUID") or hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()),
        seed=_seed(item.get("seed")),
        cost=micros(item.get("cost")),
        source=source.encode("utf-8", "replace").decode(),
        nsfw=item["NSFWContent"] if isinstance(item.get("NSFWContent"), bool) else None,
        is_named=bool(item.get("imageUUID")),
        rounded_seed=_rounded_seed(item.get("seed")),
        replay=replay_text(item.get("replay")),
    )


def _seed(value: Any) -> int | None:
    try:
        seed = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    is_whole = isinstance(value, str) or (seed == value and not isinstance(value, bool))
    # JavaScript rounds the largest seed to a number out of range, which could not be sent again.
    return seed if is_whole and 0 <= seed <= MAX_INTEGER else None


def _rounded_seed(value: Any) -> float | None:
    """A seed as a double, if it is so large that one may be rounded, and looks as if it had been one."""
    try:
        double = float(value)
        if not EXACT <= double <= float(MAX_INTEGER):
            return None
        return double if Decimal(str(value)) in (Decimal(double), Decimal(repr(double))) else None
    except (TypeError, ValueError, OverflowError, InvalidOperation):
        return None
