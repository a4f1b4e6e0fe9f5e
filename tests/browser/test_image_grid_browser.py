"""The grid of pictures in JupyterLab: only what is in view is in the page; keyboard, mouse, and the full size.

The second part has a grid on an empty page, where the test sends the messages of the kernel.
"""

import hashlib
import json
import re

import pytest
from image_grid_page import BareGrid, fact, jpeg, selected, tile
from lab_page import DARK, KERNEL, LIGHT, RUNNING, evaluate_async, show_notebook
from page_checks import is_revoked
from playwright.sync_api import expect

GRID = """
import hashlib, io, pathlib
from PIL import Image, ImageDraw
from nbkit.measures.preview import make_preview
from nbkit.widgets.image_grid.item import Item
from nbkit.widgets.image_grid.image_grid import ImageGrid
folder = pathlib.Path({folder!r}); folder.mkdir(exist_ok=True)
files = []
for n in range(20):
    picture = Image.new("RGB", (1200, 800) if n % 3 else (800, 1200), f"hsl({{n * 18}}, 60%, 50%)")
    ImageDraw.Draw(picture).ellipse((100 + 20 * n, 100, 500 + 20 * n, 500), fill="white")
    out = io.BytesIO(); picture.save(out, "JPEG")
    files.append(folder / f"{{hashlib.sha256(out.getvalue()).hexdigest()}}.jpg"); files[-1].write_bytes(out.getvalue())
def item(n, **facts):
    defaults = dict(file=files[n % 20], alt=f"A lantern number {{n}}", caption=(f"seed {{n}}", "temperature 0.3", "$0.07"))
    width, height = (1200, 800) if n % 20 % 3 else (800, 1200)
    return Item(f"key-{{n}}", width=width, height=height, media_type="image/jpeg", **(defaults | facts))
items = [item(n) for n in range({count})]
items[1] = item(1, rating=3, keep=True, tags="red night", note="the best")
items[2] = item(2, keep=False)
items[3] = item(3, file=None, status="blocked", missing="refused by a safety filter")
made, pressed = [], []
def preview(file, size):
    made.append((file, size))
    return make_preview(file.read_bytes(), size)
grid = ImageGrid(preview, size=160, keys=True)
grid.on_key(lambda key, keys: pressed.append((key, keys)))
grid.show(items{groups})
"""


@pytest.fixture
def show_grid(open_notebook, tmp_path):
    """``show_grid("a further cell")`` returns a notebook and the output of its second cell, which shows a grid."""

    def show(*further, count=2000, groups="", subshells=True):
        setup = GRID.format(folder=str(tmp_path / "pictures"), count=count, groups=groups)
        book = open_notebook(setup, "grid.box", *further)
        if not subshells:
            book.disable_subshells()
        book.run(0)
        book.run(1)
        output = book.output(1)
        expect(grid(output)).to_be_visible()
        return book, output

    return show


def grid(output):
    return output.get_by_role("listbox", name="pictures")


def expect_selected(output, place):
    """Wait until that picture is selected and no other."""
    expect(selected(output)).to_have_count(1)  # the next line fails at once if it finds several elements
    expect(selected(output)).to_have_attribute("aria-posinset", str(place))


def test_only_tiles_in_view_are_in_the_page(show_grid):
    """Of two thousand pictures, the page has a few dozen tiles at the beginning and at the end; the kernel makes few previews."""
    book, output = show_grid("len(made)")
    expect(tile(output, 1).get_by_role("img", name="A lantern number 0")).to_be_visible()
    expect(tile(output, 4)).to_contain_text("blocked: refused by a safety filter")
    assert output.get_by_role("option").count() < 60
    grid(output).evaluate("e => { e.scrollTop = e.scrollHeight; }")
    expect(tile(output, 2000).get_by_role("img", name="A lantern number 1999")).to_be_visible()
    expect(tile(output, 1)).to_have_count(0)
    assert output.get_by_role("option").count() < 60
    assert int(book.run_and_read(2)) < 150
    assert book.page.script_errors == []


