"""What both panels are: a form with its buttons, jobs, and what they have made.

A workbench is a widget: a form (:mod:`nbkit.widgets.form`) with its buttons (:mod:`nbkit.widgets.panel.view`), the
pictures with theirs (:mod:`nbkit.widgets.panel.pictures`) or the grid of a sweep (:mod:`nbkit.widgets.panel.sweeps`),
and beside it an output that a saved notebook keeps. A press becomes a job (:mod:`nbkit.widgets.jobs.runner`) that runs
in a thread of its own. Whatever goes wrong is caught here and shown in the panel: Jupyter would lose it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from nbkit.display.text import ellipsis, usd_range, usd_short_range
from nbkit.errors import BudgetExceeded, RequestError
from nbkit.ledger.in_flight import IN_FLIGHT
from nbkit.metadata.reading import PictureSettings, read
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.price import MICRO, Price
from nbkit.results.run import NOT_SENT, Run
from nbkit.service.threads import THREADS
from nbkit.sweep.result import SweepResult
from nbkit.sweep.sweep import Sweep
from nbkit.widgets.explorer.explorer import Explorer
from nbkit.widgets.form.form import Form, is_blank, words_of
from nbkit.widgets.form.options import option_titles
from nbkit.widgets.jobs.job import Job, RunWork, StudioAPI, refused
from nbkit.widgets.jobs.runner import QUEUE, JobRunner
from nbkit.widgets.jobs.source import code_of, findable, json_of
from nbkit.widgets.jobs.standing_watch import StandingWatch
from nbkit.widgets.jobs.sweep_work import SweepWork
from nbkit.widgets.page.cell import close_parts, replace_in_cell
from nbkit.widgets.page.guard import guarded
from nbkit.widgets.page.publish import publish
from nbkit.widgets.page.subshell import answer_at_once
from nbkit.widgets.panel import status
from nbkit.widgets.panel.dropped import DroppedPictures
from nbkit.widgets.panel.library import Library
from nbkit.widgets.panel.pictures import Pictures
from nbkit.widgets.panel.presses import Presses
from nbkit.widgets.panel.saved_runs import SavedRuns
from nbkit.widgets.panel.status import UNDO, Status
from nbkit.widgets.panel.sweeps import Sweeps
from nbkit.widgets.panel.view import PanelView


class Workbench(widgets.Box):  # type: ignore[misc]  # ipywidgets says nothing of its types
    """What :class:`~nbkit.Panel` and :class:`~nbkit.SweepPanel` have in common.

    Args:
        studio: makes the runs.
        form: the state of the controls.
        alone: what a page without a kernel says in place of the widget.
        saved: what the output under it says before anything has come.
        verbs: what its button says for a sweep that begins, and for one that goes on.
        at_once: how many jobs may be under way at the same time.
        queue: how many more presses wait in line.
    """

    def __init__(
        self,
        studio: StudioAPI,
        form: Form,
        *,
        alone: str,
        saved: str,
        verbs: tuple[str, str],
        at_once: int = 1,
        queue: int = QUEUE,
    ) -> None:
        self._studio, self._alone, self._verbs, self._queue = studio, alone, verbs, queue
        self._refused: dict[str, str] = {}
        self._said = Status()
        self._budget = studio.budget
        self._kept: SweepWork | None = None
        self.last: Run | None = None
        self.form = form
        self.form.history.clear()
        self.jobs = JobRunner(studio.new_token, self, form.lock, at_once=at_once, queue=queue)
        self.taken_over: list[JobRunner] = []
        self.saved = SavedRuns(saved)
        self._dropped = DroppedPictures(
            studio.log,
            form,
            say=self._say,
            send=lambda message: self.view.send(message),  # noqa: PLW0108  the view comes later
            fault=self.fault,
        )
        self._standing = StandingWatch(lambda: studio.standing(), self._show_standing, self._is_busy)  # noqa: PLW0108  only asked at an address
        self.view = PanelView(form, self.fault, self._pressed, self._dropped.hear)
        self.pictures = Pictures(studio, self.fault, self._pressed, self._picture_chosen, form.lock)
        self.sweeps = Sweeps(
            studio, form, self.jobs, open_cell=self._open_cell, counted=self._counted, fault=self.fault
        )
        send = self.view.send
        self._library = Library(studio, form, self.pictures, say=self._say, send=send, fault=self.fault)
        self._presses = Presses(
            studio,
            form,
            self.jobs,
            self.pictures,
            self._library,
            self.sweeps,
            left=self._left,
            say=self._say,
            send=send,
        )
        self._body = widgets.Box((self.view, *self.pictures.parts))
        self._body.add_class("nbkit-body")
        super().__init__((self._body,))
        self.add_class("nbkit-panel")
        form.on_change(self._changed)
        self._follow_cell()
        self._refresh()
        if withheld := studio.log.withheld():
            self._say(status.say(withheld))
        studio.watch(self)
        self._look_at_standing()
        answer_at_once(self)

    def _follow_cell(self) -> None:
        """Close the panels that the running cell made before, and take over what they have under way."""
        for before in replace_in_cell(self):
            before.jobs.stop(before.jobs.waiting)
            for runner in (before.jobs, *before.taken_over):
                runner.observer = _Successor(self)
                if runner.jobs:
                    self.taken_over.append(runner)
            before.close()
        if under_way := [job for runner in self.taken_over for job in runner.jobs]:
            self._said = status.taken_over(under_way[0].work, len(under_way))

    # -- from code -------------------------------------------------------------------------------------

    @property
    def box(self) -> Workbench:
        """The widget that can be put into other widgets: the panel itself."""
        return self

    @property
    def sweep(self) -> Sweep:
        """The sweep that the controls describe now; of a single cell while nothing varies. Nothing is sent to the service.

        Raises:
            RequestError: if the model does not allow it; the message names the allowed values.

        Example:
            >>> import nbkit
            >>> panel = nbkit.Studio(engine="offline").sweep_panel("A lantern", temperature=[0.2, 0.8], seed=[1, 2, 3])
            >>> len(panel.sweep), panel.sweep[0].values
            (6, {'temperature': 0.2, 'seed': 1})
        """
        return self.sweeps.sweep

    @property
    def result(self) -> SweepResult:
        """The result of the sweep that was run last; before the first one, of the sweep that the controls describe.

        Raises:
            RequestError: if no sweep was run, and the controls do not describe one.
        """
        return self.sweeps.result

    @property
    def grid(self) -> Explorer:
        """The pictures of the sweep that is asked for, or was run last."""
        return self.sweeps.grid

    @property
    def draft(self) -> bool:
        """Whether the draft switch is on: every run has resolution 0.5K and one result. Can be set."""
        return self.form.draft

    @draft.setter
    def draft(self, on: bool) -> None:
        self.form.draft = on

    def use(self, picture: str | os.PathLike[str] | bytes | PictureSettings) -> None:
        """Set all controls as a picture's file says, as dropping it on the panel does; undo takes it back.

        Args:
            picture: the path of a JPG, PNG or WEBP, its bytes, or what :func:`nbkit.read` has read of it.

        Raises:
            RequestError: if the file cannot be read, or has no settings that can be used.
            NbkitError: if it has no request that the model allows. Each time no control changes.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7, temperature=0.4)
            >>> file = run.image.save(f"{tempfile.mkdtemp()}/lantern.jpg", metadata=True)
            >>> panel = studio.panel("A boat")
            >>> panel.use(file)
            >>> panel.request == run.request
            True
        """
        found = picture if isinstance(picture, PictureSettings) else read(picture)
        self._dropped.use(found, "that picture")

    def stop(self) -> None:
        """Press Stop: nothing more is sent. What is under way is paid for, and its pictures come into the log.

        Example:
            >>> import nbkit
            >>> panel = nbkit.Studio(engine="offline").sweep_panel("A lantern", seed=[1, 2])
            >>> panel.stop()  # nothing is under way, so this has no effect
        """
        self._presses.press({"button": "stop"})

    def _wait(self, timeout: float | None) -> None:
        """Wait until no job is under way, also of this cell's earlier panels."""
        deadline = None if timeout is None else time.monotonic() + timeout
        for runner in (*self.taken_over, self.jobs):
            runner.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))

    # -- showing it ------------------------------------------------------------------------------------

    def _ipython_display_(self) -> None:
        view = dict(self._repr_mimebundle_())
        publish({**view, "text/plain": self._alone, "text/html": f"<em>{self._alone}</em>"}, raw=True)
        self.saved.output.place()

    def close(self) -> None:
        """Free the widgets. What is under way goes on, and lands in the log."""
        if hasattr(self, "_standing"):  # else __init__ failed, and ipywidgets closes what there is
            self._standing.close()
        close_parts(self)
        super().close()

    @guarded
    def _changed(self) -> None:
        self._refused = {}
        self._presses.changed()
        self._said = Status()  # what was said is about the controls as they were, and so is the Undo beside it
        self._refresh()

    @guarded
    def _refresh(self) -> None:
        """Bring everything that follows from the controls in step with them; sends nothing.

        A single request asks nothing of the log; a sweep is asked what is there of it already.
        """
        with self.form.lock, self.view.hold_sync():
            (self._refresh_sweep if self.form.is_sweep else self._refresh_single)()
            self._show_head()

    def _show_head(self) -> None:
        head = status.head_of(self._budget, self.form.profile, charged=self._is_charged, standing=self._standing.latest)
        self.view.head = {**head, "balance": self._library.balance}

    @property
    def _is_charged(self) -> bool:
        """Whether money is real; a class's server has the last word."""
        standing = self._standing.latest
        return self._studio.charged and not (standing is not None and standing.offline)

    def _look_at_standing(self) -> None:
        """Have a class's server asked soon how things stand; only at an address there may be one."""
        if "://" in self._studio.engine:
            self._standing.look()

    def _is_busy(self) -> bool:
        return any(job.sent for runner in (self.jobs, *self.taken_over) for job in runner.jobs)

    @guarded
    def _show_standing(self) -> None:
        """Show what a class's server has said: the place in the line, and what is left."""
        with self.form.lock, self.view.hold_sync():
            self._show_head()
            shown: dict[str, Any] = {**self.view.bar, "charged": self._is_charged, "status": self._status().told()}
            self.view.bar = shown

    def _refresh_single(self) -> None:
        request, problems = self.form.check()
        is_empty = is_blank(self.form.read().get("prompt"))
        complaints = {name: words_of(error) for name, error in problems.items()} or self._refused
        self.form.complain({n: text for n, text in complaints.items() if n != "prompt" or not is_empty})
        self.view.refresh()
        why = "" if is_empty else _not_ready(problems)
        priced = request or self.form.priced()
        price = self._studio.price_of(priced) if priced else None
        self._show_bar(self._offer(price, why, ready=request is not None))
        self._show_sweep(on=False)
        files = self.form.references.files
        store = self._studio.log.images
        self.view.source = self._library.source(
            {
                "code": lambda: (
                    code_of(request, findable(request.reference_images or (), files, store)) if request else ""
                ),
                "json": lambda: json_of(request) if request else "",
            }
        )

    def _refresh_sweep(self) -> None:
        self.sweeps.ask()
        self._show_sweep_bar()

    def _show_sweep_bar(self) -> None:
        problems = self.sweeps.problems
        is_empty = getattr(problems.get("prompt"), "reason", "") == "missing"
        complaints = {name: words_of(error) for name, error in problems.items() if name != "prompt" or not is_empty}
        self.form.complain(complaints or self._refused)
        self.view.refresh()
        offer = self.sweeps.bar(*self._verbs, left=self._left())
        self._show_bar({**offer, "why": offer["why"] or ("" if is_empty else _not_ready(problems))})
        self._show_sweep(on=True)
        self.view.source = self._library.source(self.sweeps.texts)

    def _show_sweep(self, *, on: bool) -> None:
        """Show the grid of a sweep in place of the pictures of a run, or the other way round."""
        (self._body.add_class if on else self._body.remove_class)("nbkit-sweeping")
        if on:
            self.sweeps.show()
            if self.sweeps.grid not in self._body.children:
                self._body.children = (*self._body.children, self.sweeps.grid)

    def _open_cell(self, request: ImageRequest) -> widgets.Widget | None:
        """Take the settings of one picture of a sweep over; nothing varies any more."""
        with self.form.change():
            self.form.hold_still()
            self.form.use(request)
        self._say(status.say("Settings of that picture; nothing varies any more.", actions=(UNDO,)))
        return None

    def _offer(self, price: Price | None, why: str, *, ready: bool) -> dict[str, Any]:
        """What is on the button for a single request."""
        dear = f"{QUEUE} runs wait already." if self.jobs.full else status.too_dear(price, self._left())
        return {
            "verb": "Generate",
            "price": usd_short_range(price) if price else "",
            "exact": usd_range(price) if price else "",
            "depends": "" if not price or price.low == price.high else status.DEPENDS,
            "quote": self._presses.quotes.offer("generate", price.high) if price else 0,
            "why": why or dear,
            "ready": ready and not dear,
            "warns": bool(dear),
            "confirm": None,
            "totals": [],
        }

    def _show_bar(self, offer: dict[str, Any]) -> None:
        """Show what is on the buttons, what is under way and waits, and the status line."""
        shown: dict[str, Any] = {
            **offer,
            "hint": "Describe the change." if self._presses.is_edit else "",
            "charged": self._is_charged,
            "progress": self.sweeps.progress(),
            "jobs": [
                {
                    "number": job.number,
                    "sent": job.sent,
                    "seconds": round(job.seconds, 1),
                    "price": usd_short_range(job.work.price),
                    "exact": usd_range(job.work.price),
                    "prompt": ellipsis(job.work.prompt, 60),
                }
                for job in self.jobs.jobs
            ],
            "status": self._status().told(),
        }
        self.view.bar = shown

    def _status(self) -> Status:
        if self._said.lines or not any(job.sent for job in self.jobs.jobs):
            return self._said
        standing = self._standing.latest
        place = None if standing is None else standing.place_of(IN_FLIGHT.copy())
        return status.say(status.working(self._studio.busy, place))

    def _say(self, said: Status | None) -> None:
        """Put something into the status line; ``None`` leaves what is there. Everything is brought in step."""
        self._said = self._said if said is None else said
        self._refresh()

    def _left(self) -> int | None:
        """What the budget has left for another press, in micro-dollars: what waits in line counts as spent."""
        if self._budget.left is None:
            return None
        return round(self._budget.left * MICRO) - sum(job.work.price.high for job in self.jobs.waiting)

    @guarded
    def on_budget_change(self) -> None:
        """Bring the money in step; the studio calls it after each change. No cell is counted again for it."""
        self._budget = self._studio.budget
        with self.form.lock, self.view.hold_sync():
            if not self.form.is_sweep:
                self._refresh_single()
            elif not self.sweeps.is_under_way:  # it is counted again when it ends, and not after each of its cells
                self._show_sweep_bar()
            self._show_head()

    def fault(self, error: BaseException) -> None:
        """Show an error that occurred while the panel was updated."""
        self._said = status.of_error(error)
        with self.form.lock:
            self.view.bar = {**self.view.bar, "status": self._said.told()}

    def _pressed(self, content: Mapping[str, Any]) -> None:
        """A press of a button on the page."""
        self._presses.press(content)

    def _picture_chosen(self) -> None:
        """Another picture is large: what was said of the one before is over."""
        if not self.jobs.jobs:
            self._say(Status())

    # -- what the jobs tell ------------------------------------------------------------------------------

    def jobs_changed(self) -> None:
        """Show what is under way and what waits; called by the runner."""
        sent = [job.work.request for job in self.jobs.jobs if job.sent and isinstance(job.work, RunWork)]
        self.pictures.expect(sent[-1] if sent else None)
        self._look_at_standing()
        self._refresh()

    def passing(self) -> None:
        """Show what a busy service lets through now; called by the runner."""
        if self.view.bar["status"] != self._status().told():
            self._refresh()

    @guarded
    def _counted(self) -> None:
        """A sweep has been counted in a thread, or is wrong in one of its cells."""
        with self.form.lock, self.view.hold_sync():
            self._show_sweep_bar()

    def progressed(self, work: SweepWork) -> None:
        """Show how far a sweep is; called by its thread."""
        with self.form.lock:
            now: dict[str, Any] = {"progress": self.sweeps.progress(), "status": self._status().told()}
            self.view.bar = {**self.view.bar, **now}
        self.sweeps.progressed(work)
        if work.is_stopped and self._kept is not work:  # should the kernel end before the rest lands
            self._kept = work
            self._keep_grid(work)

    def ended(self, job: Job, result: Any, *, late: bool) -> None:
        """Show how a press ended; called by the runner.

        Args:
            job: the press; ``job.failure`` is the error if there is no result.
            result: a run, the result of a sweep, or ``None``.
            late: whether Stop was pressed before.
        """
        self._look_at_standing()
        with self.form.lock:
            if isinstance(job.work, SweepWork):
                self._said = self._end_of_sweep(job, job.work) or self._said
                if result is None:
                    THREADS.submit(self._keep_grid_safely, job.work)
                self.jobs_changed()
                return
            if result is None:
                if job.failure is not None:
                    self._said = status.of_error(job.failure)
                self.jobs_changed()
                return
            run: Run = result
            if not late or (self.last is None and run.status != NOT_SENT):
                self.last = run
                self.form.after_run(run.seed if len(run) else None)
            self._refused = {} if late else refused(run)
            ended = status.of_run(run, job.seconds)
            if not late and (ended.wrong or not self.jobs.jobs):  # else the line is about what is under way
                self._said = ended
            elif late and not self.jobs.jobs:
                self._said = status.of_late(run)
            self._refresh()  # the place of the pictures stays until show() has put them there

    def _end_of_sweep(self, job: Job, work: SweepWork) -> Status | None:
        if job.failure is None:
            told = self.sweeps.ended(job, work)
            return status.say(told) if told and not self.jobs.jobs else None  # else the line is about what is under way
        rest = "What was sent is in the grid. A larger budget and Go on send the rest."
        is_dear = isinstance(job.failure, BudgetExceeded) and work.running is not None
        said = status.of_error(job.failure)
        return status.error(said.lines[0], rest) if is_dear else said

    def show(self, job: Job, result: Any, *, late: bool) -> None:
        """Show what has come; called by the runner.

        Args:
            job: the press.
            result: the result of a sweep, or a run; one that was stopped before it was sent is not shown.
            late: whether Stop was pressed before.
        """
        if isinstance(job.work, SweepWork):
            self._keep_grid(job.work)
            return
        run: Run = result
        said = self._said
        if run.status != NOT_SENT:  # else it was stopped in time, and there is nothing to show, now or ever
            self.saved.add(run, late=late)  # first: this is what the notebook keeps
            self.view.kept = self.saved.output.state
            self.pictures.add(run, late=late)
        with self.form.lock:
            self._said = said  # showing another picture has taken the line away
            self.jobs_changed()

    @guarded
    def _keep_grid_safely(self, work: SweepWork) -> None:
        """The same in a thread, for a sweep that came to no result."""
        self._keep_grid(work)

    def _keep_grid(self, work: SweepWork) -> None:
        """Put the grid of a sweep into the output that lasts."""
        if work.running is not None and self.sweeps.is_newest(work):
            self.saved.output.show(self.sweeps.refreshed(work.sweep))
            self.view.kept = self.saved.output.state


class _Successor:
    """Shows the results of a panel that was closed in the one that took its place.

    Args:
        panel: the new one.
    """

    def __init__(self, panel: Workbench) -> None:
        self.fault, self.progressed = panel.fault, panel.progressed
        self.ended, self.show = panel.ended, panel.show

    def jobs_changed(self) -> None:
        """The queue of the old panel is shown nowhere."""

    def passing(self) -> None:
        """Neither is its clock."""


def _not_ready(problems: Mapping[str, RequestError]) -> str:
    """Why the controls do not make a request."""
    titles = ", ".join(dict.fromkeys(map(_title, problems)))
    return f"Not ready: {titles}." if titles else ""


def _title(name: str) -> str:
    """What a control is called on the page."""
    if name in ("width", "height"):
        return "Pixels"
    return PARAMETERS[name].title if name in PARAMETERS else option_titles().get(name, f"{{{name}}}")
