"""Which values a request accepts, and the errors for all other values: parameter, reason, rule and suggestion."""

import uuid
from pathlib import Path

import numpy as np
import pytest
from small_requests import URL

from nbkit.errors import RequestError, UnknownParameter
from nbkit.request.image_request import PARAMETERS, ImageRequest
from nbkit.request.parameter import MAX_INTEGER, short_repr
from nbkit.request.rules import check_value

ADDRESS = "https:// or http://"
IMAGE = "a pathlib.Path, an open file, bytes, a PIL image"

REFUSED = [
    # the parameter as the user spells it, the value, the reason, a part of the rule in the message, the suggestion
    ("prompt", "", "length", "3 to 45,000 characters", None),
    ("prompt", "ab", "length", "3 to 45,000 characters, and this has 2", None),
    ("prompt", " \n\t ", "length", "blank", None),
    ("prompt", "x" * 45_001, "length", "and this has 45,001", None),
    ("prompt", "half \ud800", "format", "UTF-8", None),
    ("prompt", "A lan\0tern", "format", "the character NUL", "A lantern"),
    ("prompt", "a\0b", "format", "the character NUL", None),
    ("system_prompt", "\0", "format", "the character NUL", None),
    ("prompt", 7, "type", "got a number", None),
    ("prompt", b"A lantern", "type", "got bytes", None),
    ("prompt", ["A lantern"], "type", "got a list", None),
    ("positivePrompt", "ab", "length", "3 to 45,000 characters", None),
    ("system_prompt", "", "length", "1 to 50,000 characters", None),
    ("system_prompt", "x" * 50_001, "length", "1 to 50,000 characters", None),
    ("systemPrompt", 3.5, "type", "got a decimal number", None),
    ("seed", -1, "range", "a whole number from 0 to", 0),
    ("seed", 2**63, "range", "from 0 to 9223372036854775807", MAX_INTEGER),
    ("seed", 10**5000, "range", "a whole number from 0 to", MAX_INTEGER),
    ("seed", 7.0, "type", "got a decimal number", 7),
    ("seed", 1.5, "type", "a whole number", 1),
    ("seed", "7", "type", "got text", 7),
    ("seed", True, "type", "got True", None),
    ("seed", np.True_, "type", "a whole number", None),
    ("seed", float("nan"), "type", "a whole number", None),
    ("seed", np.array([7]), "type", "got an array", None),
    ("number_results", 0, "range", "from 1 to 20", 1),
    ("number_results", 21, "range", "a whole number from 1 to 20", 20),
    ("numberResults", 50, "range", "a whole number from 1 to 20", 20),
    ("number_results", 2.0, "type", "a whole number from 1 to 20", 2),
    ("number_results", True, "type", "got True", None),
    ("temperature", -0.01, "range", "from 0 to 1 in steps of 0.01", 0.0),
    ("temperature", 1.01, "range", "a number from 0 to 1 in steps of 0.01", 1.0),
    ("temperature", 2, "range", "a number from 0 to 1 in steps of 0.01", 1.0),
    ("temperature", 10**400, "range", "a number from 0 to 1 in steps of 0.01", 1),
    ("temperature", -(10**400), "range", "a number from 0 to 1 in steps of 0.01", 0),
    ("temperature", 0.725, "step", "a number from 0 to 1 in steps of 0.01", 0.72),
    ("temperature", 0.001, "step", "a number from 0 to 1 in steps of 0.01", 0.0),
    ("temperature", 0.7200001, "step", "a number from 0 to 1 in steps of 0.01", 0.72),
    ("temperature", float("nan"), "range", "from 0 to 1", None),
    ("temperature", float("inf"), "range", "from 0 to 1", None),
    ("temperature", "0.7", "type", "got text", 0.7),
    ("temperature", True, "type", "got True", None),
    ("temperature", np.bool_(True), "type", "a number from 0 to 1", None),
    ("temperature", 0.3 + 1j, "type", "got a complex", None),
    ("temperature", [0.3], "type", "got a list", None),
    ("temperature", np.float32(1.5), "range", "a number from 0 to 1 in steps of 0.01", 1.0),
    ("topP", 1.5, "range", "a number from 0 to 1 in steps of 0.01", 1.0),
    ("top_p", -1, "range", "a number from 0 to 1 in steps of 0.01", 0.0),
    ("top_p", np.float32(0.333), "step", "a number from 0 to 1 in steps of 0.01", 0.33),
    ("thinking", "high", "choice", "'MINIMAL', 'HIGH'", "HIGH"),
    ("thinking", "minimum", "choice", "'MINIMAL', 'HIGH'", "MINIMAL"),
    ("thinking", "", "choice", "'MINIMAL', 'HIGH'", None),
    ("thinking", True, "type", "got True", None),
    ("resolution", "2k", "choice", "'0.5K', '1K', '2K', '4K'", "2K"),
    ("resolution", "8K", "choice", "'0.5K', '1K', '2K', '4K'", "4K"),
    ("resolution", 2, "type", "got a number", "2K"),
    ("resolution", "512", "choice", "'0.5K', '1K', '2K', '4K'", "0.5K"),
    ("resolution", "1024", "choice", "'0.5K', '1K', '2K', '4K'", "1K"),
    ("resolution", "0", "choice", "'0.5K', '1K', '2K', '4K'", None),
    ("aspect_ratio", "16x9", "choice", "'1:1', '3:2'", "16:9"),
    ("aspect_ratio", "2:1", "choice", "'1:1', '3:2'", "16:9"),
    ("aspect_ratio", "16:10", "choice", "'1:1', '3:2'", "3:2"),
    ("aspect_ratio", "10:1", "choice", "'1:1', '3:2'", "8:1"),
    ("aspect_ratio", "1:2", "choice", "'1:1', '3:2'", "9:16"),
    ("aspect_ratio", "7:5", "choice", "'1:1', '3:2'", "4:3"),
    ("aspect_ratio", "0:1", "choice", "'1:1', '3:2'", None),
    ("aspectRatio", 1.5, "type", "'1:1', '3:2'", None),
    ("output_format", "jpg", "choice", "'JPG', 'PNG', 'WEBP'", "JPG"),
    ("output_format", "JPEG", "choice", "'JPG', 'PNG', 'WEBP'", "JPG"),
    ("outputFormat", "GIF", "choice", "'JPG', 'PNG', 'WEBP'", None),
    ("output_quality", 19, "range", "from 20 to 99", 20),
    ("outputQuality", 100, "range", "a whole number from 20 to 99", 99),
    ("output_quality", 95.5, "type", "a whole number from 20 to 99", 95),
    ("output_type", "url", "choice", "'URL', 'base64Data', 'dataURI'", "URL"),
    ("outputType", "base64", "choice", "'URL', 'base64Data', 'dataURI'", "base64Data"),
    ("delivery_method", "Sync", "choice", "'sync', 'async'", "sync"),
    ("deliveryMethod", "stream", "choice", "'sync', 'async'", None),
    ("webhook_url", "", "format", ADDRESS, None),
    ("webhook_url", "example.com/hook", "format", ADDRESS, None),
    ("webhookURL", "ftp://example.com/", "format", ADDRESS, None),
    ("webhook_url", "https://", "format", ADDRESS, None),
    ("webhook_url", "https://exa mple.com/", "format", ADDRESS, None),
    ("webhook_url", "https://example.com/\ud800", "format", ADDRESS, None),
    ("upload_endpoint", "s3://bucket/key", "format", ADDRESS, None),
    ("uploadEndpoint", "https://example.com:99999/", "format", ADDRESS, None),
    ("ttl", 59, "range", "at least 60", 60),
    ("ttl", "60", "type", "a whole number of at least 60", 60),
    ("ttl", 2**63, "range", "64 bits", None),
    ("ttl", 10**5000, "range", "64 bits", None),
    ("include_cost", 1, "type", "True or False, got a number", True),
    ("includeCost", "no", "type", "True or False", False),
    ("web_search", "true", "type", "True or False", True),
    ("webSearch", np.int64(0), "type", "True or False", False),
    ("image_search", 0.5, "type", "True or False", None),
    ("imageSearch", [], "type", "got a list", None),
    ("safety_tolerance", "OFF", "choice", "'high', 'medium', 'low', 'none', 'off'", "off"),
    ("safetyTolerance", "maximum", "choice", "'high', 'medium', 'low', 'none', 'off'", "medium"),
    ("check_content", "yes", "type", "True or False", True),
    ("checkContent", None.__class__, "type", "True or False", None),
    ("safety_mode", "full", "choice", "'none', 'fast'", None),
    ("mode", "Fast", "choice", "'none', 'fast'", "fast"),
    ("reference_images", [], "count", "1 to 14 images, and this has 0", None),
    ("reference_images", [URL] * 15, "count", "1 to 14 images, and this has 15", None),
    ("referenceImages", "cat.png", "format", "never opened as a file", None),
    ("referenceImages", 5, "type", IMAGE, None),
    ("reference_images", [URL, None], "type", "got None", None),
    ("reference_images", b"junk", "format", "a picture that can be opened", None),
    ("reference_images", Path("no-such-file.png"), "format", "a file that can be read", None),
    ("taskType", "textInference", "choice", "'imageInference'", "imageInference"),
    ("task_type", 5, "choice", "'imageInference'", "imageInference"),
    ("model", "google:9@9", "choice", "'google:4@3'", "google:4@3"),
    ("model", np.array(["google:4@3"]), "type", "'google:4@3'", "google:4@3"),
    ("taskUUID", "not-a-uuid", "format", "a UUID of version 4", None),
    ("task_uuid", uuid.UUID("2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d"), "format", "a UUID of version 4", None),
    ("extra", 5, "type", "a dict, got a number", None),
    ("extra", 0, "type", "a dict, got a number", None),
    ("extra", [("a", 1)], "type", "a dict, got a list", None),
]


