"""The control for reference images, without a page: messages of a page, order, names, thumbnails, and its saved state."""

import io
import json
import threading

import pytest
from panel_tools import ReferencesPage, hear, noisy_png, png
from PIL import Image
from sweep_tools import until

from nbkit.errors import RequestError
from nbkit.request.image_request import MAX_REFERENCES, ImageRequest
from nbkit.request.reference import Reference
from nbkit.widgets.form.form import Form
from nbkit.widgets.form.references import MAX_BYTES
from nbkit.widgets.form.view import FormView
from nbkit.widgets.jobs.source import code_of
from nbkit.widgets.panel.panel import Panel

URL = "https://pictures.example/cats/tom.png"
UUID = "5a1f5f0a-2b63-4f36-8ac8-0123456789ab"


def fail(error):
    """Of a view that no test expects an error from."""
    raise error


@pytest.fixture
def form():
    return Form()


@pytest.fixture
def view(form):
    """The widget of the form, which shows its state after each change."""
    view = FormView(form, fail)
    form.on_change(view.refresh)
    return view


@pytest.fixture
def control(form, view):
    return form.references


@pytest.fixture
def page(control):
    return ReferencesPage(control)


def state_of(view):
    """All that a notebook could save of the control."""
    return json.dumps(view.get_state())


def complaint(control):
    """What the list itself says is wrong."""
    return control.complaints("")


def names(control):
    return [item.name for item in control.items]


def keys(control):
    return [tile["key"] for tile in control.tiles]


# -- files --------------------------------------------------------------------------------------------------------


def test_files_come_in_parts_and_keep_the_order_of_their_announcement(control, page):
    """The page sends a part when the one before has been answered; after the last one the picture is in the list."""
    cat = png(size=(300, 200))
    page.announce({"cat.png": cat, "dog.png": png("red")})
    page.send("part", cat[:100], key="cat.png")
    assert page.answers[-1] == {"kind": "more", "key": "cat.png"}
    assert control.tiles[0]["percent"] == 100 * 100 // len(cat)
    page.send("part", png("red"), key="dog.png")
    until(lambda: control.items)
    page.send("part", cat[100:], key="cat.png")
    until(lambda: len(control.items) == 2)
    assert names(control) == ["cat.png", "dog.png"]
    assert control.items[0].reference.data == cat
    assert control.tiles[0]["about"] == "300 × 200 px"


def test_a_request_is_refused_while_a_file_is_on_its_way(control, page):
    """Otherwise a run without this picture would be paid."""
    page.announce({"cat.png": png()})
    with pytest.raises(RequestError, match=r"complete, and cat\.png is still on its way") as caught:
        ImageRequest("Like this", reference_images=control.read())
    assert (caught.value.parameter, caught.value.reason) == ("reference_images", "pending")
    assert control.arriving == ("cat.png",)
    page.send("part", png(), key="cat.png")
    until(lambda: not control.arriving)
    assert ImageRequest("Like this", reference_images=control.read()).reference_images[0].data == png()


def test_a_file_that_cannot_be_used_is_reported_by_name_and_the_others_are_added(control, page):
    """If it is not a picture, too large, or cannot be read by the page; the next files clear the report."""
    page.upload({"notes.png": b"not a picture", "cat.png": png()})
    assert names(control) == ["cat.png"]
    assert "notes.png cannot be used: it must be a picture that can be opened" in complaint(control)
    files = [{"key": "a", "name": "film.png", "size": MAX_BYTES + 1}, {"key": "b", "name": "b.png", "size": 3}]
    page.send("files", files=files)
    assert control.arriving == ("b.png",)
    assert "film.png is too large: 64 MiB; the limit is 64 MiB" in complaint(control)
    assert "notes" not in complaint(control)
    page.send("unusable", key="b", name="b.png", why="it cannot be read")
    assert control.arriving == ()
    assert complaint(control).count("\n") == 1
    page.upload({"dog.png": png("red")})
    assert complaint(control) == ""


def test_a_file_that_is_removed_on_its_way_is_not_added(control, page):
    """The kernel answers that no further part is needed."""
    page.announce({"cat.png": png()})
    page.send("remove", key="cat.png")
    page.send("part", png(), key="cat.png")
    assert page.answers[-1] == {"kind": "over", "key": "cat.png"}
    assert control.read() == ()


def test_a_file_is_given_up_if_its_page_was_closed(control, page, monkeypatch):
    """A new page shows the list as it is; the file that the old one did not send completely is reported."""
    monkeypatch.setattr("nbkit.widgets.form.references.PATIENCE", 0.01)
    page.announce({"cat.png": png()})
    page.send("hello")
    until(lambda: not control.arriving)
    assert "cat.png did not arrive whole" in complaint(control)


