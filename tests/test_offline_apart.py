"""The offline engine is apart: a session with another engine loads no module of it."""

import json
import subprocess
import sys

import nbkit

SESSION = """
import json, sys
from pathlib import Path
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display
import nbkit

shell = InteractiveShell.instance()
studio = nbkit.Studio(engine=sys.argv[1], api_key="test-key")
for name in nbkit.__all__:
    if name != "Offline":  # the one name that loads it
        getattr(nbkit, name)

run = studio.generate("A paper lantern", temperature=0.4, number_results=2)
other = run.rerun(temperature=0.8)
queued = studio.generate("A paper lantern", delivery_method="async", reference_images=[run.image])
result = studio.sweep("A {colour} lantern", colour=["red", "jade"], seed=[1, 2]).run()
panel = studio.panel("A paper lantern", seed=7)
panel.generate()
panel.wait()
sweep_panel = studio.sweep_panel("A {colour} lantern", colour=["red", "jade"])
gallery = studio.gallery()
comparison = nbkit.compare(run, other)
grid = result.grid(rows="colour", columns="seed")
result.contact_sheet("sheet.png")
result.save_html("sweep.html")
for shown in (run, run.image, queued, result, grid, comparison, studio.log, studio.log.show(), panel, sweep_panel, gallery):
    display(shown)
studio.log.export("export.zip")
studio.log.export("export")
studio.recover()
studio.balance()
shell.user_ns["studio"] = studio
shell.run_line_magic("load_ext", "nbkit")
shell.run_cell("%%imagine --temperature 0.7\\nA paper lantern").raise_error()
rows, statuses = len(studio.df), sorted(set(studio.df["status"]))
studio.close()

loaded = sorted(name for name in sys.modules if name.startswith("nbkit.offline"))
Path("found.json").write_text(json.dumps({"loaded": loaded, "rows": rows, "statuses": statuses}))
"""


COMMANDS = """
import json, sys
from nbkit import __main__

statuses = [__main__.main(line.split()) for line in sys.argv[1:]]
loaded = sorted(name for name in sys.modules if name.startswith("nbkit.offline"))
print(json.dumps({"loaded": loaded, "statuses": statuses}))
"""


def test_a_session_with_another_engine_loads_no_module_of_the_offline_engine(service, tmp_path):
    """Neither for runs, sweeps, forms, comparisons and exports, nor for whatever is displayed."""
    command = [sys.executable, "-c", SESSION, service.url]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert found == {"loaded": [], "rows": 11, "statuses": ["done"]}


def test_the_commands_for_a_log_load_no_module_of_the_offline_engine(service, tmp_path):
    """``recover`` asks another engine about a run, ``export`` writes its picture; only ``serve`` loads this one."""
    studio = nbkit.Studio(engine=service.url, path=tmp_path / "nbkit-runs", api_key="test-key")
    studio.generate("A paper lantern", seed=7)
    studio.close()
    command = [sys.executable, "-c", COMMANDS, f"recover --engine {service.url}", "export out"]
    command.append(f"recover --engine {service.url}")
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout.splitlines()[-1]) == {"loaded": [], "statuses": [0, 0, 0]}, done.stderr[-2000:]
    assert (tmp_path / "out").is_dir()
