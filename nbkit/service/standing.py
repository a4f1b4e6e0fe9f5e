"""Where a student of a class stands: what may still be spent, and which tasks wait at which place of the line.

A server that many people share answers ``accountManagement`` with an object ``class``. Nothing in it is believed further
than it is shown: what cannot be read is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbkit.service.failure import Json, plain_text
from nbkit.service.response import micros, read_balance

MAX_NAME = 80
"""Characters of a name that are kept."""

MAX_WAITING = 10_000
"""Waiting tasks of one student that are read."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a class's server says of one student.

    Attributes:
        group: the name of the class; may be empty.
        student: whose key it is; may be empty.
        left: what the student may still spend, in micro-dollars; ``None`` if the server did not say.
        budget: what it was at first, in micro-dollars, likewise.
        paused: whether the teacher has paused the student.
        places: of the tasks that wait, by taskUUID, counted from 1 over everybody's.
        offline: whether the pictures are drawn by an offline engine, at list prices.
    """

    group: str = ""
    student: str = ""
    left: int | None = None
    budget: int | None = None
    paused: bool = False
    places: Mapping[str, int] = field(default_factory=dict)
    offline: bool = False

    def place_of(self, task_uuids: Collection[str]) -> int | None:
        """The first place of some tasks; ``None`` if one of them does not wait, so that there is work on them.

        Example:
            >>> from nbkit.service.standing import Standing
            >>> standing = Standing(places={"a": 5, "b": 3})
            >>> standing.place_of({"a", "b"}), standing.place_of({"a", "c"}), standing.place_of(())
            (3, None, None)
        """
        places = [self.places.get(name) for name in task_uuids]
        waiting = [place for place in places if place is not None]
        return min(waiting) if waiting and len(waiting) == len(places) else None


def read_standing(envelope: Json, *, offline: bool = False) -> Standing | None:
    """What an answer to ``accountManagement`` says of a student; ``None`` if the server is no class's.

    Args:
        envelope: the answer.
        offline: whether it is that of an offline engine.
    """
    items = envelope.get("data")
    item = next((one for one in items if isinstance(one, dict)), {}) if isinstance(items, list) else {}
    told = item.get("class")
    if not isinstance(told, dict):
        return None
    return Standing(
        group=_name(item.get("organizationName")),
        student=_name(told.get("student")),
        left=read_balance(envelope),
        budget=micros(told.get("budget")),
        paused=told.get("paused") is True,
        places=dict(_places(told.get("queue"))),
        offline=offline,
    )


def _places(queue: Any) -> list[tuple[str, int]]:
    waiting = [one for one in (queue if isinstance(queue, list) else ())[:MAX_WAITING] if isinstance(one, dict)]
    pairs = [(one.get("taskUUID"), one.get("place")) for one in waiting]
    return [(name, place) for name, place in pairs if isinstance(name, str) and type(place) is int and place > 0]


def _name(value: Any) -> str:
    return plain_text(value)[:MAX_NAME] if isinstance(value, str) else ""
