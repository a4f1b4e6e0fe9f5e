"""axe-core finds no violation in a panel on JupyterLab's light or dark page, in any state that a user sees."""

import pytest
from lab_page import DARK, LIGHT, VIEWPORT
from panel_page import PROMPT, SECTIONS, alert, picture, press_generate, prompt, unfold
from playwright.sync_api import expect


@pytest.fixture
def violations_in_both_themes(find_violations):
    """``violations_in_both_themes(book, panel)`` returns what is found on a light and on a dark page; light is restored."""
    books = []

    def find(book, panel):
        books.append(book)
        found = [f"light: {line}" for line in find_violations(panel)]
        book.set_theme(DARK)
        found += [f"dark: {line}" for line in find_violations(panel)]
        book.set_theme(LIGHT)
        return found

    yield find
    for book in books:
        book.set_theme(LIGHT)


def test_axe_core_finds_pale_text_and_an_unnamed_text_box(open_notebook, find_violations):
    """The check itself works: it reports both faults of a page that has them."""
    html = '<p style="color:#bbb;background:#fff">pale</p><input type="text"><p>well</p>'
    book = open_notebook(f"from IPython.display import HTML\nHTML({html!r})")
    book.run(0)
    expect(book.output(0).get_by_text("well")).to_be_visible()
    assert [line.split()[0] for line in find_violations(book.output(0))] == ["color-contrast", "label"]


def test_a_new_panel_has_no_violations(show_panel, violations_in_both_themes):
    """The panel is accessible as soon as its cell has run."""
    book, panel = show_panel()
    assert violations_in_both_themes(book, panel) == []


def test_a_panel_with_all_sections_open_has_no_violations(show_panel, violations_in_both_themes):
    """All parameters, the code, the JSON and an error message under a control are accessible."""
    book, panel = show_panel()
    book.page.set_viewport_size({"width": 1200, "height": 2600})  # axe-core skips what is scrolled out of view
    prompt(panel).fill(PROMPT)
    unfold(panel, *SECTIONS)
    expect(panel.locator("pre").nth(1)).to_be_visible()
    found = violations_in_both_themes(book, panel)
    panel.get_by_label("seed", exact=True).fill("-1")
    expect(alert(panel).first).to_be_visible()
    found += violations_in_both_themes(book, panel)
    book.page.set_viewport_size(VIEWPORT)
    assert found == []


def test_a_running_panel_and_its_result_have_no_violations(show_panel, violations_in_both_themes):
    """Stop and the clock are accessible, then the picture with its caption and the status line of the run."""
    book, panel = show_panel(engine="nbkit.Offline(latency=8)")
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(panel.get_by_text("working…")).to_be_visible()
    assert violations_in_both_themes(book, panel) == []
    expect(picture(panel)).to_be_visible()
    assert violations_in_both_themes(book, panel) == []


def test_a_panel_with_a_failed_run_has_no_violations(show_panel, violations_in_both_themes):
    """The error message in the panel and the one in the output under it are accessible."""
    book, panel = show_panel(engine="nbkit.Offline(failures={'blocked': 1})")
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(alert(panel).first).to_be_visible()
    assert violations_in_both_themes(book, panel) == []
