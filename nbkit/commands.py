"""``python -m nbkit`` on a log: recover, export, backup, verify, doctor; how a command finds a log, and how it prints."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import sqlalchemy as sa

from nbkit.display.text import count
from nbkit.errors import NbkitError, printable
from nbkit.history import RunLog
from nbkit.ledger.recovery import OTHER_ENGINE
from nbkit.log.database import Database, server_address
from nbkit.log.runs import OPEN
from nbkit.log.schema import META, MIN_READER, RUNS, VERSION
from nbkit.log.store import DATABASE
from nbkit.studio import LOG_VARIABLE, Studio

ASK_HELP = "whom to ask: runware, or an address. Left out, it is what NBKIT_ENGINE names, else runware if the environment has a key, else the offline engine"

FOLDER = "nbkit-runs"
PICTURES_HELP = "the folder of the pictures, where the log is on a server (%(default)s)"


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where a log is.

    Attributes:
        folder: with its pictures, and with ``log.sqlite`` where there is no address.
        address: of a database on a server.
    """

    folder: Path
    address: sa.URL | None = None

    @classmethod
    def of(cls, options: argparse.Namespace) -> LogPlace:
        """The one that ``--log`` and ``--path`` name.

        Raises:
            ConfigurationError: if the address is none.
        """
        if options.log and "://" not in options.log:
            return cls(Path(options.log))
        given = options.log or os.environ.get(LOG_VARIABLE)
        return cls(options.path, server_address(given) if given else None)

    def database(self) -> Database:
        """It, without making a log where there is none.

        Raises:
            NbkitError: if there is no file, or the server does not answer.
        """
        if self.address is None and not (self.folder / DATABASE).exists():
            raise NbkitError(f"there is no log in {self.folder}; --log names its folder, or its address")
        return Database(self.address or self.folder / DATABASE)

    def check(self) -> None:
        """Check that there is a log: opening it would make an empty one.

        Raises:
            NbkitError: if there is none.
        """
        with closing(self.database()) as database, database.reading() as connection:
            if self.address is not None and not sa.inspect(connection).has_table(META.name):
                raise NbkitError(f"there is no log in {database.name}; a studio makes one")

    def open(self) -> RunLog:
        """The log."""
        self.check()
        return RunLog(self.folder, address=self.address)

    def options(self, log: RunLog) -> str:
        """What names it on a command line; a password of its address is not in it."""
        return f"--log {self.folder}" if self.address is None else f"--log {log.database.name} --path {self.folder}"


def add_log(add: Any) -> None:
    """The options that name a log.

    Args:
        add: of a parser.
    """
    help_ = f"the log's folder ({FOLDER}), or the address of a log on a server, whose password is better in ~/.pgpass. Left out, it is what {LOG_VARIABLE} names, else the folder"
    add("--log", default="", metavar="FOLDER|ADDRESS", help=help_)
    add("--path", type=Path, default=Path(FOLDER), metavar="FOLDER", help=PICTURES_HELP)


def add_log_commands(commands: Any) -> None:
    """Add the commands for a log."""
    summary = "settle every run whose outcome is not known, and fetch paid pictures that are not here yet"
    told = "Asks one engine, and no address that the log names. The key comes from the environment alone."
    recover = commands.add_parser("recover", help=summary, description=told)
    recover.set_defaults(run=_recover)
    add = recover.add_argument
    add_log(add)
    add("--engine", help=ASK_HELP)
    resend = "send a task that the service does not know again, under its own taskUUID"
    add("--resend", action="store_true", help=resend)
    trust = "trust a log that somebody else made, or that is older than owners of logs: its rows are settled like your own, from now on"
    add("--trust", action="store_true", help=trust)

    summary = "write the pictures of a log, a manifest, and a page that shows them, to take along"
    export = commands.add_parser("export", help=summary, description=sentence(summary))
    export.set_defaults(run=_export)
    add = export.add_argument
    add("target", type=Path, metavar="PATH", help="a new folder, or a new file that ends in .zip")
    add_log(add)
    add("--search", default="", metavar="WORDS", help="only rows whose prompt, tags or note hold all of them")
    add("--no-originals", action="store_true", help="leave the pictures out; the page has small ones")
    add("--metadata", action="store_true", help="write into each picture how it was made; nbkit.read gives it back")

    summary = "copy a whole log with its pictures, also while a kernel writes it"
    told = f"{sentence(summary)} Exit status: 0 whole, 1 if it failed or pictures are missing."
    backup = commands.add_parser("backup", help=summary, description=told)
    backup.set_defaults(run=_backup)
    add = backup.add_argument
    add("target", type=Path, metavar="PATH", help="a new folder, or a new file that ends in .zip")
    add_log(add)

    summary = "check a whole log: rows, the hash of every picture, files without rows, accounts"
    verify = commands.add_parser("verify", help=summary, description="Exit status: 0 whole, 1 faults, 2 not readable.")
    verify.set_defaults(run=_verify)
    add = verify.add_argument
    add_log(add)
    add("--mend", action="store_true", help="correct the accounts, and remove half-written files of killed kernels")

    summary = "say whether a log can be used from here: its server, its tables, its clock, the folder of its pictures"
    told = f"{sentence(summary)} It changes nothing. Exit status: 0 all is well, 1 something is missing."
    doctor = commands.add_parser("doctor", help=summary, description=told)
    doctor.set_defaults(run=_doctor)
    add = doctor.add_argument
    add("log", nargs="?", default="", metavar="FOLDER|ADDRESS", help=f"left out, as in the other commands: {LOG_VARIABLE}, or {FOLDER}")  # fmt: skip
    add("--path", type=Path, default=Path(FOLDER), metavar="FOLDER", help=PICTURES_HELP)


