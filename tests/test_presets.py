"""Presets: settings under a name, checked when they are written and when they are read, kept in one file."""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
from effort import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from small_requests import generate

import nbkit
from nbkit import errors

PORTRAIT = {"aspect_ratio": "3:4", "temperature": 0.4}


@pytest.fixture
def log(tmp_path):
    """A log without runs."""
    with contextlib.closing(nbkit.RunLog(tmp_path / "runs")) as opened:
        yield opened


@pytest.fixture
def file(log):
    """Its presets."""
    return log.folder / "presets.json"


def write(file, presets, version=1):
    """Write a file of presets by hand."""
    file.write_text(json.dumps({"version": version, "presets": presets}), "utf-8")


def test_a_preset_is_there_in_a_later_kernel(log):
    """Its parameters have their Python names, whatever was typed, and what was not set is not kept."""
    log.presets["portrait"] = {"temperature": 0.30000000000000004, "settings": {"topP": 1}, "seed": None}
    log.presets["Large"] = {"resolution": "4K", "numberResults": 2, "seed": 2**63 - 1, "web_search": False}
    with contextlib.closing(nbkit.RunLog(log.folder)) as later:
        assert list(later.presets) == ["Large", "portrait"]
        assert later.presets["portrait"] == {"temperature": 0.3, "top_p": 1.0}
        assert later.presets["Large"] == {
            "resolution": "4K", "seed": 2**63 - 1, "number_results": 2, "web_search": False
        }  # fmt: skip
        assert len(later.presets) == 2
        assert "portrait" in later.presets
        assert 3 not in later.presets


def test_presets_are_a_mapping(log, file):
    """They are replaced and deleted as in a dict; reading makes no file; a change of what was read is not kept."""
    assert dict(log.presets) == {}
    assert not file.exists()
    log.presets["portrait"] = PORTRAIT
    log.presets["portrait"]["temperature"] = 0.9
    assert log.presets == {"portrait": PORTRAIT}
    log.presets.update(portrait={"seed": 1}, plain={})
    assert log.presets.pop("portrait") == {"seed": 1}
    del log.presets["plain"]
    assert log.presets.get("plain") is None
    with pytest.raises(KeyError, match="no preset 'plain'; there are none"):
        del log.presets["plain"]
    log.presets["portrait"] = PORTRAIT
    with pytest.raises(KeyError, match="did you mean 'portrait'"):
        log.presets["portait"]
    assert json.loads(file.read_text("ascii")) == {"version": 1, "presets": {"portrait": PORTRAIT}}
    assert list(log.folder.glob(".part-*")) == []


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"temperature": 1.2}, "temperature=1.2: must be a number from 0 to 1 in steps of 0.01. Nearest: temperature=1.0"),
        ({"seed": True}, "seed=True: must be a whole number"),
        ({"temprature": 0.4}, '"temprature" is not a parameter\\. Did you mean temperature'),
        ({"topP": 0.4, "top_p": 0.5}, "two spellings"),
        ({"width": 1024}, "width=1024 needs height too"),
        ({"width": 1920, "height": 1080}, "not a size of"),
        ({"resolution": "1K", "width": 1024, "height": 1024}, "does not go with"),
        ({"prompt": "A lantern"}, "prompt cannot be part of a preset: a preset has the settings"),
        ({"positivePrompt": "A lantern"}, "positivePrompt cannot be part of a preset"),
        ({"reference_images": ["https://example.com/a.jpg"]}, "reference_images cannot be part .* beside the preset"),
        ({"webhook_url": "https://example.com/?key=canary"}, "webhook_url cannot be part .* credentials"),
        ({"uploadEndpoint": "https://example.com/?key=canary"}, "uploadEndpoint cannot be part .* credentials"),
        ({"extra": {"key": "canary"}}, "extra is sent by code alone"),
        ({"task_uuid": "canary"}, "taskUUID cannot be part of a preset"),
        ({"model": "google:9@9"}, "must be one of"),
        ("temperature=0.4", "a preset must be a dict of settings"),
        (None, "a preset must be a dict of settings"),
    ],
)  # fmt: skip
def test_what_is_no_setting_is_refused(log, file, parameters, message):
    """As the request refuses it, in the spelling that was typed; nothing is written, and no credential is repeated."""
    with pytest.raises(errors.RequestError, match=message) as raised:
        log.presets["portrait"] = parameters
    assert "canary" not in f"{raised.value} {vars(raised.value)}"
    assert not file.exists()


@pytest.mark.parametrize(
    "name",
    ["", " ", "x" * 81, "a\nb", "a\tb", " a", "a  b", "a\x1b[31m", "a\u202eb", "\ud800", 3, None, b"a"],
    ids=repr,
)
def test_a_name_is_short_and_printable(log, file, name):
    """It stands in a menu, in a message and in code."""
    with pytest.raises(errors.RequestError, match=r"^preset=.*: must be") as raised:
        log.presets[name] = PORTRAIT
    assert raised.value.parameter == "preset"
    assert not file.exists()


