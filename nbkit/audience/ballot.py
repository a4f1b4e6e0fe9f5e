"""What an audience votes on, and who has voted: the same pairs for everybody, once for each phone.

A phone is told by a random token in a cookie; its name as a rater is a hash of that. So what a phone has voted on stands in
the log alone: after a restart of the kernel, a phone that joins again goes on where it was.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from nbkit.comparison.choosing import pairs_for_all
from nbkit.comparison.judging import Judging
from nbkit.comparison.ranking import Ranking
from nbkit.errors import NbkitError, NoImage
from nbkit.log.judgements import read_judgements
from nbkit.measures.facts import header_size

PHONE = re.compile("phone [0-9a-f]{16}")
"""The name of a phone as a rater."""

SIZE = 1024
"""Pixels on the long side of a picture. A smaller one is enlarged: its size would tell its resolution."""

QUALITY = 90
"""JPEG quality of a picture that is enlarged."""

TALL = 0.8
"""Width over height: pictures that are narrower stand side by side on a phone, too."""


TOKEN_BYTES = 32
TOKEN_LENGTH = math.ceil(TOKEN_BYTES * 4 / 3)
"""Characters of a token in a cookie."""


@dataclass(eq=False)
class Voter:
    """One phone.

    Attributes:
        rater: its name in the log.
        number: in the order of joining, from 0 on.
        answered: the numbers of the pairs that it has voted on.
        since: the pair that it looks at, and when that was first shown, on the clock of ``time.monotonic``.
    """

    rater: str
    number: int
    answered: set[int] = field(default_factory=set)
    since: tuple[int, float] = (-1, 0.0)


@dataclass(frozen=True)
class Tally:
    """What the audience said of one pair, or of one setting.

    Attributes:
        labels: of the setting, or of the two pictures' settings.
        pictures: tokens of the two pictures; none for a setting.
        votes: for each of the labels.
        ties: votes that both are equal.
    """

    labels: tuple[str, ...]
    pictures: tuple[str, ...]
    votes: tuple[float, ...]
    ties: int


@dataclass(frozen=True)
class VoteResult:
    """What is shown after the reveal.

    Attributes:
        by: the column whose values are compared; empty where pictures are.
        sentences: of the ranking of all that were judged with this question.
        settings: each with its votes and in ``ties`` the number of votes on pairs that it was in; a tie is half a vote.
        pairs: in the order of the vote.
        phones: how many have voted.
    """

    by: str
    sentences: Sequence[str]
    settings: Sequence[Tally]
    pairs: Sequence[Tally]
    phones: int


class Ballot:
    """The pairs of a vote and its voters. All methods but :meth:`write` and :meth:`reveal` are called in one thread.

    Args:
        judging: has the pictures and the question, and writes the votes.
        number: of pairs, at most.

    Attributes:
        question: that is asked.
        pairs: two pictures each, by their numbers.
        pictures: JPEGs without a setting, by a random token.
        is_tall: whether the pictures are much higher than wide.
        voters: by the token of their cookies.
        result: after the reveal.

    Raises:
        NoImage: if fewer than two pictures, or settings, have a picture that can be shown.
    """

    def __init__(self, judging: Judging, number: int) -> None:
        self.question, self._judging = judging.question, judging
        self.pairs, contents = _readable_pairs(judging, number)
        self._tokens = {place: secrets.token_urlsafe(9) for place in contents}
        self.pictures = {self._tokens[place]: data for place, data in contents.items()}
        sizes = [header_size(data) for data in contents.values()]
        self.is_tall = sum(width / height for width, height in sizes) / len(sizes) < TALL
        self.voters: dict[str, Voter] = {}
        self.result: VoteResult | None = None
        self._secret = secrets.token_bytes(16)
        self._counting = threading.Lock()

    def answered_before(self, token: str) -> set[int]:
        """The pairs that the log has votes on by the phone with this token; from any thread."""
        rows = read_judgements(self._judging.log.database, question=self.question, rater=_rater(token))
        shown = {frozenset(row.shown) for row in rows}
        return {i for i, pair in enumerate(self.pairs) if frozenset(self._judging.names(pair)) in shown}

    def join(self, token: str, answered: set[int]) -> Voter:
        """Let a phone vote; one that has joined before is the same voter."""
        return self.voters.setdefault(token, Voter(_rater(token), len(self.voters), answered))

    def next_pair(self, voter: Voter) -> int | None:
        """The number of the first pair that a phone has not voted on; ``None`` after the last one."""
        number = next((i for i in range(len(self.pairs)) if i not in voter.answered), None)
        if number is not None and voter.since[0] != number:
            voter.since = (number, time.monotonic())
        return number

    def shown(self, voter: Voter, number: int) -> tuple[int, int]:
        """The pictures of a pair in the order in which a phone shows them: by chance, and of two voters who join one after the
        other each sees the other's order.
        """
        first, second = self.pairs[number]
        chance = hashlib.blake2b(f"{voter.number // 2} {number}".encode(), key=self._secret).digest()[0]
        return (second, first) if (chance ^ voter.number) & 1 else (first, second)

    def tokens(self, shown: Sequence[int]) -> tuple[str, ...]:
        """By which the pictures are fetched."""
        return tuple(self._tokens[place] for place in shown)

    def write(self, voter: Voter, number: int, choice: int | None) -> bool:
        """Write a vote into the log, unless the result was revealed meanwhile; any thread may call it. Returns whether it is
        there.

        Args:
            voter: who votes.
            number: of the pair.
            choice: 0 or 1, the place of the better picture on the phone; ``None`` for a tie.

        Raises:
            StorageError: if the log cannot be written.
        """
        shown = self.shown(voter, number)
        seconds = time.monotonic() - voter.since[1] if voter.since[0] == number else None
        with self._counting:
            if self.result is not None:
                return False
            self._judging.record(voter.rater, shown, None if choice is None else shown[choice], seconds)
        return True

    def reveal(self) -> Ranking:
        """End the vote, and show what was found in all votes that were ever written; any thread may call it.

        Raises:
            NbkitError: if nobody has voted.
        """
        with self._counting:
            return self._count()

    def _count(self) -> Ranking:
        items = {place: i for i, one in enumerate(self._judging.items) for place in one.rows}
        label = [one.label for one in self._judging.items]
        of_pair: dict[frozenset[int], Counter[int | None]] = {frozenset(pair): Counter() for pair in self.pairs}
        phones = set()
        for one in self._judging.asked():
            counter = of_pair.get(frozenset(one.shown))
            if counter is not None and PHONE.fullmatch(one.rater) and not one.skipped:
                counter[one.winner] += 1
                phones.add(one.rater)
        if not phones:
            raise NbkitError("nobody has voted yet: there is nothing to reveal")
        votes: Counter[int] = Counter()
        chances: Counter[int] = Counter()
        pairs = []
        for pair in self.pairs:
            counter = of_pair[frozenset(pair)]
            labels = tuple(label[items[place]] for place in pair)
            pairs.append(Tally(labels, self.tokens(pair), tuple(counter[place] for place in pair), counter[None]))
            for place in pair:
                votes[items[place]] += 2 * counter[place] + counter[None]  # a tie is half a vote
                chances[items[place]] += counter.total()
        order = sorted((i for i in chances if chances[i]), key=lambda i: -votes[i] / chances[i])
        settings = [Tally((label[i],), (), (votes[i] / 2,), chances[i]) for i in order]
        ranking = self._judging.ranking()
        self.result = VoteResult(ranking.by or "", ranking.sentences, settings, pairs, len(phones))
        return ranking


def is_token(text: str | None) -> bool:
    """Whether a cookie may be the token of a phone."""
    return (
        text is not None
        and len(text) == TOKEN_LENGTH
        and text.isascii()
        and text.replace("-", "").replace("_", "").isalnum()
    )


def new_token() -> str:
    """The token of a new phone."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def _rater(token: str) -> str:
    return f"phone {hashlib.sha256(token.encode()).hexdigest()[:16]}"


