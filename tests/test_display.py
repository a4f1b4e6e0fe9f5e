"""The output of a cell: small pictures with captions, tables of rows, escaped texts, and what to do after a failure."""

import io
import json
import os
import re

import pandas as pd
import pytest
import service_faults as fault
from html_page import HTML, MARKUP, TEXT, Page
from PIL import Image
from service import Service, picture
from small_requests import generate

import nbkit
from nbkit import errors
from nbkit.measures.facts import examine
from nbkit.measures.preview import make_preview


def shown(value):
    """The output of a cell with a value, by format."""
    return value._repr_mimebundle_()


def assert_harmless(html):
    """No script, no handler of an event, only pictures that are inside the HTML, only links to their originals."""
    page = Page(html)
    assert not page.all("script")
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert tag in {
            "div",
            "span",
            "figure",
            "figcaption",
            "img",
            "strong",
            "table",
            "caption",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "a",
        }
    for link in page.all("a"):
        assert re.fullmatch(r"[\w/-]+/images/[0-9a-f]{2}/[0-9a-f]{64}\.[a-z]+", link["href"]), link
    for image in page.all("img"):
        assert image["src"].startswith("data:image/jpeg;base64,")


FAULTS_WITH_MARKUP = [
    None,
    fault.refused("invalidSeed", MARKUP, parameter=[MARKUP]),
    fault.refused(MARKUP, MARKUP),
    fault.refused("invalidProviderContent", MARKUP),
    fault.plain(500),
    fault.partial([{"code": MARKUP, "message": MARKUP}], keep=1),
]


@pytest.mark.parametrize(
    "service_fault", FAULTS_WITH_MARKUP, ids=["prompt", "refused", "code", "blocked", "page", "partial"]
)
def test_markup_is_escaped_in_all_html(service, studio, service_fault):
    """In a prompt, a system prompt, an extra, and each text of the service."""
    service.has_details = False
    service.faults.append(service_fault)
    service.question_faults += [fault.refused("taskNotFound", MARKUP), fault.plain(500)] * 4
    run = generate(studio, MARKUP, number_results=2, system_prompt=MARKUP, extra={"more": MARKUP})
    for html in (
        run.to_html(),
        shown(run)[HTML],
        shown(studio.log)[HTML],
        studio.budget._repr_html_(),
        studio.df.nbkit.show(columns=["prompt", "error", "systemPrompt", "extra"]).html,
        *(shown(image)[HTML] for image in run),
    ):
        assert_harmless(html)
        assert "<script" not in html
        assert "<img src=x" not in html


def test_a_run_is_shown_as_its_picture_with_size_seed_cost_and_settings(studio):
    """The picture is a small JPEG with the prompt as its alternative text; defaults are not in the caption."""
    run = generate(studio, "A lantern & a moon", seed=7, temperature=0.3, web_search=False, output_quality=95)
    page = Page(shown(run)[HTML])
    (image,) = page.all("img")
    assert image["alt"] == "A lantern & a moon"
    assert (image["width"], image["height"]) == ("96", "64")
    for words in ("96x64", "seed 7", "$0.069", "temperature 0.3", "REAL MONEY", "this studio $0.069", "charged"):
        assert words in page.text
    for words in ("webSearch", "outputQuality"):  # they were set, to their defaults
        assert words not in page.text


def test_previews_have_384_pixels_or_the_given_size(service, studio):
    """On the long side; never more than the picture has."""
    service.paint = lambda kind, _: picture(kind, size=(1264, 848))
    run = generate(studio)
    sizes = [Page(run.to_html(**options)).all("img")[0] for options in ({}, {"size": 100}, {"size": 5000})]
    assert [(s["width"], s["height"]) for s in sizes] == [("384", "258"), ("100", "67"), ("1264", "848")]
    assert Image.open(io.BytesIO(run.image.preview())).size == (384, 258)


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA", "I;16", "CMYK"])
def test_a_preview_of_a_picture_of_any_mode_is_an_rgb_jpeg(mode):
    """On white where the picture is transparent; nothing raises or warns."""
    out = io.BytesIO()
    Image.new(mode, (50, 40)).save(
        out, "JPEG" if mode == "CMYK" else "PNG", **({"transparency": 0} if mode == "P" else {})
    )
    preview = Image.open(io.BytesIO(make_preview(out.getvalue(), 20)))
    assert (preview.format, preview.mode, preview.size) == ("JPEG", "RGB", (20, 16))
    if mode in ("RGBA", "P", "LA"):
        assert preview.getpixel((10, 8)) == (255, 255, 255)


