"""Guess first, then look, then do it alone: what a lesson asks its reader.

    >>> import nbkit
    >>> nbkit.teach.guess("How many of the 8 settings are better?", 3)  # then come the cells that find it out
    Your guess: 3
    >>> nbkit.teach.check("How many of the 8 settings are better?", 0)
    You guessed 3; it is 0.

    >>> mine = 0.069 * 3  # an exercise: the reader writes this line
    >>> nbkit.teach.exercise("What do three pictures at 1K list at?", mine, lambda usd: 0.2 < usd < 0.21, hint="Ask studio.estimate.")
    ✓ Right.

The question is what joins the two. The answers stay in this kernel; nothing is sent, written or drawn by a script, so a
lesson that is run from top to bottom has the same outputs each time.
"""

from __future__ import annotations

import base64
import json
import math
import numbers
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nbkit.display.mime import MimeBundle
from nbkit.display.text import escape
from nbkit.errors import RequestError, printable
from nbkit.request.parameter import nearest

_GUESSES: dict[str, tuple[Any, str]] = {}
"""The latest guess for each question, with its unit, in this kernel."""

LINE = "border-left:4px solid currentColor;padding:0.2em 0.8em;margin:0.3em 0"


@dataclass(frozen=True, repr=False)
class Checked:
    """A guess beside the answer. As the last line of a cell it shows both, in one sentence.

    Attributes:
        question: that was asked.
        guess: what was guessed; ``None`` if nothing was.
        truth: the answer.
        right: whether the guess is the answer, or near enough; ``None`` without a guess.

    Example:
        >>> import nbkit
        >>> guess = nbkit.teach.guess("How many stars has the sky of this lesson?", 4)
        >>> checked = nbkit.teach.check("How many stars has the sky of this lesson?", 5, within=1)
        >>> checked
        You guessed 4; it is 5: near enough (within 1).
        >>> checked.right
        True
    """

    question: str
    guess: Any
    truth: Any
    right: bool | None
    _text: str
    _sign: str

    def __repr__(self) -> str:
        return printable(self._text)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return _note(self.question, f"<strong>{self._sign}</strong> {escape(self._text)}", self._text)


def guess(question: str, answer: Any, *, options: Iterable[Any] | None = None, unit: str = "") -> MimeBundle:
    """Keep a guess for a question, and show it in a line. A second guess for the same question replaces the first.

    Args:
        question: in words; :func:`check` finds the guess by it, and takes no notice of case, spaces and the question mark.
        answer: the guess: a number, a text, one of the options, or several of them as a list.
        options: the answers to choose from.
        unit: of a number, for the sentence, such as ``"stars"``; ``"%"`` and ``"$"`` stand at it.

    Raises:
        RequestError: for an answer that is none of the options, no answer (``None``, ``...``), or an empty question.

    Example:
        >>> import nbkit
        >>> nbkit.teach.guess("Which temperature looks better?", "high", options=["low", "high", "neither"])
        Your guess: high
        >>> nbkit.teach.guess("How many of 8 settings are really better?", 3)
        Your guess: 3
    """
    key = _key(question)
    if isinstance(options, str) or not (options is None or isinstance(options, Iterable)) or not isinstance(unit, str):
        message = 'options must be a list, such as ["yes", "no"], and unit a text, such as "stars"'
        raise RequestError(message, parameter="options", reason="type")
    choices = None if options is None else list(options)
    value = _native(answer)
    if value is None or value is ... or value == "" or (isinstance(value, float) and math.isnan(value)):
        hint = f"one of {_listed(choices)}" if choices else 'a number or a text, such as guess("How many?", 3)'
        raise RequestError(f"answer: give your guess, {hint}", parameter="answer", value=answer, reason="missing")
    if choices is not None:
        value = [_option(one, choices) for one in value] if isinstance(value, list) else _option(value, choices)
    _GUESSES[key] = value, unit
    text = f"Your guess: {_said(value, unit)}"
    return MimeBundle(f'<div role="note" style="{LINE}">{escape(text)}</div>', text)