def test_pictures_are_selected_and_marked_by_keyboard_alone(show_grid):
    """Keys move, extend and select all, and the kernel gets the others; none is a shortcut of the notebook."""
    book, output = show_grid("grid.selected[:5], len(grid.selected), pressed")
    page = book.page
    grid(output).focus()
    page.keyboard.press("ArrowRight")
    expect_selected(output, 2)
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(selected(output)).to_have_count(3)
    page.keyboard.press("4")
    page.keyboard.press("Control+z")
    cells = book.cells.count()
    for key in ("d", "d", "a", "b", "End"):
        page.keyboard.press(key)
    expect_selected(output, 2000)
    assert book.cells.count() == cells
    page.keyboard.press("Home")
    page.keyboard.press("Control+a")
    expect(output.get_by_role("status").filter(has_text="2,000 of 2,000 selected")).to_be_visible()
    keys = "('key-1', 'key-2', 'key-3')"
    first = "('key-0', 'key-1', 'key-2', 'key-3', 'key-4')"
    book.run_until(2, f"({first}, 2000, [('4', {keys}), ('u', {keys})])")


def test_clicks_select_as_in_a_file_manager(show_grid):
    """A click selects one picture, with Ctrl one more, with Shift all in between."""
    book, output = show_grid("grid.selected", "grid.select(['key-6'])", count=30)
    expect(tile(output, 1).get_by_role("img")).to_be_visible()
    tile(output, 1).click()
    tile(output, 3).click(modifiers=["Control"])
    expect(selected(output)).to_have_count(2)
    tile(output, 5).click(modifiers=["Shift"])
    expect(selected(output)).to_have_count(3)
    book.run_until(2, "('key-2', 'key-3', 'key-4')")
    book.run(3)
    expect_selected(output, 7)


def test_a_picture_opens_in_full_size(show_grid, tmp_path):
    """Enter opens the original, z shows it pixel by pixel, arrow keys change the picture, Save saves it, Escape closes."""
    book, output = show_grid(count=30)
    page = book.page
    grid(output).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    picture = dialog.get_by_role("img", name="A lantern number 1", exact=True)
    expect(picture).to_be_visible()
    expect(dialog).to_contain_text("★★★")
    expect(dialog.get_by_role("link", name="Save")).to_be_visible()
    assert picture.evaluate("e => e.decode().then(() => e.naturalWidth)") == 1200
    page.keyboard.press("z")
    expect(picture).to_have_css("width", "1200px")
    page.keyboard.press("z")
    page.keyboard.press("ArrowLeft")
    expect(dialog.get_by_role("img", name="A lantern number 0", exact=True)).to_be_visible()
    with page.expect_download() as download:
        dialog.get_by_role("link", name="Save").click()
    digest = hashlib.sha256(download.value.path().read_bytes()).hexdigest()
    assert download.value.suggested_filename == f"seed-0-{digest[:12]}.jpg"
    assert (tmp_path / "pictures" / f"{digest}.jpg").exists()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(grid(output)).to_be_focused()
    expect_selected(output, 1)


def test_the_full_size_shows_the_whole_of_a_long_prompt(show_grid):
    """The tile has its beginning; the dialog has all of it, also for a run without a picture."""
    book, output = show_grid(
        "long = 'a secret garden ' * 50 + 'at dawn'; grid.show([item(0, alt=long), item(1, alt=long, file=None)])"
    )
    book.run(2)
    expect(tile(output, 1)).to_have_attribute("aria-label", re.compile("…"))
    for place in (1, 2):
        tile(output, place).dblclick()
        expect(book.page.get_by_role("dialog").locator(".nbkit-lightbox-prompt")).to_contain_text("at dawn")
        book.page.keyboard.press("Escape")


def test_selected_pictures_open_side_by_side_at_the_same_scale(show_grid):
    """Enter opens both, a double click zooms both; ``grid.open`` opens three."""
    book, output = show_grid("grid.open(['key-1', 'key-2', 'key-4'])", count=30)
    page = book.page
    grid(output).focus()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("img")).to_have_count(2)
    dialog.get_by_role("img").first.dblclick()
    for picture, width in zip(dialog.get_by_role("img").all(), (800, 1200), strict=True):
        expect(picture).to_have_css("width", f"{width}px")
    page.keyboard.press("Escape")
    book.run(2)
    expect(dialog.get_by_role("img")).to_have_count(3)
    dialog.get_by_role("button", name="Close").click()


