"""Stop while a sweep runs: nothing more is sent, there is a result at once, and requests under way are settled."""

import re
import threading
import time

import pytest
import service_faults as fault
from kernel_process import STOP_SECONDS, interrupt_main_thread, press_stop
from service import Answer
from sweep_tools import assert_books_agree, noisy, until

from nbkit.display.text import usd_short
from nbkit.service.pace import Pace
from nbkit.service.threads import Interrupted

KERNEL = """
    import sys, time, nbkit
    studio = nbkit.Studio(engine=sys.argv[1], path=sys.argv[2], api_key="k")
    sweep = studio.sweep("A lantern", seed=range(int(sys.argv[3])), name="stopped")
    try:
        sweep.run(max_workers=4, confirm=True)
    except KeyboardInterrupt as stopped:
        print("interrupted", time.monotonic(), type(stopped).__name__, stopped, flush=True)
        print("result", sweep.result.counts, flush=True)
        if sys.argv[4] == "ends":
            raise
    sys.stdin.readline()
"""


@pytest.fixture
def kernel(start_kernel):
    """Starts a kernel that runs a sweep against the service."""

    def start(cells=40, after_stop="stays"):
        return start_kernel(KERNEL, cells, after_stop)

    return start


def interrupt(kernel):
    """Press Stop, and return what the user sees, up to the line with the result."""
    before = time.monotonic()
    lines = press_stop(kernel, "result")
    interrupted = next(line for line in lines if line.startswith("interrupted"))
    assert float(interrupted.split()[1]) - before < STOP_SECONDS
    return "".join(lines)


def test_stop_returns_the_result_while_requests_are_under_way(service, studio):
    """Four requests that the service holds back are settled when their answers come, and nothing else is sent."""
    answers_released, held_back = threading.Event(), []

    def hold_back(service, task):
        held_back.append(service.accept(task))
        assert answers_released.wait(20)
        return Answer(body={"data": service.accepted[task["taskUUID"]].items})

    service.faults += [*[None] * 6, *[hold_back] * 30]
    handle = studio.sweep("A lantern", seed=range(30)).start(max_workers=4)
    until(lambda: len(held_back) == 4 and handle.progress.done == 6)
    before = time.monotonic()
    result = handle.stop()
    assert time.monotonic() - before < STOP_SECONDS
    assert not handle.finished
    assert repr(handle).startswith("<SweepRun stopping")
    assert result.counts == {"done": 6, "running": 4, "not run": 20}
    assert "what is running is being paid for and lands in the log" in repr(result)
    answers_released.set()
    assert handle.wait(20).counts == {"done": 10, "not run": 20}
    assert len(service.sent) == 10
    assert_books_agree(service, studio, 10)
    assert studio.budget.held == 0


def test_stop_ends_the_pause_of_a_busy_service(service, open_studio):
    """Workers that wait out a pause send nothing after Stop, and the sweep ends at once; a later run sends the rest."""
    studio = open_studio(pace=Pace(retry_first=5))
    service.faults += [None, None, *[fault.plain(429, retry_after="6")] * 20]
    sweep = studio.sweep("A lantern", seed=range(20))
    handle = sweep.start(max_workers=4)
    until(lambda: len(service.sent) >= 3 and handle.progress.done == 2)
    time.sleep(0.1)  # until the workers have read the answers, and pause
    sent, before = len(service.sent), time.monotonic()
    handle.stop()
    assert handle.wait(STOP_SECONDS).counts == {"done": 2, "not run": 18}
    assert time.monotonic() - before < STOP_SECONDS
    assert len(service.sent) == sent
    assert studio.budget.held == 0
    service.faults.clear()
    assert sweep.run().counts == {"done": 20}
    assert_books_agree(service, studio, 20)


def test_a_task_with_a_lost_answer_is_not_sent_again_after_stop(service, open_studio):
    """The run stays unknown, with its money held; the next run of the sweep sends it under the same taskUUID."""
    studio = open_studio(pace=Pace(0.01, 1.5, 0.02, retry_first=0.01, patience=0.1))
    unavailable = fault.Held(fault.plain(503, retry_after="4"))
    service.faults.append(unavailable)
    sweep = studio.sweep("A lantern", seed=[1])
    handle = sweep.start()
    until(lambda: service.sent)
    handle.stop()
    unavailable.released.set()
    assert handle.wait(20).counts == {"unknown": 1}
    assert (len(service.sent), studio.budget.held) == (1, pytest.approx(0.06895))
    assert sweep.run().counts == {"done": 1}
    assert len(set(service.sent)) == 1
    assert_books_agree(service, studio, 1)


