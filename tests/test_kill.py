"""Kernels that are killed at random instants: nothing is paid twice, and every paid picture is on disk in the end."""

import random
import time

import kill_worker
import pytest
import service_faults as fault
from log_checks import assert_files_match_service, charged_pictures
from service import unique_picture
from sweep_tools import until

KILLS = 18
FAULTS = [
    None,
    None,
    None,
    fault.lost(),
    fault.lost(accept=False),
    fault.cut,
    fault.plain(503),
    fault.plain(500, accept=True),
]


def run_and_kill(processes, service, path, number, random_numbers):
    """Let a process run until the service has received a few requests from it, and kill it a random moment later."""
    received, connections = len(service.received), service.connections
    process = processes.Process(target=kill_worker.work, args=(service.url, path, number), daemon=True)
    process.start()
    deadline = time.monotonic() + 30
    wanted = received + random_numbers.randrange(1, 14)
    while len(service.received) < wanted and process.is_alive():
        assert time.monotonic() < deadline, "the process sends too few requests"
        time.sleep(0.0005)
    assert process.is_alive(), "the process ended by itself"
    time.sleep(random_numbers.random() * 0.015)  # waits for nothing: the kill may come at any instant of a run
    process.kill()
    process.join(20)
    process.close()
    until(lambda: service.connections <= connections)  # what it sent last has been handled


def assert_nothing_lost(service, studio):
    """Every task that was charged is done once, with the bytes that were paid, and no money is held."""
    frame = studio.df
    done = frame[frame.status == "done"]
    assert set(frame.status) <= {"done", "not_sent"}
    assert set(done.taskUUID) == set(service.accepted) == set(service.charges)
    assert sorted(done.imageUUID) == charged_pictures(service)
    assert done.cost.sum() == pytest.approx(service.spent)
    assert_files_match_service(service, done.file)
    assert studio.budget.held == 0


@pytest.mark.parametrize("has_faults", [False, True], ids=["no faults", "faults"])
def test_recover_completes_the_runs_of_killed_kernels(service, processes, open_studio, tmp_path, has_faults):
    """``recover()`` sends nothing, ``recover(resend=True)`` settles the rest; then log and service agree."""
    random_numbers = random.Random(f"kill {has_faults}")
    service.paint = unique_picture
    service.answers_after_sync = has_faults
    for number in range(KILLS // 2):
        if has_faults:
            service.faults.extend(random_numbers.choices(FAULTS, k=12))
        run_and_kill(processes, service, tmp_path / "runs", number, random_numbers)
        if number % 3 == 2:  # three kernels have died since the last recovery
            service.faults.clear()
            studio = open_studio()
            sent, recovered = len(service.sent), studio.recover()
            assert len(service.sent) == sent, "recover() started paid work"
            assert set(recovered.after) <= {"done", "unknown", "not_sent"}
            assert set(studio.recover(resend=True).after) <= {"done"}
            assert_nothing_lost(service, studio)
            assert len(studio.recover(resend=True)) == 0
    assert len(service.accepted) >= KILLS // 2
