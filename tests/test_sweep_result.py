"""What came of a sweep: its frame, its grid as a person and a screen reader find it, sheets, pages, promotion."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import service_faults as fault
from PIL import Image
from service import PRICE, picture
from sweep_tools import Page, assert_books_agree, noisy

import nbkit
from nbkit import errors

NASTY = "<script>alert('x')</script>"


def html_of(shown):
    return shown._repr_mimebundle_()["text/html"]


# -- the frame -------------------------------------------------------------------------------------------------


def test_axes_come_first(studio):
    """One column for each axis, then the cell, then those of the log; numbers are nullable and seeds are exact."""
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


def test_dtypes_do_not_depend_on_what_has_run(studio):
    """Before, between and after, and for a sweep without a cell, the columns and their dtypes are the same."""
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


def test_cells_that_have_not_run_are_blank(studio):
    """They have a row with their axes and prompt, and nothing that belongs to another cell."""
    sweep = studio.sweep("A {c} lantern", c=["red", "jade", "blue", "gold"], seed=[1], name="partial")
    studio.sweep("A {c} lantern", c=["red", "blue"], seed=[1], name="partial").run()
    frame = sweep.result.to_frame()
    assert frame.status.tolist() == ["done", "not run", "done", "not run"]
    assert frame.prompt.tolist() == [f"A {c} lantern" for c in ("red", "jade", "blue", "gold")]
    assert frame.cost.sum() == pytest.approx(2 * PRICE)
    missing = frame[frame.status == "not run"]
    assert missing[["taskUUID", "imageUUID", "file", "cost", "created"]].isna().all().all()
    assert missing.seed.tolist() == [1, 1]


def test_all_pictures_of_a_cell(service, studio):
    """Three results are three rows of one cell, each with the seed that the service reports for it."""
    frame = studio.sweep("A lantern", seed=[10, 20], number_results=3).run().to_frame()
    assert frame.cell.tolist() == [0, 0, 0, 1, 1, 1]
    assert frame.seed.tolist() == [10, 11, 12, 20, 21, 22]
    assert frame.requestedSeed.tolist() == [10] * 3 + [20] * 3
    assert frame.imageUUID.nunique() == 6


def test_partial_results(service, studio):
    """Two of three pictures are two rows ``done`` and one ``failed``; the cell counts as done."""
    service.faults.append(fault.partial([{"code": "inferenceError", "message": NASTY}], keep=2))
    result = studio.sweep("A lantern", seed=[1], number_results=3).run()
    frame = result.to_frame()
    assert frame.status.tolist() == ["done", "done", "failed"]
    assert result.counts == {"done": 1}
    page = Page(html_of(result))
    assert len(page.all("img")) == 2
    assert any(NASTY in text for text in page.texts["td"])


def test_reference_images_in_frame_and_grid(studio):
    """Pictures are named by a piece of their hash and addresses in full, so that two of one host stay apart."""
    addresses = [["https://a.example/pictures/one.png"], ["https://a.example/pictures/two.png"], [picture()]]
    result = studio.sweep("A lantern", reference_images=addresses, seed=[1]).run()
    assert result.to_frame().referenceImages.nunique() == 3
    assert len([h for h in Page(html_of(result)).texts["th"] if h.startswith("reference_images")]) == 3


# -- the grid --------------------------------------------------------------------------------------------------


def test_a_table_for_a_screen_reader(studio):
    """Headers have a scope and name axis and value, the caption says how it is read, each picture has its own text."""
    result = studio.sweep("A lantern", temperature=[0.2, 0.8], seed=[1, 2, 3]).run()
    page = Page(html_of(result.grid(rows="temperature", columns="seed")))
    scopes = [head["scope"] for head in page.all("th")]
    assert scopes == ["col"] * 3 + ["row"] * 2
    assert page.texts["th"] == ["seed 1", "seed 2", "seed 3", "temperature 0.2", "temperature 0.8"]
    assert page.texts["caption"] == ["temperature down the side, seed along the top"]
    alts = [image["alt"] for image in page.all("img")]
    assert alts[0] == "temperature 0.2, seed 1: A lantern"
    assert len(set(alts)) == 6
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert page.texts["figcaption"][0] == "seed 1 · $0.06895"
    assert "script" not in dict(page.tags)


@pytest.mark.parametrize("axis", [{}, {"seed": [1, 2]}])
def test_no_empty_headers(studio, axis):
    """A sweep with one axis or none has no header without a word."""
    result = studio.sweep("A lantern", **axis).run()
    for shown in (result.grid(), result.grid(rows="seed") if axis else result):
        page = Page(html_of(shown))
        assert all(text.strip() for text in page.texts.get("th", []))
        assert page.texts["caption"][0]


def test_axes_that_are_left_over(studio):
    """Further axes become grids one under another, said in their captions; ``pages=`` unfold without a script."""
    sweep = studio.sweep("A {c} lantern", c=["red", "jade"], temperature=[0.1, 0.2], topP=[0.3, 0.4], seed=[1, 2])
    result = sweep.run()
    page = Page(html_of(result))
    assert len(page.texts["caption"]) == 4
    assert page.texts["caption"][0] == "temperature 0.1, topP 0.3: c down the side, seed along the top"
    page = Page(html_of(result.grid(rows="temperature", columns="top_p", pages="c")))
    assert page.texts["summary"] == ["c red", "c jade"]
    assert [("open" in one) for one in page.all("details")] == [True, False]
    assert page.texts["caption"][1] == "c red, seed 2: temperature down the side, topP along the top"
    assert len(page.all("img")) == 16
    assert "c jade, seed 2\n  temperature 0.1, topP 0.3: ✓ done seed 2" in result.grid("temperature", "topP", "c").text


def test_both_spellings(studio):
    """Axes are named as the API or as Python spells them, whichever the sweep was made with."""
    for name in ("top_p", "topP"):
        result = studio.sweep("A lantern", **{name: [0.1, 0.2]}, seed=[1]).run()
        assert html_of(result.grid(rows="top_p")) == html_of(result.grid(rows="topP"))
    with pytest.raises(errors.UnknownParameter, match="its axes are topP, seed") as caught:
        result.grid(rows="sed")
    assert caught.value.suggestion == "seed"
    with pytest.raises(errors.RequestError, match="different axes"):
        result.grid(rows="seed", columns="seed")


def test_every_place_says_what_became_of_it(service, studio):
    """Failed, blocked and missing cells carry sign and reason in place of a picture; there are no black ones."""
    service.faults += [
        fault.refused("inferenceError", f"broken {NASTY}"), fault.refused("contentPolicyViolation", "no such lanterns"), None
    ]  # fmt: skip
    studio.sweep("A lantern", seed=[1, 2, 3], name="all kinds").run(max_workers=1)
    result = studio.sweep("A lantern", seed=[1, 2, 3, 4], name="all kinds").result
    html, text = result._repr_mimebundle_().values()
    for told in ("✗ failed", "⊘ blocked", "no such lanterns", "· not run"):
        assert told in html
        assert told in text
    assert len(Page(html).all("img")) == 1
    assert NASTY not in html


def test_what_people_write_is_text(studio):
    """Axis values, prompts and the sweep's name are escaped wherever they stand; prices are shielded from typesetting."""
    studio.generate("A lantern")
    sweep = studio.sweep(f"{{what}} {NASTY}", what=[NASTY, '" onload="alert(1)'], seed=[1], name=NASTY)
    result = sweep.run()
    for html in (html_of(result), html_of(result.grid(pages="what")), sweep.plan()._repr_html_()):
        assert "<script" not in html.lower()
        assert not [a for _, attributes in Page(html).tags for a in attributes if a.startswith("on")]
        assert 'class="mathjax_ignore' in html


