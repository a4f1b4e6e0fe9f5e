"""A class in front of a real service: one key that no student sees, its answers as they came, and each task paid once."""

import contextlib
import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from class_tools import UPSTREAM_KEY, ClassAtWork, make_class, new_class, serving_class
from offline_tasks import data_uri, new_uuid, task
from service import PRICE, Answer, Service, error
from sweep_tools import until

from nbkit.classroom.accounting import Accounting
from nbkit.classroom.policy import Policy
from nbkit.classroom.roster import Classroom

MICROS = round(PRICE * 1e6)


@pytest.fixture
def service():
    with Service() as service:
        yield service


@contextlib.contextmanager
def in_front_of(service, folder, **options):
    with new_class(folder, upstream=service.url, **options) as at_work:
        yield at_work


def codes(body):
    return [item["code"] for item in body.get("errors", [])]


def test_a_task_is_done_by_the_service(tmp_path, service):
    """With the key of the class, in one send; the picture is served from here, and the prices are real money."""
    with in_front_of(service, tmp_path) as at_work:
        given = task(width=1024, height=1024, numberResults=2)
        answer = at_work.post(given)
        items = answer.json()["data"]
        assert "X-Nbkit-Engine" not in answer.headers
        assert {item["imageUUID"] for item in items} == {Path(file).stem for file in service.pictures}
        for item in items:
            assert item["imageURL"].startswith(at_work.url)
            assert httpx.get(item["imageURL"]).content in service.pictures.values()
            assert item["taskUUID"] == given["taskUUID"]
        assert service.charges == {given["taskUUID"]: 2 * MICROS}
        assert at_work.account()["class"]["spent"] == pytest.approx(2 * PRICE)
        (sent,) = service.tasks()
        assert sent["positivePrompt"] == given["positivePrompt"]
        assert [one.headers["authorization"] for one in service.received if one.method == "POST"] == [
            f"Bearer {UPSTREAM_KEY}"
        ]


def test_the_policy_is_seen_upstream(tmp_path, service):
    """What a student asked for beyond it never leaves."""
    policy = Policy(max_resolution="1K", max_results=2, safety_tolerance="low")
    with in_front_of(service, tmp_path, policy=policy) as at_work:
        at_work.ask(
            task(
                width=4096, height=4096, numberResults=9, webhookURL="https://x.example", uploadEndpoint="https://x.example",
                safety={"checkContent": False}, checkNSFW=False, advancedFeatures={"x": 1},
                providerSettings={"google": {"webSearch": True, "imageSearch": True, "safetyTolerance": "none"}},
            )
        )  # fmt: skip
        (sent,) = service.tasks()
        assert (sent["width"], sent["height"], sent["numberResults"]) == (1024, 1024, 2)
        assert sent["safety"] == {"checkContent": True}
        assert sent["providerSettings"] == {"google": {"safetyTolerance": "low"}}
        assert not {"webhookURL", "uploadEndpoint", "advancedFeatures", "checkNSFW"} & sent.keys()


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (error("invalidModelArchitecture", "that is not it", 400, parameter="model", documentation="https://d"), 400, "invalidModelArchitecture"),
        (error("invalidProviderContent", "refused by the filter", 400), 400, "invalidProviderContent"),
    ],
)  # fmt: skip
def test_an_error_is_passed_on_as_it_came(tmp_path, service, fault, status, code):
    """With its message, parameter and documentation; nothing stays held."""
    service.faults.append(lambda *_: fault)
    with in_front_of(service, tmp_path) as at_work:
        answer = at_work.post(task())
        (item,) = answer.json()["errors"]
        assert (answer.status_code, item["code"]) == (status, code)
        assert fault.body["errors"][0].items() <= item.items()
        account = at_work.account()["class"]
        assert (account["held"], account["spent"]) == (0, 0)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (error("invalidApiKey", f"the key {UPSTREAM_KEY} is not known", 401), 403, "forbidden"),
        (error("insufficientCredits", "your balance of $3.21 is too low", 402), 402, "insufficientCredits"),
    ],
)
def test_figures_of_the_account_are_not_passed_on(tmp_path, service, fault, status, code):
    """A student reads that the teacher has to know, and not what the account holds."""
    service.faults.append(lambda *_: fault)
    with in_front_of(service, tmp_path) as at_work:
        answer = at_work.post(task())
        assert (answer.status_code, codes(answer.json())) == (status, [code])
        assert "teacher" in answer.text
        assert "3.21" not in answer.text
        assert UPSTREAM_KEY not in answer.text


