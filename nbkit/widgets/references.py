"""The reference images' control: an ordered list, fed by addresses, UUIDs and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets as widgets

from nbkit import rules
from nbkit.display.text import ellipsis
from nbkit.errors import RequestError
from nbkit.reference import Reference
from nbkit.request import PARAMETERS
from nbkit.widgets.controls import Changed, Control, label

PARAMETER = PARAMETERS["reference_images"]


@dataclass(frozen=True, slots=True)
class Item:
    """A reference and the name by which a person knows it: a file's name, or an address."""

    name: str
    reference: Reference


class References(Control):
    """Pictures to start from, in order.

    Their bytes live in this kernel only. An upload is taken out of its widget as soon as it has arrived, and a data
    URI out of its text box, so that no picture is ever part of what a notebook saves of its widgets.
    """

    def __init__(self) -> None:
        super().__init__(PARAMETER)
        self.items: tuple[Item, ...] = ()
        self._changed: list[Changed] = []
        self.field = widgets.Textarea(
            description=label(PARAMETER),
            placeholder="URLs or UUIDs, one a line",
            tooltip=PARAMETER.help,
            rows=2,
            continuous_update=False,
        )
        self.upload = widgets.FileUpload(
            accept="image/*", multiple=True, description="Files…", tooltip="referenceImages: files of this computer"
        )
        self.upload.add_class("nbkit-small")
        self.listing = widgets.VBox()
        self.listing.add_class("nbkit-listing")
        self.box.add_class("nbkit-wide")
        self._place(self.field, self.upload)
        self.box.children = (self.box.children[0], self.listing, self.box.children[1])
        self.field.observe(lambda _: self._take_text(), "value")
        self.upload.observe(lambda _: self._take_files(), "value")

    def read(self) -> dict[str, Any]:
        typed = tuple(self.field.value.split())  # what could not be taken, so that the check says why
        given = (*(item.reference for item in self.items), *typed)
        return {PARAMETER.name: given} if given else {}

    def write(self, values: Mapping[str, Any]) -> None:
        self.field.value = ""
        self._set(tuple(Item(ellipsis(str(r), 60), r) for r in values[PARAMETER.name] or ()))

    def on_change(self, changed: Changed) -> None:
        self._changed.append(changed)

    @property
    def files(self) -> dict[str, str]:
        """By the hash of its content, a short file name for each reference that has pixels here."""
        return {
            item.reference.sha256: item.name if "." in item.name else f"{item.reference.sha256[:8]}.png"
            for item in self.items
            if item.reference.data
        }

    def _take_text(self) -> None:
        lines, left = self.field.value.split(), []
        for line in lines:
            try:
                reference = rules.check_one(PARAMETER, PARAMETER.name, [line])[0]
            except RequestError:
                left.append(ellipsis(line, 200))
            else:
                self.items = (*self.items, Item(ellipsis(str(reference), 60), reference))
        self.field.value = "\n".join(left)
        if lines:
            self._set(self.items)

    def _take_files(self) -> None:
        files, self.upload.value = self.upload.value, ()
        found, wrong = list(self.items), ""
        for file in files:
            try:
                reference = rules.check_one(PARAMETER, file["name"], [bytes(file["content"])])[0]
            except RequestError as error:
                wrong = f"{file['name']} is not taken: {ellipsis(str(error.__cause__ or error), 300)}"
            else:
                found.append(Item(file["name"], reference))
        if files:
            self._set(tuple(found))
        if wrong:
            self.complain(wrong)

    def _set(self, items: tuple[Item, ...]) -> None:
        self.items = items
        old = self.listing.children
        self.listing.children = tuple(self._row(number, item) for number, item in enumerate(items, 1))
        for row in old:
            for widget in (*row.children, row):
                widget.close()
        for changed in self._changed:
            changed()

    def _row(self, number: int, item: Item) -> widgets.HBox:
        name = widgets.HTML(f"{number} · {escape(ellipsis(item.name, 60))}")
        drop = widgets.Button(description="remove", tooltip=f"referenceImages: take number {number} away")
        drop.add_class("nbkit-small")
        drop.on_click(lambda _: self._set(tuple(i for i in self.items if i is not item)))
        return widgets.HBox((name, drop))
