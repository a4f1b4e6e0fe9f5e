"""A panel after the page was reloaded while its kernel kept running."""

from panel_page import PROMPT, control, picture, press_generate, prompt, wait_until_live
from playwright.sync_api import expect

NEXT_PROMPT = "A jade teapot on a windowsill"


def test_a_panel_works_after_the_page_is_reloaded(show_panel, reload_page):
    """Its controls keep their values and its picture, and Generate makes another one."""
    book, panel = show_panel("studio.df[['prompt', 'seed', 'aspectRatio']]")
    prompt(panel).fill(PROMPT)
    control(panel, "Seed (seed)").fill("11")
    control(panel, "Aspect ratio (aspectRatio)").select_option("3:2")
    press_generate(panel)
    expect(picture(panel)).to_be_visible()
    book.save()
    reload_page(book)
    panel = book.output(1)
    wait_until_live(panel)
    expect(prompt(panel)).to_have_value(PROMPT)
    expect(control(panel, "Seed (seed)")).to_have_value("11")
    expect(control(panel, "Aspect ratio (aspectRatio)").locator("option:checked")).to_have_text("3:2")
    expect(picture(panel)).to_be_visible()
    prompt(panel).fill(NEXT_PROMPT)
    press_generate(panel)
    expect(picture(panel, NEXT_PROMPT)).to_be_visible()
    book.run(2)
    expect(book.output(2).get_by_text("11")).to_have_count(2)
    assert book.page.script_errors == []
