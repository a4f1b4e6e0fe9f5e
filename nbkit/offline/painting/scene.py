"""What the painter draws: a :class:`Scene`, with its reference images."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

NATURAL_TEMPERATURE, NATURAL_TOP_P = 1.0, 0.95
"""With what a request that sends none is drawn: they are the defaults on Google's model card of Gemini 3.1 Flash Image."""


@dataclass(frozen=True)
class Inset:
    """One reference image.

    Attributes:
        digest: Hex SHA-256 of the file, or of the URL's text.
        label: Short text under the frame, e.g. "URL, not fetched"; empty if the picture is there.
        picture: The picture; if None, a placeholder is made from the digest.
    """

    digest: str
    label: str
    picture: Image.Image | None


@dataclass(frozen=True)
class Scene:
    """The request parameters that the picture shows.

    Attributes:
        prompt: The prompt, unchanged.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        seed: 0 .. 2**63-1.
        temperature: 0..1, or None if it was not sent.
        top_p: 0..1, or None if it was not sent.
        thinking: None, "MINIMAL" or "HIGH".
        system_prompt: The system prompt, or None.
        web_search: Whether web search is on.
        image_search: Whether image search is on.
        safety_tolerance: The safety tolerance, or None.
        check_content: Whether the content check is on.
        model: The name of the model, or None for the default one.
        insets: The reference images, in order.
        noise: By which share the picture differs from that of the same request, 0..1.
        draw: Decides how it differs.
    """

    prompt: str
    width: int
    height: int
    seed: int
    temperature: float | None = None
    top_p: float | None = None
    thinking: str | None = None
    system_prompt: str | None = None
    web_search: bool = False
    image_search: bool = False
    safety_tolerance: str | None = None
    check_content: bool = False
    model: str | None = None
    insets: tuple[Inset, ...] = ()
    noise: float = 0.0
    draw: int = 0
