"""Stop: no new send, the partial result at once, what has been sent lands, and Run All does not go on."""

import re
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
import service_faults as fault
from service import Answer
from sweep_tools import assert_books_agree, noisy, until

from nbkit.service.pace import Pace
from nbkit.service.threads import Interrupted

SOON = 2.0
"""Seconds; the promise is one, and a busy machine gets another."""

KERNEL = textwrap.dedent(
    """
    import sys, time, nbkit
    studio = nbkit.Studio(engine=sys.argv[1], path=sys.argv[2], api_key="k")
    sweep = studio.sweep("A lantern", seed=range(40), name="stopped")
    if sys.argv[3] != "0":
        sweep = studio.sweep("A lantern", seed=range(int(sys.argv[3])), name="stopped")
    started = time.monotonic()
    try:
        sweep.run(max_workers=4, confirm=True)
    except KeyboardInterrupt as stopped:
        print("interrupted", time.monotonic(), type(stopped).__name__, stopped, flush=True)
        print("result", sweep.result.counts, flush=True)
        if sys.argv[4] == "goes":
            raise
    sys.stdin.readline()
    """
)


@pytest.fixture
def kernel(service, tmp_path):
    """A process that runs a sweep against the service."""
    started = []

    def start(cells=0, afterwards="stays"):
        command = [
            sys.executable,
            "-W",
            "error",
            "-c",
            KERNEL,
            service.url,
            str(tmp_path / "runs"),
            str(cells),
            afterwards,
        ]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


def interrupt(kernel):
    """Press Stop; everything that the person reads, up to the line that names the result."""
    before = time.monotonic()
    kernel.send_signal(signal.SIGINT)
    lines = []
    while not lines or not lines[-1].startswith("result"):
        lines.append(kernel.stdout.readline())
        assert lines[-1], kernel.stderr.read()
    told = next(line for line in lines if line.startswith("interrupted"))
    assert float(told.split()[1]) - before < SOON
    return "".join(lines)


def test_stop_returns_at_once(service, studio):
    """``.stop()`` gives what there is while four requests are held back; these land, and nothing else is sent."""
    free, held = threading.Event(), []

    def hold(service, task):
        held.append(service.accept(task))
        assert free.wait(20)
        return Answer(body={"data": service.accepted[task["taskUUID"]].items})

    service.faults += [*[None] * 6, *[hold] * 30]
    handle = studio.sweep("A lantern", seed=range(30)).start(max_workers=4)
    until(lambda: len(held) == 4 and handle.progress.done == 6)
    before = time.monotonic()
    result = handle.stop()
    assert time.monotonic() - before < SOON
    assert not handle.finished
    assert repr(handle).startswith("<SweepRun stopping")
    assert result.counts == {"done": 6, "running": 4, "not run": 20}
    assert "what is running is being paid for and lands in the log" in repr(result)
    free.set()
    assert handle.wait(20).counts == {"done": 10, "not run": 20}
    assert len(service.sent) == 10
    assert_books_agree(service, studio, 10)
    assert studio.budget.held == 0


def test_stop_during_a_pause(service, open_studio):
    """Workers that wait because the service was busy do not send when the sweep stops, and it ends at once."""
    studio = open_studio(pace=Pace(retry_first=30))
    service.faults += [None, None, *[fault.plain(429, retry_after="60")] * 20]
    sweep = studio.sweep("A lantern", seed=range(20))
    handle = sweep.start(max_workers=4)
    until(lambda: len(service.sent) >= 3 and handle.progress.done == 2)
    time.sleep(0.1)  # the news has to arrive
    sent, before = len(service.sent), time.monotonic()
    handle.stop()
    assert handle.wait(SOON).counts == {"done": 2, "not run": 18}
    assert time.monotonic() - before < SOON
    assert len(service.sent) == sent
    assert studio.budget.held == 0
    service.faults.clear()
    assert sweep.run().counts == {"done": 20}
    assert_books_agree(service, studio, 20)


def test_a_task_in_doubt_is_not_sent_again_after_stop(service, open_studio):
    """A lost answer that nobody knows of stays unknown and held; the next run sends it, under the same taskUUID."""
    studio = open_studio(pace=Pace(0.01, 1.5, 0.02, retry_first=0.01, patience=0.1))
    stopped = threading.Event()

    def lost(service, task):
        assert stopped.wait(20)
        return fault.plain(503, retry_after="30")(service, task)

    service.faults.append(lost)
    sweep = studio.sweep("A lantern", seed=[1])
    handle = sweep.start()
    until(lambda: service.sent)
    handle.stop()
    stopped.set()
    assert handle.wait(20).counts == {"unknown": 1}
    assert (len(service.sent), studio.budget.held) == (1, pytest.approx(0.06895))
    assert sweep.run().counts == {"done": 1}
    assert len(set(service.sent)) == 1
    assert_books_agree(service, studio, 1)


