"""The keywords of a request as editors and type checkers see them.

Each parameter is listed under its Python name and under the API's own spelling, and each of the API's groups as a dict.
The declaration in :mod:`nbkit.request.image_request` is the source; a test compares these types with it.
"""

from __future__ import annotations

import functools
import inspect
import operator
import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, SupportsFloat, SupportsIndex, TypedDict, TypeVar, Union, cast

from nbkit.request.address import Url, without_credentials

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from nbkit.request.reference import Reference

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

Int = SupportsIndex
"""``int``, and the integers of numpy."""

Float = SupportsFloat | SupportsIndex
"""``float`` and ``int``, and the numbers of numpy."""

Bool = Union[bool, "np.bool_"]
"""``bool``, and the one of numpy."""

Group = Mapping[str, Any]
"""One of the API's groups, nested as in its documentation: ``settings={"topP": 0.9}``."""

OneOrMany = Union[T, Iterable[T | None], None]  # noqa: UP007  with a type variable inside, | does not work
"""In a sweep: a fixed value, or the values of an axis."""

Tier = Literal["0.5K", "1K", "2K", "4K"] | str  # noqa: PYI051  for completion; any str type-checks
Ratio = (
    Literal["1:1", "3:2", "2:3", "4:3", "3:4", "4:5", "5:4", "9:16", "16:9", "21:9", "4:1", "1:4", "8:1", "1:8"] | str  # noqa: PYI051
)
Thinking = Literal["MINIMAL", "HIGH"] | str  # noqa: PYI051
SafetyTolerance = Literal["high", "medium", "low", "none", "off"] | str  # noqa: PYI051
SafetyMode = Literal["none", "fast"] | str  # noqa: PYI051
OutputFormat = Literal["JPG", "PNG", "WEBP"] | str  # noqa: PYI051
OutputType = Literal["URL", "base64Data", "dataURI"] | str  # noqa: PYI051
Model = Literal["google:4@3", "google:4@2", "google:nano-banana@2-lite", "google:nano-banana@2.1"] | str  # noqa: PYI051
DeliveryMethod = Literal["sync", "async"] | str  # noqa: PYI051


class HasBytes(Protocol):
    """A picture that has the bytes of its file, such as a :class:`~nbkit.GeneratedImage`."""

    @property
    def bytes(self) -> bytes:
        """The bytes of its file."""


class HasImages(Protocol):
    """Several pictures, such as a :class:`~nbkit.Run`."""

    @property
    def images(self) -> tuple[HasBytes, ...]:
        """Its pictures."""


class Readable(Protocol):
    """A file that is open for reading bytes, such as ``io.BytesIO``."""

    def read(self) -> bytes:
        """The rest of the file."""


ReferenceImage = Union[
    os.PathLike[Any], bytes, bytearray, memoryview, "Image.Image", HasBytes, HasImages, Readable, "np.ndarray[Any, Any]",
    "Reference", uuid.UUID, str,
]  # fmt: skip
"""A reference image: a path, a file or its bytes, a PIL image, a generated image, a run, an array; a str is a URL, a UUID, a data URI or base64."""

ReferenceImages = ReferenceImage | Iterable[Any]
"""One reference image, or several in order: a list, ``folder.glob("*.png")``, a pandas series."""


class PythonKeywords(TypedDict, total=False):
    """Each parameter of a request apart from its prompt, in Python's spelling. ``None`` means "not sent"."""

    width: Int | None
    height: Int | None
    resolution: Tier | None
    aspect_ratio: Ratio | None
    seed: Int | None
    number_results: Int | None
    temperature: Float | None
    top_p: Float | None
    thinking: Thinking | None
    system_prompt: str | None
    web_search: Bool | None
    image_search: Bool | None
    safety_tolerance: SafetyTolerance | None
    check_content: Bool | None
    safety_mode: SafetyMode | None
    reference_images: ReferenceImages | None
    output_format: OutputFormat | None
    output_quality: Int | None
    output_type: OutputType | None
    delivery_method: DeliveryMethod | None
    webhook_url: str | None
    upload_endpoint: str | None
    ttl: Int | None
    include_cost: Bool | None
    model: Model | None
    extra: Mapping[str, Any] | None


