"""``log.adopt``: what somebody else has made comes in once, at no cost, and is never asked for."""

import contextlib
import dataclasses
import hashlib
import shutil
import sqlite3
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import service_faults as fault
from conftest import QUICK
from effort import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo
from service import picture, unique_picture
from small_requests import generate
from test_earlier_logs import DATA

import nbkit
from nbkit import errors
from nbkit.log import adopt as adopting
from nbkit.log.database import Database
from nbkit.request.image_request import UNKNOWN_PROMPT

SIZE = {"resolution": "0.5K"}
PRICE = 0.04657


@pytest.fixture
def offline(tmp_path):
    """Opens offline studios, each on a log of its own by its name, and closes them at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda name, **options: stack.enter_context(
            contextlib.closing(nbkit.Studio(engine="offline", path=tmp_path / name, **options))
        )


@pytest.fixture
def mine(offline):
    return offline("mine")


@pytest.fixture
def theirs(offline):
    return offline("theirs")


def contents(log):
    """What a log has, without what says whose it is: prompt, seed, taskUUID and the bytes of each picture."""
    frame = log.to_frame()
    files = [None if pd.isna(file) else hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in frame.file]
    return sorted(zip(frame.prompt, frame.seed.fillna(-1), frame.taskUUID, files, strict=True), key=str)


def files_of(folder):
    """Each file below a folder with its bytes; SQLite's shared memory changes with each reader."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file() and not path.name.endswith("-shm"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def assert_whole(log):
    """The log has no faults, and each run is read."""
    assert log.verify().empty
    assert [run.status for run in log]


# -- once --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["log", "folder", "zip", "backup", "backup zip", "database"])
def test_runs_and_pictures_come_in_once(mine, theirs, tmp_path, form):
    """Whatever form they come in. The frame has the new rows, and no rows and the same columns the second time."""
    runs = [
        theirs.generate("A lantern", seed=seed, temperature=0.4, number_results=2, **SIZE) for seed in (1, 2**63 - 9)
    ]
    theirs.log.mark(runs[0][1], rating=4, keep=True, tags="night", note="the best")
    path = {
        "log": lambda: theirs.log.folder,
        "database": lambda: theirs.log.folder / "log.sqlite",
        "folder": lambda: theirs.log.export(tmp_path / "export"),
        "zip": lambda: str(theirs.log.export(tmp_path / "export.zip")),
        "backup": lambda: theirs.log.backup(tmp_path / "copy"),
        "backup zip": lambda: theirs.log.backup(tmp_path / "copy.zip"),
    }[form]()
    new = mine.log.adopt(path)
    columns = ["prompt", "seed", "temperature", "cost", "status", "width", "rating", "keep", "tags", "note", "charged"]
    names = [*columns, "created", "latency", "engine", "model", "taskUUID", "imageUUID", "requestedSeed"]
    pd.testing.assert_frame_equal(new[names], theirs.df[names])
    assert contents(mine.log) == contents(theirs.log)
    assert new.adopted.notna().all()
    second = mine.log.adopt(path)
    assert second.empty
    assert second.dtypes.to_dict() == new.dtypes.to_dict()
    assert [mine.log[run.task_uuid].request.identity for run in runs] == [run.request.identity for run in runs]
    assert_whole(mine.log)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=5))
@settings(deadline=None, max_examples=examples(6))
def test_logs_are_merged_in_any_order(three_logs, merges):
    """Whoever adopts from whom, how often: nothing comes twice, and once all have adopted from all, all have all."""
    with three_logs() as logs:
        everything = [contents(log) for log in logs]
        for to, origin in merges:
            before = contents(logs[to])
            logs[to].adopt(logs[origin].folder)
            expected = sorted({*before, *contents(logs[origin])}, key=str)
            assert contents(logs[to]) == expected
            assert logs[to].adopt(logs[origin].folder).empty
        for to, origin in [(0, 1), (0, 2), (1, 0), (2, 0)]:
            logs[to].adopt(logs[origin].folder)
        together = sorted({row for rows in everything for row in rows}, key=str)
        assert [contents(log) for log in logs] == [together] * 3
        assert all(log.verify().empty for log in logs)


