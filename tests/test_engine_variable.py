"""The engine and the key that the environment gives: ``NBKIT_ENGINE`` and ``NBKIT_KEY``."""

from contextlib import closing

import httpx
import pytest
import service_faults as fault
from test_secrets import bytes_on_disk, everything_shown, traceback_text

import nbkit
from nbkit import errors
from nbkit.backends import resolve

KEY = "canary-51d0c7e9ab42"
CLASS = "http://192.168.0.7:8765"
OTHER = "http://192.168.0.9:8765"  # for the test of a notice, which a process prints once for each engine


class Recorder(httpx.BaseTransport):
    """Records where each request went and with which key, and answers with a balance."""

    def __init__(self):
        self.requests = []

    def handle_request(self, request):
        self.requests.append((str(request.url), request.headers.get("authorization")))
        return httpx.Response(200, json={"data": [{"taskType": "accountManagement", "balance": 1}]})


@pytest.fixture
def environment(monkeypatch):
    """Sets variables of the environment."""
    return lambda **variables: [monkeypatch.setenv(name, value) for name, value in variables.items()]


@pytest.mark.parametrize(
    ("engine", "variable", "vendor_key", "sent_to", "key"),
    [
        (None, CLASS, None, f"{CLASS}/v1", KEY),
        (None, f" {CLASS}/v1/ ", "env", f"{CLASS}/v1", KEY),
        (f"{CLASS}/other", CLASS, "env", f"{CLASS}/other", KEY),
        ("http://CLASS.example:80", "http://class.example", None, "http://class.example/v1", KEY),
        ("https://192.168.0.7:8765", CLASS, None, "https://192.168.0.7:8765/v1", None),
        ("http://192.168.0.7:8766", CLASS, None, "http://192.168.0.7:8766/v1", None),
        ("http://192.168.0.8:8765", CLASS, "env", "http://192.168.0.8:8765/v1", None),
        ("http://192.168.0.7:8765", "http://[", "env", f"{CLASS}/v1", None),
        ("runware", CLASS, "env", "https://api.runware.ai/v1", "env"),
        (None, "runware", None, "https://api.runware.ai/v1", KEY),
        (None, "", "env", "https://api.runware.ai/v1", "env"),
        (None, "http://127.0.0.1:8765", "env", "http://127.0.0.1:8765/v1", KEY),
        ("http://127.0.0.1:9", "http://127.0.0.1:8765", "env", "http://127.0.0.1:9/v1", "env"),
    ],
)
def test_the_key_of_the_variable_goes_to_the_origin_of_the_variable_only(
    environment, engine, variable, vendor_key, sent_to, key
):
    """Scheme, host and port are the same; the vendor's key goes to the vendor and to this machine, as before."""
    environment(NBKIT_ENGINE=variable, NBKIT_KEY=KEY, RUNWARE_API_KEY=vendor_key or "")
    recorder = Recorder()
    with closing(nbkit.Studio(engine=engine, transport=recorder)) as studio:
        assert studio.balance() == 1
    assert recorder.requests == [(sent_to, key and f"Bearer {key}")]


def test_the_vendors_key_never_goes_to_the_address_of_the_variable(environment):
    """Neither from the environment nor as an ``api_key`` that says not for which engine it is."""
    environment(NBKIT_ENGINE=CLASS, RUNWARE_API_KEY=KEY)
    assert resolve().api_key is None
    with pytest.raises(errors.ConfigurationError, match="NBKIT_ENGINE names another engine") as caught:
        nbkit.Studio(api_key=KEY)
    assert KEY not in traceback_text(caught.value)
    assert resolve("runware", api_key=KEY).name == "runware"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (KEY, "a key goes into NBKIT_KEY"),
        (f"https://user:{KEY}@class.example", "the key goes into NBKIT_KEY"),
        (f"https://class.example/?key={KEY}", "the key goes into NBKIT_KEY"),
        (f"ftp://{KEY}.example", "begins with http:// or https://"),
        (f"http://[{KEY}", "cannot be read"),
        ("runware", "needs a key: set RUNWARE_API_KEY"),
    ],
)
def test_an_unusable_variable_is_named_and_its_value_is_not_repeated(environment, value, words):
    """It may be a key in the wrong place; an engine that is given by name does not look at it."""
    environment(NBKIT_ENGINE=value)
    with pytest.raises(errors.ConfigurationError, match=words) as caught:
        nbkit.Studio()
    assert str(caught.value).startswith("NBKIT_ENGINE")
    assert KEY not in str(caught.value)
    assert resolve("offline").name == "offline"


