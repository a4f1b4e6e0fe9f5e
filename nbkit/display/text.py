"""Formats numbers, prices, texts and Python calls for people."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence

from nbkit.errors import printable
from nbkit.request.price import MICRO, Price

MAX_LINE_CHARACTERS = 88
"""Length of a line of code that a cell shows without a scroll bar."""


def usd(micros: int | None) -> str:
    """Micro-dollars as USD with two to six decimals, as many as the amount has; ``—`` for an unknown amount."""
    if micros is None:
        return "—"
    sign = "-" if micros < 0 else ""
    whole, rest = divmod(abs(micros), MICRO)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}${whole:,}.{decimals}"


def usd_short(micros: int | None) -> str:
    """Micro-dollars as USD for a button: cents from one dollar on, two significant digits below."""
    if micros is None or not micros:
        return "—" if micros is None else "$0"
    dollars = abs(micros) / MICRO
    dollars = dollars if dollars >= 1 else float(f"{dollars:.2g}")  # which may be the next power of ten
    decimals = 2 if dollars >= 1 else max(2, 1 - math.floor(math.log10(dollars)))
    return f"{'-' if micros < 0 else ''}${dollars:,.{decimals}f}"


def usd_short_range(price: Price) -> str:
    """A price in micro-dollars as :func:`usd_short`: one amount, or ``$a to $b`` if the price is not certain."""
    return usd_short(price.low) if price.low == price.high else f"{usd_short(price.low)} to {usd_short(price.high)}"


def usd_range(price: Price) -> str:
    """A price in micro-dollars as USD: one amount, or ``$a to $b`` if the price is not certain."""
    return usd(price.low) if price.low == price.high else f"{usd(price.low)} to {usd(price.high)}"


def list_price(amount: str) -> str:
    """What is said of an amount at the offline engine's list prices, which is no money that was spent.

    Example:
        >>> list_price("$0.31")
        'List price $0.31 (offline, not charged)'
    """
    return f"List price {amount} (offline, not charged)"


def count(number: int, noun: str) -> str:
    """A number with its noun: ``1 image``, ``2 images``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def ellipsis(text: str, length: int) -> str:
    """The text on one line of at most ``length`` characters, cut with ``…`` if it is longer."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def missing_words(words: str, length: int = 60) -> str:
    """What is said under a picture that lacks words, cut if they are many.

    Args:
        words: joined by ", ".
        length: characters at most.

    Example:
        >>> missing_words("OPEN, LATE")
        'missing: OPEN, LATE'
    """
    return ellipsis(f"missing: {words}", length)


def call(function: str, arguments: Sequence[str]) -> str:
    """A call as Python code: on one line if it is short, otherwise with a line for each argument."""
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= MAX_LINE_CHARACTERS or len(arguments) < 2:
        return line
    return "\n".join([f"{function}(", *(f"    {argument}," for argument in arguments), ")"])


def escape(text: str) -> str:
    """A text for HTML: as text, whatever it holds. All of nbkit's HTML is escaped here."""
    return html.escape(printable(text))


def printable_json(text: str) -> str:
    """JSON for a terminal: the same values, with control characters inside strings escaped as JSON does."""
    return re.sub("[\x7f-\uffff\U00010000-\U0010ffff]", _json_escape, text)


def _json_escape(found: re.Match[str]) -> str:
    if printable(found[0]) == found[0]:
        return found[0]
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def replay_caption(replay: str | None) -> tuple[str, ...]:
    """What is said under a picture of a pack, given the column ``replay``; nothing for any other picture.

    Example:
        >>> replay_caption("exact"), replay_caption("nearest: temperature 0.7 instead of 0.9"), replay_caption(None)
        (('recorded',), ('nearest recording: temperature 0.7 instead of 0.9',), ())
    """
    if replay is None:
        return ()
    match, _, rest = replay.partition(":")
    if match == "nearest":
        return (f"nearest recording:{ellipsis(rest, 160) and ' '}{ellipsis(rest, 160)}".rstrip(":"),)
    return ({"exact": "recorded", "drawn": "drawn, not recorded"}.get(match, ellipsis(replay, 160)),)
