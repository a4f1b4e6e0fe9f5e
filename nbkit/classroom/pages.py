"""What a browser gets: a page that tells a student what to type, and the teacher's page."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from nbkit.classroom.roster import Classroom


def routes(classroom: Classroom, facts: Any) -> list[Route]:
    """The pages of a class."""
    del classroom, facts
    return []
