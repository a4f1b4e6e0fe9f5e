"""The pages of the lessons in a browser, from a folder: what comes after a guess is not seen before there is one."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from nbkit.lessons import make_lessons


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The folder of the pages."""
    out = tmp_path_factory.mktemp("lessons")
    make_lessons(out)
    return out / "pages"


@pytest.fixture
def page(chromium):
    """A page in a context of its own; nothing is fetched, and no script runs."""
    context = chromium.new_context(viewport={"width": 900, "height": 900}, java_script_enabled=False, offline=True)
    yield context.new_page()
    context.close()


def test_a_choice_shows_what_comes_after_it(page, pages):
    """Up to the next guess; a number counts once it is typed and left."""
    page.goto((pages / "index.html").as_uri())
    page.get_by_role("link", name="The first picture").click()
    conclusion = page.get_by_role("heading", name="Conclude")
    expect(page.get_by_role("group", name="What is the list price of a picture at 4K?")).to_be_visible()
    expect(page.get_by_text("It is $0.15.")).to_be_hidden()
    page.get_by_label("$0.28").check()
    expect(page.get_by_text("It is $0.15.")).to_be_visible()
    expect(conclusion).to_be_hidden()
    page.get_by_label("as much as one").check()
    expect(conclusion).to_be_visible()
    picture = page.locator('img[src^="pictures/"]').first
    picture.scroll_into_view_if_needed()
    assert picture.evaluate("img => img.decode().then(() => img.naturalWidth)") > 100

    page.goto((pages / "02-seed.html").as_uri())
    number = page.locator("input[type=number]").first
    after = number.locator("xpath=ancestor::fieldset/following-sibling::div[1]")
    while number.is_hidden():
        page.locator("fieldset:visible").last.locator("input").first.check()
    number.fill("3")
    expect(after).to_be_hidden()
    number.press("Tab")
    expect(after).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_accessible_and_fit(chromium, pages, scheme):
    """axe-core finds nothing in either colours, and nothing is wider than a phone."""
    context = chromium.new_context(viewport={"width": 380, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    for name in ("index", "01-quickstart"):
        page.goto((pages / f"{name}.html").as_uri())
        for choice in page.locator("input[type=radio]").all():
            choice.check(force=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 380
        found = Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
    context.close()
