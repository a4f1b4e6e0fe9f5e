"""Names of parameters: from whatever a person wrote to the one parameter that is meant.

Three spellings lead to a parameter: the Python name (``top_p``), the API's leaf name (``topP``), and the API's
nesting (``settings={"topP": 0.9}``), so that a piece of the API's page can be pasted as it is. A name that
leads nowhere is an error that says which one is nearest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nbkit.errors import RequestError, UnknownParameter
from nbkit.request import model
from nbkit.request.parameter import Parameter, nearest

HEAD = {
    "task_type": "taskType",
    "taskType": "taskType",
    "model": "model",
    "task_uuid": "taskUUID",
    "taskUUID": "taskUUID",
}
"""Names that describe the task and not the picture, in both spellings."""

Path = tuple[str, ...]
Given = dict[str, tuple[str, Any]]
"""By Python name: the spelling that the person used, and the value."""


class Naming:
    """The names of a set of parameters.

    Args:
        parameters: by Python name.
    """

    def __init__(self, parameters: Mapping[str, Parameter[Any]]) -> None:
        self._parameters = parameters
        self._by_wire = {p.wire: p for p in parameters.values() if p.wire}
        self._by_spelling = {s: p for p in parameters.values() for s in p.spellings if s != "requestedSeed"}
        self._groups = {path[:depth] for path in self._by_wire for depth in range(1, len(path))}

    def find(self, name: str) -> Parameter[Any]:
        """The parameter of a name in either spelling.

        Raises:
            UnknownParameter: with the nearest name as its suggestion.
        """
        if name in self._by_spelling:
            return self._by_spelling[name]
        _refuse_negative(name, name)
        guess = nearest(name, [*self._by_spelling, "extra", *HEAD, *(path[0] for path in self._groups)])
        if guess in self._by_spelling and not any(letter.isupper() for letter in name):
            guess = self._by_spelling[guess].name  # in the style they write in
        hint = f"did you mean {guess}?" if guess else f"the parameters are {', '.join(self._parameters)}."
        raise _unknown(name, hint, guess)

    def is_group(self, name: str) -> bool:
        """Whether a name is one of the API's groups, such as ``settings``."""
        return (name,) in self._groups

    def resolve(self, parameters: Mapping[str, Any]) -> tuple[Given, dict[str, Any]]:
        """Keywords in any spelling, the API's groups among them, to parameters and to the task's head."""
        given: Given = {}
        head: dict[str, Any] = {}
        for spelling, value in self._ungrouped(parameters):
            if spelling in HEAD:
                if value is not None:
                    head[HEAD[spelling]] = value
                continue
            name = self.find(spelling).name
            if name in given:
                earlier = given[name][0]
                both = "is given twice" if earlier == spelling else f"and {earlier} are two spellings of one parameter"
                raise RequestError(
                    f"{spelling} {both}: give one of them",
                    parameter=spelling,
                    value=value,
                    reason="conflict",
                )
            given[name] = (spelling, value)
        return given, head

    def read_task(self, task: Mapping[str, Any]) -> tuple[Given, dict[str, Any]]:
        """The same for a task of the API, in which every key has its one place."""
        given: Given = {}
        head: dict[str, Any] = {}
        for path, value in self._leaves(task, ()):
            if len(path) == 1 and path[0] in ("taskType", "taskUUID", "model"):
                head[path[0]] = value
                continue
            parameter = self._at(path)
            if value is None:
                rule = f"{path[-1]}=null: must be {parameter.kind.rule()}; leave it out to not send it"
                raise RequestError(rule, parameter=path[-1], value=None, reason="type")
            given[parameter.name] = (path[-1], value)
        return given, head

    def _ungrouped(self, parameters: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for spelling, value in parameters.items():
            if (spelling,) in self._groups:
                for path, leaf in self._leaves({spelling: value}, ()):
                    yield self._at(path).wire[-1], leaf
            else:
                yield spelling, value

    def _leaves(self, task: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
        for key, value in task.items():
            here = (*path, str(key))
            if here not in self._groups:
                yield here, value
            elif isinstance(value, Mapping):
                yield from self._leaves(value, here)
            else:
                name = ".".join(here)
                raise RequestError(
                    f"{name} is a group: a dict, not {type(value).__name__}", parameter=name, value=value
                )

    def _at(self, path: Path) -> Parameter[Any]:
        if path in self._by_wire:
            return self._by_wire[path]
        name = ".".join(path)
        places = {wire[-1]: ".".join(wire) for wire in self._by_wire}
        if path[-1] in places:
            raise _unknown(name, f"the API has it as {places[path[-1]]}.", places[path[-1]])
        _refuse_negative(path[-1], name)
        guess = places.get(nearest(path[-1], places) or "")
        raise _unknown(name, f"did you mean {guess}?" if guess else "its page has no such key.", guess)


def _refuse_negative(leaf: str, name: str) -> None:
    # Other models have one, and its nearest name, prompt, would ask for the very thing that is not wanted.
    if leaf.replace("_", "").lower() == "negativeprompt":
        raise _unknown(name, "the model has none: the prompt itself says what to leave out.", None)


def _unknown(name: str, hint: str, suggestion: str | None) -> UnknownParameter:
    return UnknownParameter(
        f"{name} is no parameter of {model.MODEL_NAME}; {hint} (Something newer than nbkit goes into extra={{…}}.)",
        parameter=name,
        reason="unknown",
        suggestion=suggestion,
    )
