"""The seed's control: a box that holds 63 bits, a die for a new one, a lock to keep it, the last picture's."""

from __future__ import annotations

import secrets

import ipywidgets as widgets

from nbkit.request import model
from nbkit.request.image_request import PARAMETERS
from nbkit.widgets.controls.control import Number
from nbkit.widgets.page.plain import plain

_KEPT = "seed locked: kept from run to run. Unlock it, and after each run the die is thrown for the next one"
_FREE = "seed unlocked: after each run the die is thrown for the next one. Lock it to keep what stands in the box"


class Seed(Number):
    """A seed as text; empty, the service draws one itself.

    What stands in the box is what the next press sends, whatever the lock says: an open lock throws the die when it
    is opened and *after* each run, so that the price, the code and the JSON are always those of the next run.
    """

    def __init__(self) -> None:
        super().__init__(PARAMETERS["seed"])
        self._last: int | None = None
        self.draw = plain(
            widgets.Button, description="random", icon="random", tooltip="seed random: throw the die for a new one"
        )
        self.lock = plain(widgets.ToggleButton, layout={}, value=True, description="locked", icon="lock", tooltip=_KEPT)
        self.again = plain(
            widgets.Button,
            layout={},
            description="last",
            icon="repeat",
            tooltip="seed last: take the one of the last picture",
        )
        for button in (self.draw, self.lock, self.again):
            button.add_class("nbkit-small")
            button.add_class("nbkit-named")
        self.again.disabled = True
        self.box.add_class("nbkit-wide")
        self.box.add_class("nbkit-seed")
        self.draw.on_click(lambda _: self.throw())
        self.again.on_click(lambda _: self.write({self.name: self._last}))
        self.lock.observe(lambda _: self._tell(), "value")
        self._place(self.field, self.draw, self.lock, self.again)

    def throw(self) -> None:
        """Draw a new seed, below 2**31."""
        self.write({self.name: secrets.randbits(model.RANDOM_SEED_BITS)})

    def after_run(self, seed: int | None) -> None:
        """A run has come: remember its seed, and throw the die where the lock is open and the box is not empty."""
        if seed is not None:
            self._last = seed
            self.again.disabled = False
        if not self.lock.value and self.read():
            self.throw()

    def _tell(self) -> None:
        self.lock.description, self.lock.icon = ("locked", "lock") if self.lock.value else ("unlocked", "unlock")
        self.lock.tooltip = _KEPT if self.lock.value else _FREE
        if not self.lock.value and self._last is not None and self.read() == {self.name: self._last}:
            self.throw()  # whoever unlocks a seed that has had its picture wants another one
