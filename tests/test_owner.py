"""Who is alive, and how long ago something was: no wall clock decides it, and neither does a host name."""

import contextlib
import dataclasses
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import service_faults as fault
from effort import examples
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from log_checks import age_heartbeats
from service import PRICE
from small_requests import generate
from sweep_tools import lanterns, studio_after_lost_answers, until

import nbkit
from nbkit.errors import StorageError
from nbkit.ledger import recovery
from nbkit.ledger.budget import Limits
from nbkit.ledger.in_flight import IN_FLIGHT
from nbkit.ledger.journal import Journal, RunPlan
from nbkit.log import owner
from nbkit.log.database import Database
from nbkit.log.owner import Clock, Owner, Place, is_alive, this_process
from nbkit.log.schema import RUNS, SIGHTINGS
from nbkit.request.image_request import ImageRequest

HERE = owner.here()
NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
"""Runs a command as a container's first process: same host name, same boot, process numbers of its own."""

STEPS = [-400 * 86_400, -86_400, -1200, -2, 2, 1200, 86_400, 400 * 86_400]
"""Seconds by which a wall clock is set."""


def has_namespaces():
    """Whether this system lets a test make a pid namespace."""
    with contextlib.suppress(OSError):
        return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    return False


@pytest.fixture
def set_clock(monkeypatch):
    """Sets the wall clock of this process forward, or back: ``set_clock(seconds)``."""
    real, off = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + off[0])
    return lambda seconds: off.__setitem__(0, seconds)


# -- who is alive -------------------------------------------------------------------------------------------------


MACHINE = Place("laptop", "machine", "boot", "4026531836")
CONTAINER = Place("laptop", "", "boot", "4026532001")


@pytest.mark.parametrize(
    ("there", "here", "alive"),
    [
        (MACHINE, MACHINE, False),  # no such process
        (MACHINE, dataclasses.replace(MACHINE, boot="later"), False),  # the machine was booted since
        (MACHINE, dataclasses.replace(MACHINE, machine="other", boot="later"), None),  # same host name, other machine
        (MACHINE, CONTAINER, None),
        (CONTAINER, MACHINE, None),
        (CONTAINER, CONTAINER, False),
        (CONTAINER, dataclasses.replace(CONTAINER, namespace="4026532002"), None),  # beside it, or restarted
        (CONTAINER, dataclasses.replace(CONTAINER, boot="later"), None),  # another machine, or the same one
        (Place("laptop"), MACHINE, None),  # of nbkit 0.1.0, which knew host names only
        (Place("laptop"), Place("laptop", "m", "m"), None),
        (Place("laptop", "m", "m"), Place("laptop", "m", "m"), False),  # macOS and Windows have no boot id
        (Place("laptop", "m", "m"), Place("laptop", "n", "n"), None),
    ],
)
def test_the_process_table_answers_for_its_own_place_only(monkeypatch, there, here, alive):
    """Of a process elsewhere it says nothing, and a process of an earlier boot has ended."""
    monkeypatch.setattr(owner, "here", lambda: here)
    assert is_alive(Owner(there, 4_100_000, 1.0)) is alive


@pytest.mark.parametrize("place", [MACHINE, CONTAINER, Place("laptop"), HERE])
def test_an_owner_is_read_as_it_was_written(place):
    """Also one of nbkit 0.1.0, which in turn reads the new form as a process of another host."""
    written = str(Owner(place, 17, 12.25))
    assert Owner.parse(written) == Owner(place, 17, 12.25)
    process, started = written.rsplit(" ", 1)
    assert process.partition("@")[2] != place.host
    assert float(started) == 12.25


def test_this_process_is_read_as_it_was_written():
    """So that a kernel knows the rows that are its own."""
    assert Owner.parse(str(this_process())) == this_process()


def test_an_owner_of_the_version_before_is_read():
    """It has a host, a number and a start."""
    assert Owner.parse("17@laptop 1.50") == Owner(Place("laptop"), 17, 1.5)


@pytest.mark.parametrize(
    "text", ["", "lantern", "@ ", "x@y 1", "1@a/b/c/d/e 1", "-1@laptop 1.0", f"{10**30}@laptop 1.0"]
)
def test_a_text_that_names_no_owner_is_none(text):
    """A log may have any text there."""
    assert Owner.parse(text) is None


