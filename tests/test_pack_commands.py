"""``python -m nbkit pack``: a notebook is recorded within its budget and pays nothing twice; packs are checked and listed."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import nbformat
import pytest
from offline_tasks import new_uuid
from test_pack import changed

import nbkit
from nbkit import recording
from nbkit.__main__ import main
from nbkit.offline.pack import Pack
from nbkit.offline.recorder import Recorder, RecordingServer

SMALL = {"prompt": "A paper lantern", "resolution": "0.5K"}

LESSON = """
import os, nbkit
assert not {"RUNWARE_API_KEY", "NBKIT_KEY"} & set(os.environ)
assert os.path.exists("beside.txt")
offline = nbkit.Studio(engine="offline", path="one", budget=5)
other = nbkit.Studio(engine=nbkit.Offline(noise=0.5), path="two")
runs = [studio.generate("A lantern", temperature=0.5) for studio in (offline, offline, other)]
edit = runs[0].image.edit("In the snow", seed=7)
"""


@pytest.fixture
def notebook(tmp_path):
    """Writes a notebook of one cell, with a file beside it."""

    def write(code):
        (tmp_path / "beside.txt").touch()
        cells = [nbformat.v4.new_code_cell(code)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "lesson.ipynb")
        return "lesson.ipynb"

    return write


def test_a_notebook_is_recorded_within_its_budget_and_nothing_is_paid_twice(
    notebook, service, monkeypatch, capsys, tmp_path
):
    """All its studios count, also those that name the offline engine; the key does not get into the notebook."""
    monkeypatch.setenv("RUNWARE_API_KEY", "test-key")
    command = ["pack", "record", notebook(LESSON), "--engine", service.url]
    assert main([*command, "--budget", "0.15"]) == 1
    assert "the budget did not allow" in capsys.readouterr().err
    assert (len(service.charges), service.spent) == (2, pytest.approx(2 * 0.06895))
    assert not (tmp_path / "lesson.nbpack").exists()
    assert main([*command, "--budget", "1"]) == 0
    assert "2 runs of an earlier attempt: not paid again" in capsys.readouterr().out
    assert len(service.charges) == 4
    pack = Pack("lesson.nbpack")
    assert pack.check() == []
    assert [entry.request.prompt for entry in pack.entries] == ["A lantern"] * 3 + ["In the snow"]
    assert "one" not in {path.name for path in tmp_path.iterdir()}
    assert main([*command, "--budget", "1"]) == 1  # the pack is there
    assert b"test-key" not in (tmp_path / "lesson.nbpack").read_bytes()


def test_a_cell_that_fails_is_named(notebook, capsys):
    """And what was made before it is in the log."""
    code = f"import nbkit\nnbkit.Studio(engine='offline').generate(**{SMALL!r}, seed=7)\n1 / 0"
    assert main(["pack", "record", notebook(code), "--budget", "1"]) == 1
    assert "a cell of lesson.ipynb failed: ZeroDivisionError" in capsys.readouterr().err
    with closing(nbkit.RunLog("lesson.nbpack.recording/pass-1")) as log:
        assert [run.status for run in log] == ["done"]


@pytest.fixture
def recorded(tmp_path):
    """Serves a recorder of a studio's pictures; returns the studio, and one that sends to it."""
    opened = []

    def serve(earlier=(), make=None, **options):
        studio = nbkit.Studio(engine=nbkit.Offline(noise=0.3), path=tmp_path / "recording", **options)
        recorder = Recorder(make or studio.generate, earlier)
        server = RecordingServer(recorder, "test-key")
        server.start()
        student = nbkit.Studio(engine=server.url, api_key="test-key", path=tmp_path / f"student-{len(opened)}")
        opened.extend((student, server, studio))
        return studio, student, recorder

    yield serve
    for one in opened:
        one.close()


def test_a_recorder_gives_back_what_came(recorded):
    """Also a refusal, a request of several pictures, and an edit of a picture that it has given."""
    studio, student, recorder = recorded()
    runs = [student.generate(**SMALL, seed=7, number_results=2, delivery_method=method) for method in ("sync", "async")]
    snow = student.generate("Snow", seed=1, reference_images=[runs[0][1].image_uuid])
    made = list(reversed(list(studio.log)))
    assert [[image.bytes for image in run] for run in (*runs, snow)] == [[i.bytes for i in run] for run in made]
    assert made[2].request.reference_images[0].sha256 == runs[0][1].sha256
    assert recorder.tasks == 3
    assert student.df.cost.sum() == pytest.approx(studio.df.cost.sum())


