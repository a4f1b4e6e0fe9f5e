"""The offline painter: the same picture for the same request, and every parameter visible in it."""

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
from nbkit.offline.painting.layout import Frame
from nbkit.offline.painting.motifs import COMPANIONS, MOTIFS
from nbkit.offline.painting.painter import Inset, Scene, encode, paint
from nbkit.offline.painting.palettes import PALETTES

LARGEST_SEED = 2**63 - 1
SCENE = Scene("red lanterns over the sea at night", 400, 272, 42)
REMOTE = Inset("ab" * 32, "URL, not fetched", None)


def difference(first: Image.Image, second: Image.Image) -> float:
    """Returns the mean absolute difference of two pictures, per channel."""
    return sum(ImageStat.Stat(ImageChops.difference(first, second)).mean) / 3


def same(first: Image.Image, second: Image.Image) -> bool:
    return first.tobytes() == second.tobytes()


def plan_of(scene: Scene) -> Composition:
    return compose(scene, Frame(scene.width, scene.height, 0, scene.height - 20))


def upper(picture: Image.Image, share: float = 0.5) -> Image.Image:
    return picture.crop((0, 0, picture.width, int(picture.height * share)))


def test_same_scene_same_picture() -> None:
    """One scene gives one picture, bit for bit."""
    assert same(paint(SCENE), paint(replace(SCENE)))


def test_other_scenes_in_between_leave_no_trace() -> None:
    """What was painted before does not change a picture: the painter keeps no state."""
    before = paint(SCENE)
    paint(replace(SCENE, prompt="a cat 'Title'", seed=7, thinking="HIGH", insets=(REMOTE,)))
    assert same(before, paint(SCENE))


@pytest.mark.parametrize(
    "size",
    [(384, 168), (168, 384), (192, 192), (192, 1536), (1536, 192), (1264, 848), (848, 1264), (1024, 1024), (333, 501)],
)
def test_size_is_exact(size: tuple[int, int]) -> None:
    """A picture has the size that was asked for, however long or small."""
    picture = paint(replace(SCENE, width=size[0], height=size[1], prompt="boats 'A Long Evening Title' 'and more'"))
    assert picture.size == size
    assert picture.mode == "RGB"


@pytest.mark.parametrize("size", [(4096, 4096), (12288, 1536), (1536, 12288)])
def test_largest_sizes(size: tuple[int, int]) -> None:
    """The largest sizes of the table are painted too, strip by strip, with no seam left empty."""
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
def test_every_parameter_shows(change: dict[str, object]) -> None:
    """Each parameter changes the picture; a default differs even from its own stand-in value."""
    assert not same(paint(SCENE), paint(replace(SCENE, **change)))


@pytest.mark.parametrize(
    "change",
    [{"web_search": True}, {"image_search": True}, {"safety_tolerance": "4"}, {"check_content": True}],
    ids=str,
)
def test_badges_leave_the_scene_alone(change: dict[str, object]) -> None:
    """Switches that only wear a badge change nothing outside the foot of the picture."""
    first, second = paint(SCENE), paint(replace(SCENE, **change))
    assert same(upper(first, 0.75), upper(second, 0.75))


def test_thinking_adds_detail_and_keeps_the_plan() -> None:
    """Thinking changes the detail, not what is where."""
    plans = [plan_of(replace(SCENE, thinking=level)) for level in ("MINIMAL", None, "HIGH")]
    assert [plan.detail for plan in plans] == [0, 1, 2]
    assert len({plan.spots for plan in plans}) == 1
    assert len({plan.palette for plan in plans}) == 1


def test_system_prompts_can_be_told_apart() -> None:
    """Two system prompts wear different badges, and neither moves a motif."""
    first, second = (replace(SCENE, system_prompt=text) for text in ("Be bold.", "Be quiet."))
    assert labels.badges(first) != labels.badges(second)
    assert plan_of(first).spots == plan_of(second).spots


def test_top_p_raises_the_motif_count() -> None:
    """More of topP, more motifs: few at 0, many at 1, never fewer in between."""
    counts = [motif_count(step / 20) for step in range(21)]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (1, 9)
    assert counts[0] < motif_count(None) < counts[-1]


