"""The sweep panel in JupyterLab, used with a mouse and a keyboard."""

import json
import re

import pytest
from lab_page import DARK, LIGHT, RUNNING, VIEWPORT
from page_checks import brightest_channel, overflowing
from panel_page import STUDIO, alert, choice, control, milliseconds_until, prompt, translate, wait_until_live
from playwright.sync_api import expect

PANEL = "panel = studio.sweep_panel({})\npanel"
SMALL = "'A {colour} lantern', colour=['red', 'jade'], seed=[1, 2, 3], resolution='0.5K'"


@pytest.fixture
def show_sweep_panel(open_notebook, tmp_path):
    """``show_sweep_panel("arguments", "a further cell")`` returns a notebook and the output of its second cell.

    That cell shows a sweep panel with these arguments; ``setup`` runs before it, after the studio is there.
    """

    def show(arguments="", *further, engine="'offline'", subshells=True, setup=""):
        studio = STUDIO.format(engine=engine, path=tmp_path / "runs")
        book = open_notebook(f"{studio}\n{setup}", PANEL.format(arguments), *further)
        if not subshells:
            book.disable_subshells()
        book.run(0)
        book.run(1)
        prompt(book.output(1)).wait_for()
        wait_until_live(book.output(1))
        return book, book.output(1)

    return show


def run_button(panel):
    """Run, which is called "Go on" for a sweep that was stopped."""
    return panel.get_by_role("button", name=re.compile("^(Run|Go on)"))


def tiles(panel, status):
    return panel.locator(f".nbkit-explorer-cell[data-status='{status}']")


def pictures(panel):
    return panel.locator(".nbkit-explorer-cell img")


def vary(panel, name):
    """The mark that makes a parameter an axis, or one value again."""
    return panel.get_by_role("button", name=f"Vary {name}", exact=True)


def wait_until_done(panel, cells):
    """Wait until a sweep has ended and the pictures of all its cells are shown."""
    expect(panel.get_by_text(re.compile(r"^Done in .* · \d+ done"))).to_be_visible(timeout=60_000)
    expect(pictures(panel)).to_have_count(cells)


def test_run_fills_the_grid_of_a_template_with_axes(show_sweep_panel):
    """Type a template and values, vary a parameter, press Run: the grid has pictures, and its axes as headings."""
    book, panel = show_sweep_panel(
        "", "panel.result.to_frame()[['colour', 'temperature', 'seed']].astype(str).agg(' '.join, axis=1).tolist()"
    )
    expect(run_button(panel)).to_be_disabled()
    prompt(panel).fill("A {colour} lantern")
    panel.get_by_label("colour values").fill("red, jade")
    expect(run_button(panel)).to_have_text("Run · 2 cells · $0.14")
    control(panel, "Seed (seed)").fill(str(2**63 - 1))
    choice(panel, "Resolution (resolution)", "0.5K").check()
    vary(panel, "temperature").click()
    values = panel.get_by_label("Temperature values (temperature)")
    expect(values).to_be_focused()
    expect(values).to_have_value("0.2, 0.5, 0.8")
    values.fill("")
    expect(panel.get_by_text("Add values for Temperature")).to_be_visible()
    values.fill("0.2 to 0.8 in 3")
    expect(panel.get_by_text("6 cells, 6 images: $0.28")).to_be_visible()
    expect(tiles(panel, "not run")).to_have_count(6)
    expect(run_button(panel)).to_have_text("Run · 6 cells · $0.28")
    run_button(panel).click()
    wait_until_done(panel, 6)
    expect(panel.get_by_role("columnheader", name="temperature 0.5")).to_be_visible()
    expect(panel.get_by_role("rowheader", name="colour jade")).to_be_visible()
    expect(panel.get_by_role("gridcell", name="colour red, temperature 0.2, done")).to_be_visible()
    expect(run_button(panel)).to_be_disabled()
    expect(panel.get_by_text("All cells are done.")).to_be_visible()
    book.run(2)
    expect(book.output(2)).to_contain_text(f"jade 0.8 {2**63 - 1}")
    assert book.page.script_errors == []


