"""``python -m nbkit lessons OUT``: the lessons for students, for teachers, and as pages, all made from one notebook each.

The notebooks in the folder ``notebooks`` are the sources: with outputs, solutions, and what a teacher says. The tags of
their cells say what is for whom: ``guess``, ``exercise``, ``solution``, ``teacher``.
"""

from __future__ import annotations

import argparse
import ast
import base64
import copy
import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbkit.display.page import COLOURS, POLICY, page_html
from nbkit.display.text import count, escape
from nbkit.errors import NbkitError
from nbkit.teach import seal

Json = dict[str, Any]

HERE = Path(__file__).parent
FOLDERS = (HERE / "notebooks", HERE.parent / "notebooks")
"""Where the sources are: in an installed package, and beside it in the repository."""

STUDENT, TEACHER, PAGES, PICTURES = "student", "teacher", "pages", "pictures"

_INLINE_PICTURE = re.compile(r'src="data:image/(\w+);base64,([A-Za-z0-9+/=\s]+)"')
_NOT_ON_A_PAGE = re.compile(r"<script\b.*?(?:</script>|/>)", re.DOTALL | re.IGNORECASE)
_NOT_ON_A_CODE_HOST = re.compile(r"<style\b.*?</style>", re.DOTALL | re.IGNORECASE)
_BY_A_LINK = re.compile(r"\(([\w-]+)\.ipynb\)")
_GUESSED = re.compile(
    r"You guessed (.*?)(?:, and so it is|; it is (.*?)(?:: near enough \(within [^)]*\))?)\.$", re.DOTALL
)
_AFTER_A_GUESS = re.compile(r"^## (Guess|Conclude|Exercise)", re.MULTILINE)


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    Attributes:
        name: of its file.
        number: in the course, from 1.
        title: in words.
        minutes: that it takes.
        notebook: its source, as the file has it.

    Example:
        >>> from nbkit.lessons import read_lessons
        >>> read_lessons()[0].file
        '01-quickstart'
    """

    name: str
    number: int
    title: str
    minutes: int
    notebook: Json

    @property
    def file(self) -> str:
        """The name of what is made, without its ending."""
        return f"{self.number:02}-{self.name}"


def read_lessons() -> list[Lesson]:
    """The lessons, in the order of the course.

    Raises:
        NbkitError: if their sources are not here.
    """
    folder = next((one for one in FOLDERS if one.is_dir()), None)
    if folder is None:
        raise NbkitError("the lessons are not in this installation; they are in the folder notebooks of the repository")
    found = []
    for path in folder.glob("*.ipynb"):
        notebook = json.loads(path.read_text("utf-8"))
        if told := notebook["metadata"].get("nbkit"):
            found.append(Lesson(path.stem, told["lesson"], told["title"], told["minutes"], notebook))
    return sorted(found, key=lambda lesson: lesson.number)


# -- notebooks -------------------------------------------------------------------------------------------------


def for_students(notebook: Json) -> Json:
    """A lesson without outputs, solutions, guesses, and what is for the teacher; answers are sealed.

    Example:
        >>> from nbkit.lessons import for_students, read_lessons
        >>> made = for_students(read_lessons()[0].notebook)
        >>> {tag for cell in made["cells"] for tag in cell["metadata"].get("tags", [])} & {"solution", "teacher"}
        set()
    """
    made = copy.deepcopy(notebook)
    made["cells"] = [cell for cell in made["cells"] if not {"solution", "teacher"} & _tags(cell)]
    for cell in made["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None, "source": _without_answers(_source(cell)).splitlines(True)}
    return made


def for_teachers(notebook: Json) -> Json:
    """A lesson with everything, and a line before each solution and each note."""
    made = copy.deepcopy(notebook)
    cells = []
    for cell in made["cells"]:
        if told := _label(cell):
            cells.append({"cell_type": "markdown", "id": f"{cell['id']}-for", "metadata": {}, "source": [told]})
        cells.append(cell)
    made["cells"] = cells
    return made


def _label(cell: Json) -> str:
    tags = _tags(cell)
    return "**For the teacher**" if "teacher" in tags else "**Solution**" if "solution" in tags else ""


def _without_answers(source: str) -> str:
    """The source of a cell with ``...`` for each guess, and a sealed answer where a check has it as a literal."""
    if "teach." not in source:
        return source
    parts: list[tuple[int, int, str]] = []
    for name, node in _calls(source):
        if name == "guess" and len(node.args) > 1:
            parts.append((*_span(source, node.args[1]), "..."))
        if name == "check" and len(node.args) > 1:
            try:
                answer = ast.literal_eval(node.args[1])
            except ValueError:  # it is computed
                continue
            parts.append((*_span(source, node.args[1]), f'nbkit.teach.unseal("{seal(answer)}")'))
    for start, end, text in sorted(parts, reverse=True):
        source = source[:start] + text + source[end:]
    return source


def _calls(source: str) -> Iterator[tuple[str, ast.Call]]:
    """The calls of nbkit.teach in a cell, by the name of the function."""
    lines = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.split("\n"))
    for node in ast.walk(ast.parse(lines)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, node


def _span(source: str, node: ast.expr) -> tuple[int, int]:
    """Where an expression begins and ends in the text."""
    lines = source.splitlines(keepends=True)

    def at(line: int, column: int) -> int:
        return len("".join(lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())

    return at(node.lineno, node.col_offset), at(node.end_lineno or node.lineno, node.end_col_offset or 0)


def _tags(cell: Json) -> set[str]:
    return set(cell["metadata"].get("tags", []))


def _source(cell: Json) -> str:
    return "".join(cell["source"])


# -- pages -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Guess:
    """What a page asks before it shows an answer."""

    question: str
    options: list[Any]
    unit: str

    @classmethod
    def of(cls, cell: Json) -> _Guess:
        """The guess of a cell."""
        call = next(node for name, node in _calls(_source(cell)) if name == "guess")
        words = {one.arg: ast.literal_eval(one.value) for one in call.keywords}
        return cls(ast.literal_eval(call.args[0]), list(words.get("options", ())), words.get("unit", ""))

    def html(self, number: int) -> str:
        """A question with its options, or a box for a number; what comes after it is hidden until there is a choice."""
        if self.options:
            answers = "".join(
                f'<label><input type="radio" name="guess-{number}"/> {escape(_said(one))}</label>'
                for one in self.options
            )
        else:
            answers = (
                f'<label>Your number <input type="number" step="any" required name="guess-{number}"/> {escape(self.unit)}</label>'
                "<small>Type it, then press Tab.</small>"
            )
        return (
            f'<fieldset class="guess"><legend>{escape(self.question)}</legend>{answers}</fieldset><div class="locked">'
        )

    def markdown(self) -> str:
        """The same for a code host, which has no boxes: the answer is folded."""
        listed = "".join(f"\n- {_said(one)}" for one in self.options)
        return f"**Guess: {self.question}**\n{listed}\n\n<details><summary>I have guessed: what is it?</summary>\n"


def _said(option: Any) -> str:
    return ("no", "yes")[option] if isinstance(option, bool) else str(option)


class _Pictures:
    """Writes the pictures of a lesson's outputs beside its pages; equal ones once."""

    def __init__(self, folder: Path, lesson: Lesson) -> None:
        self._folder, self._lesson = folder, lesson
        self._names: dict[str, str] = {}

    def out_of(self, html: str) -> str:
        """HTML with addresses of files for pictures that are in it."""
        return _INLINE_PICTURE.sub(lambda found: f'src="{PICTURES}/{self._file(*found.groups())}"', html)

    def _file(self, kind: str, data: str) -> str:
        if data not in self._names:
            self._names[data] = name = f"{self._lesson.file}-{len(self._names) + 1}.{kind.replace('jpeg', 'jpg')}"
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / name).write_bytes(base64.b64decode(data))
        return self._names[data]


