"""The text in a picture: which words a prompt wants, what is read, and what is said of words that are not there."""

import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lettered import image_of, lettered
from PIL import Image

import nbkit
from nbkit.errors import NbkitError, RequestError
from nbkit.measures import text as reading
from nbkit.measures.spelling import TextLine, can_be_read, edits, find_phrase, find_words, normalised

ANY = settings(deadline=None)
LETTERS = st.text(alphabet="abcé", max_size=8)


def lines(*texts, confidence=0.99):
    return [TextLine(text, confidence) for text in texts]


# -- the words that a prompt wants -------------------------------------------------------------------------------


def test_the_six_phrases_of_one_prompt_are_found():
    """There is no cap on their number."""
    words = ("MIDNIGHT RAMEN", "OPEN LATE", "TONKOTSU", "SPICY MISO", "VEGAN SHOYU")
    prompt = f"A truck with a menu board: {', '.join(map(repr, words))}. A hanging sign that reads 'TOKYO LANE'."
    assert nbkit.expected(prompt) == [*words, "TOKYO LANE"]
    assert len(nbkit.expected(" ".join(f"'sign {number}'" for number in range(300)))) == 300


@pytest.mark.parametrize(
    "mark",
    ['"{}"', "“{}”", "„{}“", "„{}”", "«{}»", "« {} »", "»{}«", "‹{}›", "「{}」", "『{}』", "‘{}’", "‚{}‘", "'{}'"],
)
def test_all_kinds_of_quotation_marks_count(mark):
    """Also around the first and the last word, and before punctuation."""
    for prompt in (mark, f"{mark}, {{}}", f"A sign: {mark}.", f"({mark})"):
        assert nbkit.expected(prompt.replace("{}", "OPEN")) == ["OPEN"]


@pytest.mark.parametrize(
    "prompt",
    [
        "don't", "the cats' and dogs' home", "rock 'n' roll", "'tis the season of '90s toys and '80s hair", "l'été d'or",
        "a 6'2\" man and a 5'10\" woman", "' '", '""', "“…”", "", "the players' bench, the girls' room",
    ],
)  # fmt: skip
def test_apostrophes_feet_and_inches_are_no_quotation_marks(prompt):
    """Nor is there a phrase without a letter or digit."""
    assert nbkit.expected(prompt) == []


def test_a_phrase_may_have_apostrophes_and_other_marks_in_it():
    """It is found once, however often the prompt has it; white space is one space."""
    assert nbkit.expected("'DON'T PANIC' and \"Say 'HI'\"") == ["DON'T PANIC", "Say 'HI'"]
    assert nbkit.expected("'NEON  DRIFT' on top, and again 'NEON DRIFT'") == ["NEON DRIFT"]


@given(st.text(alphabet=st.sampled_from("aB é\"'“”„‘’«»「」\n, ."), max_size=60))
@ANY
def test_any_prompt_has_phrases_without_their_marks(prompt):
    """Each phrase stands in the prompt, on one line, but for its spaces."""
    for phrase in nbkit.expected(prompt):
        assert phrase == phrase.strip()
        assert phrase in " ".join(prompt.split())


def test_a_prompt_that_is_no_text_is_refused():
    """With what to type instead."""
    with pytest.raises(RequestError, match="prompt: must be text"):
        nbkit.expected(7)


# -- comparing letters -------------------------------------------------------------------------------------------


@given(LETTERS, LETTERS, LETTERS)
@settings(deadline=None, max_examples=40)
def test_edits_are_a_distance(a, b, c):
    """Zero for equal texts alone, the same both ways, and never more than by way of a third text."""
    assert (edits(a, b) == 0) == (a == b)
    assert edits(a, b) == edits(b, a)
    assert edits(a, c) <= edits(a, b) + edits(b, c)
    assert abs(len(a) - len(b)) <= edits(a, b) <= max(len(a), len(b))


@given(st.text(max_size=30))
@ANY
def test_what_is_normalised_stays_so(text):
    """Spaces at its ends make no difference."""
    once = normalised(text)
    assert normalised(once) == once
    assert normalised(f" {text} ") == once


