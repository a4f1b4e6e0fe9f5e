"""A folder of pictures as a source of runs: each picture is one, named after the hash of its bytes."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from nbkit.errors import RequestError
from nbkit.log.adopt_files import ForeignFiles, UnfitFile, read_file
from nbkit.log.adopt_records import (
    LACKING,
    ForeignJudgement,
    ForeignRun,
    NotAdoptable,
    make_result,
    make_run,
)
from nbkit.measures.facts import SUFFIXES
from nbkit.metadata.embedding import NBKIT, SIDECAR, UNKNOWN_SOURCE, read_sidecar
from nbkit.metadata.parts import MAX_BYTES, MetadataInvalid
from nbkit.metadata.reading import PictureSettings, read
from nbkit.request.formats import recognise
from nbkit.request.image_request import given_values
from nbkit.request.price import MICRO
from nbkit.results.run import DONE

UNKNOWN_PROMPT = "(not known: this picture came without its settings)"
"""The prompt of a picture that says nothing of how it was made."""

_ENDINGS = {*SUFFIXES.values(), ".jpeg", ".jfif", ".tif"} - {".svg"}

_NAMES = uuid.UUID("6d4f3c1e-7c53-4b0a-9b43-1f0d5e2a8c11")
"""From this and the hash of a picture its taskUUID is made: two people who adopt the same picture have the same run."""


class PictureSource:
    """The pictures of a folder and of the folders in it.

    Args:
        files: of the folder.
        names: only these files; without it, all that have the ending of a picture.
    """

    def __init__(self, files: ForeignFiles, names: Iterable[str] | None = None) -> None:
        self._files, self.left_out = files, Counter[str]()
        is_picture = (
            (n for n in files.names() if PurePosixPath(n).suffix.lower() in _ENDINGS) if names is None else names
        )
        self._names = list(is_picture)
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
        request = None if settings is None else settings.request
        time = facts["created"].timestamp() if "created" in facts else self._files.changed(name)
        is_known = settings is not None and request is not None
        row = {
            **facts,
            "taskUUID": facts.get("taskUUID") or str(uuid.uuid5(_NAMES, sha256)),
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
            "note": None if is_known else PurePosixPath(name).name,
        }
        given = {"prompt": UNKNOWN_PROMPT} if request is None else given_values(request)
        read = functools.partial(read_file, self._files, name)  # again, and only if the log does not have it
        return make_run(row, [make_result(result, read)], given, facts.get("axes", {}))

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
