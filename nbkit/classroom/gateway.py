"""Answers the tasks of students: checks, holds money, waits for a turn, has the task done, keeps what came.

A task that was accepted is done, whoever leaves meanwhile: its answer can be asked for, also after the server was killed
and started again. A student sees own tasks, pictures and uploads only; anybody else's are "not known".
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import json
import logging
import re
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from nbkit.classroom.accounting import Accounting, Medium, StoredTask
from nbkit.classroom.policy import BlockedWord, Policy
from nbkit.classroom.roster import Classroom
from nbkit.classroom.schema import AT_WORK, ENDED, PICTURES
from nbkit.classroom.upstream import Finished, Upstream
from nbkit.errors import StorageError
from nbkit.log.images import ImageStore
from nbkit.measures.facts import SUFFIXES
from nbkit.offline.envelope import (
    PICTURE_PATH,
    Answer,
    Items,
    Outcome,
    Problem,
    RequestContext,
    Task,
    content_of,
    echo,
    missing_key,
)
from nbkit.offline.references import decode
from nbkit.offline.server import LARGE_PIXELS
from nbkit.offline.tasks import DEFAULT_TTL
from nbkit.offline.turns import LineFull, Turns, Waiting
from nbkit.offline.validation import REFERENCES, check_image_task, check_uuid, one_of, required
from nbkit.offline.web import BUSY_SECONDS
from nbkit.request.formats import recognise
from nbkit.request.image_request import ImageRequest
from nbkit.request.price import MICRO
from nbkit.request.profiles import TASK_TYPE

T = TypeVar("T")

logger = logging.getLogger(__name__)

RETRY_SECONDS, LONGEST_RETRY_SECONDS = 30.0, 900.0
"""Pause before a task whose outcome is not known is asked for again; it doubles each time."""

SEEN_SECONDS = 10.0
"""How often it is written that a student is there."""

TASKS_AT_ONCE, TEXT_BYTES = 20, 512 * 1024
"""Tasks of one request; bytes of a task without its reference images, which are all kept."""

UPLOADS_AT_ONCE, UPLOADS_WAITING = 4, 16
"""Uploads that are with the service at once, one of each student; those of one student that wait."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LINK = "text/uri-list"
"""The media type of an upload that is an address."""


