"""A small disk that is full again and again during a sweep: once it has room, everything that was paid is there."""

import contextlib
import os
import random
import secrets
import subprocess
import sys
import threading
import time

import pytest
from log_checks import assert_files_match_service, assert_log_matches_service
from service import unique_picture
from sweep_tools import lanterns

from nbkit import errors

SEED = os.environ.get("NBKIT_RANDOM_SEED") or secrets.token_hex(4)
CELLS = 30
DISK_BYTES = 24 * 2**20
"""A write-ahead log takes some four megabytes before it is emptied."""


@pytest.fixture
def disk(tmp_path):
    """A small file system in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"this machine mounts no tmpfs: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


class Filler:
    """Takes all room of a disk but a little, for random moments, until it is stopped."""

    def __init__(self, disk, numbers):
        self._file, self._numbers, self._stopped = disk / "filler", numbers, threading.Event()
        self.times_full = 0

    def __enter__(self):
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._thread.join()

    def _work(self):
        while not self._stopped.is_set():
            self._stopped.wait(self._numbers.random() * 0.05)
            with contextlib.suppress(OSError), self._file.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(2**16))
            with contextlib.suppress(OSError):
                os.truncate(self._file, max(0, self._file.stat().st_size - self._numbers.randrange(0, 2**16)))
            self.times_full += 1
            self._stopped.wait(self._numbers.random() * 0.2)
            self._file.unlink(missing_ok=True)


def lay_out(disk, folder, kind):
    """The folder of a log of which all, only the pictures, or only the database is on the small disk."""
    if kind == "all":
        return disk / "runs"
    (inside, outside) = (disk / "images", folder) if kind == "pictures" else (folder / "images", disk)
    for place in (inside, outside):
        place.mkdir(parents=True, exist_ok=True)
    (outside / "images").symlink_to(inside)
    return outside


@pytest.mark.parametrize("kind", ["all", "pictures", "log"])
def test_a_disk_that_is_full_again_and_again_loses_nothing(service, open_studio, disk, tmp_path, kind):
    """Afterwards every task was charged once, and each paid picture is on disk."""
    service.paint = unique_picture
    service.answers_after_sync = True
    numbers = random.Random(f"{SEED} {kind}")
    path = lay_out(disk, tmp_path / "roomy", kind)
    studio = open_studio(path=path)
    sweep = lanterns(studio, seeds=range(CELLS), output_type=["URL", "base64Data"])
    try:
        with Filler(disk, numbers) as filler:
            end = time.monotonic() + 20
            while len(service.accepted) < len(sweep) and time.monotonic() < end:
                with contextlib.suppress(errors.NbkitError):
                    sweep.run(max_workers=4)
        assert filler.times_full > 1
        studio.recover()
        sweep.run(max_workers=4)
        studio.recover()
        assert_log_matches_service(service, studio)
        assert len(service.accepted) == len(sweep), "a cell was paid twice"
        assert_files_match_service(service, studio.df.file.dropna())
    except BaseException as problem:
        problem.add_note(f"to repeat it: NBKIT_RANDOM_SEED={SEED}")
        raise
