"""The look of the panel: the style sheet beside this module, as a widget that brings it to the page."""

from __future__ import annotations

from importlib import resources

import ipywidgets as widgets


def style_sheet() -> widgets.HTML:
    """The style sheet; its colours are the page's own variables, so that a dark theme needs nothing more."""
    sheet = resources.files("nbkit.widgets").joinpath("panel.css").read_text(encoding="utf-8")
    carrier = widgets.HTML(f"<style>{sheet}</style>")
    carrier.layout.display = "none"
    return carrier
