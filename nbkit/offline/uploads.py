"""Images that were uploaded to be used as references, by ``imageUpload`` or its successor ``mediaStorage``."""

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
    """One uploaded image: how it is drawn as a reference, and the text that it is remembered by."""

    inset: Inset
    text: str


class Uploads:
    """Uploaded images by UUID; an address that is uploaded is kept as a name and never fetched."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._uploads: dict[str, Upload] = {}

    def upload_image(self, task: Task, base_url: str, *, dry_run: bool) -> dict[str, Any]:
        """The answer to ``imageUpload``."""
        head = {"taskType": "imageUpload", "taskUUID": check_uuid(task)}
        return head | self._add(task, "image", base_url, dry_run=dry_run)

    def store_media(self, task: Task, base_url: str, *, dry_run: bool) -> dict[str, Any]:
        """The answer to ``mediaStorage``."""
        head = {"taskType": "mediaStorage", "taskUUID": check_uuid(task)}
        if one_of(task, "operation", ("upload", "delete")) == "upload":
            return head | {"operation": "upload"} | self._add(task, "media", base_url, dry_run=dry_run)
        name = str(required(task, "media")).lower()
        if name not in self._uploads:
            raise Problem("mediaNotFound", "No such media is stored here.", parameter=["media"], status=404)
        if not dry_run:
            self._uploads.pop(name, None)
        return head | {"operation": "delete", "mediaUUID": name}

    def inset(self, name: str) -> Inset | None:
        """How an uploaded image is drawn as a reference; ``None`` if there is none of that UUID."""
        upload = self._uploads.get(name)
        return upload.inset if upload else None

    def file(self, name: str) -> tuple[str, bytes] | None:
        """Media type and bytes of an uploaded image, or of its small copy once the original had to go."""
        upload = self._uploads.get(name)
        if upload is None:
            return None
        text = self._renderer.text(upload.text)
        if text != upload.text:
            data = decode(text, "image")
            with Image.open(io.BytesIO(data)) as picture:
                return picture.get_format_mimetype() or "application/octet-stream", data
        small = self._renderer.thumbnail(upload.inset.digest)
        return None if small is None else ("image/jpeg", small)

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