def test_the_same_cell_run_again_at_once(service, studio):
    """A second sweep of the same name lets the first one land before it goes on, so that its result is whole."""
    service.free.clear()
    studio.sweep("A lantern", seed=range(8)).start(max_workers=3)
    until(lambda: len(service.accepted) == 3)
    threading.Timer(0.2, service.free.set).start()
    assert studio.sweep("A lantern", seed=range(8)).run().counts == {"done": 8}
    assert_books_agree(service, studio, 8)


def test_stop_while_an_earlier_start_lands(service, studio):
    """A run that waits for what is under way can be stopped too, and says what that costs."""
    service.free.clear()
    handle = studio.sweep("A lantern", seed=range(8)).start(max_workers=2)
    until(lambda: len(service.accepted) == 2)
    threading.Timer(0.1, lambda: signal.raise_signal(signal.SIGINT)).start()
    with pytest.raises(Interrupted, match=r"2 requests under way, up to \$0.1379"):
        studio.sweep("A lantern", seed=range(8)).run()
    service.free.set()
    assert handle.wait(20).counts == {"done": 2, "not run": 6}


def test_an_interrupt_before_the_first_send(service, studio, monkeypatch):
    """While it asks what became of earlier cells: the quiet kind of interrupt, and nothing is sent behind it."""
    sweep = studio.sweep("A lantern", seed=range(30))
    with monkeypatch.context() as patch:
        patch.setattr(studio._ledger.recovery, "recover", lambda **_: signal.raise_signal(signal.SIGINT))
        with pytest.raises(Interrupted) as caught:
            sweep.run(max_workers=2)
    assert caught.value._render_traceback_() == [str(caught.value)]
    assert "sweep.run() goes on" in str(caught.value)
    assert not service.sent


def test_an_interrupt_while_cells_are_under_way(service, studio):
    """It says what is still being paid for; what was sent lands, and the next call goes on."""
    sweep = studio.sweep("A lantern", seed=range(30))
    service.free.clear()

    def press_stop():
        until(lambda: len(service.accepted) == 2)
        signal.raise_signal(signal.SIGINT)

    threading.Thread(target=press_stop, daemon=True).start()
    with pytest.raises(Interrupted) as caught:
        sweep.run(max_workers=2)
    assert "2 requests under way, up to $0.1379, still being paid for" in str(caught.value)
    service.free.set()
    sweep._last.wait(20)
    assert len(service.sent) == 2
    assert sweep.run().counts == {"done": 30}


def test_the_stop_button(service, kernel, open_studio):
    """SIGINT ends ``sweep.run()`` within a second, shows the grid, says what is still paid, and what was sent lands."""
    running = kernel()
    until(lambda: len(service.accepted) >= 6, 60)
    service.free.clear()
    until(lambda: len(service.accepted) - len(service.gets) >= 4)
    text = interrupt(running)
    told = re.search(
        r"Interrupted Stopped: (\d) requests under way, up to \$(\d\.\d+), still being paid for; what comes lands", text
    )
    assert int(told[1]) >= 4  # four are held back, and some may just be landing
    assert float(told[2]) == pytest.approx(int(told[1]) * 0.06895)
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
    assert running.poll() is None
    running.kill()
    running.wait(20)
    result = studio.sweep("A lantern", seed=range(40), name="stopped").run()
    assert result.counts == {"done": 40}
    assert_books_agree(service, studio, 40)


def test_a_kernel_that_ends_with_stop(service, kernel, open_studio):
    """A script is ended by it; what it had under way is settled by the next run and not paid again."""
    service.free.clear()
    running = kernel(afterwards="goes")
    until(lambda: len(service.accepted) == 4, 60)
    interrupt(running)
    assert running.wait(20) != 0
    assert "Interrupted" in running.stderr.read()
    service.free.set()
    studio = open_studio()
    assert studio.sweep("A lantern", seed=range(40), name="stopped").run().counts == {"done": 40}
    assert_books_agree(service, studio, 40)


def test_stop_after_many_large_pictures(service, kernel):
    """Previews that cannot be made in time do not hold the person up: their places say where the pictures are."""
    paint = noisy((1400, 1400))
    pictures = [paint("JPG", 0) for _ in range(3)]
    service.paint = lambda _kind, number: pictures[number % 3]
    running = kernel(cells=140)
    until(lambda: len(service.gets) >= 100, 120)
    text = interrupt(running)
    assert "✓ done" in text