def test_the_text_output_is_the_same_at_every_execution(service, open_studio, tmp_path):
    """In another kernel, folder and port: it contains no UUID, address, time or path."""
    texts = []
    for number in range(2):
        with Service() as other:
            studio = open_studio(engine=other.url, path=tmp_path / f"runs{number}")
            other.faults += [
                None,
                fault.refused("invalidSeed", "no such seed"),
                fault.refused("invalidProviderContent", "no"),
            ]
            runs = [generate(studio, seed=7, temperature=0.3, number_results=2), generate(studio), generate(studio)]
            texts.append([shown(one)[TEXT] for one in (*runs, studio.log, *runs[0])])
    assert texts[0] == texts[1]
    for text in texts[0]:
        assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}|127\.0\.0\.1|\d\d:\d\d|20\d\d-|/", text)
    assert re.search(r"96x64 · seed 7 · \$0\.069 · temperature 0\.3 · picture [0-9a-f]{16}", texts[0][0])


def test_the_fingerprint_does_not_depend_on_the_file_format(service, studio):
    """The same picture as JPG, PNG and WEBP has one fingerprint, and a darker picture another."""
    prints = {generate(studio, output_format=kind).image.fingerprint for kind in ("JPG", "PNG", "WEBP")}
    assert len(prints) == 1
    service.paint = lambda kind, _: picture(kind, "black")
    assert generate(studio).image.fingerprint not in prints


def test_the_outputs_of_100_runs_take_less_than_4_mb(service, studio):
    """With one picture each, of noise, which compresses worst."""
    noise = Image.frombytes("RGB", (384, 384), os.urandom(3 * 384 * 384))
    out = io.BytesIO()
    noise.save(out, "PNG")
    service.paint = lambda *_: out.getvalue()
    run = generate(studio, MARKUP * 50, system_prompt="x" * 5000, number_results=1)
    cell = {"output_type": "execute_result", "metadata": {}, "execution_count": 1, "data": shown(run)}
    assert 100 * len(json.dumps(cell, indent=1)) < 4_000_000


@pytest.mark.parametrize(
    ("service_fault", "status", "words"),
    [
        (
            fault.refused("invalidSeed", "the seed is odd"),
            "failed",
            ["No picture: the request failed", "the seed is odd", "Nothing was charged. Change the parameter"],
        ),
        (
            fault.refused("invalidProviderContent", "not this"),
            "blocked",
            ["refused by a safety filter", "not this", "Change the prompt"],
        ),
        (fault.plain(402), "failed", ["HTTP 402", "Top up the account", "nothing was charged"]),
        (fault.refused("invalidApiKey", status=401), "failed", ["RUNWARE_API_KEY"]),
        (
            fault.lost(),
            "unknown",
            ["not known yet what became of this run", "studio.recover()", "its money stays held"],
        ),
    ],
)
def test_a_run_without_a_picture_shows_what_happened_and_what_to_do(service, studio, service_fault, status, words):
    """In place of the picture, with the message of the service; in HTML and in text."""
    service.faults.append(service_fault)
    service.question_faults += [fault.plain(500)] * 9
    run = generate(studio)
    assert run.status == status
    for word in words:
        assert word in Page(run.to_html()).text
    for word in words[1:]:
        assert word in run.to_text()
    assert not Page(run.to_html()).all("img")


