"""The engine's books: which tasks were accepted, what they cost, and what is still to be handed over."""

from __future__ import annotations

import random
import threading

from nbkit.offline.envelope import Problem
from nbkit.offline.failures import REFUSALS, Failures
from nbkit.offline.tasks import Inference, PlannedImage, make_results


class TaskStore:
    """Accepted tasks, charges and balance; safe to use from several threads.

    Args:
        balance: micro-dollars that the account holds at the beginning.
        seed: makes the seeds that are drawn here repeatable.
    """

    def __init__(self, balance: int, seed: int | None) -> None:
        self._balance, self._seed = balance, seed
        self._lock = threading.Lock()
        self._tasks: dict[str, Inference] = {}
        self._images: dict[str, tuple[Inference, PlannedImage]] = {}
        self._open: dict[str, Inference] = {}  # with something still to hand over
        self._refusals: dict[str, int] = {}
        self._charges: dict[str, int] = {}
        self._spent = 0

    @property
    def charges(self) -> dict[str, int]:
        """Micro-dollars by taskUUID, for each task that was charged; a copy."""
        with self._lock:
            return dict(self._charges)

    @property
    def spent(self) -> int:
        return self._spent

    @property
    def balance(self) -> int:
        return self._balance - self._spent

    @property
    def accepted(self) -> int:
        """How many tasks have been accepted."""
        return len(self._tasks)

    def accept(self, inference: Inference, failures: Failures, now: float, latency: float) -> None:
        """Enters a task, gives it its results and charges them.

        Raises:
            Problem: if its UUID is known, the account is empty, or a failure was asked for; nothing is charged.
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
            inference.results = make_results(inference, now, latency, self._source(key))
            self._enter(key, inference)

    def _enter(self, key: str, inference: Inference) -> None:
        self._tasks[key] = inference
        self._images |= {r.image_uuid: (inference, r) for r in inference.results if r.failure is None}
        if inference.charge:
            self._charges[inference.uuid] = inference.charge
            self._spent += inference.charge
        if inference.has_deliveries:
            self._open[key] = inference

    def _source(self, key: str) -> random.Random:
        return random.Random() if self._seed is None else random.Random(f"seed:{self._seed}:{key}")

    def finish(self, inference: Inference, now: float) -> None:
        """Notes that a task's sender has waited for it to the end."""
        with self._lock:
            for result in inference.results:
                result.ready = min(result.ready, now)

    def task(self, task_uuid: str) -> Inference | None:
        return self._tasks.get(task_uuid.lower())

    def image(self, image_uuid: str) -> tuple[Inference, PlannedImage] | None:
        return self._images.get(image_uuid)

    def take_break(self, result: PlannedImage) -> bool:
        """Whether this download of a picture is the one that breaks off."""
        with self._lock:
            breaks, result.breaks_off = result.breaks_off, False
            return breaks

    def take_due(self, now: float) -> tuple[list[tuple[Inference, PlannedImage]], float | None]:
        """The results to hand over now, each told once, and the time at which the next one is due."""
        due: list[tuple[Inference, PlannedImage]] = []
        coming: list[float] = []
        with self._lock:
            for key, inference in list(self._open.items()):
                waiting = [r for r in inference.results if r.failure is None and not r.announced]
                for result in waiting:
                    if result.ready <= now:
                        result.announced = True
                        due.append((inference, result))
                    else:
                        coming.append(result.ready)
                if all(r.announced for r in waiting):
                    del self._open[key]
        return due, min(coming, default=None)
