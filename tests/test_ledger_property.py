"""Under random faults over real HTTP, no task is paid twice and nothing that was paid is lost."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from effort import examples
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import nbkit
from nbkit.offline.server import serving
from nbkit.request.price import MICRO
from nbkit.service.pace import Pace

FAULTS = (
    "busy",
    "capacity",
    "server",
    "blocked",
    "failed",
    "partial",
    "timeout",
    "lost",
    "cut",
    "html",
    "download",
    "cancelled",
    "unsafe",
)
ONE_FAULT = st.sampled_from([None, *FAULTS])
"""An argument of the rules. As a rule of its own, a fault would rarely be followed by a run in few examples."""

PROBABILITY = st.sampled_from([0.5, 1.0])
NO_PAUSES = Pace(poll_first=0.001, poll_cap=0.01, retry_first=0.001, busy_tries=3, patience=0.3, sleep=lambda _: None)


class PaidRuns(RuleBasedStateMachine):
    """Runs, recoveries and new kernels in any order, while the service fails in any way."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = nbkit.Offline(seed=1, balance=1000.0)
        self.opened = contextlib.ExitStack()
        self.folder = self.opened.enter_context(tempfile.TemporaryDirectory())
        self.url = self.opened.enter_context(serving(self.engine))
        self.studio = self.open_studio()
        self.generated = 0

    def open_studio(self) -> nbkit.Studio:
        return nbkit.Studio(engine=self.url, path=Path(self.folder) / "runs", pace=NO_PAUSES)

    def set_fault(self, fault: str | None, probability: float) -> None:
        self.engine.failures = {fault: probability} if fault else None

    @rule(
        fault=ONE_FAULT,
        probability=PROBABILITY,
        results=st.integers(1, 3),
        delivery=st.sampled_from(["sync", "async"]),
        kind=st.sampled_from(["URL", "base64Data", "dataURI"]),
        cost=st.sampled_from([None, True]),
    )
    def generate(
        self, fault: str | None, probability: float, results: int, delivery: str, kind: str, cost: bool | None
    ) -> None:
        self.set_fault(fault, probability)
        self.generated += 1
        self.studio.generate(
            "A lantern", resolution="0.5K", seed=self.generated, number_results=results, delivery_method=delivery,
            output_type=kind, include_cost=cost,
        )  # fmt: skip

    @precondition(lambda self: self.generated)
    @rule(fault=ONE_FAULT, probability=PROBABILITY, resend=st.booleans())
    def recover(self, fault: str | None, probability: float, resend: bool) -> None:
        self.set_fault(fault, probability)
        self.studio.recover(resend=resend)

    @rule()
    def start_a_new_kernel(self) -> None:
        self.studio.close()
        self.studio = self.open_studio()

    @invariant()
    def each_charge_is_in_the_log_once(self) -> None:
        rows = self.studio.df
        charges = self.engine.charges
        assert set(charges) <= set(rows.taskUUID), "charged, and not in the log"
        for task, charged in charges.items():
            own = rows[rows.taskUUID == task]
            pictures = own[own.status == "done"]
            if own.status.isin(["unknown", "sent"]).any():
                continue  # the log has the run as open, so it can be recovered
            assert round(pictures.cost.sum() * MICRO) == charged, (
                f"{task} cost {charged}, and in the log {pictures.cost.tolist()}"
            )
        refused = rows[rows.status.isin(["failed", "blocked"]) & ~rows.taskUUID.isin(list(charges))]
        assert refused.cost.isna().all()

    @invariant()
    def each_file_of_the_log_exists_and_is_whole(self) -> None:
        for run in self.studio.log:
            for image in run.images:
                assert image.pil.size == (512, 512)

    def teardown(self) -> None:
        """After a recovery without faults, log and service agree, and every paid picture is there."""
        self.engine.failures = None
        self.studio.recover(resend=True)
        rows = self.studio.df
        try:
            assert not rows.status.isin(["planned", "sent", "unknown"]).any(), rows[["status", "error"]]
            done = rows[rows.status == "done"]
            assert round(done.cost.sum() * MICRO) == self.engine.spent
            assert done.file.notna().all()
            assert all(Path(file).exists() for file in done.file)
            assert self.studio.budget.held == 0
        finally:
            self.studio.close()
            self.opened.close()


PaidRuns.TestCase.settings = settings(
    max_examples=examples(25),
    stateful_step_count=12,
    deadline=None,  # HTTP on a loaded machine has no reliable time
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
test_nothing_is_paid_twice_and_nothing_paid_is_lost = PaidRuns.TestCase
