"""Packs: recorded requests are answered with their pictures, byte for byte, and what stands in for them is told."""

from __future__ import annotations

import io
import json
import socket
import zipfile
from pathlib import Path

import pytest
from offline_tasks import new_uuid, query, refusal, send
from PIL import Image

import nbkit
from nbkit import errors
from nbkit.offline.pack import MAX_MANIFEST_BYTES, Pack
from nbkit.offline.pack_file import pack_log
from nbkit.offline.replay import Replayer
from nbkit.offline.server import serving
from nbkit.request.pixels import pixels_only
from nbkit.service.replay import replay_text

LANTERN = {"prompt": "A paper lantern", "resolution": "0.5K"}


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """A log of a lesson, and the pack of it."""
    folder = tmp_path_factory.mktemp("lesson")
    studio = nbkit.Studio(engine=nbkit.Offline(noise=0.03, seed=1), path=folder / "log")
    for temperature in (0.2, 0.7):
        studio.generate(**LANTERN, temperature=temperature, seed=7)
    studio.generate(**LANTERN, temperature=0.7, seed=7)  # a repeat
    pair = studio.generate(**LANTERN, temperature=0.5, number_results=2)
    pair[1].edit("The same in the snow", seed=3)
    blocked = nbkit.Studio(engine=nbkit.Offline(failures={"blocked": 1}), path=folder / "log")
    blocked.generate("A boat", resolution="0.5K", seed=1)
    pack_log(studio.log, folder / "lesson.nbpack")
    return studio.log, folder / "lesson.nbpack"


@pytest.fixture
def replaying(lesson, tmp_path):
    """Makes a studio whose engine has the pack."""

    def make(miss="draw", **options):
        return nbkit.Studio(engine=nbkit.Offline(pack=lesson[1], miss=miss, **options), path=tmp_path / f"log-{miss}")

    return make


@pytest.fixture
def no_network(monkeypatch):
    """Every attempt to reach another address fails."""

    def refuse(*_):
        raise OSError("the network is cut")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def recorded(log, **columns):
    """The runs of a log whose requests have these parameters, oldest first."""
    return [r for r in reversed(list(log)) if all(getattr(r.request, name) == v for name, v in columns.items())]


def test_a_lesson_is_replayed_byte_for_byte_with_the_network_cut(lesson, replaying, no_network):
    """Pictures, seeds and costs are the recorded ones; an edit of a replayed picture is found by the picture's hash."""
    studio = replaying("refuse")
    for run in reversed(list(lesson[0])):
        again = studio.generate(run.request)
        assert (again.status, again.cost_micros) == (run.status, run.cost_micros)
        assert [(i.bytes, i.seed, i.replay) for i in again] == [(i.bytes, i.seed, "exact") for i in run]
    pair = recorded(lesson[0], number_results=2)[0]
    edited = studio.generate(pair.request)[1].edit("The same in the snow", seed=3)
    assert edited.image.bytes == recorded(lesson[0], prompt="The same in the snow")[0].image.bytes


def test_a_request_that_comes_again_gets_the_recordings_in_turn(lesson, replaying):
    """And begins anew after the last one."""
    runs = recorded(lesson[0], temperature=0.7)
    assert runs[0].image != runs[1].image
    studio = replaying()
    found = [studio.generate(**LANTERN, temperature=0.7, seed=7).image for _ in range(3)]
    assert found == [runs[0].image, runs[1].image, runs[0].image]


def test_another_temperature_gets_the_nearest_recording_which_says_so(lesson, replaying):
    """In the column, under the picture as HTML and as text, in the table and in the gallery's tile."""
    studio = replaying("nearest")
    run = studio.generate(**LANTERN, temperature=0.9, seed=7)
    assert run.image in [one.image for one in recorded(lesson[0], temperature=0.7)]
    said = "temperature 0.7 instead of 0.9"
    assert run.image.replay == studio.df.replay[0] == f"nearest: {said}"
    for text in (run.to_html(), run.to_text(), repr(run.image), nbkit.compare(run, run).to_html()):
        assert f"nearest recording: {said}" in text
    assert f"nearest: {said}" in studio.log.show().text
    assert studio.log[run.task_uuid].image.replay == run.image.replay
    assert f"nearest recording: {said}" in studio.gallery().grid._items[0].caption


