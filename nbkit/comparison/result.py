"""``nbkit.compare`` and its result: pictures side by side."""

from __future__ import annotations

import itertools
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nbkit.comparison.settings import settings_that_differ
from nbkit.comparison.subject import ACCEPTED_TYPES, Subject, subjects
from nbkit.display.compare import NO_DIFFERENCE, Difference, Side, comparison_html, comparison_text
from nbkit.display.figure import Figure
from nbkit.display.mime import MimeBundle
from nbkit.display.text import count, usd_short
from nbkit.errors import NbkitError, NoImage, printable
from nbkit.measures.likeness import Likeness, likeness
from nbkit.results.run import GeneratedImage

MAX_COMPARED = 8
"""Number of pictures in one comparison; more of them are easier to compare in a grid or a table."""

MAX_PREVIEW_BYTES = 96_000
"""Bytes of all previews of a comparison. With two previews, in base64, and the script, a notebook is below 150 kB."""

_PREVIEW_SIZES = {2: 512, 3: 448, 4: 384}
"""Pixels on the long side of a preview, by the number of pictures; 320 for five or more."""

ON_SHOWN: list[Callable[[Mapping[str, Path]], None]] = []
"""Called with the files of the originals, by name, when a cell shows a comparison; ``nbkit.studio`` adds who serves them."""


@dataclass(frozen=True, repr=False, eq=False)
class Comparison:
    """Pictures side by side, with what differs between them. As the last line of a cell it shows itself.

    Attributes:
        subjects: the pictures, each with the parameters and results that are known.
        differences: one entry for each parameter and each result that is not the same for all.
        likenesses: for each picture, how like the first one that is there it is; ``None`` for that one.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> cold, warm = (studio.generate("A paper lantern", seed=7, temperature=value) for value in (0.2, 0.8))
        >>> comparison = nbkit.compare(cold, warm)
        >>> [difference.name for difference in comparison.differences]
        ['temperature']
        >>> comparison.likenesses[1].word
        'different'
    """

    subjects: tuple[Subject, ...]
    differences: tuple[Difference, ...]
    likenesses: tuple[Likeness | None, ...]

    @property
    def images(self) -> tuple[GeneratedImage | None, ...]:
        """The pictures in their order; ``None`` where a run has none."""
        return tuple(subject.image for subject in self.subjects)

    @property
    def labels(self) -> str:
        """One letter for each picture, such as ``"ABC"``."""
        return string.ascii_uppercase[: len(self.subjects)]

    def to_html(self) -> str:
        """The comparison as HTML, as it is shown under a cell."""
        return comparison_html(self._sides(previews=True), self.differences, **self._texts())

    def to_text(self) -> str:
        """The comparison as text, without UUIDs, paths and times: it is the same at every execution.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate(f"A {colour} lantern", seed=7) for colour in ("red", "jade")]
            >>> print(nbkit.compare(*runs).to_text().splitlines()[0])
            2 pictures: 1 parameter differs
        """
        return printable(comparison_text(self._sides(previews=False), self.differences, **self._texts()))

    def __repr__(self) -> str:
        return printable(f"<Comparison of {self._texts()['summary']}>")

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        originals = {_name(image): image.path for image in self.images if image and image.is_stored}
        for serve in ON_SHOWN:
            serve(originals)
        return MimeBundle(self.to_html(), self.to_text())._repr_mimebundle_(**options)

    def _sides(self, *, previews: bool) -> list[Side]:
        size = _PREVIEW_SIZES.get(len(self.subjects), 320)
        max_bytes = MAX_PREVIEW_BYTES // len(self.subjects)
        sides = []
        for label, subject, measured in zip(self.labels, self.subjects, self.likenesses, strict=True):
            image = subject.image
            figure, original = None, ""
            if image:
                caption = (*image.caption[:-1], usd_short(image.cost_micros))  # the last one is the whole price
                figure = Figure(None, "", caption=caption)
                if previews:
                    # Without a link: dragging the picture moves the comparison.
                    figure = replace(image.figure(size, caption, max_bytes), link="")
                original = _name(image) if image.is_stored else ""
            words = (measured.word, measured.sentence) if measured else ("", "")
            fingerprint = image.fingerprint if image else ""
            sides.append(Side(label, figure, fingerprint, subject.notice, words, original))
        return sides

    def _texts(self) -> dict[str, str]:
        """The texts about the whole comparison, as keyword arguments of the functions that display it."""
        number = sum(not difference.result for difference in self.differences)
        found = NO_DIFFERENCE if number == 0 else f"{count(number, 'parameter')} differ{'s' if number == 1 else ''}"
        unknown = [label for label, subject in zip(self.labels, self.subjects, strict=True) if not subject.requested]
        if len(unknown) > len(self.subjects) - 2:
            found = "parameters unknown"  # fewer than two known requests: nothing to compare
        foot = f"Parameters unknown: {', '.join(unknown)}." if unknown else ""
        summary = f"{count(len(self.subjects), 'picture')}: {found}"
        return {"base": self.labels[self.likenesses.index(None)], "summary": summary, "foot": foot}


def compare(*things: Any) -> Comparison:
    """Show pictures side by side, with only the parameters that differ.

    Args:
        things: two to eight pictures: runs (each with all of its pictures), images, rows of ``studio.df``, frames of
            such rows, and lists of those. For a run without a picture its notice is shown.

    Returns:
        A :class:`Comparison`, which shows itself as the last line of a cell. Each picture is compared with the first
        one that is there: the same file, equal in every pixel, nearly equal (by how much), or different.

    Raises:
        NbkitError: for fewer than two pictures or more than eight, and for a value that is no picture.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> first = studio.generate("A paper lantern", seed=7)
        >>> second = studio.generate("A paper lantern at night", seed=7, temperature=0.8)
        >>> nbkit.compare(first, second)
        <Comparison of 2 pictures: 2 parameters differ>
    """
    found = tuple(itertools.islice(subjects(things), MAX_COMPARED + 1))
    if len(found) > MAX_COMPARED:
        fewer = f"give it fewer, such as frame.head({MAX_COMPARED}), or show a frame with frame.nbkit.show()"
        raise NbkitError(f"compare() shows at most {MAX_COMPARED} pictures; {fewer}")
    if len(found) < 2:
        given = "one" if found else "none"
        raise NbkitError(f"compare() needs two pictures or more, not {given}: each is {ACCEPTED_TYPES}")
    base = next((number for number, subject in enumerate(found) if subject.image is not None), 0)
    first = found[base].image
    likenesses = tuple(None if i == base else _likeness(first, subject.image) for i, subject in enumerate(found))
    return Comparison(found, tuple(settings_that_differ(found)), likenesses)


def _name(image: GeneratedImage) -> str:
    """The name by which the page asks for the original."""
    return image.sha256[:16]


def differences(pictures: Iterable[Any]) -> list[Difference]:
    """The parameters and results that differ between pictures. The pictures themselves are not compared.

    Args:
        pictures: two or more, as :func:`compare` takes them.

    Returns:
        One entry for each parameter and each result that is not the same for all.
    """
    return settings_that_differ(list(subjects(pictures)))


def _likeness(base: GeneratedImage | None, image: GeneratedImage | None) -> Likeness:
    if base is None or image is None:
        return Likeness("not compared", "no picture")
    try:
        return likeness(base, image)
    except NoImage:
        return Likeness("not compared", "the file cannot be read")
