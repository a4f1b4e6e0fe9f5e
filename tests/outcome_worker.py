"""A kernel that waits for two pictures of one task; for ``multiprocessing``, which imports this module by its name."""

import dataclasses

from conftest import QUICK

import nbkit


def work(url, folder):
    """Send one asynchronous task for two pictures, and poll for a minute."""
    studio = nbkit.Studio(engine=url, path=folder, pace=dataclasses.replace(QUICK, patience=60.0))
    studio.generate("A paper lantern", seed=7, number_results=2, delivery_method="async")
