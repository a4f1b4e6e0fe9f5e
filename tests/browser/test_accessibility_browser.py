"""What axe-core finds in a panel on JupyterLab's page, light and dark: nothing, in each state that a person meets."""

import pytest
from panel_page import FOLDS, PROMPT, complaint, picture, press_generate, prompt, unfold
from playwright.sync_api import expect

LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"


@pytest.fixture
def wrong(violations):
    """``wrong(book, panel)`` is what is found on a light and on a dark page; the page is light afterwards."""
    books = []

    def check(book, panel):
        books.append(book)
        found = [f"light: {line}" for line in violations(panel)]
        book.theme(DARK)
        found += [f"dark: {line}" for line in violations(panel)]
        book.theme(LIGHT)
        return found

    yield check
    for book in books:
        book.theme(LIGHT)


def test_the_check_itself_finds_what_is_wrong(notebook, violations):
    """A text that is too pale, and a box without a name."""
    html = '<p style="color:#bbb;background:#fff">pale</p><input type="text"><p>well</p>'
    book = notebook(f"from IPython.display import HTML\nHTML({html!r})")
    book.run(0)
    expect(book.output(0).get_by_text("well")).to_be_visible()
    assert [line.split()[0] for line in violations(book.output(0))] == ["color-contrast", "label"]


def test_a_new_panel(shown, wrong):
    """As it stands when its cell has run."""
    book, panel = shown()
    assert wrong(book, panel) == []


def test_a_panel_with_everything_open(shown, wrong):
    """Every parameter, the code, the JSON, and a complaint under a control."""
    book, panel = shown()
    book.page.set_viewport_size({"width": 1200, "height": 2600})  # what is scrolled away is not judged
    prompt(panel).fill(PROMPT)
    unfold(panel, *FOLDS)
    expect(panel.locator("pre").nth(1)).to_be_visible()
    found = wrong(book, panel)
    panel.get_by_label("seed", exact=True).fill("-1")
    expect(complaint(panel).first).to_be_visible()
    found += wrong(book, panel)
    book.page.set_viewport_size({"width": 1200, "height": 1000})
    assert found == []


def test_a_panel_at_work_and_with_its_result(shown, wrong):
    """Stop and the clock; then the picture with its caption, and what is said of the run."""
    book, panel = shown(engine="nbkit.Offline(latency=8)")
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(panel.get_by_text("working…")).to_be_visible()
    assert wrong(book, panel) == []
    expect(picture(panel)).to_be_visible()
    assert wrong(book, panel) == []


def test_a_panel_with_an_error(shown, wrong):
    """What went wrong and what to do, in the panel and in the output under it."""
    book, panel = shown(engine="nbkit.Offline(failures={'blocked': 1})")
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(complaint(panel).first).to_be_visible()
    assert wrong(book, panel) == []
