"""``nbkit.compare``: the parameters that differ, how similar the pictures are, and the differences between texts."""

import io
import pickle
import re
import subprocess
import sys
from contextlib import closing
from html.parser import HTMLParser

import pandas as pd
import pytest
from html_page import HTML, TEXT
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import nbkit
from nbkit.comparison.result import differences
from nbkit.comparison.text_difference import word_difference
from nbkit.display.compare import ADDED, REMOVED, differences_html
from nbkit.measures.facts import examine
from nbkit.measures.likeness import likeness
from nbkit.results.run import GeneratedImage


@pytest.fixture
def studio(tmp_path):
    """An offline studio."""
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


def differing(pictures):
    """The names of the parameters that differ, each with the texts of its values."""
    return {one.name: ["".join(piece.text for piece in value) for value in one.values] for one in differences(pictures)}


def test_a_comparison_lists_only_the_parameters_that_differ(studio):
    """In the API's spelling, with one value for each picture."""
    a = generate(studio, temperature=0.2, top_p=0.9)
    b = generate(studio, temperature=0.8, top_p=0.9, thinking="HIGH")
    assert differing([a, b]) == {"temperature": ["0.2", "0.8"], "thinking": ["default", "HIGH"]}
    shown = nbkit.compare(a, b)._repr_mimebundle_()
    assert "2 parameters differ" in shown[TEXT]
    assert "temperature: 0.2 | 0.8" in shown[TEXT]
    assert "topP" not in shown[HTML]


def test_a_run_a_picture_and_a_row_have_the_same_differences(studio):
    """Also a whole frame, and any mixture of them."""
    a = generate(studio, system_prompt="Be bold", aspect_ratio="1:1", resolution="0.5K", width=None, height=None)
    b = generate(studio, "A glass lantern", output_quality=60, extra={"settings": {"topP": 0.5, "temperature": 0.4}})
    frame = studio.df
    expected = differing([a, b])
    assert sorted(expected) == ["extra", "outputQuality", "prompt", "systemPrompt", "temperature", "topP"]
    assert differing([a[0], b[0]]) == expected
    assert differing([frame.iloc[0], frame.iloc[1]]) == expected
    assert differing([frame]) == differing([a, frame.iloc[1]]) == expected
    assert differing([a, frame.iloc[0]]) == {}
    assert nbkit.compare(frame).to_text() == nbkit.compare(a, b).to_text()


def test_a_parameter_set_to_its_default_does_not_differ_from_one_that_is_not_set(studio):
    """Parameters of the delivery do not count either."""
    a = generate(studio, output_quality=95, web_search=False, output_type="base64Data")
    b = generate(studio)
    comparison = nbkit.compare(a, b)
    assert comparison.differences == ()
    assert "no parameter differs" in comparison.to_html()
    assert comparison.likenesses[1].word == "same file"
    assert differing([a, generate(studio, output_quality=60)])["outputQuality"] == ["95", "60"]


def test_a_seed_that_the_service_drew_is_listed_as_a_result(studio):
    """It differs, although no parameter does."""
    a, b = generate(studio, seed=None), generate(studio, seed=None)
    (seed,) = differences([a, b])
    assert seed.result
    assert [value[0].text for value in seed.values] == [f"{run.seed} (random)" for run in (a, b)]
    assert "no parameter differs" in nbkit.compare(a, b).to_text()


def test_different_reference_images_are_listed_with_the_first_digits_of_their_hashes(studio):
    """For a run and for its row."""
    a = generate(studio, reference_images=[picture().bytes])
    b = generate(studio, reference_images=[picture("red").bytes])
    (row,) = (one for one in differences([a, b]) if one.name == "referenceImages")
    assert all(re.fullmatch(r"sha256:[0-9a-f]{12}…", value[0].text) for value in row.values)
    assert differing([studio.df]) == differing([a, b])


def test_comparing_a_run_compares_all_of_its_pictures_with_the_first(studio):
    """Each has a letter; more than eight pictures raise."""
    run = generate(studio, number_results=3)
    comparison = nbkit.compare(run)
    assert (comparison.labels, comparison.images) == ("ABC", run.images)
    assert [like and like.word for like in comparison.likenesses] == [None, "different", "different"]
    with pytest.raises(nbkit.NbkitError, match="at most 8 pictures"):
        nbkit.compare(run, run, run)


