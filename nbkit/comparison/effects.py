"""Whether what was varied makes a difference: the rows of a frame, an axis, and a measure.

A difference counts where it is larger than what pictures of one setting differ by. The statistics are those of
:mod:`nbkit.statistics`: least squares with the other axes and the seeds as blocks, Tukey's range over all pairs of values of
an axis, Fisher's exact test for refusals.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from nbkit import statistics
from nbkit.comparison.alike import LIKENESS, with_likeness
from nbkit.comparison.distinct import distinct_pictures
from nbkit.comparison.wins import Wins, wins_of
from nbkit.display.figure import NOISE_SIGN, no_mathjax
from nbkit.display.plot import PlotAxis, Span, plot_svg
from nbkit.display.text import count, ellipsis, escape
from nbkit.errors import NbkitError, RequestError, printable
from nbkit.log.columns import column_of, format_value, is_gap
from nbkit.log.frame import check_frame
from nbkit.log.judgements import Judgement
from nbkit.log.plots import UNITS
from nbkit.results.run import BLOCKED, FINAL
from nbkit.statistics.distributions import scipy_stats

WINS = "wins"
"""The measure that is the strength of pictures in judgements."""
REFUSED = "refused"
"""The measure that is 1 for a request that a safety filter blocked, and 0 for one with a picture."""
ALPHA = 0.05
EXACT = ("cost", "width", "height")
"""Measures that follow their axes without any noise. Any other one, such as stars, has none by chance where there are few
pictures."""
ENOUGH = 6
"""Degrees of freedom from which a measure without noise is called exact all the same."""
MOST_SEEDS = 100
"""So many seeds are named, at most: a difference that takes more is far inside noise."""
MOST_SENTENCES, MOST_FINDINGS = 6, 2
COLUMNS = ["axis", "a", "b", "effect", "low", "high", "p", "beyond_noise", "n", "blocks"]
HINTS = {
    "rating": "; studio.log.mark(picture, rating=4) and the gallery give one",
    LIKENESS: "; it takes three pictures of each setting",
    **dict.fromkeys(
        ("textFidelity", "sharpness", "contrast", "colourfulness"), "; studio.log.measure() fills it for pictures"
    ),
}
"""What to do where no picture has a measure."""
NOUNS = {"rating": "stars", "latency": "s", "refused": "of the requests"}


@dataclass(frozen=True)
class Noise:
    """What pictures of one setting differ by.

    Attributes:
        sd: standard deviation, in the unit of the measure; 0 where the measure follows the axes exactly.
        seed_share: of the variance that the axes leave, the share that the seeds explain.
        settings: number of values of the axis with the most.
    """

    sd: float
    seed_share: float
    settings: int

    def seeds_needed(self, gap: float, power: float = 0.8) -> int:
        """How many seeds each value needs, so that a gap is told apart.

        Of refusals and wins, which have no standard deviation, and of too few pictures it is not known.

        Args:
            gap: in the unit of the measure.
            power: the probability with which it is to be seen.

        Raises:
            RequestError: for a gap that is not above 0, and where there is no noise to compare it with.
            NbkitError: if scipy is not installed.
        """
        if math.isnan(self.sd):
            message = f"gap={gap!r}: there is no standard deviation of noise that it could be compared with"
            raise RequestError(message, parameter="gap", value=gap, reason="missing")
        return 2 if self.sd == 0 else statistics.seeds_needed(self.settings, gap / self.sd, power)


@dataclass(frozen=True)
class AxisEffect:
    """One axis: its values in their order, the measure at each row, and the pairs as rows of the frame."""

    axis: str
    values: list[Any]
    rows: pd.DataFrame
    table: statistics.TwoWay | None
    pairs: list[dict[Any, Any]]
    slope: tuple[float, float, float, float] | None = None
    wins: Wins | None = None
    blocks: str | None = None


@dataclass(frozen=True, repr=False)
class Effects:
    """What each axis does to a measure. As the last line of a cell it shows a plot for each axis, and sentences.

    Attributes:
        on: the measure.
        noise: what pictures of one setting differ by.
        notes: on rows that take no part, and on what was looked at.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> sweep = studio.sweep("A lantern", resolution=["0.5K", "1K"], seed=[1, 2, 3], name="prices")
        >>> effects = sweep.start().wait().effects(on="cost")
        >>> effects.to_frame()[["axis", "a", "b", "beyond_noise"]].to_dict("records")
        [{'axis': 'resolution', 'a': '0.5K', 'b': '1K', 'beyond_noise': True}]
        >>> print(effects)
        resolution 0.5K → 1K: +$0.022, exactly
        6 pictures, 1 measure looked at
    """

    on: str
    noise: Noise
    notes: tuple[str, ...]
    _axes: tuple[AxisEffect, ...] = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """One row per pair of values of an axis.

        ``axis`` and the values ``a`` and ``b``; ``effect``, the mean at b less the mean at a, in the unit of the measure;
        ``low`` and ``high``, its interval; ``p``, adjusted for all pairs of the axis (float64); ``beyond_noise``, whether
        the interval leaves out 0 (boolean); ``n``, the number of pictures of both; ``blocks``, the number of seeds
        (Int64). An effect without any noise has no interval.
        """
        rows = [pair for one in self._axes for pair in one.pairs]
        frame = pd.DataFrame(rows, columns=COLUMNS)
        numbers = dict.fromkeys(("effect", "low", "high", "p"), "float64")
        return frame.astype({"axis": "string", **numbers, "beyond_noise": "boolean", "n": "Int64", "blocks": "Int64"})

    @property
    def slopes(self) -> pd.DataFrame:
        """One row for each axis of numbers: ``axis``, ``slope`` per unit of the axis, ``low``, ``high``, ``p`` (float64)."""
        rows = [(one.axis, *one.slope) for one in self._axes if one.slope is not None]
        return pd.DataFrame(rows, columns=["axis", "slope", "low", "high", "p"])

    @property
    def sentences(self) -> list[str]:
        """What was found, the largest effects of each axis first."""
        return [line for one in self._axes for line in self._said(one)]

    @property
    def is_constant(self) -> bool:
        """Whether the measure is the same everywhere, exactly."""
        pairs = [pair for one in self._axes for pair in one.pairs]
        return bool(pairs) and self.noise.sd == 0 and not any(pair["effect"] for pair in pairs)

    @property
    def findings(self) -> list[str]:
        """What is more than noise, the largest effects of each axis, with the measure before each; and where nothing is."""
        if self.is_constant:
            return [f"{self.on}: the same everywhere"]
        found, same = [], []
        for one in self._axes:
            largest = sorted(one.pairs, key=lambda pair: -abs(pair["effect"]))
            sure = [self._pair_in_words(one, pair) for pair in largest if pair["beyond_noise"]]
            found += [f"{self.on}: {line}" for line in sure[:MOST_FINDINGS]]
            same += [] if sure else [one.axis]
        return [*found, *([f"{self.on}: nothing is told apart ({', '.join(same)})"] if same else [])]

    def __repr__(self) -> str:
        return printable("\n".join((*self.sentences, *self.notes)))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        plots = "".join(
            f'<div style="display:inline-block;vertical-align:top;margin:0 1em 0.5em 0">{self._plot(one)}</div>'
            for one in self._axes
        )
        said = "".join(f"<div>{escape(line)}</div>" for line in self.sentences)
        legend = "bars that do not overlap are more than noise; the grey band is what pictures of one setting differ by"
        legend = legend.partition(";")[0] if self.on == WINS else legend
        quiet = " · ".join((*self.notes, *([legend] if self.noise.sd > 0 or self.on == WINS else [])))
        notes = f'<div style="font-size:0.85em;opacity:0.75">{escape(quiet)}</div>'
        return {"text/html": no_mathjax(f"<div>{plots}</div>{said}{notes}"), "text/plain": repr(self)}

    # -- words -----------------------------------------------------------------------------------------------

    def _said(self, one: AxisEffect) -> list[str]:
        if not one.pairs:
            return [f"{one.axis}: only one value {'was judged' if one.wins else f'has a {self.on}'}"]
        largest = sorted(one.pairs, key=lambda pair: -abs(pair["effect"]))
        lines = [self._pair_in_words(one, pair) for pair in largest[:MOST_SENTENCES]]
        more = len(largest) - len(lines)
        return [*lines, *([f"{one.axis}: {count(more, 'smaller difference')} in .to_frame()"] if more else [])]

    def _pair_in_words(self, one: AxisEffect, pair: dict[str, Any]) -> str:
        a, b = (format_value(one.axis, pair[side]) for side in ("a", "b"))
        digits = _digits(*(pair[name] for name in ("effect", "low", "high")))
        if one.wins is not None:
            return (
                f"{one.axis} {a} → {b}: {_chance_in_words(b, pair)}{'' if pair['beyond_noise'] else _these(one, pair)}"
            )
        head = f"{one.axis} {a} → {b}: {self._amount(pair['effect'], digits, sign=True)}"
        if math.isnan(pair["low"]):
            if one.table is not None and one.table.is_exact and not pair["effect"]:
                return f"{one.axis} {a} → {b}: no difference"
            exact = one.table is not None and _is_exact(one.table, self.on)
            return f"{head}, {'exactly' if exact else 'and too few pictures to tell it from noise'}"
        interval = f"({self._amount(pair['low'], digits)} to {self._amount(pair['high'], digits)})"
        if pair["beyond_noise"]:
            return f"{head} {interval}, more than {'chance' if self.on == REFUSED else 'seed noise'}"
        noun = "requests" if self.on == REFUSED else "pictures"
        return f"{head} {interval}, not told apart with these {pair['n']:,} {noun}{self._more(one, pair)}"

    def _more(self, one: AxisEffect, pair: dict[str, Any]) -> str:
        """How many seeds would tell a difference as large as this one apart."""
        if one.table is None or not pair["effect"] or one.axis == "seed" or one.blocks not in (None, "seed"):
            return ""
        try:
            pictures = statistics.seeds_needed(len(one.values), abs(pair["effect"]) / one.table.sd)
        except NbkitError:  # more than can be counted
            return ""
        of_each = max(1.0, pair["n"] / 2 / pair["blocks"]) if pair["blocks"] else 1.0  # other axes repeat a seed
        seeds = math.ceil(pictures / of_each)
        return f"; {seeds:,} seeds would" if seeds <= MOST_SEEDS else ""

    def _amount(self, value: float, digits: int, *, sign: bool = False) -> str:
        mark = ("+" if value > 0 else "−" if value < 0 else "±") if sign else "−" if value < 0 else ""
        size = abs(value)
        if self.on == "cost":
            return f"{mark}${size:.{max(2, digits)}f}"
        if self.on == REFUSED:
            return f"{mark}{size:.0%}"
        noun = NOUNS.get(self.on, "") if sign else ""
        return f"{mark}{size:.{digits}f} {noun}".rstrip()

    def _plot(self, one: AxisEffect) -> str:
        labels = [ellipsis(format_value(one.axis, value), 60) for value in one.values]
        names = dict(zip(one.values, labels, strict=True))
        x = PlotAxis(one.axis, UNITS.get(one.axis, ""), [names[v] for v in one.rows["setting"]], False, labels)
        unit = "logits" if one.wins else UNITS.get(self.on, "")
        y = PlotAxis(self.on, unit, one.rows["value"].tolist(), is_numeric=True)
        spans, band = [], None
        if one.table is not None:
            middle = _middle(one.table)
            band = (middle - one.table.sd, middle + one.table.sd) if one.table.sd > 0 else None
            reach = one.table.tukey_difference(ALPHA) / 2 if one.table.sd > 0 and len(one.values) > 1 else math.nan
            spans = [Span(names[v], mean, mean - reach, mean + reach) for v, mean in one.table.means.items()]
        if one.wins is not None:
            reach = one.wins.reach
            spans = [Span(names[v], mean, mean - reach, mean + reach) for v, mean in one.wins.strengths.items()]
        return plot_svg(x, y, [""] * len(one.rows), spans=spans, band=band, alt="; ".join(self._said(one)))


def _is_exact(table: statistics.TwoWay, on: str) -> bool:
    return table.is_exact and (on in EXACT or table.freedom >= ENOUGH)


def _digits(effect: float, low: float, high: float) -> int:
    """Decimals of an effect and its interval: one digit of the interval's reach, and no end that is rounded to 0."""
    reach = abs(effect) / 10 if math.isnan(low) else min(abs(end) for end in (high - effect, low, high) if end)
    return 0 if not reach or reach >= 10 else min(6, max(1, -math.floor(math.log10(reach))))


