"""What nbkit opens does not depend on what a notebook has set in Pillow; pictures of 16 and 32 bits are scaled."""

import io
import multiprocessing
import threading
import warnings

import numpy as np
import pytest
import service_faults as fault
from PIL import Image, ImageFile, PngImagePlugin
from service import picture

import nbkit
from nbkit.measures.facts import examine
from nbkit.measures.likeness import likeness
from nbkit.measures.preview import make_preview
from nbkit.request.decoder import eight_bits, opened, own_settings

NOTEBOOK = {
    "accepts cut files": [(ImageFile, "LOAD_TRUNCATED_IMAGES", True)],
    "few pixels": [(Image, "MAX_IMAGE_PIXELS", 1000)],
    "nearly enough pixels": [(Image, "MAX_IMAGE_PIXELS", 200_000)],
    "no limit": [(Image, "MAX_IMAGE_PIXELS", None)],
    "short texts": [(PngImagePlugin, "MAX_TEXT_CHUNK", 10), (PngImagePlugin, "MAX_TEXT_MEMORY", 10)],
    "all of them": [
        (ImageFile, "LOAD_TRUNCATED_IMAGES", True),
        (Image, "MAX_IMAGE_PIXELS", 1000),
        (PngImagePlugin, "MAX_TEXT_CHUNK", 10),
    ],
}
"""Settings of Pillow that a notebook may have changed."""


@pytest.fixture(params=NOTEBOOK.values(), ids=NOTEBOOK)
def notebook(request, monkeypatch):
    """A notebook that has changed Pillow's settings; its warnings are errors."""
    for module, name, value in request.param:
        monkeypatch.setattr(module, name, value)
    yield request.param
    for module, name, value in request.param:
        assert getattr(module, name) == value  # what the notebook set is there afterwards


