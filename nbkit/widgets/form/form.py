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
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from nbkit.errors import RequestError, UnknownParameter
from nbkit.request import rules
from nbkit.request.address import HIDDEN, Url, whole_text, without_credentials
from nbkit.request.image_request import NAMES, PARAMETERS, ImageRequest
from nbkit.request.naming import TASK_KEYS, Given, profile_in
from nbkit.request.parameter import Address, type_in_words
from nbkit.request.profile import DEFAULT_RATIO, DEFAULT_TIER, PROFILES, Profile
from nbkit.request.profiles import DEFAULT, DEFAULT_MODEL, RANDOM_SEED_BITS
from nbkit.sweep.spec import TEMPLATES, is_axis
from nbkit.sweep.sweep import Sweep
from nbkit.sweep.template import text_of
from nbkit.widgets.form import axes, options
from nbkit.widgets.form.axes import Axes, AxesState
from nbkit.widgets.form.fields import MARKED, label, own_fields, parse, shown, unset_label, word
from nbkit.widgets.form.options import BUILDING, RUNNING, SweepOptions
from nbkit.widgets.form.references import Entries, References
from nbkit.widgets.form.undo import UndoHistory

Changed = Callable[[], None]

FINAL_TIERS = DEFAULT.tiers[2:]
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
        axes: what takes several values.
        options: how a sweep is run.
        aside: values that the model lacks, by Python name; another model brings them back.
    """

    values: dict[str, Any]
    references: Entries
    draft: bool
    axes: AxesState
    options: dict[str, str]
    aside: dict[str, Any]


class Form:
    """The controls of every parameter.

    Args:
        sweeps: whether it asks for a sweep also while nothing takes several values.
        model: the studio's, for as long as none is set.

    Attributes:
        references: the reference images.
        history: undo and redo.
        lock: guards the state; messages of pages may come in any thread.
        keeps_seed: whether the seed stays for the next run; else a new one is drawn after each run.
        last_seed: the seed of the last picture.
        axes: what takes several values. What the control of such a parameter held is kept, and not asked for.
        options: how a sweep is run.
    """

    def __init__(self, *, sweeps: bool = False, model: str = DEFAULT_MODEL) -> None:
        self._sweeps, self._model = sweeps, model
        self.axes, self.options = Axes(), SweepOptions()
        self.lock = threading.RLock()
        self.references = References()
        self.references.changed = self._references_changed
        self.history: UndoHistory[FormState] = UndoHistory()
        self.keeps_seed = True
        self.last_seed: int | None = None
        self._values: dict[str, Any] = {}
        self._aside: dict[str, Any] = {}
        self._followed = PROFILES[model]
        self._draft = False
        self._complaints: dict[str, str] = {}
        self._callbacks: list[Callable[[], None]] = []
        self._quiet = 0
        self._before_references: Entries = ()

    # -- reading -----------------------------------------------------------------------------------------

    @property
    def profile(self) -> Profile:
        """The profile of the model that the controls ask for; of several, the first."""
        return self._profiles()[0]

    def _profiles(self) -> tuple[Profile, ...]:
        """The models that are asked for."""
        if "model" in self.axes.texts:
            with suppress(RequestError):
                if models := self.axes.values("model"):
                    return tuple(profile_in({"model": model}) for model in models)
        return (PROFILES.get(self._values.get("model", self._model), DEFAULT),)

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
        references = self.references.entries
        return FormState(
            dict(self._values), references, self._draft, self.axes.state, self.options.texts, dict(self._aside)
        )

    @property
    def is_sweep(self) -> bool:
        """Whether a sweep is asked for."""
        return self._sweeps or bool(self.axes.texts)

    def read(self) -> dict[str, Any]:
        """What is asked for, by Python name and unchecked, without what takes several values."""
        with self.lock:
            varied = self.axes.texts
            values = {name: self._values[name] for name in PARAMETERS if name in self._values and name not in varied}
            if self._model != DEFAULT_MODEL and "model" not in varied:
                values.setdefault("model", self._model)
            if given := self.references.read():
                values["reference_images"] = given
            if self._draft:
                for name in ("number_results", "width", "height"):
                    values.pop(name, None)
                values |= {} if "resolution" in varied else {"resolution": self.profile.tiers[0]}
            return values

    def wrong(self) -> dict[str, RequestError]:
        """What is wrong with single controls, by parameter."""
        problems = {}
        for name, value in self.read().items():
            try:
                rules.check_for_any(PARAMETERS[name], label(PARAMETERS[name]), value, self._profiles())
            except RequestError as error:
                problems[name] = error
        return problems

    def _wrong_size(self) -> dict[str, RequestError]:
        """What is wrong with the pixels that were typed, also while something else is wrong."""
        size = {name: self._values[name] for name in ("width", "height") if name in self._values}
        try:
            if size and not self._draft:
                ImageRequest(ANY_PROMPT, **size, model=self.profile.identifier)
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

    def priced(self) -> ImageRequest | None:
        """What the controls ask for, also while there is no whole prompt yet; ``None`` if anything else is wrong.

        No price depends on the words: one letter of a prompt that is being typed takes no price off the button.
        """
        values = {label(PARAMETERS[name]): value for name, value in self.read().items()}
        try:
            return ImageRequest(**{**values, "prompt": ANY_PROMPT})
        except RequestError:
            return None

    # -- as a sweep --------------------------------------------------------------------------------------

    def asked(self, make: Callable[..., Sweep]) -> tuple[Sweep | None, dict[str, RequestError]]:
        """The sweep that the controls ask for, or else, by control, what is wrong with them.

        Args:
            make: ``studio.sweep``.
        """
        with self.lock:
            problems = {**self.wrong(), **self._wrong_size(), **self.axes.wrong(), **self.options.wrong()}
            if "prompt" not in self.axes.texts and is_blank(self.read().get("prompt")):
                try:
                    rules.check_combination({}, {})
                except RequestError as error:
                    problems = {"prompt": error, **problems}
            if problems:
                return None, problems
            try:
                return make(**self.keywords(), **self.options.building()), {}
            except RequestError as error:
                return None, {place_of(error): error}

    def keywords(self) -> dict[str, Any]:
        """Parameters and variables, as ``studio.sweep`` takes them: the prompt, what varies, what stays."""
        varied = self.axes.read()
        fixed = {label(PARAMETERS[name]): self.axes.written(name, value) for name, value in self.read().items()}
        prompt = {"prompt": fixed.pop("prompt")} if "prompt" in fixed else {}
        return {**prompt, **varied, **fixed}

    def vary(self, name: str) -> None:
        """Have a parameter or a variable take several values, three around the present one; or a single one again."""
        with self.change():
            if name in self.axes.texts:
                self.axes.take(name)
            elif name in MARKED:
                self.axes.put(name, axes.around(name, self.read().get(name), self.profile))
            elif name in self.axes.state.literal:
                self.axes.state = self.axes.state._replace(literal=self.axes.state.literal - {name})

    def hold_still(self, names: Collection[str] | None = None) -> None:
        """Have these take one value again, in any spelling; by default all."""
        with self.change():
            if names is None:
                self.axes.state = AxesState()
            for name in map(python_name, names or ()):
                self.axes.take(name)

    def write_sweep(self, parameters: Mapping[str, Any]) -> None:
        """Set axes (list-like values), what stays, and options, in any spelling; ``None`` takes one back.

        Raises:
            UnknownParameter: for a name that is no parameter, no option and no variable of the template.
            RequestError: for a value that the model does not allow. Nothing has changed then.
        """
        how = {name: value for name, value in parameters.items() if name in (*BUILDING, *RUNNING)}
        given, free = _sorted({name: value for name, value in parameters.items() if name not in how})
        asked = self._asked_profiles(given)
        lists = {
            name: axes.listed(name, said, value, asked) for name, (said, value) in given.items() if is_axis(name, value)
        }
        fixed = {said: value for name, (said, value) in given.items() if name not in lists}
        self._refuse_strangers(free, {name: lists.get(name, [value]) for name, (_, value) in given.items()})
        lists |= {name: list(value) if is_axis(name, value) else [value] for name, value in free.items()}
        for name in free:
            for value in lists[name]:
                text_of(name, value)  # as text in the box, a gap could not be told from a word
        order = [name for name in dict.fromkeys(map(python_name, parameters)) if name in lists]
        with self.change():
            self.options.write(how)
            self.write({**fixed, **{axes.said(name): None for name in lists if name in PARAMETERS}})
            self.hold_still([name for name in given if name not in lists])
            for name in order:
                self.axes.put(name, lists[name])

    def _asked_profiles(self, given: Given) -> tuple[Profile, ...]:
        """The models that are asked for when these parameters are set."""
        if "model" not in given:
            return self._profiles()
        _, value = given["model"]
        models = axes.listed("model", "model", value) if is_axis("model", value) else [value]
        return tuple(profile_in({"model": model}) for model in models)

    def _templates(self) -> list[str]:
        values = self.read()
        return [*(values[name] for name in TEMPLATES if name in values), *self.axes.templates()]

    def _refuse_strangers(self, free: Collection[str], given: Mapping[str, list[Any]]) -> None:
        """A name that is no parameter is a variable of a template, or misspelled."""
        texts = [*self._templates(), *(text for name in TEMPLATES for text in given.get(name, ()))]
        known = axes.variables_in(text for text in texts if isinstance(text, str))
        for name in free:
            if name not in known:
                NAMES.find(name)

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
                if not self._quiet:
                    self._follow_model()
                if self.is_sweep and not self._quiet:
                    self.axes.follow(self._templates())
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
            raise _made_for_each_send(next(iter(head)))
        model = given["model"][1] if "model" in given else self._values.get("model")
        profile = profile_in({"model": model or self._model})
        checked = {
            name: None if value is None else rules.check_value(PARAMETERS[name], spelling, value, profile=profile)
            for name, (spelling, value) in given.items()
        }
        said = {name: spelling for name, (spelling, _) in given.items()}
        size = {n: v for n, v in checked.items() if v is not None and PARAMETERS[n].group == "Size"}
        rules.check_combination({"prompt": "", **size}, said, profile)
        with self.change():
            if "model" in checked:
                self._put("model", checked.pop("model"))
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
        model = request.profile.identifier
        values = {**request.parameters, "model": request.model if model == self._model else model}
        self.write({name: values.get(name) for name in (*names, *size)})

    def typed(self, values: Mapping[str, Any], *, whole: bool = False) -> None:
        """Take what a person set on a page, unchecked.

        Args:
            values: by Python name, as :func:`~nbkit.widgets.form.fields.shown` tells them; ``None`` unsets.
            whole: whether it was chosen at once, such as a prompt of the history: a step of its own for undo.
        """
        with self.change("" if whole else ",".join(values)):
            for name, value in values.items():
                if name.startswith(axes.PREFIX):
                    if name.removeprefix(axes.PREFIX) in self.axes.texts:  # else it was taken away meanwhile
                        self.axes.type(name.removeprefix(axes.PREFIX), value or "")
                elif name.startswith(options.PREFIX):
                    self.options.type(name.removeprefix(options.PREFIX), value)
                elif name == "width":
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
            self._values, self._draft, self._aside = dict(state.values), state.draft, dict(state.aside)
            self.axes.state, self.options.texts = state.axes, state.options
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
            self._values, self._draft, self._aside = {}, False, {}
            self.axes.state, self.options.texts = AxesState(), {}
            self.references.restore(())

    def draw_seed(self, *, undoable: bool = True) -> None:
        """Set a new random seed, below 2**31."""
        with self.change(undoable=undoable):
            self._put("seed", secrets.randbits(RANDOM_SEED_BITS))

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
                self._put("seed", secrets.randbits(RANDOM_SEED_BITS))

    # -- what is wrong -------------------------------------------------------------------------------------

    def complain(self, problems: Mapping[str, str]) -> None:
        """Show these sentences at their controls, and none at the others.

        Args:
            problems: by Python name.
        """
        self._complaints = dict(problems)

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
            complaints |= {
                name: self._complaints.get(name, "") for name in (*self.axes.texts, *options.BUILDING, *options.RUNNING)
            }
            size = self._size()
            texts = {f"{axes.PREFIX}{name}": text for name, text in self.axes.texts.items()}
            texts |= {f"{options.PREFIX}{name}": text for name, text in self.options.texts.items()}
            values = {name: self._page_value(name) for name in names if name in self._values}
            return {
                "values": values | self._pixels(size) | texts,
                "unset": {
                    **({} if self._model == DEFAULT_MODEL else {"model": f"Default ({PROFILES[self._model].name})"}),
                    **{name: "As reference" if given else unset_label(PARAMETERS[name]) for name in SIZE[2:]},
                },
                "shape": list(size or ()),
                "complaints": {name: text for name, text in complaints.items() if text},
                "draft": self._draft,
                "sweep": self.is_sweep,
                "axes": self.axes.rows(),
                "literal": sorted(self.axes.state.literal),
                "seed": {"kept": self.keeps_seed, "last": self.last_seed is not None},
                "own": own_fields(self.profile, names),
                "aside": {name: f"{word(value)} is kept aside" for name, value in self._aside.items() if name in names},
                "undo": self.history.can_undo,
                "redo": self.history.can_redo,
            }

    def _page_value(self, name: str) -> Any:
        value = self._values[name]
        return page_address(value) if isinstance(PARAMETERS[name].kind, Address) else shown(value)

    def _size(self) -> tuple[int, int] | None:
        profile = self.profile
        ratio, tier = (self._values.get(name) for name in ("aspect_ratio", "resolution"))
        if self._draft:
            tier = profile.tiers[0]
        if self.references.read() and not ratio:
            return None
        if ratio not in (None, *profile.ratios) or tier not in (None, *profile.tiers):
            return None  # the check says what is wrong with it
        return profile.size_of(ratio or DEFAULT_RATIO, tier or DEFAULT_TIER)

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
            ratio, tier = self.profile.ratio_and_tier(width, height) or (None, None)
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
        elif size and self.profile.ratio_and_tier(*size):
            self._put_size({"width": size[0], "height": size[1]})
        else:  # kept as it was typed, and explained by the check
            for name in ("aspect_ratio", "resolution", "height"):
                self._values.pop(name, None)
            self._values |= {"width": size[0], "height": size[1]} if size else {"width": text.strip()}

    def _follow_model(self) -> None:
        """Put aside what the model lacks, and take back what it has: a value that was set is never lost."""
        self.axes.profiles = self._profiles()
        if len(self.axes.profiles) > 1:  # a sweep names the cells that a model cannot make
            return
        (profile,) = self.axes.profiles
        for name, value in list(self._aside.items()):
            if self._values.get(name) is not None or self._is_of(name, value, profile):
                del self._aside[name]
                self._values.setdefault(name, value)
        if profile is self._followed:
            return
        for name, value in list(self._values.items()):
            others = (other for other in PROFILES.values() if other is not profile)
            if not self._is_of(name, value, profile) and any(self._is_of(name, value, other) for other in others):
                self._aside[name] = self._values.pop(name)
        self._followed = profile

    @staticmethod
    def _is_of(name: str, value: Any, profile: Profile) -> bool:
        """Whether a model has a value of a parameter, as far as it is a value at all."""
        try:
            rules.check_value(PARAMETERS[name], name, value, profile=profile)
        except RequestError:
            return False
        return True

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
        name, place = str(error).partition("not a size of ")[2].partition(". Nearest: ")[::2]
        return f"Not a size of {name}. Nearest: {near}{place[place.rfind(' (') :]}"
    rule = said.partition(": must be ")[2]
    if not rule:
        return said
    rule, _, near = rule.partition(". Nearest")
    rule = rule.removesuffix(f", got {type_in_words(error.value)}")
    return f"Must be {rule}." if not near else f"Must be {rule}. Nearest: {error.suggestion}"


def python_name(name: str) -> str:
    """The Python name of a parameter; any other name as it is."""
    try:
        return NAMES.find(name).name
    except UnknownParameter:
        return name


def place_of(error: RequestError) -> str:
    """Whose control an error is about."""
    return python_name(str(error.parameter or "").split(",")[0].strip())


def _sorted(parameters: Mapping[str, Any]) -> tuple[dict[str, tuple[str, Any]], dict[str, Any]]:
    """Keywords as parameters, by Python name, and as variables of a template."""

    def is_free(name: str) -> bool:
        return python_name(name) not in PARAMETERS and name not in TASK_KEYS and not NAMES.is_group(name)

    free = {name: value for name, value in parameters.items() if is_free(name)}
    given, head = NAMES.resolve({name: value for name, value in parameters.items() if name not in free})
    if head:
        raise _made_for_each_send(next(iter(head)))
    return given, free


def _made_for_each_send(name: str) -> RequestError:
    return RequestError(f"{name} is made for each send: a panel has no control for it", parameter=name)


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
