"""A sweep panel while its sweep runs: exceptions while it is shown, Stop, the buttons, and what it keeps in memory."""

import gc
import operator
import sys
import threading

import pytest
import service_faults as fault
from panel_tools import (
    button_of,
    choose_cells,
    message,
    messages_of,
    png,
    press_and_wait,
    press_run,
    queue,
    tile,
    type_in,
    type_values,
)
from sweep_tools import until

from nbkit.errors import StorageError
from nbkit.request.reference import Reference
from nbkit.widgets.jobs import counting


@pytest.fixture
def panel(studio):
    """A panel for eight cells, one at a time."""
    return studio.sweep_panel("A lantern", seed=range(8), resolution="0.5K", max_workers=1)


def failing(times, function, error=None):
    """A function that raises the first times that it is called, and then calls another one."""
    errors = [error or StorageError("the log cannot be read: database is locked")] * times

    def call(*arguments, **named):
        if errors:
            raise errors.pop()
        return function(*arguments, **named)

    return call


# -- exceptions while the sweep is shown -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("panel.sweeps.grid", "refresh"),
        ("panel.sweeps.grid", "show"),
        ("panel.sweeps", "progressed"),
        ("studio.log", "get_runs"),
    ],
)
def test_an_exception_while_progress_is_shown_does_not_end_the_sweep(service, studio, panel, monkeypatch, part, name):
    """It is shown; the sweep goes on and Stop works, and the grid is shown when that is possible again."""
    owner, _, attributes = part.partition(".")
    shown = operator.attrgetter(attributes)({"panel": panel, "studio": studio}[owner])
    monkeypatch.setattr(shown, name, failing(2, getattr(shown, name)))
    service.free.clear()
    panel.run()
    until(lambda: "database is locked" in message(panel))
    assert panel.jobs.jobs == (panel.jobs.latest,)
    until(lambda: queue(panel) == [(1, True)])
    assert not panel.jobs.latest.over.is_set()
    assert not panel.run()
    until(lambda: tile(panel, 0).status == "running" and service.accepted)
    panel.stop()
    service.free.set()
    assert panel.wait(20).counts == {"done": 1, "not run": 7}
    assert len(service.sent) == 1
    assert tile(panel, 0).status == "done"
    assert "Stopped, and all that was sent has landed" in message(panel)


def test_a_page_that_cannot_be_reached_does_not_end_the_sweep(service, panel):
    """Neither the progress nor the exception can be shown; the sweep runs to its end all the same."""
    panel.progressed = failing(3, panel.progressed, OSError("no socket"))
    panel.fault = failing(1, panel.fault, OSError("no socket"))
    service.free.clear()
    panel.run()
    until(lambda: tile(panel, 0).status == "running")
    assert panel.jobs.jobs == (panel.jobs.latest,)
    service.free.set()
    assert panel.wait(20).counts == {"done": 8}


def test_an_exception_in_the_output_after_stop_is_shown(service, panel):
    """The output is written twice: at Stop, in a thread, and when the last request has ended."""
    service.free.clear()
    panel.run()
    until(lambda: service.accepted)
    panel.saved.output.show = failing(1, panel.saved.output.show, ZeroDivisionError("no grid"))
    panel.stop()
    until(lambda: "ZeroDivisionError: no grid" in message(panel))
    service.free.set()
    panel.wait(20)
    assert "✓ done" in panel.saved.output.bundle.text


def test_an_exception_in_the_output_at_the_end_is_shown_and_raised_by_wait(panel):
    """The notebook does not keep the grid that it should keep."""
    panel.saved.output.show = failing(1, panel.saved.output.show, ZeroDivisionError("no grid"))
    panel.run()
    with pytest.raises(ZeroDivisionError):
        panel.wait(20)
    assert "ZeroDivisionError: no grid" in message(panel)


def test_a_press_that_is_refused_is_not_under_way(service, panel):
    """The prompt was deleted before the press came: the panel says that nothing was sent, and shows the prompt."""
    quote = panel.view.bar["quote"]
    type_in(panel, prompt="")
    sent = messages_of(panel.view)
    assert press_run(panel, quote=quote) is None
    assert message(panel) == "Write a prompt first."
    assert sent == [{"kind": "focus", "name": "prompt", "unless_acted": True}]
    assert panel.jobs.jobs == ()
    assert service.sent == []


def test_a_prompt_that_is_deleted_after_the_press_is_sent(service, panel):
    """The press was about what was there."""
    with panel.form.lock:  # which the sending takes, too
        job = press_run(panel)
        type_in(panel, prompt="")
    assert job.over.wait(30)
    assert len(service.sent) == 8


# -- the price on the button -----------------------------------------------------------------------------------


