"""The grid of a sweep as a plain output: how much room a large one takes."""

import pytest

import nbkit


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    """A grid of 8 x 4 x 3 cells as a cell displays it."""
    studio = nbkit.Studio(engine="offline", path=tmp_path_factory.mktemp("runs"), pace=None)
    axes = {"temperature": [n / 10 for n in range(8)], "topP": [0.3, 0.5, 0.7, 0.9], "seed": [1, 2, 3]}
    result = studio.sweep("A lantern", resolution="0.5K", **axes).start(max_workers=8).wait()
    yield result._repr_mimebundle_()["text/html"]
    studio.close()


@pytest.mark.parametrize(("width", "height"), [(1000, 2000), (1900, 1000)])
def test_a_grid_of_96_cells_is_about_two_screens_high(chromium, html, width, height):
    """Its small grids stand beside each other, and no picture is wider than its column."""
    page = chromium.new_page(viewport={"width": width, "height": 768})
    page.set_content(f'<body style="margin:8px;font:14px sans-serif">{html}</body>')
    assert page.get_by_role("img").count() == 96
    assert page.evaluate("document.body.scrollHeight") < height
    assert page.evaluate("document.body.scrollWidth") <= width
    assert page.get_by_role("table").count() == 4
    assert page.get_by_role("table", name="topP 0.3: temperature down the side, seed along the top").is_visible()
    page.close()
