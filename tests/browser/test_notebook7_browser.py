"""The panel in Notebook 7, the other front end: the main steps, and the notebook's shortcuts in its controls."""

import pytest
from keyboard import LETTERS
from panel_page import (
    PANEL,
    PROMPT,
    STUDIO,
    control,
    generate,
    number,
    picture,
    press_generate,
    prompt,
    wait_until_live,
)
from playwright.sync_api import expect


@pytest.fixture
def show_panel7(open_in_notebook7, tmp_path):
    """``show_panel7("a further cell")`` is ``show_panel`` in Notebook 7."""

    def show(*further):
        book = open_in_notebook7(STUDIO.format(engine="'offline'", path=tmp_path / "runs"), PANEL, *further)
        book.run(0)
        book.run(1)
        expect(prompt(book.output(1))).to_be_visible()
        wait_until_live(book.output(1))
        return book, book.output(1)

    return show


def test_generate_shows_the_picture_and_logs_the_run_in_notebook_7(show_panel7):
    """Type a prompt, press Generate, see the picture, read the row in the next cell."""
    book, panel = show_panel7("studio.df[['prompt', 'cost']]")
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(picture(panel)).to_be_visible()
    book.run(2)
    expect(book.output(2).get_by_text("0.06895")).to_be_visible()
    assert book.page.script_errors == []


def test_keys_pressed_in_the_panel_do_not_reach_notebook_7(show_panel7):
    """Letters go into the prompt and arrow keys move the slider; the cells and the active cell do not change."""
    book, panel = show_panel7("'untouched'")
    cells = book.cell_sources()
    prompt(panel).click()
    book.page.keyboard.type(LETTERS)
    expect(prompt(panel)).to_have_value(LETTERS)
    handle = control(panel, "Temperature (temperature)")
    handle.focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowRight", "ArrowDown", "ArrowLeft"):
        book.page.keyboard.press(key)
    expect(handle).to_be_focused()
    expect(number(panel, "Temperature (temperature)")).to_have_value("0.51")
    for letter in "abxddmyz":
        book.page.keyboard.press(letter)
    assert book.cell_sources() == cells
    assert book.active_cell() == 1
    expect(generate(panel)).to_be_enabled()
    generate(panel).focus()
    book.page.keyboard.press("Enter")
    expect(picture(panel, LETTERS)).to_be_visible()
    assert book.cell_sources() == cells
