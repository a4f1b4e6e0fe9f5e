"""A comparison in JupyterLab: pictures side by side, one over the other, zoomed; and without scripts."""

import re
import subprocess
import sys

import pytest
from lab_page import DARK, KERNEL, LIGHT, VIEWPORT, evaluate_async
from page_checks import smallest_text
from playwright.sync_api import expect

MAKE = """import nbkit
studio = nbkit.Studio(engine="offline", path="{path}")
a = studio.generate("A paper lantern shop at night, the sign reads “OPEN LATE”", seed=7, temperature=0.2)
b = studio.generate("A glass lantern shop in the rain, the sign reads “OPEN LATE”", seed=7, temperature=0.8, thinking="HIGH")
c = studio.generate("A paper lantern shop at night, the sign reads “OPEN LATE”", seed=9, temperature=0.2)"""
TRANSFORM = "e => e.style.transform"


@pytest.fixture
def show_comparison(open_notebook, tmp_path):
    """``show_comparison("nbkit.compare(a, b)")`` returns a notebook and the outputs of these cells."""

    def show(*cells):
        book = open_notebook(MAKE.format(path=tmp_path / "runs"), *cells)
        book.run_all()
        outputs = [book.output(number) for number in range(1, len(cells) + 1)]
        for output in outputs:
            expect(output.get_by_role("table")).to_be_visible()
        return book, *outputs

    return show


def frames(output):
    return output.locator(".nbkit-compare table .nbkit-compare-frame")


def test_arrow_keys_move_the_wipe(show_comparison):
    """Wipe puts one picture over the other, and the arrow keys uncover it; they do not reach the notebook."""
    book, output = show_comparison("nbkit.compare(a, b)")
    active_cell = book.active_cell()
    output.get_by_role("button", name="Wipe").focus()
    book.page.keyboard.press("Enter")
    expect(output.get_by_role("button", name="Wipe")).to_have_attribute("aria-pressed", "true")
    slider = output.get_by_role("slider", name="how much of A is seen beside B")
    slider.focus()
    for key in ("Home", "ArrowRight", "ArrowUp", "ArrowRight"):
        book.page.keyboard.press(key)
    expect(slider).to_have_value("3")
    assert output.locator(".nbkit-compare-over").evaluate("e => e.style.clipPath").endswith(" 3%)")  # A is left of it
    expect(frames(output).first).to_be_hidden()
    output.get_by_role("button", name="Side by side").click()
    expect(frames(output).first).to_be_visible()
    assert book.active_cell() == active_cell
    assert book.page.script_errors == []


def test_dragging_on_the_picture_moves_the_wipe(show_comparison):
    """The edge of the wipe follows the mouse."""
    book, output = show_comparison("nbkit.compare(a, b)")
    output.get_by_role("button", name="Wipe").click()
    stage = output.locator(".nbkit-compare-stage .nbkit-compare-frame")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    book.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    book.page.mouse.down()
    book.page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 100, steps=4)
    book.page.mouse.up()
    expect(output.get_by_role("slider", name=re.compile("is seen beside"))).to_have_value(re.compile("^2[456]$"))


def test_zooming_and_moving_apply_to_all_pictures(show_comparison):
    """The slider zooms all of them, and arrow keys on one move all of them."""
    book, output = show_comparison("nbkit.compare(a, b, c)")
    pictures = output.locator(".nbkit-compare table img")
    output.get_by_role("slider", name="Zoom").focus()
    for _ in range(8):
        book.page.keyboard.press("ArrowRight")
    transforms = pictures.evaluate_all("all => all.map(e => e.style.transform)")
    assert transforms == ["translate(-100%, -100%) scale(3)"] * 3
    frames(output).nth(1).focus()
    book.page.keyboard.press("ArrowRight")
    book.page.keyboard.press("ArrowDown")
    transforms = pictures.evaluate_all("all => all.map(e => e.style.transform)")
    assert transforms == ["translate(-120%, -120%) scale(3)"] * 3
    output.get_by_role("button", name="Whole picture").click()
    expect(output.get_by_role("button", name="Whole picture")).to_be_hidden()
    assert "scale(1)" in pictures.first.evaluate(TRANSFORM)


def test_two_comparisons_on_a_page_are_independent(show_comparison):
    """Each has controls of its own, and neither adds global names or ids to the page."""
    book, one, two = show_comparison("nbkit.compare(a, b)", "nbkit.compare(a, b, c)")
    for output in (one, two):
        expect(output.get_by_role("button", name="Wipe")).to_have_count(1)
    two.get_by_role("button", name="Wipe").click()
    two.get_by_label("A with").select_option("C")
    expect(two.get_by_role("slider", name="how much of A is seen beside C")).to_be_visible()
    expect(one.get_by_role("button", name="Wipe")).to_have_attribute("aria-pressed", "false")
    expect(one.get_by_role("slider", name=re.compile("is seen beside"))).to_be_hidden()
    assert book.page.evaluate("() => Object.keys(window).filter(name => /nbkit|sheet|setUp/.test(name))") == []
    assert book.page.evaluate("() => document.querySelectorAll('.nbkit-compare [id]').length") == 0


