"""The lower edge of the sweep panel: what it comes to, Run with its price, Stop, how far it is."""

from __future__ import annotations

import ipywidgets as widgets

from nbkit.display.text import count, escape, usd
from nbkit.errors import EngineError, NbkitError
from nbkit.request.model import MICRO, MODEL_NAME
from nbkit.results.money import Budget
from nbkit.sweep.plan import CostSummary, Quote
from nbkit.sweep.runner import Progress
from nbkit.sweep.sweep import MANY_IMAGES
from nbkit.widgets.page.guard import words_of
from nbkit.widgets.page.plain import plain
from nbkit.widgets.panel.status import FAULT, working
from nbkit.widgets.sweep_panel.counting import Count
from nbkit.widgets.sweep_panel.paid import PaidButton
from nbkit.widgets.sweep_panel.promise import offer_of

THROUGH = "nothing to send: "
NOTHING = Quote(CostSummary.of(()), CostSummary.of(()))
TOOLTIP = (
    "Sends what is missing. What is in the log already is not sent again; what has no outcome there is asked for, "
    "and sent again only if the service does not know it"
)


def head_html(budget: Budget, *, charged: bool) -> str:
    """The panel's first line: the model, whether money is real, and how much is left."""
    mark = "REAL MONEY" if charged else "OFFLINE"
    what = "each run is charged" if charged else "drawn on this machine at list prices, nothing is charged"
    kind = "real" if charged else "offline"
    left = ""
    if budget.left is not None and budget.limit is not None:
        amounts = (usd(round(amount * MICRO)) for amount in (budget.left, budget.limit))
        left = '<span class="nbkit-left">{} left of {}</span>'.format(*amounts)
    return (
        f'<div class="nbkit-head"><strong>{escape(MODEL_NAME)}</strong>'
        f'<span class="nbkit-mark nbkit-{kind}">{mark}</span><span class="nbkit-quiet">{what}</span>{left}</div>'
    )


def show_busy(button: widgets.Button, *, busy: bool) -> None:
    """Show that a press does nothing just now. It is not disabled: whoever pressed it by keyboard stays where they are."""
    (button.add_class if busy else button.remove_class)("nbkit-busy")


class SweepBar:
    """The buttons and what is said about the sweep.

    Args:
        charged: whether real money is spent.

    Attributes:
        run: the button that sends what is missing.
        stop: the button that ends the sending.
        beside: what is said beside the buttons: the reason why nothing can be sent, or how far the sweep is.
        under: how the last press ended.
        confirm: a tick without which many images are not sent.
        totals: what the sweep comes to.
    """

    def __init__(self, *, charged: bool) -> None:
        self.run = plain(PaidButton, description="Run", button_style="warning" if charged else "primary")
        self.run.add_class("nbkit-generate")
        self.stop = plain(
            widgets.Button,
            layout={},
            description="Stop",
            tooltip="Sends nothing more; what is under way is paid and lands in the log",
        )
        self.beside, self.under = plain(widgets.HTML), plain(widgets.HTML)
        self._reason = ""
        self._said = ("", "")
        self.beside.add_class("nbkit-beside")
        self.under.add_class("nbkit-under")
        self.confirm = plain(widgets.Checkbox, layout={}, value=False, indent=False)
        self.confirm.add_class("nbkit-confirm")
        self._images = 0
        self.totals = plain(widgets.HTML)
        self.totals.add_class("nbkit-totals")
        self.ask(None, "not ready")
        self.idle()

    def idle(self) -> None:
        """Nothing is under way."""
        self.stop.layout.display = "none"
        self.beside.value = f'<span class="nbkit-quiet">{escape(self._reason)}</span>'

    def say_under_way(self, busy: str = "") -> None:
        """Say that something is under way, and what a busy service lets through."""
        self.say(working(busy))
        self._said = (busy, self.under.value)

    def follow(self, busy: str) -> None:
        """Say what a busy service lets through now, unless something else has been said meanwhile."""
        before, line = self._said
        if busy != before and self.under.value == line:
            self.say_under_way(busy)

    def say(self, *sentences: str, wrong: bool = False) -> None:
        """Say how things ended; nothing at all takes the line away."""
        shown = [escape(sentence) for sentence in sentences if sentence]
        kind, role, mark = ("error", ' role="alert"', "✗ ") if wrong else ("quiet", "", "")
        text = f'<div class="nbkit-{kind}"{role}>{mark}{"<br>".join(shown)}</div>'
        self.under.value = text if shown else ""

    def say_error(self, error: BaseException) -> None:
        """Say what went wrong and what to do about it."""
        advice = "" if isinstance(error, NbkitError) else FAULT
        self.say(words_of(error), error.advice if isinstance(error, EngineError) else advice, wrong=True)

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
