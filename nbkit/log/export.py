"""Exports rows of the log: the pictures, a manifest of the rows, and a page that shows both.

An export is written under a temporary name and renamed when it is complete. It contains nothing about the machine on
which it was made: paths are relative to the export, and URLs lose their credentials and queries.
"""

from __future__ import annotations

import json
import math
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import pandas as pd

from nbkit.display.figure import Figure
from nbkit.display.page import Card, document_html
from nbkit.display.text import count
from nbkit.errors import DownloadError, NbkitError, StorageError
from nbkit.log.export_target import EXPORT_PICTURES, Write, target_of, writing_to
from nbkit.log.frame import check_frame
from nbkit.log.images import file_of
from nbkit.log.table import costs_of, figure_of, format_value, is_gap
from nbkit.measures.facts import SUFFIXES, examine
from nbkit.request.image_request import PARAMETERS
from nbkit.request.parameter import without_query

EXPORT_PREVIEW_SIZE = 320
"""Pixels on the long side of the pictures in the page."""

MAX_EXACT_INTEGER = 2**53
"""Larger integers are written to JSON as text, because most programs that read JSON would round them."""

GONE, DAMAGED = "its file is not here", "its file is damaged"

_ALWAYS_SHOWN = ("seed", "temperature", "topP", "cost")
_REQUEST_COLUMNS = tuple(
    p.column for p in PARAMETERS.values() if p.group != "Delivery" and p.column not in ("prompt", "requestedSeed")
)
CARD_COLUMNS = tuple(
    dict.fromkeys((*_ALWAYS_SHOWN, *_REQUEST_COLUMNS, "rating", "keep", "tags", "note", "status", "error"))
)
"""The columns that a picture's caption shows if they have a value; the first four are always there."""

_FREE_TEXT_COLUMNS = ("referenceImages", "webhookURL", "uploadEndpoint", "extra", "error")
"""Columns whose text may contain URLs or paths, from the user or from the service."""


@dataclass(frozen=True, slots=True)
class _ExportedPicture:
    """A row's picture in an export. All attributes are ``None`` for a row without a picture.

    Attributes:
        name: its path in the export; ``None`` if the originals are left out.
        sha256: hash of its bytes.
        missing: why it could not be exported.
    """

    name: str | None = None
    sha256: str | None = None
    missing: str | None = None


def export_frame(
    frame: pd.DataFrame, path: str | os.PathLike[str], *, private: tuple[str, ...] = (), originals: bool = True
) -> Path:
    """Write a frame's pictures, a manifest of its rows as CSV and JSON, and ``index.html``.

    Args:
        frame: rows of ``log.to_frame()``.
        path: a new or empty folder, or a new file that ends in ``.zip``.
        private: folders of this machine, whose paths are removed from all texts.
        originals: whether to copy the pictures themselves; ``index.html`` has small ones in any case.

    Returns:
        The folder or the file.

    Raises:
        NbkitError: if the frame has no rows, or no column ``file``.
        RequestError: if the path exists already or is not valid; nothing is written.
        StorageError: if it cannot be written, or none of the pictures can be read; then nothing is left behind.

    Warns:
        UserWarning: if some of the pictures are missing or damaged; page and manifest name them.
    """
    check_frame(frame)
    if frame.empty:
        raise NbkitError("there are no rows to export: studio.generate(…) writes the first one")
    target = target_of(path)
    with writing_to(target) as write:
        missing = _write_files(write, frame.reset_index(drop=True), private, originals)
    if missing:
        warnings.warn(f"the export {target} lacks {missing}", stacklevel=3)  # the line of the user's call
    return target


def _write_files(write: Write, frame: pd.DataFrame, private: tuple[str, ...], originals: bool) -> str:
    """Write all files of an export. Returns what is missing, as text."""
    pictures = [_export_picture(write, number, row, originals) for number, row in enumerate(_row_dicts(frame), 1)]
    missing = _describe_missing(pictures)
    manifest = _manifest(frame, pictures, private)
    write("manifest.csv", manifest.to_csv(index=False, lineterminator="\n").encode("utf-8"))
    write("manifest.json", (json.dumps(_records(manifest), ensure_ascii=False, indent=1) + "\n").encode("utf-8"))
    cards = (_card(file, row) for file, row in zip(frame["file"], _row_dicts(manifest), strict=True))
    summary = f"{count(len(frame), 'row')}{costs_of(frame)}" + (f" · without {missing}" if missing else "")
    write("index.html", document_html("Pictures and how they were made", summary, cards).encode("utf-8"))
    return missing


