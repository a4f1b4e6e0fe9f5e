"""The control of the reference images in JupyterLab: files, the clipboard, addresses, their order, a reloaded page."""

import base64
import json
import re

import pytest
from lab_page import DARK, LIGHT
from page_checks import DROP, is_revoked
from PIL import Image
from playwright.sync_api import expect
from small_pictures import encode

CONTROL = """import ipywidgets
from nbkit.widgets.form.form import Form
from nbkit.widgets.form.view import FormView
form = Form()
control, counts = form.references, []
view = FormView(form, print, ("reference_images",))
def follow():
    form.complain({name: str(error) for name, error in form.wrong().items()})
    view.refresh()
    counts.append(len(control.items))
form.on_change(follow)
box = ipywidgets.Box((view,))
box.add_class("nbkit-panel")
box"""
NAME = "References (referenceImages)"


def file(name, data=None):
    """A file for Playwright; without ``data``, a picture of the colour in its name."""
    picture = encode("PNG", name.partition(".")[0], (90, 60)) if data is None else data
    return {"name": name, "mimeType": "image/png", "buffer": picture}


def in_base64(name):
    """A file for ``DROP``: a picture of the colour in its name."""
    return [name, base64.b64encode(file(name)["buffer"]).decode()]


@pytest.fixture
def show_control(open_notebook):
    """``show_control("a further cell")`` returns a notebook and the output of its first cell, which shows the control."""

    def show(*further):
        book = open_notebook(CONTROL, *further)
        book.run(0)
        expect(drop_zone(book.output(0))).to_be_visible()
        return book, book.output(0)

    return show


def drop_zone(view):
    return view.get_by_role("group", name=f"{NAME}: drop or paste pictures here")


def address_box(view):
    return view.get_by_label(f"{NAME}: URL or UUID")


def choose(view, *files):
    view.get_by_label(f"{NAME}: choose files").set_input_files([file(f) if isinstance(f, str) else f for f in files])


def tiles(view):
    return view.locator("li")


def expect_order(view, *names):
    """Wait until there are tiles with these names in this order, each with its number."""
    expect(tiles(view)).to_have_text(
        [re.compile(rf"{number}{re.escape(n)}◀.?✕.?▶") for number, n in enumerate(names, 1)]
    )


def expect_thumbnails(view, count):
    """Wait until this number of thumbnails is drawn."""
    view.page.wait_for_function(
        "([list, count]) => [...list.querySelectorAll('img')].filter(i => i.naturalWidth > 0).length === count",
        arg=[view.locator("ol").element_handle(), count],
    )


def button(view, action):
    return view.get_by_role("button", name=re.compile(f"^{re.escape(NAME)}: {action}"))


def test_chosen_files_are_numbered_moved_and_removed(show_control):
    """Each has a thumbnail; removing it revokes the object URL of the thumbnail."""
    book, view = show_control("[item.name for item in control.items], counts")
    choose(view, "red.png", "green.png", "blue.png")
    expect_order(view, "red.png", "green.png", "blue.png")
    expect_thumbnails(view, 3)
    expect(view.get_by_role("status")).to_have_text("3 reference images")
    button(view, "move number 1, red.png, back").click()
    expect_order(view, "green.png", "red.png", "blue.png")
    expect(view.get_by_role("status")).to_have_text("red.png is now number 2 of 3")
    expect(button(view, "move number 1, green.png, forward")).to_be_disabled()
    address = tiles(view).nth(2).locator("img").get_attribute("src")
    button(view, "remove number 3, blue.png").click()
    expect_order(view, "green.png", "red.png")
    assert is_revoked(book.page, address)
    book.run_until(1, re.compile(re.escape("['green.png', 'red.png']")))
    book.page.script_errors.clear()  # the page reports the revoked address


