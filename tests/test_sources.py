"""What nbkit says of the real model names where that is written; the rest says that it is about the offline engine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import nbkit
from nbkit.request.image_request import PARAMETERS
from nbkit.request.sources import NBKIT, SOURCES, cite, list_sources

ROOT = Path(__file__).parents[1]
CHECKED = json.loads((Path(__file__).parent / "data" / "help_sources.json").read_text())
"""For each parameter, its help as it was last compared with its sources, and when."""

TITLES = {source.title: source for source in SOURCES}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.title)
def test_a_source_has_an_address(source) -> None:
    """A page of its own at a public host, except nbkit itself; no two are the same, and some parameter has it."""
    address = urlsplit(source.url)
    assert source is NBKIT or (address.scheme == "https" and "." in address.netloc and len(address.path) > 5)
    assert [other.url for other in SOURCES].count(source.url) == 1
    assert any(source in parameter.sources for parameter in PARAMETERS.values())


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_help_of_a_parameter_was_compared_with_its_sources(name: str) -> None:
    """Whoever changes a sentence, or where it comes from, compares them and notes it in tests/data/help_sources.json."""
    parameter, checked = PARAMETERS[name], CHECKED[name]
    assert set(parameter.sources) <= set(SOURCES)
    assert len(parameter.sources) == len(set(parameter.sources)) > 0
    assert parameter.help == checked["help"]
    assert [source.title for source in parameter.sources] == checked["sources"]
    assert all(title in TITLES for title in checked["sources"])
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", checked["compared"])


def test_nothing_else_was_compared() -> None:
    """A parameter that is gone is gone there too."""
    assert CHECKED.keys() == PARAMETERS.keys()


def test_what_people_read_lists_the_sources() -> None:
    """The help of ``generate`` has their numbers and addresses, and the README the addresses."""
    text = nbkit.Studio.generate.__doc__ or ""
    for parameter in PARAMETERS.values():
        assert f"{parameter.name}: {parameter.help}{cite(parameter.sources)} Takes" in text
    assert list_sources() in text
    readme = (ROOT / "README.md").read_text()
    assert all(source.url in readme for source in SOURCES)


SAMPLING = re.compile(r"\b(temperature|topP|top_p|thinking|seeds?)\b", re.IGNORECASE)
REAL = re.compile(r"\b([Rr]eal (?:model|service)s?|Google)\b")
BASIS = re.compile(r"https://|\boffline\b|\bnot known\b", re.IGNORECASE)


def paragraphs() -> list[str]:
    """The paragraphs of the README and of the lessons, without code."""
    texts = [re.sub(r"(?s)```.*?```", "", (ROOT / "README.md").read_text())]
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text())["cells"]
        texts += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    return [part for text in texts for part in re.split(r"\n\s*\n", text) if part.strip()]


def test_what_a_text_says_of_the_real_model_has_a_basis() -> None:
    """Where README or lessons speak of it and of sampling, they link a source, say it is offline, or say it is not known."""
    about = [part for part in paragraphs() if SAMPLING.search(part) and REAL.search(part)]
    assert len(about) >= 5
    assert [part for part in about if not BASIS.search(part)] == []


def test_the_numbers_with_which_the_offline_engine_draws_are_in_the_help() -> None:
    """What was not sent is drawn as the model does by itself, which the help of the parameter says with its source."""
    from nbkit.offline.painting.scene import NATURAL_TEMPERATURE, NATURAL_TOP_P  # noqa: PLC0415

    for name, value in (("temperature", NATURAL_TEMPERATURE), ("top_p", NATURAL_TOP_P)):
        parameter = PARAMETERS[name]
        assert re.search(rf"default is {value:g}\b", parameter.help)
        assert TITLES["Google's model card of Gemini 3.1 Flash Image"] in parameter.sources
