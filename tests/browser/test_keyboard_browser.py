"""The panel in JupyterLab, used with a keyboard and without a mouse."""

import re
from itertools import pairwise

from keyboard import LETTERS, focused, labels, press, remember_unfocused_look, tab_until
from panel_page import (
    SECTIONS,
    button,
    choice,
    control,
    generate,
    number,
    picture,
    prompt,
    stage,
    status,
    stop,
    strip,
    unfold,
    wait_until_done,
)
from playwright.sync_api import expect

REACHABLE = """panel => {
    const all = [...document.querySelectorAll('*')];
    return [...panel.querySelectorAll('button, input, select, textarea, a[href], [tabindex="0"]')]
        .filter(e => !e.disabled && !e.closest('[hidden]') && e.checkVisibility() && (e.type !== 'radio' || e.checked))
        .map(e => all.indexOf(e)); }"""
"""The positions of all that the keyboard must reach; of buttons of which one is chosen, the chosen one."""
NAMES_OF = "(panel, positions) => positions.map(i => document.querySelectorAll('*')[i].outerHTML.slice(0, 120))"


def follows(before, after):
    """Whether the eye meets one box after another: it is further right or further down, or one is inside the other."""
    left, top, right, bottom = before
    inside = left <= after[0] and top <= after[1] and right >= after[2] and bottom >= after[3]
    around = left >= after[0] and top >= after[1] and right <= after[2] and bottom <= after[3]
    return inside or around or after[1] >= bottom - 6 or after[0] >= right - 6


def focus_the_cell(book, panel):
    """Put the focus on the panel's cell, as after Escape, and remember how things look without it."""
    book.page.evaluate(
        """() => { const n = jupyterapp.shell.currentWidget.content; n.deselectAll(); n.activeCellIndex = 1;
            n.mode = 'command'; n.activeCell.node.focus(); }"""
    )
    assert not focused(panel)["inside"]
    remember_unfocused_look(panel)


def type_prompt(panel):
    tab_until(panel, lambda element: element["label"].startswith("textarea Prompt"))
    expect(prompt(panel)).to_be_focused()
    panel.page.keyboard.type(LETTERS)
    expect(prompt(panel)).to_have_value(LETTERS)


def test_a_picture_is_made_by_keyboard_alone(show_panel):
    """Tab, type, Tab, arrow keys, Tab, Enter; a second picture with Space. The cells of the notebook do not change."""
    book, panel = show_panel("'untouched'")
    cells = book.cell_sources()
    focus_the_cell(book, panel)
    type_prompt(panel)
    tab_until(panel, lambda element: element["label"] == "input Temperature (temperature)")
    handle = control(panel, "Temperature (temperature)")
    expect(handle).to_be_focused()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        panel.page.keyboard.press(key)
    expect(handle).to_be_focused()
    expect(number(panel, "Temperature (temperature)")).to_have_value("0.51")
    expect(generate(panel)).to_be_enabled()
    for _ in range(60):
        if press(panel, "Shift+Tab")["label"].startswith("button Generate"):
            break
    expect(generate(panel)).to_be_focused()
    panel.page.keyboard.press("Enter")
    expect(picture(panel, LETTERS)).to_be_visible()
    expect(stage(panel).get_by_text("temperature 0.51")).to_be_visible()
    wait_until_done(panel)
    expect(generate(panel)).to_be_focused()
    panel.page.keyboard.press("Space")
    expect(strip(panel).get_by_role("img", name=LETTERS)).to_have_count(2)
    assert book.cell_sources() == cells
    assert book.active_cell() == 1


def test_generate_comes_within_three_tabs_after_the_prompt(show_panel):
    """Tab, Tab, Enter makes the picture."""
    _, panel = show_panel()
    prompt(panel).fill(LETTERS)
    expect(generate(panel)).to_be_enabled()
    assert len(tab_until(panel, lambda element: element["label"].startswith("button Generate"))) <= 3
    panel.page.keyboard.press("Enter")
    expect(picture(panel, LETTERS)).to_be_visible()


def test_stop_by_keyboard_moves_the_focus_to_generate(show_panel):
    """Stop disappears when it is pressed; the focus goes back to the button that the user came from."""
    _, panel = show_panel(engine="nbkit.Offline(latency=30)")
    prompt(panel).fill(LETTERS)
    expect(generate(panel)).to_be_enabled()
    generate(panel).press("Enter")
    expect(status(panel)).to_have_text(re.compile("^Working"))
    stop(panel).press("Enter")
    expect(status(panel)).to_have_text(re.compile("^Stopped"))
    expect(generate(panel)).to_be_focused()


def test_tab_goes_through_the_whole_panel_and_leaves_it(show_panel):
    """With all sections open, each focused control looks focused; Tab leaves at the end, Shift+Tab at the beginning."""
    book, panel = show_panel("'untouched'")
    prompt(panel).fill(LETTERS)
    unfold(panel, *SECTIONS)
    expect(panel.get_by_label("JSON", exact=True)).to_contain_text(
        "positivePrompt"
    )  # it is drawn last, and can have the focus as well
    expect(generate(panel)).to_be_enabled()
    focus_the_cell(book, panel)
    inside = tab_until(panel, lambda element: element["inside"])[-1:]
    first = inside[0]
    while (element := press(panel, "Tab"))["inside"]:
        inside.append(element)
        assert len(inside) < 80, "Tab does not leave the panel: " + labels(inside)
    positions = [element["position"] for element in inside]
    assert len(positions) == len(set(positions)), "Tab goes round in the panel"
    assert positions == sorted(positions)
    unreached = set(panel.evaluate(REACHABLE)) - set(positions)
    assert not unreached, panel.evaluate(NAMES_OF, list(unreached))
    against = [f"{a['label']} → {b['label']}" for a, b in pairwise(inside) if not follows(a["box"], b["box"])]
    assert against == [], "Tab goes another way than the eye"
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
        control(panel, "Temperature (temperature)"),
        button(panel, "System prompt"),
        control(panel, "Aspect ratio (aspectRatio)"),
        choice(panel, "Resolution (resolution)", "1K"),
    )
    for one in controls:
        one.focus()
        for key in ("a", "b", "x", "d", "d", "m", "y", "z", "ArrowUp", "ArrowDown"):
            one.press(key)
            assert book.cell_sources() == cells, f"{key} at {one}"
    assert book.active_cell() == 1
