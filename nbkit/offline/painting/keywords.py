"""What the painter recognises in a prompt: colours, sceneries, things, quoted texts."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from itertools import islice
from typing import NamedTuple

from nbkit.offline.painting.motifs import MOTIFS
from nbkit.offline.painting.palettes import PALETTE_WORDS
from nbkit.offline.painting.sceneries import SCENERIES

READ_LIMIT = 4000
"""Characters of a prompt that are searched for keywords; the rest only affects the random numbers."""

QUOTE_LIMIT = 160
"""Characters of a quoted text; a longer one is not drawn."""

MAX_QUOTES = 4
"""Quoted texts of a prompt that are drawn."""

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


class PromptKeywords(NamedTuple):
    """What a prompt names; empty where it names nothing of the kind.

    Attributes:
        hour: The palette that decides the sky.
        colour: The palette that decides the accents.
        scenery: The ground.
        things: The motifs, in the order named.
    """

    hour: str
    colour: str
    scenery: str
    things: tuple[str, ...]


def _named(table: Mapping[str, Collection[str]], words: list[str]) -> list[str]:
    """Returns the names that a table has for words of a prompt, or for the words that they may be the plural of."""
    found: list[str] = []
    for word in words:
        forms = (word, word.removesuffix("ies") + "y", word.removesuffix("es"), word.removesuffix("s"))
        matches = ([name for name, known in table.items() if form in known] for form in forms)
        found += next(filter(None, matches), [])
    return found


def find_keywords(prompt: str) -> PromptKeywords:
    """Finds the words of a prompt that affect the picture.

    Args:
        prompt: The prompt, of any length and in any script.

    Returns:
        The first hour, the first colour, the first scenery and all things that it names.
    """
    words = re.findall(r"[^\W\d_]+", prompt[:READ_LIMIT].casefold())
    palettes = _named(PALETTE_WORDS, words)
    hour = next((name for name in palettes if "*" in PALETTE_WORDS[name]), "")
    colour = next((name for name in palettes if "*" not in PALETTE_WORDS[name]), "")
    sceneries = _named({name: scenery.keywords for name, scenery in SCENERIES.items()}, words)
    things = _named({name: motif.keywords for name, motif in MOTIFS.items()}, words)
    return PromptKeywords(hour, colour, next(iter(sceneries), ""), tuple(dict.fromkeys(things)))


def find_quotes(prompt: str) -> tuple[str, ...]:
    """Finds the texts in quotation marks, which are written in the picture.

    Args:
        prompt: The prompt.

    Returns:
        The first quoted texts in order, at most four: a title, then subtitles.
    """
    texts = (match[match.lastindex or 0].strip() for match in _QUOTES.finditer(prompt))
    return tuple(islice((text for text in texts if len(text) > 1 or text.isalnum()), MAX_QUOTES))
