"""The result of a sweep: its frame, its grid for eyes and for screen readers, contact sheets, pages, promotion."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import service_faults as fault
from html_page import HTML, Page
from PIL import Image
from service import PRICE, picture
from sweep_tools import assert_books_agree, lanterns, noisy

import nbkit
from nbkit import errors

SCRIPT = "<script>alert('x')</script>"


def html_of(output):
    """The HTML that a notebook shows for an object."""
    return output._repr_mimebundle_()[HTML]


def header_texts(output):
    """What a screen reader reads of each header: its axis and its value."""
    page = Page(html_of(output))
    heads = zip(page.all("th"), page.texts.get("th", []), strict=True)
    return [head.get("abbr", text) for head, text in heads]


# -- the frame -------------------------------------------------------------------------------------------------


def test_the_frame_begins_with_the_axes(studio):
    """Then come the cell and the columns of the log; numbers have nullable dtypes, and a 63-bit seed is exact."""
    sweep = studio.sweep(
        "A {c} lantern, {n}",
        c=["red", "jade"],
        n=[1.0, 2.0],
        top_p=[0.1, 0.9],
        seed=[2**63 - 1],
        thinking=["HIGH", None],
    )
    frame = sweep.run().to_frame()
    assert list(frame)[:8] == ["c", "n", "topP", "seed", "thinking", "cell", "prompt", "temperature"]
    assert len(frame) == len(set(frame.taskUUID)) == 16
    assert [str(frame[name].dtype) for name in list(frame)[:6]] == [
        "string",
        "Float64",
        "Float64",
        "Int64",
        "string",
        "Int64",
    ]
    assert set(frame.seed) == {2**63 - 1}
    assert frame.pivot_table(index="topP", columns="n", values="cost", aggfunc="sum").shape == (2, 2)


def test_the_frame_has_the_same_dtypes_whatever_has_run(studio):
    """Before a run, after a part of it and at its end the dtypes are equal; a sweep without cells has the same columns."""
    axes = {"c": ["red", "jade"], "seed": [1, 2], "n": [1, "two"]}
    sweep = studio.sweep("A {c} lantern {n}", name="dtypes", **axes)
    before = sweep.result.to_frame()
    studio.sweep("A {c} lantern {n}", name="dtypes", where=lambda cell: cell.c == "red", **axes).run()
    between = sweep.result.to_frame()
    after = sweep.run().to_frame()
    assert before.dtypes.to_dict() == between.dtypes.to_dict() == after.dtypes.to_dict()
    none = studio.sweep("A {c} lantern {n}", where=lambda _: False, **axes).run()
    assert (len(none.to_frame()), list(none.to_frame())) == (0, list(after))
    assert "0 cells" in none.grid().text


def test_a_cell_that_has_not_run_has_a_row_without_a_run(studio):
    """The row has its axes and its prompt; the columns of a run are empty."""
    sweep = studio.sweep("A {c} lantern", c=["red", "jade", "blue", "gold"], seed=[1], name="partial")
    studio.sweep("A {c} lantern", c=["red", "blue"], seed=[1], name="partial").run()
    frame = sweep.result.to_frame()
    assert frame.status.tolist() == ["done", "not run", "done", "not run"]
    assert frame.prompt.tolist() == [f"A {c} lantern" for c in ("red", "jade", "blue", "gold")]
    assert frame.cost.sum() == pytest.approx(2 * PRICE)
    missing = frame[frame.status == "not run"]
    assert missing[["taskUUID", "imageUUID", "file", "cost", "created"]].isna().all().all()
    assert missing.seed.tolist() == [1, 1]


@pytest.mark.parametrize("first", ["sync", "async"])
def test_a_cell_gets_the_run_that_was_sent_as_it_is(service, studio, first):
    """Two cells of one picture, sync and async: whichever was paid first, the other one is sent."""
    lanterns(studio, 1, delivery_method=first).run()
    result = lanterns(studio, 1, delivery_method=["sync", "async"]).run()
    assert sorted(task["deliveryMethod"] for task in service.tasks()) == ["async", "sync"]
    runs = {uuid: task.task["deliveryMethod"] for uuid, task in service.accepted.items()}
    assert [runs[uuid] for uuid in result.to_frame().taskUUID] == ["sync", "async"]


def test_a_cell_without_a_run_of_its_own_takes_one_that_no_other_needs(service, studio):
    """A ttl does not change the picture: the two paid ones stay what they are, and only the third cell is sent."""
    lanterns(studio, 1, ttl=[60, 70]).run()
    service.received.clear()
    result = lanterns(studio, 1, ttl=[80, 70, 90]).run()
    assert [task["ttl"] for task in service.tasks()] == [90]
    assert result.counts == {"done": 3}
    assert [service.accepted[uuid].task["ttl"] for uuid in result.to_frame().taskUUID] == [60, 70, 90]


def test_a_failed_run_is_no_answer_to_a_cell_that_was_never_sent(service, studio):
    """The sync cell failed and was sent again: its first run does not stand for the async cell, which is sent."""
    service.faults.append(fault.refused("inferenceError"))
    lanterns(studio, 1, delivery_method="sync").run()
    lanterns(studio, 1, delivery_method="sync").run(retry="failed")
    service.received.clear()
    assert lanterns(studio, 1, delivery_method=["sync", "async"]).run().counts == {"done": 2}
    assert [task["deliveryMethod"] for task in service.tasks()] == ["async"]


def test_a_cell_with_several_pictures_has_a_row_for_each(service, studio):
    """Each row has the seed that the service reports for its picture."""
    frame = studio.sweep("A lantern", seed=[10, 20], number_results=3).run().to_frame()
    assert frame.cell.tolist() == [0, 0, 0, 1, 1, 1]
    assert frame.seed.tolist() == [10, 11, 12, 20, 21, 22]
    assert frame.requestedSeed.tolist() == [10] * 3 + [20] * 3
    assert frame.imageUUID.nunique() == 6


def test_a_cell_with_some_of_its_pictures_is_done(service, studio):
    """Two of three pictures are two rows ``done`` and one ``failed``, and the grid shows the error beside them."""
    service.faults.append(fault.partial([{"code": "inferenceError", "message": SCRIPT}], keep=2))
    result = studio.sweep("A lantern", seed=[1], number_results=3).run()
    frame = result.to_frame()
    assert frame.status.tolist() == ["done", "done", "failed"]
    assert result.counts == {"done": 1}
    page = Page(html_of(result))
    assert len(page.all("img")) == 2
    assert any(SCRIPT in text for text in page.texts["td"])


def test_reference_images_are_told_apart_in_frame_and_grid(studio):
    """A picture is named by a part of its hash, an address in full, so that two addresses of one host differ."""
    addresses = [["https://a.example/pictures/one.png"], ["https://a.example/pictures/two.png"], [picture()]]
    result = studio.sweep("A lantern", reference_images=addresses, seed=[1]).run()
    assert result.to_frame().referenceImages.nunique() == 3
    assert len([header for header in header_texts(result) if header.startswith("reference_images")]) == 3


# -- the grid --------------------------------------------------------------------------------------------------


def test_a_screen_reader_finds_headers_a_caption_and_alternative_texts(studio):
    """The corner names both axes, so headers show the values; who hears a header hears its axis too. What is the same for
    all pictures stands above them, and what is an axis is not repeated under each. Each picture has a text of its own.
    """
    result = studio.sweep("A lantern", temperature=[0.2, 0.8], seed=[1, 2, 3]).run()
    page = Page(html_of(result.grid(rows="temperature", columns="seed")))
    scopes = [head["scope"] for head in page.all("th")]
    assert scopes == ["col"] * 3 + ["row"] * 2
    assert page.texts["th"] == ["1", "2", "3", "0.2", "0.8"]
    spoken = [head["abbr"] for head in page.all("th")]
    assert spoken == ["seed 1", "seed 2", "seed 3", "temperature 0.2", "temperature 0.8"]
    assert page.texts["td"][0] == "temperature \\ seed"
    assert [table["aria-label"] for table in page.all("table")] == ["temperature down the side, seed along the top"]
    assert "caption" not in page.texts
    alts = [image["alt"] for image in page.all("img")]
    assert alts[0] == "temperature 0.2, seed 1: A lantern"
    assert len(set(alts)) == 6
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert "figcaption" not in page.texts
    assert "6 cells: 6 done · $0.069 each · $0.41 charged" in page.text
    assert "script" not in dict(page.elements)


@pytest.mark.parametrize("axis", [{}, {"seed": [1, 2]}])
def test_a_grid_with_few_axes_has_no_empty_header(studio, axis):
    """With one axis or none, each header that there is has a text, and so has the name of the table."""
    result = studio.sweep("A lantern", **axis).run()
    for output in (result.grid(), result.grid(rows="seed") if axis else result):
        page = Page(html_of(output))
        assert all(text.strip() for text in page.texts.get("th", []))
        assert page.all("table")[0]["aria-label"]


def test_axes_beyond_two_become_grids_of_their_own(studio):
    """Each caption has the values of the further axes; the values of ``pages=`` unfold without a script."""
    sweep = studio.sweep("A {c} lantern", c=["red", "jade"], temperature=[0.1, 0.2], topP=[0.3, 0.4], seed=[1, 2])
    result = sweep.run()
    page = Page(html_of(result))
    assert len(page.texts["caption"]) == 4
    assert page.texts["caption"][0] == "temperature 0.1, topP 0.3"
    assert page.all("table")[0]["aria-label"] == "temperature 0.1, topP 0.3: c down the side, seed along the top"
    page = Page(html_of(result.grid(rows="temperature", columns="top_p", pages="c")))
    assert page.texts["summary"] == ["c red", "c jade"]
    assert [("open" in details) for details in page.all("details")] == [True, False]
    assert page.texts["caption"][1] == "c red, seed 2"
    assert len(page.all("img")) == 16
    assert "c jade, seed 2\n  temperature 0.1, topP 0.3: ✓ done\n" in result.grid("temperature", "topP", "c").text


def test_grid_accepts_axis_names_in_both_spellings(studio):
    """An axis may be named as the API or as Python spells it; a name that is no axis raises, with the nearest one."""
    for name in ("top_p", "topP"):
        result = studio.sweep("A lantern", **{name: [0.1, 0.2]}, seed=[1]).run()
        assert html_of(result.grid(rows="top_p")) == html_of(result.grid(rows="topP"))
    with pytest.raises(errors.UnknownParameter, match="its axes are topP, seed") as caught:
        result.grid(rows="sed")
    assert (caught.value.parameter, caught.value.suggestion) == ("sed", "seed")
    with pytest.raises(errors.RequestError) as caught:
        result.grid(rows="seed", columns="seed")
    error = caught.value
    assert (error.parameter, error.value, error.reason) == ("rows", ["seed", "seed"], "conflict")


def test_a_cell_without_a_picture_shows_its_status_and_the_reason(service, studio):
    """A failed, a blocked and a missing cell each have a sign, a word and the service's message, and no picture."""
    service.faults += [
        fault.refused("inferenceError", f"broken {SCRIPT}"), fault.refused("contentPolicyViolation", "no such lanterns"), None
    ]  # fmt: skip
    studio.sweep("A lantern", seed=[1, 2, 3], name="all kinds").run(max_workers=1)
    result = studio.sweep("A lantern", seed=[1, 2, 3, 4], name="all kinds").result
    html, text = result._repr_mimebundle_().values()
    page = Page(html)
    for words in ("✗ failed", "⊘ blocked", "no such lanterns", "· not run"):
        assert any(words in cell for cell in page.texts["td"])
        assert words in text
    assert len(page.all("img")) == 1
    assert "script" not in dict(page.elements)
    assert SCRIPT not in html


