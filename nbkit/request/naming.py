"""Names of parameters: finds the parameter for each spelling that users write.

A parameter has three spellings: the Python name (``top_p``), the API's leaf name (``topP``), and the API's nesting
(``settings={"topP": 0.9}``), so that JSON from the API reference can be pasted as it is. An unknown name raises
:class:`~nbkit.errors.UnknownParameter` with the nearest name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from nbkit.errors import RequestError, UnknownParameter
from nbkit.request.other_names import other_name
from nbkit.request.parameter import Parameter, nearest, none_if_gap, type_in_words
from nbkit.request.profile import LACKING, PROFILES, Profile
from nbkit.request.profiles import DEFAULT

TASK_KEYS = {
    "task_type": "taskType",
    "taskType": "taskType",
    "task_uuid": "taskUUID",
    "taskUUID": "taskUUID",
}
"""Keys of a task that do not describe the picture, in Python's and the API's spelling: each with the API's."""

LOG_COLUMNS = frozenset(
    [
        "cost",
        "status",
        "NSFWContent",
        "parent",
        "parentImage",
        "requestedSeed",
        "created",
        "latency",
        "file",
        "rating",
        "keep",
        "tags",
        "note",
        "textFidelity",
        "textMissing",
        "textFound",
        "sharpness",
        "contrast",
        "colourfulness",
        "sweep",
        "error",
        "charged",
        "engine",
        "adopted",
        "replay",
        "imageUUID",
    ]
)
"""Columns of the log that are no parameters; a whole row as keywords has them."""

WirePath = tuple[str, ...]
Given = dict[str, tuple[str, Any]]
"""By Python name: the spelling that the user wrote, and the value."""


