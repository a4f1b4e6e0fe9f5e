"""What an answer of a pack says of its pictures, as one line of text: ``exact``, ``nearest: …`` or ``drawn``.

The line is what the log has in its column ``replay``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbkit.display.text import ellipsis

EXACT, NEAREST, DRAWN = "exact", "nearest", "drawn"
"""A recording of the same request; the nearest one of its prompt; a drawing in place of a recording."""

MAX_REPLAY = 400
"""Characters of the line."""

_MAX_DIFFERENCES = 12


def replay_text(value: Any) -> str | None:
    """The key ``replay`` of an item as a line; ``None`` if it has none, or one that means nothing.

    Example:
        >>> replay_text({"match": "nearest", "differs": {"temperature": {"asked": 0.9, "is": 0.7}}})
        'nearest: temperature 0.7 instead of 0.9'
        >>> replay_text({"match": "exact", "differs": {}}), replay_text(None)
        ('exact', None)
    """
    if not isinstance(value, Mapping) or value.get("match") not in (EXACT, NEAREST, DRAWN):
        return None
    match = str(value["match"])
    if match != NEAREST:
        return match
    differs = value.get("differs")
    pairs = list(differs.items())[:_MAX_DIFFERENCES] if isinstance(differs, Mapping) else []
    parts = [
        f"{ellipsis(str(name), 40)} {_shown(pair.get('is'))} instead of {_shown(pair.get('asked'))}"
        for name, pair in pairs
        if isinstance(pair, Mapping)
    ]
    return ellipsis(f"{NEAREST}: {', '.join(parts)}" if parts else NEAREST, MAX_REPLAY)


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else ellipsis(str(value), 60)
