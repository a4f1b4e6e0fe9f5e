"""The run log: what it keeps, how it comes back as a DataFrame, and logs that are old, new, shared or damaged."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pandas as pd
import pytest
import service_faults as fault
import sqlalchemy
from service import PRICE, picture

import nbkit
from nbkit import errors
from nbkit.log.images import file_of
from nbkit.log.schema import IMAGES, MIN_READER, RUNS, VERSION
from nbkit.log.sqlite import set_up
from nbkit.request.image_request import PARAMETERS
from nbkit.request.model import MAX_SEED

FIRST = ["prompt", "seed", "temperature", "topP", "cost", "status", "thinking", "width", "height", "resolution"]
DTYPES = {
    "prompt": "string", "seed": "Int64", "temperature": "Float64", "topP": "Float64", "cost": "Float64",
    "status": "string", "thinking": "string", "width": "Int64", "height": "Int64", "numberResults": "Int64",
    "webSearch": "boolean", "checkContent": "boolean", "NSFWContent": "boolean", "requestedSeed": "Int64",
    "created": "datetime64[us, UTC]", "latency": "Float64", "file": "string", "rating": "Int64", "keep": "boolean",
    "tags": "string", "note": "string", "sweep": "string", "error": "string", "charged": "boolean",
    "engine": "string", "model": "string", "taskUUID": "string", "imageUUID": "string", "ttl": "Int64",
    "referenceImages": "string", "extra": "string",
}  # fmt: skip


def generate(studio, **parameters):
    return studio.generate("A lantern", **{"width": 512, "height": 512} | parameters)


def dtypes(frame):
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def test_columns_and_dtypes(studio):
    """The columns stand in the design's order, every parameter among them, each with its nullable dtype."""
    generate(studio, seed=3, temperature=0.72, top_p=0.9)
    frame = studio.df
    assert list(frame.columns[:10]) == FIRST
    assert {p.column for p in PARAMETERS.values()} <= set(frame.columns)
    assert {name: dtypes(frame)[name] for name in DTYPES} == DTYPES


def test_an_empty_log_has_the_same_dtypes(studio):
    """Code that works on a full log works on an empty one."""
    empty = dtypes(studio.df)
    generate(studio)
    assert empty == dtypes(studio.df)


def test_the_largest_seed_survives_beside_gaps(service, studio):
    """A seed of 63 bits stays exact beside runs that have none, in the frame, the picture and the log."""
    service.faults += [
        fault.refused("invalidSeed"),
        None,
        fault.answers(lambda i, _: {"data": [{**i[0], "seed": 2**63}]}),
    ]
    statuses = [generate(studio, seed=MAX_SEED).status for _ in range(3)]
    assert statuses == ["failed", "done", "done"]
    frame = studio.df
    assert str(frame.seed.dtype) == "Int64"
    assert [None if pd.isna(s) else int(s) for s in frame.seed] == [None, MAX_SEED, None]
    assert [int(s) for s in frame.requestedSeed] == [MAX_SEED] * 3
    assert studio.log[frame.taskUUID.iloc[1]].seed == MAX_SEED


@pytest.mark.parametrize("how", ["csv", "parquet"])
def test_files_keep_the_largest_seed_beside_gaps(service, studio, tmp_path, how):
    """A frame written to a file and read back has every digit of a seed, and its gaps."""
    service.faults += [fault.refused("invalidSeed"), None]
    for _ in range(2):
        generate(studio, seed=MAX_SEED)
    service.faults.append(fault.answers(lambda i, _: {"data": [{**i[0], "seed": MAX_SEED - 1}]}))
    generate(studio, seed=MAX_SEED - 1)
    frame = studio.df
    if how == "csv":
        frame.to_csv(tmp_path / "log.csv", index=False)
        again = pd.read_csv(tmp_path / "log.csv", dtype={"seed": "Int64", "requestedSeed": "Int64"})
        assert "e+" not in (tmp_path / "log.csv").read_text("utf-8")
    else:
        frame.to_parquet(tmp_path / "log.parquet")
        again = pd.read_parquet(tmp_path / "log.parquet")
        assert dtypes(again) == dtypes(frame)
        pd.testing.assert_frame_equal(again, frame)
    assert [None if pd.isna(seed) else int(seed) for seed in again.seed] == [None, MAX_SEED, MAX_SEED - 1]
    assert [int(seed) for seed in again.requestedSeed] == [MAX_SEED, MAX_SEED, MAX_SEED - 1]