@pytest.fixture(scope="module")
def three_logs(tmp_path_factory):
    """A context with fresh copies of three logs that share nothing."""
    folder = tmp_path_factory.mktemp("three")
    for number in range(3):
        studio = nbkit.Studio(engine="offline", path=folder / "first" / str(number))
        studio.generate(f"Lantern {number}", seed=number, **SIZE)
        studio.close()

    @contextlib.contextmanager
    def copies():
        shutil.copytree(folder / "first", folder / "copy")
        logs = [nbkit.RunLog(folder / "copy" / str(number)) for number in range(3)]
        try:
            yield logs
        finally:
            for log in logs:
                log.close()
            shutil.rmtree(folder / "copy")

    return copies


def test_the_same_picture_of_the_same_request_does_not_come_twice(mine, theirs):
    """Two people made it, each at their own cost: one row stays, and another result of their run comes."""
    own = mine.generate("A lantern", seed=1, **SIZE)
    other = theirs.generate("A lantern", seed=1, number_results=2, **SIZE)
    assert own.image == other[0]
    new = mine.log.adopt(theirs.log.folder)
    assert new.imageUUID.tolist() == [other[1].image_uuid]
    assert len(mine.df) == 2
    assert theirs.log.adopt(mine.log.folder).empty


def test_the_same_bytes_of_other_requests_are_rows_of_their_own(service, open_studio, tmp_path):
    """A picture tells nothing of its settings; the file is stored once."""
    one = open_studio(path=tmp_path / "one")
    runs = [generate(one, seed=5, temperature=value) for value in (0.1, 0.2)]
    other = open_studio(path=tmp_path / "other")
    assert other.log.adopt(one.log.folder).taskUUID.tolist() == [run.task_uuid for run in runs]
    assert len(set(other.df.file)) == 1


def test_another_result_of_a_run_that_is_here_joins_it(service, open_studio, tmp_path):
    """A copy of the log got the picture that this one lacks; what the run has cost stays."""
    service.paint = unique_picture
    studio = open_studio()
    run = generate(studio, number_results=2)
    shutil.copytree(studio.log.folder, tmp_path / "copy")
    with contextlib.closing(nbkit.RunLog(tmp_path / "copy")) as copy, copy.database.writing() as connection:
        connection.exec_driver_sql("UPDATE images SET imageUUID = 'another' WHERE id = 2")
        data = picture("PNG", "red")
        name = copy.images.put(data, "image/png")
        connection.exec_driver_sql(
            "UPDATE images SET sha256 = ?, file = ?, mediaType = 'image/png' WHERE id = 2",
            (hashlib.sha256(data).hexdigest(), name),
        )
    new = studio.log.adopt(tmp_path / "copy")
    assert new.imageUUID.tolist() == ["another"]
    merged = studio.log[run.task_uuid]
    assert [image.bytes for image in merged] == [*(image.bytes for image in run), data]
    assert (merged.cost, merged.adopted) == (run.cost, None)
    assert studio.budget.spent == pytest.approx(run.cost)
    assert_whole(studio.log)


def test_what_was_removed_stays_removed(mine, theirs):
    """Adopting again brings back no picture that this person did not want."""
    theirs.generate("A lantern", seed=1, **SIZE)
    new = mine.log.adopt(theirs.log.folder)
    mine.log.remove_pictures(new)
    assert mine.log.adopt(theirs.log.folder).empty
    assert mine.df.file.isna().all()
    mine.log.restore_pictures()
    assert mine.df.file.notna().all()


def test_an_export_without_originals_is_completed_by_one_with_them(mine, theirs, tmp_path):
    """Its rows come in without pictures, and say so; the originals come later, to the same rows."""
    run = theirs.generate("A lantern", seed=1, **SIZE)
    theirs.log.export(tmp_path / "light", originals=False)
    with pytest.warns(UserWarning, match="light was adopted without 1 missing picture$"):
        new = mine.log.adopt(tmp_path / "light")
    assert new.error.tolist() == ["its picture did not come with it"]
    assert mine.log[run.task_uuid].failures[0].advice == ""
    assert mine.log.same_as(run.request, "offline") is None
    assert_whole(mine.log)
    assert mine.log.adopt(theirs.log.folder).empty
    assert [image.bytes for image in mine.log[run.task_uuid]] == [run.image.bytes]
    assert mine.df.error.isna().all()
    assert mine.log.same_as(run.request, "offline").task_uuid == run.task_uuid