def _chance_in_words(b: str, pair: dict[str, Any]) -> str:
    """How often b is chosen where a and b are shown, from their difference in logits."""
    middle, low, high = (1 / (1 + math.exp(-pair[name])) for name in ("effect", "low", "high"))
    said = f"{ellipsis(b, 40)} is chosen {middle:.0%} of the time ({low:.0%} to {high:.0%})"
    return f"{said}, more than noise" if pair["beyond_noise"] else said


def _these(one: AxisEffect, pair: dict[str, Any]) -> str:
    number = one.wins.judgements if one.wins else 0
    return f", not told apart with these {count(pair['n'], 'picture')} and {count(number, 'judgement')}"


def effects_of(
    frame: pd.DataFrame,
    axes: Sequence[str],
    on: str,
    block: str | None = "seed",
    judgements: Sequence[Judgement] | None = None,
) -> Effects:
    """The effects of axes on a measure.

    What ``on`` may be:

    - any column of numbers: ``rating``, ``cost``, ``latency``, what ``studio.log.measure()`` fills (``textFidelity``,
      ``sharpness``, ``contrast``, ``colourfulness``), a column of your own. The means of settings are compared, with the
      seeds and the other axes as blocks, by Tukey's range.
    - ``"refused"``: the share of requests that a safety filter blocked, by Fisher's exact test.
    - ``"wins"``: strengths in judgements, in logits, by Bradley and Terry's model with an effect of each picture, and
      Tukey's range. An effect of 1.1 means that b is chosen over a in three of four choices between the two. There are no
      blocks and no slopes, and other axes count as differences between pictures of one setting.
    - ``"likeness"``: how alike the pictures of one setting look, by their pixels; it takes three of each.

    Args:
        frame: rows of the log, one per picture.
        axes: columns, in either spelling.
        on: the measure.
        block: the column whose values are blocks, such as ``"seed"``; ``None`` for none.
        judgements: of the log, for ``"wins"``.

    Raises:
        UnknownParameter: for a column that the frame does not have.
        RequestError: for a measure that is no number, or that no row has.
        NbkitError: if scipy is not installed.
    """
    scipy_stats("effects")  # before anything else, and not only where a range is needed
    check_frame(frame, ())
    given = [axes] if isinstance(axes, str) else axes if isinstance(axes, Iterable) else ()
    names = list(dict.fromkeys(column_of(frame, axis) for axis in given))
    if not names:
        raise RequestError("axes: name at least one column that varies", parameter="axes", reason="missing")
    if on == WINS:
        return _wins_of_axes(frame, names, judgements or ())
    is_likeness = on == LIKENESS and LIKENESS not in frame
    measure = on if on == REFUSED or is_likeness else column_of(frame, on)
    if measure in names:
        message = f"on={on!r}: it is one of the axes; a measure is something else, such as rating"
        raise RequestError(message, parameter="on", value=on, reason="conflict")
    blocks = None if block is None else column_of(frame, block)
    if is_likeness:
        rows, notes = with_likeness(frame, [name for name in names if name != blocks])
    else:
        rows, notes = _refusals(frame) if on == REFUSED else _measured(frame, measure)
    if rows.empty:
        hint = HINTS.get(str(measure), "")
        raise RequestError(f"on={on!r}: no row has a value of it{hint}", parameter="on", value=on, reason="missing")
    notes = (
        f"{count(len(rows), 'request' if on == REFUSED else 'picture')}, 1 measure looked at",
        *_axes_in_words(names),
        *_gaps_in_words(rows, names),
        *notes,
    )
    found = tuple(_axis(rows, name, names, blocks, on) for name in names)
    tables = [(one.table, len(one.values)) for one in found if one.table is not None]
    noise = Noise(math.nan, math.nan, 0)
    if tables:
        table, settings = max(tables, key=lambda pair: pair[1])
        noise = Noise(table.sd, table.block_share, settings)
    return Effects(measure, noise, notes, found)


