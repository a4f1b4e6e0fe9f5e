"""The documentation in the code: what people are handed is explained, and each example runs as it stands."""

from __future__ import annotations

import ast
import builtins
import doctest
import inspect
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

import nbkit
from nbkit.comparison.diversity import Diversity
from nbkit.log.annotations import Change
from nbkit.log.frame import DTYPES
from nbkit.log.presets import Presets
from nbkit.log.schema import IMAGES, RUNS
from nbkit.log.table import FrameAccessor
from nbkit.log.thread import Thread, ThreadCost
from nbkit.log.trash import DiskUsage
from nbkit.measures.spelling import Reading
from nbkit.metadata.reading import PictureSettings
from nbkit.offline import OfflineTransport
from nbkit.sweep.grid import Cell
from nbkit.sweep.runner import Progress
from nbkit.teach import Checked
from nbkit.widgets.arena.voting import Voting

PUBLIC = {name: getattr(nbkit, name) for name in nbkit.__all__ if name != "errors"}


def members(owner: Any) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class, inherited ones too."""
    for cls in reversed(owner.__mro__):
        if cls.__module__.startswith("nbkit"):
            for name, member in vars(cls).items():
                part = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
                if not name.startswith("_") and (callable(part) or isinstance(part, (property, cached_property))):
                    yield name, part


RETURNED = {
    "Cell": Cell,
    "Change": Change,
    "Checked": Checked,
    "DiskUsage": DiskUsage,
    "Diversity": Diversity,
    "FrameAccessor": FrameAccessor,
    "OfflineTransport": OfflineTransport,
    "PictureSettings": PictureSettings,
    "Presets": Presets,
    "Progress": Progress,
    "Reading": Reading,
    "Thread": Thread,
    "ThreadCost": ThreadCost,
    "Voting": Voting,
    "teach.check": nbkit.teach.check,
    "teach.guess": nbkit.teach.guess,
}
"""Classes that public methods return, or that pandas and httpx take, and that nobody imports; and the functions of a public module."""


def reached() -> dict[str, Any]:
    """Everything that ``nbkit.__all__`` leads to, by its dotted name."""
    found: dict[str, Any] = {"nbkit": nbkit, "nbkit.errors": nbkit.errors}
    for name, value in {**PUBLIC, **RETURNED}.items():
        found[f"nbkit.{name}"] = value
        if inspect.isclass(value) and not issubclass(value, BaseException):
            found |= {f"nbkit.{name}.{member}": part for member, part in members(value)}
    return found


REACHED = reached()
COMMANDS = [name for name, value in REACHED.items() if inspect.isfunction(value) and name.count(".") > 1]
CALLED_BY_WIDGETS = {
    "began", "ended", "fault", "figure", "jobs_changed", "on_budget_change", "passing", "progressed", "runs_of", "seen", "show",
}  # fmt: skip
"""Methods by which the parts of a widget call each other, and a picture's way into a grid."""

CALLED_BY_NBKIT = {
    "back_off", "begin", "cancel", "close", "handle_request", "peek", "prepare", "settle", "start", "to_html", "wait_finished", "watch",
}  # fmt: skip
"""Methods that other folders call, and those that show nothing in an example."""

WITHOUT_EXAMPLE = CALLED_BY_WIDGETS | CALLED_BY_NBKIT


def text_of(value: Any) -> str:
    return inspect.cleandoc(value.__doc__ or "")


@pytest.mark.parametrize("name", REACHED)
def test_what_people_are_handed_is_explained(name):
    """Each class, function, method and property has a docstring whose first line is a sentence."""
    first, *_ = text_of(REACHED[name]).split("\n\n")
    assert re.search(r"[.:]$", first), first


@pytest.mark.parametrize("name", [f"nbkit.{name}" for name in PUBLIC])
def test_each_public_name_has_an_example(name):
    """A docstring shows how it is used."""
    assert ">>>" in text_of(REACHED[name])


@pytest.mark.parametrize(
    "name", [name for name in COMMANDS if name.rpartition(".")[2] not in WITHOUT_EXAMPLE or name == "nbkit.RunLog.show"]
)
def test_each_method_has_an_example(name):
    """So has each method that people call."""
    assert ">>>" in text_of(REACHED[name])


