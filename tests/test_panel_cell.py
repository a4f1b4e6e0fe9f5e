"""A panel among other widgets and in a cell that runs again: what it closes, what it takes over, what it leaves behind."""

import gc

import ipywidgets
import pytest
from ipywidgets.widgets import widget
from offline_tasks import held_engine
from panel_tools import make_run, message, offline_studio, press, press_generate, queue, type_in
from sweep_tools import until

import nbkit
from nbkit.widgets.page import cell
from nbkit.widgets.panel.panel import Panel

PROMPT = "A paper lantern"


class Shell:
    """As much of IPython's shell as says which cell is running."""

    def __init__(self):
        self.execution_count, self.cell = 0, ""

    def get_parent(self):
        return {"metadata": {"cellId": self.cell}}

    def run(self, cell, make):
        """Run a cell, and return what it makes."""
        self.execution_count, self.cell = self.execution_count + 1, cell
        return make()


@pytest.fixture
def shell(monkeypatch):
    shell = Shell()
    monkeypatch.setattr(cell, "get_ipython", lambda: shell)
    monkeypatch.setattr(cell, "_made", {})
    return shell


@pytest.fixture
def studio(tmp_path):
    with offline_studio(tmp_path, budget=1.00) as studio:
        yield studio


def is_open(panel):
    return panel.comm is not None and panel.view.comm is not None


def open_panels():
    return [panel for panel in gc.get_objects() if type(panel) is Panel and panel.comm is not None]


# -- among other widgets -----------------------------------------------------------------------------------------


def test_a_panel_is_a_widget_that_others_can_hold(studio):
    """In a box, in tabs, beside a control of its reader's own; it works there as it does alone."""
    panel = studio.panel(PROMPT, resolution="0.5K")
    title = ipywidgets.Text()
    tab = ipywidgets.Tab((ipywidgets.VBox((title, panel)), ipywidgets.Output()), titles=("make", "notes"))
    assert isinstance(panel, ipywidgets.Box)
    assert panel in tab.children[0].children
    assert panel.box is panel
    title.observe(lambda change: panel.set(prompt=change["new"]), "value")
    title.value = "A jade teapot"
    assert make_run(panel, seed=1).request.prompt == "A jade teapot"


def test_a_panel_can_be_shown_twice_and_after_a_run(studio):
    """Its representation in a terminal is one line."""
    panel = studio.panel(PROMPT)
    for _ in range(2):
        panel._ipython_display_()
    assert repr(panel) == "<Panel 'A paper lantern', $0.069>"
    panel.set(prompt=None)
    assert repr(panel).startswith("<Panel, not ready: ")


def test_a_closed_panel_leaves_no_widgets(studio):
    """Neither controls nor layouts; what widgets share stays for the others."""
    other = studio.panel(PROMPT)
    before = set(widget._instances)
    panel = studio.panel(PROMPT, resolution="0.5K")
    press(panel, "history")
    make_run(panel, seed=1)
    panel.close()
    left = [widget._instances[key] for key in set(widget._instances) - before]
    assert {type(one).__name__ for one in left} <= {
        "Layout",
        "ButtonStyle",
        "TextStyle",
        "ToggleButtonStyle",
        "DescriptionStyle",
        "HTMLStyle",
    }
    assert len(left) <= 12  # one of each kind, for all panels and galleries of the kernel
    assert is_open(other)
    type_in(other, seed="5")
    assert other.request.seed == 5


# -- a cell that runs again --------------------------------------------------------------------------------------


def test_a_cell_that_runs_again_closes_its_earlier_panel(studio, shell):
    """Panels of other cells, and a second one of the same run of the cell, stay."""
    first, second = shell.run("a", lambda: (studio.panel(PROMPT), studio.panel(PROMPT)))
    other = shell.run("b", lambda: studio.panel(PROMPT))
    assert all(map(is_open, (first, second, other)))
    again = shell.run("a", lambda: studio.panel(PROMPT))
    assert [is_open(panel) for panel in (first, second, other, again)] == [False, False, True, True]
    third = shell.run("a", lambda: studio.panel(PROMPT))
    assert [is_open(panel) for panel in (other, again, third)] == [True, False, True]


