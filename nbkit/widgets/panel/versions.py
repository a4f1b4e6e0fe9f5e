"""The versions of a picture, as the panel shows them: the way from the first one to it, and the edits made from it."""

from __future__ import annotations

from typing import Any

from nbkit.display.text import count, ellipsis, usd, usd_short
from nbkit.history import RunLog
from nbkit.log.thread import changes
from nbkit.results.run import Run

EDITS = 12
"""Edits of one picture that are shown at most."""


def versions_of(log: RunLog, run: Run) -> dict[str, Any]:
    """The versions around a run, as values for JSON; empty where there is only one, or no picture.

    Returns:
        ``path`` from the first version to this one, ``edits`` made from it, ``cost`` of the path so far, and how
        ``many`` versions there are in all.
    """
    if not run.images:
        return {}
    thread = log.thread(run)
    path, edits = thread.path(run), [edit for edit in thread.children(run) if edit.images]
    if len(path) + len(edits) < 2:
        return {}
    cost = thread.cost_so_far(run)
    return {
        "path": [_version(one, before) for one, before in zip(path, (None, *path), strict=False)],
        "edits": [_version(one, run) for one in edits[:EDITS]],
        "cost": usd_short(cost.charged_micros + cost.listed_micros),
        "exact": repr(cost),
        "many": len(thread),
    }


def lines_of(log: RunLog, run: Run) -> list[str]:
    """The same in sentences, for the lightbox."""
    told = versions_of(log, run)
    if not told:
        return []
    here, edits = told["path"][-1], len(told["edits"])
    return [
        f"Version {len(told['path'])} of {told['many']}" + (f" · {here['changed']}" if here["changed"] else ""),
        f"{told['cost']} so far" + (f" · {count(edits, 'edit')} made from it" if edits else ""),
    ]


def _version(run: Run, before: Run | None) -> dict[str, Any]:
    return {
        "uuid": run.task_uuid,
        "label": ellipsis(run.request.prompt, 36),
        "prompt": run.request.prompt,
        "changed": "" if before is None else _changed(before, run),
        "cost": usd(run.cost_micros),
    }


def _changed(before: Run, run: Run) -> str:
    """What was set differently, in a few words; the prompt is shown by itself."""
    parts = []
    for name, (old, new) in changes(before, run).items():
        if name == "prompt":
            parts.append("new prompt")
        elif isinstance(old, tuple) or isinstance(new, tuple):
            parts.append(f"{name} {len(new or ())}")
        else:
            parts.append(f"{name} {'default' if new is None else ellipsis(str(new), 24)}")
    return ", ".join(parts)
