"""The sizes, limits and prices of the DEFAULT."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_requests import lantern

from nbkit.request.price import MICRO, Price
from nbkit.request.profiles import DEFAULT

PAIRS = [(ratio, tier, DEFAULT.size_of(ratio, tier)) for ratio in DEFAULT.ratios for tier in DEFAULT.tiers]

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
    """One size for each of 14 ratios at each of 4 tiers, all different."""
    rows = [line.split() for line in PUBLISHED.split("\n") if line]
    columns = list(zip(*([size.split("x") for size in sizes] for _, *sizes in rows), strict=True))
    published = {
        tier: {row[0]: tuple(map(int, size)) for row, size in zip(rows, sizes, strict=True)}
        for tier, sizes in zip(("0.5K", "1K", "2K", "4K"), columns, strict=True)
    }
    assert published == DEFAULT.sizes
    assert len({size for _, _, size in PAIRS}) == 56


@pytest.mark.parametrize(("ratio", "tier", "size"), PAIRS)
def test_a_size_in_pixels_equals_its_ratio_and_tier(ratio, tier, size):
    """A request has the same identity, task and price, whether it names the pixels or the ratio and the tier."""
    assert DEFAULT.ratio_and_tier(*size) == (ratio, tier)
    by_pair = lantern(width=size[0], height=size[1])
    by_name = lantern(resolution=tier, aspect_ratio=ratio)
    assert by_pair.identity == by_name.identity
    assert by_pair.size == by_name.size == size
    assert by_name.to_task() == by_pair.to_task()
    assert by_name.price == by_pair.price == DEFAULT.price(tiers=[tier])


@pytest.mark.parametrize(("ratio", "tier", "size"), PAIRS)
def test_the_nearest_size_of_a_near_miss_is_the_one_that_was_meant(ratio, tier, size):
    """A size that is a pixel or two off is not in the table."""
    for horizontal, vertical in ((1, 0), (-1, 0), (0, 1), (0, -1), (2, -1)):
        near_miss = (size[0] + horizontal, size[1] + vertical)
        assert DEFAULT.ratio_and_tier(*near_miss) is None
        assert DEFAULT.nearest_size(*near_miss) == size


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ((1920, 1080), (1376, 768)),  # the shape counts before the number of pixels
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
def test_the_nearest_size_has_the_nearest_shape_before_the_nearest_area(asked, nearest):
    """Of one side alone, it is the size with the closest such side, the squarest one of several."""
    assert DEFAULT.nearest_size(*asked) == nearest


@given(st.integers(), st.integers())
def test_every_pair_of_integers_has_a_nearest_size_and_a_tier(width, height):
    """So suggestions and prices never raise."""
    assert DEFAULT.ratio_and_tier(*DEFAULT.nearest_size(width, height))
    assert DEFAULT.tier_of_pixels(width, height) in DEFAULT.tiers


@pytest.mark.parametrize(
    ("size", "tier"),
    [((1, 1), "0.5K"), ((1920, 1080), "1K"), ((3000, 2000), "2K"), ((9999, 9999), "4K"), ((10**400, 1), "4K")],
)
def test_a_size_outside_the_table_has_the_tier_with_the_nearest_number_of_pixels(size, tier):
    """Its price is that of the tier."""
    assert DEFAULT.tier_of_pixels(*size) == tier


@pytest.mark.parametrize(("ratio", "tier", "error"), [("5:3", "1K", KeyError), ("1:1", "8K", KeyError)])
def test_the_size_of_an_unknown_ratio_or_tier_raises(ratio, tier, error):
    """It does not guess."""
    with pytest.raises(error):
        DEFAULT.size_of(ratio, tier)


def test_the_prices_are_those_of_the_published_list():
    """In micro-dollars: an image of each tier, a reference image, and a search."""
    prices = {tier: DEFAULT.price(tiers=[tier]).high for tier in DEFAULT.tiers}
    assert prices == {"0.5K": 46_570, "1K": 68_950, "2K": 102_550, "4K": 152_950}
    added = [DEFAULT.reference_price, DEFAULT.search_price]
    assert [round((price or 0) * MICRO) for price in added] == [280, 140_000]


def test_a_price_grows_with_results_references_and_searches():
    """Results multiply, references add to each result, and searches add to the highest price only."""
    assert DEFAULT.price(tiers=("1K",), references=2, searches=2) * 3 == Price(3 * 69_510, 3 * 349_510)
    assert DEFAULT.price(tiers=DEFAULT.tiers, references=1) == Price(46_850, 153_230)
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
def test_a_request_has_one_price_or_a_range_if_it_is_not_certain(parameters, low, high):
    """A range with a search, or if the size follows a reference image; values of ``extra`` count too."""
    assert lantern(**parameters).price == Price(low, high)


def test_tiers_ratios_and_the_largest_seed_are_the_published_ones():
    """Suggestions and tables print the names of tiers and ratios."""
    assert DEFAULT.tiers == ("0.5K", "1K", "2K", "4K")
    assert all(re.fullmatch(r"\d+:\d+", ratio) for ratio in DEFAULT.ratios)
    assert DEFAULT.parameters["seed"].kind.maximum == 9223372036854775807
