"""What the button said when it was pressed: nothing is paid at a price that nobody saw.

While a kernel is busy, what a person changes and what a person presses pile up, and the price on the page stands
still. So the page tells what stood on the button (:class:`nbkit.widgets.page.access.Access`), and whoever sends
compares.
"""

from __future__ import annotations

import re

from nbkit.display.text import usd
from nbkit.errors import RequestError
from nbkit.request.model import MICRO, Price

_AMOUNT = re.compile(r"\$([\d,]+(?:\.\d+)?)")


def most_in(text: str) -> int | None:
    """The upper price that stands in a text, in micro-dollars; ``None`` if there is none in it."""
    found = _AMOUNT.findall(text)
    return round(float(found[-1].replace(",", "")) * MICRO) if found else None


def check_seen(text: str, price: Price) -> None:
    """Refuse what would cost more than the button said.

    Args:
        text: what stood on the button when it was pressed.
        price: of what would be sent now.

    Raises:
        RequestError: if it named no price, or less than it may cost; nothing has been sent.
    """
    most = most_in(text)
    if most is None:
        raise RequestError(
            f"The button named no price yet, and this is up to {usd(price.high)}. Nothing was sent: press again.",
            parameter="price",
            reason="conflict",
        )
    if price.high > most:
        raise RequestError(
            f"The button said {usd(most)}, and this is up to {usd(price.high)} now. Nothing was sent: press again.",
            parameter="price",
            reason="conflict",
        )
