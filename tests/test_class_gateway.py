"""A class over real sockets: whose tasks and pictures they are, what may be spent, and what a student is told."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from class_tools import new_class, serving_class
from offline_tasks import PRICE, data_uri, new_uuid, task
from sweep_tools import until
from websockets.sync.client import connect

import nbkit
from nbkit.classroom.policy import Policy
from nbkit.classroom.serve import ClassServer
from nbkit.offline import Offline

USD = PRICE / 1e6


def codes(body):
    return [item["code"] for item in body.get("errors", [])]


def test_a_student_makes_a_picture(tmp_path):
    """It is a task as any other, the money is the student's own, and the picture's address needs no key."""
    with new_class(tmp_path) as at_work:
        given = task()
        answer = at_work.post(given)
        assert answer.status_code == 200
        assert list(answer.json()) == ["data"]
        assert answer.headers["X-Nbkit-Engine"] == "offline"
        (item,) = answer.json()["data"]
        assert (item["taskUUID"], item["cost"]) == (given["taskUUID"], USD)
        assert httpx.get(item["imageURL"]).headers["Content-Type"] == "image/jpeg"
        account = at_work.account()
        assert account["balance"] == pytest.approx(5 - USD)
        assert account["class"] | {"budget": 5.0, "spent": USD, "held": 0.0, "student": "mia"} == account["class"]
        assert len(account["organizationUUID"]) == 36
        assert at_work.account("ben")["balance"] == 5


@pytest.mark.parametrize("key", ["-", "wrong", "mia-2222-2222-2222-2222"])
def test_another_key_is_refused(tmp_path, key):
    """So is none; the teacher's key makes no pictures."""
    with new_class(tmp_path) as at_work:
        assert at_work.post(task(), headers={"Authorization": f"Bearer {key}"}).status_code == 401
        answer = at_work.post(task(), who=at_work.teacher)
        assert (answer.status_code, codes(answer.json())) == (403, ["forbidden"])


def test_the_key_is_kept_as_a_hash_only(tmp_path):
    """No file of the class has it."""
    with new_class(tmp_path) as at_work:
        at_work.ask(task())
        secrets = [*at_work.keys.values(), at_work.teacher]
        for file in filter(lambda path: path.is_file(), tmp_path.rglob("*")):
            data = file.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in data]


def test_what_belongs_to_another_student_is_not_known(tmp_path):
    """Tasks, pictures as references, uploads, deletions; and a used taskUUID shows nothing."""
    with new_class(tmp_path) as at_work:
        given = task()
        (item,) = at_work.ask(given)["data"]
        upload = at_work.ask({"taskType": "imageUpload", "taskUUID": new_uuid(), "image": data_uri()})["data"][0]
        for kind in ("getResponse", "getTaskDetails"):
            assert at_work.query(kind, given["taskUUID"], "ben") == {"data": []}
            assert at_work.query(kind, given["taskUUID"])["data"]
        for name in (item["imageUUID"], upload["imageUUID"], item["imageURL"]):
            refused = at_work.ask(task(inputs={"referenceImages": [name]}), who="ben")
            assert codes(refused) == ["invalidReferenceImage"]
            assert "errors" not in at_work.ask(task(inputs={"referenceImages": [name]}))
        deletion = {
            "taskType": "mediaStorage",
            "taskUUID": new_uuid(),
            "operation": "delete",
            "media": upload["imageUUID"],
        }
        assert codes(at_work.ask(deletion, who="ben")) == ["mediaNotFound"]
        assert codes(at_work.ask(given, who="ben")) == ["conflictTaskUUID"]
        assert at_work.account("ben")["balance"] == 5


