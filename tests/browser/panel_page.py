"""A panel in a notebook: the cells that show one, and its parts by their roles and accessible names."""

import re

from playwright.sync_api import expect

STUDIO = "import nbkit\nstudio = nbkit.Studio(engine={engine}, path='{path}', budget=5)"
PANEL = "panel = studio.panel()\npanel"
PROMPT = "A paper lantern shop at night, the sign reads “OPEN LATE”"
SECTIONS = ("systemPrompt", "Grounding and safety", "References", "Output", "Delivery", "Show code", "Show JSON")
"""The buttons of everything that is folded in a new panel."""


def prompt(panel):
    return panel.get_by_label("prompt", exact=True)


def wait_until_live(panel):
    """Wait until the panel's script runs: a press before that has no number, and sends nothing."""
    panel.locator(".nbkit-panel.nbkit-live").wait_for()


def generate(panel):
    return panel.get_by_role("button", name=re.compile("^Generate"))


def press_generate(panel, *, price=""):
    """Click it as soon as it is enabled; with ``price``, only after its text has that price."""
    if price:
        expect(generate(panel)).to_have_text(f"Generate · {price}")
    expect(generate(panel)).to_be_enabled()
    generate(panel).click()


def stop(panel):
    return panel.get_by_role("button", name=re.compile("^Stop"))


def translate(button, text):
    """Give a button another text as a browser that translates the page does, inside an element; the kernel learns nothing.

    Returns the same button, which has another name now.
    """
    same = button.page.locator(f"button.{'.'.join(button.evaluate('e => [...e.classList]'))}")
    button.evaluate(
        """(button, text) => {
            const font = document.createElement('font');
            font.textContent = text;
            button.replaceChildren(font); }""",
        text,
    )
    expect(same).to_have_text(text)
    return same


def milliseconds_until(button, pattern):
    """Click a button; return how long the page takes to show a text that matches, by a clock in the page."""
    button.page.evaluate(
        """pattern => {
            const wanted = new RegExp(pattern, 'm');
            window.took = undefined;
            document.addEventListener('click', () => {
                const clicked = performance.now();
                const observer = new MutationObserver(() => {
                    if (!wanted.test(document.body.innerText)) return;
                    observer.disconnect();
                    window.took = performance.now() - clicked;
                });
                observer.observe(document.body, {subtree: true, childList: true, characterData: true});
            }, {capture: true, once: true}); }""",
        pattern,
    )
    button.click()
    return button.page.wait_for_function("() => window.took").json_value()


def alert(panel):
    """The error messages, at a control or under the buttons."""
    return panel.get_by_role("alert").filter(has_text=re.compile(r"\S"))


def picture(panel, number=0):
    """The latest picture, or an earlier one."""
    return panel.get_by_role("img", name=PROMPT).nth(number)


def unfold(panel, *names):
    """Open sections that are folded."""
    for name in names:
        button = panel.get_by_role("button", name=name)
        if button.get_attribute("aria-pressed") != "true" and "mod-active" not in (button.get_attribute("class") or ""):
            button.click()
