"""axe-core finds no violation in a panel on a light or dark page or in forced colours, in any state that a user sees."""

import re

import pytest
from lab_page import DARK, LIGHT
from panel_page import (
    PROMPT,
    SECTIONS,
    alert,
    button,
    control,
    generate,
    picture,
    press_generate,
    prompt,
    status,
    unfold,
    wait_until_done,
)
from playwright.sync_api import expect

POPUPS = ("Prompt history", "Presets", "Keyboard shortcuts", "More")
"""The buttons of everything that opens over the panel."""


@pytest.fixture
def violations_in_all_colours(find_violations):
    """``violations_in_all_colours(book, panel)`` returns what is found on a light page, on a dark one, in forced colours."""

    def find(book, panel):
        found = [f"light: {line}" for line in find_violations(panel)]
        book.page.emulate_media(forced_colors="active")
        found += [f"forced colours: {line}" for line in find_violations(panel)]
        book.page.emulate_media(forced_colors="none")
        book.set_theme(DARK)
        found += [f"dark: {line}" for line in find_violations(panel)]
        book.set_theme(LIGHT)
        return found

    return find


def test_axe_core_finds_pale_text_and_an_unnamed_text_box(open_notebook, find_violations):
    """The check itself works: it reports both faults of a page that has them."""
    html = '<p style="color:#bbb;background:#fff">pale</p><input type="text"><p>well</p>'
    book = open_notebook(f"from IPython.display import HTML\nHTML({html!r})")
    book.run(0)
    expect(book.output(0).get_by_text("well")).to_be_visible()
    assert [line.split()[0] for line in find_violations(book.output(0))] == ["color-contrast", "label"]


def test_a_new_panel_has_no_violations(show_panel, violations_in_all_colours):
    """The panel is accessible as soon as its cell has run."""
    book, panel = show_panel()
    assert violations_in_all_colours(book, panel) == []


def test_a_panel_with_all_sections_open_has_no_violations(show_panel, violations_in_all_colours):
    """All parameters, the code, the JSON and an error message under a control are accessible."""
    book, panel = show_panel()
    book.page.set_viewport_size({"width": 1200, "height": 2600})  # axe-core skips what is scrolled out of view
    prompt(panel).fill(PROMPT)
    unfold(panel, *SECTIONS)
    expect(panel.get_by_label("JSON", exact=True)).to_be_visible()
    control(panel, "Seed (seed)").fill("-1")
    expect(alert(panel).first).to_be_visible()
    assert violations_in_all_colours(book, panel) == []


def test_a_running_panel_with_a_queue_has_no_violations(show_panel, violations_in_all_colours):
    """Stop, the clock, and the rows of the queue."""
    book, panel = show_panel(engine="nbkit.Offline(latency=60)")
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(status(panel)).to_have_text(re.compile("^Working"))
    generate(panel).click()
    expect(button(panel, "Stop run 2")).to_be_visible()
    assert violations_in_all_colours(book, panel) == []


def test_a_picture_with_its_tools_and_each_popup_has_no_violations(
    show_panel, find_violations, violations_in_all_colours
):
    """The picture with its caption and its buttons; every popup by itself; the full size; an edit with its versions."""
    book, panel = show_panel()
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    wait_until_done(panel)
    found = violations_in_all_colours(book, panel)
    for name in POPUPS:
        button(panel, name).click()
        popup = panel.get_by_role("dialog", name=name)
        expect(panel.locator(".nbkit-popup:focus, .nbkit-popup :focus")).to_have_count(1)
        found += [f"{name}: {line}" for line in find_violations(panel)]
        book.page.keyboard.press("Escape")
        expect(popup).to_be_hidden()
    button(panel, "Full size").click()
    expect(book.page.get_by_role("dialog").get_by_role("img", name=PROMPT)).to_be_visible()
    found += find_violations(book.page.locator("dialog.nbkit-lightbox[open]"))
    book.page.keyboard.press("Escape")
    button(panel, "Edit this").click()
    prompt(panel).fill("make it blue")
    press_generate(panel)
    expect(panel.get_by_role("navigation", name="versions")).to_be_visible()
    expect(picture(panel, "make it blue")).to_be_visible()
    found += violations_in_all_colours(book, panel)
    assert found == []


def test_a_panel_with_a_failed_run_has_no_violations(show_panel, violations_in_all_colours):
    """The error message in the panel and the one in the picture's place are accessible."""
    book, panel = show_panel(engine="nbkit.Offline(failures={'blocked': 1})")
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(alert(panel).first).to_be_visible()
    assert violations_in_all_colours(book, panel) == []
