"""What a run costs beside its bare requests, and what each part of that buys. Run: ``python -m tests.benchmarks.overhead``.

``studio.generate`` against a bare ``httpx.Client`` that does the same POST and GET of the same 200 kB to the same
server at zero latency, in turn; then the parts of a run one by one.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx

import nbkit
from nbkit.measures.facts import examine
from tests.benchmarks.stub import stub

RUNS = 60


def median_ms(work: Callable[[int], object], count: int = RUNS) -> float:
    """The median of ``count`` calls, in milliseconds."""
    times = []
    for number in range(count):
        started = time.perf_counter()
        work(number)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def main() -> None:
    with stub() as url, tempfile.TemporaryDirectory() as folder, httpx.Client() as client:
        studio = nbkit.Studio(engine=url, path=folder)
        kept: list[bytes] = []

        def bare(seed: int) -> None:
            task = {
                "taskType": "imageInference",
                "taskUUID": str(uuid.uuid4()),
                "positivePrompt": "A lantern",
                "seed": seed,
            }
            answer = client.post(f"{url}/v1", json=[task])
            kept[:] = [client.get(json.loads(answer.content)["data"][0]["imageURL"]).content]

        def ours(seed: int) -> None:
            studio.generate("A lantern", seed=seed)

        bare(0), ours(0)
        pairs = [(median_ms(ours, RUNS // 4), median_ms(bare, RUNS // 4)) for _ in range(4)]
        run, floor = (statistics.median(side) for side in zip(*pairs, strict=True))
        data = kept[0]
        print(
            f"studio.generate {run:.1f} ms · bare POST and GET {floor:.1f} ms · ratio {run / floor:.1f} · added {run - floor:.1f} ms"
        )

        ledger, journal, store = studio._ledger, studio._ledger._journal, studio.log.images
        plans = [ledger.plan(nbkit.ImageRequest("A lantern", seed=seed)) for seed in range(1000, 1000 + RUNS)]
        parts = {
            "a row committed and the money held, before anything leaves": lambda n: ledger.plan(
                nbkit.ImageRequest("A lantern", seed=n)
            ),
            "'sent' committed, before the request leaves": lambda n: journal.mark_sent(plans[n].task_uuid),
            "decoded whole: what is on disk is a picture": lambda _: examine(data),
            "written, synced, renamed: a file that exists is whole": lambda n: store.put(
                data + bytes(n + 1), "image/jpeg"
            ),
            "settled: results, seeds, costs, addresses": lambda n: journal.settle(
                plans[n].task_uuid, "done", charged=True
            ),
            "finished: which files are there": lambda n: journal.finish(plans[n].task_uuid),
            "read back as a Run": lambda n: studio.log.history.get(plans[n].task_uuid),
        }
        for what, work in parts.items():
            print(f"  {median_ms(work):5.2f} ms  {what}")
        print(f"  {sum(path.stat().st_size for path in Path(folder).rglob('*.sqlite*')) / 1000:.0f} kB of log")
        studio.close()


if __name__ == "__main__":
    main()
