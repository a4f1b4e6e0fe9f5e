"""The keywords of a sweep, sorted into axes, fixed values and template variables.

A list-like value is an axis, any other value is fixed. A string is one value, never a sequence of letters. A keyword that
is no parameter is a template variable: it replaces ``{name}`` in the prompt or the system prompt (see
:mod:`nbkit.sweep.template`).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nbkit.display.text import ellipsis
from nbkit.errors import RequestError, UnknownParameter
from nbkit.log.frame import check_argument
from nbkit.request.address import whole_text
from nbkit.request.image_request import NAMES, PARAMETERS, ImageRequest
from nbkit.request.naming import TASK_KEYS, profile_in
from nbkit.request.other_names import other_name
from nbkit.request.parameter import Choice, none_if_gap, short_repr
from nbkit.request.profile import Profile
from nbkit.request.profiles import DEFAULT
from nbkit.request.reference_values import is_iterator
from nbkit.request.rules import check_for_any, check_head, values_kept
from nbkit.sweep.template import no_value, variables_of

MAX_VALUES = 100_000
"""Limit for the values of one axis: an endless generator is an error."""

TEMPLATES = ("prompt", "system_prompt")
"""The parameters whose text may contain ``{name}``."""

OPTIONS = ("name", "repeats", "sample", "random_state", "where")
"""The keywords of a sweep that are options of its grid."""

_NO_TEXT = (*TEMPLATES, "reference_images")
"""The parameters that a template cannot contain."""

_SPELLINGS_OF_TEMPLATES = tuple(spelling for name in TEMPLATES for spelling in PARAMETERS[name].spellings)
_TAKEN = {
    *OPTIONS,
    "combine",
    "max_cost",
    "extra",
    *TASK_KEYS,
    *(s for name in _NO_TEXT for s in PARAMETERS[name].spellings),
}


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter or variable, or several that are zipped, with their values.

    Attributes:
        names: Python names of parameters, or names of variables.
        steps: one tuple of values for each step, in the order of ``names``.
    """

    names: tuple[str, ...]
    steps: tuple[tuple[Any, ...], ...]

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True, slots=True)
class SweepSpec:
    """A sweep's keywords, sorted.

    Attributes:
        axes: in the order of the keywords; the last one varies fastest.
        fixed: parameters with one value, by Python name.
        variables: the template variables; a fixed one with its value, an axis with ``None``.
        spelled: by Python name, the spelling that the user gave.
    """

    axes: tuple[Axis, ...]
    fixed: dict[str, Any]
    variables: dict[str, Any]
    spelled: dict[str, str]

    def python_name(self, spelling: str) -> str:
        """The Python name of an axis that the user spelled so."""
        return next((name for name, own in self.spelled.items() if own == spelling), spelling)


def parse_spec(keywords: Mapping[str, Any], *, combine: str) -> SweepSpec:
    """Sort a sweep's keywords.

    Args:
        keywords: parameters in any spelling, and template variables.
        combine: ``"product"`` or ``"zip"``.

    Raises:
        RequestError: for an empty axis, a value that the parameter does not allow, a value that comes twice, a
            variable that no template uses or that has no value, or axes of different length to zip.
    """
    keywords = _with_lists(keywords)
    in_templates = _names_in_templates(keywords)
    combine = check_argument("combine", Choice(("product", "zip")).check, combine)
    given = {name: value for name, value in keywords.items() if _is_parameter(name)}
    own = {name: value for name, value in keywords.items() if name not in given}
    free = {name: value for name, value in own.items() if name != "extra"}
    named, head = NAMES.resolve(given)
    if "taskUUID" in head:
        message = "a sweep makes a taskUUID for each of its cells"
        raise RequestError(message, parameter="taskUUID", value=head["taskUUID"])
    check_head(head)
    spelled = {**{name: spelling for name, (spelling, _) in named.items()}, **{name: name for name in own}}
    values = {name: value for name, (_, value) in named.items() if value is not None}
    for name in ("reference_images", "model"):
        if is_iterator(values.get(name)):
            values[name] = list(values[name])
    with _explaining(in_templates):
        profiles = _profiles_of(values.get("model"), spelled.get("model", "model"))
        axes, fixed = _split({**values, **own}, spelled, profiles)
    _check_variables(free, {*free, *spellings_of(values)}, fixed, axes)
    variables = {name: fixed.pop(name, None) for name in free}
    order = {spelling: i for i, spelling in enumerate(keywords)}
    axes.sort(key=lambda axis: order.get(spelled[axis.names[0]], 0))
    combined = tuple(_combined(axes, combine, spelled))
    for axis in combined:
        _refuse_duplicates(", ".join(spelled[name] for name in axis.names), axis.steps)
    return SweepSpec(combined, fixed, variables, spelled)


