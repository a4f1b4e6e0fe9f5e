"""The work of the processes that ``test_sweep_faults.py`` kills: one sweep, which each of them continues."""

from conftest import QUICK

import nbkit

CELLS = 40


def lanterns(studio):
    """A sweep of forty cells, one half sync and the other async."""
    return studio.sweep(
        "A {colour} lantern",
        colour=["red", "jade"],
        temperature=[0.1, 0.9],
        seed=range(5),
        delivery_method=["sync", "async"],
        resolution="0.5K",
        name="killed",
    )


def work(url, path, finished):
    """Run the cells that are missing, then create the file ``finished``."""
    studio = nbkit.Studio(engine=url, path=path, pace=QUICK)
    lanterns(studio).start(max_workers=6).wait()
    finished.touch()  # a lock that is shared with the parent, as in an Event, would stay locked after a kill
    studio.close()
