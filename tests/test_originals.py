"""A picture in a cell leads to its original by a relative path, and no path of the machine gets into a notebook."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

import nbkit


def links(html):
    """Where the links of a page lead."""
    return [unquote(link) for link in re.findall(r'<a href="([^"]*)"', html)]


@pytest.fixture
def studio_at():
    """Opens offline studios on folders, and closes them."""
    studios = []

    def open_one(path):
        studios.append(nbkit.Studio(engine="offline", path=path))
        return studios[-1]

    yield open_one
    for studio in studios:
        studio.close()


@pytest.mark.parametrize("path", ["nbkit-runs", "my runs/#1 & <two>", "../beside"])
def test_a_picture_leads_to_its_original(studio_at, tmp_path, monkeypatch, path):
    """In a run, a picture, a frame, a grid and a thread; by the path that the folder has from the notebook."""
    notebook = tmp_path / "notebook"
    notebook.mkdir()
    monkeypatch.chdir(notebook)
    studio = studio_at(path)
    run = studio.generate("A lantern", seed=7, resolution="0.5K", number_results=2)
    sweep = studio.sweep("A lantern", seed=[1], resolution="0.5K", name="one").start().wait()
    shown = {
        "run": run._repr_mimebundle_()["text/html"],
        "logged": studio.log[run.task_uuid].to_html(),
        "picture": run.image._repr_mimebundle_()["text/html"],
        "frame": studio.df.nbkit.show().html,
        "log": studio.log.show().html,
        "grid": sweep.grid().html,
        "thread": studio.log.thread(run)._repr_mimebundle_()["text/html"],
    }
    for name, html in shown.items():
        found = links(html)
        assert found, name
        for link in found:
            assert (notebook / link).resolve().is_file(), name
            assert not Path(link).is_absolute()
        assert str(tmp_path) not in html, name
    assert links(shown["run"]) == [image.link for image in run]
    assert (notebook / run.image.link).read_bytes() == run.image.bytes


def test_a_log_inside_the_notebooks_folder_is_linked_however_it_was_given(studio_at):
    """Also by an absolute path."""
    run = studio_at(Path.cwd() / "runs").generate("A lantern", seed=7, resolution="0.5K")
    assert run.image.link.startswith("runs/images/")
    assert "run.image.path is the original" not in run.to_html()


def test_a_log_elsewhere_is_not_linked(studio_at, tmp_path, monkeypatch):
    """The cell says in words where the original is; the path of the machine is not in it."""
    folder = tmp_path / "notebook"
    folder.mkdir()
    monkeypatch.chdir(folder)
    studio = studio_at(tmp_path / "elsewhere")
    run = studio.generate("A lantern", seed=7, resolution="0.5K")
    assert run.image.link == ""
    assert links(run.to_html()) == links(studio.df.nbkit.show().html) == []
    assert "run.image.path is the original" in run.to_html()
    assert str(tmp_path) not in run.to_html() + run.to_text()


def test_files_that_may_be_anywhere_have_no_links(studio_at, tmp_path):
    """A saved page is opened from another folder; and a comparison is dragged, not pressed."""
    studio = studio_at("runs")
    result = studio.sweep("A lantern", seed=[1, 2], resolution="0.5K", name="two").start().wait()
    for page in (
        result.save_html(tmp_path / "elsewhere" / "page.html"),
        result.report(tmp_path / "elsewhere" / "report.html"),
    ):
        assert links(page.read_text("utf-8")) == []
    assert links(nbkit.compare(*result.runs).to_html()) == []


def test_a_picture_whose_file_is_gone_has_no_link(studio_at):
    """There is nothing to open."""
    run = studio_at("runs").generate("A lantern", seed=7, resolution="0.5K")
    run.image.path.unlink()
    assert links(run.to_html()) == []
