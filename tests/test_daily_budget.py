"""The daily budget: what a run holds is settled where it was held, in any time zone, and list prices bind it too."""

import contextlib
import os
import tempfile
import time
import uuid
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import service_faults as fault
from effort import examples
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from service import PRICE
from small_requests import generate

import nbkit
from nbkit.errors import AnswerLost
from nbkit.ledger.budget import Account, Limits, SubBudget
from nbkit.ledger.journal import Journal, RunPlan
from nbkit.log.schema import ACCOUNTS
from nbkit.offline.server import serving
from nbkit.offline.transport import OfflineTransport
from nbkit.request.image_request import ImageRequest
from nbkit.request.price import MICRO
from nbkit.results.run import BLOCKED, DONE, FAILED, NOT_SENT, SENT
from nbkit.service.response import ImageResult, TaskResponse

SMALL = 0.04657
"""USD of one picture of 512x512 pixels."""

ZONES = ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York", "Europe/Berlin", "Asia/Kathmandu"]
"""From 14 hours before UTC to 11 hours after it; two with summer time, one of a quarter of an hour."""


def set_zone(name):
    """The time zone of this process."""
    os.environ["TZ"] = name
    time.tzset()


@pytest.fixture
def zone():
    """Sets the time zone, and restores it."""
    before = os.environ.get("TZ")
    yield set_zone
    if before is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = before
    time.tzset()


def accounts_of(studio):
    """The accounts of days that hold or have spent something, in USD."""
    with studio.log.database.reading() as connection:
        rows = connection.execute(ACCOUNTS.select()).all()
    return {
        r.name: (r.spent / MICRO, r.held / MICRO) for r in rows if r.name.startswith("day:") and (r.spent or r.held)
    }


# -- an address whose server is offline ---------------------------------------------------------------------------


@pytest.fixture(params=["address", "transport", "in process"])
def open_listed(request, tmp_path):
    """Opens studios on the offline engine, wherever it is: only its answers tell that it has list prices."""
    opened = contextlib.ExitStack()

    def open_one(**options):
        engine = nbkit.Offline(seed=1)
        if request.param == "address":
            where = {"engine": opened.enter_context(serving(engine))}
        elif request.param == "transport":
            where = {"api_key": "test-key", "transport": OfflineTransport(engine)}
        else:
            where = {"engine": engine}
        studio = nbkit.Studio(**where, path=tmp_path / "runs", **options)
        opened.callback(studio.close)
        return studio

    with opened:
        yield open_one


def test_list_prices_bind_the_daily_budget(open_listed):
    """Two pictures fit, a third one would not; a later studio finds the same account."""
    studio = open_listed(daily_budget=0.12)
    assert [generate(studio, seed=seed).charged for seed in (1, 2)] == [False, False]
    for later in (studio, open_listed(daily_budget=0.12)):
        with pytest.raises(nbkit.BudgetExceeded, match="today has") as caught:
            generate(later, seed=3)
        assert (caught.value.spent, caught.value.held) == (pytest.approx(2 * SMALL), 0)
    assert {name.rpartition(":")[2]: sums for name, sums in accounts_of(studio).items()} == {
        "offline": (pytest.approx(2 * SMALL), 0)
    }


def test_runs_at_once_do_not_pass_the_daily_budget_together(open_listed):
    """What is under way counts, although it is not known yet which account it will be counted in."""
    studio = open_listed(daily_budget=5 * SMALL)
    sweep = studio.sweep("A lantern", seed=range(12), width=512, height=512)
    with pytest.raises(nbkit.BudgetExceeded):
        sweep.run(max_workers=8)
    assert sweep.result.counts["done"] == 5
    assert list(accounts_of(studio).values()) == [(pytest.approx(5 * SMALL), 0)]


def test_real_money_and_list_prices_bind_apart(service, open_studio, tmp_path):
    """A day's real money leaves the list prices of an engine in this process as they were, and the other way round."""
    for seed in (1, 2):
        generate(open_studio(daily_budget=0.12), seed=seed)
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs", daily_budget=0.12)
    assert [generate(studio, seed=seed).status for seed in (1, 2)] == ["done", "done"]
    with pytest.raises(nbkit.BudgetExceeded):
        generate(studio, seed=3)
    assert {name.rpartition(":")[2]: held for name, (_, held) in accounts_of(studio).items()} == {
        "charged": 0,
        "offline": 0,
    }
    studio.close()


# -- time zones ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system sets no time zone")
@pytest.mark.parametrize("later", ZONES)
@pytest.mark.parametrize("earlier", ZONES[1:3])
def test_a_run_is_settled_in_the_account_that_holds_it(service, open_studio, zone, earlier, later):
    """A kernel in one zone loses the answer, one in another zone fetches the picture."""
    zone(earlier)
    service.faults.append(fault.lost())
    service.question_faults += [fault.plain(500)] * 50
    day = datetime.now(ZoneInfo(earlier)).date()
    assert generate(open_studio(daily_budget=1)).status == "unknown"
    assert accounts_of(open_studio())[f"day:{day}:charged"] == (0, SMALL)
    zone(later)
    service.question_faults.clear()
    studio = open_studio()
    assert studio.recover().after.tolist() == ["done"]
    assert accounts_of(studio) == {f"day:{day}:charged": (PRICE, 0)}


KINDS = {"vendor": ["charged"], "address": ["charged", "offline"], "offline": ["offline"]}
"""The accounts of a day that a run counts in before an answer tells."""


