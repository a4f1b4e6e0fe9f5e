"""One paid run under every fault of network and service: charged once, its pictures kept, its status correct."""

import errno
import os
import sqlite3
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import service_faults as fault
from log_checks import age_heartbeats, assert_log_matches_service
from offline_tasks import ManualClock
from service import PRICE, Answer, error, picture
from small_requests import generate
from sweep_tools import until

import nbkit
from nbkit import errors
from nbkit.service.pace import Pace
from nbkit.service.threads import THREADS

UNCERTAIN_CODES = {"timeoutProvider": 504, "internalServerError": 500, "serviceUnavailable": 503}
"""Codes of errors after which the task may have been accepted, and their HTTP status."""


def pace_of(clock, **options):
    """A pace whose pauses end at once, because only the clock advances."""
    return Pace(retry_first=0.001, sleep=clock.sleep, clock=clock.time, **options)


@pytest.mark.parametrize("delivery", ["sync", "async"])
@pytest.mark.parametrize("output", ["URL", "base64Data", "dataURI"])
def test_a_run_stores_the_pictures_that_the_service_sent(service, studio, delivery, output):
    """Three pictures become three rows and three files with the same bytes, and the log has what was charged."""
    run = generate(studio, number_results=3, delivery_method=delivery, output_type=output, seed=7)
    assert run.status == "done"
    assert [i.seed for i in run] == [7, 8, 9]
    assert [i.bytes for i in run] == [picture("JPG", c) for c in ("teal", "navy", "olive")]
    assert run.cost == pytest.approx(3 * PRICE)
    assert_log_matches_service(service, studio)


@pytest.mark.parametrize("acknowledgement", ["plain", "processing", "empty"])
def test_an_async_task_is_sent_once_however_it_is_acknowledged(service, studio, acknowledgement):
    """The service may acknowledge it in three ways; each leads to the picture."""
    service.acknowledgement = acknowledgement
    assert generate(studio, delivery_method="async").status == "done"
    assert len(service.sent) == 1
    assert_log_matches_service(service, studio)


def test_pictures_that_polls_repeat_are_logged_once(service, studio):
    """``getResponse`` contains earlier pictures too; the log has each one once, in the order of the answer."""
    run = generate(studio, delivery_method="async", number_results=4)
    assert len(service.tasks("getResponse")) == 4
    assert len(run) == 4
    assert_log_matches_service(service, studio)


@pytest.mark.parametrize(
    "submit_fault",
    [fault.lost(accept=True), fault.lost(accept=False), fault.cut]
    + [fault.plain(status, accept=accept) for status in (500, 502, 503, 504) for accept in (True, False)]
    + [fault.refused(code, status=status) for code, status in UNCERTAIN_CODES.items()]
    + [fault.answers(lambda *_: {"data": []}), fault.answers(lambda *_: {"data": []}, status=500)]
    + [fault.answers(lambda *_: {"errors": [{"code": "quiteNew"}]}, status=503)],
)
@pytest.mark.parametrize("known", ["by details", "by response"])
def test_a_lost_answer_is_looked_up(service, studio, submit_fault, known):
    """However the answer is lost, before or after the task was accepted: it is charged once, under one taskUUID."""
    service.has_details, service.answers_after_sync = known == "by details", known == "by response"
    service.faults.append(submit_fault)
    run = generate(studio, number_results=2)
    assert run.status == "done"
    assert len(run) == 2
    assert set(service.sent) == {run.task_uuid}
    assert_log_matches_service(service, studio)


def test_a_task_is_looked_up_before_it_is_sent_again(service, studio):
    """A lost answer is followed by ``getResponse`` and ``getTaskDetails``, and only then by the same task."""
    service.faults.append(fault.lost(accept=False))
    generate(studio)
    queried = [service.tasks(kind)[0]["taskUUID"] for kind in ("getResponse", "getTaskDetails")]
    assert queried == [service.sent[0]] * 2
    order = [r.body.split(b'"taskType": "')[1].split(b'"')[0] for r in service.received if r.method == "POST"]
    assert order == [b"imageInference", b"getResponse", b"getTaskDetails", b"imageInference"]


def test_a_task_whose_uuid_is_refused_as_used_is_polled(service, studio):
    """Sent again while the service still works on it, the task is a conflict: it did arrive, and is charged once."""
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
    assert_log_matches_service(service, studio)


def test_a_task_that_the_service_denies_stays_unknown_until_it_is_recovered(service, open_studio):
    """It was accepted, but queries do not find it: its money stays held, and ``recover`` settles it later."""
    service.has_details = False
    service.faults.append(fault.lost())
    studio = open_studio(pace=Pace(0.001, 1.5, 0.002, 0.001, patience=0.05))
    run = generate(studio)
    assert (run.status, run.cost, len(run)) == ("unknown", None, 0)
    assert isinstance(run.error, errors.AnswerLost)
    assert (studio.budget.spent, studio.budget.held) == (0, pytest.approx(0.04657))
    service.has_details = True
    assert list(studio.recover().after) == ["done"]
    assert_log_matches_service(service, studio)