@pytest.fixture
def sleeper():
    """A process that sleeps, and its owner."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    if HERE.namespace:
        started = owner._state_and_ticks(str(child.pid))[1]
    else:
        started = owner.psutil.Process(child.pid).create_time()
    yield child, dataclasses.replace(this_process(), pid=child.pid, started=started)
    child.kill()
    child.wait()


def test_a_living_process_a_killed_one_and_one_that_is_gone(sleeper):
    """In a container whose first process does not reap, a dead kernel stays in the process table as a zombie."""
    child, its_owner = sleeper
    assert is_alive(its_owner) is True
    child.kill()
    until(lambda: not is_alive(its_owner))
    child.wait()
    assert is_alive(its_owner) is False


@pytest.mark.skipif(not HERE.namespace, reason="only Linux tells starts in ticks since the boot")
def test_a_later_process_with_the_same_number_is_another_one(sleeper):
    """The start tells it, to a hundredth of a second."""
    _, its_owner = sleeper
    assert is_alive(dataclasses.replace(its_owner, started=its_owner.started - 1)) is False


@pytest.mark.parametrize("seconds", STEPS)
def test_a_living_process_stays_alive_when_the_clock_is_set(sleeper, set_clock, monkeypatch, seconds):
    """The boot time that the system tells moves with the clock, and so does every start that is told as a time."""
    _, its_owner = sleeper
    set_clock(seconds)
    real = owner.psutil.boot_time()
    monkeypatch.setattr(owner.psutil._psplatform, "boot_time", lambda: real + seconds)
    assert is_alive(its_owner) is True
    assert is_alive(this_process()) is True


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_process_table_of_another_namespace_is_not_asked(monkeypatch, tmp_path, sleeper):
    """A sandbox may see the ``/proc`` of its host, where its process numbers belong to others."""
    (tmp_path / "self").symlink_to("999999")
    monkeypatch.setattr(owner, "_PROC", tmp_path)
    assert is_alive(sleeper[1]) is None


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_process_that_the_table_hides_may_be_alive(monkeypatch, tmp_path, sleeper):
    """Where users do not see each other's processes, one that gets signals is there."""
    child, its_owner = sleeper
    (tmp_path / "self").symlink_to(str(os.getpid()))
    monkeypatch.setattr(owner, "_PROC", tmp_path)
    assert is_alive(its_owner) is None
    child.kill()
    child.wait()
    assert is_alive(its_owner) is False


# -- a run under way, seen from elsewhere -------------------------------------------------------------------------


KERNEL = """
    import sys, time, nbkit
    off = float(sys.argv[3])
    real = time.time
    time.time = lambda: real() + off
    nbkit.Studio(engine=sys.argv[1], api_key="key", path=sys.argv[2]).generate("A lantern", width=512, height=512)
"""


@pytest.mark.parametrize("off", STEPS)
def test_a_run_of_a_living_kernel_is_left_alone_whatever_its_clock_says(
    service, open_studio, start_kernel, set_clock, off
):
    """Its run is neither asked for nor paid again; once the kernel is killed, its run is settled at once."""
    service.free.clear()
    kernel = start_kernel(KERNEL, off)
    until(lambda: service.sent)
    studio = open_studio()
    for seconds in (0, *STEPS):
        set_clock(seconds)
        assert studio.recover().empty
    assert studio.df.status.tolist() == ["sent"]
    service.free.set()
    kernel.wait(30)
    set_clock(-off)
    assert studio.df.status.tolist() == ["done"]
    assert len(service.sent) == 1


@pytest.mark.parametrize("off", [0, -1200, 1200, 86_400])
def test_a_killed_kernel_is_dead_at_once_whatever_its_clock_said(service, open_studio, start_kernel, off):
    """On the machine that it ran on, nobody waits for a heartbeat to grow old."""
    service.free.clear()
    kernel = start_kernel(KERNEL, off)
    until(lambda: service.sent)
    kernel.kill()
    kernel.wait()
    service.free.set()
    studio = open_studio()
    until(lambda: service.charges)
    assert studio.recover().after.tolist() == ["done"]
    assert studio.df.cost.sum() == pytest.approx(PRICE)