def test_a_crash_in_the_middle_leaves_a_whole_log(mine, theirs, monkeypatch):
    """What was written is whole, and the same call brings the rest."""
    for seed in range(5):
        theirs.generate("A lantern", seed=seed, **SIZE)
    monkeypatch.setattr(adopting, "_AT_ONCE", 2)
    real, written = Database.write, []

    def write(database, step):
        if len(written) == 1:
            raise KeyboardInterrupt
        written.append(step)
        return real(database, step)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", write)
        with pytest.raises(KeyboardInterrupt):
            mine.log.adopt(theirs.log.folder)
    assert len(mine.df) == 2
    assert set(mine.log.verify().problem) <= {"no row names it"}  # pictures are on the disk before their rows
    assert len(mine.log.adopt(theirs.log.folder)) == 3
    assert_whole(mine.log)


# -- what people have said of them -------------------------------------------------------------------------------


def test_what_this_person_said_wins(mine, theirs):
    """Rating, keep and note are taken over where there is none, tags are joined, and a search finds them."""
    pairs = [(mine.generate("A lantern", seed=s, **SIZE), theirs.generate("A lantern", seed=s, **SIZE)) for s in (1, 2)]
    mine.log.mark(pairs[0][0], rating=1, tags="night, jade", note="mine")
    assert mine.log.search("blue").empty
    for _, run in pairs:
        theirs.log.mark(run, rating=5, keep=False, tags="jade, blue", note="theirs")
    for _ in range(2):
        assert mine.log.adopt(theirs.log.folder).empty
        marks = mine.df[["rating", "keep", "tags", "note"]].to_dict("records")
        assert marks == [
            {"rating": 1, "keep": False, "tags": "blue, jade, night", "note": "mine"},
            {"rating": 5, "keep": False, "tags": "blue, jade", "note": "theirs"},
        ]
    assert len(mine.log.search("blue")) == 2


def test_judgements_come_once(mine, theirs, offline, tmp_path):
    """By their id from a log, by what they say from an export, whatever the pictures are called here."""
    runs = [theirs.generate("A lantern", seed=seed, **SIZE) for seed in (1, 2)]
    own = mine.generate("A lantern", seed=1, **SIZE)  # the first of them, under another name
    arena = theirs.arena(runs, question="Which is brighter?", rater="Ada")
    arena.judge(runs[0].image, runs[1].image)
    mine.log.adopt(theirs.log.folder)
    mine.log.adopt(theirs.log.export(tmp_path / "export"))
    (judged,) = mine.log.judgements.to_dict("records")
    assert judged["rater"] == "Ada"
    assert judged["outcome"] == own.image.image_uuid
    assert set(judged["shown"]) == set(mine.df.imageUUID)
    theirs.log.adopt(mine.log.folder)
    assert len(theirs.log.judgements) == 1
    third = offline("third")
    third.log.adopt(tmp_path / "export")
    third.log.adopt(theirs.log.folder)
    third.log.adopt(mine.log.folder)
    assert len(third.log.judgements) == 1


def test_a_judgement_of_pictures_that_are_not_here_is_left_out(mine, theirs, tmp_path):
    """A warning counts it."""
    runs = [theirs.generate("A lantern", seed=seed, **SIZE) for seed in (1, 2)]
    theirs.arena(runs, question="Which?").judge(runs[0].image, runs[1].image)
    theirs.log.export(tmp_path / "export")
    manifest = tmp_path / "export" / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace(runs[1].task_uuid, ""), "utf-8")
    with pytest.warns(UserWarning, match="1 damaged row, 1 unmatched judgement"):
        mine.log.adopt(tmp_path / "export")
    assert mine.log.judgements.empty


# -- at no cost, never asked for ---------------------------------------------------------------------------------


