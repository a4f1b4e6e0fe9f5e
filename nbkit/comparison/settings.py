"""What differs between several pictures: what was asked of them first, then what came back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from nbkit.comparison.subject import COMPARED, Subject
from nbkit.comparison.text_difference import word_difference
from nbkit.display.compare import Difference, Piece
from nbkit.request.parameter import Text

NOT_KNOWN, NOT_SENT = "not known", "not sent"

_MISSING = object()
_CAME = ("cost", "NSFWContent", "status", "engine", "charged")


def settings_that_differ(subjects: Sequence[Subject]) -> list[Difference]:
    """One entry for each parameter and each result that is not the same for all whose value is known."""
    return [*_asked(subjects), *_came(subjects)]


def _asked(subjects: Sequence[Subject]) -> Iterator[Difference]:
    for name in (*COMPARED, "extra"):
        if name == "requestedSeed":
            yield from _seeds(subjects)
            continue
        parameter = COMPARED.get(name)
        default = parameter.default if parameter else None
        values = [subject.asked.get(name, _MISSING) for subject in subjects]
        if _differ([default if value is None else value for value in values]):
            wordy = parameter is not None and isinstance(parameter.kind, Text)
            yield Difference(name, _texts(values) if wordy else tuple((Piece(_told(v, default)),) for v in values))


def _seeds(subjects: Sequence[Subject]) -> Iterator[Difference]:
    """One row for both seeds: the one that made the picture, and whether it was asked for."""
    made = [subject.came.get("seed", _MISSING) for subject in subjects]
    sent = [subject.asked.get("requestedSeed", _MISSING) for subject in subjects]
    seeds = [
        str(wanted) if seed is _MISSING and wanted not in (_MISSING, None) else seed
        for seed, wanted in zip(made, sent, strict=True)
    ]
    if not _differ(seeds):
        return
    told = []
    for seed, wanted in zip(seeds, sent, strict=True):
        if seed is _MISSING:
            told.append(NOT_SENT if wanted is None else NOT_KNOWN)
        else:
            told.append(f"{seed} (drawn by the service)" if wanted is None else str(seed))
    asked_for = any(wanted not in (_MISSING, None) for wanted in sent)
    yield Difference("seed", tuple((Piece(text),) for text in told), result=not asked_for)


def _came(subjects: Sequence[Subject]) -> Iterator[Difference]:
    for name in _CAME:
        values = [subject.came.get(name, _MISSING) for subject in subjects]
        if _differ(values):
            yield Difference(name, tuple((Piece("—" if v is _MISSING else str(v)),) for v in values), result=True)


def _differ(values: Sequence[Any]) -> bool:
    return len({value for value in values if value is not _MISSING}) > 1


def _texts(values: Sequence[Any]) -> tuple[tuple[Piece, ...], ...]:
    """Each text against the first."""
    base = next((i for i, value in enumerate(values) if isinstance(value, str)), 0)
    return tuple(
        word_difference(values[base], value) if i > base and isinstance(value, str) else (Piece(_told(value, None)),)
        for i, value in enumerate(values)
    )


def _told(value: Any, default: Any) -> str:
    if value is _MISSING:
        return NOT_KNOWN
    if value is None:
        return NOT_SENT if default is None else f"{NOT_SENT} (default {default})"
    # A content hash in full would be a line that nobody reads; its beginning tells two pictures apart.
    return re.sub(
        r"sha256:([0-9a-f]{12})[0-9a-f]+", r"sha256:\1…", f"{value:g}" if isinstance(value, float) else str(value)
    )
