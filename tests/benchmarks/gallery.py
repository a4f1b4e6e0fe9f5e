"""A thousand pictures in a page: the gallery, beside one ``ipywidgets.Image`` for each picture.

    python -m tests.benchmarks.gallery

Both sides show the same 1,000 previews of 256 pixels, which are made before, in the same JupyterLab in headless
Chromium, each in a notebook of its own. Measured are the time until the first picture is visible, the memory of the
page's scripts, the bytes over the connection when one picture is added, and the frames while the page scrolls from one
end to the other. ``$CHROMIUM`` is the path of the browser.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from playwright.sync_api import Page

from tests.benchmarks.lab import open_lab
from tests.browser.lab_page import KERNEL, Notebook, write_notebook
from tests.gallery_log import write_log

PICTURES = 1_000
ROUNDS = 3
SETUP = """
import pathlib, uuid
import ipywidgets as widgets
import nbkit
import sqlalchemy as sa
from nbkit.log.schema import IMAGES, RUNS
log = nbkit.RunLog(pathlib.Path({folder!r}))
files = [pathlib.Path(file) for file in log.to_frame().file.dropna()]
small = [log.previews.get(file, 256) for file in files]
"""
IMAGES_EACH = """
images = [widgets.Image(value=data, width=256) for data in small]
box = widgets.Box(images, layout=dict(flex_flow='row wrap', height='520px', overflow='auto'))
box.add_class('benchmark'); box
"""
ADD_A_RUN = """
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
    "the gallery": ("gallery = nbkit.Gallery(log, size=256)\ngallery", ADD_A_RUN, ".nbkit-images-list"),
}
"""By the name of a side: the cell that shows the pictures, the cell that adds one, the element that scrolls."""

IS_VISIBLE = """selector => [...document.querySelectorAll(`${selector} img`)].some(i => i.complete && i.naturalWidth)"""
COUNT_BYTES = f"""() => {{ window.bytes = 0;
    {KERNEL}.anyMessage.connect((_, {{msg}}) => {{
        if (!msg.header.msg_type.startsWith('comm_')) return;
        window.bytes += JSON.stringify(msg.content).length + msg.buffers.reduce((sum, b) => sum + b.byteLength, 0); }}); }}"""
SCROLL = """selector => new Promise(done => { const e = document.querySelector(selector), times = [], began = performance.now();
    const step = now => { times.push(now); const part = (now - began) / 3000; e.scrollTop = part * e.scrollHeight;
        part < 1 ? requestAnimationFrame(step) : done(times.slice(1).map((t, i) => t - times[i])); };
    requestAnimationFrame(step); })"""


def heap_mb(page: Page) -> float:
    """The memory of the page's scripts after a garbage collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return used / 1e6


def received_bytes(page: Page) -> int:
    return page.evaluate("() => window.bytes")


def measure(page: Page, root: Path, log: Path, side: str) -> dict[str, float]:
    """Show the pictures in a new notebook and measure.

    Args:
        page: with JupyterLab.
        root: the folder of its notebooks.
        log: the folder of the log.
        side: a key of ``SIDES``.
    """
    show, add, selector = SIDES[side]
    book = Notebook.open(page, write_notebook(root, (SETUP.format(folder=str(log)), show, add)))
    book.run(0)
    empty = heap_mb(page)
    page.evaluate(COUNT_BYTES)
    started = time.perf_counter()
    book.start(1)
    page.wait_for_function(IS_VISIBLE, arg=selector, polling="raf")
    figures = {"first sight, s": time.perf_counter() - started}
    received = -1
    while received != (received := received_bytes(page)):
        page.wait_for_timeout(1000)
    figures["over the connection, kB"] = received / 1e3
    figures["page heap, MB"] = heap_mb(page) - empty
    book.run(2)
    page.wait_for_timeout(1500)
    # The first run of this cell scrolls the page and brings more pictures into view; only the second adds just one.
    before = received_bytes(page)
    book.run(2)
    page.wait_for_timeout(1500)
    figures["one picture more, kB"] = (received_bytes(page) - before) / 1e3
    frames = page.evaluate(SCROLL, selector)
    figures["frame while scrolling, median ms"] = statistics.median(frames)
    figures["frame while scrolling, 95 % ms"] = statistics.quantiles(frames, n=20)[-1]
    figures["page heap after scrolling, MB"] = heap_mb(page) - empty
    book.close()
    return figures


def main() -> None:
    """Measure both sides in turn; print the medians and their ratios."""
    with open_lab() as (page, root):
        log = write_log(root / "runs", PICTURES * 11 // 10)  # every eleventh run has no picture
        for file in log.to_frame().file.dropna().unique():
            log.previews.get(Path(file), 256)
        log.close()
        rounds = [{side: measure(page, root, root / "runs", side) for side in SIDES} for _ in range(ROUNDS)]
    theirs, ours = SIDES
    print(f"{'':36}{theirs:>16}{ours:>16}{'ratio':>9}")
    for name in rounds[0][ours]:
        their_median, our_median = (statistics.median(figures[side][name] for figures in rounds) for side in SIDES)
        ratio = their_median / our_median if our_median > 0 else float("inf")
        print(f"{name:36}{their_median:16.2f}{our_median:16.2f}{ratio:9.1f}")


if __name__ == "__main__":
    main()
