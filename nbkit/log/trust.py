"""Whose a log is. A log that somebody else made is data: nothing is asked, fetched, sent or paid for the rows in it.

Each person who opens a log leaves a random author id in it. These ids stand in a file of the person's state folder, so
that their later kernels know the log again. In a log without a known id, a new row carries the person's new id; the rows
that came with the log do not, and are left alone until the person trusts them.
"""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import sqlalchemy as sa

from nbkit.log.database import Database
from nbkit.log.schema import ACCOUNTS, AXES, IMAGES, META, RUNS
from nbkit.log.sql import insert_missing
from nbkit.results.run import DONE

VARIABLE = "NBKIT_TRUST"
"""Set to 1, it trusts every log that this process opens: where the home folder is new each time."""

WHOLE, ROWS = "log", "rows"
"""What an author id stands for: every row of its log, or only the rows that carry it."""

_LINE = re.compile(rf"([0-9a-f]{{32}}) ({WHOLE}|{ROWS})")
_PREFIX = "author:"

_ADD_AUTHOR = insert_missing(META, ("key",))

_kernel_authors: dict[str, str] = {}
"""The ids of this kernel, which knows its logs also if the state folder cannot be written."""


@dataclass(frozen=True, slots=True)
class Trust:
    """The rows of a log that this person made or trusts.

    Attributes:
        authors: ids of this person in this log.
        whole: whether the rows without an author are trusted, too: the log is the person's own, or was trusted.
        remembered: whether a later kernel will know the log again.
        is_shared: whether others have opened the log, too.
    """

    authors: frozenset[str]
    whole: bool
    remembered: bool = True
    is_shared: bool = False

    @property
    def notice(self) -> str:
        """A sentence for the user if a later kernel will not know the log again; else empty."""
        later = "a later kernel does not know this log as yours; there, Studio(…, trust=True) or NBKIT_TRUST=1 tells it"
        return "" if self.remembered else f"nbkit's state folder cannot be written, so {later}"

    @property
    def new_author(self) -> str | None:
        """What a new row carries; ``None`` in a log of the person's own."""
        return None if self.whole else next(iter(self.authors), None)

    def condition(self, *, foreign: bool = False) -> sa.ColumnElement[bool]:
        """The condition that a run is trusted, or that it is not; an adopted run is neither: it has ended, and stays so."""
        others = RUNS.c.author.is_not(None) & RUNS.c.author.not_in(self.authors)
        if not self.whole:
            others |= RUNS.c.author.is_(None)
        return (others if foreign else sa.not_(others)) & RUNS.c.adopted.is_(None)


def trust_in(database: Database, *, trust: bool = False) -> Trust:
    """Find out whose a log is, and remember it. A log without runs is the person's own.

    Args:
        database: the log.
        trust: whether the person trusts the rows that came with it.

    Raises:
        StorageError: if the log cannot be read or written.
    """
    if database.file is None:  # a server has asked who opens it
        return Trust(frozenset(), whole=True, is_shared=True)
    trust = trust or os.environ.get(VARIABLE, "").strip().lower() in ("1", "true", "yes", "on")
    with database.reading() as connection:
        keys = list(connection.execute(sa.select(META.c.key).where(META.c.key.startswith(_PREFIX))).scalars())
    known = _known_authors()  # after the log, into which another kernel writes its id last
    own = frozenset(key.removeprefix(_PREFIX) for key in keys) & known.keys()
    shared = len(keys) > len(own)
    found = Trust(own, any(known[author] == WHOLE for author in own), is_shared=shared)
    if database.read_only or (own and not (trust and _has_foreign_rows(database, found))):
        return found if not database.read_only else Trust(own, found.whole or trust, is_shared=shared)
    author = next(iter(own), uuid.uuid4().hex)
    with database.writing() as connection:
        is_whole = found.whole or trust or connection.scalar(sa.select(RUNS.c.id).limit(1)) is None
        remembered = _remember(author, WHOLE if is_whole else ROWS)
        connection.execute(_ADD_AUTHOR, {"key": _PREFIX + author})
        if trust:  # what their rows say of money is in no account of this person
            foreign = found.condition(foreign=True)
            nothing = {"held": 0, "spent": 0, "dayAccounts": None}
            connection.execute(sa.update(RUNS).where(foreign & (RUNS.c.status != DONE)).values(nothing))
            connection.execute(sa.update(RUNS).where(foreign).values(author=None))
        if not own:  # what no run accounts for would count for the runs to come
            runs = sa.select(RUNS.c.id)
            for table in (IMAGES, AXES):
                connection.execute(sa.delete(table).where(table.c.run.not_in(runs)))
            connection.execute(sa.delete(ACCOUNTS).where(~sa.exists(runs)))
    return Trust(own | {author}, is_whole, remembered, shared)


def _has_foreign_rows(database: Database, trust: Trust) -> bool:
    with database.reading() as connection:
        return connection.scalar(sa.select(RUNS.c.id).where(trust.condition(foreign=True)).limit(1)) is not None


def _file() -> Path:
    return platformdirs.user_state_path("nbkit") / "logs"


def _known_authors() -> dict[str, str]:
    """What each id of this person stands for."""
    text = ""
    with contextlib.suppress(OSError):
        text = _file().read_text("ascii", errors="replace")
    found = (match for match in map(_LINE.fullmatch, text.split("\n")) if match)
    lines = [*_kernel_authors.items(), *((match[1], match[2]) for match in found)]
    return dict(sorted(lines, key=lambda line: line[1] == WHOLE))  # the last one counts: trust is not taken back


def _remember(author: str, scope: str) -> bool:
    """Keep an id in this kernel and in the state folder. Returns whether the second was possible."""
    _kernel_authors[author] = scope
    try:
        _file().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(_file(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:  # one write, so that lines of two kernels do not mix; the first line break ends one that was cut off
            os.write(handle, f"\n{author} {scope}\n".encode("ascii"))
        finally:
            os.close(handle)
    except OSError:
        return False
    return True
