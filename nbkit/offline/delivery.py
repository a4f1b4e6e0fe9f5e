"""What the engine sends on its own account: webhook calls, and uploads of finished files.

The engine only passes them to a handler, which decides whether and how they are sent. In-process there is no handler,
so no socket is ever opened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook call or one upload.

    Attributes:
        kind: ``webhook`` is an HTTP POST of a result object, ``upload`` an HTTP PUT of a picture's bytes.
        url: where it is sent; its query may be a credential, so the repr leaves it out.
        body: the bytes to send.
        media_type: of the body.
    """

    kind: Literal["webhook", "upload"]
    url: str = field(repr=False)
    body: bytes = field(repr=False)
    media_type: str
