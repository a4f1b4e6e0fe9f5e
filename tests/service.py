"""A service that speaks the wire contract over real sockets and fails on request: the tests' own, none of nbkit's.

It keeps its own books: what it accepted, what it charged, which request came with which headers. A test tells it
what goes wrong next: each element of ``service.faults`` answers one submit, each of ``service.picture_faults``
one GET of a picture, each of ``service.question_faults`` one ``getResponse`` or ``getTaskDetails``; ``None``
leaves that one as it should be.
"""

import base64
import io
import json
import threading
import uuid
from collections import Counter, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from PIL import Image

PRICE = 0.06895
TYPES = {"JPG": ("JPEG", "image/jpeg"), "PNG": ("PNG", "image/png"), "WEBP": ("WEBP", "image/webp")}


@dataclass
class Answer:
    """What goes out: a status, a body (JSON unless it is bytes), and how the sending of it fails."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None  # so many bytes, then the connection is closed
    silent: bool = False  # closed without a word

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Accepted:
    """One task that was taken on, and is paid."""

    task: dict[str, Any]
    items: list[dict[str, Any]]
    errors: list[dict[str, Any]] = field(default_factory=list)
    told: int = 0  # how many items a poll has shown so far


def picture(kind: str = "JPG", colour: str = "teal", size: tuple[int, int] = (96, 64)) -> bytes:
    """A small real picture."""
    out = io.BytesIO()
    image = Image.new("RGB", size, colour)
    image.paste("white", (8, 8, size[0] // 2, size[1] // 2))
    image.save(out, TYPES[kind][0])
    return out.getvalue()


class Service:
    """The service; a context manager that listens on a port of this machine while it is open."""

    def __init__(self) -> None:
        self.faults: deque[Any] = deque()
        self.picture_faults: deque[Any] = deque()
        self.question_faults: deque[Any] = deque()
        self.received: list[Received] = []
        self.sent: list[str] = []  # the taskUUID of each submit, also of refused ones
        self.accepted: dict[str, Accepted] = {}
        self.charges: Counter[str] = Counter()  # micro-dollars by taskUUID
        self.pictures: dict[str, bytes] = {}
        self.paint: Any = None  # (kind, number) -> bytes, in place of plain pictures
        self.seed = 1000
        self.acknowledgement = "plain"  # or "processing", "empty"
        self.unknown = "empty"  # or "notFound": what getResponse says of a task it does not know
        self.answers_after_sync = False  # whether getResponse knows sync tasks
        self.has_details = True
        self.items_a_poll = 1
        self.free = threading.Event()  # cleared: submits are accepted and their answers held back
        self.free.set()
        self.busy = threading.Event()  # set once a submit is accepted and waits for `free`
        self._lock = threading.Lock()

    # -- the process of listening ----------------------------------------------------------------------

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

    # -- the books ---------------------------------------------------------------------------------------

    @property
    def spent(self) -> float:
        return sum(self.charges.values()) / 1_000_000

    @property
    def gets(self) -> list[Received]:
        return [r for r in self.received if r.method == "GET"]

    def tasks(self, kind: str = "imageInference") -> list[dict[str, Any]]:
        """Every task of a kind that arrived, in order."""
        bodies = [json.loads(r.body) for r in self.received if r.method == "POST"]
        return [task for body in bodies for task in body if task["taskType"] == kind]

    def accept(self, task: dict[str, Any]) -> Accepted | None:
        """Take a task on and charge it; ``None`` if its taskUUID has been used."""
        with self._lock:
            name = task["taskUUID"]
            if name in self.accepted:
                return None
            items = [self._make(task, number) for number in range(task.get("numberResults", 1))]
            self.charges[name] = round(PRICE * 1_000_000) * len(items)
            done = self.accepted[name] = Accepted(task, items)
            return done

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
                return Answer(body={"data": [{**task, "balance": 12.5}]})
            case other:
                return error("unsupportedTaskType", f"no such task: {other}")

    def _next(self, faults: deque[Any]) -> Any:
        with self._lock:
            return faults.popleft() if faults else None

    def _submit(self, task: dict[str, Any]) -> Answer:
        with self._lock:
            self.sent.append(task["taskUUID"])
        fault = self._next(self.faults)
        return fault(self, task) if fault else self.serve(task)

    def serve(self, task: dict[str, Any]) -> Answer:
        """Accept and answer, as a service that is well."""
        done = self.accept(task)
        if done is None:
            return error("conflictTaskUUID", "this taskUUID was used", data=[], taskUUID=task["taskUUID"])
        self.busy.set()
        self.free.wait(60)
        if task.get("deliveryMethod") != "async":
            return Answer(body={"data": done.items})
        head = {"taskType": "imageInference", "taskUUID": task["taskUUID"]}
        ways = {"plain": [head], "processing": [{**head, "status": "processing"}], "empty": []}
        return Answer(body={"data": ways[self.acknowledgement]})

    def _state(self, task: dict[str, Any]) -> Answer:
        done = self.accepted.get(task["taskUUID"])
        known = done and (self.answers_after_sync or done.task.get("deliveryMethod") == "async")
        if not known:
            if self.unknown == "notFound":
                return error("taskNotFound", "no such task", 404, taskUUID=task["taskUUID"])
            return Answer(body={"data": []})
        with self._lock:
            done.told = min(done.told + self.items_a_poll, len(done.items))
        ready = [{**item, "status": "success"} for item in done.items[: done.told]]
        left = len(done.items) - done.told
        waiting = [{"taskType": "imageInference", "taskUUID": task["taskUUID"], "status": "processing"}] * left
        return Answer(body={"data": ready + waiting, **({"errors": done.errors} if done.errors and not left else {})})

    def _past(self, task: dict[str, Any]) -> Answer:
        done = self.accepted.get(task["taskUUID"])
        if not done or not self.has_details or not self.free.is_set():
            return Answer(body={"data": []})
        response = {"data": done.items, **({"errors": done.errors} if done.errors else {})}
        return Answer(body={"data": [{**task, "request": [done.task], "response": response}]})

    def _picture(self, path: str) -> Answer:
        fault = self._next(self.picture_faults)
        if fault:
            return fault(self, path)
        if path not in self.pictures:
            return Answer(404, b"gone", {"content-type": "text/plain"})
        return Answer(body=self.pictures[path], headers={"content-type": "image/*"})


def error(code: str, message: str = "no", status: int = 400, *, data: Any = None, **fields: Any) -> Answer:
    """An answer that is one error."""
    body = {"errors": [{"code": code, "message": message, **fields}]}
    return Answer(status, body if data is None else {"data": data, **body})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a connection that is kept alive would be waited for
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what many of these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
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
        super().setup()
        self.connection.settimeout(60)

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""
