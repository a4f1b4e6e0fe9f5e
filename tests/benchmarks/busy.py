"""A sweep at a service that takes eight tasks at once, with more workers than that, and from several kernels.

    python -m tests.benchmarks.busy

60 cells of 0.5 s: with 8 workers nothing is refused, so that is the time beside which the others stand. Then three kernels
with 32 workers each on one log, beside one kernel that does the same work, and a service that is never busy.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbkit

sys.path.insert(0, str(Path(__file__).parents[1]))

from service import Service

CAPACITY, SECONDS, CELLS = 8, 0.5, 60


def sweep(url: str, folder: str, first: int, cells: int, workers: int, barrier: Any = None) -> None:
    """Run a sweep; with a barrier, at the same time as other kernels."""
    studio = nbkit.Studio(engine=url, api_key="key", path=folder)
    lanterns = studio.sweep("A lantern", seed=range(first, first + cells), resolution="0.5K", name=f"from {first}")
    if barrier is not None:
        barrier.wait()
    lanterns.run(max_workers=workers, confirm=True)
    studio.close()


def measure(
    kernels: int, cells: int, workers: int, capacity: int = CAPACITY, retry_after: str = ""
) -> tuple[float, int]:
    """The seconds that it took, and the number of refusals."""
    with Service() as service, tempfile.TemporaryDirectory() as folder:
        service.capacity, service.task_seconds, service.retry_after = capacity, SECONDS, retry_after
        context = multiprocessing.get_context("spawn")
        barrier = context.Barrier(kernels + 1)
        arguments = ((service.url, folder, 1000 * kernel, cells, workers, barrier) for kernel in range(kernels))
        processes = [context.Process(target=sweep, args=each) for each in arguments]
        for process in processes:
            process.start()
        barrier.wait()
        started = time.perf_counter()
        for process in processes:
            process.join()
        assert len(service.charges) == kernels * cells
        return time.perf_counter() - started, service.refused


def main() -> None:
    """Print the times."""
    floor, _ = measure(1, CELLS, CAPACITY)
    print(f"{CELLS} cells, {CAPACITY} workers: {floor:.1f} s")
    for workers in (12, 16, 32, 64):
        took, refused = measure(1, CELLS, workers)
        print(f"{CELLS} cells, {workers} workers: {took:.1f} s · ratio {took / floor:.2f} · {refused} refusals")
    took, refused = measure(1, CELLS, 32, retry_after="1")
    print(f"{CELLS} cells, 32 workers, Retry-After 1: {took:.1f} s · ratio {took / floor:.2f} · {refused} refusals")
    alone, _ = measure(1, 3 * CELLS, 32)
    took, refused = measure(3, CELLS, 32)
    print(
        f"3 kernels with {CELLS} cells, 32 workers each: {took:.1f} s, in one {alone:.1f} s · ratio {took / alone:.2f} · {refused} refusals"
    )
    free, _ = measure(1, CELLS, 32, capacity=1000)
    print(f"{CELLS} cells, 32 workers, never busy: {free:.1f} s")


if __name__ == "__main__":
    main()
