"""Values as a person types them, and back to the same text.

::

    0.2, 0.5, 0.8     commas or lines between
    1..8              whole numbers from 1 to 8
    1, 2, .., 10      the step of the two before, up to the one after
    0 to 1 in 5       five values from 0 to 1, as evenly as the parameter's steps allow

A value that holds a comma, a quotation mark or a line of its own stands in double quotes, in which ``""`` is one
quotation mark; what is in quotes is never a range. Numbers are read by what the parameter takes, so that a seed keeps
all of its 63 bits; what is no number stays text, and the declaration's own check says what is wrong with it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from nbkit.errors import RequestError
from nbkit.request.parameter import Boolean, Decimal2, Integer, Kind, Text
from nbkit.widgets.form.fields import NOT_SENT
from nbkit.widgets.form.fields import word as word_of

UNSET = "default"
"""The word for a parameter that is left out."""
MOST = 1_000
"""Values of one range, at most."""

_QUOTED = re.compile(r'\s*"((?:[^"]|"")*)"[^\S\n]*(?=[,\n]|$)')
_PLAIN, _LINE = re.compile(r"[^,\n]*"), re.compile(r"[^\n]*")
_NUMBER = r"-?(?:\d+\.?\d*|\.\d+)"
_RANGE = re.compile(r"(-?\d+)\s*\.\.\s*(-?\d+)")
_SPREAD = re.compile(rf"({_NUMBER})\s+to\s+({_NUMBER})\s+in\s+(\d+)")
_AND_SO_ON = ("..", "...", "…")


def read_values(text: str, kind: Kind | None) -> list[Any]:
    """The values that a text stands for.

    Args:
        text: as typed.
        kind: what the parameter takes; ``None`` for a variable of a template, whose plain numbers are numbers. A
            prompt has commas of its own: there only the end of a line ends a value, and there are no ranges.

    Raises:
        RequestError: for a range of more than :data:`MOST` values, or one that has no end.
    """
    words = list(_words(text, isinstance(kind, Text)))
    if isinstance(kind, Text):
        return [word for word, _ in words]
    values: list[Any] = []
    for place, (word, quoted) in enumerate(words):
        if quoted:
            values.append(word)
        elif word in _AND_SO_ON:
            after, is_word = words[place + 1] if place + 1 < len(words) else ("", True)
            values += _between(values, "" if is_word else after, kind)
        elif found := _RANGE.fullmatch(word):
            values += _steps(Decimal(found[1]), Decimal(1), Decimal(found[2]), kind, word)
        elif found := _SPREAD.fullmatch(word):
            values += spread(found[1], found[2], found[3], kind)
        else:
            values.append(_read(word, kind))
    return values


def write_values(values: Iterable[Any], kind: Kind | None) -> str:
    """The text that :func:`read_values` takes for these values."""
    words = [_write(value, kind) for value in values]
    long = isinstance(kind, Text) or any(len(word) > 40 for word in words)
    return ("\n" if long else ", ").join(words)


def spread(start: str, stop: str, count: str, kind: Kind | None) -> list[Any]:
    """So many values from start to stop, as evenly as the parameter's steps allow.

    Raises:
        RequestError: for more than :data:`MOST`, and for ends that the parameter does not allow.
    """
    many = int(count) if len(count) < 9 else MOST + 1
    if not 1 <= many <= MOST:
        raise _too_many(f"{start} to {stop} in {count}")
    steps = max(1, many - 1)
    if isinstance(kind, Integer):  # not by way of a quotient, which would lose the last of 63 bits
        first, last = (_whole(text, kind) for text in (start, stop))
        return list(dict.fromkeys(first + _nearest((last - first) * i, steps) for i in range(many)))
    low, high = Decimal(start), Decimal(stop)
    for number, text in ((low, start), (high, stop)):
        if isinstance(kind, Decimal2) and not kind.minimum <= number <= kind.maximum:  # 1e999999 steps take forever
            raise RequestError(f"{text}: must be {kind.rule()}", parameter="values", value=text)
    places = [low + (high - low) * i / Decimal(steps) for i in range(many)]
    per_unit = round(1 / kind.step) if isinstance(kind, Decimal2) else 1000
    return list(dict.fromkeys(_plain(round(place * per_unit) / Decimal(per_unit), kind) for place in places))


def _between(before: list[Any], last: str, kind: Kind | None) -> list[Any]:
    """The values that ``..`` stands for, between those before it and the one after it, which is not among them."""
    numbers = [Decimal(str(value)) for value in before[-2:] if isinstance(value, (int, float))]
    try:
        end = Decimal(last)
    except InvalidOperation:
        end = Decimal("NaN")
    if not numbers or len(numbers) != len(before[-2:]) or not end.is_finite():
        raise RequestError('".." goes between numbers, as in 1, 2, .., 10', parameter="values")
    step = numbers[-1] - numbers[0] or Decimal(1)
    if (end - numbers[-1]) * step < 0:
        raise RequestError(f'".." does not lead from {numbers[-1]} to {end} in steps of {step}', parameter="values")
    found = _steps(numbers[-1], step, end, kind, f".. {last}")[1:]
    return found[:-1] if found and found[-1] == _plain(end, kind) else found


def _steps(first: Decimal, step: Decimal, last: Decimal, kind: Kind | None, said: str) -> list[Any]:
    if last < first and step == 1:
        step = Decimal(-1)
    many = int((last - first) / step) + 1
    if many > MOST:
        raise _too_many(said)
    return [_plain(first + step * number, kind) for number in range(many)]


def _plain(number: Decimal, kind: Kind | None) -> int | float:
    if isinstance(kind, Decimal2):
        return float(number)
    return int(number) if number == number.to_integral_value() else float(number)


def _too_many(said: str) -> RequestError:
    return RequestError(f"{said}: a range has at most {MOST:,} values", parameter="values")


def _nearest(number: int, by: int) -> int:
    """A quotient as a whole number."""
    return (2 * number + by) // (2 * by)


def _whole(text: str, kind: Integer) -> int:
    try:
        return int(text)
    except ValueError:
        raise RequestError(f"{text}: must be {kind.rule()}", parameter="values", value=text) from None


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
    if word.lower() in (UNSET, NOT_SENT):
        return None
    if isinstance(kind, Boolean):
        return {"on": True, "off": False}.get(word, word)
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
        return UNSET
    text = word_of(value) if isinstance(kind, Boolean) else str(value)
    try:
        is_plain = not text.lstrip().startswith('"')  # else it might open a quotation with what follows
        if not isinstance(value, str) or (is_plain and read_values(text, kind) == [text]):
            return text
    except RequestError:
        pass  # a range that is none: in quotes it is a word
    return '"{}"'.format(text.replace('"', '""'))
