"""``python -m nbkit``: serve the offline engine, settle what an earlier kernel left open, export, back up or verify a log."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import signal
import sys
import threading
import uuid
import warnings
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TextIO

import nbkit
from nbkit.backends import KEY_VARIABLE, load_offline, resolve
from nbkit.classroom.commands import FOLDER as CLASS_FOLDER
from nbkit.classroom.commands import TEACHER_KEY, add_class
from nbkit.display.text import count
from nbkit.history import RunLog
from nbkit.ledger.model_check import DIFFERS, HOLDS, LEARNED, CheckStopped, ask_service, budget_line, questions_about
from nbkit.ledger.recovery import OTHER_ENGINE
from nbkit.measures.facts import NEUTRAL, SUFFIXES
from nbkit.recording import add_pack
from nbkit.request.formats import recognise
from nbkit.service.addresses import is_loopback
from nbkit.service.client import Client
from nbkit.service.secret import Secret

SERVE_KEY_VARIABLE = "NBKIT_SERVE_KEY"
BALANCE, CLASS_BALANCE = 100.0, 1e6
"""USD of the engine's account; in a class, the budgets of the students count."""

ASK_HELP = "whom to ask: runware, or an address. Left out, it is what NBKIT_ENGINE names, else runware if the environment has a key, else the offline engine"
STATE_FOLDER, NO_STATE = "nbkit-serve", "none"
_LOG_OPTION: dict[str, Any] = {"type": Path, "default": Path("nbkit-runs"), "help": "the log's folder (%(default)s)"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit status: 0, or 1 if the command failed. Wrong arguments exit with status 2.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except (nbkit.NbkitError, OSError, ModuleNotFoundError) as error:  # the last if `serve` finds no uvicorn
        _print(f"nbkit {options.command}: {error}", sys.stderr)
        return 1


def _allow_many_files() -> None:
    """As many open connections as the machine lets this user have; the usual limit is for programs that need few."""
    with contextlib.suppress(ModuleNotFoundError, ValueError, OSError):  # the first on Windows, which has no such limit
        resource = importlib.import_module("resource")
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _add_serve(commands: Any) -> None:
    summary = "serve the offline engine, which needs no key and costs nothing, over HTTP"
    serve = commands.add_parser("serve", help=summary, description=_sentence(summary))
    serve.set_defaults(run=_serve, usage_error=serve.error)
    add = serve.add_argument
    add("--host", default="127.0.0.1", help="address to listen at; only this machine reaches %(default)s")
    add("--port", type=_port, default=8765, help="default %(default)s; 0 picks a free one")
    key = f"the key that clients must send. On a command line others on this machine can read it: better set {SERVE_KEY_VARIABLE}"
    add("--key", help=key)
    add("--latency", type=float, default=0.0, metavar="SECONDS", help="how long a task takes")
    add("--seed", type=int, metavar="N", help="makes random seeds and failures repeatable")
    noise = "how much the pictures of the same request and seed differ, from 0 to 1 (%(default)s)"
    add("--noise", type=float, default=0.0, metavar="SHARE", help=noise)
    fail = "a failure and its probability, such as busy=0.1; may be given several times"
    add("--fail", type=_failure, action="append", default=[], metavar="NAME=P", help=fail)
    add("--balance", type=float, metavar="USD", help=f"what the account holds ({BALANCE})")
    add("--pack", type=Path, metavar="PACK", help="recorded requests, which are answered with their pictures")
    miss = "what happens to a request that the pack does not have: draw it, give the nearest recording, or refuse it (%(default)s)"
    add("--miss", metavar="nearest|draw|refuse", default="draw", help=miss)
    private = "send webhooks and uploads to private and loopback addresses too; a client of this server can then make it call its neighbours"
    add("--allow-private-callbacks", action="store_true", help=private)
    state = f"where tasks are kept, so that a server that is started again, on the same port, answers as before; {NO_STATE} keeps none (default {STATE_FOLDER}/PORT.sqlite; none for port 0)"
    add("--state", metavar="FILE", help=state)
    address = "what clients type, where that does not follow from the requests: behind a proxy that hides it"
    add("--address", default="", metavar="URL", help=address)
    of_class = "serve a class: each student has a key and a budget (python -m nbkit class init makes its folder)"
    add("--class", dest="classroom", type=Path, metavar="FOLDER", help=of_class)
    add(
        "--upstream",
        metavar="ENGINE",
        help="what does the tasks of the class: runware, or an address (default: the offline engine)",
    )
    upstream_key = (
        f"a file with its key, which nobody else can read; without one it is {KEY_VARIABLE} of the environment"
    )
    add("--upstream-key", type=Path, metavar="FILE", help=upstream_key)
    add("--tls-cert", type=Path, metavar="FILE", help="serve over HTTPS with this certificate")
    add("--tls-key", type=Path, metavar="FILE", help="the key of the certificate")


def _add_recover(commands: Any) -> None:
    summary = "settle every run whose outcome is not known, and fetch paid pictures that are not here yet"
    told = "Asks one engine, and no address that the log names. The key comes from the environment alone."
    recover = commands.add_parser("recover", help=summary, description=told)
    recover.set_defaults(run=_recover)
    add = recover.add_argument
    add("--log", "--path", metavar="FOLDER", **_LOG_OPTION)
    add("--engine", help=ASK_HELP)
    resend = "send a task that the service does not know again, under its own taskUUID"
    add("--resend", action="store_true", help=resend)
    trust = "trust a log that somebody else made, or that is older than owners of logs: its rows are settled like your own, from now on"
    add("--trust", action="store_true", help=trust)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nbkit", description=f"nbkit {nbkit.__version__}")
    commands = parser.add_subparsers(dest="command", required=True)

    _add_serve(commands)
    add_class(commands)
    _add_recover(commands)
    summary = "what nbkit knows of the models, and whether the service agrees"
    models = commands.add_parser("models", help=summary, description=_sentence(summary))
    models.set_defaults(run=_models)
    what = models.add_subparsers(dest="what")
    summary = "print what would be asked of the service; with --dry-run, ask it"
    told = f"{_sentence(summary)} Exit status: 0 all of it holds, 1 the service differs, or the check stopped."
    check = what.add_parser("check", help=summary, description=told)
    check.set_defaults(run=_check_models)
    add = check.add_argument
    add("--dry-run", action="store_true", help="ask the service in dry runs, which make no picture")
    add(
        "--model",
        action="append",
        default=[],
        choices=list(nbkit.models),
        help="only this one; may be given several times",
    )
    add("--engine", help=ASK_HELP)

    summary = "write the pictures of a log, a manifest, and a page that shows them, to take along"
    export = commands.add_parser("export", help=summary, description=_sentence(summary))
    export.set_defaults(run=_export)
    add = export.add_argument
    add("path", type=Path, metavar="PATH", help="a new folder, or a new file that ends in .zip")
    add("--log", **_LOG_OPTION)
    add("--search", default="", metavar="WORDS", help="only rows whose prompt, tags or note hold all of them")
    add("--no-originals", action="store_true", help="leave the pictures out; the page has small ones")
    add("--metadata", action="store_true", help="write into each picture how it was made; nbkit.read gives it back")

    summary = "copy a whole log with its pictures, also while a kernel writes it"
    told = f"{_sentence(summary)} Exit status: 0 whole, 1 if it failed or pictures are missing."
    backup = commands.add_parser("backup", help=summary, description=told)
    backup.set_defaults(run=_backup)
    add = backup.add_argument
    add("path", type=Path, metavar="PATH", help="a new folder, or a new file that ends in .zip")
    add("--log", **_LOG_OPTION)

    summary = "check a whole log: rows, the hash of every picture, files without rows, accounts"
    verify = commands.add_parser("verify", help=summary, description="Exit status: 0 whole, 1 faults, 2 not readable.")
    verify.set_defaults(run=_verify)
    add = verify.add_argument
    add("--log", **_LOG_OPTION)
    add("--mend", action="store_true", help="correct the accounts, and remove half-written files of killed kernels")
    add_pack(commands)
    return parser


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"a port is 0 to 65535, not {port}")
    return port


