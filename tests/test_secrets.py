"""A key is sent to the host that it belongs to, and appears nowhere else."""

import pickle
import traceback
from pathlib import Path

import pytest
import service_faults as fault
from conftest import QUICK
from panel_tools import hear, message, state_of
from service import Answer, Service, error, picture

import nbkit
from nbkit import backends, errors
from nbkit.ledger.journal import RunPlan
from nbkit.service.client import Client
from nbkit.service.secret import Secret

KEY = "canary-7f3d9b2a6c1e"
BEGINNING = KEY[:8]  # a service that masks a key may show its beginning
TOKEN = "canary-token-41c8"  # in the query of an address
FORMATS = ("text/html", "text/plain")


@pytest.fixture
def studio(open_studio):
    """A studio with this key."""
    return open_studio(api_key=KEY)


def traceback_text(error, *, outside=("tests",)):
    """The tracebacks of an error and of its whole chain, with the local variables of nbkit's and httpx's frames.

    Args:
        error: that was caught.
        outside: folders whose frames are left out, because they are code of the user.
    """
    texts = []
    todo, seen = [error], set()
    while todo:
        link = todo.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        todo += [link.__cause__, link.__context__]
        texts += [str(link), repr(link), repr(link.args), repr(vars(link))]
        full = traceback.TracebackException.from_exception(link, capture_locals=True)
        for frame in full.stack:
            if Path(frame.filename).parent.name not in outside:
                texts.append(f"{frame.name} {frame.locals}")
    return "\n".join(texts)


def everything_shown(studio, run):
    """Every text about a run and its studio that a notebook may contain."""
    shown = [run, studio, studio.log, studio.budget, run.request, run.task, run.error, *run.images, *run.failures]
    texts = [f"{value!r} {value!s}" for value in shown]
    texts += [run._repr_mimebundle_()[form] + studio.log._repr_mimebundle_()[form] for form in FORMATS]
    return "\n".join([*texts, run.as_code(), run.as_json(), studio.df.to_csv(), studio.budget._repr_html_()])


def bytes_on_disk(folder):
    """The content of all files below a folder."""
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


def named_after_the_key(items, _task):
    """Results with the key in their names and in an unknown field."""
    return {"data": [{**item, "imageUUID": f"{n}-{KEY}", KEY: [{KEY: KEY}]} for n, item in enumerate(items)]}


FAULTS = [
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
    "submit_fault", FAULTS, ids=["none", "repeated", "blocked", "page", "partial", "lost", "code", "masked", "names"]
)
def test_the_key_is_in_no_output_and_no_file(service, studio, tmp_path, submit_fault):
    """Not in a repr, an output, the frame, the code, or a file, even if the service repeats it in its answer."""
    service.faults.append(submit_fault)
    run = studio.generate("A lantern", width=512, height=512, number_results=2)
    assert BEGINNING not in everything_shown(studio, run)
    studio.recover()
    studio.close()
    assert BEGINNING.encode() not in bytes_on_disk(tmp_path)
    assert run.error is None or BEGINNING not in traceback_text(run.error)
    assert service.received[0].headers["authorization"] == f"Bearer {KEY}"


def raised_by_a_wrong_engine(_service, _studio):
    nbkit.Studio(engine="nonsense", api_key=KEY)


def raised_by_a_key_that_is_not_ascii(_service, _studio):
    nbkit.Studio(api_key=f"{KEY}–")


def raised_by_a_key_of_another_type(_service, _studio):
    nbkit.Studio(api_key=[KEY])


def raised_by_a_wrong_budget(_service, _studio):
    nbkit.Studio(api_key=KEY, budget="much")


def raised_by_a_folder_inside_a_file(_service, studio):
    nbkit.Studio(api_key=KEY, path=studio.log.folder / "log.sqlite" / "deeper")


def raised_by_a_refused_balance(service, studio):
    service.handle = lambda _: error("invalidApiKey", f"{KEY}?", 401)
    studio.balance()


def raised_by_a_lost_balance(service, studio):
    service.handle = lambda _: Answer(silent=True)
    studio.balance()


def raised_by_a_page_instead_of_a_balance(service, studio):
    service.handle = lambda _: Answer(500, f"<html>{KEY}".encode())
    studio.balance()


def raised_without_a_connection(_service, _studio):
    Client("http://127.0.0.1:9/v1", api_key=KEY).balance()


def raised_by_a_failed_run(service, studio):
    service.faults.append(fault.refused("insufficientCredits", f"{KEY} has none", 402))
    studio.generate("A lantern").raise_for_status()


def raised_by_a_budget_of_nothing(_service, studio):
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


RAISED = {
    raised_by_a_wrong_engine: errors.ConfigurationError,
    raised_by_a_key_that_is_not_ascii: errors.ConfigurationError,
    raised_by_a_key_of_another_type: errors.ConfigurationError,
    raised_by_a_wrong_budget: errors.RequestError,
    raised_by_a_folder_inside_a_file: errors.StorageError,
    raised_by_a_refused_balance: errors.AuthenticationError,
    raised_by_a_lost_balance: errors.AnswerLost,
    raised_by_a_page_instead_of_a_balance: errors.AnswerLost,
    raised_without_a_connection: errors.NotConnected,
    raised_by_a_failed_run: errors.CreditError,
    raised_by_a_budget_of_nothing: errors.BudgetExceeded,
    raised_by_a_closed_studio: errors.NbkitError,
    raised_by_a_bad_proxy: errors.ConfigurationError,
}


