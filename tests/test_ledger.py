"""One paid run under every fault of network and service: charged once, kept whole, told truthfully."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import service_faults as fault
from service import PRICE, Answer, error, picture

import nbkit
from nbkit import errors
from nbkit.service.pace import Pace

SAFE = {"timeoutProvider": 504, "internalServerError": 500, "serviceUnavailable": 503, "conflictTaskUUID": 400}


class InFlight:
    """A clock that moves when somebody sleeps, and remembers for how long."""

    def __init__(self):
        self.now, self.pauses = 0.0, []

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds

    def pace(self, **how):
        return Pace(retry_first=0.001, sleep=self.sleep, clock=lambda: self.now, **how)


def generate(studio, **parameters):
    return studio.generate("A lantern", width=512, height=512, **parameters)


def assert_books_agree(service, *studios):
    """The log's money is the service's own account, no task was charged twice, and nothing is held any more."""
    frame = studios[0].df
    assert frame.cost.sum() == pytest.approx(service.spent)
    assert sum(s.budget.spent for s in studios) == pytest.approx(service.spent)
    assert sum(s.budget.held for s in studios) == 0
    assert set(service.charges) == set(service.accepted)
    done = frame[frame.status == "done"]
    assert sorted(done.imageUUID) == sorted(i["imageUUID"] for a in service.accepted.values() for i in a.items)
    assert done.file.notna().all()


@pytest.mark.parametrize("delivery", ["sync", "async"])
@pytest.mark.parametrize("output", ["URL", "base64Data", "dataURI"])
def test_a_run_that_goes_well(service, studio, delivery, output):
    """Three pictures, three rows, three files with the service's bytes, and the money of both sides agrees."""
    run = generate(studio, number_results=3, delivery_method=delivery, output_type=output, seed=7)
    assert run.status == "done"
    assert [i.seed for i in run] == [7, 8, 9]
    assert [i.bytes for i in run] == [picture("JPG", c) for c in ("teal", "navy", "olive")]
    assert run.cost == pytest.approx(3 * PRICE)
    assert_books_agree(service, studio)


@pytest.mark.parametrize("way", ["plain", "processing", "empty"])
def test_acknowledgements_of_async_tasks(service, studio, way):
    """Each way in which the service may acknowledge an async task leads to its picture, sent once."""
    service.acknowledgement = way
    assert generate(studio, delivery_method="async").status == "done"
    assert len(service.sent) == 1
    assert_books_agree(service, studio)


def test_cumulative_polls_give_each_picture_once(service, studio):
    """``getResponse`` repeats what it told before; the log has each picture once, in the order of the answer."""
    run = generate(studio, delivery_method="async", number_results=4)
    assert len(service.tasks("getResponse")) == 4
    assert len(run) == 4
    assert_books_agree(service, studio)


@pytest.mark.parametrize(
    "how",
    [fault.lost(accept=True), fault.lost(accept=False), fault.cut]
    + [fault.plain(status, accept=accept) for status in (500, 502, 503, 504) for accept in (True, False)]
    + [fault.refused(code, status=status) for code, status in SAFE.items() if code != "conflictTaskUUID"]
    + [fault.answers(lambda *_: {"data": []}), fault.answers(lambda *_: {"data": []}, status=500)]
    + [fault.answers(lambda *_: {"errors": [{"code": "quiteNew"}]}, status=503)],
)
@pytest.mark.parametrize("known", ["by details", "by response"])
def test_a_lost_answer_is_asked_for(service, studio, how, known):
    """Whatever way an answer is lost, before or after the task was accepted: one charge, one picture, one UUID."""
    service.has_details, service.answers_after_sync = known == "by details", known == "by response"
    service.faults.append(how)
    run = generate(studio, number_results=2)
    assert run.status == "done"
    assert len(run) == 2
    assert set(service.sent) == {run.task_uuid}
    assert_books_agree(service, studio)


def test_it_asks_before_it_sends_again(service, studio):
    """After a lost answer come ``getResponse`` and ``getTaskDetails``, and only then the same task once more."""
    service.faults.append(fault.lost(accept=False))
    generate(studio)
    kinds = [service.tasks(k)[0]["taskUUID"] for k in ("getResponse", "getTaskDetails")]
    assert kinds == [service.sent[0]] * 2
    order = [r.body.split(b'"taskType": "')[1].split(b'"')[0] for r in service.received if r.method == "POST"]
    assert order == [b"imageInference", b"getResponse", b"getTaskDetails", b"imageInference"]


