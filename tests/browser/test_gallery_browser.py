"""The gallery in JupyterLab over a log of two thousand runs: scroll, filter, rate and select, by mouse and by keyboard."""

import json
import re

import pytest
from gallery_log import write_log
from image_grid_page import selected, tile
from lab_page import DARK, LIGHT, RUNNING
from page_checks import overflowing
from playwright.sync_api import expect

STUDIO = """
import nbkit
studio = nbkit.Studio(engine="offline", path={path!r})
gallery = nbkit.Gallery(studio.log)
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder of the log."""
    folder = tmp_path_factory.mktemp("gallery") / "runs"
    write_log(folder, 2000).close()
    return folder


@pytest.fixture
def show_gallery(open_notebook, runs):
    """``show_gallery("a further cell")`` returns a notebook and the output of its second cell, which shows a gallery."""

    def show(*further, subshells=True):
        book = open_notebook(STUDIO.format(path=str(runs)), "gallery", *further)
        if not subshells:
            book.disable_subshells()
        book.run(0)
        book.run(1)
        expect(tile(book.output(1), 2).get_by_role("img")).to_be_visible()
        return book, book.output(1)

    return show


def tiles(output):
    return output.get_by_role("listbox", name="gallery")


def button(output, name):
    return output.get_by_role("button", name=name, exact=True)


def test_the_last_of_two_thousand_pictures_is_rated_by_a_key(show_gallery):
    """The gallery scrolls to the last run; the next cell reads its rating in ``studio.df``, and no longer after Ctrl+Z."""
    book, output = show_gallery("studio.df.dropna(subset='rating')[['seed', 'rating']].astype(int).values.tolist()")
    expect(tile(output, 1)).to_contain_text("seed 1999")
    tiles(output).evaluate("e => { e.scrollTop = e.scrollHeight; }")
    last = tile(output, 2000)
    expect(last.get_by_role("img", name="A paper lantern shop at night, number 0", exact=True)).to_be_visible()
    assert tiles(output).get_by_role("option").count() < 80
    last.click()
    expect(last).to_have_attribute("aria-selected", "true")
    book.page.keyboard.press("4")
    expect(last).to_contain_text("★★★★")
    book.run_until(2, "[[0, 4]]")
    book.page.keyboard.press("u")  # the focus is in the notebook now, so the gallery does not undo
    tiles(output).focus()
    book.page.keyboard.press("Control+z")
    expect(last).not_to_contain_text("★")
    book.run_until(2, "[]")
    assert book.page.script_errors == []


