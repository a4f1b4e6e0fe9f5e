"""A sweep's own axes are in its log: template variables and repeats, in the frame, filters, groups, captions and copies."""

import json
import sqlite3
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from gallery_log import write_log
from hypothesis import given, settings
from hypothesis import strategies as st
from panel_tools import offline_studio

import nbkit
from nbkit.errors import RequestError, UnknownParameter
from nbkit.log.axes import MAX_AXES, MAX_NAME, MAX_TEXT, to_log, write_axes
from nbkit.log.filter import parse
from nbkit.log.frame import COLUMNS, DTYPES, axis_column, axis_name
from nbkit.log.schema import AXES, RUNS, VERSION
from nbkit.widgets.gallery import gallery as gallery_module
from nbkit.widgets.gallery.gallery import Gallery
from nbkit.widgets.gallery.query import equal_to
from nbkit.widgets.image_grid.picture import pictures_of

SIZE = {"width": 512, "height": 512}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The log of two sweeps and a run of its own, made by a kernel that has ended."""
    folder = tmp_path_factory.mktemp("axes") / "runs"
    with offline_studio(folder.parent) as studio:
        animals = studio.sweep(
            "A {subject} in {style}, {status} {n}", subject=["fox", "owl"], style="ink", status=["old"], n=[1, 2.5], seed=1,
            name="animals", **SIZE,
        )  # fmt: skip
        animals.run()
        studio.sweep("A {subject}", subject=["hen"], repeats=2, name="hens", **SIZE).run()
        studio.generate("A lantern", seed=3, **SIZE)
    return folder


@pytest.fixture(scope="module")
def log(folder):
    """The log in a later kernel, which knows nothing of the sweeps."""
    log = nbkit.RunLog(folder)
    yield log
    log.close()


def write_runs(log, rows):
    """Give the first runs of a log these axes."""
    with log.database.writing() as connection:
        connection.execute(sa.delete(AXES))
        for number, values in enumerate(rows, 1):
            write_axes(connection, number, to_log(values))


# -- the frame -----------------------------------------------------------------------------------------------------


def test_the_frame_has_the_axes_after_the_fixed_columns(log):
    """In the order in which they came into the log; a taken name has ``var_`` before it, and a gap stands for no axis."""
    frame = log.to_frame()
    assert list(frame.columns) == [*COLUMNS, "subject", "var_status", "n", "style", "repeat"]
    assert frame.subject.fillna("").tolist() == ["fox", "fox", "owl", "owl", "hen", "hen", ""]
    assert frame.var_status.fillna("").tolist() == ["old"] * 4 + [""] * 3
    assert set(frame.status) == {"done"}


def test_a_number_stays_a_number_and_text_stays_text(log):
    """A float among whole numbers makes all of them floats."""
    dtypes = log.to_frame().dtypes[-5:].astype(str).to_dict()
    assert dtypes == {"subject": "string", "var_status": "string", "n": "Float64", "style": "string", "repeat": "Int64"}


def test_a_frame_has_only_the_axes_of_the_sweeps_that_it_shows(log):
    """A frame of other runs has none of them."""
    assert list(log.to_frame("hens").columns[len(COLUMNS) :]) == ["subject", "repeat"]
    assert list(log.to_frame(limit=1).columns) == list(COLUMNS)
    assert list(log.search("lantern").columns) == list(COLUMNS)


def test_an_axis_that_is_named_is_a_column_in_any_case(log):
    """Also where no row has a value of it."""
    assert log.to_frame(columns=["seed", "subject"], limit=1).subject.isna().tolist() == [True]
    assert log.filter("subject is None").subject.isna().tolist() == [True]
    assert log.to_frame(columns="subject").subject.dropna().tolist() == ["fox", "fox", "owl", "owl", "hen", "hen"]


@pytest.mark.file
def test_the_frame_of_the_sweep_has_the_same_columns(folder):
    """The axes first, by the same names."""
    with offline_studio(folder.parent) as studio:
        sweep = studio.sweep(
            "A {subject} in {style}, {status} {n}", subject=["fox", "owl"], style="ink", status=["old"], n=[1, 2.5], seed=1,
            name="animals", **SIZE,
        )  # fmt: skip
        frame = sweep.result.to_frame()
    assert list(frame.columns[:4]) == ["subject", "var_status", "n", "cell"]
    assert frame["style"].tolist() == ["ink"] * 4


def test_sql_filters_them(folder):
    """A row for each run and name, with the value as it was given."""
    connection = sqlite3.connect(folder / "log.sqlite")
    query = "SELECT count(*) FROM runs JOIN axes ON axes.run = runs.id WHERE axes.name = ? AND axes.value {} ?"
    assert connection.execute(query.format("="), ("subject", "fox")).fetchone() == (2,)
    assert connection.execute(query.format(">"), ("n", 2)).fetchone() == (2,)
    connection.close()


@given(st.text(max_size=20) | st.sampled_from([*COLUMNS, *(f"var_{name}" for name in COLUMNS), "var_var_status"]))
def test_no_two_axes_share_a_column(name):
    """Its name can be read from its column, which is no column of every frame."""
    assert axis_name(axis_column(name)) == name
    assert axis_column(name) not in COLUMNS


# -- filters, groups, order ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("subject == 'fox'", 2), ("subject in ['fox', 'hen'] and seed == 1", 2), ("n > 1", 2), ("n == 1", 2), ("repeat >= 2", 1),
        ("var_status == 'old'", 4), ("`subject` != 'fox'", 4), ("'o' in subject", 4), ("subject is None", 1),
        ("subject.str.contains('OWL', case=False)", 2), ("status == 'done' and style == 'ink'", 4), ("style == subject", 0),
    ],
)  # fmt: skip
def test_a_filter_knows_them(log, expression, rows):
    """As it knows every other column, and as the mask over the whole frame has it."""
    found = log.filter(expression)
    assert len(found) == rows
    assert found.taskUUID.tolist() == log.to_frame()[parse(expression).mask(log.to_frame())].taskUUID.tolist()
    assert log.to_frame(where=expression).equals(found)
    assert len(log.page(20, conditions=[parse(expression)])) == rows


def test_a_misspelled_axis_has_a_suggestion(log):
    """The error is that of every other column, also where a sweep's axis was meant."""
    with pytest.raises(RequestError, match="'subjct' is not a column; did you mean subject"):
        log.filter("subjct == 'fox'")
    with pytest.raises(RequestError, match="n is compared with a number, not 'one'"):
        log.filter("n == 'one'")
    with pytest.raises(UnknownParameter):
        log.page(3, sort="subjects of sweeps")


