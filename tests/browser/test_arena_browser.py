"""The arena in JupyterLab: judging with the keyboard and the mouse, blind; the ranking under it; a saved notebook."""

import json
import re

import pytest
from lab_page import DARK
from playwright.sync_api import expect

MAKE = """import nbkit
studio = nbkit.Studio(engine="offline", path="{path}")
sweep = studio.sweep('A lantern, the sign reads "OPEN"', temperature=[0.27, 0.83], seed=[711, 712], resolution="0.5K")
result = sweep.start().wait()"""
ARENA = 'arena = studio.arena(result, by="temperature", question="Which glows more?", rater="Ana", rng=1); arena'
READ = (
    "import json; print(json.dumps([studio.log.judgements.outcome.tolist(), studio.log.judgements.shown.tolist(), "
    "[*studio.df.imageUUID, *studio.df.taskUUID, *studio.df.file]]))"
)


@pytest.fixture
def arena(open_notebook, tmp_path):
    """A notebook whose second cell shows an arena, and the output of that cell."""
    book = open_notebook(MAKE.format(path=tmp_path / "runs"), ARENA, READ)
    book.run(0)
    book.run(1)
    output = book.output(1)
    expect(output.get_by_role("img")).to_have_count(4)
    return book, output


def says(output):
    return output.locator(".nbkit-arena .says")


def judged(book):
    """The outcomes, the pictures that were shown, and every name of a picture."""
    return json.loads(book.run_and_read(2))


def test_one_key_judges_and_the_next_question_comes(arena):
    """1 to 4 choose, 0 is a tie, s skips, u takes back; JupyterLab's own shortcuts are left alone; each is a row."""
    book, output = arena
    cells = book.cells.count()
    group = output.get_by_role("group", name="Which glows more?")
    group.focus()
    for key, text in (
        ("2", "1 judgement by Ana"),
        ("0", "2 judgements by Ana"),
        ("s", "3 judgements by Ana"),
        ("u", "2 judgements by Ana"),
    ):
        book.page.keyboard.press(key)
        expect(says(output)).to_have_text(text)
        expect(group).to_be_focused()
    output.get_by_role("button", name="Picture 3").click()
    expect(says(output)).to_have_text("3 judgements by Ana")
    outcomes, shown, _ = judged(book)
    assert outcomes == [shown[0][1], "tie", shown[2][2]]
    assert book.cells.count() == cells
    assert book.page.script_errors == []


def test_the_page_tells_nothing_and_the_ranking_comes_when_it_is_asked_for(arena, find_violations):
    """No seed, value, UUID or file name is in it; the ranking is an output, which the saved notebook keeps, unlike pictures."""
    book, output = arena
    page = re.sub(r'base64,[^"]*|<style>.*?</style>', "", output.evaluate("e => e.outerHTML"), flags=re.DOTALL)
    for secret in ("0.27", "0.83", "711", "712", "OPEN", ".jpg", "images/", *judged(book)[2]):
        assert secret not in page, secret
    assert find_violations(output) == []
    output.get_by_role("group", name="Which glows more?").focus()
    for number in range(1, 4):
        book.page.keyboard.press("1")
        expect(says(output)).to_have_text(f"{number} judgement{'s' if number > 1 else ''} by Ana")
    book.page.keyboard.press("r")
    table = output.get_by_role("table")
    expect(table).to_be_visible()
    expect(table.get_by_role("columnheader", name="temperature")).to_be_visible()
    saved = book.save()
    texts = json.dumps(saved["cells"][1]["outputs"]) + json.dumps(saved["metadata"])
    assert "P(best)" in texts
    assert "image/jpeg" not in texts


def test_a_second_view_and_a_lost_kernel(arena, screenshots):
    """The pictures fit into a narrow page and a dark one, in equal boxes; without a kernel the arena says what to do."""
    book, output = arena
    book.set_theme(DARK)
    book.page.set_viewport_size({"width": 700, "height": 800})
    boxes = [image.bounding_box() for image in output.get_by_role("img").all()]
    assert len({(round(box["width"]), round(box["height"])) for box in boxes}) == 1
    assert output.evaluate("e => e.scrollWidth <= e.clientWidth + 1")
    output.screenshot(path=screenshots / "arena-dark-narrow.png")
    book.restart_kernel()
    expect(says(output)).to_have_text("Kernel restarted: run this cell again.")
    expect(output.get_by_role("button", name="Picture 1")).to_be_disabled()
