"""Judgements in the log: rows that stay, are taken back, exported and copied; and what refuses a wrong one."""

import json
import sqlite3
import zipfile

import pandas as pd
import pytest
from gallery_log import write_log

import nbkit
from nbkit import errors
from nbkit.log.judgements import MAX_SHOWN, add_judgement, read_judgements, withdraw_judgement


@pytest.fixture
def studio(tmp_path):
    with_log = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    yield with_log
    with_log.close()


@pytest.fixture
def names(studio, tmp_path):
    write_log(tmp_path / "runs", 4, pictures=4, size=(60, 40)).close()
    return list(studio.df.imageUUID)


def judge(studio, shown, outcome, **given):
    given = {"rater": "Ana", "question": "Which is better?", "seconds": 1.5, **given}
    return add_judgement(studio.log.database, shown=shown, outcome=outcome, **given)


def test_a_judgement_is_a_row_with_everything_that_was_said(studio, names):
    """The order on the screen stays; a tie and a skip are outcomes of their own; no seconds are a gap."""
    judge(studio, [names[2], names[0]], names[0])
    judge(studio, names, "tie", rater=" Bo ", seconds=None)
    judge(studio, names[:3], "skip")
    frame = studio.log.judgements
    assert frame.columns.tolist() == ["created", "rater", "question", "shown", "outcome", "seconds"]
    assert frame.shown.tolist() == [[names[2], names[0]], names, names[:3]]
    assert frame.outcome.tolist() == [names[0], "tie", "skip"]
    assert frame.rater.tolist() == ["Ana", "Bo", "Ana"]
    assert frame.seconds.isna().tolist() == [False, True, False]
    assert frame.dtypes.astype(str).to_dict() == {
        "created": "datetime64[us, UTC]", "rater": "string", "question": "string", "shown": "object",
        "outcome": "string", "seconds": "float64",
    }  # fmt: skip
    assert frame.created.is_monotonic_increasing


def test_an_empty_log_has_the_same_columns_and_dtypes(studio, names):
    """Code that reads judgements need not ask whether there are any."""
    empty = studio.log.judgements
    judge(studio, names, names[0])
    assert (len(empty), empty.dtypes.to_dict()) == (0, studio.log.judgements.dtypes.to_dict())


def test_one_that_is_taken_back_stays_in_the_database_and_counts_no_more(studio, names, tmp_path):
    """It cannot be taken back twice."""
    first = judge(studio, names, names[0])
    judge(studio, names, names[1])
    withdraw_judgement(studio.log.database, first)
    assert studio.log.judgements.outcome.tolist() == [names[1]]
    with pytest.raises(KeyError, match=first):
        withdraw_judgement(studio.log.database, first)
    with sqlite3.connect(tmp_path / "runs" / "log.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM judgements").fetchone() == (2,)
    connection.close()


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"shown": 1}, "shown"),
        ({"shown": 2, "twice": True}, "shown"),
        ({"outcome": "the second"}, "outcome"),
        ({"rater": "  "}, "rater"),
        ({"rater": 7}, "rater"),
        ({"question": "x" * 501}, "question"),
        ({"seconds": -1.0}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
    ],
)
def test_what_is_no_judgement_is_refused_and_nothing_is_written(studio, names, change, parameter):
    """The error names the argument."""
    shown = names[: change.pop("shown", 4)]
    shown = [names[0], names[0]] if change.pop("twice", False) else shown
    with pytest.raises(errors.RequestError) as caught:
        judge(studio, shown, change.pop("outcome", "tie"), **change)
    assert caught.value.parameter == parameter
    assert studio.log.judgements.empty


def test_more_pictures_than_a_person_can_compare_are_refused(studio):
    """So a row has a bounded size."""
    with pytest.raises(errors.RequestError, match=f"2 to {MAX_SHOWN}"):
        judge(studio, list(map(str, range(MAX_SHOWN + 1))), "tie")


def test_a_picture_that_the_log_does_not_have_is_refused(studio, names):
    """A judgement of it could never be ranked."""
    with pytest.raises(KeyError, match="stranger"):
        judge(studio, [names[0], "stranger"], "tie")


@pytest.mark.parametrize(
    "change",
    [
        "shown = 'no list'", "shown = '[1, 2]'", "shown = '[]'", "outcome = 'nobody'", "created = 'yesterday'",
        "seconds = 'long'", "rater = x'ff'",
    ],
)  # fmt: skip
def test_a_row_that_another_program_damaged_is_left_out(studio, names, tmp_path, change):
    """The others are read all the same."""
    judge(studio, names, names[0])
    judge(studio, names, names[1])
    with sqlite3.connect(tmp_path / "runs" / "log.sqlite") as connection:
        connection.execute(f"UPDATE judgements SET {change} WHERE id = 1")
    connection.close()
    assert studio.log.judgements.outcome.tolist() == [names[1]]


def test_judgements_are_read_by_question_rater_and_pictures(studio, names):
    """Only those of nothing but the given pictures."""
    judge(studio, names[:2], "tie")
    judge(studio, names[1:3], "tie", rater="Bo")
    judge(studio, names[:2], "tie", question="Which is calmer?")
    database = studio.log.database
    assert len(read_judgements(database, rater="Bo")) == 1
    assert len(read_judgements(database, question="Which is better?")) == 2
    assert len(read_judgements(database, pictures=names[:2])) == 2


@pytest.mark.parametrize("target", ["export", "export.zip"])
def test_an_export_has_the_judgements_of_its_pictures(studio, names, tmp_path, target):
    """Those that are about another picture, too, are not there; a name is no formula in a spreadsheet."""
    judge(studio, [names[1], names[0]], names[0], rater="=Ana")
    judge(studio, names, "tie")
    rows = studio.df[studio.df.imageUUID.isin(names[:2])]
    written = studio.log.export(tmp_path / target, rows)
    if target.endswith(".zip"):
        with zipfile.ZipFile(written) as archive:
            archive.extractall(tmp_path / "open")
        written = tmp_path / "open" / "export"
    (row,) = json.loads((written / "judgements.json").read_text("utf-8"))
    assert (row["rater"], row["shown"], row["outcome"]) == ("=Ana", [names[1], names[0]], names[0])
    table = pd.read_csv(written / "judgements.csv", encoding="utf-8-sig")
    assert table.rater.tolist() == ["'=Ana"]
    assert table.shown.tolist() == [f"{names[1]} {names[0]}"]


def test_an_export_without_judgements_has_no_file_of_them(studio, names, tmp_path):
    """Nor has one of pictures that nobody judged."""
    judge(studio, names[:2], "tie")
    written = studio.log.export(tmp_path / "export", studio.df[studio.df.imageUUID.isin(names[2:])])
    assert not list(written.glob("judgements*"))


def test_a_backup_has_the_judgements(studio, names, tmp_path):
    """They are part of the database."""
    judge(studio, names, names[3])
    copy = studio.log.backup(tmp_path / "copy")
    log = nbkit.RunLog(copy)
    assert log.judgements.outcome.tolist() == [names[3]]
    log.close()


def test_judgements_of_two_kernels_stand_in_one_log(studio, names, tmp_path):
    """Each sees those of the other at once."""
    other = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    judge(studio, names, names[0])
    judge(other, names, names[1], rater="Bo")
    assert studio.log.judgements.rater.tolist() == other.log.judgements.rater.tolist() == ["Ana", "Bo"]
    other.close()
