"""The sweep panel at work: what it shows meanwhile, faults in showing it, Stop in all of this, what it holds."""

import gc
import sys
import threading

import pytest
import service_faults as fault
from ipywidgets.widgets import widget
from service import picture
from sweep_tools import until

from nbkit.errors import RequestError, StorageError
from nbkit.request.reference import Reference
from nbkit.widgets.sweep_panel import counting


@pytest.fixture
def panel(studio):
    return studio.sweep_panel("A lantern", seed=range(8), resolution="0.5K", max_workers=1)


def choose(panel, *places):
    board = panel.grid.board
    board._hear(None, {"type": "choose", "version": board.box.version, "at": list(places)}, [])


def fails(times, then, error=None):
    """What raises the first times that it is called."""
    left = [error or StorageError("the log cannot be read: database is locked")] * times

    def call(*arguments, **named):
        if left:
            raise left.pop()
        return then(*arguments, **named)

    return call


# -- faults in showing it --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "name"), [("grid", "refresh"), ("grid", "show"), ("bar", "passing"), ("grid", "_tiles")]
)
def test_a_fault_in_showing_it_ends_nothing(service, panel, part, name):
    """It is said; the sweep goes on and is waited for, Stop stops it, and what can be shown again is shown."""
    shown = getattr(panel, part)
    setattr(shown, name, fails(2, getattr(shown, name)))
    service.free.clear()
    panel.run()
    until(lambda: "database is locked" in panel.bar.under.value)
    assert panel.work.job is panel.work.latest
    assert not panel.work.latest.over.is_set()
    assert panel.bar.stop.layout.display == ""
    assert not panel.run()
    until(lambda: panel.grid.board._tiles[0].status == "running" and service.accepted)
    panel.stop()
    service.free.set()
    assert panel.wait(20).counts == {"done": 1, "not run": 7}
    assert len(service.sent) == 1
    assert panel.grid.board._tiles[0].status == "done"
    assert "Stopped, and all that was sent has landed" in panel.bar.under.value


def test_a_page_that_cannot_be_reached_ends_nothing(service, panel):
    """Neither the clock nor the error can be shown: the sweep is seen through all the same."""
    panel.bar.passing = fails(3, panel.bar.passing, OSError("no socket"))
    panel.bar.say_error = fails(1, panel.bar.say_error, OSError("no socket"))
    service.free.clear()
    panel.run()
    until(lambda: panel.grid.board._tiles[0].status == "running")
    assert panel.work.job is panel.work.latest
    service.free.set()
    assert panel.wait(20).counts == {"done": 8}


def test_a_fault_in_keeping_the_grid_after_stop_is_said(service, panel):
    """The output that lasts is written once at Stop, in a thread, and once when all has landed."""
    service.free.clear()
    panel.run()
    until(lambda: service.accepted)
    panel.record.show = fails(1, panel.record.show, ZeroDivisionError("no grid"))
    panel.stop()
    until(lambda: "ZeroDivisionError: no grid" in panel.bar.under.value)
    service.free.set()
    panel.wait(20)
    assert "✓ done" in panel.record.bundle.text


def test_a_fault_in_keeping_the_grid_at_the_end_is_said(panel):
    """And raised to code that waits: the notebook's copy is not what it should be."""
    panel.record.show = fails(1, panel.record.show, ZeroDivisionError("no grid"))
    panel.run()
    with pytest.raises(ZeroDivisionError):
        panel.wait(20)
    assert "ZeroDivisionError: no grid" in panel.bar.under.value


def test_what_is_refused_at_a_control_is_not_under_way(service, panel):
    """A prompt that was taken out between the press and the sending: nothing was sent, and the line says so."""
    job = panel.work.take(lambda: panel._ask(confirm=True))
    assert "Under way" in panel.bar.under.value
    panel.form.stay.controls["prompt"].field.value = ""
    panel.work.carry_out(job)
    assert isinstance(job.failure, RequestError)
    assert "Nothing was sent: what is wrong stands at its control." in panel.bar.under.value
    assert "Under way" not in panel.bar.under.value
    assert service.sent == []


# -- the price on the button -----------------------------------------------------------------------------------


def test_an_older_count_never_overwrites_a_newer_one(studio, monkeypatch):
    """Counted just when other values are set: the button is about those."""
    monkeypatch.setattr(counting, "AT_ONCE", 1)
    panel = studio.sweep_panel("A lantern", seed=range(3), resolution="0.5K")
    until(lambda: "3 cells" in panel.bar.run.description)
    counted, locked, count_up = threading.Event(), threading.Event(), counting.count_up
    thread = []

    def counts(*arguments, **named):
        found = count_up(*arguments, **named)
        thread.append(threading.get_ident())
        counted.set()
        assert locked.wait(20)
        return found

    monkeypatch.setattr(counting, "count_up", counts)
    panel.set(seed=range(4))
    assert counted.wait(20)
    with panel.work.lock:  # as a handler of the page holds it
        locked.set()
        until(lambda: "counts" not in _functions_of(thread[0]))  # it stands before the lock
        panel.set(seed=range(9))
    until(lambda: "_count" not in _functions_of(thread[0]))
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


