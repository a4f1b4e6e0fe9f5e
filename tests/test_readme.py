"""The README: its first two commands, Python examples, pictures and links; and the top level of the repository."""

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
    """The code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_the_first_two_commands_open_the_quickstart_and_run_the_tests() -> None:
    """Each is one line and begins with making a virtual environment."""
    lab, tests = blocks("sh")[:2]
    for command in (lab, tests):
        assert len(command.strip().splitlines()) == 1
        assert command.startswith("python3 -m venv ")
    assert "jupyter" in lab
    assert "notebooks/quickstart.ipynb" in lab
    assert "-m tests" in tests


def test_neither_the_readme_nor_a_notebook_installs_nbkit_from_pypi() -> None:
    """The name there belongs to another project."""
    for text in (README, *(path.read_text("utf-8") for path in (REPOSITORY / "notebooks").glob("*.ipynb"))):
        assert not re.search(r"pip install (-\S+ )*[\"']?nbkit", text)


def test_the_python_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other in one namespace, without a key and without a network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RUNWARE_API_KEY", raising=False)
    namespace: dict[str, object] = {}
    found = blocks("python")
    assert len(found) >= 3
    for number, block in enumerate(found):
        exec(compile(block, f"README.md, Python block {number + 1}", "exec"), namespace)
    for value in namespace.values():
        if hasattr(value, "balance"):
            value.close()  # type: ignore[attr-defined]


def test_the_targets_of_local_links_and_pictures_exist() -> None:
    """In the repository."""
    targets = re.findall(r"\]\(([^)#]+)\)", README) + re.findall(r'src="([^"]+)"', README)
    local = [target for target in targets if "://" not in target]
    assert local
    for target in local:
        assert (REPOSITORY / target).exists(), target


def test_the_dependencies_are_this_list() -> None:
    """A new dependency is a decision, which has to be made here, too."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    names = {re.match(r"[\w-]+", line).group() for line in project["dependencies"]}  # type: ignore[union-attr]
    assert names == {
        "anywidget",
        "httpcore",
        "httpx",
        "ipython",
        "ipywidgets",
        "pandas",
        "pillow",
        "platformdirs",
        "psutil",
        "sqlalchemy",
        "tqdm",
    }


def test_the_repository_has_six_entries_at_the_top_level() -> None:
    """Besides dot-files and files that git ignores."""
    visible = {name for name in tracked() or present() if not name.startswith(".")}
    assert visible == {"pyproject.toml", "README.md", "LICENSE", "nbkit", "notebooks", "tests"}


def tracked() -> set[str]:
    """The entries at the top level that git tracks; none if git is not installed, or the folder is no repository."""
    git = shutil.which("git")
    if git is None:
        return set()
    listed = subprocess.run([git, "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return {name.split("/")[0] for name in listed.stdout.split("\0") if name}


def present() -> set[str]:
    """The entries at the top level, without those that .gitignore lists and those that only an unpacked sdist has."""
    gitignore = REPOSITORY / ".gitignore"
    lines = gitignore.read_text("utf-8").splitlines() if gitignore.exists() else []
    ignored = ["PKG-INFO", *(line.strip().rstrip("/") for line in lines if line.strip())]
    names = {path.name for path in REPOSITORY.iterdir()}
    return {name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in ignored)}


def test_ignored_files_do_not_count_as_entries_of_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock file, a log or a build in a folder that is no git repository."""
    (tmp_path / ".gitignore").write_text("nbkit-runs/\nuv.lock\n*.egg-info/\n")
    for name in ("nbkit-runs", "nbkit.egg-info", "nbkit"):
        (tmp_path / name).mkdir()
    for name in ("uv.lock", "PKG-INFO"):
        (tmp_path / name).touch()
    monkeypatch.setattr("test_readme.REPOSITORY", tmp_path)
    assert tracked() == set()
    assert present() == {".gitignore", "nbkit"}
