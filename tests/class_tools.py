"""Shared by the tests of a class: a folder with students, its server in this process, and short ways to ask it."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import httpx
from offline_tasks import new_uuid, task

from nbkit.backends import resolve
from nbkit.classroom.gateway import Gateway
from nbkit.classroom.policy import Policy
from nbkit.classroom.roster import Classroom
from nbkit.classroom.upstream import OfflineUpstream, ServiceUpstream
from nbkit.offline import Offline
from nbkit.offline.server import Server

STUDENTS = ("mia", "ben", "zoë")
UPSTREAM_KEY = "canary-upstream-4711-key"


@dataclass
class ClassAtWork:
    """A class whose server runs."""

    url: str
    keys: dict[str, str]
    teacher: str
    classroom: Classroom
    client: httpx.Client

    def post(self, *tasks, who="mia", headers=None, **options):
        """Send tasks with the key of a student."""
        given = {"Authorization": f"Bearer {self.keys.get(who, who)}", **(headers or {})}
        return self.client.post(f"{self.url}/v1", json=list(tasks), headers=given, **options)

    def ask(self, *tasks, who="mia"):
        """The decoded answer to tasks."""
        return self.post(*tasks, who=who).json()

    def account(self, who="mia"):
        """A student's account."""
        details = {"taskType": "accountManagement", "taskUUID": new_uuid(), "operation": "getDetails"}
        return self.ask(details, who=who)["data"][0]

    def query(self, kind, task_uuid, who="mia"):
        """A ``getResponse`` or ``getTaskDetails``."""
        return self.ask({"taskType": kind, "taskUUID": task_uuid}, who=who)


def make_class(folder: Path, budget=5.0, students=STUDENTS, **options):
    """A new class, and its keys."""
    classroom, keys, teacher = Classroom.create(folder, [(name, None) for name in students], budget, **options)
    classroom.close()
    return keys, teacher


@contextlib.contextmanager
def serving_class(folder: Path, keys, teacher="", *, engine=None, upstream=None):
    """Serve the class of a folder: from the engine, or from the service at an address."""
    classroom = Classroom.open(folder)
    if upstream is None:
        does = OfflineUpstream(engine or Offline(balance=1e6), classroom.database)
    else:
        does = ServiceUpstream(resolve(upstream, api_key=UPSTREAM_KEY), classroom.database)
    client = httpx.Client(limits=httpx.Limits(max_connections=200), timeout=60)
    with Server(service=Gateway(classroom, does)) as server, client:
        yield ClassAtWork(server.url, keys, teacher, classroom, client)
    classroom.close()


@contextlib.contextmanager
def new_class(folder: Path, *, budget=5.0, students=STUDENTS, policy=None, total=None, **options):
    """Make a class and serve it."""
    keys, teacher = make_class(folder, budget, students, policy=policy or Policy(), total=total)
    with serving_class(folder, keys, teacher, **options) as at_work:
        yield at_work


def picture_task(**changes):
    """A task for one small picture."""
    return task(**changes)
