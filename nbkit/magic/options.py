"""The line of options behind ``%%imagine``: which there are, what a word in it stands for, what may come next.

An option is a parameter of the request, in the spelling of Python, of the API, or with hyphens. A word is read as
what the parameter is made of, and the request judges it: what is wrong with a value is told here as everywhere else.
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

_FLAGS = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
_DASHES = ("-", "–", "—")
"""Some editors make one long dash of two."""
_OWN = {
    "--format": "Put the notebook's variables in the places of their {names} in the prompt.",
    "--estimate": "Tell what it would cost, and send nothing.",
    "--help": "Show this, and send nothing.",
}
"""The cell's own options that take no value."""
_NAMED = {
    "--as": "Keep what comes of it under this name, too.",
    "--studio": "The variable that holds the studio; studio unless given.",
}
"""The cell's own options that take the name of a variable."""


def _spelled(parameter: Parameter[Any]) -> tuple[str, ...]:
    """A parameter's options; the first one is the one that is shown."""
    names = [parameter.name.replace("_", "-"), *parameter.spellings]
    return tuple(dict.fromkeys(f"--{name}" for name in names if name != "requestedSeed"))


_OPTIONS: dict[str, Parameter[Any]] = {
    option: parameter for name, parameter in PARAMETERS.items() if name != "prompt" for option in _spelled(parameter)
}
_NEGATIONS = {f"--no-{option[2:]}": p for option, p in _OPTIONS.items() if isinstance(p.kind, Boolean)}
_SHOWN = (*dict.fromkeys(_spelled(parameter)[0] for parameter in _OPTIONS.values()), *_NAMED, *_OWN)


class _Take(argparse.Action):
    """Keeps each option in the spelling in which it was given: the messages use it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002  the signature is argparse's
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        namespace.taken.append((option_string or "", values))


class _Help(argparse.HelpFormatter):
    """One spelling of each option; the last lines say that there are more."""

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
        formatter_class=_Help,
        add_help=False,
        allow_abbrev=False,
        exit_on_error=False,
    )
    cell = parser.add_argument_group("The cell")
    for option, sentence in _NAMED.items():
        cell.add_argument(option, metavar="NAME", help=sentence)
    for option, sentence in _OWN.items():
        cell.add_argument(option, action="store_true", help=sentence)
    groups: dict[str, Any] = {}
    for parameter in dict.fromkeys(_OPTIONS.values()):
        if parameter.group not in groups:
            groups[parameter.group] = parser.add_argument_group(parameter.group)
        groups[parameter.group].add_argument(
            *_spelled(parameter),
            action=_Take,
            dest=parameter.name,
            default=argparse.SUPPRESS,
            nargs=_count_of_words(parameter.kind),
            const="on",
            metavar=_word_for(parameter.kind),
            help=f"{parameter.help} Takes {_takes(parameter.kind)}.".replace("%", "%%"),
        )
    for option in _NEGATIONS:
        parser.add_argument(option, action=_Take, nargs=0, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def _count_of_words(kind: Kind) -> str | None:
    return "+" if isinstance(kind, ListOf) else "?" if isinstance(kind, Boolean) else None


def _word_for(kind: Kind) -> str:
    words = {Boolean: "on|off", Integer: "NUMBER", Decimal2: "NUMBER", Choice: "WORD", Text: "TEXT", ListOf: "IMAGE"}
    return words.get(type(kind), "ADDRESS")


def _takes(kind: Kind) -> str:
    if isinstance(kind, Boolean):
        return "on or off, and alone it means on"
    if isinstance(kind, ListOf):
        return f"{kind.minimum} to {kind.maximum} variables, files, addresses or UUIDs"
    return kind.rule()


_PARSER = _parser()

HELP = _PARSER.format_help()
"""Every option with its sentence."""


def read_line(line: str, variables: Mapping[str, Any]) -> tuple[argparse.Namespace, dict[str, Any]]:
    """What the cell itself is asked for, and the request's parameters as keywords.

    Args:
        line: what follows ``%%imagine``.
        variables: the notebook's; a reference image may be named by one.

    Raises:
        RequestError: for an option that does not exist or lacks its value, and for a word that belongs to none.
    """
    try:
        asked, rest = _PARSER.parse_known_args(_words(line), argparse.Namespace(taken=[]))
    except argparse.ArgumentError as error:
        raise _without_value((error.argument_name or "").split("/")[0]) from None
    if rest:
        raise _stray(next((word for word in rest if word.startswith(_DASHES)), rest[0]))
    keywords: dict[str, Any] = {}
    for option, given in asked.taken:
        negated = option in _NEGATIONS
        parameter = _NEGATIONS[option] if negated else _OPTIONS[option]
        spelling = option[5 if negated else 2 :].replace("-", "_")
        if isinstance(parameter.kind, ListOf):
            keywords.setdefault(spelling, []).extend(_references(spelling, given, variables))
        elif spelling in keywords:
            raise RequestError(f"{spelling} is given twice: give one of them", parameter=spelling, reason="conflict")
        else:
            keywords[spelling] = _value(parameter.kind, "off" if negated else given)
    return asked, keywords


def _words(line: str) -> list[str]:
    """A line's words: quotation marks keep spaces, and a backslash is a letter, as in the paths of Windows."""
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    try:
        return list(lexer)
    except ValueError:
        raise RequestError(
            "the line of options opens a quotation mark and does not close it", parameter="options", reason="format"
        ) from None


