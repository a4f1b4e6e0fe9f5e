"""An accepted task and its results: what the engine remembers, and how it is told in an answer.

Nothing here holds pixels. A result is a seed and a name; its picture is drawn from the task's scene whenever
somebody asks for it.
"""

from __future__ import annotations

import base64
import json
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from nbkit.offline.delivery import Delivery
from nbkit.offline.envelope import Items, Problem, Task
from nbkit.offline.failures import OUTCOMES
from nbkit.offline.painting.scene import Inset, Scene
from nbkit.offline.references import read_reference
from nbkit.offline.renderer import MEDIA_TYPES, Renderer, picture_size
from nbkit.request import model
from nbkit.request.image_request import PARAMETERS, ImageRequest

PICTURE_PATH = "/pictures/"
DEFAULT_TTL = 7 * 24 * 3600
"""Seconds for which a picture's address works."""


@dataclass(slots=True, eq=False)
class PlannedImage:
    """One result of a task.

    Attributes:
        image_uuid: its picture's name.
        seed: that it was drawn with.
        ready: when it is there, in seconds of the engine's clock.
        failure: why there is no picture, if there is none.
        breaks_off: whether the next download of the picture is cut short.
        announced: whether webhook and upload have been handed over.
    """

    image_uuid: str
    seed: int
    ready: float
    failure: Problem | None = None
    breaks_off: bool = False
    announced: bool = False


@dataclass(slots=True, eq=False)
class Inference:
    """One accepted ``imageInference`` task.

    Attributes:
        sent: the task as it came, inline pictures replaced by short names.
        request: the same, typed, without its reference images.
        scene: what is drawn; each result adds its seed.
        price: micro-dollars for each picture.
        base_url: where its webhook's picture addresses point to.
        results: see :func:`make_results`.
        fault: what goes wrong with its answer, if anything.
    """

    sent: dict[str, Any]
    request: ImageRequest
    scene: Scene
    price: int
    base_url: str
    results: list[PlannedImage] = field(default_factory=list)
    fault: str | None = None

    @property
    def uuid(self) -> str:
        return str(self.sent["taskUUID"])

    @property
    def count(self) -> int:
        """How many pictures were asked for."""
        return int(self.request.effective("number_results"))

    @property
    def waits(self) -> bool:
        """Whether its sender waits for the result on the same connection."""
        return bool(self.request.effective("delivery_method") == "sync")

    @property
    def total(self) -> int:
        """Micro-dollars that the task costs if all its pictures are made."""
        return self.price * self.count

    @property
    def charge(self) -> int:
        """Micro-dollars for the pictures that are made."""
        return self.price * sum(result.failure is None for result in self.results)

    @property
    def failed_status(self) -> int:
        """The HTTP status that tells a waiting sender of results that all failed."""
        return next((r.failure.status for r in self.results if r.failure is not None), 200)

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.request.effective("output_format")]

    @property
    def has_deliveries(self) -> bool:
        return bool(self.request.webhook_url or self.request.upload_endpoint)

    def is_finished(self, now: float) -> bool:
        return all(result.ready <= now for result in self.results)

    def expires(self, result: PlannedImage) -> float:
        return result.ready + (self.request.ttl or DEFAULT_TTL)

    def file(self, result: PlannedImage, renderer: Renderer) -> bytes:
        """The picture's file."""
        scene = replace(self.scene, seed=result.seed)
        return renderer.draw(scene, self.request.effective("output_format"), self.request.effective("output_quality"))

    def item(self, result: PlannedImage, renderer: Renderer, base_url: str) -> dict[str, Any]:
        """The item of ``data`` that tells of a result that has a picture."""
        item: dict[str, Any] = {
            "taskType": model.TASK_TYPE,
            "taskUUID": self.uuid,
            "imageUUID": result.image_uuid,
            "seed": result.seed,
        }
        output_type = self.request.effective("output_type")
        if output_type == "URL":
            ending = self.request.effective("output_format").lower()
            item["imageURL"] = f"{base_url}{PICTURE_PATH}{result.image_uuid}.{ending}"
        else:
            text = base64.b64encode(self.file(result, renderer)).decode()
            inline = {"base64Data": ("imageBase64Data", text)}
            key, value = inline.get(output_type, ("imageDataURI", f"data:{self.media_type};base64,{text}"))
            item[key] = value
        if self.request.include_cost is not False:
            item["cost"] = self.price / model.MICRO
        if self.request.check_content:
            item["NSFWContent"] = False
        return item

    def report(
        self, renderer: Renderer, base_url: str, now: float, *, with_status: bool = False
    ) -> tuple[Items, Items]:
        """The items of ``data`` and of ``errors`` that tell of all results that are there by now."""
        data: Items = []
        errors: Items = []
        for result in self.results:
            if result.ready > now:
                continue
            if result.failure is not None:
                errors.append(result.failure.item(self.sent) | ({"status": "error"} if with_status else {}))
            else:
                item = self.item(result, renderer, base_url)
                data.append(item | ({"status": "success"} if with_status else {}))
        if with_status and not self.is_finished(now):
            data.append({"taskType": model.TASK_TYPE, "taskUUID": self.uuid, "status": "processing"})
        return data, errors

    def deliveries(self, result: PlannedImage, renderer: Renderer) -> Iterator[Delivery]:
        """What is sent by itself when a result is there: its file first, then the news of it."""
        if self.request.upload_endpoint:
            data = self.file(result, renderer)
            yield Delivery("upload", self.request.upload_endpoint, data, self.media_type)
        if self.request.webhook_url:
            data = json.dumps(self.item(result, renderer, self.base_url)).encode()
            yield Delivery("webhook", self.request.webhook_url, data, "application/json")