def test_html_of_a_sweep_escapes_what_users_write(studio):
    """Axis values, prompts and the sweep's name cannot add tags or handlers, and prices are not typeset as formulas."""
    studio.generate("A lantern")
    sweep = studio.sweep(f"{{what}} {SCRIPT}", what=[SCRIPT, '" onload="alert(1)'], seed=[1], name=SCRIPT)
    result = sweep.run()
    for html in (html_of(result), html_of(result.grid(pages="what")), sweep.plan()._repr_html_()):
        assert "<script" not in html.lower()
        elements = Page(html).elements
        assert not [name for _, attributes in elements for name in attributes if name.startswith("on")]
        assert [tag for tag, attributes in elements if "mathjax_ignore" in (attributes.get("class") or "").split()]


def test_long_prompts_have_different_headers(studio):
    """Prompts that differ only at their ends have rows of their own."""
    prompts = [f"{'A very long prompt ' * 12} number {n}" for n in range(3)]
    result = studio.sweep(prompts, seed=[1, 2]).run()
    assert len({header for header in header_texts(result) if header.startswith("prompt")}) == 3


def test_a_grid_of_a_hundred_cells_is_under_three_megabytes(service, studio):
    """As JSON in a notebook, with pictures as noisy as photographs, also with larger previews."""
    service.paint = noisy()
    result = studio.sweep("A lantern " * 40, temperature=np.arange(0, 1, 0.1), seed=range(10)).run(max_workers=8)
    for output in (result, result.grid(size=384)):
        assert len(Page(html_of(output)).all("img")) == 100
        assert len(json.dumps(output._repr_mimebundle_())) < 3_000_000


