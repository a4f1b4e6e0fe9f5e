"""Shared by the tests of panels, gallery and grid: studios that close, a page's messages, a clock, what a page shows."""

import contextlib
import itertools
import json
import subprocess
import sys
from pathlib import Path

import nbformat
from html_page import Page
from ipywidgets import Widget
from nbformat.v4 import new_code_cell, new_notebook
from offline_tasks import ManualClock
from PIL import Image
from reference_pictures import encoded
from sweep_tools import until

import nbkit


def offline_studio(folder, **options):
    """A studio on the offline engine with its log in this folder; as a context manager, which closes it at the end."""
    return contextlib.closing(nbkit.Studio(**{"engine": "offline", "path": folder / "runs"} | options))


def make_run(panel, **parameters):
    """Set controls of a panel, press Generate, and return the run at its end."""
    panel.set(**parameters)
    assert panel.generate()
    return panel.wait(30)


def execute_notebook(folder, sources):
    """Execute a notebook of these cells with no page, and return the cells with their outputs."""
    file = folder / "headless.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), str(file))
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", str(file)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": str(Path(nbkit.__file__).parents[1])}
    subprocess.run(command, check=True, capture_output=True, env=environment, cwd=folder, timeout=120)
    return nbformat.read(str(file), as_version=4).cells


def use_undo_clock(form):
    """Give the undo of a form a clock that the test moves, so that what is typed is one step as long as it stands."""
    clock = ManualClock()
    form.history.clock = clock.time
    return clock


# -- what a page shows -------------------------------------------------------------------------------------------


def widgets_of(box):
    """A widget and everything inside it, their layouts and styles too."""
    yield box
    for value in box.trait_values().values():
        for widget in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(widget, Widget):
                yield from widgets_of(widget)


def state_of(part):
    """All that a notebook could save of the widgets of a panel or gallery, as JSON; bytes among it are an error."""
    return json.dumps([widget.get_state() for widget in widgets_of(part.box)])


def text_of(html):
    """What a person reads of a piece of HTML."""
    return "".join(Page(html).words)


def message(panel):
    """What a person reads in the status line of a panel."""
    return "\n".join(panel.view.bar["status"]["lines"])


def button_of(panel):
    """What is on the button of a panel that asks for a sweep: what it does, how much, and the exact price."""
    bar = panel.view.bar
    sizes = bar["price"].rpartition(" · ")[0]
    return " · ".join(part for part in (bar["verb"], sizes, bar["exact"]) if part)


def totals(panel):
    """What a person reads about cells, images and price, and about why they cannot be sent or paid."""
    return " · ".join((*panel.view.bar["totals"], panel.view.bar["why"]))


def complaint_at(panel, name):
    """What a person reads at a control, an axis or an option as wrong with it."""
    return panel.view.state["complaints"].get(name, "")


def actions(panel):
    """The buttons in a panel's status line, by what they are called."""
    return {action["id"]: action for action in panel.view.bar["status"]["actions"]}


def head(panel):
    """What a person reads in a panel's first line, with the exact amount that is left of the budget."""
    return " ".join(str(panel.view.head[name]) for name in ("model", "mark", "what", "exact"))


def queue(panel):
    """The numbers of the presses that a panel shows in line, and whether each has been sent."""
    return [(job["number"], job["sent"]) for job in panel.view.bar["jobs"]]


def paid(panel, name):
    """What a paid button under the chosen picture of a panel offers: ``Rerun``, ``2K`` or ``4K``; ``None`` if not there."""
    return next((offer for offer in panel.pictures.tools.offer["paid"] if offer["name"] == name), None)


def tile(panel, cell):
    """What the grid of a sweep panel shows of a cell, by its number; ``None`` before it shows any."""
    items = panel.grid.grid._items
    return items[cell] if cell < len(items) else None


# -- what a page sends -------------------------------------------------------------------------------------------

_numbers = itertools.count(1)


def hear(view, **content):
    """Send a message of a page to a widget."""
    view._handle_custom_msg(content, [])


def type_in(view, **values):
    """Set controls of a form on the page, by Python name and as texts; a panel stands for its form."""
    hear(getattr(view, "view", view), kind="set", page="a page", number=next(_numbers), values=values)


