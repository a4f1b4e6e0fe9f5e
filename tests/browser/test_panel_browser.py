"""The panel in JupyterLab, used with a mouse and a keyboard."""

import json
import pathlib
import re

import pytest
from lab_page import DARK, LIGHT, RUNNING, VIEWPORT
from page_checks import brightest_channel, overflowing
from panel_page import (
    BLANK,
    PROMPT,
    alert,
    button,
    choice,
    complaint,
    control,
    generate,
    milliseconds_until,
    number,
    picture,
    press_generate,
    prompt,
    stage,
    status,
    stop,
    translate,
    unfold,
    wait_until_done,
)
from playwright.sync_api import expect
from small_pictures import encode

import nbkit

PRICE, PRICE_OF_A_DRAFT = "$0.069", "$0.047"


def make(panel, temperature):
    """Make a picture at this temperature, and wait until it is shown."""
    number(panel, "Temperature (temperature)").fill(str(temperature))
    press_generate(panel, price=PRICE)
    expect(stage(panel).get_by_text(f"temperature {temperature}")).to_be_visible()
    wait_until_done(panel)


def test_generate_shows_the_picture_and_logs_the_run(show_panel):
    """Set some controls, press Generate: the picture has its caption, and the next cell reads the row with all values."""
    book, panel = show_panel("studio.df[['prompt', 'seed', 'temperature', 'topP', 'cost']]")
    expect(generate(panel)).to_be_disabled()
    prompt(panel).fill(PROMPT)
    number(panel, "Temperature (temperature)").fill("0.72")
    control(panel, "Seed (seed)").fill(str(2**63 - 1))
    control(panel, "Aspect ratio (aspectRatio)").select_option("3:2")
    expect(control(panel, "Pixels (width, height)")).to_have_value("1264 × 848")
    expect(panel.get_by_text(BLANK)).to_be_visible()
    press_generate(panel, price=PRICE)
    expect(picture(panel)).to_be_visible()
    expect(stage(panel).get_by_text(f"1264 × 848 · seed {2**63 - 1} · $0.069 · temperature 0.72")).to_be_visible()
    expect(status(panel)).to_have_text(re.compile(r"^Done in \d+\.\d s · 1 picture · \$0\.069$"))
    expect(panel.get_by_text("$4.93 left of $5.00")).to_have_attribute("title", "$4.93105 left of $5.00")
    expect(panel.get_by_text(BLANK)).to_be_hidden()
    book.run(2)
    expect(book.output(2).get_by_text(str(2**63 - 1))).to_be_visible()
    expect(book.output(2).get_by_text("0.72")).to_be_visible()
    assert book.page.script_errors == []


def test_an_invalid_value_is_reported_at_its_control_and_disables_generate(show_panel):
    """The message appears under the seed box; Generate is enabled again as soon as the value is valid."""
    _, panel = show_panel()
    prompt(panel).fill(PROMPT)
    seed = control(panel, "Seed (seed)")
    seed.fill("-1")
    expect(complaint(seed)).to_contain_text("Must be a whole number from 0")
    expect(seed).to_have_attribute("aria-invalid", "true")
    expect(generate(panel)).to_be_disabled()
    expect(panel.get_by_text("Not ready: Seed.")).to_be_visible()
    seed.fill("")
    expect(complaint(seed)).to_have_count(0)
    expect(generate(panel)).to_be_enabled()


def test_a_blocked_run_is_reported_in_the_panel_and_in_its_output(show_panel):
    """The message under the buttons says what to do; the output, which is saved, says why."""
    _, panel = show_panel(engine="nbkit.Offline(failures={'blocked': 1})")
    prompt(panel).fill(PROMPT)
    press_generate(panel, price=PRICE)
    expect(alert(panel)).to_contain_text("Change the prompt")
    expect(stage(panel).get_by_role("option").get_by_text(re.compile("safety"))).to_be_visible()


def test_a_double_click_makes_one_run(show_panel):
    """The second click of a double click sends nothing."""
    book, panel = show_panel("len(studio.log)")
    prompt(panel).fill(PROMPT)
    expect(generate(panel)).to_be_enabled()
    generate(panel).dblclick()
    wait_until_done(panel)
    assert book.run_and_read(2) == "1"


