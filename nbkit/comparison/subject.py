"""One thing to compare: a picture with what it was asked to be, made of a run, an image or a row of the log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from nbkit.display.text import usd
from nbkit.errors import DownloadError, NbkitError
from nbkit.log.frame import check_names
from nbkit.log.images import file_of
from nbkit.log.rows import parameter_values
from nbkit.measures.facts import examine
from nbkit.request.image_request import PARAMETERS, ImageRequest, redacted
from nbkit.request.model import MICRO
from nbkit.request.parameter import without_query
from nbkit.results.image import GeneratedImage
from nbkit.results.run import BLOCKED, FAILED, HEADLINES, UNKNOWN, Run

COMPARED = {p.column: p for p in PARAMETERS.values() if p.group != "Delivery" and p.name != "aspect_ratio"}
"""What takes part, by column: what affects the picture. A shape is a way to say width and height."""

WANTED = "a Run, a GeneratedImage, a row of studio.df, or a frame of such rows"


@dataclass(frozen=True, slots=True)
class Subject:
    """One picture and what is known of it.

    Attributes:
        image: the picture, or ``None``.
        asked: by column of the log: what was set, ``None`` for what was not sent; a name that is missing is not known.
        came: by column of the log: what came back, as text; a name that is missing is not known.
        notice: where there is no picture: the kind of the notice, its headline, then its sentences.
    """

    image: GeneratedImage | None
    asked: Mapping[str, Any] = field(default_factory=dict)
    came: Mapping[str, str] = field(default_factory=dict)
    notice: tuple[str, ...] = ()


def subjects(things: Iterable[Any]) -> Iterator[Subject]:
    """What a person handed over, one by one; a run with several pictures stands for all of them.

    Raises:
        NbkitError: for anything else, and for a row that does not know its picture.
    """
    for thing in things:
        if isinstance(thing, Run):
            yield from _of_run(thing)
        elif isinstance(thing, GeneratedImage):
            yield _of_image(thing)
        elif isinstance(thing, pd.DataFrame):
            check_names(thing.columns)
            yield from (_of_row(thing.iloc[number]) for number in range(len(thing)))
        elif isinstance(thing, pd.Series):
            yield _of_row(thing)
        elif isinstance(thing, (list, tuple)):
            yield from subjects(thing)
        else:
            raise NbkitError(f"compare() takes {WANTED}, not {type(thing).__name__}")


def _of_run(run: Run) -> Iterator[Subject]:
    facts = {"status": run.status, "engine": run.engine, "charged": str(run.charged)}
    for image in run:
        yield Subject(image, _asked(run.request, image), {**_came(image), **facts})
    if not run.images:
        kind = run.status if run.status in (FAILED, BLOCKED, UNKNOWN) else "note"
        missing = [f"{failure.message} {failure.advice}".strip() for failure in run.failures]
        cost = {} if run.cost_micros is None else {"cost": usd(run.cost_micros)}
        notice = (kind, run.headline, *run.explanation, *missing)
        yield Subject(None, _asked(run.request, None), {**cost, **facts}, notice)


def _of_image(image: GeneratedImage) -> Subject:
    return Subject(image, _asked(image.request, image) if image.request else {}, _came(image))


def _asked(request: ImageRequest, image: GeneratedImage | None) -> dict[str, Any]:
    asked = parameter_values(request, request.to_task())  # as the log has it: with what extra puts in its place
    if asked["referenceImages"]:
        asked["referenceImages"] = " ".join(asked["referenceImages"])
    if image is None and request.size:
        asked["width"], asked["height"] = request.size
    asked["extra"] = redacted(request.extra) or None
    return _settled(asked, image)


def _came(image: GeneratedImage) -> dict[str, str]:
    known = {
        "seed": image.seed,
        "cost": None if image.cost_micros is None else usd(image.cost_micros),
        "NSFWContent": image.nsfw,
    }
    return {name: str(value) for name, value in known.items() if value is not None}


def _of_row(row: pd.Series[Any]) -> Subject:
    check_names(row.index)
    if "file" not in row.index:
        raise NbkitError(
            "this row has no column 'file', so it does not know its picture; keep it when selecting columns"
        )
    known: dict[str, Any] = {
        str(name): None if pd.api.types.is_scalar(value) and pd.isna(value) else value for name, value in row.items()
    }
    came = {name: str(known[name]) for name in ("status", "engine", "charged") if known.get(name) is not None}
    cost = None if known.get("cost") is None else round(float(known["cost"]) * MICRO)
    image, notice = _picture(known, cost)
    came |= _came(image) if image else {} if cost is None else {"cost": usd(cost)}
    names = [*COMPARED, "extra", "aspectRatio"]
    asked = {name: known[name] for name in names if name in known}
    if asked.get("extra"):
        asked["extra"] = _parsed(str(asked["extra"]))
    return Subject(image, _settled(asked, image), came, notice)


def _parsed(text: str) -> Any:
    """The column ``extra`` as the data that it is; what is no JSON stands for itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _picture(row: Mapping[str, Any], cost: int | None) -> tuple[GeneratedImage | None, tuple[str, ...]]:
    """The picture of a row, or the notice on why there is none."""
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


def _settled(asked: dict[str, Any], image: GeneratedImage | None) -> dict[str, Any]:
    """One form for what can be said in several: a size, a mode that follows from another parameter, the extras."""
    if image is not None:
        asked["width"], asked["height"] = image.width, image.height
    elif asked.get("width") is None:  # it was said by a shape, and no picture came that shows it
        asked = {name: value for name, value in asked.items() if name not in ("width", "height")}
    if asked.pop("aspectRatio", None) or not asked.get("referenceImages", True):
        asked["resolution"] = None  # it has become width and height
    if asked.get("checkContent") and asked.get("safetyMode", "fast") is None:
        asked["safetyMode"] = "fast"
    if asked.get("referenceImages"):
        names = asked["referenceImages"].split()
        asked["referenceImages"] = " ".join(without_query(name) if "://" in name else name for name in names)
    if asked.get("extra"):
        asked["extra"] = json.dumps(asked["extra"], sort_keys=True, ensure_ascii=False)
    return {name: value for name, value in asked.items() if name in COMPARED or name == "extra"}
