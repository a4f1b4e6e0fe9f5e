"""The wall without a page: what it tells, what it makes in which order, what a press does. A list stands for the page."""

import functools
import json
import queue
import threading
from pathlib import Path

import pytest

from nbkit.log.previews import Previews
from nbkit.widgets.wall.item import Item, ItemList, Items
from nbkit.widgets.wall.post import Post
from nbkit.widgets.wall.wall import Wall


def item(number, **facts):
    given = {"alt": f"prompt {number}", "caption": (f"seed {number}",), "file": Path(f"{number:064x}.jpg")} | facts
    return Item(f"key-{number}", width=64, height=48, media_type="image/jpeg", **given)


class Page:
    """What a page would hear and say."""

    def __init__(self, wall):
        self.wall, self.heard, self.came = wall, [], threading.Condition()
        wall.box.send = self.hear

    def hear(self, content, buffers=None):
        with self.came:
            self.heard.append((content, buffers or []))
            self.came.notify_all()

    def say(self, kind, **content):
        version = content.pop("version", self.wall.box.version)
        self.wall.box._handle_custom_msg({"type": kind, "version": version, **content}, [])

    def wait_for(self, kind):
        with self.came:
            came = self.came.wait_for(lambda: any(content["type"] == kind for content, _ in self.heard), 10)
            assert came, f"no {kind} among {[content['type'] for content, _ in self.heard]}"
            return next((content, buffers) for content, buffers in self.heard if content["type"] == kind)

    def rows(self, *ranges):
        self.heard.clear()
        self.say("rows", ranges=ranges)
        return [row for _, rows in self.heard[-1][0]["parts"] for row in rows]


@pytest.fixture
def wall():
    return Wall(lambda file, size: f"{file.stem[-1]} {size}".encode(), keys=True)


@pytest.fixture
def page(wall):
    return Page(wall)


class Counted(Items):
    """A hundred thousand items that writes down which were read."""

    def __init__(self):
        self.read_so_far = []

    def __len__(self):
        return 100_000

    def keys(self, start, stop):
        return (f"key-{number}" for number in range(start, stop))

    def read(self, start, stop):
        self.read_so_far += range(start, stop)
        return [item(number) for number in range(start, stop)]


def test_it_tells_what_is_asked_for(wall, page):
    """Facts come by the place of a picture; nothing is pushed."""
    wall.show([item(1), item(2, rating=4, keep=False, tags="red", status="failed", file=None, missing="refused")])
    assert page.heard == []
    first, second = page.rows((0, 99))
    assert first["alt"] == "prompt 1"
    assert first["name"] == "seed-1-000000000000.jpg"
    assert "rating" not in first
    assert (second["rating"], second["keep"], second["status"]) == (4, False, "failed")
    assert "name" not in second


def test_a_picture_that_was_told_is_a_number(wall, page):
    """One more picture in front costs one fact and a few digits, however long the prompts are."""
    many = [item(number, alt="a long prompt " * 40) for number in range(100)]
    wall.show(many)
    page.rows((0, 100))
    wall.show([item(100), *many])
    rows = page.rows((0, 100))
    assert rows[0]["alt"] == "prompt 100"
    assert all(isinstance(row, int) for row in rows[1:])
    assert len(json.dumps(page.heard)) < 1_000


def test_what_changed_is_told_again(wall, page):
    """A new rating is a fact again, and a page that knows nothing can ask for all."""
    wall.show([item(1), item(2)])
    page.rows((0, 2))
    wall.show([item(1), item(2, rating=5)])
    known, changed = page.rows((0, 2))
    assert isinstance(known, int)
    assert changed["rating"] == 5
    page.say("rows", ranges=[(0, 2)], full=True)
    assert all(isinstance(row, dict) for row in page.heard[-1][0]["parts"][0][1])


def test_a_question_about_an_earlier_showing_is_not_answered(wall, page):
    """Its places mean other pictures by now, and so would its keys."""
    pressed = []
    wall.on_key(lambda key, keys: pressed.append((key, keys)))
    wall.show([item(1)])
    wall.show([item(2)])
    page.say("rows", ranges=[(0, 1)], version=1)
    page.say("key", key="4", ranges=[(0, 1)], version=1)
    page.say("select", ranges=[(0, 1)], active=0, version=1)
    assert page.heard == []
    assert pressed == []
    assert wall.selected == ()


def test_the_first_come_with_their_previews(wall, page):
    """A page that has no view yet asks once for both; what has no picture has no preview."""
    wall.show([item(1), item(2, file=None), item(3)])
    page.say("rows", ranges=[(0, 3)], pixels=256)
    told, _ = page.wait_for("rows")
    first, _, third = (row["id"] for row in told["parts"][0][1])
    content, buffers = page.wait_for("previews")
    assert (told["pixels"], content["pixels"], content["ids"]) == (256, 256, [first, third])
    assert buffers == [b"1 256", b"3 256"]


