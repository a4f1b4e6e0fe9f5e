"""A report as HTML and as text: a question, the answer in short, and sections; a page of its own or a notebook's output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nbkit.display.figure import without_links
from nbkit.display.mime import MimeBundle
from nbkit.display.page import page_html
from nbkit.display.text import escape

REPORT_MARK = "data-nbkit-report"
"""By which an earlier report is known again, which a new one may replace."""

_STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1b1b; --quiet: #5a5a5a; --line: #dcdcdc; --box: #f5f5f3 }
@media (prefers-color-scheme: dark) {
  :root { --ground: #151515; --ink: #ebebeb; --quiet: #b0b0b0; --line: #3c3c3c; --box: #212121 }
}
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif }
main { max-width: 64rem; margin: 0 auto; padding: clamp(1.25rem, 5vw, 4rem) clamp(1rem, 4vw, 3rem) 5rem }
h1 { font-size: clamp(1.7rem, 5vw, 2.6rem); line-height: 1.15; margin: 0 0 0.5rem; letter-spacing: -0.015em;
  text-wrap: balance; overflow-wrap: anywhere }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 3.25rem 0 0.9rem; padding-top: 1.1rem; border-top: 1px solid var(--line) }
h3 { font-size: 1rem; margin: 1.75rem 0 0.5rem }
section > p { max-width: 44rem }
.quiet, footer { color: var(--quiet); font-size: 0.9rem }
.short { background: var(--box); border-radius: 10px; padding: 1.1rem 1.4rem; margin: 1.75rem 0 0 }
.short h2 { all: unset; display: block; font-size: 0.8rem; font-weight: 600; letter-spacing: 0.06em;
  text-transform: uppercase; color: var(--quiet); margin-bottom: 0.35rem }
.short ul { list-style: none; margin: 0; padding: 0; font-size: 1.1rem }
.short li { margin: 0.3rem 0 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.4rem 1.5rem; margin: 0 }
dt { color: var(--quiet) }
dd { margin: 0; overflow-wrap: anywhere }
.scroll { overflow-x: auto; max-width: 100% }
.scroll svg { max-width: 100%; height: auto }
.scroll td figure { min-width: 8.5rem }
table { border-collapse: collapse }
th, td { padding: 0.3rem 0.9rem 0.3rem 0; text-align: left; vertical-align: top }
pre { background: var(--box); border-radius: 10px; padding: 1rem 1.2rem; overflow-x: auto; font-size: 0.88rem; line-height: 1.5 }
summary { cursor: pointer; font-weight: 600; margin: 1.75rem 0 0.5rem }
:focus-visible { outline: 3px solid currentColor; outline-offset: 2px }
footer { margin-top: 4rem; padding-top: 1rem; border-top: 1px solid var(--line) }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0 } dd { margin-bottom: 0.7rem } }
@media print {
  :root { --ground: #fff; --ink: #000; --quiet: #444; --line: #bbb; --box: #f3f3f3; color-scheme: light }
  main { max-width: none; padding: 0 } h2 { break-after: avoid } figure, tr, svg, .short { break-inside: avoid }
  .scroll { overflow: visible } pre { white-space: pre-wrap }
}
"""


@dataclass(frozen=True, slots=True)
class ReportPart:
    """A part of a section with a heading of its own.

    Attributes:
        title: its heading.
        html: the content, which may be wider than a narrow screen.
        text: the same as text.
        is_folded: whether it unfolds at a press.
    """

    title: str
    html: str
    text: str
    is_folded: bool = False


@dataclass(frozen=True, slots=True)
class ReportSection:
    """One section of a report.

    Attributes:
        title: its heading.
        lines: sentences.
        parts: under the sentences.
        html: what comes before both, and is no sentence.
        text: the same as text.
        foot: a quiet line at the end.
    """

    title: str
    lines: Sequence[str] = ()
    parts: Sequence[ReportPart] = ()
    html: str = ""
    text: str = ""
    foot: str = ""

    def to_html(self, level: int) -> str:
        """The section with a heading of this level."""
        pieces = [f"<h{level}>{escape(self.title)}</h{level}>", self.html]
        pieces += [f"<p>{escape(line)}</p>" for line in self.lines]
        for part in self.parts:
            title, inside = escape(part.title), scrolled(part.html)
            if part.is_folded:
                pieces.append(f"<details><summary>{title}</summary>{inside}</details>")
            else:
                pieces.append(f"<h{level + 1}>{title}</h{level + 1}>{inside}")
        pieces.append(f'<p class="quiet">{escape(self.foot)}</p>' if self.foot else "")
        return f"<section>{''.join(pieces)}</section>"

    def to_text(self) -> str:
        """The section as text."""
        lines = [f"  {line}" for line in self.lines]
        parts = [f"{part.title}\n{part.text}" for part in self.parts]
        return "\n".join(filter(None, [self.title, self.text, *lines, *parts, self.foot]))


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report says.

    Attributes:
        question: that it answers; its heading.
        facts: a line under the heading.
        answers: the answer in short, as sentences.
        sections: in their order.
        foot: the last line.
    """

    question: str
    facts: str
    answers: Sequence[str]
    sections: Sequence[ReportSection]
    foot: str

    def page(self) -> str:
        """The report as a file of its own, which loads nothing."""
        body = without_links(self._body(1))
        return page_html(self.question, f"<main {REPORT_MARK}>{body}</main>", _STYLE)

    def output(self) -> MimeBundle:
        """The report as the output of a cell, in the notebook's own style."""
        sections = (section.to_text() for section in self.sections)
        short = "\n".join(f"- {line}" for line in self.answers)
        return MimeBundle(self._body(3), "\n\n".join([f"{self.question}\n{self.facts}", short, *sections, self.foot]))

    def _body(self, level: int) -> str:
        """The content, with a heading of this level at its top."""
        answers = "".join(f"<li>{escape(line)}</li>" for line in self.answers)
        below = level + 1
        parts = [
            f"<header><h{level}>{escape(self.question)}</h{level}>",
            f'<p class="quiet">{escape(self.facts)}</p>',
            f'<section class="short"><h{below}>In short</h{below}><ul>{answers}</ul></section></header>',
            *(section.to_html(below) for section in self.sections),
            f'<footer style="font-size:0.85em;opacity:0.85">{escape(self.foot)}</footer>',
        ]
        return "".join(parts)


def facts_html(facts: Sequence[tuple[str, str]]) -> str:
    """Names with their values."""
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(value)}</dd>' for name, value in facts)}</dl>"


def facts_text(facts: Sequence[tuple[str, str]]) -> str:
    """The same as text."""
    return "\n".join(f"  {name}: {value}" for name, value in facts)


def scrolled(html: str) -> str:
    """What may be wider than a narrow screen: it scrolls by itself, and the page does not."""
    return f'<div class="scroll" tabindex="0" style="overflow-x:auto">{html}</div>'
