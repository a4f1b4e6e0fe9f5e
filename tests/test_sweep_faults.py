"""Sweeps under random faults and kills: as many charges as cells, nothing twice, nothing missing."""

import hashlib
import io
import multiprocessing
import random
import time
from collections import Counter
from pathlib import Path

import pytest
import service_faults as fault
import sweep_worker
from PIL import Image
from service import TYPES, Answer
from sweep_tools import until

WEATHER = [
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
DOWNLOADS = [*[None] * 15, fault.truncated, fault.half, fault.file(b"<html>", 503)]
QUESTIONS = [*[None] * 6, lambda *_: Answer(silent=True), lambda *_: Answer(500, b"")]


@pytest.fixture(scope="module")
def processes():
    """Real processes that begin with nbkit imported, so that a kill costs no second."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["sweep_worker", "nbkit.studio"])
    return context


def one_of_its_own(kind, _number):
    """A picture that no other run has: a file that is there was made for this one."""
    out = io.BytesIO()
    Image.new("RGB", (24, 16), f"#{random.randrange(1 << 24):06x}").save(out, TYPES[kind][0])
    return out.getvalue()


def assert_charges_are_cells(service, studio):
    """Each cell was charged once and is done, with the very bytes that were paid; no money is held."""
    sweep = sweep_worker.lanterns(studio)
    result = sweep.result
    assert result.counts == {"done": len(sweep)}
    assert len(service.charges) == len(sweep) == sweep_worker.CELLS
    cells = Counter(
        (t.task["positivePrompt"], t.task["settings"]["temperature"], t.task["seed"], t.task["deliveryMethod"])
        for t in service.accepted.values()
    )
    assert max(cells.values()) == 1, "a cell was paid twice"
    frame = result.to_frame()
    assert (len(frame), frame.taskUUID.nunique()) == (len(sweep), len(sweep))
    assert set(frame.taskUUID) == set(service.charges)
    assert frame.cost.sum() == pytest.approx(service.spent)
    made = {hashlib.sha256(data).hexdigest() for data in service.pictures.values()}
    assert {hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in frame.file} == made
    assert studio.log.history.unsettled() == []
    assert set(studio.df.status) <= {"done", "not_sent"}


def run_and_kill(processes, service, path, dice):
    """Let a process run the sweep until the service has heard from it a few times, and end it; whether it was done."""
    seen, finished = len(service.received), processes.Event()
    process = processes.Process(target=sweep_worker.work, args=(service.url, path, finished), daemon=True)
    process.start()
    wanted = seen + dice.randrange(1, 60)
    until(lambda: len(service.received) >= wanted or not process.is_alive(), 60)
    time.sleep(dice.random() * 0.02)  # no waiting for anything: the instant is to be any
    process.kill()
    process.join(20)
    process.close()
    return finished.is_set()


@pytest.mark.parametrize(("weather", "number"), [("calm", 0), ("rough", 0), ("rough", 1)])
def test_killed_until_it_is_finished(service, processes, open_studio, tmp_path, weather, number):
    """Processes that run the sweep are killed at random instants and started again until one comes to its end."""
    dice = random.Random(f"{weather} {number}")
    service.paint = one_of_its_own
    service.answers_after_sync = bool(number % 2)
    starts = 1
    while not run_and_kill(processes, service, tmp_path / "runs", dice):
        starts += 1
        assert starts < 60, "it does not get on"
        if weather == "rough" and starts < 8:
            service.faults.extend(dice.choices(WEATHER, k=15))
            service.picture_faults.extend(dice.choices(DOWNLOADS, k=8))
        elif starts >= 8:
            for faults in (service.faults, service.picture_faults, service.question_faults):
                faults.clear()
    assert starts > 2
    studio = open_studio()
    for _ in range(2):  # what the end left in doubt
        sweep_worker.lanterns(studio).run(retry="failed")
    sent = len(service.sent)
    assert_charges_are_cells(service, studio)
    sweep_worker.lanterns(studio).run()
    assert len(service.sent) == sent


@pytest.mark.parametrize("number", [0, 3])
def test_bad_weather_in_one_kernel(service, open_studio, number):
    """Faults of every kind on submits, questions and downloads: after a few calls of ``run()`` every cell is there once."""
    dice = random.Random(f"weather {number}")
    service.paint = one_of_its_own
    service.answers_after_sync, service.unknown = bool(number % 2), ("empty", "notFound")[number // 2]
    service.faults.extend(dice.choices(WEATHER, k=50))
    service.picture_faults.extend(dice.choices(DOWNLOADS, k=20))
    service.question_faults.extend(dice.choices(QUESTIONS, k=20))
    studio = open_studio()
    sweep = sweep_worker.lanterns(studio)
    for _ in range(6):
        result = sweep.run(max_workers=8, retry="failed")
        assert studio.budget.spent <= service.spent + 1e-9
        if result.counts == {"done": sweep_worker.CELLS}:
            break
    studio.recover()
    assert_charges_are_cells(service, studio)
    assert studio.budget.spent == pytest.approx(service.spent)
    assert studio.budget.held == 0


def test_two_kernels_at_once(service, processes, open_studio, tmp_path):
    """Two kernels that run one sweep at the same time share the work that neither has begun, and the rest is in the log."""
    studio = open_studio()
    sweep = sweep_worker.lanterns(studio)
    service.free.clear()
    handle = sweep.start(max_workers=3)
    until(lambda: len(service.accepted) == 3)
    finished = processes.Event()
    other = processes.Process(target=sweep_worker.work, args=(service.url, tmp_path / "runs", finished), daemon=True)
    other.start()
    until(lambda: len(service.accepted) > 3, 60)
    handle.stop()
    service.free.set()
    handle.wait(30)
    other.join(60)
    assert finished.is_set()
    sweep.run()
    assert sweep.result.counts == {"done": sweep_worker.CELLS}
    assert studio.log.history.unsettled() == []
    # Nothing that one of them had begun was begun by the other.
    assert set(studio.df.taskUUID[studio.df.status == "done"]) == set(service.charges)
    assert len(service.charges) == sweep_worker.CELLS
