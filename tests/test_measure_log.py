"""``log.measure()``: the columns, what is kept and read once, stopping and going on, what cannot be read, and the badges."""

import json
import os
import signal
import threading
import warnings

import pandas as pd
import pytest
import sqlalchemy as sa
from gallery_log import write_log
from html_page import Page
from panel_tools import offline_studio
from sweep_tools import until

import nbkit
from nbkit.comparison.measuring import BATCH
from nbkit.errors import NbkitError, RequestError
from nbkit.log.schema import IMAGES, MEASUREMENTS

TEXT = ["textFidelity", "textMissing", "textFound"]
LOOK = ["sharpness", "contrast", "colourfulness"]


def kept(log):
    """The measurements that the log keeps: name, version and value by hash and name."""
    with log.database.reading() as connection:
        rows = connection.execute(sa.select(MEASUREMENTS)).all()
    return {(row.sha256, row.name): (row.version, json.loads(row.value)) for row in rows}


def replace_values(log, name, **values):
    """Change what the log keeps of a measurement, as a marker: a picture that is read again loses it."""
    query = sa.update(MEASUREMENTS).where(MEASUREMENTS.c.name == name)
    log.database.write(lambda connection: connection.execute(query.values(**values)))


@pytest.fixture
def studio(tmp_path):
    """A studio on the offline engine."""
    with offline_studio(tmp_path) as one:
        yield one


@pytest.fixture
def log(tmp_path):
    """A log of 40 runs, which share ten picture files."""
    one = write_log(tmp_path / "many", 40, pictures=10, size=(120, 80))
    yield one
    one.close()


# -- text --------------------------------------------------------------------------------------------------------


def test_words_of_the_filled_prompt_are_looked_for_and_kept_readings_answer_other_questions(studio):
    """Each row is asked for its own words; ``expect=`` takes their place until the next call; nothing is read twice."""
    sweep = studio.sweep("A {sort} sign: '{word}'", sort="red", word=["OPEN LATE", "МИР"], seed=1, resolution="0.5K")
    sweep.start().wait()
    run = studio.generate("A paper lantern", seed=1, resolution="0.5K")
    rows = studio.log.measure(text=True)
    assert rows[TEXT].astype(object).where(rows[TEXT].notna(), None).to_numpy().tolist() == [
        [1.0, None, "OPEN, LATE"],
        [None, None, None],
        [None, None, None],
    ]
    assert [str(rows[name].dtype) for name in TEXT] == ["float64", "string", "string"]
    assert rows[LOOK].notna().all(axis=None)
    assert rows.equals(studio.df)
    replace_values(studio.log, "text", value=json.dumps([["MARKED ONE", 0.99]]))
    rows = studio.log.measure(expect=["marked", "TWO"])
    assert rows.textFidelity.tolist() == [0.5] * 3
    assert (rows.textMissing[0], rows.textFound[0]) == ("TWO", "marked")
    of_run = studio.log.measure(studio.df[studio.df.taskUUID == run.task_uuid], expect="MARKED")
    assert (of_run.textFidelity.tolist(), of_run.index.tolist()) == ([1.0], [2])
    again = studio.log.measure()
    assert (again.textMissing[0], again.textFidelity.isna().tolist()) == ("OPEN, LATE", [False, True, True])
    replace_values(studio.log, "text", version="of an earlier reader")
    replace_values(studio.log, "look", value="{}")
    assert studio.log.measure(studio.df.head(1)).textFound.tolist() == ["OPEN, LATE"]
    replace_values(studio.log, "text", value="damaged")
    assert studio.log.measure(studio.df.head(1), expect="OPEN").textFidelity.tolist() == [1.0]


