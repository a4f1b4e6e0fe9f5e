"""A service that speaks the wire contract over real sockets, and fails on request. It shares no code with nbkit.

It records every request with its headers, every task that it accepted and what it charged, so that tests can compare
the log with it. Faults are queued: each element of ``service.faults`` answers one submit, each of
``service.picture_faults`` one GET of a picture, each of ``service.question_faults`` one ``getResponse`` or
``getTaskDetails``. For ``None``, and when its queue is empty, a request is answered without a fault.
"""

import base64
import io
import json
import random
import threading
import time
import uuid
from collections import Counter, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from PIL import Image

PRICE = 0.06895
HTML_PAGE = b"<html><body><h1>Bad gateway</h1><script>alert(1)</script></body></html>"
TYPES = {"JPG": ("JPEG", "image/jpeg"), "PNG": ("PNG", "image/png"), "WEBP": ("WEBP", "image/webp")}


@dataclass
class Answer:
    """One response: a status, a body (sent as JSON unless it is bytes), and how sending it fails."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None  # bytes of the body that are sent before the connection is closed
    silent: bool = False  # the connection is closed without a response

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Received:
    """One HTTP request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Accepted:
    """One task that was accepted and charged."""

    task: dict[str, Any]
    items: list[dict[str, Any]]
    errors: list[dict[str, Any]] = field(default_factory=list)
    shown: int = 0  # items that polls have contained so far


