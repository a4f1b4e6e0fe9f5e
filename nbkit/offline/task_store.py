"""Stores the accepted tasks with their charges, and the results that still need a webhook call or an upload."""

from __future__ import annotations

import random
import threading

from nbkit.offline.envelope import Problem
from nbkit.offline.failures import REFUSALS, Failures
from nbkit.offline.tasks import Inference, PlannedImage, make_results


class TaskStore:
    """Accepted tasks, charges and balance; safe to use from several threads.

    Args:
        balance: micro-dollars that the account holds at the start.
        seed: makes the random seeds of pictures repeatable; ``None`` for new ones each time.
    """

    def __init__(self, balance: int, seed: int | None) -> None:
        self._balance, self._seed = balance, seed
        self._lock = threading.Lock()
        self._tasks: dict[str, Inference] = {}
        self._images: dict[str, tuple[Inference, PlannedImage]] = {}
        self._undelivered: dict[str, Inference] = {}  # tasks with results that are still to be handed over
        self._refusals: dict[str, int] = {}  # number of simulated refusals, by taskUUID
        self._charges: dict[str, int] = {}
        self._spent = 0

    @property
    def charges(self) -> dict[str, int]:
        """Micro-dollars by taskUUID, for each task that was charged; a copy."""
        with self._lock:
            return dict(self._charges)

    @property
    def spent(self) -> int:
        """Micro-dollars, the sum of all charges."""
        return self._spent

    @property
    def balance(self) -> int:
        """Micro-dollars that are left."""
        return self._balance - self._spent

    @property
    def accepted(self) -> int:
        """Number of tasks that have been accepted."""
        return len(self._tasks)

    def accept(self, inference: Inference, failures: Failures, now: float, latency: float) -> None:
        """Store a task, plan its results and charge them.

        Args:
            inference: the task; its ``fault`` and its ``results`` are set.
            failures: decides whether it meets a fault.
            now: seconds of the engine's clock.
            latency: seconds that a task takes.

        Raises:
            Problem: if its UUID has been used, the balance is too low, or a simulated fault refuses it; nothing is
                charged.
        """
        key = inference.uuid.lower()
        with self._lock:
            if key in self._tasks:
                raise Problem("conflictTaskUUID", "This taskUUID has been used before.", parameter=["taskUUID"])
            if inference.total > self._balance - self._spent:
                raise Problem("insufficientCredits", "The account does not hold what this task costs.", status=402)
            attempt = self._refusals.get(key, 0)
            fault = failures.draw(key, attempt)
            if fault in REFUSALS:
                self._refusals[key] = attempt + 1
                raise REFUSALS[fault]
            self._refusals.pop(key, None)
            inference.fault = fault
            inference.results = make_results(inference, now, latency, self._random_source(key))
            self._add(key, inference)

    def _add(self, key: str, inference: Inference) -> None:
        self._tasks[key] = inference
        self._images |= {r.image_uuid: (inference, r) for r in inference.results if r.failure is None}
        if inference.charge:
            self._charges[inference.uuid] = inference.charge
            self._spent += inference.charge
        if inference.has_deliveries:
            self._undelivered[key] = inference

    def _random_source(self, key: str) -> random.Random:
        return random.Random() if self._seed is None else random.Random(f"seed:{self._seed}:{key}")

    def finish(self, inference: Inference, now: float) -> None:
        """Make all results of a ``sync`` task ready now, after its client has waited for the latency."""
        with self._lock:
            for result in inference.results:
                result.ready = min(result.ready, now)

    def task(self, task_uuid: str) -> Inference | None:
        """The accepted task of a UUID."""
        return self._tasks.get(task_uuid.lower())

    def image(self, image_uuid: str) -> tuple[Inference, PlannedImage] | None:
        """The result of an image UUID and its task, whether the result is ready or not."""
        return self._images.get(image_uuid)

    def pop_download_break(self, result: PlannedImage) -> bool:
        """Whether this download of a picture stops in the middle; ``False`` at all later calls."""
        with self._lock:
            breaks, result.breaks_off = result.breaks_off, False
            return breaks

    def pop_due_results(self, now: float) -> tuple[list[tuple[Inference, PlannedImage]], float | None]:
        """The results to hand over now, each returned only once, and the time at which the next one is ready.

        Args:
            now: seconds of the engine's clock; the returned time is on the same clock, or ``None``.
        """
        ready: list[tuple[Inference, PlannedImage]] = []
        later: list[float] = []
        with self._lock:
            for key, inference in list(self._undelivered.items()):
                waiting = [r for r in inference.results if r.failure is None and not r.handed_over]
                for result in waiting:
                    if result.ready <= now:
                        result.handed_over = True
                        ready.append((inference, result))
                    else:
                        later.append(result.ready)
                if all(r.handed_over for r in waiting):
                    del self._undelivered[key]
        return ready, min(later, default=None)
