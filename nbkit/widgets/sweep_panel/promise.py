"""What a press may send: no more than the button said when it was pressed.

The page's button may be behind what the controls ask for: the kernel was busy, or a value was typed between the click
and the sending. Whatever became more than was seen is not sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbkit.display.text import count, usd, usd_range
from nbkit.errors import RequestError
from nbkit.sweep.plan import Quote
from nbkit.sweep.sweep import MANY_IMAGES
from nbkit.widgets.page.seen import most_in

_CELLS, _IMAGES = re.compile(r"([\d,]+) cells?\b"), re.compile(r"([\d,]+) images?\b")
_AGAIN = re.compile(r"up to ([\d,]+) sent again\b")
PRESS_AGAIN = "Nothing was sent: press again."


def offer_of(verb: str, quote: Quote) -> str:
    """What the button says: the cells that are due, what may be sent again, images where these are others, the price."""
    parts = (
        verb,
        count(quote.pending.cells, "cell") if quote.pending.cells else "",
        f"up to {quote.resend.cells:,} sent again" if quote.resend.cells else "",
        count(quote.images, "image") if quote.images != quote.cells else "",
        usd_range(quote.price),
    )
    return " · ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Promise:
    """What a person was shown at a press.

    Attributes:
        text: of the button.
        ticked: how many images the tick named; 0 if it was not set.
    """

    text: str
    ticked: int

    def check(self, quote: Quote) -> None:
        """Let a sweep pass that is no more than was promised.

        Raises:
            RequestError: if nothing is due, or it is more images, or may cost more. Nothing has been sent.
        """
        if not quote.cells:
            raise _refusal("Nothing was sent: every cell is in the log.")
        high, most = quote.price.high, most_in(self.text)
        cost = f"{usd(high)} for {_size(quote.pending.cells, quote.resend.cells, quote.images)}"
        if most is None:
            raise _refusal(f"The button named no price yet, and this is {cost}. {PRESS_AGAIN}")
        if high > most:
            raise _refusal(f"The button said {usd(most)}, and this is {cost} now. {PRESS_AGAIN}")
        # What was to be asked for may have become due meanwhile: it is the same work at the same price.
        shown = _number(_IMAGES, self.text) or _number(_CELLS, self.text) + _number(_AGAIN, self.text)
        if quote.images > shown:
            raise _refusal(f"The button said {self._said()}, and this is {cost} now. {PRESS_AGAIN}")
        if quote.images > max(MANY_IMAGES, self.ticked):
            said = f"The tick said {count(self.ticked, 'image')}" if self.ticked else "The tick was not set"
            raise _refusal(f"{said}, and this is {cost} now. Nothing was sent: tick it and press again.")

    def _said(self) -> str:
        return _size(*(_number(pattern, self.text) for pattern in (_CELLS, _AGAIN, _IMAGES)))


def _size(cells: int, again: int, images: int) -> str:
    parts = (
        count(cells, "cell") if cells else "",
        f"up to {again:,} sent again" if again else "",
        count(images, "image") if images not in (0, cells + again) else "",
    )
    return " and ".join(part for part in parts if part)


def _number(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.search(text)
    return int(found[1].replace(",", "")) if found else 0


def _refusal(text: str) -> RequestError:
    return RequestError(text, parameter="price", reason="conflict")