def test_they_group_and_sort(log):
    """With gaps last; the table has a heading for each value."""
    assert log.group_sizes("subject").to_dict() == {"fox": 2, "hen": 2, "owl": 2, pd.NA: 1}
    assert log.group_sizes("n").dropna().to_dict() == {1.0: 2, 2.5: 2, pd.NA: 3}
    assert log.page(3, sort="subject").subject.tolist() == ["owl", "owl", "hen"]
    each = log.page(1, each=log.group_sizes("subject"))
    assert sorted(each.subject.dropna()) == ["fox", "hen", "owl"]
    text = log.show(by="subject", columns=["subject", "seed"]).text
    assert "subject owl: 2 rows" in text
    assert "subject not set: 1 row" in text
    assert log.axes() == ["n", "repeat", "style", "subject", "var_status"]


# -- the gallery ---------------------------------------------------------------------------------------------------


def captions(gallery):
    """What stands under the pictures, in their order."""
    return [item.caption for item in gallery.grid._items.read(0, len(gallery.frame))]


def test_the_gallery_filters_groups_and_sorts_by_them(log):
    """In a kernel that has not declared the sweep."""
    gallery = Gallery(log)
    gallery.filter(subject=["fox", "owl"])
    gallery.filter("n > 1")
    assert gallery.frame.subject.tolist() == ["owl", "fox"]
    gallery.sort("subject", ascending=True)
    gallery.group("subject")
    assert gallery.frame.subject.tolist() == ["fox", "owl"]
    assert sorted(gallery.filters.column.options[:5]) == log.axes()
    gallery.close()


