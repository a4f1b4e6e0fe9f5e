"""The offline painter: a request always gives the same picture, and every parameter is visible in it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageStat

from nbkit.display.lettering import drawable, measure
from nbkit.offline.painting import labels
from nbkit.offline.painting.composition import Composition, company_size, compose
from nbkit.offline.painting.keywords import MOST_NAMED, find_keywords
from nbkit.offline.painting.motifs import MOTIFS
from nbkit.offline.painting.painter import encode, paint
from nbkit.offline.painting.palettes import PALETTES
from nbkit.offline.painting.scene import Inset, Scene
from nbkit.offline.painting.sceneries import PROPS, SCENERIES
from nbkit.offline.painting.shapes import Canvas, read_drawings
from nbkit.request.footer import footer_of

LARGEST_SEED = 2**63 - 1
SCENE = Scene("red lanterns over the sea at night", 400, 272, 42)
REMOTE = Inset("ab" * 32, "URL, not fetched", None)


def difference(first: Image.Image, second: Image.Image) -> float:
    """The mean absolute difference of two pictures, per channel."""
    return sum(ImageStat.Stat(ImageChops.difference(first, second)).mean) / 3


def is_same(first: Image.Image, second: Image.Image) -> bool:
    return first.tobytes() == second.tobytes()


def composition_of(scene: Scene) -> Composition:
    return compose(scene, find_keywords(scene.prompt), 0, scene.height - 20)


def names_in(scene: Scene) -> list[str]:
    """The motifs of a picture, those of the prompt first."""
    return [spot.name for spot in sorted(composition_of(scene).spots, key=lambda spot: spot.rank)]


def plate_of(scene: Scene) -> labels.Title | None:
    """The plate with the quoted texts of its prompt."""
    return labels.title(scene, find_keywords(scene.prompt).quotes)


def footer_text(scene: Scene) -> str:
    """The footer of a picture that is wide enough for all of it."""
    wide = replace(scene, width=2528, height=1696)
    return " / ".join(labels.footer(wide, find_keywords(wide.prompt), plate_of(wide)).lines)


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
    """Also one that is sent with the value at which a picture without it is drawn."""
    assert not is_same(paint(SCENE), paint(replace(SCENE, **change)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"web_search": True}, "web search"),
        ({"image_search": True}, "image search"),
        ({"safety_tolerance": "high"}, "safety high"),
        ({"check_content": True}, "content check"),
        ({"thinking": "HIGH"}, "thinking HIGH"),
        ({"thinking": "MINIMAL"}, "thinking MINIMAL"),
    ],
    ids=str,
)
def test_what_changes_no_motif_is_a_mark_in_the_footer(change: dict[str, object], words: str) -> None:
    """Searches, safety, content check and thinking leave the scene as it is."""
    wide = replace(SCENE, width=1264, height=848)
    first, second = paint(wide), paint(replace(wide, **change))
    assert is_same(upper_part(first, 0.9), upper_part(second, 0.9))
    assert words in footer_text(replace(SCENE, **change))
    assert words not in footer_text(SCENE)


@pytest.mark.parametrize(
    "size", [(256, 1024), (192, 1536), (384, 688), (688, 384), (792, 168), (512, 512), (632, 424), (1536, 192)]
)
def test_the_scene_has_the_same_room_whatever_the_footer_says(size: tuple[int, int]) -> None:
    """In small and narrow pictures too, where a mark may take a line more."""
    scene = replace(SCENE, prompt="a cat by the sea with a lighthouse, no dogs", width=size[0], height=size[1])
    full = replace(
        scene, thinking="HIGH", web_search=True, image_search=True, check_content=True, safety_tolerance="medium"
    )
    pictures = [paint(scene), paint(replace(scene, temperature=1.0, top_p=0.95)), paint(full)]
    top = min(picture.info["footer"][1] for picture in pictures)
    assert len({picture.crop((0, 0, size[0], top)).tobytes() for picture in pictures}) == 1


def test_two_system_prompts_have_different_marks() -> None:
    """Neither moves a motif."""
    first, second = (replace(SCENE, system_prompt=text) for text in ("Be bold.", "Be quiet."))
    assert footer_text(first) != footer_text(second)
    assert composition_of(first).spots == composition_of(second).spots


# -- what was not sent, and topP -----------------------------------------------------------------------------------


def test_the_footer_names_nothing_that_was_not_sent() -> None:
    """Neither a name nor a number."""
    assert footer_text(SCENE) == "DRAWN OFFLINE by nbkit \u00b7 seed 42 \u00b7 2528\u00d71696"
    sent = footer_text(replace(SCENE, temperature=0.25, top_p=1, thinking="HIGH"))
    assert "temperature 0.25 \u00b7 topP 1 \u00b7 thinking HIGH" in sent
    assert "temperature 0 \u00b7 topP 0" in footer_text(replace(SCENE, temperature=0, top_p=0))


@pytest.mark.parametrize("change", [{"temperature": 1.0}, {"top_p": 0.95}], ids=str)
def test_what_was_not_sent_is_drawn_as_the_model_does_by_itself(change: dict[str, float]) -> None:
    """The model's own temperature is 1, and its topP 0.95: only the footer differs."""
    for prompt in ("red lanterns at night", "a cat and a boat", "zyx"):
        scene = replace(SCENE, prompt=prompt, width=1264, height=848)
        first, second = paint(scene), paint(replace(scene, **change))
        assert is_same(upper_part(first, 0.9), upper_part(second, 0.9))
        assert not is_same(first, second)


