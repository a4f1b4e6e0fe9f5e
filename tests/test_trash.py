"""Pictures are removed from the disk, brought back, and deleted; rows and money stay, and the disk that a log takes is said."""

import contextlib
import shutil
import sqlite3

import pandas as pd
import pytest
from gallery_log import write_log
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from panel_tools import offline_studio
from small_requests import generate

import nbkit
from nbkit.errors import RequestError, StorageError
from nbkit.log.images import ImageStore
from nbkit.widgets.gallery.gallery import Gallery

GONE = "its picture was removed from the disk"


@pytest.fixture
def studio(tmp_path):
    """A studio on the offline engine."""
    with offline_studio(tmp_path) as studio:
        yield studio


def files(studio, folder="images"):
    """The names of the files in a folder of a log."""
    return sorted(path.name for path in (studio.log.images.folder.parent / folder).glob("??/*"))


# -- removing and bringing back --------------------------------------------------------------------------------------


def test_a_removed_picture_is_in_the_trash_and_its_row_stays(studio):
    """With what it cost; the frame says why it has no file."""
    kept, removed = generate(studio, seed=1), generate(studio, seed=2)
    change = studio.log.remove_pictures(removed)
    assert repr(change) == "<Change: 1 picture, removed from the disk>"
    assert files(studio) == [kept.image.path.name]
    assert files(studio, "trash") == [removed.image.path.name]
    row = studio.df.iloc[1]
    assert (row["status"], row["cost"], row["seed"], row["error"]) == ("done", removed.cost, 2, GONE)
    assert pd.isna(row["file"])
    assert studio.df["error"].isna().tolist() == [True, False]
    assert studio.budget.spent == kept.cost + removed.cost


def test_undo_brings_it_back_and_its_undo_removes_it_again(studio):
    """The bytes are the same."""
    run = generate(studio, seed=1, number_results=2)
    before = studio.df
    change = studio.log.remove_pictures(run)
    assert len(studio.log[run.task_uuid]) == 0
    back = change.undo()
    assert studio.df.equals(before)
    assert studio.log[run.task_uuid].images[0].bytes == run.images[0].bytes
    back.undo()
    assert studio.df["error"].tolist() == [GONE, GONE]


@pytest.mark.parametrize("form", ["run", "runs", "image", "uuid", "frame", "everything"])
def test_pictures_are_named_in_any_form(studio, form):
    """As for marks; a run that has no picture any more brings its own back."""
    run = generate(studio, seed=1)
    named = {"run": run, "runs": [run], "image": run.image, "uuid": run.image.image_uuid, "frame": studio.df}
    studio.log.remove_pictures(named.get(form, run))
    assert studio.df["file"].isna().all()
    assert studio.log.restore_pictures(None if form == "everything" else named[form]).count == 1
    assert studio.df["file"].notna().all()


def test_what_is_not_there_is_refused_and_nothing_is_removed(studio):
    """A picture that the log does not have, and a row without one."""
    run = generate(studio, seed=1)
    with pytest.raises(KeyError, match="the log has no picture"):
        studio.log.remove_pictures([run, "no such picture"])
    with pytest.raises(RequestError, match="which"):
        studio.log.remove_pictures(7)
    assert files(studio, "trash") == []


def test_the_trash_is_emptied_and_then_nothing_brings_them_back(studio):
    """Their previews go too; restoring says how many are gone."""
    run, other = generate(studio, seed=1), generate(studio, seed=2)
    studio.log.previews.get(run.image.path, 128)
    size = len(run.image.bytes)
    change = studio.log.remove_pictures(run)
    assert studio.log.empty_trash() == size
    assert files(studio, "trash") == files(studio, "previews") == []
    with pytest.warns(UserWarning, match="1 removed picture cannot be restored: the trash was emptied"):
        studio.log.restore_pictures()
    assert change.undo().count == 0
    assert studio.df["error"].fillna("").tolist() == [GONE, ""]
    assert other.image.path.exists()
    assert studio.log.empty_trash() == 0


def test_a_picture_that_another_run_shares_survives(studio):
    """The same bytes are one file: it goes with the last of its pictures."""
    first = generate(studio, seed=1)
    second = generate(studio, seed=1)
    assert first.image.path == second.image.path
    studio.log.remove_pictures(first)
    studio.log.empty_trash()
    assert studio.log[second.task_uuid].image.bytes
    assert studio.df["error"].fillna("").tolist() == [GONE, ""]
    studio.log.restore_pictures(first)
    studio.log.remove_pictures([first, second])
    assert files(studio) == []
    assert len(files(studio, "trash")) == 1


def test_a_reference_image_of_a_run_survives(studio):
    """The run can be made again."""
    run = generate(studio, seed=1)
    edited = run.image.edit("In the snow")
    stored = studio.log[edited.task_uuid].request.reference_images[0].sha256
    studio.log.remove_pictures(run)
    studio.log.empty_trash()
    assert any(name.startswith(stored) for name in files(studio))
    assert edited.rerun(seed=5).status == "done"