def test_nothing_is_sent_again_while_queries_fail(service, studio):
    """The run whose answer was lost stays unknown."""
    service.faults.append(fault.lost())
    service.question_faults += [fault.plain(500)] * 9
    assert generate(studio).status == "unknown"
    assert len(service.sent) == 1


@pytest.mark.parametrize(
    ("submit_fault", "kind", "status"),
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
def test_a_refused_task_costs_nothing(service, studio, submit_fault, kind, status):
    """It is sent once and not looked up; the error has the request, and the text says that nothing was charged."""
    service.faults.append(submit_fault)
    run = generate(studio)
    assert (run.status, type(run.error).__name__, run.cost) == (status, kind, 0.0)
    assert run.error.request == run.request
    assert len(service.received) == 1
    assert "nothing was charged" in run.to_text()
    with pytest.raises(errors.EngineError):
        run.image  # noqa: B018  a property that raises
    assert_log_matches_service(service, studio)


def test_an_error_item_inside_data_fails_the_run(service, studio):
    """The error of the run has the message of the item."""
    problem = {"status": "error", "error": {"code": "inferenceError", "message": "the model fell over"}}
    service.faults.append(fault.answers(lambda i, t: {"data": [{"taskUUID": t["taskUUID"], **problem}]}, accept=False))
    assert generate(studio).error.message == "the model fell over"


def test_an_async_task_can_be_refused_by_a_poll(service, studio):
    """A validation error in a poll that succeeds is about the task, not about the poll."""
    service.question_faults.append(lambda s, t: error("unsupportedReference", "no", 200, taskUUID=t["taskUUID"]))
    run = generate(studio, delivery_method="async")
    assert (run.status, run.error.code) == ("failed", "unsupportedReference")


def test_pictures_beside_an_error_are_kept(service, studio):
    """Two of three results are pictures; the third has a row with its error and without a cost."""
    service.faults.append(fault.partial([{"code": "inferenceError", "message": "third fell over"}], keep=2))
    run = generate(studio, number_results=3)
    assert (run.status, len(run), len(run.failures)) == ("done", 2, 1)
    assert list(studio.df.status) == ["done", "done", "failed"]
    assert studio.df.cost.isna().tolist() == [False, False, True]
    assert "third fell over" in studio.df.error.iloc[2]
    assert_log_matches_service(service, studio)


def test_a_poll_with_some_of_the_pictures_does_not_end_the_run(service, studio):
    """Polls that list finished pictures only, and not what is still processed: all three pictures come."""

    def only_finished(service, task):
        return Answer(body={"data": [i for i in service._state(task).body["data"] if i["status"] == "success"]})

    service.faults.append(fault.lost())
    service.answers_after_sync = True
    service.question_faults += [only_finished] * 9
    assert len(generate(studio, number_results=3)) == 3
    assert_log_matches_service(service, studio)


def test_a_run_ends_with_the_pictures_it_has_when_polls_bring_no_more(service, open_studio):
    """After the lull of its pace, the picture that came is kept, and the missing one is among the failures."""
    service.question_faults += [lambda s, t: Answer(body={"data": s.accepted[t["taskUUID"]].items[:1]})] * 99
    studio = open_studio(pace=Pace(0.001, 1.0, 0.001, 0.001, lull=0.02))
    run = generate(studio, number_results=2, delivery_method="async")
    assert (run.status, len(run), len(run.failures)) == ("done", 1, 1)


def test_results_of_other_tasks_are_ignored(service, studio):
    """Results are matched by their taskUUID, in whatever order they come."""
    foreign = {"taskUUID": "99999999-9999-4999-8999-999999999999", "imageUUID": "x", "imageURL": "http://127.0.0.1:9/x"}
    service.faults.append(fault.answers(lambda items, _: {"data": [foreign, *reversed(items), foreign]}))
    run = generate(studio, number_results=2)
    assert sorted(i.image_uuid for i in run) == sorted(i["imageUUID"] for i in service.accepted[run.task_uuid].items)
    assert_log_matches_service(service, studio)


def test_a_run_without_a_cost_counts_with_its_estimate(service, studio):
    """The cost is NA in the frame, and the budget has spent the upper estimate."""
    run = generate(studio, include_cost=False)
    assert run.cost is None
    assert studio.df.cost.isna().all()
    assert studio.budget.spent == pytest.approx(0.04657)


# -- busy or unreachable -------------------------------------------------------------------------------------


def test_a_busy_service_gets_the_pause_that_it_asks_for(service, open_studio):
    """After 429 the same task is sent again, after ``Retry-After`` in seconds or as a date, or after a short pause."""
    clock = ManualClock()
    soon = (datetime.now(UTC) + timedelta(seconds=60)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    service.faults += [
        fault.plain(429, retry_after="3"),
        fault.plain(429, retry_after=soon),
        fault.refused("rateLimitExceeded"),
    ]
    studio = open_studio(pace=pace_of(clock))
    run = generate(studio)
    assert run.status == "done"
    assert set(service.sent) == {run.task_uuid}
    first, second, third = clock.slept
    assert len(service.sent) == 4
    assert 3.0 <= first <= 3.6  # with jitter: other kernels got the same header
    assert 40 < second <= 72
    assert third < 1
    assert_log_matches_service(service, studio)


def test_an_unavailable_service_gets_the_pause_that_it_asks_for(service, open_studio):
    """A page with status 503 and ``Retry-After``: the same task is sent again after that pause."""
    clock = ManualClock()
    service.faults.append(fault.plain(503, retry_after="5"))
    assert generate(open_studio(pace=pace_of(clock))).status == "done"
    (pause,) = clock.slept
    assert 5.0 <= pause <= 6.0


def test_a_run_fails_when_the_service_stays_busy(service, open_studio):
    """The task is sent ``busy_tries`` times, and nothing is charged."""
    service.faults += [fault.refused("rateLimitExceeded", status=429)] * 20
    run = generate(open_studio(pace=pace_of(ManualClock(), busy_tries=4)))
    assert (run.status, len(service.sent), run.cost) == ("failed", 4, 0.0)
    assert isinstance(run.error, errors.BusyError)


def test_a_run_without_a_connection_fails_and_costs_nothing(open_studio):
    """Its text says that nothing was sent."""
    run = generate(open_studio(engine="http://127.0.0.1:9/v1"))
    assert (run.status, run.cost) == ("failed", 0.0)
    assert isinstance(run.error, errors.NotConnected)
    assert "Nothing was sent and nothing was charged" in run.to_text()


# -- pictures that cannot be fetched or stored ---------------------------------------------------------------


@pytest.mark.parametrize("output", ["URL", "base64Data"])
def test_recover_stores_a_paid_picture_after_the_disk_was_full(service, studio, output, monkeypatch):
    """The error has the reason of the disk; once there is room, ``recover`` gets the picture and sends no task."""

    def fail(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fail)
        run = generate(studio, output_type=output)
        assert (run.status, len(run)) == ("done", 0)
        assert "No space left" in run.failures[0].message
    assert list(studio.recover().after) == ["done"]
    assert len(service.sent) == 1
    assert_log_matches_service(service, studio)


def test_recover_fetches_a_picture_whose_download_failed(service, studio):
    """The run is done and paid, and its text says why the picture is missing; ``recover`` sends no task."""
    service.picture_faults.append(fault.file(b"gone", 410))
    run = generate(studio)
    assert (run.status, len(run), run.cost) == ("done", 0, pytest.approx(PRICE))
    assert "410" in run.failures[0].message
    assert "recover()" in run.to_html()
    with pytest.raises(errors.NoImage, match="410"):
        run.image  # noqa: B018  a property that raises
    assert list(studio.recover().after) == ["done"]
    assert len(studio.log[run.task_uuid]) == 1
    assert len(service.sent) == 1
    assert_log_matches_service(service, studio)


# -- when the log cannot be written --------------------------------------------------------------------------


@pytest.mark.file
def test_nothing_is_sent_while_the_log_is_locked(service, studio, tmp_path, monkeypatch):
    """The error names the lock and its probable owner."""
    generate(studio)
    monkeypatch.setattr("nbkit.log.sqlite.LOCK_PATIENCE", 0.05)
    second = nbkit.Studio(engine=service.url, path=tmp_path / "runs")
    holder = sqlite3.connect(tmp_path / "runs" / "log.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(errors.StorageError, match=r"locked.*Another program holds it"):
        generate(second)
    holder.close()
    second.close()
    assert len(service.sent) == 1


@pytest.mark.file
def test_nothing_is_sent_when_the_picture_folder_cannot_be_created(service, studio, tmp_path):
    """A file has the name of the folder: the error comes before anything is paid, and no money is held."""
    (tmp_path / "runs" / "images").write_text("in the way")
    with pytest.raises(errors.StorageError, match="Nothing was sent"):
        generate(studio)
    assert not service.received
    assert studio.budget.held == 0


# -- budgets -------------------------------------------------------------------------------------------------


def test_threads_cannot_exceed_a_budget_together(service, open_studio):
    """Twelve threads, a budget for four of them: four runs are sent, and the others are refused before sending."""
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


def test_the_budget_error_names_the_argument_that_allows_the_run(service, open_studio):
    """It has the limit, what is spent, held and asked for; nothing was sent."""
    with pytest.raises(nbkit.BudgetExceeded, match=r"Studio\(budget=0\.05\) or more") as caught:
        generate(open_studio(budget=0.01))
    assert (caught.value.limit, caught.value.spent, caught.value.held, caught.value.asked) == (0.01, 0, 0, 0.04657)
    assert not service.received


def test_studios_on_one_log_share_the_daily_budget(service, open_studio):
    """A run with web search holds the upper end of its price."""
    generate(open_studio(daily_budget=0.12))
    with pytest.raises(nbkit.BudgetExceeded, match="today has") as caught:
        generate(open_studio(daily_budget=0.12), web_search=True)
    assert (caught.value.limit, caught.value.spent) == (0.12, PRICE)
    assert len(service.sent) == 1


# -- futures and executors that are handed in ---------------------------------------------------------------------


def test_runs_that_their_executor_never_began_are_not_sent(service, studio):
    """A pool that ends with work in its queue, or a future that is cancelled: their money is released."""
    service.free.clear()
    pool = ThreadPoolExecutor(1)
    futures = [studio.start(nbkit.ImageRequest("A lantern", seed=seed), executor=pool) for seed in range(5)]
    until(lambda: service.accepted)
    assert futures[4].cancel()
    pool.shutdown(wait=False, cancel_futures=True)
    service.free.set()
    assert futures[0].result().status == "done"
    assert sorted(studio.df.status) == ["done", *["not_sent"] * 4]
    assert studio.budget.held == 0


def test_a_run_that_an_executor_cannot_carry_out_is_not_sent(service, studio):
    """Such as a pool of processes, which cannot pickle a connection."""

    class Broken(Executor):
        def submit(self, fn, /, *_args, **_kwargs):
            future = Future()
            future.set_exception(TypeError("cannot pickle a connection"))
            return future

    with pytest.raises(TypeError):
        studio.start(nbkit.ImageRequest("A lantern"), executor=Broken()).result()
    assert (list(studio.df.status), studio.budget.held, service.sent) == (["not_sent"], 0, [])


def test_an_interrupt_after_the_send_leaves_the_run_to_its_thread(service, studio):
    """The caller gets no future; an answer that is lost then is asked for later, and the money stays held until then."""
    service.faults.append(fault.lost())
    service.question_faults.extend([fault.plain(500)] * 50)

    class Interrupted(Executor):
        def submit(self, fn, /, *args, **kwargs):
            THREADS.submit(fn, *args, **kwargs)
            until(lambda: service.accepted)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        studio.start(nbkit.ImageRequest("A lantern"), executor=Interrupted())
    until(lambda: list(studio.df.status) == ["unknown"])
    assert studio.budget.held == pytest.approx(PRICE)
    service.question_faults.clear()
    assert list(studio.recover().after) == ["done"]
    assert_log_matches_service(service, studio)


def test_a_slow_picture_does_not_hold_up_another_run(service, studio):
    """However many hosts are slow, a run whose picture came inside its answer ends."""
    gate = threading.Event()
    service.picture_faults.extend([lambda there, accepted: gate.wait(20) and there._picture(accepted)] * 8)
    slow = [studio.start(nbkit.ImageRequest("A lantern", seed=seed)) for seed in range(8)]
    until(lambda: len(service.accepted) == 8)
    assert generate(studio, output_type="base64Data").status == "done"
    assert not any(future.done() for future in slow)
    gate.set()
    assert {future.result().status for future in slow} == {"done"}


@pytest.mark.file
def test_a_recovery_leaves_an_old_run_to_the_kernel_that_sends_it_again(service, open_studio):
    """The other one takes it while the service is asked; it stays that one's, with its money held."""
    earlier = open_studio()
    service.faults.append(fault.lost(accept=False))
    service.question_faults.extend([fault.plain(500)] * 50)
    generate(earlier)
    earlier.close()
    service.question_faults.clear()
    studio = open_studio()
    log = sqlite3.connect(studio.log.folder / "log.sqlite", check_same_thread=False)
    age_heartbeats(studio.log, 3600)

    def claimed_meanwhile(service_, task):
        log.execute("UPDATE runs SET owner = '1@elsewhere 1.0', heartbeat = 2")
        log.commit()
        return service_._state(task)

    service.question_faults.append(claimed_meanwhile)
    studio.recover()
    row = log.execute("SELECT status, owner, held = estimateHigh FROM runs").fetchone()
    log.close()
    assert row == ("unknown", "1@elsewhere 1.0", 1)
