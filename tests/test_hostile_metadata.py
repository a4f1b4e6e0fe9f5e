"""Files of strangers: whatever their metadata declares, a clean error or a value without what is wrong, in bounds."""

import struct
import time
import tracemalloc
import zlib

import pytest
from effort import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from metadata_files import (
    SUFFIX,
    XMP,
    image_of,
    jpeg_with,
    png_chunk,
    png_text,
    png_with,
    record,
    segment,
    signed,
    webp_chunk,
    webp_with,
    with_foreign_text,
    xmp_segment,
)  # fmt: skip
from service import picture

import nbkit
from nbkit import errors
from nbkit.metadata.embedding import read_sidecar, with_settings
from nbkit.metadata.jpeg import _EXTENSION
from nbkit.metadata.parts import MAX_BYTES
from nbkit.results.image import settings_of

GIGABYTE = 1 << 30
BOMB = zlib.compress(bytes(200 * 1024 * 1024), 9)
"""200 MB of zeros."""

RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'


def packet(record_text, head=""):
    """An XMP packet with a record, as XML."""
    text = record_text.replace("&", "&amp;").replace("<", "&lt;")
    body = f'<rdf:Description rdf:about="" xmlns:n="urn:nbkit:picture:1/"><n:record>{text}</n:record></rdf:Description>'
    return f'{head}<x:xmpmeta xmlns:x="adobe:ns:meta/">{RDF}{body}</rdf:RDF></x:xmpmeta>'.encode()


LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9)
)
ENTITIES = packet("x", LAUGHS + "]>").replace(b">x<", b">&j;<")
EXTERNAL = packet("x", '<!DOCTYPE l [<!ENTITY e SYSTEM "file:///etc/passwd">]>').replace(b">x<", b">&e;<")
DEEP_XML = packet("x").replace(b"<rdf:Description", b"<a>" * 100_000 + b"<rdf:Description")
MANY_XML = packet("x").replace(b"</rdf:RDF>", b"<rdf:Description/>" * 100_000 + b"</rdf:RDF>")


def extension(total, *portions, name=b"A" * 32):
    """A JPEG with portions of an extension, each with the offset that it declares."""
    main = b'<x xmlns:n="http://ns.adobe.com/xmp/note/" n:HasExtendedXMP="' + name + b'"/>'
    parts = [_EXTENSION + name + struct.pack(">II", total, offset) + data for offset, data in portions]
    return jpeg_with(xmp_segment(main), *(segment(0xE1, part) for part in parts))


HOSTILE = {
    "a bomb in a zTXt chunk": png_with(png_chunk(b"zTXt", b"nbkit\0\0" + BOMB)),
    "a bomb in an iTXt chunk": png_with(png_chunk(b"iTXt", b"nbkit\0\1\0\0\0" + BOMB)),
    "several bombs": png_with(*[png_chunk(b"zTXt", b"t%d\0\0" % i + BOMB) for i in range(4)]),
    "a damaged zTXt chunk": png_with(png_chunk(b"zTXt", b"nbkit\0\0nothing")),
    "a chunk of a gigabyte": png_with(png_chunk(b"tEXt", b"nbkit\0{}", GIGABYTE)),
    "a chunk of four gigabytes": png_with(png_chunk(b"eXIf", b"", 0xFFFFFFFF)),
    "a WEBP chunk of a gigabyte": picture("WEBP")[:12] + b"XMP " + struct.pack("<I", GIGABYTE) + b"x",
    "a cut PNG": png_with(png_chunk(b"tEXt", b"nbkit\0" + record().encode()))[:60],
    "a cut JPEG": jpeg_with(xmp_segment(packet(record())))[:90],
    "a segment without length": picture("JPG")[:20] + b"\xff\xe1\0\0" + picture("JPG")[20:],
    "a JPEG of FF": b"\xff\xd8" + b"\xff" * 100_000,
    "an empty JPEG": b"\xff\xd8\xff",
    "an empty PNG": b"\x89PNG\r\n\x1a\n",
    "an empty WEBP": b"RIFF\0\0\0\0WEBP",
    "entities that multiply": jpeg_with(xmp_segment(ENTITIES)),
    "an entity of a file": webp_with(webp_chunk(b"XMP ", EXTERNAL)),
    "entities in a PNG": png_with(png_chunk(b"iTXt", XMP.encode() + b"\0\0\0\0\0" + ENTITIES)),
    "entities in UTF-16": webp_with(webp_chunk(b"XMP ", ENTITIES.decode().encode("utf-16"))),
    "deep XML": webp_with(webp_chunk(b"XMP ", DEEP_XML)),
    "many elements": webp_with(webp_chunk(b"XMP ", MANY_XML)),
    "much XMP": webp_with(webp_chunk(b"XMP ", packet("x" * 7_000_000))),
    "no XML": jpeg_with(xmp_segment(b"<x")),
    "an extension that begins at four gigabytes": extension(0xFFFFFFFF, (0xFFFFFFF0, b"x" * 99)),
    "an extension with a hole": extension(300, (0, b"x" * 100), (200, b"x" * 100)),
    "an extension that overlaps": extension(150, (0, b"x" * 100), (50, b"x" * 100)),
    "an extension that is too short": extension(GIGABYTE, (0, b"x" * 100)),
    "deep JSON": png_text("nbkit", "[" * 500_000),
    "deep JSON in a record": png_text("nbkit", '{"nbkit":1,"request":' + '{"a":' * 200_000),
    "JSON that is a list": png_text("nbkit", "[1]"),
    "JSON that is cut": png_text("nbkit", record()[:40]),
    "a number of a million digits": png_text("nbkit", '{"nbkit":1,"facts":{"seed":' + "9" * 1_000_000 + "}}"),
    "metadata of 20 MB": png_with(*[png_chunk(b"tEXt", b"t%d\0" % i + b"x" * 1_000_000) for i in range(20)]),
    "another format": b"GIF89a" + bytes(100),
    "a page of HTML": b"<html><script>alert(1)</script>",
    "nothing": b"",
}


