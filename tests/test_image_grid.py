"""The picture grid without a page: facts and previews on request, selection, keys, errors. A list stands for the page."""

import functools
import json
import queue
import threading
from pathlib import Path

import pytest

from nbkit.log.previews import Previews
from nbkit.log.table import figure_of
from nbkit.metadata.embedding import PictureWithSettings
from nbkit.widgets.image_grid.image_grid import Action, ImageGrid
from nbkit.widgets.image_grid.item import COMING, Item, ItemList, Items
from nbkit.widgets.image_grid.preview_loader import PreviewLoader


def item(number, **facts):
    given = {"alt": f"prompt {number}", "caption": (f"seed {number}",), "file": Path(f"{number:064x}.jpg")} | facts
    return Item(f"key-{number}", width=64, height=48, media_type="image/jpeg", **given)


class GridPage:
    """The page of a grid: sends what its script sends, and keeps the messages of the kernel."""

    def __init__(self, grid):
        self.grid, self.messages, self.changed = grid, [], threading.Condition()
        grid.box.send = self.receive

    def receive(self, content, buffers=None):
        with self.changed:
            self.messages.append((content, buffers or []))
            self.changed.notify_all()

    def send(self, kind, **content):
        version = content.pop("version", self.grid.box.version)
        self.grid.box._handle_custom_msg({"type": kind, "version": version, **content}, [])

    def wait_for(self, kind):
        """The first message of a kind, with its buffers."""
        with self.changed:
            came = self.changed.wait_for(lambda: any(content["type"] == kind for content, _ in self.messages), 10)
            assert came, f"no {kind} among {[content['type'] for content, _ in self.messages]}"
            return next((content, buffers) for content, buffers in self.messages if content["type"] == kind)

    def rows(self, *ranges):
        """Ask for rows, and return the facts in the answer."""
        self.messages.clear()
        self.send("rows", ranges=ranges)
        return [row for _, rows in self.messages[-1][0]["parts"] for row in rows]


@pytest.fixture
def grid():
    return ImageGrid(lambda file, size: f"{file.stem[-1]} {size}".encode(), keys=True)


@pytest.fixture
def page(grid):
    return GridPage(grid)


class RecordedItems(Items):
    """A hundred thousand items that record which of them were read."""

    def __init__(self):
        self.numbers_read = []

    def __len__(self):
        return 100_000

    def keys(self, start, stop):
        return (f"key-{number}" for number in range(start, stop))

    def read(self, start, stop):
        self.numbers_read += range(start, stop)
        return [item(number) for number in range(start, stop)]


# -- facts --------------------------------------------------------------------------------------------------------


def test_a_grid_sends_facts_only_when_the_page_asks_for_them(grid, page):
    """By the place of a picture; facts without a value are left out."""
    grid.show([item(1), item(2, rating=4, keep=False, tags="red", status="failed", file=None, missing="refused")])
    assert page.messages == []
    first, second = page.rows((0, 99))
    assert first["alt"] == "prompt 1"
    assert first["name"] == "seed-1-000000000000.jpg"
    assert "rating" not in first
    assert (second["rating"], second["keep"], second["status"]) == (4, False, "failed")
    assert "name" not in second


def test_the_facts_of_a_picture_are_sent_once_and_then_only_its_number(grid, page):
    """However long the prompts are, a further picture in front costs one set of facts and a few digits."""
    many = [item(number, alt="a long prompt " * 40) for number in range(100)]
    grid.show(many)
    page.rows((0, 100))
    grid.show([item(100), *many])
    rows = page.rows((0, 100))
    assert rows[0]["alt"] == "prompt 100"
    assert all(isinstance(row, int) for row in rows[1:])
    assert len(json.dumps(page.messages)) < 1_000


def test_facts_that_have_changed_are_sent_again(grid, page):
    """Such as a new rating; a new page can ask for all facts."""
    grid.show([item(1), item(2)])
    page.rows((0, 2))
    grid.show([item(1), item(2, rating=5)])
    known, changed = page.rows((0, 2))
    assert isinstance(known, int)
    assert changed["rating"] == 5
    page.send("rows", ranges=[(0, 2)], full=True)
    assert all(isinstance(row, dict) for row in page.messages[-1][0]["parts"][0][1])


