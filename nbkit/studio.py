"""The studio: what a person holds. It joins the other rooms and adds nothing of its own."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import uuid
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pandas as pd

from nbkit import engines
from nbkit.client import Client, Secret
from nbkit.conversation import Pace
from nbkit.display.text import usd
from nbkit.errors import NbkitError, RequestError
from nbkit.gate import Gate
from nbkit.ledger import Ledger
from nbkit.log import RunLog
from nbkit.model import MICRO
from nbkit.money import Budget, Estimate, limit_in_micros
from nbkit.request import PARAMETERS, ImageRequest
from nbkit.run import DONE, FINAL, Money, Run
from nbkit.storage.accounts import Limits
from nbkit.storage.journal import Plan
from nbkit.sweep.axes import lay_out, overridden
from nbkit.sweep.cell import Cell
from nbkit.sweep.cells import Cells
from nbkit.sweep.sweep import Sweep, Workshop
from nbkit.waiting import in_thread
from nbkit.watchers import Watcher, Watchers
from nbkit.widgets.gallery.gallery import Gallery
from nbkit.widgets.panel.panel import Panel
from nbkit.widgets.sweep_panel.sweep_panel import SweepPanel

F = TypeVar("F", bound=Callable[..., Any])

_told: set[str] = set()  # notices that this kernel has given: each is given once


def _shows_parameters(function: F) -> F:
    """Give a function that takes ``**parameters`` a signature that names them, for completion and ``?``."""
    own = [p for p in inspect.signature(function).parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    named = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=None) for n in PARAMETERS if n != "prompt"]
    extra = inspect.Parameter("extra", inspect.Parameter.KEYWORD_ONLY, default=None)
    function.__signature__ = inspect.Signature([*own, *named, extra])  # type: ignore[attr-defined]
    lines = "".join(f"\n        {p.name}: {p.help} Takes {p.kind.rule()}." for p in PARAMETERS.values())
    function.__doc__ = f"{(function.__doc__ or '').rstrip()}\n\n    Parameters of the request:{lines}\n"
    return function


class Studio:
    """A place to make pictures: an engine, a log, a budget.

    Args:
        engine: ``"offline"``, ``"runware"``, the address of a server that speaks the API, or an
            :class:`nbkit.Offline`. Left out, it is the real API where ``RUNWARE_API_KEY`` is set, and the offline
            engine, which says so, where it is not.
        api_key: the key for ``engine``; by default ``RUNWARE_API_KEY``, for the vendor's own host and this machine only.
        path: the folder of the log and the pictures; beside the notebook unless it is absolute.
        budget: the most that this studio may spend, in USD.
        daily_budget: the most that all studios on this log may spend in a day of local time, in USD.
        reuse: answer a request with a seed that is in the log already from the log, at no cost.
        transport: an httpx transport in place of the network.
        pace: a :class:`nbkit.conversation.Pace`: how long to wait between two questions, and how often to try.

    Raises:
        ConfigurationError: if the engine needs a key and has none, or does not exist.
        StorageError: if the folder cannot be used; ``LogVersionError`` if a newer nbkit made the log.
    """

    def __init__(
        self,
        *,
        engine: Any = None,
        api_key: str | None = None,
        path: str | Path = "nbkit-runs",
        budget: float | None = None,
        daily_budget: float | None = None,
        reuse: bool = False,
        transport: httpx.BaseTransport | None = None,
        pace: Pace | None = None,
    ) -> None:
        key = Secret(api_key)
        del api_key  # from here on no traceback that prints local variables can show it
        limits = Limits(limit_in_micros("budget", budget), limit_in_micros("daily_budget", daily_budget))
        self._engine = engines.choose(engine, api_key=key, transport=transport, pace=pace)
        self._limits = limits
        self._account = uuid.uuid4().hex
        self._reuse = reuse
        self._last: Run | None = None
        self._watchers = Watchers()
        # The log's runs hold a way back to the studio, and a studio must still end when nobody holds it.
        studio = weakref.ref(self)
        self.log = RunLog(Path(path).expanduser(), lambda run: _finished(studio(), run))
        self._client = Client(self._engine.url, api_key=self._engine.api_key, transport=self._engine.transport)
        self._ledger = Ledger(
            self._client,
            self.log.journal,
            self.log.history,
            self.log.store,
            engine=self._engine.name,
            charged=self._engine.charged,
            studio=self._account,
            limits=limits,
            pace=self._engine.pace,
            moved=self._watchers.tell,
        )
        self._closing = weakref.finalize(self, _close, self._client, self.log)
        if self._engine.by_default:
            _tell_once(engines.NOTICE)

    # -- making pictures ---------------------------------------------------------------------------------

    @_shows_parameters
    def generate(
        self, prompt: str | ImageRequest | None = None, *, reuse: bool | None = None, **parameters: Any
    ) -> Run:
        """Make pictures, and wait for them.

        The run is in the log before the request leaves, and its pictures are on disk before this returns. Stop
        (an interrupt) ends the waiting at once; what has been sent goes on by itself and lands in the log.

        Args:
            prompt: text, or an :class:`~nbkit.ImageRequest`, which keywords override.
            reuse: like the studio's, for this call.
            **parameters: of the request, in Python's or the API's spelling.

        Returns:
            The :class:`~nbkit.Run`. A refusal or a failure is a result too: ``run.status`` tells, and
            ``run.raise_for_status()`` makes an exception of it.

        Raises:
            RequestError: for a parameter that the model does not allow; nothing is sent.
            BudgetExceeded: if it might cost more than is left; nothing is sent.
            StorageError: if the log cannot be written; nothing is sent.
        """
        self._check_open()
        request = self._request(prompt, **parameters)
        logged = self._logged(request, self._reuse if reuse is None else reuse)
        if logged is not None:
            return logged
        return self._wait(self._ledger.plan(request))

    @_shows_parameters
    def estimate(self, prompt: str | ImageRequest | None = None, **parameters: Any) -> Estimate:
        """What a request would cost, in USD, before it is sent: a number with ``.low`` and ``.high``."""
        return Estimate(self._request(prompt, **parameters).price)

    def sweep(
        self,
        prompt: Any = None,
        *,
        combine: str = "product",
        sample: int | None = None,
        random_state: int | None = None,
        where: Callable[[Cell], Any] | None = None,
        repeats: int = 1,
        name: str | None = None,
        **parameters: Any,
    ) -> Sweep:
        """Many requests from one call: a list-like value is an axis, anything else stays.

        ``studio.sweep("A {colour} lantern", colour=["red", "jade"], temperature=[0.2, 0.8], seed=[1, 2, 3])`` has
        twelve cells. Nothing is sent before ``.run()``; ``.plan()`` tells the price.

        Args:
            prompt: text, a list of texts (an axis), or an :class:`~nbkit.ImageRequest` whose values stay unless a
                keyword overrides them. ``{name}`` stands for the keyword of that name.
            combine: ``"product"`` crosses the axes, the last one fastest; ``"zip"`` goes through them step by step.
            sample: draw this many cells, the same ones in every kernel.
            random_state: another draw.
            where: keeps the cells for which it is true: ``where=lambda cell: cell.temperature < 0.5``.
            repeats: how often each cell is made, each time with a fresh seed.
            name: what the sweep is known by when it goes on in a later kernel; made of its template, fixed values
                and axis names unless given.
            **parameters: of the request, and variables of the template.

        Raises:
            RequestError: for a value that the model does not allow; it names the axis and the value.
        """
        if isinstance(prompt, ImageRequest):
            parameters = overridden(prompt, parameters)
        elif prompt is not None:
            parameters = {"prompt": prompt, **parameters}
        cells = Cells(
            lay_out(parameters, combine=combine),
            name=name,
            repeats=repeats,
            sample=sample,
            random_state=random_state,
            where=where,
        )
        self._check_open()
        return Sweep(cells, Workshop(self._ledger, self.log, self.engine, self.charged, self.balance))

    def start(
        self,
        request: ImageRequest,
        done: Callable[[Run | None, BaseException | None], None],
        *,
        parent: str | None = None,
        begun: Callable[[Gate], None] = lambda _: None,
    ) -> None:
        """Make a request's pictures in the background; ``done`` is called with the run, or with what went wrong.

        With ``reuse`` a request that the log answers is done at once, unless an earlier run of it has to be asked for.

        Args:
            request: for the pictures.
            done: told the end, from any thread; neither run nor error where nobody waits for it and nothing has come.
            parent: the taskUUID of the run that it makes again.
            begun: told a gate before anything is waited for: once that is shut, nothing is sent that the service has not
                accepted. A later one takes its place.

        Raises:
            BudgetExceeded, StorageError: before anything is sent.
        """
        self._check_open()
        gate = self._ledger.gate()
        begun(gate)
        logged = self._logged(request, self._reuse, gate)
        if logged is not None:
            # An earlier run that nobody waits for, and whose outcome stays open, is nothing that has come.
            done(None if gate.is_stopped and logged.status not in FINAL else logged, None)
            return
        if gate.is_shut:  # others were turned away while the log was asked; what is asked for later is tried
            gate = self._ledger.gate()
            begun(gate)
        plan = self._ledger.plan(request, parent=parent)
        future = in_thread(lambda: self._carry_out(plan, gate))
        future.add_done_callback(lambda f: done(None, f.exception()) if f.exception() else done(f.result(), None))

    def recover(self, *, resend: bool = False) -> pd.DataFrame:
        """Settle every run whose outcome is not known, and fetch pictures that are paid and not here yet.

        It asks the service and starts no paid work, unless ``resend=True`` allows to send a task that the service
        does not know again, under its own taskUUID. Runs that a living kernel works on are left alone.

        Returns:
            One row per run: its task, its status before and after, what was found out, and what it cost.
        """
        found = self._ledger.recovery.recover(resend=resend)
        costs = [self.log.history.cost(r.task_uuid) for r in found]
        rows = [
            (r.task_uuid, r.before, r.after, r.note, None if cost is None else cost / MICRO)
            for r, cost in zip(found, costs, strict=True)
        ]
        frame = pd.DataFrame(rows, columns=["taskUUID", "before", "after", "note", "cost"])
        return frame.astype(
            {"taskUUID": "string", "before": "string", "after": "string", "note": "string", "cost": "Float64"}
        )

    # -- looking at them -----------------------------------------------------------------------------------

    @property
    def df(self) -> pd.DataFrame:
        """The log as a DataFrame: ``studio.log.to_frame()``."""
        return self.log.to_frame()

    @property
    def last(self) -> Run | None:
        """The latest run of this studio; of the log, if it has made none."""
        if self._last is None:
            return next(iter(map(self._finish, self.log.history.latest(1))), None)
        return self._last

    def panel(self, prompt: str | None = None, *, at_once: int = 1, draft: bool = False, **parameters: Any) -> Panel:
        """The interactive form: prompt, parameters, Generate with its price, the pictures.

        Args:
            prompt: what its prompt box begins with.
            at_once: how many of its runs may be under way at the same time.
            draft: whether it begins with everything at 0.5K and one result.
            **parameters: what its other controls begin with, in either spelling.
        """
        first = {} if prompt is None else {"prompt": prompt}
        return Panel(self, at_once=at_once, draft=draft, **first, **parameters)

    def sweep_panel(self, prompt: Any = None, **parameters: Any) -> SweepPanel:
        """The interactive form for sweeps: axes and values, cells and price, Run, Stop, a grid that fills.

        ``studio.sweep_panel("A {colour} lantern", colour=["red", "jade"], seed=[1, 2], aspect_ratio="3:2")`` begins
        with two axes. Nothing is sent before Run.

        Args:
            prompt: what its prompt box begins with; ``{name}`` in it becomes an axis. An
                :class:`~nbkit.ImageRequest` sets all that it holds.
            **parameters: what it begins with, as :meth:`sweep` and ``sweep.run`` take it (``combine``, ``repeats``,
                ``sample``, ``name``, ``max_workers``, ``budget``, ``retry``): a list-like value is an axis, anything
                else stays.
        """
        if isinstance(prompt, ImageRequest):
            parameters = overridden(prompt, parameters)
        elif prompt is not None:
            parameters = {"prompt": prompt, **parameters}
        return SweepPanel(self, **parameters)

    def gallery(self, frame: pd.DataFrame | None = None, *, size: int = 160, height: str | None = "520px") -> Gallery:
        """The log's pictures to browse, filter, rate and pick from; ``gallery.selection`` is what is selected.

        Args:
            frame: rows of the log to show, after whatever pandas did to them; all, the newest first, unless given.
            size: of a picture, in CSS pixels.
            height: of the part with the pictures, in CSS; ``None``: as tall as they are.

        Raises:
            NbkitError: if the frame's rows do not know their pictures.
        """
        gallery = Gallery(self.log, frame, size=size, height=height)
        self.watch(gallery)
        return gallery

    # -- money -----------------------------------------------------------------------------------------------

    @property
    def budget(self) -> Budget:
        """What this studio may spend, has spent, and holds for runs that are not settled, in USD."""
        account = self.log.journal.account(self._account)
        limit = self._limits.studio
        return Budget(None if limit is None else limit / MICRO, account.spent / MICRO, account.held / MICRO)

    @property
    def charged(self) -> bool:
        """Whether this studio spends real money, as far as is known before an answer says so."""
        return self._engine.charged

    @property
    def engine(self) -> str:
        """``runware``, ``offline``, or an address."""
        return self._engine.name

    def balance(self) -> float:
        """What the account holds, in USD.

        Raises:
            EngineError: if the service does not say, or cannot be reached.
        """
        return self._client.balance()

    def __repr__(self) -> str:
        if not hasattr(self, "_closing"):  # a traceback shows it half made
            return "<Studio>"
        return f"<Studio {self.engine}, log in {self.log.folder.as_posix()}, {repr(self.budget)[1:-1].lower()}>"

    def close(self) -> None:
        """Close the connections. A studio that nobody holds any more closes by itself; a panel that is shown holds it."""
        self._closing()

    def watch(self, watcher: Watcher) -> None:
        """Have ``watcher.money_moved()`` called whenever money has moved, as long as somebody holds it."""
        self._watchers.add(watcher)

    # -- inside ------------------------------------------------------------------------------------------

    @staticmethod
    def _request(prompt: str | ImageRequest | None, **parameters: Any) -> ImageRequest:
        if isinstance(prompt, ImageRequest):
            return prompt.replace(**parameters) if parameters else prompt
        return ImageRequest(prompt, **parameters)

    def _check_open(self) -> None:
        if not self._closing.alive:
            raise NbkitError("this studio is closed; nbkit.Studio(path=…) opens its log again")

    def _logged(self, request: ImageRequest, reuse: bool, gate: Gate | None = None) -> Run | None:
        """A run of the log that answers the request without sending it, if there is one."""
        if request.task_uuid and request.task_uuid in self.log:
            run = self.log[request.task_uuid]
            if run.request.identity != request.identity:
                raise RequestError(
                    f"taskUUID={request.task_uuid!r} belongs to another request in the log; request.replace() drops it",
                    parameter="taskUUID",
                    value=request.task_uuid,
                    reason="conflict",
                )
            return dataclasses.replace(run, reused=True)
        if reuse and request.seed is not None:
            found = self._ledger.recovery.known(request.identity, gate)
            if found is not None:
                return dataclasses.replace(self._finish(found), reused=found.status == DONE)
        return None

    def _wait(self, plan: Plan) -> Run:
        gate = self._ledger.gate()
        try:
            return in_thread(lambda: self._carry_out(plan, gate)).result()
        except KeyboardInterrupt:
            gate.shut()  # a run that was refused as one too many, and waits for its turn, is not sent any more
            price = usd(plan.request.price.high)
            cost = (
                f"up to {price} is still being paid for it"
                if self.charged
                else f"it counts up to {price} at offline list prices"
            )
            print(  # noqa: T201  the line that the person who pressed Stop reads
                f"Stopped waiting. What has been sent goes on, and {cost}; its pictures land in the log when they come: studio.log"
            )
            raise

    def _carry_out(self, plan: Plan, gate: Gate | None = None) -> Run:
        run = self._finish(self._ledger.carry_out(plan, gate))
        self._last = run
        return run

    def _finish(self, run: Run) -> Run:
        """Hand the run what it needs of the studio: a way to be made again, and where the money stands."""
        account = self.log.journal.account(self._account)
        limit = self._limits.studio
        money = Money(account.spent, None if limit is None else limit - account.spent - account.held)
        parent = run.task_uuid

        def make_again(request: ImageRequest) -> Run:
            return self._logged(request, self._reuse) or self._wait(self._ledger.plan(request, parent=parent))

        return dataclasses.replace(run, money=money, make_again=make_again)


def _finished(studio: Studio | None, run: Run) -> Run:
    return run if studio is None else studio._finish(run)  # noqa: SLF001  the studio's own way, handed to its log


def _close(client: Client, log: RunLog) -> None:
    client.close()
    log.close()


def _tell_once(notice: str) -> None:
    if notice not in _told:
        _told.add(notice)
        print(notice, file=sys.stdout)  # noqa: T201  a line for the person who made the studio
