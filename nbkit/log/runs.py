"""Reads runs from the log: by taskUUID, the latest ones, and those that are not settled."""

from __future__ import annotations

import contextlib
import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from nbkit import errors
from nbkit.errors import EngineError, NbkitError, NoImage, StorageError
from nbkit.log.axes import read_axes
from nbkit.log.damage import Damage, check_request, columns_of, fetch, read_undamaged
from nbkit.log.database import Database
from nbkit.log.frame import REMOVED
from nbkit.log.images import ImageStore, link_of, read_picture
from nbkit.log.rows import logged_request, picture_facts
from nbkit.log.schema import IMAGES, IS_REMOVED, RUNS
from nbkit.log.sql import likely, one_of
from nbkit.log.thread import Thread, find_parent, find_thread
from nbkit.log.trust import Trust
from nbkit.measures.facts import SUFFIXES
from nbkit.request.image_request import ImageRequest
from nbkit.request.price import MICRO
from nbkit.request.reference import MEDIA_TYPES, Reference, missing_reference
from nbkit.results.run import BLOCKED, DONE, FAILED, NOT_SENT, PLANNED, SENT, UNKNOWN, Failure, GeneratedImage, Run

Row = dict[str, Any]

OPEN = (PLANNED, SENT, UNKNOWN)
"""The statuses that are not final; named, because the index of the column finds them so."""

STILL_MISSING = "The picture is paid and will be fetched again by studio.recover()."


RESTORED = "Until the trash is emptied, studio.log.restore_pictures() brings it back."


@dataclass(frozen=True, slots=True)
class State:
    """The state of one run of a request.

    Attributes:
        status: such as ``done``.
        task_uuid: of the run.
        cost: micro-dollars; ``None`` if it is not known.
        high: the upper end of its estimate, in micro-dollars.
        error_kind, error_code: of its error, if it has one.
    """

    status: str
    task_uuid: str
    cost: int | None
    high: int
    error_kind: str | None = None
    error_code: str | None = None

    @property
    def was_never_accepted(self) -> bool:
        """Whether the service refused it for no credit, a wrong key or being busy, or could not be reached at all."""
        if self.status != FAILED or self.cost:
            return False
        kind = getattr(errors, self.error_kind or "", EngineError)
        return getattr(kind, "never_accepted", False) or "unavailable" in (self.error_code or "").lower()


# Precedence when a request has several runs: done, then open (must not be sent again), then failed (may be).
_PRECEDENCE = (DONE, BLOCKED, SENT, PLANNED, UNKNOWN, FAILED)

_READ_AT_ONCE = 100

# Statements are built once: building one costs more than running it.
_RUN = sa.select(RUNS).where(RUNS.c.taskUUID == sa.bindparam("which"))
_UPDATE_STAMP = sa.update(IMAGES).where(IMAGES.c.id == sa.bindparam("which"))
_RESULTS = sa.select(IMAGES).where(one_of(IMAGES.c.run, sa.bindparam("ids"))).order_by(IMAGES.c.id)


