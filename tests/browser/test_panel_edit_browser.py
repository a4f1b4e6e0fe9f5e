"""Edit this: a picture becomes the reference of the next run, and the versions that come of it are shown."""

from panel_page import PROMPT, button, generate, picture, press_generate, prompt, status, wait_until_done
from playwright.sync_api import expect


def versions(panel):
    return panel.get_by_role("navigation", name="versions")


def edit(panel, change):
    """Make a version of the picture that is shown."""
    button(panel, "Edit this").click()
    expect(prompt(panel)).to_have_value("")
    expect(prompt(panel)).to_be_focused()
    prompt(panel).fill(change)
    press_generate(panel)
    expect(picture(panel, change)).to_be_visible()
    wait_until_done(panel)


def test_an_edit_starts_from_the_picture_and_its_versions_can_be_shown(show_next_panel):
    """Two edits of the first picture: each knows where it comes from, and a press on a version shows it."""
    book, panel = show_next_panel(
        "[(r.prompt, str(r.parentImage)) for r in studio.df[['prompt', 'parentImage']].itertuples()], studio.df.imageUUID.tolist()[0]"
    )
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    wait_until_done(panel)
    expect(versions(panel)).to_be_hidden()
    button(panel, "Edit this").click()
    expect(status(panel)).to_contain_text("describe the change")
    remove = panel.get_by_role("button", name="References (referenceImages): remove number")
    expect(remove).to_have_count(1)
    expect(generate(panel)).to_be_disabled()
    edit(panel, "make it blue")
    steps = versions(panel).get_by_role("button")
    expect(steps).to_have_text([f"1 {PROMPT[:35].rstrip()}…", "2 make it blue"])
    expect(versions(panel)).to_contain_text("so far")
    steps.first.click()
    expect(picture(panel, PROMPT)).to_be_visible()
    expect(steps.first).to_have_attribute("aria-current", "true")
    expect(versions(panel)).to_contain_text("Edits:make it blue")
    edit(panel, "make it green")
    expect(steps).to_have_text([f"1 {PROMPT[:35].rstrip()}…", "2 make it green"])
    expect(versions(panel)).to_contain_text("3 versions in all")
    expect(remove).to_have_count(1)
    printed = book.run_and_read(2)
    first = printed.rsplit("'", 2)[1]
    assert f"('make it blue', '{first}'), ('make it green', '{first}')]" in printed
    assert book.page.script_errors == []