@pytest.mark.parametrize("arguments_of", [lambda run: (), lambda run: (run,), lambda run: (run[0],)])
def test_comparing_fewer_than_two_pictures_raises(studio, arguments_of):
    """The message lists what compare accepts."""
    with pytest.raises(nbkit.NbkitError, match=r"needs two pictures or more.*a Run, a GeneratedImage"):
        nbkit.compare(*arguments_of(generate(studio)))


def test_comparing_a_value_of_another_type_raises(studio):
    """The message has the type; for a row without its file it has the missing column."""
    run = generate(studio)
    with pytest.raises(nbkit.NbkitError, match="got text"):
        nbkit.compare(run, "picture.png")
    with pytest.raises(nbkit.NbkitError, match="no column 'file'"):
        nbkit.compare(run, studio.df[["prompt"]])


def test_a_run_without_a_picture_is_shown_as_its_error(studio, tmp_path):
    """A blocked run, or its row; the other pictures are compared with the first one that exists."""
    good = generate(studio)
    with closing(nbkit.Studio(engine=nbkit.Offline(failures={"blocked": 1}), path=tmp_path / "blocked")) as other:
        blocked = generate(other, temperature=0.5, aspect_ratio="1:1", resolution="0.5K", width=None, height=None)
        row = other.df.iloc[0]
    for missing in (blocked, row):
        comparison = nbkit.compare(missing, good, good)
        assert comparison.images[0] is None
        assert "refused by a safety filter" in comparison.to_html()
        assert "refused by a safety filter" in comparison.to_text()
        different = differing([missing, good])
        assert different["temperature"] == ["0.5", "default"]
        assert "width" not in different
        assert [like and like.word for like in comparison.likenesses] == ["not compared", None, "same file"]


def test_a_picture_whose_file_was_deleted_is_not_compared(studio):
    """A message takes its place, and nothing is raised."""
    a, b = generate(studio), generate(studio, seed=2)
    b.image.path.unlink()
    for deleted in (b, studio.df.iloc[1]):
        comparison = nbkit.compare(a, deleted)
        assert comparison.likenesses[1].word == "not compared"
        assert "file" in comparison.to_html()


def test_a_picture_without_a_request_is_compared_without_parameters(studio):
    """The text says that they are not known, and not that no parameter differs."""
    text = nbkit.compare(generate(studio), picture()).to_text()
    assert "2 pictures: parameters unknown" in text
    assert "Parameters unknown: B." in text


def test_the_text_of_a_comparison_is_the_same_at_every_execution(tmp_path):
    """Text and HTML contain no UUID, path or time."""
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


def test_the_html_of_a_comparison_is_smaller_than_150_kb(studio):
    """With its script, for two pictures of noise, which compresses worst; 170 kB for eight pictures."""
    noise = Image.effect_noise((1024, 1024), 200).convert("RGB")
    out = io.BytesIO()
    noise.save(out, "PNG")
    image = GeneratedImage(facts=examine(out.getvalue()), data=out.getvalue())
    assert len(nbkit.compare(image, image).to_html()) < 150_000
    assert len(nbkit.compare(*[generate(studio)] * 8).to_html()) < 170_000


MARKUP = "<script>alert(1)</script> <img src=x onerror=alert(1)> {word} </td>"


def test_markup_in_a_prompt_is_escaped(studio):
    """Also inside the words that differ; the only script is nbkit's own."""
    a, b = (generate(studio, MARKUP.format(word=word), system_prompt=word + MARKUP) for word in ("one", "two"))
    html = nbkit.compare(a, b).to_html()
    assert html.count("<script") == html.count("</script") == 1
    assert html.rstrip().endswith("</script>")
    assert "<img src=x" not in html
    assert "<script" not in differences_html("AB", differences([a, b]))


