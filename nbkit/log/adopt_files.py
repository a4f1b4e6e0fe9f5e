"""The files of an export, a backup or a folder of pictures that somebody else made, as bytes of a bounded size.

Nothing is unpacked: a file is read by its name inside the folder or the ZIP file, and only a regular file that really is
there. A link, a device, a name that leads outside, two files of one name and a file that unpacks to far more than it is are
refused.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from nbkit.errors import NbkitError, RequestError
from nbkit.log.export import path_error
from nbkit.request.parameter import type_in_words
from nbkit.service.download import MAX_PICTURE_BYTES

MAX_FILES = 200_000
"""Files of a folder or a ZIP file that are looked at."""

_MAX_DEPTH = 8
"""Folders inside each other that are looked into."""

_MAX_RATIO = 100
"""How much larger than in its ZIP file a file may be; a manifest is twenty times as large, and a picture the same."""

_SMALL = 1_000_000
"""A file of so many bytes may be any number of times larger than in its ZIP file."""

_CHUNK = 1 << 20


class UnfitFile(NbkitError):
    """A file of somebody else is not there, is no regular file, or is too large. Other files are read all the same."""


class ForeignFiles(Protocol):
    """The files of a folder or of a ZIP file, by their paths inside it."""

    name: str

    def __contains__(self, name: object) -> bool: ...

    def names(self) -> Iterator[str]:
        """The paths of all regular files that are not hidden, in order."""

    def changed(self, name: str) -> float | None:
        """When a file was last changed, in seconds since 1970; ``None`` where that is not known."""

    def open(self, name: str, limit: int) -> contextlib.AbstractContextManager[IO[bytes]]:
        """A context with the file, which has at most ``limit`` bytes.

        Raises:
            UnfitFile: if it cannot be read, or has more.
        """


def read_file(files: ForeignFiles, name: str, limit: int = MAX_PICTURE_BYTES) -> bytes:
    """The bytes of a file.

    Args:
        files: that it is one of.
        name: its path.
        limit: a longer one is refused.

    Raises:
        UnfitFile: if it cannot be read, or is longer.
    """
    with _reading(name), files.open(name, limit) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise UnfitFile(f"{name} has more than {limit:,} bytes")
    return data


def copy_file(files: ForeignFiles, name: str, target: Path, limit: int) -> None:
    """Copy a file piece by piece; the arguments are those of :func:`read_file`."""
    written = 0
    with _reading(name), files.open(name, limit) as file, target.open("wb") as copy:
        while piece := file.read(_CHUNK):
            written += len(piece)
            if written > limit:
                raise UnfitFile(f"{name} has more than {limit:,} bytes")
            copy.write(piece)


@contextlib.contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise UnfitFile(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def path_to_adopt(path: object) -> Path:
    """The path of what is to be adopted, which is there.

    Raises:
        RequestError: if it is no path, or nothing is there.
    """
    if not isinstance(path, (str, os.PathLike)):
        problem = f"must be text or a Path, such as 'their-export.zip', got {type_in_words(path)}"
        raise path_error(problem, path, "type")
    try:
        found = Path(os.fsdecode(path)).expanduser()
        if found.is_dir() or found.is_file():
            return found
    except (RuntimeError, ValueError, OSError):  # no home folder, a NUL in it, or too long
        found = Path(os.fsdecode(path))
    what = "is neither a file nor a folder" if os.path.lexists(found) else "is not there"
    raise path_error(
        f"{str(found)!r} {what}; type the path of an export, a log or a folder of pictures", path, "missing"
    )


class FolderFiles:
    """The files of a folder. The folder itself may be reached by a link; nothing in it may be one.

    Args:
        folder: where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, str(folder)

    def __contains__(self, name: object) -> bool:
        with contextlib.suppress(UnfitFile):
            self._path(str(name))
            return True
        return False

    def names(self) -> Iterator[str]:
        found = 0
        waiting: list[tuple[str, int]] = [("", 0)]
        while waiting:
            inside, depth = waiting.pop()
            for entry in _entries(self.folder / inside):
                name = f"{inside}{entry.name}"
                if entry.name.startswith(".") or "\\" in name:
                    continue
                if entry.is_dir(follow_symlinks=False) and depth < _MAX_DEPTH:
                    waiting.append((f"{name}/", depth + 1))
                elif entry.is_file(follow_symlinks=False):
                    found += 1
                    _check_number(found, self.name)
                    yield name

    def changed(self, name: str) -> float | None:
        return self._path(name).stat().st_mtime

    @contextlib.contextmanager
    def open(self, name: str, limit: int) -> Iterator[IO[bytes]]:
        path = self._path(name)
        no_link = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, os.O_RDONLY | no_link), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise UnfitFile(f"{name} has {size:,} bytes, and {limit:,} at most are read")
            yield file

    def _path(self, name: str) -> Path:
        """The path of a regular file inside the folder, to which no link leads."""
        if not _is_inside(name):
            raise UnfitFile(f"{name!r} is no file inside {self.name}")
        path = self.folder
        try:
            for part in name.split("/")[:-1]:
                path /= part
                if not stat.S_ISDIR(path.lstat().st_mode):
                    raise UnfitFile(f"{name!r} is no file inside {self.name}")
            path = self.folder / name
            if stat.S_ISREG(path.lstat().st_mode):
                return path
        except (OSError, ValueError):
            pass
        raise UnfitFile(f"{name!r} is not there, or no regular file")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, by name; nothing for one that cannot be read."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)
    return []


