"""Which setting, or which picture, people found best: strengths from the judgements of a log, with intervals and advice.

Pictures and settings are two questions and are answered apart. "Which of these pictures" is about the pictures that were
shown. "Which setting" is about the next picture of a setting, too: each setting is seen through a few pictures only, and
more judging of the same few does not tell what another seed would give.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import pandas as pd

from nbkit.comparison.asked import Asked, asked_about, choices_of
from nbkit.comparison.distinct import distinct_pictures
from nbkit.display.figure import Figure, no_mathjax
from nbkit.display.plot import PlotAxis, Span, plot_svg
from nbkit.display.table import Section, table_html, table_text
from nbkit.display.text import count, ellipsis, escape, usd_short
from nbkit.errors import RequestError, printable
from nbkit.log.columns import column_of, format_value, is_gap
from nbkit.log.frame import COLUMNS
from nbkit.log.judgements import SKIPPED, Judgement
from nbkit.log.schema import PARAMETER_COLUMNS
from nbkit.log.table import figure_of
from nbkit.request.parameter import short_repr
from nbkit.request.price import MICRO
from nbkit.statistics import Strengths, bradley_terry, krippendorff_alpha, t_quantile

SURE = 0.95
"""An item is called the best from this probability on."""

ALPHA = 0.05
ROWS = 12
"""Items that a ranking shows; the frame has them all."""

NAMED = 3
"""Pictures that a sentence names."""

THUMBNAIL = 96
NO_PICTURE_EFFECT = 1e-3
"""Standard deviation of pictures, in logits, with which an interval is that of judging alone."""

MORE_JUDGING, MORE_SEEDS = "more judging", "more seeds"


@dataclass(frozen=True)
class RankedItem:
    """A setting or a picture: how it is called, and the pictures that stand for it, each as the number of its row."""

    label: str
    value: Any
    rows: tuple[int, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Ranking:
    """Strengths of settings or of pictures. As the last line of a cell it shows them with their intervals.

    Attributes:
        by: the column whose values are compared; ``None`` where pictures are.
        judgements: number of judgements with an answer.
        raters: who judged.
        questions: that were asked.
        best: the value, or the imageUUID, that is best with a probability of 0.95 or more; ``None`` where nothing is.
        agreement: Krippendorff's alpha of all raters over the pairs that several of them compared: 1 is full agreement, 0
            what chance gives; NaN where no pair has two raters.
        self_agreement: share of repeated questions that the same rater answered as before; NaN without repeats.
        cost_per_kept: USD for each kept picture, by item (float64): what all its pictures cost, over the number that are
            marked ``keep``; NaN where none is.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> result = studio.sweep("A lantern", temperature=[0.2, 1.0], seed=[1, 2, 3], name="to rank").start().wait()
        >>> warmth = dict(result.to_frame()[["imageUUID", "temperature"]].to_records(index=False))
        >>> arena = studio.arena(result, by="temperature", show=2, question="Which is calmer?", rng=1)
        >>> for _ in range(12):
        ...     arena.judge(min(arena.shown, key=lambda picture: warmth[picture.image_uuid]))
        >>> ranking = studio.log.ranking(by="temperature", question="Which is calmer?")
        >>> ranking.best, ranking.to_frame().item.tolist()
        (0.2, [0.2, 1.0])
    """

    by: str | None
    judgements: int
    raters: tuple[str, ...]
    questions: tuple[str, ...]
    best: Any
    agreement: float
    self_agreement: float
    cost_per_kept: pd.Series[float]
    _items: tuple[RankedItem, ...] = field(repr=False)
    _fit: Strengths = field(repr=False)
    _judging_share: float = field(repr=False)
    _repeats: int = field(repr=False)
    _figures: Mapping[Any, Figure] = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """One row per item, the strongest first.

        ``item``: a value of the column, or an imageUUID; ``strength`` in logits, whose mean is 0: an item that is 1.1 above
        another one is chosen in three of four choices between the two; ``low`` and ``high``, the 95 % interval of its
        deviation from the mean of all; ``p_best``, the probability to be the strongest, to about 0.005 (float64);
        ``judged``, in how many judgements it was shown (Int64).
        """
        chances = self._fit.p_best()
        rows = [
            (one.value, self._fit.strength[i], *self._fit.interval(i), chances[i], self._fit.judged[i])
            for i, one in self._sorted()
        ]
        frame = pd.DataFrame(rows, columns=["item", "strength", "low", "high", "p_best", "judged"])
        if self.by is None:
            frame["item"] = frame["item"].astype("string")
        return frame.astype({**dict.fromkeys(("strength", "low", "high", "p_best"), "float64"), "judged": "Int64"})

    def difference(self, a: Any, b: Any) -> tuple[float, float, float]:
        """How much stronger a is than b, in logits, with the ends of its 95 % interval; for a pair chosen before judging.

        Raises:
            RequestError: for an item that was not judged.
        """
        i, j = self._place(a), self._place(b)
        return self._fit.difference(i, j), *self._fit.interval(i, j)

    @property
    def contenders(self) -> list[Any]:
        """What is not told apart from the strongest: itself first, then each item whose difference may be 0.

        All these intervals hold together (Bonferroni).
        """
        first, *others = [i for i, _ in self._sorted()]
        level = t_quantile(1 - ALPHA / 2 / max(1, len(others)), self._fit.freedom)
        near = [i for i in others if self._fit.difference(first, i) <= level * self._fit.se(first, i)]
        return [self._items[i].value for i in (first, *near)]

    @property
    def advice(self) -> str:
        """What to do next: nothing, ``more judging`` or ``more seeds``, as a sentence that begins so."""
        if self.best is not None:
            return f"enough: {self._label(self.best)} is best with a probability of {self._chance(self.best)}"
        if self.by is None:
            return f"{MORE_JUDGING}, or take any of {len(self.contenders):,}: these are not told apart yet"
        if self._judging_share >= 0.5:
            return f"{MORE_JUDGING}: most of what is unknown would go with more judgements of these pictures"
        seeds = max(len(one.rows) for one in self._items)
        few = "one picture of each does" if seeds == 1 else f"{seeds:,} pictures of each do"
        return (
            f"{MORE_SEEDS}: pictures of one setting differ, and {few} not tell what the next one is like; more judging of "
            "these would not either"
        )

    @property
    def sentences(self) -> list[str]:
        """What was found, in words."""
        near = [self._label(value) for value in self.contenders]
        what = f"{self.by}: " if self.by else ""
        if self.best is not None:
            lines = [f"{what}{self._label(self.best)} is best (probability {self._chance(self.best)})"]
        else:
            named = "; ".join(near[:NAMED]) if self.by is None else ", ".join(near[:ROWS])
            more = len(near) - (NAMED if self.by is None else ROWS)
            named += f" and {more:,} more" if more > 0 else ""
            lines = [f"{what}{named} are not told apart" if len(near) > 1 else f"{what}{named} leads, not surely"]
        lines.append(self.advice)
        if not math.isnan(self.self_agreement):
            again = count(self._repeats, "repeated question")
            lines.append(f"Asked again, raters answered as before: {self.self_agreement:.0%} of {again}")
        if not math.isnan(self.agreement):
            lines.append(f"Raters' agreement (Krippendorff's alpha): {self.agreement:.2f}")
        if len(self.questions) > 1:
            lines.append(f"{len(self.questions)} questions together; question= takes one of them")
        return [f"{line[:1].upper()}{line[1:]}" if line is not lines[0] else line for line in lines]

    def __repr__(self) -> str:
        return printable("\n".join((self._table(text=True), *self.sentences)))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        said = "".join(f"<div>{escape(line)}</div>" for line in self.sentences)
        html = no_mathjax(f"{self._table(text=False)}{self._plot()}{said}")
        return {"text/html": html, "text/plain": repr(self)}

    # -- inside --------------------------------------------------------------------------------------------------

    @property
    def _noun(self) -> str:
        return "picture" if self.by is None else "setting"

    def _sorted(self) -> list[tuple[int, RankedItem]]:
        pairs = [(i, self._items[i]) for i in self._fit.items]
        return sorted(pairs, key=lambda pair: (-round(self._fit.strength[pair[0]], 9), pair[0]))

    def _place(self, value: Any) -> int:
        found = next((i for i in self._fit.items if self._items[i].value == value), None)
        if found is None:
            known = ", ".join(one.label for _, one in self._sorted()[:ROWS])
            message = f"{value!r} was not judged; judged are {known}"
            raise RequestError(message, parameter="item", value=value, reason="unknown")
        return int(found)

    def _label(self, value: Any) -> str:
        return self._items[self._place(value)].label

    def _chance(self, value: Any) -> str:
        chance = self._fit.p_best()[self._place(value)]
        return f"{min(chance, 0.99):.2f}" if chance < 0.995 else "more than 0.99"

    def _table(self, *, text: bool) -> str:
        kept = self.cost_per_kept.notna().any()
        head = [
            self.by or "made with",
            "strength",
            "95 % interval",
            "P(best)",
            "judged",
            *(["per kept"] if kept else []),
        ]
        rows = []
        frame = self.to_frame()
        for row in frame.head(ROWS).to_dict("records"):
            spent = self.cost_per_kept.get(row["item"], math.nan)
            interval = f"{_signed(row['low'])} to {_signed(row['high'])}"
            facts = [
                self._label(row["item"]),
                _signed(row["strength"]),
                interval,
                f"{row['p_best']:.2f}",
                str(row["judged"]),
            ]
            rows.append([*facts, *(["—" if math.isnan(spent) else usd_short(round(spent * MICRO))] if kept else [])])
        who = f"{count(self.judgements, 'judgement')} by {', '.join(self.raters[:5])}{' …' if len(self.raters) > 5 else ''}"
        asked = f"“{ellipsis(self.questions[0], 100)}” " if len(self.questions) == 1 else ""
        rest = f"{len(frame) - ROWS:,} more in .to_frame()" if len(frame) > ROWS else ""
        figures = [self._figures[item] for item in frame.item[:ROWS]] if self._figures and not text else []
        section = Section(rows, figures)
        if text:
            return "\n".join(filter(None, (table_text(head, [section], caption=f"{asked}{who}"), rest)))
        return table_html(head, [section], caption=f"{asked}{who}", foot=rest)

    def _plot(self) -> str:
        """Strengths with their intervals, of settings: pictures have thumbnails instead."""
        if self.by is None or len(self._items) > 2 * ROWS:
            return ""
        labels = [self._items[i].label for i in sorted(self._fit.items)]
        means = [self._fit.strength[i] for i in sorted(self._fit.items)]
        x = PlotAxis(self.by, "", labels, is_numeric=False, order=labels)
        y = PlotAxis("strength", "logits", means, is_numeric=True)
        spans = [
            Span(label, self._fit.strength[i], *self._fit.interval(i))
            for i, label in zip(sorted(self._fit.items), labels, strict=True)
        ]
        return plot_svg(x, y, [""] * len(labels), spans=spans, alt="; ".join(self.sentences))


def rank(judgements: Sequence[Judgement], rows: pd.DataFrame, by: str | Sequence[str] | None) -> Ranking:
    """The ranking of what judgements are about.

    Args:
        judgements: of the log.
        rows: of the log, those of the pictures that were shown.
        by: the column whose values are compared, or several; ``None`` for the pictures themselves.

    Raises:
        RequestError: if no judgement is about these pictures.
        UnknownParameter: for a column that the rows do not have.
    """
    items, item_of, places = items_of(rows, by)
    asked = asked_about(judgements, places)
    answered = [one for one in asked if not one.skipped]
    if not answered:
        of_what = f" of pictures with a {by}" if by else ""
        skipped = sum(row.outcome == SKIPPED for row in judgements)
        said = f"there are no judgements{of_what} yet" + (f", but {count(skipped, 'skip')}" if skipped else "")
        message = f"{said}; studio.arena(result, by={by!r}) asks for them"
        raise RequestError(message, parameter="by", value=by, reason="missing")
    choices = choices_of(answered)
    fit, judging_share = fitted(choices, item_of if by is not None else None)
    if len(fit.items) < 2:
        message = (
            f"by={by!r}: only one value of it was judged, {items[fit.items[0]].label}; there is nothing to compare"
        )
        raise RequestError(message, parameter="by", value=by, reason="count")
    repeated = _repeated(answered)
    chances = fit.p_best()
    first = max(fit.items, key=lambda i: (chances[i], -i))
    columns = None if by is None else by if isinstance(by, str) else ", ".join(by)
    figures = {} if by is not None else _figures(rows, places, [items[i].value for i in fit.items])
    return Ranking(
        by=columns,
        judgements=len(answered),
        raters=tuple(sorted({one.rater for one in answered})),
        questions=tuple(sorted({one.question for one in answered})),
        best=items[first].value if len(fit.items) > 1 and chances[first] >= SURE else None,
        agreement=_agreement(answered),
        self_agreement=sum(repeated) / len(repeated) if repeated else math.nan,
        cost_per_kept=_cost_per_kept(rows, items, fit),
        _items=items,
        _fit=fit,
        _judging_share=judging_share,
        _repeats=len(repeated),
        _figures=figures,
    )


def items_of(
    rows: pd.DataFrame, by: str | Sequence[str] | None
) -> tuple[tuple[RankedItem, ...], dict[int, int], dict[str, int]]:
    """What is compared in some rows.

    Args:
        rows: of the log.
        by: the column whose values are compared, or several; ``None`` for the pictures themselves.

    Returns:
        The items in the order of their values; the item of each picture, which is the number of its row; and the picture of
        each imageUUID, where copies are the same picture.
    """
    distinct, _ = distinct_pictures(rows)
    rows = rows.reset_index(drop=True)
    names = list(distinct["imageUUID"].dropna())
    places = {str(name): place for place, name in enumerate(names)}
    if "file" in rows:  # a copy is judged as the picture whose file it has
        firsts = {
            file: str(name)
            for file, name in zip(distinct["file"], distinct["imageUUID"], strict=True)
            if not is_gap(name)
        }
        copies = rows[rows["imageUUID"].notna() & rows["file"].isin(list(firsts))]
        for name, file in zip(copies["imageUUID"], copies["file"], strict=True):
            places.setdefault(str(name), places[firsts[file]])
    if by is None:
        labels = _picture_labels(distinct[distinct["imageUUID"].notna()])
        items = tuple(
            RankedItem(label, name, (i,)) for i, (label, name) in enumerate(zip(labels, map(str, names), strict=True))
        )
        return items, {i: i for i in range(len(items))}, places
    columns = [column_of(rows, name) for name in _columns_given(by)]
    of_picture = distinct[distinct["imageUUID"].notna()][columns]
    values = [
        None if any(map(is_gap, row)) else tuple(map(_python_value, row)) for row in of_picture.itertuples(index=False)
    ]
    kinds = sorted({value for value in values if value is not None}, key=_sort_key)
    items = tuple(
        RankedItem(
            " · ".join(format_value(name, part) for name, part in zip(columns, kind, strict=True)),
            kind[0] if len(columns) == 1 else kind,
            tuple(i for i, value in enumerate(values) if value == kind),
        )
        for kind in kinds
    )
    item_of = {picture: i for i, one in enumerate(items) for picture in one.rows}
    places = {name: place for name, place in places.items() if place in item_of}
    return items, item_of, places


def _columns_given(by: str | Sequence[str]) -> list[str]:
    names: list[str] = [by] if isinstance(by, str) else list(by) if isinstance(by, (list, tuple)) else []
    if not names:
        message = f"by={short_repr(by)}: must be the name of a column, such as 'temperature', a list of them, or None for pictures"
        raise RequestError(message, parameter="by", value=by, reason="type")
    return names


def fitted(choices: Sequence[tuple[Hashable, ...]], settings: Mapping[int, int] | None) -> tuple[Strengths, float]:
    """Strengths of settings, or of pictures without them; and which share of what is unknown is due to judging."""
    fit = bradley_terry(choices, settings=settings)
    if settings is None or len(fit.items) < 2:
        return fit, 1.0
    alone = bradley_terry(choices, settings=settings, picture_sd=NO_PICTURE_EFFECT)
    of_judging, whole = (sum(one.se(i) ** 2 for i in fit.items) for one in (alone, fit))
    return fit, min(1.0, of_judging / whole)


def _agreement(answered: Sequence[Asked]) -> float:
    """Alpha over pairs: a choice among four is three of them. Of each rater and pair, the first answer counts."""
    said: defaultdict[tuple[Any, ...], dict[str, str]] = defaultdict(dict)
    for one in answered:
        for a, b in combinations(sorted(one.shown), 2):
            if one.winner is None or one.winner in (a, b):
                # "first" and "second" by the number of the picture: names of pictures would be different in every unit
                word = "tie" if one.winner is None else "first" if one.winner == a else "second"
                said[one.question, a, b].setdefault(one.rater, word)
    return krippendorff_alpha([[*unit.values()] for unit in said.values()])


def _repeated(answered: Sequence[Asked]) -> list[bool]:
    """For each question that a rater had been asked before: whether the answer was that of the first time."""
    firsts: dict[tuple[Any, ...], int | None] = {}
    same: list[bool] = []
    for one in answered:
        key = (one.rater, one.question, frozenset(one.shown))
        if key in firsts:
            same.append(firsts[key] == one.winner)
        firsts.setdefault(key, one.winner)
    return same


def _cost_per_kept(rows: pd.DataFrame, items: Sequence[RankedItem], fit: Strengths) -> pd.Series[float]:
    distinct, _ = distinct_pictures(rows)
    pictures = distinct[distinct["imageUUID"].notna()].reset_index(drop=True)
    found = {}
    for i in sorted(fit.items):
        own = pictures.loc[list(items[i].rows)]
        kept = int(own["keep"].eq(other=True).fillna(value=False).sum()) if "keep" in own else 0
        found[items[i].value] = float(own["cost"].sum()) / kept if kept and own["cost"].notna().all() else math.nan
    return pd.Series(list(found.values()), index=pd.Index(list(found), dtype=object), dtype="float64")


def _figures(rows: pd.DataFrame, places: Mapping[str, int], names: Sequence[str]) -> dict[Any, Figure]:
    if "file" not in rows:
        return {}
    own = rows.drop_duplicates("imageUUID").set_index("imageUUID")
    return {
        name: figure_of(own.loc[name, "file"], str(own.loc[name, "prompt"]), THUMBNAIL)
        for name in names
        if name in places
    }


def _picture_labels(rows: pd.DataFrame) -> list[str]:
    """What differs between the pictures, such as ``temperature 0.2 · seed 7``."""
    axes = [name for name in map(str, rows.columns) if name not in COLUMNS]
    names = [
        "prompt",
        *(name for name in PARAMETER_COLUMNS.values() if name not in ("prompt", "requestedSeed")),
        *axes,
        "seed",
    ]
    differ = [name for name in names if name in rows and len(rows[name].unique()) > 1]
    labels = []
    for row in rows.to_dict("records"):
        parts = [(name, format_value(name, row[name])) for name in differ if not is_gap(row[name])]
        labels.append(
            " · ".join(ellipsis(text, 40) if name == "prompt" else f"{name} {text}" for name, text in parts)
            or "picture"
        )
    return labels


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _python_value(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _sort_key(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Numbers by size, before texts."""
    return tuple((isinstance(v, str), "" if isinstance(v, str) else float(v), str(v)) for v in values)
