"""The API key, kept where no output can show it."""

from __future__ import annotations

from collections.abc import Iterator
from os.path import commonprefix
from typing import Any

import httpx

from nbkit.errors import ConfigurationError, EngineError

MAX_DEPTH = 64
"""Deeper responses are rejected: walking through them would exceed the recursion limit."""

_SHOWN = 8  # characters: some services print how a key begins


class Secret(httpx.Auth):
    """An API key whose ``repr`` hides it, so that a traceback with local variables does not show it.

    A function that receives a key wraps it at once and deletes its own reference to the text.
    """

    def __init__(self, value: Any) -> None:
        self._value = value.strip() if isinstance(value, str) else value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "<key>" if self else "<no key>"

    def __reduce__(self) -> tuple[type[Secret], tuple[None]]:
        """A pickle may lie in a file or cross a network; who needs the key there has it in an environment of its own."""
        return Secret, (None,)

    def check(self) -> None:
        """Raise ``ConfigurationError`` unless the value is ``None`` or can be sent in a header."""
        if self._value is None:
            return
        if not isinstance(self._value, str) or not self._value.isascii() or not self._value.isprintable():
            raise ConfigurationError("the key is text of plain characters, as the vendor's site shows it")

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        """Add the key to one request. httpx calls this in its own frames, so none of ours holds the header."""
        if self._value:
            request.headers["authorization"] = f"Bearer {self._value}"
        yield request

    def redact_error(self, error: EngineError) -> None:
        """Remove the key from an error's texts: a service may repeat it there, and errors are logged and shown."""
        if self._value:
            error.message = self._redact_text(error.message, shortest=1)
            error.args = tuple(self._redact_text(str(text), shortest=1) for text in error.args)

    def redact(self, answer: Any, depth: int = 0) -> Any:
        """A copy of a decoded answer in which no string contains the key, or its first characters.

        Raises:
            ValueError: if the answer is nested too deeply.
        """
        if depth > MAX_DEPTH:
            raise ValueError("the answer is nested too deeply")
        if isinstance(answer, str):
            return self._redact_text(answer)
        if isinstance(answer, list):
            return [self.redact(item, depth + 1) for item in answer]
        if isinstance(answer, dict):
            return {self._redact_text(name): self.redact(item, depth + 1) for name, item in answer.items()}
        return answer

    def _redact_text(self, text: str, shortest: int = 12) -> str:
        # A short key may be an ordinary word of the answer, so it is only removed from errors.
        key = self._value
        if not key or len(key) < shortest:
            return text
        if len(key) < 2 * _SHOWN:
            return text.replace(key, "<key>")
        first, *pieces = text.split(key[:_SHOWN])
        shared = [commonprefix((piece, key[_SHOWN:])) for piece in pieces]  # noqa: RUF071  characters are meant, not folders
        return first + "".join("<key>" + piece.removeprefix(more) for piece, more in zip(pieces, shared, strict=True))
