"""A log is data: for rows that came with it nothing is asked, fetched, sent again or paid until the user says so."""

import base64
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys

import pandas as pd
import pytest
import service_faults as fault
from conftest import QUICK
from panel_tools import message, totals
from service import PRICE, Service, picture
from small_requests import generate
from strangers import SWEEP, another_home, empty_log, forge
from sweep_tools import lanterns

import nbkit
from nbkit import __main__, errors
from nbkit.log import trust as trust_module

REQUEST = nbkit.ImageRequest("A lantern", seed=1, resolution="1K")
TRUST = "trust=True"


@pytest.fixture
def stranger(tmp_path):
    """The file of a log without rows and without an author, in the folder that ``open_studio`` opens."""
    return empty_log(tmp_path / "runs")


def lost(service):
    """A fault for each way to learn what became of the next task: its outcome stays unknown."""
    service.faults.append(fault.lost())
    service.question_faults.extend([fault.plain(500)] * 12)


FACTS = {"sha256": "ab" + "0" * 62, "mediaType": "image/jpeg", "width": 96, "height": 64, "fingerprint": "0" * 16}

ROWS = {
    "sent": {"status": "sent"},
    "planned": {"status": "planned"},
    "unknown": {"status": "unknown"},
    "done without its file": {
        "status": "done",
        "images": [{"url": "{origin}/pictures/a.jpg", "cost": 1, "file": None}],
    },
    "done with a file that is not there": {
        "status": "done",
        "images": [{"url": "{origin}/pictures/a.jpg", "file": f"ab/ab{'0' * 62}.jpg", **FACTS}],
    },
    "failed, with a result that has not been fetched": {
        "status": "failed",
        "images": [{"url": "{origin}/pictures/a.jpg"}],
    },
}
"""Rows that would make nbkit ask, fetch or send again, if a person had made them."""

ACTIONS = {
    "open": lambda studio: None,
    "recover": lambda studio: studio.recover(),
    "recover and resend": lambda studio: studio.recover(resend=True),
    "generate with reuse": lambda studio: studio.generate(REQUEST, reuse=True),
    "sweep": lambda studio: lanterns(studio, [1]).run(),
    "sweep plan": lambda studio: lanterns(studio, [1]).plan().totals.lines(),
    "sweep panel": lambda studio: studio.sweep_panel("A lantern", seed=[1], resolution="1K", name=SWEEP),
    "panel": lambda studio: studio.panel("A lantern", seed=1, resolution="1K"),
    "gallery": lambda studio: studio.gallery(),
    "frame, log and runs": lambda studio: (studio.df, studio.log._repr_mimebundle_(), list(studio.log)),
}


def forge_row(file, service, kind, request=REQUEST):
    """One of :data:`ROWS`, of the service's engine."""
    row = json.loads(json.dumps(ROWS[kind]).replace("{origin}", service.origin))
    service.pictures["/pictures/a.jpg"] = picture()
    return forge(file, request, engine=service.url, **row)


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_leaves_for_a_row_that_came_with_the_log(service, open_studio, stranger, kind, action):
    """Not a question, not a download, not a task; the balance, which a plan shows, is about the account."""
    task_uuid = forge_row(stranger, service, kind)
    studio = open_studio()
    if not (kind.startswith("failed") and action == "generate with reuse"):  # a failure is no answer
        ACTIONS[action](studio)
        assert [json.loads(r.body)[0]["taskType"] for r in service.received if r.body] in ([], ["accountManagement"])
        assert service.gets == []
    assert studio.log[task_uuid].status == ROWS[kind]["status"]


@pytest.mark.parametrize("kind", ROWS)
def test_the_message_says_what_to_type(service, open_studio, stranger, capsys, kind):
    """When the log is opened, in a recovery, under the panel; before a sweep's bar and in its panel."""
    forge_row(stranger, service, kind)
    studio = open_studio()
    assert f"Studio(path={studio.log.folder.as_posix()!r}, {TRUST})" in capsys.readouterr().out
    open_studio()
    assert TRUST not in capsys.readouterr().out, "once in a kernel"
    assert TRUST in studio.recover().note.iloc[0]
    assert TRUST in message(studio.panel())
    sweep = lanterns(studio, [1])
    assert TRUST in sweep.plan().totals.lines()[-1]
    assert TRUST in totals(studio.sweep_panel("A lantern", seed=[1], resolution="1K", name=SWEEP))
    if not kind.startswith("failed"):
        sweep.run()
        assert TRUST in capsys.readouterr().out


