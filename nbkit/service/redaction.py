"""Takes secrets out of the texts of a service: whole, in pieces, and in the spellings that services and gateways use.

A text is looked at three times, each time with its escapes decoded (``%2D``, ``&#45;``) and in small letters: as it
is, with letters and digits only (for ``k-e-y`` and for hexadecimal numbers), and as base64. Every place that has a piece of
a secret in one of its spellings is replaced. So a few characters of a secret may remain, but never enough to use.
"""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Callable, Iterable, Iterator

_ESCAPE = re.compile(
    r"%([0-9a-f]{2})|\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|&#x0*([0-9a-f]{1,4});|&#0*([0-9]{1,5});", re.IGNORECASE
)
_ENCODINGS_DEEP = 3
"""So often may a text be escaped: a gateway may escape again what is escaped already."""

Units = list[tuple[str, int, int]]
"""Characters of a text as it is read, each with the start and the end of what stands for it in the text."""


class Redactor:
    """Replaces secrets in texts.

    Args:
        mark: replaces a secret.
        piece: so many characters of a secret are replaced wherever they stand. A secret that is shorter may be an
            ordinary word, and is replaced only where it stands as a word of its own.
    """

    def __init__(self, mark: str, piece: int) -> None:
        self._mark, self._piece = mark, piece
        self._pieces: dict[tuple[str, int], set[str]] = {}  # by the way to look at a text, and by length
        self._short: set[str] = set()
        self._known: dict[str, None] = {}  # in the order in which they came

    def __repr__(self) -> str:
        return "<Redactor>"

    def __getstate__(self) -> None:
        """A pickle has no secrets."""

    def add(self, secrets: Iterable[str]) -> None:
        """Replace these too from now on."""
        for secret in {secret[:_MAX_CHARACTERS] for secret in secrets} - self._known.keys():
            if len(self._known) >= _MAX_SECRETS:
                kept = list(self._known)[_MAX_SECRETS // 2 :]
                self._known, self._pieces, self._short = {}, {}, set()
                self.add(kept)
            self._known[secret] = None
            size = min(self._piece, len(secret))
            if size < _MIN_PIECE:
                self._short.add(secret)
                continue
            for (look, length), spelling in _spellings(secret, size):
                windows = (spelling[i : i + length] for i in range(len(spelling) - length + 1))
                self._pieces.setdefault((look, length), set()).update(windows)

    def clean(self, text: str) -> str:
        """The text without the secrets."""
        for word in self._short:
            text = re.sub(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", lambda _: self._mark, text)
        hits = bytearray(len(text))
        views = {look: list(read(_decoded(text))) for look, read in _LOOKS.items()} if self._pieces else {}
        for (look, length), pieces in self._pieces.items():
            units = views[look]
            characters = "".join(unit[0] for unit in units)
            for i in range(len(characters) - length + 1):
                if characters[i : i + length] in pieces:
                    start, end = units[i][1], units[i + length - 1][2]
                    hits[start:end] = b"\1" * (end - start)
        parts = itertools.groupby(zip(text, hits, strict=True), key=lambda part: part[1])
        return "".join(self._mark if hit else "".join(part[0] for part in run) for hit, run in parts)


_MIN_PIECE = 6
_MAX_CHARACTERS = 2_048
"""Of a secret; a longer text is no credential, but a picture or a document, and only its beginning is looked for."""

_MAX_SECRETS = 1_000
"""One more, and the older half is forgotten: each cell of a large sweep may have a token of its own."""


def _spellings(secret: str, size: int) -> Iterator[tuple[tuple[str, int], str]]:
    """The spellings of a secret, each with the way to look at a text and the length of a piece that counts."""
    small = secret.lower()
    letters = "".join(filter(_is_letter_or_digit, small))
    for text in (small, small[::-1]):
        yield ("as it is", size), text
    if len(letters) >= size:
        yield ("letters", size), letters
        yield ("letters", size), letters[::-1]
    data = secret.encode("utf-8", "surrogatepass")
    yield ("letters", 2 * size), data.hex()
    for shift in range(3):  # base64 differs by how many bytes precede; what depends on those is cut off
        encoded = base64.b64encode(b"\0" * shift + data).decode().rstrip("=")
        whole = (len(data) + shift) * 8 // 6
        yield ("base64", (8 * size - 4) // 6), encoded[(8 * shift + 5) // 6 : whole].lower()


def _decoded(text: str) -> Units:
    units = [(character, i, i + 1) for i, character in enumerate(text)]
    for _ in range(_ENCODINGS_DEEP):
        joined = "".join(unit[0] for unit in units)
        found = list(_ESCAPE.finditer(joined))
        if not found:
            break
        read: Units = []
        done = 0
        for escape in found:
            number = int(escape[5]) if escape[5] else int(next(filter(None, escape.groups())), 16)
            character = chr(number) if number < 0xD800 else "\ufffd"
            read += [*units[done : escape.start()], (character, units[escape.start()][1], units[escape.end() - 1][2])]
            done = escape.end()
        units = read + units[done:]
    return [(character.lower() if character.isascii() else character, start, end) for character, start, end in units]


def _is_letter_or_digit(character: str) -> bool:
    return character.isascii() and character.isalnum()


_LOOKS: dict[str, Callable[[Units], Iterator[tuple[str, int, int]]]] = {
    "as it is": lambda units: (unit for unit in units if not unit[0].isspace()),
    "letters": lambda units: (unit for unit in units if _is_letter_or_digit(unit[0])),
    "base64": lambda units: (
        ({"-": "+", "_": "/"}.get(unit[0], unit[0]), *unit[1:]) for unit in units if not unit[0].isspace()
    ),
}
