"""Where motifs stand: each in its zone, clear of the more important ones."""

from __future__ import annotations

import math
from typing import NamedTuple

from nbkit.offline.painting.interpolator import Interpolator
from nbkit.offline.painting.motifs import MOTIFS
from nbkit.offline.painting.scene import Scene
from nbkit.offline.painting.stable_random import StableRandom

__all__ = ["Frame", "Light", "Setting", "Spot", "place_motifs"]

Light = tuple[float, float, float]  # x, y and radius of the sun or moon behind the scene.


class Frame(NamedTuple):
    """The part of the picture that the scene may use, in pixels."""

    width: int
    height: int
    top: int
    bottom: int

    @property
    def unit(self) -> float:
        """The working size: sizes of motifs are shares of it."""
        short, long = sorted((float(self.width), self.bottom - self.top * 0.55))
        # Long pictures get somewhat larger motifs, or they would look empty.
        return short * min(1.35, math.pow(long / short, 0.3))


class Setting(NamedTuple):
    """What motifs are placed in."""

    frame: Frame
    scenery: str
    horizon: float
    light: Light | None
    mirrored: bool


class Place(NamedTuple):
    """Position and size of a motif, in pixels."""

    x: float
    y: float
    size: float


class Box(NamedTuple):
    """The room a motif takes: its middle, half its width, half its height."""

    x: float
    y: float
    half: float
    tall: float


class Spot(NamedTuple):
    """One motif in its place; the rank is its importance, 0 being the leading motif."""

    name: str
    x: float
    y: float
    size: float
    flip: bool
    rank: int


# Where standing motifs may begin, as a share of the ground: behind it lie trees, houses, waves.
_FOOTING = {"city": 0.58, "forest": 0.62, "mountains": 0.5, "dunes": 0.5, "sea": 0.84, "space": 0.7, "hills": 0.3}
_LAYERS = {"sky": 0, "hang": 1, "free": 2, "water": 3, "stand": 4}
_THROWS = 10
_SLIDES = 45


def _zone(name: str, size: float, setting: Setting, *, leading: bool) -> tuple[float, float]:
    """Returns the lowest and highest y for a motif."""
    frame, horizon = setting.frame, setting.horizon
    ground = frame.bottom - horizon
    match MOTIFS[name].place:
        case "sky":
            return frame.top + size * 0.5, max(frame.top + size * 0.6, horizon - size * 0.3)
        case "hang":
            return frame.top + size * 0.55, max(frame.top + size * 0.7, horizon - size * 0.2)
        case "water":
            return horizon + ground * 0.18, horizon + ground * (0.5 if leading else 0.66)
        case "stand":
            # A lighthouse brings its own rock and may stand out at sea.
            footing = 0.4 if name == "lighthouse" else _FOOTING.get(setting.scenery, 0.5)
            if leading:
                return horizon + ground * max(0.66, footing), horizon + ground * 0.88
            return horizon + ground * footing, horizon + ground * 0.95
        case _:
            return frame.top + size * 0.5, frame.bottom - size * 0.5


def _middle(name: str, place: Place) -> float:
    """Returns the y of a motif's middle: standing motifs are placed by their feet."""
    return place.y - place.size * 0.5 if MOTIFS[name].place == "stand" else place.y


def _throw(dice: StableRandom, name: str, size: float, setting: Setting, *, leading: bool) -> Place:
    """Returns a random place in a motif's zone."""
    frame = setting.frame
    low, high = _zone(name, size, setting, leading=leading)
    edge = min(0.5, size * MOTIFS[name].reach / frame.width + 0.015)
    if not leading:
        x = dice.between(edge, 1 - edge)
    elif frame.width < frame.height * 0.7:
        x = dice.between(0.36, 0.64)
    else:
        x = dice.between(0.2, 0.52)
    y = dice.between(low, high)
    return Place(min(1 - edge, max(edge, x)) * frame.width, y, size)


