"""What can be done with the chosen picture: a row of buttons under it, the paid ones with their price; its versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from nbkit.display.text import usd_range, usd_short_range
from nbkit.errors import RequestError
from nbkit.request.image_request import ImageRequest
from nbkit.request.price import Price
from nbkit.results.run import BLOCKED
from nbkit.sweep.promotion import promoted_request
from nbkit.widgets.form.form import FINAL_TIERS, lost_references
from nbkit.widgets.form.view import HERE as FORM
from nbkit.widgets.image_grid.picture import PictureRef
from nbkit.widgets.jobs.quote import QuoteBook
from nbkit.widgets.page.guard import guarded

HERE = Path(__file__).parent


class Tools(anywidget.AnyWidget):
    """The buttons under the chosen picture.

    Args:
        fault: shows an error.
        pressed: called with the message of every press.

    Attributes:
        offer: what the buttons are about, as values for JSON; see :func:`offer_of`.
        thread: the versions of the picture; see :class:`~nbkit.widgets.panel.versions.Versions`.
    """

    _esm = "\n".join(((FORM / "script" / "dom.js").read_text("utf-8"), (HERE / "tools.js").read_text("utf-8")))
    offer: Any = traitlets.Dict({"paid": []}).tag(sync=True)
    thread = traitlets.Dict().tag(sync=True)

    def __init__(self, fault: Callable[[Exception], None], pressed: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__()
        self.fault, self._pressed = fault, pressed
        self.on_msg(lambda _, content, __: self._hear(content))

    @guarded
    def _hear(self, content: Mapping[str, Any]) -> None:
        self._pressed(content)


def offer_of(
    picture: PictureRef | None, quotes: QuoteBook, price_of: Callable[[ImageRequest], Price]
) -> dict[str, Any]:
    """What the buttons under a picture offer.

    Args:
        picture: the chosen one; ``None`` for none.
        quotes: keeps what the paid buttons promise: the picture's key and the most it may cost in micro-dollars.
        price_of: what a request may cost.
    """
    if picture is None:
        return {"picture": False, "paid": []}
    reason = _unable(picture)
    paid = []
    # A refused request is refused again.
    for name in FINAL_TIERS if picture.run.status == BLOCKED else ("Rerun", *FINAL_TIERS):
        request = None if reason else request_of(picture, name)
        price = price_of(request) if request else None
        paid.append(
            {
                "name": name,
                "title": reason
                or ("Send the same request again" if name == "Rerun" else f"Make this picture again at {name}"),
                "price": usd_short_range(price) if price else "",
                "exact": usd_range(price) if price else "",
                "quote": quotes.offer(name, (picture.key, price.high)) if price else 0,
            }
        )
    image = picture.image
    return {
        "picture": image is not None,
        "run": True,
        "seed": image is not None and image.seed is not None,
        "paid": [offer for offer in paid if offer["quote"] or reason],
    }


def request_of(picture: PictureRef, name: str) -> ImageRequest | None:
    """What a paid button sends: ``Rerun``, or a tier at which the picture is made again; ``None`` where it cannot."""
    if not picture.run.request.has_price:
        return None  # only code can say what it may cost
    if name == "Rerun":
        return picture.run.request.replace()
    image = picture.image
    if image is None:
        return None
    try:
        request = promoted_request(picture.run.request, image.seed, name)
    except RequestError:  # what came through `extra` may not go together with another size
        return None
    return None if request.identity == picture.run.request.replace(seed=request.seed).identity else request


def _unable(picture: PictureRef) -> str:
    """Why a run cannot be made again from here."""
    if not picture.run.complete:
        return (
            "The log keeps no credentials, so its webhook or upload address is cut: use its settings and type it again"
        )
    lost = lost_references(picture.run.request)
    return "" if lost is None else f"Of its reference images, {lost}"
