"""Finds the recording that answers a request: the exact one, or the one with the nearest settings.

*Exact* means the identity of :class:`~nbkit.ImageRequest`: model, prompt, size, seed, number of results, format, every
setting that affects the picture, and reference images by the hash of their content. A request that comes again gets the
recordings of it in turn.

*Nearest* means: the same prompt, model and reference images, and of those the picture with the smallest distance. The
distance is a sum over the settings:

======================================  ==========================================================================
setting                                 what it adds
======================================  ==========================================================================
temperature, topP                       the difference, as both are ranges of 1; one that was not sent counts as the
                                        value that the model's maker documents
size                                    a quarter for each doubling of the width, and of the height
any other choice, number or text        1 if it differs
seed, number of results, file format    a hundredth if it differs
and quality, content check, spaces in
the prompt
======================================  ==========================================================================

Of pictures at one distance, each is given in turn. What differs is told with each picture.
"""

from __future__ import annotations

import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from nbkit.display.text import count, ellipsis
from nbkit.log.adopt_files import UnfitFile
from nbkit.offline.envelope import Problem
from nbkit.offline.pack import (
    REFUSAL,
    Pack,
    RecordedPicture,
    Recording,
    settings_of,
    theme_of,
    varying,
    with_references,
)
from nbkit.offline.painting.scene import NATURAL_TEMPERATURE, NATURAL_TOP_P
from nbkit.request.image_request import ImageRequest
from nbkit.request.parameter import MAX_INTEGER
from nbkit.service.replay import DRAWN, EXACT, NEAREST

Miss = Literal["nearest", "draw", "refuse"]
MISSES = ("nearest", "draw", "refuse")

NOT_IN_PACK = "notInPack"
"""The error code of a request that the pack does not have, if such requests are refused."""

Replay = dict[str, Any]
"""How a result is answered, as plain values that can be stored: ``match`` and ``differs`` as its item has them, and of a
recorded picture ``sha256``, ``mediaType``, ``seed``, ``cost`` in micro-dollars and ``nsfw``; of a recorded refusal ``refusal``."""

_NATURAL = {"temperature": NATURAL_TEMPERATURE, "topP": NATURAL_TOP_P}
_LEAST = ("seed", "numberResults", "outputFormat", "outputQuality", "checkContent", "safetyMode", "prompt")
_LEAST_SHARE = 0.01
_MAX_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Match:
    """What answers one request.

    Attributes:
        replays: returns how each result is answered, given the seeds that they are asked for; the next call gives the next
            recordings in turn.
        price: the most that one picture costs, in micro-dollars; ``None`` if that is the list price.
    """

    replays: Callable[[Sequence[int | None]], list[Replay]]
    price: int | None = None


@runtime_checkable
class Recordings(Protocol):
    """Has recorded pictures."""

    def find(self, request: ImageRequest, digests: Sequence[str]) -> Match:
        """What answers a request. Nothing counts as given yet.

        Args:
            request: as the engine has checked it.
            digests: the SHA-256 of its reference images, in their order.

        Raises:
            Problem: if it is refused; nothing is charged.
        """

    def file(self, sha256: str) -> bytes:
        """The bytes of a recorded picture.

        Raises:
            Problem: if they are not there any more.
        """


