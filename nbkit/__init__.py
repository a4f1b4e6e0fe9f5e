"""nbkit: a Jupyter toolkit for the image model Nano Banana 2 (``google:4@3``), reached over the Runware image API.

    >>> import nbkit
    >>> studio = nbkit.Studio(engine="offline")
    >>> run = studio.generate("A paper lantern shop at night", temperature=0.72, seed=7)
    >>> run.image.seed, run.cost
    (7, 0.06895)

Importing it does no work: each public name is loaded when it is first used.

Architecture
------------

Each folder imports only folders that stand before it in this list; a test asserts the order.

==============  ====================================================================================================
tracebacks.py   an error as IPython shows it: the user's own lines and the message
errors.py       everything that nbkit raises, as one tree
statistics/     which differences are real: strengths from judgements, means of settings, power; of plain values
request/        what may be asked: each parameter declared once, the model as data, reference images, prices
display/        pure functions from plain values to HTML and text, lettering, the typeface
service/        one exchange with the service, without memory: answers, failures, downloads, limits, key, cancel token
measures/       what can be read from the bytes and pixels of a picture: format, previews, text, likeness
metadata/       settings inside the files of pictures: spliced in without touching a pixel, and read back
results/        values that people hold: run, picture, estimate, budget
log/            what stays: tables, frames, filters, annotations, pictures, judgements, exports, copies, checks, whose it is
ledger/         the only folder that may spend: budgets, the journal, one task until its outcome is known, recovery
comparison/     pictures beside each other, with only what differs; which differences are more than noise
history.py      ``RunLog``, the log as a person holds it
sweep/          axes and cells, the plan and its price, the loop that runs it, the result
offline/        the engine that needs no key: the wire contract, the painter, a server; loaded only when it is chosen
backends.py     which service, and which key goes to it
audience/       an audience that votes from phones: pairs, voters, pages, a server beside the kernel; loaded when a vote opens
widgets/        the panel, the sweep panel, the gallery, the explorer of a sweep's grid, the arena
studio.py       ``Studio``, the facade that joins all of it
commands.py     ``python -m nbkit`` on a log: recover, export, backup, verify, doctor
completion.py   TAB: parameters and their values
magic.py        the ``%%imagine`` cell
teach.py        for lessons: a guess before the result, and the two compared; exercises
lessons.py      ``python -m nbkit lessons``: students' and teachers' notebooks and pages, of one source each
recording.py    ``python -m nbkit pack``: a notebook is run and recorded, a log is packed
classroom/      a class on one server: students with keys and budgets, a policy, a fair queue; commands and pages
==============  ====================================================================================================

Life of a run
-------------

``studio.generate("A lantern", seed=7)`` and a press on a panel's Generate take the same way:

1. :class:`~nbkit.ImageRequest` checks each value. A mistake raises ``RequestError`` with the nearest valid value.
2. ``Ledger.run`` writes a row with the status ``planned`` and holds the upper estimate, in one transaction. If that
   exceeds the budget it raises ``BudgetExceeded``. Nothing has been sent. The rest happens on an executor, by default in
   a thread that Stop does not kill, and the caller has a future.
3. The run waits for a slot of the service, its row is marked ``sent``, and a ``TaskSession`` gets the task. The row's
   taskUUID is the idempotency key: the service never runs a taskUUID twice.
4. The ``TaskSession`` posts the task with the ``Client`` and reads the answer as a ``TaskResponse``. When the answer is lost,
   it asks the service what became of the task, and sends it again only if the service does not know it. ``status_of`` the
   last response is done, failed, blocked or unknown.
5. ``Ledger.settle`` writes results, costs and addresses, replaces the hold by what was spent, then downloads each picture
   and stores it under the hash of its bytes. While some results are open, those that came are settled, and money stays
   held for the others.
6. The run comes back as a :class:`~nbkit.Run`. It shows itself with previews; the original is ``run.image.path``.

A kernel that dies in between leaves a row that says how far the run came. ``studio.recover()`` in a later kernel asks the
service about each open row and settles it; rows that came with a log of somebody else are left alone until the user trusts
it. A sweep is a loop over ``Ledger.run``, which waits for room and for money.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # in a typed package, `as` makes a name public
    from nbkit import errors as errors
    from nbkit import statistics as statistics
    from nbkit import teach as teach
    from nbkit.comparison.pictures import show as show
    from nbkit.comparison.result import Comparison as Comparison
    from nbkit.comparison.result import compare as compare
    from nbkit.errors import BudgetExceeded as BudgetExceeded
    from nbkit.errors import NbkitError as NbkitError
    from nbkit.errors import RequestError as RequestError
    from nbkit.history import RunLog as RunLog
    from nbkit.measures.quotations import expected as expected
    from nbkit.metadata.reading import read as read
    from nbkit.offline.engine import Offline as Offline
    from nbkit.request.image_request import ImageRequest as ImageRequest
    from nbkit.request.models import models as models
    from nbkit.request.profile import Profile as Profile
    from nbkit.results.money import Budget as Budget
    from nbkit.results.money import Estimate as Estimate
    from nbkit.results.run import GeneratedImage as GeneratedImage
    from nbkit.results.run import Run as Run
    from nbkit.service.pace import Pace as Pace
    from nbkit.studio import Studio as Studio
    from nbkit.sweep.result import SweepResult as SweepResult
    from nbkit.sweep.runner import SweepRun as SweepRun
    from nbkit.sweep.sweep import Sweep as Sweep
    from nbkit.widgets.arena.arena import Arena as Arena
    from nbkit.widgets.explorer.explorer import Explorer as Explorer
    from nbkit.widgets.gallery.gallery import Gallery as Gallery
    from nbkit.widgets.panel.panel import Panel as Panel
    from nbkit.widgets.panel.sweep_panel import SweepPanel as SweepPanel

__version__ = "0.1.0"

_MODULES = {
    "Arena": "nbkit.widgets.arena.arena",
    "Budget": "nbkit.results.money",
    "BudgetExceeded": "nbkit.errors",
    "Comparison": "nbkit.comparison.result",
    "Estimate": "nbkit.results.money",
    "Explorer": "nbkit.widgets.explorer.explorer",
    "Gallery": "nbkit.widgets.gallery.gallery",
    "GeneratedImage": "nbkit.results.run",
    "ImageRequest": "nbkit.request.image_request",
    "NbkitError": "nbkit.errors",
    "Offline": "nbkit.offline.engine",
    "Pace": "nbkit.service.pace",
    "Profile": "nbkit.request.profile",
    "Panel": "nbkit.widgets.panel.panel",
    "RequestError": "nbkit.errors",
    "Run": "nbkit.results.run",
    "RunLog": "nbkit.history",
    "Studio": "nbkit.studio",
    "Sweep": "nbkit.sweep.sweep",
    "SweepPanel": "nbkit.widgets.panel.sweep_panel",
    "SweepResult": "nbkit.sweep.result",
    "SweepRun": "nbkit.sweep.runner",
    "compare": "nbkit.studio",  # which joins it with the widget that hands out originals
    "errors": "nbkit.errors",
    "expected": "nbkit.measures.quotations",
    "models": "nbkit.request.models",
    "read": "nbkit.metadata.reading",
    "show": "nbkit.comparison.pictures",
    "statistics": "nbkit.statistics",
    "teach": "nbkit.teach",
    "load_ipython_extension": "nbkit.magic",  # for %load_ext nbkit, not for people, so not in __all__
    "unload_ipython_extension": "nbkit.magic",
}
"""The module of each public name, from which it is loaded."""

__all__ = [name for name in _MODULES if not name.endswith("_ipython_extension")]


if not TYPE_CHECKING:  # a type checker would take it for any name, and find no misspelled one

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module 'nbkit' has no attribute {name!r}")
        module = importlib.import_module(_MODULES[name])
        value = module if _MODULES[name] == f"nbkit.{name}" else getattr(module, name)
        globals()[name] = value  # from now on the name is found without this function
        return value


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})


def _leave_out_of_autoreload(shell: Any) -> None:
    """Let IPython's ``%autoreload`` pass over nbkit's modules, as ``%aimport -nbkit.…`` does.

    A class that is loaded again is another class: runs and errors of the old one would not be recognised any more, in the
    middle of paid work. ``%aimport nbkit.…`` has a module reloaded all the same.
    """
    done: set[tuple[Any, str]] = set()

    def skip_modules() -> None:
        """Called after each cell, because modules are loaded when they are first used."""
        if (magic := shell.find_line_magic("aimport")) is None:  # the extension is not loaded
            return
        for name in list(sys.modules):
            if name.partition(".")[0] == "nbkit" and (magic, name) not in done:
                done.add((magic, name))
                magic(f"-{name}")

    shell.events.register("post_execute", skip_modules)


def _complete_parameters(shell: Any) -> None:
    """Have TAB complete the parameters of a request and their values; see :mod:`nbkit.completion`."""

    def complete(context: Any) -> Any:
        try:
            completion = importlib.import_module("nbkit.completion")
            return completion.complete(context, shell.user_ns, shell.user_ns_hidden)
        except Exception:  # noqa: BLE001  IPython would print its traceback into the cell that is being typed
            return {"completions": []}

    complete.matcher_api_version, complete.matcher_identifier = 2, "nbkit.parameters"  # type: ignore[attr-defined]
    matchers = shell.Completer.custom_matchers
    matchers[:] = [m for m in matchers if getattr(m, "matcher_identifier", "") != "nbkit.parameters"]
    matchers.append(complete)


def _join_ipython() -> None:
    """Do what IPython needs to know of nbkit, where nbkit is imported in it."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    for join in (_leave_out_of_autoreload, _complete_parameters) if shell else ():
        with contextlib.suppress(Exception):  # a shell that is not IPython's own may lack something
            join(shell)


_join_ipython()
