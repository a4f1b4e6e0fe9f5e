"""An accepted task and its results, and the items of an answer that describe them.

Nothing here holds pixels. A result has a seed and a UUID; its picture is drawn from the task's scene on each request.
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
"""Seconds for which a picture's URL works."""


@dataclass(slots=True, eq=False)
class PlannedImage:
    """One result of a task.

    Attributes:
        image_uuid: of its picture.
        seed: that the picture is drawn with.
        ready: when it is finished, in seconds of the engine's clock.
        failure: why there is no picture; ``None`` if there is one.
        breaks_off: whether the next download of the picture stops in the middle.
        handed_over: whether its webhook call and its upload have been handed over.
    """

    image_uuid: str
    seed: int
    ready: float
    failure: Problem | None = None
    breaks_off: bool = False
    handed_over: bool = False


@dataclass(slots=True, eq=False)
class Inference:
    """One accepted ``imageInference`` task.

    Attributes:
        sent: the task as it was received, with short names in place of inline pictures.
        request: the same as an :class:`~nbkit.ImageRequest`, without reference images.
        scene: what is drawn; each result adds its seed.
        price: micro-dollars for each picture.
        base_url: beginning of the picture URLs in its webhook calls.
        results: see :func:`make_results`.
        fault: the fault that it meets, or ``None``.
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
        """Micro-dollars that the task costs if no result fails."""
        return self.price * self.count

    @property
    def charge(self) -> int:
        """Micro-dollars for the results that have a picture."""
        return self.price * sum(result.failure is None for result in self.results)

    @property
    def failed_status(self) -> int:
        """The HTTP status of the answer to a ``sync`` task whose results all failed."""
        return next((r.failure.status for r in self.results if r.failure is not None), 200)

    @property
    def media_type(self) -> str:
        """Of its pictures, such as ``image/jpeg``."""
        return MEDIA_TYPES[self.request.effective("output_format")]

    @property
    def has_deliveries(self) -> bool:
        """Whether its results are sent to a webhook or an upload endpoint."""
        return bool(self.request.webhook_url or self.request.upload_endpoint)

    def is_finished(self, now: float) -> bool:
        """Whether all results are ready at a time of the engine's clock."""
        return all(result.ready <= now for result in self.results)

    def expires_at(self, result: PlannedImage) -> float:
        """When the URL of a picture stops working, in seconds of the engine's clock."""
        return result.ready + (self.request.ttl or DEFAULT_TTL)

    def file(self, result: PlannedImage, renderer: Renderer) -> bytes:
        """Draw the picture of a result and return its encoded file."""
        scene = replace(self.scene, seed=result.seed)
        return renderer.draw(scene, self.request.effective("output_format"), self.request.effective("output_quality"))

    def item(self, result: PlannedImage, renderer: Renderer, base_url: str) -> dict[str, Any]:
        """The item of ``data`` for a result that has a picture.

        Args:
            result: one of ``results``.
            renderer: draws the picture, if the item contains it.
            base_url: beginning of the picture's URL.
        """
        item: dict[str, Any] = {
            "taskType": model.TASK_TYPE,
            "taskUUID": self.uuid,
            "imageUUID": result.image_uuid,
            "seed": result.seed,
        }
        output_type = self.request.effective("output_type")
        if output_type == "URL":
            suffix = self.request.effective("output_format").lower()
            item["imageURL"] = f"{base_url}{PICTURE_PATH}{result.image_uuid}.{suffix}"
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
        """The items of ``data`` and of ``errors`` for all results that are ready.

        Args:
            renderer: draws pictures that an item contains.
            base_url: beginning of the picture URLs.
            now: seconds of the engine's clock.
            with_status: whether items have a ``status``, and an item shows that the task is still processing.
        """
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
        """What is sent when a result is ready: first the upload of its file, then the webhook call."""
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
    """Make an :class:`Inference` of a valid task, with its size and price, and no results yet.

    Args:
        task: as it was received.
        request: made from the task; its reference images may be placeholders.
        renderer: stores the reference images that the task contains.
        find_image: returns the inset for the UUID of an uploaded or generated image, or ``None``.
        base_url: beginning of picture URLs.

    Raises:
        Problem: if a reference image cannot be read.
    """
    sent, references = dict(task), []
    if request.reference_images:
        parameter = "inputs.referenceImages"
        texts = task["inputs"]["referenceImages"]
        references = [read_reference(text, parameter, renderer, find_image) for text in texts]
        sent["inputs"] = {**task["inputs"], "referenceImages": [name for _, name in references]}
    insets = tuple(inset for inset, _ in references)
    shape = renderer.shape(insets[0].digest) if insets else None
    scene = _scene(request, picture_size(request.width, request.height, request.resolution, shape), insets)
    ratio_and_tier = model.ratio_and_tier(scene.width, scene.height)
    assert ratio_and_tier is not None, "a request allows only the sizes of the table"
    price = model.PRICE_PER_IMAGE[ratio_and_tier[1]] + model.PRICE_PER_REFERENCE * len(insets)
    return Inference(sent, request.replace(reference_images=None), scene, price, base_url)


def make_results(inference: Inference, accepted: float, latency: float, source: random.Random) -> list[PlannedImage]:
    """The results of a task, each with the time at which it is ready.

    Those of a ``sync`` task are ready at the same time, those of an ``async`` task one after another.

    Args:
        inference: the task.
        accepted: when it was accepted, in seconds of the engine's clock.
        latency: seconds that the task takes.
        source: of random seeds, if the task has no seed.
    """
    count = 1 if inference.fault in ("blocked", "failed") else inference.count
    first_seed = inference.request.seed
    results = []
    for i in range(count):
        if first_seed is None:
            seed = source.getrandbits(model.RANDOM_SEED_BITS)
        else:
            seed = (first_seed + i) % (model.MAX_SEED + 1)
        share = 1.0 if inference.is_sync else (i + 1) / count
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
        # A default that is set explicitly gives the same picture as an unset one.
        safety_tolerance=None if tolerance == PARAMETERS["safety_tolerance"].default else tolerance,
        check_content=bool(request.check_content),
        insets=insets,
    )


def as_sent(inference: Inference, renderer: Renderer) -> dict[str, Any]:
    """The task as it was received; an inline picture whose text was evicted is replaced by its hash."""
    task = dict(inference.sent)
    if "inputs" in task and inference.scene.insets:
        texts = [renderer.text_of(text) for text in task["inputs"]["referenceImages"]]
        task["inputs"] = {**task["inputs"], "referenceImages": texts}
    return task
