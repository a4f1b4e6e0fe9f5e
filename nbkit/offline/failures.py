"""Failures on request: what can go wrong on the way to a picture, each with a probability.

A task meets at most one of these. Which one is decided by the engine's seed, the task's UUID and how often it
was sent, so that a run with failures can be repeated exactly.

==========  ==========================================================================  =======
fault       what happens                                                                charged
==========  ==========================================================================  =======
busy        429 with ``Retry-After``; the task is not accepted                          no
capacity    503; the task is not accepted                                               no
server      500; the task is not accepted                                               no
blocked     the task runs, and the safety filter refuses it (400 when it was awaited)   no
failed      the task runs, and the model fails (HTTP 200 with ``errors``)               no
partial     half of the results fail, the others succeed; needs two results or more     in part
timeout     504, while the task goes on for one more latency                            yes
lost        the connection is cut with no answer                                        yes
cut         the answer's body breaks off in the middle                                  yes
html        502 with a page of HTML                                                     yes
download    the first download of each picture breaks off in the middle                 yes
==========  ==========================================================================  =======
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from nbkit.offline.envelope import Answer, Problem, Task, json_answer

REFUSALS = {
    "busy": Problem("rateLimitExceeded", "Too many requests at once; wait, then send it again.", status=429),
    "capacity": Problem("serviceUnavailable", "No capacity is free at the moment.", status=503),
    "server": Problem("internalServerError", "The engine had a problem of its own.", status=500),
}
"""The task is not accepted; it may be sent again under the same UUID."""

OUTCOMES = {
    "blocked": Problem("invalidProviderContent", "The provider's safety filter refused this content.", status=400),
    "failed": Problem("inferenceError", "The model failed at this task.", status=200),
    "partial": Problem("inferenceError", "The model failed at this result.", status=200),
}
"""The task is accepted, and all or some of its results are errors."""

CORRUPTED = ("timeout", "lost", "cut", "html")
"""The task is accepted, runs and is charged; its answer does not arrive as it should."""

FAULTS = (*REFUSALS, *OUTCOMES, *CORRUPTED, "download")

_PAGE = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class Failures:
    """Decides which fault a task meets.

    Args:
        probabilities: by fault name, from 0 to 1; their sum is at most 1, because a task meets one at most.
        seed: makes the decisions repeatable; without one they differ from engine to engine.
    """

    def __init__(self, probabilities: Mapping[str, float] | None, seed: int | None) -> None:
        given = dict(probabilities or {})
        for name, chance in given.items():
            if name not in FAULTS:
                raise ValueError(f"{name!r} is no fault; there are {', '.join(FAULTS)}")
            if isinstance(chance, bool) or not 0 <= chance <= 1:
                raise ValueError(f"failures[{name!r}]={chance!r}: must be a probability from 0 to 1")
        if sum(given.values()) > 1 + 1e-9:
            raise ValueError("the probabilities add up to more than 1, and a task meets one fault at most")
        self.probabilities = given
        self._salt = random.getrandbits(64) if seed is None else seed

    def draw(self, task_uuid: str, attempt: int) -> str | None:
        """The fault that this sending of a task meets, or ``None``."""
        point = random.Random(f"fault:{self._salt}:{task_uuid}:{attempt}").random()
        for name in FAULTS:  # not in the mapping's order, which would be one more thing that decides
            point -= self.probabilities.get(name, 0)
            if point < 0:
                return name
        return None


def corrupt(answer: Answer, fault: str, task: Task) -> Answer:
    """What arrives instead of a good answer; ``task`` is the one that met the fault."""
    if fault == "lost":
        return Answer(0, {}, b"", lost=True)
    if fault == "cut":
        return answer.broken_off()
    if fault == "html":  # what a proxy in between says; it knows nothing of the engine's headers
        return Answer(502, {"Content-Type": "text/html", "Content-Length": str(len(_PAGE))}, _PAGE)
    problem = Problem("timeoutProvider", "The provider took too long; the task may still finish.", status=504)
    return json_answer([], [problem.item(task)], problem.status)
