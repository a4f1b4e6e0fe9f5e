"""Records: a server that sends each task to another engine through a log, and gives back what came.

A notebook that is recorded sends its tasks here. The studio behind :attr:`Recorder.make` has the budget and the log; what
the log has from an earlier attempt is given back from it, in the order in which it was made, and not paid again.
"""

from __future__ import annotations

import asyncio
import base64
import contextvars
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from nbkit.display.text import usd
from nbkit.errors import BudgetExceeded, EngineError, NbkitError, RequestError
from nbkit.offline.engine import Offline
from nbkit.offline.envelope import Problem, RequestContext, Task
from nbkit.offline.pack import RecordedPicture
from nbkit.offline.replay import Match, Replay, of_picture
from nbkit.offline.server import EngineService, Server
from nbkit.offline.validation import check_image_task, check_uuid
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.price import MICRO
from nbkit.request.profiles import TASK_TYPE
from nbkit.results.run import BLOCKED, DONE, GeneratedImage, Run
from nbkit.service.replay import EXACT

AT_ONCE = 32
"""Tasks that are recorded side by side; the studio behind it waits for room at its service."""

_DELIVERY = {p.wire[-1] for p in PARAMETERS.values() if not p.affects_picture} | {"taskUUID"}

_answer: contextvars.ContextVar[list[Replay] | None] = contextvars.ContextVar("answer", default=None)
"""What the task that this thread begins is answered with."""


class Recorder:
    """Makes the picture of each task, or has it from an earlier attempt; safe to use from several threads.

    Args:
        make: makes the pictures of a request and waits for them.
        earlier: runs of an earlier attempt, oldest first.

    Attributes:
        tasks: how many were asked for.
        refused: what the budget did not allow, as sentences.
    """

    def __init__(self, make: Callable[[ImageRequest], Run], earlier: Iterable[Run] = ()) -> None:
        self._make, self._lock = make, threading.Lock()
        self._earlier: dict[str, list[Run]] = {}
        for run in earlier:
            if (run.status == DONE and run.images) or run.status == BLOCKED:
                self._earlier.setdefault(run.request.identity, []).append(run)
        self._seen: Counter[str] = Counter()
        self._answers: dict[str, Future[list[Replay]]] = {}
        self._pictures: dict[str, GeneratedImage] = {}
        self.tasks, self.refused = 0, list[str]()

    def record(self, task: Task, resolve: Callable[[str], str]) -> list[Replay]:
        """How the results of a task are answered. A task that comes again waits for the same pictures.

        Args:
            task: as it was received.
            resolve: returns a reference image's text with which another engine can do something.

        Raises:
            Problem: if it is not valid, failed, or might exceed the budget.
        """
        request = _request(task, resolve)
        key = str(task["taskUUID"]).lower()
        with self._lock:
            future, is_new = self._answers.get(key), key not in self._answers
            if future is None:
                future = self._answers[key] = Future()
                self.tasks += 1
        if is_new:
            try:
                future.set_result(self._results(request))
            except BaseException as error:  # noqa: BLE001  whoever waits for it gets it
                future.set_exception(error)
        return future.result()

    def find(self, _: ImageRequest, __: Sequence[str], /) -> Match:
        """What :meth:`record` has returned for the task that this thread begins."""
        replays = _answer.get()
        if replays is None:
            raise Problem("recordingOnly", "This engine only records: it prices nothing and answers no dry run.")
        costs = [replay["cost"] for replay in replays if replay.get("cost") is not None]
        return Match(lambda _: replays, max(costs, default=0))

    def file(self, sha256: str) -> bytes:
        """The bytes of a recorded picture."""
        return self._pictures[sha256].bytes

    def _results(self, request: ImageRequest) -> list[Replay]:
        with self._lock:
            turn = self._seen[request.identity]
            self._seen[request.identity] += 1
        known = self._earlier.get(request.identity, ())
        run = known[turn] if turn < len(known) else self._run(request)
        if run.status == BLOCKED:
            return [{"match": EXACT, "differs": {}, "refusal": str(run.error)}]
        if not run.images:
            code = run.error.code if isinstance(run.error, EngineError) else ""
            raise Problem(code or "inferenceError", str(run.error or f"The run ended as {run.status}."), status=200)
        self._pictures |= {image.sha256: image for image in run.images}
        found = [{"match": EXACT, "differs": {}} | of_picture(_recorded(image)) for image in run.images]
        missing = int(request.effective("number_results")) - len(found)
        failure = run.failures[0].message if run.failures else "The model failed at this result."
        return found + [{"match": EXACT, "differs": {}, "failure": failure}] * missing

    def _run(self, request: ImageRequest) -> Run:
        try:
            return self._make(request)
        except BudgetExceeded as error:
            left = usd(round((error.limit - error.spent - error.held) * MICRO))
            why = f"one may cost up to {usd(round(error.asked * MICRO))}, and {left} of the budget is left"
            with self._lock:
                self.refused.append(why)
            raise Problem("insufficientCredits", f"Of the requests of this recording, {why}.", status=402) from None
        except NbkitError as error:
            raise Problem("inferenceError", str(error), status=200) from None


def _request(task: Task, resolve: Callable[[str], str]) -> ImageRequest:
    check_image_task(task)
    sent = {name: value for name, value in task.items() if name not in _DELIVERY}
    if references := (task.get("inputs") or {}).get("referenceImages"):
        sent["inputs"] = {**task["inputs"], "referenceImages": [resolve(text) for text in references]}
    try:
        return ImageRequest.from_task(sent)
    except RequestError as error:
        raise Problem("invalidReferenceImage", str(error), parameter="inputs.referenceImages") from None


def _recorded(image: GeneratedImage) -> RecordedPicture:
    return RecordedPicture(image.sha256, image.media_type, image.seed, image.cost_micros, image.nsfw)


class _RecordingService(EngineService):
    """Begins each task in a thread of its own, because it waits there for its pictures."""

    def __init__(self, engine: Offline, recorder: Recorder) -> None:
        super().__init__(engine)
        self._recorder = recorder
        self._threads = ThreadPoolExecutor(AT_ONCE, "nbkit-record")

    async def begin(self, tasks: Sequence[Any], caller: str, context: RequestContext) -> list[Any]:
        loop = asyncio.get_running_loop()
        begun = (loop.run_in_executor(self._threads, self._begin, task, context) for task in tasks)
        return [self._finish(one, caller, context) for one in await asyncio.gather(*begun)]

    def _begin(self, task: Any, context: RequestContext) -> Any:
        if not isinstance(task, dict) or task.get("taskType") != TASK_TYPE:
            return self._engine.begin(task, context)
        try:
            check_uuid(task)
            answer = None if context.dry_run else self._recorder.record(task, self._resolve)
        except Problem as problem:
            return problem.outcome(task)
        token = _answer.set(answer)
        try:
            return self._engine.begin(task, context)
        finally:
            _answer.reset(token)

    def _resolve(self, text: str) -> str:
        """A picture of this server as data, because the other engine does not know its UUID."""
        answer = self._engine.picture(text)
        if answer.status != 200:
            return text
        media_type = answer.headers["Content-Type"]
        return f"data:{media_type};base64,{base64.b64encode(answer.body).decode()}"


class RecordingServer(Server):
    """Serves a recorder at a free port of this machine.

    Args:
        recorder: answers the tasks.
        key: that clients must send.
    """

    def __init__(self, recorder: Recorder, key: str) -> None:
        engine = Offline(key=key, pack=recorder, balance=1e6)
        super().__init__(engine, service=_RecordingService(engine, recorder))