@pytest.mark.parametrize("call", RAISED, ids=[call.__name__.removeprefix("raised_") for call in RAISED])
def test_no_traceback_shows_the_key(service, studio, call):
    """Not in a message, a chained error, or a local variable of any frame outside the user's own code."""
    with pytest.raises(RAISED[call], match=r"\w") as caught:
        call(service, studio)
    assert type(caught.value) is RAISED[call]
    text = traceback_text(caught.value)
    assert "nbkit" in text or "self" in text  # it has the frames
    assert KEY not in text


def test_a_key_from_the_environment_is_in_no_traceback(monkeypatch, service):
    """The same for a key that came from no argument."""
    monkeypatch.setenv("RUNWARE_API_KEY", f"{KEY}–")
    with pytest.raises(errors.ConfigurationError) as caught:
        nbkit.Studio(engine=service.url)
    assert KEY not in traceback_text(caught.value)


def test_objects_with_the_key_do_not_show_it(service):
    """The repr of a secret, a client and a backend has no key."""
    client = Client(service.url, api_key=KEY)
    for value in (
        Secret(KEY),
        client,
        backends.resolve("runware", api_key=KEY),
        backends.resolve(service.url, api_key=KEY),
    ):
        assert KEY not in repr(value) + str(value)
    client.close()


def test_requests_for_pictures_have_no_key(service, studio):
    """A picture, and one behind a redirect to another host, are fetched without the key and without cookies."""
    with Service() as elsewhere:
        elsewhere.pictures["/p.jpg"] = picture()
        service.picture_faults += [None, fault.file(b"", 302, location=f"{elsewhere.origin}/p.jpg")]
        studio.generate("A lantern", number_results=2).raise_for_status()
        gets = service.gets + elsewhere.gets
    assert len(gets) == 3
    for request in gets:
        assert not {"authorization", "cookie"} & request.headers.keys()
        assert KEY not in f"{request.path} {request.headers}"


def test_a_redirect_of_a_task_is_not_followed(service, studio):
    """It fails the run; neither the task nor the key is sent to the other host."""
    with Service() as elsewhere:
        service.faults += [fault.plain(status, location=elsewhere.url) for status in (301, 302, 307, 308)]
        runs = [studio.generate("A lantern") for _ in range(4)]
        assert {(run.status, type(run.error)) for run in runs} == {("failed", errors.RefusedError)}
        assert not elsewhere.received


def test_requests_to_this_machine_use_no_proxy(service, tmp_path, monkeypatch):
    """A proxy from the environment gets neither the tasks nor the key."""
    with Service() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
        studio = nbkit.Studio(engine=service.url, api_key=KEY, path=tmp_path, pace=QUICK)
        assert studio.generate("A lantern").status == "done"
        studio.close()
        assert not proxy.received


@pytest.mark.parametrize("through", ["parameters", "extra"])
def test_queries_of_addresses_are_sent_and_not_logged(service, studio, tmp_path, through):
    """Upload and webhook addresses may contain credentials: the service gets them, and no file, output or repr has them."""
    addresses = {
        "webhookURL": f"https://example.com/hook?t={TOKEN}",
        "uploadEndpoint": f"https://example.com/put?t={TOKEN}",
    }
    given = addresses if through == "parameters" else {"extra": addresses}
    run = studio.generate("A lantern", **given)
    assert {name: service.tasks()[0][name] for name in addresses} == addresses
    assert "https://example.com/put" in run.as_json()
    assert TOKEN not in everything_shown(studio, run)
    assert TOKEN not in everything_shown(studio, studio.log[run.task_uuid])
    studio.close()
    assert TOKEN.encode() not in bytes_on_disk(tmp_path)


def test_the_query_of_an_address_in_an_error_is_not_logged(service, studio, tmp_path):
    """The service repeats the upload address in its refusal: the text of the run has the address without its query."""
    address = f"https://example.com/put?t={TOKEN}"
    service.faults.append(fault.refused("invalidUploadEndpoint", f"cannot reach {address}", parameter="uploadEndpoint"))
    run = studio.generate("A lantern", upload_endpoint=address)
    assert "https://example.com/put" in run.to_text()
    assert TOKEN not in everything_shown(studio, run)
    studio.close()
    assert TOKEN.encode() not in bytes_on_disk(tmp_path)


def test_the_error_of_a_bad_reference_address_has_no_credentials(open_studio):
    """An address that was typed into a panel may have a password; the error has the rule, and not the address."""
    panel = open_studio(api_key=KEY).panel("A paper lantern")
    hear(panel.view, kind="text", text=f"ftp://me:{TOKEN}@h.example/x.png?token={TOKEN}")
    with pytest.raises(errors.RequestError, match="http and https") as caught:
        panel.generate()
    assert (caught.value.parameter, caught.value.reason) == ("referenceImages", "format")
    shown = (caught.value, repr(panel), message(panel), panel.form.complaint("reference_images"), state_of(panel))
    assert TOKEN not in " ".join(map(str, shown))


def test_what_can_be_pickled_has_no_key_in_it(studio):
    """The work that an executor gets, a run, a sweep's cells, and the key's own wrapper, which comes back empty."""
    request = nbkit.ImageRequest("A lantern", seed=7)
    sweep = studio.sweep("A lantern", seed=[1, 2])
    things = [RunPlan(request, request.to_send(), sweep="s"), studio.generate(request), *sweep, Secret(KEY)]
    data = [pickle.dumps(thing) for thing in things]
    assert not any(KEY.encode() in piece for piece in data)
    assert pickle.loads(data[0]) == things[0]
    assert not pickle.loads(data[-1])
