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
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import nbkit
from nbkit.backends import KEY_VARIABLE, load_offline, resolve
from nbkit.classroom.commands import FOLDER as CLASS_FOLDER
from nbkit.classroom.commands import TEACHER_KEY, add_class
from nbkit.commands import ASK_HELP, add_log_commands, say, sentence
from nbkit.ledger.model_check import DIFFERS, HOLDS, LEARNED, CheckStopped, ask_service, budget_line, questions_about
from nbkit.lessons import add_lessons
from nbkit.measures.facts import NEUTRAL, SUFFIXES
from nbkit.recording import add_pack
from nbkit.request.formats import recognise
from nbkit.service.addresses import is_loopback
from nbkit.service.client import Client
from nbkit.service.secret import Secret

SERVE_KEY_VARIABLE = "NBKIT_SERVE_KEY"
BALANCE, CLASS_BALANCE = 100.0, 1e6
"""USD of the engine's account; in a class, the budgets of the students count."""

STATE_FOLDER, NO_STATE = "nbkit-serve", "none"


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
        say(f"nbkit {options.command}: {error}", sys.stderr)
        return 1


def _allow_many_files() -> None:
    """As many open connections as the machine lets this user have; the usual limit is for programs that need few."""
    with contextlib.suppress(ModuleNotFoundError, ValueError, OSError):  # the first on Windows, which has no such limit
        resource = importlib.import_module("resource")
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _add_serve(commands: Any) -> None:
    summary = "serve the offline engine, which needs no key and costs nothing, over HTTP"
    serve = commands.add_parser("serve", help=summary, description=sentence(summary))
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nbkit", description=f"nbkit {nbkit.__version__}")
    commands = parser.add_subparsers(dest="command", required=True)

    _add_serve(commands)
    add_class(commands)
    add_log_commands(commands)
    summary = "what nbkit knows of the models, and whether the service agrees"
    models = commands.add_parser("models", help=summary, description=sentence(summary))
    models.set_defaults(run=_models)
    what = models.add_subparsers(dest="what")
    summary = "print what would be asked of the service; with --dry-run, ask it"
    told = f"{sentence(summary)} Exit status: 0 all of it holds, 1 the service differs, or the check stopped."
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

    add_pack(commands)
    add_lessons(commands)
    return parser


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
            say(f"nbkit serve: {warning}", sys.stderr)
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
            say(line)
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
        say(f"nbkit serve: {warning}", sys.stderr)
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


def _models(_: argparse.Namespace) -> int:
    say(repr(nbkit.models))
    return 0


def _check_models(options: argparse.Namespace) -> int:
    questions = [question for name in options.model or nbkit.models for question in questions_about(nbkit.models[name])]
    if not options.dry_run:
        for profile in dict.fromkeys(question.profile for question in questions):
            say(f"{profile.identifier} ({profile.name})")
            for question in questions:
                if question.profile is profile:
                    say(f"  {question.line}")
        say(f"Nothing was asked; --dry-run asks the service. {budget_line(questions)}")
        return 0
    backend = resolve(options.engine, api_key=Secret(None))
    say(f"Asking {backend.name}. {budget_line(questions)}")
    counts = {HOLDS: 0, DIFFERS: 0, LEARNED: 0}
    with closing(Client(backend.url, api_key=backend.api_key, transport=backend.transport)) as client:
        try:
            for finding in ask_service(client, questions):
                counts[finding.outcome] += 1
                if finding.outcome != HOLDS:
                    say(f"{finding.question.profile.identifier}: {finding.line}")
        except CheckStopped as stopped:
            if stopped.picture is not None:  # it is paid
                suffix = SUFFIXES.get(recognise(stopped.picture).media_type, NEUTRAL)
                file = Path(f"nbkit-models-check-{uuid.uuid4().hex[:8]}{suffix}")
                file.write_bytes(stopped.picture)
                say(f"The picture is in {file}")
            raise
    say(", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    return 1 if counts[DIFFERS] else 0


if __name__ == "__main__":
    sys.exit(main())
