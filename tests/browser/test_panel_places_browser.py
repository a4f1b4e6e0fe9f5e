"""A panel inside other widgets, in a second view, beside other outputs; when its cell runs again, and its kernel restarts."""

import json
import re

import pytest
from lab_page import evaluate_async
from panel_page import (
    HELD,
    HELD_PANEL,
    PANEL,
    PROMPT,
    RELEASE,
    button,
    control,
    generate,
    picture,
    press_generate,
    prompt,
    status,
    stop,
    wait_until_done,
    wait_until_live,
)
from playwright.sync_api import expect

INSIDE = {
    "VBox": "w.VBox([w.HTML('words beside'), panel])",
    "Tab": "w.Tab([w.VBox([w.HTML('words beside'), panel])], titles=['one'])",
    "Output": "out = w.Output()\nwith out:\n    print('words beside')\n    display(panel)\nout",
}


@pytest.mark.parametrize("kind", list(INSIDE))
def test_a_panel_works_inside_other_widgets(show_next_panel, kind):
    """What stands beside it stays in view."""
    cell = f"import ipywidgets as w\npanel = studio.panel()\nprint('words before')\n{INSIDE[kind]}"
    book, panel = show_next_panel(cell=cell)
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(picture(panel)).to_be_visible()
    for words in ("words before", "words beside"):
        expect(panel.get_by_text(words)).to_be_visible()
    expect(panel.get_by_role("img", name=PROMPT)).to_have_count(1)
    assert book.page.script_errors == []


def test_a_second_view_of_the_output_shows_the_panel_and_works(show_next_panel):
    """Create New View for Cell Output: the picture is made there, and is in both."""
    book, panel = show_next_panel(cell=f"print('words before')\n{PANEL}")
    page = book.page
    name = page.evaluate(
        """() => { const n = jupyterapp.shell.currentWidget; n.content.activeCellIndex = 1; return n.id; }"""
    )
    evaluate_async(page, "() => jupyterapp.commands.execute('notebook:create-output-view').then(() => null)")
    view = page.locator(".jp-LinkedOutputView")
    expect(prompt(view)).to_be_visible()
    expect(view.get_by_text("words before")).to_be_visible()
    wait_until_live(view)
    prompt(view).fill(PROMPT)
    press_generate(view)
    expect(picture(view)).to_be_visible()
    expect(view.get_by_role("img", name=PROMPT)).to_have_count(1)
    page.evaluate(
        """name => { jupyterapp.shell.activateById(name);
            [...jupyterapp.shell.widgets('main')].filter(w => w.id !== name).forEach(w => w.dispose()); }""",
        name,
    )
    expect(picture(panel)).to_be_visible()
    expect(prompt(panel)).to_have_value(PROMPT)


def test_the_saved_output_is_hidden_beside_its_panel_only(show_next_panel):
    """The notebook holds each picture once, in an output that is not shown twice; other outputs of the cell are."""
    cell = f"print('words before')\n{PANEL}\n"
    book, panel = show_next_panel("studio.last", cell=cell)
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(picture(panel)).to_be_visible()
    wait_until_done(panel)
    expect(panel.get_by_text("words before")).to_be_visible()
    expect(panel.locator(".nbkit-record")).to_be_hidden()
    expect(panel.get_by_role("img", name=PROMPT)).to_have_count(1)
    book.page.wait_for_function("() => document.querySelector('.nbkit-record-1')")
    saved = book.save()
    assert json.dumps(saved["cells"]).count("data:image/jpeg;base64,") == 1
    assert panel.get_by_role("note").count() == 0
    book.run(2)
    expect(book.output(2).get_by_role("img", name=PROMPT)).to_be_visible()


def test_a_cell_that_runs_again_replaces_its_panel(show_next_panel):
    """After 25 runs the kernel has the widgets of one panel, and that one works."""
    alive = "import ipywidgets\nlen(ipywidgets.widgets.widget._instances)"
    book, panel = show_next_panel(alive)
    book.run(1)
    after_two = int(book.run_and_read(2))
    for _ in range(23):
        book.run(1)
    assert int(book.run_and_read(2)) <= after_two
    wait_until_live(panel)
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(picture(panel)).to_be_visible()
    assert book.page.script_errors == []


