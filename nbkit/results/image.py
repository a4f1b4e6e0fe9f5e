"""A picture that came back: its bytes and what is known of it. It is decoded only on demand.

The bytes are those that the service sent; nothing here changes them.
"""

from __future__ import annotations

import builtins
import os
from pathlib import Path
from typing import Any

from PIL import Image

from nbkit.display.figure import Figure, figure_html, no_mathjax
from nbkit.display.text import usd
from nbkit.errors import NoImage
from nbkit.measures.facts import SUFFIXES, PictureFacts, decoding
from nbkit.measures.preview import PREVIEW_SIZE, fitted_size, flatten, make_preview
from nbkit.request.decoder import opened
from nbkit.request.image_request import ImageRequest
from nbkit.request.model import MICRO
from nbkit.request.reference import missing_reference


class GeneratedImage:
    """One picture of a run. As the last line of a cell it shows itself.

    Two pictures are equal if their bytes are.

    Attributes:
        seed: the seed that the service reports for this picture, or ``None``.
        width, height: its real size in pixels, read from the file.
        sha256: of its bytes, as 64 hex digits.
        media_type: such as ``image/jpeg``.
        fingerprint: sixteen hex digits that show how light the picture is where, to see at a glance whether an output
            has changed; another encoding may change a digit by one.
        image_uuid: its imageUUID.
        nsfw: the outcome of the safety check, or ``None`` without one.
        cost_micros: the cost in micro-dollars; see :attr:`cost`.
        prompt: that it was made from.
        request: the :class:`~nbkit.ImageRequest` that it was made from; ``None`` where that is not known.

    Example:
        >>> import nbkit
        >>> image = nbkit.Studio(engine="offline").generate("A paper lantern", seed=7, resolution="0.5K").image
        >>> image.width, image.height, image.media_type, image.seed, image.cost
        (512, 512, 'image/jpeg', 7, 0.04657)
        >>> image.pil.size
        (512, 512)
    """

    def __init__(
        self,
        *,
        facts: PictureFacts,
        path: Path | None = None,
        data: builtins.bytes | None = None,
        seed: int | None = None,
        cost_micros: int | None = None,
        image_uuid: str = "",
        nsfw: bool | None = None,
        prompt: str = "",
        request: ImageRequest | None = None,
    ) -> None:
        self._path, self._data, self.cost_micros = path, data, cost_micros
        self.media_type, self.width, self.height = facts.media_type, facts.width, facts.height
        self.sha256, self.fingerprint = facts.sha256, facts.fingerprint
        self.seed, self.image_uuid, self.nsfw = seed, image_uuid, nsfw
        self.prompt, self.request = prompt, request

    @property
    def cost(self) -> float | None:
        """USD, or ``None`` when the answer did not contain it."""
        return None if self.cost_micros is None else self.cost_micros / MICRO

    @property
    def path(self) -> Path:
        """The original file in the image folder.

        Raises:
            NoImage: if the picture has no file.
        """
        if self._path is None:
            raise NoImage("this picture is not in a store; image.save(path) writes it to a file")
        return self._path

    @property
    def bytes(self) -> builtins.bytes:
        """The original file's bytes, exactly as the service sent them.

        Raises:
            NoImage: if the file cannot be read.
        """
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
            NoImage: if the file is gone or damaged.
        """
        data = self.bytes
        with decoding(), opened(data) as picture:
            picture.load()
            return picture

    def save(self, path: str | os.PathLike[str] = ".") -> Path:
        """Write the picture to a file, which is replaced if it exists, and return its path.

        Args:
            path: of the file. In a folder, such as the current one, the file is named after its hash. With a suffix of
                the picture's own format, or none, it gets the original bytes; with another suffix (``.png`` for a
                JPG), a converted copy.

        Raises:
            NoImage: if the picture's own file is gone or damaged.
            OSError: if the file cannot be written.

        Example:
            >>> import tempfile, nbkit
            >>> image = nbkit.Studio(engine="offline").generate("A paper lantern", seed=7).image
            >>> file = image.save(f"{tempfile.mkdtemp()}/lantern")
            >>> file.name, file.read_bytes() == image.bytes
            ('lantern.jpg', True)
        """
        target, own = with_folder(path), SUFFIXES[self.media_type]
        if target.is_dir():
            target = target / f"{self.sha256[:16]}{own}"
        elif not target.suffix:
            target = target.with_name(target.name + own)
        suffix = target.suffix.lower().replace(".jpeg", ".jpg")
        if suffix == own:
            target.write_bytes(self.bytes)
        else:  # some formats have no transparency
            (flatten(self.pil) if suffix in (".jpg", ".bmp") else self.pil).save(target)
        return target

    def preview(self, size: int = PREVIEW_SIZE, max_bytes: int | None = None) -> builtins.bytes:
        """A small JPEG of the picture.

        Args:
            size: pixels on the long side, at most.
            max_bytes: of the JPEG, about; by default light enough for a notebook.

        Raises:
            NoImage: if the file is gone or damaged.

        Example:
            >>> import nbkit
            >>> image = nbkit.Studio(engine="offline").generate("A paper lantern", seed=7).image
            >>> len(image.preview(128)) < 10_000
            True
        """
        return make_preview(self.bytes, size, max_bytes)

    def figure(
        self, size: int = PREVIEW_SIZE, caption: tuple[str, ...] | None = None, max_bytes: int | None = None
    ) -> Figure:
        """The picture for display; without a caption of its own, the caption has size, seed and cost."""
        caption = self.caption if caption is None else caption
        try:
            data = self.preview(size, max_bytes)
        except NoImage as error:
            return Figure(None, self.prompt, caption=caption, missing=str(error))
        return Figure(data, self.prompt or "generated picture", *fitted_size(self.width, self.height, size), caption)

    @property
    def caption(self) -> tuple[str, ...]:
        """Size, seed and cost, as text."""
        seed = () if self.seed is None else (f"seed {self.seed}",)
        return (f"{self.width}x{self.height}", *seed, usd(self.cost_micros))

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
        return {"text/html": no_mathjax(figure_html(self.figure())), "text/plain": repr(self)}


def _without_pixels(request: ImageRequest) -> ImageRequest:
    """A request that only names its reference images: pickling a picture must not carry other pictures along."""
    references = request.reference_images or ()
    if not any(reference.data for reference in references):
        return request
    light = [missing_reference(reference.sha256) if reference.data else reference for reference in references]
    return request.replace(reference_images=light)


def with_folder(path: str | os.PathLike[str]) -> Path:
    """The path of a file to be written, in a folder that exists."""
    target = Path(path).expanduser()
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
