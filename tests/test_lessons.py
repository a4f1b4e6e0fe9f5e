"""The lessons: their form, and the students' versions, teachers' versions and pages that are made of them."""

import ast
import itertools
import json
import re
import shutil
import subprocess
import sys

import pytest
from html_page import Page
from once import made_once

import nbkit
from nbkit.lessons import Lesson, for_students, html_page, make_lessons, markdown_page, read_lessons

LESSONS = read_lessons()
HEADINGS = ("Goal", "Guess", "Do", "Look", "Conclude", "Exercise")
SOURCES = (
    "https://runware.ai/",
    "https://docs.cloud.google.com/",
    "https://googleapis.github.io/",
    "https://ai.google.dev/",
)

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def source(cell):
    return "".join(cell["source"])


def tags(cell):
    return cell["metadata"].get("tags", [])


def cells(lesson, *, kind=None, tag=None):
    return [
        cell
        for cell in lesson.notebook["cells"]
        if kind in (None, cell["cell_type"]) and (tag is None or tag in tags(cell))
    ]


def texts(lesson, *, teacher=False):
    """The Markdown of a lesson."""
    return [source(cell) for cell in cells(lesson, kind="markdown") if teacher or "teacher" not in tags(cell)]


def without_code(text):
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder in which everything was made."""
    return made_once(tmp_path_factory, "lessons", make_lessons)


@each_lesson
def test_a_lesson_has_its_parts_in_order(lesson):
    """Goal, guess, do, look, conclude, exercise; its number and its time are those of its first cell."""
    first, *_ = texts(lesson)
    assert first.startswith(f"# {lesson.title}\n")
    assert f"Lesson {lesson.number} of 11, about {lesson.minutes} minutes" in first
    assert 20 <= lesson.minutes <= 45
    found = re.findall(r"^## (\w+)", "\n".join(texts(lesson)), re.MULTILINE)
    assert set(found) == set(HEADINGS)
    assert [found.index(heading) for heading in HEADINGS] == sorted(found.index(heading) for heading in HEADINGS)
    assert found[-1] == "Exercise"


@each_lesson
def test_a_lesson_asks_and_checks(lesson):
    """Each guess has its check after it; each exercise is right with the solution; there is a word to the teacher."""
    code = [source(cell) for cell in cells(lesson, kind="code")]
    asked = [ast.literal_eval(call_of(source(cell), "guess").args[0]) for cell in cells(lesson, tag="guess")]
    checked = [ast.literal_eval(call_of(text, "check").args[0]) for text in code if "teach.check(" in text]
    assert asked
    assert asked == checked
    exercises = [cell for cell in cells(lesson, kind="code") if "teach.exercise(" in source(cell)]
    assert exercises
    for cell in exercises:
        said = "".join("".join(output["data"]["text/plain"]) for output in cell["outputs"])
        assert said.startswith("✓ Right.")
    assert len(cells(lesson, tag="exercise")) == len(cells(lesson, kind="code", tag="solution")) == len(exercises)
    assert cells(lesson, tag="teacher")


def call_of(text, name):
    """The one call of a function of nbkit.teach in a cell."""
    (call,) = (
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name
    )
    return call


@each_lesson
def test_a_sentence_on_the_real_model_has_its_source(lesson):
    """In the same paragraph or in the list after it; or it is not known, or about the offline engine, prices or nbkit."""
    told = re.compile(r"engine|not known|nothing|nobody knows|same|a key|measure", re.IGNORECASE)
    for text in texts(lesson):
        paragraphs = [*without_code(text).split("\n\n"), ""]
        for paragraph, following in itertools.pairwise(paragraphs):
            if re.search(r"\b(real model|Google)\b", paragraph):
                near = paragraph + (following if paragraph.endswith(":") else "")
                assert told.search(near) or any(link in near for link in SOURCES), paragraph


@each_lesson
def test_no_money_becomes_a_formula(lesson):
    """Two dollar signs in a paragraph are mathematics to a notebook, so they are escaped."""
    for text in texts(lesson, teacher=True):
        for paragraph in without_code(text).split("\n\n"):
            assert len(re.findall(r"(?<!\\)\$", paragraph)) <= 1, paragraph


@each_lesson
def test_a_student_sees_no_output_no_solution_and_no_answer(lesson, made):
    """Neither in the notebook's cells nor anywhere else in the file."""
    text = (made / "student" / f"{lesson.file}.ipynb").read_text("utf-8")
    notebook = json.loads(text)
    assert not [cell for cell in notebook["cells"] if cell.get("outputs") or {"solution", "teacher"} & set(tags(cell))]
    whole = "\n".join(map(source, notebook["cells"]))
    for cell in (*cells(lesson, tag="solution"), *cells(lesson, tag="teacher")):
        text = source(cell)
        parts = text.split("\n\n")
        if cell["cell_type"] == "code":
            parts = [ast.get_source_segment(text, statement) for statement in ast.parse(text).body]
        assert not [part for part in parts if len(part) > 12 and part in whole]
    for cell in cells(lesson, tag="guess"):
        answer = call_of(source(cell), "guess").args[1]
        (open_one,) = (one for one in notebook["cells"] if one["id"] == cell["id"])
        assert isinstance(call_of(source(open_one), "guess").args[1].value, type(...))
        assert not isinstance(answer, ast.Constant) or answer.value is not ...
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and "teach.check(" in source(cell):
            assert not isinstance(call_of(source(cell), "check").args[1], ast.Constant)