def test_messages_about_places_in_an_earlier_version_are_ignored(grid, page):
    """Other pictures are in these places now."""
    pressed = []
    grid.on_key(lambda key, keys: pressed.append((key, keys)))
    grid.show([item(1)])
    grid.show([item(2)])
    page.send("rows", ranges=[(0, 1)], version=1)
    page.send("key", key="4", ranges=[(0, 1)], version=1)
    page.send("select", ranges=[(0, 1)], active=0, version=1)
    assert page.messages == []
    assert pressed == []
    assert grid.selected == ()


def test_the_first_rows_come_with_their_previews(grid, page):
    """A new page asks once for both; a row without a picture has no preview."""
    grid.show([item(1), item(2, file=None), item(3)])
    page.send("rows", ranges=[(0, 3)], pixels=256)
    answer, _ = page.wait_for("rows")
    first, _, third = (row["id"] for row in answer["parts"][0][1])
    content, buffers = page.wait_for("previews")
    assert (answer["pixels"], content["pixels"], content["ids"]) == (256, 256, [first, third])
    assert buffers == [b"1 256", b"3 256"]


def test_the_previews_at_the_top_of_the_page_are_made_first():
    """Of the other requests, the newest is answered first."""
    made, waits, begun = [], threading.Event(), threading.Event()

    def preview(file, size):
        begun.set()
        assert waits.wait(10)
        made.append(file.name)
        return b""

    done = threading.Event()
    loader = PreviewLoader(lambda content, buffers: done.set() if len(made) == 5 else None, preview)
    loader.previews(128, [(0, Path("busy"))])
    assert begun.wait(10)
    loader.previews(128, [(1, Path("top")), (2, Path("top, too"))], first=True)
    loader.previews(128, [(3, Path("older"))])
    loader.previews(128, [(4, Path("newer"))])
    waits.set()
    assert done.wait(10)
    assert made == ["busy", "top", "top, too", "newer", "older"]


def test_requests_by_number_are_answered_after_the_grid_has_changed(grid, page, tmp_path):
    """While the user types into a search box, the pictures that the page has asked for still come."""
    file = tmp_path / "picture.jpg"
    file.write_bytes(b"exactly these")
    grid.show([item(1, file=file)])
    (row,) = page.rows((0, 1))
    grid.show([item(2)])
    page.send("previews", ids=[row["id"]], pixels=256, version=1)
    page.send("original", ids=[row["id"]], version=1)
    assert page.wait_for("previews")[0]["ids"] == [row["id"]]
    assert page.wait_for("original")[1] == [b"exactly these"]


def test_a_page_can_ask_for_the_present_place_of_a_picture(grid, page):
    """A picture that is open in full size stays open when another one comes in front; -1 means that it is gone."""
    grid.show([item(1), item(2)])
    first, second = page.rows((0, 2))
    grid.show([item(0), item(1)])
    page.send("find", ids=[second["id"], first["id"]], version=1)
    places = [[second["id"], -1], [first["id"], 1]]
    assert page.messages[-1][0] == {"type": "found", "version": 2, "at": places}


def test_a_picture_that_the_page_has_not_shown_can_be_saved(grid, page):
    """Its facts come with the message."""
    grid.show([item(number) for number in range(2_000)])
    grid.save(["key-1500"])
    (fact,) = page.messages[-1][0]["facts"]
    assert fact["name"] == "seed-1500-000000000000.jpg"


def test_a_picture_is_saved_with_its_settings_where_the_page_asks_for_it():
    """Inside its file, or in one beside it with the reason; what cannot be saved says why. Its owner makes the file."""
    made = {
        "key-1": PictureWithSettings(b"with settings"),
        "key-2": PictureWithSettings(b"signed", b"<x/>", "it is signed"),
    }
    grid = ImageGrid(lambda _file, _size: b"jpeg", remember=lambda key: made[key])
    page = GridPage(grid)
    grid.show([item(1), item(2), item(3)])
    ids = [row["id"] for row in page.rows((0, 3))]
    for number, files, beside in (
        (0, [b"with settings"], ""),
        (1, [b"signed", b"<x/>"], "Its settings are in seed-2-000000000000.jpg.xmp beside it, because it is signed."),
    ):
        page.messages.clear()
        page.send("save", ids=[ids[number], 99])
        content, buffers = page.wait_for("saved")
        assert (buffers, content["beside"], content["fact"]["id"]) == (files, beside, ids[number])
    page.messages.clear()
    grid.save(["key-3"], settings=True)
    assert "key-3" in page.wait_for("saved")[0]["broken"]
    assert (grid.box.remembers, ImageGrid(lambda _file, _size: b"jpeg").box.remembers) == (True, False)