def test_the_next_cell_reads_the_rows_selected_in_a_filtered_gallery(show_gallery):
    """Search, filter, select, keep and tag; ``gallery.selection`` has the rows, and Undo takes the marks back."""
    book, output = show_gallery("gallery.selection[['seed', 'temperature', 'keep', 'tags']].values.tolist()")
    output.get_by_label("search").fill('jade "number 10"')
    expect(output.get_by_text(re.compile(r"^\d+ of 2,000 shown"))).to_be_visible()
    output.get_by_label("filter by").select_option("seed")
    output.get_by_label("is", exact=True).select_option("≥")
    output.get_by_label("value").fill("1080")
    button(output, "Add filter").click()
    expect(button(output, "✕ seed ≥ 1080")).to_be_visible()
    expect(tile(output, 1)).to_have_attribute("aria-setsize", "5")
    expect(tile(output, 1)).to_contain_text("seed 1098")
    tile(output, 2).click()
    tile(output, 4).click(modifiers=["Shift"])
    expect(selected(output)).to_have_count(3)
    button(output, "✓ Keep").click()
    expect(tile(output, 3)).to_contain_text("✓ kept")
    output.get_by_label("tag", exact=True).fill("night")
    button(output, "Add tag").click()
    expect(tile(output, 3)).to_contain_text("# night")
    rows = [[seed, 0.7 if seed // 4 % 4 == 2 else 0.3, True, "night"] for seed in (1094, 1090, 1086)]
    found = json.loads(book.run_and_read(2).replace("True", "true").replace("'", '"'))
    assert [(seed, keep, tags) for seed, _, keep, tags in found] == [(seed, keep, tags) for seed, _, keep, tags in rows]
    for _ in range(2):
        button(output, "Undo").click()
    expect(tile(output, 3)).not_to_contain_text("kept")
    button(output, "✕ seed ≥ 1080").click()
    expect(button(output, "✕ seed ≥ 1080")).to_have_count(0)


@pytest.mark.parametrize("subshells", [True, False])
def test_tags_and_notes_typed_while_a_cell_runs_are_saved_whole(show_gallery, subshells):
    """Typed text is delayed by ipywidgets until the kernel answers, but Enter and clicks are not; still nothing is lost."""
    book, output = show_gallery("import time; time.sleep(4)", subshells=subshells)
    tile(output, 1).click()
    expect(selected(output)).to_have_count(1)
    expect(book.start(2)).to_have_text(RUNNING)
    tiles(output).press("t")
    book.page.keyboard.type("dusk")
    book.page.keyboard.press("Enter")
    output.get_by_label("note", exact=True).focus()
    book.page.keyboard.type("the best")
    button(output, "Set note").click()
    expect(tile(output, 1)).to_contain_text("# dusk")
    expect(tile(output, 1)).to_have_attribute("aria-label", re.compile("tags dusk, note the best$"))
    for _ in range(2):
        button(output, "Undo").click()
    expect(tile(output, 1)).not_to_contain_text("dusk")


def test_where_nothing_matches_a_button_leads_back(show_gallery):
    """It stands beside the count while a filter or a search leaves pictures out, and takes them all away."""
    _, output = show_gallery()
    expect(button(output, "Clear filters")).to_be_hidden()
    output.get_by_label("search").fill("no such words")
    expect(output.get_by_text("Nothing matches. “Clear filters” shows all pictures again.")).to_be_visible()
    button(output, "Clear filters").click()
    expect(tile(output, 1)).to_contain_text("seed 1999")
    expect(output.get_by_text(re.compile("^2,000 shown"))).to_be_visible()
    expect(button(output, "Clear filters")).to_be_hidden()


def test_the_gallery_is_used_by_keyboard_alone(show_gallery):
    """Tab from the search to the pictures, then rate, keep, tag, open, step and close; no key reaches the notebook."""
    book, output = show_gallery(
        "gallery.frame.dropna(subset='rating')[['seed', 'rating']].astype(int).values.tolist()", "gallery.undo()"
    )
    page = book.page
    cells = book.cells.count()
    output.get_by_label("search").focus()
    page.keyboard.type('winter "number 19"')
    expect(tile(output, 1)).to_contain_text("seed 1999")
    expect(output.get_by_text(re.compile("^29 of 2,000 shown"))).to_be_visible()
    for _ in range(20):
        page.keyboard.press("Tab")
        if tiles(output).evaluate("e => e === document.activeElement"):
            break
        for key in ("d", "d", "x"):  # on a button, a letter must not be a command of the notebook
            if page.evaluate("() => document.activeElement.tagName") == "BUTTON":
                page.keyboard.press(key)
    expect(tiles(output)).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("5")
    expect(selected(output)).to_contain_text("★★★★★")
    page.keyboard.press("k")
    expect(selected(output)).to_contain_text("✓ kept")
    for key, text in (("t", "dusk"), ("n", "the best")):
        page.keyboard.press(key)
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        expect(tiles(output)).to_be_focused()
    expect(selected(output)).to_contain_text("# dusk ✎")
    page.keyboard.press("/")
    expect(output.get_by_label("search")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Space")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("link", name="Save")).to_be_visible()
    first = dialog.get_by_role("img").get_attribute("alt")
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("img")).not_to_have_attribute("alt", first)
    page.keyboard.press("2")
    expect(dialog).to_contain_text("★★")
    page.keyboard.press("Escape")
    expect(tiles(output)).to_be_focused()
    assert book.cells.count() == cells
    book.run_until(2, f"[[{int(first.split()[-1])}, 5], [{int(first.split()[-1]) - 4}, 2]]")
    for _ in range(5):
        book.run(3)


def test_a_reopened_notebook_shows_the_first_rows_without_a_kernel(show_gallery, reopen):
    """The saved file has a table of six rows with their pictures, and is small."""
    book, _ = show_gallery()
    saved = book.save()
    view, record = saved["cells"][1]["outputs"]
    assert "application/vnd.jupyter.widget-view+json" in view["data"]
    assert "".join(record["data"]["text/html"]).count("data:image/jpeg") <= 6
    assert len(book.path.read_bytes()) < 300_000
    reopen(book)
    summary = book.output(1).get_by_text("Saved preview: 6 of 2,000")
    expect(summary).to_be_visible()
    summary.click()
    expect(book.output(1).get_by_role("img", name="A jade tram in the rain, number 1998")).to_be_visible()


def test_a_gallery_is_accessible_and_fits_a_narrow_page(show_gallery, find_violations, screenshots):
    """axe-core finds nothing in light or dark, and nothing is wider than a narrow page."""
    book, output = show_gallery(
        "gallery.group('temperature'); gallery.sort('seed', ascending=True); gallery.filter('seed < 30')\n"
        "gallery.filter(status='done'); gallery.select(gallery.frame.iloc[[1, 2]]); gallery.rate(4); gallery.keep()",
        "gallery.undo(); gallery.undo()",
    )
    page = book.page
    book.run(2)
    expect(tile(output, 2)).to_contain_text("✓ kept")
    expect(tile(output, 1).get_by_role("img")).to_be_visible()
    for theme, name in ((LIGHT, "light"), (DARK, "dark")):
        book.set_theme(theme)
        output.get_by_label("search").scroll_into_view_if_needed()
        page.screenshot(path=screenshots / f"gallery-{name}.png")
        assert find_violations(page.locator(".nbkit-gallery")) == []
    book.set_theme(LIGHT)
    page.set_viewport_size({"width": 620, "height": 1000})
    page.wait_for_timeout(500)
    page.screenshot(path=screenshots / "gallery-narrow.png")
    assert overflowing(output.locator(".nbkit-gallery")) == []
    book.run(3)


def test_near_copies_are_one_tile_that_unfolds(show_gallery, screenshots):
    """The button folds the 2,000 runs, which share twenty files; the tile says how many there are, and Unfold shows them."""
    book, output = show_gallery()
    button(output, "Fold near-equal").click()
    expect(tile(output, 1)).to_contain_text(re.compile(r"and \d+ nearly equal"))
    expect(tile(output, 1)).to_have_attribute("aria-label", re.compile(r"and \d+ nearly equal"))
    expect(output.get_by_text(re.compile(r"nearly equal folded"))).to_be_visible()
    assert int(tile(output, 1).get_attribute("aria-setsize")) < 230  # a row of each blocked run is no picture
    for theme, name in ((DARK, "dark"), (LIGHT, "light")):
        book.set_theme(theme)
        book.page.screenshot(path=screenshots / f"gallery-folded-{name}.png")
    tile(output, 1).click()
    button(output, "Unfold").click()
    expect(tile(output, 1)).to_contain_text(re.compile(r"with \d+ nearly equal"))
    expect(tile(output, 2)).to_contain_text("seed")
    button(output, "Unfold").click()
    expect(tile(output, 1)).to_contain_text(re.compile(r"and \d+ nearly equal"))
    assert book.page.script_errors == []


def test_fifty_pictures_are_rated_in_fifty_keys(show_gallery):
    """With Auto-advance each rating selects the next picture, at full speed and in full size too; each is in the log."""
    book, output = show_gallery(
        "studio.df.dropna(subset='rating').rating.astype(int).value_counts().sort_index().to_dict()",
        "gallery.filter(status='done')",  # without those that have no picture
    )
    book.run(3)
    expect(output.get_by_text(re.compile("^1,[0-9]+ of 2,000 shown"))).to_be_visible()
    button(output, "Auto-advance").click()
    tile(output, 1).click()
    for _ in range(15):
        for key in "123":
            book.page.keyboard.press(key)
    book.page.keyboard.press("Enter")
    dialog = output.get_by_role("dialog")
    for number in range(46, 51):
        expect(dialog).to_contain_text(f"{number} of 1,")
        expect(dialog.get_by_role("link", name="Save")).to_be_visible()  # it is there
        book.page.keyboard.press("4")
    expect(dialog).to_contain_text("51 of 1,")
    book.page.keyboard.press("Escape")
    book.run_until(2, "{1: 15, 2: 15, 3: 15, 4: 5}")
    tiles(output).focus()
    for _ in range(50):
        book.page.keyboard.press("Control+z")
    book.run_until(2, "{}")
