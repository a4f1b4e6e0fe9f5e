"""The reference images' control as a person meets it: files, the clipboard, addresses, order, a page loaded again."""

import base64
import io
import json
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

CONTROL = """import ipywidgets
from importlib import resources
from nbkit.widgets.controls.references import References
style = resources.files("nbkit.widgets.page").joinpath("panel.css").read_text("utf-8")
control = References()
told = []
control.on_change(lambda: told.append(len(control.items)))
box = ipywidgets.VBox((ipywidgets.HTML(f"<style>{style}</style>"), control.box))
box.add_class("nbkit-panel")
box"""
DROP = """(element, [kind, files, text]) => {
    const data = new DataTransfer();
    for (const [name, content] of files)
        data.items.add(new File([Uint8Array.from(atob(content), c => c.charCodeAt(0))], name, {type: "image/png"}));
    if (text) data.setData("text/plain", text);
    const how = {bubbles: true, cancelable: true};
    for (const type of kind === "paste" ? ["paste"] : kind === "over" ? ["dragover"] : ["dragover", "drop"])
        element.dispatchEvent(kind === "paste" ? new ClipboardEvent(type, {...how, clipboardData: data})
                                               : new DragEvent(type, {...how, dataTransfer: data})); }"""


def content(colour="teal", size=(90, 60)):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def file(name, data=None):
    return {"name": name, "mimeType": "image/png", "buffer": content(name.partition(".")[0]) if data is None else data}


def in_base64(name, colour):
    return [name, base64.b64encode(content(colour)).decode()]


@pytest.fixture
def shown(notebook):
    """``shown("a further cell")`` gives a notebook and the output of its first cell, which shows the control."""

    def show(*further):
        book = notebook(CONTROL, *further)
        book.run(0)
        expect(zone(book.output(0))).to_be_visible()
        return book, book.output(0)

    return show


def zone(view):
    return view.get_by_role("group", name="referenceImages: drop or paste pictures here")


def text(view):
    return view.get_by_label("referenceImages: URL or UUID")


def choose(view, *files):
    view.get_by_label("referenceImages: choose files").set_input_files(
        [file(f) if isinstance(f, str) else f for f in files]
    )


def tiles(view):
    return view.locator("li")


def expect_order(view, *names):
    """The pictures in this order, each with its number and its name."""
    expect(tiles(view)).to_have_text(
        [re.compile(rf"{number}{re.escape(n)}◀.?✕.?▶") for number, n in enumerate(names, 1)]
    )


def expect_pictures(view, count):
    """So many thumbnails that have been drawn."""
    view.page.wait_for_function(
        "([list, count]) => [...list.querySelectorAll('img')].filter(i => i.naturalWidth > 0).length === count",
        arg=[view.locator("ol").element_handle(), count],
    )


def button(view, what):
    return view.get_by_role("button", name=re.compile(f"^referenceImages: {what}"))


def test_two_files_are_shown_numbered_moved_and_removed(shown):
    """Each with a small picture; a picture that is gone leaves no address behind."""
    book, view = shown("[item.name for item in control.items], told")
    choose(view, "red.png", "green.png", "blue.png")
    expect_order(view, "red.png", "green.png", "blue.png")
    expect_pictures(view, 3)
    expect(view.get_by_role("status")).to_have_text("3 reference images")
    button(view, "move number 1, red.png, back").click()
    expect_order(view, "green.png", "red.png", "blue.png")
    expect(view.get_by_role("status")).to_have_text("red.png is now number 2 of 3")
    expect(button(view, "move number 1, green.png, forward")).to_be_disabled()
    address = tiles(view).nth(2).locator("img").get_attribute("src")
    button(view, "remove number 3, blue.png").click()
    expect_order(view, "green.png", "red.png")
    gone = "address => fetch(address).then(() => false, () => true)"
    assert book.page.evaluate(gone, address)
    book.says(1, re.compile(re.escape("['green.png', 'red.png']")))
    book.page.script_errors.clear()  # the page tells of the address that is gone


