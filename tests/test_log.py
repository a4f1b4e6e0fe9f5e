"""The run log: what it stores and returns; logs that are older, newer, damaged or shared by kernels; full disks."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
import service_faults as fault
import sqlalchemy
from service import PRICE, picture
from small_requests import generate
from sweep_tools import until

import nbkit
from nbkit import errors
from nbkit.log.images import file_of
from nbkit.log.schema import IMAGES, META, MIN_READER, RUNS, VERSION
from nbkit.log.sqlite import set_up
from nbkit.request.image_request import PARAMETERS
from nbkit.request.parameter import MAX_INTEGER

FIRST = ["prompt", "seed", "temperature", "topP", "cost", "status", "thinking", "width", "height", "resolution"]
DTYPES = {
    "prompt": "string", "seed": "Int64", "temperature": "Float64", "topP": "Float64", "cost": "float64",
    "status": "string", "thinking": "string", "width": "Int64", "height": "Int64", "numberResults": "Int64",
    "webSearch": "boolean", "checkContent": "boolean", "NSFWContent": "boolean", "requestedSeed": "Int64",
    "created": "datetime64[us, UTC]", "latency": "float64", "file": "string", "rating": "float64", "keep": "boolean",
    "tags": "string", "note": "string", "sweep": "string", "error": "string", "charged": "boolean",
    "engine": "string", "model": "string", "taskUUID": "string", "imageUUID": "string", "ttl": "Int64",
    "referenceImages": "string", "extra": "string",
}  # fmt: skip


def dtypes(frame):
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def test_a_log_opens_by_the_name_of_its_folder(studio, tmp_path, monkeypatch):
    """Text as well as a ``Path``; ``~`` is the home folder."""
    generate(studio, seed=3)
    monkeypatch.setenv("HOME", str(studio.log.folder.parent))
    for folder in (str(studio.log.folder), f"~/{studio.log.folder.name}"):
        with contextlib.closing(nbkit.RunLog(folder)) as log:
            assert log.to_frame().seed.tolist() == [3]


def test_the_frame_has_a_column_with_a_nullable_dtype_for_every_parameter(studio):
    """Its first ten columns are in a fixed order."""
    generate(studio, seed=3, temperature=0.72, top_p=0.9)
    frame = studio.df
    assert list(frame.columns[:10]) == FIRST
    assert {p.column for p in PARAMETERS.values()} <= set(frame.columns)
    assert {name: dtypes(frame)[name] for name in DTYPES} == DTYPES


def test_the_frame_of_an_empty_log_has_the_same_dtypes(studio):
    """Code for a full log works for an empty one."""
    empty = dtypes(studio.df)
    generate(studio)
    assert empty == dtypes(studio.df)


def test_a_seed_of_63_bits_stays_exact_beside_gaps(service, studio):
    """In the frame and in the run of the log; a seed in a response that is beyond 64 bits becomes a gap."""
    service.faults += [
        fault.refused("invalidSeed"),
        None,
        fault.answers(lambda i, _: {"data": [{**i[0], "seed": 2**64}]}),
    ]
    statuses = [generate(studio, seed=MAX_INTEGER).status for _ in range(3)]
    assert statuses == ["failed", "done", "done"]
    frame = studio.df
    assert str(frame.seed.dtype) == "Int64"
    assert [None if pd.isna(s) else int(s) for s in frame.seed] == [None, MAX_INTEGER, None]
    assert [int(s) for s in frame.requestedSeed] == [MAX_INTEGER] * 3
    assert studio.log[frame.taskUUID.iloc[1]].seed == MAX_INTEGER


@pytest.mark.parametrize("how", ["csv", "parquet"])
def test_a_frame_in_a_file_keeps_the_digits_of_a_seed_beside_gaps(service, studio, tmp_path, how):
    """Written as CSV or Parquet, and read back."""
    service.faults += [fault.refused("invalidSeed"), None]
    for _ in range(2):
        generate(studio, seed=MAX_INTEGER)
    service.faults.append(fault.answers(lambda i, _: {"data": [{**i[0], "seed": MAX_INTEGER - 1}]}))
    generate(studio, seed=MAX_INTEGER - 1)
    frame = studio.df
    if how == "csv":
        frame.to_csv(tmp_path / "log.csv", index=False)
        read = pd.read_csv(tmp_path / "log.csv", dtype={"seed": "Int64", "requestedSeed": "Int64"})
        assert "e+" not in (tmp_path / "log.csv").read_text("utf-8")
    else:
        frame.to_parquet(tmp_path / "log.parquet")
        read = pd.read_parquet(tmp_path / "log.parquet")
        assert dtypes(read) == dtypes(frame)
        pd.testing.assert_frame_equal(read, frame)
    assert [None if pd.isna(seed) else int(seed) for seed in read.seed] == [None, MAX_INTEGER, MAX_INTEGER - 1]
    assert [int(seed) for seed in read.requestedSeed] == [MAX_INTEGER, MAX_INTEGER, MAX_INTEGER - 1]


def test_a_row_has_the_parameters_that_were_sent_and_the_facts_of_its_picture(service, studio):
    """One row per picture, with its own seed and cost; width and height are those of the file if none were sent."""
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


def test_a_later_kernel_reads_the_same_runs_from_the_log(service, open_studio):
    """Request, pictures, failures, error and cost."""
    service.faults += [fault.partial([{"code": "inferenceError", "message": "one fell over"}], keep=2)]
    service.faults += [fault.refused("invalidProviderContent", "not this")]
    first = open_studio()
    runs = [generate(first, number_results=3, output_format="PNG", extra={"newThing": [1]}), generate(first)]
    second = open_studio()
    for run in runs:
        logged = second.log[run.task_uuid]
        assert logged.request == run.request
        assert (logged.status, logged.cost, logged.seed, logged.task) == (run.status, run.cost, run.seed, run.task)
        assert [i.bytes for i in logged] == [i.bytes for i in run]
        assert [f.message for f in logged.failures] == [f.message for f in run.failures]
        assert (type(logged.error), str(logged.error)) == (type(run.error), str(run.error))
    assert [r.task_uuid for r in second.log] == [r.task_uuid for r in reversed(runs)]
    assert len(second.log) == 2
    assert runs[0].task_uuid in second.log
    with pytest.raises(KeyError, match="the log has no run 'nothing'"):
        second.log["nothing"]


def test_a_run_is_in_the_log_before_its_request_is_sent(service, open_studio):
    """While the service works on it, another kernel reads it with the status ``sent``."""
    seen = []

    def read_log(service_, task):
        other = open_studio()
        seen.extend([other.log[task["taskUUID"]].status, other.df.status.tolist()])
        return service_.serve(task)

    service.faults.append(read_log)
    generate(open_studio())
    assert seen == ["sent", ["sent"]]


def test_equal_pictures_are_stored_once(service, studio):
    """Three runs with the same bytes have one file, and no temporary file beside it."""
    for _ in range(3):
        generate(studio)
    files = [p for p in (studio.log.folder / "images").rglob("*") if p.is_file()]
    assert [p.read_bytes() for p in files] == [picture()]
    assert len(studio.df) == 3


def test_two_processes_that_write_one_new_log_lose_no_run(service, tmp_path, open_studio):
    """They start at the same moment, and neither fails because the log is locked."""
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


def test_three_kernels_that_open_one_new_log_at_once_do_not_fail(tmp_path):
    """One of them makes the tables."""
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
    """The database of a log with one run, opened without nbkit."""
    generate(studio, seed=1)
    studio.close()
    connection = sqlite3.connect(tmp_path / "runs" / "log.sqlite", isolation_level=None)
    yield connection
    connection.close()


def meta(database):
    """The rows with the versions of a log; those with the ids of its authors are left out."""
    return dict(database.execute("SELECT key, value FROM meta WHERE key NOT LIKE 'author:%'"))


def set_meta(database, **values):
    """Write those rows as another version of nbkit would have done."""
    database.execute("DELETE FROM meta")
    database.executemany("INSERT INTO meta VALUES (?, ?)", [(key, str(value)) for key, value in values.items()])


def test_a_new_log_has_its_version_and_the_oldest_version_that_may_open_it(database):
    """With the second one, a later version of nbkit can still allow this one to read and write its logs."""
    assert meta(database) == {"version": str(VERSION), "min_reader": str(MIN_READER)}


@pytest.mark.parametrize("values", [{"version": VERSION + 1}, {"version": VERSION + 5, "min_reader": VERSION + 1}])
def test_a_log_that_needs_a_newer_nbkit_raises_a_log_version_error(database, open_studio, values):
    """Its message has both versions; the log is not changed."""
    set_meta(database, **values)
    with pytest.raises(errors.LogVersionError, match=rf"log version {values['version']}; this one knows {VERSION}"):
        open_studio()
    assert meta(database) == {key: str(value) for key, value in values.items()}


def test_a_newer_log_that_allows_this_version_can_be_read_and_written(database, open_studio):
    """Its version number stays, and so does a column that this version does not have."""
    set_meta(database, version=VERSION + 3, min_reader=VERSION)
    database.execute("ALTER TABLE runs ADD COLUMN style TEXT")
    studio = open_studio()
    run = studio.generate("A lantern", seed=7)
    assert studio.log[run.task_uuid].seed == 7
    assert meta(database) == {"version": str(VERSION + 3), "min_reader": str(VERSION)}


COLUMNS = {
    2: (
        "id taskUUID created status engine model charged prompt width height resolution aspectRatio requestedSeed numberResults temperature topP thinking systemPrompt webSearch imageSearch safetyTolerance checkContent safetyMode referenceImages outputFormat outputQuality outputType deliveryMethod webhookURL uploadEndpoint ttl includeCost extra task request identity resendable estimateLow estimateHigh held spent cost latency error errorCode errorKind studio owner heartbeat parent sweep purse",
        "id run status imageUUID seed cost url nsfw sha256 mediaType width height fingerprint file error rating keep tags note",
    ),
    3: (
        "id taskUUID created status engine model charged prompt width height resolution aspectRatio requestedSeed numberResults temperature topP thinking systemPrompt webSearch imageSearch safetyTolerance checkContent safetyMode referenceImages outputFormat outputQuality outputType deliveryMethod webhookURL uploadEndpoint ttl includeCost extra task request identity resendable estimateLow estimateHigh held spent cost latency error errorCode errorKind studio owner heartbeat heartbeatClock author parent sweep dayAccounts purse",
        "id run status imageUUID seed cost url nsfw sha256 mediaType width height fingerprint file whole stamp error rating keep tags note",
    ),
}
COLUMNS[4] = COLUMNS[3]  # it has tables and indexes of its own
COLUMNS[5] = (COLUMNS[4][0].replace(" parent ", " parent parentImage "), COLUMNS[4][1])
COLUMNS[6] = (COLUMNS[5][0], COLUMNS[5][1].replace(" file ", " file removed "))  # and a table of axes
COLUMNS[7] = (
    COLUMNS[6][0],  # and tables of judgements and of measurements
    f"{COLUMNS[6][1]} textFidelity textMissing textFound sharpness contrast colourfulness",
)
COLUMNS[8] = (
    COLUMNS[7][0].replace(" author ", " author adopted ").replace(" sweep ", " sweep template "),
    f"{COLUMNS[7][1]} adopted",
)
COLUMNS[9] = (COLUMNS[8][0], f"{COLUMNS[8][1]} replay")
"""By version of the log, the columns of its runs and of its images. A change of the tables is a new version."""


def test_a_change_of_the_tables_is_a_new_version():
    """Without one, a log of the version before would never get its new column, and every query on it would fail."""
    assert tuple(" ".join(table.columns.keys()) for table in (RUNS, IMAGES)) == COLUMNS[VERSION]


def test_an_older_version_can_write_every_row():
    """A column that was added after version 2 may be null, because an nbkit of that version does not fill it."""
    required = {column.name for table in (RUNS, IMAGES) for column in table.columns if not column.nullable}
    assert required == {
        "id", "taskUUID", "created", "status", "engine", "model", "charged", "resendable", "estimateLow", "estimateHigh",
        "held", "spent", "studio", "run",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "task", "extra"),
    [
        ({"style": "ink"}, {"settings": {"style": "ink"}}, {"settings": {"style": "ink"}}),
        ({"thinking": "EXTREME"}, {"settings": {"thinking": "EXTREME"}}, {"settings": {"thinking": "EXTREME"}}),
        ({"width": 640, "height": 640}, {"width": 640, "height": 640}, {"width": 640, "height": 640}),
        ({"prompt": "A"}, {"positivePrompt": "A"}, {"positivePrompt": "A"}),
        ({"prompt": "Two\0words"}, {"positivePrompt": "Two\0words"}, {"positivePrompt": "Two\0words"}),
        ({}, {"model": "google:5@1", "quality": 3}, {"model": "google:5@1", "quality": 3}),
    ],
    ids=["parameter", "choice", "size", "prompt", "NUL", "nothing"],
)
def test_a_run_with_what_only_a_newer_nbkit_knows_is_read(database, open_studio, change, task, extra):
    """Its request carries that in ``extra``, so that making it again sends the same task; other runs are not affected."""
    studio = open_studio()
    first, second = (studio.generate("A lantern", seed=seed, temperature=0.4) for seed in (1, 2))
    studio.close()
    row = database.execute("SELECT request, task FROM runs WHERE taskUUID = ?", (second.task_uuid,)).fetchone()
    request, sent = {**json.loads(row[0]), **change}, json.loads(row[1])
    for key, value in task.items():
        sent[key] = {**sent.get(key, {}), **value} if isinstance(value, dict) else value
    values = (json.dumps(request), json.dumps(sent), second.task_uuid)
    database.execute("UPDATE runs SET request = ?, task = ? WHERE taskUUID = ?", values)
    set_meta(database, version=VERSION + 1, min_reader=MIN_READER)
    studio = open_studio()
    assert [run.task_uuid for run in studio.log][:2] == [second.task_uuid, first.task_uuid]
    run = studio.log[second.task_uuid]
    assert run.request.extra == (extra if change else {})
    assert (run.request.seed, run.request.temperature) == (2, 0.4)
    if "\0" in change.get("prompt", ""):  # versions before sent it, too
        assert run.request.prompt == "Two\N{SYMBOL FOR NULL}words"
    if change:
        again = run.request.to_send()
        assert {**again, "taskUUID": ""} == {**sent, "taskUUID": ""}


@pytest.mark.parametrize("version", [VERSION - 1, None], ids=["lower version", "no version"])
def test_opening_an_older_log_adds_the_missing_columns(database, open_studio, version):
    """Its rows can be read, and new ones written."""
    for index in ("images_rating", "runs_parent", "runs_parentImage"):
        database.execute(f"DROP INDEX {index}")
    for table, columns in (
        ("runs", ["topP", "extra", "parent", "parentImage", "estimateHigh", "resendable"]),
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
def test_a_damaged_log_raises_a_storage_error_and_nothing_is_sent(service, database, open_studio, tmp_path, damage):
    """The message has the name of the file; the file is no database, or was cut short."""
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
    """A disk that is full while ``disk.full`` is true: SQLite then limits the log to the pages that it has."""

    class Disk:
        full = False

        def limit(self, connection):
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one() if self.full else 1_000_000
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    disk = Disk()
    sqlalchemy.event.listen(studio.log.database.keeper.writer, "begin", disk.limit)
    return disk


def test_nothing_is_sent_if_the_run_cannot_be_logged(service, studio, disk):
    """On a full disk the run raises, and no money stays held."""
    disk.full = True
    with pytest.raises(errors.StorageError, match=r"full.*Make room on the disk"):
        studio.generate("A lantern", system_prompt="x" * 50_000)
    assert not service.received
    disk.full = False
    assert generate(studio).status == "done"
    assert studio.budget.held == 0


def test_recover_fetches_the_pictures_of_a_run_that_filled_the_disk(service, studio, disk):
    """It raises if the response does not fit into the log; once there is room, it is settled without a new send."""

    def fill_disk(service_, task):
        disk.full = True
        return service_.serve(task)

    service.faults.append(fill_disk)
    with pytest.raises(errors.StorageError, match="full"):
        generate(studio, number_results=20)
    disk.full = False
    assert set(studio.recover().after) == {"done"}
    assert (studio.df.status == "done").sum() == studio.df.file.notna().sum() == 20
    assert (len(service.sent), studio.budget.spent) == (1, pytest.approx(service.spent))


def test_a_studio_whose_folder_cannot_be_made_raises_a_storage_error(tmp_path):
    """Such as a folder below a file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.StorageError, match="Studio"):
        nbkit.Studio(engine="offline", path=tmp_path / "file" / "runs")


