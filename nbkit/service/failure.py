"""Why a task or one of its results failed: the service's words, in all the shapes in which they come, as exceptions.

The kind of an error follows from its code, and only without a known code from the HTTP status. Its message is the
service's own sentence, wherever the answer has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nbkit import errors
from nbkit.errors import EngineError
from nbkit.request.address import without_credentials

Json = Mapping[str, Any]

MAX_MESSAGE = 2_000
"""Characters of a service's message that are kept: some services repeat a whole inline picture in it."""

MAX_DEPTH = 8
"""Levels of an error inside an error that are read."""

_ADDRESS = re.compile(r"\w+://[^\s\"'<>]+")

_SENTENCES = (
    "message",
    "errormessage",
    "detail",
    "msg",
    "reason",
    "description",
    "error_description",
    "faultstring",
    "text",
)
"""The keys, in lower case, under which services give their reason. ``title`` and nested errors are looked at too."""

_NESTED = ("errors", "error", "fault", "cause")

_SAFETY = re.compile(
    r"(?i)nsfw|moderat|flagged|blocked|safety (?:filter|system|check)|content[ _-]?policy|prohibited content"
)

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
    (errors.RefusedError, "(?i)^(conflict|invalid|missing|unsupported|value|array|max|duplicate|notInPack)"),
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


def read_error(
    item: Json, status: int | None = None, retry_after: float | None = None, *, word: str | None = None
) -> EngineError:
    """One error item as an exception.

    Args:
        item: of the answer.
        status: the HTTP status.
        retry_after: seconds that the service requires to wait.
        word: for a result that ended without a picture, the word with which the service ended it.
    """
    code = plain_text(item.get("code") or item.get("errorCode") or "")
    if code.isdecimal():  # an HTTP status, as some services repeat it
        status, code = status if (status or 0) >= 400 else int(code[:3]), ""
    named = item.get("parameter")
    parameters = (
        [plain_text(name) for name in named] if isinstance(named, list) else [plain_text(named)] if named else []
    )
    default = "the service gave no reason" if word is None else f"the service ended it without a picture: {word}"
    message = reason_of(item) or plain_text(default)
    allowed = item.get("allowedValues")
    if isinstance(allowed, list) and allowed:
        message += f" (allowed: {plain_text(', '.join(map(str, allowed)))})"
    if parameters and not any(name in message for name in parameters):
        message = f"{', '.join(parameters)}: {message}"
    if not code and (status or 0) >= 400 and str(status) not in message:
        message += f" (HTTP {status})"
    own = item.get("status")
    kind = error_class(code, own if isinstance(own, int) else status)
    if kind is EngineError and word is not None and _SAFETY.search(f"{word} {message}"):
        kind = errors.BlockedError
    error = kind(
        message,
        code=code,
        parameter=parameters,
        status=status,
        task_uuid=str(item["taskUUID"]) if item.get("taskUUID") else None,
        retry_after=retry_after,
    )
    error.image_uuid = plain_text(item["imageUUID"]) if item.get("imageUUID") else None
    return error


def error_items(value: Any, depth: int = 0) -> Iterator[Json]:
    """The errors in the value of ``errors`` or ``error``: a list, an object or a text, at any level of nesting."""
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, str) and item.strip():
            yield {"message": item}
        elif isinstance(item, dict) and item:
            inner = [part for name in _NESTED if isinstance(part := item.get(name), dict | list)]
            found = list(error_items(inner, depth + 1)) if depth < MAX_DEPTH and not item.get("code") else []
            outer = {name: item[name] for name in ("taskUUID", "imageUUID", "cost") if item.get(name)}
            leaf = item if item.get("code") else {**item, "message": _reason(item, 1)}
            yield from ({**outer, **error} for error in found) if found else (leaf,)
        elif isinstance(item, list) and depth < MAX_DEPTH:
            yield from error_items(item, depth + 1)


def reason_of(value: Any) -> str:
    """The sentence in which a service says what is wrong; empty if it has none."""
    # An address that the service repeats may hold a credential.
    return _ADDRESS.sub(lambda found: without_credentials(found[0]), plain_text(_reason(value, 0)))


def _reason(value: Any, depth: int) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list) and depth <= MAX_DEPTH:
        return "; ".join(dict.fromkeys(filter(None, (_reason(item, depth + 1) for item in value[:10]))))
    return _reason_in(value, depth) if isinstance(value, dict) and depth <= MAX_DEPTH else ""


def _reason_in(item: Json, depth: int) -> str:
    facts = {str(name).lower(): fact for name, fact in item.items()}

    def first(names: Iterable[str]) -> str:
        return next(filter(None, (_reason(facts.get(name), depth + 1) for name in names)), "")

    title, sentence = first(["title"]), first(_SENTENCES)
    if isinstance(where := facts.get("loc"), list) and sentence:  # how a common framework lists invalid fields
        title = ".".join(map(str, where))
    found = ": ".join(filter(None, dict.fromkeys((title, sentence)))) or first(_NESTED)
    if found or not depth or not all(isinstance(fact, str | list) for fact in facts.values()):
        return found
    # Some services list the invalid fields: {"width": ["too large"]}.
    fields = ((name, _reason(fact, depth + 1)) for name, fact in item.items())
    return "; ".join(f"{name}: {text}" for name, text in fields if text)


def plain_text(value: Any) -> str:
    """A service's text, cut to a readable length, in characters that a database and a page can hold."""
    text = str(value)
    return (text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}…").encode("utf-8", "replace").decode()
