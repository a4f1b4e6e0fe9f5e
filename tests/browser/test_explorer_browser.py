"""The grid explorer in JupyterLab and as an exported file, used with a mouse and a keyboard."""

import re

import pytest
from lab_page import DARK, LIGHT
from panel_page import STUDIO, prompt
from playwright.sync_api import expect

import nbkit

LAPTOP = {"width": 1366, "height": 768}
SURVEY = """sweep = studio.sweep('A {thing}', thing=['tram', 'harbour', 'garden', 'shop'], seed=range(1, 9), temperature=[0.2, 0.5, 0.8],
    resolution='0.5K', name='survey')
sweep.start().wait()
explorer = sweep.result.explore()
explorer"""
SMALL = """sweep = studio.sweep('A {thing}', thing=['tram', 'harbour'], seed=[1, 2, 3], temperature=[0.2, 0.8], resolution='0.5K', name='small')
sweep.start().wait()
explorer = sweep.result.explore()
explorer"""
FLIPS = """async () => {
    const slider = document.querySelector('.nbkit-explorer-slider input'), took = [];
    for (const value of [1, 2, 0, 1, 2, 0]) {
        const before = performance.now();
        slider.value = value;
        slider.dispatchEvent(new Event('input', {bubbles: true}));
        await Promise.all([...document.querySelectorAll('.nbkit-explorer-cell img')].map(image => image.decode()));
        await new Promise(requestAnimationFrame);
        took.push(performance.now() - before);
    }
    return took.sort((a, b) => a - b); }"""
"""Turns the slider to pictures that exist; how long each turn takes until its pictures are decoded and drawn."""


@pytest.fixture
def show_explorer(open_notebook, tmp_path):
    """``show_explorer(code, "a further cell")`` returns a notebook and the output of the cell that shows an explorer."""

    def show(code, *further):
        book = open_notebook(STUDIO.format(engine="'offline'", path=tmp_path / "runs"), code, *further)
        book.page.set_viewport_size(LAPTOP)
        book.run(0)
        book.run(1)
        return book, book.output(1)

    return show


def cell(explorer, name):
    return explorer.get_by_role("gridcell", name=name)


def side(explorer, name):
    """The list of axes for a side."""
    return explorer.get_by_label(name, exact=True)


def told(page):
    """What the lightbox says under its picture."""
    return page.get_by_role("dialog").locator(".nbkit-lightbox-told")


def is_seen_whole(explorer):
    """Whether nothing has to be scrolled in the grid."""
    return explorer.locator(".nbkit-explorer-scroll").evaluate(
        "e => e.scrollHeight <= e.clientHeight && e.scrollWidth <= e.clientWidth && e.getBoundingClientRect().height < innerHeight"
    )


def test_larger_text_of_the_notebook_enlarges_headings_and_controls(show_explorer):
    """As in presentation mode: sizes grow alike, and the slice is fitted again, so that all of it is still seen."""
    book, explorer = show_explorer(SMALL)
    expect(explorer.get_by_role("gridcell").locator("img")).to_have_count(6)
    root = explorer.locator(".nbkit-explorer")
    texts = root.locator("label, button, select, .nbkit-explorer-head, .nbkit-explorer-corner")
    sizes = "all => all.map((e) => parseFloat(getComputedStyle(e).fontSize))"
    before, head = texts.evaluate_all(sizes), root.evaluate("e => e.style.getPropertyValue('--nbkit-head')")
    root.evaluate("e => e.closest('.jp-Notebook').style.setProperty('--jp-content-font-size1', '21px')")
    assert texts.evaluate_all(sizes) == pytest.approx([size * 1.5 for size in before], rel=0.01)
    book.page.wait_for_function(
        "head => document.querySelector('.nbkit-explorer').style.getPropertyValue('--nbkit-head') !== head", arg=head
    )
    assert is_seen_whole(explorer)


