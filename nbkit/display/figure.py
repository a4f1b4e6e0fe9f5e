"""A picture with its caption as HTML; all parts of nbkit show pictures with it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from nbkit.display.text import ellipsis, escape
from nbkit.errors import printable

QUIET_STYLE = "font-size:0.85em;opacity:0.75"

NOISE_SIGN = "~"
"""Before a value that is within noise, since grey alone is not heard, and not seen by everybody."""


_LINKED = re.compile('<a href="[^"]*" target="_blank" title="Open the original">(<img[^>]*/>)</a>')


def no_mathjax(html: str) -> str:
    """Wrap HTML for a notebook: with two prices in a line, Jupyter would typeset ``$…$`` as a formula."""
    return f'<div class="mathjax_ignore tex2jax_ignore">{printable(html)}</div>'


@dataclass(frozen=True, slots=True)
class Figure:
    """One picture for display.

    Attributes:
        preview: a small JPEG, or ``None`` if there is no picture.
        alt: the alternative text, for a screen reader.
        width, height: of the preview on the page, in CSS pixels; 0 for those of its file.
        caption: short facts, the most important first.
        missing: why there is no picture; empty if there is one.
        link: relative path of the original file, from the notebook or page; empty without one.
        value: what was measured, under the picture in full strength; empty for nothing.
        is_noise: whether that value is within noise: it has a ``~`` before it, and is grey.
    """

    preview: bytes | None
    alt: str
    width: int = 0
    height: int = 0
    caption: tuple[str, ...] = ()
    missing: str = ""
    link: str = ""
    value: str = ""
    is_noise: bool = False

    @property
    def facts(self) -> tuple[str, ...]:
        """The value as text, then the caption."""
        return (f"{NOISE_SIGN}{self.value}" if self.is_noise else self.value, *self.caption)[not self.value :]


def picture_html(figure: Figure) -> str:
    """The ``<img>`` without its caption, with the JPEG as a data URI; without a picture, a box with the reason.

    A press on the picture opens the original, where there is a link to it.
    """
    if figure.preview is None:
        return (
            f'<div role="img" aria-label="{escape(ellipsis(figure.alt, 300))}" style="border:1px dashed currentColor;'
            f'padding:1em;max-width:24em;opacity:0.75">{escape(figure.missing or "no picture")}</div>'
        )
    data = base64.b64encode(figure.preview).decode()
    size = f'width="{figure.width}" height="{figure.height}" ' if figure.width else ""
    picture = (
        f'<img src="data:image/jpeg;base64,{data}" alt="{escape(ellipsis(figure.alt, 300))}" '
        f'{size}style="max-width:100%;height:auto;border-radius:4px"/>'
    )
    if not figure.link:
        return picture
    return f'<a href="{escape(quote(figure.link))}" target="_blank" title="Open the original">{picture}</a>'


def without_links(html: str) -> str:
    """HTML with pictures that lead to no original, for a page that may be opened anywhere."""
    return _LINKED.sub(r"\1", html)


def figure_html(figure: Figure) -> str:
    """The picture over its value and its caption, if it has them."""
    facts = " · ".join(escape(fact) for fact in figure.caption)
    caption = f'<figcaption style="{QUIET_STYLE};max-width:{max(figure.width, 240)}px">{facts}</figcaption>'
    style = ' style="opacity:0.65" title="within noise"' if figure.is_noise else ' style="font-weight:600"'
    measured = f"<div{style}>{escape(figure.facts[0])}</div>" if figure.value else ""
    return (
        f'<figure style="margin:0 0.75em 0.5em 0;display:inline-block;vertical-align:top;max-width:100%">'
        f"{picture_html(figure)}{measured}{caption if facts else ''}</figure>"
    )


def figures_html(figures: Iterable[Figure]) -> str:
    """Pictures beside each other, wrapped at the width of the cell."""
    return f"<div>{''.join(figure_html(figure) for figure in figures)}</div>"
