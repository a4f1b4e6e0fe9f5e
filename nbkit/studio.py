"""The studio: what a person holds. It joins the other modules and adds nothing of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import uuid
import weakref
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, Unpack

import httpx
import numpy as np
import pandas as pd

from nbkit import backends
from nbkit.comparison.result import ON_SHOWN, compare  # noqa: F401  nbkit.compare is loaded from here
from nbkit.display.text import usd_short
from nbkit.errors import ConfigurationError, NbkitError, NoSuchKey, RequestError, printable
from nbkit.history import RunLog
from nbkit.ledger.budget import BudgetListener, BudgetListeners, Limits
from nbkit.ledger.ledger import Ledger
from nbkit.ledger.recovery import Recovery
from nbkit.log.database import WRONG_ADDRESS, parsed_address
from nbkit.log.frame import MEASURE
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.keywords import Model, RequestKeywords
from nbkit.request.price import MICRO, Price
from nbkit.request.profile import DEPRECATED, PROFILES
from nbkit.request.profiles import DEFAULT_MODEL
from nbkit.request.reference import Reference
from nbkit.request.rules import check_value
from nbkit.request.signatures import declared_as, explain_parameters
from nbkit.results.money import Budget, Estimate, limit_in_micros
from nbkit.results.run import DONE, FINAL, GeneratedImage, Run, RunContext, with_context
from nbkit.service.cancel import CancelToken
from nbkit.service.client import CLOSED, Client
from nbkit.service.pace import Pace
from nbkit.service.secret import Secret
from nbkit.service.standing import Standing
from nbkit.service.threads import THIS_THREAD, THREADS, run_interruptible
from nbkit.sweep import signature
from nbkit.sweep.grid import CellSequence, Grid
from nbkit.sweep.promotion import promoted_pictures
from nbkit.sweep.result import SweepContext
from nbkit.sweep.spec import OPTIONS, merge, name_taken, parse_spec
from nbkit.sweep.sweep import Sweep
from nbkit.widgets.arena.arena import Arena, arena_of
from nbkit.widgets.explorer.explorer import explore
from nbkit.widgets.explorer.page import explorable
from nbkit.widgets.gallery.gallery import HEIGHT, Gallery
from nbkit.widgets.image_grid.originals import serve_originals
from nbkit.widgets.page.cell import replace_in_cell
from nbkit.widgets.panel.panel import Panel
from nbkit.widgets.panel.sweep_panel import SweepPanel

ON_SHOWN.append(serve_originals)

LOG_VARIABLE = "NBKIT_LOG"
"""Names the database of logs, where ``log=`` does not."""

PRINTED_NOTICES: set[str] = set()
"""The notices that this kernel has printed: each is printed once."""


class Studio:
    """A place to make pictures: an engine, a log, a budget.

    Args:
        engine: ``"offline"``, ``"runware"``, the address of a server that speaks the API, or an :class:`nbkit.Offline`.
            If not given, it is what ``NBKIT_ENGINE`` names; without that, the real API where ``RUNWARE_API_KEY`` is
            set; without either, the offline engine, which says so.
        api_key: the key for ``engine``; by default ``NBKIT_KEY`` for the origin of the address in ``NBKIT_ENGINE``, and
            ``RUNWARE_API_KEY`` for the vendor's own host and this machine only.
        model: the model of requests that name none, by its identifier in :data:`nbkit.models`; ``google:4@3`` if not given.
        path: the folder of the log and the pictures; beside the notebook unless it is absolute.
        log: the address of a PostgreSQL database that has the log, so that kernels of several machines share it and its
            budgets; ``path`` has the pictures. If not given, it is what ``NBKIT_LOG`` names; without that, or with ``""``,
            the log is a file in ``path``. Whoever can open such a log is trusted with it.
        budget: the most that this studio may spend, in USD.
        daily_budget: the most that all studios on this log may spend in a day of local time, in USD.
        reuse: answer a request with a seed that is in the log already from the log, at no cost.
        transport: an httpx transport that replaces the network.
        pace: how long to wait between two requests about one task, and how often to try.
        trust: trust the rows of a log that nbkit does not know as yours, from now on: settle those that are open, fetch
            missing pictures. Without it, such a log can be looked at and added to; a message says when rows are left
            alone. ``NBKIT_TRUST=1`` in the environment trusts every log.

    Attributes:
        log: the :class:`~nbkit.RunLog`, with every run that was made in the folder.

    Raises:
        ConfigurationError: if the engine needs a key and has none, or does not exist, or ``log`` is no address.
        StorageError: if the folder cannot be used, or the database does not answer; ``LogVersionError`` if only a newer
            nbkit can read the log.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline", budget=5.00)
        >>> run = studio.generate("A paper lantern shop at night", temperature=0.72, seed=7)
        >>> run.status, run.image.width, run.image.height
        ('done', 1024, 1024)
        >>> studio.budget.left
        4.93105
    """

    def __init__(
        self,
        *,
        engine: Any = None,
        api_key: str | None = None,
        model: Model | None = None,
        path: str | Path = "nbkit-runs",
        log: str | None = None,
        budget: float | None = None,
        daily_budget: float | None = None,
        reuse: bool = False,
        transport: httpx.BaseTransport | None = None,
        pace: Pace | None = None,
        trust: bool = False,
    ) -> None:
        key = Secret(api_key)
        del api_key  # from here on no traceback that prints local variables can show it
        self._limits = Limits(limit_in_micros("budget", budget), limit_in_micros("daily_budget", daily_budget))
        backend = self._backend = backends.resolve(engine, api_key=key, transport=transport, pace=pace)
        self._reuse = reuse
        self._model = None if model is None else check_value(PARAMETERS["model"], "model", model)
        self._last: Run | None = None
        self._listeners = BudgetListeners()
        # A run of the log refers back to the studio; weakly, so that a studio ends when nobody else holds it.
        studio = weakref.ref(self)
        given = os.environ.get(LOG_VARIABLE) if log is None else log
        address = parsed_address(given) if given else None
        is_wrong = bool(given) and address is None
        del log, given  # as above: they may have a password in them
        if is_wrong:
            raise ConfigurationError(WRONG_ADDRESS)
        self.log = RunLog(path, lambda run: _finished(studio(), run), trust=trust, address=address)
        self._client = Client(backend.url, api_key=backend.api_key, transport=backend.transport, pace=backend.pace)
        self._ledger = Ledger(
            self._client,
            self.log,
            engine=backend.name,
            charged=backend.charged,
            may_be_offline=backend.may_be_offline,
            studio=uuid.uuid4().hex,
            limits=self._limits,
            pace=backend.pace,
            on_budget_change=self._listeners.notify,
        )
        self._recovery = Recovery(self._ledger)
        self._closing = weakref.finalize(self, _close, self._client, self.log)
        notices = (backend.notice, self.log.withheld(), self.log.trust.notice)
        for notice in {*filter(None, notices)} - PRINTED_NOTICES:
            PRINTED_NOTICES.add(notice)
            print(notice)  # noqa: T201  for the person who made the studio

    # -- making pictures ---------------------------------------------------------------------------------

    @explain_parameters
    def generate(
        self,
        prompt: str | ImageRequest | None = None,
        *,
        reuse: bool | None = None,
        max_cost: float | None = None,
        **parameters: Unpack[RequestKeywords],
    ) -> Run:
        """Make pictures, and wait for them.

        The run is in the log before the request leaves, and its pictures are on disk before this returns. Stop (an
        interrupt) ends the waiting at once; what has been sent goes on and comes into the log.

        Args:
            prompt: text, or an :class:`~nbkit.ImageRequest`, which keywords override.
            reuse: overrides the studio's ``reuse`` for this call.
            max_cost: the most that this call may cost, in USD; a model of which no price is known needs it.
            **parameters: of the request, in Python's or the API's spelling.

        Returns:
            The :class:`~nbkit.Run`. A refusal or a failure is a result too: see ``run.status``, or call
            ``run.raise_for_status()`` to raise it.

        Raises:
            RequestError: for a parameter that the model does not allow; nothing is sent.
            BudgetExceeded: if the run might cost more than is left, or than ``max_cost``; nothing is sent.
            StorageError: if the log cannot be written; nothing is sent.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A jade teapot", number_results=2, aspect_ratio="4:3", topP=0.9, seed=1)
            >>> [image.seed for image in run]
            [1, 2]
        """
        return self._wait(self._request(prompt, **parameters), reuse=reuse, max_cost=max_cost)

    @explain_parameters
    def estimate(
        self,
        prompt: str | ImageRequest | None = None,
        *,
        max_cost: float | None = None,
        **parameters: Unpack[RequestKeywords],
    ) -> Estimate:
        """What a request would cost, in USD, before it is sent: a number with ``.low`` and ``.high``.

        Where the price of a model is not known, it is a range up to twice the price at the model's maker, until runs of
        this log have shown what a picture costs.

        Args:
            prompt: as for :meth:`generate`.
            max_cost: as for :meth:`generate`.
            **parameters: as for :meth:`generate`.

        Raises:
            RequestError: for a parameter that the model does not allow, or if nothing is known of what the model costs.
            BudgetExceeded: if it might cost more than ``max_cost``.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> studio.estimate("A jade teapot", resolution="4K", number_results=4)
            $0.6118
            >>> studio.estimate("A jade teapot", web_search=True)
            $0.06895 to $0.20895
        """
        return Estimate(self.price_of(self._request(prompt, **parameters), max_cost))

    @declared_as(signature.sweep)
    def sweep(self, /, *prompts: Any, combine: Any = "product", **keywords: Any) -> Sweep:
        """Many requests from one call: a list-like value is an axis. The declaration explains the keywords."""
        if len(prompts) > 1:
            raise TypeError("sweep() takes one prompt; a list of prompts is an axis")
        if prompts and "prompt" in keywords:
            raise name_taken("prompt")
        prompt = prompts[0] if prompts else keywords.pop("prompt", None)
        options = {name: keywords.pop(name) for name in OPTIONS if name in keywords}
        most = keywords.pop("max_cost", None)
        return self._sweep_of(
            Grid(parse_spec(self._with_model(_with_prompt(prompt, keywords)), combine=combine), **options),
            limit_in_micros("max_cost", most),
        )

    def promotion(
        self, pictures: GeneratedImage | Run | Iterable[GeneratedImage | Run], resolution: str = "4K"
    ) -> Sweep:
        """The sweep that makes pictures again at a higher resolution, with the seeds they have. Nothing is sent yet.

        What was promoted before is not paid again. In the log, ``parent`` and ``parentImage`` link each to its draft.

        Args:
            pictures: a picture, a run (all its pictures), or a list of those.
            resolution: the tier.

        Raises:
            RequestError: for a tier that the model does not have, for anything else than pictures and runs, or if there is
                no picture.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A lantern", seed=seed, resolution="0.5K") for seed in (1, 2)]
            >>> final = studio.promotion(runs, "2K")
            >>> len(final), final[0].resolution, final[0].seed
            (2, '2K', 1)
        """
        return self._sweep_of(promoted_pictures(pictures, resolution))

    def _sweep_of(self, cells: CellSequence, max_cost: int | None = None) -> Sweep:
        self._check_open()
        cells.max_cost = max_cost
        cells.price_of = functools.partial(self._ledger.prices.price, max_cost=max_cost)
        context = SweepContext(
            self._ledger,
            self._recovery,
            self.log,
            self.engine,
            self.charged,
            self.balance,
            functools.partial(explore, self, self._panel_with),
            functools.partial(explorable, self.log),
        )
        return Sweep(cells, context)

    def start(
        self,
        request: ImageRequest,
        *,
        parent: str | None = None,
        parent_image: str | None = None,
        token: CancelToken | None = None,
        reuse: bool | None = None,
        max_cost: float | None = None,
        executor: Executor = THREADS,
    ) -> Future[Run]:
        """Make a request's pictures in the background.

        With ``reuse``, a request that the log answers is done at once, unless the service has to be asked about an
        earlier run of it.

        Args:
            request: for the pictures.
            parent: the taskUUID of the run that this one makes again.
            parent_image: the imageUUID of the picture that it is made from.
            token: cancelling it stops whatever the service has not accepted yet.
            reuse: overrides the studio's ``reuse`` for this call.
            max_cost: the most that it may cost, in USD.
            executor: carries the run out.

        Returns:
            A future of the run; cancelled if the token was, while the service was asked about an earlier run.

        Raises:
            BudgetExceeded, StorageError: before anything is sent.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> studio.start(nbkit.ImageRequest("A paper lantern", seed=7)).result().status
            'done'
        """
        self._check_open()
        token = token or self.new_token()
        most = limit_in_micros("max_cost", max_cost)
        try:  # in another thread, because an interrupt may come at any instant
            return run_interruptible(lambda: self._start(request, parent, parent_image, token, reuse, most, executor))
        except KeyboardInterrupt:
            token.cancel()
            raise

    def _start(
        self,
        request: ImageRequest,
        parent: str | None,
        parent_image: str | None,
        token: CancelToken,
        reuse: bool | None,
        max_cost: int | None,
        executor: Executor,
    ) -> Future[Run]:
        logged = self._logged(request, self._reuse if reuse is None else reuse, token)
        if logged is None:
            return self._ledger.run(
                request,
                parent=parent,
                parent_image=parent_image,
                token=token,
                max_cost=max_cost,
                finish=self._ended,
                executor=executor,
            )
        answered: Future[Run] = Future()
        if token.cancelled and logged.status not in FINAL:
            answered.cancel()
        else:
            answered.set_result(logged)
        return answered

    def new_token(self) -> CancelToken:
        """A cancel token for :meth:`start`: it shares the pauses of a busy service with all runs of this studio.

        Example:
            >>> import nbkit
            >>> nbkit.Studio(engine="offline").new_token().cancelled
            False
        """
        return self._ledger.new_token()

    def recover(self, *, resend: bool = False) -> pd.DataFrame:
        """Settle every run whose outcome is not known, and fetch pictures that are paid and not on disk, or damaged there.

        Runs that a living kernel works on are left alone, and so are those that came with a log which you do not trust.

        Args:
            resend: send a task that the service does not know again, under its own taskUUID. Without it, no paid work
                is started.

        Returns:
            One row per run that was open, and one per missing picture (``before`` is "done, picture missing"):
            ``taskUUID``, the status ``before`` and ``after``, a ``note`` (all string), and the ``cost`` of the run in
            USD (float64).

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> list(studio.recover().columns)
            ['taskUUID', 'before', 'after', 'note', 'cost']
        """
        found = self._recovery.recover(resend=resend)
        facts = [(run.task_uuid, run.before, run.after, run.note) for run in found]
        frame = pd.DataFrame(facts, columns=["taskUUID", "before", "after", "note"], dtype="string")
        costs = pd.Series([self.log.history.value("cost", run.task_uuid) for run in found], dtype=MEASURE)
        return frame.assign(cost=costs / MICRO)

    # -- looking at them -----------------------------------------------------------------------------------

    @property
    def df(self) -> pd.DataFrame:
        """The log as a DataFrame; see :meth:`nbkit.RunLog.to_frame` for its columns."""
        return self.log.to_frame()

    @property
    def last(self) -> Run | None:
        """The latest run of this studio; of the log, if it has made none."""
        if self._last is None:
            return next(iter(map(self._finish, self.log.history.latest())), None)
        return self._last

    @explain_parameters
    def panel(
        self,
        prompt: str | None = None,
        *,
        at_once: int = 1,
        draft: bool = False,
        **parameters: Unpack[RequestKeywords],
    ) -> Panel:
        """The interactive form: prompt, parameters, Generate with its price, the pictures.

        Args:
            prompt: the first text of the prompt box.
            at_once: how many of its runs may be under way at the same time.
            draft: whether it begins in draft mode: 0.5K and one result.
            **parameters: the first values of the other controls, in either spelling.

        Raises:
            RequestError: for a parameter that the model does not allow.

        Example:
            >>> import nbkit
            >>> panel = nbkit.Studio(engine="offline").panel("A paper lantern", temperature=0.4, seed=7)
            >>> panel.request
            ImageRequest(prompt='A paper lantern', seed=7, temperature=0.4)
        """
        return Panel(self, at_once=at_once, draft=draft, **_with_prompt(prompt, parameters))

    def sweep_panel(self, prompt: Any = None, **parameters: Any) -> SweepPanel:
        """The interactive form for sweeps: axes and values, cells and price, Run, Stop, a grid that fills.

        Nothing is sent before Run.

        Args:
            prompt: the first text of the prompt box; ``{name}`` in it becomes an axis. An :class:`~nbkit.ImageRequest`
                sets all of its parameters.
            **parameters: the first values, as :meth:`sweep` and ``sweep.run`` take them (``combine``, ``repeats``,
                ``sample``, ``name``, ``max_workers``, ``budget``, ``retry``): a list-like value is an axis, any other
                value is fixed.

        Raises:
            RequestError: for a value that the model does not allow.

        Example:
            >>> import nbkit
            >>> panel = nbkit.Studio(engine="offline").sweep_panel("A {colour} lantern", colour=["red", "jade"], seed=1)
            >>> len(panel.sweep)
            2
        """
        return SweepPanel(self, **_with_prompt(prompt, parameters))

    def arena(
        self,
        which: Any,
        by: str | Sequence[str] | None = None,
        *,
        show: int = 4,
        question: str = "Which is better?",
        rater: str = "me",
        rng: int | np.random.Generator | None = None,
    ) -> Arena:
        """Ask a person which of some pictures is best, blind: one key answers, and each answer is a row of the log.

        Args:
            which: the result of a sweep, rows of the log, runs, or pictures.
            by: the column whose values are compared, in either spelling, or several; ``None`` for the pictures themselves.
            show: how many pictures are shown at once, 2 to 4. Four tell as much as three times as many pairs.
            question: that is asked; another question is ranked apart.
            rater: the name of the person.
            rng: a number or a numpy generator for what is left to chance; ``None`` for another course each time.

        Raises:
            RequestError: for fewer than two pictures, or values of ``by``, to compare.
            UnknownParameter: for a column that the rows do not have.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> result = studio.sweep("A lantern", top_p=[0.2, 1.0], seed=[1, 2, 3], name="in an arena").start().wait()
            >>> arena = studio.arena(result, by="top_p", show=2, question="Which is tidier?", rater="Ana")
            >>> len(arena.shown)
            2
            >>> arena.judge(*arena.shown)
            >>> studio.log.judgements.rater.tolist()[-1]
            'Ana'
        """
        return arena_of(self.log, which, by, show=show, question=question, rater=rater, rng=rng)

    def gallery(self, frame: pd.DataFrame | None = None, *, size: int = 160, height: str | None = HEIGHT) -> Gallery:
        """The log's pictures to browse, filter, rate and pick from; ``gallery.selection`` has the selected rows.

        Args:
            frame: rows of the log, after whatever pandas did to them; by default all, the newest first.
            size: of a picture, in CSS pixels.
            height: of the part with the pictures, in CSS; ``None`` for as much as they need.

        Raises:
            NbkitError: if the frame lacks the columns that lead to the pictures.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> gallery = studio.gallery(studio.df[studio.df.taskUUID == run.task_uuid])
            >>> gallery.select(run)
            >>> gallery.selection.seed.tolist()
            [7]
        """
        gallery = Gallery(self.log, frame, size=size, height=height, open_panel=self._panel_of, promote=self.promotion)
        for before in replace_in_cell(gallery):
            before.close()
        self.watch(gallery)
        return gallery

    def _panel_of(self, image: GeneratedImage, edit: bool) -> Panel:
        """A panel with the settings that a picture was made with, or one that edits it with these."""
        panel = self._panel_with(image.request)
        if edit:
            panel.edit(image)
        return panel

    # -- money -----------------------------------------------------------------------------------------------

    @property
    def budget(self) -> Budget:
        """What this studio may spend, what it has spent, and what is held for runs that are not settled, in USD."""
        account = self._ledger.account
        limit = self._limits.studio
        return Budget(None if limit is None else limit / MICRO, account.spent / MICRO, account.held / MICRO)

    @property
    def model(self) -> str:
        """The identifier of the model of requests that name none.

        Example:
            >>> import nbkit
            >>> nbkit.Studio(engine="offline", model="google:4@2").model
            'google:4@2'
        """
        return self._model or DEFAULT_MODEL

    @property
    def charged(self) -> bool:
        """Whether this studio spends real money."""
        return self._backend.charged

    @property
    def busy(self) -> str:
        """While tasks of this studio wait for a busy service: how many it takes at once, and who shares them.

        Empty otherwise. All kernels that use one key and one log share what the service takes.

        Example:
            >>> import nbkit
            >>> nbkit.Studio(engine="offline").busy
            ''
        """
        return str(self._ledger.load or "")

    @property
    def engine(self) -> str:
        """``runware``, ``offline``, or an address."""
        return self._backend.name

    def price_of(self, request: ImageRequest, max_cost: float | None = None) -> Price:
        """What a request may cost, in micro-dollars; see :meth:`estimate`.

        Example:
            >>> import nbkit
            >>> nbkit.Studio(engine="offline").price_of(nbkit.ImageRequest("A jade teapot"))
            Price(low=68950, high=68950)
        """
        return self._ledger.prices.price(request, limit_in_micros("max_cost", max_cost))

    def balance(self) -> float:
        """What the account holds, in USD. Asks the service.

        Raises:
            EngineError: if the service does not say, or cannot be reached.

        Example:
            >>> import nbkit
            >>> nbkit.Studio(engine="offline").balance()
            100.0
        """
        return self._client.balance()

    def standing(self) -> Standing | None:
        """How the student of a class stands whose key this studio has; ``None`` where the engine is no class's server.

        Only a server at an address is asked; neither the vendor nor the offline engine of this process is.

        Raises:
            EngineError: if the server refuses to say, or cannot be reached.

        Example:
            >>> import nbkit
            >>> nbkit.Studio(engine="offline").standing() is None
            True
        """
        return self._client.standing() if "://" in self.engine else None

    def __repr__(self) -> str:
        if not hasattr(self, "_closing"):  # a traceback may show a studio whose __init__ failed
            return "<Studio>"
        profile = PROFILES[self.model]
        engine = f"{self.engine} from {backends.ENGINE_VARIABLE}" if self._backend.from_environment else self.engine
        facts = [engine, f"log in {self.log.folder.as_posix()}", repr(self.budget)[1:-1].lower()]
        if self._model is not None:
            facts.insert(1, profile.name)
        if self.charged and profile.status == DEPRECATED:
            instead = f", its successor is {profile.successor}" if profile.successor else ""
            facts.append(f"{profile.identifier} is deprecated{instead}")
        return printable(f"<Studio {', '.join(facts)}>")

    def close(self) -> None:
        """Close the connections. A studio that nothing refers to closes by itself; a panel on display refers to it."""
        self._closing()

    def watch(self, listener: BudgetListener) -> None:
        """Call ``listener.on_budget_change()`` after each change of the budget, for as long as somebody holds it."""
        self._listeners.add(listener)

    # -- inside ------------------------------------------------------------------------------------------

    def _request(self, prompt: str | ImageRequest | None, **parameters: Unpack[RequestKeywords]) -> ImageRequest:
        if not isinstance(prompt, ImageRequest):
            return ImageRequest(prompt, **self._with_model(parameters))
        changes = parameters if prompt.model else self._with_model(parameters)
        request = prompt.replace(**changes) if changes else prompt
        given = request.reference_images or ()
        if not any(reference.is_missing for reference in given):
            return request
        # The settings in a picture's file name its reference images by their hash.
        return request.replace(reference_images=[self._found(reference) for reference in given])

    def _found(self, reference: Reference) -> Reference:
        """A reference image as the log has it, if it has it."""
        with contextlib.suppress(NoSuchKey):
            return self.log.reference(reference.sha256) if reference.is_missing else reference
        return reference

    def _with_model(self, keywords: Mapping[str, Any]) -> dict[str, Any]:
        """Keywords of a request, with the studio's model if they name none."""
        if self._model is None or keywords.get("model") is not None:
            return dict(keywords)
        return {**keywords, "model": self._model}

    def _panel_with(self, request: ImageRequest | None) -> Panel:
        """A panel with the settings of a request, whose model may be another one than the studio's."""
        settings = {} if request is None else {**request.parameters, "model": request.profile.identifier}
        return Panel(self, **settings)

    def _check_open(self) -> None:
        if not self._closing.alive:
            raise NbkitError(CLOSED)

    def _logged(self, request: ImageRequest, reuse: bool, token: CancelToken | None = None) -> Run | None:
        """The run of the log that answers the request without sending it, if there is one."""
        task_uuid = request.task_uuid
        if task_uuid and task_uuid in self.log:
            run = self.log[task_uuid]
            if run.request.identity != request.identity:
                message = f"taskUUID={task_uuid!r} belongs to another request in the log; request.replace() drops it"
                raise RequestError(message, parameter="taskUUID", value=task_uuid, reason="conflict")
            return dataclasses.replace(run, reused=True)
        if reuse and request.seed is not None:
            found = self._recovery.answer(request.identity, token)
            if found is not None:
                return dataclasses.replace(self._finish(found), reused=found.status == DONE)
        return None

    def _wait(
        self,
        request: ImageRequest,
        *,
        parent: str | None = None,
        parent_image: str | None = None,
        reuse: bool | None = None,
        max_cost: float | None = None,
    ) -> Run:
        token = self.new_token()
        try:
            # In another thread: Stop interrupts the main thread, and must not come between a row and its send.
            return run_interruptible(
                lambda: self.start(
                    request,
                    parent=parent,
                    parent_image=parent_image,
                    token=token,
                    reuse=reuse,
                    max_cost=max_cost,
                    executor=THIS_THREAD,
                ).result()
            )
        except KeyboardInterrupt:
            token.cancel()  # what waits for its first or its next attempt is not sent any more
            price = usd_short(self.price_of(request, max_cost).high)
            may = f"cost up to {price}" if self.charged else f"count up to {price} at list prices"
            later = "the picture will appear in studio.log"
            print(f"Stopped waiting. If the request was already sent, it may still {may}; {later}.")  # noqa: T201  for the user, who has pressed Stop
            raise

    def _ended(self, run: Run) -> Run:
        run = self._last = self._finish(run)
        return run

    def _finish(self, run: Run) -> Run:
        """Add what a run needs of its studio: a way to be made again, and the state of the budget."""
        return with_context(run, RunContext(self.log.parent_of, self._wait), self.budget)


def _with_prompt(prompt: Any, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of a sweep or a panel, with its prompt or the request that it starts from."""
    if isinstance(prompt, ImageRequest):
        return merge(prompt, keywords)
    return {**({} if prompt is None else {"prompt": prompt}), **keywords}


def _finished(studio: Studio | None, run: Run) -> Run:
    return run if studio is None else studio._finish(run)  # noqa: SLF001  the studio hands this function to its log


def _close(client: Client, log: RunLog) -> None:
    client.close()
    log.close()