def test_a_stopped_sweep_goes_on_and_its_code_makes_the_same_sweep(show_sweep_panel):
    """Stop answers within a second; Go on has the number and price of the missing cells; Show code is the same sweep."""
    book, panel = show_sweep_panel(
        "'A lantern', seed=range(4), temperature=[0.1, 0.9], resolution='0.5K', max_workers=2",
        "",
        "sweep.name == panel.sweep.name, [c.key for c in sweep] == [c.key for c in panel.sweep], int((studio.df.status == 'done').sum())",
        engine="nbkit.Offline(latency=3)",
    )
    run_button(panel).click()
    expect(tiles(panel, "running").first).to_be_visible()
    expect(pictures(panel).first).to_be_visible()
    expect(panel.get_by_role("progressbar")).to_be_visible()
    button = panel.get_by_role("button", name="Stop")
    assert milliseconds_until(button, r"^Stopped\. \d requests? under way, up to \$0\.\d+, at list") < 1000
    expect(panel.get_by_text("Stopped, and all that was sent has landed")).to_be_visible()
    expect(run_button(panel)).to_have_text(re.compile(r"^Go on · \d+ cells · \$"))
    missing = int(re.search(r"\d+", run_button(panel).inner_text()).group())
    assert 0 < missing < 8
    expect(tiles(panel, "not run")).to_have_count(missing)
    expect(pictures(panel)).to_have_count(8 - missing)
    run_button(panel).click()
    wait_until_done(panel, 8)
    panel.get_by_role("button", name="Show code").click()
    expect(panel.get_by_label("code", exact=True)).to_contain_text("sweep.run(")
    code = panel.get_by_label("code", exact=True).inner_text()
    assert code.startswith("sweep = studio.sweep(")
    book.set_source(2, code)
    book.run(2)
    book.run(3)
    expect(book.output(3)).to_contain_text("(True, True, 8)")


def test_a_double_click_runs_the_sweep_once(show_sweep_panel):
    """Its six cells are paid for once."""
    book, panel = show_sweep_panel(SMALL, "int((studio.df.status == 'done').sum()), round(studio.budget.spent, 5)")
    run_button(panel).dblclick()
    wait_until_done(panel, 6)
    book.run(2)
    expect(book.output(2)).to_contain_text("0.27942")


def test_run_on_a_translated_page_pays_once(show_sweep_panel):
    """The button has the words, the digits and the decimal comma of another language; its four cells are sent."""
    book, panel = show_sweep_panel(
        "'A lantern', seed=range(4), resolution='0.5K'", "len(studio.log), round(studio.budget.spent, 5)"
    )
    expect(run_button(panel)).to_have_text("Run · 4 cells · $0.19")
    translate(run_button(panel), "Los · 4 Zellen · 0,19 $").click()
    wait_until_done(panel, 4)
    book.run_until(2, "(4, 0.18628)")
    assert book.page.script_errors == []


BUSY = {
    True: "import time\nwith panel.form.lock:\n    time.sleep(6)",  # with subshells, only the lock keeps clicks waiting
    False: "import time\ntime.sleep(6)",
}


@pytest.mark.parametrize("subshells", [True, False])
def test_run_sends_nothing_if_the_price_on_its_button_is_out_of_date(show_sweep_panel, subshells):
    """The user types 90 seeds during a busy cell and clicks Run, whose button still shows one; an alert has the new price."""
    book, panel = show_sweep_panel(
        "'A lantern', seed=[0], resolution='0.5K'", BUSY[subshells], "'sent', len(studio.log)", subshells=subshells
    )
    expect(run_button(panel)).to_have_text("Run · 1 cell · $0.047")
    expect(book.start(2)).to_have_text(RUNNING)
    panel.get_by_label("seed values").fill(", ".join(map(str, range(90))))
    expect(run_button(panel)).to_have_text("Run · 1 cell · $0.047")
    run_button(panel).click()
    expect(alert(panel)).to_contain_text("The button said $0.04657, and this is $4.1913 for 90 cells now.")
    expect(run_button(panel)).to_have_text("Run · 90 cells · $4.19")
    book.run(3)
    expect(book.output(3)).to_contain_text("('sent', 0)")


def test_confirming_a_number_of_images_holds_for_that_number_only(show_sweep_panel):
    """A sweep of more than 100 images needs a tick in a checkbox; when their number changes, the tick is removed."""
    _, panel = show_sweep_panel(
        "'A lantern', seed=range(101), resolution='0.5K', max_workers=1", engine="nbkit.Offline(latency=3)"
    )
    panel.get_by_label("send 101 images").check()
    expect(run_button(panel)).to_be_enabled()
    panel.get_by_label("seed values").fill(", ".join(map(str, range(102))))
    expect(panel.get_by_label("send 102 images")).not_to_be_checked()
    expect(run_button(panel)).to_be_disabled()
    panel.get_by_label("send 102 images").check()
    run_button(panel).click()
    expect(tiles(panel, "running").first).to_be_visible()
    panel.get_by_role("button", name="Stop").click()
    expect(panel.get_by_text("Stopped, and all that was sent has landed")).to_be_visible()


