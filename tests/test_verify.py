"""``studio.log.verify()`` and ``python -m nbkit verify``: every kind of damage is said, and a log at work has none."""

import io
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import service_faults as fault
from PIL import Image
from service import unique_picture
from small_requests import generate
from sweep_tools import until

import nbkit
from nbkit import __main__
from nbkit.errors import StorageError
from nbkit.ledger.journal import RunPlan
from nbkit.log.row_checks import Fault
from nbkit.log.schema import IMAGES, RUNS
from nbkit.request.image_request import ImageRequest

EARLIER = Path(__file__).parent / "data" / "log-0.1.0.zip"


def a_reference(colour="teal"):
    """A picture to start from."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(out, "PNG")
    return out.getvalue()


def faults(log, **options):
    """What is wrong, as pairs of what and which."""
    frame = log.verify(**options)
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "what": "string", "which": "string", "problem": "string", "mended": "boolean",
    }  # fmt: skip
    return list(zip(frame["what"], frame["which"], strict=True))


@pytest.fixture
def filled(service, open_studio):
    """A studio whose log has a run of every kind, with pictures, inline ones, and a reference image."""
    service.paint = unique_picture
    studio = open_studio()
    generate(studio, seed=1, number_results=2)
    generate(studio, seed=2, output_type="base64Data", reference_images=[a_reference()])
    service.faults.append(fault.refused())
    assert generate(studio, seed=3).status == "failed"
    service.faults.append(fault.lost())
    service.question_faults += [fault.plain(500)] * 40
    assert generate(studio, seed=4).status == "unknown"
    service.question_faults.clear()
    return studio


def execute(studio, statement, *values):
    """Change the log behind nbkit's back."""
    connection = sqlite3.connect(studio.log.folder / "log.sqlite")
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def first_picture(studio):
    """The first picture of the log, and its file."""
    image = next(image for run in reversed(list(studio.log)) for image in run.images)
    return image, studio.log.images.folder / image.path.parent.name / image.path.name


# -- a whole log --------------------------------------------------------------------------------------------------


def test_a_log_with_runs_of_every_kind_is_whole(filled):
    """Also one that is open, and holds money."""
    assert faults(filled.log) == []
    filled.recover()
    assert faults(filled.log) == []


def test_a_log_of_the_version_before_is_whole(tmp_path):
    """Its rows do not name the accounts of their days."""
    with zipfile.ZipFile(EARLIER) as archive:
        archive.extractall(tmp_path / "runs")
    log = nbkit.RunLog(tmp_path / "runs")
    assert faults(log) == []
    log.close()


def test_an_empty_log_is_whole(tmp_path):
    """It has no picture folder yet."""
    log = nbkit.RunLog(tmp_path / "runs")
    assert faults(log) == []
    log.close()


def test_a_refused_run_leaves_no_file(open_studio):
    """Its reference image is stored when its row is there."""
    studio = open_studio(budget=0.01)
    with pytest.raises(nbkit.BudgetExceeded):
        generate(studio, reference_images=[a_reference()])
    assert faults(studio.log) == []
    assert not list(studio.log.images.folder.glob("*/*"))


WORK = """
    import io, sys, nbkit
    from PIL import Image
    studio = nbkit.Studio(engine=sys.argv[1], api_key="key", path=sys.argv[2])
    for number in range(10_000):
        out = io.BytesIO()
        Image.new("RGB", (64, 64), (number % 256, number // 256, 7)).save(out, "PNG")
        studio.generate(
            "A lantern", width=512, height=512, number_results=1 + number % 3, reference_images=[out.getvalue()],
            output_type=["URL", "base64Data", "dataURI"][number % 3],
        )
"""


def test_a_log_that_a_kernel_works_on_has_no_faults_for_that(service, open_studio, start_kernel):
    """Neither while it works, nor after it was killed; a recovery leaves it whole."""
    service.paint = unique_picture
    kernel = start_kernel(WORK)
    until(lambda: len(service.sent) > 3)
    studio = open_studio()
    for _ in range(25):
        assert studio.log.verify().to_dict("records") == []
    sent = len(service.sent)
    until(lambda: len(service.sent) > sent)
    kernel.kill()
    kernel.wait()
    assert {what for what, _ in faults(studio.log)} <= {"row", "file"}  # a paid picture that is not fetched yet
    studio.recover(resend=True)
    assert faults(studio.log) == []


# -- damage -------------------------------------------------------------------------------------------------------


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def replace(path):
    path.write_bytes(a_reference("red"))


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, flip, replace, empty])
def test_a_damaged_picture_is_found(filled, damage):
    """One bit is enough; the row is named by its imageUUID."""
    image, path = first_picture(filled)
    damage(path)
    assert faults(filled.log) == [("picture", image.image_uuid)]


