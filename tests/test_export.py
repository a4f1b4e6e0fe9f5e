"""``log.export``: pictures, manifests and a page in a folder or a ZIP; without private data; all of it or nothing."""

import io
import json
import os
import re
import sys
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import service_faults as fault
from html_page import MARKUP, Page
from small_requests import generate

import nbkit
from nbkit import errors
from nbkit.request.parameter import MAX_INTEGER


@pytest.fixture
def full(service, studio):
    """A studio whose log has two pictures and a failed run; a seed of 63 bits, marks, and a prompt with markup."""
    generate(studio, MARKUP, seed=MAX_INTEGER, temperature=0.3, top_p=0.9)
    service.faults.append(fault.refused("invalidSeed", "no such seed"))
    generate(studio, "A boat")
    generate(studio, "Ein Käfig", seed=7)
    studio.log.mark(studio.last, rating=4, tags="cage, Käfig", note="keep <this>")
    return studio


def files(folder):
    """The paths of all files in a folder and below it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def page_of(exported):
    """The page of an exported folder, parsed."""
    return Page((exported / "index.html").read_text("utf-8"))


def manifest_of(exported):
    """The rows of the manifest of an exported folder."""
    return json.loads((exported / "manifest.json").read_text("utf-8"))


def test_an_export_has_the_picture_files_two_manifests_and_a_page(full, tmp_path):
    """The original bytes under readable names; other users may read the new folder."""
    exported = full.log.export(tmp_path / "new" / "out")
    assert exported == tmp_path / "new" / "out"
    first, last = (run.image for run in (list(full.log)[2], full.last))
    names = [f"images/0001-seed{MAX_INTEGER}-{first.sha256[:8]}.jpg", f"images/0003-seed7-{last.sha256[:8]}.jpg"]
    assert files(exported) == [*names, "index.html", "manifest.csv", "manifest.json"]
    assert [(exported / name).read_bytes() for name in names] == [first.bytes, last.bytes]
    assert exported.stat().st_mode & 0o055 == 0o055


def test_the_manifests_have_every_row_and_column_with_exact_seeds(full, tmp_path):
    """Seeds keep their 63 bits in CSV and JSON, gaps are gaps, and paths are relative to the folder."""
    exported, frame = full.log.export(tmp_path / "out"), full.df
    table = pd.read_csv(exported / "manifest.csv", dtype={"seed": "Int64", "requestedSeed": "Int64"})
    assert set(table.columns) == {*frame.columns, "sha256", "fileMissing"}
    assert table.seed.tolist() == [MAX_INTEGER, pd.NA, 7]
    assert [isinstance(name, str) and (exported / name).exists() for name in table.file] == [True, False, True]
    records = manifest_of(exported)
    # All seeds are texts, because a number in JSON may lose digits of the long ones.
    assert [row["seed"] for row in records] == [str(MAX_INTEGER), None, "7"]
    assert [row["prompt"] for row in records] == frame.prompt.tolist()
    assert [row["rating"] for row in records] == [None, None, 4]
    assert [row["temperature"] for row in records] == [0.3, None, None]
    assert pd.Timestamp(records[0]["created"]) == frame.created[0]
    assert records[0]["sha256"] == list(full.log)[2].image.sha256


def test_the_page_of_an_export_loads_nothing_and_runs_no_script(full, tmp_path):
    """It contains small pictures with alternative texts, their parameters and marks, and links to the picture files."""
    exported = full.log.export(tmp_path / "out")
    page = page_of(exported)
    assert {tag for tag, _ in page.elements} <= {
        *("html", "head", "meta", "title", "style", "body", "main", "h1", "p", "ol", "li", "a", "img", "div"),
        *("dl", "dt", "dd"),
    }
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert [image["alt"] for image in page.all("img")] == [MARKUP, "Ein Käfig"]
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert [(exported / link["href"]).exists() for link in page.all("a")] == [True, True]
    for words in (
        MARKUP,
        str(MAX_INTEGER),
        "0.3",
        "0.9",
        "$0.06895",
        "4 of 5",
        "cage, Käfig",
        "keep <this>",
        "no such seed",
    ):
        assert words in page.text
    html = (exported / "index.html").read_text("utf-8")
    assert "prefers-color-scheme: dark" in html
    assert "http://" not in html
    assert "https://" not in html
    assert "default-src 'none'" in html
    assert "3 rows · $0.14 charged" in page.text


def test_a_zip_has_the_same_files_as_a_folder(full, tmp_path):
    """Inside one folder that is named like the ZIP."""
    folder, packed = full.log.export(tmp_path / "out"), full.log.export(tmp_path / "out.zip")
    with zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == [f"out/{name}" for name in files(folder)]
        for name in files(folder):
            assert archive.read(f"out/{name}") == (folder / name).read_bytes()


def test_a_frame_is_exported_in_its_order_with_its_own_columns(full, tmp_path):
    """With ``originals=False`` there are no picture files and no links to them, but the page has its small pictures."""
    frame = full.df.sort_values("seed", ascending=True).assign(mine=[["a"], float("inf"), None])
    exported = full.log.export(tmp_path / "out", frame, originals=False)
    assert files(exported) == ["index.html", "manifest.csv", "manifest.json"]
    records = manifest_of(exported)
    assert [row["seed"] for row in records] == ["7", str(MAX_INTEGER), None]
    assert [row["mine"] for row in records] == ["['a']", "inf", None]
    assert {row["file"] for row in records} == {None}
    page = page_of(exported)
    assert len(page.all("img")) == 2
    assert not page.all("a")
    row_of_two_columns = full.df[["file", "prompt"]].iloc[:1]
    assert len(files(full.log.export(tmp_path / "few", row_of_two_columns))) == 4


def test_an_export_without_a_missing_picture_file_warns(full, tmp_path):
    """The row of the picture is exported without a file; the page and the manifest say that it is missing."""
    frame = full.df
    frame.loc[2, "file"] = str(tmp_path / "gone.jpg")
    with pytest.warns(UserWarning, match="lacks 1 of 2 pictures") as warned:
        exported = full.log.export(tmp_path / "out", frame)
    text, records = page_of(exported).text, manifest_of(exported)
    assert "its file is not here" in text
    assert "without 1 of 2 pictures, of which the file is missing or damaged" in text
    assert records[2]["file"] is None
    assert [row["fileMissing"] for row in records] == [None, None, "its file is not here"]
    assert warned[0].filename == __file__


def test_an_export_whose_picture_files_are_all_missing_raises_a_storage_error(full, tmp_path):
    """The image folder was probably moved; nothing is written. Rows that never had a picture can be exported."""
    frame = full.df
    assert len(files(full.log.export(tmp_path / "failed", frame.iloc[[1]]))) == 3
    frame["file"] = frame["file"].map(lambda file: f"{file}.gone", na_action="ignore")
    with pytest.raises(errors.StorageError, match=r"of 2 pictures.*studio\.recover\(\)"):
        full.log.export(tmp_path / "out", frame)
    assert not (tmp_path / "out").exists()


def test_a_frame_cannot_export_a_file_that_is_no_picture(full, tmp_path):
    """Names in the export are made of an integer seed, the hash of the bytes and the actual format only."""
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    image = full.last.image
    (tmp_path / f"{image.sha256}.svg").write_bytes(image.bytes)
    frame = pd.concat([full.df.iloc[[0]]] * 3, ignore_index=True).astype(object)
    frame["file"] = [str(tmp_path / "secret.txt"), str(tmp_path / f"{image.sha256}.svg"), "a\0b"]
    frame["seed"] = ["1", "/../../../../x", 3]
    with pytest.warns(UserWarning, match="2 of 3"):
        exported = full.log.export(tmp_path / "out", frame)
    assert files(exported) == [f"images/0002-{image.sha256[:8]}.jpg", "index.html", "manifest.csv", "manifest.json"]
    assert [row["sha256"] for row in manifest_of(exported)] == [None, image.sha256, None]
    with pytest.warns(UserWarning, match="2 of 3"):
        exported = full.log.export(tmp_path / "out.zip", frame)
    with zipfile.ZipFile(exported) as packed:
        assert {name.split("/")[0] for name in packed.namelist()} == {"out"}
        assert ".." not in "".join(packed.namelist())


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("", "is not a path"),
        ("a\0b", "is not a path"),
        ("~no-such-user/x", "type the whole path"),
        ("...zip", "type a name before .zip"),
        (".zip", "type a name before .zip"),
        ("/", "is not empty"),
        (".", "is not empty"),
        (7, "must be text or a Path"),
    ],
)
def test_an_unusable_path_raises_a_request_error_with_a_hint(full, path, hint):
    """One that is not a path, has no name, or is a folder with something in it."""
    with pytest.raises(errors.RequestError, match=re.escape(hint)) as raised:
        full.log.export(path)
    assert raised.value.parameter == "path"


def test_exporting_into_an_empty_folder_keeps_the_folder_itself(full, tmp_path, monkeypatch):
    """With its permissions; also through a symbolic link, and for the working directory."""
    for name in ("mine", "real", "here"):
        (tmp_path / name).mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path / "here")
    for path in (tmp_path / "mine", tmp_path / "link", "."):
        exported = full.log.export(path)
        assert len(files(exported)) == 5
        assert exported.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "link").is_symlink()
    assert Path.cwd() == tmp_path / "here"


def test_a_failed_export_into_an_empty_folder_leaves_it_empty(full, tmp_path, monkeypatch):
    """And does not remove it."""
    (tmp_path / "mine").mkdir()

    def fail(*_):
        raise OSError(28, "No space")

    monkeypatch.setattr("nbkit.log.export.document_html", fail)
    with pytest.raises(errors.StorageError, match="No space"):
        full.log.export(tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []


def test_an_export_interrupted_while_its_files_move_leaves_an_empty_folder_empty(full, tmp_path, monkeypatch):
    """Files that are in the folder already move back; what another program has put there meanwhile stays."""
    (tmp_path / "mine").mkdir()
    rename, moved = Path.rename, []

    def interrupt(path, target):
        if len(moved) == 2:
            (tmp_path / "mine" / "other.txt").touch()
            monkeypatch.undo()
            raise KeyboardInterrupt
        moved.append(rename(path, target))

    monkeypatch.setattr(Path, "rename", interrupt)
    with pytest.raises(KeyboardInterrupt):
        full.log.export(tmp_path / "mine")
    assert len(moved) == 2
    assert files(tmp_path / "mine") == ["other.txt"]


def test_a_new_folder_and_a_new_zip_follow_the_umask(full, tmp_path):
    """Under a umask of 077, other users cannot read them."""
    before = os.umask(0o077)
    try:
        exported = full.log.export(tmp_path / "out"), full.log.export(tmp_path / "out.zip")
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in exported] == [0o700, 0o600]


def test_export_accepts_runs_pictures_and_uuids(full, tmp_path):
    """Anything that ``log.mark`` accepts; other types, unknown pictures and ambiguous columns raise."""
    run = full.last
    for number, which in enumerate((run, [run], run.image, run.image.image_uuid)):
        exported = full.log.export(tmp_path / f"out{number}", which)
        assert [row["seed"] for row in manifest_of(exported)] == [7]
    with pytest.raises(errors.RequestError, match="got a number"):
        full.log.export(tmp_path / "out", 7)
    with pytest.raises(KeyError, match="no picture 'x'"):
        full.log.export(tmp_path / "out", "x")
    twice = pd.concat([full.df, full.df[["seed"]]], axis=1)
    with pytest.raises(nbkit.NbkitError, match="more than one column 'seed'"):
        full.log.export(tmp_path / "out", twice)


def test_an_export_contains_no_absolute_path_and_no_credentials(service, open_studio, tmp_path):
    """No key and no query of an address, in any of its files."""
    studio = open_studio(api_key="canary-key-123")
    generate(
        studio,
        webhook_url="https://example.org/hook?token=canary1",
        reference_images=["https://example.org/picture.png?signature=canary2"],
        extra={"more": {"address": "https://user:canary3@example.org/x?canary4=1"}},
    )
    frame = studio.df.assign(error=f"cannot write {(tmp_path / 'runs').absolute()}/images, nor {Path.home()}/x")
    exported = studio.log.export(tmp_path / "out", frame)
    for name in ("manifest.csv", "manifest.json", "index.html"):
        text = (exported / name).read_text("utf-8")
        assert "canary" not in text
        assert str(tmp_path) not in text
        assert str(Path.home()) not in text
    assert "https://example.org/picture.png" in (exported / "manifest.csv").read_text("utf-8")


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_an_existing_path_raises_with_a_free_name_as_the_suggestion(full, tmp_path, name):
    """What exists is not changed; an empty folder may be used."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out.zip").write_bytes(b"mine")
    if name == "out":
        full.log.export(tmp_path / "out")
        (tmp_path / "out-2").touch()
    before = sorted(tmp_path.iterdir())
    free = "out-3 is free" if name == "out" else "out-2.zip is free"
    with pytest.raises(errors.RequestError, match=free) as raised:
        full.log.export(tmp_path / name)
    assert raised.value.parameter == "path"
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "out.zip").read_bytes() == b"mine"
    assert full.log.export(raised.value.suggestion).exists()


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_a_failed_export_leaves_no_files(full, tmp_path, name, monkeypatch):
    """Interrupted halfway, or on a full disk: neither an incomplete export nor temporary files."""
    before = sorted(tmp_path.iterdir())
    for problem, raised in ((KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, "No space"), errors.StorageError)):

        def fail(*_, problem=problem):
            raise problem

        monkeypatch.setattr("nbkit.log.export.document_html", fail)
        with pytest.raises(raised):
            full.log.export(tmp_path / name)
        assert sorted(tmp_path.iterdir()) == before