def test_a_conflict_means_that_it_did_arrive(service, studio):
    """A task sent again while the first still runs is a conflict: it is waited for, and charged once."""
    service.has_details = False
    service.faults += [fault.lost()]
    service.question_faults += [
        None,
        None,
        None,
        lambda s, _: setattr(s, "has_details", True) or Answer(body={"data": []}),
    ]
    run = generate(studio)
    assert run.status == "done"
    assert len(service.sent) == 2
    assert_books_agree(service, studio)


def test_what_nobody_tells_stays_unknown_and_held(service, open_studio):
    """An accepted task that the service denies to know: not sent under a new UUID, its money held, then recovered."""
    service.has_details = False
    service.faults.append(fault.lost())
    studio = open_studio(pace=Pace(0.001, 1.5, 0.002, 0.001, patience=0.05))
    run = generate(studio)
    assert (run.status, run.cost, len(run)) == ("unknown", None, 0)
    assert isinstance(run.error, errors.AnswerLost)
    assert (studio.budget.spent, studio.budget.held) == (0, pytest.approx(0.04657))
    service.has_details = True
    assert list(studio.recover().after) == ["done"]
    assert_books_agree(service, studio)


def test_a_service_that_cannot_be_asked_leaves_it_unknown(service, studio):
    """Nothing is sent again while the questions are not answered."""
    service.faults.append(fault.lost())
    service.question_faults += [fault.plain(500)] * 9
    assert generate(studio).status == "unknown"
    assert len(service.sent) == 1


@pytest.mark.parametrize(
    ("how", "kind", "status"),
    [
        (fault.refused("invalidPositivePrompt", parameter=["positivePrompt"]), "RefusedError", "failed"),
        (fault.refused("invalidApiKey", status=401), "AuthenticationError", "failed"),
        (fault.plain(401), "AuthenticationError", "failed"),
        (fault.plain(402), "CreditError", "failed"),
        (fault.refused("insufficientCredits", status=402), "CreditError", "failed"),
        (fault.refused("forbidden", status=403), "AuthenticationError", "failed"),
        (fault.refused("invalidProviderContent", "<b>no</b>"), "BlockedError", "blocked"),
        (fault.refused("inferenceError", status=500), "ProviderError", "failed"),
        (fault.refused("quiteNew", status=200), "EngineError", "failed"),
        (lambda s, t: Answer(400, {"error": {"code": "invalidSeed", "message": "no"}}), "RefusedError", "failed"),
    ],
)
def test_a_refusal_costs_nothing_and_says_so(service, studio, how, kind, status):
    """What was certainly not accepted is one request, no question, no charge, and an error with the request."""
    service.faults.append(how)
    run = generate(studio)
    assert (run.status, type(run.error).__name__, run.cost) == (status, kind, 0.0)
    assert run.error.request == run.request
    assert len(service.received) == 1
    assert "nothing was charged" in run.to_text()
    with pytest.raises(errors.EngineError):
        run.image  # noqa: B018  asking for it is what raises
    assert_books_agree(service, studio)


def test_errors_inside_data(service, studio):
    """An item of ``data`` that is an error fails the run with the error's own words."""
    problem = {"status": "error", "error": {"code": "inferenceError", "message": "the model fell over"}}
    service.faults.append(fault.answers(lambda i, t: {"data": [{"taskUUID": t["taskUUID"], **problem}]}, accept=False))
    assert generate(studio).error.message == "the model fell over"


def test_an_async_task_that_is_refused_later(service, studio):
    """A validation error that a poll reports is about the task and not about the question."""
    service.question_faults.append(lambda s, t: error("unsupportedReference", "no", 200, taskUUID=t["taskUUID"]))
    run = generate(studio, delivery_method="async")
    assert (run.status, run.error.code) == ("failed", "unsupportedReference")


