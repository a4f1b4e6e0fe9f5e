"""Exports rows of the log: the pictures, a manifest of the rows, and a page that shows both.

An export is written under a temporary name and renamed when it is complete: a new folder, the files of an empty one, or
a new ZIP file. It contains nothing about the machine on which it was made: paths are relative to the export, and URLs
lose their credentials and queries.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import os
import re
import sys
import tempfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from nbkit.display.page import Card, document_html
from nbkit.display.text import count
from nbkit.errors import NbkitError, NoImage, RequestError, StorageError
from nbkit.log.columns import format_value, is_gap
from nbkit.log.frame import check_frame
from nbkit.log.images import file_of, read_picture
from nbkit.log.table import figure_of, totals_of
from nbkit.measures.facts import NEUTRAL, SUFFIXES, examine
from nbkit.metadata.embedding import SIDECAR, with_settings
from nbkit.metadata.record import SettingsRecord
from nbkit.request.address import without_credentials
from nbkit.request.image_request import PARAMETERS
from nbkit.request.parameter import type_in_words

EXPORT_PICTURES = "images"
"""The folder of pictures in an export."""

EXPORT_PREVIEW_SIZE = 320
"""Pixels on the long side of the pictures in the page."""

_MAX_IN_JSON = {"b": 1, "i": 2**53, "u": 2**53, "f": sys.float_info.max}
"""The kinds of dtypes that JSON has, each with its largest value: most programs that read JSON round larger integers."""

_SEED = re.compile(r"[0-9]{1,15}(?=\.0\Z)|[0-9]{1,19}\Z")
"""An integer, or one that a frame from a CSV file has as a float; a float of more digits is a rounded integer."""

GONE, DAMAGED = "its file is not here", "its file is damaged"

_ALWAYS_SHOWN = ("seed", "temperature", "topP", "cost")
_REQUEST_COLUMNS = [p.column for p in PARAMETERS.values() if p.group != "Delivery" and p.name not in ("prompt", "seed")]
_NOTED = ("rating", "keep", "tags", "note", "textFidelity", "textMissing", "replay", "status", "error")
CARD_COLUMNS = dict.fromkeys([*_ALWAYS_SHOWN, *_REQUEST_COLUMNS, *_NOTED])
"""The columns that a picture's caption shows if they have a value; the first four are always there."""

_FREE_TEXT_COLUMNS = ("referenceImages", "webhookURL", "uploadEndpoint", "extra", "error")
"""Columns whose text may contain URLs or paths, from the user or from the service."""

Write = Callable[[str, bytes], None]
"""Writes one file; called with its path in the export and its bytes."""

Settings = Callable[[Mapping[Any, Any]], SettingsRecord | None]
"""How a row's picture was made; ``None`` for a row that the log does not have."""

Copy = Callable[[str, bytes, Mapping[Any, Any]], None]
"""Writes a picture; called with its path in the export, its bytes and its row."""


def export_frame(
    frame: pd.DataFrame,
    path: str | os.PathLike[str],
    *,
    private: tuple[str, ...] = (),
    originals: bool = True,
    axes: Collection[str] = (),
    judgements: pd.DataFrame | None = None,
    settings: Settings | None = None,
) -> Path:
    """Write a frame's pictures, a manifest of its rows as CSV and JSON, and ``index.html``.

    Args:
        frame: rows of ``log.to_frame()``.
        path: a new or empty folder, or a new file that ends in ``.zip``.
        private: folders of this machine, whose paths are removed from all texts.
        originals: whether to copy the pictures themselves; ``index.html`` has small ones in any case.
        axes: columns of axes, which stand first in the captions.
        judgements: of these pictures; where there are any, they are written as ``judgements.csv`` and ``.json``.
        settings: how a row's picture was made, which its file then carries; without it, the originals are copied.

    Returns:
        The folder or the file.

    Raises:
        NbkitError: if the frame has no rows, or no column ``file``.
        RequestError: if the path exists already or is not valid; nothing is written.
        StorageError: if it cannot be written, or none of the pictures can be read; then nothing is left behind.

    Warns:
        UserWarning: if some of the pictures are missing or damaged; page and manifest name them. If some have their
            settings in a file beside them.
    """
    check_frame(frame)
    if frame.empty:
        raise NbkitError("there are no rows to export: studio.generate(…) writes the first one")
    with new_export(path) as (target, write):
        beside: list[str] = []
        copy = functools.partial(_copy, write, settings, beside) if originals else None
        missing = _write_files(write, frame.reset_index(drop=True), private, copy, axes)
        if judgements is not None and len(judgements):
            _write_table(write, "judgements", judgements, lists=("shown",))
    if missing:
        warnings.warn(f"the export {target} lacks {missing}", stacklevel=3)  # the line of the user's call
    if beside:
        what = f"{count(len(beside), 'picture')} of the export {target} {'has' if len(beside) == 1 else 'have'} no settings inside"
        why = "; ".join(f"{number:,}: {reason}" for reason, number in Counter(beside).items())
        warnings.warn(f"{what}: they are in a file beside it, which ends in {SIDECAR} ({why})", stacklevel=3)
    return target