class Replayer:
    """Answers requests from a pack; safe to use from several threads.

    Args:
        pack: the recordings.
        miss: what happens to a request that is not in it: the ``nearest`` recording of its prompt, or without one a
            drawing; a drawing (``draw``); or an error (``refuse``).

    Raises:
        ValueError: for another ``miss``.
    """

    def __init__(self, pack: Pack, miss: Miss = "draw") -> None:
        if miss not in MISSES:
            raise ValueError(f"miss={miss!r}: must be 'nearest', 'draw' or 'refuse'")
        self.pack, self.miss = pack, miss
        self._exact: dict[str, list[Recording]] = {}
        self._themes: dict[tuple[Any, ...], list[Recording]] = {}
        for entry in pack.entries:
            self._exact.setdefault(entry.identity, []).append(entry)
            self._themes.setdefault(entry.theme, []).append(entry)
        self._taken: Counter[Hashable] = Counter()
        self._pictures = {one.sha256: one for entry in pack.entries for one in entry.pictures}
        self._is_whole: dict[str, bool] = {}
        self._lock = threading.Lock()

    def find(self, request: ImageRequest, digests: Sequence[str]) -> Match:
        asked = with_references(request, list(digests)) if digests else request
        exact = [entry for entry in self._exact.get(asked.identity, ()) if self._is_readable(entry)]
        if exact:
            return Match(lambda seeds: self._take_exact(exact, len(seeds)), _price(exact))
        alike = self._themes.get(theme_of(asked), [])
        if self.miss == "refuse":
            raise Problem(NOT_IN_PACK, self._what_it_has(alike, asked), status=400)
        wanted = settings_of(asked)
        near = [(entry, _distance(wanted, settings_of(entry.request))) for entry in alike if entry.pictures]
        if near and self.miss == "nearest":
            most = min(far for _, far in near) + 1.5 * _LEAST_SHARE  # another seed may be that much nearer
            price = _price([entry for entry, far in near if far <= most])
            return Match(lambda seeds: self._take_nearest(asked, near, seeds), price)
        return Match(lambda seeds: [{"match": DRAWN, "differs": {}} for _ in seeds])

    def file(self, sha256: str) -> bytes:
        try:
            return self.pack.picture(self._pictures[sha256])
        except (KeyError, UnfitFile):
            message = "The pack has no such picture, or its file was changed."
            raise Problem("imageNotFound", message, status=404) from None

    def _is_readable(self, entry: Recording) -> bool:
        return all(map(self._is_picture_whole, entry.pictures))

    def _is_picture_whole(self, picture: RecordedPicture) -> bool:
        """Whether the file of a picture has the bytes that its name says; each is looked at once."""
        found = self._is_whole.get(picture.file)
        if found is None:
            try:
                found = bool(self.pack.picture(picture))
            except UnfitFile:
                found = False
            self._is_whole[picture.file] = found
        return found

    def _next(self, key: Hashable) -> int:
        with self._lock:
            self._taken[key] += 1
            return self._taken[key] - 1

    def _take_exact(self, entries: Sequence[Recording], wanted: int) -> list[Replay]:
        entry = entries[self._next(entries[0].identity) % len(entries)]
        match = {"match": EXACT, "differs": {}}
        if entry.refusal is not None:
            return [match | {"refusal": entry.refusal}]
        found = [match | of_picture(picture) for picture in entry.pictures[:wanted]]
        missing = "The recording has no picture for this result: the model failed at it."
        return found + [match | {"failure": missing} for _ in range(wanted - len(found))]

    def _take_nearest(
        self, asked: ImageRequest, near: Sequence[tuple[Recording, float]], seeds: Sequence[int | None]
    ) -> list[Replay]:
        replays = []
        for seed in seeds:
            found: dict[float, list[tuple[Recording, RecordedPicture, int]]] = {}
            for entry, far in near:
                for index, picture in enumerate(entry.pictures):
                    other = 0.0 if seed is None else _LEAST_SHARE * (picture.seed != seed)
                    found.setdefault(round(far + other, 6), []).append((entry, picture, index))
            whole = ([one for one in found[far] if self._is_picture_whole(one[1])] for far in sorted(found))
            ties = next(filter(None, whole), [])
            if not ties:  # all of their files are damaged
                replays.append({"match": DRAWN, "differs": {}})
                continue
            chosen, picture, index = ties[self._next((asked.identity, seed)) % len(ties)]
            differs = _differences(settings_of(asked), settings_of(chosen.request), seed, index)
            replays.append({"match": NEAREST, "differs": differs} | of_picture(picture))
        return replays

    def _what_it_has(self, alike: Sequence[Recording], asked: ImageRequest) -> str:
        """Why a request is refused: what the pack has of its prompt, or which prompts it has."""
        if alike:
            settings = "; ".join(varying(alike, asked))
            return f"The pack has this prompt with other settings: {settings}."
        prompts = list(dict.fromkeys(prompt for prompt, _, _ in self._themes))
        shown = ", ".join(f'"{ellipsis(prompt, 60)}"' for prompt in prompts[:5])
        more = f" and {count(len(prompts) - 5, 'other')}" if len(prompts) > 5 else ""
        return f"The pack has no recording of this prompt with this model and these references. It has: {shown}{more}."