def test_a_folder_with_the_name_of_the_log_file_raises_a_storage_error(tmp_path):
    """When the studio is made."""
    (tmp_path / "runs" / "log.sqlite").mkdir(parents=True)
    with pytest.raises(errors.StorageError, match="cannot be"):
        nbkit.Studio(engine="offline", path=tmp_path / "runs")


def test_a_run_whose_picture_file_was_deleted_is_shown_without_it(service, studio):
    """The run and the log show a message in place of the picture; only access to its bytes raises."""
    run = generate(studio)
    run.image.path.unlink()
    assert "cannot be read" in run.to_html()
    assert "its file is not here" in studio.log._repr_mimebundle_()["text/html"]
    with pytest.raises(nbkit.errors.NoImage):
        run.image.bytes  # noqa: B018  the access is what raises


def test_a_run_whose_reference_image_was_deleted_can_be_read_but_not_sent_again(studio):
    """``rerun()`` raises, because it needs the picture."""
    run = studio.generate("Like this", reference_images=[picture("PNG", "red")])
    next((studio.log.folder / "images").rglob("*.png")).unlink()
    logged = studio.log[run.task_uuid]
    assert logged.status == "done"
    assert [one.task_uuid for one in studio.log] == [run.task_uuid]
    with pytest.raises(errors.StorageError, match="no longer in the image folder"):
        logged.rerun(seed=1)


