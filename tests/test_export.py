"""An export: complete, exact, private, whole or not there, and a page that needs nothing else."""

import io
import json
import os
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import service_faults as fault

import nbkit
from nbkit import errors
from nbkit.request.model import MAX_SEED

HOSTILE = "<script>alert('x')</script> & \"quoted\" <img src=x onerror=alert(1)>"


@pytest.fixture
def full(service, studio):
    """Two pictures and a failed run; a seed of 63 bits, marks, and a prompt that would be markup."""
    studio.generate(HOSTILE, width=512, height=512, seed=MAX_SEED, temperature=0.3, top_p=0.9)
    service.faults.append(fault.refused("invalidSeed", "no such seed"))
    studio.generate("A boat", width=512, height=512)
    studio.generate("Ein Käfig", width=512, height=512, seed=7)
    studio.log.mark(studio.last, rating=4, tags="cage, Käfig", note="keep <this>")
    return studio


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, file):
        super().__init__()
        self.elements, self.words = [], []
        self.feed(file.read_text("utf-8"))
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    text = property(lambda self: " ".join(self.words))


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_folder_with_everything(full, tmp_path):
    """The original bytes under names that a person can read, a manifest twice, and the page."""
    made = full.log.export(tmp_path / "new" / "out")
    assert made == tmp_path / "new" / "out"
    one, two = (run.image for run in (list(full.log)[2], full.last))
    names = [f"images/0001-seed{MAX_SEED}-{one.sha256[:8]}.jpg", f"images/0003-seed7-{two.sha256[:8]}.jpg"]
    assert files(made) == [*names, "index.html", "manifest.csv", "manifest.json"]
    assert [(made / name).read_bytes() for name in names] == [one.bytes, two.bytes]
    assert made.stat().st_mode & 0o055 == 0o055  # others may look into it


def test_the_manifest_is_exact(full, tmp_path):
    """Every column and row; seeds of 63 bits whole in both files; paths relative; gaps are gaps."""
    made, frame = full.log.export(tmp_path / "out"), full.df
    table = pd.read_csv(made / "manifest.csv", dtype={"seed": "Int64", "requestedSeed": "Int64"})
    assert set(table.columns) == {*frame.columns, "sha256", "fileMissing"}
    assert table.seed.tolist() == [MAX_SEED, pd.NA, 7]
    assert [isinstance(name, str) and (made / name).exists() for name in table.file] == [True, False, True]
    records = json.loads((made / "manifest.json").read_text("utf-8"))
    assert [row["seed"] for row in records] == [str(MAX_SEED), None, "7"]  # of one type, though JSON could hold 7
    assert [row["prompt"] for row in records] == frame.prompt.tolist()
    assert [row["rating"] for row in records] == [None, None, 4]
    assert [row["temperature"] for row in records] == [0.3, None, None]
    assert pd.Timestamp(records[0]["created"]) == frame.created[0]
    assert records[0]["sha256"] == list(full.log)[2].image.sha256


def test_the_page_needs_nothing_else(full, tmp_path):
    """No script, no address, nothing loaded; small pictures inside it, each with its words; links to the originals."""
    made = full.log.export(tmp_path / "out")
    page = Page(made / "index.html")
    assert {tag for tag, _ in page.elements} <= {
        *("html", "head", "meta", "title", "style", "body", "main", "h1", "p", "ol", "li", "a", "img", "div"),
        *("dl", "dt", "dd"),
    }
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert [image["alt"] for image in page.all("img")] == [HOSTILE, "Ein Käfig"]
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert [(made / link["href"]).exists() for link in page.all("a")] == [True, True]
    for words in (
        HOSTILE,
        str(MAX_SEED),
        "0.3",
        "0.9",
        "$0.06895",
        "4 of 5",
        "cage, Käfig",
        "keep <this>",
        "no such seed",
    ):
        assert words in page.text
    html = (made / "index.html").read_text("utf-8")
    assert "prefers-color-scheme: dark" in html
    assert "http://" not in html
    assert "https://" not in html
    assert "default-src 'none'" in html
    assert "3 rows · $0.1379 charged" in page.text


def test_a_zip_holds_the_same(full, tmp_path):
    """One folder in it, named like the file."""
    folder, packed = full.log.export(tmp_path / "out"), full.log.export(tmp_path / "out.zip")
    with zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == [f"out/{name}" for name in files(folder)]
        for name in files(folder):
            assert archive.read(f"out/{name}") == (folder / name).read_bytes()


