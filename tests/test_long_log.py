"""A long log: pages, counts, groups and searches read what is shown, and give what the whole frame gives."""

import contextlib
import sqlite3
import subprocess
import sys
import threading
import uuid

import pandas as pd
import pytest
import sqlalchemy as sa
from effort import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nbkit
from nbkit import errors
from nbkit.log import text_index
from nbkit.log.filter import parse
from nbkit.log.frame import COLUMNS, count_rows
from nbkit.log.schema import IMAGES, RUNS
from nbkit.log.search import match_rows
from nbkit.widgets.gallery import gallery as gallery_module
from nbkit.widgets.gallery import query
from nbkit.widgets.gallery.gallery import Gallery
from nbkit.widgets.gallery.query import Condition
from tests.benchmarks.log import fill

ROWS = 700


def unusual(log):
    """Rows that few logs have: failed results, several pictures of a run, marks, real money, and other engines."""
    with log.database.writing() as connection:
        connection.execute(sa.update(RUNS).where(RUNS.c.id % 7 == 0).values(charged=True, extra={"b": [1]}))
        connection.execute(sa.update(RUNS).where(RUNS.c.id % 13 == 0).values(created=RUNS.c.created + 999_600))
        connection.execute(sa.update(RUNS).where(RUNS.c.id % 11 == 0).values(engine="elsewhere", temperature=None))
        row = {"status": "done", "cost": 1_000, "seed": 2**63 - 1, "sha256": "0" * 64, "mediaType": "image/png"}
        for run in range(3, ROWS, 9):
            values = {**row, "run": run, "imageUUID": str(uuid.uuid4()), "note": "Die Straße" if run % 2 else None}
            connection.execute(sa.insert(IMAGES).values(values))
            connection.execute(sa.insert(IMAGES).values(run=run, status="failed", error="no such picture"))


@pytest.fixture(scope="module")
def long_log(tmp_path_factory):
    """A log of some hundred rows of every kind."""
    log = nbkit.RunLog(tmp_path_factory.mktemp("long"))
    fill(log, ROWS)
    unusual(log)
    yield log
    log.close()


@pytest.fixture(scope="module")
def whole(long_log):
    """Its frame."""
    return long_log.to_frame()


def assert_same(found, expected):
    """Compare two frames, whatever their index is."""
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected.reset_index(drop=True))


# -- a part of the frame -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 1, 20, ROWS, 10**6])
def test_a_limit_gives_the_newest_rows(long_log, whole, limit):
    """Oldest first, as in the whole frame."""
    assert_same(long_log.to_frame(limit=limit), whole.tail(limit) if limit else whole.iloc[:0])


@pytest.mark.parametrize("columns", ["seed", ["seed", "top_p", "topP", "cost"], ["file"], ["note", "tags"], ["extra"]])
@pytest.mark.parametrize("limit", [None, 7])
def test_columns_are_read_alone(long_log, whole, columns, limit):
    """In either spelling, each once, with the dtypes of the whole frame."""
    names = ["seed", "topP", "cost"] if "topP" in columns else [columns] if isinstance(columns, str) else columns
    expected = whole[names] if limit is None else whole[names].tail(limit)
    assert_same(long_log.to_frame(columns=columns, limit=limit), expected)


@pytest.mark.parametrize("columns", ["outputQuality", ["ttl", "webhookURL"], []])
def test_columns_without_a_value_have_all_rows(long_log, whole, columns):
    """A frame of gaps, or of no column."""
    names = [columns] if isinstance(columns, str) else columns
    found = long_log.to_frame(columns=columns)
    assert (list(found), len(found)) == (names, len(whole))
    assert found.isna().all(axis=None)
    assert len(long_log.to_frame(columns=columns, limit=3)) == 3


