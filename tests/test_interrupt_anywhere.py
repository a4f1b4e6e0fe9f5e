"""Stop at any instant of a start: no money stays held, nothing is paid that the log does not have, and nothing hangs."""

import json

import pytest
from sweep_tools import assert_books_agree

INTERRUPTED = """
    import json, random, signal, sys, threading, time, nbkit

    def interrupt(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    studio = nbkit.Studio(engine=sys.argv[1], path=sys.argv[2], api_key="k", budget=1000.0)
    rng, interrupts = random.Random(11), 0
    first = studio.generate("warm up", width=512, height=512)
    number, began = -1, time.monotonic()
    {before}
    within = max(float(sys.argv[4]), 1.2 * (time.monotonic() - began))
    for number in range(int(sys.argv[3])):
        try:
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.0002, within))
            try:
                {start}
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            interrupts += 1
    {end}
    end = time.monotonic() + 30
    while any(thread.name == "nbkit" for thread in threading.enumerate()) and time.monotonic() < end:
        time.sleep(0.01)  # a thread that is about to start cannot be joined yet
    budget = studio.budget
    print(json.dumps([interrupts, budget.held, sorted(set(studio.df.status))]), file=sys.stderr, flush=True)
"""


def interrupted(start_kernel, start, end, *, times, within, before=""):
    """Start that often, each time with an interrupt within some seconds: (interrupts, held money, statuses).

    ``before`` is done once without one; where it takes longer than ``within``, the interrupts come as much later.
    """
    kernel = start_kernel(INTERRUPTED.format(before=before, start=start, end=end), times, within)
    _, shown = kernel.communicate(timeout=150)
    assert kernel.returncode == 0, shown
    return json.loads(shown.splitlines()[-1])


def test_an_interrupt_at_any_instant_of_a_note_writes_it_once_or_not(service, start_kernel):
    """The log can be written at once afterwards, by this kernel and by another one."""
    end = "studio.log.mark(first, note='last'); assert list(studio.df.note) == ['last']"
    interrupts, held, statuses = interrupted(
        start_kernel, "studio.log.mark(first, note=str(number))", end, times=200, within=0.004
    )
    assert interrupts > 10
    assert (held, statuses) == (0, ["done"])


def test_an_interrupt_at_any_instant_of_a_stop_ends_the_sweep(service, start_kernel):
    """A second Stop may come while the first one is being carried out."""
    sweep = 'studio.sweep("A lantern", seed=range(3), width=512, height=512, name=f"sweep {number}")'
    start, stop = f"running = {sweep}.start(max_workers=1)", "running.cancel()"
    interrupts, held, statuses = interrupted(
        start_kernel,
        f"{start}\n                {stop}",
        "assert running.wait_finished(20)",
        times=60,
        within=0.03,
        before=f"{start}; {stop}; assert running.wait_finished(20)",
    )
    assert interrupts > 5
    assert held == 0
    assert set(statuses) <= {"done", "not_sent"}


@pytest.mark.parametrize(
    ("call", "within"),
    [
        ('studio.generate("A lantern", width=512, height=512, seed=number)', 0.015),
        ('studio.start(nbkit.ImageRequest("A lantern", width=512, height=512, seed=number))', 0.004),
    ],
    ids=["generate", "start"],
)
def test_an_interrupt_at_any_instant_of_a_run_leaves_nothing_held(service, start_kernel, open_studio, call, within):
    """The run is either sent, settled and paid, also where nobody gets its future, or its money is released."""
    interrupts, held, statuses = interrupted(start_kernel, call, "", times=120, within=within)
    assert interrupts > 10
    assert held == 0
    assert set(statuses) <= {"done", "not_sent"}
    studio = open_studio()
    assert_books_agree(service, studio, int((studio.df.status == "done").sum()))


def test_an_interrupt_at_any_instant_of_a_sweeps_start_leaves_a_sweep_that_can_go_on(
    service, start_kernel, open_studio
):
    """Whatever the interrupts left behind, the next start waits for it and sends what is missing; no cell is paid twice."""
    sweep = 'studio.sweep("A lantern", seed=range(12), resolution="1K", name="twelve")'
    interrupts, held, statuses = interrupted(
        start_kernel, f"{sweep}.start(max_workers=3)", f"{sweep}.run()", times=40, within=0.02
    )
    assert interrupts > 5
    assert held == 0
    assert set(statuses) <= {"done", "not_sent"}
    studio = open_studio()
    lanterns = studio.df[studio.df.sweep == "twelve"]
    assert sorted(lanterns[lanterns.status == "done"].requestedSeed) == list(range(12))
    assert_books_agree(service, studio, 13)