@pytest.mark.parametrize("name", ["x" * 80, "für Plakate", "灯笼 3:4", "👩‍🎨", "</td><script>", "a.b/c"])
def test_any_printable_name_can_be_used(log, name):
    """In every alphabet; markup in it is text."""
    log.presets[name] = PORTRAIT
    assert list(nbkit.RunLog(log.folder).presets) == [name]
    assert "<script>" not in log.presets._repr_mimebundle_()["text/html"]


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.integers(0, 100).map(lambda number: number / 100),
        "top_p": st.integers(0, 100).map(lambda number: number / 100),
        "seed": st.integers(0, 2**63 - 1),
        "number_results": st.integers(1, 4),
        "aspect_ratio": st.sampled_from(["1:1", "3:4", "16:9"]),
        "resolution": st.sampled_from(["0.5K", "1K", "4K"]),
        "system_prompt": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(
            str.strip
        ),
        "check_content": st.booleans(),
        "output_format": st.sampled_from(["JPG", "PNG", "WEBP"]),
    },
)


@settings(max_examples=examples(50), deadline=None)
@given(presets=st.dictionaries(st.text("abcdé", min_size=1, max_size=5), SETTINGS, max_size=3))
def test_what_is_written_is_read(presets):
    """Exactly, and a request takes it."""
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(nbkit.RunLog(folder)) as log:
        log.presets.update(presets)
        assert dict(log.presets) == presets
        for name in presets:
            given_to = nbkit.ImageRequest("A lantern", **log.presets[name])
            assert given_to.parameters == {"prompt": "A lantern", **presets[name]}


# -- the file ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"3", b'"presets"', b"\xff\xfe\xff", b'{"presets": {}}', b'{"version": 1}',
        b'{"version": 1, "presets": []}', b'{"version": "1", "presets": {}}', b'{"version": 0, "presets": {}}',
        b'{"version": 1, "presets": {"a": {"seed": NaN}}}', b'{"version": 1, "presets": {"a": {"seed": 1e999}}}',
        b"[" * 100_000, b'{"version": 1, "presets": {"a": ' + b"9" * 10_000 + b"}}",
    ],
    ids=lambda content: repr(content[:40]),
)  # fmt: skip
def test_a_damaged_file_is_named_and_kept(log, file, content):
    """Reading and writing say what to do; the runs can be read."""
    file.write_bytes(content)
    for act in (
        lambda: dict(log.presets),
        lambda: log.presets["a"],
        lambda: log.presets.update(a=PORTRAIT),
        lambda: log.presets.pop("a"),
        log.presets._repr_mimebundle_,
    ):
        with pytest.raises(errors.StorageError, match="correct it, or move it aside") as raised:
            act()
        assert str(file) in str(raised.value)
    assert file.read_bytes() == content
    assert len(log) == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither without rights")
@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "huge"])
def test_only_a_regular_file_of_usual_size_is_read(studio, tmp_path, kind, monkeypatch):
    """A link of a stranger's log may lead anywhere, and a pipe does not end; a backup copies neither."""
    file = studio.log.folder / "presets.json"
    write(tmp_path / "secret", {"canary": {}})
    monkeypatch.setattr("nbkit.log.presets.MAX_BYTES", 100)
    {
        "link": lambda: file.symlink_to(tmp_path / "secret"),
        "folder": file.mkdir,
        "pipe": lambda: os.mkfifo(file),
        "huge": lambda: write(file, {"a": {"system_prompt": "x" * 100}}),
    }[kind]()
    with pytest.raises(errors.StorageError, match=r"is not a regular file|is longer than 100 bytes"):
        dict(studio.log.presets)
    studio.log.backup(tmp_path / "copy")
    assert (tmp_path / "copy" / "presets.json").exists() == (kind == "huge")


def test_presets_that_would_be_too_long_to_read_are_not_written(log, monkeypatch):
    """The earlier ones stay."""
    monkeypatch.setattr("nbkit.log.presets.MAX_BYTES", 300)
    log.presets["portrait"] = PORTRAIT
    with pytest.raises(errors.StorageError, match="would be longer than 300 bytes"):
        log.presets["long"] = {"system_prompt": "x" * 300}
    assert log.presets == {"portrait": PORTRAIT}


NEWER = {
    "style": {"style": "ink", "temperature": 0.4},
    "hot": {"temperature": 1.5},
    "list": [1, 2],
    "hook": {"webhook_url": "https://example.com/?key=canary"},
    "x" * 81: {"seed": 1},
    "half": {"system_prompt": "\ud800"},
}
"""Entries that this nbkit cannot use."""


