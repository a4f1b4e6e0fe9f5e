"""The positions of motifs: each within its range of heights, and apart from the more important ones."""

from __future__ import annotations

import math
from typing import NamedTuple

from nbkit.offline.painting.interpolator import Interpolator
from nbkit.offline.painting.motifs import MOTIFS
from nbkit.offline.painting.scene import Scene
from nbkit.offline.painting.stable_random import StableRandom

__all__ = ["Frame", "Light", "Setting", "Spot", "arrange_motifs"]

Light = tuple[float, float, float]
"""x, y and radius of the sun or moon behind the scene, in pixels."""


class Frame(NamedTuple):
    """The part of the picture that the scene may use, in pixels."""

    width: int
    height: int
    top: int
    bottom: int

    @property
    def unit(self) -> float:
        """The working size in pixels: sizes of motifs are shares of it."""
        short, long = sorted((float(self.width), self.bottom - self.top * 0.55))
        # Long pictures would look empty without somewhat larger motifs.
        return short * min(1.35, math.pow(long / short, 0.3))


class Setting(NamedTuple):
    """What motifs are arranged in."""

    frame: Frame
    scenery: str
    horizon: float
    light: Light | None
    mirrored: bool


class Placement(NamedTuple):
    """Position and size of a motif, in pixels."""

    x: float
    y: float
    size: float


class Box(NamedTuple):
    """The room that a motif takes: its middle, half its width and half its height, in pixels."""

    x: float
    y: float
    half: float
    tall: float


class Spot(NamedTuple):
    """A motif with its position and size in pixels; rank 0 is the most important motif."""

    name: str
    x: float
    y: float
    size: float
    flip: bool
    rank: int


# How far below the horizon motifs may stand, as a share of the ground: trees, houses and waves are behind that.
_FOOTING = {"city": 0.58, "forest": 0.62, "mountains": 0.5, "dunes": 0.5, "sea": 0.84, "space": 0.7, "hills": 0.3}
_LAYERS = {"sky": 0, "hang": 1, "free": 2, "water": 3, "stand": 4}
_TRIES = 10
_SLIDE_STEPS = 45


def _height_range(name: str, size: float, setting: Setting, *, leading: bool) -> tuple[float, float]:
    """Returns the smallest and the largest y for a motif."""
    frame, horizon = setting.frame, setting.horizon
    ground = frame.bottom - horizon
    match MOTIFS[name].region:
        case "sky":
            return frame.top + size * 0.5, max(frame.top + size * 0.6, horizon - size * 0.3)
        case "hang":
            return frame.top + size * 0.55, max(frame.top + size * 0.7, horizon - size * 0.2)
        case "water":
            return horizon + ground * 0.18, horizon + ground * (0.5 if leading else 0.66)
        case "stand":
            # A lighthouse has a rock of its own, and can stand in the sea.
            footing = 0.4 if name == "lighthouse" else _FOOTING.get(setting.scenery, 0.5)
            if leading:
                return horizon + ground * max(0.66, footing), horizon + ground * 0.88
            return horizon + ground * footing, horizon + ground * 0.95
        case _:
            return frame.top + size * 0.5, frame.bottom - size * 0.5


def _middle(name: str, placement: Placement) -> float:
    """Returns the y of a motif's middle; the position of a standing motif is its lower end."""
    return placement.y - placement.size * 0.5 if MOTIFS[name].region == "stand" else placement.y


def _random_placement(random: StableRandom, name: str, size: float, setting: Setting, *, leading: bool) -> Placement:
    """Returns a random position for a motif of a given size, in pixels."""
    frame = setting.frame
    low, high = _height_range(name, size, setting, leading=leading)
    edge = min(0.5, size * MOTIFS[name].reach / frame.width + 0.015)
    if not leading:
        x = random.between(edge, 1 - edge)
    elif frame.width < frame.height * 0.7:
        x = random.between(0.36, 0.64)
    else:
        x = random.between(0.2, 0.52)
    y = random.between(low, high)
    return Placement(min(1 - edge, max(edge, x)) * frame.width, y, size)


