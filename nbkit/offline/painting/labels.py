"""The text over the scene: title, footer and badges."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from PIL import Image, ImageDraw

from nbkit.display.lettering import MIN_SIZE_PIXELS, drawable, face, fit, measure, wrap
from nbkit.offline.painting.brush import fade, mix
from nbkit.offline.painting.composition import DEFAULT_TOP_P
from nbkit.offline.painting.interpolator import DEFAULT_TEMPERATURE
from nbkit.offline.painting.keywords import find_quotes
from nbkit.offline.painting.palettes import Palette
from nbkit.offline.painting.scene import Scene

__all__ = ["Badge", "Footer", "Title", "badges", "draw_badges", "draw_footer", "draw_title", "footer", "title"]

_GLUE = " \u00b7 "


class Title(NamedTuple):
    """The quoted texts of a prompt, measured; all numbers are pixels.

    Attributes:
        lines: Each with the size of its type.
        width, height: Of the plate under them.
        pad: Between the edge of the plate and the text.
    """

    lines: tuple[tuple[str, int], ...]
    width: int
    height: int
    pad: int


class Footer(NamedTuple):
    """The strip at the lower edge: its lines, the size of their type, and its height in pixels."""

    lines: tuple[str, ...]
    size: int
    height: int


def title(scene: Scene) -> Title | None:
    """Measures the quoted texts of a prompt; returns None if there are none."""
    found = [drawable(text) for text in find_quotes(scene.prompt)]
    short = min(scene.width, scene.height)
    pad = max(5, round(short * 0.028))
    wide = min(scene.width * 0.86, scene.height * 2.6) - 2 * pad
    room = min(scene.height * 0.27, scene.width * 0.9)
    lines: list[tuple[str, int]] = []
    for i, (text, missing) in enumerate(found):
        line = text or (f"[{missing} characters this typeface lacks]" if missing else "")
        if not line:
            continue
        largest = round(short * (0.115 if i == 0 else 0.05))
        size, parts = fit(line, wide, room * (0.66 if i == 0 else 0.22), largest, 3 if i == 0 else 2)
        lines += [(part, size) for part in parts]
    if not lines:
        return None
    across = max(measure(text, size) for text, size in lines)
    tall = sum(size * 1.2 for _, size in lines)
    return Title(tuple(lines), round(across) + 2 * pad, round(tall) + round(1.7 * pad), pad)


def draw_title(picture: Image.Image, plate: Title, inks: Palette, top: int) -> None:
    """Draws the title on a pale plate near the upper edge."""
    draw = ImageDraw.Draw(picture, "RGBA")
    left = (picture.width - plate.width) // 2
    right, bottom = left + plate.width, top + plate.height
    drop = max(2, plate.pad // 3)
    draw.rectangle((left + drop, top + drop, right + drop, bottom + drop), fill=fade(inks.dark, 0.45))
    draw.rectangle((left, top, right, bottom), fill=inks.pale)
    edge = max(1, plate.pad // 8)
    inner = max(2, plate.pad // 4)
    draw.rectangle((left + inner, top + inner, right - inner, bottom - inner), outline=inks.main, width=edge)
    y = top + plate.pad * 0.85
    for i, (text, size) in enumerate(plate.lines):
        colour = inks.dark if i == 0 or size == plate.lines[0][1] else mix(inks.dark, inks.main, 0.35)
        draw.text((picture.width // 2, round(y + size * 0.6)), text, font=face(size), fill=colour, anchor="mm")
        y += size * 1.2


def _setting_text(name: str, value: float | None, stand_in: float) -> str:
    return f"{name} default (as {stand_in:g})" if value is None else f"{name} {value:g}"


def _facts(scene: Scene) -> list[str]:
    """Returns the texts of the footer, the most important first."""
    count = len(scene.insets)
    facts = [
        "DRAWN OFFLINE by nbkit",
        f"seed {scene.seed}",
        _setting_text("temperature", scene.temperature, DEFAULT_TEMPERATURE),
        _setting_text("topP", scene.top_p, DEFAULT_TOP_P),
        f"thinking {drawable(scene.thinking)[0][:16] if scene.thinking else 'default'}",
        f"{scene.width}\u00d7{scene.height}",
    ]
    return [*facts, f"{count} reference{'s' * (count > 1)}"] if count else facts


def footer(scene: Scene) -> Footer:
    """Measures the footer strip."""
    facts = _facts(scene)
    short = min(scene.width, scene.height)
    wanted = max(9, round(short * 0.02))
    width = scene.width - 2 * max(4, round(wanted * 0.8))
    tallest = max(scene.height * 0.15, min(scene.height * 0.22, 60))
    while True:
        for max_lines in (1, 2, 9):
            for size in range(wanted, (max(9, round(wanted * 0.72)) if max_lines < 9 else MIN_SIZE_PIXELS) - 1, -1):
                lines = wrap(facts, size, width, _GLUE)
                tall = round(len(lines) * size * 1.3 + size * 0.7)
                # The first two, who drew it and the seed, are always there, however little room there is.
                if len(lines) <= max_lines and (tall <= tallest or (len(facts) <= 2 and size == MIN_SIZE_PIXELS)):
                    return Footer(tuple(lines), size, tall)
        if len(facts) <= 2:
            tallest += scene.height
        else:
            facts = facts[:-1]


def draw_footer(picture: Image.Image, strip: Footer, inks: Palette) -> None:
    """Draws the footer along the lower edge."""
    draw = ImageDraw.Draw(picture)
    top = picture.height - strip.height
    draw.rectangle((0, top, picture.width, picture.height), fill=inks.dark)
    draw.rectangle((0, top, picture.width, top + max(1, strip.size // 8) - 1), fill=inks.main)
    left = max(4, round(strip.size * 0.8))
    for i, line in enumerate(strip.lines):
        y = top + round(strip.size * 0.42 + i * strip.size * 1.3)
        draw.text((left, y + strip.size), line, font=face(strip.size), fill=inks.pale, anchor="ls")


class Badge(NamedTuple):
    """A badge: its icon, its text, and a shorter text for where there is little room."""

    icon: str
    text: str
    brief: str


def badges(scene: Scene) -> tuple[Badge, ...]:
    """Returns the badges of a scene: searches, system prompt and safety."""
    items = []
    if scene.web_search:
        items.append(Badge("globe", "Web search", ""))
    if scene.image_search:
        items.append(Badge("image", "Image search", ""))
    if scene.system_prompt:
        digest = hashlib.sha256(scene.system_prompt.encode("utf-8", "surrogatepass")).hexdigest()
        # Four digits of the digest distinguish the system prompts of a sweep.
        items.append(Badge("bubble", f"System {digest[:4]}", digest[:4]))
    if scene.safety_tolerance:
        level = drawable(scene.safety_tolerance)[0][:16]
        items.append(Badge("shield", f"Safety {level}", level[:4]))
    if scene.check_content:
        items.append(Badge("tick", "Content check", ""))
    return tuple(items)


def _icon(name: str, size: int) -> Image.Image:
    """Returns a small icon as a mask."""
    mask = Image.new("L", (64, 64), 0)
    draw = ImageDraw.Draw(mask)
    if name == "globe":
        for box in ((4, 4, 60, 60), (20, 4, 44, 60)):
            draw.ellipse(box, outline=255, width=6)
        draw.line((6, 32, 58, 32), fill=255, width=6)
    elif name == "image":
        draw.rounded_rectangle((3, 8, 61, 56), 8, outline=255, width=6)
        draw.polygon([(10, 50), (26, 26), (38, 42), (46, 34), (55, 50)], fill=255)
        draw.ellipse((40, 16, 50, 26), fill=255)
    elif name == "bubble":
        draw.rounded_rectangle((3, 6, 61, 46), 12, fill=255)
        draw.polygon([(14, 44), (34, 44), (14, 62)], fill=255)
    elif name == "shield":
        draw.polygon([(32, 2), (58, 12), (56, 36), (32, 62), (8, 36), (6, 12)], fill=255)
        draw.polygon([(32, 12), (32, 50), (16, 33), (15, 19)], fill=90)
    else:
        draw.line([(8, 34), (25, 51), (57, 13)], fill=255, width=12)
    return mask.resize((size, size), Image.Resampling.LANCZOS)


def draw_badges(picture: Image.Image, items: tuple[Badge, ...], size: int, inks: Palette, bottom: int) -> int:
    """Draws the badges in one row from the right; with their shorter texts where there is little room.

    Args:
        picture: The picture to draw on.
        items: The badges.
        size: Size of their type in pixels.
        inks: The palette.
        bottom: The lower edge of the row.

    Returns:
        The upper edge of the row.
    """
    if not items:
        return bottom
    pad = max(3, round(size * 0.45))
    tall = size + 2 * pad

    def widths(texts: list[str]) -> list[int]:
        return [size + 2 * pad + (round(measure(text, size)) + pad if text else 0) for text in texts]

    texts = [badge.text for badge in items]
    if sum(widths(texts)) + pad * (len(items) + 3) > picture.width:
        texts = [badge.brief for badge in items]
    wides = widths(texts)
    x = picture.width - pad * 2 - sum(wides) - pad * (len(items) - 1)
    y = bottom - pad - tall
    draw = ImageDraw.Draw(picture)
    for badge, text, wide in zip(items, texts, wides, strict=True):
        draw.rounded_rectangle((x, y, x + wide, y + tall), tall // 2, fill=inks.dark, outline=inks.second)
        picture.paste(inks.second, (x + pad, y + pad), _icon(badge.icon, size))
        position = (x + 2 * pad + size, y + pad + round(size * 0.86))
        draw.text(position, text, font=face(size), fill=inks.pale, anchor="ls")
        x += wide + pad
    return y