def test_a_reopened_notebook_shows_the_comparison_without_a_kernel(show_comparison, reopen):
    """The saved file is small, and has the pictures and the differences."""
    book, _ = show_comparison("nbkit.compare(a, b)")
    book.save()
    assert len(book.path.read_bytes()) < 160_000
    reopen(book)
    output = book.output(1)
    expect(output.get_by_role("img", name=re.compile("lantern shop"))).to_have_count(2)
    expect(output.locator("ins").first).to_contain_text("+glass")
    expect(output.get_by_role("row", name=re.compile("temperature"))).to_contain_text("0.8")


def test_an_html_export_is_readable_without_scripts(show_comparison, chromium, tmp_path, screenshots):
    """With scripts disabled, the page shows the pictures and the differences, and no controls that would do nothing."""
    book, _ = show_comparison("nbkit.compare(a, b)")
    book.save()
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--output-dir", str(tmp_path), str(book.path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    context = chromium.new_context(java_script_enabled=False, viewport=VIEWPORT)
    page = context.new_page()
    page.goto((tmp_path / f"{book.path.stem}.html").as_uri())
    pictures = page.get_by_role("img", name=re.compile("lantern shop"))
    expect(pictures).to_have_count(2)
    left, right = (picture.bounding_box() for picture in pictures.all())
    assert abs(left["y"] - right["y"]) < 1
    assert right["x"] >= left["x"] + left["width"]
    expect(page.get_by_role("row", name=re.compile("temperature"))).to_contain_text("0.8")
    expect(page.locator("del").first).to_contain_text("−paper")
    expect(page.get_by_role("button", name="Wipe")).to_have_count(0)
    page.screenshot(path=screenshots / "compare-export.png", full_page=True)
    context.close()


def test_a_comparison_is_accessible_and_fits_a_narrow_page(show_comparison, find_violations, screenshots):
    """Pictures have the same width, axe-core finds nothing in light or dark, and nothing is wider than a narrow page."""
    book, output, _ = show_comparison("nbkit.compare(a, b)", "nbkit.compare(a, b, c)")
    page = book.page
    page.set_viewport_size({"width": 1200, "height": 1900})
    widths = frames(output).evaluate_all("all => all.map(e => Math.round(e.getBoundingClientRect().width))")
    assert len(set(widths)) == 1
    for theme, name in ((LIGHT, "light"), (DARK, "dark")):
        book.set_theme(theme)
        page.screenshot(path=screenshots / f"compare-{name}.png")
        assert find_violations(output.locator(".nbkit-compare")) == []
        output.get_by_role("button", name="Wipe").click()
        output.get_by_role("slider", name="Zoom").fill("2")
        output.get_by_role("slider", name=re.compile("is seen beside")).focus()
        page.keyboard.press("ArrowRight")
        page.screenshot(path=screenshots / f"compare-wipe-{name}.png")
        assert find_violations(output.locator(".nbkit-compare")) == []
        output.get_by_role("button", name="Whole picture").click()
        output.get_by_role("button", name="Side by side").click()
    book.set_theme(LIGHT)
    page.set_viewport_size({"width": 720, "height": 1400})
    page.screenshot(path=screenshots / "compare-narrow.png")
    box = output.locator(".nbkit-compare").bounding_box()
    assert box["x"] + box["width"] <= 720


# -- originals ---------------------------------------------------------------------------------------------

WIDTHS = "all => all.map(e => e.naturalWidth)"
LARGE = """import nbkit
studio = nbkit.Studio(engine="offline", path="{path}")
a, b, c = (studio.generate("A paper lantern shop at night", seed=seed, resolution="2K") for seed in (1, 2, 3))"""


@pytest.fixture
def show_large(open_notebook, tmp_path):
    """``show_large("nbkit.compare(a, b)")``: three pictures of 2048 pixels, in a log outside of the server's folder."""

    def show(*cells, open_=open_notebook):
        book = open_(LARGE.format(path=tmp_path / "runs"), *cells)
        book.run_all()
        outputs = [book.output(number) for number in range(1, len(cells) + 1)]
        for output in outputs:
            expect(output.get_by_role("table")).to_be_visible()
        return book, *outputs

    return show


def expect_widths(pictures, widths):
    """Wait until pictures have these natural widths."""
    expect(pictures).to_have_count(len(widths))
    page = pictures.page
    for picture, width in zip(pictures.element_handles(), widths, strict=True):
        page.wait_for_function("([image, width]) => image.naturalWidth === width", arg=[picture, width])


