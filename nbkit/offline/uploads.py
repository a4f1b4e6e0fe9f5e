"""Reference images that were uploaded with ``imageUpload`` or with its successor ``mediaStorage``."""

from __future__ import annotations

import io
import uuid

from PIL import Image

from nbkit.offline.envelope import DataAndErrors, Problem, RequestContext, Task, echo
from nbkit.offline.painting.scene import Inset
from nbkit.offline.references import decode, is_uuid, read_reference
from nbkit.offline.renderer import Renderer
from nbkit.offline.tasks import PICTURE_PATH
from nbkit.offline.validation import check_uuid, one_of, required


class Uploads:
    """Uploaded images by UUID; an uploaded URL is stored as text and never fetched.

    Args:
        renderer: stores the images that come as data.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        # Of each upload what `read_reference` returns: what draws it as a reference, and its text.
        self._uploads: dict[str, tuple[Inset, str]] = {}

    def upload_image(self, task: Task, context: RequestContext) -> DataAndErrors:
        """Run an ``imageUpload`` task and return its item of ``data``; a dry run stores nothing."""
        check_uuid(task)
        return self._add(task, "image", context)

    def store_media(self, task: Task, context: RequestContext) -> DataAndErrors:
        """Run a ``mediaStorage`` task (upload or delete) and return its item of ``data``; a dry run changes nothing."""
        check_uuid(task)
        if one_of(task, "operation", ("upload", "delete")) == "upload":
            return self._add(task, "media", context)
        media_uuid = str(required(task, "media")).lower()
        if media_uuid not in self._uploads:
            raise Problem("mediaNotFound", "No such media is stored here.", parameter="media", status=404)
        if not context.dry_run:
            self._uploads.pop(media_uuid, None)  # another thread may have deleted it
        return [echo(task) | {"operation": "delete", "mediaUUID": media_uuid}], []

    def inset(self, image_uuid: str) -> Inset | None:
        """The inset that draws an uploaded image as a reference; ``None`` for an unknown UUID."""
        inset, _ = self._uploads.get(image_uuid, (None, ""))
        return inset

    def file(self, image_uuid: str) -> tuple[str, bytes] | None:
        """Media type and bytes of an uploaded image, or of its thumbnail if the original left the cache."""
        inset, name = self._uploads.get(image_uuid, (None, ""))
        if inset is None:
            return None
        text = self._renderer.text_of(name)
        if text != name:
            data = decode(text)
            with Image.open(io.BytesIO(data)) as picture:
                return picture.get_format_mimetype() or "application/octet-stream", data
        thumbnail = self._renderer.thumbnail(inset.digest)
        return None if thumbnail is None else ("image/jpeg", thumbnail)

    def _add(self, task: Task, name: str, context: RequestContext) -> DataAndErrors:
        """Store the image under a key of a task; the UUID and the URL of its item are named after that key."""
        text = required(task, name)
        if not isinstance(text, str) or is_uuid(text):
            raise Problem("invalidFormat", f"{name} must be a data URI, base64 text or a URL.", parameter=name)
        upload = read_reference(text, name, self._renderer, self.inset)
        head = echo(task) | ({"operation": "upload"} if name == "media" else {})
        if context.dry_run:
            return [head | {"dryRun": True, "cost": 0.0}], []
        key = str(uuid.uuid4())
        self._uploads[key] = upload
        return [head | {f"{name}UUID": key, f"{name}URL": f"{context.base_url}{PICTURE_PATH}{key}"}], []
