"""Copies of logs: whole ones beside a writing kernel, incomplete ones, and logs in folders that cannot be written."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile

import pytest
from small_requests import generate
from strangers import insert
from sweep_tools import until

import nbkit
from nbkit import __main__, errors

WRITER = """
import sys, nbkit
studio = nbkit.Studio(engine="offline", path=sys.argv[1])
print("ready", flush=True)
seed = 0
while True:
    seed += 1
    studio.generate("A lantern", seed=seed, resolution="0.5K")
"""


@pytest.fixture
def writer(tmp_path):
    """The folder of a log that another process writes all the time."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "runs")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline()
    until(lambda: len(list((tmp_path / "runs" / "images").glob("??/*.jpg"))) > 1, 60)
    yield tmp_path / "runs"
    process.kill()
    process.communicate()


# -- a whole copy ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["method", "command"])
def test_a_backup_beside_a_writing_kernel_has_a_picture_for_each_row(writer, tmp_path, how, capsys):
    """Again and again, at any instant: the copy opens, is whole, and is known as the user's own."""
    earlier = 0
    for number in range(4):
        target = tmp_path / f"copy {number}"
        if how == "command":
            assert __main__.main(["backup", str(target), "--log", str(writer)]) == 0
        else:
            with contextlib.closing(nbkit.RunLog(writer)) as log:
                assert log.backup(target) == target
        with contextlib.closing(nbkit.RunLog(target)) as copy:
            frame = copy.to_frame()
            done = frame[frame.status == "done"]
            here = done[done.file.notna()]
            assert len(here) >= max(1, earlier)
            assert len(done) - len(here) <= 1, "a run whose answer has just come has its picture a moment later"
            for run in copy:
                for image in run.images:
                    assert image.pil.size == (image.width, image.height)
            earlier = len(here)
            assert copy.withheld() == ""
    capsys.readouterr()


