"""The sweep panel as a person meets it: in JupyterLab, with a mouse and a keyboard."""

import json
import re

import pytest
from conftest import KERNEL
from panel_page import STUDIO, complaint, milliseconds_to_answer, prompt
from playwright.sync_api import expect

PANEL = "panel = studio.sweep_panel({})\npanel"
SMALL = "'A {colour} lantern', colour=['red', 'jade'], seed=[1, 2, 3], resolution='0.5K'"
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"


@pytest.fixture
def sweeps(notebook, tmp_path):
    """``sweeps("arguments", "a further cell")`` gives a notebook and the output that shows a sweep panel."""
    books = []

    def show(given="", *further, engine="'offline'", subshells=True):
        book = notebook(STUDIO.format(engine=engine, path=tmp_path / "runs"), PANEL.format(given), *further)
        if not subshells:
            book.page.evaluate(f"() => {{ {KERNEL}.commsOverSubshells = 'disabled'; }}")
        books.append(book)
        book.run(0)
        book.run(1)
        prompt(book.output(1)).wait_for()
        return book, book.output(1)

    yield show
    for book in books:
        book.theme(LIGHT)
        book.page.set_viewport_size({"width": 1200, "height": 1000})


def run(panel):
    return panel.get_by_role("button", name=re.compile("^(Run|Go on)"))


def tiles(panel, status):
    return panel.locator(f"td[data-status='{status}']")


def pictures(panel):
    return panel.locator("td[data-place] img")


def done(panel, cells):
    """Wait until a sweep has ended and its pictures are there."""
    expect(panel.get_by_text(re.compile(r"^Done in .* · \d+ done"))).to_be_visible(timeout=60_000)
    expect(pictures(panel)).to_have_count(cells)


def test_from_a_template_to_a_grid(sweeps):
    """Type a template and values, add an axis with a range, press Run: the table fills, with headings that are named."""
    book, panel = sweeps(
        "", "panel.result.to_frame()[['colour', 'temperature', 'seed']].astype(str).agg(' '.join, axis=1).tolist()"
    )
    expect(run(panel)).to_be_disabled()
    prompt(panel).fill("A {colour} lantern")
    panel.get_by_label("colour values").fill("red, jade")
    expect(run(panel)).to_have_text("Run · 2 cells · $0.1379")
    panel.get_by_label("seed", exact=True).fill(str(2**63 - 1))
    panel.get_by_label("resolution", exact=True).select_option("0.5K")
    panel.get_by_label("add axis").select_option("temperature")
    expect(panel.get_by_text("temperature is an axis without a value")).to_be_visible()
    panel.get_by_label("temperature start").fill("0.2")
    panel.get_by_label("temperature stop").fill("0.8")
    panel.get_by_label("temperature count").fill("3")
    panel.get_by_role("button", name="temperature fill").click()
    expect(panel.get_by_label("temperature values")).to_have_value("0.2, 0.5, 0.8")
    expect(panel.get_by_text("6 cells, 6 images: $0.27942")).to_be_visible()
    expect(tiles(panel, "not run")).to_have_count(6)
    expect(run(panel)).to_have_text("Run · 6 cells · $0.27942")
    run(panel).click()
    done(panel, 6)
    expect(panel.get_by_role("columnheader", name="temperature 0.5")).to_be_visible()
    expect(panel.get_by_role("rowheader", name="colour jade")).to_be_visible()
    expect(panel.get_by_role("img", name="colour red, temperature 0.2, A red lantern")).to_be_visible()
    expect(run(panel)).to_be_disabled()
    expect(panel.get_by_text("nothing to send: every cell is in the log")).to_be_visible()
    book.run(2)
    expect(book.output(2)).to_contain_text(f"jade 0.8 {2**63 - 1}")
    assert book.page.script_errors == []