def test_a_failed_result_is_shown_beside_the_pictures_of_the_others(service, studio):
    """Two of three results: two pictures, and a box with the error of the third."""
    service.faults.append(fault.partial([{"code": "inferenceError", "message": "fell over"}], keep=2))
    page = Page(generate(studio, number_results=3).to_html())
    assert len(page.all("img")) == 2
    assert "1 result without a picture here" in page.text
    assert "fell over" in page.text


def test_a_done_run_without_its_picture_file_shows_how_many_are_missing(service, studio):
    """Paid, with a file that is no picture: the count, the reason, and no ``seed None``."""
    service.paint = lambda *_: b"no picture at all"
    service.has_details = False
    run = generate(studio)
    assert run.status == "done"
    assert repr(run) == "<Run done: 0 of 1 picture here, $0.069>"
    for words in (run.to_text(), run.to_html(), repr(studio.df.error[0])):
        assert "not a picture (17 bytes of text)" in words
        assert not re.search("0x[0-9a-f]{6}|seed None", words)


def test_errors_about_pictures_contain_no_memory_address():
    """Pillow's messages contain that of a stream, which differs from one execution to the next."""
    cut = picture("PNG")[:60]
    for data in (b"nothing", cut, b"\xff\xd8\xff" + b"x" * 99, b"RIFF1234WEBP" + b"x" * 99):
        assert "0x" not in examine(data).problem
        with pytest.raises(nbkit.RequestError) as refused:
            nbkit.ImageRequest("A lantern", reference_images=[data])
        assert "object at" not in str(refused.value)


def test_saving_a_picture_without_a_name_writes_it_under_its_hash(studio, tmp_path):
    """Into the working directory."""
    image = generate(studio).image
    assert image.save().resolve() == tmp_path / f"{image.sha256[:16]}.jpg"
    assert (tmp_path / f"{image.sha256[:16]}.jpg").read_bytes() == image.bytes


def test_the_log_is_shown_as_a_table_with_the_newest_row_first(service, studio):
    """With thumbnails, column headings, the errors of failed runs, and the sum; an empty log shows a sentence."""
    assert "The log is empty" in shown(studio.log)[HTML]
    service.faults += [fault.refused("invalidSeed", "no such seed")]
    for seed in range(3):
        generate(studio, seed=seed)
    page = Page(shown(studio.log)[HTML])
    assert [a["width"] for a in page.all("img")] == ["96", "96"]
    assert all(a["scope"] == "col" for a in page.all("th"))
    rows = [line.split() for line in shown(studio.log)[TEXT].splitlines() if line.startswith("A lantern")]
    assert [row[2] for row in rows] == ["2", "1", "—"]
    assert "no such seed" in page.text
    assert "$0.14 charged" in page.text
    studio.df.iloc[:0].nbkit.show()


FILTERS = {
    "query": lambda df: df.query("seed >= 1 and temperature < 0.5"),
    "mask": lambda df: df[df.temperature.isna() | (df.topP > 0.1)],
    "sort": lambda df: df.sort_values("seed", ascending=False),
    "columns": lambda df: df[["file", "seed"]],
    "only files": lambda df: df[["file"]],
    "assign": lambda df: df.assign(ratio=df.width / df.height, when=df.created.dt.date),
    "concat": lambda df: pd.concat([df, df]),
    "sample": lambda df: df.sample(2, random_state=1).reset_index(drop=True),
    "index": lambda df: df.set_index("taskUUID"),
    "group": lambda df: df.groupby("temperature", dropna=False).head(1),
    "nothing left": lambda df: df[df.seed > 99],
    "csv": lambda df: pd.read_csv(io.StringIO(df.to_csv(index=False))),
    "object": lambda df: df.astype(object),
}


