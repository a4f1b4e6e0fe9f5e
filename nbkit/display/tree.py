"""Versions of a picture as a tree: each names the one that it was made from, so that it is readable without indents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nbkit.display.figure import Figure, picture_html
from nbkit.display.notice import quiet_html
from nbkit.display.text import escape

MAX_LEVEL = 12
"""Rows of a higher level are not indented further, so that a deep tree stays inside its cell."""


@dataclass(frozen=True, slots=True)
class TreeRow:
    """One version.

    Attributes:
        level: how far it is indented.
        name: its number, and which version it was made from.
        text: its prompt; may be empty.
        facts: what else is to be said of it, the most important first.
        figures: its pictures.
    """

    level: int
    name: str
    text: str
    facts: tuple[str, ...]
    figures: tuple[Figure, ...] = ()


def tree_html(rows: Sequence[TreeRow], *, caption: str, foot: str = "") -> str:
    """The tree as a list, each version with its pictures below it.

    Args:
        rows: the versions, each below the one that it was made from.
        caption: a quiet line above them.
        foot: a quiet line under them.
    """
    items = "".join(map(_item, rows))
    return f'{quiet_html((caption,))}<div role="list">{items}</div>{quiet_html((foot,))}'


def _item(row: TreeRow) -> str:
    pictures = " ".join(map(picture_html, row.figures))
    return (
        f'<div role="listitem" style="margin:0.5em 0 0.5em {1.5 * min(row.level, MAX_LEVEL):g}em">'
        f"<div><strong>{escape(row.name)}</strong> {escape(row.text)}</div>{quiet_html(row.facts)}{pictures}</div>"
    )


def tree_text(rows: Sequence[TreeRow], *, caption: str, foot: str = "") -> str:
    """The same tree as text, one version in each line."""
    lines = [caption]
    for row in rows:
        line = " · ".join(part for part in (row.name, row.text, *row.facts) if part)
        lines.append("  " * (1 + min(row.level, MAX_LEVEL)) + line)
    return "\n".join([*lines, foot] if foot else lines)