def _failure(text: str) -> tuple[str, float]:
    name, _, chance = text.partition("=")
    try:
        return name, float(chance)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} has no probability; {name or 'busy'}=0.1 has one") from None


def _serve(options: argparse.Namespace) -> int:
    make_server = load_offline("Server")
    logging.basicConfig(format="nbkit serve: %(message)s", level=logging.WARNING)
    _check_serve(options)
    _allow_many_files()
    key, state = options.key or os.environ.get(SERVE_KEY_VARIABLE) or None, None
    if options.classroom is not None:
        key = None  # of the engine behind the class, which nobody else reaches
    elif options.state != NO_STATE and (options.state or options.port):  # another start on port 0 has another address
        state = Path(options.state or f"{STATE_FOLDER}/{options.port}.sqlite")
    balance = CLASS_BALANCE if options.classroom else BALANCE if options.balance is None else options.balance
    try:
        engine = nbkit.Offline(
            options.latency,
            dict(options.fail),
            key,
            balance,
            options.seed,
            noise=options.noise,
            pack=options.pack,
            miss=options.miss,
            state=state,
        )
    except ValueError as error:
        options.usage_error(str(error))
    place = {
        "host": options.host, "port": options.port, "address": options.address,
        "tls": (options.tls_cert, options.tls_key) if options.tls_cert else None,
    }  # fmt: skip
    if options.classroom is not None:
        make_class = importlib.import_module("nbkit.classroom.serve").ClassServer  # needs the extra, as Server does
        server = make_class(
            options.classroom, engine, upstream=options.upstream, key_file=options.upstream_key, **place
        )
        lines = _about_class(server, options)
    else:
        if key is None and not is_loopback(options.host):
            warning = f"anybody who can reach this machine may use this server; {SERVE_KEY_VARIABLE} sets a key"
            _print(f"nbkit serve: {warning}", sys.stderr)
        server = make_server(engine, allow_private_callbacks=options.allow_private_callbacks, **place)
        call = f'nbkit.Studio(engine="{server.url}"{", api_key=…" if key else ""})'
        lines = [f"nbkit: the offline engine is at {server.url} - in a notebook: {call}"]
        if state is not None:
            lines.append(f"Tasks are kept in {state}: a server that is started again with it answers as before.")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with server:
        for line in lines:
            _print(line)
        while not stop.wait(0.5):  # on Windows a wait without a time-out cannot be interrupted
            pass
    engine.close()
    return 0