def _write_files(
    write: Write, frame: pd.DataFrame, private: tuple[str, ...], copy: Copy | None, axes: Collection[str]
) -> str:
    """Write all files of an export. Returns what is missing, as text."""
    rows = enumerate(frame.to_dict("records"), 1)
    exported = [_export_picture(copy, number, row) for number, row in rows]
    pictures = pd.DataFrame(exported, columns=["file", "sha256", "fileMissing"], dtype="string")
    missing = _describe_missing(pictures)
    manifest = without_private(frame.assign(**{str(name): texts for name, texts in pictures.items()}), private)
    with contextlib.suppress(KeyError, TypeError, ValueError):  # a float in the frame, for its gaps
        manifest["rating"] = manifest["rating"].astype("Int64")
    _write_table(write, "manifest", manifest)
    captions = [*(name for name in axes if name in frame), *CARD_COLUMNS]
    cards = (_card(file, row, captions) for file, row in zip(frame["file"], manifest.to_dict("records"), strict=True))
    summary = totals_of(frame) + (f" · without {missing}" if missing else "")
    write("index.html", document_html("Pictures and how they were made", summary, cards).encode("utf-8"))
    return missing


def _write_table(write: Write, name: str, table: pd.DataFrame, lists: Collection[str] = ()) -> None:
    """Write a table as CSV and as JSON; ``lists`` names columns of lists of words, which CSV has as one text."""
    # With a byte order mark, without which spreadsheets take the text for another encoding, and with the line ends of RFC
    # 4180: with others, a lone carriage return in a text is not quoted, and ends the row where it is read.
    flat = table.assign(**{name: table[name].map(" ".join) for name in lists})
    write(f"{name}.csv", without_formulas(flat).to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig"))
    columns = {str(c): list(table[c]) if c in lists else _json_column(table[c]) for c in table}
    records = pd.DataFrame(columns, dtype=object).to_dict("records")
    write(f"{name}.json", (json.dumps(records, ensure_ascii=False, indent=1) + "\n").encode("utf-8"))


def without_private(frame: pd.DataFrame, private: tuple[str, ...]) -> pd.DataFrame:
    """A frame whose free texts name no folder of this machine and no credentials of an address."""
    kept = frame.copy()
    for column in set(_FREE_TEXT_COLUMNS) & set(kept.columns):
        kept[column] = [None if is_gap(text) else redact(str(text), private) for text in kept[column]]
    return kept


def without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame whose texts are no formula to a spreadsheet: one that might begin one, or has an apostrophe, gets another.

    A cell that begins with an apostrophe is the rest of its text, then, and nothing is lost.
    """
    safe = frame.copy()
    for name in safe.columns[[dtype.kind == "O" for dtype in safe.dtypes]]:
        safe[name] = list(map(_without_formula, safe[name].astype(object)))
    return safe.rename(columns=_without_formula)  # an axis may have any name


def _without_formula(text: Any) -> Any:
    return f"'{text}" if isinstance(text, str) and text[:1] in _FORMULA else text


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def _describe_missing(pictures: pd.DataFrame) -> str:
    """How many pictures are missing or damaged, as text; ``""`` if none is.

    Raises:
        StorageError: if all of them are.
    """
    reasons = pictures["fileMissing"].dropna().tolist()
    if not reasons:
        return ""
    total = len(pictures.dropna(how="all"))
    if len(reasons) == total:
        raise StorageError(
            f"no picture of these rows can be read: of {count(total, 'picture')}, {GONE} for {reasons.count(GONE):,} and "
            f"{DAMAGED} for {reasons.count(DAMAGED):,}. Was the image folder moved? studio.recover() fetches what "
            "the service still has"
        )
    return f"{len(reasons):,} of {count(total, 'picture')}, of which the file is missing or damaged"


def _copy(
    write: Write, settings: Settings | None, beside: list[str], name: str, data: bytes, row: Mapping[Any, Any]
) -> None:
    """Write a row's picture, with its settings if they are asked for; ``beside`` gets why they are not inside."""
    record = None if settings is None else settings(row)
    if record is None or record.facts["sha256"] != hashlib.sha256(data).hexdigest():  # a file of the user's own
        write(name, data)
        return
    made = with_settings(data, record)
    write(name, made.data)
    if made.sidecar:
        write(name + SIDECAR, made.sidecar)
        beside.append(made.why)


def _export_picture(copy: Copy | None, number: int, row: Mapping[Any, Any]) -> list[str | None]:
    """Copy a row's picture into the export. A frame may name any file of the machine; only pictures are copied.

    Returns:
        Its path in the export, ``None`` if the originals are left out; the hash of its bytes; why it could not be
        exported. All are ``None`` for a row without a picture.
    """
    if is_gap(row["file"]):
        return [None, None, None]
    try:
        file = file_of(row["file"])
        facts = examine(data := read_picture(file))
    except (OSError, ValueError):
        return [None, None, GONE]
    except NoImage:
        return [None, None, DAMAGED]
    if not facts.fingerprint and facts.sha256 != file.stem:  # neither a picture nor kept as one
        return [None, None, DAMAGED]
    seed = _SEED.match(str(row.get("seed")))
    name = f"{EXPORT_PICTURES}/{number:04}{f'-seed{seed[0]}' if seed else ''}-{facts.sha256[:8]}{SUFFIXES.get(facts.media_type, NEUTRAL)}"
    if copy is not None:
        copy(name, data, row)
    return [None if copy is None else name, facts.sha256, None]


def without_folders(text: str, private: tuple[str, ...]) -> str:
    """A text without folders of this machine. Pictures in it stay as they are: their base64 may spell a folder by chance."""
    folders = [re.escape(folder) for folder in private if len(Path(folder).parts) > 1]
    found = re.compile("|".join([r"data:[\w/+.-]+;base64,[\w+/=]+", *folders]))
    return found.sub(lambda part: part[0] if part[0].startswith("data:") else "…", text)


def redact(text: str, private: tuple[str, ...]) -> str:
    """A text without folders of this machine, and with addresses that have lost their credentials and queries."""
    text = without_folders(text, private)
    return re.sub(r"https?://[^\s\"'<>]+", lambda url: without_credentials(url[0]), text)


def _json_column(column: pd.Series[Any]) -> list[Any]:
    """A column's values for JSON, all of one type: if one of them has to be text, all of them are."""
    if column.dtype.kind == "O":  # objects, such as a column that the user added
        column = column.convert_dtypes()
    most = _MAX_IN_JSON.get(column.dtype.kind)
    is_text = most is None or not column.dropna().between(-most, most).all()
    return [None if is_gap(value) else _text(value) if is_text else value for value in column.astype(object)]


def _text(value: Any) -> str:
    return str(value.isoformat() if hasattr(value, "isoformat") else value)


def _card(file: Any, row: Mapping[Any, Any], columns: Collection[str]) -> Card:
    prompt = "" if is_gap(row.get("prompt")) else str(row["prompt"])
    facts = [
        (name, f"{row[name]} of 5" if name == "rating" and not is_gap(row[name]) else format_value(name, row[name]))
        for name in columns
        if name in row and (name in _ALWAYS_SHOWN or not is_gap(row[name]))
    ]
    link = "" if is_gap(row["file"]) else str(row["file"])
    return Card(replace(figure_of(file, prompt, EXPORT_PREVIEW_SIZE), link=link), prompt, facts)


@contextlib.contextmanager
def new_export(path: str | os.PathLike[str], what: str = "an export") -> Iterator[tuple[Path, Write]]:
    """A context that writes an export under a temporary name, and renames it when the block is complete.

    Its value is the target, and the function that writes one file. If the block raises, all files are removed.

    Args:
        path: as the user gave it; ``~`` is expanded.
        what: is written, for messages.

    Raises:
        RequestError: if it exists already or is not a valid path. The message contains what to type instead.
        StorageError: if it cannot be read or written.
    """
    target = path_of(path)
    if (ending := target.suffix.lower()) in _FILES and not target.is_dir():
        stem = target.name.partition(".")[0]
        way = f"{what} {_FILES[ending].format(str(path))}'{stem}' makes a folder, '{stem}.zip' one file"
        raise path_error(f"{path}: {way}", path, "format", str(target.with_name(f"{stem}.zip")))
    is_zip = target.suffix.lower() == ".zip"
    try:
        if os.path.lexists(target) and (is_zip or not target.is_dir() or any(target.iterdir())):
            raise occupied(target, what)
        parent = target if target.is_dir() else target.parent
        parent.mkdir(parents=True, exist_ok=True)
        # The temporary folder is closed to other users; what is created in it has the permissions of the umask.
        with tempfile.TemporaryDirectory(prefix=".part-", dir=parent, ignore_cleanup_errors=True) as temporary:
            written = Path(temporary, "export")
            if is_zip:
                with zipfile.ZipFile(written, "w") as archive:
                    yield target, functools.partial(_write_packed, archive, target.stem)
            else:
                yield target, functools.partial(_write, written)
            if parent == target:
                _move_files(written, target)
            else:
                written.replace(target)
    except OSError as error:
        raise StorageError(
            f"the {what.rsplit(maxsplit=1)[-1]} {target} cannot be written: {error.strerror or error}"
        ) from error


_SHEET = "is not a spreadsheet, log.to_excel({0!r}) is; "
_FILES = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"), _SHEET),
    **{
        f".{kind}": f"is not one table, studio.df.to_{kind}({{0!r}}) is; "
        for kind in ("csv", "json", "parquet", "feather", "html")
    },
    **dict.fromkeys(
        re.findall(
            r"\.\w+",
            ".tsv.txt.jsonl.ndjson.htm.pdf.md.tex.doc.docx.ppt.pptx.xml.yaml.yml.sqlite.db.pkl.pickle.npy.npz.h5.ipynb.png"
            ".jpg.jpeg.webp.gif.tif.tiff.svg.tar.gz.tgz.bz2.xz.zst.7z.rar",
        ),
        "is a folder, or a ZIP file; ",
    ),
}
"""Endings that no folder of pictures has, with what to type instead."""


