"""What takes several values: parameters and the variables of a template, as the texts in which a person lists them."""

from __future__ import annotations

import itertools
import keyword
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from nbkit.errors import RequestError, UnknownParameter
from nbkit.request import rules
from nbkit.request.image_request import NAMES, PARAMETERS
from nbkit.request.parameter import MAX_INTEGER, Boolean, Choice, Decimal2, Integer, Kind, Text
from nbkit.request.profile import Profile
from nbkit.request.profiles import DEFAULT, RANDOM_SEED_BITS
from nbkit.sweep.grid import REPEAT
from nbkit.sweep.spec import MAX_VALUES, TEMPLATES, is_taken, name_taken
from nbkit.sweep.template import as_text, variables_of
from nbkit.widgets.form.fields import VARIED, label, word
from nbkit.widgets.form.values import read_values, write_values

PREFIX = "axis:"
"""Before the name of an axis where a page names its text."""


class AxesState(NamedTuple):
    """What undo brings back.

    Attributes:
        texts: the values as typed, by Python name of a parameter or name of a variable, the slowest axis first.
        literal: variables whose braces stay in the template as they are.
    """

    texts: tuple[tuple[str, str], ...] = ()
    literal: frozenset[str] = frozenset()


class Axes:
    """The axes of a form.

    Attributes:
        state: of all of them.
        profiles: of the models that are asked for, one of which must allow each value.
    """

    def __init__(self) -> None:
        self.state = AxesState()
        self.profiles: tuple[Profile, ...] = (DEFAULT,)
        self._read: dict[str, tuple[str, tuple[Any, ...]]] = {}
        self._kept: dict[str, str] = {}  # the values of variables whose names left the template while it was typed

    @property
    def texts(self) -> dict[str, str]:
        """The values as typed, by name, the slowest axis first."""
        return dict(self.state.texts)

    def type(self, name: str, text: str) -> None:
        """Set the text of an axis; a new one is the fastest."""
        self._set({**self.texts, name: text})

    def put(self, name: str, values: Sequence[Any]) -> None:
        """Have an axis of these values, which have been checked."""
        self.state = self.state._replace(literal=self.state.literal - {name})
        self.type(name, write(name, values))

    def take(self, name: str) -> None:
        """Take an axis away; the braces of a variable then stay as they are."""
        texts = self.texts
        if texts.pop(name, None) is not None:
            self._set(texts)
            if name not in PARAMETERS:
                self.state = self.state._replace(literal=self.state.literal | {name})

    def follow(self, templates: Iterable[str]) -> None:
        """Have an axis for each variable of these templates that does not stay as it is, and for no other."""
        named = variables_in(templates)
        texts = self.texts
        literal = frozenset(name for name in self.state.literal if name in named)
        wanted = [name for name in named if name not in literal]
        here = [name for name in texts if name not in PARAMETERS]
        if set(wanted) != set(here):
            self._kept |= {name: texts[name] for name in here if texts[name]}
            grown = {name: texts.get(name, self._kept.get(name, "")) for name in wanted}
            places = [place for place, name in enumerate(texts) if name in wanted]
            first = places[-1] + 1 if places and set(here) <= set(wanted) else 0
            if first:  # new ones after those that are there, wherever these stand among the parameters
                rest = list(texts.items())
                new = {name: text for name, text in grown.items() if name not in texts}
                texts = {**dict(rest[:first]), **new, **dict(rest[first:])}
            else:
                stay = [name for name in here if name in wanted]
                order = [*stay, *(name for name in wanted if name not in stay)]
                parameters = {name: text for name, text in texts.items() if name in PARAMETERS}
                texts = {**{name: grown[name] for name in order}, **parameters}
        self.state = AxesState(tuple(texts.items()), literal)

    def templates(self) -> list[str]:
        """The templates among the values."""
        return [text for name in TEMPLATES if name in self.texts for text in self.values(name)]

    def values(self, name: str) -> list[Any]:
        """The values of an axis, unchecked.

        Raises:
            RequestError: for a range that is none.
        """
        text = self.texts[name]
        known, values = self._read.get(name, ("", ()))
        if known != text:  # each change asks for all values several times, and there may be many
            values = tuple(read_values(text, self._kind_of(name)))
            here = {other: kept for other, kept in self._read.items() if other in self.texts}
            self._read = {**here, name: (text, values)}
        return list(values)

    def read(self) -> dict[str, list[Any]]:
        """The values, unchecked, by what each axis is called in a sweep's keywords."""
        return {said(name): [self.written(name, value) for value in self.values(name)] for name in self.texts}

    def written(self, name: str, value: Any) -> Any:
        """A value as ``studio.sweep`` takes it: in a template, names that stay as text have their braces doubled."""
        return as_text(value, self.state.literal) if name in TEMPLATES and isinstance(value, str) else value

    def wrong(self) -> dict[str, RequestError]:
        """What is wrong, by name."""
        found = {name: _reserved(name) or self._wrong(name) for name in self.texts}
        return {name: error for name, error in found.items() if error}

    def rows(self) -> list[dict[str, Any]]:
        """The axes as a page draws them, as values for JSON."""
        return [self._row(name) for name in self.texts]

    def _set(self, texts: Mapping[str, str]) -> None:
        self.state = self.state._replace(texts=tuple(texts.items()))

    def _wrong(self, name: str) -> RequestError | None:
        kind = self._kind_of(name)
        try:
            values = self.values(name)
            if not values:
                return RequestError(f"Add values for {_named(name)}{_how(kind)}.", parameter=name, reason="missing")
            for value in values:
                if kind is not None and value is not None and not isinstance(kind, Text):
                    rules.check_for_any(PARAMETERS[name], said(name), value, self.profiles)
        except RequestError as error:
            return error
        return None

    def _kind_of(self, name: str) -> Kind | None:
        """What an axis takes with the model that is asked for; as it is declared if there are several."""
        return kind_of(name, self.profiles[0] if len(self.profiles) == 1 else DEFAULT)

    def _row(self, name: str) -> dict[str, Any]:
        kind = self._kind_of(name)
        try:
            many = len(self.values(name))
        except RequestError:
            many = 0
        told: dict[str, Any] = {"name": name, "many": many, "variable": name not in PARAMETERS, "api": said(name)}
        told["title"] = PARAMETERS[name].title if name in PARAMETERS else _named(name)
        if isinstance(kind, (Choice, Boolean)):
            choices: tuple[Any, ...] = kind.choices if isinstance(kind, Choice) else (True, False)
            return {
                **told,
                "kind": "ticks",
                "options": [["Default" if one is None else word(one), write(name, [one])] for one in (*choices, None)],
            }
        return {**told, "kind": "values", "lines": isinstance(kind, Text)}


