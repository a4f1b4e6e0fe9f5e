"""Rows of the log to take along: the pictures, what is known of them, and a page that shows both.

An export is written beside its place under another name and moved there when it is whole. It tells nothing of the
machine that it was made on: paths are relative to it, and addresses have lost what might let somebody in.
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
from nbkit.log.export_target import PICTURES, Write, target_of, writing_to
from nbkit.log.frame import check_frame
from nbkit.log.images import file_of
from nbkit.log.table import costs_of, fact_of, figure_of, is_gap
from nbkit.measures.facts import SUFFIXES, examine
from nbkit.request.image_request import PARAMETERS
from nbkit.request.parameter import without_query

PREVIEW = 320
"""Pixels on the long side of the page's pictures."""

EXACT = 2**53
"""Beyond it, most programs that read JSON round a number; it is written as text."""

GONE, DAMAGED = "its file is not here", "its file is damaged"

_ALWAYS = ("seed", "temperature", "topP", "cost")
_MADE = tuple(
    p.column for p in PARAMETERS.values() if p.group != "Delivery" and p.column not in ("prompt", "requestedSeed")
)
FACTS = tuple(dict.fromkeys((*_ALWAYS, *_MADE, "rating", "keep", "tags", "note", "status", "error")))
"""What stands under a picture, where it was set; the first few always, because people look for them."""

_FOREIGN = ("referenceImages", "webhookURL", "uploadEndpoint", "extra", "error")
"""Columns whose text a person or a service may have put an address or a path into."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """What an export has of a row's picture: its name there, its hash, or why it has none."""

    name: str | None = None
    sha256: str | None = None
    missing: str | None = None


def export_frame(
    frame: pd.DataFrame, path: str | os.PathLike[str], *, private: tuple[str, ...] = (), originals: bool = True
) -> Path:
    """Write a frame's pictures, a manifest of its rows as CSV and JSON, and ``index.html``.

    Args:
        frame: rows of ``log.to_frame()``.
        path: a folder that is not there or is empty, or a file that ends in ``.zip`` and is not there.
        private: folders of this machine, whose names are taken out.
        originals: whether to take the pictures along; the page has small ones in any case.

    Returns:
        The folder or the file.

    Raises:
        NbkitError: if there is nothing to export, or the frame has no column ``file``.
        RequestError: if the path is taken or can be none; nothing is written.
        StorageError: if it cannot be written, or no picture of all is there; nothing of it is left.

    Warns:
        UserWarning: if some pictures are missing or damaged; the export says which.
    """
    check_frame(frame)
    if frame.empty:
        raise NbkitError("there are no rows to export: studio.generate(…) writes the first one")
    target = target_of(path)
    with writing_to(target) as write:
        missing = _fill(write, frame.reset_index(drop=True), private, originals)
    if missing:
        warnings.warn(f"the export {target} lacks {missing}", stacklevel=3)  # the line that a person wrote
    return target


def _fill(write: Write, frame: pd.DataFrame, private: tuple[str, ...], originals: bool) -> str:
    """Write all files; what is missing, in words."""
    taken = [_packed(write, number, row, originals) for number, row in enumerate(_rows(frame), 1)]
    missing = _missing(taken)
    manifest = _manifest(frame, taken, private)
    write("manifest.csv", manifest.to_csv(index=False, lineterminator="\n").encode("utf-8"))
    write("manifest.json", (json.dumps(_records(manifest), ensure_ascii=False, indent=1) + "\n").encode("utf-8"))
    cards = (_card(file, row) for file, row in zip(frame["file"], _rows(manifest), strict=True))
    summary = f"{count(len(frame), 'row')}{costs_of(frame)}" + (f" · without {missing}" if missing else "")
    write("index.html", document_html("Pictures and how they were made", summary, cards).encode("utf-8"))
    return missing


