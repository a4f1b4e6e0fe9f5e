"""Loads pictures for a page: previews and originals are read in a thread, the newest request first.

The kernel's main thread only takes requests in, so that the user's cells keep running. Pictures that the user has
scrolled past come last or are dropped. The page is told which were dropped and can ask again.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbkit.errors import NoImage
from nbkit.log.images import read_picture
from nbkit.service.threads import THREADS

BATCH = 50
"""Previews in one message at most."""
FLUSH = 0.08
"""Seconds after which those that are ready go out, while the rest is being made."""
WAITING = 12
"""Requests that wait at most; the oldest give way, and the page asks again when it shows them."""

Send = Callable[[dict[str, Any], list[bytes]], None]
Wanted = tuple[int, Path]


@dataclass
class _Request:
    pixels: int  # 0: the originals as they are
    wanted: deque[Wanted]
    first: bool = False  # before newer ones


class PreviewLoader:
    """Answers a page's requests for pictures.

    Args:
        send: a message with its buffers, to the page; called from any thread.
        preview: from a file and a size in pixels to a small JPEG.
    """

    def __init__(self, send: Send, preview: Callable[[Path, int], bytes]) -> None:
        self._send, self._preview = send, preview
        self._lock = threading.Lock()
        self._requests: list[_Request] = []
        self._working = False

    def previews(self, pixels: int, wanted: Sequence[Wanted], *, first: bool = False) -> None:
        """Take in a request for previews, of which at most :data:`BATCH` are made; returns at once.

        ``first``: they stand at the top of the page, and newer requests are for what stands below them.
        """
        self._take_in(_Request(pixels, deque(wanted[:BATCH]), first))

    def originals(self, wanted: Sequence[Wanted]) -> None:
        """Take in a request for whole files; returns at once."""
        self._take_in(_Request(0, deque(wanted)))

    def _take_in(self, request: _Request) -> None:
        with self._lock:
            self._requests.append(request)
            late, self._requests = self._requests[:-WAITING], self._requests[-WAITING:]
            start, self._working = not self._working, True
        self._drop([name for old in late for name, _ in old.wanted])
        if start:
            THREADS.submit(self._work)

    def _work(self) -> None:
        while True:
            with self._lock:
                while self._requests and not self._requests[-1].wanted:
                    self._requests.pop()
                if not self._requests:
                    self._working = False
                    return
                next_ = next((one for one in self._requests if one.first and one.wanted), self._requests[-1])
            if next_.pixels:
                self._make(next_)
            else:
                self._read(next_)

    def _make(self, request: _Request) -> None:
        """Previews of one request, until it is time to look whether a newer one has come."""
        ids, data, broken = [], [], {}
        ends = time.monotonic() + FLUSH
        while request.wanted and time.monotonic() < ends:
            name, file = request.wanted.popleft()
            try:
                data.append(self._preview(file, request.pixels))
                ids.append(name)
            except Exception as error:  # noqa: BLE001  a damaged file may fail in any way, and its tile says how
                broken[name] = _reason(error)
        told = {str(name): why for name, why in broken.items()}
        self._answer({"type": "previews", "pixels": request.pixels, "ids": ids, "broken": told}, data, [*ids, *broken])

    def _read(self, request: _Request) -> None:
        name, file = request.wanted.popleft()
        try:
            data, told = [read_picture(file)], {}
        except Exception as error:  # noqa: BLE001  as in _make(): a picture may be too large for the memory, too
            data, told = [], {"broken": _reason(error)}
        self._answer({"type": "original", "id": name, **told}, data, [name])

    def _answer(self, content: dict[str, Any], data: list[bytes], ids: list[int]) -> None:
        try:
            self._send(content, data)
        except Exception:  # noqa: BLE001  a line that is down for a moment must not end the thread
            self._drop(ids)

    def _drop(self, ids: list[int]) -> None:
        """Tell the page that these do not come; if that does not arrive either, it asks again after a while."""
        if ids:
            with contextlib.suppress(Exception):
                self._send({"type": "dropped", "ids": ids}, [])


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "its file is not here"
    return str(error) if isinstance(error, NoImage) else f"its file cannot be shown: {error}"