@each_lesson
def test_a_teacher_has_everything(lesson, made):
    """All cells with their outputs, and a line before each solution and each note."""
    notebook = json.loads((made / "teacher" / f"{lesson.file}.ipynb").read_text("utf-8"))
    labels = [source(cell) for cell in notebook["cells"] if cell["id"].endswith("-for")]
    assert labels.count("**For the teacher**") == len(cells(lesson, tag="teacher"))
    assert labels.count("**Solution**") == len(cells(lesson, tag="solution"))
    assert sum(len(cell.get("outputs", ())) for cell in notebook["cells"]) == sum(
        len(cell.get("outputs", ())) for cell in lesson.notebook["cells"]
    )


@each_lesson
def test_a_page_has_its_pictures_as_files_and_no_script(lesson, made):
    """For a browser and for a code host; nothing for the teacher is in them, and nothing is loaded from elsewhere."""
    html = (made / "pages" / f"{lesson.file}.html").read_text("utf-8")
    markdown = (made / "pages" / f"{lesson.file}.md").read_text("utf-8")
    page = Page(html)
    assert not page.all("script")
    for text in (html, markdown):
        shown = re.findall(r'<img[^>]* src="([^"]+)"', text)
        assert shown
        for name in shown:
            assert (made / "pages" / name).is_file()
        for cell in cells(lesson, tag="teacher"):
            assert source(cell)[:60] not in text
    assert markdown.count("<details>") == markdown.count("</details>")
    assert len(page.all("fieldset")) == len(cells(lesson, tag="guess"))
    for name in re.findall(r'(?:href="|\]\()([\w-]+\.(?:html|md|ipynb))', html + markdown):
        assert (made / "pages" / name).is_file(), name


def test_an_answer_is_sealed_only_where_it_is_typed():
    """A computed one stays; so does all other code, with letters of any alphabet before it."""

    def student(text):
        cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": [text], "outputs": [], "execution_count": 1}
        return source(for_students({"cells": [cell]})["cells"][0])

    assert student('é = nbkit.teach.check("Ü?", 3, within=1)') == (
        'é = nbkit.teach.check("Ü?", nbkit.teach.unseal("Mw=="), within=1)'
    )
    assert nbkit.teach.unseal("Mw==") == 3
    assert student('nbkit.teach.check("Q?", len(frame))') == 'nbkit.teach.check("Q?", len(frame))'
    assert student('nbkit.teach.guess("Q?", [1, 2])') == 'nbkit.teach.guess("Q?", ...)'
    assert student("%matplotlib inline\nx = 1") == "%matplotlib inline\nx = 1"


def test_what_no_lesson_has_yet_reads_well_too(tmp_path):
    """A guess of a number, a plot as a PNG, markup in a text, a check that was near enough."""

    def code(text, *outputs, tag=()):
        return {
            "cell_type": "code",
            "id": "a",
            "metadata": {"tags": list(tag)},
            "source": [text],
            "outputs": list(outputs),
        }

    def data(**kinds):
        return {"output_type": "display_data", "data": {name.replace("_", "/"): text for name, text in kinds.items()}}

    lesson = Lesson("odd", 1, "Odd <b>", 20, {"cells": [
        code('nbkit.teach.guess("How <many>?", 3, unit="sd")', tag=["guess"]),
        code('nbkit.teach.check("How <many>?", 2)', data(text_plain="You guessed 3 sd; it is 2 sd: near enough (within 1 sd).")),
        code("plot()", data(image_png="iVBORw0KGgo=", text_plain="<Figure>")),
        code("print()", {"output_type": "stream", "name": "stdout", "text": ["<i>\n"]}),
    ]})  # fmt: skip
    html = html_page(lesson, tmp_path, str)
    assert "It is 2 sd." in html
    assert "You guessed" not in html
    assert '<input type="number"' in html
    assert "<i>" not in html
    assert (tmp_path / "01-odd-1.png").read_bytes().startswith(b"\x89PNG")
    assert "```\n<i>\n```" in markdown_page(lesson, tmp_path, str)


def test_the_command_lists_what_it_has_made(made, tmp_path):
    """In the order of the course; where they were made before, it replaces the files."""
    out = shutil.copytree(made, tmp_path / "out")
    (out / "pages" / "index.html").write_text("old")
    command = [sys.executable, "-m", "nbkit", "lessons", str(out)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert [line.split()[0] for line in done.stdout.splitlines()[:-1]] == [lesson.file for lesson in LESSONS]
    assert {path.name for path in (out / "pages").iterdir()} == {path.name for path in (made / "pages").iterdir()}
    assert (out / "pages" / "index.html").read_text("utf-8") == (made / "pages" / "index.html").read_text("utf-8")
    for name in ("index.html", "README.md", "pictures", "01-quickstart.html", "01-quickstart.md"):
        assert (out / "pages" / name).exists()


def test_letters_that_are_no_answer_are_refused():
    """As if somebody had typed into them."""
    with pytest.raises(nbkit.RequestError, match="sealed"):
        nbkit.teach.unseal("no answer")
