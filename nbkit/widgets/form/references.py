"""The reference images' control: an ordered list of pictures, fed by files, the clipboard, addresses and code.

The bytes live in this kernel only. A file comes from the page in parts, because a server cuts a connection over which
more than 10 MiB come at once; its thumbnail goes back in a message of its own when the page asks for it. What a
notebook saves of its widgets is names. Messages may come in any thread, and a picture is read in another, so one lock
guards the list; nobody is called while it is held.
"""

from __future__ import annotations

import os
import pathlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from nbkit.display.text import ellipsis
from nbkit.errors import NoImage
from nbkit.measures.preview import make_preview
from nbkit.request import rules
from nbkit.request.address import without_credentials
from nbkit.request.image_request import PARAMETERS
from nbkit.request.parameter import ValueInvalid
from nbkit.request.reference import Reference, make_reference
from nbkit.request.reference_values import is_iterator, references_in
from nbkit.results.run import GeneratedImage
from nbkit.service.threads import THREADS
from nbkit.widgets.form.entries import Coming, Item, name_of, tile

Entries = tuple[Item | Coming, ...]
Send = Callable[..., None]

PARAMETER = PARAMETERS["reference_images"]
THUMBNAIL = 144
"""Pixels on the long side of a thumbnail, which is shown at half of it: sharp on a dense screen."""
MAX_BYTES = 64 * 2**20
"""A file beyond this is refused before it is sent: a request carries it as text, a third longer still."""
PATIENCE = 5.0
"""Seconds without a part after which a page that was left took its files with it."""


