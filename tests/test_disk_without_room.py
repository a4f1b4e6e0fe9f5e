"""Disks that are full, for good or for a moment: what was paid is fetched later, and nothing more is sent meanwhile."""

import contextlib
import io
import os
import shutil
import subprocess

import numpy as np
import pytest
import sqlalchemy
from log_checks import assert_files_match_service, assert_log_matches_service
from PIL import Image
from service import PRICE, TYPES, picture

from nbkit import errors

KIB = 1024


@pytest.fixture
def disk(tmp_path):
    """A real file system of 12 MB; ``disk.fill(rest)`` leaves so many bytes of it, ``disk.clear()`` makes room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system can be mounted by root only, and not in every container")
    yield Disk(folder)
    subprocess.run(["umount", "-l", str(folder)], check=True)


class Disk:
    """A file system of which a file takes the room."""

    def __init__(self, folder):
        self.folder, self._filler = folder, folder / "filler"

    def fill(self, rest=0):
        """Leave ``rest`` bytes, in whole pages."""
        self._filler.unlink(missing_ok=True)
        free = os.statvfs(self.folder)
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as file:
            for _ in range((free.f_bavail * free.f_frsize - rest) // 4096):
                file.write(bytes(4096))

    def pictures_of(self, folder):
        """The folder of a log whose pictures are on this disk, and nothing else."""
        folder.mkdir()
        (self.folder / "images").mkdir()
        (folder / "images").symlink_to(self.folder / "images")
        return folder

    def clear(self):
        """Make room."""
        self._filler.unlink()


def noise(kind, number):
    """A picture of about 90 KiB, each another one."""
    noise.made += 1
    out = io.BytesIO()
    pixels = np.random.default_rng(noise.made).integers(0, 256, (176, 176, 3), np.uint8)
    Image.fromarray(pixels).save(out, TYPES[kind][0])
    return out.getvalue()


noise.made = 0

outputs = pytest.mark.parametrize("output", ["URL", "base64Data"])


@outputs
@pytest.mark.parametrize("workers", [1, 4])
def test_the_first_picture_that_cannot_be_written_stops_a_sweep(
    service, open_studio, disk, tmp_path, capsys, output, workers
):
    """Room for the log only: what is in flight is settled, the summary counts, and the next run fetches and goes on."""
    service.paint = noise
    studio = open_studio(path=disk.pictures_of(tmp_path / "runs"))
    sweep = studio.sweep("A lantern", seed=range(12), name="disk", output_type=output, output_format="PNG")
    disk.fill(rest=250 * KIB)
    with pytest.raises(errors.StorageError, match="No space left"):
        sweep.run(max_workers=workers)
    sent = len(service.sent)
    assert sent <= 3 + 2 * workers
    result = sweep.result
    missing = int((studio.df.file.isna() & (studio.df.status == "done")).sum())
    assert missing >= 1
    assert set(studio.df.status) <= {"done", "not_sent"}
    for words in (repr(result), capsys.readouterr().out):
        assert f"{missing} picture" in words
        assert "paid and not here" in words
    with pytest.raises(errors.StorageError):  # still full: nothing is sent
        sweep.run()
    assert len(service.sent) == sent
    disk.clear()
    result = sweep.run()
    assert result.counts == {"done": 12}
    assert "not here" not in repr(result)
    assert len(service.sent) == len(set(service.sent)) == 12
    done = studio.df[studio.df.status == "done"]
    assert_files_match_service(service, done.file)
    assert_log_matches_service(service, studio)


@outputs
def test_generate_says_that_a_paid_picture_found_no_room_and_sends_no_second_one(
    service, open_studio, disk, tmp_path, output
):
    """Done and paid; ``recover`` fetches it at no cost once there is room, also in a later kernel."""
    service.paint = noise
    studio = open_studio(path=disk.pictures_of(tmp_path / "runs"))
    disk.fill(rest=40 * KIB)
    run = studio.generate("A lantern", seed=1, output_type=output, output_format="PNG")
    assert (run.status, run.cost, len(run)) == ("done", pytest.approx(PRICE), 0)
    assert "No space left" in run.failures[0].message
    assert "studio.recover()" in run.to_text() + run.to_html()
    with pytest.raises(errors.StorageError, match="Nothing was sent"):
        studio.generate("A lantern", seed=2)
    assert len(service.sent) == 1
    disk.clear()
    later = open_studio()
    assert later.recover().after.tolist() == ["done"]
    assert_files_match_service(service, later.df.file)
    assert studio.generate("A lantern", seed=2).status == "done"
    assert studio.budget.held == 0


class FullLog:
    """While ``full`` is true, SQLite limits the log to the pages that it has, as on a full disk."""

    def __init__(self, studio):
        self.full = False
        sqlalchemy.event.listen(studio.log.database.keeper.writer, "begin", self._limit)

    def _limit(self, connection):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one() if self.full else 1_000_000
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


@pytest.mark.parametrize("moment", [0, 1, 3, 6])
def test_a_log_without_room_for_a_moment_leaves_no_cell_behind(service, open_studio, moment):
    """The error is said, and the next run in this kernel sends what was not sent; no money stays held."""
    studio = open_studio(budget=20 * PRICE)
    log = FullLog(studio)
    sweep = studio.sweep("A lantern", seed=range(12), name="moment")
    accept = service.accept

    def filling(task):
        log.full |= len(service.accepted) >= moment
        return accept(task)

    service.accept = filling
    service.paint = lambda kind, number: picture(kind, f"#{len(service.accepted):06x}")
    with pytest.raises(errors.StorageError, match=r"full|No space left"):
        sweep.start().wait(60)
    service.accept, log.full = accept, False
    assert sweep.start().wait(60).counts == {"done": 12}
    assert len(set(service.sent)) == len(service.accepted) == 12
    assert_log_matches_service(service, studio)


def test_money_of_planned_cells_is_released_by_the_next_run_of_any_kind(open_studio, monkeypatch):
    """A budget that is held by them would refuse it."""
    studio = open_studio(budget=4.5 * PRICE)
    sweep = studio.sweep("A lantern", seed=range(4), name="held")

    def fail(*_, **__):
        raise errors.StorageError("the log cannot be written: database or disk is full")

    with monkeypatch.context() as patch:
        for step in ("mark_sent", "mark_not_sent"):
            patch.setattr(sweep._context.ledger.journal, step, fail)
        with pytest.raises(errors.StorageError, match="full"):
            sweep.start().wait(30)
        assert studio.budget.held > 0
        with pytest.raises(errors.StorageError, match="full"):
            studio.generate("Another lantern", seed=9)
    assert studio.generate("Another lantern", seed=9).status == "done"
    assert studio.budget.held == 0


def test_a_cell_that_cannot_be_released_is_said(service, open_studio, monkeypatch):
    """Only planned ones are left, and the log still cannot be written: no "Nothing to send"."""
    studio = open_studio()
    sweep = studio.sweep("A lantern", seed=[1, 2], name="stuck")
    ledger = sweep._context.ledger
    full = errors.StorageError("the log cannot be written: database or disk is full")

    def fail(*_, **__):
        raise full

    with monkeypatch.context() as patch:
        patch.setattr(ledger.journal, "mark_sent", fail)
        patch.setattr(ledger.journal, "mark_not_sent", fail)
        with pytest.raises(errors.StorageError, match="full"):
            sweep.start().wait(30)
        assert (studio.df.status == "planned").any()
        with pytest.raises(errors.StorageError, match="full"):
            sweep.start()
    assert sweep.start().wait(30).counts == {"done": 2}
    assert studio.budget.held == 0
