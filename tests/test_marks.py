"""Ratings, tags and notes: what can be given to which pictures, and how it is taken back."""

import io
import sqlite3
import uuid

import numpy as np
import pandas as pd
import pytest
import service_faults as fault
from sqlalchemy import insert

import nbkit
from nbkit import errors
from nbkit.log.schema import IMAGES, RUNS, VERSION

MARKS = ["rating", "keep", "tags", "note"]


@pytest.fixture
def two(studio):
    """A run with two pictures, and the log it stands in."""
    return studio.generate("A lantern", width=512, height=512, number_results=2)


def marks(studio):
    """The marks of every row, oldest first."""
    rows = studio.df[MARKS].astype(object).itertuples(index=False)
    return [tuple(None if pd.isna(value) else value for value in row) for row in rows]


def test_every_way_to_name_a_picture(studio, two):
    """A picture, a run, an imageUUID, rows of the log, a column of them, and lists of all that."""
    frame, names = studio.df, [image.image_uuid for image in two]
    for stars, (which, expected) in enumerate(
        [
            (two.image, [1, None]),
            (names[1], [None, 1]),
            (two, [1, 1]),
            (frame, [1, 1]),
            (frame[frame.seed == two[1].seed], [None, 1]),
            (frame.imageUUID, [1, 1]),
            ([two[0], names[1], frame, two], [1, 1]),
            ((image for image in two), [1, 1]),
            (pd.read_csv(io.StringIO(frame.to_csv())), [1, 1]),
        ],
        start=1,
    ):
        studio.log.mark(two, rating=None)
        studio.log.mark(which, rating=1 + stars % 5)
        assert [mark[0] and 1 for mark in marks(studio)] == expected


def test_only_what_is_given_changes(studio, two):
    """The rest stays, ``None`` takes a value away, and the frame has it at once, in its dtypes."""
    studio.log.mark(two[0], rating=np.int64(4), keep=np.True_, tags=["night", "lantern"], note=" Like it. ")
    assert marks(studio) == [(4, True, "lantern, night", "Like it."), (None, None, None, None)]
    studio.log.mark(two, keep=False)
    studio.log.mark(two[0], rating=None, note="")
    assert marks(studio) == [(None, False, "lantern, night", None), (None, False, None, None)]
    assert [str(studio.df[name].dtype) for name in MARKS] == ["Int64", "boolean", "string", "string"]


