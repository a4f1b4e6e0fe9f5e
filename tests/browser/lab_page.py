"""JupyterLab in a page: load it, open a notebook, run its cells, read their outputs.

For the browser tests, and for the benchmarks that need a page.
"""

import json
import pathlib
import time

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

TIMEOUT = 25_000
"""Milliseconds that anything on the page may take."""

VIEWPORT = {"width": 1200, "height": 1000}
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"
RUNNING = "[*]:"
"""The prompt of a cell that has been sent to the kernel and has not ended."""

KERNEL = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"
# Sometimes the first messages of a kernel come before the page listens, and its status stays "unknown" although the
# kernel is ready (seen once in 40 with JupyterLab 4.6 and ipykernel 7.3): then the page requests the status again.
IDLE = """() => {
    const kernel = jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel;
    if (kernel?.status === 'idle') return true;
    if (kernel?.connectionStatus === 'connected' && performance.now() - (window.askedKernel ?? 0) > 3000) {
        window.askedKernel = performance.now();
        kernel.requestKernelInfo().catch(() => null);
    }
    return false; }"""
# Playwright waits without a limit for a promise of the page; one that is never settled would hang the test run.
WITH_TIME_LIMIT = """(...given) => Promise.race([
    (%(script)s)(...given),
    new Promise((_, reject) => setTimeout(() => {
        const kernel = globalThis.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
        const dialog = document.querySelector('.jp-Dialog')?.innerText ?? '';
        reject(new Error(
            `not done within %(seconds)d s (kernel ${kernel?.status}, ${kernel?.connectionStatus}) ${dialog}`));
    }, %(seconds)d * 1000)),
])"""


def evaluate_async(target, script, argument=None, *, seconds=60):
    """Call an asynchronous JavaScript function of a page or an element and return its value.

    Raises:
        playwright.sync_api.Error: if the promise is not settled after ``seconds``.
    """
    return target.evaluate(WITH_TIME_LIMIT % {"script": script, "seconds": seconds}, argument)


def wait_for_kernel(page, *, seconds=40):
    """Wait until the kernel of the notebook in view is idle, and has answered.

    The first messages of a kernel can be lost although it is idle (seen once in some thousand starts): a cell that is sent
    then never ends on the page. So an empty execution goes first, and is sent again until one has ended.
    """
    page.wait_for_function(IDLE, timeout=seconds * 1000)
    evaluate_async(
        page,
        f"""async () => {{
            for (let ended = false; !ended;) {{
                const asked = {KERNEL}.requestExecute({{ code: "", silent: true, store_history: false }});
                ended = await Promise.race([
                    asked.done.then(() => true, () => false),
                    new Promise((resolve) => setTimeout(resolve, 5000, false)),
                ]);
                if (!ended) asked.dispose();
            }}
            return null; }}""",
        seconds=seconds,
    )


def load_lab(page, server):
    """Load JupyterLab with nothing open in it: one document over the whole width, no file browser."""
    page.goto(server.url("/lab?reset"))
    page.wait_for_function("() => window.jupyterapp", timeout=60_000)
    evaluate_async(page, "() => jupyterapp.restored.then(() => null)")
    page.evaluate("() => { jupyterapp.shell.mode = 'single-document'; jupyterapp.shell.collapseLeft(); }")


def write_notebook(folder, sources, kernel="python3"):
    """Write a notebook with these code cells, to be run by this kernel; return its path."""
    path = pathlib.Path(folder) / f"test{time.time_ns()}.ipynb"
    metadata = {"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}}
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources], metadata=metadata), str(path))
    return path


def show_notebook(page, path, *, kernel=True):
    """Show a notebook of the server's folder; without ``kernel``, none is started for it."""
    evaluate_async(
        page,
        """async ([path, kernel]) => {
            const kernelPreference = kernel ? undefined : {shouldStart: false, canStart: false, autoStartDefault: false};
            const w = await jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook', kernelPreference});
            await w.context.ready; if (kernel) await w.sessionContext.ready;
            jupyterapp.shell.activateById(w.id); return null; }""",
        [path.name, kernel],
        seconds=40,
    )


def set_theme(page, name):
    """Change JupyterLab's theme and wait until it is applied."""
    change = "name => jupyterapp.commands.execute('apputils:change-theme', {theme: name}).then(() => null)"
    evaluate_async(page, change, name)
    is_light = "true" if name == LIGHT else "false"
    page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{is_light}'")
    page.wait_for_timeout(300)  # the style sheet of the theme is applied after the attribute is set