def test_nothing_is_asked_or_paid_for_adopted_rows(service, open_studio, tmp_path):
    """No request leaves for them, also where a picture is missing; no budget, day or sum counts them."""
    service.paint = unique_picture
    service.faults += [None, fault.refused("invalidProviderContent"), fault.refused(), fault.lost()]
    service.has_details, service.answers_after_sync = False, False
    other = open_studio(path=tmp_path / "other", pace=dataclasses.replace(QUICK, patience=0.5))
    done, blocked, failed, _ = [generate(other, seed=seed) for seed in range(4)]
    missing = generate(other, seed=9)
    missing.image.path.unlink()
    studio = open_studio(budget=0.30, daily_budget=0.30, trust=True)
    with pytest.warns(UserWarning, match="1 open run, 1 missing picture"):
        new = studio.log.adopt(other.log.folder)
    assert new.status.tolist() == ["done", "blocked", "failed", "done"]
    assert new.cost.notna().sum() == 2
    asked = len(service.received)
    assert studio.recover().empty
    assert studio.log.withheld() == ""
    assert len(service.received) == asked
    assert (studio.budget.spent, studio.budget.held, studio.budget.left) == (0, 0, 0.30)
    assert_whole(studio.log)
    assert studio.log.show().text.startswith("4 rows · 4 adopted, not paid here")
    assert studio.log.thread(done.task_uuid).cost.charged == 0
    assert "adopted: nothing was charged here" in studio.log[done.task_uuid].to_text()
    assert "REAL MONEY" not in studio.log[done.task_uuid].to_html()
    assert isinstance(studio.log[blocked.task_uuid].error, errors.BlockedError)
    assert studio.log[failed.task_uuid].status == "failed"
    generate(studio, seed=1)
    assert studio.budget.spent == pytest.approx(new.cost.dropna().iloc[0])


def test_a_request_is_answered_from_an_adopted_run_of_the_same_engine(service, open_studio, tmp_path, offline):
    """At no cost; not from one that failed, was blocked, or has no picture here."""
    service.paint = unique_picture
    service.faults += [None, fault.refused("invalidProviderContent")]
    other = open_studio(path=tmp_path / "other")
    done, _ = [generate(other, seed=seed) for seed in range(2)]
    studio = open_studio(reuse=True)
    studio.log.adopt(other.log.folder)
    sent = len(service.sent)
    answer = generate(studio, seed=0)
    assert (answer.reused, answer.image) == (True, done.image)
    assert len(service.sent) == sent
    assert not generate(studio, seed=1).reused
    stranger = offline("stranger", reuse=True)
    stranger.log.adopt(other.log.folder)
    assert not stranger.generate("A lantern", seed=0, width=512, height=512).reused


def test_two_people_share_a_sweep(mine, theirs):
    """Each has run a part of it; after the merge it is done, and each has paid only their own part."""
    axes = {"colour": ["red", "jade"], "seed": [1, 2], **SIZE, "name": "lanterns"}
    theirs.sweep("A {colour} lantern", **{**axes, "seed": [1]}).run()
    mine.sweep("A {colour} lantern", **{**axes, "seed": [2]}).run()
    mine.log.adopt(theirs.log.folder)
    result = mine.sweep("A {colour} lantern", **axes).run()
    assert result.counts == {"done": 4}
    assert mine.budget.spent == pytest.approx(2 * PRICE)
    assert result.cost == pytest.approx(2 * PRICE)
    assert sorted(mine.df.colour) == ["jade", "jade", "red", "red"]
    assert mine.log.filter("colour == 'red' and adopted.notna()").seed.tolist() == [1]


def test_an_adopted_run_is_made_again_at_the_cost_of_whoever_does(mine, theirs, tmp_path):
    """Reference images come along from a log; an export does not have them, and says what is missing."""
    first = theirs.generate("A lantern", seed=1, reference_images=[picture("PNG")], **SIZE)
    edit = first.image.edit("In the snow", seed=2)
    mine.log.adopt(theirs.log.export(tmp_path / "export"))
    with pytest.raises(errors.StorageError, match="no longer in the image folder"):
        mine.log[first.task_uuid].rerun()
    with contextlib.closing(nbkit.Studio(engine="offline", path=tmp_path / "third")) as third:
        third.log.adopt(theirs.log.folder)
        adopted = third.log[edit.task_uuid]
        assert [run.task_uuid for run in third.log.thread(adopted)] == [first.task_uuid, edit.task_uuid]
        assert adopted.parent.task_uuid == first.task_uuid
        assert third.budget.spent == 0
        assert adopted.rerun(seed=3).parent.task_uuid == edit.task_uuid
        assert third.log[first.task_uuid].rerun(seed=3).status == "done"
        assert third.budget.spent > 0