def test_an_unusable_key_of_the_environment_is_named(environment):
    """Its variable is, and not its value."""
    environment(NBKIT_ENGINE=CLASS, NBKIT_KEY=f"{KEY}\n{KEY}")
    with pytest.raises(errors.ConfigurationError, match=r"^NBKIT_KEY: ") as caught:
        nbkit.Studio()
    assert KEY not in traceback_text(caught.value)


def test_a_studio_says_once_that_its_engine_is_from_the_environment(environment, capsys):
    """In its first output and in its ``repr``; one whose engine was given does not."""
    environment(NBKIT_ENGINE=OTHER)
    for _ in range(2):
        with closing(nbkit.Studio()) as studio:
            assert f"{OTHER}/v1 from NBKIT_ENGINE" in repr(studio)
    assert capsys.readouterr().out == (
        f"nbkit: the engine is {OTHER}/v1, from NBKIT_ENGINE, without a key: NBKIT_KEY is not set.\n"
    )
    with closing(nbkit.Studio(engine="offline")) as studio:
        assert "NBKIT_ENGINE" not in repr(studio)


@pytest.mark.parametrize("answer", [None, fault.refused("invalidApiKey", f"the key {KEY} is not valid", 401)])
def test_the_key_of_the_environment_is_shown_nowhere(environment, service, tmp_path, capsys, answer):
    """It is sent with the task, not with the request for the picture; no text and no file has it."""
    environment(NBKIT_ENGINE=service.url, NBKIT_KEY=KEY)
    service.faults.append(answer)
    with closing(nbkit.Studio(path=tmp_path / "runs")) as studio:
        run = studio.generate("A teapot", seed=1)
        assert KEY not in everything_shown(studio, run) + capsys.readouterr().out
    assert KEY.encode() not in bytes_on_disk(tmp_path)
    keys = {(r.method, r.headers.get("authorization", r.headers.get("Authorization"))) for r in service.received}
    assert keys == ({("POST", f"Bearer {KEY}")} if answer else {("POST", f"Bearer {KEY}"), ("GET", None)})


def test_a_server_that_is_away_is_named_with_whom_to_ask(environment, tmp_path):
    """Nothing is paid or lost, and the message says how to go on offline."""
    environment(NBKIT_ENGINE="http://127.0.0.1:9", NBKIT_KEY=KEY)
    with closing(nbkit.Studio(path=tmp_path / "runs", budget=1.0)) as studio:
        run = studio.generate("A teapot", seed=1)
        assert run.status == "failed"
        assert "no connection to 127.0.0.1:9" in str(run.error)
        assert 'Ask whoever runs that server; nbkit.Studio(engine="offline") goes on without it.' in str(run.error)
        assert studio.budget.left == 1.0


@pytest.mark.parametrize(
    ("code", "status", "sentence", "advice"),
    [
        ("insufficientCredits", 402, "mia has $0.01 left of $0.50", "ask for more where you got the key"),
        ("forbidden", 403, "mia is paused", "If a class or a team gave you the key, ask there"),
        ("invalidApiKey", 401, "this key is not known here", "If a class or a team gave you the key, ask there"),
    ],
)
def test_a_refusal_of_a_class_is_said_with_advice_for_a_student(studio, service, code, status, sentence, advice):
    """The server's sentence, and to ask in the class."""
    service.faults.append(fault.refused(code, sentence, status))
    run = studio.generate("A teapot")
    assert sentence in str(run.error)
    assert advice in run.error.advice
    assert studio.log[run.task_uuid].status == "failed"
