"""What can be done with a chosen picture: a row of buttons, the paid ones with their price."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

import ipywidgets as widgets

from nbkit.errors import RequestError
from nbkit.request.image_request import ImageRequest
from nbkit.results.run import GeneratedImage
from nbkit.widgets.controls.draft import FINAL_TIERS, final_request
from nbkit.widgets.controls.form import lost_references
from nbkit.widgets.page.guard import guarded
from nbkit.widgets.page.paid import PaidButton, priced, refusal
from nbkit.widgets.page.plain import plain
from nbkit.widgets.panel.bar import show_busy
from nbkit.widgets.panel.shown import Shown

TOOLTIPS = {
    "Rerun": "Sends the same request again",
    "Make": "Makes this picture again at a higher tier: the same shape and seed, one result",
}


Make = Callable[[Shown | None], ImageRequest | None]


class Deeds(Protocol):
    """Who carries it out."""

    def use_settings(self, request: ImageRequest) -> None:
        """Bring the controls to what a run was made with."""

    def use_seed(self, seed: int) -> None:
        """Put a seed into its box."""

    def use_reference(self, image: GeneratedImage) -> None:
        """Add a picture to the reference images."""

    def make_again(self, button: object, most: int | None, request: ImageRequest, parent: str) -> None:
        """Send a request, if it costs no more than the pressed button said."""

    def fault(self, error: BaseException) -> None:
        """Say what a handler raised: Jupyter would lose it."""


class Promise(NamedTuple):
    """What a paid button says: which picture is made again, and what it costs at most in micro-dollars."""

    key: str
    most: int


class Actions:
    """The buttons under the chosen picture.

    Attributes:
        again: makes the run again as it was.
        finals: make the picture again at a higher tier, by tier.
        paid: all of these, each with its name and what makes its request.
        box: the row.
    """

    def __init__(self, deeds: Deeds, *, open_: Callable[[], None], save: Callable[[], None]) -> None:
        self._deeds, self.fault = deeds, deeds.fault
        self._shown: Shown | None = None
        self.full_size = self._button("Full size", "Opens the picture at its full size", lambda _: open_())
        self.save = self._button("Save", "Saves the original file through the browser", lambda _: save())
        self.settings = self._button(
            "Use settings", "Brings all controls to what this run was made with", self._settings
        )
        self.seed = self._button("Use this seed", "Puts this picture's seed into the seed's box", self._seed)
        self.reference = self._button("Use as reference", "Adds this picture to the reference images", self._reference)
        self.paid: dict[PaidButton, tuple[str, Make]] = {}
        self.again = self._paid("Rerun", _again)
        self.finals = {tier: self._paid(f"Make final {tier}", partial(_final, tier=tier)) for tier in FINAL_TIERS}
        free = (self.full_size, self.save, self.settings, self.seed, self.reference)
        self.box = plain(widgets.HBox, (*free, *self.paid))
        self.box.add_class("nbkit-actions")
        self.offer(None)

    def offer(self, shown: Shown | None, *, full: bool = False) -> None:
        """Be about a picture.

        Args:
            shown: the chosen picture; ``None`` for none.
            full: whether nothing can be sent at the moment.
        """
        self._shown = shown
        image = shown.image if shown else None
        for button in (self.full_size, self.save, self.reference):
            button.disabled = image is None
        self.settings.disabled = shown is None
        self.seed.disabled = image is None or image.seed is None
        reason = _unable(shown)
        for button, (name, make) in self.paid.items():
            request = None if reason else make(shown)
            button.tooltip = reason or TOOLTIPS[name.split(maxsplit=1)[0]]
            price = request.price if request else None
            button.offer(priced(name, price), price and Promise(_key(shown), price.high))
            button.disabled = request is None
            show_busy(button, busy=full)

    def _button(self, name: str, tooltip: str, pressed: Callable[[widgets.Button], None]) -> widgets.Button:
        button = plain(widgets.Button, description=name, tooltip=tooltip)
        button.add_class("nbkit-small")
        button.on_click(pressed)
        return button

    def _paid(self, name: str, make: Make) -> PaidButton:
        button = plain(PaidButton)
        button.add_class("nbkit-small")
        button.on_press(self._send)
        self.paid[button] = name, make
        return button

    @guarded
    def _settings(self, _button: widgets.Button) -> None:
        if self._shown is not None:
            self._deeds.use_settings(self._shown.run.request)

    @guarded
    def _seed(self, _button: widgets.Button) -> None:
        image = self._shown.image if self._shown else None
        if image is not None and image.seed is not None:
            self._deeds.use_seed(image.seed)

    @guarded
    def _reference(self, _button: widgets.Button) -> None:
        image = self._shown.image if self._shown else None
        if image is not None:
            self._deeds.use_reference(image)

    @guarded
    def _send(self, button: PaidButton, promised: Promise | None) -> None:
        shown = self._shown
        if promised is not None and promised.key != _key(shown):
            raise refusal("Another picture has taken the place of the one that was chosen on the page.")
        _, make = self.paid[button]
        request = make(shown)
        if shown is not None and request is not None:
            self._deeds.make_again(button, promised and promised.most, request, shown.run.task_uuid)


def _key(shown: Shown | None) -> str:
    return shown.key if shown else ""


def _again(shown: Shown | None) -> ImageRequest | None:
    return shown.run.request.replace() if shown else None


def _final(shown: Shown | None, tier: str) -> ImageRequest | None:
    image = shown.image if shown else None
    if shown is None or image is None:
        return None
    try:
        request = final_request(shown.run.request, image, tier)
    except RequestError:  # what came through `extra` may not go together with another size
        return None
    return None if request.identity == shown.run.request.replace(seed=request.seed).identity else request


def _unable(shown: Shown | None) -> str:
    """Why a run cannot be made again from here."""
    if shown is None:
        return ""
    if not shown.run.complete:
        return "The log keeps no credentials, so its webhook or upload address is not whole: Use settings, and type it again"
    lost = lost_references(shown.run.request)
    return "" if lost is None else f"Of its reference images, {lost}"
