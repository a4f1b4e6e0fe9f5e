"""The prompts that were typed before, and the run of the log that an identical request has."""

import contextlib
import sqlite3

import pytest
import sqlalchemy as sa
from effort import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_requests import generate, lantern

import nbkit
from nbkit import errors
from nbkit.log import prompts as prompts_module
from nbkit.log import text_index
from nbkit.log.schema import RUNS
from nbkit.log.sqlite import casefold
from tests.benchmarks.log import fill

ROWS = 700


@pytest.fixture(scope="module")
def long_log(tmp_path_factory):
    """A log of some hundred rows, some of them with one prompt, some with white space in it."""
    log = nbkit.RunLog(tmp_path_factory.mktemp("long"))
    fill(log, ROWS)
    with log.database.writing() as connection:
        connection.execute(sa.update(RUNS).where(RUNS.c.id % 3 == 0).values(prompt="One prompt of a sweep"))
        connection.execute(sa.update(RUNS).where(RUNS.c.id % 17 == 0).values(prompt="Ein\n  Haus in der STRASSE"))
    yield log
    log.close()


def expected_prompts(log, search=""):
    """The same from the whole frame."""
    phrase = " ".join(casefold(search).split())
    newest_first = dict.fromkeys(log.to_frame().prompt[::-1])
    return [prompt for prompt in newest_first if phrase in " ".join(casefold(prompt).split())]


@pytest.fixture
def short_steps(monkeypatch):
    """Steps of some rows, so that a short log takes several."""
    monkeypatch.setattr(prompts_module, "_FIRST_STEP", 3)


@pytest.mark.parametrize("limit", [0, 1, 20, ROWS, 10**6])
def test_prompts_are_distinct_and_the_newest_come_first(long_log, short_steps, limit):
    """As in the frame, in which each may have many rows."""
    assert long_log.prompts(limit=limit) == expected_prompts(long_log)[:limit]


@pytest.mark.parametrize("has_index", [True, False])
@pytest.mark.parametrize(
    "search",
    ["", " \n", "lantern", "LANT", "street neon", "neon street", "straße", "haus  in", "n h", "é", "ét", "q", "qz", "signal101",
     "\ud800", "灯笼", "%", '"', "*", "a\0b", "\0"],
)  # fmt: skip
def test_a_search_finds_the_prompts_that_contain_a_text(long_log, short_steps, monkeypatch, search, has_index):
    """In either case and in every alphabet, with an index or without; white space is one space; no sign is special."""
    if not has_index:
        monkeypatch.setattr(text_index, "update", lambda *_: False)
    assert long_log.prompts(search, limit=ROWS) == expected_prompts(long_log, search)
    assert long_log.prompts(search, limit=2) == expected_prompts(long_log, search)[:2]


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), limit=st.integers(1, 30))
def test_any_part_of_a_prompt_finds_it(long_log, short_steps, data, limit):
    """Whatever part that is."""
    prompt = data.draw(st.sampled_from(expected_prompts(long_log)))
    start = data.draw(st.integers(0, len(prompt) - 1))
    search = prompt[start : start + data.draw(st.integers(1, 25))].swapcase()
    assert long_log.prompts(search, limit) == expected_prompts(long_log, search)[:limit]


def test_only_the_newest_runs_are_read(long_log, monkeypatch):
    """So a log whose newest runs have one prompt is not read to its end."""
    monkeypatch.setattr(prompts_module, "MAX_RUNS", 10)
    newest = long_log.to_frame(limit=10, columns="prompt").prompt[::-1]
    assert long_log.prompts() == list(dict.fromkeys(newest))


def test_tags_and_notes_are_not_searched(studio):
    """Unlike in ``log.search``: the text is wanted in the prompt."""
    run = generate(studio)
    studio.log.mark(run, tags="evening")
    assert studio.log.prompts("evening") == []
    assert studio.log.prompts("lantern") == ["A lantern"]


