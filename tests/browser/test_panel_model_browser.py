"""The model as a control of the panel: the other controls follow it."""

from panel_page import PROMPT, choice, control, generate, number, press_generate, prompt, wait_until_done
from playwright.sync_api import expect

MODEL = "Model (model)"


def field(panel, name):
    """A control with its label and what is said under it."""
    return panel.locator(f'.nbkit-field[data-name="{name}"]')


def test_the_controls_follow_the_model_and_keep_aside_what_it_lacks(show_next_panel):
    """Choices, bounds and price are the model's; what it lacks is said, and comes back with a model that has it."""
    book, panel = show_next_panel("studio.df[['model', 'thinking', 'temperature']].values.tolist()")
    prompt(panel).fill(PROMPT)
    choice(panel, "Thinking (thinking)", "HIGH").check(force=True)
    choice(panel, "Resolution (resolution)", "0.5K").check(force=True)
    control(panel, MODEL).select_option("Nano Banana Pro")
    expect(generate(panel)).to_have_accessible_name("Generate · $0.14")
    expect(field(panel, "thinking")).to_contain_text("Nano Banana Pro does not have it · HIGH is kept aside")
    expect(choice(panel, "Thinking (thinking)", "HIGH")).to_be_disabled()
    expect(field(panel, "resolution")).to_contain_text("0.5K is kept aside")
    expect(choice(panel, "Resolution (resolution)", "0.5K")).to_have_count(0)
    expect(panel.get_by_text("Nano Banana Pro", exact=True).first).to_be_visible()
    number(panel, "Temperature (temperature)").fill("1.5")
    press_generate(panel, price="$0.14")
    wait_until_done(panel)
    control(panel, MODEL).select_option("Nano Banana 2.1")
    expect(choice(panel, "Thinking (thinking)", "HIGH")).to_be_checked()
    expect(choice(panel, "Thinking (thinking)", "MEDIUM")).to_be_enabled()
    expect(field(panel, "temperature")).to_contain_text("not known whether Nano Banana 2.1 takes it")
    control(panel, MODEL).select_option("Default (Nano Banana 2)")
    expect(choice(panel, "Resolution (resolution)", "0.5K")).to_be_checked()
    expect(field(panel, "temperature")).to_contain_text("1.5 is kept aside")
    expect(generate(panel)).to_have_accessible_name("Generate · $0.047")
    assert book.run_and_read(2) == "[['google:4@2', <NA>, 1.5]]"
    assert book.page.script_errors == []
