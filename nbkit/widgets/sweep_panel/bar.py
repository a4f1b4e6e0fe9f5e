"""The lower edge of the sweep panel: what it comes to, Run with its price, Stop, how far it is."""

from __future__ import annotations

import ipywidgets as widgets

from nbkit.display.text import count, escape, usd
from nbkit.request.model import MICRO
from nbkit.sweep.plan import CostSummary, Quote
from nbkit.sweep.runner import Progress
from nbkit.sweep.sweep import MANY_IMAGES
from nbkit.widgets.page.plain import plain
from nbkit.widgets.panel.bar import Bar, show_busy
from nbkit.widgets.sweep_panel.counting import Count
from nbkit.widgets.sweep_panel.promise import offer_of

THROUGH = "nothing to send: "
NOTHING = Quote(CostSummary.of(()), CostSummary.of(()))
TOOLTIP = (
    "Sends what is missing. What is in the log already is not sent again; what has no outcome there is asked for, "
    "and sent again only if the service does not know it"
)


class SweepBar(Bar):
    """The buttons and what is said about the sweep.

    Attributes:
        run: the button that sends what is missing.
        confirm: a tick without which many images are not sent.
        totals: what the sweep comes to.
    """

    _what_stop_does = "Stop ends the sending; this notebook's cells can be run meanwhile."

    def __init__(self, *, charged: bool) -> None:
        super().__init__(charged=charged)
        self.run = self.generate
        self.stop.tooltip = "Sends nothing more; what is under way is paid and lands in the log"
        self.confirm = plain(widgets.Checkbox, layout={}, value=False, indent=False)
        self.confirm.add_class("nbkit-confirm")
        self._images = 0
        self.totals = plain(widgets.HTML)
        self.totals.add_class("nbkit-totals")
        self.ask(None, "not ready")

    def ask(self, counted: Count | None, reason: str, *, short: str = "", busy: bool = False) -> None:
        """Be about a sweep, or about the reason why there is none.

        Args:
            counted: what it comes to.
            reason: why it cannot be run.
            short: how far the money reaches, if it is not enough.
            busy: whether one is under way.
        """
        quote = counted.totals.quote if counted else NOTHING
        self._many(quote.images)
        if counted and not reason:
            reason = self._reason_of(counted)
        begun = counted is not None and quote.pending.cells < counted.totals.cells
        due = quote if quote.cells else None
        self.run.offer(offer_of("Go on" if begun else "Run", due) if due else "Run", due)
        through = counted is not None and not quote.cells
        self._lock(reason, mute=busy or through)
        self.run.tooltip = reason or ("One is under way" if busy else TOOLTIP)
        first, *rest = counted.totals.lines() if counted else ("",)
        said = (
            f"<strong>{escape(first)}</strong>",
            *map(escape, rest),
            f"<strong>{escape(short)}</strong>" if short else "",
        )
        self.totals.value = " · ".join(part for part in said if part) if counted else ""

    def counting(self, cells: int, *, busy: bool = False) -> None:
        """A sweep of so many cells is being counted."""
        self.totals.value = f"<strong>{count(cells, 'cell')}</strong> · counting…"
        self.run.offer("Run", None)
        self._lock("counting", mute=busy)
        self.run.tooltip = "counting"

    @property
    def locked(self) -> bool:
        """Whether a press sends nothing, whatever is under way."""
        return bool(self._reason)

    @property
    def ticked(self) -> int:
        """How many images the tick names; 0 while it is not set."""
        return self._images if self.confirm.value else 0

    @property
    def refusal(self) -> str:
        """Why a press sends nothing just now."""
        if self._reason == "counting":
            return "Nothing was sent: the cells are still being counted. Press again when the button says the price."
        return f"Nothing was sent: {self._reason.removeprefix(THROUGH)}."

    def _lock(self, reason: str, *, mute: bool) -> None:
        """Have a press send nothing, if there is a reason; a mute button keeps the focus of whoever pressed it."""
        self._reason = reason
        self.run.disabled = bool(reason) and not mute
        show_busy(self.run, busy=mute)

    def _many(self, images: int) -> None:
        if images != self._images:  # what was ticked was another number
            self._images, self.confirm.description = images, f"send {count(images, 'image')}"
            self.confirm.value = False
        self.confirm.layout.display = "" if images > MANY_IMAGES else "none"

    def _reason_of(self, counted: Count) -> str:
        quote = counted.totals.quote
        if not quote.cells:
            failed = f"; {counted.failed} failed: “retry failed” sends them again" if counted.failed else ""
            return f"{THROUGH}every cell is in the log{failed}"
        if quote.images > MANY_IMAGES and not self.confirm.value:
            return f"tick “{self.confirm.description}” first"
        return ""

    def starting(self) -> None:
        """A press was taken, and nothing has been sent."""
        self.stop.layout.display = ""
        self.beside.value = '<span class="nbkit-quiet">starting…</span>'

    def passing(self, now: Progress) -> None:
        """Show how far the sweep is."""
        self.stop.layout.display = ""
        # One line beside the buttons: what went as it should is not said, and the clock runs down once it can.
        wrong = ((now.failed, "failed"), (now.blocked, "blocked"), (now.unknown, "unknown"))
        parts = [f"{now.ended:,} of {now.total:,}", *(f"{number:,} {what}" for number, what in wrong if number)]
        clock = f"{_clock(now.remaining)} to go" if now.remaining and now.ended < now.total else _clock(now.elapsed)
        parts += [usd(round(now.spent * MICRO)), clock]
        self.follow(now.busy)
        self.beside.value = (
            f'<progress max="{now.total}" value="{now.ended}" aria-label="cells that have ended"></progress> '
            f"<span>{escape(' · '.join(parts))}</span>"
        )


def _clock(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{seconds / 60:.0f} min"