def test_only_the_rows_that_the_page_asks_for_are_read(grid, page):
    """A grid of a hundred thousand pictures opens as fast as one of ten."""
    items = RecordedItems()
    grid.show(items)
    page.rows((500, 520))
    assert items.numbers_read == list(range(500, 520))
    assert grid.box.total == 100_000


# -- previews and originals -----------------------------------------------------------------------------------------


def test_previews_are_made_in_a_thread():
    """They come as buffers, in the order of their numbers; unknown numbers and rows without a picture are left out."""
    threads = []
    grid = ImageGrid(lambda file, size: threads.append(threading.current_thread().name) or b"jpeg")
    page = GridPage(grid)
    grid.show([item(1), item(2), item(3, file=None, missing="refused")])
    first, second, third = page.rows((0, 3))
    page.send("previews", ids=[second["id"], first["id"], third["id"], 77], pixels=256)
    content, buffers = page.wait_for("previews")
    assert content["ids"] == [second["id"], first["id"]]
    assert buffers == [b"jpeg", b"jpeg"]
    assert set(threads) == {"nbkit"}  # a thread of nbkit, so that the kernel goes on


def test_a_file_without_a_preview_is_reported_in_its_tile():
    """The other previews come."""

    def preview(file, size):
        if file.stem.endswith("1"):
            raise OSError("it is cut short")
        return b"jpeg"

    grid = ImageGrid(preview)
    page = GridPage(grid)
    grid.show([item(1), item(2)])
    first, second = page.rows((0, 2))
    page.send("previews", ids=[first["id"], second["id"]], pixels=256)
    content, buffers = page.wait_for("previews")
    assert content["broken"] == {str(first["id"]): "its file cannot be shown: it is cut short"}
    assert (content["ids"], buffers) == ([second["id"]], [b"jpeg"])


def test_the_newest_request_is_answered_first_and_the_oldest_ones_are_dropped():
    """They are for pictures that were scrolled past; a message to the page names the dropped ones."""
    sent, made, begun, go_on, ended = [], [], threading.Event(), threading.Event(), threading.Event()

    def preview(file, size):
        begun.set()
        assert go_on.wait(10)
        made.append(int(file.name))
        if made[-1] == 4:
            ended.set()
        return b"jpeg"

    loader = PreviewLoader(lambda content, buffers: sent.append(content), preview)
    loader.previews(256, [(1, Path("1"))])
    assert begun.wait(10)
    for number in range(2, 16):
        loader.previews(256, [(number, Path(str(number)))])
    go_on.set()
    assert ended.wait(10)
    assert made == [1, *range(15, 3, -1)]
    assert [content["ids"] for content in sent if content["type"] == "dropped"] == [[2], [3]]


def test_a_damaged_picture_is_reported_in_the_words_of_the_other_displays(tmp_path):
    """A run, a table and a comparison use the same sentence, which is not repeated."""
    file = tmp_path / f"{1:064x}.png"
    file.write_bytes(b"nothing to see")
    grid = ImageGrid(Previews(tmp_path / "previews").get)
    page = GridPage(grid)
    grid.show([item(1, file=file)])
    (row,) = page.rows((0, 1))
    page.send("previews", ids=[row["id"]], pixels=128)
    content, _ = page.wait_for("previews")
    assert content["broken"] == {str(row["id"]): figure_of(str(file), "", 128).missing}
    assert f"{file.name} has other bytes than the picture" in content["broken"][str(row["id"])]