def _outputs(cell: Json, pictures: _Pictures) -> Iterator[tuple[str, str]]:
    """The outputs of a cell: HTML without scripts, which may be empty, and text. Of a check it is the answer alone."""
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        html = "".join(data.get("text/html", ""))
        text = "".join(output.get("text", data.get("text/plain", "")))
        if found := _GUESSED.match(text):  # a page does not know what its reader has guessed
            text = f"It is {found[2] or found[1]}."
            html = f"<p><strong>{escape(text)}</strong></p>"
        if picture := "".join(data.get("image/png", "")):
            html = html or f'<img src="data:image/png;base64,{picture.strip()}" alt="{escape(text)}">'
        yield pictures.out_of(_NOT_ON_A_PAGE.sub("", html)), text


def html_page(lesson: Lesson, pictures: Path, file_of: Callable[[str], str]) -> str:
    """A lesson as a page for a browser: no script, and everything behind a guess is hidden until there is a choice.

    Args:
        lesson: the lesson.
        pictures: the folder beside the page to which its pictures are written.
        file_of: the file, without its ending, of a lesson by its name.

    Raises:
        NbkitError: if nbconvert is missing; it comes with JupyterLab.
    """
    filters = _nbconvert()
    beside, to_html, to_code = _Pictures(pictures, lesson), filters.markdown2html, filters.Highlight2HTML()
    body, locks = [], 0
    for cell in lesson.notebook["cells"]:
        if "teacher" in _tags(cell):
            continue
        if "guess" in _tags(cell):
            locks += 1
            body.append(_Guess.of(cell).html(locks))
            continue
        if cell["cell_type"] == "markdown":
            html = to_html(_linked(_source(cell), file_of, "html")).replace("&#182;", "")
        else:
            shown = "".join(
                f'<div class="output" tabindex="0">{html or f"<pre>{escape(text)}</pre>"}</div>'
                for html, text in _outputs(cell, beside)
            )
            html = f"{to_code(_source(cell), language='python')}{shown}"
            # What is wider than the page scrolls, also by keys; the corner of a table heads nothing.
            html = html.replace("<pre>", '<pre tabindex="0">').replace("<th></th>", "<td></td>")
        body.append(f"<details><summary>Solution</summary>{html}</details>" if "solution" in _tags(cell) else html)
    return _page(lesson.title, "\n".join(body) + "</div>" * locks)