@pytest.mark.parametrize(
    ("name", "value", "reason", "rule", "suggestion"),
    REFUSED,
    ids=[f"{name}={short_repr(value)[:24]!a}" for name, value, *_ in REFUSED],
)
def test_an_invalid_value_raises_a_request_error_with_the_rule_and_the_nearest_valid_value(
    name, value, reason, rule, suggestion
):
    """Its message begins with the parameter as the user spelled it and the value that was given."""
    with pytest.raises(RequestError) as caught:
        ImageRequest(**{"positivePrompt" if name == "positivePrompt" else "prompt": "A lantern", name: value})
    error, message = caught.value, str(caught.value)
    spelling = {"task_uuid": "taskUUID", "task_type": "taskType"}.get(name, name)
    assert message.startswith(f"{spelling}={short_repr(value)}: must be ")
    assert rule in message
    assert (error.parameter, error.reason, error.suggestion) == (spelling, reason, suggestion)
    assert error.value is value
    assert len(message) < 500
    if suggestion is None:
        assert "Nearest" not in message
    elif name not in ("taskType", "task_type", "model"):  # whose rule already names the only valid value
        assert message.endswith(f". Nearest: {spelling}={suggestion!r}")


REFUSED_TOGETHER = [
    # what is given, the parameter that the error names, the reason, the suggestion, words of the message
    ({"prompt": None}, "prompt", "missing", None, ["prompt is missing"]),
    ({"positivePrompt": None}, "positivePrompt", "missing", None, ["positivePrompt is missing"]),
    ({"width": 1264}, "height", "dimensions", (1264, 848), ["width=1264", "height", "width=1264, height=848"]),
    ({"height": 3392}, "width", "dimensions", (5056, 3392), ["height=3392", "width=5056, height=3392"]),
    (
        {"width": 1000, "height": 1000},
        "width",
        "dimensions",
        (1024, 1024),
        ["width=1000, height=1000", "1024", "1:1 at 1K"],
    ),
    (
        {"width": 1920, "height": 1080},
        "width",
        "dimensions",
        (1376, 768),
        ["1920", "width=1376, height=768", "16:9 at 1K"],
    ),
    ({"width": 848, "height": 1265}, "width", "dimensions", (848, 1264), ["width=848, height=1264", "2:3 at 1K"]),
    (
        {"width": 1264, "height": 848, "resolution": "1K"},
        "resolution",
        "conflict",
        None,
        ["resolution='1K'", "width and height"],
    ),
    ({"width": 1264, "height": 848, "aspectRatio": "3:2"}, "aspectRatio", "conflict", None, ["aspectRatio='3:2'"]),
    ({"height": 848, "resolution": "1K"}, "resolution", "conflict", None, ["one or the other"]),
    (
        {"ttl": 60, "output_type": "base64Data"},
        "ttl",
        "conflict",
        None,
        ["ttl=60", "'base64Data'", "output_type='URL'"],
    ),
    ({"ttl": 60, "outputType": "dataURI"}, "ttl", "conflict", None, ["outputType='URL'"]),
    ({"top_p": 0.9, "topP": 0.9}, "topP", "conflict", None, ["top_p", "topP", "two spellings"]),
    ({"topP": 0.9, "settings": {"topP": 0.9}}, "topP", "conflict", None, ["topP is given twice"]),
    ({"settings": {"topP": 2}}, "topP", "range", 1.0, ["topP=2", "Nearest: topP=1"]),
    ({"settings": 5}, "settings", "type", None, ["settings is a group", "got a number"]),
    ({"providerSettings": {"google": []}}, "providerSettings.google", "type", None, ["is a group", "got a list"]),
    ({"safety": {"mode": "slow"}}, "mode", "choice", None, ["mode='slow'", "'none', 'fast'"]),
    ({"extra": {"taskUUID": "x"}}, "extra", "type", None, ["taskUUID"]),
    ({"extra": {"taskType": "x"}}, "extra", "type", None, ["taskType"]),
    ({"extra": {"a": float("nan")}}, "extra", "type", None, ["JSON"]),
    ({"extra": {"a": Path}}, "extra", "type", None, ["JSON"]),
    ({"extra": {"a": {1, 2}}}, "extra", "type", None, ["JSON"]),
]


