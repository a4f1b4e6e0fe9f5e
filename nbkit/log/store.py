"""``LogStore``, one log on disk: its database, its pictures and their previews, as people and the other folders use them."""

from __future__ import annotations

import os
import re
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import EllipsisType
from typing import Any, Protocol

import pandas as pd
import sqlalchemy as sa

from nbkit.display.figure import QUIET_STYLE, no_mathjax
from nbkit.display.mime import MimeBundle
from nbkit.display.text import count
from nbkit.errors import NoImage, NoSuchKey, printable
from nbkit.log import text_index
from nbkit.log.annotations import Change, annotate, check_known, image_uuids
from nbkit.log.backup import back_up
from nbkit.log.columns import column_of
from nbkit.log.database import Database, server_address
from nbkit.log.excel import write_excel
from nbkit.log.export import export_frame
from nbkit.log.filter import parse
from nbkit.log.frame import (
    COLUMNS,
    NEWEST_FIRST,
    RowPage,
    check_argument,
    count_groups,
    count_rows,
    to_frame,
    values_of,
)
from nbkit.log.images import NAME_GLOBS, ImageStore, read_picture
from nbkit.log.judgements import judgements_frame, read_judgements
from nbkit.log.log_rows import LogRows
from nbkit.log.measurements import measured_columns
from nbkit.log.named_columns import NamedColumns
from nbkit.log.presets import PRESETS, Presets
from nbkit.log.previews import PICTURES, previews_in
from nbkit.log.prompts import find_prompts
from nbkit.log.runs import REFERENCE_TYPES, History
from nbkit.log.schema import IMAGES, RUNS, prepare
from nbkit.log.search import find_rows
from nbkit.log.sql import one_of
from nbkit.log.table import PAGE_ROWS, THUMBNAIL, FrameRows, show_rows
from nbkit.log.thread import Thread
from nbkit.log.trash import DiskUsage, Trash
from nbkit.log.trust import trust_in
from nbkit.log.verify import verify
from nbkit.metadata.record import SettingsRecord
from nbkit.request.image_request import ImageRequest
from nbkit.request.parameter import Integer, ValueInvalid
from nbkit.request.reference import Reference, make_reference
from nbkit.results.image import settings_of
from nbkit.results.run import GeneratedImage, Run, RunContext, with_context

DATABASE = "log.sqlite"
"""The log's file, in its folder."""

SHOWN_ROWS = 20
"""Rows that the log shows as the last line of a cell: the latest ones."""


FEW_ROWS, SMALL = 6, 64
"""More rows than that have thumbnails of so many pixels on the long side, or one would scroll past them all."""


class RowCondition(Protocol):
    """A condition on rows of the log."""

    def condition(self, columns: Mapping[str, sa.ColumnElement[Any]]) -> sa.ColumnElement[bool]:
        """The condition in SQL; ``columns`` has the expression of each column by name."""


class LogUser(Protocol):
    """What writes into a log from threads of its own; it is closed with the log."""

    def close(self) -> None:
        """End."""