def test_eight_by_four_by_three_are_surveyed_on_a_laptop(show_explorer):
    """Every picture of a slice is seen at once under its headings, and the slider flips through the others."""
    book, explorer = show_explorer(SURVEY)
    expect(explorer.get_by_role("gridcell").locator("img")).to_have_count(32)
    assert is_seen_whole(explorer)
    expect(explorer.get_by_role("columnheader", name="seed 8")).to_have_text("8")
    expect(explorer.get_by_role("rowheader", name="thing shop")).to_have_text("shop")
    expect(side(explorer, "Slider").locator("option:checked")).to_have_text("temperature (3)")
    slider = explorer.get_by_role("slider", name="temperature")
    slider.focus()
    book.page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "0.5")
    expect(cell(explorer, "thing tram, seed 1, temperature 0.5, done").locator("img")).to_be_visible()
    assert book.page.evaluate(FLIPS)[2] < 100
    assert book.page.script_errors == []


def test_any_axis_goes_to_any_side(show_explorer):
    """An axis that stood elsewhere changes its place with the one that was here; one that is nowhere keeps a value."""
    book, explorer = show_explorer(SMALL, "explorer.sides")
    side(explorer, "Rows").select_option(label="temperature (2)")
    expect(explorer.get_by_role("rowheader")).to_have_text(["0.2", "0.8"])
    side(explorer, "Pages").select_option(label="seed (3)")
    expect(explorer.get_by_role("columnheader")).to_have_count(0)
    expect(explorer.get_by_role("rowheader")).to_have_text(["0.2", "0.8"])
    explorer.get_by_role("button", name="Next seed").click()
    expect(cell(explorer, "thing tram, seed 2, temperature 0.8, done").locator("img")).to_be_visible()
    side(explorer, "Columns").select_option(label="thing (2)")
    expect(explorer.get_by_role("slider", name="thing")).to_have_count(0)
    book.run_until(2, "{'rows': 'temperature', 'columns': 'thing', 'slider': '', 'pages': 'seed'}")
    side(explorer, "Rows").select_option(label="–")
    explorer.get_by_label("temperature", exact=True).select_option("0.8")
    expect(cell(explorer, "temperature 0.8").locator("img")).to_have_count(2)


def test_headings_stay_in_view_in_the_one_scroller(show_explorer):
    """Large tiles are scrolled in the grid, and nothing else inside the explorer scrolls."""
    book, explorer = show_explorer(SURVEY)
    explorer.get_by_role("slider", name="Tile size").fill("240")
    cell(explorer, "thing tram, seed 1, temperature 0.2").focus()
    for key in ("End", "ArrowDown", "ArrowDown", "ArrowDown"):
        book.page.keyboard.press(key)
    last = cell(explorer, "thing shop, seed 8, temperature 0.2")
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport()
    expect(explorer.get_by_role("columnheader", name="seed 8")).to_be_in_viewport()
    expect(explorer.get_by_role("rowheader", name="thing shop")).to_be_in_viewport()
    scrollers = "e => [...e.querySelectorAll('*')].filter(e => /auto|scroll/.test(getComputedStyle(e).overflowY) && e.scrollHeight > e.clientHeight + 1).length"
    assert explorer.locator(".nbkit-explorer").evaluate(scrollers) == 1
    explorer.get_by_role("button", name="Fit the tiles").click()
    expect(explorer.locator(".nbkit-explorer-scroll")).to_have_js_property("scrollTop", 0)
    assert is_seen_whole(explorer)


def test_a_press_opens_the_picture_and_arrows_follow_the_grid(show_explorer):
    """Arrows move along rows and columns, Page Down along the slider, digits rate; Escape returns to the tile of the last."""
    book, explorer = show_explorer(SMALL, "studio.df.rating.dropna().tolist()")
    page = book.page
    cell(explorer, "thing tram, seed 1, temperature 0.2").click()
    for key, expected in (
        ("ArrowRight", "thing tram · temperature 0.2 · 512 × 512 · seed 2"),
        ("ArrowDown", "thing harbour · temperature 0.2 · 512 × 512 · seed 2"),
        ("ArrowLeft", "thing harbour · temperature 0.2 · 512 × 512 · seed 1"),
    ):
        page.keyboard.press(key)
        expect(told(page)).to_contain_text(expected)
    page.keyboard.press("PageDown")
    expect(told(page)).to_contain_text("temperature 0.8")
    page.keyboard.press("5")
    expect(told(page)).to_contain_text("★★★★★")
    page.keyboard.press("Escape")
    tile = cell(explorer, "thing harbour, seed 1, temperature 0.8, done, rated 5 of 5")
    expect(tile).to_be_focused()
    page.keyboard.press("x")
    expect(cell(explorer, "thing harbour, seed 1, temperature 0.8, done, rated 5 of 5, rejected")).to_be_focused()
    book.run_until(2, "[5.0]")
    assert page.script_errors == []


