"""A run: one request and what came of it, as data.

A :class:`Run` is made by the ledger when a request has ended, and by the log from its rows; both give the same.
What a run can *do* (make itself again) is handed in by whoever holds the engine, so that a run needs none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nbkit.display.figure import figures_html, no_mathjax
from nbkit.display.notice import notice_html, quiet_html
from nbkit.display.text import call, count, ellipsis, usd
from nbkit.errors import EngineError, NbkitError, NoImage
from nbkit.measures.preview import PREVIEW_SIZE
from nbkit.request.image_request import NAMES, PARAMETERS, ImageRequest, redacted
from nbkit.request.model import MICRO
from nbkit.request.parameter import Address, without_query
from nbkit.request.reference import Reference
from nbkit.results.image import GeneratedImage

PLANNED, SENT, DONE, FAILED, BLOCKED = "planned", "sent", "done", "failed", "blocked"
UNKNOWN, NOT_SENT = "unknown", "not_sent"
FINAL = (DONE, FAILED, BLOCKED, NOT_SENT)

HEADLINES = {
    PLANNED: "Not sent yet",
    SENT: "Sent, and not answered yet",
    FAILED: "No picture: the request failed",
    BLOCKED: "No picture: refused by a safety filter",
    UNKNOWN: "It is not known yet what became of this run",
    NOT_SENT: "Never sent: its kernel ended first; nothing was charged",
}
"""What is said of a run that has no picture, by its status."""


@dataclass(frozen=True, slots=True)
class Money:
    """Where a studio's money stood when a run ended, in micro-dollars."""

    spent: int
    left: int | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A result that did not come, or a picture whose file could not be fetched."""

    message: str
    advice: str = ""


@dataclass(frozen=True, repr=False, eq=False)
class Run:
    """One request and what came of it.

    Attributes:
        request: the :class:`~nbkit.ImageRequest`.
        task_uuid: the API's name for it, and its key in the log.
        status: ``done``, ``failed``, ``blocked`` (refused by a safety filter), ``unknown`` (the answer was lost),
            ``not_sent``, or, while it is under way, ``planned`` or ``sent``.
        images: the pictures, in the order of the answer; may be fewer than were asked for.
        error: what went wrong, as an exception of :mod:`nbkit.errors`; ``None`` when nothing did.
        failures: what is missing from a run that is done.
        engine: ``runware``, ``offline``, or an address.
        charged: whether real money was spent; ``False`` for the offline engine's list prices.
        created: when it was made, in UTC.
        latency: seconds from the send to the last picture, or ``None``.
        reused: whether it was answered from the log at no cost.
        complete: whether its request is all that was sent; the log keeps no credentials of addresses.
        task: the JSON that was sent, with credentials and inline pictures taken out.
    """

    request: ImageRequest
    task_uuid: str
    status: str
    images: tuple[GeneratedImage, ...] = ()
    error: NbkitError | None = None
    failures: tuple[Failure, ...] = ()
    cost_micros: int | None = None
    engine: str = ""
    charged: bool = False
    created: datetime | None = None
    latency: float | None = None
    reused: bool = False
    complete: bool = True
    task: dict[str, Any] = field(default_factory=dict)
    reference_files: dict[str, str] = field(default_factory=dict)
    money: Money | None = None
    make_again: Callable[[ImageRequest], Run] | None = None

    # -- the pictures -----------------------------------------------------------------------------------

    @property
    def image(self) -> GeneratedImage:
        """The first picture.

        Raises:
            NbkitError: what went wrong, if there is none.
        """
        if self.images:
            return self.images[0]
        self.raise_for_status()
        raise NoImage(f"{self.headline}: {'; '.join(f.message for f in self.failures)}")

    def raise_for_status(self) -> Run:
        """Raise what went wrong, if anything did; else return the run itself."""
        if self.error is not None:
            raise self.error
        return self

    def __getitem__(self, index: int) -> GeneratedImage:
        return self.images[index]

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[GeneratedImage]:
        return iter(self.images)

    def __bool__(self) -> bool:
        # With __len__ alone a failed run would be false, and `if run:` is not how to ask for a status.
        return True

    # -- facts -----------------------------------------------------------------------------------------

    @property
    def cost(self) -> float | None:
        """USD for the whole run; 0.0 when it is certain that nothing was charged, ``None`` when it is not known."""
        return None if self.cost_micros is None else self.cost_micros / MICRO

    @property
    def seed(self) -> int | None:
        """The seed of the first picture; of the request when there is none."""
        return self.images[0].seed if self.images else self.request.seed

    @property
    def headline(self) -> str:
        """Why there is no picture, in a few words."""
        return HEADLINES.get(self.status, "This run has no picture")

    @property
    def explanation(self) -> tuple[str, ...]:
        """What went wrong and what to do about it, sentence by sentence; empty when nothing did."""
        if self.error is None:
            return ()
        advice = self.error.advice if isinstance(self.error, EngineError) else ""
        return (str(self.error), advice)

    # -- again -----------------------------------------------------------------------------------------

    def rerun(self, **changes: Any) -> Run:
        """The same request with a change, under a new taskUUID: ``run.rerun(temperature=0.3)``."""
        if not self.complete and not {NAMES.find(name).name for name in changes} & {"webhook_url", "upload_endpoint"}:
            raise NbkitError(
                "the log keeps no credentials, so this run's webhook or upload address is not whole: "
                "give it again, run.rerun(webhook_url=…), or take it out, run.rerun(webhook_url=None)"
            )
        if self.make_again is None:
            raise NbkitError("this run has no studio; studio.generate(run.request, …) makes it again")
        return self.make_again(self.request.replace(**changes))

    def as_code(self) -> str:
        """The one expression that makes this run again when it is pasted into a cell."""
        arguments = [repr(self.request.prompt)]
        for name, value in self.request.parameters.items():
            if name == "reference_images":
                codes = (reference_code(reference, self.reference_files) for reference in value)
                arguments.append(f"{name}=[{', '.join(codes)}]")
            elif name != "prompt":
                secret = isinstance(PARAMETERS[name].kind, Address)
                arguments.append(f"{name}={(without_query(value) if secret else value)!r}")
        if self.request.seed is None and len(self.images) == 1 and self.seed is not None:
            arguments.append(f"seed={self.seed}")  # the service drew it; without it another picture would come
        if self.request.extra:
            arguments.append(f"extra={redacted(self.request.extra)!r}")
        return call("studio.generate", arguments)

    def as_json(self) -> str:
        """The JSON that was sent: an array of one task. Inline pictures stand as their hash, credentials not at all."""
        return json.dumps([self.task], indent=2, ensure_ascii=False)

    # -- showing it ------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        if self.status != DONE:
            return f"<Run {self.status}: {ellipsis(str(self.error), 80)}>" if self.error else f"<Run {self.status}>"
        here = count(len(self.images), "image")
        if self.failures:
            here = f"{len(self.images)} of {count(len(self.images) + len(self.failures), 'picture')} here"
        seed = "" if self.seed is None else f", seed {self.seed}"
        return f"<Run done: {here}{seed}, {usd(self.cost_micros)}>"

    # -- as a value ------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Run):
            return NotImplemented
        # What was never planned has no name yet, and is nothing but itself.
        return self is other or (bool(self.task_uuid) and self._key == other._key)

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[str, str]:
        return self.task_uuid, self.status

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "make_again": None}  # the way back to a studio leads nowhere in another process

    def to_html(self, size: int = PREVIEW_SIZE) -> str:
        """The run as it stands under a cell; ``size`` is the preview's long side in pixels."""
        parts = []
        if self.images:
            changed = self._changed()
            parts.append(figures_html(image.figure(size, (*image.caption, *changed)) for image in self.images))
        if self.status != DONE:
            parts.append(notice_html(self.status, self.headline, self.explanation))
        if self.failures:
            missing = f"{count(len(self.failures), 'result')} without a picture here"
            parts.append(notice_html(FAILED, missing, tuple(f"{f.message} {f.advice}".strip() for f in self.failures)))
        parts.append(quiet_html(self._money_line(), mark="REAL MONEY" if self.charged else ""))
        return "".join(parts)

    def to_text(self) -> str:
        """The same as text that is the same at every execution: no UUID, address, time or path."""
        lines = [repr(self)]
        changed = "".join(f" · {fact}" for fact in self._changed())
        lines += [f"  {' · '.join(image.caption)}{changed} · picture {image.fingerprint}" for image in self.images]
        if self.status != DONE:
            lines += [f"  {line}" for line in self.explanation if line]
        lines += [f"  missing: {failure.message}" for failure in self.failures]
        return "\n".join([*lines, "  " + " · ".join(self._money_line())])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": no_mathjax(self.to_html()), "text/plain": self.to_text()}

    def _changed(self) -> tuple[str, ...]:
        """What differs from the defaults, apart from what the caption says anyway."""
        said = {"prompt", "width", "height", "resolution", "aspect_ratio", "seed", "number_results", "include_cost"}
        facts = []
        for name, value in self.request.parameters.items():
            parameter = PARAMETERS[name]
            if name in said or value == parameter.default or parameter.group == "Delivery":
                continue
            if name == "reference_images":
                facts.append(count(len(value), "reference image"))
            else:
                facts.append(f"{parameter.wire[-1]} {ellipsis(str(value), 40)}")
        if self.request.extra:
            facts.append(f"extra {ellipsis(json.dumps(redacted(self.request.extra)), 60)}")
        return tuple(facts)

    def _charged_words(self) -> str:
        if self.status in (PLANNED, SENT, UNKNOWN):
            return "not settled: its money stays held"
        if self.cost_micros == 0:
            return "nothing was charged"
        return "charged" if self.charged else "offline list prices, nothing was charged"

    def _money_line(self) -> tuple[str, ...]:
        if self.reused:
            return ("answered from the log: nothing was sent, nothing was charged",)
        parts = [f"this run {usd(self.cost_micros)}" if self.cost_micros is not None else "this run: cost not known"]
        if self.money is not None:
            parts.append(f"this studio {usd(self.money.spent)}")
            if self.money.left is not None:
                parts.append(f"{usd(self.money.left)} left of the budget")
        parts.append(self._charged_words())
        if self.request.size_was_chosen and self.request.size:
            parts.append("size chosen by nbkit: 1:1 at 1K")
        return tuple(parts)


def reference_code(reference: Reference, files: Mapping[str, str]) -> str:
    """A reference image as Python, with the names ``studio`` and ``pathlib``.

    Args:
        reference: one of a request.
        files: by the hash of its content, where a reference that has pixels is kept, or what its file is called.
    """
    file = files.get(reference.sha256)
    if reference.is_lost or (file and reference.sha256 in file):
        return f"studio.log.reference({reference.sha256!r})"  # where it is lost, that says so
    if file:
        return f"pathlib.Path({file!r})"  # of a panel: not in the log before it is sent
    return repr(reference.wire if reference.data else reference.text)
