"""Puts a record into the bytes of a JPG, PNG or WEBP, or into a file beside it, and finds it again."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

from nbkit.metadata import jpeg, png, webp
from nbkit.metadata.exif import comment_of, with_comment, without_comment
from nbkit.metadata.parameters import parameters_text, read_parameters
from nbkit.metadata.parts import MAX_BYTES, PARAMETERS_TEXT, RECORD, MetadataInvalid, Parts
from nbkit.metadata.record import SettingsRecord, read_record
from nbkit.metadata.xmp import json_for_xml, make_packet, read_properties, xml_text
from nbkit.request.footer import footer_of
from nbkit.request.formats import name_of, recognise
from nbkit.request.profile import PROFILES

NBKIT, A1111 = "nbkit", "a1111"
"""Where settings are from: nbkit, or a program of the kind that began with AUTOMATIC1111's."""

UNKNOWN_SOURCE = "unknown"
"""The engine and the model of a picture that does not say them."""

SIDECAR = ".xmp"
"""What is added to the name of a picture's file for the file beside it."""

_RECORD_PROPERTY = "nbkit:record"
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_MAX_DESCRIPTION = 2_000
_REPLACED = (
    _RECORD_PROPERTY,
    "Iptc4xmpExt:AIPromptInformation",
    "Iptc4xmpExt:AISystemUsed",
    "Iptc4xmpExt:AISystemVersionUsed",
)