COUNT_BYTES = f"""() => {{ window.bytes = 0;
    {KERNEL}.anyMessage.connect((_, {{msg}}) => {{
        if (msg.header.msg_type !== 'comm_msg') return;
        window.bytes += JSON.stringify(msg.content).length + msg.buffers.reduce((sum, b) => sum + b.byteLength, 0); }}); }}"""


def test_adding_a_picture_sends_less_than_10_kb(show_grid):
    """The page keeps the previews that it has, and the kernel makes at most two."""
    book, output = show_grid(
        "grid.show(items)", "before = len(made)\ngrid.show([item(5000), *items])", "len(made) - before"
    )
    expect(tile(output, 1).get_by_role("img")).to_be_visible()
    book.run(2)  # the page scrolls to this cell, and the grid requests what comes into view
    book.page.wait_for_timeout(1000)
    book.page.evaluate(COUNT_BYTES)
    book.run(3)
    expect(tile(output, 1).get_by_role("img", name="A lantern number 5000")).to_be_visible()
    expect(tile(output, 2).get_by_role("img", name="A lantern number 0", exact=True)).to_be_visible()
    book.page.wait_for_timeout(300)
    assert book.page.evaluate("() => window.bytes") < 10_000
    assert int(book.run_and_read(4)) <= 2


def test_headings_are_groups_and_two_views_share_the_selection(show_grid):
    """Assistive technology finds the pictures in named groups; a picture selected in one view is selected in the other."""
    groups = ", groups=[('temperature 0.3', 7), ('temperature 0.8', 1993)]"
    book, output = show_grid("grid.box", groups=groups)
    expect(output.get_by_role("group", name="temperature 0.3 (7)").get_by_role("option")).to_have_count(7)
    book.run(2)
    other = book.output(2)
    expect(tile(other, 1).get_by_role("img")).to_be_visible()
    grid(other).focus()
    for _ in range(3):
        book.page.keyboard.press("ArrowDown")
    expect(selected(other)).to_have_count(1)
    expect(selected(output)).to_have_count(1)
    place = selected(other).get_attribute("aria-posinset")
    expect(selected(output)).to_have_attribute("aria-posinset", place)  # it is drawn with the next frame of its own


def test_a_reloaded_page_shows_the_grid_and_its_selection(show_grid, reload_page):
    """The page requests the pictures from the running kernel again."""
    book, output = show_grid()
    expect(tile(output, 2).get_by_role("img")).to_be_visible()
    tile(output, 2).click()
    expect(selected(output)).to_have_count(1)
    book.save()
    reload_page(book)
    output = book.output(1)
    expect(tile(output, 1).get_by_role("img", name="A lantern number 0")).to_be_visible()
    expect_selected(output, 2)


def test_the_grid_shows_a_message_while_the_kernel_does_not_answer(show_grid):
    """The message disappears when the kernel answers and the pictures are shown."""
    # Without subshells the kernel answers no message of the page before the cell has ended.
    book, output = show_grid("import time; time.sleep(8)", subshells=False)
    expect(tile(output, 1).get_by_role("img")).to_be_visible()
    expect(book.start(2)).to_have_text(RUNNING)
    grid(output).evaluate("e => { e.scrollTop = e.scrollHeight; }")
    message = output.get_by_role("status").filter(has_text="the kernel is busy, or there is none")
    expect(message).to_be_visible()
    expect(tile(output, 2000).get_by_role("img")).to_be_visible()
    expect(message).to_have_count(0)


