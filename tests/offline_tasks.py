"""Tasks for the offline engine, and short ways to send them; shared by its tests."""

import base64
import io
import json
import uuid

from PIL import Image

PRICE = 46_570
"""Micro-dollars of one picture of :func:`task`."""


class InFlight:
    """A clock that moves when it is told to, and when somebody sleeps by it."""

    def __init__(self):
        self.now, self.slept = 1_000.0, []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def new_uuid():
    return str(uuid.uuid4())


def task(**changes):
    """A small, valid task; a change to ``...`` leaves its key out."""
    given = {
        "taskType": "imageInference",
        "taskUUID": new_uuid(),
        "model": "google:4@3",
        "positivePrompt": "A paper lantern",
        "width": 512,
        "height": 512,
    }
    return {name: value for name, value in (given | changes).items() if value is not ...}


def send(engine, *tasks, headers=None, **options):
    """Status and decoded body of one request."""
    answer = engine.answer(json.dumps(tasks).encode(), headers or {}, **options)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Nbkit-Engine"] == "offline"
    return answer.status, json.loads(answer.body)


def refusal(engine, *tasks, **options):
    """Status and only error of a request of which nothing was done."""
    status, body = send(engine, *tasks, **options)
    assert body["data"] == []
    (error,) = body["errors"]
    return status, error


def ask(engine, task_type, task_uuid):
    return send(engine, {"taskType": task_type, "taskUUID": task_uuid})


def data_uri(width=64, height=64, colour="red", kind="PNG", **options):
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"


def opened(answer):
    assert answer.status == 200
    return Image.open(io.BytesIO(answer.body))


def picture_of(engine, item):
    return engine.picture(item["imageURL"].rpartition("/")[2])
