"""A service for benchmarks: it answers at once, or after a fixed latency, always with the same picture.

It runs in a process of its own (``with stub(latency=0.2) as url``), so that only the client is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import multiprocessing
import random
import uuid
from collections.abc import Iterator
from multiprocessing.connection import Connection

import httpx
from PIL import Image


def picture(kilobytes: int) -> bytes:
    """A JPEG of 1264x848 pixels and about that size: smooth, with as much noise as needed."""
    rng = random.Random(7)
    for cells in range(20, 400, 4):
        small = Image.new("RGB", (cells * 3, cells * 2))
        small.putdata([(rng.randrange(256), rng.randrange(256), rng.randrange(256)) for _ in range(cells * cells * 6)])
        out = io.BytesIO()
        small.resize((1264, 848), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
        if out.tell() >= kilobytes * 1000:
            break
    return out.getvalue()


async def _serve(latency: float, data: bytes, pipe: Connection) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = next(
                    (
                        int(line.split(":")[1])
                        for line in head.split("\r\n")
                        if line.lower().startswith("content-length")
                    ),
                    0,
                )
                body = await reader.readexactly(length)
                kind, content = "image/jpeg", data
                if head.startswith("POST"):
                    (task,) = json.loads(body)
                    await asyncio.sleep(latency)
                    kind, content = "application/json", _answer(task, writer.get_extra_info("sockname")[1])
                writer.write(
                    f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n\r\n".encode()
                    + content
                )
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, limit=2**20)
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _answer(task: dict, port: int) -> bytes:
    item = {
        "taskType": task["taskType"],
        "taskUUID": task["taskUUID"],
        "imageUUID": str(uuid.uuid4()),
        "imageURL": f"http://127.0.0.1:{port}/{uuid.uuid4()}.jpg",
        "seed": task.get("seed", 7),
        "cost": 0.06895,
    }
    return json.dumps({"data": [item]}).encode()


def _run(latency: float, data: bytes, pipe: Connection) -> None:
    asyncio.run(_serve(latency, data, pipe))


@contextlib.contextmanager
def stub(*, latency: float = 0.0, kilobytes: int = 200) -> Iterator[str]:
    """Run a service as long as the block; the value is its address.

    Args:
        latency: seconds before each answer.
        kilobytes: size of the picture.
    """
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(latency, picture(kilobytes), theirs), daemon=True
    )
    process.start()
    try:
        if not ours.poll(20):
            raise RuntimeError("the stub did not start")
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def bare_request(client: httpx.Client, url: str, seed: int) -> bytes:
    """Send a task and fetch its picture, with nothing around these two requests."""
    task = {
        "taskType": "imageInference",
        "taskUUID": str(uuid.uuid4()),
        "positivePrompt": "A lantern",
        "seed": seed,
    }
    response = client.post(f"{url}/v1", json=[task])
    return client.get(json.loads(response.content)["data"][0]["imageURL"]).content
