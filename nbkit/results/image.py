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
from nbkit.measures.conversion import is_picture_suffix, usual_suffix, write_converted
from nbkit.measures.facts import NEUTRAL, SUFFIXES, PictureFacts, check_hash, decoded, header_size
from nbkit.measures.preview import PREVIEW_SIZE, make_preview
from nbkit.request.footer import footer_of
from nbkit.request.image_request import ImageRequest
from nbkit.request.model import MICRO
from nbkit.request.reference import missing_reference


class GeneratedImage:
    """One picture of a run. As the last line of a cell it shows itself.

    Two pictures are equal if their bytes are.

    Attributes:
        seed: the seed that the service reports for this picture, or ``None``.
        width, height: its real size in pixels, read from the file; ``None`` where that is not known.
        sha256: of its bytes, as 64 hex digits.
        media_type: such as ``image/jpeg``; ``application/octet-stream`` where it is not known.
        problem: what is wrong with its bytes, which are kept as they came, as a sentence; ``""`` if nothing is. They may
            be of a format that Pillow cannot show, or cut short.
        fingerprint: sixteen hex digits that show how light the picture is where, to see at a glance whether an output
            has changed; another encoding may change a digit by one. ``""`` for a picture that cannot be decoded.
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
        self.sha256, self.fingerprint, self.problem = facts.sha256, facts.fingerprint, facts.problem
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
            NoImage: if the file cannot be read, or does not have the picture's :attr:`sha256` any more.
        """
        if self._data is not None:
            return self._data
        try:
            return check_hash(self.path.read_bytes(), self.sha256, self.path)
        except OSError as error:
            raise NoImage(f"the picture's file cannot be read: {error}") from None

    @property
    def footer(self) -> tuple[int, int, int, int] | None:
        """Where the line of settings stands in a picture of the offline engine; ``None`` for any other picture.

        Left, upper, right and lower edge in pixels, as ``PIL.Image.crop`` takes them. The picture's file has it in its
        metadata; pictures that were drawn before there was this property do not.

        Raises:
            NoImage: if the picture's file is gone, or does not have the picture's :attr:`sha256` any more.

        Example:
            >>> import nbkit
            >>> image = nbkit.Studio(engine="offline").generate("A paper lantern", seed=7, resolution="0.5K").image
            >>> image.footer
            (0, 492, 512, 512)
            >>> image.pil.crop(image.footer).size
            (512, 20)
        """
        return footer_of(self.bytes)

    @property
    def pil(self) -> Image.Image:
        """A PIL image, decoded anew at each call.

        Raises:
            NoImage: if the file is gone or damaged, or of a format that Pillow cannot show.
        """
        with decoded(self.bytes) as picture:
            picture.load()
            return picture

    def save(self, path: str | os.PathLike[str] = ".") -> Path:
        """Write the picture to a file, which is replaced if it exists, and return its path.

        Args:
            path: of the file. In a folder, such as the current one, the file is named after its hash. A name that does
                not end in a picture's suffix gets the right one. With the suffix of its own format the file gets the
                original bytes; with another one (``.png`` for a JPG), a converted copy of high quality.

        Raises:
            NoImage: if the picture's own file is gone or damaged, or cannot be decoded and so not be converted.
            RequestError: for a suffix of a format that cannot be written.
            OSError: if the file cannot be written.

        Example:
            >>> import tempfile, nbkit
            >>> image = nbkit.Studio(engine="offline").generate("A paper lantern", seed=7).image
            >>> file = image.save(f"{tempfile.mkdtemp()}/lantern")
            >>> file.name, file.read_bytes() == image.bytes
            ('lantern.jpg', True)
        """
        target, own = with_folder(path), SUFFIXES.get(self.media_type, NEUTRAL)
        if target.is_dir():
            target = target / f"{self.sha256[:16]}{own}"
        elif not is_picture_suffix(target.suffix) and target.suffix.lower() != own:  # as in "lantern_t0.7"
            target = target.with_name(target.name + own)
        if usual_suffix(target.suffix) == own:
            target.write_bytes(self.bytes)
            return target
        try:
            picture = self.pil
        except NoImage as error:
            if self.problem:
                raise NoImage(f"{error}; image.save({target.with_suffix(own).name!r}) writes it as it came") from None
            raise
        write_converted(picture, target)
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
        return Figure(data, self.prompt or "generated picture", *header_size(data), caption)

    @property
    def caption(self) -> tuple[str, ...]:
        """Size, seed and cost, as text; after the size, what is wrong with its bytes."""
        size = () if self.width is None else (f"{self.width}x{self.height}",)
        problem = (self.problem,) if self.problem else ()
        seed = () if self.seed is None else (f"seed {self.seed}",)
        return (*size, *problem, *seed, usd(self.cost_micros))

    def __eq__(self, other: object) -> bool:
        return self.sha256 == other.sha256 if isinstance(other, GeneratedImage) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "request": self.request and _without_pixels(self.request)}

    def __repr__(self) -> str:
        kind = SUFFIXES.get(self.media_type, NEUTRAL)[1:].upper()
        first, *facts = self.caption if self.width else ("", *self.caption)
        return f"<GeneratedImage {', '.join(filter(None, (f'{first} {kind}'.strip(), *facts, self.fingerprint)))}>"

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
