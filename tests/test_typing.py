"""Types that help: what an editor offers and a type checker finds, held against the one declaration of each parameter."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import textwrap
import typing
from types import UnionType

import numpy as np
import pytest
from once import made_once
from PIL import Image

import nbkit
from nbkit.request import keywords
from nbkit.request.image_request import NAMES, PARAMETERS
from nbkit.request.naming import TASK_KEYS
from nbkit.request.parameter import Address, Boolean, Choice, Decimal2, Integer, ListOf, Text
from nbkit.request.reference import Reference
from nbkit.studio import Studio

HEADER = """
import io, uuid
from pathlib import Path
from typing import Any
import numpy as np
import pandas as pd
from PIL import Image
import nbkit

studio = nbkit.Studio(engine="offline")
request = nbkit.ImageRequest("A lantern")
run = studio.generate("A lantern")
sweep = studio.sweep("A lantern", seed=[1, 2])
frame: pd.DataFrame = studio.df
options: dict[str, Any] = {}
word: str = "HIGH"
"""

GOOD = (
    'studio.generate("A lantern", temperature=0.5, top_p=0.9, thinking="HIGH", seed=7, number_results=2)',
    'studio.generate("A lantern", topP=0.9, numberResults=2, systemPrompt="Calm.", safetyTolerance="off", webSearch=True)',
    'studio.generate("A lantern", settings={"topP": 0.9}, providerSettings={"google": {"webSearch": True}})',
    'studio.generate("A lantern", safety={"checkContent": True}, inputs={"referenceImages": ["https://a.example/b.png"]})',
    "studio.generate(request, temperature=0.3, reuse=True)",
    'studio.generate(positivePrompt="A lantern", taskUUID=uuid.uuid4())',
    'studio.generate("A lantern", width=np.int64(512), height=np.int32(512), temperature=np.float32(0.5), seed=np.uint8(7))',
    'studio.generate("A lantern", temperature=1, top_p=np.int64(1), web_search=np.bool_(True), check_content=None)',
    'studio.generate("A lantern", seed=None, resolution=None, reference_images=None, extra=None)',
    'studio.generate("A lantern", thinking=word, resolution=word, extra={"routing": {}})',
    'studio.generate("A lantern", **options)',
    'studio.generate("A lantern", reference_images=[Path("a.png"), b"...", run.image, run[0], Image.new("RGB", (8, 8))])',
    'studio.generate("A lantern", reference_images=run.image, referenceImages=None)',
    'studio.generate("A lantern", reference_images=["https://a.example/b.png", uuid.uuid4(), io.BytesIO().getvalue()])',
    'studio.generate("A lantern", reference_images=[studio.log.reference("3f" * 32)])',
    'studio.generate("A lantern", reference_images=Path("photos").glob("*.png"))',
    'studio.generate("A lantern", reference_images=io.BytesIO())',
    'studio.generate("A lantern", reference_images=np.zeros((4, 4, 3), np.uint8), referenceImages=None)',
    'studio.generate("A lantern", reference_images=run)',
    'studio.sweep("A lantern", reference_images=[[run], [run, Path("a.png")]])',
    'studio.estimate("A lantern", resolution="4K", aspect_ratio="16:9", number_results=4).high + 1.0',
    'run.rerun(temperature=0.3, prompt="A teapot").image.save("a.png").name',
    'run.image.edit("In the snow", temperature=0.3, numberResults=2).image.edit("At dawn").status.upper()',
    "studio.log.thread(run.image).path(run)[0].rerun(seed=7).cost",
    'request.replace(prompt="A teapot", seed=None, topP=0.3).identity.upper()',
    'nbkit.ImageRequest("A lantern", outputFormat="WEBP", output_quality=20, ttl=60).to_task()["seed"]',
    'studio.panel("A lantern", draft=True, at_once=2, top_p=0.4).request.replace(seed=1)',
    'studio.sweep("A {colour} lantern", colour=["red", "jade"], temperature=[0.2, 0.8], seed=range(3), name="x")',
    'studio.sweep(["A", "B"], temperature=np.arange(0, 1, 0.1), top_p=np.linspace(0, 1, 3), seed=np.arange(3))',
    'studio.sweep(request, thinking=[None, "MINIMAL", "HIGH"], web_search=[True, False], seed=7, topP=[0.1])',
    'studio.sweep("A lantern", reference_images=[[Path("a.png")], [b"..."]], where=lambda cell: cell.seed < 3)',
    'studio.sweep("A lantern", width=[512, 1024], height=[512, 1024], combine="zip", repeats=2, sample=3, extra={})',
    "result: nbkit.SweepResult = sweep.run(max_workers=2, budget=1.0, confirm=True)",
    "again: nbkit.SweepResult = sweep.result.promote([0], resolution='4K', budget=2.0)",
    "running: nbkit.SweepRun = sweep.start()",
    "waited: nbkit.SweepResult = sweep.start().wait(timeout=60)",
    "stopped: nbkit.SweepResult = sweep.start().stop()",
    "cells: nbkit.Sweep = studio.sweep('A lantern')",
    "log: nbkit.RunLog = studio.log",
    "panel: nbkit.Panel = studio.panel()",
    "sweep_panel: nbkit.SweepPanel = studio.sweep_panel()",
    "gallery: nbkit.Gallery = studio.gallery(frame)",
    "estimate: nbkit.Estimate = studio.estimate(request)",
    "budget: nbkit.Budget = studio.budget",
    "pace: nbkit.Pace = nbkit.Pace(patience=60)",
    "picture: nbkit.GeneratedImage = studio.log[run.task_uuid].image",
    "comparison: nbkit.Comparison = nbkit.compare(run, picture, frame.iloc[0])",
    "frame = studio.recover()",
)

BAD = (
    'studio.generate("A lantern", temprature=0.5)',
    'studio.generate("A lantern", seed="seven")',
    'studio.generate("A lantern", seed=7.5)',
    'studio.generate("A lantern", temperature="hot")',
    'studio.generate("A lantern", temperature=[0.2, 0.8])',
    'studio.generate("A lantern", width="1024", height=1024)',
    'studio.generate("A lantern", web_search="yes")',
    'studio.generate("A lantern", resolution=4)',
    'studio.generate("A lantern", settings=0.9)',
    'studio.generate("A lantern", reference_images=7)',
    'studio.generate("A lantern", colour="red")',
    "studio.generate(7)",
    'studio.estimate("A lantern", widht=1024)',
    'studio.panel("A lantern", topp=0.4)',
    "run.rerun(temprature=0.3)",
    'run.rerun(seed="seven")',
    'run.image.edit("In the snow", temprature=0.3)',
    "run.image.edit(seed=7)",
    "request.replace(sede=7)",
    'nbkit.ImageRequest("A lantern", number_result=2)',
    'nbkit.ImageRequest("A lantern", top_p="high")',
    'studio.sweep("A lantern", seed="seven")',
    'studio.sweep("A lantern", temperature=["hot", "cold"])',
    'studio.sweep("A lantern", repeats="twice")',
    "sweep.result.promote([0], resulution='4K')",
    "sweep.start().wait().promote([0], budget='1')",
    "nbkit.Pace(patince=60)",
    "nbkit.Studio(engin='offline')",
    "nbkit.Runn",
    "nbkit.imagerequest('A lantern')",
)


@pytest.fixture(scope="module")
def complaints(tmp_path_factory):
    """By line of code, what mypy says of a user's file that contains all of them."""
    lines = [*HEADER.splitlines(), *GOOD, *BAD]

    def check(folder):
        (folder / "cell.py").write_text("\n".join(lines) + "\n")
        command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", "cache", "cell.py"]
        checked = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert not checked.stderr, checked.stderr
        (folder / "complaints.txt").write_text(checked.stdout)

    said = (made_once(tmp_path_factory, "mypy", check) / "complaints.txt").read_text()
    found: dict[str, str] = {}
    for number, message in re.findall(r"^cell\.py:(\d+): error: (.*)$", said, re.MULTILINE):
        found.setdefault(lines[int(number) - 1], message)
    assert found.keys() <= {*GOOD, *BAD}, said
    return found


