"""The report of a sweep, as a page and as an output, and the code that makes a sweep again."""

import contextlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import service_faults as fault
from html_page import HTML, MARKUP, TEXT, Page
from panel_tools import offline_studio

from nbkit import errors


def page_of(path):
    """A page, parsed."""
    return Page(path.read_text("utf-8").removeprefix("<!DOCTYPE html>"))


def headings(page, level):
    """The headings of a level."""
    return page.texts.get(f"h{level}", [])


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The result of a sweep of two temperatures and three seeds, rated and judged: warmer is better."""
    with offline_studio(tmp_path_factory.mktemp("judged")) as studio:
        sweep = studio.sweep("A lantern", temperature=[0.2, 1.0], seed=[1, 2, 3], resolution="0.5K", name="warm")
        result = sweep.start().wait()
        warmth = dict(result.to_frame()[["imageUUID", "temperature"]].itertuples(index=False))
        for run, stars in zip(result.runs, (2, 3, 2, 5, 5, 4), strict=True):
            studio.log.mark(run, rating=stars, keep=stars == 5 or None)
        arena = studio.arena(result, by="temperature", rng=1)
        for _ in range(30):
            arena.judge(max(arena.shown, key=lambda picture: warmth[picture.image_uuid]))
        yield result


def test_a_page_answers_the_question_first_and_has_all_sections(judged, tmp_path):
    """Question, the answer in short, plan, pictures with values, effects, ranking, refusals, cost, code."""
    path = judged.report(tmp_path / "deep" / "report.html", question="Is warmer better?")
    assert path == tmp_path / "deep" / "report.html"
    page = page_of(path)
    assert headings(page, 1) == ["Is warmer better?"]
    assert headings(page, 2) == [
        "In short", "The plan", "Pictures", "Is the difference real?", "What people chose", "Refusals", "Cost",
        "The code that makes it again",
    ]  # fmt: skip
    short = page.texts["li"]
    assert short[0] == "rating: temperature 0.2 → 1: +2.3 stars (0.9 to 3.8), more than seed noise"
    assert short[1] == "wins: nothing is told apart (temperature)"  # with six pictures, however often they are judged
    assert short[2] == "cost: the same everywhere"
    assert short[3].startswith("ranking: temperature: ")
    facts = dict(zip(page.texts["dt"], page.texts["dd"], strict=True))
    assert facts["temperature, varied"] == "0.2, 1"
    assert facts["prompt, the same for all"] == "A lantern"
    assert facts["planned"] == "6 cells, 6 pictures: List price $0.28 (offline, not charged)"
    assert facts["could see"].startswith("gaps from ")
    assert facts["for each of the 2 that were kept"] == "$0.14"
    assert "5 stars" in page.words
    assert "None of 6 requests was refused by a safety filter." in page.texts["p"]
    assert "3 measures were looked at" in " ".join(page.texts["p"])
    assert len(page.all("svg")) == 3
    assert len(page.all("img")) == 12  # six in the grid, six in the ranking of pictures


def test_a_page_loads_nothing_and_no_screen_reader_misses_a_picture(judged, tmp_path):
    """No script, no address, a policy that forbids both; an alternative text for each picture."""
    page = page_of(judged.report(tmp_path / "report.html"))
    assert not page.all("script")
    assert {image["src"][:15] for image in page.all("img")} == {"data:image/jpeg"}
    assert all(image["alt"] for image in page.all("img"))
    assert not [tag for _, tag in page.elements if "href" in tag]
    policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    assert "default-src 'none'" in policy


def test_without_a_path_it_is_the_output_of_a_cell(judged):
    """The same words, with headings that fit into a notebook, and as text."""
    bundle = judged.report()._repr_mimebundle_()
    page = Page(bundle[HTML])
    assert headings(page, 3) == ["What does temperature change?"]
    assert "Pictures" in headings(page, 4)
    assert not headings(page, 1)
    text = bundle[TEXT]
    for line in ("What does temperature change?", "Pictures", "Refusals", "  temperature, varied: 0.2, 1"):
        assert line in text.splitlines()
    assert "- rating: temperature 0.2 → 1: +2.3 stars" in text


def test_the_same_report_is_the_same_text(judged, tmp_path):
    """Twice in one folder, as where a lesson is run again; an earlier report is replaced."""
    path = judged.report(tmp_path / "report.html")
    first = path.read_bytes()
    assert judged.report(path).read_bytes() == first


@pytest.mark.parametrize("name", ["report.pdf", "report"])
def test_another_ending_is_refused(judged, tmp_path, name):
    """With the name that would do."""
    with pytest.raises(errors.RequestError) as caught:
        judged.report(tmp_path / name)
    assert str(caught.value.suggestion).endswith(f"{name}.html")
    assert not (tmp_path / name).exists()


def test_a_file_of_somebody_is_not_replaced(judged, tmp_path):
    """Neither is an export by a report, nor a report by an export."""
    mine = tmp_path / "mine.html"
    mine.write_text("<p>mine</p>")
    exported, reported = judged.export(tmp_path / "grid.html"), judged.report(tmp_path / "report.html")
    for write, path in ((judged.report, mine), (judged.report, exported), (judged.export, reported)):
        before = path.read_bytes()
        with pytest.raises(errors.RequestError, match="did not write"):
            write(path)
        assert path.read_bytes() == before


def test_measures_are_chosen_or_those_that_there_are(judged):
    """One name or several; what no picture has is an error only where it was asked for."""
    assert "2 measures were looked at" in judged.report(on=["rating", "cost"]).text
    for on, kind in (("sharpness", errors.RequestError), ("ratng", errors.UnknownParameter)):
        with pytest.raises(kind):
            judged.report(on=on)


def test_a_report_of_nothing_rated_and_of_seeds_alone(tmp_path):
    """It says what is missing, instead of failing."""
    with offline_studio(tmp_path) as studio:
        alone = studio.sweep("A lantern", seed=[1, 2], resolution="0.5K").start().wait().report()
        empty = studio.sweep("A lamp", temperature=[0.2, 1.0], seed=[1, 2]).result.report()
    assert "Nothing was varied but the seed" in alone.text
    assert "Nothing was rated, judged or measured yet." in empty.text
    assert "4 not run" in empty.text


def test_refusals_are_counted_by_axis_and_compared(service, studio, tmp_path):
    """What the service says is escaped; real money is said to be charged."""
    service.faults += [fault.refused("invalidProviderContent", MARKUP), None, None, None]
    sweep = studio.sweep("A lantern {c}", c=[MARKUP, "jade"], seed=[1, 2], name=MARKUP)
    result = sweep.run(max_workers=1)
    assert result.counts["done"] == 3
    path = result.report(tmp_path / "report.html", question=MARKUP)
    page = page_of(path)
    assert headings(page, 1) == [MARKUP]
    assert not [image for image in page.all("img") if not image["src"].startswith("data:")]
    assert not page.all("script")
    assert "charged" in dict(zip(page.texts["dt"], page.texts["dd"], strict=True))["together"]
    assert "1 of 4 requests was refused by a safety filter." in page.texts["p"]
    assert f"By c: {MARKUP}: 1 of 2, jade: 0 of 2" in page.texts["p"]


def test_without_scipy_a_report_says_what_to_install():
    """All other sections are there."""
    code = """