def test_case_spaces_width_dashes_and_marks_are_the_same():
    """So are letters that look like two; accents differ."""
    assert normalised("Ｏｐｅｎ  LATE") == normalised("OPEN late") == "openlate"
    assert normalised("Wi–Fi") == normalised("WI-FI")
    assert normalised("DON’T") == normalised("don't")
    assert normalised("Ægir, İstanbul, Straße") == normalised("aegir, istanbul, strasse")
    assert normalised("Café") != normalised("Cafe")


def test_a_misspelling_has_its_error_rate():
    """Two of eight letters are wrong in TONKOSTU."""
    found = find_phrase("TONKOTSU", lines("OPEN LATE", "TONKOSTU"))
    assert (found.found, found.cer, found.best, found.confidence) == (False, 0.25, "TONKOSTU", 0.99)
    assert not found
    assert repr(found) == "<Reading of 'TONKOTSU': not there, nearest is 'TONKOSTU' (error rate 0.25)>"


def test_a_phrase_is_found_over_lines_without_its_spaces_and_in_any_order():
    """Its words may stand apart on a sign."""
    for shown in (
        ["OPEN LATE"],
        ["OPENLATE"],
        ["OPEN", "LATE"],
        ["LATE", "noodles", "OPEN"],
        ["O P E N", "late!"],
        ["“Open” – late"],
    ):
        assert find_phrase("Open late", lines(*shown)).found is True, shown
    assert find_phrase("Open late", lines("OPEN")).found is False
    assert find_phrase("ART", lines("PARTY")).found is False


def test_nothing_is_called_missing_that_was_not_surely_read():
    """Low confidence, a space that may have been dropped, and letters that are not read, are told apart from missing."""
    assert find_phrase("TONKOTSU", lines("TONKOTSU", confidence=0.4)).found is None
    assert find_phrase("TONKOTSU", lines("TONKOSTU", confidence=0.4)).found is None
    assert find_phrase("SOUP", lines("SPICYSOUP")).found is None
    assert find_phrase("OPEN SOUP", lines("OEPN", "SPICYSOUP")).found is False
    assert find_phrase("TONKOTSU", lines("xx", confidence=0.4)).found is False
    for phrase in ("ОТКРЫТО", "Ελλάδα", "مفتوح", "한국", "OPEN ОТКРЫТО"):
        found = find_phrase(phrase, lines("OPEN"))
        assert (found.found, found.cer, found.best, found.confidence) == (None, None, "", None)
        assert "cannot be read here" in repr(found)


def test_words_are_counted_in_any_place():
    """Each once; those that cannot be read, or not surely, are neither found nor missing."""
    words = find_words(["OPEN LATE", "Open ОТКРЫТО", "SPICY MISO", "SOUP!"], lines("late open", "SPICYMISO", "SUOP"))
    assert (words.found, words.missing) == (["OPEN", "LATE", "SPICY", "MISO"], ["SOUP"])
    assert words.share == 0.8
    assert find_words(["ОТКРЫТО"], lines("OPEN")).share is None
    assert find_words([], lines("OPEN")).share is None


@given(st.lists(st.sampled_from(["OPEN", "LATE", "SOUP", "夜市", "Café", "24/7"]), min_size=1, max_size=5, unique=True))
@ANY
def test_what_is_drawn_is_found_whatever_its_order(words):
    """As one phrase and as words."""
    shown = lines(*reversed(words))
    assert find_phrase(" ".join(words), shown).found is True
    assert find_words(words, shown).missing == []


def test_letters_of_other_scripts_are_known_by_their_script():
    """Digits and signs are of every script."""
    assert all(map(can_be_read, ("OPEN 24/7", "Čaj ñ Ø", "夜市ラーメン", "ﾗｰﾒﾝ Ｏｐｅｎ", "& €5")))
    assert not any(map(can_be_read, ("Київ", "Αθήνα", "서울", "שלום", "ไทย", "हिन्दी")))


# -- reading pictures --------------------------------------------------------------------------------------------


