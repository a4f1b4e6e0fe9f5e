"""Files of strangers that are adopted: nothing in them runs, reads or writes elsewhere, or takes endless room."""

import contextlib
import json
import os
import sqlite3
import stat
import uuid
import warnings
import zipfile
import zlib
from pathlib import Path

import pytest
from effort import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from service import picture
from small_requests import lantern
from strangers import empty_log, forge

import nbkit
from nbkit import errors
from nbkit.log import adopt_files, adopt_log
from nbkit.measures.facts import examine

PICTURE = picture("JPG")
FACTS = examine(PICTURE)
FILE = f"{FACTS.sha256[:2]}/{FACTS.sha256}.jpg"
RESULT = {
    "sha256": FACTS.sha256,
    "file": FILE,
    "mediaType": "image/jpeg",
    "width": 96,
    "height": 64,
    "fingerprint": "0" * 16,
}
ROW = {
    "prompt": "A lantern", "seed": 7, "temperature": 0.4, "cost": 0.06895, "status": "done", "width": 512, "height": 512,
    "requestedSeed": 7, "created": "2026-03-31T10:00:00.123456+00:00", "charged": True, "engine": "offline",
    "model": "google:4@3", "taskUUID": "00000000-0000-4000-8000-000000000001",
    "imageUUID": "00000000-0000-4000-8000-000000000002", "file": "images/0001.jpg", "sha256": FACTS.sha256,
}  # fmt: skip


@pytest.fixture
def log(tmp_path):
    """The log that adopts; whatever happens, it is whole afterwards, and nothing was written beside it."""
    with contextlib.closing(nbkit.RunLog(tmp_path / "mine")) as log:
        yield log
        assert log.verify().empty
        assert all(run.status for run in log)


@pytest.fixture
def stranger(tmp_path):
    """The folder of a stranger's log with one picture, whose row a test forges."""
    empty_log(tmp_path / "theirs")
    target = tmp_path / "theirs" / "images" / FILE
    target.parent.mkdir(parents=True)
    target.write_bytes(PICTURE)
    return tmp_path / "theirs"


def execute(folder, *statements):
    with contextlib.closing(sqlite3.connect(folder / "log.sqlite")) as connection, connection:
        for statement in statements:
            connection.execute(*statement if isinstance(statement, tuple) else (statement,))