def test_a_finished_log_of_somebody_else_opens_without_a_word(service, open_studio, monkeypatch, tmp_path, capsys):
    """Nothing is held back: its pictures are there to look at, to export, and to answer a request."""
    with another_home(monkeypatch, tmp_path / "their state"):
        theirs = open_studio()
        run = theirs.generate(REQUEST)
        theirs.close()
    capsys.readouterr()
    mine = open_studio(reuse=True)
    assert mine.generate(REQUEST).reused
    assert mine.log[run.task_uuid].image.bytes == run.image.bytes
    assert mine.log.export(tmp_path / "out", run).is_dir()
    mine.log.mark(run, rating=5)
    assert capsys.readouterr().out == ""
    assert len(service.sent) == 1


@pytest.mark.parametrize("how", ["argument", "environment", "command"])
def test_the_user_can_trust_a_log(service, open_studio, stranger, monkeypatch, how, capsys):
    """From then on its rows are settled like the user's own, in later kernels too; a planned one is released."""
    for kind in ("sent", "planned", "done without its file"):
        forge_row(stranger, service, kind)
    if how == "command":
        monkeypatch.setenv("RUNWARE_API_KEY", "test-key")
        command = ["recover", "--log", str(stranger.parent), "--engine", service.url, "--trust"]
        assert __main__.main(command) == 0
        capsys.readouterr()
        studio = open_studio()
    else:
        if how == "environment":
            monkeypatch.setenv("NBKIT_TRUST", "1")
        studio = open_studio(trust=how == "argument")
        studio.recover()
    assert set(studio.df.status) == {"unknown", "not_sent", "done"}
    assert studio.df.file.notna().sum() == 1
    monkeypatch.delenv("NBKIT_TRUST", raising=False)
    studio.close()
    monkeypatch.setattr(trust_module, "_kernel_authors", {})  # as in a later kernel
    assert open_studio().recover(resend=True).set_index("before").loc["unknown", "after"] == "done"


def test_rows_that_the_user_adds_are_their_own_in_later_kernels_too(service, open_studio, stranger, monkeypatch):
    """They are asked about, fetched and sent again, beside the rows that came with the log."""
    theirs = forge_row(stranger, service, "sent")
    lost(service)
    mine = generate(open_studio(), seed=5).task_uuid
    service.question_faults.clear()
    monkeypatch.setattr(trust_module, "_kernel_authors", {})
    studio = open_studio()
    found = studio.recover().set_index("taskUUID")
    assert (found.loc[mine, "after"], found.loc[theirs, "after"]) == ("done", "sent")
    assert {task["taskUUID"] for kind in ("getResponse", "getTaskDetails") for task in service.tasks(kind)} == {mine}


def test_a_second_log_under_the_id_of_the_first_is_not_known(service, open_studio, stranger, tmp_path):
    """Whoever gives away a log knows the ids in it; the one that says that a user knows it is made by that user."""
    shutil.copytree(stranger.parent, tmp_path / "second")
    open_studio()
    forge_row(tmp_path / "second" / "log.sqlite", service, "sent")
    studio = open_studio(path=tmp_path / "second")
    assert studio.recover(resend=True).after.tolist() == ["sent"]
    assert service.received == []


def test_a_copy_of_ones_own_log_is_known(service, open_studio, tmp_path):
    """Whatever its folder is called."""
    lost(service)
    studio = open_studio()
    generate(studio, seed=1)
    studio.close()
    service.question_faults.clear()
    shutil.copytree(tmp_path / "runs", tmp_path / "copy")
    assert open_studio(path=tmp_path / "copy").recover().after.tolist() == ["done"]


