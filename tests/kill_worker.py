"""What the processes do that ``test_kill.py`` kills: one run after the other, of every kind."""

import random

from conftest import QUICK

import nbkit


def work(url, path, number):
    """Make pictures until somebody ends it."""
    dice = random.Random(number)
    studio = nbkit.Studio(engine=url, path=path, pace=QUICK)
    while True:
        studio.generate(
            f"A lantern, {number}",
            width=512,
            height=512,
            number_results=dice.choice([1, 2, 3]),
            output_type=dice.choice(["URL", "URL", "base64Data", "dataURI"]),
            delivery_method=dice.choice(["sync", "sync", "async"]),
        )
