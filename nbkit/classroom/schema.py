"""The tables of a class, in the file ``class.sqlite`` of its folder. Money in micro-dollars, times in seconds since 1970.

The accounts are the ledger's own table: ``class`` is the account of all, ``student:<name>`` that of one.
"""

from __future__ import annotations

import sqlalchemy as sa

from nbkit.log.schema import ACCOUNTS as LOG_ACCOUNTS

FILE = "class.sqlite"
"""In the class's folder; pictures and uploads are in ``pictures`` beside it, each under the SHA-256 of its bytes."""

PICTURES = "pictures"

WAITING, AT_WORK, ENDED = "waiting", "at work", "ended"
"""States of a task: its money is held in the first two."""

METADATA = sa.MetaData()

SETTINGS = sa.Table(
    "settings",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
)

STUDENTS = sa.Table(
    "students",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),  # as it is typed in commands and shown: "mia"
    sa.Column("key", sa.Text, unique=True, nullable=False),  # the SHA-256 of the key, in hex
    sa.Column("budget", sa.BigInteger, nullable=False),
    sa.Column("paused", sa.Boolean, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("seen", sa.Float),  # when a request with this key came last
)

TASKS = sa.Table(
    "tasks",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("taskUUID", sa.Text, unique=True, nullable=False),  # in lower case
    sa.Column("student", sa.ForeignKey(STUDENTS.c.name), nullable=False, index=True),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("started", sa.Float),  # when it left the queue
    sa.Column("ended", sa.Float),
    sa.Column("sent", sa.JSON, nullable=False),  # the task as the student sent it, inline pictures by their hash
    sa.Column("task", sa.JSON, nullable=False),  # the same as the policy made it
    sa.Column("changes", sa.JSON, nullable=False),  # what the policy changed: a list of sentences
    sa.Column("large", sa.Boolean, nullable=False),
    sa.Column("held", sa.BigInteger, nullable=False),
    sa.Column("spent", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Integer),  # the HTTP status of the answer, once it has ended
    sa.Column("answer", sa.JSON),  # the items of data and errors
    sa.Column("pictures", sa.Integer, nullable=False),  # how many came
    sa.Column("code", sa.Text),  # of the first error
)

MEDIA = sa.Table(
    "media",
    METADATA,
    sa.Column("uuid", sa.Text, primary_key=True),  # of a picture, or of an upload
    sa.Column("student", sa.ForeignKey(STUDENTS.c.name), nullable=False, index=True),
    sa.Column("taskUUID", sa.Text, index=True),  # of the task that made it; null for an upload
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("expires", sa.Float),
    sa.Column("sha256", sa.Text),  # names the file; null for an upload that only the service upstream has
    sa.Column("type", sa.Text),  # the media type
)

ACCOUNTS = LOG_ACCOUNTS.to_metadata(METADATA)

CLASS_ACCOUNT = "class"


def student_account(name: str) -> str:
    """The name of a student's account."""
    return f"student:{name}"