def test_differences_html_is_the_table_of_parameters_without_pictures(studio):
    """For pages that show the pictures themselves; it is a sentence if no parameter differs."""
    a, b = generate(studio, temperature=0.2), generate(studio, temperature=0.8)
    html = differences_html(["left", "right"], differences([a, b]))
    for part in ('<th scope="col"', "left", "right", '<th scope="row"', "temperature", "0.2", "0.8"):
        assert part in html
    assert "<img" not in html
    assert "no parameter differs" in differences_html("AB", differences([a, a]))


# -- how similar two pictures are --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "other", "word", "detail"),
    [
        (picture(), picture(), "same file", "every byte is the same"),
        (picture(), picture(compress_level=0), "equal pixels", "every pixel is the same, in another file"),
        (picture(), picture(kind="WEBP", lossless=True), "equal pixels", "(WEBP, not PNG)"),
        (picture(), picture((0, 129, 127)), "nearly equal", "0.3 %"),
        (picture(), picture(spot="red"), "different", "in the upper left"),
        (picture(), picture("red"), "different", "on average"),
        (picture(), picture(size=(128, 96)), "nearly equal", "128x96, not 64x48; colours differ by less than 0.1 %"),
        (picture(), picture(size=(64, 64)), "different", "another shape: 64x64, not 64x48"),
        (picture(), picture(size=(1, 1)), "different", "another shape"),
        (picture(size=(1, 1)), picture("red", size=(1, 1)), "different", "on average"),
    ],
)
def test_likeness_is_a_word_and_a_sentence_with_details(first, other, word, detail):
    """It is exact about equal pixels; a small area that differs is enough for ``different``."""
    found = likeness(first, other)
    assert (found.word, detail in found.sentence) == (word, True), found
    assert likeness(other, first).word == word


def test_the_same_picture_as_jpg_and_png_is_nearly_equal(studio):
    """With another seed it is different."""
    a = generate(studio)
    assert likeness(a[0], generate(studio, output_format="PNG")[0]).word == "nearly equal"
    assert likeness(a[0], generate(studio, seed=2)[0]).word == "different"


# -- words -------------------------------------------------------------------------------------------------


def without_spaces(text):
    return "".join(text.split())


@given(st.text("ab ,.夜の\n", max_size=60), st.text("ab ,.夜の\n", max_size=60))
def test_both_texts_can_be_restored_from_their_difference(before, after):
    """Without the added pieces it is the first text, and without the removed ones the second, whatever the texts."""
    pieces = [p for p in word_difference(before, after) if not p.text.startswith(" (only spaces")]
    assert without_spaces("".join(p.text for p in pieces if p.sign != ADDED)) == without_spaces(before)
    assert without_spaces("".join(p.text for p in pieces if p.sign != REMOVED)) == without_spaces(after)
    assert any(p.sign for p in pieces) or without_spaces(before) == without_spaces(after)


def test_words_that_differ_are_marked_with_a_sign_and_an_element(studio):
    """In HTML and in text: not by colour alone."""
    shown = nbkit.compare(generate(studio, "A red lantern, calm"), generate(studio, "A jade lantern, calm and loud"))
    assert "A [-red-] {+jade+} lantern, calm {+and loud+}" in shown.to_text()
    html = shown.to_html()
    assert re.search(r"<del [^>]*><span [^>]*>−</span>red</del>", html)
    assert re.search(r"<ins [^>]*><span [^>]*>\+</span>jade</ins>", html)


def test_texts_that_differ_only_in_spaces_get_a_remark():
    """Because they look equal."""
    assert word_difference("a  b", "a b")[-1].text == " (only spaces or line breaks differ)"


def test_the_difference_of_long_prompts_is_short(studio):
    """Equal words in the middle are left out; a change at the end is shown."""
    long = "lantern " * 4_000
    shown = nbkit.compare(generate(studio, f"{long} red"), generate(studio, f"{long} jade"))
    assert "[-red-] {+jade+}" in shown.to_text()
    assert len(shown.to_text()) < 2_000
    apart = word_difference("a b " * 10_000, "c d " * 10_000)
    assert [piece.sign for piece in apart] == [REMOVED, ADDED]


# -- the request of a picture ------------------------------------------------------------------------------


