"""The lower edge of the panel: Generate with its price, Stop, and the lines that say how things stand."""

from __future__ import annotations

import ipywidgets as widgets

from nbkit.display.text import count, escape, usd
from nbkit.errors import EngineError, NbkitError
from nbkit.request.model import MICRO, MODEL_NAME, Price
from nbkit.results.money import Budget
from nbkit.results.run import DONE, Run
from nbkit.widgets.page.guard import words_of
from nbkit.widgets.page.paid import PaidButton, priced
from nbkit.widgets.page.plain import plain

FAULT = "This is a fault of nbkit. studio.log shows whether anything was sent; studio.recover() settles it."


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


def too_dear(price: Price | None, budget: Budget) -> str:
    """What is said before a press that the budget would refuse; empty where it reaches."""
    left = None if budget.left is None else round(budget.left * MICRO)
    if price is None or left is None or price.high <= left:
        return ""
    return f"up to {usd(price.high)}, and {usd(left)} is left of the budget"


def show_busy(button: widgets.Button, *, busy: bool) -> None:
    """Show that a press does nothing just now. It is not disabled: whoever pressed it by keyboard stays where they are."""
    (button.add_class if busy else button.remove_class)("nbkit-busy")


class Bar:
    """The buttons and what is said beside and under them.

    Args:
        charged: whether real money is spent.

    Attributes:
        generate, stop: the buttons; what a press does is the panel's business.
        clock: moves while something is under way.
        beside: what is said beside the buttons: the reason why there is no going on, or the time that has passed.
        under: how the last press ended.
    """

    _what_stop_does = "Stop ends the waiting; this notebook's cells can be run meanwhile."

    def __init__(self, *, charged: bool) -> None:
        self.generate = plain(PaidButton, description="Generate", button_style="warning" if charged else "primary")
        self.generate.add_class("nbkit-generate")
        self.clock = plain(widgets.HTML, '<progress aria-label="waiting for the pictures"></progress>', layout={})
        self.clock.add_class("nbkit-clock")
        self.stop = plain(
            widgets.Button,
            layout={},
            description="Stop",
            tooltip="Stops the waiting only: the service knows no cancel, what is sent is paid and lands in studio.log",
        )
        self.beside, self.under = plain(widgets.HTML), plain(widgets.HTML)
        self._reason = self._shortfall = ""
        self._said = ("", "")
        self.beside.add_class("nbkit-beside")
        self.under.add_class("nbkit-under")
        self.idle()

    def offer(self, price: Price | None, reason: str, *, full: bool = False) -> None:
        """Show the price of what the controls ask for, or the reason why it cannot be asked for."""
        self.generate.offer(priced("Generate", price), price and price.high)
        self.generate.tooltip = reason or ("One is under way" if full else "Sends this request once")
        self.generate.disabled = price is None
        show_busy(self.generate, busy=full)
        self._reason = reason

    def afford(self, shortfall: str) -> None:
        """Keep what is said beside the button, while nothing is under way, of a budget that does not reach."""
        self._shortfall = shortfall

    def idle(self) -> None:
        """Nothing is under way."""
        self.stop.layout.display = self.clock.layout.display = "none"
        self.beside.value = f'<span class="nbkit-quiet">{escape(self._reason or self._shortfall)}</span>'

    def say_under_way(self, busy: str = "") -> None:
        """Say that something is under way, and what a busy service lets through."""
        self.say(f"Under way{f': {busy}' if busy else ''}. {self._what_stop_does}")
        self._said = (busy, self.under.value)

    def follow(self, busy: str) -> None:
        """Say what a busy service lets through now, unless something else has been said meanwhile."""
        before, line = self._said
        if busy != before and self.under.value == line:
            self.say_under_way(busy)

    def working(self, seconds: float, jobs: int = 1) -> None:
        """Runs are under way, the oldest for so long."""
        self.stop.layout.display = self.clock.layout.display = ""
        many = f"{jobs} " if jobs > 1 else ""
        self.beside.value = f"<span>{many}working… {seconds:.1f} s</span>"

    def say(self, *sentences: str, wrong: bool = False) -> None:
        """Say how things ended; nothing at all takes the line away."""
        shown = [escape(sentence) for sentence in sentences if sentence]
        kind, role, mark = ("error", ' role="alert"', "✗ ") if wrong else ("quiet", "", "")
        text = f'<div class="nbkit-{kind}"{role}>{mark}{"<br>".join(shown)}</div>'
        self.under.value = text if shown else ""

    def say_run(self, run: Run, seconds: float) -> None:
        """Say what came of a run."""
        if run.error is not None:
            self.say_error(run.error)
        elif run.failures:
            here = f"{len(run)} of {count(len(run) + len(run.failures), 'picture')} came, for {usd(run.cost_micros)}"
            told = dict.fromkeys(f"{failure.message} {failure.advice}".strip() for failure in run.failures)
            self.say(here, *told, wrong=True)
        elif run.status != DONE:
            self.say(f"The run ended as {run.status!r}; studio.last tells more.", wrong=True)
        elif run.reused:
            self.say(f"Answered from the log: nothing was sent, nothing was charged · {count(len(run), 'image')}")
        else:
            parts = (f"Done in {seconds:.1f} s", count(len(run), "image"), usd(run.cost_micros))
            self.say(f"{' · '.join(parts)} · in any cell: studio.last")

    def say_error(self, error: BaseException) -> None:
        """Say what went wrong and what to do about it."""
        advice = "" if isinstance(error, NbkitError) else FAULT
        self.say(words_of(error), error.advice if isinstance(error, EngineError) else advice, wrong=True)
