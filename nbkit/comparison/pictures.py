"""``nbkit.show``: the pictures of runs beside each other, each with what tells it from the others."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from nbkit.comparison.settings import value_text
from nbkit.comparison.subject import COMPARED_PARAMETERS, Subject, subjects
from nbkit.display.figure import Figure, figures_html
from nbkit.display.mime import MimeBundle
from nbkit.display.notice import quiet_html
from nbkit.display.text import count, ellipsis
from nbkit.errors import NbkitError
from nbkit.log.frame import check_argument
from nbkit.measures.preview import PREVIEWS_BYTES, size_among
from nbkit.request.parameter import Integer
from nbkit.results.run import GeneratedImage, Run

MAX_SHOWN = 600
"""Pictures that are shown at once; more of them are easier to look at in a gallery."""

MAX_SIZE = 1536
"""Pixels on the long side of a preview."""

_IN_CAPTION = ("requestedSeed", "width", "height")
"""Parameters that the caption of a picture has already."""

Labelled = tuple[str, Subject]
"""A picture with the keys that lead to it, where it was given in a dict."""


def show(*things: Any, size: int | None = None) -> MimeBundle:
    """Show the pictures of runs beside each other. As the last line of a cell they show themselves.

    Args:
        things: runs and pictures, lists and dicts of them, rows of ``studio.df``, the result of a sweep. The keys of a
            dict are captions. For a run without a picture its notice is shown.
        size: pixels on the long side of a preview, 1 to 1536; if not given, the more pictures, the smaller.

    Returns:
        A plain output without a widget, which stays in the saved notebook. A caption has the parameters that differ.

    Raises:
        NbkitError: for a value that is no picture, and for more than 600 pictures.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> runs = {name: studio.generate(f"A {name} lantern", seed=7) for name in ("red", "jade")}
        >>> print(nbkit.show(runs).text.splitlines()[0])
        2 pictures
        >>> nbkit.show(list(runs.values()), size=128).html.count("<img")
        2
    """
    size = None if size is None else check_argument("size", Integer(1, MAX_SIZE).check, size)
    found = list(itertools.islice(_labelled(things, ""), MAX_SHOWN + 1))
    if len(found) > MAX_SHOWN:
        fewer = f"give it fewer, such as runs[:{MAX_SHOWN}]; studio.gallery() has as many as there are"
        raise NbkitError(f"show() shows at most {MAX_SHOWN} pictures; {fewer}")
    captions = [_caption(one, names) for names in [_names_that_differ(found)] for one in found]
    pixels, max_bytes = size or size_among(len(found)), PREVIEWS_BYTES // max(len(found), 75)
    figures = [
        _figure(one, caption, pixels, None if size else max_bytes) for one, caption in zip(found, captions, strict=True)
    ]
    total = count(len(found), "picture")
    lines = [f"  {_line(one, caption)}" for one, caption in zip(found, captions, strict=True)]
    return MimeBundle(quiet_html((total,)) + figures_html(figures), "\n".join([total, *lines]))


def _labelled(things: Iterable[Any], label: str) -> Iterator[Labelled]:
    for thing in things:
        if isinstance(thing, Mapping):
            for key, value in thing.items():
                yield from _labelled([value], f"{label} {key}".strip())
        elif isinstance(thing, (Run, GeneratedImage, pd.DataFrame)) or _is_row(thing):
            yield from ((label, subject) for subject in subjects([thing], "show()"))
        elif isinstance(runs := getattr(thing, "runs", None), list):  # a sweep's result, whose class stands above
            yield from _labelled(runs, label)
        elif isinstance(thing, Iterable) and not isinstance(thing, (str, bytes)):
            yield from _labelled(thing, label)
        else:
            yield from ((label, subject) for subject in subjects([thing], "show()"))


def _is_row(thing: Any) -> bool:
    return isinstance(thing, pd.Series) and "file" in thing.index


def _names_that_differ(found: Sequence[Labelled]) -> list[str]:
    """The columns of the parameters that are not the same for all pictures."""
    names = []
    for name, parameter in COMPARED_PARAMETERS.items():
        values = (subject.requested[name] for _, subject in found if name in subject.requested)
        different = {parameter.default if value is None else value for value in values}
        names += [name] if len(different) > 1 and name not in _IN_CAPTION else []
    return names


def _caption(one: Labelled, names: Sequence[str]) -> tuple[str, ...]:
    label, subject = one
    facts = []
    for name in names:
        if name in subject.requested:
            text = ellipsis(value_text(subject.requested[name]), 60)
            facts.append(text if name == "prompt" else f"{name} {text}")
    own = subject.image.caption if subject.image else ()
    return (*filter(None, (ellipsis(label, 60),)), *facts, *own)


def _figure(one: Labelled, caption: tuple[str, ...], size: int, max_bytes: int | None) -> Figure:
    label, subject = one
    if subject.image is None:
        return Figure(None, label, caption=caption, missing=_notice(subject))
    figure = subject.image.figure(size, caption, max_bytes)
    return replace(figure, alt=f"{label}: {figure.alt}") if label else figure


def _line(one: Labelled, caption: tuple[str, ...]) -> str:
    """A picture as text, the same at each execution."""
    image = one[1].image
    ending = _notice(one[1]) if image is None else image.fingerprint and f"picture {image.fingerprint}"
    return " · ".join(filter(None, (*caption, ending)))


def _notice(subject: Subject) -> str:
    return ellipsis(". ".join(filter(None, subject.notice[1:])), 300)