def make_inference(
    task: Task,
    request: ImageRequest,
    renderer: Renderer,
    find_image: Callable[[str], Inset | None],
    base_url: str,
) -> Inference:
    """The record of a valid task, with its size and price worked out and no results yet.

    Args:
        task: as it came.
        request: what it stands for; stand-ins in place of its reference images will do.
        pictures: keeps the reference images that came inside the task.
        find_image: from the UUID of an image that is known here to its inset.
        base_url: where picture addresses point to.

    Raises:
        Problem: if a reference image cannot be read.
    """
    slim, read = dict(task), []
    if request.reference_images:
        where = "inputs.referenceImages"
        read = [read_reference(text, where, renderer, find_image) for text in task["inputs"]["referenceImages"]]
        slim["inputs"] = {**task["inputs"], "referenceImages": [name for _, name in read]}
    insets = tuple(inset for inset, _ in read)
    shape = renderer.shape(insets[0].digest) if insets else None
    scene = _scene(request, picture_size(request.width, request.height, request.resolution, shape), insets)
    place = model.ratio_and_tier(scene.width, scene.height)
    assert place is not None, "a request takes no size outside the table"
    price = model.PRICE_PER_IMAGE[place[1]] + model.PRICE_PER_REFERENCE * len(insets)
    return Inference(slim, request.replace(reference_images=None), scene, price, base_url)


def make_results(inference: Inference, accepted: float, latency: float, source: random.Random) -> list[PlannedImage]:
    """The results of a task, each with the time at which it is there.

    A sender who waits gets them all at once; one who asks again and again sees them come one after another.
    """
    count = 1 if inference.fault in ("blocked", "failed") else inference.count
    first = inference.request.seed
    results = []
    for i in range(count):
        seed = source.getrandbits(model.RANDOM_SEED_BITS) if first is None else (first + i) % (model.MAX_SEED + 1)
        share = 1.0 if inference.waits else (i + 1) / count
        duration = latency * (2 if inference.fault == "timeout" else share)
        result = PlannedImage(str(uuid.uuid4()), seed, accepted + duration, breaks_off=inference.fault == "download")
        if inference.fault in OUTCOMES and (inference.fault != "partial" or i % 2):
            result.failure = OUTCOMES[inference.fault]
        results.append(result)
    return results


def _scene(request: ImageRequest, size: tuple[int, int], insets: tuple[Inset, ...]) -> Scene:
    tolerance = request.safety_tolerance
    return Scene(
        prompt=request.prompt,
        width=size[0],
        height=size[1],
        seed=0,
        temperature=request.temperature,
        top_p=request.top_p,
        thinking=request.thinking,
        system_prompt=request.system_prompt,
        web_search=bool(request.web_search),
        image_search=bool(request.image_search),
        # An explicit default equals unset, in the picture too.
        safety_tolerance=None if tolerance == PARAMETERS["safety_tolerance"].default else tolerance,
        check_content=bool(request.check_content),
        insets=insets,
    )


def as_sent(inference: Inference, renderer: Renderer) -> dict[str, Any]:
    """The task as it came; an inline picture that is not kept any more appears by its hash."""
    task = dict(inference.sent)
    if "inputs" in task and inference.scene.insets:
        texts = [renderer.text(text) for text in task["inputs"]["referenceImages"]]
        task["inputs"] = {**task["inputs"], "referenceImages": texts}
    return task