def known(found):
    """The facts of settings that are known."""
    return {name: value for name, value in found.facts.items() if value is not None}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_a_clean_error(tmp_path, what):
    """Within little time and memory, however much it declares."""
    file = tmp_path / "stranger.jpg"
    file.write_bytes(HOSTILE[what])
    tracemalloc.start()
    began = time.perf_counter()
    try:
        with pytest.raises(errors.RequestError, match=r"^path: stranger\.jpg has no settings") as caught:
            nbkit.read(file)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert time.perf_counter() - began < 5
    assert peak < 6 * MAX_BYTES
    assert caught.value.parameter == "path"
    assert len(str(caught.value)) < 300


def test_a_file_of_many_gigabytes_is_not_read(tmp_path):
    """Of a file with holes, only what stands before the pixels is read, and what stands behind them is passed over."""
    file = tmp_path / "large.png"
    data = png_text("nbkit", record())
    end = data.index(b"IDAT") - 4
    with file.open("wb") as stream:
        stream.write(data[:end] + struct.pack(">I", 0x7FFFFFF0) + b"IDAT")
        stream.truncate(8 * GIGABYTE)
    began = time.perf_counter()
    assert known(nbkit.read(file)) == {"seed": 7}
    assert time.perf_counter() - began < 5


WRONG = [
    None,
    True,
    -1,
    1e400,
    0.5,
    10**30,
    "",
    "x" * 60_000,
    [],
    {},
    [[["a"]]],
    {"a": {}},
    "\ud800",
    "<b>",
    "2026-13-45",
    "NaN",
]