# -- the state folder -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("obstacle", ["a file", "a file above", "a folder"])
def test_a_state_folder_that_cannot_be_written_breaks_nothing(
    service, open_studio, monkeypatch, tmp_path, capsys, obstacle
):
    """In this kernel the log is the user's; a notice says what to type in a later one."""
    state = tmp_path / "no state"
    match obstacle:
        case "a file":
            state.mkdir()
            (state / "nbkit").touch()
        case "a file above":
            state.touch()
        case "a folder":
            (state / "nbkit" / "logs").mkdir(parents=True)
    monkeypatch.setattr("nbkit.studio.PRINTED_NOTICES", set())
    with another_home(monkeypatch, state):
        lost(service)
        studio = open_studio()
        assert "NBKIT_TRUST=1" in capsys.readouterr().out
        generate(studio, seed=1)
        service.question_faults.clear()
        assert open_studio().recover().after.tolist() == ["done"]
    with another_home(monkeypatch, state):  # a later kernel
        lost(service)
        assert generate(open_studio(trust=True), seed=2).status == "unknown"
        service.question_faults.clear()
        assert open_studio().recover().after.tolist() == ["done"]


def test_many_processes_add_to_the_state_file_at_once(monkeypatch, tmp_path):
    """No line is lost or mixed with another: a later kernel knows each of the logs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    code = (
        "import sys, pathlib\nfrom nbkit.log import trust\n"
        "for n in range(300): assert trust._remember(f'{int(sys.argv[1]):016x}{n:016x}', 'log')"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, str(number)]) for number in range(3)]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    assert len(trust_module._known_authors().keys() - trust_module._kernel_authors.keys()) == 900


@pytest.mark.parametrize("junk", [b"", b"\xff\xfe\x00", b"half a li", b"a" * 32 + b" nonsense\n", b"\n\n"])
def test_damage_to_the_state_file_costs_no_other_line(monkeypatch, tmp_path, junk):
    """A line that was cut off by a power cut is passed over, and the next one begins anew."""
    with another_home(monkeypatch, tmp_path / "state"):
        trust_module._remember("a" * 32, "log")
        file = next((tmp_path / "state").rglob("logs"))
        file.write_bytes(file.read_bytes() + junk)
        trust_module._remember("b" * 32, "rows")
        trust_module._kernel_authors.clear()
        assert trust_module._known_authors() == {"a" * 32: "log", "b" * 32: "rows"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_nobody_else_can_read_the_state_file(monkeypatch, tmp_path):
    """Whoever has its ids can make a log that is known."""
    with another_home(monkeypatch, tmp_path / "state"):
        trust_module._remember("a" * 32, "log")
        file = next((tmp_path / "state").rglob("logs"))
        assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


# -- money ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("estimate", [0, 1, 10**12])
@pytest.mark.parametrize("status", ["sent", "unknown"])
def test_a_sweep_pays_what_its_budget_covers_whatever_the_rows_estimate(
    service, open_studio, stranger, trust, estimate, status
):
    """Sixty rows of 4K under its name: none is paid without trust, and with it no more than fifty cents."""
    seeds = range(1, 61)
    for seed in seeds:
        request = nbkit.ImageRequest("A lantern", seed=seed, resolution="4K")
        forge(stranger, request, engine=service.url, status=status, low=estimate, high=estimate)
    studio = open_studio(trust=trust)
    sweep = studio.sweep("A lantern", seed=seeds, resolution="4K", name=SWEEP)
    price = nbkit.ImageRequest("A lantern", resolution="4K").price.high
    assert sweep.plan().totals.quote.price.high == (60 * price if trust else 0)
    if trust:
        with pytest.raises(errors.BudgetExceeded):
            sweep.run(budget=0.50)
    else:
        sweep.run(budget=0.50)
    assert service.spent <= 0.50
    assert (len(service.sent) > 2) is trust


@pytest.mark.parametrize("limit", ["budget", "daily_budget"])
@pytest.mark.parametrize("held", [0, 10**12])
def test_a_task_that_is_sent_again_is_held_at_its_price(service, open_studio, stranger, limit, held):
    """Not at what its row says: it may not go beyond the studio's budget, nor beyond that of the day."""
    for seed in range(5):
        forge_row(stranger, service, "sent", REQUEST.replace(seed=seed))
    with contextlib.closing(sqlite3.connect(stranger)) as connection, connection:
        connection.execute("UPDATE runs SET held = ?, created = strftime('%s', 'now') * 1000000", [held])
    studio = open_studio(trust=True, **{limit: 2.5 * PRICE})
    found = studio.recover(resend=True)
    assert len(service.sent) == 2
    assert found.note.str.contains("left of").sum() == 3
    assert studio.budget.spent == pytest.approx(2 * PRICE)
    assert studio.budget.held == 0


