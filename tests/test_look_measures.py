"""How pictures look: known answers, what does not count, near-copies, likeness, and the diversity of a set."""

import contextlib
import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lettered import lettered
from PIL import Image
from test_effects import frame_of

import nbkit
from nbkit.comparison.effects import effects_of
from nbkit.errors import RequestError
from nbkit.log.images import file_of, read_picture
from nbkit.measures.descriptor import describe, likenesses
from nbkit.measures.look import LOOK_SIZE, look_at, near_copies
from nbkit.statistics import pairwise_mean


def png(pixels):
    """The file of a picture, given its pixels, shape (height, width, 3)."""
    out = io.BytesIO()
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


def halves(left, right, size=64):
    pixels = np.empty((size, size, 3))
    pixels[:, : size // 2], pixels[:, size // 2 :] = left, right
    return png(pixels)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The files of offline pictures: four seeds of each of three prompts."""
    with contextlib.closing(nbkit.Studio(engine="offline", path=tmp_path_factory.mktemp("drawn"))) as studio:
        prompts = ("A lantern shop at night", "A lighthouse by the sea at noon", "Two foxes in a snowy forest")
        return [
            [studio.generate(prompt, seed=seed, resolution="0.5K").image.bytes for seed in (1, 2, 3, 4)]
            for prompt in prompts
        ]


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_a_flat_picture_has_no_sharpness_contrast_or_colour(colour):
    """Whatever grey it is."""
    look = look_at(png(np.full((40, 60, 3), colour)))
    assert (look.sharpness, look.contrast, look.colourfulness) == (0, 0, 0)


def test_looks_have_the_known_answers():
    """Half black and half white, red beside green, and a board of single black and white pixels."""
    black_and_white = look_at(halves((0, 0, 0), (255, 255, 255)))
    assert black_and_white.contrast == pytest.approx(0.5)
    assert black_and_white.colourfulness == 0
    red_and_green = look_at(halves((255, 0, 0), (0, 255, 0)))
    assert red_and_green.colourfulness == pytest.approx(255 + 0.3 * 127.5)
    assert red_and_green.contrast == pytest.approx(abs(0.587 - 0.299) / 2, abs=1e-6)
    board = np.indices((30, 30)).sum(axis=0) % 2 * 255
    assert look_at(png(np.repeat(board[..., None], 3, axis=2))).sharpness == pytest.approx(1020**2)


def test_a_blurred_picture_is_less_sharp_and_a_larger_one_about_as_sharp(drawn):
    """All are measured at one size."""
    picture = Image.open(io.BytesIO(drawn[0][0])).convert("RGB")
    sharp = look_at(png(picture)).sharpness
    small = picture.resize((64, 64)).resize(picture.size)
    assert look_at(png(small)).sharpness < sharp / 5
    large = look_at(png(picture.resize((2 * LOOK_SIZE, 2 * LOOK_SIZE), Image.Resampling.NEAREST)))
    assert large.sharpness == pytest.approx(sharp, rel=0.4)


def test_the_footer_of_an_offline_picture_does_not_count():
    """The same picture over other settings looks the same."""
    one, other = lettered("OPEN", footer="seed 1"), lettered("OPEN", footer="seed 999999 · temperature 0.7")
    assert one != other
    assert look_at(one) == look_at(other)
    assert likenesses([describe(one), describe(other)])[0, 1] == pytest.approx(1)


def test_a_copy_in_another_format_or_size_is_near_and_another_seed_is_not(drawn):
    """Each picture is told by the first of its kind; what is not known is like nothing."""
    first, second = (Image.open(io.BytesIO(data)).convert("RGB").crop((0, 0, 512, 480)) for data in drawn[0][:2])
    small = io.BytesIO()
    first.resize((256, 240), Image.Resampling.LANCZOS).save(small, "JPEG", quality=30)
    looks = [look_at(data) for data in (png(first), small.getvalue(), png(second), png(second))]
    assert near_copies([*looks, None, None]) == [0, 0, 2, 2, 4, 5]
    assert near_copies([]) == []


def test_another_colour_is_no_near_copy():
    """Although light and dark are where they were."""
    red, blue = halves((0, 0, 0), (200, 60, 60)), halves((0, 0, 0), (60, 82, 230))
    assert look_at(red).hash == look_at(blue).hash
    assert near_copies([look_at(red), look_at(blue)]) == [0, 1]


def test_pictures_of_one_prompt_are_more_alike_than_of_two(drawn):
    """In 80 % of comparisons at least; likeness is 0 to 1, the same both ways, and 1 with itself."""
    table = likenesses([describe(data) for prompt in drawn for data in prompt])
    labels = np.repeat(np.arange(3), 4)
    upper = np.triu_indices(12, 1)
    is_same = (labels[:, None] == labels)[upper]
    alike, apart = table[upper][is_same], table[upper][~is_same]
    assert (alike[:, None] > apart).mean() > 0.8
    assert table.min() >= 0
    assert table.max() <= 1
    assert np.allclose(table, table.T)
    assert np.allclose(np.diag(table), 1)


def test_flat_pictures_are_alike():
    """Two of one colour are the same; two of other colours share that there is nothing in them."""
    grey, red = (describe(png(np.full((40, 40, 3), 0) + np.array(colour))) for colour in ((90, 90, 90), (220, 30, 30)))
    table = likenesses([grey, grey, red])
    assert table[0, 1] == pytest.approx(1)
    assert table[0, 2] == pytest.approx(2 / 3)


# -- the mean of pairs -------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=8))
@settings(deadline=None, max_examples=50)
def test_pseudo_values_have_the_mean_of_the_pairs(places):
    """The order of the things makes no difference, and equal pairs have no uncertainty."""
    table = np.abs(np.subtract.outer(places, places))
    found = pairwise_mean(table)
    assert found.mean == pytest.approx(table[np.triu_indices(len(places), 1)].mean())
    assert found.pseudo_values.mean() == pytest.approx(found.mean)
    again = pairwise_mean(table[::-1, ::-1])
    assert (again.mean, again.se) == pytest.approx((found.mean, found.se))
    assert pairwise_mean(np.ones((len(places),) * 2)).interval() == pytest.approx((1, 1))


def test_too_few_things_have_no_interval():
    """One has no pair."""
    assert math.isnan(pairwise_mean([[1.0]]).mean)
    two = pairwise_mean([[1, 0.5], [0.5, 1]])
    assert two.mean == 0.5
    assert all(map(math.isnan, (two.se, *two.interval())))
    with pytest.raises(RequestError, match="as many rows as columns"):
        pairwise_mean([[1, 2]])


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Six things from a known distribution, 500 times; an interval of independent pairs would hold it in about 70 %."""
    random = np.random.default_rng(7)

    def alike(number):
        places = random.normal(size=(number, 2))
        return np.exp(-np.sqrt(((places[:, None] - places) ** 2).sum(axis=2)))

    truth = alike(1500)[np.triu_indices(1500, 1)].mean()
    held = [low <= truth <= high for low, high in (pairwise_mean(alike(6)).interval() for _ in range(500))]
    assert 0.92 < np.mean(held) < 0.99


# -- sets of pictures --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """A sweep of two temperatures and four seeds, whose pictures differ more at the higher one."""
    with contextlib.closing(nbkit.Studio(engine="offline", path=tmp_path_factory.mktemp("sweep"))) as studio:
        sweep = studio.sweep("A lantern in the rain", temperature=[0.1, 1.0], seed=[1, 2, 3, 4], resolution="0.5K")
        yield sweep.start().wait()


def test_diversity_is_the_mean_unlikeness_of_a_set(result):
    """Of each setting with its interval and number of pictures, or of all; what it means is said."""
    found = result.diversity(by="temperature")
    frame = found.to_frame()
    assert frame.columns.tolist() == ["temperature", "diversity", "low", "high", "n"]
    assert (frame.temperature.tolist(), frame.n.tolist()) == ([0.1, 1.0], [4, 4])
    assert [str(dtype) for dtype in frame.dtypes] == ["Float64", "float64", "float64", "float64", "Int64"]
    assert ((frame.low < frame.diversity) & (frame.diversity < frame.high)).all()
    rows = result.to_frame()
    table = likenesses([describe(read_picture(file_of(file))) for file in rows.file[rows.temperature == 1.0]])
    assert frame.diversity[1] == pytest.approx(1 - table[np.triu_indices(4, 1)].mean())
    whole = result.diversity().to_frame()
    assert (whole.columns.tolist(), whole.n.tolist()) == (["diversity", "low", "high", "n"], [8])
    assert "of pixels, not of meaning" in repr(found)
    assert "<table" in found._repr_mimebundle_()["text/html"]


def test_copies_and_lost_pictures_take_no_part_in_diversity(result, tmp_path):
    """They are counted in the notes; a set of one has no diversity, and rows without a picture are refused."""
    rows = result.to_frame()
    twice = pd.concat([rows, rows.tail(3)])
    assert nbkit.RunLog(tmp_path).diversity(twice).to_frame().n.tolist() == [8]
    lost = rows.assign(file=[str(tmp_path / "gone.jpg"), *rows.file[1:]])
    found = nbkit.RunLog(tmp_path).diversity(lost, by="seed")
    assert "1 picture whose file cannot be read" in repr(found)
    assert nbkit.RunLog(tmp_path).diversity(rows.head(1)).to_frame().diversity.isna().all()
    with pytest.raises(RequestError, match="no picture"):
        nbkit.RunLog(tmp_path).diversity(rows.assign(file=pd.NA))


def test_effects_on_likeness_are_differences_of_mean_likeness(result):
    """One value for each picture, so that noise is between pictures, not between pairs."""
    effects = result.effects(on="likeness")
    row = effects.to_frame().iloc[0]
    diversity = result.diversity(by="temperature").to_frame().diversity
    assert row.effect == pytest.approx(diversity[0] - diversity[1])
    assert (row.n, row.blocks) == (8, 4)
    assert "likeness of pixels, not of meaning" in effects.notes
    assert "temperature 0.1 → 1:" in effects.sentences[0]


def test_a_setting_of_two_pictures_has_no_likeness(result):
    """It is left out, and that is said; where all are, there is nothing to compare."""
    rows = result.to_frame()
    part = rows[(rows.temperature == 1.0) | (rows.seed < 3)]
    assert "2 pictures left out, of settings with fewer than 3" in effects_of(part, ["temperature"], "likeness").notes
    with pytest.raises(RequestError, match="no row has a value"):
        effects_of(rows, ["temperature", "seed"], "likeness", block=None)


def test_a_column_of_that_name_is_the_measure():
    """Somebody may have put numbers of another kind there."""
    effects = effects_of(frame_of(likeness=[float(value) for value in range(16)]), ["setting"], "likeness")
    assert effects.notes == ("16 pictures, 1 measure looked at",)
