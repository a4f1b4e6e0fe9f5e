"""A log with a damaged row: the row is named in a warning, with its column, and all others are there."""

import contextlib
import shutil
import sqlite3
import warnings

import pytest
from small_requests import generate

import nbkit
from nbkit import errors
from nbkit.log.damage import KINDS, ColumnKind
from nbkit.log.schema import IMAGES, RUNS

INVALID_TEXT = "CAST(x'61ff62' AS TEXT)"


def damages(table):
    """Each column of a table with values in SQL that no nbkit writes there."""
    for column in table.c:
        kind: ColumnKind = KINDS[column]
        if column.key in (
            "id",
            "run",
            "purse",
            "studio",
            "owner",
            "heartbeatClock",
            "parent",
            "parentImage",
            "author",
            "dayAccounts",
        ):
            continue
        if kind.is_json:
            values = ["'{'", "'[1'", "'7'", "x'7b7d'", INVALID_TEXT, "'" + "[" * 100_000 + "'"]
        elif str in kind.types:
            values = [INVALID_TEXT, "x'00ff'"]
        else:
            values = ["'seven'", "x'07'", "9e999", INVALID_TEXT]
            values += ["-1"] if kind.low == 0 else []
            values += ["1e18", str(2**62)] if kind.high < 2**62 else []
        for value in values:
            yield pytest.param(table.name, column.key, value, id=f"{table.name}.{column.key}={value[:20]}")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a log with three runs, and their taskUUIDs."""
    folder = tmp_path_factory.mktemp("whole") / "runs"
    with contextlib.closing(nbkit.Studio(engine="offline", path=folder)) as studio:
        runs = [studio.generate("A lantern", seed=seed, resolution="0.5K") for seed in (1, 2, 3)]
    return folder, [run.task_uuid for run in runs]


@pytest.fixture
def damage(whole, tmp_path):
    """Writes a value into a column of the second run of a copy. Without the constraints of nbkit's tables, any value can stand there."""

    def write(table, column, value, *, unconstrained=True):
        shutil.copytree(whole[0], tmp_path / "runs")
        with contextlib.closing(sqlite3.connect(tmp_path / "runs" / "log.sqlite")) as connection:
            if unconstrained:
                connection.execute(f"CREATE TABLE copied AS SELECT * FROM {table}")
                connection.execute(f"DROP TABLE {table}")
                connection.execute(f"ALTER TABLE copied RENAME TO {table}")
            connection.execute(f"UPDATE {table} SET {column} = {value} WHERE id = 2")
            connection.commit()
        return whole[1]

    return write


@pytest.mark.parametrize(("table", "column", "value"), [*damages(RUNS), *damages(IMAGES)])
def test_a_damaged_row_is_named_and_the_others_are_there(damage, tmp_path, table, column, value):
    """Whatever stands in whichever column: something names it, nothing fails, and the other rows are whole."""
    first, second, third = damage(table, column, value)
    with contextlib.closing(nbkit.RunLog(tmp_path / "runs")) as log, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame, runs, _ = log.to_frame(), {run.task_uuid: run for run in log}, log.search("lantern")
        named = [str(warning.message) for warning in caught]
        assert {first, third} <= set(frame.taskUUID)
        assert [runs[name].seed for name in (first, third)] == [1, 3]
        assert any(f"column {column!r}" in text for text in named), named
        if table == "runs" and column != "taskUUID":
            assert any(second in text for text in named)
            assert second not in runs
            with pytest.raises(errors.StorageError, match=column):
                _ = log[second]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("task", "'{'"),
        ("request", "'[1]'"),
        ("created", "9e18"),
        ("cost", "'x'"),
        ("prompt", INVALID_TEXT),
        ("status", "'odd'"),
    ],
)
def test_every_way_to_look_at_a_log_leaves_a_damaged_row_out(damage, tmp_path, column, value):
    """The display, an export, a gallery, a panel with its history, a sweep, a recovery; the next run comes as always."""
    damage("runs", column, value, unconstrained=False)
    looks = {
        "shown": lambda studio: studio.log._repr_mimebundle_(),
        "exported": lambda studio: studio.log.export(tmp_path / "out"),
        "iterated": lambda studio: list(studio.log),
        "gallery": lambda studio: studio.gallery(),
        "panel": lambda studio: studio.panel(),
        "plan": lambda studio: studio.sweep("A lantern", seed=[1], resolution="0.5K", name="s").plan(),
        "recovered": lambda studio: studio.recover(),
        "reused": lambda studio: studio.generate("A lantern", seed=1, resolution="0.5K", reuse=True),
        "made": lambda studio: studio.generate("A lantern", seed=4, resolution="0.5K"),
    }
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    with contextlib.closing(studio), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for look in looks.values():
            look(studio)
        assert {1, 3, 4} <= set(studio.df.seed)  # a frame does not read every column of a run
    assert {warning.category for warning in caught} == {UserWarning}


@pytest.mark.parametrize("column", ["created", "status", "charged", "engine", "model", "task", "request", "held"])
def test_a_gap_where_there_is_always_a_value_is_damage(damage, tmp_path, column):
    """A stranger's tables need not have the constraints of nbkit's own."""
    _first, second, _third = damage("runs", column, "NULL")
    log = nbkit.RunLog(tmp_path / "runs")
    with contextlib.closing(log), pytest.warns(UserWarning, match=f"{second}.*{column}"):
        assert len(list(log)) == 2


def test_many_damaged_rows_make_one_warning(open_studio, tmp_path):
    """It names a few of them and the number of the others."""
    studio = open_studio()
    for seed in range(9):
        generate(studio, seed=seed)
    studio.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "runs" / "log.sqlite")) as connection, connection:
        connection.execute("UPDATE runs SET task = '{' WHERE id > 1")
    with pytest.warns(UserWarning, match="and 3 more") as caught:
        assert open_studio().df.seed.tolist() == [0]
    assert len(caught) == 1


def test_a_log_that_is_whole_is_read_without_a_warning(studio):
    """With everything that a request can have."""
    generate(studio, seed=2**62, number_results=2, thinking="HIGH", web_search=True, extra={"newThing": ["ä", 1]})
    assert len(studio.df) == 2
    assert len(list(studio.log)) == 1
    assert isinstance(next(iter(studio.log)).charged, bool)
