"""What stands under a cell: pictures that are light, words that are escaped, outcomes that say what to do."""

import io
import json
import os
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
import service_faults as fault
from PIL import Image
from service import Service, picture

import nbkit
from nbkit import errors
from nbkit.measures.facts import examine
from nbkit.measures.preview import make_preview

SCRIPT = "<script>alert('x')</script> & \"quoted\" <img src=x onerror=alert(1)>"
HTML, TEXT = "text/html", "text/plain"


def generate(studio, prompt="A lantern", **parameters):
    return studio.generate(prompt, **{"width": 512, "height": 512} | parameters)


def shown(one):
    return one._repr_mimebundle_()


class Page(HTMLParser):
    """The elements of a piece of HTML with their attributes, and its text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.words = [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    text = property(lambda self: " ".join(self.words))


def assert_harmless(html):
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
        }
    for image in page.all("img"):
        assert image["src"].startswith("data:image/jpeg;base64,")


HOSTILE = [
    None,
    fault.refused("invalidSeed", SCRIPT, parameter=[SCRIPT]),
    fault.refused(SCRIPT, SCRIPT),
    fault.refused("invalidProviderContent", SCRIPT),
    fault.plain(500),
    fault.partial([{"code": SCRIPT, "message": SCRIPT}], keep=1),
]


@pytest.mark.parametrize("how", HOSTILE, ids=["prompt", "refused", "code", "blocked", "page", "partial"])
def test_everything_is_escaped(service, studio, how):
    """Markup in a prompt, a system prompt, an extra or the service's words is text wherever HTML is made."""
    service.has_details = False
    service.faults.append(how)
    service.question_faults += [fault.refused("taskNotFound", SCRIPT), fault.plain(500)] * 4
    run = generate(studio, SCRIPT, number_results=2, system_prompt=SCRIPT, extra={"more": SCRIPT})
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


def test_a_picture_with_its_caption(studio):
    """One small JPEG with alternative text; a caption with size, seed, cost and what differs from the defaults."""
    run = generate(studio, "A lantern & a moon", seed=7, temperature=0.3, web_search=False, output_quality=95)
    page = Page(shown(run)[HTML])
    (image,) = page.all("img")
    assert image["alt"] == "A lantern & a moon"
    assert (image["width"], image["height"]) == ("96", "64")
    for words in ("96x64", "seed 7", "$0.06895", "temperature 0.3", "REAL MONEY", "this studio $0.06895", "charged"):
        assert words in page.text
    for words in ("webSearch", "outputQuality"):  # defaults, although they were given
        assert words not in page.text


def test_previews_are_small_and_adjustable(service, studio):
    """384 pixels on the long side unless another size is asked for; never larger than the picture."""
    service.paint = lambda kind, _: picture(kind, size=(1264, 848))
    run = generate(studio)
    sizes = [Page(run.to_html(**how)).all("img")[0] for how in ({}, {"size": 100}, {"size": 5000})]
    assert [(s["width"], s["height"]) for s in sizes] == [("384", "258"), ("100", "67"), ("1264", "848")]
    assert Image.open(io.BytesIO(run.image.preview())).size == (384, 258)


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA", "I;16", "CMYK"])
def test_previews_of_every_kind_of_picture(mode):
    """Transparency lies over white, grey and palettes become colour; nothing fails and nothing warns."""
    out = io.BytesIO()
    Image.new(mode, (50, 40)).save(
        out, "JPEG" if mode == "CMYK" else "PNG", **({"transparency": 0} if mode == "P" else {})
    )
    preview = Image.open(io.BytesIO(make_preview(out.getvalue(), 20)))
    assert (preview.format, preview.mode, preview.size) == ("JPEG", "RGB", (20, 16))
    if mode in ("RGBA", "P", "LA"):
        assert preview.getpixel((10, 8)) == (255, 255, 255)


def test_the_text_is_the_same_at_every_execution(service, open_studio, tmp_path):
    """No UUID, address, time or path: another kernel, folder and port give the same words."""
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
    assert re.search(r"96x64 · seed 7 · \$0\.06895 · temperature 0\.3 · picture [0-9a-f]{16}", texts[0][0])


def test_the_fingerprint_does_not_depend_on_the_encoder(service, studio):
    """One plain picture as JPG, PNG and WEBP has one fingerprint, and a darker picture another."""
    prints = {generate(studio, output_format=kind).image.fingerprint for kind in ("JPG", "PNG", "WEBP")}
    assert len(prints) == 1
    service.paint = lambda kind, _: picture(kind, "black")
    assert generate(studio).image.fingerprint not in prints


