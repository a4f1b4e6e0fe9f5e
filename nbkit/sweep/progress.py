"""How far a sweep under way has come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a sweep stands: numbers of cells, USD, seconds.

    ``remaining`` is an estimate, ``None`` before the first cell has ended.
    """

    total: int
    done: int
    failed: int
    blocked: int
    unknown: int
    running: int
    spent: float
    held: float
    elapsed: float
    remaining: float | None

    @property
    def ended(self) -> int:
        """Cells whose outcome is there."""
        return self.done + self.failed + self.blocked + self.unknown

    @property
    def not_run(self) -> int:
        """Cells that have not been sent."""
        return self.total - self.ended - self.running
