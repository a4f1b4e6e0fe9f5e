"""Asks a service in dry runs whether the profiles of the models still hold: their bounds, their sizes, their prices.

A dry run checks and prices a task without running it. A service that did not know dry runs would make a picture of each task
that it accepts. So the first task of each model is one that must be refused, every task asks for one picture, and the check
stops as soon as an answer has a picture, or none comes: it costs one picture at most.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbkit.display.text import count, usd
from nbkit.errors import DownloadError, EngineError, RefusedError
from nbkit.measures.facts import examine
from nbkit.request.image_request import ImageRequest
from nbkit.request.parameter import Choice, Decimal2, Integer, Text
from nbkit.request.price import MICRO, Price
from nbkit.request.profile import DEFAULT_RATIO, LACKING, NOT_KNOWN, TAKEN, ModelParameter, Profile
from nbkit.service.client import Client

PROMPT = "a paper lantern"
NO_SIZE = {"width": 7, "height": 7}

_NOT_ASKED = (
    "model", "width", "height", "resolution", "aspect_ratio",  # the questions about sizes have them
    "prompt",  # its lengths have questions of their own
    "reference_images",  # would send pictures
    "number_results", "delivery_method",  # where dry runs are ignored: several pictures, or one that no answer shows
)  # fmt: skip

HOLDS, DIFFERS, LEARNED = "holds", "differs", "learned"


class CheckStopped(EngineError):
    """A check that ended early: an answer had a picture, or there was none that says what the service checks.

    Attributes:
        picture: the bytes of the picture, which is paid; ``None`` without one.
    """

    picture: bytes | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One dry run.

    Attributes:
        profile: of the model.
        topic: what is asked, in words.
        task: that is sent, without its taskUUID.
        accepted: what the profile says; ``None`` where it does not know.
        price: the price that the profile has; ``None`` where the task is about something else.
    """

    profile: Profile
    topic: str
    task: dict[str, Any] = field(repr=False)
    accepted: bool | None
    price: Price | None = None

    @property
    def line(self) -> str:
        """The question as a line of text."""
        expected = {True: "accepted", False: "refused", None: "not known"}[self.accepted]
        price = f", {_price_text(self.price)}" if self.price else ""
        return f"{self.topic}: {expected}{price}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What the service answered to a question.

    Attributes:
        question: that was asked.
        outcome: ``holds``, ``differs``, or ``learned`` where the profile did not know.
        answer: of the service, in words.
    """

    question: Question
    outcome: str
    answer: str

    @property
    def line(self) -> str:
        """The finding as a line of text."""
        return f"{self.outcome:8}{self.question.line}; the service: {self.answer}"


def questions_about(profile: Profile) -> list[Question]:
    """All questions about a model; the first is one that must be refused.

    Args:
        profile: of the model.
    """
    asked = [_ask(profile, "width=7, height=7", False, NO_SIZE)]
    for tier in profile.tiers:
        for ratio, (width, height) in profile.sizes[tier].items():
            price = profile.price(tiers=[tier]) if ratio == DEFAULT_RATIO else None
            asked.append(_ask(profile, f"{ratio} at {tier}", True, {"width": width, "height": height}, price=price))
    for (width, height), (ratio, tier) in profile.other_sizes.items():
        topic = f"{ratio} at {tier} as {width}x{height}"
        asked.append(_ask(profile, topic, None, {"width": width, "height": height}))
    bounds = profile.parameters["prompt"].kind
    assert isinstance(bounds, Text)
    lengths = [(bounds.minimum, True), (bounds.minimum - 1, False)]
    lengths += [(bounds.maximum, True), (bounds.maximum + 1, False)] if bounds.maximum else []
    for length, accepted in lengths:
        topic = f"a prompt of {length:,} characters"
        asked.append(_ask(profile, topic, accepted, {"positivePrompt": "x" * length}))
    for own in profile.parameters.values():
        asked += list(_questions_about_parameter(profile, own))
    return asked


def _questions_about_parameter(profile: Profile, own: ModelParameter) -> Iterator[Question]:
    if own.name in _NOT_ASKED:
        return
    kind, name = own.kind, own.name
    expected = {TAKEN: True, LACKING: False, NOT_KNOWN: None}[own.state]
    values: list[tuple[Any, bool | None]] = []
    if isinstance(kind, Choice):
        values = [(choice, expected) for choice in kind.choices]
    elif isinstance(kind, Integer) and kind.maximum is None:
        values = [(kind.minimum, expected), (kind.minimum - 1, False)]
    elif isinstance(kind, (Integer, Decimal2)) and kind.maximum is not None:
        beyond = kind.maximum + (1 if isinstance(kind, Integer) else kind.step)
        values = [(kind.minimum, expected), (kind.maximum, expected)]
        if own.state == TAKEN and kind.maximum < 2**63 - 1:  # a larger one is no number of 64 bits
            values.append((round(beyond, 2), False))
    elif name in ("web_search", "image_search", "check_content"):
        values = [(True, expected)]
    elif name == "system_prompt":
        values = [("Be brief.", expected)]
    for value, is_accepted in values if own.state != LACKING else values[:1]:
        nested: dict[str, Any] = {own.wire[-1]: own.spell(value)}
        for key in reversed(own.wire[:-1]):
            nested = {key: nested}
        yield _ask(profile, f"{'.'.join(own.wire)}={own.spell(value)!r}", is_accepted, nested)


def _ask(
    profile: Profile, topic: str, accepted: bool | None, changes: dict[str, Any], *, price: Price | None = None
) -> Question:
    # A task as code sends it, with the values in question put in unchecked.
    tier = profile.tiers[0]
    size = {} if "width" in changes else dict(zip(("width", "height"), profile.size_of("1:1", tier), strict=True))
    request = ImageRequest(PROMPT, model=profile.identifier, extra={**size, **changes})
    task = {name: value for name, value in request.to_send().items() if name != "taskUUID"}
    return Question(profile, topic, task, accepted, price)


def highest_price(questions: Sequence[Question]) -> Price:
    """What the dearest picture of all may cost: the most that a check may cost."""
    return max((question.price for question in questions if question.price), key=lambda price: price.high)


def budget_line(questions: Sequence[Question]) -> str:
    """What a check may cost, as a sentence."""
    most = usd(highest_price(questions).high)
    return (
        f"A dry run checks and prices {count(len(questions), 'task')} and makes no picture. A service that ignored that would "
        f"make one, for up to {most}, and the check would stop there."
    )


def ask_service(client: Client, questions: Sequence[Question]) -> Iterator[Finding]:
    """Ask the service each question, in order.

    Args:
        client: the service.
        questions: of :func:`questions_about`, model by model.

    Raises:
        CheckStopped: if an answer has a picture, or says nothing of what the service checks.
        EngineError: if no answer comes, or the service refuses the key.
    """
    for question in questions:
        task = {"taskUUID": str(uuid.uuid4()), **question.task}
        response, cost = client.dry_run(task)
        if response.results:
            made = response.results[0]
            spent = f", for {usd(made.cost)}" if made.cost is not None else ""
            stopped = CheckStopped(
                f"the service made a picture in a dry run{spent}; taskUUID {task['taskUUID']}, {made.url or 'inline'}. "
                "Nothing more was asked"
            )
            with contextlib.suppress(DownloadError):
                stopped.picture, _ = client.fetch(made.source, examine)
            raise stopped
        refusal = next(iter(response.errors), None)
        if refusal is not None and not isinstance(refusal, RefusedError):
            raise refusal
        if question.task["width"] == NO_SIZE["width"] and refusal is None:
            raise CheckStopped(
                f"the service accepted {question.topic}, which must be refused: its dry runs check nothing. Nothing more was asked"
            )
        yield _finding(question, refusal, cost)


def _finding(question: Question, refusal: EngineError | None, cost: int | None) -> Finding:
    answer = f"refused ({refusal.code or refusal.message[:80]})" if refusal else "accepted"
    if question.accepted is None:
        return Finding(question, LEARNED, answer)
    outcome = HOLDS if question.accepted == (refusal is None) else DIFFERS
    if question.price and refusal is None:
        answer = f"{answer}, {usd(cost)}" if cost is not None else f"{answer}, without a price"
        low, high = question.price.low, question.price.high
        if low != high:
            outcome = LEARNED
        elif cost is not None and cost != high:
            outcome = DIFFERS
    return Finding(question, outcome, answer)


def _price_text(price: Price) -> str:
    return f"{price.high / MICRO:g} USD" if price.low == price.high else f"{price.low / MICRO:g} USD at its maker"
