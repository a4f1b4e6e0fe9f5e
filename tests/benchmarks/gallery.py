"""What a thousand pictures cost a page: the gallery beside one ``ipywidgets.Image`` each. Run: ``python -m tests.benchmarks.gallery``.

Both show the same 1,000 previews of 256 pixels, made beforehand, in the same JupyterLab in headless Chromium, in a
notebook of their own: the time until the first picture can be seen, what the page's scripts hold in memory, what goes
over the connection for one picture more, and the frames of a page that scrolls from one end to the other.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Page, sync_playwright

from tests.browser.lab_server import CHROMIUM_FLAGS, LabServer
from tests.gallery_log import write_log

PICTURES = 1_000
ROUNDS = 3
BEFORE = """
import pathlib, sys, uuid
import ipywidgets as widgets
import sqlalchemy as sa
from nbkit.log import RunLog
from nbkit.log.schema import IMAGES, RUNS
from nbkit.widgets.gallery.gallery import Gallery
log = RunLog(pathlib.Path({folder!r}))
files = [pathlib.Path(file) for file in log.to_frame().file.dropna()]
small = [log.previews.get(file, 256) for file in files]
"""
IMAGES_EACH = """
images = [widgets.Image(value=data, width=256) for data in small]
box = widgets.Box(images, layout=dict(flex_flow='row wrap', height='520px', overflow='auto'))
box.add_class('benchmark'); box
"""
ONE_RUN_MORE = """
with log.database.writing() as connection:
    last = dict(connection.execute(sa.select(RUNS).order_by(RUNS.c.id.desc()).limit(1)).mappings().one())
    picture = dict(connection.execute(sa.select(IMAGES).order_by(IMAGES.c.id.desc()).limit(1)).mappings().one())
    last |= dict(id=last['id'] + 1, taskUUID=str(uuid.uuid4()), status='done', error=None)
    picture |= dict(id=picture['id'] + 1, run=last['id'], imageUUID=str(uuid.uuid4()))
    connection.execute(sa.insert(RUNS), [last]); connection.execute(sa.insert(IMAGES), [picture])
gallery.refresh()
"""
SIDES = {
    "one Image each": (
        IMAGES_EACH,
        "box.children = (widgets.Image(value=small[0], width=256), *box.children)",
        ".benchmark",
    ),
    "the gallery": ("gallery = Gallery(log, size=256)\ngallery", ONE_RUN_MORE, ".nbkit-wall-list"),
}
RUN = """async index => { const n = jupyterapp.shell.currentWidget.content; n.deselectAll(); n.activeCellIndex = index;
    await jupyterapp.commands.execute('notebook:run-cell'); return null; }"""
SEEN = """selector => [...document.querySelectorAll(`${selector} img`)].some(i => i.complete && i.naturalWidth)"""
LISTEN = """() => { window.heard = 0;
    jupyterapp.shell.currentWidget.sessionContext.session.kernel.anyMessage.connect((_, {msg}) => {
        if (!msg.header.msg_type.startsWith('comm_')) return;
        window.heard += JSON.stringify(msg.content).length + msg.buffers.reduce((sum, b) => sum + b.byteLength, 0); }); }"""
SCROLL = """selector => new Promise(done => { const e = document.querySelector(selector), times = [], began = performance.now();
    const step = now => { times.push(now); const part = (now - began) / 3000; e.scrollTop = part * e.scrollHeight;
        part < 1 ? requestAnimationFrame(step) : done(times.slice(1).map((t, i) => t - times[i])); };
    requestAnimationFrame(step); })"""


def heap(page: Page) -> float:
    """What the page's scripts hold, in MB."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return used / 1e6


def show(page: Page, root: Path, folder: Path, side: str) -> dict[str, float]:
    """Open a notebook, show the pictures in it, and measure."""
    make, add, selector = SIDES[side]
    path = root / f"{time.time_ns()}.ipynb"
    before = BEFORE.format(folder=str(folder))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [new_code_cell(source) for source in (before, make, add)]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), str(path))
    page.evaluate(
        """async path => { const w = await jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook'});
            await w.context.ready; await w.sessionContext.ready; jupyterapp.shell.activateById(w.id); return null; }""",
        path.name,
    )
    page.evaluate(RUN, 0)
    empty = heap(page)
    page.evaluate(LISTEN)
    began = time.perf_counter()
    page.evaluate(f"index => {{ ({RUN})(index); }}", 1)
    page.wait_for_function(SEEN, arg=selector, polling="raf")
    found = {"first sight, s": time.perf_counter() - began}
    quiet = -1
    while quiet != (quiet := page.evaluate("() => window.heard")):
        page.wait_for_timeout(1000)
    found["over the connection, kB"] = quiet / 1e3
    found["page heap, MB"] = heap(page) - empty
    page.evaluate(RUN, 2)
    page.wait_for_timeout(1500)
    # Running that cell scrolls the page, and brings more of the wall into view: the second time it is one picture more.
    before_one = page.evaluate("() => window.heard")
    page.evaluate(RUN, 2)
    page.wait_for_timeout(1500)
    found["one picture more, kB"] = (page.evaluate("() => window.heard") - before_one) / 1e3
    frames = page.evaluate(SCROLL, selector)
    found["frame while scrolling, median ms"] = statistics.median(frames)
    found["frame while scrolling, 95 % ms"] = statistics.quantiles(frames, n=20)[-1]
    found["page heap after scrolling, MB"] = heap(page) - empty
    page.evaluate(
        """async () => { const w = jupyterapp.shell.currentWidget; await w.sessionContext.shutdown();
            w.context.model.dirty = false; w.dispose(); return null; }"""
    )
    return found


def main(chromium: str = "/usr/bin/chromium") -> None:
    """Measure both sides in turn, and print the medians and their ratios."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        root = Path(name)
        log = write_log(root / "runs", PICTURES * 11 // 10)
        for file in log.to_frame().file.dropna().unique():
            log.previews.get(Path(file), 256)
        log.close()
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=list(CHROMIUM_FLAGS))
        with LabServer(root) as lab:
            page = browser.new_page(viewport={"width": 1200, "height": 1000})
            page.goto(lab.url("/lab?reset"))
            page.wait_for_function("() => window.jupyterapp", timeout=60_000)
            page.evaluate("() => jupyterapp.restored.then(() => null)")
            page.evaluate("() => { jupyterapp.shell.mode = 'single-document'; jupyterapp.shell.collapseLeft(); }")
            rounds = [{side: show(page, root, root / "runs", side) for side in SIDES} for _ in range(ROUNDS)]
        browser.close()
    theirs, ours = SIDES
    print(f"{'':36}{theirs:>16}{ours:>16}{'ratio':>9}")
    for what in rounds[0][ours]:
        one, other = (statistics.median(found[side][what] for found in rounds) for side in (theirs, ours))
        print(f"{what:36}{one:16.2f}{other:16.2f}{one / other if other > 0 else float('inf'):9.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
