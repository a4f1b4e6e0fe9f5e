"""What the painter understands of a prompt: colours, sceneries, things and their number, what is not wanted, quoted texts.

It reads English, word by word. A word that is neither drawn nor in :data:`_IGNORED` was not understood, and the footer
of the picture says so: nothing that a prompt asks for is left out in silence, or drawn as its opposite.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nbkit.display.text import count
from nbkit.offline.painting.languages import language_of, script_of
from nbkit.offline.painting.motifs import MOTIFS
from nbkit.offline.painting.negation import HYPHEN, QUOTE, Term, read_terms
from nbkit.offline.painting.palettes import PALETTE_WORDS
from nbkit.offline.painting.sceneries import SCENERIES

READ_LIMIT = 4000
"""Characters of a prompt that are searched for keywords; the rest only affects the random numbers."""

QUOTE_LIMIT = 160
"""Characters of a quoted text; a longer one is not drawn."""

MOST_NAMED = 12
"""Motifs that a prompt can name; each is drawn."""

# A quotation mark opens only where a word can start, and a single one closes only where a word can end; otherwise
# apostrophes would count as quotation marks.
_START = "(?<![\\w\"'\u2018\u2019])"


def _between(opening: str, closing: str, tail: str = "", pad: str = "") -> str:
    """Returns a pattern for text between an opening and a closing quotation mark."""
    inner = rf"(?!\s)([^{'' if tail else closing}\n\r]{{1,{QUOTE_LIMIT}}}?)(?<!\s)"
    return f"{opening}{pad}{inner}{pad}[{closing}]{tail}"


_QUOTED = (
    _between(_START + '"', '"'),
    _between("[\u201c\u201e\u201d]", "\u201d\u201c"),
    _between("[\u00ab\u2039]", "\u00bb\u203a", pad=r"\s?"),
    _between("[\u300c\u300e]", "\u300d\u300f"),
    _between(_START + "[\u2018\u201a]", "\u2019\u2018", r"(?!\w)"),
    # 'tis, 'em, 'n', '90s and the like begin with an apostrophe.
    _between(_START + r"'(?!(?:tis|twas|twere|em|til|cause|n|\d0s)\b)", "'", r"(?!\w)"),
)
_QUOTES = re.compile("|".join(_QUOTED), re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class PromptKeywords:
    """What a prompt names; empty where it names nothing of the kind.

    Attributes:
        hour: The palette that decides the sky.
        colour: The palette that decides the accents.
        scenery: The ground.
        things: The motifs, in the order named, each as often as it is asked for.
        several: Those of them that are named in the plural, without a number.
        unwanted: Motifs, palettes, sceneries and weather that must not be drawn.
        rain: Whether it rains.
        beach: Whether there is sand beside the sea.
        alone: Whether nothing else is wanted than what is named.
        quotes: The quoted texts that are wanted.
        unknown: What was not understood, as words of the prompt.
        left_out: What was understood and has no room.
    """

    hour: str = ""
    colour: str = ""
    scenery: str = ""
    things: tuple[str, ...] = ()
    several: frozenset[str] = frozenset()
    unwanted: frozenset[str] = frozenset()
    rain: bool = False
    beach: bool = False
    alone: bool = False
    quotes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


_IGNORED = frozenset(
    """
    a an the this that these those his her its their my our your some any each every all both another other one ones
    of in on at by to from for with into over near beside next around across along through during as and or nor
    so than then there here is are was were be being been has have having it they them he she we you who which where
    when while full only just also too very quite more most again same but single pair couple few several many dozen
    show shows showing shown draw draws drawn drawing make makes made create generate render depict depicting depicts
    featuring feature features include includes including contain contains containing add please do does not
    picture image scene view illustration poster landscape sky s t i me my we us want wants would like could can should must
    may give use need let see lots
    """.split()  # noqa: SIM905
)
"""Words that ask for nothing that can be seen, or for what is in every picture of the painter."""

_LETTERING = frozenset(
    """
    sign signs read reads reading say says saying text texts title titled subtitle label labelled labeled lettering word
    words caption written writing write headline called named letters
    """.split()  # noqa: SIM905
)
"""Words that are understood where a prompt has a quoted text."""

_NUMBERS = {
    word: number
    for number, terms in enumerate(
        ("", "a an another one single", "two pair couple twin", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
         "eleven", "twelve dozen", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty")
    )
    for word in terms.split()
} | {"thirty": 30, "forty": 40, "fifty": 50, "hundred": 100}  # fmt: skip
_KEEP_NUMBER = frozenset({"of", "more", "other", "same", *_NUMBERS})
"""Words between a number and its thing."""


def _table(names: dict[str, frozenset[str]]) -> dict[str, str]:
    return {word: name for name, terms in names.items() for word in terms}


_THINGS = _table({name: motif.keywords for name, motif in MOTIFS.items()})
_SCENERY_WORDS = _table({name: scenery.keywords for name, scenery in SCENERIES.items()})
_HOURS = {word: name for name, terms in PALETTE_WORDS.items() if "*" in terms for word in terms}
_COLOURS = {word: name for name, terms in PALETTE_WORDS.items() if "*" not in terms for word in terms}
_RAIN = {"rain": "rain", "raining": "rain", "rainy": "rain", "drizzle": "rain", "downpour": "rain"}
_TABLES = (_THINGS, _SCENERY_WORDS, _HOURS, _COLOURS, _RAIN)

_ALSO_THINGS = frozenset(
    """
    rose orange cherry honey ruby plum peach mint olive emerald sapphire copper gold silver rust coral lilac lavender brass
    ink sand ice turquoise charcoal jade cherries plums peaches olives oranges roses rubies emeralds sapphires
    """.split()  # noqa: SIM905
)
"""Colours that are things as well: a rose is not drawn, a rose sky is."""

_SAME_IN_PLURAL = frozenset({"fish", "goldfish", "koi", "spacecraft"})

_PALE_OR_DARK = frozenset({"white", "black", "silver", "charcoal", "ink"})
"""Colours that choose a palette, and that no thing has."""

_NO_COMPANY = frozenset({"alone", "lone", "nothing", "else"})
"""Words by which a prompt asks for no company."""

_BEACH = frozenset({"beach", "beaches", "coast", "shore", "shores"})

_PARTS = {
    "forest": ("tree", "pine"), "city": ("house", "shop", "tower"), "mountains": ("winter",), "sea": ("dunes", "desert"),
}  # fmt: skip
"""What a scenery always has."""

_KIND_OF = {"tree": {"pine"}}
"""What else a picture without a thing does not have."""


def _look_up(table: dict[str, str], word: str) -> tuple[str, bool]:
    """Returns the name that a table has for a word, or for the one that it may be the plural of, and whether it is one."""
    for form in (word, word.removesuffix("ies") + "y", word.removesuffix("es"), word.removesuffix("s")):
        if form in table:
            return table[form], form != word
    return "", False


def _is_known(word: str) -> bool:
    return any(_look_up(table, word)[0] for table in _TABLES)


def _is_plural(word: str) -> bool:
    return word in _SAME_IN_PLURAL or _look_up(_THINGS, word)[1]


def find_keywords(prompt: str) -> PromptKeywords:
    """Finds what a prompt asks for.

    Args:
        prompt: The prompt, of any length and in any script.
    """
    read = unicodedata.normalize("NFC", prompt[:READ_LIMIT]).replace(QUOTE, " ")
    quotes = list[str]()

    def keep_place(match: re.Match[str]) -> str:
        if not (text := _quoted(match)):
            return " , "
        quotes.append(text)
        return f" {QUOTE}{len(quotes) - 1} "

    text = _QUOTES.sub(keep_place, read).casefold()
    scripts = {script: None for word in _WORD.findall(text) if (script := script_of(word))}
    text = _WORD.sub(lambda match: "" if script_of(match[0]) else match[0], text)
    also = [f"{script} text" for script in scripts]
    terms = _WORD.findall(text)
    if language := language_of(terms, sum(word not in _IGNORED and not _is_known(word) for word in terms)):
        found = PromptKeywords(quotes=tuple(quotes), unknown=(f"{language} text",))
    else:
        found = _Reader(quotes).read(read_terms(text, _is_known, lambda word: bool(_look_up(_THINGS, word)[0])))
    symbols = sum(unicodedata.category(letter) == "So" for letter in text)
    more = (count(symbols, "symbol"),) if symbols else ()
    rest = (f"what follows the first {READ_LIMIT:,} characters",) if len(prompt) > READ_LIMIT else ()
    return replace(found, unknown=(*found.unknown, *also, *more), left_out=(*found.left_out, *rest))


class _Reader:
    """Reads the terms of a prompt, one after the other.

    Args:
        quotes: The quoted texts, by number.
    """

    def __init__(self, quotes: Sequence[str]) -> None:
        self._quotes, self._lettered = quotes, list[str]()
        self._counts, self._several = Counter[str](), set[str]()
        self._first = {"scenery": "", "hour": "", "colour": ""}
        self._rain = self._beach = self._only = self._alone = False
        self._weak = ""  # a scenery that a thing stands for
        self._unknown, self._unwanted, self._refused = dict[str, None](), set[str](), dict[str, str]()
        self._number, self._numeral = 0, ""  # of the next thing, and how it is written

    def read(self, terms: Sequence[Term]) -> PromptKeywords:
        for i, term in enumerate(terms):
            word, (before, after) = term.text, (terms[j].text if 0 <= j < len(terms) else "" for j in (i - 1, i + 1))
            if word[0] == QUOTE:
                self._lettered += [] if term.negated else [self._quotes[int(word[1:])]]
            elif word.isdigit() or not word[0].isalnum():
                self._only = self._only and word.isdigit()
                self._end_number(int(word[:6]) if word.isdigit() else 0, word)
            elif term.negated:
                self._refuse(term, before)
            elif word in _NUMBERS:
                if word == "dozen" and self._number > 1:
                    self._number *= 12
                else:
                    self._end_number(_NUMBERS[word], word)
            else:
                self._want(word, before, after)
        return self._result()

    def _end_number(self, number: int, numeral: str) -> None:
        """Begins another number; one in digits that belonged to nothing was not understood."""
        if self._number and self._numeral.isdigit():
            self._unknown[self._numeral] = None
        self._number, self._numeral = number, numeral

    def _names(self, word: str) -> dict[str, str]:
        kinds = ("thing", "scenery", "hour", "colour", "rain")
        return {kind: name for kind, table in zip(kinds, _TABLES, strict=True) if (name := _look_up(table, word)[0])}

    def _refuse(self, term: Term, before: str) -> None:
        word, names = term.text, self._names(term.text)
        for name in names.values():
            self._unwanted |= {name, *_KIND_OF.get(name, ())}
            if before not in ("other", "more"):
                self._refused[name] = word
        is_lettering = word in _LETTERING and self._quotes
        # That a colour is nowhere cannot be promised: palettes have eleven.
        if word not in _IGNORED and (term.unsure or "colour" in names or not (names or is_lettering)):
            self._unknown[word if term.unsure else f"no {word}"] = None

    def _want(self, word: str, before: str, after: str) -> None:
        names = self._names(word)
        is_noun = word in _ALSO_THINGS and (before in _NUMBERS or before in ("the", "of") or word[-1] == "s")
        if is_noun and (not after[:1].isalnum() or after in _IGNORED - {"sky"}):
            names = {kind: name for kind, name in names.items() if kind not in ("hour", "colour")}
        thing = names.get("thing", "")
        self._only = self._only or word in ("only", "just", "lone")
        if thing:
            self._alone = self._alone or self._only
            self._count(thing, word)
            self._weak = self._weak or names.pop("scenery", "")
        elif word == "alone" or (word, after) == ("nothing", "else"):
            self._alone = True
        if "scenery" in names or (word in _IGNORED and word not in _KEEP_NUMBER):
            self._end_number(0, "")
        for kind in self._first:
            self._first[kind] = self._first[kind] or names.get(kind, "")
        self._rain, self._beach = self._rain or "rain" in names, self._beach or word in _BEACH
        is_drawn = (
            thing or "rain" in names or any(names.get(kind) == name for kind, name in self._first.items() if name)
        )
        is_said = is_drawn or word in _IGNORED or word in _NO_COMPANY
        if not is_said or word in _PALE_OR_DARK:
            self._unknown[word.replace(HYPHEN, "-")] = None

    def _count(self, thing: str, word: str) -> None:
        is_many = _is_plural(word) or word in MOTIFS[thing].collectives
        if self._number > 1 and not is_many:  # as in "route 66 car"
            self._unknown[self._numeral] = None
            self._number = 1
        if self._number > is_many or (self._number and word in _SAME_IN_PLURAL):
            self._counts[thing] += self._number
        else:
            is_many = is_many and word not in _SAME_IN_PLURAL
            self._several |= {thing} if is_many and not self._counts[thing] else set()
            self._counts[thing] = max(self._counts[thing], 1 + is_many)
        self._number = 0

    def _result(self) -> PromptKeywords:
        self._end_number(0, "")
        self._first["scenery"] = self._first["scenery"] or self._weak
        counts, scenery = self._counts, self._first["scenery"]
        waves = {"wave", "waves"} if scenery == "sea" else set()
        known = (_LETTERING if self._quotes else frozenset()).union(
            waves, *(MOTIFS[name].attributes for name in counts)
        )
        drawn = {*self._first.values(), *counts, *_PARTS.get(scenery, ())}
        drawn |= {"sea"} if any(MOTIFS[name].region == "water" for name in counts) else set()
        things = [name for name in counts for _ in range(min(counts[name], MOST_NAMED + 1))]
        shown = Counter(things[:MOST_NAMED])
        anyway = (f"no {word}" for name, word in self._refused.items() if name in drawn)
        return PromptKeywords(
            **self._first,
            things=tuple(things[:MOST_NAMED]),
            several=frozenset(self._several),
            unwanted=frozenset(self._unwanted),
            rain=self._rain,
            beach=self._beach,
            alone=self._alone and bool(counts),
            quotes=tuple(self._lettered),
            unknown=tuple(dict.fromkeys((*(word for word in self._unknown if word not in known), *anyway))),
            left_out=tuple(
                f"{counts[name] - shown[name]} \u00d7 {name}" for name in counts if counts[name] > shown[name]
            ),
        )


def _quoted(match: re.Match[str]) -> str:
    """Returns the text between two quotation marks; ``""`` for a single mark, which is no text."""
    text = match[match.lastindex or 0].strip()
    return text if len(text) > 1 or text.isalnum() else ""
