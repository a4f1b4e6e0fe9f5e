"""The draft switch: everything at the smallest tier and one result, until a picture is worth more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from nbkit.display.text import usd
from nbkit.request import model
from nbkit.request.image_request import ImageRequest
from nbkit.results.run import GeneratedImage
from nbkit.widgets.page.plain import plain

DRAFT_TIER = model.TIERS[0]
FINAL_TIERS = model.TIERS[2:]
"""What a chosen draft may be made again at."""


class Draft:
    """A switch. While it is on, resolution and number of results are not what their controls say.

    Attributes:
        button: the switch.
    """

    def __init__(self) -> None:
        price = usd(model.PRICE_PER_IMAGE[DRAFT_TIER])
        self.button = plain(
            widgets.ToggleButton,
            description="Draft",
            tooltip=f"Draft: everything at {DRAFT_TIER} and one result, {price} each",
        )
        self.button.add_class("nbkit-small")

    @property
    def on(self) -> bool:
        """Whether drafts are made."""
        return bool(self.button.value)

    def applied(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What is to be asked for, of what the controls say."""
        if not self.on:
            return dict(values)
        return {**{n: v for n, v in values.items() if n != "number_results"}, "resolution": DRAFT_TIER}


def final_request(request: ImageRequest, image: GeneratedImage, tier: str) -> ImageRequest:
    """The request that makes a chosen picture again at a higher tier: its shape, its seed, one result."""
    seed = request.seed if image.seed is None else image.seed
    return request.replace(resolution=tier, seed=seed, number_results=None)
