"""The folder of pictures. Each file is named after the hash of its bytes.

A picture is written to a temporary file, synced to the disk, then renamed, so a file with its final name is complete.
The same bytes are stored once.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
import tempfile
import time
from pathlib import Path

from nbkit.errors import NoImage, StorageError
from nbkit.measures.facts import FOUND_DAMAGED, NEUTRAL, SUFFIXES, check_hash

_absolute_folders: dict[str, list[Path]] = {}
"""The absolute folders of this kernel's stores, by the path as given, which is the one in the column ``file``."""

_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}\.[a-z0-9]+")
"""The path of a stored picture below the folder."""

NAME_GLOBS = (f"[0-9a-f][0-9a-f]/{'[0-9a-f]' * 64}.?*", "*.*[^a-z0-9]*")
"""The same for SQLite: a name matches the first of these patterns, and not the second."""

_NOWHERE = ".refused"
"""The name of a file that does not exist. It replaces a name that a log may not have."""

TRASH = "trash"
"""The name of the folder of removed pictures."""

DIGEST = re.compile("[0-9a-f]{64}")
"""The name of a stored picture, without its suffix."""

ABANDONED_SECONDS = 86_400.0
"""Age after which a temporary file is left over from a killed kernel: no write takes that long."""


class ImageStore:
    """Stores pictures under the hash of their bytes.

    Args:
        folder: created before the first send.

    Attributes:
        folder: the absolute path, so that a change of the working directory has no effect.
        given_path: the path as it was given, which frames and messages have.
        trash: the folder beside it of pictures that were removed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.given_path = folder
        self.trash = self.folder.with_name(TRASH)
        folders = _absolute_folders.setdefault(folder.as_posix(), [])
        if self.folder not in folders:
            folders.insert(0, self.folder)
        self._is_cleaned = False
        self._unwritten = 0
        self._stamps: dict[str, str] = {}

    def prepare(self) -> None:
        """Create the folder, so that nothing is paid whose pictures cannot be stored.

        Raises:
            StorageError: if it cannot be created, or is not writable.
        """
        try:
            _make_folder(self.folder)
            if not os.access(self.folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            if self._unwritten:  # a picture found no room: is there room for as much now?
                with tempfile.TemporaryFile(dir=self.folder, prefix=".part-") as file:
                    file.write(bytes(self._unwritten))
                self._unwritten = 0
        except OSError as error:
            raise StorageError(
                f"the picture folder {self.folder} cannot be used: {error.strerror or error}. "
                "Nothing was sent. Studio(path=…) chooses another"
            ) from error
        if not self._is_cleaned:
            self._is_cleaned = True
            self._remove_abandoned()

    def _remove_abandoned(self) -> None:
        """Remove the temporary files of killed kernels."""
        oldest = time.time() - ABANDONED_SECONDS
        for file in self.folder.glob("??/.part-*"):
            with contextlib.suppress(OSError):  # another kernel may remove it at the same time
                if file.stat().st_mtime < oldest:
                    file.unlink()

    def put(self, data: bytes, media_type: str, sha256: str = "") -> str:
        """Store a picture, unless it is stored already.

        Args:
            data: the bytes of the file.
            media_type: such as ``image/jpeg``; determines the suffix.
            sha256: of the bytes; computed if it is empty.

        Returns:
            Its path below the folder, such as ``3f/3fa9….jpg``.

        Raises:
            StorageError: if it cannot be written (a full disk, a read-only folder).
        """
        digest = sha256 or hashlib.sha256(data).hexdigest()
        name = f"{digest[:2]}/{digest}{SUFFIXES.get(media_type, NEUTRAL)}"
        target = self.folder / name
        if self.check(name, self._stamps.get(name)) is not None:
            return name
        try:
            _make_folder(target.parent)
            write_file(target, data, sync=True)
            sync_folder(target.parent)
        except OSError as error:
            self._unwritten = len(data)
            raise StorageError(
                f"the picture cannot be written to {self.given_path}: {error.strerror or error}"
            ) from error
        FOUND_DAMAGED.discard(target)
        self._stamps[name] = _stamp(target) or ""
        return name

    def check(self, name: str, stamp: str | None) -> str | None:
        """Whether a picture's file has the bytes that it is named after. They are read if it may have changed.

        Args:
            name: its path below the folder.
            stamp: its size and time when it was last compared; ``None`` to compare it in any case.

        Returns:
            Its size and time now; ``None`` if it is gone, damaged or cannot be read.
        """
        path = self.path(name)
        now = _stamp(path)
        if now is None:
            with contextlib.suppress(OSError):
                self.take_back(name)  # another picture of the same bytes was removed at the same time
            now = _stamp(path)
        if now is not None and (now != stamp or path in FOUND_DAMAGED):
            try:
                read_picture(path)
            except (OSError, NoImage):
                return None
        if now is not None:
            self._stamps[name] = now
        return now

    def is_unchanged(self, name: str, stamp: str | None, links: dict[str, bool]) -> bool:
        """Whether a picture's file has the size and time of its last comparison: many files are looked at so.

        Args:
            name: its path below the folder.
            stamp: its size and time then; ``None`` if it was never compared.
            links: of the folders that were looked at before, whether they are links; gets this one too.
        """
        if stamp is None or not is_picture_name(name):
            return False
        path = f"{self.folder}/{name}"
        folder = path[: -len(name) + 2]
        if folder not in links:
            links[folder] = Path(folder).is_symlink()
        try:
            facts = os.lstat(path)
        except OSError:
            return False
        is_same = stat.S_ISREG(facts.st_mode) and f"{facts.st_size} {facts.st_mtime_ns}" == stamp
        return is_same and not links[folder] and not (FOUND_DAMAGED and Path(path) in FOUND_DAMAGED)

    def discard(self, name: str) -> bool:
        """Move a picture to the trash. Returns whether it was there to move.

        Raises:
            OSError: if it cannot be moved.
        """
        return self._move(self.path(name), self._in_trash(name))

    def take_back(self, name: str) -> bool:
        """Move a picture back from the trash. Returns whether it is in the folder then.

        Raises:
            OSError: if it cannot be moved.
        """
        return self.path(name).exists() or self._move(self._in_trash(name), self.path(name))

    def _in_trash(self, name: str) -> Path:
        is_safe = is_picture_name(name) and not self.trash.is_symlink()
        return _without_link(self.trash / name) if is_safe else self.trash / _NOWHERE

    def _move(self, source: Path, target: Path) -> bool:
        if _NOWHERE in (source.name, target.name) or not source.is_file():
            return False
        _make_folder(target.parent)
        source.replace(target)
        sync_folder(target.parent)
        sync_folder(source.parent)
        return True

    def stamp(self, name: str) -> str | None:
        """Size and time of a picture's file when this store last wrote or compared it; ``None`` if it has not."""
        return self._stamps.get(name)

    def path(self, name: str) -> Path:
        """The absolute path of a stored picture, given its path below the folder.

        No file is at the path that is returned for another name, or where a link leads out of the folder.
        """
        return _without_link(self.folder / name) if is_picture_name(name) else self.folder / _NOWHERE


