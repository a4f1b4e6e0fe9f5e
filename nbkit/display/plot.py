"""A plot of dots as SVG: one dot for each picture, by a number or by categories; no script, no other package.

Everything is drawn in the colour of the text around it, so it can be read in light, dark and forced colours.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nbkit.display.text import count, ellipsis, escape

WIDTH, HEIGHT = 420, 280
LEFT, RIGHT, TOP, BOTTOM = 68, 14, 14, 56
RADIUS = 3.5
_BESIDE = 2 * RADIUS
"""How far dots stand apart that would be at one place."""

MAX_TICK_VALUES = 10
"""So many different numbers of an axis have a tick each; for more of them, the ticks are round numbers."""

_LABEL_CHARACTERS = 14
_CHARACTER, _LINE = 6.2, 12
"""Width of a character of a label, and height of a line, in pixels."""

NOT_SET = "not set"


@dataclass(frozen=True, slots=True)
class PlotAxis:
    """What an axis measures.

    Attributes:
        name: of the column.
        unit: such as ``USD`` or ``s``; empty without one.
        values: one for each dot: all numbers (``None`` where none was set), or texts, which are categories.
        is_numeric: whether they are numbers.
        order: of the categories; those that are not listed follow as they come.
    """

    name: str
    unit: str
    values: Sequence[float | str | None]
    is_numeric: bool
    order: Sequence[str] = ()

    @property
    def categories(self) -> list[str]:
        """The texts of the values, each once; what was not set is the last one."""
        present = dict.fromkeys(value_text(value) for value in self.values if value is not None)
        first = [label for label in self.order if label in present]
        return [*dict.fromkeys([*first, *present]), *([NOT_SET] if None in self.values else [])]

    @property
    def title(self) -> str:
        """The name with its unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the values of an axis are: their ticks, and the ends of the line.

    Attributes:
        ticks: value and label of each tick.
        low, high: the values at the ends.
    """

    ticks: Sequence[tuple[float, str]]
    low: float
    high: float

    def at(self, value: float, start: float, stop: float) -> float:
        """The place of a value on a line, in pixels."""
        return start + (value - self.low) / (self.high - self.low) * (stop - start)


@dataclass(frozen=True, slots=True)
class Span:
    """A mean with its interval, drawn over the dots of one value of the axis along the bottom.

    Attributes:
        label: the value, as :func:`value_text` writes it.
        mean: up the side.
        low, high: the ends of the interval; ``nan`` for none.
    """

    label: str
    mean: float
    low: float = math.nan
    high: float = math.nan


def plot_svg(
    x: PlotAxis,
    y: PlotAxis,
    names: Sequence[str],
    *,
    spans: Sequence[Span] = (),
    band: tuple[float, float] | None = None,
    alt: str = "",
) -> str:
    """The plot.

    Args:
        x: along the bottom.
        y: up the side, numbers without gaps.
        names: what each dot is, for the pointer.
        spans: means with intervals, for an axis of categories.
        band: a grey area from one value up the side to another.
        alt: the plot in words; what it is made of, if not given.
    """
    numbers = [float(value) for value in y.values if isinstance(value, (int, float))]
    ends = [end for span in spans for end in (span.mean, span.low, span.high) if not math.isnan(end)]
    up = _number_scale([*numbers, *ends, *(band or ())], MAX_TICK_VALUES // 2)
    places, along = _places(x)
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    points = [
        (along.at(place, LEFT, right), up.at(value, bottom, TOP)) for place, value in zip(places, numbers, strict=True)
    ]
    lines = [_line(LEFT, bottom, right, bottom), _line(LEFT, TOP, LEFT, bottom)]
    lines += _ticks_up([(up.at(value, bottom, TOP), label) for value, label in up.ticks], right)
    lines += _ticks_along([(along.at(value, LEFT, right), label) for value, label in along.ticks], bottom)
    lines += [_text((LEFT + right) / 2, HEIGHT - 8, x.title, "middle"), _title_up(y.title)]
    dots = [_dot(*point, name) for point, name in zip(_apart(points), names, strict=True)]
    if band is not None:
        low, high = (up.at(end, bottom, TOP) for end in band)
        area = f'<rect x="{LEFT}" y="{high:.1f}" width="{right - LEFT}" height="{low - high:.1f}" fill-opacity="0.12"/>'
        lines.insert(0, area)
    labels = x.categories
    for span in spans:
        at = along.at(float(labels.index(span.label)), LEFT, right)
        dots += _span(at, *(up.at(value, bottom, TOP) for value in (span.mean, span.low, span.high)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(alt or plot_summary(x, y))}" '
        f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" fill="currentColor" '
        f'style="max-width:100%;height:auto;font:11px sans-serif">{"".join(lines)}{"".join(dots)}</svg>'
    )


def plot_summary(x: PlotAxis, y: PlotAxis) -> str:
    """The plot in one sentence."""
    numbers = [float(value) for value in y.values if isinstance(value, (int, float))]
    ends = f" from {number_text(min(numbers))} to {number_text(max(numbers))}" if numbers else ""
    return f"{y.title} by {x.title}: {count(len(numbers), 'picture')}{ends}"


def plot_text(x: PlotAxis, y: PlotAxis) -> str:
    """The same as text: for each value along the bottom how many dots there are, the lowest, the median, the highest."""
    groups: dict[str, list[float]]
    if x.is_numeric:
        x = replace(x, order=[value_text(v) for v in sorted(v for v in x.values if isinstance(v, (int, float)))])
    groups = {label: [] for label in x.categories}
    for place, value in zip(x.values, y.values, strict=True):
        if isinstance(value, (int, float)):
            groups[value_text(place)].append(float(value))
    lines = [plot_summary(x, y)]
    if len(groups) > 2 * MAX_TICK_VALUES:
        return lines[0]
    for label, found in groups.items():
        ends = [min(found), statistics.median(found), max(found)]
        spread = " … ".join(map(number_text, ends)) if ends[0] < ends[2] else number_text(ends[0])
        lines.append(f"  {ellipsis(label, 60)}: {count(len(found), 'picture')}, {spread}")
    return "\n".join(lines)


def number_text(value: float) -> str:
    """A number with at most six digits, without an exponent where it is short."""
    return f"{value:.6g}"


def value_text(value: float | str | None) -> str:
    """A value of the axis along the bottom as text."""
    return NOT_SET if value is None else value if isinstance(value, str) else number_text(value)


def _places(x: PlotAxis) -> tuple[list[float], Scale]:
    """The place of each dot along the bottom, and the scale; what was not set has a place of its own at the right."""
    if not x.is_numeric:
        labels = x.categories
        ticks = [(float(i), label) for i, label in enumerate(labels)]
        return [float(labels.index(value_text(value))) for value in x.values], Scale(ticks, -0.5, len(labels) - 0.5)
    numbers = [float(value) for value in x.values if isinstance(value, (int, float))]
    scale = _number_scale(numbers, MAX_TICK_VALUES)
    if len(numbers) < len(x.values):
        beyond = scale.high + (scale.high - scale.low) * 0.15
        scale = Scale([*scale.ticks, (beyond, NOT_SET)], scale.low, beyond + (scale.high - scale.low) * 0.08)
        return [float(value) if isinstance(value, (int, float)) else beyond for value in x.values], scale
    return numbers, scale


def _number_scale(numbers: Sequence[float], most: int) -> Scale:
    """A scale with a tick at each of few different numbers, else at round ones; with room at both ends."""
    different = sorted(set(numbers)) or [0.0]
    low, high = different[0], different[-1]
    span = (high - low) or abs(high) or 1.0
    margin = span * 0.08
    if len(different) <= most:
        ticks = different
    else:
        step = _round_step(span / most)
        ticks = [step * i for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    return Scale([(tick, number_text(tick)) for tick in ticks], low - margin, high + margin)


def _round_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is not below a number."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _apart(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The places of the dots, of which those that would hide each other stand side by side."""
    spots = [(round(x / _BESIDE), round(y / _BESIDE)) for x, y in points]
    together, drawn = Counter(spots), Counter[tuple[int, int]]()
    found = []
    for (x, y), spot in zip(points, spots, strict=True):
        step = min(_BESIDE, 60 / together[spot])
        found.append((x + (drawn[spot] - (together[spot] - 1) / 2) * step, y))
        drawn[spot] += 1
    return found


