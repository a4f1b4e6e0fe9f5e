"""Serves a class from a process of its own, for tests that kill it: ``class_worker.py FOLDER PORT UPSTREAM``."""

import sys
import time
from pathlib import Path

from class_tools import serving_class

from nbkit.offline import server

folder, port, upstream = sys.argv[1:4]


class _Server(server.Server):
    def __init__(self, **options):
        super().__init__(port=int(port), **options)


import class_tools  # noqa: E402

class_tools.Server = _Server
with serving_class(Path(folder), {}, upstream=upstream) as at_work:
    sys.stdout.write(f"{at_work.url}\n")
    sys.stdout.flush()
    while True:
        time.sleep(1)
