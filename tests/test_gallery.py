"""The gallery without a page: its rows and filters, the selection, ratings and tags, errors, and what a notebook keeps."""

import io
import uuid
import zipfile

import numpy as np
import pandas as pd
import pytest
from gallery_log import write_log
from html_page import Page
from ipywidgets.widgets.widget import _instances
from panel_tools import offline_studio, press_key, state_of, text_of
from sweep_tools import until

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


@pytest.fixture
def studio(tmp_path):
    """A studio with a log of its own."""
    with offline_studio(tmp_path / "studio") as studio:
        yield studio


def message(gallery):
    """What a person reads of an error, at the lower edge of the gallery."""
    return text_of(gallery._trouble.value)


def summary(gallery):
    """The line over the pictures: counts and costs."""
    return text_of(gallery._line.value)


def report_typed(gallery, **texts):
    """Tell a gallery what was in the boxes of the page at a press."""
    gallery.grid.box._handle_custom_msg({"type": "typed", "version": 0, "texts": texts}, [])


# -- rows, filters, order -----------------------------------------------------------------------------------------


def test_a_gallery_shows_every_row_of_the_log_newest_first(gallery, log):
    """Also those without a picture, with the reason."""
    assert gallery.frame.seed.head(3).tolist() == [pd.NA, 42, 41]
    assert len(gallery.frame) == len(log.to_frame()) == RUNS
    first, second = gallery.grid._items[:2]
    assert (first.file, first.status, first.missing) == (None, "blocked", "refused by a safety filter")
    assert second.caption == ("seed 42", "temperature 0.7", "$0.069")
    assert second.alt == "A jade tram in the rain, number 42"
    assert second.file.exists()
    assert repr(gallery) == "<Gallery: 44 rows, 0 selected>"


def test_a_gallery_of_a_frame_keeps_its_order_and_its_columns(log):
    """Whatever pandas did to the frame; a new column can be filtered by."""
    frame = log.to_frame().query("temperature == 0.7").assign(sharpness=lambda rows: range(len(rows)))
    gallery = Gallery(log, frame)
    assert gallery.frame.seed.tolist() == frame.seed.tolist()
    gallery.filter("sharpness >= 3")
    gallery.select(gallery.frame)
    assert gallery.selection.sharpness.min() == 3


def test_a_frame_without_the_columns_of_the_pictures_is_refused(log):
    """The error names the columns to keep."""
    with pytest.raises(NbkitError, match="keep file, imageUUID and taskUUID"):
        Gallery(log, log.to_frame()[["prompt", "seed"]])


def test_a_frame_with_only_the_columns_of_the_pictures_is_enough(log):
    """Ratings come from the log."""
    gallery = Gallery(log, log.to_frame()[["file", "imageUUID", "taskUUID"]].dropna())
    gallery.select(gallery.frame.head(1))
    gallery.rate(5)
    assert gallery.selection.rating.tolist() == [5]


def test_a_gallery_of_an_empty_log_says_how_to_make_a_run(studio):
    """In the output that the notebook keeps."""
    gallery = Gallery(studio.log)
    assert len(gallery.frame) == 0
    assert "studio.generate" in gallery._record().text


def test_filters_are_combined_and_accept_both_spellings(gallery):
    """A value for a column replaces an earlier value for the same column."""
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


def test_none_filters_for_rows_without_a_value(gallery):
    """Here, for those without a picture."""
    gallery.filter(imageUUID=None)
    assert set(gallery.frame.status) == {"blocked"}