def test_zooming_shows_the_pixels_of_the_originals(show_large):
    """They are fetched at the first zoom beyond the preview; the saved notebook keeps only the previews."""
    book, output = show_large("nbkit.compare(a, b)")
    pictures = output.locator("table img")
    assert pictures.evaluate_all(WIDTHS) == [512, 512]
    expect(output.get_by_role("button", name="100 %")).to_be_hidden()
    output.get_by_role("slider", name="Zoom").fill("2")
    expect_widths(pictures, [2048, 2048])
    assert pictures.evaluate_all("all => all.map(e => e.style.transform)") == ["translate(-50%, -50%) scale(2)"] * 2
    output.get_by_role("button", name="100 %").click()
    widths = pictures.evaluate_all("all => all.map(e => Math.round(e.getBoundingClientRect().width))")
    assert widths == [2048, 2048]
    book.save()
    assert len(book.path.read_bytes()) < 170_000
    assert book.page.script_errors == []


def test_the_wipe_shows_the_pixels_of_the_originals(show_large):
    """Of the two that it shows; of a third one when that is chosen."""
    _, output = show_large("nbkit.compare(a, b, c)")
    output.get_by_role("button", name="Wipe").click()
    stage = output.locator(".nbkit-compare-stage img")
    expect_widths(stage, [2048, 2048])
    assert output.locator("table img").evaluate_all(WIDTHS) == [2048, 2048, 448]
    output.get_by_label("A with").select_option("C")
    expect_widths(stage, [2048, 2048])


def test_after_the_kernel_is_shut_down_the_previews_stay(show_large):
    """Zoom and wipe work with what the page has: the originals that were fetched, and the previews of the others."""
    book, output, other = show_large("nbkit.compare(a, b)", "nbkit.compare(b, c)")
    output.get_by_role("slider", name="Zoom").fill("2")
    expect_widths(output.locator("table img"), [2048, 2048])
    evaluate_async(book.page, f"() => {KERNEL}.shutdown().then(() => null)")
    other.get_by_role("slider", name="Zoom").fill("3")
    other.get_by_role("button", name="Wipe").click()
    expect(other.locator(".nbkit-compare-stage")).to_be_visible()
    assert other.locator(".nbkit-compare-stage img").evaluate_all(WIDTHS) == [512, 512]
    assert other.locator(".nbkit-compare-stage img").first.evaluate(TRANSFORM).endswith("scale(3)")
    assert output.locator("table img").evaluate_all(WIDTHS) == [2048, 2048]
    expect(other.get_by_role("button", name="100 %")).to_be_hidden()
    assert book.page.script_errors == []


def test_after_a_reload_of_the_page_the_same_kernel_hands_out_originals(show_large, reload_page):
    """Without a cell that is run again."""
    book, output = show_large("nbkit.compare(a, b)")
    book.save()
    reload_page(book)
    expect(output.get_by_role("button", name="Wipe")).to_be_visible()
    output.get_by_role("button", name="Wipe").click()
    expect_widths(output.locator(".nbkit-compare-stage img"), [2048, 2048])


def test_notebook_7_shows_originals_too(show_large, open_in_notebook7):
    """As JupyterLab does."""
    _, output = show_large("nbkit.compare(a, b)", open_=open_in_notebook7)
    output.get_by_role("slider", name="Zoom").fill("2")
    expect_widths(output.locator("table img"), [2048, 2048])


def test_a_comparison_in_full_screen_flips_between_its_pictures(show_comparison):
    """Arrows go from all pictures to each alone; the settings come with S, all type is 28 px and up, and Escape leaves."""
    book, output = show_comparison("nbkit.compare(a, b)")
    active_cell = book.active_cell()
    output.get_by_role("button", name="Full screen").click()
    dialog = output.locator("dialog.nbkit-compare-show")
    expect(dialog.locator("img:visible")).to_have_count(2)
    book.page.wait_for_function("document.fullscreenElement")
    for letter in ("A", "B"):
        book.page.keyboard.press("ArrowRight")
        expect(dialog.locator("strong:visible")).to_have_text([letter])
    book.page.wait_for_function(
        "[...document.querySelectorAll('.nbkit-compare-show img')].every((e) => e.naturalWidth > 500)"
    )
    told = dialog.locator(".nbkit-compare-told")
    expect(told).to_be_hidden()
    assert smallest_text(dialog) >= 28
    book.page.keyboard.press("s")
    expect(told).to_contain_text("temperature")
    assert smallest_text(dialog) >= 28
    book.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    book.page.wait_for_function("!document.fullscreenElement")
    expect(output.get_by_role("button", name="Full screen")).to_be_focused()
    assert book.active_cell() == active_cell
    assert book.page.script_errors == []
