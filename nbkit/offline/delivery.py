"""What leaves the engine by itself: a webhook's call and an upload of a finished file.

The engine only hands these over. Whether and how they are sent is the business of whoever runs it; in-process
nobody does, so that no socket is ever opened.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing to send.

    Attributes:
        kind: ``webhook`` is an HTTP POST of a result object, ``upload`` an HTTP PUT of a picture's bytes.
        url: where to; its query may be a credential, so it is in no repr.
        body: what to send.
        media_type: of the body.
    """

    kind: Literal["webhook", "upload"]
    url: str = field(repr=False)
    body: bytes = field(repr=False)
    media_type: str


DeliveryHandler = Callable[[Delivery], None]
"""Takes a delivery and returns soon; called in the thread that asked the engine something."""


def hand_over(outbox: DeliveryHandler, delivery: Delivery) -> None:
    """Gives a delivery to the outbox; a fault of the outbox costs the delivery and never the task's answer."""
    try:
        outbox(delivery)
    except Exception as error:  # noqa: BLE001 - code from outside, and the picture has been paid
        logger.warning("a %s could not be handed over: %s", delivery.kind, type(error).__name__)
