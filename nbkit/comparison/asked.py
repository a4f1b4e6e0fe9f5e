"""Questions that were answered, as plain values: pictures are numbers, and copies of one picture are one number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbkit.log.judgements import SKIPPED, Judgement
from nbkit.statistics import TIE


@dataclass(frozen=True)
class Asked:
    """One question that was answered.

    Attributes:
        shown: the pictures in their order on the screen.
        winner: the best one; ``None`` for a tie.
        skipped: whether the person did not answer.
        rater: who answered.
        question: in words.
    """

    shown: tuple[int, ...]
    winner: int | None
    skipped: bool = False
    rater: str = ""
    question: str = ""

    @property
    def choice(self) -> tuple[Any, ...]:
        """As :func:`nbkit.statistics.bradley_terry` takes it, whatever the order on the screen."""
        if self.winner is None:
            return (*sorted(self.shown), TIE)
        return (self.winner, *sorted(picture for picture in self.shown if picture != self.winner))


def asked_about(judgements: Sequence[Judgement], places: Mapping[str, int]) -> list[Asked]:
    """The judgements of nothing but some pictures; one between copies of one picture tells nothing, and is left out.

    Args:
        judgements: of the log.
        places: the number of the picture that each imageUUID is.
    """
    found = []
    for row in judgements:
        shown = tuple(places[name] for name in row.shown if name in places)
        if len(set(shown)) == len(row.shown):
            winner = places.get(row.outcome)
            found.append(Asked(shown, winner, row.outcome == SKIPPED, row.rater, row.question))
    return found


def choices_of(asked: Sequence[Asked]) -> list[tuple[Any, ...]]:
    """The answers as :func:`nbkit.statistics.bradley_terry` takes them.

    Sorted, because the order in which somebody judged, and where pictures stood, must not change a digit.
    """
    return sorted((one.choice for one in asked if not one.skipped), key=repr)
