"""Who is logged in to the pages of a class: kept in memory, each with an end; a restart of the server logs everybody out."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

SESSION_SECONDS = 8 * 3600.0
"""A session ends this long after its login: a day at school."""

MAX_SESSIONS, MAX_OF_ONE = 5000, 20
"""Of all, and of one student or the teacher: more end the oldest ones, so that no student logs others out."""

WRONG_KEYS, WRONG_SECONDS = 30, 30.0
"""So many wrong keys of one host in so many seconds; then it has to wait. No key can be guessed: this bounds the work, and
behind a proxy a whole class is one host."""

MAX_HOSTS = 1000


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

    Example:
        >>> sessions = Sessions()
        >>> session = sessions.begin("mia")
        >>> sessions.find(session.token).student, sessions.find("guessed")
        ('mia', None)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._wrong: dict[str, deque[float]] = {}

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

    def seconds_to_wait(self, host: str) -> float:
        """How long a host has to wait before its next key is looked at; 0 for not at all."""
        wrong = self._wrong.get(host)
        if wrong is None or len(wrong) < WRONG_KEYS:
            return 0.0
        return max(0.0, wrong[0] + WRONG_SECONDS - self._clock())

    def note_wrong_key(self, host: str) -> None:
        """Remember that a wrong key came from a host."""
        if host not in self._wrong and len(self._wrong) >= MAX_HOSTS:
            self._wrong.pop(next(iter(self._wrong)))
        self._wrong.setdefault(host, deque(maxlen=WRONG_KEYS)).append(self._clock())
