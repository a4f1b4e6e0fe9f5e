"""The studio: its engine and key, its notices and budget, runs that are made again, and recovery."""

import asyncio
import dataclasses
import gc
import json
import pickle
import queue
import threading
import uuid
import weakref
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import service_faults as fault
from service import PRICE, Answer, Service, picture
from small_requests import generate, lantern

import nbkit
from nbkit import errors
from nbkit import studio as studio_module
from nbkit.service.client import VENDOR_URL


@pytest.fixture(autouse=True)
def new_kernel(monkeypatch):
    """Each test is a kernel that has printed no notice yet."""
    monkeypatch.setattr(studio_module, "PRINTED_NOTICES", set())


class Recorder(httpx.BaseTransport):
    """Replaces the network; records the address and the key of each request."""

    def __init__(self):
        self.requests = []

    def handle_request(self, request):
        self.requests.append((str(request.url), request.headers.get("authorization")))
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
def test_the_key_of_the_environment_goes_only_to_the_vendor_and_to_this_machine(
    monkeypatch, engine, api_key, environment, sent_to, key
):
    """Another host gets only a key that was given as ``api_key``."""
    if environment:
        monkeypatch.setenv("RUNWARE_API_KEY", environment)
    recorder = Recorder()
    studio = nbkit.Studio(engine=engine, api_key=api_key, transport=recorder)
    assert studio.balance() == 1
    assert recorder.requests == [(sent_to, key)]
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
def test_an_unusable_engine_raises_a_configuration_error(engine, words, tmp_path):
    """Its message says what to give instead and contains no password; no folder is made."""
    with pytest.raises(errors.ConfigurationError, match=words) as caught:
        nbkit.Studio(engine=engine)
    assert "word" not in str(caught.value).replace("password", "")
    assert list(tmp_path.iterdir()) == []


def test_an_unusable_proxy_of_the_environment_raises_a_configuration_error(monkeypatch):
    """One whose scheme httpx does not support."""
    monkeypatch.setenv("HTTPS_PROXY", "gopher://127.0.0.1:1")
    with pytest.raises(errors.ConfigurationError, match="proxy"):
        nbkit.Studio(engine="runware", api_key="k")


def test_a_kernel_without_a_key_prints_once_that_the_engine_is_offline(capsys):
    """And how to use the real one; a studio that was asked for the offline engine prints nothing."""
    for engine in ("offline", nbkit.Offline(), None, None):
        nbkit.Studio(engine=engine).close()
    printed = capsys.readouterr()
    assert printed.out.count("drawn offline on this machine") == 1
    assert "RUNWARE_API_KEY" in printed.out
    assert printed.err == ""


def test_a_studio_ends_when_nothing_refers_to_it(service):
    """Its log and its runs refer to it weakly, so that its connections are closed."""
    studio = nbkit.Studio(engine=service.url)
    run = generate(studio)
    reference = weakref.ref(studio)
    del studio, run
    gc.collect()
    assert reference() is None


# -- money -----------------------------------------------------------------------------------------------------


def test_estimate_returns_the_price_and_budget_what_was_spent_and_is_left(service, open_studio):
    """The estimate sends nothing, and is a range if the price is not certain."""
    studio = open_studio(budget=1)
    assert studio.estimate("A lantern") == pytest.approx(0.06895)
    search = studio.estimate("A lantern", number_results=2, web_search=True)
    assert (search.low, search.high) == (pytest.approx(0.1379), pytest.approx(0.4179))
    assert repr(search) == "$0.1379 to $0.4179"
    assert not service.received
    generate(studio, number_results=2)
    assert (studio.budget.limit, studio.budget.spent, studio.budget.held) == (1, 2 * PRICE, 0)
    assert studio.budget.left == pytest.approx(1 - 2 * PRICE)
    assert "$0.1379 spent" in repr(studio)


def test_balance_returns_what_the_service_reports(service, studio):
    """In USD."""
    assert studio.balance() == 12.5


