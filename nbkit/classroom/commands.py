"""``python -m nbkit class``: make a class, look at it, and change it, also while its server runs."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from nbkit.classroom.policy import Policy
from nbkit.classroom.roster import Classroom, read_roster, write_private
from nbkit.classroom.slips import slips_csv, slips_html
from nbkit.commands import say
from nbkit.display.text import count, usd
from nbkit.errors import RequestError
from nbkit.log.export import without_formulas
from nbkit.request.price import MICRO

FOLDER = Path("class")
TEACHER_KEY, SLIPS, TABLE = "teacher-key.txt", "slips.html", "slips.csv"
"""Files of a class's folder that have keys; nobody but their owner can read them, and no server needs them."""

_NONE = "none"

_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._~@%/-]*)?")

_HELP = {
    "check_content": "check every picture for content that is not safe for work",
    "safety_tolerance": f"of Google's filter, for everybody; {_NONE} leaves it to the student",
    "max_resolution": "the largest pictures: 0.5K, 1K, 2K or 4K",
    "max_results": "the most pictures of one press",
    "search": "allow searches of the web and of pictures",
    "blocked": 'words that no prompt may have, as "gun, blood"; "" for none. A seat belt, no promise',
    "at_work": "how many tasks of one student are done at once",
    "at_once": "how many of all are",
    "waiting": "how many tasks of one student may wait",
}


def add_class(commands: Any) -> None:
    """Add ``class`` and what belongs to it to the commands of ``python -m nbkit``.

    Args:
        commands: what ``add_subparsers`` returned. Each command's ``run`` takes the parsed options and returns the exit status.
    """
    told = "A class on one server: a key and a budget for each student, and one page for the teacher."
    whole = commands.add_parser("class", help="students with keys and budgets on one server", description=told)
    what = whole.add_subparsers(dest="what", required=True)
    _add_init(what)

    show = _add(what, "show", "print who is there, what was spent, and who may be stuck", _show)
    _add_folder(show)
    show.add_argument("--csv", action="store_true", help="as a table for a spreadsheet")

    change = _add(what, "set", "change a student, also while the server runs", _set)
    change.usage = "%(prog)s [FOLDER] STUDENT [--budget USD] [--pause | --resume] [--new-key]"
    _add_student(change)
    change.add_argument("--budget", type=float, metavar="USD", help="the most that the student may spend in all")
    pausing = change.add_mutually_exclusive_group()
    pausing.add_argument("--pause", action="store_true", help="take nothing from the student until --resume")
    pausing.add_argument("--resume", action="store_true", help="go on")
    change.add_argument("--new-key", action="store_true", help="end the old key, and print a new one")

    add = _add(what, "add", "add a student, and print the key", _add_student_to_class)
    add.usage = "%(prog)s [FOLDER] STUDENT --budget USD"
    _add_student(add)
    add.add_argument("--budget", type=float, required=True, metavar="USD", help="the most that the student may spend")

    policy = _add(what, "policy", "print the rules of a class, or change them", _policy)
    _add_folder(policy)
    _add_policy(policy)
    policy.add_argument("--total", type=_amount_or_none, metavar="USD", help=f"the most of all together, or {_NONE}")


def _add_init(what: Any) -> None:
    init = _add(what, "init", "make a class of a list of names", _init)
    add = init.add_argument
    names = "a text file with a name in each line, or a CSV file with the columns name and budget"
    add("roster", type=Path, metavar="ROSTER", help=names)
    add("--budget", type=float, required=True, metavar="USD", help="the most that each student may spend")
    add("--folder", type=Path, default=FOLDER, help="a new folder (%(default)s)")
    add("--total", type=float, metavar="USD", help="the most that all together may spend")
    add("--name", default="", help="of the class, as its pages show it")
    add("--address", default="", metavar="URL", help="of the server, for the slips; without one they have a blank line")
    _add_policy(init)


def _add(what: Any, name: str, summary: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = what.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
    )
    parser.set_defaults(run=run, usage_error=parser.error, command=f"class {name}")
    return parser


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER, metavar="FOLDER", help="default %(default)s")


def _add_student(parser: argparse.ArgumentParser) -> None:
    # Two positionals, of which the first is optional, are not told apart after an option by every Python.
    what = f"the class's folder (default {FOLDER}), and the student's name"
    parser.add_argument("names", nargs="+", metavar="STUDENT", help=what)


def _add_policy(parser: argparse.ArgumentParser) -> None:
    rules = parser.add_argument_group("rules")
    for field in dataclasses.fields(Policy):
        option, told = f"--{field.name.replace('_', '-')}", _HELP[field.name]
        known: dict[str, Any] = {"dest": f"policy_{field.name}", "help": told}
        if isinstance(field.default, bool):
            known |= {"action": argparse.BooleanOptionalAction, "default": None}
        elif isinstance(field.default, int):
            known |= {"type": int, "metavar": "N"}
        elif isinstance(field.default, tuple):
            known |= {"type": _comma_list, "metavar": "WORDS"}
        else:
            known |= {"metavar": "TEXT"}
        rules.add_argument(option, **known)


