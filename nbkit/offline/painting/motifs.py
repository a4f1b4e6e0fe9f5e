"""The table of motifs: name, drawing function, region and size of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from nbkit.offline.painting import motifs_ground as ground
from nbkit.offline.painting import motifs_shapes as shapes
from nbkit.offline.painting import motifs_sky as sky
from nbkit.offline.painting import motifs_things as things
from nbkit.offline.painting.brush import Pen
from nbkit.offline.painting.palettes import Palette
from nbkit.offline.painting.stable_random import StableRandom

__all__ = ["COMPANIONS", "MOTIFS", "Motif"]


class Motif(NamedTuple):
    """A thing that the painter can draw.

    Attributes:
        draw: Adds its shapes; takes pen, palette, detail 0..2 and a random stream.
        region: "hang", "sky", "stand", "water" or "free" (anywhere).
        size: Its size as the most important motif, as a share of the picture's working size.
        reach: Half its width as a share of its height, which keeps other motifs apart.
    """

    draw: Callable[[Pen, Palette, int, StableRandom], None]
    region: str
    size: float
    reach: float


MOTIFS: dict[str, Motif] = {
    "lantern": Motif(sky.lantern, "hang", 0.44, 0.5),
    "moon": Motif(sky.moon, "sky", 0.4, 0.5),
    "sun": Motif(sky.sun, "sky", 0.42, 0.55),
    "star": Motif(sky.star, "sky", 0.34, 0.5),
    "cloud": Motif(sky.cloud, "sky", 0.46, 0.45),
    "bird": Motif(sky.bird, "sky", 0.42, 0.5),
    "balloon": Motif(sky.balloon, "sky", 0.46, 0.45),
    "planet": Motif(sky.planet, "sky", 0.42, 0.55),
    "rocket": Motif(sky.rocket, "sky", 0.5, 0.5),
    "butterfly": Motif(sky.butterfly, "sky", 0.38, 0.5),
    "heart": Motif(sky.heart, "sky", 0.38, 0.5),
    "tree": Motif(ground.tree, "stand", 0.52, 0.36),
    "pine": Motif(ground.pine, "stand", 0.54, 0.32),
    "flower": Motif(ground.flower, "stand", 0.5, 0.32),
    "house": Motif(ground.house, "stand", 0.42, 0.5),
    "tower": Motif(ground.tower, "stand", 0.62, 0.42),
    "lighthouse": Motif(ground.lighthouse, "stand", 0.62, 0.36),
    "mushroom": Motif(ground.mushroom, "stand", 0.38, 0.46),
    "cactus": Motif(ground.cactus, "stand", 0.48, 0.36),
    "cat": Motif(things.cat, "stand", 0.48, 0.42),
    "robot": Motif(things.robot, "stand", 0.52, 0.4),
    "car": Motif(things.car, "stand", 0.3, 1.0),
    "cup": Motif(things.cup, "stand", 0.42, 0.5),
    "umbrella": Motif(things.umbrella, "stand", 0.46, 0.5),
    "boat": Motif(things.boat, "water", 0.44, 0.5),
    "fish": Motif(things.fish, "water", 0.4, 0.6),
    "halves": Motif(shapes.halves, "free", 0.42, 0.5),
    "rings": Motif(shapes.rings, "free", 0.42, 0.5),
    "burst": Motif(shapes.burst, "free", 0.46, 0.5),
    "boomerang": Motif(shapes.boomerang, "free", 0.44, 0.5),
    "arches": Motif(shapes.arches, "free", 0.4, 0.5),
    "leaf": Motif(shapes.leaf, "free", 0.42, 0.35),
    "diamonds": Motif(shapes.diamonds, "free", 0.4, 0.35),
}

# The motifs that join the prompt's own, by scenery; the first are the likeliest.
COMPANIONS: dict[str, tuple[str, ...]] = {
    "hills": ("tree", "cloud", "bird", "house", "flower", "tree", "balloon"),
    "mountains": ("pine", "cloud", "bird", "pine", "house", "balloon"),
    "sea": ("boat", "cloud", "bird", "boat", "fish"),
    "forest": ("pine", "mushroom", "bird", "pine", "butterfly", "cloud"),
    "city": ("car", "cloud", "tree", "lantern", "bird", "star"),
    "dunes": ("cactus", "cloud", "bird", "cactus", "balloon"),
    "space": ("planet", "star", "rocket", "star", "planet"),
    "pattern": ("halves", "burst", "boomerang", "rings", "leaf", "arches", "diamonds"),
}