@pytest.mark.parametrize("code", GOOD)
def test_a_good_call_passes_the_type_checker(complaints, code):
    """Both spellings, the API's groups, numpy's numbers, None, and a plain str where a few words are allowed."""
    assert complaints.get(code) is None


@pytest.mark.parametrize("code", BAD)
def test_a_mistake_is_found_by_the_type_checker(complaints, code):
    """A misspelled keyword and a value of another type, before anything runs."""
    assert complaints.get(code)


TYPES = {Integer: keywords.Int, Decimal2: keywords.Float, Boolean: keywords.Bool, Text: str, Address: str}
"""The types of the keywords by kind of parameter; the other kinds have one for each parameter."""


@pytest.fixture(autouse=True)
def imports_for_type_checkers(monkeypatch):
    """The names that the module imports for type checkers only, so that its types can be resolved here."""
    for name, value in {"np": np, "Image": Image, "Reference": Reference}.items():
        monkeypatch.setattr(keywords, name, value, raising=False)


def annotated(owner):
    """The annotations of a class or function, with what only a type checker imports."""
    return typing.get_type_hints(owner, vars(keywords))


def type_of(parameter):
    """What a keyword of a parameter takes, beside None."""
    kind = parameter.kind
    if isinstance(kind, Choice):
        return typing.Literal[kind.choices] | str
    if isinstance(kind, ListOf):
        return keywords.ReferenceImage
    return TYPES[type(kind)]