def markdown_page(lesson: Lesson, pictures: Path, file_of: Callable[[str], str]) -> str:
    """A lesson as Markdown for a code host: what comes after a guess is folded. Arguments are those of :func:`html_page`."""
    beside, parts, is_folded = _Pictures(pictures, lesson), [], False
    for cell in lesson.notebook["cells"]:
        tags, source = _tags(cell), _source(cell)
        if "teacher" in tags:
            continue
        if is_folded and ("guess" in tags or (cell["cell_type"] == "markdown" and _AFTER_A_GUESS.search(source))):
            parts.append("</details>")
            is_folded = False
        if "guess" in tags:
            parts.append(_Guess.of(cell).markdown())
            is_folded = True
            continue
        if cell["cell_type"] == "markdown":
            text = _linked(source, file_of, "md")
        else:
            shown = (_on_code_host(html, text) for html, text in _outputs(cell, beside))
            text = "\n\n".join((_fenced(source, "python"), *filter(None, shown)))
        parts.append(f"<details><summary>Solution</summary>\n\n{text}\n\n</details>" if "solution" in tags else text)
    return "\n\n".join((*parts, "</details>" if is_folded else "")).rstrip() + "\n"


def _on_code_host(html: str, text: str) -> str:
    """An output for a code host, which shows tables and pictures that are files, and no drawing."""
    if "<img" not in html and "<table" not in html:
        return _fenced(text) if text.strip() else ""
    kept = _NOT_ON_A_CODE_HOST.sub("", html)
    return "\n".join(line.strip() for line in kept.splitlines() if line.strip())  # a blank line would end the HTML


def _fenced(text: str, language: str = "") -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def _nbconvert() -> Any:
    try:
        return importlib.import_module("nbconvert.filters")
    except ModuleNotFoundError:
        raise NbkitError('the pages of the lessons need nbconvert: pip install "nbkit[lab]"') from None


