"""The gallery without a page: what it shows, what is selected, what is said of it, and what it refuses."""

import contextlib
import io
import json
import uuid

import pandas as pd
import pytest
from gallery_log import write_log
from ipywidgets import Widget
from ipywidgets.widgets.widget import _instances

import nbkit
from nbkit.errors import NbkitError, RequestError, UnknownParameter
from nbkit.widgets.gallery.gallery import Gallery
from nbkit.widgets.gallery.query import HOLDS, IS_NOT, MORE, SET, UNSET, Condition
from nbkit.widgets.gallery.rows import RowItems

RUNS = 44


@pytest.fixture
def log(tmp_path):
    log = write_log(tmp_path / "runs", RUNS, pictures=4, size=(64, 48))
    yield log
    log.close()


@pytest.fixture
def gallery(log):
    return Gallery(log)


def press(gallery, key):
    """A key on what is selected, as the page sends it."""
    wall = gallery.wall.box
    ranges = wall.chosen.get("ranges", [])
    wall._handle_custom_msg({"type": "key", "key": key, "version": wall.version, "ranges": ranges}, [])


def trouble(gallery):
    return gallery._trouble.value


def widgets_of(box):
    yield box
    for value in box.trait_values().values():
        for widget in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(widget, Widget):
                yield from widgets_of(widget)


# -- what is shown -----------------------------------------------------------------------------------------------


def test_the_log_is_shown_newest_first(gallery, log):
    """Every row, those without a picture too, with why there is none."""
    assert gallery.frame.seed.head(3).tolist() == [pd.NA, 42, 41]
    assert len(gallery.frame) == len(log.to_frame()) == RUNS
    first, second = gallery.wall._items[:2]
    assert (first.file, first.status, first.missing) == (None, "blocked", "refused by a safety filter")
    assert second.caption == ("seed 42", "temperature 0.7", "$0.06895")
    assert second.alt == "A jade tram in the rain, number 42"
    assert second.file.exists()
    assert repr(gallery) == "<Gallery: 44 rows, 0 selected>"


def test_a_frame_is_shown_as_it_comes(log):
    """Whatever pandas did to it: its order, its own columns."""
    frame = log.to_frame().query("temperature == 0.7").assign(sharpness=lambda rows: range(len(rows)))
    gallery = Gallery(log, frame)
    assert gallery.frame.seed.tolist() == frame.seed.tolist()
    gallery.filter("sharpness >= 3")
    gallery.select(gallery.frame)
    assert gallery.selection.sharpness.min() == 3


def test_a_frame_that_does_not_know_its_pictures(log):
    """The error says which columns to keep."""
    with pytest.raises(NbkitError, match="keep file, imageUUID and taskUUID"):
        Gallery(log, log.to_frame()[["prompt", "seed"]])


def test_few_columns_are_enough(log):
    """Those that lead to the pictures; marks come from the log."""
    gallery = Gallery(log, log.to_frame()[["file", "imageUUID", "taskUUID"]].dropna())
    gallery.select(gallery.frame.head(1))
    gallery.rate(5)
    assert gallery.selection.rating.tolist() == [5]


def test_an_empty_log(tmp_path):
    """It opens, and says what fills it."""
    gallery = Gallery(nbkit.Studio(engine="offline", path=tmp_path / "none").log)
    assert len(gallery.frame) == 0
    assert "studio.generate" in gallery._record().text


def test_filters_in_both_spellings(gallery):
    """Conditions stack; a comparison takes the place of an earlier one of the same column."""
    gallery.filter(temperature=0.7)
    assert set(gallery.frame.temperature) == {0.7}
    gallery.filter("requestedSeed > 20 and number_results.isna()")
    assert gallery.frame.requestedSeed.min() > 20
    gallery.filter(temperature=[0.1, 0.3])
    assert set(gallery.frame.temperature) == {0.1, 0.3}
    gallery.filter(task_uuid=str(uuid.UUID(int=34)))
    assert gallery.frame.seed.tolist() == [33]
    gallery.clear()
    assert len(gallery.frame) == RUNS


