"""The cell magic ``%%imagine``: the prompt needs no quotation marks.

::

    %load_ext nbkit

    %%imagine --temperature 0.7 --seed 3
    A paper lantern shop at night, a sign reads "OPEN LATE"

IPython replaces ``{i}`` and ``$i`` in the line of options by the values of variables; the body stays as it is.
"""

from __future__ import annotations

import functools
import keyword
import re
from collections.abc import Mapping
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from nbkit.errors import NbkitError, RequestError
from nbkit.magic.options import HELP, completions, read_line
from nbkit.request.image_request import ImageRequest
from nbkit.results.money import Estimate
from nbkit.studio import Studio
from nbkit.sweep.spec import fill

_VARIABLE = re.compile(r"\{([^\W\d]\w*)\}")
_FIRST_LINE = re.compile(r"\s*%%imagine\s+(.*)", re.DOTALL)
_HELP_LINE = re.compile(r"%%imagine\s(?:.*\s)?--help\s*")


class Imagine:
    """``%%imagine`` and its completions, for one IPython shell.

    Args:
        shell: the IPython shell.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._own: Studio | None = None

    def imagine(self, line: str, cell: str) -> Any:
        try:
            return self._imagine(line, cell)
        except NbkitError as error:
            # The error is in the cell, so its traceback of forty lines is replaced by its message.
            vars(error)["_render_traceback_"] = functools.partial(_in_one_line, type(error).__name__, str(error))
            raise

    imagine.__doc__ = HELP

    def _imagine(self, line: str, cell: str) -> Any:
        variables = self._shell.user_ns
        options, keywords = read_line(line, variables)
        name = getattr(options, "as")
        if options.help:
            print(HELP)  # noqa: T201  for the user, who has asked for it
            return None
        if name is not None and (not name.isidentifier() or keyword.iskeyword(name)):
            raise RequestError(f"--as {name}: must be a name for a variable", parameter="as", value=name)
        prompt = _prompt(cell)
        request = ImageRequest(_fill_variables(prompt, variables) if options.format else prompt, **keywords)
        result = Estimate(request.price) if options.estimate else self._studio(options.studio).generate(request)
        if name is not None:
            self._shell.push({name: result})
        return result

    def _studio(self, name: str | None) -> Studio:
        variables = self._shell.user_ns
        value = variables.get(name or "studio")
        if isinstance(value, Studio):
            return value
        if name is not None:
            raise RequestError(
                f"--studio {name}: the notebook has no studio of this name; {name} = nbkit.Studio() makes one",
                parameter="studio", value=name, reason="missing",
            )  # fmt: skip
        others = {
            name: value for name, value in variables.items() if isinstance(value, Studio) and not name.startswith("_")
        }
        if len(set(map(id, others.values()))) == 1:  # the only studio of the notebook, with its budget and engine
            return next(iter(others.values()))
        if others:
            raise RequestError(
                f"this notebook has several studios: --studio {' or --studio '.join(others)} says which one",
                parameter="studio", reason="missing",
            )  # fmt: skip
        if "studio" not in variables:
            studio = Studio()
            self._shell.push({"studio": studio})
            cost = "each run is paid with REAL MONEY" if studio.charged else "nothing is charged"
            print(f"%%imagine made a studio for this notebook: studio = nbkit.Studio(); {cost}")  # noqa: T201  for the user
            return studio
        if self._own is None:
            self._own = Studio()
            print("%%imagine has a studio of its own: studio is something else here; --studio names another")  # noqa: T201
        return self._own

    @context_matcher(identifier="nbkit.imagine")  # type: ignore[untyped-decorator]
    def complete(self, context: CompletionContext) -> SimpleMatcherResult:
        """Complete options and their values in the first line of an ``%%imagine`` cell."""
        above = context.full_text.split("\n")[: context.cursor_line]
        match = _FIRST_LINE.match(context.text_until_cursor)
        if match is None or any(line.strip() for line in above):
            return {"completions": []}
        typed, choices, takes_files = completions(match[1], self._shell.user_ns)
        return {
            "completions": [SimpleCompletion(text, type="option") for text in choices],
            "matched_fragment": typed,
            "suppress": True,
            "do_not_suppress": {"IPCompleter.file_matcher"} if takes_files else set(),
            "ordered": True,
        }


def _prompt(cell: str) -> str:
    """The body of the cell without the blank lines before and after it."""
    lines = cell.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    while lines and not lines[0].strip():
        lines.pop(0)
    if not lines:
        raise RequestError(
            "prompt is missing: describe the picture below the line with %%imagine",
            parameter="prompt", reason="missing",
        )  # fmt: skip
    return "\n".join(lines)


def _fill_variables(prompt: str, variables: Mapping[str, Any]) -> str:
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


def _add_body(lines: list[str]) -> list[str]:
    # IPython refuses a cell magic without a body, and "%%imagine --help" has none.
    return [*lines, "\n"] if len(lines) == 1 and _HELP_LINE.fullmatch(lines[0]) else lines


def load_ipython_extension(ipython: Any) -> None:
    """Register ``%%imagine`` and its completions in IPython; ``%load_ext nbkit`` calls this.

    If they are registered already, they are replaced.

    Args:
        ipython: the shell.
    """
    unload_ipython_extension(ipython)
    magic = Imagine(ipython)
    ipython.register_magic_function(magic.imagine, magic_kind="cell", magic_name="imagine")
    ipython.Completer.custom_matchers.append(magic.complete)
    ipython.input_transformers_cleanup.append(_add_body)


def unload_ipython_extension(ipython: Any) -> None:
    """Remove ``%%imagine`` and its completions from IPython; ``%unload_ext nbkit`` calls this.

    Args:
        ipython: the shell.
    """
    magics = ipython.magics_manager
    if _is_of_imagine(magics.magics["cell"].get("imagine")):
        del magics.magics["cell"]["imagine"]
        vars(magics.user_magics).pop("imagine", None)
    matchers = ipython.Completer.custom_matchers
    matchers[:] = [matcher for matcher in matchers if not _is_of_imagine(matcher)]
    transforms = ipython.input_transformers_cleanup
    transforms[:] = [transform for transform in transforms if transform is not _add_body]


def _is_of_imagine(function: Any) -> bool:
    return isinstance(getattr(function, "__self__", None), Imagine)
