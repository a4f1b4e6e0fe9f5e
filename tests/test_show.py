"""``nbkit.show``: pictures of runs beside each other, as a plain output."""

import contextlib
import re

import pytest

import nbkit
from nbkit.comparison.pictures import MAX_SHOWN


@pytest.fixture
def runs(studio):
    """A run at each of three temperatures."""
    return [studio.generate("A lantern", seed=7, temperature=value, resolution="0.5K") for value in (0.2, 0.5, 0.8)]


def captions(shown):
    """The captions in the HTML, in their order."""
    return [text.split(" · ") for text in re.findall(r"<figcaption[^>]*>(.*?)</figcaption>", shown.html)]


def test_a_list_of_runs_is_its_pictures_with_what_differs(runs):
    """The caption begins with the parameters that are not the same for all."""
    shown = nbkit.show(runs)
    assert shown.html.count("<img") == 3
    assert [caption[:2] for caption in captions(shown)] == [
        [f"temperature {value}", "96x64"] for value in (0.2, 0.5, 0.8)
    ]
    assert set(shown._repr_mimebundle_()) == {"text/html", "text/plain"}
    assert shown.text.splitlines()[0] == "3 pictures"
    assert f"temperature 0.5 · 96x64 · seed 7 · $0.069 · picture {runs[1].image.fingerprint}" in shown.text


@pytest.mark.parametrize(
    "given",
    [
        lambda runs, _: [runs],
        lambda runs, _: runs,
        lambda runs, _: [[run.image for run in runs]],
        lambda runs, _: [tuple(runs)],
        lambda runs, _: [iter(runs)],
        lambda runs, _: [[runs[0], [runs[1].image, runs[2]]]],
        lambda runs, studio: [studio.df.iloc[::-1]],
        lambda runs, studio: [[row for _, row in studio.df.iloc[::-1].iterrows()]],
        lambda runs, studio: [studio.df.taskUUID.iloc[::-1].map(studio.log.__getitem__)],
    ],
    ids=["list", "arguments", "images", "tuple", "iterator", "nested", "frame", "rows", "series"],
)
def test_whatever_leads_to_pictures_is_shown(studio, runs, given):
    """Runs and pictures, alone or in collections; rows of the log, which know the parameters too."""
    shown = nbkit.show(*given(runs, studio))
    assert shown.html.count("<img") == 3
    assert "temperature 0.8" in shown.text


def test_the_keys_of_a_dict_are_captions(runs):
    """Also of a dict within a dict, and for all runs of a list; they are text, whatever they hold."""
    shown = nbkit.show({"cold": runs[0], "warm": {"<b>": runs[1:]}})
    assert [caption[0] for caption in captions(shown)] == ["cold", "warm &lt;b&gt;", "warm &lt;b&gt;"]
    assert 'alt="cold: A lantern"' in shown.html
    assert captions(nbkit.show({0.2: runs[0]}))[0][0] == "0.2"


def test_the_result_of_a_sweep_is_its_pictures(studio):
    """In the order of the cells, each with its values."""
    sweep = studio.sweep("A {colour} lantern", colour=["red", "jade"], seed=1, resolution="0.5K")
    shown = nbkit.show(sweep.start().wait())
    assert [caption[0] for caption in captions(shown)] == ["A red lantern", "A jade lantern"]


def test_a_run_without_a_picture_shows_why(studio, runs):
    """Among the others, in words."""
    failed = nbkit.Run(request=runs[0].request, task_uuid="", status="blocked")
    shown = nbkit.show([*runs, failed])
    assert shown.html.count("<img") == 3
    assert "No picture: refused by a safety filter" in shown.html
    assert "No picture: refused by a safety filter" in shown.text


def test_many_pictures_are_small_and_too_many_are_refused():
    """An output of a hundred pictures stays light; ``size`` overrides."""
    with contextlib.closing(nbkit.Studio(engine="offline")) as studio:
        runs = [studio.generate("A lantern", seed=7, resolution="0.5K")]
    many = nbkit.show([runs[0]] * 100)
    assert 'width="160"' in many.html
    assert len(many.html) < 3_000_000
    assert 'width="320"' in nbkit.show(runs, size=320).html
    with pytest.raises(nbkit.NbkitError, match=rf"at most {MAX_SHOWN} pictures.*runs\[:{MAX_SHOWN}\]"):
        nbkit.show([runs[0]] * (MAX_SHOWN + 1))
    with pytest.raises(nbkit.RequestError, match="size=0"):
        nbkit.show(runs, size=0)


def test_what_is_no_picture_is_refused(runs):
    """The error names the function and what it takes; an empty list is no error."""
    with pytest.raises(nbkit.NbkitError, match=r"^show\(\) takes a Run, a GeneratedImage.*got text$"):
        nbkit.show([*runs, "A lantern"])
    with pytest.raises(nbkit.NbkitError, match=r"^show\(\) takes .*got None$"):
        nbkit.show([None])
    assert nbkit.show([]).text == "0 pictures"


def test_a_picture_leads_to_its_original(runs):
    """As in the cell of its run."""
    assert nbkit.show(runs).html.count('<a href="runs/images/') == 3
