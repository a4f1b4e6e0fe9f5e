"""The studio: which engine and which key, what it says and what it spends, and what its runs can do again."""

import asyncio
import dataclasses
import gc
import json
import pickle
import threading
import uuid
import weakref
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import service_faults as fault
from service import PRICE, Answer, Service, picture

import nbkit
from nbkit import errors
from nbkit import studio as studio_module
from nbkit.service.client import VENDOR_URL

PROMPT = "A lantern"


def generate(studio, **parameters):
    return studio.generate(PROMPT, **{"width": 512, "height": 512} | parameters)


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    """Each test is a kernel that has given no notice yet."""
    monkeypatch.setattr(studio_module, "_printed_notices", set())


class Recorder(httpx.BaseTransport):
    """In place of the network: what would go where, with which key."""

    def __init__(self):
        self.seen = []

    def handle_request(self, request):
        self.seen.append((str(request.url), request.headers.get("authorization")))
        return httpx.Response(200, json={"data": [{"balance": 1}]})


# -- engines and keys ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "api_key", "environment", "sent_to", "key"),
    [
        (None, None, "env", VENDOR_URL, "Bearer env"),
        (None, "own", None, VENDOR_URL, "Bearer own"),
        (None, " own\n", "env", VENDOR_URL, "Bearer own"),
        ("runware", None, "env", VENDOR_URL, "Bearer env"),
        ("https://api.runware.ai", None, "env", VENDOR_URL, "Bearer env"),
        ("https://api.runware.ai/v1/", "own", "env", VENDOR_URL, "Bearer own"),
        ("http://127.0.0.1:8000", None, "env", "http://127.0.0.1:8000/v1", "Bearer env"),
        ("http://localhost:8000/v1", None, "env", "http://localhost:8000/v1", "Bearer env"),
        ("http://[::1]:8000", None, "env", "http://[::1]:8000/v1", "Bearer env"),
        ("http://127.0.0.1:8000/other", None, None, "http://127.0.0.1:8000/other", None),
        ("https://example.com", None, "env", "https://example.com/v1", None),
        ("https://example.com/api", "own", "env", "https://example.com/api", "Bearer own"),
        ("http://api.runware.ai/v1", None, "env", "http://api.runware.ai/v1", None),
        ("https://api.runware.ai.example.com", None, "env", "https://api.runware.ai.example.com/v1", None),
        ("https://127.0.0.1.example.com", None, "env", "https://127.0.0.1.example.com/v1", None),
        ("https://api.runware.ai:8443/v1", None, "env", "https://api.runware.ai:8443/v1", None),
    ],
)
def test_which_host_gets_which_key(monkeypatch, engine, api_key, environment, sent_to, key):
    """The environment's key goes to the vendor's own host and to this machine; any other gets what was given for it."""
    if environment:
        monkeypatch.setenv("RUNWARE_API_KEY", environment)
    recorder = Recorder()
    studio = nbkit.Studio(engine=engine, api_key=api_key, transport=recorder)
    assert studio.balance() == 1
    assert recorder.seen == [(sent_to, key)]
    studio.close()


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ("runware", "needs a key: set RUNWARE_API_KEY"),
        ("nonsense", "must be 'offline', 'runware', an address"),
        ("a-word-like-a-key", "a key goes into api_key"),
        ("ftp://word.example.com", "begins with http:// or https://"),
        ("ftp://example.com", "begins with http:// or https://"),
        ("https://", "names a host"),
        ("https://user:word@example.com", "the key goes into api_key"),
        ("https://example.com/v1?key=word", "the key goes into api_key"),
        ("http://[", "cannot be read"),
        ("http://127.0.0.1:99999", "cannot be read"),
        (17, "must be"),
    ],
)
def test_engines_that_cannot_be(engine, words, tmp_path):
    """An engine that does not exist is an error that says what there is, repeats no password, and makes no folder."""
    with pytest.raises(errors.ConfigurationError, match=words) as caught:
        nbkit.Studio(engine=engine)
    assert "word" not in str(caught.value).replace("password", "")
    assert list(tmp_path.iterdir()) == []


