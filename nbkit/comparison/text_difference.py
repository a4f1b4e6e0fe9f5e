"""Two texts, word by word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence

from nbkit.display.compare import ADDED, REMOVED, SAME, Piece

_MARKS = re.escape('!"#$%&()*+,./:;<=>?@[\\]^`{|}~“”„«»…–—、。，！？「」')
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # scripts that put no space between words
_WORD = re.compile(rf"\s*(?:[{_UNSPACED}{_MARKS}]|[^\s{_UNSPACED}{_MARKS}]+)")

PATIENCE = 3_000
"""Words of a changed stretch; beyond them it counts as changed as a whole, and no cell waits for a better answer."""


def word_difference(before: str, after: str) -> tuple[Piece, ...]:
    """What was removed from a text and added to it, in reading order.

    The pieces that are not added hold the words of ``before``, those that are not removed the words of ``after``.
    Where only spaces or line breaks differ, a last piece says so.
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
    start = _common(left, right)
    end = _common(left[start:][::-1], right[start:][::-1])
    yield SAME, new[:start]
    middle = left[start : len(left) - end], right[start : len(right) - end]
    steps: Iterable[tuple[str, int, int, int, int]] = [("replace", 0, len(middle[0]), 0, len(middle[1]))]
    if max(map(len, middle)) <= PATIENCE:
        steps = difflib.SequenceMatcher(None, *middle).get_opcodes()
    for kind, i, j, k, m in steps:
        if kind == "equal":
            yield SAME, new[start + k : start + m]
        else:
            yield REMOVED, old[start + i : start + j]
            yield ADDED, new[start + k : start + m]
    yield SAME, new[len(new) - end :]


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """How many words are the same from the beginning."""
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