def test_captions_in_the_gallery_have_them(log):
    """First, because they are what the sweep was made to compare."""
    gallery = Gallery(log)
    assert captions(gallery)[0][0].startswith("seed 3")
    assert captions(gallery)[1][:2] == ("subject hen", "repeat 2")
    assert captions(gallery)[-1][:4] == ("subject fox", "var_status old", "n 1", "style ink")
    gallery.close()


def test_a_run_knows_its_axes(log):
    """And so do the captions of its pictures in a panel."""
    first = log[log.filter("subject == 'fox' and n == 1").taskUUID[0]]
    assert first.axes == {"subject": "fox", "status": "old", "n": 1, "style": "ink"}
    (picture,) = pictures_of(first)
    assert picture.caption[:4] == ("subject fox", "status old", "n 1", "style ink")
    assert next(iter(log)).axes == {}


def test_a_gallery_that_is_open_learns_of_new_axes(tmp_path):
    """With Refresh; what was chosen before stays."""
    with offline_studio(tmp_path) as studio:
        studio.generate("A lantern", seed=1, **SIZE)
        gallery = studio.gallery()
        gallery.sort("seed")
        studio.sweep("A {subject}", subject=["fox", "owl"], seed=2, **SIZE).run()
        gallery.refresh()
        gallery.group("subject")
        assert gallery.arrangement.sort.value == "seed"
        assert gallery.frame.subject.fillna("").tolist() == ["fox", "owl", ""]


def test_a_gallery_of_a_long_log_has_every_axis(tmp_path, monkeypatch):
    """Also those that none of its first rows has; the database finds their rows."""
    monkeypatch.setattr(gallery_module, "QUICK", 20)
    monkeypatch.setattr(gallery_module, "FIRST", 10)
    log = write_log(tmp_path / "runs", 60, pictures=2, size=(64, 48))
    write_runs(log, [{"subject": "fox" if number % 2 else "owl", "n": number} for number in range(20)])
    gallery = Gallery(log)
    assert gallery.frame.subject.isna().all()
    gallery.filter(subject="fox")
    assert gallery.frame.n.tolist() == [19, 17, 15, 13, 11, 9, 7, 5, 3, 1]
    gallery.clear()
    gallery.group("subject")
    assert set(gallery.frame.subject.dropna()) == {"fox", "owl"}
    gallery.filter("n is None")
    gallery.filter("subject == 'fox'")
    assert gallery.frame.empty
    gallery.close()
    log.close()


# -- copies --------------------------------------------------------------------------------------------------------


def test_an_export_has_them(log, tmp_path):
    """In the manifest, and on the cards of the page."""
    target = log.export(tmp_path / "export", originals=False)
    records = json.loads((target / "manifest.json").read_text("utf-8"))
    assert [(record["subject"], record["n"]) for record in records][:2] == [("fox", 1.0), ("fox", 2.5)]
    assert "<dt>subject</dt>" in (target / "index.html").read_text("utf-8")


def test_the_name_of_an_axis_is_no_formula(tmp_path):
    """Where a spreadsheet reads the manifest."""
    log = write_log(tmp_path / "runs", 1, pictures=1, size=(64, 48))
    write_runs(log, [{"=1+1": "=2+2"}])
    target = log.export(tmp_path / "export")
    assert {"'=1+1"} < set(pd.read_csv(target / "manifest.csv").columns)
    log.close()


@pytest.mark.file
def test_a_backup_has_them(log, tmp_path):
    """A copy is a whole log."""
    copy = nbkit.RunLog(log.backup(tmp_path / "copy"))
    assert copy.to_frame().iloc[:, len(COLUMNS) :].equals(log.to_frame().iloc[:, len(COLUMNS) :])
    copy.close()


