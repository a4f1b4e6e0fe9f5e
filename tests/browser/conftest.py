"""A real JupyterLab in headless Chromium: one server and one page for all tests, a fresh notebook for each.

Run these in a pytest invocation of their own (``pytest tests/browser``): a synchronous Playwright session leaves a
running event loop behind, which breaks ``asyncio.run`` in tests after it.
"""

import io
import json
import os
import pathlib
import time
from importlib import resources

import nbformat
import pytest
from lab_server import CHROMIUM_FLAGS, LabServer
from nbformat.v4 import new_code_cell, new_notebook
from panel_page import PANEL, STUDIO, prompt
from PIL import Image
from playwright.sync_api import Error, expect, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
TIMEOUT = 25_000  # milliseconds, for whatever is waited for on the page
OLDER = os.environ.get("NBKIT_IPYKERNEL")  # a folder with an older ipykernel; .ci/run puts one there
KERNEL = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"
# Now and then a kernel's first words are lost before the page listens, and its status stays "unknown" although it is
# there (seen once in 40 with JupyterLab 4.6 and ipykernel 7.3): the page asks again.
IDLE = """() => {
    const kernel = jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel;
    if (kernel?.status === 'idle') return true;
    if (kernel?.connectionStatus === 'connected' && performance.now() - (window.askedKernel ?? 0) > 3000) {
        window.askedKernel = performance.now();
        kernel.requestKernelInfo().catch(() => null);
    }
    return false; }"""