@pytest.mark.parametrize("name", [name for name, value in REACHED.items() if ">>>" in text_of(value)])
def test_the_examples_run(name, capsys, monkeypatch):
    """Each in a folder of its own, with no key and no network; a second time, beside the runs of the first."""
    monkeypatch.setattr(builtins, "_", None, raising=False)  # doctest sets it as a prompt does; gone after the test
    for _ in range(2):
        example = doctest.DocTestParser().get_doctest(text_of(REACHED[name]), {}, name, name, 0)
        results = doctest.DocTestRunner(verbose=False).run(example, clear_globs=False)
        for value in example.globs.values():
            if isinstance(value, nbkit.Studio):
                value.close()
        assert results.attempted > 1
        assert results.failed == 0, capsys.readouterr().out


def test_the_columns_of_the_log_are_listed_with_their_dtypes():
    """The docstring of ``to_frame`` lists each column under its dtype, and no column that does not exist."""
    listed: dict[str, set[str]] = {}
    dtype = ""
    table = text_of(nbkit.RunLog.to_frame).split("===\n")[2].rpartition("\n===")[0]
    for line in table.splitlines():
        dtype, columns = line[:21].strip() or dtype, line[21:]
        listed.setdefault(dtype, set()).update(re.findall(r"\w+", columns))
    actual: dict[str, set[str]] = {}
    for name, dtype in DTYPES.items():
        actual.setdefault(dtype, set()).add(name)
    assert listed == actual


def test_the_architecture_names_what_exists():
    """Each class and function that the docstring of nbkit names is somewhere in nbkit."""
    source = "\n".join(path.read_text("utf-8") for path in Path(nbkit.__file__).parent.rglob("*.py"))
    names = set(re.findall(r"``(?:\w+\.)?(\w+)``", nbkit.__doc__ or "")) - {"planned", "sent"}
    assert len(names) > 5
    assert all(
        re.search(rf"^ *(class|def) {name}\b", source, re.MULTILINE) or name in {*RUNS.c, *IMAGES.c} for name in names
    )


def documented() -> Iterator[tuple[str, str, set[str], set[str]]]:
    """Each list of arguments or attributes in a docstring outside the widgets, with the names that exist."""
    root = Path(nbkit.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if "widgets" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and (text := ast.get_docstring(node)):
                for section in ("Args", "Attributes"):
                    names = listed(text, section)
                    if names and not (section == "Args" and inherits_its_arguments(node)):
                        yield f"{path.relative_to(root)}:{node.name}:{section}", section, names, existing(node)


def inherits_its_arguments(node: ast.ClassDef | ast.FunctionDef) -> bool:
    """Whether a class has the ``__init__`` of another one, whose arguments its docstring lists."""
    own = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
    return isinstance(node, ast.ClassDef) and bool(node.bases) and "__init__" not in own


def listed(text: str, section: str) -> set[str]:
    """The names that a section of a docstring lists."""
    found = re.search(rf"^{section}:\n((?:    .*\n?|\n)+)", text, re.MULTILINE)
    lines = re.findall(r"^    (\*{0,2}\w+(?:, \*{0,2}\w+)*):", found[1], re.MULTILINE) if found else []
    return {name.strip("* ") for line in lines for name in line.split(",")}


def existing(node: ast.ClassDef | ast.FunctionDef) -> set[str]:
    """The parameters of a function; of a class those of its ``__init__``, its fields, properties and attributes."""
    names: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.arg):
            names.add(part.arg)
        elif isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
            names.add(part.attr)
        elif isinstance(part, ast.FunctionDef):
            names.add(part.name)
        elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            names.add(part.target.id)
    return names


@pytest.mark.parametrize(
    ("section", "names", "exist"), [case[1:] for case in documented()], ids=[c[0] for c in documented()]
)
def test_a_docstring_lists_names_that_exist(section, names, exist):
    """An argument or attribute that was renamed or removed does not stay in the documentation."""
    inherited = {"args", "message"} if section == "Attributes" else set()
    assert names - exist - inherited == set()