class Gateway:
    """A class as a :class:`~nbkit.offline.web.TaskService`; a caller is the name of a student.

    Args:
        classroom: students, keys, policy.
        upstream: does the tasks.
    """

    has_key = True

    def __init__(self, classroom: Classroom, upstream: Upstream) -> None:
        self._class, self._upstream = classroom, upstream
        self._accounting = Accounting(classroom.database)
        self._pictures = ImageStore(classroom.folder / PICTURES)
        self._turns = Turns(upstream.at_once)
        self._asking = Turns(UPLOADS_AT_ONCE, each=1, waiting=UPLOADS_WAITING)
        self._pending: Counter[str] = Counter()
        self._outcomes: dict[str, asyncio.Future[Outcome]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._seen: dict[str, float] = {}

    @property
    def is_offline(self) -> bool:
        return self._upstream.is_offline

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Go on with the tasks that an earlier server had accepted, and let those that came be done."""
        self._follow(await asyncio.to_thread(lambda: self._class.policy))
        self._pictures.prepare()
        for task in await asyncio.to_thread(self._accounting.open_tasks):
            self._pending[task.student] += 1
            self._enqueue(task, resumes=task.state == AT_WORK)
        try:
            yield
        finally:
            for running in self._running:
                running.cancel()
            self._upstream.close()

    def _follow(self, policy: Policy) -> None:
        """Do as many tasks at once as the policy says now."""
        self._turns.at_once, self._turns.each = min(policy.at_once, self._upstream.at_once), policy.at_work

    # -- who ---------------------------------------------------------------------------------------------------

    async def caller(self, key: str | None, host: str) -> str:
        del host
        if not key:
            raise missing_key()
        found = await asyncio.to_thread(self._class.who, key)
        if found is None:
            message = "Nobody in this class has this key. Is each character as on the slip?"
            raise Problem("invalidApiKey", message, status=401)
        if isinstance(found, str):
            message = "This key opens a page at /teacher and makes no pictures; the key of a student does."
            raise Problem("forbidden", message, status=403)
        name = found.name
        now = time.monotonic()
        if now - self._seen.get(name, -SEEN_SECONDS) >= SEEN_SECONDS:
            self._seen[name] = now
            await asyncio.to_thread(self._accounting.see, name)
        return name

    # -- tasks -------------------------------------------------------------------------------------------------

    async def begin(self, tasks: Sequence[Any], caller: str, context: RequestContext) -> list[Awaitable[Outcome]]:
        if len(tasks) > TASKS_AT_ONCE:  # an answer holds what all of them are about
            message = f"At most {TASKS_AT_ONCE} tasks come in one request."
            problem = Problem("maxTasksExceeded", message, status=413)
            return [_done(problem.outcome(tasks[0]))]
        return [await self._begin(task, caller, context) for task in tasks]

    async def _begin(self, task: Any, student: str, context: RequestContext) -> Awaitable[Outcome]:
        handlers: dict[str, Callable[[Task, str, RequestContext], Coroutine[Any, Any, Awaitable[Outcome] | Items]]] = {
            TASK_TYPE: self._inference,
            "getResponse": self._response,
            "getTaskDetails": self._details,
            "imageUpload": self._upload,
            "mediaStorage": self._media,
            "accountManagement": self._account,
            "authentication": self._authentication,
            "ping": self._ping,
        }
        try:
            task_type = one_of(task, "taskType", tuple(handlers))
            if task_type not in ("ping", "authentication"):
                check_uuid(task)
            begun = await handlers[task_type](task, student, context)
        except Problem as problem:
            return _done(problem.outcome(task))
        except StorageError:
            logger.exception("the folder of the class cannot be written")
            message = "The server of this class cannot write to its disk. Nothing was sent; tell the teacher."
            return _done(Problem("internalServerError", message, status=500).outcome(task))
        return _done(Outcome(begun, task=task)) if isinstance(begun, list) else begun

    async def _inference(self, task: Task, student: str, context: RequestContext) -> Awaitable[Outcome] | Items:
        policy = await asyncio.to_thread(lambda: self._class.policy)
        self._follow(policy)
        # What the policy takes away, such as a search, needs no check; what it leaves does.
        try:
            made, changes = policy.apply(dict(task))
        except BlockedWord as blocked:
            raise Problem("promptBlocked", str(blocked), parameter="positivePrompt") from None
        request = check_image_task(made)
        if len(json.dumps({**task, "inputs": None})) > TEXT_BYTES:
            message = f"Without its reference images a task has at most {TEXT_BYTES:,} bytes."
            raise Problem("maxBodySizeExceeded", message, status=413)
        price = _price_of(request)
        if context.dry_run:  # a service that ignores the header would make the picture, and nobody had held its price
            await asyncio.to_thread(self._accounting.admit, student)
            return [echo(task) | {"dryRun": True, "cost": price / MICRO}]
        await asyncio.to_thread(self._accounting.admit, student, price)  # before anything is written to the disk
        sent, made = await asyncio.to_thread(self._with_stored_references, task, made, student, context)
        if self._pending[student] >= policy.waiting + policy.at_work:
            message = f"{policy.waiting} of your tasks wait already. Wait, then send it again."
            raise Problem("rateLimitExceeded", message, status=429, retry_after=BUSY_SECONDS)
        self._pending[student] += 1
        try:
            large = _is_large(request)
            accept = self._accounting.accept
            stored = await asyncio.to_thread(accept, student, sent, made, changes=changes, price=price, large=large)
        except BaseException:
            self._pending[student] -= 1
            raise
        outcome_to_come = self._enqueue(stored, resumes=False)
        if request.effective("delivery_method") == "async":
            return [echo(task) | {"status": "processing"} | self._place(stored.task_uuid)]
        return self._answer(outcome_to_come, stored, context)

    async def _answer(self, coming: asyncio.Future[Outcome], task: StoredTask, context: RequestContext) -> Outcome:
        outcome = await asyncio.shield(coming)
        return dataclasses.replace(outcome, items=await asyncio.to_thread(self._shown, outcome.items, task, context))

    def _enqueue(self, task: StoredTask, *, resumes: bool) -> asyncio.Future[Outcome]:
        """Put a task of the file in line; the future is done when it is."""
        coming: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._outcomes[task.task_uuid] = coming
        waiting = self._join(task)  # before anything else runs, so that its place can be told
        running = asyncio.create_task(self._carry_out(task, coming, waiting, resumes=resumes))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return coming

    def _join(self, task: StoredTask) -> Waiting:
        return self._turns.join(task.student, label=task.task_uuid, large=task.large)

    async def _carry_out(
        self, task: StoredTask, coming: asyncio.Future[Outcome], waiting: Waiting, *, resumes: bool
    ) -> None:
        pause = RETRY_SECONDS
        try:
            while True:
                outcome, is_over = await self._try(task, waiting, resumes=resumes)
                if not coming.done():
                    coming.set_result(outcome)
                if is_over:
                    return
                resumes = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_RETRY_SECONDS)
                waiting = self._join(task)
        finally:
            self._pending[task.student] -= 1
            self._outcomes.pop(task.task_uuid, None)
            if not coming.done():
                coming.cancel()

    async def _try(self, task: StoredTask, waiting: Waiting, *, resumes: bool) -> tuple[Outcome, bool]:
        """What a student is told of a task, and whether it is over; if not, it is asked for again later."""
        try:
            finished = await self._do(task, waiting, resumes=resumes)
            return await asyncio.to_thread(self._settle, task, finished), finished.known
        except Problem as problem:  # the student was paused meanwhile: it has not left
            refused = Finished(problem.status, [problem.item(task.sent)], accepted=False)
            return await asyncio.to_thread(self._settle, task, refused), True
        except Exception:  # such as a full disk: what it holds stays held until its outcome is written
            logger.exception("a task failed here, and stays open")
            failure = Problem("internalServerError", "The server of this class failed at this task.", status=500)
            return failure.outcome(task.sent), False

    async def _do(self, task: StoredTask, waiting: Waiting, *, resumes: bool) -> Finished:
        """Wait for a turn, then have a task done."""
        await waiting.turn
        with self._turns.taken(task.student, large=task.large):
            made = await asyncio.to_thread(self._for_upstream, task.task, task.student)
            return await self._upstream.run(
                made,
                task.student,
                started=lambda connection: self._accounting.start_in(connection, task.task_uuid, task.student),
                resumes=resumes,
            )

    def _settle(self, task: StoredTask, finished: Finished) -> Outcome:
        items = finished.items
        outcome = Outcome(items, finished.status, finished.fault, task.sent, finished.retry_after)
        if not finished.known:
            return outcome
        if not finished.accepted:
            self._accounting.refuse(task.task_uuid, status=finished.status, answer=items)
            return outcome
        expires = time.time() + (task.task.get("ttl") or DEFAULT_TTL)
        media = [
            Medium(
                picture.uuid, task.student, self._pictures.put(picture.data, picture.media_type), picture.media_type, expires,
                task.task_uuid,
            )
            for picture in finished.pictures
        ]  # fmt: skip
        spent = task.held if finished.spent is None else finished.spent
        self._accounting.end(task.task_uuid, status=finished.status, answer=items, spent=spent, media=media)
        return outcome

    def _place(self, task_uuid: str) -> dict[str, Any]:
        place = next((number for number, one in enumerate(self._turns.order(), 1) if one.label == task_uuid), None)
        return {} if place is None else {"place": place}

    # -- what a student may ask for ----------------------------------------------------------------------------

    async def _find(self, task: Task, student: str) -> StoredTask | None:
        return await asyncio.to_thread(self._accounting.find, student, str(task["taskUUID"]))

    async def _response(self, task: Task, student: str, context: RequestContext) -> Items:
        found = await self._find(task, student)
        if found is None:
            return []
        if found.state != ENDED or found.answer is None:
            return [echo(found.sent) | {"status": "processing"} | self._place(found.task_uuid)]
        items = await asyncio.to_thread(self._shown, found.answer, found, context)
        return [{"status": "error" if "code" in item else "success"} | item for item in items]

    async def _details(self, task: Task, student: str, context: RequestContext) -> Items:
        found = await self._find(task, student)
        if found is None or found.state != ENDED or found.answer is None:
            return []
        items = await asyncio.to_thread(self._shown, found.answer, found, context)
        sent = await asyncio.to_thread(self._with_bytes, found.sent)
        return [echo(task) | {"request": [sent], "response": content_of(items)}]

    async def _account(self, task: Task, student: str, _: RequestContext) -> Items:
        operation = one_of(task, "operation", ("getDetails",))
        budget, paused, account = await asyncio.to_thread(self._accounting.account, student)
        left = await asyncio.to_thread(self._accounting.left, student)
        count, at_work = await asyncio.to_thread(self._accounting.counts, student)
        order = self._turns.order()
        queue = [{"taskUUID": one.label, "place": place} for place, one in enumerate(order, 1) if one.who == student]
        return [
            echo(task)
            | {
                "operation": operation,
                "organizationUUID": self._class.organization_uuid,
                "organizationName": self._class.name,
                "balance": left / MICRO,
                "usage": {"total": {"credits": account.spent / MICRO, "requests": count}},
                "class": {
                    "student": student,
                    "budget": budget / MICRO,
                    "spent": account.spent / MICRO,
                    "held": account.held / MICRO,
                    "atWork": at_work,
                    "paused": paused,
                    "queue": queue,
                },
            }
        ]

    async def _authentication(self, task: Task, _student: str, _context: RequestContext) -> Items:
        return [echo(task) | {"connectionSessionUUID": str(uuid.uuid4())}]

    async def _ping(self, task: Task, _student: str, _context: RequestContext) -> Items:
        if required(task, "ping") is not True:
            raise Problem("invalidChoice", "ping must be true.", parameter="ping", allowed=[True])
        return [echo(task) | {"pong": True}]

    # -- uploads -----------------------------------------------------------------------------------------------

    async def _upload(
        self, task: Task, student: str, context: RequestContext, name: str = "image"
    ) -> Awaitable[Outcome] | Items:
        text = required(task, name)
        if not isinstance(text, str) or _UUID.fullmatch(text):
            raise Problem("invalidFormat", f"{name} must be a data URI, base64 text or a URL.", parameter=name)
        await asyncio.to_thread(self._accounting.admit, student)
        if context.dry_run:
            return [echo(task) | {"dryRun": True, "cost": 0.0}]
        asked = {key: task[key] for key in ("taskType", "taskUUID", "operation", name) if key in task}
        outcome = await self._ask(asked, student)
        if outcome.status != 200:
            return _done(outcome)
        made = next((str(item[f"{name}UUID"]) for item in outcome.items if item.get(f"{name}UUID")), "")
        if not _UUID.fullmatch(made):
            raise Problem("unknownError", "The service has not named what it stored.", status=502)
        medium = await asyncio.to_thread(self._uploaded, made, student, text)
        await asyncio.to_thread(self._accounting.add_medium, medium)
        # Only what is about the upload: a service may say more about its account.
        told = {"operation": task["operation"]} if "operation" in task else {}
        address = {f"{name}URL": f"{context.base_url}{PICTURE_PATH}{made}"} if medium.file else {}
        return [echo(task) | told | {f"{name}UUID": made} | address]

    async def _ask(self, task: Task, student: str) -> Outcome:
        """Have the service do something other than a picture, in the student's turn."""
        try:
            async with self._asking.turn(student):
                return await self._upstream.ask(task)
        except LineFull:
            message = f"{UPLOADS_WAITING} of your uploads wait already. Wait, then send it again."
            raise Problem("rateLimitExceeded", message, status=429, retry_after=BUSY_SECONDS) from None

    def _uploaded(self, made: str, student: str, text: str) -> Medium:
        if text[:8].lower().startswith(("http://", "https://")):
            data, media_type = text.encode(), _LINK
        else:
            try:
                data = decode(text)
            except ValueError:  # the service upstream reads what we do not
                return Medium(made, student, None, None)
            media_type = recognise(data).media_type
        return Medium(made, student, self._pictures.put(data, media_type), media_type)

    async def _media(self, task: Task, student: str, context: RequestContext) -> Awaitable[Outcome] | Items:
        if one_of(task, "operation", ("upload", "delete")) == "upload":
            return await self._upload(task, student, context, "media")
        name = str(required(task, "media"))
        known = _UUID.fullmatch(name)
        medium = await asyncio.to_thread(self._accounting.medium, name, student) if known else None
        if medium is None or medium.task_uuid is not None:
            raise Problem("mediaNotFound", "No such media is stored here.", parameter="media", status=404)
        if not context.dry_run:
            if self._upstream.keeps_uploads:
                asked = {key: task[key] for key in ("taskType", "taskUUID", "operation", "media")}
                outcome = await self._ask(asked, student)
                if outcome.status != 200:
                    return _done(outcome)
            await asyncio.to_thread(self._accounting.remove_medium, name)
        return [echo(task) | {"operation": "delete", "mediaUUID": name.lower()}]

    # -- references and pictures -------------------------------------------------------------------------------

    def _with_stored_references(
        self, task: Task, made: Mapping[str, Any], student: str, context: RequestContext
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """A task as it came and as it was made, with the names of files in place of inline pictures.

        Raises:
            Problem: if a reference is a UUID of nothing that this student has.
        """
        if not isinstance(made.get("inputs"), Mapping) or not made["inputs"].get("referenceImages"):
            return dict(task), dict(made)
        named: list[Any] = []
        for text in made["inputs"]["referenceImages"]:
            name = text if _UUID.fullmatch(text) else self._own_picture(text, context.base_url)
            if name is not None:
                if self._accounting.medium(name, student) is None:
                    message = f"No upload and no picture {name} is known here."
                    raise Problem("invalidReferenceImage", message, parameter=REFERENCES)
                named.append(name)
            elif text[:8].lower().startswith(("http://", "https://")):
                named.append(text)
            else:
                try:
                    decode(text)
                except ValueError:
                    rule = f"An image of {REFERENCES} must be a UUID, a URL, a data URI or base64 text."
                    raise Problem("invalidReferenceImage", rule, parameter=REFERENCES) from None
                named.append({"file": self._pictures.put(text.encode(), "")})
        inputs = {**made["inputs"], "referenceImages": named}
        return {**task, "inputs": {**task["inputs"], "referenceImages": named}}, {**made, "inputs": inputs}

    def _own_picture(self, text: str, base_url: str) -> str | None:
        """The UUID in the address of a picture of this server, under whatever name it was reached; ``None`` for another one."""
        parts = urlsplit(text) if text.startswith(("http://", "https://")) else None
        _, found, name = parts.path.rpartition(PICTURE_PATH) if parts else ("", "", "")
        name = name.partition(".")[0]
        if not found or not _UUID.fullmatch(name):
            return None
        is_here = text.startswith(f"{base_url}{PICTURE_PATH}")
        return name if is_here or self._accounting.medium(name) is not None else None

    def _with_bytes(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """A task with inline pictures in place of the names of their files."""
        references = (task.get("inputs") or {}).get("referenceImages")
        if not references:
            return dict(task)
        texts = [self._read(one["file"]).decode() if isinstance(one, Mapping) else one for one in references]
        return {**task, "inputs": {**task["inputs"], "referenceImages": texts}}

    def _for_upstream(self, task: Mapping[str, Any], student: str) -> dict[str, Any]:
        """A task as it is sent: where the service has no pictures by UUID, they go with it."""
        whole = self._with_bytes(task)
        references = (whole.get("inputs") or {}).get("referenceImages")
        if not references or self._upstream.keeps_uploads:
            return whole
        texts = [self._as_text(text, student) if _UUID.fullmatch(text) else text for text in references]
        return {**whole, "inputs": {**whole["inputs"], "referenceImages": texts}}

    def _as_text(self, name: str, student: str) -> str:
        medium = self._accounting.medium(name, student)
        if medium is None or medium.file is None:
            return name
        data = self._read(medium.file)
        return data.decode() if medium.media_type == _LINK else base64.b64encode(data).decode()

    def _shown(self, items: Sequence[Mapping[str, Any]], task: StoredTask, context: RequestContext) -> Items:
        """The items of an answer as this student gets them: with pictures, and what the policy changed."""
        return [self._shown_item(item, task, context) for item in items]

    def _shown_item(self, item: Mapping[str, Any], task: StoredTask, context: RequestContext) -> dict[str, Any]:
        shown = dict(item)
        shown |= {name: task.sent[name] for name in ("taskUUID",) if name in shown}  # in the student's spelling
        if "code" in shown:
            return shown
        if task.sent.get("includeCost") is False:
            shown.pop("cost", None)
        if task.changes:
            shown["policy"] = task.changes
        medium = self._accounting.medium(str(item.get("imageUUID", "")))
        if medium is not None and medium.file is not None:
            kind = task.task.get("outputType", "URL")
            if kind == "URL":
                shown["imageURL"] = f"{context.base_url}{PICTURE_PATH}{medium.uuid}{Path(medium.file).suffix}"
            else:
                text = base64.b64encode(self._read(medium.file)).decode()
                is_uri = kind == "dataURI"
                shown["imageDataURI" if is_uri else "imageBase64Data"] = (
                    f"data:{medium.media_type};base64," if is_uri else ""
                ) + text
        return shown

    def _read(self, name: str) -> bytes:
        return self._pictures.path(name).read_bytes()

    async def picture(self, name: str, host: str) -> Answer:
        del host
        return await asyncio.to_thread(self.read_picture, name)

    def read_picture(self, name: str) -> Answer:
        """The answer to a GET of a picture's address; only who was told the address knows it."""
        medium = self._accounting.medium(name.partition(".")[0])
        missing = Problem("imageNotFound", "There is no picture at this address.", status=404)
        if medium is None or medium.file is None:
            return missing.answer()
        if medium.expires is not None and time.time() >= medium.expires:
            return Problem("imageExpired", "This picture's address has expired.", status=404).answer()
        try:
            data = self._read(medium.file)
        except (StorageError, OSError):
            return missing.answer()
        served = medium.media_type if medium.media_type in SUFFIXES and medium.media_type != "image/svg+xml" else None
        return Answer.of(200, served or "application/octet-stream", data)

    def queue(self) -> list[tuple[str, str, int]]:
        """Everybody who waits, in the order in which they are taken: student, taskUUID, place."""
        order = self._turns.order()
        return [(one.who, one.label, place) for place, one in enumerate(order, 1)]


async def _ready(outcome: Outcome) -> Outcome:
    return outcome


def _done(outcome: Outcome) -> Awaitable[Outcome]:
    """An outcome that is there already."""
    return _ready(outcome)


def _price_of(request: ImageRequest) -> int:
    """The most that a task may cost, in micro-dollars.

    Raises:
        Problem: if nobody knows.
    """
    if not request.has_price:
        raise Problem("invalidModel", "The price of this model is not known, and a class needs one.", parameter="model")
    return request.price.high


def _is_large(request: ImageRequest) -> bool:
    """Whether a picture may be so large that making it takes long."""
    if request.size is not None:
        return request.size[0] * request.size[1] > LARGE_PIXELS
    return request.resolution not in ("0.5K", "1K", "2K", None)
