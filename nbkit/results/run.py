"""A run: one request and its outcome, as data.

A :class:`Run` is made by the ledger when a request has ended, and by the log from its rows; both are equal. The log and
the studio add a :class:`RunContext`, so that a run does not depend on an engine. A :class:`GeneratedImage` is one picture
of a run.
"""

from __future__ import annotations

import builtins
import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Unpack, overload

from nbkit.display.figure import Figure, figure_html, figures_html, no_mathjax
from nbkit.display.notice import notice_html, quiet_html
from nbkit.display.text import call, count, ellipsis, list_price, printable_json, replay_caption, usd_short
from nbkit.errors import NbkitError, NoImage, NoSuchNumber, RequestError, printable
from nbkit.measures.facts import NEUTRAL, SUFFIXES, PictureFacts, header_size
from nbkit.measures.preview import PREVIEW_SIZE
from nbkit.metadata.record import SettingsRecord
from nbkit.request.image_request import NAMES, PARAMETERS, ImageRequest
from nbkit.request.keywords import RequestChanges, RequestKeywords, name_parameters
from nbkit.request.parameter import short_repr
from nbkit.request.price import MICRO
from nbkit.request.profiles import DEFAULT
from nbkit.request.reference import Reference, missing_reference
from nbkit.request.task import redacted
from nbkit.results.image import PictureFile
from nbkit.results.money import Budget, short_amount

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
"""Headline for a run without a picture, by its status."""


_NOT_TYPED = frozenset({
    "caption", "complete", "context", "cost_micros", "explanation", "failures", "figure", "headline", "is_stored", "link",
    "money", "origin", "parent_image", "parent_uuid", "reference_files",
})  # fmt: skip
"""Attributes of runs and pictures that other parts of nbkit read, and that TAB does not offer."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A result that failed, or a picture whose file could not be fetched.

    Attributes:
        message: what went wrong.
        advice: what the user can do about it; may be empty.
    """

    message: str
    advice: str = ""