def test_the_top_of_the_page_is_made_first():
    """Newer questions go before older ones, but for the pictures that a new wall begins with."""
    made, waits, begun = [], threading.Event(), threading.Event()

    def preview(file, size):
        begun.set()
        assert waits.wait(10)
        made.append(file.name)
        return b""

    done = threading.Event()
    post = Post(lambda content, buffers: done.set() if len(made) == 5 else None, preview)
    post.previews(128, [(0, Path("busy"))])
    assert begun.wait(10)
    post.previews(128, [(1, Path("top")), (2, Path("top, too"))], first=True)
    post.previews(128, [(3, Path("older"))])
    post.previews(128, [(4, Path("newer"))])
    waits.set()
    assert done.wait(10)
    assert made == ["busy", "top", "top, too", "newer", "older"]


def test_what_is_asked_for_by_number_is_answered_in_every_showing(wall, page, tmp_path):
    """While somebody types into a search box, the pictures that the page has asked for come all the same."""
    file = tmp_path / "picture.jpg"
    file.write_bytes(b"exactly these")
    wall.show([item(1, file=file)])
    (told,) = page.rows((0, 1))
    wall.show([item(2)])
    page.say("previews", ids=[told["id"]], pixels=256, version=1)
    page.say("original", ids=[told["id"]], version=1)
    assert page.wait_for("previews")[0]["ids"] == [told["id"]]
    assert page.wait_for("original")[1] == [b"exactly these"]


def test_a_page_can_ask_where_a_picture_stands(wall, page):
    """One that is open in full size stays so when another comes in front; -1 is nowhere."""
    wall.show([item(1), item(2)])
    first, second = page.rows((0, 2))
    wall.show([item(0), item(1)])
    page.say("find", ids=[second["id"], first["id"]], version=1)
    places = [[second["id"], -1], [first["id"], 1]]
    assert page.heard[-1][0] == {"type": "found", "version": 2, "at": places}


def test_saving_needs_no_row_in_the_page(wall, page):
    """The page is told of what it may never have shown."""
    wall.show([item(number) for number in range(2_000)])
    wall.save(["key-1500"])
    (fact,) = page.heard[-1][0]["facts"]
    assert fact["name"] == "seed-1500-000000000000.jpg"


def test_only_what_is_in_view_is_read(wall, page):
    """A hundred thousand pictures open as fast as ten."""
    items = Counted()
    wall.show(items)
    page.rows((500, 520))
    assert items.read_so_far == list(range(500, 520))
    assert wall.box.total == 100_000


def test_previews_are_made_in_a_thread(wall, page):
    """They come as buffers beside their numbers."""
    made_in = []
    wall._post._preview = lambda file, size: made_in.append(threading.current_thread().name) or b"jpeg"
    wall.show([item(1), item(2), item(3, file=None, missing="refused")])
    first, second, third = page.rows((0, 3))
    page.say("previews", ids=[second["id"], first["id"], third["id"], 77], pixels=256)
    content, buffers = page.wait_for("previews")
    assert content["ids"] == [second["id"], first["id"]]
    assert buffers == [b"jpeg", b"jpeg"]
    assert set(made_in) == {"nbkit-wall"}


def test_a_damaged_file_says_so_in_its_tile(wall, page):
    """The others come all the same."""

    def preview(file, size):
        if file.stem.endswith("1"):
            raise OSError("it is cut short")
        return b"jpeg"

    wall._post._preview = preview
    wall.show([item(1), item(2)])
    first, second = page.rows((0, 2))
    page.say("previews", ids=[first["id"], second["id"]], pixels=256)
    content, buffers = page.wait_for("previews")
    assert content["broken"] == {str(first["id"]): "its file cannot be shown: it is cut short"}
    assert (content["ids"], buffers) == ([second["id"]], [b"jpeg"])


def test_the_newest_request_is_answered_first():
    """What somebody scrolled past is made last; what waits too long is given up, and the page is told."""
    sent, made, begun, go_on, ended = [], [], threading.Event(), threading.Event(), threading.Event()

    def preview(file, size):
        begun.set()
        assert go_on.wait(10)
        made.append(int(file.name))
        if made[-1] == 4:
            ended.set()
        return b"jpeg"

    post = Post(lambda content, buffers: sent.append(content), preview)
    post.previews(256, [(1, Path("1"))])
    assert begun.wait(10)
    for number in range(2, 16):
        post.previews(256, [(number, Path(str(number)))])
    go_on.set()
    assert ended.wait(10)
    assert made == [1, *range(15, 3, -1)]
    assert [content["ids"] for content in sent if content["type"] == "dropped"] == [[2], [3]]


