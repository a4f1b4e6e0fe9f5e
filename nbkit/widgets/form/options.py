"""How a sweep is run: the arguments of ``studio.sweep`` and ``sweep.run`` that are no parameters, as typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nbkit.errors import RequestError
from nbkit.log.frame import check_argument
from nbkit.request.parameter import Integer, Kind, Text
from nbkit.results.money import limit_in_micros
from nbkit.results.run import FAILED
from nbkit.sweep.grid import MAX_CELLS

PREFIX = "option:"
"""Before the name of an option where a page names its text."""
WORKERS = 4
BUILDING = ("combine", "repeats", "sample", "name")
"""What ``studio.sweep`` takes."""
RUNNING = ("max_workers", "budget", "retry")
"""What ``sweep.run`` takes."""
PRODUCT, ZIP = "product", "zip"
_WORDS = {"combine": (PRODUCT, ZIP), "retry": (None, FAILED)}
_KINDS: dict[str, Kind] = {
    "repeats": Integer(1, MAX_CELLS),
    "sample": Integer(1),
    "name": Text(1, 200),
    "max_workers": Integer(1),
}
_OPEN = {
    "combine": ("Combine", "How the axes go together.", "All combinations", [["In pairs", ZIP]]),
    "repeats": ("Repeats", "How often each cell is made, each time with a new seed.", "1", None),
}
_FOLDED = {
    "sample": ("Sample", "Draws this many cells instead of making all.", "All cells", None),
    "name": ("Name", "What the sweep is found by when it goes on in a later kernel.", "Made of the axes", None),
    "max_workers": ("At once", "How many requests are under way at the same time.", str(WORKERS), None),
    "budget": ("Budget", "The most that one press of Run may spend, in USD.", "No limit", None),
    "retry": (
        "Send again",
        "What Run sends besides the cells that are missing.",
        "Nothing",
        [["Failed cells", FAILED]],
    ),
}


def option_fields() -> list[dict[str, Any]]:
    """The controls of the options, as a page draws those of parameters: plain values for JSON."""
    return [
        {
            "name": f"{PREFIX}{name}",
            "title": title,
            "api": name,
            "key": name,
            "help": help_,
            "unset": unset,
            "group": "" if name in _OPEN else "Sweep",
            **({"kind": "line"} if options is None else {"kind": "select", "options": options}),
        }
        for name, (title, help_, unset, options) in (_OPEN | _FOLDED).items()
    ]


def option_titles() -> dict[str, str]:
    """What the options are called on a page, by name."""
    return {name: told[0] for name, told in (_OPEN | _FOLDED).items()}


class SweepOptions:
    """The options of a form.

    Attributes:
        texts: what is typed or chosen, by name; one that is as it would be anyway is not in it.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def type(self, name: str, text: str | None) -> None:
        """Take what a person typed, unchecked."""
        self.texts = {**self.texts, name: text} if text and text.strip() else self._without(name)

    def write(self, values: Mapping[str, Any]) -> None:
        """Set options; ``None`` sets one to what it is anyway.

        Raises:
            RequestError: for a value that one cannot have; then none is set.
        """
        for name, value in values.items():
            if name in _WORDS or value is not None:
                _check(name, value)
        for name, value in values.items():
            usual = value is None or value == PRODUCT
            self.texts = self._without(name) if usual else {**self.texts, name: str(value)}

    def read(self, name: str) -> Any:
        """One argument, checked; ``None`` where it is as it would be anyway.

        Raises:
            RequestError: for a value that it cannot have.
        """
        text = self.texts.get(name, "").strip()
        if not text:
            return WORKERS if name == "max_workers" else None
        number: Callable[[str], Any] = float if name == "budget" else int if name in _KINDS and name != "name" else str
        try:
            value = number(text)
        except ValueError:
            value = text  # the check says what is wrong with it
        return None if name == "repeats" and value == 1 else _check(name, value)

    def building(self) -> dict[str, Any]:
        """What ``studio.sweep`` takes, without what is as it would be anyway."""
        return self._given(BUILDING)

    def running(self) -> dict[str, Any]:
        """What ``sweep.run`` takes, likewise; ``max_workers`` is always there."""
        return self._given(RUNNING)

    def wrong(self) -> dict[str, RequestError]:
        """What is wrong, by the option's name."""
        problems = {}
        for name in self.texts:
            try:
                self.read(name)
            except RequestError as error:
                problems[name] = error
        return problems

    def _given(self, names: tuple[str, ...]) -> dict[str, Any]:
        found = {name: self.read(name) for name in names}
        return {name: value for name, value in found.items() if value is not None}

    def _without(self, name: str) -> dict[str, str]:
        return {other: text for other, text in self.texts.items() if other != name}


def _check(name: str, value: Any) -> Any:
    if name == "budget":
        limit_in_micros(name, value)
        return value
    if name not in _WORDS:
        return check_argument(name, _KINDS[name].check, value)
    if value is not None and value not in _WORDS[name]:
        rule = " or ".join(map(repr, _WORDS[name]))
        raise RequestError(f"{name}={value!r}: must be {rule}", parameter=name, value=value)
    return value
