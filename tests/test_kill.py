"""A kernel that is killed at any instant: nothing is paid twice, and every paid picture is on disk in the end."""

import hashlib
import io
import multiprocessing
import random
import time
from pathlib import Path

import kill_worker
import pytest
import service_faults as fault
from PIL import Image
from service import TYPES

KILLS = 18
COLOURS = 16_777_216


@pytest.fixture(scope="module")
def processes():
    """Real processes that begin with nbkit imported, so that a kill costs no second."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["kill_worker", "nbkit.studio"])
    return context


def one_of_its_own(kind, _number):
    """A picture that no other run has: a file that is there was made for this one."""
    out = io.BytesIO()
    Image.new("RGB", (24, 16), f"#{random.randrange(COLOURS):06x}").save(out, TYPES[kind][0])
    return out.getvalue()


def kill_somewhere(processes, service, path, number, dice):
    """Let a process run until the service has heard from it a few times, and end it at a random instant."""
    seen = len(service.received)
    process = processes.Process(target=kill_worker.work, args=(service.url, path, number), daemon=True)
    process.start()
    deadline = time.monotonic() + 30
    wanted = seen + dice.randrange(1, 14)
    while len(service.received) < wanted and process.is_alive():
        assert time.monotonic() < deadline, "the process does not get on"
        time.sleep(0.0005)
    assert process.is_alive(), "the process ended by itself"
    time.sleep(dice.random() * 0.015)  # no waiting for anything: the instant is to be any
    process.kill()
    process.join(20)
    process.close()


def assert_nothing_lost(service, studio):
    """Every task that was charged is done, once, with the very bytes that were paid."""
    frame = studio.df
    done = frame[frame.status == "done"]
    assert set(frame.status) <= {"done", "not_sent"}
    assert set(done.taskUUID) == set(service.accepted) == set(service.charges)
    paid = {item["imageUUID"] for accepted in service.accepted.values() for item in accepted.items}
    assert sorted(done.imageUUID) == sorted(paid)
    assert done.cost.sum() == pytest.approx(service.spent)
    made = {hashlib.sha256(data).hexdigest() for data in service.pictures.values()}
    assert {hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in done.file} == made
    assert studio.budget.held == 0


@pytest.mark.parametrize("weather", ["calm", "rough"])
def test_killed_at_random_instants(service, processes, open_studio, tmp_path, weather):
    """recover() brings what the service knows, recover(resend=True) the rest; the books agree, after every kill."""
    dice = random.Random(f"kill {weather}")
    service.paint = one_of_its_own
    service.answers_after_sync = weather == "rough"
    rough = [
        None,
        None,
        None,
        fault.lost(),
        fault.lost(accept=False),
        fault.cut,
        fault.plain(503),
        fault.plain(500, accept=True),
    ]
    for number in range(KILLS // 2):
        if weather == "rough":
            service.faults.extend(dice.choices(rough, k=12))
        kill_somewhere(processes, service, tmp_path / "runs", number, dice)
        if number % 3 == 2:  # and sometimes several kernels die before anybody looks
            service.faults.clear()
            studio = open_studio()
            sent, told = len(service.sent), studio.recover()
            assert len(service.sent) == sent, "recover() started paid work"
            assert set(told.after) <= {"done", "unknown", "not_sent"}
            assert set(studio.recover(resend=True).after) <= {"done"}
            assert_nothing_lost(service, studio)
            assert len(studio.recover(resend=True)) == 0
    assert len(service.accepted) >= KILLS // 2
