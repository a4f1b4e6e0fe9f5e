"""The API key, kept where no output can show it."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from typing import Any

import httpx

from nbkit.errors import ConfigurationError, EngineError
from nbkit.service.redaction import Redactor

_PIECE_IN_ERROR, _PIECE_IN_NAME = 6, 8
"""So many characters of a key are taken out of an error, and out of an identifier or an address, which has to work."""

_MAX_NAME = 10_000
"""In a longer text, which is no name and no address that works, only the whole key is looked for."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Secret(httpx.Auth):
    """An API key whose ``repr`` hides it, so that a traceback with local variables does not show it.

    A function that receives a key wraps it at once and deletes its own reference to the text.
    """

    __slots__ = ("_in_errors", "_in_names", "_value")  # `vars` shows nothing

    def __init__(self, value: Any) -> None:
        self._value = value.strip() if isinstance(value, str) else value
        self._in_errors, self._in_names = Redactor("<key>", _PIECE_IN_ERROR), Redactor("<key>", _PIECE_IN_NAME)
        if self._value and isinstance(self._value, str):
            self._in_errors.add([self._value])
            if len(self._value) >= _PIECE_IN_NAME:  # a shorter one may be an ordinary part of an address
                self._in_names.add([self._value])

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "<key>" if self else "<no key>"

    def __reduce__(self) -> tuple[type[Secret], tuple[None]]:
        """A pickle may lie in a file or cross a network; who needs the key there has it in an environment of its own."""
        return Secret, (None,)

    def __getstate__(self) -> None:
        """Nothing, for whoever asks for the state by itself."""

    @property
    def is_empty(self) -> bool:
        """Whether it was given, as a text without a character."""
        return self._value is not None and not self._value

    def check(self, where: str = "") -> None:
        """Raise ``ConfigurationError``, beginning with ``where``, unless the value is ``None`` or fits in a header."""
        if self._value is None:
            return
        if not isinstance(self._value, str) or not self._value.isascii() or not self._value.isprintable():
            raise ConfigurationError(f"{where}the key is text of plain characters, as whoever gave it to you shows it")

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        """Add the key to one request. httpx calls this in its own frames, so none of ours holds the header."""
        if self._value:
            request.headers["authorization"] = f"Bearer {self._value}"
        yield request

    def matches(self, text: str) -> bool:
        """Whether a text is the key; the time that this takes does not depend on where they differ."""
        return hmac.compare_digest(text.encode("utf-8", "surrogatepass"), str(self._value).encode())

    def digest(self, text: str) -> str:
        """Names a text together with the key."""
        return hashlib.sha256(f"{text} {self._value}".encode("utf-8", "surrogatepass")).hexdigest()

    def redact_error(self, error: EngineError) -> None:
        """Remove the key from an error's texts: a service may repeat it there, and errors are logged and shown."""
        clean_error(error, self._in_errors)
        error.image_uuid = error.image_uuid and self.redact_name(error.image_uuid)  # as that of the result

    def redact_name(self, text: str) -> str:
        """An identifier or an address of a result without the key; a UUID stays as it is."""
        if len(text) > _MAX_NAME:
            return text.replace(self._value, "<key>") if self else text
        return text if _UUID.fullmatch(text) else self._in_names.clean(text)


def clean_error(error: EngineError, redactor: Redactor) -> None:
    """Remove secrets from an error's texts, its code and its parameters."""
    error.message, error.code = redactor.clean(error.message), redactor.clean(error.code)
    error.parameter = tuple(map(redactor.clean, error.parameter))
    error.args = tuple(redactor.clean(str(text)) for text in error.args)
