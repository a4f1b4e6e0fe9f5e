"""The promise of the ledger, under random faults over real HTTP: never paid twice, nothing paid is lost."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import nbkit
from nbkit.offline.server import serving
from nbkit.request.model import MICRO
from nbkit.service.pace import Pace

FAULTS = ("busy", "capacity", "server", "blocked", "failed", "partial", "timeout", "lost", "cut", "html", "download")
HASTY = Pace(poll_first=0.001, poll_cap=0.01, retry_first=0.001, busy_tries=3, patience=0.3, sleep=lambda _: None)
"""Waits for nothing: a service on this machine has nothing to recover from."""


class PaidRuns(RuleBasedStateMachine):
    """Runs, recoveries and new kernels in any order, while the service fails in any way."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.engine = nbkit.Offline(seed=1, balance=1000.0)
        self.server = serving(self.engine)
        self.url = self.server.__enter__()
        self.studio = self.open()
        self.made = 0

    def open(self) -> nbkit.Studio:
        return nbkit.Studio(engine=self.url, path=Path(self.folder.name) / "runs", pace=HASTY)

    @rule(fault=st.sampled_from(FAULTS), probability=st.sampled_from([0.5, 1.0]))
    def the_service_turns_bad(self, fault: str, probability: float) -> None:
        self.engine.failures = {fault: probability}

    @rule()
    def the_service_is_well_again(self) -> None:
        self.engine.failures = None

    @rule(
        results=st.integers(1, 3),
        delivery=st.sampled_from(["sync", "async"]),
        kind=st.sampled_from(["URL", "base64Data", "dataURI"]),
        cost=st.sampled_from([None, True]),
    )
    def somebody_generates(self, results: int, delivery: str, kind: str, cost: bool | None) -> None:
        self.made += 1
        self.studio.generate(
            "A lantern", resolution="0.5K", seed=self.made, number_results=results, delivery_method=delivery,
            output_type=kind, include_cost=cost,
        )  # fmt: skip

    @precondition(lambda self: self.made)
    @rule(resend=st.booleans())
    def somebody_recovers(self, resend: bool) -> None:
        self.studio.recover(resend=resend)

    @rule()
    def a_new_kernel_opens_the_log(self) -> None:
        self.studio.close()
        self.studio = self.open()

    @invariant()
    def every_charge_is_in_the_log_once(self) -> None:
        rows = self.studio.df
        charges = self.engine.charges
        assert set(charges) <= set(rows.taskUUID), "charged, and not in the log"
        for task, charged in charges.items():
            own = rows[rows.taskUUID == task]
            pictures = own[own.status == "done"]
            if own.status.isin(["unknown", "sent"]).any():
                continue  # recoverable: the log says that nobody knows yet
            assert round(pictures.cost.sum() * MICRO) == charged, (
                f"{task} cost {charged}, the log says {pictures.cost.tolist()}"
            )
        refused = rows[rows.status.isin(["failed", "blocked"]) & ~rows.taskUUID.isin(list(charges))]
        assert refused.cost.isna().all()

    @invariant()
    def a_file_that_is_named_exists_and_is_whole(self) -> None:
        for run in self.studio.log:
            for image in run.images:
                assert image.pil.size == (512, 512)

    def teardown(self) -> None:
        """When the service is well and somebody recovers, all accounts agree and every paid picture is there."""
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
            self.server.__exit__(None, None, None)
            self.folder.cleanup()


PaidRuns.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=12,
    deadline=None,  # a real server on a busy machine
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
test_never_paid_twice_and_nothing_paid_is_lost = PaidRuns.TestCase
