"""A sweep against its floor, and its memory. Run: ``python -m tests.benchmarks.sweep``.

200 cells, 200 ms of latency, 16 at once, a picture of 200 kB each: no client can end before
ceil(200 / 16) x 200 ms. Beside it a bare ``httpx.Client`` in sixteen threads does the same POST and GET, and
decodes nothing and writes nothing. Then 10,000 cells in this process, and how far the memory grows.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil

import nbkit
from tests.benchmarks.stub import stub

CELLS, LATENCY, WORKERS = 200, 0.2, 16
FLOOR = math.ceil(CELLS / WORKERS) * LATENCY


def bare(url: str) -> float:
    """The same requests with nothing around them."""
    with httpx.Client(limits=httpx.Limits(max_connections=None)) as client:

        def one(seed: int) -> int:
            task = {
                "taskType": "imageInference",
                "taskUUID": str(uuid.uuid4()),
                "positivePrompt": "A lantern",
                "seed": seed,
            }
            answer = client.post(f"{url}/v1", json=[task])
            return len(client.get(json.loads(answer.content)["data"][0]["imageURL"]).content)

        started = time.perf_counter()
        with ThreadPoolExecutor(WORKERS) as pool:
            sizes = list(pool.map(one, range(CELLS)))
        assert min(sizes) > 100_000
        return time.perf_counter() - started


def sweep(url: str) -> float:
    """The sweep: planned, logged, sent, settled, fetched, checked, on disk."""
    with tempfile.TemporaryDirectory() as folder:
        studio = nbkit.Studio(engine=url, path=folder)
        cells = studio.sweep("A lantern", seed=range(CELLS))
        started = time.perf_counter()
        cells.start(max_workers=WORKERS, confirm=True).wait()
        took = time.perf_counter() - started
        assert cells.result.counts == {"done": CELLS}
        cells.result.grid()
        studio.close()
        return took


def memory(count: int = 10_000) -> float:
    """Megabytes that the process grows by over a sweep whose pictures nobody holds."""
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        studio = nbkit.Studio(engine="offline", path=folder)
        studio.generate("A lantern", resolution="0.5K")
        before = process.memory_info().rss
        most = before
        running = studio.sweep("A lantern", seed=range(count), resolution="0.5K").start(max_workers=4, confirm=True)
        while not running.wait_finished(0.5):
            most = max(most, process.memory_info().rss)
        studio.close()
    return (most - before) / 1e6


if __name__ == "__main__":
    with stub(latency=LATENCY) as url:
        pairs = [(sweep(url), bare(url)) for _ in range(3)]
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(f"floor {FLOOR:.2f} s · bare httpx {theirs / FLOOR:.3f} x floor · sweep {ours / FLOOR:.3f} x floor")
    print(f"10,000 cells: memory grows by {memory():.0f} MB")
