"""The README: its commands are the ones promised, its Python runs, its pictures exist."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
README = (REPOSITORY / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_the_first_two_commands_are_one_line_each() -> None:
    """One opens the quickstart in JupyterLab, one runs the tests; each does all of its own set-up."""
    lab, tests = blocks("sh")[:2]
    for command in (lab, tests):
        assert len(command.strip().splitlines()) == 1
        assert command.startswith("python3 -m venv ")
    assert "jupyter" in lab
    assert "notebooks/quickstart.ipynb" in lab
    assert "-m tests" in tests


def test_nothing_tells_a_person_to_install_from_the_registry() -> None:
    """The name on the public registry belongs to somebody else."""
    for text in (README, *(path.read_text("utf-8") for path in (REPOSITORY / "notebooks").glob("*.ipynb"))):
        assert not re.search(r"pip install (-\S+ )*[\"']?nbkit", text)


def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python block runs, one after the other, in one namespace, with no key and no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RUNWARE_API_KEY", raising=False)
    namespace: dict[str, object] = {}
    found = blocks("python")
    assert len(found) >= 3
    for number, block in enumerate(found):
        exec(compile(block, f"README.md, Python block {number + 1}", "exec"), namespace)  # the README is ours
    for value in namespace.values():
        if hasattr(value, "balance"):
            value.close()  # type: ignore[attr-defined]


def test_its_pictures_and_links_exist() -> None:
    """No picture of it is missing; no link points beside the repository's files."""
    targets = re.findall(r"\]\(([^)#]+)\)", README) + re.findall(r'src="([^"]+)"', README)
    local = [target for target in targets if "://" not in target]
    assert local
    for target in local:
        assert (REPOSITORY / target).exists(), target


def test_the_dependency_list_has_not_grown() -> None:
    """A new dependency is a decision: it is made here, too."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    names = {re.match(r"[\w-]+", line).group() for line in project["dependencies"]}  # type: ignore[union-attr]
    assert names == {
        "anywidget",
        "httpx",
        "ipython",
        "ipywidgets",
        "pandas",
        "pillow",
        "psutil",
        "sqlalchemy",
        "stamina",
        "tqdm",
    }


def test_the_top_level_is_what_was_agreed() -> None:
    """Dot-files and what git ignores aside, six names: nothing else, and none is missing."""
    visible = {name for name in tracked() or lying_there() if not name.startswith(".")}
    assert visible == {"pyproject.toml", "README.md", "LICENSE", "nbkit", "notebooks", "tests"}


def tracked() -> set[str]:
    """What git keeps at the top level; nothing where there is no git, or where this folder is no repository of it."""
    git = shutil.which("git")
    if git is None:
        return set()
    listed = subprocess.run([git, "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return {name.split("/")[0] for name in listed.stdout.split("\0") if name}


def lying_there() -> set[str]:
    """What lies at the top level, without what .gitignore names and what an unpacked sdist has besides."""
    ignoring = REPOSITORY / ".gitignore"
    lines = ignoring.read_text("utf-8").splitlines() if ignoring.exists() else []
    ignored = ["PKG-INFO", *(line.strip().rstrip("/") for line in lines if line.strip())]
    names = {path.name for path in REPOSITORY.iterdir()}
    return {name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in ignored)}


def test_what_lies_beside_the_repository_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock file, a log or a build in the folder is nobody's business, with git and without."""
    (tmp_path / ".gitignore").write_text("nbkit-runs/\nuv.lock\n*.egg-info/\n")
    for name in ("nbkit-runs", "nbkit.egg-info", "nbkit"):
        (tmp_path / name).mkdir()
    for name in ("uv.lock", "PKG-INFO"):
        (tmp_path / name).touch()
    monkeypatch.setattr("test_readme.REPOSITORY", tmp_path)
    assert tracked() == set()
    assert lying_there() == {".gitignore", "nbkit"}
