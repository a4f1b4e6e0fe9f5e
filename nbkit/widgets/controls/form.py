"""All controls of a request together: what they say, as a request or as what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from typing import Any

import ipywidgets as widgets

from nbkit.errors import RequestError
from nbkit.request import rules
from nbkit.request.image_request import NAMES, PARAMETERS, ImageRequest
from nbkit.widgets.controls.control import Changed, Control, control_for, label
from nbkit.widgets.controls.draft import Draft
from nbkit.widgets.controls.fold import Fold, by_group, section
from nbkit.widgets.controls.references import References
from nbkit.widgets.controls.seed import Seed
from nbkit.widgets.controls.size import Size
from nbkit.widgets.page.plain import plain

OPEN = ("prompt", "aspect_ratio", "temperature", "top_p", "seed", "number_results", "thinking")
"""The controls that stand open, in this order; every other one is folded under the heading of its group."""


class Form:
    """The controls of every parameter.

    Args:
        apart: parameters whose controls whoever holds the form puts into a place of their own.

    Attributes:
        controls: by the Python name of the parameter; one control may hold several.
        fold: those that are folded away.
        draft: the switch that overrides some of them; to be placed beside the buttons.
        box: what stands open, and the folded rest under it.
    """

    def __init__(self, *, apart: Collection[str] = ()) -> None:
        self.size, self.references, self.seed, self.draft = Size(), References(), Seed(), Draft()
        own = {name: control for control in (self.size, self.references, self.seed) for name in control.names}
        self.controls: dict[str, Control] = {n: own[n] if n in own else control_for(p) for n, p in PARAMETERS.items()}
        shown = by_group(self.controls[name] for name in OPEN if name not in apart)
        aside = [*chain.from_iterable(shown.values()), *(self.controls[name] for name in apart)]
        begun = {PARAMETERS[name].group for control in aside for name in control.names}
        self.fold = Fold((control for control in self._each() if control not in aside), begun=begun)
        self.box = plain(widgets.VBox, (*(section(group, held) for group, held in shown.items()), self.fold.box))
        self.draft.button.observe(lambda _: self._draft(), "value")

    def _each(self, names: Iterable[str] = PARAMETERS) -> list[Control]:
        """The controls of these parameters, each once."""
        return list(dict.fromkeys(self.controls[name] for name in names))

    def on_change(self, changed: Changed) -> None:
        """Have ``changed`` called after every change of a control."""
        for control in self._each():
            control.on_change(changed)
        self.draft.button.observe(lambda _: changed(), "value")

    def _draft(self) -> None:
        self.size.draft(self.draft.on)
        self.controls["number_results"].enable(not self.draft.on)

    def write(self, parameters: Mapping[str, Any]) -> None:
        """Set parameters in any spelling; ``None`` sets one to "not sent".

        Raises:
            UnknownParameter, RequestError: for a name or a value that the model does not have; then no control moves.
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
        rules.check_combination({"prompt": "", **size}, said)  # the controls cannot show a pair that the model lacks
        for control in self._each(checked):
            control.write({name: value for name, value in checked.items() if name in control.names})

    def read(self) -> dict[str, Any]:
        """What is asked for, by Python name and unchecked."""
        return self.draft.applied({name: value for control in self._each() for name, value in control.read().items()})

    def vary(self, names: Collection[str]) -> None:
        """Have these parameters take several values elsewhere: what sets one value of them is not shown."""
        for control in self._each():
            control.vary(names)

    def wrong(self) -> dict[str, RequestError]:
        """What is wrong with single controls, by parameter."""
        problems = {}
        for name, value in self.read().items():
            try:
                rules.check_value(PARAMETERS[name], label(PARAMETERS[name]), value)
            except RequestError as error:
                problems[name] = error
        return problems

    def check(self) -> tuple[ImageRequest | None, dict[str, RequestError]]:
        """The request that the controls ask for, or else, by parameter, what is wrong with them."""
        if problems := self.wrong():
            return None, problems
        try:
            request = ImageRequest(**{label(PARAMETERS[name]): value for name, value in self.read().items()})
        except RequestError as error:
            return None, {NAMES.find(error.parameter).name: error}
        lost = lost_references(request)
        return (None, {"reference_images": lost}) if lost else (request, {})

    def complain(self, problems: Mapping[str, str], *, gently: bool = False) -> None:
        """Let each control that is named say its sentence, and every other one be quiet."""
        for control in self._each():
            text = next((problems[name] for name in control.names if name in problems), "")
            control.complain(text, gently=gently)
        self.fold.open_for(problems)


def lost_references(request: ImageRequest) -> RequestError | None:
    """Why a request of an earlier run cannot be sent again: a picture of it is no longer where it was kept."""
    lost = [str(number) for number, r in enumerate(request.reference_images or (), 1) if r.is_missing]
    if not lost:
        return None
    which = f"picture {lost[0]} is" if len(lost) == 1 else f"pictures {', '.join(lost)} are"
    return RequestError(
        f"{which} no longer in the image folder: remove it here, or give it again", parameter="reference_images"
    )