@pytest.mark.parametrize("budget", [-1, "5", True, float("nan"), float("inf"), [5]])
def test_a_budget_that_is_no_amount_in_usd_raises_a_request_error(budget):
    """A negative, infinite or undefined number, and any other type."""
    with pytest.raises(nbkit.RequestError, match="must be an amount in USD") as caught:
        nbkit.Studio(engine="offline", budget=budget)
    assert caught.value.parameter == "budget"


def test_an_invalid_parameter_sends_nothing_and_logs_nothing(service, studio):
    """It raises before anything else happens."""
    with pytest.raises(nbkit.RequestError) as caught:
        generate(studio, temperature=3)
    assert caught.value.parameter == "temperature"
    assert not service.received
    assert len(studio.log) == 0


# -- reruns and code -------------------------------------------------------------------------------------------


def test_rerun_sends_the_request_with_the_changes_under_a_new_task_uuid(service, studio):
    """Its run is then the latest one."""
    run = generate(studio, seed=7, temperature=0.5)
    rerun = run.rerun(temperature=0.3)
    assert rerun.request == run.request.replace(temperature=0.3)
    assert rerun.task_uuid != run.task_uuid
    assert [t["settings"]["temperature"] for t in service.tasks()] == [0.5, 0.3]
    assert studio.last.task_uuid == rerun.task_uuid


def test_rerun_sends_the_query_of_an_address(service, studio):
    """The run of this kernel still has the credential in it, which the log has not."""
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
def test_as_code_returns_an_expression_that_makes_an_equal_request(service, studio, parameters):
    """From the run itself, and from the run as the log has it."""
    run = generate(studio, **parameters)
    for one in (run, studio.log[run.task_uuid]):
        evaluated = eval(one.as_code(), {"studio": studio})
        assert evaluated.request.replace(seed=None) == run.request.replace(seed=None)
        assert evaluated.seed == run.seed or len(run.images) > 1
        assert evaluated.task_uuid != run.task_uuid


def test_as_code_contains_the_seed_that_the_service_drew(studio):
    """Unless there are several pictures, each with its own seed."""
    assert "seed=1000" in generate(studio).as_code()
    assert "seed" not in generate(studio, number_results=2).as_code()


def test_as_code_contains_the_hash_of_a_reference_picture(service, studio):
    """The code reads the picture from the image folder, and raises if it was deleted there."""
    run = studio.generate("Like this", seed=1, reference_images=[picture("PNG", "teal")])
    (reference,) = run.request.reference_images
    assert f"reference_images=[studio.log.reference('{reference.sha256}')]" in run.as_code()
    next((studio.log.folder / "images").rglob(f"{reference.sha256}.png")).unlink()
    with pytest.raises(KeyError, match="has no picture"):
        eval(studio.log[run.task_uuid].as_code(), {"studio": studio})


# -- runs and pictures as values ---------------------------------------------------------------------------------


def test_runs_are_equal_by_their_task_and_status_and_pictures_by_their_bytes(service, studio):
    """A run of the log equals the one that was returned; runs that are not sent yet are all different."""
    service.paint = lambda kind, _: picture(kind, "teal")
    run, other = generate(studio, seed=7), generate(studio, seed=7)
    logged = studio.log[run.task_uuid]
    assert run is not logged
    assert (run == logged, hash(run) == hash(logged), run == other, run == run.task_uuid) == (True, True, False, False)
    assert run != dataclasses.replace(run, status="unknown")
    assert run.image == logged.image == other.image
    assert len({run.image, logged.image, other.image}) == 1
    assert run.image != run.image.sha256
    service.paint = lambda kind, _: picture(kind, "black")
    assert generate(studio, seed=7).image != run.image
    planned = [nbkit.Run(request=run.request, task_uuid="", status="planned") for _ in range(2)]
    assert planned[0] == planned[0]
    assert planned[0] != planned[1]


