"""What people give as reference images: one picture or several, as a file, an array, a run, a figure."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image

from nbkit.errors import NoImage
from nbkit.request.decoder import eight_bit_levels
from nbkit.request.parameter import ValueInvalid, short_repr

_ONE = (str, bytes, bytearray, memoryview, os.PathLike, Image.Image, Mapping)
_MANY = 1000
"""So many values are read of an iterator, which may have no end."""


def references_in(value: Any) -> list[Any]:
    """The single reference images in what was given as ``reference_images``.

    A list, a tuple, an iterator such as ``folder.glob("*.png")`` and a pandas series are their values; a run is its
    pictures.

    Raises:
        ValueInvalid: for a set, and for a run without a picture.
    """
    parts = value if isinstance(value, (list, tuple)) else [value]
    return list(itertools.chain.from_iterable(map(_pictures, parts)))


def is_iterator(value: Any) -> bool:
    """Whether a value can be read only once, and is no file."""
    return isinstance(value, Iterator) and not hasattr(value, "read")


def _pictures(part: Any) -> Iterable[Any]:
    if isinstance(part, (set, frozenset)):
        raise ValueInvalid("type", "a list of images, because a set has no order: sorted(…) makes one")
    images = getattr(part, "images", None)
    if isinstance(images, tuple):  # a Run, whose class cannot be imported here
        if not images:
            raise ValueInvalid("count", f"pictures, and {short_repr(part)} has none")
        return images
    is_series = getattr(part, "ndim", None) == 1 or (isinstance(part, Collection) and not hasattr(part, "ndim"))
    if is_iterator(part) or (is_series and not isinstance(part, (list, tuple, *_ONE)) and not hasattr(part, "read")):
        return itertools.chain.from_iterable(map(_pictures, itertools.islice(part, _MANY)))
    return [part]


def file_or_picture(value: Any) -> bytes | Image.Image | None:
    """The bytes of a file, or the picture of an array; ``None`` for a value that is neither.

    Raises:
        ValueInvalid: for a file that was opened as text, and for an array that is no picture.
    """
    if isinstance(value, Image.Image):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    try:
        inner = getattr(value, "bytes", None)  # a GeneratedImage, whose class cannot be imported here
    except NoImage as error:
        raise ValueInvalid("format", f"a picture whose file can be read, and {error}") from None
    if isinstance(inner, bytes):
        return inner
    if callable(getattr(value, "read", None)):
        return _content(value)
    if callable(save := getattr(value, "savefig", None)):  # a figure of matplotlib
        save(out := io.BytesIO(), format="png")
        return out.getvalue()
    return _from_array(np.asarray(value)) if hasattr(value, "__array__") else None


def _content(file: Any) -> bytes:
    """A file from its beginning, wherever it was read or written last."""
    is_seekable = getattr(file, "seekable", bool)()
    at = file.tell() if is_seekable else 0
    if is_seekable:
        file.seek(0)
    data = file.read()
    if is_seekable:
        file.seek(at)
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise ValueInvalid("type", 'a file that is opened as bytes, and this gives text: open(path, "rb")')
    return bytes(data)


def _from_array(array: np.ndarray[Any, Any]) -> Image.Image:
    """A picture of an array, by the rule of :func:`~nbkit.request.decoder.eight_bit_levels`."""
    shape = f"this has the shape {array.shape}"
    is_picture = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if not is_picture or not array.size:
        rule = f"an array of height x width, or of height x width x 1, 3 or 4 channels, and {shape}"
        if array.ndim == 3 and array.shape[0] in (1, 3, 4):
            rule += "; numpy.moveaxis(array, 0, -1) brings the channels to the end"
        raise ValueInvalid("dimensions", f"{rule}; list(array) is one picture each" if array.ndim == 4 else rule)
    if array.dtype.kind != "f" and array.dtype not in (np.bool_, np.uint8, np.uint16):
        rule = f"an array of uint8, uint16, bool or float, and this is {array.dtype}"
        raise ValueInvalid("type", f"{rule}; array.astype(numpy.uint8) if its values go from 0 to 255")
    return Image.fromarray(eight_bit_levels(array[:, :, 0] if array.shape[2:] == (1,) else array))
