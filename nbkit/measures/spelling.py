"""Whether words stand in what was read from a picture, letter by letter.

Upper and lower case are the same, and so are all dashes, all quotation marks, and the wide and narrow forms of a letter
(NFKC). Spaces do not count: letters on a sign are often set apart. Punctuation at the end of a word does not count: it is
the first thing that a reader of small letters loses.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

SURE = 0.5
"""A line that was read with less confidence than this decides nothing."""

MOST_WORDS = 400
"""Words of a picture that are looked at; a poster has a hundred."""

_DASHES = re.compile("[\u2010-\u2015\u2043\u2212\ufe58\ufe63\uff0d]")
_QUOTES = re.compile(
    '["\u0060\u00ab\u00b4\u00bb\u2018-\u201f\u2032\u2033\u2039\u203a\u300c-\u300f\u301d-\u301f\uff02\uff07]'
)
_TWO_IN_ONE = str.maketrans({"æ": "ae", "œ": "oe"})
"""Letters that look like two, and are read as two."""

_EDGES = ".,;:!?…·•'()[]{}|、。・"
"""Punctuation that does not count at the ends of a word."""

_READABLE = ("LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC", "FEMININE", "MASCULINE")
"""The scripts whose letters the model reads, by the first word of a letter's name in Unicode."""

_UNSPACED = re.compile("[\u3005\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""Letters of scripts that have no spaces between words."""

_HALF = 0.5
"""Error rate up to which something may be the phrase: an unsure reading that is further off says nothing of it."""

_JOINED = 3
"""Letters that a neighbour has at least, where two words were read as one: SPICYMISO, but not RAMENN."""


class TextLine(NamedTuple):
    """One line of a picture.

    Attributes:
        text: as it was read.
        confidence: 0 to 1.
    """

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Reading:
    """Whether a phrase stands in a picture; ``run.image.reads("OPEN LATE")`` returns one. It is true if it was found.

    Attributes:
        phrase: that was looked for.
        found: ``True`` if every word of it was read, together or each for itself; ``False`` if one was not; ``None`` if that
            cannot be said here: it has letters of a script that is not read (Cyrillic, Greek, Arabic …), or what is there
            was read with too little confidence.
        cer: character error rate, the least number of letters to insert, remove and replace, divided by the letters of the
            phrase; 0 for what is spelled right, 0.25 for TONKOSTU in place of TONKOTSU, 1 at most; ``None`` if the phrase
            has letters that cannot be read.
        best: what was read that is nearest to it; ``""`` if nothing is near.
        confidence: with which that was read, 0 to 1; ``None`` without it.

    Example:
        >>> from nbkit.measures.spelling import TextLine, find_phrase
        >>> find_phrase("TONKOTSU", [TextLine("OPEN LATE", 0.99), TextLine("TONKOSTU", 0.98)])
        <Reading of 'TONKOTSU': not there, nearest is 'TONKOSTU' (error rate 0.25)>
    """

    phrase: str
    found: bool | None
    cer: float | None
    best: str
    confidence: float | None

    def __bool__(self) -> bool:
        return self.found is True

    def __repr__(self) -> str:
        nearest = f", nearest is {self.best!r} (error rate {self.cer:.2g})" if self.best and self.cer else ""
        if self.cer is None:
            said = "cannot be read here"
        else:
            said = {True: "found", False: f"not there{nearest}", None: f"not sure{nearest}"}[self.found]
        return f"<Reading of {self.phrase!r}: {said}>"


class WordsFound(NamedTuple):
    """Which of some expected words stand in a picture; those of which that cannot be said are in neither list.

    Attributes:
        found, missing: each word once, as it is written in the phrases.
    """

    found: list[str]
    missing: list[str]

    @property
    def share(self) -> float | None:
        """The share that was found, 0 to 1; ``None`` where there is nothing to divide."""
        number = len(self.found) + len(self.missing)
        return len(self.found) / number if number else None


def normalised(text: str) -> str:
    """A text as texts are compared: NFKC, without case and spaces, with one kind of dash and of quotation mark."""
    text = unicodedata.normalize("NFKC", _QUOTES.sub("'", _DASHES.sub("-", text)))
    text = _QUOTES.sub("'", _DASHES.sub("-", "".join(text.casefold().split())))
    return unicodedata.normalize(
        "NFKC", text.translate(_TWO_IN_ONE).replace("i\u0307", "i")
    )  # of a capital I with a dot


def word_form(word: str) -> str:
    """A word as words are compared: normalised, without the punctuation at its ends, unless that is all of it."""
    whole = normalised(word)
    return whole.strip(_EDGES) or whole


def can_be_read(text: str) -> bool:
    """Whether all letters of a text are of scripts that are read."""
    return all(_is_readable(letter) for letter in unicodedata.normalize("NFKC", text) if letter.isalpha())


def _is_readable(letter: str) -> bool:
    name = unicodedata.name(letter, "")
    return name.split(" ")[0].removeprefix("FULLWIDTH").removeprefix("HALFWIDTH") in ("", *_READABLE)


def edits(first: Sequence[str], second: Sequence[str]) -> int:
    """The least number of insertions, removals and replacements that turn one text into another (Levenshtein's distance).

    Example:
        >>> from nbkit.measures.spelling import edits
        >>> edits("TONKOTSU", "TONKOSTU")
        2
    """
    before = list(range(len(second) + 1))
    for i, letter in enumerate(first, 1):
        row = [i]
        for j, other in enumerate(second, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != other)))
        before = row
    return before[-1]


