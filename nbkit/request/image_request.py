"""The typed request: each parameter of the API's page, declared once.

A field below is a :class:`~nbkit.request.parameter.Parameter`: type, bounds, default, place on the wire, group in the
panel and one sentence of help. Checks, JSON, log columns, controls and help texts are all derived from it.

A request holds only what was set; ``None`` means "not sent". What a send adds to it (``taskType``,
``taskUUID``, ``model``, ``includeCost``, and a size where the API wants one) is the business of
:meth:`ImageRequest.to_send`.
"""

from __future__ import annotations

import copy
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Unpack

from nbkit.errors import RequestError
from nbkit.request import model, rules
from nbkit.request.keywords import RequestChanges, RequestKeywords
from nbkit.request.naming import Given, Naming
from nbkit.request.parameter import (
    Address,
    Boolean,
    Choice,
    Decimal2,
    Integer,
    ListOf,
    Parameter,
    Text,
    short_repr,
    without_query,
)
from nbkit.request.reference import Reference, make_reference, name_in_log


class ImageRequest:
    """One request for pictures, immutable, comparable and hashable.

    ``ImageRequest("A paper lantern", temperature=0.72, topP=0.9)``: names are those of the fields below or the
    API's own spelling. ``extra={…}`` is merged into the task as it is, unchecked.

    Raises:
        UnknownParameter: for a name that is no parameter.
        RequestError: for a value that the model does not allow; the message says what it does allow.
    """

    __slots__ = ("_extra", "_head", "_values")

    _values: dict[str, Any]
    _head: dict[str, Any]
    _extra: str

    # A declaration reads best as kind and place on one line, the sentence on the next.
    # fmt: off
    prompt = Parameter[str](
        Text(3, 45_000), wire="positivePrompt", column="prompt", group="Prompt",
        help="What the picture shall show; words in quotation marks are meant to be written in it.",
    )
    width = Parameter[int | None](
        Integer(1), group="Size",
        help="Width in pixels; goes with height, as a pair of the size table.",
    )
    height = Parameter[int | None](
        Integer(1), group="Size",
        help="Height in pixels; goes with width, as a pair of the size table.",
    )
    resolution = Parameter[str | None](
        Choice(model.TIERS), group="Size",
        help="Size tier instead of width and height; with reference images their shape is kept.",
    )
    aspect_ratio = Parameter[str | None](
        Choice(model.RATIOS), wire="", group="Size",
        help="Shape of the picture; with resolution (1K if not given) it picks width and height from the table.",
    )
    seed = Parameter[int | None](
        Integer(0, model.MAX_SEED), group="Sampling", column="requestedSeed",
        help="Number that makes a picture reproducible; drawn at random by the service when not sent.",
    )
    number_results = Parameter[int | None](
        Integer(1, model.MAX_RESULTS), default=1, group="Sampling",
        help="How many pictures to make, each with a seed of its own, each paid.",
    )
    temperature = Parameter[float | None](
        Decimal2(0, 1), wire="settings.temperature", group="Sampling",
        help="Randomness: low values stay close to the likeliest picture, high values vary more.",
    )
    top_p = Parameter[float | None](
        Decimal2(0, 1), wire="settings.topP", group="Sampling",
        help="Nucleus sampling: the share of probability that is drawn from; low is focused, high diverse.",
    )
    thinking = Parameter[str | None](
        Choice(("MINIMAL", "HIGH")), wire="settings.thinking", group="Sampling",
        help="How much the model reasons before it draws.",
    )
    system_prompt = Parameter[str | None](
        Text(1, 50_000), wire="settings.systemPrompt", group="Prompt",
        help="Standing instruction on behaviour and style, apart from what the picture shows.",
    )
    web_search = Parameter[bool | None](
        Boolean(), wire="providerSettings.google.webSearch", default=False, group="Grounding and safety",
        help="Let the model look up current facts on the web; may add to the price.",
    )
    image_search = Parameter[bool | None](
        Boolean(), wire="providerSettings.google.imageSearch", default=False, group="Grounding and safety",
        help="Let the model look at pictures from the web; may add to the price.",
    )
    safety_tolerance = Parameter[str | None](
        Choice(("high", "medium", "low", "none", "off")),
        wire="providerSettings.google.safetyTolerance", default="none", group="Grounding and safety",
        help="How much Google's safety filter lets pass; 'off' does not switch it off: it means Google's own defaults.",
    )
    check_content = Parameter[bool | None](
        Boolean(), wire="safety.checkContent", default=False, group="Grounding and safety",
        help="Have the finished picture checked; the result then says whether it is not safe for work.",
    )
    safety_mode = Parameter[str | None](
        Choice(("none", "fast")),
        wire="safety.mode", column="safetyMode", default="none", group="Grounding and safety",
        help="How the content check works: 'fast' is one check; it is the mode when check_content is on.",
    )
    reference_images = Parameter[tuple[Reference, ...] | None](
        ListOf(1, model.MAX_REFERENCES, make_reference), wire="inputs.referenceImages", group="References",
        help="Pictures to start from or to take things from, in the order in which the prompt may number them.",
    )
    output_format = Parameter[str | None](
        Choice(("JPG", "PNG", "WEBP")), default="JPG", group="Output",
        help="File format: JPG is small, PNG is lossless, WEBP is smallest; JPG knows no transparency.",
    )
    output_quality = Parameter[int | None](
        Integer(20, 99), default=95, group="Output",
        help="Compression quality of the file: higher is better and larger.",
    )
    output_type = Parameter[str | None](
        Choice(("URL", "base64Data", "dataURI")), default="URL", group="Delivery", affects_picture=False,
        help="How the picture travels; nbkit stores the same file for each.",
    )
    delivery_method = Parameter[str | None](
        Choice(("sync", "async")), default="sync", group="Delivery", affects_picture=False,
        help="sync waits for the answer on one connection; async asks for it again until it is there.",
    )
    webhook_url = Parameter[str | None](
        Address(), wire="webhookURL", group="Delivery", affects_picture=False,
        help="Address that the service calls with each finished result.",
    )
    upload_endpoint = Parameter[str | None](
        Address(), group="Delivery", affects_picture=False,
        help="Address to which the service sends each finished file with an HTTP PUT.",
    )
    ttl = Parameter[int | None](
        Integer(60), group="Delivery", affects_picture=False,
        help="Seconds for which the picture's address works, with URL output; 7 days unless given.",
    )
    include_cost = Parameter[bool | None](
        Boolean(), default=False, group="Delivery", affects_picture=False,
        help="Have the answer say what it cost; nbkit asks for it unless told otherwise.",
    )
    # fmt: on

    def __init__(self, prompt: str | None = None, **parameters: Unpack[RequestKeywords]) -> None:
        extra = parameters.pop("extra", None)
        given, head = NAMES.resolve(parameters if prompt is None else {"prompt": prompt, **parameters})
        self._build(given, head, extra)

    def _build(self, given: Given, head: Mapping[str, Any], extra: Mapping[str, Any] | None) -> None:
        values: dict[str, Any] = {}
        for name, (spelling, value) in given.items():
            if value is not None:
                values[name] = rules.check_one(PARAMETERS[name], spelling, value, given)
        said = {name: spelling for name, (spelling, _) in given.items()}
        rules.check_together(values, said)
        object.__setattr__(self, "_values", {name: values[name] for name in PARAMETERS if name in values})
        object.__setattr__(self, "_head", rules.check_head(head))
        object.__setattr__(self, "_extra", rules.check_extra(extra))

    # -- a value object -----------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a request does not change; request.replace({name}=…) gives a variant")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a request does not change; request.replace({name}=None) gives a variant")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ImageRequest):
            return NotImplemented
        return self._values == other._values and self._extra == other._extra

    def __hash__(self) -> int:
        return hash((tuple(self._values.items()), self._extra))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (dict(self._values), dict(self._head), self._extra)

    def __repr__(self) -> str:
        parts = [f"{name}={_shown(PARAMETERS[name], value)}" for name, value in self._values.items()]
        if self._extra:
            parts.append(f"extra={short_repr(redacted(self.extra))}")
        return f"ImageRequest({', '.join(parts)})"

    # -- reading it ----------------------------------------------------------------------------------------

    @property
    def extra(self) -> dict[str, Any]:
        """What is merged into the task unchecked; a fresh copy."""
        return dict(json.loads(self._extra)) if self._extra else {}

    @property
    def task_uuid(self) -> str | None:
        """The taskUUID that the request was given, which a send keeps; it takes no part in equality."""
        return self._head.get("taskUUID")

    @property
    def parameters(self) -> dict[str, Any]:
        """What was set, by Python name, in a fixed order."""
        return dict(self._values)

    def effective(self, name: str) -> Any:
        """The value of a parameter as the service will use it: what was set, else the default."""
        value = self._values.get(name)
        if value is None and name == "safety_mode" and self.check_content:
            return "fast"  # the one default that depends on another parameter
        return PARAMETERS[name].default if value is None else value

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels, or ``None`` where the picture's size follows a reference image."""
        if self.width and self.height:
            return self.width, self.height
        if self.reference_images and not self.aspect_ratio:
            return None
        return model.size_of(self.aspect_ratio or model.DEFAULT_RATIO, self.resolution or model.DEFAULT_TIER)

    @property
    def size_was_chosen(self) -> bool:
        """Whether nbkit picks the size because the request names none and the API wants one."""
        named = ("width", "height", "resolution", "aspect_ratio")
        return self.size is not None and not any(n in self._values for n in named) and not self._size_in_extra()

    @property
    def price(self) -> model.Price:
        """What it may cost at list prices, in micro-dollars; a range with a search or a size that is not known."""
        task = self._sendable("", lambda _: "")
        size = (task.get("width"), task.get("height"))
        if isinstance(size[0], int) and isinstance(size[1], int):
            place = model.ratio_and_tier(size[0], size[1])
            tiers: tuple[str, ...] = (place[1] if place else model.tier_of_pixels(size[0], size[1]),)
        else:
            tiers = (task["resolution"],) if task.get("resolution") in model.TIERS else model.TIERS
        results, references = task.get("numberResults", 1), _inside(task, "inputs", "referenceImages")
        return model.price(
            tiers=tiers,
            results=results if type(results) is int and results > 0 else model.MAX_RESULTS,
            references=len(references) if isinstance(references, list) else 0,
            searches=sum(_inside(task, "providerSettings", "google", n) is True for n in ("webSearch", "imageSearch")),
        )

    @property
    def identity(self) -> str:
        """A hash of the model and of all that affects the picture.

        Output type, delivery, webhook, upload, ttl and cost flag take no part; an explicit default equals
        unset; reference images count by the hash of their content; a size counts as width and height.
        """
        parts: dict[str, Any] = {"model": model.MODEL, "size": self.size, "extra": self.extra}
        if self.size is None:
            parts["resolution"] = self.resolution
        for name, parameter in PARAMETERS.items():
            value = self.effective(name)
            if not parameter.affects_picture or parameter.group == "Size" or value == parameter.default:
                continue
            parts[name] = [r.sha256 for r in value] if name == "reference_images" else value
        canonical = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    # -- variants and the wire ---------------------------------------------------------------------------

    def replace(self, **changes: Unpack[RequestChanges]) -> ImageRequest:
        """A variant: ``request.replace(temperature=0.3)``; ``None`` unsets a parameter. Drops a kept taskUUID.

        A change of size replaces the size as a whole: ``resolution="4K"`` on a request with width and height
        keeps its shape, and width with height put a resolution or an aspect ratio aside.
        """
        extra = changes.pop("extra", self.extra)
        given, head = NAMES.resolve(changes)
        kept = {name: (name, value) for name, value in self._values.items()}
        for name in rules.displaced_sizes(given):
            kept.pop(name, None)
        if given.get("resolution", ("", None))[1] is not None and "aspect_ratio" not in given:
            place = model.ratio_and_tier(self.width or 0, self.height or 0)
            if place and "width" not in given and "height" not in given:
                kept["aspect_ratio"] = ("aspect_ratio", place[0])
        old_head = {name: value for name, value in self._head.items() if name != "taskUUID"}
        new = object.__new__(ImageRequest)
        new._build({**kept, **given}, {**old_head, **head}, extra)
        return new

    def to_task(self) -> dict[str, Any]:
        """What was set, spelled and nested as the API does it; nothing else.

        ``aspect_ratio``, which the API does not know, appears as the width and height that it stands for.
        """
        return self._task(lambda reference: reference.wire)

    def to_send(self, task_uuid: str | None = None) -> dict[str, Any]:
        """:meth:`to_task` with all that a send needs; reference images without location and device data."""
        return self._sendable(task_uuid or self.task_uuid or str(uuid.uuid4()), Reference.to_send)

    def _task(self, reference_text: Callable[[Reference], str]) -> dict[str, Any]:
        values = dict(self._values)
        if values.pop("aspect_ratio", None) and self.size:
            values.pop("resolution", None)
            values["width"], values["height"] = self.size
        if self.reference_images:
            values["reference_images"] = [reference_text(r) for r in self.reference_images]
        task: dict[str, Any] = dict(self._head)
        for name, parameter in PARAMETERS.items():
            if name in values:
                _put(task, parameter.wire, values[name])
        return _merged(task, self.extra)

    def _sendable(self, task_uuid: str, reference_text: Callable[[Reference], str]) -> dict[str, Any]:
        task = {"taskType": model.TASK_TYPE, "taskUUID": "", "model": model.MODEL, **self._task(reference_text)}
        task["taskUUID"] = task_uuid
        task.setdefault("includeCost", True)
        if self.size is not None and not self._size_in_extra():
            task.pop("resolution", None)
            task["width"], task["height"] = self.size
        return task

    @classmethod
    def from_task(cls, task: Mapping[str, Any], *, extra: Mapping[str, Any] | None = None) -> ImageRequest:
        """The request that a task of the API stands for; :meth:`to_task` gives it back exactly.

        Raises:
            UnknownParameter: for a key that the API's page does not have, or not in this place.
        """
        if not isinstance(task, Mapping):
            raise RequestError(f"a task is a dict, not {type(task).__name__}", parameter="task", value=task)
        given, head = NAMES.read_task(task)
        request = object.__new__(cls)
        request._build(given, head, extra)
        return request

    def _size_in_extra(self) -> bool:
        return any(name in self.extra for name in ("width", "height", "resolution"))