def test_chosen_pictures_are_compared_promoted_and_opened_in_a_panel(show_explorer):
    """Ctrl+press chooses; Compare shows them side by side; Promote has their price; the panel has the settings of one."""
    book, explorer = show_explorer(SMALL, "[run.request.resolution for run in explorer.promoted.runs]")
    page = book.page
    for name in ("thing tram, seed 1", "thing harbour, seed 3"):
        cell(explorer, name).click(modifiers=["Control"])
    explorer.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("dialog").locator("figure img")).to_have_count(2)
    page.keyboard.press("Escape")
    explorer.get_by_label("Resolution of promoted pictures").select_option("1K")
    explorer.get_by_role("button", name="Promote 2 to 1K · $0.14").click()
    expect(explorer.get_by_text(re.compile("Promoted to 1K: 2 done"))).to_be_visible()
    book.run_until(2, "['1K', '1K']")
    cell(explorer, "thing harbour, seed 3").click()
    page.get_by_role("dialog").get_by_role("button", name="Open in panel").click()
    expect(prompt(explorer)).to_have_value("A harbour")
    expect(prompt(explorer)).to_be_in_viewport()
    assert page.script_errors == []


def test_axe_core_finds_nothing(show_explorer, find_violations):
    """In light and dark, with pictures chosen."""
    book, explorer = show_explorer(SMALL)
    expect(explorer.get_by_role("gridcell").locator("img")).to_have_count(6)
    cell(explorer, "thing tram, seed 1").click(modifiers=["Control"])
    found = []
    for theme in (DARK, LIGHT):
        book.set_theme(theme)
        found += find_violations(explorer.locator(".nbkit-explorer"))
    assert found == []


def test_a_saved_notebook_is_explored_without_a_kernel(show_explorer, reopen):
    """With slider, sides, keys and full size; while the explorer lives, what is saved stands aside."""
    book, explorer = show_explorer(SMALL)
    expect(explorer.locator(".nbkit-record")).to_be_hidden()
    expect(explorer.get_by_role("gridcell").locator("img")).to_have_count(6)
    book.save()
    reopen(book)
    kept = book.output(1)
    expect(kept.get_by_role("gridcell").locator("img")).to_have_count(6)
    expect(kept.locator("[data-nbkit-place]")).to_have_count(0)
    kept.get_by_role("slider", name="temperature").focus()
    book.page.keyboard.press("ArrowRight")
    side(kept, "Rows").select_option(label="seed (3)")
    cell(kept, "thing harbour, seed 2, temperature 0.8").click()
    book.page.keyboard.press("ArrowLeft")
    expect(told(book.page)).to_contain_text("thing tram · temperature 0.8 · 512 × 512 · seed 2")
    book.page.keyboard.press("Escape")
    expect(cell(kept, "thing tram, seed 2, temperature 0.8")).to_be_focused()


def test_an_exported_file_is_explored_without_a_network(chromium, tmp_path):
    """It asks for nothing; axes, slider, keys and full size are those of the explorer."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    sweep = studio.sweep(
        "A {thing}", thing=["tram", "harbour"], seed=[1, 2, 3], temperature=[0.2, 0.8], resolution="0.5K"
    )
    path = sweep.start().wait().export(tmp_path / "grid.html")
    studio.close()
    context = chromium.new_context(viewport=LAPTOP, offline=True)
    page = context.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: problems.append(request.url) if request.url.startswith("http") else None)
    page.goto(path.as_uri())
    expect(page.get_by_role("gridcell").locator("img")).to_have_count(6)
    page.get_by_role("slider", name="temperature").focus()
    page.keyboard.press("ArrowRight")
    side(page, "Rows").select_option(label="seed (3)")
    cell(page, "thing harbour, seed 2, temperature 0.8").click()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("dialog").locator("img")).to_have_js_property("naturalWidth", 512)
    expect(told(page)).to_contain_text("thing tram · temperature 0.8 · 512 × 512 · seed 2")
    page.keyboard.press("Escape")
    expect(cell(page, "thing tram, seed 2, temperature 0.8")).to_be_focused()
    assert problems == []
    context.close()