def test_a_picture_that_comes_again_takes_its_file_back(studio):
    """A new run with the same bytes has its picture; the removed one stays removed."""
    first = generate(studio, seed=1)
    studio.log.remove_pictures(first)
    second = generate(studio, seed=1)
    assert second.image.bytes
    studio.log.empty_trash()
    assert studio.log[second.task_uuid].image.bytes
    assert studio.df["error"].fillna("").tolist() == [GONE, ""]


# -- what others see -------------------------------------------------------------------------------------------------


def test_it_is_shown_as_removed_and_is_no_fault(studio):
    """In a run, a gallery, a check of the log and a recovery, which fetches nothing."""
    run = generate(studio, seed=1)
    studio.log.remove_pictures(run)
    assert [failure.message for failure in studio.log[run.task_uuid].failures] == [GONE]
    assert "restore_pictures" in studio.log[run.task_uuid].failures[0].advice
    gallery = Gallery(studio.log)
    (tile,) = gallery.grid._items.read(0, 1)
    assert tile.missing == GONE
    gallery.close()
    assert studio.log.verify().empty
    assert studio.recover().empty
    assert files(studio) == []
    assert GONE in studio.log.show(columns=["error"]).text


def test_a_picture_that_came_from_the_service_is_not_fetched_again(service, open_studio):
    """No later kernel asks for it or pays for it, and a sweep that is run again has nothing to send."""
    studio = open_studio()
    sweep = studio.sweep("A lantern", seed=[1, 2], resolution="1K", name="lanterns")
    sweep.run()
    studio.log.remove_pictures(studio.df)
    charged = len(service.charges)
    later = open_studio()
    assert later.recover().empty
    again = later.sweep("A lantern", seed=[1, 2], resolution="1K", name="lanterns")
    assert again.prepare().quote.cells == 0
    assert again.result.counts == {"done": 2}
    assert len(service.charges) == charged
    assert later.df["file"].isna().all()


def test_a_copy_of_the_log_has_it_as_removed(studio, tmp_path):
    """Backup and export warn of nothing: the picture is not missing."""
    run, kept = generate(studio, seed=1), generate(studio, seed=2)
    studio.log.remove_pictures(run)
    copy = nbkit.RunLog(studio.log.backup(tmp_path / "copy"))
    assert copy.to_frame()["error"].fillna("").tolist() == [GONE, ""]
    assert copy.verify().empty
    assert len(list((studio.log.export(tmp_path / "export") / "images").iterdir())) == 1
    assert copy[kept.task_uuid].image.bytes
    copy.close()


def test_an_older_version_that_fetches_it_again_brings_it_back(studio):
    """It does not know the column; its picture is on the disk, and so it is shown."""
    run = generate(studio, seed=1)
    name = f"{run.image.sha256[:2]}/{run.image.path.name}"
    studio.log.remove_pictures(run)
    studio.log.images.put(
        run.image.bytes if run.image.path.exists() else (studio.log.images.trash / name).read_bytes(), "image/jpeg"
    )
    with studio.log.database.writing() as connection:
        connection.exec_driver_sql("UPDATE images SET file = ?", (name,))
    assert studio.df["error"].isna().all()
    assert studio.log[run.task_uuid].image.bytes
    assert studio.log.verify().empty


# -- how much disk ---------------------------------------------------------------------------------------------------


def test_the_size_is_that_of_the_files(studio):
    """Bytes of pictures, previews, trash and database."""
    assert studio.log.size.pictures == 0
    runs = [generate(studio, seed=seed) for seed in (1, 2)]
    sizes = [len(run.image.bytes) for run in runs]
    assert studio.log.size.pictures == sum(sizes)
    studio.log.previews.get(runs[1].image.path, 128)
    studio.log.remove_pictures(runs[0])
    size = studio.log.size
    assert (size.pictures, size.trash) == (sizes[1], sizes[0])
    assert size.previews > 0
    assert size.database >= studio.log.folder.joinpath("log.sqlite").stat().st_size > 0
    assert size.total == size.pictures + size.previews + size.trash + size.database
    assert repr(size).startswith("<DiskUsage ")
    assert "pictures " in repr(size)


# -- interruptions, and other hands ----------------------------------------------------------------------------------


class Killed(BaseException):
    """The kernel ends here."""