def test_a_run_can_be_pickled_and_is_then_without_a_studio(service, studio):
    """Done or refused, everything else survives; only ``rerun()`` raises."""
    service.faults += [None, fault.refused("invalidSeed", "no such seed")]
    for run in (generate(studio, reference_images=[picture("PNG")]), generate(studio)):
        unpickled = pickle.loads(pickle.dumps(run))
        assert unpickled == run
        assert (unpickled.request, unpickled.images) == (run.request, run.images)
        assert unpickled.to_text() == run.to_text()
        assert str(unpickled.error) == str(run.error)
        with pytest.raises(nbkit.NbkitError, match="has no studio"):
            unpickled.rerun()
    assert run.rerun().status == "done"


def test_as_json_returns_the_body_that_was_sent(service, studio):
    """With pictures as their hash, and addresses without their query."""
    run = generate(studio, seed=7, webhook_url="https://example.com/hook?secret=s1")
    (sent,) = service.tasks()
    assert sent["webhookURL"] == "https://example.com/hook?secret=s1"
    assert json.loads(run.as_json()) == [sent | {"webhookURL": "https://example.com/hook"}]
    pixels = studio.generate("Like this", reference_images=[picture("PNG")])
    assert "sha256:" in pixels.as_json()
    assert "base64" not in pixels.as_json()


def test_reuse_returns_a_done_run_of_the_log_without_sending(service, open_studio):
    """For a request with the same identity and a seed: no row, no charge, and the caption says so."""
    studio = open_studio(reuse=True)
    first = generate(studio, seed=7, output_quality=80)
    received = len(service.received)
    second = generate(studio, seed=7, output_quality=80, output_type="URL", web_search=False, include_cost=True)
    assert (second.reused, second.task_uuid, second.image.bytes) == (True, first.task_uuid, first.image.bytes)
    assert "answered from the log: nothing was sent, nothing was charged" in second.to_text()
    assert (len(service.received), len(studio.log), studio.budget.spent) == (received, 1, PRICE)
    assert not generate(studio, seed=8).reused
    assert not generate(studio).reused
    assert not generate(studio, seed=7, output_quality=80, reuse=False).reused


def test_reuse_is_off_by_default_and_ignores_failed_runs(service, studio):
    """Executing a cell a second time makes a new picture."""
    assert not generate(studio, seed=7).reused
    assert not generate(studio, seed=7).reused
    service.faults.append(fault.refused())
    generate(studio, seed=8)
    assert not generate(studio, seed=8, reuse=True).reused
    assert generate(studio, seed=8, reuse=True).reused


def test_a_task_uuid_is_sent_only_once(service, studio):
    """A request with a taskUUID of the log returns that run; a different request with it raises."""
    request = lantern(width=512, height=512, task_uuid=str(uuid.uuid4()))
    first = studio.generate(request)
    assert studio.generate(request).task_uuid == first.task_uuid == request.task_uuid
    assert len(service.sent) == 1
    with pytest.raises(nbkit.RequestError, match="belongs to another request") as caught:
        studio.generate(nbkit.ImageRequest("Another", task_uuid=request.task_uuid))
    assert (caught.value.parameter, caught.value.reason) == ("taskUUID", "conflict")


def test_last_is_the_latest_run_of_the_studio_or_else_of_the_log(open_studio):
    """``None`` for an empty log."""
    studio = open_studio()
    assert studio.last is None
    run = generate(studio)
    assert studio.last is run
    assert open_studio().last.task_uuid == run.task_uuid
    assert open_studio().last.rerun().status == "done"


def test_start_returns_a_future_of_the_run(service, studio):
    """In the background; a callback of the future gets it."""
    outcomes = queue.Queue()
    studio.start(lantern()).add_done_callback(outcomes.put)
    assert outcomes.get(timeout=20).result().status == "done"


def test_a_run_is_carried_out_on_the_executor_that_is_handed_in(service, studio):
    """Its row is there before; what the executor runs sends the request and stores the pictures."""
    with ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
        service.free.clear()
        future = studio.start(lantern(), executor=pool)
        assert studio.df.status.tolist() in (["planned"], ["sent"])
        assert service.busy.wait(20)
        assert any(thread.name.startswith("mine") for thread in threading.enumerate())
        service.free.set()
        assert future.result(20).status == "done"