class _ReadWord(NamedTuple):
    """A word that was read: as it is written, as it is compared, and how sure it is."""

    text: str
    form: str
    confidence: float


class _Near(NamedTuple):
    """What is nearest to something: how many edits it takes, what was read, and how sure that is."""

    edits: int
    text: str
    confidence: float | None


def find_phrase(phrase: str, lines: Sequence[TextLine]) -> Reading:
    """Whether a phrase stands in what was read.

    Args:
        phrase: to look for.
        lines: of the picture, in reading order; also those that were read with little confidence.
    """
    if not can_be_read(phrase) or not any(map(str.isalnum, phrase)):
        return Reading(phrase, None, None, "", None)
    tokens = _tokens(lines)
    words = [form for form in map(word_form, phrase.split()) if form]
    wanted = "".join(words)
    near = _nearest(wanted, tokens)
    parts = [_nearest(word, tokens) for word in words] if near.edits else []  # its words may stand apart, in any order
    if len(parts) > 1 and sum(part.edits for part in parts) < near.edits:
        sure = min((part.confidence for part in parts if part.confidence is not None), default=None)
        near = _Near(sum(part.edits for part in parts), " ".join(part.text for part in parts if part.text), sure)
    cer = round(min(1.0, near.edits / len(wanted)), 6)
    found: bool | None = near.edits == 0
    is_unsure = near.confidence is not None and near.confidence < SURE and cer <= _HALF
    lacking = [word for word, part in zip(words, parts, strict=False) if part.edits]
    if is_unsure or (not found and all(_is_joined(word, tokens) for word in lacking)):
        found = None
    best = near.text if cer < 1 else ""
    return Reading(phrase, found, cer, best, near.confidence if best else None)


def find_words(phrases: Iterable[str], lines: Sequence[TextLine]) -> WordsFound:
    """Which words of some phrases stand in what was read, in any order and place.

    Args:
        phrases: that are expected.
        lines: of the picture, as for :func:`find_phrase`.
    """
    wanted: dict[str, str] = {}
    whole: set[str] = set()
    tokens = _tokens(lines)
    for phrase in phrases:
        words = {word_form(word): word.strip(_EDGES) or word for word in phrase.split()}
        words = {form: word for form, word in words.items() if can_be_read(word) and any(map(str.isalnum, form))}
        wanted |= {form: word for form, word in words.items() if form not in wanted}
        if words and _is_sure(_nearest("".join(map(word_form, phrase.split())), tokens)):
            whole |= words.keys()
    joined = _split_joined(tokens, wanted)
    judged = {
        form: True if form in whole or form in joined else find_phrase(word, lines).found
        for form, word in wanted.items()
    }
    pick = {
        is_there: [wanted[form] for form, found in judged.items() if found is is_there] for is_there in (True, False)
    }
    return WordsFound(pick[True], pick[False])


