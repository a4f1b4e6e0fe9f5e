"""Writes a pack from the runs of a log.

What goes into it is what :class:`~nbkit.offline.pack.Pack` reads. Left out, and counted: runs that have not ended or
failed, runs whose pictures are missing, runs that the offline engine would not take, and pictures that were themselves
replayed as the nearest recording or drawn in place of one, because a pack would give them back as recorded.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbkit.display.text import count
from nbkit.errors import NbkitError, NoImage, RequestError, StorageError
from nbkit.log.export import occupied, path_of
from nbkit.log.store import LogStore
from nbkit.offline.envelope import Problem
from nbkit.offline.pack import FORMAT, MANIFEST, MAX_ENTRIES, SUFFIX, VERSION, RecordedPicture, request_of
from nbkit.request.image_request import PARAMETERS
from nbkit.request.parameter import ValueInvalid
from nbkit.request.price import MICRO
from nbkit.request.reference import remove_metadata
from nbkit.results.run import BLOCKED, DONE, GeneratedImage, Run

_OLDEST = (1980, 1, 1, 0, 0, 0)
"""The time of each file in a pack: the same recordings make the same bytes."""


@dataclass(slots=True)
class Packed:
    """What became of the runs that were to be packed.

    Attributes:
        path: of the pack.
        requests, pictures: how many are in it.
        left_out: how many runs and pictures are not, by the reason.
    """

    path: Path
    requests: int = 0
    pictures: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        text = f"{count(self.requests, 'request')} with {count(self.pictures, 'picture')} in {self.path}"
        reasons = "; ".join(f"{number:,} {reason}" for reason, number in self.left_out.items())
        return f"{text}. Left out: {reasons}" if reasons else text


class _LeftOut(Exception):
    """Why a run or a picture is not in a pack."""


def pack_log(log: LogStore, path: str | os.PathLike[str], search: str = "") -> Packed:
    """Write a pack of the runs of a log.

    Args:
        log: whose runs are packed, oldest first; nothing is sent and nothing changes in it.
        path: of the new file; ``.nbpack`` is added if it has no suffix.
        search: only runs whose prompt, tags or note have all of these words.

    Returns:
        What is in the pack, and what is not. Its ``str`` says it in a line.

    Raises:
        RequestError: if the file is there already.
        NbkitError: if there is nothing to pack.
        StorageError: if it cannot be written.

    Example:
        >>> import nbkit
        >>> from nbkit.offline.pack_file import pack_log
        >>> studio = nbkit.Studio(engine="offline", path="written")
        >>> run = studio.generate("A paper lantern", seed=7, resolution="0.5K")
        >>> print(pack_log(studio.log, "written.nbpack"))
        1 request with 1 picture in written.nbpack
    """
    runs = reversed(list(log))
    if search:
        found = set(log.search(search)["taskUUID"])
        runs = reversed([run for run in log if run.task_uuid in found])
    return pack_runs(runs, path)


def pack_runs(runs: Iterable[Run], path: str | os.PathLike[str]) -> Packed:
    """Write a pack of some runs; see :func:`pack_log`."""
    target = new_pack_path(path)
    packed, entries, written = Packed(target), list[dict[str, Any]](), set[str]()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=target.parent, ignore_cleanup_errors=True) as temporary:
            file = Path(temporary, "pack")
            with zipfile.ZipFile(file, "w") as archive:
                for run in runs:
                    try:
                        entry, pictures = _entry(run, packed.left_out)
                    except _LeftOut as reason:
                        packed.left_out[str(reason)] += 1
                        continue
                    if len(entries) == MAX_ENTRIES:
                        raise NbkitError(f"a pack has at most {MAX_ENTRIES:,} requests; --search packs fewer")
                    entries.append(entry)
                    for picture, data in pictures:
                        if picture.file not in written:
                            archive.writestr(zipfile.ZipInfo(picture.file, _OLDEST), data)
                            written.add(picture.file)
                manifest = {"format": FORMAT, "version": VERSION, "entries": entries}
                member = zipfile.ZipInfo(MANIFEST, _OLDEST)
                text = json.dumps(manifest, ensure_ascii=False, indent=1, allow_nan=False)
                archive.writestr(
                    member, text.encode("utf-8", "replace")
                )  # compressed, a long prompt might look like a bomb
            if not entries:
                reasons = "; ".join(f"{number:,} {reason}" for reason, number in packed.left_out.items())
                raise NbkitError(f"there is nothing to pack: {reasons or 'no run was found'}. Nothing was written")
            file.replace(target)
    except OSError as error:
        raise StorageError(f"the pack {target} cannot be written: {error.strerror or error}") from error
    packed.requests, packed.pictures = len(entries), len(written)
    return packed


def new_pack_path(path: str | os.PathLike[str]) -> Path:
    """The path of a pack that is not there yet.

    Raises:
        RequestError: if it is there, or is no path.
    """
    target = path_of(path)
    if not target.suffix:
        target = target.with_name(target.name + SUFFIX)
    if os.path.lexists(target):
        raise occupied(target, "a pack")
    return target


def _entry(run: Run, left_out: Counter[str]) -> tuple[dict[str, Any], list[tuple[RecordedPicture, bytes]]]:
    """The entry of a run, and its pictures with their bytes; ``left_out`` counts those that it lacks."""
    if run.status not in (DONE, BLOCKED):
        raise _LeftOut("failed or not settled")
    task = _task(run)
    try:
        request = request_of(task)
    except (Problem, RequestError):
        raise _LeftOut("with what the offline engine does not take") from None
    pictures = []
    for image in run.images:
        if image.replay is not None and image.replay != "exact":
            left_out["that stood in for a recording"] += 1
            continue
        try:
            pictures.append(_picture(image))
        except (NoImage, ValueInvalid):
            left_out["whose picture is missing or damaged"] += 1
    if run.status == DONE and not pictures:
        raise _LeftOut("without a picture to pack")
    created = run.created or datetime.now(UTC)
    entry = {
        "identity": request.identity,
        "task": task,
        "model": request.profile.identifier,
        "date": created.astimezone(UTC).isoformat(timespec="seconds"),
        "engine": run.engine if run.engine in ("runware", "offline") else "server",
        "results": [_result(picture) for picture, _ in pictures],
    }
    if run.status == BLOCKED:
        entry["refusal"] = str(run.error or "The provider's safety filter refused this content.")
    return entry, pictures


def _task(run: Run) -> dict[str, Any]:
    """The task as it was sent, without what takes no part in the picture; reference images as hashes."""
    profile, task = run.request.profile, dict(run.task)
    delivery = (profile.parameters[n].wire for n, p in PARAMETERS.items() if not p.affects_picture)
    for name in ("taskUUID", *(wire[-1] for wire in delivery if len(wire) == 1)):
        task.pop(name, None)
    references = run.request.reference_images or ()
    inputs = task.get("inputs")
    if isinstance(inputs, Mapping) and "referenceImages" in inputs:
        task["inputs"] = {**inputs, "referenceImages": [f"sha256:{one.sha256}" for one in references]}
    return task


def _picture(image: GeneratedImage) -> tuple[RecordedPicture, bytes]:
    if image.problem:
        raise NoImage(image.problem)
    data, media_type = remove_metadata(image.bytes)
    digest = hashlib.sha256(data).hexdigest()
    picture = RecordedPicture(digest, media_type, image.seed, image.cost_micros, image.nsfw, image.image_uuid)
    return picture, data


def _result(picture: RecordedPicture) -> dict[str, Any]:
    values = {
        "sha256": picture.sha256,
        "mediaType": picture.media_type,
        "seed": picture.seed,
        "cost": None if picture.cost is None else picture.cost / MICRO,
        "NSFWContent": picture.nsfw,
        "imageUUID": picture.image_uuid or None,
    }
    return {name: value for name, value in values.items() if value is not None}