def path_of(path: str | os.PathLike[str]) -> Path:
    try:
        target, text = Path(path), os.fspath(path)
        if not text.strip() or "\0" in text:
            raise path_error(f"{text!r} is not a path; 'export' makes a folder, 'export.zip' one file", path, "format")
        target = target.expanduser()
    except TypeError:
        problem = f"must be text or a Path, got {type_in_words(path)}; 'export' makes a folder"
        raise path_error(problem, path, "type") from None
    except RuntimeError:
        problem = f"{text}: there is no home folder {target.parts[0]}; type the whole path"
        raise path_error(problem, path, "value") from None
    if re.fullmatch(r"\.*\.zip", target.name, re.IGNORECASE):
        raise path_error(f"{text}: type a name before .zip, as in 'export.zip'", path, "format")
    return target


def occupied(target: Path, what: str = "an export") -> RequestError:
    named = target.resolve() if target.name in ("", "..") else target
    numbered = (named.parent / f"{named.stem or 'export'}-{number}{named.suffix}" for number in itertools.count(2))
    free = str(next(path for path in numbered if not os.path.lexists(path)))
    problem = "is not empty" if target.is_dir() else "is there already"
    return path_error(f"{target} {problem}, and {what} replaces nothing; {free} is free", target, suggestion=free)


def path_error(problem: str, path: object, reason: str = "conflict", suggestion: str | None = None) -> RequestError:
    return RequestError(f"path: {problem}", parameter="path", value=str(path), reason=reason, suggestion=suggestion)


def _write(folder: Path, name: str, data: bytes) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def _write_packed(archive: zipfile.ZipFile, folder: str, name: str, data: bytes) -> None:
    # Pictures are stored, because their formats are compressed already. Everything is in one folder, so that
    # unpacking creates only that one.
    method = zipfile.ZIP_STORED if name.startswith(f"{EXPORT_PICTURES}/") else zipfile.ZIP_DEFLATED
    archive.writestr(f"{folder}/{name}", data, method)


def _move_files(written: Path, target: Path) -> None:
    """Move files into an empty folder. It is not replaced: it may be a link, or the kernel's working directory."""
    names = [file.name for file in written.iterdir()]
    try:
        for name in names:
            (written / name).rename(target / name)
    except BaseException:
        for name in names:
            if not (written / name).exists():  # it has been moved
                (target / name).rename(written / name)
        raise
