"""Comparisons of the log with what the service recorded."""

import hashlib
from pathlib import Path

import pytest
import sqlalchemy as sa

from nbkit.log.schema import RUNS


def assert_log_matches_service(service, *studios):
    """The log has every picture that was charged, with its file, and nothing else; no money is held any more.

    Args:
        service: what it accepted and charged.
        studios: all studios that have paid for it; their logs are the same.
    """
    frame = studios[0].df
    assert frame.cost.sum() == pytest.approx(service.spent)
    assert sum(studio.budget.spent for studio in studios) == pytest.approx(service.spent)
    assert sum(studio.budget.held for studio in studios) == 0
    assert set(service.charges) == set(service.accepted)
    done = frame[frame.status == "done"]
    assert sorted(done.imageUUID) == charged_pictures(service)
    assert done.file.notna().all()


def charged_pictures(service):
    """The UUIDs of all pictures that were charged, sorted."""
    return sorted(item["imageUUID"] for accepted in service.accepted.values() for item in accepted.items)


def assert_files_match_service(service, files):
    """The files have the bytes that the service sent: each of its pictures is among them, and no other."""
    assert {_sha256(Path(file).read_bytes()) for file in files} == {_sha256(data) for data in service.pictures.values()}


def age_heartbeats(log, seconds):
    """Let time pass: the heartbeat of every run is so many seconds older, by the clock that nobody sets."""
    with log.database.writing() as connection:
        for task_uuid, written in connection.execute(sa.select(RUNS.c.taskUUID, RUNS.c.heartbeatClock)).all():
            clock, since, heartbeat = written.split(" ")
            older = f"{clock} {float(since) - seconds:.3f} {heartbeat}"
            connection.execute(RUNS.update().where(RUNS.c.taskUUID == task_uuid).values(heartbeatClock=older))


def _sha256(data):
    return hashlib.sha256(data).hexdigest()
