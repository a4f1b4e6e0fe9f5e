"""The commands of a class: ``python -m nbkit class`` and ``serve --class``."""

import csv
import io
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from offline_tasks import new_uuid
from sweep_tools import until

from nbkit import __main__
from nbkit.classroom.roster import TEACHER, Classroom

KEY = re.compile(r"\b[a-z0-9]+(?:-[2-9a-z]{4}){4}\b")


@pytest.fixture
def run(capsys):
    """Runs a command; returns the exit status, what it printed, and its errors."""

    def run_one(*arguments):
        try:
            status = __main__.main([str(one) for one in arguments])
        except SystemExit as ended:
            status = ended.code
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run_one


@pytest.fixture
def made(run):
    """A class in the folder ``class``: what ``init`` printed."""
    Path("roster.csv").write_text("name,budget\nMia,\nBen Ö,0.70\n=1+1,\n", "utf-8")
    status, out, err = run("class", "init", "roster.csv", "--budget", "0.50", "--address", "http://10.0.0.5:8765/")
    assert (status, err) == (0, "")
    return out


def keys():
    """The keys in the table of slips, by name."""
    text = Path("class/slips.csv").read_text("utf-8")
    return {row["name"]: row["key"] for row in csv.DictReader(io.StringIO(text))}


def students():
    room = Classroom.open(Path("class"))
    try:
        return {one.name: one for one in room.students()}
    finally:
        room.close()


def test_init_makes_a_class_and_slips(made):
    """Each key in the slips is a student's; the teacher's is printed, and in a file."""
    assert "3 students" in made
    teacher = KEY.search(made)[0]
    assert Path("class/teacher-key.txt").read_text() == f"{teacher}\n"
    room = Classroom.open(Path("class"))
    assert room.who(teacher) == TEACHER
    assert {name: room.who(key).name for name, key in keys().items()} == {
        "Mia": "Mia", "Ben Ö": "Ben Ö", "'=1+1": "=1+1",
    }  # fmt: skip
    room.close()
    assert {one.budget for one in students().values()} == {500_000, 700_000}
    slips = Path("class/slips.html").read_text("utf-8")
    for text in (*keys().values(), "Ben Ö", "http://10.0.0.5:8765", "NBKIT_ENGINE"):
        assert text in slips
    assert teacher not in slips


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_nobody_else_reads_the_keys(made):
    """Neither the folder nor the files that have keys."""
    assert stat.S_IMODE(Path("class").stat().st_mode) == 0o700
    for name in ("teacher-key.txt", "slips.html", "slips.csv"):
        assert stat.S_IMODE(Path("class", name).stat().st_mode) == 0o600


def test_init_replaces_no_class(made, run):
    """The keys that were handed out stay good."""
    before = keys()
    status, _, err = run("class", "init", "roster.csv", "--budget", "1")
    assert (status, err.count("\n")) == (1, 1)
    assert "has a class already" in err
    assert keys() == before


@pytest.mark.parametrize(
    ("roster", "options", "message"),
    [
        ("", [], "no students"),
        ("Mia\nmia\n", [], "line 2"),
        ("name,budget\nMia,much\n", [], "'much'"),
        ("Mia\n", ["--max-resolution", "9K"], "max_resolution='9K'"),
        ("Mia\n", ["--budget", "-1"], "budget=-1.0"),
        ("Mia\n", ["--address", 'http://a"b'], "--address"),
    ],
)
def test_init_refuses_what_cannot_be(run, roster, options, message):
    """One line says what, and no folder is made."""
    Path("names.txt").write_text(roster)
    status, _, err = run("class", "init", "names.txt", "--budget", "0.50", *options)
    assert (status, err.count("\n"), message in err) == (1, 1, True)
    assert not Path("class").exists()


def test_slips_without_an_address_have_a_line_for_it(run):
    """The teacher writes it on the board."""
    Path("names.txt").write_text("Mia\n")
    run("class", "init", "names.txt", "--budget", "0.50", "--folder", "room")
    slips = Path("room/slips.html").read_text("utf-8")
    assert 'class="blank"' in slips
    assert "http" not in slips.replace("http-equiv", "")


def test_set_changes_a_student(made, run):
    """By name in any case, with the folder or without, before or after the options."""
    assert run("class", "set", "mia", "--budget", "1.00")[1] == "Mia: $1.00 left of $1.00.\n"
    assert run("class", "set", "--pause", "class", "ben ö")[1] == "Ben Ö: $0.70 left of $0.70, paused.\n"
    assert students()["Ben Ö"].paused
    run("class", "set", "class", "Ben Ö", "--resume")
    assert not students()["Ben Ö"].paused
    key = KEY.search(run("class", "set", "Mia", "--new-key")[1])[0]
    room = Classroom.open(Path("class"))
    assert (room.who(key).name, room.who(keys()["Mia"])) == ("Mia", None)
    room.close()