def test_top_p_decides_how_much_company_there_is() -> None:
    """None at 0, and all at 1; it never falls in between, and where nothing is named there is always something."""
    for named in (0, 1, 4, 9, 12):
        sizes = [company_size(named, step / 20) for step in range(21)]
        assert sizes == sorted(sizes)
        assert sizes[0] == (named == 0)
        assert sizes[-1] == max(2, 9 - named)
        assert sizes[0] < company_size(named, None) <= sizes[-1]


NAMED = [
    ("cat, boat, lighthouse, tree", ["cat", "boat", "lighthouse", "tree"]),
    ("a robot", ["robot"]),
    ("three cats and a fish", ["cat", "cat", "cat", "fish"]),
    ("lanterns at night", ["lantern", "lantern"]),
    (
        "moon, sun, star, cloud, bird, balloon, tree, pine, house, cat",
        ["moon", "sun", "star", "cloud", "bird", "balloon", "tree", "pine", "house", "cat"],
    ),
]


@pytest.mark.parametrize(("prompt", "named"), NAMED)
@pytest.mark.parametrize("top_p", [0.0, 0.1, 0.5, 0.9, 1.0, None])
def test_what_the_prompt_names_is_there_at_every_top_p(prompt: str, named: list[str], top_p: float | None) -> None:
    """At the same places, for every seed and temperature, and as often as it is named; only the company thins."""
    for seed in range(3):
        for heat in (0.0, 1.0, None):
            scene = replace(SCENE, prompt=prompt, seed=seed, temperature=heat, width=632, height=424)
            assert names_in(replace(scene, top_p=top_p))[: len(named)] == named
            assert len(names_in(replace(scene, top_p=top_p))) == len(named) + company_size(len(named), top_p)
            alone = [spot for spot in composition_of(replace(scene, top_p=0)).spots if spot.rank < len(named)]
            among = [spot for spot in composition_of(replace(scene, top_p=top_p)).spots if spot.rank < len(named)]
            assert among == alone == list(composition_of(replace(scene, top_p=0)).spots)


