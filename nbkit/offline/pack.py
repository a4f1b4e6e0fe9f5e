"""A pack: recorded requests with their pictures in one file, which :class:`~nbkit.Offline` answers from.

The file is a ZIP with the suffix ``.nbpack``: ``manifest.json`` has an entry for each recorded request, and ``pictures/``
the files of its results, named after the hash of their bytes. An entry has the task without its UUID and without
addresses, the identity of the request, what came back, and where and when it was recorded. Reference images are hashes.
No key and no address is in a pack, and no metadata is in its pictures but where an offline picture has its footer.

A pack may come from anybody. Every size is bounded, a value of another kind refuses the whole pack, the identity of an
entry is computed from its task and never believed, and the bytes of a picture are compared with their hash when they are
read, which happens only when they are asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from nbkit.display.text import count
from nbkit.errors import RequestError
from nbkit.log.adopt_files import UnfitFile, ZipFiles, read_file
from nbkit.measures.facts import NEUTRAL, SUFFIXES
from nbkit.offline.envelope import Problem
from nbkit.offline.validation import check_image_task
from nbkit.request.formats import recognise
from nbkit.request.image_request import MAX_RESULTS, PARAMETERS, ImageRequest
from nbkit.request.parameter import MAX_INTEGER, short_repr, type_in_words
from nbkit.request.price import MICRO
from nbkit.request.reference import MEDIA_TYPES, missing_reference
from nbkit.service.response import micros

FORMAT, VERSION = "nbkit pack", 1
"""The keys ``format`` and ``version`` of a manifest."""

MANIFEST, PICTURES = "manifest.json", "pictures"
"""The names of the manifest and of the folder of pictures in the ZIP file."""

SUFFIX = ".nbpack"
"""The end of a pack's file name."""

MAX_MANIFEST_BYTES = 64 * 2**20
"""A recorded request takes about one kilobyte."""

MAX_ENTRIES = 20_000
"""Recorded requests of one pack."""

MAX_COST = 1_000 * MICRO
"""Micro-dollars of one picture; the largest price of the family is a thousandth of it."""

MAX_MESSAGE = 2_000
"""Characters of a recorded refusal."""

REFUSAL = "invalidProviderContent"
"""The error code of a refusal by the safety filter, as replayed."""

_DIGEST = re.compile("[0-9a-f]{64}")
_ENGINES = ("runware", "offline", "server")