class LogStore:
    """What a log keeps: runs, pictures, annotations, judgements; :class:`nbkit.RunLog` adds what one asks of many rows.

    Args:
        folder: holds ``log.sqlite``, ``images/`` and ``presets.json``; created if it does not exist.
        finish: applied to each run that leaves the log; a studio adds what it takes to make the run again.
        trust: trust the rows of a log that nbkit does not know as yours.
        address: of a PostgreSQL database that has the rows, in place of ``log.sqlite``.

    Attributes:
        folder: as given.
        database: runs transactions.
        images: the folder of pictures.
        previews: small JPEGs of them.
        presets: settings by name, a :class:`~nbkit.log.presets.Presets`.
        history: reads runs.
        trust: which rows this person made, or trusts.
        users: what writes into the log from threads of its own, and is closed with it.

    Raises:
        StorageError: if the folder cannot be used; ``LogVersionError`` if only a newer nbkit can read the log.
    """

    def __init__(
        self,
        folder: str | Path,
        finish: Callable[[Run], Run] = lambda run: run,
        *,
        trust: bool = False,
        address: str | sa.URL | None = None,
    ) -> None:
        folder = Path(folder).expanduser()
        self.database = Database(folder / DATABASE if address is None else server_address(address))
        prepare(self.database)
        text_index.update(self.database, at_least=text_index.MANY)
        self.trust = trust_in(self.database, trust=trust)
        self.finish = finish
        self.users: weakref.WeakSet[LogUser] = weakref.WeakSet()
        self.folder = folder
        self.images = ImageStore(folder / PICTURES)
        self.previews = previews_in(folder)
        self.presets = Presets(self.database, self.images.folder.parent / PRESETS)
        self.history = History(self.database, self.images, self.trust)
        self._trash = Trash(self.database, self.images, self.previews)

    def to_frame(
        self,
        sweep: str | None = None,
        *,
        where: str | None = None,
        limit: int | None = None,
        columns: Iterable[str] | str | None = None,
    ) -> pd.DataFrame:
        """The log as a DataFrame, oldest row first; with arguments only a part of it, which takes less time and memory.

        There is one row per picture, and one for each run or result without a picture. Column names have the API's
        spelling. The dtypes are always the same, so a seed beside a gap stays an integer. A gap is ``pd.NA``; where
        something was measured it is NaN, so that pivot tables of cost, latency and rating plot as they are.

        ===================  ============================================================================
        dtype                columns
        ===================  ============================================================================
        string               prompt, status, thinking, resolution, systemPrompt, safetyTolerance, safetyMode,
                             aspectRatio, referenceImages, outputFormat, outputType, deliveryMethod,
                             webhookURL, uploadEndpoint, extra, parent, parentImage, file, tags, note, textMissing,
                             textFound, sweep, error, engine, model, replay, taskUUID, imageUUID
        Int64                seed, requestedSeed, width, height, numberResults, outputQuality, ttl
        Float64              temperature, topP
        float64              cost, latency, rating, textFidelity, sharpness, contrast, colourfulness
        boolean              webSearch, imageSearch, checkContent, includeCost, NSFWContent, keep, charged
        datetime64[us, UTC]  created, adopted
        ===================  ============================================================================

        ``seed`` is the one that the service reports for the picture, ``requestedSeed`` the one that was sent. ``cost``
        is in USD, ``latency`` in seconds, ``created`` in UTC. ``charged`` is true for real money and false for the
        offline engine's list prices. ``adopted`` is when a row came from another log, by :meth:`nbkit.RunLog.adopt`; it is a gap in rows
        of this log. ``replay`` is how a pack answered: ``exact``, ``nearest:`` with what differs, or ``drawn``. ``textFidelity`` to ``colourfulness`` are gaps until ``log.measure()`` fills them.

        After these come the axes of the sweeps in the frame that are no parameters, such as the variable ``subject`` of a
        template: string, Int64 or Float64, as the sweep was given them; string where one has text beside numbers. One of
        the name of a column above, such as ``status``, is ``var_status``. Of more than 100 axes it has those of the newest
        sweeps, and any of them by ``columns``.

        Args:
            sweep: only the runs of the sweep with that name.
            where: only the rows that meet a condition, as :meth:`filter` takes it.
            limit: only so many rows, the newest ones.
            columns: only these, one name or several, in either spelling.

        Raises:
            RequestError: for a condition that cannot be used, and a limit that is no number of rows.
            UnknownParameter: for a column that the log does not have.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7, temperature=0.4)
            >>> studio.log.to_frame(where="seed == 7", limit=1, columns=["prompt", "temperature"]).to_dict("records")
            [{'prompt': 'A paper lantern', 'temperature': 0.4}]
            >>> frame = studio.log.to_frame()
            >>> frame[frame.taskUUID == run.task_uuid][["prompt", "seed", "temperature"]].to_dict("records")
            [{'prompt': 'A paper lantern', 'seed': 7, 'temperature': 0.4}]
        """
        condition = None if sweep is None else RUNS.c.sweep == sweep
        found = self._columns
        if where is not None:
            filtered = parse(where).condition(found)
            condition = filtered if condition is None else condition & filtered
        if columns is not None:
            given = [columns] if isinstance(columns, str) else columns
            columns = list(dict.fromkeys(column_of(found, name) for name in given))
        return self._frame(condition, limit, columns, axes=found.axes)

    def _frame(
        self,
        where: sa.ColumnElement[bool] | None,
        limit: int | None = None,
        columns: Iterable[str] | None = None,
        axes: Iterable[str] = (),
    ) -> pd.DataFrame:
        page = None if limit is None else RowPage(check_argument("limit", Integer(0).check, limit))
        return to_frame(self.database, self.images.given_path, where, columns, page, axes)

    @property
    def _columns(self) -> NamedColumns:
        """The columns that a condition may name; those of axes that it has named are in the frame."""
        return NamedColumns(self.database, file=self._file)

    def rows_of(self, task_uuids: Iterable[str], image_uuids: Iterable[str] = ()) -> pd.DataFrame:
        """The rows of some runs, in the columns of :meth:`to_frame`; faster than all rows where the runs are few.

        Args:
            task_uuids: of the runs; those that the log does not have are left out.
            image_uuids: of pictures, whose runs are read too.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7, number_results=2)
            >>> studio.log.rows_of([run.task_uuid]).seed.tolist()
            [7, 8]
        """
        names = list(image_uuids)
        of_images = sa.select(IMAGES.c.run).where(one_of(IMAGES.c.imageUUID, names)).correlate(None)
        runs = one_of(RUNS.c.taskUUID, task_uuids)
        return self._frame(runs | RUNS.c.id.in_(of_images) if names else runs)

    def axes(self) -> list[str]:
        """The columns of all axes of sweeps that are no parameters: variables of templates, and ``repeat``.

        Each is a column of :meth:`to_frame` where a row has it, and can be named wherever a column can.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
            >>> result = studio.sweep("A {colour} lantern", colour=["red", "jade"], seed=1).start().wait()
            >>> studio.log.axes()
            ['colour']
            >>> studio.log.filter("colour == 'jade'")[["colour", "prompt"]].to_dict("records")
            [{'colour': 'jade', 'prompt': 'A jade lantern'}]
        """
        return self._columns.all_axes()

    def count_rows(self) -> int:
        """The number of rows of :meth:`to_frame`, without reading them.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
            >>> run = studio.generate("A paper lantern", seed=7, number_results=2)
            >>> studio.log.count_rows()
            2
        """
        return count_rows(self.database)

    def page(
        self,
        limit: int,
        *,
        conditions: Iterable[RowCondition] = (),
        text: str = "",
        sort: str | None = None,
        ascending: bool = False,
        each: pd.Series[int] | None = None,
    ) -> pd.DataFrame:
        """The first rows in some order that meet all of some conditions, in that order; others are not read.

        Args:
            limit: how many rows at most; with ``each``, of each group.
            conditions: such as filters.
            text: a search, as for :meth:`search`.
            sort: the column by which they are sorted, in either spelling, gaps last; ``None`` for the newest first.
            ascending: whether small values come first.
            each: groups that have their first rows each, as :meth:`group_sizes` has counted them.

        Raises:
            RequestError: for a limit that is no number of rows, and a condition or a text that cannot be used.
            UnknownParameter: for a column that the log does not have.

        Example:
            >>> import nbkit
            >>> from nbkit.log.filter import parse
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A jade lantern", seed=seed) for seed in (51, 53, 52)]
            >>> rows = studio.log.page(20, conditions=[parse("seed in [51, 52, 53]")], sort="seed")
            >>> rows.seed.unique().tolist()
            [53, 52, 51]
        """
        limit = check_argument("limit", Integer(0).check, limit)
        columns = self._columns
        sort = None if sort is None else column_of(columns, sort)
        is_newest = sort is None and each is None and not conditions
        where = self._where(columns, conditions, text, limit if is_newest else None)
        page = RowPage(limit)
        if each is not None:
            column = sa.type_coerce(columns[str(each.name)], sa.types.NullType())
            page = replace(page, each=column, rows=int(each.clip(upper=limit).sum()))
        if sort is not None:
            column = sa.type_coerce(columns[sort], sa.types.NullType())
            by = (column.is_(None), column if ascending else column.desc())
            page = replace(page, order=(*by, *NEWEST_FIRST))
        rows = to_frame(self.database, self.images.given_path, where, page=page, axes=columns.axes).iloc[::-1]
        return rows if sort is None else rows.sort_values(sort, ascending=ascending, kind="stable", na_position="last")

    def group_sizes(
        self, column: str, *, conditions: Iterable[RowCondition] = (), text: str = "", limit: int | None = None
    ) -> pd.Series[int]:
        """How many rows each value of a column has, ascending; the index has the values, as the frame has them.

        Args:
            column: its name, in either spelling.
            conditions: such as filters, which the rows meet.
            text: a search, as for :meth:`search`.
            limit: only so many values, the smallest ones.

        Raises:
            RequestError: for a condition or a text that cannot be used.
            UnknownParameter: for a column that the log does not have.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
            >>> runs = [studio.generate("A jade lantern", seed=seed, temperature=0.4) for seed in (1, 2)]
            >>> sizes = studio.log.group_sizes("temperature")
            >>> sizes.index.tolist(), sizes.tolist()
            ([0.4], [2])
        """
        columns = self._columns
        name = column_of(columns, column)
        where = self._where(columns, conditions, text)
        own = columns[name] if name in columns.axes else COLUMNS[name]  # a file as it is stored
        values, rows = count_groups(self.database, own, where, limit)
        index = values_of(name, values, len(values), self.images.given_path)
        return pd.Series(rows, index=pd.Index(index), dtype="int64", name=name)

    def _where(
        self, columns: NamedColumns, conditions: Iterable[RowCondition], text: str, newest: int | None = None
    ) -> sa.ColumnElement[bool]:
        """Some conditions and a search; ``newest`` as for :func:`nbkit.log.search.find_rows`."""
        found = [find_rows(self.database, text, newest)]
        found += [condition.condition(columns) for condition in conditions]
        return sa.and_(sa.true(), *(one for one in found if one is not None))

    def search(self, text: str, *, limit: int | None = None) -> pd.DataFrame:
        """The rows whose prompt, tags or note contain every word of a text, in the columns of :meth:`to_frame`.

        Args:
            text: words or parts of words; ``"a phrase"`` in quotation marks; an empty text matches every row. Upper
                and lower case are the same, in every alphabet.
            limit: only so many rows, the newest ones.

        Raises:
            RequestError: if it is not a string.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A jade teapot", seed=1)
            >>> run.task_uuid in set(studio.log.search("TEA jade").taskUUID)
            True
        """
        return self._frame(find_rows(self.database, text, limit), limit)

    def prompts(self, search: str = "", limit: int = 100) -> list[str]:
        """The distinct prompts of the log, newest first, among its newest 100,000 runs.

        Args:
            search: a text that they contain, in either case; any white space in it is like one space. An empty one
                matches every prompt.
            limit: only so many.

        Raises:
            RequestError: if the search is not a string, or the limit is no number of prompts.
            StorageError: if the log cannot be read.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
            >>> runs = [studio.generate(prompt, seed=1) for prompt in ("A jade teapot", "A lantern", "A jade teapot")]
            >>> studio.log.prompts()
            ['A jade teapot', 'A lantern']
            >>> studio.log.prompts("LANT")
            ['A lantern']
        """
        return find_prompts(self.database, search, limit)

    def same_as(self, request: ImageRequest, engine: str) -> Run | None:
        """The newest run that is done and has the same identity as a request with a seed: what ``reuse=True`` answers with.

        Nothing is sent or fetched. ``Studio(reuse=True)`` settles an open run of the request first, and fetches pictures
        whose files are missing.

        Args:
            request: without a seed it is like no other.
            engine: of the run, as :attr:`nbkit.Studio.engine` has it.

        Raises:
            StorageError: if the log cannot be read.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> studio.log.same_as(nbkit.ImageRequest("A paper lantern", seed=7, ttl=60), studio.engine) == run
            True
        """
        found = None if request.seed is None else self.history.matching(request.identity, engine)
        return None if found is None else self.finish(found)

    def filter(self, expression: str, *, limit: int | None = None) -> pd.DataFrame:
        """The rows that meet a condition, in the columns of :meth:`to_frame`; faster than all rows where they are few.

        A condition compares columns, in either spelling, with constants or with each other, by ``==``, ``!=``, ``<``,
        ``<=``, ``>``, ``>=``, ``in [1, 2]`` and ``is None``, and combines that with ``and``, ``or``, ``not``. A column of
        true and false stands by itself. A text contains another one in ``"lantern" in prompt`` and in
        ``prompt.str.contains("lantern", case=False)``; it may have ``.str.startswith`` and ``.str.endswith``, every
        column ``.isna()``, ``.notna()``, ``.isin([…])`` and ``.between(…)``. Dates are text: ``created >= "2026-03-31"``.
        Nothing else is evaluated. A comparison with a gap is neither true nor false, and finds no row.

        Args:
            expression: the condition, such as ``"rating >= 4 and temperature < 0.5"``.
            limit: only so many rows, the newest ones.

        Raises:
            RequestError: for anything else, for a column that the log does not have (its ``suggestion`` is the nearest
                name), and for a value that a column cannot be compared with.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A jade teapot", seed=seed, temperature=0.3) for seed in (41, 42, 43)]
            >>> found = studio.log.filter("0.2 < temperature <= 0.3 and seed in [42, 43]")
            >>> sorted(found.seed.unique().tolist())
            [42, 43]
        """
        columns = self._columns
        return self._frame(parse(expression).condition(columns), limit, axes=columns.axes)

    @property
    def _file(self) -> sa.ColumnElement[Any]:
        """The column ``file`` of the frame."""
        name, (shape, foreign) = IMAGES.c.file, NAME_GLOBS  # as in the frame: below the folder, or a gap
        is_picture = name.bool_op("GLOB")(shape) & sa.not_(name.bool_op("GLOB")(foreign))
        path = sa.literal(f"{self.images.given_path.as_posix()}/") + name
        return sa.case((is_picture, path), else_=None)

    def show(
        self,
        size: int = THUMBNAIL,
        *,
        columns: list[str] | str | None = None,
        limit: int = PAGE_ROWS,
        page: int = 1,
        by: str | None = None,
    ) -> MimeBundle:
        """Every row as a picture with its facts, newest first; ``frame.nbkit.show()`` does the same for some rows.

        Args:
            size: pixels on the long side of a thumbnail.
            columns: which facts to show, one name or several, in either spelling.
            limit: rows of a page.
            page: which page, from 1 on.
            by: groups the rows by a column: ``log.show(by="temperature")``.

        Raises:
            UnknownParameter: for a column that the log does not have.
            RequestError: for a size, a limit or a page out of range.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> print(studio.log.show(columns=["seed", "cost"], limit=1).text.splitlines()[-1])
            7     $0.06895
        """
        rows = LogRows(self.database, self.images.given_path)
        return show_rows(rows, size, columns=columns, limit=limit, page=page, by=by)

    def export(
        self,
        path: str | os.PathLike[str],
        frame: pd.DataFrame | GeneratedImage | Run | str | Iterable[Any] | None = None,
        *,
        originals: bool = True,
        metadata: bool = False,
    ) -> Path:
        """Write pictures, a manifest (CSV and JSON), and a page that shows them without a network or nbkit.

        In ``manifest.csv`` a text that a spreadsheet might take for a formula (it begins with ``=``, ``+``, ``-``, ``@``,
        a tab or a carriage return), or that begins with an apostrophe, has an apostrophe before it. Judgements of nothing but
        these pictures are in ``judgements.csv`` and ``judgements.json``, with the names of the raters.

        Args:
            path: a new folder, or a new file that ends in ``.zip``.
            frame: the rows to export, such as ``log.search("lantern")``, or pictures as :meth:`mark` takes them; by
                default all.
            originals: whether to copy the pictures themselves; ``index.html`` has small ones in any case.
            metadata: whether each picture also carries its settings, as ``image.save(…, metadata=True)`` writes them. The
                manifest's ``sha256`` is that of the picture as the log has it, without them.

        Returns:
            The folder or the file.

        Raises:
            RequestError: if the path exists already; nothing is replaced.
            StorageError: if it cannot be written, or none of the originals exists; then nothing is left behind.
            KeyError: for a picture that the log does not have.

        Warns:
            UserWarning: if some of the originals are missing or damaged; page and manifest name them. If some have their
                settings in a file beside them, because the picture's signature would break.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> folder = studio.log.export(f"{tempfile.mkdtemp()}/lanterns", run)
            >>> sorted(file.name for file in folder.iterdir())
            ['images', 'index.html', 'manifest.csv', 'manifest.json']
        """
        rows = frame if isinstance(frame, pd.DataFrame) else self.to_frame()
        if frame is not None and frame is not rows:
            names = image_uuids(frame)
            check_known(names, rows["imageUUID"].dropna())
            rows = rows[rows["imageUUID"].isin(names)]
        names = list(rows["imageUUID"].dropna()) if "imageUUID" in rows else []
        judged = judgements_frame(read_judgements(self.database, pictures=names))
        return export_frame(
            rows,
            path,
            private=self.private_paths,
            originals=originals,
            axes=self.axes(),
            judgements=judged,
            settings=self._settings_of if metadata else None,
        )

    def _settings_of(self, row: Mapping[Any, Any]) -> SettingsRecord | None:
        """How a row's picture was made; ``None`` where the log does not have it."""
        run = self.history.many([str(row.get("taskUUID"))]).get(str(row.get("taskUUID")))
        images = () if run is None else with_context(run, RunContext(self.parent_of)).images
        image = next((image for image in images if image.image_uuid == str(row.get("imageUUID"))), None)
        return None if image is None else settings_of(image)

    @property
    def private_paths(self) -> tuple[str, ...]:
        """Folders of this machine whose names go into no file that is sent to somebody."""
        home = self.images.folder.parent  # absolute since the log was opened, whatever the working directory is now
        return (str(home), str(home.resolve()), str(Path.home()))

    def to_excel(self, path: str | os.PathLike[str], frame: pd.DataFrame | None = None) -> Path:
        """Write rows as a spreadsheet. It needs openpyxl, which the extra ``excel`` installs.

        Seeds are text, since a spreadsheet keeps fifteen digits of a number, and ``created`` is text in UTC. A text is
        never a formula, whatever it begins with; control characters are escapes, and a text of more than 32,767
        characters ends with ``…``. Pictures are not in it: :meth:`export` has them.

        Args:
            path: a new file that ends in ``.xlsx``.
            frame: the rows to write, such as ``log.search("lantern")``; by default all.

        Returns:
            The file.

        Raises:
            ModuleNotFoundError: if openpyxl is not installed.
            RequestError: if the path exists already, or has another ending; nothing is replaced.
            StorageError: if it cannot be written.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("=A paper lantern", seed=2**63 - 1)
            >>> studio.log.to_excel(f"{tempfile.mkdtemp()}/lanterns.xlsx").name
            'lanterns.xlsx'
        """
        return write_excel(self.to_frame() if frame is None else frame, path, private=self.private_paths)

    def backup(self, path: str | os.PathLike[str]) -> Path:
        """Make a whole copy of the log, with its pictures and presets, also while kernels write it. It is opened like any log.

        A copy of ``log.sqlite`` alone may lack the latest rows, which SQLite keeps in a file beside it.

        Args:
            path: a new or empty folder, or a new file that ends in ``.zip``.

        Returns:
            The folder or the file.

        Raises:
            RequestError: if the path exists already; nothing is replaced.
            StorageError: if it cannot be written, or the log is on a server; then nothing is left behind.

        Warns:
            UserWarning: if pictures that the log names are not there.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> copy = studio.log.backup(f"{tempfile.mkdtemp()}/copy")
            >>> nbkit.RunLog(copy)[run.task_uuid].image == run.image
            True
        """
        return back_up(self.database, self.images, path)

    def reference(self, sha256: str) -> Reference:
        """A picture of the image folder as a reference image: ``reference_images=[log.reference("3fa9…")]``.

        Args:
            sha256: the hash of its content, or at least the first twelve hex digits of it.

        Raises:
            KeyError: if the folder has no such picture, or several.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> request = nbkit.ImageRequest("In the snow", reference_images=[studio.log.reference(run.image.sha256)])
            >>> len(request.reference_images)
            1
        """
        digest = str(sha256).strip().lower().removeprefix("sha256:")
        if not re.fullmatch("[0-9a-f]{12,64}", digest):
            raise NoSuchKey("a reference image is named by its SHA-256, or by its first 12 hex digits or more")
        paths = (self.images.folder / digest[:2]).glob(f"{digest}*")
        paths = (self.images.path(f"{digest[:2]}/{path.name}") for path in paths)  # no link leads out of the folder
        found = {path.stem: path for path in paths if path.suffix in REFERENCE_TYPES}
        if not found:
            raise NoSuchKey(f"the image folder has no picture {digest}; it may have been deleted, or be in another log")
        if len(found) > 1:
            raise NoSuchKey(f"{digest} begins the hashes of {len(found)} pictures: give more of its digits")
        (path,) = found.values()
        try:
            return make_reference(read_picture(path))  # removes metadata, which a picture of the service may have too
        except (OSError, NoImage, ValueInvalid):
            raise NoSuchKey(f"the picture {path.stem} cannot be read; its file is damaged") from None

    def mark(
        self,
        which: GeneratedImage | Run | str | pd.DataFrame | Iterable[Any],
        *,
        rating: int | EllipsisType | None = ...,
        keep: bool | EllipsisType | None = ...,
        tags: str | Iterable[str] | Callable[[str], str] | EllipsisType | None = ...,
        note: str | EllipsisType | None = ...,
    ) -> Change:
        """Rate pictures, keep or reject them, tag them, add a note. Only the given values change.

        Args:
            which: a picture, a run (all its pictures), an imageUUID, rows of :meth:`to_frame`, or a list of those.
            rating: 1 to 5 stars.
            keep: ``True`` to keep the picture, ``False`` to reject it.
            tags: ``"lantern, night"`` or a list of words; they replace the present ones. A function gets the present
                tags and returns the new ones: ``tags=lambda old: f"{old}, night"``.
            note: any text. For each of the four, ``None`` removes the present value.

        Returns:
            A :class:`Change`; its ``undo()`` restores the values of before.

        Raises:
            RequestError: for a value that is not allowed, and for a run or a row without a picture.
            KeyError: for a picture that the log does not have. In both cases nothing is changed.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> change = studio.log.mark(run, rating=5, tags="lantern, night")
            >>> change
            <Change: 1 picture, rating 5, tags lantern, night>
            >>> change.undo()
            <Change: 1 picture, rating and tags as before>
        """
        return annotate(self.database, which, {"rating": rating, "keep": keep, "tags": tags, "note": note})

    @property
    def size(self) -> DiskUsage:
        """How much disk the log takes, in bytes: ``size.pictures``, ``.previews``, ``.trash``, ``.database``, ``.total``.

        Example:
            >>> import tempfile, nbkit
            >>> nbkit.Studio(engine="offline", path=tempfile.mkdtemp()).log.size.pictures
            0
        """
        return self._trash.size

    def remove_pictures(self, which: GeneratedImage | Run | str | pd.DataFrame | Iterable[Any]) -> Change:
        """Remove pictures from the disk. Their rows stay, with what they cost, and nothing fetches them again.

        The files are moved to the folder ``trash`` of the log; :meth:`empty_trash` deletes them there. A file with the same
        bytes as another picture, or as a reference image of a run, stays where it is. In the frame such a picture has no
        ``file``, and says so in ``error``.

        Args:
            which: pictures as :meth:`mark` takes them, such as ``log.filter("rating <= 2")``.

        Returns:
            A :class:`Change`; its ``undo()`` brings them back, until the trash is emptied.

        Raises:
            RequestError: for a run or a row without a picture.
            KeyError: for a picture that the log does not have. In both cases nothing is removed.
            StorageError: if the log cannot be written, or a file cannot be moved.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> change = studio.log.remove_pictures(run)
            >>> studio.df[["cost", "error"]].to_dict("records")
            [{'cost': 0.06895, 'error': 'its picture was removed from the disk'}]
            >>> change.undo()
            <Change: 1 picture, on the disk again>
        """
        return self._trash.remove(which)

    def restore_pictures(
        self, which: GeneratedImage | Run | str | pd.DataFrame | Iterable[Any] | None = None
    ) -> Change:
        """Bring removed pictures back from the trash.

        Args:
            which: pictures or runs, as for :meth:`remove_pictures`; by default all that were removed.

        Returns:
            A :class:`Change`; its ``undo()`` removes them again.

        Raises:
            StorageError: if the log cannot be written, or a file cannot be moved.

        Warns:
            UserWarning: if some of them are gone, because the trash was emptied.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> change = studio.log.remove_pictures(run)
            >>> studio.log.restore_pictures()
            <Change: 1 picture, on the disk again>
        """
        change, gone = self._trash.restore(which)
        if gone:
            warnings.warn(f"{count(gone, 'removed picture')} cannot be restored: the trash was emptied", stacklevel=2)
        return change

    def empty_trash(self) -> int:
        """Delete the files of removed pictures; nothing brings them back then. Returns the number of bytes that are free.

        Raises:
            StorageError: if the log cannot be written, or a file cannot be deleted.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> change = studio.log.remove_pictures(run)
            >>> studio.log.empty_trash() > 0
            True
        """
        return self._trash.empty()

    def annotations_of(self, image_uuids: Iterable[str]) -> pd.DataFrame:
        """Rating, keep, tags and note of pictures as they are now; faster than a frame of all rows.

        Args:
            image_uuids: those that the log does not have are left out.

        Returns:
            Columns ``rating`` (float64), ``keep`` (boolean), ``tags`` and ``note`` (string); the index is the imageUUID.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> image = studio.generate("A paper lantern", seed=7).image
            >>> change = studio.log.mark(image, rating=5)
            >>> studio.log.annotations_of([image.image_uuid]).rating.tolist()
            [5.0]
        """
        columns = ("imageUUID", "rating", "keep", "tags", "note")
        named = one_of(IMAGES.c.imageUUID, image_uuids)
        runs = sa.select(IMAGES.c.run).where(named).correlate(None)  # first, so that SQLite need not look at every run
        frame = to_frame(self.database, self.images.given_path, RUNS.c.id.in_(runs) & named, columns)
        return frame.drop_duplicates("imageUUID").set_index("imageUUID")

    def missing_words(self, image_uuids: Iterable[str]) -> dict[str, str]:
        """The expected words that pictures lack, joined by ", ", by imageUUID; only of those that lack some.

        :meth:`nbkit.RunLog.measure` finds them.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
            >>> studio.log.missing_words([studio.generate("A paper lantern", seed=7).image.image_uuid])
            {}
        """
        found = measured_columns(self.database, image_uuids)
        return {name: str(row["textMissing"]) for name, row in found.items() if row["textMissing"]}

    @property
    def judgements(self) -> pd.DataFrame:
        """Every judgement that counts: which of some pictures somebody found best; ``studio.arena(…)`` asks for them.

        Returns:
            One row per judgement, oldest first: ``created`` (datetime64[us, UTC]), ``rater`` and ``question`` (string),
            ``shown`` (a list of the imageUUIDs, in the order in which they stood on the screen), ``outcome`` (string: one of
            them, ``"tie"`` or ``"skip"``), ``seconds`` that the answer took (float64). One that was taken back is not there.

        Example:
            >>> import tempfile, nbkit
            >>> nbkit.Studio(engine="offline", path=tempfile.mkdtemp()).log.judgements.columns.tolist()
            ['created', 'rater', 'question', 'shown', 'outcome', 'seconds']
        """
        return judgements_frame(read_judgements(self.database))

    def get_runs(self, task_uuids: Sequence[str]) -> dict[str, Run]:
        """Several runs by their taskUUID, in a few queries; those that the log does not have are left out.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> studio.log.get_runs([run.task_uuid, "no such run"]) == {run.task_uuid: run}
            True
        """
        return {name: self._finished(run) for name, run in self.history.many(task_uuids).items()}

    def thread(self, which: Run | GeneratedImage | str) -> Thread:
        """All versions that belong together: a run, what it was made from, and what was made from those, oldest first.

        As the last line of a cell it shows itself as a tree. ``image.edit``, ``run.rerun``, ``result.promote`` and the
        panels write in the log what a run is made from.

        Args:
            which: any of the runs, one of their pictures, or its taskUUID or imageUUID.

        Returns:
            A :class:`~nbkit.log.thread.Thread`, a list of runs; of more than a thousand the oldest, with those that
            lead to the given one, and ``is_cut`` is true.

        Raises:
            KeyError: for a run or a picture that the log does not have.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> snow = run.image.edit("In the snow")
            >>> studio.log.thread(snow)
            <Thread of 2 runs · List price $0.14 (offline, not charged)>
            >>> studio.log.thread(snow) == [run, snow]
            True
        """
        name = which.task_uuid if isinstance(which, Run) else which if isinstance(which, str) else which.image_uuid
        thread = self.history.thread(name)
        if not thread and (task_uuid := self.history.task_of(name)):
            thread = self.history.thread(task_uuid)
        if not thread:
            raise NoSuchKey(f"the log has no run and no picture {name!r}; studio.df has their taskUUID and imageUUID")
        return Thread(map(self._finished, thread), is_cut=thread.is_cut)

    def parent_of(self, run: Run) -> Run | None:
        """The run that another one was made from, or ``None``; ``run.parent`` is the same.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> studio.log.parent_of(run.rerun(temperature=0.3)) == run
            True
        """
        parent = self.history.parent_of(run)
        return None if parent is None else self._finished(parent)

    def _finished(self, run: Run) -> Run:
        return self.finish(with_context(run, RunContext(self.parent_of)))

    def withheld(self, sweep: str | None = None) -> str:
        """A sentence on the runs that came with the log and are left alone, with what to type; empty if there are none.

        Args:
            sweep: only the runs of the sweep with that name.

        Example:
            >>> import nbkit
            >>> nbkit.Studio(engine="offline").log.withheld()
            ''
        """
        number = len(self.history.withheld(sweep))
        if not number:
            return ""
        folder, runs = self.folder.as_posix(), count(number, "open run")
        what = f"nbkit does not know the log in {folder} as yours", f"{runs} that came with it"
        if self.trust.whole:
            what = f"somebody else has worked in the log in {folder}", f"{runs} of theirs"
        return (
            f"{what[0]}: nothing is asked, fetched, sent again or paid for {what[1]}. If you trust the log: "
            f"nbkit.Studio(path={folder!r}, trust=True), python -m nbkit recover --trust, or NBKIT_TRUST=1"
        )

    def verify(self, *, mend: bool = False) -> pd.DataFrame:
        """Check the whole log: the database, every row, every picture's hash, files without rows, and the accounts.

        An empty frame says that the log is whole. Runs under way are no faults, so kernels may work on it meanwhile.
        ``studio.recover()`` fetches damaged and missing pictures, where the service still has them.

        Args:
            mend: correct the accounts that budgets are checked against, and remove what killed kernels left half written.

        Returns:
            A row for each fault: ``what`` (string) is ``picture``, ``row``, ``file``, ``account`` or ``log``; ``which``
            (string) is the imageUUID, the taskUUID, the file or the account; ``problem`` (string) is a sentence;
            ``mended`` is boolean.

        Raises:
            StorageError: if the log cannot be read.

        Example:
            >>> import tempfile, nbkit
            >>> studio = nbkit.Studio(engine="offline", path=tempfile.mkdtemp())
            >>> run = studio.generate("A paper lantern", seed=7)
            >>> len(studio.log.verify())
            0
            >>> size = run.image.path.write_bytes(b"not this picture")
            >>> studio.log.verify()["what"].tolist()
            ['picture']
        """
        return verify(self.database, self.images, mend=mend)

    def close(self) -> None:
        """Close the database, after what uses it; a new studio on the same folder opens it again."""
        for user in list(self.users):
            user.close()
        self.database.close()

    def __len__(self) -> int:
        return self.history.count()

    def __getitem__(self, task_uuid: str) -> Run:
        try:
            return self._finished(self.history.get(task_uuid))
        except KeyError:
            raise NoSuchKey(f"the log has no run {task_uuid!r}; the column taskUUID of studio.df lists them") from None

    def __contains__(self, task_uuid: object) -> bool:
        return bool(self.history.many([str(task_uuid)]))

    def __iter__(self) -> Iterator[Run]:
        return map(self._finished, self.history.latest())

    def __repr__(self) -> str:
        if not hasattr(self, "history"):  # a traceback may show a log whose __init__ failed
            return f"<{type(self).__name__}>"
        return printable(f"<{type(self).__name__} {self.folder.as_posix()}: {count(len(self), 'run')}>")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        latest = self._frame(None, SHOWN_ROWS).iloc[::-1]
        if latest.empty:
            empty = "The log is empty: studio.generate(…) writes its first row."
            return {"text/html": empty, "text/plain": empty}
        note = "studio.df has them all, studio.log.show() shows them."
        shown = show_rows(FrameRows(latest, self.count_rows()), THUMBNAIL if len(latest) <= FEW_ROWS else SMALL)
        html = no_mathjax(f'{shown.html}<div style="{QUIET_STYLE}">{note}</div>')
        return {"text/html": html, "text/plain": printable(shown.text)}
