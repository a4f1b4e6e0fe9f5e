"""What a notebook keeps of a gallery: a few rows as a plain table, folded away beside the gallery itself."""

from __future__ import annotations

import pandas as pd

from nbkit.display.mime import MimeBundle
from nbkit.log.table import FrameAccessor

KEPT_ROWS = 6
NOTHING = "The log was empty when this gallery was shown: studio.generate(…) makes its first run, and Refresh shows it."
NO_RUNS = "The log is empty: studio.generate(…) makes its first run, and Refresh shows it."
NO_MATCH = "Nothing matches. “Clear filters” shows all pictures again."
NONE_MATCHED = "No picture matched the filters and the search of this gallery when it was shown."
NO_ROWS = "The frame that this gallery was given has no rows."


def record(first: pd.DataFrame, many: int | None, *, empty: str) -> MimeBundle:
    """The table.

    Args:
        first: the rows that stand first.
        many: how many rows there are; ``None`` if nobody has counted them.
        empty: what is said where there is none.
    """
    if first.empty:
        return MimeBundle(f"<em>{empty}</em>", empty)
    title = f"Saved preview: {len(first)}" + ("" if many is None else f" of {many:,}")
    rows = FrameAccessor(first).show(size=96)
    return MimeBundle(f"<details><summary>{title}</summary>{rows.html}</details>", f"{title}\n{rows.text}")