def test_the_count_for_earlier_values_does_not_replace_a_later_one(studio, monkeypatch):
    """Even if it ends just when other values are set: the button is about those."""
    monkeypatch.setattr(counting, "AT_ONCE", 1)
    panel = studio.sweep_panel("A lantern", seed=range(3), resolution="0.5K")
    until(lambda: "3 cells" in button_of(panel))
    counted, locked, count_up = threading.Event(), threading.Event(), counting.count_up
    threads = []

    def counts(*arguments, **named):
        count = count_up(*arguments, **named)
        threads.append(threading.get_ident())
        counted.set()
        assert locked.wait(20)
        return count

    monkeypatch.setattr(counting, "count_up", counts)
    panel.set(seed=range(4))
    assert counted.wait(20)
    with panel.form.lock:  # a handler of the page holds it too
        locked.set()
        until(lambda: "counts" not in _functions_of(threads[0]))  # it waits for the lock now
        panel.set(seed=range(9))
    until(lambda: "_count" not in _functions_of(threads[0]))
    assert "4 cells" not in button_of(panel)
    until(lambda: "9 cells" in button_of(panel))


def _functions_of(thread):
    """The names of the functions that a thread is in."""
    frame, names = sys._current_frames().get(thread), []
    while frame is not None:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


# -- while it runs ---------------------------------------------------------------------------------------------


def test_a_press_while_a_sweep_is_under_way_or_all_is_there_sends_nothing(service, panel):
    """The button says the first while it lasts, and the second is said once it is pressed."""
    service.free.clear()
    quote = panel.view.bar["quote"]
    panel.run()
    until(lambda: panel.jobs.latest.work.running)
    assert not panel.view.bar["ready"]
    assert press_run(panel, quote=quote) is None
    service.free.set()
    assert panel.wait(20).counts == {"done": 8}
    assert panel.view.bar["why"] == "All cells are done."
    press_and_wait(panel, quote=quote)
    assert "All cells are done: nothing was sent." in message(panel)
    assert len(service.sent) == 8
    panel.set(seed=range(9))
    assert panel.view.bar["ready"]


def test_many_cells_have_their_progress_shown_while_they_are_counted_again(service, studio):
    """A press has them counted again in the background."""
    panel = studio.sweep_panel("A lantern", seed=range(101), resolution="0.5K", max_workers=1)
    until(lambda: "101 cells" in button_of(panel))
    service.free.clear()
    panel.run(confirm=True)
    until(lambda: (panel.view.bar["progress"] or {}).get("total") == 101)
    assert queue(panel) == [(1, True)]
    panel.stop()
    assert panel.view.bar["progress"] is None
    service.free.set()
    panel.wait(20)


def test_a_cell_that_was_chosen_before_its_run_stays_chosen(service, panel):
    """Its tile is shown as running, then has the picture."""
    service.free.clear()
    panel.run()
    until(lambda: tile(panel, 0) and tile(panel, 0).status == "running")
    choose_cells(panel, 0, 1)
    assert tile(panel, 0).file is None
    service.free.set()
    panel.wait(20)
    assert len(panel.grid.grid.selected) == 2
    assert ["seed 0" in tile(panel, cell).caption for cell in (0, 1)] == [True, False]
    assert all(tile(panel, cell).file.exists() for cell in (0, 1))


def test_the_progress_line_counts_cells_that_ended_and_cells_that_failed(service, panel):
    """With money and time; the line is short enough to fit beside the buttons."""
    service.faults.extend([None, fault.refused("inferenceError")])
    shown = []
    panel.view.observe(lambda change: shown.append(change["new"]["progress"]), "bar")
    panel.run()
    panel.wait(20)
    last = [progress for progress in shown if progress][-1]
    assert (last["ended"], last["total"]) == (8, 8)
    assert "8 of 8 · 1 failed · $0.48 · " in last["text"]
    assert "done" not in last["text"]


# -- memory ----------------------------------------------------------------------------------------------------


def test_the_grid_keeps_no_reference_images_in_memory(studio):
    """The log has them; in memory there is only the one copy that the panel was given."""
    data = png("hotpink")  # no other test has this picture
    panel = studio.sweep_panel("A lantern", seed=range(6), resolution="0.5K", reference_images=[data])
    panel.run()
    assert panel.wait(20).counts == {"done": 6}
    gc.collect()
    copies = {id(found.data) for found in gc.get_objects() if isinstance(found, Reference) and found.data == data}
    assert len(copies) == 1


def test_a_variable_without_values_is_forgotten_with_its_name(studio):
    """A name that is typed letter by letter leaves nothing; one that had values has them when it comes again."""
    panel = studio.sweep_panel("A lantern")

    def type_prompt(text):
        type_in(panel, prompt=text)

    for end in range(1, len("colour") + 1):
        type_prompt(f"A {{{'colour'[:end]}}} lantern")
    type_prompt("A lantern")
    assert panel.form.axes._kept == {}
    assert panel.view.state["axes"] == []
    type_prompt("A {colour} lantern")
    type_values(panel, "colour", "red")
    type_prompt("A lantern")
    type_prompt("A {colour} lantern")
    assert panel.form.axes.values("colour") == ["red"]