def test_run_keeps_the_focus_while_it_is_under_way(service, panel):
    """A disabled button would lose it: it is only shown as busy, and a press does nothing; at the end, too."""
    service.free.clear()
    panel.run()
    until(lambda: panel.work.job.running)
    assert not panel.bar.run.disabled
    assert "nbkit-busy" in panel.bar.run._dom_classes
    panel.bar.run.click()
    service.free.set()
    assert panel.wait(20).counts == {"done": 8}
    assert not panel.bar.run.disabled
    panel.work._clicked = float("-inf")  # long ago
    panel.bar.run.click()
    assert "Nothing was sent: every cell is in the log." in panel.bar.under.value
    assert len(service.sent) == 8
    panel.set(seed=range(9))
    assert "nbkit-busy" not in panel.bar.run._dom_classes


def test_run_keeps_the_focus_while_many_cells_are_counted(service, studio):
    """The press itself has them counted again, beside the kernel's work."""
    panel = studio.sweep_panel("A lantern", seed=range(101), resolution="0.5K", max_workers=1)
    until(lambda: "101 cells" in panel.bar.run.description)
    service.free.clear()
    panel.run(confirm=True)
    assert not panel.bar.run.disabled
    panel.stop()
    service.free.set()
    panel.wait(20)


def test_a_chosen_cell_gets_its_picture_when_it_comes(service, panel):
    """Chosen before it was run, it stands below as what it is by then: running, and at the end a picture."""
    service.free.clear()
    panel.run()
    until(lambda: panel.grid.board._tiles.get(0) and panel.grid.board._tiles[0].status == "running")
    choose(panel, 0, 1)
    (item,) = panel.grid.stage._items
    assert (item.file, item.missing) == (None, "running")
    service.free.set()
    panel.wait(20)
    assert ["seed 0" in item.caption for item in panel.grid.stage._items] == [True, False]
    assert all(item.file.exists() for item in panel.grid.stage._items)


def test_how_far_it_is_fits_beside_the_buttons(service, panel):
    """Cells, money, time; and only what went wrong beside it."""
    service.faults.extend([None, fault.refused("inferenceError")])
    panel.run()
    panel.wait(20)
    panel.bar.passing(panel.work.latest.running.progress)
    assert "8 of 8 · 1 failed · $0.48265 · " in panel.bar.beside.value
    assert "done" not in panel.bar.beside.value


# -- what it holds ---------------------------------------------------------------------------------------------


def test_the_grid_holds_no_reference_images(studio):
    """They are in the log: of a large one the panel keeps the one copy that it was given."""
    given = picture("PNG", "hotpink")  # no other test has it
    panel = studio.sweep_panel("A lantern", seed=range(6), resolution="0.5K", reference_images=[given])
    panel.run()
    assert panel.wait(20).counts == {"done": 6}
    gc.collect()
    held = {id(found.data) for found in gc.get_objects() if isinstance(found, Reference) and found.data == given}
    assert len(held) == 1


def test_names_that_were_typed_letter_by_letter_are_forgotten(studio):
    """A row that never had a value goes with its name; one that had keeps it, should the name come again."""
    panel = studio.sweep_panel("A lantern")
    field = panel.form.stay.controls["prompt"].field
    before = set(widget._instances)
    for end in range(1, len("colour") + 1):
        field.value = f"A {{{'colour'[:end]}}} lantern"
    field.value = "A lantern"
    assert panel.form.axes._kept == {}
    assert set(widget._instances) == before
    field.value = "A {colour} lantern"
    panel.form.axes.rows["colour"].field.value = "red"
    field.value = "A lantern"
    field.value = "A {colour} lantern"
    assert panel.form.axes.rows["colour"].read() == ["red"]


def test_a_range_is_there_for_numbers_only(studio):
    """Words and prompts have none, and no widgets for it."""
    panel = studio.sweep_panel("A {colour} lantern", colour=["red"], temperature=[0.1])
    rows = panel.form.axes.rows
    assert rows["colour"].range is None
    assert [field.value for field in (rows["temperature"].range.start, rows["temperature"].range.stop)] == ["0", "1"]


def test_what_is_said_beside_the_axes_is_no_html(panel):
    """It is shown as it is."""
    panel.grid.say("<b>5</b>")
    assert "&lt;b&gt;5" in panel.grid.note.value