def test_stop_go_on_and_the_code_in_another_cell(sweeps):
    """Stop answers at once; Go on names what is missing and its price; the code shown makes the same sweep."""
    book, panel = sweeps(
        "'A lantern', seed=range(4), temperature=[0.1, 0.9], resolution='0.5K', max_workers=2",
        "",
        "sweep.name == panel.sweep.name, [c.key for c in sweep] == [c.key for c in panel.sweep], int((studio.df.status == 'done').sum())",
        engine="nbkit.Offline(latency=3)",
    )
    run(panel).click()
    expect(tiles(panel, "running").first).to_be_visible()
    expect(pictures(panel).first).to_be_visible()
    expect(panel.get_by_role("progressbar")).to_be_visible()
    button = panel.get_by_role("button", name="Stop")
    assert milliseconds_to_answer(button, r"^Stopped: \d requests? under way, up to \$0\.\d+, at list") < 1000
    expect(panel.get_by_text("Stopped, and all that was sent has landed")).to_be_visible()
    expect(run(panel)).to_have_text(re.compile(r"^Go on · \d+ cells · \$"))
    missing = int(re.search(r"\d+", run(panel).inner_text()).group())
    assert 0 < missing < 8
    expect(tiles(panel, "not run")).to_have_count(missing)
    expect(pictures(panel)).to_have_count(8 - missing)
    run(panel).click()
    done(panel, 8)
    panel.get_by_role("button", name="Show code").click()
    code = panel.locator("pre.nbkit-source").inner_text()
    assert code.startswith("sweep = studio.sweep(")
    book.page.evaluate(
        "code => { jupyterapp.shell.currentWidget.content.widgets[2].model.sharedModel.setSource(code); }", code
    )
    book.run(2)
    book.run(3)
    expect(book.output(3)).to_contain_text("(True, True, 8)")


def test_a_double_click_makes_one_run(sweeps):
    """Nothing is sent twice."""
    book, panel = sweeps(SMALL, "int((studio.df.status == 'done').sum()), round(studio.budget.spent, 5)")
    run(panel).dblclick()
    done(panel, 6)
    book.run(2)
    expect(book.output(2)).to_contain_text("0.27942")


BUSY = {
    True: "import time\nwith panel.work.lock:\n    time.sleep(6)",  # a kernel that answers meanwhile is late, too
    False: "import time\ntime.sleep(6)",
}


@pytest.mark.parametrize("subshells", [True, False])
def test_a_page_that_is_behind_sends_no_more_than_it_showed(sweeps, subshells):
    """While the kernel is busy, 90 seeds are typed: the button still says one, and what it did not say is not sent."""
    book, panel = sweeps(
        "'A lantern', seed=[0], resolution='0.5K'", BUSY[subshells], "'sent', len(studio.log)", subshells=subshells
    )
    expect(run(panel)).to_have_text("Run · 1 cell · $0.04657")
    book.start(2)
    expect(book.page.locator(".jp-Notebook .jp-Cell").nth(2).locator(".jp-InputPrompt")).to_have_text("[*]:")
    panel.get_by_label("seed values").fill(", ".join(map(str, range(90))))
    expect(run(panel)).to_have_text("Run · 1 cell · $0.04657")
    run(panel).click()
    expect(complaint(panel)).to_contain_text("The button said $0.04657, and this is $4.1913 for 90 cells now.")
    expect(run(panel)).to_have_text("Run · 90 cells · $4.1913")
    book.run(3)
    expect(book.output(3)).to_contain_text("('sent', 0)")


def test_a_tick_and_its_number(sweeps):
    """Many images are sent with a tick; other seeds are another number, and the tick is gone."""
    _, panel = sweeps(
        "'A lantern', seed=range(101), resolution='0.5K', max_workers=1", engine="nbkit.Offline(latency=3)"
    )
    panel.get_by_label("send 101 images").check()
    expect(run(panel)).to_be_enabled()
    panel.get_by_label("seed values").fill(", ".join(map(str, range(102))))
    expect(panel.get_by_label("send 102 images")).not_to_be_checked()
    expect(run(panel)).to_be_disabled()
    panel.get_by_label("send 102 images").check()
    run(panel).click()
    expect(tiles(panel, "running").first).to_be_visible()
    panel.get_by_role("button", name="Stop").click()
    expect(panel.get_by_text("Stopped, and all that was sent has landed")).to_be_visible()


def test_what_is_wrong_stands_at_its_axis(sweeps):
    """In words under its box, and Run says which; "remove" takes the axis away."""
    _, panel = sweeps(SMALL)
    panel.get_by_label("seed values").fill("1, two")
    expect(complaint(panel)).to_contain_text("seed='two': must be a whole number from 0")
    expect(run(panel)).to_be_disabled()
    expect(panel.get_by_text("not ready: seed")).to_be_visible()
    panel.get_by_role("button", name="seed remove").click()
    expect(panel.get_by_label("seed values")).to_have_count(0)
    expect(panel.get_by_label("seed", exact=True)).to_be_visible()
    expect(run(panel)).to_have_text("Run · 2 cells · $0.09314")