def test_what_expect_takes_is_checked(studio):
    """A phrase or a list of phrases; the error says so before anything is read."""
    for wrong in ("", [], ["OPEN", ""], [1], {"a": "b"}, 7):
        with pytest.raises(RequestError, match=r"expect=.*must be a phrase or a list of them"):
            studio.log.measure(text=False, expect=wrong)
    with pytest.raises(NbkitError, match="imageUUID"):
        studio.log.measure(pd.DataFrame({"seed": [1]}), text=False)


# -- what is read once -------------------------------------------------------------------------------------------


def test_pictures_of_the_same_bytes_are_read_once_and_all_their_rows_are_filled(log):
    """Rows without a picture stay gaps; the columns of text are not touched without text."""
    rows = log.measure(text=False)
    has_picture = rows.status == "done"
    assert rows.sharpness.notna().tolist() == has_picture.tolist()
    assert rows[TEXT].isna().all(axis=None)
    assert len(kept(log)) == 10
    replace_values(log, "look", value=next(json.dumps(value) for _, value in kept(log).values()))
    assert log.measure(text=False)[LOOK].dropna().nunique().tolist() == [1, 1, 1]
    replace_values(log, "look", version="0")
    assert log.measure(text=False).equals(rows)


def test_some_rows_are_measured_and_come_back_as_they_were_given(log):
    """With their index, order and further columns; other rows stay as they were."""
    given = log.to_frame().iloc[[7, 3, 10]].assign(mine=["a", "b", "c"]).drop(columns=["contrast"])
    rows = log.measure(given, text=False)
    assert rows.index.tolist() == [7, 3, 10]
    assert rows.mine.tolist() == ["a", "b", "c"]
    assert rows.contrast.notna().tolist() == [True, True, False]
    assert log.to_frame().sharpness.notna().sum() == 2


def test_a_log_of_many_rows_is_gone_through_in_parts(tmp_path):
    """None is left out at the seams."""
    log = write_log(tmp_path, 3 * BATCH, pictures=2, size=(60, 40))
    rows = log.measure(text=False)
    assert (rows.sharpness.notna() == (rows.status == "done")).all()
    log.close()


def test_nothing_is_measured_where_nothing_is_asked_for(log):
    """The rows come back."""
    assert log.measure(text=False, look=False)[LOOK].isna().all(axis=None)
    assert kept(log) == {}


# -- stopping, and what cannot be read ---------------------------------------------------------------------------


def test_a_call_that_was_stopped_goes_on_where_it_was(log):
    """What was measured before stays, and is not read again."""

    def stop():
        until(lambda: kept(log))
        os.kill(os.getpid(), signal.SIGINT)

    stopper = threading.Thread(target=stop)

    def measure():
        stopper.start()
        log.measure(text=False)
        stopper.join(30)  # the interrupt comes here at the latest, where everything was measured before it

    with pytest.raises(KeyboardInterrupt):
        measure()
    marker = next(value for _, value in kept(log).values()) | {"contrast": 0.123}
    replace_values(log, "look", value=json.dumps(marker))
    done = [sha256 for sha256, _ in kept(log)]
    assert done
    log.measure(text=False)
    values = {sha256: value["contrast"] for (sha256, _), (_, value) in kept(log).items()}
    assert len(values) == 10
    assert {sha256 for sha256, contrast in values.items() if contrast == 0.123} == set(done)


def test_pictures_that_cannot_be_read_are_counted_in_a_warning(studio):
    """A damaged and a removed one; the others are measured, and what was read before needs no file."""
    runs = [studio.generate("A lantern", seed=seed, resolution="0.5K") for seed in (1, 2, 3, 4)]
    studio.log.measure(studio.df.tail(1), text=False)
    runs[0].image.path.write_bytes(b"damaged")
    studio.log.remove_pictures([runs[1], runs[3]])
    with pytest.warns(UserWarning, match="2 pictures of 4 could not be measured, because the file is missing"):
        rows = studio.log.measure(text=False)
    assert rows.sharpness.notna().tolist() == [False, False, True, True]