def test_a_run_under_way_when_its_cell_runs_again_comes_in_the_new_panel(show_next_panel):
    """The new panel names it at once."""
    book, panel = show_next_panel("len(studio.log)", RELEASE, engine=HELD, cell=HELD_PANEL)
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(status(panel)).to_contain_text("Working")
    book.set_source(1, PANEL)
    book.run(1)
    expect(status(panel)).to_have_text(
        f"Still under way from before this cell was run again: “{PROMPT[:39].rstrip()}…”, up to $0.069 each. It will appear here."
    )
    book.run(3)
    expect(picture(panel)).to_be_visible()
    expect(status(panel)).not_to_contain_text("Still under way")
    assert book.run_and_read(2) == "1"


def test_after_a_restart_of_the_kernel_one_line_says_what_to_do(show_next_panel):
    """Nothing looks as if it were under way or broken; the cell run again has a panel that knows prompts and presets."""
    book, panel = show_next_panel(RELEASE, "gate.clear()", engine=HELD, cell=HELD_PANEL)
    prompt(panel).fill(PROMPT)
    control(panel, "Aspect ratio (aspectRatio)").select_option("3:2")
    press_generate(panel)
    button(panel, "Presets").click()
    presets = panel.get_by_role("dialog", name="Presets")
    presets.get_by_label("Name of the preset").fill("wide")
    presets.get_by_role("button", name="Save", exact=True).click()
    expect(presets.get_by_role("button", name="wide", exact=True)).to_be_visible()
    book.page.keyboard.press("Escape")
    book.run(2)
    expect(picture(panel)).to_be_visible()
    wait_until_done(panel)
    book.run(3)
    prompt(panel).fill("another")
    press_generate(panel)
    expect(status(panel)).to_contain_text("Working")
    book.restart_kernel()
    expect(status(panel)).to_have_text("Kernel restarted: run this cell again.")
    expect(status(panel)).to_have_attribute("role", "alert")
    assert panel.evaluate(SAYING, "Kernel restarted") == [status(panel).get_attribute("class")]
    expect(panel.get_by_text("coming", exact=True).filter(visible=True)).to_have_count(0)
    expect(stop(panel)).to_be_hidden()
    expect(generate(panel)).to_be_disabled()
    expect(panel.get_by_text(re.compile(r"^\d+\.\d s$"))).to_have_count(0)
    assert panel.evaluate(BROKEN) == []
    book.run(0)
    book.run(1)
    wait_until_live(panel)
    expect(status(panel)).not_to_contain_text("Kernel restarted")
    prompt(panel).press("ArrowUp")
    expect(prompt(panel)).to_have_value(re.compile(f"another|{PROMPT}"))
    prompt(panel).fill(PROMPT)
    button(panel, "Presets").click()
    presets.get_by_role("button", name="wide", exact=True).click()
    expect(control(panel, "Aspect ratio (aspectRatio)")).to_have_value("3:2")
    expect(prompt(panel)).to_have_value(PROMPT)
    button(panel, "Presets").click()
    presets.get_by_role("button", name="Delete the preset wide").click()
    expect(presets.get_by_text("No preset yet.")).to_be_visible()
    book.page.keyboard.press("Escape")
    prompt(panel).press("Control+Enter")
    expect(status(panel)).to_contain_text("Working")
    book.run(2)
    expect(picture(panel)).to_be_visible()


SAYING = """(panel, words) => [...panel.querySelectorAll('*')].filter(e => e.checkVisibility({ visibilityProperty: true })
    && [...e.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.includes(words))).map(e => e.className)"""
"""The elements in which people read these words."""
BROKEN = """panel => [panel, ...panel.querySelectorAll('*')].filter(e => {
    const before = getComputedStyle(e, '::before');
    const sign = e.classList.contains('jupyter-widgets-disconnected') && before.content !== 'none' && before.display !== 'none';
    return e.checkVisibility() && (sign || (e.tagName === 'IMG' && e.complete && !e.naturalWidth));
}).map(e => e.className)"""
"""Elements with the sign of a widget without a kernel, and pictures that are not drawn."""
