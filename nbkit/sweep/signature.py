"""The declaration of ``studio.sweep``, as editors, type checkers and ``help`` see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbkit.request import keywords as typed
from nbkit.request.image_request import ImageRequest
from nbkit.sweep.grid import Cell
from nbkit.sweep.sweep import Sweep


def sweep(  # noqa: D417  each parameter of a request has its sentence from its declaration
    self: Any,
    prompt: typed.OneOrMany[str] | ImageRequest = None,
    *,
    combine: str = "product",
    sample: int | None = None,
    random_state: int | None = None,
    where: Callable[[Cell], Any] | None = None,
    repeats: int = 1,
    name: str | None = None,
    max_cost: float | None = None,
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
    reference_images: typed.OneOrMany[typed.ReferenceImages] = None,
    output_format: typed.OneOrMany[typed.OutputFormat] = None,
    output_quality: typed.OneOrMany[typed.Int] = None,
    output_type: typed.OneOrMany[typed.OutputType] = None,
    delivery_method: typed.OneOrMany[typed.DeliveryMethod] = None,
    webhook_url: typed.OneOrMany[str] = None,
    upload_endpoint: typed.OneOrMany[str] = None,
    ttl: typed.OneOrMany[typed.Int] = None,
    include_cost: typed.OneOrMany[typed.Bool] = None,
    model: typed.OneOrMany[typed.Model] = None,
    extra: Any = None,
    **template_variables: Any,
) -> Sweep:
    """Many requests from one call: a list-like value is an axis, any other value is fixed.

    Nothing is sent before ``.run()``; ``.plan()`` has the price.

    Args:
        prompt: text, a list of texts (an axis), or an :class:`~nbkit.ImageRequest`, whose values are fixed unless a
            keyword overrides them. ``{colour}`` in it is replaced by the keyword ``colour``, and ``{{colour}}`` is the
            text ``{colour}``. Other braces, as in JSON, stay as they are.
        combine: ``"product"`` crosses the axes, the last one fastest; ``"zip"`` goes through them step by step.
        sample: draw this many cells, the same ones in every kernel.
        random_state: seed of the draw; made of the sweep's name if not given.
        where: keeps the cells for which it is true: ``where=lambda cell: cell.temperature < 0.5``.
        repeats: how often each cell is made, each time with a fresh seed.
        name: identifies the sweep, so that a later kernel goes on with it; made of its template, fixed values and
            axis names if not given.
        max_cost: the most that each cell may cost, in USD; a model of which no price is known needs it.
        **template_variables: parameters in the API's spelling, and variables, each of which replaces its name in braces
            in the prompt or the system prompt.

    Raises:
        RequestError: for a value that the model does not allow; the message names axis and value. Also for a name in
            braces that has no value or is an argument of this function, and for a gap (``None``, ``nan``) as the value
            of a variable.
        UnknownParameter: for a keyword that is neither a parameter nor in a template.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> sweep = studio.sweep("A {colour} lantern", colour=["red", "jade"], temperature=[0.2, 0.8], seed=[1, 2, 3])
        >>> len(sweep), sweep[0].values
        (12, {'colour': 'red', 'temperature': 0.2, 'seed': 1})
    """
    raise NotImplementedError  # :meth:`nbkit.Studio.sweep` is the function
