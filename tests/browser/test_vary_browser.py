"""From one picture to a sweep in the panel: the mark at a control, the price of a grid, its pictures, and back."""

import re

from panel_page import HELD, HELD_PANEL, PROMPT, RELEASE, button, control, generate, picture, press_generate, prompt
from playwright.sync_api import expect


def vary(panel, name):
    """The mark that makes a parameter an axis, or one value again."""
    return panel.get_by_role("button", name=f"Vary {name}", exact=True)


def test_two_marks_make_a_grid_of_nine_and_code_that_runs_it(show_next_panel):
    """Each is three values around the present one; the price is on Generate; Undo and the marks bring one picture back."""
    book, panel = show_next_panel("len(studio.log), panel.result.counts, round(studio.budget.spent, 5)")
    prompt(panel).fill(PROMPT)
    control(panel, "Temperature (temperature), as a number").fill("0.5")
    vary(panel, "temperature").click()
    values = panel.get_by_label("Temperature values (temperature)")
    expect(values).to_have_value("0.2, 0.5, 0.8")
    expect(generate(panel)).to_have_accessible_name("Generate · 3 cells · $0.21")
    vary(panel, "topP").click()
    expect(generate(panel)).to_have_accessible_name("Generate · 9 cells · $0.62")
    press_generate(panel)
    expect(panel.get_by_text(re.compile("^Done in .* · 9 done"))).to_be_visible()
    expect(panel.locator(".nbkit-explorer-cell img")).to_have_count(9)
    button(panel, "Show code").click()
    expect(panel.get_by_label("code", exact=True)).to_contain_text("sweep = studio.sweep(")
    assert book.run_and_read(2) == "(9, {'done': 9}, 0.62055)"
    vary(panel, "temperature").click()
    expect(control(panel, "Temperature (temperature), as a number")).to_have_value("0.5")
    vary(panel, "topP").click()
    expect(generate(panel)).to_have_accessible_name("Generate · $0.069")
    button(panel, "Undo").click()
    expect(panel.get_by_label("Top-p values (topP)")).to_have_value("0.2, 0.5, 0.8")
    assert book.page.script_errors == []


def test_a_sweep_waits_in_line_behind_a_picture(show_next_panel):
    """It has a row with its price and a stop of its own; the picture that was under way comes into its place."""
    book, panel = show_next_panel("studio.df.prompt.tolist()", RELEASE, engine=HELD, cell=HELD_PANEL)
    prompt(panel).fill("one")
    press_generate(panel)
    vary(panel, "temperature").click()
    expect(generate(panel)).to_have_accessible_name("Generate · 3 cells · $0.21")
    press_generate(panel)
    rows = panel.get_by_role("list", name="runs under way and waiting").get_by_role("listitem")
    expect(rows).to_have_text(
        [re.compile(r"^Run 1 · under way · \$0\.069one"), re.compile(r"^Run 2 · waiting · \$0\.213 cells")]
    )
    button(panel, "Stop run 2").click()
    expect(rows).to_have_count(0)
    vary(panel, "temperature").click()
    book.run(3)
    expect(picture(panel, "one")).to_be_visible()
    assert book.run_and_read(2) == "['one']"
