"""A grid with a measure under each picture: values, units, what is within noise, and the line that explains it."""

import math
import subprocess
import sys

import pytest
from html_page import Page
from panel_tools import offline_studio

from nbkit import errors
from nbkit.comparison.effects import effects_of, noise_band

STARS = (2, 3, 2, 3, 3, 3, 4, 2, 5, 4, 5, None)


@pytest.fixture
def rated(tmp_path):
    """The result of a sweep of three temperatures and four seeds; all pictures but one are rated."""
    with offline_studio(tmp_path) as studio:
        sweep = studio.sweep("A lantern", temperature=[0.2, 0.6, 1.0], seed=[1, 2, 3, 4], resolution="0.5K")
        result = sweep.start().wait()
        for run, stars in zip(result.runs, STARS, strict=True):
            if stars is not None:
                studio.log.mark(run, rating=stars)
        yield result, studio


def test_values_are_under_the_pictures_and_noise_is_marked_twice(rated):
    """A value inside the band of the effects is grey and has a sign; the picture is as it was; a gap has nothing."""
    result, _ = rated
    grid = result.grid(on="rating")
    lines = grid.text.splitlines()
    shown = [line.partition("done")[2].strip() for line in lines[1:13]]
    band = noise_band(result.to_frame(), ["temperature"], "rating")
    for stars, text in zip(STARS, shown, strict=True):
        inside = stars is not None and abs(stars - band.middle) <= band.reach
        assert text == ("" if stars is None else f"{'~' if inside else ''}{stars} stars")
    assert {text[:1] for text in shown} >= {"~", "2", "5"}
    assert lines[13] == "~ and grey: within seed noise, rating 3.4 ± 1.4 stars · 1 picture without a rating"
    page = Page(grid.html)
    assert "~3 stars" in page.words
    assert lines[13] in page.words
    assert grid.html.count('title="within noise"') == sum(text.startswith("~") for text in shown)
    pictures = [image["src"] for image in Page(result.grid().html).all("img")]
    assert [image["src"] for image in page.all("img")] == pictures


def test_the_band_is_the_grey_one_of_the_plot(rated):
    """One standard deviation of noise, around the mean of the settings."""
    result, _ = rated
    band = noise_band(result.to_frame(), ["temperature"], "rating")
    effects = result.effects(on="rating")
    assert band.sd == pytest.approx(effects.noise.sd)
    assert effects_of(result.to_frame(), ["temperature"], "rating").noise.sd == pytest.approx(band.sd)


def test_a_price_is_exact_and_nothing_is_grey(rated):
    """No value of it is noise; prices and seconds have their units, and both spellings of a column are known."""
    result, studio = rated
    text = result.grid(on="cost").text
    assert text.count("✓ done $0.047") == 12
    assert text.splitlines()[-1] == "cost: no noise, pictures of one setting have the same"
    assert "~" not in text
    assert " s" in result.grid(on="latency").text.splitlines()[1]
    studio.log.mark(result.runs, tags="")
    assert result.grid(on="top_p").text.splitlines()[-1] == "topP: no picture has a value yet"


def test_too_few_pictures_tell_no_noise(tmp_path):
    """Two pictures of one setting each: values, and a line that says so."""
    with offline_studio(tmp_path) as studio:
        result = studio.sweep("A lantern", temperature=[0.2, 1.0], seed=1, resolution="0.5K").start().wait()
        for run, stars in zip(result.runs, (1, 5), strict=True):
            studio.log.mark(run, rating=stars)
        lines = result.grid(on="rating").text.splitlines()
    assert [line.partition("done ")[2] for line in lines[1:3]] == ["1 star", "5 stars"]
    assert lines[-1] == "rating: too few pictures to tell what is noise"
    assert math.isnan(noise_band(result.to_frame(), ["temperature"], "rating").sd)


@pytest.mark.parametrize(
    ("on", "kind", "says"),
    [
        ("refused", errors.RequestError, 'effects(on="refused")'), ("wins", errors.RequestError, 'effects(on="wins")'),
        ("prompt", errors.RequestError, "no numbers"), ("ratng", errors.UnknownParameter, "rating"),
    ],
)  # fmt: skip
def test_what_is_no_number_of_a_picture_is_refused(rated, on, kind, says):
    """The message has what to type instead."""
    with pytest.raises(kind) as caught:
        rated[0].grid(on=on)
    assert says in str(caught.value)


def test_without_scipy_a_grid_has_its_values_and_its_noise():
    """The band needs numpy alone."""
    code = """
import sys
sys.modules["scipy"] = sys.modules["scipy.stats"] = None
import nbkit
studio = nbkit.Studio(engine="offline")
result = studio.sweep("A lantern", temperature=[0.2, 1.0], seed=[1, 2]).start().wait()
for run, stars in zip(result.runs, (1, 2, 3, 5)):
    studio.log.mark(run, rating=stars)
assert "5 stars" in result.grid(on="rating").text and "seed noise" in result.grid(on="rating").text
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
