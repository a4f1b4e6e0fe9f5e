"""The folder of pictures, each under the hash of its bytes.

A picture is written under a temporary name, synced to the disk, then renamed: a file that exists is whole.
The same bytes are kept once, however often they come.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
import time
from pathlib import Path

from nbkit.errors import StorageError
from nbkit.measures.facts import SUFFIXES

_folders: dict[str, list[Path]] = {}
"""Where the stores of this kernel are, by their folder as it was given: a frame has that one."""

ABANDONED = 86_400.0
"""Seconds after which nobody is still writing a temporary file."""


class ImageStore:
    """Pictures by content hash.

    Args:
        folder: made before the first send. Kept as an absolute path, so that a change of the working
            directory moves nothing; ``shown`` is the path as it was given, for people and notebooks.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.shown = folder
        places = _folders.setdefault(folder.as_posix(), [])
        if self.folder not in places:
            places.insert(0, self.folder)
        self._swept = False

    def prepare(self) -> None:
        """Make the folder, before anything is paid that goes into it.

        Raises:
            StorageError: if it cannot be made or written.
        """
        try:
            _make_folder(self.folder)
            if not os.access(self.folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise StorageError(
                f"the picture folder {self.folder} cannot be used: {error.strerror or error}. "
                "Nothing was sent. Studio(path=…) chooses another"
            ) from error
        if not self._swept:
            self._swept = True
            self._sweep()

    def _sweep(self) -> None:
        """Remove what kernels that were killed left half written."""
        too_old = time.time() - ABANDONED
        for file in self.folder.glob("??/.part-*"):
            with contextlib.suppress(OSError):  # another kernel sweeps too
                if file.stat().st_mtime < too_old:
                    file.unlink()

    def put(self, data: bytes, media_type: str, sha256: str = "") -> str:
        """Store a picture; returns its path below the folder, such as ``3f/3fa9….jpg``.

        Raises:
            StorageError: if it cannot be written (a full disk, a read-only folder).
        """
        digest = sha256 or hashlib.sha256(data).hexdigest()
        name = f"{digest[:2]}/{digest}{SUFFIXES.get(media_type, '.bin')}"
        target = self.folder / name
        if target.exists() and target.stat().st_size == len(data):
            return name
        try:
            self._write(target, data)
        except OSError as error:
            raise StorageError(
                f"the picture cannot be written to {target.parent}: {error.strerror or error}"
            ) from error
        return name

    def path(self, name: str) -> Path:
        """The file of a stored picture."""
        return self.folder / name

    def _write(self, target: Path, data: bytes) -> None:
        _make_folder(target.parent)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
        _sync_folder(target.parent)


def file_of(file: object) -> Path:
    """Where the picture of a row is, by its ``file``.

    That may be relative, to where the kernel was when the log was opened; a change of the working directory
    since then changes nothing.
    """
    path = Path(str(file))
    if path.is_absolute() or len(path.parts) < 3:
        return path
    places = [place / path.parts[-2] / path.name for place in _folders.get(path.parent.parent.as_posix(), ())]
    # A name is the hash of its content: whichever is there is the one.
    return next((place for place in (*places, path) if place.exists()), places[0] if places else path)


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        _sync_folder(folder.parent)  # a power cut must not take the folder with all that was synced inside it


def _sync_folder(folder: Path) -> None:
    # The rename itself has to reach the disk too; not every system lets a folder be opened for that.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
