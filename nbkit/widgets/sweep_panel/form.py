"""All controls of a sweep together: what varies, what stays, how it is run; as a sweep or as what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nbkit.display.text import escape
from nbkit.errors import RequestError, UnknownParameter
from nbkit.request import rules
from nbkit.request.image_request import NAMES, PARAMETERS
from nbkit.request.naming import TASK_KEYS
from nbkit.sweep.spec import TEMPLATES, is_axis
from nbkit.sweep.sweep import Sweep
from nbkit.sweep.template import text_of
from nbkit.widgets.form.fields import label
from nbkit.widgets.form.form import Changed, Form
from nbkit.widgets.form.view import FormView
from nbkit.widgets.sweep_panel.axes import Axes, listed, variables_in
from nbkit.widgets.sweep_panel.options import BUILDING, RUNNING, Options
from nbkit.widgets.sweep_panel.source import code_of

Make = Callable[..., Sweep]


class SweepForm:
    """The controls of a sweep panel.

    Args:
        make: ``studio.sweep``.
        fault: shows an error in the panel.

    Attributes:
        stay: the state of what is the same for every cell.
        prompt, rest: its controls: the prompt's, and the others'.
        axes: the rows of what varies.
        options: everything else that a sweep takes.
    """

    def __init__(self, make: Make, fault: Callable[[Exception], None]) -> None:
        self._make = make
        self._writing = False
        self._changed: list[Changed] = []
        self.stay, self.axes, self.options = Form(), Axes(self._moved, fault), Options()
        self.prompt = FormView(self.stay, fault, ("prompt",), tools=False)
        self.rest = FormView(self.stay, fault, [name for name in PARAMETERS if name != "prompt"], tools=False)
        for part in (self.stay, self.axes, self.options):
            part.on_change(self._tell)

    def on_change(self, changed: Changed) -> None:
        """Have ``changed`` called after every change; many that belong together are one."""
        self._changed.append(changed)

    # -- writing ---------------------------------------------------------------------------------------

    def write(self, parameters: Mapping[str, Any]) -> None:
        """Set axes (list-like values), what stays, and options, in any spelling; ``None`` takes one back.

        Raises:
            UnknownParameter: for a name that is no parameter, no option and no variable of the template.
            RequestError: for a value that the model does not allow. Nothing has moved then.
        """
        options = {name: value for name, value in parameters.items() if name in (*BUILDING, *RUNNING)}
        given, free = _sorted({name: value for name, value in parameters.items() if name not in options})
        axes = {name: listed(name, said, value) for name, (said, value) in given.items() if is_axis(name, value)}
        fixed = {said: value for name, (said, value) in given.items() if name not in axes}
        self._refuse_strangers(free, {name: axes.get(name, [value]) for name, (_, value) in given.items()})
        free = {name: list(value) if is_axis(name, value) else [value] for name, value in free.items()}
        for name, values in free.items():
            for value in values:
                text_of(name, value)  # as text in the box, a gap could not be told from a word
        order = [name for name in dict.fromkeys(map(python, parameters)) if name in axes or name in free]
        with self._together():
            self.options.write(options)
            self.stay.write({**fixed, **{label(PARAMETERS[name]): None for name in axes}})
            for name in given:
                if name not in axes:
                    self.axes.take(name)
            for name in order:
                self.axes.put(name, axes[name] if name in axes else free[name])
        self._tell()

    def follow(self) -> None:
        """Bring what follows from the controls in step with them: the template's variables, what is not shown."""
        with self._together():
            self.axes.follow(self._texts())
            self.stay.vary([name for name in self.axes.rows if name in PARAMETERS])

    def refresh(self) -> None:
        """Bring the page in step with what stays."""
        self.prompt.refresh()
        self.rest.refresh()

    def _moved(self) -> None:
        """An axis was added or taken away: what its control held is its first value."""
        with self._together():
            for name, row in self.axes.rows.items():
                value = self.stay.read().get(name) if name in PARAMETERS else None
                if value is not None:
                    self.stay.write({name: None})
                    if not row.read():
                        row.write([value])
        self._tell()

    @contextmanager
    def _together(self) -> Iterator[None]:
        before, self._writing = self._writing, True
        try:
            yield
        finally:
            self._writing = before

    def _tell(self) -> None:
        if not self._writing:
            for changed in self._changed:
                changed()

    def _refuse_strangers(self, free: Collection[str], given: Mapping[str, list[Any]]) -> None:
        """A name that is no parameter is a variable of a template, or misspelled."""
        texts = [*self._texts(), *(text for name in TEMPLATES for text in given.get(name, ()))]
        known = variables_in(text for text in texts if isinstance(text, str))
        for name in free:
            if name not in known:
                NAMES.find(name)

    # -- what they ask for -----------------------------------------------------------------------------

    def asked(self) -> tuple[Sweep | None, dict[str, RequestError]]:
        """The sweep that the controls ask for, or else, by control, what is wrong with them."""
        problems = {**self.stay.wrong(), **self.axes.wrong(), **self.options.wrong()}
        keywords = self.keywords()
        if "prompt" not in keywords:
            try:
                rules.check_combination({}, {})
            except RequestError as error:
                problems = {"prompt": error, **problems}
        if problems:
            return None, problems
        try:
            return self._make(**keywords, **self.options.building()), {}
        except RequestError as error:
            return None, {place_of(error): error}

    def keywords(self) -> dict[str, Any]:
        """Parameters and variables, as ``studio.sweep`` takes them: the prompt, what varies, what stays."""
        varied = self.axes.read()
        stay = self.stay.read().items()
        fixed = {label(PARAMETERS[name]): self.axes.written(name, value) for name, value in stay}
        fixed = {name: value for name, value in fixed.items() if name not in varied}
        prompt = {"prompt": fixed.pop("prompt")} if "prompt" in fixed else {}
        return {**prompt, **varied, **fixed}

    def code(self, files: Mapping[str, str]) -> str:
        """The Python that makes and runs the same sweep.

        Args:
            files: a file for each reference image that has pixels here.
        """
        return code_of(self.keywords(), self.options.building(), self.options.running(), files)

    def complain(self, problems: Mapping[str, Exception], *, gently: bool = False) -> None:
        """Let each control that is named say its sentence, and every other one be quiet.

        Args:
            problems: by Python name of a parameter, by name of a variable or an option.
            gently: nobody has touched anything yet.
        """
        told = {name: str(error) for name, error in problems.items()}
        missing = [name for name, error in problems.items() if getattr(error, "reason", "") == "missing"]
        self.axes.complain(told, gently=missing)
        stay = {name: text for name, text in told.items() if name in PARAMETERS and name not in self.axes.rows}
        self.stay.complain(stay, gently=gently)
        self.refresh()
        rest = [text for name, text in told.items() if name not in stay and name not in self.axes.rows]
        lines = "<br>".join(f'<span class="nbkit-error" role="alert">✗ {escape(text)}</span>' for text in rest)
        self.options.complain(lines)

    def _texts(self) -> list[str]:
        said = self.stay.read()
        return [*(said[name] for name in TEMPLATES if name in said), *self.axes.texts()]


def python(name: str) -> str:
    """The Python name of a parameter; any other name as it is."""
    try:
        return NAMES.find(name).name
    except UnknownParameter:
        return name


def spoken(name: str) -> str:
    """What a parameter is called on the page; any other name as it is."""
    return label(PARAMETERS[name]) if name in PARAMETERS else name


def place_of(error: RequestError) -> str:
    """Whose control an error is about."""
    return python(str(error.parameter or "").split(",")[0].strip())


def _sorted(parameters: Mapping[str, Any]) -> tuple[dict[str, tuple[str, Any]], dict[str, Any]]:
    """Keywords as parameters, by Python name, and as variables of a template."""

    def is_free(name: str) -> bool:
        return python(name) not in PARAMETERS and name not in TASK_KEYS and not NAMES.is_group(name)

    free = {name: value for name, value in parameters.items() if is_free(name)}
    given, head = NAMES.resolve({name: value for name, value in parameters.items() if name not in free})
    if head:
        name = next(iter(head))
        raise RequestError(f"{name} is made for each send: a panel has no control for it", parameter=name)
    return given, free