def test_an_invalid_value_is_reported_at_its_axis(show_sweep_panel):
    """The message is under the box, the name of the axis below Run; its mark makes it one value again."""
    _, panel = show_sweep_panel(SMALL)
    panel.get_by_label("seed values").fill("1, two")
    expect(panel.get_by_role("alert").filter(has_text="Must be a whole number from 0")).to_be_visible()
    expect(run_button(panel)).to_be_disabled()
    expect(panel.get_by_text("Not ready: Seed.")).to_be_visible()
    vary(panel, "seed").click()
    expect(panel.get_by_label("seed values")).to_have_count(0)
    expect(control(panel, "Seed (seed)")).to_be_visible()
    expect(run_button(panel)).to_have_text("Run · 2 cells · $0.093")


def test_values_of_a_parameter_with_few_choices_are_ticked(show_sweep_panel):
    """Its axis has a checkbox for each choice and one for the default."""
    _, panel = show_sweep_panel("'A lantern', resolution='0.5K'")
    vary(panel, "thinking").click()
    ticks = panel.get_by_role("group", name="Thinking values (thinking)")
    expect(ticks.get_by_label("HIGH")).to_be_checked()
    ticks.get_by_label("MINIMAL").uncheck()
    ticks.get_by_label("Default").check()
    expect(run_button(panel)).to_have_text("Run · 2 cells · $0.093")
    expect(panel.get_by_role("columnheader")).to_have_text(["HIGH", "Default"])


def test_a_cell_is_opened_and_rated_by_keyboard(show_sweep_panel):
    """Arrow keys move in the grid and in full size, Enter opens, a digit rates, Escape returns to the cell shown last."""
    book, panel = show_sweep_panel(SMALL, "studio.df.rating.tolist()")
    run_button(panel).click()
    wait_until_done(panel, 6)
    keyboard = book.page.keyboard
    panel.get_by_role("gridcell", name="colour red, seed 1").focus()
    for key in ("ArrowRight", "ArrowDown"):
        keyboard.press(key)
    expect(panel.get_by_role("gridcell", name="colour jade, seed 2")).to_be_focused()
    keyboard.press("Enter")
    dialog = panel.get_by_role("dialog")
    expect(dialog.locator("img")).to_have_js_property("naturalWidth", 512)
    expect(dialog).to_contain_text("5 of 6")
    for key in ("ArrowUp", "ArrowRight", "4"):
        keyboard.press(key)
    expect(dialog.locator(".nbkit-lightbox-told")).to_contain_text("★★★★ · colour red")
    keyboard.press("Escape")
    expect(panel.get_by_role("gridcell", name="colour red, seed 3, done, rated 4 of 5")).to_be_focused()
    book.run_until(2, re.compile(r"4\.0"))
    assert book.page.script_errors == []


# The panel keeps the method that it finds in the studio, so it must be replaced before the panel is made.
MISSING_FILES = """
is_missing, get = True, studio.log.previews.get
def get_unless_missing(file, size):
    if is_missing:
        raise FileNotFoundError(file)
    return get(file, size)
studio.log.previews.get = get_unless_missing"""


def test_a_picture_is_shown_when_its_missing_file_is_back(show_sweep_panel):
    """A tile reports that its file is missing; once the file is there, whoever opens it finds it, and so does the tile."""
    book, panel = show_sweep_panel(SMALL, "is_missing = False", setup=MISSING_FILES)
    run_button(panel).click()
    expect(panel.get_by_role("grid").get_by_text("its file is not here")).to_have_count(6)
    book.run(2)
    panel.get_by_role("gridcell", name="colour red, seed 2").click()
    book.page.keyboard.press("Escape")
    expect(pictures(panel)).to_have_count(1)


# An answer that cannot be sent is reported to the page as dropped. The first preview of each picture is, also of the
# last one, after which nothing else on the page changes and makes it send a request.
LOSE_PREVIEWS = """
box, lost = panel.grid.grid.box, set()
send = box.send
def lose_each_preview_once(content, buffers):
    if content["type"] == "previews" and not lost.issuperset(content["ids"]):
        lost.update(content["ids"])
        raise ConnectionError
    send(content, buffers)
box.send = lose_each_preview_once"""


