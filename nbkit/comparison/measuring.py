"""Reads the pictures of a log and writes what was found beside them: ``log.measure()``.

Each picture is read once, and what was read is kept by the hash of its bytes (:mod:`nbkit.log.measurements`); the columns
follow from it, and from the words that the row's prompt wants, each time. So a call that was stopped goes on where it
was, other expected words cost nothing, and copies are read once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from IPython.core.getipython import get_ipython
from IPython.display import display
from tqdm import tqdm

from nbkit.display.notice import progress_bundle
from nbkit.display.text import count
from nbkit.errors import NoImage, RequestError, StorageError
from nbkit.log.database import Database
from nbkit.log.frame import DTYPES, check_frame
from nbkit.log.images import DIGEST, ImageStore, file_of, read_picture
from nbkit.log.measurements import (
    LOOK_COLUMNS,
    TEXT_COLUMNS,
    Measurement,
    PictureRow,
    count_pictures,
    measured_columns,
    picture_rows,
    read_measurements,
    save_measures,
)
from nbkit.measures import look as looking
from nbkit.measures import text as reading
from nbkit.measures.look import Appearance, look_at
from nbkit.measures.quotations import expected
from nbkit.measures.spelling import TextLine, as_one_string, find_words
from nbkit.request.parameter import short_repr

BATCH = 200
"""Rows that are looked up at once; of their pictures one is in memory at a time."""

LOOK, TEXT = "look", "text"
"""Names of measurements."""

_UPDATE_SECONDS = 0.25
_QUIET_SECONDS = 1.0
"""What takes less time shows no progress, so that a saved notebook does not depend on how fast the machine was."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Wanted:
    """What is measured: the versions of the readers, ``""`` for one that is not asked for, and the expected phrases."""

    look: str
    text: str
    phrases: tuple[str, ...] | None

    @property
    def versions(self) -> dict[str, str]:
        return {name: version for name, version in ((LOOK, self.look), (TEXT, self.text)) if version}


class _Counter:
    """The progress: an output that is updated in a notebook, elsewhere a bar."""

    def __init__(self, total: int) -> None:
        self._total, self._done, self._read = total, 0, 0
        self._shown = time.monotonic() + _QUIET_SECONDS - _UPDATE_SECONDS
        self._in_notebook = hasattr(get_ipython(), "kernel")
        self._handle: Any = None
        self._bar: Any = None if self._in_notebook else tqdm(total=total, unit="picture", delay=_QUIET_SECONDS)

    def count(self, *, read: bool) -> None:
        self._done += 1
        self._read += read
        if self._bar is not None:
            self._bar.update()
        elif time.monotonic() > self._shown + _UPDATE_SECONDS:
            self._show()

    def close(self) -> None:
        """Show the last state; a notebook keeps it, also after Stop."""
        if self._bar is not None:
            self._bar.close()
        elif self._handle is not None:
            self._show()

    def _show(self) -> None:
        text = f"{self._done:,} of {count(self._total, 'picture')} measured · {self._read:,} read now"
        bundle = progress_bundle(self._done, self._total, text)
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(bundle, raw=True)
        self._shown = time.monotonic()


def measure_pictures(
    database: Database,
    images: ImageStore,
    frame: pd.DataFrame | None,
    *,
    text: bool | None,
    look: bool,
    expect: str | Sequence[str] | None,
) -> None:
    """Measure pictures, and write what was found into the log; see :meth:`nbkit.RunLog.measure`.

    Args:
        database: the log.
        images: its pictures.
        frame: rows of the log; ``None`` for all.
        text: whether text is read; ``None`` where that can be done.
        look: whether sharpness, contrast and colourfulness are measured.
        expect: phrases in place of those that the prompts have.

    Raises:
        NbkitError: if text is asked for and the extra is not installed, or the frame has no pictures.
        RequestError: for phrases that are none.

    Warns:
        UserWarning: if some pictures could not be read.
    """
    phrases = _phrases(expect)
    is_read = (phrases is not None or reading.is_installed()) if text is None else text
    wanted = _Wanted(looking.VERSION if look else "", reading.reader_version() if is_read else "", phrases)
    names = None if frame is None else _names_in(frame)
    total = count_pictures(database) if names is None else len(names)
    counter, unread = _Counter(total), list[str]()
    try:
        for rows in _batches(database, names):
            _measure_batch(database, images, rows, wanted, counter, unread)
    finally:
        counter.close()
    if unread:
        message = (
            f"{count(len(unread), 'picture')} of {total:,} could not be measured, because the file is missing, damaged or "
            f"removed; the first is {unread[0][:12]}…. studio.recover() fetches what the service still has"
        )
        warnings.warn(message, stacklevel=3)


