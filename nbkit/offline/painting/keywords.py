"""What the painter recognises in a prompt: colours, sceneries, things, quoted texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["PromptKeywords", "find_keywords", "find_quotes"]

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


_QUOTES = re.compile(
    "|".join(
        [
            _between(_START + '"', '"'),
            _between("[\u201c\u201e\u201d]", "\u201d\u201c"),
            _between("\u00ab", "\u00bb", pad=r"\s?"),
            _between("\u2039", "\u203a", pad=r"\s?"),
            _between("\u300c", "\u300d"),
            _between("\u300e", "\u300f"),
            _between(_START + "[\u2018\u201a]", "\u2019\u2018", r"(?!\w)"),
            # 'tis, 'em, 'n', '90s and the like begin with an apostrophe.
            _between(_START + r"'(?!(?:tis|twas|twere|em|til|cause|n|\d0s)\b)", "'", r"(?!\w)"),
        ]
    ),
    re.IGNORECASE,
)

_PALETTE_WORDS = {
    "night": "night midnight nocturnal evening moonlit moonlight starry dark",
    "sunset": "sunset dusk twilight orange coral",
    "dawn": "dawn sunrise morning pastel misty mist fog foggy peach",
    "day": "day noon sunny summer spring daylight bright",
    "red": "red crimson scarlet vermilion ruby",
    "teal": "teal turquoise cyan aqua",
    "jade": "jade green emerald mint olive moss",
    "gold": "gold golden yellow amber honey brass",
    "blue": "blue navy azure cobalt indigo sapphire",
    "violet": "violet purple lavender lilac plum magenta",
    "rose": "pink rose blush cherry sakura",
    "neon": "neon cyberpunk synthwave electric vaporwave",
    "slate": "grey gray black monochrome silver charcoal noir white ink",
    "winter": "winter snow snowy ice icy frozen frost christmas",
    "autumn": "autumn fall brown copper rust terracotta harvest",
    "ocean": "ocean underwater tropical nautical",
    "desert": "desert sand sandy",
}
# These name a time, a season or a place, and decide the sky; a colour that is named too decides the accents.
_HOURS = frozenset({"night", "sunset", "dawn", "day", "neon", "winter", "autumn", "ocean", "desert"})

_SCENERY_WORDS = {
    "mountains": "mountain peak alps alpine volcano fuji ridge summit",
    "sea": "sea wave ocean beach harbour harbor lake river coast island shore bay underwater",
    "forest": "forest wood woodland jungle grove",
    "city": "city street town skyline downtown urban metropolis alley market tokyo york paris london",
    "dunes": "desert dune sand mars",
    "space": "space galaxy cosmos cosmic universe orbit astronaut nebula",
    "hills": "hill field meadow garden valley park village countryside farm",
    "pattern": "abstract pattern geometric shape bauhaus logo texture collage",
}
_THING_WORDS = {
    "lantern": "lantern lamp candle",
    "moon": "moon crescent lunar",
    "sun": "sun sunshine",
    "star": "star starry constellation",
    "cloud": "cloud rain storm cloudy",
    "bird": "bird crane gull swallow sparrow parrot owl raven crow eagle",
    "balloon": "balloon airship zeppelin",
    "planet": "planet saturn jupiter galaxy orbit",
    "rocket": "rocket spaceship spacecraft astronaut shuttle",
    "butterfly": "butterfly moth bee dragonfly",
    "heart": "heart love valentine",
    "tree": "tree oak apple orchard",
    "pine": "pine fir spruce forest wood",
    "flower": "flower blossom tulip daisy sunflower rose poppy lotus sakura bouquet garden",
    "house": "house home cottage cabin village hut barn",
    "tower": "tower temple pagoda castle palace shrine japan kyoto",
    "cat": "cat kitten kitty tiger lion fox dog puppy wolf",
    "robot": "robot android droid machine bot",
    "car": "car automobile taxi truck van bus vehicle",
    "lighthouse": "lighthouse beacon harbour harbor",
    "mushroom": "mushroom toadstool fungus fairy",
    "cup": "cup coffee tea mug cafe espresso teapot drink",
    "umbrella": "umbrella parasol",
    "cactus": "cactus saguaro",
    "boat": "boat ship sail sailboat yacht canoe",
    "fish": "fish koi whale shark goldfish dolphin",
}


def _index(table: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Returns, for each word of a table, the names that it belongs to."""
    index: dict[str, tuple[str, ...]] = {}
    for name, words in table.items():
        for word in words.split():
            index[word] = (*index.get(word, ()), name)
    return index


_PALETTES = _index(_PALETTE_WORDS)
_SCENERIES = _index(_SCENERY_WORDS)
_THINGS = _index(_THING_WORDS)


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


def _stems(word: str) -> tuple[str, ...]:
    """Returns a word, and the words that it may be the plural of."""
    forms = [word]
    if word.endswith("ies"):
        forms.append(word[:-3] + "y")
    if word.endswith("es"):
        forms.append(word[:-2])
    if word.endswith("s"):
        forms.append(word[:-1])
    return tuple(forms)


def _look_up(index: Mapping[str, tuple[str, ...]], word: str) -> tuple[str, ...]:
    return next((index[form] for form in _stems(word) if form in index), ())


def find_keywords(prompt: str) -> PromptKeywords:
    """Finds the words of a prompt that affect the picture.

    Args:
        prompt: The prompt, of any length and in any script.

    Returns:
        The first hour, the first colour, the first scenery and all things that it names.
    """
    hour = colour = scenery = ""
    things: list[str] = []
    for word in re.findall(r"[^\W\d_]+", prompt[:READ_LIMIT].casefold()):
        for name in _look_up(_PALETTES, word):
            if name in _HOURS:
                hour = hour or name
            else:
                colour = colour or name
        scenery = scenery or next(iter(_look_up(_SCENERIES, word)), "")
        things.extend(name for name in _look_up(_THINGS, word) if name not in things)
    return PromptKeywords(hour, colour, scenery, tuple(things))


def find_quotes(prompt: str) -> tuple[str, ...]:
    """Finds the texts in quotation marks, which are written in the picture.

    Args:
        prompt: The prompt.

    Returns:
        The first quoted texts in order, at most four: a title, then subtitles.
    """
    found: list[str] = []
    for match in _QUOTES.finditer(prompt):
        text = next(group for group in match.groups() if group is not None).strip()
        if any(letter.isalnum() for letter in text) or len(text) > 1:
            found.append(text)
        if len(found) == MAX_QUOTES:
            break
    return tuple(found)
