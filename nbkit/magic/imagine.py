"""The magic itself, for prompts without quotation marks.

::

    %load_ext nbkit

    %%imagine --temperature 0.7 --seed 3
    A paper lantern shop at night, a sign reads "OPEN LATE"

IPython itself puts ``{i}`` and ``$i`` into the line of options; the body stays as it was typed.
"""

from __future__ import annotations

import functools
import keyword
import re
from collections.abc import Mapping
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from nbkit.errors import NbkitError, RequestError
from nbkit.magic.options import HELP, offered, read_line
from nbkit.request.image_request import ImageRequest
from nbkit.results.money import Estimate
from nbkit.studio import Studio
from nbkit.sweep.spec import fill

_VARIABLE = re.compile(r"\{([^\W\d]\w*)\}")
_FIRST_LINE = re.compile(r"\s*%%imagine\s+(.*)", re.DOTALL)
_ASKS_FOR_HELP = re.compile(r"%%imagine\s(?:.*\s)?--help\s*")


class Imagine:
    """``%%imagine`` and its completions, for one IPython shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._own: Studio | None = None

    def imagine(self, line: str, cell: str) -> Any:
        try:
            return self._imagine(line, cell)
        except NbkitError as error:
            # What is wrong stands in the cell, and not in the forty lines that lead to where it was found.
            vars(error)["_render_traceback_"] = functools.partial(_in_one_line, type(error).__name__, str(error))
            raise

    imagine.__doc__ = HELP

    def _imagine(self, line: str, cell: str) -> Any:
        variables = self._shell.user_ns
        asked, keywords = read_line(line, variables)
        name = getattr(asked, "as")
        if asked.help:
            print(HELP)  # noqa: T201  it was asked for
            return None
        if name is not None and (not name.isidentifier() or keyword.iskeyword(name)):
            raise RequestError(f"--as {name}: must be a name for a variable", parameter="as", value=name)
        prompt = _prompt(cell)
        request = ImageRequest(_filled(prompt, variables) if asked.format else prompt, **keywords)
        result = Estimate(request.price) if asked.estimate else self._studio(asked.studio).generate(request)
        if name is not None:
            self._shell.push({name: result})
        return result

    def _studio(self, name: str | None) -> Studio:
        variables = self._shell.user_ns
        there = variables.get(name or "studio")
        if isinstance(there, Studio):
            return there
        if name is not None:
            raise RequestError(
                f"--studio {name}: the notebook has no studio of this name; {name} = nbkit.Studio() makes one",
                parameter="studio", value=name, reason="missing",
            )  # fmt: skip
        others = {
            name: value for name, value in variables.items() if isinstance(value, Studio) and not name.startswith("_")
        }
        if len(set(map(id, others.values()))) == 1:  # one under another name: its budget and engine are meant
            return next(iter(others.values()))
        if others:
            raise RequestError(
                f"this notebook has several studios: --studio {' or --studio '.join(others)} says which one",
                parameter="studio", reason="missing",
            )  # fmt: skip
        if "studio" not in variables:
            made = Studio()
            self._shell.push({"studio": made})
            cost = "each run is paid with REAL MONEY" if made.charged else "nothing is charged"
            print(f"%%imagine made a studio for this notebook: studio = nbkit.Studio(); {cost}")  # noqa: T201  for the person
            return made
        if self._own is None:
            self._own = Studio()
            print("%%imagine has a studio of its own: studio is something else here; --studio names another")  # noqa: T201
        return self._own

    @context_matcher(identifier="nbkit.imagine")  # type: ignore[untyped-decorator]
    def complete(self, context: CompletionContext) -> SimpleMatcherResult:
        """Options, and the words that an option takes, in the first line of an ``%%imagine`` cell."""
        above = context.full_text.split("\n")[: context.cursor_line]
        begun = _FIRST_LINE.match(context.text_until_cursor)
        if begun is None or any(line.strip() for line in above):
            return {"completions": []}
        typed, choices, or_file = offered(begun[1], self._shell.user_ns)
        return {
            "completions": [SimpleCompletion(text, type="option") for text in choices],
            "matched_fragment": typed,
            "suppress": True,
            "do_not_suppress": {"IPCompleter.file_matcher"} if or_file else set(),
            "ordered": True,
        }


def _prompt(cell: str) -> str:
    """The body without the blank lines around it, and otherwise as it was typed."""
    lines = cell.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    while lines and not lines[0].strip():
        lines.pop(0)
    if not lines:
        raise RequestError(
            "prompt is missing: write what the picture shall show below the line with %%imagine",
            parameter="prompt", reason="missing",
        )  # fmt: skip
    return "\n".join(lines)


def _filled(prompt: str, variables: Mapping[str, Any]) -> str:
    names = dict.fromkeys(_VARIABLE.findall(prompt))
    for name in names:
        if name not in variables:
            raise RequestError(
                f"{{{name}}} in the prompt: the notebook has no variable {name}; without --format braces stay as they are",
                parameter=name, reason="missing",
            )  # fmt: skip
    return fill(prompt, {name: variables[name] for name in names})


def _in_one_line(name: str, message: str) -> list[str]:
    return [f"{name}: {message}"]


def _with_a_body(lines: list[str]) -> list[str]:
    # IPython refuses a cell magic with no body, and whoever asks for help has none.
    return [*lines, "\n"] if len(lines) == 1 and _ASKS_FOR_HELP.fullmatch(lines[0]) else lines


def load_ipython_extension(ipython: Any) -> None:
    """What ``%load_ext nbkit`` calls: ``%%imagine`` is there, once, however often it is loaded."""
    unload_ipython_extension(ipython)
    magic = Imagine(ipython)
    ipython.register_magic_function(magic.imagine, magic_kind="cell", magic_name="imagine")
    ipython.Completer.custom_matchers.append(magic.complete)
    ipython.input_transformers_cleanup.append(_with_a_body)


def unload_ipython_extension(ipython: Any) -> None:
    """What ``%unload_ext nbkit`` calls: nothing of it stays behind."""
    magics = ipython.magics_manager
    if _is_ours(magics.magics["cell"].get("imagine")):
        del magics.magics["cell"]["imagine"]
        vars(magics.user_magics).pop("imagine", None)
    matchers = ipython.Completer.custom_matchers
    matchers[:] = [matcher for matcher in matchers if not _is_ours(matcher)]
    transforms = ipython.input_transformers_cleanup
    transforms[:] = [transform for transform in transforms if transform is not _with_a_body]


def _is_ours(function: Any) -> bool:
    return isinstance(getattr(function, "__self__", None), Imagine)
