"""The report of a sweep: its question, plan, pictures, effects, ranking, refusals, cost, and the code that makes it again."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

import pandas as pd

from nbkit.comparison.effects import REFUSED, WINS, Effects
from nbkit.comparison.ranking import Ranking
from nbkit.display.figure import no_mathjax
from nbkit.display.mime import MimeBundle
from nbkit.display.report import Report, ReportPart, ReportSection, facts_html, facts_text, scrolled
from nbkit.display.text import count, ellipsis, escape, list_price, usd_short_range
from nbkit.errors import NbkitError, RequestError
from nbkit.log.columns import format_value, is_gap
from nbkit.request.image_request import PARAMETERS
from nbkit.request.price import MICRO
from nbkit.results.money import short_amount
from nbkit.results.run import BLOCKED, DONE, FINAL
from nbkit.sweep.code import sweep_code
from nbkit.sweep.grid import CellSequence
from nbkit.sweep.plan import CostSummary, PlanFrame, make_plan
from nbkit.sweep.spec import value_text

MEASURES = ("rating", WINS, "textFidelity")
"""What people or the pictures themselves say; a report looks at those that there are, and at the cost."""

MOST_VALUES = 12
"""Values of an axis that the plan of a report names."""


@dataclass(frozen=True)
class ReportSource:
    """What a report is made of.

    Attributes:
        cells: of the sweep.
        frame: of its result.
        axes: the columns whose effects are of interest.
        charged: whether it cost real money.
        spent: what it cost, in USD.
        grid: makes the pictures, with a measure under each or without.
        effects: finds the effects on a measure.
        ranking: ranks by a column, or pictures for ``None``; it raises without judgements.
    """

    cells: CellSequence
    frame: pd.DataFrame
    axes: Sequence[str]
    charged: bool
    spent: float
    grid: Callable[[str | None], MimeBundle]
    effects: Callable[[str], Effects]
    ranking: Callable[[str | None], Ranking]


def make_report(source: ReportSource, question: str | None, on: str | Sequence[str] | None) -> Report:
    """The report.

    Args:
        source: what it is made of.
        question: its heading; made of the axes if not given.
        on: the measures; by default those of :data:`MEASURES` that there are, and the cost.

    Raises:
        UnknownParameter: for a measure that the frame does not have.
        RequestError: for one that is no number, or that no picture has.
    """
    rankings = _rankings(source)
    measures = _measures(source, on, is_judged=bool(rankings))
    effects, problems = _effects(source, measures, is_asked=on is not None)
    under = next((one.on for one in effects if one.on in source.frame), None)
    sections = [
        _facts("The plan", _plan(source)),
        _pictures(source, under),
        _effects_section(effects, problems),
        *([_ranking_section(rankings)] if rankings else []),
        _refusals(source),
        _facts("Cost", _cost(source)),
        _code(source),
    ]
    counts = source.frame["status"].value_counts()
    states = ", ".join(f"{number} {status}" for status, number in counts.items())
    facts = f"Sweep {source.cells.key} · {count(len(source.cells), 'cell')}: {states}"
    method = (
        "Intervals hold for all pairs of an axis together, in 95 of 100 such studies; pictures with the same seed are "
        f"compared with each other. Made with nbkit {version('nbkit')}."
    )
    return Report(
        question or _question(source.axes), facts, _answers(source.frame, effects, rankings, problems), sections, method
    )


def _question(axes: Sequence[str]) -> str:
    if not axes:
        return "What came of it?"
    named = " and ".join((", ".join(axes[:-1]), axes[-1])) if len(axes) > 1 else axes[0]
    return f"What {'does' if len(axes) == 1 else 'do'} {named} change?"


def _measures(source: ReportSource, on: str | Sequence[str] | None, *, is_judged: bool) -> list[str]:
    if on is not None:
        return [on] if isinstance(on, str) else list(on)
    frame = source.frame
    there = [name for name in MEASURES if (is_judged if name == WINS else name in frame and frame[name].notna().any())]
    return [*there, *(["cost"] if frame["cost"].notna().any() else [])] if source.axes else []


def _effects(source: ReportSource, measures: Sequence[str], *, is_asked: bool) -> tuple[list[Effects], list[str]]:
    """The effects on each measure, and why there are none."""
    found, problems = [], [] if source.axes else ["Nothing was varied but the seed, so there is nothing to compare."]
    for name in measures:
        try:
            found.append(source.effects(name))
        except RequestError as error:
            if is_asked:
                raise
            problems.append(f"{name}: {error}")
        except NbkitError as error:  # scipy is not installed
            problems = [str(error)]
    looked = f"{count(len(found), 'measure')} looked at"
    return [
        replace(one, notes=tuple(n.replace("1 measure looked at", looked) for n in one.notes)) for one in found
    ], problems


def _rankings(source: ReportSource) -> list[Ranking]:
    """Of settings by the axis with the most values, and of pictures: two questions, answered apart."""
    axes = sorted(source.axes, key=lambda name: -source.frame[name].nunique())
    found = []
    for by in (*axes[:1], None):
        try:
            found.append(source.ranking(by))
        except RequestError:  # nobody judged these pictures
            return []
    return found


def _answers(
    frame: pd.DataFrame, effects: Sequence[Effects], rankings: Sequence[Ranking], problems: Sequence[str]
) -> list[str]:
    found = [line for one in effects for line in one.findings]
    found += [f"ranking: {one.sentences[0]}" for one in rankings if one.by is not None]
    ended = frame[frame["status"].isin([*FINAL])].drop_duplicates("taskUUID")
    refused = int((ended["status"] == BLOCKED).sum())
    found += [f"refused: {refused:,} of {count(len(ended), 'request')}"] if refused else []
    opinions = any(one.on != "cost" for one in effects) or bool(rankings)
    found += [] if opinions else ["Nothing was rated, judged or measured yet."]
    return found + [problem for problem in problems if not opinions]


# -- sections --------------------------------------------------------------------------------------------------------


def _facts(title: str, facts: Sequence[tuple[str, str]]) -> ReportSection:
    return ReportSection(title, html=facts_html(facts), text=facts_text(facts))


def _plan(source: ReportSource) -> list[tuple[str, str]]:
    cells, spec = source.cells, source.cells.spec
    facts = []
    for axis in cells.axes:
        for name, steps in zip(axis.names, zip(*axis.steps, strict=True), strict=True):
            spelled = spec.spelled.get(name, name)
            texts = ["not set" if is_gap(v) else ellipsis(cells.label(spelled, v), 80) for v in steps]
            more = f" and {len(texts) - MOST_VALUES} more" if len(texts) > MOST_VALUES else ""
            facts.append((f"{spelled}, varied", f"{', '.join(texts[:MOST_VALUES])}{more}"))
    fixed = {**spec.fixed, **{name: value for name, value in spec.variables.items() if value is not None}}
    for name, value in fixed.items():
        if name != "extra" and not (name in PARAMETERS and PARAMETERS[name].group == "Delivery"):
            facts.append((f"{spec.spelled.get(name, name)}, the same for all", ellipsis(value_text(value), 600)))
    total = CostSummary.of(cells.costs)
    price = usd_short_range(total.price)
    facts.append(
        (
            "planned",
            f"{count(total.cells, 'cell')}, {count(total.images, 'picture')}: {price if source.charged else list_price(price)}",
        )
    )
    plan = PlanFrame(make_plan(cells, [None] * len(cells)))
    try:
        seen = plan.sees()
    except NbkitError:  # no scipy, or nothing to compare
        pass
    else:
        what = f"gaps from {seen:.1f} standard deviations on between two values of {plan.compared_axis}, with 80 %"
        facts.append(("could see", what))
    if not source.charged:
        facts.append(
            ("engine", "offline: drawn on this machine by rules of its own, and nothing of it is true of the model")
        )
    return facts


def _pictures(source: ReportSource, under: str | None) -> ReportSection:
    try:
        grid = source.grid(under)
    except RequestError as error:  # too many to look at
        return ReportSection("Pictures", [str(error)])
    return ReportSection("Pictures", html=scrolled(grid.html), text=grid.text)


def _effects_section(effects: Sequence[Effects], problems: Sequence[str]) -> ReportSection:
    same = [one for one in effects if one.is_constant]
    lines = [*problems, *(line for one in same for line in one.findings)]
    parts = [
        ReportPart(one.on, one._repr_mimebundle_()["text/html"], repr(one)) for one in effects if not one.is_constant
    ]
    many = f"{len(effects)} measures were looked at: the more of them, the likelier that one differs by chance alone."
    return ReportSection("Is the difference real?", lines, parts, foot=many if len(effects) > 1 else "")


def _ranking_section(rankings: Sequence[Ranking]) -> ReportSection:
    parts = []
    for one in rankings:
        is_settings = one.by is not None
        title = (
            f"Which {one.by}, also with the next seed?"
            if is_settings
            else f"Which of these pictures? {one.sentences[0]}"
        )
        parts.append(ReportPart(title, one._repr_mimebundle_()["text/html"], repr(one), is_folded=not is_settings))
    return ReportSection("What people chose", parts=parts)


def _refusals(source: ReportSource) -> ReportSection:
    frame = source.frame
    ended = frame[frame["status"].isin([*FINAL])]
    ended = ended[ended["taskUUID"].isna() | ~ended["taskUUID"].duplicated()]
    blocked = int((ended["status"] == BLOCKED).sum())
    verb = "was" if blocked < 2 else "were"
    lines = [f"{blocked or 'None'} of {count(len(ended), 'request')} {verb} refused by a safety filter."]
    for axis in source.axes if blocked else ():
        shares = [
            f"{format_value(axis, value)}: {int((rows['status'] == BLOCKED).sum())} of {len(rows)}"
            for value, rows in ended.groupby(axis, sort=True, dropna=False)
        ]
        lines.append(f"By {axis}: {', '.join(shares)}")
    if blocked:
        with contextlib.suppress(NbkitError):  # scipy is not installed, or nothing was varied
            lines += source.effects(REFUSED).sentences
    return ReportSection("Refusals", lines)


def _cost(source: ReportSource) -> list[tuple[str, str]]:
    frame = source.frame
    spent, pictures = source.spent, int((frame["status"] == DONE).sum())
    total = short_amount(spent)
    facts = [("together", f"{total} charged" if source.charged else list_price(total))]
    if pictures:
        facts.append(("for each picture", short_amount(spent / pictures)))
    kept = int(frame["keep"].eq(other=True).fillna(value=False).sum()) if "keep" in frame else 0
    if kept:
        facts.append((f"for each of the {kept:,} that were kept", short_amount(spent / kept)))
    return facts


def _code(source: ReportSource) -> ReportSection:
    where = (
        "nbkit.Studio()  # with RUNWARE_API_KEY set: real money" if source.charged else 'nbkit.Studio(engine="offline")'
    )
    most = math.ceil(CostSummary.of(source.cells.costs).price.high / MICRO * 100) / 100
    lines = [
        "import nbkit", "", f"studio = {where}", sweep_code(source.cells), "sweep.plan()  # the price, before anything is sent",
        f"result = sweep.run(budget={most:.2f})", "result.report()",
    ]  # fmt: skip
    code = "\n".join(lines)
    note = "Ratings and judgements are people's, and no code makes them again."
    html = f"<pre><code>{escape(code)}</code></pre>"
    return ReportSection("The code that makes it again", html=no_mathjax(html), text=code, foot=note)