def picture(kind: str = "JPG", colour: str = "teal", size: tuple[int, int] = (96, 64)) -> bytes:
    """The file of a small picture."""
    out = io.BytesIO()
    image = Image.new("RGB", size, colour)
    image.paste("white", (8, 8, size[0] // 2, size[1] // 2))
    image.save(out, TYPES[kind][0])
    return out.getvalue()


def unique_picture(kind: str, _number: int) -> bytes:
    """A painter for ``service.paint``: a small picture of a random colour, so that its file belongs to one run."""
    out = io.BytesIO()
    Image.new("RGB", (24, 16), f"#{random.randrange(1 << 24):06x}").save(out, TYPES[kind][0])
    return out.getvalue()


class Service:
    """The service; a context manager that listens on a port of this machine until it exits."""

    def __init__(self) -> None:
        self.faults: deque[Any] = deque()
        self.picture_faults: deque[Any] = deque()
        self.question_faults: deque[Any] = deque()
        self.received: list[Received] = []
        self.sent: list[str] = []  # the taskUUID of each submit, including refused ones
        self.accepted: dict[str, Accepted] = {}
        self.charges: Counter[str] = Counter()  # micro-dollars by taskUUID
        self.balance = 12.5  # USD, in answers to accountManagement
        self.pictures: dict[str, bytes] = {}
        self.paint: Any = None  # (kind, number) -> bytes; draws the pictures instead of `picture`
        self.seed = 1000
        self.acknowledgement = "plain"  # of async tasks; or "processing", "empty"
        self.unknown_task = "empty"  # or "notFound": how getResponse answers for a task that it does not know
        self.answers_after_sync = False  # whether getResponse knows sync tasks
        self.has_details = True  # whether getTaskDetails knows any task
        self.items_per_poll = 1
        self.free = threading.Event()  # while cleared, submits are accepted and their answers are held back
        self.free.set()
        self.busy = threading.Event()  # set once a submit is accepted and waits for `free`
        self.capacity: int | None = None  # tasks that it takes at once; it refuses more of them with 429
        self.task_seconds = 0.0  # how long a task takes then
        self.retry_after = ""  # what a refusal asks for
        self.active = self.peak = self.refused = 0
        self.sends: list[tuple[float, str, bool]] = []  # when a task came, its taskUUID, whether it was refused
        self.connections = 0  # open ones; a killed client's connection is open until its last request is handled
        self._lock = threading.Lock()

    # -- listening -----------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"service": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.free.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    url = property(lambda self: f"{self.origin}/v1")

    # -- records -------------------------------------------------------------------------------------------

    @property
    def spent(self) -> float:
        """What it has charged, in USD."""
        return sum(self.charges.values()) / 1_000_000

    @property
    def gets(self) -> list[Received]:
        """The requests for pictures, in order."""
        return [r for r in self.received if r.method == "GET"]

    def tasks(self, kind: str = "imageInference") -> list[dict[str, Any]]:
        """Every task of a kind that arrived, in order."""
        bodies = [json.loads(r.body) for r in self.received if r.method == "POST"]
        return [task for body in bodies for task in body if task["taskType"] == kind]

    def accept(self, task: dict[str, Any]) -> Accepted | None:
        """Accept a task and charge it; ``None`` if its taskUUID has been used."""
        with self._lock:
            name = task["taskUUID"]
            if name in self.accepted:
                return None
            items = [self._make(task, number) for number in range(task.get("numberResults", 1))]
            self.charges[name] = round(PRICE * 1_000_000) * len(items)
            self.accepted[name] = Accepted(task, items)
            return self.accepted[name]

    def _make(self, task: dict[str, Any], number: int) -> dict[str, Any]:
        name, kind = str(uuid.uuid4()), task.get("outputFormat", "JPG")
        data = self.paint(kind, number) if self.paint else picture(kind, ("teal", "navy", "olive", "gold")[number % 4])
        file = f"/pictures/{name}.{kind.lower()}"
        self.pictures[file] = data
        text = base64.b64encode(data).decode()
        item = {"taskType": "imageInference", "taskUUID": task["taskUUID"], "imageUUID": name}
        match task.get("outputType", "URL"):
            case "URL":
                item["imageURL"] = f"{self.origin}{file}"
            case "base64Data":
                item["imageBase64Data"] = text
            case _:
                item["imageDataURI"] = f"data:{TYPES[kind][1]};base64,{text}"
        seed = task.get("seed", self.seed)
        return item | {"seed": seed + number} | ({"cost": PRICE} if task.get("includeCost") else {})

    # -- answering -----------------------------------------------------------------------------------------

    def handle(self, received: Received) -> Answer:
        """Record a request and answer it."""
        with self._lock:
            self.received.append(received)
        if received.method == "GET":
            return self._picture(received.path)
        if received.method != "POST" or received.path != "/v1":
            return Answer(404, b"<html>nothing here</html>", {"content-type": "text/html"})
        (task,) = json.loads(received.body)
        match task["taskType"]:
            case "imageInference":
                return self._submit(task)
            case "getResponse" | "getTaskDetails" as kind:
                fault = self._next(self.question_faults)
                return fault(self, task) if fault else self._state(task) if kind == "getResponse" else self._past(task)
            case "accountManagement":
                return Answer(body={"data": [{**task, "balance": self.balance}]})
            case other:
                return error("unsupportedTaskType", f"no such task: {other}")

    def _next(self, faults: deque[Any]) -> Any:
        with self._lock:
            return faults.popleft() if faults else None

    def _submit(self, task: dict[str, Any]) -> Answer:
        with self._lock:
            self.sent.append(task["taskUUID"])
        fault = self._next(self.faults)
        if self.capacity is not None:
            return self._serve_some(task)
        return fault(self, task) if fault else self.serve(task)

    def _serve_some(self, task: dict[str, Any]) -> Answer:
        """Work on a task for a while, unless there are as many as the service takes."""
        with self._lock:
            is_full = self.active >= (self.capacity or 0)
            self.sends.append((time.monotonic(), task["taskUUID"], is_full))
            if is_full:
                self.refused += 1
                answer = error("rateLimitExceeded", "slow down", 429, taskUUID=task["taskUUID"])
                answer.headers |= {"retry-after": self.retry_after} if self.retry_after else {}
                return answer
            self.active += 1
            self.peak = max(self.peak, self.active)
        try:
            time.sleep(self.task_seconds)
            return self.serve(task)
        finally:
            with self._lock:
                self.active -= 1

    def serve(self, task: dict[str, Any]) -> Answer:
        """Accept a task and answer it, without a fault."""
        accepted = self.accept(task)
        if accepted is None:
            return error("conflictTaskUUID", "this taskUUID was used", data=[], taskUUID=task["taskUUID"])
        self.busy.set()
        self.free.wait(60)
        if task.get("deliveryMethod") != "async":
            return Answer(body={"data": accepted.items})
        head = {"taskType": "imageInference", "taskUUID": task["taskUUID"]}
        acknowledgements = {"plain": [head], "processing": [{**head, "status": "processing"}], "empty": []}
        return Answer(body={"data": acknowledgements[self.acknowledgement]})

    def _state(self, task: dict[str, Any]) -> Answer:
        """The answer to ``getResponse``: each poll contains more of the finished items."""
        accepted = self.accepted.get(task["taskUUID"])
        if accepted is None or not (self.answers_after_sync or accepted.task.get("deliveryMethod") == "async"):
            if self.unknown_task == "notFound":
                return error("taskNotFound", "no such task", 404, taskUUID=task["taskUUID"])
            return Answer(body={"data": []})
        with self._lock:
            accepted.shown = min(accepted.shown + self.items_per_poll, len(accepted.items))
        finished = [{**item, "status": "success"} for item in accepted.items[: accepted.shown]]
        left = len(accepted.items) - accepted.shown
        processing = [{"taskType": "imageInference", "taskUUID": task["taskUUID"], "status": "processing"}] * left
        errors = {"errors": accepted.errors} if accepted.errors and not left else {}
        return Answer(body={"data": finished + processing, **errors})

    def _past(self, task: dict[str, Any]) -> Answer:
        """The answer to ``getTaskDetails``."""
        accepted = self.accepted.get(task["taskUUID"])
        if not accepted or not self.has_details or not self.free.is_set():
            return Answer(body={"data": []})
        response = {"data": accepted.items, **({"errors": accepted.errors} if accepted.errors else {})}
        return Answer(body={"data": [{**task, "request": [accepted.task], "response": response}]})

    def _picture(self, path: str) -> Answer:
        fault = self._next(self.picture_faults)
        if fault:
            return fault(self, path)
        if path not in self.pictures:
            return Answer(404, b"gone", {"content-type": "text/plain"})
        return Answer(body=self.pictures[path], headers={"content-type": "image/*"})


def error(code: str, message: str = "no", status: int = 400, *, data: Any = None, **fields: Any) -> Answer:
    """An answer with one error."""
    body = {"errors": [{"code": code, "message": message, **fields}]}
    return Answer(status, body if data is None else {"data": data, **body})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # closing would wait for connections that are kept alive
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: many tests close connections on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are sent separately; with Nagle's algorithm each would cost 40 ms
    service: Service

    def _exchange(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.service.handle(Received(self.command, self.path, headers, body))
        if answer.silent:
            self.close_connection = True
            return
        content = answer.content
        self.send_response(answer.status)
        for name, value in {"content-type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        if "transfer-encoding" not in answer.headers:
            self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if answer.cut is None else content[: answer.cut])
        self.close_connection |= answer.cut is not None or "transfer-encoding" in answer.headers

    do_GET = do_POST = do_PUT = _exchange  # noqa: N815  the names that http.server looks for

    def setup(self) -> None:
        with self.service._lock:
            self.service.connections += 1
        super().setup()
        self.connection.settimeout(60)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            with self.service._lock:
                self.service.connections -= 1

    def log_message(self, *_: Any) -> None:
        """Print nothing."""