@pytest.mark.parametrize("step", ["remove", "restore", "empty"])
@pytest.mark.parametrize("moves", [0, 1, 2])
def test_a_kernel_that_is_killed_loses_nothing(tmp_path, monkeypatch, step, moves):
    """Whatever file it came to: each picture can be restored or is deleted, and the next step puts the files in order."""
    with offline_studio(tmp_path) as studio:
        runs = [generate(studio, seed=seed) for seed in (1, 2, 3)]
        if step != "remove":
            studio.log.remove_pictures(runs)
        left = iter(range(moves))

        def end(original):
            def moved(*arguments, **options):
                if next(left, None) is None:
                    raise Killed
                return original(*arguments, **options)

            return moved

        with monkeypatch.context() as patch:
            patch.setattr(ImageStore, "_move", end(ImageStore._move))
            if step == "empty":
                patch.setattr("pathlib.Path.unlink", end(type(tmp_path).unlink))
            act = {"remove": studio.log.remove_pictures, "restore": studio.log.restore_pictures}.get(step)
            with pytest.raises(Killed):
                act(runs) if act else studio.log.empty_trash()
    with offline_studio(tmp_path) as studio:
        assert studio.log.verify().empty
        removed = studio.df["file"].isna().sum()
        assert removed == 3
        if step == "empty":
            studio.log.empty_trash()
            assert files(studio) == files(studio, "trash") == []
        else:
            assert studio.log.restore_pictures().count == 3
            assert [studio.log[run.task_uuid].image.seed for run in runs] == [1, 2, 3]
            assert studio.log.verify().empty


def test_a_log_that_cannot_be_written_removes_nothing(studio, monkeypatch):
    """The files stay where they are."""
    run = generate(studio, seed=1)
    with monkeypatch.context() as patch:
        patch.setattr(studio.log.database, "read_only", True)
        with pytest.raises(StorageError):
            studio.log.remove_pictures(run)
    assert run.image.path.exists()


def test_a_file_that_cannot_be_moved_is_said(studio, monkeypatch):
    """The picture is removed all the same, and its file goes the next time."""
    run = generate(studio, seed=1)
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(18, "another disk")))
        with pytest.raises(StorageError, match="cannot be moved: another disk"):
            studio.log.remove_pictures(run)
    assert studio.df["error"].tolist() == [GONE]
    assert studio.log.restore_pictures().count == 1


def test_a_folder_that_is_a_link_gets_no_picture(studio, tmp_path):
    """A log from elsewhere does not lead out of its folder, and what it names is a picture of its own or nothing."""
    run = generate(studio, seed=1)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "aa").mkdir()
    (outside / "aa" / "note.txt").write_text("kept")
    studio.log.images.trash.symlink_to(outside)
    studio.log.remove_pictures(run)
    assert studio.log.empty_trash() == 0
    assert (outside / "aa" / "note.txt").read_text() == "kept"
    with sqlite3.connect(studio.log.database.name) as connection:
        connection.execute("UPDATE images SET removed = '../../outside/aa/note.txt'")
    connection.close()
    with pytest.warns(UserWarning, match="cannot be restored"):
        studio.log.restore_pictures()
    assert (outside / "aa" / "note.txt").exists()


# -- any order -------------------------------------------------------------------------------------------------------


class Disk(RuleBasedStateMachine):
    """Eight pictures in four files, removed and brought back in any order."""

    folder = None

    def __init__(self):
        super().__init__()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.log = write_log(self.folder, 8, pictures=4, size=(16, 16))
        self.uuids = self.log.to_frame().imageUUID.tolist()
        self.files = self.log.to_frame().file.tolist()
        self.faults = self.log.verify()  # the rows were written without their requests and accounts
        self.removed, self.emptied = set(), set()

    @rule(numbers=st.sets(st.integers(0, 7), min_size=1))
    def remove(self, numbers):
        self.log.remove_pictures([self.uuids[number] for number in numbers])
        self.removed |= numbers

    @rule(numbers=st.sets(st.integers(0, 7), min_size=1))
    def restore(self, numbers):
        back = (numbers & self.removed) - self.emptied
        gone = numbers & self.removed & self.emptied
        with pytest.warns(UserWarning, match="cannot be restored") if gone else contextlib.nullcontext():
            assert self.log.restore_pictures([self.uuids[number] for number in numbers]).count == len(back)
        self.removed -= back

    @precondition(lambda self: self.removed)
    @rule()
    def empty(self):
        self.log.empty_trash()
        kept = {self.files[number] for number in range(8) if number not in self.removed}
        self.emptied |= {number for number in self.removed if self.files[number] not in kept}

    @invariant()
    def frame_and_disk_agree(self):
        frame = self.log.to_frame()
        assert set(frame.index[frame.file.isna()]) == self.removed
        assert self.log.verify().equals(self.faults)

    def teardown(self):
        self.log.close()


def test_any_order_of_steps_keeps_the_log_whole(tmp_path):
    """Each picture that is not removed has its file; no other file is in the folder."""
    machine = type("DiskIn", (Disk,), {"folder": tmp_path / "runs"})
    options = settings(max_examples=4, stateful_step_count=6, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(machine, settings=options)