@pytest.mark.parametrize("end", ["restart", "crash", "shutdown"])
def test_the_grid_says_when_its_kernel_is_gone(show_grid, end):
    """However it ended: the pictures stay, no icon of a broken link is drawn, and a key that marks is refused in words."""
    book, output = show_grid("import os; os._exit(1)", count=12)
    expect(tile(output, 12).get_by_role("img")).to_be_visible()
    grid(output).focus()
    if end == "crash":
        book.start(2)
        book.page.get_by_role("dialog").get_by_role("button", name="Ok").click()  # JupyterLab says it, too
    else:
        evaluate_async(book.page, f"() => jupyterapp.shell.currentWidget.sessionContext.{END[end]}.then(() => null)")
    expect(output.get_by_role("status").filter(has_text="Kernel restarted: run this cell again.")).to_be_visible()
    grid(output).focus()
    book.page.keyboard.press("ArrowRight")
    expect(selected(output)).to_have_count(1)
    book.page.keyboard.press("4")
    alert = output.get_by_role("alert").filter(has_text="The kernel has restarted: run this cell again.")
    expect(alert).to_be_visible()
    assert tile(output, 1).get_by_role("img").evaluate("e => e.naturalWidth") > 0
    assert output.evaluate(BROKEN_LINKS) == []
    book.page.script_errors[:] = [error for error in book.page.script_errors if "Canceled future" not in error]
    assert book.page.script_errors == []  # but JupyterLab's own, about messages that had no answer


END = {"restart": "session.kernel.restart()", "shutdown": "shutdown()"}
BROKEN_LINKS = """output => [...output.querySelectorAll('.jupyter-widgets-disconnected')]
    .filter(e => !['none', 'normal'].includes(getComputedStyle(e, '::before').content)).map(e => e.className)"""


def test_a_grid_that_a_notebook_has_saved_is_one_line_for_another_kernel(show_grid):
    """The saved state of the widget has no picture."""
    book, output = show_grid(count=12)
    expect(tile(output, 12).get_by_role("img")).to_be_visible()
    book.save()
    book.close()
    show_notebook(book.page, book.path)
    expect(output.locator(".nbkit-images-empty")).to_have_text("Kernel restarted: run this cell again.")
    expect(output.locator(".nbkit-images-empty")).to_be_visible()
    expect(grid(output)).to_have_count(0)


def test_a_saved_notebook_has_no_picture_of_the_grid(show_grid):
    """The saved state of the widgets has no JPEG, and is small."""
    book, output = show_grid()
    expect(tile(output, 1).get_by_role("img")).to_be_visible()
    saved = json.dumps(book.save())
    assert "/9j/" not in saved  # the beginning of each JPEG in base64
    assert len(saved) < 90_000  # nearly all of it is the script and the style of the grid