def encoded(image, kind="PNG", **options):
    """The bytes of a picture in a format."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def with_text():
    """A PNG with a text of two megabytes, which compresses to a few kilobytes."""
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "node " * 400_000, zip=True)
    return encoded(Image.new("RGB", (600, 400), "teal"), pnginfo=info)


WHOLE = {
    "JPEG": encoded(Image.new("RGB", (600, 400), "teal"), "JPEG"),
    "PNG": encoded(Image.new("RGB", (600, 400), "teal")),
    "WEBP": encoded(Image.new("RGB", (600, 400), "teal"), "WEBP"),
    "PNG with a long text": with_text(),
}


@pytest.mark.usefixtures("notebook")
@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_a_whole_picture_is_read_whatever_the_notebook_has_set(data):
    """Its facts and its preview are those of a kernel where nothing was set; also as a reference image."""
    facts = examine(data)
    assert (facts.width, facts.height) == (600, 400)
    assert Image.open(io.BytesIO(make_preview(data, 20))).size == (20, 13)
    assert nbkit.ImageRequest("A lantern", reference_images=[data]).reference_images[0].media_type == facts.media_type


@pytest.mark.usefixtures("notebook")
@pytest.mark.parametrize("kind", ["JPG", "PNG", "WEBP"])
def test_half_a_download_is_tried_again_whatever_the_notebook_has_set(service, studio, kind):
    """The first half of a file is no picture; the run ends with the whole one."""
    service.picture_faults += [fault.half] * 2
    run = studio.generate("A lantern", seed=1, output_format=kind)
    assert run.image.bytes == picture(kind)
    assert run.image.pil.size == (run.image.width, run.image.height)
    assert len(service.gets) == 3


def test_threads_decode_at_once_and_the_last_one_restores_the_settings(monkeypatch):
    """A setting that the notebook changes meanwhile stays as the notebook has set it."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    inside, leave = threading.Barrier(4), threading.Event()

    def decode():
        with own_settings():
            inside.wait(10)
            leave.wait(10)

    threads = [threading.Thread(target=decode) for _ in range(3)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    assert (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS) == (False, None)
    Image.MAX_IMAGE_PIXELS = 5
    leave.set()
    for thread in threads:
        thread.join(10)
    assert (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS) == (True, 5)


def _settings(queue):
    with own_settings():
        pass
    queue.put((ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS))


def test_a_process_that_was_forked_while_a_picture_was_open_has_the_settings_of_the_notebook(monkeypatch):
    """Nobody in it will leave the context that its parent's thread was in."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with own_settings(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside the threads of other tests
        child = context.Process(target=_settings, args=(queue,))
        child.start()
    assert queue.get(timeout=30) == (True, Image.MAX_IMAGE_PIXELS)
    child.join(30)


# -- pictures of more than 8 bits -------------------------------------------------------------------------------

RAMP = np.tile(np.linspace(0, 1, 64), (64, 1))
"""Black on the left, white on the right."""

DEEP = {
    "16-bit PNG": encoded(Image.fromarray((RAMP * 65535).astype(np.uint16))),
    "16-bit TIFF": encoded(Image.fromarray((RAMP * 65535).astype(np.uint16)), "TIFF"),
    "16-bit TIFF, big-endian": encoded(Image.fromarray((RAMP * 65535).astype(">u2")), "TIFF"),
    "32-bit TIFF": encoded(Image.fromarray((RAMP * 2_000_000 - 1_000_000).astype(np.int32)), "TIFF"),
    "float TIFF": encoded(Image.fromarray(RAMP.astype(np.float32)), "TIFF"),
    "float TIFF of large values": encoded(Image.fromarray((RAMP * 9e6 + 1e6).astype(np.float32)), "TIFF"),
    "8-bit PNG": encoded(Image.fromarray((RAMP * 255).astype(np.uint8))),
}
"""The ramp in files of several depths."""


@pytest.mark.parametrize("data", DEEP.values(), ids=DEEP)
def test_the_preview_of_a_deep_picture_has_its_greys(data):
    """Scaled to 8 bits instead of cut off at 255, which would make it white."""
    with Image.open(io.BytesIO(make_preview(data, 64))) as small:
        greys = np.asarray(small.convert("L"))[32, ::9].astype(int)
    assert np.abs(greys - RAMP[0, ::9] * 255).max() <= 6


def test_the_fingerprint_of_a_16_bit_png_is_that_of_the_same_picture_in_8_bits():
    """Four columns from dark to light."""
    steps = np.repeat(np.array([[0x18, 0x58, 0x98, 0xD8]], np.uint16), 16, axis=1)
    deep, plain = (
        Image.fromarray(np.tile(steps * scale, (64, 1)).astype(kind)) for scale, kind in ((257, "u2"), (1, "u1"))
    )
    assert examine(encoded(deep)).fingerprint == examine(encoded(plain)).fingerprint == "159d" * 4


@pytest.mark.parametrize("change", [0, 1, 20_000])
def test_two_16_bit_pictures_have_equal_pixels_only_if_all_16_bits_are_equal(change):
    """A difference above the value 255 counts, also one that 8 bits do not show."""
    values = (RAMP * 40_000).astype(np.uint16)
    first, other = (
        encoded(Image.fromarray(array), compress_level=level)
        for array, level in ((values, 1), (values + np.uint16(change), 9))
    )
    images = [nbkit.GeneratedImage(facts=examine(data), data=data) for data in (first, other)]
    assert likeness(*images).word == {0: "equal pixels", 1: "nearly equal", 20_000: "different"}[change]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, -7.5, 300.0])
def test_a_float_picture_without_a_range_is_black(value):
    """One value everywhere, or values that are no numbers: nothing to scale, and no error."""
    flat = eight_bits(Image.fromarray(np.full((4, 4), value, np.float32)))
    assert flat.getextrema() == (0, 0)


def test_eight_bits_leaves_other_pictures_as_they_are():
    """With alpha, a palette, CMYK: the very same object."""
    for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK"):
        image = Image.new(mode, (2, 2))
        assert eight_bits(image) is image


def test_opened_reads_only_the_formats_that_are_named():
    """A TIFF is none of them."""
    with pytest.raises(Image.UnidentifiedImageError), opened(DEEP["float TIFF"], ("PNG", "JPEG")):
        pass
