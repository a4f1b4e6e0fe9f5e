"""A PostgreSQL server of the tests' own, on loopback, and a log in it for each folder that a test opens.

``NBKIT_TEST_LOG=postgresql`` makes every log of the tests one of these. The server's programs come from Debian's package
``postgresql``; it runs as an unprivileged user, because it refuses to run as root.
"""

import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import psycopg

import nbkit

USER, PASSWORD = "nbkit", "a-password-of-tests"


def programs():
    """The folder of the server's programs; ``None`` without them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    there = shutil.which("initdb")
    return found[-1].parent if found else Path(there).parent if there else None


class Server:
    """A server with an empty database, from the start to the end of the block.

    Args:
        folder: for its files; it must be one that the unprivileged user can reach.
    """

    def __init__(self, folder):
        self.folder, self.port = Path(folder), _free_port()
        self._user = pwd.getpwnam("postgres").pw_name if os.geteuid() == 0 else None

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._user:
            shutil.chown(self.folder, self._user)
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run(
            "initdb",
            "-D",
            self._data,
            "-U",
            USER,
            "--no-sync",
            "-A",
            "scram-sha-256",
            "--pwfile",
            password,
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        )
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def _data(self):
        return self.folder / "data"

    def start(self):
        """Start it, and wait until it answers."""
        command = [
            programs() / "postgres",
            "-D",
            self._data,
            "-p",
            self.port,
            "-k",
            self.folder,
            "-h",
            "127.0.0.1",
            "-c",
            "fsync=off",
            "-c",
            "max_connections=400",
        ]
        with (self.folder / "output").open("a") as output:
            self.process = subprocess.Popen(
                list(map(str, command)), stdout=output, stderr=output, user=self._user, group=self._user, cwd="/"
            )
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.address()):
                return
            assert self.process.poll() is None, (self.folder / "output").read_text()
            assert time.monotonic() < deadline, (self.folder / "output").read_text()
            time.sleep(0.02)

    def stop(self, how=signal.SIGQUIT):
        """Stop it at once, as a crash would; ``SIGINT`` lets it write down what it has."""
        self.process.send_signal(how)
        self.process.wait()

    def address(self, schema=None):
        """Of the database, or of a schema in it."""
        chosen = f"?options=-csearch_path%3D{schema}" if schema else ""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/postgres{chosen}"

    def log_for(self, folder):
        """The address of the log that belongs to a folder; the schema is made if it is not there."""
        schema = "log_" + hashlib.sha256(str(Path(folder).expanduser().resolve()).encode()).hexdigest()[:16]
        with psycopg.connect(self.address(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        return self.address(schema)

    def _run(self, program, *arguments):
        command = list(map(str, (programs() / program, *arguments)))
        subprocess.run(command, check=True, capture_output=True, user=self._user, group=self._user, cwd="/")


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def on_server(server, monkeypatch):
    """Make every log that this process opens one on the server, by its folder; ``NBKIT_LOG`` names that of its kernels."""
    opened = nbkit.RunLog.__init__

    def open_log(log, folder, *given, address=None, **options):
        opened(log, folder, *given, address=server.log_for(folder), **options)

    monkeypatch.setattr(nbkit.RunLog, "__init__", open_log)
