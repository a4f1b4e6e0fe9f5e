"""The lightbox on a page without a kernel: zoom, keys, actions, details, and what it says when the kernel is gone."""

import re

import pytest
from image_grid_page import BareGrid, coming, fact, jpeg, tile
from page_checks import smallest_text
from playwright.sync_api import expect

EDIT = ["edit", "Edit this", "Make it the only reference image", True]
STAR = ["star", "Star", "", False]


@pytest.fixture
def bare_grid(chromium):
    """``bare_grid(6)`` returns a grid of six pictures on an empty page; ``dots``: device pixels for each CSS pixel."""
    opened, errors = [], []

    def show(total=6, *, dots=1, **traits):
        page = chromium.new_page(viewport={"width": 1000, "height": 700}, device_scale_factor=dots)
        page.on("pageerror", lambda error: errors.append(str(error)))
        opened.append(page)
        return BareGrid(page, total, **traits)

    yield show
    for page in opened:
        page.close()
    assert errors == []


@pytest.fixture
def open_large(bare_grid):
    """``open_large()`` returns a grid with a picture of 4096 x 2304 pixels open."""

    def show(**options):
        grid = bare_grid(2, **options)
        grid.receive_rows(fact(0, width=4096, height=2304), fact(1))
        grid.open(1)
        grid.wait_for("original")
        grid.receive("original", jpeg((4096, 2304)), id=0)
        expect(image(grid)).to_have_js_property("naturalWidth", 4096)
        return grid

    return show


def image(grid):
    return grid.dialog.get_by_role("img").first


def scale(grid):
    return grid.dialog.locator(".nbkit-lightbox-scale")


def under_the_cursor(grid, x, y):
    """Which point of the picture is there, in its own pixels."""
    return image(grid).evaluate(
        "(e, [x, y]) => { const b = e.getBoundingClientRect(); return [(x - b.x) / b.width * 4096, (y - b.y) / b.height * 2304]; }",
        [x, y],
    )


@pytest.mark.parametrize("dots", [1, 2])
def test_at_100_percent_the_screen_shows_the_pixels_of_the_picture(open_large, dots):
    """On a screen with two dots for each CSS pixel, too; the bar has the present size."""
    grid = open_large(dots=dots)
    fitted = image(grid).evaluate("e => e.getBoundingClientRect().width")
    expect(scale(grid)).to_have_text(f"{round(fitted / 4096 * dots * 100)} %")
    for press in (
        lambda: grid.page.keyboard.press("z"),
        lambda: grid.dialog.get_by_role("button", name="Each pixel").click(),
    ):
        press()
        expect(image(grid)).to_have_css("width", f"{4096 // dots}px")
        expect(scale(grid)).to_have_text("100 %")
        grid.dialog.get_by_role("button", name="Fit").click()
        assert image(grid).evaluate("e => e.getBoundingClientRect().width") == pytest.approx(fitted, abs=0.1)


def test_the_wheel_zooms_around_the_cursor(open_large):
    """The point under the cursor stays there; turned back far enough, the picture fits again."""
    grid = open_large()
    grid.page.mouse.move(650, 300)
    grid.page.mouse.wheel(0, -1000)
    expect(scale(grid)).not_to_have_text(re.compile("^2. %"))
    before = under_the_cursor(grid, 650, 300)
    grid.page.mouse.wheel(0, -200)
    grid.page.wait_for_function("b => document.querySelector('dialog img').getBoundingClientRect().width > b", arg=4096)
    assert under_the_cursor(grid, 650, 300) == pytest.approx(before, abs=2)
    grid.page.mouse.wheel(0, 5000)
    expect(grid.dialog.get_by_role("button", name="Fit")).to_have_attribute("aria-pressed", "true")


def test_a_drag_moves_the_picture_and_a_double_click_fits_it(open_large):
    """By as many pixels as the mouse moves."""
    grid = open_large()
    grid.page.mouse.dblclick(500, 300)
    expect(scale(grid)).to_have_text("100 %")
    left = image(grid).evaluate("e => e.getBoundingClientRect().left")
    grid.page.mouse.down()
    grid.page.mouse.move(400, 300, steps=3)
    grid.page.mouse.up()
    assert image(grid).evaluate("e => e.getBoundingClientRect().left") == pytest.approx(left - 100, abs=1)
    grid.page.mouse.dblclick(500, 300)
    expect(grid.dialog.get_by_role("button", name="Fit")).to_have_attribute("aria-pressed", "true")


def test_keys_zoom_in_steps_that_stop_at_100_percent(open_large):
    """0 fits, unless it removes a rating."""
    grid = open_large(marking=False)
    sizes = []
    while "100 %" not in sizes:
        grid.page.keyboard.press("+")
        sizes.append(scale(grid).inner_text())
        assert len(sizes) < 9
    grid.page.keyboard.press("+")
    expect(scale(grid)).to_have_text("150 %")
    grid.page.keyboard.press("-")
    expect(scale(grid)).to_have_text("100 %")
    grid.page.keyboard.press("0")
    expect(grid.dialog.get_by_role("button", name="Fit")).to_have_attribute("aria-pressed", "true")


