"""Cells that the service never accepted are due again by themselves, and a sweep fits the account's balance."""

import pytest
import service_faults as fault
from panel_tools import button_of, totals
from service import PRICE, Answer, error
from sweep_tools import assert_books_agree, lanterns

import nbkit
from nbkit import errors
from nbkit.service.pace import Pace

IMPATIENT = Pace(poll_first=0.001, retry_first=0.001, busy_tries=2, connect_tries=1, patience=1.0)

NEVER_ACCEPTED = {
    "no credit": fault.plain(402),
    "insufficient credits": fault.refused("insufficientCredits", "no", 402),
    "quota": fault.refused("monthlyQuotaReached", "no", 400),
    "no key": fault.plain(401),
    "wrong key": fault.refused("invalidApiKey", "no", 401),
    "forbidden": fault.plain(403),
    "busy": fault.plain(429),
    "rate limit": fault.refused("providerRateLimitExceeded", "no", 200),
    "no model": fault.refused("modelUnavailable", "no", 503),
}
FAILED_THERE = {
    "model": fault.refused("inferenceError", "no", 200),
    "request": fault.refused("invalidPositivePrompt", "no", 400),
    "cancelled": fault.answers(
        lambda items, task: {"data": [{"taskUUID": task["taskUUID"], "status": "cancelled"}]}, accept=False
    ),
}


def run(sweep, **options):
    """Run a sweep, whether it is ended by a refusal or not."""
    try:
        return sweep.run(max_workers=1, **options)
    except errors.EngineError:
        return sweep.result


@pytest.mark.parametrize("reason", NEVER_ACCEPTED)
def test_cells_that_were_never_accepted_are_due_again_in_a_later_kernel(service, open_studio, reason):
    """Plan, price and the panel's count have them, the summary says so, and ``run()`` sends them without ``retry``."""
    first = open_studio(pace=IMPATIENT)
    service.faults += [None, *[NEVER_ACCEPTED[reason]] * 2]
    result = run(lanterns(first, range(4)))
    refused = result.counts["failed"]
    assert refused >= 1
    assert f"sweep.run() sends {refused} again that the service never accepted" in repr(result)
    first.close()
    service.faults.clear()
    studio = open_studio()
    plan = lanterns(studio, range(4)).plan()
    pending = plan.totals.quote.pending
    assert plan.status.tolist().count("to do") == pending.cells == plan.totals.pending_cells
    assert plan.totals.refused == refused
    assert pending.price.high == pending.cells * 68_950
    assert f"{refused} cell" in "".join(line for line in plan.totals.lines() if "refused before" in line)
    panel = studio.sweep_panel("A lantern", seed=range(4), resolution="1K", name="lanterns")
    assert f"{pending.cells} cell" in button_of(panel)
    assert "refused before they were accepted" in totals(panel)
    sent = len(service.sent)
    assert lanterns(studio, range(4)).run().counts == {"done": 4}
    assert len(service.sent) - sent == pending.cells
    assert_books_agree(service, studio, 4)


@pytest.mark.parametrize("reason", FAILED_THERE)
def test_a_cell_that_failed_at_the_model_is_sent_again_on_request_only(service, studio, capsys, reason):
    """The plan, the summary and the line of ``run()`` say what sends it."""
    service.faults.append(FAILED_THERE[reason])
    sweep = lanterns(studio, range(2))
    result = run(sweep)
    assert result.counts == {"failed": 1, "done": 1}
    assert 'sweep.run(retry="failed") sends 1 again' in repr(result)
    capsys.readouterr()
    assert sweep.run().counts == {"failed": 1, "done": 1}
    assert 'sweep.run(retry="failed")' in capsys.readouterr().out
    assert any('retry="failed"' in line for line in sweep.plan().totals.lines())
    assert (sweep.plan().totals.refused, sweep.plan().totals.pending_cells) == (0, 0)
    assert len(service.sent) == 2
    assert sweep.run(retry="failed").counts == {"done": 2}


def test_a_cell_without_a_connection_is_due_again(open_studio):
    """Nothing listens there: the cells failed, and a later run tries them again."""
    studio = open_studio(engine="http://127.0.0.1:9/v1", pace=IMPATIENT)
    sweep = lanterns(studio, range(2))
    assert run(sweep).counts == {"failed": 2}
    assert sweep.plan().totals.pending_cells == 2
    assert len(run(sweep)) == 2
    assert studio.log.to_frame().shape[0] == 4


