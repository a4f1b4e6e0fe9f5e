"""A folder of pictures as a source of runs: each picture is one, named after the hash of its bytes."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from nbkit.errors import RequestError
from nbkit.log.adopt_files import ForeignFiles, UnfitFile, read_file
from nbkit.log.adopt_records import (
    LACKING,
    PICTURE_ENDINGS,
    ForeignJudgement,
    ForeignRun,
    NotAdoptable,
    make_result,
    make_run,
    own_task_uuid,
)
from nbkit.measures.facts import SUFFIXES
from nbkit.metadata.embedding import NBKIT, SIDECAR, UNKNOWN_SOURCE, original_of, read_sidecar
from nbkit.metadata.parts import MAX_BYTES, MetadataInvalid
from nbkit.metadata.reading import PictureSettings, read
from nbkit.request.formats import recognise
from nbkit.request.image_request import UNKNOWN_PROMPT, given_values
from nbkit.request.price import MICRO
from nbkit.results.run import DONE

_NAMES_OF_ORIGINAL = {"taskUUID", "imageUUID", "sha256", "cost"}
"""What a file says of the picture that it was made as, which is not true of one that was changed since."""


class PictureSource:
    """The pictures of a folder and of the folders in it.

    Args:
        files: of the folder.
        names: of the pictures.
    """

    def __init__(self, files: ForeignFiles, names: Iterable[str]) -> None:
        self._files, self.left_out = files, Counter[str]()
        self._names = list(names)
        self.total = len(self._names)

    def runs(self) -> Iterator[ForeignRun]:
        yield from sorted(self._runs(), key=lambda run: run.values["created"])  # a parent was made before its children

    def _runs(self) -> Iterator[ForeignRun]:
        for name in self._names:
            try:
                data = read_file(self._files, name)
                if recognise(data).media_type in SUFFIXES:
                    yield self._run(name, data)
                    continue
            except (UnfitFile, NotAdoptable):
                pass
            self.left_out[LACKING] += 1

    def _run(self, name: str, data: bytes) -> ForeignRun:
        sha256 = hashlib.sha256(data).hexdigest()
        settings = self._settings(name, data, sha256)
        facts = {} if settings is None else {n: value for n, value in settings.facts.items() if value is not None}
        note = PurePosixPath(name).name
        is_changed = _is_changed(data, sha256, facts)
        if is_changed:  # it is another picture than the one whose names it has
            facts = {key: value for key, value in facts.items() if key not in _NAMES_OF_ORIGINAL}
            note = f"{note}: changed after it was made; its settings are those of the original"
        request = None if settings is None else settings.request
        time = facts["created"].timestamp() if "created" in facts else self._files.changed(name)
        is_known = settings is not None and request is not None
        row = {
            **facts,
            "taskUUID": facts.get("taskUUID") or own_task_uuid(sha256),
            "status": DONE,
            "created": None if time is None else round(time * MICRO),
            "engine": facts.get("engine", settings.source) if settings and is_known else UNKNOWN_SOURCE,
            "cost": round(facts["cost"] * MICRO) if "cost" in facts else None,
            "extra": request and request.extra,
            "resendable": request is None or not request.lacking,
        }
        result = {
            **row,
            "imageUUID": facts.get("imageUUID") or sha256,
            "sha256": facts.get("sha256") or sha256,  # of the picture before its settings were written into it
            "note": note if is_changed or not is_known else None,
        }
        given = {"prompt": UNKNOWN_PROMPT} if request is None else given_values(request)
        read = functools.partial(read_file, self._files, name)  # again, and only if the log does not have it
        run = make_run(row, [make_result(result, read)], given, facts.get("axes", {}))
        run.answers = not is_changed
        return run

    def _settings(self, name: str, data: bytes, sha256: str) -> PictureSettings | None:
        """What the file says of how it was made, or the file beside it; ``None`` if neither does."""
        with contextlib.suppress(RequestError):
            return read(data)
        with contextlib.suppress(UnfitFile, MetadataInvalid):
            record = read_sidecar(read_file(self._files, name + SIDECAR, MAX_BYTES))
            if record.facts.get("file") == sha256:
                return PictureSettings(record, NBKIT, name)
        return None

    def judgements(self) -> Iterable[ForeignJudgement]:
        return ()

    def reference(self, _: str, /) -> bytes | None:
        """None: pictures have no reference images with them."""
        return None

    def close(self) -> None:
        """Nothing is open."""


def pictures_of(names: Iterable[str]) -> list[str]:
    """Those of the files of a folder that have the ending of a picture."""
    return [name for name in names if PurePosixPath(name).suffix.lower() in PICTURE_ENDINGS]


def _is_changed(data: bytes, sha256: str, facts: Mapping[str, Any]) -> bool:
    """Whether a file has the names of a picture, and the bytes of another one."""
    claimed = facts.get("sha256")
    if not isinstance(claimed, str):
        return bool(facts.keys() & _NAMES_OF_ORIGINAL)
    return claimed != sha256 and original_of(data, claimed) is None