def test_a_file_is_not_given_up_while_its_page_sends_parts(control, page, monkeypatch):
    """Although a second page has been opened."""
    timers = []

    class Timer(threading.Timer):
        def start(self):
            timers.append(self)

    monkeypatch.setattr("threading.Timer", Timer)
    page.announce({"cat.png": png()})
    page.send("hello")
    page.send("part", png()[:50], key="cat.png")
    timers[0].function()
    assert control.arriving == ("cat.png",)


# -- addresses ----------------------------------------------------------------------------------------------------


def test_addresses_and_uuids_are_added_and_other_words_stay_in_the_text_field(control, page):
    """A request is refused until these words are removed."""
    page.send("text", text=f"{URL} {UUID} cat.png")
    assert names(control) == ["tom.png", UUID]
    assert page.answers[-1] == {"kind": "left", "text": "cat.png"}
    assert "“cat.png” is not a URL or UUID." in complaint(control)
    with pytest.raises(RequestError) as caught:
        ImageRequest("Like this", reference_images=control.read())
    assert (caught.value.parameter, caught.value.reason) == ("reference_images", "format")
    page.send("text", text="")
    assert len(ImageRequest("Like this", reference_images=control.read()).reference_images) == 2
    assert complaint(control) == ""


def test_the_credentials_of_an_address_are_not_sent_to_the_page(control, page, view):
    """The page shows name, host and path; the service gets the address as it was typed."""
    secret = "https://me:hush@pictures.example/cats/tom%20cat.png?token=hush#hush"
    page.send("text", text=f"{secret} htp://me:hush@a.example?hush")
    assert control.items[0].reference.text == secret
    assert "hush" not in state_of(view) + complaint(control)
    (tile,) = control.tiles
    assert tile["name"] == "tom cat.png"
    assert tile["word"] == "pictures.example"
    assert tile["about"] == "https://pictures.example/cats/tom%20cat.png?…"


# -- order --------------------------------------------------------------------------------------------------------


def test_pictures_can_be_moved_and_removed(control, page):
    """By the page with their keys, from code with their numbers."""
    for colour in ("red", "green", "blue"):
        control.append(png(colour), colour)
    control.move(0, 2)
    assert names(control) == ["green", "blue", "red"]
    page.send("move", key=keys(control)[2], to=0)
    assert names(control) == ["red", "green", "blue"]
    page.send("move", key=keys(control)[0], to=-1)  # a click that was on its way when the picture became the first
    assert names(control) == ["red", "green", "blue"]
    page.send("remove", key=keys(control)[1])
    control.remove(-1)
    assert names(control) == ["red"]
    with pytest.raises(IndexError):
        control.remove(1)
    with pytest.raises(IndexError):
        control.move(0, 1)


def test_numbers_from_code_count_the_pictures_that_have_arrived(control, page):
    """A file on its way between them has none."""
    control.append(png("red"), "red")
    page.announce({"cat.png": png()})
    control.append(png("blue"), "blue")
    control.move(1, 0)
    assert names(control) == ["blue", "red"]
    assert control.arriving == ("cat.png",)


def test_callbacks_are_called_once_for_each_change_and_outside_the_lock(form, control, page):
    """A panel reads the control while it holds its own lock: a callback under this lock could block both for ever."""
    read = []

    def read_in_another_thread():
        thread = threading.Thread(target=form.read)
        thread.start()
        thread.join(5)
        read.append(not thread.is_alive())

    form.on_change(read_in_another_thread)
    control.append(png())
    control.append(URL)
    control.move(0, 1)
    control.remove(0)
    page.send("text", text=UUID)
    page.upload({"cat.png": png()})  # three changes: the file is announced, its tile shows a part, the picture is added
    assert read == [True] * 8


def test_an_exception_in_a_callback_is_shown(form, view, control):
    """Jupyter would drop it."""
    form.on_change(lambda: 1 / 0)
    faults = []
    view.fault = faults.append
    hear(view, kind="text", text=URL)
    assert [type(error) for error in faults] == [ZeroDivisionError]
    assert names(control) == ["tom.png"]


def test_too_many_reference_images_are_reported_at_the_control(studio):
    """The list keeps all of them, and the report goes when one is removed."""
    panel = studio.panel()
    panel.set(prompt="A paper lantern")
    control = panel.form.references
    assert panel.view.limit == MAX_REFERENCES
    for number in range(MAX_REFERENCES + 1):
        control.append(f"{URL}?{number}")
    assert "a list of 1 to 14 images, and this has 15" in panel.form.complaint("reference_images")
    control.remove(0)
    assert panel.form.complaint("reference_images") == ""
    assert len(panel.request.reference_images) == MAX_REFERENCES