@pytest.mark.parametrize("prompt", ["lanterns at night", "nothing that has a name", "cat, car, cup, robot, fish, moon"])
def test_top_p_adds_motifs_without_moving_the_first(prompt: str) -> None:
    """A sweep over topP adds motifs to the ones that were there."""
    few = plan_of(replace(SCENE, prompt=prompt, top_p=0.3)).spots
    many = plan_of(replace(SCENE, prompt=prompt, top_p=0.9)).spots
    assert len(few) == motif_count(0.3)
    assert len(many) == motif_count(0.9)
    assert {(spot.name, spot.rank) for spot in few} < {(spot.name, spot.rank) for spot in many}


@pytest.mark.parametrize("prompt", ["red lanterns at night", "a robot", "nothing that has a name", "mountains"])
def test_temperature_sets_how_far_seeds_part(prompt: str) -> None:
    """Seeds are nearly alike at temperature 0 and differ most at 1."""

    def spread(heat: float) -> float:
        pictures = [paint(replace(SCENE, prompt=prompt, temperature=heat, seed=seed)) for seed in range(5)]
        return sum(difference(pictures[0], other) for other in pictures[1:]) / 4

    cold, middle, hot = spread(0.0), spread(0.5), spread(1.0)
    assert cold < middle < hot
    assert cold < hot / 3


def test_colour_words_choose_the_palette() -> None:
    """A colour named in the prompt rules the picture; an hour named beside it rules the sky."""
    cool = replace(SCENE, temperature=0)
    assert find_keywords("a Teal thing").colour == "teal"
    for name in ("red", "teal", "jade", "gold", "neon"):
        distance = max(
            abs(a - b)
            for a, b in zip(
                plan_of(replace(cool, prompt=f"{name} shapes")).palette.middle, PALETTES[name].middle, strict=True
            )
        )
        assert distance <= 1
    night = plan_of(replace(cool, prompt="teal lanterns at night")).palette
    assert night.top == plan_of(replace(cool, prompt="teal lanterns at night", seed=1)).palette.top
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
def test_thing_words_choose_the_leading_motif(prompt: str, thing: str) -> None:
    """A thing named in the prompt, in any case or number, leads the picture at every seed and temperature."""
    for seed in range(4):
        spots = plan_of(replace(SCENE, prompt=prompt, seed=seed, temperature=1, top_p=0)).spots
        assert [spot.name for spot in spots] == [thing]


def test_words_inside_words_are_not_recognised() -> None:
    """Only whole words steer: a carpet is no car and a starter no star."""
    assert find_keywords("a carpet and a starter in a catalogue").things == ()


def test_unknown_prompts_differ() -> None:
    """A prompt without known words gets a palette and motifs of its own."""
    plans = {plan_of(replace(SCENE, prompt=f"zyx {i}", temperature=0)).palette for i in range(20)}
    assert len(plans) > 5


def test_companions_are_motifs() -> None:
    """Every companion that a scenery lists can be drawn."""
    assert {name for names in COMPANIONS.values() for name in names} <= MOTIFS.keys()


@pytest.mark.parametrize("name", MOTIFS)
def test_every_motif_can_be_drawn(name: str) -> None:
    """Each motif that has a word paints at every level of detail."""
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
def test_quoted_text_is_found(prompt: str, texts: tuple[str, ...]) -> None:
    """Quotation marks of every usual kind are read, and apostrophes open nothing."""
    assert find_quotes(prompt) == texts


def test_quoted_text_is_set_on_a_plate_that_fits() -> None:
    """A title is measured to lie inside the picture, however long its words are."""
    for width, height in ((384, 168), (192, 1536), (1536, 192), (1264, 848)):
        for text in ("Hi", "A rather long title for a small picture", "Donaudampfschifffahrtsgesellschaft" * 4):
            plate = labels.title(replace(SCENE, width=width, height=height, prompt=f"'{text}' 'sub'"))
            assert plate is not None
            assert plate.width <= width
            assert plate.height <= height * 0.5
    assert labels.title(SCENE) is None


def test_text_the_typeface_lacks_is_counted() -> None:
    """Letters without a glyph are left out; a title made of nothing else says so."""
    assert drawable("Tea \u8336 \U0001f375 no\x00w") == ("Tea now", 2)
    plate = labels.title(replace(SCENE, prompt="\u300c\u65e5\u672c\u300d"))
    assert plate is not None
    assert "2 characters" in " ".join(text for text, _ in plate.lines)


