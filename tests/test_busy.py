"""A service that takes some tasks at once and refuses the others: one kernel, several kernels, dead ones, and Stop."""

import contextlib
import multiprocessing
import os
import re
import sqlite3
import threading
import time

import pytest
from panel_tools import message
from sweep_tools import assert_books_agree, lanterns, until

import nbkit
from nbkit.history import RunLog
from nbkit.ledger.limiter import LEASE_SECONDS, Limiter
from nbkit.log.owner import this_process
from nbkit.service.cancel import CancelToken
from nbkit.widgets.panel.status import WORKING

PATIENT = nbkit.Pace(poll_first=0.002, poll_cap=0.01, retry_first=0.02, patience=5.0)

KEY = "key-of-the-account-0123456789"


@pytest.fixture
def busy_service(service):
    """It takes four tasks of 50 ms at once."""
    service.capacity, service.task_seconds = 4, 0.05
    return service


@pytest.fixture
def open_patient(open_studio):
    """Opens studios that wait as long as a busy service needs."""
    return lambda **options: open_studio(**{"pace": PATIENT, "api_key": KEY} | options)


def small_lanterns(studio, seeds, **changes):
    """Lanterns at the lowest tier."""
    return lanterns(studio, seeds, resolution="0.5K", **changes)


def said_while(running):
    """What a sweep says of the service until it has finished."""
    said = set()
    while not running.wait_finished(0.005):
        said.add(running.progress.busy)
    return said


@pytest.mark.parametrize("retry_after", ["", "0.1"])
def test_a_sweep_sends_what_the_service_takes_and_no_storm(busy_service, open_patient, retry_after):
    """With eight times as many workers: each cell is paid once, and after the first refusals few more come."""
    busy_service.retry_after = retry_after
    studio = open_patient()
    running = small_lanterns(studio, range(60)).start(max_workers=32)
    assert any(said.startswith("the service is busy: ") for said in said_while(running))
    assert running.wait(30).counts == {"done": 60}
    assert busy_service.peak == 4
    assert 0 < busy_service.refused <= 28 + 8
    assert (running.progress.busy, studio.busy) == ("", "")
    assert_books_agree(busy_service, studio, 60)


def test_cells_are_sent_in_the_order_of_the_sweep(busy_service, open_patient):
    """Those that were refused come before those that have not been sent."""
    studio = open_patient()
    sweep = small_lanterns(studio, range(24))
    assert sweep.run(max_workers=12).counts == {"done": 24}
    accepted = [task for _, task, is_refused in busy_service.sends if not is_refused]
    seeds = [busy_service.accepted[task].task["seed"] for task in accepted]
    late = max(seeds.index(seed) - seed for seed in range(24))
    assert late <= 12


def test_nothing_is_sent_before_the_pause_that_the_service_asks_for(busy_service, open_patient):
    """By no worker, and by no other studio of the log."""
    busy_service.retry_after, busy_service.task_seconds = "1", 0.4  # also a slow machine has more than four under way
    one, other = open_patient(), open_patient()
    running = [
        small_lanterns(s, range(first, first + 12), name=f"l{first}").start(max_workers=8)
        for s, first in ((one, 0), (other, 100))
    ]
    for each in running:
        assert each.wait(30).counts == {"done": 12}
    refused = [at for at, _, is_refused in busy_service.sends if is_refused]
    assert refused
    for at in refused:  # those that were under way when the answer came are no answer to it
        assert not [sent for sent, _, _ in busy_service.sends if at + 0.6 < sent < at + 0.99]


def run_sweep(url, folder, first, barrier, said):
    """What each kernel does."""
    studio = nbkit.Studio(engine=url, api_key=KEY, path=folder, pace=PATIENT)
    sweep = small_lanterns(studio, range(first, first + 30), name=f"lanterns {first}")
    barrier.wait()
    running = sweep.start(max_workers=16)
    said.put(said_while(running) | {str(running.wait(60).counts)})


