"""The difference of two texts, word by word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence

from nbkit.display.compare import ADDED, REMOVED, SAME, Piece

_PUNCTUATION = re.escape('!"#$%&()*+,./:;<=>?@[\\]^`{|}~“”„«»…–—、。，！？「」')
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # scripts without spaces between words
_WORD = re.compile(rf"\s*(?:[{_UNSPACED}{_PUNCTUATION}]|[^\s{_UNSPACED}{_PUNCTUATION}]+)")

MAX_WORDS = 3_000
"""A changed stretch with more words is not compared word by word, since that would take too long."""


def word_difference(before: str, after: str) -> tuple[Piece, ...]:
    """The pieces of a text that are the same, removed or added, in reading order.

    The words of all pieces but the added ones are those of ``before``, and the words of all pieces but the removed ones
    are those of ``after``. If only spaces or line breaks differ, a last piece states it.
    """
    if before == after:
        return (Piece(after),)
    old, new = _WORD.findall(before), _WORD.findall(after)
    pieces = tuple(Piece("".join(words), sign) for sign, words in _steps(old, new) if words)
    if all(piece.sign == SAME for piece in pieces):
        return (*pieces, Piece(" (only spaces or line breaks differ)"))
    return pieces


def _steps(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    left, right = [word.strip() for word in old], [word.strip() for word in new]
    start = _common_length(left, right)
    end = _common_length(left[start:][::-1], right[start:][::-1])
    yield SAME, new[:start]
    middle = left[start : len(left) - end], right[start : len(right) - end]
    steps: Iterable[tuple[str, int, int, int, int]] = [("replace", 0, len(middle[0]), 0, len(middle[1]))]
    if max(map(len, middle)) <= MAX_WORDS:
        steps = difflib.SequenceMatcher(None, *middle).get_opcodes()
    for kind, i, j, k, m in steps:
        if kind == "equal":
            yield SAME, new[start + k : start + m]
        else:
            yield REMOVED, old[start + i : start + j]
            yield ADDED, new[start + k : start + m]
    yield SAME, new[len(new) - end :]


def _common_length(left: Sequence[str], right: Sequence[str]) -> int:
    """Number of words at the beginning that are the same in both."""
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