def test_rows_tell_what_was_sent_and_what_came(service, studio):
    """One row per picture, with the parameters as sent, the size of the file where none was sent, and the money."""
    generate(studio, number_results=2, temperature=0.3, thinking="HIGH", web_search=True, seed=5)
    studio.generate("Like this", reference_images=[picture("PNG")])
    frame = studio.df
    assert list(frame.seed[:2]) == [5, 6]
    assert list(frame.requestedSeed[:2]) == [5, 5]
    assert list(frame.width) == [512, 512, 96]
    assert list(frame.temperature[:2]) == [0.3, 0.3]
    assert frame.webSearch.tolist()[:2] == [True, True]
    assert frame.cost.tolist() == [PRICE] * 3
    assert frame.charged.all()
    assert frame.referenceImages.iloc[2].startswith("sha256:")
    assert [Path(f).read_bytes() for f in frame.file[:2]] == [picture("JPG", "teal"), picture("JPG", "navy")]
    assert frame.created.is_monotonic_increasing


def test_runs_come_back_from_disk(service, open_studio):
    """A later kernel reads the same run: request, pictures, failures, error, money."""
    service.faults += [fault.partial([{"code": "inferenceError", "message": "one fell over"}], keep=2)]
    service.faults += [fault.refused("invalidProviderContent", "not this")]
    first = open_studio()
    runs = [generate(first, number_results=3, output_format="PNG", extra={"newThing": [1]}), generate(first)]
    second = open_studio()
    for run in runs:
        back = second.log[run.task_uuid]
        assert back.request == run.request
        assert (back.status, back.cost, back.seed, back.task) == (run.status, run.cost, run.seed, run.task)
        assert [i.bytes for i in back] == [i.bytes for i in run]
        assert [f.message for f in back.failures] == [f.message for f in run.failures]
        assert (type(back.error), str(back.error)) == (type(run.error), str(run.error))
    assert [r.task_uuid for r in second.log] == [r.task_uuid for r in reversed(runs)]
    assert len(second.log) == 2
    assert runs[0].task_uuid in second.log
    with pytest.raises(KeyError, match="the log has no run 'nothing'"):
        second.log["nothing"]


def test_the_row_is_there_before_the_request_leaves(service, open_studio):
    """While the service works on it, another kernel sees the run as sent, with its money held."""
    seen = []

    def look(service_, task):
        other = open_studio()
        seen.extend([other.log[task["taskUUID"]].status, other.df.status.tolist()])
        return service_.serve(task)

    service.faults.append(look)
    generate(open_studio())
    assert seen == ["sent", ["sent"]]


def test_the_same_bytes_are_kept_once(service, studio):
    """Pictures are stored under the hash of their content, whole, with no temporary file beside them."""
    for _ in range(3):
        generate(studio)
    files = [p for p in (studio.log.folder / "images").rglob("*") if p.is_file()]
    assert [p.read_bytes() for p in files] == [picture()]
    assert len(studio.df) == 3


def test_two_processes_write_one_log(service, tmp_path, open_studio):
    """Two kernels that start at the same moment on one new log lose no run and meet no lock."""
    code = textwrap.dedent(
        """
        import sys, nbkit
        from nbkit.service.pace import Pace
        sys.stdin.readline()
        studio = nbkit.Studio(engine=sys.argv[1], path=sys.argv[2], daily_budget=100)
        for number in range(12):
            assert studio.generate("A lantern", width=512, height=512, seed=number).status == "done"
        studio.close()
        """
    )
    command = [sys.executable, "-W", "error", "-c", code, service.url, str(tmp_path / "runs")]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for worker in workers:
        worker.stdin.write(b"\n")
        worker.stdin.flush()
    for worker in workers:
        assert (worker.communicate(timeout=60)[1].decode(), worker.returncode) == ("", 0)
    frame = open_studio().df
    assert len(frame) == 24
    assert frame.cost.sum() == pytest.approx(service.spent)
    assert set(frame.taskUUID) == set(service.accepted)