@pytest.mark.parametrize("top_p", [0.0, 0.5, 1.0, None])
@pytest.mark.parametrize("size", [(1264, 848), (848, 1264)])
def test_each_named_thing_can_be_seen_at_every_top_p(top_p: float | None, size: tuple[int, int]) -> None:
    """Without it, pixels at its place are others: nothing hides it, in an upright picture either."""
    scene = replace(
        SCENE,
        prompt="a cat, a boat, a lighthouse, a tree, a house and a robot",
        width=size[0],
        height=size[1],
        top_p=top_p,
    )
    plan = composition_of(scene)
    for name in find_keywords(scene.prompt).things:
        without = plan._replace(spots=tuple(spot for spot in plan.spots if spot.name != name))
        seen, spot = [], next(spot for spot in plan.spots if spot.name == name)
        for one in (plan, without):
            canvas = Canvas(one.palette)
            for motif in one.spots:
                canvas.draw(motif.motif.drawing, complex(motif.x, motif.y), motif.size, "motif", motif.rank)
            seen.append(canvas.render(Image.new("RGB", (1, size[1]), "lime"), *size))
        changed = ImageChops.difference(*seen).convert("L").point(lambda level: 255 if level else 0)
        own = Canvas(plan.palette)
        own.draw(spot.motif.drawing, complex(spot.x, spot.y), spot.size, "motif", spot.rank)
        alone = ImageChops.difference(
            own.render(Image.new("RGB", (1, size[1]), "lime"), *size), Image.new("RGB", size, "lime")
        )
        whole = alone.convert("L").point(lambda level: 255 if level else 0)
        assert ImageStat.Stat(changed).sum[0] > 0.5 * ImageStat.Stat(whole).sum[0]


@pytest.mark.parametrize("prompt", ["lanterns at night", "nothing that has a name", "cat, car, cup, robot, fish, moon"])
def test_a_higher_top_p_keeps_the_motifs_of_a_lower_one(prompt: str) -> None:
    """A sweep over topP adds motifs and moves none."""
    few = composition_of(replace(SCENE, prompt=prompt, top_p=0.2)).spots
    many = composition_of(replace(SCENE, prompt=prompt, top_p=1)).spots
    assert set(few) < set(many)


