"""The server of a vote, beside the kernel."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from nbkit.audience.ballot import Ballot
from nbkit.audience.pages import BallotPages
from nbkit.offline.web_server import EVERYWHERE, WebServer, own_addresses

CODE_DIGITS = 6

TELL_SECONDS = 0.5
"""So often, at most, the notebook is told of votes."""


class BallotServer(WebServer):
    """Serves a vote from :meth:`start` to :meth:`close`.

    Args:
        ballot: has the pairs and the voters.
        host: the address to listen on; only this machine reaches ``127.0.0.1``.
        port: 0 picks a free one.
        on_change: called in the server's thread, at most twice a second, after phones have joined or voted.

    Attributes:
        ballot: as given.
        code: that a phone has to type.

    Raises:
        OSError: if the port is in use, or the host is not an address of this machine.
    """

    def __init__(self, ballot: Ballot, host: str, port: int, on_change: Callable[[], None]) -> None:
        super().__init__(host, port)
        self.ballot, self.code = ballot, f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        self._on_change, self._is_due = on_change, False
        self._serve(BallotPages(ballot, self.code, self._changed).application())

    @property
    def other_urls(self) -> list[str]:
        """Further addresses by which it may be reached."""
        found = own_addresses() if self.host in EVERYWHERE else []
        return [url for url in (f"http://{one}:{self.port}" for one in found) if url != self.url]

    def _changed(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_later(TELL_SECONDS, self._tell)

    def _tell(self) -> None:
        self._is_due = False
        self._on_change()
