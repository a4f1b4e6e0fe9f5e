"""The wall in JupyterLab: only what is in view is in the page, a keyboard is enough, pictures open in full size."""

import json
import re

import pytest
from conftest import KERNEL
from playwright.sync_api import expect
from wall_page import BareWall, fact, jpeg, said, selected, tile

WALL = """
import io, pathlib
from PIL import Image, ImageDraw
from nbkit.image import make_preview
from nbkit.widgets.wall.item import Item
from nbkit.widgets.wall.wall import Wall
folder = pathlib.Path({folder!r}); folder.mkdir(exist_ok=True)
files = []
for n in range(20):
    picture = Image.new("RGB", (1200, 800) if n % 3 else (800, 1200), f"hsl({{n * 18}}, 60%, 50%)")
    ImageDraw.Draw(picture).ellipse((100 + 20 * n, 100, 500 + 20 * n, 500), fill="white")
    files.append(folder / f"{{n:064x}}.jpg"); picture.save(files[-1])
def item(n, **facts):
    given = dict(file=files[n % 20], alt=f"A lantern number {{n}}", caption=(f"seed {{n}}", "temperature 0.3", "$0.07"))
    width, height = (1200, 800) if n % 20 % 3 else (800, 1200)
    return Item(f"key-{{n}}", width=width, height=height, media_type="image/jpeg", **(given | facts))
items = [item(n) for n in range({count})]
items[1] = item(1, rating=3, keep=True, tags="red night", note="the best")
items[2] = item(2, keep=False)
items[3] = item(3, file=None, status="blocked", missing="refused by a safety filter")
made, pressed = [], []
def preview(file, size):
    made.append((file, size))
    return make_preview(file.read_bytes(), size)
wall = Wall(preview, size=160, keys=True)
wall.on_key(lambda key, keys: pressed.append((key, keys)))
wall.show(items{groups})
"""


@pytest.fixture
def shown(notebook, tmp_path):
    """``shown("a further cell")`` gives a notebook and the output of its second cell, which shows a wall."""

    def show(*further, count=2000, groups="", subshells=True):
        made = WALL.format(folder=str(tmp_path / "pictures"), count=count, groups=groups)
        book = notebook(made, "wall.box", *further)
        if not subshells:
            book.page.evaluate(f"() => {{ {KERNEL}.commsOverSubshells = 'disabled'; }}")
        book.run(0)
        book.run(1)
        output = book.output(1)
        expect(wall(output)).to_be_visible()
        return book, output

    return show


def wall(output):
    return output.get_by_role("listbox", name="pictures")


def expect_selected(output, place):
    """Wait until that one is selected and no other."""
    expect(selected(output)).to_have_count(1)  # Playwright does not wait while several would fit
    expect(selected(output)).to_have_attribute("aria-posinset", str(place))


def test_only_what_is_in_view_is_in_the_page(shown):
    """Two thousand pictures, a few dozen tiles, also at the end."""
    book, output = shown("len(made)")
    expect(tile(output, 1).get_by_role("img", name="A lantern number 0")).to_be_visible()
    expect(tile(output, 4)).to_contain_text("blocked: refused by a safety filter")
    assert output.get_by_role("option").count() < 60
    wall(output).evaluate("e => { e.scrollTop = e.scrollHeight; }")
    expect(tile(output, 2000).get_by_role("img", name="A lantern number 1999")).to_be_visible()
    expect(tile(output, 1)).to_have_count(0)
    assert output.get_by_role("option").count() < 60
    assert int(said(book, 2)) < 150
    assert book.page.script_errors == []


def test_a_keyboard_is_enough(shown):
    """Move, extend, select all, and give keys to the kernel; nothing reaches the notebook's own shortcuts."""
    book, output = shown("wall.selected[:5], len(wall.selected), pressed")
    page = book.page
    wall(output).focus()
    page.keyboard.press("ArrowRight")
    expect_selected(output, 2)
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(selected(output)).to_have_count(3)
    page.keyboard.press("4")
    page.keyboard.press("Control+z")
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    for key in ("d", "d", "a", "b", "End"):
        page.keyboard.press(key)
    expect_selected(output, 2000)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    page.keyboard.press("Home")
    page.keyboard.press("Control+a")
    expect(output.get_by_role("status").filter(has_text="2,000 of 2,000 selected")).to_be_visible()
    keys = "('key-1', 'key-2', 'key-3')"
    first = "('key-0', 'key-1', 'key-2', 'key-3', 'key-4')"
    book.says(2, f"({first}, 2000, [('4', {keys}), ('u', {keys})])")


