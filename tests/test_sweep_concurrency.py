"""Two kernels, two starts, stale plans and refused second sends: no cell is paid twice, and no paid picture is lost."""

import multiprocessing
import threading

import pytest
import service_faults as fault
from conftest import QUICK
from log_checks import age_heartbeats
from service import PRICE
from sweep_tools import assert_books_agree, lanterns, studio_after_lost_answers

import nbkit


def run_sweep(url, folder, cells, barrier):
    """What each kernel does: wait for the other one, and run the sweep."""
    studio = nbkit.Studio(engine=url, api_key="key", path=folder, pace=QUICK)
    sweep = lanterns(studio, range(cells))
    barrier.wait()
    assert sweep.start(max_workers=2).wait_finished(60)


def run_in_two_kernels(service, studio, cells):
    """Run the same sweep in two processes at the same time."""
    context = multiprocessing.get_context("spawn")
    arguments = (service.url, studio.log.folder, cells, context.Barrier(2))
    kernels = [context.Process(target=run_sweep, args=arguments) for _ in range(2)]
    for kernel in kernels:
        kernel.start()
    for kernel in kernels:
        kernel.join(90)
    assert [kernel.exitcode for kernel in kernels] == [0, 0]


def test_two_kernels_that_run_one_sweep_pay_each_cell_once(service, open_studio):
    """Both find the same cells missing; a cell that one of them has planned is not sent by the other."""
    studio = open_studio()
    run_in_two_kernels(service, studio, 20)
    assert len(service.charges) == 20
    assert_books_agree(service, studio, 20)


def test_two_kernels_send_a_run_with_a_lost_answer_again_only_once(service, open_studio):
    """The kernel that claims the run first sends it."""
    studio = studio_after_lost_answers(service, open_studio, range(8))
    run_in_two_kernels(service, studio, 8)
    studio.recover()
    assert len(service.charges) == 8
    assert_books_agree(service, studio, 8)


@pytest.mark.parametrize("how", ["prepared", "at once"])
def test_two_starts_in_one_kernel_pay_each_cell_once(service, open_studio, how):
    """A prepared run is cancelled by a later one, and of two starts at the same time, one waits for the other."""
    studio = open_studio()
    sweep, handles, barrier = lanterns(studio, range(8)), [], threading.Barrier(2)

    def start():
        barrier.wait()
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


def test_beginning_a_run_again_sends_nothing(service, open_studio):
    """Neither while it runs nor after its end."""
    studio = open_studio()
    handle = lanterns(studio).start().begin()
    handle.wait(30)
    assert handle.begin().wait(30).counts == {"done": 4}
    assert len(service.charges) == 4


def test_a_prepared_run_does_not_send_what_was_settled_since(service, open_studio):
    """Another studio recovers the lost cells between ``prepare`` and ``begin``."""
    studio = studio_after_lost_answers(service, open_studio)
    stale = lanterns(studio).prepare()
    other = nbkit.Studio(engine=service.url, api_key="key", path=studio.log.folder, pace=QUICK)
    other.recover(resend=True)
    stale.begin().wait(30)
    other.close()
    assert len(service.charges) == 4
    assert_books_agree(service, studio, 4)


@pytest.mark.parametrize("refusal", [fault.refused("insufficientCredits", "no credit", 402), fault.plain(403)])
def test_a_refused_second_send_leaves_the_run_unknown(service, open_studio, refusal):
    """The first send was accepted and paid, so the picture is fetched when the service can be asked again."""
    service.has_details = False
    studio = open_studio()
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


def test_the_age_of_a_run_begins_anew_when_it_is_sent_again(service, open_studio):
    """The service may still accept the second send, so the run is not given up, and its cell not paid as a new task."""
    studio = studio_after_lost_answers(service, open_studio, [1])
    age_heartbeats(studio.log, 3600)
    service.faults.extend([fault.plain(500)] * 4)
    service.question_faults.extend([fault.plain(500)] * 40)
    assert lanterns(studio, [1]).run().counts == {"unknown": 1}
    service.faults.clear()
    service.question_faults.clear()
    studio.recover()
    assert studio.df.status.tolist() == ["unknown"]
    assert lanterns(studio, [1]).run().counts == {"done": 1}
    assert len(service.charges) == 1


def test_an_interrupt_in_a_budget_listener_leaves_no_money_held(open_studio):
    """The run is planned and its money held, but it has no sender yet: the plan is abandoned."""

    class InterruptingListener:
        def on_budget_change(self):
            if studio.budget.held:
                raise KeyboardInterrupt

    studio = open_studio(budget=1.00)
    listener = InterruptingListener()
    studio.watch(listener)
    with pytest.raises(KeyboardInterrupt):
        studio.generate("A lantern", resolution="1K")
    del listener
    assert studio.df.status.tolist() == ["not_sent"]
    assert studio.budget.held == 0


def test_a_budget_listener_that_cannot_be_notified_is_refused(studio):
    """When the budget changes, the error would reach nobody."""
    with pytest.raises(TypeError, match="on_budget_change"):
        studio.watch(object())


def test_a_run_counts_in_the_budget_of_the_studio_that_sends_it_again(service, open_studio):
    """That studio's budget limits the second sends too."""
    studio = studio_after_lost_answers(service, open_studio)
    second = nbkit.Studio(engine=service.url, api_key="key", path=studio.log.folder, pace=QUICK, budget=0.15)
    with pytest.raises(nbkit.BudgetExceeded, match="this studio") as caught:
        lanterns(second).run(max_workers=1)
    assert caught.value.limit == 0.15
    assert len(service.charges) == 2
    assert second.budget.spent == pytest.approx(2 * PRICE)
    assert second.budget.held == 0
    assert sorted(second.df.status) == ["done", "done", "unknown", "unknown"]
    second.close()
    assert lanterns(studio).run().counts == {"done": 4}
    assert len(service.charges) == 4
    assert_books_agree(service, studio, 4)
