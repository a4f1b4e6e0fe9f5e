"""What the painter understands of a prompt: colours, sceneries, things and their number, what is not wanted, quoted texts.

It reads English, word by word. A word that is neither drawn nor in :data:`_IGNORED` was not understood, and the footer
of the picture says so: nothing that a prompt asks for is left out in silence, or drawn as its opposite.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from nbkit.offline.painting.languages import language_of, script_of
from nbkit.offline.painting.motifs import MOTIFS
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


@dataclass
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
        unknown: What was not understood, as words of the prompt.
        left_out: What was understood and has no room.
    """

    hour: str = ""
    colour: str = ""
    scenery: str = ""
    things: tuple[str, ...] = ()
    several: frozenset[str] = frozenset()
    unwanted: set[str] = field(default_factory=set)
    rain: bool = False
    unknown: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


_IGNORED = frozenset(
    """
    a an the this that these those his her its their my our your some any each every all both another other one ones
    of in on at by to from for with into over under near beside next around across along through during as and or nor
    so than then there here is are was were be being been has have having it they them he she we you who which where
    when while full only just also too very quite more most again same but single pair couple few several many dozen
    show shows showing shown draw draws drawn drawing make makes made create generate render depict depicting depicts
    featuring feature features include includes including contain contains containing add please do does not
    picture image scene view illustration poster sky s t
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
        ("zero", "a an another one single", "two pair couple twin", "three", "four", "five", "six", "seven", "eight", "nine",
         "ten", "eleven", "twelve dozen")
    )
    for word in terms.split()
}  # fmt: skip

_NEGATIONS = frozenset(
    {"0", "no", "not", "without", "never", "neither", "except", "excluding", "avoid", "omit", "lacking", "zero"}
)
_SAME_AS_WITHOUT = re.compile(
    r"\b(?:free|devoid|absence) of\b|\b(?:instead of|rather than|minus)\b|\b(?:cannot|can't|don't|dont)\b(?! help)|n['\u2019]t\b",
    re.IGNORECASE,
)
_NO_NEGATION = re.compile(
    r"\bnot (?:only|just|merely|simply)\b|\b(?:no|not) (?:more|less|fewer|longer|matter)(?: than)?\b"
)
_SUFFIXES = re.compile(r"\b(\w{3,})(?:less|[- ]free)\b")
_ENDS = frozenset({"but", "only", "just", "with", "while", "yet", "however", "instead"})
"""Words after which a negation no longer holds."""
_PLACES = frozenset(
    "in on at over under near by behind beside along above below into from during around between across".split()  # noqa: SIM905
)
"""Words after which it no longer holds if it has named something."""
_DETERMINERS = frozenset(
    {"a", "an", "the", "some", "many", "several", "his", "her", "its", "their", *_NUMBERS} - {"zero"}
)

_TOKEN = re.compile(r"[^\W\d_]+|\d+|[,.;:!?()\n\u2013\u2014]")
_SENTENCE_ENDS = frozenset(".;:!?()\n\u2013\u2014")


def _table(names: dict[str, frozenset[str]]) -> dict[str, str]:
    return {word: name for name, terms in names.items() for word in terms}


_THINGS = _table({name: motif.keywords for name, motif in MOTIFS.items()})
_SCENERY_WORDS = _table({name: scenery.keywords for name, scenery in SCENERIES.items()})
_HOURS = {word: name for name, terms in PALETTE_WORDS.items() if "*" in terms for word in terms}
_COLOURS = {word: name for name, terms in PALETTE_WORDS.items() if "*" not in terms for word in terms}
_RAIN = {"rain": "rain", "rainy": "rain", "drizzle": "rain", "downpour": "rain"}
_TABLES = (_THINGS, _SCENERY_WORDS, _HOURS, _COLOURS, _RAIN)

_PARTS = {"forest": ("tree", "pine")}
"""What a scenery always has."""

_KIND_OF = {"tree": {"pine"}}
"""What else a picture without a thing does not have."""


def _forms(word: str) -> tuple[str, ...]:
    """Returns a word, and the words that it may be the plural of."""
    return word, word.removesuffix("ies") + "y", word.removesuffix("es"), word.removesuffix("s")


def _look_up(table: dict[str, str], word: str) -> tuple[str, bool]:
    """Returns the name that a table has for a word, or ``""``, and whether the word is a plural."""
    for form in _forms(word):
        if form in table:
            return table[form], form != word
    return "", False


def _is_known(word: str) -> bool:
    return any(_look_up(table, word)[0] for table in _TABLES)


def _clauses(text: str) -> Iterator[tuple[str, bool, bool]]:
    """Yields the words and punctuation marks of a text, whether a negation holds there, and whether two do."""
    terms = _TOKEN.findall(text)
    negated, doubled, content = False, False, 0
    for i, word in enumerate(terms):
        if word in _SENTENCE_ENDS or (word == "," and not _goes_on(terms[i + 1 :], negated=negated)):
            negated = doubled = False
        elif word in _NEGATIONS:
            negated, doubled, content = True, doubled or (negated and word != "neither"), 0
            continue
        elif negated and (
            word in _ENDS
            or (word in _PLACES and content)
            or (word == "and" and terms[i + 1 : i + 2] and terms[i + 1] in _DETERMINERS)
        ):
            negated = doubled = False
        content += word.isalpha() and word not in _IGNORED
        yield word, negated, doubled


def _goes_on(after: list[str], *, negated: bool) -> bool:
    """Returns whether a negation goes on behind a comma: in a list that has its "or" or "nor" later."""
    if not negated:
        return False
    first = True
    for word in after:
        if word in _SENTENCE_ENDS or word in _ENDS or word in _NEGATIONS or (first and word in _DETERMINERS):
            return False
        if word in ("or", "nor"):
            return True
        first = word == ","
    return False


def find_keywords(prompt: str) -> PromptKeywords:
    """Finds what a prompt asks for.

    Args:
        prompt: The prompt, of any length and in any script.
    """
    read = unicodedata.normalize("NFC", prompt[:READ_LIMIT])
    has_quotes = bool(find_quotes(read))
    text = _NO_NEGATION.sub(" ", _QUOTES.sub(" , ", read).casefold())
    text = _SAME_AS_WITHOUT.sub(" without ", text)
    text = _SUFFIXES.sub(lambda match: f" without {match[1]}, " if _is_known(match[1]) else match[0], text)
    found = PromptKeywords()
    scripts = {script: None for word in re.findall(r"[^\W\d_]+", text) if (script := script_of(word))}
    text = re.sub(r"[^\W\d_]+", lambda match: "" if script_of(match[0]) else match[0], text)
    terms = re.findall(r"[^\W\d_]+", text)
    if language := language_of(terms, sum(word not in _IGNORED and not _is_known(word) for word in terms)):
        found.unknown = (f"{language} text", *(f"{script} text" for script in scripts))
        return found
    _read_words(found, text, has_quotes=has_quotes)
    found.unknown = (*found.unknown, *(f"{script} text" for script in scripts))
    return found


def _read_words(found: PromptKeywords, text: str, *, has_quotes: bool) -> None:
    counts, several = Counter[str](), set[str]()
    unknown, refused = dict[str, None](), dict[str, str]()
    number = 0  # of the next thing
    for word, negated, doubled in _clauses(text):
        if not word.isalpha():
            number = int(word[:6]) if word.isdigit() else 0
            continue
        thing, is_plural = _look_up(_THINGS, word)
        scenery, hour, colour, rain = (_look_up(table, word)[0] for table in _TABLES[1:])
        names = {thing, scenery, hour, colour, rain} - {""}
        if negated:
            found.unwanted |= names.union(*(_KIND_OF.get(name, set()) for name in names))
            refused |= dict.fromkeys(names, word)
            if doubled if names else word not in _IGNORED:
                unknown[word if doubled else f"no {word}"] = None
            continue
        if word in _NUMBERS:
            number = number if _NUMBERS[word] == 1 and number > 1 else _NUMBERS[word]
        elif scenery or (word in _IGNORED and word not in ("of", "more", "other", "same")):
            number = 0
        if thing:
            is_many = is_plural or word in MOTIFS[thing].collectives
            if number > is_many:
                counts[thing] += number
            else:
                several |= {thing} if is_many and not counts[thing] else set()
                counts[thing] = max(counts[thing], 1 + is_many)
            number = 0
        found.scenery, found.hour = found.scenery or scenery, found.hour or hour
        found.colour, found.rain = found.colour or colour, found.rain or bool(rain)
        is_drawn = bool(thing or rain) or bool(names & {found.scenery, found.hour, found.colour})
        if not is_drawn and word not in _IGNORED and word not in _NUMBERS:
            unknown[word] = None
    known = _LETTERING if has_quotes else frozenset[str]()
    known = known.union(*(MOTIFS[name].attributes for name in counts))
    drawn_anyway = {found.scenery, found.hour, found.colour, *_PARTS.get(found.scenery, ())}
    unknown |= {f"no {word}": None for name, word in refused.items() if name in drawn_anyway}
    things = [name for name in counts for _ in range(min(counts[name], MOST_NAMED + 1))]
    drawn = Counter(things[:MOST_NAMED])
    found.things, found.several = tuple(things[:MOST_NAMED]), frozenset(several)
    found.unknown = tuple(word for word in unknown if word not in known)
    found.left_out = tuple(f"{counts[name] - drawn[name]} {name}" for name in counts if counts[name] > drawn[name])


def find_quotes(prompt: str) -> tuple[str, ...]:
    """Finds the texts in quotation marks, which are written in the picture.

    Args:
        prompt: The prompt.

    Returns:
        The quoted texts in order: a title, then subtitles.
    """
    texts = (match[match.lastindex or 0].strip() for match in _QUOTES.finditer(prompt[:READ_LIMIT]))
    return tuple(text for text in texts if len(text) > 1 or text.isalnum())