def test_dropped_pasted_and_typed(shown):
    """A file that is let go over it, one from the clipboard, an address from the clipboard, and one that is typed."""
    book, view = shown("[item.reference.text for item in control.items]")
    asked = []
    book.page.on("request", lambda request: asked.append(request.url))
    zone(view).evaluate(DROP, ["over", [in_base64("red.png", "red")], ""])
    expect(view.get_by_text("Let go to add")).to_be_visible()
    zone(view).evaluate(DROP, ["drop", [in_base64("red.png", "red")], ""])
    expect(view.get_by_text("Drop pictures here, paste, or")).to_be_visible()
    expect_order(view, "red.png")
    zone(view).evaluate(DROP, ["paste", [in_base64("blue.png", "blue")], ""])
    expect_order(view, "red.png", "blue.png")
    text(view).evaluate(DROP, ["paste", [in_base64("green.png", "green")], ""])
    zone(view).evaluate(DROP, ["paste", [], "https://pictures.example/a/tom.png?key=hush"])
    expect_order(view, "red.png", "blue.png", "green.png", "tom.png")
    text(view).fill("5a1f5f0a-2b63-4f36-8ac8-0123456789ab")
    text(view).press("Enter")
    expect(tiles(view)).to_have_count(5)
    expect(text(view)).to_have_value("")
    expect(tiles(view).nth(3)).to_contain_text("pictures.example")
    assert "hush" not in view.inner_html()
    expect_pictures(view, 3)
    book.says(1, re.compile(re.escape("tom.png?key=hush")))
    assert not [url for url in asked if "example" in url]


def test_what_is_typed_is_not_lost_without_enter(shown):
    """Leaving the field adds it; what is no address stays in it and is named."""
    _, view = shown()
    text(view).fill("https://pictures.example/tom.png")
    zone(view).focus()
    expect(tiles(view)).to_have_count(1)
    text(view).fill("cat.png")
    text(view).press("Enter")
    expect(view.get_by_role("alert")).to_contain_text("cat.png is not taken: it is no URL")
    expect(text(view)).to_have_value("cat.png")
    text(view).fill("")
    text(view).press("Enter")
    expect(view.get_by_role("alert")).to_have_count(0)


def test_a_bad_file_is_named_and_the_others_are_taken(shown):
    """In a line of its own under the control."""
    _, view = shown()
    choose(view, file("notes.png", b"not a picture"), "red.png", file("empty.png", b""))
    expect_order(view, "red.png")
    expect(view.get_by_role("alert")).to_contain_text("notes.png is not taken")
    expect(view.get_by_role("alert")).to_contain_text("empty.png is not taken")
    choose(view, "blue.png")
    expect_order(view, "red.png", "blue.png")
    expect(view.get_by_role("alert")).to_have_count(0)


def test_an_address_is_pasted_with_the_keyboard(shown):
    """The zone has the focus, and the notebook's own paste stays away."""
    book, view = shown()
    text(view).fill("https://pictures.example/tom.png")
    text(view).press("Control+a")
    text(view).press("Control+x")
    expect(text(view)).to_have_value("")
    zone(view).click(position={"x": 20, "y": 20})
    expect(zone(view)).to_be_focused()
    book.page.keyboard.press("Control+v")
    expect_order(view, "tom.png")
    assert book.page.locator(".jp-Notebook .jp-Cell").count() == 1


def test_a_file_that_is_larger_than_a_message_may_be(shown, tmp_path):
    """A server cuts a connection over which more than 10 MiB come at once; the picture comes in parts."""
    book, view = shown("len(control.items[0].reference.data), control.items[1].name")
    large = tmp_path / "large.png"
    Image.new("RGB", (2100, 2000), "teal").save(large, compress_level=0)
    assert large.stat().st_size > 11 * 2**20
    view.get_by_label("referenceImages: choose files").set_input_files([large])
    choose(view, "red.png")
    expect_order(view, "large.png", "red.png")
    expect_pictures(view, 2)
    book.says(1, re.compile(re.escape(f"({large.stat().st_size}, 'red.png')")))


