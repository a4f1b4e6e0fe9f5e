"""Faults of one submit, one query or one picture: elements for ``service.faults`` and the other queues of faults."""

import io
import struct
import threading
import zlib

from PIL import Image
from service import HTML_PAGE as PAGE
from service import Answer, error

HTML = {"content-type": "text/html; charset=utf-8"}


def refused(code="invalidPositivePrompt", message="no", status=400, **fields):
    """The task is refused with an error: not accepted, not charged."""
    return lambda service, task: error(code, message, status, taskUUID=task["taskUUID"], **fields)


def plain(status, *, body=PAGE, accept=False, **headers):
    """A status with a body that is not JSON; with ``accept``, the task has been accepted and charged before."""

    def fault(service, task):
        if accept:
            service.accept(task)
        return Answer(status, body, {**HTML, **{name.replace("_", "-"): value for name, value in headers.items()}})

    return fault


def answers(make, *, accept=True, status=200, **headers):
    """An answer made from the finished items by ``make(items, task)``."""

    def fault(service, task):
        accepted = service.accept(task) if accept else None
        body = make(accepted.items if accepted else [], task)
        return Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})

    return fault


def lost(*, accept=True):
    """The connection is closed without an answer."""

    def fault(service, task):
        if accept:
            service.accept(task)
        return Answer(silent=True)

    return fault


def cut(service, task):
    """The task is accepted and charged, and the connection is closed in the middle of the answer."""
    return Answer(body={"data": service.accept(task).items}, cut=40)


def partial(errors, keep):
    """The first ``keep`` results, which are charged, and errors instead of the others."""

    def fault(service, task):
        accepted = service.accept(task)
        accepted.items[:] = accepted.items[:keep]
        service.charges[task["taskUUID"]] = round(keep * service.charges[task["taskUUID"]] / task["numberResults"])
        accepted.errors = [{"taskUUID": task["taskUUID"], **e} for e in errors]
        return Answer(body={"data": accepted.items, "errors": accepted.errors})

    return fault


class Held:
    """Another fault, which is held back until the test releases it.

    Args:
        fault: answers the request then.

    Attributes:
        arrived: set when a request has arrived.
        released: to be set by the test.
    """

    def __init__(self, fault):
        self.fault = fault
        self.arrived, self.released = threading.Event(), threading.Event()

    def __call__(self, service, task):
        self.arrived.set()
        assert self.released.wait(20)
        return self.fault(service, task)


def file(content, status=200, **headers):
    """The address of a picture answers with other content."""
    return lambda service, path: Answer(
        status, content, {"content-type": "image/jpeg", **{n.replace("_", "-"): v for n, v in headers.items()}}
    )


def truncated(service, path):
    """The connection is closed after fewer bytes than the header announced."""
    return Answer(body=service.pictures[path], headers={"content-type": "image/jpeg"}, cut=50)


def half(service, path):
    """The first half of the file, with a header that gives its length as that of the whole."""
    data = service.pictures[path]
    return Answer(body=data[: len(data) // 2], headers={"content-type": "image/jpeg"})


def bomb(width=20_000, height=20_000):
    """A PNG of a few bytes that decodes to millions of pixels."""
    out = io.BytesIO()
    Image.new("1", (1, 1)).save(out, "PNG")
    data = bytearray(out.getvalue())
    header = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    data[12:33] = header + struct.pack(">I", zlib.crc32(header))
    return bytes(data)
