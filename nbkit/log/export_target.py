"""The target of an export: a new folder, an empty one, or a new ZIP file. It is written completely or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from nbkit.errors import RequestError, StorageError

EXPORT_PICTURES = "images"
"""The folder of pictures in an export."""

ZIP = ".zip"

Write = Callable[[str, bytes], None]
"""Writes one file; called with its path in the export and its bytes."""


def target_of(path: str | os.PathLike[str]) -> Path:
    """The validated path of an export.

    Args:
        path: as the user gave it; ``~`` is expanded.

    Raises:
        RequestError: if it exists already or is not a valid path. The message contains what to type instead.
        StorageError: if it cannot be read.
    """
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise _path_error(f"must be text or a Path, not {type(path).__name__}; 'export' makes a folder", path, "type")
    if not text.strip() or "\0" in text:
        raise _path_error(f"{text!r} is no path; 'export' makes a folder, 'export.zip' one file", path, "format")
    try:
        target = Path(text).expanduser()
    except RuntimeError:
        user = Path(text).parts[0]
        raise _path_error(f"{text}: there is no home folder {user}; type the whole path", path, "value") from None
    if _is_zip(target) and not target.name[: -len(ZIP)].strip("."):
        raise _path_error(f"{text}: type a name before .zip, as in 'export.zip'", path, "format")
    _check_free(target)
    return target


@contextlib.contextmanager
def writing_to(target: Path) -> Iterator[Write]:
    """A context whose value writes the files of an export. If the block raises, all of them are removed.

    Args:
        target: as :func:`target_of` returns it.

    Raises:
        StorageError: if it cannot be written.
    """
    try:
        writing = _new_zip if _is_zip(target) else _existing_folder if target.is_dir() else _new_folder
        if not target.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
        with writing(target) as write:
            yield write
    except OSError as error:
        raise StorageError(f"the export {target} cannot be written: {error.strerror or error}") from error


def _is_zip(target: Path) -> bool:
    return target.name.lower().endswith(ZIP)


def _check_free(target: Path) -> None:
    if not os.path.lexists(target):
        return
    try:
        if not _is_zip(target) and target.is_dir() and not any(target.iterdir()):
            return
    except OSError as error:
        raise StorageError(f"the export {target} cannot be written: {error.strerror or error}") from error
    named = target.resolve() if target.name in ("", "..") else target
    named = named if named.name else named / "export"
    numbered = (named.with_name(f"{named.stem}-{number}{named.suffix}") for number in range(2, 10_000))
    free = next((path for path in numbered if not os.path.lexists(path)), named.parent / "another-name")
    problem = "is not empty" if target.is_dir() else "is there already"
    raise _path_error(
        f"{target} {problem}, and an export replaces nothing; {free} is free", path=target, suggestion=str(free)
    )


def _path_error(problem: str, path: object, reason: str = "conflict", suggestion: str | None = None) -> RequestError:
    return RequestError(f"path: {problem}", parameter="path", value=str(path), reason=reason, suggestion=suggestion)


def _temporary_path(folder: Path) -> Path:
    return folder / f".part-{secrets.token_hex(8)}"


def _writer(folder: Path) -> Write:
    def write(name: str, data: bytes) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)

    return write


@contextlib.contextmanager
def _new_folder(target: Path) -> Iterator[Write]:
    temporary = _temporary_path(target.parent)
    temporary.mkdir()  # with the permissions of the umask; a folder of tempfile would be closed to other users
    try:
        yield _writer(temporary)
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


@contextlib.contextmanager
def _existing_folder(target: Path) -> Iterator[Write]:
    """Write into an existing empty folder. It is not replaced: it may be a link, or the kernel's working directory."""
    temporary = _temporary_path(target)
    renamed: list[Path] = []
    temporary.mkdir()
    try:
        yield _writer(temporary)
        for item in sorted(temporary.iterdir()):
            renamed.append(target / item.name)
            item.rename(renamed[-1])
        temporary.rmdir()
    except BaseException:
        for item in (temporary, *renamed):
            shutil.rmtree(item, ignore_errors=True)
            with contextlib.suppress(OSError):
                item.unlink()
        raise


@contextlib.contextmanager
def _new_zip(target: Path) -> Iterator[Write]:
    temporary = _temporary_path(target.parent)
    try:
        with temporary.open("xb") as file, zipfile.ZipFile(file, "w") as archive:
            # Pictures are stored, because their formats are compressed already. Everything is in one folder, so that
            # unpacking creates only that one.
            yield lambda name, data: archive.writestr(
                f"{target.stem}/{name}",
                data,
                zipfile.ZIP_STORED if name.startswith(f"{EXPORT_PICTURES}/") else zipfile.ZIP_DEFLATED,
            )
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
