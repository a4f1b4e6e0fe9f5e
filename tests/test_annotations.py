"""Ratings, keep flags, tags and notes: ``log.mark`` writes them for any selection of pictures, and can be undone."""

import io
import sqlite3
import uuid

import numpy as np
import pandas as pd
import pytest
import service_faults as fault
from small_requests import generate
from sqlalchemy import insert

import nbkit
from nbkit import errors
from nbkit.log.schema import IMAGES, RUNS, VERSION

MARKS = ["rating", "keep", "tags", "note"]


@pytest.fixture
def run(studio):
    """A run with two pictures."""
    return generate(studio, number_results=2)


def marks(studio):
    """Rating, keep, tags and note of every row, oldest first; ``None`` for a gap."""
    rows = studio.df[MARKS].astype(object).itertuples(index=False)
    return [tuple(None if pd.isna(value) else value for value in row) for row in rows]


def test_mark_accepts_pictures_runs_uuids_rows_and_lists_of_them(studio, run):
    """Also a column of imageUUIDs, a generator, and rows that were read from a CSV file."""
    frame, names = studio.df, [image.image_uuid for image in run]
    for stars, (which, expected) in enumerate(
        [
            (run.image, [1, None]),
            (names[1], [None, 1]),
            (run, [1, 1]),
            (frame, [1, 1]),
            (frame[frame.seed == run[1].seed], [None, 1]),
            (frame.imageUUID, [1, 1]),
            ([run[0], names[1], frame, run], [1, 1]),
            ((image for image in run), [1, 1]),
            (pd.read_csv(io.StringIO(frame.to_csv())), [1, 1]),
        ],
        start=1,
    ):
        studio.log.mark(run, rating=None)
        studio.log.mark(which, rating=1 + stars % 5)
        assert [mark[0] and 1 for mark in marks(studio)] == expected


def test_mark_changes_only_the_given_columns(studio, run):
    """``None`` or an empty text removes a value; the frame has the change at once, in its dtypes."""
    studio.log.mark(run[0], rating=np.int64(4), keep=np.True_, tags=["night", "lantern"], note=" Like it. ")
    assert marks(studio) == [(4, True, "lantern, night", "Like it."), (None, None, None, None)]
    studio.log.mark(run, keep=False)
    studio.log.mark(run[0], rating=None, note="")
    assert marks(studio) == [(None, False, "lantern, night", None), (None, False, None, None)]
    assert [str(studio.df[name].dtype) for name in MARKS] == ["float64", "boolean", "string", "string"]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("lantern, night", "lantern, night"),
        (" night ,lantern,, night ", "lantern, night"),
        (["b", "a, c", "b"], "a, b, c"),
        (("Night", "night", "éclair", "Zoo"), "Night, Zoo, éclair"),
        ({"one  word\n here"}, "one word here"),
        ("", None),
        ([], None),
        (None, None),
        (pd.NA, None),
    ],
)
def test_tags_are_stored_sorted_and_unique(studio, run, given, stored):
    """From a text with commas or any collection of texts; tags that differ only in case are one tag."""
    studio.log.mark(run, tags="old")
    studio.log.mark(run, tags=given)
    assert marks(studio)[0][2] == stored


@pytest.mark.parametrize(
    ("wrong", "parameter", "words"),
    [
        ({"rating": 0}, "rating", "a whole number from 1 to 5"),
        ({"rating": 6}, "rating", "a whole number from 1 to 5"),
        ({"rating": True}, "rating", "got True"),
        ({"rating": 4.5}, "rating", "got a decimal number"),
        ({"keep": 1}, "keep", "True or False"),
        ({"tags": 3}, "tags", "text, or a list of it"),
        ({"tags": ["a", None]}, "tags", "got None"),
        ({"tags": {"a": 1}}, "tags", "got a dict"),
        ({"note": 7}, "note", "must be text, got a number"),
        ({"note": "\ud800"}, "note", "UTF-8"),
        ({}, "rating", "nothing to change: give rating="),
    ],
)
def test_an_invalid_mark_raises_a_request_error_and_changes_nothing(studio, run, wrong, parameter, words):
    """Not even a valid value in the same call is written."""
    valid = {"note": "right"} if wrong and "note" not in wrong else {}
    with pytest.raises(errors.RequestError, match=words) as raised:
        studio.log.mark(run, **valid, **wrong)
    assert raised.value.parameter == parameter
    assert marks(studio) == [(None,) * 4] * 2


def test_marking_a_run_or_row_without_a_picture_raises_and_changes_nothing(service, studio, run):
    """A failed run, or the row of a result that failed; rows with pictures in the same call are not changed either."""
    service.faults += [fault.refused("invalidSeed"), fault.partial([{"code": "oops", "message": "no"}], keep=1)]
    failed = generate(studio)
    generate(studio, number_results=2)
    with pytest.raises(errors.RequestError, match="is failed and has no picture") as raised:
        studio.log.mark([run, failed], rating=3)
    assert raised.value.parameter == "which"
    frame = studio.df
    with pytest.raises(
        errors.RequestError, match=r"2 of the 5 rows have no picture.*notna\(\)\] leaves them out"
    ) as raised:
        studio.log.mark(frame, rating=3)
    assert raised.value.parameter == "which"
    assert {mark[0] for mark in marks(studio)} == {None}
    studio.log.mark(frame[frame.imageUUID.notna()], rating=3)
    assert [mark[0] for mark in marks(studio)] == [3, 3, None, 3, None]