@pytest.mark.parametrize("spent", [-(10**15), 10**15])
@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("charged", ["charged", "offline"])
def test_the_accounts_of_somebody_else_neither_bind_nor_loosen_a_budget(
    service, open_studio, stranger, spent, rows, charged
):
    """Whether the log has rows or not; the user's own runs count for the day in a later studio too."""
    for _ in range(rows):
        forge_row(stranger, service, "failed, with a result that has not been fetched")
    with contextlib.closing(sqlite3.connect(stranger)) as connection, connection:
        today = pd.Timestamp.now().date()
        connection.execute("INSERT INTO accounts VALUES (?, ?, ?)", [f"day:{today}:{charged}", spent, spent])
    limit = 2.5 * REQUEST.price.high / 1e6
    first = open_studio(daily_budget=limit)
    assert first.generate(REQUEST).status == "done"
    second = open_studio(daily_budget=limit)
    assert second.generate(REQUEST.replace(seed=2)).status == "done"
    with pytest.raises(errors.BudgetExceeded, match="today"):
        second.generate(REQUEST.replace(seed=3))
    with pytest.raises(errors.BudgetExceeded, match="today"):  # also once the log is trusted
        open_studio(daily_budget=limit, trust=True).generate(REQUEST.replace(seed=4))
    assert len(service.sent) == 2


def test_results_of_runs_to_come_do_not_come_with_a_log(service, open_studio, stranger):
    """A stranger can add a picture to the next run's number: it would be fetched, shown and counted as paid."""
    forge_row(stranger, service, "failed, with a result that has not been fetched")
    with contextlib.closing(sqlite3.connect(stranger)) as connection, connection:
        for run in range(2, 6):
            values = [run, "done", f"{service.origin}/pictures/b.jpg"]
            connection.execute("INSERT INTO images (run, status, url) VALUES (?, ?, ?)", values)
    studio = open_studio()
    assert len(generate(studio, seed=1).images) == 1
    studio.recover()
    assert len(studio.df) == 2


@pytest.mark.parametrize(
    "code",
    [
        "CREATE TRIGGER t AFTER INSERT ON runs BEGIN UPDATE runs SET author = NEW.author; END",
        "CREATE VIEW v AS SELECT * FROM runs",
    ],
)
def test_a_log_with_code_in_it_is_not_opened(service, open_studio, stranger, code):
    """A trigger would make a stranger's rows the user's own when the first one is added."""
    forge_row(stranger, service, "sent")
    with contextlib.closing(sqlite3.connect(stranger)) as connection, connection:
        connection.execute(code)
    with pytest.raises(errors.StorageError, match=r"has a (trigger|view) '[tv]'"):
        open_studio()


# -- the key ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("kind", ROWS)
def test_the_key_goes_to_no_address_of_a_row(service, stranger, monkeypatch, capsys, trust, kind):
    """``python -m nbkit recover`` asks the engine that the user names, or the environment, and nobody else."""
    monkeypatch.setenv("RUNWARE_API_KEY", "the-real-key")
    with Service() as theirs:
        forge_row(stranger, theirs, kind)
        command = ["recover", "--log", str(stranger.parent), "--resend", "--engine", service.url]
        assert __main__.main([*command, *(["--trust"] if trust else [])]) == 0
        assert theirs.received == []
    assert all(not r.body for r in service.received)
    capsys.readouterr()


