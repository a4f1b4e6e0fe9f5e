"""The lower edge of the sweep panel: what it comes to, Run with its price, Stop, how far it is."""

from __future__ import annotations

from html import escape

import ipywidgets as widgets

from nbkit.display.text import count, usd
from nbkit.model import MICRO
from nbkit.sweep.runner import Progress
from nbkit.sweep.sweep import MANY_IMAGES
from nbkit.widgets.panel.bar import Bar
from nbkit.widgets.sweep_panel.counting import Count
from nbkit.widgets.sweep_panel.promise import offer_of


class SweepBar(Bar):
    """The buttons and what is said about the sweep.

    Attributes:
        run: the button that sends what is missing.
        confirm: a tick without which many images are not sent.
        totals: what the sweep comes to.
    """

    def __init__(self, *, charged: bool) -> None:
        super().__init__(charged=charged)
        self.run = self.generate
        self.run.add_class("nbkit-paid")
        self.stop.tooltip = "Sends nothing more; what is under way is paid and lands in the log"
        self.confirm = widgets.Checkbox(value=False, indent=False)
        self.confirm.add_class("nbkit-confirm")
        self.totals = widgets.HTML()
        self.totals.add_class("nbkit-totals")
        self.ask(None, "")

    def ask(self, counted: Count | None, reason: str, *, short: str = "", busy: bool = False) -> None:
        """Be about a sweep, or about the reason why there is none.

        Args:
            counted: what it comes to.
            reason: why it cannot be run.
            short: how far the money reaches, if it is not enough.
            busy: whether one is under way.
        """
        totals = counted.totals if counted else None
        due = totals.due_cells if totals else 0
        there = bool(totals) and due < totals.cells if totals else False
        self._many(totals.due_images if totals else 0)
        if totals and not reason:
            reason = self._reason_of(counted)
        verb = "Go on" if there and due else "Run"
        self.run.description = offer_of(verb, counted) if counted and due else verb
        self.run.disabled = bool(reason) or not due or busy
        self.run.tooltip = reason or "Sends what is missing; what is in the log already is not sent again"
        self._reason = reason
        if totals:
            first, *rest = totals.lines()
            self.totals.value = f"<strong>{escape(first)}</strong> · {escape(' · '.join(rest))}"
            self.totals.value += f" · <strong>{escape(short)}</strong>" if short else ""
        else:
            self.totals.value = ""

    def counting(self, cells: int) -> None:
        """A sweep of so many cells is being counted."""
        self.totals.value = f"<strong>{count(cells, 'cell')}</strong> · counting…"
        self.run.description, self.run.disabled = "Run", True
        self.run.tooltip = self._reason = "counting"

    @property
    def ticked(self) -> int:
        """How many images the tick names; 0 while it is not set."""
        return self._images if self.confirm.value else 0

    @property
    def refusal(self) -> str:
        """Why a press sends nothing just now."""
        if self._reason == "counting":
            return "Nothing was sent: the cells are still being counted. Press again when the button says the price."
        return f"Nothing was sent: {self._reason or 'the button is locked just now'}."

    def _many(self, images: int) -> None:
        self._images = images
        text = f"send {count(images, 'image')}"
        if self.confirm.description != text:  # what was ticked was another number
            self.confirm.value, self.confirm.description = False, text
        self.confirm.layout.display = "" if images > MANY_IMAGES else "none"

    def _reason_of(self, counted: Count | None) -> str:
        assert counted is not None
        if not counted.totals.due_cells:
            failed = f"; {counted.failed} failed: “retry failed” sends them again" if counted.failed else ""
            return f"nothing to send: every cell is in the log{failed}"
        if counted.totals.due_images > MANY_IMAGES and not self.confirm.value:
            return f"tick “{self.confirm.description}” first"
        return ""

    def starting(self) -> None:
        """A press was taken, and nothing has been sent."""
        self.stop.layout.display = ""
        self.beside.value = '<span class="nbkit-quiet">starting…</span>'

    def passing(self, now: Progress) -> None:
        """Show how far the sweep is."""
        self.stop.layout.display = ""
        counts = (
            (now.done, "done"), (now.failed, "failed"), (now.blocked, "blocked"),
            (now.unknown, "unknown"), (now.running, "under way"),
        )  # fmt: skip
        parts = [f"{number} {what}" for number, what in counts if number or what == "done"]
        parts += [f"{usd(round(now.spent * MICRO))} spent", f"{now.elapsed:.0f} s"]
        if now.remaining and now.ended < now.total:
            parts.append(f"about {_clock(now.remaining)} to go")
        self.beside.value = (
            f'<progress max="{now.total}" value="{now.ended}" aria-label="cells that have ended"></progress> '
            f"<span>{now.ended} of {count(now.total, 'cell')} · {escape(' · '.join(parts))}</span>"
        )


def _clock(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"
