"""The time of a sweep beside the shortest possible time, and the memory of a large sweep.

    python -m tests.benchmarks.sweep [CELLS]

200 cells, 200 ms of latency, 16 or 64 requests at once, a picture of 200 kB each: no client can be faster than
ceil(200 / 16) x 200 ms. In turn with the sweep, a bare ``httpx.Client`` in as many threads does the same POST and GET,
without decoding or writing anything. Then a sweep of 10,000 cells (or ``CELLS``) with the engine in this process: how
much its memory grows.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil

import nbkit
from tests.benchmarks.stub import bare_request, stub
from tests.benchmarks.timing import median_of_each

CELLS, LATENCY, ROUNDS = 200, 0.2, 3

CELLS_FOR_MEMORY = 10_000


def seconds_of_bare_requests(url: str, workers: int) -> float:
    with httpx.Client(limits=httpx.Limits(max_connections=None)) as client:
        started = time.perf_counter()
        with ThreadPoolExecutor(workers) as pool:
            sizes = list(pool.map(lambda seed: len(bare_request(client, url, seed)), range(CELLS)))
        assert min(sizes) > 100_000
        return time.perf_counter() - started


def seconds_of_a_sweep(url: str, workers: int) -> float:
    """From start until all runs are settled and all pictures are checked and on disk."""
    with tempfile.TemporaryDirectory() as folder:
        studio = nbkit.Studio(engine=url, path=folder)
        cells = studio.sweep("A lantern", seed=range(CELLS))
        started = time.perf_counter()
        cells.start(max_workers=workers, confirm=True).wait()
        took = time.perf_counter() - started
        assert cells.result.counts == {"done": CELLS}
        cells.result.grid()
        studio.close()
        return took


def growth_in_mb(count: int) -> float:
    """How much the memory of the process grows during a sweep whose pictures are not referenced."""
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        studio = nbkit.Studio(engine="offline", path=folder)
        studio.generate("A lantern", resolution="0.5K")
        before = process.memory_info().rss
        peak = before
        running = studio.sweep("A lantern", seed=range(count), resolution="0.5K").start(max_workers=4, confirm=True)
        while not running.wait_finished(0.5):
            peak = max(peak, process.memory_info().rss)
        studio.close()
    return (peak - before) / 1e6


def main(cells: int = CELLS_FOR_MEMORY) -> None:
    with stub(latency=LATENCY) as url:
        for workers in (16, 64):
            floor = math.ceil(CELLS / workers) * LATENCY  # seconds of the latency alone
            pairs = [(seconds_of_a_sweep(url, workers), seconds_of_bare_requests(url, workers)) for _ in range(ROUNDS)]
            ours, theirs = (seconds / floor for seconds in median_of_each(pairs))
            print(
                f"{workers} at once: floor {floor:.2f} s · bare httpx {theirs:.3f} x floor · sweep {ours:.3f} x floor"
            )
    print(f"{cells:,} cells: memory grows by {growth_in_mb(cells):.0f} MB")


if __name__ == "__main__":
    main(*(int(number) for number in sys.argv[1:]))
