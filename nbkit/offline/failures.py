"""Simulated failures of a task, each with a probability.

A task meets at most one of these faults. The engine's seed, the task's UUID and the number of earlier refusals decide
which one, so that a run with failures can be repeated exactly.

==========  ==========================================================================  =======
fault       what happens                                                                charged
==========  ==========================================================================  =======
busy        429 with ``Retry-After``; the task is not accepted                          no
capacity    503; the task is not accepted                                               no
server      500; the task is not accepted                                               no
blocked     the task runs, and the safety filter refuses it (400 for a ``sync`` task)   no
failed      the task runs, and the model fails (HTTP 200 with ``errors``)               no
partial     half of the results fail, the others succeed; needs two results or more     in part
timeout     504, while the task continues for one more latency                          yes
lost        the connection is closed without an answer                                  yes
cut         the second half of the answer's body is missing                             yes
html        502 with a page of HTML                                                     yes
download    the first download of each picture stops in the middle                      yes
cancelled   the last result ends with this word, without an address                     in part
unsafe      the safety check finds something in the last result: its address is null    in part
==========  ==========================================================================  =======
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from nbkit.display.page import page_html
from nbkit.offline.envelope import Answer, Problem, Task

REFUSALS = {
    "busy": Problem("rateLimitExceeded", "Too many requests at once; wait, then send it again.", status=429),
    "capacity": Problem("serviceUnavailable", "No capacity is free at the moment.", status=503),
    "server": Problem("internalServerError", "The engine had a problem of its own.", status=500),
}
"""The task is not accepted; it may be sent again with the same UUID."""

OUTCOMES = {
    "blocked": Problem("invalidProviderContent", "The provider's safety filter refused this content.", status=400),
    "failed": Problem("inferenceError", "The model could not make this picture.", status=200),
    "partial": Problem("inferenceError", "The model failed at this result.", status=200),
}
"""The task is accepted, and all or some of its results are errors."""

ENDINGS: dict[str, dict[str, Any]] = {
    "cancelled": {"status": "cancelled", "message": "The provider cancelled this result."},
    "unsafe": {"NSFWContent": True, "imageURL": None, "message": "The safety check found something in this result."},
}
"""The task is accepted, and one item of its ``data`` has no picture: what it has instead."""

CORRUPTED = ("timeout", "lost", "cut", "html")
"""The task is accepted, runs and is charged; its answer is missing or damaged."""

FAULTS = (*REFUSALS, *OUTCOMES, *CORRUPTED, "download", *ENDINGS)

_HTML_PAGE = page_html("502 Bad Gateway", "<h1>502 Bad Gateway</h1>").encode()


class Failures:
    """Decides which fault a task meets.

    Args:
        probabilities: by fault name, from 0 to 1; their sum is at most 1, because a task meets at most one fault.
        seed: makes the decisions repeatable; without one they differ from engine to engine.

    Attributes:
        probabilities: as given; empty if no fault can occur.

    Raises:
        ValueError: for an unknown fault, a probability outside 0 to 1, or a sum above 1.
    """

    def __init__(self, probabilities: Mapping[str, float] | None, seed: int | None) -> None:
        self.probabilities = dict(probabilities or {})
        for name, chance in self.probabilities.items():
            if name not in FAULTS:
                raise ValueError(f"{name!r} is not a fault; there are {', '.join(FAULTS)}")
            if isinstance(chance, bool) or not 0 <= chance <= 1:
                raise ValueError(f"failures[{name!r}]={chance!r}: must be a probability from 0 to 1")
        if sum(self.probabilities.values()) > 1 + 1e-9:
            raise ValueError("the probabilities add up to more than 1, and a task meets one fault at most")
        self._salt = random.getrandbits(64) if seed is None else seed

    def draw(self, task_uuid: str, attempt: int) -> str | None:
        """The fault that a task meets, or ``None``.

        Args:
            task_uuid: of the task.
            attempt: number of earlier refusals of this task.
        """
        point = random.Random(f"fault:{self._salt}:{task_uuid}:{attempt}").random()
        for name in FAULTS:  # a fixed order: the order of the mapping must not change the result
            point -= self.probabilities.get(name, 0)
            if point < 0:
                return name
        return None


def corrupt(answer: Answer, fault: str, task: Task) -> Answer:
    """The answer that a client receives instead of the right one.

    Args:
        answer: the right one.
        fault: one of ``CORRUPTED``.
        task: the task that met the fault.
    """
    if fault == "lost":
        return Answer(0, {}, b"", drops_connection=True)
    if fault == "cut":
        return answer.truncated()
    if fault == "html":  # as from a proxy: without the headers of the engine
        return Answer(502, {"Content-Type": "text/html", "Content-Length": str(len(_HTML_PAGE))}, _HTML_PAGE)
    return Problem("timeoutProvider", "The provider took too long; the task may still finish.", status=504).answer(task)
