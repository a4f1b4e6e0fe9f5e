"""The panel's keys in JupyterLab: Ctrl+Enter, Esc, undo, the prompts typed before; and the sentence at each control."""

import os
import re
import signal

from panel_page import (
    HELD,
    HELD_PANEL,
    PROMPT,
    RELEASE,
    button,
    choice,
    choose_more,
    control,
    generate,
    number,
    press_generate,
    prompt,
    status,
    stop,
    unfold,
    wait_until_done,
)
from playwright.sync_api import expect

from nbkit.request.image_request import PARAMETERS
from nbkit.widgets.form.fields import fields

LEFT = ("$4.93", "$4.86", "$4.79", "$4.72", "$4.66", "$4.59")
"""What is left of $5.00 after one, two, three … pictures."""


def expect_left(panel, pictures):
    expect(panel.get_by_text(f"{LEFT[pictures - 1]} left of $5.00")).to_be_visible()


def test_ctrl_enter_in_any_control_generates_once(show_next_panel):
    """From the prompt, a slider and its number, a choice, a select, the seed; the panel's cell does not run."""
    book, panel = show_next_panel("len(studio.log)")
    prompt(panel).fill(PROMPT)
    executed = book.cells.nth(1).locator(".jp-InputPrompt").text_content()
    controls = (
        prompt(panel),
        number(panel, "Temperature (temperature)"),
        control(panel, "Top-p (topP)"),
        choice(panel, "Resolution (resolution)", "Auto (1K)"),
        control(panel, "Aspect ratio (aspectRatio)"),
        control(panel, "Seed (seed)"),
    )
    for pictures, one in enumerate(controls, 1):
        one.press("Control+Enter")
        expect_left(panel, pictures)
        wait_until_done(panel)
        expect(one).to_be_focused()
    assert book.run_and_read(2) == str(len(controls))
    assert book.cells.nth(1).locator(".jp-InputPrompt").text_content() == executed
    assert book.page.script_errors == []


def test_ctrl_enter_sends_all_that_was_typed_just_before(show_next_panel):
    """A prompt and a number at full speed, and a prompt typed over the one whose price is shown."""
    book, panel = show_next_panel("studio.df.prompt.tolist(), studio.df.temperature.tolist()")
    keyboard = book.page.keyboard
    prompt(panel).click()
    keyboard.type(PROMPT)
    keyboard.press("Control+Enter")
    expect_left(panel, 1)
    wait_until_done(panel)
    prompt(panel).press("Control+a")
    keyboard.type("A jade teapot on a windowsill, seen from above")
    number(panel, "Temperature (temperature)").focus()
    keyboard.type("0.72")
    keyboard.press("Control+Enter")
    expect_left(panel, 2)
    printed = book.run_and_read(2)
    assert f"['{PROMPT}', 'A jade teapot on a windowsill, seen from above']" in printed
    assert "[<NA>, 0.72]" in printed


def test_ctrl_enter_sends_what_a_kernel_that_stands_still_has_not_seen(show_next_panel):
    """It saw one letter, which is no prompt, and stood still; when it goes on, the whole prompt is sent, once."""
    book, panel = show_next_panel("import os; os.getpid()", "studio.df.prompt.tolist()")
    pid = int(re.findall(r"\d+", book.run_and_read(2))[-1])
    prompt(panel).press_sequentially(PROMPT[0])
    expect(prompt(panel)).to_have_attribute("aria-invalid", "true")
    os.kill(pid, signal.SIGSTOP)
    try:
        book.page.keyboard.type(PROMPT[1:])
        book.page.keyboard.press("Control+Enter")
    finally:
        os.kill(pid, signal.SIGCONT)
    expect_left(panel, 1)
    wait_until_done(panel)
    assert f"['{PROMPT}']" in book.run_and_read(3)