class Line:
    """A line to a page that fails a few times."""

    def __init__(self, failures):
        self.failures, self.arrived, self.mended = failures, queue.Queue(), threading.Event()

    def send(self, content, buffers):
        if self.failures:
            self.failures -= 1
            if not self.failures:
                self.mended.set()
            raise OSError("the line is down")
        self.arrived.put(content)


@pytest.mark.parametrize("pixels", [128, 0], ids=["previews", "originals"])
def test_pictures_that_could_not_be_sent_are_reported_as_dropped(tmp_path, pixels):
    """The page asks for them again; later requests are answered."""
    line = Line(failures=1)
    file = tmp_path / "picture.jpg"
    file.write_bytes(b"jpeg")
    loader = PreviewLoader(line.send, lambda file, size: b"jpeg")
    ask = functools.partial(loader.previews, pixels) if pixels else loader.originals
    ask([(1, file)])
    assert line.arrived.get(timeout=10) == {"type": "dropped", "ids": [1]}
    ask([(2, file)])
    assert "dropped" not in line.arrived.get(timeout=10).values()


def test_requests_are_answered_after_a_longer_failure_of_the_line():
    """Even if the message about dropped pictures did not arrive either."""
    line = Line(failures=2)
    loader = PreviewLoader(line.send, lambda file, size: b"jpeg")
    loader.previews(128, [(1, Path("1"))])
    assert line.mended.wait(10)
    loader.previews(128, [(2, Path("2"))])
    assert line.arrived.get(timeout=10)["ids"] == [2]


def test_requests_are_answered_once_a_thread_can_be_started(monkeypatch):
    """A machine can have no free thread for a moment."""
    line, tried = Line(failures=0), threading.Event()
    loader = PreviewLoader(line.send, lambda file, size: b"jpeg")

    def start(thread):
        tried.set()
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        loader.previews(128, [(1, Path("1"))])
        assert tried.wait(10)
    assert line.arrived.get(timeout=10)["ids"] == [1]
    loader.previews(128, [(2, Path("2"))])
    assert line.arrived.get(timeout=10)["ids"] == [2]


def test_an_original_is_sent_byte_by_byte(grid, page, tmp_path):
    """A file that is missing is reported."""
    file = tmp_path / "picture.jpg"
    file.write_bytes(b"exactly these")
    grid.show([item(1, file=file), item(2)])
    present, missing = page.rows((0, 2))
    page.send("original", ids=[present["id"]])
    assert page.wait_for("original")[1] == [b"exactly these"]
    page.messages.clear()
    page.send("original", ids=[missing["id"]])
    assert page.wait_for("original")[0]["broken"] == "its file is not here"


# -- selection and keys ---------------------------------------------------------------------------------------------


def test_a_selection_has_the_order_of_the_grid(grid, page):
    """Whether the page or code makes it; callbacks are called once for each."""
    selections = []
    grid.on_select(selections.append)
    grid.show([item(number) for number in range(10)])
    page.send("select", ranges=[(3, 5), (8, 99)], active=3, by="me")
    assert grid.selected == ("key-3", "key-4", "key-8", "key-9")
    assert grid.box.chosen == {"version": 1, "ranges": [[3, 5], [8, 10]], "active": 3, "by": "me"}
    grid.select(["key-7", "key-2", "no such key"])
    assert selections == [("key-3", "key-4", "key-8", "key-9"), ("key-2", "key-7")]


def test_the_selection_moves_with_its_pictures(grid):
    """When a new picture comes in front; a picture that is no longer shown is no longer selected."""
    grid.show([item(1), item(2)])
    grid.select(["key-1", "key-2"])
    grid.show([item(0), item(1)])
    assert grid.selected == ("key-1",)
    assert grid.box.chosen["ranges"] == [[1, 2]]


def test_a_grid_for_one_picture_selects_the_first_of_several():
    """``multiple=False`` is for choosing one picture."""
    grid = ImageGrid(lambda file, size: b"", multiple=False)
    grid.show([item(1), item(2)])
    grid.select(["key-1", "key-2"])
    assert grid.selected == ("key-1",)


def test_a_key_applies_to_the_pictures_that_were_selected_at_the_press(grid, page):
    """The page names them, because the selection may have changed since."""
    pressed = []
    grid.on_key(lambda key, keys: pressed.append((key, keys)))
    grid.show([item(1), item(2)])
    grid.select(["key-2"])
    page.send("key", key="4", ranges=[(0, 1)])
    assert pressed == [("4", ("key-1",))]