def test_long_prompts_keep_their_headers_apart(studio):
    """Prompts that differ only far behind have rows of their own, and headers that are not the same."""
    prompts = [f"{'A very long prompt ' * 12} number {n}" for n in range(3)]
    page = Page(html_of(studio.sweep(prompts, seed=[1, 2]).run()))
    heads = [text for text in page.texts["th"] if text.startswith("prompt")]
    assert len(set(heads)) == 3


def test_hundred_cells_stay_under_three_megabytes(service, studio):
    """With pictures as noisy as photographs, and with two a cell, as JSON in a notebook."""
    service.paint = noisy()
    result = studio.sweep("A lantern " * 40, temperature=np.arange(0, 1, 0.1), seed=range(10)).run(max_workers=8)
    for shown in (result, result.grid(size=384)):
        assert len(Page(html_of(shown)).all("img")) == 100
        assert len(json.dumps(shown._repr_mimebundle_())) < 3_000_000


def test_a_grid_of_many_results(service, studio):
    """A hundred cells of twenty results are a grid of two thousand pictures and stay under 3 MB all the same."""
    shades = [picture(colour=colour, size=(64, 64)) for colour in ("red", "navy", "teal")]
    service.paint = lambda _kind, number: shades[number % 3]
    sweep = studio.sweep("A lantern", seed=range(0, 2000, 20), number_results=20, output_type="base64Data")
    result = sweep.run(max_workers=8, confirm=True)
    html = html_of(result)
    assert html.count("<img") == 2000
    assert "19 more pictures" in html
    assert len(html) < 3_000_000