def test_what_differs_least_is_nearest(lesson, replaying):
    """A choice that differs is further than any temperature, and a seed hardly counts."""
    studio = replaying("nearest")
    run = studio.generate(**LANTERN, temperature=0.3, seed=99, thinking="HIGH", output_format="PNG")
    assert run.image == recorded(lesson[0], temperature=0.2)[0].image
    assert run.image.media_type == "image/jpeg"
    assert run.image.replay == (
        "nearest: seed 7 instead of 99, temperature 0.2 instead of 0.3, thinking not set instead of HIGH, "
        "outputFormat JPG instead of PNG"
    )


@pytest.mark.parametrize(
    "changes",
    [{"seed": 8}, {"seed": None}, {"number_results": 2}, {"temperature": None}, {"width": 512, "height": 512, "top_p": 0.95}],
)  # fmt: skip
def test_a_nearest_recording_is_never_shown_as_exact(replaying, changes):
    """Whatever the difference is, it is named."""
    base = nbkit.ImageRequest(**LANTERN, temperature=0.2, seed=7)
    for image in replaying("nearest").generate(base.replace(**changes)):
        match, _, differs = image.replay.partition(": ")
        assert match == "nearest"
        assert " instead of " in differs


def test_a_prompt_that_was_not_recorded_is_drawn_and_says_so(replaying):
    """Also where the nearest recording is wanted: there is none."""
    for miss in ("draw", "nearest"):
        run = replaying(miss).generate("A jade teapot", resolution="0.5K", seed=7)
        assert (run.image.replay, run.image.footer is not None) == ("drawn", True)
        assert "drawn, not recorded" in run.to_text()
    assert replaying("draw").generate(**LANTERN, temperature=0.9, seed=7).image.replay == "drawn"


def test_what_is_not_in_the_pack_may_be_refused(replaying):
    """The error says what the pack has; nothing is charged, and nothing is asked again."""
    studio = replaying("refuse")
    near, other = studio.generate(**LANTERN, temperature=0.9, seed=7), studio.generate("A jade teapot", seed=7)
    assert isinstance(near.error, errors.RefusedError)
    assert (near.error.code, near.cost, other.error.code) == ("notInPack", 0.0, "notInPack")
    assert "temperature 0.2, 0.5, 0.7" in str(near.error)
    assert '"A paper lantern"' in str(other.error)
    assert studio.budget.spent == 0


def test_a_refusal_by_the_safety_filter_is_replayed(replaying):
    """It is a result, and costs nothing."""
    run = replaying("refuse").generate("A boat", resolution="0.5K", seed=1)
    assert (run.status, run.cost) == ("blocked", 0.0)


def test_each_way_to_an_answer_carries_the_recording(lesson):
    """Sync, async and asked for later; as an address, as data and as a data URI."""
    engine = nbkit.Offline(pack=lesson[1], miss="nearest")
    first = recorded(lesson[0], temperature=0.2)[0]
    task = {**first.request.to_send(), "outputType": "base64Data"}
    _, body = send(engine, task)
    assert body["data"][0]["replay"] == {"match": "exact", "differs": {}}
    later = {**task, "taskUUID": new_uuid(), "deliveryMethod": "async", "outputType": "URL"}
    later["settings"] = {"temperature": 0.3}
    assert send(engine, later)[1]["data"][0]["status"] == "processing"
    item = query(engine, "getResponse", later["taskUUID"])[1]["data"][0]
    assert item["replay"] == {"match": "nearest", "differs": {"temperature": {"asked": 0.3, "is": 0.2}}}
    assert engine.picture(item["imageURL"].rpartition("/")[2]).body == first.image.bytes
    details = query(engine, "getTaskDetails", later["taskUUID"])[1]["data"][0]["response"]
    assert details["data"][0]["replay"] == item["replay"]


def test_an_engine_with_a_state_answers_as_before_after_a_restart(lesson, tmp_path):
    """The same recorded picture, by the same address, though the next one would be the other repeat."""
    first = recorded(lesson[0], temperature=0.7)[0]
    task = {**first.request.to_send(), "deliveryMethod": "async"}
    engine = nbkit.Offline(pack=lesson[1], state=tmp_path / "state.sqlite")
    send(engine, task)
    before = query(engine, "getResponse", task["taskUUID"])
    engine.close()
    engine = nbkit.Offline(pack=lesson[1], state=tmp_path / "state.sqlite")
    assert query(engine, "getResponse", task["taskUUID"]) == before
    name = before[1]["data"][0]["imageURL"].rpartition("/")[2]
    assert engine.picture(name).body == first.image.bytes
    engine.close()
    engine = nbkit.Offline(state=tmp_path / "state.sqlite")  # without the pack
    assert engine.picture(name).status == 404
    engine.close()