def test_arrow_keys_follow_the_grid_behind_the_lightbox(bare_grid):
    """Left and right go to the neighbours, up and down one row, Home and End to the ends; Esc leads back to that tile."""
    grid = bare_grid(40)
    grid.receive_rows(*range(40))
    across = grid.page.evaluate(
        "() => { const tops = [...document.querySelectorAll('[role=option]')].map((e) => e.offsetTop);"
        " return tops.filter((top) => top === tops[0]).length; }"
    )
    grid.open(1)
    for key, number in (
        ("ArrowRight", 1), ("ArrowDown", 1 + across), ("ArrowLeft", across), ("ArrowUp", 0), ("ArrowUp", 0), ("End", 39), ("ArrowDown", 39),
    ):  # fmt: skip
        grid.page.keyboard.press(key)
        expect(grid.opened_prompts()).to_have_text(f"picture {number}")
    grid.page.keyboard.press("Escape")
    expect(grid.page.get_by_role("listbox")).to_be_focused()
    expect(tile(grid.page, 40)).to_be_in_viewport(ratio=0.9)
    expect(tile(grid.page, 40)).to_have_class(re.compile("nbkit-images-active"))
    grid.page.keyboard.press("Enter")
    grid.page.keyboard.press("Home")
    expect(grid.opened_prompts()).to_have_text("picture 0")


def test_arrow_keys_pass_pictures_that_are_coming(bare_grid):
    """They have nothing to show."""
    grid = bare_grid(4)
    grid.receive_rows(fact(0), coming(1), coming(2), fact(3))
    grid.open(1)
    grid.page.keyboard.press("ArrowRight")
    expect(grid.opened_prompts()).to_have_text("picture 3")


def test_a_fact_stands_once(bare_grid):
    """Size, marks and parameters are often in the caption as well; 0 and 0.0 are the same temperature."""
    grid = bare_grid(1)
    caption = ["temperature 0", "64x48", "seed 7", "temperature 0.0", "rating 5", "$0.07"]
    grid.receive_rows(fact(0, caption=caption, rating=5))
    grid.open(1)
    expect(grid.dialog.locator(".nbkit-lightbox-told")).to_have_text("★★★★★ · temperature 0 · 64 × 48 · seed 7 · $0.07")


def test_actions_are_buttons_that_the_keyboard_reaches(bare_grid):
    """A press names the action and the picture; one that is declared so closes the lightbox."""
    grid = bare_grid(2, actions=[EDIT, STAR])
    grid.receive_rows(0, 1)
    grid.open(2)
    edit = grid.dialog.get_by_role("button", name="Edit this")
    expect(edit).to_have_attribute("title", EDIT[2])
    star = grid.dialog.get_by_role("button", name="Star")
    for _ in range(12):
        if star.evaluate("e => e.matches(':focus')"):
            break
        grid.page.keyboard.press("Tab")
    grid.page.keyboard.press("Enter")
    sent = grid.wait_for("action")
    assert (sent["action"], sent["id"]) == ("star", 1)
    expect(star).to_be_focused()
    edit.click()
    assert grid.wait_for("action")["action"] == "edit"
    expect(grid.dialog).to_have_count(0)


def test_side_by_side_each_picture_has_its_own_actions(bare_grid):
    """Their names say which picture they are for; one without a file has none."""
    grid = bare_grid(3, actions=[STAR])
    grid.receive_rows(fact(0), fact(1), fact(2, name="", missing="refused"))
    tile(grid.page, 1).click()
    tile(grid.page, 3).click(modifiers=["Shift"])
    grid.page.keyboard.press("Enter")
    expect(grid.dialog.get_by_role("button", name="Star")).to_have_count(2)
    grid.dialog.get_by_role("button", name="Star: picture 2").click()
    assert grid.wait_for("action")["id"] == 1


def test_details_stand_beside_the_picture(bare_grid):
    """They are requested with the original; an error in them is an alert."""
    grid = bare_grid(2, detailed=True)
    grid.receive_rows(0, 1)
    grid.open(1)
    assert grid.wait_for("original")["ids"] == [0]
    grid.receive("details", id=0, lines=["1: a paper lantern", "2: made blue, $0.14 so far"], problem="")
    details = grid.dialog.get_by_role("list", name="Details").get_by_role("listitem")
    expect(details).to_have_text(["1: a paper lantern", "2: made blue, $0.14 so far"])
    grid.page.keyboard.press("ArrowRight")
    expect(details).to_have_count(0)
    grid.receive("details", id=1, lines=[], problem="ValueError: no thread")
    expect(grid.dialog.get_by_role("alert").filter(has_text="ValueError: no thread")).to_be_visible()