def test_a_proxy_that_cannot_be_used(monkeypatch):
    """A proxy of the environment that httpx does not know is an error of the set-up."""
    monkeypatch.setenv("HTTPS_PROXY", "gopher://127.0.0.1:1")
    with pytest.raises(errors.ConfigurationError, match="proxy"):
        nbkit.Studio(engine="runware", api_key="k")


def test_the_notice_is_given_once(capsys):
    """Without a key a studio says once, plainly, that it is offline and how to use the real one; asked for, it is silent."""
    for engine in ("offline", nbkit.Offline(), None, None):
        nbkit.Studio(engine=engine).close()
    told = capsys.readouterr()
    assert told.out.count("drawn offline on this machine") == 1
    assert "RUNWARE_API_KEY" in told.out
    assert told.err == ""


def test_a_studio_that_nobody_holds_ends(service):
    """Runs and log hold no studio alive: forgetting it closes its connections."""
    studio = nbkit.Studio(engine=service.url)
    run = generate(studio)
    there = weakref.ref(studio)
    del studio, run
    gc.collect()
    assert there() is None


# -- money -----------------------------------------------------------------------------------------------------


def test_estimate_and_budget(service, open_studio):
    """The price is known first, as a range where it is not certain; the budget tells limit, spent, held and left."""
    studio = open_studio(budget=1)
    assert studio.estimate(PROMPT) == pytest.approx(0.06895)
    search = studio.estimate(PROMPT, number_results=2, web_search=True)
    assert (search.low, search.high) == (pytest.approx(0.1379), pytest.approx(0.4179))
    assert repr(search) == "$0.1379 to $0.4179"
    assert not service.received
    generate(studio, number_results=2)
    assert (studio.budget.limit, studio.budget.spent, studio.budget.held) == (1, 2 * PRICE, 0)
    assert studio.budget.left == pytest.approx(1 - 2 * PRICE)
    assert "$0.1379 spent" in repr(studio)


def test_balance(service, studio):
    """What the account holds, by the account's own word."""
    assert studio.balance() == 12.5


@pytest.mark.parametrize("budget", [-1, "5", True, float("nan"), float("inf"), [5]])
def test_budgets_that_are_no_money(budget):
    """A budget is an amount in USD, and nothing else."""
    with pytest.raises(nbkit.RequestError, match="must be an amount in USD"):
        nbkit.Studio(engine="offline", budget=budget)


def test_a_wrong_parameter_sends_nothing(service, studio):
    """What the model does not allow is found here; there is no row and no request."""
    with pytest.raises(nbkit.RequestError):
        generate(studio, temperature=3)
    assert not service.received
    assert len(studio.log) == 0


# -- runs again ------------------------------------------------------------------------------------------------


def test_rerun(service, studio):
    """The same request with a change, under a new taskUUID."""
    run = generate(studio, seed=7, temperature=0.5)
    again = run.rerun(temperature=0.3)
    assert again.request == run.request.replace(temperature=0.3)
    assert again.task_uuid != run.task_uuid
    assert [t["settings"]["temperature"] for t in service.tasks()] == [0.5, 0.3]
    assert studio.last.task_uuid == again.task_uuid


def test_rerun_keeps_the_queries_of_addresses(service, studio):
    """A credential in an upload address is sent again by rerun(), although the log does not have it."""
    run = generate(studio, upload_endpoint="https://example.com/put?token=t1")
    run.rerun(seed=1)
    assert [t["uploadEndpoint"] for t in service.tasks()] == ["https://example.com/put?token=t1"] * 2


