"""Shared by the tests of sweeps: sweeps of lanterns, waiting, noisy pictures, and the log compared with the service."""

import io
import time

import numpy as np
import pytest
import service_faults as fault
from PIL import Image
from service import TYPES


def until(condition, seconds=20):
    """Wait until a condition is true, and return its value; fail after some seconds."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"the condition is still false after {seconds} seconds"
        time.sleep(0.002)
    return value


def lanterns(studio, seeds=range(4), **changes):
    """A sweep of one prompt over seeds; keywords override or add to it."""
    return studio.sweep("A lantern", **{"seed": seeds, "resolution": "1K", "name": "lanterns", **changes})


def studio_after_lost_answers(service, open_studio, seeds=range(4), **changes):
    """A studio of a later kernel. An earlier one sent these lanterns, got no answer, and could not look them up."""
    earlier = open_studio()
    service.faults.extend([fault.plain(500)] * 40)
    service.question_faults.extend([fault.plain(500)] * 400)
    lanterns(earlier, seeds, **changes).run(max_workers=4)
    assert set(earlier.df.status) == {"unknown"}
    earlier.close()
    for record in (service.faults, service.question_faults, service.sent):
        record.clear()
    return open_studio()


def noisy(size=(512, 512)):
    """A painter for ``service.paint``: pictures that are all different, with files as large as those of photographs."""
    random = np.random.default_rng(1)
    ground = random.normal(128, 45, (size[1] + 64, size[0] + 64, 3)).clip(0, 255).astype("uint8")

    def paint(kind, _number):
        left, top = random.integers(0, 64, 2)
        out = io.BytesIO()
        Image.fromarray(ground[top : top + size[1], left : left + size[0]]).save(out, TYPES[kind][0], quality=90)
        return out.getvalue()

    return paint


def assert_books_agree(service, studio, cells):
    """Each cell is charged once, each paid picture is in the frame and on disk, and no run is unsettled."""
    frame = studio.df
    assert len(service.charges) == cells
    done = frame[frame.status == "done"]
    assert sorted(done.imageUUID) == sorted(i["imageUUID"] for a in service.accepted.values() for i in a.items)
    assert done.file.notna().all()
    assert frame.cost.sum() == pytest.approx(service.spent)
    assert studio.log.history.unsettled() == []