def _phrases(expect: str | Sequence[str] | None) -> tuple[str, ...] | None:
    if expect is None:
        return None
    given = [expect] if isinstance(expect, str) else expect
    is_list = isinstance(given, Iterable) and not isinstance(given, (Mapping, bytes))
    phrases = tuple(given) if is_list else ()
    if not phrases or not all(isinstance(phrase, str) and phrase.strip() for phrase in phrases):
        message = f"expect={short_repr(expect)}: must be a phrase or a list of them, such as ['OPEN LATE', 'TONKOTSU']"
        raise RequestError(message, parameter="expect", value=expect, reason="type")
    return phrases


def _names_in(frame: pd.DataFrame) -> list[str]:
    check_frame(frame, ("imageUUID",))
    return list(dict.fromkeys(frame["imageUUID"].dropna().astype(str)))


def _batches(database: Database, names: list[str] | None) -> Iterator[list[PictureRow]]:
    if names is not None:
        for start in range(0, len(names), BATCH):
            part = names[start : start + BATCH]
            yield picture_rows(database, limit=None, image_uuids=part)
        return
    last = 0
    while rows := picture_rows(database, after=last, limit=BATCH):
        yield rows
        last = rows[-1].id


def _measure_batch(
    database: Database,
    images: ImageStore,
    rows: Sequence[PictureRow],
    wanted: _Wanted,
    counter: _Counter,
    unread: list[str],
) -> None:
    """Measure some rows: those whose pictures are known at once, then the others one by one."""
    hashes = list(dict.fromkeys(row.sha256 for row in rows))
    known: dict[str, dict[str, Any]] = {sha256: {} for sha256 in hashes}
    for name, version in wanted.versions.items():
        for sha256, value in read_measurements(database, name, version, hashes).items():
            if _CHECKS[name](value) is not None:  # another program may have damaged it
                known[sha256][name] = value
    save_measures(database, [], _changed(rows, known, wanted))
    of_picture: dict[str, list[PictureRow]] = {}
    for row in rows:
        of_picture.setdefault(row.sha256, []).append(row)
    for sha256, same in of_picture.items():
        lacking = {name: version for name, version in wanted.versions.items() if name not in known[sha256]}
        new = _measured(images, same, lacking) if lacking else {}
        if new:
            measurements = [Measurement(sha256, name, lacking[name], value) for name, value in new.items()]
            save_measures(database, measurements, _changed(same, {sha256: new}, wanted))
        elif lacking:
            unread.extend(row.sha256 for row in same)
        for _ in same:
            counter.count(read=bool(new))


def _measured(images: ImageStore, rows: Sequence[PictureRow], names: Iterable[str]) -> dict[str, Any]:
    """What is read from a picture, by the names of measurements; nothing if its file cannot be read."""
    for file in dict.fromkeys(row.file for row in rows if row.file):
        try:
            data = read_picture(images.path(file))
            return {name: _MEASURES[name](data) for name in names}
        except (OSError, NoImage):
            continue
    return {}


def _look(data: bytes) -> dict[str, Any]:
    return dataclasses.asdict(look_at(data))


def _text(data: bytes) -> list[list[Any]]:
    return [list(line) for line in reading.read_text(data)]


_MEASURES = {LOOK: _look, TEXT: _text}