def test_the_page_requests_dropped_previews_again(show_sweep_panel):
    """The kernel drops the oldest of too many requests and reports it; the page repeats them without a click."""
    book, panel = show_sweep_panel(SMALL, LOSE_PREVIEWS, "len(lost)")
    book.run(2)
    run_button(panel).click()
    wait_until_done(panel, 6)
    assert book.run_and_read(3) == "6"


def test_run_keeps_the_focus_while_the_sweep_runs_and_afterwards(show_sweep_panel):
    """It is disabled for assistive technology, but not removed; the progress is one line beside it."""
    book, panel = show_sweep_panel(
        "'A {c} lantern', c=['red', 'jade', 'blue'], seed=range(4), resolution='0.5K', max_workers=2",
        engine="nbkit.Offline(latency=1.2)",
    )
    book.page.set_viewport_size(VIEWPORT)
    run_button(panel).focus()
    book.page.keyboard.press("Enter")
    in_one_line = """() => [...document.querySelectorAll('.nbkit-clock')].some(line =>
        /^[1-9]\\d? of 12 · \\$0\\.\\d+ · \\d+ s/.test(line.innerText) && line.getClientRects().length === 1)"""
    book.page.wait_for_function(in_one_line)  # the line is redrawn four times a second
    expect(run_button(panel)).to_be_focused()
    expect(run_button(panel)).to_have_attribute("aria-disabled", "true")
    wait_until_done(panel, 12)
    expect(run_button(panel)).to_be_focused()
    expect(run_button(panel)).to_be_disabled()  # by aria-disabled, which keeps the focus


def test_changing_rows_and_columns_keeps_the_pictures(show_sweep_panel):
    """The table is arranged by the chosen axes, and the page shows the previews that it already has."""
    _, panel = show_sweep_panel(SMALL)
    run_button(panel).click()
    wait_until_done(panel, 6)
    before = pictures(panel).evaluate_all("images => images.map(image => image.src).sort()")
    panel.get_by_label("Rows", exact=True).select_option(label="seed (3)")
    expect(panel.get_by_role("columnheader", name="colour jade")).to_be_visible()
    expect(panel.get_by_role("rowheader", name="seed 3")).to_be_visible()
    expect(pictures(panel)).to_have_count(6)
    assert pictures(panel).evaluate_all("images => images.map(image => image.src).sort()") == before


def test_a_saved_notebook_stores_the_grid_in_its_output_and_not_in_widget_state(show_sweep_panel, reopen):
    """Reopened without a kernel it shows the grid, which is hidden while the panel above it works."""
    book, panel = show_sweep_panel(SMALL)
    run_button(panel).click()
    wait_until_done(panel, 6)
    record = panel.locator(".nbkit-record")
    expect(record).to_be_hidden()
    expect(record).to_have_class(re.compile("nbkit-record-1"))
    saved = book.save()
    html = "".join(saved["cells"][1]["outputs"][1]["data"]["text/html"])
    assert html.count("data:image/jpeg;base64,") == 6
    state = json.dumps(saved["metadata"]["widgets"])
    assert "A {colour} lantern" in state
    assert "image/jpeg;" not in state
    reopen(book)
    expect(book.output(1).get_by_role("img")).to_have_count(6)
    expect(book.output(1).get_by_role("img").first).to_be_visible()


def test_failed_cells_are_marked_and_can_be_retried(show_sweep_panel):
    """Each tile has a sign and its status; with Send again at "Failed cells", Run is enabled again."""
    _, panel = show_sweep_panel(SMALL, engine="nbkit.Offline(failures={'failed': 1})")
    run_button(panel).click()
    expect(tiles(panel, "failed")).to_have_count(6, timeout=60_000)
    expect(tiles(panel, "failed").first).to_contain_text("✗ failed")
    expect(panel.get_by_text("6 failed: “Send again” in Sweep sends them.")).to_be_visible()
    panel.get_by_role("button", name="Sweep", exact=True).click()
    panel.get_by_label("Send again (retry)").select_option("Failed cells")
    expect(run_button(panel)).to_be_enabled()


