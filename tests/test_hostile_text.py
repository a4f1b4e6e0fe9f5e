"""Control characters and characters that reorder text are shown as escapes, in every place where texts are shown."""

import json
import unicodedata
import warnings

import pytest
import service_faults as fault

import nbkit
from nbkit import errors
from nbkit.__main__ import main
from nbkit.display.text import ellipsis, escape, printable_json
from nbkit.errors import printable

C0 = [chr(n) for n in range(32) if chr(n) not in "\t\n"]
HOSTILE = [
    *C0, *map(chr, range(0x7F, 0xA0)), *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A)),
    "\u200e", "\u200f", "\u061c", "\u2028", "\u2029", "\u200b", "\u2060", "\ufeff", "\ufff9", "\U000e0001", "\U000e0041",
    "\U000e007f", "\ud800",
]  # fmt: skip
READABLE = [
    "مرحبا بالعالم", "שלום עולם", "👩‍👩‍👧 and 🏳️‍🌈", "क्‍ष می‌خواهم", "naïve 東京 \t two\nlines", "á ä ﬁ ½", r"a\x1b[31m typed",
]  # fmt: skip
ALL = "".join(c for c in HOSTILE if c not in "\0\ud800")  # a prompt has neither
PROMPT = f"A lantern {ALL} at night"


def left_in(text, allowed="\t\n"):
    """The hostile characters that a text has as they are."""
    return sorted({character for character in text if character in HOSTILE and character not in allowed})


@pytest.mark.parametrize("character", HOSTILE, ids=lambda c: f"U+{ord(c):04X}")
def test_a_hostile_character_becomes_its_escape(character):
    """Python's own, so that it can be pasted into a string; in an error, in HTML and in one line too."""
    shown = printable(f"a{character}b")
    assert left_in(shown) == []
    assert shown.encode().decode("unicode_escape").encode("utf-16", "surrogatepass") == f"a{character}b".encode(
        "utf-16", "surrogatepass"
    )
    assert str(errors.NbkitError(f"a{character}b")) == escape(f"a{character}b") == shown
    assert left_in(ellipsis(f"a{character}b", 80)) == []
    in_json = printable_json(json.dumps([f"a{character}b"], ensure_ascii=False))
    assert left_in(in_json) == []
    assert json.loads(in_json) == [f"a{character}b"]


@pytest.mark.parametrize("text", READABLE)
def test_what_people_write_stays(text):
    """Arabic, Hebrew, joiners of scripts and of emoji, tabs and line breaks."""
    assert printable(text) == text
    assert str(errors.NbkitError(text)) == text
    assert json.loads(printable_json(json.dumps([text], ensure_ascii=False))) == [text]
    assert printable_json(json.dumps([text], ensure_ascii=False)) == json.dumps([text], ensure_ascii=False)


def bundles(shown):
    """The texts of everything that displays itself."""
    for value in shown:
        yield f"{type(value).__name__}: {value!r} {value!s}"
        bundle = value._repr_mimebundle_() if hasattr(value, "_repr_mimebundle_") else {}
        yield from bundle.values()
        if hasattr(value, "_repr_html_"):
            yield value._repr_html_()


FAULTS = {
    "none": None,
    "refused": fault.refused("invalidSeed", ALL, parameter=[ALL]),
    "code": fault.refused(ALL, ALL),
    "blocked": fault.refused("invalidProviderContent", ALL),
    "partial": fault.partial([{"code": "x", "message": ALL}], keep=1),
    "page": fault.plain(502, body=ALL.encode()),
}