class History:
    """Reads runs and their states from the log.

    Args:
        database: of the log.
        images: the folder of its pictures.
        trust: whose its rows are.
    """

    def __init__(self, database: Database, images: ImageStore, trust: Trust) -> None:
        self._database, self._images, self._trust = database, images, trust

    def get(self, task_uuid: str) -> Run:
        """The run of a task.

        Raises:
            KeyError: if the log does not have it.
            StorageError: if its row is damaged.
        """
        with self._database.reading() as connection:  # the error names a damaged row
            found = self._read_runs(connection, Damage(), _RUN, which=str(task_uuid))
        if not found:
            raise KeyError(task_uuid)
        return found[0]

    def value(self, column: str, task_uuid: str) -> Any:
        """The present value of one column of a run, such as its status, without reading the others."""
        return self._rows(sa.select(RUNS.c[column]).where(RUNS.c.taskUUID == task_uuid))[0][column]

    def latest(self) -> Iterator[Run]:
        """The runs, newest first; they are read when they are asked for."""
        before: sa.ColumnElement[bool] = sa.true()
        at_once = 1
        while runs := self._runs(before, limit=at_once):
            yield from runs
            at_once = min(10 * at_once, _READ_AT_ONCE)
            number = sa.select(RUNS.c.id).where(RUNS.c.taskUUID == runs[-1].task_uuid).scalar_subquery()
            before = RUNS.c.id < number

    def matching(self, identity: str, engine: str) -> Run | None:
        """The newest run of a request, given by its identity, that is done; ``None`` without one."""
        # likely(): most runs are done, so the index of the identity finds it, not that of the status.
        done = (RUNS.c.identity == identity) & (RUNS.c.engine == engine) & likely(RUNS.c.status == DONE)
        return next(iter(self._runs(done, limit=1)), None)

    def states(self, sweep: str, engine: str) -> dict[str, list[State]]:
        """The states of each request of a sweep, by identity.

        If a request has several runs, a done or blocked one comes first, then one whose outcome is open, then a failed
        one; among equals the newest.

        Args:
            sweep: its name.
            engine: only runs of this engine.
        """
        names = ("identity", "status", "taskUUID", "cost", "estimateHigh", "errorKind", "errorCode", "adopted")
        query = sa.select(*(RUNS.c[name] for name in names))
        of_sweep = (RUNS.c.sweep == sweep) & (RUNS.c.engine == engine) & (RUNS.c.status != NOT_SENT)
        found: dict[str, list[State]] = {}
        for row in self._rows(query.where(of_sweep).order_by(RUNS.c.id.desc())):
            cost = row["cost"] if row["adopted"] is None else 0  # somebody else has paid it
            state = State(*(row[name] for name in names[1:-1]))
            found.setdefault(row["identity"], []).append(replace(state, cost=cost))
        for states in found.values():
            states.sort(key=lambda state: _PRECEDENCE.index(state.status))
        return found

    def given_values(self, task_uuids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The parameters that were set in several runs, by taskUUID and Python name, as they are logged."""
        query = sa.select(RUNS.c.taskUUID, RUNS.c.request).where(one_of(RUNS.c.taskUUID, task_uuids))
        return {row["taskUUID"]: row["request"] for row in self._rows(query)}

    def many(self, task_uuids: Sequence[str]) -> dict[str, Run]:
        """Several runs by their taskUUID, in two queries; those that the log does not have are left out."""
        return {run.task_uuid: run for run in self._runs(one_of(RUNS.c.taskUUID, task_uuids))}

    def parent_of(self, run: Run) -> Run | None:
        """The run that another one was made from, or ``None``."""
        number = find_parent(self._database, run.task_uuid)
        return None if number is None else next(iter(self._runs(RUNS.c.id == number)), None)

    def thread(self, task_uuid: str) -> Thread:
        """The runs that were made from each other, with that of a task among them; empty if the log does not have it."""
        numbers, is_cut = find_thread(self._database, task_uuid)
        return Thread(reversed(self._runs(one_of(RUNS.c.id, numbers))), is_cut=is_cut)

    def task_of(self, image_uuid: str) -> str | None:
        """The taskUUID of the run of a picture, or ``None``."""
        query = sa.select(RUNS.c.taskUUID).join(IMAGES).where(IMAGES.c.imageUUID == image_uuid)
        return next((row["taskUUID"] for row in self._rows(query.order_by(RUNS.c.id.desc()).limit(1))), None)

    def with_picture(self, sha256: str) -> Run | None:
        """The newest run that made a picture with these bytes, given by their hash; ``None`` if the log has none."""
        run = sa.select(IMAGES.c.run).where(IMAGES.c.sha256 == sha256).order_by(IMAGES.c.id.desc()).limit(1)
        return next(iter(self._runs(RUNS.c.id == run.scalar_subquery(), limit=1)), None)

    def typical_latency(self, engine: str) -> float | None:
        """The median latency in seconds of an engine's last hundred runs, or ``None`` without any."""
        own = RUNS.c.latency.is_not(None) & RUNS.c.adopted.is_(None)
        query = sa.select(RUNS.c.latency).where(RUNS.c.engine == engine, own)
        rows = self._rows(query.order_by(RUNS.c.id.desc()).limit(100))
        return statistics.median(row["latency"] for row in rows) if rows else None

    def unsettled(self, sweep: str | None = None, identity: str | None = None, *, foreign: bool = False) -> list[Row]:
        """The rows of all trusted runs without a final status, oldest first.

        Args:
            sweep: only the runs of this sweep.
            identity: only the runs of this request.
            foreign: those that came with the log instead, and are not trusted.
        """
        which = equals(RUNS.c.sweep, sweep) & equals(RUNS.c.identity, identity) & self._trust.condition(foreign=foreign)
        return self._rows(sa.select(RUNS).where(RUNS.c.status.in_(OPEN), which).order_by(RUNS.c.id))

    def unfetched(self, sweep: str | None = None, task_uuid: str | None = None, *, foreign: bool = False) -> list[Row]:
        """The paid results of trusted runs whose picture is not on disk, each with some facts of its run.

        A picture that was removed, or came from another log, is not among them. Files that were deleted, damaged or cut count too: the service may still have the picture. A file is compared
        with its hash if its size or time has changed; those of a single run are always compared.

        Args:
            sweep: only those of this sweep.
            task_uuid: only those of this run.
            foreign: those that came with the log instead, and are not trusted.
        """
        of_run = (RUNS.c[name] for name in ("taskUUID", "owner", "heartbeat", "heartbeatClock", "engine"))
        query = sa.select(IMAGES, *of_run).join(RUNS)
        which = equals(RUNS.c.sweep, sweep) & equals(RUNS.c.taskUUID, task_uuid)
        which &= self._trust.condition(foreign=foreign) & sa.not_(IS_REMOVED) & IMAGES.c.adopted.is_(None)
        facts = sa.select(*(IMAGES.c[name] for name in ("id", "file", "whole", "stamp"))).join(RUNS)
        found = columns_of(self._database, facts.where(IMAGES.c.status == DONE, which))
        changed, missing = [], []
        links: dict[str, bool] = {}
        for number, file, whole, stamp in zip(*found, strict=True):
            is_there = file is not None and whole != 0
            if is_there and task_uuid is None and self._images.is_unchanged(file, stamp, links):
                continue
            now = self._images.check(file, stamp if task_uuid is None else None) if is_there else None
            if now is None:
                missing.append(number)
            elif now != stamp:
                changed.append({"which": number, "stamp": now})
        if changed:
            with contextlib.suppress(StorageError):  # a log that cannot be written is compared again
                self._database.write(lambda connection: connection.execute(_UPDATE_STAMP, changed))
        return self._rows(query.where(one_of(IMAGES.c.id, missing)).order_by(IMAGES.c.id)) if missing else []

    def withheld(self, sweep: str | None = None) -> dict[str, str]:
        """The open runs that came with the log and are not trusted, with their status, by taskUUID."""
        if self._trust.whole and not self._trust.is_shared:
            return {}
        missing = {row["taskUUID"]: DONE for row in self.unfetched(sweep, foreign=True)}
        return missing | {row["taskUUID"]: row["status"] for row in self.unsettled(sweep, foreign=True)}

    def count_missing(self, sweep: str, engine: str) -> int:
        """The number of paid pictures of a sweep that never came to the disk; somebody else's are not among them."""
        query = sa.select(sa.func.count().label("pictures")).select_from(IMAGES.join(RUNS))
        of_sweep = (RUNS.c.sweep == sweep) & (RUNS.c.engine == engine)
        return int(
            self._rows(
                query.where(
                    of_sweep,
                    IMAGES.c.status == DONE,
                    IMAGES.c.file.is_(None),
                    IMAGES.c.adopted.is_(None),
                    ~IS_REMOVED,
                )
            )[0]["pictures"]
        )

    def count(self) -> int:
        """The number of runs in the log."""
        return int(self._rows(sa.select(sa.func.count().label("runs")).select_from(RUNS))[0]["runs"])

    def _rows(self, query: sa.Select[Any]) -> list[Row]:
        tables = {column.table for column in query.selected_columns if isinstance(column, sa.Column)}
        return read_undamaged(self._database, lambda c, damage: fetch(c, damage.without(query, *tables)))

    def _runs(self, where: sa.ColumnElement[bool], limit: int | None = None) -> list[Run]:
        query = sa.select(RUNS).where(where).order_by(RUNS.c.id.desc()).limit(limit)
        return read_undamaged(self._database, lambda c, damage: self._read_runs(c, damage, query))

    def _read_runs(
        self, connection: sa.Connection, damage: Damage, query: sa.Select[Any], **parameters: Any
    ) -> list[Run]:
        rows = fetch(connection, damage.without(query, RUNS), **parameters)
        results: dict[int, list[Row]] = {}
        for result in fetch(connection, damage.without(_RESULTS, IMAGES), ids=json.dumps([row["id"] for row in rows])):
            results.setdefault(result["run"], []).append(result)
        swept = sorted(row["id"] for row in rows if row["sweep"] is not None)
        axes: dict[int, dict[str, Any]] = {number: {} for number in swept}
        for name, values in read_axes(connection, swept).items():
            for number, value in zip(swept, values, strict=True):
                axes[number] |= {} if value is None else {name: value}
        read: dict[str, Reference] = {}  # by hash, because the runs of a sweep share their reference images
        return [self._run(row, results.get(row["id"], []), read, axes.get(row["id"], {})) for row in rows]

    def _run(self, row: Row, results: Sequence[Row], read: dict[str, Reference], axes: dict[str, Any]) -> Run:
        files: dict[str, str] = {}
        values = dict(row["request"])
        if "reference_images" in values:
            values["reference_images"] = [self._reference(text, files, read) for text in values["reference_images"]]
        try:
            request = logged_request(values, row["extra"], row["task"], is_cut=not row["resendable"])
        except Exception:  # the whole row is checked, and named
            check_request(row)
            raise
        return Run(
            request=request,
            task_uuid=row["taskUUID"],
            status=row["status"],
            images=tuple(self._pictures(row, request, results)),
            error=_error(row, request),
            failures=tuple(_failures(row, results)),
            cost_micros=row["cost"],
            engine=row["engine"],
            charged=row["charged"],
            created=datetime.fromtimestamp(row["created"] / MICRO, tz=UTC),
            adopted=None if row["adopted"] is None else datetime.fromtimestamp(row["adopted"] / MICRO, tz=UTC),
            latency=row["latency"],
            parent_uuid=row["parent"],
            parent_image=row["parentImage"],
            task=row["task"],
            complete=row["resendable"],
            reference_files=files,
            axes=axes,
            sweep=row["sweep"],
            template=row["template"],
        )

    def _reference(self, text: str, files: dict[str, str], read: dict[str, Reference]) -> Any:
        """A reference image as the request takes it.

        Args:
            text: as logged: a URL, a UUID, or ``sha256:`` and the hash of a picture of the image folder.
            files: gets the path of that picture, by its hash.
            read: the pictures that have been read already, by their hash; gets this one too.
        """
        kind, _, digest = text.partition(":")
        if kind != "sha256":
            return text
        for suffix, media_type in REFERENCE_TYPES.items():
            name = f"{digest[:2]}/{digest}{suffix}"
            path = self._images.path(name)
            with contextlib.suppress(OSError, NoImage):  # gone or damaged
                if digest not in read:
                    read[digest] = Reference(data=read_picture(path), media_type=media_type, sha256=digest)
                files[digest] = (self._images.given_path / name).as_posix()
                return read[digest]
        return missing_reference(digest)  # the run can still be shown; only sending it again needs the picture

    def _pictures(self, row: Row, request: ImageRequest, results: Sequence[Row]) -> Iterator[GeneratedImage]:
        for result in results:
            if result["file"] is None:
                continue
            yield GeneratedImage(
                facts=picture_facts(result),
                path=self._images.path(result["file"]),
                link=link_of(self._images.given_path / result["file"]),
                seed=result["seed"],
                cost_micros=result["cost"],
                image_uuid=result["imageUUID"] or "",
                nsfw=result["nsfw"],
                replay=result["replay"],
                prompt=row["prompt"] or "",
                request=request,
            )


def equals(column: sa.ColumnElement[Any], value: object) -> sa.ColumnElement[bool]:
    """The condition that a column has a value; ``None`` stands for any value."""
    return sa.true() if value is None else column == value


REFERENCE_TYPES = {SUFFIXES[media_type]: media_type for media_type in MEDIA_TYPES.values()}
"""The media types of reference images, by the suffix of the file."""


def _failures(row: Row, results: Sequence[Row]) -> Iterator[Failure]:
    for result in results:
        if result["status"] == FAILED and row["status"] == DONE:
            yield Failure(result["error"] or "no picture came")
        elif result["status"] == DONE and result["file"] is None and result["removed"] is not None:
            yield Failure(REMOVED, RESTORED)
        elif result["adopted"] is not None and result["file"] is None:
            yield Failure(result["error"] or "its picture did not come with it")
        elif result["status"] == DONE and result["file"] is None:
            yield Failure(result["error"] or "its picture has not been fetched yet", STILL_MISSING)


def _error(row: Row, request: ImageRequest) -> NbkitError | None:
    if row["status"] in (DONE, PLANNED, SENT, NOT_SENT) or not row["error"]:
        return None
    kind = getattr(errors, row["errorKind"] or "", None)
    if not (isinstance(kind, type) and issubclass(kind, EngineError)):
        kind = errors.BlockedError if row["status"] == BLOCKED else EngineError
    error: EngineError = kind(row["error"], code=row["errorCode"] or "", task_uuid=row["taskUUID"])
    error.request = request
    return error
