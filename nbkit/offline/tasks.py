"""An accepted task and its results, and the items of an answer that describe them.

Nothing here holds pixels. A result has a seed and a UUID; its picture is drawn from the task's scene on each request, or read
from a pack.
"""

from __future__ import annotations

import base64
import itertools
import json
import random
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from nbkit.measures.facts import NEUTRAL, SUFFIXES
from nbkit.offline.delivery import Delivery
from nbkit.offline.envelope import PICTURE_PATH, Items, Problem, Task, echo
from nbkit.offline.failures import ENDINGS, OUTCOMES
from nbkit.offline.painting.scene import Inset, Scene
from nbkit.offline.references import ReferenceReader
from nbkit.offline.renderer import MEDIA_TYPES, Renderer
from nbkit.offline.replay import Match, Replay, failure_of, told
from nbkit.offline.validation import REFERENCES, check_image_task
from nbkit.request.address import whole_text
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.parameter import Integer
from nbkit.request.price import MICRO
from nbkit.request.profile import Profile
from nbkit.request.profiles import DEFAULT, RANDOM_SEED_BITS

DEFAULT_TTL = 7 * 24 * 3600
"""Seconds for which a picture's URL works."""


@dataclass(slots=True, eq=False)
class PlannedImage:
    """One result of a task.

    Attributes:
        task: that it belongs to.
        image_uuid: of its picture.
        seed: that the picture is drawn with.
        draw: decides how it differs from the picture of the same request, if its scene has noise.
        ready: when it is finished, in seconds of the engine's clock.
        failure: why there is no picture, as an error or as what its item has instead; ``None`` if there is one.
        downloads: counts the downloads of the picture.
        replay: how a pack answers it, as plain values; ``None`` for an engine without a pack.
    """

    task: Inference
    image_uuid: str
    seed: int
    ready: float
    failure: Problem | dict[str, Any] | None = None
    downloads: Iterator[int] = field(default_factory=itertools.count)
    draw: int = 0
    replay: Replay | None = None

    @property
    def recorded(self) -> Replay:
        """What is known of the recorded picture; empty for one that is drawn."""
        return self.replay if self.replay is not None and "sha256" in self.replay else {}

    @property
    def price(self) -> int:
        """Micro-dollars: what the recorded picture has cost, else the list price."""
        return self.task.price if self.recorded.get("cost") is None else int(self.recorded["cost"])

    @property
    def media_type(self) -> str:
        """Such as ``image/jpeg``."""
        return str(self.recorded.get("mediaType", self.task.media_type))

    def file(self) -> bytes:
        """The encoded file: the recorded one as it is, or a drawing."""
        if self.recorded:
            return self.task.renderer.recorded_file(self.recorded["sha256"])
        output_format, quality = (self.task.request.effective(name) for name in ("output_format", "output_quality"))
        scene = replace(self.task.scene, seed=self.seed, draw=self.draw)
        return self.task.renderer.draw(scene, output_format, quality)

    def item(self, base_url: str) -> dict[str, Any]:
        """The item of ``data``, or of ``errors`` if there is no picture.

        Args:
            base_url: beginning of the picture's URL.
        """
        said = {} if self.replay is None else {"replay": told(self.replay)}
        if isinstance(self.failure, Problem):
            return self.failure.item(self.task.sent) | said
        item = echo(self.task.sent) | {"imageUUID": self.image_uuid, "seed": self.seed} | said
        if self.failure is not None:
            return item | self.failure
        request = self.task.request
        output_type = request.effective("output_type")
        if output_type == "URL":
            item["imageURL"] = f"{base_url}{PICTURE_PATH}{self.image_uuid}{SUFFIXES.get(self.media_type, NEUTRAL)}"
        else:
            head = f"data:{self.media_type};base64," if output_type == "dataURI" else ""
            try:
                data = self.file()
            except Problem as problem:  # the pack is gone
                return problem.item(self.task.sent)
            item["imageDataURI" if head else "imageBase64Data"] = head + base64.b64encode(data).decode()
        if request.include_cost is not False:
            item["cost"] = self.price / MICRO
        if request.check_content:
            item["NSFWContent"] = bool(self.recorded.get("nsfw"))
        return item

    def deliveries(self) -> Iterator[Delivery]:
        """What is sent when the result is ready: first the upload of its file, then the webhook call."""
        request = self.task.request
        if request.upload_endpoint:
            yield Delivery("upload", whole_text(request.upload_endpoint), self.file(), self.media_type)
        if request.webhook_url:
            data = json.dumps(self.item(self.task.base_url)).encode()
            yield Delivery("webhook", whole_text(request.webhook_url), data, "application/json")


