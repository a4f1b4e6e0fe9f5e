"""A vote in a real browser: two phones, light and dark, by touch and by key, with and without a script; and the notebook."""

import contextlib
import re

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from judged_log import write_pictures
from playwright.sync_api import expect

from nbkit.comparison.judging import Judging
from nbkit.widgets.arena.arena import Arena

PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
QUESTION = "Which one would you hang above your desk?"
MAKE = """import nbkit
studio = nbkit.Studio(engine="offline", path="{path}")
arena = studio.arena([studio.generate("A lantern", seed=seed, resolution="0.5K") for seed in (1, 2)], question="Which?")
voting = arena.open()"""


@pytest.fixture
def voting(tmp_path):
    """A vote on two pairs."""
    log, _ = write_pictures(tmp_path / "runs", (0.27, 0.83), (1, 2), size=(320, 240))
    arena = Arena(Judging(log, log.to_frame(), "temperature", question=QUESTION))
    voting = arena.open(pairs=2)
    voting.log = log
    yield voting
    arena.close()
    log.close()


@pytest.fixture
def open_phone(chromium):
    """Opens phones, each in a context of its own; a page's uncaught errors and refused parts fail the test."""
    errors = []
    with contextlib.ExitStack() as stack:

        def open_one(**options):
            context = stack.enter_context(contextlib.closing(chromium.new_context(**{**PHONE, **options})))
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on(
                "console", lambda message: errors.append(message.text) if "Content Security" in message.text else None
            )
            return page

        yield open_one
    assert errors == []


def join(page, voting):
    """Type the code as it stands in front, and press Enter."""
    page.goto(voting.url)
    page.get_by_label("code").fill(f"{voting.code[:3]} {voting.code[3:]}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=QUESTION)).to_be_visible()


def answer(page, name):
    return page.get_by_role("button", name=name)


def fits(page):
    """Whether both pictures have loaded and stand on the screen with the answers, whose targets are large."""
    expect(page.get_by_role("img")).to_have_count(2)
    for picture in page.get_by_role("img").all():
        # Not `wait_for_function`: when it has to wait it evaluates again from within the page, which the policy forbids.
        expect(picture).to_have_js_property("complete", True)
        expect(picture).not_to_have_js_property("naturalWidth", 0)
    height = page.viewport_size["height"]
    boxes = [one.bounding_box() for one in (*page.get_by_role("img").all(), *page.get_by_role("button").all())]
    targets = boxes[2:]
    return (
        page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        and all(box["y"] + box["height"] <= height for box in boxes)
        and all(box["height"] >= 48 and box["width"] >= 48 for box in targets)
        and all(box["height"] >= 150 for box in boxes[:2])
    )


def test_two_phones_vote_and_see_the_result_when_it_is_revealed(open_phone, voting, screenshots):
    """One presses, the other uses keys; a reload and the back button vote on nothing twice."""
    one, other = open_phone(), open_phone(color_scheme="dark", viewport={"width": 1100, "height": 700})
    for page in (one, other):
        join(page, voting)
        assert fits(page)
    one.screenshot(path=screenshots / "vote-phone.png")
    other.screenshot(path=screenshots / "vote-wide-dark.png")
    answer(one, "Picture 1").tap()
    expect(one.get_by_text("Pair 2 of 2")).to_be_visible()
    one.go_back()
    expect(one.get_by_text("Pair 2 of 2")).to_be_visible()
    one.reload()
    answer(one, "Equal").tap()
    expect(one.get_by_role("heading", name="Thank you")).to_be_visible()
    other.keyboard.press("ArrowRight")
    expect(other.get_by_text("Pair 2 of 2")).to_be_visible()
    other.keyboard.press("0")
    expect(other.get_by_role("heading", name="Thank you")).to_be_visible()
    one.screenshot(path=screenshots / "vote-thanks.png")
    frame = voting.log.judgements
    assert len(frame) == 4
    assert sorted(frame.outcome)[-2:] == ["tie", "tie"]
    voting.reveal()
    for page in (one, other):
        expect(page.get_by_text("2 phones voted")).to_be_visible(timeout=10_000)
        page.screenshot(path=screenshots / f"vote-result-{page.viewport_size['width']}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible(open_phone, voting, scheme):
    """axe-core finds nothing in either colours: the code, a wrong code, a pair, thanks, the result."""
    page = open_phone(color_scheme=scheme, bypass_csp=True)  # for axe-core, which is a script from outside

    def check():
        found = Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.goto(voting.url)
    check()
    page.get_by_label("code").fill("12")
    answer(page, "Join").tap()
    expect(page.get_by_role("alert")).to_be_visible()
    check()
    join(page, voting)
    check()
    for _ in range(2):
        answer(page, "Picture 2").tap()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    check()
    voting.reveal()
    page.reload()
    expect(page.get_by_text("1 phone voted")).to_be_visible()
    check()


def test_the_pages_work_without_a_script(open_phone, voting):
    """They are forms."""
    page = open_phone(java_script_enabled=False)
    join(page, voting)
    answer(page, "Picture 1").tap()
    answer(page, "Equal").tap()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert len(voting.log.judgements) == 2


def test_the_notebook_shows_address_and_code_large_and_counts_along(open_notebook, tmp_path, screenshots):
    """At least 28 px; the count follows the votes, and after the end the cell says so."""
    book = open_notebook(MAKE.format(path=tmp_path / "runs"), "voting", "voting.close()")
    book.run(0)
    book.run(1)
    board = book.output(1)
    sizes = board.locator(".address, .code").evaluate_all(
        "all => all.map((one) => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert len(sizes) == 2
    assert min(sizes) >= 28
    code = re.sub(r"\D", "", board.locator(".code").inner_text())
    with httpx.Client(base_url=board.locator(".address").inner_text(), follow_redirects=True) as phone:
        phone.post("/", data={"code": code}).raise_for_status()
        phone.post("/", data={"pair": 0, "choice": "tie"}).raise_for_status()
    expect(board).to_contain_text("1 phone, 1 of 1 vote; 1 finished")
    board.screenshot(path=screenshots / "vote-board.png")
    book.run(2)
    expect(board).to_contain_text("This vote has ended.")