def test_a_deleted_picture_is_found_and_a_recovery_fetches_it(filled):
    """Its row is named."""
    image, path = first_picture(filled)
    path.unlink()
    assert faults(filled.log) == [("row", image.image_uuid)]
    filled.recover()
    assert faults(filled.log) == []


@pytest.mark.parametrize("damage", [flip, Path.unlink])
def test_a_reference_image_that_is_damaged_or_gone_is_found(filled, damage):
    """Its run could not be made again."""
    (run,) = (run for run in filled.log if run.request.reference_images)
    path = Path(next(iter(run.reference_files.values())))
    damage(path)
    name = f"images/{path.parent.name}/{path.name}"
    assert faults(filled.log) == [("picture", name) if damage is flip else ("row", run.task_uuid)]


def add_stray(studio):
    path = studio.log.images.folder / "aa" / "stray.png"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(a_reference())
    return "images/aa/stray.png"


def drop_row(studio):
    _, path = first_picture(studio)
    execute(studio, "DELETE FROM images WHERE file LIKE ?", f"%{path.name}")
    return f"images/{path.parent.name}/{path.name}"


@pytest.mark.parametrize("stray", [add_stray, drop_row])
@pytest.mark.parametrize("is_open", [True, False], ids=["a run is open", "no run is open"])
def test_a_file_without_a_row_is_found(filled, stray, is_open):
    """It is named by its path in the log's folder, and stays."""
    if not is_open:
        filled.recover()
    name = stray(filled)
    assert ("file", name) in faults(filled.log, mend=True)
    assert (filled.log.folder / name).exists()


def test_what_the_system_puts_into_folders_is_no_fault(filled):
    """Such as the settings of a file browser."""
    (filled.log.images.folder / ".DS_Store").write_bytes(b"x")
    assert faults(filled.log) == []


RUN_COLUMNS = [column.name for column in RUNS.columns if column.name not in ("id", "taskUUID")]
RESULT_COLUMNS = [column.name for column in IMAGES.columns if column.name not in ("id", "run", "imageUUID")]


def check_every_column(studio, table, columns, which, junk):
    """Put junk into one column after the other, and look that the row, its column and nothing raw is named."""
    key = "taskUUID" if table == "runs" else "imageUUID"
    connection = sqlite3.connect(studio.log.folder / "log.sqlite")
    for column in columns:
        change = f'UPDATE {table} SET "{column}" = {{}} WHERE "{key}" = ?'
        before = connection.execute(f'SELECT "{column}" FROM {table} WHERE "{key}" = ?', [which]).fetchone()[0]
        connection.execute(change.format(junk), [which])
        connection.commit()
        frame = studio.log.verify()
        rows = frame[(frame["what"] == "row") & (frame["which"] == which)]
        assert rows["problem"].str.contains(column).any(), column
        assert all(map(str.isprintable, frame["problem"]))
        connection.execute(change.format("?"), [before, which])
        connection.commit()
    connection.close()
    assert faults(studio.log) == []


@pytest.mark.parametrize("junk", ["CAST(x'C328' AS TEXT)", "x'FF00'"])
def test_a_value_of_another_type_is_found_in_every_column(filled, junk):
    """Bytes, and text that is none: each column is checked from its declaration."""
    run, (image, _) = next(iter(filled.log)), first_picture(filled)
    check_every_column(filled, "runs", RUN_COLUMNS, run.task_uuid, junk)
    check_every_column(filled, "images", RESULT_COLUMNS, image.image_uuid, junk)


NUMBERS = ["created", "held", "spent", "charged", "estimateHigh", "width", "temperature"]


@pytest.mark.parametrize("junk", ["'lantern' || char(27) || '[2J'", "'{''a'': 1'", "1e300"])
def test_text_and_absurd_numbers_are_found(filled, junk):
    """A terminal gets nothing to obey."""
    columns = ["task", "request", "extra", *(NUMBERS if junk != "1e300" else NUMBERS[:-1])]
    check_every_column(filled, "runs", columns, next(iter(filled.log)).task_uuid, junk)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE runs SET status = 'lantern' WHERE status = 'done'", "row"),
        ("UPDATE runs SET held = 5 WHERE status = 'done'", "row"),
        ("UPDATE images SET sha256 = 'f' || substr(sha256, 2) WHERE file IS NOT NULL", "picture"),
        ("UPDATE images SET file = NULL", "row"),
        ("UPDATE images SET run = 4711", "row"),
        ("UPDATE images SET file = '../../../etc/passwd'", "row"),
        ("UPDATE accounts SET spent = spent + 1", "account"),
        ("UPDATE accounts SET held = held - 1", "account"),
        ("UPDATE accounts SET spent = 'lantern'", "account"),
        ("DELETE FROM accounts", "account"),
        ("INSERT INTO accounts (name, spent, held) VALUES ('studio:none', 7, 0)", "account"),
        ("UPDATE runs SET spent = spent + 1 WHERE status = 'done'", "account"),
        ("DELETE FROM runs WHERE status = 'unknown'", "account"),
    ],
)
def test_rows_and_accounts_that_do_not_agree_are_found(filled, statement, what):
    """Whichever of them was changed."""
    execute(filled, statement)
    assert what in {found for found, _ in faults(filled.log)}


