"""Presets: settings of a request that are kept under a name, in one file beside the log's database.

The file is data that anybody may have written, so each value is checked when it is read, as the request checks it. What
this nbkit cannot use, such as a parameter of a newer one, is left out with a warning, and stays in the file when another
preset is written. A write holds the log's write lock from reading the file to replacing it, so that no kernel loses the
preset that another one writes at the same time.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import stat
import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from nbkit.display.mime import MimeBundle
from nbkit.display.table import Section, table_html, table_text
from nbkit.display.text import count
from nbkit.errors import LogVersionError, NoSuchKey, RequestError, StorageError, printable
from nbkit.log.database import Database
from nbkit.log.frame import check_argument
from nbkit.log.images import sync_folder, write_file
from nbkit.log.sqlite import casefold
from nbkit.request.image_request import NAMES, PARAMETERS, ImageRequest
from nbkit.request.keywords import sealed_task
from nbkit.request.parameter import Address, ListOf, Text, ValueInvalid, nearest, type_in_words

PRESETS = "presets.json"
"""The file, in the log's folder."""

VERSION = 1
"""Version of the file's layout; a new parameter does not change it."""

MAX_BYTES = 16 * 2**20
"""Limit for the size of the file."""

_NAMED = 5
"""Number of presets that a warning names."""

_ANY_PROMPT = "a preset has none"
"""Completes the request by which settings are checked together."""

_NAME = Text(1, 80)
_EMPTY = 'There are no presets: studio.log.presets["portrait"] = {"temperature": 0.4} keeps the first one.'


class Presets(MutableMapping[str, dict[str, Any]]):
    """Settings by name, in the order of the names; ``studio.log.presets`` has those of a log.

    ``presets["portrait"]`` is a new dict of parameters by their Python names, which ``studio.generate(prompt, **preset)``
    takes; a change of the dict is kept by assigning it again. A preset has no prompt, no reference images, and no address
    with credentials. As the last line of a cell, presets show as a table.

    Args:
        database: of the log, whose lock a write holds.
        file: has the presets; it may be missing.

    Raises:
        RequestError: on assigning a name or a value that is not allowed; ``UnknownParameter`` for a parameter that does
            not exist. Nothing is changed then.
        StorageError: if the file is damaged or cannot be written; ``LogVersionError`` if only a newer nbkit can read it.

    Warns:
        UserWarning: for presets in the file that this nbkit cannot use, which are left out.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> studio.log.presets["portrait"] = {"temperature": 0.4, "aspect_ratio": "3:4"}
        >>> studio.log.presets["portrait"]
        {'aspect_ratio': '3:4', 'temperature': 0.4}
        >>> run = studio.generate("A paper lantern", seed=7, **studio.log.presets["portrait"])
        >>> run.image.width, run.image.height
        (896, 1200)
    """

    def __init__(self, database: Database, file: Path) -> None:
        self._database, self._file = database, file

    def __getitem__(self, name: str) -> dict[str, Any]:
        entries = self._read()["presets"]
        if name not in entries:
            raise _no_preset(name, entries)
        try:
            return _check_entry(name, entries[name])
        except RequestError as error:
            raise StorageError(
                f"this nbkit cannot use the preset {name!r} of {self._file}: {error}. A newer one may; assigning the "
                "preset again replaces it"
            ) from None

    def __setitem__(self, name: str, parameters: Mapping[str, Any]) -> None:
        name = check_argument("preset", _check_name, name)
        settings = check_settings(parameters)
        with self._changing() as entries:
            entries[name] = settings

    def __delitem__(self, name: str) -> None:
        with self._changing() as entries:
            if name not in entries:
                raise _no_preset(name, entries)
            del entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._usable()

    def __iter__(self) -> Iterator[str]:
        return iter(self._usable())

    def __len__(self) -> int:
        return len(self._usable())

    def __repr__(self) -> str:
        return printable(f"<Presets {self._usable()}>")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return _table(self._usable())._repr_mimebundle_()

    def _usable(self) -> dict[str, dict[str, Any]]:
        """The presets that this nbkit can use, in the order of their names."""
        entries = self._read()["presets"]
        usable: dict[str, dict[str, Any]] = {}
        problems = []
        for name in sorted(entries, key=lambda name: (casefold(name), name)):
            try:
                usable[name] = _check_entry(name, entries[name])
            except RequestError as error:
                problems.append(f"{name!r} ({error})")
        if problems:
            more = len(problems) - _NAMED
            named = printable("; ".join(problems[:_NAMED])) + (f"; and {more:,} more" if more > 0 else "")
            lacking = f"{count(len(problems), 'preset')} that this nbkit cannot use"
            warnings.warn(f"{self._file} has {lacking}, left out here and kept in the file: {named}", stacklevel=3)
        return usable

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """The entries of the file, to be changed in the block; then they are written, while no other kernel may."""
        with self._database.writing():
            content = self._read()
            yield content["presets"]
            data = json.dumps(content, indent=2).encode("ascii")
            if len(data) > MAX_BYTES:
                raise StorageError(f"the presets in {self._file} would be longer than {MAX_BYTES:,} bytes; delete some")
            try:
                write_file(self._file, data, sync=True)
            except OSError as error:
                raise StorageError(f"the presets in {self._file} cannot be written: {_reason(error)}") from error
            sync_folder(self._file.parent)

    def _read(self) -> dict[str, Any]:
        """The content of the file; its presets are not checked yet."""
        try:
            facts = os.lstat(self._file)
            if not stat.S_ISREG(facts.st_mode):  # a link of a stranger's log may lead anywhere
                raise self._unreadable("is not a regular file")
            if facts.st_size > MAX_BYTES:
                raise self._unreadable(f"is longer than {MAX_BYTES:,} bytes")
            content = json.loads(self._file.read_bytes(), parse_float=_finite, parse_constant=_finite)
        except FileNotFoundError:
            return {"version": VERSION, "presets": {}}
        except OSError as error:
            raise StorageError(f"the presets in {self._file} cannot be read: {_reason(error)}") from error
        except (ValueError, RecursionError):
            raise self._unreadable("is damaged") from None
        version = content.get("version") if isinstance(content, dict) else None
        if type(version) is int and version > VERSION:
            raise LogVersionError(
                f"the presets in {self._file} were written by a newer nbkit (version {version} of the file; this nbkit "
                f"knows {VERSION}): upgrade nbkit"
            )
        if version != VERSION or not isinstance(content.get("presets"), dict):
            raise self._unreadable("has no presets of nbkit in it")
        return dict(content)

    def _unreadable(self, problem: str) -> StorageError:
        return StorageError(
            f"{self._file} {problem}: correct it, or move it aside to begin with no presets. The runs of the log are not "
            "affected"
        )


