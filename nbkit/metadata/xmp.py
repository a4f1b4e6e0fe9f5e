"""XMP: properties of a picture as XML, in the packet that photo programs read and write."""

from __future__ import annotations

import hashlib
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple
from xml.sax.saxutils import escape

from nbkit.metadata.parts import MAX_BYTES, MetadataInvalid

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_NOTE = "http://ns.adobe.com/xmp/note/"
NAMESPACES = {
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "nbkit": "urn:nbkit:picture:1/",
}
"""Of the properties that nbkit writes, by their usual prefix."""

_MAX_DEPTH, _MAX_ELEMENTS = 40, 20_000
_MAX_PACKET = 6 * 1024 * 1024
"""Bytes that are parsed: three times the longest request that nbkit writes."""

_EXTENSION = re.compile(rb"""HasExtendedXMP\s*(?:=\s*["']|>\s*)([0-9A-Fa-f]{32})""")
_SHORT = 4_000
"""Characters of a property that always stays in the packet itself."""
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SKIPPED = {f"{{{RDF}}}about", f"{{{_NOTE}}}HasExtendedXMP"}


class Properties(NamedTuple):
    """The properties of a packet.

    Attributes:
        texts: the plain ones, by prefix and name, such as ``dc:title``; of a list, its first item.
        described: all of them as XML, for another packet.
    """

    texts: dict[str, str]
    described: tuple[str, ...]


def extension_of(xmp: bytes) -> bytes:
    """By what a packet names the extension that belongs to it; ``b""`` without one."""
    found = _EXTENSION.search(xmp)
    return found[1] if found else b""


def json_for_xml(text: str) -> str:
    """JSON of any letters without those that XML does not allow: they are escapes in it."""
    return _NO_XML.sub(lambda found: json.dumps(found[0])[1:-1], text)


def xml_text(text: str) -> str:
    """A text without letters that XML does not allow."""
    return _NO_XML.sub("\ufffd", text)


def is_provenance(xmp: bytes) -> bool:
    """Whether a packet says that the file's signature is kept elsewhere: it too is one of these bytes."""
    return b"dcterms:provenance" in xmp


class _Builder(ET.TreeBuilder):
    """Builds a tree of bounded depth and size, without a document type: entities are declared in one."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = self._elements = 0

    def doctype(self, *_: object) -> None:
        raise MetadataInvalid("its XMP declares a document type")

    def start(self, tag: str, attrs: dict[str, str], /) -> ET.Element:
        self._depth += 1
        self._elements += 1
        if self._depth > _MAX_DEPTH or self._elements > _MAX_ELEMENTS:
            raise MetadataInvalid("its XMP is nested too deep, or has too many elements")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ET.Element:
        self._depth -= 1
        return super().end(tag)


def read_properties(*packets: bytes, without: Collection[str] = ()) -> Properties:
    """The properties of a packet and of its extension.

    Args:
        *packets: as they are in the file.
        without: properties by prefix and name that are passed over.

    Raises:
        MetadataInvalid: if it is no XML, declares entities, or is too large.
    """
    prefixes = {uri: prefix for prefix, uri in NAMESPACES.items()}
    texts: dict[str, str] = {}
    described = []
    skipped = _SKIPPED | {
        f"{{{NAMESPACES[prefix]}}}{name}" for prefix, _, name in (one.partition(":") for one in without)
    }
    for packet in filter(None, packets):
        for description in _descriptions(packet):
            for name in skipped & description.attrib.keys():
                del description.attrib[name]
            for element in [e for e in description if e.tag in skipped]:
                description.remove(element)
            found = {**description.attrib, **{element.tag: _text(element) for element in description}}
            for tag, text in found.items():
                uri, _, name = tag.removeprefix("{").rpartition("}")
                texts.setdefault(f"{prefixes.get(uri, uri)}:{name}", text)
            description.set(f"{{{RDF}}}about", "")
            described += [ET.tostring(description, "unicode")] if found else []
    return Properties(texts, tuple(described))


def _descriptions(packet: bytes) -> Iterator[ET.Element]:
    if len(packet) > _MAX_PACKET:
        raise MetadataInvalid("its XMP is too large")
    parser = ET.XMLParser(target=_Builder())  # noqa: S314  it takes no entities, and is bounded
    try:
        text = packet.decode("utf-8").lstrip("\ufeff").rstrip("\0 \r\n\t")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise MetadataInvalid("its XMP declares entities")
        parser.feed(text.encode())
        root = parser.close()
    except (ET.ParseError, UnicodeDecodeError, ValueError):
        raise MetadataInvalid("its XMP is no XML") from None
    for rdf in root.iter(f"{{{RDF}}}RDF") if root is not None else ():
        yield from rdf.findall(f"{{{RDF}}}Description")


def _text(element: ET.Element) -> str:
    item = next(element.iter(f"{{{RDF}}}li"), element)
    return item.text or ""


def make_packet(own: Mapping[str, str], kept: tuple[str, ...] = (), most: int = MAX_BYTES) -> tuple[bytes, bytes]:
    """A packet, and the extension that it needs if it would be longer than ``most`` bytes.

    Args:
        own: plain properties by prefix and name. Of the long ones, the first are the first to go into the extension, which
            some programs drop. ``dc:description`` is one in a language, as its standard asks.
        kept: further ones as XML, as :func:`read_properties` describes them.
        most: bytes of the packet.
    """
    whole = _packet(own, kept)
    if len(whole) <= most:
        return whole, b""
    long = [name for name, text in own.items() if len(text) > _SHORT]
    for moved, rest in [*((long[:number], kept) for number in range(1, len(long) + 1)), (long, ())]:
        there = tuple(one for one in kept if one not in rest)
        extended = _body({name: own[name] for name in moved}, there).encode()
        note = f' xmlns:xmpNote="{_NOTE}" xmpNote:HasExtendedXMP="{name_of_extension(extended)}"'
        main = _packet({name: text for name, text in own.items() if name not in moved}, rest, note)
        if len(main) <= most:
            break
    return main, extended


def name_of_extension(extended: bytes) -> str:
    """By what a packet names its extension: the MD5 of it, in capital letters."""
    return hashlib.md5(extended, usedforsecurity=False).hexdigest().upper()


def _packet(own: Mapping[str, str], kept: tuple[str, ...], note: str = "") -> bytes:
    body = _body(own, kept, note)
    return f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n{body}\n<?xpacket end="w"?>'.encode()


def _body(own: Mapping[str, str], kept: tuple[str, ...], note: str = "") -> str:
    lines = [f"<{name}>{_value(name, text)}</{name}>" for name, text in own.items()]
    declared = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    own_xml = f'<rdf:Description rdf:about=""{declared}{note}>\n' + "\n".join(lines) + "\n</rdf:Description>"
    descriptions = "\n".join([*kept, own_xml])
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">\n{descriptions}\n</rdf:RDF></x:xmpmeta>'


def _value(name: str, text: str) -> str:
    text = escape(xml_text(text), {"\r": "&#13;"})
    return f'<rdf:Alt><rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt>' if name == "dc:description" else text