PARAMETERS: dict[str, Parameter[Any]] = {
    name: field for name, field in vars(ImageRequest).items() if isinstance(field, Parameter)
}
"""Every parameter by its Python name, in the order of their declaration."""

NAMES = Naming(PARAMETERS)
"""From any spelling to the parameter: ``NAMES.find("topP")``."""


def redacted(task: Mapping[str, Any]) -> dict[str, Any]:
    """A task as it may be logged and shown: addresses without their query, inline pictures by their hash."""
    safe = copy.deepcopy(dict(task))
    for name in ("webhookURL", "uploadEndpoint"):
        if isinstance(safe.get(name), str):
            safe[name] = without_query(safe[name])
    inputs = safe.get("inputs")
    if isinstance(inputs, dict) and isinstance(inputs.get("referenceImages"), list):
        inputs["referenceImages"] = [
            name_in_log(text) if isinstance(text, str) else text for text in inputs["referenceImages"]
        ]
    return safe


def task_to_show(request: ImageRequest, task_uuid: str) -> dict[str, Any]:
    """What would be sent, for somebody to read: no credentials, pictures by their hash, addresses without a query."""
    return redacted(request._sendable(task_uuid, _name_to_show))  # noqa: SLF001  no picture is encoded for that


def _name_to_show(reference: Reference) -> str:
    if reference.data:
        return f"sha256:{reference.sha256}"
    return without_query(reference.text) if "://" in reference.text else reference.text


