"""The state of all controls: what is set, as a request or as what is wrong with it; undo, draft, and the seed's tools.

:class:`Form` is plain Python. Pages see it through :class:`~nbkit.widgets.form.view.FormView`, a widget for all of
the controls or for some of them. What a person typed is kept as it is and checked by the request's own rules, so that
a wrong value is explained and never changed in silence.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from nbkit.errors import RequestError
from nbkit.request import model, rules
from nbkit.request.address import HIDDEN, Url, whole_text, without_credentials
from nbkit.request.image_request import NAMES, PARAMETERS, ImageRequest
from nbkit.request.parameter import Address
from nbkit.results.run import GeneratedImage
from nbkit.widgets.form.fields import label, parse, shown, unset_label
from nbkit.widgets.form.references import Entries, References
from nbkit.widgets.form.undo import UndoHistory

Changed = Callable[[], None]

DRAFT_TIER = model.TIERS[0]
FINAL_TIERS = model.TIERS[2:]
"""The tiers at which a chosen picture may be made again."""
ANY_PROMPT = "a prompt"
"""In place of one that is not written yet; no price depends on it."""
SIZE = ("width", "height", "aspect_ratio", "resolution")
_PIXELS = re.compile(r"\s*(\d+)\s*(?:[x×*,;/]|\s)\s*(\d+)\s*(?:px)?\s*")


class FormState(NamedTuple):
    """All that undo brings back.

    Attributes:
        values: what is set, by Python name, unchecked.
        references: the reference images.
        draft: whether drafts are made.
    """

    values: dict[str, Any]
    references: Entries
    draft: bool


class Form:
    """The controls of every parameter.

    Attributes:
        references: the reference images.
        history: undo and redo.
        lock: guards the state; messages of pages may come in any thread.
        keeps_seed: whether the seed stays for the next run; else a new one is drawn after each run.
        last_seed: the seed of the last picture.
        varied: parameters that take several values elsewhere; their controls are not shown.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.references = References()
        self.references.changed = self._references_changed
        self.history: UndoHistory[FormState] = UndoHistory()
        self.keeps_seed = True
        self.last_seed: int | None = None
        self.varied: frozenset[str] = frozenset()
        self._values: dict[str, Any] = {}
        self._draft = False
        self._complaints: dict[str, str] = {}
        self._gently = True
        self._callbacks: list[Callable[[], None]] = []
        self._quiet = 0
        self._before_references: Entries = ()

    # -- reading -----------------------------------------------------------------------------------------

    @property
    def draft(self) -> bool:
        """Whether every run has the smallest resolution and one result. Can be set."""
        return self._draft

    @draft.setter
    def draft(self, on: bool) -> None:
        with self.change():
            self._draft = bool(on)

    @property
    def state(self) -> FormState:
        """All that undo brings back."""
        return FormState(dict(self._values), self.references.entries, self._draft)

    def read(self) -> dict[str, Any]:
        """What is asked for, by Python name and unchecked."""
        with self.lock:
            values = {name: self._values[name] for name in PARAMETERS if name in self._values}
            if given := self.references.read():
                values["reference_images"] = given
            if self._draft:
                for name in ("number_results", "width", "height"):
                    values.pop(name, None)
                values["resolution"] = DRAFT_TIER
            return values

    def wrong(self) -> dict[str, RequestError]:
        """What is wrong with single controls, by parameter."""
        problems = {}
        for name, value in self.read().items():
            try:
                rules.check_value(PARAMETERS[name], label(PARAMETERS[name]), value)
            except RequestError as error:
                problems[name] = error
        return problems

    def _wrong_size(self) -> dict[str, RequestError]:
        """What is wrong with the pixels that were typed, also while something else is wrong."""
        size = {name: self._values[name] for name in ("width", "height") if name in self._values}
        try:
            if size and not self._draft:
                ImageRequest(ANY_PROMPT, **size)
        except RequestError as error:
            return {"width": error}
        return {}

    def check(self) -> tuple[ImageRequest | None, dict[str, RequestError]]:
        """The request that the controls ask for, or else, by parameter, what is wrong with them."""
        with self.lock:
            if problems := self.wrong() | self._wrong_size():
                return None, problems
            try:
                request = ImageRequest(**{label(PARAMETERS[name]): value for name, value in self.read().items()})
            except RequestError as error:
                return None, {NAMES.find(error.parameter).name: error}
        lost = lost_references(request)
        return (None, {"reference_images": lost}) if lost else (request, {})

    def price(self) -> model.Price | None:
        """What the controls ask for may cost, also while there is no prompt yet; ``None`` if anything else is wrong."""
        values = {label(PARAMETERS[name]): value for name, value in self.read().items()}
        try:
            return ImageRequest(
                **{**values, "prompt": ANY_PROMPT if is_blank(values.get("prompt")) else values["prompt"]}
            ).price
        except RequestError:
            return None

    # -- writing -----------------------------------------------------------------------------------------

    def on_change(self, changed: Callable[[], None]) -> None:
        """Have ``changed`` called after every change; changes that belong together are one."""
        self._callbacks.append(changed)

    @contextmanager
    def change(self, what: str = "", *, undoable: bool = True) -> Iterator[None]:
        """One change: undo takes it back as a whole, and ``changed`` is called once, at its end.

        Args:
            what: the control, so that one text that is typed is one step.
            undoable: ``False`` for what happens by itself.
        """
        with self.lock:
            before = self.state
            self._quiet += 1
            try:
                yield
            finally:
                self._quiet -= 1
                self._before_references = self.references.entries
                if undoable and not self._quiet and before != self.state:
                    self.history.record(before, what)
        self._tell()

    def write(self, parameters: Mapping[str, Any]) -> None:
        """Set parameters in any spelling; ``None`` unsets one.

        Raises:
            UnknownParameter, RequestError: for a name or a value that the model does not have; then nothing changes.
        """
        given, head = NAMES.resolve(parameters)
        if head:
            name = next(iter(head))
            raise RequestError(f"{name} is made for each send: a panel has no control for it", parameter=name)
        checked = {
            name: None if value is None else rules.check_value(PARAMETERS[name], spelling, value)
            for name, (spelling, value) in given.items()
        }
        said = {name: spelling for name, (spelling, _) in given.items()}
        size = {n: v for n, v in checked.items() if v is not None and PARAMETERS[n].group == "Size"}
        rules.check_combination({"prompt": "", **size}, said)
        with self.change():
            self._put_size({name: checked.pop(name) for name in SIZE if name in checked})
            if "reference_images" in checked:
                self.references.write(checked.pop("reference_images") or ())
            for name, value in checked.items():
                self._put(name, value)

    def use(self, request: ImageRequest, *, prompt: bool = True) -> None:
        """Ask for what a request asks for, with every other parameter unset; its ``extra`` has no control.

        Args:
            request: an earlier one.
            prompt: whether the prompt is taken over, too.
        """
        size = ("width", "height") if request.width else ("aspect_ratio", "resolution")
        names = [name for name in PARAMETERS if name not in SIZE and (prompt or name != "prompt")]
        self.write({name: request.parameters.get(name) for name in (*names, *size)})

    def typed(self, values: Mapping[str, Any], *, whole: bool = False) -> None:
        """Take what a person set on a page, unchecked.

        Args:
            values: by Python name, as :func:`~nbkit.widgets.form.fields.shown` tells them; ``None`` unsets.
            whole: whether it was chosen at once, such as a prompt of the history: a step of its own for undo.
        """
        with self.change("" if whole else ",".join(values)):
            for name, value in values.items():
                if name == "width":
                    self._take_pixels(value or "")
                elif name in ("aspect_ratio", "resolution"):
                    self._put_size({**{n: self._values.get(n) for n in ("aspect_ratio", "resolution")}, name: value})
                elif isinstance(PARAMETERS[name].kind, Address):
                    if value != page_address(self._values.get(name, "")):  # else it is our own, with its query hidden
                        self._put(name, (value or "").strip() or None)
                else:
                    self._put(name, parse(PARAMETERS[name], value))

    def restore(self, state: FormState) -> None:
        """Bring back an earlier state; not a step of its own."""
        with self.change(undoable=False):
            self._values, self._draft = dict(state.values), state.draft
            self.references.restore(state.references)

    def undo(self) -> bool:
        """Take the last change back; whether there was one."""
        return self._step(self.history.undo)

    def redo(self) -> bool:
        """Bring back what was undone last; whether there was something."""
        return self._step(self.history.redo)

    def reset(self) -> None:
        """Unset everything; one step, which undo takes back."""
        with self.change():
            self._values, self._draft = {}, False
            self.references.restore(())

    def draw_seed(self, *, undoable: bool = True) -> None:
        """Set a new random seed, below 2**31."""
        with self.change(undoable=undoable):
            self._put("seed", secrets.randbits(model.RANDOM_SEED_BITS))

    def after_run(self, seed: int | None) -> None:
        """Remember a run's seed, and draw the next one unless the seed is kept or left to the service."""
        with self.lock:
            self.last_seed = self.last_seed if seed is None else seed
            if not self.keeps_seed and "seed" in self._values:
                self.draw_seed(undoable=False)

    def keep_seed(self, on: bool) -> None:
        """Whether the seed stays for the next run. Unlocking a seed that has had its picture draws another one."""
        with self.change(undoable=False):
            self.keeps_seed = on
            if not on and self.last_seed is not None and self._values.get("seed") == self.last_seed:
                self._put("seed", secrets.randbits(model.RANDOM_SEED_BITS))

    def vary(self, names: Collection[str]) -> None:
        """Hide the controls of these parameters, which take several values elsewhere."""
        if self.varied != frozenset(names):
            self.varied = frozenset(names)
            self._tell()

    # -- what is wrong -------------------------------------------------------------------------------------

    def complain(self, problems: Mapping[str, str], *, gently: bool = False) -> None:
        """Show these sentences at their controls, and none at the others.

        Args:
            problems: by Python name.
            gently: nobody has touched anything yet: what is merely missing is not an error.
        """
        self._complaints, self._gently = dict(problems), gently

    def complaint(self, name: str) -> str:
        """What is shown at a control as wrong with it; empty where nothing is."""
        text = self._complaints.get(name, "")
        return self.references.complaints(text) if name == "reference_images" else text

    # -- what the page shows -------------------------------------------------------------------------------

    def shown(self, names: Collection[str]) -> dict[str, Any]:
        """The state for a page that shows these controls, as values for JSON; it holds no credential and no picture."""
        with self.lock:
            given = bool(self.references.read())
            complaints = {name: self.complaint(name) for name in PARAMETERS}
            complaints["width"] = complaints["width"] or complaints.pop("height", "")
            size = self._size()
            return {
                "values": {name: self._page_value(name) for name in names if name in self._values} | self._pixels(size),
                "unset": {name: "As reference" if given else unset_label(PARAMETERS[name]) for name in SIZE[2:]},
                "shape": list(size or ()),
                "complaints": {name: text for name, text in complaints.items() if text and name in names},
                "gently": self._gently,
                "draft": self._draft,
                "varied": sorted(self.varied),
                "seed": {"kept": self.keeps_seed, "last": self.last_seed is not None},
                "undo": self.history.can_undo,
                "redo": self.history.can_redo,
            }

    def _page_value(self, name: str) -> Any:
        value = self._values[name]
        return page_address(value) if isinstance(PARAMETERS[name].kind, Address) else shown(value)

    def _size(self) -> tuple[int, int] | None:
        ratio, tier = (self._values.get(name) for name in ("aspect_ratio", "resolution"))
        if self._draft:
            tier = DRAFT_TIER
        if self.references.read() and not ratio:
            return None
        if ratio not in (None, *model.RATIOS) or tier not in (None, *model.TIERS):
            return None  # the check says what is wrong with it
        return model.size_of(ratio or model.DEFAULT_RATIO, tier or model.DEFAULT_TIER)

    def _pixels(self, size: tuple[int, int] | None) -> dict[str, Any]:
        typed = [str(self._values[name]) for name in ("width", "height") if name in self._values]
        if typed and not self._draft:
            return {"width": " × ".join(typed)}
        return {} if size is None else {"width": f"{size[0]} × {size[1]}"}

    # -- inside --------------------------------------------------------------------------------------------

    def _put(self, name: str, value: Any) -> None:
        if value is None or value == "":
            self._values.pop(name, None)
        else:
            self._values[name] = value

    def _put_size(self, size: Mapping[str, Any]) -> None:
        """Set a size, as a ratio and a tier: whatever names it takes the place of what named it before."""
        if not size:
            return
        width, height = size.get("width"), size.get("height")
        if width and height:
            ratio, tier = model.ratio_and_tier(width, height) or (None, None)
            size = {"aspect_ratio": ratio, "resolution": tier}
        for name in ("width", "height"):
            self._values.pop(name, None)
        for name in ("aspect_ratio", "resolution"):
            if name in size:
                self._put(name, size[name])

    def _take_pixels(self, text: str) -> None:
        found = _PIXELS.fullmatch(text)
        size = (int(found[1]), int(found[2])) if found else None
        if not text.strip():
            self._put_size({"aspect_ratio": None, "resolution": None})
        elif size and model.ratio_and_tier(*size):
            self._put_size({"width": size[0], "height": size[1]})
        else:  # kept as it was typed, and explained by the check
            for name in ("aspect_ratio", "resolution", "height"):
                self._values.pop(name, None)
            self._values |= {"width": size[0], "height": size[1]} if size else {"width": text.strip()}

    def _step(self, step: Callable[[FormState], FormState | None]) -> bool:
        with self.lock:
            state = step(self.state)
            if state is None:
                return False
            self.restore(state)
            return True

    def _references_changed(self) -> None:
        with self.lock:
            before, now = self._before_references, self.references.entries
            if not self._quiet and before != now:
                self.history.record(self.state._replace(references=before))
                self._before_references = now
        self._tell()

    def _tell(self) -> None:
        if not self._quiet:
            for changed in self._callbacks:
                changed()


