"""The signature of ``studio.sweep`` as editors and type checkers see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbkit.request import keywords as typed
from nbkit.request.image_request import ImageRequest
from nbkit.sweep.cell import Cell
from nbkit.sweep.sweep import Sweep


def sweep(
    self: Any,
    prompt: typed.OneOrMany[str] | ImageRequest = None,
    *,
    combine: str = "product",
    sample: int | None = None,
    random_state: int | None = None,
    where: Callable[[Cell], Any] | None = None,
    repeats: int = 1,
    name: str | None = None,
    width: typed.OneOrMany[typed.Int] = None,
    height: typed.OneOrMany[typed.Int] = None,
    resolution: typed.OneOrMany[typed.Tier] = None,
    aspect_ratio: typed.OneOrMany[typed.Ratio] = None,
    seed: typed.OneOrMany[typed.Int] = None,
    number_results: typed.OneOrMany[typed.Int] = None,
    temperature: typed.OneOrMany[typed.Float] = None,
    top_p: typed.OneOrMany[typed.Float] = None,
    thinking: typed.OneOrMany[typed.Thinking] = None,
    system_prompt: typed.OneOrMany[str] = None,
    web_search: typed.OneOrMany[typed.Bool] = None,
    image_search: typed.OneOrMany[typed.Bool] = None,
    safety_tolerance: typed.OneOrMany[typed.SafetyTolerance] = None,
    check_content: typed.OneOrMany[typed.Bool] = None,
    safety_mode: typed.OneOrMany[typed.SafetyMode] = None,
    reference_images: typed.OneOrMany[typed.ReferenceImage | list[Any] | tuple[Any, ...]] = None,
    output_format: typed.OneOrMany[typed.OutputFormat] = None,
    output_quality: typed.OneOrMany[typed.Int] = None,
    output_type: typed.OneOrMany[typed.OutputType] = None,
    delivery_method: typed.OneOrMany[typed.DeliveryMethod] = None,
    webhook_url: typed.OneOrMany[str] = None,
    upload_endpoint: typed.OneOrMany[str] = None,
    ttl: typed.OneOrMany[typed.Int] = None,
    include_cost: typed.OneOrMany[typed.Bool] = None,
    extra: Any = None,
    **template_variables: Any,
) -> Sweep:
    """Declares the signature only; :meth:`nbkit.Studio.sweep` is the function."""
    raise NotImplementedError
