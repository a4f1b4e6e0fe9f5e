"""``nbkit.read``: the settings in a picture's file."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from nbkit.display.figure import no_mathjax
from nbkit.display.table import Section, table_html
from nbkit.display.text import ellipsis
from nbkit.errors import RequestError
from nbkit.metadata.embedding import NBKIT, SIDECAR, find_settings, read_sidecar
from nbkit.metadata.parts import MAX_BYTES, MetadataInvalid
from nbkit.metadata.record import SettingsRecord
from nbkit.request.image_request import PARAMETERS, UNKNOWN_PROMPT, ImageRequest, given_values
from nbkit.request.parameter import Address, type_in_words
from nbkit.request.profile import PROFILES

_MAX_HASHED = 256 * 1024 * 1024
"""Bytes of a file that is compared with the hash in the file beside it."""

_HIDDEN = ("file",)
_ALWAYS = ("seed", "model", "cost", "taskUUID", "imageUUID", "parent", "sweep", "created")
"""The facts that settings of nbkit always name."""


class PictureSettings:
    """How a picture was made, as its file says; :func:`nbkit.read` returns it. As the last line of a cell it shows itself.

    Attributes:
        request: the :class:`~nbkit.ImageRequest`; ``None`` where the file has none that this nbkit allows. Reference images
            are known by their hash, and addresses have to be given again before they are called.
        facts: what is known of the picture, by column: ``seed``, ``model``, ``cost``, ``taskUUID``, ``imageUUID``,
            ``parent``, ``sweep`` and ``created`` (in UTC), in settings of nbkit each ``None`` where it is not known; others
            are there only where they are known. ``sha256`` is that of the picture without settings.
        source: ``"nbkit"``; ``"a1111"`` for the text of another program, which claims what it likes.
        left_out: what the file says and :attr:`request` does not, as sentences.

    Example:
        >>> import tempfile, nbkit
        >>> image = nbkit.Studio(engine="offline").generate("A paper lantern", seed=7).image
        >>> found = nbkit.read(image.save(f"{tempfile.mkdtemp()}/lantern.jpg", metadata=True))
        >>> found
        <PictureSettings of nbkit: 'A paper lantern', seed 7, google:4@3>
        >>> found.facts["sha256"] == image.sha256
        True
    """

    def __init__(self, record: SettingsRecord, source: str, name: str) -> None:
        self.request: ImageRequest | None = record.request
        known = {key: value for key, value in record.facts.items() if key not in _HIDDEN}
        self.facts: dict[str, Any] = {**dict.fromkeys(_ALWAYS if source == NBKIT else ()), **known}
        self.source, self.left_out, self._name = source, tuple(dict.fromkeys(record.left_out)), name

    @property
    def is_own(self) -> bool:
        """Whether nbkit wrote it, as the file says."""
        return self.source == NBKIT

    def __repr__(self) -> str:
        prompt = [] if self.request is None else [repr(ellipsis(self.request.prompt, 60))]
        seed = [] if self.facts.get("seed") is None else [f"seed {self.facts['seed']}"]
        model = [] if self.facts.get("model") is None else [ellipsis(str(self.facts["model"]), 40)]
        whose = self.source if self.is_own else f"another program ({self.source})"
        return f"<PictureSettings of {whose}: {', '.join([*prompt, *seed, *model]) or 'no request'}>"

    def _repr_html_(self) -> str:
        rows = (
            []
            if self.request is None
            else [(PARAMETERS[n].title, _shown(v)) for n, v in given_values(self.request).items()]
        )
        rows += [(name, _shown(value)) for name, value in self.facts.items() if value is not None]
        whose = "Settings" if self.is_own else f"What another program ({self.source}) claims of the picture, unchecked,"
        foot = "; ".join(self.left_out)
        caption = f"{whose} in {ellipsis(self._name, 60)}"
        return no_mathjax(table_html(("setting", "value"), [Section(rows)], caption=caption, foot=ellipsis(foot, 400)))


def usable(found: PictureSettings) -> tuple[ImageRequest | None, list[str]]:
    """The request that makes a picture again, and a sentence on whatever of it is left out.

    A seed that the service drew is the picture's own, and so is a model that was the studio's. What has to be given again before it is sent is left out.
    """
    request, left_out = found.request, list(found.left_out)
    if request is None:
        return None, left_out
    if request.prompt == UNKNOWN_PROMPT:
        return None, ["The picture was adopted without its settings.", *left_out]
    if request.seed is None and found.facts.get("seed") is not None:
        request = request.replace(seed=found.facts["seed"])
    model = found.facts.get("model") if found.is_own and request.model is None else None
    if model in PROFILES:
        with contextlib.suppress(RequestError):  # of a file that was put together
            request = request.replace(model=model)
    elif model is not None:
        left_out.append(f"the model {ellipsis(model, 60)} is none that this nbkit knows")
    for name in request.lacking:
        whole = [one for one in request.reference_images or () if not one.is_cut]
        change: dict[str, Any] = {name: (whole or None) if name == "reference_images" else None}
        is_address = isinstance(PARAMETERS[name].kind, Address) if name in PARAMETERS else False
        why = (
            "an address in a file is not called; type it again" if is_address else "its credentials are not in the file"
        )
        left_out.append(f"{name} was left out: {why}")
        request = request.replace(**change)
    return request, left_out


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def read(path: str | os.PathLike[str] | bytes) -> PictureSettings:
    """The settings in a picture's file, or in the file ``lantern.jpg.xmp`` beside it.

    ``image.save(path, metadata=True)`` writes them. The text that programs for Stable Diffusion write is read too, and
    marked as theirs. What a file says is shown and never believed: nothing in it is run, called or paid for.

    Args:
        path: of a JPG, PNG or WEBP, or its bytes. Of a file only its metadata is read.

    Returns:
        A :class:`~nbkit.metadata.reading.PictureSettings` with ``.request``, ``.facts`` and ``.source``.

    Raises:
        RequestError: if the file cannot be read, is no such picture, has no settings, or has some that cannot be used.

    Example:
        >>> import tempfile, nbkit
        >>> image = nbkit.Studio(engine="offline").generate("A paper lantern", seed=7, temperature=0.72).image
        >>> file = image.save(f"{tempfile.mkdtemp()}/lantern.png", metadata=True)
        >>> found = nbkit.read(file)
        >>> found.request, found.facts["cost"], found.source
        (ImageRequest(prompt='A paper lantern', seed=7, temperature=0.72), 0.06895, 'nbkit')
    """
    if isinstance(path, (bytes, bytearray, memoryview)):
        return _settings_in(io.BytesIO(path), "the picture", None)
    file = _path(path)
    with closing(_opened(file)) as stream:
        return _settings_in(stream, file.name, file.with_name(file.name + SIDECAR))


def _settings_in(stream: BinaryIO, name: str, sidecar: Path | None) -> PictureSettings:
    try:
        found, problem = find_settings(stream), None
    except MetadataInvalid as error:
        found, problem = None, error
    except OSError as error:
        raise _error(f"{name} cannot be read: {error.strerror or error}", name, "format") from None
    if found is not None:
        source, record = found
        return PictureSettings(record, source, name)
    if sidecar is not None and os.path.lexists(sidecar):
        return PictureSettings(_beside(stream, name, sidecar), NBKIT, sidecar.name)
    if problem is not None:
        raise _error(f"{name} has no settings that can be used: {problem}", name, "format")
    message = (
        f"{name} has no settings in it; image.save(path, metadata=True) writes them, and many programs remove them"
    )
    raise _error(message, name, "missing")


def _beside(stream: BinaryIO, name: str, sidecar: Path) -> SettingsRecord:
    with closing(_opened(sidecar)) as file:
        data = file.read(MAX_BYTES + 1)
    try:
        record = read_sidecar(data)
    except MetadataInvalid as error:
        raise _error(f"{sidecar.name} has no settings that can be used: {error}", name, "format") from None
    size = stream.seek(0, 2)
    stream.seek(0)
    is_its = size <= _MAX_HASHED and hashlib.sha256(stream.read()).hexdigest() == record.facts.get("file")
    if not is_its:
        raise _error(f"{name} has no settings in it, and {sidecar.name} is of another picture", name, "missing")
    return record


def _path(path: Any) -> Path:
    try:
        return Path(os.fsdecode(path)).expanduser()
    except (TypeError, ValueError, RuntimeError):
        message = f"must be the path of a picture, as in nbkit.read('lantern.jpg'), got {type_in_words(path)}"
        raise _error(message, path, "type") from None


def _opened(file: Path) -> BinaryIO:
    """An ordinary file, opened; a device or a pipe might never end."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise _error(f"{file.name or file} is no file; nbkit.read takes one picture", str(file), "format")
        return file.open("rb")
    except (OSError, ValueError) as error:
        if isinstance(error, RequestError):
            raise
        why = getattr(error, "strerror", None) or error
        raise _error(f"{file} cannot be read: {why}", str(file), "missing") from None


def _error(problem: str, value: object, reason: str) -> RequestError:
    return RequestError(f"path: {problem}", parameter="path", value=value, reason=reason)
