"""The reference images' control without a page: what the page's messages do, what is kept, what is said."""

import io
import json
import threading
import time

import pytest
from PIL import Image

from nbkit.errors import RequestError
from nbkit.request import model
from nbkit.request.image_request import ImageRequest
from nbkit.request.reference import Reference
from nbkit.widgets.controls.references import MAX_BYTES, References
from nbkit.widgets.panel.panel import Panel
from nbkit.widgets.panel.source import code_of

URL = "https://pictures.example/cats/tom.png"
UUID = "5a1f5f0a-2b63-4f36-8ac8-0123456789ab"


class Page:
    """The control's page: it sends what the script sends, and keeps what the kernel answers."""

    def __init__(self, control):
        self.control, self.heard, self.thumbnails = control, [], {}
        control.field.send = self._take

    def _take(self, content, buffers=None):
        self.heard.append(content)
        if content["kind"] == "thumbnail":
            self.thumbnails[content["key"]] = (buffers or [None])[0]

    def send(self, kind, *buffers, **content):
        self.control.field._handle_custom_msg({"kind": kind, **content}, [memoryview(b) for b in buffers])

    def begin(self, **files):
        self.send("files", files=[{"key": k, "name": f"{k}.png", "size": len(c)} for k, c in files.items()])

    def give(self, **files):
        """Files, whole, as the page sends them: one after the other."""
        self.begin(**files)
        for key, content in files.items():
            self.send("part", content, key=key)
            until(lambda key=key: {"kind": "over", "key": key} in self.heard)


def until(true):
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it never became true"
        threading.Event().wait(0.005)


def picture(colour="teal", size=(64, 48)):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def state_of(control):
    """All that a notebook could save of it."""
    return json.dumps([control.field.get_state(), control._message.get_state()])


@pytest.fixture
def control():
    return References()


@pytest.fixture
def page(control):
    return Page(control)


def names(control):
    return [item.name for item in control.items]


def keys(control):
    return [tile["key"] for tile in control.field.tiles]


# -- files --------------------------------------------------------------------------------------------------------


def test_files_come_in_parts_and_in_the_order_in_which_they_were_given(control, page):
    """A part is answered before the next is sent; the last makes a picture of it."""
    content = picture(size=(300, 200))
    page.begin(cat=content, dog=picture("red"))
    page.send("part", content[:100], key="cat")
    assert page.heard[-1] == {"kind": "more", "key": "cat"}
    assert control.field.tiles[0]["percent"] == 100 * 100 // len(content)
    page.send("part", picture("red"), key="dog")
    until(lambda: control.items)
    page.send("part", content[100:], key="cat")
    until(lambda: len(control.items) == 2)
    assert names(control) == ["cat.png", "dog.png"]
    assert control.items[0].reference.data == content
    assert control.field.tiles[0]["about"] == "300 × 200 px"


def test_a_request_is_refused_while_a_picture_is_on_its_way(control, page):
    """Otherwise a run would be paid for that lacks it."""
    page.begin(cat=picture())
    with pytest.raises(RequestError, match=r"complete, and cat\.png is still on its way"):
        ImageRequest("Like this", **control.read())
    assert control.arriving == ("cat.png",)
    page.send("part", picture(), key="cat")
    until(lambda: not control.arriving)
    assert ImageRequest("Like this", **control.read()).reference_images[0].data == picture()


def test_what_cannot_be_used_is_named_and_the_others_are_taken(control, page):
    """No picture, too large, unreadable: each in a line with its name."""
    page.give(notes=b"not a picture", cat=picture())
    assert names(control) == ["cat.png"]
    assert "notes.png is not taken: it must be a picture that can be opened" in control.complaint
    files = [{"key": "a", "name": "film.png", "size": MAX_BYTES + 1}, {"key": "b", "name": "b.png", "size": 3}]
    page.send("files", files=files)
    assert control.arriving == ("b.png",)
    assert "film.png is not taken: 64 MiB, and 64 are the most" in control.complaint
    assert "notes" not in control.complaint
    page.send("unusable", key="b", name="b.png", why="it cannot be read")
    assert control.arriving == ()
    assert control.complaint.count("is not taken") == 2
    page.give(dog=picture("red"))
    assert control.complaint == ""


