"""The options in the first line of an ``%%imagine`` cell: their declaration, their parsing and their completion.

An option is a parameter of the request, in the spelling of Python, of the API, or with hyphens. Its value is converted
to the parameter's type and checked by the request, with the same error messages as everywhere else.
"""

from __future__ import annotations

import argparse
import shlex
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL.Image import Image

from nbkit.errors import RequestError, UnknownParameter
from nbkit.request.image_request import NAMES, PARAMETERS
from nbkit.request.naming import Naming
from nbkit.request.parameter import Boolean, Choice, Decimal2, Integer, Kind, ListOf, Parameter, Text, nearest
from nbkit.results.image import GeneratedImage
from nbkit.results.run import Run
from nbkit.studio import Studio

_BOOLEANS = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
_DASHES = ("-", "–", "—")
"""Prefixes of an option: some editors replace two hyphens by one long dash."""

_SWITCHES = {
    "--format": "Put the notebook's variables in the places of their {names} in the prompt.",
    "--estimate": "Print what it would cost, and send nothing.",
    "--help": "Show this, and send nothing.",
}
"""Options of the cell itself that take no value, with their help."""

_NAME_OPTIONS = {
    "--as": "Keep what comes of it under this name, too.",
    "--studio": "The variable that holds the studio; studio unless given.",
}
"""Options of the cell itself that take the name of a variable, with their help."""


def _spellings(parameter: Parameter[Any]) -> tuple[str, ...]:
    """The options of a parameter; the help lists the first one."""
    names = [parameter.name.replace("_", "-"), *parameter.spellings]
    return tuple(dict.fromkeys(f"--{name}" for name in names if name != "requestedSeed"))


_OPTIONS: dict[str, Parameter[Any]] = {
    option: parameter for name, parameter in PARAMETERS.items() if name != "prompt" for option in _spellings(parameter)
}
_NEGATIONS = {f"--no-{option[2:]}": p for option, p in _OPTIONS.items() if isinstance(p.kind, Boolean)}
_LISTED = (*dict.fromkeys(_spellings(parameter)[0] for parameter in _OPTIONS.values()), *_NAME_OPTIONS, *_SWITCHES)