def said(name: str) -> str:
    """What a parameter or a variable is called in code."""
    return label(PARAMETERS[name]) if name in PARAMETERS else name


def kind_of(name: str, profile: Profile = DEFAULT) -> Kind | None:
    """What an axis takes with a model; ``None`` for a variable."""
    return profile.parameters[name].kind if name in PARAMETERS else None


def write(name: str, values: Iterable[Any]) -> str:
    """Values as the text of an axis."""
    return write_values(values, kind_of(name))


def around(name: str, value: Any, profile: Profile = DEFAULT) -> list[Any]:
    """Three values of a parameter around the present one, inside its bounds; ``None`` stands for one that is not set."""
    parameter = PARAMETERS[name]
    kind = profile.parameters[name].kind
    if isinstance(kind, Boolean):
        return [True, False]
    if isinstance(kind, Choice):
        return _window(kind.choices, value if value in kind.choices else parameter.default)
    if name == "seed":
        seed = secrets.randbits(RANDOM_SEED_BITS) if value is None else int(value)
        assert isinstance(kind, Integer)
        return [min(seed, (kind.maximum or MAX_INTEGER) - 2) + by for by in range(3)]
    assert isinstance(kind, (Integer, Decimal2))
    high: float = kind.minimum + 10 if kind.maximum is None else kind.maximum
    here: float | None = value if isinstance(value, (int, float)) else parameter.default
    here = (kind.minimum + high) / 2 if here is None else min(max(here, kind.minimum), high)
    by = 0.3 * (high - kind.minimum)
    first: float = min(max(here - by, kind.minimum), high - 2 * by)
    steps: list[float] = [first, first + by, first + 2 * by]
    steps[min(range(3), key=lambda place: abs(steps[place] - here))] = here
    whole = isinstance(kind, Integer)
    return list(dict.fromkeys(round(step) if whole else round(step, 2) for step in steps))


def listed(name: str, spelling: str, value: Any, profiles: Sequence[Profile] = (DEFAULT,)) -> list[Any]:
    """The values of an axis out of whatever is list-like, each checked.

    Raises:
        RequestError: for a value that the parameter does not allow, or for what has no order.
    """
    if name in PARAMETERS and name not in VARIED:
        raise RequestError(
            f"{spelling} cannot be an axis of a sweep panel; studio.sweep({spelling}=[…]) takes it",
            parameter=spelling,
            value=value,
        )
    if isinstance(value, (set, frozenset)):
        raise RequestError(f"{spelling}: a set has no order; give a list", parameter=spelling, value=value)
    items = list(itertools.islice(iter(value), MAX_VALUES))
    if name not in PARAMETERS or name in TEMPLATES:
        return items
    return [item if item is None else rules.check_for_any(PARAMETERS[name], spelling, item, profiles) for item in items]


def variables_in(texts: Iterable[str]) -> list[str]:
    """The names in braces that stand for something of their own; a parameter's name stands for the parameter."""
    names = itertools.chain.from_iterable(variables_of(text) for text in texts if isinstance(text, str))
    return [name for name in dict.fromkeys(names) if not _is_parameter(name)]


def _window(choices: Sequence[Any], value: Any) -> list[Any]:
    """Up to three neighbours, the present one in the middle where it has two."""
    here = choices.index(value) if value in choices else 0
    first = min(max(here - 1, 0), max(len(choices) - 3, 0))
    return list(choices[first : first + 3])


def _how(kind: Kind | None) -> str:
    if isinstance(kind, (Choice, Boolean)):
        return ": tick some"
    return ", one per line" if isinstance(kind, Text) else ", separated by commas or lines"


def _named(name: str) -> str:
    return PARAMETERS[name].title if name in PARAMETERS else f"{{{name}}}"


def _is_parameter(name: str) -> bool:
    try:
        NAMES.find(name)
    except UnknownParameter:
        return False
    return True


def _reserved(name: str) -> RequestError | None:
    if name in PARAMETERS:
        return None
    if is_taken(name):
        return name_taken(name)
    if name == REPEAT:
        why = "is what a sweep calls the axis of its repeats"
    elif keyword.iskeyword(name):
        why = "is a word of Python's own"
    else:
        return None
    return RequestError(f"{{{name}}} {why}: give the variable another name", parameter=name, reason="conflict")
