"""Fixtures: a real JupyterLab in headless Chromium; one server and one page for all tests, a new notebook for each test.

Run these tests in a pytest run of their own (``pytest tests/browser``): a synchronous Playwright session leaves a
running event loop in the main thread, which breaks ``asyncio.run`` in later tests.
"""

import os
import pathlib
from importlib import resources

import pytest
from lab_page import (
    KERNEL,
    LIGHT,
    TIMEOUT,
    VIEWPORT,
    Notebook,
    evaluate_async,
    load_lab,
    set_theme,
    show_notebook,
    wait_for_kernel,
    write_notebook,
)
from lab_server import CHROMIUM, CHROMIUM_FLAGS, OLDER_IPYKERNEL, LabServer
from panel_page import PANEL, STUDIO, prompt, wait_until_live
from playwright.sync_api import Error, expect, sync_playwright

AXE_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def pytest_collection_modifyitems(items):
    here = pathlib.Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.call_failed = report.failed
    return report


# -- JupyterLab --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def chromium():
    """A running Chromium. Without one on this machine the tests are skipped, except in CI, where they fail."""
    if not pathlib.Path(CHROMIUM).exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no Chromium at {CHROMIUM}; set CHROMIUM to its path")
    expect.set_options(timeout=TIMEOUT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The server."""
    kernels = {"older": OLDER_IPYKERNEL} if OLDER_IPYKERNEL else None
    with LabServer(tmp_path_factory.mktemp("lab"), kernels=kernels) as server:
        yield server


@pytest.fixture(scope="session")
def only_lab_page(lab, chromium):
    """The one page, with JupyterLab loaded."""
    context = chromium.new_context(viewport=VIEWPORT)
    page = _new_page(context)
    load_lab(page, lab)
    yield page
    context.close()


@pytest.fixture
def lab_page(only_lab_page):
    """The page, with JupyterLab loaded; ``page.script_errors`` lists the uncaught errors of its scripts.

    After each test it has the same size, theme and media as before: in a narrow window a panel has another layout.
    """
    page = only_lab_page
    yield page
    page.set_viewport_size(VIEWPORT)
    page.emulate_media(reduced_motion="no-preference", forced_colors="none")
    if page.locator("body").get_attribute("data-jp-theme-light") == "false":
        set_theme(page, LIGHT)


def _new_page(context):
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.script_errors = []
    page.on("pageerror", lambda error: page.script_errors.append(str(error)))
    return page


@pytest.fixture
def open_notebook(lab, lab_page, request):
    """``open_notebook("first cell", "second cell")`` opens a new notebook with a kernel of its own."""
    lab_page.script_errors.clear()
    opened = []

    def open_(*sources, kernel="python3"):
        try:
            book = Notebook.open(lab_page, write_notebook(lab.root, sources, kernel))
        except Error as error:
            # JupyterLab failed to open the notebook. The test has not run anything yet, so retry once on a new page.
            errors = "\n".join([str(error), *lab_page.script_errors])
            request.node.add_report_section("setup", "JupyterLab", f"opened on a second page, after {errors}")
            load_lab(lab_page, lab)
            lab_page.script_errors.clear()
            book = Notebook.open(lab_page, write_notebook(lab.root, sources, kernel))
        opened.append(book)
        return book

    yield open_
    is_broken = True
    try:
        for book in opened:
            book.close()
        is_broken = bool(lab_page.script_errors) or getattr(request.node, "call_failed", False)
    finally:
        if is_broken:
            load_lab(lab_page, lab)  # the next test gets a page in order


@pytest.fixture
def reopen(lab_page):
    """``reopen(book)`` closes a saved notebook and opens its file without a kernel."""

    def reopen_(book):
        book.close()
        show_notebook(lab_page, book.path, kernel=False)
        return book

    return reopen_


@pytest.fixture
def reload_page(lab, lab_page):
    """``reload_page(book)`` reloads the page and opens the saved notebook again; its kernel keeps running."""

    def reload(book):
        kernel = lab_page.evaluate(f"() => {KERNEL}.id")
        load_lab(lab_page, lab)
        show_notebook(lab_page, book.path)
        wait_for_kernel(lab_page)
        assert lab_page.evaluate(f"() => {KERNEL}.id") == kernel
        return book

    return reload


# -- Notebook 7 --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def notebook7_server(tmp_path_factory):
    with LabServer(tmp_path_factory.mktemp("notebook7"), "notebook") as server:
        yield server


@pytest.fixture
def open_in_notebook7(notebook7_server, chromium):
    """``open_in_notebook7("first cell", "second cell")`` opens a new notebook in Notebook 7, on a page of its own."""
    context = chromium.new_context(viewport=VIEWPORT)
    opened = []

    def open_(*sources):
        path = write_notebook(notebook7_server.root, sources)
        page = _new_page(context)
        page.goto(notebook7_server.url(f"/notebooks/{path.name}"))
        page.wait_for_function("() => window.jupyterapp", timeout=60_000)
        wait_for_kernel(page, seconds=60)
        page.script_errors.clear()  # Notebook 7 has errors of its own while it starts
        opened.append(Notebook(page, path))
        return opened[-1]

    yield open_
    for book in opened:
        book.close()
    context.close()


# -- for several files of tests -------------------------------------------------------------------------------------------


@pytest.fixture
def show_panel(open_notebook, tmp_path):
    """``show_panel("a further cell")`` returns a notebook and the output of its second cell, which shows a panel."""

    def show(*further, engine="'offline'", kernel="python3", subshells=True):
        book = open_notebook(STUDIO.format(engine=engine, path=tmp_path / "runs"), PANEL, *further, kernel=kernel)
        if not subshells:
            book.disable_subshells()
        book.run(0)
        book.run(1)
        prompt(book.output(1)).wait_for()
        wait_until_live(book.output(1))
        return book, book.output(1)

    return show


@pytest.fixture(scope="module")
def kept_notebooks():
    """The notebook whose kernel serves all tests of a file, in a list; empty before the first of them."""
    books = []
    yield books
    for book in books:
        book.close()


@pytest.fixture
def show_next_panel(lab, lab_page, kept_notebooks, request, tmp_path):
    """``show_panel`` for tests that need no kernel of their own: new cells in one notebook, and a log of its own.

    The notebook stays open, so a file whose tests use this opens no other.
    """
    page = lab_page
    page.script_errors.clear()

    def show(*further, engine="'offline'", cell=PANEL):
        sources = (STUDIO.format(engine=engine, path=tmp_path / "runs"), cell, *further)
        if kept_notebooks:
            kept_notebooks[0].replace_cells(sources)
        else:
            kept_notebooks.append(Notebook.open(page, write_notebook(lab.root, sources)))
        book = kept_notebooks[0]
        book.run(0)
        book.run(1)
        prompt(book.output(1)).wait_for()
        wait_until_live(book.output(1))
        return book, book.output(1)

    yield show
    if page.script_errors or getattr(request.node, "call_failed", False):
        kept_notebooks.clear()
        load_lab(page, lab)  # the next test gets a page in order


@pytest.fixture(scope="session")
def axe():
    """The script of axe-core."""
    return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


@pytest.fixture
def find_violations(axe):
    """``find_violations(locator)`` returns what axe-core finds inside one element, a readable line for each place."""

    def find(locator):
        if not locator.page.evaluate("() => 'axe' in window"):
            locator.page.add_script_tag(content=axe)
            # JupyterLab's body has no height: axe-core would take everything in it as clipped, and skip its colours.
            locator.page.add_style_tag(content="body { min-height: 100vh }")
        rules = evaluate_async(
            locator,
            "(element, tags) => axe.run(element, {runOnly: tags, resultTypes: ['violations']}).then(r => r.violations)",
            AXE_RULES,
        )
        return [
            f"{rule['id']} ({rule['impact']}): {node['html'][:160]}: {' '.join(node['failureSummary'].split())}"
            for rule in rules
            for node in rule["nodes"]
        ]

    return find


@pytest.fixture
def screenshots(tmp_path):
    """The folder for screenshots, which are reviewed by eye: ``NBKIT_SCREENSHOTS``, or one that pytest deletes."""
    folder = pathlib.Path(os.environ.get("NBKIT_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
