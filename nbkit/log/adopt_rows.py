"""Writes what was taken from somebody else into the log: each run and each picture once.

A run is known by its taskUUID, and a picture by the names of its run and itself, or by the hash of its bytes together with
its settings: two people who made the same picture by the same request have one row. Some hundred runs are written in one
transaction, and their pictures are on the disk before: whatever is interrupted, the log is whole, and adopting again brings
the rest.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

import sqlalchemy as sa

from nbkit.errors import RequestError
from nbkit.log import text_index
from nbkit.log.adopt_files import UnfitFile
from nbkit.log.adopt_records import (
    LACKING,
    PICTURE_ENDINGS,
    UNMATCHED,
    UNSETTLED,
    ForeignJudgement,
    ForeignResult,
    ForeignRun,
    ForeignSource,
    own_task_uuid,
)
from nbkit.log.annotations import joined_tags
from nbkit.log.axes import to_log, write_axes
from nbkit.log.database import Database
from nbkit.log.images import ImageStore
from nbkit.log.judgements import check_question, check_rater
from nbkit.log.rows import parameter_values, picture_values
from nbkit.log.runs import REFERENCE_TYPES
from nbkit.log.schema import IMAGES, JUDGEMENTS, RUNS
from nbkit.log.sql import count_on, insert_missing, one_of
from nbkit.measures.facts import PictureFacts, examine
from nbkit.metadata.embedding import UNKNOWN_SOURCE, original_of
from nbkit.request.image_request import PARAMETERS, given_values, task_for_display
from nbkit.request.task import redacted
from nbkit.results.run import DONE

ADOPTER = "adopted"
"""The studio and the author of an adopted run: no budget counts it, and an nbkit that does not know the column ``adopted``
leaves it alone, as a run of somebody else."""

NO_PICTURE = "its picture did not come with it"
"""The error of an adopted result without a picture."""

_MARKS = ("rating", "keep", "tags", "note")
_UPDATE = sa.update(IMAGES).where(IMAGES.c.id == sa.bindparam("which"))
_UPDATE_RUN = sa.update(RUNS).where(RUNS.c.id == sa.bindparam("which"))
_ADD_JUDGEMENT = insert_missing(JUDGEMENTS, [c.name for c in JUDGEMENTS.c if c.name not in ("id", "withdrawn")])


@dataclass(slots=True)
class _StoredFile:
    """A picture that is in the image folder now."""

    name: str
    facts: PictureFacts
    stamp: str | None

    @property
    def values(self) -> dict[str, Any]:
        return picture_values(self.facts, self.name, self.stamp)


@dataclass(slots=True)
class _KnownRows:
    """The rows of the log that some runs of somebody else may be.

    Attributes:
        runs: number and status, by taskUUID.
        pictures: rows of results by the hash of their picture, which several may have.
        named: rows of results by taskUUID and imageUUID.
        names: the imageUUIDs of all of them.
    """

    runs: dict[str, Any]
    pictures: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    named: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def find(self, run: ForeignRun, result: ForeignResult, sha256: str | None) -> dict[str, Any] | None:
        """The row of a picture, by its names or by its content; ``None`` if the log does not have it.

        Args:
            run: that has it.
            result: the picture.
            sha256: of its bytes, if they have been read: a copy with metadata has other ones than the original.
        """
        found = self.named.get((run.task_uuid, result.image_uuid or ""))
        same = [row for digest in (sha256, result.sha256) if digest for row in self.pictures.get(digest, ())]
        if found is not None or not same:
            return found
        if run.values["engine"] == UNKNOWN_SOURCE:
            return same[0]
        settings = [*_settings(_parameters(run)), result.values["seed"]]
        return next((row for row in same if row["settings"] in (None, settings)), None)

    def add(self, row: dict[str, Any]) -> None:
        if row["sha256"] is not None:
            self.pictures.setdefault(row["sha256"], []).append(row)
        if row["imageUUID"] is not None:
            self.named.setdefault((row["taskUUID"], row["imageUUID"]), row)
            self.names.add(row["imageUUID"])


@dataclass(slots=True)
class _Changes:
    """What a transaction writes."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    axes: dict[int, dict[str, Any]] = field(default_factory=dict)
    updates: list[dict[str, Any]] = field(default_factory=list)
    run_updates: list[dict[str, Any]] = field(default_factory=list)
    emptied: list[int] = field(default_factory=list)