# Playwright waits without a limit for a promise of the page, and one that is never kept would hold all tests for ever.
IN_TIME = """(...given) => Promise.race([
    (%(script)s)(...given),
    new Promise((_, reject) => setTimeout(() => {
        const kernel = globalThis.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
        const dialog = document.querySelector('.jp-Dialog')?.innerText ?? '';
        reject(new Error(
            `not done within %(seconds)d s (kernel ${kernel?.status}, ${kernel?.connectionStatus}) ${dialog}`));
    }, %(seconds)d * 1000)),
])"""
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def pytest_collection_modifyitems(items):
    here = pathlib.Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium():
    """A running Chromium; where there is none, tests are skipped, but never in CI."""
    if not pathlib.Path(CHROMIUM).exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no Chromium at {CHROMIUM}; set CHROMIUM to its path")
    expect.set_options(timeout=TIMEOUT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    kernels = {"older": pathlib.Path(OLDER).resolve()} if OLDER else None
    with LabServer(tmp_path_factory.mktemp("lab"), kernels=kernels) as server:
        yield server


@pytest.fixture(scope="session")
def lab_page(lab, chromium):
    """The one page, with JupyterLab in it, and the errors of its scripts in ``page.script_errors``."""
    context = chromium.new_context(viewport={"width": 1200, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.script_errors = []
    page.on("pageerror", lambda error: page.script_errors.append(str(error)))
    load(page, lab)
    yield page
    context.close()


def ask(where, script, argument=None, *, seconds=60):
    """What an asynchronous JavaScript function of a page, or of an element, gives; an error after so many seconds."""
    return where.evaluate(IN_TIME % {"script": script, "seconds": seconds}, argument)


def load(page, lab):
    page.goto(lab.url("/lab?reset"))
    page.wait_for_function("() => window.jupyterapp", timeout=60_000)
    ask(page, "() => jupyterapp.restored.then(() => null)")
    # One document over the whole width, and no file browser beside it.
    page.evaluate("() => { jupyterapp.shell.mode = 'single-document'; jupyterapp.shell.collapseLeft(); }")


def write_notebook(folder, sources, kernel="python3"):
    """A notebook file of these cells, which names its kernel."""
    path = pathlib.Path(folder) / f"test{time.time_ns()}.ipynb"
    metadata = {"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}}
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources], metadata=metadata), str(path))
    return path


class Notebook:
    """A notebook in the page.

    Args:
        page: the page of JupyterLab, which shows this notebook.
        path: its file.
    """

    def __init__(self, page, path):
        self.page, self.path = page, path

    def run_all(self):
        """Run all cells and wait until the last has ended."""
        ask(self.page, "() => jupyterapp.commands.execute('notebook:run-all-cells').then(() => null)")

    def run(self, index):
        """Run one cell and wait until it has ended."""
        ask(
            self.page,
            """async index => {
                const notebook = jupyterapp.shell.currentWidget.content;
                notebook.deselectAll(); notebook.activeCellIndex = index;
                await jupyterapp.commands.execute('notebook:run-cell'); return null; }""",
            index,
        )

    def start(self, index):
        """Run one cell, and do not wait for its end."""
        self.page.evaluate(
            """index => {
                const notebook = jupyterapp.shell.currentWidget.content;
                notebook.deselectAll(); notebook.activeCellIndex = index;
                jupyterapp.commands.execute('notebook:run-cell'); }""",
            index,
        )

    def says(self, index, expected):
        """Run a cell until it says this: what was done on the page reaches the kernel's variables a moment later.

        Args:
            index: of the cell.
            expected: all that it says, with single spaces; or a pattern that is found in it.
        """
        deadline = time.monotonic() + TIMEOUT / 1000
        while True:
            self.run(index)
            said = " ".join(self.output(index).locator(".jp-OutputArea-output").inner_text().split())
            if said == expected if isinstance(expected, str) else expected.search(said):
                return
            assert time.monotonic() < deadline, f"the cell says {said!r}, and not {expected!r}"
            self.page.wait_for_timeout(100)

    def output(self, index):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-Cell-outputWrapper")

    def save(self):
        """Save through the page, and give the notebook as it is in the file."""
        ask(self.page, "() => jupyterapp.commands.execute('docmanager:save').then(() => null)")
        return json.loads(self.path.read_text())

    def theme(self, name):
        change = "name => jupyterapp.commands.execute('apputils:change-theme', {theme: name}).then(() => null)"
        ask(self.page, change, name)
        mark = "true" if "Light" in name else "false"
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{mark}'")
        self.page.wait_for_timeout(300)  # its style sheet comes after its mark

    def cells(self):
        """The type and the source of each cell, as the page has them now."""
        return self.page.evaluate(
            "() => [...jupyterapp.shell.currentWidget.content.model.cells].map(c => [c.type, c.sharedModel.getSource()])"
        )

    def close(self):
        ask(
            self.page,
            """async () => { const w = jupyterapp.shell.currentWidget; if (!w?.sessionContext) return null;
                await w.sessionContext.shutdown(); w.context.model.dirty = false; w.dispose(); return null; }""",
        )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.call_failed = report.failed
    return report


@pytest.fixture
def notebook(lab, lab_page, request):
    """``notebook("first cell", "second cell")`` opens a new notebook with a kernel of its own."""
    lab_page.script_errors.clear()
    opened = []

    def open_(*sources, kernel="python3"):
        try:
            book = _started(lab_page, write_notebook(lab.root, sources, kernel))
        except Error as error:
            # JupyterLab did not come to it, and this test has run nothing yet: once more, on a new page.
            errors = "\n".join([str(error), *lab_page.script_errors])
            request.node.add_report_section("setup", "JupyterLab", f"opened on a second page, after {errors}")
            load(lab_page, lab)
            lab_page.script_errors.clear()
            book = _started(lab_page, write_notebook(lab.root, sources, kernel))
        opened.append(book)
        return book

    yield open_
    broken = True
    try:
        for book in opened:
            book.close()
        broken = bool(lab_page.script_errors) or getattr(request.node, "call_failed", False)
    finally:
        if broken:
            load(lab_page, lab)  # whatever was broken stays with this test


@pytest.fixture(scope="session")
def notebook7_server(tmp_path_factory):
    with LabServer(tmp_path_factory.mktemp("notebook7"), "notebook") as server:
        yield server


@pytest.fixture
def notebook7(notebook7_server, chromium):
    """``notebook7("first cell", "second cell")`` opens a new notebook in Notebook 7, on a page of its own."""
    context = chromium.new_context(viewport={"width": 1200, "height": 1000})
    opened = []

    def open_(*sources):
        path = write_notebook(notebook7_server.root, sources)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT)
        page.script_errors = []
        page.on("pageerror", lambda error: page.script_errors.append(str(error)))
        page.goto(notebook7_server.url(f"/notebooks/{path.name}"))
        page.wait_for_function("() => window.jupyterapp", timeout=60_000)
        page.wait_for_function(IDLE, timeout=60_000)
        page.script_errors.clear()  # Notebook 7 has errors of its own while it starts
        opened.append(Notebook(page, path))
        return opened[-1]

    yield open_
    for book in opened:
        book.close()
    context.close()