def check(question: str, truth: Any, *, within: float = 0) -> Checked:
    """Compare the guess for a question with the answer. Without a guess it says so, and shows the answer all the same.

    Texts are compared without case and spaces around them, lists without order, numbers to twelve digits.

    Args:
        question: as in :func:`guess`.
        truth: the answer.
        within: how far from it a number is near enough, in the unit of the guess.

    Raises:
        RequestError: for a tolerance that is no number from 0 on, or an empty question.

    Example:
        >>> import nbkit
        >>> guess = nbkit.teach.guess("How many of 8 settings are really better?", 3)
        >>> nbkit.teach.check("How many of 8 settings are really better?", 0)
        You guessed 3; it is 0.
        >>> nbkit.teach.check("What has nobody asked?", 7).right is None
        True
    """
    key = _key(question)
    if not _is_number(within) or not within >= 0:
        raise RequestError(f"within={within!r}: must be a number from 0 on", parameter="within", value=within)
    value = _native(truth)
    if key not in _GUESSES:
        answer = _said(value, "")
        text = f"No guess yet: run the cell with guess(…) first, and do not look. It is {answer}."
        return Checked(question, None, value, None, text, "?")
    guessed, unit = _GUESSES[key]
    if _equal(guessed, value) or _said(guessed, unit) == _said(value, unit):
        return Checked(question, guessed, value, True, f"You guessed {_said(guessed, unit)}, and so it is.", "✓")
    said = f"You guessed {_said(guessed, unit)}; it is {_said(value, unit)}"
    if within and _is_number(guessed) and _is_number(value) and abs(guessed - value) <= within * (1 + 1e-12):
        return Checked(
            question, guessed, value, True, f"{said}: near enough (within {_said(_native(within), unit)}).", "✓"
        )
    return Checked(question, guessed, value, False, f"{said}.", "✗")


@dataclass(frozen=True, repr=False)
class Exercise:
    """What became of an exercise. As the last line of a cell it says so, in one sentence.

    Attributes:
        question: what was to be done.
        right: whether the answer passes; ``None`` if there is none yet.
        hint: what to try next; empty for an answer that passes.

    Example:
        >>> import nbkit
        >>> nbkit.teach.exercise("Two seeds", [1, 1], lambda seeds: len(set(seeds)) == 2, hint="They must differ.").right
        False
    """

    question: str
    right: bool | None
    hint: str
    _text: str

    def __repr__(self) -> str:
        return printable(self._text)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return _note(self.question, escape(self._text), self._text)


def exercise(question: str, answer: Any, passes: Callable[[Any], Any], *, hint: str, praise: str = "") -> Exercise:
    """Check what a reader has made: right, or a hint. Nothing raises, so that a lesson runs on.

    Args:
        question: what was to be done, in words.
        answer: what the reader has made; ``...`` or ``None`` is no answer yet.
        passes: gets the answer, and returns whether it is right. A text is a hint that fits this answer better than
            ``hint`` does. An error in it is a wrong answer.
        hint: what to try, for a wrong answer. It does not have the solution.
        praise: a sentence on a right answer: what follows from it.

    Raises:
        RequestError: for an empty question or hint, or a ``passes`` that cannot be called.

    Example:
        >>> import nbkit
        >>> def passes(seeds):
        ...     return len(seeds) == 4 or f"These are {len(seeds)}."
        >>> nbkit.teach.exercise("Four seeds", [1, 2, 3], passes, hint="range(4) has four.")
        ✗ Not yet. These are 3.
        >>> nbkit.teach.exercise("Four seeds", ..., passes, hint="range(4) has four.")
        ? No answer yet: write it where the dots are, and run both cells again.
    """
    _key(question)
    if not isinstance(hint, str) or not hint.strip() or not callable(passes):
        message = "hint must be a text, and passes a function of the answer, such as lambda n: n == 3"
        raise RequestError(message, parameter="passes" if isinstance(hint, str) and hint.strip() else "hint")
    if answer is None or answer is ...:
        text = "? No answer yet: write it where the dots are, and run both cells again."
        return Exercise(question, None, hint, text)
    try:
        verdict = passes(answer)
        is_right = not isinstance(verdict, str) and bool(verdict)
    except Exception as error:  # noqa: BLE001  whatever a reader has made may break the check
        verdict, is_right = f"It cannot be checked ({type(error).__name__}: {error}). {hint}", False
    if is_right:
        return Exercise(question, True, "", f"✓ Right. {praise}".rstrip())
    told = verdict if isinstance(verdict, str) and verdict.strip() else hint
    return Exercise(question, False, told, f"✗ Not yet. {told}")