def test_a_grid_of_two_thousand_pictures_is_under_three_megabytes(service, studio):
    """The grid has all twenty results of each of a hundred cells."""
    shades = [picture(colour=colour, size=(64, 64)) for colour in ("red", "navy", "teal")]
    service.paint, service.balance = lambda _kind, number: shades[number % 3], 200.0
    sweep = studio.sweep("A lantern", seed=range(0, 2000, 20), number_results=20, output_type="base64Data")
    result = sweep.run(max_workers=8, confirm=True)
    html = html_of(result)
    assert html.count("<img") == 2000
    assert "19 more pictures" in html
    assert len(html) < 3_000_000


def test_a_result_that_is_too_large_for_a_grid_shows_counts(studio):
    """As the last line of a cell it names ``to_frame``, and ``grid`` raises an error."""
    result = studio.sweep("A lantern", seed=range(601)).result
    html, text = result._repr_mimebundle_().values()
    for shown in (Page(html).text, text):
        assert "601 cells: 601 not run" in shown
        assert ".to_frame() has them all" in shown
    with pytest.raises(errors.RequestError) as caught:
        result.grid()
    assert (caught.value.parameter, caught.value.reason) == ("grid", "count")


# -- sheets and pages ------------------------------------------------------------------------------------------


def test_a_contact_sheet_has_all_pictures(service, studio, tmp_path):
    """It is one PNG with both pictures of each cell; a cell without any, and a sweep without any, can be drawn too."""
    service.faults += [None, fault.refused("inferenceError", SCRIPT)]
    service.paint = lambda kind, number: picture(kind, ("red", "blue")[number], (400, 300))
    result = studio.sweep("A 灯笼 {c}", c=["red", "jade"], temperature=[0.1, 0.2], number_results=2).run(max_workers=1)
    with Image.open(result.contact_sheet(tmp_path / "deep" / "sheet.png")) as sheet:
        assert sheet.format == "PNG"
        colours = sheet.convert("RGB").getcolors(1 << 20)
    red, blue = (
        sum(n for n, c in colours if abs(c[0] - r) + c[1] + abs(c[2] - b) < 30) for r, b in ((255, 0), (0, 255))
    )
    assert red > 100_000
    assert blue == pytest.approx(red, rel=0.1)
    empty = studio.sweep("A lamp", seed=[1], name="nothing ran").result.contact_sheet(tmp_path / "none.png")
    with Image.open(empty) as sheet:
        assert sheet.size[0] >= 320


