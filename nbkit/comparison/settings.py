"""What differs between several pictures: first the parameters of their requests, then the results."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nbkit.comparison.subject import COMPARED_PARAMETERS, Subject
from nbkit.comparison.text_difference import word_difference
from nbkit.display.compare import Difference, Piece
from nbkit.display.text import usd, usd_short
from nbkit.request.parameter import Text

UNKNOWN_TEXT, UNSET_TEXT = "unknown", "default"

_MISSING = object()
_RETURNED_COLUMNS = ("cost", "NSFWContent", "status", "engine", "charged")
"""Results that are compared, beside the seed."""


def settings_that_differ(subjects: Sequence[Subject]) -> list[Difference]:
    """One entry for each parameter and each result that is not the same for all subjects where it is known."""
    found = []
    for name in (*COMPARED_PARAMETERS, "extra"):
        if name == "requestedSeed":
            found += _seed_difference(subjects)
            continue
        parameter = COMPARED_PARAMETERS.get(name)
        default = parameter.default if parameter else None
        values = [subject.requested.get(name, _MISSING) for subject in subjects]
        if _has_differences([default if value is None else value for value in values]):
            is_text = parameter is not None and isinstance(parameter.kind, Text)
            shown = _text_pieces(values) if is_text else _in_one_piece(value_text(v, default) for v in values)
            found.append(Difference(name, shown))
    for name in _RETURNED_COLUMNS:
        values = [subject.returned.get(name, _MISSING) for subject in subjects]
        if _has_differences(values):
            text = _price_text(values) if name == "cost" else str
            shown = _in_one_piece("—" if value is _MISSING else text(value) for value in values)
            found.append(Difference(name, shown, result=True))
    return found


def _seed_difference(subjects: Sequence[Subject]) -> list[Difference]:
    """One row for two columns: the seed that made the picture, and whether it was in the request."""
    sent = [subject.requested.get("requestedSeed", _MISSING) for subject in subjects]
    made = [subject.returned.get("seed", _MISSING) for subject in subjects]
    seeds = [
        str(requested) if seed is _MISSING and requested not in (_MISSING, None) else seed
        for seed, requested in zip(made, sent, strict=True)
    ]
    if not _has_differences(seeds):
        return []
    texts = []
    for seed, requested in zip(seeds, sent, strict=True):
        drawn = f"{seed} (random)" if requested is None else str(seed)
        texts.append(value_text(requested) if seed is _MISSING else drawn)
    was_requested = any(requested not in (_MISSING, None) for requested in sent)
    return [Difference("seed", _in_one_piece(texts), result=not was_requested)]


def _price_text(values: Sequence[Any]) -> Callable[[int], str]:
    """How prices are written: short, unless two that differ would then read the same."""
    known = {value for value in values if value is not _MISSING}
    return usd_short if len({usd_short(value) for value in known}) == len(known) else usd


def _in_one_piece(texts: Iterable[str]) -> tuple[tuple[Piece, ...], ...]:
    return tuple((Piece(text),) for text in texts)


def _has_differences(values: Sequence[Any]) -> bool:
    return len({value for value in values if value is not _MISSING}) > 1


def _text_pieces(values: Sequence[Any]) -> tuple[tuple[Piece, ...], ...]:
    """The difference of each text from the first one."""
    base = next((i for i, value in enumerate(values) if isinstance(value, str)), 0)
    return tuple(
        word_difference(values[base], value) if i > base and isinstance(value, str) else (Piece(value_text(value)),)
        for i, value in enumerate(values)
    )


def value_text(value: Any, default: Any = None) -> str:
    """The value of a parameter as text."""
    if value is _MISSING:
        return UNKNOWN_TEXT
    if value is None:
        return UNSET_TEXT if default is None else f"{UNSET_TEXT} ({default})"
    # The first 12 digits of a content hash distinguish two pictures, and a full hash is too long to read.
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return re.sub(r"sha256:([0-9a-f]{12})[0-9a-f]+", r"sha256:\1…", text)