def test_fifty_presses_at_once_spend_no_more_than_there_is(tmp_path):
    """Money is held before a task is done: seven pictures at $0.06895 fit into $0.50."""
    with new_class(tmp_path, budget=0.5, engine=Offline(latency=0.3)) as at_work:
        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda _: at_work.post(task(width=1024, height=1024)), range(50)))
        assert sorted({answer.status_code for answer in answers}) == [200, 402]
        assert [answer.status_code for answer in answers].count(200) == 7
        refused = next(answer.json() for answer in answers if answer.status_code == 402)
        assert codes(refused) == ["insufficientCredits"]
        assert at_work.account()["balance"] == pytest.approx(0.5 - 7 * 0.06895)


def test_the_class_has_a_limit_too(tmp_path):
    """Whoever comes when it is reached is refused, whatever the own budget has left."""
    with new_class(tmp_path, budget=5, total=0.1) as at_work:
        assert at_work.post(task()).status_code == 200
        assert at_work.account("ben")["balance"] == pytest.approx(0.1 - USD)
        assert at_work.post(task(), who="ben").status_code == 200
        answer = at_work.post(task())
        assert answer.status_code == 402
        assert "class" in answer.json()["errors"][0]["message"]


def test_a_paused_student_sends_nothing(tmp_path):
    """A command changes it while the server runs; so it does with a budget and a key."""
    with new_class(tmp_path, budget=0.01) as at_work:
        assert at_work.post(task()).status_code == 402
        at_work.classroom.set("mia", budget=1)
        assert at_work.post(task()).status_code == 200
        at_work.classroom.set("mia", paused=True)
        answer = at_work.post(task())
        assert (answer.status_code, codes(answer.json())) == (403, ["forbidden"])
        assert at_work.account()["class"]["paused"] is True
        at_work.classroom.set("mia", paused=False)
        key = at_work.classroom.set("mia", new_key=True)
        assert at_work.post(task()).status_code == 401
        assert at_work.post(task(), who=key).status_code == 200


def test_an_async_task_is_acknowledged_and_accumulates(tmp_path):
    """Its place in the line is told until it is done; afterwards its results, at each poll."""
    with new_class(tmp_path, engine=Offline(latency=0.5), policy=Policy(at_work=1)) as at_work:
        given = [task(deliveryMethod="async", numberResults=2) for _ in range(3)]
        answers = [at_work.ask(one)["data"][0] for one in given]
        assert all(answer["status"] == "processing" for answer in answers)
        assert answers[2]["place"] == 2
        assert [one["place"] for one in at_work.account()["class"]["queue"]] == [1, 2]
        while at_work.query("getResponse", given[2]["taskUUID"])["data"][-1]["status"] == "processing":
            pass
        for one in given:
            items = at_work.query("getResponse", one["taskUUID"])["data"]
            assert [item["status"] for item in items] == ["success"] * 2
        assert at_work.account()["class"]["queue"] == []


def test_each_one_has_a_turn(tmp_path):
    """One who asks for many waits for the own tasks; another one is done at once."""
    with (
        new_class(tmp_path, engine=Offline(latency=0.4), policy=Policy(at_work=1)) as at_work,
        ThreadPoolExecutor(12) as pool,
    ):
        many = [pool.submit(at_work.post, task()) for _ in range(10)]
        while len(at_work.account()["class"]["queue"]) < 8:
            pass
        assert at_work.post(task(), who="ben").status_code == 200
        assert sum(one.done() for one in many) < 6
        assert {one.result().status_code for one in many} == {200}


def test_beyond_the_bound_a_student_is_asked_to_wait(tmp_path):
    """429 with Retry-After, nothing held; the others are served."""
    with new_class(tmp_path, engine=Offline(latency=1), policy=Policy(at_work=1, waiting=2)) as at_work:
        for _ in range(3):
            assert at_work.ask(task(deliveryMethod="async"))["data"]
        answer = at_work.post(task(deliveryMethod="async"))
        assert (answer.status_code, codes(answer.json())) == (429, ["rateLimitExceeded"])
        assert int(answer.headers["Retry-After"]) > 0
        assert at_work.account()["class"]["held"] == pytest.approx(3 * USD)
        assert at_work.post(task(), who="ben").status_code == 200