def test_a_damaged_picture_is_said_once(wall, page, tmp_path):
    """In the words that a run, a table and a comparison have for it."""
    file = tmp_path / f"{1:064x}.png"
    file.write_bytes(b"nothing to see")
    wall._post._preview = Previews(tmp_path / "previews").get
    wall.show([item(1, file=file)])
    (told,) = page.rows((0, 1))
    page.say("previews", ids=[told["id"]], pixels=128)
    content, _ = page.wait_for("previews")
    assert content["broken"] == {str(told["id"]): "the picture's file is damaged: no JPEG, PNG or WEBP"}


class Line:
    """A line to a page that fails a few times."""

    def __init__(self, faults):
        self.faults, self.arrived, self.mended = faults, queue.Queue(), threading.Event()

    def send(self, content, buffers):
        if self.faults:
            self.faults -= 1
            if not self.faults:
                self.mended.set()
            raise OSError("the line is down")
        self.arrived.put(content)


@pytest.mark.parametrize("pixels", [128, 0], ids=["previews", "originals"])
def test_what_could_not_be_sent_is_told_to_be_dropped(tmp_path, pixels):
    """The page asks for it again, and what is asked for later comes."""
    line = Line(faults=1)
    file = tmp_path / "picture.jpg"
    file.write_bytes(b"jpeg")
    post = Post(line.send, lambda file, size: b"jpeg")
    ask = functools.partial(post.previews, pixels) if pixels else post.originals
    ask([(1, file)])
    assert line.arrived.get(timeout=10) == {"type": "dropped", "ids": [1]}
    ask([(2, file)])
    assert "dropped" not in line.arrived.get(timeout=10).values()


def test_a_line_that_was_down_for_longer_is_used_again():
    """Nothing could be told meanwhile; that is no reason to be silent afterwards."""
    line = Line(faults=2)
    post = Post(line.send, lambda file, size: b"jpeg")
    post.previews(128, [(1, Path("1"))])
    assert line.mended.wait(10)
    post.previews(128, [(2, Path("2"))])
    assert line.arrived.get(timeout=10)["ids"] == [2]


def test_without_a_thread_the_next_request_tries_again(monkeypatch):
    """A machine that has no more threads for a moment is no reason to be silent afterwards."""
    line = Line(faults=0)
    post = Post(line.send, lambda file, size: b"jpeg")

    def start(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError):
            post.previews(128, [(1, Path("1"))])
    post.previews(128, [(2, Path("2"))])
    assert line.arrived.get(timeout=10)["ids"] == [2]
    assert line.arrived.get(timeout=10)["ids"] == [1]


def test_the_original_comes_as_it_is(wall, page, tmp_path):
    """Byte by byte, and a file that is gone is said to be."""
    file = tmp_path / "picture.jpg"
    file.write_bytes(b"exactly these")
    wall.show([item(1, file=file), item(2)])
    here, gone = page.rows((0, 2))
    page.say("original", ids=[here["id"]])
    assert page.wait_for("original")[1] == [b"exactly these"]
    page.heard.clear()
    page.say("original", ids=[gone["id"]])
    assert page.wait_for("original")[0]["broken"] == "its file is not here"


def test_selecting(wall, page):
    """By the page and from code: keys in the order of the wall, callbacks once each."""
    told = []
    wall.on_select(told.append)
    wall.show([item(number) for number in range(10)])
    page.say("select", ranges=[(3, 5), (8, 99)], active=3, by="me")
    assert wall.selected == ("key-3", "key-4", "key-8", "key-9")
    assert wall.box.chosen == {"version": 1, "ranges": [[3, 5], [8, 10]], "active": 3, "by": "me"}
    wall.select(["key-7", "key-2", "no such key"])
    assert told == [("key-3", "key-4", "key-8", "key-9"), ("key-2", "key-7")]


def test_the_selection_moves_with_its_pictures(wall):
    """A new picture in front shifts places and not what is selected; what is not shown is not selected."""
    wall.show([item(1), item(2)])
    wall.select(["key-1", "key-2"])
    wall.show([item(0), item(1)])
    assert wall.selected == ("key-1",)
    assert wall.box.chosen["ranges"] == [[1, 2]]


def test_one_at_most_where_one_is_asked_for():
    """A wall to pick one picture from."""
    wall = Wall(lambda file, size: b"", multiple=False)
    wall.show([item(1), item(2)])
    wall.select(["key-1", "key-2"])
    assert wall.selected == ("key-1",)


def test_a_key_is_for_the_pictures_that_it_was_pressed_on(wall, page):
    """The press says which, whatever has been selected since."""
    pressed = []
    wall.on_key(lambda key, keys: pressed.append((key, keys)))
    wall.show([item(1), item(2)])
    wall.select(["key-2"])
    page.say("key", key="4", ranges=[(0, 1)])
    assert pressed == [("4", ("key-1",))]


