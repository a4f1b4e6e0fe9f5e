"""Logs that somebody else made: folders whose author has another home, with rows forged by hand."""

import contextlib
import json
import shutil
import sqlite3
import time
import uuid

import nbkit
from nbkit.log import trust
from nbkit.log.rows import given_values

SWEEP = "lanterns"


@contextlib.contextmanager
def another_home(monkeypatch, folder):
    """Within the block, whoever opens a log is another person, with a state folder of their own."""
    with monkeypatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        patch.setattr(trust, "_kernel_authors", {})
        yield


def forge(file, asked, *, status="sent", engine="offline", sweep=SWEEP, low=1, high=1, images=(), **columns):
    """Add a row to a log as any program can, and return its taskUUID.

    It claims to have asked for the request ``asked``, at an estimate in micro-dollars, and holds ``high`` unless the
    columns say otherwise; ``images`` are dicts with the columns of its results.
    """
    task_uuid = str(uuid.uuid4())
    row = {
        "taskUUID": task_uuid, "created": int(time.time() * 1e6), "status": status, "engine": engine,
        "model": "google:4@3", "charged": 1, "prompt": asked.prompt, "task": json.dumps(asked.to_send(task_uuid)),
        "request": json.dumps(given_values(asked)), "identity": asked.identity, "resendable": 1, "estimateLow": low,
        "estimateHigh": high, "held": high, "spent": 0, "studio": "a stranger's", "sweep": sweep,
        "requestedSeed": asked.seed, **columns,
    }  # fmt: skip
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        run = insert(connection, "runs", row)
        for image in images:
            insert(connection, "images", {"run": run, "status": "done", "imageUUID": str(uuid.uuid4()), **image})
    return task_uuid


def insert(connection, table, values):
    """Insert a row, and return its number."""
    columns = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join("?" * len(values))
    return connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(values.values())).lastrowid


def empty_log(folder):
    """A log without rows, as a stranger's nbkit makes it, without anything that says who opened it."""
    nbkit.RunLog(folder).close()
    with contextlib.closing(sqlite3.connect(folder / "log.sqlite")) as connection, connection:
        connection.execute("DELETE FROM meta WHERE key LIKE 'author:%'")
    shutil.rmtree(folder / "previews", ignore_errors=True)
    return folder / "log.sqlite"