# -- files ------------------------------------------------------------------------------------------------------

SECRET = picture("PNG", "red")


def way_out(way, outside, images, digest):
    """The name of a picture that leads to a file outside of the picture folder."""
    images.mkdir()
    if way == "link":
        (images / "ab").mkdir()
        (images / "ab" / f"{digest}.png").symlink_to(outside / "secret.png")
    if way == "linked folder":
        (images / "ab").symlink_to(outside / "ab")
    names = {
        "relative": "../../outside/secret.png",
        "absolute": str(outside / "secret.png"),
        "inner": f"ab/../../../outside/ab/{digest}.png",
        "home": "~/secret.png",
    }
    return names.get(way, f"ab/{digest}.png")


@pytest.mark.filterwarnings("ignore:.*has damaged rows")  # the name of such a file is damage
@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("way", ["relative", "absolute", "inner", "link", "linked folder", "home"])
def test_no_file_outside_the_picture_folder_is_read(service, open_studio, stranger, tmp_path, monkeypatch, way, trust):
    """By bytes, display, frame or export, whatever a row or a link names."""
    digest = "ab" + "0" * 62
    outside = tmp_path / "outside"
    (outside / "ab").mkdir(parents=True)
    for file in (outside / "secret.png", outside / "ab" / f"{digest}.png"):
        file.write_bytes(SECRET)
    monkeypatch.setenv("HOME", str(outside))
    name = way_out(way, outside, stranger.parent / "images", digest)
    facts = {
        "file": name,
        "sha256": digest,
        "mediaType": "image/png",
        "width": 96,
        "height": 64,
        "fingerprint": "0" * 16,
    }
    forge(stranger, REQUEST, engine=service.url, status="done", images=[facts])
    good = forge(stranger, REQUEST.replace(seed=2), engine=service.url, status="failed", images=[])
    studio = open_studio(trust=trust)
    shown = [studio.log._repr_mimebundle_()["text/html"]]
    small = nbkit.results.image.make_preview(SECRET, 128)
    assert good in set(studio.df.taskUUID)
    for run in studio.log:
        for image in run.images:
            with pytest.raises(errors.NoImage):
                _ = image.bytes
            shown.append(image._repr_mimebundle_()["text/html"])
    for file in studio.df.file.dropna():
        assert not nbkit.log.images.file_of(file).exists()
    with contextlib.suppress(errors.NbkitError):
        studio.log.export(tmp_path / "out")
    exported = [file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert SECRET not in exported
    for text in map(str, [*shown, *exported]):
        assert base64.b64encode(small)[:60].decode() not in text


@pytest.mark.parametrize("digest", ["../../outside/secret", "/etc/passwd", "ab" + "0" * 62, "zz", ""])
def test_a_reference_reads_only_a_picture_of_its_hash(service, open_studio, stranger, tmp_path, digest):
    """Another path, or a file whose content has another hash, is a reference that is missing."""
    folder = stranger.parent / "images" / "ab"
    folder.mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    for file in (folder / f"ab{'0' * 62}.png", tmp_path / "outside" / "secret.png"):
        file.write_bytes(SECRET)
    request = json.dumps({"prompt": "A lantern", "reference_images": [f"sha256:{digest}"]})
    forge(stranger, REQUEST, engine=service.url, request=request)
    run = next(iter(open_studio().log))
    assert [(reference.data, reference.is_missing) for reference in run.request.reference_images] == [(b"", True)]
    with pytest.raises(errors.StorageError):
        run.request.to_send()


def test_rows_that_somebody_added_to_ones_own_log_are_theirs_when_it_comes_back(service, tmp_path, monkeypatch):
    """Until the person trusts the log again; what was there before stays the person's own."""
    homes = {name: str(tmp_path / name) for name in ("teacher", "student")}
    folder = tmp_path / "runs"

    def open_as(name, **options):
        monkeypatch.setenv("XDG_STATE_HOME", homes[name])
        monkeypatch.setattr(trust_module, "_kernel_authors", {})
        given = {"engine": service.url, "api_key": "test-key", "path": folder, "pace": QUICK}
        return contextlib.closing(nbkit.Studio(**given | options))

    def lose_answer(studio):
        lost(service)
        run = studio.generate("A lantern")
        service.question_faults.clear()
        return run

    with open_as("teacher") as studio:
        own = lose_answer(studio)
    with open_as("student") as studio:
        theirs = lose_answer(studio)
    assert [own.status, theirs.status] == ["unknown", "unknown"]
    received = len(service.received)
    with open_as("teacher") as studio:
        found = studio.recover(resend=True).set_index("taskUUID")
        assert [studio.log[run.task_uuid].status for run in (own, theirs)] == ["done", "unknown"]
        assert "trust=True" in found.note[theirs.task_uuid]
        assert studio.log.withheld().startswith("somebody else has worked in the log")
    assert not any(theirs.task_uuid.encode() in request.body for request in service.received[received:])
    with open_as("teacher", trust=True) as studio:
        studio.recover(resend=True)
        assert studio.log[theirs.task_uuid].status == "done"
    with open_as("teacher") as studio:
        assert studio.recover().empty


STRANGE_TABLES = {
    "images without a key": ("images", lambda sql: sql.replace("PRIMARY KEY (id),", "").replace("PRIMARY KEY", "")),
    "a check of results": ("images", lambda sql: sql.rstrip().removesuffix(")") + ", CHECK (file IS NULL))"),
    "a check of runs": ("runs", lambda sql: sql.rstrip().removesuffix(")") + ", CHECK (status <> 'done'))"),
    "a column to be given": ("images", lambda sql: sql.replace("(", "(must TEXT NOT NULL DEFAULT NULL, ", 1)),
    "replacing rows": ("images", lambda sql: sql.rstrip().removesuffix(")") + ", UNIQUE (status) ON CONFLICT REPLACE)"),
    "accounts without a key": ("accounts", lambda sql: "CREATE TABLE accounts (name TEXT, spent BIGINT, held BIGINT)"),
}


@pytest.mark.parametrize("what", [*STRANGE_TABLES, "a unique index", "an index of an expression"])
def test_tables_that_might_refuse_a_paid_result_take_no_runs(service, tmp_path, what):
    """They are looked at; before anything is sent, a StorageError says what is wrong with them."""
    folder = tmp_path / "runs"
    with contextlib.closing(nbkit.Studio(engine="offline", path=folder)) as studio:
        made = studio.generate("A lantern", seed=1, resolution="0.5K")
    with contextlib.closing(sqlite3.connect(folder / "log.sqlite")) as connection:
        if what in STRANGE_TABLES:
            table, change = STRANGE_TABLES[what]
            (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
            rows = connection.execute(f"SELECT * FROM {table}").fetchall() if "given" not in what else []
            connection.execute(f"DROP TABLE {table}")
            connection.execute(change(sql))
            if table == "runs" or "key" in what:
                connection.execute("PRAGMA ignore_check_constraints = ON")
                connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        else:
            index = "UNIQUE INDEX q ON images (status)" if "unique" in what else "INDEX q ON images (length(file))"
            connection.execute(f"CREATE {index}")
        connection.commit()
    given = {"engine": service.url, "api_key": "test-key", "path": folder, "pace": QUICK}
    with contextlib.closing(nbkit.Studio(**given)) as studio:
        assert made.task_uuid in set(studio.df.taskUUID)
        with pytest.raises(errors.StorageError, match="Nothing was sent"):
            studio.generate("A lantern", seed=2)
    assert service.sent == []


@pytest.mark.parametrize("value", [None, "x", b"\xff", "1.5"])
def test_a_log_whose_version_is_no_number_is_an_error_in_words(tmp_path, value):
    """Not the one of a conversion."""
    with contextlib.closing(nbkit.Studio(engine="offline", path=tmp_path / "runs")):
        pass
    with contextlib.closing(sqlite3.connect(tmp_path / "runs" / "log.sqlite")) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'version'", (value,))
        connection.commit()
    with pytest.raises(errors.StorageError, match="version"):
        nbkit.Studio(engine="offline", path=tmp_path / "runs")