def test_a_drawn_picture_is_read_letter_by_letter():
    """Right words are found, a misspelled one is missing, accents count, and Cyrillic cannot be read here."""
    image = image_of(lettered("OPEN LATE", "TONKOSTU", "Café Zürich", "МИР"))
    assert image.text.splitlines()[:3] == ["OPEN LATE", "TONKOSTU", "Café Zürich"]
    assert image.reads("open late").found is True
    tonkotsu = image.reads("TONKOTSU")
    assert (tonkotsu.found, tonkotsu.cer, tonkotsu.best) == (False, 0.25, "TONKOSTU")
    assert tonkotsu.confidence > 0.9
    assert image.reads("Café Zürich").found is True
    assert image.reads("Cafe Zurich").found is False
    assert image.reads("МИР").found is None


def test_chinese_letters_are_read():
    """Also as a part of a longer line, since there are no spaces."""
    image = image_of(lettered("中山田", size=70))
    assert image.text == "中山田"
    assert image.reads("山田").found is True
    assert image.reads("田山").found is not True


def test_the_footer_of_an_offline_picture_is_not_read():
    """It prints the seed, which would count as text otherwise; a picture without letters has no text."""
    drawn = image_of(lettered("OPEN", footer="seed 12345"))
    assert (drawn.text, drawn.reads("seed 12345").found) == ("OPEN", False)
    image = nbkit.Studio(engine="offline").generate("A sign: 'SOUP'", seed=77, resolution="0.5K").image
    assert image.text == "SOUP"
    assert image.reads("seed").found is False


def test_a_sliver_is_read_in_bounded_memory():
    """The reader enlarges a short side, whatever the long one is: the picture gets room beside it."""
    sliver = io.BytesIO()
    Image.new("RGB", (3, 900), "#e9e2d0").save(sliver, "PNG")
    assert image_of(sliver.getvalue()).text == ""


def test_a_phrase_that_is_no_text_is_refused():
    """Before the picture is read."""
    for phrase in ("", "  ", 7, None):
        with pytest.raises(RequestError, match="phrase"):
            image_of(lettered("OPEN")).reads(phrase)


CUT_OFF = """
import logging, socket, sys
def refuse(*arguments, **keywords):
    raise AssertionError("the network was asked for")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
import threading
from lettered import image_of, lettered
images = [image_of(lettered(word)) for word in ("OPEN", "LATE")]
threads = [threading.Thread(target=lambda image=image: image.text) for image in images]
[thread.start() for thread in threads], [thread.join() for thread in threads]
assert [image.text for image in images] == ["OPEN", "LATE"]
assert not logging.getLogger().handlers and logging.getLogger().level == logging.WARNING
"""


def process(code, *paths):
    """Run code in a process in which warnings are errors, and return what it prints."""
    folders = os.pathsep.join(map(str, (*paths, Path(__file__).parent, Path(nbkit.__file__).parents[1])))
    environment = os.environ | {"PYTHONPATH": folders}
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    return done.returncode, done.stdout, done.stderr


def test_reading_needs_no_network_prints_nothing_and_works_in_threads():
    """The models are in the installed package; logging stays as it was."""
    assert process(CUT_OFF) == (0, "", "")


def test_without_the_extra_an_error_says_what_to_install(monkeypatch, tmp_path):
    """For a picture and for the log; measuring without text works all the same."""
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    assert not reading.is_installed()
    with pytest.raises(NbkitError, match=r'pip install "nbkit\[text\]"'):
        image_of(lettered("NOT INSTALLED")).text  # noqa: B018
    studio = nbkit.Studio(engine="offline", path=tmp_path)
    studio.generate("A sign: 'OPEN'", seed=1, resolution="0.5K")
    for asked in ({"text": True}, {"expect": "OPEN"}):
        with pytest.raises(NbkitError, match=r'pip install "nbkit\[text\]"'):
            studio.log.measure(**asked)
    measured = studio.log.measure()
    assert measured.textFidelity.isna().all()
    assert measured.sharpness.notna().all()
    studio.close()


def test_a_reader_without_models_in_its_package_is_refused(tmp_path):
    """It would download them."""
    (tmp_path / "rapidocr" / "models").mkdir(parents=True)
    (tmp_path / "rapidocr" / "__init__.py").write_text("raise SystemExit('it must not be loaded')")
    code = """
    from lettered import image_of, lettered
    from nbkit.errors import NbkitError
    try:
        image_of(lettered("OPEN")).text
    except NbkitError as error:
        print(error)
    """
    returned, printed, _ = process(code, tmp_path)
    assert returned == 0
    assert "no models in its package" in printed
