"""A class in a real browser: its pages, and the notebook of a student who types what a page says."""

import contextlib

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from offline_tasks import task
from panel_page import PROMPT, press_generate, prompt, status, wait_until_done, wait_until_live
from playwright.sync_api import expect

from nbkit.classroom.policy import Policy
from nbkit.classroom.roster import Classroom
from nbkit.classroom.serve import ClassServer
from nbkit.classroom.views import REFRESH_SECONDS
from nbkit.offline import Offline

WIDTHS = (1280, 380)


@contextlib.contextmanager
def serving_room(folder, policy=None, **options):
    """A class that is served, with its pages; ``room.url`` is its address."""
    room, keys, teacher = Classroom.create(folder, [("Mia", None), ("Ben", None)], 0.5, policy=policy)
    room.keys, room.teacher_key = keys, teacher
    with ClassServer(room.folder, **options) as server:
        room.url = server.url
        yield room
    room.close()


@pytest.fixture
def room(tmp_path):
    """A class that draws at once."""
    with serving_room(tmp_path / "class") as room:
        yield room


@pytest.fixture
def open_page(chromium):
    """Opens pages, each in a context of its own; a page's uncaught errors fail the test."""
    contexts, errors = [], []

    def open_one(**options):
        contexts.append(chromium.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert errors == []


def log_in(page, address, key):
    """Type a key and press Enter."""
    page.goto(address)
    page.get_by_label("Key").fill(key)
    page.keyboard.press("Enter")
    expect(page.locator("#live")).to_be_visible()


def test_the_teachers_page_refreshes_and_keeps_what_is_typed(open_page, room):
    """A student who is paused elsewhere appears; an amount that is half typed stays, with the focus, and is then sent."""
    page = open_page()
    log_in(page, f"{room.url}/teacher", room.teacher_key)
    page.get_by_label("Budget of Ben", exact=True).click()
    amount = page.get_by_label("Budget of Ben in USD")
    amount.fill("0.90")
    room.set("Mia", paused=True)
    expect(page.locator("#stuck")).to_contain_text("Mia", timeout=1000 * (REFRESH_SECONDS + 8))
    expect(page.get_by_label("Resume Mia")).to_be_visible()
    expect(amount).to_have_value("0.90")
    expect(amount).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Ben may spend $0.90 in all.")).to_be_visible()
    assert room.student("Ben").budget == 900_000


def test_the_pages_work_without_a_script(open_page, room):
    """Log in, press a button, see what it did."""
    page = open_page(java_script_enabled=False)
    log_in(page, f"{room.url}/teacher", room.teacher_key)
    page.get_by_label("Pause Mia").click()
    expect(page.get_by_text("Mia is paused.")).to_be_visible()
    log_in(page, room.url, room.keys["Mia"])
    expect(page.get_by_text("has paused your key")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_accessible_and_fit(open_page, room, scheme):
    """axe-core finds nothing in either colours, and nothing is wider than a phone."""
    page = open_page(color_scheme=scheme, bypass_csp=True)  # for axe-core, which is a script from outside
    room.set("Ben", paused=True)

    def check():
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            found = Axe().run(page).response["violations"]
            assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []

    page.goto(room.url)
    check()
    log_in(page, room.url, room.keys["Mia"])
    check()
    page.goto(f"{room.url}/teacher")
    check()
    log_in(page, f"{room.url}/teacher", room.teacher_key)
    check()


def test_a_student_pastes_the_cell_of_the_page_and_types_the_key(open_notebook, open_page, tmp_path):
    """The panel says what is left, then the place in the line, then what the picture has cost; the notebook has no key."""
    with serving_room(tmp_path / "class", Policy(at_once=1), engine=Offline(latency=4)) as room:
        page = open_page()
        page.goto(room.url)
        book = open_notebook(f"%cd -q {tmp_path}", page.locator("#cell").inner_text())
        book.run(0)
        book.start(1)
        key = book.page.locator("input.jp-Stdin-input")
        key.fill(room.keys["Mia"])
        key.press("Enter")
        panel = book.output(1)
        prompt(panel).wait_for()
        wait_until_live(panel)
        head = panel.locator(".nbkit-head")
        expect(head).to_contain_text("OFFLINE$0.50 left of $0.50 in class")
        of_ben = {"Authorization": f"Bearer {room.keys['Ben']}"}
        httpx.post(f"{room.url}/v1", json=[task(deliveryMethod="async")], headers=of_ben).raise_for_status()
        prompt(panel).fill(PROMPT)
        press_generate(panel)
        expect(status(panel)).to_contain_text("Waiting: place 1 in the line.")
        expect(status(panel)).to_contain_text("Working.")
        wait_until_done(panel)
        expect(head).to_contain_text("$0.43 left of $0.50 in class")
        book.save()
        assert room.keys["Mia"] not in book.path.read_text()
