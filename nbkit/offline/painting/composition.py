"""Decides what goes where: the plan of a picture, before anything is drawn.

Each number of the plan has two values, one that the prompt alone decides and one that
prompt and seed decide together. Temperature sets how far the plan moves from the first
to the second. That is why seeds agree at temperature 0 and part company at 1.
"""

from __future__ import annotations

from typing import NamedTuple

from nbkit.offline.painting.interpolator import Interpolator
from nbkit.offline.painting.keywords import PromptKeywords, read
from nbkit.offline.painting.layout import Frame, Light, Setting, Spot, place_motifs
from nbkit.offline.painting.motifs import COMPANIONS
from nbkit.offline.painting.palettes import PALETTES, Palette, accents, is_dark, turned
from nbkit.offline.painting.scene import Scene

__all__ = ["DEFAULT_TOP_P", "Composition", "compose", "motif_count"]

DEFAULT_TOP_P = 0.6
FEWEST, MOST = 1, 9

_HOME = {
    "boat": "sea",
    "fish": "sea",
    "lighthouse": "sea",
    "car": "city",
    "robot": "city",
    "pine": "forest",
    "mushroom": "forest",
    "cactus": "dunes",
    "rocket": "space",
    "planet": "space",
    "tower": "mountains",
    "flower": "hills",
    "butterfly": "hills",
    "tree": "hills",
    "house": "hills",
}
_SINGLE = frozenset({"moon", "sun", "lighthouse", "tower", "rocket"})
_OPEN_SCENERY = ("hills", "mountains", "sea", "city")


class Composition(NamedTuple):
    """Everything the drawing needs to know."""

    palette: Palette
    scenery: str
    horizon: float
    light: Light | None
    spots: tuple[Spot, ...]
    detail: int


def motif_count(top_p: float | None) -> int:
    """Returns how many motifs take part.

    Args:
        top_p: 0..1, or None for the model's default.

    Returns:
        From one at 0 to nine at 1.
    """
    share = DEFAULT_TOP_P if top_p is None else min(1.0, max(0.0, top_p))
    return FEWEST + round((MOST - FEWEST) * share)


def _palette(scene: Scene, reading: PromptKeywords) -> Palette:
    drift = Interpolator(scene, "palette")
    names = tuple(PALETTES)
    if reading.hour or reading.colour:
        palette = PALETTES[reading.hour or reading.colour]
        if reading.hour and reading.colour:
            palette = accents(palette, PALETTES[reading.colour])
        return turned(palette, drift.between(-0.024, 0.024) * drift.heat)
    return turned(PALETTES[drift.pick(names, 0.85)], drift.between(-0.06, 0.06) * drift.heat)


def _scenery(scene: Scene, reading: PromptKeywords) -> str:
    if reading.scenery:
        return reading.scenery
    if not reading.things:
        return "pattern"
    home = next((_HOME[name] for name in reading.things if name in _HOME), "")
    return home or Interpolator(scene, "scenery").pick(_OPEN_SCENERY, 0.7)


def _cast(scene: Scene, reading: PromptKeywords, scenery: str) -> list[str]:
    """Returns the motifs in order of importance: the named ones, then their company."""
    drift = Interpolator(scene, "cast")
    company = COMPANIONS[scenery]
    if reading.things:
        named = list(reading.things)
    else:
        named = [drift.pick(company, 0.8) if scenery == "pattern" else company[0]]
    names = named[:MOST]
    step = 0
    while len(names) < MOST:
        again = named[step % len(named)]
        repeats = step % 2 == 0 and again not in _SINGLE and scenery != "pattern"
        own = company[(step // 2 if scenery != "pattern" else step + 1) % len(company)]
        choice = again if repeats else own
        stray = drift.pick(company, 0)
        # Drawn for every place, wanted or not, so that one place never disturbs the next.
        if drift.strays(0.6):
            choice = stray
        names.append(choice)
        step += 1
    return names[: motif_count(scene.top_p)]


def compose(scene: Scene, frame: Frame) -> Composition:
    """Plans a picture.

    Args:
        scene: What was asked for.
        frame: The room there is.

    Returns:
        The plan, with motifs in drawing order.
    """
    reading = read(scene.prompt)
    scenery = _scenery(scene, reading)
    names = _cast(scene, reading, scenery)
    drift = Interpolator(scene, "frame")
    ground = min((frame.bottom - frame.top) * 0.42, frame.width * 0.8) * drift.between(0.78, 1.2)
    horizon = frame.bottom - ground
    mirrored = drift.strays(0.5)
    palette = _palette(scene, reading)
    x = drift.between(0.56, 0.86)
    y = drift.between(0.3, 0.62)
    radius = frame.unit * drift.between(0.1, 0.17)
    light: Light | None = None
    if scenery not in ("pattern", "space") and "moon" not in names and "sun" not in names:
        light = (frame.width * x, frame.top + (horizon - frame.top) * y, radius * (0.75 if is_dark(palette) else 1))
    detail = {"MINIMAL": 0, "HIGH": 2}.get((scene.thinking or "").upper(), 1)
    spots = place_motifs(scene, names, Setting(frame, scenery, horizon, light, mirrored))
    if light and mirrored:
        light = (frame.width - light[0], *light[1:])
    return Composition(palette, scenery, horizon, light, spots, detail)
