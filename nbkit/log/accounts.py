"""The names of the accounts that count a run."""

from __future__ import annotations

from datetime import datetime

from nbkit.request.price import MICRO

CHARGED, OFFLINE = "charged", "offline"
"""The two kinds of money: real money, and list prices."""


def day_accounts(created: int, *kinds: str, author: str | None = None) -> str:
    """The accounts of a run's day, which its row keeps: whoever settles it may have another time zone, or another day.

    Args:
        created: when the run was made, in microseconds since 1970.
        *kinds: of money that it may cost.
        author: of the run's row. In a log of somebody else, whose accounts may say anything, a day has accounts of its own.

    Returns:
        Their names, separated by spaces.
    """
    day = datetime.fromtimestamp(created / MICRO).astimezone().date()
    whose = f":{author}" if author else ""
    return " ".join(f"day:{day}{whose}:{kind}" for kind in kinds)


def settled_account(held_in: str, kind: str) -> str:
    """The one of :func:`day_accounts` that counts what a run has cost, once its kind is known."""
    return f"{held_in.split(maxsplit=1)[0].rpartition(':')[0]}:{kind}"


def account_names(studio: str, days: str, sub_budget: str | None) -> tuple[str, ...]:
    """The accounts that count a run: of its studio, of its day, and of its sub-budget if it has one.

    Args:
        studio: id of the studio.
        days: its :func:`day_accounts`.
        sub_budget: id of the sub-budget; ``None`` or empty without one.
    """
    names = (studio_account(studio), *days.split())
    return (*names, f"purse:{sub_budget}") if sub_budget else names  # logs of 0.1.0 have "purse:", so it stays


def studio_account(studio: str) -> str:
    """The name of a studio's account."""
    return f"studio:{studio}"