@pytest.mark.parametrize(
    ("given", "kept"),
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
def test_tags_are_sorted_and_unique(studio, two, given, kept):
    """However they are given; capitals make no second tag."""
    studio.log.mark(two, tags="old")
    studio.log.mark(two, tags=given)
    assert marks(studio)[0][2] == kept


@pytest.mark.parametrize(
    ("wrong", "parameter", "descriptions"),
    [
        ({"rating": 0}, "rating", "a whole number from 1 to 5"),
        ({"rating": 6}, "rating", "a whole number from 1 to 5"),
        ({"rating": True}, "rating", "not bool"),
        ({"rating": 4.5}, "rating", "not float"),
        ({"keep": 1}, "keep", "True or False"),
        ({"tags": 3}, "tags", "text, or a list of it"),
        ({"tags": ["a", None]}, "tags", "not NoneType"),
        ({"tags": {"a": 1}}, "tags", "not dict"),
        ({"note": 7}, "note", "must be text, not int"),
        ({"note": "\ud800"}, "note", "UTF-8"),
        ({}, "rating", "nothing to change: give rating="),
    ],
)
def test_a_wrong_value_is_told_by_name(studio, two, wrong, parameter, descriptions):
    """And nothing is changed, not even what was right beside it."""
    beside = {"note": "right"} if wrong and "note" not in wrong else {}
    with pytest.raises(errors.RequestError, match=descriptions) as raised:
        studio.log.mark(two, **beside, **wrong)
    assert raised.value.parameter == parameter
    assert marks(studio) == [(None,) * 4] * 2


def test_what_has_no_picture_cannot_be_marked(service, studio, two):
    """A failed run, its row, and a result that did not come: each says so, and nothing beside it is changed."""
    service.faults += [fault.refused("invalidSeed"), fault.partial([{"code": "oops", "message": "no"}], keep=1)]
    failed = studio.generate("A lantern", width=512, height=512)
    studio.generate("A lantern", width=512, height=512, number_results=2)
    with pytest.raises(errors.RequestError, match="is failed and has no picture") as raised:
        studio.log.mark([two, failed], rating=3)
    assert raised.value.parameter == "which"
    frame = studio.df
    with pytest.raises(errors.RequestError, match=r"2 of the 5 rows have no picture.*notna\(\)\] leaves them out"):
        studio.log.mark(frame, rating=3)
    assert {mark[0] for mark in marks(studio)} == {None}
    studio.log.mark(frame[frame.imageUUID.notna()], rating=3)
    assert [mark[0] for mark in marks(studio)] == [3, 3, None, 3, None]


@pytest.mark.parametrize("which", [7, None, b"x", {"a": 1}, [3], pd.DataFrame({"seed": [1]})], ids=repr)
def test_what_names_no_picture_is_told(studio, two, which):
    """Anything else is an error that names the argument."""
    with pytest.raises(errors.RequestError, match="which: ") as raised:
        studio.log.mark(which, rating=3)
    assert raised.value.parameter == "which"


def test_a_picture_that_the_log_does_not_have(studio, two, open_studio, tmp_path):
    """Of another log, or misspelled: nothing is changed, the known ones neither."""
    other = open_studio(engine="offline", pace=None, path=tmp_path / "other")
    stranger = other.generate("A lantern", width=512, height=512)
    for which in ([two, stranger], [two, "no such picture"], two.task_uuid):
        with pytest.raises(KeyError, match="the log has no picture"):
            studio.log.mark(which, rating=3)
    assert {mark[0] for mark in marks(studio)} == {None}


def test_undo_restores_each_row(studio, two):
    """Rows that had different values get them back; what was changed since in other columns stays."""
    studio.log.mark(two[0], rating=2, tags="old", note="first")
    change = studio.log.mark(two, rating=5, tags=["new"])
    assert repr(change) == "<Change: 2 pictures, rating 5, tags new>"
    studio.log.mark(two, note="later")
    undone = change.undo()
    assert marks(studio) == [(2, None, "old", "later"), (None, None, None, "later")]
    assert repr(undone) == "<Change: 2 pictures, rating and tags as before>"
    undone.undo()
    assert marks(studio) == [(5, None, "new", "later")] * 2


def test_nothing_selected_changes_nothing(studio, two):
    """An empty selection is no error."""
    change = studio.log.mark(studio.df.iloc[:0], rating=5)
    assert repr(change) == "<Change: 0 pictures, rating 5>"
    assert repr(change.undo()) == "<Change: 0 pictures, nothing as before>"
    assert repr(studio.log.mark(two[0], keep=None)) == "<Change: 1 picture, no keep>"


def test_a_later_kernel_has_them(studio, two, open_studio):
    """They are in the log, and stand in the same rows when a run is read back."""
    studio.log.mark(two, rating=4)
    studio.close()
    assert open_studio().df.rating.tolist() == [4, 4]


def test_thousands_at_once(studio, two):
    """Five thousand of twenty thousand pictures are marked, and unmarked: no statement grows with their number."""
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


def test_an_older_log_gets_its_index(studio, two, open_studio, tmp_path):
    """Marking is quick there, too."""
    studio.close()
    connection = sqlite3.connect(tmp_path / "runs" / "log.sqlite", isolation_level=None)
    connection.execute("DROP INDEX images_uuid")
    connection.execute("UPDATE meta SET value = ?", (str(VERSION - 1),))
    open_studio().log.mark(two, rating=3)
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'images_uuid'").fetchall()
    connection.close()


def test_marks_are_never_sent(service, studio, two):
    """They are the person's own."""
    studio.log.mark(two, note="secret thought", tags="mine")
    two.rerun(seed=5)
    assert "secret thought" not in str(service.received)
    assert isinstance(studio.last, nbkit.Run)


def test_tags_are_made_of_those_that_are_there(studio, two):
    """A function sees each picture's own tags, is told what came of them, and is taken back as one change."""
    studio.log.mark(two[0], tags="night")
    change = studio.log.mark(two, tags=lambda old: f"{old}, lantern")
    assert [mark[2] for mark in marks(studio)] == ["lantern, night", "lantern"]
    assert repr(change) == "<Change: 2 pictures, tags lantern, night or tags lantern>"
    change.undo()
    assert [mark[2] for mark in marks(studio)] == ["night", None]
    with pytest.raises(errors.RequestError, match="tags: must be text"):
        studio.log.mark(two, tags=lambda _: 7)
    assert [mark[2] for mark in marks(studio)] == ["night", None]


def test_marks_of_some_pictures(studio, two):
    """They come by imageUUID in the frame's dtypes; what the log does not have is left out, and none is none."""
    studio.log.mark(two[1], rating=3)
    found = studio.log.annotations_of([two[1].image_uuid, "nothing", two[1].image_uuid])
    assert found.rating.to_dict() == {two[1].image_uuid: 3}
    assert found.dtypes.to_dict() == studio.df[MARKS].dtypes.to_dict() == studio.log.annotations_of([]).dtypes.to_dict()