@pytest.mark.skipif(not has_namespaces(), reason="this system lets no test make a pid namespace")
def test_a_kernel_in_a_container_with_the_same_host_name_is_alive_until_its_heartbeat_is_old(
    service, open_studio, tmp_path
):
    """Its process number means nothing outside; when it is killed, its lease ends by the clock that both share."""
    service.free.clear()
    script = KERNEL.replace("\n    ", "\n")
    kernel = subprocess.Popen([*NAMESPACE, sys.executable, "-c", script, service.url, str(tmp_path / "runs"), "0"])
    try:
        until(lambda: service.sent)
        studio = open_studio()
        assert studio.recover().empty
        age_heartbeats(studio.log, recovery.HEARTBEAT_PATIENCE - 30)
        assert studio.recover().empty
    finally:
        kernel.kill()
        kernel.wait()
    service.free.set()
    until(lambda: service.charges)
    age_heartbeats(studio.log, 60)
    assert studio.recover().after.tolist() == ["done"]


@pytest.fixture
def later_here(monkeypatch):
    """Moves this process to another place and clock, and lets time pass there: ``later_here(seconds)``."""
    off = [1e6]
    elsewhere = dataclasses.replace(HERE, machine="elsewhere", boot="elsewhere")

    def enter(seconds=0.0):
        off[0] += seconds
        monkeypatch.setattr(owner, "here", lambda: elsewhere)
        clock = Clock("elsewhere/1", lambda: time.monotonic() + off[0])
        monkeypatch.setattr(Database, "clock", property(lambda _: clock))

    return enter


def test_a_kernel_of_another_machine_counts_as_dead_after_its_heartbeat_was_seen_unchanged(
    service, open_studio, start_kernel, set_clock, later_here
):
    """The patience is counted by the clock of the one who looks, also across its kernels; the wall clock has no say."""
    service.free.clear()
    kernel = start_kernel(KERNEL, 0)
    until(lambda: service.sent)
    set_clock(1200)
    later_here()
    assert open_studio().recover().empty
    later_here(recovery.HEARTBEAT_PATIENCE - 20)
    studio = open_studio()  # as a later kernel
    assert studio.recover().empty
    with studio.log.database.writing() as connection:  # it is alive: its heartbeat changes
        connection.execute(RUNS.update().values(heartbeatClock=RUNS.c.heartbeatClock + "1"))
    later_here(60)
    assert studio.recover().empty
    kernel.kill()
    kernel.wait()
    service.free.set()
    until(lambda: service.charges)
    later_here(recovery.HEARTBEAT_PATIENCE + 1)
    assert studio.recover().after.tolist() == ["done"]
    assert studio.df.cost.sum() == pytest.approx(service.spent)


@pytest.mark.parametrize("seconds", [*STEPS, 0])
def test_a_task_is_not_given_up_because_a_clock_was_set(service, open_studio, set_clock, seconds):
    """A service that does not know it yet may still work on it: nothing is paid again until a quarter of an hour is over."""
    studio = studio_after_lost_answers(service, open_studio, [1])
    set_clock(seconds)
    studio.recover()
    assert studio.df.status.tolist() == ["unknown"]
    age_heartbeats(studio.log, recovery.NEVER_ACCEPTED_SECONDS - 60)
    studio.recover()
    assert studio.df.status.tolist() == ["unknown"]
    age_heartbeats(studio.log, 120)
    assert studio.recover().after.tolist() == ["not_sent"]
    assert not service.sent


def test_after_a_boot_a_task_is_given_up_a_quarter_of_an_hour_after_it_was_missed(service, open_studio, later_here):
    """How long the machine was off is not known by a clock that nobody sets."""
    studio = studio_after_lost_answers(service, open_studio, [1])
    later_here()
    studio.recover()
    later_here(recovery.NEVER_ACCEPTED_SECONDS - 60)
    studio.recover()
    assert studio.df.status.tolist() == ["unknown"]
    later_here(120)
    assert studio.recover().after.tolist() == ["not_sent"]


@pytest.mark.parametrize("seconds", [-1200, 1200])
def test_a_sweep_pays_no_cell_again_because_a_clock_was_set(service, open_studio, set_clock, seconds):
    """The first task of its cell is asked for, under its own taskUUID, and its picture is fetched."""
    earlier = open_studio()
    service.faults.extend([fault.lost()] + [fault.plain(500)] * 6)
    service.question_faults.extend([fault.plain(500)] * 40)
    assert lanterns(earlier, [1]).run().counts == {"unknown": 1}
    earlier.close()
    service.faults.clear()
    service.question_faults.clear()
    set_clock(seconds)
    studio = open_studio()
    assert lanterns(studio, [1]).run().counts == {"done": 1}
    assert len(service.charges) == 1