def test_three_kernels_share_what_the_service_takes(busy_service, open_patient):
    """They learn from each other's refusals, say so, and each gets its share."""
    busy_service.task_seconds = 0.15  # also on a slow machine, none has ended before the others begin
    studio = open_patient()
    context = multiprocessing.get_context("spawn")
    barrier, said = context.Barrier(3), context.Queue()
    kernels = [
        context.Process(target=run_sweep, args=(busy_service.url, studio.log.folder, first, barrier, said))
        for first in (0, 100, 200)
    ]
    for kernel in kernels:
        kernel.start()
    heard = [said.get(timeout=90) for _ in kernels]
    for kernel in kernels:
        kernel.join(30)
    assert all("{'done': 30}" in each for each in heard)
    assert any(re.search(r"the service is busy: \d+ at once, shared with 2 kernels", str(each)) for each in heard), (
        heard
    )
    assert busy_service.peak == 4
    assert busy_service.refused <= 3 * 16 - 4 + 20
    seeds = [
        busy_service.accepted[task].task["seed"] // 100 for _, task, is_refused in busy_service.sends if not is_refused
    ]
    middle = seeds[15:60]  # while all three have cells to send, each has its part in what is accepted
    assert min(map(middle.count, range(3))) >= 5
    assert_books_agree(busy_service, studio, 90)


def hold_all(url, folder):
    """Fill the service with tasks that never end."""
    studio = nbkit.Studio(engine=url, api_key=KEY, path=folder, pace=PATIENT)
    small_lanterns(studio, range(500, 520), name="held").start(max_workers=8).wait_finished(60)


def test_the_slots_of_a_killed_kernel_are_free_at_once(busy_service, open_patient):
    """Its process is looked for; nobody waits for a lease to end."""
    busy_service.task_seconds = 30.0
    studio = open_patient()
    kernel = multiprocessing.get_context("spawn").Process(target=hold_all, args=(busy_service.url, studio.log.folder))
    kernel.start()
    until(lambda: busy_service.active == 4 and busy_service.refused)
    kernel.kill()
    kernel.join(20)
    with busy_service._lock:
        busy_service.active, busy_service.task_seconds, busy_service.capacity = 0, 0.01, 10
    began = time.monotonic()
    assert studio.generate("A lantern", seed=1).status == "done"
    assert time.monotonic() - began < LEASE_SECONDS / 2


def test_stop_ends_the_waiting_of_all(busy_service, open_patient):
    """Whoever waits for room sends nothing more, and what the service works on is settled."""
    busy_service.task_seconds = 0.4
    studio = open_patient()
    running = small_lanterns(studio, range(40)).start(max_workers=32)
    until(lambda: busy_service.refused and busy_service.active == 4)
    running.stop()
    assert running.wait_finished(10)
    assert len(busy_service.charges) <= 8
    assert studio.budget.held == 0
    assert_books_agree(busy_service, studio, len(busy_service.charges))


def test_a_single_run_waits_for_room_and_can_be_stopped(busy_service, open_patient):
    """It says why it waits; once it is cancelled, nothing is sent."""
    busy_service.free.clear()
    studio = open_patient()
    running = small_lanterns(studio, range(8)).start(max_workers=8)
    says_why = re.compile("the service is busy: [1-4] at once").match  # fewer than 4 after a try of more was refused
    until(lambda: says_why(studio.busy))  # the refusals have been read, too
    held, token = studio.budget.held, studio.new_token()
    future = studio.start(nbkit.ImageRequest("A red lantern", seed=77), parent=None, token=token)
    until(lambda: studio.budget.held > held)  # it is planned
    assert not future.done()
    assert says_why(studio.busy)
    token.cancel()
    assert future.result(5).status == "not_sent"
    assert 77 not in [task.get("seed") for task in busy_service.tasks()]
    assert len(busy_service.sent) <= 8 + 2  # each cell once, and tries of a higher limit
    busy_service.free.set()
    assert running.wait(30).counts == {"done": 8}