class _KeepSpelling(argparse.Action):
    """Adds an option and its value to ``namespace.given``, in the spelling of the cell: error messages use it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002  part of argparse's signature
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        namespace.given.append((option_string or "", values))


class _HelpFormatter(argparse.HelpFormatter):
    """Lists one spelling of each option; the epilog mentions the others."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32, width=110)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if action.nargs == 0:
            return action.option_strings[0]
        return f"{action.option_strings[0]} {self._format_args(action, action.dest)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imagine",
        usage="%%%%imagine [options]   with the prompt below it, as the cell's body",
        epilog="Each option may also be spelled as in Python or as in the API: --top-p, --top_p and --topP are one. "
        "In the line of options, {name} and $name stand for the notebook's variables.",
        formatter_class=_HelpFormatter,
        add_help=False,
        allow_abbrev=False,
        exit_on_error=False,
    )
    cell = parser.add_argument_group("The cell")
    for option, sentence in _NAME_OPTIONS.items():
        cell.add_argument(option, metavar="NAME", help=sentence)
    for option, sentence in _SWITCHES.items():
        cell.add_argument(option, action="store_true", help=sentence)
    groups: dict[str, Any] = {}
    for parameter in dict.fromkeys(_OPTIONS.values()):
        if parameter.group not in groups:
            groups[parameter.group] = parser.add_argument_group(parameter.group)
        groups[parameter.group].add_argument(
            *_spellings(parameter),
            action=_KeepSpelling,
            dest=parameter.name,
            default=argparse.SUPPRESS,
            nargs=_nargs(parameter.kind),
            const="on",
            metavar=_metavar(parameter.kind),
            help=f"{parameter.help} Takes {_accepted_values(parameter.kind)}.".replace("%", "%%"),
        )
    for option in _NEGATIONS:
        parser.add_argument(option, action=_KeepSpelling, nargs=0, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def _nargs(kind: Kind) -> str | None:
    return "+" if isinstance(kind, ListOf) else "?" if isinstance(kind, Boolean) else None


def _metavar(kind: Kind) -> str:
    words = {Boolean: "on|off", Integer: "NUMBER", Decimal2: "NUMBER", Choice: "WORD", Text: "TEXT", ListOf: "IMAGE"}
    return words.get(type(kind), "ADDRESS")


def _accepted_values(kind: Kind) -> str:
    if isinstance(kind, Boolean):
        return "on or off, and alone it means on"
    if isinstance(kind, ListOf):
        return f"{kind.minimum} to {kind.maximum} variables, files, addresses or UUIDs"
    return kind.rule()


_PARSER = _parser()

HELP = _PARSER.format_help()
"""The help of ``%%imagine``: every option with a sentence."""


def read_line(line: str, variables: Mapping[str, Any]) -> tuple[argparse.Namespace, dict[str, Any]]:
    """Parse the line of options.

    Args:
        line: the text after ``%%imagine``.
        variables: of the notebook; a reference image may be the name of one.

    Returns:
        The options of the cell itself (``as``, ``studio``, ``format``, ``estimate``, ``help``), and the parameters of the
        request as keywords.

    Raises:
        RequestError: for an option that does not exist or lacks its value, and for a word that belongs to no option.
    """
    try:
        options, rest = _PARSER.parse_known_args(_split(line), argparse.Namespace(given=[]))
    except argparse.ArgumentError as error:
        raise _without_value((error.argument_name or "").split("/")[0]) from None
    if rest:
        raise _unexpected(next((word for word in rest if word.startswith(_DASHES)), rest[0]))
    keywords: dict[str, Any] = {}
    for option, value in options.given:
        negated = option in _NEGATIONS
        parameter = _NEGATIONS[option] if negated else _OPTIONS[option]
        spelling = option[5 if negated else 2 :].replace("-", "_")
        if isinstance(parameter.kind, ListOf):
            keywords.setdefault(spelling, []).extend(_references(spelling, value, variables))
        elif spelling in keywords:
            raise RequestError(f"{spelling} is given twice: give one of them", parameter=spelling, reason="conflict")
        else:
            keywords[spelling] = _parse_value(parameter.kind, "off" if negated else value)
    return options, keywords


def _split(line: str) -> list[str]:
    """The words of a line. Quotation marks protect spaces; a backslash is a plain character, as in paths of Windows."""
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    try:
        return list(lexer)
    except ValueError:
        raise RequestError(
            "the line of options opens a quotation mark and does not close it", parameter="options", reason="format"
        ) from None


def _without_value(option: str) -> RequestError:
    if option in _SWITCHES or option in _NEGATIONS:
        return RequestError(f"{option} takes no value", parameter=option)
    accepted = _accepted_values(_OPTIONS[option].kind) if option in _OPTIONS else "the name of a variable"
    return RequestError(f"{option} lacks its value: {accepted}", parameter=option, reason="missing")


def _unexpected(word: str) -> RequestError:
    if not word.startswith(_DASHES):
        return RequestError(
            f"{word!r} belongs to no option: the prompt begins in the second line of the cell; "
            "put a value with spaces into quotation marks",
            parameter="options", value=word, reason="unknown",
        )  # fmt: skip
    option = word.partition("=")[0]
    bare = option.lstrip("".join(_DASHES))  # the dashes that all options have would make each one similar
    name = bare.replace("-", "_")
    if (better := _better_error(NAMES, name)) is not None:
        return better
    nearest_name = nearest(bare, [option[2:] for option in (*_OPTIONS, *_NEGATIONS, *_LISTED)])
    guess = f"--{nearest_name}" if nearest_name else None
    if guess in _OPTIONS and not any(letter.isupper() for letter in bare):
        guess = _spellings(_OPTIONS[guess])[0]
    hint = f"did you mean {guess}? " if guess else ""
    if name in PARAMETERS["prompt"].spellings:
        hint, guess = "the prompt is the cell's body. ", None
    return UnknownParameter(
        f"{option} is no option of %%imagine; {hint}%%imagine --help shows them all",
        parameter=option, reason="unknown", suggestion=guess,
    )  # fmt: skip


def _better_error(names: Naming, name: str) -> UnknownParameter | None:
    """The error for a negative prompt, which explains more than the nearest option does; ``None`` for another name."""
    if not name.lower().startswith("negative"):
        return None
    try:
        names.find(name)
    except UnknownParameter as error:
        return error if error.suggestion is None else None
    return None


def _parse_value(kind: Kind, word: str) -> Any:
    """A word converted to the parameter's type; the word itself if that fails, so that the request refuses it."""
    if isinstance(kind, Boolean):
        return _BOOLEANS.get(word.lower(), word)
    if isinstance(kind, (Integer, Decimal2)):
        for number in (int, float):
            try:
                return number(word)
            except ValueError:
                continue
    return word


def _references(spelling: str, words: list[str], variables: Mapping[str, Any]) -> list[Any]:
    """The reference images that the words of an option name.

    A word is the name of a variable, or else an address, a UUID or a data URI, or else the path of a file.
    """
    found: list[Any] = []
    for word in words:
        if word.isidentifier() and word in variables:
            value = variables[word]
            several = value if isinstance(value, (list, tuple)) else [value]
            found += [_picture_of(f"{spelling}={word}", item) for item in several]
        elif word.isidentifier() and all(word != entry.name for entry in Path().iterdir()):
            raise RequestError(
                f"{spelling}={word}: neither a variable of the notebook nor a file beside it",
                parameter=spelling, value=word, reason="missing",
            )  # fmt: skip
        else:
            found.append(word if _is_sent_as_text(word) else Path(word))
    return found


def _picture_of(label: str, value: Any) -> Any:
    if not isinstance(value, Run):
        return value
    if not value.images:
        raise RequestError(f"{label}: {value!r} has no picture", parameter=label.partition("=")[0], value=value)
    return value.image


def _is_sent_as_text(word: str) -> bool:
    try:
        return "://" in word or word.lower().startswith("data:") or str(uuid.UUID(word)) == word.lower()
    except ValueError:
        return False


def completions(line: str, variables: Mapping[str, Any]) -> tuple[str, list[str], bool]:
    """The completions at the end of an unfinished line of options.

    Args:
        line: the text between ``%%imagine`` and the cursor.
        variables: of the notebook.

    Returns:
        The part of a word before the cursor, its completions, and whether it may also be the name of a file.
    """
    try:
        words = _split(line)
    except RequestError:  # the cursor is within quotation marks
        return "", [], False
    typed = "" if not words or line[-1].isspace() else words.pop()
    option = words[-1] if words else ""
    if typed.startswith("--") and "=" in typed:
        option, _, typed = typed.partition("=")
    elif not option.startswith("--"):  # only reference images take more than one word
        last = next((word for word in reversed(words) if word.startswith("--")), "")
        option = last if last in _OPTIONS and isinstance(_OPTIONS[last].kind, ListOf) else ""
    choices = _matching_options(typed) if typed.startswith("-") else _values_of(option, variables)
    if choices is None:
        choices = [] if typed else list(_LISTED)
    takes_files = option in _OPTIONS and isinstance(_OPTIONS[option].kind, ListOf) and not typed.startswith("-")
    return typed, [choice for choice in choices if choice.lower().startswith(typed.lower())], takes_files


def _matching_options(typed: str) -> list[str]:
    listed = [*_LISTED, *dict.fromkeys(f"--no-{_spellings(parameter)[0][2:]}" for parameter in _NEGATIONS.values())]
    return listed if any(option.startswith(typed) for option in listed) else [*_OPTIONS, *_NEGATIONS]


def _values_of(option: str, variables: Mapping[str, Any]) -> list[str] | None:
    """The values of an option that can be listed; ``None`` if the next word is an option."""
    if option in _NAME_OPTIONS:
        return [name for name, value in variables.items() if option == "--studio" and isinstance(value, Studio)]
    kind = _OPTIONS[option].kind if option in _OPTIONS else None
    if isinstance(kind, Choice):
        return list(kind.choices)
    if isinstance(kind, Boolean):
        return ["on", "off"]
    if isinstance(kind, ListOf):
        pictures = (Run, GeneratedImage, Image, Path)
        return [n for n, value in variables.items() if isinstance(value, pictures) and not n.startswith("_")]
    return None if kind is None else []
