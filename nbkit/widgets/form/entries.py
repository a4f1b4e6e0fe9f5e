"""What the list of reference images is made of: pictures that are here, and files that are on their way.

How an entry is called and what the page is told of it stand here too. That goes into what a notebook saves of its
widgets, so it holds no picture, and of an address neither query nor user information: these carry credentials.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from nbkit.display.text import ellipsis
from nbkit.measures.facts import header_size
from nbkit.request.parameter import ValueInvalid
from nbkit.request.reference import Reference


def _new_key() -> str:
    return uuid.uuid4().hex[:12]


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A reference and the name by which a person knows it: a file's name, or an address.

    Attributes:
        name: shown under the picture.
        reference: the picture itself.
        file: its file in the file system that code can read; ``""`` for what came over the page.
        origin: the imageUUID of the generated picture that it is; ``""`` for any other.
        key: what the page calls it.
    """

    name: str
    reference: Reference
    file: str = ""
    origin: str = ""
    key: str = field(default_factory=_new_key, compare=False)


class Coming:
    """A file that the page has begun to send. In a request it is wrong until it is here."""

    def __init__(self, key: str, name: str, size: int) -> None:
        self.key, self.name, self.size = key, name, size
        self.parts: list[bytes] = []

    @property
    def got(self) -> int:
        return sum(map(len, self.parts))

    @property
    def whole(self) -> bool:
        return bool(self.parts) and self.got >= self.size

    @property
    def bytes(self) -> bytes:
        """Asked for by the check of a request: without this, one could be paid for that lacks a picture."""
        raise ValueInvalid("pending", f"complete, and {self.name} is still on its way")

    def __repr__(self) -> str:
        return f"<{self.name}>"


def name_of(reference: Reference) -> str:
    """What a reference is called that came without a name; of an address only its last part, for a query is secret."""
    if reference.data or reference.is_missing:
        return f"picture {reference.sha256[:8]}"
    if "://" not in reference.text:
        return reference.text
    parts = urlsplit(str.__str__(reference.text))
    return ellipsis(unquote(parts.path).rstrip("/").rpartition("/")[2] or parts.netloc, 60)


def tile(entry: Item | Coming) -> dict[str, Any]:
    """What the page is told of an entry."""
    told: dict[str, Any] = {"key": entry.key, "name": ellipsis(entry.name, 60)}
    if isinstance(entry, Coming):
        return {**told, "kind": "coming", "percent": min(100, entry.got * 100 // max(1, entry.size))}
    reference = entry.reference
    if reference.data:
        return {**told, "kind": "picture", "about": _size_text(reference.data)}
    if reference.is_missing:
        return {**told, "kind": "named", "word": "lost", "about": "no longer in the image folder: give it again"}
    if "://" not in reference.text:
        return {**told, "kind": "named", "word": "UUID", "about": "an uploaded picture, by its UUID"}
    bare = str.__str__(reference.text)
    about = ellipsis(bare, 200) + ("" if reference.text == bare else "?…")
    return {**told, "kind": "named", "word": ellipsis(urlsplit(bare).netloc, 60), "about": about}


def _size_text(data: bytes) -> str:
    try:
        return "{} × {} px".format(*header_size(data))
    except Exception:  # noqa: BLE001  of a format that only the service knows
        return ""