# -- what a prompt says --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "things", "unknown"),
    [
        ("no cats, only a dog", [], ["dog"]),
        ("a beach without boats", [], []),
        ("not a cat but a boat", ["boat"], []),
        ("not only cats but also boats", ["cat", "cat", "boat", "boat"], []),
        ("three red lanterns and a cat, but no boats or birds", ["lantern"] * 3 + ["cat"], []),
        ("no cats, dogs or birds; a lighthouse", ["lighthouse"], ["no dogs"]),
        ("no people and a red boat", ["boat"], ["no people"]),
        ("neither cats nor boats", [], []),
        ("a treeless hill under a cloudless sky", [], ["under"]),
        ("a house, cat-free and free of birds", ["house"], []),
        ("a city, don't add any cars", [], []),
        ("a boat instead of a cat", ["boat"], []),
        ("not without cats", [], ["cats"]),
        ("zero cats, 0 boats", [], []),
        ("a forest without trees", [], ["no trees"]),
        ("a city without houses", [], ["no houses"]),
        ("mountains with no snow", [], ["no snow"]),
        ("a boat in a city, no water", ["boat"], ["no water"]),
        ("a boat that is not red", ["boat"], ["no red"]),
        ("no boats, birds and fish", [], ["birds", "fish"]),
        ("a city with no people and no cars", [], ["no people"]),
        ("cat: no", ["cat"], ["no"]),
        ("no more cats, no longer a boat", [], []),
        ("a never-ending sea and a not-red car", ["car"], ["never-ending", "not-red"]),
        ("a not very happy cat", ["cat"], ["not-happy"]),
        ("a zero waste shop", ["shop"], ["zero", "waste"]),
        ("without doubt a cat", ["cat"], []),
        ("a robot without eyes holding a lantern", ["robot", "lantern"], ["no eyes", "holding"]),
        ("a boat without sails heading toward a lighthouse", ["boat", "lighthouse"], ["no sails", "heading", "toward"]),
        ("don't forget the moon", ["moon"], []),
        ("no lack of birds", ["bird"] * 2, []),
        ("nothing except a cat", ["cat"], []),
        ("no animals other than a cat", ["cat"], ["no animals"]),
        ("anything but a cat", [], []),
        ("leave the moon out, skip the clouds", [], []),
        ("a beach w/o birds, sun absent", [], []),
        ("replace the cat with a boat", ["boat"], []),
        ("a lighthouse. Negative prompt: cat, boat", ["lighthouse"], []),
        ("a lighthouse --no cat, boat", ["lighthouse"], []),
        ("a cat ohne boat", ["cat"], ["boat"]),
        ("Sin City poster, a car", ["car"], ["city"]),
        ("a cat, a black one", ["cat"], ["black"]),
        ("a rose in a vase", [], ["rose", "vase"]),
        ("a rose sky", [], []),
        ("a house made of wood", ["house"], ["wood"]),
        ("8k photo of a cat", ["cat"], ["8k", "photo"]),
        ("a 1967 taxi on route 66", ["car"], ["1967", "route", "66"]),
        ("a two-story house", ["house"], ["two-story"]),
        ("half a dozen cats", ["cat"] * 6, []),
        ("2-3 cats", ["cat"] * 2, ["2-3"]),
        ("a cat \U0001f431", ["cat"], ["1 symbol"]),
        ("Starry night, Van Gogh style", ["star"] * 2, ["van", "gogh", "style"]),
        ("Las Vegas skyline", [], ["las", "vegas"]),
        ("a house at night where the moon is not visible", ["house"], []),
        ("the boat isn't there", [], []),
        ("a robot, not with an umbrella", ["robot"], []),
        ("no cats, dogs, birds", [], ["dogs", "birds"]),
        ("no stars, moon", [], ["moon"]),
        ("no text, lanterns over a harbour", ["lantern"] * 2, ["no text"]),
        ("the moon must not be shown", [], []),
        ("I don't want clouds", [], []),
        ("get rid of the boat, keep the cat out of the picture", [], []),
        ("a city, with the exception of cars", [], []),
        ("Negative: birds, clouds", [], []),
        ("a village by the sea, it is raining", ["house"] * 2, []),
        ("two cacti", ["cactus"] * 2, []),
        ("La vie en rose", [], ["French text"]),
        ("no more than three cats", ["cat"] * 3, []),
        ("two cats, a dog and 3 birds", ["cat"] * 2 + ["bird"] * 3, ["dog"]),
        ("a pair of lanterns and a lantern", ["lantern"] * 3, []),
        ("a cup of coffee next to a teapot", ["cup", "teapot"], []),
        ("a cat, and the cat of the cat", ["cat"], []),
        ("a red house and a blue boat", ["house", "boat"], ["blue"]),
        ("a cat to the left of a wolf, watercolour", ["cat"], ["left", "wolf", "watercolour"]),
        ("a sign reads 'DOGS'", [], []),
        ("a sign", [], ["sign"]),
        ("un chat noir sur un toit", [], ["French text"]),
        ("car il pleut sur la ville, sans soleil", [], ["French text"]),
        ("ein Haus am See, ohne Boote", [], ["German text"]),
        ("un gato negro sin luna", [], ["Spanish text"]),
        ("een huis met het meer", [], ["Dutch text"]),
        ("кот на крыше", [], ["Cyrillic text"]),
        ("灯笼店的夜晚", [], ["Chinese or Japanese text"]),
        ("a lantern and 灯笼", ["lantern"], ["Chinese or Japanese text"]),
        ("a cat in a house with a red door", ["cat", "house"], ["door"]),
        ("", [], []),
    ],
)
def test_what_was_understood_of_a_prompt(prompt: str, things: list[str], unknown: list[str]) -> None:
    """Things and their number; what was not understood is in the footer, in the words of the prompt."""
    found = find_keywords(prompt)
    assert list(found.things) == things
    assert list(found.unknown) == unknown
    footer = footer_text(replace(SCENE, prompt=prompt))
    assert ("not understood: " + ", ".join(unknown) in footer) if unknown else ("not understood" not in footer)


@pytest.mark.parametrize(
    ("prompt", "absent"),
    [
        ("no cats, only a dog", {"cat"}),
        ("a beach without boats or birds", {"boat", "bird"}),
        ("a city, don't add any cars", {"car"}),
        ("a treeless hill under a cloudless sky", {"tree", "pine", "cloud"}),
        ("hills with exactly one house", set()),
        ("a cat and no other cats", set()),
        ("only a cat by the sea", {"boat", "fish", "bird", "cloud"}),
        ("just one tree, nothing else", {"cloud", "bird", "house", "flower", "balloon"}),
    ],
)
def test_what_a_prompt_does_not_want_is_not_drawn(prompt: str, absent: set[str]) -> None:
    """Not as company either; and a thing that is named once is there once."""
    for seed in range(12):
        names = names_in(replace(SCENE, prompt=prompt, seed=seed, temperature=1, top_p=1))
        assert not absent & set(names)
        named = find_keywords(prompt).things
        assert [name for name in names if name in named] == list(named)


