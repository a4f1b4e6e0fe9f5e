"""What became of a task: its answers, put together in the order in which they came.

An answer has any mixture of pictures, failures and results that are open. Within one answer each picture is a result of
its own, whatever it shares with another one. A later answer repeats earlier results, or does not: each is matched with
one of them, by all that both have in common, and what is left over is new.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nbkit.errors import BlockedError, EngineError
from nbkit.results.run import BLOCKED, DONE, FAILED, NOT_SENT, UNKNOWN
from nbkit.service.response import ImageResult, TaskResponse, results_wanted


def status_of(response: TaskResponse) -> str:
    """What became of a task, as the status of its run; nothing in the response means that the task was not sent."""
    if response.lost:
        return UNKNOWN
    if response.results:
        return DONE
    if any(isinstance(error, BlockedError) for error in response.errors):
        return BLOCKED
    return FAILED if response.errors else NOT_SENT


def is_complete(response: TaskResponse, wanted: int) -> bool:
    """Whether there is a picture or a failure for each result that was asked for, and nothing is at work."""
    ended = len(response.results) + (0 if response.processing else len(response.errors))
    return ended >= wanted


def is_over(response: TaskResponse) -> bool:
    """Whether no result can be added: the task is one of the past, or failed as a whole."""
    is_failed = not response.results and any(error.image_uuid is None for error in response.errors)
    return not response.processing and (response.final or is_failed)


def merged(before: TaskResponse, now: TaskResponse, task: Mapping[str, Any]) -> TaskResponse:
    """All that is known of a task after an answer.

    Args:
        before: what was known.
        now: the answer.
        task: as it was sent.
    """
    came = _without_repeats([_with_sent_seed(result, task) for result in now.results], results_wanted(task))
    results = list(before.results)
    for result, index in zip(came, match(before.results, came), strict=True):
        if index is None:
            results.append(result)
        else:
            results[index] = _filled(results[index], result)
    repeated = Counter(map(_text_of, now.errors))
    errors = list(now.errors)
    pictures = {result.image_uuid for result in results}
    for error in before.errors:
        if repeated[_text_of(error)] > 0:
            repeated[_text_of(error)] -= 1
        elif error.image_uuid not in pictures:
            errors.append(error)
    offline = before.offline or now.offline
    return dataclasses.replace(now, results=tuple(results), errors=tuple(errors), offline=offline)


def match(before: Sequence[ImageResult], now: Sequence[ImageResult]) -> list[int | None]:
    """For each result of an answer, the index of the earlier result that it is; ``None`` for a new one.

    What both have in common is compared, the surest first, because an imageUUID, a seed or a signature of the address may
    be missing in one answer and there in the next.
    """
    found: list[int | None] = [None] * len(now)
    for is_same in _RULES:
        for index, result in enumerate(now):
            if found[index] is None:
                same = (i for i, earlier in enumerate(before) if i not in found and is_same(earlier, result))
                found[index] = next(same, None)
    return found


def _agree(one: ImageResult, other: ImageResult) -> bool:
    """Whether nothing tells two results apart: services number the seeds of a task's results."""
    return None in (one.seed, other.seed) or one.seed == other.seed


def _may_have_one_source(earlier: ImageResult, later: ImageResult) -> bool:
    """Whether two results have one address, or the log does not have the source of the earlier one."""
    return not earlier.source or earlier.unsigned_source == later.unsigned_source


_RULES: tuple[Callable[[ImageResult, ImageResult], bool], ...] = (
    lambda a, b: a.image_uuid == b.image_uuid and a.source == b.source and a.seed == b.seed,
    lambda a, b: a.image_uuid == b.image_uuid and a.source == b.source,
    lambda a, b: a.image_uuid == b.image_uuid and _may_have_one_source(a, b) and a.seed == b.seed,
    lambda a, b: a.image_uuid == b.image_uuid and _may_have_one_source(a, b) and _agree(a, b),
    lambda a, b: a.image_uuid == b.image_uuid and _agree(a, b),
    lambda a, b: not (a.is_named and b.is_named) and a.unsigned_source == b.unsigned_source and _agree(a, b),
    lambda a, b: a.is_named != b.is_named and a.seed is not None and a.seed == b.seed,
)


def _filled(before: ImageResult, now: ImageResult) -> ImageResult:
    """A result that came again, with what an earlier answer knew of it in addition."""
    known = {name: getattr(before, name) for name in ("seed", "cost", "nsfw", "replay") if getattr(now, name) is None}
    if before.is_named:
        known |= {"image_uuid": before.image_uuid, "is_named": True}
    return dataclasses.replace(now, **known, source=now.source or before.source)


def _without_repeats(results: Sequence[ImageResult], wanted: int) -> list[ImageResult]:
    """The results of one answer; if there are more than were asked for, without the exact repeats among them."""
    kept: list[ImageResult] = []
    spare = len(results) - wanted
    for result in results:
        if spare > 0 and result in kept:
            spare -= 1
        else:
            kept.append(result)
    return kept


def _text_of(error: EngineError) -> tuple[str, str, str | None]:
    return error.code, error.message, error.image_uuid


def _with_sent_seed(result: ImageResult, task: Mapping[str, Any]) -> ImageResult:
    """A result with the seed that it was made with, if the service has rounded it in its answer.

    JavaScript keeps 53 bits of a number. The results of a task have its seed and the numbers after it; the one that
    rounds to what came is told, if there is only one.
    """
    first = task.get("seed")
    if result.rounded_seed is None or not isinstance(first, int):
        return result
    sent = [seed for seed in range(first, first + results_wanted(task)) if float(seed) == result.rounded_seed]
    return dataclasses.replace(result, seed=sent[0]) if len(sent) == 1 else result
