"""The subject of a comparison: a picture with its parameters and results, from a run, an image or a row of the log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from nbkit.display.text import usd
from nbkit.errors import DownloadError, NbkitError
from nbkit.log.frame import check_unique_columns
from nbkit.log.images import file_of
from nbkit.log.rows import parameter_values
from nbkit.measures.facts import examine
from nbkit.request.image_request import PARAMETERS, ImageRequest, redacted
from nbkit.request.model import MICRO
from nbkit.request.parameter import without_query
from nbkit.results.image import GeneratedImage
from nbkit.results.run import BLOCKED, FAILED, HEADLINES, UNKNOWN, Run

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
        returned: the results as text, by column of the log. A column is missing if its value is not known.
        notice: if there is no picture: the kind of the notice, its headline, then its sentences.
    """

    image: GeneratedImage | None
    requested: Mapping[str, Any] = field(default_factory=dict)
    returned: Mapping[str, str] = field(default_factory=dict)
    notice: tuple[str, ...] = ()


def subjects(things: Iterable[Any]) -> Iterator[Subject]:
    """The subjects in the arguments of ``compare``, one by one; a run with several pictures gives one for each.

    Raises:
        NbkitError: for a value of another type, and for a row without the column ``file``.
    """
    for thing in things:
        if isinstance(thing, Run):
            yield from _of_run(thing)
        elif isinstance(thing, GeneratedImage):
            yield _of_image(thing)
        elif isinstance(thing, pd.DataFrame):
            check_unique_columns(thing.columns)
            yield from (_of_row(thing.iloc[number]) for number in range(len(thing)))
        elif isinstance(thing, pd.Series):
            yield _of_row(thing)
        elif isinstance(thing, (list, tuple)):
            yield from subjects(thing)
        else:
            raise NbkitError(f"compare() takes {ACCEPTED_TYPES}, not {type(thing).__name__}")


def _of_run(run: Run) -> Iterator[Subject]:
    facts = {"status": run.status, "engine": run.engine, "charged": str(run.charged)}
    for image in run:
        yield Subject(image, _requested(run.request, image), {**_returned(image), **facts})
    if not run.images:
        kind = run.status if run.status in (FAILED, BLOCKED, UNKNOWN) else "note"
        missing = [f"{failure.message} {failure.advice}".strip() for failure in run.failures]
        cost = {} if run.cost_micros is None else {"cost": usd(run.cost_micros)}
        notice = (kind, run.headline, *run.explanation, *missing)
        yield Subject(None, _requested(run.request, None), {**cost, **facts}, notice)


def _of_image(image: GeneratedImage) -> Subject:
    return Subject(image, _requested(image.request, image) if image.request else {}, _returned(image))


def _requested(request: ImageRequest, image: GeneratedImage | None) -> dict[str, Any]:
    requested = parameter_values(request, request.to_task())  # as in the log, where ``extra`` overrides parameters
    if requested["referenceImages"]:
        requested["referenceImages"] = " ".join(requested["referenceImages"])
    if image is None and request.size:
        requested["width"], requested["height"] = request.size
    requested["extra"] = redacted(request.extra) or None
    return _normalized(requested, image)


def _returned(image: GeneratedImage) -> dict[str, str]:
    known = {
        "seed": image.seed,
        "cost": None if image.cost_micros is None else usd(image.cost_micros),
        "NSFWContent": image.nsfw,
    }
    return {name: str(value) for name, value in known.items() if value is not None}


def _of_row(row: pd.Series[Any]) -> Subject:
    check_unique_columns(row.index)
    if "file" not in row.index:
        raise NbkitError(
            "this row has no column 'file', so it does not know its picture; keep it when selecting columns"
        )
    known: dict[str, Any] = {
        str(name): None if pd.api.types.is_scalar(value) and pd.isna(value) else value for name, value in row.items()
    }
    returned = {name: str(known[name]) for name in ("status", "engine", "charged") if known.get(name) is not None}
    cost = None if known.get("cost") is None else round(float(known["cost"]) * MICRO)
    image, notice = _picture(known, cost)
    returned |= _returned(image) if image else {} if cost is None else {"cost": usd(cost)}
    names = [*COMPARED_PARAMETERS, "extra", "aspectRatio"]
    requested = {name: known[name] for name in names if name in known}
    if requested.get("extra"):
        requested["extra"] = _parsed(str(requested["extra"]))
    return Subject(image, _normalized(requested, image), returned, notice)


def _parsed(text: str) -> Any:
    """The value of the column ``extra``, parsed; the text itself if it is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _picture(row: Mapping[str, Any], cost: int | None) -> tuple[GeneratedImage | None, tuple[str, ...]]:
    """The picture of a row, or the notice why there is none."""
    status = str(row.get("status") or "")
    if row["file"] is None:
        kind = status if status in (FAILED, BLOCKED, UNKNOWN) else "note"
        return None, (kind, HEADLINES.get(status, "This row has no picture"), str(row.get("error") or ""))
    path = file_of(row["file"])
    try:
        facts = examine(path.read_bytes())
    except (OSError, ValueError, DownloadError):
        return None, ("note", "The picture's file is not here, or is damaged")
    seed = row.get("seed")
    image = GeneratedImage(
        facts=facts,
        path=path,
        seed=None if seed is None else int(seed),
        cost_micros=cost,
        nsfw=row.get("NSFWContent"),
        prompt=str(row.get("prompt") or ""),
    )
    return image, ()


def _normalized(requested: dict[str, Any], image: GeneratedImage | None) -> dict[str, Any]:
    """The same form for requests that mean the same: size, a mode that follows from another parameter, extras."""
    if image is not None:
        requested["width"], requested["height"] = image.width, image.height
    elif requested.get("width") is None:  # given as an aspect ratio, and there is no picture to measure
        requested = {name: value for name, value in requested.items() if name not in ("width", "height")}
    if requested.pop("aspectRatio", None) or not requested.get("referenceImages", True):
        requested["resolution"] = None  # contained in width and height
    if requested.get("checkContent") and requested.get("safetyMode", "fast") is None:
        requested["safetyMode"] = "fast"
    if requested.get("referenceImages"):
        names = requested["referenceImages"].split()
        requested["referenceImages"] = " ".join(without_query(name) if "://" in name else name for name in names)
    if requested.get("extra"):
        requested["extra"] = json.dumps(requested["extra"], sort_keys=True, ensure_ascii=False)
    return {name: value for name, value in requested.items() if name in COMPARED_PARAMETERS or name == "extra"}