def test_no_value_is_a_filter_too(gallery):
    """``None`` means that there is none."""
    gallery.filter(imageUUID=None)
    assert set(gallery.frame.status) == {"blocked"}


@pytest.mark.parametrize(
    ("column", "operator", "value", "meets"),
    [
        ("seed", "≥", "40", 3),
        ("seed", MORE, "40", 2),
        ("seed", "≤", 2, 3),
        ("temperature", "=", 0.1 + 0.2, 12),
        ("temperature", IS_NOT, "0.3", 32),
        ("prompt", HOLDS, "JADE", 11),
        ("cost", "=", "$0.06895", 40),
        ("rating", SET, None, 0),
        ("seed", UNSET, None, 4),
        ("charged", "=", "no", 44),
        ("created", "<", "2020-01-01", 0),
    ],
)
def test_conditions(gallery, column, operator, value, meets):
    """What a person chooses and types, on columns of each kind."""
    assert Condition(column, operator, value).mask(gallery._rows).sum() == meets


def test_a_seed_of_63_bits_is_compared_exactly():
    """Its neighbours are not it."""
    frame = pd.DataFrame({"seed": pd.array([2**63 - 1, 2**63 - 2, None], dtype="Int64")})
    assert Condition("seed", "=", str(2**63 - 1)).mask(frame).tolist() == [True, False, False]
    assert Condition("seed", IS_NOT, 2**63 - 1).mask(frame).tolist() == [False, True, True]


def test_a_wrong_filter_changes_nothing(gallery):
    """An unknown column names the nearest; a wrong value says what is right; code that cannot be read is refused."""
    with pytest.raises(UnknownParameter, match="did you mean temperature"):
        gallery.filter(temperatur=0.7)
    with pytest.raises(RequestError, match="temperature is compared with a number, not 'hot'"):
        gallery.filter(temperature="hot")
    for expression in ("temperature >", "no_such > 1", "temperature + 1"):
        with pytest.raises(RequestError, match="cannot be used"):
            gallery.filter(expression)
    assert len(gallery.frame) == RUNS
    assert gallery.filters.held == ()


def test_filters_by_hand(gallery):
    """Choose, type, press; take it away with its button."""
    line = gallery.filters
    line.column.value, line.operator.value, line.value.value = "seed", "≥", "40"
    line.button.click()
    assert len(gallery.frame) == 3
    assert [chip.description for chip in line.chips.children] == ["✕ seed ≥ 40"]
    line.value.value = "many"
    line.button.click()
    assert "seed is compared with a number" in trouble(gallery)
    assert len(gallery.frame) == 3
    line.chips.children[0].click()
    assert len(gallery.frame) == RUNS
    assert trouble(gallery) == ""


def test_a_search_finds_every_word(gallery):
    """In prompt, tags and note, in any case."""
    gallery.select(gallery.frame[gallery.frame.seed == 7])
    gallery.tag("Favourite")
    gallery.search("GARDEN favourite")
    assert gallery.frame.seed.tolist() == [7]
    gallery.search("")
    assert len(gallery.frame) == RUNS


def test_order_and_groups(gallery):
    """Rows without a value come last; headings count what stands under them."""
    gallery.sort("seed", ascending=True)
    assert gallery.frame.seed.dropna().is_monotonic_increasing
    assert gallery.frame.seed.isna().tolist() == [False] * 40 + [True] * 4
    gallery.group("temperature")
    assert gallery.wall.box.groups == [
        ["temperature 0.1", 12],
        ["temperature 0.3", 12],
        ["temperature 0.7", 12],
        ["temperature 1", 8],
    ]
    assert gallery.frame.seed.head(4).tolist() == [0, 1, 2, 3]
    gallery.group(None)
    gallery.sort(None)
    assert gallery.frame.seed[1] == 42