def test_log_reference_finds_a_picture_by_its_hash_or_its_first_twelve_digits(studio):
    """A prefix that is too short, unknown or ambiguous raises a KeyError, and so does a damaged file."""
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


# -- truncated files, forked kernels, temporary files -----------------------------------------------------------


def test_an_empty_log_file_beside_pictures_raises_a_storage_error(database, open_studio, tmp_path, monkeypatch):
    """SQLite would take it for a new log, without the money that was spent today; without a file the log is new."""
    monkeypatch.setattr("nbkit.log.sqlite.NEW_LOG_SECONDS", 0.05)
    database.close()
    file = tmp_path / "runs" / "log.sqlite"
    file.write_bytes(b"")
    with pytest.raises(errors.StorageError, match=r"log\.sqlite cannot be read: it is empty.*move it aside"):
        open_studio()
    file.unlink()
    assert open_studio().df.empty


def test_a_log_without_its_last_page_raises_a_storage_error(database, open_studio, tmp_path):
    """Even if opening it does not read that page; nothing is written into the file."""
    database.close()
    file = tmp_path / "runs" / "log.sqlite"
    file.write_bytes(short := file.read_bytes()[:-4096])
    with pytest.raises(errors.StorageError, match=r"it has .* of the .* bytes that it had"):
        open_studio()
    assert file.read_bytes() == short


