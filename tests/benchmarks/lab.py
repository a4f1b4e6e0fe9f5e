"""JupyterLab in headless Chromium, for the benchmarks of what happens in a page."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.lab_page import VIEWPORT, load_lab
from tests.browser.lab_server import CHROMIUM, CHROMIUM_FLAGS, LabServer


@contextmanager
def open_lab(height: int = VIEWPORT["height"]) -> Iterator[tuple[Page, Path]]:
    """A page with JupyterLab in it, and the folder whose notebooks it can open.

    Args:
        height: of the page, in pixels.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        LabServer(folder) as server,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(CHROMIUM_FLAGS)) as browser,
    ):
        page = browser.new_page(viewport=VIEWPORT | {"height": height})
        load_lab(page, server)
        yield page, Path(folder)
