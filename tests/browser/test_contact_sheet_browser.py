"""A contact sheet: up to twelve pictures as large as their room lets them; and the places of pictures that are coming."""

import pytest
from image_grid_page import BareGrid, coming, fact, jpeg, tile
from playwright.sync_api import expect

ROOM = "height => document.body.style.setProperty('--nbkit-room-height', height)"


@pytest.fixture
def sheet(chromium):
    """``sheet([1.5, 1.5])`` returns a contact sheet of pictures of these shapes, width by height."""
    page, errors = chromium.new_page(viewport={"width": 900, "height": 900}), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield lambda shapes, **traits: BareGrid(page, len(shapes), fit=True, shapes=shapes, **traits)
    page.close()
    assert errors == []


def picture(number, shape):
    return fact(number, width=round(1000 * shape), height=1000)


def columns(grid, total):
    """The number of tiles that stand in the first row."""
    tops = [grid.image_box(place)[1] for place in range(1, total + 1)]
    return sum(top == tops[0] for top in tops)


def is_scrolled(grid):
    return grid.page.get_by_role("listbox").evaluate(
        "e => e.scrollHeight > e.clientHeight || e.scrollWidth > e.clientWidth"
    )


@pytest.mark.parametrize("shape", [16 / 9, 1, 9 / 16])
def test_one_picture_fills_the_room(sheet, shape):
    """As high as the room or as wide, whichever comes first; nothing scrolls."""
    grid = sheet([shape])
    grid.receive_rows(picture(0, shape))
    left, top, width, height = grid.image_box(1)
    assert width / height == pytest.approx(shape, rel=0.02)
    assert height > 430 or width > 850
    assert left + width / 2 == pytest.approx(450, abs=2)
    assert top + height < 490
    assert not is_scrolled(grid)


@pytest.mark.parametrize(
    ("room", "shape", "expected"), [("480px", 1.5, 2), ("220px", 1, 4), ("1400px", 3, 1)], ids=["2x2", "1x4", "4x1"]
)
def test_four_pictures_stand_in_the_largest_arrangement(sheet, room, shape, expected):
    """Two by two, or all in one row or column where they are larger that way."""
    grid = sheet([shape] * 4)
    grid.page.evaluate(ROOM, room)
    grid.receive_rows(*(picture(number, shape) for number in range(4)))
    expect(tile(grid.page, 4)).to_be_visible()
    grid.page.wait_for_function(
        "room => document.querySelector('.nbkit-images').offsetHeight === Number.parseInt(room)", arg=room
    )
    assert columns(grid, 4) == expected
    assert not is_scrolled(grid)


def test_the_pictures_follow_their_room(sheet):
    """When the window or the cell changes its size, they are arranged anew."""
    grid = sheet([1] * 4)
    grid.receive_rows(*(picture(number, 1) for number in range(4)))
    before = grid.image_box(1)[2]
    grid.page.evaluate(ROOM, "800px")
    grid.page.wait_for_function("b => document.querySelector('[role=option]').offsetWidth > b * 1.5", arg=before)
    grid.page.set_viewport_size({"width": 400, "height": 900})
    grid.page.wait_for_function("() => document.querySelector('[role=option]').offsetWidth < 200")
    assert columns(grid, 4) == 2
    assert not is_scrolled(grid)


def test_more_than_twelve_pictures_scroll(sheet):
    """In the same room, at the size that was asked for."""
    grid = sheet([1] * 13)
    grid.page.evaluate(ROOM, "200px")
    grid.receive_rows(*range(13))
    grid.page.wait_for_function("() => document.querySelector('[role=listbox]').scrollHeight > 200")
    assert grid.page.locator(".nbkit-images").evaluate("e => e.offsetHeight") == 200


def test_a_small_preview_is_shown_until_the_large_one_comes(sheet):
    """Its size suits the tile; the picture does not change its place."""
    grid = sheet([1])
    grid.receive_rows(picture(0, 1))
    assert grid.wait_for("previews")["pixels"] == 768  # the room is 480 px high
    grid.receive("previews", jpeg(), pixels=384, ids=[0])
    image = tile(grid.page, 1).get_by_role("img")
    expect(image).to_be_visible()
    before, address = grid.image_box(1), image.get_attribute("src")
    assert grid.wait_for("previews")["pixels"] == 768
    expect(image).to_have_attribute("src", address)
    grid.receive("previews", jpeg((900, 900)), pixels=768, ids=[0])
    expect(image).not_to_have_attribute("src", address)
    expect(image).to_have_js_property("naturalWidth", 900)
    assert grid.image_box(1) == before


def test_a_caption_is_one_line_and_its_title_has_all_of_it(sheet):
    """However many facts there are."""
    grid = sheet([1] * 2)
    many = [f"parameter {number} has a long value" for number in range(9)]
    grid.receive_rows(fact(0, caption=many), fact(1, rating=4))
    caption = tile(grid.page, 1).locator(".nbkit-images-caption")
    expect(caption).to_have_attribute("title", " · ".join(many))
    assert caption.evaluate("e => e.offsetHeight") < 22
    expect(tile(grid.page, 2)).to_contain_text("★★★★")


def test_arrow_keys_move_along_the_rows_and_columns_of_a_sheet(sheet):
    """Down in the last row stays there."""
    grid = sheet([1.5] * 4)
    grid.receive_rows(*range(4))
    tile(grid.page, 1).click()
    for key, place in (("ArrowRight", 2), ("ArrowDown", 4), ("ArrowDown", 4), ("ArrowLeft", 3), ("ArrowUp", 1)):
        grid.page.keyboard.press(key)
        expect(tile(grid.page, place)).to_have_attribute("aria-selected", "true")


def test_the_place_of_a_coming_picture_is_an_empty_frame_of_its_shape(sheet):
    """Its name says that it is coming, and it cannot be opened."""
    grid = sheet([16 / 9, 16 / 9])
    grid.receive_rows(coming(0) | {"width": 1600, "height": 900}, fact(1, width=1600, height=900))
    _, _, width, height = grid.image_box(1)
    assert width / height == pytest.approx(16 / 9, rel=0.02)
    expect(tile(grid.page, 1)).to_have_attribute("aria-label", "picture 0, the picture is coming, coming")
    assert tile(grid.page, 1).locator(".nbkit-images-blank").evaluate("e => getComputedStyle(e).borderStyle") == "solid"
    grid.open(1)
    grid.page.keyboard.press("Enter")
    expect(grid.dialog).to_have_count(0)
    grid.open(2)
    expect(grid.dialog).to_be_visible()


def test_the_frame_of_a_coming_picture_keeps_still_on_request(sheet):
    """It pulses only where the system does not ask for less motion."""
    grid = sheet([1])
    grid.receive_rows(coming(0))
    animation = "e => getComputedStyle(e).animationName"
    frame = tile(grid.page, 1).locator(".nbkit-images-coming")
    assert frame.evaluate(animation) == "nbkit-images-pulse"
    grid.page.emulate_media(reduced_motion="reduce")
    assert frame.evaluate(animation) == "none"