@pytest.mark.parametrize(
    ("given", "parameter", "reason", "suggestion", "words"),
    REFUSED_TOGETHER,
    ids=[str(given)[:50] for given, *_ in REFUSED_TOGETHER],
)
def test_parameters_that_do_not_go_together_raise_a_request_error(given, parameter, reason, suggestion, words):
    """Its message contains what to write instead, and a nearest pair of width and height if there is one."""
    prompt = {} if "prompt" in given or "positivePrompt" in given else {"prompt": "A lantern"}
    with pytest.raises(RequestError) as caught:
        ImageRequest(**prompt, **given)
    error = caught.value
    assert (error.parameter, error.reason, error.suggestion) == (parameter, reason, suggestion)
    assert [word for word in words if word not in str(error)] == []


ACCEPTED = [
    # what is given, the path of a key in the task, its value there
    ({"prompt": "abc"}, "positivePrompt", "abc"),
    ({"prompt": "x" * 45_000}, "positivePrompt", "x" * 45_000),
    ({"prompt": "蜡烛店"}, "positivePrompt", "蜡烛店"),
    ({"prompt": "🏮" * 3}, "positivePrompt", "🏮" * 3),
    ({"prompt": "a\nb"}, "positivePrompt", "a\nb"),
    ({"prompt": np.str_("A lantern")}, "positivePrompt", "A lantern"),
    ({"system_prompt": "x"}, "settings.systemPrompt", "x"),
    ({"system_prompt": "x" * 50_000}, "settings.systemPrompt", "x" * 50_000),
    ({"seed": 0}, "seed", 0),
    ({"seed": 2**63 - 1}, "seed", 2**63 - 1),
    ({"seed": np.int64(2**63 - 1)}, "seed", 2**63 - 1),
    ({"seed": np.uint8(7)}, "seed", 7),
    ({"number_results": 1}, "numberResults", 1),
    ({"number_results": 20}, "numberResults", 20),
    ({"temperature": 0}, "settings.temperature", 0.0),
    ({"temperature": 1}, "settings.temperature", 1.0),
    ({"temperature": -0.0}, "settings.temperature", 0.0),
    ({"temperature": 0.01}, "settings.temperature", 0.01),
    ({"temperature": 0.29}, "settings.temperature", 0.29),
    ({"temperature": 0.30000000000000004}, "settings.temperature", 0.3),
    ({"temperature": 1.0000000005}, "settings.temperature", 1.0),
    ({"temperature": np.float32(0.72)}, "settings.temperature", 0.72),
    ({"temperature": np.float16(0.72)}, "settings.temperature", 0.72),
    ({"temperature": np.float64(0.07)}, "settings.temperature", 0.07),
    ({"temperature": np.int32(1)}, "settings.temperature", 1.0),
    ({"top_p": 0.0}, "settings.topP", 0.0),
    ({"top_p": 1.0}, "settings.topP", 1.0),
    ({"thinking": "MINIMAL"}, "settings.thinking", "MINIMAL"),
    ({"output_quality": 20}, "outputQuality", 20),
    ({"output_quality": 99}, "outputQuality", 99),
    ({"output_format": "WEBP"}, "outputFormat", "WEBP"),
    ({"output_type": "dataURI"}, "outputType", "dataURI"),
    ({"ttl": 60}, "ttl", 60),
    ({"ttl": 2**63 - 1, "output_type": "URL"}, "ttl", 2**63 - 1),
    ({"webhook_url": "http://localhost:8000"}, "webhookURL", "http://localhost:8000"),
    ({"webhook_url": "https://[::1]/?a=b"}, "webhookURL", "https://[::1]/?a=b"),
    ({"upload_endpoint": "https://u:p@a.example/k?X-Sig=1#f"}, "uploadEndpoint", "https://u:p@a.example/k?X-Sig=1#f"),
    ({"web_search": np.bool_(True)}, "providerSettings.google.webSearch", True),
    ({"image_search": False}, "providerSettings.google.imageSearch", False),
    ({"safety_tolerance": "off"}, "providerSettings.google.safetyTolerance", "off"),
    ({"check_content": True}, "safety.checkContent", True),
    ({"safety_mode": "none"}, "safety.mode", "none"),
    ({"mode": "fast"}, "safety.mode", "fast"),
    ({"reference_images": URL}, "inputs.referenceImages", [URL]),
    ({"reference_images": (URL,) * 14}, "inputs.referenceImages", [URL] * 14),
    ({"resolution": "0.5K"}, "resolution", "0.5K"),
    ({"width": np.int64(12288), "height": np.int64(1536)}, "width", 12288),
    (
        {"task_uuid": uuid.UUID("16830039-18a1-48fc-b10a-3f40efdf519a")},
        "taskUUID",
        "16830039-18a1-48fc-b10a-3f40efdf519a",
    ),
    ({"model": "google:4@3"}, "model", "google:4@3"),
    ({"extra": {"new": [1, None]}}, "new", [1, None]),
]


