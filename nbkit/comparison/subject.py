"""The subject of a comparison: a picture with its parameters and results, from a run, an image or a row of the log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from nbkit.errors import NbkitError, NoImage
from nbkit.log.columns import is_gap
from nbkit.log.frame import check_unique_columns
from nbkit.log.images import file_of, link_of, read_picture
from nbkit.log.rows import parameter_values
from nbkit.measures.facts import examine
from nbkit.request.address import without_credentials
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.parameter import type_in_words
from nbkit.request.price import MICRO
from nbkit.request.task import redacted
from nbkit.results.run import BLOCKED, FAILED, HEADLINES, UNKNOWN, GeneratedImage, Run

COMPARED_PARAMETERS = {p.column: p for p in PARAMETERS.values() if p.group != "Delivery" and p.name != "aspect_ratio"}
"""The parameters that are compared, by column: those that affect the picture. The aspect ratio is compared as width
and height."""

ACCEPTED_TYPES = "a Run, a GeneratedImage, a row of studio.df, or a frame of such rows"
"""What can be compared, for error messages."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A picture, its parameters and its results.

    Attributes:
        image: the picture, or ``None``.
        requested: the parameters of the request, by column of the log; ``None`` for one that was not sent. A column is
            missing if its value is not known.
        returned: the results as text, by column of the log; the cost in micro-dollars. A column is missing if its value
            is not known.
        notice: if there is no picture: the kind of the notice, its headline, then its sentences.
    """

    image: GeneratedImage | None
    requested: Mapping[str, Any] = field(default_factory=dict)
    returned: Mapping[str, Any] = field(default_factory=dict)
    notice: tuple[str, ...] = ()


def subjects(things: Iterable[Any], caller: str = "compare()") -> Iterator[Subject]:
    """The subjects in the arguments of a function, one by one; a run with several pictures gives one for each.

    Args:
        things: pictures, runs, rows, and lists of those.
        caller: the function, for the message of the error.

    Raises:
        NbkitError: for a value of another type, and for a row without the column ``file``.
    """
    for thing in things:
        if isinstance(thing, Run):
            yield from _of_run(thing)
        elif isinstance(thing, GeneratedImage):
            yield _subject(thing, _columns(thing.request))
        elif isinstance(thing, pd.DataFrame):
            yield from (_of_row(thing.iloc[number]) for number in range(len(thing)))
        elif isinstance(thing, pd.Series):
            yield _of_row(thing)
        elif isinstance(thing, (list, tuple)):
            yield from subjects(thing, caller)
        else:
            raise NbkitError(f"{caller} takes {ACCEPTED_TYPES}, got {type_in_words(thing)}")


def _of_run(run: Run) -> Iterator[Subject]:
    known = {**_columns(run.request), "status": run.status, "engine": run.engine, "charged": run.charged}
    for image in run:
        yield _subject(image, known)
    if not run.images:
        missing = [f"{failure.message} {failure.advice}".strip() for failure in run.failures]
        notice = _notice(run.status, run.headline, *run.explanation, *missing)
        yield _subject(None, known | {"cost": run.cost_micros}, notice)


def _columns(request: ImageRequest | None) -> dict[str, Any]:
    """The parameters of a request by column of the log, as in a row; none if the request is not known."""
    if request is None:
        return {}
    known = parameter_values(request, request.to_task())  # as in the log, where ``extra`` overrides parameters
    known["referenceImages"] = " ".join(known["referenceImages"] or ()) or None
    known["extra"] = redacted(request.extra) or None
    known["model"] = request.profile.identifier
    return known | (dict(zip(("width", "height"), request.size, strict=True)) if request.size else {})


def _of_row(row: pd.Series[Any]) -> Subject:
    check_unique_columns(row.index)
    if "file" not in row.index:
        raise NbkitError("this row has no column 'file', which names its picture; keep it when selecting columns")
    known: dict[str, Any] = {str(name): None if is_gap(value) else value for name, value in row.items()}
    if known.get("cost") is not None:
        known["cost"] = round(float(known["cost"]) * MICRO)
    if known.get("extra"):
        with suppress(ValueError):  # a text that is no JSON is compared as it is
            known["extra"] = json.loads(str(known["extra"]))
    image, notice = _picture(known)
    return _subject(image, known, notice)


def _picture(row: Mapping[str, Any]) -> tuple[GeneratedImage | None, tuple[str, ...]]:
    """The picture of a row, or the notice why there is none."""
    if row["file"] is None:
        status = str(row.get("status") or "")
        return None, _notice(status, HEADLINES.get(status, "This row has no picture"), str(row.get("error") or ""))
    path, seed = file_of(row["file"]), row.get("seed")
    try:
        return GeneratedImage(
            facts=examine(read_picture(path)),
            path=path,
            link=link_of(row["file"]),
            seed=None if seed is None else int(seed),
            cost_micros=row.get("cost"),
            nsfw=row.get("NSFWContent"),
            replay=row.get("replay"),
            prompt=str(row.get("prompt") or ""),
        ), ()
    except (OSError, ValueError, NoImage):
        return None, ("note", "The picture's file is missing or damaged")


def _notice(status: str, *texts: str) -> tuple[str, ...]:
    return (status if status in (FAILED, BLOCKED, UNKNOWN) else "note", *texts)


def _subject(image: GeneratedImage | None, columns: Mapping[str, Any], notice: tuple[str, ...] = ()) -> Subject:
    """A picture with what is known of it, in the same form for requests that mean the same.

    Args:
        image: the picture, or ``None``.
        columns: by column of the log, the cost in micro-dollars; empty if the request is not known.
        notice: why there is no picture.
    """
    known = dict(columns)
    if image is not None:
        known |= {"width": image.width, "height": image.height, "seed": image.seed}
        known |= {"cost": image.cost_micros, "NSFWContent": image.nsfw, "replay": image.replay}
        known.pop("resolution", None)  # the picture's own size says it, whether or not there were references
    elif known.get("width") is None:  # given as an aspect ratio, and there is no picture to measure
        known = {name: value for name, value in known.items() if name not in ("width", "height")}
    if image is None and (known.get("aspectRatio") or not known.get("referenceImages", True)):
        known["resolution"] = None  # contained in width and height
    if known.get("checkContent") and known.get("safetyMode", "fast") is None:
        known["safetyMode"] = "fast"
    if known.get("referenceImages"):
        names = known["referenceImages"].split()
        known["referenceImages"] = " ".join(without_credentials(name) if "://" in name else name for name in names)
    if known.get("extra"):
        known["extra"] = json.dumps(known["extra"], sort_keys=True, ensure_ascii=False)
    requested = {name: known[name] for name in (*COMPARED_PARAMETERS, "extra") if columns and name in known}
    results = ("status", "engine", "charged", "cost", *(("seed", "NSFWContent", "replay") if image else ()))
    known_results = {name: known[name] for name in results if known.get(name) is not None}
    returned = {name: value if name == "cost" else str(value) for name, value in known_results.items()}
    return Subject(image, requested, returned, notice)
