"""Running totals of money, kept in the same transactions as the rows that they count.

There is an account for each studio, for each day of local time (real money and list prices apart), and for each
purse. A budget is checked against its account, so that no sum over the log is needed.
"""

from __future__ import annotations

import math
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


def names_of(studio: str, created: float, charged: bool, purse: str | None) -> tuple[str, str, str]:
    day = datetime.fromtimestamp(created).astimezone().date()
    return f"studio:{studio}", f"day:{day}:{'charged' if charged else 'offline'}", f"purse:{purse}" if purse else ""


def read(connection: sa.Connection, name: str) -> Account:
    row = connection.execute(sa.select(ACCOUNTS.c.spent, ACCOUNTS.c.held).where(ACCOUNTS.c.name == name)).one_or_none()
    return Account(row.spent, row.held) if row else Account()


def move(connection: sa.Connection, names: tuple[str, ...], *, spent: int, held: int) -> None:
    for name in filter(None, names):
        change = sa.update(ACCOUNTS).where(ACCOUNTS.c.name == name)
        done = connection.execute(change.values(spent=ACCOUNTS.c.spent + spent, held=ACCOUNTS.c.held + held))
        if done.rowcount == 0:
            connection.execute(sa.insert(ACCOUNTS).values(name=name, spent=spent, held=held))


def refuse_above(limit: int | None, account: Account, asked: int, whose: str, argument: str) -> None:
    if limit is None or account.spent + account.held + asked <= limit:
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