def test_words_are_ticked(sweeps):
    """A parameter with few words offers them; their names begin with the parameter's."""
    _, panel = sweeps("'A lantern', resolution='0.5K'")
    panel.get_by_label("add axis").select_option("thinking")
    panel.get_by_label("thinking HIGH").check()
    panel.get_by_label("thinking not sent").check()
    expect(run(panel)).to_have_text("Run · 2 cells · $0.09314")
    expect(panel.get_by_role("columnheader", name="thinking not sent")).to_be_visible()


def test_full_size_by_keyboard(sweeps):
    """Arrows go through the table, Space chooses, Enter opens, Escape comes back to where one was."""
    book, panel = sweeps(SMALL)
    run(panel).click()
    done(panel, 6)
    keyboard = book.page.keyboard
    first = panel.locator("td[data-place='0']")
    first.focus()
    keyboard.press("ArrowRight")
    keyboard.press("ArrowDown")
    fifth = panel.locator("td[data-place='4']")
    expect(fifth).to_be_focused()
    keyboard.press(" ")
    expect(fifth).to_have_attribute("aria-selected", "true")
    chosen = panel.get_by_role("listbox", name="pictures of the chosen cells")
    expect(chosen.get_by_text("colour jade · 512x512 · seed 2")).to_be_visible()
    keyboard.press("ArrowLeft")
    keyboard.press("Enter")
    stage = panel.get_by_role("dialog")
    expect(stage).to_be_visible()
    expect(stage.locator("img")).to_have_js_property("naturalWidth", 512)
    keyboard.press("Escape")
    expect(stage).to_be_hidden()
    expect(panel.locator("td[data-place='3']")).to_be_focused()
    keyboard.press("End")
    expect(panel.locator("td[data-place='5']")).to_be_focused()
    assert book.page.script_errors == []


def test_whoever_opens_nothing_is_not_called_back(sweeps):
    """A stage that never opened leaves nothing behind: the next one that is closed goes back to where it was opened."""
    book, panel = sweeps(SMALL, "panel.grid.board._callbacks['open'].clear()")
    run(panel).click()
    done(panel, 6)
    book.run(2)
    keyboard = book.page.keyboard
    panel.locator("td[data-place='0']").focus()
    keyboard.press(" ")
    chosen = panel.get_by_role("listbox", name="pictures of the chosen cells")
    expect(chosen).to_be_visible()
    keyboard.press("Enter")  # asks for a stage, and gets none
    expect(panel.locator("td[data-place='0']")).to_be_focused()
    chosen.focus()
    keyboard.press("ArrowRight")
    keyboard.press("Enter")
    expect(panel.get_by_role("dialog")).to_be_visible()
    keyboard.press("Escape")
    expect(panel.get_by_role("dialog")).to_be_hidden()
    expect(chosen).to_be_focused()


BREAK = "post = panel.grid.board._post\nwhole = post._preview\ndef gone(*_):\n    raise FileNotFoundError\npost._preview = gone"


def test_a_file_that_comes_back_is_shown(sweeps):
    """While it is gone its tile says so; fetched again, it is there with the next click."""
    book, panel = sweeps(SMALL, BREAK, "post._preview = whole")
    book.run(2)
    run(panel).click()
    expect(panel.locator("td[data-place]").get_by_text("its file is not here")).to_have_count(6)
    book.run(3)
    for place in range(60):  # a question is asked again after a while, not with every click
        panel.locator(f"td[data-place='{place % 6}']").click()
        if pictures(panel).count() == 6:
            break
        book.page.wait_for_timeout(400)
    expect(pictures(panel)).to_have_count(6)
    expect(panel.get_by_text("its file is not here")).to_have_count(0)


DROP = """post = panel.grid.board._post
take, dropped = post.previews, []
def drop(pixels, wanted):
    dropped.extend(number for number, _ in wanted)
    if all(tile.status == 'done' for tile in panel.grid.board._tiles.values()):
        post.previews = take  # this was the last question that the page had a reason for
    post._send({'type': 'dropped', 'ids': dropped}, [])
post.previews = drop"""