# -- what sweeps may have ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "logged"),
    [
        ("fox", "fox"), (3, 3), (2.5, 2.5), (True, "True"), (np.int64(3), 3), (np.float32(0.1), 0.1), (2**63, str(2**63)),
        (Fraction(1, 3), "1/3"), (float("inf"), "inf"), ("\ud800", "\\ud800"), ("a\0b", "a\0b"), (pd.Timestamp("2026-03-31"), "2026-03-31 00:00:00"),
    ],
)  # fmt: skip
def test_a_value_is_logged_as_it_was_given(value, logged):
    """A number as a number, everything else as the text that the prompt has."""
    found = to_log({"x": value})["x"]
    assert (type(found), found) == (type(logged), logged)


def test_what_is_logged_is_bounded():
    """Long names and texts are cut, and differ still; of thousands of variables the first are logged."""
    long = to_log({"n" * 500 + end: "v" * 100_000 + end for end in "ab"})
    assert {len(name) for name in long} == {MAX_NAME}
    assert {len(str(value)) for value in long.values()} == {MAX_TEXT}
    assert len(long) == len(set(long.values())) == 2
    assert len(to_log({str(number): number for number in range(5_000)})) == MAX_AXES


NAMES = st.sampled_from(
    ["x", "status", "y'; DROP TABLE runs; --", "", "a\0b", "\ud800", "é", "select", "\u202e"]
) | st.text(max_size=8)
VALUES = st.text(max_size=8) | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.booleans()


@pytest.fixture(scope="module")
def six_runs(tmp_path_factory):
    """A log of six runs, to which a test gives axes."""
    log = write_log(tmp_path_factory.mktemp("six") / "runs", 6, pictures=1, size=(64, 48))
    yield log
    log.close()


@settings(max_examples=12, deadline=None)
@given(rows=st.lists(st.dictionaries(NAMES, VALUES, max_size=4), min_size=1, max_size=6), data=st.data())
def test_any_name_and_value_comes_back(six_runs, rows, data):
    """Whatever they are, they are data: the frame has them, and the database finds the rows that a mask finds."""
    write_runs(six_runs, rows)
    frame = six_runs.to_frame()
    expected = [to_log(values) for values in rows]
    names = {axis_column(name) for values in expected for name in values}
    assert set(frame.columns) == {*COLUMNS, *names} == {*COLUMNS, *six_runs.axes()}
    for number, values in enumerate(expected):
        for name, value in values.items():
            shown = frame[axis_column(name)][number]
            assert shown == value or isinstance(shown, str)
    for name in names:
        assert six_runs.group_sizes(name).sum() == len(frame)
        value = data.draw(st.sampled_from(frame[name].dropna().tolist()))
        condition = equal_to(name, value)
        found = six_runs.page(10, conditions=[condition])
        assert set(found.taskUUID) == set(frame[condition.mask(frame)].taskUUID)


def test_a_sweep_of_odd_variables_runs(tmp_path):
    """Names that are no identifiers, and thousands of variables: what is inserted in the prompt is logged within bounds."""
    odd = {"a b": ["x", "y"], "drop table": "z", "\ud800": "s", "class": "k"}
    many = {f"v{number}": number for number in range(1_000)}
    prompt = "".join(f"{{{name}}}" for name in [*odd, *many])
    with offline_studio(tmp_path) as studio:
        studio.sweep(prompt, **odd, **many, seed=1, **SIZE).run()
        frame = studio.df
        assert frame["a b"].tolist() == ["x", "y"]
        assert frame["\\ud800"].tolist() == ["s", "s"]
        assert len(frame.columns) == len(COLUMNS) + MAX_AXES
        assert studio.log.filter("`a b` == 'x' and `class` == 'k'").shape[0] == 1


def test_parameters_and_extras_are_no_axes_of_their_own(tmp_path):
    """They have their columns."""
    with offline_studio(tmp_path) as studio:
        studio.sweep(
            "A {colour} {temperature}", colour=["red"], temperature=[0.1, 0.2], top_p=[0.5], seed=[1], **SIZE
        ).run()
        assert list(studio.df.columns) == [*COLUMNS, "colour"]


# -- other versions, and other hands ---------------------------------------------------------------------------------


