"""The keywords of a request as editors and type checkers see them.

Each parameter is listed under its Python name and under the API's own spelling, and each of the API's groups as a dict.
The declaration in :mod:`nbkit.request.image_request` is the source; a test compares these types with it.
"""

from __future__ import annotations

import inspect
import os
import uuid
from collections.abc import Callable, Container, Iterable, Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    Protocol,
    SupportsFloat,
    SupportsIndex,
    TypeAlias,
    TypedDict,
    TypeVar,
    Union,
)

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from nbkit.request.reference import Reference

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

Int: TypeAlias = SupportsIndex
"""``int``, and the integers of numpy."""

Float: TypeAlias = SupportsFloat | SupportsIndex
"""``float`` and ``int``, and the numbers of numpy."""

Bool: TypeAlias = Union[bool, "np.bool_"]
"""``bool``, and the one of numpy."""

Group: TypeAlias = Mapping[str, Any]
"""One of the API's groups, nested as in its documentation: ``settings={"topP": 0.9}``."""

OneOrMany: TypeAlias = Union[T, Iterable[T | None], None]  # noqa: UP007  with a type variable inside, | does not work
"""In a sweep: a fixed value, or the values of an axis."""

Tier: TypeAlias = Literal["0.5K", "1K", "2K", "4K"] | str  # noqa: PYI051  for completion; any str type-checks
Ratio: TypeAlias = (
    Literal["1:1", "3:2", "2:3", "4:3", "3:4", "4:5", "5:4", "9:16", "16:9", "21:9", "4:1", "1:4", "8:1", "1:8"] | str  # noqa: PYI051
)
Thinking: TypeAlias = Literal["MINIMAL", "HIGH"] | str  # noqa: PYI051
SafetyTolerance: TypeAlias = Literal["high", "medium", "low", "none", "off"] | str  # noqa: PYI051
SafetyMode: TypeAlias = Literal["none", "fast"] | str  # noqa: PYI051
OutputFormat: TypeAlias = Literal["JPG", "PNG", "WEBP"] | str  # noqa: PYI051
OutputType: TypeAlias = Literal["URL", "base64Data", "dataURI"] | str  # noqa: PYI051
DeliveryMethod: TypeAlias = Literal["sync", "async"] | str  # noqa: PYI051


class HasBytes(Protocol):
    """A picture that has the bytes of its file, such as a :class:`~nbkit.GeneratedImage`."""

    @property
    def bytes(self) -> bytes:
        """The bytes of its file."""


ReferenceImage: TypeAlias = Union[
    os.PathLike[Any], bytes, bytearray, memoryview, "Image.Image", HasBytes, "Reference", uuid.UUID, str
]
"""A reference image: a path, the bytes of a file, a PIL image, a generated image; a str is a URL, a UUID, a data URI or base64."""


class RequestKeywords(TypedDict, total=False):
    """The keywords of a request apart from its prompt. ``None`` means "not sent"."""

    positivePrompt: str | None
    width: Int | None
    height: Int | None
    resolution: Tier | None
    aspect_ratio: Ratio | None
    aspectRatio: Ratio | None
    seed: Int | None
    number_results: Int | None
    numberResults: Int | None
    temperature: Float | None
    top_p: Float | None
    topP: Float | None
    thinking: Thinking | None
    system_prompt: str | None
    systemPrompt: str | None
    web_search: Bool | None
    webSearch: Bool | None
    image_search: Bool | None
    imageSearch: Bool | None
    safety_tolerance: SafetyTolerance | None
    safetyTolerance: SafetyTolerance | None
    check_content: Bool | None
    checkContent: Bool | None
    safety_mode: SafetyMode | None
    safetyMode: SafetyMode | None
    mode: SafetyMode | None
    reference_images: ReferenceImage | list[Any] | tuple[Any, ...] | None
    referenceImages: ReferenceImage | list[Any] | tuple[Any, ...] | None
    output_format: OutputFormat | None
    outputFormat: OutputFormat | None
    output_quality: Int | None
    outputQuality: Int | None
    output_type: OutputType | None
    outputType: OutputType | None
    delivery_method: DeliveryMethod | None
    deliveryMethod: DeliveryMethod | None
    webhook_url: str | None
    webhookURL: str | None
    webhookUrl: str | None
    upload_endpoint: str | None
    uploadEndpoint: str | None
    ttl: Int | None
    include_cost: Bool | None
    includeCost: Bool | None
    inputs: Group
    settings: Group
    providerSettings: Group
    safety: Group
    extra: Mapping[str, Any] | None
    model: str | None
    task_type: str | None
    taskType: str | None
    task_uuid: str | uuid.UUID | None
    taskUUID: str | uuid.UUID | None


class RequestChanges(RequestKeywords, total=False):
    """The keywords of :meth:`nbkit.ImageRequest.replace`: those of a request, and its prompt."""

    prompt: str | None


def name_keywords(function: F, names: Container[str]) -> F:
    """List keywords in a function's signature, in place of ``**parameters``; notebooks complete from there.

    Args:
        function: takes ``**parameters`` at run time.
        names: of the parameters, of which each has several spellings.
    """
    own = [p for p in inspect.signature(function).parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    present = {parameter.name for parameter in own}
    named = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind.__forward_arg__)
        for name, kind in RequestChanges.__annotations__.items()
        if (name in names or name == "extra") and name not in present
    ]
    function.__signature__ = inspect.Signature([*own, *named])  # type: ignore[attr-defined]
    return function
