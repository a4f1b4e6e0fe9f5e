"""``python -m nbkit pack``: record a notebook into a pack, pack a log, check a pack, and list what is in one.

A notebook is recorded by running a copy of it. Every studio in it sends its tasks to a server of this process, whatever
engine it names; the server sends them on through one studio, which has the budget, the key and the log. So no key gets
into the notebook, all its studios together spend at most the budget, and what was paid is in the log at once: a recording
that was interrupted goes on from there.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import secrets
import shutil
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

import nbkit
from nbkit import backends
from nbkit.backends import Backend, load_offline
from nbkit.commands import FOLDER, PICTURES_HELP, LogPlace, say
from nbkit.display.text import count, ellipsis, usd, usd_short
from nbkit.errors import NbkitError, RequestError
from nbkit.history import RunLog
from nbkit.log.schema import RUNS
from nbkit.log.sql import total
from nbkit.log.store import DATABASE
from nbkit.request.price import MICRO
from nbkit.results.money import limit_in_micros
from nbkit.results.run import Run
from nbkit.service.secret import Secret

if TYPE_CHECKING:  # the commands for a log load nothing of the offline engine
    from nbkit.offline.pack import Pack
    from nbkit.offline.pack_file import Packed

LOG_SUFFIX = ".recording"
"""The end of the folder beside a pack that has the logs of its recording."""

MAX_FILE_BYTES = 20 * 2**20
"""A larger file beside the notebook is not copied for its run."""

_PRELUDE = "from nbkit.recording import send_to\nsend_to({url!r})"
_KEY_VARIABLE = "NBKIT_RECORDING_KEY"
_NEEDED = ("nbclient", "nbformat", "ipykernel", "starlette", "uvicorn", "websockets")


def record_notebook(
    notebook: Path, budget: float, path: str | os.PathLike[str] | None = None, *, repeat: int = 1, engine: Any = None
) -> Packed:
    """Run a notebook and write a pack of what it made.

    Args:
        notebook: the file; it is not changed.
        budget: the most that all of it may spend, in USD, with what earlier attempts have spent.
        path: of the new pack; beside the notebook if not given.
        repeat: how often the notebook is run, so that each request has so many recordings.
        engine: as for :class:`~nbkit.Studio`.

    Returns:
        What is in the pack.

    Raises:
        NbkitError: if a cell fails, or the budget does not allow all of it. What was made is in the log, and a second
            call goes on from there.
        RequestError: if the pack is there already.

    Example:
        >>> from nbkit.recording import record_notebook
        >>> record_notebook("lesson.ipynb", budget=3.00)
        Traceback (most recent call last):
        nbkit.errors.NbkitError: there is no notebook lesson.ipynb
    """
    notebook = Path(notebook)
    target: Path = load_offline("new_pack_path")(notebook.with_suffix(load_offline("SUFFIX")) if path is None else path)
    limit = limit_in_micros("budget", budget)
    if limit is None or repeat < 1:
        raise RequestError("budget and repeat: an amount in USD such as 3.00, and 1 or more", parameter="budget")
    if not notebook.is_file():
        raise NbkitError(f"there is no notebook {notebook}")
    _check_needed()
    logs = [target.with_name(target.name + LOG_SUFFIX) / f"pass-{number}" for number in range(1, repeat + 1)]
    for number, log in enumerate(logs, 1):
        say(f"Pass {number} of {repeat}: {notebook}")
        _record_pass(notebook, log, limit - sum(map(_spent, logs)) + _spent(log), engine)
    packed: Packed = load_offline("pack_runs")((run for log in logs for run in _runs(log)), target)
    spent = usd(sum(map(_spent, logs)))
    say(f"The log of the recording, {spent} in all, is in {logs[0].parent}; it may be removed.")
    return packed


def _record_pass(notebook: Path, folder: Path, limit: int, engine: Any) -> None:
    """Run the notebook once; ``limit`` is the most that the log in the folder may have spent then, in micro-dollars."""
    (recorder_type, server_type), key = map(load_offline, ("Recorder", "RecordingServer")), secrets.token_hex(16)
    earlier = _runs(folder)
    if earlier:
        with closing(nbkit.Studio(path=folder, engine=engine)) as studio:
            studio.recover()  # what was under way when an earlier attempt ended may be paid
        earlier = _runs(folder)
        say(f"{count(len(earlier), 'run')} of an earlier attempt: not paid again")
    left = max(0, limit - _spent(folder))
    with closing(nbkit.Studio(path=folder, engine=engine, budget=left / MICRO)) as studio:
        recorder = recorder_type(studio.generate, earlier)
        with server_type(recorder, key) as server:
            problem = _run_copy(notebook, server.url, key)
    if recorder.refused:
        raise NbkitError(
            f"the budget did not allow {count(len(recorder.refused), 'request')}: {recorder.refused[0]}. What was made is in {folder}: "
            "the same command with a larger --budget goes on from there, and pays nothing again"
        )
    if problem:
        raise NbkitError(f"{problem}. What was made is in {folder}: the same command goes on from there")
    if not recorder.tasks:
        raise NbkitError(f"{notebook} has made no picture, so there is nothing to record")


def _run_copy(notebook: Path, url: str, key: str) -> str:
    """Run a copy of the notebook in a folder of its own, with the files beside it. Returns what went wrong, or ``""``."""
    nbclient, nbformat = map(importlib.import_module, ("nbclient", "nbformat"))
    content = nbformat.read(notebook, as_version=4)
    content.cells.insert(0, nbformat.v4.new_code_cell(_PRELUDE.format(url=url)))
    variables = {name: value for name, value in os.environ.items() if name not in (backends.KEY_VARIABLE, "NBKIT_KEY")}
    with tempfile.TemporaryDirectory(prefix="nbkit-record-", ignore_cleanup_errors=True) as folder:
        for file in notebook.absolute().parent.iterdir():
            if file.is_file() and not file.name.startswith(".") and file.stat().st_size <= MAX_FILE_BYTES:
                shutil.copy(file, folder)
        client = nbclient.NotebookClient(content, timeout=None, resources={"metadata": {"path": folder}})
        try:
            client.execute(env={**variables, _KEY_VARIABLE: key})
        except nbclient.exceptions.CellExecutionError as error:
            last = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()[-1:]
            return f"a cell of {notebook.name} failed: {ellipsis(' '.join(last), 300)}"
        except nbclient.exceptions.DeadKernelError:
            return f"the kernel of {notebook.name} ended"
    return ""


def send_to(url: str) -> None:
    """Have every studio of this process send its tasks to a recording, whatever engine it names.

    The first cell of the copy that is recorded calls it.
    """
    backend = Backend(
        "recording",
        f"{url}/v1",
        charged=False,
        api_key=Secret(os.environ.get(_KEY_VARIABLE)),
        may_be_offline=True,
    )
    vars(backends)["resolve"] = lambda *_, **__: backend


def _runs(folder: Path) -> list[Run]:
    """The runs of a log, oldest first; none if there is no log."""
    if not (folder / DATABASE).exists():
        return []
    with closing(RunLog(folder)) as log:
        return list(reversed(list(log)))


def _spent(folder: Path) -> int:
    """Micro-dollars that a log has spent, and holds for runs whose outcome is open."""
    if not (folder / DATABASE).exists():
        return 0
    with closing(RunLog(folder)) as log, log.database.reading() as connection:
        return int(connection.scalar(sa.select(total(RUNS.c.spent + RUNS.c.held))) or 0)


def _check_needed() -> None:
    for name in _NEEDED:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            raise NbkitError(f'to record a notebook, nbkit needs {name}: pip install "nbkit[lab,serve]"') from None


# -- commands ------------------------------------------------------------------------------------------------


def add_pack(commands: Any) -> None:
    """Add ``pack`` and its commands to those of ``python -m nbkit``."""
    summary = "recorded requests in a file, from which the offline engine answers with no key and no network"
    pack = commands.add_parser("pack", help=summary, description=f"Packs: {summary}.")
    what = pack.add_subparsers(dest="what", required=True)

    summary = "run a notebook and pack what it makes"
    told = "The engine and its key are those of the environment. The notebook itself stays as it is."
    record = what.add_parser("record", help=summary, description=told)
    record.set_defaults(run=_record)
    add = record.add_argument
    add("notebook", type=Path, metavar="NOTEBOOK", help="the file, which ends in .ipynb")
    add("--budget", type=float, required=True, metavar="USD", help="the most that all of it may spend")
    add("--repeat", type=_repeats, default=1, metavar="N", help="recordings of each request (%(default)s)")
    add("--out", type=Path, metavar="PACK", help="the new file; beside the notebook if left out")
    add("--engine", help="runware, offline, or an address, in place of the one of the environment")

    summary = "pack the runs of a log"
    from_log = what.add_parser("from-log", help=summary, description="Nothing is sent, and the log stays as it is.")
    from_log.set_defaults(run=_from_log)
    add = from_log.add_argument
    add("log", metavar="FOLDER|ADDRESS", help=f"the log's folder, such as {FOLDER}, or the address of one on a server")
    add("target", type=Path, metavar="PACK", help="the new file, which ends in .nbpack")
    add("--path", type=Path, default=Path(FOLDER), metavar="FOLDER", help=PICTURES_HELP)
    add("--search", default="", metavar="WORDS", help="only runs whose prompt, tags or note hold all of them")

    summary = "read all of a pack: whether every picture has the bytes that it was recorded with"
    check = what.add_parser("check", help=summary, description="Exit status: 0 whole, 1 faults, or no pack.")
    check.set_defaults(run=_check)
    check.add_argument("path", type=Path, metavar="PACK")

    summary = "list what is in a pack"
    info = what.add_parser("info", help=summary, description="Prompts, what varies, models, dates and costs.")
    info.set_defaults(run=_info)
    info.add_argument("path", type=Path, metavar="PACK")


def _repeats(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 100")
    return int(text)


def _record(options: argparse.Namespace) -> int:
    packed = record_notebook(
        options.notebook, options.budget, options.out, repeat=options.repeat, engine=options.engine
    )
    say(str(packed))
    return 0


def _from_log(options: argparse.Namespace) -> int:
    with closing(LogPlace.of(options).open()) as log:
        say(str(load_offline("pack_log")(log, options.target, options.search)))
    return 0


def _check(options: argparse.Namespace) -> int:
    with closing(load_offline("Pack")(options.path)) as pack:
        faults = pack.check()
        for fault in faults:
            say(fault)
        say(f"{count(len(faults), 'fault')} in {pack.path}" if faults else f"The pack is whole: {_counts(pack)}")
    return 1 if faults else 0


def _info(options: argparse.Namespace) -> int:
    with closing(load_offline("Pack")(options.path)) as pack:
        frame = pack.to_frame()
        say(_counts(pack))
        for row in frame.to_dict("records"):
            cost = "cost not known" if row["cost"] != row["cost"] else usd_short(round(row["cost"] * MICRO))
            counts = f"{count(row['requests'], 'request')}, {count(row['pictures'], 'picture')}"
            say(f'"{ellipsis(row["prompt"], 100)}"')
            facts = (row["varies"], counts, row["model"], f"from {row['engine']}", cost, row["recorded"])
            say(f"  {' · '.join(filter(None, facts))}")
    return 0


def _counts(pack: Pack) -> str:
    pictures = {one.sha256 for entry in pack.entries for one in entry.pictures}
    repeats = len(pack.entries) - len({entry.identity for entry in pack.entries})
    again = f", {count(repeats, 'repeat')}" if repeats else ""
    return f"{count(len(pack.entries), 'request')}{again}, {count(len(pictures), 'picture')}"