class Adopter:
    """Writes runs of one source.

    Args:
        database: of the log.
        images: its pictures.
        source: where the runs come from.
        now: the value of the column ``adopted``.
        pool: stores several pictures at once.
    """

    def __init__(self, database: Database, images: ImageStore, source: ForeignSource, now: int, pool: Executor) -> None:
        self._database, self._images, self._source, self._now, self._pool = database, images, source, now, pool
        self._names: dict[str, str] = {}  # the imageUUID in this log of a picture that has another one there

    def write_runs(self, runs: Sequence[ForeignRun]) -> None:
        """Write runs, with the pictures that the log does not have.

        Raises:
            StorageError: if the log or a picture cannot be written.
        """
        names = {run.task_uuid for run in runs}
        with self._database.reading() as connection:
            known = _known_rows(connection, runs, {})
            parted = _parted(runs, known)
            if any(one.task_uuid not in names for one in parted):
                known = _known_rows(connection, parted, {})
        runs = parted
        lacking = []
        for run in runs:
            rows = [(one, known.find(run, one, None)) for one in run.results if one.is_picture]
            new = [one for one, row in rows if row is None]
            if run.task_uuid in known.runs and known.runs[run.task_uuid]["status"] != DONE:
                self._source.left_out[UNSETTLED] += len(new)
                continue
            lacking += [*new, *(one for one, row in rows if one.read and row is not None and _is_lacking(row))]
        stored = list(self._pool.map(self._store, lacking))
        self._source.left_out[LACKING] += stored.count(None)
        self._store_references(runs)
        pictures = {id(one): picture for one, picture in zip(lacking, stored, strict=True) if picture is not None}

        def write(connection: sa.Connection) -> dict[str, str]:
            return self._write(connection, runs, pictures)

        self._names |= self._database.write(write)

    def _store(self, result: ForeignResult) -> _StoredFile | None:
        """Store a picture; ``None`` if it is not there, cannot be read, or is none."""
        if result.read is None:
            return None
        try:
            data = result.read()
        except UnfitFile:
            return None
        if result.facts is None and result.sha256 is not None:  # a copy with settings in it is stored as it was without
            original = original_of(data, result.sha256)
            if original is None:  # it is another picture than the one that the row is of
                return None
            data = original
        facts = result.facts or examine(data)
        if not facts.is_picture:
            return None
        name = self._images.put(data, facts.media_type, facts.sha256)
        return _StoredFile(name, facts, self._images.stamp(name))

    def _store_references(self, runs: Iterable[ForeignRun]) -> None:
        references = (one for run in runs for one in run.request.reference_images or () if one.is_missing)
        for digest in dict.fromkeys(one.sha256 for one in references):
            names = (f"{digest[:2]}/{digest}{suffix}" for suffix in REFERENCE_TYPES)
            if not any(self._images.path(name).exists() for name in names):
                data = self._source.reference(digest)
                media_type = "" if data is None else examine(data).media_type
                if data is not None and media_type in REFERENCE_TYPES.values():
                    self._images.put(data, media_type, digest)

    def _write(
        self, connection: sa.Connection, runs: Sequence[ForeignRun], pictures: Mapping[int, _StoredFile]
    ) -> dict[str, str]:
        """Write runs in a transaction. Returns the imageUUIDs of pictures that have another one in this log."""
        known = _known_rows(connection, runs, pictures)
        changes, names = _Changes(), dict[str, str]()
        next_run = int(connection.scalar(sa.select(sa.func.max(RUNS.c.id))) or 0) + 1
        for run in runs:
            fresh: list[ForeignResult] = []
            for result in run.results:
                picture = pictures.get(id(result))
                row = known.find(run, result, picture.facts.sha256 if picture else None)
                if row is None or not result.is_picture:
                    fresh.append(result)
                    continue
                if result.image_uuid and row["imageUUID"]:
                    names[result.image_uuid] = row["imageUUID"]
                self._merge(changes, row, result, picture, run)
                here = known.runs.get(run.task_uuid)
                is_open = here is not None and here["status"] != DONE
                if row["settings"] is None and run.values["engine"] != UNKNOWN_SOURCE and not is_open:
                    self._explain(changes, known, row, result, run)
            here = known.runs.get(run.task_uuid)
            if here is not None:  # what failed is in its row already
                if here["status"] != DONE:  # it may still be under way, and whoever settles it writes its results
                    continue
                fresh = [one for one in fresh if one.is_picture and (one.image_uuid or id(one) in pictures)]
                number = here["id"]
            elif fresh_pictures(fresh) or not fresh_pictures(run.results):
                number = next_run
                next_run += 1
                changes.runs.append(
                    {"id": number, **self._run_values(run, bool(pictures.keys() & set(map(id, fresh))))}
                )
                known.runs[run.task_uuid] = {"id": number, "status": run.values["status"]}
                changes.axes[number] = run.axes
            else:
                continue
            for result in fresh:
                self._add(changes, known, names, number, run, result, pictures.get(id(result)))
        _apply(connection, changes)
        return names

    def _run_values(self, run: ForeignRun, has_picture: bool) -> dict[str, Any]:
        """The columns of an adopted run. One without a picture here has no identity: it answers no request."""
        request = run.request
        return {
            **_parameters(run),
            **run.values,
            "taskUUID": run.task_uuid,
            "task": _task(run),
            "request": given_values(request),
            "identity": _identity(run) if has_picture else None,
            "resendable": not request.lacking,
            **dict.fromkeys(("estimateLow", "estimateHigh", "held", "spent"), 0),
            "studio": ADOPTER,
            "author": ADOPTER,
            "adopted": self._now,
        }

    def _add(
        self,
        changes: _Changes,
        known: _KnownRows,
        names: dict[str, str],
        number: int,
        run: ForeignRun,
        result: ForeignResult,
        picture: _StoredFile | None,
    ) -> None:
        """Add a result to a run. A name that another picture of this log has is replaced by the hash of the picture."""
        sha256 = picture.facts.sha256 if picture else result.sha256
        name = result.image_uuid
        if result.is_picture and (name is None or name in known.names):
            if sha256 is None or sha256 in known.names:
                return
            if name is not None:
                names[name] = sha256
            name = sha256
        row = {
            **dict.fromkeys(_MARKS),
            **picture_values(None, None, None),
            **result.values,
            **result.annotations,
            "sha256": sha256,
            **(picture.values if picture else {}),
            "run": number,
            "imageUUID": name,
            "adopted": self._now,
        }
        if result.is_picture and picture is None:
            row["error"] = NO_PICTURE
        changes.results.append(row)
        if result.is_picture:
            more = {"id": None, "taskUUID": run.task_uuid, "removed": None, "pending": row}
            known.add({**row, **more, "settings": _row_settings(run.values["engine"], _parameters(run), row["seed"])})

    def _merge(
        self,
        changes: _Changes,
        row: dict[str, Any],
        result: ForeignResult,
        picture: _StoredFile | None,
        run: ForeignRun,
    ) -> None:
        """Add to a picture of this log what it lacks: a rating, a note, tags, its file. What it has stays."""
        found = {name: value for name, value in result.annotations.items() if row[name] is None}
        note = result.annotations.get("note")
        if note is not None and row["settings"] is None and run.values["engine"] != UNKNOWN_SOURCE:
            is_file_name = PurePosixPath(row["note"] or "").suffix.lower() in PICTURE_ENDINGS
            found |= {"note": note} if is_file_name else {}  # a note that nobody wrote
        tags = result.annotations.get("tags")
        if tags is not None and row["tags"] not in (None, joined := joined_tags(row["tags"], tags)):
            found["tags"] = joined
        if picture is not None and _is_lacking(row) and (row["adopted"] or picture.facts.sha256 == row["sha256"]):
            found |= picture.values
            if row["runAdopted"] and run.task_uuid == row["taskUUID"]:
                changes.run_updates.append({"which": row["run"], "identity": _identity(run)})
        row |= found
        if found and row["id"] is None:  # it came in this transaction, from another row of the same source
            row["pending"] |= found
        elif found:
            changes.updates.append({"which": row["id"], **found})

    def _explain(
        self, changes: _Changes, known: _KnownRows, row: dict[str, Any], result: ForeignResult, run: ForeignRun
    ) -> None:
        """Give a picture that came without its settings the run that it is of, whose settings have come now."""
        if row["id"] is None:
            return
        here = known.runs.get(run.task_uuid)
        if here is None:
            here = {"id": row["run"], "status": DONE}
            run_values = self._run_values(run, has_picture=row["file"] is not None)
            changes.run_updates.append({"which": row["run"], **run_values})
            changes.axes[row["run"]] = run.axes
        elif here["id"] != row["run"]:  # another picture of the run has made it known
            changes.emptied.append(row["run"])
            row["run"] = here["id"]
        # It keeps its imageUUID, by which judgements of this log name it.
        values = {name: result.values[name] for name in ("seed", "cost", "nsfw", "replay")}
        changes.updates.append({"which": row["id"], **values, "run": row["run"], "adopted": self._now})
        known.runs[run.task_uuid] = here
        row["settings"] = [*_settings(_parameters(run)), values["seed"]]

    def write_judgements(self, judgements: Iterable[ForeignJudgement]) -> None:
        """Write judgements, each once. One that shows a picture that the log does not have is left out.

        Raises:
            StorageError: if the log cannot be written.
        """
        rows = [row for one in judgements if (row := self._judgement_values(one)) is not None]
        if not rows:
            return

        def write(connection: sa.Connection) -> int:
            shown = {name for row in rows for name in json.loads(row["shown"])}
            here = set(connection.scalars(sa.select(IMAGES.c.imageUUID).where(one_of(IMAGES.c.imageUUID, shown))))
            same = [JUDGEMENTS.c[name] for name in ("created", "rater", "question", "shown", "outcome")]
            known = {tuple(row) for row in connection.execute(sa.select(*same))}
            fit = [row for row in rows if here.issuperset(json.loads(row["shown"]))]
            fresh = [row for row in fit if tuple(row[column.name] for column in same) not in known]
            if fresh:
                connection.execute(_ADD_JUDGEMENT, fresh)
            return len(rows) - len(fit)

        self._source.left_out[UNMATCHED] += self._database.write(write)

    def _judgement_values(self, one: ForeignJudgement) -> dict[str, Any] | None:
        shown = [self._names.get(name, name) for name in one.shown]
        try:
            rater, question = check_rater(one.rater), check_question(one.question)
        except RequestError:
            return None
        if len(set(shown)) < len(shown):  # two of them are one picture here
            self._source.left_out[UNMATCHED] += 1
            return None
        values = {
            "created": one.created,
            "rater": rater,
            "question": question,
            "shown": json.dumps(shown),
            "outcome": self._names.get(one.outcome, one.outcome),
            "seconds": one.seconds,
            "author": ADOPTER,
        }
        made = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(list(values.values())))
        return {**values, "judgementUUID": one.uuid or str(made)}