def test_without_a_pack_nothing_is_said_of_recordings(tmp_path):
    """Neither in the answer nor in the column."""
    studio = nbkit.Studio(engine="offline", path=tmp_path)
    assert studio.generate(**LANTERN, seed=7).image.replay is None
    assert studio.df.replay.isna().all()


def test_adopted_rows_keep_how_a_pack_answered(replaying, tmp_path):
    """From another log, and from an export."""
    studio = replaying("nearest")
    studio.generate(**LANTERN, temperature=0.9, seed=7)
    export = studio.log.export(tmp_path / "export.zip")
    for number, source in enumerate((studio.log.folder, export)):
        with_theirs = nbkit.RunLog(tmp_path / f"mine-{number}")
        assert with_theirs.adopt(source).replay.tolist() == studio.df.replay.tolist()


def test_what_stood_in_for_a_recording_is_not_packed_again(replaying, tmp_path):
    """Otherwise a nearest recording would come back as an exact one."""
    studio = replaying("nearest")
    for temperature in (0.2, 0.9):
        studio.generate(**LANTERN, temperature=temperature, seed=7)
    packed = pack_log(studio.log, tmp_path / "again")
    assert (packed.path.name, packed.requests) == ("again.nbpack", 1)
    assert "that stood in for a recording" in str(packed)


def test_a_pack_of_nothing_is_not_written(tmp_path):
    """And none replaces a file."""
    log = nbkit.RunLog(tmp_path / "log")
    with pytest.raises(errors.NbkitError, match="nothing to pack"):
        pack_log(log, tmp_path / "x.nbpack")
    (tmp_path / "y.nbpack").touch()
    with pytest.raises(errors.RequestError, match=r"y\.nbpack is there already"):
        pack_log(log, tmp_path / "y.nbpack")
    assert {path.name for path in tmp_path.glob("*.nbpack")} == {"y.nbpack"}


def test_a_pack_has_no_key_no_address_and_no_metadata(service, open_studio, tmp_path):
    """Of a run that had a key, a webhook and an upload address with credentials, and a picture with EXIF."""
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    out = io.BytesIO()
    Image.effect_noise((64, 64), 50).convert("RGB").save(out, "JPEG", exif=exif)
    service.picture = lambda *_: out.getvalue()
    studio = open_studio()
    run = studio.generate(
        "A lantern", seed=7, webhook_url="https://hook.example/?token=hush", reference_images=["https://r.example/a?sig=hush"]
    )  # fmt: skip
    pack_log(studio.log, tmp_path / "p.nbpack")
    pack = Pack(tmp_path / "p.nbpack")
    (entry,) = pack.entries
    data = pack.picture(entry.pictures[0])
    assert data == pixels_only(run.image.bytes)
    with zipfile.ZipFile(pack.path) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    for secret in (b"hush", b"http", run.task_uuid.encode(), b"taskUUID", b"Exif"):
        assert secret not in everything


def test_a_picture_that_goes_elsewhere_says_how_a_pack_answered(replaying, tmp_path):
    """In its file, in a log that adopts it, in the tree of versions and in a sweep's grid."""
    studio = replaying("nearest")
    run = studio.generate(**LANTERN, temperature=0.9, seed=7)
    (tmp_path / "files").mkdir()
    found = nbkit.read(run.image.save(tmp_path / "files" / "lantern.jpg", metadata=True))
    assert found.facts["replay"] == run.image.replay
    adopted = nbkit.RunLog(tmp_path / "mine").adopt(tmp_path / "files")
    assert adopted.replay.tolist() == [run.image.replay]
    said = "nearest recording: temperature 0.7 instead of 0.9"
    assert said in studio.log.thread(run).to_text()
    sweep = studio.sweep("A paper lantern", resolution="0.5K", seed=7, temperature=[0.2, 0.9])
    grid = sweep.run().grid()
    assert "recorded" in grid.html
    assert said in grid.html
    assert said in grid.text


