"""The wheel: it contains all files that the package needs, and works without the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent

SCRIPT = """
import pathlib, sys, nbkit
assert pathlib.Path(nbkit.__file__).is_relative_to(sys.argv[1]), nbkit.__file__
studio = nbkit.Studio(engine="offline", path="runs")
run = studio.generate("A lantern with the words 'OPEN LATE'", seed=7).raise_for_status()
print(run.image.width, run.image.height, len(studio.df), run.image.fingerprint)
studio.panel()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the repository, built for these tests."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(REPOSITORY)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_contains_the_package_and_its_metadata_only(wheel: Path) -> None:
    """With the licence, the type marker and the font; without tests and notebooks."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"nbkit"}
    assert "nbkit/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith(".ttf") for name in names)
    assert not any("__pycache__" in name for name in names)


def test_an_installed_wheel_makes_a_picture_and_logs_it(wheel: Path, tmp_path: Path) -> None:
    """In another folder, without the repository on the path."""
    site, cell = tmp_path / "site", tmp_path / "cell"
    cell.mkdir()
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(site)],
        cwd=cell,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split()[:3] == ["1024", "1024", "1"]