def failure_of(replay: Replay | None) -> Problem | None:
    """Why a replayed result has no picture; ``None`` if it has one."""
    if replay is None:
        return None
    if "refusal" in replay:
        return Problem(REFUSAL, replay["refusal"], status=400)
    return Problem("inferenceError", replay["failure"], status=200) if "failure" in replay else None


def told(replay: Replay) -> dict[str, Any]:
    """What the item of a result says of its recording."""
    return {"match": replay["match"], "differs": replay["differs"]}


def of_picture(picture: RecordedPicture) -> Replay:
    """What a result has of a recorded picture."""
    return {
        "sha256": picture.sha256,
        "mediaType": picture.media_type,
        "seed": picture.seed,
        "cost": picture.cost,
        "nsfw": picture.nsfw,
    }


def _price(entries: Sequence[Recording]) -> int | None:
    costs = [picture.cost for entry in entries for picture in entry.pictures]
    return None if None in costs else max((cost for cost in costs if cost is not None), default=None)


def _distance(asked: Mapping[str, Any], recorded: Mapping[str, Any]) -> float:
    """How far the settings of a recording are from those that are asked for, without the seed."""
    total = 0.0
    for name, wanted in asked.items():
        if name == "seed":  # compared for each picture
            continue
        own = recorded[name]
        if name in _NATURAL:
            total += abs((_NATURAL[name] if wanted is None else wanted) - (_NATURAL[name] if own is None else own))
            total += _LEAST_SHARE / 10 * ((wanted is None) != (own is None))
        elif name == "size":
            total += _size_distance(str(wanted), str(own))
        elif wanted != own:
            total += _LEAST_SHARE if name in _LEAST else 1.0
    return total


def _size_distance(asked: str, recorded: str) -> float:
    sizes = [[int(side) for side in text.split("x") if side.isdecimal()] for text in (asked, recorded)]
    if asked == recorded or not all(len(size) == 2 for size in sizes):  # a tier, whose shape follows a reference
        return float(asked != recorded)
    return sum(abs(math.log2(one / other)) for one, other in zip(*sizes, strict=True)) / 4


def _differences(
    asked: Mapping[str, Any], recorded: Mapping[str, Any], seed: int | None, index: int
) -> dict[str, dict[str, Any]]:
    """What a recorded picture has other than what was asked for, by the API's names.

    Args:
        asked: the settings of the request.
        recorded: those of the recorded request.
        seed: that this result is asked for.
        index: of the picture in the recorded request, whose results have the seeds after the first one.
    """
    first = recorded["seed"]
    pairs = {name: (wanted, recorded[name]) for name, wanted in asked.items()}
    pairs["seed"] = (seed, None if first is None else (first + index) % (MAX_INTEGER + 1))
    found = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if found.pop("prompt", None):  # which differs by its spaces alone
        found["promptSpacing"] = ("other", "recorded")
    found = found or {
        "seed": (asked["seed"], first)
    }  # another picture of a series that overlaps with the one asked for
    return {name: {"asked": _scalar(wanted), "is": _scalar(own)} for name, (wanted, own) in found.items()}


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return ellipsis(value if isinstance(value, str) else json.dumps(value), _MAX_SHOWN)
