"""Run every test: ``python -m tests``. What follows is handed to each pytest run, such as ``-x``.

Three runs, because they do not mix: a browser session leaves an event loop running in the main thread, and
notebooks are collected by another plugin. The notebooks run in a folder of their own, so that a log which a
reader's own run has left beside them changes nothing.
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
    # A browser for each of two workers is what a small machine carries; a file's tests share its server and page.
    # One that hangs inside Playwright cannot be interrupted: its worker is ended, and with it the run.
    limits = ("--timeout=300", "--timeout-method=thread", "--max-worker-restart=0")
    return pytest("tests/browser", "-v", "-n", "2", "--dist", "loadfile", *limits)


if __name__ == "__main__":
    sys.exit(any([pytest("tests", "-n", "auto"), notebooks(), browser()]))