class GeneratedImage(PictureFile):
    """One picture of a run. As the last line of a cell it shows itself.

    Two pictures are equal if their bytes are.

    Attributes:
        seed: the seed that the service reports for this picture, or ``None``.
        width, height: its real size in pixels, read from the file; ``None`` where that is not known.
        sha256: of its bytes, as 64 hex digits.
        media_type: such as ``image/jpeg``; ``application/octet-stream`` where it is not known.
        problem: what is wrong with its bytes, which are kept as they came, as a sentence; ``""`` if nothing is. They may
            be of a format that Pillow cannot show, or cut short.
        fingerprint: sixteen hex digits that show how light the picture is where, to see at a glance whether an output
            has changed; another encoding may change a digit by one. ``""`` for a picture that cannot be decoded.
        image_uuid: its imageUUID.
        nsfw: the outcome of the safety check, or ``None`` without one.
        replay: how a pack answered: ``exact``, ``nearest:`` with what differs, or ``drawn``; ``None`` without a pack.
        cost_micros: the cost in micro-dollars; see :attr:`cost`.
        prompt: that it was made from.
        request: the :class:`~nbkit.ImageRequest` that it was made from; ``None`` where that is not known.
        link: the relative path of its file from the notebook's folder, to which it leads in a cell; ``""`` where the log
            is elsewhere.
        origin: the run that made it, without the run's pictures; ``None`` for a picture without a log.

    Example:
        >>> import nbkit
        >>> image = nbkit.Studio(engine="offline").generate("A paper lantern", seed=7, resolution="0.5K").image
        >>> image.width, image.height, image.media_type, image.seed, image.cost
        (512, 512, 'image/jpeg', 7, 0.04657)
        >>> image.pil.size
        (512, 512)
    """

    def __init__(
        self,
        *,
        facts: PictureFacts,
        path: Path | None = None,
        data: builtins.bytes | None = None,
        seed: int | None = None,
        cost_micros: int | None = None,
        image_uuid: str = "",
        nsfw: bool | None = None,
        replay: str | None = None,
        prompt: str = "",
        request: ImageRequest | None = None,
        link: str = "",
    ) -> None:
        self._path, self._data, self.cost_micros = path, data, cost_micros
        self.media_type, self.width, self.height = facts.media_type, facts.width, facts.height
        self.sha256, self.fingerprint, self.problem = facts.sha256, facts.fingerprint, facts.problem
        self.seed, self.image_uuid, self.nsfw, self.replay = seed, image_uuid, nsfw, replay
        self.prompt, self.request = prompt, request
        self.link = link
        self.origin: Run | None = None

    @property
    def cost(self) -> float | None:
        """USD, or ``None`` when the answer did not contain it."""
        return None if self.cost_micros is None else self.cost_micros / MICRO

    @name_parameters
    def edit(self, prompt: str, **changes: Unpack[RequestKeywords]) -> Run:
        """Make a new picture from this one: it is the only reference image, and the prompt says what to change.

        All else is as in the request that made this picture: temperature, a seed that was set, the output format. There
        is one result, and the size stays: the width and height or the aspect ratio that the request set; where it set
        none, the picture's own shape and tier.

        Args:
            prompt: what to change.
            **changes: of the request, as for :meth:`nbkit.ImageRequest.replace`. ``reference_images=[image, other]`` sends
                these instead of this picture alone, and ``seed=None`` has the service draw a seed.

        Returns:
            The new run; its ``parent`` is the run of this picture. A refusal or a failure is a result too: see its
            ``status``.

        Raises:
            NbkitError: if the picture has no studio, or if the webhook or upload address of its run had credentials,
                which the log does not store, and ``changes`` has no new one.
            NoImage: if the picture's file is gone or damaged.
            RequestError: for a value that the model does not allow.
            BudgetExceeded: if the run might cost more than is left.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern shop", aspect_ratio="16:9", seed=7)
            >>> snow = run.image.edit("The same shop in the snow", temperature=0.6)
            >>> snow.image.width, snow.image.height, snow.seed, len(snow.request.reference_images)
            (1376, 768, 7, 1)
            >>> snow.image.edit("At dawn").parent == snow
            True
        """
        run = self.origin
        if run is None or run.context is None or run.context.make is None:
            instead = f"studio.generate({prompt!r}, reference_images=[image])"
            raise NbkitError(f"this picture has no studio; {instead} makes a picture from it")
        base = run.request.replace(reference_images=[self], number_results=None)
        if self.width and self.height and base.replace(reference_images=None).has_default_size:
            base = base.replace(resolution=run.request.profile.tier_of_pixels(self.width, self.height))
        _check_whole(run, {"prompt": prompt, "reference_images": self, **changes}, "image.edit(…, ")
        return run.context.make(base.replace(prompt=prompt, **changes), parent_image=self.image_uuid or None)

    @property
    def _settings(self) -> SettingsRecord:
        run = self.origin
        facts: dict[str, Any] = {"seed": self.seed, "cost": self.cost, "width": self.width, "height": self.height}
        if run is not None:
            facts |= {
                "model": run.task.get("model"),
                "charged": run.charged,
                "engine": run.engine,
                "created": run.created,
            }
            facts |= {
                "taskUUID": run.task_uuid,
                "parent": run.parent_uuid or _task_of(run),
                "parentImage": run.parent_image,
            }
            facts |= {"sweep": run.sweep, "template": run.template, "axes": run.axes}
        facts |= {"imageUUID": self.image_uuid or None, "sha256": self.sha256, "replay": self.replay}
        known = {name: value for name, value in facts.items() if value is not None and value != {}}
        return SettingsRecord(self.request, known)

    def figure(
        self, size: int = PREVIEW_SIZE, caption: tuple[str, ...] | None = None, max_bytes: int | None = None
    ) -> Figure:
        """The picture for display; without a caption of its own, the caption has size, seed and cost."""
        caption = self.caption if caption is None else caption
        try:
            data = self.preview(size, max_bytes)
        except NoImage as error:
            return Figure(None, self.prompt, caption=caption, missing=str(error))
        return Figure(data, self.prompt or "generated picture", *header_size(data), caption, link=self.link)

    @property
    def caption(self) -> tuple[str, ...]:
        """Size, seed and cost, as text; after the size, what is wrong with its bytes, and a model that is not the default.

        Before the cost, how a pack answered.
        """
        size = () if self.width is None else (f"{self.width}x{self.height}",)
        problem = (self.problem,) if self.problem else ()
        seed = () if self.seed is None else (f"seed {self.seed}",)
        replay = replay_caption(self.replay)
        return (*size, *problem, *model_name(self.request), *seed, *replay, usd_short(self.cost_micros))

    def __dir__(self) -> list[str]:
        return sorted(set(super().__dir__()) - _NOT_TYPED)

    def __eq__(self, other: object) -> bool:
        return self.sha256 == other.sha256 if isinstance(other, GeneratedImage) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "origin": None, "request": self.request and _without_pixels(self.request)}

    def __repr__(self) -> str:
        kind = SUFFIXES.get(self.media_type, NEUTRAL)[1:].upper()
        first, *facts = self.caption if self.width else ("", *self.caption)
        return f"<GeneratedImage {', '.join(filter(None, (f'{first} {kind}'.strip(), *facts, self.fingerprint)))}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": no_mathjax(figure_html(self.figure())), "text/plain": repr(self)}