def test_a_saved_notebook_holds_names_and_a_page_that_is_loaded_again_shows_the_pictures(shown, reloaded):
    """The bytes are in the kernel, and the page asks for what it lacks; so does a second view."""
    book, view = shown("control.box")
    choose(view, "red.png", "blue.png")
    expect_order(view, "red.png", "blue.png")
    book.run(1)
    expect_pictures(book.output(1), 2)
    state = json.dumps(book.save()["metadata"]["widgets"])
    assert "red.png" in state
    assert all(word not in state for word in ("image/jpeg", "buffers", "base64,", "blob:"))
    reloaded(book)
    for view in (book.output(0), book.output(1)):
        expect_order(view, "red.png", "blue.png")
        expect_pictures(view, 2)
    button(book.output(1), "remove number 1").click()
    expect_order(book.output(0), "blue.png")


def test_by_keyboard_alone(shown):
    """Tab goes through it in order, the focus stays with a picture that moves, and no key reaches the notebook."""
    book, view = shown("1 + 1")
    choose(view, "red.png", "blue.png")
    expect_order(view, "red.png", "blue.png")
    page = book.page
    zone(view).focus()
    for wanted in ("choose files", "URL or UUID", "remove number 1", "move number 1, red.png, back"):
        page.keyboard.press("Tab")
        expect(view.locator(":focus")).to_have_attribute("aria-label", re.compile(f"^referenceImages: {wanted}"))
    page.keyboard.press("Enter")
    expect_order(view, "blue.png", "red.png")
    expect(view.locator(":focus")).to_have_attribute("aria-label", "referenceImages: move number 2, red.png, forward")
    page.keyboard.press("Space")
    expect_order(view, "red.png", "blue.png")
    expect(view.locator(":focus")).to_have_attribute("aria-label", "referenceImages: move number 1, red.png, back")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect_order(view, "blue.png")
    expect(view.locator(":focus")).to_have_attribute("aria-label", "referenceImages: remove number 1, blue.png")
    for key in (
        "b",
        "a",
        "d",
        "d",
        "x",
        "m",
        "Shift+Enter",
    ):  # below, above, delete, cut, Markdown, run: in command mode
        page.keyboard.press(key)
        zone(view).press(key)
    assert page.locator(".jp-Notebook .jp-Cell").count() == 2
    expect(page.locator(".jp-Notebook .jp-MarkdownCell")).to_have_count(0)
    button(view, "remove number 1").press("Enter")
    expect(zone(view)).to_be_focused()


def test_one_is_dragged_to_another_place(shown):
    """With the mouse, behind the last."""
    _, view = shown()
    choose(view, "red.png", "green.png", "blue.png")
    expect_order(view, "red.png", "green.png", "blue.png")
    tiles(view).nth(0).drag_to(tiles(view).nth(2), target_position={"x": 60, "y": 40})
    expect_order(view, "green.png", "blue.png", "red.png")
    tiles(view).nth(2).drag_to(tiles(view).nth(0), target_position={"x": 5, "y": 40})
    expect_order(view, "red.png", "green.png", "blue.png")


def test_light_dark_and_nothing_that_keeps_anybody_out(shown, violations, screenshots):
    """The pictures are for looking at; axe-core finds nothing wrong."""
    book, view = shown()
    wide = content("orange", (400, 120))
    choose(view, "red.png", file("a-long-name-of-a-wide-picture.png", wide), "blue.png", file("notes.png", b"no"))
    zone(view).evaluate(
        DROP, ["paste", [], "https://pictures.example/a/tom.png?key=hush 5a1f5f0a-2b63-4f36-8ac8-0123456789ab"]
    )
    expect(tiles(view)).to_have_count(5)
    expect_pictures(view, 3)
    button(view, "remove number 2").focus()
    found = violations(view.locator(".nbkit-references"))
    view.screenshot(path=screenshots / "references-light.png")
    book.theme("JupyterLab Dark")
    found += violations(view.locator(".nbkit-references"))
    zone(view).focus()
    view.screenshot(path=screenshots / "references-dark.png")
    zone(view).evaluate(DROP, ["over", [in_base64("red.png", "red")], ""])
    view.screenshot(path=screenshots / "references-dark-over.png")
    book.theme("JupyterLab Light")
    assert found == []
