"""The painter's palettes: eleven colours each, chosen by hand."""

from __future__ import annotations

import colorsys
from typing import NamedTuple

from nbkit.offline.painting.brush import Colour

__all__ = ["PALETTES", "Palette", "accents", "is_dark", "turned"]


class Palette(NamedTuple):
    """Eleven colours ("inks"), each for a fixed purpose.

    Attributes:
        top, middle, low: The sky, from above to the horizon.
        light: Sun, moon and lit windows.
        far, mid, near: The ground, from the horizon to the front.
        main, second: The accents.
        dark, pale: The darkest and the palest.
    """

    top: Colour
    middle: Colour
    low: Colour
    light: Colour
    far: Colour
    mid: Colour
    near: Colour
    main: Colour
    second: Colour
    dark: Colour
    pale: Colour


def _inks(text: str) -> Palette:
    return Palette(*(tuple(bytes.fromhex(code)) for code in text.split()))


# In the order of the fields of Palette.
PALETTES: dict[str, Palette] = {
    "night": _inks("0d1836 24366b 8c7aa8 f9e8b8 35477f 22325f 121c3d e8573a f5b841 0a1026 f8edd3"),
    "sunset": _inks("47306b cf4f6e fbab62 ffe7ae a94468 6f315b 3b1f43 f4683c ffd06a 28132f fff1da"),
    "dawn": _inks("5f9fb3 f0c5a4 fdeacd fff6df bda4aa 8a8097 4e5673 e2705a 3b8d8a 2c3350 fff8ea"),
    "day": _inks("3f97c0 8ecad6 eef1d6 ffe07a 93bf9f 519c79 2a6b5b e6582f f5b841 1b3c44 fdf6e0"),
    "red": _inks("4a1020 a32430 f0764a ffdfaa 8d2032 651629 380b1d ef3b2d f7b73e 26060f fdeed2"),
    "teal": _inks("155e6b 62b3ae f5e7c8 fff0c9 62aaa6 247a80 114650 12908f f2894a 0b2d35 faf3df"),
    "jade": _inks("0f4a3c 58a883 ebecc6 fff4cc 74b490 31805f 15473b 17a574 ecb548 0b2c26 f8f3dd"),
    "gold": _inks("a9581c eaa33b fce7ac fff8de d18c33 9b5823 55301a f4b41c a63c27 36200f fff5dc"),
    "blue": _inks("12386b 4584bc d5e6e6 fff2c8 6393bf 2e669c 153a68 2568cc f4aa48 0b2142 f5f4ea"),
    "violet": _inks("2b1b52 7350a4 eab2c9 ffe9cf 8460aa 553c85 2c2055 9553d1 f6b55c 1a1036 faeef0"),
    "rose": _inks("cf5877 f2a6a0 fee5cf fff5e3 dc8b9b ab567b 66305a e84870 2c8f84 3c193a fff3ea"),
    "neon": _inks("0a0622 341268 c3278f 6df5e8 34186f 1e0e4e 0c0528 ff2f96 2ce6ff 06020f f4f0ff"),
    "slate": _inks("2f3339 7b8087 dedbd3 f8f5ec 8d9096 5b5f66 33363c c8452f e0a63c 191b1f f7f4ec"),
    "winter": _inks("5486ab abcbdb f2f4f0 fffbe6 a5bfd1 d3e1ea f3f7f8 d4463d 2d7076 213e58 ffffff"),
    "autumn": _inks("d48a45 f3cb88 fcefcf fff4d6 cb783d 9b4626 562820 d6512a e6aa30 351913 fff3da"),
    "ocean": _inks("174d73 57a5b6 f9e3b6 fff3cd 4691a6 206c88 0e405e f0663f f6bd4b 0a2940 fbf5e2"),
    "desert": _inks("2c7685 ecb680 fde6bd fff4d2 dd965f ba663d 743829 cb462f 2f9086 3a1a16 fff2dc"),
}


def _hue(colour: Colour, turn: float) -> Colour:
    hue, light, strength = colorsys.rgb_to_hls(*(value / 255 for value in colour[:3]))
    return tuple(round(255 * value) for value in colorsys.hls_to_rgb((hue + turn) % 1, light, strength))


def turned(palette: Palette, turn: float) -> Palette:
    """Returns the palette with every hue turned by a share of the colour circle."""
    return Palette(*(_hue(colour, turn) for colour in palette)) if turn else palette


def accents(base: Palette, source: Palette) -> Palette:
    """Returns the base palette with the accents of another one."""
    return base._replace(main=source.main, second=source.second)


def is_dark(palette: Palette) -> bool:
    """Returns whether the top of the sky is dark, as at night."""
    red, green, blue = palette.top[:3]
    return red * 0.3 + green * 0.59 + blue * 0.11 < 60
