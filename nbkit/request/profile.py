"""A model of the family as data: its sizes, its prices, and what it takes of the parameters that a request has.

Each parameter is declared once, in :mod:`nbkit.request.image_request`. A profile says how a model differs from that
declaration: other bounds, another place in a task, or that the model lacks the parameter. Each fact has a source and how
certain it is.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from nbkit.request.parameter import Choice, Kind, Parameter
from nbkit.request.price import MICRO, Price
from nbkit.request.sources import SourcePage

LIVE, DEPRECATED, REMOVED = "live", "deprecated", "removed"

TAKEN, LACKING, NOT_KNOWN = "taken", "lacking", "not known"

DEFAULT_TIER = "1K"
DEFAULT_RATIO = "1:1"

Size = tuple[int, int]
"""Width and height in pixels."""

Learned = Mapping[tuple[str, int, int], Price]
"""What images of a model have cost, in micro-dollars: by tier, number of reference images, and number of searches."""

DECLARED: dict[str, Parameter[Any]] = {}
"""Each parameter by its Python name; filled by ``image_request.py``, which declares them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a fact is written, and how much that is worth.

    Attributes:
        source: the page.
        certainty: ``docs`` (the vendor's page), ``sdk`` (the vendor's package), ``live report`` (recorded from the service
            by others), ``third party``, ``contradiction`` (sources differ), ``inference`` or ``unknown``.
    """

    source: SourcePage
    certainty: str


@dataclass(frozen=True, slots=True)
class OwnRule:
    """How a model takes a parameter, where that is not as it is declared.

    Attributes:
        state: ``taken``, ``lacking`` or ``not known``.
        evidence: for that.
        kind: its bounds; ``None`` if they are those of the declaration.
        wire: the path of its keys in a task, separated by dots; ``""`` if it is that of the declaration.
        spellings: what the model calls a value, by the value in Python.
    """

    state: str
    evidence: Evidence
    kind: Kind | None = None
    wire: str = ""
    spellings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelParameter:
    """A parameter as one model takes it.

    Attributes:
        name: the Python name.
        state: ``taken`` (nbkit checks it), ``lacking`` (refused before anything is sent) or ``not known`` (sent, and said).
        kind: the check, with its bounds.
        wire: the path of its keys in a task, outermost first.
        spellings: what the model calls a value, by the value in Python; empty if it calls all of them the same.
        evidence: where that is written, and how certain it is.
    """

    name: str
    state: str
    kind: Kind
    wire: tuple[str, ...]
    spellings: Mapping[str, str]
    evidence: Evidence

    def spell(self, value: Any) -> Any:
        """A value as a task has it."""
        return self.spellings.get(value, value) if self.spellings and isinstance(value, str) else value

    def read(self, value: Any) -> Any:
        """A value of a task as Python has it."""
        return next((word for word, spelled in self.spellings.items() if spelled == value), value)

    def __repr__(self) -> str:
        place = f" at {'.'.join(self.wire)}" if self.wire else ""
        rule = "" if self.state == LACKING else f": {self.kind.rule()}{place}"
        return f"<{self.name} is {self.state}{rule}>"


@dataclass(frozen=True)
class Profile:
    """A model of the family, as data.

    Attributes:
        identifier: as a task has it, such as ``google:4@3``.
        name: for people.
        status: ``live``, ``deprecated`` or ``removed``.
        successor: the identifier of the model that its maker names instead, or ``None``.
        upstream: its name at its maker.
        sizes: width and height in pixels, by tier and aspect ratio.
        prices: USD for one image, by tier; ``None`` where the service's price is not known.
        list_prices: USD for one image at the model's maker, by tier.
        reference_price, search_price: USD that a reference image and a grounded search add to the price of each image; ``None``
            where that is not known.
        reference_list_price, search_list_price: the same at the model's maker.
        other_sizes: sizes that the service takes, too, by reports.
        differences: how it takes parameters, by Python name, where that is not as they are declared.
        evidence: for its status, sizes, prices and parameters, by the name of the attribute.

    Example:
        >>> import nbkit
        >>> profile = nbkit.models["google:4@2"]
        >>> profile.name, profile.status, profile.sizes["2K"]["3:2"], profile.prices["4K"]
        ('Nano Banana Pro', 'live', (2528, 1696), 0.244)
        >>> profile.parameters["thinking"].state, profile.parameters["temperature"].kind.maximum
        ('lacking', 2)
    """

    identifier: str
    name: str
    status: str
    successor: str | None
    upstream: str
    sizes: Mapping[str, Mapping[str, Size]]
    prices: Mapping[str, float | None]
    list_prices: Mapping[str, float]
    evidence: Mapping[str, Evidence]
    reference_price: float | None = None
    reference_list_price: float | None = None
    search_price: float | None = None
    search_list_price: float | None = None
    other_sizes: Mapping[Size, tuple[str, str]] = field(default_factory=dict)
    differences: Mapping[str, OwnRule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("sizes", "prices", "list_prices", "evidence", "other_sizes", "differences"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        sizes = {tier: MappingProxyType(dict(by_ratio)) for tier, by_ratio in self.sizes.items()}
        object.__setattr__(self, "sizes", MappingProxyType(sizes))

    def __repr__(self) -> str:
        succeeded = f", its successor is {self.successor}" if self.successor else ""
        return f"<Profile {self.identifier}: {self.name}, {self.status}{succeeded}>"

    def __hash__(self) -> int:
        return hash(self.identifier)

    def __reduce__(self) -> tuple[Any, ...]:
        # Its mappings are read-only, which cannot be pickled: the identifier names it in every kernel.
        return _profile_of, (self.identifier,)

    # -- parameters --------------------------------------------------------------------------------------

    @functools.cached_property
    def parameters(self) -> Mapping[str, ModelParameter]:
        """Each parameter of a request as this model takes it, by Python name."""
        return MappingProxyType({name: self._parameter(name, declared) for name, declared in DECLARED.items()})

    def _parameter(self, name: str, declared: Parameter[Any]) -> ModelParameter:
        own = self.differences.get(name, OwnRule(TAKEN, self.evidence["parameters"]))
        kind: Kind = own.kind or declared.kind
        if name == "resolution":
            kind = Choice(self.tiers)
        elif name == "aspect_ratio":
            kind = Choice(self.ratios)
        wire = tuple(own.wire.split(".")) if own.wire else declared.wire
        return ModelParameter(name, own.state, kind, wire, own.spellings, own.evidence)

    @functools.cached_property
    def by_wire(self) -> Mapping[tuple[str, ...], str]:
        """The Python name of each parameter that the model does not lack, by its path in a task."""
        return {p.wire: name for name, p in self.parameters.items() if p.wire and p.state != LACKING}

    # -- sizes -------------------------------------------------------------------------------------------

    @property
    def tiers(self) -> tuple[str, ...]:
        """The names of its tiers, the smallest first."""
        return tuple(self.sizes)

    @property
    def ratios(self) -> tuple[str, ...]:
        """Its aspect ratios."""
        return tuple(self.sizes[DEFAULT_TIER])

    @functools.cached_property
    def _places(self) -> Mapping[Size, tuple[str, str]]:
        table = {size: (ratio, tier) for tier, sizes in self.sizes.items() for ratio, size in sizes.items()}
        return {**self.other_sizes, **table}

    def size_of(self, ratio: str, tier: str) -> Size:
        """Width and height in pixels of an aspect ratio at a tier.

        Raises:
            KeyError: if the table does not have them.

        Example:
            >>> import nbkit
            >>> nbkit.models["google:4@3"].size_of("16:9", "2K")
            (2752, 1536)
        """
        return self.sizes[tier][ratio]

    def ratio_and_tier(self, width: int, height: int) -> tuple[str, str] | None:
        """The ``(ratio, tier)`` of a size of the table, or ``None`` for any other size.

        Example:
            >>> import nbkit
            >>> nbkit.models["google:4@3"].ratio_and_tier(2752, 1536)
            ('16:9', '2K')
        """
        return self._places.get((width, height))

    def nearest_size(self, width: int | None, height: int | None) -> Size:
        """The size of the table that is closest to a width and a height in pixels.

        With both, shape counts more than area: 1920x1080 means a wide picture first, and about two million pixels second.
        With one of them, it is the size whose width (or height) is closest to it, and of several such sizes the one that
        is nearest to a square.

        Example:
            >>> import nbkit
            >>> nbkit.models["google:4@3"].nearest_size(1920, 1080)
            (1376, 768)
        """
        sizes = [size for by_ratio in self.sizes.values() for size in by_ratio.values()]
        if width is None or height is None:
            side, axis = (height or 0, 1) if width is None else (width, 0)
            return min(sizes, key=lambda s: (abs(s[axis] - side), abs(math.log(s[0] / s[1])), s))
        w, h = max(width, 1), max(height, 1)

        def distance(size: Size) -> float:
            shape = abs(math.log(size[0] / size[1]) - math.log(w) + math.log(h))
            area = abs(math.log(size[0] * size[1]) - math.log(w * h))
            return 2 * shape + area

        return min(sizes, key=lambda s: (distance(s), s))

    def tier_of_pixels(self, width: int, height: int) -> str:
        """The tier whose square picture is closest to a size in area; it gives the price of a size outside the table.

        Example:
            >>> import nbkit
            >>> nbkit.models["google:4@3"].tier_of_pixels(1920, 1080)
            '1K'
        """
        pixels = math.log(max(width * height, 1))  # of a whole number of any length
        return min(self.tiers, key=lambda tier: abs(math.log(math.prod(self.size_of(DEFAULT_RATIO, tier))) - pixels))

    # -- prices ------------------------------------------------------------------------------------------

    def price(
        self,
        *,
        tiers: Sequence[str],
        references: int = 0,
        searches: int = 0,
        learned: Learned | None = None,
    ) -> Price:
        """What one image may cost, in micro-dollars.

        A price of the service that is not known lies between the price at the model's maker and twice that, until costs
        have come.

        Args:
            tiers: the tiers that the picture may have; more than one if the size follows a reference image.
            references: number of reference images.
            searches: number of grounded searches that are on (0, 1 or 2). The least price has none, the most all of them.
            learned: what images have cost; used where a part of the price is not known.

        Example:
            >>> import nbkit
            >>> nbkit.models["google:nano-banana@2.1"].price(tiers=["1K"])
            Price(low=33600, high=67200)
        """
        known = learned or {}
        whole = [known.get((tier, references, searches)) for tier in tiers]
        if None not in whole and self.is_unknown(tiers, references, searches):
            seen = [price for price in whole if price is not None]
            return Price(min(price.low for price in seen), max(price.high for price in seen))
        bases = [
            (known.get((tier, 0, 0)) if self.prices[tier] is None else None)
            or _price(self.prices[tier], self.list_prices[tier])
            for tier in tiers
        ]
        base = Price(min(price.low for price in bases), max(price.high for price in bases))
        reference = _added_price(self.reference_price, self.reference_list_price) * references
        search = Price(0, _added_price(self.search_price, self.search_list_price).high * searches)
        return base + reference + search

    def is_unknown(self, tiers: Sequence[str], references: int, searches: int) -> bool:
        """Whether a part of the service's price of an image is not known.

        Args:
            tiers: that it may have.
            references: number of reference images.
            searches: number of grounded searches.

        Example:
            >>> import nbkit
            >>> pro = nbkit.models["google:4@2"]
            >>> pro.is_unknown(["1K"], references=0, searches=0), pro.is_unknown(["1K"], references=1, searches=0)
            (False, True)
        """
        return (
            any(self.prices[tier] is None for tier in tiers)
            or (references > 0 and self.reference_price is None)
            or (searches > 0 and self.search_price is None)
        )

    @property
    def has_unknown_prices(self) -> bool:
        """Whether there are requests of which a part of the price is not known."""
        return self.is_unknown(self.tiers, references=1, searches=1)


def _price(known: float | None, at_maker: float | None) -> Price:
    if known is not None:
        return Price(round(known * MICRO), round(known * MICRO))
    listed = round((at_maker or 0) * MICRO)
    return Price(listed, 2 * listed)


def _added_price(known: float | None, at_maker: float | None) -> Price:
    """Of what adds to the price of an image: where it is not known, it may be part of the image's price."""
    price = _price(known, at_maker)
    return price if known is not None else Price(0, price.high)


PROFILES: dict[str, Profile] = {}
"""Each profile by its identifier; filled by ``profiles.py``, which has the data."""


def _profile_of(identifier: str) -> Profile:
    return PROFILES[identifier]


def names_of(profiles: Iterable[Profile]) -> str:
    """Models for a sentence, each with its identifier."""
    return ", ".join(f"{profile.name} ({profile.identifier})" for profile in profiles)
