"""Pictures with their facts as one HTML file that needs no network and no nbkit."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nbkit.display.figure import Figure, picture_html
from nbkit.display.text import escape
from nbkit.errors import printable

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""A page loads nothing and runs nothing, whatever a prompt contains; pictures are in the file itself."""

COLOURS = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1c1c1c; --quiet: #555; --line: #d4d4d4; --link: #0b57a4 }
@media (prefers-color-scheme: dark) {
  :root { --ground: #161616; --ink: #ececec; --quiet: #b3b3b3; --line: #444; --link: #8ab8ff }
}
"""
"""The colours of every page, light and dark, as variables of its style sheet."""

_STYLE = (
    COLOURS
    + """
body { margin: 2rem auto; padding: 0 1rem; max-width: 80rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif }
ol { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1.5rem; padding: 0; list-style: none }
li { border-top: 1px solid var(--line); padding-top: 0.75rem; overflow-wrap: anywhere }
p { margin: 0.5rem 0; white-space: pre-wrap }
li p, dd { max-height: 15rem; overflow: auto }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 0.75rem; margin: 0; font-size: 0.875rem }
dt, .quiet { color: var(--quiet) }
dd { margin: 0 }
a { color: var(--link) }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
"""
)

SCROLL_CHARACTERS = 300
"""A longer text may be higher than its box on the page, which then scrolls."""


@dataclass(frozen=True, slots=True)
class Card:
    """One picture on a page.

    Attributes:
        figure: a small picture, with the relative path of the original file as its link.
        text: under the picture, in full.
        facts: name and value of each fact.
    """

    figure: Figure
    text: str
    facts: Sequence[tuple[str, str]]


def document_html(title: str, summary: str, cards: Iterable[Card]) -> str:
    """The whole file.

    Args:
        title: of the page.
        summary: a line under the title.
        cards: the pictures, in the order of the page.
    """
    items = "\n".join(f"<li>{_card(card)}</li>" for card in cards)
    heading = f'<h1>{escape(title)}</h1>\n<p class="quiet">{escape(summary)}</p>'
    return page_html(title, f"<main>\n{heading}\n<ol>\n{items}\n</ol>\n</main>", _STYLE)


def page_html(title: str, body: str, style: str = "", script: str = "", *, policy: str = POLICY, head: str = "") -> str:
    """A whole HTML file with the content security policy; every page that nbkit writes is made here.

    Args:
        title: of the page, as text.
        body: the content, as HTML.
        style: a style sheet.
        script: the only script that the page runs: the policy has its hash.
        policy: the content security policy, for a page with forms.
        head: more of the page's head, as HTML.
    """
    script = printable(script)
    if script:
        policy += f"; script-src '{source_hash(script)}'"
        body += f"\n<script>{script}</script>"
    return printable(
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n{head}</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def source_hash(text: str) -> str:
    """What a content security policy says of a script, or of a style sheet, that it allows.

    Example:
        >>> source_hash("let a = 1")
        'sha256-LAfYd7pbFUgwfQu8b4q135PeTG2z+/coPEUYCd74eCQ='
    """
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _card(card: Card) -> str:
    picture = picture_html(card.figure)
    facts = "".join(f"<dt>{escape(name)}</dt><dd{_tabindex(value)}>{escape(value)}</dd>" for name, value in card.facts)
    return f"{picture}<p{_tabindex(card.text)}>{escape(card.text)}</p><dl>{facts}</dl>"


def _tabindex(text: str) -> str:
    """The attribute that makes a scrolling text reachable by keyboard."""
    return ' tabindex="0"' if len(text) > SCROLL_CHARACTERS else ""
