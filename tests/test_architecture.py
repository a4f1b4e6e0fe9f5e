"""The architecture: the order of imports, the names of the package, what importing it loads, and its dependencies."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import nbkit

ROOT = Path(nbkit.__file__).parent

FOLDERS = (
    "tracebacks", "errors", "statistics", "request", "display", "service", "measures", "metadata", "results", "log", "ledger", "comparison", "history", "sweep",
    "offline", "backends", "audience", "widgets", "studio", "commands", "completion", "magic", "teach", "lessons", "recording", "classroom",
)  # fmt: skip
"""The folders and the modules at the top, lowest first: each imports only those that come before it."""

WIDGETS = ("page", "form", "jobs", "image_grid", "gallery", "explorer", "arena", "panel")
"""The folders of the widgets, lowest first."""

DIALECT = {
    "Gate", "shut", "is_shut", "is_stopped", "NotAllowed", "Hands", "HANDS", "grab", "Heart", "beat", "lives",
    "Purse", "purse", "Watcher", "money_moved", "Conversation", "Verdict", "unheard", "Landing", "land", "LANDERS",
    "Sent", "intake", "Reply", "in_thread", "Stopped", "Workshop", "Begun", "Lost", "ListedCells", "Layout",
    "lay_out", "overridden", "sheet", "Look", "Sum", "Bill", "due", "Promise", "check_seen", "offer_of",
    "take_seen", "about", "Host", "SweepHost", "Books", "Desk", "SweepDesk", "Deeds", "Saying", "Record", "Shown",
    "Known", "Told", "telling", "Wall", "Post", "Board", "Filling", "Stage", "Fold", "Zone", "Coming", "Link",
    "Words", "Whole", "Hundredths", "Several", "Flag", "Wrong", "Access", "plain", "shield", "Bundle", "Courier",
    "outward", "outbox", "spoil", "engines", "Engine", "choose", "Cells", "Result", "Results", "Job", "SweepJob", "Work",
    "SweepWork", "most", "again", "begun", "words", "moved", "take", "leave", "hold", "marks", "Drift", "Dice", "Land", "MOST", "NOTHING", "ALONE", "MAX_PIXELS",
}  # fmt: skip
"""Names of the first version that a reader had to learn; each was replaced by the usual term."""


def modules() -> list[Path]:
    """The files of all modules but nbkit's own ``__init__``."""
    return sorted(path for path in ROOT.rglob("*.py") if path.name != "__init__.py" or path.parent != ROOT)


def name_of(path: Path) -> str:
    """The dotted name of a module inside nbkit."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    """Whether a dotted name inside nbkit is a module or a folder."""
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def tree_of(path: Path) -> ast.Module:
    """A module, parsed."""
    return ast.parse(path.read_text("utf-8"))


def own_imports(tree: ast.AST) -> set[str]:
    """The modules of nbkit that a module imports, by their dotted names."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "nbkit":
            origin = (node.module or "").partition(".")[2]
            for alias in node.names:
                # `from nbkit.display import text` imports a module, `from nbkit.results.run import Run` a class.
                name = f"{origin}.{alias.name}".lstrip(".")
                found.add(name if is_module(name) else origin)
        elif isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[2] for alias in node.names if alias.name.startswith("nbkit.")}
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "widgets").glob("*/*.py")), ids=name_of)
def test_a_folder_of_the_widgets_imports_only_lower_ones(path: Path) -> None:
    """A panel may import a gallery, and no gallery imports a panel."""
    level = WIDGETS.index(path.parent.name)
    for imported in own_imports(tree_of(path)):
        parts = imported.split(".")
        if parts[0] == "widgets" and len(parts) > 1:
            assert WIDGETS.index(parts[1]) <= level, f"{name_of(path)} imports nbkit.{imported}"


def test_the_order_of_imports_lists_every_folder() -> None:
    """A new folder, or a new module at the top, has to be added to it."""
    present = {name_of(path).split(".")[0] for path in modules()}
    assert present - {"__main__"} == set(FOLDERS)


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_folder_imports_only_lower_ones(path: Path) -> None:
    """Imports for the type checker alone count too; ``__main__`` may import everything."""
    name = name_of(path)
    if name == "__main__":
        return
    folder = name.split(".")[0]
    for imported in own_imports(tree_of(path)):
        other = imported.split(".")[0]
        assert other == folder or FOLDERS.index(other) < FOLDERS.index(folder), f"nbkit.{name} imports nbkit.{imported}"


