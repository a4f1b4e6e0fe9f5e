"""A picture that came back: bytes plus facts, decoded only when somebody asks.

The bytes are those that the service sent; nothing here rewrites them.
"""

from __future__ import annotations

import builtins
import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from nbkit.display.figure import Figure, figure_html, shield
from nbkit.display.text import usd
from nbkit.errors import DownloadError, NoImage
from nbkit.model import MICRO
from nbkit.parameter import without_addresses
from nbkit.reference import lost_reference
from nbkit.request import ImageRequest

PREVIEW_SIZE = 384
"""Pixels on the long side of a preview."""

PREVIEW_BYTES = 26_000
"""What a preview may weigh: a hundred of them, in base64, leave a notebook under 4 MB."""

MAX_PIXELS = 60_000_000
"""More than three times the largest picture of the size table (12288x1536): whatever is larger is a bomb."""

MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What can be read off a picture's bytes."""

    media_type: str
    width: int
    height: int
    sha256: str
    fingerprint: str


def examine(data: bytes) -> Facts:
    """Decode a picture completely and tell its facts.

    Raises:
        DownloadError: if it is no JPEG, PNG or WEBP, is cut short, or has more than :data:`MAX_PIXELS` pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=tuple(MEDIA_TYPES)) as picture:
            _refuse_bomb(picture)
            picture.load()
            return Facts(
                # A JPEG with further frames behind the first, such as a gain map, calls itself MPO.
                media_type=MEDIA_TYPES["JPEG" if picture.format == "MPO" else picture.format or ""],
                width=picture.width,
                height=picture.height,
                sha256=hashlib.sha256(data).hexdigest(),
                fingerprint=_fingerprint(picture),
            )
    except DownloadError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # the warning where warnings are errors
        raise DownloadError("a picture of far more pixels than any size of the model") from None
    except Exception as error:  # noqa: BLE001  a decoder that is fed with anything may raise anything
        beginning = data[:16].decode("ascii", "replace").strip()
        raise DownloadError(
            f"what came is not a whole picture ({len(data):,} bytes, beginning {beginning!r}: {_why(error)})",
            retry=True,
        ) from None


def _refuse_bomb(picture: Image.Image) -> None:
    if picture.width * picture.height > MAX_PIXELS:
        raise DownloadError(f"a picture of {picture.width}x{picture.height} is more than any size of the model")


def _fingerprint(picture: Image.Image) -> str:
    """Sixteen hex digits: the mean lightness of a 4x4 grid in sixteen steps; a glance, and no hash.

    Decoding the same bytes again gives the same digits. Another encoder gives mostly the same: where a cell's mean
    lies at the edge between two steps, its digit may change by one. Pictures whose lightness is laid out alike have
    the same digits, whatever their colours and details; ``sha256`` tells pictures apart.
    """
    colours = picture.convert("RGBA") if "transparency" in picture.info else picture  # Pillow warns of the short way
    plain = colours if colours.mode in ("RGB", "L") else colours.convert("RGB")  # which would copy every pixel
    small = plain.resize((4, 4), Image.Resampling.BOX).convert("L")
    return "".join(f"{value >> 4:x}" for value in small.tobytes())


class GeneratedImage:
    """One picture of a run.

    Attributes:
        seed: the seed that the service reports for this picture.
        width, height: its real size in pixels, read from the file.
        sha256: of its bytes.
        media_type: such as ``image/jpeg``.
        fingerprint: sixteen hex digits on how light the picture is where, to see at a glance whether an output
            changed; another encoding may change a digit by one.
        image_uuid: the service's name for it.
        nsfw: what the safety check said, or ``None`` when there was none.
        request: the :class:`~nbkit.ImageRequest` that it came from; ``None`` where that is not known.
    """

    request: ImageRequest | None = None

    def __init__(
        self,
        *,
        facts: Facts,
        path: Path | None = None,
        data: builtins.bytes | None = None,
        seed: int | None = None,
        cost_micros: int | None = None,
        image_uuid: str = "",
        nsfw: bool | None = None,
        prompt: str = "",
        request: ImageRequest | None = None,
    ) -> None:
        if path is None and data is None:
            raise ValueError("a GeneratedImage needs its bytes or the path of its file")
        self._facts, self._path, self._data, self._cost = facts, path, data, cost_micros
        self.seed, self.image_uuid, self.nsfw, self.prompt = seed, image_uuid, nsfw, prompt
        self.request = request

    @property
    def media_type(self) -> str:
        return self._facts.media_type

    @property
    def width(self) -> int:
        return self._facts.width

    @property
    def height(self) -> int:
        return self._facts.height

    @property
    def sha256(self) -> str:
        return self._facts.sha256

    @property
    def fingerprint(self) -> str:
        return self._facts.fingerprint

    @property
    def cost(self) -> float | None:
        """USD, or ``None`` when the answer did not say."""
        return None if self._cost is None else self._cost / MICRO

    @property
    def cost_micros(self) -> int | None:
        """The same in micro-dollars."""
        return self._cost

    @property
    def path(self) -> Path:
        """The original file in the image store."""
        if self._path is None:
            raise NoImage("this picture is not in a store; image.save(path) writes it to a file")
        return self._path

    @property
    def bytes(self) -> builtins.bytes:
        """The original file's bytes, exactly as the service sent them."""
        if self._data is not None:
            return self._data
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise NoImage(f"the picture's file cannot be read: {error}") from None

    @property
    def pil(self) -> Image.Image:
        """A PIL image, decoded anew at each call.

        Raises:
            NoImage: if its file is gone or damaged.
        """
        data = self.bytes
        with _decoding(), Image.open(io.BytesIO(data)) as picture:
            picture.load()
            return picture

    def save(self, path: str | os.PathLike[str] = ".") -> Path:
        """Write the picture to a file and return its path.

        A folder, such as the current one, gets the file under its hash. A suffix of the picture's own format, or none, gets the original
        bytes; another suffix (``.png`` for a JPG) gets a converted copy.
        """
        target = Path(path).expanduser()
        own = SUFFIXES[self.media_type]
        if target.is_dir():
            target = target / f"{self.sha256[:16]}{own}"
        elif not target.suffix:
            target = target.with_name(target.name + own)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix.lower() in (own, ".jpeg" if own == ".jpg" else own):
            target.write_bytes(self.bytes)
        else:
            picture = self.pil
            if target.suffix.lower() in (".jpg", ".jpeg", ".bmp") and picture.mode != "RGB":
                picture = _flat(picture)
            picture.save(target)
        return target

    def preview(self, size: int = PREVIEW_SIZE, weight: int | None = None) -> builtins.bytes:
        """A small JPEG with at most ``size`` pixels on its long side, and about ``weight`` bytes at most.

        Raises:
            NoImage: if its file is gone or damaged.
        """
        return make_preview(self.bytes, size, weight)

    def figure(
        self, size: int = PREVIEW_SIZE, caption: tuple[str, ...] | None = None, weight: int | None = None
    ) -> Figure:
        """What is needed to show it; without a caption of its own it tells size, seed and cost."""
        try:
            data = self.preview(size, weight)
        except NoImage as error:
            return Figure(None, self.prompt, caption=caption or self.caption, missing=str(error))
        width, height = shown_size(self.width, self.height, size)
        return Figure(
            data, self.prompt or "generated picture", width, height, self.caption if caption is None else caption
        )

    @property
    def caption(self) -> tuple[str, ...]:
        """The facts that stand under it."""
        seed = () if self.seed is None else (f"seed {self.seed}",)
        return (f"{self.width}x{self.height}", *seed, usd(self._cost))

    def __eq__(self, other: object) -> bool:
        return self.sha256 == other.sha256 if isinstance(other, GeneratedImage) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "request": self.request and _without_pixels(self.request)}

    def __repr__(self) -> str:
        size, *facts = self.caption
        kind = SUFFIXES[self.media_type][1:].upper()
        return f"<GeneratedImage {', '.join((f'{size} {kind}', *facts, self.fingerprint))}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": shield(figure_html(self.figure())), "text/plain": repr(self)}


