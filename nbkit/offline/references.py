"""Reference images: those in a task (UUIDs, URLs, which are never fetched, data URIs or base64 text) and uploaded ones."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Callable

from nbkit.offline.envelope import PICTURE_PATH, Items, Problem, RequestContext, Task, echo
from nbkit.offline.painting.scene import Inset
from nbkit.offline.renderer import Renderer
from nbkit.offline.state import EngineState
from nbkit.offline.validation import one_of, required
from nbkit.request.address import whole_text
from nbkit.request.decoder import opened
from nbkit.request.parameter import Address, ValueInvalid

NOT_FETCHED = "URL, not fetched"
"""Label under the frame of a reference image without pixels."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DATA_URI = re.compile(r"\Adata:[\w/.+-]*(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)


def decode(text: str) -> bytes:
    """The bytes in a data URI or in base64 text.

    Raises:
        ValueError: if the text is neither.
    """
    return base64.b64decode(_DATA_URI.sub("", text), validate=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class ReferenceReader:
    """Reads reference images, and stores those that are uploaded with ``imageUpload`` or its successor ``mediaStorage``.

    An uploaded URL is stored as text and never fetched.

    Args:
        renderer: stores the images that come as data.
        find_result: returns the picture of a finished result by its UUID, or ``None``.
        state: where uploads are kept across a restart, or ``None``.

    Attributes:
        renderer: as given.
    """

    def __init__(
        self, renderer: Renderer, find_result: Callable[[str], bytes | None], state: EngineState | None = None
    ) -> None:
        self.renderer, self._find_result, self._state = renderer, find_result, state
        rows = () if state is None else state.rows("upload")
        # What `read` returned for each, by UUID.
        self._uploads = {key: (Inset(digest, label, None), name) for key, (digest, label, name) in rows}

    def read(self, text: str, parameter: str) -> tuple[Inset, str]:
        """The inset that is drawn for a reference image, and the text that the stored task has in its place.

        Args:
            text: a URL, a UUID, a data URI or base64 text.
            parameter: name of the parameter, for the error.

        Raises:
            Problem: if the text is none of these, its data is not a readable picture, or no upload and no result has its
                UUID.
        """
        if _UUID.fullmatch(text):
            found = self._find(text.lower())
            if found is None:
                raise Problem(
                    "invalidReferenceImage", f"No upload and no picture {text} is known here.", parameter=parameter
                )
            return found, text
        try:
            if text[:8].lower().startswith(("http://", "https://")):
                return Inset(_digest(whole_text(Address().check(text))), NOT_FETCHED, None), text
            data = decode(text)
        except (ValueInvalid, ValueError):  # the latter also for text that is not ASCII, and for half a surrogate pair
            rule = f"An image of {parameter} must be a UUID, a URL, a data URI or base64 text."
            raise Problem("invalidReferenceImage", rule, parameter=parameter) from None
        return Inset(self.renderer.store_thumbnail(data, parameter), "", None), self.renderer.store_text(text)

    def upload(self, task: Task, context: RequestContext, name: str = "image") -> Items:
        """Run an ``imageUpload`` task and return its item of ``data``; a dry run stores nothing.

        Args:
            task: to run.
            context: of its request.
            name: the key of the task that has the image; the UUID and the URL of the item are named after it.
        """
        text = required(task, name)
        if not isinstance(text, str) or _UUID.fullmatch(text):
            raise Problem("invalidFormat", f"{name} must be a data URI, base64 text or a URL.", parameter=name)
        upload = self.read(text, name)
        head = echo(task) | ({"operation": "upload"} if name == "media" else {})
        if context.dry_run:
            return [head | {"dryRun": True, "cost": 0.0}]
        key = str(uuid.uuid4())
        inset, stored = upload
        if self._state is not None:
            self._state.put("upload", key, [inset.digest, inset.label, stored])
        self._uploads[key] = upload
        return [head | {f"{name}UUID": key, f"{name}URL": f"{context.base_url}{PICTURE_PATH}{key}"}]

    def store_media(self, task: Task, context: RequestContext) -> Items:
        """Run a ``mediaStorage`` task (upload or delete) and return its item of ``data``; a dry run changes nothing."""
        if one_of(task, "operation", ("upload", "delete")) == "upload":
            return self.upload(task, context, "media")
        media_uuid = str(required(task, "media")).lower()
        if media_uuid not in self._uploads:
            raise Problem("mediaNotFound", "No such media is stored here.", parameter="media", status=404)
        if not context.dry_run:
            self._uploads.pop(media_uuid, None)  # another thread may have deleted it
            if self._state is not None:
                self._state.remove("upload", media_uuid)
        return [echo(task) | {"operation": "delete", "mediaUUID": media_uuid}]

    def file(self, image_uuid: str) -> tuple[str, bytes] | None:
        """Media type and bytes of an uploaded image, or of its thumbnail if the original left the cache."""
        inset, name = self._uploads.get(image_uuid, (None, ""))
        if inset is None:
            return None
        text = self.renderer.text_of(name)
        if text != name:
            data = decode(text)
            with opened(data) as picture:
                return picture.get_format_mimetype() or "application/octet-stream", data
        thumbnail = self.renderer.thumbnails.get(inset.digest)
        return None if thumbnail is None else ("image/jpeg", thumbnail)

    def _find(self, image_uuid: str) -> Inset | None:
        """The inset for a finished result or an uploaded image; ``None`` for another UUID."""
        if file := self._find_result(image_uuid):
            return Inset(self.renderer.store_thumbnail(file), "", None)
        return self._uploads.get(image_uuid, (None, ""))[0]