def test_a_mouse_selects_as_in_a_file_manager(shown):
    """A click one, with Ctrl one more, with Shift all between."""
    book, output = shown("wall.selected", "wall.select(['key-6'])", count=30)
    expect(tile(output, 1).get_by_role("img")).to_be_visible()
    tile(output, 1).click()
    tile(output, 3).click(modifiers=["Control"])
    expect(selected(output)).to_have_count(2)
    tile(output, 5).click(modifiers=["Shift"])
    expect(selected(output)).to_have_count(3)
    book.says(2, "('key-2', 'key-3', 'key-4')")
    book.run(3)
    expect_selected(output, 7)


def test_full_size(shown, tmp_path):
    """Enter opens the original, arrows go on, + shows every pixel, Save saves it, Esc leads back."""
    book, output = shown(count=30)
    page = book.page
    wall(output).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    picture = dialog.get_by_role("img", name="A lantern number 1", exact=True)
    expect(picture).to_be_visible()
    expect(dialog).to_contain_text("★★★")
    expect(dialog.get_by_role("link", name="Save")).to_be_visible()
    assert picture.evaluate("e => e.decode().then(() => e.naturalWidth)") == 1200
    page.keyboard.press("+")
    expect(picture).to_have_css("width", "1200px")
    page.keyboard.press("-")
    page.keyboard.press("ArrowLeft")
    expect(dialog.get_by_role("img", name="A lantern number 0", exact=True)).to_be_visible()
    with page.expect_download() as download:
        dialog.get_by_role("link", name="Save").click()
    assert download.value.suggested_filename == "seed-0-000000000000.jpg"
    assert download.value.path().read_bytes() == (tmp_path / "pictures" / f"{0:064x}.jpg").read_bytes()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(wall(output)).to_be_focused()
    expect_selected(output, 1)


def test_a_long_prompt_is_whole_in_full_size(shown):
    """A tile has its beginning; the opened picture has all of it, also where there is no picture."""
    book, output = shown(
        "long = 'a secret garden ' * 50 + 'at dawn'; wall.show([item(0, alt=long), item(1, alt=long, file=None)])"
    )
    book.run(2)
    expect(tile(output, 1)).to_have_attribute("aria-label", re.compile("…"))
    for place in (1, 2):
        tile(output, place).dblclick()
        expect(book.page.get_by_role("dialog").locator(".nbkit-wall-prompt")).to_contain_text("at dawn")
        book.page.keyboard.press("Escape")


def test_side_by_side_in_step(shown):
    """Two selected pictures open beside each other and are at the same scale."""
    book, output = shown("wall.open(['key-1', 'key-2', 'key-4'])", count=30)
    page = book.page
    wall(output).focus()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("img")).to_have_count(2)
    dialog.get_by_role("img").first.click()
    for picture, width in zip(dialog.get_by_role("img").all(), (800, 1200), strict=True):
        expect(picture).to_have_css("width", f"{width}px")
    page.keyboard.press("Escape")
    book.run(2)
    expect(dialog.get_by_role("img")).to_have_count(3)
    dialog.get_by_role("button", name="Close").click()


def test_one_more_picture_costs_little(shown):
    """Under 10 kB over the connection; the previews in hand stay."""
    count = """() => { window.heard = 0; const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
        kernel.anyMessage.connect((_, {msg, direction}) => {
            if (msg.header.msg_type !== 'comm_msg') return;
            window.heard += JSON.stringify(msg.content).length + msg.buffers.reduce((sum, b) => sum + b.byteLength, 0); }); }"""
    book, output = shown(
        "wall.show(items)", "before = len(made)\nwall.show([item(5000), *items])", "len(made) - before"
    )
    expect(tile(output, 1).get_by_role("img")).to_be_visible()
    book.run(2)  # the page scrolls to where the next cell is run, and the wall asks for what comes into view
    book.page.wait_for_timeout(1000)
    book.page.evaluate(count)
    book.run(3)
    expect(tile(output, 1).get_by_role("img", name="A lantern number 5000")).to_be_visible()
    expect(tile(output, 2).get_by_role("img", name="A lantern number 0", exact=True)).to_be_visible()
    book.page.wait_for_timeout(300)
    assert book.page.evaluate("() => window.heard") < 10_000
    assert int(said(book, 4)) <= 2


