"""What can go wrong with one submit, one question or one picture: functions for ``Service.faults`` and its like."""

import io
import struct
import zlib

from PIL import Image
from service import Answer, error

PAGE = b"<html><body><h1>Bad gateway</h1><script>alert(1)</script></body></html>"
HTML = {"content-type": "text/html; charset=utf-8"}


def refused(code="invalidPositivePrompt", message="no", status=400, **fields):
    """An error, and nothing accepted."""
    return lambda service, task: error(code, message, status, taskUUID=task["taskUUID"], **fields)


def plain(status, *, body=PAGE, accept=False, **headers):
    """A status with a body that is no JSON; ``accept``: after the task was taken on and charged."""

    def fault(service, task):
        if accept:
            service.accept(task)
        return Answer(status, body, {**HTML, **{name.replace("_", "-"): value for name, value in headers.items()}})

    return fault


def answers(make, *, accept=True, status=200, **headers):
    """An answer made from the finished items by ``make(items, task)``."""

    def fault(service, task):
        done = service.accept(task) if accept else None
        body = make(done.items if done else [], task)
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
    """Accepted, and the answer ends in its middle."""
    return Answer(body={"data": service.accept(task).items}, cut=40)


def partial(errors, keep):
    """Some results, and errors in the place of the others; only what is kept is charged."""

    def fault(service, task):
        done = service.accept(task)
        done.items[:] = done.items[:keep]
        service.charges[task["taskUUID"]] = round(keep * service.charges[task["taskUUID"]] / task["numberResults"])
        done.errors = [{"taskUUID": task["taskUUID"], **e} for e in errors]
        return Answer(body={"data": done.items, "errors": done.errors})

    return fault


def file(content, status=200, **headers):
    """A picture's address answers with something else."""
    return lambda service, path: Answer(
        status, content, {"content-type": "image/jpeg", **{n.replace("_", "-"): v for n, v in headers.items()}}
    )


def truncated(service, path):
    """Fewer bytes than the header promised."""
    return Answer(body=service.pictures[path], headers={"content-type": "image/jpeg"}, cut=50)


def half(service, path):
    """Half of the file, and a header that says that this is all of it."""
    data = service.pictures[path]
    return Answer(body=data[: len(data) // 2], headers={"content-type": "image/jpeg"})


def bomb(width=20_000, height=20_000):
    """A PNG of some bytes that unpacks to many millions of pixels."""
    out = io.BytesIO()
    Image.new("1", (1, 1)).save(out, "PNG")
    data = bytearray(out.getvalue())
    header = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    data[12:33] = header + struct.pack(">I", zlib.crc32(header))
    return bytes(data)