def test_the_policy_is_forced_and_said(tmp_path):
    """In the answer's items and for later; the task that is done has it."""
    policy = Policy(max_resolution="0.5K", max_results=1, safety_tolerance="low")
    with new_class(tmp_path, policy=policy) as at_work:
        given = task(
            width=4096, height=4096, numberResults=3, webhookURL="https://x.example/?key=secret", providerSettings={"google": {"webSearch": True}},
        )  # fmt: skip
        (item,) = at_work.ask(given)["data"]
        assert {change["parameter"] for change in item["policy"]} == {
            "webhookURL", "webSearch", "numberResults", "width, height", "safety.checkContent", "providerSettings.google.safetyTolerance",
        }  # fmt: skip
        assert "secret" not in json.dumps(item)
        assert item["NSFWContent"] is False
        assert item["cost"] == USD
        (stored,) = at_work.query("getTaskDetails", given["taskUUID"])["data"]
        assert stored["request"][0]["numberResults"] == 3


def test_a_refused_task_costs_nothing_and_may_be_sent_again(tmp_path):
    """A wrong value, a fault of the engine; a picture that was blocked has used its taskUUID."""
    engine = Offline(failures={"busy": 1})
    with new_class(tmp_path, engine=engine) as at_work:
        assert codes(at_work.ask(task(width=1))) == ["unsupportedDimensions"]
        given = task()
        answer = at_work.post(given)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
        engine.failures = {"blocked": 1}
        assert codes(at_work.ask(given)) == ["invalidProviderContent"]
        engine.failures = None
        assert codes(at_work.ask(given)) == ["conflictTaskUUID"]
        assert at_work.account()["balance"] == 5
        row = at_work.classroom.report().set_index("student").loc["mia"]
        assert (row["presses"], row["blocked"], row["pictures"]) == (2, 1, 0)


def test_a_dry_run_prices_and_holds_nothing(tmp_path):
    """As the engine does it, after the policy."""
    with new_class(tmp_path, policy=Policy(max_results=2)) as at_work:
        (item,) = at_work.post(task(numberResults=4), headers={"X-Runware-Dry-Run": "1"}).json()["data"]
        assert item["cost"] == pytest.approx(2 * USD)
        assert at_work.account()["class"]["held"] == 0


@pytest.mark.parametrize("kind", ["URL", "base64Data", "dataURI"])
def test_pictures_come_as_they_were_asked_for(tmp_path, kind):
    """The same bytes as an address, as text, as a data URI; ``includeCost: false`` hides the cost."""
    with new_class(tmp_path) as at_work:
        (item,) = at_work.ask(task(outputType=kind, seed=1, includeCost=False))["data"]
        assert {"imageURL": "URL", "imageBase64Data": "base64Data", "imageDataURI": "dataURI"}.keys() & item.keys()
        assert "cost" not in item
        assert at_work.account()["class"]["spent"] == USD


def test_a_server_that_is_started_again_answers_as_before(tmp_path):
    """Answers, pictures, uploads as references, what is left; an open task is done."""
    folder = tmp_path / "class"
    with new_class(folder) as at_work:
        given = task(numberResults=2)
        before = at_work.ask(given)["data"]
        pictures = [httpx.get(item["imageURL"]).content for item in before]
        upload = at_work.ask({"taskType": "imageUpload", "taskUUID": new_uuid(), "image": data_uri()})["data"][0]
        keys, account = at_work.keys, at_work.account()
    with serving_class(folder, keys) as at_work:
        after = at_work.query("getResponse", given["taskUUID"])["data"]
        assert [item["imageUUID"] for item in after] == [item["imageUUID"] for item in before]
        assert [httpx.get(item["imageURL"]).content for item in after] == pictures
        assert at_work.account()["class"] == account["class"]
        assert "errors" not in at_work.ask(task(inputs={"referenceImages": [upload["imageUUID"]]}))
        assert codes(at_work.ask(given)) == ["conflictTaskUUID"]