def test_many_kernels_open_a_new_log_at_once(tmp_path):
    """Whoever comes first makes the tables; the others find them."""
    code = "import sys, nbkit; sys.stdin.readline(); nbkit.Studio(engine='offline', path=sys.argv[1]).close()"
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "fresh")]
    openers = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    for opener in openers:
        opener.stdin.write(b"\n")
        opener.stdin.flush()
    assert [(o.communicate(timeout=60)[1].decode(), o.returncode) for o in openers] == [("", 0)] * 3


# -- versions ------------------------------------------------------------------------------------------------


@pytest.fixture
def database(studio, tmp_path):
    """The log's file with one run in it, opened behind nbkit's back."""
    generate(studio, seed=1)
    studio.close()
    connection = sqlite3.connect(tmp_path / "runs" / "log.sqlite", isolation_level=None)
    yield connection
    connection.close()


def meta(database):
    """The rows that say which versions may open a log."""
    return dict(database.execute("SELECT key, value FROM meta"))


def set_meta(database, **values):
    """Write those rows as another nbkit would have done."""
    database.execute("DELETE FROM meta")
    database.executemany("INSERT INTO meta VALUES (?, ?)", [(key, str(value)) for key, value in values.items()])


def test_a_new_log_says_which_versions_may_read_it(database):
    """Beside its version it names the oldest one that may read and write it, so that a later one need not lock it out."""
    assert meta(database) == {"version": str(VERSION), "min_reader": str(MIN_READER)}


@pytest.mark.parametrize("values", [{"version": VERSION + 1}, {"version": VERSION + 5, "min_reader": VERSION + 1}])
def test_a_log_that_needs_a_newer_nbkit_is_refused(database, open_studio, values):
    """The error names both versions and says what to do; the log is left as it is."""
    set_meta(database, **values)
    with pytest.raises(errors.LogVersionError, match=rf"log version {values['version']}; this one knows {VERSION}"):
        open_studio()
    assert meta(database) == {key: str(value) for key, value in values.items()}


def test_a_newer_log_that_allows_this_version_is_read_and_written(database, open_studio):
    """Its version stays; a column that is not known here is left alone."""
    set_meta(database, version=VERSION + 3, min_reader=VERSION)
    database.execute("ALTER TABLE runs ADD COLUMN parentImage TEXT")
    studio = open_studio()
    run = studio.generate("A lantern", seed=7)
    assert studio.log[run.task_uuid].seed == 7
    assert meta(database) == {"version": str(VERSION + 3), "min_reader": str(VERSION)}


@pytest.mark.parametrize("version", [VERSION - 1, None], ids=["lower version", "no version"])
def test_an_older_log_is_brought_up_to_date(database, open_studio, version):
    """Columns that an older nbkit did not have are added; its rows are read and new ones written."""
    for table, columns in (
        ("runs", ["topP", "extra", "parent", "estimateHigh", "resendable"]),
        ("images", ["nsfw", "rating"]),
    ):
        for column in columns:
            database.execute(f'ALTER TABLE {table} DROP COLUMN "{column}"')
    database.execute("DROP TABLE accounts")
    database.execute("DELETE FROM meta")
    if version is not None:
        database.execute("INSERT INTO meta VALUES ('version', ?)", (str(version),))
    studio = open_studio()
    assert dtypes(studio.df)["topP"] == "Float64"
    generate(studio, top_p=0.5)
    assert studio.df.topP.isna().tolist() == [True, False]
    assert [r.status for r in studio.log] == ["done", "done"]
    names = {table: {row[1] for row in database.execute(f"PRAGMA table_info({table})")} for table in ("runs", "images")}
    assert names == {"runs": {c.name for c in RUNS.columns}, "images": {c.name for c in IMAGES.columns}}