def test_a_file_that_is_taken_away_on_its_way_does_not_come(control, page):
    """What is still sent of it is answered with "over"."""
    page.begin(cat=picture())
    page.send("remove", key="cat")
    page.send("part", picture(), key="cat")
    assert page.heard[-1] == {"kind": "over", "key": "cat"}
    assert control.read() == {}


def test_a_page_that_was_left_takes_its_files_with_it(control, page, monkeypatch):
    """A new page shows what is there; what the old one did not send whole is given up and said."""
    monkeypatch.setattr("nbkit.widgets.controls.references.PATIENCE", 0.01)
    page.begin(cat=picture())
    page.send("hello")
    until(lambda: not control.arriving)
    assert "cat.png did not arrive whole" in control.complaint


def test_a_file_is_not_given_up_while_its_page_lives(control, page, monkeypatch):
    """A second page comes, the first goes on sending."""
    monkeypatch.setattr("nbkit.widgets.controls.references.PATIENCE", 0.05)
    timers = []

    class Timer(threading.Timer):
        def start(self):
            timers.append(self)

    monkeypatch.setattr("threading.Timer", Timer)
    page.begin(cat=picture())
    page.send("hello")
    page.send("part", picture()[:50], key="cat")
    timers[0].function()
    assert control.arriving == ("cat.png",)


# -- addresses ----------------------------------------------------------------------------------------------------


def test_addresses_and_uuids_are_taken_and_the_rest_is_given_back(control, page):
    """What is no reference stands in the text field again, and the request is refused until it is gone."""
    page.send("text", text=f"{URL} {UUID} cat.png")
    assert names(control) == ["tom.png", UUID]
    assert page.heard[-1] == {"kind": "left", "text": "cat.png"}
    assert "cat.png is not taken: it is no URL" in control.complaint
    with pytest.raises(RequestError):
        ImageRequest("Like this", **control.read())
    page.send("text", text="")
    assert len(ImageRequest("Like this", **control.read()).reference_images) == 2
    assert control.complaint == ""


def test_credentials_of_an_address_stay_in_the_kernel(control, page):
    """It is sent as it was given; name, host and file are shown."""
    secret = "https://me:hush@pictures.example/cats/tom%20cat.png?token=hush#hush"
    page.send("text", text=f"{secret} htp://me:hush@a.example?hush")
    assert control.items[0].reference.text == secret
    assert "hush" not in state_of(control)
    (tile,) = control.field.tiles
    assert tile["name"] == "tom cat.png"
    assert tile["word"] == "pictures.example"
    assert tile["about"] == "https://pictures.example/cats/tom%20cat.png?…"


# -- order --------------------------------------------------------------------------------------------------------


def test_pictures_are_moved_and_removed(control, page):
    """By the page with their keys, and by code with their numbers."""
    for colour in ("red", "green", "blue"):
        control.append(picture(colour), colour)
    control.move(0, 2)
    assert names(control) == ["green", "blue", "red"]
    page.send("move", key=keys(control)[2], to=0)
    assert names(control) == ["red", "green", "blue"]
    page.send("move", key=keys(control)[0], to=-1)  # a click that was on its way when it became the first
    assert names(control) == ["red", "green", "blue"]
    page.send("remove", key=keys(control)[1])
    control.remove(-1)
    assert names(control) == ["red"]
    with pytest.raises(IndexError):
        control.remove(1)
    with pytest.raises(IndexError):
        control.move(0, 1)


def test_moving_past_what_is_still_coming(control, page):
    """Numbers of code count the pictures that are here."""
    control.append(picture("red"), "red")
    page.begin(cat=picture())
    control.append(picture("blue"), "blue")
    control.move(1, 0)
    assert names(control) == ["blue", "red"]
    assert control.arriving == ("cat.png",)


def test_every_change_is_told_once_and_outside_the_lock(control, page):
    """A panel asks back from its own lock: holding this one meanwhile could stop both for good."""
    free = []

    def look():
        free.append(control._lock.acquire(timeout=5))
        control._lock.release()

    def changed():
        other = threading.Thread(target=look)
        other.start()
        other.join()

    control.on_change(changed)
    control.append(picture())
    control.append(URL)
    control.move(0, 1)
    control.remove(0)
    page.send("text", text=UUID)
    page.give(cat=picture())  # a place is kept, and then the picture is there
    assert free == [True] * 7


