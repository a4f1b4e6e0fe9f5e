"""``nbkit.models``: the profiles of the family by identifier, as a mapping that shows what differs between them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from html import escape

from nbkit.errors import NoSuchKey
from nbkit.request.image_request import PARAMETERS
from nbkit.request.parameter import Boolean, Choice, Kind, Text, short_repr
from nbkit.request.profile import LACKING, NOT_KNOWN, PROFILES, Profile

_LEFT = 'style="text-align:left"'
UNKNOWN = "?"
"""In place of a figure that no source has."""


class Models(Mapping[str, Profile]):
    """The models of the family by identifier. As the last line of a cell it shows a table of what differs.

    Example:
        >>> import nbkit
        >>> list(nbkit.models)
        ['google:4@3', 'google:4@2', 'google:nano-banana@2-lite', 'google:nano-banana@2.1']
        >>> nbkit.models["google:nano-banana@2.1"].name
        'Nano Banana 2.1'
    """

    def __getitem__(self, identifier: str) -> Profile:
        try:
            return PROFILES[identifier]
        except (KeyError, TypeError):
            near = difflib.get_close_matches(str(identifier), PROFILES, n=1, cutoff=0.3)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(map(repr, PROFILES))}"
            raise NoSuchKey(f"{short_repr(identifier)} is no model that nbkit knows; {hint}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(PROFILES)

    def __len__(self) -> int:
        return len(PROFILES)

    def rows(self) -> dict[str, list[str]]:
        """What differs: for each fact, its text for each model, in the order of the mapping.

        Example:
            >>> import nbkit
            >>> nbkit.models.rows()["thinking"]
            ['MINIMAL, HIGH', 'lacking', 'not known', 'MINIMAL, MEDIUM, HIGH; settings.thinkingLevel']
        """
        profiles = list(self.values())
        facts = {
            "name": [profile.name for profile in profiles],
            "status": [profile.status for profile in profiles],
            "successor": [profile.successor or "" for profile in profiles],
            "aspect ratios": [f"{len(profile.ratios)}" for profile in profiles],
            **{f"{tier}, USD": [_price(profile, tier) for profile in profiles] for tier in profiles[0].tiers},
            "a reference, USD": [_usd(profile.reference_price, profile.reference_list_price) for profile in profiles],
            **{name: [_parameter(profile, name) for profile in profiles] for name in PARAMETERS if name not in _APART},
        }
        return {fact: texts for fact, texts in facts.items() if len(set(texts)) > 1}

    def __repr__(self) -> str:
        table = [["", *self], *([fact, *texts] for fact, texts in self.rows().items())]
        widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
        lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in table)
        return "\n".join((*(line.rstrip() for line in lines), "", _LEGEND))

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(identifier)}</th>" for identifier in self)
        cells = ((fact, (f"<td {_LEFT}>{escape(text)}</td>" for text in texts)) for fact, texts in self.rows().items())
        body = "".join(f"<tr><th>{escape(fact)}</th>{''.join(texts)}</tr>" for fact, texts in cells)
        return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table><p>{escape(_LEGEND)}</p>"


_APART = ("model", "resolution", "aspect_ratio")
"""Parameters whose choices other rows have."""

_LEGEND = (
    "?: the service's price is not known, in brackets that of the model's maker. lacking: refused before anything is sent; "
    "not known: sent, and the run says so."
)


def _price(profile: Profile, tier: str) -> str:
    return _usd(profile.prices[tier], profile.list_prices[tier]) if tier in profile.sizes else "none"


def _usd(known: float | None, at_maker: float | None) -> str:
    if known is not None:
        return f"{known:g}"
    return UNKNOWN if at_maker is None else f"{UNKNOWN} ({at_maker:g})"


def _parameter(profile: Profile, name: str) -> str:
    own, declared = profile.parameters[name], PARAMETERS[name]
    if own.state in (LACKING, NOT_KNOWN):
        return own.state
    place = "" if own.wire == declared.wire else f"; {'.'.join(own.wire)}"
    return f"{_bounds(own.kind)}{place}"


def _bounds(kind: Kind) -> str:
    if isinstance(kind, Choice):
        return ", ".join(kind.choices)
    if isinstance(kind, Boolean):
        return "yes"
    unit = " characters" if isinstance(kind, Text) else ""
    low, high = getattr(kind, "minimum", None), getattr(kind, "maximum", None)
    if low is None:
        return kind.rule()
    return f"{low:,} to {high:,}{unit}" if high is not None else f"{low:,} or more{unit}"


models = Models()