def export(folder, rows=(ROW,), data=PICTURE):
    """An export as a stranger may make it."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(list(rows)) if not isinstance(rows, str) else rows, "utf-8")
    (folder / "images" / "0001.jpg").write_bytes(data)
    return folder


# -- databases ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END",
        "CREATE VIEW v AS SELECT * FROM runs",
    ],
)
def test_a_log_with_code_in_it_is_refused(log, stranger, code):
    """As it is when it is opened; the error names the log, and not the copy that was read."""
    forge(stranger / "log.sqlite", lantern(), status="done", images=[RESULT])
    execute(stranger, code)
    with pytest.raises(errors.StorageError, match="no nbkit has made that") as raised:
        log.adopt(stranger)
    assert str(stranger) in str(raised.value)
    assert log.to_frame().empty


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_a_damaged_database_is_a_clean_error(log, stranger, damage):
    """Cut short, no database at all, or empty beside pictures."""
    file = stranger / "log.sqlite"
    data = file.read_bytes()
    file.write_bytes({"cut": data[: len(data) // 2], "text": b"not a database" * 100, "empty": b""}[damage])
    for ending in ("-wal", "-shm"):
        file.with_name(file.name + ending).unlink(missing_ok=True)
    with pytest.raises(errors.StorageError):
        log.adopt(stranger)


@pytest.mark.parametrize("name", ["log.sqlite-wal", "log.sqlite-shm", "log.sqlite-journal"])
def test_a_link_beside_the_database_is_not_followed(log, stranger, tmp_path, name):
    """SQLite would read and write what it leads to."""
    (stranger / name).unlink(missing_ok=True)
    (tmp_path / "precious").write_bytes(b"precious")
    (stranger / name).symlink_to(tmp_path / "precious")
    with pytest.raises(errors.StorageError, match="no regular file"):
        log.adopt(stranger)
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_a_newer_log_and_one_that_is_too_large(log, stranger, monkeypatch):
    """Both are named with what they are."""
    with monkeypatch.context() as patch:
        patch.setattr(adopt_log, "MAX_DATABASE_BYTES", 1000)
        with pytest.raises(errors.StorageError, match="1,000 at most are read"):
            log.adopt(stranger)
    execute(stranger, "UPDATE meta SET value = '999'")
    with pytest.raises(errors.LogVersionError, match="newer nbkit"):
        log.adopt(stranger)


def test_a_text_that_fills_the_memory_is_a_clean_error(log, stranger):
    """A log whose rows are longer than any nbkit writes is not read."""
    forge(stranger / "log.sqlite", lantern(), status="done", images=[RESULT])
    execute(stranger, "UPDATE runs SET error = zeroblob(20000000)")
    with pytest.raises(errors.StorageError, match="too big"):
        log.adopt(stranger)


@pytest.mark.parametrize(
    "values",
    [
        {"taskUUID": "'; DROP TABLE runs; --"},
        {"created": "yesterday"},
        {"created": -5},
        {"request": "[]"},
        {"request": "{" * 100_000},
        {"status": "excellent"},
        {"cost": -1},
        {"charged": "yes"},
        {"prompt": b"\xff\xfe"},
        {"extra": "[1]"},
    ],
    ids=str,
)
def test_a_row_that_no_nbkit_writes_is_left_out(log, stranger, values):
    """The others come in, and a warning counts it."""
    good = forge(stranger / "log.sqlite", lantern(), status="done", held=0, images=[RESULT])
    forge(stranger / "log.sqlite", lantern(seed=2), status="done", held=0)
    name, value = next(iter(values.items()))
    execute(stranger, (f"UPDATE runs SET {name} = ? WHERE taskUUID != ?", (value, good)))
    with pytest.warns(UserWarning, match="1 damaged row$"):
        new = log.adopt(stranger)
    assert new.taskUUID.tolist() == [good]


@pytest.mark.parametrize("name", ["../../secret.jpg", "/etc/passwd", f"{FILE[:2]}/../{FILE}", FILE.upper(), 7])
def test_a_file_elsewhere_is_not_read(log, stranger, tmp_path, name):
    """The row comes in without a picture."""
    (tmp_path / "secret.jpg").write_bytes(PICTURE)
    forge(stranger / "log.sqlite", lantern(), status="done", held=0, images=[{**RESULT, "file": name}])
    with pytest.warns(UserWarning, match=r"missing picture|damaged row"):
        new = log.adopt(stranger)
    assert new.file.isna().all()


@pytest.mark.parametrize("what", ["file", "folder", "pictures"])
def test_a_link_in_the_picture_folder_is_not_followed(log, stranger, tmp_path, what):
    """Neither the picture itself nor a folder above it may be one."""
    forge(stranger / "log.sqlite", lantern(), status="done", held=0, images=[RESULT])
    path = {
        "file": stranger / "images" / FILE,
        "folder": stranger / "images" / FILE[:2],
        "pictures": stranger / "images",
    }[what]
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.warns(UserWarning, match="1 missing picture"):
        assert log.adopt(stranger).file.isna().all()


def test_bytes_of_another_hash_are_no_picture_of_a_log(log, stranger):
    """A row promises a hash, and the file has other bytes."""
    forge(stranger / "log.sqlite", lantern(), status="done", held=0, images=[RESULT])
    (stranger / "images" / FILE).write_bytes(PICTURE + b"!")
    with pytest.warns(UserWarning, match="1 missing picture"):
        assert log.adopt(stranger).file.isna().all()


def test_a_pipe_is_not_waited_for(log, tmp_path):
    """Nobody ever writes into it."""
    folder = export(tmp_path / "export")
    (folder / "images" / "0001.jpg").unlink()
    os.mkfifo(folder / "images" / "0001.jpg")
    with pytest.warns(UserWarning, match="1 missing picture"):
        log.adopt(folder)


def test_a_picture_of_mine_keeps_its_name_to_itself(tmp_path, stranger):
    """A stranger's picture that has its imageUUID gets another one: no mark of one is a mark of the other."""
    with contextlib.closing(nbkit.Studio(engine="offline", path=tmp_path / "mine")) as studio:
        run = studio.generate("A lantern", seed=1, resolution="0.5K")
        images = [{**RESULT, "imageUUID": run.image.image_uuid, "rating": 1, "note": "bad"}]
        forge(stranger / "log.sqlite", lantern(), status="done", held=0, images=images)
        new = studio.log.adopt(stranger)
        assert new.imageUUID.tolist() == [FACTS.sha256]
        assert studio.log.rows_of([run.task_uuid]).note.isna().all()
        assert studio.log.adopt(stranger).empty
        assert studio.log.verify().empty


