"""The interactive form: prompt, parameters, Generate with its price, the pictures beside it.

The panel is a widget: a form (:mod:`nbkit.widgets.form`) with its buttons (:mod:`nbkit.widgets.panel.view`), the
pictures with theirs (:mod:`nbkit.widgets.panel.pictures`), and beside it an output that a saved notebook keeps. A press
becomes a job (:mod:`nbkit.widgets.jobs.runner`) that runs in a thread of its own. Whatever goes wrong is caught here and
shown in the panel: Jupyter would lose it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import ipywidgets as widgets

from nbkit.display.text import ellipsis, usd_range, usd_short_range
from nbkit.errors import NbkitError, RequestError
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.keywords import RequestChanges, name_parameters
from nbkit.request.model import MICRO, Price
from nbkit.results.run import NOT_SENT, Run
from nbkit.widgets.form.form import Form, is_blank, words_of
from nbkit.widgets.jobs.job import Job, StudioAPI, refused
from nbkit.widgets.jobs.runner import QUEUE, JobRunner
from nbkit.widgets.page.cell import close_parts, replace_in_cell
from nbkit.widgets.page.guard import guarded
from nbkit.widgets.page.publish import publish
from nbkit.widgets.page.subshell import answer_at_once
from nbkit.widgets.panel import status
from nbkit.widgets.panel.library import Library
from nbkit.widgets.panel.pictures import Pictures
from nbkit.widgets.panel.presses import Presses
from nbkit.widgets.panel.saved_runs import SavedRuns
from nbkit.widgets.panel.status import Status
from nbkit.widgets.panel.view import PanelView

ALONE = (
    "An nbkit panel. It needs a live kernel: here it does nothing and sends nothing. "
    "In Jupyter, run this cell again to use it; in code, call panel.generate() and panel.wait(). "
    "What it has made stands below."
)


class Panel(widgets.Box):  # type: ignore[misc]  # ipywidgets says nothing of its types
    """The interactive form of a studio; ``studio.panel()`` makes one. As the last line of a cell it shows itself.

    It is a widget, and can be put into other widgets. Controls, Generate and Stop can also be used from code; no
    notebook is needed for that.

    Args:
        studio: makes the runs.
        at_once: how many runs may be under way at the same time; up to four more presses wait in line.
        draft: whether the draft switch is on at first.
        **parameters: the first values of the controls.

    Attributes:
        last: the latest :class:`~nbkit.Run` of this panel, or ``None``.
        form: the state of the controls.
        jobs: what is under way and what waits.
        taken_over: the same of this cell's earlier panels, which were closed.
        pictures: the part with the pictures that were made, and with their buttons.
        saved: the output under the panel, which a saved notebook keeps.

    Raises:
        RequestError: for a value that the model does not allow, and for ``at_once`` below 1.

    Example:
        >>> import nbkit
        >>> panel = nbkit.Studio(engine="offline").panel("A paper lantern", temperature=0.4, seed=7)
        >>> panel
        <Panel 'A paper lantern', $0.06895>
        >>> panel.generate()
        True
        >>> run = panel.wait()
        >>> run.status, run.image.seed
        ('done', 7)
    """

    def __init__(self, studio: StudioAPI, *, at_once: int = 1, draft: bool = False, **parameters: Any) -> None:
        if isinstance(at_once, bool) or not isinstance(at_once, int) or at_once < 1:
            raise RequestError(f"at_once={at_once!r}: must be a whole number of at least 1", parameter="at_once")
        self._studio = studio
        self._refused: dict[str, str] = {}
        self._touched = False
        self._said = Status()
        self._budget = studio.budget
        self.last: Run | None = None
        self.form = Form()
        self.form.draft = draft
        if parameters:
            self.form.write(parameters)
        self.form.history.clear()
        self.jobs = JobRunner(studio, self, self.form.lock, at_once=at_once)
        self.taken_over: list[JobRunner] = []
        self.saved = SavedRuns()
        self.view = PanelView(self.form, self.fault, self._pressed)
        self.pictures = Pictures(studio.log, self.fault, self._pressed, self._picture_chosen, self.form.lock)
        send = self.view.send
        self._library = Library(studio, self.form, self.pictures, say=self._say, send=send, fault=self.fault)
        self._presses = Presses(
            studio, self.form, self.jobs, self.pictures, self._library, left=self._left, say=self._say, send=send
        )
        body = widgets.Box((self.view, *self.pictures.parts))
        body.add_class("nbkit-body")
        super().__init__((body,))
        self.add_class("nbkit-panel")
        self.form.on_change(self._changed)
        self._follow_cell()
        self._refresh()
        if withheld := studio.log.withheld():
            self._say(status.say(withheld))
        studio.watch(self)
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
            self._said = status.taken_over(under_way[0].request, len(under_way))

    # -- from code -------------------------------------------------------------------------------------

    @property
    def box(self) -> Panel:
        """The widget that can be put into other widgets: the panel itself."""
        return self

    @property
    def request(self) -> ImageRequest:
        """The request that the controls describe now.

        Raises:
            RequestError: if the model does not allow it; the message names the allowed values.

        Example:
            >>> import nbkit
            >>> panel = nbkit.Studio(engine="offline").panel("A paper lantern", top_p=0.9)
            >>> panel.request.to_task()["settings"]
            {'topP': 0.9}
        """
        request, problems = self.form.check()
        if request is None:
            raise next(iter(problems.values()))
        return request

    @property
    def draft(self) -> bool:
        """Whether the draft switch is on: every run has resolution 0.5K and one result. Can be set."""
        return self.form.draft

    @draft.setter
    def draft(self, on: bool) -> None:
        self.form.draft = on

    @name_parameters
    def set(self, **changes: Unpack[RequestChanges]) -> None:
        """Set controls. Nothing is sent to the service.

        Args:
            **changes: parameters in Python's or the API's spelling; ``None`` sets a control to "not sent".

        Raises:
            UnknownParameter: for a name that is no parameter.
            RequestError: for a value that the model does not allow. In both cases no control changes.

        Example:
            >>> import nbkit
            >>> panel = nbkit.Studio(engine="offline").panel("A paper lantern", temperature=0.4)
            >>> panel.set(temperature=None, topP=0.9, seed=7)
            >>> panel.request
            ImageRequest(prompt='A paper lantern', seed=7, top_p=0.9)
        """
        self.form.write(changes)

    def generate(self) -> bool:
        """Press Generate. This returns at once; :meth:`wait` waits for the run.

        Returns:
            Whether the press was taken: while ``at_once`` runs are under way it waits in line, and ``False`` if four
            wait already.

        Raises:
            RequestError: if the model does not allow what the controls describe.
            BudgetExceeded: if the run might cost more than is left.
            StorageError: if the log cannot be written. Each time nothing is sent, and the panel shows the error.

        Example:
            >>> import nbkit
            >>> panel = nbkit.Studio(engine="offline").panel("A paper lantern", seed=7)
            >>> panel.generate()
            True
            >>> panel.wait() is panel.last
            True
        """
        try:
            taken = self._presses.add(self.request)
        except NbkitError as error:
            self._say(status.of_error(error))
            raise
        if not taken:
            return False
        job = self.jobs.latest
        self.jobs.send()
        if job is not None and job.failure is not None:
            raise job.failure
        return True

    def wait(self, timeout: float | None = None) -> Run | None:
        """Wait until no run is under way, and return the latest run.

        Args:
            timeout: seconds to wait at most; ``None`` for no limit.

        Returns:
            The same as ``panel.last``; ``None`` if there was no run yet.

        Raises:
            TimeoutError: after ``timeout`` seconds; the run goes on.
            NbkitError: if the latest press of Generate did not become a run.

        Example:
            >>> import nbkit
            >>> panel = nbkit.Studio(engine="offline").panel("A paper lantern", seed=7, number_results=2)
            >>> panel.generate()
            True
            >>> [image.seed for image in panel.wait(timeout=60)]
            [7, 8]
        """
        self.jobs.wait(timeout)
        return self.last

    # -- showing it ------------------------------------------------------------------------------------

    def _ipython_display_(self) -> None:
        view = dict(self._repr_mimebundle_())
        publish({**view, "text/plain": ALONE, "text/html": f"<em>{ALONE}</em>"}, raw=True)
        self.saved.output.place()

    def __repr__(self) -> str:
        request, problems = self.form.check()
        if request is None:
            return f"<Panel, not ready: {ellipsis(str(next(iter(problems.values()))), 80)}>"
        return f"<Panel {ellipsis(request.prompt, 40)!r}, {usd_range(request.price)}>"

    def close(self) -> None:
        """Free the widgets. What is under way goes on, and lands in the log."""
        close_parts(self)
        super().close()

    @guarded
    def _changed(self) -> None:
        self._touched = True
        self._refused = {}
        self._presses.changed()
        self._said = Status()  # what was said is about the controls as they were, and so is the Undo beside it
        self._refresh()

    @guarded
    def _refresh(self) -> None:
        """Bring everything that follows from the controls in step with them; sends nothing and reads no log."""
        with self.form.lock, self.view.hold_sync():
            request, problems = self.form.check()
            is_empty = is_blank(self.form.read().get("prompt"))
            complaints = {name: words_of(error) for name, error in problems.items()} or self._refused
            self.form.complain({n: text for n, text in complaints.items() if n != "prompt" or not is_empty})
            self.view.refresh()
            head = status.head_of(self._budget, charged=self._studio.charged)
            self.view.head = {**head, "balance": self._library.balance}
            self.view.bar = self._bar(
                request.price if request else self.form.price(),
                "" if request else _not_ready(problems, is_empty=is_empty),
                ready=request is not None,
            )
            self.view.source = self._library.source(request)

    def _bar(self, price: Price | None, why: str, *, ready: bool) -> dict[str, Any]:
        """What is on the buttons, what is under way and waits, and the status line."""
        dear = f"{QUEUE} runs wait already." if self.jobs.full else status.too_dear(price, self._left())
        return {
            "price": usd_short_range(price) if price else "",
            "exact": usd_range(price) if price else "",
            "depends": "" if not price or price.low == price.high else status.DEPENDS,
            "most": price.high if price else None,
            "quote": self._presses.quotes.offer("generate", price.high) if price else 0,
            "why": why or dear,
            "ready": ready and not dear,
            "warns": bool(dear),
            "hint": "Describe the change." if self._presses.is_edit else "",
            "charged": self._studio.charged,
            "jobs": [
                {
                    "number": job.number,
                    "sent": job.sent,
                    "seconds": round(job.seconds, 1),
                    "price": usd_short_range(job.request.price),
                    "exact": usd_range(job.request.price),
                    "prompt": ellipsis(job.request.prompt, 60),
                }
                for job in self.jobs.jobs
            ],
            "status": self._status().told(),
        }

    def _status(self) -> Status:
        if self._said.lines or not any(job.sent for job in self.jobs.jobs):
            return self._said
        return status.say(status.working(self._studio.busy))

    def _say(self, said: Status | None) -> None:
        """Put something into the status line; ``None`` leaves what is there. Everything is brought in step."""
        self._said = self._said if said is None else said
        self._refresh()

    def _left(self) -> int | None:
        """What the budget has left for another press, in micro-dollars: what waits in line counts as spent."""
        if self._budget.left is None:
            return None
        return round(self._budget.left * MICRO) - sum(job.request.price.high for job in self.jobs.waiting)

    @guarded
    def on_budget_change(self) -> None:
        """Bring the money in step; the studio calls it after each change."""
        self._budget = self._studio.budget
        self._refresh()

    def fault(self, error: BaseException) -> None:
        """Show an error that occurred while the panel was updated."""
        self._said = status.of_error(error)
        with self.form.lock:
            self.view.bar = {**self.view.bar, "status": self._said.told()}

    def _pressed(self, content: Mapping[str, Any]) -> None:
        """A press of a button on the page."""
        self._touched = True
        self._presses.press(content)

    def _picture_chosen(self) -> None:
        """Another picture is large: what was said of the one before is over."""
        if not self.jobs.jobs:
            self._say(Status())

    # -- what the jobs tell ------------------------------------------------------------------------------

    def jobs_changed(self) -> None:
        """Show what is under way and what waits; called by the runner."""
        self._touched = True
        sent = [job for job in self.jobs.jobs if job.sent]
        self.pictures.expect(sent[-1].request if sent else None)
        self._refresh()

    def passing(self) -> None:
        """Show what a busy service lets through now; called by the runner."""
        if self.view.bar["status"] != self._status().told():
            self._refresh()

    def ended(self, job: Job, run: Run | None, *, late: bool) -> None:
        """Show how a press ended; called by the runner.

        Args:
            job: the press; ``job.failure`` is the error if there is no run.
            run: its run, or ``None``.
            late: whether Stop was pressed before.
        """
        with self.form.lock:
            if run is None:
                if job.failure is not None:
                    self._said = status.of_error(job.failure)
                self.jobs_changed()
                return
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

    def show(self, run: Run, *, late: bool) -> None:
        """Show the pictures of a run; called by the runner.

        Args:
            run: a run that was stopped before it was sent is not shown.
            late: whether Stop was pressed before.
        """
        said = self._said
        if run.status != NOT_SENT:  # else it was stopped in time, and there is nothing to show, now or ever
            self.saved.add(run, late=late)  # first: this is what the notebook keeps
            self.view.kept = self.saved.output.state
            self.pictures.add(run, late=late)
        with self.form.lock:
            self._said = said  # showing another picture has taken the line away
            self.jobs_changed()


class _Successor:
    """Shows the runs of a panel that was closed in the one that took its place.

    Args:
        panel: the new one.
    """

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self.fault = panel.fault

    def jobs_changed(self) -> None:
        """The queue of the old panel is shown nowhere."""

    def passing(self) -> None:
        """Neither is its clock."""

    def ended(self, job: Job, run: Run | None, *, late: bool) -> None:
        """Show how a run ended; its picture comes at once."""
        self._panel.ended(job, run, late=late)

    def show(self, run: Run, *, late: bool) -> None:
        """Show a run that has come."""
        self._panel.show(run, late=late)


def _not_ready(problems: Mapping[str, RequestError], *, is_empty: bool) -> str:
    """Why the controls do not make a request."""
    titles = ", ".join(
        dict.fromkeys("Pixels" if name in ("width", "height") else PARAMETERS[name].title for name in problems)
    )
    return "" if is_empty else f"Not ready: {titles}."