def fresh_pictures(results: Iterable[ForeignResult]) -> bool:
    """Whether some of the results are pictures."""
    return any(result.is_picture for result in results)


def _parted(runs: Iterable[ForeignRun], known: _KnownRows) -> list[ForeignRun]:
    """The runs; a picture with the names of one that has other bytes is a run of its own, which answers no request."""
    digests = {names: row["sha256"] for names, row in known.named.items()}
    parted = []
    for run in runs:
        others = []
        for one in run.results:
            if one.is_picture and one.image_uuid and one.sha256:
                here = digests.get((run.task_uuid, one.image_uuid)) or one.sha256
                digests[run.task_uuid, one.image_uuid] = here
                others += [one] if here != one.sha256 else []
        if len(others) < len(run.results) or not others:
            parted.append(replace(run, results=[one for one in run.results if one not in others]) if others else run)
        for one in others:
            apart = replace(one, values={**one.values, "imageUUID": one.sha256})
            name = own_task_uuid(str(one.sha256))
            parted.append(replace(run, task_uuid=name, results=[apart], answers=False))
    return parted


def _identity(run: ForeignRun) -> str | None:
    """The identity by which a run answers a request; ``None`` if its request is not whole."""
    is_own_model = task_for_display(run.request, "")["model"] == run.values["model"]
    return run.request.identity if run.answers and is_own_model and not run.request.lacking else None


