"""Two kernels, two starts, stale knowledge and refused second sends: no cell is paid twice, and nothing paid is given up."""

import multiprocessing
import threading

import pytest
import service_faults as fault
from conftest import QUICK
from service import PRICE
from sweep_tools import assert_books_agree
from test_sweep_again import lanterns, later  # noqa: F401  a fixture

import nbkit
from nbkit.log.schema import RUNS
from nbkit.request.model import MICRO


def run_all(url, folder, cells, both):
    """Another kernel: it waits for its twin, and runs the same sweep."""
    studio = nbkit.Studio(engine=url, api_key="key", path=folder, pace=QUICK)
    sweep = lanterns(studio, range(cells))
    both.wait()
    assert sweep.start(max_workers=2).wait_finished(60)


def two_kernels(service, studio, cells):
    context = multiprocessing.get_context("spawn")
    both = context.Barrier(2)
    arguments = (service.url, studio.log.folder, cells, both)
    kernels = [context.Process(target=run_all, args=arguments) for _ in range(2)]
    for kernel in kernels:
        kernel.start()
    for kernel in kernels:
        kernel.join(90)
    assert [kernel.exitcode for kernel in kernels] == [0, 0]


def test_two_kernels_that_run_one_sweep_pay_it_once(service, open_studio):
    """Each looks for cells before the other has begun them: what one has written down, the other leaves alone."""
    studio = open_studio(pace=QUICK)
    two_kernels(service, studio, 20)
    assert len(service.charges) == 20
    assert_books_agree(service, studio, 20)


def test_two_kernels_send_a_lost_run_again_once(service, later):  # noqa: F811
    """Whoever takes it first has it."""
    studio = later(range(8))
    two_kernels(service, studio, 8)
    studio.recover()
    assert len(service.charges) == 8
    assert_books_agree(service, studio, 8)


@pytest.mark.parametrize("how", ["prepared", "at once"])
def test_two_starts_in_one_kernel_pay_once(service, open_studio, how):
    """A start that was prepared and not begun gives way to a later one; of two at once, one comes after the other."""
    studio = open_studio(pace=QUICK)
    sweep, handles, both = lanterns(studio, range(8)), [], threading.Barrier(2)

    def start():
        both.wait()
        handles.append(sweep.start(max_workers=2))

    if how == "prepared":
        handles = [sweep.prepare(), sweep.prepare()]
        for handle in handles:
            handle.begin()
    else:
        threads = [threading.Thread(target=start) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert all(handle.wait_finished(30) for handle in handles)
    lanterns(studio, range(8)).run()
    assert len(service.charges) == 8
    assert_books_agree(service, studio, 8)


def test_begin_twice_is_begin_once(service, open_studio):
    """While it runs, and after its end."""
    studio = open_studio(pace=QUICK)
    handle = lanterns(studio).start().begin()
    handle.wait(30)
    assert handle.begin().wait(30).counts == {"done": 4}
    assert len(service.charges) == 4


def test_what_was_settled_since_it_was_prepared_is_not_sent_again(service, later):  # noqa: F811
    """A recovery by another studio, and a run of its own, come between the preparing and the beginning."""
    studio = later()
    stale = lanterns(studio).prepare()
    other = nbkit.Studio(engine=service.url, api_key="key", path=studio.log.folder, pace=QUICK)
    other.recover(resend=True)
    stale.begin().wait(30)
    other.close()
    assert len(service.charges) == 4
    assert_books_agree(service, studio, 4)


@pytest.mark.parametrize("refusal", [fault.refused("insufficientCredits", "no credit", 402), fault.plain(403)])
def test_a_refused_second_send_says_nothing_of_the_first(service, open_studio, refusal):
    """The first was accepted, and its answer was lost: the picture is paid, and is fetched as soon as one can ask."""
    service.has_details = False
    studio = open_studio(pace=QUICK)
    service.faults.append(fault.plain(504, accept=True))
    service.question_faults.extend([fault.plain(500)] * 40)
    run = studio.generate("A lantern", seed=1, resolution="1K")
    assert run.status == "unknown"
    service.question_faults.clear()
    service.faults.clear()
    service.faults.append(refusal)
    studio.recover(resend=True)
    assert studio.df.status.tolist() == ["unknown"]
    service.faults.clear()
    service.has_details = True
    studio.recover()
    assert studio.df.status.tolist() == ["done"]
    assert service.spent == pytest.approx(PRICE)


def test_a_run_that_was_sent_again_is_young_again(service, later):  # noqa: F811
    """Its first send was long ago; the service may still accept the second, so it is not given up and paid anew."""
    studio = later([1])
    an_hour = 3600 * MICRO
    with studio.log.database.writing() as connection:
        connection.execute(RUNS.update().values(created=RUNS.c.created - an_hour, heartbeat=RUNS.c.heartbeat - an_hour))
    service.faults.extend([fault.plain(500)] * 4)
    service.question_faults.extend([fault.plain(500)] * 40)
    assert lanterns(studio, [1]).run().counts == {"unknown": 1}
    service.faults.clear()
    service.question_faults.clear()
    studio.recover()
    assert studio.df.status.tolist() == ["unknown"]
    assert lanterns(studio, [1]).run().counts == {"done": 1}
    assert len(service.charges) == 1


def test_stop_while_somebody_is_told_leaves_no_money_held(open_studio):
    """An interrupt in the middle of showing what is left: the plan was nobody's yet, and is given back."""

    class Interrupted:
        def on_budget_change(self):
            if studio.budget.held:
                raise KeyboardInterrupt

    studio = open_studio(budget=1.00)
    watcher = Interrupted()
    studio.watch(watcher)
    with pytest.raises(KeyboardInterrupt):
        studio.generate("A lantern", resolution="1K")
    del watcher
    assert studio.df.status.tolist() == ["not_sent"]
    assert studio.budget.held == 0


def test_what_is_sent_again_is_paid_by_who_sends_it_again(service, later):  # noqa: F811
    """The studio of a later kernel has a budget of its own, which no second send goes beyond; then its account has it."""
    studio = later()
    second = nbkit.Studio(engine=service.url, api_key="key", path=studio.log.folder, pace=QUICK, budget=0.15)
    with pytest.raises(nbkit.BudgetExceeded, match="this studio"):
        lanterns(second).run(max_workers=1)
    assert len(service.charges) == 2
    assert second.budget.spent == pytest.approx(2 * PRICE)
    assert second.budget.held == 0
    assert sorted(second.df.status) == ["done", "done", "unknown", "unknown"]
    second.close()
    assert lanterns(studio).run().counts == {"done": 4}
    assert len(service.charges) == 4
    assert_books_agree(service, studio, 4)