def test_a_hundred_runs_fit_into_a_notebook(service, studio):
    """The outputs of 100 one-image runs take less than 4 MB, also where every picture is the hardest to compress."""
    noise = Image.frombytes("RGB", (384, 384), os.urandom(3 * 384 * 384))
    out = io.BytesIO()
    noise.save(out, "PNG")
    service.paint = lambda *_: out.getvalue()
    run = generate(studio, SCRIPT * 50, system_prompt="x" * 5000, number_results=1)
    cell = {"output_type": "execute_result", "metadata": {}, "execution_count": 1, "data": shown(run)}
    assert 100 * len(json.dumps(cell, indent=1)) < 4_000_000


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        (fault.refused("invalidSeed", "the seed is odd"), "failed", ["No picture: the request failed", "the seed is odd", "Nothing was charged. Change the parameter"]),
        (fault.refused("invalidProviderContent", "not this"), "blocked", ["refused by a safety filter", "not this", "Change the prompt"]),
        (fault.plain(402), "failed", ["HTTP 402", "Top up the account", "nothing was charged"]),
        (fault.refused("invalidApiKey", status=401), "failed", ["RUNWARE_API_KEY"]),
        (fault.lost(), "unknown", ["not known yet what became of this run", "studio.recover()", "its money stays held"]),
    ],
)  # fmt: skip
def test_outcomes_without_a_picture_say_what_to_do(service, studio, how, status, words):
    """What happened, in the service's words, and what to do about it, in place; in HTML and in text."""
    service.faults.append(how)
    service.question_faults += [fault.plain(500)] * 9
    run = generate(studio)
    assert run.status == status
    for word in words:
        assert word in Page(run.to_html()).text
    for word in words[1:]:
        assert word in run.to_text()
    assert not Page(run.to_html()).all("img")


def test_a_missing_result_is_told_beside_the_others(service, studio):
    """Two of three: two pictures, and a box that says why the third did not come."""
    service.faults.append(fault.partial([{"code": "inferenceError", "message": "fell over"}], keep=2))
    page = Page(generate(studio, number_results=3).to_html())
    assert len(page.all("img")) == 2
    assert "1 result without a picture here" in page.text
    assert "fell over" in page.text


def test_a_picture_that_is_not_here_is_counted(service, studio):
    """A run that is done and paid, its picture out of reach: so many of so many, and no seed of nothing."""
    service.paint = lambda *_: b"no picture at all"
    service.has_details = False
    run = generate(studio)
    assert run.status == "done"
    assert repr(run) == "<Run done: 0 of 1 picture here, $0.06895>"
    for words in (run.to_text(), run.to_html(), repr(studio.df.error[0])):
        assert "no JPEG, PNG or WEBP" in words
        assert not re.search("0x[0-9a-f]{6}|seed None", words)


def test_errors_about_pictures_tell_no_memory_address():
    """What Pillow says of a stream names its address, which is another one at every execution."""
    cut = picture("PNG")[:60]
    for data in (b"nothing", cut, b"\xff\xd8\xff" + b"x" * 99, b"RIFF1234WEBP" + b"x" * 99):
        with pytest.raises(errors.DownloadError) as caught:
            examine(data)
        assert "0x" not in str(caught.value)
        with pytest.raises(nbkit.RequestError) as refused:
            nbkit.ImageRequest("A lantern", reference_images=[data])
        assert "object at" not in str(refused.value)


def test_saving_without_a_name(studio, tmp_path):
    """It lands in the current folder, under its hash."""
    image = generate(studio).image
    assert image.save().resolve() == tmp_path / f"{image.sha256[:16]}.jpg"
    assert (tmp_path / f"{image.sha256[:16]}.jpg").read_bytes() == image.bytes


def test_the_log_as_a_table(service, studio):
    """A table with thumbnails and headings, newest first; what failed says so; a long log says what it leaves out."""
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
    assert "$0.1379 charged" in page.text
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
def test_show_after_whatever_pandas_did(service, studio, name):
    """The rows of any frame that came from the log show as pictures, in the frame's order."""
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


def test_a_page_of_many_rows(studio):
    """It says which page of how many it is and what to type for the next one; wrong numbers are told by name."""
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
    assert first.text.startswith("5 rows · $0.34475 charged")
    assert "Page" not in frame.nbkit.show().text
    assert seeds(studio.log.show(limit=2, page=2)) == [2, 1]
    for wrong, told in (
        ({"page": 4, "limit": 2}, "page=4: must be a whole number from 1 to 3"),
        ({"page": 0}, "page=0: must be a whole number from 1 to 1"),
        ({"limit": 0}, "limit=0: must be a whole number of at least 1"),
        ({"limit": True}, "limit=True"),
        ({"size": 9999}, "size=9999: must be a whole number from 1 to 1536"),
        ({"size": "big"}, "size='big'"),
    ):
        with pytest.raises(errors.RequestError, match=told):
            frame.nbkit.show(**wrong)


