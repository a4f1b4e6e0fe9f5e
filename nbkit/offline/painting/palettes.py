"""The painter's palettes: eleven colours each, chosen by hand."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping

Colour = tuple[int, ...]


def colour_of(expression: str, inks: Mapping[str, Colour]) -> Colour:
    """Returns the colour of "ink", "ink:other:40" (40 percent of the other) or "ink@70" (70 percent of opacity)."""
    solid, _, opacity = expression.strip().partition("@")
    name, *mixed = solid.split(":")
    colour = inks[name]
    for other, percent in zip(mixed[::2], mixed[1::2], strict=True):
        share = int(percent) / 100
        colour = tuple(round(a + (b - a) * share) for a, b in zip(colour[:3], inks[other][:3], strict=True))
    return (*colour[:3], round(255 * (int(opacity) / 100))) if opacity else colour


Palette = Mapping[str, Colour]
"""Eleven colours ("inks") by name, each for a fixed purpose: the sky from above to the horizon (``top``, ``middle``, ``low``);
sun, moon and lit windows (``light``); the ground from the horizon to the front (``far``, ``mid``, ``near``); the accents
(``main``, ``second``); the darkest and the palest."""

_INKS = ("top", "middle", "low", "light", "far", "mid", "near", "main", "second", "dark", "pale")

# The inks of each palette, in the order of the names above, its own name, and the other words for it. A star marks a time, a
# season or a place, which decides the sky; a colour that is named too decides the accents.
_PALETTES = """
0d1836 24366b 8c7aa8 f9e8b8 35477f 22325f 121c3d e8573a f5b841 0a1026 f8edd3 night midnight nocturnal evening moonlit moonlight starry dark *
47306b cf4f6e fbab62 ffe7ae a94468 6f315b 3b1f43 f4683c ffd06a 28132f fff1da sunset dusk twilight orange coral *
5f9fb3 f0c5a4 fdeacd fff6df bda4aa 8a8097 4e5673 e2705a 3b8d8a 2c3350 fff8ea dawn sunrise morning pastel peach *
3f97c0 8ecad6 eef1d6 ffe07a 93bf9f 519c79 2a6b5b e6582f f5b841 1b3c44 fdf6e0 day noon sunny summer spring daylight bright *
4a1020 a32430 f0764a ffdfaa 8d2032 651629 380b1d ef3b2d f7b73e 26060f fdeed2 red crimson scarlet vermilion ruby
155e6b 62b3ae f5e7c8 fff0c9 62aaa6 247a80 114650 12908f f2894a 0b2d35 faf3df teal turquoise cyan aqua
0f4a3c 58a883 ebecc6 fff4cc 74b490 31805f 15473b 17a574 ecb548 0b2c26 f8f3dd jade green emerald mint olive moss
a9581c eaa33b fce7ac fff8de d18c33 9b5823 55301a f4b41c a63c27 36200f fff5dc gold golden yellow amber honey brass
12386b 4584bc d5e6e6 fff2c8 6393bf 2e669c 153a68 2568cc f4aa48 0b2142 f5f4ea blue navy azure cobalt indigo sapphire
2b1b52 7350a4 eab2c9 ffe9cf 8460aa 553c85 2c2055 9553d1 f6b55c 1a1036 faeef0 violet purple lavender lilac plum magenta
cf5877 f2a6a0 fee5cf fff5e3 dc8b9b ab567b 66305a e84870 2c8f84 3c193a fff3ea pink rose blush cherry sakura
0a0622 341268 c3278f 6df5e8 34186f 1e0e4e 0c0528 ff2f96 2ce6ff 06020f f4f0ff neon cyberpunk synthwave vaporwave *
2f3339 7b8087 dedbd3 f8f5ec 8d9096 5b5f66 33363c c8452f e0a63c 191b1f f7f4ec grey gray black monochrome silver charcoal noir white ink
5486ab abcbdb f2f4f0 fffbe6 a5bfd1 d3e1ea f3f7f8 d4463d 2d7076 213e58 ffffff winter snow snowy ice icy frozen frost *
d48a45 f3cb88 fcefcf fff4d6 cb783d 9b4626 562820 d6512a e6aa30 351913 fff3da autumn brown copper rust terracotta harvest *
174d73 57a5b6 f9e3b6 fff3cd 4691a6 206c88 0e405e f0663f f6bd4b 0a2940 fbf5e2 ocean tropical nautical *
2c7685 ecb680 fde6bd fff4d2 dd965f ba663d 743829 cb462f 2f9086 3a1a16 fff2dc desert sand sandy *
"""

_ROWS = [row.split() for row in _PALETTES.strip().splitlines()]
PALETTE_WORDS = {row[11]: row[11:] for row in _ROWS}
PALETTES: dict[str, Palette] = {
    row[11]: {name: tuple(bytes.fromhex(ink)) for name, ink in zip(_INKS, row, strict=False)} for row in _ROWS
}


def _hue(colour: Colour, turn: float) -> Colour:
    hue, light, strength = colorsys.rgb_to_hls(*(value / 255 for value in colour[:3]))
    return tuple(round(255 * value) for value in colorsys.hls_to_rgb((hue + turn) % 1, light, strength))


def turned(palette: Palette, turn: float) -> Palette:
    """Returns the palette with every hue turned by a share of the colour circle."""
    return {name: _hue(colour, turn) for name, colour in palette.items()} if turn else palette


def is_dark(palette: Palette) -> bool:
    """Returns whether the top of the sky is dark, as at night."""
    return sum(value * share for value, share in zip(palette["top"], (0.3, 0.59, 0.11), strict=True)) < 60
