"""Which process works on a run, whether it is alive, and how long ago its row was written.

Nothing here asks the wall clock, which people, networks and virtual machines set forward and back. A process is known
by its number and its start in clock ticks since the boot, inside one pid namespace of one boot of one machine: there,
the process table says whether it is alive. About a process elsewhere the table says nothing. It has a lease, which its
heartbeat renews.
"""

from __future__ import annotations

import functools
import hashlib
import os
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path

import psutil

_PROC = Path("/proc")

_FIRST_NAMESPACE = "4026531836"
"""The number of the pid namespace that Linux boots with; a container has another one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process number names one process. Processes of two places never meet in one process table.

    Attributes:
        host: its name, for people; two containers may have the same.
        machine: names the machine; empty in a container, whose machine id may come with its image, and so be another's.
        boot: names one boot of the machine; empty in an owner that nbkit 0.1.0 wrote.
        namespace: number of the pid namespace.
    """

    host: str
    machine: str = ""
    boot: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process. Its start, in a unit of its system, tells it from a later process with the same number."""

    place: Place
    pid: int
    started: float

    def __str__(self) -> str:
        # nbkit 0.1.0 reads all of the place as the name of another host, whose heartbeat it then looks at.
        return f"{self.pid}@{'/'.join(astuple(self.place))} {self.started:.2f}"

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """The owner in a row of the log; ``None`` if the text has another form."""
        try:
            process, started = text.rsplit(" ", 1)
            pid, place = process.split("@", 1)
            owner = cls(Place(*place.split("/")), int(pid), float(started))
        except (ValueError, TypeError):
            return None
        return owner if 0 < owner.pid < 2**31 else None


@functools.cache
def here() -> Place:
    """The place of this process."""
    host, namespace = socket.gethostname(), _namespace("pid")
    if not _PROC.joinpath("self", "stat").exists():  # macOS and Windows have no containers of their own
        machine = _digest(f"{host} {uuid.getnode()}")
        return Place(host, machine, boot=machine)
    # A place without a boot id, as in some sandboxes, is like no other one.
    boot = _digest(_read("/proc/sys/kernel/random/boot_id") or uuid.uuid4().hex)
    machine = _read("/etc/machine-id") if namespace == _FIRST_NAMESPACE else ""
    return Place(host, _digest(f"{host} {machine}") if machine else "", boot, namespace)


def this_process() -> Owner:
    """The current process; a forked child is another owner than its parent."""
    return _of_process(os.getpid())


@functools.cache
def _of_process(pid: int) -> Owner:
    ticks = _state_and_ticks("self")
    # Rounded as __str__ writes it, so that an owner read from the log equals this one.
    return Owner(here(), pid, ticks[1] if ticks else round(psutil.Process(pid).create_time(), 2))


def is_alive(owner: Owner) -> bool | None:
    """Whether a process is alive; ``None`` if this machine cannot tell, and the age of its heartbeat has to."""
    there, place = owner.place, here()
    if not there.boot:
        return None
    if (there.boot, there.namespace) == (place.boot, place.namespace):
        return _is_running(owner.pid, owner.started)
    if there.boot != place.boot and there.machine and there.machine == place.machine:
        return False  # this machine has been booted since
    return None


def _is_running(pid: int, started: float) -> bool | None:
    try:
        if here().namespace:
            return _is_running_on_linux(pid, started)
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        # The start is a wall time on other systems, which some of them move when the clock is set.
        return True if abs(process.create_time() - started) < 1.0 else None
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False
    except (psutil.Error, OSError):
        return None


def _is_running_on_linux(pid: int, started: float) -> bool | None:
    if (_PROC / "self").readlink().name != str(os.getpid()):
        return None  # /proc shows another namespace
    found = _state_and_ticks(str(pid))
    if found is None:
        os.kill(pid, 0)  # raises ProcessLookupError, unless /proc hides the process of another user
        return None
    state, ticks = found
    # A killed process stays in the table until its parent has waited for it, and does no work.
    return state not in "ZX" and ticks == started


def _state_and_ticks(name: str) -> tuple[str, float] | None:
    """A process's state, and its start in clock ticks since the boot, which no change of the clock moves."""
    try:
        fields = (_PROC / name / "stat").read_bytes().rpartition(b")")[2].split()
        return fields[0].decode(), float(fields[19])
    except OSError:
        return None


# -- how long ago ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that nobody sets, by which processes tell how long ago a row was written.

    Attributes:
        name: two processes that read the same clock have the same name for it.
        now: its time, in seconds.
    """

    name: str
    now: Callable[[], float]

    def stamp(self, heartbeat: int) -> str:
        """The time now, beside a row's heartbeat.

        Args:
            heartbeat: that is written with it; an nbkit that does not know of stamps writes another one later.
        """
        return f"{self.name} {self.now():.3f} {heartbeat}"

    def seconds_since(self, written: str | None, heartbeat: int | None) -> float | None:
        """The seconds since a :meth:`stamp` was written; ``None`` if another clock wrote it, or it belongs to another heartbeat."""
        clock, _, rest = (written or "").partition(" ")
        seconds, _, of = rest.partition(" ")
        if clock != self.name or of != str(heartbeat):
            return None
        try:
            return max(0.0, self.now() - float(seconds))
        except ValueError:
            return None


@functools.cache
def boot_clock() -> Clock:
    """The clock of one boot of this machine, for all processes that share it. It stands still while the machine sleeps, as
    the heartbeats do.
    """
    return Clock(f"{here().boot}/{_namespace('time')}", time.monotonic)


def _namespace(kind: str) -> str:
    try:
        return (_PROC / "self" / "ns" / kind).readlink().name.strip(f"{kind}:[]")
    except OSError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError:
        return ""


def _digest(text: str) -> str:
    """Names a machine or a boot without telling its id, which is nobody's business in a log that is given away."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