def _comma_list(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _amount_or_none(text: str) -> float | str:
    return _NONE if text == _NONE else float(text)


def _changed(policy: Policy, options: argparse.Namespace) -> Policy:
    given = {field.name: getattr(options, f"policy_{field.name}") for field in dataclasses.fields(Policy)}
    changes = {name: None if value == _NONE else value for name, value in given.items() if value is not None}
    return Policy.of(dataclasses.asdict(policy) | changes)


@contextmanager
def _opened(folder: Path) -> Iterator[Classroom]:
    classroom = Classroom.open(folder)
    try:
        yield classroom
    finally:
        classroom.close()


def _init(options: argparse.Namespace) -> int:
    address = options.address.rstrip("/")
    if address and not _ADDRESS.fullmatch(address):
        raise RequestError(f"--address {address!r}: an address such as http://192.168.1.5:8765", parameter="address")
    students = read_roster(options.roster)
    folder: Path = options.folder
    policy = _changed(Policy(), options)
    classroom, keys, teacher = Classroom.create(
        folder, students, options.budget, name=options.name, total=options.total, policy=policy
    )
    write_private(folder / TEACHER_KEY, f"{teacher}\n")
    write_private(folder / SLIPS, slips_html(classroom.name, keys, address))
    write_private(folder / TABLE, slips_csv(keys, address))
    classroom.close()
    budget = "their budgets" if any(own is not None for _, own in students) else f"{_usd(options.budget)} each"
    say(f"{folder} has a class of {count(len(keys), 'student')}, {budget}.")
    say(f"Teacher's key: {teacher}  (also in {folder / TEACHER_KEY}; hand it to nobody)")
    say(f"Print {folder / SLIPS}, cut it, hand it out; {folder / TABLE} has the same as a table. Then delete both.")
    say(f"python -m nbkit serve --class {folder} --host 0.0.0.0 starts its server.")
    return 0


def _show(options: argparse.Namespace) -> int:
    with _opened(options.folder) as classroom:
        report, account, total = classroom.report(), classroom.account, classroom.total
    if options.csv:
        say(without_formulas(report).to_csv(index=False, lineterminator="\n").rstrip("\n"))
        return 0
    shown = report.assign(
        **{name: [_usd(amount) for amount in report[name]] for name in ("spent", "held", "budget", "left")},
        seconds=["" if pd.isna(one) else f"{one:.1f}" for one in report["seconds"]],
        last=["" if pd.isna(one) else f"{one.tz_convert(None):%Y-%m-%d %H:%M}" for one in report["last"]],
    )
    say(shown.to_string(index=False))
    limit = f" of {usd(total)}" if total is not None else ""
    held = f", {usd(account.held)} held" if account.held else ""
    say(f"{count(len(report), 'student')}: {usd(account.spent)} spent{limit}{held}. Times are UTC.")
    return 0


def _set(options: argparse.Namespace) -> int:
    folder, name = _folder_and_student(options)
    if options.budget is None and not (options.pause or options.resume or options.new_key):
        options.usage_error("what to change: --budget, --pause, --resume or --new-key")
    paused = True if options.pause else False if options.resume else None
    with _opened(folder) as classroom:
        key = classroom.set(name, budget=options.budget, paused=paused, new_key=options.new_key)
        student = classroom.student(name)
    state = ", paused" if student.paused else ""
    say(f"{student.name}: {usd(student.left)} left of {usd(student.budget)}{state}.")
    if key is not None:
        say(f"New key: {key}  (the old one has ended; the slip has the old one)")
    return 0


def _add_student_to_class(options: argparse.Namespace) -> int:
    folder, name = _folder_and_student(options)
    with _opened(folder) as classroom:
        key = classroom.add(name, options.budget)
        student = classroom.student(name)
    say(f"{student.name}: {usd(student.budget)}. Key: {key}")
    return 0


def _policy(options: argparse.Namespace) -> int:
    with _opened(options.folder) as classroom:
        before = classroom.policy
        policy = _changed(before, options)
        if policy != before:
            classroom.policy = policy
        if options.total is not None:
            classroom.total = None if options.total == _NONE else options.total
        total = classroom.total
    for sentence in policy.sentences():
        say(sentence)
    say("All together may spend what their budgets are." if total is None else f"All together: {usd(total)}.")
    if (policy.at_work, policy.at_once) != (before.at_work, before.at_once):
        say("A server that runs already takes --at-work and --at-once when it is started again.")
    return 0


def _folder_and_student(options: argparse.Namespace) -> tuple[Path, str]:
    if len(options.names) > 2:
        options.usage_error('one student at a time; a name with spaces goes in quotation marks: "Mia Li"')
    folder, name = options.names if len(options.names) == 2 else (FOLDER, options.names[0])
    return Path(folder), name


def _usd(amount: float) -> str:
    return usd(round(amount * MICRO))