def test_nobody_settles_my_open_run(stranger, tmp_path):
    """What a stranger says of it stays out: the service is asked, by whoever made it."""
    with contextlib.closing(nbkit.Studio(engine="offline", path=tmp_path / "mine")) as studio:
        task_uuid = forge(studio.log.folder / "log.sqlite", lantern(), status="unknown", held=70000, sweep=None)
        forge(stranger / "log.sqlite", lantern(), status="done", held=0, images=[RESULT])
        execute(stranger, ("UPDATE runs SET taskUUID = ?", (task_uuid,)))
        with pytest.warns(UserWarning, match="1 unsettled picture"):
            assert studio.log.adopt(stranger).empty
        assert (studio.log[task_uuid].status, len(studio.log[task_uuid])) == ("unknown", 0)


def test_an_identity_is_computed_and_not_believed(log, stranger):
    """A row that claims to be the answer to another request answers none but its own."""
    wanted = lantern(seed=5)
    forge(stranger / "log.sqlite", lantern(seed=2), status="done", held=0, images=[RESULT], identity=wanted.identity)
    log.adopt(stranger)
    assert log.same_as(wanted, "offline") is None
    assert log.same_as(lantern(seed=2), "offline") is not None


# -- exports -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "manifest",
    ["", "[", "7", '{"rows": []}', "[1]", "[" * 100_000, '[{"seed": ' + "9" * 5000 + "}]", "\ud800"],
    ids=["empty", "cut", "number", "dict", "numbers", "deep", "digits", "surrogate"],
)
def test_a_manifest_that_is_none_is_a_clean_error(log, tmp_path, manifest):
    """It names the file and what is wrong with it."""
    folder = export(tmp_path / "export")
    (folder / "manifest.json").write_bytes(manifest.encode("utf-8", "surrogatepass"))
    with pytest.raises(errors.RequestError, match=r"manifest\.json") as raised:
        log.adopt(folder)
    assert raised.value.parameter == "path"
    assert str(raised.value).endswith(("manifest.json: it is damaged", "manifest.json: it is no list of rows"))


def test_a_manifest_that_is_too_long_is_a_clean_error(log, tmp_path, monkeypatch):
    """It is not read into the memory."""
    folder = export(tmp_path / "export")
    monkeypatch.setattr("nbkit.log.adopt_export.MAX_MANIFEST_BYTES", 100)
    with pytest.raises(errors.RequestError, match="100 at most are read"):
        log.adopt(folder)


