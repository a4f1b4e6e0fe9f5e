"""One parameter of the API: its type, bounds, default, path in a task, and the sentence that explains it.

A :class:`Parameter` is declared once, as a field of :class:`~nbkit.ImageRequest`. The checks, the JSON, the log's
column, the widget and the help text are derived from it. On the class the field is the declaration
(``ImageRequest.temperature.kind.maximum``); on an instance it is the value (``request.temperature``), ``None`` if it
was not set.

A *kind* checks values. ``check(value)`` returns the value in its canonical form or raises :class:`ValueInvalid`, which
``rules.py`` turns into a :class:`~nbkit.errors.RequestError` that begins with the parameter's name.
"""

from __future__ import annotations

import difflib
import math
import numbers
import operator
import re
import reprlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload
from urllib.parse import urlsplit

from nbkit.request.address import HIDDEN, Url, whole_text
from nbkit.request.sources import SourcePage

T = TypeVar("T")

MAX_INTEGER = 2**63 - 1
"""The largest whole number that is sent: beyond 64 bits, JSON parsers disagree about the value."""


class _ShortRepr(reprlib.Repr):
    def repr_instance(self, x: Any, level: int) -> str:  # noqa: ARG002  the signature is reprlib's
        text = without_memory_addresses(repr(x))
        return text if len(text) <= self.maxother else f"{text[:30]}...{text[-27:]}"


_SHORT_REPR = _ShortRepr()
_SHORT_REPR.maxstring = _SHORT_REPR.maxother = 60
_SHORT_REPR.maxlist = _SHORT_REPR.maxtuple = 4


def without_memory_addresses(text: str) -> str:
    """A text without memory addresses, which differ from one execution to the next."""
    return re.sub(r" at 0x[0-9A-Fa-f]+", "", text)


def short_repr(value: Any) -> str:
    """A ``repr`` cut to a readable length, so that no error message contains a prompt of 45,000 characters."""
    try:
        return _SHORT_REPR.repr(value)
    except Exception:  # noqa: BLE001  an object whose repr fails must not replace the error message that quotes it
        return f"<{type(value).__name__}>"


_TYPES = {
    "str": "text",
    "int": "a number",
    "float": "a decimal number",
    "NoneType": "None",
    "bytes": "bytes",
    "ndarray": "an array",
}
"""Types in words, for people who write no Python classes."""


def type_in_words(value: Any) -> str:
    """What a value of the wrong type is, as the end of a message: "must be a whole number, got text".

    Example:
        >>> from nbkit.request.parameter import type_in_words
        >>> [type_in_words(value) for value in ("7", 7, 0.5, True, [7], None)]
        ['text', 'a number', 'a decimal number', 'True', 'a list', 'None']
    """
    if _is_bool(value):
        return str(bool(value))
    kinds = {numbers.Integral: "int", numbers.Real: "float", str: "str", bytes: "bytes"}
    name = type(value).__name__
    general = next((own for kind, own in kinds.items() if isinstance(value, kind)), name)  # also numpy's and enums
    return _TYPES.get(name) or _TYPES.get(general) or f"{'an' if name[:1] in 'aeiouAEIO' else 'a'} {name}"


class ValueInvalid(Exception):
    """A value that a kind does not accept. It never leaves nbkit: users get a :class:`~nbkit.errors.RequestError`.

    Args:
        reason: the kind of mistake, as in ``RequestError.reason``.
        rule: what the kind accepts; the message continues "must be …" with it.
        suggestion: the nearest valid value, or ``None``.
    """

    def __init__(self, reason: str, rule: str, suggestion: Any = None) -> None:
        super().__init__(rule)
        self.reason, self.rule, self.suggestion = reason, rule, suggestion


