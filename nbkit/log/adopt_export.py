"""An export as a source of runs: its ``manifest.json`` has the rows, and its folder of pictures the originals, if they are in it."""

from __future__ import annotations

import contextlib
import functools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from nbkit.log.adopt_files import ForeignFiles, UnfitFile, read_file
from nbkit.log.adopt_records import (
    DAMAGED,
    MAX_RESULTS_OF_RUN,
    OPEN_RUNS,
    ForeignJudgement,
    ForeignResult,
    ForeignRun,
    NotAdoptable,
    make_result,
    make_run,
)
from nbkit.log.export import EXPORT_PICTURES, path_error
from nbkit.log.filter_columns import time_of
from nbkit.log.frame import BOOLEAN, DTYPES, FLOAT, INTEGER, MEASURE, TIME, axis_name
from nbkit.log.judgements import Judgement, is_whole
from nbkit.log.schema import PARAMETER_COLUMNS
from nbkit.request.parameter import MAX_INTEGER
from nbkit.request.price import MICRO
from nbkit.results.run import BLOCKED, DONE, FAILED

MANIFEST, JUDGED = "manifest.json", "judgements.json"
"""The files of an export that are read, beside its pictures."""

MAX_MANIFEST_BYTES = 256 * 2**20
"""An export of a hundred thousand pictures has a manifest of half that."""

_OWN_COLUMNS = {"sha256", "fileMissing", "cell"}
"""Columns of a manifest that are neither in the log nor axes."""


class ExportSource:
    """The runs of an export.

    Args:
        files: of its folder or ZIP file.

    Raises:
        RequestError: if its manifest is none.
    """

    def __init__(self, files: ForeignFiles) -> None:
        self._files, self.left_out = files, Counter[str]()
        self._rows: dict[str, list[dict[str, Any]]] = {}
        for record in _records(files, MANIFEST):
            row = {name: _value(name, value) for name, value in record.items()}
            if (task_uuid := row.get("taskUUID")) and row.get("status"):
                self._rows.setdefault(task_uuid, []).append(row)
            else:
                self.left_out[DAMAGED] += 1
        self.total = len(self._rows)

    def runs(self) -> Iterator[ForeignRun]:
        for task_uuid, rows in self._rows.items():
            statuses = [row["status"] for row in rows]
            status = next((one for one in (DONE, BLOCKED, FAILED) if one in statuses), None)
            if status is None:
                self.left_out[OPEN_RUNS] += 1
                continue
            results = [self._result(row) for row in rows[:MAX_RESULTS_OF_RUN] if row["status"] in (DONE, FAILED)]
            costs = [row.get("cost") for row in rows if row["status"] == DONE]
            facts = {
                **rows[0],
                "taskUUID": task_uuid,
                "status": status,
                "cost": None if None in costs else sum(filter(None, costs)),
                "error": rows[0].get("error") if status != DONE else None,
            }
            try:
                yield make_run(facts, results if status == DONE else [], _given(rows[0]), _axes(rows[0]))
            except NotAdoptable:
                self.left_out[DAMAGED] += 1

    def _result(self, row: Mapping[str, Any]) -> ForeignResult:
        name = row.get("file")
        is_there = isinstance(name, str) and name.startswith(f"{EXPORT_PICTURES}/")
        facts = {**row, "nsfw": row.get("NSFWContent")}
        if row["status"] == DONE:
            facts["error"] = None
        return make_result(facts, functools.partial(read_file, self._files, name) if is_there and name else None)

    def judgements(self) -> Iterator[ForeignJudgement]:
        for record in _records(self._files, JUDGED) if JUDGED in self._files else ():
            values: dict[str, Any] = {name: record.get(name) for name in Judgement._fields}
            shown = values["shown"]
            values |= {
                "created": _time(values["created"]),
                "shown": tuple(shown) if isinstance(shown, list) and all(isinstance(n, str) for n in shown) else (),
            }
            one = Judgement(**values)
            if is_whole(one):
                yield ForeignJudgement(None, *one)
            else:
                self.left_out[DAMAGED] += 1

    def reference(self, _: str, /) -> bytes | None:
        """None: an export has no reference images."""
        return None

    def close(self) -> None:
        """Nothing is open."""


def _records(files: ForeignFiles, name: str) -> Iterable[dict[str, Any]]:
    """The rows of a table that an export has as JSON."""
    try:
        rows = json.loads(read_file(files, name, MAX_MANIFEST_BYTES))
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            return rows
        problem = "it is no list of rows"
    except UnfitFile as error:
        problem = str(error)
    except (ValueError, RecursionError, MemoryError):
        problem = "it is damaged"
    raise path_error(f"{files.name} is no export that can be read: {name}: {problem}", files.name, "format")


def _value(name: str, value: Any) -> Any:
    """A value of a manifest as the log has it; ``None`` for one of another type. A number may be a text there."""
    read = _READERS.get(name) or _READERS.get(DTYPES.get(name, ""))
    if read is not None:
        return read(value)
    is_axis = name not in DTYPES
    return value if isinstance(value, str) or (is_axis and type(value) in (int, float)) else None


def _micros(value: Any) -> int | None:
    number = _number(value)
    return round(number * MICRO) if number is not None and 0 <= number < 10**9 else None


def _json(value: Any) -> Any:
    with contextlib.suppress(TypeError, ValueError, RecursionError):
        return json.loads(value)
    return None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else {"True": True, "False": False}.get(str(value))


def _number(value: Any) -> float | None:
    with contextlib.suppress(ValueError, OverflowError):
        return float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
    return None


def _whole(value: Any) -> int | None:
    with contextlib.suppress(ValueError, OverflowError):
        number = int(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
        is_same = number is not None and abs(number) <= MAX_INTEGER and (isinstance(value, str) or number == value)
        return number if is_same else None
    return None


def _time(value: Any) -> int | None:
    time = time_of(value) if isinstance(value, str) else None
    return None if time is None else int(time.as_unit("us").to_datetime64().astype("int64"))


_READERS: dict[str, Callable[[Any], Any]] = {
    "cost": _micros, "rating": _whole, "extra": _json,
    INTEGER: _whole, FLOAT: _number, MEASURE: _number, BOOLEAN: _boolean, TIME: _time,
}  # fmt: skip
"""How the values of a column are read, by its name or its dtype."""


def _given(row: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that were set, as far as the row of a frame tells: it has the size that was sent, too."""
    given = {name: row.get(column) for name, column in PARAMETER_COLUMNS.items()} | {"model": row.get("model")}
    if given["resolution"] or given["aspect_ratio"]:
        del given["width"], given["height"]
    if given["reference_images"]:
        given["reference_images"] = given["reference_images"].split()
    return given


def _axes(row: Mapping[str, Any]) -> dict[str, Any]:
    others = {name: value for name, value in row.items() if name not in DTYPES and name not in _OWN_COLUMNS}
    return {axis_name(name): value for name, value in others.items() if value is not None}
