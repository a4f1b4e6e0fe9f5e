"""The phrases that a prompt puts in quotation marks: the words that its picture is to show."""

from __future__ import annotations

import re

from nbkit.errors import RequestError
from nbkit.request.parameter import type_in_words

LONGEST = 400
"""Characters of a phrase. More between two marks are two marks that do not belong together."""

_PAIRS = ("“”", "„“", "„”", "””", "«»", "»«", "‹›", "›‹", "「」", "『』", "〝〟", "〝〞", "＂＂")
"""Marks that are nothing but quotation marks. Of two pairs with one opening, the nearer closing mark ends the phrase."""

_WORD_START = r"(?<![\w\"'‘’])"

_SHORT_FORMS = r"(?!(?:tis|twas|twere|em|til|cause|cos|n|\d0s)\b)"
"""What is written with an apostrophe in front, such as 'tis and the '90s."""


def _pattern(opening: str, closing: str, before: str = "") -> str:
    """A phrase between two marks, on one line, without the spaces at its ends."""
    inside = f"[^{opening}{closing}\\n\\r]"
    return rf"{before}{opening}[^\S\n\r]?(?!\s)({inside}{{1,{LONGEST}}}?)(?<!\s)[^\S\n\r]?[{closing}]"


def _paired() -> list[str]:
    closings: dict[str, str] = {}
    for pair in _PAIRS:
        opening, closing = pair[0], pair[1]
        closings[opening] = closings.get(opening, "") + closing
    return [_pattern(opening, closing) for opening, closing in closings.items()]


_QUOTED = re.compile(
    "|".join((
        _pattern('"', '"', _WORD_START),
        *_paired(),
        # An apostrophe looks like a single mark: one opens where a word can start, and closes where a word can end.
        rf"{_WORD_START}[‘‚](?!\s)([^\n\r]{{1,{LONGEST}}}?)(?<!\s)[’‘](?!\w)",
        rf"{_WORD_START}'{_SHORT_FORMS}(?!\s)([^\n\r]{{1,{LONGEST}}}?)(?<!\s)'(?!\w)",
    )),
    re.IGNORECASE,
)  # fmt: skip


def expected(prompt: str) -> list[str]:
    """The phrases that a prompt puts in quotation marks, in order, each once: the words that its picture is to show.

    All kinds of quotation marks count. A single one counts where a word can start and, at the end, where a word can end;
    anywhere else it is an apostrophe.

    Args:
        prompt: as it is sent, with the variables of a template filled in.

    Returns:
        As many as there are, as they are written, without the marks.

    Raises:
        RequestError: if it is not a string.

    Example:
        >>> import nbkit
        >>> nbkit.expected("A noodle shop's sign that reads 'TONKOTSU', under it “open late”")
        ['TONKOTSU', 'open late']
    """
    given: object = prompt
    if not isinstance(given, str):
        message = f"prompt: must be text, got {type_in_words(given)}; nbkit.expected(run.request.prompt)"
        raise RequestError(message, parameter="prompt", value=given, reason="type")
    found = (next(filter(None, match.groups()), "") for match in _QUOTED.finditer(prompt))
    return list(dict.fromkeys(" ".join(phrase.split()) for phrase in found if any(map(str.isalnum, phrase))))