@pytest.mark.parametrize("form", ["log", "export", "pictures"])
def test_a_run_of_another_model_stays_one(offline, tmp_path, form):
    """It answers the same request of that model, and none of another one."""
    theirs, mine = offline("theirs"), offline("mine", reuse=True)
    asked = {"seed": 7, "model": "google:4@2", "resolution": "1K"}
    run = theirs.generate("A lantern", **asked)
    paths = {
        "log": lambda: theirs.log.folder,
        "export": lambda: theirs.log.export(tmp_path / "export"),
        "pictures": lambda: run.image.save(tmp_path / "a.jpg", metadata=True),
    }
    assert mine.log.adopt(paths[form]()).model.tolist() == ["google:4@2"]
    assert mine.log[run.task_uuid].request == run.request or form == "export"
    assert mine.log[run.task_uuid].request.identity == run.request.identity
    assert mine.generate("A lantern", **asked).reused
    assert not mine.generate("A lantern", seed=7).reused


def test_addresses_and_credentials_do_not_come_along(service, open_studio, tmp_path):
    """Whoever makes the request again would send their pictures there."""
    other = open_studio(path=tmp_path / "other")
    run = generate(other, webhook_url="https://example.com/hook?key=secret", upload_endpoint="https://example.com/put")
    studio = open_studio()
    studio.log.adopt(other.log.folder)
    adopted = studio.log[run.task_uuid]
    assert (adopted.request.webhook_url, adopted.request.upload_endpoint) == (None, None)
    assert "example.com" not in str(adopted.task)
    assert studio.df.webhookURL.isna().all()
    assert adopted.rerun(seed=2).status == "done"


# -- other logs --------------------------------------------------------------------------------------------------


def test_a_log_of_the_first_version_comes_in(mine, tmp_path):
    """Everything in it that has ended; its folder stays as it was, to the byte."""
    with zipfile.ZipFile(DATA) as archive:
        archive.extractall(tmp_path / "old")
    before = files_of(tmp_path / "old")
    with pytest.warns(UserWarning, match="2 open runs"):
        new = mine.log.adopt(tmp_path / "old")
    assert files_of(tmp_path / "old") == before
    assert {status: int(number) for status, number in new.status.value_counts().items()}.keys() == {
        "done",
        "failed",
        "blocked",
    }
    assert new.file.notna().sum() == 13
    assert len(mine.log.search("lantern night best")) == 1
    assert_whole(mine.log)
    with pytest.warns(UserWarning, match="2 open runs"):
        assert mine.log.adopt(tmp_path / "old").empty


@pytest.mark.parametrize("is_open", [True, False])
def test_a_log_is_never_written_to(mine, theirs, is_open):
    """Also while its kernel has it open, and where its folder cannot be written."""
    theirs.generate("A lantern", seed=1, **SIZE)
    folder = theirs.log.folder
    if not is_open:
        theirs.close()
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
    before = files_of(folder)
    assert len(mine.log.adopt(folder)) == 1
    assert files_of(folder) == before
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_rows_in_the_write_ahead_log_come_too(mine, theirs, tmp_path):
    """A copy of the files of a log that was open, as a person makes one."""
    theirs.generate("A lantern", seed=1, **SIZE)
    shutil.copytree(theirs.log.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("*-shm"))
    assert (tmp_path / "copy" / "log.sqlite-wal").stat().st_size > 0
    before = files_of(tmp_path / "copy")
    assert len(mine.log.adopt(tmp_path / "copy")) == 1
    assert files_of(tmp_path / "copy") == before


def test_a_log_that_cannot_be_written_adopts_nothing(mine, theirs, tmp_path):
    """The error is the one that every writer gets."""
    theirs.generate("A lantern", seed=1, **SIZE)
    mine.close()
    (tmp_path / "mine").chmod(0o555)
    try:
        with contextlib.closing(nbkit.RunLog(tmp_path / "mine")) as log:
            if log.database.read_only:  # not for root, who may write everywhere
                with pytest.raises(errors.StorageError, match="cannot be written"):
                    log.adopt(theirs.log.folder)
    finally:
        (tmp_path / "mine").chmod(0o755)


