"""The sentences of the panel: what is under way, how it ended, and what can be done about it now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from nbkit.display.text import count, ellipsis, usd, usd_short
from nbkit.errors import EngineError, NbkitError
from nbkit.request.price import MICRO, Price
from nbkit.request.profile import DEPRECATED, PROFILES, Profile
from nbkit.results.money import Budget
from nbkit.results.run import DONE, NOT_SENT, Run
from nbkit.service.standing import Standing
from nbkit.widgets.jobs.job import Work
from nbkit.widgets.page.guard import words_of

FAULT = "This is a fault of nbkit. studio.log shows whether anything was sent; studio.recover() settles it."
NO_PROMPT = "Write a prompt first."
DEPENDS = "The price depends on the size of a reference image or on a search."
KEEP_USING = "You can keep using the notebook."
WORKING = f"Working. {KEEP_USING}"


class Action(NamedTuple):
    """A button in the status line.

    Attributes:
        id: what the panel calls it.
        label: for people.
        quote: the number of what it promises, where it is paid; else 0.
        title: shown on hover.
    """

    id: str
    label: str
    quote: int = 0
    title: str = ""


UNDO = Action("undo", "Undo")


class Status(NamedTuple):
    """The status line.

    Attributes:
        lines: its sentences.
        wrong: whether it is an error, which a screen reader reads at once.
        actions: its buttons.
    """

    lines: tuple[str, ...] = ()
    wrong: bool = False
    actions: tuple[Action, ...] = ()

    def told(self) -> dict[str, Any]:
        """The same as values for JSON."""
        return {**self._asdict(), "lines": list(self.lines), "actions": [action._asdict() for action in self.actions]}


def say(*sentences: str, actions: Sequence[Action] = ()) -> Status:
    """A status of these sentences; empty ones are left out."""
    return Status(tuple(sentence for sentence in sentences if sentence), actions=tuple(actions))


def error(*sentences: str, actions: Sequence[Action] = ()) -> Status:
    """The same for what went wrong."""
    return say(*sentences, actions=actions)._replace(wrong=True)


def working(busy: str, place: int | None = None) -> str:
    """What is said while something is under way.

    Args:
        busy: what a busy service lets through, in words; empty otherwise.
        place: in the line of a class's server, where all of it waits.
    """
    if place is not None:
        return f"Waiting: place {place:,} in the line. {KEEP_USING}"
    return f"{WORKING} {busy[0].upper()}{busy[1:]}." if busy else WORKING


def head_of(budget: Budget, profile: Profile, *, charged: bool, standing: Standing | None = None) -> dict[str, Any]:
    """The panel's first line: the model, whether money is real, and how much is left.

    Args:
        budget: of the studio.
        profile: of the model that the controls ask for; where the service is real, the line says that it is deprecated.
        charged: whether money is real.
        standing: in a class, where the server has said it.
    """
    told = {
        "model": profile.name,
        "successor": _successor(profile) if charged else "",
        "mark": "REAL MONEY" if charged else "OFFLINE",
        "what": "each run is charged" if charged else "nothing is charged",
        "charged": charged,
        "left": "",
        "exact": "",
        "in_class": False,
    }
    if budget.left is not None and budget.limit is not None:
        left, limit = (round(amount * MICRO) for amount in (budget.left, budget.limit))
        told |= {"left": f"{usd_short(left)} left of {usd_short(limit)}", "exact": f"{usd(left)} left of {usd(limit)}"}
    return told if standing is None else told | _in_class(standing, told)


def _in_class(standing: Standing, told: dict[str, Any]) -> dict[str, Any]:
    """The same in a class: what is left for the student, and beside it what is left of the studio's own budget."""
    whose = " · ".join(filter(None, (standing.group, standing.student)))
    left = exact = ""
    if standing.left is not None:
        of, exactly_of = (
            ("", "") if standing.budget is None
            else (f" of {usd_short(standing.budget)}", f" of {usd(standing.budget)}")
        )  # fmt: skip
        left, exact = f"{usd_short(standing.left)} left{of} in class", f"{usd(standing.left)} left{exactly_of}"
    parts = (left, "paused by the teacher" if standing.paused else "", told["left"] and f"here {told['left']}")
    exact = ": ".join(filter(None, (whose, exact)))
    more = told["exact"] and f"this studio: {told['exact']}"
    return {
        "what": "" if left else told["what"],
        "left": " · ".join(filter(None, parts)),
        "exact": "; ".join(filter(None, (exact, more))),
        "in_class": True,
    }


