"""A button that costs something: what it promises has a number, and a press names the number that it agrees to.

While a kernel is busy, what a person changes and what a person presses pile up, and the price on the page stands
still. So each promise that the kernel puts on a button gets a number, which the page sends back with the press
(:class:`nbkit.widgets.sweep_panel.access.Access`); whoever sends compares what was promised under it with what would be sent
now. Nothing is read from the button's text, which a browser may have translated.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

_MARK = "nbkit-quote-"
_NUMBERS = itertools.count(1)


class PaidButton(widgets.Button):  # type: ignore[misc]  # ipywidgets says nothing of its types
    """A button whose press may be paid for; its panel's page sends a press as the number that stood on it.

    A promise is any value that its panel can compare with what it would send: a price in micro-dollars, the picture that
    is made again. All of them are kept, for a page may be far behind. ``click()``, which only code calls, agrees to what
    the button promises at that moment.

    Attributes:
        quote: the number of what it promises now; a later promise of any button has a larger one.
    """

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.add_class("nbkit-paid")
        self.quote = 0
        self._promises: dict[int, Any] = {}
        self._first: int | None = None

    def displayed(self) -> None:
        """A page is shown the button, perhaps the first one."""
        if self._first is None:
            self._first = self.quote

    def offer(self, label: str, promise: Any) -> None:
        """Put a label and what it promises on the button; one message tells the page of both.

        Args:
            label: for people.
            promise: what a press agrees to; ``None`` while there is nothing to agree to.
        """
        with self.hold_sync():
            self.description = label
            if promise != self._promises.get(self.quote):
                self.remove_class(f"{_MARK}{self.quote}")
                self.quote = next(_NUMBERS)
                self._promises[self.quote] = promise
                self.add_class(f"{_MARK}{self.quote}")

    def on_press(self, callback: Callable[[PaidButton, Any], None]) -> None:
        """Call with the button and what it promised to whoever pressed it; with ``None`` where it promised nothing."""
        self.on_click(callback)

    def press(self, quote: int) -> bool:
        """Press the button as it was when it had this number; tells whether it ever had it."""
        if quote not in self._promises:
            return False
        self._click_handlers(self, self._promises[quote])
        return True

    def click(self) -> None:
        self._click_handlers(self, self._promises.get(self.quote))

    def _handle_button_msg(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        """A press whose number is missing: the panel's script runs a moment after the button is there.

        It agrees to nothing, unless no page can have shown another promise than this one.
        """
        if content.get("event") == "click":
            self._click_handlers(self, self._promises.get(self.quote) if self.quote == self._first else None)