def test_a_page_refuses_what_it_does_not_have(long_log, whole):
    """A column takes either spelling; an unlikely limit is no error."""
    assert long_log.page(3, sort="top_p").topP.notna().all()
    with pytest.raises(errors.UnknownParameter):
        long_log.page(3, sort="temprature")
    with pytest.raises(errors.RequestError, match="limit"):
        long_log.page(-1)
    assert_same(long_log.filter("rating >= 2", limit=2**62), whole[whole.rating >= 2])
    assert_same(long_log.search("lantern", limit=2**62), found_by_rule(whole, "lantern"))


@pytest.mark.parametrize(
    ("where", "mask"),
    [
        ("rating >= 2", lambda f: f.rating >= 2),
        ("temperature < 0.5 and status == 'failed'", lambda f: (f.temperature < 0.5) & (f.status == "failed")),
        ("cost == 0.001", lambda f: f.cost == 0.001),
        ("seed == 9223372036854775807", lambda f: f.seed == 2**63 - 1),
        ("note is None and rating is not None", lambda f: f.note.isna() & f.rating.notna()),
    ],
)
def test_a_condition_goes_with_a_limit_and_columns(long_log, whole, where, mask):
    """The newest rows that meet it; ``filter`` with a limit gives the same."""
    expected = whole[mask(whole).fillna(value=False).astype(bool)]
    assert len(expected) > 3
    assert_same(long_log.to_frame(where=where), expected)
    assert_same(long_log.filter(where, limit=3), expected.tail(3))
    assert_same(
        long_log.to_frame(where=where, limit=3, columns=["taskUUID", "seed"]), expected[["taskUUID", "seed"]].tail(3)
    )


@pytest.mark.parametrize(
    ("wrong", "kind", "named"),
    [
        ({"limit": -1}, errors.RequestError, "limit"),
        ({"limit": "ten"}, errors.RequestError, "limit"),
        ({"limit": 2.5}, errors.RequestError, "limit"),
        ({"columns": ["temprature"]}, errors.UnknownParameter, "temprature"),
        ({"where": "temprature > 1"}, errors.RequestError, "filter"),
    ],
)
def test_a_wrong_argument_is_named(long_log, wrong, kind, named):
    """Nothing is read for it."""
    with pytest.raises(kind) as raised:
        long_log.to_frame(**wrong)
    assert named in (*raised.value.parameter, str(raised.value.parameter))


def test_rows_are_counted_without_reading_them(long_log, whole):
    """All of them, and those that meet a condition."""
    assert count_rows(long_log.database) == len(whole)
    assert count_rows(long_log.database, IMAGES.c.rating >= 2) == int((whole.rating >= 2).sum()) > 0


def test_the_last_line_says_how_many_rows_there_are(long_log, whole):
    """Beside the latest ones."""
    assert f"The latest 20 of {len(whole):,} rows" in long_log._repr_mimebundle_()["text/html"]


def test_runs_are_read_when_they_are_asked_for(long_log, whole):
    """The newest at once; all of them are those of the frame."""
    newest = next(iter(long_log))
    assert newest.task_uuid == whole.taskUUID.iloc[-1]
    assert [run.task_uuid for run in long_log] == list(dict.fromkeys(whole.taskUUID[::-1]))


# -- a table of it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [None, *(name for name in COLUMNS if name not in ("taskUUID", "imageUUID"))])
@pytest.mark.parametrize("page", [1, 3])
def test_a_table_of_the_log_is_that_of_its_frame(long_log, whole, by, page):
    """Whatever groups it: headings, counts, sums and rows, newest first, are the same to the letter."""
    arguments = {"by": by, "limit": 40, "page": page, "columns": ["taskUUID", "imageUUID", "cost"]}
    from_log, from_frame = long_log.show(**arguments), whole[::-1].nbkit.show(**arguments)
    assert from_log.text == from_frame.text
    assert from_log.html == from_frame.html


def test_a_table_has_the_columns_in_which_a_row_has_a_value(long_log, whole):
    """As for a frame."""
    assert long_log.show(limit=5).text == whole[::-1].nbkit.show(limit=5).text


# -- a gallery of it ---------------------------------------------------------------------------------------------

