"""Stop: the cell ends at once, and what has been sent lands in the log all the same."""

import signal
import subprocess
import sys
import textwrap
import time

import pytest
from service import PRICE

SOON = 2.0
"""Seconds; the promise is one, and a busy machine gets another."""

KERNEL = textwrap.dedent(
    """
    import sys, nbkit
    from nbkit.service.pace import Pace
    studio = nbkit.Studio(engine=sys.argv[1], path=sys.argv[2], api_key="k")
    try:
        studio.generate("A lantern", width=512, height=512, delivery_method=sys.argv[3])
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        if sys.argv[4] == "goes":
            raise
    sys.stdin.readline()
    print("budget", studio.budget.held, flush=True)
    sys.stdin.readline()
    """
)


@pytest.fixture
def kernel(service, tmp_path):
    """A process that waits for its first picture, which the service holds back."""
    started = []

    def start(delivery="sync", afterwards="stays"):
        service.free.clear()
        command = [sys.executable, "-c", KERNEL, service.url, str(tmp_path / "runs"), delivery, afterwards]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True))
        assert service.busy.wait(30)
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


def interrupt(kernel):
    """Press Stop; what the person reads."""
    before = time.monotonic()
    kernel.send_signal(signal.SIGINT)
    lines = [kernel.stdout.readline(), kernel.stdout.readline()]
    assert time.monotonic() - before < SOON
    assert lines[1] == "interrupted\n"
    return lines[0]


def until(condition):
    """Wait for a condition, with a deadline."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@pytest.mark.parametrize("delivery", ["sync", "async"])
def test_stop_ends_the_cell_and_the_run_lands(service, kernel, open_studio, delivery):
    """KeyboardInterrupt within a second, a line on what is still paid for, and the picture in the log when it comes."""
    running = kernel(delivery)
    line = interrupt(running)
    assert "up to $0.04657 is still being paid for it" in line
    assert "studio.log" in line
    studio = open_studio()
    assert studio.df.status.tolist() == ["sent"]
    assert len(studio.recover(resend=True)) == 0  # its kernel lives and still owns it
    service.free.set()
    until(lambda: studio.df.file.notna().all())
    assert (studio.df.status.tolist(), studio.df.cost.tolist()) == (["done"], [PRICE])
    assert len(service.sent) == 1
    assert running.poll() is None


def test_its_money_stays_held_after_stop(kernel):
    """Nothing spends unseen: the studio that was stopped holds the estimate."""
    running = kernel()
    interrupt(running)
    running.stdin.write("\n")
    running.stdin.flush()
    assert running.stdout.readline() == "budget 0.04657\n"


def test_a_kernel_that_goes_first(service, kernel, open_studio):
    """When the kernel ends with the interrupt, recover() in the next one brings the picture."""
    running = kernel(afterwards="goes")
    interrupt(running)
    assert running.wait(30) != 0
    assert "KeyboardInterrupt" in running.stderr.read()
    studio = open_studio()
    assert studio.df.status.tolist() == ["sent"]
    service.free.set()
    assert studio.recover().after.tolist() == ["done"]
    assert studio.df.file.notna().all()
    assert len(service.sent) == 1