def check_settings(parameters: Any) -> dict[str, Any]:
    """The settings of a preset in their canonical form, by Python name; those that are not set are left out.

    Raises:
        UnknownParameter: for a name that is no parameter.
        RequestError: for a value that the model does not allow, and for a parameter that no preset keeps.
    """
    if not isinstance(parameters, Mapping):
        message = (
            f"a preset must be a dict of settings, such as {{'temperature': 0.4}}, got {type_in_words(parameters)}"
        )
        raise RequestError(message, parameter="preset", value=parameters)
    given, head = NAMES.resolve(sealed_task(parameters))  # so that no traceback shows a credential
    refused = dict.fromkeys(head, "it belongs to one task")
    refused |= {spelling: _why_refused(name) for name, (spelling, value) in given.items() if value is not None}
    for spelling, reason in refused.items():
        if reason:
            message = f"{spelling} cannot be part of a preset: {reason}"
            raise RequestError(message, parameter=spelling, reason="conflict")
    settings = ImageRequest(_ANY_PROMPT, **{spelling: value for spelling, value in given.values() if value is not None})
    return {name: value for name, value in settings.parameters.items() if name != "prompt"}


def _why_refused(name: str) -> str:
    if name == "prompt":
        return "a preset has the settings, which go with any prompt; studio.log.prompts() has the prompts"
    kind = PARAMETERS[name].kind
    if isinstance(kind, Address):
        return "an address may have credentials, which no file of a log keeps"
    return "reference images belong to one request; give them beside the preset" if isinstance(kind, ListOf) else ""


def _check_entry(name: str, entry: Any) -> dict[str, Any]:
    """The settings of an entry of the file.

    Raises:
        RequestError: if this nbkit cannot use it.
    """
    check_argument("preset", _check_name, name)
    return check_settings(entry)


def _check_name(name: Any) -> str:
    text = _NAME.check(name)
    shown = " ".join("".join(c for c in text if printable(c) == c).split())
    if text != shown:
        raise ValueInvalid("format", "printable characters with single spaces between them", shown or None)
    return text


def _no_preset(name: object, entries: Mapping[str, Any]) -> NoSuchKey:
    guess = nearest(name, entries)
    present = f"did you mean {guess!r}?" if guess else f"there are {', '.join(map(repr, entries)) or 'none'}"
    return NoSuchKey(f"the log has no preset {name!r}; {present}")


def _table(presets: Mapping[str, Mapping[str, Any]]) -> MimeBundle:
    """A row for each preset, and a column for each parameter that one of them has."""
    if not presets:
        return MimeBundle(_EMPTY, _EMPTY)
    names = [name for name in PARAMETERS if any(name in settings for settings in presets.values())]
    rows = [[preset, *(str(settings.get(name, "—")) for name in names)] for preset, settings in presets.items()]
    columns, sections, caption = ["preset", *names], [Section(rows)], count(len(rows), "preset")
    return MimeBundle(table_html(columns, sections, caption=caption), table_text(columns, sections, caption=caption))


def _finite(number: str) -> float:
    """A number of the file. JSON has no others, and they could not be written again.

    Raises:
        ValueError: if it is not finite.
    """
    if not math.isfinite(value := float(number)):
        raise ValueError(number)
    return value


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