def test_too_many_cells_for_a_grid(studio):
    """As the last line of a cell a large result says where everything is; a grid that is asked for is an error."""
    result = studio.sweep("A lantern", seed=range(601)).result
    html, text = result._repr_mimebundle_().values()
    for shown in (html, text):
        assert "601 cells: 601 not run" in shown
        assert ".to_frame() has them all" in shown
    with pytest.raises(errors.RequestError, match="too large"):
        result.grid()


# -- sheets and pages ------------------------------------------------------------------------------------------


def test_a_contact_sheet(service, studio, tmp_path):
    """One PNG that opens, with all pictures of a cell beside each other and a frame where there is none."""
    service.faults += [None, fault.refused("inferenceError", NASTY)]
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
    only = studio.sweep("A lamp", seed=[1], name="nothing ran").result.contact_sheet(tmp_path / "none.png")
    with Image.open(only) as sheet:
        assert sheet.size[0] >= 320


def test_a_page_of_its_own(service, studio, tmp_path):
    """It holds grid and frame, asks nobody for anything, runs no script, and is made for failed cells too."""
    service.faults += [None, fault.refused("inferenceError", NASTY)]
    sweep = studio.sweep("A lantern {c}", c=[NASTY, "jade", "gold"], seed=[1], name=NASTY)
    path = sweep.run(max_workers=1).save_html(tmp_path / "deep" / "page.html")
    html = path.read_text("utf-8")
    page = Page(html.removeprefix("<!doctype html>"))
    assert "<script" not in html
    assert not re.search(r'(src|href)=(?!"data:)|url\(|@import', html)
    assert len(page.all("img")) == 2
    assert page.all("html")[0]["lang"] == "en"
    assert any("✗ failed" in text for text in page.texts["td"])
    assert "imageUUID" in page.texts["th"]
    nothing = studio.sweep("A lamp", seed=[1], name="nothing ran").result.save_html(tmp_path / "none.html")
    assert "not run" in nothing.read_text("utf-8")


# -- promotion -------------------------------------------------------------------------------------------------


def test_promoted_pictures_are_linked_to_their_drafts(service, studio, capsys):
    """The chosen picture's own seed and shape at the higher tier, its draft as parent, the price first; once only."""
    request = nbkit.ImageRequest("A lantern", aspect_ratio="3:2", resolution="1K", number_results=2)
    result = studio.sweep(request, seed=[10, 20], temperature=[0.5]).run()
    frame = result.to_frame()
    chosen = frame[frame.seed == 11][["imageUUID", "taskUUID"]]
    capsys.readouterr()
    final = result.promote(chosen, resolution="4K")
    assert "1 picture at 4K: $0.15295, $0.084 more than the drafts." in capsys.readouterr().out
    task = service.tasks()[-1]
    assert (task["seed"], task["width"], task["height"], task.get("numberResults")) == (11, 5056, 3392, None)
    made = final.to_frame()
    assert (made.parent.tolist(), made.seed.tolist()) == (chosen.taskUUID.tolist(), [11])
    result.promote(chosen, resolution="4K")
    assert len(service.accepted) == 3
    html_of(final)
    assert_books_agree(service, studio, 3)


def test_ways_to_choose(service, studio):
    """Rows, one row, a mask, numbers of cells: each promotes what is meant, and nothing else."""
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


@pytest.mark.parametrize("rows", ["other", [0, 9], [], [True], "columns"])
def test_what_cannot_be_promoted(service, studio, rows):
    """Rows of another sweep, cells that are not there and rows without a picture are refused before anything is sent."""
    service.faults.append(fault.refused("inferenceError"))
    result = studio.sweep("A lantern", seed=[1, 2], name="mine").run(max_workers=1)
    other = studio.sweep("A lamp", seed=[1], name="other").run().to_frame()
    given = {"other": other, "columns": other[["seed"]]}.get(rows, rows) if isinstance(rows, str) else rows
    sent = len(service.sent)
    with pytest.raises(errors.RequestError, match="rows"):
        result.promote(given)
    with pytest.raises(errors.RequestError, match="has a picture"):
        result.promote(0)
    assert len(service.sent) == sent
