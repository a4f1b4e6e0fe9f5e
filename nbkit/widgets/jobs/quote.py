"""What a paid button promises: the number on the page stands for it, and a press names the number it agrees to.

While a kernel is busy, presses pile up, and the price on the page stands still. So each promise has a number of its own,
and whoever sends compares what was promised under it with what would be sent now. Nothing is read from the button's
text, which a browser may have translated.
"""

from __future__ import annotations

import itertools
from typing import Any

from nbkit.display.text import usd
from nbkit.errors import RequestError

_NUMBERS = itertools.count(1)


class QuoteBook:
    """The promises of a panel's paid buttons. All are kept, for a page may be far behind."""

    def __init__(self) -> None:
        self._promises: dict[int, Any] = {}
        self._latest: dict[str, int] = {}

    def offer(self, button: str, promise: Any) -> int:
        """The number of what a button promises now; the same one as long as it promises the same.

        Args:
            button: which one.
            promise: any value that is compared at the press, such as a price in micro-dollars.
        """
        number = self._latest.get(button, 0)
        if not number or self._promises[number] != promise:
            number = self._latest[button] = next(_NUMBERS)
            self._promises[number] = promise
        return number

    def promised(self, number: Any) -> Any:
        """What was promised under a number.

        Raises:
            RequestError: if nothing was; nothing is sent then.
        """
        if not isinstance(number, int) or number not in self._promises:
            raise refusal("The page sent a press of a button that this panel does not have.")
        return self._promises[number]


def check_price(promised: int | None, high: int, cost: str) -> None:
    """Refuse what may cost more than the button said.

    Args:
        promised: the most that the pressed button said, in micro-dollars; ``None`` if it named no price.
        high: the most that it may cost now, likewise.
        cost: the same in words.

    Raises:
        RequestError: if it is more, or no price was named; nothing has been sent.
    """
    if promised is None:
        raise refusal(f"The button named no price yet, and this is {cost}.")
    if high > promised:
        raise refusal(f"The button said {usd(promised)}, and this is {cost} now.")


def refusal(why: str, then: str = "press again") -> RequestError:
    """The error of a press that is not agreed to."""
    return RequestError(f"{why} Nothing was sent: {then}.", parameter="price", reason="conflict")