def test_rows_put_together_by_a_column(service, studio):
    """Each value has a heading with the count and the cost of all its rows, also where they go on on the next page."""
    for temperature in (0.8, 0.3, None, 0.3):
        generate(studio, temperature=temperature, top_p=temperature)
    service.faults.append(fault.refused("invalidSeed"))
    generate(studio, temperature=0.8)
    bundle = studio.df.nbkit.show(by="temperature")
    page = Page(bundle.html)
    expected = [
        "temperature 0.3: 2 rows · $0.1379 charged",
        "temperature 0.8: 2 rows · $0.06895 charged",
        "temperature not set: 1 row · $0.06895 charged",
    ]
    assert [word for word in page.words if word.startswith("temperature ")] == expected
    assert [line for line in bundle.text.splitlines() if line.startswith("temperature ")] == expected
    assert [th["scope"] for th in page.all("th") if th["scope"] != "col"] == ["rowgroup"] * 3
    assert_harmless(bundle.html)
    assert studio.df.nbkit.show(by="top_p").text == studio.df.nbkit.show(by="topP").text
    second = studio.df.nbkit.show(by="temperature", limit=3, page=2).text
    assert "temperature 0.8: 2 rows · $0.06895 charged (continued)" in second
    assert "temperature 0.3" not in second
    mixed = studio.df.assign(mine=["b", 1, None, "<b>", 1])
    assert "mine <b>: 1 row" in mixed.nbkit.show(by="mine").text
    assert_harmless(mixed.nbkit.show(by="mine").html)
    assert "rows" in studio.df.iloc[:0].nbkit.show(by="seed").text
    assert "temperature 0.8" in studio.log.show(by="temperature").text
    with pytest.raises(errors.UnknownParameter, match="temperature"):
        studio.df.nbkit.show(by="temprature")


def test_show_of_chosen_columns(studio):
    """Columns in either spelling; an unknown one, or a frame without its files, is an error that helps."""
    generate(studio, top_p=0.5, seed=2**63 - 1)
    shown_ = studio.df.nbkit.show(columns=["top_p", "topP", "seed", "task_uuid"])
    assert "0.5" in shown_.text
    assert str(2**63 - 1) in shown_.text
    with pytest.raises(errors.UnknownParameter, match="temperature"):
        studio.df.nbkit.show(columns=["temprature"])
    assert studio.df.nbkit.show(columns="seed").text == studio.df.nbkit.show(columns=["seed"]).text
    for name, column in (("temperature", "temperature"), ("top_p", "topP"), ("task_uuid", "taskUUID")):
        with pytest.raises(errors.UnknownParameter, match=f"no column '{column}'; it has file, seed"):
            studio.df[["file", "seed"]].nbkit.show(columns=[name])
    with pytest.raises(nbkit.NbkitError, match="no column 'file'"):
        studio.df[["prompt"]].nbkit.show()


def test_charged_money_and_list_prices_are_never_added_up(service, open_studio, tmp_path):
    """A log with both tells two sums, each with its name; the caption of an offline run says that nothing was charged."""
    real, offline = open_studio(), open_studio(engine="offline", pace=None)
    generate(real, number_results=2)
    free = generate(offline, number_results=2)
    (caption,) = (line for line in shown(real.log)[TEXT].splitlines() if "rows" in line)
    assert "$0.1379 charged" in caption
    assert "$0.09314 at offline list prices, of which nothing was charged" in caption
    assert "$0.2310" not in shown(real.log)[TEXT]
    assert "offline list prices, nothing was charged" in free.to_text()
    assert "REAL MONEY" not in free.to_html()
    assert real.budget.spent == pytest.approx(service.spent)
    assert real.df.charged.tolist() == [True, True, False, False]


def test_what_is_left_of_a_budget(open_studio):
    """The line under a run tells this run, this studio, and what is left."""
    assert (
        "this run $0.06895 · this studio $0.06895 · $0.93105 left of the budget · charged"
        in generate(open_studio(budget=1)).to_text()
    )


def test_the_hint_to_the_next_page_is_the_whole_call(studio):
    """What was asked for is said again, so that the next page is one of the same table."""
    studio.generate("A boat", width=512, height=512, number_results=3)
    shown = studio.log.show(by="seed", size=64, columns=["prompt", "seed"], limit=2)
    assert "show(page=2, by='seed', size=64, columns=['prompt', 'seed'], limit=2) has the next ones" in shown.text
    assert "show(page=2, limit=1) has" in studio.df.nbkit.show(limit=1).text


def test_columns_of_lists(studio):
    """What a person put into a frame is shown as it is; what cannot be put in order is told."""
    studio.generate("A boat", width=512, height=512, number_results=2)
    frame = studio.df.assign(own=[[1, 2], []], pair=[(1, 2)] * 2)
    assert "[1, 2]" in frame.nbkit.show(columns=["own"]).text
    assert "pair (1, 2): 2 rows" in frame.nbkit.show(by="pair").text
    with pytest.raises(errors.RequestError, match=r"by='own': .*astype\(str\)"):
        frame.nbkit.show(by="own")


def test_a_frame_that_is_none(studio):
    """Two columns of one name, and a name with a slip in it, are told."""
    studio.generate("A boat", width=512, height=512)
    with pytest.raises(errors.NbkitError, match="more than one column 'seed'"):
        pd.concat([studio.df, studio.df[["seed"]]], axis=1).nbkit.show()
    with pytest.raises(errors.UnknownParameter, match="did you mean temperature"):
        studio.log.show(by="temprature")