@pytest.mark.parametrize(
    ("column", "operator", "value", "rows"),
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
def test_a_condition_compares_typed_text_with_columns_of_each_kind(gallery, column, operator, value, rows):
    """The text is converted to the type of the column."""
    assert Condition(column, operator, value).mask(gallery.frame).sum() == rows


def test_a_seed_of_63_bits_is_compared_exactly():
    """The seed before it is a different one, although both are the same double."""
    frame = pd.DataFrame({"seed": pd.array([2**63 - 1, 2**63 - 2, None], dtype="Int64")})
    assert Condition("seed", "=", str(2**63 - 1)).mask(frame).tolist() == [True, False, False]
    assert Condition("seed", IS_NOT, 2**63 - 1).mask(frame).tolist() == [False, True, True]


def test_a_wrong_filter_changes_nothing(gallery):
    """The error for an unknown column suggests the nearest one, the error for a wrong value says what is compared."""
    with pytest.raises(UnknownParameter, match="did you mean temperature") as caught:
        gallery.filter(temperatur=0.7)
    assert (caught.value.parameter, caught.value.suggestion) == ("temperatur", "temperature")
    with pytest.raises(RequestError, match="temperature is compared with a number, not 'hot'") as caught:
        gallery.filter(temperature="hot")
    assert (caught.value.parameter, caught.value.value) == ("temperature", "hot")
    for expression in ("temperature >", "no_such > 1", "temperature + 1"):
        with pytest.raises(RequestError, match="cannot be used") as caught:
            gallery.filter(expression)
        assert (caught.value.parameter, caught.value.value) == ("filter", expression)
    assert len(gallery.frame) == RUNS
    assert gallery.filters.held == ()


def test_add_filter_adds_a_condition_and_its_button_removes_it(gallery):
    """A value that cannot be compared is reported, and the filters stay as they were."""
    line = gallery.filters
    line.column.value, line.operator.value, line.value.value = "seed", "≥", "40"
    line.button.click()
    assert len(gallery.frame) == 3
    assert [chip.description for chip in line.chips.children] == ["✕ seed ≥ 40"]
    line.value.value = "many"
    line.button.click()
    assert "seed is compared with a number" in message(gallery)
    assert len(gallery.frame) == 3
    line.chips.children[0].click()
    assert len(gallery.frame) == RUNS
    assert gallery._trouble.value == ""


def test_a_search_shows_the_rows_that_contain_every_word(gallery):
    """In prompt, tags or note, in upper or lower case."""
    gallery.select(gallery.frame[gallery.frame.seed == 7])
    gallery.tag("Favourite")
    gallery.search("GARDEN favourite")
    assert gallery.frame.seed.tolist() == [7]
    gallery.search("")
    assert len(gallery.frame) == RUNS


def test_rows_can_be_sorted_and_grouped_by_a_column(gallery):
    """Rows without a value come last, and a heading has the number of rows under it."""
    gallery.sort("seed", ascending=True)
    assert gallery.frame.seed.dropna().is_monotonic_increasing
    assert gallery.frame.seed.isna().tolist() == [False] * 40 + [True] * 4
    gallery.group("temperature")
    assert gallery.grid.box.groups == [
        ["temperature 0.1", 12],
        ["temperature 0.3", 12],
        ["temperature 0.7", 12],
        ["temperature 1", 8],
    ]
    assert gallery.frame.seed.head(4).tolist() == [0, 1, 2, 3]
    gallery.group(None)
    gallery.sort(None)
    assert gallery.frame.seed[1] == 42


def test_a_column_with_too_many_values_is_refused_as_groups(tmp_path):
    """The gallery stays as it was, and the list of groups too; from the page, the reason is shown."""
    log = write_log(tmp_path / "runs", 500, pictures=1, size=(8, 8))
    gallery = Gallery(log)
    with pytest.raises(RequestError, match="too many for groups") as caught:
        gallery.group("seed")
    assert caught.value.parameter == "group"
    assert gallery.grid.box.groups == []
    assert gallery.arrangement.group.label == "no groups"
    gallery.arrangement.group.value = "seed"
    assert "too many for groups" in message(gallery)
    log.close()


@pytest.mark.parametrize("narrow", ["filter", "search"])
def test_a_gallery_in_which_nothing_matches_names_the_way_out(gallery, narrow):
    """The button stands there only while a filter or a search leaves something out, and it takes both away."""
    clear = gallery.arrangement.clear
    assert (clear.layout.display, gallery.arrangement.search.layout.display) == ("none", None)
    gallery.filter(seed=-1) if narrow == "filter" else gallery.search("no such words")
    assert len(gallery.frame) == 0
    assert gallery.grid.box.empty == "Nothing matches. “Clear filters” shows all pictures again."
    assert gallery._record().text == "No picture matched the filters and the search of this gallery when it was shown."
    assert (clear.description, clear.layout.display) == ("Clear filters", "")
    clear.click()
    assert (len(gallery.frame), clear.layout.display) == (RUNS, "none")


def test_the_summary_has_counts_and_costs_of_the_rows_shown_and_selected(gallery):
    """In one line over the pictures."""
    gallery.filter("seed < 10")
    gallery.select(gallery.frame.head(2))
    line = "10 of 44 shown · List price $0.69 (offline, not charged) · 2 selected · List price $0.14 (offline, not charged)"
    assert line in summary(gallery)


def test_opening_and_filtering_make_no_items(log, monkeypatch):
    """An item is made of a row when the page shows it."""
    read, read_items = [], RowItems.read
    monkeypatch.setattr(
        RowItems, "read", lambda items, start, stop: read.append((start, stop)) or read_items(items, start, stop)
    )
    gallery = Gallery(log)
    gallery.filter("seed > 3")
    gallery.sort("cost")
    gallery.select(gallery.frame.head(3))
    assert read == []


# -- ratings, tags, notes -----------------------------------------------------------------------------------------


def test_ratings_tags_and_notes_are_written_to_the_log_at_once(gallery, log):
    """For every selected picture, and they are shown at once."""
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
    assert gallery.grid._items[gallery.grid._items.positions(gallery.grid.selected)[0]].rating == 4


def test_tags_are_added_to_and_removed_from_those_of_each_picture(gallery):
    """One undo undoes one change, however many pictures it changed."""
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


def test_keys_and_buttons_rate_keep_reject_and_undo(gallery):
    """The keys are 1 to 5, 0, k, x and u; tags have buttons only."""
    gallery.select(gallery.frame[gallery.frame.seed == 5])
    states = []
    for key in ("3", "k", "x", "0", "u", "u"):
        press_key(gallery, key)
        states.append((gallery.selection.rating.fillna(0)[0], gallery.selection.keep[0]))
    assert states == [(3, pd.NA), (3, True), (3, False), (0, False), (3, False), (3, True)]
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


def test_undo_reports_what_it_undid_and_refuses_when_there_is_nothing_left(gallery):
    """From code it raises, from the page the reason is shown."""
    gallery.select(gallery.frame[gallery.frame.seed == 5])
    gallery.rate(2)
    gallery.undo()
    assert gallery.grid.box.message == "Undone: Rated 2 of 5: 1 picture."
    with pytest.raises(RequestError, match="no change to take back") as caught:
        gallery.undo()
    assert (caught.value.parameter, caught.value.reason) == ("undo", "missing")
    gallery.marking.undo.click()
    assert "no change to take back" in message(gallery)


def test_only_pictures_can_be_rated(gallery):
    """A selected row without a picture is left out; without any picture, the rating is refused."""
    gallery.select(gallery.frame.head(2))
    gallery.rate(3)
    assert gallery.grid.box.message == "Rated 3 of 5: 1 picture."
    for rows, words in ((gallery.frame.head(1), "has no picture"), ([], "no picture is selected")):
        gallery.select(rows)
        with pytest.raises(RequestError, match=words) as caught:
            gallery.rate(3)
        assert caught.value.reason == "missing"
    press_key(gallery, "3")
    assert "no picture is selected" in message(gallery)


def test_a_wrong_rating_or_tag_changes_nothing(gallery, log):
    """And there is nothing to undo."""
    gallery.select(gallery.frame[gallery.frame.seed == 5])
    with pytest.raises(RequestError) as caught:
        gallery.rate(9)
    assert (caught.value.parameter, caught.value.value, caught.value.reason) == ("rating", 9, "range")
    with pytest.raises(RequestError, match="type a tag first") as caught:
        gallery.tag(" , ")
    assert (caught.value.parameter, caught.value.reason) == ("tags", "missing")
    assert log.to_frame().rating.isna().all()
    with pytest.raises(RequestError) as caught:
        gallery.undo()
    assert (caught.value.parameter, caught.value.reason) == ("undo", "missing")


def test_a_picture_that_no_longer_meets_the_filter_stays_until_the_next_refresh(gallery):
    """Where it is, so that the rating that was just given can be undone."""
    gallery.filter(rating=None)
    gallery.select(gallery.frame[gallery.frame.seed == 5])
    gallery.rate(2)
    assert (gallery.frame.seed == 5).any()
    gallery.refresh()
    assert not (gallery.frame.seed == 5).any()


def test_a_rating_from_elsewhere_is_in_the_selection_at_once(gallery, log):
    """Among the pictures it is shown after a refresh, and the selection stays."""
    gallery.select(gallery.frame[gallery.frame.seed == 5])
    log.mark(gallery.selection, rating=1)
    assert gallery.selection.rating.tolist() == [1]
    gallery.marking.refresh.click()
    assert gallery.frame.dropna(subset="rating").seed.tolist() == [5]
    assert gallery.selection.seed.tolist() == [5]


def test_a_refresh_puts_new_runs_first(studio):
    """The selection stays."""
    studio.generate("A lantern", seed=1, width=1024, height=1024)
    gallery = Gallery(studio.log)
    gallery.select(gallery.frame)
    studio.generate("A tram", seed=2, width=1024, height=1024)
    gallery.refresh()
    assert gallery.frame.prompt.tolist() == ["A tram", "A lantern"]
    assert gallery.selection.prompt.tolist() == ["A lantern"]


def test_select_accepts_rows_and_image_uuids(gallery):
    """Pictures that are not shown are left out, and rows without the columns of the pictures are refused."""
    gallery.filter("seed < 10")
    everything = gallery._log.to_frame()
    gallery.select(everything[everything.seed.isin([3, 4, 40])])
    assert sorted(gallery.selection.seed) == [3, 4]
    gallery.select(str(everything.imageUUID.dropna().iloc[2]))
    assert gallery.selection.seed.tolist() == [2]
    with pytest.raises(NbkitError, match="imageUUID"):
        gallery.select(everything[["seed"]])


def test_compare_opens_two_to_four_pictures(gallery):
    """More do not fit side by side."""
    sent = []
    gallery.grid.box.send = lambda content, buffers=None: sent.append(content)
    gallery.select(gallery.frame.head(5))
    with pytest.raises(RequestError, match="5 are selected") as caught:
        gallery.compare()
    assert caught.value.parameter == "compare"
    gallery.select(gallery.frame.head(3))
    gallery.marking.compare.click()
    assert sent[-1]["type"] == "open"
    assert len(sent[-1]["at"]) == 3


# -- what a notebook keeps -------------------------------------------------------------------------------------------


def test_the_output_has_a_few_small_pictures_with_their_facts(gallery):
    """It can be read without a kernel, and it is the same each time."""
    record = gallery._record()
    assert record.html.count("data:image/jpeg") == 5
    assert "Saved preview: 6 of 44" in Page(record.html).texts["summary"]
    assert "A jade tram in the rain, number 42" in record.text
    assert len(record.html) < 60_000
    assert gallery._record().text == record.text


def test_the_saved_state_of_a_gallery_has_no_pictures(gallery):
    """Neither the grid nor the controls: pictures are sent to the page in messages."""
    state = state_of(gallery)
    assert "/9j/" not in state
    assert "data:image/jpeg" not in state


def test_prompts_and_typed_values_are_escaped(studio):
    """In the output, and in the message about an error."""
    studio.generate("<img src=x onerror=alert(1)>", seed=1, width=1024, height=1024)
    gallery = Gallery(studio.log)
    assert "<img src=x" not in gallery._record().html
    gallery.filters.column.value, gallery.filters.value.value = "cost", "<img src=x>"
    gallery.filters.button.click()
    assert "&lt;img src=x" in gallery._trouble.value


# -- ratings, tags and notes from elsewhere -----------------------------------------------------------------------


def test_a_tag_is_added_to_the_tags_that_the_log_has_now(gallery, log):
    """Tags that another gallery or kernel has added since are kept and shown."""
    name = gallery.frame.imageUUID[1]
    gallery.select(name)
    log.mark(name, tags="elsewhere", rating=5)
    gallery.tag("mine")
    assert log.annotations_of([name]).iloc[0].tolist()[::2] == [5, "elsewhere, mine"]
    assert gallery.frame.iloc[1][["rating", "tags"]].tolist() == [5, "elsewhere, mine"]
    gallery.untag("Elsewhere")
    assert log.annotations_of([name]).tags.tolist() == ["mine"]


def test_undo_shows_what_the_log_has_now(gallery, log):
    """Also a note that was written elsewhere."""
    name = gallery.frame.imageUUID[1]
    gallery.select(name)
    gallery.rate(3)
    log.mark(name, note="from elsewhere")
    gallery.undo()
    assert log.annotations_of([name]).note.tolist() == [gallery.frame.note[1]] == ["from elsewhere"]
    assert gallery.frame.rating.isna()[1]


# -- frames and filters with mistakes ------------------------------------------------------------------------------


def test_rows_without_a_uuid_are_shown_and_can_be_selected(log):
    """They can come from a merge with another table."""
    frame = log.to_frame().merge(pd.DataFrame({"seed": pd.array([7, -1, -2], dtype="Int64")}), on="seed", how="outer")
    gallery = Gallery(log, frame)
    gallery.select(gallery.frame)
    assert len(gallery.selection) == len(gallery.frame) == RUNS + 2
    gallery.rate(2)
    assert set(log.to_frame().rating.dropna()) == {2}


def test_a_filter_with_a_list_matches_any_of_its_values(gallery):
    """An empty list matches no row, and ``None`` in a list the rows without a value."""
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
def test_a_gallery_refuses_anything_but_a_frame(log, frame):
    """The error says what it needs."""
    with pytest.raises(NbkitError, match=r"the rows must be a frame, such as studio\.df"):
        Gallery(log, frame)


def test_a_frame_with_two_columns_of_one_name_is_refused(log):
    """The error says how to keep one of them."""
    frame = log.to_frame()
    with pytest.raises(NbkitError, match="more than one column 'seed'"):
        Gallery(log, pd.concat([frame, frame[["seed"]]], axis=1))


def test_the_captions_of_a_draft_and_its_final_picture_have_their_tiers(studio):
    """Where the size is one of the model's sizes; also for a frame that was read from a file."""
    studio.generate("A lantern", seed=1, resolution="0.5K").rerun(resolution="2K")
    for frame in (studio.df, pd.read_csv(io.StringIO(studio.df.to_csv(index=False)))):
        captions = [item.caption for item in Gallery(studio.log, frame).grid._items[:2]]
        assert captions == [("seed 1", "0.5K", "$0.047"), ("seed 1", "2K", "$0.10")]


def test_the_text_that_the_page_reports_is_used_instead_of_the_box(gallery):
    """A busy page delays what is typed and not the press, so that it reports the text; without a report the box counts."""
    marking, filters = gallery.marking, gallery.filters
    gallery.select(gallery.frame.iloc[[1]])
    marking.tag.value, marking.note.value, filters.value.value = "d", "on", "1"
    typed = {"tag": "dusk", "note": "one of the best", "value": "41"}
    for button in (marking.add_tag, marking.set_note):
        report_typed(gallery, **typed)
        button.click()
    assert gallery.selection[["tags", "note"]].values.tolist() == [["dusk", "one of the best"]]
    marking.add_tag.click()
    assert gallery.selection.tags.tolist() == ["d, dusk"]
    filters.column.value, filters.operator.value = "seed", MORE
    report_typed(gallery, **typed)
    filters.button.click()
    assert [condition.value for condition in filters.held] == ["41"]


# -- older frames, and frames from a file --------------------------------------------------------------------------


def test_a_frame_from_a_file_has_the_exact_seeds_of_the_log(log):
    """As whole numbers; a column that was computed stays as it is."""
    whole = log.to_frame()
    frame = pd.read_csv(io.StringIO(whole.assign(temperature=0.25).to_csv(index=False)))
    gallery = Gallery(log, frame)
    assert gallery.frame.seed.dtype == "Int64"
    assert gallery.frame.seed.tolist() == whole.seed.tolist()
    assert gallery.grid._items[0].caption[:2] == ("seed 0", "temperature 0.25")
    gallery.select(gallery.frame)
    assert gallery.selection.seed.tolist() == whole.seed.tolist()


def test_a_frame_from_before_a_recovery_shows_the_recovered_picture(log):
    """Rows that the log does not have stay as they are."""
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


def test_compare_lists_the_differences_until_the_selection_changes(studio):
    """Under the pictures; the table has no pictures."""
    studio.generate("A red lantern", seed=1, width=512, height=512, temperature=0.2)
    studio.generate("A red lantern", seed=1, width=512, height=512, temperature=0.9)
    gallery = studio.gallery(studio.df[["file", "imageUUID", "taskUUID"]])
    gallery.select(gallery.frame)
    gallery.compare()
    table = gallery._comparing.box.value
    assert "temperature" in table
    assert "0.2" in table
    assert "0.9" in table
    assert "topP" not in table
    assert "data:image" not in table
    gallery.select(gallery.frame.imageUUID[0])
    assert gallery._comparing.box.value == ""


def test_the_selection_reads_only_the_selected_runs_from_the_log(gallery, log, monkeypatch):
    """A log can be long; ratings that were given elsewhere are read too."""
    gallery.select(gallery.frame.iloc[[1, 3]])
    log.mark(gallery.selection.iloc[[0]], rating=5)
    monkeypatch.setattr(log, "to_frame", lambda *_: pytest.fail("the whole log was read"))
    assert gallery.selection.rating.fillna(0).tolist() == [5, 0]


def test_a_removed_filter_leaves_no_widget_in_the_kernel(gallery):
    """A gallery can be in use for a day."""
    gallery.filter("temperature > 0.1")
    before = len(_instances)
    for rating in (1, 2, 3):
        gallery.filter(f"rating > {rating} or temperature > 0")
        gallery.clear()
        gallery.filter("temperature > 0.1")
    assert len(_instances) == before


def test_keep_and_reject_are_removed_by_the_same_key(gallery):
    """If all selected pictures are kept or rejected already; otherwise all of them become so."""
    gallery.select(gallery.frame.iloc[[1, 2]])
    press_key(gallery, "k")
    assert gallery.selection.keep.tolist() == [True, True]
    press_key(gallery, "k")
    assert gallery.selection.keep.isna().all()
    gallery.select(gallery.frame.iloc[[1]])
    gallery.marking.reject.click()
    gallery.select(gallery.frame.iloc[[1, 2]])
    press_key(gallery, "x")
    assert gallery.selection.keep.tolist() == [False, False]


def test_the_list_of_groups_keeps_its_value_if_another_one_is_refused(gallery, monkeypatch):
    """The control shows what the gallery shows."""
    gallery.group("temperature")
    monkeypatch.setattr("nbkit.widgets.gallery.query.MOST_GROUPS", 3)
    gallery.arrangement.group.value = "seed"
    assert "too many for groups" in message(gallery)
    assert gallery.arrangement.group.value == "temperature"


def test_a_gallery_reports_newer_runs_and_shows_them_after_a_refresh(studio):
    """Until then the pictures stay where they are, because the user may be working with them."""
    gallery = studio.gallery()
    assert "makes its first run" in gallery._record().text
    studio.generate("A paper lantern", resolution="0.5K")
    assert "1 newer run not shown yet" in summary(gallery)
    gallery.refresh()
    assert "newer" not in summary(gallery)
    assert len(gallery.frame) == 1
    assert "no rows" in studio.gallery(studio.df.iloc[:0])._record().text


def test_enter_in_a_box_does_what_the_button_beside_it_does(gallery):
    """For tags, notes and filters."""
    gallery.select(gallery.frame.iloc[[1]])
    gallery.marking.tag.value = "lantern"
    gallery.marking.tag._handle_custom_msg({"event": "submit"}, [])
    assert gallery.selection.tags.tolist() == ["lantern"]
    gallery.marking.note.value = "the best"
    gallery.marking.note._handle_custom_msg({"event": "submit"}, [])
    assert gallery.selection.note.tolist() == ["the best"]
    gallery.filters.column.value, gallery.filters.value.value = "tags", "lantern"
    gallery.filters.value._handle_custom_msg({"event": "submit"}, [])
    assert len(gallery.frame) == 1


def test_select_accepts_a_run_and_a_picture_and_tag_a_list(studio):
    """As ``log.mark`` does."""
    run = studio.generate("A paper lantern", number_results=2, resolution="0.5K")
    gallery = studio.gallery()
    gallery.select(run)
    assert len(gallery.selection) == 2
    gallery.select(run[0])
    gallery.tag(["lantern", "night"])
    assert gallery.selection.tags.tolist() == ["lantern, night"]


@pytest.mark.parametrize("size", [0, "big", 1.5, 5000])
def test_a_tile_size_outside_the_range_is_refused(log, size):
    """Also one that is not a whole number."""
    with pytest.raises(RequestError) as caught:
        Gallery(log, size=size)
    assert (caught.value.parameter, caught.value.value) == ("size", size)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed > @x", "put the value in"),
        ("seed > (", "it is not an expression"),
        ("prompt.str.contains(@prompt)", "put the value in"),
    ],
)
def test_an_expression_that_cannot_be_used_is_refused_with_a_reason_in_words(gallery, text, words):
    """The message of pandas would be a parser's tuple."""
    with pytest.raises(RequestError, match=words) as caught:
        gallery.filter(text)
    assert (caught.value.parameter, caught.value.value) == ("filter", text)


