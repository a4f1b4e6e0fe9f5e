"""A function of PostgreSQL that folds case as Python does, made from Python's own tables."""

from __future__ import annotations

import functools
import sys


@functools.cache
def casefold_function() -> str:
    """The statement that makes ``nbkit_casefold``; it is that of :func:`nbkit.log.sqlite.casefold`.

    PostgreSQL's ``lower``, with ICU's rules for no language, is nearly it. What is left are small letters that become
    another letter, and those that become several, as ß does. Most texts are ASCII, and need neither.
    """
    small = (letter for letter in map(chr, range(128, sys.maxunicode + 1)) if letter.lower() == letter)
    changed = {letter: letter.casefold() for letter in small if letter.casefold() != letter}
    text = 'lower(normalize($1, NFC) COLLATE "und-x-icu")'
    for letter, several in changed.items():
        if len(several) > 1:
            text = f"replace({text}, '{letter}', '{several}')"
    single = {letter: other for letter, other in changed.items() if len(other) == 1}
    text = f"translate({text}, '{''.join(single)}', '{''.join(single.values())}')"
    return (
        "CREATE OR REPLACE FUNCTION nbkit_casefold(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $f$ "
        "SELECT CASE WHEN octet_length($1) = char_length($1) "
        f'THEN lower($1 COLLATE "C") COLLATE "C" ELSE {text} COLLATE "C" END $f$'
    )
