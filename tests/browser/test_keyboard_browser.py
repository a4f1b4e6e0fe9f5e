"""The panel in JupyterLab, used with a keyboard and without a mouse."""

from keyboard import LETTERS, focused, labels, press, remember_unfocused_look, tab_until
from panel_page import SECTIONS, generate, prompt, stop, unfold
from playwright.sync_api import expect


def focus_the_cell(book, panel):
    """Put the focus on the panel's cell, as after Escape, and remember how things look without it."""
    book.page.evaluate(
        """() => { const n = jupyterapp.shell.currentWidget.content; n.deselectAll(); n.activeCellIndex = 1;
            n.mode = 'command'; n.activeCell.node.focus(); }"""
    )
    assert not focused(panel)["inside"]
    remember_unfocused_look(panel)


def type_prompt(panel):
    tab_until(panel, lambda element: element["inside"] and "prompt" in element["label"])
    expect(prompt(panel)).to_be_focused()
    panel.page.keyboard.type(LETTERS)
    expect(prompt(panel)).to_have_value(LETTERS)


def test_a_picture_is_made_by_keyboard_alone(show_panel):
    """Tab, type, Tab, arrow keys, Tab, Enter; a second picture with Space. The cells of the notebook do not change."""
    book, panel = show_panel("'untouched'")
    cells = book.cell_sources()
    focus_the_cell(book, panel)
    type_prompt(panel)
    tab_until(panel, lambda element: "slider" in element["label"])
    handle = panel.get_by_role("slider").first
    expect(handle).to_be_focused()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        panel.page.keyboard.press(key)
    expect(handle).to_be_focused()
    expect(panel.locator(".widget-readout").first).to_have_text("0.51")
    expect(panel.get_by_role("checkbox", name="temperature")).to_be_checked()
    expect(generate(panel)).to_be_enabled()
    tab_until(panel, lambda element: element["label"].startswith("button Generate"))
    expect(generate(panel)).to_be_focused()
    panel.page.keyboard.press("Enter")
    expect(panel.get_by_role("img", name=LETTERS).first).to_be_visible()
    expect(panel.get_by_text("temperature 0.51").first).to_be_visible()
    expect(generate(panel)).to_be_enabled()
    assert focused(panel)["inside"], "the focus was lost during the run"
    generate(panel).focus()
    panel.page.wait_for_timeout(600)  # two presses within half a second count as one
    panel.page.keyboard.press("Space")
    expect(panel.get_by_role("img", name=LETTERS)).not_to_have_count(1)
    assert book.cell_sources() == cells
    assert book.active_cell() == 1


def test_stop_by_keyboard_moves_the_focus_to_generate(show_panel):
    """Stop disappears when it is pressed; the focus goes back to the button that the user came from."""
    _, panel = show_panel(engine="nbkit.Offline(latency=30)")
    prompt(panel).fill(LETTERS)
    expect(generate(panel)).to_be_enabled()
    generate(panel).press("Enter")
    expect(panel.get_by_role("progressbar")).to_be_visible()
    stop(panel).press("Enter")
    expect(panel.get_by_text("Stopped")).to_be_visible()
    expect(generate(panel)).to_be_focused()


def test_tab_goes_through_the_whole_panel_and_leaves_it(show_panel):
    """With all sections open, each focused control looks focused; Tab leaves at the end, Shift+Tab at the beginning."""
    book, panel = show_panel("'untouched'")
    prompt(panel).fill(LETTERS)
    unfold(panel, *SECTIONS)
    expect(panel.locator("pre.nbkit-source")).to_have_count(2)  # they are drawn last, and can have the focus as well
    focus_the_cell(book, panel)
    inside = tab_until(panel, lambda element: element["inside"])[-1:]
    first = inside[0]
    while (element := press(panel, "Tab"))["inside"]:
        inside.append(element)
        assert len(inside) < 80, "Tab does not leave the panel: " + labels(inside)
    positions = [element["position"] for element in inside]
    assert len(positions) == len(set(positions)), "Tab goes round in the panel"
    assert len(inside) > 20
    assert [element["label"] for element in inside if not element["visible"]] == []
    back = [first]
    while (element := press(panel, "Shift+Tab"))["position"] != first["position"]:
        back.append(element)
        assert element["inside"] or element["position"] > first["position"]
        assert len(back) < 100, "Shift+Tab does not get back: " + labels(back)
    assert not press(panel, "Shift+Tab")["inside"]


def test_keys_on_a_control_do_not_change_the_notebook(show_panel):
    """On a slider, a button or a list, keys that are shortcuts of the notebook do nothing to its cells."""
    book, panel = show_panel("'untouched'")
    cells = book.cell_sources()
    controls = (
        panel.get_by_role("slider").first,
        panel.get_by_role("button", name="systemPrompt"),
        panel.get_by_label("aspectRatio"),
    )
    for control in controls:
        control.focus()
        for key in ("a", "b", "x", "d", "d", "m", "y", "z", "ArrowUp", "ArrowDown"):
            control.press(key)
            assert book.cell_sources() == cells, f"{key} at {control}"
    assert book.active_cell() == 1