def test_too_many_groups_are_refused(tmp_path):
    """A heading over each picture is no help; what was shown stays."""
    log = write_log(tmp_path / "runs", 500, pictures=1, size=(8, 8))
    gallery = Gallery(log)
    with pytest.raises(RequestError, match="too many for groups"):
        gallery.group("seed")
    assert gallery.wall.box.groups == []
    assert gallery.arrangement.group.label == "no groups"
    gallery.arrangement.group.value = "seed"
    assert "too many for groups" in trouble(gallery)
    log.close()


def test_what_it_comes_to(gallery):
    """Counts and costs of what is shown and selected stand over the pictures."""
    gallery.filter("seed < 10")
    gallery.select(gallery.frame.head(2))
    line = gallery._line.value
    assert "10 of 44 shown · $0.6895 at offline list prices · 2 selected · $0.1379 at offline list prices" in line


def test_only_rows_in_view_become_items(log, monkeypatch):
    """Opening reads none."""
    read = []
    plain = RowItems.read
    monkeypatch.setattr(
        RowItems, "read", lambda items, start, stop: read.append((start, stop)) or plain(items, start, stop)
    )
    gallery = Gallery(log)
    gallery.filter("seed > 3")
    gallery.sort("cost")
    gallery.select(gallery.frame.head(3))
    assert read == []


# -- what is said of the selected ------------------------------------------------------------------------------------


def test_marks_go_into_the_log(gallery, log):
    """At once, for all that is selected, and to what is shown."""
    gallery.select(gallery.frame[gallery.frame.seed.isin([5, 6])])
    gallery.rate(4)
    gallery.keep()
    gallery.tag("red")
    gallery.note("the best")
    marked = log.to_frame().dropna(subset="rating")
    assert marked.seed.tolist() == [5, 6]
    for rows in (marked, gallery.selection, gallery.frame.dropna(subset="rating")):
        assert set(rows.rating) == {4}
        assert set(rows.keep) == {True}
        assert set(rows.tags) == {"red"}
        assert set(rows.note) == {"the best"}
    assert gallery.wall._items[gallery.wall._items.positions(gallery.wall.selected)[0]].rating == 4


def test_tags_are_added_and_removed_one_by_one(gallery):
    """Each picture keeps its others; one undo takes one change back, however many values it wrote."""
    gallery.select(gallery.frame[gallery.frame.seed == 5])
    gallery.tag("night")
    gallery.select(gallery.frame[gallery.frame.seed.isin([5, 6])])
    gallery.tag("red, fog")
    assert gallery.selection.sort_values("seed").tags.tolist() == ["fog, night, red", "fog, red"]
    gallery.untag("FOG")
    assert gallery.selection.sort_values("seed").tags.tolist() == ["night, red", "red"]
    gallery.undo()
    gallery.undo()
    assert gallery.selection.sort_values("seed").tags.tolist() == ["night", pd.NA]
    assert gallery.frame.dropna(subset="tags").seed.tolist() == [5]


def test_keys_do_what_buttons_do(gallery):
    """1 to 5, 0, k, x and u."""
    gallery.select(gallery.frame[gallery.frame.seed == 5])
    seen = []
    for key in ("3", "k", "x", "0", "u", "u"):
        press(gallery, key)
        seen.append((gallery.selection.rating[0], gallery.selection.keep[0]))
    assert seen == [(3, pd.NA), (3, True), (3, False), (pd.NA, False), (3, False), (3, True)]
    gallery.marking.stars[5].click()
    gallery.marking.reject.click()
    assert (gallery.selection.rating[0], gallery.selection.keep[0]) == (5, False)
    gallery.marking.undo.click()
    assert gallery.selection.keep[0]
    gallery.marking.tag.value = "red"
    gallery.marking.add_tag.click()
    assert gallery.selection.tags[0] == "red"
    gallery.marking.drop_tag.click()
    assert gallery.selection.tags[0] is pd.NA