@pytest.mark.parametrize("name", FAULTS)
def test_no_output_has_a_hostile_character(service, studio, name):
    """Of a run with a hostile prompt and a hostile answer: itself, its pictures, the log, a comparison, an export, the code."""
    service.faults.append(FAULTS[name])
    run = studio.generate(PROMPT, system_prompt=ALL, number_results=2, seed=3)
    other = studio.generate("A lantern", seed=4)
    things = [run, *run.images, *run.failures, run.request, studio.log, studio, studio.df.nbkit.show()]
    things += [nbkit.compare(run, other)] if run.images else []
    for text in [*bundles(things), run.as_code(), run.as_json(), run.to_text(), run.to_html()]:
        assert left_in(text) == [], text[:60]
    assert json.loads(run.as_json()) == [run.task]
    assert (
        eval(run.as_code(), {"studio": studio, "nbkit": nbkit}).request == run.request
    )  # the line that makes it again
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        page = (studio.log.export("out") / "index.html").read_text("utf-8")
    assert left_in(page) == []
    if run.error is not None:
        assert left_in(f"{run.error} {run.error!r} {run.error.advice}") == []
        with pytest.raises(errors.NbkitError) as caught:
            run.raise_for_status()
        assert left_in(str(caught.value)) == []
        if name != "page":
            assert ALL in studio.df.error[0]  # the frame has it as it came
    assert studio.df.prompt[0] == PROMPT


def test_no_output_of_a_sweep_has_a_hostile_character(studio, tmp_path):
    """Its plan, its grid, its page, its cells; with hostile values of a variable, in the prompt and in its name."""
    sweep = studio.sweep("A {colour} lantern", colour=[f"red{ALL}", f"jade{ALL}"], seed=[1, 2], name="rtl\u202ename")
    result = sweep.start().wait()
    things = [sweep, *sweep, sweep.plan(), result, result.grid(), result.grid(rows="seed")]
    things += [result.grid(on="cost"), result.report(question=f"Why {ALL}?")]
    pages = [result.save_html(tmp_path / "grid.html"), result.report(tmp_path / "report.html")]
    for text in [*bundles(things), *(page.read_text("utf-8") for page in pages)]:
        assert left_in(text) == [], text[:60]


@pytest.mark.parametrize("kind", ["panel", "gallery", "sweep_panel"])
def test_no_widget_shows_a_hostile_character(studio, kind):
    """In the HTML and the captions of its widgets; a box to type in has the prompt as it is."""
    studio.generate(PROMPT, seed=3)
    made = studio.panel(PROMPT) if kind == "panel" else getattr(studio, kind)()
    shown = [repr(made), *(widget.value for widget in widgets_of(made) if type(widget).__name__ in ("HTML", "Label"))]
    if kind == "gallery":
        shown += [f"{item.alt} {item.caption} {item.missing}" for item in made.grid._items]
    for text in shown:
        assert left_in(text) == [], text[:60]


def widgets_of(made):
    """All widgets below one."""
    todo = [made.box]
    while todo:
        widget = todo.pop()
        todo += list(getattr(widget, "children", ()))
        yield widget


def test_a_command_prints_no_hostile_character(service, open_studio, capsys, monkeypatch):
    """`recover` prints the service's sentence, and an error the name of a folder."""
    studio = open_studio()
    service.faults.append(fault.lost())
    service.question_faults += [fault.refused("taskNotFound", ALL)] * 8
    studio.generate(PROMPT)
    studio.close()
    monkeypatch.setenv("RUNWARE_API_KEY", "k")
    service.question_faults += [fault.refused("inferenceError", ALL)] * 8
    main(["recover", "--log", str(studio.log.folder), "--engine", service.url])
    main(["export", "out", "--log", "no\u202efolder\x1b[31m"])
    printed = capsys.readouterr()
    assert left_in(printed.out + printed.err) == []
    assert "no\\u202efolder\\x1b[31m" in printed.err


def test_all_formats_and_controls_of_unicode_are_considered():
    """Each character of these categories is escaped, or is one that people need: joiners and a few marks of scripts."""
    kept = {
        c
        for c in map(chr, range(0x110000))
        if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") and printable(c) == c
    }
    assert {"\t", "\n", "\u200c", "\u200d", "\u00ad"} <= kept
    assert not {
        c
        for c in kept
        if unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "B")
    } - {"\n"}
