"""Doubtful answers: what is not known is asked for again, and never taken for a failure or paid a second time."""

import dataclasses
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import service_faults as fault
from conftest import QUICK
from service import Answer

import nbkit
from nbkit.errors import NbkitError
from nbkit.ledger.in_flight import Owner, is_alive


def generate(studio, **parameters):
    return studio.generate("A paper lantern", **({"seed": 7} | parameters))


def books_agree(service, studio):
    done = studio.df[studio.df.status == "done"]
    return round(done.cost.sum(), 6) == round(service.spent, 6) and studio.budget.held == 0


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
@pytest.mark.parametrize(
    "body", [b"<html>", {"errors": [{"code": "timeoutProvider", "message": "later"}]}], ids=["html", "json"]
)
@pytest.mark.parametrize("delivery", ["sync", "async"])
def test_a_question_that_fails_is_no_answer(service, studio, status, body, delivery):
    """Whatever stands in a failed answer to a question, it says nothing of the task: the picture comes."""
    service.answers_after_sync = True
    if delivery == "sync":
        service.faults.append(fault.lost())
    service.question_faults += [lambda *_: Answer(status, body)] * 2
    run = generate(studio, delivery_method=delivery)
    assert (run.status, len(run.images)) == ("done", 1)
    assert books_agree(service, studio)


def test_details_are_asked_for_where_the_first_question_fails(service, studio):
    """``getResponse`` out of order for good: ``getTaskDetails`` knows the task."""
    service.faults.append(fault.lost())
    service.question_faults += [
        lambda s, t: Answer(500, b"") if t["taskType"] == "getResponse" else s._past(t) for _ in range(20)
    ]
    assert generate(studio).status == "done"
    assert books_agree(service, studio)


def test_a_service_without_capacity_is_tried_again_and_again(service, studio):
    """503 three times, each time asked for in between: the same taskUUID, one charge."""
    service.faults += [fault.plain(503)] * 3
    run = generate(studio)
    assert run.status == "done"
    assert set(service.sent) == {run.task_uuid}
    assert books_agree(service, studio)


def test_a_pause_beyond_patience_ends_the_run(service, studio):
    """A service that asks for an hour is not waited for; nothing was charged."""
    service.faults.append(fault.plain(429, retry_after="3600"))
    before = time.monotonic()
    run = generate(studio)
    assert (run.status, run.error.retry_after) == ("failed", 3600.0)
    assert time.monotonic() - before < 20
    assert not service.charges


def test_results_of_polls_that_are_not_cumulative_add_up(service, studio):
    """Each poll tells one picture of three: all three are kept."""
    turns = iter(range(99))
    service.question_faults += [
        lambda s, t: Answer(body={"data": [s.accepted[t["taskUUID"]].items[next(turns) % 3] | {"status": "success"}]})
    ] * 9
    run = generate(studio, delivery_method="async", number_results=3)
    assert (run.status, len(run.images)) == ("done", 3)
    assert books_agree(service, studio)


def test_recovery_does_not_wait_for_what_still_runs(service, open_studio):
    """A task that the service still works on stays open, is told as running, and keeps its money held."""
    service.faults.append(fault.lost())
    service.question_faults += [fault.plain(500)] * 6
    assert generate(open_studio()).status == "unknown"
    service.question_faults.clear()
    service.question_faults += [
        lambda s, t: Answer(
            body={"data": [{"taskType": "imageInference", "taskUUID": t["taskUUID"], "status": "processing"}]}
        )
    ] * 2000
    studio = open_studio(pace=dataclasses.replace(QUICK, patience=900.0))
    before = time.monotonic()
    (note,) = studio.recover().note
    assert note.startswith("still running")
    assert time.monotonic() - before < 15
    service.question_faults.clear()
    service.answers_after_sync = True
    assert studio.recover().after.tolist() == ["done"]
    assert books_agree(service, studio)


