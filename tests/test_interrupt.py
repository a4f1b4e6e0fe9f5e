"""Stop while a run is under way: the cell ends at once, and what has been sent comes into the log all the same."""

import time

import pytest
from kernel_process import STOP_SECONDS, press_stop
from service import PRICE
from sweep_tools import until

KERNEL = """
    import sys, nbkit
    from nbkit.service.pace import Pace
    studio = nbkit.Studio(engine=sys.argv[1], path=sys.argv[2], api_key="k")
    try:
        studio.generate("A lantern", width=512, height=512, delivery_method=sys.argv[3])
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        if sys.argv[4] == "ends":
            raise
    sys.stdin.readline()
    print("budget", studio.budget.held, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def kernel(service, start_kernel):
    """Starts a kernel that waits for its first picture, which the service holds back."""

    def start(delivery="sync", after_stop="stays"):
        service.free.clear()
        process = start_kernel(KERNEL, delivery, after_stop)
        assert service.busy.wait(30)
        return process

    return start


def interrupt(kernel):
    """Press Stop, and return the only line that the user sees."""
    before = time.monotonic()
    line, last = press_stop(kernel, "interrupted")
    assert time.monotonic() - before < STOP_SECONDS
    assert last == "interrupted\n"
    return line


@pytest.mark.parametrize("delivery", ["sync", "async"])
def test_stop_ends_the_cell_and_the_picture_still_comes_into_the_log(service, kernel, open_studio, delivery):
    """``KeyboardInterrupt`` comes within a second, with one line that says what is still paid for."""
    process = kernel(delivery)
    line = interrupt(process)
    assert "If the request was already sent, it may still cost up to $0.047" in line
    assert "studio.log" in line
    studio = open_studio()
    assert studio.df.status.tolist() == ["sent"]
    assert len(studio.recover(resend=True)) == 0  # its kernel is alive and still owns it
    service.free.set()
    until(lambda: studio.df.file.notna().all())
    assert (studio.df.status.tolist(), studio.df.cost.tolist()) == (["done"], [PRICE])
    assert len(service.sent) == 1
    assert process.poll() is None


def test_a_run_under_way_keeps_its_money_held_after_stop(kernel):
    """The budget of the studio that was stopped still has the upper estimate as held."""
    process = kernel()
    interrupt(process)
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "budget 0.04657\n"


def test_recover_fetches_the_picture_of_a_kernel_that_ended_with_stop(service, kernel, open_studio):
    """The kernel ends before its picture comes; the next kernel settles the run and sends nothing."""
    process = kernel(after_stop="ends")
    interrupt(process)
    assert process.wait(30) != 0
    assert "KeyboardInterrupt" in process.stderr.read()
    studio = open_studio()
    assert studio.df.status.tolist() == ["sent"]
    service.free.set()
    assert studio.recover().after.tolist() == ["done"]
    assert studio.df.file.notna().all()
    assert len(service.sent) == 1
