"""Mistakes in code, and what the error says to type instead: names of other APIs, lists, empty keys, wrong numbers."""

import contextlib

import numpy as np
import pytest

import nbkit
from nbkit.errors import NbkitError, NoSuchKey, NoSuchNumber, RequestError, UnknownParameter
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.other_names import _ANSWERS, other_name

SAID = {
    "n": "number_results=4",
    "num_images": "number_results=4",
    "numImages": "number_results=4",
    "batch_size": "number_results=4",
    "size": 'width=1264, height=848, or aspect_ratio="3:2" with resolution="1K"',
    "steps": "no steps",
    "num_inference_steps": "no steps",
    "guidance": "no such number",
    "cfg_scale": "no such number",
    "guidanceScale": "no such number",
    "negative_prompt": "the prompt itself says what to leave out",
    "quality": 'resolution="2K"',
    "style": "A style goes into the prompt",
    "image": "reference_images=[run.image]",
    "mask": "takes no mask",
    "top_k": "Did you mean top_p?",
    "reasoning_effort": 'thinking="HIGH"',
    "budget": "nbkit.Studio(budget=5.00)",
    "api_key": "nbkit.Studio(api_key=…)",
}


@pytest.mark.parametrize("name", SAID)
def test_a_name_of_another_api_is_answered_with_what_to_type(name):
    """In a request as in a sweep; the list of all parameters is no answer, and no wrong guess is one."""
    with pytest.raises(UnknownParameter, match=f'^"{name}" is not a parameter\\.') as caught:
        ImageRequest("A teapot", **{name: 4})
    assert SAID[name] in str(caught.value)
    assert "prompt, width, height" not in str(caught.value)
    assert len(str(caught.value)) < 220
    known = other_name(name).parameter
    assert caught.value.suggestion == (known or None)


@pytest.mark.parametrize("name", ["n", "size", "steps", "quality"])
def test_such_a_name_in_a_sweep_may_also_be_a_variable(studio, name):
    """The error has both answers."""
    with pytest.raises(UnknownParameter) as caught:
        studio.sweep("A teapot", **{name: [1, 2]})
    assert SAID[name] in str(caught.value)
    assert f'put {{{name}}} into the prompt where its values are to appear, as in "A teapot {{{name}}}"' in str(
        caught.value
    )


def test_the_names_of_other_apis_are_none_of_this_model():
    """Each stands for a parameter that exists, or for none."""
    spellings = {spelling.lower() for parameter in PARAMETERS.values() for spelling in parameter.spellings}
    names = [name for names in _ANSWERS for name in names.split()]
    assert not spellings & set(names)
    assert len(names) == len(set(names))
    assert {answer for answer, _ in _ANSWERS.values()} - {""} <= set(PARAMETERS)


def test_a_name_that_is_like_no_other_is_no_guess():
    """Neither is ``colour`` webhook_url, nor ``user`` seed."""
    for name in ("colour", "user", "xyzzy"):
        with pytest.raises(UnknownParameter) as caught:
            ImageRequest("A teapot", **{name: "red"})
        assert caught.value.suggestion is None
        assert "Did you mean" not in str(caught.value)


def test_a_variable_outside_a_sweep_is_told_where_it_is_filled():
    """``generate("A {colour} pot", colour=…)``: a sweep fills braces."""
    with pytest.raises(UnknownParameter, match=r"studio\.sweep\(…, colour=\[…\]\) fills \{colour\} in a prompt"):
        ImageRequest("A {colour} pot", colour="red")


def test_a_variable_that_no_prompt_holds_is_told_to_be_put_there(studio):
    """``colour=[…]`` without ``{colour}``."""
    with pytest.raises(
        UnknownParameter, match=r"^no prompt holds \{colour\}: put \{colour\} into the prompt"
    ) as caught:
        studio.sweep("A pot", colour=["red", "jade"])
    assert str(caught.value).endswith('as in "A pot {colour}"')


@pytest.mark.parametrize("values", [[1, 2, 3], (1, 2), range(3), np.arange(3)], ids=["list", "tuple", "range", "array"])
def test_several_values_of_a_single_request_name_the_sweep(studio, values):
    """Also a list of prompts; in a sweep itself, a list within a list is only a wrong value."""
    with pytest.raises(RequestError, match=r"^seed=.*; studio\.sweep\(…, seed=\[…\]\) makes a picture for each"):
        studio.generate("A teapot", seed=values)
    with pytest.raises(RequestError, match=r"studio\.sweep\(…, prompt=\[…\]\)"):
        studio.generate(["A teapot", "A lantern"])
    with pytest.raises(RequestError) as caught:
        studio.sweep("A teapot", seed=[[1, 2], [3]])
    assert "studio.sweep" not in str(caught.value)


def test_a_run_is_a_reference_image_and_so_is_its_picture(studio):
    """In a list or alone."""
    run = studio.generate("A teapot", seed=7, resolution="0.5K")
    for given in ([run], run, [run.image], run.image):
        assert len(ImageRequest("A lantern", reference_images=given).reference_images) == 1
    with pytest.raises(RequestError, match=r"a run or its picture \(run\.image\)"):
        ImageRequest("A lantern", reference_images=[studio])


def test_a_picture_that_a_run_does_not_have_is_said_with_how_many_there_are(studio):
    """It is an ``IndexError`` too; a name is no number, and a slice takes what there is."""
    run = studio.generate("A teapot", seed=7, number_results=2, resolution="0.5K")
    with pytest.raises(NoSuchNumber, match=r"^run\[3\]: this run has 2 pictures, run\[0\] to run\[1\]$") as caught:
        run[3]
    assert isinstance(caught.value, IndexError)
    with pytest.raises(RequestError, match=r"^run\['seed'\]: a run's pictures have numbers"):
        run["seed"]
    assert run[1:5] == run.images[1:]
    assert run[-1] == run.images[1]
    with pytest.raises(NoSuchNumber, match=r"run\[0\]: this run has 0 pictures: Not sent yet"):
        nbkit.Run(request=run.request, task_uuid="", status="planned")[0]


def test_what_a_log_does_not_have_is_an_error_of_nbkit_and_a_key_error(studio):
    """Its text has no quotation marks around it."""
    with pytest.raises(NoSuchKey, match=r"^the log has no run 'x'") as caught:
        studio.log["x"]
    assert isinstance(caught.value, KeyError)
    assert isinstance(caught.value, NbkitError)


def test_axes_of_a_grid_are_single_names(studio):
    """A list of two names the axes that there are."""
    result = studio.sweep("A teapot", seed=[1, 2], resolution="0.5K").start().wait()
    with pytest.raises(
        RequestError, match=r"^\['a', 'b'\]: rows, columns and pages are each the name of one axis.*seed"
    ):
        result.grid(columns=["a", "b"])


@pytest.mark.parametrize("key", ["", "  ", "\n"])
def test_an_empty_key_is_an_error_and_not_the_offline_engine(key):
    """A key whose variable is empty must not end in drawn pictures. ``None`` is no key, and no error."""
    with pytest.raises(nbkit.errors.ConfigurationError, match="is an empty text"):
        nbkit.Studio(api_key=key)
    with contextlib.closing(nbkit.Studio(engine="offline", api_key=None)) as studio:
        assert studio.engine == "offline"