def test_an_older_nbkit_leaves_adopted_rows_alone(mine, theirs):
    """It does not know the column: to it they are rows of another author, which have ended and hold no money."""
    theirs.generate("A lantern", seed=1, **SIZE)
    mine.log.adopt(theirs.log.folder)
    with contextlib.closing(sqlite3.connect(mine.log.folder / "log.sqlite")) as connection:
        rows = connection.execute("SELECT status, author, held, spent, dayAccounts, owner, purse FROM runs").fetchall()
        urls = connection.execute("SELECT url FROM images").fetchall()
    assert rows == [("done", "adopted", 0, 0, None, None, None)]
    assert urls == [(None,)]
    assert "adopted" not in mine.log.trust.authors


# -- pictures ----------------------------------------------------------------------------------------------------


def test_a_folder_of_pictures_comes_in(mine, tmp_path):
    """Those in its folders too; hidden files, links and what is no picture do not. Each has its file's name as its note."""
    folder = tmp_path / "pictures"
    (folder / "more" / ".cache").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(picture("JPG"))
    (folder / "more" / "b.PNG").write_bytes(picture("PNG", "navy"))
    (folder / "more" / "same.jpeg").write_bytes(picture("JPG"))
    (folder / ".hidden.png").write_bytes(picture("PNG", "red"))
    (folder / "more" / ".cache" / "c.png").write_bytes(picture("PNG", "red"))
    (folder / "text.png").write_text("no picture", "utf-8")
    (folder / "notes.txt").write_text("no picture", "utf-8")
    (tmp_path / "outside.png").write_bytes(picture("PNG", "black"))
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    with pytest.warns(UserWarning, match="without 1 missing picture"):
        new = mine.log.adopt(folder)
    assert new.note.tolist() == ["a.jpg", "b.PNG"]
    assert set(new.prompt) == {UNKNOWN_PROMPT}
    assert [Path(file).read_bytes() for file in new.file] == [picture("JPG"), picture("PNG", "navy")]
    assert new.width.tolist() == [96, 96]
    assert new.cost.isna().all()
    assert_whole(mine.log)


def test_the_prompt_of_a_picture_without_settings_is_never_sent(mine, tmp_path):
    """What would send it is refused and says what to type; with another prompt it is a request as any other."""
    (tmp_path / "a.png").write_bytes(picture("PNG"))
    (name,) = mine.log.adopt(tmp_path / "a.png").taskUUID
    run = mine.log[name]
    with pytest.raises(errors.NbkitError, match=r"type run\.rerun\(prompt="):
        run.rerun()
    with pytest.raises(errors.NbkitError, match="came without its settings"):
        run.rerun(seed=7)
    for request in (run.request, nbkit.ImageRequest(UNKNOWN_PROMPT)):
        with pytest.raises(errors.StorageError, match="prompt: it is not known"):
            mine.generate(request)
    assert len(mine.log) == 1
    assert run.rerun(prompt="A boat").request.prompt == "A boat"


@pytest.mark.parametrize("form", ["log", "export"])
def test_a_folder_with_a_log_or_an_export_in_it_is_refused(mine, theirs, tmp_path, form):
    """Its pictures would come without their settings, and its previews as pictures; the error names the folder."""
    run = theirs.generate("A lantern", seed=1, **SIZE)
    folder = tmp_path / "parent" / "inner" / "A"
    if form == "log":
        shutil.copytree(theirs.log.folder, folder)
    else:
        theirs.log.export(folder)
    with pytest.raises(errors.RequestError, match=r"type adopt\(.*inner.*A") as raised:
        mine.log.adopt(tmp_path / "parent")
    assert raised.value.parameter == "path"
    if form == "log":
        with pytest.raises(errors.RequestError, match="is a folder of a log; type adopt"):
            mine.log.adopt(folder / "images")
    assert mine.log.adopt(folder).taskUUID.tolist() == [run.task_uuid]


def test_a_manifest_stands_for_its_export(mine, theirs, tmp_path):
    """Its path is taken as that of its folder, as the path of a log's database is."""
    run = theirs.generate("A lantern", seed=1, **SIZE)
    theirs.log.export(tmp_path / "export")
    assert mine.log.adopt(tmp_path / "export" / "manifest.json").taskUUID.tolist() == [run.task_uuid]


