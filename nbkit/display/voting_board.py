"""What a room reads of a vote: the address and the code, large, and how many have voted. Plain HTML, sizes in ``em``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nbkit.display.mime import MimeBundle
from nbkit.display.text import count, escape

_STYLE = """
.nbkit-vote{font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:max(1em,14px);line-height:1.25;padding:1em 0;max-width:60em;overflow-wrap:anywhere}
.nbkit-vote p{margin:.3em 0}
.nbkit-vote .small{font-size:1.3em;opacity:.8}
.nbkit-vote .address{font-size:3em;font-weight:600}
.nbkit-vote .code{font-size:6em;font-weight:700;letter-spacing:.06em;font-variant-numeric:tabular-nums;line-height:1.1}
.nbkit-vote .count{font-size:2.2em}
.nbkit-vote .warns{font-size:1.3em;border-left:.25em solid currentColor;padding-left:.6em}
"""


@dataclass(frozen=True, slots=True)
class VotingBoard:
    """The state of a vote, as plain data.

    Attributes:
        address: that a phone types.
        code: that it types then.
        pairs: of pictures.
        phones: that have joined.
        votes: that were given.
        finished: phones that have voted on all pairs.
        others: further addresses.
        is_local: whether only this machine reaches it.
        ends: what became of the vote; empty while it goes on.
    """

    address: str
    code: str
    pairs: int
    phones: int = 0
    votes: int = 0
    finished: int = 0
    others: Sequence[str] = ()
    is_local: bool = False
    ends: str = ""

    @property
    def bundle(self) -> MimeBundle:
        """It as HTML and as text.

        Example:
            >>> from nbkit.display.voting_board import VotingBoard
            >>> VotingBoard("http://192.168.0.7:8000", "493127", 12, phones=1, votes=3).bundle
            http://192.168.0.7:8000 · code 493 127 · 1 phone, 3 of 12 votes
        """
        done = f"{count(self.phones, 'phone')}, {self.votes:,} of {count(self.phones * self.pairs, 'vote')}"
        done += f"; {self.finished:,} finished" if self.finished else ""
        if self.ends:
            inside = f'<p class="count">{escape(self.ends)}</p><p class="small">{done}</p>'
            return MimeBundle(_framed(inside), f"{self.ends} {done}")
        warning = "Only this machine reaches this address. Phones do with arena.open(host=&quot;0.0.0.0&quot;)."
        parts = (
            f'<p class="small">Open</p><p class="address">{escape(self.address)}</p>',
            f'<p class="small">or {escape(", ".join(self.others))}</p>' if self.others else "",
            f'<p class="small">and type</p><p class="code">{escape(_spaced(self.code))}</p>',
            f'<p class="count">{done}</p>',
            f'<p class="warns">{warning}</p>' if self.is_local else "",
        )
        only = "; only this machine reaches it" if self.is_local else ""
        return MimeBundle(_framed("".join(parts)), f"{self.address} · code {_spaced(self.code)} · {done}{only}")


def _framed(inside: str) -> str:
    return f'<style>{_STYLE}</style><div class="nbkit-vote">{inside}</div>'


def _spaced(code: str) -> str:
    return f"{code[:3]} {code[3:]}"