def test_a_callback_may_change_the_grid(grid, page):
    """It is called outside the lock."""
    grid.on_key(lambda key, keys: grid.show([item(3)]))
    grid.show([item(1)])
    page.send("key", key="x", ranges=[(0, 1)])
    assert grid.box.total == 1
    assert grid.box.version == 2


# -- errors ---------------------------------------------------------------------------------------------------------


def test_an_exception_in_a_callback_is_shown_until_the_next_call_succeeds(grid, page):
    """Jupyter would drop it. Messages of other kinds do not remove it."""

    def fail(key, keys):
        if key == "1":
            raise ValueError("no such rating")

    grid.on_key(fail)
    grid.on_key(lambda key, keys: None)
    grid.show([item(1), item(2)])
    page.send("key", key="1", ranges=[(0, 1)])
    assert "ValueError: no such rating" in grid.box.problem
    page.send("select", ranges=[(1, 2)], active=1)
    page.rows((0, 2))
    grid.select(["key-1"])
    page.send("key", key="2", ranges=[(0, 1)], version=0)
    assert "ValueError: no such rating" in grid.box.problem
    page.send("key", key="2", ranges=[(0, 1)])
    assert grid.box.problem == ""


def test_errors_of_several_kinds_are_shown_together(grid, page):
    """Each until a message of its own kind succeeds."""
    failing = [True]

    def fail(keys):
        if failing:
            raise ValueError("no room")

    grid.on_select(fail)
    grid.show([item(1)])
    page.send("rows", ranges=["nonsense"])
    grid.select(["key-1"])
    assert "too many values" in grid.box.problem
    assert "no room" in grid.box.problem
    page.rows((0, 1))
    assert grid.box.problem.startswith("ValueError: no room")
    failing.clear()
    grid.select([])
    assert grid.box.problem == ""


def test_a_malformed_message_is_reported_on_the_grid(grid, page):
    """The exception does not leave the handler."""
    grid.show([item(1)])
    page.send("rows", ranges=["nonsense"])
    assert "ValueError" in grid.box.problem


# -- from code ------------------------------------------------------------------------------------------------------


def test_open_shows_at_most_four_pictures_side_by_side(grid, page):
    """Their facts come with the message."""
    grid.show([item(number) for number in range(6)])
    grid.open([f"key-{number}" for number in range(6)])
    sent = page.messages[-1][0]
    assert (sent["type"], sent["version"], sent["at"]) == ("open", 1, [0, 1, 2, 3])
    assert [fact["alt"] for fact in sent["facts"]] == [f"prompt {number}" for number in range(4)]


def test_refresh_sends_the_facts_of_a_few_pictures(grid, page):
    """And no pictures; for many of them, the page has to ask again."""
    items = [item(number) for number in range(300)]
    grid.show(ItemList(items))
    items[1] = item(1, rating=2)
    grid.refresh(["key-1"])
    content, buffers = page.messages[-1]
    assert [fact["rating"] for fact in content["facts"]] == [2]
    assert buffers == []
    grid.refresh()
    assert page.messages[-1][0]["type"] == "stale"


def test_groups_must_have_as_many_items_as_the_grid(grid):
    """A heading has the number of items under it."""
    grid.show([item(1), item(2), item(3)], groups=[("red", 2), ("jade", 1)])
    assert grid.box.groups == [["red", 2], ["jade", 1]]
    with pytest.raises(ValueError, match="count 2 items, and there are 3"):
        grid.show([item(1), item(2), item(3)], groups=[("red", 2)])


def test_the_saved_state_of_a_grid_is_small(grid, page):
    """It has neither pictures nor prompts."""
    grid.show([item(number, alt="a secret garden " * 50) for number in range(2_000)])
    page.rows((0, 200))
    state = {name: value for name, value in grid.box.get_state().items() if name not in ("_esm", "_css")}
    assert len(json.dumps(state, default=repr)) < 5_000


