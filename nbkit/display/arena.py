"""A question about some pictures as one fragment of HTML: the pictures in equal boxes, and buttons with the answers.

Each button has its answer as ``data-answer``: the number of a picture, ``tie``, ``skip``, ``undo`` or ``ranking``; and its key
as ``aria-keyshortcuts``. Whatever
shows the fragment, a widget or a page on a phone, sends that back together with ``data-round``. The fragment says nothing of
how a picture was made, and loads nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from nbkit.display.text import escape

ANSWERS = (("tie", "0", "All equal"), ("skip", "s", "Skip"), ("undo", "u", "Undo"), ("ranking", "r", "Show ranking"))
"""The buttons under the pictures: answer, key, label."""

STYLE = """
.nbkit-arena{font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:var(--jp-content-font-size1,1em);line-height:1.4;max-width:1100px}
.nbkit-arena .asks{font-size:1.25em;font-weight:600;margin:0 0 .5em}
.nbkit-arena .pictures{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:10px}
.nbkit-arena button{font:inherit;color:inherit;background:transparent;cursor:pointer;border:1px solid color-mix(in srgb,currentColor 45%,transparent);border-radius:6px;padding:.35em .8em}
.nbkit-arena .pictures button{position:relative;display:block;padding:0;border-width:2px;overflow:hidden;background:color-mix(in srgb,currentColor 6%,transparent)}
.nbkit-arena .pictures img{display:block;width:100%;height:min(36vh,380px);object-fit:contain}
.nbkit-arena .pictures.two img{height:min(60vh,560px)}
.nbkit-arena .pictures .number{position:absolute;left:8px;top:8px;min-width:1.6em;line-height:1.6em;text-align:center;border-radius:4px;background:#000a;color:#fff;font-weight:600}
.nbkit-arena button:hover:not(:disabled){border-color:currentColor}
.nbkit-arena:focus,.nbkit-arena button:focus{outline:none}
.nbkit-arena:focus-visible,.nbkit-arena button:focus-visible{outline:2px solid var(--jp-brand-color1,#1976d2);outline-offset:1px}
.nbkit-arena button:disabled{opacity:.45;cursor:default}
.nbkit-arena .answers{display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin-top:10px}
.nbkit-arena kbd{font:inherit;font-size:.85em;opacity:.75;margin-left:.4em}
.nbkit-arena .says{margin:.5em 0 0;min-height:1.4em;opacity:.8}
@media (max-width:480px){.nbkit-arena .pictures{gap:6px}.nbkit-arena .pictures img{height:30vh}}
"""
"""The look of the fragment, in light, dark and forced colours."""


@dataclass(frozen=True, slots=True)
class ArenaQuestion:
    """What is asked, as plain data.

    Attributes:
        round: number of the question; an answer to another one is too late.
        question: in words.
        pictures: JPEGs, in the order on the screen; none where nothing can be asked.
        can_undo: whether there is an answer to take back.
        has_ranking: whether there is anything to rank.
        says: one line on what was judged so far.
    """

    round: int
    question: str
    pictures: Sequence[bytes]
    can_undo: bool = False
    has_ranking: bool = False
    says: str = ""

    @property
    def html(self) -> str:
        """The fragment.

        Example:
            >>> from nbkit.display.arena import ArenaQuestion
            >>> 'data-answer="tie"' in ArenaQuestion(1, "Which is better?", [b"a JPEG", b"another"]).html
            True
        """
        pictures = "".join(_picture_button(number, data) for number, data in enumerate(self.pictures, 1))
        off = {"undo": not self.can_undo, "ranking": not self.has_ranking}
        off |= dict.fromkeys(("tie", "skip"), not self.pictures)
        buttons = "".join(
            f'<button type="button" data-answer="{answer}" aria-keyshortcuts="{key}"{" disabled" if off[answer] else ""}>'
            f"{label}<kbd>{key}</kbd></button>"
            for answer, key, label in ANSWERS
        )
        two = " two" if len(self.pictures) == 2 else ""
        return (
            f'<style>{STYLE}</style><div class="nbkit-arena" role="group" aria-label="{escape(self.question)}" tabindex="0" '
            f'data-round="{self.round}"><p class="asks">{escape(self.question)}</p><div class="pictures{two}">{pictures}</div>'
            f'<div class="answers">{buttons}</div><p class="says" role="status">{escape(self.says)}</p></div>'
        )


def _picture_button(number: int, data: bytes) -> str:
    source = base64.b64encode(data).decode()
    return (
        f'<button type="button" data-answer="{number}" aria-keyshortcuts="{number}">'
        f'<img src="data:image/jpeg;base64,{source}" alt="Picture {number}" draggable="false"/>'
        f'<span class="number" aria-hidden="true">{number}</span></button>'
    )