def test_a_saved_page_is_self_contained(service, studio, tmp_path):
    """It has grid and frame, loads nothing, runs no script, and can be written for failed and missing cells too."""
    service.faults += [None, fault.refused("inferenceError", SCRIPT)]
    sweep = studio.sweep("A lantern {c}", c=[SCRIPT, "jade", "gold"], seed=[1], name=SCRIPT)
    path = sweep.run(max_workers=1).save_html(tmp_path / "deep" / "page.html")
    html = path.read_text("utf-8")
    page = Page(html.removeprefix("<!doctype html>"))
    assert "<script" not in html
    assert not re.search(r'(src|href)=(?!"data:)|url\(|@import', html)
    assert len(page.all("img")) == 2
    assert page.all("html")[0]["lang"] == "en"
    assert any("✗ failed" in text for text in page.texts["td"])
    assert "imageUUID" in page.texts["th"]
    empty = studio.sweep("A lamp", seed=[1], name="nothing ran").result.save_html(tmp_path / "none.html")
    assert "not run" in Page(empty.read_text("utf-8").removeprefix("<!doctype html>")).text


# -- promotion -------------------------------------------------------------------------------------------------


def test_a_promoted_picture_has_its_drafts_seed_and_shape_at_a_higher_tier(service, studio, capsys):
    """Its draft is its parent, and the draft's picture its parentImage; the price is printed first, and promoting it again sends nothing."""
    request = nbkit.ImageRequest("A lantern", aspect_ratio="3:2", resolution="1K", number_results=2)
    result = studio.sweep(request, seed=[10, 20], temperature=[0.5]).run()
    frame = result.to_frame()
    chosen = frame[frame.seed == 11][["imageUUID", "taskUUID"]]
    capsys.readouterr()
    final = result.promote(chosen, resolution="4K")
    assert "1 picture at 4K · $0.15, $0.084 more than the drafts." in capsys.readouterr().out
    task = service.tasks()[-1]
    assert (task["seed"], task["width"], task["height"], task.get("numberResults")) == (11, 5056, 3392, None)
    made = final.to_frame()
    assert (made.parent.tolist(), made.seed.tolist()) == (chosen.taskUUID.tolist(), [11])
    assert made.parentImage.tolist() == chosen.imageUUID.tolist()
    assert final.runs[0].parent.task_uuid == chosen.taskUUID.item()
    result.promote(chosen, resolution="4K")
    assert len(service.accepted) == 3
    html_of(final)
    assert_books_agree(service, studio, 3)