def test_undo_is_said_and_ends(gallery):
    """There is an end to what can be taken back."""
    gallery.select(gallery.frame[gallery.frame.seed == 5])
    gallery.rate(2)
    gallery.undo()
    assert gallery.wall.box.message == "taken back: rating 2: 1 picture"
    with pytest.raises(RequestError, match="no change to take back"):
        gallery.undo()
    gallery.marking.undo.click()
    assert "no change to take back" in trouble(gallery)


def test_what_has_no_picture_cannot_be_marked(gallery):
    """Beside others it is left out; alone it is refused."""
    gallery.select(gallery.frame.head(2))
    gallery.rate(3)
    assert gallery.wall.box.message == "rating 3: 1 picture"
    gallery.select(gallery.frame.head(1))
    with pytest.raises(RequestError, match="has no picture"):
        gallery.rate(3)
    gallery.select([])
    with pytest.raises(RequestError, match="no picture is selected"):
        gallery.rate(3)
    press(gallery, "3")
    assert "no picture is selected" in trouble(gallery)


def test_a_wrong_mark_changes_nothing(gallery, log):
    """Nor is there anything to take back."""
    gallery.select(gallery.frame[gallery.frame.seed == 5])
    with pytest.raises(RequestError, match="rating=9"):
        gallery.rate(9)
    with pytest.raises(RequestError, match="type a tag first"):
        gallery.tag(" , ")
    assert log.to_frame().rating.isna().all()
    with pytest.raises(RequestError, match="no change to take back"):
        gallery.undo()


def test_a_rating_does_not_take_a_picture_away(gallery):
    """It no longer meets the filter, but can be taken back where it stands; the next filtering leaves it out."""
    gallery.filter(rating=None)
    gallery.select(gallery.frame[gallery.frame.seed == 5])
    gallery.rate(2)
    assert (gallery.frame.seed == 5).any()
    gallery.refresh()
    assert not (gallery.frame.seed == 5).any()


def test_marks_of_others_are_seen(gallery, log):
    """In the selection at once, on the wall after a refresh; new runs come in front."""
    gallery.select(gallery.frame[gallery.frame.seed == 5])
    log.mark(gallery.selection, rating=1)
    assert gallery.selection.rating.tolist() == [1]
    gallery.marking.refresh.click()
    assert gallery.frame.dropna(subset="rating").seed.tolist() == [5]
    assert gallery.selection.seed.tolist() == [5]


def test_new_runs_come_with_a_refresh(tmp_path):
    """In front, and what is selected stays selected."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    studio.generate("A lantern", seed=1, width=1024, height=1024)
    gallery = Gallery(studio.log)
    gallery.select(gallery.frame)
    studio.generate("A tram", seed=2, width=1024, height=1024)
    gallery.refresh()
    assert gallery.frame.prompt.tolist() == ["A tram", "A lantern"]
    assert gallery.selection.prompt.tolist() == ["A lantern"]
    studio.close()


def test_a_frame_or_names_select(gallery):
    """Rows of any frame of the log, or imageUUIDs; what is not shown is left out."""
    gallery.filter("seed < 10")
    everything = gallery._log.to_frame()
    gallery.select(everything[everything.seed.isin([3, 4, 40])])
    assert sorted(gallery.selection.seed) == [3, 4]
    gallery.select(str(everything.imageUUID.dropna().iloc[2]))
    assert gallery.selection.seed.tolist() == [2]
    with pytest.raises(NbkitError, match="imageUUID"):
        gallery.select(everything[["seed"]])


def test_comparing_takes_two_to_four(gallery):
    """More do not fit beside each other."""
    sent = []
    gallery.wall.box.send = lambda content, buffers=None: sent.append(content)
    gallery.select(gallery.frame.head(5))
    with pytest.raises(RequestError, match="5 are selected"):
        gallery.compare()
    gallery.select(gallery.frame.head(3))
    gallery.marking.compare.click()
    assert sent[-1]["type"] == "open"
    assert len(sent[-1]["at"]) == 3


# -- what a notebook keeps -------------------------------------------------------------------------------------------


def test_a_notebook_keeps_a_small_plain_table(gallery):
    """A few previews and their facts, readable with no kernel; deterministic text."""
    record = gallery._record()
    assert record.html.count("data:image/jpeg") == 5
    assert "<summary>The first 6 of 44 rows, as the notebook keeps them</summary>" in record.html
    assert "A jade tram in the rain, number 42" in record.text
    assert len(record.html) < 60_000


def test_no_picture_is_in_the_widgets(gallery):
    """Neither in the wall nor in the controls."""
    state = json.dumps([widget.get_state() for widget in widgets_of(gallery.box)], default=repr)
    assert "/9j/" not in state
    assert "data:image/jpeg" not in state


def test_names_of_prompts_are_escaped(tmp_path):
    """A prompt is data, also in the line of a complaint."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    studio.generate("<img src=x onerror=alert(1)>", seed=1, width=1024, height=1024)
    gallery = Gallery(studio.log)
    assert "<img src=x" not in gallery._record().html
    gallery.filters.column.value, gallery.filters.value.value = "cost", "<img src=x>"
    gallery.filters.button.click()
    assert "&lt;img src=x" in trouble(gallery)
    studio.close()


