"""The panel's short story in each kind of kernel: a button's handler runs in another thread in some than in others."""

import importlib.metadata
import os
import pathlib
import re

import pytest
from conftest import OLDER
from panel_page import PROMPT, STUDIO, complaint, generate, picture, press_generate, prompt, stop
from playwright.sync_api import expect

CELLS = {"waits": "import asyncio; await asyncio.sleep(10)", "blocks": "import time; time.sleep(10)"}
GALLERY = """
result = studio.sweep("A paper lantern", temperature=[0.2, 0.8], resolution="0.5K").run()
gallery = studio.gallery()
gallery.filter("temperature > 0.5")
gallery
"""
RUNNING = "[*]:"


@pytest.fixture(params=["python3", "older"])
def kernel(request):
    """The kernel of this environment, and an older ipykernel where ``NBKIT_IPYKERNEL`` names a folder with one."""
    if request.param == "older" and not OLDER:
        missing = "NBKIT_IPYKERNEL names no folder with an older ipykernel; .ci/run makes one"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return request.param


def version(kernel):
    """The ipykernel that a kernel is meant to run."""
    where = {"path": [str(pathlib.Path(OLDER).resolve())]} if kernel == "older" else {}
    return next(iter(importlib.metadata.distributions(name="ipykernel", **where))).version


def meanwhile(kernel):
    """Whether this ipykernel calls a button's handler while such a cell runs; before 7.0, it does so afterwards."""
    return tuple(int(number) for number in version(kernel).split(".")[:2]) >= (7, 0)


def start(book, index):
    """Run a cell, do not wait for its end, and see it running; gives the mark that says so."""
    book.start(index)
    mark = book.page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-InputPrompt")
    expect(mark).to_have_text(RUNNING)
    return mark


def test_the_kernel_is_the_one_that_is_meant(notebook, kernel):
    """Asked in the kernel itself; the two are different ones."""
    book = notebook("import ipykernel\nprint('ipykernel', ipykernel.__version__)", kernel=kernel)
    book.run(0)
    expect(book.output(0)).to_contain_text(f"ipykernel {version(kernel)}")
    if kernel == "older":
        assert version("older") != version("python3")


def test_a_picture_and_its_row(shown, kernel):
    """One press, one picture, one row."""
    book, panel = shown("studio.df[['prompt', 'cost']]", kernel=kernel)
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(picture(panel)).to_be_visible()
    expect(panel.get_by_text(re.compile("^Done in"))).to_be_visible()
    book.run(2)
    expect(book.output(2).get_by_text("0.06895")).to_have_count(1)


def test_an_error_is_shown(shown, kernel):
    """In the panel, whichever thread it was raised in."""
    _, panel = shown(engine="nbkit.Offline(failures={'blocked': 1})", kernel=kernel)
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(complaint(panel).first).to_contain_text("Change the prompt")


@pytest.mark.parametrize("cell", list(CELLS))
def test_stop_answers_while_a_cell_runs(shown, kernel, cell):
    """While it runs; where the kernel itself calls no handler meanwhile, after the cell's end."""
    book, panel = shown(CELLS[cell], engine="nbkit.Offline(latency=30)", kernel=kernel)
    prompt(panel).fill(PROMPT)
    press_generate(panel)
    expect(panel.get_by_text("working…")).to_be_visible()
    mark = start(book, 2)
    stop(panel).click()
    if not meanwhile(kernel):  # a cell that waits or blocks is all that such a kernel does
        expect(mark).not_to_have_text(RUNNING)
    expect(panel.get_by_text(re.compile("^Stopped"))).to_be_visible()
    if meanwhile(kernel):
        assert mark.text_content() == RUNNING
    expect(generate(panel)).to_be_enabled()


def test_a_gallery_answers_while_a_cell_runs(notebook, kernel, tmp_path):
    """Filters, also those that were made by a press before, are taken away while the kernel is busy with a cell."""
    cells = (STUDIO.format(engine="'offline'", path=tmp_path / "runs"), GALLERY, CELLS["blocks"])
    book = notebook(*cells, kernel=kernel)
    book.run(0)
    book.run(1)
    output = book.output(1)
    expect(output.get_by_text("1 of 2 shown")).to_be_visible()
    mark = start(book, 2)
    output.get_by_role("button", name="✕ temperature > 0.5").click()
    if not meanwhile(kernel):
        expect(mark).not_to_have_text(RUNNING)
    expect(output.get_by_text("2 shown")).to_be_visible()
    if meanwhile(kernel):
        assert mark.text_content() == RUNNING
