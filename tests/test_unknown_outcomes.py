"""Runs whose outcome is not known: they are looked up, never taken for failures, and never paid a second time."""

import dataclasses
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import service_faults as fault
from conftest import QUICK
from kernel_process import interrupt_main_thread
from log_checks import assert_log_matches_service
from panel_tools import message, press, press_generate
from service import Answer
from sweep_tools import until

import nbkit
from nbkit.errors import NbkitError


def generate(studio, **parameters):
    """A run with a seed, so that the log can answer the same request; keywords override."""
    return studio.generate("A paper lantern", **({"seed": 7} | parameters))


def studio_with_unknown_run(service, open_studio):
    """A studio that lost the answer to an accepted task, and could not look it up; from now on queries are answered."""
    studio = open_studio()
    service.faults.append(fault.lost())
    service.question_faults += [fault.plain(500)] * 6
    assert generate(studio).status == "unknown"
    service.question_faults.clear()
    return studio


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
@pytest.mark.parametrize(
    "body", [b"<html>", {"errors": [{"code": "timeoutProvider", "message": "later"}]}], ids=["html", "json"]
)
@pytest.mark.parametrize("delivery", ["sync", "async"])
def test_a_query_that_fails_says_nothing_about_the_task(service, studio, status, body, delivery):
    """Whatever the failed answers contain, the run is done and has its picture."""
    service.answers_after_sync = True
    if delivery == "sync":
        service.faults.append(fault.lost())
    service.question_faults += [lambda *_: Answer(status, body)] * 2
    run = generate(studio, delivery_method=delivery)
    assert (run.status, len(run.images)) == ("done", 1)
    assert_log_matches_service(service, studio)


def test_details_are_queried_while_polls_fail(service, studio):
    """``getResponse`` is out of order, and ``getTaskDetails`` knows the task: the run is done."""
    service.faults.append(fault.lost())
    service.question_faults += [
        lambda s, t: Answer(500, b"") if t["taskType"] == "getResponse" else s._past(t) for _ in range(20)
    ]
    assert generate(studio).status == "done"
    assert_log_matches_service(service, studio)


def test_a_task_is_sent_until_the_service_is_available(service, studio):
    """After each of three answers with status 503 it is looked up and sent again, under the same taskUUID."""
    service.faults += [fault.plain(503)] * 3
    run = generate(studio)
    assert run.status == "done"
    assert set(service.sent) == {run.task_uuid}
    assert_log_matches_service(service, studio)


def test_a_run_fails_when_the_service_asks_for_too_long_a_pause(service, studio):
    """A pause of an hour is not waited for, and nothing was charged."""
    service.faults.append(fault.plain(429, retry_after="3600"))
    before = time.monotonic()
    run = generate(studio)
    assert (run.status, run.error.retry_after) == ("failed", 3600.0)
    assert time.monotonic() - before < 20
    assert not service.charges


def test_pictures_of_polls_that_are_not_cumulative_are_all_kept(service, studio):
    """Each poll contains another one of the three pictures."""
    polls = iter(range(99))
    service.question_faults += [
        lambda s, t: Answer(body={"data": [s.accepted[t["taskUUID"]].items[next(polls) % 3] | {"status": "success"}]})
    ] * 9
    run = generate(studio, delivery_method="async", number_results=3)
    assert (run.status, len(run.images)) == ("done", 3)
    assert_log_matches_service(service, studio)


def test_recover_does_not_wait_for_a_task_that_is_still_processed(service, open_studio):
    """Its note says that it is running, and its money stays held; a later ``recover`` settles it."""
    earlier = studio_with_unknown_run(service, open_studio)
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
    assert earlier.budget.held > 0
    service.question_faults.clear()
    service.answers_after_sync = True
    assert studio.recover().after.tolist() == ["done"]
    assert_log_matches_service(service, studio, earlier)


def test_stop_ends_recover_at_once(service, open_studio):
    """While a query is not answered, Stop ends the call, and the run stays unknown until a later ``recover``."""
    earlier = studio_with_unknown_run(service, open_studio)
    query = fault.Held(lambda s, t: s._state(t))
    service.question_faults.append(query)
    studio = open_studio()

    def press_stop():
        assert query.arrived.wait(20)
        interrupt_main_thread()

    threading.Thread(target=press_stop, daemon=True).start()
    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        studio.recover()
    assert time.monotonic() - before < 10  # the service holds its answer back for twenty
    assert studio.df.status.tolist() == ["unknown"]
    query.released.set()
    service.answers_after_sync = True

    def is_settled():
        if studio.df.status.tolist() == ["done"] and not earlier.budget.held:
            return True
        studio.recover()  # finds nothing to do while the interrupted query is still settling the run
        return False

    until(is_settled)
    assert_log_matches_service(service, studio, earlier)


def test_recover_fetches_a_picture_that_the_service_has_moved(service, studio):
    """Its logged address is dead: the service is asked for the new one, and no task is sent."""
    service.answers_after_sync = True
    service.picture_faults += [lambda *_: Answer(410, b"")]
    run = generate(studio)
    assert (run.status, len(run.images)) == ("done", 0)
    (path,) = {received.path for received in service.gets}
    item = service.accepted[run.task_uuid].items[0]
    item["imageURL"] = item["imageURL"].replace(path, "/moved" + path)
    service.pictures["/moved" + path] = service.pictures.pop(path)
    studio.recover()
    assert len(studio.log[run.task_uuid].images) == 1
    assert_log_matches_service(service, studio)


def test_reuse_fetches_a_picture_whose_file_was_deleted(service, studio):
    """It is paid, so it is fetched and not generated again."""
    run = generate(studio)
    run.image.path.unlink()
    assert generate(studio, reuse=True).image.bytes == service.pictures[service.gets[0].path]
    assert len(service.charges) == 1


