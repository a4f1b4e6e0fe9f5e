"""An anywidget that shows many pictures; the page asks the kernel for what comes into view.

::

    page                                        kernel
    rows 120 to 180               ───────>      their facts; only a number where the page has the facts already
    rows 0 to 12, before a view   ───────>      their facts and their previews
    previews of these 50, 256 px  ───────>      made in a thread, newest request first (``preview_loader.py``)
    the original of this one      ───────>      the file, the whole prompt if the tile has only its beginning, the details
    save this one with settings   ───────>      its file with them inside, or with a file beside it, made in a thread
    selected: 3 to 5 and 9        ───────>      keys, callbacks
    key "4", for 3 to 5           ───────>      callbacks
    where is this picture now?    ───────>      its place in the present list, so that an opened picture stays open
    the text in these boxes       ───────>      callbacks; sent before a press that uses it
    action "edit", for this one   ───────>      callbacks

Traits hold small values only and never a picture: the number of pictures, headings, the selection. The page selects
and marks pictures by their place and names the version of the list that it saw, so a late press never falls on another
picture. Previews and originals are asked for by the number in a picture's facts, which is the same in every version.
Jupyter loses what a handler raises: the grid shows it until the same kind of message succeeds.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import anywidget
import traitlets

from nbkit.display.text import ellipsis
from nbkit.errors import printable
from nbkit.metadata.embedding import SIDECAR, PictureWithSettings
from nbkit.service.threads import THREADS
from nbkit.widgets.image_grid.item import COMING, Item, ItemList, Items
from nbkit.widgets.image_grid.preview_loader import BATCH, PreviewLoader
from nbkit.widgets.page.alive import ALIVE
from nbkit.widgets.page.guard import showing, words_of

ROWS = 2_000
"""Facts in one answer at most."""
FACTS = 200
"""More changed pictures than this, and the page asks again for those that it shows."""
OPEN = 4
"""Pictures side by side at most."""
ALT = 300
"""Characters of a prompt on a tile; the whole one goes with the original."""

SHEET = 12
"""Pictures at most whose shapes the page is told beforehand; a grid with ``fit`` shows these without scrolling."""

TIMELESS = ("previews", "original", "save", "find", "typed", "action")
"""Messages that are valid in every version: they name pictures by their numbers, or none."""

Ranges = list[tuple[int, int]]

HERE = Path(__file__).parent


def script_of(*parts: str) -> str:
    """Parts of the script. anywidget takes one module, and nothing is built here: they are put together as they are."""
    return "\n".join((HERE / "script" / f"{part}.js").read_text("utf-8") for part in parts)


SHARED = ALIVE + script_of("tools", "ranges", "keys", "tile", "fit", "store", "lightbox")
"""What every kind of grid needs: what is known of the pictures, and the lightbox."""
SCRIPT = f"{SHARED}{script_of('view')}\nexport default gridWidget(View);"
"""The script of the page, one ES module."""


class Action(NamedTuple):
    """A button of the lightbox for the picture that is open.

    Attributes:
        id: what the callback gets.
        label: of the button.
        tooltip: one sentence about what it does.
        closes: whether the lightbox closes when it is pressed.
    """

    id: str
    label: str
    tooltip: str = ""
    closes: bool = False


class GridView(anywidget.AnyWidget):
    """What the page has of a grid."""

    _esm = SCRIPT
    _css: Path | str = HERE / "image_grid.css"
    total = traitlets.Int(0).tag(sync=True)
    version = traitlets.Int(0).tag(sync=True)
    groups: Any = traitlets.List().tag(sync=True)
    chosen = traitlets.Dict().tag(sync=True)
    size = traitlets.Int(160).tag(sync=True)
    columns = traitlets.Int(0).tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    tall = traitlets.Unicode().tag(sync=True)
    tallest = traitlets.Float(1.0).tag(sync=True)
    fit = traitlets.Bool(default_value=False).tag(sync=True)
    empty = traitlets.Unicode().tag(sync=True)
    opens = traitlets.Bool(default_value=True).tag(sync=True)
    shapes: Any = traitlets.List().tag(sync=True)
    actions: Any = traitlets.List().tag(sync=True)
    detailed = traitlets.Bool(default_value=False).tag(sync=True)
    remembers = traitlets.Bool(default_value=False).tag(sync=True)
    multiple = traitlets.Bool(default_value=True).tag(sync=True)
    marking = traitlets.Bool(default_value=False).tag(sync=True)
    advances = traitlets.Bool(default_value=False).tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)


class ImageGrid:
    """Many pictures to look at, select and open.

    Args:
        preview: from a file and a size in pixels to a small JPEG; called in a thread.
        size: of a tile, in CSS pixels.
        label: what the grid is called for a screen reader.
        height: of the grid, in CSS; ``None``: as tall as what it shows.
        multiple: whether several can be selected.
        keys: whether 1 to 5, 0, k, x, u and Ctrl+Z are for :meth:`on_key`, and t, n and / for the boxes of a gallery
            around it.
        fit: whether up to 12 pictures are shown as large as the room lets them, without scrolling. The room is as wide
            as the grid and ``var(--nbkit-room-height, 480px)`` high; ``size`` and ``height`` are for more pictures.
        empty: shown in place of pictures where there are none.
        opens: whether the lightbox opens when a person opens a picture; else :meth:`on_open` is called.
        actions: buttons in the lightbox, for :meth:`on_action`.
        details: from the key of an opened picture to short lines that the lightbox shows beside it; called in the
            thread that handles messages of the page.
        remember: from the key of a picture to its file with the settings; called in a thread. With it, what is saved
            may carry them.

    Attributes:
        box: the widget, to be placed into other widgets.
    """

    VIEW: type[GridView] = GridView

    def __init__(
        self,
        preview: Callable[[Path, int], bytes],
        *,
        size: int = 160,
        label: str = "pictures",
        height: str | None = "480px",
        multiple: bool = True,
        keys: bool = False,
        fit: bool = False,
        empty: str = "Nothing to show.",
        opens: bool = True,
        actions: Sequence[Action] = (),
        details: Callable[[str], Sequence[str]] | None = None,
        remember: Callable[[str], PictureWithSettings] | None = None,
    ) -> None:
        self._lock = threading.RLock()
        self._items: Items = ItemList()
        self._selected: tuple[str, ...] = ()
        self._active: str | None = None
        self._ids: dict[str, int] = {}
        self._told: dict[int, Item] = {}
        self._faults: dict[str, str] = {}
        self._callbacks: dict[str, list[Callable[..., None]]] = {
            "select": [],
            "key": [],
            "typed": [],
            "action": [],
            "open": [],
        }
        self._details, self._remember = details, remember
        self.box = self.VIEW(
            size=size, label=label, tall=height or "", multiple=multiple, marking=keys, fit=fit, empty=empty, opens=opens,
            actions=[list(Action(*action)) for action in actions], detailed=details is not None, remembers=remember is not None,
        )  # fmt: skip
        self._loader = PreviewLoader(self._send, preview)
        self.box.on_msg(self._hear)

    # -- from code ---------------------------------------------------------------------------------------

    def show(
        self, items: Sequence[Item], groups: Sequence[tuple[str, int] | tuple[str, int, int]] = (), *, top: bool = False
    ) -> None:
        """Put these in the grid in place of what is there; what stays selected is what both have.

        Args:
            items: a sequence of items; of an :class:`~nbkit.widgets.image_grid.item.Items` only what is in view is read.
            groups: headings, and how many items stand under each; together as many as there are items. Where these
                are the first of more, a third number has all of them.
            top: whether the first of them come into view: they are another choice, or in another order.

        Raises:
            ValueError: if the groups do not add up.
        """
        together = sum(group[1] for group in groups)
        if groups and together != len(items):
            raise ValueError(f"groups= count {together} items, and there are {len(items)}")
        with self._lock:
            self._items = items if isinstance(items, Items) else ItemList(items)
            ranges = _ranges(self._items.positions(self._selected))
            before, self._selected = self._selected, self._keys(ranges)
            with self.box.hold_sync():
                self.box.total = len(items)
                self.box.tallest = self._items.tallest()
                self.box.shapes = self._shapes()
                self.box.groups = [[str(heading), *map(int, many)] for heading, *many in groups]
                self.box.version += 1
                self._publish(ranges, self._place(self._active))
            if top:
                self._send({"type": "top"}, [])
            changed = before != self._selected
        if changed:
            self._call("select", self._selected)

    @property
    def selected(self) -> tuple[str, ...]:
        """The keys of what is selected, in the order in which it is shown."""
        return self._selected

    @property
    def columns(self) -> int:
        """The number of columns; 0 for as many as have room."""
        return int(self.box.columns)

    @columns.setter
    def columns(self, columns: int) -> None:
        self.box.columns = columns

    @property
    def size(self) -> int:
        """Of a tile, in CSS pixels."""
        return int(self.box.size)

    @size.setter
    def size(self, pixels: int) -> None:
        self.box.size = pixels

    def select(self, keys: Iterable[str]) -> None:
        """Select these and nothing else; keys that are not in the grid are left out."""
        with self._lock:
            places = self._items.positions(keys)
            ranges = _ranges(places if self.box.multiple else places[:1])
            self._selected = self._keys(ranges)
            self._active = self._selected[0] if self._selected else self._active
            self._publish(ranges, self._place(self._active))
        self._call("select", self._selected)

    def open(self, keys: Iterable[str]) -> None:
        """Show one picture in full size, or two to four side by side."""
        with self._lock:
            there = ((place, self._items[place]) for place in self._items.positions(keys))
            opened = [(place, item) for place, item in there if item.status != COMING or item.file][:OPEN]
            facts = [self._fact(item) for _, item in opened]  # the page may never have shown these
            at = [place for place, _ in opened]
            self._send({"type": "open", "version": self.box.version, "at": at, "facts": facts}, [])

    def save(self, keys: Iterable[str], *, settings: bool = False) -> None:
        """Have the browser save the originals of these, up to four, where it saves what is downloaded.

        Args:
            keys: of the pictures.
            settings: whether each carries its settings.
        """
        if settings:
            with self._lock:
                items = [self._items[place] for place in self._items.positions(keys)[:OPEN]]
            for item in items:
                THREADS.submit(self._send_with_settings, item)
            return
        with self._lock:
            facts = [self._fact(self._items[place]) for place in self._items.positions(keys)[:OPEN]]
            self._send({"type": "save", "facts": facts}, [])

    def refresh(self, keys: Iterable[str] | None = None) -> None:
        """Tell the page the facts of these again, or of all that it shows; pictures are not sent again."""
        with self._lock:
            places = [] if keys is None else self._items.positions(keys)
            if keys is None or len(places) > FACTS:
                self._send({"type": "stale", "version": self.box.version}, [])
            else:
                facts = [fact for place in places if isinstance(fact := self._fact(self._items[place]), dict)]
                self._send({"type": "facts", "facts": facts}, [])

    def say(self, message: str) -> None:
        """Say something under the pictures; a screen reader reads it out."""
        self.box.message = message

    def on_select(self, callback: Callable[[tuple[str, ...]], None]) -> None:
        """Call with the keys whenever something else is selected."""
        self._callbacks["select"].append(callback)

    def on_key(self, callback: Callable[[str, tuple[str, ...]], None]) -> None:
        """Call with ``"1"`` to ``"5"``, ``"0"``, ``"k"``, ``"x"`` or ``"u"``, and the keys of the pictures it is for."""
        self._callbacks["key"].append(callback)

    def on_action(self, callback: Callable[[str, str], None]) -> None:
        """Call with the id of an :class:`Action` and the picture's key when its button in the lightbox is pressed."""
        self._callbacks["action"].append(callback)

    def on_open(self, callback: Callable[[tuple[str, ...]], None]) -> None:
        """Call with the keys of what a person opens, where ``opens=False``."""
        self._callbacks["open"].append(callback)

    def on_typed(self, callback: Callable[[dict[str, str]], None]) -> None:
        """Call with what stands in the boxes around the grid, by name, just before a press that is about it."""
        self._callbacks["typed"].append(callback)

    def __len__(self) -> int:
        return len(self._items)

    # -- from the page -------------------------------------------------------------------------------------

    def _hear(self, _view: Any, content: dict[str, Any], _buffers: Any) -> None:
        """A message from the page; whatever goes wrong is shown in the grid."""
        kind = str(content.get("type"))
        with showing(partial(self._tell, kind)):
            hear = {
                "rows": self._hear_rows,
                "previews": self._hear_previews,
                "original": self._hear_original,
                "save": self._hear_save,
                "select": self._hear_select,
                "key": self._hear_key,
                "open": self._hear_open,
                "find": self._hear_find,
                "typed": self._hear_typed,
                "action": self._hear_action,
            }[kind]
            with self._lock:
                if kind not in TIMELESS and content.get("version") != self.box.version:
                    return
                then = hear(content)
            if then is None:
                self._tell(kind)
            else:  # callbacks are another's code: never under the lock
                then()

    def _hear_rows(self, content: dict[str, Any]) -> None:
        parts: list[tuple[int, list[dict[str, Any] | int]]] = []
        left = ROWS
        for first, end in self._inside(content["ranges"]):
            stop = min(end, first + left)
            left -= stop - first
            parts.append((first, [self._fact(item, known=not content.get("full")) for item in self._items[first:stop]]))
        ahead = {"pixels": content["pixels"]} if "pixels" in content else {}
        self._send({"type": "rows", "version": self.box.version, "parts": parts, **ahead}, [])
        if ahead:
            here = (self._id(key) for first, rows in parts for key in self._items.keys(first, first + len(rows)))
            self._loader.previews(_pixels(content), self._wanted(here), first=True)

    def _hear_previews(self, content: dict[str, Any]) -> None:
        self._loader.previews(_pixels(content), self._wanted(content["ids"][:BATCH]))

    def _hear_original(self, content: dict[str, Any]) -> Callable[[], None] | None:
        ids = [number for number in content["ids"][:OPEN] if number in self._told]
        words = [[number, self._told[number].alt] for number in ids]
        if long := [[number, alt] for number, alt in words if _short(alt) != alt]:
            self._send({"type": "whole", "words": long}, [])
        self._loader.originals(self._wanted(ids))
        if self._details is None:
            return None
        keys = [(number, self._told[number].key) for number in ids]
        return lambda: self._send_details(keys)

    def _hear_save(self, content: dict[str, Any]) -> None:
        for number in content["ids"][:OPEN]:
            if number in self._told:
                THREADS.submit(self._send_with_settings, self._told[number])

    def _hear_find(self, content: dict[str, Any]) -> None:
        ids = [number for number in content["ids"][:OPEN] if number in self._told]
        at = [[number, self._place(self._told[number].key)] for number in ids]
        self._send({"type": "found", "version": self.box.version, "at": at}, [])

    def _hear_select(self, content: dict[str, Any]) -> Callable[[], None]:
        ranges = self._inside(content["ranges"])
        self._selected = self._keys(ranges)
        active = int(content.get("active", -1))
        self._active = self._items[active].key if 0 <= active < len(self._items) else None
        self._publish(ranges, active, by=str(content.get("by", "")))
        selected = self._selected
        return lambda: self._call("select", selected)

    def _hear_open(self, content: dict[str, Any]) -> Callable[[], None]:
        keys = self._keys(self._inside(content["ranges"]))
        return lambda: self._call("open", keys)

    def _hear_key(self, content: dict[str, Any]) -> Callable[[], None]:
        pressed, keys = str(content["key"]), self._keys(self._inside(content["ranges"]))
        return lambda: self._call("key", pressed, keys)

    def _hear_typed(self, content: dict[str, Any]) -> Callable[[], None]:
        texts = {str(name): str(text) for name, text in content["texts"].items()}
        return lambda: self._call("typed", texts)

    def _hear_action(self, content: dict[str, Any]) -> Callable[[], None]:
        action, key = str(content["action"]), self._told[int(content["id"])].key
        if action not in (known for known, *_ in self.box.actions):
            raise ValueError(f"the page sent an action {action!r} that this grid does not have")
        return lambda: self._call("action", action, key)

    # -- inside --------------------------------------------------------------------------------------------

    def _inside(self, ranges: Iterable[Sequence[int]]) -> Ranges:
        """Ranges that lie within what is shown."""
        limited = [(max(int(first), 0), min(int(end), len(self._items))) for first, end in ranges]
        return [(first, end) for first, end in limited if first < end]

    def _keys(self, ranges: Ranges) -> tuple[str, ...]:
        return tuple(key for first, end in ranges for key in self._items.keys(first, end))

    def _wanted(self, numbers: Iterable[int]) -> list[tuple[int, Path]]:
        """The files of pictures of which the page has been told."""
        told = ((number, self._told[number].file) for number in numbers if number in self._told)
        return [(number, file) for number, file in told if file is not None]

    def _id(self, key: str) -> int:
        """A short number in place of a UUID: a page that gets one more picture is told a hundred of them again."""
        return self._ids.setdefault(key, len(self._ids))

    def _fact(self, item: Item, *, known: bool = False) -> dict[str, Any] | int:
        """An item as the page takes it; its number alone where the page has been told the same before."""
        number = self._id(item.key)
        if known and self._told.get(number) == item:
            return number
        self._told[number] = item
        return fact_of(item, number)

    def _shapes(self) -> list[float]:
        """Width by height of the pictures of a contact sheet; 0 where it is not known."""
        if not self.box.fit or len(self._items) > SHEET:
            return []
        return [item.width / item.height if item.width and item.height else 0.0 for item in self._items]

    def _send_details(self, keys: Sequence[tuple[int, str]]) -> None:
        """The owner's lines about opened pictures; an error is shown in their place, and under the grid."""
        assert self._details is not None
        errors: list[Exception] = []
        for number, key in keys:
            lines: list[str] = []
            failed = len(errors)
            with showing(errors.append):
                lines = [printable(line) for line in self._details(key)]
            problem = words_of(errors[-1]) if len(errors) > failed else ""
            self._send({"type": "details", "id": number, "lines": lines, "problem": problem}, [])
        self._tell("original", errors[-1] if errors else None)

    def _send_with_settings(self, item: Item) -> None:
        """A picture's file with its settings; why it cannot be had is shown under the grid."""
        assert self._remember is not None
        errors: list[Exception] = []
        with showing(errors.append):
            made = self._remember(item.key)
        with self._lock:
            fact = self._fact(item)
        if errors:
            self._send({"type": "saved", "fact": fact, "broken": words_of(errors[0])}, [])
            return
        beside = f"It has no settings in it, because {made.why}." if made.why else ""
        if made.sidecar:
            beside = f"Its settings are in {_file_name(item)}{SIDECAR} beside it, because {made.why}."
        files = [made.data, made.sidecar] if made.sidecar else [made.data]
        self._send({"type": "saved", "fact": fact, "beside": beside}, files)

    def _publish(self, ranges: Ranges, active: int, by: str = "") -> None:
        """Tell every page what is selected; ``by``: the page that knows already."""
        parts = [list(part) for part in ranges]
        self.box.chosen = {"version": self.box.version, "ranges": parts, "active": active, "by": by}

    def _place(self, key: str | None) -> int:
        """Where the item of a key stands; -1: nowhere."""
        return next(iter(self._items.positions([key] if key else [])), -1)

    def _send(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        self.box.send(content, buffers)

    def _call(self, which: str, *arguments: Any) -> None:
        errors: list[Exception] = []
        for callback in self._callbacks[which]:
            with showing(errors.append):
                callback(*arguments)
        self._tell(which, errors[-1] if errors else None)

    def _tell(self, kind: str, error: Exception | None = None) -> None:
        """Show what went wrong, until this kind of thing goes well."""
        with self._lock:
            self._faults.pop(kind, None)
            if error is not None:
                where = traceback.extract_tb(error.__traceback__)[-1]
                self._faults[kind] = f"{type(error).__name__}: {error} (in {where.name}, line {where.lineno})"
            self.box.problem = "; ".join(self._faults.values())


def fact_of(item: Item, number: int) -> dict[str, Any]:
    """An item as the page takes it, under the number by which the page knows it."""
    said = {
        "alt": _short(item.alt), "cut": _short(item.alt) != item.alt, "caption": list(item.caption), "width": item.width, "height": item.height,
        "media": item.media_type, "missing": item.missing, "rating": item.rating, "keep": item.keep,
        "tags": item.tags, "note": item.note, "badge": item.badge, "name": _file_name(item),
        "status": "" if item.status == "done" else item.status,
    }  # fmt: skip
    return {
        "id": number,
        **{name: value for name, value in said.items() if value or (name == "keep" and value is False)},
    }


def _ranges(places: Iterable[int]) -> Ranges:
    """Places as ranges without gaps."""
    found: Ranges = []
    for place in sorted(set(places)):
        if found and found[-1][1] == place:
            found[-1] = (found[-1][0], place + 1)
        else:
            found.append((place, place + 1))
    return found


def _pixels(content: dict[str, Any]) -> int:
    """The size of previews that a page asks for."""
    return min(max(int(content["pixels"]), 32), 2048)


def _short(prompt: str) -> str:
    return prompt if len(prompt) <= ALT else ellipsis(prompt, ALT)


def _file_name(item: Item) -> str:
    """What a saved copy is called: the seed, and the beginning of the hash that names the original."""
    if item.file is None:
        return ""
    seed = next((fact for fact in item.caption if fact.startswith("seed ")), "picture")
    return f"{seed.replace(' ', '-')}-{item.file.stem[:12]}{item.file.suffix}"
