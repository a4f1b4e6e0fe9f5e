"""The file of a picture: its bytes, as the service sent them, decoded only on demand. Nothing here changes them."""

from __future__ import annotations

import builtins
import os
import warnings
from pathlib import Path

from PIL import Image

from nbkit.errors import NoImage, RequestError
from nbkit.measures.conversion import is_picture_suffix, usual_suffix, write_converted
from nbkit.measures.facts import NEUTRAL, SUFFIXES, check_hash, decoded
from nbkit.measures.preview import PREVIEW_SIZE, make_preview
from nbkit.measures.spelling import Reading, find_phrase, lines_as_text
from nbkit.measures.text import lines_of
from nbkit.metadata.embedding import SIDECAR, is_stale, with_settings
from nbkit.metadata.parts import MAX_BYTES, MetadataInvalid
from nbkit.metadata.record import SettingsRecord
from nbkit.request.footer import footer_of
from nbkit.request.parameter import short_repr, type_in_words


class PictureFile:
    """The bytes of a picture, in the image folder or in memory; :class:`~nbkit.GeneratedImage` adds what is known of it."""

    _path: Path | None
    _data: builtins.bytes | None
    sha256: str
    media_type: str
    problem: str

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
    def is_stored(self) -> bool:
        """Whether it has a file in the image folder."""
        return self._path is not None

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
    def text(self) -> str:
        """The text in the picture, line by line, as it is read on this machine; ``""`` without any.

        A picture takes about a second, once. What is read with little confidence is left out, and so is the line of
        settings in a picture of the offline engine. Latin letters, Chinese and Japanese are read, and no other scripts.

        Raises:
            NbkitError: if the extra ``text`` is not installed: ``pip install "nbkit[text]"``.
            NoImage: if the picture's file is gone or damaged, or cannot be decoded.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> image = studio.generate("A sign that reads 'OPEN LATE'", seed=7, resolution="0.5K").image
            >>> image.text
            'OPEN LATE'
        """
        return lines_as_text(lines_of(self.sha256, lambda: self.bytes))

    def reads(self, phrase: str) -> Reading:
        """Whether a phrase stands in the picture, letter by letter, and what is nearest to it.

        Case, spaces, and the kind of dash and quotation mark do not count. The words of the phrase may stand apart, in any
        order; so may those of a sign.

        Args:
            phrase: to look for, such as one of :func:`nbkit.expected`.

        Returns:
            A ``Reading``: ``.found`` is ``True``, ``False``, or ``None`` where that cannot be said here, because the phrase
            has letters of another script than those that are read, or what stands there was read with little confidence;
            ``.cer`` the character error rate, ``.best`` what is nearest to it, ``.confidence`` of that.

        Raises:
            NbkitError: if the extra ``text`` is not installed: ``pip install "nbkit[text]"``.
            NoImage: if the picture's file is gone or damaged, or cannot be decoded.
            RequestError: if the phrase is no text.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> image = studio.generate("A sign that reads 'OPEN LATE'", seed=7, resolution="0.5K").image
            >>> image.reads("open late").found, image.reads("OPEN LAET").cer, image.reads("ОТКРЫТО").found
            (True, 0.25, None)
        """
        if not isinstance(phrase, str) or not phrase.strip():
            message = f"phrase={short_repr(phrase)}: must be text, such as image.reads('OPEN LATE')"
            raise RequestError(message, parameter="phrase", value=phrase, reason="type")
        return find_phrase(phrase, lines_of(self.sha256, lambda: self.bytes))

    @property
    def pil(self) -> Image.Image:
        """A PIL image, decoded anew at each call.

        Raises:
            NoImage: if the file is gone or damaged, or of a format that Pillow cannot show.
        """
        with decoded(self.bytes) as picture:
            picture.load()
            return picture

    def save(self, path: str | os.PathLike[str] = ".", *, metadata: bool = False) -> Path:
        """Write the picture to a file, which is replaced if it exists, and return its path.

        With ``metadata=True`` a JPG, PNG or WEBP also carries how it was made: the request, seed, model, cost, identifiers,
        lineage and sweep, where :func:`nbkit.read` and other programs find it. No pixel changes. Credentials, paths and
        reference images are never in it. Where it cannot be inside, it is in a file beside it, ``lantern.jpg.xmp``, where
        what a person or a program wrote stays; one that nbkit wrote for another picture is removed. An
        adopted picture of another program keeps that program's text instead, and is not marked as nbkit's.

        Args:
            path: of the file. In a folder, such as the current one, the file is named after its hash. A name that does
                not end in a picture's suffix gets the right one. With the suffix of its own format the file gets the
                original bytes; with another one (``.png`` for a JPG), a converted copy of high quality.
            metadata: whether the file also carries its settings.

        Raises:
            NoImage: if the picture's own file is gone or damaged, or cannot be decoded and so not be converted.
            RequestError: for a suffix of a format that cannot be written.
            OSError: if the file cannot be written.

        Warns:
            UserWarning: if the settings are in a file beside the picture: it has a C2PA signature, which a change would
                break, or is of a format that has no place for them. If nothing is known of how it was made, so that no
                settings are written.

        Example:
            >>> import tempfile, nbkit
            >>> image = nbkit.Studio(engine="offline").generate("A paper lantern", seed=7).image
            >>> file = image.save(f"{tempfile.mkdtemp()}/lantern")
            >>> file.name, file.read_bytes() == image.bytes
            ('lantern.jpg', True)
            >>> nbkit.read(image.save(file.with_name("remembers.jpg"), metadata=True)).facts["seed"]
            7
        """
        given: object = metadata
        if not isinstance(given, bool):
            message = f"metadata={short_repr(metadata)}: must be True or False"
            raise RequestError(message, parameter="metadata", value=metadata, reason="type")
        target = self._save(path)
        data, sidecar = target.read_bytes(), target.with_name(target.name + SIDECAR)
        beside = _content_of(sidecar)
        if beside and is_stale(beside, data):
            sidecar.unlink()
            beside = b""
        if not metadata:
            return target
        try:
            made = with_settings(data, self._settings, self.bytes, beside)
        except MetadataInvalid as error:
            why = f"they belong into {sidecar.name}, which is there already and stays as it is: {error}"
            warnings.warn(f"{target.name} has no settings in it, and none beside it: {why}", stacklevel=2)
            return target
        target.write_bytes(made.data)
        if made.sidecar:
            sidecar.write_bytes(made.sidecar)
        if made.why:
            where = f": they are in {sidecar.name}" if made.sidecar else ""
            warnings.warn(f"{target.name} has no settings in it, because {made.why}{where}", stacklevel=2)
        return target

    @property
    def _settings(self) -> SettingsRecord:
        raise NotImplementedError

    def _save(self, path: str | os.PathLike[str]) -> Path:
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


def _content_of(sidecar: Path) -> builtins.bytes:
    """A file beside a picture, as far as it is read; ``b""`` without one."""
    if not sidecar.is_file():
        return b""
    with sidecar.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def settings_of(image: PictureFile) -> SettingsRecord:
    """What a file of a picture says of how it was made."""
    return image._settings  # noqa: SLF001  part of this module


def with_folder(path: str | os.PathLike[str]) -> Path:
    """The path of a file to be written, in a folder that exists."""
    try:
        target = Path(path).expanduser()
    except TypeError:
        message = f"path={short_repr(path)}: must be the path of a file, as in image.save('lantern.png'), got {type_in_words(path)}"
        raise RequestError(message, parameter="path", value=path, reason="type") from None
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