@pytest.mark.file
def test_a_log_of_the_version_before_gets_the_table(tmp_path):
    """It opens with everything in it, and its next sweep has its axes."""
    folder = tmp_path / "runs"
    log = write_log(folder, 12, pictures=2, size=(64, 48))
    before = log.to_frame()
    log.close()
    with sqlite3.connect(folder / "log.sqlite") as connection:
        connection.execute("DROP TABLE axes")
        connection.execute(f"UPDATE meta SET value = {VERSION - 1} WHERE key = 'version'")
    connection.close()
    with offline_studio(folder.parent) as studio:
        assert studio.df.equals(before)
        assert studio.log.axes() == []
        studio.sweep("A {subject}", subject=["fox"], seed=1, **SIZE).run()
        assert studio.df.subject.dropna().tolist() == ["fox"]


@pytest.mark.file
def test_what_another_program_wrote_is_left_out(tmp_path):
    """Bytes, names of any length, text that is no UTF-8, and rows of runs that are not there: the log is read."""
    folder = tmp_path / "runs"
    log = write_log(folder, 3, pictures=1, size=(64, 48))
    write_runs(log, [{"subject": "fox"}])
    log.close()
    with sqlite3.connect(folder / "log.sqlite") as connection:
        rows = [(2, "subject", b"\xff\xfe"), (2, "n" * 10_000, "x"), (3, b"\xff", 1), (99, "subject", "owl")]
        connection.executemany("INSERT INTO axes (run, name, value) VALUES (?, ?, ?)", rows)
        connection.execute("INSERT INTO axes (run, name, value) VALUES (3, 'subject', CAST(x'ff41' AS TEXT))")
        connection.execute("INSERT INTO axes (run, name, value) VALUES (2, CAST(x'ff42' AS TEXT), 1)")
    connection.close()
    log = nbkit.RunLog(folder)
    frame = log.to_frame()
    assert frame.subject.fillna("").tolist() == ["fox", "", "\ufffdA"]
    assert log.filter("subject == 'fox'").subject.tolist() == ["fox"]
    assert "subject" in log.axes()
    log.close()


@pytest.mark.file
def test_a_row_without_its_run_refuses_no_run(tmp_path):
    """The number of a new run may be one of which another program left a row."""
    folder = tmp_path / "runs"
    nbkit.RunLog(folder).close()
    with sqlite3.connect(folder / "log.sqlite") as connection:
        connection.execute("INSERT INTO axes (run, name, value) VALUES (1, 'subject', 'owl')")
    connection.close()
    with offline_studio(folder.parent) as studio:
        studio.sweep("A {subject}", subject=["fox"], seed=1, **SIZE).run()
        assert studio.df.subject.tolist() == ["fox"]


def test_the_axes_are_written_with_the_run(tmp_path, monkeypatch):
    """In one transaction: there is no run without them, and none of them without their run."""
    monkeypatch.setattr("nbkit.ledger.journal.write_axes", lambda *_: 1 / 0)
    with offline_studio(tmp_path) as studio:
        with pytest.raises(ZeroDivisionError):
            studio.sweep("A {subject}", subject=["fox"], seed=1, **SIZE).run()
        assert len(studio.log) == 0
        assert studio.budget.held == 0


def test_the_fixed_columns_are_read_without_looking_at_the_axes(log, monkeypatch):
    """So they cost nothing where none is named."""
    monkeypatch.setattr("nbkit.log.named_columns.axis_types", lambda *_: 1 / 0)
    assert len(log.filter("seed == 1 and top_p is None")) == 4
    assert log.to_frame(columns=list(DTYPES), where="status == 'done'").shape[0] == 7
    assert log.group_sizes("status").to_dict() == {"done": 7}


def test_a_run_of_no_sweep_has_no_axes(log):
    """One row for each run and name, and none for others."""
    with log.database.reading() as connection:
        runs = sa.select(RUNS.c.id).where(RUNS.c.sweep.is_(None))
        assert connection.scalar(sa.select(sa.func.count()).where(AXES.c.run.in_(runs))) == 0