@dataclass(frozen=True, slots=True)
class RecordedPicture:
    """One result of a recorded request.

    Attributes:
        sha256: of the bytes of its file in the pack.
        media_type: such as ``image/jpeg``.
        seed: that the service reported, or ``None``.
        cost: micro-dollars, or ``None`` where the answer had none.
        nsfw: the outcome of the safety check, or ``None`` without one.
        image_uuid: that the service gave it; a replay has one of its own.
    """

    sha256: str
    media_type: str
    seed: int | None = None
    cost: int | None = None
    nsfw: bool | None = None
    image_uuid: str = ""

    @property
    def file(self) -> str:
        """The name of its file in the pack."""
        return f"{PICTURES}/{self.sha256}{SUFFIXES.get(self.media_type, NEUTRAL)}"


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded request and what came back.

    Attributes:
        request: the :class:`~nbkit.ImageRequest`; its reference images are known by their hash.
        identity: of the request, computed from its task.
        pictures: its results; none if it was refused.
        refusal: what the safety filter said, or ``None``.
        date: when it was recorded, in UTC.
        engine: ``runware``, ``offline``, or ``server`` for any address.
        claimed: the identity that the manifest has.
    """

    request: ImageRequest
    identity: str
    pictures: tuple[RecordedPicture, ...]
    refusal: str | None
    date: datetime
    engine: str
    claimed: str

    @property
    def theme(self) -> tuple[Any, ...]:
        """Prompt, model and reference images, which a nearest recording has in common with what is asked for."""
        return theme_of(self.request)


def theme_of(request: ImageRequest) -> tuple[Any, ...]:
    """Prompt, model and reference images of a request, for comparison."""
    references = tuple(reference.sha256 for reference in request.reference_images or ())
    return " ".join(request.prompt.split()), request.profile.identifier, references


class Pack:
    """A pack, opened for reading; its pictures are read when they are asked for.

    Args:
        path: of the file.

    Attributes:
        path: of the file.
        entries: the recorded requests, in the order in which they were made.

    Raises:
        RequestError: if the file is no pack that can be read.

    Example:
        >>> import nbkit
        >>> from nbkit.offline.pack import Pack
        >>> from nbkit.offline.pack_file import pack_log
        >>> studio = nbkit.Studio(engine="offline", path="lesson")
        >>> run = studio.generate("A paper lantern", seed=7, resolution="0.5K")
        >>> packed = pack_log(studio.log, "lesson.nbpack")
        >>> pack = Pack("lesson.nbpack")
        >>> pack
        <Pack lesson.nbpack: 1 recorded request, 1 picture>
        >>> pack.entries[0].identity == run.request.identity
        True
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        given: object = path
        if not isinstance(given, (str, os.PathLike)):
            problem = f"must be the path of a file that ends in {SUFFIX}, got {type_in_words(path)}"
            raise _unreadable(problem, path, "type")
        self.path = Path(os.fsdecode(path)).expanduser()
        try:
            is_file = self.path.is_file()
        except (OSError, ValueError):
            is_file = False
        if not is_file:
            raise _unreadable(f"there is no file {str(path)!r}; type the path of a pack", path, "missing")
        try:
            self._files = ZipFiles(self.path, lambda name: name == MANIFEST)
        except RequestError as error:
            problem = str(error).removeprefix("path: ").partition(". No export")[0]
            raise _unreadable(f"{problem}. No pack has that" if "is not read" in problem else problem, path) from None
        try:
            self.entries = _entries(_manifest(self._files))
        except (_Invalid, UnfitFile, RequestError) as error:
            self._files.close()
            raise _unreadable(f"{self.path.name} is no pack that can be read: {error}", path) from None

    def __repr__(self) -> str:
        pictures = count(len({one.sha256 for entry in self.entries for one in entry.pictures}), "picture")
        return f"<Pack {self.path.name}: {count(len(self.entries), 'recorded request')}, {pictures}>"

    def picture(self, picture: RecordedPicture) -> bytes:
        """The bytes of a recorded picture.

        Args:
            picture: of one of the entries.

        Raises:
            UnfitFile: if its file is missing, is too large, has another hash than its name says, or is no JPG, PNG or
                WEBP.

        Example:
            >>> import nbkit
            >>> from nbkit.offline.pack import Pack
            >>> from nbkit.offline.pack_file import pack_log
            >>> studio = nbkit.Studio(engine="offline", path="pictured")
            >>> run = studio.generate("A paper lantern", seed=7, resolution="0.5K")
            >>> packed = pack_log(studio.log, "pictured.nbpack")
            >>> pack = Pack("pictured.nbpack")
            >>> pack.picture(pack.entries[0].pictures[0]) == run.image.bytes
            True
        """
        data = read_file(self._files, picture.file)
        if hashlib.sha256(data).hexdigest() != picture.sha256:
            raise UnfitFile(f"{picture.file} has other bytes than its name says")
        if recognise(data).media_type != picture.media_type:
            raise UnfitFile(f"{picture.file} is no picture of the kind {picture.media_type}")
        return data

    def check(self) -> list[str]:
        """What is wrong with the pack, as sentences: it reads every picture. An empty list means that it is whole.

        Example:
            >>> import nbkit
            >>> from nbkit.offline.pack import Pack
            >>> from nbkit.offline.pack_file import pack_log
            >>> studio = nbkit.Studio(engine="offline", path="checked")
            >>> run = studio.generate("A paper lantern", seed=7, resolution="0.5K")
            >>> packed = pack_log(studio.log, "checked.nbpack")
            >>> Pack("checked.nbpack").check()
            []
        """
        faults = []
        for number, entry in enumerate(self.entries, 1):
            if entry.claimed != entry.identity:
                faults.append(f"entry {number}: its identity is not that of its task")
        pictures = {one.file: one for entry in self.entries for one in entry.pictures}
        for picture in pictures.values():
            try:
                self.picture(picture)
            except UnfitFile as error:
                faults.append(str(error))
        stray = sorted(set(self._files.names()) - {MANIFEST, *pictures})
        return faults + [f"{name[:120]} belongs to no entry" for name in stray[:20]]

    def to_frame(self) -> pd.DataFrame:
        """What is in the pack: one row for each prompt, with what varies and what was recorded.

        Returns:
            The columns ``prompt``, ``varies`` (names with their values), ``requests``, ``pictures``, ``model``, ``engine``,
            ``cost`` in USD (a gap where an answer had none) and ``recorded``, the first and the last day.

        Example:
            >>> import nbkit
            >>> from nbkit.offline.pack import Pack
            >>> from nbkit.offline.pack_file import pack_log
            >>> studio = nbkit.Studio(engine="offline", path="listed")
            >>> for temperature in (0.2, 0.7):
            ...     run = studio.generate("A paper lantern", temperature=temperature, seed=7, resolution="0.5K")
            >>> packed = pack_log(studio.log, "listed.nbpack")
            >>> Pack("listed.nbpack").to_frame()[["prompt", "varies", "requests", "cost"]].values.tolist()
            [['A paper lantern', 'temperature 0.2, 0.7', 2, 0.09314]]
        """
        groups: dict[tuple[Any, ...], list[Recording]] = {}
        for entry in self.entries:
            groups.setdefault(entry.theme, []).append(entry)
        rows = []
        for (prompt, model, _), entries in groups.items():
            costs = [one.cost for entry in entries for one in entry.pictures]
            days = sorted({entry.date.date().isoformat() for entry in entries})
            rows.append({
                "prompt": prompt,
                "varies": "; ".join(varying(entries)),
                "requests": len(entries),
                "pictures": len(costs),
                "model": model,
                "engine": ", ".join(sorted({entry.engine for entry in entries})),
                "cost": None if None in costs else sum(filter(None, costs)) / MICRO,
                "recorded": days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}",
            })  # fmt: skip
        columns = ("prompt", "varies", "requests", "pictures", "model", "engine", "cost", "recorded")
        return pd.DataFrame(rows, columns=list(columns))

    def close(self) -> None:
        """Close the file.

        Example:
            >>> import nbkit
            >>> from nbkit.offline.pack import Pack
            >>> from nbkit.offline.pack_file import pack_log
            >>> studio = nbkit.Studio(engine="offline", path="closed")
            >>> run = studio.generate("A paper lantern", seed=7, resolution="0.5K")
            >>> packed = pack_log(studio.log, "closed.nbpack")
            >>> Pack("closed.nbpack").close()
        """
        self._files.close()


