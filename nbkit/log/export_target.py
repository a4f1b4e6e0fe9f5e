"""Where an export goes: a new folder, an empty one, or a new ZIP file. It is there when it is whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from nbkit.errors import RequestError, StorageError

PICTURES = "images"
"""The folder of pictures in an export."""

ZIP = ".zip"

Write = Callable[[str, bytes], None]
"""Takes a path inside the export, and what stands there."""


def target_of(path: str | os.PathLike[str]) -> Path:
    """The place that a person means.

    Raises:
        RequestError: if there is something already, or it can be no place; it says what to type.
    """
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise _wrong(f"must be text or a Path, not {type(path).__name__}; 'export' makes a folder", path, "type")
    if not text.strip() or "\0" in text:
        raise _wrong(f"{text!r} names no place; 'export' makes a folder, 'export.zip' one file", path, "format")
    try:
        target = Path(text).expanduser()
    except RuntimeError:
        user = Path(text).parts[0]
        raise _wrong(f"{text}: there is no home folder {user}; type the whole path", path, "value") from None
    if _is_zip(target) and not target.name[: -len(ZIP)].strip("."):
        raise _wrong(f"{text}: type a name before .zip, as in 'export.zip'", path, "format")
    _refuse_taken(target)
    return target


@contextlib.contextmanager
def writing_to(target: Path) -> Iterator[Write]:
    """A function that writes files there. If the block fails, nothing of them is left.

    Args:
        target: as :func:`target_of` gives it.

    Raises:
        StorageError: if it cannot be written.
    """
    try:
        kind = _archive if _is_zip(target) else _into if target.is_dir() else _folder
        if not target.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
        with kind(target) as write:
            yield write
    except OSError as error:
        raise StorageError(f"the export {target} cannot be written: {error.strerror or error}") from error


def _is_zip(target: Path) -> bool:
    return target.name.lower().endswith(ZIP)


def _refuse_taken(target: Path) -> None:
    if not os.path.lexists(target):
        return
    try:
        if not _is_zip(target) and target.is_dir() and not any(target.iterdir()):
            return
    except OSError as error:
        raise StorageError(f"the export {target} cannot be written: {error.strerror or error}") from error
    place = target.resolve() if target.name in ("", "..") else target
    place = place if place.name else place / "export"
    numbered = (place.with_name(f"{place.stem}-{number}{place.suffix}") for number in range(2, 10_000))
    free = next((name for name in numbered if not os.path.lexists(name)), place.parent / "another-name")
    kind = "is not empty" if target.is_dir() else "is there already"
    raise _wrong(f"{target} {kind}, and an export replaces nothing; {free} is free", path=target, suggestion=str(free))


def _wrong(why: str, path: object, reason: str = "conflict", suggestion: str | None = None) -> RequestError:
    return RequestError(f"path: {why}", parameter="path", value=str(path), reason=reason, suggestion=suggestion)


def _beside(target: Path) -> Path:
    return target / f".part-{secrets.token_hex(8)}"


def _writer(folder: Path) -> Write:
    def write(name: str, data: bytes) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)

    return write


@contextlib.contextmanager
def _folder(target: Path) -> Iterator[Write]:
    made = _beside(target.parent)
    made.mkdir()  # with the rights that the umask leaves; a temporary folder would be closed to others
    try:
        yield _writer(made)
        made.rename(target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


@contextlib.contextmanager
def _into(target: Path) -> Iterator[Write]:
    """Into a folder that is there and stays what it is: perhaps a link, or where the kernel is."""
    made = _beside(target)
    moved: list[Path] = []
    made.mkdir()
    try:
        yield _writer(made)
        for one in sorted(made.iterdir()):
            moved.append(target / one.name)
            one.rename(moved[-1])
        made.rmdir()
    except BaseException:
        for one in (made, *moved):
            shutil.rmtree(one, ignore_errors=True)
            with contextlib.suppress(OSError):
                one.unlink()
        raise


@contextlib.contextmanager
def _archive(target: Path) -> Iterator[Write]:
    made = _beside(target.parent)
    try:
        with made.open("xb") as file, zipfile.ZipFile(file, "w") as archive:
            # What JPEG, PNG and WEBP hold is packed already. One folder, so that unpacking makes no mess.
            yield lambda name, data: archive.writestr(
                f"{target.stem}/{name}",
                data,
                zipfile.ZIP_STORED if name.startswith(f"{PICTURES}/") else zipfile.ZIP_DEFLATED,
            )
        made.replace(target)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