def _check_serve(options: argparse.Namespace) -> None:
    """Refuse options that do not go together, as wrong usage."""
    if (options.tls_cert is None) != (options.tls_key is None):
        options.usage_error("--tls-cert and --tls-key go together")
    alone = ("key", "state", "balance", "allow_private_callbacks")  # of an engine that clients reach themselves
    given = [f"--{name.replace('_', '-')}" for name in alone if getattr(options, name)]
    if options.classroom is not None and given:
        options.usage_error(f"{given[0]} does not go with --class: keys, budgets and tasks are in the class's folder")
    if options.classroom is None and (options.upstream or options.upstream_key):
        options.usage_error("--upstream does the tasks of a class: it needs --class")
    if options.upstream_key and not options.upstream:
        options.usage_error("--upstream-key is the key of --upstream, which is missing")
    engine = {
        "--latency": options.latency,
        "--fail": options.fail,
        "--noise": options.noise,
        "--seed": options.seed,
        "--pack": options.pack,
    }
    given = [name for name, value in engine.items() if value]
    if options.upstream and given:
        options.usage_error(f"{given[0]} is for the offline engine, and --upstream {options.upstream} does the tasks")


def _about_class(server: Any, options: argparse.Namespace) -> list[str]:
    """What is printed of a class that is served."""
    folder, lone = options.classroom, is_loopback(options.host) and not options.address
    if lone:
        warning = f"only this machine reaches {options.host}; --host 0.0.0.0 lets the students in"
        _print(f"nbkit serve: {warning}", sys.stderr)
    others: list[str] = []
    if options.host in ("0.0.0.0", "::", "") and not options.address:  # noqa: S104  compared, not bound
        head, _, port = server.url.partition("://")[0], "", server.port
        others = [f"{head}://{one}:{port}" for one in load_offline("own_addresses")()]
    does = f"{options.upstream} does its tasks, for money" if options.upstream else "the offline engine does its tasks"
    lines = [f"nbkit: the class {server.classroom.name!r} is at {server.url} - students open it in a browser; {does}"]
    if others[1:]:
        lines.append(f"Where students do not reach that: {', '.join(others[1:])}")
    lines.append(f"Teacher: {server.url}/teacher, with the key in {folder / TEACHER_KEY}")
    shown = "" if folder == CLASS_FOLDER else f" {folder}"
    return [*lines, f"python -m nbkit class show{shown} prints who is there."]


