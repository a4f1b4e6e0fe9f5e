"""Guess and check: one sentence for each case, what is near enough, choices, and cells that are run again."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from html_page import HTML, MARKUP, TEXT, Page

import nbkit
from nbkit.teach import check, exercise, guess


def both(question, answer, truth, **how):
    """The sentence after a guess."""
    within = how.pop("within", 0)
    guess(question, answer, **how)
    return check(question, truth, within=within)


@pytest.mark.parametrize(
    ("answer", "truth", "how", "right", "said"),
    [
        (3, 0, {}, False, "You guessed 3; it is 0."),
        (3, 3.0, {}, True, "You guessed 3, and so it is."),
        (0.3, 0.1 + 0.2, {}, True, "You guessed 0.3, and so it is."),
        (3, np.int64(0), {"unit": "stars"}, False, "You guessed 3 stars; it is 0 stars."),
        (1, 2, {"unit": "stars"}, False, "You guessed 1 star; it is 2 stars."),
        (70, 84, {"unit": "%", "within": 15}, True, "You guessed 70 %; it is 84 %: near enough (within 15 %)."),
        (0.5, 0.31, {"unit": "$"}, False, "You guessed $0.5; it is $0.31."),
        (-2, 1500, {"unit": "°C"}, False, "You guessed -2 °C; it is 1,500 °C."),
        ("Low ", "low", {}, True, "You guessed Low, and so it is."),
        (True, False, {}, False, "You guessed yes; it is no."),
        (True, 1, {}, False, "You guessed yes; it is 1."),
        ("seeds", None, {}, False, "You guessed seeds; it is nothing."),
        ([0.2, 1.0], [1.0, 0.2], {}, True, "You guessed 0.2, 1, and so it is."),
        ([0.2], pd.Series([], dtype=float), {}, False, "You guessed 0.2; it is none."),
        ({"a", "b"}, ("b", "a"), {}, True, "You guessed a, b, and so it is."),
        ([1, 1], [1, 2], {}, False, "You guessed 1, 1; it is 1, 2."),
        ("high", "neither", {"options": ["low", "high", "neither"]}, False, "You guessed high; it is neither."),
        ("HIGH", "high", {"options": ["low", "high"]}, True, "You guessed high, and so it is."),
        (np.float64(0.2), 1.0, {"options": (0.2, 1.0)}, False, "You guessed 0.2; it is 1."),
    ],
)  # fmt: skip
def test_a_guess_and_the_answer_are_one_sentence(answer, truth, how, right, said):
    """Numbers of any kind, texts, yes and no, lists in any order, choices, units, tolerances."""
    checked = both("What is it?", answer, truth, **how)
    assert (repr(checked), checked.right) == (said, right)


def test_a_guess_shows_itself_in_a_line():
    """As text and as HTML, without the answer, which nobody has yet."""
    shown = guess("How many?", 3, unit="stars")
    assert repr(shown) == "Your guess: 3 stars"
    bundle = shown._repr_mimebundle_()
    assert bundle[TEXT] in Page(bundle[HTML]).words


def test_questions_are_kept_apart_and_a_cell_may_run_again():
    """The latest guess counts; case, spaces and the question mark make no other question; checking takes nothing away."""
    guess("First?", 1)
    guess("Second?", 2)
    guess("First?", 4)
    assert [check(question, 4).right for question in ("First?", "Second?", " first ", "FIRST?", "First?")] == [
        True, False, True, True, True,
    ]  # fmt: skip


def test_without_a_guess_the_answer_is_there_and_nothing_fails():
    """A lesson that is run from the middle goes on; the sentence says what to do first."""
    checked = check("What did nobody guess?", 7)
    assert checked.right is None
    assert checked.guess is None
    assert "No guess yet" in repr(checked)
    assert "It is 7." in repr(checked)


def test_an_answer_that_is_none_of_the_options_names_them():
    """With the nearest one."""
    with pytest.raises(nbkit.RequestError, match=r"must be one of 'low', 'high'\. Did you mean 'high'") as caught:
        guess("Which?", "hihg", options=["low", "high"])
    assert (caught.value.parameter, caught.value.suggestion) == ("answer", "high")
    with pytest.raises(nbkit.RequestError, match="must be one of 1, 2"):
        guess("Which?", [1, 3], options=[1, 2])


@pytest.mark.parametrize("answer", [None, ..., "", float("nan")])
def test_a_guess_that_is_still_open_is_asked_for(answer):
    """As where a lesson leaves a gap for the reader."""
    with pytest.raises(nbkit.RequestError, match="give your guess"):
        guess("How many?", answer)


@pytest.mark.parametrize(("question", "within"), [("", 0), ("?", 0), (3, 0), ("How many?", -1), ("How many?", "1")])
def test_what_cannot_be_asked_is_refused(question, within):
    """No question, and a tolerance that is no number from 0 on."""
    with pytest.raises(nbkit.RequestError):
        check(question, 1, within=within)


def test_a_checked_guess_is_escaped_and_has_a_sign():
    """The sign says right, wrong or open without a colour."""
    for answer, sign in ((MARKUP, "✓"), ("else", "✗")):
        checked = both(MARKUP, answer, MARKUP)
        page = Page(checked._repr_mimebundle_()[HTML])
        assert MARKUP in page.words
        assert sign in page.words
        assert not page.all("script")


def test_teaching_loads_neither_widgets_nor_a_client():
    """It is text alone."""
    code = """
