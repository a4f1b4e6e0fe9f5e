"""What the model allows and costs, as data."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbkit.request import model
from nbkit.request.image_request import ImageRequest
from nbkit.request.model import Price

PAIRS = [(ratio, tier, model.size_of(ratio, tier)) for ratio in model.RATIOS for tier in model.TIERS]

PUBLISHED = """
1:1  512x512  1024x1024 2048x2048  4096x4096
3:2  632x424  1264x848  2528x1696  5056x3392
2:3  424x632  848x1264  1696x2528  3392x5056
4:3  600x448  1200x896  2400x1792  4800x3584
3:4  448x600  896x1200  1792x2400  3584x4800
4:5  464x576  928x1152  1856x2304  3712x4608
5:4  576x464  1152x928  2304x1856  4608x3712
9:16 384x688  768x1376  1536x2752  3072x5504
16:9 688x384  1376x768  2752x1536  5504x3072
21:9 792x168  1584x672  3168x1344  6336x2688
4:1  1024x256 2048x512  4096x1024  8192x2048
1:4  256x1024 512x2048  1024x4096  2048x8192
8:1  1536x192 3072x384  6144x768   12288x1536
1:8  192x1536 384x3072  768x6144   1536x12288
"""


def test_the_size_table_is_the_published_one():
    """Each ratio has one size at each tier, and no other."""
    rows = [line.split() for line in PUBLISHED.split("\n") if line]
    published = {ratio: tuple(tuple(map(int, size.split("x"))) for size in sizes) for ratio, *sizes in rows}
    assert published == model.SIZES
    assert len({size for _, _, size in PAIRS}) == 56


@pytest.mark.parametrize(("ratio", "tier", "size"), PAIRS)
def test_a_size_knows_its_place(ratio, tier, size):
    """A pair leads back to its ratio and tier; as a pair, or by ratio and tier, it is one request."""
    assert model.ratio_and_tier(*size) == (ratio, tier)
    by_pair = ImageRequest("A lantern", width=size[0], height=size[1])
    by_name = ImageRequest("A lantern", resolution=tier, aspect_ratio=ratio)
    assert by_pair.identity == by_name.identity
    assert by_pair.size == by_name.size == size
    assert by_name.to_task() == by_pair.to_task()
    assert by_name.price == by_pair.price == Price(model.PRICE_PER_IMAGE[tier], model.PRICE_PER_IMAGE[tier])


@pytest.mark.parametrize(("ratio", "tier", "size"), PAIRS)
def test_a_near_miss_leads_to_the_size_that_was_meant(ratio, tier, size):
    """A pixel or two beside a pair of the table is no pair of the table, and that pair is the nearest."""
    for wide, high in ((1, 0), (-1, 0), (0, 1), (0, -1), (2, -1)):
        near = (size[0] + wide, size[1] + high)
        assert model.ratio_and_tier(*near) is None
        assert model.nearest_size(*near) == size


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ((1920, 1080), (1376, 768)),  # wide first, then many pixels
        ((1000, 1000), (1024, 1024)),
        ((4000, 4000), (4096, 4096)),
        ((1, 1), (512, 512)),
        ((100_000, 100_000), (4096, 4096)),
        ((10**9, 1), (12288, 1536)),
        ((0, -5), (512, 512)),
        ((10**400, 10**400), (4096, 4096)),
        ((1376, None), (1376, 768)),
        ((None, 848), (1264, 848)),
        ((1500, None), (1536, 2752)),
        ((None, 10**400), (1536, 12288)),
    ],
)
def test_the_nearest_size(asked, nearest):
    """Shape counts before area; one number alone finds the pair nearest to square that has it, or almost."""
    assert model.nearest_size(*asked) == nearest


@given(st.integers(), st.integers())
def test_every_pair_of_numbers_has_a_nearest_size_and_a_tier(width, height):
    """Suggestions and prices are never what fails."""
    assert model.ratio_and_tier(*model.nearest_size(width, height))
    assert model.tier_of_pixels(width, height) in model.TIERS


@pytest.mark.parametrize(
    ("size", "tier"),
    [((1, 1), "0.5K"), ((1920, 1080), "1K"), ((3000, 2000), "2K"), ((9999, 9999), "4K"), ((10**400, 1), "4K")],
)
def test_a_size_outside_the_table_is_priced_by_its_pixels(size, tier):
    """The tier with about as many pixels sets the estimate."""
    assert model.tier_of_pixels(*size) == tier


@pytest.mark.parametrize(("ratio", "tier", "error"), [("5:3", "1K", KeyError), ("1:1", "8K", ValueError)])
def test_there_is_no_size_of_an_unknown_place(ratio, tier, error):
    """A ratio or tier that does not exist is an error, not a guess."""
    with pytest.raises(error):
        model.size_of(ratio, tier)


def test_the_price_list():
    """Micro-dollars of one image of each tier, of a reference and of a search."""
    assert model.PRICE_PER_IMAGE == {"0.5K": 46_570, "1K": 68_950, "2K": 102_550, "4K": 152_950}
    assert (model.PRICE_PER_REFERENCE, model.PRICE_PER_SEARCH, model.MICRO) == (280, 140_000, 1_000_000)


def test_a_price_grows_with_each_part():
    """Results multiply, references add to each result, searches only to the most it may cost."""
    assert model.price(tiers=("1K",), results=3, references=2, searches=2) == Price(3 * 69_510, 3 * 349_510)
    assert model.price(tiers=model.TIERS, results=1, references=1, searches=0) == Price(46_850, 153_230)
    assert Price(1, 2) + Price(10, 20) == Price(11, 22)


@pytest.mark.parametrize(
    ("parameters", "low", "high"),
    [
        ({}, 68_950, 68_950),
        ({"number_results": 20}, 1_379_000, 1_379_000),
        ({"resolution": "4K"}, 152_950, 152_950),
        ({"web_search": True}, 68_950, 208_950),
        ({"web_search": False, "image_search": False}, 68_950, 68_950),
        ({"web_search": True, "image_search": True, "number_results": 2}, 137_900, 697_900),
        ({"reference_images": ["https://a.example/1"]}, 46_850, 153_230),
        ({"reference_images": ["https://a.example/1"], "resolution": "2K"}, 102_830, 102_830),
        ({"reference_images": ["https://a.example/1"] * 14, "aspect_ratio": "1:1"}, 72_870, 72_870),
        ({"extra": {"width": 3000, "height": 2000}}, 102_550, 102_550),
        ({"extra": {"width": "wide", "height": None}}, 46_570, 152_950),
        ({"extra": {"resolution": "2K"}}, 102_550, 102_550),
        ({"extra": {"resolution": ["?"]}}, 46_570, 152_950),
        ({"extra": {"numberResults": 4}}, 275_800, 275_800),
        ({"extra": {"numberResults": -1}}, 1_379_000, 1_379_000),
        ({"extra": {"numberResults": True}}, 1_379_000, 1_379_000),
        ({"extra": {"providerSettings": "?", "inputs": [1]}}, 68_950, 68_950),
        ({"extra": {"providerSettings": {"google": {"webSearch": True}}}}, 68_950, 208_950),
    ],
)
def test_the_price_of_a_request(parameters, low, high):
    """A certain price where the size is known and nothing is searched; else a range; also for what came as extra."""
    assert ImageRequest("A lantern", **parameters).price == Price(low, high)


def test_names_of_tiers_and_ratios_are_as_published():
    """Suggestions and tables print these names."""
    assert model.TIERS == ("0.5K", "1K", "2K", "4K")
    assert all(re.fullmatch(r"\d+:\d+", ratio) for ratio in model.RATIOS)
    assert model.MAX_SEED == 9223372036854775807
