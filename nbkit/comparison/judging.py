"""Asking people which of some pictures is best, blind, and writing what they answer into the log.

A :class:`Judging` is what an arena is without a widget: it knows which pictures are shown now, takes an answer, takes it
back, and gives the question as plain data with one fragment of HTML, so that a page can show it, too. What was answered
stands in the log alone: each question is chosen from what the log has then, also of other raters and earlier kernels.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nbkit.comparison.asked import Asked, asked_about
from nbkit.comparison.choosing import next_question
from nbkit.comparison.ranking import RankedItem, Ranking, items_of, rank
from nbkit.display.arena import ArenaQuestion
from nbkit.display.text import count
from nbkit.errors import NbkitError, NoImage, RequestError
from nbkit.log.annotations import check_known, image_uuids
from nbkit.log.frame import check_argument, check_frame
from nbkit.log.judgements import (
    SKIPPED,
    TIED,
    Judgement,
    add_judgement,
    check_question,
    check_rater,
    read_judgements,
    withdraw_judgement,
)
from nbkit.log.store import LogStore
from nbkit.measures.content import content_jpeg
from nbkit.request.parameter import Integer, short_repr
from nbkit.results.run import GeneratedImage

MOST_SHOWN = 4
SIZE = {2: 1024}
"""Pixels on the long side of a picture where so many are shown; else 768."""

QUESTION = "Which is better?"
RATER = "me"


class Judging:
    """One person, one question, some pictures.

    Args:
        log: has the pictures, and gets the judgements.
        rows: of the log.
        by: the column whose values are compared; ``None`` for the pictures themselves.
        show: how many pictures are shown at once, 2 to 4.
        question: that is asked.
        rater: who answers.
        rng: a number or a numpy generator for what is left to chance; ``None`` for another course each time.

    Raises:
        RequestError: for fewer than two pictures or values to compare, and for anything else that is not allowed.
        UnknownParameter: for a column that the rows do not have.
    """

    def __init__(
        self,
        log: LogStore,
        rows: pd.DataFrame,
        by: str | Sequence[str] | None = None,
        *,
        show: int = MOST_SHOWN,
        question: str = QUESTION,
        rater: str = RATER,
        rng: int | np.random.Generator | None = None,
    ) -> None:
        check_frame(rows, ("imageUUID", "taskUUID", "file"))
        rows = rows[rows["imageUUID"].notna() & rows["file"].notna()]
        names = list(map(str, rows["imageUUID"]))
        check_known(names, log.rows_of([], names)["imageUUID"].dropna())
        show = check_argument("show", Integer(2, MOST_SHOWN).check, show)
        self.question, self.rater = check_question(question), check_rater(rater)
        self.by, self._log = by, log
        self._items, _, self._places = items_of(rows, by)
        if len(self._items) < 2:
            what = "pictures" if by is None else f"values of {by}"
            message = f"two {what} are needed to compare, and there {'is one' if self._items else 'is none'}"
            raise RequestError(message, parameter="by" if by else "result", value=by, reason="count")
        self._names: dict[int, str] = {}
        for name, place in self._places.items():
            self._names.setdefault(place, name)
        self._tasks = dict(zip(rows["imageUUID"], rows["taskUUID"], strict=True))
        offline = rows[rows["charged"].eq(other=False).fillna(value=True)] if "charged" in rows else rows
        self._offline = frozenset(offline["imageUUID"])
        self._show = min(show, len(self._names))
        try:
            self._rng = np.random.default_rng(rng)
        except (TypeError, ValueError):
            message = f"rng={short_repr(rng)}: must be a whole number from 0 on, a numpy generator, or None"
            raise RequestError(message, parameter="rng", value=rng, reason="type") from None
        self._lock = threading.RLock()
        self._lost: set[int] = set()
        self._why = ""
        self._made: list[tuple[str, tuple[int, ...]]] = []
        self._shown: tuple[int, ...] = ()
        self._round, self._since = 0, 0.0
        self._ask()

    # -- what is shown -------------------------------------------------------------------------------------------

    @property
    def round(self) -> int:
        """The number of the question that is shown now; it grows with every answer and with every undo."""
        return self._round

    @property
    def shown(self) -> list[GeneratedImage]:
        """The pictures that are shown now, in their order on the screen."""
        return self._images(self._shown)

    @property
    def log(self) -> LogStore:
        """Has the pictures, and gets the judgements."""
        return self._log

    @property
    def items(self) -> tuple[RankedItem, ...]:
        """What is compared: settings, or pictures. A picture is a number."""
        return self._items

    def names(self, pictures: Sequence[int]) -> list[str]:
        """The imageUUIDs of pictures."""
        return [self._names[place] for place in pictures]

    def content(self, picture: int, size: int) -> bytes:
        """A JPEG of a picture that tells nothing of how it was made.

        Args:
            picture: its number.
            size: pixels on the long side.

        Raises:
            NoImage: if its file is gone or cannot be decoded.
        """
        return self._content(self._images([picture])[0], size)

    def asked(self) -> list[Asked]:
        """Every answer that the log has about nothing but these pictures, oldest first, of all raters."""
        return asked_about(self._judgements(), self._places)

    def ranking(self) -> Ranking:
        """What was answered so far, by all raters.

        Raises:
            RequestError: if nothing was.
        """
        return rank(self._judgements(), self._log.rows_of([], list(self._places)), self.by)

    def state(self) -> ArenaQuestion:
        """The question as plain data, blind: nothing in it tells how a picture was made."""
        with self._lock:
            pictures = self._readable()
            number, made = self._round, len(self._made)
        asked = self.asked()
        own = sum(one.rater == self.rater for one in asked)
        return ArenaQuestion(
            round=number,
            question=self.question,
            pictures=pictures,
            can_undo=made > 0,
            has_ranking=any(not one.skipped for one in asked),
            says=f"{count(own, 'judgement')} by {self.rater}"
            + (f", {len(asked) - own:,} by others" if len(asked) > own else ""),
        )

    # -- answers -------------------------------------------------------------------------------------------------

    def record(self, rater: str, shown: Sequence[int], winner: int | None, seconds: float | None) -> None:
        """Write what somebody else answered about two or more of the pictures, if it is that person's first answer about these;
        what is shown here stays. Any thread may call it.

        Args:
            rater: who answered.
            shown: the numbers of the pictures, in their order on that person's screen.
            winner: the best one of them; ``None`` for a tie.
            seconds: that the answer took.

        Raises:
            StorageError: if the log cannot be written.
        """
        self._add(rater, shown, TIED if winner is None else self._names[winner], seconds, once=True)

    def judge(self, *pictures: GeneratedImage | str, tie: bool = False) -> None:
        """Answer: the best picture first, then those it beats; with ``tie``, all are equal.

        Args:
            *pictures: of this arena, or their imageUUIDs. One alone is the best of those that are shown; none, with ``tie``:
                all that are shown.
            tie: whether they are equally good.

        Raises:
            RequestError: for a picture that is not one of these; nothing is written.
            StorageError: if the log cannot be written.
        """
        given = [one.image_uuid if isinstance(one, GeneratedImage) else one for one in pictures]
        if not all(isinstance(one, str) for one in given) or not isinstance(tie, bool):
            message = "pictures: must be pictures of this arena or their imageUUIDs, the best one first, and tie= True or False"
            raise RequestError(message, parameter="pictures", reason="type")
        with self._lock:
            places = [self._place(name) for name in given]
            if len(set(places)) < len(places):
                raise RequestError("pictures: one is named twice", parameter="pictures", reason="conflict")
            if bool(places) == tie and len(places) < 2:
                message = (
                    "pictures: name those that are equal, or none for all that are shown"
                    if tie
                    else "pictures: name the best one first"
                )
                raise RequestError(message, parameter="pictures", reason="missing")
            if len(places) == 1 and places[0] not in self._shown:
                message = "pictures: that one is not shown now; name those that it beats, too"
                raise RequestError(message, parameter="pictures", reason="conflict")
            self._write(places if len(places) > 1 else self._shown, TIED if tie else places[0])

    def skip(self) -> None:
        """Leave the question unanswered; it tells nothing, and another one comes."""
        with self._lock:
            self._write(self._shown, SKIPPED)

    def undo(self) -> None:
        """Take the last answer of this arena back, and show its pictures again.

        Raises:
            NbkitError: if there is none.
        """
        with self._lock:
            if not self._made:
                raise NbkitError("there is no answer to take back: this arena has none since it was made")
            name, shown = self._made[-1]
            withdraw_judgement(self._log.database, name)
            del self._made[-1]
            self._turn(shown)

    # -- inside --------------------------------------------------------------------------------------------------

    def _write(self, places: Sequence[int], outcome: Any) -> None:
        is_shown = set(places) == set(self._shown)
        order = self._shown if is_shown else tuple(places)
        said = outcome if outcome in (TIED, SKIPPED) else self._names[outcome]
        name = self._add(self.rater, order, said, time.monotonic() - self._since if is_shown else None)
        self._made.append((name, order))
        self._ask()

    def _add(self, rater: str, shown: Sequence[int], outcome: str, seconds: float | None, *, once: bool = False) -> str:
        return add_judgement(
            self._log.database,
            rater=rater,
            question=self.question,
            shown=self.names(shown),
            outcome=outcome,
            seconds=None if seconds is None else round(seconds, 3),
            author=self._log.trust.new_author,
            once=once,
        )

    def _images(self, places: Sequence[int]) -> list[GeneratedImage]:
        names = self.names(places)
        runs = self._log.get_runs([self._tasks[name] for name in names])
        found = {image.image_uuid: image for run in runs.values() for image in run.images}
        return [found[name] for name in names]

    def _content(self, image: GeneratedImage, size: int) -> bytes:
        return content_jpeg(image.bytes, size, is_offline=image.image_uuid in self._offline)

    def _ask(self) -> None:
        items = [tuple(place for place in one.rows if place not in self._lost) for one in self._items]
        there = list(filter(None, items))
        if len(there) < 2:
            what = "pictures" if self.by is None else f"values of {self.by}"
            raise NoImage(f"fewer than two {what} have a picture that can be shown: {self._why}")
        show = min(self._show, sum(map(len, there)))
        self._turn(next_question(self.asked(), there, show, self._rng, rater=self.rater))

    def _readable(self) -> list[bytes]:
        """The pictures that are shown; where the file of one is gone, another question comes without it."""
        while True:
            found: list[bytes] = []
            for place, image in zip(self._shown, self.shown, strict=True):
                try:
                    found.append(self._content(image, SIZE.get(len(self._shown), 768)))
                except NoImage as error:
                    self._lost.add(place)
                    self._why = str(error)
            if len(found) == len(self._shown):
                return found
            self._ask()

    def _turn(self, shown: tuple[int, ...]) -> None:
        self._shown, self._since = shown, time.monotonic()
        self._round += 1

    def _judgements(self) -> list[Judgement]:
        return read_judgements(self._log.database, question=self.question, pictures=self._places)

    def _place(self, name: str) -> int:
        if name not in self._places:
            message = f"pictures: {name!r} is not one of the pictures of this arena"
            raise RequestError(message, parameter="pictures", value=name, reason="unknown")
        return self._places[name]


def rows_for(log: LogStore, which: Any) -> pd.DataFrame:
    """The rows of the log that an arena is about: of a sweep or its result, of a frame, or of pictures in any other form."""
    if not isinstance(which, (pd.DataFrame, pd.Series)):
        which = getattr(which, "result", which)  # of a sweep
        which = which.to_frame() if hasattr(which, "to_frame") else which
    if isinstance(which, pd.DataFrame):
        return which
    names = image_uuids(which if isinstance(which, Iterable) and not isinstance(which, str) else [which])
    rows = log.rows_of([], names)
    check_known(names, rows["imageUUID"].dropna())
    return rows[rows["imageUUID"].isin(names)]