def test_where_no_cell_has_an_id_no_panel_is_closed(studio, shell):
    """In a terminal, or in a front end that tells the kernel of no cells."""
    panels = [shell.run("", lambda: studio.panel(PROMPT)) for _ in range(2)]
    assert all(map(is_open, panels))


def test_running_a_cell_25_times_leaves_no_more_widgets_than_running_it_once(studio, shell):
    """Nor more panels: a notebook that is worked in for a day does not fill the kernel or the file."""
    shell.run("a", lambda: studio.panel(PROMPT, seed=1))
    gc.collect()
    once, panels = len(widget._instances), len(open_panels())
    for _ in range(25):
        shell.run("a", lambda: studio.panel(PROMPT, seed=1))
    gc.collect()
    assert len(widget._instances) == once
    assert len(open_panels()) == panels


def test_a_panel_takes_over_what_its_predecessor_has_under_way(tmp_path, shell):
    """It says so, shows the picture and how the run ended; what was waiting in line is not sent."""
    engine, arrived, release = held_engine()
    with offline_studio(tmp_path, engine=engine) as studio:
        before = shell.run("a", lambda: studio.panel(PROMPT, resolution="0.5K", seed=1))
        before.generate()
        assert arrived.wait(20)
        before.set(prompt="The second")
        press_generate(before)
        assert queue(before) == [(1, True), (2, False)]
        panel = shell.run("a", lambda: studio.panel(PROMPT, resolution="0.5K", seed=2))
        assert not is_open(before)
        assert "Still under way from before this cell was run again: “A paper lantern”, up to $0.047" in message(panel)
        release.set()
        until(lambda: "Done in" in message(panel))
        until(lambda: len(panel.pictures.strip) == 1 and panel.pictures.chosen)
        assert panel.pictures.chosen.image.seed == 1
        assert panel.last.seed == 1
        assert "seed 1" in panel.saved.output.bundle.text
        assert studio.df.prompt.tolist() == [PROMPT]
        assert make_run(panel).seed == 2


def test_a_run_that_fails_after_its_cell_was_run_again_is_reported(tmp_path, shell):
    """In the panel that is there now, with the reason."""
    engine, arrived, release = held_engine()
    engine.failures = {"blocked": 1.0}
    with offline_studio(tmp_path, engine=engine) as studio:
        before = shell.run("a", lambda: studio.panel(PROMPT))
        before.generate()
        assert arrived.wait(20)
        panel = shell.run("a", lambda: studio.panel(PROMPT))
        release.set()
        until(lambda: panel.view.bar["status"]["wrong"])
        assert "Change the prompt" in message(panel)


def test_the_second_of_two_reruns_takes_over_too(tmp_path, shell):
    """A cell may be run twice while a request is under way."""
    engine, arrived, release = held_engine()
    with offline_studio(tmp_path, engine=engine) as studio:
        shell.run("a", lambda: studio.panel(PROMPT, resolution="0.5K", seed=1)).generate()
        assert arrived.wait(20)
        panels = [shell.run("a", lambda: studio.panel(PROMPT, seed=2)) for _ in range(2)]
        assert "Still under way" in message(panels[-1])
        release.set()
        until(lambda: len(panels[-1].pictures.strip) == 1)
        assert "Done in" in message(panels[-1])


def test_a_refused_panel_leaves_the_earlier_one_open(studio, shell):
    """A cell that was run again with a mistake in it."""
    panel = shell.run("a", lambda: studio.panel(PROMPT))
    with pytest.raises(nbkit.errors.RequestError):
        shell.run("a", lambda: studio.panel(PROMPT, temperature=99))
    assert is_open(panel)
