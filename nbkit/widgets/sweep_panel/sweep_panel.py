"""The interactive form for sweeps: a template and axes, the price of all cells, Run, a grid that fills.

Controls are widgets and the grid that lasts is an output, as in :mod:`nbkit.widgets.panel.panel`. The same controls hold
what stays; what takes several values is a row of :mod:`nbkit.widgets.sweep_panel.axes`. Nothing is sent while controls move: a
press starts the sweep in a thread (:mod:`nbkit.widgets.sweep_panel.work`) and returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from nbkit.display.text import count, ellipsis, usd
from nbkit.errors import BudgetExceeded, RequestError
from nbkit.request.model import MICRO
from nbkit.results.run import DONE
from nbkit.service.threads import THREADS
from nbkit.sweep.plan import Quote
from nbkit.sweep.result import SweepResult
from nbkit.sweep.runner import Progress
from nbkit.sweep.sweep import Sweep
from nbkit.widgets.explorer.explorer import Explorer
from nbkit.widgets.jobs.job import StudioAPI
from nbkit.widgets.jobs.saved_output import SavedOutput
from nbkit.widgets.jobs.source import findable
from nbkit.widgets.page.cell import close_parts, replace_in_cell
from nbkit.widgets.page.guard import guarded
from nbkit.widgets.page.plain import plain
from nbkit.widgets.page.publish import publish
from nbkit.widgets.page.subshell import answer_at_once
from nbkit.widgets.sweep_panel.access import Access
from nbkit.widgets.sweep_panel.bar import SweepBar, head_html
from nbkit.widgets.sweep_panel.counting import MOST, Count, Counting, shortfall
from nbkit.widgets.sweep_panel.form import SweepForm, place_of, spoken
from nbkit.widgets.sweep_panel.promise import check
from nbkit.widgets.sweep_panel.source import SweepSource, plan_html
from nbkit.widgets.sweep_panel.work import Allow, SweepJob, SweepWork

ALONE = (
    "An nbkit sweep panel. It needs a live kernel: here it does nothing and sends nothing. "
    "In Jupyter, run this cell again to use it. What it has made stands below."
)
EMPTY = "No sweep has been run yet: Run puts its grid here, and the saved notebook keeps it."
VARY = "<strong>vary</strong> · each takes several values, the last one fastest; {name} in the prompt is one, too"
STAY = "<strong>hold still</strong> · the same for every cell"


class SweepPanel(widgets.VBox):  # type: ignore[misc]  # ipywidgets says nothing of its types
    """The interactive form for sweeps; ``studio.sweep_panel()`` makes one. As the last line of a cell it shows itself.

    Controls, Run and Stop can also be used from code; no notebook is needed for that.

    Args:
        studio: makes the sweeps.
        **parameters: the first values of the controls, as ``studio.sweep`` and ``sweep.run`` take them: a list-like
            value is an axis, any other value is fixed.

    Attributes:
        form: all controls: ``form.axes`` of the axes, ``form.stay`` of the fixed values, ``form.options``.
        bar: the totals, Run and Stop.
        grid: the :class:`~nbkit.Explorer` with the pictures.
        record: the output under the panel, which a saved notebook keeps.

    Raises:
        UnknownParameter: for a name that is neither a parameter nor an option nor a variable of the template.
        RequestError: for a value that the model does not allow.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> panel = studio.sweep_panel("A {colour} lantern", colour=["red", "jade"], seed=1, name="a panel of lanterns")
        >>> panel.run()
        True
        >>> result = panel.wait()
        >>> result.counts
        {'done': 2}
        >>> [run.request.prompt for run in result.runs]
        ['A red lantern', 'A jade lantern']
    """

    def __init__(self, studio: StudioAPI, **parameters: Any) -> None:
        self._studio = studio
        self._touched = False
        self._ran: Sweep | None = None
        self._watched: SweepJob | None = None
        self._counted: Count | None = None
        self.bar = SweepBar(charged=studio.charged)
        self.access = Access((self.bar.run,), self.fault)
        self.form = SweepForm(studio.sweep, self.fault)
        self.grid, self.source, self.record = Explorer(studio, self.fault), SweepSource(), SavedOutput(EMPTY)
        self.work = SweepWork(self)
        self._counting = Counting(studio, self._told, self.work.lock)
        self._head = plain(widgets.HTML)
        super().__init__(self._build())
        for mark in ("nbkit-panel", "nbkit-sweep"):
            self.add_class(mark)
        if parameters:
            self.form.write(parameters)
        self.form.on_change(self._changed)
        self.source.on_change(self._refresh)
        self.bar.confirm.observe(lambda _: self._ticked(), "value")
        self.bar.run.on_press(lambda _, promised: self._press(promised))
        self.bar.stop.on_click(lambda _: self._stop())
        self._refresh()
        studio.watch(self)
        answer_at_once(self)
        for before in replace_in_cell(self):
            before.close()

    def _build(self) -> tuple[widgets.Widget, ...]:
        vary, stay = (_part(text) for text in (VARY, STAY))
        switches = plain(widgets.HBox, self.source.buttons)
        bar = plain(widgets.HBox, (self.bar.run, self.bar.confirm, self.bar.stop, self.bar.beside, switches))
        bar.add_class("nbkit-bar")
        form = self.form
        controls = (form.prompt, vary, form.axes.box, form.options.box, stay, form.rest)
        below = (self.bar.totals, bar, self.bar.under, self.source.box, self.grid.box, self.access)
        return self._head, *controls, *below

    @property
    def box(self) -> SweepPanel:
        """The widget that can be put into other widgets: the sweep panel itself."""
        return self

    def close(self) -> None:
        """Free the widgets. A sweep under way goes on, and its pictures come into the log."""
        close_parts(self)
        super().close()

    # -- from code -------------------------------------------------------------------------------------

    @property
    def sweep(self) -> Sweep:
        """The sweep that the controls describe now. Nothing is sent to the service.

        Raises:
            RequestError: if the model does not allow it; the message names the allowed values.

        Example:
            >>> import nbkit
            >>> panel = nbkit.Studio(engine="offline").sweep_panel("A lantern", temperature=[0.2, 0.8], seed=[1, 2, 3])
            >>> len(panel.sweep), panel.sweep[0].values
            (6, {'temperature': 0.2, 'seed': 1})
        """
        sweep, problems = self.form.asked()
        if sweep is None:
            raise next(iter(problems.values()))
        return sweep

    @property
    def result(self) -> SweepResult:
        """The result of the sweep that was run last; before the first one, of the sweep that the controls describe.

        Raises:
            RequestError: if no sweep was run, and the controls do not describe one.
        """
        return (self._ran or self.sweep).result

    @property
    def code(self) -> str:
        """Python code that makes and runs the same sweep.

        Raises:
            RequestError: if the controls do not describe a sweep.

        Example:
            >>> import nbkit
            >>> panel = nbkit.Studio(engine="offline").sweep_panel("A lantern", seed=[1, 2], name="two lanterns")
            >>> print(panel.code)
            sweep = studio.sweep('A lantern', seed=[1, 2], name='two lanterns')
            sweep.run(max_workers=4)
        """
        _ = self.sweep
        stay = self.form.stay.references
        given = [item.reference for item in stay.items]
        return self.form.code(findable(given, stay.files, self._studio.log.images))

    def set(self, **parameters: Any) -> None:
        """Set controls. Nothing is sent to the service.

        Args:
            **parameters: a parameter in Python's or the API's spelling, a variable of the template, or an option such
                as ``repeats``. A list-like value makes an axis, any other value is fixed. ``None`` removes the
                value of a parameter or of an option.

        Raises:
            UnknownParameter: for a name that is neither a parameter nor an option nor a variable of the template.
            RequestError: for a value that the model does not allow. In both cases no control changes.

        Example:
            >>> import nbkit
            >>> panel = nbkit.Studio(engine="offline").sweep_panel("A lantern", seed=[1, 2])
            >>> panel.set(temperature=[0.2, 0.5, 0.8], seed=7)
            >>> [cell.values for cell in panel.sweep]
            [{'temperature': 0.2}, {'temperature': 0.5}, {'temperature': 0.8}]
        """
        with self.work.lock:
            self.form.write(parameters)

    def run(self, *, confirm: bool = False) -> bool:
        """Press Run. This returns at once; :meth:`wait` waits for the sweep.

        Args:
            confirm: must be true for more than a hundred images, as in ``sweep.run``.

        Returns:
            Whether the sweep was started; ``False`` while one is under way.

        Raises:
            RequestError: if the controls do not describe a sweep; nothing is sent.

        Example:
            >>> import nbkit
            >>> panel = nbkit.Studio(engine="offline").sweep_panel("A lantern", seed=[1, 2], name="a panel that runs")
            >>> panel.run()
            True
            >>> panel.wait().counts
            {'done': 2}
        """
        _ = self.sweep
        job = self.work.take(lambda: self._ask(confirm=confirm))
        if job is None:
            return False
        THREADS.submit(self.work.carry_out, job)
        return True

    def stop(self) -> None:
        """Press Stop: no further cell is sent. Cells under way are paid for, and their pictures come into the log.

        Example:
            >>> import nbkit
            >>> panel = nbkit.Studio(engine="offline").sweep_panel("A lantern", seed=[1, 2])
            >>> panel.stop()  # nothing is under way, so this has no effect
        """
        self._stop()

    def wait(self, timeout: float | None = None) -> SweepResult:
        """Wait until no cell of the latest run is under way, and return the result.

        Args:
            timeout: seconds to wait at most; ``None`` for no limit.

        Raises:
            TimeoutError: after ``timeout`` seconds; the sweep goes on.
            NbkitError: the error that ended the sweep early.

        Example:
            >>> import nbkit
            >>> panel = nbkit.Studio(engine="offline").sweep_panel("A lantern", seed=[1, 2], name="a panel to wait for")
            >>> panel.run()
            True
            >>> [run.image.seed for run in panel.wait(timeout=60).runs]
            [1, 2]
        """
        self.work.wait(timeout)
        return self.result

    # -- showing it ------------------------------------------------------------------------------------

    def _ipython_display_(self) -> None:
        self._refresh()
        self.access.displayed()
        view = dict(self._repr_mimebundle_())
        publish({**view, "text/plain": ALONE, "text/html": f"<em>{ALONE}</em>"}, raw=True)
        self.record.place()

    def __repr__(self) -> str:
        sweep, problems = self.form.asked()
        if sweep is None:
            return f"<SweepPanel, not ready: {ellipsis(str(next(iter(problems.values()))), 80)}>"
        return f"<SweepPanel {repr(sweep)[1:-1]}>"

    @guarded
    def _changed(self) -> None:
        self._touched = True
        self._refresh()

    @guarded
    def _ticked(self) -> None:
        with self.work.lock:
            if self._counted is not None:
                self._offer("")

    @guarded
    def _refresh(self) -> None:
        """Bring everything that follows from the controls in step with them; sends nothing."""
        with self.work.lock:
            self.form.follow()
            self.on_budget_change()
            sweep, problems = self.form.asked()
            self.form.complain(problems, gently=not self._touched)
            self._counted = None
            if sweep is None:
                self._counting.ask(None)
                self._offer(f"not ready: {' and '.join(map(spoken, problems))}")
            elif len(sweep) > MOST:
                self._counting.ask(None)
                self._offer(_too_many(sweep))
            elif not self._counting.ask(sweep, workers=self._workers, retry=self.form.options.read("retry")):
                self.bar.counting(len(sweep), busy=self.work.job is not None)
                self._idle()
            self._show_code()

    @guarded
    def on_budget_change(self) -> None:
        """Update the line about the budget; the studio calls it after each change."""
        self._head.value = head_html(self._studio.budget, charged=self._studio.charged)

    @guarded
    def _told(self, counted: Count | None, error: Exception | None) -> None:
        """The sweep that the controls ask for has been counted, or is wrong in one of its cells."""
        with self.work.lock:
            self._counted = counted
            if counted is None:
                assert error is not None
                if not isinstance(error, RequestError):
                    self.bar.say_error(error)
                name = place_of(error) if isinstance(error, RequestError) else ""
                self.form.complain({name: error})
                self._offer(f"not ready: {spoken(name)}" if name else "not ready")
            else:
                self._offer("")
                self._show_cells(counted.sweep)
            self._show_code()

    def _offer(self, reason: str) -> None:
        own = self.form.options.read("budget") if self._counted is not None else None
        short = shortfall(self._counted, self._studio.budget.left, own) if self._counted is not None else ""
        self.bar.ask(self._counted, reason, short=short, busy=self.work.job is not None)
        self._idle()

    def _idle(self) -> None:
        if self.work.job is None:
            self.bar.idle()

    def _show_cells(self, sweep: Sweep) -> None:
        """Show the cells that are asked for, unless a grid of another sweep is being looked at."""
        shown = self.grid.sweep
        if self.work.job is None and (self._ran is None or shown is None or sweep.name == shown.name):
            self.grid.show(sweep)
        elif shown is not None and sweep.name != shown.name:
            self.grid.say("the sweep that was run last; the controls ask for another one")

    def _show_code(self) -> None:
        code = plan = ""
        if self._counted is not None and self.source.code.value:
            code = self.code
        if self._counted is not None and self.source.plan.value:
            plan = plan_html(self._counted.sweep)
        self.source.show(code, plan)

    @property
    def _workers(self) -> int:
        return int(self.form.options.read("max_workers"))

    def _ask(self, *, confirm: bool) -> tuple[Sweep, Mapping[str, Any], None]:
        return self.sweep, {**self.form.options.running(), "confirm": confirm}, None

    # -- a run ---------------------------------------------------------------------------------------

    @guarded
    def _press(self, promised: Quote | None) -> None:
        ticked = self.bar.ticked
        self.work.click(lambda: self._ask_promised(promised, ticked))

    def _ask_promised(self, promised: Quote | None, ticked: int) -> tuple[Sweep, Mapping[str, Any], Allow]:
        """What a click sends."""
        sweep, how, _ = self._ask(confirm=True)  # the check knows of the tick
        if len(sweep) > MOST:
            raise RequestError(f"Nothing was sent: {_too_many(sweep)}", parameter="sample", reason="conflict")
        return sweep, how, lambda quote: check(promised, ticked, quote)

    def ready(self) -> bool:
        """Whether a click on Run is accepted; if not, the panel shows why. Called by the worker."""
        if self.bar.locked:
            self.bar.say(self.bar.refusal, wrong=True)
        elif self._counted is None:  # a fault kept it from being counted: it is said again, or gone
            self._refresh()
        return self._counted is not None and not self.bar.locked

    @guarded
    def _stop(self) -> None:
        job = self.work.stop()
        if job is None:
            return
        if job.running is None:
            self.bar.say("Stopped before anything was sent.")
        else:
            now = job.running.progress
            held = usd(round(now.held * MICRO))
            money = "still being paid for" if self._studio.charged else "at list prices"
            paid = f"{count(now.running, 'request')} under way, up to {held}, {money}; " if now.running else ""
            self.bar.say(f"Stopped: {paid}what comes lands in the log and in the grid. Go on sends what is missing.")
            THREADS.submit(self._keep_now, job)
        self._refresh()

    @guarded
    def began(self) -> None:
        """Show that a press was accepted; called by the worker."""
        self._touched = True
        self.bar.say_under_way()
        self._refresh()
        self.bar.starting()

    def passing(self, job: SweepJob, now: Progress) -> None:
        """Update the progress; called by the worker while cells are under way."""
        if job is self.work.job:
            self.bar.passing(now)

    def watch(self, job: SweepJob) -> None:
        """Update the grid from the log; called by the worker while cells are under way."""
        with self.work.lock:
            newest = job is self.work.latest
            if newest:
                self._ran = job.sweep
        if not newest or job.sweep is None:
            return
        if self._watched is not job:  # from now on the grid is about this one, until the controls ask for more of it
            self.grid.show(job.sweep)
            self.grid.say("")
            self._watched = job
        if self.grid.refresh(now=False):
            self.on_budget_change()

    def fault(self, error: BaseException) -> None:
        """Show an error that occurred while the panel was updated; called by the worker."""
        self.bar.say_error(error)

    @guarded
    def ended(self, job: SweepJob) -> None:
        """Show how a run of the sweep ended, and put the grid into the output; called by the worker."""
        try:
            self._keep(job)
        except Exception as error:  # noqa: BLE001  a fault in showing it is shown too; the runs are in the log
            job.failure = job.failure or error
        with self.work.lock:
            self._refresh()
            if job is self.work.latest:
                self._say_end(job)

    def _keep(self, job: SweepJob) -> None:
        """Put the grid into the output that lasts."""
        if job.sweep is None or job.running is None or job is not self.work.latest:
            return
        self.grid.refresh()
        self.record.show(self.grid.plain(job.sweep.result))
        self.access.kept = self.record.state

    @guarded
    def _keep_now(self, job: SweepJob) -> None:
        """The same after Stop, while what is under way lands."""
        self._keep(job)

    def _say_end(self, job: SweepJob) -> None:
        error = job.failure
        if error is not None:
            if job.running is None and isinstance(error, RequestError) and self.form.asked()[0] is None:
                self.bar.say("Nothing was sent: what is wrong stands at its control.")
            elif isinstance(error, BudgetExceeded) and job.running is not None:
                self.bar.say(
                    str(error), "What was sent is in the grid. A larger budget and Go on send the rest.", wrong=True
                )
            else:
                self.bar.say_error(error)
            return
        if job.sweep is None or job.running is None:
            return
        now = job.running.progress
        counts = job.sweep.result.counts
        told = ", ".join(f"{n} {status}" for status, n in sorted(counts.items(), key=lambda item: item[0] != DONE))
        verb = "Stopped, and all that was sent has landed" if job.stopped.is_set() else f"Done in {now.elapsed:.1f} s"
        self.bar.say(f"{verb} · {told} · {usd(round(now.spent * MICRO))} · in any cell: panel.result")


def _too_many(sweep: Sweep) -> str:
    return f"{count(len(sweep), 'cell')} are too many for a panel: sample= draws some of them"


def _part(text: str) -> widgets.HTML:
    heading = plain(widgets.HTML, text)
    heading.add_class("nbkit-part")
    return heading
