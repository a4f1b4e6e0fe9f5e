"""Pictures side by side: what ``nbkit.compare(…)`` gives."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nbkit.comparison.settings import settings_that_differ
from nbkit.comparison.subject import WANTED, Subject, subjects
from nbkit.display.compare import NO_DIFFERENCE, Difference, Side, comparison_html, comparison_text
from nbkit.display.figure import Figure
from nbkit.display.mime import MimeBundle
from nbkit.display.text import count
from nbkit.errors import NbkitError, NoImage
from nbkit.measures.likeness import Likeness, likeness
from nbkit.results.image import GeneratedImage

MAX_COMPARED = 8
"""Pictures in one comparison; beyond them a grid or a table says more."""

MAX_PREVIEW_BYTES = 96_000
"""Bytes of all previews together: two of them, in base64 and with the script, leave a notebook under 150 kB."""

_SIZES = {2: 512, 3: 448, 4: 384}
"""Pixels on the long side of a preview, by the number of pictures."""


@dataclass(frozen=True, repr=False, eq=False)
class Comparison:
    """Pictures side by side with what differs between them; shows itself as the last line of a cell.

    Attributes:
        subjects: the pictures and what is known of each.
        differences: one entry for each parameter and each result that is not the same for all.
        likenesses: one a picture: how like the first it is; ``None`` for the first itself.
    """

    subjects: tuple[Subject, ...]
    differences: tuple[Difference, ...]
    likenesses: tuple[Likeness | None, ...]

    @property
    def images(self) -> tuple[GeneratedImage | None, ...]:
        """The pictures, in order; ``None`` where a run has none."""
        return tuple(subject.image for subject in self.subjects)

    @property
    def labels(self) -> str:
        """A letter for each picture."""
        return string.ascii_uppercase[: len(self.subjects)]

    def to_html(self) -> str:
        """The comparison as it stands under a cell."""
        return comparison_html(self._sides(previews=True), self.differences, **self._words())

    def to_text(self) -> str:
        """The same as text that is the same at every execution: no UUID, path or time."""
        return comparison_text(self._sides(previews=False), self.differences, **self._words())

    def __repr__(self) -> str:
        return f"<Comparison of {self._words()['summary']}>"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return MimeBundle(self.to_html(), self.to_text())._repr_mimebundle_(**options)

    def _sides(self, *, previews: bool) -> list[Side]:
        size = _SIZES.get(len(self.subjects), 320)
        max_bytes = MAX_PREVIEW_BYTES // len(self.subjects)
        sides = []
        for label, subject, like in zip(self.labels, self.subjects, self.likenesses, strict=True):
            image = subject.image
            side = Side(label, notice=subject.notice, likeness=(like.word, like.sentence) if like else ("", ""))
            if image is not None:
                drawn = image.figure(size, max_bytes=max_bytes) if previews else Figure(None, "", caption=image.caption)
                side = replace(side, figure=drawn, fingerprint=image.fingerprint)
            sides.append(side)
        return sides

    def _words(self) -> dict[str, str]:
        """The sentences about the whole."""
        asked = sum(not difference.result for difference in self.differences)
        found = NO_DIFFERENCE if asked == 0 else f"{count(asked, 'parameter')} differ{'s' if asked == 1 else ''}"
        unknown = [label for label, subject in zip(self.labels, self.subjects, strict=True) if not subject.asked]
        if len(unknown) > len(self.subjects) - 2:
            found = "what was asked for is not known"  # nothing to hold one against
        foot = f"What was asked for {', '.join(unknown)} is not known." if unknown else ""
        return {
            "base": self.labels[_base(self.subjects)],
            "summary": f"{count(len(self.subjects), 'picture')}: {found}",
            "foot": foot,
        }


def compare(*things: Any) -> Comparison:
    """Pictures side by side, with only the parameters that differ.

    Args:
        things: two to eight pictures: runs (a run with several pictures stands for all of them), images, rows of
            ``studio.df``, frames of such rows. A run that has no picture stands there as its notice.

    Returns:
        A :class:`Comparison`: the last line of a cell shows it. Each picture is compared with the first that there
        is: the same file, equal in every pixel, nearly equal (by how much), or different.

    Raises:
        NbkitError: for fewer than two pictures or more than eight, and for what is no picture.
    """
    found = _enough(things)
    base = _base(found)
    first = found[base].image
    likenesses = tuple(None if i == base else _likeness(first, subject.image) for i, subject in enumerate(found))
    return Comparison(found, tuple(settings_that_differ(found)), likenesses)


def differences(pictures: Iterable[Any]) -> list[Difference]:
    """What differs between pictures, without looking at the pictures: one entry a parameter or result.

    Args:
        pictures: two or more, as :func:`compare` takes them.
    """
    return settings_that_differ(list(subjects(pictures)))


def _enough(things: Sequence[Any]) -> tuple[Subject, ...]:
    found = tuple(itertools.islice(subjects(things), MAX_COMPARED + 1))
    if len(found) > MAX_COMPARED:
        raise NbkitError(
            f"compare() shows at most {MAX_COMPARED} pictures; give it fewer, such as frame.head({MAX_COMPARED}), or show a frame "
            "with frame.nbkit.show()"
        )
    if len(found) < 2:
        here = "one picture" if found else "no picture"
        raise NbkitError(f"compare() needs two pictures or more, and this is {here}: each is {WANTED}")
    return found


def _base(found: Sequence[Subject]) -> int:
    """The picture that the others are compared with: the first that there is."""
    return next((number for number, subject in enumerate(found) if subject.image is not None), 0)


def _likeness(base: GeneratedImage | None, image: GeneratedImage | None) -> Likeness:
    if base is None or image is None:
        return Likeness("not compared", "there is no picture")
    try:
        return likeness(base, image)
    except NoImage:
        return Likeness("not compared", "a file cannot be read")