def has_credentials(task: Mapping[str, Any]) -> bool:
    """Whether :func:`redacted` takes a query away, so that the logged task is not the one that was sent."""
    return any(isinstance(v := task.get(n), str) and without_query(v) != v for n in ("webhookURL", "uploadEndpoint"))


def _inside(task: Any, *path: str) -> Any:
    # What came through extra has any shape.
    for key in path:
        task = task.get(key) if isinstance(task, Mapping) else None
    return task


def _put(task: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        task = task.setdefault(key, {})
    task[path[-1]] = value


def _merged(task: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in extra.items():
        if isinstance(value, Mapping) and isinstance(task.get(key), dict):
            _merged(task[key], value)
        else:
            task[key] = value
    return task


def _shown(parameter: Parameter[Any], value: Any) -> str:
    if isinstance(parameter.kind, ListOf):
        shown = [f"<{str(r)[:19]}>" if r.data else str(r)[:60] for r in value[:4]]
        return f"[{', '.join(shown)}{f', … {len(value)} in all' if len(value) > 4 else ''}]"
    return short_repr(without_query(value) if isinstance(parameter.kind, Address) else value)


def _restore(values: dict[str, Any], head: dict[str, Any], extra: str) -> ImageRequest:
    request = object.__new__(ImageRequest)
    request._build({n: (n, v) for n, v in values.items()}, head, json.loads(extra) if extra else None)
    return request
