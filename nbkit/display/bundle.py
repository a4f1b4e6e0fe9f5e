"""Something to look at, as a value: HTML for a page, the same facts as text for everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbkit.display.figure import shield


@dataclass(frozen=True, slots=True, repr=False)
class Bundle:
    """A result that shows itself as the last line of a cell."""

    html: str
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": shield(self.html), "text/plain": self.text}
