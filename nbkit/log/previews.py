"""Small JPEGs of the stored pictures, made once: kept in memory, and on disk beside the pictures.

Nothing here is precious. Whoever deletes the folder loses time only, and where it cannot be written there is none.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import weakref
import zlib
from collections import OrderedDict
from pathlib import Path

from nbkit.measures.preview import make_preview

BUCKETS = (128, 256, 384, 768, 1536)
"""Pixels on the long side of what is kept on disk; a size between two of them is made of the larger one."""

MEMORY = 32_000_000
"""Bytes of previews kept in memory: more than a thousand of 384 pixels."""

PICTURES, FOLDER = "images", "previews"
"""The folders of a log: the pictures, and the previews beside them."""

_CHECK = 4  # bytes of checksum behind a JPEG's end, where whatever shows it does not look
_STEM = re.compile("[0-9a-f]{64}")
_LOCKS = 32

_shared: weakref.WeakValueDictionary[Path, Previews] = weakref.WeakValueDictionary()
_sharing = threading.Lock()


class Previews:
    """Previews of the pictures in a store. Threads may share one, and kernels may share its folder.

    Args:
        folder: where they are kept on disk; made with the first one.
        memory: bytes of them to keep in memory.
    """

    def __init__(self, folder: Path, memory: int = MEMORY) -> None:
        self.folder = folder.absolute()
        self._memory, self._held = memory, 0
        self._latest: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._making = tuple(threading.Lock() for _ in range(_LOCKS))  # so that no two threads decode one picture

    def get(self, file: Path, size: int) -> bytes:
        """A small JPEG of a stored picture, at most ``size`` pixels on its long side.

        Args:
            file: the picture; its name is the hash of its content.
            size: pixels; never enlarges.

        Raises:
            OSError: if the file is not there, or cannot be read.
            NoImage: if it cannot be decoded.
        """
        file.stat()  # a picture that was deleted is gone, although its preview may still be there
        key = (file.stem, size)
        if (kept := self._recall(key)) is None:
            with self._making[hash(file.stem) % _LOCKS]:
                if (kept := self._recall(key)) is None:
                    kept = self._find(file, size)
                    self._remember(key, kept)
        return kept

    def _find(self, file: Path, size: int) -> bytes:
        bucket = next((bucket for bucket in BUCKETS if bucket >= size), None)
        if bucket is None:
            return make_preview(file.read_bytes(), size)
        place = self.folder / file.stem[:2] / f"{file.stem}-{bucket}.jpg"
        data = _read(place)
        if data is None:
            data = make_preview(file.read_bytes(), bucket)
            _write(place, data)
        return data if size == bucket else make_preview(data, size)

    def _recall(self, key: tuple[str, int]) -> bytes | None:
        with self._lock:
            if key in self._latest:
                self._latest.move_to_end(key)
            return self._latest.get(key)

    def _remember(self, key: tuple[str, int], data: bytes) -> None:
        with self._lock:
            self._latest[key] = data
            self._held += len(data)
            while self._held > self._memory:
                self._held -= len(self._latest.popitem(last=False)[1])


def previews_in(log: Path) -> Previews:
    """The previews of a log, by its folder: one object for all who ask while one of them holds it."""
    folder = (log / FOLDER).absolute()
    with _sharing:
        found = _shared.get(folder)
        if found is None:
            found = _shared[folder] = Previews(folder)
        return found


def previews_of(file: Path) -> Previews | None:
    """The previews that a picture belongs to, told by its path; ``None`` for a file that lies in no log's store."""
    stored = file.parent.name == file.stem[:2] and file.parent.parent.name == PICTURES and _STEM.fullmatch(file.stem)
    return previews_in(file.parent.parent.parent) if stored else None


def _read(place: Path) -> bytes | None:
    """A preview from the disk, or ``None`` if there is none that is whole."""
    try:
        data = place.read_bytes()
    except OSError:
        return None
    jpeg, check = data[:-_CHECK], data[-_CHECK:]
    return jpeg if jpeg and zlib.crc32(jpeg).to_bytes(_CHECK, "big") == check else None


def _write(place: Path, data: bytes) -> None:
    """Keep a preview on disk; a disk that is full or read-only keeps none."""
    temporary = place.with_name(f".part-{os.getpid()}-{threading.get_ident()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data + zlib.crc32(data).to_bytes(_CHECK, "big"))
        temporary.replace(place)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