def test_esc_closes_what_is_open_and_stops_only_then(show_next_panel):
    """Popups and the full size first; with nothing open and nothing under way it does nothing."""
    book, panel = show_next_panel(RELEASE, "gate.clear()", engine=HELD, cell=HELD_PANEL)
    keyboard = book.page.keyboard
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(status(panel)).to_contain_text("Working")
    for name in ("Presets", "Prompt history", "Keyboard shortcuts"):
        button(panel, name).click()
        popup = panel.get_by_role("dialog", name=name)
        expect(popup).to_be_visible()
        keyboard.press("Escape")
        expect(popup).to_be_hidden()
        expect(button(panel, name)).to_be_focused()
    book.run(2)
    wait_until_done(panel)
    book.run(3)
    button(panel, "Full size").click()
    dialog = book.page.get_by_role("dialog", name=re.compile("^Picture"))
    expect(dialog).to_be_visible()
    generate(panel).evaluate("button => button.click()")  # a press from elsewhere, such as a second view
    expect(stop(panel)).to_have_count(1)
    keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(stop(panel)).to_be_visible()
    prompt(panel).press("Escape")
    expect(status(panel)).to_contain_text("Stopped waiting")
    expect(prompt(panel)).to_be_focused()
    book.run(2)
    expect(status(panel)).to_contain_text("A run that was stopped has come")
    prompt(panel).press("Escape")
    expect(prompt(panel)).to_be_focused()


def test_a_question_mark_opens_the_list_of_keys(show_next_panel):
    """From a button; in a text box it is a letter."""
    book, panel = show_next_panel()
    prompt(panel).press("?")
    expect(prompt(panel)).to_have_value("?")
    generate(panel).press("?")
    keys = panel.get_by_role("dialog", name="Keyboard shortcuts")
    expect(keys.get_by_role("listitem").filter(has_text="generate, from any field")).to_contain_text("Ctrl+Enter")
    book.page.keyboard.press("Escape")
    expect(keys).to_be_hidden()


def test_undo_and_redo_are_for_the_whole_form(show_next_panel):
    """After typing, Use settings, Edit this, Reset, Draft, a reference that was removed; from whatever control."""
    _, panel = show_next_panel()
    temperature = number(panel, "Temperature (temperature)")
    prompt(panel).fill(PROMPT)
    temperature.fill("0.72")
    press_generate(panel)
    wait_until_done(panel)
    temperature.press("Control+z")
    expect(temperature).to_have_value("")
    expect(prompt(panel)).to_have_value(PROMPT)
    temperature.press("Control+Shift+z")
    expect(temperature).to_have_value("0.72")

    temperature.fill("0.1")
    prompt(panel).fill("something else")
    choose_more(panel, "Use settings")
    expect(temperature).to_have_value("0.72")
    expect(prompt(panel)).to_have_value(PROMPT)
    prompt(panel).press("Control+z")
    expect(prompt(panel)).to_have_value("something else")
    expect(temperature).to_have_value("0.1")

    button(panel, "Edit this").click()
    expect(prompt(panel)).to_have_value("")
    remove = panel.get_by_role("button", name="References (referenceImages): remove number 1")
    remove.click()
    expect(remove).to_have_count(0)
    prompt(panel).press("Control+z")
    expect(remove).to_be_visible()
    prompt(panel).press("Control+z")
    expect(remove).to_have_count(0)
    expect(prompt(panel)).to_have_value("something else")
    prompt(panel).press("Control+Shift+z")
    expect(remove).to_be_visible()
    expect(prompt(panel)).to_have_value("")
    prompt(panel).press("Control+z")

    button(panel, "Draft").click()
    expect(button(panel, "Draft")).to_have_attribute("aria-pressed", "true")
    expect(generate(panel)).to_have_text("Generate · $0.047")
    button(panel, "Draft").press("Control+z")
    expect(button(panel, "Draft")).to_have_attribute("aria-pressed", "false")

    button(panel, "Reset").click()
    expect(prompt(panel)).to_have_value("")
    expect(temperature).to_have_value("")
    button(panel.get_by_role("toolbar", name="form"), "Undo").click()
    expect(prompt(panel)).to_have_value("something else")
    expect(temperature).to_have_value("0.1")
    button(panel.get_by_role("toolbar", name="form"), "Redo").click()
    expect(prompt(panel)).to_have_value("")