@pytest.mark.parametrize(
    "arguments", [{"search": None}, {"search": 3}, {"limit": -1}, {"limit": "5"}, {"limit": None}, {"limit": True}]
)
def test_other_arguments_are_refused(studio, arguments):
    """The error names the argument."""
    with pytest.raises(errors.RequestError) as raised:
        studio.log.prompts(**arguments)
    assert raised.value.parameter == next(iter(arguments))


@pytest.mark.parametrize("value", ["CAST(x'4180ff' AS TEXT)", "7", "NULL", "x'00'", "'  '", "'A' || char(0)", "''"])
def test_a_damaged_prompt_is_left_out(studio, value):
    """Without a word: whoever reads the row itself is warned."""
    generate(studio)
    generate(studio, prompt="A teapot")
    with contextlib.closing(sqlite3.connect(studio.log.database.name)) as connection, connection:
        connection.execute(f"UPDATE runs SET prompt = {value} WHERE id = 2")
    assert studio.log.prompts() == ["A lantern"]
    assert studio.log.prompts("lantern") == ["A lantern"]


# -- an identical request ----------------------------------------------------------------------------------------


def test_a_request_with_a_seed_finds_its_newest_done_run(service, studio):
    """What takes no part in the identity does not matter; nothing is sent for the question."""
    request = lantern(seed=7, resolution="0.5K")
    assert studio.log.same_as(request, studio.engine) is None
    studio.generate(request)
    newest = studio.generate(request)
    sent = len(service.received)
    found = studio.log.same_as(request.replace(ttl=60, output_type="URL"), studio.engine)
    assert found == newest
    assert found.context.make is not None, "a run of the studio's log can be made again"
    assert studio.generate(request, reuse=True).task_uuid == newest.task_uuid
    assert len(service.received) == sent


def test_a_request_without_a_seed_and_one_of_another_engine_find_nothing(studio):
    """Nobody knows the seed that the service would draw; an offline picture is none of the model."""
    studio.generate(lantern(resolution="0.5K"))
    studio.generate(lantern(resolution="0.5K", seed=7))
    assert studio.log.same_as(lantern(resolution="0.5K"), studio.engine) is None
    assert studio.log.same_as(lantern(resolution="0.5K", seed=7), "offline") is None
    assert studio.log.same_as(lantern(resolution="0.5K", seed=8), studio.engine) is None


def test_a_failed_run_is_not_found(studio):
    """A request that failed may be sent again."""
    run = studio.generate(lantern(seed=7, resolution="0.5K"))
    with studio.log.database.writing() as connection:
        connection.execute(sa.update(RUNS).where(RUNS.c.taskUUID == run.task_uuid).values(status="failed"))
    assert studio.log.same_as(lantern(seed=7, resolution="0.5K"), studio.engine) is None


def test_credentials_are_part_of_what_is_the_same(studio):
    """By the whole address, which no log keeps: another token is another reference image."""
    address = "https://example.com/cat.jpg?token=canary"
    run = studio.generate(lantern(seed=7, resolution="0.5K", reference_images=[address]))
    assert studio.log.same_as(run.request, studio.engine).task_uuid == run.task_uuid
    other = run.request.replace(reference_images=[f"{address}0"])
    assert studio.log.same_as(other, studio.engine) is None


def test_a_run_whose_file_is_missing_is_found(studio):
    """It is paid, and a run with ``reuse=True`` fetches it again."""
    run = studio.generate(lantern(seed=7, resolution="0.5K"))
    run.image.path.unlink()
    assert studio.log.same_as(run.request, studio.engine).task_uuid == run.task_uuid


def test_the_index_of_the_identity_finds_it(long_log, monkeypatch):
    """The index of the status would read every run that is done: a second in a log of a million."""
    statements = []
    with long_log.database.reading() as connection:
        engine = connection.engine
    listener = lambda _, __, statement, parameters, *___: statements.append((statement, parameters))  # noqa: E731
    sa.event.listen(engine, "before_cursor_execute", listener)
    long_log.same_as(lantern(seed=7), "offline")
    sa.event.remove(engine, "before_cursor_execute", listener)
    (query,) = [given for given in statements if "identity = " in given[0]]
    with long_log.database.reading() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query[0]}", query[1]).all()
    assert ["runs_identity" in step.detail for step in plan] == [True]
