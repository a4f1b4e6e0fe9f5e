"""A panel in a notebook: the cells that show one, and its parts by their roles and accessible names."""

import re

from playwright.sync_api import expect

STUDIO = "import nbkit\nstudio = nbkit.Studio(engine={engine}, path='{path}', budget=5)"
PANEL = "panel = studio.panel()\npanel"
HELD = "nbkit.Offline(latency=1, sleep=lambda _: gate.wait(60))"
"""An engine whose runs end when a cell says so."""
HELD_PANEL = f"import threading\ngate = threading.Event()\n{PANEL}"
RELEASE = "gate.set()"
PROMPT = "A paper lantern shop at night, the sign reads “OPEN LATE”"
SECTIONS = ("System prompt", "Grounding and safety", "Output", "Delivery", "Show code", "Show JSON")
"""The buttons of everything that is folded in a new panel."""
BLANK = "The picture will appear here."
"""What stands in the picture's place until there is one."""


def prompt(panel):
    return control(panel, "Prompt (prompt)")


def control(panel, name):
    """A control by its name in words, with the API's name in brackets."""
    return panel.get_by_label(name, exact=True)


def number(panel, name):
    """The text box beside a slider."""
    return control(panel, f"{name}, as a number")


def choice(panel, name, text):
    """One of several buttons of which one is chosen."""
    return panel.get_by_role("radiogroup", name=name).get_by_role("radio", name=text, exact=True)


def complaint(control):
    """What is said to be wrong with a control, beside it."""
    return control.locator("xpath=ancestor::*[contains(@class, 'nbkit-field')][1]").get_by_role("alert")


def status(panel):
    """The line under Generate: what is under way, how it ended, what went wrong."""
    return panel.locator(".nbkit-status")


def wait_until_live(panel):
    """Wait until the panel's script runs: a press before that has no number, and sends nothing."""
    panel.locator(".nbkit-panel.nbkit-live").wait_for()


def generate(panel):
    return panel.get_by_role("button", name=re.compile("^Generate")).first  # the status line may offer another price


def press_generate(panel, *, price=""):
    """Click it as soon as it is enabled; with ``price``, only after its text has that price."""
    if price:
        expect(generate(panel)).to_have_text(f"Generate · {price}")
    expect(generate(panel)).to_be_enabled()
    generate(panel).click()


def stop(panel):
    """Stop all that is under way and waits."""
    return panel.get_by_role("button", name="Stop", exact=True)


def stage(panel):
    """The list that shows the chosen pictures: those of a run, or those that are compared."""
    return panel.get_by_role("listbox", name="chosen pictures")


def strip(panel):
    """The list of all pictures of the panel, small; hidden while there is only one."""
    return panel.get_by_role("listbox", name=re.compile("^pictures of this panel"))


def wait_until_done(panel):
    """Wait until a run has ended well."""
    expect(status(panel)).to_have_text(re.compile(r"^Done in "))


def button(panel, name):
    return panel.get_by_role("button", name=name, exact=True)


def choose_more(panel, entry):
    """Choose in the menu under a picture."""
    button(panel, "More").click()
    panel.get_by_role("dialog", name="More").get_by_role("button", name=entry, exact=True).click()


def translate(button, text):
    """Give a button another text as a browser that translates the page does, inside an element; the kernel learns nothing.

    Returns the same button.
    """
    button.evaluate("button => { button.dataset.translated = 'true'; }")
    same = button.page.locator("button[data-translated]").last
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


def picture(panel, name=PROMPT):
    """The picture that is shown large."""
    return stage(panel).get_by_role("img", name=name)


def unfold(panel, *names):
    """Open sections that are folded."""
    for name in names:
        toggle = panel.get_by_role("button", name=re.compile(f"^{name}"))
        if toggle.get_attribute("aria-expanded") != "true":
            toggle.click()
        expect(toggle).to_have_attribute("aria-expanded", "true")
