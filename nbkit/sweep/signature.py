"""The signature of ``studio.sweep`` as editors and type checkers see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbkit.request.image_request import ImageRequest
from nbkit.request.keywords import (
    Bool,
    DeliveryMethod,
    Float,
    Int,
    OneOrMany,
    OutputFormat,
    OutputType,
    Ratio,
    ReferenceImage,
    SafetyMode,
    SafetyTolerance,
    Thinking,
    Tier,
)
from nbkit.sweep.cell import Cell
from nbkit.sweep.sweep import Sweep


def sweep(
    self: Any,
    prompt: OneOrMany[str] | ImageRequest = None,
    *,
    combine: str = "product",
    sample: int | None = None,
    random_state: int | None = None,
    where: Callable[[Cell], Any] | None = None,
    repeats: int = 1,
    name: str | None = None,
    width: OneOrMany[Int] = None,
    height: OneOrMany[Int] = None,
    resolution: OneOrMany[Tier] = None,
    aspect_ratio: OneOrMany[Ratio] = None,
    seed: OneOrMany[Int] = None,
    number_results: OneOrMany[Int] = None,
    temperature: OneOrMany[Float] = None,
    top_p: OneOrMany[Float] = None,
    thinking: OneOrMany[Thinking] = None,
    system_prompt: OneOrMany[str] = None,
    web_search: OneOrMany[Bool] = None,
    image_search: OneOrMany[Bool] = None,
    safety_tolerance: OneOrMany[SafetyTolerance] = None,
    check_content: OneOrMany[Bool] = None,
    safety_mode: OneOrMany[SafetyMode] = None,
    reference_images: OneOrMany[ReferenceImage | list[Any] | tuple[Any, ...]] = None,
    output_format: OneOrMany[OutputFormat] = None,
    output_quality: OneOrMany[Int] = None,
    output_type: OneOrMany[OutputType] = None,
    delivery_method: OneOrMany[DeliveryMethod] = None,
    webhook_url: OneOrMany[str] = None,
    upload_endpoint: OneOrMany[str] = None,
    ttl: OneOrMany[Int] = None,
    include_cost: OneOrMany[Bool] = None,
    extra: Any = None,
    **template_variables: Any,
) -> Sweep:
    """Declares the signature only; :meth:`nbkit.Studio.sweep` is the function."""
    raise NotImplementedError
