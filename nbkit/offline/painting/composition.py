"""The plan of a picture: its palette, scenery, light and motifs, before anything is drawn.

Each number of the plan has two values, one that follows from the prompt alone and one that follows from prompt and
seed. Temperature moves the plan from the first to the second. That is why the pictures of several seeds are alike at
temperature 0 and differ at 1.
"""

from __future__ import annotations

from typing import NamedTuple

from nbkit.offline.painting.interpolator import Interpolator
from nbkit.offline.painting.keywords import PromptKeywords, find_keywords
from nbkit.offline.painting.layout import Frame, Light, Setting, Spot, arrange_motifs
from nbkit.offline.painting.motifs import COMPANIONS
from nbkit.offline.painting.palettes import PALETTES, Palette, accents, is_dark, turned
from nbkit.offline.painting.scene import Scene

__all__ = ["DEFAULT_TOP_P", "Composition", "compose", "motif_count"]

DEFAULT_TOP_P = 0.6
MIN_MOTIFS, MAX_MOTIFS = 1, 9
"""Number of motifs at topP 0 and at topP 1."""

_HOME_SCENERIES = {
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
_NEVER_REPEATED = frozenset({"moon", "sun", "lighthouse", "tower", "rocket"})
_GENERAL_SCENERIES = ("hills", "mountains", "sea", "city")


class Composition(NamedTuple):
    """The plan of a picture.

    Attributes:
        palette: Its colours.
        scenery: A key of GROUNDS.
        horizon: The y of the horizon, in pixels.
        light: The sun or moon behind the scene; None if there is none.
        spots: The motifs, in drawing order.
        detail: 0, 1 or 2.
    """

    palette: Palette
    scenery: str
    horizon: float
    light: Light | None
    spots: tuple[Spot, ...]
    detail: int


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
    names = tuple(PALETTES)
    if keywords.hour or keywords.colour:
        palette = PALETTES[keywords.hour or keywords.colour]
        if keywords.hour and keywords.colour:
            palette = accents(palette, PALETTES[keywords.colour])
        return turned(palette, interpolator.between(-0.024, 0.024) * interpolator.temperature)
    return turned(
        PALETTES[interpolator.pick(names, 0.85)], interpolator.between(-0.06, 0.06) * interpolator.temperature
    )


def _scenery(scene: Scene, keywords: PromptKeywords) -> str:
    if keywords.scenery:
        return keywords.scenery
    if not keywords.things:
        return "pattern"
    home = next((_HOME_SCENERIES[name] for name in keywords.things if name in _HOME_SCENERIES), "")
    return home or Interpolator(scene, "scenery").pick(_GENERAL_SCENERIES, 0.7)


def _motif_names(scene: Scene, keywords: PromptKeywords, scenery: str) -> list[str]:
    """Returns the names of the motifs, the most important first: those of the prompt, then companions."""
    interpolator = Interpolator(scene, "cast")
    companions = COMPANIONS[scenery]
    if keywords.things:
        named = list(keywords.things)
    else:
        named = [interpolator.pick(companions, 0.8) if scenery == "pattern" else companions[0]]
    names = named[:MAX_MOTIFS]
    step = 0
    while len(names) < MAX_MOTIFS:
        repeated = named[step % len(named)]
        is_repeat = step % 2 == 0 and repeated not in _NEVER_REPEATED and scenery != "pattern"
        own = companions[(step // 2 if scenery != "pattern" else step + 1) % len(companions)]
        choice = repeated if is_repeat else own
        other = interpolator.pick(companions, 0)
        # Drawn for every motif, also where it is not used, so that one motif does not change the next.
        if interpolator.overrules(0.6):
            choice = other
        names.append(choice)
        step += 1
    return names[: motif_count(scene.top_p)]


def compose(scene: Scene, frame: Frame) -> Composition:
    """Plans a picture.

    Args:
        scene: The parameters of the picture.
        frame: The part of the picture that is free.

    Returns:
        The plan.
    """
    keywords = find_keywords(scene.prompt)
    scenery = _scenery(scene, keywords)
    names = _motif_names(scene, keywords, scenery)
    interpolator = Interpolator(scene, "frame")
    ground = min((frame.bottom - frame.top) * 0.42, frame.width * 0.8) * interpolator.between(0.78, 1.2)
    horizon = frame.bottom - ground
    mirrored = interpolator.overrules(0.5)
    palette = _palette(scene, keywords)
    x = interpolator.between(0.56, 0.86)
    y = interpolator.between(0.3, 0.62)
    radius = frame.unit * interpolator.between(0.1, 0.17)
    light: Light | None = None
    if scenery not in ("pattern", "space") and "moon" not in names and "sun" not in names:
        light = (frame.width * x, frame.top + (horizon - frame.top) * y, radius * (0.75 if is_dark(palette) else 1))
    detail = {"MINIMAL": 0, "HIGH": 2}.get((scene.thinking or "").upper(), 1)
    spots = arrange_motifs(scene, names, Setting(frame, scenery, horizon, light, mirrored))
    if light and mirrored:
        light = (frame.width - light[0], *light[1:])
    return Composition(palette, scenery, horizon, light, spots, detail)