def test_an_empty_log_file_without_pictures_becomes_a_new_log(open_studio, tmp_path):
    """An editor or a backup program may leave such a file."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "log.sqlite").touch()
    assert generate(open_studio()).status == "done"


def test_a_log_can_be_opened_at_any_time_while_another_kernel_writes_it(open_studio):
    """It has every run, also those that SQLite has not moved from its write-ahead log into the file yet."""
    first = open_studio()
    for number in range(5):
        generate(first, seed=number)
        assert len(open_studio().log) == number + 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_a_forked_kernel_uses_its_own_connections_to_the_log(tmp_path):
    """It neither uses nor closes those of its parent; both write the same log."""
    code = textwrap.dedent(
        """
        import os, sys, nbkit
        studio = nbkit.Studio(engine="offline", path=sys.argv[1])
        studio.generate("A lantern", width=512, height=512)
        pool = studio.log.database.keeper.writer.pool
        child = os.fork()
        if not child:
            try:
                assert studio.log.database.keeper.writer.pool is not pool and pool.checkedin()
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


def test_a_connection_that_is_in_use_while_the_log_closes_is_closed_afterwards(studio):
    """As soon as it is returned; a later use opens a new one and closes it again."""
    database = studio.log.database
    with database.reading():
        database.close()
    assert database.keeper.writer.pool.checkedin() == 0
    assert database.write(lambda connection: connection.scalar(sqlalchemy.text("SELECT 1"))) == 1
    assert database.keeper.writer.pool.checkedin() == 0