def test_reuse_settles_an_unknown_run_of_the_same_request(service, open_studio):
    """After a crash, Run All looks up the task that was sent, and does not pay for a second one."""
    studio_with_unknown_run(service, open_studio)
    run = generate(open_studio(reuse=True))
    assert (run.status, run.reused) == ("done", True)
    assert len(service.charges) == 1


def test_reuse_sends_nothing_while_an_earlier_run_cannot_be_looked_up(service, open_studio):
    """The unknown run is the answer to the request; once queries succeed it is done, and one picture is paid."""
    service.faults.append(fault.lost())
    service.question_faults += [fault.plain(500)] * 12
    first = generate(open_studio())
    second = generate(open_studio(reuse=True))
    assert (second.task_uuid, second.status, second.reused) == (first.task_uuid, "unknown", False)
    assert len(service.sent) == 1
    service.question_faults.clear()
    assert generate(open_studio(reuse=True)).status == "done"
    assert len(service.charges) == 1


def test_stop_in_a_panel_keeps_an_unknown_run_from_being_sent_again(service, open_studio):
    """With reuse, Generate looks up an earlier run of the same request; Stop during that query is obeyed."""
    before = set(threading.enumerate())
    service.faults += [fault.lost(accept=False)] * 2
    service.question_faults += [fault.plain(500)] * 6
    assert generate(open_studio()).status == "unknown"
    sent = len(service.sent)
    service.question_faults.clear()
    query = fault.Held(lambda s, t: s._past(t))
    service.question_faults.append(query)
    panel = open_studio(reuse=True).panel("A paper lantern", seed=7)
    press_generate(panel)
    assert query.arrived.wait(20)
    press(panel, "stop")
    query.released.set()
    panel.wait(20)
    for thread in threading.enumerate():
        if thread.name == "nbkit" and thread not in before:  # the panel does not wait for what was stopped
            thread.join(20)
    assert len(service.sent) == sent
    assert not service.charges
    assert "Stopped waiting" in message(panel)  # and not that a picture has come, or that the run has failed
    assert (panel.last, panel.pictures.chosen) == (None, None)


def test_a_run_that_waited_for_an_earlier_one_is_sent_although_another_run_had_no_credit(service, open_studio):
    """A 402 cancels the runs that wait to be sent; a run that still waits for an earlier one is tried afterwards."""
    studio = open_studio(reuse=True)
    refusal = fault.Held(fault.refused())
    service.faults.append(refusal)
    with ThreadPoolExecutor(1) as pool:
        earlier = pool.submit(generate, studio)
        assert refusal.arrived.wait(20)
        token = studio.new_token()
        service.faults.append(fault.plain(402))
        assert generate(studio, seed=8).status == "failed"
        refusal.released.set()
        waited = studio.start(nbkit.ImageRequest("A paper lantern", seed=7), token=token)
        assert earlier.result(20).status == "failed"
    assert waited.result(20).status == "done"
    assert not token.cancelled
    assert len(service.charges) == 1


def test_reuse_waits_for_a_run_of_another_thread(service, open_studio):
    """Both threads want the same request: the second gets the picture of the first, and one is paid."""
    studio = open_studio()
    service.free.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(generate, studio)
        assert service.busy.wait(20)
        second = pool.submit(generate, studio, reuse=True)
        service.free.set()
        assert (first.result(20).status, second.result(20).reused) == ("done", True)
    assert len(service.sent) == 1


def test_reuse_gives_up_waiting_for_a_run_of_another_thread(service, open_studio):
    """After the patience of its pace it raises an error that names the run, and nothing is sent."""
    studio = open_studio(pace=dataclasses.replace(QUICK, patience=0.2))
    service.free.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(generate, studio)
        assert service.busy.wait(20)
        with pytest.raises(NbkitError, match="another kernel has been working") as caught:
            generate(studio, reuse=True)
        service.free.set()
        assert first.result(20).status == "done"
    assert f"studio.log[{service.sent[0]!r}]" in str(caught.value)
    assert len(service.sent) == 1


def test_reuse_answers_a_rerun_from_the_log(service, open_studio):
    """A run and its rerun cost nothing the second time."""
    for _ in range(2):
        studio = open_studio(reuse=True)
        generate(studio).rerun(temperature=0.3)
    assert len(service.charges) == 2


def test_a_run_without_credit_cancels_the_runs_that_wait_out_a_pause(service, open_studio):
    """After a 402, a run that the service was too busy for is not sent; a run that starts later is tried."""
    clock_reads, reads_before_pause = [], []

    def clock():
        clock_reads.append(time.monotonic())
        return clock_reads[-1]

    def busy(_service, _task):
        reads_before_pause.append(len(clock_reads))
        return Answer(429, b"", {"retry-after": "5"})

    studio = open_studio(pace=dataclasses.replace(QUICK, clock=clock, retry_first=0.01))
    no_credit = fault.Held(fault.plain(402))
    service.faults += [no_credit, busy]
    with ThreadPoolExecutor(2) as pool:
        refused = pool.submit(generate, studio, seed=2)
        assert no_credit.arrived.wait(20)
        paused = pool.submit(generate, studio, seed=1)
        until(lambda: reads_before_pause and len(clock_reads) > reads_before_pause[0])  # a pause begins with the time
        no_credit.released.set()
        assert refused.result(20).status == "failed"
        assert paused.result(20).status == "not_sent"
    assert not service.charges
    assert studio.budget.held == 0
    assert generate(studio, seed=3).status == "done"