@pytest.mark.parametrize("value", WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_a_fact_of_the_wrong_type_is_left_out_and_said(value):
    """All others stay."""
    names = [
        "model",
        "cost",
        "charged",
        "engine",
        "created",
        "width",
        "taskUUID",
        "parent",
        "sweep",
        "template",
        "axes",
        "sha256",
    ]
    found = nbkit.read(png_text("nbkit", record(facts={"seed": 7, **dict.fromkeys(names, value)})))
    assert found.facts["seed"] == 7
    for name, kept in known(found).items():
        assert kept in (value, "Infinity") or name == "seed"
        assert type(kept) in (int, float, str, bool, dict)
    assert len(found.left_out) + len(known(found)) == len(names) + 1
    assert repr(found)
    assert "<b>" not in found._repr_html_()


@pytest.mark.parametrize("value", WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_a_parameter_of_the_wrong_type_is_left_out_and_said(value):
    """The request has what is valid."""
    names = [
        "temperature",
        "width",
        "seed",
        "thinking",
        "reference_images",
        "webhook_url",
        "web_search",
        "no_such_name",
    ]
    found = nbkit.read(png_text("nbkit", record(request={"prompt": "A lantern", **dict.fromkeys(names, value)})))
    given = {name: kept for name, kept in found.request.parameters.items() if name != "prompt"}
    assert len(given) <= 1
    assert len(found.left_out) >= len([n for n in names if value is not None]) - len(given) or value is None
    found._repr_html_()


def test_what_is_left_out_is_said_once():
    """However many ways of a valid request are tried."""
    left_out = nbkit.read(png_text("nbkit", record(request={"seed": 3}))).left_out
    assert left_out
    assert len({*left_out}) == len(left_out)


@pytest.mark.parametrize("prompt", [None, 7, "", "ab", "x" * 50_000, ["A lantern"], "A \ud800 lantern"])
def test_a_record_without_a_valid_prompt_has_no_request(prompt):
    """And still its facts."""
    found = nbkit.read(png_text("nbkit", record(request={"prompt": prompt, "seed": 3})))
    assert found.request is None
    assert known(found) == {"seed": 7}
    assert found.left_out


def test_what_would_send_other_things_than_it_shows_is_left_out(tmp_path):
    """``extra`` of a file is no way round a parameter's check, to an address, or to a text that is not shown."""
    extra = {
        "numberResults": 20,
        "model": "expensive:1@1",
        "webhookURL": "https://evil.example",
        "callback": "https://e.example/x",
    }
    found = nbkit.read(png_text("nbkit", record(extra={**extra, "newFlag": True})))
    assert {*found.request.extra} == {"callback", "newFlag", "model"}
    assert len(found.left_out) == 2
    assert "expensive:1@1" in repr(found.request)
    studio = nbkit.Studio(engine="http://127.0.0.1:9/", api_key="k12345678", path=tmp_path)
    with pytest.raises(errors.RequestError, match="max_cost"):  # it is shown, and not sent at an unknown price
        studio.generate(found.request.replace(extra={"model": "expensive:1@1"}))
    studio.close()
    with pytest.raises(errors.StorageError, match="extra"):
        found.request.replace(extra={"callback": "…"}).to_send()


@pytest.mark.parametrize(
    "reference",
    ["/etc/passwd", "file:///etc/passwd", "data:image/png;base64,iVBORw0KGgo=", 7, None, "sha256:abc", "x" * 9_000],
)
def test_a_reference_in_a_file_is_a_hash_an_address_or_nothing(reference):
    """No file is opened, no picture is unpacked."""
    good = "sha256:" + "a" * 64
    found = nbkit.read(
        png_text("nbkit", record(request={"prompt": "A lantern", "reference_images": [reference, good]}))
    )
    assert [str(one) for one in found.request.reference_images] == [good]
    assert any("reference image was left out" in sentence for sentence in found.left_out)


@pytest.mark.parametrize("kind", ["JPG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "text",
    ["a" * 2_000_000, ", ".join(f"k{i}: v" for i in range(9_000)), "x\n" + 'a: "' * 4_000, "x\n" + " " * 19_000, "x\n" + "a" * 19_000,
     "x\nA: 1, B: 2, C: " + '"\\' * 5_000, "\0" * 100, "Negative prompt:" * 9_000, "x\nSeed: " + "9" * 4_000 + ", B: 1, C: 2"],
    ids=range(9),
)  # fmt: skip
def test_a_foreign_text_of_any_shape_is_read_in_little_time(kind, text):
    """It gives a value, or a clean error."""
    text = text if kind != "JPG" else text[:25_000]
    data = with_foreign_text(kind, text)
    began = time.perf_counter()
    try:
        found = nbkit.read(data)
    except errors.RequestError:
        found = None
    assert time.perf_counter() - began < 3
    if found is not None:
        assert len(found._repr_html_()) < 100_000


@pytest.mark.parametrize("kind", ["JPG", "PNG", "WEBP"])
@settings(deadline=None, max_examples=examples(120), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_with_changed_bytes_is_read_or_refused(tmp_path, kind, data):
    """Whatever byte is another one, whatever is cut: a value, or an error of nbkit."""
    whole = bytearray(
        image_of(picture(kind), nbkit.ImageRequest("A lantern"), seed=7)
        .save(tmp_path / f"x{SUFFIX[kind]}", metadata=True)
        .read_bytes()
    )
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=6)):
        whole[place] = data.draw(st.integers(0, 255))
    changed = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        found = nbkit.read(changed)
    except errors.RequestError:
        return
    assert found.source in ("nbkit", "a1111")
    assert "<table" in found._repr_html_()


@pytest.mark.parametrize("kind", ["JPG", "PNG", "WEBP"])
@settings(
    deadline=None,
    max_examples=examples(80),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(data=st.data())
def test_settings_can_be_saved_with_any_bytes_of_a_service(tmp_path, kind, data):
    """A damaged picture is kept as it came, with a file beside it; what was saved is read again."""
    whole = bytearray(signed(kind) if data.draw(st.booleans()) else picture(kind))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=4)):
        whole[place] = data.draw(st.integers(0, 255))
    image = image_of(bytes(whole[: data.draw(st.integers(1, len(whole)))]), nbkit.ImageRequest("A lantern"), seed=7)
    made = with_settings(image.bytes, settings_of(image))
    if made.sidecar:
        assert made.data == image.bytes
        assert read_sidecar(made.sidecar).request == image.request
    else:
        assert nbkit.read(made.data).request == image.request


def test_a_sidecar_is_read_with_the_same_care(tmp_path):
    """It is a file of a stranger, too."""
    (tmp_path / "x.gif").write_bytes(b"GIF89a" + bytes(50))
    for content in (
        ENTITIES,
        DEEP_XML,
        b"",
        b"\xff\xd8",
        packet("x" * 7_000_000),
        packet("[" * 100_000),
        packet(record()),
    ):
        (tmp_path / "x.gif.xmp").write_bytes(content)
        with pytest.raises(errors.RequestError, match=r"^path: x\.gif"):
            nbkit.read(tmp_path / "x.gif")