def resolved(hint):
    """The members of a union, or the one type, with forward references replaced by what they refer to."""

    def types(value: typing.Any = None) -> None: ...

    types.__annotations__["value"] = hint
    hint = typing.get_type_hints(types, vars(keywords))["value"]
    return set(typing.get_args(hint)) if typing.get_origin(hint) in (typing.Union, UnionType) else {hint}


def test_the_keywords_are_those_of_the_declaration():
    """Each spelling that a request accepts is a typed keyword, and nothing else is; so are the API's groups."""
    spellings = {spelling for parameter in PARAMETERS.values() for spelling in parameter.spellings}
    spellings -= {"prompt", "requestedSeed"}  # the prompt is an argument of its own; the other is a column of the log
    groups = {name for name in ("inputs", "settings", "safety", "providerSettings") if NAMES.is_group(name)}
    assert len(groups) == 4
    assert annotated(keywords.RequestKeywords).keys() == spellings | groups | {*TASK_KEYS, "extra"}
    assert annotated(keywords.RequestChanges).keys() - annotated(keywords.RequestKeywords).keys() == {"prompt"}


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_keyword_has_the_type_of_its_parameter(name):
    """In every spelling; a word of a choice is offered by an editor, and another str is left to the check at run time."""
    hints = annotated(keywords.RequestChanges)
    for spelling in PARAMETERS[name].spellings:
        if spelling in hints:
            assert resolved(type_of(PARAMETERS[name])) <= resolved(hints[spelling])
            assert type(None) in resolved(hints[spelling])


def test_a_sweep_names_every_parameter():
    """Under its Python name, as a value or as the values of an axis; other keywords are variables of the template."""
    signature = inspect.signature(Studio.sweep)
    own = {"self", "prompt", "combine", "sample", "random_state", "where", "repeats", "name", "max_cost", "extra"}
    assert signature.parameters.keys() - own - {"template_variables"} == PARAMETERS.keys() - {"prompt"}
    assert signature.parameters["template_variables"].kind is inspect.Parameter.VAR_KEYWORD


METHODS = (
    Studio.generate,
    Studio.estimate,
    Studio.panel,
    nbkit.ImageRequest,
    nbkit.ImageRequest.replace,
    nbkit.Run.rerun,
    nbkit.GeneratedImage.edit,
    nbkit.Panel.set,
)


@pytest.mark.parametrize("function", METHODS, ids=lambda function: function.__qualname__)
def test_a_signature_names_every_parameter(function):
    """A notebook completes a call from the signature, so each parameter is in it under its Python name."""
    assert inspect.signature(function).parameters.keys() >= PARAMETERS.keys() | {"extra"}


@pytest.mark.parametrize("function", METHODS[:3], ids=lambda function: function.__qualname__)
def test_a_docstring_explains_every_parameter(function):
    """``studio.generate?`` shows the sentence of each parameter, which stands in its declaration."""
    assert all(f"{name}: {parameter.help}" in function.__doc__ for name, parameter in PARAMETERS.items())


@pytest.mark.parametrize("jedi", [True, False], ids=["jedi", "no jedi"])
def test_a_notebook_completes_a_parameter(tmp_path, jedi):
    """After ``run.rerun(tem`` and its like, IPython offers ``temperature=``, with either of its completers."""
    code = """
        import sys, nbkit
        from IPython.core.completer import provisionalcompleter
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        shell.Completer.use_jedi = sys.argv[1] == "True"
        studio = nbkit.Studio(engine="offline")
        run = studio.generate("A lantern")
        shell.push({"studio": studio, "run": run, "image": run.image, "request": run.request, "panel": studio.panel(), "nbkit": nbkit})
        for call in ("studio.generate", "studio.sweep", "run.rerun", "image.edit", "request.replace", "nbkit.ImageRequest", "panel.set"):
            with provisionalcompleter():
                found = [completion.text for completion in shell.Completer.completions(f"{call}(tem", len(call) + 4)]
            print(call, found)
    """
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path)}
    command = [sys.executable, "-c", textwrap.dedent(code), str(jedi)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert all("temperature=" in line for line in done.stdout.splitlines()), done.stdout
    assert len(done.stdout.splitlines()) == 7


def test_a_misspelled_keyword_of_a_sweep_is_found_when_it_runs():
    """It could be a variable of the template; if no template has it, it is an error with the nearest name."""
    with pytest.raises(nbkit.errors.UnknownParameter) as caught:
        nbkit.Studio(engine="offline").sweep("A {colour} lantern", colour=["red"], temprature=[0.5])
    assert (caught.value.parameter, caught.value.suggestion) == ("temprature", "temperature")