def _is_sure(near: _Near) -> bool:
    return near.edits == 0 and near.confidence is not None and near.confidence >= SURE


def _tokens(lines: Sequence[TextLine]) -> list[_ReadWord]:
    """The words that were read; a text without spaces is one for each of its letters, since any of them may end a word."""
    found: list[_ReadWord] = []
    for line in lines:
        for word in line.text.split():
            pieces = re.findall(f"{_UNSPACED.pattern}|(?:(?!{_UNSPACED.pattern}).)+", word)
            found += [_ReadWord(piece, form, line.confidence) for piece in pieces if (form := word_form(piece))]
    return found[:MOST_WORDS]


def _nearest(wanted: str, tokens: Sequence[_ReadWord]) -> _Near:
    """The run of words that is nearest to a text, wherever its spaces are."""
    best = _Near(len(wanted), "", None)
    for start in range(len(tokens)):
        for run in _runs(wanted, tokens[start:]):
            form = "".join(token.form for token in run)
            if abs(len(form) - len(wanted)) <= best.edits:
                number = edits(wanted, form)
                confidence = min(token.confidence for token in run)
                if (number, -confidence) < (best.edits, -(best.confidence or 0)):
                    best = _Near(number, _together(run), confidence)
    return best


def _together(tokens: Sequence[_ReadWord]) -> str:
    """Words as one text, with spaces but for scripts that have none."""
    text = tokens[0].text
    for before, token in itertools.pairwise(tokens):
        text += "" if _UNSPACED.match(before.text) and _UNSPACED.match(token.text) else " "
        text += token.text
    return text


def _runs(wanted: str, tokens: Sequence[_ReadWord]) -> Iterator[Sequence[_ReadWord]]:
    """The words at the beginning of some words that are together about as long as a text."""
    length = 0
    for end, token in enumerate(tokens, 1):
        length += len(token.form)
        yield tokens[:end]
        if length >= 2 * len(wanted):
            return


def _is_joined(word: str, tokens: Sequence[_ReadWord]) -> bool:
    """Whether a word may have been read as a part of a longer one, since a reader sometimes drops a space."""
    places = ((token.form.find(word), token.form) for token in tokens)
    rests = ((at, len(form) - at - len(word)) for at, form in places if at >= 0)
    return any(any(both) and all(rest == 0 or rest >= _JOINED for rest in both) for both in rests)


def _split_joined(tokens: Sequence[_ReadWord], wanted: Iterable[str]) -> set[str]:
    """The wanted words that follow each other without a space in one word that was read: SPICYMISO."""
    found: set[str] = set()
    for token in tokens:
        if token.confidence >= SURE:
            found |= _parts(token.form, sorted(wanted, key=len, reverse=True)) or set()
    return found


def _parts(form: str, wanted: Sequence[str]) -> set[str] | None:
    """Wanted words of which a word is made up; ``None`` if it is not."""
    ways: dict[int, frozenset[str]] = {0: frozenset()}
    for at in range(len(form)):
        if at in ways:
            for word in wanted:
                if form.startswith(word, at):
                    ways.setdefault(at + len(word), ways[at] | {word})
    return set(ways[len(form)]) if len(form) in ways else None


def as_one_string(words: Iterable[str]) -> str | None:
    """Words as a column of the log has them: joined by ", "; ``None`` without any."""
    return ", ".join(words) or None


def lines_as_text(lines: Iterable[TextLine]) -> str:
    """What was surely read, one line under another."""
    return "\n".join(line.text for line in lines if line.confidence >= SURE)
