"""One client's connection, where nbkit differs from waitress: refusals are JSON, and a request has to end some time."""

from __future__ import annotations

import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask

from nbkit.offline.envelope import Problem, refuse
from nbkit.offline.web import status_line

HEADER_SECONDS = 20.0
REQUEST_SECONDS = 300.0
"""From a request's first byte to the end of its headers and to its last byte, however steadily it drips."""

CODES = {
    413: "maxBodySizeExceeded",
    431: "maxHeaderSizeExceeded",
    500: "internalServerError",
    501: "unsupportedTransferEncoding",
}


class Refusal(ErrorTask):
    """What is answered to something that is no request, or too large a one."""

    def execute(self) -> None:
        request: Any = self.request  # what waitress calls a request here is one that may hold an error
        error = request.error
        message = f"{error.reason}: {error.body}"
        if error.code == 413:
            message = f"At most {self.channel.adj.max_request_body_size - 1:,} bytes of a body are read."
        problem = Problem(CODES.get(error.code, "invalidRequest"), message, status=error.code)
        answer = refuse(problem)
        self.status = status_line(error.code)
        self.response_headers = list(answer.headers.items())
        self.set_close_on_finish()
        self.content_length = len(answer.body)
        self.write(answer.body)


class Channel(HTTPChannel):
    """A connection on which a request that does not come to its end is given up."""

    error_task_class = Refusal

    _incoming: object | None = None
    _began = 0.0

    def received(self, data: bytes) -> bool:
        taken = bool(super().received(data))
        if self.request is not self._incoming:
            self._incoming, self._began = self.request, time.monotonic()
        return taken

    def readable(self) -> bool:
        # Asked at each turn of the loop, which makes it the place to look at the clock.
        request = self.request
        if request is not None and request is self._incoming:
            patience = REQUEST_SECONDS if request.headers_finished else HEADER_SECONDS
            if time.monotonic() - self._began > patience:
                self.will_close = True
        return bool(super().readable())
