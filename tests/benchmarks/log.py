"""Reading a long log, beside a bare query.

    python -m tests.benchmarks.log [ROWS]

``log.to_frame()`` of 100,000 rows, in turn with ``pandas.read_sql`` of the same columns. Then a filter, searches that
find many rows, few, and none, marks, and reading some rows. The rows are like those of a log in use: prompts of twenty words, every tenth
run failed, every fifth picture rated.
"""

from __future__ import annotations

import random
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from nbkit import RunLog
from nbkit.log.frame import query_of
from nbkit.log.schema import IMAGES, RUNS
from tests.benchmarks.timing import median_of_each, median_seconds

ROWS = 100_000
REPEATS = 3

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


def fill(log: RunLog, rows: int = ROWS) -> None:
    """Write runs with one picture each; every tenth failed and has none."""
    rng = random.Random(4)
    with log.database.writing() as connection:
        for start in range(0, rows, 10_000):
            numbers = range(start, min(start + 10_000, rows))
            connection.execute(sa.insert(RUNS), [_run(rng, number) for number in numbers])
            connection.execute(sa.insert(IMAGES), [_image(rng, number) for number in numbers if number % 10])


def _run(rng: random.Random, number: int) -> dict[str, Any]:
    prompt = " ".join(rng.choices(WORDS, k=20)) + (f" signal{number}" if number % 100 == 1 else "")
    request = {"prompt": prompt, "width": 1024, "height": 1024}
    failed = number % 10 == 0
    return {
        "id": number + 1, "taskUUID": str(uuid.UUID(int=rng.getrandbits(128))), "created": 1_750_000_000_000_000 + number,
        "status": "failed" if failed else "done", "engine": "offline", "model": "google:4@3", "charged": False,
        "prompt": prompt, "width": 1024, "height": 1024, "temperature": rng.randrange(200) / 100,
        "topP": 0.9 if number % 3 else None, "thinking": "HIGH" if number % 2 else None, "requestedSeed": rng.getrandbits(63),
        "referenceImages": ["sha256:" + "0" * 64] if number % 50 == 0 else None,
        "task": {**request, "taskType": "imageInference"}, "request": request, "identity": str(number),
        "resendable": True, "estimateLow": 0, "estimateHigh": 0, "held": 0, "spent": 0, "cost": 68_950, "latency": 2.5,
        "error": "no such seed" if failed else None, "studio": "s",
    }  # fmt: skip


def _image(rng: random.Random, number: int) -> dict[str, Any]:
    digest, rated = f"{rng.getrandbits(256):064x}", number % 5 == 1
    return {
        "run": number + 1, "status": "done", "imageUUID": str(uuid.UUID(int=rng.getrandbits(128))),
        "seed": rng.getrandbits(63), "cost": 68_950, "sha256": digest, "mediaType": "image/jpeg", "width": 1024,
        "height": 1024, "fingerprint": "0" * 16, "file": f"{digest[:2]}/{digest}.jpg",
        "rating": number % 5 + 1 if rated else None, "tags": "lantern, night" if rated else None,
    }  # fmt: skip


def main(rows: int = ROWS) -> None:
    """Write a log of so many rows and print the times."""
    with tempfile.TemporaryDirectory() as folder:
        log = RunLog(Path(folder))
        fill(log, rows)
        log.to_frame()

        def bare(_: int) -> None:
            with log.database.reading() as connection:
                pd.read_sql(query_of(), connection)

        pairs = [(median_seconds(lambda _: log.to_frame(), 1), median_seconds(bare, 1)) for _ in range(5)]
        ours, floor = median_of_each(pairs)
        print(f"to_frame of {rows:,} rows {ours:.2f} s · bare read_sql {floor:.2f} s · ratio {ours / floor:.2f}")
        frame = log.to_frame()
        filtering = median_seconds(
            lambda _: frame[(frame.temperature < 0.5) & (frame.rating >= 2) & (frame.status == "done")], REPEATS
        )
        print(f"filter by three columns {filtering * 1000:.1f} ms")
        for text in ("lantern", "signal", '"quiet street"', "signal straße LANTERN", "lan", "xyzzy"):
            found = len(log.search(text))
            took = median_seconds(lambda _, text=text: log.search(text), REPEATS)
            print(f"search {text!r}: {found:,} rows in {took:.3f} s")
        uuids = list(frame.imageUUID.dropna()[:5000])
        print(f"mark of {len(uuids):,} pictures {median_seconds(lambda _: log.mark(uuids, rating=3), REPEATS):.3f} s")
        took = median_seconds(lambda _: log.annotations_of(uuids[:50]), REPEATS)
        print(f"annotations of 50 pictures {took * 1000:.1f} ms")
        took = median_seconds(lambda _: log.rows_of(frame.taskUUID[:5000]), REPEATS)
        print(f"rows of 5,000 runs {took:.3f} s")
        log.close()


if __name__ == "__main__":
    main(*(int(number) for number in sys.argv[1:]))
