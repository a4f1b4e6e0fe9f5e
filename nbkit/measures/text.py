"""Reading the text in a picture, on this machine and with no network: rapidocr, whose models are inside its package.

One reader serves the process. It is made when it is first needed, and reads one picture at a time: it takes 100 MB of memory
for a picture of 0.5K, 300 for 1K, 450 for 4K and 800 for 8:1, and several would not be faster on the same cores.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nbkit.errors import NbkitError
from nbkit.measures.content import content_of
from nbkit.measures.facts import header_size
from nbkit.measures.spelling import TextLine

READ_PIXELS = 2_000_000
"""A larger picture is read at this size: 1720x1150, or 4000x500. One core took 0.6 s for 0.5K, 0.8 s for
1264x848, 1.3 s for 2K and 4K, and 3 s for 8:1. Letters of 16 pixels are read."""

_LONGEST = 4096
"""Pixels on the long side of a very wide picture, at most."""

_NARROWEST = 5
"""Sides of a picture to each other, at most; a narrower one gets room beside it."""

CODE = "1"
"""Raised whenever the same picture would be read differently by the code here."""

_PARTS = {"Det": "_det_", "Cls": "_cls_", "Rec": "_rec_"}
"""The models that find text, turn it upright and read it, each with what its file's name contains."""

_INSTALL = 'pip install "nbkit[text]"'

REMEMBERED = 500
"""Pictures whose lines are remembered in this process; the log remembers those that ``log.measure()`` has read."""

_lock = threading.RLock()
_remembered: dict[str, list[TextLine]] = {}


def is_installed() -> bool:
    """Whether the packages of the extra ``text`` are here; nothing is loaded."""
    return all(importlib.util.find_spec(name) for name in ("rapidocr", "onnxruntime"))


def reader_version() -> str:
    """What a reading depends on: this code and the reader's version.

    Raises:
        NbkitError: if the extra ``text`` is not installed.
    """
    _check_installed()
    return f"{CODE} rapidocr {importlib.metadata.version('rapidocr')} {READ_PIXELS}"


def _check_installed() -> None:
    if not is_installed():
        raise NbkitError(f"reading text in pictures needs rapidocr and onnxruntime: {_INSTALL}")


def read_text(data: bytes) -> list[TextLine]:
    """The lines of text in a picture, in reading order, also those that were read with little confidence.

    The footer of a picture of the offline engine is no part of it.

    Args:
        data: the picture's file.

    Raises:
        NbkitError: if the extra ``text`` is not installed, or has no models in it.
        NoImage: if the picture cannot be decoded.
    """
    _check_installed()
    width, height = header_size(data)
    size = min(_LONGEST, round(max(width, height) * min(1.0, math.sqrt(READ_PIXELS / (width * height)))))
    picture = content_of(data, size)
    shortest = -(
        -max(picture.size) // _NARROWEST
    )  # the reader enlarges a short side to 736 pixels, whatever the long one is
    room = Image.new("RGB", (max(picture.width, shortest), max(picture.height, shortest)), picture.getpixel((0, 0)))
    room.paste(picture)
    pixels = np.asarray(room)[:, :, ::-1]  # OpenCV has blue first
    with _lock:
        found = _reader()(np.ascontiguousarray(pixels), text_score=0.0)
    if getattr(found, "txts", None) is None:
        return []
    return [TextLine(str(text), round(float(score), 4)) for text, score in zip(found.txts, found.scores, strict=True)]


def lines_of(sha256: str, load: Callable[[], bytes]) -> list[TextLine]:
    """As :func:`read_text`; a picture that was read before in this process is not read again.

    Args:
        sha256: of the picture's file.
        load: reads that file.
    """
    with _lock:
        if sha256 not in _remembered:
            lines = read_text(load())
            while len(_remembered) >= REMEMBERED:
                del _remembered[next(iter(_remembered))]
            _remembered[sha256] = lines
        return _remembered[sha256]


@functools.cache
def _reader() -> Any:
    """The reader. Each model is named by its file, so that nothing is looked for elsewhere."""
    parameters: dict[str, Any] = {f"{part}.model_path": str(file) for part, file in _models().items()}
    parameters |= {
        "Global.log_level": "critical",
        "Global.max_side_len": _LONGEST,
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,  # more of them wait for each other and are slower
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }
    try:
        return importlib.import_module("rapidocr").RapidOCR(params=parameters)
    except ImportError as error:
        raise NbkitError(f"the reader of text cannot be loaded ({error}): {_INSTALL} installs it anew") from None


def _models() -> dict[str, Path]:
    """The file of each model inside the installed package.

    Raises:
        NbkitError: if one is not there: the package would download it.
    """
    spec = importlib.util.find_spec("rapidocr")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "models"
    found = {part: max(folder.glob(f"*{name}*.onnx"), default=None) for part, name in _PARTS.items()}
    if None in found.values():
        raise NbkitError(
            "this rapidocr has no models in its package and would download them, which nbkit does not do: "
            '"rapidocr>=3.10,<4" has them'
        )
    return {part: file for part, file in found.items() if file is not None}
