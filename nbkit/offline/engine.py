"""The offline engine: accepts the same tasks as the image API, and returns the same answers.

:class:`Offline` is independent of connections: it takes the body and the headers of a request and returns an
:class:`Answer`. The in-process transport and the HTTP server both call it.
"""

from __future__ import annotations

import logging
import math
import os
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from nbkit.offline.delivery import Delivery
from nbkit.offline.envelope import (
    Answer,
    Items,
    Outcome,
    Problem,
    RequestContext,
    Task,
    check_key,
    content_of,
    echo,
    read_tasks,
    status_of_all,
)
from nbkit.offline.failures import CORRUPTED, Failures, corrupt
from nbkit.offline.pack import Pack
from nbkit.offline.references import ReferenceReader
from nbkit.offline.renderer import Renderer
from nbkit.offline.replay import MISSES, Miss, Recordings, Replayer
from nbkit.offline.state import EngineState
from nbkit.offline.task_store import TaskStore
from nbkit.offline.tasks import DEFAULT_TTL, Inference, make_inference
from nbkit.offline.validation import check_uuid, one_of, required
from nbkit.request.price import MICRO
from nbkit.request.profiles import TASK_TYPE
from nbkit.service.secret import Secret

logger = logging.getLogger(__name__)

BASE_URL = "https://offline.nbkit.invalid"
"""Beginning of picture URLs in-process, with a host name that no network resolves."""


ORGANIZATION_UUID = "0ff11e00-6b17-4a5e-8d0c-000000000001"
"""Of the account: clients expect one."""


