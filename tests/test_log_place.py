"""Where a log lies: on which file systems it may have a write-ahead log, and what a studio does when it is not there."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import psutil
import pytest
import service_faults as fault
from small_requests import generate
from sweep_tools import lanterns

import nbkit
from nbkit import errors
from nbkit.log.sqlite import is_known_local


class Disk(NamedTuple):
    """What psutil says of one mount."""

    device: str
    mountpoint: str
    fstype: str
    opts: str


LOCAL = ("ext4", "ext3", "xfs", "btrfs", "zfs", "f2fs", "tmpfs", "overlay", "apfs", "hfs", "NTFS", "exfat", "vfat")
SHARED = (
    "9p", "virtiofs", "drvfs", "vboxsf", "prl_fs", "vmhgfs", "fuse.vmhgfs-fuse", "fuse.grpcfuse", "grpcfuse", "osxfs",
    "fuse.osxfs", "fakeowner", "fuse", "fuseblk", "fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.glusterfs",
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "auristorfs", "davfs", "webdav", "ceph", "fuse.ceph", "lustre",
    "glusterfs", "gpfs", "beegfs", "orangefs", "ocfs2", "gfs2", "panfs", "wekafs", "mapr", "afpfs", "ncpfs", "", "a new one",
)  # fmt: skip


@pytest.fixture
def mount(monkeypatch):
    """Replaces what psutil says is mounted."""

    def replace(*disks):
        monkeypatch.setattr(psutil, "disk_partitions", lambda **_: [Disk("any", *disk) for disk in disks])

    return replace


@pytest.mark.parametrize(("kind", "shared"), [(k, False) for k in LOCAL] + [(k, True) for k in SHARED])
@pytest.mark.parametrize("opts", ["rw", "rw,relatime"])
def test_only_file_systems_that_are_known_to_be_local_count_as_local(mount, tmp_path, kind, shared, opts):
    """The nearest mounted folder counts, whatever the disk above it is."""
    mount(("/", "ext4" if shared else "nfs", "rw"), (str(tmp_path), kind, opts))
    assert is_known_local(tmp_path / "runs") is not shared


def test_a_disk_of_another_windows_machine_is_not_local(mount, tmp_path):
    """Windows names its file system as that machine does, and says in the options that it is remote."""
    mount((str(tmp_path), "NTFS", "rw,remote"))
    assert not is_known_local(tmp_path)


def test_a_later_mount_covers_an_earlier_one_at_the_same_place(mount, tmp_path):
    """As an overlay on top of a shared folder does."""
    mount((str(tmp_path), "ext4", "rw"), (str(tmp_path), "virtiofs", "rw"))
    assert not is_known_local(tmp_path)


def test_what_is_not_mounted_anywhere_is_not_known_to_be_local(mount, tmp_path, monkeypatch):
    """Nor is anything where the system does not say what is mounted."""
    mount()
    assert not is_known_local(tmp_path)

    def refused(**_):
        raise PermissionError

    monkeypatch.setattr(psutil, "disk_partitions", refused)
    assert not is_known_local(tmp_path)


@pytest.mark.parametrize(("kind", "journal"), [("ext4", "wal"), ("virtiofs", "delete")])
def test_a_log_has_a_write_ahead_log_only_on_a_local_disk(mount, open_studio, tmp_path, kind, journal):
    """On any other it has a rollback journal."""
    mount((str(tmp_path), kind, "rw"))
    studio = open_studio()
    with studio.log.database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == journal
    assert generate(studio).status == "done"


# -- a log that is not there any more ---------------------------------------------------------------------------


def delete_folder(folder):
    shutil.rmtree(folder)


def delete_file(folder):
    (folder / "log.sqlite").unlink()


def move_folder(folder):
    folder.rename(folder.with_name("elsewhere"))


def move_file(folder):
    (folder / "log.sqlite").rename(folder / "old.sqlite")


def replace_file(folder):
    shutil.copy(folder / "log.sqlite", folder / "copy.sqlite")
    (folder / "copy.sqlite").replace(folder / "log.sqlite")


def replace_folder(folder):
    shutil.copytree(folder, folder.with_name("copy"))
    shutil.rmtree(folder)
    folder.with_name("copy").rename(folder)


WAYS = [delete_folder, delete_file, move_folder, move_file, replace_file, replace_folder]


@pytest.mark.parametrize("lose", WAYS)
@pytest.mark.parametrize("how", ["generate", "start", "sweep"])
def test_nothing_is_sent_once_the_log_is_not_where_it_was(service, open_studio, tmp_path, lose, how):
    """Whichever way a picture is asked for; no folder is made in the place of the one that is gone."""
    studio = open_studio()
    generate(studio, seed=1)
    lose(tmp_path / "runs")
    before = (tmp_path / "runs").exists()
    send = {
        "generate": lambda: generate(studio, seed=2),
        "start": lambda: studio.start(nbkit.ImageRequest("A lantern", seed=2)).result(),
        "sweep": lambda: lanterns(studio, [2, 3]).run(),
    }[how]
    with pytest.raises(errors.StorageError, match=r"deleted, moved or replaced.*Nothing was sent.*Studio\(path"):
        send()
    assert len(service.sent) == 1
    assert (tmp_path / "runs").exists() is before


@pytest.mark.parametrize("lose", WAYS)
def test_a_run_that_is_planned_when_the_log_is_lost_is_not_sent(service, open_studio, tmp_path, lose):
    """It waits for its executor, and the log goes meanwhile."""
    studio, ready, release = open_studio(), threading.Event(), threading.Event()

    class Later(ThreadPoolExecutor):
        def submit(self, call, /, *args, **keywords):
            def wait():
                ready.set()
                release.wait(30)
                return call(*args, **keywords)

            return super().submit(wait)

    with Later(1) as executor:
        future = studio.start(nbkit.ImageRequest("A lantern", seed=2), executor=executor)
        assert ready.wait(30)
        lose(tmp_path / "runs")
        release.set()
        with pytest.raises(errors.StorageError, match="deleted, moved or replaced"):
            future.result(30)
    assert service.sent == []


def test_a_log_that_is_put_back_goes_on(service, open_studio, tmp_path):
    """The studio need not be opened again, and nothing is missing."""
    studio = open_studio()
    generate(studio, seed=1)
    move_folder(tmp_path / "runs")
    with pytest.raises(errors.StorageError):
        generate(studio, seed=2)
    (tmp_path / "elsewhere").rename(tmp_path / "runs")
    assert generate(studio, seed=2).status == "done"
    assert studio.df.seed.tolist() == [1, 2]


@pytest.mark.parametrize("lose", WAYS)
def test_a_lost_log_stops_what_would_be_sent_again(service, open_studio, tmp_path, lose):
    """A run whose answer was lost is asked for, and not paid into a log that nobody opens."""
    service.faults.append(fault.lost(accept=False))
    service.question_faults.extend([fault.plain(500)] * 12)
    studio = open_studio()
    assert generate(studio, seed=1).status == "unknown"
    service.question_faults.clear()
    sent = len(service.sent)
    lose(tmp_path / "runs")
    studio.recover(resend=True)
    assert len(service.sent) == sent
