"""The offline painter: a request always gives the same picture, and every parameter is visible in it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageStat

from nbkit.display.lettering import drawable, measure
from nbkit.offline.painting import labels
from nbkit.offline.painting.composition import Composition, compose, motif_count
from nbkit.offline.painting.keywords import find_keywords, find_quotes
from nbkit.offline.painting.motifs import MOTIFS
from nbkit.offline.painting.painter import encode, paint
from nbkit.offline.painting.palettes import PALETTES
from nbkit.offline.painting.scene import Inset, Scene
from nbkit.offline.painting.sceneries import PROPS, SCENERIES
from nbkit.offline.painting.shapes import Canvas, read_drawings

LARGEST_SEED = 2**63 - 1
SCENE = Scene("red lanterns over the sea at night", 400, 272, 42)
REMOTE = Inset("ab" * 32, "URL, not fetched", None)


def difference(first: Image.Image, second: Image.Image) -> float:
    """The mean absolute difference of two pictures, per channel."""
    return sum(ImageStat.Stat(ImageChops.difference(first, second)).mean) / 3


def is_same(first: Image.Image, second: Image.Image) -> bool:
    return first.tobytes() == second.tobytes()


def composition_of(scene: Scene) -> Composition:
    return compose(scene, 0, scene.height - 20)


def upper_part(picture: Image.Image, share: float) -> Image.Image:
    return picture.crop((0, 0, picture.width, int(picture.height * share)))


def test_a_scene_always_gives_the_same_picture() -> None:
    """Two paintings of equal scenes have the same bytes."""
    assert is_same(paint(SCENE), paint(replace(SCENE)))


def test_the_painter_keeps_no_state() -> None:
    """A scene that is painted in between does not change a picture."""
    before = paint(SCENE)
    paint(replace(SCENE, prompt="a cat 'Title'", seed=7, thinking="HIGH", insets=(REMOTE,)))
    assert is_same(before, paint(SCENE))


@pytest.mark.parametrize(
    "size",
    [(384, 168), (168, 384), (192, 192), (192, 1536), (1536, 192), (1264, 848), (848, 1264), (1024, 1024), (333, 501)],
)
def test_a_picture_has_the_requested_size(size: tuple[int, int]) -> None:
    """Small, narrow and odd sizes are exact too."""
    picture = paint(replace(SCENE, width=size[0], height=size[1], prompt="boats 'A Long Evening Title' 'and more'"))
    assert picture.size == size
    assert picture.mode == "RGB"


@pytest.mark.parametrize("size", [(4096, 4096), (12288, 1536), (1536, 12288)])
def test_the_largest_sizes_have_no_gaps(size: tuple[int, int]) -> None:
    """They are painted in strips, and no part of the picture is left black."""
    picture = paint(replace(SCENE, width=size[0], height=size[1]))
    assert picture.size == size
    assert picture.resize((8, 8), Image.Resampling.BOX).convert("L").getextrema()[0] > 0


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a jade forest in the morning"},
        {"seed": 43},
        {"seed": LARGEST_SEED},
        {"temperature": 0.0},
        {"temperature": 1.0},
        {"temperature": 0.5},
        {"top_p": 0.0},
        {"top_p": 1.0},
        {"top_p": 0.6},
        {"thinking": "MINIMAL"},
        {"thinking": "HIGH"},
        {"system_prompt": "Draw like a woodcut."},
        {"web_search": True},
        {"image_search": True},
        {"safety_tolerance": "4"},
        {"check_content": True},
        {"insets": (REMOTE,)},
    ],
    ids=str,
)
def test_every_parameter_changes_the_picture(change: dict[str, object]) -> None:
    """A default also differs from the value that the painter uses for it."""
    assert not is_same(paint(SCENE), paint(replace(SCENE, **change)))


@pytest.mark.parametrize(
    "change",
    [{"web_search": True}, {"image_search": True}, {"safety_tolerance": "4"}, {"check_content": True}],
    ids=str,
)
def test_a_badge_changes_only_the_foot_of_the_picture(change: dict[str, object]) -> None:
    """Searches, safety tolerance and content check add a badge and leave the scene as it is."""
    first, second = paint(SCENE), paint(replace(SCENE, **change))
    assert is_same(upper_part(first, 0.75), upper_part(second, 0.75))


def test_thinking_adds_detail_and_moves_nothing() -> None:
    """Motifs, their places and the palette stay the same at each level."""
    compositions = [composition_of(replace(SCENE, thinking=level)) for level in ("MINIMAL", None, "HIGH")]
    assert [composition.detail for composition in compositions] == [0, 1, 2]
    assert len({composition.spots for composition in compositions}) == 1
    assert all(composition.palette == compositions[0].palette for composition in compositions)


def test_two_system_prompts_have_different_badges() -> None:
    """Neither moves a motif."""
    first, second = (replace(SCENE, system_prompt=text) for text in ("Be bold.", "Be quiet."))
    assert labels.badges(first) != labels.badges(second)
    assert composition_of(first).spots == composition_of(second).spots


def test_a_higher_top_p_gives_more_motifs() -> None:
    """There is one at 0 and nine at 1, and the number never falls in between."""
    counts = [motif_count(step / 20) for step in range(21)]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (1, 9)
    assert counts[0] < motif_count(None) < counts[-1]


@pytest.mark.parametrize("prompt", ["lanterns at night", "nothing that has a name", "cat, car, cup, robot, fish, moon"])
def test_a_higher_top_p_keeps_the_motifs_of_a_lower_one(prompt: str) -> None:
    """A sweep over topP adds motifs and moves none."""
    few = composition_of(replace(SCENE, prompt=prompt, top_p=0.3)).spots
    many = composition_of(replace(SCENE, prompt=prompt, top_p=0.9)).spots
    assert len(few) == motif_count(0.3)
    assert len(many) == motif_count(0.9)
    assert {(spot.name, spot.rank) for spot in few} < {(spot.name, spot.rank) for spot in many}


@pytest.mark.parametrize("prompt", ["red lanterns at night", "a robot", "nothing that has a name", "mountains"])
def test_seeds_differ_more_at_a_higher_temperature(prompt: str) -> None:
    """At 0 their pictures are nearly the same, at 1 they differ at least three times as much."""

    def spread(heat: float) -> float:
        pictures = [paint(replace(SCENE, prompt=prompt, temperature=heat, seed=seed)) for seed in range(5)]
        return sum(difference(pictures[0], other) for other in pictures[1:]) / 4

    cold, middle, hot = spread(0.0), spread(0.5), spread(1.0)
    assert cold < middle < hot
    assert cold < hot / 3


def test_a_colour_in_the_prompt_chooses_the_palette() -> None:
    """A time of day in the prompt chooses the sky, also beside a colour."""
    cool = replace(SCENE, temperature=0)
    assert find_keywords("a Teal thing").colour == "teal"
    for name in ("red", "teal", "jade", "gold", "neon"):
        distance = max(
            abs(a - b)
            for a, b in zip(
                composition_of(replace(cool, prompt=f"{name} shapes")).palette["middle"],
                PALETTES[name]["middle"],
                strict=True,
            )
        )
        assert distance <= 1
    night = composition_of(replace(cool, prompt="teal lanterns at night")).palette
    assert night["top"] == composition_of(replace(cool, prompt="teal lanterns at night", seed=1)).palette["top"]
    assert find_keywords("teal lanterns at night")[:2] == ("night", "teal")


@pytest.mark.parametrize(
    ("prompt", "thing"),
    [
        ("Red LANTERNS!", "lantern"),
        ("two butterflies", "butterfly"),
        ("a cat", "cat"),
        ("the moon", "moon"),
        ("three fishes", "fish"),
        ("wolves? no: a robot", "robot"),
        ("cherry blossoms", "flower"),
    ],
)
def test_a_thing_in_the_prompt_is_the_first_motif(prompt: str, thing: str) -> None:
    """Capital letters and plurals are understood, and seed and temperature do not change it."""
    for seed in range(4):
        spots = composition_of(replace(SCENE, prompt=prompt, seed=seed, temperature=1, top_p=0)).spots
        assert [spot.name for spot in spots] == [thing]


def test_only_whole_words_are_keywords() -> None:
    """A carpet is no car, a starter no star, and a catalogue no cat."""
    assert find_keywords("a carpet and a starter in a catalogue").things == ()


def test_prompts_without_keywords_have_different_palettes() -> None:
    """Twenty of them share no more than a few palettes."""
    scenes = [replace(SCENE, prompt=f"zyx {i}", temperature=0) for i in range(20)]
    palettes = {tuple(composition_of(scene).palette.values()) for scene in scenes}
    assert len(palettes) > 5


def test_every_companion_is_a_motif() -> None:
    """Each companion that a scenery lists can be drawn."""
    assert {name for scenery in SCENERIES.values() for name in scenery.companions} <= MOTIFS.keys()


@pytest.mark.parametrize("name", PALETTES)
def test_every_line_of_the_drawings_can_be_read(name: str) -> None:
    """Under each sky and at each level of detail, with whichever options are chosen."""
    drawings = [*PROPS.values(), *(motif.drawing for motif in MOTIFS.values())]
    for drawing in drawings:
        for detail in range(3):
            canvas = Canvas(PALETTES[name], detail)
            for i in range(5):
                canvas.draw(drawing, 50 + 50j, 40, i, body=(1, 2, 3))
        picture = canvas.render(Image.new("RGB", (1, 100), "lime"), 100, 100)
        assert len(picture.getcolors(10_000)) > 1


def drawn(lines: str, detail: int = 1, palette: str = "day") -> Image.Image:
    """A drawing on white, where one unit of it is 10 pixels."""
    (drawing,) = read_drawings(f"example\n{lines}")
    canvas = Canvas(PALETTES[palette], detail)
    canvas.draw(drawing, 20 + 20j, 10)
    return canvas.render(Image.new("RGB", (1, 40), "white"), 40, 40)


def test_a_shape_is_drawn_from_its_level_of_detail_on() -> None:
    """Below it, the drawing is empty."""
    empty = drawn("  0 none box 0 0 1 1")
    assert empty.getcolors() == [(1600, (255, 255, 255))]
    assert is_same(drawn("  2 main box 0 0 1 1", detail=1), empty)
    assert not is_same(drawn("  2 main box 0 0 1 1", detail=2), empty)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("  0 main box .5 0 1 1 * mirror", "  0 main box .5 0 1 1, -1 0 -.5 1"),
        ("  0 main box -1 0 -.8 1 * 3 shift .5 0", "  0 main box -1 0 -.8 1, -.5 0 -.3 1, 0 0 .2 1"),
        ("  0 main poly 0 0 1 0 1 1 * 4 turn 90 0 0", "  0 main poly 0 0 1 0 1 1, 0 0 0 1 -1 1, 0 0 -1 0 -1 -1, 0 0 0 -1 1 -1"),
        ("  0 main/dark box -1 -1 1 1 * 2 shrink .5 1 1", "  0 main box -1 -1 1 1\n  0 dark box 0 0 1 1"),
        ("  0 main box -1 -1 0 0, box 0 0 1 1", "  0 main box -1 -1 0 0, 0 0 1 1"),
        ("  pick roof | dark:pale:40\n  0 roof box 0 0 1 1", "  0 dark:pale:40 box 0 0 1 1"),
        ("  pick roof | pale / dark\n  0 roof box 0 0 1 1", "  0 dark box 0 0 1 1"),
    ],
)  # fmt: skip
def test_a_short_form_of_the_language_stands_for_a_longer_one(short: str, long: str) -> None:
    """Repeats, colours by turns and named inks."""
    assert is_same(drawn(short), drawn(long))


@pytest.mark.parametrize("name", MOTIFS)
def test_every_motif_can_be_drawn(name: str) -> None:
    """It can be drawn at each level of detail."""
    for thinking in ("MINIMAL", None, "HIGH"):
        scene = replace(SCENE, prompt=f"one {name}", width=192, height=168, top_p=0.2, thinking=thinking)
        assert paint(scene).size == (192, 168)


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("a sign 'Open'", ("Open",)),
        ('a poster "Night Market" with "Open late"', ("Night Market", "Open late")),
        ("\u201cHello\u201d and \u2018World\u2019", ("Hello", "World")),
        ("\u201eGuten Tag\u201c, \u00ab Bonjour \u00bb, \u2039oui\u203a", ("Guten Tag", "Bonjour", "oui")),
        ("\u300c\u6708\u300d and \u300e\u706b\u300f", ("\u6708", "\u706b")),
        ("don't use Google's logo; it's Bob's", ()),
        ("don\u2019t use Google\u2019s logo", ()),
        ("the dogs' tails and the cats' paws", ()),
        ("'don't stop' she said", ("don't stop",)),
        ("\u2018Don\u2019t stop\u2019", ("Don\u2019t stop",)),
        ("rock 'n' roll in the '90s, 'tis fine", ()),
        ("It's a sign that says 'It's Bob's'", ("It's Bob's",)),
        ('a 5" disc labelled "Hi"', ("Hi",)),
        ("(\"a1\") ['b2'] text:'c3'", ("a1", "b2", "c3")),
        ("\"She said 'hi'\"", ("She said 'hi'",)),
        ("'one' 'two' 'three' 'four' 'five'", ("one", "two", "three", "four")),
        ("\"\" '' ' ' \" \"", ()),
        ('"never closed', ()),
        ('"two\nlines"', ()),
        ("", ()),
    ],
)
def test_find_quotes_returns_the_texts_in_quotation_marks(prompt: str, texts: tuple[str, ...]) -> None:
    """Quotation marks of each common kind count, and apostrophes do not."""
    assert find_quotes(prompt) == texts


def test_the_plate_of_a_quoted_text_fits_into_the_picture() -> None:
    """It fits for long texts and words too, and without a quoted text there is no plate."""
    for width, height in ((384, 168), (192, 1536), (1536, 192), (1264, 848)):
        for text in ("Hi", "A rather long title for a small picture", "Donaudampfschifffahrtsgesellschaft" * 4):
            plate = labels.title(replace(SCENE, width=width, height=height, prompt=f"'{text}' 'sub'"))
            assert plate is not None
            assert plate.width <= width
            assert plate.height <= height * 0.5
    assert labels.title(SCENE) is None


def test_characters_without_a_glyph_are_omitted_and_counted() -> None:
    """A title of nothing else shows their number."""
    assert drawable("Tea \u8336 \U0001f375 no\x00w") == ("Tea now", 2)
    plate = labels.title(replace(SCENE, prompt="\u300c\u65e5\u672c\u300d"))
    assert plate is not None
    assert "2 characters" in " ".join(text for text, _ in plate.lines)


@pytest.mark.parametrize("size", [(384, 168), (168, 384), (192, 1536), (192, 192), (1264, 848), (12288, 1536)])
def test_the_footer_names_the_offline_engine_and_the_seed(size: tuple[int, int]) -> None:
    """It begins with "DRAWN OFFLINE", and fits into its strip at each size."""
    scene = replace(SCENE, width=size[0], height=size[1], seed=LARGEST_SEED, insets=(REMOTE,) * 14)
    strip = labels.footer(scene)
    text = " ".join(strip.lines)
    assert text.startswith("DRAWN OFFLINE by nbkit")
    assert str(LARGEST_SEED) in text
    assert all(measure(line, strip.size) <= size[0] for line in strip.lines)
    assert strip.height <= size[1] * 0.3


def test_the_footer_shows_values_and_defaults() -> None:
    """A parameter that was not given is shown as ``default``, and a given one with its value."""
    wide = replace(SCENE, width=2048)
    assert "temperature default" in " ".join(labels.footer(wide).lines)
    footer = " ".join(labels.footer(replace(wide, temperature=0.25, top_p=1, thinking="HIGH")).lines)
    assert "temperature 0.25" in footer
    assert "topP 1 " in footer
    assert "thinking HIGH" in footer


@pytest.mark.parametrize("count", [1, 2, 3, 7, 14, 20])
@pytest.mark.parametrize("size", [(384, 168), (192, 1536), (640, 424)])
def test_reference_images_are_drawn_at_any_size(count: int, size: tuple[int, int]) -> None:
    """Any number of them changes the picture and not its size."""
    scene = replace(SCENE, width=size[0], height=size[1])
    insets = tuple(Inset(hashlib.sha256(bytes([i])).hexdigest(), "URL, not fetched", None) for i in range(count))
    picture = paint(replace(scene, insets=insets))
    assert picture.size == size
    assert not is_same(picture, paint(scene))


def test_two_references_that_are_not_fetched_have_different_frames() -> None:
    """A frame is drawn from the hash of the reference."""
    other = replace(REMOTE, digest="cd" * 32)
    assert not is_same(paint(replace(SCENE, insets=(REMOTE,))), paint(replace(SCENE, insets=(other,))))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I", "F"])
def test_a_reference_of_any_pillow_mode_can_be_drawn(mode: str) -> None:
    """The reference itself is not changed."""
    reference = Image.new(mode, (40, 90))
    before = reference.tobytes()
    picture = paint(replace(SCENE, insets=(Inset("00", "", reference),)))
    assert picture.size == (SCENE.width, SCENE.height)
    assert reference.tobytes() == before
    assert reference.size == (40, 90)


def test_the_pixels_of_a_reference_are_in_the_picture() -> None:
    """Its colour occurs there unchanged."""
    magenta = Image.new("RGB", (300, 200), (255, 0, 255))
    colours = paint(replace(SCENE, insets=(Inset("00", "", magenta),))).getcolors(10**6)
    assert colours is not None
    assert (255, 0, 255) in {colour for _, colour in colours}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00\x01\x1f\x7f",
        "'\x00'",
        "\ud800 lone 'sur\udfffrogate'",
        "'\u0645\u0631\u062d\u0628\u0627' \"\u05e9\u05dc\u05d5\u05dd\"",
        "\u201c\u4f60\u597d\uff0c\u4e16\u754c\u201d",
        "'\U0001f3ee\U0001f469\u200d\U0001f680'",
        "'" * 5000,
        "'a\u0301\u0302\u0303' z\u0310\u0311",
        "\u202e'reversed'",
        "cat " * 11250,
        "x" * 45000,
        " 'a" * 15000,
        '"' + "W" * 150 + '"',
    ],
    ids=range(14),
)
def test_any_text_can_be_painted(text: str) -> None:
    """No text, in the prompt or in another parameter, makes the painter fail."""
    scene = replace(
        SCENE, prompt=text, system_prompt=text, safety_tolerance=text, insets=(Inset(text, text, None),), thinking=text
    )
    assert paint(scene).size == (400, 272)


@pytest.mark.parametrize(("output_format", "name"), [("JPG", "JPEG"), ("PNG", "PNG"), ("WEBP", "WEBP")])
def test_an_encoded_picture_has_the_requested_format(output_format: str, name: str) -> None:
    """Decoded again, it has the same size and nearly the same pixels."""
    picture = paint(SCENE)
    with Image.open(BytesIO(encode(picture, output_format, 85))) as decoded:
        assert (decoded.format, decoded.size) == (name, picture.size)
        assert difference(decoded.convert("RGB"), picture) < 8


def test_the_quality_applies_to_jpg_and_webp_only() -> None:
    """Their files are smaller at a lower quality; a PNG is lossless and the same at each."""
    picture = paint(SCENE)
    for output_format in ("JPG", "WEBP"):
        assert len(encode(picture, output_format, 20)) < len(encode(picture, output_format, 99))
    png = encode(picture, "PNG", 20)
    assert png == encode(picture, "PNG", 99)
    with Image.open(BytesIO(png)) as decoded:
        assert is_same(decoded, picture)


def test_encode_refuses_an_unknown_format() -> None:
    """The error lists the three formats."""
    with pytest.raises(ValueError, match="JPG, PNG or WEBP"):
        encode(paint(SCENE), "GIF", 85)
