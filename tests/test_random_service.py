"""A random service against a studio: in the end, the log says what the service's own books say.

``NBKIT_RANDOM_SECONDS`` is how long it goes on, and ``NBKIT_RANDOM_SEED`` makes the rounds of a failure again.
"""

import hashlib
import itertools
import os
import random
import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import random_worker
from effort import SECONDS
from random_service import RandomService
from service import unique_picture
from sweep_tools import until

import nbkit

SEED = os.environ.get("NBKIT_RANDOM_SEED") or secrets.token_hex(4)
RUNS = 12


def rounds():
    """Numbers of rounds, until the time is over."""
    end = time.monotonic() + SECONDS / 2
    return itertools.takewhile(lambda _: time.monotonic() < end, itertools.count())


def settle(service, path):
    """Recover once while the service is still wild, and then until nothing is open; a studio without open runs."""
    studio = nbkit.Studio(engine=service.url, api_key="test-key", path=path, pace=random_worker.PACE)
    sent = len(service.sent)
    studio.recover()
    assert len(service.sent) == sent, "recover() started paid work"
    service.calm = True
    studio.recover()
    studio.recover(resend=True)
    return studio


def compare(service, studio):
    """Task by task: charges, rows, bytes."""
    frame = studio.df
    assert set(frame.status) <= {"done", "failed", "blocked", "not_sent"}, Counter(frame.status)
    assert studio.budget.held == 0
    prompts = Counter(accepted.task["positivePrompt"] for accepted in service.accepted.values())
    assert [prompt for prompt, times in prompts.items() if times > 1] == [], "the same work was paid twice"
    for uuid, books in service.books.items():
        rows = frame[frame.taskUUID == uuid]
        context = (
            uuid,
            service.accepted[uuid],
            rows[["status", "cost", "error", "file", "imageUUID"]].to_dict("records"),
        )
        assert rows.cost.sum() == pytest.approx(service.charges[uuid] / 1e6), context
        files = [hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in rows.file.dropna()]
        assert Counter(files) == Counter(hashlib.sha256(data).hexdigest() for data in books), context
    unpaid = frame[~frame.taskUUID.isin(list(service.books))]
    assert unpaid.cost.sum() == 0
    assert unpaid.file.isna().all()


def play(number, act, tmp_path):
    """One round: ``act`` is called with a service, a folder and random numbers; its seed is in the error.

    Returns:
        The number of tasks that were charged, and compared with the log.
    """
    seed = f"{SEED} {number}"
    try:
        with RandomService(seed) as service:
            service.paint = unique_picture
            act(service, tmp_path / f"runs-{number}", random.Random(seed))
            studio = settle(service, tmp_path / f"runs-{number}")
            compare(service, studio)
            studio.close()
            return len(service.books)
    except BaseException as problem:
        problem.add_note(f"round {number}; to repeat it: NBKIT_RANDOM_SEED={SEED}")
        raise


@pytest.mark.timeout(SECONDS + 160)
def test_the_log_agrees_with_the_books_of_a_random_service(tmp_path):
    """Any mixture of results, errors, lost answers, other bytes: each charge is in the log, each paid picture on disk."""

    def generate(service, path, numbers):
        studio = nbkit.Studio(engine=service.url, api_key="test-key", path=path, pace=random_worker.PACE)
        requests = [random_worker.parameters(f"Lantern {number}", numbers) for number in range(RUNS)]
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda given: studio.generate(**given), requests))
        studio.close()

    compared = [play(number, generate, tmp_path) for number in rounds()]
    assert sum(compared) > RUNS / 2


def kill_one(service, process, numbers):
    """Start a process, and kill it a random moment after the service has received a few requests."""
    connections, wanted = service.connections, len(service.received) + numbers.randrange(1, 25)
    process.start()
    until(lambda: len(service.received) >= wanted or not process.is_alive())
    assert process.is_alive(), "the process ended by itself"
    time.sleep(numbers.random() * 0.02)  # waits for nothing: the kill may come at any instant of a run
    process.kill()
    process.join(20)
    process.close()
    until(lambda: service.connections <= connections)


@pytest.mark.timeout(SECONDS + 160)
def test_the_log_agrees_with_the_books_after_kernels_were_killed(tmp_path, processes):
    """Kernels die at random instants, and the next one goes on in the same log."""

    def kill(service, path, numbers):
        for kernel in range(3):
            arguments = (service.url, path, numbers.random(), kernel)
            process = processes.Process(target=random_worker.work, args=arguments, daemon=True)
            kill_one(service, process, numbers)

    compared = [play(f"killed {number}", kill, tmp_path) for number in rounds()]
    assert sum(compared) > 0
