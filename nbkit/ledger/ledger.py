"""One paid run, from its estimate to its picture on disk.

Each step is committed to the log before the next one begins::

    plan       the row, with the upper estimate held             before anything is sent
    sent       from here on the task may have arrived            before the request leaves
    settle     results, seeds, costs, addresses                  before a download begins
    finish     which files are there, whole and synced           before the run is returned

When a kernel dies between two steps, its last row says how far the run came, and :mod:`nbkit.ledger.recovery` goes on
from there. A picture that came inside the answer has no address to fetch it from again, so its file is written before
its row.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Any

from nbkit.errors import AuthenticationError, CreditError, DownloadError, StorageError
from nbkit.ledger.budget import Account, Limits, SubBudget
from nbkit.ledger.in_flight import IN_FLIGHT, Heartbeat
from nbkit.ledger.journal import Journal, RunPlan
from nbkit.ledger.limiter import Limiter, Load
from nbkit.ledger.outcome import status_of
from nbkit.ledger.prices import PriceBook
from nbkit.ledger.result_rows import StoredPicture
from nbkit.ledger.task_session import TaskSession
from nbkit.log.store import LogStore
from nbkit.measures.facts import PictureFacts, examine
from nbkit.request.image_request import ImageRequest
from nbkit.request.profiles import DEFAULT_MODEL
from nbkit.results.run import FINAL, SENT, Run
from nbkit.service.cancel import CancelToken
from nbkit.service.client import Client
from nbkit.service.pace import Pace
from nbkit.service.response import TaskResponse, results_wanted
from nbkit.service.threads import THREADS

EXAMINED_AT_ONCE = 3
"""Pictures that are decoded at the same time: the largest takes 75 MB, and more threads would wait for each other."""

_examining = threading.BoundedSemaphore(EXAMINED_AT_ONCE)


def _examine_in_turn(data: bytes, broke_off: str) -> PictureFacts:
    with _examining:
        return examine(data, broke_off)


def _after_fork() -> None:
    global _examining  # noqa: PLW0603  a thread of the parent may have held it
    _examining = threading.BoundedSemaphore(EXAMINED_AT_ONCE)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Ledger:
    """The paid runs of one studio. :meth:`run` is the only way to start one.

    Args:
        client: the service.
        log: where runs and pictures are kept.
        engine: the engine's name in the log.
        charged: whether the engine charges real money; an offline answer overrides it.
        may_be_offline: whether its answers may do that.
        studio: id of the studio, whose account the budget is checked against.
        limits: what may be spent.
        pace: how long to wait.
        on_budget_change: called after money was held, spent or released, from the thread that did it. Must not raise.
    """

    def __init__(
        self,
        client: Client,
        log: LogStore,
        *,
        engine: str,
        charged: bool,
        studio: str,
        limits: Limits,
        pace: Pace,
        on_budget_change: Callable[[], None] = lambda: None,
        may_be_offline: bool = False,
    ) -> None:
        self.client, self.engine, self.pace = client, engine, pace
        self.history, self.on_budget_change = log.history, on_budget_change
        self.journal = Journal(
            log.database,
            engine=engine,
            charged=charged,
            studio=studio,
            limits=limits,
            trust=log.trust,
            may_be_offline=may_be_offline,
        )
        self.prices = PriceBook(log.database, engine, log.trust)
        self._images = log.images
        self._database = log.database
        self._shared_token = CancelToken()
        self._limiters: dict[str, Limiter] = {}
        self._heartbeat = Heartbeat(self._write_heartbeat)
        self._unreleased: set[str] = set()

    @property
    def account(self) -> Account:
        """What the studio has spent, and what is held for it."""
        return self.journal.account

    def run(
        self,
        request: ImageRequest,
        *,
        token: CancelToken | None = None,
        parent: str | None = None,
        parent_image: str | None = None,
        sweep: str | None = None,
        sub_budget: SubBudget | None = None,
        max_runs: int | None = None,
        axes: Mapping[str, Any] | None = None,
        max_cost: int | None = None,
        template: str | None = None,
        on_sent: Callable[[], None] = lambda: None,
        finish: Callable[[Run], Run] = lambda run: run,
        executor: Executor = THREADS,
    ) -> Future[Run]:
        """Write a run into the log and hold its upper estimate, in the calling thread; then send it on an executor.

        Args:
            request: what to send.
            token: asked before each send; once it is cancelled, nothing is sent.
            parent: the taskUUID of the run that this one makes again.
            parent_image: the imageUUID of the picture that it is made from.
            sweep: the name of the sweep that it belongs to.
            sub_budget: a budget that it shares with other runs.
            max_runs: maximum number of runs of this request in the sweep, across kernels.
            axes: what the sweep varies or fixes that is no parameter, by name.
            max_cost: the most that it may cost, in micro-dollars; without one, its price has to be known.
            template: the text that the sweep made the prompt from.
            on_sent: called right before the request leaves.
            finish: adds to the run what it needs of its studio.
            executor: sends it, settles it and stores its pictures.

        Returns:
            A future of the run: its pictures are on disk then, or it is known why there are none.

        Raises:
            AlreadyStarted: if the sweep has that many.
            RequestError: if its price is not known and there is no ``max_cost``.
            BudgetExceeded: if the run might cost more than is left.
            StorageError: if the log or the image folder cannot be written; then nothing is sent.
        """
        price, task = self.prices.price(request, max_cost), request.to_send()
        plan = RunPlan(request, task, parent, parent_image, sweep, sub_budget, max_runs, axes or {}, price, template)
        plan = self.plan(plan)
        try:
            future = executor.submit(self._carry_out, plan, token or self.new_token(), on_sent, finish)
        except BaseException:
            self._abandon(plan)
            raise
        future.add_done_callback(functools.partial(self._abandon_unsent, plan))
        return future

    def plan(self, plan: RunPlan) -> RunPlan:
        """The first step of a run, up to the commit of its row."""
        self._release()
        self.journal.check_in_place()
        self._images.prepare()
        # Before the row exists, so that a recovery in another thread never takes it for abandoned.
        IN_FLIGHT.add(plan.task_uuid)
        try:
            self.journal.plan(plan)
        except BaseException:
            IN_FLIGHT.discard(plan.task_uuid)
            raise
        try:
            for reference in plan.request.reference_images or ():
                if reference.data:  # kept, so that a later kernel can make the run again; none without a row
                    self._images.put(reference.data, reference.media_type, reference.sha256)
            self._heartbeat.start()
            self.on_budget_change()
        except BaseException:  # nobody else knows of the plan yet
            self._abandon(plan)
            raise
        return plan

    def _abandon(self, plan: RunPlan) -> None:
        """Give up a planned run and release its hold. One that has been sent stays: a thread works on it."""
        try:
            self.journal.mark_not_sent(plan.task_uuid, if_planned=True)
        finally:
            IN_FLIGHT.discard(plan.task_uuid)
        self.on_budget_change()

    def _abandon_unsent(self, plan: RunPlan, future: Future[Run]) -> None:
        """Give up a run whose future was cancelled, or whose executor or log failed before it was sent."""
        if future.cancelled() or future.exception() is not None:
            self._unreleased.add(plan.task_uuid)
            try:
                self._release()
            except StorageError:
                pass  # the next run does it, or the next recovery
            finally:
                IN_FLIGHT.discard(plan.task_uuid)

    def _release(self) -> None:
        """Release the holds of runs that were not sent, and whose rows could not be written then."""
        for task_uuid in self._unreleased.copy():
            self.journal.mark_not_sent(task_uuid, if_planned=True)
            self._unreleased.discard(task_uuid)
            self.on_budget_change()

    def _carry_out(
        self, plan: RunPlan, token: CancelToken, on_sent: Callable[[], None], finish: Callable[[Run], Run]
    ) -> Run:
        response = TaskResponse()
        settle = functools.partial(self.settle, plan.task, token=token, stored={})
        mark_sent = functools.partial(self.journal.mark_sent, plan.task_uuid)
        try:
            with token.slot, self.limiter(plan.task).slot(token, mark_sent, on_sent) as slot:
                some = functools.partial(settle, status=SENT)
                response = TaskSession(self.client, plan.task, self.pace, slot, on_results=some).run()
            refusals = (error for error in response.errors if isinstance(error, (CreditError, AuthenticationError)))
            if refusal := next(refusals, None):
                token.cancel(refusal)  # every other run would be refused too; runs that start later are tried
                self._shared_token.cancel_waiting()
            settle(response, started=slot.began)
            self.prices.learn(plan.request, plan.task_uuid)
        finally:
            IN_FLIGHT.discard(plan.task_uuid)
            self.on_budget_change()
        run = self.history.get(plan.task_uuid)
        error = run.error
        if error is not None and response.errors:  # has the status and parameters, which the log does not keep
            error = response.errors[0]
            error.request = plan.request
        # The log's request lacks the queries of addresses, which are credentials: run.rerun() needs them.
        return finish(dataclasses.replace(run, request=plan.request, error=error, complete=True))

    def settle(
        self,
        task: Mapping[str, Any],
        response: TaskResponse,
        *,
        token: CancelToken,
        status: str | None = None,
        started: float | None = None,
        stored: dict[str, StoredPicture] | None = None,
    ) -> None:
        """Write what became of a task of the log: its rows, its money, its pictures.

        Args:
            task: as it was sent.
            response: what the service said.
            token: cancelled by the first picture that cannot be written: the next ones would find no room either.
            status: of a run some of whose results are still open; otherwise it follows from the response.
            started: when the task was sent, on the monotonic clock; ``None`` for a run of an earlier kernel.
            stored: by source, the pictures that are on disk; gets those of this response.

        Raises:
            StorageError: if the log cannot be written.
        """
        stored = {} if stored is None else stored
        try:
            self._settle(task, response, status or status_of(response), started, stored)
        except StorageError as error:
            raise StorageError(
                f"{error} This run had been sent by then and may be paid: repair that, then studio.recover() fetches it"
            ) from error
        unwritten = next((picture for picture in stored.values() if picture.is_unwritten), None)
        if unwritten is not None:
            how = "Make room on the disk; then the next run of the sweep fetches it at no cost, and so does studio.recover()"
            token.cancel(StorageError(f"{unwritten.error}. It is paid, and nothing more was sent. {how}"))

    def _settle(
        self,
        task: Mapping[str, Any],
        response: TaskResponse,
        status: str,
        started: float | None,
        stored: dict[str, StoredPicture],
    ) -> None:
        task_uuid, results = str(task["taskUUID"]), response.results
        if status in FINAL or results:
            for source in [r.source for r in results if r.source and r.url is None and r.source not in stored]:
                stored[source] = self.fetch(source)
            inline = [stored.get(r.source) for r in results]
            rows = self.journal.settle(task_uuid, status, response, inline, results_wanted(task))
            pictures = {
                row: stored.get(result.source) or self.fetch(result.source)
                for row, result in zip(rows, results, strict=True)
                if row is not None
            }
            stored |= {r.source: pictures[row] for row, r in zip(rows, results, strict=True) if row in pictures}
            latency = None if started is None else time.monotonic() - started
            self.journal.finish(task_uuid, pictures, latency=latency, is_open=status not in FINAL)
        if response.lost:
            self.journal.mark_unknown(task_uuid, response.errors[0])

    def fetch(self, source: str) -> StoredPicture:
        """Store the picture of a result, or return the reason why that failed."""
        try:
            data, facts = self.client.fetch(source, _examine_in_turn)
            name = self._images.put(data, facts.media_type if facts.fingerprint else "", facts.sha256)
        except (DownloadError, StorageError) as error:
            return StoredPicture(error=str(error), is_unwritten=isinstance(error, StorageError))
        return StoredPicture(facts, name, stamp=self._images.stamp(name))

    def new_token(self) -> CancelToken:
        """A token for one run, which can be cancelled alone, and be given up with all single runs of the studio."""
        return CancelToken(self._shared_token)

    def limiter(self, task: Mapping[str, Any]) -> Limiter:
        """How many tasks of a model may be with the service."""
        account = self.client.account(str(task.get("model", DEFAULT_MODEL)))
        known = self._limiters.get(account)
        return known or self._limiters.setdefault(account, Limiter(self._database, account, self.pace))

    @property
    def load(self) -> Load | None:
        """What the service lets through while it is busy; ``None`` while it is not."""
        loads = (limiter.load for limiter in list(self._limiters.values()))
        return next((load for load in loads if load is not None), None)

    def _write_heartbeat(self, task_uuids: Sequence[str]) -> None:
        self.journal.heartbeat(task_uuids)
        for limiter in list(self._limiters.values()):
            limiter.write_heartbeat()
