"""Run all tests: ``python -m tests``. Each pytest run gets the arguments after it, such as ``-x``.

There are two pytest runs, because a browser session leaves an event loop running in the main thread.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def pytest(*arguments: str) -> int:
    return subprocess.call([sys.executable, "-m", "pytest", *arguments, *sys.argv[1:]], cwd=HERE.parent)


def browser() -> int:
    # A small machine can run two browsers, so there are two workers; the tests of a file share a server and a page.
    # A test that hangs inside Playwright cannot be interrupted, so the time limit ends its worker and the whole run.
    limits = ("--timeout=300", "--timeout-method=thread", "--max-worker-restart=0")
    return pytest("tests/browser", "-v", "-n", "2", "--dist", "loadfile", *limits)


def units() -> int:
    # Many tests wait for another process: with a worker more than there are cores, a core is idle less often.
    return pytest("tests", "-n", str((os.cpu_count() or 1) + 1))


if __name__ == "__main__":
    sys.exit(any([units(), browser()]))
