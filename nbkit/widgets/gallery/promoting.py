"""The tiers to which selected pictures can be promoted, each with its price; and the promotion under way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets as widgets

from nbkit.display.text import count, usd_range, usd_short_range
from nbkit.errors import RequestError
from nbkit.request.image_request import ImageRequest
from nbkit.results.run import GeneratedImage
from nbkit.service.threads import THREADS
from nbkit.sweep.plan import price_to_send
from nbkit.sweep.sweep import Sweep
from nbkit.widgets.jobs.promotion import Promotion
from nbkit.widgets.page.guard import guarded
from nbkit.widgets.page.plain import plain

Promote = Callable[[Sequence[GeneratedImage], str], Sweep]


class Promoting:
    """A row of buttons, new ones for each offer: each sends what it says, however far behind the page is.

    Args:
        promote: makes the sweep that promotes pictures to a tier.
        say: shows a line.
        fault: shows an error.

    Attributes:
        box: the row; empty while nothing is offered.
        promotion: the one that a press has agreed to.
    """

    def __init__(self, promote: Promote, say: Callable[[str], None], fault: Callable[[Exception], None]) -> None:
        self._promote, self.fault = promote, fault
        self.promotion = Promotion(say, self._changed, "gallery")
        self._keys: tuple[str, ...] = ()
        self.box = plain(widgets.HBox)
        self.box.add_class("nbkit-gallery-row")

    def offer(self, pictures: Sequence[GeneratedImage], keys: Sequence[str]) -> None:
        """Offer each tier that is higher than that of the smallest picture.

        Args:
            pictures: some.
            keys: of their rows.

        Raises:
            RequestError: if there is no higher tier for any of them.
        """
        higher = {tier for one in pictures if one.request is not None for tier in _higher(one.request)}
        offers = [
            button for tier in sorted(higher, key=_pixels) if (button := self._button(tier, pictures)) is not None
        ]
        if not offers:
            message = "There is no higher resolution for what is selected"
            raise RequestError(message, parameter="resolution", reason="choice")
        words = plain(widgets.Label, f"Promote {count(len(pictures), 'picture')} to")
        cancel = plain(widgets.Button, description="Cancel")
        cancel.on_click(lambda _: self._show())
        self._keys = tuple(keys)
        self._show(words, *offers, cancel)

    def leave(self, keys: Sequence[str]) -> None:
        """Others may be selected now; then the offer goes."""
        if tuple(keys) != self._keys and not self.promotion.is_under_way:
            self._show()

    def _button(self, tier: str, pictures: Sequence[GeneratedImage]) -> widgets.Button | None:
        try:
            sweep = self._promote(pictures, tier)
            price = price_to_send(sweep.cells.costs, sweep.states)
        except RequestError:  # what came through `extra` may not go together with another size
            return None
        words, exact = (usd_short_range(price), usd_range(price)) if price else ("already there", "")
        button = plain(widgets.Button, description=f"{tier} · {words}", tooltip=exact)
        button.add_class("nbkit-gallery-paid")
        button.on_click(lambda _: THREADS.submit(self._send, sweep, tier, price.high if price else 0))
        return button

    @guarded
    def _send(self, sweep: Sweep, tier: str, promised: int) -> None:
        self.promotion.send(lambda: sweep, len(sweep), tier, promised)

    def _changed(self) -> None:
        if self.promotion.is_under_way:
            stop = plain(widgets.Button, description="Stop", tooltip="Stop promoting")
            stop.on_click(lambda _: self.promotion.stop())
            self._show(stop)
        else:
            self._show()

    def _show(self, *children: widgets.Widget) -> None:
        before, self.box.children = self.box.children, children
        for child in children:
            child.add_class("nbkit-gallery-button")
        for child in before:
            child.close()


def _higher(request: ImageRequest) -> tuple[str, ...]:
    """The tiers of its model above the one that a request names."""
    tiers = request.profile.tiers
    return tiers[tiers.index(request.resolution) + 1 :] if request.resolution in tiers else tiers[1:]


def _pixels(tier: str) -> float:
    return float(tier.removesuffix("K"))