def _layout(dice: StableRandom, names: list[str], setting: Setting) -> list[Place]:
    """Places motifs one after another, each where it is least crowded."""
    frame, placed = setting.frame, list[Place]()
    for i, name in enumerate(names):
        stands = MOTIFS[name].place == "stand"
        share = dice.between(0.4, 0.62) if i else dice.between(0.86, 1.14)
        size = MOTIFS[name].size * frame.unit * share
        best, roomiest = None, -math.inf
        for _ in range(_THROWS):
            trial = _throw(dice, name, size, setting, leading=i == 0)
            room = min(
                (
                    math.hypot(trial.x - other.x, _middle(name, trial) - _middle(names[k], other))
                    - other.size * max(0.5, MOTIFS[names[k]].reach)
                    for k, other in enumerate(placed)
                ),
                default=0.0,
            )
            if best is None or room > roomiest:
                best, roomiest = trial, room
        assert best is not None
        if stands:
            # What stands farther away is smaller, and nothing grows into the title.
            near = 0.72 + 0.45 * (best.y - setting.horizon) / max(1.0, frame.bottom - setting.horizon) if i else 1.0
            best = best._replace(size=min(size * near, (best.y - frame.top) * 0.94))
        placed.append(best)
    return placed


def _box(name: str, place: Place) -> Box:
    """Returns the room a motif takes."""
    return Box(place.x, _middle(name, place), place.size * MOTIFS[name].reach, place.size * 0.5)


def _gap(first: Box, second: Box) -> float:
    """Returns how far two motifs are clear of each other; negative if they are not."""
    across = abs(first.x - second.x) - first.half - second.half
    down = abs(first.y - second.y) - first.tall - second.tall
    return max(across, down)


def _apart(names: list[str], places: list[Place], setting: Setting) -> list[Place]:
    """Slides motifs sideways until they clear the more important ones, as far as there is room.

    Between two layouts lies a third in which motifs may collide; this keeps it legible.
    """
    settled, taken = list[Place](), list[Box]()
    for name, place in zip(names, places, strict=True):
        start = _box(name, place)
        best, roomiest = start, -math.inf
        for step in range(_SLIDES):
            # To the right, to the left, each time a little farther.
            x = start.x + (step + 1) // 2 * setting.frame.unit * 0.04 * (-1 if step % 2 else 1)
            if step and not start.half < x < setting.frame.width - start.half:
                continue
            trial = start._replace(x=x)
            room = min((_gap(trial, other) for other in taken), default=0.0)
            if room > roomiest:
                best, roomiest = trial, room
            if room >= 0:
                break
        if setting.light and not taken:
            # The leading motif may hide the sun or moon; the others keep clear of it too.
            x, y, radius = setting.light
            taken.append(Box(x, y, radius, radius))
        settled.append(place._replace(x=best.x))
        taken.append(best)
    return settled


def _blend(first: list[Place], second: list[Place], share: float) -> list[Place]:
    """Returns the layout that lies between two."""
    return [
        Place(*(a + (b - a) * share for a, b in zip(one, other, strict=True)))
        for one, other in zip(first, second, strict=True)
    ]


def _order(spot: Spot) -> tuple[int, float]:
    """Sorts motifs back to front."""
    place = MOTIFS[spot.name].place
    depth = {"free": -spot.size, "stand": spot.y}.get(place, spot.size)
    return _LAYERS[place], depth


def place_motifs(scene: Scene, names: list[str], setting: Setting) -> tuple[Spot, ...]:
    """Places the motifs of a scene.

    Args:
        scene: Whose prompt, seed and temperature decide.
        names: The motifs, the most important first. A longer list leaves the places of
            the first ones as they are.
        setting: What they are placed in.

    Returns:
        The motifs in drawing order.
    """
    drift = Interpolator(scene, "layout")
    base = _apart(names, _layout(StableRandom("layout", scene.prompt), names, setting), setting)
    seeded = _apart(names, _layout(StableRandom("layout", scene.prompt, scene.seed), names, setting), setting)
    between = _blend(base, seeded, drift.weight)
    # Clearing is a matter of inches that can send a motif either way. Near temperature 0,
    # where nothing has moved far, it would part the seeds and is not needed.
    final = _blend(between, _apart(names, between, setting), min(1.0, drift.heat * 4))
    spots = []
    for i, (name, place) in enumerate(zip(names, final, strict=True)):
        flip = StableRandom("flip", scene.prompt, i).chance(0.5)
        x = setting.frame.width - place.x if setting.mirrored else place.x
        spots.append(Spot(name, x, place.y, place.size, flip != setting.mirrored, i))
    return tuple(sorted(spots, key=_order))