@pytest.mark.parametrize(
    "name",
    [
        "../secret.jpg",
        "images/../../secret.jpg",
        "/etc/passwd",
        "images/link.jpg",
        "manifest.json",
        "images//0001.jpg",
        7,
    ],
)
def test_a_manifest_names_no_file_elsewhere(log, tmp_path, name):
    """Nor one that is no picture of the export."""
    folder = export(tmp_path / "export", [{**ROW, "file": name}])
    (tmp_path / "secret.jpg").write_bytes(PICTURE)
    (folder / "images" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.warns(UserWarning, match="1 missing picture"):
        assert log.adopt(folder).file.isna().all()


def test_a_file_that_is_no_picture_is_left_out(log, tmp_path):
    """A page of HTML with the name of a picture."""
    with pytest.warns(UserWarning, match="1 missing picture"):
        new = log.adopt(export(tmp_path / "export", data=b"<html><script>alert(1)</script></html>"))
    assert new.file.isna().all()


COLUMNS = [
    *ROW, "tags", "note", "rating", "keep", "extra", "sweep", "mood", "var_status", "referenceImages", "parent", "latency",
    "topP", "NSFWContent", "sharpness", "aspectRatio", "resolution", "numberResults",
]  # fmt: skip
JUNK = st.one_of(
    st.sampled_from([
        None, True, False, "", "done", "blocked", "unknown", "1e400", "9" * 400, "{}", '{"a": 1}', '{"model": "x"}', "4K",
        "sha256:" + "0" * 64, "\x1b[2J", "a\0b", "2026-01-01", "9999999-01-01", -1, 2**64, 1e300, 0.5, [1], {"a": 1},
    ]),
    st.integers(), st.floats(), st.text(max_size=30),
)  # fmt: skip


@pytest.fixture(scope="module")
def junk(tmp_path_factory):
    """The log that adopts all junk, and the folder of the exports."""
    folder = tmp_path_factory.mktemp("junk")
    with contextlib.closing(nbkit.RunLog(folder / "mine")) as log:
        yield log, folder
        assert log.verify().empty
        assert log.show().text
        assert all(run.to_text() for run in log)


@given(st.lists(st.dictionaries(st.sampled_from(COLUMNS), JUNK, max_size=5), max_size=4))
@settings(deadline=None, max_examples=examples(60))
def test_a_manifest_of_junk_adopts_what_can_be_read(junk, changes):
    """Whatever stands in its columns: a whole log, a frame that is shown, and nothing comes twice."""
    log, folder = junk
    names = ({"taskUUID": str(uuid.uuid4()), "imageUUID": str(uuid.uuid4()), "seed": n} for n in range(len(changes)))
    export(folder, [{**ROW, **name, **change} for name, change in zip(names, changes, strict=True)])
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        assert len(log.adopt(folder)) <= len(changes)
        assert log.adopt(folder).empty


# -- ZIP files ---------------------------------------------------------------------------------------------------


def packed(path, members):
    """A ZIP file with these members: names, or ``ZipInfo``, and bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


MANIFEST = json.dumps([ROW]).encode()


def link(name):
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ([("export/../../evil.jpg", PICTURE)], "outside of its folder"),
        ([("/etc/cron.d/evil", b"*")], "outside of its folder"),
        ([("export/images/..\\evil.jpg", PICTURE)], "outside of its folder"),
        ([(link("export/images/0001.jpg"), b"/etc/passwd")], "a link"),
        ([("export/images/bomb.png", bytes(200_000_000))], "would be 200,000,000 bytes"),
    ],
    ids=["parent", "absolute", "backslash", "link", "bomb"],
)
def test_a_zip_file_that_would_do_harm_is_refused(log, tmp_path, members, problem):
    """Whole: no export has such a file in it."""
    path = packed(tmp_path / "export.zip", [("export/manifest.json", MANIFEST), *members])
    with pytest.raises(errors.RequestError, match=problem) as raised:
        log.adopt(path)
    assert raised.value.parameter == "path"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export.zip", "mine"]


def test_a_zip_file_with_two_files_of_one_name_is_refused(log, tmp_path):
    """One program would read the first of them, and another one the last."""
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = packed(tmp_path / "a.zip", [("e/manifest.json", MANIFEST), ("e/manifest.json", b"[]")])
    with pytest.raises(errors.RequestError, match="two of its files have one name"):
        log.adopt(path)


def test_files_that_lie_upon_each_other_are_refused(log, tmp_path):
    """A bomb whose files share their bytes."""
    path = packed(tmp_path / "a.zip", [("e/manifest.json", MANIFEST), ("e/images/1.jpg", os.urandom(50_000))])
    data = path.read_bytes()
    start = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
    end = data.index(b"PK\5\6")
    entry = data[start:end]
    copies = b"".join(entry.replace(b"1.jpg", b"%d.jpg" % number) for number in range(2, 6))
    tail = bytearray(data[end:])
    tail[8:10] = tail[10:12] = (6).to_bytes(2, "little")
    tail[12:16] = (end - data.index(b"PK\1\2") + len(copies)).to_bytes(4, "little")
    path.write_bytes(data[:end] + copies + bytes(tail))
    with pytest.raises(errors.RequestError, match="lie upon each other"):
        log.adopt(path)


def test_a_file_that_lies_about_its_size_is_left_out(log, tmp_path):
    """Its header says less than what it unpacks to."""
    path = packed(
        tmp_path / "a.zip", [("e/manifest.json", MANIFEST), ("e/images/0001.jpg", PICTURE + bytes(5_000_000))]
    )
    data = path.read_bytes()
    real, said = (5_000_000 + len(PICTURE)).to_bytes(4, "little"), len(PICTURE).to_bytes(4, "little")
    assert data.count(real) == 2
    path.write_bytes(data.replace(real, said))
    with pytest.warns(UserWarning, match="1 missing picture"):
        assert log.adopt(path).file.isna().all()


@pytest.mark.parametrize("damage", ["cut", "garbled", "encrypted"])
def test_a_damaged_zip_file_is_a_clean_error(log, tmp_path, damage):
    """Whatever is wrong with it."""
    path = packed(tmp_path / "a.zip", [("e/manifest.json", MANIFEST * 20), ("e/images/0001.jpg", PICTURE)])
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "garbled":
        data[60:90] = bytes(30)
    else:
        data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(bytes(data))
    with pytest.raises(errors.RequestError):
        log.adopt(path)


def test_a_folder_with_too_many_files_is_refused(log, tmp_path, monkeypatch):
    """It would take hours; its folders may be adopted one by one."""
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(picture("PNG"))
    monkeypatch.setattr(adopt_files, "MAX_FILES", 3)
    with pytest.raises(errors.RequestError, match="more than 3 files"):
        log.adopt(tmp_path)


# -- paths -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("nothing", "is not there"),
        ("", "no manifest.json, no log.sqlite and no pictures"),
        ("a\0b", "is not there"),
        (7, "must be text or a Path"),
        (None, "must be text or a Path"),
        ("notes.txt", "is no export, no log, no picture"),
        ("/dev/zero", "is neither a file nor a folder"),
        ("x" * 5000, "is not there"),
    ],
    ids=str,
)
def test_what_cannot_be_adopted_is_named(log, tmp_path, monkeypatch, path, problem):
    """With what to type instead."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    (tmp_path / "empty" / "notes.txt").write_text("hello", "utf-8")
    with pytest.raises(errors.RequestError, match=problem) as raised:
        log.adopt(path)
    assert raised.value.parameter == "path"
    assert Path.cwd() == tmp_path / "empty"


def test_a_picture_that_unpacks_to_too_many_pixels_is_kept_undecoded(log, tmp_path):
    """It comes in as it is, and is not shown, as one from a service would be."""

    def chunk(name, data):
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    head = (60_000).to_bytes(4, "big") * 2 + b"\1\0\0\0\0"
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    (tmp_path / "bomb.png").write_bytes(bomb)
    new = log.adopt(tmp_path / "bomb.png")
    assert "more than any size of the model" in new.error.iloc[0]