ASKED = [
    {},
    {"filters": [("temperature", "≥", "0.7")]},
    {"filters": [("temperature", "=", 0.5)]},
    {"filters": [("topP", "≠", "0.9")]},
    {"filters": [("rating", "is set", None), ("keep", "is not set", None)]},
    {"filters": [("status", "=", ("failed", "blocked"))]},
    {"filters": [("seed", ">", str(2**62)), ("seed", "<", str(2**63 - 1))]},
    {"filters": [("charged", "=", "yes")]},
    {"filters": [("created", "≤", "2025-06-15 15:06:40")]},
    {"filters": [("prompt", "contains", "STRASSE")]},
    {"filters": [("charged", "contains", "true")]},
    {"filters": [("created", "contains", "2025-06-15 15:0"), ("created", "contains", "+00:00")]},
    {"filters": [("created", "contains", ":40.9996")]},
    {"filters": [("rating", "contains", "2.0")]},
    {"filters": [("temperature", "contains", "1.0")]},
    {"filters": [("seed", "contains", "77")]},
    {"filters": [("cost", "contains", "0.06")]},
    {"filters": [("extra", "contains", '"b"')]},
    {"filters": [("cost", "≥", "$0.05")]},
    {"filters": [("rating", "=", (2, None))]},
    {"filters": ["rating >= 2 or temperature < 0.2"]},
    {"filters": [("charged", "≥", "no"), ("charged", "<", "yes")]},
    {"filters": [("seed", "<", str(2**70))]},
    {"filters": [("seed", "≠", str(2**70))]},
    {"search": "lantern café"},
    {"search": "straße"},
    {"sort": "temperature"},
    {"sort": "cost", "ascending": True},
    {"sort": "seed", "filters": [("status", "=", "done")], "search": "lan"},
    {"sort": "note", "ascending": True},
    {"sort": "prompt"},
    {"sort": "created", "ascending": True},
]


def ask(gallery, asked):
    """Move the controls of a gallery."""
    for filter_ in asked.get("filters", ()):
        gallery.filters.put(parse(filter_) if isinstance(filter_, str) else Condition(*filter_))
    gallery.search(asked.get("search", ""))
    gallery.sort(asked.get("sort"), ascending=asked.get("ascending", False))
    return gallery.frame


@pytest.mark.parametrize("asked", ASKED, ids=str)
@pytest.mark.parametrize("most", [50, 400])
def test_a_gallery_of_a_long_log_has_the_first_rows_of_what_is_asked_for(long_log, monkeypatch, asked, most):
    """Those that a gallery of all rows shows first; rows are read from the log as they are needed."""
    expected = ask(Gallery(long_log), asked)
    monkeypatch.setattr(gallery_module, "QUICK", 500)
    monkeypatch.setattr(gallery_module, "FIRST", most)
    monkeypatch.setattr(long_log, "to_frame", None)  # not the whole frame
    gallery = Gallery(long_log)
    found = ask(gallery, asked)
    assert_same(found, expected.head(most))
    assert len(found) > 0
    line = gallery._line.value
    assert f" of {long_log.count_rows():,} shown" in line
    assert ("the first" in line) == (len(expected) >= most)
    kept = gallery._record().text.splitlines()[0]
    first = min(6, len(found))
    assert kept.startswith(
        f"Saved preview: {first}" if len(expected) >= most else f"Saved preview: {first} of {len(found)}"
    )


def test_a_gallery_of_a_long_log_marks_selects_and_groups(long_log, monkeypatch):
    """As any other; a refresh reads the newest rows again."""
    monkeypatch.setattr(gallery_module, "QUICK", 500)
    monkeypatch.setattr(gallery_module, "FIRST", 60)
    gallery = Gallery(long_log)
    first = gallery.frame[gallery.frame.imageUUID.notna()].head(2)
    gallery.select(first)
    gallery.note("a mark of a long gallery")
    assert long_log.search("mark long gallery").imageUUID.tolist() == first.imageUUID.tolist()[::-1]
    gallery.undo()
    assert long_log.search("mark long gallery").empty
    gallery.group("status")
    assert set(gallery.frame.status) == {"done", "failed"}
    gallery.filter("status == 'failed'")
    assert set(gallery.frame.status) == {"failed"}
    assert len(gallery.frame) == 60
    gallery.clear()
    gallery.refresh()
    assert len(gallery.frame) == 60


