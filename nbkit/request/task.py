"""A task of the API, which is exact for code and shows itself without credentials.

The border between what is sent and what is shown runs here. ``request.to_task()``, ``request.to_send()`` and
``request.extra`` hold what is sent, whole, so that ``json.dumps`` and ``task["webhookURL"]`` give it exactly. Their ``repr``,
the log, captions, ``run.as_json()`` and ``run.as_code()`` hold what :func:`redacted` leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nbkit.request.address import HIDDEN, MIN_SECRET, Url, secrets_of, whole_text, without_credentials
from nbkit.request.naming import TASK_KEYS
from nbkit.request.parameter import Address, Choice, ListOf, Parameter, Text
from nbkit.request.profile import PROFILES
from nbkit.request.reference import name_in_log

BY_WIRE: dict[tuple[str, ...], Parameter[Any]] = {}
"""Each parameter by its path in a task; filled by ``image_request.py``, which declares them."""

_MAX_NUMBER_CHARACTERS = 8


class Task(dict[str, Any]):
    """A task, or a part of one, as it is sent. It shows itself without credentials.

    Example:
        >>> import nbkit
        >>> task = nbkit.ImageRequest("A paper lantern", extra={"newFlag": True, "newKey": "k-123"}).to_task()
        >>> task
        {'positivePrompt': 'A paper lantern', 'newFlag': True, 'newKey': '…'}
        >>> task["newKey"]
        'k-123'
    """

    def __repr__(self) -> str:
        return repr(redacted(self))


def redacted(task: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a task, or of an ``extra``, for the log and for display.

    Addresses are without credentials, and inline pictures are their hash. Of what is no parameter, and so came through
    ``extra``, the keys are kept, and of the values what can be no secret: numbers of a few digits, true and false, and
    the words that the API itself uses.
    """
    return {str(name): _shown(value, (str(name),)) for name, value in task.items()}


def has_credentials(task: Mapping[str, Any]) -> bool:
    """Whether :func:`redacted` removes anything but pictures, so that the logged task cannot be sent again."""
    return next(_removed(task, ()), None) is not None


def secrets_in(task: Mapping[str, Any]) -> set[str]:
    """The texts that :func:`redacted` removes from a task, apart from pictures: a service may repeat them."""
    found: set[str] = set()
    for text in _removed(task, ()):
        found |= secrets_of(text) if "://" in text else {text} if len(text) >= MIN_SECRET else set()
    return found


def _shown(value: Any, path: tuple[str, ...]) -> Any:
    parameter = BY_WIRE.get(path)
    if isinstance(value, Mapping):
        return {str(name): _shown(inner, (*path, str(name))) for name, inner in value.items()}
    if parameter is not None and isinstance(parameter.kind, ListOf) and isinstance(value, (list, tuple)):
        return [name_in_log(whole_text(text)) if isinstance(text, str) else _without_secrets(text) for text in value]
    if parameter is not None and isinstance(value, (int, float)):  # a seed may be long, and is none
        return value
    if isinstance(value, str):
        is_text = path[-1] in (*TASK_KEYS.values(), "model") or (
            parameter is not None and isinstance(parameter.kind, Text)
        )
        if is_text and not isinstance(value, Url):
            return value
        if parameter is not None and isinstance(parameter.kind, Address):  # a log's row says by itself that it is cut
            return without_credentials(value)
    return _without_secrets(value)


def _without_secrets(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return value if len(str(value)) <= _MAX_NUMBER_CHARACTERS else HIDDEN
    if isinstance(value, str):
        return _without_secret(value)
    if isinstance(value, Mapping):
        return {str(name): _without_secrets(inner) for name, inner in value.items()}
    return [_without_secrets(inner) for inner in value] if isinstance(value, (list, tuple)) else HIDDEN


def _without_secret(text: str) -> str:
    if isinstance(text, Url):
        return without_credentials(text)
    if "://" not in text:
        return text if text in _api_terms() or len(text) < 4 else HIDDEN
    shown = without_credentials(text)
    # Marked as cut, so that nobody sends it as it is shown; a Url knows that by itself.
    return shown if shown == text or HIDDEN in shown else shown + HIDDEN


def _removed(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    """The texts of a task, or of a part of one, that are not shown as they are; pictures are left out."""
    parts = (
        value.items()
        if isinstance(value, Mapping)
        else ((None, v) for v in value)
        if isinstance(value, (list, tuple))
        else None
    )
    if parts is not None:
        for name, inner in parts:
            yield from _removed(inner, path if name is None else (*path, str(name)))
    elif isinstance(value, str):
        text = whole_text(value)
        parameter = BY_WIRE.get(path)
        shown = (
            name_in_log(text) if parameter is not None and isinstance(parameter.kind, ListOf) else _shown(value, path)
        )
        if shown != text and not str(shown).startswith("sha256:"):
            yield text
    elif _shown(value, path) != value:
        yield str(value)


def _api_terms() -> set[str]:
    own = [parameter for profile in PROFILES.values() for parameter in profile.parameters.values()]
    spelled = {word for parameter in own for word in parameter.spellings.values()}
    return spelled.union(*(parameter.kind.choices for parameter in own if isinstance(parameter.kind, Choice)))
