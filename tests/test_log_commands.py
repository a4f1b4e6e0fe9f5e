"""``python -m nbkit`` on a log in a file and on a server: how a log is found, and what ``doctor`` says of it."""

import itertools
import shutil

import pandas as pd
import psycopg
import pytest
import sqlalchemy as sa
from postgres import PASSWORD
from small_requests import generate

import nbkit
from nbkit.__main__ import main
from nbkit.log.schema import META
from nbkit.studio import LOG_VARIABLE

numbers = itertools.count()


@pytest.fixture
def address(postgres, tmp_path):
    """Of an empty log of its own on a server."""
    return postgres.log_for(tmp_path / f"log-{next(numbers)}")


@pytest.fixture
def run(capsys):
    """Run a command in the folder of the test; returns its status, and all that it printed."""

    def run_one(*arguments):
        capsys.readouterr()
        status = main(list(map(str, arguments)))
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run_one


def wrong(printed):
    """The lines of ``doctor`` about what is not as it should be."""
    return [line for line in printed.splitlines() if line.startswith("✗")]


@pytest.mark.file
def test_doctor_finds_nothing_wrong_with_a_log_in_a_file(run, open_studio, tmp_path):
    """It names the file, how it is kept, its version and its runs; the log is the same before and after."""
    studio = open_studio(path=tmp_path / "kept")
    generate(studio)
    before = studio.log.to_frame()
    for given in (["kept"], [tmp_path / "kept"], ["--path", "kept"]):
        status, printed = run("doctor", *given)
        assert (status, wrong(printed)) == (0, [])
        assert printed.splitlines()[0].endswith("log.sqlite")
        assert all(words in printed for words in ("SQLite 3.", "version 9", "1 run", "kept, with"))
    assert studio.log.to_frame().equals(before)


@pytest.mark.file
def test_doctor_says_that_a_log_cannot_be_written(run, open_studio, tmp_path, monkeypatch):
    """The status is 1, and the line says what that means."""
    generate(open_studio(path=tmp_path / "kept"))
    monkeypatch.setattr("nbkit.log.sqlite.is_read_only", lambda _: True)
    status, printed = run("doctor", "kept")
    assert (status, len(wrong(printed))) == (1, 1)
    assert "read-only" in wrong(printed)[0]


@pytest.mark.parametrize("command", ["doctor", "verify", "recover", "export", "backup"])
def test_a_command_makes_no_log(run, command, tmp_path, address):
    """Where there is none it says so; ``doctor`` of a server says that a studio makes it."""
    target = ["out"] if command in ("export", "backup") else []
    option = [] if command == "doctor" else ["--log"]
    status, printed = run(command, *target, *option, "nothing-here")
    assert status > 0
    assert "no log in nothing-here" in printed
    status, printed = run(command, *target, *option, address)
    assert (status > 0) == (command != "doctor")
    assert PASSWORD not in printed
    assert "no log" in printed
    assert not list(tmp_path.iterdir())
    with psycopg.connect(address) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()").fetchone() == (
            0,
        )


def test_doctor_looks_at_a_server(run, open_studio, address):
    """Its clock, its room, the lock and the runs are there, and no password."""
    generate(open_studio(log=address, path="pictures"))
    status, printed = run("doctor", address, "--path", "pictures")
    assert (status, wrong(printed)) == (0, [])
    assert all(
        words in printed for words in ("PostgreSQL", "clock", "room for", "version 9", "1 run", "lock", "pictures")
    )
    assert PASSWORD not in printed


@pytest.mark.parametrize("state", ["newer", "no room", "may not make tables"])
def test_doctor_says_what_is_wrong_with_a_server(run, open_studio, address, state, monkeypatch):
    """A log that only a newer nbkit reads, a server that is nearly full, and a user without a right each get a line."""
    words, given = state, address
    if state == "newer":
        studio = open_studio(log=address, path="pictures")
        with studio.log.database.writing() as connection:
            connection.execute(sa.update(META).where(META.c.key == "min_reader").values(value="99"))
        words = "update nbkit"
    elif state == "no room":
        monkeypatch.setattr("nbkit.log.postgres.MIN_ROOM", 10_000)
        words = "more connections"
    else:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
            connection.execute("GRANT USAGE ON SCHEMA public TO guest")
            connection.execute("REVOKE CREATE ON SCHEMA public FROM guest")
        given = address.split("?")[0].replace(f"nbkit:{PASSWORD}", "guest:guest")
        words = "GRANT CREATE"
    status, printed = run("doctor", given, "--path", "pictures")
    assert (status, len(wrong(printed))) == (1, 1), printed
    assert words in wrong(printed)[0]


def test_doctor_names_what_refuses_it(run, address):
    """A wrong password, a server that is not there, and an address of another kind are one sentence without the password."""
    for given in (
        address.replace(PASSWORD, "not-that-one"),
        "postgresql://nbkit:not-that-one@127.0.0.1:9/team",
        "mysql://nbkit:not-that-one@db/team",
    ):
        status, printed = run("doctor", given)
        assert status == 1
        assert printed.startswith("nbkit doctor: ")
        assert "not-that-one" not in printed


def test_commands_use_a_log_on_a_server(run, open_studio, address, tmp_path, monkeypatch):
    """By ``--log`` or by ``NBKIT_LOG``; a folder that is named is the file in it all the same."""
    generate(open_studio(log=address, path=tmp_path / "pictures"))
    assert run("verify", "--log", address, "--path", "pictures") == (0, "The log is whole: 1 run\n")
    monkeypatch.setenv(LOG_VARIABLE, address)
    assert run("verify", "--path", "pictures") == (0, "The log is whole: 1 run\n")
    assert run("recover", "--path", "pictures", "--engine", "offline")[0] == 0
    assert run("export", "taken", "--path", "pictures")[0] == 0
    assert len(pd.read_csv(tmp_path / "taken" / "manifest.csv")) == 1
    assert run("pack", "from-log", address, "lesson.nbpack", "--path", "pictures")[0] == 0
    status, printed = run("backup", "copy", "--path", "pictures")
    assert (status, "pg_dump" in printed, PASSWORD in printed) == (1, True, False)
    assert run("verify", "--log", "pictures")[0] == 2
    shutil.rmtree(tmp_path / "pictures" / "images")
    monkeypatch.delenv(LOG_VARIABLE)
    status, printed = run("verify", "--log", address, "--path", "pictures")
    assert (status, PASSWORD in printed) == (1, False)
    hint = next(line for line in printed.splitlines() if line.startswith("python -m nbkit recover"))
    named = hint.split()[4:8]
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert run("recover", *named, "--engine", "offline")[0] == 0
    assert run("verify", *named)[1].splitlines()[-1] == hint


@pytest.mark.file
def test_a_studio_may_be_told_to_use_the_file(monkeypatch, address, tmp_path):
    """``log=""`` is the file in ``path``, whatever ``NBKIT_LOG`` names."""
    monkeypatch.setenv(LOG_VARIABLE, address)
    studio = nbkit.Studio(engine="offline", path=tmp_path / "kept", log="")
    generate(studio)
    assert (tmp_path / "kept" / "log.sqlite").exists()
    studio.close()
