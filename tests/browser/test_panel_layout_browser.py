"""Where the panel's picture is: beside the form, whole and in view, on the usual screens and in a narrow column."""

import pytest
from panel_page import (
    HELD,
    HELD_PANEL,
    PROMPT,
    RELEASE,
    number,
    picture,
    press_generate,
    prompt,
    stage,
    wait_until_done,
)
from playwright.sync_api import expect


def is_whole(image):
    """Whether all of a picture is drawn and nothing cuts it off."""
    return image.evaluate(
        """image => new Promise(resolve => new IntersectionObserver(([entry]) => resolve(
            image.naturalWidth > 0 && entry.intersectionRatio > 0.999)).observe(image))"""
    )


def scrolled(page):
    return page.evaluate("() => document.querySelector('.jp-WindowedPanel-outer').scrollTop")


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)], ids=str)
def test_the_whole_picture_is_beside_the_form_without_scrolling(show_next_panel, size):
    """Once the panel's top is at the top of the window, nothing has to be scrolled for the picture or for Generate."""
    book, panel = show_next_panel()
    book.page.set_viewport_size({"width": size[0], "height": size[1]})
    panel.locator(".nbkit-panel").evaluate("panel => panel.scrollIntoView()")
    before = scrolled(book.page)
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    wait_until_done(panel)
    expect(picture(panel)).to_have_js_property("complete", value=True)
    book.page.wait_for_function("() => document.querySelector('.nbkit-stage img')?.naturalWidth > 0")
    assert is_whole(picture(panel))
    assert scrolled(book.page) == before
    form, shown = panel.locator(".nbkit-side").bounding_box(), picture(panel).bounding_box()
    assert shown["x"] >= form["x"] + form["width"]
    assert min(shown["width"], shown["height"]) > size[1] / 2


def test_in_a_narrow_column_the_picture_is_in_view_after_a_press(show_next_panel):
    """The controls fold away; Settings brings them back."""
    book, panel = show_next_panel()
    book.page.set_viewport_size({"width": 576, "height": 800})
    shell = panel.locator(".nbkit-panel")
    assert shell.evaluate("panel => panel.clientWidth") <= 470
    shell.evaluate("panel => panel.scrollIntoView()")
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    wait_until_done(panel)
    expect(picture(panel)).to_be_in_viewport(ratio=1)
    form, shown = panel.locator(".nbkit-side").bounding_box(), picture(panel).bounding_box()
    assert shown["y"] >= form["y"] + form["height"]
    settings = panel.get_by_role("button", name="Settings")
    expect(settings).to_have_attribute("aria-expanded", "false")
    expect(number(panel, "Temperature (temperature)")).to_be_hidden()
    settings.click()
    expect(number(panel, "Temperature (temperature)")).to_be_visible()


def test_four_pictures_of_one_run_are_shown_at_once(show_next_panel):
    """All of them whole, in frames that stood there while they were made; the tools are about the selected one."""
    book, panel = show_next_panel(RELEASE, engine=HELD, cell=HELD_PANEL)
    book.page.set_viewport_size({"width": 1366, "height": 768})
    panel.locator(".nbkit-panel").evaluate("panel => panel.scrollIntoView()")
    prompt(panel).fill(PROMPT)
    number(panel, "Pictures (numberResults)").fill("4")
    press_generate(panel, price="$0.28")
    expect(stage(panel).get_by_role("option", name="the picture is coming")).to_have_count(4)
    book.run(2)
    panel.locator(".nbkit-panel").evaluate("panel => panel.scrollIntoView()")
    wait_until_done(panel)
    expect(picture(panel)).to_have_count(4)
    for place in range(4):
        expect(picture(panel).nth(place)).to_be_in_viewport(ratio=1)
    expect(panel.get_by_text("1 of 4")).to_be_visible()
    stage(panel).get_by_role("option").nth(2).click()
    expect(panel.get_by_text("3 of 4")).to_be_visible()


def test_presentation_mode_enlarges_the_panel_as_much_as_the_notebook(show_next_panel):
    """Prompt, labels, buttons and the line of prices grow with the notebook's text, and nothing is cut off."""
    book, panel = show_next_panel()
    book.page.set_viewport_size({"width": 1280, "height": 900})
    parts = panel.locator(".nbkit-panel").locator("textarea, .nbkit-label, .nbkit-generate, .nbkit-money, .nbkit-mark")
    sizes = "all => all.map((e) => parseFloat(getComputedStyle(e).fontSize))"
    variable = "getPropertyValue('--jp-content-font-size1')"
    content = f"() => parseFloat(getComputedStyle(document.querySelector('.jp-Notebook')).{variable})"
    toggle = "() => jupyterapp.commands.execute('application:toggle-presentation-mode').then(() => null)"
    before, text = parts.evaluate_all(sizes), book.page.evaluate(content)
    book.page.evaluate(toggle)
    try:
        ratio = book.page.evaluate(content) / text
        assert ratio > 1.1
        assert parts.evaluate_all(sizes) == pytest.approx([size * ratio for size in before], rel=0.01)
        wide, high = "e.scrollWidth > e.clientWidth + 1", "e.scrollHeight > e.clientHeight + 1"
        cut = f"all => all.filter((e) => e.checkVisibility() && ({wide} || {high})).map((e) => e.outerHTML)"
        assert panel.locator(".nbkit-panel").locator("button, .nbkit-label").evaluate_all(cut) == []
    finally:
        book.page.evaluate(toggle)