def is_picture_name(name: object) -> bool:
    """Whether a name is one that :meth:`ImageStore.put` gives: the path of a file below the folder."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def _without_link(path: Path) -> Path:
    """The path of a stored picture, unless it or its folder is a link: nbkit stores no links."""
    is_link = path.is_symlink() or path.parent.is_symlink()
    return path.with_name(_NOWHERE) if is_link else path


def write_file(target: Path, data: bytes, *, sync: bool) -> None:
    """Write a file under a temporary name and rename it, so that no file with the final name is incomplete.

    Args:
        target: the file, in a folder that exists.
        data: its content.
        sync: whether the content is on the disk before the file gets its name, also after a power cut.

    Raises:
        OSError: if it cannot be written; then nothing is left behind.
    """
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    finally:
        with contextlib.suppress(OSError):  # it is gone if it has been renamed
            Path(temporary).unlink()


def link_of(file: object) -> str:
    """A relative path to a picture, for a page in the notebook's folder; ``""`` if there is none.

    No absolute path gets into a notebook: a log elsewhere on the machine has no links.

    Args:
        file: the value of the column ``file``, or an absolute path.
    """
    path = Path(str(file))
    if path.is_absolute():
        here = Path.cwd()
        path = path.relative_to(here) if path.is_relative_to(here) else Path(_NOWHERE)
    return path.as_posix() if is_picture_name("/".join(path.parts[-2:])) else ""


def file_of(file: object) -> Path:
    """The path of a row's picture, from the column ``file``.

    That column may be relative to the directory in which the log was opened; a later change of the working directory
    has no effect.

    Args:
        file: the value of the column.
    """
    path = Path(str(file))
    if is_picture_name("/".join(path.parts[-2:])):
        path = _without_link(path)
    if path.is_absolute() or len(path.parts) < 3:
        return path
    folders = _absolute_folders.get(path.parent.parent.as_posix(), ())
    candidates = [folder / path.parts[-2] / path.name for folder in folders]
    # A file's name is the hash of its content, so any file that exists is the right one.
    return next(
        (candidate for candidate in map(_without_link, (*candidates, path)) if candidate.exists()),
        candidates[0] if candidates else path,
    )


def read_picture(path: Path) -> bytes:
    """The bytes of a picture; those of a stored one are compared with the hash in its name.

    Raises:
        OSError: if it cannot be read.
        NoImage: if it was damaged, cut or replaced.
    """
    data = path.read_bytes()
    return check_hash(data, path.stem, path) if DIGEST.fullmatch(path.stem) else data


def _stamp(path: Path) -> str | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return f"{facts.st_size} {facts.st_mtime_ns}"


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)  # else a power cut may lose the folder with the synced files in it


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder durable; does nothing on a system that cannot open a folder."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
