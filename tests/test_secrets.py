"""A key is sent to the one host that it belongs to, and stands nowhere else."""

import traceback
from pathlib import Path

import pytest
import service_faults as fault
from conftest import QUICK
from service import Answer, Service, error, picture

import nbkit
from nbkit import backends, errors
from nbkit.service.client import Client
from nbkit.service.secret import Secret

KEY = "canary-7f3d9b2a6c1e"
BEGINNING = KEY[:8]  # as much as a service may show of a key that it masks
TOKEN = "canary-token-41c8"  # in the query of an address
PLACES = ("text/html", "text/plain")


@pytest.fixture
def studio(open_studio):
    """A studio that holds the canary."""
    return open_studio(api_key=KEY)


def told(caught, *, outside=("tests",)):
    """Every word of a traceback, with the local variables of nbkit's and httpx's frames, and its whole chain."""
    words = []
    todo, seen = [caught], set()
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        todo += [one.__cause__, one.__context__]
        words += [str(one), repr(one), repr(one.args), repr(vars(one))]
        full = traceback.TracebackException.from_exception(one, capture_locals=True)
        for frame in full.stack:
            if Path(frame.filename).parent.name not in outside:  # the person's own cell
                words.append(f"{frame.name} {frame.locals}")
    return "\n".join(words)


def everything_shown(studio, run):
    """What a notebook might hold of a run and its studio."""
    shown = [run, studio, studio.log, studio.budget, run.request, run.task, run.error, *run.images, *run.failures]
    words = [f"{one!r} {one!s}" for one in shown]
    words += [run._repr_mimebundle_()[p] + studio.log._repr_mimebundle_()[p] for p in PLACES]
    return "\n".join([*words, run.as_code(), run.as_json(), studio.df.to_csv(), studio.budget._repr_html_()])


def written(folder):
    """Every byte below a folder."""
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


def named_after_the_key(items, _task):
    """Results whose names and unknown fields are made of the key."""
    return {"data": [{**item, "imageUUID": f"{n}-{KEY}", KEY: [{KEY: KEY}]} for n, item in enumerate(items)]}


REPEATING = [
    None,
    fault.refused("invalidApiKey", f"the key {KEY} is not valid", 401),
    fault.refused("invalidProviderContent", f"Bearer {KEY}"),
    fault.plain(401, body=KEY.encode()),
    fault.partial([{"code": "inferenceError", "message": KEY}], keep=1),
    fault.lost(),
    fault.refused(f"invalid{KEY}", "no", 401, parameter=KEY),
    fault.refused("invalidApiKey", f"the key {KEY[:9]}… is not valid", 401),
    fault.answers(named_after_the_key),
]


@pytest.mark.parametrize(
    "how", REPEATING, ids=["well", "repeated", "blocked", "page", "partial", "lost", "code", "masked", "names"]
)
def test_the_key_is_in_no_output_and_no_file(service, studio, tmp_path, how):
    """Not in a repr, an output, the frame, the code, or a byte on disk; also where the service repeats it."""
    service.faults.append(how)
    run = studio.generate("A lantern", width=512, height=512, number_results=2)
    assert BEGINNING not in everything_shown(studio, run)
    studio.recover()
    studio.close()
    assert BEGINNING.encode() not in written(tmp_path)
    assert run.error is None or BEGINNING not in told(run.error)
    assert service.received[0].headers["authorization"] == f"Bearer {KEY}"


def raised_by_a_wrong_engine(_service, _studio):
    nbkit.Studio(engine="nonsense", api_key=KEY)


def raised_by_a_key_that_is_none(_service, _studio):
    nbkit.Studio(api_key=f"{KEY}–")


def raised_by_a_key_of_another_type(_service, _studio):
    nbkit.Studio(api_key=[KEY])


def raised_by_a_wrong_budget(_service, _studio):
    nbkit.Studio(api_key=KEY, budget="much")


def raised_by_a_folder(_service, studio):
    nbkit.Studio(api_key=KEY, path=studio.log.folder / "log.sqlite" / "deeper")


def raised_by_a_refused_balance(service, studio):
    service.handle = lambda _: error("invalidApiKey", f"{KEY}?", 401)
    studio.balance()


def raised_by_a_lost_balance(service, studio):
    service.handle = lambda _: Answer(silent=True)
    studio.balance()


def raised_by_a_page(service, studio):
    service.handle = lambda _: Answer(500, f"<html>{KEY}".encode())
    studio.balance()


def raised_without_a_connection(_service, _studio):
    Client("http://127.0.0.1:9/v1", api_key=KEY).balance()


def raised_by_a_failed_run(service, studio):
    service.faults.append(fault.refused("insufficientCredits", f"{KEY} has none", 402))
    studio.generate("A lantern").raise_for_status()


def raised_by_a_budget(_service, studio):
    poor = nbkit.Studio(engine=studio.engine, api_key=KEY, budget=0)
    try:
        poor.generate("A lantern")
    finally:
        poor.close()


def raised_by_a_closed_studio(_service, studio):
    studio.close()
    studio.generate("A lantern")