def test_what_the_log_has_is_given_in_its_order_and_not_made_again(recorded):
    """The second request of a kind gets the second picture; only the third is made."""
    studio, student, _ = recorded()
    first = [student.generate(**SMALL).image for _ in range(2)]
    _, later, _ = recorded(earlier=list(reversed(list(studio.log))))
    again = [later.generate(**SMALL).image for _ in range(3)]
    assert again[:2] == first
    assert again[2] not in first
    assert len(studio.log) == 3


def test_a_task_that_comes_twice_is_made_once(recorded):
    """The second one waits for the same picture, and then is a conflict, as at any service."""
    arrived, release, made = threading.Event(), threading.Event(), []

    def make(request):
        arrived.set()
        release.wait(30)
        made.append(request)
        return studio.generate(request)

    studio, _, recorder = recorded(make=make)
    task = {**nbkit.ImageRequest(**SMALL, seed=7).to_send(), "taskUUID": new_uuid()}
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(recorder.record, task, str) for _ in range(2)]
        assert arrived.wait(30)
        release.set()
        assert waiting[0].result() == waiting[1].result()
    assert len(made) == 1


def test_a_recorder_refuses_what_the_budget_does_not_allow(recorded):
    """As a service without credit does; the sentence is kept."""
    _, student, recorder = recorded(budget=0.05)
    runs = [student.generate(**SMALL, seed=seed) for seed in (1, 2)]
    assert [run.status for run in runs] == ["done", "failed"]
    assert type(runs[1].error).__name__ == "CreditError"
    assert recorder.refused == ["one may cost up to $0.04657, and $0.00343 of the budget is left"]


def test_a_log_is_packed_checked_and_listed(tmp_path, capsys):
    """A search packs a part of it."""
    with closing(nbkit.Studio(engine="offline", path="log")) as studio:
        for prompt, temperature in (("A lantern", 0.2), ("A lantern", 0.7), ("A boat", None)):
            studio.generate(prompt, temperature=temperature, seed=7, resolution="0.5K")
    assert main(["pack", "from-log", "log", "all.nbpack"]) == 0
    assert main(["pack", "from-log", "log", "boat", "--search", "boat"]) == 0
    capsys.readouterr()
    assert main(["pack", "check", "boat.nbpack"]) == 0
    assert capsys.readouterr().out == "The pack is whole: 1 request, 1 picture\n"
    assert main(["pack", "info", "all.nbpack"]) == 0
    shown = capsys.readouterr().out
    assert '"A lantern"\n  temperature 0.2, 0.7 · 2 requests, 2 pictures · google:4@3 · from offline · $0.093' in shown
    assert main(["pack", "from-log", "log", "all.nbpack"]) == 1
    assert main(["pack", "from-log", "nowhere", "new.nbpack"]) == 1


def test_a_pack_with_a_fault_fails_its_check(tmp_path, capsys):
    """So does what is no pack."""
    with closing(nbkit.Studio(engine="offline", path="log")) as studio:
        image = studio.generate(**SMALL, seed=7).image
    main(["pack", "from-log", "log", "good.nbpack"])
    changed("good.nbpack", tmp_path / "bad.nbpack", files={f"pictures/{image.sha256}.jpg": b"x"})
    assert main(["pack", "check", "bad.nbpack"]) == 1
    assert "has other bytes than its name says" in capsys.readouterr().out
    assert main(["pack", "info", "log/log.sqlite"]) == 1
    assert "pack: " in capsys.readouterr().err


def test_what_recording_needs_is_said(notebook, monkeypatch, capsys):
    """Where an extra is missing, and where there is no notebook."""
    assert main(["pack", "record", "none.ipynb", "--budget", "1"]) == 1
    assert "there is no notebook none.ipynb" in capsys.readouterr().err
    monkeypatch.setattr(recording, "_NEEDED", ("nbkit_has_no_such_module",))
    assert main(["pack", "record", notebook("1"), "--budget", "1"]) == 1
    assert "nbkit[lab,serve]" in capsys.readouterr().err


def test_a_pack_is_json_that_people_can_read():
    """Its manifest, with the version first."""
    with closing(nbkit.Studio(engine="offline", path="log")) as studio:
        studio.generate(**SMALL, seed=7)
    main(["pack", "from-log", "log", "p.nbpack"])
    pack = Pack("p.nbpack")
    manifest = json.loads(pack._files._archive.read("manifest.json"))
    assert list(manifest) == ["format", "version", "entries"]
    assert list(manifest["entries"][0]) == ["identity", "task", "model", "date", "engine", "results"]
