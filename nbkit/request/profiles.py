"""The models of the family: the data. Each fact has its source, and how certain it is.

``google:4@3`` is the default, and is what its page in Runware's API reference says; its parameters are those that
:mod:`nbkit.request.image_request` declares. Facts of the others were collected until November 2026. What no source says is
marked as not known: it is sent, and the run says so.
"""

from __future__ import annotations

from nbkit.request.parameter import Choice, Decimal2, Integer, Text
from nbkit.request.profile import (
    DEPRECATED,
    LACKING,
    LIVE,
    NOT_KNOWN,
    PROFILES,
    TAKEN,
    Evidence,
    OwnRule,
    Profile,
    Size,
)
from nbkit.request.sources import API, SourcePage

DEFAULT_MODEL = "google:4@3"
TASK_TYPE = "imageInference"

RANDOM_SEED_BITS = 31
"""The seeds that nbkit draws itself, in a panel and in the offline engine, have so many bits: the family's other models
allow seeds up to 2**31 - 1. The service draws unsigned integers of 32 bits for requests without a seed (API reference)."""

_PRO_PAGE = SourcePage(
    "Runware's API reference of Nano Banana Pro", "https://runware.ai/docs/models/google-nano-banana-pro"
)
_LITE_PAGE = SourcePage(
    "Runware's API reference of Nano Banana 2 Lite", "https://runware.ai/docs/models/google-nano-banana-2-lite"
)
_SDK = SourcePage("the model registry in Runware's SDK 1.8.0", "https://github.com/Runware/sdk-python")
_CHANGELOG = SourcePage("Google's changelog of the Gemini API", "https://ai.google.dev/gemini-api/docs/changelog")
_CATALOG = SourcePage("a catalogue read from the vendor's page", "https://github.com/aynls/FLUX_Go")
_PRICE_FILE = SourcePage("the price file of litellm 1.110.2", "https://github.com/BerriAI/litellm")

_PAGE = Evidence(API, "docs")
_PRO, _LITE = Evidence(_PRO_PAGE, "docs"), Evidence(_LITE_PAGE, "docs")
_REGISTERED = Evidence(_SDK, "sdk")
_READ = Evidence(_CATALOG, "third party")
_LISTED = Evidence(_PRICE_FILE, "third party")
_BY_ANALOGY = Evidence(_SDK, "inference")
_DISPUTED = Evidence(API, "contradiction")  # this page decides; later ones have other bounds
_NOWHERE = Evidence(_SDK, "unknown")

_AT_MAKER = dict.fromkeys(("list_prices", "reference_list_price", "search_list_price"), _LISTED)
"""Evidence for the prices at the model's maker."""

_FAMILY_SIZES: dict[str, tuple[Size, Size, Size, Size]] = {
    # ratio: (width, height) in pixels at 0.5K, 1K, 2K and 4K
    "1:1": ((512, 512), (1024, 1024), (2048, 2048), (4096, 4096)),
    "3:2": ((632, 424), (1264, 848), (2528, 1696), (5056, 3392)),
    "2:3": ((424, 632), (848, 1264), (1696, 2528), (3392, 5056)),
    "4:3": ((600, 448), (1200, 896), (2400, 1792), (4800, 3584)),
    "3:4": ((448, 600), (896, 1200), (1792, 2400), (3584, 4800)),
    "4:5": ((464, 576), (928, 1152), (1856, 2304), (3712, 4608)),
    "5:4": ((576, 464), (1152, 928), (2304, 1856), (4608, 3712)),
    "9:16": ((384, 688), (768, 1376), (1536, 2752), (3072, 5504)),
    "16:9": ((688, 384), (1376, 768), (2752, 1536), (5504, 3072)),
    # For 0.5K, 792x168 is the published size, although its ratio is not 21:9.
    "21:9": ((792, 168), (1584, 672), (3168, 1344), (6336, 2688)),
    "4:1": ((1024, 256), (2048, 512), (4096, 1024), (8192, 2048)),
    "1:4": ((256, 1024), (512, 2048), (1024, 4096), (2048, 8192)),
    "8:1": ((1536, 192), (3072, 384), (6144, 768), (12288, 1536)),
    "1:8": ((192, 1536), (384, 3072), (768, 6144), (1536, 12288)),
}
_TIERS = ("0.5K", "1K", "2K", "4K")
_WIDE = ("4:1", "1:4", "8:1", "1:8")