def test_a_second_run_of_a_sweep_waits_for_requests_of_the_first(service, studio):
    """A notebook cell that is run twice: the first sweep's requests are settled before the second one continues."""
    service.free.clear()
    studio.sweep("A lantern", seed=range(8)).start(max_workers=3)
    until(lambda: len(service.accepted) == 3)
    threading.Timer(0.2, service.free.set).start()
    assert studio.sweep("A lantern", seed=range(8)).run().counts == {"done": 8}
    assert_books_agree(service, studio, 8)


def test_a_run_that_waits_for_an_earlier_one_can_be_stopped(service, studio):
    """The message has the number and the price of the requests that the earlier run has under way."""
    service.free.clear()
    handle = studio.sweep("A lantern", seed=range(8)).start(max_workers=2)
    until(lambda: len(service.accepted) == 2)
    threading.Timer(0.1, interrupt_main_thread).start()
    with pytest.raises(Interrupted, match=r"2 requests under way, up to \$0\.14"):
        studio.sweep("A lantern", seed=range(8)).run()
    service.free.set()
    assert handle.wait(20).counts == {"done": 2, "not run": 6}


def test_stop_before_the_first_send(service, studio):
    """While the pictures of earlier cells are fetched: the interrupt shows one line, and nothing is sent after it."""

    def press_stop_here(service, path):
        interrupt_main_thread()
        return fault.file(b"", 410)(service, path)

    service.picture_faults.append(fault.file(b"", 410))
    studio.sweep("A lantern", seed=[0], name="stopped").run()
    sweep = studio.sweep("A lantern", seed=range(30), name="stopped")
    service.picture_faults.append(press_stop_here)
    with pytest.raises(Interrupted) as caught:
        sweep.run(max_workers=2)
    assert caught.value._render_traceback_() == [str(caught.value)]
    assert "sweep.run() goes on" in str(caught.value)
    assert len(service.sent) == 1
    assert sweep.run().counts == {"done": 30}
    assert_books_agree(service, studio, 30)


def test_stop_while_requests_are_under_way(service, studio):
    """The message has what is still being paid for; those requests are settled, and the next run sends the rest."""
    sweep = studio.sweep("A lantern", seed=range(30))
    service.free.clear()

    def stop_after_two_requests():
        until(lambda: len(service.accepted) == 2)
        interrupt_main_thread()

    threading.Thread(target=stop_after_two_requests, daemon=True).start()
    with pytest.raises(Interrupted) as caught:
        sweep.run(max_workers=2)
    assert "2 requests under way, up to $0.14, still being paid for" in str(caught.value)
    service.free.set()
    sweep._last.wait(20)
    assert len(service.sent) == 2
    assert sweep.run().counts == {"done": 30}


def test_the_stop_button_of_a_kernel(service, kernel, open_studio):
    """An interrupt ends ``sweep.run()`` within a second and shows grid and price; requests under way are settled."""
    process = kernel()
    until(lambda: len(service.accepted) >= 6, 60)
    service.free.clear()
    until(lambda: len(service.accepted) - len(service.gets) >= 4)
    text = interrupt(process)
    under_way = re.search(
        r"Interrupted Stopped: (\d) requests under way, up to (\$\d\.\d+), still being paid for; what comes lands", text
    )
    assert int(under_way[1]) >= 4  # four are held back, and others may not be settled yet
    assert under_way[2] == usd_short(int(under_way[1]) * 68_950)
    assert "✓ done" in text
    assert "… running" in text
    assert "· not run" in text
    service.free.set()
    studio = open_studio()
    until(
        lambda: (
            studio.df.status.isin(["done", "not_sent"]).all() and studio.df.file.notna().sum() == len(service.accepted)
        )
    )
    assert len(service.accepted) < 40
    assert process.poll() is None
    process.kill()
    process.wait(20)
    result = studio.sweep("A lantern", seed=range(40), name="stopped").run()
    assert result.counts == {"done": 40}
    assert_books_agree(service, studio, 40)


def test_a_later_run_settles_the_cells_of_a_script_that_ended_with_stop(service, kernel, open_studio):
    """The interrupt ends the script; the requests that it had under way are not paid again."""
    service.free.clear()
    process = kernel(after_stop="ends")
    until(lambda: len(service.accepted) == 4, 60)
    interrupt(process)
    assert process.wait(20) != 0
    assert "Interrupted" in process.stderr.read()
    service.free.set()
    studio = open_studio()
    assert studio.sweep("A lantern", seed=range(40), name="stopped").run().counts == {"done": 40}
    assert_books_agree(service, studio, 40)


def test_stop_does_not_wait_for_the_previews_of_large_pictures(service, kernel):
    """Previews that cannot be made in time are left out, and the text still has the status of each cell."""
    paint = noisy((1400, 1400))
    pictures = [paint("JPG", 0) for _ in range(3)]
    service.paint = lambda _kind, number: pictures[number % 3]
    process = kernel(cells=140)
    until(lambda: len(service.gets) >= 100, 120)
    text = interrupt(process)
    assert "✓ done" in text
