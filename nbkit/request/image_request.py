"""The typed request: each parameter of the API, declared once.

Each field of :class:`ImageRequest` is a :class:`~nbkit.request.parameter.Parameter`: type, bounds, default, path in a
task, group in the panel, and one sentence of help. Checks, JSON, log columns, controls and help texts are derived from
it.

A request holds only the values that were set; ``None`` means "not sent". :meth:`ImageRequest.to_send` adds what the
service needs: ``taskType``, ``taskUUID``, ``model``, ``includeCost``, and a size where the API requires one.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, Unpack

from nbkit.errors import RequestError, StorageError
from nbkit.request import rules
from nbkit.request.address import HIDDEN, Url, whole_text
from nbkit.request.keywords import RequestChanges, RequestKeywords, name_parameters, sealed_task
from nbkit.request.naming import Given, Naming, profile_in
from nbkit.request.parameter import (
    MAX_INTEGER,
    Address,
    Boolean,
    Choice,
    Decimal2,
    Integer,
    ListOf,
    Parameter,
    Text,
    short_repr,
    type_in_words,
)
from nbkit.request.price import Price
from nbkit.request.profile import DECLARED, DEFAULT_RATIO, DEFAULT_TIER, NOT_KNOWN, PROFILES, Learned, Profile
from nbkit.request.profiles import DEFAULT, DEFAULT_MODEL, TASK_TYPE
from nbkit.request.reference import Reference, make_reference
from nbkit.request.reference_values import references_in
from nbkit.request.sources import API, GEMINI_API, GEMINI_GUIDE, MODEL_CARD, NBKIT
from nbkit.request.task import BY_WIRE, Task, has_credentials, redacted  # noqa: F401  part of this module's names

MAX_RESULTS = 20
MAX_REFERENCES = 14

UNKNOWN_PROMPT = "(not known: this picture came without its settings)"
"""The prompt of a picture that says nothing of how it was made; it is shown, and never sent."""


class ImageRequest:
    """One request for pictures: immutable, comparable and hashable.

    Each parameter is an attribute under its Python name, ``None`` if it was not set. On the class, the attribute is
    the parameter's declaration: ``ImageRequest.temperature.help`` explains it.

    Args:
        prompt: describes the picture.
        **parameters: in Python's spelling (``top_p``), the API's (``topP``), or the API's groups
            (``settings={"topP": 0.9}``). ``extra={…}`` is merged into the task unchecked; it is for parameters that are
            newer than nbkit.

    Raises:
        UnknownParameter: for a name that is no parameter.
        RequestError: for a value that the model does not allow; the message contains what it allows.

    Example:
        >>> import nbkit
        >>> request = nbkit.ImageRequest("A paper lantern", temperature=0.72, topP=0.9)
        >>> request
        ImageRequest(prompt='A paper lantern', temperature=0.72, top_p=0.9)
        >>> request.top_p, request.seed, request.size
        (0.9, None, (1024, 1024))
    """

    __slots__ = ("_extra", "_head", "_identity", "_values")

    _values: dict[str, Any]
    _head: dict[str, Any]
    _extra: str
    _identity: str | None  # of a request that lacks credentials of its ``extra``

    # Kind, path, group and sources of a parameter come first in its declaration, then its help.
    # fmt: off
    prompt = Parameter[str](
        Text(3, 45_000), wire="positivePrompt", column="prompt", group="Prompt", sources=(API,),
        help='Describe the picture. Words in "quotes" appear as text.',
    )
    width = Parameter[int | None](
        Integer(1), group="Size", sources=(API,),
        help="Width in pixels; goes with height, as a pair of the size table.",
    )
    height = Parameter[int | None](
        Integer(1), group="Size", sources=(API,),
        help="Height in pixels; goes with width, as a pair of the size table.",
    )
    resolution = Parameter[str | None](
        Choice(DEFAULT.tiers), group="Size", sources=(API,),
        help="Size tier instead of width and height; with reference images their shape is kept.",
    )
    aspect_ratio = Parameter[str | None](
        Choice(DEFAULT.ratios), wire="", group="Size", sources=(API, NBKIT),
        help="Shape of the picture; with resolution (1K if not given) it picks width and height from the table.",
    )
    seed = Parameter[int | None](
        Integer(0, MAX_INTEGER), group="Sampling", column="requestedSeed", sources=(API, GEMINI_API),
        help="Number that makes a picture repeatable, as well as the model can; drawn by the service when not sent.",
    )
    number_results = Parameter[int | None](
        Integer(1, MAX_RESULTS), default=1, title="Pictures", group="Sampling", sources=(API,),
        help="How many pictures to make, each with a seed of its own, each paid.",
    )
    temperature = Parameter[float | None](
        Decimal2(0, 1), wire="settings.temperature", group="Sampling", sources=(API, MODEL_CARD, GEMINI_GUIDE),
        help="Randomness: low values are more predictable, high values vary more. Google's default is 1; for Gemini 3 it advises to keep it.",
    )
    top_p = Parameter[float | None](
        Decimal2(0, 1), wire="settings.topP", title="Top-p", group="Sampling", sources=(API, MODEL_CARD),
        help="Nucleus sampling: the share of probability that is drawn from; low is focused, high diverse. Google's default is 0.95.",
    )
    thinking = Parameter[str | None](
        Choice(("MINIMAL", "HIGH")), wire="settings.thinking", group="Sampling", sources=(API,),
        help="How much the model reasons before it draws.",
    )
    system_prompt = Parameter[str | None](
        Text(1, 50_000), wire="settings.systemPrompt", group="Prompt", sources=(API,),
        help="Standing instruction on behaviour and style, apart from what the picture shows.",
    )
    web_search = Parameter[bool | None](
        Boolean(), wire="providerSettings.google.webSearch", default=False, group="Grounding and safety",
        sources=(API,),
        help="Let the model look up current facts on the web; may add to the price.",
    )
    image_search = Parameter[bool | None](
        Boolean(), wire="providerSettings.google.imageSearch", default=False, group="Grounding and safety",
        sources=(API,),
        help="Let the model look at pictures from the web; may add to the price.",
    )
    safety_tolerance = Parameter[str | None](
        Choice(("high", "medium", "low", "none", "off")),
        wire="providerSettings.google.safetyTolerance", default="none", group="Grounding and safety", sources=(API,),
        help="How much Google's safety filter lets pass; 'off' does not switch it off: it means Google's own defaults.",
    )
    check_content = Parameter[bool | None](
        Boolean(), wire="safety.checkContent", default=False, title="Content check", group="Grounding and safety", sources=(API,),
        help="Have the finished picture checked; the result then says whether it is not safe for work.",
    )
    safety_mode = Parameter[str | None](
        Choice(("none", "fast")),
        wire="safety.mode", column="safetyMode", default="none", title="Check mode", group="Grounding and safety", sources=(API,),
        help="How the content check works: 'fast' or 'none'; 'fast' is the default when check_content is on.",
    )
    reference_images = Parameter[tuple[Reference, ...] | None](
        ListOf(1, MAX_REFERENCES, make_reference, references_in), wire="inputs.referenceImages", title="References",
        group="References", sources=(API,),
        help="Pictures to start from or to take things from, in the order in which the prompt may number them.",
    )
    output_format = Parameter[str | None](
        Choice(("JPG", "PNG", "WEBP")), default="JPG", group="Output", sources=(API,),
        help="File format: JPG is small, PNG is lossless, WEBP is smallest; JPG knows no transparency.",
    )
    output_quality = Parameter[int | None](
        Integer(20, 99), default=95, group="Output", sources=(API,),
        help="Compression quality of the file: higher is better and larger.",
    )
    output_type = Parameter[str | None](
        Choice(("URL", "base64Data", "dataURI")), default="URL", group="Delivery", affects_picture=False,
        sources=(API, NBKIT),
        help="How the picture travels; nbkit stores the same file for each.",
    )
    delivery_method = Parameter[str | None](
        Choice(("sync", "async")), default="sync", group="Delivery", affects_picture=False, sources=(API,),
        help="sync waits for the answer on one connection; async asks for it again until it is there.",
    )
    webhook_url = Parameter[str | None](
        Address(), wire="webhookURL", title="Webhook URL", group="Delivery", affects_picture=False, sources=(API,),
        help="Address that the service calls with each finished result.",
    )
    upload_endpoint = Parameter[str | None](
        Address(), group="Delivery", affects_picture=False, sources=(API,),
        help="Address to which the service sends each finished file with an HTTP PUT.",
    )
    ttl = Parameter[int | None](
        Integer(60), title="Address lifetime", group="Delivery", affects_picture=False, sources=(API,),
        help="Seconds for which the picture's address works, with URL output; 7 days unless given.",
    )
    include_cost = Parameter[bool | None](
        Boolean(), default=False, group="Delivery", affects_picture=False, sources=(API, NBKIT),
        help="Have the answer say what it cost; nbkit asks for it unless told otherwise.",
    )
    model = Parameter[str | None](
        Choice(tuple(PROFILES)), default=DEFAULT_MODEL, group="Model", sources=(API, NBKIT),
        help="Which model of the family makes the picture; nbkit.models lists how they differ.",
    )
    # fmt: on

    @name_parameters
    def __init__(self, prompt: str | None = None, **parameters: Unpack[RequestKeywords]) -> None:
        extra = parameters.pop("extra", None)
        given, head = NAMES.resolve(parameters if prompt is None else {"prompt": prompt, **parameters})
        self._build(given, head, extra)

    def _build(self, given: Given, head: Mapping[str, Any], extra: Mapping[str, Any] | None) -> None:
        values: dict[str, Any] = {}
        profile = profile_in({name: value for name, (_, value) in given.items()})
        for name, (spelling, value) in given.items():
            if value is not None:
                values[name] = rules.check_value(PARAMETERS[name], spelling, value, given, profile)
        spellings = {name: spelling for name, (spelling, _) in given.items()}
        rules.check_combination(values, spellings, profile)
        object.__setattr__(self, "_values", {name: values[name] for name in PARAMETERS if name in values})
        object.__setattr__(self, "_head", rules.check_head(head))
        object.__setattr__(self, "_identity", None)
        object.__setattr__(self, "_extra", rules.check_extra(extra))

    @classmethod
    def _made(cls, given: Given, head: Mapping[str, Any], extra: Mapping[str, Any] | None) -> Self:
        request = object.__new__(cls)
        request._build(given, head, extra)
        return request

    # -- as a value ---------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a request does not change; request.replace({name}=…) gives a variant")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a request does not change; request.replace({name}=None) gives a variant")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ImageRequest):
            return NotImplemented
        return self._compared == other._compared and self._extra == other._extra

    def __hash__(self) -> int:
        return hash((tuple(self._compared.items()), self._extra))

    @property
    def _compared(self) -> dict[str, Any]:
        """The values without the default model, which a task names and a request in Python mostly does not."""
        values = self._values
        return {n: v for n, v in values.items() if n != "model"} if self.profile is DEFAULT else values

    def __reduce__(self) -> tuple[Any, ...]:
        shown = redacted(self.extra)
        identity = None if shown == self.extra else self.identity
        return self._restored, (_as_given(self._values), self._head, shown, identity)

    @classmethod
    def _restored(cls, given: Given, head: Mapping[str, Any], extra: Mapping[str, Any], identity: str | None) -> Self:
        request = cls._made(given, head, extra)
        object.__setattr__(request, "_identity", identity)
        return request

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: Any) -> Self:
        return self

    def __repr__(self) -> str:
        if not hasattr(self, "_extra"):  # a traceback may show a request whose __init__ failed
            return "<ImageRequest>"
        parts = [f"{name}={_short_value(PARAMETERS[name], value)}" for name, value in self._compared.items()]
        if self._extra:
            parts.append(f"extra={short_repr(redacted(self.extra))}")
        return f"ImageRequest({', '.join(parts)})"

    # -- reading -------------------------------------------------------------------------------------------

    @property
    def extra(self) -> dict[str, Any]:
        """A copy of the dict that is merged into the task unchecked; empty if there is none.

        Example:
            >>> import nbkit
            >>> nbkit.ImageRequest("A paper lantern", extra={"newFlag": True}).extra
            {'newFlag': True}
        """
        return Task(json.loads(self._extra) if self._extra else {})

    @property
    def task_uuid(self) -> str | None:
        """The taskUUID that was set, or ``None``. A send uses it; equality and :attr:`identity` ignore it."""
        return self._head.get("taskUUID")

    @property
    def parameters(self) -> dict[str, Any]:
        """The values that were set, by Python name, in the order in which the parameters are declared.

        Example:
            >>> import nbkit
            >>> nbkit.ImageRequest("A paper lantern", topP=0.9, seed=7).parameters
            {'prompt': 'A paper lantern', 'seed': 7, 'top_p': 0.9}
        """
        return dict(self._values)

    def effective(self, name: str) -> Any:
        """The value of a parameter that the service uses: the one that was set, else the default.

        Args:
            name: in Python's spelling.

        Raises:
            KeyError: if there is no such parameter.

        Example:
            >>> import nbkit
            >>> nbkit.ImageRequest("A paper lantern").effective("output_format")
            'JPG'
        """
        value = self._values.get(name)
        if value is None and name == "safety_mode" and self.check_content:
            return "fast"  # the one default that depends on another parameter
        return PARAMETERS[name].default if value is None else value

    @property
    def profile(self) -> Profile:
        """The :class:`~nbkit.Profile` of its model, or of the default one; ``extra`` takes no part.

        Example:
            >>> import nbkit
            >>> nbkit.ImageRequest("A paper lantern", model="google:4@2").profile.name
            'Nano Banana Pro'
        """
        return profile_in(self._values)

    @property
    def not_known(self) -> tuple[str, ...]:
        """The Python names of what is set although no source says whether the model takes it. It is sent.

        Example:
            >>> import nbkit
            >>> nbkit.ImageRequest("A paper lantern", model="google:nano-banana@2.1", temperature=0.5).not_known
            ('temperature',)
        """
        own = self.profile.parameters
        return tuple(name for name in self._values if own[name].state == NOT_KNOWN)

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the picture in pixels, or ``None`` if they follow from a reference image.

        Without any parameter of the size, and without a reference image, it is 1:1 at 1K.

        Example:
            >>> import nbkit
            >>> nbkit.ImageRequest("A paper lantern", aspect_ratio="16:9", resolution="2K").size
            (2752, 1536)
        """
        if self.width and self.height:
            return self.width, self.height
        if self.reference_images and not self.aspect_ratio:
            return None
        return self.profile.size_of(self.aspect_ratio or DEFAULT_RATIO, self.resolution or DEFAULT_TIER)

    @property
    def has_default_size(self) -> bool:
        """Whether nbkit picks the size, because none was set and the API requires one."""
        return self.size is not None and not self._values.keys() & set(rules.SIZE_NAMES) and not self._size_in_extra()

    @property
    def price(self) -> Price:
        """What the request may cost at list prices, in micro-dollars (1 USD = 1,000,000).

        It is a range with a search, or if the size follows a reference image, or if the service's price is not known: from
        the price at the model's maker to twice that.

        Example:
            >>> import nbkit
            >>> nbkit.ImageRequest("A paper lantern", number_results=2).price
            Price(low=137900, high=137900)
        """
        return self.price_with({})

    def price_with(self, learned: Learned) -> Price:
        """What the request may cost, where earlier runs have shown what an image costs.

        Args:
            learned: what images of this model have cost, by tier, number of reference images and number of searches; used
                where a part of the price is not known.

        Example:
            >>> from nbkit.request.price import Price
            >>> import nbkit
            >>> request = nbkit.ImageRequest("A paper lantern", model="google:nano-banana@2.1")
            >>> request.price, request.price_with({("1K", 0, 0): Price(35000, 35000)})
            (Price(low=33600, high=67200), Price(low=35000, high=35000))
        """
        task = self._sendable("", lambda _: "")
        profile = profile_in(task)
        width, height, tier = (task.get(name) for name in ("width", "height", "resolution"))
        if isinstance(width, int) and isinstance(height, int):
            tier = profile.tier_of_pixels(width, height)
        own = {name: _get_nested(task, *profile.parameters[name].wire) for name in _PRICED}
        results, references = own["number_results"], own["reference_images"]
        one = profile.price(
            tiers=(tier,) if tier in profile.tiers else profile.tiers,
            references=len(references) if isinstance(references, list) else 0,
            searches=sum(own[name] is True for name in ("web_search", "image_search")),
            learned=learned,
        )
        results = 1 if results is None and "numberResults" not in task else results
        return one * (results if type(results) is int and results > 0 else MAX_RESULTS)

    @property
    def has_price(self) -> bool:
        """Whether anything is known of what the model costs; ``False`` if ``extra`` names one without a profile.

        :attr:`price` is then that of the model without ``extra``.

        Example:
            >>> import nbkit
            >>> nbkit.ImageRequest("A paper lantern", extra={"model": "google:9@9"}).has_price
            False
        """
        return "model" not in self.extra or str(self.extra["model"]) in PROFILES

    @property
    def identity(self) -> str:
        """A hash of the model and of all parameters that affect the picture, as 64 hex digits.

        Output type, delivery, webhook, upload, ttl and cost flag are left out. A parameter that is set to its default
        counts as not set, a reference image as the hash of its content, and a size as its width and height.

        Example:
            >>> import nbkit
            >>> request = nbkit.ImageRequest("A paper lantern")
            >>> request.identity == nbkit.ImageRequest("A paper lantern", width=1024, height=1024, ttl=60).identity
            True
        """
        if self._identity is not None:
            return self._identity
        parts: dict[str, Any] = {"model": self.profile.identifier, "size": self.size, "extra": self.extra}
        if self.size is None:
            parts["resolution"] = self.resolution
        for name, parameter in PARAMETERS.items():
            value = self.effective(name)
            if not parameter.affects_picture or parameter.group in ("Size", "Model") or value == parameter.default:
                continue
            parts[name] = [r.sha256 for r in value] if name == "reference_images" else value
        canonical = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    # -- variants and tasks ------------------------------------------------------------------------------

    @name_parameters
    def replace(self, **changes: Unpack[RequestChanges]) -> Self:
        """A new request with some parameters changed, and without this one's taskUUID.

        A change of the size replaces the whole size: ``resolution="4K"`` on a request with width and height keeps their
        ratio, and width and height unset a resolution and an aspect ratio.

        Args:
            **changes: parameters in any spelling; ``None`` unsets one. ``extra`` replaces the whole ``extra``.

        Raises:
            UnknownParameter: for a name that is no parameter.
            RequestError: for a value that the model does not allow.

        Example:
            >>> import nbkit
            >>> request = nbkit.ImageRequest("A paper lantern", width=1376, height=768, seed=7)
            >>> request.replace(resolution="4K", seed=None)
            ImageRequest(prompt='A paper lantern', resolution='4K', aspect_ratio='16:9')
        """
        extra = changes.pop("extra", self.extra)
        given, head = NAMES.resolve(changes)
        kept = rules.values_kept(self._values, given)
        old_head = {name: value for name, value in self._head.items() if name != "taskUUID"}
        return self._made({**_as_given(kept), **given}, {**old_head, **head}, extra)

    def to_task(self) -> dict[str, Any]:
        """The values that were set, as a task of the API: a nested dict for JSON.

        It is exact: addresses are whole, and so is ``extra``. Only its ``repr`` leaves credentials out.
        The API has no ``aspect_ratio``, so it becomes a width and a height in pixels. A reference image becomes its
        text, or a data URI.

        Example:
            >>> import nbkit
            >>> nbkit.ImageRequest("A paper lantern", aspect_ratio="4:3", top_p=0.9).to_task()
            {'positivePrompt': 'A paper lantern', 'width': 1200, 'height': 896, 'settings': {'topP': 0.9}}
        """
        return self._task(lambda reference: reference.wire)

    def to_send(self, task_uuid: str | None = None) -> dict[str, Any]:
        """The complete task that is sent to the service.

        It is :meth:`to_task` with ``taskType``, ``taskUUID``, ``model``, ``includeCost`` and a size in pixels, and with
        reference images without location and device data.

        Args:
            task_uuid: by default the request's own, or a new one.

        Raises:
            StorageError: if a reference image of a logged request is no longer in the image folder, or the request lacks
                credentials, which no log keeps.
            RequestError: if the service does not have the model any more.

        Example:
            >>> import nbkit
            >>> task = nbkit.ImageRequest("A paper lantern").to_send()
            >>> task["taskType"], task["model"], task["width"], task["height"]
            ('imageInference', 'google:4@3', 1024, 1024)
        """
        rules.check_not_removed(self.profile)
        if self.prompt == UNKNOWN_PROMPT:
            raise StorageError("prompt: it is not known, because the picture came without its settings; type one")
        if self.lacking:
            names = " and ".join(self.lacking)
            raise StorageError(
                f"{names}: what a log or a pickle keeps has no credentials, so it cannot be sent; give it again"
            )
        return self._sendable(task_uuid or self.task_uuid or str(uuid.uuid4()), Reference.to_send)

    @property
    def lacking(self) -> tuple[str, ...]:
        """The Python names of what is not whole, because the request comes from a log or a pickle."""
        cut = [name for name, value in self._values.items() if isinstance(value, Url) and value.whole is None]
        cut += ["reference_images"] if any(reference.is_cut for reference in self.reference_images or ()) else []
        is_cut = any(text == HIDDEN or (HIDDEN in text and "://" in text) for text in _texts(self.extra))
        unknown = ["prompt"] if self.prompt == UNKNOWN_PROMPT else []
        return (*unknown, *cut, *(["extra"] if is_cut else []))

    def _task(self, reference_text: Callable[[Reference], str]) -> dict[str, Any]:
        values = dict(self._values)
        if values.pop("aspect_ratio", None) and self.size:
            values.pop("resolution", None)
            values["width"], values["height"] = self.size
        if self.reference_images:
            values["reference_images"] = [reference_text(r) for r in self.reference_images]
        task: dict[str, Any] = dict(self._head)
        if "model" in values:
            task["model"] = values.pop("model")
        for name, own in self.profile.parameters.items():
            if name in values:
                value = own.spell(values[name])
                _set_nested(task, own.wire, whole_text(value) if isinstance(value, Url) else value)
        return Task(_merged(task, self.extra))

    def _sendable(self, task_uuid: str, reference_text: Callable[[Reference], str]) -> dict[str, Any]:
        task = Task({"taskType": TASK_TYPE, "taskUUID": "", "model": DEFAULT_MODEL, **self._task(reference_text)})
        task["taskUUID"] = task_uuid
        task.setdefault("includeCost", True)
        if self.size is not None and not self._size_in_extra():
            task.pop("resolution", None)
            task["width"], task["height"] = self.size
        return task

    @classmethod
    def from_task(cls, task: Mapping[str, Any], *, extra: Mapping[str, Any] | None = None) -> Self:
        """Make a request from a task of the API; :meth:`to_task` returns the same task.

        Args:
            task: with keys in the API's spelling and nesting.
            extra: merged into the task unchecked.

        Raises:
            UnknownParameter: for a key that the API does not have, or has at another level.
            RequestError: for a value that the model does not allow, and for ``null``.

        Example:
            >>> import nbkit
            >>> nbkit.ImageRequest.from_task({"positivePrompt": "A paper lantern", "settings": {"topP": 0.9}})
            ImageRequest(prompt='A paper lantern', top_p=0.9)
        """
        if not isinstance(task, Mapping):
            raise RequestError(f"a task must be a dict, got {type_in_words(task)}", parameter="task", value=task)
        task = Task(sealed_task(task))
        extra = Task(extra) if type(extra) is dict else extra
        try:
            given, head = NAMES.resolve(task, as_task=True)
        except RequestError as error:
            problem = error.with_traceback(None)
        else:
            return cls._made(given, head, extra)
        raise problem  # without frames whose local variables have a value of a key that is no parameter

    def _size_in_extra(self) -> bool:
        return not self.extra.keys().isdisjoint(rules.SIZE_NAMES[:3])


