"""Fixtures of all tests: an empty environment, a service on a real port, studios that are closed, kernels that end."""

import os
import tempfile
from pathlib import Path

import pytest
from kernel_process import processes, start_kernel  # noqa: F401  fixtures
from postgres import Server, on_server, programs
from service import Service

import nbkit
from nbkit.service.pace import Pace

QUICK = Pace(poll_first=0.002, poll_cap=0.01, retry_first=0.002, patience=20.0)
"""A pace with pauses of milliseconds; nbkit sends the same requests in the same order as with the real one.

Its patience outlasts a busy machine: a test in which it runs out names a shorter one.
"""


@pytest.fixture(autouse=True, scope="session")
def state_folder(tmp_path_factory):
    """A state folder for the tests of this process and the processes that they start, which know each other's logs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))  # read by platformdirs
        yield


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch, tmp_path):
    """No key and no proxy in the environment, and a working directory of its own for each test."""
    for name in ("RUNWARE_API_KEY", "NBKIT_ENGINE", "NBKIT_KEY", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("NBKIT_TRUST", "NBKIT_LOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def pytest_collection_modifyitems(items):
    """Without the tests of the file, where logs are on a server."""
    if os.environ.get("NBKIT_TEST_LOG") == "postgresql":
        items[:] = [item for item in items if item.get_closest_marker("file") is None]


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server; a test that needs it is skipped where it is not installed, but not in CI."""
    if programs() is None:
        assert not os.environ.get("CI"), "PostgreSQL is not installed"
        pytest.skip("PostgreSQL is not installed")
    with tempfile.TemporaryDirectory(prefix="nbkit-") as folder:  # not pytest's own, which only its user may enter
        Path(folder).chmod(0o755)
        with Server(f"{folder}/server") as server:
            yield server


@pytest.fixture(autouse=True)
def kept_by(request, monkeypatch, tmp_path):
    """With ``NBKIT_TEST_LOG=postgresql``, each log of a test is on a server."""
    if os.environ.get("NBKIT_TEST_LOG") == "postgresql":
        server = request.getfixturevalue("postgres")
        on_server(server, monkeypatch)
        monkeypatch.setenv("NBKIT_LOG", server.log_for(tmp_path / "runs"))


@pytest.fixture
def service():
    """A service that answers without faults until a test queues some."""
    with Service() as running:
        yield running


@pytest.fixture
def open_studio(service, tmp_path):
    """Opens studios on the service and on one log, and closes them at the end; keywords override."""
    studios = []

    def open_one(**options):
        given = {"engine": service.url, "api_key": "test-key", "path": tmp_path / "runs", "pace": QUICK} | options
        studios.append(nbkit.Studio(**given))
        return studios[-1]

    yield open_one
    for studio in studios:
        studio.close()


@pytest.fixture
def studio(open_studio):
    """A studio on the service."""
    return open_studio()
