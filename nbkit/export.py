"""Rows of the log to take along: the pictures, what is known of them, and a page that shows both.

An export is written beside its place under another name and moved there when it is whole. It tells nothing of the
machine that it was made on: paths are relative to it, and addresses have lost what might let somebody in.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from nbkit.display.figure import Figure
from nbkit.display.page import Card, document_html
from nbkit.display.text import count
from nbkit.errors import NbkitError, RequestError, StorageError
from nbkit.parameter import without_query
from nbkit.storage.images import file_of
from nbkit.table import costs_of, fact_of, figure_of

PREVIEW = 320
"""Pixels on the long side of the page's pictures."""

PICTURES = "images"

EXACT = 2**53
"""Beyond it, most programs that read JSON round a number; it is written as text."""

FACTS = ("seed", "temperature", "topP", "cost", "rating", "keep", "tags", "note", "status", "error")
_ALWAYS = ("seed", "temperature", "topP", "cost", "rating", "tags", "note")

_FOREIGN = ("referenceImages", "webhookURL", "uploadEndpoint", "extra", "error")
"""Columns whose text a person or a service may have put an address or a path into."""

Write = Callable[[str, bytes], None]


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
        RequestError: if the path is taken; nothing is written.
        StorageError: if it cannot be written; nothing of it is left.
    """
    if "file" not in frame.columns:
        raise NbkitError("this frame has no column 'file', so it does not know its pictures; keep it for an export")
    if frame.empty:
        raise NbkitError("there are no rows to export: studio.generate(…) writes the first one")
    target = Path(path).expanduser()
    _refuse_taken(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (_archive if target.suffix.lower() == ".zip" else _folder)(target) as write:
            _fill(write, frame.reset_index(drop=True), private, originals)
    except OSError as error:
        raise StorageError(f"the export {target} cannot be written: {error.strerror or error}") from error
    return target


def _fill(write: Write, frame: pd.DataFrame, private: tuple[str, ...], originals: bool) -> None:
    names = [_packed(write, number, row) if originals else None for number, row in enumerate(_rows(frame), 1)]
    manifest = _manifest(frame, names, private)
    rows = list(_rows(manifest))
    records = [{name: _plain(value) for name, value in row.items()} for row in rows]
    write("manifest.csv", manifest.to_csv(index=False, lineterminator="\n").encode("utf-8"))
    write("manifest.json", (json.dumps(records, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode("utf-8"))
    cards = (_card(file, row) for file, row in zip(frame["file"], rows, strict=True))
    summary = f"{count(len(frame), 'row')}{costs_of(frame)}"
    write("index.html", document_html("Pictures and how they were made", summary, cards).encode("utf-8"))


def _rows(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    names = [str(name) for name in frame.columns]
    return (dict(zip(names, row, strict=True)) for row in frame.astype(object).itertuples(index=False, name=None))


def _packed(write: Write, number: int, row: dict[str, Any]) -> str | None:
    """Take a row's picture along; its path in the export, or ``None`` if it has none."""
    if pd.isna(row["file"]):
        return None
    file = file_of(row["file"])
    try:
        data = file.read_bytes()
    except OSError:
        return None
    seed = "" if pd.isna(row.get("seed")) else f"-seed{row['seed']}"
    name = f"{PICTURES}/{number:04}{seed}-{file.stem[:8]}{file.suffix}"
    write(name, data)
    return name


def _manifest(frame: pd.DataFrame, names: list[str | None], private: tuple[str, ...]) -> pd.DataFrame:
    hashes = [None if pd.isna(file) else _hash_of(str(file)) for file in frame["file"]]
    told = frame.assign(file=pd.Series(names, dtype="string"), sha256=pd.Series(hashes, dtype="string"))
    for column in set(_FOREIGN) & set(told.columns):
        texts = [None if pd.isna(text) else _public(str(text), private) for text in told[column]]
        told[column] = pd.Series(texts, dtype="string")
    return told


def _hash_of(file: str) -> str | None:
    stem = Path(file).stem
    return stem if re.fullmatch("[0-9a-f]{64}", stem) else None


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
    prompt = "" if pd.isna(row.get("prompt")) else str(row["prompt"])
    figure: Figure = figure_of(file, prompt, PREVIEW)
    facts = [
        (name, f"{row[name]} of 5" if name == "rating" and not pd.isna(row[name]) else fact_of(name, row[name]))
        for name in FACTS
        if name in row and (name in _ALWAYS or not pd.isna(row[name]))
    ]
    return Card(figure, prompt, facts, "" if pd.isna(row["file"]) else str(row["file"]))


# -- where it is written -------------------------------------------------------------------------------------


def _refuse_taken(target: Path) -> None:
    if not os.path.lexists(target) or (
        target.suffix.lower() != ".zip" and target.is_dir() and not any(target.iterdir())
    ):
        return
    numbered = (target.with_name(f"{target.stem}-{number}{target.suffix}") for number in range(2, 10_000))
    free = next((name for name in numbered if not os.path.lexists(name)), target.parent / "another-name")
    kind = "is not empty" if target.is_dir() else "is there already"
    raise RequestError(
        f"path: {target} {kind}, and an export replaces nothing; {free} is free",
        parameter="path",
        value=str(target),
        reason="conflict",
        suggestion=str(free),
    )


@contextlib.contextmanager
def _folder(target: Path) -> Iterator[Write]:
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}-part-", dir=target.parent))

    def write(name: str, data: bytes) -> None:
        (made / name).parent.mkdir(exist_ok=True)
        (made / name).write_bytes(data)

    try:
        yield write
        made.chmod(0o755)
        if target.is_dir():
            target.rmdir()  # it is empty; not every system moves a folder over another one
        made.rename(target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


@contextlib.contextmanager
def _archive(target: Path) -> Iterator[Write]:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-part-", dir=target.parent)
    made = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            # What JPEG, PNG and WEBP hold is packed already. One folder, so that unpacking makes no mess.
            yield lambda name, data: archive.writestr(
                f"{target.stem}/{name}",
                data,
                zipfile.ZIP_STORED if name.startswith(f"{PICTURES}/") else zipfile.ZIP_DEFLATED,
            )
        made.chmod(0o644)
        made.replace(target)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