@pytest.fixture
def reopened(lab_page):
    """``reopened(notebook)`` closes a saved notebook and opens its file again, with no kernel."""

    def reopen(book):
        book.close()
        _show(lab_page, book.path, kernel=False)
        return book

    return reopen


@pytest.fixture
def reloaded(lab, lab_page):
    """``reloaded(notebook)`` loads the page again and opens the saved notebook in it; its kernel has gone on."""

    def reload(book):
        kernel = lab_page.evaluate(f"() => {KERNEL}.id")
        load(lab_page, lab)
        _show(lab_page, book.path)
        lab_page.wait_for_function(IDLE)
        assert lab_page.evaluate(f"() => {KERNEL}.id") == kernel
        return book

    return reload


def _started(page, path):
    """Open a notebook and wait until its kernel is there."""
    _show(page, path)
    page.wait_for_function(IDLE, timeout=40_000)
    return Notebook(page, path)


def _show(page, path, *, kernel=True):
    ask(
        page,
        """async ([path, kernel]) => {
            const kernelPreference = kernel ? undefined : {shouldStart: false, canStart: false, autoStartDefault: false};
            const w = await jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook', kernelPreference});
            await w.context.ready; if (kernel) await w.sessionContext.ready;
            jupyterapp.shell.activateById(w.id); return null; }""",
        [path.name, kernel],
        seconds=40,
    )


@pytest.fixture
def shown(notebook, tmp_path):
    """``shown("a further cell")`` gives a notebook and the output of its second cell, which shows a panel."""

    def show(*further, engine="'offline'", kernel="python3", subshells=True):
        book = notebook(STUDIO.format(engine=engine, path=tmp_path / "runs"), PANEL, *further, kernel=kernel)
        if not subshells:
            book.page.evaluate(f"() => {{ {KERNEL}.commsOverSubshells = 'disabled'; }}")
        book.run(0)
        book.run(1)
        prompt(book.output(1)).wait_for()
        return book, book.output(1)

    return show


@pytest.fixture(scope="session")
def axe():
    """The script of axe-core."""
    return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


@pytest.fixture
def violations(axe):
    """``violations(locator)`` gives what axe-core finds wrong inside one element, a readable line for each place."""

    def check(locator):
        if not locator.page.evaluate("() => 'axe' in window"):
            locator.page.add_script_tag(content=axe)
            # JupyterLab's body has no height, so that axe-core takes whatever is in it to be clipped, and judges no colour.
            locator.page.add_style_tag(content="body { min-height: 100vh }")
        found = ask(
            locator,
            "(element, tags) => axe.run(element, {runOnly: tags, resultTypes: ['violations']}).then(r => r.violations)",
            RULES,
        )
        return [
            f"{rule['id']} ({rule['impact']}): {node['html'][:160]}: {' '.join(node['failureSummary'].split())}"
            for rule in found
            for node in rule["nodes"]
        ]

    return check


@pytest.fixture
def screenshots(tmp_path):
    """The folder for pictures of the page: ``NBKIT_SCREENSHOTS``, or one that pytest throws away."""
    folder = pathlib.Path(os.environ.get("NBKIT_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def png():
    """The bytes of a small picture."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(out, "PNG")
    return out.getvalue()