@dataclass(slots=True, eq=False)
class Inference:
    """One accepted ``imageInference`` task.

    Attributes:
        sent: the task as it was received, with short names in place of inline pictures.
        request: the same as an :class:`~nbkit.ImageRequest`, without reference images.
        scene: what is drawn; each result adds its seed.
        renderer: draws its pictures.
        price: micro-dollars for each picture.
        base_url: beginning of the picture URLs in its webhook calls.
        results: see :func:`make_results`.
        fault: the fault that it meets, or ``None``.
        match: what a pack answers it with; ``None`` for an engine without a pack.
    """

    sent: dict[str, Any]
    request: ImageRequest
    scene: Scene
    renderer: Renderer
    price: int
    base_url: str
    results: list[PlannedImage] = field(default_factory=list)
    fault: str | None = None
    match: Match | None = None

    @property
    def uuid(self) -> str:
        """Its taskUUID, as it was sent."""
        return str(self.sent["taskUUID"])

    @property
    def count(self) -> int:
        """Number of requested pictures."""
        return int(self.request.effective("number_results"))

    @property
    def is_sync(self) -> bool:
        """Whether its client waits for the results on the same connection."""
        return bool(self.request.effective("delivery_method") == "sync")

    @property
    def total(self) -> int:
        """Micro-dollars that the task costs at most."""
        return self.price * self.count

    @property
    def charge(self) -> int:
        """Micro-dollars for the results that have a picture."""
        return sum(result.price for result in self.results if result.failure is None)

    @property
    def status(self) -> int:
        """The HTTP status of its answer if it is the only task of its request."""
        return next((r.failure.status for r in self.results if self.is_sync and isinstance(r.failure, Problem)), 200)

    @property
    def media_type(self) -> str:
        """Of its pictures, such as ``image/jpeg``."""
        return MEDIA_TYPES[self.request.effective("output_format")]

    def is_finished(self, now: float) -> bool:
        """Whether all results are ready at a time of the engine's clock."""
        return all(result.ready <= now for result in self.results)

    def report(self, base_url: str, now: float, *, with_status: bool = False) -> Items:
        """The items of all results that are ready.

        Args:
            base_url: beginning of the picture URLs.
            now: seconds of the engine's clock.
            with_status: whether items have a ``status``, and an item shows that the task is still processing.
        """
        items = []
        for result in self.results:
            if result.ready <= now:
                status = {"status": "error" if isinstance(result.failure, Problem) else "success"}
                items.append((status if with_status else {}) | result.item(base_url))
        if with_status and not self.is_finished(now):
            items.append(echo(self.sent) | {"status": "processing"})
        return items

    def stored(self) -> dict[str, Any]:
        """Plain values from which :func:`restored` makes the task again."""
        scene = self.scene
        return {
            "sent": self.sent,
            "insets": [[inset.digest, inset.label] for inset in scene.insets],
            "size": [scene.width, scene.height],
            "noise": scene.noise,
            "price": self.price,
            "base_url": self.base_url,
            "fault": self.fault,
            "results": [[one.image_uuid, one.seed, one.ready, one.draw, one.replay] for one in self.results],
        }

    def as_sent(self) -> dict[str, Any]:
        """The task as it was received; an inline picture whose text was evicted is replaced by its hash."""
        if not self.scene.insets:
            return self.sent
        inputs = self.sent["inputs"]
        texts = [self.renderer.text_of(text) for text in inputs["referenceImages"]]
        return self.sent | {"inputs": inputs | {"referenceImages": texts}}


def make_inference(task: Task, references: ReferenceReader, base_url: str, noise: float = 0.0) -> Inference:
    """Make an :class:`Inference` of a task, with its size and price, and no results yet.

    Args:
        task: as it was received.
        references: reads its reference images; their renderer draws its pictures.
        base_url: beginning of picture URLs.
        noise: by which share its pictures differ from those of the same request.

    Raises:
        Problem: if the task is not valid, or a reference image cannot be read.
    """
    request = check_image_task(task)
    sent = dict(task)
    insets: tuple[Inset, ...] = ()
    renderer = references.renderer
    if request.reference_images:
        texts = task["inputs"]["referenceImages"]
        insets, names = zip(*(references.read(text, REFERENCES) for text in texts), strict=True)
        sent["inputs"] = {**task["inputs"], "referenceImages": list(names)}
    profile = request.profile
    size: tuple[int, int] = request.size or renderer.size_like(insets[0].digest, request.resolution, profile)
    reference = profile.reference_list_price if profile.reference_price is None else profile.reference_price
    price = profile.price(tiers=[profile.tier_of_pixels(*size)]).low + round((reference or 0) * MICRO) * len(insets)
    scene = _scene_of(request, size, insets, noise)
    match = renderer.match(request, insets)
    price = price if match is None or match.price is None else match.price
    return Inference(sent, request.replace(reference_images=None), scene, renderer, price, base_url, match=match)