def test_a_selection_and_no_originals(full, tmp_path):
    """Whatever pandas selected is exported in its order; without the originals the page has its small pictures still."""
    frame = full.df.sort_values("seed", ascending=True).assign(mine=[["a"], float("inf"), None])
    made = full.log.export(tmp_path / "out", frame, originals=False)
    assert files(made) == ["index.html", "manifest.csv", "manifest.json"]
    records = json.loads((made / "manifest.json").read_text("utf-8"))
    assert [row["seed"] for row in records] == ["7", str(MAX_SEED), None]
    assert [row["mine"] for row in records] == ["['a']", "inf", None]
    assert {row["file"] for row in records} == {None}
    page = Page(made / "index.html")
    assert len(page.all("img")) == 2
    assert not page.all("a")
    few = full.df[["file", "prompt"]].iloc[:1]
    assert len(files(full.log.export(tmp_path / "few", few))) == 4


def test_a_picture_that_is_gone_is_told(full, tmp_path):
    """Its row is there, without a file; the page, the manifest and a warning say so."""
    frame = full.df
    frame.loc[2, "file"] = str(tmp_path / "gone.jpg")
    with pytest.warns(UserWarning, match="lacks 1 of 2 pictures") as warned:
        made = full.log.export(tmp_path / "out", frame)
    text, records = Page(made / "index.html").text, json.loads((made / "manifest.json").read_text("utf-8"))
    assert "its file is not here" in text
    assert "without 1 of 2 pictures, of which the file is missing or damaged" in text
    assert records[2]["file"] is None
    assert [row["fileMissing"] for row in records] == [None, None, "its file is not here"]
    assert warned[0].filename == __file__


def test_an_export_without_any_of_its_pictures_is_refused(full, tmp_path):
    """An image folder that was moved is an error, and nothing is written; rows that never had a picture are none."""
    frame = full.df
    assert len(files(full.log.export(tmp_path / "failed", frame.iloc[[1]]))) == 3
    frame["file"] = frame["file"].map(lambda file: f"{file}.gone", na_action="ignore")
    with pytest.raises(errors.StorageError, match=r"of 2 pictures.*studio\.recover\(\)"):
        full.log.export(tmp_path / "out", frame)
    assert not (tmp_path / "out").exists()


def test_a_frame_cannot_take_other_files_along(full, tmp_path):
    """Only pictures are taken, under names made of a whole seed, of their bytes' hash and of their own kind."""
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    image = full.last.image
    (tmp_path / f"{'a' * 64}.svg").write_bytes(image.bytes)
    frame = pd.concat([full.df.iloc[[0]]] * 3, ignore_index=True).astype(object)
    frame["file"] = [str(tmp_path / "secret.txt"), str(tmp_path / f"{'a' * 64}.svg"), "a\0b"]
    frame["seed"] = ["1", "/../../../../x", 3]
    with pytest.warns(UserWarning, match="2 of 3"):
        made = full.log.export(tmp_path / "out", frame)
    assert files(made) == [f"images/0002-{image.sha256[:8]}.jpg", "index.html", "manifest.csv", "manifest.json"]
    records = json.loads((made / "manifest.json").read_text("utf-8"))
    assert [row["sha256"] for row in records] == [None, image.sha256, None]
    with pytest.warns(UserWarning, match="2 of 3"):
        made = full.log.export(tmp_path / "out.zip", frame)
    with zipfile.ZipFile(made) as packed:
        assert {name.split("/")[0] for name in packed.namelist()} == {"out"}
        assert ".." not in "".join(packed.namelist())


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("", "names no place"),
        ("a\0b", "names no place"),
        ("~no-such-user/x", "type the whole path"),
        ("...zip", "type a name before .zip"),
        (".zip", "type a name before .zip"),
        ("/", "is not empty"),
        (".", "is not empty"),
        (7, "must be text or a Path"),
    ],
)
def test_a_place_that_can_be_none_is_told(full, path, hint):
    """What is no path, or holds something, is an error that says what to type."""
    with pytest.raises(errors.RequestError, match=re.escape(hint)) as raised:
        full.log.export(path)
    assert raised.value.parameter == "path"


def test_an_empty_folder_stays_what_it_is(full, tmp_path, monkeypatch):
    """Its rights, a link to it, and the folder that a person is in."""
    for name in ("mine", "real", "here"):
        (tmp_path / name).mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path / "here")
    for path in (tmp_path / "mine", tmp_path / "link", "."):
        made = full.log.export(path)
        assert len(files(made)) == 5
        assert made.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "link").is_symlink()
    assert Path.cwd() == tmp_path / "here"


def test_an_empty_folder_is_empty_after_a_failure(full, tmp_path, monkeypatch):
    """Nothing is left in it, and it stays."""
    (tmp_path / "mine").mkdir()

    def fail(*_):
        raise OSError(28, "No space")

    monkeypatch.setattr("nbkit.log.export.document_html", fail)
    with pytest.raises(errors.StorageError, match="No space"):
        full.log.export(tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []


def test_new_places_follow_the_umask(full, tmp_path):
    """Who shares nothing exports nothing that others can read."""
    before = os.umask(0o077)
    try:
        made = full.log.export(tmp_path / "out"), full.log.export(tmp_path / "out.zip")
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700, 0o600]


