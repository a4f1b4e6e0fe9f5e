"""Reference images that were uploaded with ``imageUpload`` or with its successor ``mediaStorage``."""

from __future__ import annotations

import io
import uuid
from dataclasses import dataclass
from typing import Any

from PIL import Image

from nbkit.offline.envelope import Problem, Task
from nbkit.offline.painting.scene import Inset
from nbkit.offline.references import decode, is_uuid, read_reference
from nbkit.offline.renderer import Renderer
from nbkit.offline.tasks import PICTURE_PATH
from nbkit.offline.validation import check_uuid, one_of, required


@dataclass(frozen=True, slots=True)
class Upload:
    """One uploaded image.

    Attributes:
        inset: draws it as a reference image.
        text: as uploaded; the short name from :meth:`Renderer.store_text` for an inline picture.
    """

    inset: Inset
    text: str


class Uploads:
    """Uploaded images by UUID; an uploaded URL is stored as text and never fetched.

    Args:
        renderer: stores the images that come as data.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._uploads: dict[str, Upload] = {}

    def upload_image(self, task: Task, base_url: str, *, dry_run: bool) -> dict[str, Any]:
        """Run an ``imageUpload`` task and return its item of ``data``; a dry run stores nothing."""
        head = {"taskType": "imageUpload", "taskUUID": check_uuid(task)}
        return head | self._add(task, "image", base_url, dry_run=dry_run)

    def store_media(self, task: Task, base_url: str, *, dry_run: bool) -> dict[str, Any]:
        """Run a ``mediaStorage`` task (upload or delete) and return its item of ``data``; a dry run changes nothing."""
        head = {"taskType": "mediaStorage", "taskUUID": check_uuid(task)}
        if one_of(task, "operation", ("upload", "delete")) == "upload":
            return head | {"operation": "upload"} | self._add(task, "media", base_url, dry_run=dry_run)
        media_uuid = str(required(task, "media")).lower()
        if media_uuid not in self._uploads:
            raise Problem("mediaNotFound", "No such media is stored here.", parameter=["media"], status=404)
        if not dry_run:
            self._uploads.pop(media_uuid, None)
        return head | {"operation": "delete", "mediaUUID": media_uuid}

    def inset(self, image_uuid: str) -> Inset | None:
        """The inset that draws an uploaded image as a reference; ``None`` for an unknown UUID."""
        upload = self._uploads.get(image_uuid)
        return upload.inset if upload else None

    def file(self, image_uuid: str) -> tuple[str, bytes] | None:
        """Media type and bytes of an uploaded image, or of its thumbnail if the original left the cache."""
        upload = self._uploads.get(image_uuid)
        if upload is None:
            return None
        text = self._renderer.text_of(upload.text)
        if text != upload.text:
            data = decode(text, "image")
            with Image.open(io.BytesIO(data)) as picture:
                return picture.get_format_mimetype() or "application/octet-stream", data
        thumbnail = self._renderer.thumbnail(upload.inset.digest)
        return None if thumbnail is None else ("image/jpeg", thumbnail)

    def _add(self, task: Task, name: str, base_url: str, *, dry_run: bool) -> dict[str, Any]:
        text = required(task, name)
        if not isinstance(text, str) or is_uuid(text):
            rule = f"{name} must be a data URI, base64 text or a URL."
            raise Problem("invalidFormat", rule, parameter=[name])
        upload = Upload(*read_reference(text, name, self._renderer, self.inset))
        if dry_run:
            return {"dryRun": True, "cost": 0.0}
        key = str(uuid.uuid4())
        self._uploads[key] = upload
        return {f"{name}UUID": key, f"{name}URL": f"{base_url}{PICTURE_PATH}{key}"}