def _task_of(run: Run) -> str | None:
    """The taskUUID of the run whose picture another one edits, where the log can say it."""
    with contextlib.suppress(NbkitError):
        parent = run.parent if run.parent_image else None
        return None if parent is None else parent.task_uuid
    return None


def model_name(request: ImageRequest | None) -> tuple[str, ...]:
    """The name of a request's model for a caption; nothing for the default one."""
    return () if request is None or request.profile is DEFAULT else (request.profile.name,)


def _without_pixels(request: ImageRequest) -> ImageRequest:
    """A request that only names its reference images: pickling a picture must not carry other pictures along."""
    references = request.reference_images or ()
    if not any(reference.data for reference in references):
        return request
    light = [missing_reference(reference.sha256) if reference.data else reference for reference in references]
    return request.replace(reference_images=light)


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a run and its pictures need of their log and their studio.

    Attributes:
        find_parent: reads from the log the run that another one was made from.
        make: makes the pictures of a request and waits for them, ``make(request, parent=…, parent_image=…)``; ``None``
            without a studio.
    """

    find_parent: Callable[[Run], Run | None]
    make: Callable[..., Run] | None = None


@dataclass(frozen=True, repr=False, eq=False)
class Run:
    """One request and its outcome. As the last line of a cell it displays its pictures.

    ``run[0]``, ``len(run)`` and ``for image in run`` work on :attr:`images`. Two runs are equal if their taskUUID and
    their status are.

    Attributes:
        request: the :class:`~nbkit.ImageRequest`.
        task_uuid: its id in the API and in the log.
        status: ``done``, ``failed``, ``blocked`` (refused by a safety filter), ``unknown`` (the answer was lost),
            ``not_sent``, or, while it is under way, ``planned`` or ``sent``.
        images: the pictures, in the order of the answer; may be fewer than were requested.
        error: what went wrong, as an exception of :mod:`nbkit.errors`; ``None`` if nothing did.
        failures: the results that are missing from a run that is done.
        cost_micros: the cost in micro-dollars; see :attr:`cost`.
        engine: ``runware``, ``offline``, or an address.
        charged: whether real money was spent; ``False`` for the offline engine's list prices.
        created: when it was made, in UTC.
        adopted: when it came from another log, in UTC; ``None`` for a run of this log. Somebody else has paid for it.
        latency: seconds from the send to the last picture, or ``None``.
        parent_uuid: the taskUUID of the run that this one makes again, or ``None``; see :attr:`parent`.
        parent_image: the imageUUID of the picture that it was made from, or ``None``.
        reused: whether it was answered from the log at no cost.
        complete: ``False`` if the request lacks credentials that were sent: the log does not store those of addresses.
        task: the JSON that was sent, without credentials and with inline pictures as their hash.
        reference_files: the files of its reference images in the image folder, by the hash of their content.
        axes: of a sweep's run, the variables of the template and the repeat, by name.
        sweep: the name of the sweep that it belongs to, or ``None``.
        template: the text that the sweep made its prompt from, where that has variables; ``None`` otherwise.
        money: the studio's :class:`~nbkit.Budget` when the run ended, or ``None``.
        context: its log and its studio, behind :attr:`parent`, :meth:`rerun` and ``image.edit``; ``None`` without them.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> run = studio.generate("A paper lantern", seed=7, resolution="0.5K", number_results=2)
        >>> run
        <Run done: 2 images, seed 7, $0.093>
        >>> run.status, run.cost, [image.seed for image in run]
        ('done', 0.09314, [7, 8])
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
    adopted: datetime | None = None
    latency: float | None = None
    parent_uuid: str | None = None
    parent_image: str | None = None
    reused: bool = False
    complete: bool = True
    task: dict[str, Any] = field(default_factory=dict)
    reference_files: dict[str, str] = field(default_factory=dict)
    axes: dict[str, str | int | float] = field(default_factory=dict)
    sweep: str | None = None
    template: str | None = None
    money: Budget | None = None
    context: RunContext | None = None

    # -- the pictures -----------------------------------------------------------------------------------

    @property
    def image(self) -> GeneratedImage:
        """The first picture.

        Raises:
            NbkitError: if there is none: the run's :attr:`error`, or ``NoImage``.
        """
        if self.images:
            return self.images[0]
        self.raise_for_status()
        raise NoImage(f"{self.headline}: {'; '.join(f.message for f in self.failures)}")

    def raise_for_status(self) -> Run:
        """Raise the run's :attr:`error` if it has one; otherwise return the run itself.

        Raises:
            NbkitError: what went wrong.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> studio.generate("A paper lantern", seed=7).raise_for_status().status
            'done'
            >>> run = nbkit.Studio(engine=nbkit.Offline(failures={"blocked": 1.0})).generate("A paper lantern")
            >>> try:
            ...     run.raise_for_status()
            ... except nbkit.errors.BlockedError as error:
            ...     print(error)
            The provider's safety filter refused this content. [invalidProviderContent]
        """
        if self.error is not None:
            raise self.error.with_traceback(None)  # without the lines that raised it before
        return self

    @overload
    def __getitem__(self, index: int) -> GeneratedImage: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[GeneratedImage, ...]: ...
    def __getitem__(self, index: int | slice) -> GeneratedImage | tuple[GeneratedImage, ...]:
        try:
            return self.images[index]
        except IndexError:
            number = len(self.images)
            numbers = f", run[0] to run[{number - 1}]" if number > 1 else ", run[0]" if number else ""
            reason = "" if number else f": {self.headline}"
            raise NoSuchNumber(f"run[{index!r}]: this run has {count(number, 'picture')}{numbers}{reason}") from None
        except TypeError:
            message = f"run[{short_repr(index)}]: a run's pictures have numbers: run[0]; settings are in run.request"
            raise RequestError(message, parameter="index", value=index) from None

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[GeneratedImage]:
        return iter(self.images)

    def __bool__(self) -> bool:
        # With only __len__ a run without pictures would be false, but `if run:` shall not be a test of the status.
        return True

    # -- facts -----------------------------------------------------------------------------------------

    @property
    def cost(self) -> float | None:
        """USD for the whole run; 0.0 if it is certain that nothing was charged, ``None`` if the cost is not known."""
        return None if self.cost_micros is None else self.cost_micros / MICRO

    @property
    def seed(self) -> int | None:
        """The seed of the first picture, or of the request if there is no picture."""
        return self.images[0].seed if self.images else self.request.seed

    @property
    def headline(self) -> str:
        """Why there is no picture, or not each, in a few words: see :data:`HEADLINES`."""
        if self.images and self.status not in FINAL:
            return "Some of its results are still open"
        return HEADLINES.get(self.status, "This run has no picture")

    @property
    def explanation(self) -> tuple[str, ...]:
        """The error message and the advice, as two texts; empty without an error."""
        return () if self.error is None else (str(self.error), getattr(self.error, "advice", ""))

    # -- going on --------------------------------------------------------------------------------------

    @property
    def parent(self) -> Run | None:
        """The run that this one was made from, read from the log; ``None`` if there is none, or no log.

        It is the run of the picture that this one edits or makes again (:attr:`parent_image`), or else the run that
        this one makes again (:attr:`parent_uuid`). ``studio.log.thread(run)`` has all that belong together.

        Example:
            >>> import nbkit
            >>> run = nbkit.Studio(engine="offline").generate("A paper lantern", seed=7)
            >>> run.image.edit("In the snow").parent == run.rerun(temperature=0.3).parent == run
            True
            >>> run.parent is None
            True
        """
        return None if self.context is None else self.context.find_parent(self)

    @name_parameters
    def rerun(self, **changes: Unpack[RequestChanges]) -> Run:
        """Run the same request again, with changes, under a new taskUUID.

        Args:
            **changes: as for :meth:`nbkit.ImageRequest.replace`.

        Returns:
            The new run. A refusal or a failure is a result too: see its :attr:`status`.

        Raises:
            NbkitError: if the run has no studio, or if its webhook or upload address had credentials, which the log
                does not store, and ``changes`` has no new one.
            RequestError: for a value that the model does not allow.
            BudgetExceeded: if the run might cost more than is left.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> run.rerun(temperature=0.3).request
            ImageRequest(prompt='A paper lantern', seed=7, temperature=0.3)
        """
        _check_whole(self, changes, "run.rerun(")
        if self.context is None or self.context.make is None:
            raise NbkitError("this run has no studio; studio.generate(run.request, …) makes it again")
        image = self.images[0].image_uuid if self.images else None
        request = self.request.replace(**changes)
        return self.context.make(request, parent=self.task_uuid, parent_image=image or None)

    def as_code(self) -> str:
        """This run as one Python expression, to be pasted into a cell that has a ``studio``.

        If the service drew the seed of a single picture, the expression contains it.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> print(studio.generate("A paper lantern", seed=7, topP=0.9).as_code())
            studio.generate('A paper lantern', seed=7, top_p=0.9)
        """
        arguments = [repr(self.request.prompt)]
        for name, value in self.request.parameters.items():
            if name == "reference_images":
                codes = (reference_code(reference, self.reference_files) for reference in value)
                arguments.append(f"{name}=[{', '.join(codes)}]")
            elif name != "prompt":
                arguments.append(f"{name}={value!r}")
        if self.request.seed is None and len(self.images) == 1 and self.seed is not None:
            arguments.append(f"seed={self.seed}")  # drawn by the service; without it the picture would differ
        if self.request.extra:
            arguments.append(f"extra={redacted(self.request.extra)!r}")
        return call("studio.generate", arguments)

    def as_json(self) -> str:
        """The JSON that was sent: an array of one task, with inline pictures as their hash and without credentials.

        Example:
            >>> import json, nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> task = json.loads(studio.generate("A paper lantern", seed=7, topP=0.9).as_json())[0]
            >>> task["positivePrompt"], task["seed"], task["settings"]
            ('A paper lantern', 7, {'topP': 0.9})
        """
        return printable_json(json.dumps([self.task], indent=2, ensure_ascii=False))

    # -- display --------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        if self.status != DONE:
            return f"<Run {self.status}: {ellipsis(str(self.error), 80)}>" if self.error else f"<Run {self.status}>"
        pictures = count(len(self.images), "image")
        if self.failures:
            pictures = f"{len(self.images)} of {count(len(self.images) + len(self.failures), 'picture')} here"
        seed = "" if self.seed is None else f", seed {self.seed}"
        return f"<Run done: {pictures}{seed}, {usd_short(self.cost_micros)}>"

    def __dir__(self) -> list[str]:
        return sorted(set(super().__dir__()) - _NOT_TYPED)

    # -- as a value ------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Run):
            return NotImplemented
        # A run that was never planned has no taskUUID yet, so it is equal only to itself.
        is_same = bool(self.task_uuid) and (self.task_uuid, self.status) == (other.task_uuid, other.status)
        return self is other or is_same

    def __hash__(self) -> int:
        return hash((self.task_uuid, self.status))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "context": None}  # it refers to a studio of this process

    def to_html(self, size: int = PREVIEW_SIZE) -> str:
        """The run as HTML, as a cell displays it.

        Args:
            size: the long side of each preview, in pixels.

        Example:
            >>> import nbkit
            >>> run = nbkit.Studio(engine="offline").generate("A paper lantern", seed=7)
            >>> "<img" in run.to_html(size=64)
            True
        """
        parts = []
        if self.images:
            changed = self._changed()
            parts.append(figures_html(image.figure(size, (*image.caption, *changed)) for image in self.images))
        if self.status != DONE:
            parts.append(notice_html(self.status, self.headline, self.explanation))
        if self.failures:
            missing = f"{count(len(self.failures), 'result')} without a picture here"
            parts.append(notice_html(FAILED, missing, tuple(f"{f.message} {f.advice}".strip() for f in self.failures)))
        is_elsewhere = any(image.is_stored and not image.link for image in self.images)
        original = ("run.image.path is the original",) if is_elsewhere else ()
        parts.append(
            quiet_html(
                (*self._money_line(), *self._not_known(), *original),
                mark="REAL MONEY" if self.charged and not self.adopted else "",
            )
        )
        return "".join(parts)

    def _not_known(self) -> tuple[str, ...]:
        """What was sent although no source says whether the model takes it."""
        names = self.request.not_known
        if not names:
            return ()
        return (f"sent, and not known whether {self.request.profile.name} takes it: {', '.join(names)}",)

    def to_text(self) -> str:
        """The run as text, the same at each execution: it contains no UUID, address, time or path.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> print(studio.generate("A paper lantern", seed=7).to_text().splitlines()[0])
            <Run done: 1 image, seed 7, $0.069>
        """
        lines = [repr(self)]
        changed = "".join(f" · {fact}" for fact in self._changed())
        lines += [
            f"  {' · '.join(image.caption)}{changed}{image.fingerprint and ' · picture '}{image.fingerprint}"
            for image in self.images
        ]
        if self.status != DONE:
            lines += [f"  {line}" for line in self.explanation if line]
        lines += [f"  missing: {failure.message}" for failure in self.failures]
        return printable("\n".join([*lines, "  " + " · ".join((*self._money_line(), *self._not_known()))]))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": no_mathjax(self.to_html()), "text/plain": self.to_text()}

    def _changed(self) -> tuple[str, ...]:
        """The parameters that differ from their defaults, apart from those in the caption."""
        hidden = {
            "prompt",
            "width",
            "height",
            "resolution",
            "aspect_ratio",
            "seed",
            "number_results",
            "include_cost",
            "model",
        }
        facts = []
        for name, value in self.request.parameters.items():
            parameter = PARAMETERS[name]
            if name not in hidden and value != parameter.default and parameter.group != "Delivery":
                fact = f"{parameter.wire[-1]} {ellipsis(str(value), 40)}"
                facts.append(count(len(value), "reference image") if name == "reference_images" else fact)
        if self.request.extra:
            facts.append(f"extra {ellipsis(json.dumps(redacted(self.request.extra), ensure_ascii=False), 60)}")
        return tuple(facts)

    def _money_line(self) -> tuple[str, ...]:
        if self.reused:
            return ("answered from the log: nothing was sent, nothing was charged",)
        cost = usd_short(self.cost_micros)
        if self.adopted is not None:
            parts = ["adopted: nothing was charged here"]
        elif self.cost_micros is None:
            parts = ["this run: cost not known"]
        elif self.cost_micros == 0:
            parts = ["nothing was charged"]
        else:
            parts = [f"{cost} charged" if self.charged else list_price(cost)]
        if self.money is not None:
            parts.append(f"this studio {short_amount(self.money.spent)}")
            if self.money.left is not None:
                parts.append(f"{short_amount(self.money.left)} left of the budget")
        if self.status not in FINAL:
            parts.append("not settled: its money stays held")
        if self.request.has_default_size and self.adopted is None:
            parts.append("auto size: 1:1 at 1K")
        return tuple(parts)


