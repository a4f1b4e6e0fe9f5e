"""A comparison: pictures beside each other, and under each the values that differ.

One table holds both, with a column for each picture and a row for each parameter, so that it is readable where styles,
scripts and embedded pictures are removed, as in Markdown on a code host. There is no blank line in it, which would end
the HTML in Markdown. Where scripts run, ``compare.js`` beside this module adds a wipe and a zoom. It also makes
their controls, so that without a script there is no control that does nothing. It asks the page for the originals.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources

from nbkit.display.figure import QUIET_STYLE, Figure, picture_html
from nbkit.display.notice import notice_html, quiet_html
from nbkit.display.script import script_html
from nbkit.display.text import escape

_LINE = "border:0;border-top:1px solid rgba(128,128,128,0.35)"
_CELL = f"{_LINE};padding:0.35em 0.75em 0.35em 0;text-align:left;vertical-align:top"
_ROW = "background:transparent"  # JupyterLab stripes tables; here a stripe would have no meaning
_NAMES_WIDTH = "min(9em,18vw)"
"""Width of the column with the names of the parameters, a small part of a narrow cell."""
_MIN_PICTURE_EM = 6.5
"""Minimum width of a picture in em; in a narrower cell the comparison scrolls sideways."""

SAME, REMOVED, ADDED = "", "-", "+"
MAX_PIECE_CHARACTERS = 240
"""Longer pieces of a text are shown without their middle."""
MAX_PIECES = 80
"""Maximum number of pieces shown of one text; a difference with more is not readable word by word."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a value.

    Attributes:
        text: of the piece.
        sign: ``SAME`` as in the first picture, ``REMOVED`` from its value, or ``ADDED`` to it.
    """

    text: str
    sign: str = SAME


@dataclass(frozen=True, slots=True)
class Difference:
    """One parameter or result that is not the same for all pictures.

    Attributes:
        name: in the API's spelling.
        values: one for each picture, in pieces; a plain value is one piece.
        result: whether it is a value from the answer, and no parameter of the request.
    """

    name: str
    values: tuple[tuple[Piece, ...], ...]
    result: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """One picture of a comparison.

    Attributes:
        label: its letter.
        figure: the picture with its caption, or ``None`` if there is none.
        fingerprint: stands for the picture in the text form.
        notice: without a picture: the kind of the notice, its headline, then its sentences.
        likeness: how similar it is to the first, as a word and as a sentence; empty for the first.
        original: the name by which the page can ask for the original; empty if it cannot.
    """

    label: str
    figure: Figure | None = None
    fingerprint: str = ""
    notice: tuple[str, ...] = ()
    likeness: tuple[str, str] = ("", "")
    original: str = ""


def comparison_html(
    sides: Sequence[Side], differences: Sequence[Difference], *, base: str, summary: str, foot: str = ""
) -> str:
    """The whole comparison as HTML: summary, pictures, likeness, differences.

    Args:
        sides: the pictures.
        differences: what is not the same for all of them.
        base: letter of the picture that the others are compared with.
        summary: one sentence, which a screen reader reads first.
        foot: a quiet line under the table.
    """
    cells = [f'<td {_data(side)} style="{_CELL};border:0">{_side(side)}</td>' for side in sides]
    rows = [_tr(_name("picture", "border:0"), *cells, attributes=" data-nbkit-pictures")]
    if any(word for word, _ in (side.likeness for side in sides)):
        cells = [f'<td style="{_CELL}">{_likeness(side)}</td>' for side in sides]
        rows.append(_tr(_name(f"compared with {base}"), *cells))
    rows += [_difference(difference) for difference in differences]
    natural_width = sum(side.figure.width if side.figure else 240 for side in sides)
    labels = [side.label for side in sides]
    table = _table(labels, rows, summary, f"max-width:calc({natural_width}px + {len(sides)}em + {_NAMES_WIDTH})")
    attributes = 'class="nbkit-compare" data-nbkit-compare style="overflow-x:auto;padding:3px"'
    return f"<div {attributes}>{table}{quiet_html((foot,))}</div>{_script()}"


def differences_html(labels: Sequence[str], differences: Sequence[Difference], *, caption: str = "") -> str:
    """The table of differences alone, without pictures and without a script.

    Args:
        labels: heading of each column.
        differences: what is not the same for all columns; if empty, a sentence replaces the table.
        caption: what the table shows; a screen reader reads it first.
    """
    if not differences:
        return quiet_html((caption or NO_DIFFERENCE,))
    return _table(labels, [_difference(difference) for difference in differences], caption)


NO_DIFFERENCE = "no parameter differs"


def comparison_text(
    sides: Sequence[Side], differences: Sequence[Difference], *, base: str, summary: str, foot: str = ""
) -> str:
    """The whole comparison as text: a line for each picture, one for each likeness, a block for each difference.

    Args:
        sides: the pictures.
        differences: what is not the same for all of them.
        base: letter of the picture that the others are compared with.
        summary: the first line.
        foot: the last line, if any.
    """
    lines = [summary]
    for side in sides:
        facts = side.figure.caption if side.figure else side.notice[1:]
        facts = (*facts, f"picture {side.fingerprint}") if side.fingerprint else facts
        lines.append(f"  {side.label}  {' · '.join(fact for fact in facts if fact)}")
    lines += [f"  {side.label} compared with {base}: {_likeness_text(side)}" for side in sides if side.likeness[0]]
    for difference in differences:
        values = [_pieces_text(value) for value in difference.values]
        if max(map(len, values)) <= 40:
            lines.append(f"  {difference.name}: {' | '.join(values)}")
        else:
            labelled = (f"    {side.label}  {value}" for side, value in zip(sides, values, strict=True))
            lines += [f"  {difference.name}:", *labelled]
    return "\n".join([*lines, f"  {foot}"] if foot else lines)


def _table(labels: Sequence[str], rows: Sequence[str], caption: str, extra_style: str = "") -> str:
    # All columns have the same fixed width: a long word must not make one picture larger than another.
    head = [f'<th scope="col" style="{_CELL};border:0">{escape(label)}</th>' for label in labels]
    corner = f'<td style="{_CELL};border:0;width:{_NAMES_WIDTH}"></td>'
    if caption:
        style = "text-align:left;padding:0 0 0.3em;font-weight:bold;color:inherit"
        caption = f'<caption style="{style}">{escape(caption)}</caption>\n'
    body = "\n".join(rows)
    style = f"border-collapse:collapse;table-layout:fixed;width:100%;min-width:calc({_MIN_PICTURE_EM * len(labels)}em + {_NAMES_WIDTH});margin:0;{extra_style}"
    return f'<table style="{style}">{caption}<thead>{_tr(corner, *head)}</thead>\n<tbody>{body}</tbody></table>\n'


def _tr(*cells: str, attributes: str = "") -> str:
    """A row; its cells are on lines of their own, so that words stay apart where tags are removed."""
    lines = "\n".join(cells)
    return f'<tr style="{_ROW}"{attributes}>{lines}</tr>'


def _data(side: Side) -> str:
    """What the script needs to know of a picture: its letter, the pixels of its preview, the name of its original."""
    original = f' data-nbkit-original="{escape(side.original)}"' if side.original else ""
    return f'data-nbkit-label="{escape(side.label)}" data-nbkit-width="{side.figure.width if side.figure else 0}"{original}'


def _name(name: str, extra_style: str = "") -> str:
    return (
        f'<th scope="row" style="{_CELL};font-weight:normal;overflow-wrap:anywhere;{extra_style}">{escape(name)}</th>'
    )


def _side(side: Side) -> str:
    if side.figure is None:
        kind, headline, *sentences = side.notice
        return notice_html(kind, headline, tuple(" ".join(sentence.split()) for sentence in sentences))
    caption = " · ".join(escape(fact) for fact in side.figure.caption)
    # Without a size: where the picture is removed, its alternative text would stand in an empty box as large.
    picture = picture_html(replace(side.figure, width=0, height=0))
    return f'{picture}\n<div style="{QUIET_STYLE};padding-top:0.3em">{caption}</div>'


def _likeness(side: Side) -> str:
    word, sentence = side.likeness
    return f"<strong>{escape(word)}</strong>{escape(f': {sentence}' if sentence else '')}" if word else "—"


def _likeness_text(side: Side) -> str:
    return ": ".join(filter(None, side.likeness))


def _difference(difference: Difference) -> str:
    style = f"{_CELL};overflow-wrap:anywhere;white-space:pre-wrap"
    cells = [f'<td style="{style}">{_pieces_html(value)}</td>' for value in difference.values]
    return _tr(_name(difference.name), *cells)


# -- pieces of a text --------------------------------------------------------------------------------------

_MARK = "padding:0 0.15em;border-radius:3px;color:inherit"
_TAGS = {  # a sign, a line and a shade together, so that no reader depends on one of them
    REMOVED: ("del", f"{_MARK};background:rgba(220,60,60,0.16);text-decoration:line-through", "−"),
    ADDED: ("ins", f"{_MARK};background:rgba(40,160,80,0.2);text-decoration:underline;font-weight:600", "+"),
}
_BRACKETS = {SAME: "{}{}", REMOVED: "{}[-{}-]", ADDED: "{}{{+{}+}}"}


def _pieces_html(pieces: Sequence[Piece]) -> str:
    parts = []
    for space, text, sign in _readable(pieces):
        html = escape(text)
        if sign != SAME:
            tag, style, mark = _TAGS[sign]
            # The sign has its own box, so that the line through the text does not cover the minus.
            box = f'<span style="display:inline-block;text-decoration:none;padding-right:0.1em">{mark}</span>'
            html = f'<{tag} style="{style}">{box}{html}</{tag}>'
        parts.append(space + html)
    return re.sub(r"\r\n?|\n", "<br>", "".join(parts))


def _pieces_text(pieces: Sequence[Piece]) -> str:
    text = "".join(_BRACKETS[sign].format(space, text) for space, text, sign in _readable(pieces))
    return " ".join(text.split())


def _readable(pieces: Sequence[Piece]) -> Iterator[tuple[str, str, str]]:
    """Of each piece its leading space, its text, and its sign.

    A long text is without its middle: a difference at the end of a long prompt stays visible.
    """
    more = [Piece(" … more differences")] if len(pieces) > MAX_PIECES else []
    for piece in (*pieces[:MAX_PIECES], *more):
        whole = _shortened(piece.text)
        text = whole.lstrip()
        yield whole[: len(whole) - len(text)], text, piece.sign


def _shortened(text: str) -> str:
    if len(text) <= MAX_PIECE_CHARACTERS:
        return text
    half = MAX_PIECE_CHARACTERS // 2
    return f"{text[:half].rstrip()} … {text[-half:].lstrip()}"


@functools.cache
def _script() -> str:
    """The script, called with the style sheet; it sets up each comparison on the page that is not set up yet."""
    folder = resources.files("nbkit.display")
    code, style_sheet = (folder.joinpath(f"compare.{suffix}").read_text(encoding="utf-8") for suffix in ("js", "css"))
    return script_html(f"({code.strip()})({json.dumps(style_sheet)});")