@pytest.mark.parametrize(("hours", "left_alone"), [(-5, True), (0.3, True), (5, True), (7, False), (100, False)])
def test_an_owner_of_the_version_before_has_only_a_wall_time(service, open_studio, hours, left_alone):
    """It counts as dead when it is many hours old, or when it was seen unchanged for the patience."""
    studio = open_studio()
    request = ImageRequest("A lantern", resolution="0.5K")
    plan = RunPlan(request, request.to_send())
    studio._ledger.plan(plan)
    IN_FLIGHT.discard(plan.task_uuid)
    written = {"owner": f"{os.getpid()}@{socket.gethostname()} 1.00", "heartbeatClock": None}
    written["heartbeat"] = RUNS.c.heartbeat - int(hours * 3600e6)
    with studio.log.database.writing() as connection:
        connection.execute(RUNS.update().values(**written))
    assert studio.recover().empty is left_alone
    if left_alone:
        with studio.log.database.writing() as connection:
            connection.execute(SIGHTINGS.update().values(since=SIGHTINGS.c.since - recovery.HEARTBEAT_PATIENCE))
        assert studio.recover().after.tolist() == ["not_sent"]


def test_a_log_that_cannot_be_written_counts_every_heartbeat_from_elsewhere_as_new(studio, later_here, monkeypatch):
    """Looking at it raises nothing."""
    generate(studio)
    later_here()

    def refuse(_step):
        raise StorageError("the folder is read-only")

    monkeypatch.setattr(studio.log.database, "write", refuse)
    row = studio.log.history._rows(RUNS.select())[0]
    assert studio._ledger.journal.heartbeat_age(row) == 0


# -- any steps of any clocks --------------------------------------------------------------------------------------


class Clocks(RuleBasedStateMachine):
    """A kernel writes heartbeats, others on its machine and elsewhere look, and every wall clock is set at any time."""

    def __init__(self):
        super().__init__()
        self.opened = contextlib.ExitStack()
        folder = Path(self.opened.enter_context(tempfile.TemporaryDirectory()))
        patch = self.opened.enter_context(pytest.MonkeyPatch.context())
        self.true, self.wall, self.where = 0.0, 1.8e9, "home"
        starts = {"home": 50.0, "away": 9e5, "far": 3.0}  # each boot counts from its own start
        patch.setattr(time, "time", lambda: self.true + self.wall)
        self.clocks = {where: Clock(where, lambda start=start: start + self.true) for where, start in starts.items()}
        self.log = nbkit.RunLog(folder)
        patch.setattr(Database, "clock", property(lambda _: self.clocks[self.where]))
        self.journal = Journal(
            self.log.database, engine="x", charged=False, studio="s", limits=Limits(), trust=self.log.trust
        )
        request = ImageRequest("A lantern", resolution="0.5K")
        self.plan = RunPlan(request, request.to_send())
        self.journal.plan(self.plan)
        self.written, self.first_seen = 0.0, {}

    def at(self, where):
        """The age of the heartbeat, as a kernel there sees it."""
        self.where = where
        row = self.log.history.unsettled()[0]
        self.first_seen.setdefault(where, self.true)
        return self.journal.heartbeat_age(row)

    @rule(seconds=st.floats(0.01, 2000))
    def time_passes(self, seconds):
        self.true += seconds

    @rule(seconds=st.sampled_from(STEPS))
    def a_wall_clock_is_set(self, seconds):
        self.wall += seconds

    @rule()
    def heartbeat(self):
        self.where = "home"
        self.journal.heartbeat([self.plan.task_uuid])
        self.written, self.first_seen = self.true, {}

    @rule(where=st.sampled_from(["home", "away", "far"]))
    def look(self, where):
        age = self.at(where)
        assert age <= self.true - self.written + 0.002, "older than it is: a living kernel would count as dead"
        known_since = self.written if where == "home" else self.first_seen[where]
        assert age >= self.true - known_since - 0.002, "it would never grow old: a dead kernel would live for ever"

    @invariant()
    def a_heartbeat_is_never_from_the_future(self):
        assert self.at("home") >= 0

    def teardown(self):
        self.log.close()
        self.opened.close()


Clocks.TestCase.settings = settings(
    max_examples=examples(30), stateful_step_count=20, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
test_no_setting_of_a_clock_ages_a_heartbeat = Clocks.TestCase