def test_a_backup_in_a_zip_file_can_be_unpacked_and_opened(studio, tmp_path):
    """It has one folder, like an export."""
    run = generate(studio, seed=7)
    studio.log.backup(tmp_path / "copy.zip")
    with zipfile.ZipFile(tmp_path / "copy.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    with contextlib.closing(nbkit.RunLog(tmp_path / "unpacked" / "copy")) as copy:
        assert copy[run.task_uuid].image.bytes == run.image.bytes


def test_a_backup_replaces_nothing_and_names_what_is_missing(studio, tmp_path):
    """A folder with files is refused; a picture that was deleted is counted in a warning."""
    image = generate(studio, seed=7).image
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with pytest.raises(errors.RequestError, match="a backup replaces nothing"):
        studio.log.backup(tmp_path / "full")
    image.path.unlink()
    with pytest.warns(UserWarning, match="lacks 1 picture"):
        studio.log.backup(tmp_path / "copy")


def test_the_command_ends_with_1_if_pictures_are_missing(studio, tmp_path, capsys):
    """Its copy is kept, and says what it lacks, in plain words."""
    run = studio.generate("A lantern", seed=1)
    run.image.path.unlink()
    target, folder = tmp_path / "copy", str(studio.log.folder)
    assert __main__.main(["backup", str(target), "--log", folder]) == 1
    said = capsys.readouterr()
    assert said.out == f"1 run in {target}\n"
    assert said.err.startswith(f"nbkit backup: the copy {target} lacks 1 picture")
    assert ".py:" not in said.err
    assert __main__.main(["verify", "--log", str(target)]) == 1
    assert f"python -m nbkit recover --log {target} fetches" in capsys.readouterr().out


def test_no_link_is_followed_into_a_backup(studio, tmp_path):
    """A picture's name that leads elsewhere is not copied."""
    generate(studio, seed=7)
    digest = "ab" + "0" * 62
    (tmp_path / "secret").write_text("secret")
    (studio.log.images.folder / "ab").mkdir(exist_ok=True)
    (studio.log.images.folder / "ab" / f"{digest}.jpg").symlink_to(tmp_path / "secret")
    studio.log.backup(tmp_path / "copy")
    assert not list((tmp_path / "copy").rglob(f"{digest}*"))


# -- a copy without its write-ahead log -----------------------------------------------------------------------------


def test_a_log_that_was_copied_without_its_write_ahead_log_is_refused(open_studio, tmp_path, monkeypatch):
    """Its tables are in that file while the first kernel lives. The message names the way to make a whole copy."""
    monkeypatch.setattr("nbkit.log.schema.NEW_LOG_SECONDS", 0.05)
    generate(open_studio())
    shutil.copytree(tmp_path / "runs", tmp_path / "copy", ignore=shutil.ignore_patterns("*-wal", "*-shm"))
    before = (tmp_path / "copy" / "log.sqlite").read_bytes()
    for _ in range(2):  # the first attempt does not make it look whole
        with pytest.raises(errors.StorageError, match=r"no tables.*python -m nbkit backup"):
            open_studio(path=tmp_path / "copy")
    assert (tmp_path / "copy" / "log.sqlite").read_bytes()[100:] == before[100:]


def test_a_log_without_runs_beside_pictures_is_warned_of(open_studio, tmp_path):
    """An earlier kernel had made the tables; what the copy lacks are the rows."""
    open_studio().close()
    generate(open_studio())
    shutil.copytree(tmp_path / "runs", tmp_path / "copy", ignore=shutil.ignore_patterns("*-wal", "*-shm"))
    with pytest.warns(UserWarning, match=r"no runs.*python -m nbkit backup"):
        open_studio(path=tmp_path / "copy")


def test_a_copy_with_its_write_ahead_log_is_whole(open_studio, tmp_path):
    """So is a log that begins beside the pictures of an earlier one, which was moved aside."""
    generate(open_studio(), seed=1)
    shutil.copytree(tmp_path / "runs", tmp_path / "copy")
    assert open_studio(path=tmp_path / "copy").df.seed.tolist() == [1]
    shutil.copytree(tmp_path / "runs" / "images", tmp_path / "new" / "images")
    assert open_studio(path=tmp_path / "new").df.empty


# -- a folder that cannot be written ----------------------------------------------------------------------------------

READER = """
import json, sys, nbkit
folder, out = sys.argv[1:]
studio = nbkit.Studio(engine="offline", path=folder)
found = {"seeds": studio.df.seed.tolist(), "pictures": [len(image.bytes) for run in studio.log for image in run.images]}
found["presets"] = dict(studio.log.presets)
found["shown"] = "data:image/jpeg" in studio.log._repr_mimebundle_()["text/html"]
found["exported"] = len(list(studio.log.export(out + "/export").glob("images/*")))
with __import__("contextlib").closing(nbkit.RunLog(studio.log.backup(out + "/backup"))) as copy:
    found["copied"] = len(copy)
studio.gallery()
studio.panel()
errors = []
for act in (
    lambda: studio.generate("A lantern", seed=9),
    lambda: studio.sweep("A lantern", seed=[9], name="s").run(),
    lambda: studio.log.mark(studio.last, rating=5),
    lambda: studio.log.presets.update(square={"aspect_ratio": "1:1"}),
):
    try:
        act()
    except nbkit.errors.StorageError as error:
        errors.append(str(error))
found["refused"] = [("cannot be written" in error and "Studio(path=" in error) for error in errors]
print(json.dumps(found))
"""


def read_where_it_cannot_be_written(folder, out):
    """What a process reads from a log in a folder that is read-only: by its modes, and for root by its mount."""
    command = [sys.executable, "-c", READER, str(folder), str(out)]
    if os.geteuid() == 0:
        mount = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit 77; shift; exec "$@"'
        command = ["unshare", "-m", "sh", "-c", mount, "sh", str(folder), *command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("root can write everywhere, and there is no unshare")
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("root can write everywhere, and may not mount anything here")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def readable(tmp_path):
    """A folder whose modes are put back at the end, so that it can be removed."""
    yield tmp_path / "runs"
    for path in (tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir())):
        path.chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize("state", ["closed", "left by a killed kernel", "open in another kernel", "of 0.1.0"])
def test_a_log_in_a_folder_that_cannot_be_written_opens_for_looking(open_studio, readable, tmp_path, state):
    """Frame, pictures, export, backup, gallery, presets; making and marking pictures raise a ``StorageError`` that names the way."""
    studio = nbkit.Studio(engine="offline", path=readable)
    for seed in (1, 2):
        studio.generate("A lantern", seed=seed, resolution="0.5K")
    studio.log.presets["portrait"] = {"temperature": 0.4}
    if state == "left by a killed kernel":
        shutil.copytree(readable, readable.with_name("left"), ignore=shutil.ignore_patterns("*-shm"))
    if state != "open in another kernel":
        studio.close()
    folder = readable.with_name("left") if state == "left by a killed kernel" else readable
    if state == "of 0.1.0":
        with contextlib.closing(sqlite3.connect(folder / "log.sqlite")) as connection, connection:
            for column in ("author", "heartbeatClock", "dayAccounts"):
                connection.execute(f"ALTER TABLE runs DROP COLUMN {column}")
            connection.execute("DELETE FROM meta")
            insert(connection, "meta", {"key": "version", "value": "2"})
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(0o555 if path.is_dir() else 0o444)
    folder.chmod(0o555)
    before = {path: path.stat().st_size for path in folder.rglob("*")}
    found = read_where_it_cannot_be_written(folder, tmp_path)
    studio.close()
    assert found["seeds"] == [1, 2]
    assert (len(found["pictures"]), found["shown"], found["exported"], found["copied"]) == (2, True, 2, 2)
    assert found["presets"] == {"portrait": {"temperature": 0.4}}
    assert found["refused"] == [True] * 4
    if state != "open in another kernel":
        assert {path: path.stat().st_size for path in folder.rglob("*")} == before
