"""The plan of a picture: its palette, scenery, light and motifs, before anything is drawn.

Each number of the plan has two values, one that follows from the prompt alone and one that follows from prompt and
seed. Temperature moves the plan from the first to the second. That is why the pictures of several seeds are alike at
temperature 0 and differ at 1.

Each motif has its place within a range of heights, and apart from the more important ones.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from nbkit.offline.painting.keywords import PromptKeywords, find_keywords
from nbkit.offline.painting.motifs import MOTIFS, Motif
from nbkit.offline.painting.palettes import PALETTES, Palette, is_dark, turned
from nbkit.offline.painting.scene import Scene
from nbkit.offline.painting.sceneries import SCENERIES
from nbkit.offline.painting.stable_random import Interpolator, StableRandom

DEFAULT_TOP_P = 0.6
MIN_MOTIFS, MAX_MOTIFS = 1, 9
"""Number of motifs at topP 0 and at topP 1."""

_NEVER_REPEATED = frozenset({"moon", "sun", "lighthouse", "tower", "rocket"})
_LAYERS = ("sky", "hang", "free", "water", "stand")
_TRIES = 10
_SLIDE_STEPS = 45


class Spot(NamedTuple):
    """A motif with its position and size in pixels; rank 0 is the most important motif."""

    name: str
    rank: int
    x: float
    y: float
    size: float

    @property
    def motif(self) -> Motif:
        """What is drawn there."""
        return MOTIFS[self.name]

    @property
    def middle(self) -> float:
        """The y of its middle; the position of a standing motif is its lower end."""
        return self.y - self.size * 0.5 if self.motif.region == "stand" else self.y

    @property
    def depth(self) -> tuple[int, float]:
        """Sorts motifs from back to front."""
        region = self.motif.region
        return _LAYERS.index(region), {"free": -self.size, "stand": self.y}.get(region, self.size)

    def room(self, other: Spot) -> float:
        """Returns the distance to the circle around another motif."""
        distance = math.hypot(self.x - other.x, self.middle - other.middle)
        return distance - other.size * max(0.5, other.motif.reach)

    def gap(self, other: Spot) -> float:
        """Returns the distance between the edges of both; negative if they overlap."""
        across = abs(self.x - other.x) - self.size * self.motif.reach - other.size * other.motif.reach
        return max(across, abs(self.middle - other.middle) - (self.size + other.size) * 0.5)


class Composition(NamedTuple):
    """The plan of a picture.

    Attributes:
        scene: The parameters of the picture.
        top, bottom: Where the part of it that is free begins and ends.
        palette: Its colours.
        detail: 0, 1 or 2.
        scenery: A key of SCENERIES.
        horizon: The y of the horizon, in pixels.
        mirrored: Whether light and motifs are drawn mirrored left to right.
        light: The sun or moon behind the scene, if there is one; it is as round as the moon among the motifs.
        spots: The motifs, in drawing order.
    """

    scene: Scene
    top: int
    bottom: int
    palette: Palette
    detail: int
    scenery: str
    horizon: float
    mirrored: bool
    light: tuple[Spot, ...] = ()
    spots: tuple[Spot, ...] = ()

    @property
    def unit(self) -> float:
        """The working size in pixels: sizes of motifs are shares of it."""
        short, long = sorted((float(self.scene.width), self.bottom - self.top * 0.55))
        # Long pictures would look empty without somewhat larger motifs.
        return short * min(1.35, math.pow(long / short, 0.3))

    def level(self, share: float) -> float:
        """Returns a y between the horizon (0) and the lower edge (1)."""
        return self.horizon + (self.bottom - self.horizon) * share

    def place(self, x: float, y: float) -> complex:
        """Returns the point of the picture at which light or a motif is drawn."""
        return complex(self.scene.width - x if self.mirrored else x, y)


def motif_count(top_p: float | None) -> int:
    """Returns the number of motifs.

    Args:
        top_p: 0..1, or None for the model's default.

    Returns:
        From 1 at topP 0 to 9 at topP 1.
    """
    share = DEFAULT_TOP_P if top_p is None else min(1.0, max(0.0, top_p))
    return MIN_MOTIFS + round((MAX_MOTIFS - MIN_MOTIFS) * share)


def _palette(scene: Scene, keywords: PromptKeywords) -> Palette:
    interpolator = Interpolator(scene, "palette")
    named = keywords.hour or keywords.colour
    palette = PALETTES[named or interpolator.pick(tuple(PALETTES), 0.85)]
    accents = PALETTES.get(keywords.colour, palette)
    palette = {**palette, "main": accents["main"], "second": accents["second"]}
    most = 0.024 if named else 0.06
    return turned(palette, interpolator.between(-most, most) * interpolator.temperature)


def _scenery(scene: Scene, keywords: PromptKeywords) -> str:
    homes = [home for name in keywords.things if (home := MOTIFS[name].home) != "-"]
    if keywords.things and not keywords.scenery and not homes:
        return Interpolator(scene, "scenery").pick(("hills", "mountains", "sea", "city"), 0.7)
    return keywords.scenery or next(iter(homes), "pattern")


def _motif_names(scene: Scene, keywords: PromptKeywords, scenery: str) -> list[str]:
    """Returns the names of the motifs, the most important first: those of the prompt, then companions."""
    interpolator = Interpolator(scene, "cast")
    companions, is_pattern = SCENERIES[scenery].companions, scenery == "pattern"
    first = interpolator.pick(companions, 0.8) if is_pattern and not keywords.things else companions[0]
    named = keywords.things or (first,)
    names = list(named[:MAX_MOTIFS])
    for step in range(MAX_MOTIFS - len(names)):
        choice = companions[(step + 1 if is_pattern else step // 2) % len(companions)]
        repeated = named[step % len(named)]
        if step % 2 == 0 and repeated not in _NEVER_REPEATED and not is_pattern:
            choice = repeated
        # Drawn for every motif, also where it is not used, so that one motif does not change the next.
        other = interpolator.pick(companions, 0)
        names.append(other if interpolator.overrules(0.6) else choice)
    return names[: motif_count(scene.top_p)]


def _height_range(name: str, size: float, plan: Composition, *, leading: bool) -> tuple[float, float]:
    """Returns the smallest and the largest y for a motif."""
    # A lighthouse has a rock of its own, and can stand in the sea.
    footing = 0.4 if name == "lighthouse" else SCENERIES[plan.scenery].footing
    highest = plan.top + size * 0.5
    ranges = {
        "water": (plan.level(0.18), plan.level(0.5 if leading else 0.66)),
        "stand": (plan.level(max(0.66 * leading, footing)), plan.level(0.88 if leading else 0.95)),
        "free": (highest, plan.bottom - size * 0.5),
        "hang": (plan.top + size * 0.55, max(plan.top + size * 0.7, plan.horizon - size * 0.2)),
    }
    return ranges.get(MOTIFS[name].region) or (highest, max(highest + size * 0.1, plan.horizon - size * 0.3))


def _random_spots(random: StableRandom, names: list[str], plan: Composition) -> list[Spot]:
    """Positions motifs one after another, each at the least crowded of some random positions."""
    spots = list[Spot]()
    for rank, name in enumerate(names):
        motif, leading = MOTIFS[name], rank == 0
        size = motif.size * plan.unit * (random.between(0.86, 1.14) if leading else random.between(0.4, 0.62))
        low, high = _height_range(name, size, plan, leading=leading)
        edge = min(0.5, size * motif.reach / plan.scene.width + 0.015)
        left, right = edge, 1 - edge
        if leading:
            left, right = (0.36, 0.64) if plan.scene.width < plan.scene.height * 0.7 else (0.2, 0.52)
        trials = []
        for _ in range(_TRIES):
            x = min(1 - edge, max(edge, random.between(left, right))) * plan.scene.width
            trials.append(Spot(name, rank, x, random.between(low, high), size))
        best = max(trials, key=lambda trial: min(map(trial.room, spots), default=0.0))
        if motif.region == "stand":
            # Motifs that are farther away are smaller, and none reaches into the title.
            depth = (best.y - plan.horizon) / max(1.0, plan.bottom - plan.horizon)
            near = 1.0 if leading else 0.72 + 0.45 * depth
            best = best._replace(size=min(size * near, (best.y - plan.top) * 0.94))
        spots.append(best)
    return spots


def _separate(spots: list[Spot], plan: Composition) -> list[Spot]:
    """Moves motifs sideways until they do not overlap more important ones, as far as there is room.

    In a layout that is interpolated between two others, motifs can overlap even if they do not in either of them.
    """
    separated = list[Spot]()
    for spot in spots:
        # Only the most important motif may hide the sun or moon.
        occupied = [*separated, *plan.light] if separated else []
        half, step = spot.size * spot.motif.reach, plan.unit * 0.04
        # To the left and to the right by turns, a little farther each time.
        slides = (spot.x + (i + 1) // 2 * step * (-1 if i % 2 else 1) for i in range(1, _SLIDE_STEPS))
        trials = [spot, *(spot._replace(x=x) for x in slides if half < x < plan.scene.width - half)]
        free = (trial for trial in trials if all(trial.gap(other) >= 0 for other in occupied))
        best = next(free, None) or max(trials, key=lambda trial: min(map(trial.gap, occupied)))
        separated.append(best)
    return separated


def _blend(first: list[Spot], second: list[Spot], share: float) -> list[Spot]:
    """Returns the layout between two: the first at share 0, the second at share 1."""
    return [
        Spot(one.name, one.rank, *(a + (b - a) * share for a, b in zip(one[2:], other[2:], strict=True)))
        for one, other in zip(first, second, strict=True)
    ]


def _arranged(names: list[str], plan: Composition) -> list[Spot]:
    """Returns the spots of motifs; one that is added at the end leaves the others where they are."""
    interpolator, facts = Interpolator(plan.scene, "layout"), ("layout", plan.scene.prompt)
    randoms = StableRandom(*facts), StableRandom(*facts, plan.scene.seed)
    base, seeded = (_separate(_random_spots(random, names, plan), plan) for random in randoms)
    between = _blend(base, seeded, interpolator.weight)
    # A tiny difference decides whether an overlapping motif moves left or right. Near temperature 0 that would separate
    # pictures that should be alike, and it is not needed there, since no motif has moved far.
    return _blend(between, _separate(between, plan), min(1.0, interpolator.temperature * 4))


def compose(scene: Scene, top: int, bottom: int) -> Composition:
    """Plans a picture.

    Args:
        scene: The parameters of the picture.
        top: The y where the part of the picture begins that is free for the scene.
        bottom: The y where it ends.

    Returns:
        The plan.
    """
    keywords = find_keywords(scene.prompt)
    scenery, palette = _scenery(scene, keywords), _palette(scene, keywords)
    names = _motif_names(scene, keywords, scenery)
    numbers = Interpolator(scene, "frame")
    horizon = bottom - min((bottom - top) * 0.42, scene.width * 0.8) * numbers.between(0.78, 1.2)
    mirrored = numbers.overrules(0.5)
    detail = {"MINIMAL": 0, "HIGH": 2}.get((scene.thinking or "").upper(), 1)
    plan = Composition(scene, top, bottom, palette, detail, scenery, horizon, mirrored)
    x = scene.width * numbers.between(0.56, 0.86)
    y = top + (horizon - top) * numbers.between(0.3, 0.62)
    radius = plan.unit * numbers.between(0.1, 0.17) * (0.75 if is_dark(palette) else 1)
    if scenery not in ("pattern", "space") and "moon" not in names and "sun" not in names:
        plan = plan._replace(light=(Spot("moon", 0, x, y, radius * 2),))
    return plan._replace(spots=tuple(sorted(_arranged(names, plan), key=lambda spot: spot.depth)))
