"""Cells that make chosen pictures again at a higher tier."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import Any

import pandas as pd

from nbkit.errors import RequestError
from nbkit.request.image_request import ImageRequest
from nbkit.request.parameter import short_repr, type_in_words
from nbkit.request.price import MICRO
from nbkit.results.run import GeneratedImage, Run
from nbkit.sweep.grid import Cell, CellSequence
from nbkit.sweep.spec import SweepSpec


def promoted_request(draft: ImageRequest, seed: int | None, resolution: str) -> ImageRequest:
    """The request that makes a picture again at a tier, with the seed that the service reported for it."""
    return draft.replace(resolution=resolution, seed=draft.seed if seed is None else seed, number_results=None)


def promotion_name(sweep: str, resolution: str) -> str:
    """The name of the sweep that promotes pictures of another one."""
    return f"{sweep} at {resolution}"


def promoted_pictures(pictures: GeneratedImage | Run | Iterable[GeneratedImage | Run], resolution: str) -> CellSequence:
    """The cells that make pictures of any runs again, each once. Their sweep has no axes.

    Args:
        pictures: a picture, a run (all its pictures), or a list of those.
        resolution: the tier to make them at.

    Raises:
        RequestError: for a tier that the model does not have, for what is no picture, or if there is no picture whose request
            is known.
    """
    promoted: dict[str, Cell] = {}
    for image in _pictures_of(pictures):
        if image.request is not None:
            request = promoted_request(image.request, image.seed, resolution)
            parent = image.origin.task_uuid if image.origin else None
            key = request.identity if request.seed is not None else image.image_uuid
            promoted.setdefault(key, Cell(len(promoted), {}, request, parent, image.image_uuid or None))
    if not promoted:
        raise _invalid("none of them is a picture of a run; run.image and run[0] are", "pictures")
    return CellSequence(SweepSpec((), {}, {}, {}), f"promoted to {resolution}", (), list(promoted.values()))


def _pictures_of(given: Any) -> list[GeneratedImage]:
    is_list = isinstance(given, Iterable) and not isinstance(given, (Run, GeneratedImage, str, bytes, pd.DataFrame))
    found: list[GeneratedImage] = []
    for one in given if is_list else [given]:
        if not isinstance(one, (Run, GeneratedImage)):
            why = f"{type_in_words(one)} is neither a picture nor a run; run.image and result.runs are"
            raise _invalid(why, "pictures")
        found.extend(one if isinstance(one, Run) else [one])
    return found


def promoted_cells(cells: CellSequence, frame: pd.DataFrame, rows: Any, resolution: str) -> tuple[CellSequence, int]:
    """The cells that make the chosen pictures again, and what their drafts cost in micro-dollars.

    Args:
        cells: of the sweep.
        frame: the sweep's own frame.
        rows: rows of that frame, or indices of cells.
        resolution: the tier to make them at.

    Raises:
        RequestError: for rows that are not of this sweep, or have no picture.
    """
    chosen = _chosen_rows(frame, rows)
    pictures = chosen[chosen["status"] == "done"]
    if pictures.empty:
        raise _invalid("none of them has a picture to promote; rows of result.to_frame() with status 'done' have")
    promoted: list[Cell] = []
    identities: set[str] = set()
    for row in pictures.to_dict("records"):
        draft = cells.cell(int(row["cell"]))
        seed = draft.request.seed if pd.isna(row["seed"]) else int(row["seed"])
        request = promoted_request(draft.request, seed, resolution)
        if seed is not None and request.identity in identities:
            continue  # the drafts differed only in what a promotion resets, such as the number of results
        identities.add(request.identity)
        # The promotion changes the size and fixes the seed, also where they are axes.
        width, height = request.size or (None, None)
        changed = {"width": width, "height": height, "resolution": request.resolution, "seed": seed}
        changed["number_results"] = 1
        values = {name: changed.get(cells.spec.python_name(name), value) for name, value in draft.values.items()}
        uuid, image = str(row["taskUUID"]), None if pd.isna(row["imageUUID"]) else str(row["imageUUID"])
        promoted.append(Cell(len(promoted), values, request, uuid, image, template_vars=draft.template_vars))
    key = promotion_name(cells.key, resolution)
    return CellSequence(cells.spec, key, cells.axes, promoted), round(float(pictures["cost"].sum()) * MICRO)


def _chosen_rows(frame: pd.DataFrame, rows: Any) -> pd.DataFrame:
    """The chosen rows of the sweep's own frame, each once, whatever pandas did to the rows that were given."""
    if isinstance(rows, pd.Series) and "taskUUID" in rows.index:  # one row, such as frame.iloc[0]
        rows = rows.to_frame().T
    if isinstance(rows, pd.DataFrame):
        return _same_rows(frame, rows)
    listed = [rows] if isinstance(rows, numbers.Integral) else list(rows)
    if listed and all(pd.api.types.is_bool(item) or item is pd.NA for item in listed):
        if len(listed) != len(frame):
            raise _invalid(f"a mask of {len(listed)} for a frame of {len(frame)} rows")
        return frame[[item is not pd.NA and bool(item) for item in listed]]
    known = set(frame["cell"])
    unknown = [item for item in listed if item not in known]
    if unknown:
        raise _invalid(f"the sweep has no cell {short_repr(unknown[0])}; its {len(known)} cells begin at 0")
    return frame[frame["cell"].isin(listed)]


def _same_rows(frame: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    keys = [name for name in ("imageUUID", "taskUUID", "cell") if name in rows]
    if not {"imageUUID", "taskUUID"} & set(keys):
        raise _invalid("a frame without the columns 'taskUUID' and 'imageUUID'; give rows of result.to_frame()")
    own, given = (part[keys].astype("string").fillna("").agg("|".join, axis="columns") for part in (frame, rows))
    if not set(given) <= set(own):
        raise _invalid("some of them are not of this sweep")
    return frame[own.isin(given)]


def _invalid(why: str, parameter: str = "rows") -> RequestError:
    return RequestError(f"{parameter}: {why}", parameter=parameter, value=None, reason="conflict")