def _is_lacking(row: Mapping[str, Any]) -> bool:
    """Whether a row has no file, and nobody has removed it."""
    return row["file"] is None and row["removed"] is None


def _known_rows(
    connection: sa.Connection, runs: Sequence[ForeignRun], pictures: Mapping[int, _StoredFile]
) -> _KnownRows:
    results = [result for run in runs for result in run.results if result.is_picture]
    hashes = {result.sha256 for result in results} | {picture.facts.sha256 for picture in pictures.values()}
    uuids = {result.image_uuid for result in results}
    tasks = sa.select(RUNS.c.id, RUNS.c.taskUUID, RUNS.c.status)
    here = connection.execute(tasks.where(one_of(RUNS.c.taskUUID, [run.task_uuid for run in runs]))).mappings()
    of_picture = ("id", "run", "imageUUID", "sha256", "file", "removed", "adopted", "seed", *_MARKS)
    of_run = (RUNS.c.taskUUID, RUNS.c.engine, RUNS.c.adopted.label("runAdopted"))
    stored = (sa.type_coerce(RUNS.c[name], sa.types.NullType()).label(f"run {name}") for name in _SETTINGS)
    columns = (*(IMAGES.c[name] for name in of_picture), *of_run, *stored)
    known = _KnownRows({row["taskUUID"]: row for row in here})
    # By two queries, because SQLite would read all rows for a condition with "or".
    for column, values in ((IMAGES.c.sha256, hashes - {None}), (IMAGES.c.imageUUID, uuids - {None})):
        query = (
            sa.select(*columns).select_from(IMAGES.join(RUNS)).where(IMAGES.c.status == DONE, one_of(column, values))
        )
        for row in connection.execute(query.order_by(IMAGES.c.id)).mappings():
            parameters = {name: row[f"run {name}"] for name in _SETTINGS}
            known.add({**row, "settings": _row_settings(row["engine"], parameters, row["seed"])})
    return known


