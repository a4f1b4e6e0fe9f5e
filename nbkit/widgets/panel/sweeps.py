"""The sweep that a panel's controls ask for: what it comes to, its press, how far it is, its grid, its code."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any

from ipywidgets import Widget

from nbkit.display.mime import MimeBundle
from nbkit.display.text import call, count, ellipsis, usd_range, usd_short, usd_short_range
from nbkit.errors import RequestError
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.keywords import sealed
from nbkit.request.price import MICRO, Price
from nbkit.results.run import DONE, reference_code
from nbkit.sweep.plan import Quote, make_plan
from nbkit.sweep.result import SweepResult
from nbkit.sweep.sweep import MANY_IMAGES, Sweep
from nbkit.widgets.explorer.explorer import Explorer
from nbkit.widgets.form.fields import label
from nbkit.widgets.form.form import Form, place_of
from nbkit.widgets.jobs.counting import MOST, Count, Counting, shortfall
from nbkit.widgets.jobs.job import Job, StudioAPI
from nbkit.widgets.jobs.quote import QuoteBook, refusal
from nbkit.widgets.jobs.runner import JobRunner
from nbkit.widgets.jobs.source import findable, json_of
from nbkit.widgets.jobs.sweep_work import SweepWork, check_quote, sizes_of

REFERENCES = label(PARAMETERS["reference_images"])
PLAN_ROWS = 60
"""Rows of the plan that are shown; the first and the last ones of more."""
COUNTING = "Counting the cells…"
ALL_DONE = "All cells are done."


class Sweeps:
    """What a panel knows of sweeps.

    Args:
        studio: makes them.
        form: the controls.
        jobs: carries them out.
        open_cell: what "Open in panel" does with a picture's request; a widget that it returns is shown under the grid.
        counted: called when a sweep has been counted in a thread.
        fault: shows an error.

    Attributes:
        quotes: what the button promises.
        ran: the sweep that was run last.
        problems: by control, what is wrong with what is asked for.
    """

    def __init__(
        self,
        studio: StudioAPI,
        form: Form,
        jobs: JobRunner,
        *,
        open_cell: Callable[[ImageRequest], Widget | None],
        counted: Callable[[], None],
        fault: Callable[[BaseException], None],
    ) -> None:
        self._studio, self._form, self._jobs, self._fault = studio, form, jobs, fault
        self._open_cell, self._counted_later = open_cell, counted
        self._counting = Counting(studio, self._told, form.lock)
        self._count: Count | None = None
        self._asked: Sweep | None = None
        self._why = ""
        self._is_asking = False
        self.problems: dict[str, RequestError] = {}
        self._begun: weakref.WeakSet[SweepWork] = weakref.WeakSet()
        self._newest: SweepWork | None = None
        self._watched: SweepWork | None = None
        self._grid: Explorer | None = None
        self.quotes = QuoteBook()
        self.ran: Sweep | None = None

    @property
    def grid(self) -> Explorer:
        """The pictures of the sweep that is asked for, or was run last; made when it is first asked for."""
        if self._grid is None:
            self._grid = Explorer(self._studio, self._fault, self._open_cell)
            self._grid.add_class("nbkit-sweep-grid")
        return self._grid

    # -- what is asked for ---------------------------------------------------------------------------------

    def ask(self) -> None:
        """Take over what the controls ask for, and what is wrong with them."""
        sweep, self.problems = self._form.asked(self._studio.sweep)
        self._count, self._asked, self._why, self._is_asking = None, sweep, "", True
        if sweep is None or len(sweep) > MOST:
            self._counting.ask(None)
            self._why = "" if sweep is None else too_many(sweep)
        else:
            self._why, how = COUNTING, self._form.options
            self._counting.ask(sweep, workers=int(how.read("max_workers")), retry=how.read("retry"))
        self._is_asking = False

    def _told(self, counted: Count | None, error: Exception | None) -> None:
        """The sweep has been counted, or is wrong in one of its cells; told under the lock, in a thread if it took one."""
        self._count, self._why = counted, ""
        if isinstance(error, RequestError):
            self.problems = {place_of(error): error}
        elif error is not None:
            self._fault(error)
        if not self._is_asking:
            self._counted_later()

    @property
    def quote(self) -> Quote | None:
        """What the next press sends, as far as it is known."""
        return self._count.totals.quote if self._count else None

    def bar(self, begin: str, go_on: str, *, left: int | None) -> dict[str, Any]:
        """What is on the button and beside it.

        Args:
            begin: what the button says while nothing of the sweep is there.
            go_on: what it says then.
            left: what the budget has left for another press, in micro-dollars; ``None`` without a limit.
        """
        quote = self.quote
        if self._count is None or quote is None:
            return {"verb": begin, "price": "", "exact": "", "quote": 0, "depends": ""} | {
                "why": self._why, "ready": False, "warns": False, "confirm": None, "totals": self._heading(),
            }  # fmt: skip
        totals = self._count.totals
        short = shortfall(self._count, None if left is None else left / MICRO, self._form.options.read("budget"))
        is_due = bool(quote.cells)
        failed = f" {self._count.failed} failed: “Send again” in Sweep sends them." if self._count.failed else ""
        why = "" if is_due else f"{ALL_DONE}{failed}"
        is_many = quote.images > MANY_IMAGES
        return {
            "verb": go_on if quote.pending.cells < totals.cells else begin,
            "price": f"{sizes_of(quote)} · {usd_short_range(quote.price)}" if is_due else "",
            "exact": usd_range(quote.price) if is_due else "",
            "quote": self.quotes.offer("sweep", quote) if is_due else 0,
            "depends": "What is in the log is not sent again.",
            "why": short or why,
            "warns": bool(short),
            "ready": is_due and not self.is_taken,
            "confirm": {"images": quote.images, "label": f"Send {count(quote.images, 'image')}"} if is_many else None,
            "totals": list(totals.lines()),
        }

    def progress(self) -> dict[str, Any] | None:
        """How far the sweep under way is; ``None`` while there is none."""
        job = next((job for job in self._jobs.jobs if job.sent and isinstance(job.work, SweepWork)), None)
        if job is None:
            return None
        running = job.work.running if isinstance(job.work, SweepWork) else None
        if running is None:
            return {"ended": 0, "total": 0, "text": "Starting…"}
        now = running.progress
        # What went as it should is not said, and the clock runs down once it can.
        wrong = ((now.failed, "failed"), (now.blocked, "blocked"), (now.unknown, "unknown"))
        parts = [f"{now.ended:,} of {now.total:,}", *(f"{number:,} {what}" for number, what in wrong if number)]
        clock = f"{_clock(now.remaining)} to go" if now.remaining and now.ended < now.total else _clock(now.elapsed)
        parts += [usd_short(round(now.spent * MICRO)), clock]
        return {"ended": now.ended, "total": now.total, "text": " · ".join(parts)}

    # -- a press -------------------------------------------------------------------------------------------

    def pressed(self, press: Mapping[str, Any]) -> SweepWork:
        """The work of a press on the page, which sends no more than its button said.

        Raises:
            RequestError: if nothing may be sent.
        """
        promised = self.quotes.promised(press["quote"]) if press.get("quote") else None
        ticked = press.get("ticked") if isinstance(press.get("ticked"), int) else 0
        if self._asked is not None and len(self._asked) > MOST:
            raise refusal(f"{too_many(self._asked)}.", then="make it smaller")
        if self._asked is not None and self._why == COUNTING:
            raise refusal("The cells are still being counted.", then="press again when the button says the price")
        return self.work(allow=lambda quote: check_quote(promised, int(ticked or 0), quote), confirm=True)

    def work(self, *, confirm: bool, allow: Callable[[Quote], None] | None = None) -> SweepWork:
        """The work of what the controls ask for.

        Args:
            confirm: as in ``sweep.run``.
            allow: raises if what would be sent may not be.

        Raises:
            RequestError: if they ask for no sweep.
        """
        sweep, problems = self._form.asked(self._studio.sweep)
        if sweep is None:
            raise next(iter(problems.values()))
        is_known = self._asked is not None and self._asked.name == sweep.name
        price = self.quote.price if self.quote and is_known else Price(0, 0)
        how = {**self._form.options.running(), "confirm": confirm}
        return SweepWork(sweep, price, how, allow=allow, lock=self._form.lock, observer=lambda: self._jobs.observer)

    def progressed(self, work: SweepWork) -> bool:
        """Bring the grid in step with the log; whether it was due."""
        if not self.is_newest(work):
            return False
        if self._watched is not work:  # from now on the grid is about this one, until the controls ask for more of it
            self._watched = work
            self.grid.show(work.sweep)
            self.grid.say("")
        return self.grid.refresh(now=False)

    def is_newest(self, work: SweepWork) -> bool:
        """Whether no other sweep has begun after this one, which has begun; the grid is about it then."""
        with self._form.lock:
            if work not in self._begun:
                self._begun.add(work)
                self.ran, self._newest = work.sweep, work
            return self._newest is work

    @property
    def is_taken(self) -> bool:
        """Whether a press would not be taken: too many wait, or these very cells are under way or wait."""
        spec = self._asked.cells.spec if self._asked is not None else None
        return self._jobs.full or any(work.sweep.cells.spec == spec for work in self._under_way)

    @property
    def is_under_way(self) -> bool:
        """Whether a sweep is under way, or waits."""
        return bool(self._under_way)

    @property
    def _under_way(self) -> list[SweepWork]:
        return [job.work for job in self._jobs.jobs if isinstance(job.work, SweepWork)]

    # -- showing it ----------------------------------------------------------------------------------------

    def show(self) -> None:
        """Show the cells that are asked for, unless a grid of another sweep is being looked at."""
        sweep = self._asked if self._count is not None else None
        if sweep is None:
            return
        shown = self.grid.sweep
        if not self._under_way and (self.ran is None or shown is None or sweep.name == shown.name):
            self.grid.show(sweep)
        elif shown is not None and sweep.name != shown.name:
            self.grid.say("The sweep that was run last; the controls ask for another one.")

    def refreshed(self, sweep: Sweep) -> MimeBundle:
        """The grid of a sweep as a notebook keeps it."""
        self.grid.refresh()
        return self.grid.plain(sweep.result)

    @property
    def result(self) -> SweepResult:
        """Of the sweep that was run last; before the first one, of the sweep that the controls ask for.

        Raises:
            RequestError: if no sweep was run, and the controls do not ask for one.
        """
        return (self.ran or self.sweep).result

    @property
    def sweep(self) -> Sweep:
        """What the controls ask for.

        Raises:
            RequestError: if they ask for none.
        """
        sweep, problems = self._form.asked(self._studio.sweep)
        if sweep is None:
            raise next(iter(problems.values()))
        return sweep

    @property
    def code(self) -> str:
        """The Python that makes and runs the same sweep.

        Raises:
            RequestError: if the controls ask for none.
        """
        _ = self.sweep
        references, how = self._form.references, self._form.options
        files = findable([item.reference for item in references.items], references.files, self._studio.log.images)
        return code_of(self._form.keywords(), how.building(), how.running(), files)

    @property
    def texts(self) -> dict[str, Callable[[], str]]:
        """What can be opened: the code, the JSON of the first cell, the plan."""
        asked = self._asked if self._count is not None else None
        return {
            "code": lambda: self.code if asked else "",
            "json": lambda: json_of(asked[0].request) if asked else "",
            "plan": lambda: plan_of(asked) if asked else "",
        }

    def ended(self, job: Job, work: SweepWork) -> str:
        """How a sweep has ended, in one line."""
        if work.running is None:
            return ""
        now = work.running.progress
        counts = work.sweep.result.counts
        told = ", ".join(f"{n} {status}" for status, n in sorted(counts.items(), key=lambda item: item[0] != DONE))
        verb = "Stopped, and all that was sent has landed" if job.token.cancelled else f"Done in {now.elapsed:.1f} s"
        return f"{verb} · {told} · {usd_short(round(now.spent * MICRO))} · in any cell: panel.result"

    def stopped(self, work: SweepWork) -> tuple[str, ...]:
        """What is said of a sweep that was stopped."""
        if work.running is None:
            return ("Stopped before anything was sent.",)
        now = work.running.progress
        held = usd_short(round(now.held * MICRO))
        money = "still being paid for" if self._studio.charged else "at list prices"
        under_way = f"{count(now.running, 'request')} under way, up to {held}, {money}. " if now.running else ""
        return (f"Stopped. {under_way}What comes lands in the log and in the grid; Go on sends the rest.",)

    def __repr__(self) -> str:
        sweep, problems = self._form.asked(self._studio.sweep)
        if sweep is None:
            return f", not ready: {ellipsis(str(next(iter(problems.values()))), 80)}"
        return f" {repr(sweep)[1:-1]}"

    def _heading(self) -> list[str]:
        return [count(len(self._asked), "cell")] if self._asked is not None else []


def too_many(sweep: Sweep) -> str:
    """Why a sweep cannot be sent by a panel."""
    return f"{count(len(sweep), 'cell')} are too many for a panel: Sample draws some of them"


def code_of(
    keywords: Mapping[str, Any], building: Mapping[str, Any], running: Mapping[str, Any], files: Mapping[str, str]
) -> str:
    """The ``studio.sweep(…)`` call and the ``sweep.run(…)`` of a panel.

    Args:
        keywords: parameters and variables, as they are given to ``studio.sweep``.
        building: its other arguments.
        running: those of ``sweep.run``.
        files: a file name for each reference that has pixels here; the line names the file, not its bytes.
    """
    arguments = [f"{keywords['prompt']!r}"] if "prompt" in keywords else []
    for name, value in keywords.items():
        if name == REFERENCES:
            arguments.append(f"{name}=[{', '.join(reference_code(reference, files) for reference in value)}]")
        elif name != "prompt":
            arguments.append(f"{name}={sealed(name, value)!r}")
    arguments += [f"{name}={value!r}" for name, value in building.items()]
    head = "import pathlib\n\n" if any("pathlib.Path(" in argument for argument in arguments) else ""
    how = ", ".join(f"{name}={value!r}" for name, value in running.items())
    return f"{head}sweep = {call('studio.sweep', arguments)}\nsweep.run({how})"


def plan_of(sweep: Sweep) -> str:
    """The plan as text."""
    frame = make_plan(sweep.cells, sweep.states)
    return str(frame.rename_axis(columns="cell").to_string(max_rows=PLAN_ROWS))


def _clock(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{seconds / 60:.0f} min"