# -- marks that were set elsewhere -------------------------------------------------------------------------------


def test_a_tag_is_added_to_those_that_the_log_has_now(gallery, log):
    """What another gallery or kernel has tagged since is kept, and shown."""
    name = gallery.frame.imageUUID[1]
    gallery.select(name)
    log.mark(name, tags="elsewhere", rating=5)
    gallery.tag("mine")
    assert log.annotations_of([name]).iloc[0].tolist()[::2] == [5, "elsewhere, mine"]
    assert gallery.frame.iloc[1][["rating", "tags"]].tolist() == [5, "elsewhere, mine"]
    gallery.untag("Elsewhere")
    assert log.annotations_of([name]).tags.tolist() == ["mine"]


def test_after_undo_the_gallery_shows_what_the_log_has(gallery, log):
    """Also of the marks that it did not change itself."""
    name = gallery.frame.imageUUID[1]
    gallery.select(name)
    gallery.rate(3)
    log.mark(name, note="from elsewhere")
    gallery.undo()
    assert log.annotations_of([name]).note.tolist() == [gallery.frame.note[1]] == ["from elsewhere"]
    assert gallery.frame.rating.isna()[1]


# -- frames and filters with slips in them -----------------------------------------------------------------------


def test_rows_that_came_from_another_table(log):
    """A merge may bring rows that have neither UUID: they are shown, and can be selected."""
    frame = log.to_frame().merge(pd.DataFrame({"seed": pd.array([7, -1, -2], dtype="Int64")}), on="seed", how="outer")
    gallery = Gallery(log, frame)
    gallery.select(gallery.frame)
    assert len(gallery.selection) == len(gallery.frame) == RUNS + 2
    gallery.rate(2)
    assert set(log.to_frame().rating.dropna()) == {2}


def test_lists_of_values(gallery):
    """No value meets nothing; a gap among values means rows without one."""
    gallery.filter(temperature=[])
    assert len(gallery.frame) == 0
    gallery.filter(temperature=[0.7, None])
    assert set(gallery.frame.temperature.dropna()) == {0.7}
    gallery.clear()
    gallery.filter(rating=[None])
    assert len(gallery.frame) == RUNS
    assert [chip.description for chip in gallery.filters.chips.children] == ["✕ rating = no value"]
    gallery.filter(rating=pd.NA)
    assert len(gallery.frame) == RUNS


@pytest.mark.parametrize("frame", ["x", [1], 7])
def test_what_is_no_frame_is_told(log, frame):
    """It says what is wanted."""
    with pytest.raises(NbkitError, match=r"rows of studio\.df are wanted"):
        Gallery(log, frame)


def test_two_columns_of_one_name_are_told(log):
    """It says how to keep one of them."""
    frame = log.to_frame()
    with pytest.raises(NbkitError, match="more than one column 'seed'"):
        Gallery(log, pd.concat([frame, frame[["seed"]]], axis=1))