def test_the_key_is_in_no_byte(tmp_path, service, caplog):
    """Of an answer, a file, a log, an address: whatever the service repeats."""
    echo = {"note": UPSTREAM_KEY, "deep": [{"x": f"Bearer {UPSTREAM_KEY}"}]}

    def repeat(service, given):
        accepted = service.accept(given)
        return Answer(body={"data": [{**item, **echo} for item in accepted.items]}, headers={"x-key": UPSTREAM_KEY})

    service.faults.extend([repeat, lambda *_: error("invalidThing", f"no {UPSTREAM_KEY}", 400, parameter=UPSTREAM_KEY)])
    with in_front_of(service, tmp_path) as at_work:
        answers = [at_work.post(task()), at_work.post(task())]
        details = at_work.query("getTaskDetails", answers[0].json()["data"][0]["taskUUID"])
        told = "".join(
            [*(one.text + str(one.headers) for one in answers), json.dumps(details), caplog.text, repr(vars(at_work))]
        )
        assert UPSTREAM_KEY not in told
    for file in filter(lambda path: path.is_file(), tmp_path.rglob("*")):
        assert UPSTREAM_KEY.encode() not in file.read_bytes()


def test_a_lost_answer_is_asked_for_and_paid_once(tmp_path, service):
    """The student gets the result, without a second send."""

    def lose(service, given):
        service.accept(given)
        return Answer(silent=True)

    service.faults.append(lose)
    with in_front_of(service, tmp_path) as at_work:
        given = task()
        assert at_work.ask(given)["data"][0]["taskUUID"] == given["taskUUID"]
    assert service.sent == [given["taskUUID"]]
    assert service.charges == {given["taskUUID"]: MICROS}


def test_an_outcome_that_is_not_known_keeps_its_money(tmp_path, service, monkeypatch):
    """The student reads that it may still come; it is asked for again, and then it is there."""
    monkeypatch.setattr("nbkit.classroom.gateway.RETRY_SECONDS", 0.2)
    service.has_details = False

    def lose(service, given):
        service.accept(given)
        return Answer(503, {"errors": [{"code": "serviceUnavailable", "message": "away"}]})

    conflict = [lambda *_: error("internalServerError", "no", 500)] * 40
    service.faults.append(lose)
    service.question_faults.extend(conflict)
    with in_front_of(service, tmp_path) as at_work:
        given = task()
        answer = at_work.post(given)
        assert answer.status_code == 504
        assert at_work.account()["class"]["held"] == pytest.approx(PRICE, abs=0.03)
        assert at_work.query("getResponse", given["taskUUID"])["data"][0]["status"] == "processing"
        service.question_faults.clear()
        service.has_details = True
        until(lambda: at_work.query("getResponse", given["taskUUID"])["data"][0]["status"] == "success")
        account = at_work.account()["class"]
        assert (account["held"], account["spent"]) == (0, pytest.approx(PRICE))
    assert service.charges == {given["taskUUID"]: MICROS}


def test_uploads_are_kept_by_the_service(tmp_path, service):
    """Its UUID goes back to it, of the student who uploaded only."""
    made = new_uuid()

    def handle(received, plain=service.handle):
        body = json.loads(received.body) if received.method == "POST" else [{}]
        if body[0].get("taskType") == "imageUpload":
            return Answer(
                body={"data": {"taskType": "imageUpload", "taskUUID": body[0]["taskUUID"], "imageUUID": made}}
            )
        return plain(received)

    service.handle = handle
    with in_front_of(service, tmp_path) as at_work:
        (upload,) = at_work.ask({"taskType": "imageUpload", "taskUUID": new_uuid(), "image": data_uri()})["data"]
        assert upload["imageUUID"] == made
        assert codes(at_work.ask(task(inputs={"referenceImages": [made]}), who="ben")) == ["invalidReferenceImage"]
        assert at_work.ask(task(inputs={"referenceImages": [made]}))["data"]
        (sent,) = service.tasks()
        assert sent["inputs"]["referenceImages"] == [made]


# -- a server that is killed -------------------------------------------------------------------------------------


