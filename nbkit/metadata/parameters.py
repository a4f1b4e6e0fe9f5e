"""The text by which programs for Stable Diffusion keep settings in a picture: the prompt, then a line of ``Key: value``.

It has no standard; nbkit writes it so that other viewers show something, and reads it as another program's claims.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from nbkit.metadata.record import SettingsRecord, request_with
from nbkit.request.image_request import PARAMETERS
from nbkit.request.parameter import MAX_INTEGER
from nbkit.request.profile import PROFILES
from nbkit.request.profiles import DEFAULT

_NEGATIVE = "Negative prompt:"
_MAX_LINE, _MAX_PAIRS, _MIN_PAIRS = 20_000, 100, 3
_PAIR = re.compile(r'(\w[\w \-/]{0,60}):[ \t]{0,9}("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')
_VERSION = "nbkit"
_CUT = 20_000
"""A prompt that was cut to fit into EXIF data still has more characters than this."""
_GROUPS = ("Size", "Delivery", "References")


def parameters_text(record: SettingsRecord) -> str:
    """The text for a picture of nbkit."""
    facts, request = record.facts, record.request
    given = {} if request is None else request.parameters
    pairs: dict[str, Any] = {"Seed": facts.get("seed", given.get("seed"))}
    pairs["Size"] = f"{facts['width']}x{facts['height']}" if "width" in facts and "height" in facts else None
    pairs["Model"] = facts.get("model")
    for name, value in given.items():
        parameter = PARAMETERS[name]
        if parameter.group not in _GROUPS and name not in (
            "prompt",
            "system_prompt",
            "seed",
            "number_results",
            "model",
        ):
            pairs[parameter.title] = value
    pairs |= {"Engine": facts.get("engine"), "Version": _VERSION}
    line = ", ".join(f"{name}: {_quoted(str(value))}" for name, value in pairs.items() if value is not None)
    return f"{given.get('prompt', '')}\n{line}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if re.search('[,"\n]', text) else text


def read_parameters(text: str) -> SettingsRecord:
    """What another program says of its picture. What no parameter of nbkit is stays a fact, by its own name."""
    prompt, pairs = _split(text)
    prompt, _, negative = prompt.partition(_NEGATIVE)
    facts: dict[str, Any] = {}
    if negative.strip():
        facts["Negative prompt"] = negative.strip()[:50_000]
    values: dict[str, Any] = {"prompt": prompt.strip()}
    for name, value in pairs.items():
        size = re.fullmatch(r"(\d{1,5})x(\d{1,5})", value)
        if name == "Seed" and re.fullmatch(r"\d{1,19}", value) and int(value) <= MAX_INTEGER:
            facts["seed"] = values["seed"] = int(value)
        elif name == "Size" and size:
            facts["width"], facts["height"] = int(size[1]), int(size[2])
        elif name == "Model":
            facts["model"] = value
        else:
            facts[name] = value
    if facts.get("model") in PROFILES:
        values["model"] = facts["model"]
    width, height = facts.get("width", 0), facts.get("height", 0)
    if PROFILES.get(facts.get("model", ""), DEFAULT).ratio_and_tier(width, height):
        values["width"], values["height"] = width, height
    if len(prompt) > _CUT and pairs.get("Version") == _VERSION and prompt.rstrip().endswith("…"):
        return SettingsRecord(None, facts, left_out=("the prompt in it is cut: a program has removed the whole one",))
    request, left_out = request_with(values)
    return SettingsRecord(request, facts, left_out=tuple(left_out))


def _split(text: str) -> tuple[str, Mapping[str, str]]:
    """The prompts, and the pairs of the last line; a line with few pairs belongs to the prompt."""
    front, _, last = text.strip().rpartition("\n")
    found = _PAIR.findall(last[:_MAX_LINE])[:_MAX_PAIRS]
    if len(found) < _MIN_PAIRS or len(last) > _MAX_LINE:
        return text, {}
    return front, {name.strip(): _unquoted(value.strip())[:1_000] for name, value in found}


def _unquoted(value: str) -> str:
    if value[:1] == '"':
        try:
            return str(json.loads(value))
        except (ValueError, RecursionError):
            pass
    return value
