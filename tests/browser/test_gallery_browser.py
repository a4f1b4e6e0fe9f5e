"""The gallery in JupyterLab, over a log of two thousand runs: look, filter, rate and pick, by mouse and by keyboard."""

import json
import pathlib
import re
import sys

import pytest
from conftest import KERNEL
from playwright.sync_api import expect
from wall_page import said, selected, tile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from gallery_log import write_log

STUDIO = """
import nbkit
from nbkit.widgets.gallery.gallery import Gallery
studio = nbkit.Studio(engine="offline", path={path!r})
gallery = Gallery(studio.log)
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery") / "runs"
    write_log(folder, 2000).close()
    return folder


@pytest.fixture
def shown(notebook, runs):
    """``shown("a further cell")`` gives a notebook and the output of its second cell, which shows a gallery."""

    def show(*further, subshells=True):
        book = notebook(STUDIO.format(path=str(runs)), "gallery", *further)
        if not subshells:
            book.page.evaluate(f"() => {{ {KERNEL}.commsOverSubshells = 'disabled'; }}")
        book.run(0)
        book.run(1)
        expect(tile(book.output(1), 2).get_by_role("img")).to_be_visible()
        return book, book.output(1)

    return show


def tiles(output):
    return output.get_by_role("listbox", name="gallery")


def button(output, name):
    return output.get_by_role("button", name=name, exact=True)


def test_from_end_to_end_and_a_rating_in_the_next_cell(shown):
    """Two thousand runs scroll to the last one; a key on it is in ``studio.df`` in the next cell."""
    book, output = shown("studio.df.dropna(subset='rating')[['seed', 'rating']].values.tolist()")
    expect(tile(output, 1)).to_contain_text("seed 1999")
    tiles(output).evaluate("e => { e.scrollTop = e.scrollHeight; }")
    last = tile(output, 2000)
    expect(last.get_by_role("img", name="A paper lantern shop at night, number 0", exact=True)).to_be_visible()
    assert tiles(output).get_by_role("option").count() < 80
    last.click()
    expect(last).to_have_attribute("aria-selected", "true")
    book.page.keyboard.press("4")
    expect(last).to_contain_text("★★★★")
    book.says(2, "[[0, 4]]")
    book.page.keyboard.press("u")  # the focus is in the notebook now, and the gallery hears nothing
    tiles(output).focus()
    book.page.keyboard.press("Control+z")
    expect(last).not_to_contain_text("★")
    book.says(2, "[]")
    assert book.page.script_errors == []


def test_filter_select_and_read_the_selection(shown):
    """With the stock controls; the next cell has the rows."""
    book, output = shown("gallery.selection[['seed', 'temperature', 'keep', 'tags']].values.tolist()")
    output.get_by_label("search").fill('jade "number 10"')
    expect(output.get_by_text(re.compile(r"^\d+ of 2,000 shown"))).to_be_visible()
    output.get_by_label("filter by").select_option("seed")
    output.get_by_label("how").select_option("≥")
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
    found = json.loads(said(book, 2).replace("True", "true").replace("'", '"'))
    assert [(seed, keep, tags) for seed, _, keep, tags in found] == [(seed, keep, tags) for seed, _, keep, tags in rows]
    for _ in range(2):
        button(output, "Undo").click()
    expect(tile(output, 3)).not_to_contain_text("kept")
    button(output, "✕ seed ≥ 1080").click()
    expect(button(output, "✕ seed ≥ 1080")).to_have_count(0)


@pytest.mark.parametrize("subshells", [True, False])
def test_what_was_typed_is_what_is_written(shown, subshells):
    """While a cell runs, too: the page holds back what is typed, but neither Enter nor a press."""
    book, output = shown("import time; time.sleep(4)", subshells=subshells)
    tile(output, 1).click()
    expect(selected(output)).to_have_count(1)
    book.start(2)
    expect(book.page.locator(".jp-Notebook .jp-Cell").nth(2).locator(".jp-InputPrompt")).to_have_text("[*]:")
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


def test_a_keyboard_alone(shown):
    """From the search to the pictures by Tab, then rate, keep, open, step and close; nothing reaches the notebook."""
    book, output = shown("gallery.frame.dropna(subset='rating')[['seed', 'rating']].values.tolist()", "gallery.undo()")
    page = book.page
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    output.get_by_label("search").focus()
    page.keyboard.type('winter "number 19"')
    expect(tile(output, 1)).to_contain_text("seed 1999")
    expect(output.get_by_text(re.compile("^29 of 2,000 shown"))).to_be_visible()
    for _ in range(20):
        page.keyboard.press("Tab")
        if tiles(output).evaluate("e => e === document.activeElement"):
            break
        for key in ("d", "d", "x"):  # a letter on a button is no command of the notebook
            if page.evaluate("() => document.activeElement.tagName") == "BUTTON":
                page.keyboard.press(key)
    expect(tiles(output)).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("5")
    expect(selected(output)).to_contain_text("★★★★★")
    page.keyboard.press("k")
    expect(selected(output)).to_contain_text("✓ kept")
    for key, words in (("t", "dusk"), ("n", "the best")):
        page.keyboard.press(key)
        page.keyboard.type(words)
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
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    book.says(2, f"[[{int(first.split()[-1])}, 5], [{int(first.split()[-1]) - 4}, 2]]")
    for _ in range(5):
        book.run(3)


def test_a_saved_notebook_keeps_a_plain_table(shown, reopened):
    """Opened with no kernel, a few rows are there with their pictures; the file is small."""
    book, _ = shown()
    saved = book.save()
    view, record = saved["cells"][1]["outputs"]
    assert "application/vnd.jupyter.widget-view+json" in view["data"]
    assert "".join(record["data"]["text/html"]).count("data:image/jpeg") <= 6
    assert len(book.path.read_bytes()) < 300_000
    reopened(book)
    kept = book.output(1).get_by_text("The first 6 of 2,000 rows, as the notebook keeps them")
    expect(kept).to_be_visible()
    kept.click()
    expect(book.output(1).get_by_role("img", name="A jade tram in the rain, number 1998")).to_be_visible()


def test_light_dark_and_narrow(shown, violations, screenshots):
    """No fault for axe in a light page or a dark one; nothing sticks out when it is narrow. Pictures to look at."""
    book, output = shown(
        "gallery.group('temperature'); gallery.sort('seed', ascending=True); gallery.filter('seed < 30')\n"
        "gallery.filter(status='done'); gallery.select(gallery.frame.iloc[[1, 2]]); gallery.rate(4); gallery.keep()",
        "gallery.undo(); gallery.undo()",
    )
    page = book.page
    book.run(2)
    expect(tile(output, 2)).to_contain_text("✓ kept")
    expect(tile(output, 1).get_by_role("img")).to_be_visible()
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        book.theme(theme)
        output.get_by_label("search").scroll_into_view_if_needed()
        page.screenshot(path=screenshots / f"gallery-{theme.split()[1].lower()}.png")
        assert violations(page.locator(".nbkit-gallery")) == []
    book.theme("JupyterLab Light")
    page.set_viewport_size({"width": 620, "height": 1000})
    page.wait_for_timeout(500)
    page.screenshot(path=screenshots / "gallery-narrow.png")
    wide = "e => [...e.querySelectorAll('*')].filter(x => x.getBoundingClientRect().right > e.getBoundingClientRect().right + 1).map(x => x.className)"
    assert output.locator(".nbkit-gallery").evaluate(wide) == []
    page.set_viewport_size({"width": 1200, "height": 1000})
    book.run(3)