@contextlib.contextmanager
def worker(folder, port, upstream):
    """The server of a class in a process of its own; killed at the end, if not before."""
    command = [sys.executable, str(Path(__file__).with_name("class_worker.py")), str(folder), str(port), upstream]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        process.url = process.stdout.readline().strip()
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("trial", range(2))
def test_fifty_presses_are_seven_charges_also_after_a_kill(tmp_path, service, trial):
    """$0.50 at $0.06895, a kill at a random instant, and a new server: accepted tasks are done, each paid once."""
    folder = tmp_path / "class"
    keys, teacher = make_class(folder, 0.5)
    service.capacity, service.task_seconds = 100, 0.05
    chance = random.Random(trial)
    given = [task(width=1024, height=1024) for _ in range(50)]
    with worker(folder, 0, service.url) as process:
        url = process.url

        def press(one):
            with contextlib.suppress(httpx.TransportError):
                httpx.post(
                    f"{url}/v1",
                    json=[one],
                    headers={"Authorization": f"Bearer {keys['mia']}"},
                    timeout=30,
                    verify=False,
                )

        threads = [threading.Thread(target=press, args=[one]) for one in given]
        for thread in threads:
            thread.start()
        until(lambda: service.charges)
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        for thread in threads:
            thread.join()
    with worker(folder, url.rpartition(":")[2], service.url) as process, httpx.Client(timeout=60) as client:
        at_work = ClassAtWork(process.url, keys, teacher, None, client)
        for one in given:  # a student's client asks, and sends again what is not known
            if not at_work.query("getResponse", one["taskUUID"])["data"]:
                at_work.post(one)
        until(lambda: at_work.account()["class"]["held"] == 0)
        account = at_work.account()
        assert service.charges == dict.fromkeys(service.charges, MICROS)
        assert len(service.charges) == 7
        assert account["class"]["spent"] == pytest.approx(7 * PRICE)
        done = [one for one in given if one["taskUUID"] in service.charges]
        for one in done:
            (item,) = at_work.query("getResponse", one["taskUUID"])["data"]
            assert client.get(item["imageURL"]).content in service.pictures.values()


def test_a_dry_run_does_not_reach_the_service(tmp_path, service):
    """Whatever the service does with its header, nothing is made and nothing is spent; a paused student gets no price."""
    with in_front_of(service, tmp_path) as at_work:
        (item,) = at_work.post(task(width=1024, height=1024), headers={"X-Runware-Dry-Run": "1"}).json()["data"]
        assert item["cost"] == pytest.approx(PRICE)
        at_work.classroom.set("mia", paused=True)
        assert codes(at_work.post(task(), headers={"X-Runware-Dry-Run": "1"}).json()) == ["forbidden"]
        assert not service.received


def test_an_upload_reaches_the_service_without_what_else_was_in_it(tmp_path, service):
    """No webhook, no endpoint, no key of somebody; and not at all from a student who is paused."""
    with in_front_of(service, tmp_path) as at_work:
        given = {
            "taskType": "imageUpload", "taskUUID": new_uuid(), "image": data_uri(), "apiKey": "else",
            "webhookURL": "https://x.example", "uploadEndpoint": "https://x.example",
        }  # fmt: skip
        at_work.ask(given)
        (sent,) = service.tasks("imageUpload")
        assert set(sent) == {"taskType", "taskUUID", "image"}
        at_work.classroom.set("mia", paused=True)
        assert codes(at_work.ask({**given, "taskUUID": new_uuid()})) == ["forbidden"]
        assert len(service.tasks("imageUpload")) == 1


def test_a_pause_reaches_no_further_task_at_the_service(tmp_path, service):
    """What waits in the line is refused when its turn comes: the service never hears of it, and its money is free."""
    with in_front_of(service, tmp_path, policy=Policy(at_work=1)) as at_work:
        service.free.clear()
        given = [task(width=1024, height=1024, deliveryMethod="async") for _ in range(3)]
        for one in given:
            at_work.ask(one)
        until(service.tasks)
        at_work.classroom.set("mia", paused=True)
        service.free.set()
        until(lambda: at_work.account()["class"]["held"] == 0)
        assert service.charges == {given[0]["taskUUID"]: MICROS}
        assert [codes(at_work.query("getResponse", one["taskUUID"])) for one in given] == [
            [],
            ["forbidden"],
            ["forbidden"],
        ]


def test_a_refusal_after_a_kill_keeps_what_is_held(tmp_path, service):
    """The task had left before the server was killed, so it may be paid, whatever is said of a second send."""
    keys, _ = make_class(tmp_path, 0.5)
    classroom = Classroom.open(tmp_path)
    accounting, given = Accounting(classroom.database), task(width=1024, height=1024)
    accounting.accept("mia", given, given, changes=[], price=MICROS, large=False)
    classroom.database.write(lambda connection: accounting.start_in(connection, given["taskUUID"], "mia"))
    classroom.close()
    service.faults.append(lambda *_: error("invalidReferenceImage"))
    with serving_class(tmp_path, keys, upstream=service.url) as at_work:
        until(service.tasks)
        until(lambda: not service.faults)
        assert at_work.query("getResponse", given["taskUUID"])["data"][0]["status"] == "processing"
        assert at_work.account()["class"]["held"] == pytest.approx(PRICE)