def _parameters(run: ForeignRun) -> dict[str, Any]:
    """The columns of a run's parameters, as they were sent; of a picture without settings there is only the prompt."""
    values = parameter_values(run.request, _task(run))
    extra = redacted(run.request.extra) or None
    return {**values, "prompt": run.request.prompt, "extra": extra, "model": run.values["model"]}


def _task(run: ForeignRun) -> dict[str, Any]:
    """The task that was sent, without credentials; nothing was for a picture without settings."""
    if run.values["engine"] == UNKNOWN_SOURCE:
        return {}
    return {**task_for_display(run.request, run.task_uuid), "model": run.values["model"]}


_MADE_WITH = (
    parameter.column
    for parameter in PARAMETERS.values()
    if parameter.affects_picture
    and parameter.group not in ("Size", "Output")
    and parameter.name not in ("seed", "number_results")
)
_SETTINGS = tuple(dict.fromkeys(("model", "extra", *_MADE_WITH)))
"""The columns of what a picture was made with; size and format are in its bytes, and it has a seed of its own."""


def _settings(parameters: Mapping[str, Any]) -> list[Any]:
    """The settings of a picture, as the database has them."""
    values = (parameters[name] for name in _SETTINGS)
    return [json.dumps(value) if isinstance(value, (list, dict)) else value for value in values]


def _row_settings(engine: str, parameters: Mapping[str, Any], seed: Any) -> list[Any] | None:
    """The settings and the seed of a picture of the log; ``None`` where they are not known."""
    return None if engine == UNKNOWN_SOURCE else [*_settings(parameters), seed]


def _apply(connection: sa.Connection, changes: _Changes) -> None:
    if changes.runs:
        connection.execute(sa.insert(RUNS), changes.runs)
        count_on(connection, RUNS)
    if changes.results:
        connection.execute(sa.insert(IMAGES), changes.results)
    for number, axes in changes.axes.items():
        write_axes(connection, number, to_log(axes))
    for values in changes.updates:
        connection.execute(_UPDATE, values)
    for values in changes.run_updates:
        connection.execute(_UPDATE_RUN, values)
    has_picture = sa.exists().where(IMAGES.c.run == RUNS.c.id)
    connection.execute(sa.delete(RUNS).where(one_of(RUNS.c.id, changes.emptied), ~has_picture))
    text_index.refresh(connection, [values["which"] for values in changes.updates])
