"""What differs between pictures that stand side by side, in words and numbers, until others are selected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import pandas as pd

from nbkit.comparison.result import differences
from nbkit.display.compare import differences_html
from nbkit.history import RunLog
from nbkit.widgets.page.plain import plain

MOST = 4
"""Pictures beside each other that can still be told apart."""


class Comparing:
    """A table of the parameters that differ.

    Args:
        log: knows all parameters of its runs, where a row knows only what is in the frame.

    Attributes:
        box: the table; empty while nothing is compared.
    """

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self._keys: tuple[str, ...] = ()
        self.box = plain(widgets.HTML)

    def show(self, keys: Sequence[str], rows: Sequence[pd.Series[Any]]) -> None:
        """Tell what differs between pictures.

        Args:
            keys: what they are known by in the grid.
            rows: of the frame.
        """
        labels = [f"picture {number}" for number in range(1, len(keys) + 1)]
        told = differences(self._subjects(rows))
        caption = "What differs between the pictures side by side" if told else ""
        self._keys, self.box.value = tuple(keys), differences_html(labels, told, caption=caption)

    def leave(self, keys: Sequence[str]) -> None:
        """Others may be selected now; then the table goes."""
        if tuple(keys) != self._keys:
            self._keys, self.box.value = (), ""

    def _subjects(self, rows: Sequence[pd.Series[Any]]) -> list[Any]:
        """Pictures as they are compared: those of the log's runs, or their rows."""
        runs = self._log.get_runs([str(row["taskUUID"]) for row in rows])
        found: list[Any] = []
        for row in rows:
            run = runs.get(str(row["taskUUID"]))
            images = [image for image in run or () if image.image_uuid == row["imageUUID"]]
            found.append(images[0] if images else row if run is None or run.images else run)
        return found
