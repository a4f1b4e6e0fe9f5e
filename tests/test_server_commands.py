"""The command line: ``python -m nbkit serve``, ``recover`` and ``export``."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest
from offline_tasks import held_engine, new_uuid, task
from sweep_tools import until

import nbkit
from nbkit import __main__
from nbkit.offline.server import serving

COMMAND = [sys.executable, "-m", "nbkit"]


@pytest.fixture
def serve():
    """Starts servers in processes of their own; returns the process, its first line, and the URL in that line."""
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
    """The details of a served engine's account."""
    details = {"taskType": "accountManagement", "taskUUID": new_uuid(), "operation": "getDetails"}
    return httpx.post(f"{url}/v1", json=[details], timeout=20).json()["data"][0]


def test_serve_prints_its_address(serve):
    """One line has the address and the call of ``nbkit.Studio``, and the engine has the options of the command."""
    _, line, url = serve("--balance", "3.5", "--seed", "4")
    assert line.count("\n") == 1
    assert "nbkit.Studio(engine=" in line
    assert account(url)["balance"] == 3.5


def test_serve_has_noise(serve, tmp_path):
    """With ``--noise``, the same request and seed differ; a share that is not allowed is refused as any other option."""
    _, _, url = serve("--noise", "0.1")
    studio = nbkit.Studio(engine=url, path=tmp_path)
    first, second = (studio.generate("A cat", seed=7, resolution="0.5K").image for _ in range(2))
    assert first != second
    assert first.footer == second.footer
    done = subprocess.run([*COMMAND, "serve", "--noise", "7"], capture_output=True, text=True, check=False)
    assert (done.returncode, "noise=7.0" in done.stderr) == (2, True)


def test_serve_reads_its_key_from_the_environment(serve):
    """A task without the key is refused, and the key is not printed."""
    _, line, url = serve(NBKIT_SERVE_KEY="canary-key")
    assert "canary" not in line
    assert httpx.post(f"{url}/v1", json=[task()]).status_code == 401
    assert httpx.post(f"{url}/v1", json=[task()], headers={"Authorization": "Bearer canary-key"}).status_code == 200


def test_serve_simulates_the_failures_that_its_options_name(serve):
    """``--fail`` may be given several times."""
    _, _, url = serve("--fail", "busy=0.5", "--fail", "capacity=0.5")
    assert {httpx.post(f"{url}/v1", json=[task()]).status_code for _ in range(20)} == {429, 503}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals to one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_serve_within_two_seconds(serve, number):
    """It exits with status 0 and without a traceback, also while a task is running."""
    process, _, url = serve("--latency", "60")

    def wait_for_answer():
        try:
            httpx.post(f"{url}/v1", json=[task()], timeout=30)
        except httpx.TransportError:
            return

    client = threading.Thread(target=wait_for_answer)
    client.start()
    until(lambda: account(url)["usage"]["total"]["requests"])  # the task has arrived
    before = time.monotonic()
    process.send_signal(number)
    assert process.wait(10) == 0
    assert time.monotonic() - before < 2
    assert process.stderr.read() == ""
    client.join()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fail", "flood=1"], "'flood' is not a fault"),
        (["--fail", "busy"], "NAME=P"),
        (["--fail", "busy=2"], "must be a probability"),
        (["--latency", "-1"], "0 seconds or more"),
        (["--port", "http"], "--port"),
        (["--port", "99999"], "65535"),
    ],
)
def test_a_wrong_option_of_serve_is_a_usage_error(capsys, options, message):
    """The exit status is 2, and the message names the value or the option."""
    with pytest.raises(SystemExit) as caught:
        __main__.main(["serve", *options])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_serve_without_a_key_warns_if_other_machines_can_reach_it(capsys):
    """The warning names the variable for the key. No machine has this address, so the command fails afterwards."""
    assert __main__.main(["serve", "--host", "192.0.2.1", "--port", "0"]) == 1
    lines = capsys.readouterr().err
    assert "NBKIT_SERVE_KEY" in lines
    assert "nbkit serve: " in lines.splitlines()[-1]


