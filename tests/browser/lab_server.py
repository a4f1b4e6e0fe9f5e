"""A JupyterLab or Notebook 7 server on loopback, with settings and folders of its own, which are deleted at the end."""

import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

REPOSITORY = pathlib.Path(__file__).parents[2]

OLDER_IPYKERNEL = pathlib.Path(os.environ["NBKIT_IPYKERNEL"]).resolve() if os.environ.get("NBKIT_IPYKERNEL") else None
"""The folder with an older ipykernel, if the environment names one; ``.ci/run`` does."""

APPLICATIONS = {
    "jupyterlab": ("--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
    "notebook": ("--JupyterNotebookApp.expose_app_in_browser=True",),
}
"""The command line options of each application, by the module that starts it."""

_HEADLESS = "/usr/bin/chromium-headless-shell"  # the same browser without what only a window needs: a fifth quicker
CHROMIUM = os.environ.get("CHROMIUM", _HEADLESS if pathlib.Path(_HEADLESS).exists() else "/usr/bin/chromium")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

SETTINGS = {
    # Nothing on the page may change by itself: no news, no autosave, no cells removed while they are out of view.
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
    # Tests check that the saved state of widgets has no pictures, so the state must be saved.
    "@jupyter-widgets/jupyterlab-manager/plugin": {"saveState": True},
}


class LabServer:
    """``with LabServer(folder) as lab: page.goto(lab.url("/lab"))``.

    Args:
        root: the folder of the notebooks.
        application: ``"jupyterlab"`` or ``"notebook"``.
        kernels: further kernels by name; each value is a folder whose packages take precedence over this environment's.
    """

    def __init__(self, root, application="jupyterlab", kernels=None):
        self.root = root
        self._application = application
        self._token = secrets.token_hex(12)
        self._port = _free_port()
        self._home = pathlib.Path(tempfile.mkdtemp(prefix="nbkit-lab-"))
        self._log = self._home / "server.log"
        for name, settings in SETTINGS.items():
            file = self._home / "settings" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(settings))
        for name, packages in (kernels or {}).items():
            file = self._home / "data" / "kernels" / name / "kernel.json"
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps(_kernelspec(name, packages)))

    def __enter__(self):
        command = [
            *(sys.executable, "-m", self._application, "--no-browser", "--allow-root", "--ip=127.0.0.1"),
            *(f"--port={self._port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={self._token}"),
            *(f"--ServerApp.root_dir={self.root}", *APPLICATIONS[self._application]),
            # If the test run is killed, its server keeps running; it ends by itself after a while.
            *("--ServerApp.shutdown_no_activity_timeout=900", "--MappingKernelManager.cull_idle_timeout=600"),
        ]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command, env=self._environment(), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        deadline = time.monotonic() + 60
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self._application} did not start:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self._process.terminate()  # the server ends its kernels
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(15)
        shutil.rmtree(self._home, ignore_errors=True)

    def url(self, path):
        return f"http://127.0.0.1:{self._port}{path}{'&' if '?' in path else '?'}token={self._token}"

    def _is_up(self):
        try:
            with urllib.request.urlopen(self.url("/api/status"), timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def _environment(self):
        folders = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "IPYTHONDIR": "ipython",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        }
        inherited = {k: v for k, v in os.environ.items() if k not in ("JUPYTER_PATH", "RUNWARE_API_KEY")}
        return {
            **inherited,
            **{name: str(self._home / folder) for name, folder in folders.items()},
            "JUPYTER_PLATFORM_DIRS": "1",
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
            "PATH": os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]]),
        }


def _kernelspec(name, packages):
    return {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": name,
        "language": "python",
        "env": {"PYTHONPATH": os.pathsep.join([str(packages), str(REPOSITORY)])},
    }


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
