"""The grid explorer of a sweep without a page: where cells stand, marks, promotion, the panel, and the exported file."""

import base64
import hashlib
import itertools
import json
import re

import pytest
import service_faults as fault
from html_page import MARKUP, Page
from panel_tools import choose_cells, offline_studio, press_key, state_of
from sweep_tools import until

import nbkit
from nbkit import errors
from nbkit.sweep.arrange import CellArrangement
from nbkit.widgets.panel.panel import Panel

AXES = {"subject": ["tram", "harbour"], "temperature": [0.2, 0.5, 0.8], "seed": [1, 2, 3, 4]}


@pytest.fixture
def offline(tmp_path):
    with offline_studio(tmp_path, budget=20.00) as studio:
        yield studio


def survey(studio, **changes):
    """A sweep of 24 cells along three axes."""
    return studio.sweep("A {subject}", **{**AXES, "resolution": "0.5K", "name": "survey", **changes})


def pair(studio, **changes):
    """The explorer of a small sweep that has run."""
    sweep = studio.sweep("A lantern", **{"seed": [1, 2], "resolution": "0.5K", "name": "pair", **changes})
    return sweep.start().wait().explore()


def press(explorer, button, **content):
    """Press a button under the grid on the page."""
    explorer.grid.box._handle_custom_msg({"type": "press", "button": button, **content}, [])


def problem(explorer):
    return explorer.grid.box.problem


def said(explorer):
    return explorer.grid.box.message


# -- where cells stand -------------------------------------------------------------------------------------------


def test_the_axes_go_where_most_is_seen_at_once(offline):
    """The one with most values along the top, the next one down the side, the third one on the slider."""
    assert survey(offline).result.explore().sides == {
        "rows": "temperature", "columns": "seed", "slider": "subject", "pages": ""
    }  # fmt: skip


def test_an_axis_with_too_many_values_for_a_line_goes_down_the_side(offline):
    """Forty pictures beside each other would be too small."""
    sides = survey(offline, seed=range(40)).result.explore().sides
    assert (sides["rows"], sides["columns"], sides["slider"]) == ("seed", "temperature", "subject")


def test_an_axis_is_named_in_either_spelling_and_an_unknown_one_is_an_error(offline):
    """As in ``grid``; nothing is shown then."""
    result = offline.sweep("A lantern", top_p=[0.1, 0.2], seed=[1, 2]).result
    assert result.explore(rows="topP").sides["rows"] == "top_p"
    with pytest.raises(errors.UnknownParameter) as caught:
        result.explore(rows="sed")
    assert caught.value.suggestion == "seed"
    with pytest.raises(errors.RequestError, match="different axes"):
        result.explore(rows="seed", slider="seed")


def test_axes_that_are_zipped_are_one(offline):
    """Their steps are in one line, not on the diagonal of a table with gaps."""
    sweep = offline.sweep("A {a} {b}", a=["red", "jade"], b=["lamp", "bell"], combine="zip")
    arrangement = CellArrangement(sweep.cells)
    assert [(axis.name, axis.values) for axis in arrangement.axes] == [("a + b", ("red, lamp", "jade, bell"))]
    assert arrangement.positions == [(0,), (1,)]
    assert arrangement.find("b") == 0
    assert "a + b red, lamp: · not run" in sweep.result.grid().text


def test_cells_that_were_left_out_leave_a_gap(offline):
    """Values keep the order of their axis, whichever of them come first."""
    sweep = survey(offline, subject=["tram"], where=lambda cell: cell.temperature != 0.2 or cell.seed > 2)
    arrangement = CellArrangement(sweep.cells)
    assert arrangement.axes[2].values == ("1", "2", "3", "4")
    assert arrangement.positions[0] == (0, 0, 2)
    assert len(sweep.result.explore().grid) == 10