def test_serve_reports_a_port_in_use(capsys):
    """The report is one line without a traceback."""
    with serving() as url:
        assert __main__.main(["serve", "--port", url.rpartition(":")[2]]) == 1
    lines = capsys.readouterr().err
    assert "nbkit serve: " in lines
    assert "Traceback" not in lines


def test_serve_without_uvicorn_prints_how_to_install_it():
    """``recover`` works without it."""
    code = "import sys; sys.modules['uvicorn'] = None; from nbkit.__main__ import main; sys.exit(main(sys.argv[1:]))"
    for command, message in (("serve", 'pip install -e ".[serve]"'), ("recover", "there is no log")):
        result = subprocess.run([sys.executable, "-c", code, command], capture_output=True, text=True, check=False)
        assert result.returncode == 1
        assert message in result.stderr
        assert "Traceback" not in result.stderr


def test_recover_fetches_the_picture_of_a_killed_kernel(tmp_path):
    """The kernel was killed while it waited; the picture is charged once, and a second ``recover`` finds nothing."""
    engine, arrived, release = held_engine()
    runs = tmp_path / "runs"
    with serving(engine) as url:
        code = f"import nbkit; nbkit.Studio(engine={url!r}, path={str(runs)!r}).generate('A paper lantern', seed=7)"
        kernel = subprocess.Popen([sys.executable, "-c", code])
        assert arrived.wait(30)
        kernel.kill()
        kernel.wait()
        release.set()
        first = subprocess.run(
            [*COMMAND, "recover", "--path", str(runs), "--engine", url], capture_output=True, text=True, check=True
        )
        second = subprocess.run([*COMMAND, "recover", "--path", str(runs)], capture_output=True, text=True, check=True)
    (uuid,) = engine.charges
    assert re.search(rf"{uuid}\s+sent\s+done", first.stdout)
    assert "Nothing to recover" in second.stdout
    studio = nbkit.Studio(engine="offline", path=runs)
    assert studio.log[uuid].image.path.exists()
    studio.close()


def test_recover_creates_no_log(tmp_path, capsys):
    """A folder without a log, perhaps misspelled, is an error."""
    assert __main__.main(["recover", "--path", str(tmp_path / "rnus")]) == 1
    assert "there is no log" in capsys.readouterr().err
    assert not (tmp_path / "rnus").exists()


def test_export_writes_the_rows_that_a_search_finds(tmp_path):
    """The target is a new folder or zip file; one that is not empty, and a search without a hit, are errors."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "nbkit-runs")
    for prompt in ("A lantern", "A boat"):
        studio.generate(prompt, width=512, height=512)
    studio.close()

    def export(*options):
        return subprocess.run([*COMMAND, "export", *options], capture_output=True, text=True, check=False, cwd=tmp_path)

    assert export("all", "--metadata").stdout == "2 rows in all\n"
    pictures = sorted((tmp_path / "all" / "images").iterdir())
    assert [nbkit.read(picture).request.prompt for picture in pictures] == ["A lantern", "A boat"]
    assert (
        export("one.zip", "--search", "LANTERN", "--no-originals", "--log", "nbkit-runs").stdout
        == "1 rows in one.zip\n"
    )
    result = export("all")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "nbkit export: path: all is not empty, and an export replaces nothing; all-2 is free\n"
    assert export("none", "--search", "moon").stderr == (
        "nbkit export: no row has the words of --search 'moon'; nothing was written\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all", "nbkit-runs", "one.zip"]


def test_export_creates_no_log(tmp_path, capsys):
    """A folder without a log, perhaps misspelled, is an error, and nothing is written."""
    assert __main__.main(["export", str(tmp_path / "out"), "--log", str(tmp_path / "rnus")]) == 1
    assert "there is no log" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
