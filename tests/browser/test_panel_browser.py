"""The panel as a person meets it: in JupyterLab, with a mouse and a keyboard."""

import json
import pathlib
import re

import pytest
from panel_page import PROMPT, generate, milliseconds_to_answer, prompt, stop
from playwright.sync_api import expect


def type_number(panel, name, number):
    """Type over the number beside a slider: dragging would depend on pixels."""
    slider = panel.locator(".widget-slider", has=panel.page.get_by_text(name, exact=True))
    slider.locator(".widget-readout").fill(str(number))
    slider.locator(".widget-readout").press("Enter")


def press_generate(panel, *, price="$0.06895"):
    expect(generate(panel)).to_have_text(f"Generate · {price}")
    expect(generate(panel)).to_be_enabled()
    generate(panel).click()


def outputs_of(saved, index):
    return saved["cells"][index]["outputs"]


def test_from_a_prompt_to_a_picture_and_a_row(shown):
    """Type, move, press: the picture with its caption stands under the panel, the row in the frame."""
    book, panel = shown("studio.df[['prompt', 'seed', 'temperature', 'topP', 'cost']]")
    expect(generate(panel)).to_be_disabled()
    prompt(panel).fill(PROMPT)
    type_number(panel, "temperature", 0.72)
    panel.get_by_label("seed", exact=True).fill(str(2**63 - 1))
    panel.get_by_label("aspectRatio").select_option("3:2")
    expect(panel.get_by_text("1264 × 848 px")).to_be_visible()
    press_generate(panel)
    expect(panel.get_by_role("img", name=PROMPT)).to_be_visible()
    stage = panel.get_by_role("listbox", name="chosen picture")
    expect(stage.get_by_text(f"1264x848 · seed {2**63 - 1} · $0.06895 · temperature 0.72")).to_be_visible()
    expect(panel.get_by_text(re.compile("^Done in"))).to_be_visible()
    expect(panel.get_by_text("$4.93105 left of $5.00")).to_be_visible()
    book.run(2)
    expect(book.output(2).get_by_text(str(2**63 - 1))).to_be_visible()
    expect(book.output(2).get_by_text("0.72")).to_be_visible()
    assert book.page.script_errors == []


def test_what_is_wrong_stands_at_its_control(shown):
    """Under the seed box, and the button is locked until it is right."""
    _, panel = shown()
    prompt(panel).fill(PROMPT)
    seed = panel.get_by_label("seed", exact=True)
    seed.fill("-1")
    row = panel.locator(".nbkit-control", has=panel.page.get_by_label("seed", exact=True))
    expect(row.get_by_role("alert")).to_contain_text("must be a whole number from 0")
    expect(generate(panel)).to_be_disabled()
    seed.fill("")
    expect(row.get_by_role("alert")).to_have_count(0)
    expect(generate(panel)).to_be_enabled()


def test_a_refusal_is_said_in_the_panel(shown):
    """In red under the buttons with what to do, and in the output that is kept."""
    _, panel = shown(engine="nbkit.Offline(failures={'blocked': 1})")
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(panel.get_by_role("alert")).to_contain_text("Change the prompt")
    expect(panel.get_by_role("option").get_by_text(re.compile("safety"))).to_be_visible()


def test_a_double_click_makes_one_run(shown):
    """And so do clicks that wait for a busy kernel."""
    book, panel = shown("import time; time.sleep(1.5)", "len(studio.log)")
    prompt(panel).fill(PROMPT)
    expect(generate(panel)).to_be_enabled()
    generate(panel).dblclick()
    expect(panel.get_by_text(re.compile("^Done in"))).to_be_visible()
    book.run(3)
    expect(book.output(3)).to_contain_text("1")


@pytest.mark.parametrize("subshells", [True, False])
def test_a_run_has_the_whole_prompt_when_the_kernel_was_busy(shown, subshells):
    """With subshells it is made at once; without, the click overtakes what was typed before it, and waits for it."""
    book, panel = shown("import time; time.sleep(6)", "studio.df.prompt.tolist()", subshells=subshells)
    prompt(panel).fill("A paper")
    expect(generate(panel)).to_be_enabled()
    book.start(2)
    for text in ("A paper lantern", "A paper lantern shop", "A paper lantern shop at night"):
        prompt(panel).fill(text)
    generate(panel).dblclick()
    expect(panel.get_by_text(re.compile("^Done in"))).to_be_visible()
    book.run(3)
    expect(book.output(3)).to_contain_text("['A paper lantern shop at night']")