def raised_by_a_bad_proxy(_service, _studio):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTPS_PROXY", "gopher://127.0.0.1:1")
        nbkit.Studio(api_key=KEY)


RAISING = [value for name, value in globals().copy().items() if name.startswith("raised_")]


@pytest.mark.parametrize("way", RAISING, ids=[w.__name__.removeprefix("raised_") for w in RAISING])
def test_no_traceback_shows_the_key(service, studio, way):
    """Not in a message, a chained error, or a local variable of any frame below the person's own."""
    with pytest.raises(Exception, match=r"\w") as caught:
        way(service, studio)
    words = told(caught.value)
    assert "nbkit" in words or "self" in words  # the frames were looked at
    assert KEY not in words


def test_a_key_from_the_environment_is_in_no_traceback(monkeypatch, service):
    """The same for a key that no argument carried."""
    monkeypatch.setenv("RUNWARE_API_KEY", f"{KEY}\x00–".replace("\x00", ""))
    with pytest.raises(errors.ConfigurationError) as caught:
        nbkit.Studio(engine=service.url)
    assert KEY not in told(caught.value)


def test_what_holds_the_key_does_not_show_it(service):
    """Engine, client and the key's own box."""
    client = Client(service.url, api_key=KEY)
    for one in (
        Secret(KEY),
        client,
        backends.resolve("runware", api_key=KEY),
        backends.resolve(service.url, api_key=KEY),
    ):
        assert KEY not in repr(one) + str(one)
    client.close()


def test_pictures_and_redirects_get_no_key(service, studio):
    """A picture's address, and where it leads, are fetched without the key and without a cookie of the service."""
    with Service() as elsewhere:
        elsewhere.pictures["/p.jpg"] = picture()
        service.picture_faults += [None, fault.file(b"", 302, location=f"{elsewhere.origin}/p.jpg")]
        studio.generate("A lantern", number_results=2).raise_for_status()
        gets = service.gets + elsewhere.gets
    assert len(gets) == 3
    for got in gets:
        assert "authorization" not in got.headers
        assert KEY not in f"{got.path} {got.headers}"


def test_a_redirect_of_a_task_is_not_followed(service, studio):
    """A service that sends the task elsewhere is an error: neither the task nor the key goes there."""
    with Service() as elsewhere:
        service.faults += [fault.plain(status, location=elsewhere.url) for status in (301, 302, 307, 308)]
        assert {studio.generate("A lantern").status for _ in range(4)} == {"failed"}
        assert not elsewhere.received


def test_no_proxy_sees_what_goes_to_this_machine(service, tmp_path, monkeypatch):
    """A proxy of the environment is not handed the tasks, and the key, that are for this machine."""
    with Service() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
        studio = nbkit.Studio(engine=service.url, api_key=KEY, path=tmp_path, pace=QUICK)
        assert studio.generate("A lantern").status == "done"
        studio.close()
        assert not proxy.received


@pytest.mark.parametrize("through", ["parameters", "extra"])
def test_queries_of_addresses_are_sent_and_not_logged(service, studio, tmp_path, through):
    """Upload and webhook addresses carry credentials: they reach the service, and no file, output or repr."""
    addresses = {
        "webhookURL": f"https://example.com/hook?t={TOKEN}",
        "uploadEndpoint": f"https://example.com/put?t={TOKEN}",
    }
    given = addresses if through == "parameters" else {"extra": addresses}
    run = studio.generate("A lantern", **given)
    assert {name: service.tasks()[0][name] for name in addresses} == addresses
    assert "https://example.com/put" in run.as_json()
    assert TOKEN not in everything_shown(studio, run)
    back = studio.log[run.task_uuid]
    assert TOKEN not in everything_shown(studio, back)
    studio.close()
    assert TOKEN.encode() not in written(tmp_path)


def test_an_error_of_the_service_may_repeat_an_address(service, studio, tmp_path):
    """A service that repeats the upload address in its refusal does not put its query into the log."""
    address = f"https://example.com/put?t={TOKEN}"
    service.faults.append(fault.refused("invalidUploadEndpoint", f"cannot reach {address}", parameter="uploadEndpoint"))
    run = studio.generate("A lantern", upload_endpoint=address)
    assert "https://example.com/put" in run.to_text()
    assert TOKEN not in everything_shown(studio, run)
    studio.close()
    assert TOKEN.encode() not in written(tmp_path)


def test_a_reference_that_is_none_is_told_without_its_credentials(open_studio):
    """What was typed into a panel may be an address with a password; the error names the rule and not the secret."""
    panel = open_studio(api_key=KEY).panel("A paper lantern")
    panel.controls["reference_images"]._hear(
        {"kind": "text", "text": f"ftp://me:{TOKEN}@h.example/x.png?token={TOKEN}"}, []
    )
    with pytest.raises(errors.RequestError, match="http and https") as caught:
        panel.generate()
    assert (
        TOKEN not in f"{caught.value} {panel!r} {panel.bar.under.value} {panel.controls['reference_images'].complaint}"
    )
