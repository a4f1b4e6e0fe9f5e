"""What a phone gets: a form for the code, one pair at a time, thanks, and the result after the reveal.

There is one address: a picture is ``?picture=TOKEN``, whether the vote goes on is ``?state``, and the forms go to the page
itself. Without the cookie of a phone that has joined, nothing but the form for the code is shown.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from nbkit.audience.ballot import Ballot, Voter, is_token, new_token
from nbkit.audience.views import HEADERS, OPEN, REVEALED, join_page, pair_page, result_page, thanks_page
from nbkit.errors import NbkitError
from nbkit.offline.forms import FormError, WrongKeys, is_secure, read_form, see_other

COOKIE = "nbkit-vote"
COOKIE_SECONDS = 12 * 3600

MAX_VOTERS = 2000
"""Phones that one vote has room for."""

CHOICES = {"1": 0, "2": 1, "tie": None}


class BallotPages:
    """The pages of a vote.

    Args:
        ballot: has the pairs and the voters.
        code: that a phone has to type.
        on_change: called in the server's thread after each phone that joins and each vote.
    """

    def __init__(self, ballot: Ballot, code: str, on_change: Callable[[], None]) -> None:
        self._ballot, self._code, self._on_change = ballot, code, on_change
        self._wrong = WrongKeys()

    def application(self) -> Starlette:
        """For a server."""
        routes = [Route("/", self.answer, methods=["GET", "POST"])]
        return Starlette(routes=routes, exception_handlers={HTTPException: _failed, Exception: _failed})

    async def answer(self, request: Request) -> Response:
        voter = self._ballot.voters.get(request.cookies.get(COOKIE, ""))
        try:
            form = await read_form(request) if request.method == "POST" else {}
            if voter is None:
                return await self._join(request, form)
            if form:
                return await self._vote(voter, form)
        except FormError as error:
            return _html(join_page(str(error)) if voter is None else self._page(voter, str(error)), 400)
        if "picture" in request.query_params:
            return self._picture(request.query_params["picture"])
        if "state" in request.query_params:
            return Response(REVEALED if self._ballot.result else OPEN, media_type="text/plain", headers=HEADERS)
        return _html(self._page(voter))

    def _page(self, voter: Voter, message: str = "") -> str:
        ballot = self._ballot
        if ballot.result is not None:
            return result_page(ballot.question, ballot.result)
        number = ballot.next_pair(voter)
        if number is None:
            return thanks_page(ballot.question, len(ballot.pairs))
        tokens = ballot.tokens(ballot.shown(voter, number))
        return pair_page(ballot.question, number, len(ballot.pairs), tokens, is_tall=ballot.is_tall, message=message)

    async def _join(self, request: Request, form: dict[str, str]) -> Response:
        host = request.client.host if request.client else ""
        if "code" not in form:  # with a form, it is the answer of a phone that joined before the vote was opened again
            told = "This vote was opened again: type its code." if form else ""
            return _html(join_page(told), 403 if form else 401 if request.query_params else 200)
        wait = self._wrong.seconds_to_wait(host)
        if wait:  # also for the right code, unlike a key of a class: a code of six digits can be guessed
            answer = _html(join_page("Too many wrong codes. Wait a little, then try again."), 429)
            answer.headers["Retry-After"] = str(int(wait) + 1)
            return answer
        typed = "".join(character for character in form["code"] if character.isascii() and character.isdigit())
        if not secrets.compare_digest(typed, self._code):
            self._wrong.note(host)
            return _html(join_page("That is not the code of this vote. Is each digit as in front?"), 403)
        if len(self._ballot.voters) >= MAX_VOTERS:
            return _html(join_page("This vote is full."), 503)
        cookie = request.cookies.get(COOKIE)
        # A phone that has voted here before the kernel was started again is known by its token.
        token = cookie if cookie is not None and is_token(cookie) else new_token()
        try:
            answered = await run_in_threadpool(self._ballot.answered_before, token)
        except NbkitError:
            return _html(join_page("The vote cannot be read now. Try again."), 503)
        self._ballot.join(token, answered)
        self._on_change()
        answer = see_other(HEADERS)
        # "lax": a phone that follows a link to the vote is the same phone.
        answer.set_cookie(
            COOKIE, token, COOKIE_SECONDS, path="/", httponly=True, samesite="lax", secure=is_secure(request)
        )
        return answer

    async def _vote(self, voter: Voter, form: dict[str, str]) -> Response:
        given, choice = form.get("pair", ""), form.get("choice", "")
        number = int(given) if given.isascii() and given.isdecimal() and len(given) < 5 else -1
        if choice not in CHOICES or number not in range(len(self._ballot.pairs)):
            raise FormError("This is no answer to a pair of this vote.")
        if number in voter.answered or self._ballot.result is not None:
            return see_other(
                HEADERS
            )  # the first vote counts: the back button, a reload or a second press changes nothing
        shown = form.get("shown")
        if shown is not None and shown != " ".join(self._ballot.tokens(self._ballot.shown(voter, number))):
            return see_other(
                HEADERS
            )  # a page of before the vote was opened again, whose sides may be the other way round
        voter.answered.add(number)  # before the write, so that a second press at the same time finds it
        try:
            is_written = await run_in_threadpool(self._ballot.write, voter, number, CHOICES[choice])
        except NbkitError:
            voter.answered.discard(number)
            return _html(self._page(voter, "This vote was not stored. Try again."), 503)
        except Exception:
            voter.answered.discard(number)
            raise
        if not is_written:
            voter.answered.discard(number)
        self._on_change()
        return see_other(HEADERS)

    def _picture(self, token: str) -> Response:
        data = self._ballot.pictures.get(token)
        if data is None:
            return Response(status_code=404, headers=HEADERS)
        headers = HEADERS | {"Cache-Control": "private, max-age=3600, immutable"}
        return Response(data, media_type="image/jpeg", headers=headers)


async def _failed(_request: Request, error: Exception) -> Response:
    """No page of this address or method, or a fault of ours: such an answer has the headers of all others, and no text."""
    if isinstance(error, HTTPException):
        return Response(status_code=error.status_code, headers={**(error.headers or {}), **HEADERS})
    return Response(status_code=500, headers=HEADERS)


def _html(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, headers=HEADERS)