@pytest.mark.parametrize(("given", "path", "expected"), ACCEPTED, ids=[f"{str(a[0])[:40]!a}" for a in ACCEPTED])
def test_a_valid_value_is_in_the_task_as_a_plain_python_value(given, path, expected):
    """Values at the bounds, numpy's scalars, and a hundredth with a rounding error are accepted."""
    found = ImageRequest(**{"prompt": "A lantern", **given}).to_task()
    for key in path.split("."):
        found = found[key]
    assert found == expected
    assert type(found) is type(expected)
    assert str(found) == str(expected)  # 0.0 and -0.0 are equal, and their texts are not


@pytest.mark.parametrize("hundredths", range(101))
def test_a_hundredth_is_accepted_however_it_was_computed(hundredths):
    """Divided, multiplied, or as a float of 32 bits, it is stored as the same temperature."""
    for value in (hundredths / 100, hundredths * 0.01, np.arange(101)[hundredths] * 0.01, np.float32(hundredths / 100)):
        assert ImageRequest("A lantern", temperature=value).temperature == hundredths / 100


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("temprature", "temperature"), ("Temperature", "temperature"), ("TOPP", "topP"), ("topp", "top_p"),
        ("promt", "prompt"), ("numberResult", "numberResults"), ("num_results", "number_results"),
        ("safetyTolerence", "safetyTolerance"), ("refrence_images", "reference_images"), ("webhook", "webhook_url"),
        ("aspect", "aspect_ratio"), ("widht", "width"), ("sed", "seed"), ("extras", "extra"),
        ("setings", "settings"), ("provider_settings", "providerSettings"), ("taskUuid", "taskUUID"),
    ],
)  # fmt: skip
def test_a_misspelled_name_raises_with_the_nearest_name(name, suggestion):
    """In the user's style: snake_case or camelCase. The error is also a ``TypeError``, like Python's own."""
    with pytest.raises(
        UnknownParameter, match=f'^"{name}" is not a parameter\\. Did you mean {suggestion}\\?'
    ) as caught:
        ImageRequest("A lantern", **{name: 1})
    assert isinstance(caught.value, TypeError)
    assert (caught.value.parameter, caught.value.suggestion, caught.value.reason) == (name, suggestion, "unknown")