def test_a_draft_and_its_final_picture_are_told_apart(tmp_path):
    """By their size in words, where it is one of the model's sizes; in a frame from a file as well."""
    with contextlib.closing(nbkit.Studio(engine="offline", path=tmp_path / "runs")) as studio:
        studio.generate("A lantern", seed=1, resolution="0.5K").rerun(resolution="2K")
        for frame in (studio.df, pd.read_csv(io.StringIO(studio.df.to_csv(index=False)))):
            captions = [item.caption for item in Gallery(studio.log, frame).wall._items[:2]]
            assert captions == [("seed 1", "0.5K", "$0.04657"), ("seed 1", "2K", "$0.10255")]


def test_what_the_page_says_was_typed_is_what_is_written(gallery):
    """A busy page holds back what is typed, and not the press; without its word the box counts."""
    marking, filters = gallery.marking, gallery.filters
    gallery.select(gallery.frame.iloc[[1]])
    marking.tag.value, marking.note.value, filters.value.value = "d", "on", "1"
    said = {"tag": "dusk", "note": "one of the best", "value": "41"}
    for button in (marking.add_tag, marking.set_note):
        gallery.wall.box._handle_custom_msg({"type": "typed", "version": 0, "texts": said}, [])
        button.click()
    assert gallery.selection[["tags", "note"]].values.tolist() == [["dusk", "one of the best"]]
    marking.add_tag.click()
    assert gallery.selection.tags.tolist() == ["d, dusk"]
    filters.column.value, filters.operator.value = "seed", MORE
    gallery.wall.box._handle_custom_msg({"type": "typed", "version": 0, "texts": said}, [])
    filters.button.click()
    assert [condition.value for condition in filters.held] == ["41"]


# -- frames that are older than the log, or come from a file -----------------------------------------------------


def test_a_frame_that_came_from_a_file(log):
    """Its seeds are whole numbers again, as exact as in the log; what was computed stays."""
    whole = log.to_frame()
    frame = pd.read_csv(io.StringIO(whole.assign(temperature=0.25).to_csv(index=False)))
    gallery = Gallery(log, frame)
    assert gallery.frame.seed.dtype == "Int64"
    assert gallery.frame.seed.tolist() == whole.seed.tolist()
    assert gallery.wall._items[0].caption[:2] == ("seed 0", "temperature 0.25")
    gallery.select(gallery.frame)
    assert gallery.selection.seed.tolist() == whole.seed.tolist()


def test_a_picture_that_was_recovered_is_seen(log):
    """A frame from before it came has its row, and a refresh finds the picture."""
    whole = log.to_frame()
    early = whole.head(2).copy()
    early.loc[1, ["file", "imageUUID", "seed"]] = pd.NA
    early.loc[1, "status"] = "unknown"
    gallery = Gallery(log, early)
    assert gallery.frame[["file", "imageUUID", "seed", "status"]].equals(
        whole.head(2)[["file", "imageUUID", "seed", "status"]]
    )
    foreign = early.assign(imageUUID=["x", "y"], taskUUID=["x", "y"])
    assert Gallery(log, foreign).frame.status.tolist() == ["done", "unknown"]


def test_compare_says_what_differs(tmp_path):
    """Under the pictures, without a picture in it, until something else is selected."""
    with contextlib.closing(nbkit.Studio(engine="offline", path=tmp_path / "studio")) as studio:
        studio.generate("A red lantern", seed=1, width=512, height=512, temperature=0.2)
        studio.generate("A red lantern", seed=1, width=512, height=512, temperature=0.9)
        gallery = studio.gallery(studio.df[["file", "imageUUID", "taskUUID"]])
        gallery.select(gallery.frame)
        gallery.compare()
        told = gallery._comparing.box.value
        assert "temperature" in told
        assert "0.2" in told
        assert "0.9" in told
        assert "topP" not in told
        assert "data:image" not in told
        gallery.select(gallery.frame.imageUUID[0])
        assert gallery._comparing.box.value == ""