@pytest.mark.parametrize("size", [(384, 168), (168, 384), (192, 1536), (192, 192), (1264, 848), (12288, 1536)])
def test_footer_always_names_maker_and_seed(size: tuple[int, int]) -> None:
    """The footer fits its strip, and says first that this was drawn offline, with which seed."""
    scene = replace(SCENE, width=size[0], height=size[1], seed=LARGEST_SEED, insets=(REMOTE,) * 14)
    strip = labels.footer(scene)
    text = " ".join(strip.lines)
    assert text.startswith("DRAWN OFFLINE by nbkit")
    assert str(LARGEST_SEED) in text
    assert all(measure(line, strip.size) <= size[0] for line in strip.lines)
    assert strip.height <= size[1] * 0.3


def test_footer_says_what_was_left_to_the_default() -> None:
    """A default is called a default; a value is given as it is."""
    wide = replace(SCENE, width=2048)
    assert "temperature default" in " ".join(labels.footer(wide).lines)
    told = " ".join(labels.footer(replace(wide, temperature=0.25, top_p=1, thinking="HIGH")).lines)
    assert "temperature 0.25" in told
    assert "topP 1 " in told
    assert "thinking HIGH" in told


@pytest.mark.parametrize("count", [1, 2, 3, 7, 14, 20])
@pytest.mark.parametrize("size", [(384, 168), (192, 1536), (640, 424)])
def test_insets_are_drawn(count: int, size: tuple[int, int]) -> None:
    """References appear at any size; the picture above them stays."""
    scene = replace(SCENE, width=size[0], height=size[1])
    insets = tuple(Inset(hashlib.sha256(bytes([i])).hexdigest(), "URL, not fetched", None) for i in range(count))
    picture = paint(replace(scene, insets=insets))
    assert picture.size == size
    assert not same(picture, paint(scene))


def test_placeholders_depend_on_the_digest() -> None:
    """Two references that are not fetched look different, and each always the same."""
    other = replace(REMOTE, digest="cd" * 32)
    assert not same(paint(replace(SCENE, insets=(REMOTE,))), paint(replace(SCENE, insets=(other,))))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I", "F"])
def test_references_of_any_mode(mode: str) -> None:
    """Reference pixels of every Pillow mode are shown, and the reference itself is left as it was."""
    reference = Image.new(mode, (40, 90))
    before = reference.tobytes()
    picture = paint(replace(SCENE, insets=(Inset("00", "", reference),)))
    assert picture.size == (SCENE.width, SCENE.height)
    assert reference.tobytes() == before
    assert reference.size == (40, 90)


def test_reference_pixels_are_visible() -> None:
    """The colours of a reference are found in the picture."""
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
def test_strange_text_is_painted(text: str) -> None:
    """No text, in the prompt or anywhere else, stops the painter."""
    scene = replace(
        SCENE, prompt=text, system_prompt=text, safety_tolerance=text, insets=(Inset(text, text, None),), thinking=text
    )
    assert paint(scene).size == (400, 272)


@pytest.mark.parametrize(("output_format", "name"), [("JPG", "JPEG"), ("PNG", "PNG"), ("WEBP", "WEBP")])
def test_encoding_keeps_format_and_size(output_format: str, name: str) -> None:
    """What is encoded opens again in the same format and size."""
    picture = paint(SCENE)
    with Image.open(BytesIO(encode(picture, output_format, 85))) as again:
        assert (again.format, again.size) == (name, picture.size)
        assert difference(again.convert("RGB"), picture) < 8


def test_quality_counts_except_for_png() -> None:
    """JPG and WEBP shrink with their quality; a PNG is exact and ignores it."""
    picture = paint(SCENE)
    for output_format in ("JPG", "WEBP"):
        assert len(encode(picture, output_format, 20)) < len(encode(picture, output_format, 99))
    png = encode(picture, "PNG", 20)
    assert png == encode(picture, "PNG", 99)
    with Image.open(BytesIO(png)) as again:
        assert same(again, picture)


def test_unknown_format_is_refused() -> None:
    """A format that is none of the three is an error that names them."""
    with pytest.raises(ValueError, match="JPG, PNG or WEBP"):
        encode(paint(SCENE), "GIF", 85)