@pytest.mark.parametrize(
    ("by", "asked"),
    [
        *((name, {}) for name in ("status", "temperature", "created", "charged", "rating", "cost", "note", "prompt")),
        *((name, {}) for name in ("referenceImages", "webSearch", "width", "sweep", "seed", "latency")),
        ("topP", {"search": "lantern"}),
        ("tags", {"filters": [("temperature", "≥", "0.5")], "sort": "seed"}),
        ("engine", {"sort": "cost", "ascending": True}),
    ],
    ids=str,
)
def test_groups_of_a_long_gallery_count_all_rows(long_log, whole, monkeypatch, by, asked):
    """Each has its first rows, in their order, and the number of all; too many groups are refused as in a short one."""
    monkeypatch.setattr(query, "MOST_GROUPS", 200)
    monkeypatch.setattr(gallery_module, "MOST_GROUPS", 200)
    short = Gallery(long_log)
    ask(short, asked)
    with contextlib.suppress(errors.RequestError):
        short.group(by)
    expected, all_groups = short.frame, short.grid.box.groups
    monkeypatch.setattr(gallery_module, "QUICK", 500)
    monkeypatch.setattr(gallery_module, "FIRST", 400)
    monkeypatch.setattr(long_log, "to_frame", None)
    gallery = Gallery(long_log)
    before = ask(gallery, asked)
    if not all_groups:
        with pytest.raises(errors.RequestError, match="too many for groups"):
            gallery.group(by)
        assert_same(gallery.frame, before)
        return
    gallery.group(by)
    groups = gallery.grid.box.groups
    assert [[heading, of] for heading, _, of in groups] == all_groups
    each = 400 // len(groups)
    assert [many for _, many, _ in groups] == [min(each, of) for _, of in all_groups]
    first = expected.groupby(by, dropna=False, sort=False).head(each)
    assert_same(gallery.frame, first)
    assert ("the first" in gallery._line.value) == (len(first) < len(expected))
    gallery.group(None)
    assert_same(gallery.frame, before)


def test_sizes_of_groups_are_those_of_the_frame(long_log, whole):
    """In either spelling, with a condition, and without rows."""
    expected = whole[whole.status == "done"].groupby("topP", dropna=False).size()
    found = long_log.group_sizes("top_p", conditions=[parse("status == 'done'")])
    assert found.tolist() == expected.tolist()
    assert found.index.tolist()[:-1] == expected.index.tolist()[:-1]
    assert long_log.group_sizes("status", text="no such word").empty
    assert len(long_log.group_sizes("seed", limit=3)) == 3
    with pytest.raises(errors.UnknownParameter):
        long_log.group_sizes("temprature")


def test_a_filter_that_cannot_be_used_leaves_a_long_gallery_as_it_was(long_log, monkeypatch):
    """The next thing that is asked for works."""
    monkeypatch.setattr(gallery_module, "QUICK", 500)
    gallery = Gallery(long_log)
    before = gallery.frame
    for wrong in (Condition("temperature", "≥", "warm"), Condition("created", ">", "tomorrow")):
        with pytest.raises(errors.RequestError):
            gallery._narrow(wrong)
    gallery.sort(None)
    assert_same(gallery.frame, before)
    assert gallery.filters.held == ()


def test_a_gallery_of_a_frame_reads_only_its_runs(long_log, whole, monkeypatch):
    """Whatever the length of the log."""
    rows = whole.iloc[[5, 3, 400]]
    monkeypatch.setattr(long_log, "to_frame", None)
    monkeypatch.setattr(long_log, "page", None)
    assert Gallery(long_log, rows).frame.taskUUID.tolist() == rows.taskUUID.tolist()
    only_pictures = whole[whole.imageUUID.notna()].head(3).assign(taskUUID=pd.NA)
    assert Gallery(long_log, only_pictures).frame.imageUUID.tolist() == only_pictures.imageUUID.tolist()


