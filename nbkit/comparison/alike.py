"""How alike the pictures of a frame's rows look, from their files."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import pandas as pd

from nbkit.comparison.distinct import Notes, distinct_pictures
from nbkit.display.text import count
from nbkit.errors import NoImage
from nbkit.log.frame import check_frame
from nbkit.log.images import file_of, read_picture
from nbkit.measures.descriptor import Descriptor, describe, likenesses
from nbkit.statistics import PairwiseMean, pairwise_mean

LIKENESS = "likeness"
"""The measure of effects that is how alike pictures of one setting look."""

FEWEST = 3
"""Pictures of a setting, without which nothing is known of how sure their likeness is."""


def described(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Descriptor], Notes]:
    """The rows whose pictures can be read, what is compared of each, and what was left out.

    Raises:
        NbkitError: if the frame has no column ``file``.
    """
    check_frame(frame)
    rows, notes = distinct_pictures(frame)
    found: list[Descriptor | None] = []
    for file in rows["file"]:
        try:
            found.append(None if pd.isna(file) else describe(read_picture(file_of(file))))
        except (OSError, NoImage):
            found.append(None)
    descriptors = [one for one in found if one is not None]
    lost = len(found) - len(descriptors)
    if lost:
        notes = (*notes, f"{count(lost, 'picture')} whose file cannot be read")
    return rows[[one is not None for one in found]], descriptors, notes


def settings_of(rows: pd.DataFrame, columns: Sequence[str]) -> Iterator[tuple[tuple[Hashable, ...], list[int]]]:
    """The settings of some rows and the numbers of each one's rows; without columns, all rows are one setting."""
    if not columns:
        yield (), list(range(len(rows)))
        return
    groups = rows.reset_index(drop=True).groupby(list(columns), dropna=False, sort=False)
    for values, places in groups.indices.items():
        yield values if isinstance(values, tuple) else (values,), list(places)


def mean_likeness(descriptors: Sequence[Descriptor]) -> PairwiseMean:
    """The mean likeness of each two of some pictures."""
    return pairwise_mean(likenesses(list(descriptors)))


def with_likeness(frame: pd.DataFrame, settings: Sequence[str]) -> tuple[pd.DataFrame, Notes]:
    """Rows with a column ``value``: what each picture contributes to how alike those of its setting look.

    The mean likeness of the pairs of a setting is one number; its jackknife's pseudo-values
    (:class:`nbkit.statistics.PairwiseMean`) are one for each picture, have that mean, and differ as much as it is uncertain.

    Args:
        frame: rows of the log.
        settings: the columns that a setting has one value of.
    """
    rows, descriptors, notes = described(frame)
    values = pd.Series(float("nan"), index=range(len(rows)))
    few = 0
    for _, places in settings_of(rows, settings):
        if len(places) < FEWEST:
            few += len(places)
        else:
            values.loc[places] = mean_likeness([descriptors[place] for place in places]).pseudo_values
    notes = (*notes, "likeness of pixels, not of meaning")
    if few:
        notes = (*notes, f"{count(few, 'picture')} left out, of settings with fewer than {FEWEST}")
    return rows.assign(value=values.to_numpy())[values.notna().to_numpy()], notes
