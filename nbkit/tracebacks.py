"""An error of nbkit as IPython shows it: the user's own lines and the message, without the frames of nbkit.

IPython calls ``_render_traceback_`` of an exception instead of formatting it. ``%tb`` still shows everything, and so do
the modes ``%xmode Verbose`` and ``%xmode Docs``. An error that is no :class:`~nbkit.NbkitError` keeps its traceback.
"""

from __future__ import annotations

import copy
import itertools
import linecache
import sys
import sysconfig
import textwrap
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

_FOREIGN = (
    str(Path(__file__).parent),
    *{str(Path(sysconfig.get_path(name))) for name in ("stdlib", "platstdlib")},
    "<frozen ",
)
"""What the files begin with that are not the user's: those of nbkit and of Python."""

_INSTALLED = {"site-packages", "dist-packages"}
_MAX_FRAMES, _MAX_LINES = 6, 12
_MAX_CAUSE = 500
"""Characters of a cause that are shown."""


def short_traceback(error: BaseException, as_text: Callable[[str], str]) -> list[str]:
    """The lines that IPython prints for an error.

    Args:
        error: as it was caught, with its traceback.
        as_text: makes texts from elsewhere printable.
    """
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        return traceback.format_exception(error)
    formatter, whole = shell.InteractiveTB, error.__traceback__
    if formatter.mode in ("Verbose", "Docs") or _is_asked_for_all():
        return list(formatter.structured_traceback(type(error), error, whole))
    formatter.tb = whole  # for %debug, which goes where the error was raised
    frames = users_frames(whole)
    shown = [] if formatter.mode == "Minimal" else [_shown(frame, shell) for frame in _few(frames)]
    alone = copy.copy(error)  # without its cause, whose traceback would follow
    message = "".join(formatter.get_exception_only(type(error), alone)).rstrip("\n")
    return [*shown, message, *(as_text(line) for line in _causes(error, frames, shell))]


def users_frames(whole: TracebackType | None) -> list[TracebackType]:
    """The frames of a traceback that are in cells or in files of the user's own, outermost first."""
    found = []
    while whole is not None:
        found += [whole] if _is_users(whole.tb_frame.f_code.co_filename) else []
        whole = whole.tb_next
    return found


def _is_users(file: str) -> bool:
    return not file.startswith(_FOREIGN) and _INSTALLED.isdisjoint(Path(file).parts)


def _few(frames: Sequence[TracebackType]) -> Sequence[TracebackType]:
    """The cell and the innermost frames: those between are of a recursion, or of no interest."""
    return frames if len(frames) <= _MAX_FRAMES else [frames[0], *frames[1 - _MAX_FRAMES :]]


def _shown(frame: TracebackType, shell: Any) -> str:
    """Where a frame is, and the lines of its statement, in the colours of the shell."""
    code = frame.tb_frame.f_code
    first, last, *_ = next(itertools.islice(code.co_positions(), frame.tb_lasti // 2, None), (None, None))
    first, last = (first or frame.tb_lineno), (last or frame.tb_lineno)
    source = linecache.getlines(code.co_filename)[first - 1 : min(last, first + _MAX_LINES - 1)]
    text = textwrap.dedent("".join(source)).rstrip()
    coloured = str(shell.pycolorize(text)).rstrip("\n").split("\n")
    lines = coloured if len(coloured) == text.count("\n") + 1 else text.split("\n")
    numbered = [f"{'---->' if n == first else '':5} {n} {line}" for n, line in enumerate(lines, first) if text]
    function = "" if code.co_name == "<module>" else f", in {code.co_name}"
    return "\n".join([f"{_label(frame, shell)}{function}", *numbered, ""])


def _is_asked_for_all() -> bool:
    """Whether ``%tb`` shows the error again."""
    frame = sys._getframe()  # noqa: SLF001  nothing public leads to the callers without reading their files
    while (caller := frame.f_back) is not None:
        frame = caller
        if frame.f_code.co_name == "tb" and str(frame.f_globals.get("__name__")).startswith("IPython."):
            return True
    return False


def _causes(error: BaseException, frames: Sequence[TracebackType], shell: Any) -> Iterator[str]:
    """One line for each error that led to this one."""
    seen = {id(error)}
    places = {_place(frame) for frame in frames}
    while True:
        cause, word = error.__cause__, "Caused by"
        if cause is None and not error.__suppress_context__:
            cause, word = error.__context__, "While handling"
        if cause is None or id(cause) in seen:
            return
        seen.add(id(cause))
        text = " ".join(str(cause).split())
        own = users_frames(cause.__traceback__)
        where = f" ({_label(own[-1], shell)})" if own and _place(own[-1]) not in places else ""
        yield f"{word} {type(cause).__name__}{f': {text[:_MAX_CAUSE]}' if text else ''}{where}"
        error = cause


def _place(frame: TracebackType) -> tuple[str, int]:
    return frame.tb_frame.f_code.co_filename, frame.tb_lineno


def _label(frame: TracebackType, shell: Any) -> str:
    """A line of a cell, or of a file by its path from here or its name: no absolute path gets into a notebook."""
    file, line = _place(frame)
    cell = shell.compile.format_code_name(file)
    path = Path(file)
    name = path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else path.name
    return f"{' '.join(cell) if cell else name}, line {line}"