def test_a_callback_may_use_the_wall(wall, page):
    """It is called outside the lock, and may show something else."""
    wall.on_key(lambda key, keys: wall.show([item(3)]))
    wall.show([item(1)])
    page.say("key", key="x", ranges=[(0, 1)])
    assert wall.box.total == 1
    assert wall.box.version == 2


def test_a_fault_in_a_callback_is_shown(wall, page):
    """Jupyter would lose it. The next press that goes well takes it away; whatever else goes well does not."""

    def fail(key, keys):
        if key == "1":
            raise ValueError("no such rating")

    wall.on_key(fail)
    wall.on_key(lambda key, keys: None)
    wall.show([item(1), item(2)])
    page.say("key", key="1", ranges=[(0, 1)])
    assert "ValueError: no such rating" in wall.box.problem
    page.say("select", ranges=[(1, 2)], active=1)
    page.rows((0, 2))
    wall.select(["key-1"])
    page.say("key", key="2", ranges=[(0, 1)], version=0)
    assert "ValueError: no such rating" in wall.box.problem
    page.say("key", key="2", ranges=[(0, 1)])
    assert wall.box.problem == ""


def test_faults_of_several_kinds_stand_side_by_side(wall, page):
    """Each until its own kind of thing goes well."""
    failing = [True]

    def fail(keys):
        if failing:
            raise ValueError("no room")

    wall.on_select(fail)
    wall.show([item(1)])
    page.say("rows", ranges=["nonsense"])
    wall.select(["key-1"])
    assert "too many values" in wall.box.problem
    assert "no room" in wall.box.problem
    page.rows((0, 1))
    assert wall.box.problem.startswith("ValueError: no room")
    failing.clear()
    wall.select([])
    assert wall.box.problem == ""


def test_an_unreadable_message_is_shown(wall, page):
    """Whatever a page sends."""
    wall.show([item(1)])
    page.say("rows", ranges=["nonsense"])
    assert "ValueError" in wall.box.problem


def test_opening_from_code(wall, page):
    """Four at most stand side by side."""
    wall.show([item(number) for number in range(6)])
    wall.open([f"key-{number}" for number in range(6)])
    sent = page.heard[-1][0]
    assert (sent["type"], sent["version"], sent["at"]) == ("open", 1, [0, 1, 2, 3])
    assert [fact["alt"] for fact in sent["facts"]] == [f"prompt {number}" for number in range(4)]


def test_refreshing_sends_facts_and_no_pictures(wall, page):
    """Few are sent, many are asked for again."""
    items = [item(number) for number in range(300)]
    wall.show(ItemList(items))
    items[1] = item(1, rating=2)
    wall.refresh(["key-1"])
    content, buffers = page.heard[-1]
    assert [fact["rating"] for fact in content["facts"]] == [2]
    assert buffers == []
    wall.refresh()
    assert page.heard[-1][0]["type"] == "stale"


def test_groups_have_to_add_up(wall):
    """Headings count what stands under them."""
    wall.show([item(1), item(2), item(3)], groups=[("red", 2), ("jade", 1)])
    assert wall.box.groups == [["red", 2], ["jade", 1]]
    with pytest.raises(ValueError, match="count 2 items, and there are 3"):
        wall.show([item(1), item(2), item(3)], groups=[("red", 2)])


def test_no_picture_is_in_the_state(wall, page):
    """What a notebook saves of it is small."""
    wall.show([item(number, alt="a secret garden " * 50) for number in range(2_000)])
    page.rows((0, 200))
    state = {name: value for name, value in wall.box.get_state().items() if name not in ("_esm", "_css")}
    assert len(json.dumps(state, default=repr)) < 5_000


def test_many_threads(wall, page):
    """Messages may come in any thread while code shows something else; nothing goes wrong, not even for a moment."""
    problems = []
    wall.box.observe(lambda change: problems.append(change.new), "problem")

    def ask():
        for _ in range(100):
            page.say("rows", ranges=[(0, 50)])
            page.say("select", ranges=[(0, 5)], active=0)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for length in range(100):
        wall.show([item(number) for number in range(length)])
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert problems == []


def test_a_long_prompt_is_cut_with_a_sign(wall, page):
    """A tile has its beginning, and whoever opens the picture the whole of it, also where there is no picture."""
    long = "a secret garden " * 50 + "at dawn"
    wall.show([item(1, alt=long), item(2, alt=long, file=None), item(3)])
    first, second, third = page.rows((0, 3))
    assert first["alt"].endswith("…")
    assert len(first["alt"]) <= 300
    assert first["cut"]
    assert "cut" not in third
    page.say("original", ids=[first["id"], second["id"], third["id"], 7])
    assert page.wait_for("whole")[0]["words"] == [[first["id"], long], [second["id"], long]]
