"""The originals that a comparison shows while its kernel lives, without a page: a list stands for the page."""

import queue
import subprocess
import sys
from types import SimpleNamespace

import ipywidgets
import pytest

import nbkit
from nbkit.widgets.image_grid import originals


@pytest.fixture
def studio(tmp_path):
    """An offline studio whose log is in no folder of a notebook."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    yield studio
    studio.close()


@pytest.fixture
def lets_ask(monkeypatch):
    """``lets_ask(True)``: a person executes the cells; ``False``: nbconvert does."""
    monkeypatch.setattr(originals, "_files", {})
    monkeypatch.setattr(originals, "_served", [])

    def let(answer):
        shell = SimpleNamespace(kernel=SimpleNamespace(_allow_stdin=answer))
        monkeypatch.setattr(originals, "get_ipython", lambda: shell)

    yield let
    for served in originals._served:
        served.view.close()


@pytest.fixture
def ask(lets_ask, monkeypatch):
    """``ask(name)`` returns the message with which the kernel answers, and its buffers."""
    lets_ask(True)
    answers = queue.SimpleQueue()
    monkeypatch.setattr(originals.OriginalsView, "send", lambda _, content, buffers: answers.put((content, buffers)))

    def ask_(name):
        (served,) = originals._served
        served.view._handle_custom_msg({"name": name}, [])
        return answers.get(timeout=10)

    return ask_


def pair(studio):
    return [studio.generate("A lantern", seed=seed, resolution="0.5K") for seed in (1, 2)]


def name_of(run):
    return run.image.sha256[:16]


def test_the_page_gets_the_bytes_of_the_originals_that_were_shown(studio, ask, tmp_path, monkeypatch):
    """Wherever the log is, and after a change of the working directory; the HTML has the names to ask for."""
    monkeypatch.chdir(tmp_path)
    runs = pair(studio)
    html = nbkit.compare(*runs)._repr_mimebundle_()["text/html"]
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    for run in runs:
        assert f'data-nbkit-original="{name_of(run)}"' in html
        assert ask(name_of(run)) == ({"name": name_of(run)}, [run.image.bytes])
    assert str(tmp_path) not in html


def test_the_kernel_reads_no_file_that_was_not_shown(studio, ask):
    """A name of another picture, or of anything else, has no answer."""
    shown, other = pair(studio), studio.generate("A jade lantern", seed=3, resolution="0.5K")
    nbkit.compare(*shown)._repr_mimebundle_()
    (served,) = originals._served
    for name in (name_of(other), "../../../etc/passwd", None, {}):
        served.view._handle_custom_msg({"name": name}, [])
    assert ask(name_of(shown[0]))[0] == {"name": name_of(shown[0])}  # the first answer that comes


@pytest.mark.parametrize("damage", ["gone", "damaged"])
def test_an_original_that_cannot_be_read_has_no_bytes(studio, ask, damage):
    """The page keeps the preview."""
    runs = pair(studio)
    nbkit.compare(*runs)._repr_mimebundle_()
    path = runs[0].image.path
    path.unlink() if damage == "gone" else path.write_bytes(b"junk")
    assert ask(name_of(runs[0])) == ({"name": name_of(runs[0])}, [])


def test_all_comparisons_of_a_kernel_share_one_widget(studio, lets_ask):
    """Also after all widgets were closed there is one."""
    lets_ask(True)
    runs = pair(studio)
    for _ in range(3):
        nbkit.compare(*runs)._repr_mimebundle_()
    (first,) = originals._served
    ipywidgets.Widget.close_all()
    nbkit.compare(*runs)._repr_mimebundle_()
    (second,) = originals._served
    assert second is not first
    assert second.view.comm is not None


def test_a_notebook_without_a_studio_has_originals_too():
    """One that compares rows of a log."""
    code = "import nbkit; nbkit.compare; from nbkit.comparison.result import ON_SHOWN; assert len(ON_SHOWN) == 1"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_where_nobody_looks_there_is_no_widget(studio, lets_ask, monkeypatch):
    """In nbconvert, nbval, a terminal and a script; the output is the same as with one."""
    comparison = nbkit.compare(*pair(studio))
    lets_ask(True)
    expected = comparison._repr_mimebundle_()
    ipywidgets.Widget.close_all()
    lets_ask(False)
    originals._served.clear()
    assert comparison._repr_mimebundle_() == expected
    monkeypatch.setattr(originals, "get_ipython", lambda: None)
    assert comparison._repr_mimebundle_() == expected
    assert originals._served == []