def restored(row: Mapping[str, Any], renderer: Renderer) -> Inference:
    """The task of :meth:`Inference.stored`, with its results.

    Args:
        row: what that returned.
        renderer: draws its pictures.
    """
    request = check_image_task(row["sent"])
    width, height = row["size"]
    insets = tuple(Inset(digest, label, None) for digest, label in row["insets"])
    scene = _scene_of(request, (width, height), insets, row["noise"])
    task = Inference(
        row["sent"], request.replace(reference_images=None), scene, renderer, row["price"], row["base_url"]
    )
    task.fault = row["fault"]
    task.results = [
        PlannedImage(task, image_uuid, seed, ready, _failure(task.fault, index, len(row["results"])), draw=draw)
        for index, (image_uuid, seed, ready, draw, _) in enumerate(row["results"])
    ]
    for result, (*_, replay) in zip(task.results, row["results"], strict=True):
        _set_replay(result, replay)
    return task


def _scene_of(request: ImageRequest, size: tuple[int, int], insets: tuple[Inset, ...], noise: float) -> Scene:
    """The picture shows each parameter for which a scene has a field, as it takes effect."""
    profile = request.profile
    shown = {part.name: request.effective(part.name) for part in fields(Scene) if part.name in PARAMETERS}
    shown["model"] = None if profile is DEFAULT else profile.name
    if shown["safety_tolerance"] == PARAMETERS["safety_tolerance"].default:
        shown["safety_tolerance"] = None  # a default that is set explicitly gives the same picture as an unset one
    return Scene(**shown | {"width": size[0], "height": size[1], "seed": 0, "insets": insets, "noise": noise})


def _seeds_of(profile: Profile) -> int:
    """How many seeds a model has: the seeds of further results go on at 0."""
    kind = profile.parameters["seed"].kind
    assert isinstance(kind, Integer)
    assert kind.maximum is not None
    return kind.maximum + 1


def make_results(inference: Inference, accepted: float, latency: float, source: random.Random) -> list[PlannedImage]:
    """The results of a task, each with the time at which it is ready.

    Those of a ``sync`` task are ready at the same time, those of an ``async`` task one after another.

    Args:
        inference: the task.
        accepted: when it was accepted, in seconds of the engine's clock.
        latency: seconds that the task takes.
        source: of random seeds, if the task has no seed.
    """
    fault, first_seed = inference.fault, inference.request.seed
    seeds = _seeds_of(inference.request.profile)
    count = 1 if fault in ("blocked", "failed") else inference.count
    results = []
    asked = [None if first_seed is None else (first_seed + i) % seeds for i in range(count)]
    replays = [None] * count if inference.match is None else inference.match.replays(asked)
    for i in range(min(count, len(replays))):  # a recorded refusal is one result
        seed = source.getrandbits(RANDOM_SEED_BITS) if first_seed is None else first_seed + i
        share = 2.0 if fault == "timeout" else 1.0 if inference.is_sync else (i + 1) / count
        result = PlannedImage(inference, str(uuid.uuid4()), seed % seeds, accepted + latency * share)
        result.failure = _failure(fault, i, count)
        _set_replay(result, replays[i])
        results.append(result)
    return results


def _failure(fault: str | None, index: int, count: int) -> Problem | dict[str, Any] | None:
    """Why one of so many results of a task has no picture; ``None`` if it has one."""
    if fault in ENDINGS:
        return ENDINGS[fault] if index == count - 1 else None
    return None if fault == "partial" and index % 2 == 0 else OUTCOMES.get(fault or "")


def _set_replay(result: PlannedImage, replay: Replay | None) -> None:
    """Answer a result from a pack, unless it meets a fault."""
    if replay is None or result.failure is not None:
        return
    result.replay, result.failure = replay, failure_of(replay)
    if replay.get("seed") is not None:
        result.seed = replay["seed"]