def merge(request: ImageRequest, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords of a sweep, completed by the values of a request; the keywords override the request."""
    given, _ = NAMES.resolve({name: value for name, value in keywords.items() if _is_parameter(name)})
    extra = {"extra": request.extra} if request.extra else {}
    return {**values_kept(request.parameters, given), **extra, **keywords}


def spellings_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a template can contain, by each spelling of their parameter."""
    inserted = {name: value for name, value in values.items() if name in PARAMETERS and name not in _NO_TEXT}
    return {spelling: value for name, value in inserted.items() for spelling in PARAMETERS[name].spellings}


def is_taken(name: str) -> bool:
    """Whether ``studio.sweep`` has an argument of this name, which no variable of a template can have."""
    return name in _TAKEN or NAMES.is_group(name)


def name_taken(name: str) -> RequestError:
    """The error for a variable of such a name."""
    what = f"{{{name}}}: {name} is an argument of studio.sweep; {_rename(name)}"
    message = f"{what}, and {{{{{name}}}}} is the text {{{name}}}"
    return RequestError(message, parameter=name, reason="conflict", suggestion=f"the_{name}")


def is_axis(name: str, value: Any) -> bool:
    """Whether a value is an axis: list-like, or a list of lists for reference images."""
    if name == "reference_images":
        return isinstance(value, (list, tuple)) and any(isinstance(item, (list, tuple)) for item in value)
    if isinstance(value, (str, bytes, bytearray, memoryview, os.PathLike, Mapping)):
        return False
    if isinstance(value, (list, tuple, range, set, frozenset, Iterator)):
        return True
    if getattr(value, "ndim", None) is not None:  # numpy arrays and pandas series; a numpy scalar has no dimension
        if value.ndim > 1:
            raise RequestError(f"{name} is a table: an axis is one column of it", parameter=name, reason="type")
        return bool(value.ndim)
    return isinstance(value, Iterable) and hasattr(value, "__len__") and not hasattr(value, "bytes")


def _is_parameter(name: str) -> bool:
    return name in NAMES or name in TASK_KEYS or NAMES.is_group(name)


def _profiles_of(value: Any, spelling: str) -> list[Profile]:
    """The models that a sweep asks for: a value of another parameter may be one of any of them."""
    if value is None:
        return [DEFAULT]
    names = _values("model", spelling, value, [DEFAULT]) if is_axis("model", value) else [value]
    return [profile_in({"model": name}) for name in names]


def _split(
    values: Mapping[str, Any], spelled: Mapping[str, str], profiles: Sequence[Profile]
) -> tuple[list[Axis], dict[str, Any]]:
    axes, fixed = [], {}
    for name, value in values.items():
        if is_axis(name, value):
            axes.append(Axis((name,), tuple((item,) for item in _values(name, spelled[name], value, profiles))))
        else:
            fixed[name] = _checked(name, spelled[name], value, profiles)
    return axes, fixed


def _values(name: str, spelling: str, value: Any, profiles: Sequence[Profile]) -> list[Any]:
    if isinstance(value, (set, frozenset)):
        message = f"{spelling}={short_repr(value)}: a set has no order; give a list"
        raise RequestError(message, parameter=spelling, value=value)
    items = list(itertools.islice(iter(value), MAX_VALUES + 1))
    if not items:
        message = f"{spelling}: add at least one value"
        raise RequestError(message, parameter=spelling, value=value, reason="count")
    if len(items) > MAX_VALUES:
        raise RequestError(f"{spelling} has more than {MAX_VALUES:,} values", parameter=spelling, reason="count")
    return [_checked(name, spelling, item, profiles) for item in items]


def _checked(name: str, spelling: str, value: Any, profiles: Sequence[Profile]) -> Any:
    """A parameter's value in its canonical form; a file is read here, once for all cells."""
    if name not in PARAMETERS:
        return value
    value = none_if_gap(value)
    # The length of a template is checked when it is filled; None in an axis means "not sent".
    if name in TEMPLATES or value is None:
        return value
    return check_for_any(PARAMETERS[name], spelling, value, profiles)


def _whole(value: Any) -> Any:
    """A value of which the ``repr`` has everything, also what is not shown to the user."""
    if isinstance(value, tuple):
        return [getattr(item, "sha256", item) for item in value]
    return whole_text(value) if isinstance(value, str) else dict(value) if isinstance(value, dict) else value


def _refuse_duplicates(spelling: str, steps: Sequence[tuple[Any, ...]]) -> None:
    seen: set[str] = set()
    for step in steps:
        key = repr([_whole(value) for value in step])
        if key in seen:
            value = step[0] if len(step) == 1 else step
            message = f"{spelling} has {short_repr(value)} twice; repeats=2 makes each cell more than once"
            raise RequestError(message, parameter=spelling, value=value, reason="conflict")
        seen.add(key)


def _rename(name: str) -> str:
    return f"a variable of the template needs another name, such as {{the_{name}}}"


def _with_lists(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords, with a list for each iterator over templates: they are read twice."""
    return {
        name: list(itertools.islice(value, MAX_VALUES + 1))
        if name in _SPELLINGS_OF_TEMPLATES and isinstance(value, Iterator)
        else value
        for name, value in keywords.items()
    }


def _names_in_templates(keywords: Mapping[str, Any]) -> set[str]:
    """The names in braces. One that is taken is refused before its value is refused as the one of the argument."""
    texts: list[Any] = []
    for name in _SPELLINGS_OF_TEMPLATES:
        value = keywords.get(name)
        texts += list(value) if value is not None and is_axis(name, value) else [value]
    names = dict.fromkeys(itertools.chain.from_iterable(variables_of(t) for t in texts if isinstance(t, str)))
    for name in names:
        if is_taken(name):
            raise name_taken(name)
    return set(names)


@contextmanager
def _explaining(in_templates: Collection[str]) -> Iterator[None]:
    """Add to the error for a parameter's value that a variable cannot have the parameter's name."""
    try:
        yield
    except RequestError as error:
        name = error.parameter
        if name in in_templates and name in NAMES:
            error.args = (f"{error}. {name} is a parameter; {_rename(name)}",)
        raise


def _check_variables(
    free: Mapping[str, Any], known: Collection[str], fixed: Mapping[str, Any], axes: Sequence[Axis]
) -> None:
    """Refuse a variable that no template contains, as a misspelled parameter, and one that has no value."""
    values = [fixed.get(name) for name in TEMPLATES]
    values += [step[0] for axis in axes if axis.names[0] in TEMPLATES for step in axis.steps]
    texts = [text for text in values if isinstance(text, str)]
    used = list(itertools.chain.from_iterable(variables_of(text, known) for text in texts))
    for name in used:
        if name not in known:
            raise name_taken(name) if is_taken(name) else no_value(name, known)
    for name in free:
        if name not in used:
            raise _unused(name, free[name], texts)


def _unused(name: str, value: Any, templates: Sequence[str]) -> UnknownParameter:
    """The error for a keyword that is neither a parameter nor a variable of a template."""
    example = f', as in "{ellipsis(templates[0], 60)} {{{name}}}"' if templates else ""
    hint = f"no prompt holds {{{name}}}: put {{{name}}} into the prompt where its values are to appear{example}"
    try:
        NAMES.find(name)
    except UnknownParameter as error:
        found, known = error.suggestion, other_name(name)
        message = f"{error} As for a variable, {hint}" if known or found else hint
    return UnknownParameter(message, parameter=name, value=value, reason="unknown", suggestion=found)


def _combined(axes: list[Axis], combine: str, spelled: Mapping[str, str]) -> list[Axis]:
    if combine == "zip":
        return [_zipped(axes, spelled)] if axes else []
    sides = [axis for axis in axes if axis.names[0] in ("width", "height")]
    if len(sides) == 2:  # width and height are one axis of sizes, also where everything else is crossed
        return [_zipped(sides, spelled) if axis is sides[0] else axis for axis in axes if axis is not sides[1]]
    return axes


def _zipped(axes: list[Axis], spelled: Mapping[str, str]) -> Axis:
    lengths = {spelled[axis.names[0]]: len(axis) for axis in axes}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        message = f"these axes go step by step and need the same number of values: {counts}"
        raise RequestError(message, parameter=next(iter(lengths)), value=lengths, reason="count")
    steps = tuple(tuple(itertools.chain(*step)) for step in zip(*(axis.steps for axis in axes), strict=True))
    return Axis(tuple(name for axis in axes for name in axis.names), steps)


def value_text(value: Any) -> str:
    """A value of an axis as text."""
    if isinstance(value, tuple):  # reference images: a content hash is cut, an address is not
        names = [str(item) for item in value]
        return ", ".join(name[:19] if name.startswith("sha256:") else name for name in names)
    return f"{value:.15g}" if isinstance(value, float) else str(value)