def _describe_missing(pictures: list[_ExportedPicture]) -> str:
    """How many pictures are missing or damaged, as text; ``""`` if none is.

    Raises:
        StorageError: if all of them are.
    """
    reasons = [picture.missing for picture in pictures if picture.missing]
    if not reasons:
        return ""
    total = len(reasons) + sum(picture.sha256 is not None for picture in pictures)
    if len(reasons) == total:
        raise StorageError(
            f"no picture of these rows can be read: of {count(total, 'picture')}, {GONE} for {reasons.count(GONE):,} and "
            f"{DAMAGED} for {reasons.count(DAMAGED):,}. Was the image folder moved? studio.recover() fetches what "
            "the service still has"
        )
    return f"{len(reasons):,} of {count(total, 'picture')}, of which the file is missing or damaged"


def _row_dicts(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    names = [str(name) for name in frame.columns]
    return (dict(zip(names, row, strict=True)) for row in frame.astype(object).itertuples(index=False, name=None))


def _export_picture(write: Write, number: int, row: dict[str, Any], originals: bool) -> _ExportedPicture:
    """Copy a row's picture into the export. A frame may name any file of the machine; only pictures are copied."""
    if is_gap(row["file"]):
        return _ExportedPicture()
    try:
        data = file_of(row["file"]).read_bytes()
        facts = examine(data)
    except (OSError, ValueError):
        return _ExportedPicture(missing=GONE)
    except DownloadError:
        return _ExportedPicture(missing=DAMAGED)
    name = (
        f"{EXPORT_PICTURES}/{number:04}{_seed_suffix(row.get('seed'))}-{facts.sha256[:8]}{SUFFIXES[facts.media_type]}"
    )
    if originals:
        write(name, data)
    return _ExportedPicture(name if originals else None, facts.sha256)


def _seed_suffix(value: Any) -> str:
    """The seed as a part of a file's name; ``""`` if it is not an integer."""
    if (
        isinstance(value, float) and value.is_integer() and abs(value) < MAX_EXACT_INTEGER
    ):  # a frame that was read from a CSV file
        value = int(value)
    return "" if isinstance(value, bool) or not isinstance(value, Integral) else f"-seed{value}"


def _manifest(frame: pd.DataFrame, pictures: list[_ExportedPicture], private: tuple[str, ...]) -> pd.DataFrame:
    attributes = {"file": "name", "sha256": "sha256", "fileMissing": "missing"}
    manifest = frame.assign(
        **{
            column: pd.Series([getattr(picture, attribute) for picture in pictures], dtype="string")
            for column, attribute in attributes.items()
        }
    )
    for column in set(_FREE_TEXT_COLUMNS) & set(manifest.columns):
        texts = [None if is_gap(text) else _redact(str(text), private) for text in manifest[column]]
        manifest[column] = pd.Series(texts, dtype="string")
    return manifest


def _records(manifest: pd.DataFrame) -> list[dict[str, Any]]:
    columns = [_json_column(manifest[name].astype(object)) for name in manifest.columns]
    names = [str(name) for name in manifest.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _json_column(values: Iterable[Any]) -> list[Any]:
    """A column's values for JSON, all of one type: if one of them has to be text, all of them are."""
    converted = [_json_value(value) for value in values]
    types = {"number" if type(one) in (int, float) else type(one).__name__ for one in converted if one is not None}
    return converted if len(types) <= 1 else [None if one is None else str(one) for one in converted]


def _redact(text: str, private: tuple[str, ...]) -> str:
    for folder in (folder for folder in private if len(Path(folder).parts) > 1):
        text = text.replace(folder, "…")
    return re.sub(r"https?://[^\s\"'<>]+", lambda url: without_query(url[0]), text)


def _json_value(value: Any) -> Any:
    """A value of a frame as one of JSON's types."""
    if not pd.api.types.is_scalar(value):
        return str(value)  # a list or an object in a column that the user added
    if pd.isna(value):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_EXACT_INTEGER:
        return str(value)
    has_json_type = isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value))
    return value if has_json_type else str(value)


def _card(file: Any, row: dict[str, Any]) -> Card:
    prompt = "" if is_gap(row.get("prompt")) else str(row["prompt"])
    figure: Figure = figure_of(file, prompt, EXPORT_PREVIEW_SIZE)
    facts = [
        (name, f"{row[name]} of 5" if name == "rating" and not is_gap(row[name]) else format_value(name, row[name]))
        for name in CARD_COLUMNS
        if name in row and (name in _ALWAYS_SHOWN or not is_gap(row[name]))
    ]
    return Card(figure, prompt, facts, "" if is_gap(row["file"]) else str(row["file"]))