def test_two_kernels_measure_one_log(log):
    """Each picture has one measurement in the end, and every row its columns."""
    other = nbkit.RunLog(log.folder)
    threads = [threading.Thread(target=one.measure, kwargs={"text": False}) for one in (log, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept(log)) == 10
    assert log.to_frame().sharpness.notna().sum() == log.to_frame().file.notna().sum()
    other.close()


def test_measuring_says_nothing_where_it_is_quick(log, capsys):
    """A saved notebook does not depend on how fast a machine was."""
    with warnings.catch_warnings(action="error"):
        log.measure(text=False)
    assert capsys.readouterr() == ("", "")


# -- badges ------------------------------------------------------------------------------------------------------


@pytest.fixture
def lacking(studio):
    """The result of a sweep with one picture that lacks words, which need escaping."""
    result = studio.sweep("A sign", seed=[1, 2], resolution="0.5K").start().wait()
    query = sa.update(IMAGES).where(IMAGES.c.seed == 1)
    values = {"textMissing": "<OPEN>, " + ", ".join(f"WORD{number}" for number in range(30)), "textFidelity": 0.25}
    studio.log.database.write(lambda connection: connection.execute(query.values(**values)))
    return result


def test_a_grid_names_the_missing_words_under_the_picture_alone_that_lacks_them(lacking):
    """Cut where they are many; the alternative text has more of them."""
    grid = lacking.grid()
    page = Page(grid.html)
    first, second = [*page.texts["figcaption"], ""]
    assert "missing: <OPEN>, WORD0" in first
    assert "…" in first
    assert "missing" not in second
    alts = [attributes["alt"] for tag, attributes in page.elements if tag == "img"]
    assert ["WORD20" in alt for alt in alts] == [True, False]
    assert "missing: <OPEN>" in grid.text


def test_tiles_of_gallery_and_explorer_have_the_missing_words(studio, lacking):
    """So have the cards of an export; a measured picture that lacks nothing has no badge."""
    gallery = studio.gallery()
    badges = {item.caption[0]: item.badge for item in gallery.grid._items}
    assert badges["seed 1"].startswith("missing: <OPEN>, WORD0")
    assert badges["seed 2"] == ""
    explorer = lacking.explore()
    badges = [item.badge for item in explorer.grid._items]
    assert [badge[:15] for badge in badges] == ["missing: <OPEN>", ""]
    page = (studio.log.export("cards") / "index.html").read_text("utf-8")
    assert "textMissing" in page
    assert "&lt;OPEN&gt;, WORD0" in page


def test_a_gallery_folds_what_is_nearly_equal_under_each_heading(studio):
    """The first one stands for the others, unfolds and folds again; groups count tiles; measured ones are remembered."""
    for form in ("JPG", "PNG", "WEBP"):
        studio.generate("A lantern", seed=1, output_format=form, resolution="0.5K")
    studio.generate("A lantern", seed=2, resolution="0.5K")
    gallery = studio.gallery()
    assert not gallery.fold_duplicates
    gallery.fold_duplicates = True
    assert [(item.caption[0], item.badge) for item in gallery.grid._items] == [
        ("seed 2", ""),
        ("seed 1", "and 2 nearly equal"),
    ]
    assert "2 nearly equal folded" in gallery._line.value
    assert len(kept(studio.log)) == 4
    gallery.select(gallery.frame.tail(1))
    gallery.unfold()
    assert gallery.frame.seed.tolist() == [2, 1, 1, 1]
    assert [item.badge for item in gallery.grid._items] == ["", "with 2 nearly equal", "", ""]
    gallery.unfold()
    gallery.group("seed")
    assert [group[1] for group in gallery.grid.box.groups] == [1, 1]
    gallery.group("outputFormat")
    assert len(gallery.frame) == 4
    with pytest.raises(RequestError, match="nothing that is nearly equal"):
        gallery.unfold()
    gallery.fold_duplicates = False
    assert len(gallery.frame) == 4