def test_add_prints_a_key(made, run):
    """A second student of that name is an error."""
    _, out, _ = run("class", "add", "Zoe", "--budget", "0.30")
    room = Classroom.open(Path("class"))
    assert room.who(KEY.search(out)[0]).name == "Zoe"
    room.close()
    assert run("class", "add", "zoe", "--budget", "0.30")[::2] == (
        1, "nbkit class add: 'zoe' is in this class already\n",
    )  # fmt: skip


def test_show_prints_everybody(made, run):
    """As a table with a line of totals, and for a spreadsheet, in which no name is a formula."""
    _, out, _ = run("class", "show")
    assert re.search(r"Mia .* never connected", out)
    assert "3 students: $0.00 spent" in out
    rows = list(csv.DictReader(io.StringIO(run("class", "show", "class", "--csv")[1])))
    assert [row["student"] for row in rows] == ["'=1+1", "Ben Ö", "Mia"]
    assert {row["budget"] for row in rows} == {"0.5", "0.7"}


def test_policy_prints_and_changes_the_rules(made, run):
    """What is not named stays as it is."""
    _, before, _ = run("class", "policy")
    options = ("--max-resolution", "2K", "--search", "--blocked", "gun, Blood", "--total", "5")
    _, after, _ = run("class", "policy", "class", *options)
    assert "at most 4K" in before
    assert "No searches" in before
    for text in ("at most 2K", "Searches are allowed", "gun, blood", "All together: $5.00"):
        assert text in after
    assert run("class", "policy")[1] == after
    assert "gun" not in run("class", "policy", "--blocked", "", "--total", "none")[1]
    assert "$5.00" not in run("class", "policy")[1]


MISTAKES = (
    (["class", "set", "mia"], 2, "--pause"),
    (["class", "set", "mia", "--pause", "--resume"], 2, "not allowed with"),
    (["class", "set", "class", "Mia", "Li", "--pause"], 2, "quotation marks"),
    (["class", "set", "nobody", "--pause"], 1, "there is no student 'nobody'"),
    (["class", "show", "elsewhere"], 1, "is no class"),
    (["class", "policy", "--max-results", "many"], 2, "invalid int"),
    (["class"], 2, "required"),
    (["serve", "--class", "elsewhere"], 1, "is no class"),
    (["serve", "--class", "class", "--key", "a"], 2, "--key does not go with --class"),
    (["serve", "--class", "class", "--state", "a"], 2, "--state does not go with --class"),
    (["serve", "--upstream", "runware"], 2, "needs --class"),
    (["serve", "--class", "class", "--upstream-key", "file"], 2, "--upstream, which is missing"),
    (["serve", "--class", "class", "--upstream", "runware", "--latency", "1"], 2, "--latency is for the offline"),
    (["serve", "--class", "class", "--upstream", "runware", "--port", "0"], 1, "RUNWARE_API_KEY"),
)


def test_a_mistake_is_said_in_one_line(made, run):
    """Exit status 2 for wrong usage, 1 for what cannot be done."""
    for arguments, status, message in MISTAKES:
        found, _, err = run(*arguments)
        assert (found, message in err, "Traceback" in err) == (status, True, False), arguments


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_key_that_others_can_read_is_refused(made, run):
    """The message says how to mend it, and has no part of the key."""
    Path("upstream.txt").write_text("canary-key-of-the-class")
    Path("upstream.txt").chmod(0o644)
    arguments = ("serve", "--class", "class", "--upstream", "runware", "--upstream-key", "upstream.txt", "--port", "0")
    status, out, err = run(*arguments)
    assert (status, "chmod 600" in err, "canary" in out + err) == (1, True, False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals to one process")
def test_serve_serves_a_class_until_a_signal(made):
    """It prints the address, the teacher's page and a warning; it ends within two seconds, also while tasks are at work."""
    process = subprocess.Popen(
        [sys.executable, "-m", "nbkit", "serve", "--class", "class", "--port", "0", "--latency", "60"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"NBKIT_SERVE_KEY": "ignored-here"},
    )  # fmt: skip
    try:
        url = re.search(r"is at (\S+)", process.stdout.readline())[1]
        assert f"{url}/teacher" in process.stdout.readline()
        assert process.stdout.readline() == "python -m nbkit class show prints who is there.\n"
        headers = {"Authorization": f"Bearer {keys()['Mia']}"}

        def ask(**task):
            return httpx.post(f"{url}/v1", json=[{"taskUUID": new_uuid()} | task], headers=headers, timeout=60)

        def wait_for_answer():
            with pytest.raises(httpx.TransportError):
                ask(taskType="imageInference", model="google:4@3", positivePrompt="A cat", width=512, height=512)

        client = threading.Thread(target=wait_for_answer)
        client.start()
        details = {"taskType": "accountManagement", "operation": "getDetails"}
        until(lambda: ask(**details).json()["data"][0]["class"]["atWork"])
        before = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - before < 3  # two, and what a busy machine adds
        client.join()
        assert process.stderr.read() == (
            "nbkit serve: only this machine reaches 127.0.0.1; --host 0.0.0.0 lets the students in\n"
        )
    finally:
        process.kill()
        process.communicate()
