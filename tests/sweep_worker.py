"""What the processes do that ``test_sweep_faults.py`` kills: the same sweep, again and again, until it is finished."""

from conftest import QUICK

import nbkit

CELLS = 40


def lanterns(studio):
    """The sweep: forty cells, of every way in which a picture may travel."""
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
    """Run what is missing."""
    studio = nbkit.Studio(engine=url, path=path, pace=QUICK)
    lanterns(studio).start(max_workers=6).wait()
    finished.set()
    studio.close()