class RequestKeywords(PythonKeywords, total=False):
    """The keywords of a request apart from its prompt: also in the API's spelling, in its groups, and a task's own keys."""

    positivePrompt: str | None
    aspectRatio: Ratio | None
    numberResults: Int | None
    topP: Float | None
    systemPrompt: str | None
    webSearch: Bool | None
    imageSearch: Bool | None
    safetyTolerance: SafetyTolerance | None
    checkContent: Bool | None
    safetyMode: SafetyMode | None
    mode: SafetyMode | None
    referenceImages: ReferenceImages | None
    outputFormat: OutputFormat | None
    outputQuality: Int | None
    outputType: OutputType | None
    deliveryMethod: DeliveryMethod | None
    webhookURL: str | None
    webhookUrl: str | None
    uploadEndpoint: str | None
    includeCost: Bool | None
    inputs: Group
    settings: Group
    providerSettings: Group
    safety: Group
    task_type: str | None
    taskType: str | None
    task_uuid: str | uuid.UUID | None
    taskUUID: str | uuid.UUID | None


class RequestChanges(RequestKeywords, total=False):
    """The keywords of :meth:`nbkit.ImageRequest.replace`: those of a request, and its prompt."""

    prompt: str | None


def name_parameters(function: F) -> F:
    """Decorator: list each parameter in a function's signature, in place of its last one, ``**parameters``.

    Notebooks complete from the signature. At run time the function still takes every spelling, in the order of the call.
    """
    *own, _ = inspect.signature(function).parameters.values()
    names = ["prompt", *PythonKeywords.__annotations__]
    named = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind.__forward_arg__)
        for name, kind in RequestChanges.__annotations__.items()
        if name in names and name not in {parameter.name for parameter in own}
    ]
    wrapper = seal_parameters(function)
    wrapper.__signature__ = inspect.Signature([*own, *named])  # type: ignore[attr-defined]
    return wrapper


_MAY_HAVE_CREDENTIALS = {
    "webhook_url", "webhookURL", "webhookUrl", "upload_endpoint", "uploadEndpoint", "reference_images", "referenceImages",
    "inputs", "extra",
}  # fmt: skip


def seal_parameters(function: F) -> F:
    """Decorator: addresses and ``extra`` reach the function as values that show no credentials.

    So a traceback that shows the local variables of the function, and of whatever it calls, shows none.
    """

    @functools.wraps(function)
    def sealing(*arguments: Any, **keywords: Any) -> Any:
        for name, value in keywords.items():
            keywords[name] = sealed(name, value)
        return function(*arguments, **keywords)

    return cast("F", sealing)


def sealed(name: str, value: Any) -> Any:
    """The value of a keyword, so that it shows no credentials; the very same value if there are none."""
    if name not in _MAY_HAVE_CREDENTIALS:
        return value
    if type(value) is str:
        is_address = "://" in value[:40] or name[:6] in ("webhoo", "upload")
        return Url(value) if is_address and Url(value) != without_credentials(value) else value
    if type(value) in (list, tuple):  # iterating over a subclass may run any code
        parts = [sealed(name, part) for part in value]
        return value if all(map(operator.is_, parts, value)) else type(value)(parts)
    if type(value) is dict:
        return Hiding(value if name == "extra" else sealed_task(value))
    return value


def sealed_task(task: Mapping[str, Any]) -> dict[str, Any]:
    """A task, or a group of one, with values that show no credentials."""
    return {name: sealed(str(name), value) for name, value in task.items()}


class Hiding(dict[str, Any]):
    """A dict whose ``repr`` shows its keys."""

    def __repr__(self) -> str:
        return f"<{', '.join(map(str, self))}>"
