"""A picture that was dropped on a panel brings its settings back.

Its bytes come over the page in parts, as those of reference images do (:mod:`nbkit.widgets.form.references`). A picture
of this log is known by its content; of any other one, its file says how it was made (:func:`nbkit.read`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nbkit.display.text import ellipsis
from nbkit.errors import NbkitError, NoSuchKey
from nbkit.log.store import LogStore
from nbkit.metadata.embedding import original_of
from nbkit.metadata.reading import PictureSettings, read, usable
from nbkit.request.image_request import UNKNOWN_PROMPT, ImageRequest
from nbkit.request.reference import Reference
from nbkit.results.run import GeneratedImage, Run
from nbkit.service.threads import THREADS
from nbkit.widgets.form.entries import Coming
from nbkit.widgets.form.form import Form
from nbkit.widgets.form.references import MAX_BYTES
from nbkit.widgets.page.guard import showing
from nbkit.widgets.panel import status
from nbkit.widgets.panel.status import UNDO, Status

_MAX_SENTENCES = 3


class DroppedPictures:
    """Takes pictures that are dropped on a panel.

    Args:
        log: knows its own pictures, and has reference images.
        form: the state of the controls.
        say: puts something into the status line.
        send: sends a message to the page's form.
        fault: shows an error.
    """

    def __init__(
        self,
        log: LogStore,
        form: Form,
        *,
        say: Callable[[Status], None],
        send: Callable[[dict[str, Any]], None],
        fault: Callable[[BaseException], None],
    ) -> None:
        self._log, self._form = log, form
        self._say, self._send, self._fault = say, send, fault
        self._coming: Coming | None = None

    def hear(self, content: Mapping[str, Any], buffers: Sequence[Any]) -> bool:
        """Take a message of the page; returns whether it was about a picture that is dropped here."""
        match content:
            case {"kind": "settings of", "key": key, "name": name, "size": size}:
                self._expect(Coming(str(key), ellipsis(str(name), 60), int(size)), int(content.get("others", 0)))
            case {"kind": "part", "key": key} if self._coming is not None and key == self._coming.key:
                self._take_part(self._coming, buffers)
            case {"kind": "unusable", "key": key, "why": why} if self._coming is not None and key == self._coming.key:
                self._say(status.error(f"{self._coming.name} cannot be used: {why}"))
                self._coming = None
            case _:
                return False
        return True

    def use(self, found: PictureSettings, name: str) -> None:
        """Set all controls as the settings of a picture say; one step for undo.

        Raises:
            NbkitError: if they have no request that this nbkit allows; then no control changes.
        """
        request, left_out = usable(found)
        if request is None:
            raise NbkitError(f"{name} has no request that can be used. {' '.join(left_out[:1])}".strip())
        whose = "" if found.is_own else f", as another program ({found.source}) wrote them"
        self._fill(request, f"Settings of {name}{whose}.", left_out)

    def _expect(self, coming: Coming, others: int) -> None:
        """Wait for a picture; an earlier one that has not come whole yet is given up."""
        self._coming = coming if coming.size <= MAX_BYTES else None
        if self._coming is None:
            size = f"{coming.size / 2**20:,.0f} MiB; the limit is {MAX_BYTES >> 20} MiB"
            self._say(status.error(f"{coming.name} is too large: {size}"))
        else:
            more = "The settings are those of the first picture." if others else ""
            self._say(status.say(f"Reading {coming.name} …", more))

    def _take_part(self, coming: Coming, buffers: Sequence[Any]) -> None:
        coming.parts.append(b"".join(bytes(part) for part in buffers))
        if coming.whole:
            THREADS.submit(self._finish, coming)
        else:
            self._send({"kind": "more", "key": coming.key})

    def _finish(self, coming: Coming) -> None:
        self._coming = None if self._coming is coming else self._coming
        with showing(self._fault):  # nobody looks at what a thread raises
            try:
                self._take(b"".join(coming.parts), coming.name)
            except NbkitError as error:
                self._say(status.error(f"{coming.name}: {str(error).removeprefix('path: ')}"))
        self._send({"kind": "over", "key": coming.key})

    def _take(self, data: bytes, name: str) -> None:
        run, image = self._of_log(hashlib.sha256(data).hexdigest())
        found = None
        if run is None:
            found = read(data)
            own = str(found.facts.get("sha256", "")) if found.is_own else ""
            if own and original_of(data, own) is not None:  # else the file claims to be another picture
                run, image = self._of_log(own)
        if run is not None and image is not None:
            if run.request.prompt == UNKNOWN_PROMPT:
                raise NbkitError("this picture came into the log without its settings")
            request = run.request if run.request.seed is not None else run.request.replace(seed=image.seed)
            self._fill(request, f"Settings of {name}, from this log.", [])
        elif found is not None:
            self.use(found, name)

    def _of_log(self, sha256: str) -> tuple[Run | None, GeneratedImage | None]:
        run = self._log.history.with_picture(sha256)
        return run, next((image for image in run or () if image.sha256 == sha256), None)

    def _fill(self, request: ImageRequest, said: str, left_out: Sequence[str]) -> None:
        given = request.reference_images or ()
        if any(reference.is_missing for reference in given):
            request = request.replace(reference_images=[self._found(reference) for reference in given])
        with self._form.change():
            self._form.hold_still()
            self._form.use(request)
        extra = ["What it had as extra= has no control and is left out."] if request.extra else []
        sentences = [*(f"{sentence.rstrip('.')}." for sentence in left_out), *extra]
        self._say(status.say(said, *sentences[:_MAX_SENTENCES], actions=(UNDO,)))

    def _found(self, reference: Reference) -> Reference:
        """A reference image that a file names, out of this log; the control says which one is not there."""
        try:
            return self._log.reference(reference.sha256) if reference.is_missing else reference
        except NoSuchKey:
            return reference
