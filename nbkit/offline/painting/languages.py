"""In which language or script a prompt is, as far as the painter has to know that it does not read it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

_ENGLISH = frozenset("the a an of in on with and is are at by to from no without over under for".split())  # noqa: SIM905

_LANGUAGES = {
    name: frozenset(terms.split())
    for name, terms in {
        "French": "le la les en un une des du au aux et dans avec sans sur pour est sous près deux trois",
        "German": "der die das ein eine einen einem einer und im mit ohne auf für ist unter kein keine nicht den dem am",
        "Spanish": "el la los las un una unos unas y en con sin sobre para es bajo muy del al de por dos tres",
        "Italian": "il lo la gli un uno una e con senza su per è sotto di del della nel nella sul sulla due tre",
        "Portuguese": "o os um uma uns umas e com sem sobre para é muito do da dos das na nos nas em de dois",
        "Dutch": "de het een en met zonder op voor onder geen niet van twee",
        "Swedish": "en ett och med utan på för är under inte som",
        "Danish or Norwegian": "en et og med uten uden på for er under ikke som",
        "Polish": "na bez nad pod jest nie dla oraz",
        "Czech": "na bez nad pod je není pro",
        "Turkish": "bir ve ile için üzerinde altında",
        "Indonesian or Malay": "dan di dengan yang tanpa pada untuk",
        "Romanian": "un și cu fără pe în este la",
        "Hungarian": "egy és az nem nélkül",
        "Finnish": "ja on ei ilman kanssa",
    }.items()
}
"""Frequent small words of languages that are written in Latin letters."""

_SCRIPTS = {
    "CJK": "Chinese or Japanese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean", "CYRILLIC": "Cyrillic",
    "ARABIC": "Arabic", "HEBREW": "Hebrew", "GREEK": "Greek", "THAI": "Thai", "DEVANAGARI": "Devanagari",
}  # fmt: skip


@lru_cache(maxsize=1024)
def script_of(word: str) -> str:
    """Returns the script of a word by its first letter; ``""`` for Latin letters."""
    if not word[0].isalpha():
        return ""
    name = unicodedata.name(word[0], "").split(" ")[0].split("-")[0]
    return (
        ""
        if name in ("LATIN", "FULLWIDTH", "FEMININE", "MASCULINE", "MODIFIER", "")
        else _SCRIPTS.get(name, name.title())
    )


def language_of(terms: Sequence[str], unknown: int) -> str:
    """Returns the language that a text in Latin letters is in, or ``""`` for English and where it cannot be told.

    Args:
        terms: The words of the text, in lower case.
        unknown: How many of them the painter does not know.
    """
    present = set(terms)
    known = {name: len(present & small) for name, small in _LANGUAGES.items()}
    best = max(known, key=lambda name: known[name])
    english = len(present & _ENGLISH)
    # One small word may be part of a name: Van Gogh, Las Vegas.
    is_foreign = known[best] > max(english, 1) and 2 * unknown >= len(terms)
    return best if is_foreign else ""