# -- searches ----------------------------------------------------------------------------------------------------

WORDS = [
    "lantern", "LANT", "signal", "straße", "STRASSE", "été", "é", "ß", "ss", "qz", "a", "~", "la", '"quiet street"',
    '"street quiet"', "café night", "café", "foo bar", "", '"', "die str", '"die  straße"', "night, lantern", "tag,",
    "lantern," * 40, "%", "_", "*", '""', "a" * 300, "lan\0tern", "\0", "a\0", "\ud800", "lantern \udfff",
    " ".join(f"word{number}" for number in range(990)), "lantern " * 500,
]  # fmt: skip


def found_by_rule(whole, text):
    """The rows that a search has to find."""
    columns = [
        whole[name].astype(object).where(whole[name].notna(), None).tolist() for name in ("prompt", "tags", "note")
    ]
    return whole.iloc[match_rows(text, *columns)]


@pytest.mark.parametrize("text", WORDS)
def test_a_search_finds_what_the_rule_finds(long_log, whole, text):
    """By the index, with and without a limit."""
    expected = found_by_rule(whole, text)
    assert_same(long_log.search(text), expected)
    assert_same(long_log.search(text, limit=5), expected.tail(5))


LETTERS = "\0aAßsſéE\u0301İi灯笼🎈\n \t,x\"'%*_\x01\x7f"


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_texts_are_found_by_random_parts_of_them(tmp_path_factory, data):
    """In every alphabet, whatever changes afterwards: the index and the rule never disagree."""
    log = nbkit.RunLog(tmp_path_factory.mktemp("random"))
    texts = data.draw(st.lists(st.text(LETTERS, max_size=12), min_size=2, max_size=8))
    fill(log, len(texts))
    with log.database.writing() as connection:
        for number, text in enumerate(texts, 1):
            connection.execute(sa.update(RUNS).where(RUNS.c.id == number).values(prompt=text))
    for _ in range(3):
        whole = log.to_frame()
        asked = data.draw(st.text(LETTERS, max_size=6) | st.sampled_from(texts).map(lambda text: text[1:5]))
        assert_same(log.search(asked), found_by_rule(whole, asked))
        assert_same(log.search(asked, limit=2), found_by_rule(whole, asked).tail(2))
        pictures = whole.imageUUID.dropna().tolist()
        if pictures:
            marked = data.draw(st.sampled_from(pictures))
            change = log.mark(marked, tags=data.draw(st.text(LETTERS, max_size=6)), note=data.draw(st.text(LETTERS)))
            if data.draw(st.booleans()):
                change.undo()
    log.close()


def indexed(log):
    """The numbers of the runs in the index."""
    with log.database.reading() as connection:
        return connection.exec_driver_sql("SELECT rowid FROM folded ORDER BY rowid").scalars().all()


