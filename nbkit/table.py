"""Rows of the log as a table with thumbnails, for the log itself and for any frame that came from it.

Importing this module gives every DataFrame ``frame.nbkit.show()``, so that pandas does the filtering and the
eyes do the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from PIL import UnidentifiedImageError

from nbkit.display.bundle import Bundle
from nbkit.display.figure import Figure
from nbkit.display.table import table_html, table_text
from nbkit.display.text import count, usd
from nbkit.errors import NbkitError, NoImage, UnknownParameter
from nbkit.image import make_preview, size_of
from nbkit.model import MICRO
from nbkit.naming import HEAD
from nbkit.request import NAMES
from nbkit.storage.previews import previews_of

THUMBNAIL = 128
"""Pixels on the long side of a thumbnail."""

ALWAYS = ("prompt", "seed", "temperature", "topP", "cost", "status")
SOMETIMES = ("thinking", "width", "height", "error")
"""Shown only where a row has something to say in them."""


def show_frame(
    frame: pd.DataFrame, *, size: int = THUMBNAIL, columns: list[str] | str | None = None, limit: int = 100
) -> Bundle:
    """A frame's rows as pictures with their facts.

    Args:
        frame: rows of ``studio.log.to_frame()``, after whatever pandas did to them; needs the column ``file``.
        size: pixels on the long side of a thumbnail.
        columns: which facts to show, one name or several; either spelling of a parameter will do.
        limit: how many rows at most; how many were left out is said.

    Raises:
        NbkitError: if the frame has no column ``file``.
        UnknownParameter: for a column that the frame does not have.
    """
    if "file" not in frame.columns:
        raise NbkitError(
            "this frame has no column 'file', so it does not know its pictures; keep it when selecting columns"
        )
    names = _columns(frame, columns)
    rows = frame.head(limit)
    texts = [
        [fact_of(name, value) for name, value in zip(names, row, strict=True)]
        for row in rows[names].itertuples(index=False)
    ]
    prompts = rows["prompt"] if "prompt" in rows else pd.Series([""] * len(rows))
    figures = [figure_of(file, prompt, size) for file, prompt in zip(rows["file"], prompts, strict=True)]
    left_out = f"{len(frame) - limit:,} more rows; .nbkit.show(limit=…) shows them" if len(frame) > limit else ""
    caption = f"{count(len(rows), 'row')}{costs_of(frame)}"
    return Bundle(
        html=table_html(names, texts, figures, caption=caption, foot=left_out),
        text=table_text(names, texts, caption="\n".join(filter(None, (caption, left_out)))),
    )


@pd.api.extensions.register_dataframe_accessor("nbkit")
class FrameAccessor:
    """``frame.nbkit``: what nbkit can do with a frame that came from its log."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def show(self, size: int = THUMBNAIL, *, columns: list[str] | str | None = None, limit: int = 100) -> Bundle:
        """The frame's rows as pictures with their facts; see :func:`show_frame`."""
        return show_frame(self._frame, size=size, columns=columns, limit=limit)


def _columns(frame: pd.DataFrame, columns: list[str] | str | None) -> list[str]:
    if columns is None:
        sometimes = [name for name in SOMETIMES if name in frame and bool(frame[name].notna().any())]
        return [name for name in (*ALWAYS, *sometimes) if name in frame]
    return [_column_of(frame, name) for name in ([columns] if isinstance(columns, str) else columns)]


def _column_of(frame: pd.DataFrame, name: str) -> str:
    if name in frame.columns:
        return name
    column = HEAD[name] if name in HEAD else NAMES.find(name).column
    if column not in frame.columns:
        raise UnknownParameter(
            f"this frame has no column {column!r}; it has {', '.join(map(str, frame.columns))}",
            parameter=name,
            reason="unknown",
        )
    return column


def fact_of(name: str, value: Any) -> str:
    """A value as a person reads it, by the name of its column; ``—`` where there is none."""
    if pd.isna(value):
        return "—"
    if name == "cost":
        return usd(round(float(value) * MICRO))
    return f"{value:g}" if isinstance(value, float) else str(value)


def figure_of(file: Any, prompt: Any, size: int, caption: tuple[str, ...] = ()) -> Figure:
    """A row's picture, small, or why there is none.

    Args:
        file: the row's ``file``, or a gap.
        prompt: the row's ``prompt``, or a gap.
        size: pixels on the long side.
        caption: facts to stand under it.
    """
    alt = "" if pd.isna(prompt) else str(prompt)
    if pd.isna(file):
        return Figure(None, alt, caption=caption, missing="no picture")
    path = Path(str(file))
    try:
        kept = previews_of(path)
        data = kept.get(path, size) if kept else make_preview(path.read_bytes(), size)
    except UnidentifiedImageError:
        return Figure(None, alt, caption=caption, missing="its file is damaged")
    except OSError:
        return Figure(None, alt, caption=caption, missing="its file is not here")
    except NoImage as error:
        return Figure(None, alt, caption=caption, missing=str(error))
    return Figure(data, alt, *size_of(data), caption)


def costs_of(frame: pd.DataFrame) -> str:
    """What the rows cost together: charged money and list prices are never added up."""
    if "cost" not in frame or "charged" not in frame:
        return ""
    parts = []
    for charged, words in ((True, "charged"), (False, "at offline list prices, of which nothing was charged")):
        costs = frame.loc[frame["charged"].fillna(value=True) == charged, "cost"].dropna()
        if len(costs):
            parts.append(f"{usd(round(float(costs.sum()) * MICRO))} {words}")
    return "".join(f" · {part}" for part in parts)
