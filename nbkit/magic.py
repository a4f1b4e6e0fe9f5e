"""The cell magic ``%%imagine``: the prompt needs no quotation marks.

::

    %load_ext nbkit

    %%imagine --temperature 0.7 --seed 3
    A paper lantern shop at night, a sign reads "OPEN LATE"

An option is a parameter of the request, in the spelling of Python, of the API, or with hyphens. argparse reads the line
of options, and the request checks the values, with the same error messages as everywhere else. IPython replaces ``{i}``
and ``$i`` in that line by the values of variables; the body stays as it is.
"""

from __future__ import annotations

import argparse
import functools
import keyword
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from configparser import ConfigParser
from pathlib import Path
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from PIL.Image import Image

from nbkit.errors import NbkitError, RequestError, UnknownParameter
from nbkit.metadata.reading import read, usable
from nbkit.request.image_request import NAMES, PARAMETERS, ImageRequest
from nbkit.request.other_names import other_name
from nbkit.request.parameter import Address, Boolean, Choice, Decimal2, Integer, ListOf, Parameter, Text, nearest
from nbkit.results.money import Estimate
from nbkit.results.run import GeneratedImage, Run
from nbkit.studio import Studio
from nbkit.sweep.template import fill, variables_of

_FIRST_LINE = re.compile(r"\s*%%imagine\s+(.*)", re.DOTALL)
_NEEDS_NO_PROMPT = re.compile(r"%%imagine\s(?:.*\s)?--(?:help\s*|from[\s=].*)", re.DOTALL)
"""A line of options that needs no prompt below it."""

