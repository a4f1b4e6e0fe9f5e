"""Run all tests: ``python -m tests``. Each pytest run gets the arguments after it, such as ``-x``.

There are three pytest runs: a browser session leaves an event loop running in the main thread, and another plugin
collects the notebooks. The notebooks run in a temporary folder, because the log of an earlier run beside them would
change their outputs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def pytest(*arguments: str) -> int:
    return subprocess.call([sys.executable, "-m", "pytest", *arguments, *sys.argv[1:]], cwd=HERE.parent)


def notebooks() -> int:
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted((HERE.parent / "notebooks").glob("*.ipynb")):
            shutil.copy(path, folder)
        settings = ["-c", str(HERE.parent / "pyproject.toml"), "--rootdir", folder, "-p", "no:cacheprovider"]
        return pytest(
            folder, "--nbval", "--nbval-current-env", "--nbval-sanitize-with", str(HERE / "sanitize.cfg"), *settings
        )


def browser() -> int:
    # A small machine can run two browsers, so there are two workers; the tests of a file share a server and a page.
    # A test that hangs inside Playwright cannot be interrupted, so the time limit ends its worker and the whole run.
    limits = ("--timeout=300", "--timeout-method=thread", "--max-worker-restart=0")
    return pytest("tests/browser", "-v", "-n", "2", "--dist", "loadfile", *limits)


if __name__ == "__main__":
    sys.exit(any([pytest("tests", "-n", "auto"), notebooks(), browser()]))
