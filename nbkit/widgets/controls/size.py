"""The size's control: a ratio and a tier, so that no pair can be chosen that the model does not have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import ipywidgets as widgets

from nbkit.request import model
from nbkit.request.image_request import PARAMETERS
from nbkit.widgets.controls.control import NOT_SENT, UNSET, Changed, Control, label
from nbkit.widgets.controls.draft import DRAFT_TIER
from nbkit.widgets.page.plain import plain

RATIO, TIER = PARAMETERS["aspect_ratio"], PARAMETERS["resolution"]
_DRAWING = 22
"""Pixels of the long side of the small drawing of the shape."""


class Size(Control):
    """Aspect ratio and resolution, and beside them the size in pixels that they stand for.

    ``width`` and ``height`` are read as the ratio and the tier that they belong to. What is left at "not sent" is
    1:1 at 1K, or, with reference images, whatever follows from them.
    """

    def __init__(self) -> None:
        super().__init__(RATIO, TIER, PARAMETERS["width"], PARAMETERS["height"])
        self.ratio = _dropdown(RATIO, model.DEFAULT_RATIO)
        self.tier = _dropdown(TIER, model.DEFAULT_TIER)
        self.pixels = plain(widgets.HTML)
        self.pixels.add_class("nbkit-pixels")
        self.field = self.ratio
        self._follows = self._draft = False
        self._varied: frozenset[str] = frozenset()
        self.box.add_class("nbkit-wide")
        self._place(self.ratio, self.tier, self.pixels)
        for dropdown in (self.ratio, self.tier):
            dropdown.observe(lambda _: self._tell(), "value")
        self._tell()

    def read(self) -> dict[str, Any]:
        chosen = {RATIO.name: self.ratio.value, TIER.name: self.tier.value}
        return {name: value for name, value in chosen.items() if value != UNSET}

    def write(self, values: Mapping[str, Any]) -> None:
        if values.get("width") and values.get("height"):
            ratio, tier = model.ratio_and_tier(values["width"], values["height"]) or (None, None)
            values = {RATIO.name: ratio, TIER.name: tier}
        if RATIO.name in values:
            self.ratio.value = values[RATIO.name] or UNSET
        if TIER.name in values:
            self.tier.value = values[TIER.name] or UNSET

    def on_change(self, changed: Changed) -> None:
        for dropdown in (self.ratio, self.tier):
            dropdown.observe(lambda _: changed(), "value")

    def follow(self, references: bool) -> None:
        """With reference images, "not sent" means their shape and no longer the default."""
        if references == self._follows:
            return
        self._follows = references
        for dropdown, default in ((self.ratio, model.DEFAULT_RATIO), (self.tier, model.DEFAULT_TIER)):
            chosen = dropdown.value
            dropdown.options = [
                (_unset("as reference", NOT_SENT) if references else _unset(default), UNSET),
                *dropdown.options[1:],
            ]
            dropdown.value = chosen
        self._tell()

    def draft(self, on: bool) -> None:
        """While drafts are made the tier is not what its list says."""
        self._draft = self.tier.disabled = on
        self._tell()

    def vary(self, names: Collection[str]) -> None:
        self._varied = frozenset(names) & {RATIO.name, TIER.name}
        for name, dropdown in ((RATIO.name, self.ratio), (TIER.name, self.tier)):
            dropdown.layout.display = "none" if name in self._varied else ""
        self.box.layout.display = "none" if len(self._varied) == 2 else ""
        self._tell()

    def _tell(self) -> None:
        if self._varied:
            self.pixels.value = f'<span class="nbkit-quiet">{" and ".join(_said(self._varied))} varies</span>'
            return
        ratio, tier = self.ratio.value, DRAFT_TIER if self._draft else self.tier.value
        if self._follows and ratio == UNSET:
            self.pixels.value = '<span class="nbkit-quiet">size follows the first reference</span>'
            return
        size = model.size_of(ratio or model.DEFAULT_RATIO, tier or model.DEFAULT_TIER)
        scale = _DRAWING / max(size)
        shape = f"width:{max(2, size[0] * scale):.0f}px;height:{max(2, size[1] * scale):.0f}px"
        place = f"{ratio or model.DEFAULT_RATIO} at {tier or model.DEFAULT_TIER}"
        self.pixels.value = (
            f'<span class="nbkit-shape" aria-hidden="true"><i style="{shape}"></i></span>'
            f'<span title="{place}">{size[0]} × {size[1]} px{f" · draft, {DRAFT_TIER}" if self._draft else ""}</span>'
        )


def _dropdown(parameter: Any, default: str) -> widgets.Dropdown:
    options = [(_unset(default), UNSET), *((choice, choice) for choice in parameter.kind.choices)]
    return plain(widgets.Dropdown, layout={}, options=options, description=label(parameter), tooltip=parameter.help)


def _said(names: Collection[str]) -> list[str]:
    return [label(parameter) for parameter in (RATIO, TIER) if parameter.name in names]


def _unset(means: str, why: str = "chosen by nbkit") -> str:
    return f"{means} ({why})"