@contextmanager
def _decoding() -> Iterator[None]:
    """The one place that says of a picture that its file is damaged, and why."""
    try:
        yield
    except NoImage:
        raise
    except Exception as error:  # noqa: BLE001  a decoder that is fed with a damaged file may raise anything
        raise NoImage(f"the picture's file is damaged: {_why(error)}") from None


def _why(error: Exception) -> str:
    """What a decoder says; of what it does not know at all, Pillow names only the stream."""
    return "no JPEG, PNG or WEBP" if isinstance(error, UnidentifiedImageError) else without_addresses(str(error))


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height that a picture's header names; nothing is decoded.

    Raises:
        NoImage: if it has none.
    """
    with _decoding(), Image.open(io.BytesIO(data)) as picture:
        return picture.size


def shown_size(width: int, height: int, limit: int) -> tuple[int, int]:
    """A size scaled down so that its long side is at most ``limit`` pixels; never up."""
    scale = min(1.0, limit / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def make_preview(data: bytes, size: int = PREVIEW_SIZE, weight: int | None = None) -> bytes:
    """A small JPEG of a picture, at most ``size`` pixels on its long side and light enough for a notebook.

    Raises:
        NoImage: if it cannot be decoded.
    """
    most = PREVIEW_BYTES * max(1.0, (size / PREVIEW_SIZE) ** 2) if weight is None else weight
    with _decoding():
        small = reduced(data, shown_size(*size_of(data), size))
    for quality in (82, 72, 60, 45, 30, 20, 10):
        out = io.BytesIO()
        small.save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= most:
            break
    return out.getvalue()


def reduced(data: bytes, target: tuple[int, int]) -> Image.Image:
    """A picture in RGB at exactly that size, with transparency over white.

    Raises:
        NoImage: if it cannot be decoded.
    """
    with _decoding(), Image.open(io.BytesIO(data)) as picture:
        picture.draft("RGB", target)  # lets the JPEG decoder do most of the shrinking
        return _flat(picture).resize(target, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _without_pixels(request: ImageRequest) -> ImageRequest:
    """A request whose reference images are names only: a picture that is pickled brings no others along."""
    references = request.reference_images or ()
    if not any(reference.data for reference in references):
        return request
    light = [lost_reference(reference.sha256) if reference.data else reference for reference in references]
    return request.replace(reference_images=light)


def _flat(picture: Image.Image) -> Image.Image:
    """RGB, with transparency over white."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        ground = Image.new("RGB", layered.size, "white")
        ground.paste(layered, mask=layered.getchannel("A"))
        return ground
    return picture.convert("RGB")
