"""The interactive form for one request at a time; with a control that varies, for a sweep."""

from __future__ import annotations

from typing import Any, Unpack

from nbkit.display.text import ellipsis, usd_short_range
from nbkit.errors import NbkitError, RequestError
from nbkit.request.image_request import ImageRequest
from nbkit.request.keywords import RequestChanges, name_parameters
from nbkit.results.run import GeneratedImage, Run
from nbkit.widgets.form.form import Form
from nbkit.widgets.jobs.job import StudioAPI
from nbkit.widgets.panel import status
from nbkit.widgets.panel.workbench import Workbench

ALONE = (
    "An nbkit panel. It needs a live kernel: here it does nothing and sends nothing. "
    "In Jupyter, run this cell again to use it; in code, call panel.generate() and panel.wait(). "
    "What it has made stands below."
)
NO_PICTURE = (
    "No picture yet. The panel that makes one needs a live kernel: in Jupyter, run this cell again and press Generate; "
    "in code, call panel.generate() and panel.wait()."
)


class Panel(Workbench):
    """The interactive form of a studio; ``studio.panel()`` makes one. As the last line of a cell it shows itself.

    It is a widget, and can be put into other widgets. Controls, Generate and Stop can also be used from code; no
    notebook is needed for that. A control's mark makes it an axis of several values: Generate then runs a sweep.

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
        sweeps: the sweep that is asked for while something takes several values.
        saved: the output under the panel, which a saved notebook keeps.

    Raises:
        RequestError: for a value that the model does not allow, and for ``at_once`` below 1.

    Example:
        >>> import nbkit
        >>> panel = nbkit.Studio(engine="offline").panel("A paper lantern", temperature=0.4, seed=7)
        >>> panel
        <Panel 'A paper lantern', $0.069>
        >>> panel.generate()
        True
        >>> run = panel.wait()
        >>> run.status, run.image.seed
        ('done', 7)
    """

    def __init__(self, studio: StudioAPI, *, at_once: int = 1, draft: bool = False, **parameters: Any) -> None:
        if isinstance(at_once, bool) or not isinstance(at_once, int) or at_once < 1:
            raise RequestError(f"at_once={at_once!r}: must be a whole number of at least 1", parameter="at_once")
        form = Form(model=studio.model)
        form.draft = draft
        if parameters:
            form.write(parameters)
        super().__init__(studio, form, alone=ALONE, saved=NO_PICTURE, verbs=("Generate", "Generate"), at_once=at_once)

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

    @name_parameters
    def set(self, **changes: Unpack[RequestChanges]) -> None:
        """Set controls. Nothing is sent to the service.

        Args:
            **changes: parameters in Python's or the API's spelling; ``None`` sets a control to "not sent". What took
                several values takes this one.

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
        with self.form.change():
            self.form.write(changes)
            self.form.hold_still(changes)

    def edit(self, image: GeneratedImage) -> None:
        """Press Edit this: the picture becomes the only reference image, and the prompt waits for the change.

        Args:
            image: of any run of this studio's log.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern shop", seed=7)
            >>> panel = studio.panel()
            >>> panel.edit(run.image)
            >>> panel.set(prompt="The same shop in the snow")
            >>> len(panel.request.reference_images)
            1
        """
        request = image.request or ImageRequest(image.prompt)
        self._presses.edit(image, request)

    def generate(self) -> bool:
        """Press Generate. This returns at once; :meth:`wait` waits for the run.

        Returns:
            Whether the press was taken: while ``at_once`` runs are under way it waits in line, and ``False`` if four
            wait already.

        Raises:
            RequestError: if the model does not allow what the controls describe; and for a sweep of more than a
                hundred images, which ``panel.sweep.run(confirm=True)`` sends.
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
            taken = self._add()
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

    def _add(self) -> bool:
        if self.form.is_sweep:
            return self._presses.add_sweep(self.sweeps.work(confirm=False))
        return self._presses.add(self.request)

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
        self._wait(timeout)
        return self.last

    def __repr__(self) -> str:
        if self.form.is_sweep:
            return f"<Panel{self.sweeps!r}>"
        request, problems = self.form.check()
        if request is None:
            return f"<Panel, not ready: {ellipsis(str(next(iter(problems.values()))), 80)}>"
        return f"<Panel {ellipsis(request.prompt, 40)!r}, {usd_short_range(self._studio.price_of(request))}>"
