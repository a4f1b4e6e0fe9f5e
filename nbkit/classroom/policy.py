"""What every task of a student is made to be before it is priced and sent, and what is said of that.

A block list of words is a seat belt, no promise: another spelling, or another language, passes it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeGuard

from nbkit.display.text import count
from nbkit.errors import ConfigurationError
from nbkit.request.image_request import PARAMETERS
from nbkit.request.naming import profile_in
from nbkit.request.parameter import Choice
from nbkit.request.profile import PROFILES, Profile
from nbkit.request.profiles import DEFAULT

MAX_RESULTS = 20

_HEAD = frozenset({"taskType", "taskUUID", "model", "inputs", "settings", "safety", "providerSettings", "checkNSFW"})
"""Keys at the top of a task beside its parameters."""

_SEARCHES = ("webSearch", "imageSearch", "googleSearch", "grounding")


class BlockedWord(Exception):
    """A prompt has a word of the block list."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a class.

    Attributes:
        check_content: whether every picture is checked for content that is not safe for work.
        safety_tolerance: of Google's filter, for every task; ``None`` leaves it to the student.
        max_resolution: the largest tier of a picture.
        max_results: the most pictures of one task.
        search: whether grounded searches are allowed.
        blocked: words that no prompt may have.
        at_work: how many tasks of one student are done at once.
        at_once: how many of all are.
        waiting: how many tasks of one student may wait.

    Raises:
        ConfigurationError: for a value that cannot be.

    Example:
        >>> from nbkit.classroom.policy import Policy
        >>> task, changes = Policy(max_results=2).apply({"numberResults": 5})
        >>> task["numberResults"], task["safety"], [change["parameter"] for change in changes]
        (2, {'checkContent': True}, ['safety.checkContent', 'numberResults'])
    """

    check_content: bool = True
    safety_tolerance: str | None = None
    max_resolution: str = "4K"
    max_results: int = 4
    search: bool = False
    blocked: tuple[str, ...] = ()
    at_work: int = 4
    at_once: int = 512
    waiting: int = 256

    def __post_init__(self) -> None:
        kind = PARAMETERS["safety_tolerance"].kind
        tolerances = kind.choices if isinstance(kind, Choice) else ()
        if self.safety_tolerance not in (None, *tolerances):
            raise ConfigurationError(
                f"safety_tolerance={self.safety_tolerance!r}: one of {', '.join(tolerances)}, or None"
            )
        if self.max_resolution not in DEFAULT.tiers:
            raise ConfigurationError(f"max_resolution={self.max_resolution!r}: one of {', '.join(DEFAULT.tiers)}")
        for name, most in (("max_results", MAX_RESULTS), ("at_work", 1000), ("at_once", 1000), ("waiting", 10_000)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise ConfigurationError(f"{name}={value!r}: a whole number from 1 to {most:,}")
        object.__setattr__(self, "blocked", tuple(word.strip().lower() for word in self.blocked if word.strip()))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The policy of stored values; names that this version does not know are left out."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in names})

    def sentences(self) -> list[str]:
        """The rules for people.

        Example:
            >>> from nbkit.classroom.policy import Policy
            >>> Policy(max_results=1, blocked=("gun",)).sentences()[1:]
            ['A press makes at most 1 picture, at most 4K.', 'No searches.', 'At work at once: 4 of each student, 512 of all; 256 of each may wait.', 'Prompts with these words are refused: gun.']
        """
        checked = "is checked for what does not belong in a class" if self.check_content else "is checked if asked for"
        tolerance = f", with the safety tolerance {self.safety_tolerance}" if self.safety_tolerance else ""
        found = [
            f"Every picture {checked}{tolerance}.",
            f"A press makes at most {count(self.max_results, 'picture')}, at most {self.max_resolution}.",
            "Searches are allowed." if self.search else "No searches.",
            f"At work at once: {self.at_work:,} of each student, {self.at_once:,} of all; {self.waiting:,} of each may wait.",
        ]
        if self.blocked:
            found.append(f"Prompts with these words are refused: {', '.join(self.blocked)}.")
        return found

    def apply(self, task: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The task as it is made to be, and what was changed.

        Args:
            task: as a student sent it. Values of a wrong type are left for the check that follows.

        Returns:
            A new task, and for each change its parameter, what was asked for, what it is, and why. Addresses may hold
            credentials, so they are left out.

        Raises:
            BlockedWord: if the prompt has one.
        """
        made = {name: dict(value) if isinstance(value, Mapping) else value for name, value in task.items()}
        provider = made.get("providerSettings")
        if isinstance(provider, dict) and isinstance(provider.get("google"), Mapping):
            provider["google"] = dict(provider["google"])
        changes: list[dict[str, Any]] = []
        profile = _profile(made)
        self._check_words(made, profile)
        called = [name for name in ("webhookURL", "uploadEndpoint") if made.pop(name, None) is not None]
        changes += [
            _change(name, "an address", None, "the server of a class calls no other address") for name in called
        ]
        known = {path[0] for path in profile.by_wire} | _HEAD
        others = [name for name in made if name not in known]
        changes += [_change(name, None, None, "a class takes the parameters of its models only") for name in others]
        made = {name: value for name, value in made.items() if name not in others}
        self._take_searches(made, changes)
        self._force_safety(made, profile, changes)
        self._cap(made, profile, changes)
        return made, changes

    def _check_words(self, task: Mapping[str, Any], profile: Profile) -> None:
        settings = task.get("settings")
        system = settings.get("systemPrompt") if isinstance(settings, Mapping) else None
        text = " ".join(str(one).lower() for one in (task.get("positivePrompt"), system) if isinstance(one, str))
        del profile
        for word in self.blocked:
            if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text):
                raise BlockedWord("The prompt has a word that this class does not use. Nothing was sent.")

    def _take_searches(self, task: dict[str, Any], changes: list[dict[str, Any]]) -> None:
        if self.search:
            return
        provider = task.get("providerSettings")
        groups = [task, task.get("settings"), provider, provider.get("google") if isinstance(provider, dict) else None]
        found = [(group, name) for group in groups if isinstance(group, dict) for name in _SEARCHES if name in group]
        asked = [name for group, name in found if group.pop(name)]
        changes += [_change(name, True, None, "this class makes no searches") for name in asked]

    def _force_safety(self, task: dict[str, Any], profile: Profile, changes: list[dict[str, Any]]) -> None:
        if self.check_content:
            old = task.pop("checkNSFW", None)
            safety = task.get("safety")
            safety = safety if isinstance(safety, dict) else {}
            asked = safety.get("checkContent", old)
            if asked is not True or safety.get("mode") == "none":
                changes.append(_change("safety.checkContent", asked, True, "every picture of this class is checked"))
            task["safety"] = {**safety, "checkContent": True}
            if task["safety"].get("mode") == "none":
                task["safety"]["mode"] = "fast"
        if self.safety_tolerance is not None:
            parameter = profile.parameters["safety_tolerance"]
            if parameter.state != "lacking":
                self._force(task, parameter.wire, parameter.spell(self.safety_tolerance), changes)

    @staticmethod
    def _force(task: dict[str, Any], path: Sequence[str], value: Any, changes: list[dict[str, Any]]) -> None:
        group = task
        for name in path[:-1]:
            inner = group.get(name)
            group[name] = group = inner if isinstance(inner, dict) else {}
        if group.get(path[-1]) != value:
            changes.append(_change(".".join(path), group.get(path[-1]), value, "the same for everybody in this class"))
        group[path[-1]] = value

    def _cap(self, task: dict[str, Any], profile: Profile, changes: list[dict[str, Any]]) -> None:
        asked = task.get("numberResults")
        if _is_number(asked) and asked > self.max_results:
            why = f"at most {self.max_results} pictures of a task in this class"
            changes.append(_change("numberResults", asked, self.max_results, why))
            task["numberResults"] = self.max_results
        allowed = self._tiers(profile)
        why = f"at most {allowed[-1]} in this class"
        tier, width, height = task.get("resolution"), task.get("width"), task.get("height")
        if isinstance(tier, str) and tier in profile.tiers and tier not in allowed:
            changes.append(_change("resolution", tier, allowed[-1], why))
            task["resolution"] = allowed[-1]
        if _is_number(width) and _is_number(height) and width > 0 and height > 0:
            found = profile.ratio_and_tier(width, height)
            ratio, size_tier = (
                found or profile.ratio_and_tier(*profile.nearest_size(width, height)) or ("1:1", allowed[-1])
            )
            if size_tier not in allowed:
                task["width"], task["height"] = profile.size_of(ratio, allowed[-1])
                changes.append(_change("width, height", [width, height], [task["width"], task["height"]], why))
        elif tier is None and width is None and height is None and allowed != profile.tiers and _has_references(task):
            changes.append(_change("resolution", None, allowed[-1], why))
            task["resolution"] = allowed[-1]

    def _tiers(self, profile: Profile) -> tuple[str, ...]:
        order = list(DEFAULT.tiers)
        most = order.index(self.max_resolution)
        allowed = tuple(tier for tier in profile.tiers if tier not in order or order.index(tier) <= most)
        return allowed or profile.tiers[:1]


def _profile(task: Mapping[str, Any]) -> Profile:
    try:
        return profile_in(task)
    except Exception:  # noqa: BLE001  whatever it is, the check that follows says what is wrong with it
        return DEFAULT if not isinstance(task.get("model"), str) else PROFILES.get(str(task["model"]), DEFAULT)


def _has_references(task: Mapping[str, Any]) -> bool:
    inputs = task.get("inputs")
    return isinstance(inputs, Mapping) and bool(inputs.get("referenceImages"))


def _is_number(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _change(parameter: str, asked: Any, made: Any, why: str) -> dict[str, Any]:
    return {"parameter": parameter, "asked": asked, "is": made, "why": why}