# -- from code ----------------------------------------------------------------------------------------------------


def test_a_generated_picture_can_be_a_reference_image(studio):
    """Its name is its seed, and the code of the panel finds it in the log."""
    image = studio.generate("A paper lantern", seed=7).image
    panel = studio.panel(prompt="Like 1")
    control = panel.form.references
    control.append(image)
    assert names(control) == [f"seed {image.seed}"]
    assert control.files == {control.items[0].reference.sha256: str(image.path)}
    assert f"studio.log.reference('{image.sha256}')" in code_of(panel.request, control.files)


def test_whatever_a_request_takes_can_be_appended(studio, control, tmp_path):
    """A run is a tile for each of its pictures; paths of a glob have the names of their files."""
    run = studio.generate("A paper lantern", seed=7, number_results=2)
    for name in ("b.png", "a.png"):
        (tmp_path / name).write_bytes(png())
    control.append(run)
    control.append(iter(sorted(tmp_path.glob("*.png"))))
    control.append(io.BytesIO(png()), name="in memory")
    assert names(control) == ["seed 7", "seed 8", "a.png", "b.png", "in memory"]
    assert control.read() == ImageRequest("Like", reference_images=[*run, *[png()] * 3]).reference_images


def test_a_picture_has_the_name_of_its_file_or_the_given_one(control, tmp_path):
    """Without either, its name is the beginning of its hash."""
    file = tmp_path / "cat.png"
    file.write_bytes(png())
    control.append(file)
    control.append(png("red"), "red one")
    control.append(png("blue"))
    first, second, third = control.items
    assert (first.name, second.name) == ("cat.png", "red one")
    assert third.name == f"picture {third.reference.sha256[:8]}"
    assert control.files == {first.reference.sha256: str(file)}  # the others are in no file that code could read
    with pytest.raises(RequestError) as caught:
        control.append("cat.png")
    assert (caught.value.parameter, caught.value.reason) == ("reference_images", "format")


def test_pictures_keep_their_names_when_the_list_is_set_again(control, page):
    """In another order, and with others between them."""
    page.upload({"cat.png": png(), "dog.png": png("red")})
    cat, dog = (item.reference for item in control.items)
    control.write((dog, Reference(URL, sha256="0"), cat, cat))
    assert names(control)[:3] == ["dog.png", "tom.png", "cat.png"]
    assert len(set(keys(control))) == 4
    control.write(())
    assert control.read() == ()


# -- thumbnails ---------------------------------------------------------------------------------------------------


def test_the_page_gets_thumbnails_when_it_asks_for_them(control, page):
    """JPEGs of at most 144 pixels, in messages; there is none for an address, which is not fetched."""
    control.append(png(size=(1200, 400)), "wide.png")
    control.append(URL)
    page.send("want", keys=keys(control))
    until(lambda: page.thumbnails)
    ((key, thumbnail),) = page.thumbnails.items()
    assert key == keys(control)[0]
    assert len(thumbnail) < 4000
    with Image.open(io.BytesIO(thumbnail)) as image:
        assert (image.format, image.size) == ("JPEG", (144, 48))


def test_the_saved_state_of_the_control_has_no_pictures(view, control, page):
    """Neither a complete one, nor a part of one that is on its way."""
    before = len(state_of(view))
    page.upload({"cat.png": noisy_png((400, 300))})
    page.announce({"dog.png": png()})
    page.send("part", png()[:60], key="dog.png")
    page.send("want", keys=keys(control))
    until(lambda: page.thumbnails)
    state = state_of(view)
    assert "cat.png" in state
    assert len(state) < before + 500
    assert all(word not in state for word in ("image/jpeg", "base64,", "buffers", "memory"))


def test_messages_in_several_threads_lose_no_change(control, page):
    """Callbacks run in the main thread of some kernels, and in any thread of others."""
    threads = [threading.Thread(target=lambda n=n: page.send("text", text=f"{URL}?{n}")) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(control.items) == len(control.tiles) == 12


def test_a_panel_sends_the_reference_images_of_its_control(studio):
    """In the order of the list, by which the prompt refers to them."""
    panel = Panel(studio, prompt="Put 1 into 2")
    control = panel.form.references
    ReferencesPage(control).upload({"cat.png": png()})
    control.append(URL)
    control.move(1, 0)
    assert [r.text for r in panel.request.reference_images] == [URL, ""]
