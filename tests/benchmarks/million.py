"""A log of a million rows: what is shown, found and counted, each in a process of its own, with its time and memory.

    python -m tests.benchmarks.million [ROWS [FOLDER]]

The rows are those of ``tests.benchmarks.log``. A folder that has a log keeps it for the next time. Beside each time stands
that of reading the whole frame, which took the place of all of them in nbkit 0.1.0.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nbkit import RunLog
from tests.benchmarks.log import fill

ROWS = 1_000_000

STEPS = {
    "the whole frame": "log.to_frame()",
    "the log as a last line": "log._repr_mimebundle_()",
    "a gallery's first page": "Gallery(log)",
    "its filter": "gallery.filter('temperature < 0.1')",
    "its search": "gallery.search('lantern')",
    "its order": "gallery.sort('cost')",
    "its groups": "gallery.group('status')",
    "log.show()": "log.show()",
    "log.show(by='status')": "log.show(by='status')",
    "a filter's newest 100 rows": "log.filter('rating >= 2 and temperature < 0.5', limit=100)",
    "a filter that finds nothing": "log.filter('rating == 5')",
    **{f"a search's newest 100 rows: {text}": f"log.search({text!r}, limit=100)" for text in ("lantern", "signal4711", "STRASSE", "é", "灯笼", "la", "qz")},
    "all rows of a search": "log.search('signal')",
    "the prompts that were typed last": "log.prompts()",
    "those that contain a text": "log.prompts('quiet street')",
    "an identical request": "log.same_as(ImageRequest('A lantern', seed=7), 'offline')",
    "runs that are not settled": "log.history.unsettled()",
    "the newest run": "next(iter(log))",
}  # fmt: skip

CODE = """
import json, pathlib, resource, sys, time
from nbkit import ImageRequest, RunLog
from nbkit.widgets.gallery.gallery import Gallery
log = RunLog(pathlib.Path(sys.argv[1]))
gallery = Gallery(log) if "gallery." in sys.argv[2] else None
started = time.perf_counter()
eval(sys.argv[2])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([time.perf_counter() - started, peak]))
"""


def main(rows: int = ROWS, folder: str = "") -> None:
    """Write the log unless it is there, open it once, and print the steps."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(folder or temporary)
        started = time.perf_counter()
        if not (path / "log.sqlite").exists():
            log = RunLog(path)
            fill(log, rows)
            log.close()
        filled = time.perf_counter()
        RunLog(path).close()
        print(f"written in {filled - started:.0f} s · opened, with its index, in {time.perf_counter() - filled:.1f} s")
        whole = 0.0
        for name, code in STEPS.items():
            command = [sys.executable, "-c", CODE, str(path), code]
            seconds, peak = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            whole = whole or seconds
            print(f"{name:48} {seconds:8.3f} s  {peak:6.0f} MB  {seconds / whole:8.4f} of the whole frame", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:3])