def test_a_question_that_was_dropped_is_asked_again(sweeps):
    """A kernel that is asked for too much drops the oldest: the page asks once more by itself."""
    book, panel = sweeps(SMALL, DROP, "'dropped', len(dropped) > 0")
    book.run(2)
    run(panel).click()
    done(panel, 6)
    book.run(3)
    expect(book.output(3)).to_contain_text("('dropped', True)")


def test_by_keyboard_through_a_run(sweeps):
    """Run keeps the focus while it is under way and after the last cell; how far it is stands in one line beside it."""
    book, panel = sweeps(
        "'A {c} lantern', c=['red', 'jade', 'blue'], seed=range(4), resolution='0.5K', max_workers=2",
        engine="nbkit.Offline(latency=1.2)",
    )
    book.page.set_viewport_size({"width": 1200, "height": 1000})
    run(panel).focus()
    book.page.keyboard.press("Enter")
    in_one_line = """() => [...document.querySelectorAll('.nbkit-beside span')].some(line =>
        /^[1-9]\\d? of 12 · \\$0\\.\\d+ · \\d+ s/.test(line.innerText) && line.getClientRects().length === 1)"""
    book.page.wait_for_function(in_one_line)  # it is written anew four times a second
    expect(run(panel)).to_be_focused()
    expect(run(panel)).to_have_attribute("aria-disabled", "true")
    done(panel, 12)
    expect(run(panel)).to_be_focused()
    expect(run(panel)).to_be_disabled()  # to who hears it; it is there all the same


def test_other_rows_and_columns(sweeps):
    """Any axis goes anywhere, and no picture is sent again for it."""
    _, panel = sweeps(SMALL)
    run(panel).click()
    done(panel, 6)
    before = pictures(panel).evaluate_all("images => images.map(image => image.src).sort()")
    panel.get_by_label("rows").select_option("seed")
    expect(panel.get_by_role("columnheader", name="colour jade")).to_be_visible()
    expect(panel.get_by_role("rowheader", name="seed 3")).to_be_visible()
    expect(pictures(panel)).to_have_count(6)
    assert pictures(panel).evaluate_all("images => images.map(image => image.src).sort()") == before


def test_a_saved_notebook_keeps_the_grid_and_no_widget_holds_a_picture(sweeps, reopened):
    """Opened again with no kernel, the grid is there; while the panel lives it stands aside."""
    book, panel = sweeps(SMALL)
    run(panel).click()
    done(panel, 6)
    record = panel.locator(".nbkit-record")
    expect(record).to_be_hidden()
    expect(record).to_have_class(re.compile("nbkit-record-1"))
    saved = book.save()
    html = "".join(saved["cells"][1]["outputs"][1]["data"]["text/html"])
    assert html.count("data:image/jpeg;base64,") == 6
    state = json.dumps(saved["metadata"]["widgets"])
    assert "A {colour} lantern" in state
    assert "image/jpeg;" not in state
    reopened(book)
    expect(book.output(1).get_by_role("img")).to_have_count(6)
    expect(book.output(1).get_by_role("img").first).to_be_visible()


def test_failures_are_told_in_their_place(sweeps):
    """Each tile says why, with a sign; "retry failed" makes them due."""
    _, panel = sweeps(SMALL, engine="nbkit.Offline(failures={'failed': 1})")
    run(panel).click()
    expect(tiles(panel, "failed")).to_have_count(6, timeout=60_000)
    expect(tiles(panel, "failed").first).to_contain_text("✗ failed")
    expect(panel.get_by_text("6 failed: “retry failed” sends them again")).to_be_visible()
    panel.get_by_role("button", name="More options").click()
    panel.get_by_label("retry failed").check()
    expect(run(panel)).to_be_enabled()


