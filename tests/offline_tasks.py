"""Shared by the tests of the offline engine: tasks, short ways to send them, and a clock that a test sets."""

import base64
import io
import json
import threading
import uuid

from PIL import Image

from nbkit.offline import Offline

PRICE = 46_570
"""Micro-dollars of one picture of :func:`task`."""


class ManualClock:
    """A clock for ``Offline(clock=clock.time, sleep=clock.sleep)``: it advances by ``now +=``, and by each sleep."""

    def __init__(self):
        self.now, self.slept = 1_000.0, []

    def time(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def held_engine():
    """An engine that holds its tasks back.

    Returns:
        The engine, an event that is set when a task has arrived, and an event that releases the tasks.
    """
    arrived, release = threading.Event(), threading.Event()

    def sleep(_seconds):
        arrived.set()
        release.wait(30)

    return Offline(latency=1, sleep=sleep), arrived, release


def new_uuid():
    return str(uuid.uuid4())


def task(**changes):
    """A valid task for one small picture; keywords override, and a value of ``...`` omits its key."""
    valid = {
        "taskType": "imageInference",
        "taskUUID": new_uuid(),
        "model": "google:4@3",
        "positivePrompt": "A paper lantern",
        "width": 512,
        "height": 512,
    }
    return {name: value for name, value in (valid | changes).items() if value is not ...}


def send(engine, *tasks, headers=None, **options):
    """Send tasks in one request; return the status and the decoded body of the answer."""
    answer = engine.answer(json.dumps(tasks).encode(), headers or {}, **options)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Nbkit-Engine"] == "offline"
    return answer.status, json.loads(answer.body)


def refusal(engine, *tasks, **options):
    """Send tasks that are all refused; return the status and the only error of the answer."""
    status, body = send(engine, *tasks, **options)
    assert body["data"] == []
    (error,) = body["errors"]
    return status, error


def query(engine, task_type, task_uuid):
    """Send a ``getResponse`` or ``getTaskDetails``; return the status and the decoded body of the answer."""
    return send(engine, {"taskType": task_type, "taskUUID": task_uuid})


def data_uri(width=64, height=64, colour="red", kind="PNG", **options):
    """A picture of one colour as a data URI."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"


def opened(answer):
    """The picture in the answer of ``engine.picture``."""
    assert answer.status == 200
    return Image.open(io.BytesIO(answer.body))


def picture_of(engine, item):
    """The answer to a GET of a result's picture URL."""
    return engine.picture(item["imageURL"].rpartition("/")[2])
