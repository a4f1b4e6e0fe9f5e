"""Where it is written what a parameter does to the real model: each sentence of help names its sources."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourcePage:
    """A public page.

    Attributes:
        title: what it is.
        url: its address; for what nbkit does itself, ``""``.
    """

    title: str
    url: str


API = SourcePage("Runware's API reference of Nano Banana 2", "https://runware.ai/docs/models/google-nano-banana-2")
MODEL_CARD = SourcePage(
    "Google's model card of Gemini 3.1 Flash Image",
    "https://docs.cloud.google.com/vertex-ai/generative-ai/docs/models/gemini/3-1-flash-image",
)
GEMINI_GUIDE = SourcePage(
    "Google's prompting guide for Gemini 3",
    "https://docs.cloud.google.com/vertex-ai/generative-ai/docs/start/gemini-3-prompting-guide",
)
GEMINI_API = SourcePage(
    "Google's reference of the Gemini API's settings",
    "https://googleapis.github.io/js-genai/interfaces/types.GenerateContentConfig.html",
)
NBKIT = SourcePage("nbkit itself", "")

SOURCES = (API, MODEL_CARD, GEMINI_GUIDE, GEMINI_API, NBKIT)
"""In the order in which help numbers them."""


def list_sources() -> str:
    """The sources with their numbers, a line each; without nbkit itself."""
    return "\n".join(
        f"[{number}] {source.title}: {source.url}" for number, source in enumerate(SOURCES, 1) if source.url
    )


def cite(sources: tuple[SourcePage, ...]) -> str:
    """The numbers of some sources, as they stand behind a sentence."""
    return "".join(f" [{SOURCES.index(source) + 1}]" for source in sources if source.url)