def nearest(word: Any, choices: Iterable[str], cutoff: float = 0.5) -> str | None:
    """The choice that is most similar to a word, or ``None`` if none is similar; case does not matter."""
    by_lower = {choice.lower(): choice for choice in choices}
    matches = difflib.get_close_matches(str(word).lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[matches[0]] if matches else None


def as_plain_str(text: str) -> str:
    return str.__str__(text)  # str() of an enum member that is also a str would return the name of the member


def is_utf8(text: str) -> bool:
    return not re.search("[\ud800-\udfff]", text)


def is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        is_complete = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_complete and is_utf8(text) and not re.search(r"[\s\x00-\x1f\x7f]", text)


def none_if_gap(value: Any) -> Any:
    """``None`` for ``pd.NA`` and ``pd.NaT``, which a row of a frame has where nothing was set; else the value.

    A float ``nan`` is no gap: a computation that failed must not be sent as "not set". pandas is not imported for it.
    """
    kind = type(value)
    return None if kind.__name__ in ("NAType", "NaTType") and kind.__module__.startswith("pandas.") else value


@dataclass(frozen=True, slots=True)
class Text:
    """A string of ``minimum`` to ``maximum`` characters; ``maximum=None`` if no bound is known."""

    minimum: int
    maximum: int | None

    def rule(self) -> str:
        if self.maximum is None:
            return f"text of at least {self.minimum:,} characters"
        return f"text of {self.minimum:,} to {self.maximum:,} characters"

    def check(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueInvalid("type", f"{self.rule()}, got {type_in_words(value)}")
        if len(value) < self.minimum or (self.maximum is not None and len(value) > self.maximum):
            raise ValueInvalid("length", f"{self.rule()}, and this has {len(value):,}")
        if not value.strip():
            raise ValueInvalid("length", f"{self.rule()}, and this is blank")
        if not is_utf8(value):
            raise ValueInvalid("format", "text that can be written as UTF-8, and this holds half of a surrogate pair")
        if "\0" in value:  # PostgreSQL keeps none, and a log may move there
            rest = value.replace("\0", "")
            near = rest if len(rest.strip()) >= self.minimum else None
            raise ValueInvalid("format", f"{self.rule()}, and this has the character NUL", near)
        return as_plain_str(value)


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer from ``minimum`` to ``maximum``; with ``maximum=None``, 64 bits are the upper bound."""

    minimum: int
    maximum: int | None = None

    def rule(self) -> str:
        if self.maximum is None:
            return f"a whole number of at least {self.minimum}"
        return f"a whole number from {self.minimum} to {self.maximum}"

    def check(self, value: Any) -> int:
        if _is_bool(value) or not isinstance(value, numbers.Integral):
            near = _guess(value, lambda text: self._clamp(int(text)))
            raise ValueInvalid("type", f"{self.rule()}, got {type_in_words(value)}", near)
        number = operator.index(value)
        if self.maximum is None and number > MAX_INTEGER:
            raise ValueInvalid("range", f"{self.rule()} that 64 bits can hold")
        if number != (bound := self._clamp(number)):
            raise ValueInvalid("range", self.rule(), bound)
        return number

    def _clamp(self, number: int) -> int:
        return max(self.minimum, number if self.maximum is None else min(number, self.maximum))


@dataclass(frozen=True, slots=True)
class Decimal2:
    """A number from ``minimum`` to ``maximum`` in steps of 0.01.

    A value within 1e-9 of a step counts as that step (``numpy.arange`` makes 0.30000000000000004). A float of numpy
    with fewer than 64 bits counts as the number that it prints.
    """

    minimum: float
    maximum: float
    step: float = 0.01

    def rule(self) -> str:
        return f"a number from {self.minimum:g} to {self.maximum:g} in steps of {self.step:g}"

    def check(self, value: Any) -> float:
        if _is_bool(value) or not isinstance(value, numbers.Real):
            near = _guess(value, lambda text: self._nearest(float(text)))
            raise ValueInvalid("type", f"{self.rule()}, got {type_in_words(value)}", near)
        if getattr(getattr(value, "dtype", None), "itemsize", 8) < 8:
            value = str(value)  # numpy.float32(0.72) is 0.7200000286 as a double, but the user typed 0.72
        try:
            number = float(value)
        except OverflowError:  # an int that is too large for a float
            raise ValueInvalid("range", self.rule(), self.maximum if value > 0 else self.minimum) from None
        if math.isnan(number):
            raise ValueInvalid("range", f"{self.rule()}; None is what is not sent")
        if math.isinf(number):
            raise ValueInvalid("range", self.rule())
        step = self._nearest(number)
        if abs(number - step) > 1e-9:
            raise ValueInvalid("step" if self.minimum <= number <= self.maximum else "range", self.rule(), step)
        return step

    def _nearest(self, number: float) -> float:
        steps = round(1 / self.step)  # 57 / 100 == 0.57, but 57 * 0.01 != 0.57
        return round(min(max(number, self.minimum), self.maximum) * steps) / steps + 0.0  # the identity has no -0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few strings."""

    choices: tuple[str, ...]

    def rule(self) -> str:
        return "one of " + ", ".join(repr(choice) for choice in self.choices)

    def check(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueInvalid("type", f"{self.rule()}, got {type_in_words(value)}", nearest(value, self.choices))
        if value not in self.choices:
            raise ValueInvalid("choice", self.rule(), nearest(value, self.choices))
        return as_plain_str(value)


@dataclass(frozen=True, slots=True)
class Boolean:
    """``True`` or ``False``, also as a boolean of numpy; numbers are rejected."""

    def rule(self) -> str:
        return "True or False"

    def check(self, value: Any) -> bool:
        if not _is_bool(value):
            guesses = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
            guess = guesses.get(str(value).lower()) if isinstance(value, (str, numbers.Number)) else None
            raise ValueInvalid("type", f"{self.rule()}, got {type_in_words(value)}", guess)
        return bool(value)


@dataclass(frozen=True, slots=True)
class Address:
    """An ``http://`` or ``https://`` address, which becomes an :class:`~nbkit.request.address.Url`."""

    def rule(self) -> str:
        return "an address that begins with https:// or http://"

    def check(self, value: Any) -> Url:
        if not isinstance(value, str):
            raise ValueInvalid("type", f"{self.rule()}, got {type_in_words(value)}")
        if isinstance(value, Url) and value.whole is None:  # of a log or a pickle: it is shown, and not sent
            return value
        text = whole_text(value)
        if not is_address(text):
            raise ValueInvalid("format", self.rule())
        if HIDDEN in text:
            raise ValueInvalid(
                "format", f"{self.rule()}, and whole: its credentials are not shown, so type all of it again"
            )
        return Url(text)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of ``minimum`` to ``maximum`` items, each converted by ``item``; a single item counts as a list of one."""

    minimum: int
    maximum: int
    item: Callable[[Any], Any]
    split: Callable[[Any], Sequence[Any]]

    def rule(self) -> str:
        return f"a list of {self.minimum} to {self.maximum} images"

    def check(self, value: Any) -> tuple[Any, ...]:
        items = self.split(value)
        if not self.minimum <= len(items) <= self.maximum:
            raise ValueInvalid("count", f"{self.rule()}, and this has {len(items)}")
        return tuple(self.item(item) for item in items)


Kind = Text | Integer | Decimal2 | Choice | Boolean | Address | ListOf


class Parameter(Generic[T]):
    """One parameter of the API, declared as a field of :class:`~nbkit.ImageRequest`.

    Attributes:
        name: the Python name, in snake_case.
        wire: the path of its keys in a task, outermost first; empty for nbkit's own ``aspect_ratio``.
        column: its column in the log.
        spellings: its names in Python and in the API, the Python name first.
        kind: the check, with its bounds.
        default: the value that the service uses if none is sent; ``None`` if the service does not publish it.
        help: explains it to the user, in a sentence or two.
        sources: where that is written.
        group: the heading above its control in a panel.
        title: what its control is called in words.
        affects_picture: whether it is part of a request's identity.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        help: str,
        sources: tuple[SourcePage, ...],
        group: str,
        title: str = "",
        wire: str | None = None,
        column: str | None = None,
        default: Any = None,
        affects_picture: bool = True,
    ) -> None:
        self.kind, self.help, self.sources, self.group = kind, help, sources, group
        self.__doc__ = help  # what `help(ImageRequest)` and `ImageRequest.seed?` show
        self.default, self.affects_picture = default, affects_picture
        self._wire, self._column, self.title, self.name = wire, column, title, ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.title = self.title or name.replace("_", " ").capitalize()
        first, *rest = name.split("_")
        leaf = first + "".join(part.capitalize() for part in rest)
        wire = leaf if self._wire is None else self._wire
        self.wire: tuple[str, ...] = tuple(wire.split(".")) if wire else ()
        self.column = self._column or (self.wire[-1] if self.wire else leaf)
        self.spellings = tuple(dict.fromkeys((name, *self.wire[-1:], leaf)))

    @overload
    def __get__(self, request: None, owner: type) -> Parameter[T]: ...
    @overload
    def __get__(self, request: object, owner: type) -> T: ...
    def __get__(self, request: Any, owner: type) -> Any:
        return self if request is None else request._values.get(self.name)  # noqa: SLF001  None means "not set"

    def __set__(self, request: object, value: T) -> None:
        raise AttributeError(f"a request does not change; request.replace({self.name}=…) gives a variant")

    def __repr__(self) -> str:
        return f"<Parameter {self.name}: {self.kind.rule()}>"


def _guess(value: Any, read: Callable[[Any], T]) -> T | None:
    """The number that a value of the wrong type seems to mean, such as a number in quotation marks."""
    try:
        return None if _is_bool(value) or bool(getattr(value, "ndim", None)) else read(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")  # numpy's are no subclass of bool