def test_axe_finds_nothing(sweeps, violations):
    """In light and dark: new, with all kinds of axes and everything open, at work, and with its grid."""
    book, panel = sweeps("", engine="nbkit.Offline(latency=1.5)")
    book.page.set_viewport_size({"width": 1200, "height": 2600})  # what is scrolled away is not judged
    found = []

    def look(state):
        for theme in (DARK, LIGHT):
            book.theme(theme)
            found.extend(f"{state}, {theme}: {line}" for line in violations(panel))

    look("new")
    prompt(panel).fill("A {colour} lantern")
    for name in ("temperature", "thinking"):
        panel.get_by_label("add axis").select_option(name)
    for name in ("More options", "Show code", "Show plan"):
        panel.get_by_role("button", name=name).click()
    expect(panel.get_by_text("{colour} is an axis without a value")).to_be_visible()
    panel.get_by_label("temperature values").fill("3")
    expect(complaint(panel)).to_be_visible()
    look("wrong")
    panel.get_by_label("colour values").fill("red, jade")
    panel.get_by_label("temperature values").fill("0.2, 0.4, 0.6")
    panel.get_by_label("thinking HIGH").check()
    panel.get_by_label("resolution", exact=True).select_option("0.5K")
    expect(run(panel)).to_be_enabled()
    look("everything open")
    panel.get_by_label("max_workers").fill("1")
    run(panel).click()
    expect(tiles(panel, "running").first).to_be_visible()
    look("at work")
    done(panel, 6)
    pictures(panel).first.click()
    expect(panel.get_by_role("listbox", name="pictures of the chosen cells")).to_be_visible()
    look("with its grid")
    assert found == []


def test_light_dark_and_narrow(sweeps, screenshots):
    """Nothing sticks out at 700 pixels, and a dark page has a dark panel. The pictures are for looking at."""
    given = (
        "'A {colour} lantern over the harbour, {mood}', colour=['red', 'jade'], mood=['calm', 'stormy'], "
        "temperature=[0.2, 0.5, 0.8], seed=7, resolution='0.5K', aspect_ratio='3:2'"
    )
    book, panel = sweeps(given, engine="nbkit.Offline(latency=0.8)")
    page = book.page
    page.set_viewport_size({"width": 1200, "height": 1400})
    expect(tiles(panel, "not run")).to_have_count(12)
    page.screenshot(path=screenshots / "sweep-new.png")
    run(panel).click()
    expect(pictures(panel).nth(4)).to_be_visible()
    page.screenshot(path=screenshots / "sweep-running.png")
    done(panel, 12)
    page.wait_for_timeout(500)
    page.screenshot(path=screenshots / "sweep-light.png")
    panel.locator("td[data-place='4']").click()
    panel.locator("td[data-place='5']").click(modifiers=["Control"])
    panel.get_by_label("add axis").select_option("thinking")
    panel.get_by_role("button", name="More options").click()
    book.theme(DARK)
    page.set_viewport_size({"width": 1200, "height": 1900})
    page.wait_for_timeout(500)
    page.screenshot(path=screenshots / "sweep-dark.png")
    ground = panel.locator(".nbkit-panel").evaluate("e => getComputedStyle(e).backgroundColor")
    assert max(int(part) for part in re.findall(r"\d+", ground)[:3]) < 80
    book.theme(LIGHT)
    panel.get_by_role("button", name="thinking remove").click()
    for name in ("Show code", "Show plan"):
        panel.get_by_role("button", name=name).click()
    page.set_viewport_size({"width": 860, "height": 2300})
    page.wait_for_timeout(800)
    page.screenshot(path=screenshots / "sweep-narrow.png")
    wide = """e => [...e.querySelectorAll('*')].filter(x => x.getBoundingClientRect().right > e.getBoundingClientRect().right + 1
        && !x.closest('.nbkit-board-scroll, .nbkit-plan-text')).map(x => x.className)"""
    assert panel.locator(".nbkit-panel").evaluate("e => e.clientWidth") <= 700
    assert panel.locator(".nbkit-panel").evaluate(wide) == []


def test_several_large_tables_keep_nobody_out(sweeps, violations):
    """With an axis for pages each has a table of its own; what does not fit is reached by keyboard as well."""
    given = "'A {colour} {thing}', colour=['red', 'jade'], thing=['lantern', 'boat'], seed=list(range(7)), resolution='0.5K'"
    book, panel = sweeps(given)
    book.page.set_viewport_size({"width": 620, "height": 700})
    run(panel).click()
    done(panel, 28)
    moved = panel.locator(".nbkit-board-scroll[tabindex='0']")
    expect(moved).not_to_have_count(0)
    moved.last.focus()
    book.page.keyboard.press("ArrowRight")
    book.page.wait_for_function(
        "() => [...document.querySelectorAll('.nbkit-board-scroll')].some(e => e.scrollTop || e.scrollLeft)"
    )
    assert violations(panel.locator(".nbkit-panel")) == []