def test_the_notebooks_own_shortcuts_stay_out_of_the_panel_but_ctrl_s_saves(show_next_panel):
    """Neither Esc nor d d nor Ctrl+Enter reaches the cell, from a button, a slider or a text box."""
    book, panel = show_next_panel("'untouched'")
    cells, executed = book.cell_sources(), book.cells.nth(1).locator(".jp-InputPrompt").text_content()
    generate(panel).press("Shift+Enter")  # a press like any other: without a prompt it leads there
    expect(prompt(panel)).to_be_focused()
    for one in (generate(panel), control(panel, "Temperature (temperature)"), prompt(panel)):
        for key in ("Escape", "d", "d", "Control+Enter", "Escape", "a"):
            one.press(key)
        expect(one).to_be_focused()
    assert book.cell_sources() == cells
    assert book.cells.nth(1).locator(".jp-InputPrompt").text_content() == executed
    is_dirty = "() => jupyterapp.shell.currentWidget.context.model.dirty"
    book.set_source(2, "'changed'")
    book.page.wait_for_function(is_dirty)
    prompt(panel).press("Control+s")
    book.page.wait_for_function(f"() => !({is_dirty})()")
    expect(prompt(panel)).to_be_focused()


def test_each_control_shows_its_sentence_on_hover_and_on_focus(show_next_panel):
    """Beside the control, which it describes for a screen reader as well; each parameter's own words."""
    book, panel = show_next_panel()
    book.page.set_viewport_size({"width": 1200, "height": 1900})
    book.page.emulate_media(reduced_motion="reduce")  # without the delay on hover
    unfold(panel, "System prompt", "Grounding and safety", "Output", "Delivery")
    told = " ".join(field["help"] for field in fields())
    assert [name for name, parameter in PARAMETERS.items() if parameter.help not in told] == []
    for field in fields():
        row = panel.locator(f".nbkit-field[data-name={field['name']}]")
        tip = row.get_by_role("tooltip")
        book.page.mouse.move(1190, 1890)
        panel.evaluate("() => document.activeElement.blur()")
        expect(tip).to_be_hidden()
        row.hover()
        expect(tip).to_be_visible()
        assert field["help"] in tip.text_content()
        book.page.mouse.move(1190, 1890)
        expect(tip).to_be_hidden()
        first = row.locator("textarea, select, input:not([type=file])").first
        first.focus()
        expect(tip).to_be_visible()
        at, shown = row.bounding_box(), tip.bounding_box()
        assert min(abs(shown["y"] - at["y"] - at["height"]), abs(at["y"] - shown["y"] - shown["height"])) < 8, field[
            "name"
        ]
        assert tip.get_attribute("id") in (first.get_attribute("aria-describedby") or ""), field["name"]


def test_prompts_typed_before_come_back_by_arrow_keys_and_by_search(show_next_panel):
    """Arrow up in an empty prompt is the latest, again an older one; in a prompt that has text it moves the cursor."""
    book, panel = show_next_panel()
    keyboard = book.page.keyboard
    for pictures, text in enumerate(("A paper lantern", "A jade teapot"), 1):
        prompt(panel).fill(text)
        prompt(panel).press("Control+Enter")
        expect_left(panel, pictures)
    prompt(panel).press("ArrowUp")
    expect(prompt(panel)).to_have_value("A jade teapot")
    prompt(panel).fill("")
    for key, text in (
        ("ArrowUp", "A jade teapot"),
        ("ArrowUp", "A paper lantern"),
        ("ArrowUp", "A paper lantern"),
        ("ArrowDown", "A jade teapot"),
        ("ArrowDown", ""),
    ):
        prompt(panel).press(key)
        expect(prompt(panel)).to_have_value(text)
    button(panel, "Prompt history").press("Enter")
    search = panel.get_by_role("searchbox", name="Search prompts")
    expect(search).to_be_focused()
    found = panel.get_by_role("list", name="prompts, newest first").get_by_role("button")
    expect(found).to_have_text(["A jade teapot", "A paper lantern"])
    keyboard.type("lant")
    expect(found).to_have_text(["A paper lantern"])
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(prompt(panel)).to_have_value("A paper lantern")
    expect(prompt(panel)).to_be_focused()
    expect(search).to_be_hidden()