PARAMETERS: dict[str, Parameter[Any]] = {
    name: field for name, field in vars(ImageRequest).items() if isinstance(field, Parameter)
}
"""Every parameter by its Python name, in the order in which they are declared."""

DECLARED.update(PARAMETERS)

_PRICED = ("number_results", "reference_images", "web_search", "image_search")
"""The parameters on which a price depends, beside the size."""

NAMES = Naming(PARAMETERS)
"""Finds a parameter by any of its spellings: ``NAMES.find("topP")``."""


BY_WIRE.update(NAMES.by_wire)


def task_for_display(request: ImageRequest, task_uuid: str) -> dict[str, Any]:
    """The task of a request for display: pictures as their hash, and no credentials."""
    return redacted(request._sendable(task_uuid, str))  # noqa: SLF001  encodes no picture


def given_values(request: ImageRequest) -> dict[str, Any]:
    """The parameters that were set, by Python name, as logs and files store them: no credentials, pictures as hashes."""
    values = request.parameters
    if request.reference_images:
        values["reference_images"] = [str(r) for r in request.reference_images]
    return {name: str(value) if isinstance(value, Url) else value for name, value in values.items()}


def _texts(value: Any) -> Iterator[str]:
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for part in parts:
        yield from [part] if isinstance(part, str) else _texts(part)


def _get_nested(task: Any, *path: str) -> Any:
    # Values from extra may have any type.
    for key in path:
        task = task.get(key) if isinstance(task, Mapping) else None
    return task


def _set_nested(task: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
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


def _short_value(parameter: Parameter[Any], value: Any) -> str:
    if isinstance(parameter.kind, ListOf):
        names = [f"<{str(r)[:19]}>" if r.data else str(r)[:60] for r in value[:4]]
        return f"[{', '.join(names)}{f', … {len(value)} in all' if len(value) > 4 else ''}]"
    return short_repr(value)


def _as_given(values: Mapping[str, Any]) -> Given:
    return {name: (name, value) for name, value in values.items()}