import sys
sys.modules["scipy"] = sys.modules["scipy.stats"] = None
import nbkit
studio = nbkit.Studio(engine="offline")
result = studio.sweep("A lantern", temperature=[0.2, 1.0], seed=[1, 2], resolution="0.5K").start().wait()
studio.log.mark(result.runs, rating=3)
text = result.report().text
assert text.count("nbkit[science]") == 2 and "3 stars" not in text.split("Is the difference real?")[1], text
assert "The code that makes it again" in text
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


# -- code ----------------------------------------------------------------------------------------------------------------

SWEEPS = {
    "product": {"prompt": "A {c} lantern, {{text}}", "c": ["red", "it's \"jade\""], "temperature": [0.2, None], "seed": [1, 2]},
    "several prompts": {"prompt": ["A lantern", "A kettle"], "topP": np.arange(0.1, 0.4, 0.1), "seed": 2**62},
    "zip": {"prompt": "A lantern", "temperature": [0.2, 0.4], "seed": [1, 2], "combine": "zip"},
    "sizes": {"prompt": "A lantern", "width": [1264, 848], "height": [848, 1264], "seed": [1, 2]},
    "repeats": {"prompt": "A lantern", "temperature": [0.2, 0.4], "repeats": 2},
    "sample": {"prompt": "A {c} lantern {{x}}", "c": ["red", "jade", "gold"], "seed": range(9), "sample": 5, "name": "drawn"},
    "sample of repeats": {"prompt": "A {c} lantern", "c": ["red", "jade", "gold"], "repeats": 2, "sample": 2, "name": "drawn twice"},
    "where": {"prompt": "A lantern", "temperature": [0.2, 0.4, 0.6], "seed": [1, 2], "where": lambda cell: cell.temperature < 0.5},
    "references": {"prompt": "A lantern", "reference_images": ["https://example.com/a.jpg"], "seed": [1, 2]},
    "one": {"prompt": "A lantern", "seed": 3, "system_prompt": "Be brief", "thinking": "HIGH", "name": "one cell"},
}  # fmt: skip


@pytest.mark.parametrize("kind", SWEEPS)
def test_the_code_of_a_sweep_makes_the_same_requests(tmp_path, kind):
    """Under the same name, so that the log answers what is there."""
    with offline_studio(tmp_path) as studio:
        sweep = studio.sweep(**SWEEPS[kind])
        names = {"studio": studio}
        exec(sweep.as_code(), names)
        again = names["sweep"]
        assert [cell.request for cell in again] == [cell.request for cell in sweep]
        assert again.name == sweep.name


def test_chosen_cells_and_pictures_of_the_log_are_in_the_code(tmp_path):
    """Promoted drafts are listed; a reference image is taken from the log."""
    with offline_studio(tmp_path) as studio:
        drafts = studio.sweep("A {c} lantern", c=["red", "jade"], seed=[1, 2], resolution="0.5K").start().wait()
        final = drafts.promotion([0, 3], resolution="1K")
        edited = studio.sweep("At dusk", reference_images=[drafts.runs[0].image], seed=[1, 2], resolution="0.5K")
        edited.start().wait()
        for sweep in (final, edited):
            names = {"studio": studio}
            exec(sweep.as_code(), names)
            assert [cell.request.identity for cell in names["sweep"]] == [cell.request.identity for cell in sweep]
        assert "studio.log.reference('" in edited.as_code()


def test_the_code_in_a_report_runs(tmp_path, monkeypatch):
    """From an empty folder to a report of the same pictures, within the price that it names."""
    with offline_studio(tmp_path) as studio:
        result = studio.sweep("A lantern", temperature=[0.2, 1.0], seed=[1, 2], resolution="0.5K").start().wait()
        code = page_of(result.report(tmp_path / "report.html")).texts["code"][0]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    names = {}
    exec(code, names)
    with contextlib.closing(names["studio"]):
        assert [run.image.fingerprint for run in names["result"].runs] == [run.image.fingerprint for run in result.runs]
    assert re.search(r"budget=0\.19\)", code)
    assert Path("nbkit-runs").exists()