@contextlib.contextmanager
def queued_steps(database, steps, caller=None):
    """Steps of several threads that wait for the commit of one; yields what each of them returned or raised.

    With ``caller``, they wait until a step of the caller's thread is queued too, as the first or the last one. At the
    end of the block all have ended.
    """
    release, outcomes = threading.Event(), {}

    def run(number):
        try:
            outcomes[number] = database.write(steps[number])
        except Exception as error:  # noqa: BLE001  the test compares it
            outcomes[number] = error

    def queue():
        until(lambda: len(database._queue) == 1 + (caller == "first"))
        time.sleep(0.02)  # the caller's thread waits for the lock now, and gets it first
        for thread in threads:
            thread.start()
        until(lambda: len(database._queue) == 1 + len(steps) + (caller is not None))
        release.set()

    holder = threading.Thread(target=database.write, args=(lambda _: release.wait(30),))
    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(steps))]
    starter = threading.Thread(target=queue)
    holder.start()
    until(database._commit_lock.locked)
    starter.start()
    if caller == "last":
        until(lambda: len(database._queue) == 1 + len(steps) or release.is_set())
    try:
        yield outcomes
    finally:
        for thread in (starter, holder, *threads):
            thread.join()


def inserting(number, then=lambda: None):
    """A step that writes a row with a number into the log, then does something else."""

    def step(connection):
        connection.execute(META.insert().values(key=f"step {number}", value="written"))
        then()
        return number

    return step


