"""Run every test: ``python -m tests``. What follows is handed to each pytest run, such as ``-x``.

Three runs, because they do not mix: a browser session leaves an event loop running in the main thread, and
notebooks are collected by another plugin.
"""

from __future__ import annotations

import subprocess
import sys

RUNS = (
    ["tests"],
    ["notebooks", "--nbval", "--nbval-current-env", "--nbval-sanitize-with", "tests/sanitize.cfg"],
    ["tests/browser"],
)

if __name__ == "__main__":
    codes = [subprocess.call([sys.executable, "-m", "pytest", *run, *sys.argv[1:]]) for run in RUNS]
    sys.exit(max(codes))
