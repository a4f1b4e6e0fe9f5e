"""Templates: a name in braces stands for the value of a variable.

``{name}`` is replaced by the value, ``{{name}}`` becomes the text ``{name}``. All other braces stay as they are, so JSON
and CSS can be part of a prompt. A template computes nothing: a format (``{x:.2f}``), a conversion (``{x!r}``), an
attribute or an index of a variable is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from nbkit.errors import RequestError
from nbkit.request.parameter import nearest, short_repr

_BRACES = re.compile(r"(\{+)([^{}]*)(\}+)")
_FIELD = re.compile(r"\s*([^\W\d]\w*)\s*(?:[!:.\[].*)?", re.DOTALL)
"""A name with what ``str.format`` takes behind it."""

_GAPS = frozenset({"None", "nan", "NaN", "sNaN", "NaT", "<NA>", "--"})
"""What ``None``, ``nan``, ``pd.NA``, ``NaT`` and a masked value are as text."""


def variables_of(template: str, known: Collection[str] = ()) -> list[str]:
    """The names that a template has in braces, each once.

    Args:
        template: the text.
        known: names of variables; they may be no identifiers.

    Raises:
        RequestError: for a known name with a format, a conversion, an attribute, an index or spaces.
    """
    names: dict[str, None] = {}
    _replace(template, known, lambda name: str(names.setdefault(name)))
    return list(names)


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Replace each variable by its value. A value is inserted as it is; braces in it have no meaning.

    Raises:
        RequestError: for a variable without a value, and for a value that is a gap, such as ``None`` or ``nan``.
    """

    def value_of(name: str) -> str:
        if name not in values:
            raise no_value(name, values)
        return text_of(name, values[name])

    return _replace(template, values, value_of)


def as_text(template: str, names: Collection[str]) -> str:
    """Double the braces around some names, so that they stay as they are when the template is filled."""

    def doubled(match: re.Match[str]) -> str:
        is_variable = match[2] in names and _depth(match) % 2
        return f"{{{match[0]}}}" if is_variable else match[0]

    return _BRACES.sub(doubled, template)


def no_value(name: str, known: Collection[str]) -> RequestError:
    """The error for a variable that no keyword gives a value to."""
    guess = nearest(name, known)
    hint = f"did you mean {{{guess}}}? " if guess else ""
    message = f"{{{name}}} has no value; {hint}{name}=… gives it one, and {{{{{name}}}}} is the text {{{name}}}"
    return RequestError(message, parameter=name, reason="missing", suggestion=guess)


def is_gap(value: Any) -> bool:
    """Whether a value stands for a missing one. A text never does, not even ``"nan"``."""
    return not isinstance(value, str) and str(value) in _GAPS


def text_of(name: str, value: Any) -> str:
    """What is inserted for a variable.

    Raises:
        RequestError: for a gap.
    """
    if is_gap(value):
        message = (
            f"{name}={short_repr(value)}: a gap is not a value for {{{name}}}; leave it out of the axis, or give a text"
        )
        raise RequestError(message, parameter=name, value=value, reason="missing")
    return str(value)


def _depth(match: re.Match[str]) -> int:
    return min(len(match[1]), len(match[3]))


def _replace(template: str, known: Collection[str], value_of: Callable[[str], str]) -> str:
    def replaced(match: re.Match[str]) -> str:
        opening, inside, closing = match.groups()
        field = _FIELD.fullmatch(inside)
        name = inside if inside in known or not field else field[1]
        if name not in known and not inside.isidentifier():
            return match[0]
        pairs, is_variable = divmod(_depth(match), 2)  # as in str.format, two braces stand for one
        if is_variable and inside != name:
            message = f"{{{inside}}}: a template takes plain {{{name}}}; give {name}= its values as they are to be read"
            raise RequestError(
                message, parameter=name, value=f"{{{inside}}}", reason="format", suggestion=f"{{{name}}}"
            )
        middle = value_of(name) if is_variable else inside
        rest = 2 * pairs + is_variable
        return f"{opening[rest:]}{'{' * pairs}{middle}{'}' * pairs}{closing[rest:]}"

    return _BRACES.sub(replaced, template)