@pytest.mark.parametrize("subshells", [True, False])
def test_a_double_click_during_a_busy_cell_makes_one_run_with_the_whole_prompt(show_panel, subshells):
    """Without subshells the click reaches the kernel before the text that was typed before it; the run waits for the text."""
    book, panel = show_panel("import time; time.sleep(6)", "studio.df.prompt.tolist()", subshells=subshells)
    prompt(panel).fill("A paper")
    expect(generate(panel)).to_be_enabled()
    expect(book.start(2)).to_have_text(RUNNING)
    for text in ("A paper lantern", "A paper lantern shop", "A paper lantern shop at night"):
        prompt(panel).fill(text)
    generate(panel).dblclick()
    wait_until_done(panel)
    book.run(3)
    expect(book.output(3)).to_contain_text("['A paper lantern shop at night']")


def test_a_press_on_a_translated_page_pays_once(show_panel):
    """The button's words, digits and currency are another language's; its press is served like any other."""
    book, panel = show_panel("len(studio.log), round(studio.budget.spent, 5)")
    prompt(panel).fill(PROMPT)
    expect(generate(panel)).to_have_text(f"Generate · {PRICE}")
    expect(generate(panel)).to_be_enabled()
    translate(generate(panel), "Erzeugen · ٠٫٠٦٩ $").get_by_text("Erzeugen").click()
    wait_until_done(panel)
    again = translate(button(panel, f"Rerun · {PRICE}"), "Wiederholen · 0,069 $")
    again.press("Enter")
    book.run_until(2, "(2, 0.1379)")
    assert book.page.script_errors == []


@pytest.mark.parametrize("subshells", [True, False])
def test_generate_sends_nothing_if_the_price_on_its_button_is_out_of_date(show_panel, subshells):
    """The user chooses another resolution during a busy cell and presses Generate, whose button has the old price; the new one is offered."""
    busy = "import time\nwith panel.form.lock:\n    time.sleep(5)"  # with subshells, only the lock keeps clicks waiting
    book, panel = show_panel(busy, "'sent', len(studio.log)", subshells=subshells)
    prompt(panel).fill(PROMPT)
    expect(generate(panel)).to_have_text(f"Generate · {PRICE}")
    expect(generate(panel)).to_be_enabled()
    expect(book.start(2)).to_have_text(RUNNING)
    choice(panel, "Resolution (resolution)", "4K").check()
    expect(generate(panel)).to_have_text(f"Generate · {PRICE}")
    generate(panel).press("Enter")
    expect(status(panel)).to_contain_text("The price is $0.15 now, so nothing was sent.")
    expect(generate(panel)).to_have_text("Generate · $0.15")
    book.run(3)
    expect(book.output(3)).to_contain_text("('sent', 0)")
    status(panel).get_by_role("button", name="Send at $0.15").click()
    expect(picture(panel)).to_be_visible()


def test_a_press_without_a_valid_number_sends_nothing(show_panel):
    """Neither by a button with a number that the kernel never gave, nor by one that has none."""
    wrong = "panel.view.bar = {{**panel.view.bar, 'quote': {}, 'why': ''}}"
    book, panel = show_panel("'sent', len(studio.log)", wrong.format(999999), wrong.format(0))
    prompt(panel).fill(PROMPT)
    expect(generate(panel)).to_be_enabled()
    book.run(3)
    generate(panel).click()
    expect(alert(panel)).to_contain_text("Nothing was sent: press again.")
    book.run(4)
    generate(panel).click()
    expect(status(panel)).to_contain_text("The price is $0.069 now, so nothing was sent.")
    book.run(2)
    expect(book.output(2)).to_contain_text("('sent', 0)")


def test_stop_frees_the_panel_at_once_and_the_picture_appears_later(show_panel):
    """Stop answers within a second and says that the request has been sent; its picture is shown when it arrives."""
    _, panel = show_panel("1 + 1", engine="nbkit.Offline(latency=3)")
    prompt(panel).fill(PROMPT)
    press_generate(panel, price=PRICE)
    expect(status(panel)).to_have_text("Working. You can keep using the notebook.")
    expect(panel.get_by_text(re.compile(r"^0\.[1-9] s$"))).to_be_visible()
    assert milliseconds_until(stop(panel), "^Stopped waiting. The request was already sent") < 1000
    expect(picture(panel)).to_have_count(0)  # the picture has not arrived yet
    expect(stop(panel)).to_be_hidden()
    expect(generate(panel)).to_be_enabled()
    expect(picture(panel)).to_be_visible()
    expect(status(panel)).to_contain_text("A run that was stopped has come")


