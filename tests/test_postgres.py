"""A log on a PostgreSQL server: shared by processes, exact, and whole after its server was killed."""

import itertools
import os
import subprocess
import sys
import textwrap
import threading
import traceback
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from postgres import PASSWORD, USER
from service import PRICE
from small_requests import generate
from sweep_tools import until

import nbkit
from nbkit import errors
from nbkit.log import sqlite
from nbkit.log.database import Database, server_address

numbers = itertools.count()

WORKER = """
    import sys
    import nbkit
    from concurrent.futures import ThreadPoolExecutor

    folder, budget, threads, each = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    studio = nbkit.Studio(engine="offline", path=folder, daily_budget=budget)
    def work(_):
        made = 0
        for _ in range(each):
            try:
                made += studio.generate("A lantern", resolution="0.5K").status == "done"
            except nbkit.BudgetExceeded:
                pass
        return made
    with ThreadPoolExecutor(threads) as pool:
        print(sum(pool.map(work, range(threads))))
"""


@pytest.fixture
def address(postgres, tmp_path):
    """Of an empty log of its own."""
    return postgres.log_for(tmp_path / f"log-{next(numbers)}")


def processes(address, count, *arguments):
    """Start several kernels on a log at once, and return what each prints."""
    command = [sys.executable, "-c", textwrap.dedent(WORKER)]
    started = [
        subprocess.Popen(
            [*command, f"pictures-{number}", *map(str, arguments)],
            env=os.environ | {"NBKIT_LOG": address},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    found = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0] * count, found
    return [out for out, _ in found]


def test_two_kernels_may_open_an_empty_log_at_once(postgres, tmp_path):
    """Each time, one makes the tables, and both use them."""
    for number in range(20):
        place = server_address(postgres.log_for(tmp_path / f"empty-{number}"))
        barrier = threading.Barrier(4)

        def open_one(path, place=place, barrier=barrier):
            barrier.wait()
            return len(nbkit.RunLog(path, address=place))

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(open_one, [tmp_path / str(i) for i in range(4)])) == [0] * 4


def test_a_budget_that_processes_share_is_exact(address):
    """Three kernels with four threads each want 60 pictures, and there is room for 25."""
    made = processes(address, 3, 25 * 0.04657 + 0.001, 4, 5)
    assert sum(map(int, made)) == 25
    log = nbkit.RunLog("pictures", address=address)
    assert len(log) == 25
    assert log.to_frame().cost.sum() == pytest.approx(25 * 0.04657)


def test_one_kernel_sees_what_another_one_made(service, open_studio, address, tmp_path):
    """Rows, marks and sums; and the same request is answered from the log."""
    here = open_studio(log=address)
    there = open_studio(log=address)
    run = generate(here, seed=7)
    there.log.mark(run, rating=4)
    assert here.df.rating.tolist() == [4.0]
    assert there.log[run.task_uuid] == run
    assert there.generate(run.request, reuse=True).task_uuid == run.task_uuid
    assert len(service.charges) == 1


def test_a_server_that_is_killed_and_started_again_loses_no_run(service, open_studio, postgres, address):
    """What was paid is in the log once, and its money is in the accounts once. The sweep may end; it is run again."""
    studio = open_studio(log=address)
    sweep = studio.sweep("A {colour} lantern", colour=["red", "jade"], seed=range(20), resolution="0.5K")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(sweep.run, max_workers=4)
        for _ in range(2):
            before = len(service.charges)
            until(lambda before=before: len(service.charges) >= before + 5 or running.done())
            postgres.stop()
            postgres.start()
        assert isinstance(running.exception(timeout=60), (errors.StorageError, type(None)))
    studio.recover()
    result = sweep.run(max_workers=4)
    assert len(result.runs) == len(service.charges) == 40
    assert studio.budget.held == 0
    assert studio.budget.spent == pytest.approx(40 * PRICE)
    assert studio.log.verify().empty


def test_nothing_is_sent_while_the_server_is_away(service, open_studio, postgres, address, monkeypatch):
    """The error is one sentence, and the next run after that works."""
    monkeypatch.setattr("nbkit.log.postgres.PATIENCE", 0.1)
    studio = open_studio(log=address)
    postgres.stop()
    try:
        with pytest.raises(errors.StorageError, match="cannot be"):
            generate(studio)
        with pytest.raises(errors.StorageError, match="cannot be opened"):
            open_studio(log=address)
    finally:
        postgres.start()
    assert service.charges == {} or not service.charges
    assert generate(studio).status == "done"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("log.sqlite", "Studio(path=…)"), ("mysql://user:geheim@host/db", "postgresql://"), ("", None),
        ("postgresql://user:geheim@127.0.0.1:1/team", "cannot be opened"),
        ("postgresql://user@127.0.0.1:1/team?password=geheim", "cannot be opened"),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_an_error_without_its_password(given, words, tmp_path):
    """An empty one is none."""
    if words is None:
        assert nbkit.Studio(engine="offline", path=tmp_path, log=given).log.database.file is not None
        return
    with pytest.raises((errors.ConfigurationError, errors.StorageError)) as caught:
        nbkit.Studio(engine="offline", path=tmp_path, log=given)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert words in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "geheim" not in "".join(line for line in shown.format() if "test_postgres" not in line)


def test_a_password_is_in_no_repr_and_no_error(open_studio, postgres, address):
    """Neither of the studio and its log nor of what keeps it."""
    studio = open_studio(log=address, engine="offline")
    database = studio.log.database
    shown = map(repr, (studio, studio.log, database.name, database.keeper, database.keeper.writer, studio.df))
    assert PASSWORD not in "".join(shown)
    with pytest.raises(errors.StorageError) as caught:
        nbkit.RunLog("elsewhere", address=address.replace(PASSWORD, "another-password"))
    assert "password" in str(caught.value)
    assert "another-password" not in str(caught.value)
    assert USER in database.name


def test_case_is_folded_as_python_folds_it(address):
    """Each letter alone, and words in which it depends on the place."""
    database = Database(server_address(address))
    nbkit.RunLog("pictures", address=address)
    letters = [chr(code) for code in range(1, 0x20000) if unicodedata.category(chr(code)) not in ("Cs", "Cn", "Co")]
    texts = [*letters, "STRASSE Straße", "ΣΊΣΥΦΟΣ", "İstanbul", "e\u0301 É"]
    with psycopg.connect(address) as connection:
        rows = connection.execute(
            "SELECT nbkit_casefold(one) FROM unnest(%s::text[]) WITH ORDINALITY AS t(one, n) ORDER BY n", [texts]
        )
        folded = [text for (text,) in rows]
    wrong = [(text, there) for text, there in zip(texts, folded, strict=True) if there != sqlite.casefold(text)]
    assert wrong == []
    database.close()


def test_a_text_of_the_service_with_a_nul_costs_no_row(open_studio, address):
    """PostgreSQL takes none; the log has the sign for it."""
    log = open_studio(log=address).log
    with log.database.writing() as connection:
        shown = connection.exec_driver_sql("SELECT CAST(%s AS TEXT)", ("a\0b",)).scalar()
    assert shown == "a\N{SYMBOL FOR NULL}b"
