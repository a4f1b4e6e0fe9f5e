"""How long students wait: 29 of them with 3 presses each, beside one who sweeps. ``python -m tests.benchmarks.classroom``.

Prints p50, p95 and the longest press of the 29, in seconds, for each case of the table; a press is the task and its
picture. Beside it stands the time of a ping meanwhile. The server has a process of its own; both share the processors.
"""

from __future__ import annotations

import asyncio
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import httpx

from nbkit.classroom.roster import Classroom

STUDENTS, PRESSES, THINKING_SECONDS = 29, 3, 4.0
CASES = {
    "nobody sweeps": (0.0, 0, "1K"),
    "a sweep, 32 at a time, 1K": (0.0, 32, "1K"),
    "a sweep at 4K, 4 at a time": (0.0, 4, "4K"),
    "latency 2 s": (2.0, 0, "1K"),
    "latency 2 s, a sweep 128 at a time": (2.0, 128, "1K"),
}
PIXELS = {"1K": 1024, "4K": 4096}

_SERVER = """
import sys, time
from pathlib import Path
sys.path.insert(0, "tests")
from class_tools import serving_class
from nbkit.offline import Offline
with serving_class(Path(sys.argv[1]), {}, engine=Offline(float(sys.argv[2]), balance=1e6)) as at_work:
    print(at_work.url, flush=True)
    while True:
        time.sleep(1)
"""


async def press(client: httpx.AsyncClient, url: str, key: str, pixels: int) -> float:
    """The seconds of one press: the task, and its picture."""
    began = time.monotonic()
    task = {
        "taskType": "imageInference", "taskUUID": str(uuid.uuid4()), "model": "google:4@3", "width": pixels, "height": pixels,
        "positivePrompt": f"A lantern, a cat and a boat, number {random.random()}",
    }  # fmt: skip
    answer = await client.post(f"{url}/v1", json=[task], headers={"Authorization": f"Bearer {key}"})
    if answer.status_code == 429:
        await asyncio.sleep(float(answer.headers["Retry-After"]))
        return float("nan")
    (await client.get(answer.json()["data"][0]["imageURL"])).raise_for_status()
    return time.monotonic() - began


async def measure(url: str, keys: list[str], at_a_time: int, tier: str) -> tuple[list[float], list[float]]:
    """Seconds of each press of the 29, and of pings meanwhile."""
    seconds: list[float] = []
    pings: list[float] = []
    limits = httpx.Limits(max_connections=400)
    async with httpx.AsyncClient(timeout=300, limits=limits) as client, httpx.AsyncClient(timeout=300) as pinging:

        async def sweep() -> None:
            while True:
                await press(client, url, keys[-1], PIXELS[tier])

        async def student(key: str) -> None:
            for _ in range(PRESSES):
                await asyncio.sleep(random.uniform(0, THINKING_SECONDS))
                seconds.append(await press(client, url, key, PIXELS["1K"]))

        async def ping() -> None:
            while True:
                began = time.monotonic()
                headers = {"Authorization": f"Bearer {keys[0]}"}
                await pinging.post(f"{url}/v1", json=[{"taskType": "ping", "ping": True}], headers=headers)
                pings.append(time.monotonic() - began)
                await asyncio.sleep(0.1)

        beside = [asyncio.create_task(sweep()) for _ in range(at_a_time)] + [asyncio.create_task(ping())]
        await asyncio.sleep(1.0 if at_a_time else 0.0)
        await asyncio.gather(*map(student, keys[:STUDENTS]))
        for one in beside:
            one.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
    return seconds, pings


def main() -> None:
    """Measure each case, or those that are named."""
    for name, (latency, at_a_time, tier) in CASES.items():
        if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
            continue
        with tempfile.TemporaryDirectory() as folder:
            names = [f"student {number}" for number in range(STUDENTS + 1)]
            classroom, keys, _ = Classroom.create(Path(folder), [(one, None) for one in names], 10_000)
            classroom.close()
            server = subprocess.Popen(
                [sys.executable, "-c", _SERVER, folder, str(latency)], stdout=subprocess.PIPE, text=True
            )
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            try:
                seconds, pings = asyncio.run(measure(url, list(keys.values()), at_a_time, tier))
            finally:
                server.kill()
                server.communicate()
        cuts = statistics.quantiles(seconds, n=20)
        ping = statistics.quantiles(pings, n=20)[18]
        print(
            f"{name:36} p50 {statistics.median(seconds):5.2f}  p95 {cuts[18]:5.2f}  max {max(seconds):5.2f}  ping p95 {ping:5.2f}",
            flush=True,
        )


if __name__ == "__main__":
    socket.setdefaulttimeout(300)
    main()