def test_a_picture_has_the_request_that_made_it(studio):
    """Also a picture of the log; the request does not affect equality and repr."""
    run = generate(studio, temperature=0.3)
    assert run[0].request == run.request == studio.log[run.task_uuid][0].request
    bare = GeneratedImage(facts=examine(run[0].bytes), data=run[0].bytes)
    assert bare.request is None
    assert bare == run[0]
    assert "0.3" not in repr(run[0])


def test_a_pickled_picture_contains_no_reference_images(studio):
    """Its request has their hashes, and all parameters."""
    noise = Image.effect_noise((256, 256), 200)
    run = generate(studio, reference_images=[noise], temperature=0.3)
    data = pickle.dumps(run[0])
    back = pickle.loads(data)
    assert len(data) < 3_000
    assert back.request == run.request
    assert back.request.reference_images[0].is_missing
    assert not run[0].request.reference_images[0].is_missing
    assert differing([back, generate(studio, reference_images=[noise])]) == {"temperature": ["0.3", "default"]}


# -- the public name ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before", ["", "nbkit.Studio", "import nbkit.comparison", "import nbkit.display.compare", "nbkit.compare"]
)
def test_compare_is_the_function_whatever_was_imported_before(before):
    """No module of that name hides it."""
    code = f"import nbkit\n{before}\nimport types\nassert isinstance(nbkit.compare, types.FunctionType), nbkit.compare"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_rows_with_columns_of_the_user_can_be_compared(studio):
    """An extra that is no JSON is shown as it is, and a column of lists is ignored; two columns of one name raise."""
    generate(studio, number_results=2)
    frame = studio.df.assign(own=[[1, 2]] * 2)
    assert "oops" in nbkit.compare(frame.assign(extra=["oops", None])).to_text()
    for twice in (pd.concat([frame, frame[["seed"]]], axis=1), pd.concat([frame.iloc[0], frame.iloc[0]])):
        with pytest.raises(nbkit.NbkitError, match="more than one column"):
            nbkit.compare(twice, frame)


@pytest.mark.parametrize("damage", [lambda _: b"junk", lambda data: data[:2000]], ids=["junk", "cut"])
def test_a_damaged_file_is_shown_as_a_message_beside_the_other_picture(studio, damage):
    """In either position; the run of the picture shows the message too, and access to the pixels raises."""
    whole, broken = (studio.generate("A lamp", seed=seed, resolution="0.5K") for seed in (1, 2))
    broken.image.path.write_bytes(damage(broken.image.bytes))
    for pair in ((whole, broken), (broken, whole)):
        comparison = nbkit.compare(*pair)
        assert "cannot be read" in comparison.to_text()
        assert "damaged" in comparison.to_html()
    assert "damaged" in broken.to_html()
    with pytest.raises(nbkit.errors.NoImage, match="damaged"):
        _ = broken.image.pil


@pytest.mark.parametrize("tags", [r"<[^>]*>", r"</?(?:script|style)[^>]*>"], ids=["all tags", "scripts and styles"])
def test_where_tags_are_removed_a_comparison_is_its_words(studio, tags):
    """As on pages of code hosts: what is left is the table's text, and neither code nor style."""
    a, b = generate(studio), generate(studio, "A glass lantern", temperature=0.3)
    html = nbkit.compare(a, b)._repr_mimebundle_()[HTML]
    left = re.sub(tags, " ", html)
    assert not re.search(r"=>|function|querySelector|nbkit-compare-tools|@media|\{\s*display", left)
    if tags.startswith("<[^"):
        assert re.search(r"2 parameters differ.*temperature.*default.*0\.3", left, re.DOTALL)
        assert len(left) < 2_000