def test_references_are_dropped_pasted_and_typed(show_control):
    """A file is dropped, a file and an address are pasted, a UUID is typed; the page fetches no address and hides its query."""
    book, view = show_control("[getattr(item.reference.text, 'whole', item.reference.text) for item in control.items]")
    requested = []
    book.page.on("request", lambda request: requested.append(request.url))
    drop_zone(view).evaluate(DROP, ["over", [in_base64("red.png")], ""])
    expect(view.get_by_text("Drop to use as reference")).to_be_visible()
    drop_zone(view).evaluate(DROP, ["drop", [in_base64("red.png")], ""])
    expect(view.get_by_text("Drop to use as reference")).to_have_count(0)
    expect_order(view, "red.png")
    drop_zone(view).evaluate(DROP, ["paste", [in_base64("blue.png")], ""])
    expect_order(view, "red.png", "blue.png")
    address_box(view).evaluate(DROP, ["paste", [in_base64("green.png")], ""])
    drop_zone(view).evaluate(DROP, ["paste", [], "https://pictures.example/a/tom.png?key=hush"])
    expect_order(view, "red.png", "blue.png", "green.png", "tom.png")
    address_box(view).fill("5a1f5f0a-2b63-4f36-8ac8-0123456789ab")
    address_box(view).press("Enter")
    expect(tiles(view)).to_have_count(5)
    expect(address_box(view)).to_have_value("")
    expect(tiles(view).nth(3)).to_contain_text("pictures.example")
    assert "hush" not in view.inner_html()
    expect_thumbnails(view, 3)
    book.run_until(1, re.compile(re.escape("tom.png?key=hush")))
    assert not [url for url in requested if "example" in url]


def test_a_typed_address_is_added_without_enter(show_control):
    """Leaving the box adds it; a text that is no address stays in the box, with an error message."""
    _, view = show_control()
    address_box(view).fill("https://pictures.example/tom.png")
    drop_zone(view).focus()
    expect(tiles(view)).to_have_count(1)
    address_box(view).fill("cat.png")
    address_box(view).press("Enter")
    expect(view.get_by_role("alert")).to_have_text("“cat.png” is not a URL or UUID.")
    expect(address_box(view)).to_have_value("cat.png")
    address_box(view).fill("")
    address_box(view).press("Enter")
    expect(view.get_by_role("alert")).to_have_count(0)


def test_files_that_are_no_pictures_are_reported_and_the_others_added(show_control):
    """The message under the control names each of them, until other files are chosen."""
    _, view = show_control()
    choose(view, file("notes.png", b"not a picture"), "red.png", file("empty.png", b""))
    expect_order(view, "red.png")
    expect(view.get_by_role("alert")).to_contain_text("notes.png cannot be used")
    expect(view.get_by_role("alert")).to_contain_text("empty.png cannot be used")
    choose(view, "blue.png")
    expect_order(view, "red.png", "blue.png")
    expect(view.get_by_role("alert")).to_have_count(0)


def test_ctrl_v_in_the_drop_zone_adds_the_copied_address(show_control):
    """It pastes no cell into the notebook."""
    book, view = show_control()
    address_box(view).fill("https://pictures.example/tom.png")
    address_box(view).press("Control+a")
    address_box(view).press("Control+x")
    expect(address_box(view)).to_have_value("")
    drop_zone(view).click(position={"x": 1, "y": 1})
    expect(drop_zone(view)).to_be_focused()
    book.page.keyboard.press("Control+v")
    expect_order(view, "tom.png")
    assert book.cells.count() == 1


def test_a_file_larger_than_the_limit_of_a_message_arrives_in_parts(show_control, tmp_path):
    """The server closes a connection over which a message of more than 10 MiB comes."""
    book, view = show_control("len(control.items[0].reference.data), control.items[1].name")
    large = tmp_path / "large.png"
    Image.new("RGB", (2100, 2000), "teal").save(large, compress_level=0)
    assert large.stat().st_size > 11 * 2**20
    view.get_by_label(f"{NAME}: choose files").set_input_files([large])
    choose(view, "red.png")
    expect_order(view, "large.png", "red.png")
    expect_thumbnails(view, 2)
    book.run_until(1, re.compile(re.escape(f"({large.stat().st_size}, 'red.png')")))