def _enlarged(jpeg: bytes) -> bytes:
    with Image.open(io.BytesIO(jpeg)) as picture:
        scale = SIZE / max(picture.size)
        if scale <= 1:
            return jpeg
        larger = picture.resize([max(1, round(side * scale)) for side in picture.size], Image.Resampling.LANCZOS)
    out = io.BytesIO()
    larger.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _readable_pairs(judging: Judging, number: int) -> tuple[list[tuple[int, int]], dict[int, bytes]]:
    """Pairs, the same ones each time, and their pictures; what cannot be read is in none."""
    items: list[list[int]] = [list(one.rows) for one in judging.items]
    names = judging.names(sorted(place for own in items for place in own))
    seed = hashlib.sha256("\n".join((judging.question, *names)).encode()).digest()
    contents: dict[int, bytes] = {}
    while True:
        pairs = pairs_for_all(items, number, np.random.default_rng(list(seed)))
        if not pairs:
            raise NoImage("fewer than two of what is compared have a picture that can be shown")
        used, gone = {place for pair in pairs for place in pair}, set()
        for place in sorted(used - contents.keys()):
            try:
                contents[place] = _enlarged(judging.content(place, SIZE))
            except NoImage:
                gone.add(place)
        if not gone:
            return pairs, {place: contents[place] for place in sorted(used)}
        items = [[one for one in own if one not in gone] for own in items]