class CodeHost(HTMLParser):
    """What a code host leaves of the HTML in Markdown: these elements without styles, classes and embedded pictures.

    Attributes:
        rows: the text of each cell, by row; a picture is its alternative text.
        text: everything, without the tags.
    """

    KEPT = re.compile("a|br|caption|del|details|div|em|img|ins|p|span|strong|summary|table|tbody|td|th|thead|tr")
    REMOVED = ("script", "style")
    """Elements that are removed with their content; of any other one the content stays."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.text, self._removed = [], "", False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self._removed = tag in self.REMOVED
        assert self._removed or self.KEPT.fullmatch(tag), tag
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "img":
            self.handle_data(dict(attributes)["alt"])

    def handle_endtag(self, tag):
        self._removed = False

    def handle_data(self, data):
        if not self._removed:
            self.text += data
            if self.rows and self.rows[-1]:
                self.rows[-1][-1] = f"{self.rows[-1][-1]}{data}"


def test_a_code_host_shows_a_comparison_as_a_table(studio):
    """Letters, names of rows, alternative texts, facts, likeness, and values with their signs; no word runs into another."""
    a = generate(studio, temperature=0.2)
    b = generate(studio, "A glass lantern", temperature=0.8, width=1024, height=1024)
    html = nbkit.compare(a, b)._repr_mimebundle_()[HTML]
    host = CodeHost(html)
    assert [[" ".join(cell.split()) for cell in row] for row in host.rows] == [
        ["", "A", "B"],
        ["picture", "A paper lantern 512x512 · seed 1 · $0.047", "A glass lantern 1024x1024 · seed 1 · $0.069"],
        ["compared with A", "—", f"different: {nbkit.compare(a, b).likenesses[1].sentence}"],
        ["prompt", "A paper lantern", "A −paper +glass lantern"],
        ["width", "512", "1024"],
        ["height", "512", "1024"],
        ["temperature", "0.2", "0.8"],
        ["cost", "$0.047", "$0.069"],
    ]
    assert host.text.split()[:6] == ["2", "pictures:", "4", "parameters", "differ", "A"]
    assert not re.search(r"<img[^>]* width=", html)  # an empty box as large as the picture would be left of it
    for joined in ("compared with A—", "differA", "AB", "lantern512", "pictureA"):
        assert joined not in host.text


def test_a_comparison_has_no_blank_line(studio):
    """In Markdown it would end the HTML; the lines of a prompt stay apart all the same."""
    a, b = (generate(studio, f"A lantern\n\n\r\n    {word}\n", system_prompt=f"\n\n{word}") for word in ("red", "jade"))
    html = nbkit.compare(a, b)._repr_mimebundle_()[HTML]
    assert not re.search(r"\n\s*\n", html)
    assert re.search(r"A lantern(<br>)+ *<del", html)


def test_prices_have_two_digits_unless_they_would_be_equal(studio):
    """In captions and in the row of costs."""
    a, b = generate(studio), generate(studio, width=1024, height=1024)
    text = nbkit.compare(a, b).to_text()
    assert "cost: $0.047 | $0.069" in text
    assert "seed 1 · $0.047 · picture" in text
    frame = studio.df.assign(cost=[0.06895, 0.06912])
    assert "cost: $0.06895 | $0.06912" in nbkit.compare(frame).to_text()


def test_a_comparison_in_a_markdown_export_is_readable(studio):
    """The table with its pictures, and nothing of the script."""
    nbformat, nbconvert = pytest.importorskip("nbformat"), pytest.importorskip("nbconvert")
    bundle = nbkit.compare(generate(studio), generate(studio, temperature=0.3))._repr_mimebundle_()
    shown = nbformat.v4.new_output("display_data", data=bundle)
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("nbkit.compare(a, b)", outputs=[shown])])
    text, _ = nbconvert.MarkdownExporter().from_notebook_node(book)
    assert text.count("<img ") == 2
    assert "1 parameter differs" in text
    assert "querySelector" not in text


def test_an_edit_of_the_same_size_differs_in_no_size(open_studio):
    """A request with a reference keeps its tier, and one without says it as width and height: the pictures are alike in it."""
    studio = open_studio(engine="offline")
    first = studio.generate("A lantern", resolution="0.5K", seed=7)
    edited = first.image.edit("In the snow")
    larger = edited.image.edit("At dawn", resolution="1K", width=None, height=None)
    names = {row.name for row in differences([first.image, edited.image])}
    assert {"prompt", "referenceImages"} <= names
    assert not names & {"resolution", "width", "height"}
    assert {"width", "height"} <= {row.name for row in differences([edited.image, larger.image])}
