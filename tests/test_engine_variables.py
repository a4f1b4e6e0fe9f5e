"""The engine and its key from the environment: where the key goes, and where it does not."""

import pytest
from service import Service

import nbkit
from nbkit.backends import resolve
from nbkit.errors import ConfigurationError
from nbkit.service.client import VENDOR_URL

KEY, VENDOR_KEY = "canary-class-key-88", "canary-vendor-key-99"


@pytest.fixture
def service():
    with Service() as service:
        yield service


def keys_sent(service):
    return {received.headers.get("authorization") for received in service.received}


def test_a_studio_takes_its_engine_from_the_environment(tmp_path, service, monkeypatch, capsys):
    """With its key, which no output shows; the engine is said once. An argument comes first."""
    monkeypatch.setattr("nbkit.studio.PRINTED_NOTICES", set())
    monkeypatch.setenv("NBKIT_ENGINE", service.url)
    monkeypatch.setenv("NBKIT_KEY", KEY)
    studio = nbkit.Studio(path=tmp_path)
    assert studio.engine == service.url
    run = studio.generate("A paper lantern", seed=1)
    assert run.status == "done"
    assert keys_sent(service) - {None} == {f"Bearer {KEY}"}
    assert {r.headers.get("authorization") for r in service.gets} == {None}
    printed = capsys.readouterr().out
    assert service.url in printed
    told = (
        printed
        + repr(studio)
        + repr(run)
        + str(run._repr_mimebundle_())
        + repr(vars(studio._client))
        + studio.df.to_csv()
    )
    assert KEY not in told
    assert nbkit.Studio(engine="offline", path=tmp_path / "other").engine == "offline"
    studio.close()


@pytest.mark.parametrize(
    ("variable", "address", "sent"),
    [
        ("http://127.0.0.1:1/v1", "http://127.0.0.1:1", True),
        ("http://127.0.0.1:1", "http://127.0.0.1:2", False),
        ("http://class.example", "https://class.example", False),
        ("http://class.example", "http://class.example:80/v1", True),
        ("http://class.example", "http://class.example.evil.example", False),
        ("http://class.example", "http://other.example", False),
        ("runware", VENDOR_URL, True),
        ("http://class.example", VENDOR_URL, False),
    ],
)
def test_the_key_goes_to_its_origin_only(monkeypatch, variable, address, sent):
    """Scheme, host and port; the vendor's own key goes to the vendor and to this machine only, and not in its place."""
    monkeypatch.setenv("NBKIT_ENGINE", variable)
    monkeypatch.setenv("NBKIT_KEY", KEY)
    if address == VENDOR_URL and not sent:
        with pytest.raises(ConfigurationError):
            resolve(address)
        return
    key = resolve(address).api_key
    assert (key is not None and key.matches(KEY)) is sent


def test_the_key_of_the_vendor_goes_to_no_class(monkeypatch):
    """Only a server on this machine gets it, as ever, where the class has no key of its own."""
    monkeypatch.setenv("RUNWARE_API_KEY", VENDOR_KEY)
    monkeypatch.setenv("NBKIT_ENGINE", "http://class.example")
    assert resolve().api_key is None
    monkeypatch.setenv("NBKIT_ENGINE", "http://127.0.0.1:8765")
    assert resolve().api_key.matches(VENDOR_KEY)
    monkeypatch.setenv("NBKIT_KEY", KEY)
    assert resolve().api_key.matches(KEY)


@pytest.mark.parametrize("value", ["ftp://x", "http://", "class.example:8765", "http://u:canary-pass@x", "http://[x"])
def test_a_wrong_engine_names_its_variable(monkeypatch, value):
    """And repeats no value, which may hold a password."""
    monkeypatch.setenv("NBKIT_ENGINE", value)
    with pytest.raises(ConfigurationError, match="NBKIT_ENGINE") as caught:
        resolve()
    assert "canary" not in str(caught.value)
    assert "engine=" not in str(caught.value)


@pytest.mark.parametrize(("engine", "name"), [("", "offline"), ("  ", "offline"), ("offline", "offline")])
def test_an_empty_variable_is_none(monkeypatch, engine, name):
    """And the offline engine can be chosen beside a key of the vendor."""
    monkeypatch.setenv("NBKIT_ENGINE", engine)
    if engine == "offline":
        monkeypatch.setenv("RUNWARE_API_KEY", VENDOR_KEY)
    assert resolve().name == name


def test_a_server_that_is_away_is_said_with_the_way_on(tmp_path, monkeypatch):
    """Whom to ask, and how to go on; nothing was sent or charged."""
    monkeypatch.setenv("NBKIT_ENGINE", "http://127.0.0.1:9")
    pace = nbkit.Pace(retry_first=0.01)
    run = nbkit.Studio(path=tmp_path, pace=pace).generate("A paper lantern")
    assert run.status == "failed"
    assert "127.0.0.1:9" in str(run.error)
    assert "ask whoever runs it" in run.error.advice
    assert 'engine="offline"' in run.error.advice