class Naming:
    """Finds parameters by name.

    Args:
        parameters: by Python name.
    """

    def __init__(self, parameters: Mapping[str, Parameter[Any]]) -> None:
        self._parameters = parameters
        self.by_wire = {p.wire: p for p in parameters.values() if p.wire}
        self._by_spelling = {s: p for p in parameters.values() for s in p.spellings}
        for profile in PROFILES.values():  # another model may have a parameter under another path
            for path, name in profile.by_wire.items():
                self.by_wire.setdefault(path, parameters[name])
                self._by_spelling.setdefault(path[-1], parameters[name])
        self._groups = {path[:depth] for path in self.by_wire for depth in range(1, len(path))}

    def find(self, name: str) -> Parameter[Any]:
        """The parameter with a name, in Python's or the API's spelling.

        Raises:
            UnknownParameter: if there is none; its suggestion is the nearest name.
        """
        if name in self._by_spelling:
            return self._by_spelling[name]
        _refuse_other_name(name, name)
        if name == "extra":  # a keyword of requests, which no control has
            message = (
                "extra is sent by code alone, and has no control: studio.generate(…, extra={…}) or studio.sweep(…)"
            )
            raise UnknownParameter(message, parameter=name, reason="unknown", suggestion=None)
        if name in LOG_COLUMNS:
            again = "studio.log[row.taskUUID].rerun() makes the request of a row again."
            raise _unknown_parameter(name, f"it is a column of the log. {again}", None)
        guess = self._nearest(name)
        if guess in self._by_spelling and not any(letter.isupper() for letter in name):
            guess = self._by_spelling[guess].name  # in snake_case, as the user wrote
        hint = f"did you mean {guess}?" if guess else f"the parameters are {', '.join(self._parameters)}."
        raise _unknown_parameter(name, hint, guess)

    def _nearest(self, name: str) -> str | None:
        """The most similar name; for a short one that is a part of a longer one, that one."""
        names = [*self._by_spelling, "extra", *TASK_KEYS, *(path[0] for path in self._groups)]
        whole = (other for other in names if other.startswith(name.lower()) or name.lower() in other.split("_"))
        return nearest(name, names, cutoff=0.6) or (next(whole, None) if len(name) > 2 else None)

    def __contains__(self, name: str) -> bool:
        return name in self._by_spelling

    def is_group(self, name: str) -> bool:
        """Whether a name is one of the API's groups, such as ``settings``."""
        return (name,) in self._groups

    def resolve(self, parameters: Mapping[str, Any], *, as_task: bool = False) -> tuple[Given, dict[str, Any]]:
        """Sort keywords of any spelling, also in the API's groups, into parameters and the task's own keys.

        Args:
            parameters: the keywords.
            as_task: they are a task of the API, in which every key has one fixed path and no value is null.

        Returns:
            The spelling and the value of each parameter, by Python name; and the task's own keys (:data:`TASK_KEYS`).

        Raises:
            UnknownParameter: for a name that is no parameter; in a task, for a key that the API has under another path.
            RequestError: for a parameter that is given twice, for a group that is no dict, and for null in a task.
        """
        given: Given = {}
        head: dict[str, Any] = {}
        profile = profile_in(parameters)
        for path, leaf in self._leaves(parameters, ()):
            spelling, value = path[-1], none_if_gap(leaf)
            is_head = len(path) == 1 and spelling in (TASK_KEYS.values() if as_task else TASK_KEYS)
            if is_head and (as_task or value is not None):
                head[TASK_KEYS[spelling]] = value
            if is_head:
                continue
            if as_task or len(path) > 1:
                parameter = self._parameter_at(path, profile if as_task else None)
            else:
                _refuse_variable(spelling, parameters if spelling not in self._by_spelling else {})
                parameter = self.find(spelling)
            if as_task and value is None:
                message = f"{spelling}=null: must be {parameter.kind.rule()}; leave it out to not send it"
                raise RequestError(message, parameter=spelling, value=None, reason="type")
            if parameter.name in given:
                earlier = given[parameter.name][0]
                both = "is given twice" if earlier == spelling else f"and {earlier} are two spellings of one parameter"
                message = f"{spelling} {both}: give one of them"
                raise RequestError(message, parameter=spelling, value=value, reason="conflict")
            own = profile.parameters[parameter.name]
            given[parameter.name] = (spelling, own.read(value) if spelling in own.wire[-1:] else value)
        return given, head

    def _leaves(self, task: Mapping[str, Any], path: WirePath) -> Iterator[tuple[WirePath, Any]]:
        for key, value in task.items():
            key_path = (*path, str(key))
            if key_path not in self._groups:
                yield key_path, value
            elif isinstance(value, Mapping):
                yield from self._leaves(value, key_path)
            else:
                name = ".".join(key_path)
                message = f"{name} is a group: must be a dict, got {type_in_words(value)}"
                raise RequestError(message, parameter=name, value=value)

    def _parameter_at(self, path: WirePath, profile: Profile | None) -> Parameter[Any]:
        """The parameter at a path of a task; of any model of the family if no profile is given."""
        by_wire = self.by_wire if profile is None else {w: self._parameters[n] for w, n in profile.by_wire.items()}
        if path in by_wire:
            return by_wire[path]
        name = ".".join(path)
        if (declared := self.by_wire.get(path)) is not None and profile is not None:
            own = profile.parameters[declared.name]
            if own.state == LACKING:
                return declared  # whose value is refused, with the models that have it
            place = ".".join(own.wire)
            raise _unknown_parameter(name, f"the API has it as {place}.", place)
        paths = {wire[-1]: ".".join(wire) for wire in by_wire}
        if path[-1] in paths:
            raise _unknown_parameter(name, f"the API has it as {paths[path[-1]]}.", paths[path[-1]])
        _refuse_other_name(path[-1], name)
        guess = paths.get(nearest(path[-1], paths) or "")
        raise _unknown_parameter(name, f"did you mean {guess}?" if guess else "its page has no such key.", guess)


def profile_in(parameters: Mapping[str, Any]) -> Profile:
    """The profile of the model that some keywords or a task name; the default one if they name none, or no known one."""
    name = parameters.get("model")
    if isinstance(name, Profile):
        name = name.identifier
    return PROFILES.get(name, DEFAULT) if isinstance(name, str) else DEFAULT


def _refuse_other_name(leaf: str, name: str) -> None:
    # The nearest name may be a wrong answer: that of negative_prompt would ask for what the user wants to avoid.
    if (other := other_name(leaf)) is not None:
        raise _unknown_parameter(name, other.hint, other.parameter or None, newer="")


def _refuse_variable(name: str, parameters: Mapping[str, Any]) -> None:
    """Refuse a keyword that is meant to fill its name in braces, as in a sweep."""
    if any(f"{{{name}}}" in text for text in parameters.values() if isinstance(text, str)):
        hint = f"studio.sweep(…, {name}=[…]) fills {{{name}}} in a prompt, and an f-string does it here."
        raise _unknown_parameter(name, hint, None, newer="")


def _unknown_parameter(
    name: str, hint: str, suggestion: str | None, *, newer: str = " (Something newer than nbkit goes into extra={…}.)"
) -> UnknownParameter:
    hint = hint[:1].upper() + hint[1:] if re.match(r"[a-z]+ ", hint) else hint  # code stays as it is typed
    message = f'"{name}" is not a parameter. {hint}{newer}'
    return UnknownParameter(message, parameter=name, reason="unknown", suggestion=suggestion)