class Days(RuleBasedStateMachine):
    """Three kinds of engine plan and settle on one log, in any zone, at any hour, in any order."""

    def __init__(self):
        super().__init__()
        self.opened = contextlib.ExitStack()
        self.opened.callback(set_zone, os.environ.get("TZ", "UTC"))
        folder = Path(self.opened.enter_context(tempfile.TemporaryDirectory()))
        patch = self.opened.enter_context(pytest.MonkeyPatch.context())
        self.now, self.zone = 1_774_700_000.0, "UTC"  # before Europe's summer time begins
        patch.setattr(time, "time", lambda: self.now)
        self.log = nbkit.RunLog(folder)
        self.opened.callback(self.log.close)
        self.journals = {
            f"{kind} {number}": Journal(
                self.log.database, engine=kind, charged=kind != "offline", may_be_offline=kind == "address",
                studio=f"{kind} {number}", limits=Limits(), trust=self.log.trust,
            )
            for kind in ("vendor", "address", "offline")
            for number in (1, 2)
        }  # fmt: skip
        self.runs = {}
        self.move("UTC", 0)

    def move(self, zone, hours):
        self.zone = zone
        set_zone(zone)
        self.now += hours * 3600

    @rule(zone=st.sampled_from(ZONES), hours=st.integers(-30, 30))
    def somewhere_else_at_another_hour(self, zone, hours):
        self.move(zone, hours)

    @rule(
        who=st.sampled_from(["vendor 1", "address 1", "address 2", "offline 1"]),
        own=st.booleans(),
        web=st.booleans(),
    )
    def plan(self, who, own, web):
        request = ImageRequest("A lantern", resolution="0.5K", web_search=web or None)
        plan = RunPlan(request, request.to_send(), sub_budget=SubBudget("own") if own else None)
        self.journals[who].plan(plan)
        day = datetime.fromtimestamp(self.now, ZoneInfo(self.zone)).date()
        kinds = KINDS[who.split()[0]]
        self.runs[plan.task_uuid] = {
            "who": who, "day": day, "kinds": kinds, "own": own, "price": request.price.high, "held": request.price.high, "spent": 0, "status": "open", "costs": [],
        }  # fmt: skip

    @precondition(lambda self: self.runs)
    @rule(
        data=st.data(),
        status=st.sampled_from([SENT, DONE, FAILED, BLOCKED, NOT_SENT]),
        offline=st.booleans(),
        cost=st.sampled_from([None, 20_000, 46_570]),
    )
    def settle(self, data, status, offline, cost):
        """Some results may come before the last word. The first final status counts; pictures that come later do too."""
        task = data.draw(st.sampled_from(list(self.runs)))  # in the order of planning
        run = self.runs[task]
        is_open = run["status"] in ("open", SENT)
        if status == SENT and not is_open:
            return
        kind = run["who"].split()[0]
        offline = kind == "offline" or (kind == "address" and offline)
        results = (ImageResult(str(uuid.uuid4()), 1, cost, "https://a.example/1.jpg"),) * (status in (SENT, DONE))
        response = TaskResponse(results, offline=offline)
        self.journals[run["who"]].settle(task, status, response, [None] * len(results))
        if is_open or (run["status"] != DONE and status == DONE):
            run["costs"] += [result.cost for result in results]
            known = sum(filter(None, run["costs"]))
            spent = run["price"] if None in run["costs"] and status != SENT else known
            held = max(0, run["price"] - spent) if status == SENT else 0
            counted = "offline" if offline or status == NOT_SENT else "charged"
            run.update(status=status, held=held, spent=spent, kinds=[counted])

    @precondition(lambda self: any(r["status"] in ("open", SENT) for r in self.runs.values()))
    @rule(data=st.data())
    def another_studio_takes_it(self, data):
        """What it may cost is held where it is sent again, on that day."""
        task = data.draw(st.sampled_from([t for t, r in self.runs.items() if r["status"] in ("open", SENT)]))
        run = self.runs[task]
        kind, number = run["who"].split()
        other = f"{kind} {3 - int(number)}"
        row = next(r for r in self.log.history.unsettled() if r["taskUUID"] == task)
        price = ImageRequest("A lantern", resolution="0.5K").price
        assert self.journals[other].claim(row, price)
        self.journals[other].mark_unknown(task, AnswerLost("late"))
        day = datetime.fromtimestamp(self.now, ZoneInfo(self.zone)).date()
        run.update(who=other, day=day, kinds=KINDS[kind], price=price.high, held=price.high)

    @invariant()
    def each_account_is_the_sum_of_its_runs(self):
        expected = {}
        for run in self.runs.values():
            names = [f"studio:{run['who']}", *(f"day:{run['day']}:{kind}" for kind in run["kinds"])]
            for name in names + ["purse:own"] * run["own"]:
                expected[name] = expected.get(name, Account()) + Account(run["spent"], run["held"])
        with self.log.database.reading() as connection:
            found = {r.name: Account(r.spent, r.held) for r in connection.execute(ACCOUNTS.select())}
        assert {n: a for n, a in found.items() if a != Account()} == {
            n: a for n, a in expected.items() if a != Account()
        }

    def teardown(self):
        self.opened.close()


Days.TestCase.settings = settings(
    max_examples=examples(40), stateful_step_count=25, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
if hasattr(time, "tzset"):
    test_every_account_is_the_sum_of_its_runs_in_any_zone = Days.TestCase
