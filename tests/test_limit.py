"""How many tasks a busy service is sent at once: the rule alone, in a simulation with a clock of its own."""

import heapq
import itertools

import pytest
from effort import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from nbkit.service.limit import FORGET_SECONDS, LONGEST_SECONDS, PAUSES, Limit, after_refusal, limit_from
from nbkit.service.pace import LONGEST_PAUSE


class Simulation:
    """A service that takes some tasks at once, and senders that send as the rule allows.

    Args:
        capacity: by time, how many tasks it takes at once.
        seconds: that each task takes.
        workers: tasks that are waiting or under way at once.
        latency: seconds until a refusal has arrived.
        retry_after: what a refusal asks for.
    """

    def __init__(self, capacity, *, seconds=0.5, workers=32, latency=0.005, retry_after=0.0):
        self.capacity, self.seconds, self.workers = capacity, seconds, workers
        self.latency, self.retry_after = latency, retry_after
        self.now, self.active, self.accepted, self.ended = 0.0, 0, 0, 0
        self.refusals, self.sends = [], []
        self.limit = None

    def run(self, tasks):
        """Send that many tasks. Returns the seconds until the last has ended."""
        waiting, under_way, number = tasks, [], itertools.count()
        while waiting or under_way:
            while waiting and self.active < self.workers and self._may_send():
                waiting -= 1
                self.sends.append(self.now)
                is_taken = self.accepted < self.capacity(self.now)
                self.accepted += is_taken
                ends = self.now + (self.seconds if is_taken else self.latency)
                heapq.heappush(under_way, (ends, next(number), is_taken, self.now, self.ended))
                self.active += 1
            step = self.now + 0.01
            if under_way and under_way[0][0] <= step:
                self.now, _, is_taken, sent, ended = heapq.heappop(under_way)
                self.active -= 1
                if is_taken:
                    self.accepted -= 1
                    self.ended += 1
                else:
                    waiting += 1
                    self._refused(sent, ended)
            else:
                self.now = step
        return self.now

    def _may_send(self):
        if self.limit is None or self.limit.is_over(self.now):
            return True
        after = self.limit.after_acquiring(self.now, self.active)
        self.limit = after or self.limit
        return after is not None

    def _refused(self, sent, ended):
        self.refusals.append(self.now)
        self.limit = after_refusal(
            self.limit, self.now, sent=sent, active=self.active, ended=self.ended - ended, asked=self.retry_after
        )
        if not self.active:
            self.limit = self.limit.paused(self.now + max(1.0, self.retry_after))


@settings(max_examples=examples(60), deadline=None)
@given(
    capacity=st.integers(1, 40),
    workers=st.integers(1, 200),
    seconds=st.floats(0.1, 30),
    latency=st.floats(0.002, 0.05),
)
def test_a_busy_service_works_all_the_time(capacity, workers, seconds, latency):
    """Whatever it takes at once: the tasks take little more than they would with exactly as many senders."""
    tasks = 12 * capacity
    busy = Simulation(lambda _: capacity, seconds=seconds, workers=workers, latency=latency)
    took = busy.run(tasks)
    least = Simulation(lambda _: 10**9, seconds=seconds, workers=min(capacity, workers)).run(tasks)
    assert took <= 1.3 * least + 0.5
    assert len(busy.refusals) <= max(0, workers - capacity) + 12 + took / 4


@settings(max_examples=examples(30), deadline=None)
@given(workers=st.integers(1, 200), seconds=st.floats(0.1, 5))
def test_a_service_that_is_never_busy_gets_all_at_once(workers, seconds):
    """No limit is learned from it."""
    free = Simulation(lambda _: 10**9, seconds=seconds, workers=workers)
    rounds = 4
    assert free.run(rounds * workers) <= rounds * (seconds + 0.02) + 0.1
    assert free.limit is None