@pytest.mark.parametrize("given", [{"width": 0}, {"width": 1000.5}, {"height": "512"}, {"width": -5, "height": 512}])
def test_an_invalid_width_without_a_usable_height_has_no_suggestion(given):
    """And the other way round: a corrected value for one side alone would be refused too."""
    with pytest.raises(RequestError, match="a whole number of at least 1") as caught:
        ImageRequest("A lantern", **given)
    assert caught.value.parameter == next(iter(given))
    assert caught.value.suggestion is None


def test_an_invalid_width_beside_a_height_suggests_the_nearest_pair():
    """If both can be read as numbers of pixels."""
    given = {"width": ("width", "1000"), "height": ("height", 1000.5)}
    with pytest.raises(RequestError, match="Nearest pair: width=1024, height=1024") as caught:
        check_value(PARAMETERS["width"], "width", "1000", given)
    assert (caught.value.parameter, caught.value.suggestion) == ("width", (1024, 1024))


@pytest.mark.parametrize("name", ["negative_prompt", "negativePrompt"])
def test_a_negative_prompt_raises_without_a_suggestion(name):
    """The model has none; the nearest name is ``prompt``, which would ask for what the user wants to avoid."""
    with pytest.raises(UnknownParameter, match="The model has none") as caught:
        ImageRequest("A lantern", **{name: "hands"})
    assert caught.value.suggestion is None
    with pytest.raises(UnknownParameter, match="The model has none"):
        ImageRequest.from_task({"positivePrompt": "A lantern", name: "hands"})


def test_an_unknown_name_that_is_near_to_no_other_raises_with_the_list_of_parameters():
    """There is no suggestion."""
    with pytest.raises(UnknownParameter, match=r'"zzz" is not a parameter\. .*prompt, width, .*include_cost') as caught:
        ImageRequest("A lantern", zzz=1)
    assert caught.value.suggestion is None