class References:
    """Pictures to start from, in order: dropped, picked, pasted, named by URL or UUID, or added from code.

    Attributes:
        send: sends a message with its buffers to the pages that show the list; set by the widget.
        changed: called after every change, by a person or by a program, without the lock.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._entries: Entries = ()
        self._left: tuple[str, ...] = ()  # words in the text field that are no reference
        self._notices: tuple[str, ...] = ()
        self._heard = 0.0
        self.send: Send = lambda _message, _buffers=(): None
        self.changed: Callable[[], None] = lambda: None

    # -- reading and writing ---------------------------------------------------------------------------

    def read(self) -> tuple[Any, ...]:
        """What is set, with what is still coming or could not be taken, so that the check refuses half a request."""
        with self._lock:
            given = (entry.reference if isinstance(entry, Item) else entry for entry in self._entries)
            return (*given, *self._left)

    def write(self, references: Iterable[Reference]) -> None:
        """Replace the list; a reference that was in it keeps its name."""
        known = {item.reference: item for item in reversed(self.items)}
        self.restore(tuple(known.pop(r) if r in known else Item(name_of(r), r) for r in references))

    @property
    def entries(self) -> Entries:
        """The list as it is, for :meth:`restore`."""
        return self._entries

    def restore(self, entries: Entries) -> None:
        """Bring back an earlier list, without what was on its way then."""

        def replace() -> None:
            self._put(entry for entry in entries if isinstance(entry, Item) or entry in self._entries)
            self._left = self._notices = ()

        self._change(replace)
        self.send({"kind": "left", "text": ""})

    def complaints(self, problem: str) -> str:
        """What is wrong, one sentence a line.

        Args:
            problem: what the check of the request says of the references; left out where the list says it itself.
        """
        with self._lock:
            words = (ellipsis(without_credentials(word), 60) for word in self._left)
            wrong = [*self._notices, *(f"“{word}” is not a URL or UUID." for word in words)]
            if problem and not self._left and not self.arriving:
                wrong.append(problem)
            return "\n".join(wrong)

    @property
    def tiles(self) -> list[dict[str, Any]]:
        """What the page is told of the entries, in order."""
        return [tile(entry) for entry in self._entries]

    @property
    def items(self) -> tuple[Item, ...]:
        """The references in order, each with its name; what is still on its way is not among them."""
        return tuple(entry for entry in self._entries if isinstance(entry, Item))

    @property
    def arriving(self) -> tuple[str, ...]:
        """The names of the files that are still on their way."""
        return tuple(entry.name for entry in self._entries if isinstance(entry, Coming))

    @property
    def files(self) -> dict[str, str]:
        """By the hash of its content, the file of each reference that code can read; what the page gave has none."""
        return {item.reference.sha256: item.file for item in self.items if item.reference.data and item.file}

    # -- from code -------------------------------------------------------------------------------------

    def append(self, value: Any, name: str = "", file: str = "", *, alone: bool = False) -> None:
        """Put a picture behind the others, or several.

        Args:
            value: whatever a request takes as reference images, such as a picture of ``studio.log``, or a run.
            name: what to call it; by itself a file's name, a picture's seed, or an address.
            file: where code can read it from; by itself the file of a path or of a picture that has one.
            alone: whether it takes the place of all others.

        Raises:
            RequestError: if it is no reference image.
        """
        given = list(value) if is_iterator(value) else [value]
        references = rules.check_value(PARAMETER, PARAMETER.name, given)
        items = []
        for one, reference in zip(references_in(given), references, strict=True):
            path = file or _file_of(one)
            seed = f"seed {one.seed}" if isinstance(one, GeneratedImage) and one.seed is not None else ""
            origin = (one.image_uuid or "") if isinstance(one, GeneratedImage) else ""
            items.append(Item(name or seed or pathlib.Path(path).name or name_of(reference), reference, path, origin))
        self._change(lambda: self._put((*(() if alone else self._entries), *items)))

    def add(self, item: Item) -> None:
        """Put a reference that has its name already behind the others."""
        self._change(lambda: self._put((*self._entries, item)))

    def remove(self, index: int) -> None:
        """Take a picture of :attr:`items` away.

        Raises:
            IndexError: if there is none.
        """
        self._remove(self.items[index].key)

    def move(self, index: int, to: int) -> None:
        """Bring a picture of :attr:`items` to the place that another one has now.

        Raises:
            IndexError: if there is none.
        """
        with self._lock:
            moved, there = self.items[index], self._entries.index(self.items[to])
        self._move(moved.key, there)

    # -- from the page ---------------------------------------------------------------------------------

    def hear(self, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Do what the page asks for."""
        match message:
            case {"kind": "hello"}:
                self._greet()
            case {"kind": "want", "keys": keys}:
                THREADS.submit(self._send_thumbnails, keys)
            case {"kind": "files", "files": files}:
                self._expect(files)
            case {"kind": "part", "key": key}:
                self._take_part(key, buffers)
            case {"kind": "text", "text": text}:
                self._take_text(text)
            case {"kind": "remove", "key": key}:
                self._remove(key)
            case {"kind": "move", "key": key, "to": to}:
                self._move(key, to)
            case {"kind": "unusable", "key": key, "name": name, "why": why}:
                self._drop([key], f"{name} cannot be used: {why}")

    def _greet(self) -> None:
        """A page has come: tell it what its text field lacks, and see whether the page before it left files behind."""
        now = time.monotonic()
        self.send({"kind": "left", "text": " ".join(self._left)})
        if self.arriving:
            timer = threading.Timer(PATIENCE, lambda: self._forget(now))
            timer.daemon = True
            timer.start()

    def _forget(self, since: float) -> None:
        with self._lock:
            coming = [entry for entry in self._entries if isinstance(entry, Coming)]
            is_alive = self._heard > since or any(entry.whole for entry in coming)
        if coming and not is_alive:
            names = ", ".join(entry.name for entry in coming)
            self._drop([entry.key for entry in coming], f"{names} did not arrive whole: give it again")

    def _expect(self, files: Iterable[Mapping[str, Any]]) -> None:
        """Keep a place for each file at once, before its first byte: the order is that in which they were given."""

        def expect() -> None:
            self._heard = time.monotonic()
            entries, notices = list(self._entries), []
            for file in files:
                if file["size"] > MAX_BYTES:
                    size = file["size"] / 2**20
                    notices.append(f"{file['name']} is too large: {size:,.0f} MiB; the limit is {MAX_BYTES >> 20} MiB")
                else:
                    entries.append(Coming(file["key"], file["name"], file["size"]))
            self._put(entries)
            self._notices = tuple(notices)

        self._change(expect)

    def _take_part(self, key: str, buffers: Sequence[Any]) -> None:
        with self._lock:
            self._heard = time.monotonic()
            coming = next((e for e in self._entries if isinstance(e, Coming) and e.key == key), None)
            if coming is not None:
                coming.parts.append(b"".join(bytes(part) for part in buffers))
        if coming is not None:
            self.changed()
        if coming is not None and coming.whole:
            THREADS.submit(self._finish, coming)  # a large picture takes seconds to read
        else:
            self.send({"kind": "more" if coming else "over", "key": key})

    def _finish(self, coming: Coming) -> None:
        """Make a reference of a file that is here, in the place that was kept for it."""
        try:
            item = Item(coming.name, make_reference(b"".join(coming.parts)), key=coming.key)
        except ValueInvalid as wrong:
            self._drop([coming.key], f"{coming.name} cannot be used: it must be {wrong}")
        except Exception as error:  # noqa: BLE001  nobody looks at what a thread raises
            self._drop([coming.key], f"{coming.name} cannot be used: {type(error).__name__}: {error}")
        else:
            self._change(lambda: self._put(item if entry is coming else entry for entry in self._entries))
        finally:
            self.send({"kind": "over", "key": coming.key})

    def _take_text(self, text: str) -> None:
        """Take every word that is a reference; the others stay in the text field, and in the request that is checked."""
        items, left = [], []
        for word in text.split():
            try:
                reference = make_reference(word)
                items.append(Item(name_of(reference), reference))
            except ValueInvalid:
                left.append(word)
        if left and not items:  # a sentence, or an address with a blank in it
            left = [text.strip()]

        def take() -> None:
            self._put((*self._entries, *items))
            self._left, self._notices = tuple(left), ()

        self._change(take)
        self.send({"kind": "left", "text": " ".join(left)})

    def _remove(self, key: str) -> None:
        def remove() -> None:
            self._put(entry for entry in self._entries if entry.key != key)
            self._notices = ()

        self._change(remove)

    def _move(self, key: str, to: int) -> None:
        def move() -> None:
            rest = [entry for entry in self._entries if entry.key != key]
            moved = [entry for entry in self._entries if entry.key == key]
            to_here = max(0, to)
            self._put((*rest[:to_here], *moved, *rest[to_here:]))
            self._notices = ()

        self._change(move)

    def _drop(self, keys: Sequence[str], why: str) -> None:
        def drop() -> None:
            self._put(entry for entry in self._entries if entry.key not in keys)
            self._notices = (*self._notices, why)

        self._change(drop)

    def _send_thumbnails(self, keys: Sequence[str]) -> None:
        for item in self.items:
            if item.key in keys and item.reference.data:
                try:
                    small = [make_preview(item.reference.data, THUMBNAIL)]
                except Exception:  # noqa: BLE001  of a format that only the service knows, there is none
                    small = []
                self.send({"kind": "thumbnail", "key": item.key}, small)

    # -- what follows from a change --------------------------------------------------------------------

    def _put(self, entries: Iterable[Item | Coming]) -> None:
        self._entries = tuple(entries)

    def _change(self, change: Callable[[], None]) -> None:
        """Change the list, and then tell whoever asked for it."""
        with self._lock:
            change()
        self.changed()


def _file_of(value: Any) -> str:
    try:
        path = value.path if isinstance(value, GeneratedImage) else value
    except NoImage:
        return ""
    return os.fsdecode(path) if isinstance(path, os.PathLike) else ""
