"""The widget of a form: all of its controls, or some of them, drawn by one script.

::

    page                                        kernel
    temperature is "0.72" (number 5)  ───────>  checked, priced; the state goes back with "5 is seen"
    undo, reset, a new seed, …        ───────>  likewise
    files, texts, moves, removals     ───────>  the reference images (:mod:`nbkit.widgets.form.references`)

What a person types is on the page at once; a state from the kernel replaces a control's value only if it has seen what
the page sent last of it. The page sends one change at a time and the newest values in the next one, and everything that
waits before a press, so that nothing is ever sent of half a prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from nbkit.request.image_request import MAX_REFERENCES
from nbkit.widgets.form.fields import fields
from nbkit.widgets.form.form import Form
from nbkit.widgets.page.alive import ALIVE
from nbkit.widgets.page.guard import guarded

HERE = Path(__file__).parent
_PARTS = ("dom", "store", "references", "fields", "axes")
SCRIPT = "\n".join((ALIVE, *((HERE / "script" / f"{part}.js").read_text("utf-8") for part in _PARTS)))
"""What draws the controls; whoever shows them adds what renders them."""
STYLE = "\n".join((HERE / f"{part}.css").read_text("utf-8") for part in ("form", "references"))
RENDER = "export default widget((model, store, el) => { el.append(drawFields(model, store)); return () => {}; });"


class FormView(anywidget.AnyWidget):
    """The controls of a form on the page.

    Args:
        form: their state.
        fault: shows an error.
        names: of the parameters that are shown; all by default.
        **traits: of the widget.

    Attributes:
        description: how the group of controls is called.
    """

    _esm = f"{SCRIPT}\n{RENDER}"
    _css = STYLE
    description = traitlets.Unicode("parameters").tag(sync=True)
    fields: Any = traitlets.List().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    seen = traitlets.Dict().tag(sync=True)
    tiles: Any = traitlets.List().tag(sync=True)
    limit = traitlets.Int(MAX_REFERENCES).tag(sync=True)

    def __init__(
        self,
        form: Form,
        fault: Callable[[Exception], None],
        names: Collection[str] | None = None,
        **traits: Any,
    ) -> None:
        drawn = fields(names)
        self.form, self.fault = form, fault
        self._names = tuple(field["name"] for field in drawn)
        super().__init__(fields=drawn, state=form.shown(self._names), tiles=form.references.tiles, **traits)
        if "reference_images" in self._names:
            form.references.send = lambda message, buffers=(): self.send(message, list(buffers))
        self.on_msg(lambda _, content, buffers: self.hear(content, buffers))

    def refresh(self) -> None:
        """Bring the page in step with the form."""
        with self.form.lock, self.hold_sync():
            self.state = self.form.shown(self._names)
            if "reference_images" in self._names:
                self.tiles = self.form.references.tiles

    @guarded
    def hear(self, content: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Do what a page asks for."""
        match content:
            case {"kind": "set", "values": values, "page": page, "number": number}:
                with self.form.lock, self.hold_sync():
                    self.form.typed(values, whole=bool(content.get("whole")))
                    self.seen = {**self.seen, page: number}
                    self.refresh()
            case {"kind": "do", "what": what}:
                self.do(what, str(content.get("name", "")))
            case _:
                self.form.references.hear(content, buffers)

    def do(self, what: str, name: str = "") -> None:
        """Press one of the form's own buttons, or the mark of a control."""
        form = self.form
        match what:
            case "vary":
                form.vary(name)
            case "undo":
                form.undo()
            case "redo":
                form.redo()
            case "draft":
                form.draft = not form.draft
            case "random seed":
                form.draw_seed()
            case "last seed":
                form.write({"seed": form.last_seed})
            case "keep seed":
                form.keep_seed(not form.keeps_seed)