def test_a_saved_notebook_stores_pictures_in_outputs_and_not_in_widget_state(show_panel, reopen):
    """Reopened without a kernel, it shows the latest picture and the earlier one."""
    book, panel = show_panel()
    prompt(panel).fill(PROMPT)
    for temperature in (0.2, 0.72):
        make(panel, temperature)
    saved = book.save()
    view, result = saved["cells"][1]["outputs"]
    assert "application/vnd.jupyter.widget-view+json" in view["data"]
    assert result["output_type"] == "display_data"
    html, text = ("".join(result["data"][kind]) for kind in ("text/html", "text/plain"))
    assert html.count("data:image/jpeg;base64,") == 2
    assert "temperature 0.72" in text
    assert len(book.path.read_bytes()) < 400_000  # half of it are the scripts of its widgets, saved with their state
    # JupyterLab saves the state of widgets in these tests; see SETTINGS in lab_server.py.
    models = saved["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values()
    assert "A paper lantern" in json.dumps(list(models))
    for model in models:
        assert "buffers" not in model
        own = {name: value for name, value in model["state"].items() if name not in ("_esm", "_css")}
        assert "image/jpeg" not in json.dumps(own)
    reopen(book)
    expect(book.output(1).get_by_role("img", name=PROMPT)).to_have_count(2)
    expect(book.output(1).get_by_role("img", name=PROMPT).first).to_be_visible()
    assert book.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session") is None


def test_a_chosen_file_becomes_a_reference_image(show_panel, tmp_path):
    """It is listed with its number, the size follows it, and it can be removed."""
    file = tmp_path / "cat.png"
    file.write_bytes(encode("PNG"))
    _, panel = show_panel()
    prompt(panel).fill(PROMPT)
    with panel.page.expect_file_chooser() as chooser:
        panel.get_by_text("Choose files…").click()
    chooser.value.set_files(file)
    remove = panel.get_by_role("button", name="References (referenceImages): remove number 1, cat.png")
    expect(remove).to_be_visible()
    expect(control(panel, "Pixels (width, height)")).to_have_value("")
    expect(control(panel, "Pixels (width, height)")).to_have_attribute("placeholder", "As the first reference")
    expect(control(panel, "Aspect ratio (aspectRatio)").locator("option:checked")).to_have_text("As reference")
    remove.click()
    expect(panel.get_by_text("cat.png")).to_have_count(0)
    expect(control(panel, "Pixels (width, height)")).to_have_value("1024 × 1024")


def test_save_downloads_the_file_with_or_without_its_settings(show_panel):
    """It carries its settings, unless the tick is taken away: then it has the bytes of the stored file. Its name has the seed."""
    book, panel = show_panel("studio.last.image.path.read_bytes().hex()[:64], studio.last.image.path.stat().st_size")
    prompt(panel).fill(PROMPT)
    control(panel, "Seed (seed)").fill("7")
    press_generate(panel, price=PRICE)
    expect(picture(panel)).to_be_visible()
    with book.page.expect_download() as download:
        button(panel, "Save").click()
    remembering = pathlib.Path(download.value.path()).read_bytes()
    assert nbkit.read(remembering).request.prompt == PROMPT
    button(panel, "Full size").click()
    dialog = panel.get_by_role("dialog")
    expect(dialog.get_by_role("checkbox", name="Include settings")).to_be_checked()
    with book.page.expect_download() as download:
        dialog.get_by_role("link", name="Save").click()
    assert pathlib.Path(download.value.path()).read_bytes() == remembering
    book.page.keyboard.press("Escape")
    button(panel, "More").click()
    panel.get_by_role("dialog", name="More").get_by_role("checkbox", name="Include settings").uncheck()
    button(panel, "More").click()
    with book.page.expect_download() as download:
        button(panel, "Save").click()
    data = pathlib.Path(download.value.path()).read_bytes()
    assert download.value.suggested_filename.startswith("seed-7-")
    assert download.value.suggested_filename.endswith(".jpg")
    book.run(2)
    expect(book.output(2)).to_contain_text(data.hex()[:64])
    expect(book.output(2)).to_contain_text(str(len(data)))


def test_make_final_repeats_a_draft_at_2k(show_panel):
    """Draft makes a picture of 0.5K; Make final has its price on the button and makes the same picture at 2K."""
    book, panel = show_panel("studio.df[['seed', 'width', 'height', 'cost']]")
    prompt(panel).fill(PROMPT)
    button(panel, "Draft").click()
    press_generate(panel, price=PRICE_OF_A_DRAFT)
    expect(stage(panel).get_by_text("512 × 512")).to_be_visible()
    button(panel, "Make final 2K · $0.10").click()
    expect(stage(panel).get_by_text("2048 × 2048")).to_be_visible()
    book.run(2)
    expect(book.output(2)).to_contain_text("2048")
    assert book.page.script_errors == []


def test_pictures_open_in_full_size_are_compared_and_are_listed_in_the_history(show_panel, screenshots):
    """Escape closes the full size; Compare shows two pictures and their differences; History chooses an earlier run."""
    book, panel = show_panel()
    prompt(panel).fill(PROMPT)
    for temperature in (0.2, 0.72):
        make(panel, temperature)
    button(panel, "Full size").click()
    dialog = book.page.get_by_role("dialog")
    expect(dialog.get_by_role("img", name=PROMPT)).to_be_visible()
    book.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    button(panel, "Compare").click()
    expect(stage(panel).get_by_role("option")).to_have_count(2)
    row = panel.get_by_role("row", name=re.compile("^temperature"))
    expect(row).to_contain_text("0.72")
    expect(row).to_contain_text("0.2")
    book.set_theme(DARK)
    book.page.screenshot(path=screenshots / "panel-compare-dark.png")
    book.set_theme(LIGHT)
    button(panel, "History").click()
    gallery = panel.get_by_role("listbox", name="gallery")
    expect(gallery.get_by_role("option")).to_have_count(2)
    # The panel fills the window, so the page has to scroll to the history below it.
    expect(gallery.get_by_role("option").last).to_be_in_viewport(ratio=1)
    gallery.get_by_role("option").last.click()
    expect(stage(panel).get_by_text("temperature 0.2")).to_be_visible()


def test_the_shown_code_makes_the_same_picture(show_panel):
    """Show code is a call that works in a cell; Show JSON is the task with the same prompt and seed."""
    book, panel = show_panel("", "studio.df.prompt.nunique(), studio.df.seed.nunique(), len(studio.df)")
    prompt(panel).fill(PROMPT)
    control(panel, "Seed (seed)").fill("7")
    press_generate(panel, price=PRICE)
    expect(picture(panel)).to_be_visible()
    button(panel, "Show code").click()
    code = panel.get_by_label("code", exact=True).filter(has_text="studio.generate").inner_text()
    button(panel, "Show JSON").click()
    task = json.loads(panel.get_by_label("JSON", exact=True).filter(has_text="positivePrompt").inner_text())[0]
    assert (task["positivePrompt"], task["seed"]) == (PROMPT, 7)
    book.set_source(2, code)
    book.run(2)
    expect(book.output(2).get_by_role("img", name=PROMPT)).to_be_visible()
    book.run(3)
    expect(book.output(3)).to_contain_text("(1, 1, 2)")


def test_two_views_of_one_panel_show_the_same(show_panel):
    """A panel that is shown in two cells has the same prompt and the same picture in both."""
    book, panel = show_panel("panel")
    book.run(2)
    second = book.output(2)
    prompt(second).fill(PROMPT)
    expect(prompt(panel)).to_have_value(PROMPT)
    press_generate(second, price=PRICE)
    for view in (panel, second):
        expect(picture(view)).to_be_visible()


def test_a_panel_is_dark_on_a_dark_page_and_fits_700_pixels(show_panel, screenshots):
    """The background follows the theme, and with all sections open nothing is wider than the panel."""
    book, panel = show_panel("studio.df[['prompt', 'seed', 'temperature', 'topP', 'cost']]")
    page = book.page
    page.set_viewport_size({"width": 1200, "height": 1060})
    prompt(panel).fill(PROMPT)
    control(panel, "Seed (seed)").fill("7")
    control(panel, "Aspect ratio (aspectRatio)").select_option("3:2")
    for temperature in (0.2, 0.72):
        make(panel, temperature)
    page.evaluate("document.activeElement.blur()")
    page.screenshot(path=screenshots / "panel-light.png")
    book.set_theme(DARK)
    page.screenshot(path=screenshots / "panel-dark.png")
    assert brightest_channel(panel.locator(".nbkit-panel")) < 80
    book.set_theme(LIGHT)
    unfold(panel, "System prompt", "Grounding and safety", "Output", "Delivery", "Show code")
    page.set_viewport_size({"width": 860, "height": 1400})
    page.wait_for_timeout(500)
    page.screenshot(path=screenshots / "panel-narrow.png")
    assert panel.locator(".nbkit-panel").evaluate("e => e.clientWidth") <= 700
    assert overflowing(panel.locator(".nbkit-panel")) == []
    page.set_viewport_size(VIEWPORT)
