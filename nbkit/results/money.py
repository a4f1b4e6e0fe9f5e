"""Prices and budgets for the user, in USD."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Any, Self

from nbkit.display.figure import no_mathjax
from nbkit.display.text import escape, usd, usd_range, usd_short
from nbkit.errors import RequestError
from nbkit.request.price import MICRO, Price


class Estimate(float):
    """What a request would cost, in USD: a ``float`` with the most it may cost.

    :attr:`low` and :attr:`high` differ if the price is not certain: with a grounded search, or if the size follows a
    reference image.

    Attributes:
        price: the same in micro-dollars.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> estimate = studio.estimate("A teapot", web_search=True)
        >>> estimate
        $0.06895 to $0.20895
        >>> estimate.low, estimate.high, estimate < 0.25
        (0.06895, 0.20895, True)
    """

    price: Price

    def __new__(cls, price: Price) -> Self:
        self = super().__new__(cls, price.high / MICRO)
        self.price = price
        return self

    @property
    def low(self) -> float:
        """The least it may cost, in USD."""
        return self.price.low / MICRO

    @property
    def high(self) -> float:
        """The most it may cost, in USD. A budget holds this amount until the run is settled."""
        return self.price.high / MICRO

    def __repr__(self) -> str:
        return usd_range(self.price)

    def __reduce__(self) -> tuple[Any, ...]:
        return Estimate, (self.price,)


@dataclass(frozen=True, slots=True)
class Budget:
    """What a studio may spend, has spent, and holds for runs that are not settled, in USD.

    Attributes:
        limit: the most that the studio may spend; ``None`` without a limit.
        spent: what its runs have cost.
        held: what is reserved for runs that are planned or sent and whose outcome is not known yet.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline", budget=5.00)
        >>> run = studio.generate("A teapot", seed=7)
        >>> studio.budget
        <Budget $5.00: $0.06895 spent, $0.00 held, $4.93105 left>
        >>> studio.budget.left
        4.93105
    """

    limit: float | None
    spent: float
    held: float

    @property
    def left(self) -> float | None:
        """The most that the next run may cost, in USD; ``None`` without a limit."""
        return None if self.limit is None else round(self.limit - self.spent - self.held, 6)

    def __repr__(self) -> str:
        spent = f"{amount(self.spent)} spent, {amount(self.held)} held"
        if self.limit is None or self.left is None:
            return f"<Budget: no limit; {spent}>"
        return f"<Budget {amount(self.limit)}: {spent}, {amount(self.left)} left>"

    def _repr_html_(self) -> str:
        return no_mathjax(escape(repr(self)[1:-1]))


def amount(dollars: float) -> str:
    """An amount in USD as text, to the micro-dollar."""
    return usd(round(dollars * MICRO))


def short_amount(dollars: float) -> str:
    """An amount in USD as text that is read at a glance: cents from one dollar on, two significant digits below."""
    return usd_short(round(dollars * MICRO))


def limit_in_micros(name: str, value: Any) -> int | None:
    """A budget in USD as micro-dollars, rounded down; ``None`` for no limit.

    Args:
        name: of the parameter, for the error message.
        value: as given by the user.

    Raises:
        RequestError: if it is no amount of money.
    """
    if value is None:
        return None
    try:
        limit = Decimal("NaN" if isinstance(value, (bool, str, bytes)) else str(value))
    except (InvalidOperation, ValueError):
        limit = Decimal("NaN")
    if not limit.is_finite() or limit < 0:
        message = f"{name}={value!r}: must be an amount in USD, such as {name}=5.00, or None for no limit"
        raise RequestError(message, parameter=name, value=value)
    return int((limit * MICRO).to_integral_value(rounding=ROUND_DOWN))
