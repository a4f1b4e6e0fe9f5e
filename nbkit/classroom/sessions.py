"""Who is logged in to the pages of a class: kept in memory, each with an end; a restart of the server logs everybody out."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nbkit.offline.forms import WrongKeys

SESSION_SECONDS = 8 * 3600.0
"""A session ends this long after its login: a day at school."""

MAX_SESSIONS, MAX_OF_ONE = 5000, 20
"""Of all, and of one student or the teacher: more end the oldest ones, so that no student logs others out."""


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that has shown a key.

    Attributes:
        student: the name; ``None`` for the teacher.
        ends: when, on the clock of the sessions.
        form_token: has to come back with each form, so that no other site can send one.
        token: of the cookie.
    """

    student: str | None
    ends: float
    form_token: str = field(repr=False)
    token: str = field(repr=False)


class Sessions:
    """The sessions of a server. All methods are called in one thread.

    Args:
        clock: seconds.

    Attributes:
        wrong_keys: of the hosts that try to log in.

    Example:
        >>> sessions = Sessions()
        >>> session = sessions.begin("mia")
        >>> sessions.find(session.token).student, sessions.find("guessed")
        ('mia', None)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self.wrong_keys = WrongKeys(clock)

    def begin(self, student: str | None) -> Session:
        """A new session, of a student or of the teacher."""
        own = [one.token for one in self._sessions.values() if one.student == student]
        if len(own) >= MAX_OF_ONE:
            self.end(own[0])
        elif len(self._sessions) >= MAX_SESSIONS:
            self.end(next(iter(self._sessions)))
        session = Session(
            student, self._clock() + SESSION_SECONDS, secrets.token_urlsafe(24), secrets.token_urlsafe(32)
        )
        self._sessions[session.token] = session
        return session

    def find(self, token: str | None) -> Session | None:
        """The session of a cookie; ``None`` if it has ended, or never was."""
        session = self._sessions.get(token or "")
        if session is not None and self._clock() >= session.ends:
            self.end(session.token)
            return None
        return session

    def end(self, token: str) -> None:
        """Log out."""
        self._sessions.pop(token, None)