def test_axe_core_finds_nothing_on_the_grid_and_in_its_dialog(show_grid, find_violations, screenshots):
    """On a light page and on a dark one."""
    book, output = show_grid(count=60)
    page = book.page
    expect(tile(output, 3).get_by_role("img")).to_be_visible()
    grid(output).focus()
    for key in ("ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    for theme, name in ((LIGHT, "light"), (DARK, "dark")):
        book.set_theme(theme)
        page.screenshot(path=screenshots / f"grid-{name}.png")
        assert find_violations(page.locator(".nbkit-images")) == []
        grid(output).focus()  # JupyterLab may have taken the focus when it changed its theme
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog").get_by_role("link", name="Save")).to_have_count(2)
        page.screenshot(path=screenshots / f"grid-open-{name}.png")
        assert find_violations(page.locator(".nbkit-lightbox")) == []
        page.keyboard.press("Escape")
    book.set_theme(LIGHT)


# -- the test takes the part of the kernel -------------------------------------------------------------------------


@pytest.fixture
def bare_grid(chromium):
    """``bare_grid(6)`` returns a grid of six pictures on an empty page."""
    page, errors = chromium.new_page(viewport={"width": 900, "height": 700}), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield lambda total=6, **options: BareGrid(page, total, **options)
    page.close()
    assert errors == []


ROOMS = """() => [...document.querySelectorAll('.nbkit-images-heading, .nbkit-images-signs, .nbkit-images-caption')].map((e) => {
    const [outer, box] = [e.parentNode, e].map((one) => one.getBoundingClientRect()), room = e.matches('.nbkit-images-heading') ? box : outer;
    return [e.className, parseFloat(getComputedStyle(e).fontSize), box.height, e.scrollHeight <= e.clientHeight + 1 && box.bottom <= room.bottom]; })"""
"""Of each line of text in a grid: its class, the size of its letters, its height, and whether nothing of it is cut off."""


@pytest.mark.parametrize(
    "options", [{"groups": [["seed=7", 3, 3], ["seed=8", 3, 3]]}, {"fit": True}], ids=["groups", "sheet"]
)
def test_larger_text_of_the_notebook_makes_the_lines_under_pictures_higher(bare_grid, options):
    """As in JupyterLab's presentation mode, without drawing the grid again: sizes grow alike, nothing is cut off."""
    grid = bare_grid(6, **options)
    grid.receive_rows(
        *(fact(number, caption=["temperature 0.2", "seed 7"], rating=3, badge="4K") for number in range(6))
    )
    expect(tile(grid.page, 6)).to_contain_text("seed 7")
    before = grid.page.evaluate(ROOMS)
    top = grid.image_box(6)[1]
    grid.page.evaluate("document.documentElement.style.setProperty('--jp-content-font-size1', '21px')")
    if not options.get("fit"):
        grid.page.wait_for_function(
            "([place, top]) => document.querySelector(`[data-place='${place}'] :is(img, .nbkit-images-blank)`).getBoundingClientRect().y > top",
            arg=[5, top],
        )
    grid.page.wait_for_function(
        f"(before) => {{ const now = ({ROOMS})(); return now.every(([, , high], i) => high > before[i][2] * 1.4); }}",
        arg=before,
    )
    after = grid.page.evaluate(ROOMS)
    assert len(before) == len(after) > 6
    assert all(is_whole for *_, is_whole in [*before, *after])
    assert [size for _, size, *_ in after] == pytest.approx([size * 1.5 for _, size, *_ in before], rel=0.01)


def test_a_new_grid_requests_its_first_pictures_before_it_is_drawn(bare_grid):
    """One message requests facts and previews of the first twelve; the view requests what else it shows, nothing twice."""
    grid = bare_grid(2000, new=True)
    grid.page.wait_for_function("() => sentMessages.filter((content) => content.type === 'rows').length > 1")
    first, second = grid.take_sent("rows")[:2]
    assert first["ranges"] == [[0, 12]]
    assert second["ranges"][0][0] == 12
    grid.receive("rows", version=1, pixels=first["pixels"], parts=[[0, [fact(number) for number in range(12)]]])
    ((start, end),) = second["ranges"]
    grid.receive("rows", version=1, parts=[[start, [fact(number) for number in range(start, end)]]])
    assert sorted(grid.wait_for("previews")["ids"]) == list(range(start, end))
    grid.receive("previews", jpeg(), pixels=first["pixels"], ids=[0])
    expect(tile(grid.page, 1).get_by_role("img", name="picture 0")).to_be_visible()


def test_a_reloaded_page_requests_only_what_is_in_view(bare_grid):
    """A notebook may have many grids out of view, so only a new grid requests previews before it is drawn."""
    grid = bare_grid(2000)
    request = grid.wait_for("rows")
    assert "pixels" not in request
    ((start, end),) = request["ranges"]
    assert (start, end > 12) == (0, True)
    grid.receive_rows(*range(end))
    assert sorted(grid.wait_for("previews")["ids"]) == list(range(end))


def test_an_opened_picture_stays_open_when_another_is_added_before_it(bare_grid):
    """Until the kernel has sent its new position, its keys are not sent to the kernel and arrow keys do nothing."""
    grid = bare_grid()
    grid.receive_rows(0, 1, 2, 3, 4, 5)
    grid.open(3)
    expect(grid.dialog).to_contain_text("3 of 6")
    grid.show(7, active=3)
    grid.receive_rows(9, 0, 1, 2, 3, 4, 5)
    assert grid.wait_for("find")["ids"] == [2]
    grid.page.keyboard.press("x")
    grid.page.keyboard.press("ArrowRight")
    assert grid.take_sent("key") == []
    grid.receive("found", version=1, at=[[2, 2]])
    grid.page.keyboard.press("x")
    assert grid.take_sent("key") == []
    grid.receive("found", version=2, at=[[2, 3]])
    expect(grid.dialog).to_contain_text("4 of 7")
    expect(grid.opened_prompts()).to_have_text("picture 2")
    grid.page.keyboard.press("x")
    assert grid.wait_for("key")["ranges"] == [[3, 4]]
    grid.page.keyboard.press("ArrowRight")
    expect(grid.opened_prompts()).to_have_text("picture 3")


def test_keys_do_not_mark_a_picture_that_has_not_been_drawn(bare_grid):
    """A user who moves on faster than the kernel answers cannot rate a picture unseen."""
    grid = bare_grid(2000)
    grid.receive_rows(0, 1)
    grid.open(2)
    grid.page.keyboard.press("ArrowRight")
    grid.page.keyboard.press("4")
    assert grid.take_sent("key") == []
    grid.receive_rows(0, 1, 2)
    expect(grid.opened_prompts()).to_have_text("picture 2")
    grid.page.keyboard.press("4")
    assert grid.wait_for("key")["ranges"] == [[2, 3]]


def test_an_opened_picture_is_closed_when_it_leaves_the_grid(bare_grid):
    """The other opened pictures stay; when the last one is closed, the focus is back in the grid."""
    grid = bare_grid()
    grid.receive_rows(0, 1, 2, 3, 4, 5)
    tile(grid.page, 2).click()
    tile(grid.page, 3).click(modifiers=["Control"])
    grid.page.keyboard.press("Enter")
    expect(grid.opened_prompts()).to_have_text(["picture 1", "picture 2"])
    grid.show(5, active=1)
    assert grid.wait_for("find")["ids"] == [1, 2]
    grid.receive("found", version=2, at=[[1, -1], [2, 1]])
    expect(grid.opened_prompts()).to_have_text(["picture 2"])
    expect(grid.dialog).to_contain_text("2 of 5")
    grid.show(1)
    assert grid.wait_for("find")["ids"] == [2]
    grid.receive("found", version=3, at=[[2, -1]])
    expect(grid.dialog).to_have_count(0)
    expect(grid.page.get_by_role("listbox")).to_be_focused()


def test_previews_that_arrive_after_the_grid_has_changed_are_shown(bare_grid):
    """Pictures keep their number when the grid is sorted, so a late answer is still valid."""
    grid = bare_grid(2)
    grid.receive_rows(0, 1)
    request = grid.wait_for("previews")
    assert request["ids"] == [0, 1]
    grid.show(2)
    grid.receive_rows(1, 0)
    grid.receive("previews", jpeg(), jpeg(), pixels=request["pixels"], ids=[0, 1])
    for place, number in ((1, 1), (2, 0)):
        expect(tile(grid.page, place).get_by_role("img", name=f"picture {number}")).to_be_visible()


def test_the_page_requests_dropped_pictures_again(bare_grid):
    """A preview in view, the original of an opened picture, and the original of one that is being saved."""
    grid = bare_grid(2)
    grid.receive_rows(0, 1)
    assert grid.wait_for("previews")["ids"] == [0, 1]
    grid.receive("dropped", ids=[1])
    assert grid.wait_for("previews")["ids"] == [1]
    grid.open(1)
    assert grid.wait_for("original")["ids"] == [0]
    grid.receive("dropped", ids=[0])
    assert grid.wait_for("original")["ids"] == [0]
    grid.receive("original", jpeg(), id=0)
    expect(grid.dialog.get_by_role("link", name="Save")).to_be_visible()
    grid.page.keyboard.press("Escape")
    grid.receive("save", facts=[fact(1)])
    assert grid.wait_for("original")["ids"] == [1]
    grid.receive("dropped", ids=[1])
    assert grid.wait_for("original")["ids"] == [1]


def test_a_picture_out_of_view_is_saved_under_its_name(bare_grid):
    """If its file is missing, an alert says so until the next attempt."""
    grid = bare_grid(2000)
    grid.receive("save", facts=[fact(1500)])
    assert grid.wait_for("original")["ids"] == [1500]
    grid.receive("original", id=1500, broken="its file is not here")
    alert = grid.page.get_by_role("alert")
    expect(alert).to_have_text("seed-1500.jpg cannot be saved: its file is not here")
    grid.receive("save", facts=[fact(1500)])
    with grid.page.expect_download() as download:
        grid.receive("original", jpeg(), id=1500)
    assert download.value.suggested_filename == "seed-1500.jpg"
    expect(alert).to_have_count(0)


def test_a_signed_picture_is_saved_with_a_file_beside_it(bare_grid):
    """Both are downloaded, and it is said; what cannot be saved says why."""
    grid = bare_grid(2)
    said = grid.page.get_by_role("alert")
    grid.receive("saved", fact=fact(1), broken="its file is gone")
    expect(said).to_have_text("seed-1.jpg cannot be saved: its file is gone")
    downloads = []
    grid.page.on("download", lambda download: downloads.append(download.suggested_filename))
    with grid.page.expect_download(lambda download: download.suggested_filename.endswith(".xmp")):
        grid.receive("saved", jpeg(), b"<x/>", fact=fact(1), beside="Its settings are in seed-1.jpg.xmp beside it.")
    expect(said).to_have_text("Its settings are in seed-1.jpg.xmp beside it.")
    assert sorted(downloads) == ["seed-1.jpg", "seed-1.jpg.xmp"]


def test_arrow_keys_still_work_after_next_was_pressed_at_the_last_picture(bare_grid):
    """Next is disabled there, and a disabled button gets no keys; so the focus moves to Close."""
    grid = bare_grid(2)
    grid.receive_rows(0, 1)
    grid.open(1)
    grid.dialog.get_by_role("button", name="Next picture (→)").press("Enter")
    expect(grid.opened_prompts()).to_have_text("picture 1")
    expect(grid.dialog.get_by_role("button", name="Close (Esc)")).to_be_focused()
    grid.page.keyboard.press("ArrowLeft")
    expect(grid.opened_prompts()).to_have_text("picture 0")


def test_the_focus_stays_when_another_picture_changes(bare_grid):
    """A new preview or rating redraws the page while the user may be about to press Save."""
    grid = bare_grid(2)
    grid.receive_rows(0, 1)
    grid.open(1)
    grid.receive("original", jpeg(), id=0)
    save = grid.dialog.get_by_role("link", name="Save")
    save.focus()
    grid.receive("facts", facts=[fact(1) | {"rating": 5}])
    expect(tile(grid.page, 2)).to_have_attribute("aria-label", re.compile("rated 5"))
    expect(save).to_be_focused()


def test_closing_a_view_releases_its_originals(bare_grid):
    """When a cell is run again while a picture is open, the page does not keep the megabytes of that picture."""
    grid = bare_grid(2)
    grid.receive_rows(0, 1)
    grid.open(1)
    grid.wait_for("original")
    grid.receive("original", jpeg(), id=0)
    address = grid.dialog.get_by_role("link", name="Save").get_attribute("href")
    grid.page.evaluate("() => closeView()")
    assert is_revoked(grid.page, address)


def test_a_damaged_original_is_reported(bare_grid):
    """The dialog has a message instead of the browser's sign for a broken image, and no Save."""
    grid = bare_grid(2)
    grid.receive_rows(0, 1)
    grid.open(1)
    grid.wait_for("original")
    grid.receive("original", jpeg()[:300], id=0)
    expect(grid.dialog.locator('[data-problem="its file is damaged"]')).to_be_visible()
    expect(grid.dialog.get_by_role("img")).to_have_count(0)
    expect(grid.dialog.get_by_role("link", name="Save")).to_have_count(0)


def test_sorting_scrolls_to_the_top_and_a_new_picture_does_not(bare_grid):
    """After a change of order or filter the user wants to see the first pictures; adding one must not move the view."""
    grid = bare_grid(500)
    grid.receive_rows(*range(60))
    tile(grid.page, 1).click()
    grid.page.keyboard.press("End")
    scroll_top = "() => document.querySelector('[role=listbox]').scrollTop"
    grid.page.wait_for_function(f"() => ({scroll_top})() > 0")
    before = grid.page.evaluate(scroll_top)
    grid.show(501)
    grid.receive_rows(*range(20))
    assert grid.page.evaluate(scroll_top) == before
    grid.show(400)
    grid.receive("top")
    grid.page.wait_for_function(f"() => ({scroll_top})() === 0")


def test_a_grid_is_only_as_high_as_its_pictures(bare_grid):
    """It grows with them up to its ``height``."""
    grid = bare_grid(2)
    grid.receive_rows(0, 1)
    height = "() => document.querySelector('[role=listbox]').getBoundingClientRect().height"
    grid.page.wait_for_function(f"() => ({height})() < 250")
    height_of_two = grid.page.evaluate(height)
    grid.show(500)
    grid.page.wait_for_function(f"() => ({height})() >= 400")
    assert height_of_two < grid.page.evaluate(height)
