"""The panel in Notebook 7, the other front end: the same story, and its shortcuts stay away from the controls."""

import pytest
from panel_page import PANEL, PROMPT, STUDIO, generate, picture, press_generate, prompt
from playwright.sync_api import expect

LETTERS = "a bold dd xylem zig by my cv lamp"  # each a shortcut of the notebook where it is not typed into a box


@pytest.fixture
def shown7(notebook7, tmp_path):
    """Like ``shown``, in Notebook 7."""

    def show(*further):
        book = notebook7(STUDIO.format(engine="'offline'", path=tmp_path / "runs"), PANEL, *further)
        book.run(0)
        book.run(1)
        expect(prompt(book.output(1))).to_be_visible()
        return book, book.output(1)

    return show


def test_from_a_prompt_to_a_picture_and_a_row(shown7):
    """Type, press, see the picture and the row."""
    book, panel = shown7("studio.df[['prompt', 'cost']]")
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(picture(panel)).to_be_visible()
    book.run(2)
    expect(book.output(2).get_by_text("0.06895")).to_be_visible()
    assert book.page.script_errors == []


def test_keys_stay_in_the_panel(shown7):
    """Letters go into the prompt, arrows move the slider; the cells, and which of them is chosen, stay as they were."""
    book, panel = shown7("'untouched'")
    cells, active = book.cells(), "() => jupyterapp.shell.currentWidget.content.activeCellIndex"
    prompt(panel).click()
    book.page.keyboard.type(LETTERS)
    expect(prompt(panel)).to_have_value(LETTERS)
    handle = panel.get_by_role("slider").first
    handle.focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowRight", "ArrowDown", "ArrowLeft"):
        book.page.keyboard.press(key)
    expect(handle).to_be_focused()
    expect(panel.get_by_role("checkbox", name="temperature")).to_be_checked()
    expect(panel.locator(".widget-readout").first).to_have_text("0.51")
    for letter in "abxddmyz":
        book.page.keyboard.press(letter)
    assert book.cells() == cells
    assert book.page.evaluate(active) == 1
    expect(generate(panel)).to_be_enabled()
    generate(panel).focus()
    book.page.keyboard.press("Enter")
    expect(panel.get_by_role("img", name=LETTERS)).to_be_visible()
    assert book.cells() == cells
