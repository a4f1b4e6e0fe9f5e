"""The main steps of a panel in an ipykernel of each kind: they differ in the thread that calls a button's handler."""

import importlib.metadata
import os
import re

import pytest
from lab_page import RUNNING
from lab_server import OLDER_IPYKERNEL
from panel_page import (
    PROMPT,
    STUDIO,
    alert,
    generate,
    picture,
    press_generate,
    prompt,
    status,
    stop,
    wait_until_done,
)
from playwright.sync_api import expect

BUSY_CELLS = {"waits": "import asyncio; await asyncio.sleep({0})", "blocks": "import time; time.sleep({0})"}
"""Cells that take some seconds: longer than a test where the kernel calls handlers meanwhile, else the test waits for them."""
GALLERY = """
result = studio.sweep("A paper lantern", temperature=[0.2, 0.8], resolution="0.5K").run()
gallery = studio.gallery()
gallery.filter("temperature > 0.5")
gallery
"""


@pytest.fixture(params=["python3", "older"])
def kernel(request):
    """The kernel of this environment, and an older ipykernel where ``NBKIT_IPYKERNEL`` names a folder with one."""
    if request.param == "older" and not OLDER_IPYKERNEL:
        missing = "NBKIT_IPYKERNEL names no folder with an older ipykernel; .ci/run makes one"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return request.param


def version(kernel):
    """The version of ipykernel that a kernel should run."""
    where = {"path": [str(OLDER_IPYKERNEL)]} if kernel == "older" else {}
    return next(iter(importlib.metadata.distributions(name="ipykernel", **where))).version


def calls_handlers_during_cells(kernel):
    """Whether this ipykernel calls a button's handler while a cell runs; before 7.0 it waits for the cell's end."""
    return tuple(int(number) for number in version(kernel).split(".")[:2]) >= (7, 0)


def busy_cell(kernel, cell):
    """A cell that is busy while a test looks at what happens meanwhile."""
    return BUSY_CELLS[cell].format(120 if calls_handlers_during_cells(kernel) else 10)


def test_the_notebook_runs_the_chosen_ipykernel(open_notebook, kernel):
    """The kernel prints the expected version, and the two versions differ."""
    book = open_notebook("import ipykernel\nprint('ipykernel', ipykernel.__version__)", kernel=kernel)
    book.run(0)
    expect(book.output(0)).to_contain_text(f"ipykernel {version(kernel)}")
    if kernel == "older":
        assert version("older") != version("python3")


def test_one_click_makes_one_picture_and_one_row(show_panel, kernel):
    """Generate shows the picture, and the log has one run with its price."""
    book, panel = show_panel("studio.df[['prompt', 'cost']]", kernel=kernel)
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(picture(panel)).to_be_visible()
    wait_until_done(panel)
    book.run(2)
    expect(book.output(2).get_by_text("0.06895")).to_have_count(1)


def test_the_panel_shows_an_error_raised_in_any_thread(show_panel, kernel):
    """The message of a blocked run appears in the panel."""
    _, panel = show_panel(engine="nbkit.Offline(failures={'blocked': 1})", kernel=kernel)
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(alert(panel).first).to_contain_text("Change the prompt")


@pytest.mark.parametrize("cell", list(BUSY_CELLS))
def test_stop_works_while_a_cell_runs(show_panel, kernel, cell):
    """The panel is free before the cell ends; if the kernel calls no handlers during a cell, right after it."""
    book, panel = show_panel(busy_cell(kernel, cell), engine="nbkit.Offline(latency=30)", kernel=kernel)
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(status(panel)).to_have_text(re.compile("^Working"))
    cell_prompt = book.start(2)
    expect(cell_prompt).to_have_text(RUNNING)
    stop(panel).click()
    if not calls_handlers_during_cells(kernel):  # also while the cell awaits something
        expect(cell_prompt).not_to_have_text(RUNNING)
    expect(status(panel)).to_have_text(re.compile("^Stopped"))
    if calls_handlers_during_cells(kernel):
        assert cell_prompt.text_content() == RUNNING
    expect(generate(panel)).to_be_enabled()


@pytest.mark.parametrize("cell", list(BUSY_CELLS))
def test_ctrl_enter_sends_the_whole_prompt_while_a_cell_runs(show_panel, kernel, cell):
    """Typed at full speed: one run, whose picture is there before the cell ends."""
    book, panel = show_panel(busy_cell(kernel, cell), kernel=kernel)
    cell_prompt = book.start(2)
    expect(cell_prompt).to_have_text(RUNNING)
    prompt(panel).click()
    book.page.keyboard.type(PROMPT)
    book.page.keyboard.press("Control+Enter")
    if not calls_handlers_during_cells(kernel):
        expect(cell_prompt).not_to_have_text(RUNNING)
    expect(picture(panel)).to_be_visible()
    wait_until_done(panel)
    expect(panel.get_by_text("$4.93 left of $5.00")).to_be_visible()
    if calls_handlers_during_cells(kernel):
        assert cell_prompt.text_content() == RUNNING
    assert book.active_cell() == 1


def test_gallery_filters_are_removed_while_a_cell_runs(open_notebook, kernel, tmp_path):
    """A click removes a filter before the cell ends; if the kernel calls no handlers during a cell, right after it."""
    cells = (STUDIO.format(engine="'offline'", path=tmp_path / "runs"), GALLERY, busy_cell(kernel, "blocks"))
    book = open_notebook(*cells, kernel=kernel)
    book.run(0)
    book.run(1)
    output = book.output(1)
    expect(output.get_by_text("1 of 2 shown")).to_be_visible()
    cell_prompt = book.start(2)
    expect(cell_prompt).to_have_text(RUNNING)
    output.get_by_role("button", name="✕ temperature > 0.5").click()
    if not calls_handlers_during_cells(kernel):
        expect(cell_prompt).not_to_have_text(RUNNING)
    expect(output.get_by_text("2 shown")).to_be_visible()
    if calls_handlers_during_cells(kernel):
        assert cell_prompt.text_content() == RUNNING
