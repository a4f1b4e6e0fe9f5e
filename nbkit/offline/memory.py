"""A store of bytes that forgets what was used least recently once it holds too much."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable


class BoundedCache:
    """Bytes by key, at most ``limit`` bytes of them; safe to use from several threads."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held = limit, 0
        self._items: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        """Bytes held now."""
        return self._held

    def get(self, key: Hashable) -> bytes | None:
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def put(self, key: Hashable, data: bytes) -> None:
        """Keeps the bytes, unless they alone are more than the limit."""
        if len(data) > self._limit:
            return
        with self._lock:
            self._held += len(data) - len(self._items.pop(key, b""))
            self._items[key] = data
            while self._held > self._limit:
                _, dropped = self._items.popitem(last=False)
                self._held -= len(dropped)