def _random_arrangement(random: StableRandom, names: list[str], setting: Setting) -> list[Placement]:
    """Positions motifs one after another, each at the least crowded of some random positions."""
    frame, placements = setting.frame, list[Placement]()
    for i, name in enumerate(names):
        stands = MOTIFS[name].region == "stand"
        share = random.between(0.4, 0.62) if i else random.between(0.86, 1.14)
        size = MOTIFS[name].size * frame.unit * share
        best, roomiest = None, -math.inf
        for _ in range(_TRIES):
            trial = _random_placement(random, name, size, setting, leading=i == 0)
            room = min(
                (
                    math.hypot(trial.x - other.x, _middle(name, trial) - _middle(names[k], other))
                    - other.size * max(0.5, MOTIFS[names[k]].reach)
                    for k, other in enumerate(placements)
                ),
                default=0.0,
            )
            if best is None or room > roomiest:
                best, roomiest = trial, room
        assert best is not None
        if stands:
            # Motifs that are farther away are smaller, and none reaches into the title.
            near = 0.72 + 0.45 * (best.y - setting.horizon) / max(1.0, frame.bottom - setting.horizon) if i else 1.0
            best = best._replace(size=min(size * near, (best.y - frame.top) * 0.94))
        placements.append(best)
    return placements


def _box(name: str, placement: Placement) -> Box:
    """Returns the room that a motif takes."""
    return Box(placement.x, _middle(name, placement), placement.size * MOTIFS[name].reach, placement.size * 0.5)


def _gap(first: Box, second: Box) -> float:
    """Returns the distance of two motifs in pixels; negative if they overlap."""
    across = abs(first.x - second.x) - first.half - second.half
    down = abs(first.y - second.y) - first.tall - second.tall
    return max(across, down)


def _separate(names: list[str], placements: list[Placement], setting: Setting) -> list[Placement]:
    """Moves motifs sideways until they do not overlap more important ones, as far as there is room.

    In a layout that is interpolated between two others, motifs can overlap even if they do not in either of them.
    """
    separated, occupied = list[Placement](), list[Box]()
    for name, placement in zip(names, placements, strict=True):
        start = _box(name, placement)
        best, roomiest = start, -math.inf
        for step in range(_SLIDE_STEPS):
            # To the left and to the right by turns, a little farther each time.
            x = start.x + (step + 1) // 2 * setting.frame.unit * 0.04 * (-1 if step % 2 else 1)
            if step and not start.half < x < setting.frame.width - start.half:
                continue
            trial = start._replace(x=x)
            room = min((_gap(trial, other) for other in occupied), default=0.0)
            if room > roomiest:
                best, roomiest = trial, room
            if room >= 0:
                break
        if setting.light and not occupied:
            # Only the most important motif may hide the sun or moon.
            x, y, radius = setting.light
            occupied.append(Box(x, y, radius, radius))
        separated.append(placement._replace(x=best.x))
        occupied.append(best)
    return separated


def _blend(first: list[Placement], second: list[Placement], share: float) -> list[Placement]:
    """Returns the layout between two: the first at share 0, the second at share 1."""
    return [
        Placement(*(a + (b - a) * share for a, b in zip(one, other, strict=True)))
        for one, other in zip(first, second, strict=True)
    ]


def _order(spot: Spot) -> tuple[int, float]:
    """Returns the key that sorts motifs from back to front."""
    region = MOTIFS[spot.name].region
    depth = {"free": -spot.size, "stand": spot.y}.get(region, spot.size)
    return _LAYERS[region], depth


def arrange_motifs(scene: Scene, names: list[str], setting: Setting) -> tuple[Spot, ...]:
    """Arranges the motifs of a scene.

    Args:
        scene: Its prompt, seed and temperature determine the positions.
        names: The motifs, the most important first. A motif that is added at the end leaves the others where they are.
        setting: What they are arranged in.

    Returns:
        The motifs in drawing order.
    """
    interpolator = Interpolator(scene, "layout")
    base = _separate(names, _random_arrangement(StableRandom("layout", scene.prompt), names, setting), setting)
    seeded = _separate(
        names, _random_arrangement(StableRandom("layout", scene.prompt, scene.seed), names, setting), setting
    )
    between = _blend(base, seeded, interpolator.weight)
    # A tiny difference decides whether an overlapping motif moves left or right. Near temperature 0 that would separate
    # pictures that should be alike, and it is not needed there, since no motif has moved far.
    final = _blend(between, _separate(names, between, setting), min(1.0, interpolator.temperature * 4))
    spots = []
    for i, (name, placement) in enumerate(zip(names, final, strict=True)):
        flip = StableRandom("flip", scene.prompt, i).chance(0.5)
        x = setting.frame.width - placement.x if setting.mirrored else placement.x
        spots.append(Spot(name, x, placement.y, placement.size, flip != setting.mirrored, i))
    return tuple(sorted(spots, key=_order))