@pytest.mark.parametrize(
    "damage", [b"this is no database, it is a letter" * 99, None], ids=["overwritten", "cut short"]
)
def test_a_damaged_log_is_a_clear_error(service, database, open_studio, tmp_path, damage):
    """A log that is no database, or was cut, says so and where; nothing is sent."""
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    file = tmp_path / "runs" / "log.sqlite"
    sent = len(service.received)
    file.write_bytes(damage or file.read_bytes()[:6000])
    with pytest.raises(errors.StorageError, match=r"log\.sqlite cannot be .*It is damaged"):
        generate(open_studio())
    assert len(service.received) == sent


@pytest.fixture
def disk(studio):
    """A disk on which the log can be told to grow no further: SQLite's own limit, set behind nbkit's back."""

    class Disk:
        full = False

        def limit(self, connection, *_):
            pages = connection.execute("PRAGMA page_count").fetchone()[0] if self.full else 1_000_000
            connection.execute(f"PRAGMA max_page_count={pages}")

    disk = Disk()
    sqlalchemy.event.listen(studio.log.database._engine, "checkout", disk.limit)
    return disk


def test_a_full_disk_before_the_send(service, studio, disk):
    """When the log cannot take the run, nothing is sent, and no money is held."""
    disk.full = True
    with pytest.raises(errors.StorageError, match=r"full.*Make room on the disk"):
        studio.generate("A lantern", system_prompt="x" * 50_000)
    assert not service.received
    disk.full = False
    assert generate(studio).status == "done"
    assert studio.budget.held == 0


def test_a_full_disk_after_the_send(service, studio, disk):
    """When the answer does not fit into the log any more: a clear error, and recover() has it once there is room."""

    def fill(service_, task):
        disk.full = True
        return service_.serve(task)

    service.faults.append(fill)
    with pytest.raises(errors.StorageError, match="full"):
        generate(studio, number_results=20)
    disk.full = False
    assert set(studio.recover().after) == {"done"}
    assert (studio.df.status == "done").sum() == studio.df.file.notna().sum() == 20
    assert (len(service.sent), studio.budget.spent) == (1, pytest.approx(service.spent))


def test_a_folder_that_cannot_be_made(tmp_path):
    """A path below a file is a clear error when the studio is made."""
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.StorageError, match="Studio"):
        nbkit.Studio(engine="offline", path=tmp_path / "file" / "runs")


def test_a_folder_in_the_place_of_the_log(tmp_path):
    """So is a folder where the log's file should be."""
    (tmp_path / "runs" / "log.sqlite").mkdir(parents=True)
    with pytest.raises(errors.StorageError, match="cannot be"):
        nbkit.Studio(engine="offline", path=tmp_path / "runs")


def test_a_picture_file_that_was_deleted(service, studio):
    """A run whose file somebody removed still shows, says what is missing, and raises only when its bytes are asked for."""
    run = generate(studio)
    run.image.path.unlink()
    assert "cannot be read" in run.to_html()
    assert "its file is not here" in studio.log._repr_mimebundle_()["text/html"]
    with pytest.raises(nbkit.errors.NoImage):
        run.image.bytes  # noqa: B018  asking for it is what raises


def test_a_run_whose_reference_was_deleted_can_still_be_looked_at(studio):
    """The log shows it and goes on; only sending it again needs the picture, and says that it is gone."""
    run = studio.generate("Like this", reference_images=[picture("PNG", "red")])
    next((studio.log.folder / "images").rglob("*.png")).unlink()
    again = studio.log[run.task_uuid]
    assert again.status == "done"
    assert [one.task_uuid for one in studio.log] == [run.task_uuid]
    with pytest.raises(errors.StorageError, match="no longer in the image folder"):
        again.rerun(seed=1)