def _missing(taken: list[_Taken]) -> str:
    reasons = [one.missing for one in taken if one.missing]
    if not reasons:
        return ""
    known = len(reasons) + sum(one.sha256 is not None for one in taken)
    if len(reasons) == known:
        raise StorageError(
            f"no picture of these rows can be read: of {count(known, 'picture')}, {GONE} for {reasons.count(GONE):,} and "
            f"{DAMAGED} for {reasons.count(DAMAGED):,}. Was the image folder moved? studio.recover() fetches what "
            "the service still has"
        )
    return f"{len(reasons):,} of {count(known, 'picture')}, of which the file is missing or damaged"


def _rows(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    names = [str(name) for name in frame.columns]
    return (dict(zip(names, row, strict=True)) for row in frame.astype(object).itertuples(index=False, name=None))


def _packed(write: Write, number: int, row: dict[str, Any], originals: bool) -> _Taken:
    """Take a row's picture along. A frame can name any file of the machine: only a picture is taken."""
    if is_gap(row["file"]):
        return _Taken()
    try:
        data = file_of(row["file"]).read_bytes()
        facts = examine(data)
    except (OSError, ValueError):
        return _Taken(missing=GONE)
    except DownloadError:
        return _Taken(missing=DAMAGED)
    name = f"{PICTURES}/{number:04}{_seed(row.get('seed'))}-{facts.sha256[:8]}{SUFFIXES[facts.media_type]}"
    if originals:
        write(name, data)
    return _Taken(name if originals else None, facts.sha256)


def _seed(value: Any) -> str:
    """The seed as a part of a file's name; nothing for what is no whole number."""
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:  # a frame that came from a CSV
        value = int(value)
    return "" if isinstance(value, bool) or not isinstance(value, Integral) else f"-seed{value}"


def _manifest(frame: pd.DataFrame, taken: list[_Taken], private: tuple[str, ...]) -> pd.DataFrame:
    own = {"file": "name", "sha256": "sha256", "fileMissing": "missing"}
    told = frame.assign(
        **{column: pd.Series([getattr(one, name) for one in taken], dtype="string") for column, name in own.items()}
    )
    for column in set(_FOREIGN) & set(told.columns):
        texts = [None if is_gap(text) else _public(str(text), private) for text in told[column]]
        told[column] = pd.Series(texts, dtype="string")
    return told


def _records(manifest: pd.DataFrame) -> list[dict[str, Any]]:
    columns = [_json_column(manifest[name].astype(object)) for name in manifest.columns]
    names = [str(name) for name in manifest.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _json_column(values: Iterable[Any]) -> list[Any]:
    """A column's values as JSON has them: all of one type, so text for all where one of them needs it."""
    plain = [_plain(value) for value in values]
    kinds = {"number" if type(value) in (int, float) else type(value).__name__ for value in plain if value is not None}
    return plain if len(kinds) <= 1 else [None if value is None else str(value) for value in plain]


def _public(text: str, private: tuple[str, ...]) -> str:
    for folder in (folder for folder in private if len(Path(folder).parts) > 1):
        text = text.replace(folder, "…")
    return re.sub(r"https?://[^\s\"'<>]+", lambda address: without_query(address[0]), text)


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if not pd.api.types.is_scalar(value):
        return str(value)  # what a person put into a column of their own
    if pd.isna(value):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > EXACT:
        return str(value)
    finite = isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value))
    return value if finite else str(value)


def _card(file: Any, row: dict[str, Any]) -> Card:
    prompt = "" if is_gap(row.get("prompt")) else str(row["prompt"])
    figure: Figure = figure_of(file, prompt, PREVIEW)
    facts = [
        (name, f"{row[name]} of 5" if name == "rating" and not is_gap(row[name]) else fact_of(name, row[name]))
        for name in FACTS
        if name in row and (name in _ALWAYS or not is_gap(row[name]))
    ]
    return Card(figure, prompt, facts, "" if is_gap(row["file"]) else str(row["file"]))