@pytest.mark.parametrize(
    "parameters",
    [
        {"seed": 7, "temperature": 0.72, "top_p": 0.9, "thinking": "HIGH", "web_search": True, "safety_mode": "fast"},
        {"prompt": 'Words "in quotes", a \\ and\na line — 灯', "seed": 1, "number_results": 2},
        {"width": None, "height": None, "aspect_ratio": "16:9", "resolution": "2K", "seed": 1},
        {"seed": 1, "extra": {"newThing": {"deep": [1, None, True]}}},
        {"width": None, "height": None, "aspect_ratio": "4:1", "seed": 1},
        {"width": None, "height": None, "resolution": "0.5K", "seed": 1},
        {"width": None, "height": None, "resolution": "2K", "seed": 1, "reference_images": [picture("PNG", "navy")]},
        {"width": None, "height": None, "aspect_ratio": "1:8", "reference_images": [picture("PNG", "navy")]},
        {"seed": 1, "reference_images": [picture("PNG"), "https://example.com/a.jpg", str(uuid.uuid4())]},
        {"number_results": 3},
    ],
)
def test_as_code_makes_an_equal_request(service, studio, parameters):
    """One expression, pasted into a cell, makes an equal request, here and from the log of a later kernel."""
    run = studio.generate(**{"prompt": PROMPT, "width": 512, "height": 512} | parameters)
    for one in (run, studio.log[run.task_uuid]):
        again = eval(one.as_code(), {"studio": studio})
        assert again.request.replace(seed=None) == run.request.replace(seed=None)
        assert again.seed == run.seed or len(run.images) > 1
        assert again.task_uuid != run.task_uuid


def test_as_code_names_a_seed_that_the_service_drew(studio):
    """Without it another picture would come."""
    assert "seed=1000" in generate(studio).as_code()
    assert "seed" not in generate(studio, number_results=2).as_code()


def test_as_code_names_a_local_reference_by_its_hash(service, studio):
    """The picture comes from the log's folder; one that was deleted there is told when the code runs."""
    run = studio.generate("Like this", seed=1, reference_images=[picture("PNG", "teal")])
    (reference,) = run.request.reference_images
    assert f"reference_images=[studio.log.reference('{reference.sha256}')]" in run.as_code()
    next((studio.log.folder / "images").rglob(f"{reference.sha256}.png")).unlink()
    with pytest.raises(KeyError, match="has no picture"):
        eval(studio.log[run.task_uuid].as_code(), {"studio": studio})


# -- runs and pictures as values ---------------------------------------------------------------------------------


def test_runs_and_pictures_as_values(service, studio):
    """The same task read twice is one run, and the same bytes one picture; another task is another run."""
    service.paint = lambda kind, _: picture(kind, "teal")
    run, other = generate(studio, seed=7), generate(studio, seed=7)
    again = studio.log[run.task_uuid]
    assert run is not again
    assert (run == again, hash(run) == hash(again), run == other, run == run.task_uuid) == (True, True, False, False)
    assert run != dataclasses.replace(run, status="unknown")
    assert run.image == again.image == other.image
    assert len({run.image, again.image, other.image}) == 1
    assert run.image != run.image.sha256
    service.paint = lambda kind, _: picture(kind, "black")
    assert generate(studio, seed=7).image != run.image
    planned = [nbkit.Run(request=run.request, task_uuid="", status="planned") for _ in range(2)]
    assert planned[0] == planned[0]
    assert planned[0] != planned[1]


def test_a_run_can_be_pickled(service, studio):
    """Done or refused; only its way back to the studio stays behind."""
    service.faults += [None, fault.refused("invalidSeed", "no such seed")]
    for run in (generate(studio, reference_images=[picture("PNG")]), generate(studio)):
        again = pickle.loads(pickle.dumps(run))
        assert again == run
        assert (again.request, again.images, again.to_text()) == (run.request, run.images, run.to_text())
        assert str(again.error) == str(run.error)
        with pytest.raises(nbkit.NbkitError, match="has no studio"):
            again.rerun()
    assert run.rerun().status == "done"


