"""What the button of a sweep panel says, and what a press of it may send: no more than it said.

The page's button may be behind what the controls ask for: the kernel was busy, or a value was typed between the click
and the sending. Whatever became more than was promised is not sent.
"""

from __future__ import annotations

from nbkit.display.text import count, usd, usd_range
from nbkit.errors import RequestError
from nbkit.sweep.plan import Quote
from nbkit.sweep.sweep import MANY_IMAGES
from nbkit.widgets.jobs.quote import check_price, refusal


def offer_of(verb: str, quote: Quote) -> str:
    """What the button says: the cells that are due, what may be sent again, images where these are others, the price."""
    return " · ".join((verb, *_sizes(quote), usd_range(quote.price)))


def check(promised: Quote | None, ticked: int, quote: Quote) -> None:
    """Let a sweep pass that is no more than was promised.

    Args:
        promised: by the button when it was pressed; ``None`` if it named no price.
        ticked: how many images the tick named; 0 if it was not set.
        quote: what would be sent.

    Raises:
        RequestError: if nothing is due, or it is more images, or may cost more. Nothing has been sent.
    """
    if not quote.cells:
        raise RequestError("Nothing was sent: every cell is in the log.", parameter="price", reason="conflict")
    cost = f"{usd(quote.price.high)} for {' and '.join(_sizes(quote))}"
    check_price(promised and promised.price.high, quote.price.high, cost)
    # What was to be asked for may have become due meanwhile: it is the same work at the same price.
    if promised is not None and quote.images > promised.images:
        raise refusal(f"The button said {' and '.join(_sizes(promised))}, and this is {cost} now.")
    if quote.images > max(MANY_IMAGES, ticked):
        said = f"The tick said {count(ticked, 'image')}" if ticked else "The tick was not set"
        raise refusal(f"{said}, and this is {cost} now.", then="tick it and press again")


def _sizes(quote: Quote) -> list[str]:
    parts = (
        count(quote.pending.cells, "cell") if quote.pending.cells else "",
        f"up to {quote.resend.cells:,} sent again" if quote.resend.cells else "",
        count(quote.images, "image") if quote.images != quote.cells else "",
    )
    return [part for part in parts if part]