def test_stop_ends_a_recovery_at_once(service, open_studio):
    """A service that does not answer a question keeps nobody who presses Stop; the run stays as it was."""
    service.faults.append(fault.lost())
    service.question_faults += [fault.plain(500)] * 6
    assert generate(open_studio()).status == "unknown"
    asked, go_on = threading.Event(), threading.Event()

    def slow(running, task):
        asked.set()
        go_on.wait(20)
        return running._state(task)

    service.question_faults.clear()
    service.question_faults.append(slow)
    studio = open_studio()

    def press_stop():
        assert asked.wait(20)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # as a kernel is interrupted: its main thread

    threading.Thread(target=press_stop, daemon=True).start()
    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        studio.recover()
    assert time.monotonic() - before < 10  # the answer would come after twenty
    assert studio.df.status.tolist() == ["unknown"]
    go_on.set()
    service.answers_after_sync = True
    assert _settled(studio)


def _settled(studio):
    """The question that was out lands by itself; the books are whole then."""
    end = time.monotonic() + 20
    while studio.df.status.tolist() != ["done"] or studio.budget.held:
        assert time.monotonic() < end
        studio.recover()
    return True


def test_a_picture_whose_address_died_is_asked_for_anew(service, studio):
    """The service may have moved it: its new address is asked for, and no new picture is paid."""
    service.answers_after_sync = True
    service.picture_faults += [lambda *_: Answer(410, b"")]
    run = generate(studio)
    assert (run.status, len(run.images)) == ("done", 0)
    (old,) = {received.path for received in service.gets}
    item = service.accepted[run.task_uuid].items[0]
    item["imageURL"] = item["imageURL"].replace(old, "/moved" + old)
    service.pictures["/moved" + old] = service.pictures.pop(old)
    studio.recover()
    assert len(studio.log[run.task_uuid].images) == 1
    assert books_agree(service, studio)


def test_a_file_that_vanished_is_fetched_again(service, studio):
    """Somebody deleted the picture: it is paid, so it is fetched and not made again."""
    run = generate(studio)
    run.image.path.unlink()
    assert generate(studio, reuse=True).image.bytes == service.pictures[service.gets[0].path]
    assert len(service.charges) == 1


def test_reuse_settles_an_open_run_instead_of_paying_again(service, open_studio):
    """Restart and Run All after a crash: the same request was sent already, so it is asked for."""
    service.faults.append(fault.lost())
    service.question_faults += [fault.plain(500)] * 6
    assert generate(open_studio()).status == "unknown"
    service.question_faults.clear()
    again = generate(open_studio(reuse=True))
    assert (again.status, again.reused) == ("done", True)
    assert len(service.charges) == 1


def test_reuse_sends_nothing_while_the_outcome_is_open(service, open_studio):
    """The service cannot be asked just now: the open run stands for the request, and no second one is paid."""
    service.faults.append(fault.lost())
    service.question_faults += [fault.plain(500)] * 12
    first = generate(open_studio())
    again = generate(open_studio(reuse=True))
    assert (again.task_uuid, again.status, again.reused) == (first.task_uuid, "unknown", False)
    assert len(service.sent) == 1
    service.question_faults.clear()
    assert generate(open_studio(reuse=True)).status == "done"
    assert len(service.charges) == 1


def test_stop_in_a_panel_reaches_a_lost_run_that_it_asks_for(service, open_studio):
    """With reuse a press asks for an earlier run of the same request; after Stop that one is not sent again."""
    service.faults += [fault.lost(accept=False)] * 2
    service.question_faults += [fault.plain(500)] * 6
    first = generate(open_studio())
    assert first.status == "unknown"
    sent = len(service.sent)
    service.question_faults.clear()
    asked, stopped = threading.Event(), threading.Event()

    def slow(service, task):
        asked.set()
        assert stopped.wait(20)
        return service._past(task)

    service.question_faults.append(slow)
    panel = open_studio(reuse=True).panel("A paper lantern", seed=7)
    panel.bar.generate.click()
    assert asked.wait(20)
    panel.bar.stop.click()
    stopped.set()
    for thread in threading.enumerate():
        if thread.name == "nbkit-panel":
            thread.join(20)
    assert len(service.sent) == sent
    assert not service.charges
    assert "Stopped waiting" in panel.bar.under.value  # and not that something has come, or failed
    assert (panel.last, panel.pictures.chosen) == (None, ())