_STYLE = (
    COLOURS
    + """
body { margin: 2rem auto; padding: 0 1rem 4rem; max-width: 46rem; background: var(--ground); color: var(--ink);
  font: 1.0625rem/1.6 system-ui, sans-serif }
h1 { line-height: 1.2 } h2 { margin-top: 2.5rem }
a { color: var(--link) } a.anchor-link { display: none }
pre { margin: 0; padding: 0.75rem 1rem; overflow-x: auto; font-size: 0.875rem; line-height: 1.45 }
.highlight { margin: 1rem 0 0; border-left: 4px solid var(--line) }
.output { margin: 0.75rem 0; overflow-x: auto } .output img { max-width: 100%; height: auto }
table { border-collapse: collapse } th, td { padding: 0.2rem 0.6rem; border-bottom: 1px solid var(--line); text-align: left }
.guess { margin: 1.5rem 0; padding: 1rem; border: 2px solid var(--link); border-radius: 0.5rem }
.guess legend { padding: 0 0.5rem; font-weight: 600 }
.guess label { display: block; padding: 0.35rem 0 } .guess small { color: var(--quiet) }
.guess input[type=number] { width: 7rem; font: inherit }
details { margin: 1rem 0; padding: 0.5rem 1rem; border: 1px solid var(--line); border-radius: 0.5rem }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
.k, .kn, .kc, .ow { color: #0b57a4 } .s1, .s2, .sa, .si { color: #0a6640 } .c1 { color: var(--quiet) } .mi, .mf { color: #8a3c00 }
@media (prefers-color-scheme: dark) {
  .k, .kn, .kc, .ow { color: #8ab8ff } .s1, .s2, .sa, .si { color: #7fd1a8 } .mi, .mf { color: #ffb07c }
}
@supports selector(:has(a)) {
  .guess:not(:has(input:checked)):not(:has(input[type=number]:valid:not(:focus))) + .locked { display: none }
}
"""
)


_POLICY = POLICY.replace("img-src data:", "img-src data: 'self' file:")
"""Pictures are files beside the page, on a server or in a folder."""


def _page(title: str, body: str) -> str:
    return page_html(title, f"<main>\n{body}\n</main>", _STYLE, policy=_POLICY)


# -- the command -----------------------------------------------------------------------------------------------


def make_lessons(out: Path) -> list[Lesson]:
    """Write all lessons: notebooks for students and for teachers, and pages. Files of an earlier time are replaced.

    Args:
        out: the folder; made if it is not there.

    Raises:
        NbkitError: if nbconvert, or the sources, are missing.
        OSError: if it cannot be written.
    """
    lessons = read_lessons()
    files = {lesson.name: lesson.file for lesson in lessons}
    pages = out / PAGES

    def file_of(name: str) -> str:
        return files.get(name, name)

    rows, items = [], []
    for lesson in lessons:
        for folder, made in ((STUDENT, for_students(lesson.notebook)), (TEACHER, for_teachers(lesson.notebook))):
            text = json.dumps(made, ensure_ascii=False, indent=1, sort_keys=True)
            _write(out / folder / f"{lesson.file}.ipynb", _linked(text, file_of, "ipynb") + "\n")
        _write(pages / f"{lesson.file}.html", html_page(lesson, pages / PICTURES, file_of))
        _write(pages / f"{lesson.file}.md", markdown_page(lesson, pages / PICTURES, file_of))
        items.append(f'<li><a href="{lesson.file}.html">{escape(lesson.title)}</a>, {lesson.minutes} minutes</li>')
        rows.append(f"{lesson.number}. [{lesson.title}]({lesson.file}.md), {lesson.minutes} minutes")
    _write(pages / "index.html", _page("Lessons", f"<h1>Lessons</h1><ol>{''.join(items)}</ol>"))
    _write(pages / "README.md", "# Lessons\n\n" + "\n".join(rows) + "\n")
    return lessons


def _linked(text: str, file_of: Callable[[str], str], ending: str) -> str:
    """Links to other lessons by the names of what is made."""
    return _BY_A_LINK.sub(lambda found: f"({file_of(found[1])}.{ending})", text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def add_lessons(commands: Any) -> None:
    """Add ``lessons`` to the commands of ``python -m nbkit``."""
    summary = "write the lessons: notebooks for students and for teachers, and pages"
    told = "Student versions have no outputs and no solutions. Pages are in pages/: README.md for a code host, index.html for a browser."
    lessons = commands.add_parser("lessons", help=summary, description=told)
    lessons.set_defaults(run=_lessons)
    lessons.add_argument(
        "out", type=Path, metavar="OUT", help="the folder to write to; files of an earlier time are replaced"
    )


def _lessons(options: argparse.Namespace) -> int:
    made = make_lessons(options.out)
    for lesson in made:
        sys.stdout.write(f"{lesson.file}  {lesson.title}, {lesson.minutes} minutes\n")
    sys.stdout.write(f"{count(len(made), 'lesson')} in {options.out}: {STUDENT}/, {TEACHER}/, {PAGES}/index.html\n")
    return 0