def _recover(options: argparse.Namespace) -> int:
    _check_log(options.log)
    with closing(nbkit.Studio(path=options.log, engine=options.engine, trust=options.trust)) as studio:
        found = studio.recover(resend=options.resend)
    _print("Nothing to recover: every run is settled." if found.empty else found.to_string(index=False))
    if found["note"].str.contains("resend=True", regex=False).any():
        _print(f"python -m nbkit recover --log {options.log} --resend sends what the service does not know, once more")
    if found["note"].str.startswith(OTHER_ENGINE).any():
        _print(f"python -m nbkit recover --log {options.log} --engine ADDRESS asks another engine")
    return 0


def _models(_: argparse.Namespace) -> int:
    _print(repr(nbkit.models))
    return 0


def _check_models(options: argparse.Namespace) -> int:
    questions = [question for name in options.model or nbkit.models for question in questions_about(nbkit.models[name])]
    if not options.dry_run:
        for profile in dict.fromkeys(question.profile for question in questions):
            _print(f"{profile.identifier} ({profile.name})")
            for question in questions:
                if question.profile is profile:
                    _print(f"  {question.line}")
        _print(f"Nothing was asked; --dry-run asks the service. {budget_line(questions)}")
        return 0
    backend = resolve(options.engine, api_key=Secret(None))
    _print(f"Asking {backend.name}. {budget_line(questions)}")
    counts = {HOLDS: 0, DIFFERS: 0, LEARNED: 0}
    with closing(Client(backend.url, api_key=backend.api_key, transport=backend.transport)) as client:
        try:
            for finding in ask_service(client, questions):
                counts[finding.outcome] += 1
                if finding.outcome != HOLDS:
                    _print(f"{finding.question.profile.identifier}: {finding.line}")
        except CheckStopped as stopped:
            if stopped.picture is not None:  # it is paid
                suffix = SUFFIXES.get(recognise(stopped.picture).media_type, NEUTRAL)
                file = Path(f"nbkit-models-check-{uuid.uuid4().hex[:8]}{suffix}")
                file.write_bytes(stopped.picture)
                _print(f"The picture is in {file}")
            raise
    _print(", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    return 1 if counts[DIFFERS] else 0


def _export(options: argparse.Namespace) -> int:
    _check_log(options.log)
    with closing(RunLog(options.log)) as log:
        rows = log.search(options.search)
        if rows.empty:
            found = f"no row has the words of --search {options.search!r}" if options.search else "the log has no row"
            raise nbkit.NbkitError(f"{found}; nothing was written")
        target = log.export(options.path, rows, originals=not options.no_originals, metadata=options.metadata)
    _print(f"{len(rows):,} rows in {target}")
    return 0


def _backup(options: argparse.Namespace) -> int:
    _check_log(options.log)
    with closing(RunLog(options.log)) as log, warnings.catch_warnings(record=True) as lacking:
        warnings.simplefilter("always")
        target, runs = log.backup(options.path), len(log)
    for warning in lacking:
        _print(f"nbkit backup: {warning.message}", sys.stderr)
    _print(f"{count(runs, 'run')} in {target}")
    return 1 if lacking else 0


def _verify(options: argparse.Namespace) -> int:
    try:
        _check_log(options.log)
        with closing(RunLog(options.log)) as log:
            faults, runs, is_open = log.verify(mend=options.mend), len(log), bool(log.history.unsettled())
    except (nbkit.NbkitError, OSError) as error:
        _print(f"nbkit verify: {error}", sys.stderr)
        return 2
    for fault in faults.itertuples():
        _print(f"{fault.what} {fault.which}: {fault.problem}{' (mended)' if fault.mended else ''}")
    left = int((~faults["mended"]).sum())
    _print(f"{count(left, 'fault')} in {count(runs, 'run')}" if left else f"The log is whole: {count(runs, 'run')}")
    if faults["problem"].str.contains("studio.recover()", regex=False).any():
        _print(f"python -m nbkit recover --log {options.log} fetches what the service still has")
    if is_open:
        settle = f"python -m nbkit recover --log {options.log}"
        _print(f"Some runs are under way, or open: {settle} settles those that no kernel works on")
    return 1 if left else 0


def _check_log(folder: Path) -> None:
    if not (folder / "log.sqlite").exists():  # opening it would create an empty one
        raise nbkit.NbkitError(f"there is no log in {folder}; --log names its folder")


def _print(text: str, stream: TextIO | None = None) -> None:
    print(nbkit.errors.printable(text), file=stream or sys.stdout, flush=True)


if __name__ == "__main__":
    sys.exit(main())
