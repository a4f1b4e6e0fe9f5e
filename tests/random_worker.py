"""The work of the processes that ``test_random_service.py`` kills: random runs in several threads."""

import dataclasses
import random
import threading

from conftest import QUICK

import nbkit

PACE = dataclasses.replace(QUICK, patience=0.3)
"""How long to wait for a task that does not end; ``recover()`` asks for it later."""


def parameters(prompt, numbers):
    """Random parameters of a run that the service accepts."""
    return {
        "prompt": prompt,
        "width": 512,
        "height": 512,
        "number_results": numbers.choice([1, 1, 2, 3, 4]),
        "output_type": numbers.choice(["URL", "URL", "base64Data", "dataURI"]),
        "output_format": numbers.choice(["JPG", "PNG", "WEBP"]),
        "delivery_method": numbers.choice(["sync", "sync", "async"]),
        "seed": numbers.choice([7, 2**53 + 1, 2**63 - 2**20]),
        "include_cost": True,
    }


def work(url, path, seed, kernel):
    """Generate pictures in two threads until the process is killed."""
    studio = nbkit.Studio(engine=url, api_key="test-key", path=path, pace=PACE)

    def generate(thread):
        numbers, number = random.Random(f"{seed} {thread}"), 0
        while True:
            studio.generate(**parameters(f"Lantern {kernel} {thread} {number}", numbers))
            number += 1

    threads = [threading.Thread(target=generate, args=[thread], daemon=True) for thread in range(2)]
    for thread in threads:
        thread.start()
    threads[0].join()
