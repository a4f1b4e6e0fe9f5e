"""Budgets: running totals in the log, the check before a send, and who is notified of a change.

The log has one account for each studio, for each day of local time (real money apart from list prices), and for each
sub-budget. An account is updated in the transaction that writes the row it counts, so checking a budget needs no sum
over the log.
"""

from __future__ import annotations

import contextlib
import math
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from nbkit.display.text import usd
from nbkit.errors import BudgetExceeded
from nbkit.log.schema import ACCOUNTS
from nbkit.request.price import MICRO


@dataclass(frozen=True, slots=True)
class Account:
    """Micro-dollars spent, and held for runs that are not settled."""

    spent: int = 0
    held: int = 0

    def __add__(self, other: Account) -> Account:
        return Account(self.spent + other.spent, self.held + other.held)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that may be spent, in micro-dollars; ``None`` for no limit."""

    studio: int | None = None
    day: int | None = None


@dataclass(frozen=True, slots=True)
class SubBudget:
    """A budget that some runs of a studio share, such as those of a sweep. Money in micro-dollars.

    Attributes:
        id: names its account.
        limit: the most that may be spent; ``None`` for no limit.
        elsewhere: what counts against the limit too: runs of the sweep that another account has spent or holds.
    """

    id: str
    limit: int | None = None
    elsewhere: Account = Account()


# Statements are built once: building one costs more than running it.
_READ = sa.select(ACCOUNTS.c.spent, ACCOUNTS.c.held).where(ACCOUNTS.c.name == sa.bindparam("which"))
_ADD = sa.text(  # as text, because SQLAlchemy has this clause only in the dialects of single databases
    "INSERT INTO accounts (name, spent, held) VALUES (:name, :spent, :held) ON CONFLICT (name) DO UPDATE "
    "SET spent = accounts.spent + excluded.spent, held = accounts.held + excluded.held"
)


def read_account(connection: sa.Connection, name: str) -> Account:
    """An account; an empty one if the log has none of that name. It is never below zero, whatever a log says."""
    row = connection.execute(_READ, {"which": name}).one_or_none()
    return Account(max(0, row.spent), max(0, row.held)) if row else Account()


def add_to_accounts(connection: sa.Connection, changes: Iterable[tuple[str, int, int]]) -> None:
    """Add micro-dollars to accounts, each by its name: to what is spent, and to what is held."""
    connection.execute(_ADD, [{"name": name, "spent": spent, "held": held} for name, spent, held in changes])


def check_limit(limit: int, account: Account, asked: int, whose: str, argument: str) -> None:
    """Raise ``BudgetExceeded`` if a run that may cost ``asked`` could exceed a limit; all in micro-dollars.

    Args:
        limit: of the budget.
        account: what is spent and held.
        asked: upper estimate of the run.
        whose: whose budget it is, for the message.
        argument: how to raise the limit, for the message; ``…`` stands for the amount.
    """
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


class BudgetListener(Protocol):
    """Shows what may still be spent."""

    def on_budget_change(self) -> None:
        """Called from any thread after money was held, spent or released."""


class BudgetListeners:
    """The listeners of one studio, held weakly.

    An exception in a listener is dropped: showing an amount must not come between a paid run and its pictures.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: weakref.WeakSet[BudgetListener] = weakref.WeakSet()

    def add(self, listener: BudgetListener) -> None:
        """Notify this listener too, for as long as somebody else holds it.

        Raises:
            TypeError: if it cannot be notified; later, its error would be dropped.
        """
        if not callable(getattr(listener, "on_budget_change", None)):
            raise TypeError(
                f"a budget listener has a method on_budget_change(), and {type(listener).__name__} has none"
            )
        with self._lock:
            self._listeners.add(listener)

    def notify(self) -> None:
        """Call each listener."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            with contextlib.suppress(Exception):
                listener.on_budget_change()
