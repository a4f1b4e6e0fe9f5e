"""A sweep panel while its sweep runs: exceptions while it is shown, Stop, the buttons, and what it keeps in memory."""

import gc
import sys
import threading

import pytest
import service_faults as fault
from ipywidgets.widgets import widget
from nbkit.widgets.sweep_panel import counting
from nbkit.widgets.sweep_panel.work import DOUBLE_CLICK
from panel_tools import choose_cells, is_busy, message, png, text_of, tile, type_in, use_manual_clock
from sweep_tools import until

from nbkit.errors import RequestError, StorageError
from nbkit.request.reference import Reference


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
    [("panel.grid", "refresh"), ("panel.grid", "show"), ("panel.bar", "passing"), ("studio.log", "get_runs")],
)
def test_an_exception_while_progress_is_shown_does_not_end_the_sweep(service, studio, panel, monkeypatch, part, name):
    """It is shown; the sweep goes on and Stop works, and the grid is shown when that is possible again."""
    owner, _, attribute = part.partition(".")
    shown = getattr({"panel": panel, "studio": studio}[owner], attribute)
    monkeypatch.setattr(shown, name, failing(2, getattr(shown, name)))
    service.free.clear()
    panel.run()
    until(lambda: "database is locked" in message(panel))
    assert panel.work.job is panel.work.latest
    assert not panel.work.latest.over.is_set()
    assert panel.bar.stop.layout.display == ""
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
    panel.bar.passing = failing(3, panel.bar.passing, OSError("no socket"))
    panel.bar.say_error = failing(1, panel.bar.say_error, OSError("no socket"))
    service.free.clear()
    panel.run()
    until(lambda: tile(panel, 0).status == "running")
    assert panel.work.job is panel.work.latest
    service.free.set()
    assert panel.wait(20).counts == {"done": 8}


def test_an_exception_in_the_output_after_stop_is_shown(service, panel):
    """The output is written twice: at Stop, in a thread, and when the last request has ended."""
    service.free.clear()
    panel.run()
    until(lambda: service.accepted)
    panel.record.show = failing(1, panel.record.show, ZeroDivisionError("no grid"))
    panel.stop()
    until(lambda: "ZeroDivisionError: no grid" in message(panel))
    service.free.set()
    panel.wait(20)
    assert "✓ done" in panel.record.bundle.text


def test_an_exception_in_the_output_at_the_end_is_shown_and_raised_by_wait(panel):
    """The notebook does not keep the grid that it should keep."""
    panel.record.show = failing(1, panel.record.show, ZeroDivisionError("no grid"))
    panel.run()
    with pytest.raises(ZeroDivisionError):
        panel.wait(20)
    assert "ZeroDivisionError: no grid" in message(panel)


def test_a_press_that_is_refused_at_the_send_is_not_under_way(service, panel):
    """The prompt was deleted between the press and the send: the panel says that nothing was sent."""
    job = panel.work.take(lambda: panel._ask(confirm=True))
    assert "Working." in message(panel)
    type_in(panel.form.prompt, prompt="")
    panel.work.carry_out(job)
    assert isinstance(job.failure, RequestError)
    assert (job.failure.parameter, job.failure.reason) == ("prompt", "missing")
    assert "Nothing was sent: what is wrong stands at its control." in message(panel)
    assert "Working." not in message(panel)
    assert service.sent == []


# -- the price on the button -----------------------------------------------------------------------------------


def test_the_count_for_earlier_values_does_not_replace_a_later_one(studio, monkeypatch):
    """Even if it ends just when other values are set: the button is about those."""
    monkeypatch.setattr(counting, "AT_ONCE", 1)
    panel = studio.sweep_panel("A lantern", seed=range(3), resolution="0.5K")
    until(lambda: "3 cells" in panel.bar.run.description)
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
    with panel.work.lock:  # a handler of the page holds it too
        locked.set()
        until(lambda: "counts" not in _functions_of(threads[0]))  # it waits for the lock now
        panel.set(seed=range(9))
    until(lambda: "_count" not in _functions_of(threads[0]))
    assert "4 cells" not in panel.bar.run.description
    until(lambda: "9 cells" in panel.bar.run.description)


def _functions_of(thread):
    """The names of the functions that a thread is in."""
    frame, names = sys._current_frames().get(thread), []
    while frame is not None:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


# -- while it runs ---------------------------------------------------------------------------------------------


def test_run_keeps_the_keyboard_focus_during_and_after_a_sweep(service, panel):
    """A disabled button would lose it: Run is shown as busy instead, and a press sends nothing."""
    clock = use_manual_clock(panel)
    service.free.clear()
    panel.run()
    until(lambda: panel.work.job.running)
    assert not panel.bar.run.disabled
    assert is_busy(panel.bar.run)
    panel.bar.run.click()
    service.free.set()
    assert panel.wait(20).counts == {"done": 8}
    assert not panel.bar.run.disabled
    clock.now += DOUBLE_CLICK
    panel.bar.run.click()
    assert "Nothing was sent: every cell is in the log." in message(panel)
    assert len(service.sent) == 8
    panel.set(seed=range(9))
    assert not is_busy(panel.bar.run)


def test_run_keeps_the_keyboard_focus_while_many_cells_are_counted(service, studio):
    """A press has them counted again in the background."""
    panel = studio.sweep_panel("A lantern", seed=range(101), resolution="0.5K", max_workers=1)
    until(lambda: "101 cells" in panel.bar.run.description)
    service.free.clear()
    panel.run(confirm=True)
    assert not panel.bar.run.disabled
    panel.stop()
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
    panel.run()
    panel.wait(20)
    panel.bar.passing(panel.work.latest.running.progress)
    assert "8 of 8 · 1 failed · $0.48265 · " in text_of(panel.bar.beside.value)
    assert "done" not in panel.bar.beside.value


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
    """A name that is typed letter by letter leaves no widgets; one that had values has them when it comes again."""
    panel = studio.sweep_panel("A lantern")

    def type_prompt(text):
        type_in(panel.form.prompt, prompt=text)

    before = set(widget._instances)
    for end in range(1, len("colour") + 1):
        type_prompt(f"A {{{'colour'[:end]}}} lantern")
    type_prompt("A lantern")
    assert panel.form.axes._kept == {}
    assert set(widget._instances) == before
    type_prompt("A {colour} lantern")
    panel.form.axes.rows["colour"].field.value = "red"
    type_prompt("A lantern")
    type_prompt("A {colour} lantern")
    assert panel.form.axes.rows["colour"].read() == ["red"]


def test_only_an_axis_of_numbers_has_boxes_for_a_range(studio):
    """Words and prompts have no range."""
    panel = studio.sweep_panel("A {colour} lantern", colour=["red"], temperature=[0.1])
    rows = panel.form.axes.rows
    assert rows["colour"].range is None
    assert [field.value for field in (rows["temperature"].range.start, rows["temperature"].range.stop)] == ["0", "1"]