def test_messages_in_several_threads_cause_no_error_while_the_grid_changes(grid, page):
    """Not even one that is shown for a moment."""
    problems = []
    grid.box.observe(lambda change: problems.append(change.new), "problem")

    def ask():
        for _ in range(100):
            page.send("rows", ranges=[(0, 50)])
            page.send("select", ranges=[(0, 5)], active=0)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for length in range(100):
        grid.show([item(number) for number in range(length)])
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert problems == []


def test_a_tile_has_the_beginning_of_a_long_prompt_and_the_open_picture_all_of_it(grid, page):
    """Also where there is no picture to open."""
    long = "a secret garden " * 50 + "at dawn"
    grid.show([item(1, alt=long), item(2, alt=long, file=None), item(3)])
    first, second, third = page.rows((0, 3))
    assert first["alt"].endswith("…")
    assert len(first["alt"]) <= 300
    assert first["cut"]
    assert "cut" not in third
    page.send("original", ids=[first["id"], second["id"], third["id"], 7])
    assert page.wait_for("whole")[0]["words"] == [[first["id"], long], [second["id"], long]]


# -- contact sheets, coming pictures, actions, details ---------------------------------------------------------------


def test_a_contact_sheet_sends_the_shapes_of_its_pictures():
    """The page arranges them before it has their facts; 0 where the shape is not known, and none of a longer list."""
    sheet = ImageGrid(lambda file, size: b"", fit=True)
    sheet.show([item(1), item(2, file=None, status=COMING), Item("key-3", "", (), None, 0, 0, "", "refused", "failed")])
    assert sheet.box.shapes == [64 / 48, 64 / 48, 0.0]
    sheet.show([item(number) for number in range(13)])
    assert sheet.box.shapes == []


def test_a_coming_picture_has_a_place_of_its_shape_and_cannot_be_opened(grid, page):
    """The page is told that it is coming."""
    grid.show([item(1, file=None, status=COMING, caption=("coming",)), item(2)])
    assert grid.box.tallest == 48 / 64
    first, _ = page.rows((0, 2))
    assert (first["status"], first["width"], first["height"]) == ("coming", 64, 48)
    assert "name" not in first
    page.messages.clear()
    grid.open(["key-1", "key-2"])
    assert page.messages[-1][0]["at"] == [1]


def test_a_pressed_action_is_called_with_the_key_of_its_picture():
    """Also if other pictures are shown by then; an action that the grid does not have is reported."""
    pressed = []
    grid = ImageGrid(
        lambda file, size: b"", actions=(Action("edit", "Edit this", "Make it the reference", closes=True),)
    )
    grid.on_action(lambda action, key: pressed.append((action, key)))
    page = GridPage(grid)
    assert grid.box.actions == [["edit", "Edit this", "Make it the reference", True]]
    grid.show([item(1), item(2)])
    _, second = page.rows((0, 2))
    grid.show([item(3)])
    page.send("action", action="edit", id=second["id"], version=1)
    assert pressed == [("edit", "key-2")]
    page.send("action", action="delete", id=second["id"])
    assert "an action 'delete' that this grid does not have" in grid.box.problem


def test_details_are_sent_with_the_original(tmp_path):
    """An error in them is shown in the lightbox and under the grid; the other picture has its details."""

    def details(key):
        if key == "key-1":
            raise LookupError("no such thread")
        return ["1: a lantern", "2: made blue\x07"]

    file = tmp_path / "picture.jpg"
    file.write_bytes(b"exactly these")
    grid = ImageGrid(lambda file, size: b"", details=details)
    page = GridPage(grid)
    grid.show([item(1, file=file), item(2, file=file)])
    first, second = page.rows((0, 2))
    page.send("original", ids=[first["id"], second["id"]])
    sent = {content["id"]: content for content, _ in page.messages if content["type"] == "details"}
    assert (sent[first["id"]]["lines"], sent[first["id"]]["problem"]) == ([], "LookupError: no such thread")
    assert (len(sent[second["id"]]["lines"]), sent[second["id"]]["problem"]) == (2, "")
    assert "\x07" not in sent[second["id"]]["lines"][1]
    assert "LookupError: no such thread" in grid.box.problem
    page.send("original", ids=[second["id"]])
    assert grid.box.problem == ""
    page.wait_for("original")
