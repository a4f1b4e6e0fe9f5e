"""What is laid over the scene: title, footer, badges, the border that stands for a system prompt, reference images."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageOps

from nbkit.display.lettering import MIN_SIZE_PIXELS, drawable, face, fit, measure, wrap
from nbkit.offline.painting.composition import DEFAULT_TOP_P
from nbkit.offline.painting.keywords import find_quotes
from nbkit.offline.painting.palettes import Palette, colour_of
from nbkit.offline.painting.scene import Inset, Scene
from nbkit.offline.painting.sceneries import PROPS
from nbkit.offline.painting.shapes import Canvas, box, outline_of_box
from nbkit.offline.painting.stable_random import DEFAULT_TEMPERATURE, StableRandom


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
    short = min(scene.width, scene.height)
    pad = max(5, round(short * 0.028))
    wide = min(scene.width * 0.86, scene.height * 2.6) - 2 * pad
    room = min(scene.height * 0.27, scene.width * 0.9)
    lines: list[tuple[str, int]] = []
    for i, (text, missing) in enumerate(drawable(quote) for quote in find_quotes(scene.prompt)):
        share, largest, most = (0.22, 0.05, 2) if i else (0.66, 0.115, 3)
        if shown := text or (f"[{missing} characters this typeface lacks]" if missing else ""):
            size, parts = fit(shown, wide, room * share, round(short * largest), most)
            lines += [(part, size) for part in parts]
    if not lines:
        return None
    across = max(measure(text, size) for text, size in lines)
    tall = sum(size * 1.2 for _, size in lines)
    return Title(tuple(lines), round(across) + 2 * pad, round(tall) + round(1.7 * pad), pad)


def add_title(canvas: Canvas, scene: Scene, plate: Title, top: int) -> None:
    """Adds the title on a pale plate near the upper edge."""
    inks, pad = canvas.inks, plate.pad
    corner = complex((scene.width - plate.width) // 2, top)
    corners = [corner, corner + complex(plate.width, plate.height)]
    inner = max(2, pad // 4) * (1 + 1j)
    canvas.fill(box([point + max(2, pad // 3) * (1 + 1j) for point in corners]), colour_of("dark@45", inks))
    canvas.fill(box(corners), inks["pale"])
    canvas.fill(outline_of_box([corners[0] + inner, corners[1] - inner], max(1, pad // 8)), inks["main"])
    y = top + pad * 0.85
    for text, size in plate.lines:
        colour = inks["dark"] if size == plate.lines[0][1] else colour_of("dark:main:35", inks)
        canvas.write(text, (scene.width // 2, round(y + size * 0.6)), size, colour, "mm")
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
    """Measures the footer: in one line or two if the type need not be much smaller for it."""
    facts = _facts(scene)
    wanted = max(9, round(min(scene.width, scene.height) * 0.02))
    width = scene.width - 2 * max(4, round(wanted * 0.8))
    tallest = max(scene.height * 0.15, min(scene.height * 0.22, 60))
    smallest = max(9, round(wanted * 0.72))
    # The first two, who drew it and the seed, are always there, however little room there is.
    for count in range(len(facts), 1, -1):
        for most, least in ((1, smallest), (2, smallest), (9, MIN_SIZE_PIXELS)):
            for size in range(wanted, least - 1, -1):
                lines = wrap(facts[:count], size, width, " \u00b7 ")
                strip = Footer(tuple(lines), size, round(len(lines) * size * 1.3 + size * 0.7))
                if len(lines) <= most and strip.height <= tallest:
                    return strip
    return strip


def add_footer(canvas: Canvas, scene: Scene, strip: Footer) -> None:
    """Adds the footer along the lower edge."""
    top, corner = scene.height - strip.height, complex(scene.width, scene.height)
    canvas.fill(box([top * 1j, corner]), canvas.inks["dark"])
    canvas.fill(box([top * 1j, complex(scene.width, top + max(1, strip.size // 8))]), canvas.inks["main"])
    for i, line in enumerate(strip.lines):
        y = top + round(strip.size * (1.42 + i * 1.3))
        canvas.write(line, (max(4, round(strip.size * 0.8)), y), strip.size, canvas.inks["pale"], "ls")


def add_keyline(canvas: Canvas, scene: Scene, bottom: int) -> None:
    """Adds the inner border that indicates a system prompt."""
    if scene.system_prompt:
        inset, inks = max(3, round(min(scene.width, scene.height) * 0.014)), canvas.inks
        colour = StableRandom(scene.system_prompt).pick((inks["pale"], inks["main"], inks["second"], inks["light"]))
        corners = [inset * (1 + 1j), complex(scene.width - inset, bottom - inset)]
        canvas.fill(outline_of_box(corners, max(1, inset // 4)), colour)


def badges(scene: Scene) -> list[tuple[str, str, str]]:
    """Returns the badges of a scene: the icon of each, its text, and a shorter text for where there is little room."""
    # Four digits of the digest distinguish the system prompts of a sweep.
    digits = hashlib.sha256((scene.system_prompt or "").encode("utf-8", "surrogatepass")).hexdigest()[:4]
    level = drawable(scene.safety_tolerance or "")[0][:16]
    candidates = [
        (scene.web_search, ("globe", "Web search", "")),
        (scene.image_search, ("image", "Image search", "")),
        (scene.system_prompt, ("bubble", f"System {digits}", digits)),
        (scene.safety_tolerance, ("shield", f"Safety {level}", level[:4])),
        (scene.check_content, ("tick", "Content check", "")),
    ]
    return [badge for shown, badge in candidates if shown]


def add_badges(canvas: Canvas, scene: Scene, size: int, bottom: int) -> int:
    """Adds the badges in one row from the right; with their shorter texts where there is little room.

    Args:
        canvas: Gets the badges.
        scene: Whose badges they are.
        size: Size of their type in pixels.
        bottom: The lower edge of the row.

    Returns:
        The upper edge of the row.
    """
    items, inks = badges(scene), canvas.inks
    pad = max(3, round(size * 0.45))
    tall = size + 2 * pad
    for texts in ([text for _, text, _ in items], [brief for _, _, brief in items]):
        widths = [tall + (round(measure(text, size)) + pad if text else 0) for text in texts]
        if sum(widths) + pad * (len(items) + 3) <= scene.width:
            break
    x, y = scene.width - pad * (len(items) + 1) - sum(widths), bottom - pad - tall
    for (icon, *_), text, wide in zip(items, texts, widths, strict=True):
        pill = [complex(x, y), complex(x + wide, y + tall)]
        canvas.fill(box(pill, tall / 2), inks["second"])
        canvas.fill(box([pill[0] + 1 + 1j, pill[1] - 1 - 1j], tall / 2), inks["dark"])
        canvas.draw(PROPS[icon], complex(x + pad, y + pad), size)
        canvas.write(text, (x + 2 * pad + size, y + pad + round(size * 0.86)), size, inks["pale"], "ls")
        x += wide + pad
    return y if items else bottom


def _grid(count: int, labelled: bool, width: int, room: int) -> tuple[int, int, int, int, int, int]:
    """Returns side, columns, rows, pad, gap and caption of the largest frames that fit into the room, in pixels."""
    side = max(20, round(min(width, room * 3) * 0.17))
    while True:
        pad, gap = max(2, side // 14), max(3, side // 9)
        caption = max(2 * MIN_SIZE_PIXELS + 3, round(side * 0.26)) if labelled else 0
        columns = max(1, (width - gap) // (side + 2 * pad + gap))
        rows = -(-count // columns)
        if rows * (side + 2 * pad + caption + gap) <= room or side <= 14:
            return side, columns, rows, pad, gap, caption
        side -= max(1, side // 16)


def _thumbnail(inset: Inset, side: int, inks: Palette) -> Image.Image:
    """Returns a reference, cut square; a mirrored pattern that is made from its digest if there are no pixels."""
    if inset.picture:
        return ImageOps.fit(inset.picture.convert("RGB"), (side, side))
    random = StableRandom("reference", inset.digest)
    ink = random.pick((inks["main"], inks["second"], inks["mid"], inks["near"]))
    half = Image.frombytes("L", (3, 6), bytes(random.pick((0, 255)) for _ in range(18)))
    tile = Image.new("RGB", (6, 6), colour_of("pale:low:50", inks))
    tile.paste(ink, (0, 0), half)
    tile.paste(ink, (3, 0), ImageOps.mirror(half))
    return tile.resize((side, side), Image.Resampling.NEAREST)


def draw_insets(picture: Image.Image, insets: tuple[Inset, ...], inks: Palette, top: int, bottom: int) -> None:
    """Draws the references in rows from the left, numbered from 1.

    Args:
        picture: The picture to draw on.
        insets: The references.
        inks: The palette.
        top: The upper edge of the room for them; very small frames may exceed it.
        bottom: The lower edge of the last row.
    """
    labelled = any(inset.label for inset in insets)
    room = min(round(bottom * 0.36), bottom - top)
    side, columns, rows, pad, gap, caption = _grid(len(insets), labelled, picture.width, room)
    draw = ImageDraw.Draw(picture, "RGBA")
    wide, tall = side + 2 * pad, side + 2 * pad + caption
    drop = max(1, pad // 2)
    number = face(max(MIN_SIZE_PIXELS, round(side * 0.2)))
    chip = round(number.size * 1.5)
    for i, inset in enumerate(insets):
        x = gap + i % columns * (wide + gap)
        y = bottom + (i // columns - rows) * (tall + gap)
        draw.rectangle((x + drop, y + drop, x + wide - 1 + drop, y + tall - 1 + drop), fill=colour_of("dark@40", inks))
        draw.rectangle((x, y, x + wide - 1, y + tall - 1), fill=inks["pale"])
        picture.paste(_thumbnail(inset, side, inks), (x + pad, y + pad))
        draw.rectangle((x, y, x + chip - 1, y + chip - 1), fill=inks["main"])
        draw.text((x + chip // 2, y + chip // 2), str(i + 1), font=number, fill=inks["pale"], anchor="mm")
        if label := drawable(inset.label)[0]:
            size, lines = fit(label, wide - 2, caption, max(MIN_SIZE_PIXELS, min(caption // 2, wide // 6)), 2)
            at = (x + wide // 2, y + tall - caption // 2 - pad // 2)
            draw.multiline_text(at, "\n".join(lines), font=face(size), fill=inks["dark"], anchor="mm", align="center")