def test_a_served_pack_is_replayed_over_http(lesson, tmp_path):
    """To the byte, and with what differs."""
    first = recorded(lesson[0], temperature=0.2)[0]
    with serving(nbkit.Offline(pack=lesson[1], miss="nearest")) as url:
        studio = nbkit.Studio(engine=url, path=tmp_path / "log")
        runs = [studio.generate(first.request), studio.generate(first.request.replace(temperature=0.3))]
        studio.close()
    assert [run.image.bytes for run in runs] == [first.image.bytes] * 2
    assert [run.image.replay for run in runs] == ["exact", "nearest: temperature 0.2 instead of 0.3"]


# -- packs of strangers --------------------------------------------------------------------------------------


def changed(source: Path, target: Path, change=None, files=None, name="manifest.json") -> Path:
    """A copy of a pack with another manifest, and further or other files."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        for member in archive.namelist():
            data = archive.read(member)
            if member == "manifest.json":
                manifest = json.loads(data)
                data = change(manifest) if change else data
                if not isinstance(data, bytes):
                    data = json.dumps(manifest).encode()
                copy.writestr(name, data)
            elif member not in (files or {}):
                copy.writestr(member, data)
        for member, data in (files or {}).items():
            copy.writestr(member, data)
    return target


def set_in(*path):
    """A change of a manifest: the last argument becomes the value at the path."""
    *keys, last, value = path

    def change(manifest):
        for key in keys:
            manifest = manifest[key]
        manifest[last] = value

    return change


ENTRY = ("entries", 0)
RESULT = (*ENTRY, "results", 0)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda _: b"{", "no JSON"),
        (lambda _: b"[" * 200_000, "no JSON"),
        (lambda _: b'{"format": NaN}', "no JSON"),
        (lambda _: b'{"format": ' + b"9" * 5_000 + b"}", "no JSON"),
        (lambda _: b"[]", "does not say"),
        (lambda _: b" " * (MAX_MANIFEST_BYTES + 1), "would be"),
        (set_in("version", 2), "version 2"),
        (set_in("version", True), "version True"),
        (set_in("entries", {}), "no list"),
        (set_in("entries", [[]] * 20_001), "no list"),
        (set_in(*ENTRY, 7), "entry 1: it is no object"),
        (set_in(*ENTRY, "task", None), "its task"),
        (set_in(*ENTRY, "task", "seed", -1), "entry 1: seed"),
        (set_in(*ENTRY, "task", "positivePrompt", 7), "entry 1"),
        (set_in(*ENTRY, "task", "model", "google:9@9"), "entry 1"),
        (set_in(*ENTRY, "task", "evil", 1), "evil"),
        (set_in(*ENTRY, "task", "inputs", {"referenceImages": ["/etc/passwd"]}), "no hash"),
        (set_in(*ENTRY, "date", 7), "date"),
        (set_in(*ENTRY, "results", []), "results, or a refusal"),
        (set_in(*ENTRY, "results", [{}] * 21), "no list"),
        (set_in(*ENTRY, "refusal", "no"), "not both"),
        (set_in(*RESULT, "sha256", "../../etc/passwd"), "no hash"),
        (set_in(*RESULT, "mediaType", "text/html"), "not JPG"),
        (set_in(*RESULT, "mediaType", []), "not JPG"),
        (set_in(*RESULT, "seed", 2**63), "seed"),
        (set_in(*RESULT, "seed", 1.5), "seed"),
        (set_in(*RESULT, "cost", -1), "cost"),
        (set_in(*RESULT, "cost", 1e12), "cost"),
        (set_in(*RESULT, "NSFWContent", "x"), "NSFWContent"),
    ],
)
def test_a_manifest_with_anything_else_in_it_refuses_the_pack(lesson, tmp_path, change, problem):
    """With an error that names the pack's parameter, and before any picture is read."""
    file = changed(lesson[1], tmp_path / "bad.nbpack", change)
    with pytest.raises(errors.RequestError, match=problem) as caught:
        nbkit.Offline(pack=file)
    assert caught.value.parameter == "pack"


@pytest.mark.parametrize(
    "files",
    [
        {"../evil.jpg": b""},
        {"/evil.jpg": b""},
        {"pictures/..\\evil": b""},
        {"bomb": b"\0" * 20_000_000},
    ],
)
def test_a_zip_file_that_is_made_to_do_harm_is_not_read(lesson, tmp_path, files):
    """Names that lead outside, and files that unpack to far more than they are."""
    file = changed(lesson[1], tmp_path / "bad.nbpack", files=files)
    with pytest.raises(errors.RequestError, match="is not read"):
        Pack(file)


