"""One client's connection, where nbkit differs from waitress: refusals are JSON, and a request has a time limit."""

from __future__ import annotations

import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask

from nbkit.offline.envelope import Problem
from nbkit.offline.web import status_line

HEADER_SECONDS = 20.0
REQUEST_SECONDS = 300.0
"""From a request's first byte to the end of its headers, and to its last byte, even if bytes keep trickling in."""

CODES_BY_STATUS = {
    413: "maxBodySizeExceeded",
    431: "maxHeaderSizeExceeded",
    500: "internalServerError",
    501: "unsupportedTransferEncoding",
}


class Refusal(ErrorTask):
    """The answer to bytes that are not an HTTP request, and to a request that is too large."""

    def execute(self) -> None:
        request: Any = self.request  # waitress types it as a request; here it is a parser that may hold an error
        error = request.error
        message = f"{error.reason}: {error.body}"
        if error.code == 413:
            message = f"At most {self.channel.adj.max_request_body_size - 1:,} bytes of a body are read."
        problem = Problem(CODES_BY_STATUS.get(error.code, "invalidRequest"), message, status=error.code)
        answer = problem.answer()
        self.status = status_line(error.code)
        self.response_headers = list(answer.headers.items())
        self.set_close_on_finish()
        self.content_length = len(answer.body)
        self.write(answer.body)


class Channel(HTTPChannel):
    """A connection that is closed when a request does not end in time."""

    error_task_class = Refusal

    _incoming: object | None = None
    _began = 0.0

    def received(self, data: bytes) -> bool:
        received = bool(super().received(data))
        if self.request is not self._incoming:
            self._incoming, self._began = self.request, time.monotonic()
        return received

    def readable(self) -> bool:
        # The loop calls this at each turn, so the time limit is checked here.
        request = self.request
        if request is not None and request is self._incoming:
            limit = REQUEST_SECONDS if request.headers_finished else HEADER_SECONDS
            if time.monotonic() - self._began > limit:
                self.will_close = True
        return bool(super().readable())