def test_groups_and_two_views(shown):
    """Headings are heard as groups; what is selected in one view is selected in the other."""
    groups = ", groups=[('temperature 0.3', 7), ('temperature 0.8', 1993)]"
    book, output = shown("wall.box", groups=groups)
    expect(output.get_by_role("group", name="temperature 0.3 (7)").get_by_role("option")).to_have_count(7)
    book.run(2)
    other = book.output(2)
    expect(tile(other, 1).get_by_role("img")).to_be_visible()
    wall(other).focus()
    for _ in range(3):
        book.page.keyboard.press("ArrowDown")
    expect(selected(other)).to_have_count(1)
    expect(selected(output)).to_have_count(1)
    place = selected(other).get_attribute("aria-posinset")
    assert selected(output).get_attribute("aria-posinset") == place


def test_a_reloaded_page_asks_again(shown, reloaded):
    """With the kernel alive the wall is there again, and so is what was selected."""
    book, output = shown()
    expect(tile(output, 2).get_by_role("img")).to_be_visible()
    tile(output, 2).click()
    expect(selected(output)).to_have_count(1)
    book.save()
    reloaded(book)
    output = book.output(1)
    expect(tile(output, 1).get_by_role("img", name="A lantern number 0")).to_be_visible()
    expect_selected(output, 2)


def test_a_kernel_that_does_not_answer(shown):
    """The wall says so while it waits, and shows the pictures when they come."""
    # Many kernels answer a page beside the cell that runs; this one shall be one that does not.
    book, output = shown("import time; time.sleep(8)", subshells=False)
    expect(tile(output, 1).get_by_role("img")).to_be_visible()
    book.page.evaluate(
        """() => { const n = jupyterapp.shell.currentWidget.content; n.deselectAll(); n.activeCellIndex = 2;
            jupyterapp.commands.execute('notebook:run-cell'); }"""
    )
    wall(output).evaluate("e => { e.scrollTop = e.scrollHeight; }")
    silence = output.get_by_role("status").filter(has_text="the kernel is busy, or there is none")
    expect(silence).to_be_visible()
    expect(tile(output, 2000).get_by_role("img")).to_be_visible()
    expect(silence).to_have_count(0)


def test_no_picture_is_saved(shown):
    """A notebook that keeps its widgets' state keeps none."""
    book, output = shown()
    expect(tile(output, 1).get_by_role("img")).to_be_visible()
    saved = json.dumps(book.save())
    assert "/9j/" not in saved  # how every JPEG begins in base64
    assert len(saved) < 80_000