def test_one_picture_comes_in_and_is_known_by_its_content(mine, theirs, tmp_path):
    """Whatever its name is; a picture of this log does not come again, and two people get the same run of it."""
    run = mine.generate("A lantern", seed=1, **SIZE)
    run.image.save(tmp_path / "own.jpg")
    assert mine.log.adopt(tmp_path / "own.jpg").empty
    (tmp_path / "b.webp").write_bytes(picture("WEBP"))
    new = [studio.log.adopt(tmp_path / "b.webp") for studio in (mine, theirs)]
    assert new[0].taskUUID.tolist() == new[1].taskUUID.tolist()
    assert mine.log.adopt(theirs.log.folder).empty


def test_settings_that_come_later_explain_a_picture(mine, theirs, tmp_path):
    """It came alone, and then with the log that it is from: the same row has its settings, and its mark stays."""
    run = theirs.generate("A lantern", seed=7, number_results=2, **SIZE)
    run[0].save(tmp_path / "pictures" / "a.jpg")
    first = mine.log.adopt(tmp_path / "pictures")
    mine.log.mark(first, rating=4)
    new = mine.log.adopt(theirs.log.folder)
    assert new[["prompt", "seed", "taskUUID"]].to_dict("records") == theirs.df[["prompt", "seed", "taskUUID"]].to_dict(
        "records"
    )
    assert mine.df.rating.fillna(0).tolist() == [4, 0]
    assert mine.log.search("not known").empty
    assert len(mine.log.search("lantern")) == 2
    assert mine.log.same_as(run.request, "offline").task_uuid == run.task_uuid
    for path in (tmp_path / "pictures", theirs.log.folder):
        assert mine.log.adopt(path).empty
    assert theirs.log.adopt(mine.log.folder).empty
    assert_whole(mine.log)


def test_settings_that_come_later_explain_all_pictures_of_a_run(mine, theirs, tmp_path):
    """They are of one run then; a note that a person wrote replaces the file's name that stood for one."""
    run = theirs.generate("A lantern", seed=7, number_results=2, **SIZE)
    theirs.log.mark(run[1], note="the best one")
    for number, image in enumerate(run):
        image.save(tmp_path / "pictures" / f"{number}.jpg")
    mine.log.mark(mine.log.adopt(tmp_path / "pictures"), rating=4)
    mine.log.adopt(theirs.log.folder)
    assert mine.df.seed.tolist() == theirs.df.seed.tolist()
    assert set(mine.df.taskUUID) == {run.task_uuid}
    assert mine.df.rating.tolist() == [4, 4]
    assert mine.df.note.tolist() == ["0.jpg", "the best one"]
    assert len(mine.log) == 1
    assert mine.log.search("not known").empty
    assert len(mine.log.search("lantern")) == 2
    assert mine.log.adopt(theirs.log.folder).empty
    assert_whole(mine.log)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
def test_a_picture_that_remembers_comes_with_its_settings(mine, theirs, tmp_path, ending):
    """In each format: as the run that it is. The log that it is from brings it not again, nor does an export of it."""
    axes = {"colour": ["red"], "seed": 2**63 - 7, "output_format": ending.upper(), "name": "lanterns", **SIZE}
    (run,) = theirs.sweep("A {colour} lantern", temperature=0.4, **axes).run().runs
    run.image.save(tmp_path / "pictures" / f"a.{ending}", metadata=True)
    new = mine.log.adopt(tmp_path / "pictures")
    columns = [
        "prompt",
        "seed",
        "requestedSeed",
        "temperature",
        "cost",
        "status",
        "charged",
        "created",
        "sweep",
        "colour",
    ]
    names = [*columns, "engine", "model", "taskUUID", "imageUUID"]
    pd.testing.assert_frame_equal(new[names], theirs.df[names])
    assert new.note.isna().all()
    assert mine.log[run.task_uuid].request.identity == run.request.identity
    assert mine.log[run.task_uuid].image.pil.tobytes() == run.image.pil.tobytes()
    assert mine.log.adopt(tmp_path / "pictures").empty
    assert mine.log.adopt(theirs.log.folder).empty
    assert mine.log.adopt(theirs.log.export(tmp_path / "export", metadata=True)).empty
    assert theirs.log.adopt(mine.log.folder).empty
    assert_whole(mine.log)