def test_no_folder_has_the_name_of_something_public() -> None:
    """Importing it would hide the public name."""
    public = {*nbkit.__all__} - {"errors", "statistics", "teach"}  # modules
    reserved = {"compare", "models", "read", "show", "expected"}
    assert not {*FOLDERS} & (public | reserved)


def test_every_folder_has_a_docstring_and_a_line_in_the_architecture() -> None:
    """The architecture is in the docstring of nbkit."""
    for init in ROOT.glob("*/__init__.py"):
        assert len(ast.get_docstring(ast.parse(init.read_text("utf-8"))) or "") > 60, init
    for name in FOLDERS:
        assert f"\n{name}/ " in str(nbkit.__doc__) or f"\n{name}.py " in str(nbkit.__doc__), name


def test_no_modules_import_each_other_in_a_cycle() -> None:
    """Inside a folder neither."""
    graph = {name_of(path): own_imports(tree_of(path)) for path in modules()}
    done: set[str] = set()

    def walk(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name in done:
            return
        for imported in graph.get(name, ()):
            if imported != name:
                walk(imported, (*trail, name))
        done.add(name)

    for name in graph:
        walk(name, ())


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_no_function_imports_a_module_of_nbkit(path: Path) -> None:
    """A module imports everything of nbkit at its top."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert not own_imports(node), f"{node.name} in nbkit.{name_of(path)}"


def test_all_lists_exactly_the_public_names() -> None:
    """``dir(nbkit)`` shows the same, and each name can be loaded."""
    assert set(nbkit.__all__) == {name for name in dir(nbkit) if not name.startswith("_")}
    for name in nbkit.__all__:
        assert getattr(nbkit, name) is not None


def test_a_misspelled_name_raises_an_attribute_error() -> None:
    """Although public names are loaded on first use."""
    with pytest.raises(AttributeError, match="Studioo"):
        _ = nbkit.Studioo  # type: ignore[attr-defined]


def test_importing_nbkit_loads_no_large_package() -> None:
    """They are loaded on first use."""
    code = "import sys, json; import nbkit; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    executed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(executed.stdout))
    assert not loaded & {"pandas", "numpy", "ipywidgets", "IPython", "PIL", "httpx", "sqlalchemy", "psutil"}


def test_the_package_declares_that_it_is_typed() -> None:
    """A type checker then uses its annotations."""
    assert (ROOT / "py.typed").exists()


# -- names -------------------------------------------------------------------------------------------------------


def is_widget(path: Path) -> bool:
    """Whether a module is part of the widgets, whose parts keep their first names for now."""
    return path.is_relative_to(ROOT / "widgets")


def defined_in(path: Path) -> set[str]:
    """The names that a module defines: its own, its classes, functions and constants, and all attributes."""
    names = {path.stem, path.parent.name}
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
        if isinstance(node, (ast.Module, ast.ClassDef)):
            assignments = (part for part in node.body if isinstance(part, (ast.Assign, ast.AnnAssign)))
            stored = (part for assignment in assignments for part in ast.walk(assignment))
            names |= {part.id for part in stored if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    return names


def classes_of(paths: Iterable[Path]) -> list[tuple[str, str]]:
    """Each class with its module, by name."""
    return sorted(
        (node.name, name_of(path))
        for path in paths
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef)
    )


@pytest.mark.parametrize(
    "path",
    [ROOT / "__init__.py", *(path for path in modules() if not is_widget(path))],
    ids=lambda path: name_of(path) or "nbkit",
)
def test_the_dialect_of_the_first_version_does_not_come_back(path: Path) -> None:
    """No module, class, function, method, constant or attribute has one of its names, with or without underscores."""
    assert {name for name in defined_in(path) if name.lstrip("_") in DIALECT} == set()


def test_every_class_outside_the_widgets_has_a_name_of_its_own() -> None:
    """Private classes too."""
    classes = classes_of(path for path in modules() if not is_widget(path))
    modules_by_name = {name: [module for other, module in classes if other == name] for name, _ in classes}
    assert {name: found for name, found in modules_by_name.items() if len(found) > 1} == {}
    widgets = {name for name, _ in classes_of(path for path in modules() if is_widget(path))}
    assert not modules_by_name.keys() & widgets
