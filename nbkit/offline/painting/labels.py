"""What is laid over the scene: title, footer, the border that stands for a system prompt, reference images."""

from __future__ import annotations

import hashlib
import itertools
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageOps

from nbkit.display.lettering import MIN_SIZE_PIXELS, drawable, face, fit, measure, wrap
from nbkit.display.text import count, ellipsis
from nbkit.offline.painting.keywords import PromptKeywords
from nbkit.offline.painting.palettes import Palette, colour_of
from nbkit.offline.painting.scene import Inset, Scene
from nbkit.offline.painting.shapes import Canvas, box, outline_of_box
from nbkit.offline.painting.stable_random import StableRandom
from nbkit.request.image_request import MAX_REFERENCES

MOST_QUOTES = 24
"""Quoted texts that are measured; no plate has room for more."""

MOST_WORDS = 40
"""Words that a line of the footer is measured with; it has no room for more."""


class Title(NamedTuple):
    """The quoted texts of a prompt, measured; all numbers are pixels.

    Attributes:
        lines: Each with the size of its type.
        width, height: Of the plate under them.
        pad: Between the edge of the plate and the text.
        left_out: What is not among the lines, as the footer says it.
    """

    lines: tuple[tuple[str, int], ...]
    width: int
    height: int
    pad: int
    left_out: tuple[str, ...] = ()


class Footer(NamedTuple):
    """The strip at the lower edge: its lines, the size of their type, and its height in pixels."""

    lines: tuple[str, ...]
    size: int
    height: int


def title(scene: Scene, quotes: Sequence[str]) -> Title | None:
    """Measures quoted texts; returns None if there are none.

    Args:
        scene: Whose texts they are.
        quotes: The texts, the most important first.
    """
    short = min(scene.width, scene.height)
    pad = max(5, round(short * 0.028))
    wide = min(scene.width * 0.86, scene.height * 2.6) - 2 * pad
    drawn = [drawable(quote) for quote in quotes]
    texts, lacking = [text for text, _ in drawn if text], sum(missing for _, missing in drawn)
    lost = (f"{count(lacking, 'character')} that the typeface lacks",) if lacking else ()
    for number in range(min(len(texts), MOST_QUOTES), 0, -1):
        for percent in (100, 90, 80, 70, 60, 50):
            share = min(0.27 + 0.04 * max(0, number - 2), 0.45)
            room = min(scene.height * share, scene.width * 0.9)
            lines = _lines(texts[:number], wide, room, short, percent / 100)
            if lines is None:
                continue
            across, tall = max(measure(text, size) for text, size in lines), sum(size * 1.2 for _, size in lines)
            left_out = (*(f"\u201c{_short(text, 24)}\u201d" for text in texts[number:]), *lost)
            return Title(lines, round(across) + 2 * pad, round(tall) + round(1.7 * pad), pad, left_out)
    return Title((), 0, 0, pad, lost) if lost else None


def _lines(texts: list[str], wide: float, room: float, short: int, scale: float) -> tuple[tuple[str, int], ...] | None:
    """Returns the lines of a title and its subtitles, each with the size of its type; None if they do not fit."""
    smallest = max(9, round(short * 0.02))
    largest = max(smallest, round(short * 0.115 * scale))
    size, parts = fit(texts[0], wide, room * (0.66 if len(texts) > 1 else 1) * scale, largest, 3)
    lines = [(part, size) for part in parts]
    # The subtitles have one size: the largest at which each is on one line, or else on two.
    small = max(smallest, min(round(short * 0.05 * scale), size))
    for most in (1, 2):
        sizes = [fit(text, wide, room, small, most)[0] for text in texts[1:]]
        if min(sizes, default=small) >= max(smallest, 0.75 * small):
            break
    lines += [(part, min(sizes)) for text in texts[1:] for part in wrap(text.split(), min(sizes), wide)]
    is_small = any(size < smallest for _, size in lines[len(parts) :]) or (len(texts) > 1 and size < smallest)
    fits = sum(size * 1.2 for _, size in lines) <= room and not is_small
    return tuple(lines) if fits or (len(texts) == 1 and scale <= 0.5) else None


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


def _facts(scene: Scene) -> list[str]:
    """Returns the texts of the footer, the most important first: what was sent, and nothing of what was not."""
    references = len(scene.insets)
    # Four digits of the digest distinguish the system prompts of a sweep.
    digits = hashlib.sha256((scene.system_prompt or "").encode("utf-8", "surrogatepass")).hexdigest()[:4]
    candidates = [
        (True, "DRAWN OFFLINE by nbkit"),
        (True, f"seed {scene.seed}"),
        (scene.model, _short(scene.model, 24)),
        (scene.temperature is not None, f"temperature {scene.temperature or 0:g}"),
        (scene.top_p is not None, f"topP {scene.top_p or 0:g}"),
        (scene.thinking, f"thinking {_short(scene.thinking)}"),
        (scene.web_search, "web search"),
        (scene.image_search, "image search"),
        (scene.system_prompt, f"system prompt {digits}"),
        (scene.safety_tolerance, f"safety {_short(scene.safety_tolerance)}"),
        (scene.check_content, "content check"),
        (references, count(references, "reference")),
        (True, f"{scene.width}\u00d7{scene.height}"),
    ]
    return [text for is_shown, text in candidates if is_shown]


