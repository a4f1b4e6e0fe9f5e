"""What is taken from a log, an export or a picture of somebody else, in the form in which it is written: checked and bounded.

Texts are cut, numbers that cannot be are gaps, and a request is made anew from its values, so that nothing is in the row of
an adopted run but what this nbkit would have written. Addresses to which pictures were sent are not taken along: whoever
makes the request again would send theirs there.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from nbkit.errors import NbkitError
from nbkit.log.annotations import normal_annotations
from nbkit.log.measurements import LOOK_COLUMNS, TEXT_COLUMNS
from nbkit.log.rows import logged_request
from nbkit.measures.facts import SUFFIXES, PictureFacts
from nbkit.metadata.embedding import UNKNOWN_SOURCE
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.parameter import MAX_INTEGER, Address
from nbkit.request.reference import missing_reference
from nbkit.results.run import BLOCKED, DONE, FAILED
from nbkit.service.replay import MAX_REPLAY

OPEN_RUNS, DAMAGED, LACKING = "open run", "damaged row", "missing picture"
UNSETTLED, UNMATCHED = "unsettled picture", "unmatched judgement"
"""What is left out, one of it: an unsettled picture is one of a run that has no picture here, and may still be open."""

MAX_RESULTS_OF_RUN = 50
"""Results of a run that are looked at; no model makes as many."""

MAX_LINE, MAX_NOTE = 2_000, 20_000
"""Characters of a text of one line, such as an error, and of a note or tags."""

MAX_EXTRA = 200_000
"""Characters of the JSON of ``extra``."""

_NAME = re.compile(r"[A-Za-z0-9_.:#-]{1,100}")
"""A taskUUID or an imageUUID; nbkit's own are UUIDs, hashes, and those with a number behind them."""

PICTURE_ENDINGS = {*SUFFIXES.values(), ".jpeg", ".jfif", ".tif"} - {".svg"}

_DIGEST = re.compile("[0-9a-f]{64}")

_NAMES = uuid.UUID("6d4f3c1e-7c53-4b0a-9b43-1f0d5e2a8c11")

_MAX_MICROS = 253_402_300_799 * 10**6


class NotAdoptable(NbkitError):
    """What somebody else's file says of a run cannot be used; other runs come in all the same."""


@dataclass(slots=True)
class ForeignResult:
    """One result of a run: a picture, or the reason why there is none.

    Attributes:
        values: columns of ``images``, apart from those that follow from the file.
        sha256: of the picture, as the other log or the manifest has it; ``None`` where that is not known.
        read: reads its file; ``None`` where there is none.
        facts: what is known of the file, if its hash is ``sha256``.
        annotations: rating, keep, tags and note.
    """

    values: dict[str, Any]
    sha256: str | None = None
    read: Callable[[], bytes] | None = None
    facts: PictureFacts | None = None
    annotations: dict[str, Any] = field(default_factory=dict)

    @property
    def is_picture(self) -> bool:
        return bool(self.values["status"] == DONE)

    @property
    def image_uuid(self) -> str | None:
        return self.values["imageUUID"]  # type: ignore[no-any-return]


@dataclass(slots=True)
class ForeignRun:
    """One run that has ended.

    Attributes:
        task_uuid: its taskUUID.
        values: columns of ``runs`` that do not follow from the request.
        request: made anew from its values.
        results: its pictures, and what stands for others.
        axes: of its sweep.
        answers: whether it may answer a request; the picture of one that may not is another one than its file claims.
    """

    task_uuid: str
    values: dict[str, Any]
    request: ImageRequest
    results: list[ForeignResult]
    axes: dict[str, Any] = field(default_factory=dict)
    answers: bool = True


@dataclass(frozen=True, slots=True)
class ForeignJudgement:
    """A judgement of somebody else; the fields are columns of ``judgements``. An export does not have their UUIDs."""

    uuid: str | None
    created: int
    rater: str
    question: str
    shown: tuple[str, ...]
    outcome: str
    seconds: float | None


class ForeignSource(Protocol):
    """A log, an export or a folder of pictures that is adopted.

    Attributes:
        total: how many runs it has at most.
        left_out: how much of what was left out so far, by what it is.
    """

    total: int
    left_out: Counter[str]

    def runs(self) -> Iterator[ForeignRun]:
        """The runs that have ended, those first from which others were made."""

    def judgements(self) -> Iterable[ForeignJudgement]: ...

    def reference(self, sha256: str, /) -> bytes | None:
        """The bytes of a reference image, by their hash; ``None`` if they are not there."""

    def close(self) -> None: ...


