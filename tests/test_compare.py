"""Pictures side by side: what differs is said, what is equal is not, and how like they are is said in words."""

import io
import pickle
import re
import subprocess
import sys
from contextlib import closing

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import nbkit
from nbkit.comparison import differences
from nbkit.comparison.text_difference import word_difference
from nbkit.display.compare import ADDED, REMOVED, differences_html
from nbkit.measures.facts import examine
from nbkit.measures.likeness import likeness
from nbkit.results.image import GeneratedImage

HTML, TEXT = "text/html", "text/plain"


@pytest.fixture
def studio(tmp_path):
    with closing(nbkit.Studio(engine="offline", path=tmp_path / "runs")) as studio:
        yield studio


def generate(studio, prompt="A paper lantern", **parameters):
    return studio.generate(prompt, **{"seed": 1, "width": 512, "height": 512} | parameters)


def picture(colour="teal", size=(64, 48), kind="PNG", spot=None, **options):
    drawn = Image.new("RGB", size, colour)
    if spot:
        drawn.paste(spot, (0, 0, size[0] // 8, size[1] // 8))
    out = io.BytesIO()
    drawn.save(out, kind, **options)
    return GeneratedImage(facts=examine(out.getvalue()), data=out.getvalue())


def told(things):
    return {one.name: ["".join(piece.text for piece in value) for value in one.values] for one in differences(things)}


def test_only_what_differs_is_told(studio):
    """Parameters in the API's spelling, one value a picture; what is the same for both is left out."""
    a = generate(studio, temperature=0.2, top_p=0.9)
    b = generate(studio, temperature=0.8, top_p=0.9, thinking="HIGH")
    assert told([a, b]) == {"temperature": ["0.2", "0.8"], "thinking": ["not sent", "HIGH"]}
    shown = nbkit.compare(a, b)._repr_mimebundle_()
    assert "2 parameters differ" in shown[TEXT]
    assert "temperature: 0.2 | 0.8" in shown[TEXT]
    assert "topP" not in shown[HTML]


def test_a_run_an_image_and_a_row_say_the_same(studio):
    """However a picture is handed over, the same parameters differ."""
    a = generate(studio, system_prompt="Be bold", aspect_ratio="1:1", resolution="0.5K", width=None, height=None)
    b = generate(studio, "A glass lantern", output_quality=60, extra={"settings": {"topP": 0.5, "temperature": 0.4}})
    frame = studio.df
    wanted = told([a, b])
    assert sorted(wanted) == ["extra", "outputQuality", "prompt", "systemPrompt", "temperature", "topP"]
    assert told([a[0], b[0]]) == wanted
    assert told([frame.iloc[0], frame.iloc[1]]) == told([frame]) == told([a, frame.iloc[1]]) == wanted
    assert told([a, frame.iloc[0]]) == {}
    assert nbkit.compare(frame).to_text() == nbkit.compare(a, b).to_text()


def test_a_default_that_was_set_equals_one_that_was_not(studio):
    """And how a picture travelled takes no part."""
    a = generate(studio, output_quality=95, web_search=False, output_type="base64Data")
    b = generate(studio)
    comparison = nbkit.compare(a, b)
    assert comparison.differences == ()
    assert "no parameter differs" in comparison.to_html()
    assert comparison.likenesses[1].word == "same file"
    assert told([a, generate(studio, output_quality=60)])["outputQuality"] == ["95", "60"]


def test_a_seed_that_the_service_drew_is_told_as_a_result(studio):
    """It differs, though no parameter does."""
    a, b = generate(studio, seed=None), generate(studio, seed=None)
    (seed,) = differences([a, b])
    assert seed.result
    assert [value[0].text for value in seed.values] == [f"{run.seed} (drawn by the service)" for run in (a, b)]
    assert "no parameter differs" in nbkit.compare(a, b).to_text()


def test_reference_images_are_told_by_the_beginning_of_their_hash(studio):
    """The same from a run and from its row."""
    a = generate(studio, reference_images=[picture().bytes])
    b = generate(studio, reference_images=[picture("red").bytes])
    (row,) = (one for one in differences([a, b]) if one.name == "referenceImages")
    assert all(re.fullmatch(r"sha256:[0-9a-f]{12}…", value[0].text) for value in row.values)
    assert told([studio.df]) == told([a, b])


def test_a_run_of_several_pictures_stands_for_all(studio):
    """With their letters, each held against the first; nine are too many, and that is said before any work."""
    run = generate(studio, number_results=3)
    comparison = nbkit.compare(run)
    assert (comparison.labels, comparison.images) == ("ABC", run.images)
    assert [like and like.word for like in comparison.likenesses] == [None, "different", "different"]
    with pytest.raises(nbkit.NbkitError, match="at most 8 pictures"):
        nbkit.compare(run, run, run)


@pytest.mark.parametrize("give", [lambda run: (), lambda run: (run,), lambda run: (run[0],)])
def test_one_picture_is_no_comparison(studio, give):
    """The error says how many it was given, and what it takes."""
    with pytest.raises(nbkit.NbkitError, match=r"needs two pictures or more.*a Run, a GeneratedImage"):
        nbkit.compare(*give(generate(studio)))


def test_what_is_no_picture_is_refused(studio):
    """By its type, and a row without its file by the column that it lacks."""
    run = generate(studio)
    with pytest.raises(nbkit.NbkitError, match="not str"):
        nbkit.compare(run, "picture.png")
    with pytest.raises(nbkit.NbkitError, match="no column 'file'"):
        nbkit.compare(run, studio.df[["prompt"]])


def test_a_run_without_a_picture_stands_as_its_notice(studio, tmp_path):
    """Blocked or failed, as a run or as a row; the others are compared with the first picture that there is."""
    good = generate(studio)
    with closing(nbkit.Studio(engine=nbkit.Offline(failures={"blocked": 1}), path=tmp_path / "blocked")) as other:
        blocked = generate(other, temperature=0.5, aspect_ratio="1:1", resolution="0.5K", width=None, height=None)
        row = other.df.iloc[0]
    for missing in (blocked, row):
        comparison = nbkit.compare(missing, good, good)
        assert comparison.images[0] is None
        assert "refused by a safety filter" in comparison.to_html()
        assert "refused by a safety filter" in comparison.to_text()
        found = told([missing, good])
        assert found["temperature"] == ["0.5", "not sent"]
        assert "width" not in found
        assert [like and like.word for like in comparison.likenesses] == ["not compared", None, "same file"]


def test_a_picture_whose_file_is_gone(studio):
    """It is said where the picture would stand; nothing is raised."""
    a, b = generate(studio), generate(studio, seed=2)
    b.image.path.unlink()
    for thing in (b, studio.df.iloc[1]):
        comparison = nbkit.compare(a, thing)
        assert comparison.likenesses[1].word == "not compared"
        assert "file" in comparison.to_html()


def test_a_picture_of_unknown_origin(studio):
    """What was asked for it is not known, and that is said instead of 'no parameter differs'."""
    text = nbkit.compare(generate(studio), picture()).to_text()
    assert "what was asked for is not known" in text
    assert "What was asked for B is not known." in text


def test_text_is_the_same_at_every_execution(tmp_path):
    """No UUID, path or time in it; and nothing of them in the HTML."""
    texts = []
    for name in ("one", "two"):
        with closing(nbkit.Studio(engine="offline", path=tmp_path / name)) as studio:
            a, b = generate(studio), generate(studio, "A glass lantern", temperature=0.3)
            comparison = nbkit.compare(a, b)
            texts.append((repr(comparison), comparison.to_text(), comparison.to_html()))
            assert str(tmp_path) not in comparison.to_html()
            assert a.task_uuid not in comparison.to_html()
    assert texts[0] == texts[1]
    assert texts[0][0] == "<Comparison of 2 pictures: 2 parameters differ>"


def test_two_pictures_weigh_little(studio):
    """Under 150 kB with script and all, for noise, which no encoder makes small."""
    noise = Image.effect_noise((1024, 1024), 200).convert("RGB")
    out = io.BytesIO()
    noise.save(out, "PNG")
    image = GeneratedImage(facts=examine(out.getvalue()), data=out.getvalue())
    assert len(nbkit.compare(image, image).to_html()) < 150_000
    assert len(nbkit.compare(*[generate(studio)] * 8).to_html()) < 170_000


HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> {word} </td>"


def test_prompts_are_escaped(studio):
    """Markup in a prompt is text, also inside the words that differ; the only script is nbkit's own."""
    a, b = (generate(studio, HOSTILE.format(word=word), system_prompt=word + HOSTILE) for word in ("one", "two"))
    html = nbkit.compare(a, b).to_html()
    assert html.count("<script") == html.count("</script") == 1
    assert html.rstrip().endswith("</script>")
    assert "<img src=x" not in html
    assert "<script" not in differences_html("AB", differences([a, b]))


def test_the_table_alone(studio):
    """For reuse beside pictures that stand elsewhere: without pictures and without a script; or a sentence."""
    a, b = generate(studio, temperature=0.2), generate(studio, temperature=0.8)
    html = differences_html(["left", "right"], differences([a, b]))
    for part in ('<th scope="col"', "left", "right", '<th scope="row"', "temperature", "0.2", "0.8"):
        assert part in html
    assert "<img" not in html
    assert "no parameter differs" in differences_html("AB", differences([a, a]))


# -- how like two pictures are -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "other", "word", "said"),
    [
        (picture(), picture(), "same file", "byte for byte"),
        (picture(), picture(compress_level=0), "equal pixels", "every pixel is equal, in another file"),
        (picture(), picture(kind="WEBP", lossless=True), "equal pixels", "(WEBP, not PNG)"),
        (picture(), picture((0, 129, 127)), "nearly equal", "0.3 %"),
        (picture(), picture(spot="red"), "different", "where most (upper left)"),
        (picture(), picture("red"), "different", "on average"),
        (picture(), picture(size=(128, 96)), "nearly equal", "128x96, not 64x48; colours differ by less than 0.1 %"),
        (picture(), picture(size=(64, 64)), "different", "another shape: 64x64, not 64x48"),
        (picture(), picture(size=(1, 1)), "different", "another shape"),
        (picture(size=(1, 1)), picture("red", size=(1, 1)), "different", "on average"),
    ],
)
def test_likeness_is_said_in_words(first, other, word, said):
    """Exactly on all of the pixels; beyond that with a number, and one place that differs is not drowned."""
    found = likeness(first, other)
    assert (found.word, said in found.sentence) == (word, True), found
    assert likeness(other, first).word == word


def test_an_encoder_changes_little(studio):
    """The same drawing as JPG and as PNG is nearly equal; with another seed it is not."""
    a = generate(studio)
    assert likeness(a[0], generate(studio, output_format="PNG")[0]).word == "nearly equal"
    assert likeness(a[0], generate(studio, seed=2)[0]).word == "different"


# -- words -------------------------------------------------------------------------------------------------


def words(text):
    return "".join(text.split())


@given(st.text("ab ,.夜の\n", max_size=60), st.text("ab ,.夜の\n", max_size=60))
def test_both_texts_can_be_read_from_their_difference(before, after):
    """Nothing is lost and nothing invented, whatever the texts."""
    pieces = [p for p in word_difference(before, after) if not p.text.startswith(" (only spaces")]
    assert words("".join(p.text for p in pieces if p.sign != ADDED)) == words(before)
    assert words("".join(p.text for p in pieces if p.sign != REMOVED)) == words(after)
    assert any(p.sign for p in pieces) or words(before) == words(after)


def test_words_that_differ_are_marked_by_sign_and_element(studio):
    """Not by colour alone, in HTML and in text."""
    shown = nbkit.compare(generate(studio, "A red lantern, calm"), generate(studio, "A jade lantern, calm and loud"))
    assert "A [-red-] {+jade+} lantern, calm {+and loud+}" in shown.to_text()
    html = shown.to_html()
    assert re.search(r"<del [^>]*><span [^>]*>−</span>red</del>", html)
    assert re.search(r"<ins [^>]*><span [^>]*>\+</span>jade</ins>", html)


def test_spaces_alone_are_said():
    """Prompts that look alike and are not equal are no riddle."""
    assert word_difference("a  b", "a b")[-1].text == " (only spaces or line breaks differ)"


def test_long_prompts_stay_short(studio):
    """What is the same is left out in the middle, and a change at the end is still seen."""
    long = "lantern " * 4_000
    shown = nbkit.compare(generate(studio, f"{long} red"), generate(studio, f"{long} jade"))
    assert "[-red-] {+jade+}" in shown.to_text()
    assert len(shown.to_text()) < 2_000
    apart = word_difference("a b " * 10_000, "c d " * 10_000)
    assert [piece.sign for piece in apart] == [REMOVED, ADDED]


# -- what a picture knows of itself ------------------------------------------------------------------------


def test_a_picture_knows_what_it_was_asked_to_be(studio):
    """From the run and from the log; it takes no part in equality and repr."""
    run = generate(studio, temperature=0.3)
    assert run[0].request == run.request == studio.log[run.task_uuid][0].request
    bare = GeneratedImage(facts=examine(run[0].bytes), data=run[0].bytes)
    assert bare.request is None
    assert bare == run[0]
    assert "0.3" not in repr(run[0])


def test_a_pickled_picture_brings_no_other_pictures_along(studio):
    """Its reference images travel as names; the parameters arrive."""
    noise = Image.effect_noise((256, 256), 200)
    run = generate(studio, reference_images=[noise], temperature=0.3)
    data = pickle.dumps(run[0])
    back = pickle.loads(data)
    assert len(data) < 3_000
    assert back.request == run.request
    assert back.request.reference_images[0].is_missing
    assert not run[0].request.reference_images[0].is_missing
    assert told([back, generate(studio, reference_images=[noise])]) == {"temperature": ["0.3", "not sent"]}


# -- the public name ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before", ["", "nbkit.Studio", "import nbkit.comparison", "import nbkit.display.compare", "nbkit.compare"]
)
def test_compare_is_the_function_whatever_was_imported_before(before):
    """No module of that name stands in its way."""
    code = f"import nbkit\n{before}\nimport types\nassert isinstance(nbkit.compare, types.FunctionType), nbkit.compare"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_odd_rows(studio):
    """An extra that is no JSON stands for itself; two columns of one name are told; a list is no obstacle."""
    studio.generate("A boat", width=512, height=512, number_results=2)
    frame = studio.df.assign(own=[[1, 2]] * 2)
    assert "oops" in nbkit.compare(frame.assign(extra=["oops", None])).to_text()
    for twice in (pd.concat([frame, frame[["seed"]]], axis=1), pd.concat([frame.iloc[0], frame.iloc[0]])):
        with pytest.raises(nbkit.NbkitError, match="more than one column"):
            nbkit.compare(twice, frame)


@pytest.mark.parametrize("damage", [lambda _: b"junk", lambda data: data[:2000]], ids=["junk", "cut"])
def test_a_damaged_file_is_said_and_the_rest_still_shows(tmp_path, damage):
    """Whichever of the two it is: no traceback, and its run shows why it has no picture."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    whole, broken = (studio.generate("A lamp", seed=seed, resolution="0.5K") for seed in (1, 2))
    broken.image.path.write_bytes(damage(broken.image.bytes))
    for pair in ((whole, broken), (broken, whole)):
        comparison = nbkit.compare(*pair)
        assert "cannot be read" in comparison.to_text()
        assert "damaged" in comparison.to_html()
    assert "damaged" in broken.to_html()
    with pytest.raises(nbkit.errors.NoImage, match="damaged"):
        _ = broken.image.pil
    studio.close()