def _successor(profile: Profile) -> str:
    """That a model is deprecated, and which one follows; empty for any other."""
    if profile.status != DEPRECATED:
        return ""
    return "Deprecated" + (f"; its successor is {PROFILES[profile.successor].name}" if profile.successor else "")


def too_dear(price: Price | None, left: int | None) -> str:
    """Why the budget refuses a press; empty where it is enough.

    Args:
        price: of the request.
        left: of the budget in micro-dollars, without what waits; ``None`` without a limit.
    """
    if price is None or left is None or price.high <= left:
        return ""
    return f"The budget has {usd_short(max(left, 0))} left, and this may cost {usd_short(price.high)}."


def of_error(problem: BaseException) -> Status:
    """What went wrong and what to do about it."""
    if isinstance(problem, EngineError):
        return error(words_of(problem), problem.advice)
    return error(words_of(problem), "" if isinstance(problem, NbkitError) else FAULT)


def of_run(run: Run, seconds: float) -> Status:
    """What came of a run."""
    if run.error is not None:
        cost = run.cost_micros
        paid = (
            "What it cost is not known."
            if cost is None
            else f"It cost {usd_short(cost)}."
            if cost
            else "It cost nothing."
        )
        return error(str(run.error), run.error.advice if isinstance(run.error, EngineError) else "", paid)
    if run.failures:
        here = f"{len(run)} of {count(len(run) + len(run.failures), 'picture')} came, for {usd_short(run.cost_micros)}."
        told = dict.fromkeys(f"{failure.message} {failure.advice}".strip() for failure in run.failures)
        return error(here, *told)
    if run.status != DONE:
        return error(f"The run ended as {run.status!r}; studio.last shows more.")
    if run.reused:
        return say("Answered from the log: nothing was sent, nothing was charged.")
    parts = (f"Done in {seconds:.1f} s", count(len(run), "picture"), usd_short(run.cost_micros))
    return say(" · ".join(parts))


def stopped(sent_most: int, waiting: int, *, charged: bool, number: int | None = None) -> Status:
    """What Stop did.

    Args:
        sent_most: what those that were sent may cost, in micro-dollars; 0 if nothing was sent.
        waiting: how many were not sent.
        charged: whether real money is spent.
        number: of the run, where a single one was stopped.
    """
    if number is not None and waiting:
        return say(f"Run {number} was not sent.")
    rest = f"{count(waiting, 'waiting run')} {'was' if waiting == 1 else 'were'} not sent." if waiting else ""
    if not sent_most:
        return say(rest or "Stopped before anything was sent.")
    cost = usd_short(sent_most)
    may = f"so it may still cost up to {cost}" if charged else f"so it may still count up to {cost} at list prices"
    return say(f"Stopped waiting. The request was already sent, {may}; the picture will appear in History.", rest)


def of_late(run: Run) -> Status:
    """A run has come that was no longer waited for."""
    if run.status == NOT_SENT:
        return say("Stopped in time: it was not sent, and nothing was charged.")
    if run.error is not None:
        advice = run.error.advice if isinstance(run.error, EngineError) else ""
        return error(f"A run that was stopped has failed: {run.error}", advice)
    return say("A run that was stopped has come: its pictures are in the strip and in History.")


def taken_over(work: Work, many: int) -> Status:
    """The cell was run again while jobs of its earlier panel were under way."""
    which = f"“{ellipsis(work.prompt, 40)}”" if many == 1 else f"{many} requests"
    cost = usd_short(work.price.high)
    return say(f"Still under way from before this cell was run again: {which}, up to {cost} each. It will appear here.")