def settings_of(request: ImageRequest) -> dict[str, Any]:
    """What a picture depends on beside model and reference images, by the columns of the log, as it takes effect.

    ``None`` stands for a parameter that was not sent and has no documented default.
    """
    size = request.size
    found: dict[str, Any] = {"size": f"{size[0]}x{size[1]}" if size else request.resolution}
    for name, parameter in PARAMETERS.items():
        if parameter.affects_picture and parameter.group not in ("Size", "Model", "References"):
            found["seed" if name == "seed" else parameter.column] = request.effective(name)
    return found


def varying(entries: Sequence[Recording], asked: ImageRequest | None = None) -> list[str]:
    """The settings that differ among recordings, each with its values, such as ``temperature 0.2, 0.7``.

    Args:
        entries: the recordings.
        asked: another request, from which they may differ too.
    """
    settings = [settings_of(entry.request) for entry in entries]
    others = {} if asked is None else settings_of(asked)
    texts = []
    for name in settings[0]:
        values = {one[name] for one in settings}
        if values - {others.get(name)} if others else len(values) > 1:
            known = sorted(
                (value for value in values if value is not None), key=lambda value: (str(type(value)), value)
            )
            shown = [short_repr(v).strip("'") for v in known] + ["not set"] * (None in values)
            texts.append(f"{name} {', '.join(shown[:12])}{', …' if len(shown) > 12 else ''}")
    return texts


# -- reading the manifest ------------------------------------------------------------------------------------


class _Invalid(Exception):
    """What is wrong with a manifest."""


def _unreadable(problem: str, path: object, reason: str = "format") -> RequestError:
    return RequestError(f"pack: {problem}", parameter="pack", value=str(path), reason=reason)


