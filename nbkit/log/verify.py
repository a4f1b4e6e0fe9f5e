"""Checks a whole log: the database, every row, every picture's hash, files without rows, and the accounts.

A log that kernels work on has no faults for that: a run under way may have its files before its rows, and the accounts
are compared with the rows in one transaction.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import sqlalchemy as sa
from tqdm.auto import tqdm

from nbkit.display.text import usd
from nbkit.log.database import Database
from nbkit.log.images import ABANDONED_SECONDS, ImageStore
from nbkit.log.row_checks import FETCHED, CheckedRows, Fault, amount, read_rows
from nbkit.log.schema import ACCOUNTS

COLUMNS = {"what": "string", "which": "string", "problem": "string", "mended": "boolean"}
"""The columns of the frame, and their dtypes."""

UNDER_WAY_SECONDS = 3600.0
"""A file without a row may belong to a run under way, unless it is older."""

SETTLING_SECONDS = 0.5
"""Time between a new file without a row and another look at the rows, while there are open runs."""

PROGRESS_SECONDS = 1.0
"""A check that takes longer shows a progress bar."""

_WORKERS = 4


def verify(database: Database, images: ImageStore, *, mend: bool = False) -> pd.DataFrame:
    """The faults of a log.

    Args:
        database: of the log.
        images: the folder of its pictures.
        mend: whether to correct the accounts, and remove what killed kernels left half written.

    Raises:
        StorageError: if the log cannot be read.
    """
    files = {path.relative_to(images.folder).as_posix(): path for path in images.folder.glob("**/*") if path.is_file()}
    with database.reading() as connection:
        faults = [Fault("log", Path(database.name).name, problem) for problem in database.keeper.faults(connection)]
        found = read_rows(connection)
        faults += found.faults + _wrong_accounts(found, _accounts(connection))
    if mend and any(fault.what == "account" for fault in faults):
        database.write(_mend_accounts)
        for fault in faults:
            fault.mended = fault.what == "account"
    faults += _wrong_pictures(found, images)
    if found.is_open and any(_is_new(path) for _, path in _unnamed(found, files)):
        time.sleep(SETTLING_SECONDS)  # a recovery stores a picture, and then writes its row
        with database.reading() as connection:
            found = read_rows(connection)
    faults += _wrong_files(found, files, mend=mend)
    values = {name: [getattr(fault, name) for fault in faults] for name in COLUMNS}
    return pd.DataFrame(values).astype(COLUMNS)


# -- accounts --------------------------------------------------------------------------------------------


def _accounts(connection: sa.Connection) -> dict[str, tuple[int, int]]:
    rows = connection.execute(sa.select(ACCOUNTS.c.name, ACCOUNTS.c.spent, ACCOUNTS.c.held))
    accounts = {str(name): (amount(spent), amount(held)) for name, spent, held in rows}
    return {name: sums for name, sums in accounts.items() if any(sums)}


def _wrong_accounts(found: CheckedRows, accounts: Mapping[str, tuple[int, int]]) -> list[Fault]:
    expected = found.sums
    if found.has_old_days:  # nbkit 0.1.0 counted by the time zone of that moment: only the sum of all days is known
        accounts, expected = _days_together(accounts), _days_together(expected)
    faults = []
    for name in sorted({*accounts, *expected}):
        has, wants = accounts.get(name, (0, 0)), expected.get(name, (0, 0))
        if has != wants:
            amounts = (f"{usd(spent)} spent and {usd(held)} held" for spent, held in (has, wants))
            faults.append(Fault("account", name, "it has {}, and its runs have {}".format(*amounts)))
    return faults


def _days_together(accounts: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    together: dict[str, tuple[int, int]] = {}
    for name, (spent, held) in accounts.items():
        key = f"day:{name.rpartition(':')[2]}" if name.startswith("day:") else name
        before = together.get(key, (0, 0))
        together[key] = before[0] + spent, before[1] + held
    return {name: sums for name, sums in together.items() if any(sums)}


def _mend_accounts(connection: sa.Connection) -> None:
    """Runs under way do not matter: they change their row and their accounts in one transaction."""
    sums = read_rows(connection).sums
    connection.execute(sa.delete(ACCOUNTS))
    if sums:
        values = [{"name": name, "spent": spent, "held": held} for name, (spent, held) in sums.items()]
        connection.execute(sa.insert(ACCOUNTS), values)


# -- files -----------------------------------------------------------------------------------------------


def _wrong_pictures(found: CheckedRows, images: ImageStore) -> Iterator[Fault]:
    """Pictures that are gone, or have other bytes than those that were stored."""
    references: dict[str, list[str]] = {}
    for digest, runs in found.references.items():
        stored = [path.name for path in (images.folder / digest[:2]).glob(f"{digest}.*")]
        if not stored:
            yield from (Fault("row", run, f"its reference image {digest} is not in the picture folder") for run in runs)
        references |= {f"{digest[:2]}/{name}": runs for name in stored if f"{digest[:2]}/{name}" not in found.pictures}
    for name, actual in _hashes([*found.pictures, *references], images.path):
        for which, sha256, way in found.pictures.get(name, [(f"images/{name}", "", FETCHED)]):
            if actual is None:
                yield Fault("row", which, f"its file {name} is not there; {way}")
            elif actual != (sha256 or Path(name).stem):
                what = "cannot be read" if actual == "" else "was damaged or replaced"
                advice = "put the original there" if name in references else way
                yield Fault("picture", which, f"the file {name} {what}; {advice}")


def _hashes(names: list[str], path_of: Callable[[str], Path]) -> Iterator[tuple[str, str | None]]:
    """The hash of each file, in order; ``None`` for one that is not there, empty for one that cannot be read."""

    def read(name: str) -> str | None:
        try:
            path = path_of(name)
            if not path.is_file():  # also a pipe, which would never end
                return None
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError):
            return ""

    is_silent = None if "ipykernel" not in sys.modules else False  # None: where the output is no terminal
    pool = ThreadPoolExecutor(_WORKERS)
    try:
        with tqdm(total=len(names), unit="file", disable=is_silent, delay=PROGRESS_SECONDS, leave=False) as bar:
            for name, digest in zip(names, pool.map(read, names), strict=True):
                bar.update()
                yield name, digest
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _unnamed(found: CheckedRows, files: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """The files that no row names."""
    return (
        (name, path)
        for name, path in files.items()
        if name not in found.pictures
        and name not in found.removed
        and path.stem not in found.references
        and not path.name.startswith(".")
    )


def _is_new(path: Path, seconds: float = UNDER_WAY_SECONDS) -> bool:
    """Whether a file was written in the last seconds; also true for one that is gone."""
    try:
        return time.time() - path.stat().st_mtime < seconds
    except OSError:
        return True


def _wrong_files(found: CheckedRows, files: Mapping[str, Path], *, mend: bool) -> Iterator[Fault]:
    """Files that no row names, and what killed kernels left half written."""
    for name, path in _unnamed(found, files):
        if not found.under_way or not _is_new(path):
            yield Fault("file", f"images/{name}", "no row names it")
    for name, path in files.items():
        if path.name.startswith(".part-") and not _is_new(path, ABANDONED_SECONDS):
            if mend:
                path.unlink(missing_ok=True)
            yield Fault("file", f"images/{name}", "a kernel was killed while it wrote it", mended=mend)