def test_what_is_asked_for_while_others_are_turned_away_is_tried(service, open_studio):
    """With reuse an earlier run is waited for; no credit for others meanwhile does not keep this one from being sent."""
    studio = open_studio(reuse=True, pace=dataclasses.replace(QUICK, patience=20.0))
    busy, free, ended = threading.Event(), threading.Event(), threading.Event()
    came, gates = [], []

    def refused_late(service, task):
        busy.set()
        assert free.wait(20)
        return fault.refused()(service, task)

    def done(run, error):
        came.append((run and run.status, error))
        ended.set()

    def others_are_turned_away(gate):
        gates.append(gate)
        if len(gates) == 1:
            studio._ledger._cancel_waiting()
            free.set()

    service.faults.append(refused_late)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(generate, studio)
        assert busy.wait(20)
        request = nbkit.ImageRequest("A paper lantern", seed=7)
        studio.start(request, done, on_started=others_are_turned_away)
        assert ended.wait(20)
        assert first.result(20).status == "failed"
    assert came == [("done", None)]
    assert [gate.cancelled for gate in gates] == [True, False]
    assert len(service.charges) == 1


def test_reuse_waits_for_a_run_under_way_and_never_settles_it(service, open_studio):
    """Another thread works on the same request: its picture is waited for, and one is paid."""
    studio = open_studio(pace=dataclasses.replace(QUICK, patience=20.0))
    service.free.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(generate, studio)
        assert service.busy.wait(20)
        second = pool.submit(generate, studio, reuse=True)
        service.free.set()
        assert (first.result(20).status, second.result(20).reused) == ("done", True)
    assert len(service.sent) == 1


def test_reuse_gives_up_on_a_run_that_another_thread_keeps(service, open_studio):
    """It says whose run it is; it is neither taken away nor paid again."""
    studio = open_studio(pace=dataclasses.replace(QUICK, patience=0.2))
    service.free.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(generate, studio)
        assert service.busy.wait(20)
        with pytest.raises(NbkitError, match="another kernel has been working"):
            generate(studio, reuse=True)
        service.free.set()
        assert first.result(20).status == "done"
    assert len(service.sent) == 1


def test_rerun_is_answered_from_the_log_too(service, open_studio):
    """With reuse a run and its rerun cost nothing the second time."""
    for _ in range(2):
        studio = open_studio(reuse=True)
        generate(studio).rerun(temperature=0.3)
    assert len(service.charges) == 2


def test_no_credit_turns_away_whatever_still_waits(service, open_studio):
    """A 402 for one run ends the waiting of those that were told to come back later; they are not sent."""
    studio = open_studio(pace=dataclasses.replace(QUICK, sleep=time.sleep, retry_first=0.01))
    waiting = threading.Event()

    def busy(_service, _task):
        waiting.set()
        return Answer(429, b"", {"retry-after": "30"})

    service.faults += [busy, lambda *_: Answer(402, b"")]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(generate, studio, seed=1)
        assert waiting.wait(20)
        end = time.monotonic() + 20
        while not studio._ledger._shared_token._resumes:  # the answer is on its way
            assert time.monotonic() < end
        studio._ledger._shared_token._resumes = 0.0  # the second does not have to keep the first one's pause
        second = pool.submit(generate, studio, seed=2)
        assert second.result(20).status == "failed"
        assert first.result(20).status == "not_sent"
    assert not service.charges
    assert studio.budget.held == 0
    assert generate(studio, seed=3).status == "done"  # what is asked for later is tried


def test_a_killed_process_that_nobody_has_waited_for_works_on_nothing():
    """In a container whose first process reaps nobody, a dead kernel stays in the table."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    owner = Owner(socket.gethostname(), child.pid, psutil.Process(child.pid).create_time())
    assert is_alive(owner, heartbeat_age=0, patience=60)
    child.kill()
    end = time.monotonic() + 20
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
    assert not is_alive(owner, heartbeat_age=0, patience=60)
    child.wait()
