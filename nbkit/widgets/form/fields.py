"""What the page needs to draw a control for a parameter, read off the parameter's declaration.

Bounds, steps, choices, defaults, titles and help come from :data:`nbkit.request.image_request.PARAMETERS`; none is
written here a second time.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.parameter import Address, Boolean, Choice, Decimal2, Integer, Kind, Parameter, Text
from nbkit.request.profile import DEFAULT_RATIO, DEFAULT_TIER, LACKING, LIVE, NOT_KNOWN, PROFILES, Profile
from nbkit.request.profiles import DEFAULT

NOT_SENT = "not sent"
SLIDER_STEPS = 100
"""A number with at most this many steps is a slider; one with more is a box to type in."""
BUTTON_CHOICES = 3
"""Up to this many choices, the default among them, are buttons side by side."""
GROUPS = {"Size": "", "Sampling": "", "References": "", "Prompt": "System prompt"}
"""Headings of groups that are called differently on the page; one without a heading is always open."""
FIRST = (
    "prompt",
    "reference_images",
    "model",
    "aspect_ratio",
    "resolution",
    "width",
    "number_results",
    "seed",
    "temperature",
    "top_p",
    "thinking",
)
"""The controls that come first, in this order. The others follow in the order of their declarations, folded by group."""
VARIED = tuple(
    name
    for name, parameter in PARAMETERS.items()
    if parameter.affects_picture and name not in ("width", "height", "reference_images")
)
"""What may take several values: what changes the picture and can be typed or ticked. A size is a ratio and a tier here."""
MARKED = tuple(name for name in VARIED if not isinstance(PARAMETERS[name].kind, Text))
"""Those whose controls have a mark that makes them an axis; a text has ``{name}`` for that."""
WITHIN = {"height": "width"}
"""A parameter that is set in the control of another one."""


def label(parameter: Parameter[Any]) -> str:
    """The name of a parameter in code that the page shows: the API's, except where people know another one."""
    return parameter.name if "_" not in parameter.name else parameter.column


def word(value: Any) -> str:
    """A value as a person reads it."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def unset_label(parameter: Parameter[Any]) -> str:
    """What is shown where nothing is set: what the service, or nbkit, then uses, where that is known."""
    automatic = {"aspect_ratio": DEFAULT_RATIO, "resolution": DEFAULT_TIER}
    if parameter.name in automatic:
        return f"Auto ({automatic[parameter.name]})"
    if parameter.name == "model":
        return f"Default ({DEFAULT.name})"
    added = _added_by_a_send().get(parameter.wire[0]) if len(parameter.wire) == 1 else None
    known = parameter.default if added is None else added
    return "Default" if known is None else f"Default ({word(known)})"


@cache
def _added_by_a_send() -> dict[str, Any]:
    bare = ImageRequest("a prompt and nothing else")
    return {name: value for name, value in bare.to_send().items() if name not in (*bare.to_task(), "width", "height")}


def fields(names: Collection[str] | None = None) -> list[dict[str, Any]]:
    """The controls of these parameters, in the order of the page: plain values for JSON."""
    order = dict.fromkeys((*FIRST, *PARAMETERS))
    wanted = [name for name in order if name not in WITHIN and (names is None or name in names)]
    return [_field(PARAMETERS[name]) for name in wanted]


def _field(parameter: Parameter[Any]) -> dict[str, Any]:
    name, kind = parameter.name, parameter.kind
    told: dict[str, Any] = {
        "name": name,
        "title": parameter.title,
        "api": label(parameter),
        "help": parameter.help,
        "group": GROUPS.get(parameter.group, parameter.group) if name not in FIRST else "",
        "unset": unset_label(parameter),
        "vary": name in MARKED,
    }
    if name == "width":
        return {**told, "kind": "pixels", "title": "Pixels", "api": "width, height", "help": _pixels_help()}
    if name in ("seed", "reference_images"):
        return {**told, "kind": "seed" if name == "seed" else "references"}
    return {**told, **_control(parameter, kind)}


def _control(parameter: Parameter[Any], kind: Kind) -> dict[str, Any]:
    """What draws a value of a kind: as the declaration has it, or a model."""
    if isinstance(kind, (Choice, Boolean)):
        choices: tuple[Any, ...] = (True, False) if isinstance(kind, Boolean) else kind.choices
        options = [[_said(parameter, choice), choice] for choice in choices]
        few = parameter.default is None and len(options) < BUTTON_CHOICES
        return {"kind": "buttons" if parameter.name == "resolution" or few else "select", "options": options}
    if isinstance(kind, (Integer, Decimal2)) and kind.maximum is not None:
        step = 1 if isinstance(kind, Integer) else kind.step
        if isinstance(kind, Decimal2) or kind.maximum - kind.minimum <= SLIDER_STEPS:
            rest = (kind.minimum + kind.maximum) / 2 if parameter.default is None else parameter.default
            return {"kind": "slider", "min": kind.minimum, "max": kind.maximum, "step": step, "rest": rest}
    if isinstance(kind, Text):
        return {"kind": "text", "prompt": parameter.name == "prompt"}
    assert isinstance(kind, (Integer, Decimal2, Address))
    return {"kind": "line"}


def own_fields(profile: Profile, names: Collection[str]) -> dict[str, dict[str, Any]]:
    """How the controls of a model differ from the declared ones, by name; empty for the default model.

    A parameter that the model lacks has ``lacking``, one of which that is not known ``note``; other bounds have what
    :func:`fields` gives for them, drawn by a control of the same kind.
    """
    if profile is DEFAULT:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        own, declared = profile.parameters[name], PARAMETERS[name]
        if own.state == LACKING:
            found[name] = {"lacking": f"{profile.name} does not have it"}
        else:
            control = {} if own.kind == declared.kind or name in _DRAWN_APART else _control(declared, own.kind)
            note = {"note": f"Sent; not known whether {profile.name} takes it"} if own.state == NOT_KNOWN else {}
            control.pop("kind", None)
            if control or note:
                found[name] = control | note
    return found


_DRAWN_APART = ("width", "height", "seed", "reference_images", "prompt", "system_prompt")
"""Parameters whose controls do not depend on bounds."""


def _said(parameter: Parameter[Any], choice: Any) -> str:
    if parameter.name != "model":
        return word(choice)
    profile = PROFILES[choice]
    return profile.name if profile.status == LIVE else f"{profile.name} ({profile.status})"


def _pixels_help() -> str:
    return f"{PARAMETERS['width'].help} {PARAMETERS['height'].help}"


def parse(parameter: Parameter[Any], value: Any) -> Any:
    """What was typed, as a value: a number where it is one, else the text, so that the check says what is wrong.

    Returns:
        ``None`` where nothing is set.
    """
    is_text = isinstance(parameter.kind, Text)  # whose spaces somebody is just typing
    if value is None or (isinstance(value, str) and not (value if is_text else value.strip())):
        return None
    if isinstance(value, str) and isinstance(parameter.kind, (Integer, Decimal2)):
        for read in (int, float) if isinstance(parameter.kind, Decimal2) else (int,):
            try:
                return read(value.strip().replace(",", ".") if read is float else value.strip())
            except ValueError:
                continue
    return value


def shown(value: Any) -> Any:
    """A value as the page holds it: whole numbers as text, because a number of the page is a double."""
    return value if isinstance(value, (bool, str)) or value is None else str(value)