@pytest.mark.parametrize("name", FILTERS)
def test_show_works_on_a_frame_after_any_operation_of_pandas(service, studio, name):
    """Its rows are shown with their pictures, in the order of the frame."""
    service.faults += [None, fault.refused("invalidSeed")]
    for seed in range(4):
        generate(studio, seed=seed, temperature=seed / 10, **({"top_p": 0.5} if seed % 2 else {}))
    frame = FILTERS[name](studio.df)
    bundle = frame.nbkit.show()
    page = Page(shown(bundle)[HTML])
    assert len(page.all("img")) == frame.file.notna().sum()
    assert len(page.all("tr")) == len(frame) + 1
    assert f"{len(frame)} row" in repr(bundle)
    assert_harmless(bundle.html)


def test_show_divides_many_rows_into_pages(studio):
    """A page has its number, its rows and the call for the next one; invalid numbers raise with their parameter."""
    for seed in range(5):
        generate(studio, seed=seed)

    def seeds(bundle):
        return [int(line.split()[2]) for line in bundle.text.splitlines() if line.startswith("A lantern")]

    frame = studio.df
    first, last = frame.nbkit.show(limit=2), frame.nbkit.show(limit=2, page=3, size=32)
    assert (seeds(first), seeds(frame.nbkit.show(limit=2, page=2)), seeds(last)) == ([0, 1], [2, 3], [4])
    assert "Page 1 of 3: rows 1 to 2 of 5; show(page=2, limit=2) has the next ones" in first.text
    assert "Page 3 of 3: rows 5 to 5 of 5; show(page=1, size=32, limit=2) has the first ones" in Page(last.html).text
    assert [image["width"] for image in Page(last.html).all("img")] == ["32"]
    assert first.text.startswith("5 rows · $0.34 charged")
    assert "Page" not in frame.nbkit.show().text
    assert seeds(studio.log.show(limit=2, page=2)) == [2, 1]
    for wrong, parameter, message in (
        ({"page": 4, "limit": 2}, "page", "page=4: must be a whole number from 1 to 3"),
        ({"page": 0}, "page", "page=0: must be a whole number from 1 to 1"),
        ({"limit": 0}, "limit", "limit=0: must be a whole number of at least 1"),
        ({"limit": True}, "limit", "limit=True"),
        ({"size": 9999}, "size", "size=9999: must be a whole number from 1 to 1536"),
        ({"size": "big"}, "size", "size='big'"),
    ):
        with pytest.raises(errors.RequestError, match=message) as caught:
            frame.nbkit.show(**wrong)
        assert caught.value.parameter == parameter


def test_show_groups_rows_by_a_column_under_headings(service, studio):
    """A heading has the value, and number and cost of all its rows, also if some of them are on another page."""
    for temperature in (0.8, 0.3, None, 0.3):
        generate(studio, temperature=temperature, top_p=temperature)
    service.faults.append(fault.refused("invalidSeed"))
    generate(studio, temperature=0.8)
    bundle = studio.df.nbkit.show(by="temperature")
    page = Page(bundle.html)
    expected = [
        "temperature 0.3: 2 rows · $0.14 charged",
        "temperature 0.8: 2 rows · $0.069 charged",
        "temperature not set: 1 row · $0.069 charged",
    ]
    assert [word for word in page.words if word.startswith("temperature ")] == expected
    assert [line for line in bundle.text.splitlines() if line.startswith("temperature ")] == expected
    assert [th["scope"] for th in page.all("th") if th["scope"] != "col"] == ["rowgroup"] * 3
    assert_harmless(bundle.html)
    assert studio.df.nbkit.show(by="top_p").text == studio.df.nbkit.show(by="topP").text
    second = studio.df.nbkit.show(by="temperature", limit=3, page=2).text
    assert "temperature 0.8: 2 rows · $0.069 charged (continued)" in second
    assert "temperature 0.3" not in second
    mixed = studio.df.assign(mine=["b", 1, None, "<b>", 1])
    assert "mine <b>: 1 row" in mixed.nbkit.show(by="mine").text
    assert_harmless(mixed.nbkit.show(by="mine").html)
    assert "rows" in studio.df.iloc[:0].nbkit.show(by="seed").text
    assert "temperature 0.8" in studio.log.show(by="temperature").text
    with pytest.raises(errors.UnknownParameter, match="temperature") as caught:
        studio.df.nbkit.show(by="temprature")
    assert caught.value.suggestion == "temperature"