def with_context(run: Run, context: RunContext, money: Budget | None = None) -> Run:
    """A run with its log and its studio, for its pictures too.

    Args:
        run: as the log reads it.
        context: of the run.
        money: the studio's budget.
    """
    origin = replace(run, context=context, money=money, images=())
    for image in run.images:
        image.origin = origin
    return replace(origin, images=run.images)


def _check_whole(run: Run, changes: Mapping[str, Any], call: str) -> None:
    """Check that what a run's request lacks is given anew.

    Args:
        run: of this kernel or of a log, which keeps no credentials.
        changes: to its request, in any spelling.
        call: the beginning of the call that they are arguments of, for the message.

    Raises:
        NbkitError: if something is not.
    """
    given = {name if name == "extra" else NAMES.find(name).name for name in changes}
    for name in () if run.complete else (run.request.lacking or ("extra",)):
        if name not in given and name == "prompt":
            raise NbkitError(f"this picture came without its settings: type {call}prompt='A paper boat')")
        if name not in given:
            why = f"the log keeps no credentials, so this run's {name} is not whole"
            raise NbkitError(f"{why}: give it again, {call}{name}=…), or take it out, {call}{name}=None)")


def reference_code(reference: Reference, files: Mapping[str, str]) -> str:
    """A reference image as a Python expression, which may use the names ``studio`` and ``pathlib``.

    Args:
        reference: one of a request.
        files: paths or names of the files of reference images, by the hash of their content.
    """
    file = files.get(reference.sha256)
    if reference.is_missing or (file and reference.sha256 in file):
        return f"studio.log.reference({reference.sha256!r})"  # if it is missing, this raises an error that says so
    # A panel names files: its pictures are not in the log before they are sent.
    return f"pathlib.Path({file!r})" if file else repr(reference.text or reference.wire)
