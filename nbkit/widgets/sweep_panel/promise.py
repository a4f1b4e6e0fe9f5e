"""What a press may send: no more than the button said when it was pressed.

The page's button may be behind what the controls ask for: the kernel was busy, or a value was typed between the click
and the sending. Whatever became more than was seen is not sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbkit.display.text import count, usd, usd_range
from nbkit.errors import RequestError
from nbkit.sweep.sweep import MANY_IMAGES
from nbkit.widgets.page.seen import most_in
from nbkit.widgets.sweep_panel.counting import Count

_CELLS, _IMAGES = re.compile(r"([\d,]+) cells?\b"), re.compile(r"([\d,]+) images?\b")
PRESS_AGAIN = "Nothing was sent: press again."


def offer_of(verb: str, counted: Count) -> str:
    """What the button says of a sweep: its cells, its images where these are others, the price of what is due."""
    totals = counted.totals
    images = f" · {count(totals.due_images, 'image')}" if totals.due_images != totals.due_cells else ""
    return f"{verb} · {count(totals.due_cells, 'cell')}{images} · {usd_range(totals.due)}"


@dataclass(frozen=True, slots=True)
class Promise:
    """What a person was shown at a press.

    Attributes:
        text: of the button.
        ticked: how many images the tick named; 0 if it was not set.
    """

    text: str
    ticked: int

    def check(self, counted: Count) -> None:
        """Let a sweep pass that is no more than was promised.

        Raises:
            RequestError: if nothing is due, or it is more images, or may cost more. Nothing has been sent.
        """
        totals, most = counted.totals, most_in(self.text)
        if not totals.due_cells:
            raise _refusal("Nothing was sent: every cell is in the log.")
        cost = f"{usd(totals.due.high)} for {_size(totals.due_cells, totals.due_images)}"
        if most is None:
            raise _refusal(f"The button named no price yet, and this is {cost}. {PRESS_AGAIN}")
        if totals.due.high > most:
            raise _refusal(f"The button said {usd(most)}, and this is {cost} now. {PRESS_AGAIN}")
        shown = _number(_IMAGES, self.text) or _number(_CELLS, self.text)
        if totals.due_images > shown:
            raise _refusal(f"The button said {self._said()}, and this is {cost} now. {PRESS_AGAIN}")
        if totals.due_images > max(MANY_IMAGES, self.ticked):
            said = f"The tick said {count(self.ticked, 'image')}" if self.ticked else "The tick was not set"
            raise _refusal(f"{said}, and this is {cost} now. Nothing was sent: tick it and press again.")

    def _said(self) -> str:
        return _size(_number(_CELLS, self.text), _number(_IMAGES, self.text))


def _size(cells: int, images: int) -> str:
    return count(cells, "cell") + (f" and {count(images, 'image')}" if images not in (0, cells) else "")


def _number(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.search(text)
    return int(found[1].replace(",", "")) if found else 0


def _refusal(text: str) -> RequestError:
    return RequestError(text, parameter="price", reason="conflict")
