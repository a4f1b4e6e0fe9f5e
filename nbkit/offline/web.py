"""The engine as a WSGI application.

WSGI has no answer for a connection that is closed without sending anything. For that the application raises waitress's
``ClientDisconnected``, after which waitress closes the connection.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from waitress.channel import ClientDisconnected

from nbkit.offline.engine import Offline
from nbkit.offline.envelope import NOT_FOUND, PICTURE_PATH, Answer, Problem

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

logger = logging.getLogger(__name__)

TASKS_PATHS = ("/v1", "/v1/")

_AUTHORITY = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?", re.IGNORECASE
)


class WebApp:
    """Answers HTTP requests from an engine.

    Args:
        engine: runs the tasks and draws the pictures.
        authority: host and port in picture URLs, for a request without a valid ``Host`` header.
        on_tasks: called after each request with tasks.
    """

    def __init__(self, engine: Offline, authority: str, on_tasks: Callable[[], None] = lambda: None) -> None:
        self._engine, self._authority, self._on_tasks = engine, authority, on_tasks

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            answer = self._answer(environ)
        except Exception:
            logger.exception("the engine failed at %s", environ.get("REQUEST_METHOD"))
            answer = Problem("internalServerError", "The engine failed at this request.", status=500).answer()
        if answer.drops_connection:
            raise ClientDisconnected
        start_response(status_line(answer.status), list(answer.headers.items()))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: WSGIEnvironment) -> Answer:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if method == "POST" and path in TASKS_PATHS:
            answer = self._engine.answer(environ["wsgi.input"].read(), _headers(environ), base_url=self._base(environ))
            self._on_tasks()
            return answer
        if method in ("GET", "HEAD") and path.startswith(PICTURE_PATH):
            return self._engine.picture(path.removeprefix(PICTURE_PATH))
        return Problem("resourceNotFound", NOT_FOUND, status=404).answer()

    def _base(self, environ: WSGIEnvironment) -> str:
        """Beginning of picture URLs, with the host name that the client uses: it may differ from this machine's."""
        host = environ.get("HTTP_HOST", "")
        return f"{environ['wsgi.url_scheme']}://{host if _AUTHORITY.fullmatch(host) else self._authority}"


def status_line(status: int) -> str:
    """The status code with its phrase, as WSGI requires it."""
    return f"{status} {HTTPStatus(status).phrase}"


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    """The request's headers with hyphens, as HTTP spells them."""
    return {
        name.removeprefix("HTTP_").replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    }
