"""The text that other programs keep in a picture's EXIF data: its UserComment.

EXIF data is a TIFF: tables of entries that point to values anywhere in it. What is added goes to the end, and so do the
tables that change, so that every value, such as a camera's own notes, stays where it is.
"""

from __future__ import annotations

from nbkit.metadata.parts import MetadataInvalid

_EXIF_TABLE, _COMMENT = 0x8769, 0x9286
_LONG, _UNDEFINED = 4, 7
_ENTRY = 12
_ORDERS = {b"II*\0": "little", b"MM\0*": "big"}
_EMPTY = b"MM\0*\0\0\0\x08\0\0\0\0\0\0"
_MAX_ENTRIES = 1_000


class _Tables:
    """The tables of EXIF data that is read, never believed."""

    def __init__(self, exif: bytes) -> None:
        if exif[:4] not in _ORDERS:
            raise MetadataInvalid("its EXIF data is damaged")
        self.data, self.little = exif, _ORDERS[exif[:4]] == "little"
        self.first = self.number(4, 4)

    def number(self, place: int, size: int) -> int:
        return int.from_bytes(self.data[place : place + size], "little" if self.little else "big")

    def packed(self, number: int, size: int) -> bytes:
        return number.to_bytes(size, "little" if self.little else "big")

    def table(self, place: int) -> tuple[dict[int, bytes], bytes]:
        """The entries of a table by tag, and the place of the next table.

        Raises:
            MetadataInvalid: if it is not whole.
        """
        count, start = self.number(place, 2), place + 2
        end = start + _ENTRY * count
        if not 8 <= place <= len(self.data) - 2 or count > _MAX_ENTRIES or end + 4 > len(self.data):
            raise MetadataInvalid("its EXIF data is damaged")
        places = range(start, end, _ENTRY)
        return {self.number(p, 2): self.data[p : p + _ENTRY] for p in places}, self.data[end : end + 4]

    def inner(self, entries: dict[int, bytes]) -> tuple[dict[int, bytes], bytes]:
        """The table of EXIF's own entries; an empty one where there is none."""
        entry = entries.get(_EXIF_TABLE)
        return self.table(self.value(entry)) if entry else ({}, bytes(4))

    def value(self, entry: bytes) -> int:
        return int.from_bytes(entry[8:12], "little" if self.little else "big")

    def size(self, entry: bytes) -> int:
        """Bytes of the value of an entry whose items are bytes."""
        return int.from_bytes(entry[4:8], "little" if self.little else "big")

    def entry(self, tag: int, kind: int, count: int, value: int) -> bytes:
        return self.packed(tag, 2) + self.packed(kind, 2) + self.packed(count, 4) + self.packed(value, 4)


def with_comment(exif: bytes, text: str, most: int) -> bytes:
    """EXIF data with another UserComment; EXIF data that is damaged, or has no room, is returned as it is.

    Args:
        exif: as it is, from its byte order on; ``b""`` for none.
        text: of the comment. One that is too long is cut at its front part, the prompt: its last line stays.
        most: bytes of all EXIF data.
    """
    try:
        tables = _Tables(exif or _EMPTY)
        entries, following = tables.table(tables.first)
        inner, inner_following = tables.inner(entries)
    except MetadataInvalid:
        return exif
    base = _without_value(tables, inner.get(_COMMENT)) if exif else tables.data[:8]
    tables_size = 12 + _ENTRY * (len({*entries, _EXIF_TABLE}) + len({*inner, _COMMENT}))
    room = most - len(base) - tables_size - 8
    if room < 200:
        return exif
    comment = b"UNICODE\0" + _fitted(text, room // 2).encode("utf-16-be", "surrogatepass")
    place = len(base)
    inner_place = place + 6 + _ENTRY * len({*entries, _EXIF_TABLE})
    entries[_EXIF_TABLE] = tables.entry(_EXIF_TABLE, _LONG, 1, inner_place)
    inner[_COMMENT] = tables.entry(_COMMENT, _UNDEFINED, len(comment), place + tables_size)
    parts = [base[:4], tables.packed(place, 4), base[8:]]
    for table, after in ((entries, following), (inner, inner_following)):
        parts += [tables.packed(len(table), 2), *(table[tag] for tag in sorted(table)), after]
    return b"".join([*parts, comment])


def _without_value(tables: _Tables, entry: bytes | None) -> bytes:
    """EXIF data of an even length, without the value of an entry that is replaced: zeros, or nothing at its end."""
    data = bytearray(tables.data)
    if entry is not None:
        place, size = tables.value(entry), tables.size(entry)
        if size > 4 and place + size <= len(data):
            data[place : place + size] = bytes(size if place + size < len(data) else 0)
    return bytes(data + b"\0" * (len(data) % 2))


def without_comment(exif: bytes) -> list[bytes]:
    """What EXIF data may have been before :func:`with_comment`; which one it was, its hash says."""
    try:
        place = _Tables(exif).first
    except MetadataInvalid:
        return []
    before = exif[:4] + (8).to_bytes(4, "little" if exif[:2] == b"II" else "big") + exif[8:place]
    return [b"", before, before[:-1]]


def comment_of(exif: bytes) -> str:
    """The UserComment of EXIF data; ``""`` without one that can be read."""
    try:
        tables = _Tables(exif)
        entry = tables.inner(tables.table(tables.first)[0])[0].get(_COMMENT, b"")
    except MetadataInvalid:
        return ""
    size, place = tables.size(entry), tables.value(entry)
    if not entry or size < 8 or place + size > len(exif):
        return ""
    code, data = exif[place : place + 8], exif[place + 8 : place + size]
    if code != b"UNICODE\0":
        return data.decode("utf-8", "replace").strip("\0 ")
    # The standard does not say which byte comes first. Most programs write the high one first; text of theirs has ASCII
    # letters in it, whose high byte is zero.
    is_little = data[1::2].count(0) > data[0::2].count(0)
    return data.decode("utf-16-le" if is_little else "utf-16-be", "replace").strip("\0")


def _fitted(text: str, units: int) -> str:
    """A text of so many UTF-16 units: of one that is longer, the prompt is cut, and the last line stays whole."""
    if len(text.encode("utf-16-be", "surrogatepass")) // 2 <= units:
        return text
    prompt, _, last = text.rpartition("\n")
    room = max(0, units - len(last) * 2 - 2)
    data = prompt.encode("utf-16-be", "surrogatepass")[: 2 * room]
    return f"{data.decode('utf-16-be', 'ignore')}…\n{last}"
