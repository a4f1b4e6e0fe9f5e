"""The engine as a WSGI application.

WSGI has no answer for a connection that is closed without sending anything. For that the application raises waitress's
``ClientDisconnected``, after which waitress closes the connection.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from waitress.channel import ClientDisconnected

from nbkit.offline.engine import Offline
from nbkit.offline.envelope import Problem
from nbkit.offline.transport import respond

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

logger = logging.getLogger(__name__)

_AUTHORITY = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?", re.IGNORECASE
)


class WebApp:
    """Answers HTTP requests from an engine.

    Args:
        engine: runs the tasks and draws the pictures.
        authority: host and port in picture URLs, for a request without a valid ``Host`` header.
    """

    def __init__(self, engine: Offline, authority: str) -> None:
        self._engine, self._authority = engine, authority

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path, body = environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), environ["wsgi.input"].read()
        path = "/v1" if path == "/v1/" else path
        try:
            answer = respond(self._engine, method, path, body, _headers(environ), self._base(environ))
        except Exception:
            logger.exception("the engine failed at %s", method)
            answer = Problem("internalServerError", "The engine failed at this request.", status=500).answer()
        if answer.drops_connection:
            raise ClientDisconnected
        start_response(status_line(answer.status), list(answer.headers.items()))
        return [] if method == "HEAD" else [answer.body]

    def _base(self, environ: WSGIEnvironment) -> str:
        """Beginning of picture URLs, with the host name that the client uses: it may differ from this machine's."""
        host = environ.get("HTTP_HOST", "")
        return f"{environ['wsgi.url_scheme']}://{host if _AUTHORITY.fullmatch(host) else self._authority}"


def status_line(status: int) -> str:
    """The status code with its phrase, as WSGI requires it."""
    return f"{status} {HTTPStatus(status).phrase}"


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    """The request's headers with hyphens, as HTTP spells them."""
    found = ((name.partition("HTTP_")[2], value) for name, value in environ.items())
    return {name.replace("_", "-"): str(value) for name, value in found if name}
