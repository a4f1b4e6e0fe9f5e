"""Values as a person types them: one per line or with commas between, and back to the same text.

A value that holds a comma, a quotation mark or a line of its own stands in double quotes, in which ``""`` is one
quotation mark. Numbers are read by what the parameter takes, so that a seed keeps all of its 63 bits; what is no
number stays text, and the declaration's own check says what is wrong with it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from nbkit.errors import RequestError
from nbkit.request.parameter import Decimal2, Integer, Kind, Text, short_repr
from nbkit.widgets.form.fields import NOT_SENT

MOST = 1_000
"""Values that a range writes, at most."""

_QUOTED = re.compile(r'\s*"((?:[^"]|"")*)"[^\S\n]*(?=[,\n]|$)')
_PLAIN, _LINE = re.compile(r"[^,\n]*"), re.compile(r"[^\n]*")


def read_values(text: str, kind: Kind | None) -> list[Any]:
    """The values that a text stands for.

    Args:
        text: as typed.
        kind: what the parameter takes; ``None`` for a variable of a template, whose plain numbers are numbers. A
            prompt has commas of its own: there only the end of a line ends a value.
    """
    return [word if quoted else _read(word, kind) for word, quoted in _words(text, isinstance(kind, Text))]


def write_values(values: Iterable[Any], kind: Kind | None) -> str:
    """The text that :func:`read_values` takes for these values."""
    words = [_write(value, kind) for value in values]
    long = isinstance(kind, Text) or any(len(word) > 40 for word in words)
    return ("\n" if long else ", ").join(words)


def spread(start: str, stop: str, count: str, kind: Integer | Decimal2) -> list[Any]:
    """So many values from start to stop, as evenly as the parameter's steps allow.

    Raises:
        RequestError: for what is no number; its ``parameter`` is ``start``, ``stop`` or ``count``.
    """
    many = _whole("count", count)
    if not 1 <= many <= MOST:
        raise RequestError(f"count={many}: must be a whole number from 1 to {MOST:,}", parameter="count", value=many)
    if isinstance(kind, Integer):  # not by way of a quotient, which would lose the last of 63 bits
        first, last = _whole("start", start), _whole("stop", stop)
        return list(dict.fromkeys(first + _nearest((last - first) * i, max(1, many - 1)) for i in range(many)))
    low, high = _decimal("start", start, kind), _decimal("stop", stop, kind)
    places = [low + (high - low) * i / Decimal(max(1, many - 1)) for i in range(many)]
    steps = round(1 / kind.step)
    return list(dict.fromkeys(round(place * steps) / steps for place in places))


def _nearest(number: int, by: int) -> int:
    """A quotient as a whole number."""
    return (2 * number + by) // (2 * by)


def _words(text: str, lines: bool) -> Iterator[tuple[str, bool]]:
    place, plain = 0, _LINE if lines else _PLAIN
    while place < len(text):
        quoted = _QUOTED.match(text, place)
        found = quoted or plain.match(text, place)
        assert found is not None  # the plain one takes nothing, too
        if quoted:
            yield quoted[1].replace('""', '"'), True
        elif word := found[0].strip():
            yield word, False
        place = found.end() + 1


def _read(word: str, kind: Kind | None) -> Any:
    if isinstance(kind, Text):
        return word
    if word == NOT_SENT:
        return None
    if isinstance(kind, Integer):
        return _or_text(int, word)
    if isinstance(kind, Decimal2):
        return _or_text(float, word)
    for number in (int, float):  # only as Python writes it: 007 is an agent
        found = _or_text(number, word)
        if str(found) == word and not isinstance(found, str):
            return found
    return word


def _or_text(number: type[int | float], word: str) -> Any:
    try:
        found = number(word)
    except ValueError:
        return word
    # nan and inf are words: Python's code has no such numbers
    return word if isinstance(found, float) and not math.isfinite(found) else found


def _write(value: Any, kind: Kind | None) -> str:
    if value is None:
        return NOT_SENT
    text = str(value)
    if not isinstance(value, str) or read_values(text, kind) == [text]:
        return text
    return '"{}"'.format(text.replace('"', '""'))


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise RequestError(f"{name}={short_repr(text)}: must be a whole number", parameter=name, value=text) from None


def _decimal(name: str, text: str, kind: Decimal2) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not (number.is_finite() and kind.minimum <= number <= kind.maximum):  # 1e999999 steps take forever
        raise RequestError(f"{name}={short_repr(text)}: must be {kind.rule()}", parameter=name, value=text)
    return number