def test_as_json_is_what_was_sent(service, studio):
    """The JSON of the request, with inline pictures as their hash and addresses without their query."""
    run = generate(studio, seed=7, webhook_url="https://example.com/hook?secret=s1")
    (sent,) = service.tasks()
    assert sent["webhookURL"] == "https://example.com/hook?secret=s1"
    assert json.loads(run.as_json()) == [sent | {"webhookURL": "https://example.com/hook"}]
    pixels = studio.generate("Like this", reference_images=[picture("PNG")])
    assert "sha256:" in pixels.as_json()
    assert "base64" not in pixels.as_json()


def test_reuse(service, open_studio):
    """A seed that is done in the log is answered from it: no request, no row, no money, and the caption says so."""
    studio = open_studio(reuse=True)
    first = generate(studio, seed=7, output_quality=80)
    received = len(service.received)
    again = generate(studio, seed=7, output_quality=80, output_type="URL", web_search=False, include_cost=True)
    assert (again.reused, again.task_uuid, again.image.bytes) == (True, first.task_uuid, first.image.bytes)
    assert "answered from the log: nothing was sent, nothing was charged" in again.to_text()
    assert (len(service.received), len(studio.log), studio.budget.spent) == (received, 1, PRICE)
    assert not generate(studio, seed=8).reused
    assert not generate(studio).reused
    assert not generate(studio, seed=7, output_quality=80, reuse=False).reused


def test_reuse_is_off_by_default_and_takes_only_what_is_done(service, studio):
    """Running a cell again makes a new picture; a failed run answers nothing."""
    assert not generate(studio, seed=7).reused
    assert not generate(studio, seed=7).reused
    service.faults.append(fault.refused())
    generate(studio, seed=8)
    assert not generate(studio, seed=8, reuse=True).reused
    assert generate(studio, seed=8, reuse=True).reused


def test_a_task_uuid_is_sent_once(service, studio):
    """A request that carries a taskUUID of the log is that run; with another content it is refused."""
    request = nbkit.ImageRequest(PROMPT, width=512, height=512, task_uuid=str(uuid.uuid4()))
    first = studio.generate(request)
    assert studio.generate(request).task_uuid == first.task_uuid == request.task_uuid
    assert len(service.sent) == 1
    with pytest.raises(nbkit.RequestError, match="belongs to another request"):
        studio.generate(nbkit.ImageRequest("Another", task_uuid=request.task_uuid))


def test_last(open_studio):
    """The latest run: of this studio, else of the log, else none."""
    studio = open_studio()
    assert studio.last is None
    run = generate(studio)
    assert studio.last is run
    assert open_studio().last.task_uuid == run.task_uuid
    assert open_studio().last.rerun().status == "done"


def test_start_in_the_background(service, studio):
    """``start`` returns at once and tells its outcome to a callback."""
    ended, told = threading.Event(), []
    studio.start(nbkit.ImageRequest(PROMPT), lambda run, error: (told.append((run, error)), ended.set()))
    assert ended.wait(20)
    ((run, error),) = told
    assert (run.status, error) == ("done", None)


def test_in_an_event_loop(studio):
    """It works inside a running loop, and in a thread of one; no loop is patched."""

    async def cell():
        return generate(studio), await asyncio.to_thread(generate, studio)

    assert [r.status for r in asyncio.run(cell())] == ["done", "done"]


# -- recover ---------------------------------------------------------------------------------------------------


