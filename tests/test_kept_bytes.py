"""Bytes that were paid are kept as they came, whatever they are; what they are is said wherever they would be shown."""

import base64
import hashlib
import io
import warnings

import numpy as np
import pandas as pd
import pytest
import service_faults as fault
from conftest import QUICK
from log_checks import assert_log_matches_service
from PIL import Image, features
from service import PRICE, Answer, picture, unique_picture

import nbkit
from nbkit import errors


def encoded(kind, **options):
    """A picture of 600 x 400 in a format of Pillow."""
    out = io.BytesIO()
    Image.new("RGB", (600, 400), "teal").save(out, kind, **options)
    return out.getvalue()


BOX = b"\0\0\0\x18ftyp%b\0\0\0\0mif1%b" + b"\0\0\0\x10mdat" + bytes(8)
"""A file of the kind of AVIF and HEIC without a picture in it."""

SHOWN = {"GIF": encoded("GIF"), "TIFF": encoded("TIFF"), "BMP": encoded("BMP")}
"""Other formats than the model has, which Pillow can show."""

if features.check("avif"):
    SHOWN["AVIF"] = encoded("AVIF")

NOT_SHOWN = {
    "AVIF": (BOX % (b"avif", b"avif"), "AVIF"),
    "HEIC": (BOX % (b"heic", b"heic"), "HEIC"),
    "JPEG XL": (b"\xff\x0a" + b"\x7f" * 40, "JPEG XL"),
    "SVG": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "unknown": (b"\x93\x01\x02 of a format that nobody knows \0\xff", "no picture"),
    "JPEG, 31 bytes short": (picture("JPG")[:-31], "JPEG that is cut short"),
    "JPEG without its last byte": (picture("JPG")[:-1], "JPEG that is cut short"),
    "half a JPEG": (picture("JPG")[: len(picture("JPG")) // 2], "JPEG that is cut short"),
    "PNG, 31 bytes short": (picture("PNG")[:-31], "PNG that is cut short"),
    "PNG without its end": (picture("PNG")[:-12], "PNG that is cut short"),
    "WEBP, 5 bytes short": (picture("WEBP")[:-5], "WEBP that is cut short"),
    "bomb": (fault.bomb(), "PNG of 20000x20000"),
}
"""Bytes that may be a picture, and what is said of them."""

INLINE_ONLY = {"HTML": (b"<html><body>no picture</body></html>", "no picture"), "JSON": (b'{"error": 1}', "no picture")}
"""Bytes that an address is not believed, and that are kept where they are all that came for the money."""

OUTPUTS = ("URL", "base64Data", "dataURI")
WAYS = [
    pytest.param(output, *facts, id=f"{name}, {output}")
    for output in OUTPUTS
    for name, facts in (NOT_SHOWN if output == "URL" else NOT_SHOWN | INLINE_ONLY).items()
]


def generate(studio, **parameters):
    """A run with a seed."""
    return studio.generate("A lantern", seed=7, **parameters)


@pytest.mark.parametrize(("output", "data", "said"), WAYS)
def test_bytes_that_cannot_be_shown_are_kept_and_charged(service, open_studio, tmp_path, output, data, said):
    """Done, paid, a file under the hash of its bytes, which are the service's; also in a later kernel."""
    service.paint = lambda *_: data
    first = open_studio()
    run = generate(first, output_type=output)
    assert (run.status, run.cost, len(run), len(run.failures)) == ("done", pytest.approx(PRICE), 1, 0)
    for image in (run.image, open_studio().log[run.task_uuid].image):
        assert image.bytes == image.path.read_bytes() == data
        assert image.path.stem == image.sha256 == hashlib.sha256(data).hexdigest()
        assert said in image.problem
        saved = image.save(tmp_path / "kept")
        assert saved.read_bytes() == data
    (row,) = first.df.to_dict("records")
    assert said in row["error"]
    assert row["status"] == "done"
    assert_log_matches_service(service, first)


@pytest.mark.parametrize(("output", "data", "said"), WAYS)
def test_every_display_says_what_a_kept_file_is(service, studio, tmp_path, output, data, said):
    """The run as text and HTML, the log's table, the grid and sheet of a sweep, the gallery, a comparison, an export."""
    service.paint = lambda *_: data
    sweep = studio.sweep("A lantern", seed=[1, 2], output_type=output)
    result = sweep.start().wait(60)
    run, other = result.runs
    assert result.counts == {"done": 2}
    texts = [
        run.to_text(),
        run.to_html(),
        repr(run.image),
        studio.log.show().html,
        result.grid().html,
        repr(result.grid()),
    ]
    texts += [nbkit.compare(run, other).to_text(), nbkit.compare(run, other).to_html()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exported = studio.log.export(tmp_path / "out")
    assert [file.read_bytes() for file in sorted((exported / "images").iterdir())] == [data] * 2
    texts += [(exported / "index.html").read_text("utf-8"), (exported / "manifest.csv").read_text("utf-8")]
    is_shown = run.image.fingerprint  # such as a JPEG without its last byte, which Pillow reads to its last pixel
    for text in texts if not is_shown else texts[:3]:
        assert said in text
    assert result.contact_sheet(tmp_path / "sheet.png").exists()
    assert "<h1>" in result.save_html(tmp_path / "page.html").read_text("utf-8")
    assert len(studio.gallery().selection) == 0
    studio.panel()
    assert repr(studio.log)
    if run.image.width is None:
        assert pd.isna(studio.df.width).all() or run.request.size


@pytest.mark.parametrize("which", ["AVIF", "half a JPEG", "unknown", "bomb"])
def test_the_pixels_of_a_kept_file_raise_an_error_that_says_what_it_is(service, studio, tmp_path, which):
    """So do its preview, a conversion, and its use as a reference image; a conversion says what to type."""
    data, said = NOT_SHOWN[which]
    service.paint = lambda *_: data
    image = generate(studio).image
    for access in (lambda: image.pil, image.preview, lambda: image.save(tmp_path / "x.gif")):
        with pytest.raises(errors.NoImage, match=said.split(" that")[0]):
            access()
    with pytest.raises(errors.NoImage, match=r"image\.save\('x\.(avif|jpg|bin|png)'\) writes it as it came"):
        image.save(tmp_path / "x.gif")
    assert not list(tmp_path.glob("x.*"))
    with pytest.raises(errors.RequestError, match="reference_images"):
        nbkit.ImageRequest("Like this", reference_images=[image])


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("kind", SHOWN)
def test_another_format_than_the_one_asked_for_is_kept_after_one_download_and_shown(service, studio, output, kind):
    """An address that gives a GIF for a JPG: one download, and a picture as any other."""
    service.paint = lambda *_: SHOWN[kind]
    image = generate(studio, output_type=output).image
    assert (image.width, image.height, image.problem) == (600, 400, "")
    assert image.pil.convert("RGB").getpixel((300, 200))[2] > 100
    assert image.path.suffix == f".{kind.lower()}"
    assert image.bytes == SHOWN[kind]
    assert len(service.gets) == (output == "URL")


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_picture_of_16_bits_is_kept_and_shown_with_its_greys(service, studio, output):
    """Its preview is not white."""
    out = io.BytesIO()
    Image.fromarray(np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))).save(out, "PNG")
    service.paint = lambda *_: out.getvalue()
    image = generate(studio, output_type=output).image
    with Image.open(io.BytesIO(image.preview())) as small:
        assert small.convert("L").getpixel((16, 32)) < 90
    assert image.problem == ""


@pytest.mark.parametrize("cut", [fault.truncated, fault.half], ids=["closed early", "half"])
def test_recover_fetches_a_cut_picture_again_while_its_address_lives(service, open_studio, cut):
    """What came is kept until then; after that it is the whole picture, and nothing is paid or sent again."""
    service.picture_faults += [cut] * 4
    first = open_studio()
    run = generate(first)
    assert "cut short" in run.image.problem
    kept = run.image.bytes
    assert picture().startswith(kept)
    studio = open_studio()
    assert studio.recover().after.tolist() == ["done"]
    image = studio.log[run.task_uuid].image
    assert (image.bytes, image.problem) == (picture(), "")
    assert studio.recover().empty
    assert_log_matches_service(service, studio, first)
    assert len(service.sent) == 1


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_recover_does_not_replace_a_cut_picture_by_another_one_of_its_run(service, open_studio, order):
    """The service gives one name to all of them, and of the cut one no seed; inline pictures have no address to tell."""
    pictures = [unique_picture("JPG", number) for number in range(3)]
    pictures[2] = pictures[2][: len(pictures[2]) // 2]

    def answer(service, task):
        accepted = service.accept(task)
        texts = [base64.b64encode(data).decode() for data in pictures]
        for number, (item, text) in enumerate(zip(accepted.items, texts, strict=True)):
            item |= {"imageUUID": task["taskUUID"], "imageBase64Data": text, "seed": None if number == 2 else number}
        accepted.items[:] = [accepted.items[number] for number in order]
        return Answer(body={"data": accepted.items})

    service.faults.append(answer)
    run = open_studio().generate("A lantern", number_results=3, output_type="base64Data", seed=0)
    kept = [pictures[number] for number in order]
    assert [image.bytes for image in run.images] == kept
    studio = open_studio()
    studio.recover()
    assert [image.bytes for image in studio.log[run.task_uuid].images] == kept


def test_a_cut_picture_stays_where_its_address_has_expired(service, studio):
    """``recover`` says so each time, and the bytes stay."""
    service.picture_faults += [fault.half] * 4
    run = generate(studio)
    kept = run.image.bytes
    service.picture_faults += [fault.file(b"gone", 410)] * 9
    service.has_details = False
    assert "410" in studio.recover().note[0]
    assert studio.log[run.task_uuid].image.bytes == kept


def test_a_shorter_download_does_not_replace_what_is_there(service, studio):
    """A second cut file brings nothing."""
    whole = picture()
    service.picture_faults += [fault.file(whole[:500])] * 4
    run = generate(studio)
    service.picture_faults += [fault.file(whole[:200])] * 9
    service.has_details = False
    assert studio.recover().after.tolist() == ["done, picture missing"]
    assert studio.log[run.task_uuid].image.bytes == whole[:500]


@pytest.mark.parametrize("page", [b"<html>expired</html>", b'{"error": "gone"}', b"", b"Not found"])
def test_a_page_at_a_pictures_address_is_not_stored(service, studio, page):
    """It is tried again, and is no picture; ``recover`` fetches the real one later."""
    service.picture_faults += [fault.file(page)] * 4
    run = generate(studio)
    assert (run.status, len(run), len(service.gets)) == ("done", 0, 4)
    assert not list((studio.log.folder / "images").rglob("*.*"))
    assert studio.recover().after.tolist() == ["done"]
    assert studio.log[run.task_uuid].image.bytes == picture()


@pytest.mark.parametrize(
    "write",
    [
        base64.b64encode,
        base64.urlsafe_b64encode,
        base64.encodebytes,
        lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    ],
    ids=["standard", "URL-safe", "lines", "URL-safe without padding"],
)
@pytest.mark.parametrize("head", ["", "data:image/png;base64,", "data:image/avif;base64,", "data:;base64,"])
def test_every_spelling_of_an_inline_picture_gives_the_picture(service, open_studio, head, write):
    """Both alphabets, with and without padding and line breaks, and data URIs of any type."""
    data = encoded("PNG", compress_level=0)[:-12] + encoded("PNG")[-12:]
    key = "imageDataURI" if head else "imageBase64Data"

    def answer(items, task):
        item = {name: value for name, value in items[0].items() if not name.startswith(("imageB", "imageD"))}
        return {"data": [item | {key: head + write(data).decode()}]}

    service.faults.append(fault.answers(answer))
    image = generate(open_studio(pace=QUICK), output_type="dataURI" if head else "base64Data").image
    assert image.bytes == data
    assert (image.width, image.problem) == (600, "")