def test_partial_success_is_kept(service, studio):
    """Two of three: two pictures, and a third row with its error and no cost."""
    service.faults.append(fault.partial([{"code": "inferenceError", "message": "third fell over"}], keep=2))
    run = generate(studio, number_results=3)
    assert (run.status, len(run), len(run.failures)) == ("done", 2, 1)
    assert list(studio.df.status) == ["done", "done", "failed"]
    assert studio.df.cost.isna().tolist() == [False, False, True]
    assert "third fell over" in studio.df.error.iloc[2]
    assert_books_agree(service, studio)


def test_polls_without_processing_items_are_not_the_end(service, studio):
    """A poll that lists only what is finished, one of three, does not settle the run: the other two come."""
    hide = lambda s, t: Answer(body={"data": [i for i in s._state(t).body["data"] if i["status"] == "success"]})  # noqa: E731
    service.faults.append(fault.lost())
    service.answers_after_sync = True
    service.question_faults += [hide] * 9
    assert len(generate(studio, number_results=3)) == 3
    assert_books_agree(service, studio)


def test_a_lull_ends_the_wait_for_what_does_not_come(service, open_studio):
    """Results that are not all, and nothing moves any more: what there is is kept, what is missing is said."""
    service.question_faults += [lambda s, t: Answer(body={"data": s.accepted[t["taskUUID"]].items[:1]})] * 99
    studio = open_studio(pace=Pace(0.001, 1.0, 0.001, 0.001, lull=0.02))
    run = generate(studio, number_results=2, delivery_method="async")
    assert (run.status, len(run), len(run.failures)) == ("done", 1, 1)


def test_foreign_tasks_and_any_order(service, studio):
    """Results are matched by their taskUUID: those of somebody else are left alone, wherever they stand."""
    foreign = {"taskUUID": "99999999-9999-4999-8999-999999999999", "imageUUID": "x", "imageURL": "http://127.0.0.1:9/x"}
    service.faults.append(fault.answers(lambda items, _: {"data": [foreign, *reversed(items), foreign]}))
    run = generate(studio, number_results=2)
    assert sorted(i.image_uuid for i in run) == sorted(i["imageUUID"] for i in service.accepted[run.task_uuid].items)
    assert_books_agree(service, studio)


def test_a_missing_cost(service, studio):
    """An answer without a cost is NA in the frame and the upper estimate in the budget."""
    run = generate(studio, include_cost=False)
    assert run.cost is None
    assert studio.df.cost.isna().all()
    assert studio.budget.spent == pytest.approx(0.04657)


# -- busy, not there -----------------------------------------------------------------------------------------


def test_busy_services_are_given_time(service, open_studio):
    """429 is followed by the pause that was asked for, in seconds or as a date, with the same taskUUID."""
    hands = InFlight()
    soon = (datetime.now(UTC) + timedelta(seconds=60)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    service.faults += [
        fault.plain(429, retry_after="3"),
        fault.plain(429, retry_after=soon),
        fault.refused("rateLimitExceeded"),
    ]
    studio = open_studio(pace=hands.pace())
    run = generate(studio)
    assert run.status == "done"
    assert set(service.sent) == {run.task_uuid}
    first, second, third = hands.pauses
    assert len(service.sent) == 4
    assert 3.0 <= first <= 3.6  # never in step with others who were told the same
    assert 40 < second <= 72
    assert third < 1
    assert_books_agree(service, studio)


def test_a_503_page_is_asked_about_and_honours_its_pause(service, open_studio):
    """503 waits as long as its ``Retry-After`` says before the same task goes out again."""
    hands = InFlight()
    service.faults.append(fault.plain(503, retry_after="5"))
    assert generate(open_studio(pace=hands.pace())).status == "done"
    (pause,) = hands.pauses
    assert 5.0 <= pause <= 6.0


def test_busy_for_ever(service, open_studio):
    """A service that stays busy is given up: failed, and nothing charged."""
    service.faults += [fault.refused("rateLimitExceeded", status=429)] * 20
    run = generate(open_studio(pace=InFlight().pace(busy_tries=4)))
    assert (run.status, len(service.sent), run.cost) == ("failed", 4, 0.0)
    assert isinstance(run.error, errors.BusyError)


def test_nobody_there(open_studio):
    """Without a connection the run failed, costs nothing, and says what to do."""
    run = generate(open_studio(engine="http://127.0.0.1:9/v1"))
    assert (run.status, run.cost) == ("failed", 0.0)
    assert "Nothing was sent and nothing was charged" in run.to_text()


# -- pictures that cannot be had -----------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["URL", "base64Data"])
def test_a_picture_that_cannot_be_stored_is_paid_and_kept(service, studio, output, monkeypatch):
    """A full disk after the payment: a clear error, and the picture comes with recover() once there is room."""
    full = lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))  # noqa: E731
    with monkeypatch.context() as patch:
        patch.setattr(studio.log.images, "_write", full)
        if output == "URL":
            assert "No space left" in generate(studio).failures[0].message
        else:
            with pytest.raises(nbkit.errors.StorageError, match="No space left"):
                generate(studio, output_type=output)
    assert list(studio.recover().after) == ["done"]
    assert len(service.sent) == 1
    assert_books_agree(service, studio)


