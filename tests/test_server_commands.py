"""The command line: ``python -m nbkit serve``, ``recover`` and ``export``, in processes of their own."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest
from offline_tasks import task

import nbkit
from nbkit import __main__
from nbkit.offline import Offline
from nbkit.offline.server import serving

COMMAND = [sys.executable, "-m", "nbkit"]


@pytest.fixture
def serve():
    """Servers in processes of their own; what they print is looked at, and they are ended."""
    started = []

    def start(*options, **environment):
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", *options],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        line = process.stdout.readline()
        return process, line, re.search(r'engine="(http://127\.0\.0\.1:\d+)"', line)[1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def account(url):
    asked = {"taskType": "accountManagement", "taskUUID": task()["taskUUID"], "operation": "getDetails"}
    return httpx.post(f"{url}/v1", json=[asked], timeout=20).json()["data"][0]


def test_serve_says_where_it_is(serve):
    """One line tells the address and how to use it; the engine is there, with what was asked for."""
    _, line, url = serve("--balance", "3.5", "--seed", "4")
    assert line.count("\n") == 1
    assert "nbkit.Studio(engine=" in line
    assert account(url)["balance"] == 3.5


def test_key_comes_from_the_environment(serve):
    """The key is wanted, and stands in no line."""
    _, line, url = serve(NBKIT_SERVE_KEY="canary-key")
    assert "canary" not in line
    assert httpx.post(f"{url}/v1", json=[task()]).status_code == 401
    assert httpx.post(f"{url}/v1", json=[task()], headers={"Authorization": "Bearer canary-key"}).status_code == 200


def test_failures_are_by_name(serve):
    """``--fail`` may be given several times."""
    _, _, url = serve("--fail", "busy=0.5", "--fail", "capacity=0.5")
    assert {httpx.post(f"{url}/v1", json=[task()]).status_code for _ in range(20)} == {429, 503}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals to one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_at_once(serve, number):
    """With a client in the middle of a long task it ends within two seconds, with status 0 and no traceback."""
    process, _, url = serve("--latency", "60")

    def wait_for_answer():
        try:
            httpx.post(f"{url}/v1", json=[task()], timeout=30)
        except httpx.TransportError:
            return

    client = threading.Thread(target=wait_for_answer)
    client.start()
    until = time.monotonic() + 20
    while account(url)["usage"]["total"]["requests"] == 0:  # the task has not arrived yet
        assert time.monotonic() < until
    before = time.monotonic()
    process.send_signal(number)
    assert process.wait(10) == 0
    assert time.monotonic() - before < 2
    assert process.stderr.read() == ""
    client.join()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--fail", "flood=1"], "'flood' is no fault"),
        (["--fail", "busy"], "NAME=P"),
        (["--fail", "busy=2"], "must be a probability"),
        (["--latency", "-1"], "0 seconds or more"),
        (["--port", "http"], "--port"),
    ],
)
def test_wrong_options(capsys, options, told):
    """What cannot be is told with the usage, and nothing is served."""
    with pytest.raises(SystemExit) as ended:
        __main__.main(["serve", *options])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_open_server_without_a_key_is_warned_of(capsys):
    """Beyond this machine a server without a key says so. (The address is one that no machine has.)"""
    assert __main__.main(["serve", "--host", "192.0.2.1", "--port", "0"]) == 1
    told = capsys.readouterr().err
    assert "NBKIT_SERVE_KEY" in told
    assert "nbkit serve: " in told.splitlines()[-1]


def test_taken_port_is_told(capsys):
    """A port that is taken is a line, not a traceback."""
    with serving() as url:
        assert __main__.main(["serve", "--port", url.rpartition(":")[2]]) == 1
    assert "nbkit serve: " in capsys.readouterr().err


def test_without_the_server_software_it_says_how_to_install_it():
    """``serve`` names the command; ``recover`` does not need it."""
    code = "import sys; sys.modules['waitress'] = None; from nbkit.__main__ import main; sys.exit(main(sys.argv[1:]))"
    for command, told in (("serve", 'pip install -e ".[serve]"'), ("recover", "there is no log")):
        ended = subprocess.run([sys.executable, "-c", code, command], capture_output=True, text=True, check=False)
        assert ended.returncode == 1
        assert told in ended.stderr
        assert "Traceback" not in ended.stderr


def test_recover_after_a_killed_kernel(tmp_path):
    """A kernel is killed while it waits for its picture; ``recover`` has it on disk, and it was charged once."""
    arrived, gate = threading.Event(), threading.Event()

    def work(_):
        arrived.set()
        gate.wait(30)

    engine, runs = Offline(latency=1, sleep=work), tmp_path / "runs"
    with serving(engine) as url:
        code = f"import nbkit; nbkit.Studio(engine={url!r}, path={str(runs)!r}).generate('A paper lantern', seed=7)"
        kernel = subprocess.Popen([sys.executable, "-c", code])
        assert arrived.wait(30)
        kernel.kill()
        kernel.wait()
        gate.set()
        ended = subprocess.run(
            [*COMMAND, "recover", "--path", str(runs), "--engine", url], capture_output=True, text=True, check=True
        )
        again = subprocess.run([*COMMAND, "recover", "--path", str(runs)], capture_output=True, text=True, check=True)
    (uuid,) = engine.charges
    assert re.search(rf"{uuid}\s+sent\s+done", ended.stdout)
    assert "Nothing to recover" in again.stdout
    studio = nbkit.Studio(engine="offline", path=runs)
    assert studio.log[uuid].image.path.exists()
    studio.close()


def test_recover_makes_no_log(tmp_path, capsys):
    """A folder that was misspelled is told, and not made."""
    assert __main__.main(["recover", "--path", str(tmp_path / "rnus")]) == 1
    assert "there is no log" in capsys.readouterr().err
    assert not (tmp_path / "rnus").exists()


def test_export_writes_what_a_search_finds(tmp_path):
    """In a process of its own: a folder or a zip, all rows or some; a place that is taken is told."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "nbkit-runs")
    for prompt in ("A lantern", "A boat"):
        studio.generate(prompt, width=512, height=512)
    studio.close()

    def export(*options):
        return subprocess.run([*COMMAND, "export", *options], capture_output=True, text=True, check=False, cwd=tmp_path)

    assert export("all").stdout == "2 rows in all\n"
    assert len(list((tmp_path / "all" / "images").iterdir())) == 2
    assert (
        export("one.zip", "--search", "LANTERN", "--no-originals", "--log", "nbkit-runs").stdout
        == "1 rows in one.zip\n"
    )
    ended = export("all")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "nbkit export: path: all is not empty, and an export replaces nothing; all-2 is free\n"
    assert export("none", "--search", "moon").stderr == "nbkit export: no row to export\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all", "nbkit-runs", "one.zip"]


def test_export_makes_no_log(tmp_path, capsys):
    """A folder that was misspelled is told, and not made."""
    assert __main__.main(["export", str(tmp_path / "out"), "--log", str(tmp_path / "rnus")]) == 1
    assert "there is no log" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
