"""The work of the processes that ``test_kill.py`` kills: runs of every kind, one after the other."""

import random

from conftest import QUICK

import nbkit


def work(url, path, number):
    """Generate pictures until the process is killed; the number seeds the choice of parameters."""
    pick = random.Random(number).choice
    studio = nbkit.Studio(engine=url, path=path, pace=QUICK)
    while True:
        studio.generate(
            f"A lantern, {number}",
            width=512,
            height=512,
            number_results=pick([1, 2, 3]),
            output_type=pick(["URL", "URL", "base64Data", "dataURI"]),
            delivery_method=pick(["sync", "sync", "async"]),
        )