def fail():
    raise ValueError("a step fails")


def steps_in(database):
    """The numbers of the rows that steps wrote."""
    with database.reading() as connection:
        keys = connection.scalars(sqlalchemy.select(META.c.key).where(META.c.key.startswith("step")))
        return sorted(int(key.split()[1]) for key in keys)


def test_steps_of_threads_that_share_a_commit_are_each_written_once(studio):
    """One that fails raises in its own thread, and changes nothing."""
    database = studio.log.database
    steps = [inserting(0), inserting(1, fail), inserting(2), inserting(3)]
    with queued_steps(database, steps) as outcomes:
        pass
    assert isinstance(outcomes.pop(1), ValueError)
    assert outcomes == {0: 0, 2: 2, 3: 3}
    assert steps_in(database) == [0, 2, 3]


def test_a_full_disk_fails_the_steps_that_share_a_commit(studio, disk):
    """None of them is written in part; the log can be written again when there is room."""
    database = studio.log.database
    disk.full = True
    large = sqlalchemy.insert(META).values(key="large", value="x" * 100_000)
    with queued_steps(database, [lambda connection: connection.execute(large)] * 2) as outcomes:
        pass
    assert [type(outcome) for outcome in outcomes.values()] == [errors.StorageError] * 2
    disk.full = False
    assert database.write(inserting(7)) == 7
    assert steps_in(database) == [7]


