"""A vote as a notebook has it: it shows where to vote and how many have, reveals, and ends."""

from __future__ import annotations

import importlib
import threading
import uuid
from typing import TYPE_CHECKING

from nbkit.comparison.judging import Judging
from nbkit.comparison.ranking import Ranking
from nbkit.display.voting_board import VotingBoard
from nbkit.errors import NbkitError, RequestError
from nbkit.log.frame import check_argument
from nbkit.request.parameter import Integer
from nbkit.service.addresses import is_loopback
from nbkit.widgets.page.publish import publish

if TYPE_CHECKING:
    from nbkit.audience.server import BallotServer

MAX_PAIRS = 100

ENDED = "This vote has ended."


class Voting:
    """A vote that an audience takes part in from phones. ``arena.open()`` makes one, and it lasts until :meth:`close`.

    As the last line of a cell it shows the address and the code, large enough for the back of a room, and how many have
    voted, which it keeps up to date.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> arena = studio.arena([studio.generate("A lantern", seed=seed) for seed in (1, 2, 3)], question="Which is brighter?")
        >>> voting = arena.open()
        >>> voting.pairs, voting.votes, len(voting.code)
        (3, 0, 6)
        >>> voting.close()
    """

    def __init__(self, judging: Judging, *, pairs: int, host: str, port: int) -> None:
        pairs = check_argument("pairs", Integer(1, MAX_PAIRS).check, pairs)
        port = check_argument("port", Integer(0, 65535).check, port)
        self._server = _server_of(judging, pairs, host, port, self._update)
        self._id, self._is_placed, self._lock = f"nbkit-{uuid.uuid4().hex}", False, threading.Lock()
        self._server.start()
        judging.log.users.add(self)

    @property
    def url(self) -> str:
        """The address that a phone opens.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> voting = studio.arena([studio.generate("A lantern", seed=seed) for seed in (1, 2)]).open()
            >>> voting.url.startswith("http://127.0.0.1:")
            True
            >>> voting.close()
        """
        return self._server.url

    @property
    def code(self) -> str:
        """The code that a phone has to type."""
        return self._server.code

    @property
    def pairs(self) -> int:
        """How many pairs each phone votes on."""
        return len(self._server.ballot.pairs)

    @property
    def phones(self) -> int:
        """How many phones have joined."""
        return len(self._server.ballot.voters)

    @property
    def votes(self) -> int:
        """How many votes the phones that have joined have given, each at most one for each pair."""
        return sum(len(one.answered) for one in [*self._server.ballot.voters.values()])

    def reveal(self) -> Ranking:
        """End the voting and show every phone the settings, the shares of votes and the ranking.

        Returns:
            The ranking, with the judgements of the arena itself.

        Raises:
            NbkitError: if nobody has voted.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> voting = studio.arena([studio.generate("A lantern", seed=seed) for seed in (1, 2)], question="Which?").open()
            >>> try:
            ...     voting.reveal()
            ... except nbkit.NbkitError as error:
            ...     print(error)
            nobody has voted yet: there is nothing to reveal
            >>> voting.close()
        """
        ranking = self._server.ballot.reveal()
        self._update()
        return ranking

    def close(self) -> None:
        """End the vote; its address answers no more. What was voted is in the log.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> voting = studio.arena([studio.generate("A lantern", seed=seed) for seed in (1, 2)]).open()
            >>> voting.close()
            >>> voting
            <Voting 'Which is better?': ended, 0 votes>
        """
        if not self._server.is_closed:
            self._server.close()
            self._update()

    def __repr__(self) -> str:
        where = "ended" if self._server.is_closed else f"{self.url}, code {self.code}"
        return f"<Voting {self._server.ballot.question!r}: {where}, {self.votes} votes>"

    # -- inside --------------------------------------------------------------------------------------------------

    @property
    def _board(self) -> VotingBoard:
        server, ballot = self._server, self._server.ballot
        revealed = "The result is on the phones." if ballot.result is not None else ""
        return VotingBoard(
            address=server.url,
            code=server.code,
            pairs=self.pairs,
            phones=self.phones,
            votes=self.votes,
            finished=sum(len(one.answered) == self.pairs for one in [*ballot.voters.values()]),
            others=server.other_urls,
            is_local=is_loopback(server.host),
            ends=ENDED if server.is_closed else revealed,
        )

    def _update(self) -> None:
        with self._lock:
            if self._is_placed:
                publish(self._board.bundle, display_id=self._id, update=True)

    def _ipython_display_(self) -> None:
        with self._lock:
            self._is_placed = True
            publish(self._board.bundle, display_id=self._id)


def _server_of(judging: Judging, pairs: int, host: str, port: int, on_change: object) -> BallotServer:
    """A server, which is loaded only when a vote is opened: no arena needs the extra."""
    try:
        found = importlib.import_module("nbkit.audience.server")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn", "websockets"):
            raise
        raise NbkitError(f'arena.open() needs {error.name}: pip install "nbkit[serve]"') from None
    ballot = importlib.import_module("nbkit.audience.ballot").Ballot(judging, pairs)
    try:
        made: BallotServer = found.BallotServer(ballot, host, port, on_change)
    except (OSError, TypeError) as error:
        message = f'host={host!r}, port={port!r}: cannot be listened at ({error}); port=0 picks a free one, host="0.0.0.0" is every address of this machine'
        raise RequestError(message, parameter="host", value=host) from None
    return made