_READERS: dict[str, Callable[[BinaryIO], Parts]] = {
    "JPEG": jpeg.read_parts, "PNG": png.read_parts, "WEBP": webp.read_parts,
}  # fmt: skip
_WRITERS: dict[str, Callable[[bytes, Parts], bytes]] = {
    "JPEG": jpeg.with_parts, "PNG": png.with_parts, "WEBP": webp.with_parts,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PictureWithSettings:
    """A picture's file with its settings in it, or beside it.

    Attributes:
        data: the bytes of the file.
        sidecar: those of the file beside it; ``b""`` where the settings are inside.
        why: why they are not inside, as the end of a sentence; ``""`` where they are, and for a picture of another
            program, whose own text stays.
    """

    data: bytes
    sidecar: bytes = b""
    why: str = ""


def with_settings(data: bytes, record: SettingsRecord, came: bytes = b"", beside: bytes = b"") -> PictureWithSettings:
    """A picture's file with a record; no pixel changes, and what the file has already stays.

    A picture of another program is not nbkit's: it keeps the text that it came with. One of unknown origin stays as it is.

    Args:
        data: the file, of any format.
        record: of the picture.
        came: the file as it came, where ``data`` is a converted copy.
        beside: the file that is beside it already; what it says stays.

    Raises:
        MetadataInvalid: if the settings belong into the file beside it, and that one cannot be read.
    """
    name, engine = name_of(data), record.facts.get("engine")
    if engine == UNKNOWN_SOURCE:
        return PictureWithSettings(data, why="nothing is known of how it was made")
    if engine == A1111:
        return PictureWithSettings(_with_text_of(came, name, data))
    is_offline = record.facts.get("engine") == "offline" or footer_of(data) is not None
    own = _properties(record, is_offline=is_offline)
    try:
        return PictureWithSettings(_spliced(name, data, own, record))
    except MetadataInvalid as error:
        its = replace(record, facts={**record.facts, "file": hashlib.sha256(data).hexdigest()})
        own[_RECORD_PROPERTY] = json_for_xml(its.to_json(ascii_only=False))
        own, kept = _merged(own, beside) if beside else (own, ())
        return PictureWithSettings(data, make_packet(own, kept)[0], str(error))


def _with_text_of(came: bytes, name: str, data: bytes) -> bytes:
    """A converted copy with the text of another program; as it is where there is none, or no place for it."""
    try:
        text = _comment_in(_READERS[name_of(came)](io.BytesIO(came)))
        parts = _READERS[name](io.BytesIO(data))
        if not text.strip() or _comment_in(parts) == text:
            return data
        if name == "PNG":
            return _WRITERS[name](data, replace(parts, texts={PARAMETERS_TEXT: text}))
        exif = with_comment(parts.exif, text, jpeg.MAX_EXIF if name == "JPEG" else MAX_BYTES)
        return _WRITERS[name](data, replace(parts, exif=exif))
    except (KeyError, MetadataInvalid):
        return data


def _spliced(name: str, data: bytes, own: dict[str, str], record: SettingsRecord) -> bytes:
    """The file with the record inside.

    Raises:
        MetadataInvalid: if that cannot be.
    """
    if name not in _WRITERS:
        raise MetadataInvalid(f"{name or 'its format'} has no place for them")
    if recognise(data).is_cut:
        raise MetadataInvalid("it is cut short")
    parts = _READERS[name](io.BytesIO(data))
    if parts.is_signed:
        raise MetadataInvalid("it has a C2PA signature, which a change would break")
    written = _WRITERS[name](data, _with_record(name, parts, own, record))
    if find_settings(io.BytesIO(written)) is None:  # its lengths are wrong, so that readers pass over what was written
        raise MetadataInvalid("it is damaged")
    return written


def _with_record(name: str, parts: Parts, own: dict[str, str], record: SettingsRecord) -> Parts:
    text = parameters_text(record)
    kept: tuple[str, ...] = ()
    if parts.xmp:
        with contextlib.suppress(MetadataInvalid):  # no reader of XMP can use it either
            own, kept = _merged(own, parts.xmp, parts.extended)
    most = jpeg.MAX_XMP if name == "JPEG" else MAX_BYTES
    xmp, extended = make_packet(own, kept, most)
    if name == "PNG":
        return Parts(xmp, texts={RECORD: record.to_json(), PARAMETERS_TEXT: text})
    exif = with_comment(parts.exif, text, jpeg.MAX_EXIF if name == "JPEG" else MAX_BYTES)
    return Parts(xmp, extended, exif)


def _merged(own: dict[str, str], *packets: bytes) -> tuple[dict[str, str], tuple[str, ...]]:
    """The properties of nbkit that a packet lacks, and as XML what is to stay of it."""
    found = read_properties(*packets, without=_of_nbkit(*packets))
    return {n: value for n, value in own.items() if n not in found.texts}, found.described


def _of_nbkit(*packets: bytes) -> set[str]:
    """The properties of a packet that nbkit wrote: a person may have changed one since, or had it before."""
    texts = read_properties(*packets).texts
    try:
        record = read_record(texts.get(_RECORD_PROPERTY, ""))
    except MetadataInvalid:
        return {*_REPLACED}
    kinds = [_properties(record, is_offline=is_offline) for is_offline in (True, False)]
    written = {name for kind in kinds for name, text in kind.items() if texts.get(name) == xml_text(text)}
    return {*_REPLACED, *written}


def is_stale(sidecar: bytes, data: bytes) -> bool:
    """Whether a file beside a picture is nbkit's alone, and of another picture.

    Args:
        sidecar: the file beside it.
        data: the picture's file.
    """
    try:
        file = read_sidecar(sidecar).facts.get("file")
        is_own = not read_properties(sidecar, without=_of_nbkit(sidecar)).texts
    except MetadataInvalid:
        return False
    return is_own and file is not None and file != hashlib.sha256(data).hexdigest()


def _properties(record: SettingsRecord, *, is_offline: bool) -> dict[str, str]:
    facts, prompt = record.facts, "" if record.request is None else record.request.prompt
    model, engine = facts.get("model", ""), facts.get("engine", "")
    name = PROFILES[model].name if model in PROFILES else model
    system = "nbkit offline engine" if is_offline else f"{name} ({engine})" if engine else name
    kind = "algorithmicMedia" if is_offline else "trainedAlgorithmicMedia"
    properties = {
        "Iptc4xmpExt:DigitalSourceType": f"{_SOURCE_TYPE}{kind}",
        "Iptc4xmpExt:AISystemUsed": system,
        "Iptc4xmpExt:AISystemVersionUsed": "" if is_offline else model,
        "Iptc4xmpExt:AIPromptInformation": prompt,
        "dc:description": prompt if len(prompt) <= _MAX_DESCRIPTION else f"{prompt[: _MAX_DESCRIPTION - 1]}…",
        "xmp:CreatorTool": "nbkit",
        "xmp:CreateDate": facts["created"].isoformat() if "created" in facts else "",
        _RECORD_PROPERTY: json_for_xml(record.to_json(ascii_only=False)),  # the last one to go into an extension
    }
    return {name: text for name, text in properties.items() if text}


def find_settings(file: BinaryIO) -> tuple[str, SettingsRecord] | None:
    """Where the settings in a picture's file are from, and what they are; ``None`` if it has none.

    Args:
        file: of which no pixels are read.

    Raises:
        MetadataInvalid: if it is no JPG, PNG or WEBP, or its metadata cannot be used.
    """
    file.seek(0)
    name = name_of(file.read(4096))
    if name not in _READERS:
        raise MetadataInvalid(f"settings are read from JPG, PNG and WEBP, and this is {name or 'no picture'}")
    parts = _READERS[name](file)
    text = parts.texts.get(RECORD) or _record_in(parts)
    if text:
        return NBKIT, read_record(text)
    comment = _comment_in(parts)
    return (A1111, read_parameters(comment)) if comment.strip() else None


def _comment_in(parts: Parts) -> str:
    return parts.texts.get(PARAMETERS_TEXT) or comment_of(parts.exif)


def _record_in(parts: Parts) -> str:
    return read_properties(parts.xmp, parts.extended).texts.get(_RECORD_PROPERTY, "") if parts.xmp else ""


def read_sidecar(data: bytes) -> SettingsRecord:
    """The record of a file beside a picture.

    Raises:
        MetadataInvalid: if it has none.
    """
    return read_record(read_properties(data).texts.get(_RECORD_PROPERTY, ""))


def original_of(data: bytes, sha256: str) -> bytes | None:
    """A picture's file as it was before :func:`with_settings`, known by its hash; ``None`` if that cannot be had.

    Args:
        data: the file.
        sha256: of the file before, as the record has it.
    """
    name = name_of(data)
    try:
        parts = _READERS[name](io.BytesIO(data))
        bare = [
            _WRITERS[name](data, Parts(exif=exif)) for exif in dict.fromkeys([parts.exif, *without_comment(parts.exif)])
        ]
    except (KeyError, MetadataInvalid):
        return None
    candidates = [data, *bare, *(webp.without_header(one) for one in bare if name == "WEBP")]
    return next((one for one in candidates if hashlib.sha256(one).hexdigest() == sha256), None)