# -- what is done with pictures ------------------------------------------------------------------------------------


def test_removed_pictures_come_back_with_undo(studio):
    """Their rows and what they cost stay; the tile says where the picture is."""
    runs = [studio.generate("A paper lantern", seed=seed, resolution="0.5K") for seed in (1, 2)]
    gallery, cost = studio.gallery(), studio.df.cost.sum()
    gallery.select(runs[0])
    gallery.marking.remove.click()
    assert not runs[0].image.path.exists()
    assert gallery.grid.box.message == "Removed 1 picture from the disk."
    assert (len(studio.df), studio.df.cost.sum()) == (2, cost)
    assert [item.file is None for item in gallery.grid._items] == [False, True]
    gallery.marking.undo.click()
    assert gallery.grid.box.message == "Undone: Removed 1 picture from the disk."
    assert runs[0].image.path.exists()
    assert [item.file is None for item in gallery.grid._items] == [False, False]


def test_export_writes_the_selected_pictures_or_all_that_are_shown(studio, tmp_path, monkeypatch):
    """Into the notebook's folder, under a name that no file has."""
    monkeypatch.chdir(tmp_path)
    runs = [studio.generate("A paper lantern", seed=seed, resolution="0.5K") for seed in (1, 2)]
    gallery = studio.gallery()
    gallery.marking.export.click()
    gallery.select(runs[0])
    gallery.marking.export.click()
    assert gallery.grid.box.message.startswith("Wrote gallery-2.zip, ")
    sizes = [
        sum(n.endswith(".jpg") for n in zipfile.ZipFile(name).namelist()) for name in ("gallery.zip", "gallery-2.zip")
    ]
    assert sizes == [2, 1]


