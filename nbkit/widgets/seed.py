"""The seed's control: a box that holds 63 bits, a button that draws a number, one that takes the last picture's."""

from __future__ import annotations

import secrets

import ipywidgets as widgets

from nbkit import model
from nbkit.request import PARAMETERS
from nbkit.widgets.controls import Number


class Seed(Number):
    """A seed as text; empty, the service draws one itself."""

    def __init__(self) -> None:
        super().__init__(PARAMETERS["seed"])
        self._last: int | None = None
        self.draw = widgets.Button(description="random", icon="random", tooltip="seed: draw a new one at random")
        self.again = widgets.Button(description="last", icon="repeat", tooltip="seed: take the one of the last picture")
        for button in (self.draw, self.again):
            button.add_class("nbkit-small")
        self.again.disabled = True
        self.draw.on_click(lambda _: self.write({self.name: secrets.randbits(model.RANDOM_SEED_BITS)}))
        self.again.on_click(lambda _: self.write({self.name: self._last}))
        self._place(self.field, self.draw, self.again)

    def offer(self, seed: int | None) -> None:
        """Remember the last picture's seed for the button that takes it."""
        if seed is not None:
            self._last = seed
            self.again.disabled = False