def _manifest(files: ZipFiles) -> Mapping[str, Any]:
    if MANIFEST not in files:
        raise _Invalid(f"it has no {MANIFEST}")
    try:
        manifest = json.loads(read_file(files, MANIFEST, MAX_MANIFEST_BYTES), parse_constant=_refuse_constant)
    except (ValueError, RecursionError, MemoryError):
        raise _Invalid(f"its {MANIFEST} is no JSON") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise _Invalid(f"its {MANIFEST} does not say that it is one")
    version = manifest.get("version")
    if type(version) is not int or version != VERSION:
        raise _Invalid(f"it has version {short_repr(version)}, and this nbkit reads version {VERSION}")
    return manifest


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _entries(manifest: Mapping[str, Any]) -> tuple[Recording, ...]:
    items = manifest.get("entries")
    if not isinstance(items, list) or len(items) > MAX_ENTRIES:
        raise _Invalid(f"it has no list of at most {MAX_ENTRIES:,} entries")
    found = []
    for number, item in enumerate(items, 1):
        try:
            found.append(_recording(item))
        except (_Invalid, Problem, RequestError) as error:
            raise _Invalid(f"entry {number}: {error}") from None
    return tuple(found)


def _recording(item: Any) -> Recording:
    if not isinstance(item, dict):
        raise _Invalid("it is no object")
    request = request_of(item.get("task"))
    results = item.get("results")
    if not isinstance(results, list) or len(results) > MAX_RESULTS:
        raise _Invalid(f"it has no list of at most {MAX_RESULTS} results")
    refusal = item.get("refusal")
    if not (refusal is None or (isinstance(refusal, str) and refusal)) or (refusal is None) != bool(results):
        raise _Invalid("it must have results, or a refusal as text, and not both")
    return Recording(
        request=request,
        identity=request.identity,
        pictures=tuple(map(_picture, results)),
        refusal=None if refusal is None else refusal[:MAX_MESSAGE],
        date=_date(item.get("date")),
        engine=item["engine"] if item.get("engine") in _ENGINES else "server",
        claimed=str(item.get("identity"))[:64],
    )


def request_of(task: Any) -> ImageRequest:
    """The request of an entry's task, with reference images that are known by their hash.

    Raises:
        _Invalid, Problem, RequestError: if it is none.
    """
    if not isinstance(task, dict):
        raise _Invalid("its task is no object")
    request = check_image_task(task)
    if not request.reference_images:
        return request
    digests = [str(text).removeprefix("sha256:") for text in task["inputs"]["referenceImages"]]
    if not all(map(_DIGEST.fullmatch, digests)):
        raise _Invalid("a reference image is no hash")
    return with_references(request, digests)


def with_references(request: ImageRequest, digests: list[str]) -> ImageRequest:
    """A request with reference images of which only the hashes are known, by which its identity is computed."""
    return request.replace(reference_images=[missing_reference(digest) for digest in digests] or None)


def _picture(item: Any) -> RecordedPicture:
    if not isinstance(item, dict):
        raise _Invalid("a result is no object")
    sha256, media_type, seed, nsfw = (item.get(name) for name in ("sha256", "mediaType", "seed", "NSFWContent"))
    if not (isinstance(sha256, str) and _DIGEST.fullmatch(sha256)):
        raise _Invalid("a result has no hash of its picture")
    if not (isinstance(media_type, str) and media_type in MEDIA_TYPES.values()):
        raise _Invalid(f"a result is of the kind {short_repr(media_type)}, and not JPG, PNG or WEBP")
    if not (seed is None or (type(seed) is int and 0 <= seed <= MAX_INTEGER)):
        raise _Invalid("the seed of a result is none")
    if not (nsfw is None or isinstance(nsfw, bool)):
        raise _Invalid("the NSFWContent of a result is neither true nor false")
    cost = item.get("cost")
    paid = None if cost is None else micros(cost)
    if cost is not None and (paid is None or paid > MAX_COST):
        raise _Invalid("the cost of a result is none")
    return RecordedPicture(sha256, media_type, seed, paid, nsfw, str(item.get("imageUUID") or "")[:100])


def _date(text: Any) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise _Invalid("its date is none") from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