def messages_of(view):
    """A list that gets every message that a widget sends to the page from now on; its state is not among them."""
    messages, send = [], view._send

    def record(message, buffers=None):
        if message.get("method") == "custom":
            messages.append(message["content"])
        send(message, buffers)

    view._send = record
    return messages


def type_values(panel, name, text):
    """Set the text of an axis on the page."""
    type_in(panel, **{f"axis:{name}": text})


def do(panel, what, name=""):
    """Press one of the form's own buttons on the page: undo, redo, draft, a tool of the seed, or the mark of a control."""
    hear(panel.view, kind="do", what=what, name=name)


def press(panel, button, **content):
    """Press a button of a panel on the page, or one under its picture."""
    hear(panel.view, kind="press", button=button, **content)


def press_generate(panel, quote=None):
    """Press Generate on the page, by the number that stands on it or by an earlier one."""
    press(panel, "generate", quote=panel.view.bar["quote"] if quote is None else quote)


def press_paid(panel, name, quote=None):
    """Press a paid button under the chosen picture on the page, by the number that stands on it or by an earlier one."""
    press(panel, name, quote=paid(panel, name)["quote"] if quote is None else quote)


def press_run(panel, *, quote=None, ticked=0):
    """Press the button of a panel that asks for a sweep, by the number that stands on it or by an earlier one.

    Args:
        panel: the panel.
        quote: the number; that on the button by default.
        ticked: how many images the tick names.

    Returns:
        The job, or ``None`` if the press has made none.
    """
    before = panel.jobs.latest
    number = panel.view.bar["quote"] if quote is None else quote
    press(panel, "generate", quote=number, **({"ticked": ticked} if ticked else {}))
    return panel.jobs.latest if panel.jobs.latest is not before else None


def press_and_wait(panel, **press):
    """The same, and wait until nothing of it is under way any more."""
    job = press_run(panel, **press)
    assert job.over.wait(30)
    return job


def choose_cells(panel, *places):
    """Choose tiles in the grid of an explorer, or of a sweep panel."""
    box = getattr(panel.grid, "grid", panel.grid).box
    ranges = [[place, place + 1] for place in places]
    box._handle_custom_msg({"type": "select", "version": box.version, "ranges": ranges, "active": places[-1]}, [])


def press_key(gallery, key):
    """Press a key while a gallery's pictures have the focus: it is about the selected ones."""
    box = gallery.grid.box
    ranges = box.chosen.get("ranges", [])
    box._handle_custom_msg({"type": "key", "key": key, "version": box.version, "ranges": ranges}, [])


class ReferencesPage:
    """The page of a list of reference images: sends what its script sends, and keeps what the kernel answers.

    Args:
        references: the list; a page of one that no widget shows is heard in the same way.
    """

    def __init__(self, references):
        self.references, self.answers, self.thumbnails = references, [], {}
        references.send = self._receive

    def _receive(self, content, buffers=()):
        self.answers.append(content)
        if content["kind"] == "thumbnail":
            self.thumbnails[content["key"]] = [*buffers, None][0]

    def send(self, kind, *buffers, **content):
        self.references.hear({"kind": kind, **content}, [memoryview(b) for b in buffers])

    def announce(self, files):
        """Say which files will come; their names are also their keys."""
        self.send("files", files=[{"key": name, "name": name, "size": len(data)} for name, data in files.items()])

    def upload(self, files):
        """Send files, by name, one after the other; return when each has been accepted or refused."""
        self.announce(files)
        for name, data in files.items():
            self.send("part", data, key=name)
            until(lambda name=name: {"kind": "over", "key": name} in self.answers)


# -- pictures ----------------------------------------------------------------------------------------------------


def png(colour="teal", size=(64, 48)):
    """A small picture in one colour."""
    return encoded("PNG", Image.new("RGB", size, colour))


def noisy_png(size=(64, 48)):
    """A picture that does not compress: a copy of it in a widget's state would be seen by its length."""
    return encoded("PNG", Image.effect_noise(size, 90).convert("RGB"))