def test_show_accepts_columns_in_either_spelling(studio):
    """An unknown column raises with the nearest one or the columns of the frame; so does a missing ``file``."""
    generate(studio, top_p=0.5, seed=2**63 - 1)
    table = studio.df.nbkit.show(columns=["top_p", "topP", "seed", "task_uuid"])
    assert "0.5" in table.text
    assert str(2**63 - 1) in table.text
    with pytest.raises(errors.UnknownParameter, match="temperature") as caught:
        studio.df.nbkit.show(columns=["temprature"])
    assert caught.value.suggestion == "temperature"
    assert studio.df.nbkit.show(columns="seed").text == studio.df.nbkit.show(columns=["seed"]).text
    for name, column in (("temperature", "temperature"), ("top_p", "topP"), ("task_uuid", "taskUUID")):
        with pytest.raises(errors.UnknownParameter, match=f"no column '{column}'; it has file, seed"):
            studio.df[["file", "seed"]].nbkit.show(columns=[name])
    with pytest.raises(nbkit.NbkitError, match="no column 'file'"):
        studio.df[["prompt"]].nbkit.show()


def test_charged_money_and_offline_list_prices_are_never_added_up(service, open_studio, tmp_path):
    """A log with both shows two sums; the caption of an offline run has the words "not charged"."""
    real, offline = open_studio(), open_studio(engine="offline", pace=None)
    generate(real, number_results=2)
    free = generate(offline, number_results=2)
    (caption,) = (line for line in shown(real.log)[TEXT].splitlines() if "rows" in line)
    assert "$0.14 charged" in caption
    assert "List price $0.093 (offline, not charged)" in caption
    assert "$0.23" not in shown(real.log)[TEXT]
    assert "List price $0.093 (offline, not charged)" in free.to_text()
    assert "REAL MONEY" not in free.to_html()
    assert real.budget.spent == pytest.approx(service.spent)
    assert real.df.charged.tolist() == [True, True, False, False]


def test_the_caption_of_a_run_has_what_is_left_of_the_budget(open_studio):
    """Beside the cost of the run and of the studio."""
    assert "$0.069 charged · this studio $0.069 · $0.93 left of the budget" in generate(open_studio(budget=1)).to_text()


def test_the_call_for_the_next_page_has_every_argument_of_this_one(studio):
    """So that it shows the next page of the same table."""
    generate(studio, number_results=3)
    table = studio.log.show(by="seed", size=64, columns=["prompt", "seed"], limit=2)
    assert "show(page=2, by='seed', size=64, columns=['prompt', 'seed'], limit=2) has the next ones" in table.text
    assert "show(page=2, limit=1) has" in studio.df.nbkit.show(limit=1).text


def test_show_accepts_columns_with_lists_except_for_groups(studio):
    """A list cannot be sorted beside others; the error contains what to do, and tuples work."""
    generate(studio, number_results=2)
    frame = studio.df.assign(own=[[1, 2], []], pair=[(1, 2)] * 2)
    assert "[1, 2]" in frame.nbkit.show(columns=["own"]).text
    assert "pair (1, 2): 2 rows" in frame.nbkit.show(by="pair").text
    with pytest.raises(errors.RequestError, match=r"by='own': .*astype\(str\)") as caught:
        frame.nbkit.show(by="own")
    assert caught.value.parameter == "by"


def test_showing_a_frame_with_two_columns_of_one_name_raises(studio):
    """The message has the name; a misspelled name of a column raises with the nearest one."""
    generate(studio)
    with pytest.raises(errors.NbkitError, match="more than one column 'seed'"):
        pd.concat([studio.df, studio.df[["seed"]]], axis=1).nbkit.show()
    with pytest.raises(errors.UnknownParameter, match="did you mean temperature") as caught:
        studio.log.show(by="temprature")
    assert caught.value.suggestion == "temperature"