def test_a_failed_download_is_done_and_fetched_later(service, studio):
    """The run is done and paid, its file missing and said so; recover() fetches it and generates nothing."""
    service.picture_faults.append(fault.file(b"gone", 410))
    run = generate(studio)
    assert (run.status, len(run), run.cost) == ("done", 0, pytest.approx(PRICE))
    assert "410" in run.failures[0].message
    assert "recover()" in run.to_html()
    with pytest.raises(errors.NoImage, match="410"):
        run.image  # noqa: B018
    found = studio.recover()
    assert list(found.after) == ["done"]
    assert len(studio.log[run.task_uuid]) == 1
    assert len(service.sent) == 1
    assert_books_agree(service, studio)


# -- when the log cannot be written --------------------------------------------------------------------------


def test_nothing_is_sent_while_the_log_is_locked(service, studio, tmp_path, monkeypatch):
    """A database that another program holds is a clear error, and nothing leaves."""
    generate(studio)
    monkeypatch.setattr("nbkit.log.database.LOCK_PATIENCE", 0.05)
    second = nbkit.Studio(engine=service.url, path=tmp_path / "runs")
    holder = sqlite3.connect(tmp_path / "runs" / "log.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(errors.StorageError, match=r"locked.*Another program holds it"):
        generate(second)
    holder.close()
    second.close()
    assert len(service.sent) == 1


def test_nothing_is_sent_when_the_picture_folder_cannot_be_made(service, studio, tmp_path):
    """A file in the place of the picture folder is found out before anything is paid."""
    (tmp_path / "runs" / "images").write_text("in the way")
    with pytest.raises(errors.StorageError, match="Nothing was sent"):
        generate(studio)
    assert not service.received
    assert studio.budget.held == 0


# -- budgets -------------------------------------------------------------------------------------------------


def test_a_budget_holds_under_concurrency(service, open_studio):
    """Twelve threads, money for three: exactly three are sent, the others refused before sending."""
    studio = open_studio(budget=3 * 0.07)
    service.free.clear()
    refused = threading.Semaphore(0)

    def attempt(_):
        try:
            return generate(studio).status
        except errors.BudgetExceeded:
            refused.release()
            return "refused"

    with ThreadPoolExecutor(12) as pool:
        outcomes = pool.map(attempt, range(12))
        for _ in range(8):  # 0.21 holds four estimates of 0.04657
            assert refused.acquire(timeout=20)
        service.free.set()
        assert sorted(outcomes) == ["done"] * 4 + ["refused"] * 8
    assert len(service.sent) == 4


def test_a_refused_budget_says_what_to_type(service, open_studio):
    """The error has the four amounts and the argument that would allow it; nothing was sent."""
    with pytest.raises(nbkit.BudgetExceeded, match=r"Studio\(budget=0\.05\) or more") as caught:
        generate(open_studio(budget=0.01))
    assert (caught.value.limit, caught.value.spent, caught.value.held, caught.value.asked) == (0.01, 0, 0, 0.04657)
    assert not service.received


def test_a_daily_budget_holds_across_studios(service, open_studio):
    """All studios on one log count against the day; a search reserves the top of its range."""
    generate(open_studio(daily_budget=0.12))
    with pytest.raises(nbkit.BudgetExceeded, match="today has"):
        generate(open_studio(daily_budget=0.12), web_search=True)
    assert len(service.sent) == 1
