"""The interactive form: prompt, parameters, Generate with its price, the pictures.

Controls are widgets and results are outputs (:mod:`nbkit.widgets.panel.outputs`); the pictures that can be worked with
are asked for by the page (:mod:`nbkit.widgets.panel.pictures`). A press starts a run in a thread of its own and returns
(:mod:`nbkit.widgets.panel.work`). Whatever goes wrong is caught here and said in the panel: Jupyter would lose it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import ipywidgets as widgets

from nbkit.display.text import ellipsis, usd, usd_range
from nbkit.errors import EngineError, RequestError
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.keywords import RequestChanges, name_parameters
from nbkit.request.model import Price
from nbkit.results.run import NOT_SENT, GeneratedImage, Run
from nbkit.widgets.controls.control import Control, label
from nbkit.widgets.controls.form import Form
from nbkit.widgets.page.access import Access
from nbkit.widgets.page.guard import guarded
from nbkit.widgets.page.plain import plain
from nbkit.widgets.page.publish import publish
from nbkit.widgets.page.subshell import answer_at_once
from nbkit.widgets.panel.bar import Bar, head_html, too_dear
from nbkit.widgets.panel.job import Host, Job, refused
from nbkit.widgets.panel.outputs import Results
from nbkit.widgets.panel.pictures import Pictures
from nbkit.widgets.panel.source import Source, findable
from nbkit.widgets.panel.work import Work

ALONE = (
    "An nbkit panel. It needs a live kernel: here it does nothing and sends nothing. "
    "In Jupyter, run this cell again to use it; in code, call panel.generate() and panel.wait(). "
    "What it has made stands below."
)


class Panel:
    """The interactive form of a studio; ``studio.panel()`` makes one. As the last line of a cell it shows itself.

    Controls, Generate and Stop can also be used from code; no notebook is needed for that.

    Args:
        studio: makes the runs.
        at_once: how many runs may be under way at the same time; pressing Generate has no effect while there are that
            many.
        draft: whether the draft switch is on at first.
        **parameters: the first values of the controls.

    Attributes:
        last: the latest :class:`~nbkit.Run` of this panel, or ``None``.
        box: the widget, which can be put into other widgets.
        pictures: the part with the pictures that were made, and with their buttons.
        results: the output under the panel, which a saved notebook keeps.

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

    def __init__(self, studio: Host, *, at_once: int = 1, draft: bool = False, **parameters: Any) -> None:
        if isinstance(at_once, bool) or not isinstance(at_once, int) or at_once < 1:
            raise RequestError(f"at_once={at_once!r}: must be a whole number of at least 1", parameter="at_once")
        self._studio = studio
        self._refused: dict[str, str] = {}
        self._touched = False
        self._price: Price | None = None
        self.last: Run | None = None
        self.form, self.source, self.results = Form(), Source(), Results()
        self.bar = Bar(charged=studio.charged)
        self.pictures = Pictures(studio.log, self)
        self.access = Access((self.bar.generate, *self.pictures.actions.paid), self.fault)
        self.work = Work(studio, self, at_once=at_once)
        self._head = plain(widgets.HTML)
        self.box = self._build()
        self.form.draft.button.value = draft
        if parameters:
            self.form.write(parameters)
        self.form.on_change(self._changed)
        self.source.on_change(self._refresh)
        self.bar.generate.on_press(lambda button, most: self._press(button, most, lambda: self.request))
        self.bar.stop.on_click(self._stop)
        self._refresh()
        self.bar.say(studio.log.withheld())
        studio.watch(self)
        answer_at_once(self.box)

    def _build(self) -> widgets.VBox:
        switches = (self.form.draft.button, *self.source.buttons, self.pictures.history)
        buttons = plain(
            widgets.HBox,
            (self.bar.generate, self.bar.stop, self.bar.clock, self.bar.beside, plain(widgets.HBox, switches)),
        )
        buttons.add_class("nbkit-bar")
        lines = (self._head, self.form.box, buttons, self.bar.under, self.source.box, self.pictures.box, self.access)
        box = widgets.VBox(lines)
        box.add_class("nbkit-panel")
        return box

    # -- from code -------------------------------------------------------------------------------------

    @property
    def controls(self) -> dict[str, Control]:
        """The controls, by the Python name of their parameter."""
        return self.form.controls

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
        return self.form.draft.on

    @draft.setter
    def draft(self, on: bool) -> None:
        self.form.draft.button.value = bool(on)

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
        with self.work.lock:
            self.form.write(changes)

    def generate(self) -> bool:
        """Press Generate. This returns at once; :meth:`wait` waits for the run.

        Returns:
            Whether a run was started; ``False`` while ``at_once`` runs are under way.

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
        job = self.work.take(lambda: self.request)
        if job is None:
            return False
        self.work.send(job)
        if job.failure is not None:
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
        self.work.wait(timeout)
        return self.last

    # -- showing it ------------------------------------------------------------------------------------

    def _ipython_display_(self) -> None:
        self._refresh()
        self.access.displayed()
        view = dict(self.box._repr_mimebundle_())
        publish({**view, "text/plain": ALONE, "text/html": f"<em>{ALONE}</em>"}, raw=True)
        self.results.place()

    def __repr__(self) -> str:
        request, problems = self.form.check()
        if request is None:
            return f"<Panel, not ready: {ellipsis(str(next(iter(problems.values()))), 80)}>"
        return f"<Panel {ellipsis(request.prompt, 40)!r}, {usd_range(request.price)}>"

    @guarded
    def _changed(self) -> None:
        self._touched = True
        self._refused = {}
        self._refresh()

    @guarded
    def _refresh(self) -> None:
        """Bring everything that follows from the controls in step with them; sends nothing."""
        with self.work.lock:
            self.form.size.follow("reference_images" in self.form.references.read())
            self.form.fold.tell()
            request, problems = self.form.check()
            complaints = {name: str(error) for name, error in problems.items()} or self._refused
            self.form.complain(complaints, gently=not self._touched)
            reason = f"not ready: {' and '.join(label(PARAMETERS[name]) for name in problems)}" if problems else ""
            self._price = request.price if request else None
            self.bar.offer(self._price, reason, full=self.work.full)
            self.pictures.occupied(full=self.work.full)
            self.on_budget_change()
            self.source.show(request, self._files(request))

    def _files(self, request: ImageRequest | None) -> dict[str, str]:
        """Where the code that is shown finds the reference images."""
        files = self.form.references.files
        if request is None or not self.source.code.value:
            return files
        return findable(request.reference_images or (), files, self._studio.log.images)

    # -- a run ---------------------------------------------------------------------------------------

    @guarded
    def _press(
        self, button: object, most: int | None, ask: Callable[[], ImageRequest], parent: str | None = None
    ) -> None:
        self.work.click(button, most, ask, parent)

    def began(self) -> None:
        """Show that a press was accepted; called by the worker."""
        self._refused = {}
        self._touched = True
        self.bar.say_under_way()
        self._refresh()
        self.bar.working(0, self.work.under_way)

    def passing(self, seconds: float, jobs: int) -> None:
        """Update the clock; called by the worker while runs are under way.

        Args:
            seconds: since the oldest of them began.
            jobs: how many there are.
        """
        self.bar.working(seconds, jobs)
        self.bar.follow(self._studio.busy)

    def ended(self, job: Job, run: Run | None, *, late: bool) -> None:
        """Show how a press ended; called by the worker.

        Args:
            job: the press; ``job.failure`` is the error if there is no run.
            run: its run, or ``None``.
            late: whether Stop was pressed before.
        """
        if run is None:
            self._refresh()
            if job.failure is not None and self._stands_at_a_control(job.failure):
                self.bar.say("Nothing was sent: what is wrong stands at its control.")
            elif job.failure is not None:
                self.bar.say_error(job.failure)
            return
        if not late or (self.last is None and run.status != NOT_SENT):
            self.last = run
            self.form.seed.after_run(run.seed if len(run) else None)
        if late:
            self._refresh()
            self._say_late(run)
            return
        self._refused = refused(run)
        self._refresh()
        self.bar.say_run(run, job.seconds)

    def _say_late(self, run: Run) -> None:
        if self.work.under_way:
            return  # the line belongs to what is under way; the run stands among the pictures
        if run.status == NOT_SENT:
            self.bar.say(
                "Stopped in time: the service had not accepted it, so it was not sent, and nothing was charged."
            )
        elif run.error is not None:
            advice = run.error.advice if isinstance(run.error, EngineError) else ""
            self.bar.say(f"A run that was no longer waited for has failed: {run.error}", advice, wrong=True)
        else:
            self.bar.say("A run that was no longer waited for has come; its pictures stand below and in studio.log.")

    def _stands_at_a_control(self, error: BaseException) -> bool:
        return isinstance(error, RequestError) and self.form.check()[0] is None

    def show(self, run: Run, *, late: bool) -> None:
        """Show the pictures of a run; called by the worker.

        Args:
            run: a run that was stopped before it was sent is not shown.
            late: whether Stop was pressed before.
        """
        if run.status == NOT_SENT:
            return  # stopped in time: there is nothing to show, now or ever
        self.results.add(run, late=late)  # first: this is what the notebook keeps
        self.access.kept = self.results.state
        self.pictures.add(run, late=late)

    @guarded
    def on_budget_change(self) -> None:
        """Update everything that depends on the budget; the studio calls it after each change."""
        budget = self._studio.budget
        with self.work.lock:
            self._head.value = head_html(budget, charged=self._studio.charged)
            self.bar.afford(too_dear(self._price, budget))
            if not self.work.under_way:
                self.bar.idle()

    def fault(self, error: BaseException) -> None:
        """Show an error that occurred while the panel was updated; called by the worker."""
        self.bar.say_error(error)

    @guarded
    def _stop(self, _button: Any = None) -> None:
        with self.work.lock:
            stopped = self.work.stop()
            if not stopped:
                return
            self._refresh()
            sent = [job.request.price.high for job in stopped if job.request is not None]
            if not sent:
                self.bar.say("Stopped before anything was sent.")
                return
            price = usd(sum(sent))
            paid = (
                f"up to {price} is paid for it" if self._studio.charged else f"it counts up to {price} at list prices"
            )
            self.bar.say(
                f"Stopped waiting. The request has been sent, and {paid} if the service has accepted it; "
                "its pictures land in studio.log."
            )

    # -- with a picture ------------------------------------------------------------------------------

    @guarded
    def use_settings(self, request: ImageRequest) -> None:
        """Set the controls to a request, and every other one to "not sent". Nothing is sent to the service.

        Args:
            request: its ``extra`` has no control, and is left out.
        """
        size = ("width", "height") if request.width else ("aspect_ratio", "resolution")
        said = {name: value for name, value in request.parameters.items() if PARAMETERS[name].group != "Size"}
        said |= {name: request.parameters.get(name) for name in size}
        names = [name for name in PARAMETERS if PARAMETERS[name].group != "Size" and name != "prompt"]
        self.set(**{**dict.fromkeys(names), **said})
        extra = " What it had as extra= has no control and is left out." if request.extra else ""
        self.bar.say(f"The controls are as that run was made.{extra}")

    @guarded
    def use_seed(self, seed: int) -> None:
        """Set the seed. Nothing is sent to the service."""
        self.set(seed=seed)
        self.bar.say(f"seed {seed} stands in its box.")

    @guarded
    def use_reference(self, image: GeneratedImage) -> None:
        """Add a picture to the reference images. Nothing is sent to the service."""
        self.form.references.append(image)
        self.form.fold.open_for({"reference_images": ""})
        self.bar.say("The picture is the last of the reference images.")

    def make_again(self, button: object, most: int | None, request: ImageRequest, parent: str) -> None:
        """Send a request after the press of a button that shows its price.

        Args:
            button: the button.
            most: what it said that this costs at most, in micro-dollars; ``None`` if it said no price.
            request: for the new pictures.
            parent: the taskUUID of the run that this one makes again.
        """
        self._press(button, most, lambda: request, parent)