def test_recover_settles_and_reports(service, open_studio):
    """What can be found out is, what was never accepted is sent again only when asked to, each with its cost."""
    service.has_details = False
    service.faults += [fault.lost(), fault.lost(accept=False)]
    service.question_faults += [fault.plain(500)] * 12
    studio = open_studio()
    accepted, never = generate(studio), generate(studio)
    assert (accepted.status, never.status) == ("unknown", "unknown")
    service.has_details = True
    found = open_studio().recover()
    assert list(found.columns) == ["taskUUID", "before", "after", "note", "cost"]
    assert dict(zip(found.taskUUID, found.after, strict=True)) == {
        accepted.task_uuid: "done",
        never.task_uuid: "unknown",
    }
    assert found.cost.tolist()[0] == PRICE
    assert (len(service.sent), len(studio.log[accepted.task_uuid])) == (2, 1)
    again = open_studio()
    assert list(again.recover(resend=True).after) == ["done"]
    assert service.sent[2] == never.task_uuid
    assert len(open_studio().recover()) == 0
    assert studio.df.cost.sum() == pytest.approx(service.spent)
    assert (studio.budget.spent, studio.budget.held) == (pytest.approx(PRICE), 0)
    assert (again.budget.spent, again.budget.held) == (pytest.approx(PRICE), 0)  # who sends it again pays for it


def test_a_run_with_credentials_is_not_sent_by_another_kernel(service, open_studio):
    """The log does not have the query of its upload address, so the task that would be sent is not the same."""
    service.faults.append(fault.lost(accept=False))
    service.question_faults += [fault.plain(500)] * 6
    generate(open_studio(), upload_endpoint="https://example.com/put?token=t1")
    assert list(open_studio().recover(resend=True).after) == ["unknown"]
    assert len(service.sent) == 1


def test_living_runs_are_left_alone(service, open_studio):
    """recover() beside a generate that waits settles nothing and asks nothing."""
    studio = open_studio()
    service.free.clear()
    thread = threading.Thread(target=generate, args=(studio,))
    thread.start()
    assert service.busy.wait(20)
    assert len(studio.recover(resend=True)) == 0
    assert len(open_studio().recover()) == 0
    service.free.set()
    thread.join(20)
    assert len(service.received) == 2
    assert studio.df.status.tolist() == ["done"]


def test_runs_of_another_engine_are_left_alone(service, open_studio):
    """A studio asks its own engine about its own runs only."""
    service.faults.append(fault.lost())
    service.question_faults += [fault.plain(500)] * 6
    generate(open_studio())
    with Service() as elsewhere:
        found = open_studio(engine=elsewhere.url).recover(resend=True)
        assert list(found.after) == ["unknown"]
        assert service.url in found.note[0]
        assert not elsewhere.received


def test_two_kernels_recover_the_same_run(service, open_studio):
    """Both ask, both are told; the log has each result once, and the money once."""
    partial = fault.partial([{"code": "inferenceError", "message": "one fell over"}], keep=2)
    service.faults.append(lambda s, t: partial(s, t) and Answer(silent=True))
    service.question_faults += [fault.plain(500)] * 6
    kernels = [open_studio() for _ in range(3)]
    assert generate(kernels[0], number_results=3).status == "unknown"
    both = threading.Barrier(2, timeout=20)
    service.question_faults += [lambda s, t: (both.wait() and None) or s._state(t)] * 2
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda studio: studio.recover().after.tolist(), kernels[1:]))
    assert found == [["done"]] * 2
    assert sorted(kernels[0].df.status) == ["done", "done", "failed"]
    assert (kernels[0].budget.spent, kernels[0].budget.held) == (pytest.approx(service.spent), 0)


def test_a_run_that_cannot_be_recovered_does_not_stop_the_others(service, open_studio):
    """A reference image that somebody removed: that run says so, the others are settled."""
    service.faults += [fault.lost(accept=False), fault.lost()]
    service.question_faults += [fault.plain(500)] * 12
    studio = open_studio()
    broken = studio.generate("Like this", reference_images=[picture("PNG", "red")])
    other = generate(studio)
    next((studio.log.folder / "images").rglob("*.png")).unlink()
    found = studio.recover(resend=True)
    assert dict(zip(found.taskUUID, found.after, strict=True)) == {broken.task_uuid: "unknown", other.task_uuid: "done"}
    assert "no longer in" in found.note[0]