def test_a_reference_image_by_its_hash(studio):
    """Whole or its first twelve digits; what is too short, unknown, ambiguous or damaged is an error that says so."""
    run = studio.generate("Like this", reference_images=[picture("PNG", "red")])
    (given,) = run.request.reference_images
    for name in (given.sha256, given.sha256[:12], given.sha256.upper(), str(given)):
        found = studio.log.reference(name)
        assert (found, found.data, found.media_type) == (given, given.data, "image/png")
    assert studio.generate("And this", reference_images=[found]).request.reference_images == (given,)
    (file,) = (studio.log.folder / "images").rglob(f"{given.sha256}.png")
    for wrong, words in ((given.sha256[:11], "12 hex digits"), ("../../" + "0" * 20, "hex"), ("0" * 64, "no picture")):
        with pytest.raises(KeyError, match=words):
            studio.log.reference(wrong)
    twin = file.with_name(f"{given.sha256[:60]}0000.png")
    twin.write_bytes(b"")
    with pytest.raises(KeyError, match="give more of its digits"):
        studio.log.reference(given.sha256[:12])
    with pytest.raises(KeyError, match="damaged"):
        studio.log.reference(twin.stem)


# -- files that are cut short, kernels that fork, what is left over -------------------------------------------


def test_a_log_of_no_bytes_beside_pictures_is_refused(database, open_studio, tmp_path, monkeypatch):
    """SQLite would take it for a new log, and a day's budget would begin anew."""
    monkeypatch.setattr("nbkit.log.sqlite.NEW_LOG_SECONDS", 0.05)
    database.close()
    file = tmp_path / "runs" / "log.sqlite"
    file.write_bytes(b"")
    with pytest.raises(errors.StorageError, match=r"log\.sqlite cannot be read: it is empty.*move it aside"):
        open_studio()
    file.unlink()
    assert open_studio().df.empty


def test_a_log_that_lost_its_last_page_is_refused(database, open_studio, tmp_path):
    """Also where what is missing is not what is read first; nothing is written into it."""
    database.close()
    file = tmp_path / "runs" / "log.sqlite"
    file.write_bytes(short := file.read_bytes()[:-4096])
    with pytest.raises(errors.StorageError, match=r"it has .* of the .* bytes that it had"):
        open_studio()
    assert file.read_bytes() == short


def test_an_empty_file_without_pictures_is_a_new_log(open_studio, tmp_path):
    """As an editor or a backup program may leave it."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "log.sqlite").touch()
    assert generate(open_studio()).status == "done"


def test_a_log_that_another_kernel_writes_is_whole(open_studio):
    """What is not in the file yet is in the file beside it: a second studio opens at any moment."""
    first = open_studio()
    for number in range(5):
        generate(first, seed=number)
        assert len(open_studio().log) == number + 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_a_forked_child_has_connections_of_its_own(tmp_path):
    """The parent's are not used, and not closed either; both write the one log."""
    code = textwrap.dedent(
        """
        import os, sys, nbkit
        studio = nbkit.Studio(engine="offline", path=sys.argv[1])
        studio.generate("A lantern", width=512, height=512)
        pool = studio.log.database._engine.pool
        child = os.fork()
        if not child:
            try:
                assert studio.log.database._engine.pool is not pool and pool.checkedin()
                studio.generate("A lantern", width=512, height=512)
                assert len(studio.log) == 2
                os._exit(0)
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        studio.generate("A lantern", width=512, height=512)
        assert len(studio.log) == 3
        studio.close()
        """
    )
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", code, str(tmp_path / "forked")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stderr, done.returncode) == ("", 0)


def test_what_is_in_use_while_the_log_closes_is_closed_too(studio):
    """A connection that comes back after close() stays open for nobody."""
    database = studio.log.database
    with database.reading():
        database.close()
    assert database._engine.pool.checkedin() == 0
    assert database.write(lambda connection: connection.scalar(sqlalchemy.text("SELECT 1"))) == 1
    assert database._engine.pool.checkedin() == 0