def test_no_moon_no_stars_and_no_night() -> None:
    """The light behind a scene, the stars and the palette follow a prompt that does not want them."""
    moonless = composition_of(replace(SCENE, prompt="a lighthouse at night, no moon"))
    assert not moonless.light
    assert composition_of(replace(SCENE, prompt="a lighthouse at night")).light
    for seed in range(20):
        day = composition_of(replace(SCENE, prompt="a lighthouse, not at night", seed=seed)).palette
        assert sum(day["top"]) > 120
    rainy, dry = (find_keywords(prompt).rain for prompt in ("a cat in the rain", "a cat, no rain"))
    assert (rainy, dry) == (True, False)
    assert not is_same(
        paint(replace(SCENE, prompt="a cat in the rain")), paint(replace(SCENE, prompt="a cat in the xyz"))
    )


def test_more_than_a_picture_holds_is_said() -> None:
    """As many as there is room for are drawn."""
    found = find_keywords("40 cats, 40 boats and a star")
    assert len(found.things) == MOST_NAMED
    assert "left out: 28 \u00d7 cat, 40 \u00d7 boat, 1 \u00d7 star" in footer_text(
        replace(SCENE, prompt="40 cats, 40 boats and a star")
    )
    assert find_keywords("9999999999 cats").things == ("cat",) * MOST_NAMED


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
    found = find_keywords("teal lanterns at night")
    assert (found.hour, found.colour) == ("night", "teal")


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
        assert set(names_in(replace(SCENE, prompt=prompt, seed=seed, temperature=1, top_p=0))) == {thing}


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
    """Under each sky, with whichever options are chosen."""
    drawings = [*PROPS.values(), *(motif.drawing for motif in MOTIFS.values())]
    for drawing in drawings:
        canvas = Canvas(PALETTES[name])
        for i in range(5):
            canvas.draw(drawing, 50 + 50j, 40, i, body=(1, 2, 3))
        picture = canvas.render(Image.new("RGB", (1, 100), "lime"), 100, 100)
        assert len(picture.getcolors(10_000)) > 1


def drawn(lines: str, palette: str = "day") -> Image.Image:
    """A drawing on white, where one unit of it is 10 pixels."""
    (drawing,) = read_drawings(f"example\n{lines}")
    canvas = Canvas(PALETTES[palette])
    canvas.draw(drawing, 20 + 20j, 10)
    return canvas.render(Image.new("RGB", (1, 40), "white"), 40, 40)


def test_a_shape_without_colour_is_not_drawn() -> None:
    """Where an option of a drawing has nothing."""
    assert drawn("  none box 0 0 1 1").getcolors() == [(1600, (255, 255, 255))]


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("  main box .5 0 1 1 * mirror", "  main box .5 0 1 1, -1 0 -.5 1"),
        ("  main box -1 0 -.8 1 * 3 shift .5 0", "  main box -1 0 -.8 1, -.5 0 -.3 1, 0 0 .2 1"),
        ("  main poly 0 0 1 0 1 1 * 4 turn 90 0 0", "  main poly 0 0 1 0 1 1, 0 0 0 1 -1 1, 0 0 -1 0 -1 -1, 0 0 0 -1 1 -1"),
        ("  main/dark box -1 -1 1 1 * 2 shrink .5 1 1", "  main box -1 -1 1 1\n  dark box 0 0 1 1"),
        ("  main box -1 -1 0 0, box 0 0 1 1", "  main box -1 -1 0 0, 0 0 1 1"),
        ("  pick roof | dark:pale:40\n  roof box 0 0 1 1", "  dark:pale:40 box 0 0 1 1"),
        ("  pick roof | pale / dark\n  roof box 0 0 1 1", "  dark box 0 0 1 1"),
    ],
)  # fmt: skip
def test_a_short_form_of_the_language_stands_for_a_longer_one(short: str, long: str) -> None:
    """Repeats, colours by turns and named inks."""
    assert is_same(drawn(short), drawn(long))