class Offline:
    """An engine that implements the image API's wire format on this machine, without a key and without a network.

    Each picture is drawn here, as a pure function of its request. The engine stores tasks but no pictures. It is safe
    to use from several threads.

    Args:
        latency: seconds that a task takes. A ``sync`` task blocks the calling thread; the results of an ``async`` task
            get ready one after another, by the clock.
        failures: the probability of each fault, by its name, from 0 to 1; :mod:`nbkit.offline.failures` has the table.
        key: the API key that requests must have; ``None`` accepts any key, or none.
        balance: USD that the account holds; a task that costs more than is left is refused.
        seed: makes random seeds and failures repeatable for the same taskUUIDs, and the noise for the same order of
            requests.
        noise: how much the pictures of the same request with the same seed differ from each other, from 0 to 1: with
            0.03, a thing moves by at most 1.5 percent of the picture. A service may do so whose seeds are a best effort; with 0
            they are equal.
        clock: returns the time in seconds.
        pack: the path of a file of recorded requests, or an opened :class:`~nbkit.offline.pack.Pack`; what it has is
            answered with its pictures. A :class:`~nbkit.offline.replay.Recordings` of your own decides by itself.
        miss: what happens to a request that the pack does not have: it is drawn (``"draw"``), answered with the
            ``"nearest"`` recording of its prompt, which says what differs, or refused (``"refuse"``).
        sleep: waits for a number of seconds, for the latency.
        state: a file in which tasks and uploads are kept, so that an engine that is made with it later answers as this
            one; only one engine at a time uses it. Without one, they end with the engine.
        deliver: called with each webhook call and each upload, in the thread that sent the request, so it must return
            soon; without it none is sent.

    Attributes:
        latency, sleep: as given.
        deliver: as given; a server sets it to its sender.
        acknowledgement: how an ``async`` task is acknowledged, in one of the three documented ways: with an item that
            has the status ``processing``, a ``plain`` item without a status, or no item (``empty``).
        unknown_task: how ``getResponse`` and ``getTaskDetails`` answer for a task that the engine has never received:
            with no item (``empty``) or the error ``taskNotFound``.

    Raises:
        ValueError: for a negative latency, an unknown fault, probabilities or a noise that are not allowed, or another
            ``miss``.
        RequestError: if the pack cannot be read.
        StorageError: if the state cannot be used.

    Example:
        >>> import nbkit
        >>> engine = nbkit.Offline(latency=0.1, failures={"blocked": 1}, balance=5.00)
        >>> studio = nbkit.Studio(engine=engine)
        >>> run = studio.generate("A paper lantern", seed=7, resolution="0.5K")
        >>> run.status, run.latency >= 0.05, engine.charges
        ('blocked', True, {})
        >>> engine.failures = None
        >>> run = studio.generate("A paper lantern", seed=7, resolution="0.5K")
        >>> run.status, engine.charges == {run.task_uuid: 46570}
        ('done', True)
        >>> engine.spent, studio.balance()
        (46570, 4.95343)
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
        noise: float = 0.0,
        pack: str | os.PathLike[str] | Pack | Recordings | None = None,
        miss: Miss = "draw",
        sleep: Callable[[float], None] = time.sleep,
        deliver: Callable[[Delivery], None] | None = None,
        state: Path | None = None,
    ) -> None:
        if latency < 0:
            raise ValueError(f"latency={latency!r}: must be 0 seconds or more")
        if not 0 <= noise <= 1:
            raise ValueError(f"noise={noise!r}: must be a number from 0 to 1, such as 0.03")
        if key is not None and not key.strip():
            raise ValueError("key='': must be a text that clients send, or None to accept any key")
        self.acknowledgement: Literal["processing", "plain", "empty"] = "processing"
        self.unknown_task: Literal["empty", "taskNotFound"] = "empty"
        self.latency, self._key, self._seed, self._noise = latency, Secret(key), seed, float(noise)
        del key
        self._clock, self.sleep, self.deliver = clock, sleep, deliver
        self._failures = Failures(failures, seed)
        if miss not in MISSES:
            raise ValueError(f"miss={miss!r}: must be 'nearest', 'draw' or 'refuse'")
        if pack is not None and not isinstance(pack, Recordings):
            pack = Replayer(pack if isinstance(pack, Pack) else Pack(pack), miss)
        self._state = None if state is None else EngineState(state)
        renderer = Renderer(self._state, pack)
        self._store = TaskStore(round(balance * MICRO), seed, renderer, self._state)
        self._references = ReferenceReader(renderer, self._file_of_result, self._state)
        self._handlers: dict[str, Callable[[Task, RequestContext], Items | Inference]] = {
            TASK_TYPE: self._image_inference,
            "getResponse": self._response,
            "getTaskDetails": self._details,
            "imageUpload": self._references.upload,
            "mediaStorage": self._references.store_media,
            "accountManagement": self._account,
            "authentication": self._authentication,
            "ping": self._ping,
        }

    def __repr__(self) -> str:
        return f"<Offline engine: {len(self._store.tasks)} tasks, {self.spent / MICRO:.5f} USD at list prices>"

    # -- for Python code -----------------------------------------------------------------------------------

    @property
    def charges(self) -> dict[str, int]:
        """Micro-dollars by taskUUID, for each task that was charged; a copy.

        Example:
            >>> import nbkit
            >>> engine = nbkit.Offline()
            >>> studio = nbkit.Studio(engine=engine)
            >>> run = studio.generate("A jade teapot", seed=1, number_results=2)
            >>> engine.charges[run.task_uuid]
            137900
        """
        return {task.uuid: task.charge for task in list(self._store.tasks.values()) if task.charge}

    @property
    def spent(self) -> int:
        """Micro-dollars spent at list prices: the sum of :attr:`charges`."""
        return sum(self.charges.values())

    @property
    def failures(self) -> dict[str, float]:
        """The probability of each fault, by its name; a copy.

        May be set at any time; ``None`` means that no fault occurs.

        Example:
            >>> import nbkit
            >>> engine = nbkit.Offline(failures={"failed": 1})
            >>> studio = nbkit.Studio(engine=engine)
            >>> studio.generate("A jade teapot", seed=1).status
            'failed'
            >>> engine.failures = None
            >>> studio.generate("A jade teapot", seed=1).status
            'done'
        """
        return dict(self._failures.probabilities)

    @failures.setter
    def failures(self, probabilities: Mapping[str, float] | None) -> None:
        self._failures = Failures(probabilities, self._seed)

    def account(self) -> dict[str, Any]:
        """The account's details as the task ``accountManagement`` returns them; money in USD.

        Example:
            >>> import nbkit
            >>> nbkit.Offline(balance=5.00).account()["balance"]
            5.0
        """
        return {
            "organizationUUID": ORGANIZATION_UUID,
            "organizationName": "nbkit offline engine",
            "balance": self._store.balance / MICRO,
            "usage": {"total": {"credits": self.spent / MICRO, "requests": len(self._store.tasks)}},
        }

    def close(self) -> None:
        """Release the file of the state, if there is one; another engine may use it then.

        Example:
            >>> import nbkit, pathlib
            >>> engine = nbkit.Offline(state=pathlib.Path("engine.sqlite"))
            >>> engine.close()
        """
        if self._state is not None:
            self._state.close()

    @property
    def has_deliveries(self) -> bool:
        """Whether there are results to hand over, now or later."""
        return self.deliver is not None and self._store.has_undelivered

    def settle(self) -> float | None:
        """Hand over the webhook calls and uploads of all results that are ready.

        :meth:`answer` calls it too. A server also calls it on time, because a client that waits for a webhook may send
        no further request.

        Returns:
            Seconds until the next result is ready; ``None`` if no result is to be handed over later, or without
            ``deliver``.
        """
        deliver = self.deliver
        if deliver is None:
            return None
        now = self._clock()
        results, next_time = self._store.pop_due_results(now)
        for delivery in (delivery for result in results for delivery in result.deliveries()):
            try:
                deliver(delivery)
            except Exception as error:  # noqa: BLE001 - foreign code must not affect the answer: the task is paid
                logger.warning("a %s could not be handed over: %s", delivery.kind, type(error).__name__)
        return None if next_time is None else max(next_time - now, 0.0)

    # -- requests ---------------------------------------------------------------------------------------

    def answer(self, body: bytes, headers: Mapping[str, str], *, base_url: str = BASE_URL) -> Answer:
        """Run the tasks of a request to ``POST /v1``, and return the answer.

        Args:
            body: of the request: a JSON array of tasks.
            headers: of the request; names may be in any case.
            base_url: beginning of the picture URLs in the answer.

        Example:
            >>> import json, nbkit
            >>> answer = nbkit.Offline().answer(b'[{"taskType": "ping", "ping": true}]', {})
            >>> answer.status, json.loads(answer.body)
            (200, {'data': [{'taskType': 'ping', 'pong': True}]})
        """
        lower_case = {name.lower(): value for name, value in headers.items()}
        dry_run = lower_case.get("x-runware-dry-run", "").strip().lower() in ("1", "true")
        try:
            tasks, key = read_tasks(body, lower_case.get("authorization"))
            self.check_key(key)
        except Problem as problem:
            return problem.answer()
        context = RequestContext(base_url.rstrip("/"), dry_run)
        begun = [self.begin(task, context) for task in tasks]  # independent: one may be refused while another runs
        if any(isinstance(task, Inference) and task.is_sync for task in begun) and self.latency:
            self.sleep(self.latency)  # once: the tasks of a request run side by side
        outcomes = [self.finish(task, context) for task in begun]
        self.settle()
        answer = Answer.json([item for outcome in outcomes for item in outcome.items], status_of_all(outcomes))
        return next((corrupt(answer, one.fault, one.task) for one in outcomes if one.fault in CORRUPTED), answer)

    def check_key(self, key: Any) -> None:
        """Check the API key of a request.

        Raises:
            Problem: if the engine has a key, and this is another one, or none.

        Example:
            >>> import nbkit
            >>> nbkit.Offline(key="sesame").check_key("sesame")
        """
        check_key(key, self._key)

    @property
    def has_key(self) -> bool:
        """Whether requests must have a key."""
        return bool(self._key)

    def picture(self, name: str) -> Answer:
        """The answer to a GET of a picture's URL: the encoded picture, or 404.

        Args:
            name: last part of the URL: an image UUID, with or without a suffix such as ``.jpg``.

        Example:
            >>> import nbkit
            >>> engine = nbkit.Offline()
            >>> image = nbkit.Studio(engine=engine).generate("A paper lantern", seed=7).image
            >>> answer = engine.picture(image.image_uuid)
            >>> answer.headers["Content-Type"], answer.body == image.bytes
            ('image/jpeg', True)
        """
        image_uuid, now = name.partition(".")[0].lower(), self._clock()
        result = self._store.images.get(image_uuid)
        if result is None or now < result.ready:
            uploaded = self._references.file(image_uuid)
            missing = Problem("imageNotFound", "There is no picture at this address.", status=404)
            return Answer.of(200, *uploaded) if uploaded else missing.answer()
        if now >= result.ready + (result.task.request.ttl or DEFAULT_TTL):
            return Problem("imageExpired", "This picture's address has expired.", status=404).answer()
        try:
            answer = Answer.of(200, result.media_type, result.file())
        except Problem as gone:  # from the pack
            return gone.answer()
        is_broken = result.task.fault == "download" and next(result.downloads) == 0
        return answer.truncated() if is_broken else answer

    def task_of_picture(self, name: str) -> Inference | None:
        """The task that has a picture; ``None`` for an upload, or a picture that is not known.

        Args:
            name: as :meth:`picture` takes it.

        Example:
            >>> import nbkit
            >>> nbkit.Offline().task_of_picture("unknown.jpg")
        """
        result = self._store.images.get(name.partition(".")[0].lower())
        return None if result is None else result.task

    # -- tasks ------------------------------------------------------------------------------------------

    def begin(self, task: Any, context: RequestContext) -> Outcome | Inference:
        """Accept one task of a request, or answer it at once if it is no image task.

        Args:
            task: the decoded JSON.
            context: of its request.

        Returns:
            An accepted image task for :meth:`finish`; one with ``is_sync`` takes :attr:`latency` seconds until then. Any
            other task is answered, or refused.

        Example:
            >>> import nbkit
            >>> from nbkit.offline.envelope import RequestContext
            >>> nbkit.Offline().begin({"taskType": "ping", "ping": True}, RequestContext("http://here", False)).items
            [{'taskType': 'ping', 'pong': True}]
        """
        try:
            task_type = one_of(task, "taskType", tuple(self._handlers))
            if task_type not in ("ping", "authentication"):
                check_uuid(task)
            begun = self._handlers[task_type](task, context)
        except Problem as problem:
            return problem.outcome(task)
        return begun if isinstance(begun, Inference) else Outcome(begun, task=task)

    def finish(self, begun: Outcome | Inference, context: RequestContext) -> Outcome:
        """The answer to a task that was begun: the results of a ``sync`` task, an ``async`` one's acknowledgement.

        Args:
            begun: what :meth:`begin` returned.
            context: of its request.

        Example:
            >>> import nbkit
            >>> from nbkit.offline.envelope import RequestContext
            >>> engine, context = nbkit.Offline(), RequestContext("http://here", False)
            >>> engine.finish(engine.begin({"taskType": "paint"}, context), context).status
            400
        """
        if isinstance(begun, Outcome):
            return begun
        if begun.is_sync and begun.fault != "timeout":  # such a task continues after its answer
            self._store.finish(begun, self._clock())
        return Outcome(self._first_items(begun, context), begun.status, begun.fault, begun.sent)

    def _first_items(self, inference: Inference, context: RequestContext) -> Items:
        """All results of a ``sync`` task, or the acknowledgement of an ``async`` one."""
        if inference.is_sync:
            return inference.report(context.base_url, math.inf)
        status = {"status": "processing"} if self.acknowledgement == "processing" else {}
        return [] if self.acknowledgement == "empty" else [echo(inference.sent) | status]

    def _file_of_result(self, image_uuid: str) -> bytes | None:
        """The picture of a finished result; ``None`` for another UUID."""
        result = self._store.images.get(image_uuid)
        return None if result is None or result.ready > self._clock() else result.file()

    # -- one method for each task type ------------------------------------------------------------------

    def _image_inference(self, task: Task, context: RequestContext) -> Items | Inference:
        """Accept an image task, whose results are reported later; in a dry run, check and price it only."""
        inference = make_inference(task, self._references, context.base_url, self._noise)
        if context.dry_run:
            return [echo(task) | {"dryRun": True, "cost": inference.total / MICRO}]
        self._store.accept(inference, self._failures, self._clock(), self.latency)
        return inference

    def _response(self, task: Task, context: RequestContext) -> Items:
        inference = self._find(task)
        if inference is None or inference.is_sync:  # for a sync task, the service returns no items here
            return []
        return inference.report(context.base_url, self._clock(), with_status=True)

    def _details(self, task: Task, context: RequestContext) -> Items:
        inference, now = self._find(task), self._clock()
        if inference is None or not inference.is_finished(now):  # only finished tasks have details
            return []
        response = content_of(inference.report(context.base_url, now))
        return [echo(task) | {"request": [inference.as_sent()], "response": response}]

    def _find(self, task: Task) -> Inference | None:
        inference = self._store.tasks.get(task["taskUUID"].lower())
        if inference is None and self.unknown_task == "taskNotFound":
            raise Problem("taskNotFound", "No task of that UUID is known here.", parameter="taskUUID", status=404)
        return inference

    def _account(self, task: Task, _: RequestContext) -> Items:
        return [echo(task) | {"operation": one_of(task, "operation", ("getDetails",))} | self.account()]

    def _authentication(self, task: Task, _: RequestContext) -> Items:
        """Confirm the key, which :meth:`answer` has checked."""
        return [echo(task) | {"connectionSessionUUID": str(uuid.uuid4())}]

    def _ping(self, task: Task, _: RequestContext) -> Items:
        if required(task, "ping") is not True:
            raise Problem("invalidChoice", "ping must be true.", parameter="ping", allowed=[True])
        return [echo(task) | {"pong": True}]