def test_the_selection_is_read_without_the_rest_of_the_log(gallery, log, monkeypatch):
    """Of a long log, only the runs that are selected; with marks that were set elsewhere."""
    gallery.select(gallery.frame.iloc[[1, 3]])
    log.mark(gallery.selection.iloc[[0]], rating=5)
    monkeypatch.setattr(log, "to_frame", lambda *_: pytest.fail("all of it was read"))
    assert gallery.selection.rating.tolist() == [5, pd.NA]


def test_a_filter_that_was_taken_away_leaves_no_widget_behind(gallery):
    """A day's work in one gallery does not pile up in the kernel."""
    gallery.filter("temperature > 0.1")
    before = len(_instances)
    for rating in (1, 2, 3):
        gallery.filter(f"rating > {rating} or temperature > 0")
        gallery.clear()
        gallery.filter("temperature > 0.1")
    assert len(_instances) == before


def test_keep_and_reject_are_taken_back_by_the_same_key(gallery, log):
    """Where all that are selected have the mark; otherwise they all get it."""
    gallery.select(gallery.frame.iloc[[1, 2]])
    press(gallery, "k")
    assert gallery.selection.keep.tolist() == [True, True]
    press(gallery, "k")
    assert gallery.selection.keep.isna().all()
    gallery.select(gallery.frame.iloc[[1]])
    gallery.marking.reject.click()
    gallery.select(gallery.frame.iloc[[1, 2]])
    press(gallery, "x")
    assert gallery.selection.keep.tolist() == [False, False]


def test_what_cannot_be_shown_is_not_what_the_control_says(gallery, monkeypatch):
    """A grouping that is refused leaves the list where it was."""
    gallery.group("temperature")
    monkeypatch.setattr("nbkit.widgets.gallery.query.MOST_GROUPS", 3)
    gallery.arrangement.group.value = "seed"
    assert "too many for groups" in trouble(gallery)
    assert gallery.arrangement.group.value == "temperature"


def test_newer_runs_are_told(tmp_path):
    """A gallery of the log does not move under the hand, and says that there is more."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    gallery = studio.gallery()
    assert "makes its first run" in gallery._record().text
    studio.generate("A paper lantern", resolution="0.5K")
    assert "1 newer run not shown yet" in gallery._line.value
    gallery.refresh()
    assert "newer" not in gallery._line.value
    assert len(gallery.frame) == 1
    assert "no rows" in studio.gallery(studio.df.iloc[:0])._record().text
    studio.close()


def test_enter_does_what_the_button_beside_it_does(gallery):
    """For tags, notes and filters."""
    gallery.select(gallery.frame.iloc[[1]])
    gallery.marking.tag.value = "lantern"
    gallery.marking.tag._handle_custom_msg({"event": "submit"}, [])
    assert gallery.selection.tags.tolist() == ["lantern"]
    gallery.filters.column.value, gallery.filters.value.value = "tags", "lantern"
    gallery.filters.value._handle_custom_msg({"event": "submit"}, [])
    assert len(gallery.frame) == 1


def test_a_picture_a_run_and_a_list_of_tags(tmp_path):
    """What ``log.mark`` takes, the gallery takes."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    run = studio.generate("A paper lantern", number_results=2, resolution="0.5K")
    gallery = studio.gallery()
    gallery.select(run)
    assert len(gallery.selection) == 2
    gallery.select(run[0])
    gallery.tag(["lantern", "night"])
    assert gallery.selection.tags.tolist() == ["lantern, night"]
    studio.close()


@pytest.mark.parametrize("size", [0, "big", 1.5, 5000])
def test_a_size_that_no_tile_can_have(log, size):
    """Is refused by its name."""
    with pytest.raises(RequestError, match="size="):
        Gallery(log, size=size)


@pytest.mark.parametrize(("text", "words"), [("seed > @x", "put the value in"), ("seed > (", "it is no expression")])
def test_what_an_expression_cannot_be(gallery, text, words):
    """The reason is in words, and no parser's tuple."""
    with pytest.raises(RequestError, match=words):
        gallery.filter(text)