def test_a_picture_is_edited_or_taken_over_in_a_panel_below(studio):
    """Open in panel has its settings; Edit this has it as the only reference, and one panel takes the place of the other."""
    run = studio.generate("A paper lantern", seed=7, temperature=0.4, resolution="0.5K")
    gallery = studio.gallery()
    gallery.marking.edit.click()
    assert "no picture is selected" in message(gallery)
    gallery.select(run)
    gallery.marking.settings.click()
    (panel,) = gallery._below.children
    assert (panel.request.prompt, panel.request.seed, panel.request.temperature) == ("A paper lantern", 7, 0.4)
    gallery.marking.edit.click()
    (panel,) = gallery._below.children
    panel.set(prompt="In the snow")
    assert (panel.request.temperature, panel.request.resolution) == (
        0.4,
        "0.5K",
    )  # so that it has its size, and one price
    assert [item.origin for item in panel.form.references.items] == [run.image.image_uuid]


def tiers_offered(gallery):
    """The buttons that promote, and the one that does not, by their words."""
    return {button.description: button for button in gallery._promoting.box.children if hasattr(button, "description")}


def test_selected_pictures_are_promoted_at_the_price_on_the_button(studio):
    """Each tier above theirs has its price; what was promoted before is not paid again, and each knows its draft."""
    drafts = [studio.generate("A lantern", seed=seed, resolution="0.5K") for seed in (1, 2)]
    gallery = studio.gallery()
    gallery.select(drafts)
    gallery.marking.promote.click()
    offers = tiers_offered(gallery)
    assert [words for words in offers if "·" in words] == ["1K · $0.14", "2K · $0.21", "4K · $0.31"]
    assert offers["1K · $0.14"].tooltip == "$0.1379"
    assert len(studio.log) == 2
    offers["1K · $0.14"].click()
    until(lambda: gallery.promoted is not None and not gallery._promoting.promotion.is_under_way)
    assert gallery.promoted.counts == {"done": 2}
    assert {run.parent.task_uuid for run in gallery.promoted.runs} == {draft.task_uuid for draft in drafts}
    assert gallery._promoting.box.children == ()
    spent = studio.budget.spent
    gallery.marking.promote.click()
    tiers_offered(gallery)["1K · already there"].click()
    until(lambda: not gallery._promoting.promotion.is_under_way and "· $0 ·" in gallery.grid.box.message)
    assert (studio.budget.spent, len(studio.log)) == (spent, 4)