def test_a_reloaded_page_shows_the_pictures_and_the_saved_notebook_has_only_their_names(show_control, reload_page):
    """The page requests missing thumbnails from the kernel, for a second view of the control as well."""
    book, view = show_control("box")
    choose(view, "red.png", "blue.png")
    expect_order(view, "red.png", "blue.png")
    book.run(1)
    expect_thumbnails(book.output(1), 2)
    state = json.dumps(book.save()["metadata"]["widgets"])
    assert "red.png" in state
    assert all(word not in state for word in ("image/jpeg", "buffers", "base64,", "blob:"))
    reload_page(book)
    for view in (book.output(0), book.output(1)):
        expect_order(view, "red.png", "blue.png")
        expect_thumbnails(view, 2)
    button(book.output(1), "remove number 1").click()
    expect_order(book.output(0), "blue.png")


def test_references_are_moved_and_removed_by_keyboard_alone(show_control):
    """Tab goes through the control in order, the focus stays with a picture that moves, and no key reaches the notebook."""
    book, view = show_control("1 + 1")
    choose(view, "red.png", "blue.png")
    expect_order(view, "red.png", "blue.png")
    page = book.page
    drop_zone(view).focus()
    for name in ("choose files", "URL or UUID", "remove number 1", "move number 1, red.png, back"):
        page.keyboard.press("Tab")
        expect(view.locator(":focus")).to_have_attribute("aria-label", re.compile(f"^{re.escape(NAME)}: {name}"))
    page.keyboard.press("Enter")
    expect_order(view, "blue.png", "red.png")
    expect(view.locator(":focus")).to_have_attribute("aria-label", f"{NAME}: move number 2, red.png, forward")
    page.keyboard.press("Space")
    expect_order(view, "red.png", "blue.png")
    expect(view.locator(":focus")).to_have_attribute("aria-label", f"{NAME}: move number 1, red.png, back")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect_order(view, "blue.png")
    expect(view.locator(":focus")).to_have_attribute("aria-label", f"{NAME}: remove number 1, blue.png")
    for key in ("b", "a", "d", "d", "x", "m", "Shift+Enter"):  # shortcuts: insert, delete, cut, Markdown, run
        page.keyboard.press(key)
        drop_zone(view).press(key)
    assert book.cells.count() == 2
    expect(page.locator(".jp-Notebook .jp-MarkdownCell")).to_have_count(0)
    button(view, "remove number 1").press("Enter")
    expect(drop_zone(view)).to_be_focused()


def test_a_picture_is_dragged_to_another_position(show_control):
    """The mouse moves the first picture behind the last one, and back."""
    _, view = show_control()
    choose(view, "red.png", "green.png", "blue.png")
    expect_order(view, "red.png", "green.png", "blue.png")
    expect_thumbnails(view, 3)  # a tile whose thumbnail comes while it is dragged is drawn anew, and dropped
    tiles(view).nth(0).drag_to(tiles(view).nth(2), target_position={"x": 60, "y": 40})
    expect_order(view, "green.png", "blue.png", "red.png")
    expect_thumbnails(view, 3)
    tiles(view).nth(2).drag_to(tiles(view).nth(0), target_position={"x": 5, "y": 40})
    expect_order(view, "red.png", "green.png", "blue.png")


def test_the_control_is_accessible_in_light_and_dark(show_control, find_violations, screenshots):
    """axe-core finds nothing with files, addresses, a wide picture and an error message in it."""
    book, view = show_control()
    wide = encode("PNG", "orange", (400, 120))
    choose(view, "red.png", file("a-long-name-of-a-wide-picture.png", wide), "blue.png", file("notes.png", b"no"))
    drop_zone(view).evaluate(
        DROP, ["paste", [], "https://pictures.example/a/tom.png?key=hush 5a1f5f0a-2b63-4f36-8ac8-0123456789ab"]
    )
    expect(tiles(view)).to_have_count(5)
    expect_thumbnails(view, 3)
    button(view, "remove number 2").focus()
    found = find_violations(view.locator(".nbkit-references"))
    view.screenshot(path=screenshots / "references-light.png")
    book.set_theme(DARK)
    found += find_violations(view.locator(".nbkit-references"))
    drop_zone(view).focus()
    view.screenshot(path=screenshots / "references-dark.png")
    drop_zone(view).evaluate(DROP, ["over", [in_base64("red.png")], ""])
    view.screenshot(path=screenshots / "references-dark-over.png")
    book.set_theme(LIGHT)
    assert found == []