def test_the_pictures_of_one_cell_have_an_axis_of_their_own(offline):
    """Each is a tile; a cell that has fewer leaves a gap."""
    explorer = pair(offline, number_results=[1, 2])
    assert explorer.grid.box.axes[-1] == ["picture", ["1", "2"]]
    assert explorer.grid.box.spots == [[0, 0, 0], [0, 1, 0], [0, 1, 1], [1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert [item.file is not None for item in explorer.grid._items] == [True] * 6
    assert explorer.sides["slider"] == "picture"
    assert explorer.plain(explorer.sweep.result).html.count("<img") == 6


def test_values_of_parameters_are_said_in_words(offline):
    """A switch is on or off, and what is not set is not sent; a template's own values stay as they are."""
    sweep = offline.sweep("A {flag} lantern", flag=[True], web_search=[True, False], thinking=["HIGH", None])
    axes = CellArrangement(sweep.cells).axes
    assert [axis.values for axis in axes] == [("True",), ("on", "off"), ("HIGH", "Default")]


def test_axes_that_were_put_somewhere_stay_there_while_the_sweep_changes(offline):
    """As long as the sweep has them."""
    explorer = survey(offline).result.explore()
    explorer.arrange(rows="subject", columns="temperature")
    explorer.show(survey(offline, seed=[5, 6, 7]))
    assert explorer.sides == {"rows": "subject", "columns": "temperature", "slider": "seed", "pages": ""}
    explorer.show(offline.sweep("A lantern", temperature=[0.1, 0.2], top_p=[0.1, 0.2, 0.3]))
    assert (explorer.sides["rows"], explorer.sides["columns"]) == ("top_p", "temperature")


# -- what is shown -----------------------------------------------------------------------------------------------


def test_a_tile_says_why_it_has_no_picture(service, studio):
    """Failed and blocked with the service's words, and not run."""
    service.faults += [
        fault.refused("inferenceError", "broken"), fault.refused("contentPolicyViolation", "no lanterns"), None
    ]  # fmt: skip
    studio.sweep("A lantern", seed=[1, 2, 3], name="kinds").run(max_workers=1)
    explorer = studio.sweep("A lantern", seed=[1, 2, 3, 4], name="kinds").result.explore()
    items = explorer.grid._items
    assert [item.status for item in items] == ["failed", "blocked", "done", "not run"]
    assert "broken" in items[0].missing
    assert "no lanterns" in items[1].missing
    assert [item.file is None for item in items] == [True, True, False, True]


def test_an_explorer_is_refreshed_while_its_sweep_runs(offline):
    """Pictures that came are told to the page in place, and what was chosen stays chosen."""
    sweep = offline.sweep("A lantern", seed=[1, 2], resolution="0.5K", name="filling")
    explorer = sweep.result.explore()
    choose_cells(explorer, 1)
    version = explorer.grid.box.version
    sweep.start().wait()
    assert explorer.refresh()
    assert not explorer.refresh(now=False)
    assert [item.status for item in explorer.grid._items] == ["done", "done"]
    assert len(explorer.grid.selected) == 1
    assert explorer.grid.box.version == version
    assert explorer.grid.box.tallest == 1.0


def test_the_saved_state_has_no_picture(offline):
    """The page asks for what it shows."""
    before = state_of(offline.sweep("A lantern", seed=[1, 2], name="not run").result.explore())
    state = state_of(pair(offline))
    assert "data:image/jpeg" not in state
    assert len(state) < len(before) + 500


def test_a_saved_notebook_keeps_the_grid_beside_the_explorer(offline, monkeypatch):
    """In the axes of the explorer, as plain HTML."""
    published = []
    monkeypatch.setattr("nbkit.widgets.explorer.explorer.publish", lambda shown, **_: published.append(shown))
    pair(offline)._ipython_display_()
    view, kept = published
    assert "run this cell again" in view["text/plain"]
    assert kept.html.count("data:image/jpeg") == 2
    assert "seed 1: ✓ done" in kept.text


# -- marks -------------------------------------------------------------------------------------------------------


def test_keys_rate_and_keep_the_chosen_pictures_in_the_log(offline):
    """And u takes it back; the tiles say it."""
    explorer = pair(offline)
    choose_cells(explorer, 0, 1)
    press_key(explorer, "4")
    press_key(explorer, "k")
    assert offline.df.rating.tolist() == [4.0, 4.0]
    assert offline.df.keep.tolist() == [True, True]
    assert [(item.rating, item.keep) for item in explorer.grid._items] == [(4, True)] * 2
    press_key(explorer, "u")
    assert offline.df.keep.isna().all()
    assert said(explorer) == "Undone: Kept 2 pictures."
    press_key(explorer, "0")
    assert offline.df.rating.isna().all()


def test_a_mark_without_a_picture_is_refused_in_words(offline):
    """Until the next press."""
    explorer = offline.sweep("A lantern", seed=[1, 2]).result.explore()
    choose_cells(explorer, 0)
    press_key(explorer, "4")
    assert problem(explorer) == "what is selected has no picture; select one or more first"
    press(explorer, "tier", tier="2K")
    assert problem(explorer) == ""


# -- promotion ---------------------------------------------------------------------------------------------------


def test_promote_has_its_price_and_makes_the_chosen_pictures_again(offline):
    """With the seeds of their drafts, at the chosen tier; the page's press names the number of the offer."""
    explorer = pair(offline)
    assert "promote" not in explorer.grid.box.offer
    choose_cells(explorer, 0, 1)
    press(explorer, "tier", tier="2K")
    offer = explorer.grid.box.offer
    assert re.fullmatch(r"Promote 2 to 2K · \$0\.2\d?", offer["promote"])
    press(explorer, "promote", quote=offer["quote"])
    until(lambda: explorer.promoted)
    assert [run.request.resolution for run in explorer.promoted.runs] == ["2K", "2K"]
    assert [run.seed for run in explorer.promoted.runs] == [1, 2]
    until(lambda: "Promoted to 2K: 2 done" in said(explorer))
    until(lambda: not explorer.grid.box.offer["busy"])


def test_a_press_that_agrees_to_no_offer_sends_nothing(offline):
    """The number is unknown, or the price has grown."""
    explorer = pair(offline)
    choose_cells(explorer, 0)
    press(explorer, "promote", quote=0)
    assert "Nothing was sent" in problem(explorer)
    cheap = explorer._quotes.offer("promote", (1, explorer.grid.selected, "4K"))
    press(explorer, "promote", quote=cheap)
    until(lambda: "The button said $0.000001" in problem(explorer))
    assert len(offline.log) == 2
    assert explorer.promoted is None


# -- the panel and the file ---------------------------------------------------------------------------------------


def test_open_in_panel_shows_a_panel_with_the_settings_of_the_picture(offline):
    """Under the grid; whoever opens panels in another way gets the request instead."""
    explorer = pair(offline, temperature=0.4)
    choose_cells(explorer, 1)
    press(explorer, "panel")
    panel = explorer.children[-1]
    assert isinstance(panel, Panel)
    assert panel.request == explorer.sweep[1].request
    called = []
    other = nbkit.Explorer(offline, open_panel=called.append)
    other.show(explorer.sweep)
    choose_cells(other, 1)
    press(other, "panel")
    assert called == [explorer.sweep[1].request]
    assert other.children == (other.grid.box,)


def test_the_exported_file_needs_nothing_from_outside(service, studio, tmp_path):
    """Its one script has its hash in the policy; every picture is in it once; what users and services say is escaped."""
    service.faults += [None, fault.refused("inferenceError", MARKUP)]
    sweep = studio.sweep("A lantern {c}", c=[MARKUP, "jade", "gold"], seed=[1], name=MARKUP)
    path = sweep.run(max_workers=1).export(tmp_path / "deep" / "grid.html")
    html = path.read_text("utf-8")
    script = html.rpartition("<script>")[2].rpartition("</script>")[0]
    page = Page(html.replace(script, "").removeprefix("<!DOCTYPE html>"))
    assert len(page.all("script")) == 1
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    loaded = [tag[name] for _, tag in page.elements for name in ("src", "href") if name in tag]
    assert [address[:15] for address in loaded] == ["data:image/jpeg"] * 2
    values = json.loads(next(div for div in page.all("div") if "data-nbkit-explore" in div)["data-nbkit-explore"])
    assert [fact.get("status") for fact in values["facts"]] == [None, "failed", None]
    assert values["axes"][0] == ["c", [MARKUP, "jade", "gold"]]


def test_a_plain_output_is_a_labelled_grid_where_no_script_runs(offline):
    """Its script is in an attribute, so that its text is shown nowhere; the script finds each picture by its number."""
    result = pair(offline, temperature=[0.1, 0.2]).sweep.result
    page = Page(result.explorable(rows="seed", columns="temperature")._repr_mimebundle_()["text/html"])
    assert [text.split()[-1] for text in page.texts["th"]] == ["0.1", "0.2", "1", "2"]
    assert page.texts["script"] == [""]
    places = [int(tag["data-nbkit-place"]) for tag in page.all("div") if "data-nbkit-place" in tag]
    assert sorted(places) == list(range(len(result)))
    values = json.loads(next(div for div in page.all("div") if "data-nbkit-explore" in div)["data-nbkit-explore"])
    assert values["axes"] == [["seed", ["1", "2"]], ["temperature", ["0.1", "0.2"]]]
    assert values["sides"] == {"rows": 0, "columns": 1, "slider": -1, "pages": -1}
    alts = [image["alt"].split(":")[0] for image in page.all("img")]
    assert [alts[places.index(place)] for place in range(4)] == [
        f"seed {seed}, temperature {temperature}" for seed, temperature in itertools.product((1, 2), (0.1, 0.2))
    ]


def test_an_explorer_exports_what_it_shows(offline, tmp_path):
    """With the axes where they are."""
    explorer = pair(offline, temperature=[0.1, 0.2])
    explorer.arrange(rows="", columns="temperature", slider="seed")
    html = explorer.export(tmp_path / "grid.html").read_text("utf-8")
    values = Page(html[: html.index("<script>")] + "</body></html>").all("div")[0]["data-nbkit-explore"]
    assert json.loads(values)["sides"] == {"rows": -1, "columns": 1, "slider": 0, "pages": -1}


def test_what_was_promoted_before_is_already_there(offline, capsys):
    """The button and the printed line say so, and a press pays nothing; a further picture has its own price alone."""
    explorer = pair(offline)
    result = explorer.sweep.result
    result.promote([0], resolution="1K")
    assert "$0.069" in capsys.readouterr().out
    result.promote([0], resolution="1K")
    assert capsys.readouterr().out.startswith("1 picture at 1K · already there.")
    press(explorer, "tier", tier="1K")
    choose_cells(explorer, 0)
    assert explorer.grid.box.offer["promote"] == "Promote 1 to 1K · already there"
    spent = offline.budget.spent
    press(explorer, "promote", quote=explorer.grid.box.offer["quote"])
    until(lambda: "· $0 ·" in said(explorer))
    assert offline.budget.spent == spent
    choose_cells(explorer, 0, 1)
    assert explorer.grid.box.offer["promote"] == "Promote 2 to 1K · $0.069"


def test_an_export_replaces_an_earlier_one_and_no_other_file(offline, tmp_path):
    """A file of somebody, and a name that is no page's, are refused; nothing is written."""
    result = pair(offline).sweep.result
    own = tmp_path / "mine.html"
    own.write_text("my thesis")
    with pytest.raises(errors.RequestError, match="nbkit did not write"):
        result.export(own)
    assert own.read_text() == "my thesis"
    with pytest.raises(errors.RequestError, match=r"ends in \.html"):
        result.export(tmp_path / "deep" / "grid.png")
    assert not (tmp_path / "deep").exists()
    assert result.export(tmp_path / "grid.html") == result.export(tmp_path / "grid.html", size=64)


def test_a_picture_whose_file_is_gone_is_said_in_the_exported_file(offline, tmp_path):
    """The others are there."""
    result = pair(offline).sweep.result
    result.runs[0].image.path.unlink()
    html = result.export(tmp_path / "grid.html", size=300).read_text("utf-8")
    assert "its file is not here" in html
    assert html.count("data:image/jpeg") == 1


def test_the_button_writes_a_file_beside_the_notebook(offline, tmp_path, monkeypatch):
    """Named after the sweep; an older file stays."""
    monkeypatch.chdir(tmp_path)
    explorer = pair(offline, name="my pair: 1/2")
    press(explorer, "export")
    until(lambda: said(explorer).startswith("Wrote my-pair-1-2.html"))
    press(explorer, "export")
    until(lambda: said(explorer).startswith("Wrote my-pair-1-2-2.html"))
    assert sorted(file.name for file in tmp_path.glob("*.html")) == ["my-pair-1-2-2.html", "my-pair-1-2.html"]


def test_an_axis_is_found_under_the_name_of_its_column(offline):
    """A variable that is named like a column has another name in frames; both lead to it."""
    sweep = offline.sweep("A {status} lantern", status=["old", "new"], seed=[1, 2], resolution="0.5K", name="taken")
    assert sweep.result.explore(rows="var_status").sides["rows"] == "status"
    assert sweep.plan().sees("status") == sweep.plan().sees("var_status")


def test_a_tile_says_each_value_once(offline):
    """The picture's own seed where it has one; nothing is cut beside what is whole."""
    explorer = pair(offline, temperature=[0.2], seed=None, number_results=2)
    items = explorer.grid._items
    for item in items:
        facts = [fact.split()[0] for fact in item.caption]
        assert len(facts) == len(set(facts))
        assert facts.count("seed") == 1


def test_closing_an_explorer_frees_its_widgets(offline):
    """All of its own."""
    explorer = pair(offline)
    explorer.close()
    assert explorer.grid.box.comm is None
    assert isinstance(explorer, nbkit.Explorer)
