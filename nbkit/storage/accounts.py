"""Running totals of money, kept in the same transactions as the rows that they count.

There is an account for each studio, for each day of local time (real money and list prices apart), and for each
purse. A budget is checked against its account, so that no sum over the log is needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from nbkit.display.text import usd
from nbkit.errors import BudgetExceeded
from nbkit.model import MICRO
from nbkit.storage.schema import ACCOUNTS


@dataclass(frozen=True, slots=True)
class Account:
    """Micro-dollars spent, and held for runs that are not settled."""

    spent: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent, in micro-dollars; ``None``: no limit."""

    studio: int | None = None
    day: int | None = None


@dataclass(frozen=True, slots=True)
class Purse:
    """Money set apart for several runs together, such as those of a sweep; ``limit`` in micro-dollars."""

    id: str
    limit: int | None = None


def names_of(studio: str, created: float, charged: bool, purse: str | None) -> tuple[str, ...]:
    """The accounts that a run is counted on: its studio's, its day's, and its purse's, if it has one.

    Args:
        studio: the studio's account.
        created: when the run was made, in seconds since 1970.
        charged: whether it is real money; list prices are counted apart.
        purse: the purse's name, or ``None``.
    """
    day = datetime.fromtimestamp(created).astimezone().date()
    names = (studio_name(studio), f"day:{day}:{'charged' if charged else 'offline'}")
    return (*names, f"purse:{purse}") if purse else names


def studio_name(studio: str) -> str:
    """The account that a studio's budget is kept on."""
    return f"studio:{studio}"


# Built once: putting a statement together costs more than running it.
_READ = sa.select(ACCOUNTS.c.spent, ACCOUNTS.c.held).where(ACCOUNTS.c.name == sa.bindparam("which"))
_NEW = sa.insert(ACCOUNTS)
_MOVE = (
    sa.update(ACCOUNTS)
    .where(ACCOUNTS.c.name == sa.bindparam("which"))
    .values(spent=ACCOUNTS.c.spent + sa.bindparam("more_spent"), held=ACCOUNTS.c.held + sa.bindparam("more_held"))
)


def read(connection: sa.Connection, name: str) -> Account:
    """What an account holds; nothing, if there is none of that name."""
    row = connection.execute(_READ, {"which": name}).one_or_none()
    return Account(row.spent, row.held) if row else Account()


def move(connection: sa.Connection, changes: Mapping[str, tuple[int, int]]) -> None:
    """Add to accounts, by name: what is spent, and what is held."""
    for name, (spent, held) in changes.items():
        if connection.execute(_MOVE, {"which": name, "more_spent": spent, "more_held": held}).rowcount == 0:
            connection.execute(_NEW, {"name": name, "spent": spent, "held": held})


def refuse_above(limit: int, account: Account, asked: int, whose: str, argument: str) -> None:
    """Raise ``BudgetExceeded`` if what is asked for might go beyond a limit; all in micro-dollars."""
    if account.spent + account.held + asked <= limit:
        return
    enough = f"{math.ceil((account.spent + account.held + asked) / 10_000) / 100:.2f}"
    raise BudgetExceeded(
        f"this run may cost up to {usd(asked)}, and {whose} has {usd(limit - account.spent - account.held)} left of "
        f"{usd(limit)} ({usd(account.spent)} spent, {usd(account.held)} held for runs under way). Nothing was sent. "
        f"{argument.replace('…', enough)} or more allows it.",
        limit=limit / MICRO,
        spent=account.spent / MICRO,
        held=account.held / MICRO,
        asked=asked / MICRO,
    )