@dataclass(frozen=True)
class NoiseBand:
    """What values differ by without meaning anything: the grey band in the plot of effects.

    Attributes:
        middle: mean of the settings' means, in the unit of the measure.
        sd: of pictures of one setting and one seed; 0 where the measure follows the axes exactly, ``nan`` where too few
            pictures tell.
        reach: twice the standard deviation of pictures of one setting, whatever their seeds: 19 of 20 of them are no further
            from their mean.
    """

    middle: float
    sd: float
    reach: float

    def __contains__(self, value: float) -> bool:
        return self.reach > 0 and abs(value - self.middle) <= self.reach


def noise_band(frame: pd.DataFrame, axes: Sequence[str], on: str, block: str | None = "seed") -> NoiseBand:
    """The grey band of :func:`effects_of`, which needs no scipy; of the axis with the most values.

    Args:
        frame: rows of the log, one per picture.
        axes: columns.
        on: the column of the measure.
        block: the column whose values are blocks.

    Raises:
        RequestError: for a measure that is no number.
    """
    rows, _ = _measured(frame, on)
    tables = []
    for name in axes:
        ordered, _, _ = _in_order(rows, name)
        with contextlib.suppress(RequestError):  # no row, or axes that always vary together
            others, seeds = _beside(ordered, name, axes, block)
            tables.append((_fitted(ordered, others, seeds)[0], _fitted(ordered, others, None)[0]))
    if not tables:
        return NoiseBand(math.nan, math.nan, math.nan)
    table, whole = max(tables, key=lambda pair: len(pair[0].settings))
    return NoiseBand(_middle(table), table.sd, 2 * whole.sd)