def test_control_characters_are_shown_as_escapes():
    """Also those that turn a line round."""
    shown = Fault("row", "a\x1b[2Jb\u202e", "fine").which
    assert shown.isprintable()
    assert "\\x1b" in shown


# -- mending ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    ["UPDATE accounts SET spent = 0, held = 99", "DELETE FROM accounts", "UPDATE accounts SET name = name || 'x'"],
)
def test_accounts_are_mended_also_while_a_run_is_under_way(filled, statement):
    """The run that is planned before is settled after, and everything agrees."""
    request = ImageRequest("A lantern", resolution="0.5K")
    plan = filled._ledger.plan(RunPlan(request, request.to_send()))
    execute(filled, statement)
    frame = filled.log.verify()
    assert not frame["mended"].any()
    frame = filled.log.verify(mend=True)
    assert frame[frame["what"] == "account"]["mended"].all()
    assert len(frame) > 0
    filled._ledger._abandon(plan)
    assert faults(filled.log) == []


def test_what_a_killed_kernel_left_half_written_is_removed_when_it_is_old(filled):
    """A new one may belong to a kernel that writes it."""
    _, path = first_picture(filled)
    parts = [path.with_name(f".part-{name}") for name in ("new", "old")]
    for part in parts:
        part.write_bytes(b"half")
    os.utime(parts[1], (time.time() - 200_000,) * 2)
    old = ("file", f"images/{path.parent.name}/.part-old")
    assert faults(filled.log) == [old]
    assert filled.log.verify(mend=True)["mended"].tolist() == [True]
    assert [part.exists() for part in parts] == [True, False]


# -- the command --------------------------------------------------------------------------------------------------


def run_verify(folder, *options):
    """The exit status of the command."""
    return __main__.main(["verify", "--log", str(folder), *options])


def test_the_command_says_that_a_log_is_whole(filled, capsys):
    """Its exit status is 0; where the output is no terminal there is no progress bar."""
    filled.recover()
    filled.close()
    assert run_verify(filled.log.folder) == 0
    out, err = capsys.readouterr()
    assert "whole" in out
    assert err == ""


def test_the_command_names_each_fault(filled, capsys):
    """Its exit status is 1, and 0 once all of them are mended."""
    image, path = first_picture(filled)
    whole = path.read_bytes()
    flip(path)
    execute(filled, "UPDATE accounts SET held = held + 1")
    assert run_verify(filled.log.folder) == 1
    out = capsys.readouterr().out
    assert image.image_uuid in out
    assert path.name in out
    path.write_bytes(whole)
    assert run_verify(filled.log.folder, "--mend") == 0
    assert run_verify(filled.log.folder) == 0


@pytest.mark.parametrize("damage", ["none", "other", "cut", "scrambled"])
def test_a_log_that_cannot_be_read_has_a_status_of_its_own(filled, capsys, damage):
    """No log, another file, half of it, a page of noise: 2, and nothing on the standard output."""
    filled.recover()
    filled.close()
    file = filled.log.folder / "log.sqlite"
    folder = filled.log.folder
    if damage == "none":
        folder = folder.parent / "nowhere"
    elif damage == "other":
        file.write_bytes(b"not a database" * 100)
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    else:
        data = file.read_bytes()
        file.write_bytes(data[:100] + bytes(len(data) - 100))
    assert run_verify(folder) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("nbkit verify: ")
    if damage == "other":
        with pytest.raises(StorageError):
            nbkit.RunLog(folder)


def test_an_index_that_is_damaged_counts(filled):
    """SQLite's own check finds it."""
    filled.recover()
    file = filled.log.folder / "log.sqlite"
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA writable_schema=ON")
    connection.execute("UPDATE sqlite_master SET sql = replace(sql, '(status)', '(engine)') WHERE name = 'runs_status'")
    connection.commit()
    connection.close()
    filled.close()
    log = nbkit.RunLog(filled.log.folder)
    assert ("log", "log.sqlite") in faults(log)
    log.close()


def test_it_runs_as_a_module(filled):
    """``python -m nbkit verify --log folder``."""
    filled.recover()
    command = [sys.executable, "-m", "nbkit", "verify", "--log", str(filled.log.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_copied_log_is_whole(filled, tmp_path):
    """Whatever folder it is in."""
    filled.recover()
    filled.close()
    log = nbkit.RunLog(shutil.copytree(filled.log.folder, tmp_path / "copy"))
    assert faults(log) == []
    log.close()
