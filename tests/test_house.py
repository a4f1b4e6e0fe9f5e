"""The house itself: imports run one way, names are what they say, importing is light."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import nbkit

ROOT = Path(nbkit.__file__).parent

FOLDERS = (
    "errors", "request", "display", "service", "measures", "results", "log", "ledger", "comparison", "sweep",
    "offline", "backends", "widgets", "history", "studio", "magic",
)  # fmt: skip
"""From the ground up: what stands in a folder (or a module at the top) imports only what stands before it."""

WIDGETS = ("page", "controls", "wall", "gallery", "panel", "sweep_panel")
"""The folders of the widgets, from the ground up."""


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if path.name != "__init__.py" or path.parent != ROOT)


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def own_imports(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "nbkit":
            inside = (node.module or "").partition(".")[2]
            for alias in (
                node.names
            ):  # `from nbkit.display import text` names a module, `from nbkit.results.run import Run` does not
                deeper = f"{inside}.{alias.name}".lstrip(".")
                found.add(deeper if is_module(deeper) else inside)
        elif isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[2] for alias in node.names if alias.name.startswith("nbkit.")}
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "widgets").glob("*/*.py")), ids=name_of)
def test_the_widgets_build_on_each_other_one_way(path: Path) -> None:
    """A panel may hold a gallery, and no gallery knows of a panel."""
    mine = WIDGETS.index(path.parent.name)
    for imported in own_imports(ast.parse(path.read_text("utf-8"))):
        parts = imported.split(".")
        if parts[0] == "widgets" and len(parts) > 1:
            assert WIDGETS.index(parts[1]) <= mine, f"{name_of(path)} imports nbkit.{imported}"


def test_the_list_of_folders_is_complete() -> None:
    """A new folder, or a new module at the top, has to be put into the order of imports."""
    present = {name_of(path).split(".")[0] for path in modules()}
    assert present - {"__main__"} == set(FOLDERS)


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_run_one_way(path: Path) -> None:
    """A folder imports only folders that stand before it; imports for the type checker alone count too."""
    name = name_of(path)
    if name == "__main__":
        return
    folder = name.split(".")[0]
    for imported in own_imports(ast.parse(path.read_text("utf-8"))):
        other = imported.split(".")[0]
        assert other == folder or FOLDERS.index(other) < FOLDERS.index(folder), f"nbkit.{name} imports nbkit.{imported}"


def test_no_folder_hides_a_public_name() -> None:
    """No folder and no module at the top is named like something public: importing it would hide that."""
    public = {*nbkit.__all__} - {"errors"}
    reserved = {"compare", "models", "read", "show", "expected"}
    assert not {*FOLDERS} & (public | reserved)


def test_every_folder_explains_itself() -> None:
    """The docstring of a folder says what stands in it, and the architecture in nbkit's own names each one."""
    for init in ROOT.glob("*/__init__.py"):
        assert len(ast.get_docstring(ast.parse(init.read_text("utf-8"))) or "") > 60, init
    for name in FOLDERS:
        assert f"\n{name}/ " in str(nbkit.__doc__) or f"\n{name}.py " in str(nbkit.__doc__), name


def test_no_two_modules_import_each_other() -> None:
    """The graph of modules has no cycle, inside a package neither."""
    graph = {name_of(path): own_imports(ast.parse(path.read_text("utf-8"))) for path in modules()}
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
def test_no_own_import_hides_in_a_function(path: Path) -> None:
    """What a module needs of its neighbours stands at its top."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert not own_imports(node), f"{node.name} in nbkit.{name_of(path)}"


def test_all_names_what_is_visible() -> None:
    """``__all__`` is what ``dir()`` shows, and each name is there."""
    assert set(nbkit.__all__) == {name for name in dir(nbkit) if not name.startswith("_")}
    for name in nbkit.__all__:
        assert getattr(nbkit, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    """Loading on first use does not swallow a misspelled name."""
    with pytest.raises(AttributeError, match="Studioo"):
        _ = nbkit.Studioo  # type: ignore[attr-defined]


def test_importing_is_light() -> None:
    """``import nbkit`` loads none of the heavy packages, and opens nothing."""
    code = "import sys, json; import nbkit; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(answer.stdout))
    assert not loaded & {"pandas", "numpy", "ipywidgets", "IPython", "PIL", "httpx", "sqlalchemy", "psutil", "stamina"}


def test_a_plain_install_gains_no_dependency() -> None:
    """What ``pip install nbkit`` brings is this list, and nothing is added to it unnoticed."""
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text("utf-8"))["project"]
    names = {re.split("[^a-z]", requirement)[0] for requirement in project["dependencies"]}
    assert names == {
        "anywidget", "httpx", "ipython", "ipywidgets", "pandas", "pillow", "psutil", "sqlalchemy", "stamina", "tqdm",
    }  # fmt: skip


def test_the_type_information_travels() -> None:
    """The package says that it is typed."""
    assert (ROOT / "py.typed").exists()