def noise_in_words(measure: str, band: NoiseBand, valued: int, pictures: int) -> str:
    """A line that explains which values of a grid are marked as noise.

    Args:
        measure: its column.
        band: what noise is.
        valued: number of pictures with a value.
        pictures: number of all.
    """
    if not valued:
        return f"{measure}: no picture has a value yet"
    gaps = f" · {count(pictures - valued, 'picture')} without a {measure}" if valued < pictures else ""
    if math.isnan(band.reach):
        return f"{measure}: too few pictures to tell what is noise{gaps}"
    if band.reach == 0:
        return f"{measure}: no noise, pictures of one setting have the same{gaps}"
    digits = max(0, min(6, 1 - math.floor(math.log10(band.reach))))
    dollar, unit = ("$", "") if measure == "cost" else ("", f" {NOUNS[measure]}" if measure in NOUNS else "")
    noise = f"{dollar}{band.middle:,.{digits}f} ± {band.reach:,.{digits}f}{unit}"
    return f"{NOISE_SIGN} and grey: within seed noise, {measure} {noise}{gaps}"


def _middle(table: statistics.TwoWay) -> float:
    return float(np.mean(list(table.means.values())))


def _measured(frame: pd.DataFrame, measure: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows with a value of the measure, each picture once."""
    rows, notes = distinct_pictures(frame)
    if pd.api.types.is_datetime64_any_dtype(rows[measure]):
        message = f"on={measure!r}: its values are times; rating, cost and latency are numbers"
        raise RequestError(message, parameter="on", value=measure)
    try:
        values = pd.to_numeric(rows[measure]).astype("float64")
    except (TypeError, ValueError):
        message = f"on={measure!r}: its values are no numbers; rating, cost and latency are"
        raise RequestError(message, parameter="on", value=measure) from None
    rows = rows.assign(value=values)[values.notna().to_numpy()]
    gaps = int(values.isna().sum())
    return rows, (*notes, *((f"{count(gaps, 'picture')} without a {measure}",) if gaps else ()))


def _wins_of_axes(frame: pd.DataFrame, axes: Sequence[str], judgements: Sequence[Judgement]) -> Effects:
    check_frame(frame, ("imageUUID",))
    found = []
    for name in axes:
        wins = wins_of(judgements, frame, name, ALPHA)
        if not wins.judgements:
            message = f'on="{WINS}": there are no judgements of these pictures with a {name}; studio.arena(result) asks for them'
            raise RequestError(message, parameter="on", value=WINS, reason="missing")
        pairs = [
            {**pair, "axis": name, "beyond_noise": pair["low"] > 0 or pair["high"] < 0, "blocks": 0}
            for pair in wins.pairs
        ]
        found.append(AxisEffect(name, wins.values, wins.pictures, None, pairs, wins=wins))
    pictures, number = (
        max(values) for values in zip(*((len(one.rows), one.wins.judgements) for one in found if one.wins), strict=True)
    )
    note = f"{count(pictures, 'picture')}, {count(number, 'judgement')}, 1 measure looked at"
    questions = {one.question for one in judgements}
    mixed = (f"{len(questions)} questions together",) if len(questions) > 1 else ()
    return Effects(WINS, Noise(math.nan, math.nan, 0), (note, *mixed, *_axes_in_words(axes)), tuple(found))


def _axes_in_words(axes: Sequence[str]) -> tuple[str, ...]:
    """That each axis has its own 5 %: with two axes, one study in ten without any effect claims one."""
    return (f"{len(axes)} axes, each by itself wrong in 5 of 100 studies",) if len(axes) > 1 else ()


def _gaps_in_words(rows: pd.DataFrame, axes: Sequence[str]) -> tuple[str, ...]:
    """Which rows take no part in an axis, because it was not set there."""
    gaps = {name: int(rows[name].isna().sum()) for name in axes}
    return tuple(
        f"{name}: {count(number, 'row')} where it is not set left out" for name, number in gaps.items() if number
    )


def _refusals(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """One row per request that has come to an end, with 1 for one that was blocked."""
    for name in ("status", "taskUUID"):
        column_of(frame, name)
    rows = frame[frame["status"].isin([*FINAL])]
    rows = rows[rows["taskUUID"].isna() | ~rows["taskUUID"].duplicated()]
    return rows.assign(value=(rows["status"] == BLOCKED).astype("float64")), ()


def _in_order(rows: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[Any], bool]:
    """The rows with a value of an axis, by its values; these values; and whether they are numbers."""
    rows = rows[rows[name].notna()]
    is_ordered = pd.api.types.is_numeric_dtype(rows[name].dtype) and not pd.api.types.is_bool_dtype(rows[name].dtype)
    values = [value.item() if isinstance(value, np.generic) else value for value in rows[name].unique()]
    values = sorted(values) if is_ordered else values
    rank = {value: place for place, value in enumerate(values)}
    rows = rows.assign(setting=rows[name].astype(object)).sort_values(
        "setting", key=lambda column: column.map(rank), kind="stable"
    )
    return rows, values, is_ordered


def _beside(rows: pd.DataFrame, name: str, axes: Sequence[str], blocks: str | None) -> tuple[list[str], str | None]:
    """What else differs: the other axes, and the column of blocks if it is not the axis itself."""
    others = [other for other in axes if other not in (name, blocks) and len(rows[other].unique()) > 1]
    return others, None if blocks in (None, name) else blocks


def _axis(rows: pd.DataFrame, name: str, axes: Sequence[str], blocks: str | None, on: str) -> AxisEffect:
    rows, values, is_ordered = _in_order(rows, name)
    if on == REFUSED:
        return AxisEffect(name, values, rows, None, _shares(rows, name, values))
    others, seeds = _beside(rows, name, axes, blocks)
    table, used = _fitted(rows, others, seeds)
    number = rows[seeds].nunique() if used and seeds else 0
    counts = rows["setting"].value_counts()
    pairs = [
        {
            **pair, "axis": name, "n": int(counts[pair["a"]] + counts[pair["b"]]), "blocks": number,
            "beyond_noise": pair["low"] > 0 or pair["high"] < 0 or (_is_exact(table, on) and pair["effect"] != 0),
        }
        for pair in table.pairs(ALPHA).to_dict("records")
    ]  # fmt: skip
    slope = _slope(rows, others, seeds if used else None) if is_ordered and len(values) > 1 else None
    return AxisEffect(name, values, rows, table, pairs, slope, blocks=seeds)


def _fitted(rows: pd.DataFrame, others: Sequence[str], seeds: str | None) -> tuple[statistics.TwoWay, bool]:
    """The model, with seeds as blocks where several settings share them; and whether it has them."""
    values, settings = rows["value"].tolist(), rows["setting"].tolist()
    beside = [_labels(rows[other]) for other in others]
    if seeds is not None and rows[seeds].notna().all():
        try:
            table = statistics.two_way(values, settings, _labels(rows[seeds]), others=beside)
        except RequestError:  # each setting has seeds of its own
            pass
        else:
            if table.freedom:
                return table, True
    return statistics.two_way(values, settings, others=beside), False


def _labels(column: pd.Series[Any]) -> list[str]:
    return ["" if is_gap(value) else str(value) for value in column]


def _slope(rows: pd.DataFrame, others: Sequence[str], seeds: str | None) -> tuple[float, float, float, float] | None:
    """Change of the measure per unit of the axis, its interval and its p, by least squares with the same blocks."""
    at = rows["setting"].astype("float64").to_numpy()
    columns = [np.ones(len(rows)), at - at.mean()]
    for name in (*others, *([seeds] if seeds else [])):
        labels = np.array(_labels(rows[name]))
        columns += [labels == level for level in list(dict.fromkeys(labels))[1:]]
    design, values = np.column_stack(columns).astype(float), rows["value"].to_numpy(dtype=float)
    if np.linalg.matrix_rank(design) < design.shape[1] or len(values) <= design.shape[1]:
        return None
    solution, *_ = np.linalg.lstsq(design, values, rcond=None)
    residual = values - design @ solution
    freedom = len(values) - design.shape[1]
    squares = float(residual @ residual)
    slope = float(f"{solution[1]:.12g}")
    if squares <= 1e-12 * float(np.square(values - values.mean()).sum() or 1.0):
        return slope, math.nan, math.nan, math.nan
    se = math.sqrt(squares / freedom * np.linalg.inv(design.T @ design)[1, 1])
    reach = statistics.t_quantile(1 - ALPHA / 2, freedom) * se
    return slope, slope - reach, slope + reach, 2 * statistics.t_probability(-abs(slope / se), freedom)


def _shares(rows: pd.DataFrame, name: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    """Differences of two shares: Fisher's exact p and Agresti and Caffo's interval, both for all pairs together (Holm, Bonferroni)."""
    groups = {value: rows.loc[rows["setting"] == value, "value"] for value in values}
    pairs = list(combinations(values, 2))
    raw = []
    for a, b in pairs:
        hits, totals = (int(groups[a].sum()), int(groups[b].sum())), (len(groups[a]), len(groups[b]))
        raw.append(statistics.fisher_exact(hits, totals))
    order, adjusted, highest = np.argsort(raw), dict[int, float](), 0.0
    for place, i in enumerate(order):
        highest = max(highest, min(1.0, raw[i] * (len(raw) - place)))
        adjusted[int(i)] = highest
    z = statistics.t_quantile(1 - ALPHA / 2 / max(1, len(pairs)), math.inf)
    found = []
    for i, (a, b) in enumerate(pairs):
        (x, n), (y, m) = ((float(groups[side].sum()), len(groups[side])) for side in (a, b))
        first, second = (x + 1) / (n + 2), (y + 1) / (m + 2)
        reach = z * math.sqrt(first * (1 - first) / (n + 2) + second * (1 - second) / (m + 2))
        found.append(
            {"axis": name, "a": a, "b": b, "effect": y / m - x / n, "low": second - first - reach,
             "high": second - first + reach, "p": adjusted[i], "beyond_noise": adjusted[i] < ALPHA, "n": n + m, "blocks": 0}
        )  # fmt: skip
    return found
