"""Fixtures for kernels in processes of their own: some are interrupted like a kernel in Jupyter, others are killed."""

import multiprocessing
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

STOP_SECONDS = 2.0
"""Limit of the tests for a reaction to Stop. nbkit needs less than one second; a loaded machine may need more."""


@pytest.fixture
def start_kernel(service, tmp_path):
    """Starts kernels: ``start_kernel(code, *arguments)`` runs a script, and returns its process.

    The script's first arguments are the address of the service and the folder of the log.
    """
    kernels = []

    def start(code, *arguments):
        script = [sys.executable, "-W", "error", "-c", textwrap.dedent(code)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        kernels.append(
            subprocess.Popen([*script, service.url, str(tmp_path / "runs"), *map(str, arguments)], **pipes, text=True)
        )
        return kernels[-1]

    yield start
    for kernel in kernels:
        kernel.kill()
        kernel.communicate()


def press_stop(kernel, last):
    """Interrupt a kernel, and return the lines that it prints, up to the first one that begins with ``last``."""
    kernel.send_signal(signal.SIGINT)
    lines = []
    while not lines or not lines[-1].startswith(last):
        lines.append(kernel.stdout.readline())
        assert lines[-1], kernel.stderr.read()
    return lines


def interrupt_main_thread():
    """Press Stop in this process: Jupyter interrupts the main thread of a kernel."""
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


@pytest.fixture(scope="module")
def processes():
    """A multiprocessing context whose processes begin with nbkit imported: one that is killed is soon replaced."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["kill_worker", "sweep_worker", "nbkit.studio"])
    return context
