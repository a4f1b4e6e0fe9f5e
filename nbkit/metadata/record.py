"""What nbkit writes into a picture's file, as JSON: the request, and the facts of the picture.

What is written has no credentials, no paths of this machine and no pictures. What is read may be anybody's: a value that
does not fit is left out, and said; addresses are shown and not called.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from nbkit.errors import RequestError, printable
from nbkit.metadata.parts import MetadataInvalid
from nbkit.request.address import HIDDEN, Url, without_credentials
from nbkit.request.image_request import PARAMETERS, ImageRequest, given_values
from nbkit.request.naming import TASK_KEYS, profile_in
from nbkit.request.parameter import MAX_INTEGER, Address, ValueInvalid, is_address, short_repr
from nbkit.request.profile import LACKING, PROFILES
from nbkit.request.reference import Reference, make_reference, missing_reference
from nbkit.request.task import BY_WIRE, redacted

VERSION = 1
"""Of the JSON; a reader takes what it knows from a later one."""

_MAX_TEXT, _MAX_NAMES = 50_000, 100
_REFERENCE = re.compile(r"sha256:([0-9a-f]{64})")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SettingsRecord:
    """How a picture was made.

    Attributes:
        request: the request; ``None`` where it is not known.
        facts: of the picture and its run, by the name of their column; only those that are known.
        left_out: what a file has and :attr:`request` has not, as sentences; empty for a record that is written.
    """

    request: ImageRequest | None
    facts: dict[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def to_json(self, *, ascii_only: bool = True) -> str:
        """The record as JSON.

        Args:
            ascii_only: of ASCII letters, which every program keeps; else letters of other scripts take half the room.
        """
        facts = dict(self.facts)
        if "created" in facts:
            facts["created"] = facts["created"].isoformat()
        if "://" in str(facts.get("engine")):
            facts["engine"] = without_credentials(facts["engine"])
        parts: dict[str, Any] = {"nbkit": VERSION, "facts": facts}
        if self.request is not None:
            is_cut = any(_is_cut(reference) for reference in self.request.reference_images or ())
            parts |= {"request": given_values(self.request), "extra": redacted(self.request.extra), "cut": is_cut}
        return json.dumps(parts, ensure_ascii=ascii_only, separators=(",", ":"))


def _is_cut(reference: Reference) -> bool:
    """Whether a reference is an address that is written without its credentials."""
    return isinstance(reference.text, Url) and reference.text.whole != str.__str__(reference.text)


def read_record(text: str) -> SettingsRecord:
    """The record that a text of a file holds.

    Raises:
        MetadataInvalid: if it is no record.
    """
    try:
        found = json.loads(text, parse_constant=str)  # NaN and the infinities, which are no JSON
    except (ValueError, RecursionError):
        raise MetadataInvalid("what nbkit wrote into it is damaged") from None
    if not isinstance(found, dict) or not isinstance(found.get("nbkit"), int):
        raise MetadataInvalid("what nbkit wrote into it is damaged")
    given = found.get("facts")
    facts, left_out = _checked(given if isinstance(given, dict) else {})
    if not isinstance(values := found.get("request"), dict):
        return SettingsRecord(None, facts)
    is_cut = found.get("cut") is True
    extra = found.get("extra") if isinstance(found.get("extra"), dict) else {}
    request, more = _request(values, extra or {}, is_cut=is_cut)
    return SettingsRecord(request, facts, (*left_out, *more))


def request_with(
    values: Mapping[str, Any], extra: Mapping[str, Any] | None = None
) -> tuple[ImageRequest | None, list[str]]:
    """The request with as many of some values as are valid together, and a sentence on each of the others.

    Args:
        values: by Python name.
        extra: of the request.
    """
    left_out: list[str] = []
    kept: dict[str, Any] = {}
    profile = profile_in(values)
    for name, value in values.items():
        try:
            own = profile.parameters[name]
            if own.state == LACKING:
                left_out.append(f"{name}={short_repr(value)} was left out: {profile.name} does not have it")
            else:
                kept[name] = own.kind.check(value)
        except ValueInvalid as error:
            left_out.append(f"{name}={short_repr(value)} was left out: it must be {error.rule}")
        except Exception:  # noqa: BLE001  a value of any type may raise anything
            left_out.append(f"{printable(short_repr(name))} was left out: this nbkit has no such parameter")
    groups = ("", "Size", "Delivery", "Sampling")
    for dropped in range(len(groups)):
        some = {n: v for n, v in kept.items() if n == "prompt" or PARAMETERS[n].group not in groups[1 : dropped + 1]}
        try:
            return ImageRequest(**some, extra=extra or None), left_out
        except RequestError as error:
            left_out.append(f"left out, because they do not go together: {error}" if "prompt" in kept else str(error))
    return None, left_out


def _request(
    values: Mapping[str, Any], extra: Mapping[str, Any], *, is_cut: bool
) -> tuple[ImageRequest | None, list[str]]:
    """The request of a file. Its addresses are never called: they have to be given again."""
    given = dict(values)
    left_out: list[str] = []
    for name, value in values.items():
        if name in PARAMETERS and isinstance(PARAMETERS[name].kind, Address):
            given[name] = Url(value, is_cut=True) if isinstance(value, str) and is_address(value) else value
    if isinstance(texts := given.get("reference_images"), list):
        references = [_reference(text, is_cut=is_cut) for text in texts[:_MAX_NAMES]]
        given["reference_images"] = [one for one in references if one is not None]
        if None in references or len(texts) > len(references):
            left_out.append("a reference image was left out: it is neither a hash nor an address")
            if not given["reference_images"]:
                del given["reference_images"]
    elif given.pop("reference_images", None) is not None:
        left_out.append("reference_images was left out: it is no list")
    own = {wire[0] for wire in BY_WIRE if len(wire) == 1} | {*TASK_KEYS.values()}
    safe = {name: value for name, value in redacted(extra).items() if name not in own}
    model = extra.get("model")
    if (
        isinstance(model, str) and 0 < len(model) <= 200 and model not in PROFILES
    ):  # it has no price: max_cost is asked for
        safe["model"] = model
    for name in extra.keys() - safe.keys():
        shown = f"extra[{printable(short_repr(name))}]={printable(short_repr(redacted(extra)[name]))}"
        left_out.append(f"{shown} was left out: a parameter has this name; type it as a parameter, or in extra again")
    if HIDDEN in json.dumps(safe, ensure_ascii=False):
        left_out.append(
            f"texts of extra were cut ({HIDDEN}) when the file was written, because they may be secret: give them again"
        )
    request, more = request_with(given, safe)
    return request, [*left_out, *more]


def _reference(text: Any, *, is_cut: bool) -> Reference | None:
    """A reference image as a file names it: by a hash, a UUID or an address; a picture itself is never in it."""
    if not isinstance(text, str) or len(text) > 4_000:
        return None
    if digest := _REFERENCE.fullmatch(text):
        return missing_reference(digest[1])
    try:
        if _UUID.fullmatch(text):
            return make_reference(text)
        if is_address(text):
            return make_reference(Url(text, is_cut=is_cut or HIDDEN in text))
    except ValueInvalid:
        pass
    return None


# -- facts -----------------------------------------------------------------------------------------------------


def _text(most: int = 200) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= most or re.search("[\ud800-\udfff]", value):
            raise ValueError
        return value

    return check


def _whole(most: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if type(value) is not int or not 0 <= value <= most:
            raise ValueError
        return value

    return check


def _money(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or not 0 <= value < 1_000_000:
        raise ValueError
    return float(value)


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError
    return value


def _hash(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value):
        raise ValueError
    return value


def _time(value: Any) -> datetime:
    found = datetime.fromisoformat(_text(40)(value))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _axes(value: Any) -> dict[str, str | int | float]:
    if not isinstance(value, dict) or len(value) > _MAX_NAMES:
        raise ValueError
    return {_text()(name): _axis(one) for name, one in value.items()}


def _axis(value: Any) -> str | int | float:
    if type(value) is int and abs(value) <= 2 * MAX_INTEGER:
        return value
    return value if type(value) is float and math.isfinite(value) else _text(_MAX_TEXT)(value)


FACTS: dict[str, Callable[[Any], Any]] = {
    "seed": _whole(MAX_INTEGER),
    "model": _text(),
    "cost": _money,
    "charged": _flag,
    "engine": _text(300),
    "created": _time,
    "width": _whole(1_000_000),
    "height": _whole(1_000_000),
    "taskUUID": _text(),
    "imageUUID": _text(),
    "parent": _text(),
    "parentImage": _text(),
    "sweep": _text(2_000),
    "template": _text(_MAX_TEXT),
    "axes": _axes,
    "replay": _text(400),
    "sha256": _hash,
    "file": _hash,
}
"""The facts that a record may have, each with the function that checks it. ``sha256`` is that of the picture as it came;
``file``, in a sidecar alone, that of the file beside it."""


def _checked(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    facts, left_out = dict[str, Any](), []
    for name, check in FACTS.items():
        if name in given:
            try:
                facts[name] = check(given[name])
            except (ValueError, TypeError, OverflowError):
                left_out.append(f"{name} was left out: {short_repr(given[name])} is none")
    return facts, left_out
