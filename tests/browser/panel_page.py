"""A panel as a person finds it on a page: the cells that show one, and its controls by their names."""

import re

from playwright.sync_api import expect

STUDIO = "import nbkit\nstudio = nbkit.Studio(engine={engine}, path='{path}', budget=5)"
PANEL = "panel = studio.panel()\npanel"
PROMPT = "A paper lantern shop at night, the sign reads “OPEN LATE”"
FOLDS = ("systemPrompt", "Grounding and safety", "References", "Output", "Delivery", "Show code", "Show JSON")


def prompt(panel):
    return panel.get_by_label("prompt", exact=True)


def generate(panel):
    return panel.get_by_role("button", name=re.compile("^Generate"))


def press_generate(panel):
    """Click it as soon as it can be clicked."""
    expect(generate(panel)).to_be_enabled()
    generate(panel).click()


def stop(panel):
    return panel.get_by_role("button", name=re.compile("^Stop"))


def milliseconds_to_answer(button, pattern):
    """Click; from then until the page shows a text that matches, by a clock in the page, which misses nothing."""
    button.page.evaluate(
        """pattern => {
            const wanted = new RegExp(pattern, 'm');
            window.answered = undefined;
            document.addEventListener('click', () => {
                const began = performance.now();
                const watch = new MutationObserver(() => {
                    if (!wanted.test(document.body.innerText)) return;
                    watch.disconnect();
                    window.answered = performance.now() - began;
                });
                watch.observe(document.body, {subtree: true, childList: true, characterData: true});
            }, {capture: true, once: true}); }""",
        pattern,
    )
    button.click()
    return button.page.wait_for_function("() => window.answered").json_value()


def complaint(panel):
    """What is said to be wrong, at a control or under the buttons."""
    return panel.get_by_role("alert").filter(has_text=re.compile(r"\S"))


def picture(panel, number=0):
    """The latest picture, or an earlier one."""
    return panel.get_by_role("img", name=PROMPT).nth(number)


def unfold(panel, *names):
    """Open what is folded."""
    for name in names:
        button = panel.get_by_role("button", name=name)
        if button.get_attribute("aria-pressed") != "true" and "mod-active" not in (button.get_attribute("class") or ""):
            button.click()
