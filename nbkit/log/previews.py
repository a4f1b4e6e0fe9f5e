"""A cache of small JPEGs of the stored pictures: in memory, and on disk in a folder beside the pictures.

The folder can be deleted at any time; its previews are then made again. If it cannot be written, only memory is used.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
import zlib
from collections import OrderedDict
from pathlib import Path

from nbkit.log.images import DIGEST, read_picture, write_file
from nbkit.measures.preview import make_preview

STORED_SIZES = (128, 256, 384, 768, 1536)
"""Pixels on the long side of the previews on disk; a size between two of them is made from the larger one."""

MAX_MEMORY_BYTES = 32_000_000
"""Limit of the cache in memory: more than a thousand previews of 384 pixels."""

PICTURES, FOLDER = "images", "previews"
"""Names of the folders of a log: the pictures, and the previews beside them."""

_CHECKSUM_BYTES = 4  # after the end of the JPEG, where programs that show it ignore them
_LOCK_COUNT = 32

_instances: weakref.WeakValueDictionary[Path, Previews] = weakref.WeakValueDictionary()
_instances_lock = threading.Lock()


class Previews:
    """The previews of one store. Threads may share an instance; kernels may share its folder.

    Args:
        folder: of the previews on disk; created with the first one.
        max_bytes: limit of the cache in memory, in bytes; 0 turns it off.

    Attributes:
        folder: the absolute path.
    """

    def __init__(self, folder: Path, max_bytes: int = MAX_MEMORY_BYTES) -> None:
        self.folder = folder.absolute()
        self._max_bytes, self._cached_bytes = max_bytes, 0
        self._cache: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._lock = threading.Lock()
        # Chosen by the picture, so that only one thread decodes it.
        self._file_locks = tuple(threading.Lock() for _ in range(_LOCK_COUNT))

    def get(self, file: Path, size: int) -> bytes:
        """A JPEG of a stored picture, at most ``size`` pixels on the long side.

        Args:
            file: the picture; its name is the hash of its content.
            size: in pixels; a smaller picture is not enlarged.

        Raises:
            OSError: if the file does not exist, or cannot be read.
            NoImage: if it was damaged, or cannot be decoded.
        """
        changed = file.stat().st_mtime_ns  # raises for a deleted picture, whose preview may still exist
        key = (file.stem, size, changed)
        with self._file_locks[hash(file.stem) % _LOCK_COUNT]:
            data = self._cache.get(key)
            if data is None:
                data = self._load(file, size, changed)
            self._keep(key, data)
        return data

    def _load(self, file: Path, size: int, changed: int) -> bytes:
        stored_size = next((stored_size for stored_size in STORED_SIZES if stored_size >= size), None)
        if stored_size is None:
            return make_preview(read_picture(file), size)
        path = self.folder / file.stem[:2] / f"{file.stem}-{stored_size}.jpg"
        data = _read(path, changed)
        if data is None:
            data = make_preview(read_picture(file), stored_size)
            _write(path, data)
        return data if size == stored_size else make_preview(data, size)

    def _keep(self, key: tuple[str, int, int], data: bytes) -> None:
        """Put a preview into the cache, or move it there to the end, as the one that was used last."""
        with self._lock:
            self._cached_bytes += len(data) - len(self._cache.pop(key, b""))
            self._cache[key] = data
            while self._cached_bytes > self._max_bytes:
                self._cached_bytes -= len(self._cache.popitem(last=False)[1])


def previews_in(log: Path) -> Previews:
    """The previews of a log, by its folder: one shared instance as long as it is referenced anywhere."""
    folder = (log / FOLDER).absolute()
    with _instances_lock:
        return _instances.setdefault(folder, Previews(folder))


def previews_of(file: Path) -> Previews | None:
    """The previews of the log that a picture belongs to, by its path; ``None`` for a file outside a log's store."""
    pictures = file.parent.parent
    is_stored = file.parent.name == file.stem[:2] and pictures.name == PICTURES and DIGEST.fullmatch(file.stem)
    return previews_in(pictures.parent) if is_stored else None


def _read(path: Path, changed: int) -> bytes | None:
    """A preview from the disk; ``None`` if there is none, its checksum is wrong, or its picture has changed since."""
    try:
        if path.stat().st_mtime_ns < changed:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    jpeg, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    return jpeg if jpeg and zlib.crc32(jpeg).to_bytes(_CHECKSUM_BYTES, "big") == checksum else None


def _write(path: Path, data: bytes) -> None:
    """Write a preview to the disk; a full or read-only disk is ignored."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, data + zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "big"), sync=False)
