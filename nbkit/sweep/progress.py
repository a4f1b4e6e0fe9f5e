"""The progress of a sweep while ``sweep.run()`` waits for it."""

from __future__ import annotations

from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display
from tqdm import tqdm

from nbkit.display.notice import progress_bundle
from nbkit.display.text import count
from nbkit.results.money import short_amount
from nbkit.results.run import BLOCKED, DONE, FAILED
from nbkit.sweep.runner import Progress, SweepRun

UPDATE_SECONDS = 0.25
"""Between two updates in a notebook."""


def show_progress(running: SweepRun) -> None:
    """Show the progress until nothing is under way: in a notebook as an output that is updated, elsewhere as a bar.

    A notebook saves the last update, whether it keeps the state of widgets or not.
    """
    if hasattr(get_ipython(), "kernel"):
        _show_output(running)
    else:
        _show_bar(running)


def _show_output(running: SweepRun) -> None:
    handle = display(_bundle(running.progress), raw=True, display_id=True)  # type: ignore[no-untyped-call]
    try:
        while not running.wait_finished(UPDATE_SECONDS):
            handle.update(_bundle(running.progress), raw=True)
    finally:  # also after Stop
        handle.update(_bundle(running.progress), raw=True)


def _show_bar(running: SweepRun) -> None:
    with tqdm(total=running.progress.total, unit="cell") as bar:
        while True:
            finished = running.wait_finished(0.1)
            now = running.progress
            bar.update(now.ended - bar.n)
            bar.set_postfix(_counts(now), refresh=False)
            bar.set_description(now.busy or None, refresh=False)
            if finished:
                return


def _counts(now: Progress) -> dict[str, Any]:
    wrong = {name: number for name, number in ((FAILED, now.failed), (BLOCKED, now.blocked)) if number}
    return {DONE: now.done, **wrong, "spent": short_amount(now.spent)}


def _bundle(now: Progress) -> dict[str, str]:
    counts = " · ".join(f"{name} {value}" for name, value in _counts(now).items())
    busy = f" · {now.busy}" if now.busy else ""
    text = f"{now.ended:,} of {count(now.total, 'cell')} · {counts}{busy}"
    return progress_bundle(now.ended, now.total, text)