def make_run(
    row: Mapping[str, Any],
    results: Sequence[ForeignResult],
    given: Mapping[str, Any],
    axes: Mapping[str, Any],
) -> ForeignRun:
    """A run from what somebody else's file says of it.

    Args:
        row: columns of ``runs``, as far as there are any; those of other types are gaps.
        results: of the run.
        given: the parameters that were set, by Python name, reference images as the log names them.
        axes: of its sweep.

    Raises:
        NotAdoptable: if it has no usable name or request, or has not ended.
    """
    task_uuid = name_of_row(row.get("taskUUID"))
    if task_uuid is None or row.get("status") not in (DONE, FAILED, BLOCKED):
        raise NotAdoptable("it has no taskUUID, or has not ended")
    request = _request(row, given)
    values = {
        "created": whole_number(row.get("created"), _MAX_MICROS) or 0,
        "status": row["status"],
        "engine": text_of(row.get("engine"), 300) or UNKNOWN_SOURCE,
        "model": text_of(row.get("model"), 100) or UNKNOWN_SOURCE,
        "charged": row.get("charged") is True,
        "cost": whole_number(row.get("cost"), 10**15),
        "latency": number_of(row.get("latency")),
        **{name: text_of(row.get(name), MAX_LINE) for name in ("error", "errorCode", "errorKind")},
        **{name: name_of_row(row.get(name)) for name in ("parent", "parentImage")},
        "sweep": text_of(row.get("sweep"), 200),
        "template": text_of(row.get("template"), 50_000),
    }
    shown = [one for one in results if one.is_picture or row["status"] == DONE]
    return ForeignRun(task_uuid, values, request, shown[:MAX_RESULTS_OF_RUN], dict(axes) if values["sweep"] else {})


def make_result(
    row: Mapping[str, Any], read: Callable[[], bytes] | None = None, facts: PictureFacts | None = None
) -> ForeignResult:
    """A result from what somebody else's file says of it.

    Args:
        row: columns of ``images``, as far as there are any; those of other types are gaps.
        read: reads its file.
        facts: what is known of the file, if its hash is that of the row.
    """
    sha256 = row.get("sha256")
    values = {
        "status": DONE if row.get("status") == DONE else FAILED,
        "imageUUID": name_of_row(row.get("imageUUID")),
        "seed": whole_number(row.get("seed"), MAX_INTEGER),
        "cost": whole_number(row.get("cost"), 10**15),
        "nsfw": row.get("nsfw") if isinstance(row.get("nsfw"), bool) else None,
        "error": text_of(row.get("error"), MAX_LINE),
        "replay": text_of(row.get("replay"), MAX_REPLAY),
        **{name: number_of(row.get(name)) for name in ("textFidelity", *LOOK_COLUMNS)},
        **{name: text_of(row.get(name), MAX_NOTE) for name in TEXT_COLUMNS[1:]},
    }
    return ForeignResult(
        values,
        sha256 if isinstance(sha256, str) and _DIGEST.fullmatch(sha256) else None,
        read,
        facts,
        normal_annotations({name: row.get(name) for name in ("rating", "keep", "tags", "note")}, MAX_NOTE),
    )


def _request(row: Mapping[str, Any], given: Mapping[str, Any]) -> ImageRequest:
    values = {name: value for name, value in given.items() if value is not None and not _is_address(name)}
    task = row.get("task") if isinstance(row.get("task"), dict) else {}
    extra = row.get("extra") if isinstance(row.get("extra"), dict) else None
    try:
        if "reference_images" in values:
            values["reference_images"] = [_reference(text) for text in values["reference_images"]]
        request = logged_request(values, extra, task or {}, is_cut=row.get("resendable") is False)
    except Exception:  # noqa: BLE001  what a stranger wrote may raise anything
        raise NotAdoptable("its request cannot be made") from None
    if request.extra and len(json.dumps(request.extra)) > MAX_EXTRA:
        raise NotAdoptable("its extra is too long")
    return request


def _is_address(name: str) -> bool:
    return name in PARAMETERS and isinstance(PARAMETERS[name].kind, Address)


def _reference(text: Any) -> Any:
    kind, _, digest = str(text).partition(":")
    return missing_reference(digest) if kind == "sha256" and _DIGEST.fullmatch(digest) else str(text)


def own_task_uuid(sha256: str) -> str:
    """The taskUUID of a picture that has none of its own, made of its hash: two people who adopt it have the same run."""
    return str(uuid.uuid5(_NAMES, sha256))


def name_of_row(value: Any) -> str | None:
    """A taskUUID or imageUUID; ``None`` for anything that cannot be one."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else None


def text_of(value: Any, limit: int) -> str | None:
    """A text of at most so many characters; ``None`` for an empty one and for anything else."""
    if not isinstance(value, str) or not value:
        return None
    cut = value if len(value) <= limit else f"{value[: limit - 1]}…"
    return cut.encode("utf-8", "replace").decode("utf-8")


def whole_number(value: Any, limit: int) -> int | None:
    """A whole number from 0 to a limit; ``None`` for anything else."""
    return value if type(value) is int and 0 <= value <= limit else None


def number_of(value: Any) -> float | None:
    """A number; ``None`` for anything else, and for one that is not finite."""
    with contextlib.suppress(OverflowError):
        if type(value) in (int, float) and math.isfinite(value):
            return float(value)
    return None