def test_a_websocket_has_the_same_rules(tmp_path):
    """The first frame has the student's key; what is left is that student's."""
    with (
        new_class(tmp_path, budget=0.05) as at_work,
        connect(f"{at_work.url.replace('http', 'ws')}/v1", close_timeout=2) as socket,
    ):

        def ask(*tasks):
            socket.send(json.dumps(tasks))
            return json.loads(socket.recv(timeout=30))

        assert "connectionSessionUUID" in ask({"taskType": "authentication", "apiKey": at_work.keys["zoë"]})["data"][0]
        assert ask(task())["data"][0]["cost"] == USD
        assert codes(ask(task())) == ["insufficientCredits"]
        details = {"taskType": "accountManagement", "taskUUID": new_uuid(), "operation": "getDetails"}
        assert ask(details)["data"][0]["class"]["student"] == "zoë"


def test_a_studio_works_with_a_class(tmp_path):
    """Runs, a sweep, edits of a generated picture, the balance; nothing is charged as real money."""
    with new_class(tmp_path / "class", budget=1) as at_work:
        studio = nbkit.Studio(engine=at_work.url, api_key=at_work.keys["mia"], path=tmp_path / "runs")
        run = studio.generate("A paper lantern", seed=7, resolution="0.5K")
        assert run.status == "done"
        assert run.cost == USD
        edited = studio.generate("Make it blue", reference_images=[run.image], resolution="0.5K")
        assert edited.status == "done"
        result = studio.sweep("A lantern", temperature=[0.2, 0.8], seed=[1, 2], resolution="0.5K").run(max_workers=4)
        assert len(result.to_frame()) == 4
        assert studio.balance() == pytest.approx(at_work.account()["balance"])
        assert studio.df["charged"].sum() == 0
        studio.close()


def test_a_ping_is_answered_beside_waiting_tasks(tmp_path):
    """Waiting costs no thread."""
    with new_class(tmp_path, engine=Offline(latency=2), policy=Policy(at_work=64)) as at_work:
        threads = [threading.Thread(target=at_work.post, args=[task()]) for _ in range(64)]
        for thread in threads:
            thread.start()
        while at_work.account("ben")["class"]["queue"] or at_work.account()["class"]["atWork"] < 64:
            pass
        assert at_work.ask({"taskType": "ping", "ping": True})["data"][0]["pong"] is True
        for thread in threads:
            thread.join()


# -- what must not be possible -------------------------------------------------------------------------------


def test_a_refused_async_task_is_told_when_it_is_asked_for(tmp_path):
    """It was acknowledged, so nothing else says how it ended; the same task may then be sent again."""
    engine = Offline(failures={"busy": 1})
    with new_class(tmp_path, engine=engine) as at_work:
        given = task(deliveryMethod="async")
        at_work.ask(given)
        errors = until(lambda: at_work.query("getResponse", given["taskUUID"]).get("errors"))
        assert [(item["code"], item["taskUUID"]) for item in errors] == [("rateLimitExceeded", given["taskUUID"])]
        assert at_work.account()["balance"] == 5
        engine.failures = None
        at_work.ask(given)
        until(lambda: at_work.query("getResponse", given["taskUUID"])["data"][0]["status"] == "success")


def test_a_pause_also_stops_what_waits(tmp_path):
    """What is at work ends; what has not left is refused, and its money is free again."""
    policy = Policy(at_work=1)
    with new_class(tmp_path, policy=policy, engine=Offline(latency=1, balance=1e6)) as at_work:
        given = [task(deliveryMethod="async") for _ in range(4)]
        for one in given:
            at_work.ask(one)
        at_work.classroom.set("mia", paused=True)
        until(lambda: at_work.account()["class"]["held"] == 0)
        account = at_work.account()["class"]
        assert (account["spent"], account["queue"]) == (pytest.approx(USD), [])
        ends = [codes(at_work.query("getResponse", one["taskUUID"])) for one in given]
        assert ends == [[], ["forbidden"], ["forbidden"], ["forbidden"]]


