"""A comparison: pictures beside each other, and under each what sets it apart.

One table holds both, so that it reads as it should where styles and scripts are taken away: a column a picture, a
row a parameter. Where scripts run, ``compare.js`` beside this module adds a wipe and a zoom; without it nothing is
missing, and no control stands there that does nothing.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources

from nbkit.display.figure import QUIET, Figure, picture_html
from nbkit.display.notice import notice_html

_LINE = "border:0;border-top:1px solid rgba(128,128,128,0.35)"
_CELL = f"{_LINE};padding:0.35em 0.75em 0.35em 0;text-align:left;vertical-align:top"
_ROW = "background:transparent"  # JupyterLab stripes tables, and a stripe under every second picture means nothing
_NAMES = "min(9em,18vw)"
"""Width of the column that names the parameters: little of a narrow cell."""
_LEAST = 6.5
"""Width in em below which no picture shrinks: where there is not so much room, the comparison is moved sideways."""

SAME, REMOVED, ADDED = "", "-", "+"
STRETCH = 240
"""Characters of an unchanged or a changed stretch before its middle is left out."""
PIECES = 80
"""Stretches of one text; of two prompts with more than that, nobody reads the difference word by word."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a value: the same as in the first picture, removed from it, or added to it."""

    text: str
    sign: str = SAME


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same for all pictures.

    Attributes:
        name: in the API's spelling.
        values: one a picture, each in pieces; a plain value is one piece.
        result: whether it is something that came back, and nothing that was asked for.
    """

    name: str
    values: tuple[tuple[Piece, ...], ...]
    result: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """One picture of a comparison.

    Attributes:
        label: its letter.
        figure: the picture with its caption, or ``None`` where there is none.
        fingerprint: what text says instead of the picture.
        notice: where there is no picture: the kind of the notice, its headline, then its sentences.
        likeness: how like the first it is, in a word and in a sentence; empty for the first.
    """

    label: str
    figure: Figure | None = None
    fingerprint: str = ""
    notice: tuple[str, ...] = ()
    likeness: tuple[str, str] = ("", "")


def comparison_html(
    sides: Sequence[Side], differences: Sequence[Difference], *, base: str, summary: str, foot: str = ""
) -> str:
    """The whole comparison: summary, pictures, likeness, differences.

    Args:
        sides: the pictures.
        differences: what is not the same for all of them.
        base: the letter of the picture that the others are compared with.
        summary: one sentence; read first by a screen reader.
        foot: a quiet line under the table.
    """
    pictures = "".join(
        f'<td data-nbkit-label="{side.label}" style="{_CELL};border:0">{_side(side)}</td>' for side in sides
    )
    rows = [f'<tr style="{_ROW}" data-nbkit-pictures>{_name("picture", "border:0")}{pictures}</tr>']
    if any(word for word, _ in (side.likeness for side in sides)):
        likeness = "".join(f'<td style="{_CELL}">{_likeness(side, base)}</td>' for side in sides)
        rows.append(f'<tr style="{_ROW}">{_name(f"beside {base}")}{likeness}</tr>')
    rows += [_difference(one) for one in differences]
    widest = sum(side.figure.width if side.figure else 240 for side in sides)
    labels = [side.label for side in sides]
    table = _table(labels, rows, summary, f"max-width:calc({widest}px + {len(sides)}em + {_NAMES})")
    quiet = f'<div style="{QUIET}">{escape(foot)}</div>' if foot else ""
    return f'<div class="nbkit-compare" data-nbkit-compare style="overflow-x:auto;padding:3px">{table}{quiet}</div>{_script()}'


def differences_html(labels: Sequence[str], differences: Sequence[Difference], *, caption: str = "") -> str:
    """The table of what differs on its own, without pictures and without a script.

    Args:
        labels: the heading of each column.
        differences: what is not the same for all of them; where there is none, a sentence says so.
        caption: what the table shows; read first by a screen reader.
    """
    if not differences:
        return f'<div style="{QUIET}">{escape(caption or NO_DIFFERENCE)}</div>'
    return _table(labels, [_difference(one) for one in differences], caption)


NO_DIFFERENCE = "no parameter differs"


def comparison_text(
    sides: Sequence[Side], differences: Sequence[Difference], *, base: str, summary: str, foot: str = ""
) -> str:
    """The same as text: a line a picture, its likeness, then a block for each difference."""
    lines = [summary]
    for side in sides:
        facts = (*side.figure.caption, f"picture {side.fingerprint}") if side.figure else side.notice[1:]
        lines.append(f"  {side.label}  {' · '.join(fact for fact in facts if fact)}")
    lines += [f"  {side.label} beside {base}: {': '.join(side.likeness)}" for side in sides if side.likeness[0]]
    for one in differences:
        values = [_pieces_text(value) for value in one.values]
        if max(map(len, values)) <= 40:
            lines.append(f"  {one.name}: {' | '.join(values)}")
        else:
            lines += [f"  {one.name}:", *(f"    {s.label}  {value}" for s, value in zip(sides, values, strict=True))]
    return "\n".join([*lines, f"  {foot}"] if foot else lines)


def _table(labels: Sequence[str], rows: Sequence[str], caption: str, more: str = "") -> str:
    # Fixed columns of one width: a long word must not make one picture larger than the other.
    head = "".join(f'<th scope="col" style="{_CELL};border:0">{escape(label)}</th>' for label in labels)
    corner = f'<td style="{_CELL};border:0;width:{_NAMES}"></td>'
    told = (
        f'<caption style="text-align:left;padding:0 0 0.3em;font-weight:bold;color:inherit">{escape(caption)}</caption>'
    )
    style = f"border-collapse:collapse;table-layout:fixed;width:100%;min-width:calc({_LEAST * len(labels)}em + {_NAMES});margin:0;{more}"
    return (
        f'<table style="{style}">{told if caption else ""}'
        f'<thead><tr style="{_ROW}">{corner}{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _name(name: str, more: str = "") -> str:
    return f'<th scope="row" style="{_CELL};font-weight:normal;overflow-wrap:anywhere;{more}">{escape(name)}</th>'


def _side(side: Side) -> str:
    if side.figure is None:
        kind, headline, *sentences = side.notice
        return notice_html(kind, headline, tuple(sentences))
    caption = " · ".join(escape(fact) for fact in side.figure.caption)
    return f'{picture_html(side.figure)}<div style="{QUIET};padding-top:0.3em">{caption}</div>'


def _likeness(side: Side, base: str) -> str:
    word, sentence = side.likeness
    if not word:
        return f'<span style="{QUIET}">{"the first" if side.label == base else "—"}</span>'
    return f"<strong>{escape(word)}</strong>" + (f"<div>{escape(sentence)}</div>" if sentence else "")


def _difference(one: Difference) -> str:
    style = f"{_CELL};overflow-wrap:anywhere;white-space:pre-wrap"
    cells = "".join(f'<td style="{style}">{_pieces_html(value)}</td>' for value in one.values)
    return f'<tr style="{_ROW}">{_name(one.name)}{cells}</tr>'


# -- words -------------------------------------------------------------------------------------------------

_MARK = "padding:0 0.15em;border-radius:3px;color:inherit"
_TAGS = {  # a sign, a line and a shade: no one of them alone
    REMOVED: ("del", f"{_MARK};background:rgba(220,60,60,0.16);text-decoration:line-through", "−"),
    ADDED: ("ins", f"{_MARK};background:rgba(40,160,80,0.2);text-decoration:underline;font-weight:600", "+"),
}
_BRACKETS = {SAME: ("", ""), REMOVED: ("[-", "-]"), ADDED: ("{+", "+}")}


def _pieces_html(pieces: Sequence[Piece]) -> str:
    return "".join(_piece_html(piece) for piece in _readable(pieces))


def _piece_html(piece: Piece) -> str:
    if piece.sign == SAME:
        return escape(piece.text)
    tag, style, sign = _TAGS[piece.sign]
    words = piece.text.lstrip()
    space = piece.text[: len(piece.text) - len(words)]
    # In a box of its own, so that the line through the words does not hide the minus.
    mark = f'<span style="display:inline-block;text-decoration:none;padding-right:0.1em">{sign}</span>'
    return f'{space}<{tag} style="{style}">{mark}{escape(words)}</{tag}>'


def _pieces_text(pieces: Sequence[Piece]) -> str:
    parts = []
    for piece in _readable(pieces):
        opened, closed = _BRACKETS[piece.sign]
        words = piece.text.lstrip()
        parts.append(f"{piece.text[: len(piece.text) - len(words)]}{opened}{words}{closed}")
    return " ".join("".join(parts).split())


def _readable(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces with what is long left out in the middle: a difference at the end of a long prompt is still seen."""
    shown = [Piece(_shortened(piece.text), piece.sign) for piece in pieces[:PIECES]]
    return [*shown, Piece(" … and more that differs")] if len(pieces) > PIECES else shown


def _shortened(text: str) -> str:
    if len(text) <= STRETCH:
        return text
    half = STRETCH // 2
    return f"{text[:half].rstrip()} … {text[-half:].lstrip()}"


@functools.cache
def _script() -> str:
    """The script with its style sheet as its argument; it looks for comparisons on the page that it has not set up yet."""
    here = resources.files("nbkit.display")
    code, sheet = (here.joinpath(f"compare.{kind}").read_text(encoding="utf-8") for kind in ("js", "css"))
    return f"<script>({code.strip()})({json.dumps(sheet)});</script>"