def test_what_this_nbkit_cannot_use_is_left_out_and_stays_in_the_file(log, file):
    """A warning names it; other presets are read, written and deleted beside it."""
    write(file, {**NEWER, "portrait": PORTRAIT})
    with pytest.warns(UserWarning, match=r"6 presets that this nbkit cannot use.*'hook' \(.*and 1 more") as warned:
        assert list(log.presets) == ["portrait"]
    assert "canary" not in str(warned[0].message)
    assert log.presets["portrait"] == PORTRAIT
    log.presets["square"] = {"aspect_ratio": "1:1"}
    del log.presets["portrait"]
    assert json.loads(file.read_text("ascii"))["presets"] == {**NEWER, "square": {"aspect_ratio": "1:1"}}
    for name in NEWER:
        with pytest.raises(errors.StorageError, match="cannot use the preset") as raised:
            log.presets[name]
        assert "canary" not in str(raised.value)
    log.presets["style"] = PORTRAIT
    assert log.presets["style"] == PORTRAIT


def test_a_newer_layout_is_refused(log, file):
    """And left as it is; other keys of this layout are kept."""
    write(file, {}, version=2)
    with pytest.raises(errors.LogVersionError, match="written by a newer nbkit"):
        log.presets["portrait"] = PORTRAIT
    assert json.loads(file.read_text())["version"] == 2
    file.write_text('{"version": 1, "presets": {}, "order": ["portrait"]}')
    log.presets["portrait"] = PORTRAIT
    assert json.loads(file.read_text())["order"] == ["portrait"]


WRITER = """
import sys, nbkit
log = nbkit.RunLog(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    log.presets[f"{sys.argv[2]} {number}"] = {"seed": number}
    if number % 4 == 0:
        del log.presets[f"{sys.argv[2]} {number}"]
"""


def test_two_kernels_that_write_at_the_same_time_lose_nothing(log):
    """A third one reads whole files meanwhile."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    writers = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", WRITER, str(log.folder), name], **pipes)
        for name in ("a", "b")
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    while any(writer.poll() is None for writer in writers):
        assert all(re.fullmatch(r"[ab] \d+", name) for name in log.presets)
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    expected = {f"{name} {number}": {"seed": number} for name in "ab" for number in range(40) if number % 4}
    assert dict(log.presets) == expected


# -- the log around it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", ".zip"])
def test_a_backup_has_the_presets(studio, tmp_path, ending):
    """As they are in the file, and the copy is a whole log."""
    generate(studio)
    studio.log.presets["portrait"] = PORTRAIT
    target = studio.log.backup(tmp_path / f"copy{ending}")
    if ending:
        with zipfile.ZipFile(target) as archive:
            archive.extractall(tmp_path / "unpacked")
        target = tmp_path / "unpacked" / "copy"
    with contextlib.closing(nbkit.RunLog(target)) as copy:
        assert copy.presets == {"portrait": PORTRAIT}
        assert copy.verify().empty


def test_a_log_with_presets_has_no_faults(studio):
    """Checking, mending and recovering leave the file alone."""
    generate(studio)
    studio.log.presets["portrait"] = PORTRAIT
    assert studio.log.verify(mend=True).empty
    assert studio.recover().empty
    assert studio.log.presets == {"portrait": PORTRAIT}


def test_the_file_stays_where_the_log_is(monkeypatch, tmp_path):
    """Also after a change of the working directory."""
    with contextlib.closing(nbkit.RunLog("runs")) as log:
        monkeypatch.chdir(tempfile.mkdtemp(dir=tmp_path))
        log.presets["portrait"] = PORTRAIT
        assert list(Path.cwd().iterdir()) == []
        assert (tmp_path / "runs" / "presets.json").exists()


def test_a_full_disk_leaves_the_presets_as_they_were(log, file, monkeypatch):
    """Nothing half written stays."""
    log.presets["portrait"] = PORTRAIT

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(errors.StorageError, match="cannot be written: No space left on device"):
        log.presets["square"] = {"aspect_ratio": "1:1"}
    monkeypatch.undo()
    assert log.presets == {"portrait": PORTRAIT}
    assert sorted(path.name for path in log.folder.glob("*.json")) == ["presets.json"]
    assert list(log.folder.glob(".part-*")) == []


def test_presets_show_as_a_table(log):
    """A row for each, a column for each parameter that one of them has; none says how to make the first."""
    shown = log.presets._repr_mimebundle_()
    assert 'presets["portrait"] = {' in shown["text/plain"]
    log.presets["portrait"] = PORTRAIT
    log.presets["Warm"] = {"temperature": 0.9, "web_search": True}
    shown = log.presets._repr_mimebundle_()
    assert shown["text/plain"].splitlines() == [
        "2 presets",
        "preset    aspect_ratio  temperature  web_search",
        "portrait  3:4           0.4          —",
        "Warm      —             0.9          True",
    ]
    assert shown["text/html"].count("<tr>") == 3
    assert "picture" not in shown["text/html"]
    assert (
        repr(log.presets)
        == "<Presets {'portrait': {'aspect_ratio': '3:4', 'temperature': 0.4}, 'Warm': {'temperature': 0.9, 'web_search': True}}>"
    )