def _dot(x: float, y: float, name: str) -> str:
    x = min(max(x, LEFT + RADIUS), WIDTH - RADIUS)
    title = f"<title>{escape(ellipsis(name, 200))}</title>" if name else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}" fill-opacity="0.6">{title}</circle>'


def _span(x: float, mean: float, low: float, high: float) -> list[str]:
    """A wide mark at the mean, a line over the interval, and its ends."""
    marks = [f'<rect x="{x - 9:.1f}" y="{mean - 1.5:.1f}" width="18" height="3"/>']
    if not math.isnan(low):
        marks += [_line(x, low, x, high, 1), *(_line(x - 5, end, x + 5, end, 1) for end in (low, high))]
    return marks


def _line(x1: float, y1: float, x2: float, y2: float, opacity: float = 0.7) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="currentColor" stroke-opacity="{opacity}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _ticks_up(ticks: Sequence[tuple[float, str]], right: float) -> list[str]:
    """The ticks, each with a faint line through the plot, and as many labels as have room."""
    lines, last = [], math.inf
    for y, label in ticks:
        lines.append(_line(LEFT - 4, y, right, y, 0.2))
        if last - y >= _LINE:
            lines.append(_text(LEFT - 7, y + 4, label, "end"))
            last = y
    return lines


def _title_up(title: str) -> str:
    middle = (TOP + HEIGHT - BOTTOM) / 2
    return f'<text transform="translate(12 {middle:g}) rotate(-90)" text-anchor="middle">{escape(title)}</text>'


def _ticks_along(ticks: Sequence[tuple[float, str]], bottom: float) -> list[str]:
    """The ticks, and as many labels as have room; they take turns in two lines where they would touch."""
    lines, ends = [], [-math.inf, -math.inf]
    for x, label in ticks:
        text = ellipsis(label, _LABEL_CHARACTERS)
        half = len(text) * _CHARACTER / 2
        lines.append(_line(x, bottom, x, bottom + 4))
        row = next((row for row in (0, 1) if ends[row] < x - half), None)
        if row is not None:
            ends[row] = x + half + _CHARACTER
            lines.append(_text(x, bottom + 16 + 13 * row, text, "middle"))
    return lines