def test_axe_core_finds_nothing_in_any_state(show_sweep_panel, find_violations):
    """In light and dark: a new panel, all kinds of axes with all sections open, a running sweep, and its grid."""
    book, panel = show_sweep_panel("", engine="nbkit.Offline(latency=1.5)")
    book.page.set_viewport_size({"width": 1200, "height": 2600})  # axe-core skips what is scrolled out of view
    found = []

    def check(state):
        for theme in (DARK, LIGHT):
            book.set_theme(theme)
            found.extend(f"{state}, {theme}: {line}" for line in find_violations(panel))

    check("new")
    prompt(panel).fill("A {colour} lantern")
    for name in ("temperature", "thinking"):
        vary(panel, name).click()
    for name in ("Sweep", "Show code", "Show plan"):
        panel.get_by_role("button", name=name, exact=True).click()
    expect(panel.get_by_text("Add values for {colour}")).to_be_visible()
    panel.get_by_label("Temperature values (temperature)").fill("3")
    expect(panel.get_by_role("alert").filter(has_text="Must be a number from 0 to 1")).to_be_visible()
    check("invalid")
    panel.get_by_label("colour values").fill("red, jade")
    panel.get_by_label("Temperature values (temperature)").fill("0.2, 0.4, 0.6")
    panel.get_by_role("group", name="Thinking values (thinking)").get_by_label("MINIMAL").uncheck()
    choice(panel, "Resolution (resolution)", "0.5K").check()
    expect(run_button(panel)).to_be_enabled()
    check("all sections open")
    panel.get_by_label("At once (max_workers)").fill("1")
    run_button(panel).click()
    expect(tiles(panel, "running").first).to_be_visible()
    check("running")
    wait_until_done(panel, 6)
    pictures(panel).first.click(modifiers=["Control"])
    expect(panel.get_by_role("button", name="Promote 1 to 4K")).to_be_visible()
    check("with its grid")
    assert found == []


def test_a_sweep_panel_is_dark_on_a_dark_page_and_fits_700_pixels(show_sweep_panel, screenshots):
    """The background follows the theme; only parts with scroll bars of their own are wider than the panel."""
    arguments = (
        "'A {colour} lantern over the harbour, {mood}', colour=['red', 'jade'], mood=['calm', 'stormy'], "
        "temperature=[0.2, 0.5, 0.8], seed=7, resolution='0.5K', aspect_ratio='3:2'"
    )
    book, panel = show_sweep_panel(arguments, engine="nbkit.Offline(latency=0.8)")
    page = book.page
    page.set_viewport_size({"width": 1200, "height": 1400})
    expect(tiles(panel, "not run")).to_have_count(6)  # the third axis is on the slider
    page.screenshot(path=screenshots / "sweep-new.png")
    run_button(panel).click()
    expect(pictures(panel).nth(2)).to_be_visible()
    page.screenshot(path=screenshots / "sweep-running.png")
    wait_until_done(panel, 6)
    page.wait_for_timeout(500)
    page.screenshot(path=screenshots / "sweep-light.png")
    for number in (3, 4):
        panel.get_by_role("gridcell").nth(number).click(modifiers=["Control"])
    vary(panel, "thinking").click()
    panel.get_by_role("button", name="Sweep", exact=True).click()
    book.set_theme(DARK)
    page.set_viewport_size({"width": 1200, "height": 1900})
    page.wait_for_timeout(500)
    page.screenshot(path=screenshots / "sweep-dark.png")
    assert brightest_channel(panel.locator(".nbkit-panel")) < 80
    book.set_theme(LIGHT)
    vary(panel, "thinking").click()
    for name in ("Show code", "Show plan"):
        panel.get_by_role("button", name=name).click()
    page.set_viewport_size({"width": 860, "height": 2300})
    page.wait_for_timeout(800)
    page.screenshot(path=screenshots / "sweep-narrow.png")
    assert panel.locator(".nbkit-panel").evaluate("e => e.clientWidth") <= 700
    assert (
        overflowing(panel.locator(".nbkit-panel"), scrolled=".nbkit-explorer-scroll, .nbkit-source, .nbkit-images-list")
        == []
    )


def test_a_grid_larger_than_its_room_is_scrolled_by_keyboard(show_sweep_panel, find_violations):
    """Its headings stay in view in the one scroller, and axe-core finds nothing."""
    arguments = "'A {colour} {thing}', colour=['red', 'jade'], thing=['lantern', 'boat'], seed=list(range(7)), resolution='0.5K'"
    book, panel = show_sweep_panel(arguments)
    book.page.set_viewport_size({"width": 620, "height": 700})
    run_button(panel).click()
    wait_until_done(panel, 14)
    panel.get_by_role("slider", name="Tile size").fill("200")
    panel.get_by_role("gridcell").first.focus()
    for key in ("End", "ArrowDown"):
        book.page.keyboard.press(key)
    expect(panel.get_by_role("gridcell", name="seed 6").last).to_be_focused()
    expect(panel.get_by_role("rowheader", name="jade")).to_be_in_viewport()
    expect(panel.get_by_role("columnheader", name="seed 6")).to_be_in_viewport()
    assert find_violations(panel) == []