def test_what_a_later_refusal_says_replaces_an_earlier_failure(service, studio):
    """A cell that failed at the model, was sent again on request and refused for credit then, is due by itself."""
    sweep = lanterns(studio, [1])
    service.faults.append(FAILED_THERE["model"])
    run(sweep)
    service.faults.append(NEVER_ACCEPTED["no credit"])
    run(sweep, retry="failed")
    assert run(sweep).counts == {"done": 1}


# -- the balance of the account ------------------------------------------------------------------------------------


def holds(service, amount):
    """The account of the service holds so much, or answers in another way."""
    handle = service.handle

    def answer(received):
        if received.method == "POST" and b"accountManagement" in received.body:
            return amount if isinstance(amount, Answer) else Answer(body={"data": [{"balance": amount}]})
        return handle(received)

    service.handle = answer


@pytest.mark.parametrize("balance", [0.2, {"amount": 0.2, "currency": "USD"}, "0.2"])
def test_a_sweep_that_the_account_cannot_pay_is_refused_before_it_starts(service, studio, balance):
    """Nothing is sent or held; the error has both amounts and what to type, and the plan shows it before."""
    holds(service, balance)
    sweep = lanterns(studio, range(4))
    assert any("the account holds $0.20, and" in line and "budget=0.20" in line for line in sweep.plan().totals.lines())
    with pytest.raises(
        errors.BudgetExceeded, match=r"up to \$0\.2758.*holds \$0\.20.*sweep\.run\(budget=0\.20\)"
    ) as caught:
        sweep.run()
    assert (caught.value.limit, caught.value.asked) == (0.2, 4 * PRICE)
    assert (service.sent, studio.budget.held) == ([], 0)
    assert sweep.result.counts == {"not run": 4}
    panel = studio.sweep_panel("A lantern", seed=range(4), resolution="1K", name="lanterns")
    panel.run()
    with pytest.raises(errors.BudgetExceeded):
        panel.wait(30)
    assert service.sent == []


def test_a_budget_within_the_balance_starts_a_sweep(service, open_studio):
    """Of the call, or of the studio: no more than that is spent."""
    holds(service, 0.2)
    with pytest.raises(errors.BudgetExceeded, match="this sweep has"):
        lanterns(open_studio(), range(4)).run(budget=0.15)
    assert len(service.charges) == 2
    with pytest.raises(errors.BudgetExceeded, match="this studio has"):
        lanterns(open_studio(budget=0.1), range(4)).run()
    assert len(service.charges) == 3
    assert lanterns(open_studio(), range(4)).run().counts == {"done": 4}


@pytest.mark.parametrize(
    "answer", [error("internalServerError", "no", 500), Answer(silent=True), Answer(200, b"<html>"), "much", None]
)
def test_a_balance_that_cannot_be_read_stops_nothing(service, studio, answer):
    """The sweep is sent."""
    holds(service, answer)
    assert lanterns(studio, range(2)).run().counts == {"done": 2}


def test_list_prices_are_not_compared_with_a_balance(tmp_path):
    """They are no money: the offline engine itself refuses what its account does not hold, and says what to do."""
    engine = nbkit.Offline(balance=0.1)
    studio = nbkit.Studio(engine=engine, path=tmp_path / "runs")
    sweep = lanterns(studio, range(4))
    with pytest.raises(
        errors.CreditError, match=r"1 of 4 cells are done for \$0\.06895.*holds \$0\.03105.*sweep\.run\(\)"
    ):
        sweep.run(max_workers=1)
    assert len(engine.charges) == 1
    studio.close()


def test_an_end_for_lack_of_credit_says_what_there_is_and_what_to_do(service, studio):
    """Its code and its request are those of the service's answer."""
    service.faults += [None, None, *[fault.refused("insufficientCredits", "the account is empty", 402)] * 9]
    sweep = lanterns(studio, range(5))
    with pytest.raises(
        errors.CreditError, match=r"the account is empty: .*2 of 5 cells are done for \$0\.1379"
    ) as caught:
        sweep.run(max_workers=1)
    assert "The account holds $12.50: top it up. sweep.run() sends what is missing" in str(caught.value)
    assert caught.value.code == "insufficientCredits"
    assert caught.value.request.seed == 2
    service.faults.clear()
    assert sweep.run().counts == {"done": 5}