def test_prices_are_those_of_what_is_selected(studio):
    """Once others are selected they go: no press pays for a picture that is not selected any more."""
    runs = [studio.generate("A lantern", seed=seed, resolution="0.5K") for seed in (1, 2)]
    gallery = studio.gallery()
    gallery.select(runs[0])
    gallery.marking.promote.click()
    assert "2K · $0.10" in tiers_offered(gallery)
    gallery.select(runs)
    assert gallery._promoting.box.children == ()
    gallery.marking.promote.click()
    assert "2K · $0.21" in tiers_offered(gallery)


def test_a_promotion_that_cannot_be_paid_is_refused_in_the_gallery(tmp_path):
    """The message has the price; nothing was sent, and the gallery can be used."""
    with offline_studio(tmp_path, budget=0.10) as studio:
        gallery = studio.gallery()
        run = studio.generate("A lantern", seed=1, resolution="0.5K")
        gallery.refresh()
        gallery.select(run)
        gallery.marking.promote.click()
        tiers_offered(gallery)["1K · $0.069"].click()
        until(lambda: "$0.06895" in message(gallery))
        until(lambda: not gallery._promoting.promotion.is_under_way)
        assert len(studio.log) == 1
        gallery.rate(5)


def test_what_cannot_be_promoted_is_said(studio):
    """A picture that is as large as it can be, and no picture at all; Cancel takes the prices away."""
    run = studio.generate("A lantern", seed=1, resolution="4K")
    gallery = studio.gallery()
    gallery.marking.promote.click()
    assert "select one or more first" in message(gallery)
    gallery.select(run)
    gallery.marking.promote.click()
    assert "no higher resolution" in message(gallery)
    gallery.select(studio.generate("A lantern", seed=1, resolution="2K"))
    gallery.refresh()
    gallery.select(gallery.frame[gallery.frame.resolution == "2K"])
    gallery.marking.promote.click()
    tiers_offered(gallery)["Cancel"].click()
    assert gallery._promoting.box.children == ()