class Notebook:
    """A notebook in the page.

    Args:
        page: the page of JupyterLab that shows the notebook.
        path: its file.
    """

    def __init__(self, page, path):
        self.page, self.path = page, path

    @classmethod
    def open(cls, page, path):
        """Show a notebook and wait until its kernel is idle."""
        show_notebook(page, path)
        wait_for_kernel(page)
        return cls(page, path)

    # -- running cells ---------------------------------------------------------------------------------------

    def run_all(self):
        """Run all cells and wait until the last one has ended."""
        evaluate_async(self.page, "() => jupyterapp.commands.execute('notebook:run-all-cells').then(() => null)")

    def run(self, index):
        """Run one cell and wait until it has ended."""
        evaluate_async(
            self.page,
            """async index => {
                const notebook = jupyterapp.shell.currentWidget.content;
                notebook.deselectAll(); notebook.activeCellIndex = index;
                await jupyterapp.commands.execute('notebook:run-cell'); return null; }""",
            index,
        )

    def start(self, index):
        """Start one cell; return its prompt, whose text is ``RUNNING`` until the cell ends."""
        self.page.evaluate(
            """index => {
                const notebook = jupyterapp.shell.currentWidget.content;
                notebook.deselectAll(); notebook.activeCellIndex = index;
                jupyterapp.commands.execute('notebook:run-cell'); }""",
            index,
        )
        return self.cells.nth(index).locator(".jp-InputPrompt")

    def run_and_read(self, index):
        """Run a cell and return the text of its output, with single spaces."""
        self.run(index)
        return " ".join(self.output(index).locator(".jp-OutputArea-output").inner_text().split())

    def run_until(self, index, expected):
        """Run a cell again and again until it prints this: what a user does on the page reaches the kernel a moment later.

        Args:
            index: of the cell.
            expected: the whole output, with single spaces; or a pattern that is found in it.
        """
        deadline = time.monotonic() + TIMEOUT / 1000
        while True:
            printed = self.run_and_read(index)
            if printed == expected if isinstance(expected, str) else expected.search(printed):
                return
            assert time.monotonic() < deadline, f"the cell printed {printed!r} instead of {expected!r}"
            self.page.wait_for_timeout(100)

    # -- what the page shows -----------------------------------------------------------------------------------

    @property
    def cells(self):
        return self.page.locator(".jp-Notebook .jp-Cell")

    def output(self, index):
        return self.cells.nth(index).locator(".jp-Cell-outputWrapper")

    def cell_sources(self):
        """The type and the source of each cell, as the page has them now."""
        return self.page.evaluate(
            "() => [...jupyterapp.shell.currentWidget.content.model.cells].map(c => [c.type, c.sharedModel.getSource()])"
        )

    def set_source(self, index, code):
        self.page.evaluate(
            "([index, code]) => { jupyterapp.shell.currentWidget.content.widgets[index].model.sharedModel.setSource(code); }",
            [index, code],
        )

    def replace_cells(self, sources):
        """Put new code cells in place of all cells; the kernel goes on."""
        self.page.evaluate(
            """sources => {
                const { sharedModel } = jupyterapp.shell.currentWidget.content.model;
                sharedModel.transact(() => {
                    sharedModel.deleteCellRange(0, sharedModel.cells.length);
                    sharedModel.insertCells(0, sources.map(source => ({cell_type: 'code', source, metadata: {}, outputs: []})));
                }); }""",
            list(sources),
        )

    def restart_kernel(self):
        """Restart the kernel and wait until it is idle."""
        evaluate_async(self.page, f"() => {KERNEL}.restart().then(() => null)")
        wait_for_kernel(self.page)

    def active_cell(self):
        """The index of the active cell."""
        return self.page.evaluate("() => jupyterapp.shell.currentWidget.content.activeCellIndex")

    # -- the notebook as a whole -------------------------------------------------------------------------------

    def save(self):
        """Save through the page and return the content of the file."""
        evaluate_async(self.page, "() => jupyterapp.commands.execute('docmanager:save').then(() => null)")
        return json.loads(self.path.read_text())

    def set_theme(self, name):
        set_theme(self.page, name)

    def disable_subshells(self):
        """Send widget messages to the kernel's main thread, which handles them between two cells."""
        self.page.evaluate(f"() => {{ {KERNEL}.commsOverSubshells = 'disabled'; }}")

    def close(self):
        evaluate_async(
            self.page,
            """async () => { const w = jupyterapp.shell.currentWidget; if (!w?.sessionContext) return null;
                await w.sessionContext.shutdown(); w.context.model.dirty = false; w.dispose(); return null; }""",
        )
