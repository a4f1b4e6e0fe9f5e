"""A value that displays itself, as HTML and as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbkit.display.figure import no_mathjax
from nbkit.errors import printable


@dataclass(frozen=True, slots=True, repr=False)
class MimeBundle:
    """A result that shows itself as the last line of a cell.

    Attributes:
        html: shown where HTML can be shown.
        text: the same facts for all other places.
    """

    html: str
    text: str

    def __repr__(self) -> str:
        return printable(self.text)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": no_mathjax(self.html), "text/plain": printable(self.text)}