def test_axe_finds_nothing(shown, violations, screenshots):
    """In a light page and in a dark one, on the wall and in its dialog. The pictures are for looking at."""
    book, output = shown(count=60)
    page = book.page
    expect(tile(output, 3).get_by_role("img")).to_be_visible()
    wall(output).focus()
    for key in ("ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        book.theme(theme)
        page.screenshot(path=screenshots / f"wall-{theme.split()[1].lower()}.png")
        assert violations(page.locator(".nbkit-wall")) == []
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog").get_by_role("link", name="Save")).to_have_count(2)
        page.screenshot(path=screenshots / f"wall-open-{theme.split()[1].lower()}.png")
        assert violations(page.locator(".nbkit-wall-stage")) == []
        page.keyboard.press("Escape")
    book.theme("JupyterLab Light")


# -- with a kernel whose every word is the test's ------------------------------------------------------------------


@pytest.fixture
def bare(chromium):
    """``bare(6)`` gives a wall of six pictures on an empty page."""
    page, errors = chromium.new_page(viewport={"width": 900, "height": 700}), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield lambda total=6, **how: BareWall(page, total, **how)
    page.close()
    assert errors == []


def test_the_first_are_asked_for_before_there_is_a_view(bare):
    """Rows and previews in one question, and neither a second time; what else is in view is asked for by the view."""
    wall = bare(2000, new=True)
    wall.page.wait_for_function("() => sent.filter((content) => content.type === 'rows').length > 1")
    first, then = wall.sent("rows")[:2]
    assert first["ranges"] == [[0, 12]]
    assert then["ranges"][0][0] == 12
    wall.hear("rows", version=1, pixels=first["pixels"], parts=[[0, [fact(number) for number in range(12)]]])
    ((start, end),) = then["ranges"]
    wall.hear("rows", version=1, parts=[[start, [fact(number) for number in range(start, end)]]])
    assert sorted(wall.wait_for("previews")["ids"]) == list(range(start, end))
    wall.hear("previews", jpeg(), pixels=first["pixels"], ids=[0])
    expect(tile(wall.page, 1).get_by_role("img", name="picture 0")).to_be_visible()


def test_a_page_that_is_loaded_again_asks_for_what_is_in_view(bare):
    """There may be many walls that nobody looks at; what is asked for is asked once."""
    wall = bare(2000)
    asked = wall.wait_for("rows")
    assert "pixels" not in asked
    ((start, end),) = asked["ranges"]
    assert (start, end > 12) == (0, True)
    wall.tell(*range(end))
    assert sorted(wall.wait_for("previews")["ids"]) == list(range(end))


def test_an_opened_picture_stays_itself_when_another_comes_in_front(bare):
    """It is shown all the time; keys are for it alone, and go nowhere before the kernel has said where it stands."""
    wall = bare()
    wall.tell(0, 1, 2, 3, 4, 5)
    wall.open(3)
    expect(wall.dialog).to_contain_text("3 of 6")
    wall.show(7, active=3)
    wall.tell(9, 0, 1, 2, 3, 4, 5)
    assert wall.wait_for("find")["ids"] == [2]
    wall.page.keyboard.press("x")
    wall.page.keyboard.press("ArrowRight")
    assert wall.sent("key") == []
    wall.hear("found", version=1, at=[[2, 2]])
    wall.page.keyboard.press("x")
    assert wall.sent("key") == []
    wall.hear("found", version=2, at=[[2, 3]])
    expect(wall.dialog).to_contain_text("4 of 7")
    expect(wall.opened()).to_have_text("picture 2")
    wall.page.keyboard.press("x")
    assert wall.wait_for("key")["ranges"] == [[3, 4]]
    wall.page.keyboard.press("ArrowRight")
    expect(wall.opened()).to_have_text("picture 3")


def test_no_key_is_for_a_picture_that_is_not_known_yet(bare):
    """Whoever steps on faster than the kernel answers marks nothing unseen."""
    wall = bare(2000)
    wall.tell(0, 1)
    wall.open(2)
    wall.page.keyboard.press("ArrowRight")
    wall.page.keyboard.press("4")
    assert wall.sent("key") == []
    wall.tell(0, 1, 2)
    expect(wall.opened()).to_have_text("picture 2")
    wall.page.keyboard.press("4")
    assert wall.wait_for("key")["ranges"] == [[2, 3]]


def test_an_opened_picture_that_leaves_the_wall_is_closed(bare):
    """Of several the others stay; after the last one the keyboard is where it was."""
    wall = bare()
    wall.tell(0, 1, 2, 3, 4, 5)
    tile(wall.page, 2).click()
    tile(wall.page, 3).click(modifiers=["Control"])
    wall.page.keyboard.press("Enter")
    expect(wall.opened()).to_have_text(["picture 1", "picture 2"])
    wall.show(5, active=1)
    assert wall.wait_for("find")["ids"] == [1, 2]
    wall.hear("found", version=2, at=[[1, -1], [2, 1]])
    expect(wall.opened()).to_have_text(["picture 2"])
    expect(wall.dialog).to_contain_text("2 of 5")
    wall.show(1)
    assert wall.wait_for("find")["ids"] == [2]
    wall.hear("found", version=3, at=[[2, -1]])
    expect(wall.dialog).to_have_count(0)
    expect(wall.page.get_by_role("listbox")).to_be_focused()


def test_previews_come_although_something_else_was_shown_meanwhile(bare):
    """They are asked for by number: an answer, however late, is one."""
    wall = bare(2)
    wall.tell(0, 1)
    asked = wall.wait_for("previews")
    assert asked["ids"] == [0, 1]
    wall.show(2)
    wall.tell(1, 0)
    wall.hear("previews", jpeg(), jpeg(), pixels=asked["pixels"], ids=[0, 1])
    for place, number in ((1, 1), (2, 0)):
        expect(tile(wall.page, place).get_by_role("img", name=f"picture {number}")).to_be_visible()


def test_what_was_dropped_is_asked_for_again(bare):
    """Previews of what is in view, the original of what is open, and what is to be saved."""
    wall = bare(2)
    wall.tell(0, 1)
    assert wall.wait_for("previews")["ids"] == [0, 1]
    wall.hear("dropped", ids=[1])
    assert wall.wait_for("previews")["ids"] == [1]
    wall.open(1)
    assert wall.wait_for("original")["ids"] == [0]
    wall.hear("dropped", ids=[0])
    assert wall.wait_for("original")["ids"] == [0]
    wall.hear("original", jpeg(), id=0)
    expect(wall.dialog.get_by_role("link", name="Save")).to_be_visible()
    wall.page.keyboard.press("Escape")
    wall.hear("save", facts=[fact(1)])
    assert wall.wait_for("original")["ids"] == [1]
    wall.hear("dropped", ids=[1])
    assert wall.wait_for("original")["ids"] == [1]


def test_saving_what_the_page_has_never_shown(bare):
    """It is saved under its name, and what cannot be saved is said."""
    wall = bare(2000)
    wall.hear("save", facts=[fact(1500)])
    assert wall.wait_for("original")["ids"] == [1500]
    wall.hear("original", id=1500, broken="its file is not here")
    alert = wall.page.get_by_role("alert")
    expect(alert).to_have_text("seed-1500.jpg cannot be saved: its file is not here")
    wall.hear("save", facts=[fact(1500)])
    with wall.page.expect_download() as download:
        wall.hear("original", jpeg(), id=1500)
    assert download.value.suggested_filename == "seed-1500.jpg"
    expect(alert).to_have_count(0)


def test_the_keyboard_stays_at_work_at_either_end(bare):
    """A button that is disabled while it has the focus would hear no further key."""
    wall = bare(2)
    wall.tell(0, 1)
    wall.open(1)
    wall.dialog.get_by_role("button", name="Next picture").press("Enter")
    expect(wall.opened()).to_have_text("picture 1")
    expect(wall.dialog.get_by_role("button", name="Close (Esc)")).to_be_focused()
    wall.page.keyboard.press("ArrowLeft")
    expect(wall.opened()).to_have_text("picture 0")


def test_what_has_the_focus_keeps_it_while_others_change(bare):
    """A preview or a rating that comes in draws the page again, and a person may be about to press Save."""
    wall = bare(2)
    wall.tell(0, 1)
    wall.open(1)
    wall.hear("original", jpeg(), id=0)
    save = wall.dialog.get_by_role("link", name="Save")
    save.focus()
    wall.hear("facts", facts=[fact(1) | {"rating": 5}])
    expect(tile(wall.page, 2)).to_have_attribute("aria-label", re.compile("rated 5"))
    expect(save).to_be_focused()


def test_a_view_that_is_closed_lets_its_originals_go(bare):
    """A cell that is run again while a picture is open keeps no megabytes in the page."""
    wall = bare(2)
    wall.tell(0, 1)
    wall.open(1)
    wall.wait_for("original")
    wall.hear("original", jpeg(), id=0)
    address = wall.dialog.get_by_role("link", name="Save").get_attribute("href")
    wall.page.evaluate("() => closeView()")
    gone = "(address) => fetch(address).then(() => false, () => true)"
    assert wall.page.evaluate(gone, address)


def test_an_original_that_is_damaged_is_told(bare):
    """In words, and not by the browser's own sign for a picture that is none; there is nothing to save."""
    wall = bare(2)
    wall.tell(0, 1)
    wall.open(1)
    wall.wait_for("original")
    wall.hear("original", jpeg()[:300], id=0)
    expect(wall.dialog.locator('[data-problem="its file is damaged"]')).to_be_visible()
    expect(wall.dialog.get_by_role("img")).to_have_count(0)
    expect(wall.dialog.get_by_role("link", name="Save")).to_have_count(0)


def test_another_choice_begins_at_its_beginning(bare):
    """Whoever sorts while scrolled down wants to see the first; one more picture moves nothing."""
    wall = bare(500)
    wall.tell(*range(60))
    tile(wall.page, 1).click()
    wall.page.keyboard.press("End")
    place = "() => document.querySelector('[role=listbox]').scrollTop"
    wall.page.wait_for_function(f"() => ({place})() > 0")
    below = wall.page.evaluate(place)
    wall.show(501)
    wall.tell(*range(20))
    assert wall.page.evaluate(place) == below
    wall.show(400)
    wall.hear("top")
    wall.page.wait_for_function(f"() => ({place})() === 0")


def test_a_few_take_no_more_room_than_they_need(bare):
    """A wall is as high as what stands on it, up to its height."""
    wall = bare(2)
    wall.tell(0, 1)
    height = "() => document.querySelector('[role=listbox]').getBoundingClientRect().height"
    wall.page.wait_for_function(f"() => ({height})() < 250")
    few = wall.page.evaluate(height)
    wall.show(500)
    wall.page.wait_for_function(f"() => ({height})() >= 400")
    assert few < wall.page.evaluate(height)