def _changed(
    rows: Iterable[PictureRow], known: Mapping[str, Mapping[str, Any]], wanted: _Wanted
) -> dict[int, dict[str, Any]]:
    """The columns that follow from what is known and that the rows do not have yet, by the ids of the rows."""
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        columns: dict[str, Any] = {}
        if (look := _appearance(known[row.sha256].get(LOOK))) is not None:
            columns |= {name: getattr(look, name) for name in LOOK_COLUMNS}
        if (lines := _lines(known[row.sha256].get(TEXT))) is not None:
            phrases = expected(row.prompt) if wanted.phrases is None else wanted.phrases
            words = find_words(phrases, lines)
            values = (words.share, as_one_string(words.missing), as_one_string(words.found))
            columns |= dict(zip(TEXT_COLUMNS, values, strict=True))
        if any(row.columns[name] != value for name, value in columns.items()):
            found[row.id] = columns
    return found


def _appearance(value: Any) -> Appearance | None:
    """A look as the log keeps it; ``None`` without it, and where it is damaged."""
    try:
        look = Appearance(**value)
        is_whole = len(look.hash) == 16 and len(bytes.fromhex(look.colours)) == 48 and int(look.hash, 16) >= 0
        numbers = [float(getattr(look, name)) for name in LOOK_COLUMNS]
    except (TypeError, ValueError):
        return None
    return look if is_whole and all(map(pd.notna, numbers)) else None


def _lines(value: Any) -> list[TextLine] | None:
    try:
        return [TextLine(str(text), float(confidence)) for text, confidence in value]
    except (TypeError, ValueError):
        return None


_CHECKS: Mapping[str, Callable[[Any], Any]] = {LOOK: _appearance, TEXT: _lines}


def with_measures(database: Database, frame: pd.DataFrame) -> pd.DataFrame:
    """Rows with the columns of measures as the log has them now; a row that the log does not have keeps its own.

    Args:
        database: the log.
        frame: rows with a column ``imageUUID``.
    """
    now = measured_columns(database, _names_in(frame))
    keys = frame["imageUUID"].astype(object).tolist()
    new: dict[str, Any] = {}
    for name in (*TEXT_COLUMNS, *LOOK_COLUMNS):
        old = frame[name].astype(object).tolist() if name in frame else [None] * len(frame)
        values = [now[key][name] if key in now else before for key, before in zip(keys, old, strict=True)]
        values = [None if pd.isna(value) else value for value in values]
        dtype: Any = DTYPES[name]
        new[name] = pd.Series(values, index=frame.index, dtype=object).astype(dtype).array
    return frame.assign(**new)


def looks_of(database: Database, files: Sequence[Any], seconds: float) -> list[Appearance | None]:
    """How the pictures of some rows look, from the log; of those that were not measured, the first are looked at now.

    Args:
        database: the log, which keeps what is found.
        files: of the rows, as the column ``file`` has them; gaps for rows without a picture.
        seconds: for which pictures are looked at, at most.

    Returns:
        One for each file; ``None`` where that is not known.
    """
    paths = [None if pd.isna(file) else file_of(file) for file in files]
    names = [path.stem if path and DIGEST.fullmatch(path.stem) else "" for path in paths]
    hashes = list(dict.fromkeys(filter(None, names)))
    known = read_measurements(database, LOOK, looking.VERSION, hashes)
    looks = {sha256: look for sha256, value in known.items() if (look := _appearance(value)) is not None}
    new: list[Measurement] = []
    deadline = time.monotonic() + seconds
    for name, path in zip(names, paths, strict=True):
        if path is None or not name or name in looks or time.monotonic() > deadline:
            continue
        try:
            looks[name] = look_at(read_picture(path))
        except (OSError, NoImage):
            continue
        new.append(Measurement(name, LOOK, looking.VERSION, dataclasses.asdict(looks[name])))
    with contextlib.suppress(StorageError):  # a log that cannot be written is looked at all the same
        save_measures(database, new, {})
    return [looks.get(name) for name in names]