def test_what_can_be_exported(full, tmp_path):
    """What can be marked can be exported: runs and pictures too; anything else is an error that says what to give."""
    run = full.last
    for number, which in enumerate((run, [run], run.image, run.image.image_uuid)):
        made = full.log.export(tmp_path / f"out{number}", which)
        assert [row["seed"] for row in json.loads((made / "manifest.json").read_text("utf-8"))] == [7]
    with pytest.raises(errors.RequestError, match="not int"):
        full.log.export(tmp_path / "out", 7)
    with pytest.raises(KeyError, match="no picture 'x'"):
        full.log.export(tmp_path / "out", "x")
    twice = pd.concat([full.df, full.df[["seed"]]], axis=1)
    with pytest.raises(nbkit.NbkitError, match="more than one column 'seed'"):
        full.log.export(tmp_path / "out", twice)


def test_it_tells_nothing_of_the_machine_and_no_credentials(service, open_studio, tmp_path):
    """No absolute path, no query of an address, no key: in no file."""
    studio = open_studio(api_key="canary-key-123")
    studio.generate(
        "A lantern",
        width=512,
        height=512,
        webhook_url="https://example.org/hook?token=canary1",
        reference_images=["https://example.org/picture.png?signature=canary2"],
        extra={"more": {"address": "https://user:canary3@example.org/x?canary4=1"}},
    )
    frame = studio.df.assign(error=f"cannot write {(tmp_path / 'runs').absolute()}/images, nor {Path.home()}/x")
    made = studio.log.export(tmp_path / "out", frame)
    for name in ("manifest.csv", "manifest.json", "index.html"):
        text = (made / name).read_text("utf-8")
        assert "canary" not in text
        assert str(tmp_path) not in text
        assert str(Path.home()) not in text
    assert "https://example.org/picture.png" in (made / "manifest.csv").read_text("utf-8")


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_a_place_that_is_taken_is_refused(full, tmp_path, name):
    """What is there stays; the error says which name is free. An empty folder is no obstacle."""
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
def test_an_export_that_fails_leaves_nothing(full, tmp_path, name, monkeypatch):
    """Interrupted in the middle, or with no room left: neither a half export nor its traces."""
    before = sorted(tmp_path.iterdir())
    for problem, raised in ((KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, "No space"), errors.StorageError)):

        def fail(*_, problem=problem):
            raise problem

        monkeypatch.setattr("nbkit.log.export.document_html", fail)
        with pytest.raises(raised):
            full.log.export(tmp_path / name)
        assert sorted(tmp_path.iterdir()) == before


def test_a_place_that_cannot_be_written_is_told(full, tmp_path):
    """Below a file there is no folder."""
    (tmp_path / "file").touch()
    with pytest.raises(errors.StorageError, match="cannot be written"):
        full.log.export(tmp_path / "file" / "out")


def test_nothing_to_export(studio, tmp_path):
    """An empty log, and a frame that does not know its pictures, say so."""
    with pytest.raises(nbkit.NbkitError, match=r"no rows to export.*studio\.generate"):
        studio.log.export(tmp_path / "out")
    with pytest.raises(nbkit.NbkitError, match="no column 'file'"):
        studio.log.export(tmp_path / "out", pd.DataFrame({"seed": [1]}))
    assert not (tmp_path / "out").exists()


def test_a_frame_that_came_from_a_file(full, tmp_path):
    """Its pictures are found by their paths."""
    again = pd.read_csv(io.StringIO(full.df.to_csv(index=False)), dtype={"seed": "Int64"})
    assert len(files(full.log.export(tmp_path / "out", again))) == 5


def test_the_page_tells_how_each_picture_was_made(studio, tmp_path):
    """Every parameter that was set; a prompt of any length leaves the page readable, and is scrolled by keyboard, too."""
    studio.generate("word " * 3000, seed=1, thinking="HIGH", system_prompt="calm", resolution="0.5K", ttl=60)
    page = (studio.log.export(tmp_path / "out") / "index.html").read_text("utf-8")
    for name, value in (("thinking", "HIGH"), ("systemPrompt", "calm"), ("resolution", "0.5K"), ("temperature", "—")):
        assert f"<dt>{name}</dt><dd>{value}</dd>" in page
    assert "<dt>ttl</dt>" not in page  # says nothing of the picture
    assert "<dt>rating</dt>" not in page
    assert '<p tabindex="0">word word' in page