def test_other_keys_and_models_are_not_held_back(busy_service, open_patient):
    """The limit is of one key and one model."""
    busy_service.capacity = 0
    one = open_patient(pace=nbkit.Pace(retry_first=5.0))
    future = one.start(nbkit.ImageRequest("A lantern"), parent=None, token=(token := one.new_token()))
    until(lambda: one.busy != "")
    busy_service.capacity = 10
    assert open_patient(api_key="another-key").generate("A lantern").status == "done"
    token.cancel()
    assert future.result(5).status == "not_sent"


def test_the_log_does_not_tell_the_key(busy_service, open_patient):
    """Of what it has on the service, neither."""
    busy_service.capacity = 1
    studio = open_patient()
    assert small_lanterns(studio, range(12)).run(max_workers=12).counts == {"done": 12}
    with contextlib.closing(sqlite3.connect(studio.log.folder / "log.sqlite")) as connection:
        text = "\n".join(connection.iterdump())
    assert 'INSERT INTO "limits"' in text
    assert KEY not in text
    assert KEY[:12] not in text


def test_both_panels_say_that_the_service_is_busy(busy_service, open_patient):
    """In the line under their buttons, as long as it is so; what is said otherwise is not replaced."""
    busy_service.capacity, busy_service.task_seconds = 1, 0.3
    studio = open_patient()
    sweep_panel = studio.sweep_panel("A lantern", seed=list(range(6)), resolution="0.5K")
    sweep_panel.run()
    until(lambda: f"{WORKING} The service is busy: 1 at once." in message(sweep_panel))
    panel = studio.panel("A red lantern", resolution="0.5K")
    panel.generate()
    until(lambda: f"{WORKING} The service is busy: 1 at once." == message(panel))
    sweep_panel.stop()
    assert "Stopped" in message(sweep_panel)
    panel.wait(30)
    sweep_panel.wait(30)
    assert "busy" not in message(panel)
    assert "busy" not in message(sweep_panel)


# -- rows of others ------------------------------------------------------------------------------------------