def test_a_number_that_no_answer_could_repeat_is_no_json(tmp_path):
    """Nothing is held for it."""
    with new_class(tmp_path) as at_work:
        body = json.dumps([task(safety={"checkContent": 0.5})]).replace("0.5", "1e999")
        headers = {"Authorization": f"Bearer {at_work.keys['mia']}"}
        answer = at_work.client.post(f"{at_work.url}/v1", content=body, headers=headers)
        assert (answer.status_code, codes(answer.json())) == (400, ["invalidJSON"])
        assert at_work.account()["balance"] == 5


@pytest.mark.parametrize(
    ("many", "extra", "code"), [(21, {}, "maxTasksExceeded"), (1, {"more": "x" * 600_000}, "maxBodySizeExceeded")]
)
def test_a_request_that_would_fill_the_memory_is_refused(tmp_path, many, extra, code):
    """Many tasks in one request, and much in a task that is no picture; nothing of it is kept."""
    with new_class(tmp_path) as at_work:
        answer = at_work.post(*(task(**extra) for _ in range(many)))
        assert (answer.status_code, codes(answer.json())) == (413, [code])
        assert at_work.account()["usage"]["total"]["requests"] == 0


def test_a_second_server_on_the_same_folder_is_refused(tmp_path):
    """It would send again what the first one has under way; once that has ended, the folder is free."""
    with new_class(tmp_path / "class") as at_work:
        folder = at_work.classroom.folder
    with ClassServer(folder), pytest.raises(nbkit.NbkitError, match="another server"):
        ClassServer(folder)
    with ClassServer(folder):
        pass


def test_what_is_no_uuid_names_no_upload(tmp_path):
    """Also half of a character."""
    with new_class(tmp_path) as at_work:
        for name in ("\ud800", "../x", "é"):
            given = {"taskType": "mediaStorage", "taskUUID": new_uuid(), "operation": "delete", "media": name}
            body = json.dumps([given]).encode()
            headers = {"Authorization": f"Bearer {at_work.keys['mia']}"}
            assert at_work.client.post(f"{at_work.url}/v1", content=body, headers=headers).status_code == 404


def test_a_picture_of_this_server_is_known_under_another_name(tmp_path):
    """A reference by ``localhost`` is the own picture, and somebody else's is not known."""
    with new_class(tmp_path) as at_work:
        address = at_work.ask(task())["data"][0]["imageURL"].replace("127.0.0.1", "localhost")
        assert "data" in at_work.ask(task(inputs={"referenceImages": [address]}))
        assert codes(at_work.ask(task(inputs={"referenceImages": [address]}), who="ben")) == ["invalidReferenceImage"]


def test_a_new_key_ends_the_old_one_on_an_open_connection(tmp_path):
    """A WebSocket that was opened with it takes no further task."""
    with (
        new_class(tmp_path) as at_work,
        connect(f"{at_work.url.replace('http', 'ws')}/v1", close_timeout=2) as socket,
    ):
        first = {"taskType": "authentication", "apiKey": at_work.keys["mia"]}
        account = {"taskType": "accountManagement", "taskUUID": new_uuid(), "operation": "getDetails"}
        socket.send(json.dumps([first, account]))  # both in one frame are both answered
        told = [json.loads(socket.recv(timeout=20))["data"][0]["taskType"] for _ in range(2)]
        assert told == ["authentication", "accountManagement"]
        at_work.classroom.set("mia", new_key=True)
        socket.send(json.dumps([task()]).encode())  # as bytes, which some clients send
        assert codes(json.loads(socket.recv(timeout=20))) == ["invalidApiKey"]
