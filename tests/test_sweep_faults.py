"""Sweeps under random faults and kills: each cell is charged once, and no picture is missing."""

import random
import time
from collections import Counter

import pytest
import service_faults as fault
import sweep_worker
from log_checks import assert_files_match_service
from service import Answer, unique_picture
from sweep_tools import until

SUBMIT_FAULTS = [
    *[None] * 8,
    fault.lost(),
    fault.lost(accept=False),
    fault.cut,
    fault.plain(429, retry_after="0.01"),
    fault.plain(503, retry_after="0.01"),
    fault.plain(500, accept=True),
    fault.plain(502),
    fault.refused("providerTimeout", status=504),
]
PICTURE_FAULTS = [*[None] * 15, fault.truncated, fault.half, fault.file(b"<html>", 503)]
QUESTION_FAULTS = [*[None] * 6, lambda *_: Answer(silent=True), lambda *_: Answer(500, b"")]


def clear_faults(service):
    """Let the service answer everything that follows without faults."""
    for faults in (service.faults, service.picture_faults, service.question_faults):
        faults.clear()


def assert_each_cell_is_charged_once(service, studio):
    """Each cell was charged once and is done, with the bytes that were paid; no run is open."""
    sweep = sweep_worker.lanterns(studio)
    result = sweep.result
    assert result.counts == {"done": len(sweep)}
    assert len(service.charges) == len(sweep) == sweep_worker.CELLS
    charges = Counter(
        (t.task["positivePrompt"], t.task["settings"]["temperature"], t.task["seed"], t.task["deliveryMethod"])
        for t in service.accepted.values()
    )
    assert max(charges.values()) == 1, "a cell was paid twice"
    frame = result.to_frame()
    assert (len(frame), frame.taskUUID.nunique()) == (len(sweep), len(sweep))
    assert set(frame.taskUUID) == set(service.charges)
    assert frame.cost.sum() == pytest.approx(service.spent)
    assert_files_match_service(service, frame.file)
    assert studio.log.history.unsettled() == []
    assert set(studio.df.status) <= {"done", "not_sent"}


def run_and_kill(processes, service, folder, random_numbers, max_requests):
    """Let a process run the sweep, and kill it a random moment after some requests, fewer than ``max_requests``.

    Returns:
        Whether the sweep had ended before.
    """
    received, finished = len(service.received), folder / "finished"
    process = processes.Process(target=sweep_worker.work, args=(service.url, folder / "runs", finished), daemon=True)
    process.start()
    wanted = received + random_numbers.randrange(1, max_requests)
    until(lambda: len(service.received) >= wanted or not process.is_alive(), 60)
    time.sleep(random_numbers.random() * 0.02)  # waits for nothing: the kill may come at any instant of the sweep
    process.kill()
    process.join(20)
    process.close()
    return finished.exists()


@pytest.mark.file
@pytest.mark.parametrize(("has_faults", "number"), [(False, 0), (True, 0), (True, 1)])
def test_a_sweep_whose_kernels_are_killed_pays_each_cell_once(
    service, processes, open_studio, tmp_path, has_faults, number
):
    """Processes run it and are killed until one of them comes to its end; each continues the work of the one before."""
    random_numbers = random.Random(f"killed {has_faults} {number}")
    service.paint = unique_picture
    service.answers_after_sync = bool(number % 2)
    starts = 1
    # The whole sweep takes a hundred requests: the first two processes are killed long before its end.
    while not run_and_kill(processes, service, tmp_path, random_numbers, max_requests=30 if starts <= 2 else 60):
        starts += 1
        assert starts < 60, "the sweep makes no progress"
        if has_faults and starts < 8:
            service.faults.extend(random_numbers.choices(SUBMIT_FAULTS, k=15))
            service.picture_faults.extend(random_numbers.choices(PICTURE_FAULTS, k=8))
        elif starts >= 8:
            clear_faults(service)
    assert starts > 2
    studio = open_studio()
    sweep_worker.lanterns(studio).run(retry="failed")  # under the faults that are still queued
    # A cell stays unknown as long as each of its sends meets a fault, so the last run needs a service without any.
    clear_faults(service)
    sweep_worker.lanterns(studio).run(retry="failed")
    sent = len(service.sent)
    assert_each_cell_is_charged_once(service, studio)
    sweep_worker.lanterns(studio).run()
    assert len(service.sent) == sent


@pytest.mark.parametrize("number", [0, 3])
def test_a_sweep_under_faults_pays_each_cell_once(service, open_studio, number):
    """Submits, queries and downloads have faults of every kind: a few calls of ``run()`` complete the sweep."""
    random_numbers = random.Random(f"faults {number}")
    service.paint = unique_picture
    service.answers_after_sync, service.unknown_task = bool(number % 2), ("empty", "notFound")[number // 2]
    service.faults.extend(random_numbers.choices(SUBMIT_FAULTS, k=50))
    service.picture_faults.extend(random_numbers.choices(PICTURE_FAULTS, k=20))
    service.question_faults.extend(random_numbers.choices(QUESTION_FAULTS, k=20))
    studio = open_studio()
    sweep = sweep_worker.lanterns(studio)
    for _ in range(6):
        result = sweep.run(max_workers=8, retry="failed")
        assert studio.budget.spent <= service.spent + 1e-9
        if result.counts == {"done": sweep_worker.CELLS}:
            break
    studio.recover()
    assert_each_cell_is_charged_once(service, studio)
    assert studio.budget.spent == pytest.approx(service.spent)
    assert studio.budget.held == 0


@pytest.mark.file
def test_two_kernels_share_the_cells_of_one_sweep(service, processes, open_studio, tmp_path):
    """Both run it at the same time: each takes cells that the other has not begun, and no cell is paid twice."""
    studio = open_studio()
    sweep = sweep_worker.lanterns(studio)
    service.free.clear()
    handle = sweep.start(max_workers=3)
    until(lambda: len(service.accepted) == 3)
    finished = tmp_path / "finished"
    other = processes.Process(target=sweep_worker.work, args=(service.url, tmp_path / "runs", finished), daemon=True)
    other.start()
    until(lambda: len(service.accepted) > 3, 60)
    handle.stop()
    service.free.set()
    handle.wait(30)
    other.join(60)
    assert finished.exists()
    sweep.run()
    assert sweep.result.counts == {"done": sweep_worker.CELLS}
    assert studio.log.history.unsettled() == []
    # No cell that one of them had begun was begun by the other.
    assert set(studio.df.taskUUID[studio.df.status == "done"]) == set(service.charges)
    assert len(service.charges) == sweep_worker.CELLS