def _short(text: str | None, letters: int = 16) -> str:
    return ellipsis(drawable(text or "")[0], letters)


class _Note(NamedTuple):
    """What was not understood, or has no room: a name for it, its words, and how many of them fit for each width.

    Attributes:
        name: Stands before the words.
        items: The words that can be shown.
        number: Of all words.
        needed: The width of a line with the first 0, 1, 2 … words, as a multiple of the size of its type.
    """

    name: str
    items: list[str]
    number: int
    needed: list[float]

    def line(self, size: int, width: float) -> str:
        """Returns as many words as fit on a line."""
        shown = max(0, bisect_right(self.needed, width / size) - 1)
        rest = self.number - shown
        more = [] if not rest else [f"{rest} more" if shown else count(rest, "word")]
        return f"{self.name}: {', '.join([*self.items[:shown], *more])}"


def _notes(keywords: PromptKeywords, plate: Title | None) -> list[_Note]:
    notes = []
    left_out = (*keywords.left_out, *(plate.left_out if plate else ()))
    for name, words in (("not understood", keywords.unknown), ("left out", left_out)):
        items = [short for word in words[:MOST_WORDS] if (short := _short(word, 48))]
        # A size that stands for all of them, because measuring takes longer than adding.
        widths = [measure(f"{text}, ", 50) / 50 for text in (f"{name}: 999 more", *items)]
        if items:
            notes.append(_Note(name, items, len(items) + len(words[MOST_WORDS:]), list(itertools.accumulate(widths))))
    return notes


@lru_cache(maxsize=64)
def room_for_footer(width: int, height: int) -> int:
    """Returns the height that a plan leaves to the footer: for all facts that there can be, and one note."""
    fullest = Scene(
        "", width, height, seed=2**62, temperature=0.55, top_p=0.55, thinking="MINIMAL", system_prompt="-", web_search=True,
        image_search=True, safety_tolerance="medium", check_content=True, insets=(Inset("", "", None),) * MAX_REFERENCES,
    )  # fmt: skip
    strip = footer(fullest, PromptKeywords())
    return strip.height + round(strip.size * 1.3)


def _type_size(scene: Scene) -> int:
    return max(9, round(min(scene.width, scene.height) * 0.02))


def footer(scene: Scene, keywords: PromptKeywords, plate: Title | None = None) -> Footer:
    """Measures the footer: its facts in one line or two, if the type need not be much smaller for it, then its notes."""
    facts, wanted = _facts(scene), _type_size(scene)
    width = scene.width - 2 * max(4, round(wanted * 0.8))
    tallest = max(scene.height * 0.15, min(scene.height * 0.22, 60))
    smallest = max(9, round(wanted * 0.72))
    found = _notes(keywords, plate)
    # The first two, who drew it and the seed, are always there, however little room there is; so are the notes.
    for number in range(len(facts), 1, -1):
        for most, least in ((1, smallest), (2, smallest), (9, MIN_SIZE_PIXELS)):
            for size in range(wanted, least - 1, -1):
                lines, notes = wrap(facts[:number], size, width, " \u00b7 "), [note.line(size, width) for note in found]
                strip = Footer((*lines, *notes), size, round((len(lines) + len(notes)) * size * 1.3 + size * 0.7))
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


class Frames(NamedTuple):
    """The frames of reference images, in pixels, and the height of all of them; no height without any."""

    side: int = 0
    columns: int = 1
    pad: int = 0
    gap: int = 0
    caption: int = 0
    height: int = 0


def insets(images: tuple[Inset, ...], width: int, top: int, bottom: int) -> Frames:
    """Measures the frames of reference images: the largest ones that fit into the lower third of the free part.

    Args:
        images: The references.
        width: Of the picture.
        top: The upper edge of the free part; very small frames may exceed it.
        bottom: Its lower edge.
    """
    if not images:
        return Frames()
    room = min(round(bottom * 0.36), bottom - top)
    side = max(20, round(min(width, room * 3) * 0.15))
    while True:
        pad, gap = max(2, side // 14), max(3, side // 9)
        caption = max(2 * MIN_SIZE_PIXELS + 3, round(side * 0.26)) if any(image.label for image in images) else 0
        columns = max(1, (width - gap) // (side + 2 * pad + gap))
        height = -(-len(images) // columns) * (side + 2 * pad + caption + gap)
        if height <= room or side <= 14:
            return Frames(side, columns, pad, gap, caption, min(height, (bottom - top) // 2))
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


def draw_insets(picture: Image.Image, images: tuple[Inset, ...], inks: Palette, frames: Frames, bottom: int) -> None:
    """Draws references in rows from the left, numbered from 1.

    Args:
        picture: The picture to draw on.
        images: The references.
        inks: The palette.
        frames: As measured.
        bottom: The lower edge of the last row.
    """
    side, columns, pad, gap, caption, _ = frames
    draw = ImageDraw.Draw(picture, "RGBA")
    wide, tall = side + 2 * pad, side + 2 * pad + caption
    drop, rows = max(1, pad // 2), -(-len(images) // columns)
    number = face(max(MIN_SIZE_PIXELS, round(side * 0.2)))
    chip = round(number.size * 1.5)
    for i, inset in enumerate(images):
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
