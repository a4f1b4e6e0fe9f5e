"""A log that nbkit 0.1.0 wrote (log version 2, before ``min_reader``) opens, with everything in it.

``data/log-0.1.0.zip`` has a run of every status, every column in use, and beside it what that version read from it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from pathlib import Path

import pandas as pd
import pytest

import nbkit
from nbkit.log.schema import MIN_READER, VERSION

DATA = Path(__file__).parent / "data" / "log-0.1.0.zip"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The log as it was written, and what was read from it."""
    folder = tmp_path_factory.mktemp("earlier")
    with zipfile.ZipFile(DATA) as archive:
        archive.extractall(folder / "runs")
    return folder / "runs", json.loads((folder / "runs" / "expected.json").read_text("utf-8"))


@pytest.fixture
def folder(unpacked, tmp_path):
    """A copy of its own for each test, which may write to it."""
    return Path(shutil.copytree(unpacked[0], tmp_path / "runs"))


@pytest.fixture
def log(folder):
    """The log, opened by this version."""
    log = nbkit.RunLog(folder)
    yield log
    log.close()


@pytest.fixture
def expected(unpacked):
    """What the earlier version read."""
    return unpacked[1]


def test_the_frame_has_every_value(log, folder, expected):
    """Each row, each column, each dtype: a 63-bit seed beside gaps, marks, money, redacted addresses."""
    frame = log.to_frame()[list(expected["dtypes"])]  # a later version may have more columns
    measures = dict.fromkeys(("cost", "latency", "rating"), "float64")  # nullable in that version
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == expected["dtypes"] | measures
    frame["file"] = [None if pd.isna(file) else str(Path(file).relative_to(folder)) for file in frame["file"]]
    records = json.loads(frame.to_json(orient="records", date_format="iso", date_unit="us"))
    for record, seed, requested in zip(records, frame["seed"], frame["requestedSeed"], strict=True):
        record["seed"] = None if pd.isna(seed) else int(seed)
        record["requestedSeed"] = None if pd.isna(requested) else int(requested)
    assert records == expected["rows"]


def test_every_run_is_read(log, expected):
    """Its status, its task as it was sent, its cost, its error and its pictures."""
    runs = {
        run.task_uuid: {
            "status": run.status,
            "task": run.task,
            "cost_micros": run.cost_micros,
            "images": [image.sha256 for image in run.images],
            "error": str(run.error) if run.error else None,
            "complete": run.complete,
        }
        for run in log
    }
    assert runs == expected["runs"]
    assert {run["status"] for run in runs.values()} == {"done", "failed", "blocked", "unknown", "planned"}


def test_every_picture_is_read(log):
    """The files are found and whole, whatever folder the log was copied to."""
    pictures = [image for run in log for image in run.images]
    assert len(pictures) == 13
    assert all(image.pil.size == (image.width, image.height) for image in pictures)


def test_marks_and_searches(log):
    """What the earlier version kept as marks is found, and can be changed."""
    (row,) = log.search("lantern night best").to_dict("records")
    assert (row["rating"], row["keep"], row["tags"]) == (5, True, "lantern, night")
    change = log.mark(row["imageUUID"], rating=4)
    assert log.annotations_of([row["imageUUID"]]).rating.tolist() == [4]
    change.undo()
    assert log.annotations_of([row["imageUUID"]]).rating.tolist() == [5]


def test_reference_images_come_back(log):
    """A run with pixels among its references can be sent again: they are in the image folder."""
    (run,) = (run for run in log if run.request.prompt == "The same shop, in the snow")
    pixels, address, uuid = run.request.reference_images
    assert (pixels.media_type, address.text) == ("image/png", "https://example.org/a.png")
    assert not any(reference.is_missing for reference in (pixels, address, uuid))
    assert run.request.to_send()["inputs"]["referenceImages"][0].startswith("data:image/png;base64,")


def test_it_goes_on(folder):
    """A sweep of that log has nothing left to send, a request is answered from it, an abandoned plan is released.

    That version left no author in its logs, so the last of these needs the word of the user.
    """
    studio = nbkit.Studio(engine="offline", path=folder, reuse=True, trust=True)
    fixed = {"width": 512, "height": 512, "output_format": "WEBP", "output_quality": 20}
    sweep = studio.sweep("A {colour} lantern", colour=["red", "jade"], seed=[1, 2], **fixed, name="lanterns")
    assert sweep.prepare().quote.cells == 0
    assert sweep.result.counts == {"done": 4}
    assert studio.generate("Refused", seed=1, **fixed).reused
    assert studio.recover().set_index("before").loc["planned", "after"] == "not_sent"
    assert len(studio.log) == 16
    studio.close()


def test_opening_it_marks_it(folder):
    """From then on it names the oldest version that may read it, and its version is this one."""
    nbkit.RunLog(folder).close()
    with sqlite3.connect(folder / "log.sqlite") as connection:
        meta = dict(connection.execute("SELECT key, value FROM meta WHERE key NOT LIKE 'author:%'"))
    connection.close()
    assert meta == {"version": str(VERSION), "min_reader": str(MIN_READER)}