def test_an_interrupted_index_is_continued(tmp_path, monkeypatch):
    """What was added stays; the next search adds the rest, and finds everything."""
    monkeypatch.setattr(text_index, "AT_ONCE", 100)
    log = nbkit.RunLog(tmp_path)
    fill(log, 350)
    insert, calls = text_index._insert, []

    def interrupted(connection, runs):
        calls.append(len(runs))
        if len(calls) == 3:
            insert(connection, runs)
            raise KeyboardInterrupt
        return insert(connection, runs)

    monkeypatch.setattr(text_index, "_insert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        log.search("lantern")
    assert indexed(log) == list(range(1, 201))
    assert len(log.search("lantern")) == len(found_by_rule(log.to_frame(), "lantern"))
    assert indexed(log) == list(range(1, 351))
    log.close()


INDEXING = """
import sys
from nbkit.log import text_index
text_index.AT_ONCE, insert, calls = 100, text_index._insert, []
def told(connection, runs):
    added = insert(connection, runs)
    calls.append(added)
    if len(calls) == 3:
        print("in the third transaction", flush=True)
        sys.stdin.read()
    return added
text_index._insert = told
import nbkit
nbkit.RunLog(sys.argv[1]).search("lantern")
"""


def test_an_index_whose_kernel_was_killed_is_continued(tmp_path):
    """What was committed stays; nothing of the log is lost, and the next search finds everything."""
    log = nbkit.RunLog(tmp_path)
    fill(log, 350)
    before = log.to_frame()
    kernel = subprocess.Popen([sys.executable, "-c", INDEXING, str(tmp_path)], stdin=-1, stdout=-1, text=True)
    assert kernel.stdout.readline() == "in the third transaction\n"
    kernel.kill()
    kernel.communicate()
    assert indexed(log) == list(range(1, 201))
    assert_same(log.search("lantern"), found_by_rule(before, "lantern"))
    assert indexed(log) == list(range(1, 351))
    assert_same(log.to_frame(), before)
    assert log.verify().query("what == 'log'").empty
    log.close()


@pytest.mark.parametrize("progress", [0.2, 0.5, 0.9])
def test_a_log_of_the_version_before_whose_upgrade_was_killed_opens_with_everything(tmp_path, progress):
    """At any instant: its tables and indexes come in one transaction."""
    log = nbkit.RunLog(tmp_path)
    fill(log, 20_000)
    before = log.to_frame(limit=500)
    with log.database.writing() as connection:
        for statement in (
            "DROP TABLE limits",
            "DROP TABLE senders",
            "DROP INDEX images_seed",
            "DROP INDEX images_rating",
            "DROP INDEX runs_parent",
            "DROP INDEX runs_parentImage",
            "ALTER TABLE runs DROP COLUMN parentImage",
            "UPDATE meta SET value = '3' WHERE key = 'version'",
            "UPDATE meta SET value = '2' WHERE key = 'min_reader'",
        ):
            connection.exec_driver_sql(statement)
    log.close()
    code = "import sys, nbkit; print(flush=True); nbkit.RunLog(sys.argv[1])"
    kernel = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=-1, text=True)
    kernel.stdout.readline()
    with contextlib.suppress(subprocess.TimeoutExpired):
        kernel.wait(0.06 * progress)  # the kill may come at any instant
    kernel.kill()
    kernel.communicate()
    log = nbkit.RunLog(tmp_path)
    assert_same(log.to_frame(limit=500), before)
    with log.database.reading() as connection:
        names = set(connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars())
    assert {"limits", "senders", "images_seed", "images_rating", "runs_parent", "runs_parentImage"} <= names
    log.close()


def test_a_long_log_is_indexed_when_it_is_opened(tmp_path, monkeypatch, capsys):
    """An old one too, which has none; the progress is shown, and nothing is done again."""
    monkeypatch.setattr(text_index, "MANY", 200)
    log = nbkit.RunLog(tmp_path)
    fill(log, 300)
    log.close()
    assert "indexing" not in capsys.readouterr().err
    for expected in (True, False):
        log = nbkit.RunLog(tmp_path)
        assert ("indexing texts" in capsys.readouterr().err) == expected
        assert indexed(log) == list(range(1, 301))
        log.close()


def test_kernels_that_search_at_once_index_each_run_once(tmp_path):
    """Two processes and this one."""
    log = nbkit.RunLog(tmp_path)
    fill(log, 12_000)
    code = "import nbkit, sys; print(len(nbkit.RunLog(sys.argv[1]).search('lantern')))"
    kernels = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=-1, text=True) for _ in range(2)]
    mine = len(log.search("lantern"))
    assert [int(kernel.communicate(timeout=120)[0]) for kernel in kernels] == [mine, mine]
    assert indexed(log) == list(range(1, 12_001))
    log.close()