def test_stop_frees_the_panel_and_the_picture_comes_later(shown):
    """The clock moves, Stop answers at once and says what it costs, and what was sent is shown when it comes."""
    _, panel = shown("1 + 1", engine="nbkit.Offline(latency=8)")
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(panel.get_by_text(re.compile(r"working… [1-9]\.\d s"))).to_be_visible()
    assert milliseconds_to_answer(stop(panel), "^Stopped waiting. The request has been sent") < 1000
    expect(panel.get_by_role("img", name=PROMPT)).to_have_count(0)  # it said so before the picture came
    expect(generate(panel)).to_be_enabled()
    expect(panel.get_by_role("img", name=PROMPT)).to_be_visible()


def test_a_saved_notebook_keeps_the_picture_and_no_widget_holds_one(shown, reopened):
    """Saved, closed and opened again with no kernel, the latest picture and the earlier one are still there."""
    book, panel = shown()
    prompt(panel).fill(PROMPT)
    for temperature in (0.2, 0.72):
        type_number(panel, "temperature", temperature)
        press_generate(panel)
        expect(panel.get_by_text(f"· temperature {temperature}").first).to_be_visible()
        book.page.wait_for_timeout(500)  # two presses within half a second are one
    saved = book.save()
    view, result = outputs_of(saved, 1)
    assert "application/vnd.jupyter.widget-view+json" in view["data"]
    assert result["output_type"] == "display_data"
    html, text = ("".join(result["data"][kind]) for kind in ("text/html", "text/plain"))
    assert html.count("data:image/jpeg;base64,") == 2
    assert "temperature 0.72" in text
    assert (
        len(book.path.read_bytes()) < 400_000
    )  # of which the scripts of its widgets, saved with their state, are half
    # The saving of widget state is switched on in these tests.
    models = saved["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values()
    assert "A paper lantern" in json.dumps(list(models))
    for model in models:
        assert "buffers" not in model
        own = {name: value for name, value in model["state"].items() if name not in ("_esm", "_css")}
        assert "image/jpeg" not in json.dumps(own)
    reopened(book)
    expect(book.output(1).get_by_role("img", name=PROMPT)).to_have_count(2)
    expect(book.output(1).get_by_role("img", name=PROMPT).first).to_be_visible()
    assert book.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session") is None


def test_a_file_becomes_a_reference(shown, tmp_path, png):
    """It is listed with its number, and can be taken away."""
    file = tmp_path / "cat.png"
    file.write_bytes(png)
    _, panel = shown()
    prompt(panel).fill(PROMPT)
    panel.get_by_role("button", name="References").click()
    with panel.page.expect_file_chooser() as chooser:
        panel.get_by_text("Choose files…").click()
    chooser.value.set_files(file)
    remove = panel.get_by_role("button", name="referenceImages: remove number 1, cat.png")
    expect(remove).to_be_visible()
    expect(panel.get_by_role("button", name="References · 1 set")).to_be_visible()
    expect(panel.get_by_text("size follows the first reference")).to_be_visible()
    remove.click()
    expect(panel.get_by_text("cat.png")).to_have_count(0)
    expect(panel.get_by_role("button", name="References · 1 set")).to_have_count(0)


def test_a_picture_is_saved_as_the_service_sent_it(shown, tmp_path):
    """Save in the panel gives the original bytes, under a name with its seed."""
    book, panel = shown("studio.last.image.path.read_bytes().hex()[:64], studio.last.image.path.stat().st_size")
    prompt(panel).fill(PROMPT)
    panel.get_by_label("seed", exact=True).fill("7")
    press_generate(panel)
    expect(panel.get_by_role("img", name=PROMPT)).to_be_visible()
    with book.page.expect_download() as download:
        panel.get_by_role("button", name="Save").click()
    data = pathlib.Path(download.value.path()).read_bytes()
    assert download.value.suggested_filename.startswith("seed-7-")
    assert download.value.suggested_filename.endswith(".jpg")
    book.run(2)
    expect(book.output(2)).to_contain_text(data.hex()[:64])
    expect(book.output(2)).to_contain_text(str(len(data)))


def test_a_draft_becomes_a_final_picture(shown):
    """Draft makes 0.5K; Make final makes the chosen picture again at 2K, at the price on its button."""
    book, panel = shown("studio.df[['seed', 'width', 'height', 'cost']]")
    prompt(panel).fill(PROMPT)
    panel.get_by_role("button", name="Draft").click()
    press_generate(panel, price="$0.04657")
    stage = panel.get_by_role("listbox", name="chosen picture")
    expect(stage.get_by_text("512x512")).to_be_visible()
    panel.get_by_role("button", name="Make final 2K · $0.10255").click()
    expect(stage.get_by_text("2048x2048")).to_be_visible()
    book.run(2)
    expect(book.output(2)).to_contain_text("2048")
    assert book.page.script_errors == []


def test_full_size_compare_and_history(shown, screenshots):
    """The chosen picture opens in full size and closes with Escape; two stand side by side; the log has them all."""
    book, panel = shown()
    prompt(panel).fill(PROMPT)
    stage = panel.get_by_role("listbox", name="chosen picture")
    for temperature in (0.2, 0.72):
        type_number(panel, "temperature", temperature)
        press_generate(panel)
        expect(stage.get_by_text(f"temperature {temperature}")).to_be_visible()
        book.page.wait_for_timeout(500)
    panel.get_by_role("button", name="Full size").click()
    dialog = book.page.get_by_role("dialog")
    expect(dialog.get_by_role("img", name=PROMPT)).to_be_visible()
    book.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    panel.get_by_role("button", name="Compare").first.click()
    expect(stage.get_by_role("option")).to_have_count(2)
    row = panel.get_by_role("row", name=re.compile("^temperature"))
    expect(row).to_contain_text("0.72")
    expect(row).to_contain_text("0.2")
    book.theme("JupyterLab Dark")
    book.page.screenshot(path=screenshots / "panel-compare-dark.png")
    book.theme("JupyterLab Light")
    panel.get_by_role("button", name="History").click()
    gallery = panel.get_by_role("listbox", name="gallery")
    expect(gallery.get_by_role("option")).to_have_count(2)
    # The panel fills the window; what opened below it is brought there.
    expect(gallery.get_by_role("option").last).to_be_in_viewport(ratio=1)
    gallery.get_by_role("option").last.click()
    expect(stage.get_by_text("temperature 0.2")).to_be_visible()


def test_the_code_that_is_shown_makes_the_same_run(shown):
    """Pasted into a cell, it gives the same picture; the JSON is what is sent."""
    book, panel = shown("", "studio.df.prompt.nunique(), studio.df.seed.nunique(), len(studio.df)")
    prompt(panel).fill(PROMPT)
    panel.get_by_label("seed", exact=True).fill("7")
    press_generate(panel)
    expect(panel.get_by_role("img", name=PROMPT)).to_be_visible()
    panel.get_by_role("button", name="Show code").click()
    code = panel.locator("pre").filter(has_text="studio.generate").inner_text()
    panel.get_by_role("button", name="Show JSON").click()
    task = json.loads(panel.locator("pre").filter(has_text="positivePrompt").inner_text())[0]
    assert (task["positivePrompt"], task["seed"]) == (PROMPT, 7)
    book.page.evaluate(
        "code => jupyterapp.shell.currentWidget.content.widgets[2].model.sharedModel.setSource(code)", code
    )
    book.run(2)
    expect(book.output(2).get_by_role("img", name=PROMPT)).to_be_visible()
    book.run(3)
    expect(book.output(3)).to_contain_text("(1, 1, 2)")


def test_two_views_of_one_panel_show_the_same(shown):
    """Shown in a second cell, both have the picture."""
    book, panel = shown("panel")
    book.run(2)
    second = book.output(2)
    prompt(second).fill(PROMPT)
    expect(prompt(panel)).to_have_value(PROMPT)
    press_generate(second)
    for view in (panel, second):
        expect(view.get_by_role("img", name=PROMPT)).to_be_visible()


def test_light_dark_and_narrow(shown, screenshots):
    """Nothing sticks out at 700 pixels, and a dark page has a dark panel. The pictures are for looking at."""
    book, panel = shown("studio.df[['prompt', 'seed', 'temperature', 'topP', 'cost']]")
    page = book.page
    page.set_viewport_size({"width": 1200, "height": 1060})
    prompt(panel).fill(PROMPT)
    panel.get_by_label("seed", exact=True).fill("7")
    panel.get_by_label("aspectRatio").select_option("3:2")
    for temperature in (0.2, 0.72):
        type_number(panel, "temperature", temperature)
        press_generate(panel)
        expect(panel.get_by_text(f"· temperature {temperature}").first).to_be_visible()
        page.wait_for_timeout(500)
    page.evaluate("document.activeElement.blur()")
    page.screenshot(path=screenshots / "panel-light.png")
    book.theme("JupyterLab Dark")
    page.screenshot(path=screenshots / "panel-dark.png")
    ground = panel.locator(".nbkit-panel").evaluate("e => getComputedStyle(e).backgroundColor")
    assert max(int(part) for part in re.findall(r"\d+", ground)[:3]) < 80
    book.theme("JupyterLab Light")
    for button in ("systemPrompt", "Grounding and safety", "References", "Output", "Delivery", "Show code"):
        panel.get_by_role("button", name=button).click()
    page.set_viewport_size({"width": 860, "height": 1400})
    page.wait_for_timeout(500)
    page.screenshot(path=screenshots / "panel-narrow.png")
    wide = "e => [...e.querySelectorAll('*')].filter(x => x.getBoundingClientRect().right > e.getBoundingClientRect().right + 1).length"
    assert panel.locator(".nbkit-panel").evaluate("e => e.clientWidth") <= 700
    assert panel.locator(".nbkit-panel").evaluate(wide) == 0
    page.set_viewport_size({"width": 1200, "height": 1000})