def seal(answer: Any) -> str:
    """An answer as letters that nobody reads by accident; :func:`unseal` reads them. It hides nothing from anybody who wants to know.

    Example:
        >>> import nbkit
        >>> nbkit.teach.unseal(nbkit.teach.seal("four times one"))
        'four times one'
    """
    return base64.b64encode(json.dumps(_native(answer)).encode()).decode()


def unseal(text: str) -> Any:
    """The answer that :func:`seal` made letters of.

    Raises:
        RequestError: if it is no sealed answer.

    Example:
        >>> import nbkit
        >>> nbkit.teach.unseal("Mw==")
        3
    """
    try:
        return json.loads(base64.b64decode(text, validate=True))
    except (ValueError, TypeError):
        raise RequestError("text: this is no sealed answer", parameter="text", value=text) from None


def _note(question: str, html: str, text: str) -> dict[str, str]:
    """A question in small type, and what is said to it, as an output of a cell."""
    asked = f'<div style="font-size:0.85em;opacity:0.75">{escape(question)}</div>'
    whole = f'<div role="note" style="{LINE}">{asked}<div>{html}</div></div>'
    return MimeBundle(whole, text)._repr_mimebundle_()


def _key(question: str) -> str:
    if not isinstance(question, str) or not question.strip(" ?\t\n"):
        message = f'question={question!r}: give it in words, such as "How many are better?"'
        raise RequestError(message, parameter="question", value=question)
    return " ".join(question.casefold().split()).rstrip(" ?")


def _option(value: Any, choices: Sequence[Any]) -> Any:
    """The option that an answer is, as it is spelled in the list."""
    for choice in choices:
        if _equal(value, _native(choice)):
            return _native(choice)
    near = nearest(value, list(map(str, choices))) if isinstance(value, str) else ""
    hint = f" Did you mean {near!r}?" if near else ""
    message = f"answer={value!r}: must be one of {_listed(choices)}.{hint}"
    raise RequestError(message, parameter="answer", value=value, reason="choice", suggestion=near or None)


def _listed(choices: Sequence[Any]) -> str:
    return ", ".join(repr(_native(choice)) for choice in choices)


def _native(value: Any) -> Any:
    """A value as Python's own: numbers of numpy and pandas, and arrays, series, sets and tuples as lists."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (tuple, set, frozenset)):
        value = sorted(value, key=str) if isinstance(value, (set, frozenset)) else list(value)
    return [_native(one) for one in value] if isinstance(value, list) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        rest = list(b)
        for one in a:
            found = next((place for place, other in enumerate(rest) if _equal(one, other)), None)
            if found is None:
                return False
            del rest[found]
        return not rest
    if isinstance(a, str) and isinstance(b, str):
        return a.casefold().strip() == b.casefold().strip()
    if _is_number(a) and _is_number(b):
        return math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12)
    return type(a) is type(b) and bool(a == b)


def _said(value: Any, unit: str) -> str:
    """An answer in words, with its unit."""
    if isinstance(value, list):
        return ", ".join(_said(one, unit) for one in value) or "none"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "nothing"}[value]
    if not _is_number(value):
        return str(value).strip()
    number = f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
    if unit == "$":
        return f"${number}"
    if unit == "%":
        return f"{number} %"
    if value in (1, -1) and unit.endswith("s") and len(unit) > 1:  # 1 star, 2 stars
        unit = unit[:-1]
    return f"{number} {unit}".rstrip()
