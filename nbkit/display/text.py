"""Numbers and words in the form in which a person reads them."""

from __future__ import annotations

from collections.abc import Sequence

from nbkit.request.model import MICRO, Price

LINE = 88
"""Characters of a line of code that a cell shows without a scroll bar."""


def usd(micros: int | None) -> str:
    """Micro-dollars as USD: always two decimals, up to five where a price has them; ``—`` for an unknown one."""
    if micros is None:
        return "—"
    sign = "-" if micros < 0 else ""
    whole, rest = divmod(abs(micros), MICRO)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}${whole:,}.{decimals}"


def usd_range(price: Price) -> str:
    """A price as one number, or as ``$a to $b`` where it is not certain."""
    return usd(price.low) if price.low == price.high else f"{usd(price.low)} to {usd(price.high)}"


def count(number: int, noun: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def ellipsis(text: str, length: int) -> str:
    """One line of at most ``length`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def call(function: str, arguments: Sequence[str]) -> str:
    """A call as Python: one line where it fits, else a line for each argument."""
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= LINE or len(arguments) < 2:
        return line
    return "\n".join([f"{function}(", *(f"    {argument}," for argument in arguments), ")"])
