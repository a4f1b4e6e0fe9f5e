"""What the panel does with numbers, with a second press while one is under way, and with a request that it has made."""

import re

from panel_page import (
    HELD,
    HELD_PANEL,
    PROMPT,
    RELEASE,
    button,
    complaint,
    control,
    generate,
    number,
    picture,
    press_generate,
    prompt,
    status,
    strip,
    wait_until_done,
)
from playwright.sync_api import expect


def test_the_first_click_on_an_unset_number_takes_what_is_typed(show_next_panel):
    """A number that the model does not allow stays as it was typed, and an alert beside it says so."""
    book, panel = show_next_panel("str(panel.request.parameters.get('temperature'))")
    prompt(panel).fill(PROMPT)
    temperature = number(panel, "Temperature (temperature)")
    temperature.click()
    book.page.keyboard.type("0.72")
    book.run_until(2, "'0.72'")
    expect(control(panel, "Temperature (temperature)")).to_have_value("0.72")
    temperature.click()
    book.page.keyboard.type("1.7")
    expect(complaint(temperature)).to_contain_text("Must be a number from 0 to 1")
    expect(temperature).to_have_value("1.7")
    expect(generate(panel)).to_be_disabled()
    expect(panel.get_by_text("Not ready: Temperature.")).to_be_visible()
    temperature.press("Control+Enter")
    expect(temperature).to_be_focused()
    button(panel, "Temperature (temperature): use the default").click()
    expect(temperature).to_have_value("")
    book.run_until(2, "'None'")
    expect(generate(panel)).to_be_enabled()


def test_presses_while_one_is_under_way_wait_in_line(show_next_panel):
    """Each has a row with its price; Stop run 2 removes that one alone, and the others come one after the other."""
    book, panel = show_next_panel("studio.df.prompt.tolist()", RELEASE, engine=HELD, cell=HELD_PANEL)
    for text in ("one", "two", "three"):
        prompt(panel).fill(text)
        press_generate(panel)
        expect(prompt(panel)).to_have_value(text)
    rows = panel.get_by_role("list", name="runs under way and waiting").get_by_role("listitem")
    expect(rows).to_have_text(
        ["Run 1 · under way · $0.069one", "Run 2 · waiting · $0.069two", "Run 3 · waiting · $0.069three"]
    )
    button(panel, "Stop run 2").click()
    expect(status(panel)).to_have_text("Run 2 was not sent.")
    expect(rows).to_have_text([re.compile("^Run 1"), re.compile("^Run 3")])
    book.run(3)
    expect(picture(panel, "three")).to_be_visible()
    wait_until_done(panel)
    expect(rows).to_have_count(0)
    expect(strip(panel).get_by_role("option")).to_have_count(2)
    assert book.run_and_read(2) == "['one', 'three']"


def test_a_request_that_is_in_the_log_is_said_and_paid_again_only_on_demand(show_next_panel):
    """The same prompt and seed: Show it costs nothing, Make it again has its price."""
    book, panel = show_next_panel("len(studio.log), round(studio.budget.spent, 5)")
    prompt(panel).fill(PROMPT)
    control(panel, "Seed (seed)").fill("7")
    press_generate(panel)
    wait_until_done(panel)
    generate(panel).click()
    expect(status(panel)).to_contain_text("This exact request is in the log (seed 7).")
    button(panel, "Show it").click()
    expect(status(panel)).to_have_text("From the log; nothing was sent.")
    expect(picture(panel)).to_be_visible()
    assert book.run_and_read(2) == "(1, 0.06895)"
    generate(panel).click()
    button(panel, "Make it again · $0.069").click()
    wait_until_done(panel)
    book.run_until(2, "(2, 0.1379)")
