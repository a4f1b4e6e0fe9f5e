"""The plan of a picture: its palette, scenery, light and motifs, before anything is drawn.

Each number of the plan has two values, one that follows from the prompt alone and one that follows from prompt and
seed. Temperature moves the plan from the first to the second. That is why the pictures of several seeds are alike at
temperature 0 and differ at 1.

Each motif has its place within a range of heights, and apart from the more important ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from nbkit.offline.painting.keywords import PromptKeywords
from nbkit.offline.painting.motifs import MOTIFS, Motif
from nbkit.offline.painting.palettes import PALETTES, Palette, is_dark, turned
from nbkit.offline.painting.scene import NATURAL_TOP_P, Scene
from nbkit.offline.painting.sceneries import SCENERIES
from nbkit.offline.painting.stable_random import Interpolator, StableRandom

MAX_MOTIFS = 9
"""Motifs of a picture at topP 1, if the prompt does not name more; where it names nearly as many, two join them."""

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

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """The left, right, upper and lower edge."""
        reach, middle = self.size * self.motif.reach, self.middle
        return self.x - reach, self.x + reach, middle - self.size * 0.5, middle + self.size * 0.5


class Composition(NamedTuple):
    """The plan of a picture.

    Attributes:
        scene: The parameters of the picture.
        keywords: What was understood of its prompt.
        top, bottom: Where the part of it that is free begins and ends.
        palette: Its colours.
        scenery: A key of SCENERIES.
        horizon: The y of the horizon, in pixels.
        mirrored: Whether light and motifs are drawn mirrored left to right.
        light: The sun or moon behind the scene, if there is one; it is as round as the moon among the motifs.
        spots: The motifs, in drawing order; those of the prompt come last, so that nothing hides them.
    """

    scene: Scene
    keywords: PromptKeywords
    top: int
    bottom: int
    palette: Palette
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


def company_size(named: int, top_p: float | None) -> int:
    """Returns how many motifs join those that the prompt names.

    Args:
        named: Number of those.
        top_p: 0..1, or None if it was not sent.

    Returns:
        From none at topP 0 to all at topP 1; where nothing is named, at least one.
    """
    share = NATURAL_TOP_P if top_p is None else min(1.0, max(0.0, top_p))
    least, most = int(not named), max(2, MAX_MOTIFS - named)
    return least + round((most - least) * share)


def _palette(scene: Scene, keywords: PromptKeywords) -> Palette:
    interpolator = Interpolator(scene, "palette")
    named = keywords.hour or keywords.colour
    wanted = tuple(name for name in PALETTES if name not in keywords.unwanted)
    if "night" in keywords.unwanted:
        wanted = tuple(name for name in wanted if not is_dark(PALETTES[name]))
    palette = PALETTES[named or interpolator.pick(wanted or tuple(PALETTES), 0.85)]
    accents = PALETTES.get(keywords.colour, palette)
    palette = {**palette, "main": accents["main"], "second": accents["second"]}
    most = 0.024 if named else 0.06
    return turned(palette, interpolator.between(-most, most) * interpolator.temperature)


def _scenery(scene: Scene, keywords: PromptKeywords) -> str:
    homes = [home for name in keywords.things if (home := MOTIFS[name].home) not in ("-", *keywords.unwanted)]
    if keywords.things and not keywords.scenery and not homes:
        wanted = tuple(name for name in ("hills", "mountains", "sea", "city") if name not in keywords.unwanted)
        return Interpolator(scene, "scenery").pick(wanted or ("pattern",), 0.7)
    return keywords.scenery or next(iter(homes), "pattern")


def _motif_names(scene: Scene, keywords: PromptKeywords, scenery: str) -> list[str]:
    """Returns the names of the motifs, the most important first: those of the prompt, then companions."""
    interpolator = Interpolator(scene, "cast")
    # Of what the prompt names with its number, there is no more than that.
    excluded = keywords.unwanted | (set(keywords.things) - keywords.several)
    companions = tuple(name for name in SCENERIES[scenery].companions if name not in excluded)
    repeated = [name for name in keywords.things if name in keywords.several - keywords.unwanted]
    names, is_pattern = list(keywords.things), scenery == "pattern"
    if not companions:
        companions = tuple(repeated)
    size = company_size(len(names), scene.top_p) if companions and not keywords.alone else 0
    if len({*companions, *repeated}) == 1:
        size = min(size, 3)  # many of one kind would be a crowd that nobody asked for
    for step in range(size):
        # Drawn for every motif, also where it is not used, so that one motif does not change the next.
        other = interpolator.pick(companions, 0)
        choice = companions[(step if is_pattern else step // 2) % len(companions)]
        if step % 2 == 0 and repeated:
            choice = repeated[step // 2 % len(repeated)]
        names.append(other if interpolator.overrules(0.6) else choice)
    return names


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


def _crowding(names: Sequence[str], plan: Composition) -> float:
    """Returns a factor for the sizes of the motifs that a prompt names, so that there is room for all of them."""
    needed = dict.fromkeys(_LAYERS, 0.0)
    for rank, name in enumerate(names):
        motif = MOTIFS[name]
        size = motif.size * plan.unit * (1 if rank == 0 else 0.55)
        # What stands needs a place of its own along the ground; what hangs or flies, a part of the sky.
        across = 2 * size * motif.reach
        region = "water" if name == "lighthouse" and plan.scenery == "sea" else motif.region
        needed[region] += across if region in ("stand", "water") else across * size
    width, sky = 0.85 * plan.scene.width, 0.38 * plan.scene.width * max(1.0, plan.horizon - plan.top)
    ground = min(1.0, width / (needed["stand"] or 1)), min(1.0, width / (needed["water"] or 1))
    above = needed["sky"] + needed["hang"] + needed["free"]
    return min(*ground, math.sqrt(min(1.0, sky / (above or 1))))


def _random_spots(random: StableRandom, names: list[str], plan: Composition) -> list[Spot]:
    """Positions motifs one after another, each at the least crowded of some random positions."""
    spots, named = list[Spot](), len(plan.keywords.things)
    crowding = _crowding(plan.keywords.things, plan)
    for rank, name in enumerate(names):
        motif, leading = MOTIFS[name], rank == 0
        size = motif.size * plan.unit * (random.between(0.86, 1.14) if leading else random.between(0.4, 0.62))
        size *= crowding if rank < named else 1
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
        occupied = [other.edges for other in (*separated, *plan.light)] if separated else []
        left, right, upper, lower = spot.edges
        # What is above or below can stay there.
        beside = [(west, east, max(u - lower, upper - d)) for west, east, u, d in occupied if u < lower and d > upper]
        step, widest, best, way = plan.unit * 0.04, plan.scene.width, 0.0, -math.inf
        for i in range(_SLIDE_STEPS):
            # To the left and to the right by turns, a little farther each time.
            slide = (i + 1) // 2 * step * (-1 if i % 2 else 1)
            if i and not (left + slide > 0 and right + slide < widest):
                continue
            gap = min(
                (max(west - right - slide, left + slide - east, above) for west, east, above in beside), default=0.0
            )
            if gap > way:
                best, way = slide, gap
            if gap >= 0:
                break
        separated.append(spot._replace(x=spot.x + best))
    return separated


def _blend(first: list[Spot], second: list[Spot], share: float) -> list[Spot]:
    """Returns the layout between two: the first at share 0, the second at share 1."""
    return [
        Spot(one.name, one.rank, *(a + (b - a) * share for a, b in zip(one[2:], other[2:], strict=True)))
        for one, other in zip(first, second, strict=True)
    ]


def _shaken(spot: Spot, plan: Composition) -> Spot:
    """Returns a motif a little away from its place, where there is noise."""
    if not plan.scene.noise:
        return spot
    random, most = (
        StableRandom("shaken", plan.scene.prompt, plan.scene.seed, plan.scene.draw, spot.rank),
        plan.scene.noise / 2,
    )
    x, y = (random.between(-most, most) * plan.unit for _ in range(2))
    half = spot.size * spot.motif.reach
    return spot._replace(
        x=min(max(spot.x + x, min(half, spot.x)), max(plan.scene.width - half, spot.x)),
        y=spot.y + y * 0.4,
        size=spot.size * (1 + random.between(-most, most)),
    )


def _arranged(names: list[str], plan: Composition) -> list[Spot]:
    """Returns the spots of motifs; one that is added at the end leaves the others where they are."""
    interpolator, facts = Interpolator(plan.scene, "layout"), ("layout", plan.scene.prompt)
    randoms = StableRandom(*facts), StableRandom(*facts, plan.scene.seed)
    base, seeded = (_separate(_random_spots(random, names, plan), plan) for random in randoms)
    between = _blend(base, seeded, interpolator.weight)
    # A tiny difference decides whether an overlapping motif moves left or right. Near temperature 0 that would separate
    # pictures that should be alike, and it is not needed there, since no motif has moved far.
    separated = _blend(between, _separate(between, plan), min(1.0, interpolator.temperature * 4))
    return [_shaken(spot, plan) for spot in separated]


def compose(scene: Scene, keywords: PromptKeywords, top: int, bottom: int) -> Composition:
    """Plans a picture.

    Args:
        scene: The parameters of the picture.
        keywords: What was understood of its prompt.
        top: The y where the part of the picture begins that is free for the scene.
        bottom: The y where it ends.

    Returns:
        The plan.
    """
    scenery, palette = _scenery(scene, keywords), _palette(scene, keywords)
    names = _motif_names(scene, keywords, scenery)
    numbers = Interpolator(scene, "frame")
    horizon = bottom - min((bottom - top) * 0.42, scene.width * 0.8) * numbers.between(0.78, 1.2)
    mirrored = numbers.overrules(0.5)
    plan = Composition(scene, keywords, top, bottom, palette, scenery, horizon, mirrored)
    x = scene.width * numbers.between(0.56, 0.86)
    y = top + (horizon - top) * numbers.between(0.3, 0.62)
    radius = plan.unit * numbers.between(0.1, 0.17) * (0.75 if is_dark(palette) else 1)
    light = "moon" if is_dark(palette) else "sun"
    if scenery not in ("pattern", "space") and not {"moon", "sun"} & {*names} and light not in keywords.unwanted:
        plan = plan._replace(light=(Spot("moon", 0, x, y, radius * 2),))
    return plan._replace(
        spots=tuple(sorted(_arranged(names, plan), key=lambda spot: (spot.rank < len(keywords.things), spot.depth)))
    )
