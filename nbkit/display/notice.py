"""Lines that speak to the person: what happened and what to do, and what it cost."""

from __future__ import annotations

from html import escape

from nbkit.display.figure import QUIET

_MARKS = {"failed": "✗", "blocked": "⊘", "unknown": "?", "note": "i"}  # a sign, so that colour is never the only mark


def notice_html(kind: str, headline: str, sentences: tuple[str, ...]) -> str:
    """A box that says what happened and, sentence by sentence, what to do.

    Args:
        kind: ``failed``, ``blocked``, ``unknown`` or ``note``; chooses the sign in front.
        headline: what happened.
        sentences: the service's words, then the advice.
    """
    rest = "".join(f"<div>{escape(sentence)}</div>" for sentence in sentences if sentence)
    return (
        f'<div role="note" style="border-left:4px solid currentColor;padding:0.3em 0.8em;margin:0.3em 0">'
        f"<strong>{_MARKS.get(kind, '•')} {escape(headline)}</strong>{rest}</div>"
    )


def quiet_html(parts: tuple[str, ...], *, mark: str = "") -> str:
    """One quiet line; ``mark`` stands in front of it in a frame, for what must not be overlooked."""
    badge = ""
    if mark:
        badge = (
            '<span style="border:1px solid currentColor;border-radius:3px;padding:0 0.35em;font-weight:bold">'
            f"{escape(mark)}</span> "
        )
    return f'<div style="{QUIET}">{badge}{" · ".join(escape(part) for part in parts)}</div>'