@pytest.mark.parametrize("opened", [False, True], ids=["grid", "lightbox"])
def test_a_question_mark_lists_the_keys(bare_grid, find_violations, opened):
    """Esc closes the list first; keys do nothing behind it."""
    grid = bare_grid(2)
    grid.receive_rows(0, 1)
    tile(grid.page, 1).click()
    if opened:
        grid.page.keyboard.press("Enter")
    grid.page.keyboard.press("?")
    keys = grid.page.get_by_role("dialog", name="Keys")
    expect(keys.get_by_role("row").filter(has_text="fit or 100 %")).to_be_visible()
    assert find_violations(keys) == []
    grid.page.keyboard.press("4")
    assert grid.take_sent("key") == []
    grid.page.keyboard.press("Escape")
    expect(keys).to_have_count(0)
    expect(grid.dialog).to_have_count(int(opened))
    expect(grid.page.locator(":focus")).to_have_count(1)


def test_the_lightbox_is_grey_and_readable_and_axe_core_finds_nothing(bare_grid, find_violations):
    """With actions, details, an error and a problem in place of a picture."""
    grid = bare_grid(2, actions=[EDIT, STAR], detailed=True)
    grid.receive_rows(fact(0, rating=4), fact(1, name="", missing="refused by a safety filter"))
    for place in (1, 2):
        grid.open(place)
        grid.receive("details", id=place - 1, lines=["a line"], problem="ValueError: no thread")
        assert find_violations(grid.page.locator(".nbkit-lightbox")) == []
        grid.page.keyboard.press("Escape")


def test_without_a_kernel_a_key_that_marks_is_refused_in_words(bare_grid):
    """The pictures stay; one quiet line says what to do, and a press is answered by an alert."""
    grid = bare_grid(2, actions=[STAR])
    grid.receive_rows(0, 1)
    grid.receive("previews", jpeg(), jpeg(), pixels=768, ids=[0, 1])
    tile(grid.page, 1).click()
    grid.page.evaluate("() => restartKernel()")
    expect(grid.page.get_by_role("status").filter(has_text="Kernel restarted: run this cell again.")).to_be_visible()
    grid.page.keyboard.press("4")
    alert = grid.page.get_by_role("alert").filter(has_text="The kernel has restarted: run this cell again.")
    expect(alert).to_be_in_viewport()
    assert grid.take_sent("key") == []
    for place in (1, 2):
        assert tile(grid.page, place).get_by_role("img").evaluate("e => e.naturalWidth") == 64
    grid.page.keyboard.press("Enter")
    expect(grid.dialog.get_by_role("alert")).to_have_text("The kernel has restarted: run this cell again.")
    grid.dialog.get_by_role("button", name="Star").click()
    assert grid.take_sent("action") == []


@pytest.mark.parametrize("viewport", [(1280, 800), (1920, 1080)])
@pytest.mark.parametrize("permitted", [True, False])
def test_before_an_audience_the_settings_are_hidden_until_s(bare_grid, viewport, permitted):
    """Every visible text is 28 px and up, arrows change the picture, and Escape leads back, with or without the browser's full screen."""
    grid = bare_grid(3, actions=[EDIT])
    grid.page.set_viewport_size({"width": viewport[0], "height": viewport[1]})
    if not permitted:
        grid.page.evaluate(
            "() => { Element.prototype.requestFullscreen = () => Promise.reject(new TypeError('not allowed')); }"
        )
    grid.receive_rows(*(fact(number, caption=[f"seed {number}", "$0.07"]) for number in range(3)))
    grid.open(1)
    grid.dialog.get_by_role("button", name="Full screen").click()
    if permitted:
        grid.page.wait_for_function("document.fullscreenElement")
    texts = grid.dialog.locator("figcaption, .nbkit-lightbox-actions")
    grid.page.keyboard.press("ArrowRight")
    expect(grid.dialog.locator(".nbkit-lightbox-where")).to_have_text("2 of 3")
    assert texts.evaluate_all("all => all.filter((e) => e.checkVisibility())") == []
    assert smallest_text(grid.dialog) >= 28
    grid.page.keyboard.press("s")
    expect(grid.dialog.locator(".nbkit-lightbox-told")).to_contain_text("seed 1")
    assert smallest_text(grid.dialog) >= 28
    room = grid.dialog.locator(".nbkit-lightbox-body").bounding_box()
    assert (room["width"], room["height"]) == pytest.approx(viewport, abs=1)
    grid.page.keyboard.press("s")
    expect(grid.dialog.locator(".nbkit-lightbox-told")).to_be_hidden()
    grid.page.keyboard.press("Escape")
    expect(grid.dialog.get_by_role("button", name="Full screen")).to_be_visible()
    expect(grid.dialog.locator(".nbkit-lightbox-told")).to_be_visible()
    grid.page.wait_for_function("!document.fullscreenElement")
    grid.page.keyboard.press("Escape")
    expect(grid.dialog).to_be_hidden()