@pytest.mark.parametrize("caller", ["first", "last"])
def test_an_interrupt_during_a_commit_writes_each_step_once(studio, caller):
    """The interrupt ends the waiting of the main thread; its step is committed with those of the other threads."""
    database = studio.log.database
    with queued_steps(database, [inserting(1), inserting(2)], caller) as outcomes, pytest.raises(KeyboardInterrupt):
        database.write(inserting(0, lambda: signal.raise_signal(signal.SIGINT)))
    assert outcomes == {0: 1, 1: 2}
    until(lambda: steps_in(database) == [0, 1, 2])
    assert database.write(inserting(3)) == 3


def test_five_processes_that_open_one_new_log_wait_for_each_other(tmp_path):
    """In each of 15 rounds: a process that finds the file locked by the one that makes the tables does not fail."""
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


def test_opening_a_locked_log_retries_until_its_timeout(tmp_path):
    """SQLite itself does not wait when it changes the journal mode; after the time-out the connection is closed."""
    file = tmp_path / "log.sqlite"
    holder = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    impatient = sqlite3.connect(file, timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        set_up(impatient, "WAL", 0.05)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        impatient.execute("SELECT 1")
    later = threading.Timer(0.3, holder.execute, ["COMMIT"])
    later.start()
    patient = sqlite3.connect(file, timeout=0)
    set_up(patient, "WAL", 20)
    assert patient.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    later.join()
    patient.close()
    holder.close()


def test_temporary_files_of_killed_kernels_are_removed_after_a_day(open_studio, tmp_path):
    """Until then another kernel may still write them; pictures are never removed."""
    folder = tmp_path / "runs" / "images" / "ab"
    folder.mkdir(parents=True)
    old, new, old_picture = folder / ".part-old", folder / ".part-new", folder / "abc.jpg"
    for file in (old, new, old_picture):
        file.write_bytes(b"x")
    for file in (old, old_picture):
        os.utime(file, (1e9, 1e9))
    generate(open_studio())
    assert [file.exists() for file in (old, new, old_picture)] == [False, True, True]


def test_making_an_image_folder_syncs_the_folder_above_it(studio, monkeypatch):
    """Otherwise a power cut could lose it; a folder that exists is not synced for the second picture."""
    synced = []
    monkeypatch.setattr("nbkit.log.images.sync_folder", synced.append)
    generate(studio)
    generate(studio)
    root = studio.log.images.folder
    (own,) = (p.parent for p in root.rglob("*.jpg"))
    assert synced == [root.parent, root, own]


def test_pictures_are_found_after_a_change_of_the_working_directory(tmp_path, monkeypatch):
    """A frame of a studio with a relative path can still be shown, browsed, compared and exported."""
    studio = nbkit.Studio(engine="offline", path="runs")
    run = studio.generate("A lantern", seed=1, width=512, height=512)
    frame = studio.df
    assert not Path(frame.file[0]).is_absolute()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "data:image/jpeg" in frame.nbkit.show().html
    assert studio.gallery(frame).grid._items[0].file == run.image.path
    assert "is not here" not in nbkit.compare(run, frame).to_text()
    with_path = frame.assign(error=f"cannot write {tmp_path / 'runs'}/images")
    exported = studio.log.export("out", with_path)
    assert [file.read_bytes() for file in (exported / "images").iterdir()] == [run.image.bytes]
    assert str(tmp_path) not in (exported / "manifest.csv").read_text("utf-8")
    studio.close()


def test_two_logs_with_the_same_relative_path_keep_their_pictures_apart(tmp_path, monkeypatch):
    """Opened from different working directories; each picture is found in its own log."""
    frames = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        with contextlib.closing(nbkit.Studio(engine="offline", path="runs")) as studio:
            studio.generate(f"A lantern, {name}", seed=1, width=512, height=512)
            frames.append(studio.df)
    monkeypatch.chdir(tmp_path)
    assert [file_of(frame.file[0]).exists() for frame in frames] == [True, True]
