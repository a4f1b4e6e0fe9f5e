"""What reading a long log costs beside a bare query. Run: ``python -m tests.benchmarks.log``.

``log.to_frame()`` of 100,000 rows against ``pandas.read_sql`` of the same columns, in turn; then a filter, searches
that find many rows, few and none, marks, and the first line of a search typed into a box. Rows are like those of a
log that was worked with: prompts of some twenty words, every tenth run failed, every fifth picture rated.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from nbkit.history import RunLog
from nbkit.log.frame import query_of
from nbkit.log.schema import IMAGES, RUNS

ROWS = 100_000

WORDS = [
    "paper",
    "lantern",
    "shop",
    "night",
    "rain",
    "harbour",
    "quiet",
    "street",
    "jade",
    "red",
    "mountain",
    "river",
    "bridge",
    "fog",
    "market",
    "window",
    "old",
    "tram",
    "garden",
    "winter",
    "light",
    "glass",
    "tower",
    "boat",
    "sleeping",
    "cat",
    "umbrella",
    "blue",
    "hour",
    "neon",
    "puddle",
    "stone",
    "stairs",
    "café",
    "Straße",
    "été",
]


def seconds(work: Callable[[], object], count: int = 3) -> float:
    """The median of ``count`` calls."""
    times = []
    for _ in range(count):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def fill(log: RunLog, rows: int = ROWS) -> None:
    """Write runs with one picture each, every tenth failed."""
    dice = random.Random(4)
    with log.database.writing() as connection:
        for start in range(0, rows, 10_000):
            numbers = range(start, min(start + 10_000, rows))
            connection.execute(sa.insert(RUNS), [_run(dice, number) for number in numbers])
            connection.execute(sa.insert(IMAGES), [_image(dice, number) for number in numbers if number % 10])


def _run(dice: random.Random, number: int) -> dict[str, Any]:
    prompt = " ".join(dice.choices(WORDS, k=20)) + (f" signal{number}" if number % 100 == 1 else "")
    request = {"prompt": prompt, "width": 1024, "height": 1024}
    failed = number % 10 == 0
    return {
        "id": number + 1, "taskUUID": str(uuid.UUID(int=dice.getrandbits(128))), "created": 1_750_000_000_000_000 + number,
        "status": "failed" if failed else "done", "engine": "offline", "model": "google:4@3", "charged": False,
        "prompt": prompt, "width": 1024, "height": 1024, "temperature": dice.randrange(200) / 100,
        "topP": 0.9 if number % 3 else None, "thinking": "HIGH" if number % 2 else None, "requestedSeed": dice.getrandbits(63),
        "referenceImages": ["sha256:" + "0" * 64] if number % 50 == 0 else None,
        "task": {**request, "taskType": "imageInference"}, "request": request, "identity": str(number),
        "resendable": True, "estimateLow": 0, "estimateHigh": 0, "held": 0, "spent": 0, "cost": 68_950, "latency": 2.5,
        "error": "no such seed" if failed else None, "studio": "s",
    }  # fmt: skip


def _image(dice: random.Random, number: int) -> dict[str, Any]:
    digest, rated = f"{dice.getrandbits(256):064x}", number % 5 == 1
    return {
        "run": number + 1, "status": "done", "imageUUID": str(uuid.UUID(int=dice.getrandbits(128))),
        "seed": dice.getrandbits(63), "cost": 68_950, "sha256": digest, "mediaType": "image/jpeg", "width": 1024,
        "height": 1024, "fingerprint": "0" * 16, "file": f"{digest[:2]}/{digest}.jpg",
        "rating": number % 5 + 1 if rated else None, "tags": "lantern, night" if rated else None,
    }  # fmt: skip


def main(rows: int = ROWS) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = RunLog(Path(folder))
        fill(log, rows)
        log.to_frame()

        def bare() -> None:
            with log.database.reading() as connection:
                pd.read_sql(query_of(), connection)

        pairs = [(seconds(log.to_frame, 1), seconds(bare, 1)) for _ in range(5)]
        ours, floor = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(f"to_frame of {rows:,} rows {ours:.2f} s · bare read_sql {floor:.2f} s · ratio {ours / floor:.2f}")
        frame = log.to_frame()
        filtered = seconds(lambda: frame[(frame.temperature < 0.5) & (frame.rating >= 2) & (frame.status == "done")])
        print(f"filter by three columns {filtered * 1000:.1f} ms")
        for text in ("lantern", "signal", '"quiet street"', "signal straße LANTERN", "lan", "xyzzy"):
            found = len(log.search(text))
            print(f"search {text!r}: {found:,} rows in {seconds(lambda text=text: log.search(text)):.3f} s")
        names = list(frame.imageUUID.dropna()[:5000])
        print(f"mark of {len(names):,} pictures {seconds(lambda: log.mark(names, rating=3)):.3f} s")
        log.close()


if __name__ == "__main__":
    main(*(int(number) for number in sys.argv[1:]))