def test_an_exception_of_a_callback_is_said(control, page):
    """Jupyter would lose it."""
    control.on_change(lambda: 1 / 0)
    page.send("text", text=URL)
    assert "ZeroDivisionError" in control.complaint
    assert names(control) == ["tom.png"]


def test_more_than_a_request_takes_is_the_requests_own_complaint(studio):
    """The panel says it under the control; nothing is thrown away."""
    panel = studio.panel()
    panel.set(prompt="A paper lantern")
    control = panel.controls["reference_images"]
    assert control.field.limit == model.MAX_REFERENCES
    for number in range(model.MAX_REFERENCES + 1):
        control.append(f"{URL}?{number}")
    assert "a list of 1 to 14 images, and this has 15" in control.complaint
    control.remove(0)
    assert control.complaint == ""
    assert len(panel.request.reference_images) == model.MAX_REFERENCES


# -- from code ----------------------------------------------------------------------------------------------------


def test_a_picture_of_the_history_is_a_reference(studio):
    """With its seed for a name, and a line of code that finds it again."""
    image = studio.generate("A paper lantern", seed=7).image
    panel = studio.panel(prompt="Like 1")
    control = panel.controls["reference_images"]
    control.append(image)
    assert names(control) == [f"seed {image.seed}"]
    assert control.files == {control.items[0].reference.sha256: str(image.path)}
    assert f"studio.log.reference('{image.sha256}')" in code_of(panel.request, control.files)


def test_what_is_appended_has_a_name(control, tmp_path):
    """A file's, the one that is given, or the beginning of its hash."""
    file = tmp_path / "cat.png"
    file.write_bytes(picture())
    control.append(file)
    control.append(picture("red"), "red one")
    control.append(picture("blue"))
    first, second, third = control.items
    assert (first.name, second.name) == ("cat.png", "red one")
    assert third.name == f"picture {third.reference.sha256[:8]}"
    assert control.files == {first.reference.sha256: str(file)}  # the others are in no file that code could read
    with pytest.raises(RequestError):
        control.append("cat.png")


def test_set_again_pictures_keep_their_names(control, page):
    """A list that is written over with some of the same pictures knows them."""
    page.give(cat=picture(), dog=picture("red"))
    cat, dog = (item.reference for item in control.items)
    control.write({"reference_images": (dog, Reference(URL, sha256="0"), cat, cat)})
    assert names(control)[:3] == ["dog.png", "tom.png", "cat.png"]
    assert len(set(keys(control))) == 4
    control.write({"reference_images": None})
    assert control.read() == {}


# -- thumbnails ---------------------------------------------------------------------------------------------------


def test_the_page_gets_small_pictures_when_it_asks(control, page):
    """JPEGs of at most 144 pixels, by message; of an address none is fetched."""
    control.append(picture(size=(1200, 400)), "wide.png")
    control.append(URL)
    page.send("want", keys=keys(control))
    until(lambda: page.thumbnails)
    ((key, small),) = page.thumbnails.items()
    assert key == keys(control)[0]
    assert len(small) < 4000
    with Image.open(io.BytesIO(small)) as shown:
        assert (shown.format, shown.size) == ("JPEG", (144, 48))


def test_no_picture_is_in_what_a_notebook_saves(control, page):
    """Not while it comes, and not when it is there."""
    noise = io.BytesIO()
    Image.effect_noise((400, 300), 90).save(noise, "PNG")
    before = len(state_of(control))
    page.give(cat=noise.getvalue())
    page.begin(dog=picture())
    page.send("part", picture()[:60], key="dog")
    page.send("want", keys=keys(control))
    until(lambda: page.thumbnails)
    state = state_of(control)
    assert "cat.png" in state
    assert len(state) < before + 500
    assert all(word not in state for word in ("image/jpeg", "base64,", "buffers", "memory"))


def test_messages_in_many_threads_lose_nothing(control, page):
    """Each of them adds one; callbacks run in the main thread of some kernels and in any thread of others."""
    threads = [threading.Thread(target=lambda n=n: page.send("text", text=f"{URL}?{n}")) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(control.items) == len(control.field.tiles) == 12


def test_a_panel_sends_what_its_control_holds(studio):
    """In the order in which the pictures are numbered."""
    panel = Panel(studio, prompt="Put 1 into 2")
    control = panel.controls["reference_images"]
    Page(control).give(cat=picture())
    control.append(URL)
    control.move(1, 0)
    assert [r.text for r in panel.request.reference_images] == [URL, ""]
