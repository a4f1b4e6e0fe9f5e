"""Values that carry credentials and show themselves without them: addresses, and tasks.

An address that a service is to call may hold a credential: as its user and password, its query, its fragment, or, as in
the webhooks of chat programs, in its path. An :class:`Url` *is* the text without those; the whole text is in one
attribute, which is read where a task is made for sending. So whatever is done with the value (a caption, a ``repr``, a
frame, JSON, a pickle, the local variables of a traceback), it shows no credential.
"""

from __future__ import annotations

import re
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

HIDDEN = "…"
"""Replaces a secret."""

_HOOK = re.compile(
    r"(?i)(web|incoming)?-?_?(services?|hooks?|webhooks?|tokens?|keys?|api-?keys?|secrets?|auth|sig(nature)?)"
)
"""Parts of a path after which a service has its secrets."""

_PICTURE = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(jpe?g|png|webp)")
"""The service's own names of pictures, which are shown."""

MIN_SECRET = 6
"""Characters; what is shorter is no secret that could be told from an ordinary word."""


class Url(str):
    """An address, as the text without its credentials; two are equal if they are with them.

    Attributes:
        whole: with its credentials; ``None`` if they are lost, as in a log or a pickle.

    Example:
        >>> import nbkit
        >>> request = nbkit.ImageRequest("A paper lantern", webhook_url="https://me:pass@example.com/hook?token=1")
        >>> request.webhook_url
        'https://example.com/hook'
        >>> request.to_task()["webhookURL"]
        'https://me:pass@example.com/hook?token=1'
    """

    __slots__ = ("whole",)
    whole: str | None

    def __new__(cls, whole: str, *, is_cut: bool = False) -> Self:
        address = super().__new__(cls, without_credentials(whole))
        address.whole = None if is_cut else whole
        return address

    def __eq__(self, other: object) -> bool:
        own = str.__str__(self) if self.whole is None else self.whole
        return own == (whole_text(other) if isinstance(other, str) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(str.__str__(self) if self.whole is None else self.whole)

    def __reduce__(self) -> tuple[Any, ...]:
        shown = str.__str__(self)
        is_harmless = self.whole is not None and self.whole.rstrip("?#") == shown
        return (Url, (self.whole,)) if is_harmless else (_cut, (shown,))

    def __getstate__(self) -> None:
        """Nothing: the credentials are in no pickle."""

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: Any) -> Self:
        return self


def _cut(shown: str) -> Url:
    return Url(shown, is_cut=True)


def whole_text(text: str) -> str:
    """A text as a plain string; of an address with its credentials, if they are known."""
    whole = text.whole if isinstance(text, Url) else None
    return str.__str__(text) if whole is None else whole


def without_credentials(address: str) -> str:
    """An address without user, password, query and fragment, and without what looks like a secret in its path."""
    text = str.__str__(address)
    try:
        parts = urlsplit(text)
    except ValueError:
        return "(unreadable address)"
    if parts.scheme and parts.netloc:
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{'/'.join(_path(parts.path, parts.netloc))}"
    bare = re.split(r"[?#]", text)[0].rpartition("@")[2]  # the "https://" is missing
    return "/".join(_path(bare))


def secrets_of(address: str) -> set[str]:
    """What :func:`without_credentials` takes out of an address: its parts, as they are and decoded."""
    try:
        parts = urlsplit(whole_text(address))
        found = {parts.username or "", parts.password or "", parts.query, parts.fragment}
    except ValueError:
        return set()
    found |= {value for _, value in parse_qsl(parts.query)}
    found |= {
        part
        for part, shown in zip(parts.path.split("/"), _path(parts.path, parts.netloc), strict=True)
        if part != shown
    }
    return {text for text in found | set(map(unquote, found)) if len(text) >= MIN_SECRET}


def _path(path: str, host: str = "") -> list[str]:
    shown: list[str] = []
    after_hook = "hook" in host
    for part in path.split("/"):
        is_hook = bool(_HOOK.fullmatch(part))
        is_after = after_hook and not is_hook and (len(part) >= MIN_SECRET or any(map(str.isdigit, part)))
        shown.append(HIDDEN if is_after or looks_secret(part) else part)
        after_hook = after_hook or is_hook
    return shown


def looks_secret(word: str) -> bool:
    """Whether a word, such as a part of a path, is so long and so mixed that nobody would have typed it as a name."""
    word = unquote(word)
    if _PICTURE.fullmatch(word):
        return False
    if re.fullmatch(r"(?i)bot\d+:.*", word):
        return True
    for piece in re.split(r"[-_.~:,;@!$&'()*+= ]", word):
        if re.fullmatch(r"\d{2,5}x\d{2,5}", piece):  # a size
            continue
        kinds = re.sub(r"\d+", "0", re.sub(r"[^\W\d_]+", "a", piece))
        cases = len(re.findall(r"[a-z](?=[A-Z])", piece))
        is_mixed = len(kinds) > 1 and (len(piece) >= 12 or (len(kinds) > 2 and len(word) >= 8))
        if (
            is_mixed
            or (piece.isdigit() and len(piece) >= 16)
            or len(piece) >= 32
            or (len(piece) >= 16 and cases * 5 >= len(piece))
        ):
            return True
    return False
