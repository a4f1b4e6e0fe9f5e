"""A box that explains an outcome, and a quiet line such as the cost."""

from __future__ import annotations

from nbkit.display.figure import QUIET_STYLE, no_mathjax
from nbkit.display.text import escape

SIGNS = {"done": "✓", "failed": "✗", "blocked": "⊘", "unknown": "?", "not run": "·", "running": "…", "note": "i"}
"""By status: a sign instead of a colour, which not everybody can see."""


def notice_html(kind: str, headline: str, sentences: tuple[str, ...]) -> str:
    """A box with what happened and, one sentence in each line, what to do.

    Args:
        kind: ``failed``, ``blocked``, ``unknown`` or ``note``; determines the sign before the headline.
        headline: what happened.
        sentences: the message of the service, then the advice; empty ones are left out.
    """
    rest = "".join(f"<div>{escape(sentence)}</div>" for sentence in sentences if sentence)
    return (
        f'<div role="note" style="border-left:4px solid currentColor;padding:0.3em 0.8em;margin:0.3em 0">'
        f"<strong>{SIGNS.get(kind, '•')} {escape(headline)}</strong>{rest}</div>"
    )


def progress_bundle(done: int, total: int, text: str) -> dict[str, str]:
    """A bar with a line beside it, as an output that is updated.

    Args:
        done: how much is.
        total: how much there is to do.
        text: the line.
    """
    bar = f'<progress max="{total}" value="{done}" aria-hidden="true"></progress>'
    return {"text/html": no_mathjax(f"{bar} {escape(text)}"), "text/plain": text}


def quiet_html(parts: tuple[str, ...], *, mark: str = "") -> str:
    """One quiet line; nothing if it would be empty.

    Args:
        parts: of the line; a dot separates them.
        mark: framed text before the line that must not be overlooked; empty for none.
    """
    line = " · ".join(escape(part) for part in parts)
    if mark:
        frame = "border:1px solid currentColor;border-radius:3px;padding:0 0.35em;font-weight:bold"
        line = f'<span style="{frame}">{escape(mark)}</span> {line}'
    return f'<div style="{QUIET_STYLE}">{line}</div>' if line else ""