@pytest.mark.parametrize("name", MOTIFS)
def test_every_motif_can_be_drawn(name: str) -> None:
    """In a small picture too."""
    assert paint(replace(SCENE, prompt=f"one {name}", width=192, height=168, top_p=0.2)).size == (192, 168)


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
        ("'one' 'two' 'three' 'four' 'five'", ("one", "two", "three", "four", "five")),
        ("\"\" '' ' ' \" \"", ()),
        ('"never closed', ()),
        ('"two\nlines"', ()),
        ("", ()),
    ],
)
def test_the_texts_in_quotation_marks_are_found(prompt: str, texts: tuple[str, ...]) -> None:
    """Quotation marks of each common kind count, and apostrophes do not."""
    assert find_keywords(prompt).quotes == texts


def test_the_plate_of_a_quoted_text_fits_into_the_picture() -> None:
    """It fits for long texts and words too, and without a quoted text there is no plate."""
    for width, height in ((384, 168), (192, 1536), (1536, 192), (1264, 848)):
        for text in ("Hi", "A rather long title for a small picture", "Donaudampfschifffahrtsgesellschaft" * 4):
            plate = plate_of(replace(SCENE, width=width, height=height, prompt=f"'{text}' 'sub'"))
            assert plate is not None
            assert plate.width <= width
            assert plate.height <= height * 0.5
    assert plate_of(SCENE) is None


NEON = "A food truck poster with 'MIDNIGHT RAMEN', 'OPEN LATE', 'TONKOTSU', 'SPICY MISO', 'VEGAN SHOYU' and a 'TOKYO LANE' sign"


@pytest.mark.parametrize("size", [(1264, 848), (848, 1264), (1024, 1024), (632, 424), (512, 512), (2528, 1696)])
def test_every_quoted_phrase_that_fits_is_lettered(size: tuple[int, int]) -> None:
    """Six of them do, in type that can be read, and the footer names none as left out."""
    scene = replace(SCENE, prompt=NEON, width=size[0], height=size[1])
    plate = plate_of(scene)
    assert plate is not None
    phrases = "MIDNIGHT RAMEN OPEN LATE TONKOTSU SPICY MISO VEGAN SHOYU TOKYO LANE"
    assert " ".join(text for text, _ in plate.lines) == phrases
    assert not plate.left_out
    assert all(type_size >= max(9, 0.02 * min(size)) for _, type_size in plate.lines)
    assert plate.height <= 0.5 * size[1]
    assert "left out" not in footer_text(scene)


def test_phrases_without_room_are_named_in_the_footer() -> None:
    """Those that are lettered, and those that are not, are all that the prompt has."""
    texts = [f"PHRASE {number}" for number in range(30)]
    scene = replace(SCENE, prompt=" ".join(f"'{text}'" for text in texts), width=1264, height=848)
    plate = plate_of(scene)
    assert plate is not None
    shown = [text for text, _ in plate.lines]
    assert [*shown, *(text[1:-1] for text in plate.left_out)] == texts
    assert len(plate.lines) >= 6
    assert f"left out: {plate.left_out[0]}, " in footer_text(scene)


def test_characters_without_a_glyph_are_omitted_and_counted() -> None:
    """The footer says how many; a text of nothing else has no plate."""
    assert drawable("Tea \u8336 \U0001f375 no\x00w") == ("Tea now", 2)
    plate = plate_of(replace(SCENE, prompt="\u300c\u65e5\u672c\u300d"))
    assert plate is not None
    assert not plate.lines
    assert "left out: 2 characters that the typeface lacks" in footer_text(
        replace(SCENE, prompt="\u300c\u65e5\u672c\u300d")
    )
    mixed = replace(SCENE, prompt="a shop, 'RAMEN \U0001f35c'")
    assert [text for text, _ in plate_of(mixed).lines] == ["RAMEN"]
    assert "left out: 1 character that the typeface lacks" in footer_text(mixed)