def test_many_processes_open_one_new_log(tmp_path):
    """Whoever finds the file locked by the one that makes it waits its turn, in every round."""
    code = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from nbkit.log.database import Database
        from nbkit.log.schema import prepare
        for line in sys.stdin:
            database = Database(Path(line.strip()) / "log.sqlite")
            prepare(database)
            database.close()
            print("opened", flush=True)
        """
    )
    command = [sys.executable, "-W", "error", "-c", code]
    pipe = subprocess.PIPE
    openers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(5)]
    for number in range(15):
        for opener in openers:
            opener.stdin.write(f"{tmp_path / str(number)}\n")
        for opener in openers:
            opener.stdin.flush()
        for opener in openers:
            assert opener.stdout.readline() == "opened\n", opener.communicate(timeout=60)[1]
    assert [(o.communicate(timeout=60)[1], o.returncode) for o in openers] == [("", 0)] * len(openers)


def test_opening_is_patient_where_sqlite_is_not(tmp_path):
    """A new file that another process holds is asked again until its patience ends; then its connection is closed."""
    file = tmp_path / "log.sqlite"
    holder = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    hasty = sqlite3.connect(file, timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        set_up(hasty, "WAL", 0.05)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        hasty.execute("SELECT 1")
    later = threading.Timer(0.3, holder.execute, ["COMMIT"])
    later.start()
    patient = sqlite3.connect(file, timeout=0)
    set_up(patient, "WAL", 20)
    assert patient.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    later.join()
    patient.close()
    holder.close()


def test_what_a_killed_kernel_left_half_written_is_removed(open_studio, tmp_path):
    """After a day; until then another kernel may be writing it."""
    folder = tmp_path / "runs" / "images" / "ab"
    folder.mkdir(parents=True)
    old, new, kept = folder / ".part-old", folder / ".part-new", folder / "abc.jpg"
    for file in (old, new, kept):
        file.write_bytes(b"x")
    for file in (old, kept):
        os.utime(file, (1e9, 1e9))
    generate(open_studio())
    assert [file.exists() for file in (old, new, kept)] == [False, True, True]


def test_a_new_picture_folder_reaches_the_disk(studio, monkeypatch):
    """The folder above a new one is synced, and only then: an old one is there already."""
    synced = []
    monkeypatch.setattr("nbkit.log.images._sync_folder", synced.append)
    generate(studio)
    generate(studio)
    root = studio.log.images.folder
    (own,) = (p.parent for p in root.rglob("*.jpg"))
    assert synced == [root.parent, root, own]


def test_a_change_of_the_working_directory_loses_no_picture(tmp_path, monkeypatch):
    """A studio on a relative path: its frames show, compare, export and browse their pictures from anywhere."""
    studio = nbkit.Studio(engine="offline", path="runs")
    run = studio.generate("A lantern", seed=1, width=512, height=512)
    frame = studio.df
    assert not Path(frame.file[0]).is_absolute()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "data:image/jpeg" in frame.nbkit.show().html
    assert studio.gallery(frame).wall._items[0].file == run.image.path
    assert "is not here" not in nbkit.compare(run, frame).to_text()
    told = frame.assign(error=f"cannot write {tmp_path / 'runs'}/images")
    made = studio.log.export("out", told)
    assert [file.read_bytes() for file in (made / "images").iterdir()] == [run.image.bytes]
    assert str(tmp_path) not in (made / "manifest.csv").read_text("utf-8")
    studio.close()


def test_two_logs_of_one_relative_path(tmp_path, monkeypatch):
    """Each picture is found in the one that has it."""
    frames = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        with contextlib.closing(nbkit.Studio(engine="offline", path="runs")) as studio:
            studio.generate(f"A lantern, {name}", seed=1, width=512, height=512)
            frames.append(studio.df)
    monkeypatch.chdir(tmp_path)
    assert [file_of(frame.file[0]).exists() for frame in frames] == [True, True]