def words_of(error: RequestError) -> str:
    """What is wrong with a value, for the place beside its control: without the code's ``name=value``."""
    said = str(error)
    if error.reason == "dimensions" and isinstance(error.suggestion, tuple):
        near = " × ".join(map(str, error.suggestion))
        ratio, tier = model.ratio_and_tier(*error.suggestion) or ("", "")
        return f"Not a size of {model.MODEL_NAME}. Nearest: {near} ({ratio} at {tier})"
    rule = said.partition(": must be ")[2]
    if not rule:
        return said
    rule, _, near = rule.partition(". Nearest")
    kind = type(error.value).__name__
    rule = rule.removesuffix(f", not {kind}")
    return f"Must be {rule}." if not near else f"Must be {rule}. Nearest: {error.suggestion}"


def is_blank(prompt: Any) -> bool:
    """Whether there is no prompt yet."""
    return not str(prompt or "").strip()


def page_address(address: str) -> str:
    """An address as the page may know it: without its query and its user, which are credentials."""
    whole, is_cut = whole_text(address), isinstance(address, Url) and address.whole is None
    bare = without_credentials(whole) if whole else ""
    return bare if (bare == whole and not is_cut) or HIDDEN in bare else f"{bare}?{HIDDEN}"


def lost_references(request: ImageRequest) -> RequestError | None:
    """Why a request of an earlier run cannot be sent again: a picture of it is no longer where it was kept."""
    lost = [str(number) for number, r in enumerate(request.reference_images or (), 1) if r.is_missing]
    if not lost:
        return None
    which = f"picture {lost[0]} is" if len(lost) == 1 else f"pictures {', '.join(lost)} are"
    return RequestError(
        f"{which} no longer in the image folder: remove it here, or give it again", parameter="reference_images"
    )


def final_request(request: ImageRequest, image: GeneratedImage, tier: str) -> ImageRequest:
    """The request that makes a chosen picture again at a higher tier: its shape, its seed, one result."""
    seed = request.seed if image.seed is None else image.seed
    return request.replace(resolution=tier, seed=seed, number_results=None)