@pytest.mark.parametrize(("before", "after"), [(8, 4), (16, 2), (4, 16), (2, 30)])
def test_the_limit_follows_a_service_that_takes_fewer_or_more(before, after):
    """Fewer at once, within seconds; more, as soon as the limit is tried again, after a minute at most."""
    changing = Simulation(lambda now: before if now < 60 else after, seconds=0.5, workers=32)
    found = 65 if after < before else 60 + LONGEST_SECONDS + 10
    changing.run(2 * int(60 * before + (found - 60) * after))
    assert abs(changing.limit.at_once - after) <= 1
    assert len([at for at in changing.refusals if at >= 60]) <= 2 * max(before, after)


@pytest.mark.parametrize("retry_after", [0.2, 1.0, 5.0])
def test_nothing_is_sent_before_the_pause_that_was_asked_for_is_over(retry_after):
    """And the pauses cost a tenth of the time, because the limit is tried again the later, the longer they are."""
    polite = Simulation(lambda _: 8, retry_after=retry_after)
    took = polite.run(1600)
    for refused in polite.refusals:
        assert not [at for at in polite.sends if refused < at < refused + retry_after - 1e-6]
    assert took <= 1600 / 8 * 0.5 * (1 + 1.5 / PAUSES) + 2 * retry_after


def test_tasks_that_were_sent_together_lower_the_limit_by_a_factor_once():
    """However many of them are refused; what the service has kept is the limit all the same."""
    limit = Limit(20, refused=0.0, lowered=0.0)
    for number in range(10):
        limit = after_refusal(limit, 10.0 + number / 100, sent=9.0, active=5, ended=30)
    assert (limit.at_once, limit.lowered) == (15, 10.0)
    assert after_refusal(limit, 10.2, sent=9.0, active=4, ended=2).at_once == 6
    assert after_refusal(limit, 12.0, sent=11.0, active=4, ended=30).at_once == 11
    assert after_refusal(limit, 12.0, sent=11.0, active=14, ended=3).at_once == 14


def test_increases_that_are_refused_are_tried_again_after_twice_the_time():
    """At most after a minute; those that are accepted come faster and faster."""
    limit, now, waits = after_refusal(None, 0.0, sent=0.0, active=8), 0.0, []
    for _ in range(9):
        began = now
        while limit.after_acquiring(now, 8) is None:
            now += 0.05
        limit = limit.after_acquiring(now, 8)
        waits.append(now - began)
        limit = after_refusal(limit, now + 0.01, sent=now, active=8)
        now += 0.01
    assert limit.at_once == 8
    assert waits[:4] == pytest.approx([1, 2, 4, 8], abs=0.2)
    assert max(waits) == pytest.approx(LONGEST_SECONDS, abs=0.2)
    raised = []
    for active in range(8, 24):
        began = now
        while (after := limit.after_acquiring(now, active)) is None:
            now += 0.01
        limit = after
        raised.append(now - began)
    assert raised[0] == pytest.approx(LONGEST_SECONDS, abs=0.2)
    assert raised[-1] == pytest.approx(0.1, abs=0.02)


def test_a_limit_is_forgotten():
    """After ten minutes without a refusal."""
    limit = after_refusal(None, 5.0, sent=0.0, active=2)
    assert not limit.is_over(5.0 + FORGET_SECONDS)
    assert limit.is_over(5.1 + FORGET_SECONDS)
    assert not limit.paused(900.0).is_over(1400.0)
    assert limit.paused(900.0).is_over(1501.0)


@pytest.mark.parametrize(
    ("values", "at_once"),
    [
        ((8, 1, 1, 0, 1, 5), 8),
        ((-3, 1, 1, 0, 1, 5), 1),
        ((None,) * 6, None),
        (("x", 1, 1, 0, 1, 5), None),
        ((2.9, 1, 1, 0, 1, 1e300), 2),
    ],
)
def test_a_limit_of_a_damaged_log_stops_nobody(values, at_once):
    """What cannot be one is none; a pause ends."""
    limit = limit_from(values, 100.0)
    assert (limit and limit.at_once) == at_once
    assert limit is None or limit.resumes <= 100.0 + 2 * LONGEST_PAUSE