def test_a_path_that_cannot_be_written_raises_a_storage_error(full, tmp_path):
    """Such as one below a file."""
    (tmp_path / "file").touch()
    with pytest.raises(errors.StorageError, match="cannot be written"):
        full.log.export(tmp_path / "file" / "out")


def test_exporting_an_empty_log_or_a_frame_without_files_raises(studio, tmp_path):
    """Nothing is written."""
    with pytest.raises(nbkit.NbkitError, match=r"no rows to export.*studio\.generate"):
        studio.log.export(tmp_path / "out")
    with pytest.raises(nbkit.NbkitError, match="no column 'file'"):
        studio.log.export(tmp_path / "out", pd.DataFrame({"seed": [1]}))
    assert not (tmp_path / "out").exists()


def test_a_frame_that_was_read_from_a_csv_file_can_be_exported(full, tmp_path):
    """Its pictures are found by their paths."""
    frame = pd.read_csv(io.StringIO(full.df.to_csv(index=False)), dtype={"seed": "Int64"})
    assert len(files(full.log.export(tmp_path / "out", frame))) == 5


def test_the_page_of_an_export_lists_the_parameters_of_each_picture(studio, tmp_path):
    """Those that affect the picture, and no empty marks; a long prompt has a box that the keyboard can scroll."""
    studio.generate("word " * 3000, seed=1, thinking="HIGH", system_prompt="calm", resolution="0.5K", ttl=60)
    page = page_of(studio.log.export(tmp_path / "out"))
    facts = dict(zip(page.texts["dt"], page.texts["dd"], strict=True))
    expected = {"thinking": "HIGH", "systemPrompt": "calm", "resolution": "0.5K", "temperature": "—"}
    assert facts | expected == facts
    assert "ttl" not in facts  # does not affect the picture
    assert "rating" not in facts
    paragraphs = zip(page.all("p"), page.texts["p"], strict=True)
    (prompt,) = (text for attributes, text in paragraphs if attributes.get("tabindex") == "0")
    assert prompt.startswith("word word")


