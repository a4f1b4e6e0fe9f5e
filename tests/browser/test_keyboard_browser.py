"""The panel with a keyboard and no mouse, in JupyterLab."""

from keyboard import press, remember_rest, stop, tab_until
from panel_page import FOLDS, generate, prompt, unfold
from panel_page import stop as stop_button
from playwright.sync_api import expect

LETTERS = "a bold dd xylem zig by my cv lamp"  # each a shortcut of the notebook where it is not typed into a box


def from_the_cell(book, panel):
    """Put the focus on the panel's cell, as it is after Escape, and remember what things look like."""
    book.page.evaluate(
        """() => { const n = jupyterapp.shell.currentWidget.content; n.deselectAll(); n.activeCellIndex = 1;
            n.mode = 'command'; n.activeCell.node.focus(); }"""
    )
    assert not stop(panel)["inside"]
    remember_rest(panel)


def type_prompt(panel):
    tab_until(panel, lambda at: at["inside"] and "prompt" in at["what"])
    expect(prompt(panel)).to_be_focused()
    panel.page.keyboard.type(LETTERS)
    expect(prompt(panel)).to_have_value(LETTERS)


def test_from_the_cell_to_a_picture(shown):
    """Tab, type, Tab, arrows, Tab, Enter; and once more with Space. The notebook's cells are what they were."""
    book, panel = shown("'untouched'")
    cells = book.cells()
    from_the_cell(book, panel)
    type_prompt(panel)
    tab_until(panel, lambda at: "slider" in at["what"])
    handle = panel.get_by_role("slider").first
    expect(handle).to_be_focused()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        panel.page.keyboard.press(key)
    expect(handle).to_be_focused()
    expect(panel.locator(".widget-readout").first).to_have_text("0.51")
    expect(panel.get_by_role("checkbox", name="temperature")).to_be_checked()
    expect(generate(panel)).to_be_enabled()
    tab_until(panel, lambda at: at["what"].startswith("button Generate"))
    expect(generate(panel)).to_be_focused()
    panel.page.keyboard.press("Enter")
    expect(panel.get_by_role("img", name=LETTERS).first).to_be_visible()
    expect(panel.get_by_text("temperature 0.51").first).to_be_visible()
    expect(generate(panel)).to_be_enabled()
    assert stop(panel)["inside"], "the focus was lost while the run was under way"
    generate(panel).focus()
    panel.page.wait_for_timeout(600)  # two presses within half a second are one
    panel.page.keyboard.press("Space")
    expect(panel.get_by_role("img", name=LETTERS)).not_to_have_count(1)
    assert book.cells() == cells
    assert book.page.evaluate("() => jupyterapp.shell.currentWidget.content.activeCellIndex") == 1


def test_stop_by_keyboard_leaves_nobody_nowhere(shown):
    """The button that was pressed goes, and whoever pressed it stands on Generate, where they came from."""
    _, panel = shown(engine="nbkit.Offline(latency=30)")
    prompt(panel).fill(LETTERS)
    expect(generate(panel)).to_be_enabled()
    generate(panel).press("Enter")
    expect(panel.get_by_role("progressbar")).to_be_visible()
    stop_button(panel).press("Enter")
    expect(panel.get_by_text("Interrupted")).to_be_visible()
    expect(generate(panel)).to_be_focused()


def test_every_stop_is_seen_and_left_again(shown):
    """With everything open: the focus shows at each stop, Tab leads out at the end, and Shift+Tab at the beginning."""
    book, panel = shown("'untouched'")
    prompt(panel).fill(LETTERS)
    unfold(panel, *FOLDS)
    expect(panel.locator("pre.nbkit-source")).to_have_count(2)  # they are drawn last, and are stops as well
    from_the_cell(book, panel)
    inside = tab_until(panel, lambda at: at["inside"])[-1:]
    first = inside[0]
    while (at := press(panel, "Tab"))["inside"]:
        inside.append(at)
        assert len(inside) < 80, "no way out: " + " → ".join(at["what"] for at in inside)
    numbers = [at["number"] for at in inside]
    assert len(numbers) == len(set(numbers)), "the focus goes round in the panel"
    assert len(inside) > 20
    assert [at["what"] for at in inside if not at["seen"]] == []
    back = [first]
    while (at := press(panel, "Shift+Tab"))["number"] != first["number"]:
        back.append(at)
        assert at["inside"] or at["number"] > first["number"]
        assert len(back) < 100, "no way back: " + " → ".join(at["what"] for at in back)
    assert not press(panel, "Shift+Tab")["inside"]


def test_letters_and_arrows_outside_text_boxes_leave_the_notebook_alone(shown):
    """On a slider, a button or a list, a key that means nothing there does nothing to the cells."""
    book, panel = shown("'untouched'")
    cells = book.cells()
    controls = (
        panel.get_by_role("slider").first,
        panel.get_by_role("button", name="systemPrompt"),
        panel.get_by_label("aspectRatio"),
    )
    for control in controls:
        control.focus()
        for key in ("a", "b", "x", "d", "d", "m", "y", "z", "ArrowUp", "ArrowDown"):
            control.press(key)
            assert book.cells() == cells, f"{key} at {control}"
    assert book.page.evaluate("() => jupyterapp.shell.currentWidget.content.activeCellIndex") == 1