def _sizes(
    *tiers: str, without: tuple[str, ...] = (), other: dict[str, dict[str, Size]] | None = None
) -> dict[str, dict[str, Size]]:
    """The table of a model, which shares most sizes with the others of the family."""
    return {
        tier: {
            ratio: (other or {}).get(tier, {}).get(ratio, sizes[_TIERS.index(tier)])
            for ratio, sizes in _FAMILY_SIZES.items()
            if ratio not in without
        }
        for tier in tiers
    }


_LEVELS = Choice(("MINIMAL", "MEDIUM", "HIGH"))
_NARROW_SEED = Integer(0, 2**31 - 1)

_MODELS = (
    Profile(
        "google:4@3",
        "Nano Banana 2",
        DEPRECATED,
        "google:nano-banana@2.1",
        "gemini-3.1-flash-image",
        sizes=_sizes(*_TIERS),
        prices={"0.5K": 0.04657, "1K": 0.06895, "2K": 0.10255, "4K": 0.15295},
        list_prices={"0.5K": 0.0448, "1K": 0.0672, "2K": 0.1008, "4K": 0.1512},
        reference_price=0.00028,
        reference_list_price=0.00028,
        # The price list has it, and the page's example with a search cost no more than one without.
        search_price=0.14,
        search_list_price=0.014,
        differences={name: OwnRule(TAKEN, _DISPUTED) for name in ("seed", "temperature", "safety_mode")},
        evidence={
            "status": Evidence(_CHANGELOG, "docs"),
            "sizes": _PAGE,
            "prices": _PAGE,
            "parameters": _PAGE,
            "reference_price": _PAGE,
            "search_price": Evidence(API, "contradiction"),
            **_AT_MAKER,
        },
    ),
    Profile(
        "google:4@2",
        "Nano Banana Pro",
        LIVE,
        None,
        "gemini-3-pro-image",
        # The page has 1548x672 for 21:9 at 1K; a list that the service itself sent has 1584x672 there.
        sizes=_sizes("1K", "2K", "4K", without=_WIDE, other={"1K": {"21:9": (1548, 672)}}),
        other_sizes={(1584, 672): ("21:9", "1K")},
        prices={"1K": 0.138, "2K": 0.138, "4K": 0.244},
        list_prices={"1K": 0.134, "2K": 0.134, "4K": 0.24},
        reference_list_price=0.0011,
        search_list_price=0.014,
        differences={
            "seed": OwnRule(TAKEN, _PRO, _NARROW_SEED),
            "temperature": OwnRule(TAKEN, _PRO, Decimal2(0, 2)),
            "thinking": OwnRule(LACKING, _PRO),
            "image_search": OwnRule(LACKING, _PRO),
            "safety_mode": OwnRule(NOT_KNOWN, _NOWHERE),
        },
        evidence={
            "status": _REGISTERED,
            "sizes": _PRO,
            "prices": _PRO,
            "parameters": _PRO,
            "other_sizes": Evidence(_PRO_PAGE, "live report"),
            "reference_price": _NOWHERE,
            "search_price": _NOWHERE,
            **_AT_MAKER,
        },
    ),
    Profile(
        "google:nano-banana@2-lite",
        "Nano Banana 2 Lite",
        LIVE,
        None,
        "gemini-3.1-flash-lite-image",
        sizes=_sizes("1K"),
        prices={"1K": 0.033603},
        list_prices={"1K": 0.0336},
        reference_price=0.000337,
        reference_list_price=0.00028,
        differences={
            "prompt": OwnRule(TAKEN, _READ, Text(1, 45_000)),
            "reference_images": OwnRule(TAKEN, _READ),
            "seed": OwnRule(TAKEN, _BY_ANALOGY, _NARROW_SEED),
            "temperature": OwnRule(NOT_KNOWN, _READ, Decimal2(0, 2)),
            "top_p": OwnRule(NOT_KNOWN, _READ),
            "system_prompt": OwnRule(NOT_KNOWN, _READ),
            "thinking": OwnRule(NOT_KNOWN, _NOWHERE, _LEVELS),
            "web_search": OwnRule(LACKING, _READ),
            "image_search": OwnRule(LACKING, _READ),
            "safety_tolerance": OwnRule(NOT_KNOWN, _READ),
            "safety_mode": OwnRule(NOT_KNOWN, _NOWHERE),
        },
        evidence={
            "status": _REGISTERED,
            "sizes": _LITE,
            "prices": _LITE,
            "parameters": _LITE,
            "reference_price": _READ,
            "search_price": _READ,
            **_AT_MAKER,
        },
    ),
    Profile(
        "google:nano-banana@2.1",
        "Nano Banana 2.1",
        LIVE,
        None,
        "gemini-nano-banana-2.1",
        sizes=_sizes(
            "1K",
            "2K",
            "4K",
            other={
                "1K": {"4:1": (2064, 512), "1:4": (512, 2064), "8:1": (2928, 352), "1:8": (352, 2928)},
                "2K": {"4:1": (4128, 1024), "1:4": (1024, 4128), "8:1": (5856, 704), "1:8": (704, 5856)},
                "4K": {"4:1": (8256, 2048), "1:4": (2048, 8256), "8:1": (11712, 1408), "1:8": (1408, 11712)},
            },
        ),
        prices={"1K": None, "2K": None, "4K": None},
        list_prices={"1K": 0.0336, "2K": 0.0504, "4K": 0.1134},
        reference_list_price=0.00168,
        search_list_price=0.014,
        differences={
            **{name: OwnRule(TAKEN, _PAGE) for name in ("number_results", "delivery_method", "ttl", "check_content")},
            "prompt": OwnRule(TAKEN, _READ, Text(3, None)),
            "seed": OwnRule(TAKEN, _READ, _NARROW_SEED),
            "thinking": OwnRule(
                TAKEN,
                _READ,
                _LEVELS,
                "settings.thinkingLevel",
                {"MINIMAL": "minimal", "MEDIUM": "medium", "HIGH": "high"},
            ),
            "web_search": OwnRule(TAKEN, _READ, wire="settings.webSearch"),
            "image_search": OwnRule(TAKEN, _READ, wire="settings.imageSearch"),
            "temperature": OwnRule(NOT_KNOWN, _NOWHERE, Decimal2(0, 2)),
            "top_p": OwnRule(NOT_KNOWN, _NOWHERE),
            "system_prompt": OwnRule(NOT_KNOWN, _NOWHERE),
            # Its tasks have no providerSettings (SDK); both searches, which stood there, stand in settings.
            "safety_tolerance": OwnRule(NOT_KNOWN, _BY_ANALOGY, wire="settings.safetyTolerance"),
            "safety_mode": OwnRule(NOT_KNOWN, _NOWHERE),
        },
        evidence={
            "status": _REGISTERED,
            "sizes": _READ,
            "prices": _NOWHERE,
            "parameters": _READ,
            "reference_price": _NOWHERE,
            "search_price": _NOWHERE,
            **_AT_MAKER,
        },
    ),
)

PROFILES.update({profile.identifier: profile for profile in _MODELS})

DEFAULT = PROFILES[DEFAULT_MODEL]
"""The profile of a request that names no model."""