class ZipFiles:
    """The files of a ZIP file; an export has all of them in one folder, which is left out of their paths.

    Args:
        file: where they are.
        marks: names of files, of which one stands in that folder.

    Raises:
        RequestError: if the file is none that a ZIP program makes, or is made to do harm.
    """

    def __init__(self, file: Path, marks: Callable[[str], bool]) -> None:
        self.name = str(file)
        try:
            self._archive = zipfile.ZipFile(file)
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise path_error(f"{file} is no whole ZIP file: {error}", file, "format") from None
        members = [member for member in self._archive.infolist() if not member.is_dir()]
        _check_number(len(members), self.name)
        problem = next(filter(None, map(_problem_of, members)), "") or _problem_together(members, file.stat().st_size)
        if problem:
            self._archive.close()
            raise path_error(f"{file} is not read: {problem}. No export and no backup has that", file, "format")
        found = [PurePosixPath(member.filename) for member in members if marks(PurePosixPath(member.filename).name)]
        top = min(found, key=lambda path: len(path.parts)).parent if found else PurePosixPath()
        prefix = "" if top == PurePosixPath() else f"{top}/"
        self._members = {
            member.filename.removeprefix(prefix): member for member in members if member.filename.startswith(prefix)
        }

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def names(self) -> Iterator[str]:
        return (name for name in sorted(self._members) if not any(part[:1] in "._" for part in name.split("/")))

    def changed(self, name: str) -> float | None:
        with contextlib.suppress(ValueError, OverflowError):
            return time.mktime((*self._members[name].date_time, 0, 0, -1))
        return None

    @contextlib.contextmanager
    def open(self, name: str, limit: int) -> Iterator[IO[bytes]]:
        if name not in self._members:
            raise UnfitFile(f"{name!r} is not there")
        member = self._members[name]
        if member.file_size > limit:
            raise UnfitFile(f"{name} has {member.file_size:,} bytes, and {limit:,} at most are read")
        with self._archive.open(member) as file:
            yield file

    def close(self) -> None:
        """Close the file."""
        self._archive.close()


def _check_number(number: int, name: str) -> None:
    if number > MAX_FILES:
        raise RequestError(
            f"path: {name} has more than {MAX_FILES:,} files; adopt its folders one by one",
            parameter="path",
            value=name,
            reason="count",
        )


def _problem_of(member: zipfile.ZipInfo) -> str:
    """What is wrong with a file of a ZIP file; ``""`` if nothing is."""
    shown = f"its file {member.filename[:80]!r}"
    if not _is_inside(member.filename):
        return f"{shown} would be outside of its folder"
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        return f"{shown} is a link, or no regular file"
    if member.flag_bits & 1:
        return f"{shown} is encrypted"
    if member.file_size > _SMALL and member.file_size > _MAX_RATIO * member.compress_size:
        return f"{shown} would be {member.file_size:,} bytes, of {member.compress_size:,}"
    return ""


def _problem_together(members: list[zipfile.ZipInfo], size: int) -> str:
    names = {member.filename for member in members}
    if len(names) < len(members):
        return "two of its files have one name"
    if sum(member.compress_size for member in members) > size:
        return "its files lie upon each other"
    return ""


def _is_inside(name: str) -> bool:
    """Whether a path leads to a file inside a folder, on every system."""
    parts = name.split("/")
    return not any(part in ("", ".", "..") for part in parts) and not _SPECIAL & set(name)


_SPECIAL = set("\\\0:" if os.name == "nt" else "\\\0")
"""Letters that lead out of a folder, or that no name of a file has."""
