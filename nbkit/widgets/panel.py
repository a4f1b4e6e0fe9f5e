"""The interactive form: prompt, parameters, Generate with its price, the picture under it.

Controls are widgets and results are outputs (:mod:`nbkit.widgets.outputs`). A press of Generate starts one run in
a thread of its own and returns, because handlers run in the main thread of some kernels and in another thread of
others, and an exception or a ``print`` in one shows nowhere: whatever goes wrong is caught here and said in the
panel. What two threads touch is guarded by one lock.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from nbkit.display.text import ellipsis, usd, usd_range
from nbkit.errors import RequestError
from nbkit.request import ImageRequest
from nbkit.run import Run
from nbkit.waiting import in_thread
from nbkit.widgets.bar import Bar, head_html
from nbkit.widgets.controls import Control
from nbkit.widgets.form import Form
from nbkit.widgets.job import Host, Job, refused
from nbkit.widgets.outputs import Results, publish
from nbkit.widgets.source import Source
from nbkit.widgets.style import style_sheet

TICK = 0.25
"""Seconds between two movements of the clock: a page takes 10 to 20 messages a second in all."""
DOUBLE_CLICK = 0.5
"""Seconds within which a second click is the second half of a double click."""
SETTLE = 0.15
"""Seconds that a click waits for the last keystroke. While a kernel is busy, the page sends a control's first change
and holds back the next until that one is answered, but it does not hold back the click: without this pause a paid run
was made of half a prompt, in JupyterLab with comms outside subshells."""
ALONE = "An nbkit panel: run this cell again to use it. Its results stand below."


def _guarded(method: Callable[..., None]) -> Callable[..., None]:
    """Show in the panel what a handler raises: Jupyter would lose it."""

    @functools.wraps(method)
    def handler(panel: Panel, *arguments: Any) -> None:
        try:
            method(panel, *arguments)
        except Exception as error:  # noqa: BLE001  whatever it is, a person has to see it
            panel.bar.say_error(error)

    return handler


class Panel:
    """The form of a studio, shown as the last line of a cell; ``studio.panel()`` makes it.

    Args:
        studio: where runs are made and money is kept.
        **parameters: what the controls show at first.

    Attributes:
        controls: by the Python name of each parameter.
        last: the latest :class:`~nbkit.Run` of this panel, or ``None``.
        box: the widget, to be placed into other widgets.
        results: the output under it.
    """

    def __init__(self, studio: Host, **parameters: Any) -> None:
        self._studio = studio
        self._lock = threading.RLock()
        self._job: Job | None = None
        self._latest_job: Job | None = None
        self._refused: dict[str, str] = {}
        self._touched = False
        self._clicked_at = float("-inf")
        self.last: Run | None = None
        self.form, self.source, self.results = Form(), Source(), Results()
        self.bar = Bar(charged=studio.charged)
        self._head = widgets.HTML()
        self.box = self._build()
        if parameters:
            self.form.write(parameters)
        self.form.on_change(self._changed)
        self.source.on_change(self._refresh)
        self.bar.generate.on_click(self._click)
        self.bar.stop.on_click(self._stop)
        self._refresh()

    def _build(self) -> widgets.VBox:
        buttons = widgets.HBox((self.bar.generate, self.bar.stop, self.bar.beside, self.source.buttons))
        buttons.add_class("nbkit-bar")
        box = widgets.VBox((style_sheet(), self._head, self.form.box, buttons, self.bar.under, self.source.box))
        box.add_class("nbkit-panel")
        return box

    # -- from code -------------------------------------------------------------------------------------

    @property
    def controls(self) -> dict[str, Control]:
        return self.form.controls

    @property
    def request(self) -> ImageRequest:
        """What the controls ask for now.

        Raises:
            RequestError: if the model does not allow it; the message says what it does allow.
        """
        request, problems = self.form.check()
        if request is None:
            raise next(iter(problems.values()))
        return request

    def set(self, **parameters: Any) -> None:
        """Set controls, in any spelling; ``None`` sets one to "not sent". Nothing is sent.

        Raises:
            UnknownParameter: for a name that is no parameter; no control moves.
            RequestError: for a value that the model does not allow; no control moves.
        """
        with self._lock:
            self.form.write(parameters)

    def generate(self) -> bool:
        """Press Generate. Returns at once: ``panel.wait()`` waits for the run.

        Returns:
            Whether a run was started; ``False`` while one is under way.

        Raises:
            RequestError, BudgetExceeded, StorageError: as the panel shows them; nothing is sent.
        """
        job = self._take()
        if job is None:
            return False
        self._send(job)
        if job.failure is not None:
            raise job.failure
        return True

    def wait(self, timeout: float | None = None) -> Run | None:
        """Wait for the work under way, and return the latest run.

        Raises:
            TimeoutError: if it takes more than ``timeout`` seconds; the work goes on.
            NbkitError: what kept it from being a run at all.
        """
        job = self._latest_job
        if job is not None:
            if not job.over.wait(timeout):
                raise TimeoutError(f"the run is still under way after {timeout} s; panel.wait() waits on")
            if job.failure is not None:
                raise job.failure
        return self.last

    # -- showing it ------------------------------------------------------------------------------------

    def _ipython_display_(self) -> None:
        self._refresh()
        view = dict(self.box._repr_mimebundle_())
        publish({**view, "text/plain": ALONE, "text/html": f"<em>{ALONE}</em>"}, raw=True)
        self.results.place()

    def __repr__(self) -> str:
        request, problems = self.form.check()
        if request is None:
            return f"<Panel, not ready: {ellipsis(str(next(iter(problems.values()))), 80)}>"
        return f"<Panel {ellipsis(request.prompt, 40)!r}, {usd_range(request.price)}>"

    @_guarded
    def _changed(self) -> None:
        self._touched = True
        self._refused = {}
        self._refresh()

    @_guarded
    def _refresh(self) -> None:
        """Bring everything that follows from the controls in step with them; sends nothing."""
        with self._lock:
            self.form.size.follow("reference_images" in self.form.references.read())
            self.form.fold.tell()
            request, problems = self.form.check()
            complaints = {name: str(error) for name, error in problems.items()} or self._refused
            self.form.complain(complaints, gently=not self._touched)
            self.source.show(request, self.form.references.files)
            self._head.value = head_html(self._studio.budget, charged=self._studio.charged)
            reason = f"not ready: {' and '.join(problems)}" if problems else ""
            if self._job is None:
                self.bar.idle()
                self.bar.offer(request.price if request else None, reason)

    # -- a run ---------------------------------------------------------------------------------------

    @_guarded
    def _click(self, _button: Any) -> None:
        now = time.monotonic()
        with self._lock:
            twice = now - self._clicked_at < DOUBLE_CLICK
            self._clicked_at = now
        job = None if twice else self._take()
        if job is not None:
            in_thread(lambda: self._send_settled(job), "nbkit-panel")

    def _take(self) -> Job | None:
        """Begin a job, unless there is one: two presses make one run."""
        with self._lock:
            if self._job is not None:
                return None
            job = self._job = self._latest_job = Job()
            self._refused = {}
            self.bar.say()
            self.bar.working(0)
        in_thread(lambda: self._tick(job), "nbkit-panel-clock")
        return job

    def _send_settled(self, job: Job) -> None:
        time.sleep(SETTLE)
        self._send(job)

    def _send(self, job: Job) -> None:
        try:
            with self._lock:
                if self._job is not job:
                    return  # stopped before anything was sent
                self._touched = True
                job.request = self.request
            self._studio.start(job.request, lambda run, error: self._done(job, run, error))
        except Exception as error:  # noqa: BLE001  there is nobody above to tell it to
            self._done(job, None, error)

    def _tick(self, job: Job) -> None:
        while not job.over.wait(TICK):
            with self._lock:
                if self._job is job:
                    self.bar.working(job.seconds)

    def _done(self, job: Job, run: Run | None, error: BaseException | None) -> None:
        """The run has ended; called from the thread that made it."""
        try:
            with self._lock:
                late = self._job is not job
                if not late:
                    self._job = None
                self._take_in(job, run, error, late=late)
            if run is not None:
                self.results.add(run, late=late)  # not under the lock: making previews takes its time
        except Exception as fault:  # noqa: BLE001  a fault in showing it is shown too; the run itself is in the log
            job.failure = fault
            self.bar.say_error(fault)
        finally:
            job.over.set()

    def _take_in(self, job: Job, run: Run | None, error: BaseException | None, *, late: bool) -> None:
        if run is None:
            job.failure = error
            self._refresh()
            if error is not None and not isinstance(error, RequestError):  # that one stands at its control
                self.bar.say_error(error)
            return
        if not late or self.last is None:
            self.last = run
            self.form.seed.offer(run.seed)
        self._refused = refused(run)
        self._refresh()
        if late:
            self.bar.say("A run that was no longer waited for has come; its pictures stand below and in studio.log.")
        else:
            self.bar.say_run(run, job.seconds)

    @_guarded
    def _stop(self, _button: Any = None) -> None:
        with self._lock:
            job, self._job = self._job, None
            if job is None:
                return
            job.over.set()
            self._refresh()
            if job.request is None:
                self.bar.say("Stopped before anything was sent.")
                return
            price = usd(job.request.price.high)
            paid = (
                f"up to {price} is paid for it" if self._studio.charged else f"it counts up to {price} at list prices"
            )
            self.bar.say(f"Stopped waiting. The request has been sent, and {paid}; its pictures land in studio.log.")
