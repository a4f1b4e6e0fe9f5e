"""The offline engine: takes the tasks that the image API takes and gives the answers that it gives.

:class:`Offline` knows nothing of connections: bytes and headers in, an :class:`Answer` out. The in-process
transport and an HTTP server are two ways to it.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nbkit.offline.delivery import DeliveryHandler, hand_over
from nbkit.offline.envelope import (
    Answer,
    Items,
    Problem,
    ResponseBuilder,
    Task,
    check_key,
    echo,
    make_answer,
    read_tasks,
    refuse,
    take_key,
)
from nbkit.offline.failures import CORRUPTED, Failures, corrupt
from nbkit.offline.painting.scene import Inset
from nbkit.offline.renderer import Renderer
from nbkit.offline.task_store import TaskStore
from nbkit.offline.tasks import Inference, as_sent, make_inference
from nbkit.offline.uploads import Uploads
from nbkit.offline.validation import check_image_task, check_uuid, one_of, required
from nbkit.request import model

BASE_URL = "https://offline.nbkit.invalid"
"""Where picture addresses point to in-process: a name that no network resolves."""

Parts = tuple[Items, Items]
"""What one task adds to ``data`` and to ``errors``."""


@dataclass(frozen=True, slots=True)
class _Call:
    """What holds for all tasks of one HTTP request."""

    base_url: str
    dry_run: bool


Handler = Callable[[Task, _Call], Parts]


class Offline:
    """An engine that needs no key and no network, and speaks the image API's wire contract.

    Pictures are drawn on this machine and are a pure function of the request. It is safe to use from several
    threads, and remembers tasks but no pictures.

    Args:
        latency: seconds that a task takes. A ``sync`` task is waited for in the calling thread; an ``async``
            one is ready when the clock says so, its results one after another.
        failures: what shall go wrong, by fault name and probability; :mod:`nbkit.offline.failures` has the table.
        key: the API key to insist on; without one, any key or none will do.
        balance: USD that the account holds; a task that costs more than is left is refused.
        seed: makes random seeds and failures repeatable for the same taskUUIDs.
        clock: the time in seconds.
        sleep: how a latency is waited for.
        deliver: takes webhook calls and uploads; without it none is sent.

    Attributes:
        deliver: as given; a server that has an outbox puts it here.
        acknowledgement: how an ``async`` task is acknowledged, in one of the three documented ways.
        unknown_task: how ``getResponse`` and ``getTaskDetails`` answer for a task that was never seen.
    """

    def __init__(
        self,
        latency: float = 0.0,
        failures: Mapping[str, float] | None = None,
        key: str | None = None,
        balance: float = 100.0,
        seed: int | None = None,
        clock: Callable[[], float] = time.time,
        *,
        sleep: Callable[[float], None] = time.sleep,
        deliver: DeliveryHandler | None = None,
    ) -> None:
        if latency < 0:
            raise ValueError(f"latency={latency!r}: must be 0 seconds or more")
        self.acknowledgement: Literal["processing", "plain", "empty"] = "processing"
        self.unknown_task: Literal["empty", "taskNotFound"] = "empty"
        self._latency, self._key, self._seed = latency, key, seed
        self._clock, self._sleep, self.deliver = clock, sleep, deliver
        self._failures = Failures(failures, seed)
        self._store = TaskStore(round(balance * model.MICRO), seed)
        self._renderer = Renderer()
        self._uploads = Uploads(self._renderer)
        self._handlers: dict[str, Handler] = {
            model.TASK_TYPE: self._price,
            "getResponse": self._response,
            "getTaskDetails": self._details,
            "imageUpload": self._upload,
            "mediaStorage": self._media,
            "accountManagement": self._account,
            "authentication": self._authentication,
            "ping": self._ping,
        }

    def __repr__(self) -> str:
        spent = self.spent / model.MICRO
        return f"<Offline engine: {self._store.accepted} tasks, {spent:.5f} USD at list prices>"

    # -- what the engine can be asked from Python ----------------------------------------------------------

    @property
    def charges(self) -> dict[str, int]:
        """Micro-dollars by taskUUID, for each task that was charged; a copy."""
        return self._store.charges

    @property
    def spent(self) -> int:
        """Micro-dollars spent at list prices."""
        return self._store.spent

    @property
    def failures(self) -> dict[str, float]:
        """What goes wrong, by fault name and probability; may be set anew at any time, also to ``None``."""
        return dict(self._failures.probabilities)

    @failures.setter
    def failures(self, probabilities: Mapping[str, float] | None) -> None:
        self._failures = Failures(probabilities, self._seed)

    def account(self) -> dict[str, Any]:
        """The account's details, as ``accountManagement`` answers them; money in USD."""
        return {
            "organizationName": "nbkit offline engine",
            "balance": self._store.balance / model.MICRO,
            "usage": {"total": {"credits": self.spent / model.MICRO, "requests": self._store.accepted}},
        }

    def settle(self) -> float | None:
        """Hands over webhook calls and uploads of results that are ready by now.

        :meth:`answer` does it too. A server calls it when the time comes, for the sake of a sender who waits
        for a webhook and asks nothing more.

        Returns:
            Seconds until there is something to hand over again; ``None`` if nothing is under way.
        """
        deliver = self.deliver
        if deliver is None:
            return None
        now = self._clock()
        due, coming = self._store.take_due(now)
        for inference, result in due:
            for delivery in inference.deliveries(result, self._renderer):
                hand_over(deliver, delivery)
        return None if coming is None else max(coming - now, 0.0)

    # -- HTTP without HTTP ------------------------------------------------------------------------------

    def answer(self, body: bytes, headers: Mapping[str, str], *, base_url: str = BASE_URL) -> Answer:
        """The answer to ``POST /v1``.

        Args:
            body: of the request.
            headers: of the request; case does not matter.
            base_url: what picture addresses in the answer begin with.
        """
        head = {name.lower(): value for name, value in headers.items()}
        dry_run = head.get("x-runware-dry-run", "").strip().lower() in ("1", "true")
        try:
            tasks = read_tasks(body)
            key, tasks = take_key(tasks, head.get("authorization"))
            check_key(key, self._key)
        except Problem as problem:
            return refuse(problem)
        answer = self._work(tasks, _Call(base_url.rstrip("/"), dry_run))
        self.settle()
        return answer

    def picture(self, name: str) -> Answer:
        """The answer to a GET of a picture's address.

        Args:
            name: the address's last part: an image UUID, with or without a file ending.
        """
        image_uuid, now = name.partition(".")[0].lower(), self._clock()
        found = self._store.image(image_uuid)
        if found is None:
            uploaded = self._uploads.file(image_uuid)
            return make_answer(200, *uploaded) if uploaded else refuse(_no_image())
        inference, result = found
        if now < result.ready:
            return refuse(_no_image())
        if now >= inference.expires(result):
            return refuse(Problem("imageExpired", "This picture's address has expired.", status=404))
        answer = make_answer(200, inference.media_type, inference.file(result, self._renderer))
        return answer.broken_off() if self._store.take_break(result) else answer

    # -- tasks ------------------------------------------------------------------------------------------

    def _work(self, tasks: Iterable[Any], call: _Call) -> Answer:
        reply, accepted = ResponseBuilder(), []
        for task in tasks:
            try:
                handle = self._handler(task)
                if handle == self._price and not call.dry_run:
                    accepted.append(self._accept(task, call))
                else:
                    reply.add(*handle(task, call))
            except Problem as problem:
                reply.refuse(problem, task)
        self._wait(accepted)
        for inference in accepted:
            self._first_answer(inference, call, reply)
        answer = reply.answer()
        return next((corrupt(answer, i.fault, i.sent) for i in accepted if i.fault in CORRUPTED), answer)

    def _handler(self, task: Any) -> Handler:
        if not isinstance(task, Mapping):
            raise Problem("invalidTask", "Each element of the array must be a JSON object.")
        return self._handlers[one_of(task, "taskType", tuple(self._handlers))]

    def _accept(self, task: Task, call: _Call) -> Inference:
        inference = self._plan(task, call)
        self._store.accept(inference, self._failures, self._clock(), self._latency)
        return inference

    def _plan(self, task: Task, call: _Call) -> Inference:
        return make_inference(task, check_image_task(task), self._renderer, self._known_image, call.base_url)

    def _wait(self, accepted: list[Inference]) -> None:
        waiting = [inference for inference in accepted if inference.waits]
        if waiting and self._latency:
            self._sleep(self._latency)
        for inference in waiting:
            if inference.fault != "timeout":  # that one goes on
                self._store.finish(inference, self._clock())

    def _first_answer(self, inference: Inference, call: _Call, reply: ResponseBuilder) -> None:
        if inference.waits:
            data, errors = inference.report(self._renderer, call.base_url, math.inf)
            reply.add(data, errors, status=200 if data else inference.failed_status)
        else:
            head = {"taskType": model.TASK_TYPE, "taskUUID": inference.uuid}
            status = {"status": "processing"} if self.acknowledgement == "processing" else {}
            reply.add([] if self.acknowledgement == "empty" else [head | status])

    def _known_image(self, image_uuid: str) -> Inset | None:
        """An uploaded image or a finished result, as a reference."""
        found = self._store.image(image_uuid)
        if found is None or found[1].ready > self._clock():
            return self._uploads.inset(image_uuid)
        return Inset(self._renderer.keep(found[0].file(found[1], self._renderer)), "", None)

    # -- one method for each task type ------------------------------------------------------------------

    def _price(self, task: Task, call: _Call) -> Parts:
        """A dry run: valid, and this is what it would cost."""
        inference = self._plan(task, call)
        head = {"taskType": model.TASK_TYPE, "taskUUID": inference.uuid}
        return [head | {"dryRun": True, "cost": inference.total / model.MICRO}], []

    def _response(self, task: Task, call: _Call) -> Parts:
        inference = self._find(task)
        if inference is None or inference.waits:  # the service answers nothing after a sync run
            return [], []
        return inference.report(self._renderer, call.base_url, self._clock(), with_status=True)

    def _details(self, task: Task, call: _Call) -> Parts:
        inference, now = self._find(task), self._clock()
        if inference is None or not inference.is_finished(now):  # details are kept of past tasks
            return [], []
        data, errors = inference.report(self._renderer, call.base_url, now)
        response = {"data": data, "errors": errors} if errors else {"data": data}
        head = {"taskType": "getTaskDetails", "taskUUID": task["taskUUID"]}
        return [head | {"request": [as_sent(inference, self._renderer)], "response": response}], []

    def _find(self, task: Task) -> Inference | None:
        inference = self._store.task(check_uuid(task))
        if inference is None and self.unknown_task == "taskNotFound":
            raise Problem("taskNotFound", "No task of that UUID is known here.", parameter=["taskUUID"], status=404)
        return inference

    def _upload(self, task: Task, call: _Call) -> Parts:
        return [self._uploads.upload_image(task, call.base_url, dry_run=call.dry_run)], []

    def _media(self, task: Task, call: _Call) -> Parts:
        return [self._uploads.store_media(task, call.base_url, dry_run=call.dry_run)], []

    def _account(self, task: Task, _: _Call) -> Parts:
        head = {"taskType": "accountManagement", "taskUUID": check_uuid(task)}
        return [head | {"operation": one_of(task, "operation", ("getDetails",))} | self.account()], []

    def _authentication(self, task: Task, _: _Call) -> Parts:
        """The key was checked on the way here."""
        return [echo(task) | {"connectionSessionUUID": str(uuid.uuid4())}], []

    def _ping(self, task: Task, _: _Call) -> Parts:
        if required(task, "ping") is not True:
            raise Problem("invalidChoice", "ping must be true.", parameter=["ping"], allowed=[True])
        return [echo(task) | {"pong": True}], []


def _no_image() -> Problem:
    return Problem("imageNotFound", "There is no picture at this address.", status=404)