def test_promote_accepts_rows_masks_and_cell_numbers(service, studio):
    """Each way of choosing one picture promotes that picture, and no other."""
    result = studio.sweep("A lantern", resolution=["0.5K", "1K"], seed=[0, 1]).run()
    frame = result.to_frame()
    ways = [
        frame.iloc[1],
        frame.sample(frac=1, random_state=1).query("cell == 1"),
        frame.cell == 1,
        [False, True, False, False],
        1,
        np.int64(1),
        [1],
    ]
    for way in (*ways, (frame.cell == 1).astype("boolean"), pd.concat([frame.iloc[[1]]] * 2)):
        made = result.promote(way, resolution="2K").to_frame()
        assert (made.resolution.tolist(), made.seed.tolist(), made.parent.tolist()) == (
            ["2K"],
            [1],
            [frame.taskUUID[1]],
        )
    assert len(service.accepted) == 5


@pytest.mark.parametrize(
    "given", [3, "run", [None], pd.DataFrame({"seed": [1]})], ids=lambda given: type(given).__name__
)
def test_only_pictures_and_runs_are_promoted(studio, given):
    """Anything else is refused with what there is instead."""
    with pytest.raises(
        errors.RequestError, match=r"neither a picture nor a run; run\.image and result\.runs are"
    ) as caught:
        studio.promotion(given)
    assert caught.value.parameter == "pictures"


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("other", "not of this sweep"),
        ([0, 9], "no cell 9"),
        ([], "has a picture"),
        ([True], "a mask of 1"),
        ("columns", "without the columns"),
    ],
)
def test_promote_refuses_rows_without_a_picture_of_this_sweep(service, studio, rows, problem):
    """Rows of another sweep, unknown cells and cells without a picture raise an error before anything is sent."""
    service.faults.append(fault.refused("inferenceError"))
    result = studio.sweep("A lantern", seed=[1, 2], name="mine").run(max_workers=1)
    other = studio.sweep("A lamp", seed=[1], name="other").run().to_frame()
    given = {"other": other, "columns": other[["seed"]]}.get(rows, rows) if isinstance(rows, str) else rows
    sent = len(service.sent)
    with pytest.raises(errors.RequestError, match=problem) as caught:
        result.promote(given)
    assert (caught.value.parameter, caught.value.reason) == ("rows", "conflict")
    with pytest.raises(errors.RequestError, match="has a picture"):
        result.promote(0)
    assert len(service.sent) == sent