def _without_value(option: str) -> RequestError:
    if option in _OWN or option in _NEGATIONS:
        return RequestError(f"{option} takes no value", parameter=option)
    takes = _takes(_OPTIONS[option].kind) if option in _OPTIONS else "the name of a variable"
    return RequestError(f"{option} lacks its value: {takes}", parameter=option, reason="missing")


def _stray(word: str) -> RequestError:
    if not word.startswith(_DASHES):
        return RequestError(
            f"{word!r} belongs to no option: the prompt stands below, from the cell's second line on; "
            "a value with spaces stands in quotation marks",
            parameter="options", value=word, reason="unknown",
        )  # fmt: skip
    option = word.partition("=")[0]
    bare = option.lstrip("".join(_DASHES))  # nothing is nearer for the dashes that all have in common
    name = bare.replace("-", "_")
    if (refused := _refused_by(NAMES, name)) is not None:
        return refused
    near = nearest(bare, [known[2:] for known in (*_OPTIONS, *_NEGATIONS, *_SHOWN)])
    guess = f"--{near}" if near else None
    if guess in _OPTIONS and not any(letter.isupper() for letter in bare):
        guess = _spelled(_OPTIONS[guess])[0]
    hint = f"did you mean {guess}? " if guess else ""
    if name in PARAMETERS["prompt"].spellings:
        hint, guess = "the prompt is the cell's body. ", None
    return UnknownParameter(
        f"{option} is no option of %%imagine; {hint}%%imagine --help shows them all",
        parameter=option, reason="unknown", suggestion=guess,
    )  # fmt: skip


def _refused_by(names: Naming, name: str) -> UnknownParameter | None:
    """A name for which there is a better answer than the nearest one: a negative prompt."""
    if not name.lower().startswith("negative"):
        return None
    try:
        names.find(name)
    except UnknownParameter as error:
        return error if error.suggestion is None else None
    return None


def _value(kind: Kind, word: str) -> Any:
    """A word as what the parameter is made of; as it is when it cannot be read so, for the request to refuse."""
    if isinstance(kind, Boolean):
        return _FLAGS.get(word.lower(), word)
    if isinstance(kind, (Integer, Decimal2)):
        for number in (int, float):
            try:
                return number(word)
            except ValueError:
                continue
    return word


def _references(spelling: str, words: list[str], variables: Mapping[str, Any]) -> list[Any]:
    """A word is a variable's name, else an address, a UUID or a data URI, else a file."""
    found: list[Any] = []
    for word in words:
        if word.isidentifier() and word in variables:
            value = variables[word]
            several = value if isinstance(value, (list, tuple)) else [value]
            found += [_picture(f"{spelling}={word}", item) for item in several]
        elif word.isidentifier() and all(word != entry.name for entry in Path().iterdir()):
            raise RequestError(
                f"{spelling}={word}: neither a variable of the notebook nor a file beside it",
                parameter=spelling, value=word, reason="missing",
            )  # fmt: skip
        else:
            found.append(word if _travels_as_text(word) else Path(word))
    return found


def _picture(said: str, value: Any) -> Any:
    if not isinstance(value, Run):
        return value
    if not value.images:
        raise RequestError(f"{said}: {value!r} has no picture", parameter=said.partition("=")[0], value=value)
    return value.image


def _travels_as_text(word: str) -> bool:
    try:
        return "://" in word or word.lower().startswith("data:") or str(uuid.UUID(word)) == word.lower()
    except ValueError:
        return False


def offered(line: str, variables: Mapping[str, Any]) -> tuple[str, list[str], bool]:
    """What may stand at the end of an unfinished line.

    Returns:
        The piece that is typed already, what may take its place, and whether a file's name may do so, too.
    """
    try:
        words = _words(line)
    except RequestError:  # within quotation marks
        return "", [], False
    typed = "" if not words or line[-1].isspace() else words.pop()
    option = words[-1] if words else ""
    if typed.startswith("--") and "=" in typed:
        option, _, typed = typed.partition("=")
    elif not option.startswith("--"):  # of all options only the reference images take a second word
        last = next((word for word in reversed(words) if word.startswith("--")), "")
        option = last if last in _OPTIONS and isinstance(_OPTIONS[last].kind, ListOf) else ""
    choices = _options_like(typed) if typed.startswith("-") else _values_of(option, variables)
    if choices is None:
        choices = [] if typed else list(_SHOWN)
    is_picture = option in _OPTIONS and isinstance(_OPTIONS[option].kind, ListOf) and not typed.startswith("-")
    return typed, [choice for choice in choices if choice.lower().startswith(typed.lower())], is_picture


def _options_like(typed: str) -> list[str]:
    known = [*_SHOWN, *dict.fromkeys(f"--no-{_spelled(parameter)[0][2:]}" for parameter in _NEGATIONS.values())]
    return known if any(option.startswith(typed) for option in known) else [*_OPTIONS, *_NEGATIONS]


def _values_of(option: str, variables: Mapping[str, Any]) -> list[str] | None:
    """The words that an option takes, as far as they can be listed; ``None`` where the next option may come."""
    if option in _NAMED:
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