import sys, nbkit
nbkit.teach.guess("How many?", 3)
print(nbkit.teach.check("How many?", 0))
assert not {"ipywidgets", "pandas", "httpx", "sqlalchemy"} & {name.partition(".")[0] for name in sys.modules}
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout == "You guessed 3; it is 0.\n"


@pytest.mark.parametrize(
    ("answer", "right", "said"),
    [
        ([1, 2], True, "✓ Right. Two seeds differ."),
        ([1, 1], False, "✗ Not yet. They must differ."),
        ([1], False, "✗ Not yet. Only 1."),
        (7, False, "✗ Not yet. It cannot be checked (TypeError: object of type 'int' has no len()). They must differ."),
        (..., None, "? No answer yet: write it where the dots are, and run both cells again."),
        (None, None, "? No answer yet: write it where the dots are, and run both cells again."),
        (np.array([1, 2]), True, "✓ Right. Two seeds differ."),
        (pd.Series([3, 3]), False, "✗ Not yet. They must differ."),
    ],
)
def test_an_exercise_tells_right_from_wrong_and_gives_a_hint(answer, right, said):
    """A hint that fits the answer comes first; whatever the reader has made, nothing raises."""

    def passes(seeds):
        return f"Only {len(seeds)}." if len(seeds) < 2 else len(set(seeds)) == 2

    done = exercise("Two seeds", answer, passes, hint="They must differ.", praise="Two seeds differ.")
    assert (done.right, repr(done)) == (right, said)
    assert done.hint == ("" if right else said.removeprefix("✗ Not yet. ") if right is False else "They must differ.")


def test_an_exercise_escapes_what_it_shows():
    """The question, and what an error of the check says."""
    page = Page(exercise(MARKUP, MARKUP, lambda text: text[MARKUP], hint="?")._repr_mimebundle_()[HTML])
    assert MARKUP in page.words
    assert not page.all("script")


@pytest.mark.parametrize(
    ("question", "passes", "hint"), [("", len, "Try."), ("Do", 3, "Try."), ("Do", len, ""), ("Do", len, 7)]
)
def test_an_exercise_without_a_question_a_check_or_a_hint_is_refused(question, passes, hint):
    """By the person who writes the lesson, not by its reader."""
    with pytest.raises(nbkit.RequestError):
        exercise(question, 1, passes, hint=hint)
