"""A log of many runs, written directly into its tables: generating thousands of pictures would take too long."""

import io
import time
import uuid

import sqlalchemy as sa
from PIL import Image, ImageDraw

from nbkit.history import RunLog
from nbkit.log.schema import IMAGES, RUNS
from nbkit.measures.facts import examine

SUBJECTS = (
    "A paper lantern shop at night",
    "A red harbour in the fog",
    "A jade tram in the rain",
    "A quiet winter garden",
)
TEMPERATURES = (0.1, 0.3, 0.7, 1.0)
PRICE = 68_950


def picture(number, size):
    """A JPEG that differs from its neighbours in colour and line width."""
    canvas = Image.new("RGB", size, f"hsl({number * 37 % 360}, 45%, 45%)")
    draw = ImageDraw.Draw(canvas)
    across, down = size
    for ring in range(1, 5):
        edge = (across * ring // 12, down * ring // 12)
        draw.ellipse((*edge, across - edge[0], down - edge[1]), outline="white", width=1 + number % 9)
    out = io.BytesIO()
    canvas.save(out, "JPEG")
    return out.getvalue()


def write_log(folder, runs, *, pictures=20, size=(1200, 800)):
    """Write a log, oldest run first: every eleventh run is blocked, the others share a few picture files.

    Args:
        folder: of the log.
        runs: how many.
        pictures: the number of different picture files.
        size: of a picture; every third file is upright instead.
    """
    log = RunLog(folder)
    log.images.prepare()
    stored = []
    for number in range(pictures):
        data = picture(number, size if number % 3 else size[::-1])
        facts = examine(data)
        stored.append((facts, log.images.put(data, facts.media_type, facts.sha256)))
    rows, images = [], []
    first = int(time.time() * 1e6) - runs * 60_000_000
    for number in range(runs):
        blocked = number % 11 == 10
        rows.append(
            {
                "id": number + 1, "taskUUID": str(uuid.UUID(int=number + 1)), "created": first + number * 60_000_000,
                "status": "blocked" if blocked else "done", "engine": "offline", "model": "google:4@3",
                "charged": False, "prompt": f"{SUBJECTS[number % 4]}, number {number}",
                "temperature": TEMPERATURES[number // 4 % 4], "requestedSeed": number, "resendable": True,
                "estimateLow": PRICE, "estimateHigh": PRICE, "held": 0,
                "spent": 0 if blocked else PRICE, "cost": 0 if blocked else PRICE, "studio": "test", "latency": 1.5,
                "error": "refused by a safety filter" if blocked else None,
            }
        )  # fmt: skip
        if not blocked:
            facts, file = stored[number % pictures]
            images.append(
                {
                    "run": number + 1, "status": "done", "imageUUID": str(uuid.UUID(int=number + 1 + 2**64)),
                    "seed": number, "cost": PRICE, "sha256": facts.sha256, "mediaType": facts.media_type,
                    "width": facts.width, "height": facts.height, "fingerprint": facts.fingerprint, "file": file,
                }
            )  # fmt: skip
    with log.database.writing() as connection:
        for table, table_rows in ((RUNS, rows), (IMAGES, images)):
            for batch in _batches(table_rows, 5_000):
                connection.execute(sa.insert(table), batch)
    return log


def _batches(items, size):
    return (items[start : start + size] for start in range(0, len(items), size))