def _recover(options: argparse.Namespace) -> int:
    place = LogPlace.of(options)
    place.check()
    address = place.address.render_as_string(hide_password=False) if place.address is not None else ""
    with closing(Studio(path=place.folder, log=address, engine=options.engine, trust=options.trust)) as studio:
        found, named = studio.recover(resend=options.resend), place.options(studio.log)
    say("Nothing to recover: every run is settled." if found.empty else found.to_string(index=False))
    if found["note"].str.contains("resend=True", regex=False).any():
        say(f"python -m nbkit recover {named} --resend sends what the service does not know, once more")
    if found["note"].str.startswith(OTHER_ENGINE).any():
        say(f"python -m nbkit recover {named} --engine ADDRESS asks another engine")
    return 0


def _export(options: argparse.Namespace) -> int:
    with closing(LogPlace.of(options).open()) as log:
        rows = log.search(options.search)
        if rows.empty:
            found = f"no row has the words of --search {options.search!r}" if options.search else "the log has no row"
            raise NbkitError(f"{found}; nothing was written")
        target = log.export(options.target, rows, originals=not options.no_originals, metadata=options.metadata)
    say(f"{len(rows):,} rows in {target}")
    return 0


def _backup(options: argparse.Namespace) -> int:
    with closing(LogPlace.of(options).open()) as log, warnings.catch_warnings(record=True) as lacking:
        warnings.simplefilter("always")
        target, runs = log.backup(options.target), len(log)
    for warning in lacking:
        say(f"nbkit backup: {warning.message}", sys.stderr)
    say(f"{count(runs, 'run')} in {target}")
    return 1 if lacking else 0


def _verify(options: argparse.Namespace) -> int:
    try:
        place = LogPlace.of(options)
        with closing(place.open()) as log:
            faults, runs, is_open = log.verify(mend=options.mend), len(log), bool(log.history.unsettled())
            named = place.options(log)
    except (NbkitError, OSError) as error:
        say(f"nbkit verify: {error}", sys.stderr)
        return 2
    for fault in faults.itertuples():
        say(f"{fault.what} {fault.which}: {fault.problem}{' (mended)' if fault.mended else ''}")
    left = int((~faults["mended"]).sum())
    say(f"{count(left, 'fault')} in {count(runs, 'run')}" if left else f"The log is whole: {count(runs, 'run')}")
    if faults["problem"].str.contains("studio.recover()", regex=False).any():
        say(f"python -m nbkit recover {named} fetches what the service still has")
    if is_open:
        settle = f"python -m nbkit recover {named}"
        say(f"Some runs are under way, or open: {settle} settles those that no kernel works on")
    return 1 if left else 0


def _doctor(options: argparse.Namespace) -> int:
    place = LogPlace.of(options)
    is_well = True
    with closing(place.database()) as database:
        say(f"{database.name}")
        for line, is_right in (*_of_log(database), *_of_pictures(place.folder)):
            is_well &= is_right
            say(f"{'  ' if is_right else '✗ '}{line}")
    return 0 if is_well else 1


def _of_log(database: Database) -> Iterator[tuple[str, bool]]:
    """What there is to say of a log, and whether each is as it should be."""
    with database.reading() as connection:
        has_tables = sa.inspect(connection).has_table(META.name)
        yield from database.keeper.condition(connection, has_tables=has_tables)
        if not has_tables:
            yield "There is no log yet: the first studio makes it.", True
            return
        meta = {row.key: row.value for row in connection.execute(sa.select(META))}
        version, reader = (int(meta.get(name, 0)) for name in ("version", "min_reader"))
        if reader > VERSION:
            yield f"The log has version {version}, and only a newer nbkit can read it: update nbkit here.", False
            return
        older = "; the next studio brings it up to date" if version < VERSION else ""
        yield (
            f"The log has version {version}, and any nbkit for version {max(reader, MIN_READER)} or later writes it{older}.",
            True,
        )
        is_open = RUNS.c.status.in_(OPEN)
        runs = connection.scalar(sa.select(sa.func.count()).select_from(RUNS))
        left = connection.scalar(sa.select(sa.func.count()).select_from(RUNS).where(is_open))
        under_way = f", {left:,} of them under way or open" if left else ""
        yield f"{count(runs or 0, 'run')}{under_way}.", True
    if database.read_only:
        return
    began = time.perf_counter()
    with database.writing(upgrade=True):
        pass
    yield f"The lock for writing was there after {1000 * (time.perf_counter() - began):.0f} ms.", True


def _of_pictures(folder: Path) -> Iterator[tuple[str, bool]]:
    there = next((one for one in (folder.resolve(), *folder.resolve().parents) if one.exists()), folder)
    if not os.access(there, os.W_OK):
        yield f"The folder of the pictures cannot be written: {folder}. --path names another.", False
        return
    free = shutil.disk_usage(there).free
    yield f"The folder of the pictures is {folder}, with {free / 1e9:,.0f} GB free.", True


def sentence(summary: str) -> str:
    """The summary of a command as a sentence."""
    return f"{summary[0].upper()}{summary[1:]}."


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a line of a command; what is in it from outside has no effect on the terminal."""
    print(printable(text), file=stream or sys.stdout, flush=True)
