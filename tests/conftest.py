"""What the tests of the paid path share: an empty environment, a service on a real port, studios that are closed."""

import pytest
from service import Service

import nbkit
from nbkit.service.pace import Pace

QUICK = Pace(poll_first=0.002, poll_cap=0.01, retry_first=0.002, patience=1.0)
"""A pace at which a test waits for nothing; the order of questions is that of the real one."""


@pytest.fixture(autouse=True)
def empty_surroundings(monkeypatch, tmp_path):
    """No key, no proxy, and a folder of its own for each test."""
    for name in ("RUNWARE_API_KEY", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def service():
    """A service that is well until a test says otherwise."""
    with Service() as running:
        yield running


@pytest.fixture
def open_studio(service, tmp_path):
    """Studios on the service and on one log, closed at the end; keywords override."""
    opened = []

    def open_one(**options):
        given = {"engine": service.url, "api_key": "test-key", "path": tmp_path / "runs", "pace": QUICK} | options
        opened.append(nbkit.Studio(**given))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def studio(open_studio):
    """A studio on the service."""
    return open_studio()
