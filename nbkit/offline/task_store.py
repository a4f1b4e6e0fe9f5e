"""Stores the accepted tasks with their charges, and the results that still need a webhook call or an upload."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Collection

from nbkit.offline.envelope import Problem
from nbkit.offline.failures import REFUSALS, Failures
from nbkit.offline.painting.scene import Scene
from nbkit.offline.renderer import Renderer
from nbkit.offline.state import EngineState
from nbkit.offline.tasks import Inference, PlannedImage, make_results, restored


class TaskStore:
    """Accepted tasks, charges and balance; safe to use from several threads.

    Args:
        balance: micro-dollars that the account holds at the start.
        seed: makes the random seeds of pictures, and their noise, repeatable; ``None`` for new ones each time.
        renderer: draws the pictures of the tasks that the state has.
        state: where tasks are kept across a restart, or ``None``.

    Attributes:
        tasks: each accepted task, by its UUID in lower case.
        images: each result that has a picture, by image UUID, whether it is ready or not.
        balance: micro-dollars that are left.
    """

    def __init__(self, balance: int, seed: int | None, renderer: Renderer, state: EngineState | None = None) -> None:
        self.tasks: dict[str, Inference] = {}
        self.images: dict[str, PlannedImage] = {}
        self.balance = balance
        self._seed = seed
        self._lock = threading.Lock()
        self._undelivered: list[PlannedImage] = []
        self._repeats: Counter[tuple[Scene, int]] = Counter()
        self._refusals: Counter[str] = Counter()  # number of simulated refusals, by taskUUID
        self._state = state
        delivered = set() if state is None else {key for key, _ in state.rows("delivered")}
        for _, row in () if state is None else state.rows("task"):
            self._add(restored(row, renderer), delivered)

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
            if key in self.tasks:
                raise Problem("conflictTaskUUID", "This taskUUID has been used before.", parameter="taskUUID")
            if inference.total > self.balance:
                raise Problem("insufficientCredits", "The account does not hold what this task costs.", status=402)
            inference.fault = failures.draw(key, self._refusals[key])
            if inference.fault in REFUSALS:
                self._refusals[key] += 1
                raise REFUSALS[inference.fault]
            source = random.Random() if self._seed is None else random.Random(f"seed:{self._seed}:{key}")
            inference.results = make_results(inference, now, latency, source)
            if inference.scene.noise:
                for result in inference.results:
                    result.draw = self._next_draw(inference.scene, result.seed)
            if self._state is not None:
                self._state.put("task", key, inference.stored())
            self._add(inference, ())

    def _add(self, inference: Inference, delivered: Collection[str]) -> None:
        self.tasks[inference.uuid.lower()] = inference
        pictures = [result for result in inference.results if result.failure is None]
        self.images |= {result.image_uuid: result for result in pictures}
        self.balance -= inference.charge
        if inference.scene.noise:
            self._repeats.update((inference.scene, result.seed) for result in inference.results)
        if inference.request.webhook_url or inference.request.upload_endpoint:
            self._undelivered += [result for result in pictures if result.image_uuid not in delivered]

    def _next_draw(self, scene: Scene, seed: int) -> int:
        """Returns what the noise of a picture depends on: chance, or with a seed, how often it has been asked for."""
        if self._seed is None:
            return random.getrandbits(64)
        return self._seed * 2**32 + self._repeats[scene, seed] + 1

    @property
    def has_undelivered(self) -> bool:
        """Whether results are to be handed over, now or later."""
        return bool(self._undelivered)

    def finish(self, inference: Inference, now: float) -> None:
        """Make all results of a ``sync`` task ready now, after its client has waited for the latency."""
        with self._lock:
            for result in inference.results:
                result.ready = min(result.ready, now)

    def pop_due_results(self, now: float) -> tuple[list[PlannedImage], float | None]:
        """The results to hand over now, each returned only once, and the time at which the next one is ready.

        Args:
            now: seconds of the engine's clock; the returned time is on the same clock, or ``None``.
        """
        with self._lock:
            due = [result for result in self._undelivered if result.ready <= now]
            if self._state is not None:
                for result in due:
                    self._state.put("delivered", result.image_uuid, True)
            self._undelivered = [result for result in self._undelivered if result.ready > now]
            return due, min((result.ready for result in self._undelivered), default=None)