@pytest.fixture
def limiter(tmp_path):
    """A limiter on a log of its own, with a clock that stands, and a function that writes a row of another studio."""
    log = RunLog(tmp_path / "runs")
    clock = [1000.0]

    def sleep(seconds):
        clock[0] += seconds

    pace = nbkit.Pace(clock=lambda: clock[0], sleep=sleep)
    mine = Limiter(log.database, "account", pace)

    def other(owner, active, *, asked=None, written=0.0):
        values = (f"sender {owner} {active}", mine._service, owner, active, 0, asked, clock[0] - written)
        with log.database.writing() as connection:
            connection.exec_driver_sql("INSERT INTO senders VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    yield mine, clock, other
    log.database.close()


ELSEWHERE = "4711@laptop/m/b/n 12345.00"
"""A process of which this machine cannot tell whether it is alive."""


def sends_at_once(mine, clock):
    """How many tasks it sends before it has to wait, after the service has refused one."""
    with contextlib.ExitStack() as stack:
        for number in range(50):
            slot = stack.enter_context(mine.slot(CancelToken()))
            before = clock[0]
            assert slot.acquire()
            if clock[0] > before:
                return number
    raise AssertionError("it never waited")


@pytest.mark.parametrize(
    ("owner", "written", "counts"),
    [
        (str(this_process()), 10_000.0, True),
        (f"{2**22 + 5}@{str(this_process()).split('@')[1]}", 0.0, False),
        (ELSEWHERE, LEASE_SECONDS - 1, True),
        (ELSEWHERE, LEASE_SECONDS + 1, False),
        ("no process at all", 0.0, True),
        ("no process at all", LEASE_SECONDS + 1, False),
    ],
    ids=["alive", "dead", "lease", "lease is over", "unreadable", "unreadable and old"],
)
def test_tasks_of_another_kernel_count_while_it_is_alive(limiter, owner, written, counts):
    """Or, where nobody can tell, for a minute after it has written."""
    mine, clock, other = limiter
    other(owner, 3, written=written)
    with mine.slot(CancelToken()) as slot:
        assert slot.acquire()
        mine.refuse(10**6, pause=0.0)  # so that it has a limit: all there are
    limit = 4 if counts else 1
    assert mine.load is None
    assert sends_at_once(mine, clock) == limit - (3 if counts else 0)


def test_a_share_is_left_for_a_kernel_that_waits(limiter):
    """Half of six for one that has none and has just asked; all of them for it if it asked long ago."""
    mine, clock, other = limiter
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            assert stack.enter_context(mine.slot(CancelToken())).acquire()
        mine.refuse(10**6, pause=0.0)
    other(ELSEWHERE, 0, asked=clock[0])
    assert sends_at_once(mine, clock) == 3


def test_a_forked_child_begins_without_tasks(limiter):
    """Those of its parent are the parent's."""
    mine, _, _ = limiter
    with mine.slot(CancelToken()) as slot:
        assert slot.acquire()
        sender, child = mine._sender, os.fork()
        if child == 0:
            os._exit(0 if mine._sender != sender and not mine._active else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert mine._sender == sender


def test_a_step_that_fails_leaves_its_slot_free(limiter):
    """Its error is raised, and the next task has the slot."""
    mine, _, _ = limiter
    threads = threading.active_count()

    def fail(_):
        raise ValueError("no")

    with mine.slot(CancelToken(), fail) as slot, pytest.raises(ValueError, match="no"):
        slot.acquire()
    assert not mine._active
    assert threading.active_count() <= threads


def test_a_new_kernel_knows_the_limit_of_one_that_has_ended(limiter):
    """And the pause that the service has asked it for."""
    mine, clock, _ = limiter
    with mine.slot(CancelToken()) as slot:
        assert slot.acquire()
        slot.refuse(30.0)
    asked = clock[0]
    with mine._database.writing() as connection:  # the kernel has ended
        connection.exec_driver_sql(
            "UPDATE senders SET owner = ?", (f"{2**22 + 5}@{str(this_process()).split('@')[1]}",)
        )
    mine.begin()
    with mine.slot(CancelToken()) as slot:
        assert slot.acquire()
    assert clock[0] >= asked + 30.0


def test_what_one_task_waits_longer_is_no_pause_for_the_others(limiter):
    """Its own pause grows with its refusals; that of all is what the service asks for."""
    mine, clock, other = limiter
    other(str(this_process()), 2, written=0.0)
    with mine.slot(CancelToken()) as slot:
        for _ in range(6):
            assert slot.acquire()
            slot.refuse(1.0)
            assert mine._resumes - clock[0] <= 1.2 + 1e-9


@pytest.mark.parametrize(
    "values", [(None, 1, None, 1.0), ("x", "many", "y", "z"), (str(this_process()), -5, None, 1.0)]
)
def test_a_damaged_row_of_another_studio_counts_for_nothing(limiter, values):
    """Whatever it has."""
    mine, clock, _ = limiter
    with mine._database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE senders")
        connection.exec_driver_sql(
            "CREATE TABLE senders (sender TEXT PRIMARY KEY, service, owner, active, ended, asked, written)"
        )
        connection.exec_driver_sql("INSERT INTO senders VALUES ('s', ?, ?, ?, 0, ?, ?)", (mine._service, *values))
    with mine.slot(CancelToken()) as slot:
        assert slot.acquire()
        mine.refuse(10**6, pause=0.0)
    assert sends_at_once(mine, clock) == 1


def test_a_row_that_could_not_be_written_is_written_later(limiter, monkeypatch):
    """Otherwise a task that has ended would count for as long as the kernel lives."""
    mine, _, _ = limiter
    with mine.slot(CancelToken()) as slot:
        assert slot.acquire()
        with monkeypatch.context() as patch:
            patch.setattr(mine._database, "write", lambda _: (_ for _ in ()).throw(nbkit.errors.StorageError("full")))
            mine._is_limited = True
            slot._limiter._active.pop(slot.ticket)
            mine._is_stale = True
    mine.write_heartbeat()
    with mine._database.reading() as connection:
        assert connection.exec_driver_sql("SELECT active FROM senders").scalars().all() == [0]