# -- spreadsheets ------------------------------------------------------------------------------------------------------

FORMULAS = ["=1+1", "+A lantern", "-2 and more", "@SUM(A1)", "\t=1+1", "\r=1+1", "'quoted'", '=HYPERLINK("http://x")']


@pytest.mark.parametrize("text", [*FORMULAS, "A plain one, with = + - @ and '", "ünï 漢字 🏮"])
def test_a_cell_of_the_manifest_is_no_formula_and_comes_back_whole(studio, tmp_path, text):
    """Without its first apostrophe, where it has one; spreadsheets know the encoding by the byte order mark."""
    generate(studio, text, seed=MAX_INTEGER)
    studio.log.mark(studio.last, note=text.strip(), tags=text.strip())
    exported = studio.log.export(tmp_path / "out")
    data = (exported / "manifest.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    table = pd.read_csv(exported / "manifest.csv", dtype={"seed": "Int64"})
    assert next(iter(table)) == "prompt"
    assert table.seed.tolist() == [MAX_INTEGER]
    for name, value in (("prompt", text), ("note", text.strip())):
        cell = table[name][0]
        assert cell[0] not in "=+-@\t\r"
        assert cell.removeprefix("'") == value
    assert manifest_of(exported)[0]["prompt"] == text


@pytest.mark.parametrize(
    ("ending", "way"),
    [
        *((ending, "log.to_excel(") for ending in (".xlsx", ".XLSX", ".xls", ".ods")),
        *((f".{kind}", f"studio.df.to_{kind}(") for kind in ("csv", "json", "parquet", "html")),
        *(
            (ending, "makes a folder")
            for ending in (".pdf", ".tar", ".tar.gz", ".tgz", ".7z", ".txt", ".png", ".ipynb", ".sqlite")
        ),
    ],
)
def test_an_export_is_no_other_file(full, tmp_path, ending, way):
    """Instead of a folder of that name; the error has what to type, and a name that works."""
    with pytest.raises(errors.RequestError) as raised:
        full.log.export(tmp_path / f"lanterns{ending}")
    assert way in str(raised.value)
    assert (raised.value.parameter, raised.value.reason) == ("path", "format")
    assert raised.value.suggestion == str(tmp_path / "lanterns.zip")
    assert not list(tmp_path.glob("lanterns*"))
    assert full.log.export(raised.value.suggestion).exists()


@pytest.mark.parametrize("name", ["lantern_t0.7", "v1.2", "of.august", ".hidden"])
def test_a_folder_may_have_a_point_in_its_name(full, tmp_path, name):
    """What is no known ending is a part of the name."""
    assert (full.log.export(tmp_path / name) / "index.html").exists()


def test_a_spreadsheet_has_text_as_text_and_whole_seeds(studio, tmp_path):
    """Times say that they are UTC, gaps are empty, numbers are numbers, and no cell is a formula."""
    for number, text in enumerate(FORMULAS):
        generate(studio, text, seed=MAX_INTEGER - number, temperature=0.25)
    studio.log.mark(studio.last, rating=4, keep=True)
    generate(studio, "illegal \x01\x0b\x1f, two\nlines\r\nand a third")
    generate(studio, "x" * 40_000)
    path = studio.log.to_excel(tmp_path / "new" / "log.xlsx")
    assert path == tmp_path / "new" / "log.xlsx"
    cells = list(openpyxl.load_workbook(path).active.rows)
    assert not {cell.data_type for row in cells for cell in row} & {"f", "e"}
    table = pd.read_excel(path, dtype={"seed": "string"})
    frame = studio.df
    assert list(table) == list(frame)
    assert [int(seed) for seed in table.seed] == frame.seed.tolist()
    assert table.prompt.tolist()[:5] == FORMULAS[:5]
    assert table.prompt.tolist()[-2] == "illegal \\x01\\x0b\\x1f, two\nlines\nand a third"
    assert (len(table.prompt.iloc[-1]), table.prompt.iloc[-1][-1]) == (32_767, "…")
    assert (pd.to_datetime(table.created, format="ISO8601") == frame.created).all()
    assert table.temperature.tolist()[:8] == [0.25] * 8
    assert table.cost.tolist() == frame.cost.tolist()
    assert (table.rating[7], table.keep[7], table.rating.isna().sum()) == (4, True, 9)


def test_a_spreadsheet_of_some_rows_with_columns_of_ones_own(full, tmp_path):
    """Also of values that a spreadsheet does not know."""
    frame = full.log.search("boat").assign(sharp=float("inf"), many=[[1, 2]], large=2**60, day=pd.Timedelta("1D"))
    table = pd.read_excel(full.log.to_excel(tmp_path / "some.xlsx", frame))
    assert len(table) == 1
    assert [str(table[name][0]) for name in ("sharp", "many", "large")] == ["inf", "[1, 2]", str(2**60)]


def test_a_spreadsheet_says_nothing_of_this_machine_and_replaces_nothing(full, tmp_path):
    """As an export; what exists stays as it was."""
    frame = full.df.assign(error=f"cannot read {Path.home()}/x and https://user:pw@example.org/a?token=secret")
    path = full.log.to_excel(tmp_path / "log.xlsx", frame)
    assert set(pd.read_excel(path).error) == {"cannot read …/x and https://example.org/a"}
    before = path.read_bytes()
    with pytest.raises(errors.RequestError, match=r"log-2\.xlsx is free") as raised:
        full.log.to_excel(path)
    assert raised.value.suggestion == str(tmp_path / "log-2.xlsx")
    assert path.read_bytes() == before
    for name in ("log.csv", "log", "log.xls"):
        with pytest.raises(errors.RequestError, match=r"a spreadsheet ends in \.xlsx"):
            full.log.to_excel(tmp_path / name)


def test_a_spreadsheet_without_openpyxl_says_what_to_install(full, tmp_path, monkeypatch):
    """Before any file is made."""
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ModuleNotFoundError, match="pip install openpyxl"):
        full.log.to_excel(tmp_path / "log.xlsx")
    assert not (tmp_path / "log.xlsx").exists()