def test_a_gallery_without_a_studio_opens_no_panel(gallery):
    """There are no buttons for it."""
    assert [button.description for button in gallery.marking.acts.children] == ["Export", "Remove from disk"]


def test_values_of_a_column_are_offered_with_their_counts(studio):
    """Among the rows that are shown; a press filters by one, and columns that tell nothing apart are not offered."""
    for seed, temperature in enumerate((0.2, 0.2, 0.8)):
        studio.generate("A paper lantern", seed=seed, temperature=temperature, resolution="0.5K")
    gallery = studio.gallery()
    offered = gallery.filters.column.options
    assert "temperature" in offered
    assert not {"webhookURL", "ttl", "resolution"} & set(offered)
    gallery.filters.column.value = "temperature"
    assert [button.description for button in gallery.filters.values.children] == ["0.2 · 2", "0.8 · 1"]
    gallery.filters.values.children[0].click()
    assert gallery.frame.temperature.tolist() == [0.2, 0.2]
    assert gallery.filters.values.children == ()


def test_a_column_of_lists_or_arrays_can_be_chosen(log):
    """Its values are not counted."""
    frame = log.to_frame().head(3).assign(points=[[1, 2], [3], None], pixels=[np.zeros(2), np.ones(2), np.ones(3)])
    gallery = Gallery(log, frame)
    for name in ("points", "pixels"):
        gallery.filters.column.value = name
        assert (gallery.filters.values.children, message(gallery)) == ((), "")


def test_the_switch_for_auto_advance_reaches_the_page(gallery):
    """It is off at first."""
    assert not gallery.grid.box.advances
    gallery.marking.advance.value = True
    assert gallery.grid.box.advances