def test_what_is_no_pack_is_named(tmp_path):
    """No file, a folder, another file, and a value of another type."""
    (tmp_path / "text.nbpack").write_text("hello")
    with zipfile.ZipFile(tmp_path / "empty.nbpack", "w"):
        pass
    for path, problem in (
        (tmp_path / "none.nbpack", "there is no file"),
        (tmp_path, "there is no file"),
        ("a\0b", "there is no file"),
        (tmp_path / "text.nbpack", "no whole ZIP"),
        (tmp_path / "empty.nbpack", "has no manifest"),
        (7, "got a number"),
    ):
        with pytest.raises(errors.RequestError, match=problem):
            nbkit.Offline(pack=path)
    with pytest.raises(ValueError, match="miss='ask'"):
        nbkit.Offline(miss="ask")


def test_a_picture_with_other_bytes_than_its_name_says_is_never_given(lesson, tmp_path):
    """The check names it, and the request counts as not recorded."""
    first = recorded(lesson[0], temperature=0.2)[0]
    name = f"pictures/{first.image.sha256}.jpg"
    for number, data in enumerate((b"<script>", recorded(lesson[0], temperature=0.7)[0].image.bytes)):
        file = changed(lesson[1], tmp_path / f"lie-{number}.nbpack", files={name: data})
        assert Pack(file).check() == [f"{name} has other bytes than its name says"]
        assert refusal(nbkit.Offline(pack=file, miss="refuse"), first.request.to_send())[1]["code"] == "notInPack"


def test_an_identity_that_is_not_that_of_the_task_is_not_believed(lesson, tmp_path):
    """It is computed; the check names the entry."""
    first = recorded(lesson[0], temperature=0.2)[0]
    asked = nbkit.ImageRequest("A jade teapot", seed=7)
    file = changed(lesson[1], tmp_path / "lie.nbpack", set_in(*ENTRY, "identity", asked.identity))
    pack = Pack(file)
    assert pack.check() == ["entry 1: its identity is not that of its task"]
    assert pack.entries[0].identity == first.request.identity
    with pytest.raises(Exception, match="no recording of this prompt"):
        Replayer(pack, "refuse").find(asked, [])


def test_a_file_that_belongs_to_no_entry_is_a_fault(lesson, tmp_path):
    """It is never read."""
    file = changed(lesson[1], tmp_path / "more.nbpack", files={"pictures/evil.html": b"<script>"})
    assert Pack(file).check() == ["pictures/evil.html belongs to no entry"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("exact", None),
        ({"match": "perfect"}, None),
        ({"match": "nearest", "differs": 7}, "nearest"),
        ({"match": "nearest", "differs": {"a\nb": {"asked": True, "is": None}, "c": 7}}, "nearest: a b not set instead of on"),
    ],
)  # fmt: skip
def test_what_a_service_says_of_recordings_is_one_short_line(value, text):
    """Whatever comes, as a server may be anybody's."""
    assert replay_text(value) == text
    long = {"match": "nearest", "differs": {f"n{i}": {"asked": "x" * 1000, "is": "y" * 1000} for i in range(99)}}
    assert len(replay_text(long)) <= 400


def test_a_prompt_with_other_spaces_is_the_nearest_recording(lesson, replaying):
    """It is another request, and says so; the log finds its rows by the column."""
    studio = replaying("nearest")
    run = studio.generate("A  paper lantern", resolution="0.5K", temperature=0.2, seed=7)
    assert run.image.replay == "nearest: promptSpacing recorded instead of other"
    studio.generate(**LANTERN, temperature=0.2, seed=7)
    assert studio.log.filter("replay == 'exact'").temperature.tolist() == [0.2]


def test_the_price_of_a_nearest_recording_is_its_own(lesson, tmp_path):
    """An account that holds enough for it is enough, though other recordings of the prompt cost more."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "log")
    for resolution in ("0.5K", "4K"):
        studio.generate("A cup", resolution=resolution, seed=1, temperature=0.5)
    pack_log(studio.log, tmp_path / "cups.nbpack")
    engine = nbkit.Offline(pack=tmp_path / "cups.nbpack", miss="nearest", balance=0.05)
    run = nbkit.Studio(engine=engine, path=tmp_path / "other").generate("A cup", resolution="0.5K", temperature=0.9)
    assert (run.status, run.cost, engine.charges) == ("done", 0.04657, {run.task_uuid: 46570})
