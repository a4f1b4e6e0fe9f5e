"""A picture as the panel holds it: its run, which of the run's pictures it is, and the tile that shows it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nbkit.display.text import ellipsis, replay_caption, usd_short
from nbkit.errors import NoImage
from nbkit.log.columns import format_value
from nbkit.log.store import LogStore
from nbkit.metadata.embedding import PictureWithSettings, with_settings
from nbkit.request.image_request import PARAMETERS
from nbkit.results.image import settings_of
from nbkit.results.run import GeneratedImage, Run, model_name
from nbkit.widgets.form.fields import label
from nbkit.widgets.image_grid.item import Item

MOST_AXES = 6
"""Axes of a sweep under a picture."""


@dataclass(frozen=True, slots=True)
class PictureRef:
    """One picture of a run, or a run that has none.

    Attributes:
        run: the run.
        index: which of its pictures; ``None`` when there is none.
    """

    run: Run
    index: int | None

    @property
    def image(self) -> GeneratedImage | None:
        """The picture."""
        return None if self.index is None else self.run.images[self.index]

    @property
    def key(self) -> str:
        """What the picture is known by in the log and on the page."""
        image = self.image
        own = self.run.task_uuid if not self.index else f"{self.run.task_uuid}/{self.index}"
        return (image.image_uuid if image else "") or own

    @property
    def caption(self) -> tuple[str, ...]:
        """Its facts, and what was set of the parameters that people compare pictures by."""
        image = self.image
        if image is None:
            return (*axes_of(self.run), *model_name(self.run.request), *sampling(self.run))
        size = () if image.width is None else (f"{image.width} × {image.height}",)
        problem = (image.problem,) if image.problem else ()
        seed = () if image.seed is None else (f"seed {image.seed}",)
        model = model_name(self.run.request)
        facts = (*size, *problem, *model, *seed, *replay_caption(image.replay), usd_short(image.cost_micros))
        return (*axes_of(self.run), *facts, *sampling(self.run))

    @property
    def short_caption(self) -> tuple[str, ...]:
        """The few of its facts by which it is told from its neighbours."""
        image = self.image
        if image is None:
            return sampling(self.run)
        place = self.run.request.profile.ratio_and_tier(image.width or 0, image.height or 0)
        seed = () if image.seed is None else (f"seed {image.seed}",)
        replay = replay_caption(image.replay)
        return (*model_name(self.run.request), *seed, *replay, *sampling(self.run), *((place[1],) if place else ()))

    def item(self, *, small: bool = False, mark: str = "") -> Item:
        """Its tile; a small one has room for little, and a mark stands first."""
        image = self.image
        caption = (*((mark,) if mark else ()), *(self.short_caption if small else self.caption))
        if image is None:
            missing = self.run.headline if self.run.error is not None else ellipsis(self.run.status, 160)
            return Item(self.key, self.run.request.prompt, caption, None, 0, 0, "", missing, self.run.status)
        size = image.width or 0, image.height or 0
        return Item(self.key, image.prompt, caption, image.path, *size, image.media_type)


def remember_in(log: LogStore) -> Callable[[str], PictureWithSettings]:
    """From the :attr:`~PictureRef.key` of a picture of a log to its file with the settings in it, or beside it."""

    def remember(key: str) -> PictureWithSettings:
        task_uuid = log.history.task_of(key) or key.partition("/")[0]
        pictures = pictures_of(log[task_uuid]) if task_uuid in log else ()
        image = next((picture.image for picture in pictures if picture.key == key), None)
        if image is None:
            raise NoImage("the log has no picture of it any more")
        return with_settings(image.bytes, settings_of(image))

    return remember


def pictures_of(run: Run) -> Iterator[PictureRef]:
    """Each picture of a run; the run itself when it has none."""
    yield from (PictureRef(run, index) for index in range(len(run))) if len(run) else (PictureRef(run, None),)


def axes_of(run: Run) -> Iterator[str]:
    """What a sweep varied or fixed in this run that is no parameter, such as ``subject fox``; of many, the first."""
    for name, value in itertools.islice(run.axes.items(), MOST_AXES):
        yield f"{ellipsis(name, 30)} {ellipsis(format_value(name, value), 60)}"


def sampling(run: Run) -> tuple[str, ...]:
    """What was set of the parameters that people compare pictures by."""
    said = run.request.parameters
    skip = ("seed", "number_results")
    return tuple(
        f"{label(parameter)} {said[name]}"
        for name, parameter in PARAMETERS.items()
        if name in said and parameter.group == "Sampling" and name not in skip
    )