@pytest.mark.parametrize("which", [7, None, b"x", {"a": 1}, [3], pd.DataFrame({"seed": [1]})], ids=repr)
def test_marking_anything_else_raises_a_request_error(studio, run, which):
    """It names the argument."""
    with pytest.raises(errors.RequestError, match="which: ") as raised:
        studio.log.mark(which, rating=3)
    assert raised.value.parameter == "which"


def test_marking_a_picture_that_the_log_does_not_have_raises_and_changes_nothing(studio, run, open_studio, tmp_path):
    """A run of another log, a misspelled UUID, or a taskUUID; known pictures in the same call stay unchanged."""
    other = open_studio(engine="offline", pace=None, path=tmp_path / "other")
    run_of_other_log = generate(other)
    for which in ([run, run_of_other_log], [run, "no such picture"], run.task_uuid):
        with pytest.raises(KeyError, match="the log has no picture"):
            studio.log.mark(which, rating=3)
    assert {mark[0] for mark in marks(studio)} == {None}


def test_undo_restores_the_previous_values_of_each_row(studio, run):
    """Later changes of other columns stay; an undo can be undone."""
    studio.log.mark(run[0], rating=2, tags="old", note="first")
    change = studio.log.mark(run, rating=5, tags=["new"])
    assert repr(change) == "<Change: 2 pictures, rating 5, tags new>"
    studio.log.mark(run, note="later")
    undone = change.undo()
    assert marks(studio) == [(2, None, "old", "later"), (None, None, None, "later")]
    assert repr(undone) == "<Change: 2 pictures, rating and tags as before>"
    undone.undo()
    assert marks(studio) == [(5, None, "new", "later")] * 2


def test_marking_an_empty_selection_changes_nothing(studio, run):
    """It does not raise."""
    change = studio.log.mark(studio.df.iloc[:0], rating=5)
    assert repr(change) == "<Change: 0 pictures, rating 5>"
    assert repr(change.undo()) == "<Change: 0 pictures, nothing as before>"
    assert repr(studio.log.mark(run[0], keep=None)) == "<Change: 1 picture, no keep>"


def test_a_later_kernel_reads_the_marks_from_the_log(studio, run, open_studio):
    """In the rows of their pictures."""
    studio.log.mark(run, rating=4)
    studio.close()
    assert open_studio().df.rating.tolist() == [4, 4]


def test_5000_pictures_can_be_marked_and_restored_in_one_call(studio, run):
    """Of 20,000: a SQL statement does not grow with the number of pictures."""
    names = [str(uuid.uuid4()) for _ in range(20_000)]
    with studio.log.database.writing() as connection:
        row = dict(connection.execute(RUNS.select()).mappings().one())
        rows = [{**row, "id": 10 + n, "taskUUID": str(n)} for n in range(len(names))]
        connection.execute(insert(RUNS), rows)
        connection.execute(
            insert(IMAGES), [{"run": 10 + n, "status": "done", "imageUUID": name} for n, name in enumerate(names)]
        )
    change = studio.log.mark(names[::4], rating=3)
    assert int(studio.df.rating.notna().sum()) == 5_000
    change.undo()
    assert studio.df.rating.isna().all()


@pytest.mark.file
def test_opening_an_older_log_adds_the_index_for_marks(studio, run, open_studio, tmp_path):
    """So that marking is fast there, too."""
    studio.close()
    connection = sqlite3.connect(tmp_path / "runs" / "log.sqlite", isolation_level=None)
    connection.execute("DROP INDEX images_uuid")
    connection.execute("UPDATE meta SET value = ?", (str(VERSION - 1),))
    open_studio().log.mark(run, rating=3)
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'images_uuid'").fetchall()
    connection.close()


def test_marks_are_never_sent_to_the_service(service, studio, run):
    """Not with a rerun of the marked run either."""
    studio.log.mark(run, note="secret thought", tags="mine")
    run.rerun(seed=5)
    assert "secret thought" not in str(service.received)
    assert isinstance(studio.last, nbkit.Run)


def test_tags_can_be_a_function_of_the_present_tags(studio, run):
    """It is called with each picture's own tags; the result is checked, and is undone as one change."""
    studio.log.mark(run[0], tags="night")
    change = studio.log.mark(run, tags=lambda old: f"{old}, lantern")
    assert [mark[2] for mark in marks(studio)] == ["lantern, night", "lantern"]
    assert repr(change) == "<Change: 2 pictures, tags lantern, night or tags lantern>"
    change.undo()
    assert [mark[2] for mark in marks(studio)] == ["night", None]
    with pytest.raises(errors.RequestError, match="tags=7: must be text") as raised:
        studio.log.mark(run, tags=lambda _: 7)
    assert raised.value.parameter == "tags"
    assert [mark[2] for mark in marks(studio)] == ["night", None]


def test_annotations_of_returns_the_marks_of_the_given_pictures(studio, run):
    """By imageUUID, in the dtypes of the frame, without pictures that the log does not have."""
    studio.log.mark(run[1], rating=3)
    found = studio.log.annotations_of([run[1].image_uuid, "nothing", run[1].image_uuid])
    assert found.rating.to_dict() == {run[1].image_uuid: 3}
    assert found.dtypes.to_dict() == studio.df[MARKS].dtypes.to_dict() == studio.log.annotations_of([]).dtypes.to_dict()