@pytest.mark.parametrize("size", [(384, 168), (168, 384), (192, 1536), (192, 192), (1264, 848), (12288, 1536)])
def test_the_footer_names_the_offline_engine_and_the_seed(size: tuple[int, int]) -> None:
    """It begins with "DRAWN OFFLINE", and fits into its strip at each size."""
    scene = replace(SCENE, width=size[0], height=size[1], seed=LARGEST_SEED, insets=(REMOTE,) * 14)
    strip = labels.footer(scene, find_keywords(scene.prompt))
    text = " ".join(strip.lines)
    assert text.startswith("DRAWN OFFLINE by nbkit")
    assert str(LARGEST_SEED) in text
    assert all(measure(line, strip.size) <= size[0] for line in strip.lines)
    assert strip.height <= size[1] * 0.3


@pytest.mark.parametrize("size", [(384, 168), (168, 384), (192, 1536), (512, 512), (1264, 848), (12288, 1536)])
def test_the_footer_always_says_what_was_not_understood(size: tuple[int, int]) -> None:
    """In words, or where there is no room for them, their number; its lines fit."""
    scene = replace(
        SCENE,
        width=size[0],
        height=size[1],
        prompt="a dog, a wolf, " + ", ".join(f"zyx{letter * 9}" for letter in "abcdefgh"),
    )
    strip = labels.footer(scene, find_keywords(scene.prompt))
    assert "not understood: " in " ".join(strip.lines)
    assert strip.height <= size[1] * 0.3
    assert all(measure(line, strip.size) <= size[0] for line in strip.lines) or size[0] < 200


def test_a_file_says_where_the_footer_is() -> None:
    """In each format; what is above it does not change with a setting that only the footer names."""
    scene = replace(SCENE, width=1264, height=848)
    for output_format in ("JPG", "PNG", "WEBP"):
        picture = paint(scene)
        box = footer_of(encode(picture, output_format, 90))
        assert box is not None
        assert box[0] == 0
        assert box[2:] == (1264, 848)
        assert 780 < box[1] < 848
        assert not is_same(picture.crop(box), paint(replace(scene, web_search=True)).crop(box))
        assert is_same(
            picture.crop((0, 0, 1264, box[1])), paint(replace(scene, web_search=True)).crop((0, 0, 1264, box[1]))
        )


@pytest.mark.parametrize(
    "words",
    [
        "nbkit offline engine; footer 0 9 40 40",
        "nbkit offline engine; footer 0 9 41 30",
        "Adobe",
        "footer 0 1 2 3",
        "",
        None,
        7,
    ],
)
def test_any_other_picture_has_no_footer(words: object) -> None:
    """Nor one whose metadata names a place outside of it, nor what is no picture."""
    exif = Image.Exif()
    if words is not None:
        exif[305] = words
    out = BytesIO()
    Image.new("RGB", (40, 30)).save(out, "PNG", exif=exif)
    assert footer_of(out.getvalue()) is None
    assert footer_of(out.getvalue()[:60]) is None
    assert footer_of(b"no picture") is None


# -- noise -----------------------------------------------------------------------------------------------------------


def test_noise_changes_a_picture_a_little() -> None:
    """Each draw is another one; it differs less than another seed does, and has the same motifs."""
    scene = replace(SCENE, width=632, height=424, temperature=1)
    noisy = [replace(scene, noise=0.03, draw=draw) for draw in range(4)]
    first, *others = map(paint, noisy)
    apart = [difference(first, other) for other in others]
    seeds = [difference(first, paint(replace(scene, seed=seed))) for seed in range(3)]
    assert all(0 < one < min(seeds) / 2 for one in apart)
    assert {tuple(names_in(one)) for one in noisy} == {tuple(names_in(scene))}
    assert is_same(paint(replace(scene, draw=5)), paint(scene))
    more = replace(scene, noise=0.3)
    assert difference(paint(replace(more, draw=1)), paint(replace(more, draw=2))) > max(apart)


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