def test_a_run_whose_executor_refuses_it_is_not_sent(service, studio):
    """Such as one that has been shut down: the money is released."""
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        studio.start(lantern(), executor=pool)
    assert (studio.df.status.tolist(), studio.budget.held) == (["not_sent"], 0)
    assert service.sent == []


def test_generate_works_inside_a_running_event_loop(studio):
    """Also in a thread of it; no loop is patched."""

    async def cell():
        return generate(studio), await asyncio.to_thread(generate, studio)

    assert [r.status for r in asyncio.run(cell())] == ["done", "done"]


# -- recover ---------------------------------------------------------------------------------------------------


def test_recover_asks_the_service_and_sends_again_only_with_resend(service, open_studio):
    """Accepted runs are settled; ``resend=True`` sends a run that was never accepted, under its own taskUUID."""
    service.has_details = False
    service.faults += [fault.lost(), fault.lost(accept=False)]
    service.question_faults += [fault.plain(500)] * 12
    studio = open_studio()
    accepted, not_accepted = generate(studio), generate(studio)
    assert (accepted.status, not_accepted.status) == ("unknown", "unknown")
    service.has_details = True
    found = open_studio().recover()
    assert list(found.columns) == ["taskUUID", "before", "after", "note", "cost"]
    assert dict(zip(found.taskUUID, found.after, strict=True)) == {
        accepted.task_uuid: "done",
        not_accepted.task_uuid: "unknown",
    }
    assert found.cost.tolist()[0] == PRICE
    assert (len(service.sent), len(studio.log[accepted.task_uuid])) == (2, 1)
    resending = open_studio()
    assert list(resending.recover(resend=True).after) == ["done"]
    assert service.sent[2] == not_accepted.task_uuid
    assert len(open_studio().recover()) == 0
    assert studio.df.cost.sum() == pytest.approx(service.spent)
    assert (studio.budget.spent, studio.budget.held) == (pytest.approx(PRICE), 0)
    # The studio that sends it again pays for it.
    assert (resending.budget.spent, resending.budget.held) == (pytest.approx(PRICE), 0)


def test_recover_does_not_resend_a_run_whose_address_had_credentials(service, open_studio):
    """The log does not have the query of the address, so the task would differ from the one that was sent."""
    service.faults.append(fault.lost(accept=False))
    service.question_faults += [fault.plain(500)] * 6
    generate(open_studio(), upload_endpoint="https://example.com/put?token=t1")
    assert list(open_studio().recover(resend=True).after) == ["unknown"]
    assert len(service.sent) == 1


def test_recover_does_not_touch_a_run_that_a_living_kernel_waits_for(service, open_studio):
    """It neither settles it nor asks the service about it."""
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


def test_recover_does_not_touch_runs_of_another_engine(service, open_studio):
    """It sends nothing to its own engine about them; the note names the other engine."""
    service.faults.append(fault.lost())
    service.question_faults += [fault.plain(500)] * 6
    generate(open_studio())
    with Service() as elsewhere:
        found = open_studio(engine=elsewhere.url).recover(resend=True)
        assert list(found.after) == ["unknown"]
        assert service.url in found.note[0]
        assert not elsewhere.received


def test_two_kernels_that_recover_the_same_run_log_it_once(service, open_studio):
    """Both ask the service and get the same answer; each result and its cost are in the log once."""
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


def test_recover_settles_the_other_runs_if_one_cannot_be_sent_again(service, open_studio):
    """Its reference image was deleted, which its note says."""
    service.faults += [fault.lost(accept=False), fault.lost()]
    service.question_faults += [fault.plain(500)] * 12
    studio = open_studio()
    broken = studio.generate("Like this", reference_images=[picture("PNG", "red")])
    other = generate(studio)
    next((studio.log.folder / "images").rglob("*.png")).unlink()
    found = studio.recover(resend=True)
    assert dict(zip(found.taskUUID, found.after, strict=True)) == {broken.task_uuid: "unknown", other.task_uuid: "done"}
    assert "no longer in" in found.note[0]
