"""The panel with axes: a template and what varies, the price of all cells, Run, a grid that fills."""

from __future__ import annotations

from typing import Any

from nbkit.request.image_request import ImageRequest
from nbkit.sweep.result import SweepResult
from nbkit.widgets.form.form import Form
from nbkit.widgets.jobs.job import StudioAPI
from nbkit.widgets.panel.panel import Panel
from nbkit.widgets.panel.workbench import Workbench

ALONE = (
    "An nbkit sweep panel. It needs a live kernel: here it does nothing and sends nothing. "
    "In Jupyter, run this cell again to use it. What it has made stands below."
)
EMPTY = "No sweep has been run yet: Run puts its grid here, and the saved notebook keeps it."


class SweepPanel(Workbench):
    """The panel with axes; ``studio.sweep_panel()`` makes one. As the last line of a cell it shows itself.

    Controls, Run and Stop can also be used from code; no notebook is needed for that.

    Args:
        studio: makes the sweeps.
        **parameters: the first values of the controls, as ``studio.sweep`` and ``sweep.run`` take them: a list-like
            value is an axis, any other value is fixed.

    Attributes:
        form: all controls: ``form.axes`` of the axes, ``form.options``, and what stays the same.
        jobs: what is under way.
        sweeps: the sweep that the controls ask for.
        saved: the output under the panel, which a saved notebook keeps.

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
        form = Form(sweeps=True, model=studio.model)
        if parameters:
            form.write_sweep(parameters)
        super().__init__(studio, form, alone=ALONE, saved=EMPTY, verbs=("Run", "Go on"), queue=0)

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
        return self.sweeps.code

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
        self.form.write_sweep(parameters)

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
        return self._presses.add_sweep(self.sweeps.work(confirm=confirm))

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
        self._wait(timeout)
        return self.result

    def _open_cell(self, request: ImageRequest) -> Panel:
        """A panel of its own for one picture, under the grid."""
        return Panel(self._studio, **request.parameters)

    def __repr__(self) -> str:
        return f"<SweepPanel{self.sweeps!r}>"