_SENT_AS_TEXT = re.compile(r".*://|data:|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)
_DASHES = "-–—"
"""Begin an option: some editors replace two hyphens by one long dash."""


# -- the options -------------------------------------------------------------------------------------------------


def _number(word: str) -> Any:
    try:
        return int(word) if re.fullmatch(r"[+-]?[\d_]+", word) else float(word)
    except ValueError:
        return word  # the request refuses it


_BOOLEANS = ConfigParser.BOOLEAN_STATES
_ARGUMENTS: dict[type, dict[str, Any]] = {
    Boolean: {"metavar": "on|off", "nargs": "?", "const": True, "type": lambda word: _BOOLEANS.get(word.lower(), word)},
    Integer: {"metavar": "NUMBER", "type": _number},
    Decimal2: {"metavar": "NUMBER", "type": _number},
    Choice: {"metavar": "WORD"},
    Text: {"metavar": "TEXT"},
    Address: {"metavar": "ADDRESS"},
    ListOf: {"metavar": "IMAGE", "nargs": "+", "action": "extend"},
}
"""How argparse reads the values of each kind of parameter."""

_BEYOND_RULE = {Boolean: ", also as on or off; alone it means on", ListOf: ": variables, files, addresses or UUIDs"}
_PARAMETERS: dict[str, Parameter[Any]] = {
    f"--{spelling}": parameter
    for name, parameter in PARAMETERS.items()
    for spelling in (name.replace("_", "-"), *parameter.spellings)
    if name != "prompt"
}
"""The parameter of each option, in every spelling; the one with hyphens comes first."""

_ACCEPTED = {option: p.kind.rule() + _BEYOND_RULE.get(type(p.kind), "") for option, p in _PARAMETERS.items()}
"""What each option takes as its value, in words."""

_PARSER = argparse.ArgumentParser(
    usage="%%%%imagine [options]   with the prompt below it, as the cell's body",
    epilog="Each option may also be spelled as in Python or as in the API: --top-p, --top_p and --topP are one. "
    "In the line of options, {name} and $name stand for the notebook's variables. "
    "Where the sentences come from, help(nbkit.Studio.generate) lists.",
    formatter_class=functools.partial(argparse.HelpFormatter, max_help_position=32, width=110),
    add_help=False,
    allow_abbrev=False,
    exit_on_error=False,
)


def _add_options() -> Iterator[argparse.Action]:
    """Add all options to the parser. The help and the completions list one spelling of each."""
    group = functools.cache(_PARSER.add_argument_group)
    add_to_cell = group("The cell").add_argument  # the first group in the help
    for option, parameter in _PARAMETERS.items():
        is_listed = option[2:] == parameter.name.replace("_", "-")
        settings: dict[str, Any] = {"dest": option[2:].replace("-", "_"), "default": argparse.SUPPRESS}
        sentence = f"{parameter.help} Takes {_ACCEPTED[option]}.".replace("%", "%%")
        add = functools.partial(group(parameter.group).add_argument, **settings)
        values = {"action": "append"} | _ARGUMENTS[type(parameter.kind)]
        yield add(option, help=sentence if is_listed else argparse.SUPPRESS, **values)
        if isinstance(parameter.kind, Boolean):
            sentence = f"The same as {option} off." if is_listed else argparse.SUPPRESS
            yield add(f"--no-{option[2:]}", help=sentence, action="append_const", const=False)
    yield add_to_cell("--as", metavar="NAME", help="Keep what comes of it under this name, too.")
    yield add_to_cell("--studio", metavar="NAME", help="The variable that holds the studio; studio unless given.")
    sentence = "Put the notebook's variables in the places of their {names} in the prompt."
    yield add_to_cell("--format", action="store_true", help=sentence)
    sentence = (
        "Begin with the settings in a picture's file; options override them, and so does a prompt. What "
        "image.save(…, metadata=True) wrote is read, and the text of programs for Stable Diffusion."
    )
    yield add_to_cell("--from", metavar="FILE", help=sentence)
    yield add_to_cell("--estimate", action="store_true", help="Print what it would cost, and send nothing.")
    yield add_to_cell("--help", action="store_true", help="Show this, and send nothing.")


_OPTIONS = {action.option_strings[0]: action for action in _add_options()}
"""All options. The ``nargs`` of one that takes no value are 0, and of one that takes several ``+``."""

_LISTED = [option for option, action in _OPTIONS.items() if action.help != argparse.SUPPRESS]

HELP = _PARSER.format_help()
"""The help of ``%%imagine``: every option with a sentence."""


# -- the line of options -----------------------------------------------------------------------------------------


def read_line(line: str, variables: Mapping[str, Any]) -> tuple[argparse.Namespace, dict[str, Any]]:
    """Parse the line of options.

    Args:
        line: the text after ``%%imagine``.
        variables: of the notebook; a reference image may be the name of one.

    Returns:
        The options of the cell itself (``as``, ``studio``, ``format``, ``estimate``, ``help``), and the parameters of the
        request as keywords, in the spelling of the cell: error messages use it.

    Raises:
        RequestError: for an option that does not exist or lacks its value, and for a word that belongs to no option.
    """
    try:
        options, rest = _PARSER.parse_known_args(_split(line))
    except argparse.ArgumentError as error:
        option = str(error.argument_name)
        if _OPTIONS[option].nargs == 0:
            raise RequestError(f"{option} takes no value", parameter=option) from None
        problem = f"{option} lacks its value: {_ACCEPTED.get(option, 'the file of a picture' if option == '--from' else 'the name of a variable')}"
        raise RequestError(problem, parameter=option, reason="missing") from None
    except ValueError:
        problem = "the line of options opens a quotation mark and does not close it"
        raise RequestError(problem, parameter="options", reason="format") from None
    if rest:
        raise _unexpected(next((word for word in rest if word[:1] in _DASHES), rest[0]))
    keywords = {spelling: values for spelling, values in vars(options).items() if isinstance(values, list)}
    for spelling, values in keywords.items():
        if _OPTIONS[f"--{spelling}"].nargs == "+":
            keywords[spelling] = [image for word in values for image in _images(spelling, word, variables)]
        elif len(values) > 1:
            raise RequestError(f"{spelling} is given twice: give one of them", parameter=spelling, reason="conflict")
        else:
            keywords[spelling] = values[0]
    return options, keywords


def _split(line: str) -> list[str]:
    """The words of a line. Quotation marks protect spaces; a backslash is a plain character, as in paths of Windows."""
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    return list(lexer)


def _unexpected(word: str) -> RequestError:
    if word[:1] not in _DASHES:
        problem = f"{word!r} belongs to no option: the prompt begins in the second line of the cell"
        hint = "put a value with spaces into quotation marks"
        return RequestError(f"{problem}; {hint}", parameter="options", value=word, reason="unknown")
    option = word.partition("=")[0]
    bare = option.lstrip(_DASHES)  # the dashes that all options have would make each one similar
    name = bare.replace("-", "_")
    other = other_name(bare)
    if other and not other.parameter:
        NAMES.find(name)  # its error says more than the nearest option
    guess = other.parameter if other else nearest(bare, [option[2:] for option in _OPTIONS])
    if (parameter := _PARAMETERS.get(f"--{guess}")) and bare == bare.lower():
        guess = parameter.name.replace("_", "-")
    hint = f"did you mean --{guess}? " if guess else ""
    if name in PARAMETERS["prompt"].spellings:
        hint, guess = "the prompt is the cell's body. ", None
    problem = f"{option} is not an option of %%imagine; {hint}%%imagine --help shows them all"
    suggestion = f"--{guess}" if guess else None
    return UnknownParameter(problem, parameter=option, reason="unknown", suggestion=suggestion)


def _images(spelling: str, word: str, variables: Mapping[str, Any]) -> list[Any]:
    """The reference images of a word: a variable's, or else an address, a UUID or a data URI, or else a file."""
    if not word.isidentifier() or (word not in variables and Path(word).exists()):
        return [word if _SENT_AS_TEXT.match(word) else Path(word)]
    if word not in variables:
        problem = f"{spelling}={word}: neither a variable of the notebook nor a file beside it"
        raise RequestError(problem, parameter=spelling, value=word, reason="missing")
    values = variables[word]
    return list(values) if isinstance(values, (list, tuple)) else [values]


def _completions(line: str, variables: Mapping[str, Any]) -> SimpleMatcherResult:
    """The completions at the end of an unfinished line of options."""
    try:
        words = _split(line)
    except ValueError:  # the cursor is within quotation marks
        return {"completions": []}
    typed = "" if not words or line[-1].isspace() else words.pop()
    if typed.startswith("--") and "=" in typed:
        option, typed = typed.split("=", 1)
        words.append(option)
    option = next((word for word in reversed(words) if word.startswith("--")), "")
    nargs = _OPTIONS[option].nargs if option in _OPTIONS else 0
    if typed.startswith("-") or nargs == 0 or (nargs != "+" and words[-1] != option):  # an option is next
        found, files = _matching(typed, _LISTED) or _matching(typed, _OPTIONS), set()
    else:
        found = _matching(typed, _values_of(option, variables))
        files = {"IPCompleter.file_matcher"} if nargs == "+" or option == "--from" else set()
    return SimpleMatcherResult(
        completions=found, matched_fragment=typed, suppress=True, do_not_suppress=files, ordered=True
    )


def _matching(typed: str, choices: Iterable[str]) -> list[SimpleCompletion]:
    found = [choice for choice in choices if choice.lower().startswith(typed.lower())]
    return [SimpleCompletion(choice, type="option") for choice in found]


def _values_of(option: str, variables: Mapping[str, Any]) -> list[str]:
    """The values of an option, where they can be listed."""
    kind = _PARAMETERS[option].kind if option in _PARAMETERS else None
    if isinstance(kind, (Choice, Boolean)):
        return list(getattr(kind, "choices", ("on", "off")))
    types = {"--studio": Studio}.get(option, (Run, GeneratedImage, Image, Path) if isinstance(kind, ListOf) else ())
    return [name for name, value in variables.items() if isinstance(value, types) and not name.startswith("_")]


# -- the cell ----------------------------------------------------------------------------------------------------


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
            vars(error)["_render_traceback_"] = functools.partial(list, [f"{type(error).__name__}: {error}"])
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
        prompt = re.sub(r"\A\s*\n|\n\s*\Z", "", cell)  # blank lines around it
        base = _request_from(getattr(options, "from"))
        if not prompt.strip() and base is None:
            problem = "prompt is missing: describe the picture below the line with %%imagine"
            raise RequestError(problem, parameter="prompt", reason="missing")
        if options.format:
            for variable in variables_of(prompt, variables):
                _check_variable(variable, variables)
            prompt = fill(prompt, variables)
        if base is None:
            request = ImageRequest(prompt, **keywords)
        else:
            own: dict[str, Any] = {"prompt": prompt} if prompt.strip() else {}
            request = base.replace(**own, **keywords)
        result = (
            self._estimate(request, options.studio)
            if options.estimate
            else self._studio(options.studio).generate(request)
        )
        if name is not None:
            variables[name] = result
        return result

    def _estimate(self, request: ImageRequest, name: str | None) -> Estimate:
        """What a request would cost; without a studio in the notebook, by the price list, and none is made."""
        values = self._shell.user_ns.values()
        has_one = name is not None or self._own is not None or any(isinstance(value, Studio) for value in values)
        return self._studio(name).estimate(request) if has_one else Estimate(request.price)

    def _studio(self, name: str | None) -> Studio:
        variables = self._shell.user_ns
        if isinstance(value := variables.get(name or "studio"), Studio):
            return value
        if name is not None:
            problem = f"--studio {name}: the notebook has no studio of this name; {name} = nbkit.Studio() makes one"
            raise RequestError(problem, parameter="studio", value=name, reason="missing")
        others = {name: value for name, value in variables.items() if isinstance(value, Studio) and name[:1] != "_"}
        if len(set(map(id, others.values()))) > 1:
            problem = f"this notebook has several studios: --studio {' or --studio '.join(others)} says which one"
            raise RequestError(problem, parameter="studio", reason="missing")
        if others:  # the only studio of the notebook, with its budget and engine
            return next(iter(others.values()))
        if "studio" not in variables:
            self._own = variables["studio"] = Studio()
            cost = "each run is paid with REAL MONEY" if self._own.charged else "nothing is charged"
            print(f"%%imagine made a studio for this notebook: studio = nbkit.Studio(); {cost}")  # noqa: T201  for the user
        elif self._own is None:
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
        return _completions(match[1], self._shell.user_ns)


def _request_from(file: str | None) -> ImageRequest | None:
    """The request in a picture's file; what is left out of it is printed.

    Raises:
        RequestError: if the file has none.
    """
    if file is None:
        return None
    request, left_out = usable(read(file))
    if request is None:
        why = left_out[0] if left_out else "it has only facts"
        raise RequestError(f"--from {file}: the file has no request; {why}", parameter="from", value=file)
    for sentence in left_out:
        print(f"%%imagine --from {file}: {sentence}")  # noqa: T201  for the user
    return request


def _check_variable(name: str, variables: Mapping[str, Any]) -> None:
    if name not in variables:
        fault = f"{{{name}}} in the prompt: the notebook has no variable {name}"
        problem = f"{fault}; without --format braces stay as they are"
        raise RequestError(problem, parameter=name, reason="missing")


def _add_body(lines: list[str]) -> list[str]:
    # IPython refuses a cell magic without a body, and "%%imagine --help" and "%%imagine --from lantern.jpg" have none.
    return [*lines, "\n"] if len(lines) == 1 and _NEEDS_NO_PROMPT.fullmatch(lines[0]) else lines


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
    cell_magics = ipython.magics_manager.magics["cell"]
    magic = getattr(cell_magics.get("imagine"), "__self__", None)
    if isinstance(magic, Imagine):
        del cell_magics["imagine"], ipython.magics_manager.user_magics.imagine
        ipython.Completer.custom_matchers.remove(magic.complete)
        ipython.input_transformers_cleanup.remove(_add_body)
