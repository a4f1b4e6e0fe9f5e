"""Writes a frame as a spreadsheet in which text is text, seeds are whole, and times say that they are UTC."""

from __future__ import annotations

import importlib
import io
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nbkit.errors import StorageError
from nbkit.log.columns import is_gap
from nbkit.log.export import occupied, path_error, path_of, without_private

MAX_CELL = 32_767
"""Characters that a cell of a spreadsheet can have; a longer text ends with ``…``."""

MAX_DIGITS = 10**15
"""A spreadsheet keeps fifteen digits of a number; a column with a longer one is text."""

_SEEDS = ("seed", "requestedSeed")

_ILLEGAL = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that a spreadsheet cannot have, or changes; they are written as Python's escapes."""


def write_excel(frame: pd.DataFrame, path: str | os.PathLike[str], *, private: tuple[str, ...] = ()) -> Path:
    """Write a frame's rows into a new file that ends in ``.xlsx``.

    Args:
        frame: any frame.
        path: a new file.
        private: folders of this machine, whose paths are removed from all texts.

    Raises:
        ModuleNotFoundError: if openpyxl is not installed.
        RequestError: if the path exists already, or does not end in ``.xlsx``.
        StorageError: if the file cannot be written.
    """
    target = path_of(path)
    if target.suffix.lower() != ".xlsx":
        raise path_error(f"{path}: a spreadsheet ends in .xlsx", path, "format", f"{target.stem}.xlsx")
    data = _workbook(without_private(frame, private))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            try:
                file.write(data)
            except BaseException:
                target.unlink()
                raise
    except FileExistsError:
        raise occupied(target) from None
    except OSError as error:
        raise StorageError(f"the spreadsheet {target} cannot be written: {error.strerror or error}") from error
    return target


def _workbook(frame: pd.DataFrame) -> bytes:
    try:
        openpyxl: Any = importlib.import_module("openpyxl")
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "a spreadsheet needs openpyxl: pip install openpyxl, then run this again", name="openpyxl"
        ) from None
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("log")
    sheet.freeze_panes = "A2"
    make: Any = importlib.import_module("openpyxl.cell").WriteOnlyCell

    def cell(value: Any) -> Any:
        made = make(sheet, value=value)
        if isinstance(value, str):
            made.data_type = "s"  # also of one that begins with "="
            made.quotePrefix = value.startswith(("=", "+", "-", "@"))  # and stays text when somebody edits it
        return made

    sheet.append([cell(_text(name)) for name in frame.columns])
    for row in zip(*(_cells(str(name), frame.iloc[:, i]) for i, name in enumerate(frame.columns)), strict=True):
        sheet.append([cell(value) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cells(name: str, column: pd.Series[Any]) -> list[Any]:
    """A column's values as a spreadsheet can have them: numbers, booleans and texts."""
    values = [value.item() if isinstance(value, np.generic) else value for value in column.astype(object)]
    is_text = name in _SEEDS or any(isinstance(value, int) and abs(value) >= MAX_DIGITS for value in values)

    def as_cell(value: Any) -> Any:
        if is_gap(value):
            return None
        is_number = isinstance(value, (bool, int, float)) and math.isfinite(value)
        return value if is_number and not is_text else _text(value)

    return [as_cell(value) for value in values]


def _text(value: Any) -> str:
    text = str(value.isoformat() if hasattr(value, "isoformat") else value)
    kept = _ILLEGAL.sub(lambda found: ascii(found[0])[1:-1], text.replace("\r\n", "\n"))
    return kept if len(kept) <= MAX_CELL else f"{kept[: MAX_CELL - 1]}…"