def test_an_export_whose_pictures_remember_comes_once(mine, theirs, tmp_path):
    """Their bytes are others than those in the log, in which the same pictures are."""
    runs = [theirs.generate("A lantern", seed=seed, **SIZE) for seed in (1, 2)]
    mine.log.adopt(theirs.log.export(tmp_path / "export", metadata=True))
    assert mine.df.taskUUID.tolist() == [run.task_uuid for run in runs]
    assert mine.log.adopt(tmp_path / "export" / "images").empty
    assert mine.log.adopt(theirs.log.folder).empty
    assert theirs.log.adopt(tmp_path / "export").empty
    assert_whole(mine.log)


@pytest.mark.parametrize("output_format", ["JPG", "PNG", "WEBP"])
def test_a_copy_with_settings_is_stored_as_the_original(mine, theirs, tmp_path, output_format):
    """So the plain file is known by its content afterwards, and the other way round."""
    image = generate(theirs, output_format=output_format).image
    for name, plain in (("first", False), ("second", True)):
        image.save(tmp_path / name / "lantern", metadata=not plain)
        assert len(mine.log.adopt(tmp_path / name)) == (not plain)
    (file,) = mine.df.file
    assert Path(file).read_bytes() == image.bytes


def test_pictures_keep_what_was_made_from_what(mine, theirs, tmp_path):
    """Whatever their files are called: parents come before their children."""
    first = theirs.generate("A lantern", seed=1, **SIZE)
    edit = first.image.edit("In the snow", seed=2)
    edit.image.save(tmp_path / "pictures" / "a.jpg", metadata=True)
    first.image.save(tmp_path / "pictures" / "b.jpg", metadata=True)
    mine.log.adopt(tmp_path / "pictures")
    assert [run.task_uuid for run in mine.log.thread(edit.task_uuid)] == [first.task_uuid, edit.task_uuid]


def test_what_another_program_wrote_is_marked_as_its(mine, tmp_path):
    """Its text names a prompt and a seed; it answers no request."""
    info = PngInfo()
    info.add_text(
        "parameters", "a jade teapot\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 96x64, Model: dream"
    )
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (96, 64), "teal").save(tmp_path / "pictures" / "a.png", pnginfo=info)
    new = mine.log.adopt(tmp_path / "pictures")
    assert new[["prompt", "seed", "engine"]].to_dict("records") == [
        {"prompt": "a jade teapot", "seed": 42, "engine": "a1111"}
    ]
    run = mine.log[new.taskUUID[0]]
    assert mine.log.same_as(run.request, "a1111") is None
    assert mine.log.adopt(tmp_path / "pictures").empty


def retouched(path: Path, target: Path) -> None:
    """Save other pixels with the settings of a picture, as programs for pictures do."""
    with Image.open(path) as image:
        info = PngInfo()
        for name, text in image.text.items():
            info.add_text(name, str(text))
        target.parent.mkdir()
        ImageOps.invert(image.convert("RGB")).save(target, pnginfo=info)


@pytest.mark.parametrize("source", ["picture", "log"])
def test_an_edited_copy_is_a_picture_of_its_own(mine, theirs, tmp_path, source):
    """It has the names of the original in it, and neither keeps the original out nor answers its request."""
    run = theirs.generate("A lantern", seed=1, output_format="PNG", **SIZE)
    original = run.image.save(tmp_path / "original" / "a.png", metadata=True)
    retouched(original, tmp_path / "edited" / "b.png")
    edited = mine.log.adopt(tmp_path / "edited")
    assert edited.prompt.tolist() == ["A lantern"]
    assert edited.note.str.startswith("b.png: changed").all()
    assert run.task_uuid not in set(edited.taskUUID)
    assert mine.log.same_as(run.request, "offline") is None
    assert len(mine.log.adopt(original.parent if source == "picture" else theirs.log.folder)) == 1
    assert mine.log[run.task_uuid].image.sha256 == run.image.sha256
    assert mine.log.same_as(run.request, "offline").task_uuid == run.task_uuid
    assert mine.log.adopt(tmp_path / "edited").empty
    assert_whole(mine.log)