def test_threads_that_search_while_another_one_writes(tmp_path):
    """Each search finds at least what there was when it began."""
    log = nbkit.RunLog(tmp_path)
    fill(log, 50)
    problems = []

    def search():
        for _ in range(20):
            before = count_rows(log.database)
            found = len(log.search(""))
            if found < before or len(log.search("signal")) > found:
                problems.append((before, found))

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(100, 130):
        with log.database.writing() as connection:
            connection.execute(sa.insert(RUNS).values(_run_row(number)))
    for thread in threads:
        thread.join(60)
    assert problems == []
    log.close()


def _run_row(number):
    return {
        "id": number, "taskUUID": str(uuid.uuid4()), "created": 1_750_000_000_000_000, "status": "failed",
        "engine": "offline", "model": "google:4@3", "charged": False, "prompt": "signal", "task": {}, "resendable": True,
        "request": {"prompt": "signal"}, "estimateLow": 0, "estimateHigh": 0, "held": 0, "spent": 0, "studio": "s",
    }  # fmt: skip


def test_a_search_works_without_an_index(long_log, whole, monkeypatch):
    """With an SQLite that cannot make one, all rows are compared."""
    monkeypatch.setattr(text_index, "_has_index", lambda _: False)
    monkeypatch.setattr(text_index, "_can_make_one", lambda _: False)
    for text in ("lantern", "straße café", '"quiet street"', "qz"):
        assert_same(long_log.search(text), found_by_rule(whole, text))


def test_a_log_that_cannot_be_written_can_be_searched(tmp_path, monkeypatch):
    """It is a copy that gets the index."""
    log = nbkit.RunLog(tmp_path)
    fill(log, 60)
    expected = found_by_rule(log.to_frame(), "lantern")
    log.close()
    monkeypatch.setattr("nbkit.log.sqlite.is_read_only", lambda _: True)
    log = nbkit.RunLog(tmp_path)
    assert_same(log.search("lantern"), expected)
    with sqlite3.connect(tmp_path / "log.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'folded'").fetchone() == (0,)
    connection.close()
    log.close()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM folded_data WHERE id > 1",
        "UPDATE folded_data SET block = x'00'",
        "DROP TABLE folded_content",
        "INSERT INTO folded_content VALUES (9223372036854775807, 'x')",
        "DELETE FROM folded_config",
    ],
)
def test_a_damaged_index_stops_nobody(tmp_path, damage):
    """The log opens, is searched and marked; what the rule finds is found, or the error is a StorageError."""
    log = nbkit.RunLog(tmp_path)
    fill(log, 40)
    expected = found_by_rule(log.to_frame(), "lantern")
    log.search("lantern")
    log.close()
    with sqlite3.connect(tmp_path / "log.sqlite") as connection:
        connection.execute(damage)
    connection.close()
    log = nbkit.RunLog(tmp_path)
    log.mark(expected.imageUUID.dropna().iloc[0], tags="marked")
    try:
        found = log.search("lantern")
    except errors.StorageError:
        found = expected
    assert set(found.taskUUID) <= set(expected.taskUUID)
    log.close()


@pytest.mark.parametrize(
    "table",
    ["folded (text)", "folded (text PRIMARY KEY) WITHOUT ROWID", "folded (rowid INTEGER PRIMARY KEY, text, folded)"],
)
def test_a_table_of_a_stranger_is_no_index(tmp_path, table):
    """All rows are compared then, and tags are written as ever."""
    log = nbkit.RunLog(tmp_path)
    fill(log, 30)
    with log.database.writing() as connection:
        connection.exec_driver_sql(f"CREATE TABLE {table}")
        connection.exec_driver_sql("INSERT INTO folded (text) VALUES ('lantern')")
    expected = found_by_rule(log.to_frame(), "lantern")
    assert len(expected) > 1
    assert_same(log.search("lantern"), expected)
    log.mark(expected.imageUUID.dropna().iloc[0], tags="of a stranger")
    assert len(log.search("stranger")) == 1
    log.close()


def test_the_index_is_whole(long_log):
    """SQLite's own check of it."""
    long_log.search("lantern")
    with sqlite3.connect(long_log.folder / "log.sqlite") as connection:
        connection.execute("INSERT INTO folded (folded) VALUES ('integrity-check')")
    connection.close()
